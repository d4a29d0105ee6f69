"""The JSON-RPC front of the eth-tester chain, beside anvil where both must agree."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from web3 import Web3
from web3.exceptions import ContractLogicError
from web3.logs import DISCARD

from orderseal.sandbox.contracts import load
from orderseal.sandbox.evm import ChainError, LocalChain
from orderseal.sandbox.evm.local import calldata

TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
LOOP = "0x5b600056"
METHODS = (
    "eth_getBlockByNumber",
    "eth_getBlockByHash",
    "eth_getBalance",
    "eth_getCode",
    "eth_getStorageAt",
    "eth_getTransactionCount",
    "eth_call",
    "eth_estimateGas",
    "eth_simulateV1",
    "eth_feeHistory",
    "eth_sendRawTransaction",
    "eth_getTransactionByHash",
    "eth_getTransactionReceipt",
    "eth_getLogs",
    "evm_revert",
    "evm_increaseTime",
    "evm_setNextBlockTimestamp",
    "anvil_setBalance",
    "web3_sha3",
)


def post(chain: LocalChain, content: bytes | str, kind: str = "application/json") -> httpx.Response:
    return httpx.post(chain.rpc_url, content=content, headers={"Content-Type": kind}, trust_env=False, timeout=30)


def code_of(run: Callable[..., Any], *arguments: Any) -> int | None:
    with pytest.raises(ChainError) as caught:
        run(*arguments)
    return caught.value.code


def approve_and_buy(chain: LocalChain, amount: int = 5) -> list[dict[str, str]]:
    buyer = chain.accounts["buyer"].address
    house, payment, market = (chain.contracts[name].address for name in ("house", "payment", "market"))
    return [
        {"from": buyer, "to": payment, "data": calldata("PaymentToken", "approve", market, amount * 440)},
        {"from": buyer, "to": market, "data": calldata("Marketplace", "buy", amount, house, payment)},
    ]


def simulate(chain: LocalChain, calls: list[dict[str, Any]], **more: Any) -> list[dict[str, Any]]:
    (block,) = chain.request("eth_simulateV1", {"blockStateCalls": [{"calls": calls, **more}]}, "latest")
    return list(block["calls"])


def without_accounts(chain: LocalChain, logs: list[dict[str, Any]]) -> str:
    """The logs' addresses, topics and data, with the accounts' random addresses replaced by their roles."""
    text = json.dumps([[log["address"], log["topics"], log["data"]] for log in logs])
    for role, account in chain.accounts.items():
        text = text.replace(account.address[2:].lower(), role)
    return text


def test_a_simulation_carries_state_on_and_agrees_with_anvil(both: tuple[LocalChain, LocalChain]) -> None:
    seen: list[Any] = []
    for chain in both:
        height = chain.request("eth_blockNumber")
        calls = approve_and_buy(chain)
        results = simulate(chain, [*calls, calls[1], {**calls[1], "gas": "0xc350"}])
        assert chain.request("eth_blockNumber") == height
        assert chain.call("payment", "allowance", chain.accounts["buyer"].address, chain.contracts["market"].address) == 0
        buy_logs = results[1]["logs"]
        assert [log["topics"][0] for log in buy_logs[:2]] == [TRANSFER, TRANSFER]
        assert [int(log["data"], 16) for log in buy_logs[:2]] == [2200, 5 * 10**18]
        sent = [chain.send("buyer", to=call["to"], data=call["data"]) for call in calls]
        assert [result["gasUsed"] for result in results[:2]] == [receipt["gasUsed"] for receipt in sent]
        # The time of the block is in the marketplace's event.
        assert without_accounts(chain, results[1]["logs"][:2]) == without_accounts(chain, sent[1]["logs"][:2])
        seen.append([(result["status"], result["gasUsed"]) for result in results])
        seen.append([without_accounts(chain, result["logs"][:2]) for result in results])
    assert seen[0] == seen[2]
    assert [status for status, _ in seen[0]] == ["0x1", "0x1", "0x0", "0x0"]
    assert seen[1] == seen[3]


def test_a_failed_call_of_a_simulation_has_its_revert_data(front: LocalChain) -> None:
    (refused, starved) = simulate(front, [approve_and_buy(front)[1], {**approve_and_buy(front)[1], "gas": "0xc350"}])
    assert refused["returnData"] == "0x"
    assert refused["error"]["code"] == 3
    assert refused["error"]["message"] == "execution reverted: ERC20: insufficient allowance"
    assert refused["error"]["data"].startswith("0x08c379a0")
    assert (starved["error"], starved["gasUsed"], starved["logs"]) == ({"code": -32015, "message": "out of gas"}, "0xc350", [])


def test_a_simulation_spans_blocks_and_takes_overrides(front: LocalChain) -> None:
    reader = "0x" + 40 * "5"
    number_and_time = "0x43600052426020524660405260606000f3"
    first = {"stateOverrides": {reader: {"code": number_and_time}}, "calls": [{"to": reader}], "blockOverrides": {"time": hex(2**33)}}
    blocks = front.request("eth_simulateV1", {"blockStateCalls": [first, {"calls": [{"to": reader}]}]}, "latest")
    height = int(front.request("eth_blockNumber"), 16)
    for at, block in enumerate(blocks):
        words = [int(block["calls"][0]["returnData"][2:][64 * i : 64 * i + 64], 16) for i in range(3)]
        assert words == [height + 1 + at, 2**33 + 12 * at, 17000]
        assert (block["number"], block["timestamp"]) == (hex(words[0]), hex(words[1]))
    assert blocks[1]["parentHash"] == blocks[0]["hash"]
    assert front.request("eth_getCode", reader) == "0x"
    back = {"blockStateCalls": [{"blockOverrides": {"time": "0x1"}, "calls": []}]}
    assert code_of(front.request, "eth_simulateV1", back) == -38021
    poor = {"blockStateCalls": [{"calls": [{"from": reader, "to": reader, "value": "0x1"}]}]}
    assert code_of(front.request, "eth_simulateV1", poor) == -38014
    wrong = {"validation": True, "blockStateCalls": [{"calls": [{"from": reader, "to": reader, "nonce": "0x5"}]}]}
    assert code_of(front.request, "eth_simulateV1", wrong) == -38011


def test_state_overrides_of_a_call(chain: LocalChain) -> None:
    token, other = chain.contracts["payment"].address, chain.accounts["other"].address
    call = {"to": token, "data": calldata("PaymentToken", "totalSupply")}
    assert int(chain.request("eth_call", call, "latest", {token: {"code": "0x602a60005260206000f3"}}), 16) == 42
    rich = {other: {"balance": hex(10**40)}}
    assert chain.request("eth_call", {"from": other, "to": other, "value": hex(10**39)}, "latest", rich) == "0x"
    with pytest.raises(ChainError, match="nsufficient funds"):
        chain.request("eth_call", {"from": other, "to": other, "value": hex(10**39)}, "latest")


def test_transactions_that_no_node_takes(chain: LocalChain) -> None:
    to = chain.accounts["buyer"].address
    height = chain.request("eth_blockNumber")
    refused: list[tuple[dict[str, Any], str]] = [
        ({"chainId": 97}, "invalid chain id for signer"),
        ({"gas": 100}, "intrinsic gas too low"),
        ({"value": 10**30}, "nsufficient funds"),
        ({"maxFeePerGas": 1, "maxPriorityFeePerGas": 1}, "max fee per gas less than block base fee"),
    ]
    for changes, text in refused:
        with pytest.raises(ChainError, match=text):
            chain.request("eth_sendRawTransaction", chain.sign("seller", to=to, **changes))
    with pytest.raises(ChainError, match="nonce too low"):
        chain.request("eth_sendRawTransaction", chain.sign("seller", to=to, nonce=0))
    for raw in ("0x", "0x01", "0x02c0", "0xf8", "0x" + 200 * "ff"):
        with pytest.raises(ChainError):
            chain.request("eth_sendRawTransaction", raw)
    assert chain.request("eth_blockNumber") == height


def test_a_legacy_transaction_needs_the_chain_id_too(front: LocalChain) -> None:
    from eth_account import Account

    key, to = front.accounts["other"].private_key, front.accounts["buyer"].address
    legacy = {"nonce": 0, "gasPrice": 10**10, "gas": 21000, "to": to, "value": 1, "data": "0x"}
    unprotected = Account.sign_transaction(legacy, key)
    with pytest.raises(ChainError, match="only replay-protected"):
        front.request("eth_sendRawTransaction", "0x" + bytes(unprotected.raw_transaction).hex())
    protected = Account.sign_transaction({**legacy, "chainId": 17000}, key)
    raw = "0x" + bytes(protected.raw_transaction).hex()
    transaction_hash = front.request("eth_sendRawTransaction", raw)
    assert front.request("eth_getTransactionByHash", transaction_hash)["type"] == "0x0"
    with pytest.raises(ChainError, match="already known"):
        front.request("eth_sendRawTransaction", raw)


def test_a_failed_transaction_is_mined_with_status_0(chain: LocalChain) -> None:
    call = approve_and_buy(chain)[1]
    receipt = chain.send("buyer", to=call["to"], data=call["data"], gas=300_000)
    assert (receipt["status"], receipt["logs"]) == ("0x0", [])
    with pytest.raises(ChainError) as caught:
        chain.request("eth_estimateGas", call)
    assert caught.value.code == 3
    assert str(caught.value).endswith("execution reverted: ERC20: insufficient allowance")


def test_block_time_follows_the_clock(chain: LocalChain) -> None:
    def now() -> int:
        return int(chain.request("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    chain.request("evm_mine")
    # Behind our front a chain that just mined many blocks, a second each at the least, is ahead of the clock until the clock is there.
    # Anvil's own clock stays off after a revert.
    before = now() if chain.backend == "anvil" else time.time()
    chain.request("evm_increaseTime", 100_000)
    chain.request("evm_mine")
    assert 99_999 < now() - before < 100_120
    later = now() + 5000
    chain.request("evm_setNextBlockTimestamp", hex(later))
    chain.request("evm_mine")
    assert now() == later
    chain.request("evm_mine")
    # Anvil may give two blocks the same second.
    assert later <= now() < later + 60
    with pytest.raises(ChainError):
        chain.request("evm_setNextBlockTimestamp", hex(later - 1))


def test_the_clock_comes_back_after_a_revert(front: LocalChain) -> None:
    mark = front.request("evm_snapshot")
    front.request("evm_increaseTime", 10**6)
    front.request("evm_mine")
    assert front.request("evm_revert", mark) is True
    front.request("evm_mine")
    assert int(front.request("eth_getBlockByNumber", "latest", False)["timestamp"], 16) < time.time() + 120
    assert front.request("evm_revert", mark) is False


def test_logs_are_found_by_address_topic_and_range(chain: LocalChain) -> None:
    token, buyer = chain.contracts["payment"].address, chain.accounts["buyer"].address
    chain.transact("buyer", "payment", "faucet", 1)
    last = chain.transact("buyer", "payment", "faucet", 2)
    everything = {"fromBlock": "earliest", "toBlock": "latest"}
    topic = "0x" + buyer[2:].lower().rjust(64, "0")
    found = chain.request("eth_getLogs", {**everything, "address": token, "topics": [TRANSFER, None, topic]})
    assert [int(log["data"], 16) for log in found] == [10**12, 1, 2]
    assert chain.request("eth_getLogs", {**everything, "address": [token], "topics": [[TRANSFER, topic], [topic]]}) == []
    assert chain.request("eth_getLogs", {"blockHash": last["blockHash"]}) == last["logs"]
    assert chain.request("eth_getLogs", {"address": token})[0]["transactionHash"] == last["transactionHash"]


def test_log_queries_are_bounded(front: LocalChain) -> None:
    assert code_of(front.request, "eth_getLogs", {"fromBlock": "0x0", "toBlock": "0x2711"}) == -32005
    assert code_of(front.request, "eth_getLogs", {"fromBlock": "0x5", "toBlock": "0x4"}) == -32602
    assert code_of(front.request, "eth_getLogs", {"topics": 5 * [None]}) == -32602
    assert code_of(front.request, "eth_getLogs", {"address": 257 * [20 * "00"]}) == -32602


def test_web3_deploys_reads_and_buys(chain: LocalChain) -> None:
    web3 = Web3(Web3.HTTPProvider(chain.rpc_url))
    buyer = web3.eth.account.from_key(chain.accounts["buyer"].private_key)
    house, payment, market = (chain.contracts[name].address for name in ("house", "payment", "market"))
    contract = web3.eth.contract(address=Web3.to_checksum_address(market), abi=load("Marketplace").abi)
    token = web3.eth.contract(address=Web3.to_checksum_address(payment), abi=load("PaymentToken").abi)
    assert web3.is_connected()
    assert (web3.eth.chain_id, web3.net.version) == (17000, "17000")
    assert contract.functions.viewListing(house).call()[2:] == (440, 1_000_000, 1, 100)
    with pytest.raises(ContractLogicError, match="ERC20: insufficient allowance"):
        contract.functions.buy(3, house, payment).estimate_gas({"from": buyer.address})

    def send(call: Any) -> Any:
        unsigned = call.build_transaction({"from": buyer.address, "nonce": web3.eth.get_transaction_count(buyer.address)})
        assert unsigned["maxFeePerGas"] > unsigned["maxPriorityFeePerGas"] > 0
        raw = buyer.sign_transaction(unsigned).raw_transaction
        return web3.eth.wait_for_transaction_receipt(web3.eth.send_raw_transaction(raw), timeout=30, poll_latency=0.01)

    send(token.functions.approve(market, 1320))
    receipt = send(contract.functions.buy(3, house, payment))
    (event,) = contract.events.ListingBuyEvent().process_receipt(receipt, errors=DISCARD)
    assert (event["args"]["user"], event["args"]["count"], event["args"]["price"]) == (buyer.address, 3, 440)
    block: Any = web3.eth.get_block(receipt["blockNumber"], full_transactions=True)
    assert block["transactions"][0]["hash"] == receipt["transactionHash"]
    assert len(web3.eth.fee_history(4, "latest", [50.0])["baseFeePerGas"]) == 5


def test_a_batch_is_answered_in_order(chain: LocalChain) -> None:
    requests = [{"jsonrpc": "2.0", "id": number, "method": name, "params": []} for number, name in enumerate(("eth_chainId", "nope"))]
    answers = post(chain, json.dumps(requests)).json()
    assert answers[0] == {"jsonrpc": "2.0", "id": 0, "result": "0x4268"}
    assert (answers[1]["id"], answers[1]["error"]["code"]) == (1, -32601)


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", -32700),
        ("{", -32700),
        ("\xff", -32600),
        ("[" * 2000, -32700),
        ('{"a":' * 40, -32700),
        ("NaN", -32700),
        ("[]", -32600),
        ("1", -32600),
        ("null", -32600),
        ("{}", -32600),
        ('{"jsonrpc":"2.0","method":1}', -32600),
        ('{"jsonrpc":"2.0","method":"eth_call","params":{}}', -32600),
        ('{"jsonrpc":"2.0","method":"eth_call","params":[]}', -32602),
        (json.dumps(101 * [1]), -32600),
    ],
)
def test_what_is_no_request_is_an_error_object(front: LocalChain, content: str, code: int) -> None:
    raw = b'"\xc3\xbf"' if content == "\xff" else content.encode()
    assert post(front, raw).json()["error"]["code"] == code


def test_sizes_and_types_of_requests_are_bounded(front: LocalChain) -> None:
    assert post(front, b" " * (1024 * 1024 + 1)).status_code == 413
    assert post(front, b"{}", "text/plain").status_code == 415
    assert httpx.get(front.rpc_url, trust_env=False).status_code == 405
    assert front.request("eth_chainId") == "0x4268"


def test_a_call_without_end_runs_out_of_gas(front: LocalChain) -> None:
    place = "0x" + 40 * "1"
    began = time.monotonic()
    with pytest.raises(ChainError, match="out of gas"):
        front.request("eth_call", {"to": place, "gas": hex(3 * 10**6)}, "latest", {place: {"code": LOOP}})
    assert time.monotonic() - began < 60


json_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=8),
        st.sampled_from(["0x", "0x0", "latest", "0x" + 40 * "a", "0x" + 64 * "b", "pending"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["to", "from", "data", "gas", "address", "topics", "calls", "blockStateCalls", "code"]), inner, max_size=3
        ),
    ),
    max_leaves=6,
)


@given(method=st.sampled_from(METHODS), params=st.lists(json_values, max_size=3))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_parameters_break_it(front: LocalChain, method: str, params: list[Any]) -> None:
    answer = post(front, json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})).json()
    assert "result" in answer or answer["error"]["code"] not in (-32603, -32700), answer
