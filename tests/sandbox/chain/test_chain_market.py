"""The marketplace and the tokens, on both kinds of chain, through the document's own ABI."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import pytest
from eth_abi.abi import decode
from eth_account import Account
from eth_utils.crypto import keccak

from orderseal.sandbox.contracts import load
from orderseal.sandbox.evm import ChainError, LocalChain

DOCUMENT = json.loads((files("orderseal.fixtures") / "brokerstr/create-token-by-external-id.json").read_text("utf-8"))
IMPLEMENTATION_SLOT = hex(int.from_bytes(keccak(text="eip1967.proxy.implementation"), "big") - 1)
TOKEN = 10**18
MARKETS = ("market", "market_proxy", "market_diamond")


def document_abi(value: Any = DOCUMENT) -> list[dict[str, Any]]:
    """The ABI in the document: a JSON string inside JSON."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name == "abi":
                return list(json.loads(item))
            if found := document_abi(item):
                return found
    return []


def plain(value: Any) -> Any:
    """An ABI without the names that only Solidity's compiler adds."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    return {name: plain(item) for name, item in value.items() if name != "internalType"} if isinstance(value, dict) else value


def where(chain: LocalChain, *names: str) -> list[str]:
    return [chain.contracts[name].address if name in chain.contracts else chain.accounts[name].address for name in names]


def refuses(reason: str, run: Callable[..., Any], *arguments: Any, **named: Any) -> None:
    with pytest.raises(ChainError) as caught:
        run(*arguments, **named)
    data = bytes.fromhex((caught.value.data or "0x")[2:])
    if reason:
        assert data[:4].hex() == "08c379a0"
        assert decode(["string"], data[4:])[0] == reason
    else:
        assert caught.value.data in (None, "0x")


def buy(
    chain: LocalChain, amount: int, *, role: str = "buyer", market: str = "market", house: str = "house", payment: str = "payment"
) -> Any:
    return chain.transact(role, market, "buy", amount, *where(chain, house, payment), artifact="Marketplace")


def balance(chain: LocalChain, token: str, who: str) -> Any:
    return chain.call(token, "balanceOf", chain.accounts[who].address)


def events(name: str, receipt: dict[str, Any]) -> list[tuple[Any, ...]]:
    (entry,) = [item for item in document_abi() if item.get("name") == name]
    types = [item["type"] for item in entry["inputs"]]
    topic = "0x" + keccak(text=f"{name}({','.join(types)})").hex()
    return [tuple(decode(types, bytes.fromhex(log["data"][2:]))) for log in receipt["logs"] if log["topics"] == [topic]]


def test_the_abi_is_the_documents() -> None:
    ours = [entry for entry in load("Marketplace").abi if entry["type"] != "constructor"]

    def key(entry: dict[str, Any]) -> tuple[str, str]:
        return entry["type"], entry["name"]

    assert len(ours) == 11
    assert sorted(plain(ours), key=key) == sorted(plain(document_abi()), key=key)


@pytest.mark.parametrize("market", MARKETS)
def test_a_purchase(chain: LocalChain, market: str) -> None:
    house, payment, spender = where(chain, "house", "payment", market)
    buyer = chain.accounts["buyer"].address
    before = {name: (balance(chain, "payment", name), balance(chain, "house", name)) for name in ("buyer", "seller")}
    listing = chain.call(market, "viewListing", house, artifact="Marketplace")
    assert listing == (house.lower(), payment.lower(), 440, 1_000_000, 1, 100)
    assert chain.call(market, "viewUserCanBuy", house, buyer, 100, artifact="Marketplace") is True
    assert chain.call(market, "viewUserCanBuy", house, buyer, 101, artifact="Marketplace") is False
    assert chain.call(market, "viewUserCanBuy", house, buyer, 0, artifact="Marketplace") is False

    chain.transact("buyer", "payment", "approve", spender, 7 * 440)
    receipt = buy(chain, 7, market=market)
    block = chain.request("eth_getBlockByNumber", receipt["blockNumber"], False)
    assert events("ListingBuyEvent", receipt) == [(buyer.lower(), house.lower(), payment.lower(), 440, 7, int(block["timestamp"], 16))]
    assert len(receipt["logs"]) == 3
    assert balance(chain, "payment", "buyer") == before["buyer"][0] - 3080
    assert balance(chain, "payment", "seller") == before["seller"][0] + 3080
    assert balance(chain, "house", "buyer") == before["buyer"][1] + 7 * TOKEN
    assert balance(chain, "house", "seller") == before["seller"][1] - 7 * TOKEN
    assert chain.call(market, "viewListing", house, artifact="Marketplace")[3] == 999_993
    assert chain.call(market, "viewCanHaveMaxAmount", house, buyer, artifact="Marketplace") == 93
    assert chain.call("payment", "allowance", buyer, spender) == 0


def test_every_refusal_of_a_purchase(chain: LocalChain) -> None:
    house, payment, market, stock = where(chain, "house", "payment", "market", "stock")
    buyer, seller = where(chain, "buyer", "seller")
    refuses("ERC20: insufficient allowance", buy, chain, 1)
    chain.transact("buyer", "payment", "approve", market, 10**9)
    refuses("Marketplace: below minbuycount", buy, chain, 0)
    refuses("Marketplace: above maxbuycount", buy, chain, 101)
    refuses("Marketplace: wrong payment token", buy, chain, 1, payment="usdt_like")
    refuses("Marketplace: not listed", buy, chain, 1, house="stock")
    buy(chain, 60)
    refuses("Marketplace: above what the buyer may have", buy, chain, 41)

    chain.transact("deployer", "guard", "setPaused", house, True)
    refuses("Marketplace: paused", buy, chain, 1)
    assert chain.call("market", "viewCanHaveMaxAmount", house, buyer) == 0
    assert chain.call("market", "viewUserCanBuy", house, buyer, 1) is False
    chain.transact("deployer", "guard", "setPaused", house, False)
    chain.transact("deployer", "guard", "setBlocked", buyer, True)
    refuses("Marketplace: buyer not allowed", buy, chain, 1)
    chain.transact("deployer", "guard", "setBlocked", buyer, False)
    refuses("MarketGuard: not the owner", chain.transact, "buyer", "guard", "setPaused", house, True)

    chain.transact("seller", "market", "update", house, 440, 2, 100, 5)
    assert chain.call("market", "viewCanHaveMaxAmount", house, buyer) == 5
    refuses("Marketplace: below minbuycount", buy, chain, 1)
    refuses("Marketplace: not enough left", buy, chain, 6)
    chain.transact("other", "payment", "approve", market, 10**9)
    refuses("ERC20: transfer amount exceeds balance", buy, chain, 2, role="other")
    chain.transact("seller", "house", "approve", market, 0)
    refuses("ERC20: insufficient allowance", buy, chain, 2)
    chain.transact("seller", "house", "approve", market, 10**30)
    chain.transact("seller", "house", "transfer", buyer, balance(chain, "house", "seller"))
    refuses("ERC20: transfer amount exceeds balance", buy, chain, 2)
    chain.transact("seller", "market", "delist", house)
    refuses("Marketplace: not listed", buy, chain, 2)
    assert chain.call("market", "viewListing", house) == ("0x" + 40 * "0", "0x" + 40 * "0", 0, 0, 0, 0)
    refuses("Marketplace: no contract", chain.transact, "seller", "market", "list", buyer, payment, 1, 1, 1, 1)
    refuses("Marketplace: zero price", chain.transact, "seller", "market", "list", stock, payment, 0, 1, 1, 1)
    refuses("Marketplace: zero amount", chain.transact, "seller", "market", "list", stock, payment, 1, 0, 1, 1)
    refuses("Marketplace: wrong limits", chain.transact, "seller", "market", "list", stock, payment, 1, 1, 2, 1)
    refuses("Marketplace: not listed", chain.transact, "seller", "market", "delist", house)
    assert seller != buyer


def test_list_update_and_delist_tell_what_they_did(chain: LocalChain) -> None:
    house, payment, seller = where(chain, "house", "payment", "seller")
    refuses("Marketplace: already listed", chain.transact, "other", "market", "list", house, payment, 1, 1, 1, 1)
    refuses("Marketplace: not the seller", chain.transact, "other", "market", "update", house, 1, 1, 1, 1)
    refuses("Marketplace: not the seller", chain.transact, "other", "market", "delist", house)
    updated = chain.transact("seller", "market", "update", house, 500, 2, 50, 99)
    assert [event[:-1] for event in events("ListingUpdateEvent", updated)] == [(seller.lower(), house.lower(), 500, 2, 50, 99)]
    delisted = chain.transact("seller", "market", "delist", house)
    assert [event[:-1] for event in events("ListingDelistEvent", delisted)] == [(seller.lower(), house.lower())]
    listed = chain.transact("seller", "market", "list", house, payment, 3, 10, 1, 4)
    assert [event[:-1] for event in events("ListEvent", listed)] == [(seller.lower(), house.lower(), payment.lower(), 3, 10)]


def test_the_other_scale_prices_base_units_and_rounds_up(chain: LocalChain) -> None:
    house, payment, market, seller = where(chain, "house", "payment", "market_base_units", "seller")
    chain.transact("seller", "house", "approve", market, 10**30)
    chain.transact("seller", "market_base_units", "list", house, payment, 440, 10**24, 1, 10**24)
    chain.transact("buyer", "payment", "approve", market, 441)
    before = balance(chain, "payment", "seller")
    buy(chain, TOKEN + 1, market="market_base_units")
    assert balance(chain, "payment", "seller") - before == 441
    assert chain.call("payment", "balanceOf", seller) == before + 441


@pytest.mark.parametrize("scale", [(0, 1), (1, 0)])
def test_a_scale_of_zero_cannot_be_deployed(front: LocalChain, scale: tuple[int, int]) -> None:
    with pytest.raises(ChainError, match="cannot be deployed"):
        front.deploy("wrong", "Marketplace", *scale, front.contracts["guard"].address)


def test_a_token_that_wants_a_reset_and_returns_nothing(chain: LocalChain) -> None:
    house, market, token, buyer = where(chain, "house", "market", "usdt_like", "buyer")
    chain.transact("seller", "market", "delist", house)
    chain.transact("seller", "market", "list", house, token, 440, 1_000_000, 1, 100)
    chain.transact("buyer", "usdt_like", "approve", market, 400)
    refuses("", chain.transact, "buyer", "usdt_like", "approve", market, 440)
    refuses("", buy, chain, 1, payment="usdt_like")
    chain.transact("buyer", "usdt_like", "approve", market, 0)
    chain.transact("buyer", "usdt_like", "approve", market, 440)
    before = balance(chain, "usdt_like", "buyer")
    buy(chain, 1, payment="usdt_like")
    assert balance(chain, "usdt_like", "buyer") == before - 440
    call = {"from": buyer, "to": token, "data": "0x095ea7b3" + market[2:].lower().rjust(64, "0") + 64 * "0"}
    assert chain.request("eth_call", call, "latest") == "0x"


def test_a_token_that_keeps_a_share_shows_two_transfers(chain: LocalChain) -> None:
    house, market, token = where(chain, "house", "market", "fee_token")
    chain.transact("seller", "market", "delist", house)
    chain.transact("seller", "market", "list", house, token, 10_000, 1_000_000, 1, 100)
    chain.transact("buyer", "fee_token", "approve", market, 10_000)
    before = balance(chain, "fee_token", "seller")
    receipt = buy(chain, 1, payment="fee_token")
    assert balance(chain, "fee_token", "seller") == before + 9_900
    assert [int(log["data"], 16) for log in receipt["logs"] if log["address"] == token.lower()] == [9_900, 100]


@pytest.mark.parametrize(("token", "decimals"), [("payment0", 0), ("payment", 6), ("payment18", 18), ("payment77", 77)])
def test_tokens_of_unusual_decimals(chain: LocalChain, token: str, decimals: int) -> None:
    assert chain.call(token, "decimals") == decimals
    chain.transact("other", token, "faucet", 10**decimals)
    assert balance(chain, token, "other") == 10**decimals


def test_a_permit_sets_an_allowance_once(chain: LocalChain) -> None:
    owner, (spender, token) = chain.accounts["buyer"], where(chain, "market", "payment")

    def permit(amount: int, nonce: int, deadline: int, chain_id: int) -> tuple[int, bytes, bytes]:
        names = {"owner": "address", "spender": "address", "value": "uint256", "nonce": "uint256", "deadline": "uint256"}
        signed = Account.sign_typed_data(
            owner.private_key,
            {"name": "Sandbox USD", "version": "1", "chainId": chain_id, "verifyingContract": token},
            {"Permit": [{"name": name, "type": kind} for name, kind in names.items()]},
            {"owner": owner.address, "spender": spender, "value": amount, "nonce": nonce, "deadline": deadline},
        )
        return signed.v, signed.r.to_bytes(32, "big"), signed.s.to_bytes(32, "big")

    def send(amount: int, deadline: int, parts: tuple[int, bytes, bytes]) -> Any:
        return chain.transact("other", "payment", "permit", owner.address, spender, amount, deadline, *parts)

    late, parts = 2**40, permit(5, 0, 2**40, 17000)
    refuses("ERC2612: expired", send, 5, 1, permit(5, 0, 1, 17000))
    refuses("ERC2612: invalid signature", send, 6, late, parts)
    refuses("ERC2612: invalid signature", send, 5, late, permit(5, 0, late, 97))
    order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
    twin = (order - int.from_bytes(parts[2], "big")).to_bytes(32, "big")
    refuses("ERC2612: high s", send, 5, late, (55 - parts[0], parts[1], twin))
    send(5, late, parts)
    assert chain.call("payment", "allowance", owner.address, spender) == 5
    assert chain.call("payment", "nonces", owner.address) == 1
    refuses("ERC2612: invalid signature", send, 5, late, parts)


def test_the_proxy_keeps_its_implementation_where_erc_1967_says(chain: LocalChain) -> None:
    proxy, market, other, house = where(chain, "market_proxy", "market", "market_base_units", "house")

    def implementation() -> str:
        return "0x" + str(chain.request("eth_getStorageAt", proxy, IMPLEMENTATION_SLOT, "latest"))[-40:]

    assert implementation() == market.lower()
    refuses("Proxy: not the administrator", chain.transact, "seller", "market_proxy", "upgradeTo", other)
    chain.transact("deployer", "market_proxy", "upgradeTo", other)
    assert implementation() == other.lower()
    # The storage is the proxy's own, so the listing is still there, and means another price.
    assert chain.call("market_proxy", "viewListing", house, artifact="Marketplace")[2] == 440
    # A reason given behind the proxy comes through it.
    chain.transact("deployer", "market_proxy", "upgradeTo", market)
    refuses("Marketplace: above maxbuycount", buy, chain, 101, market="market_proxy")


def test_the_diamond_names_the_facet_of_each_function(chain: LocalChain) -> None:
    diamond, market, other = where(chain, "market_diamond", "market", "market_base_units")
    buy_selector = keccak(text="buy(uint256,address,address)")[:4]
    assert chain.call("market_diamond", "facetAddress", buy_selector) == market.lower()
    refuses("Diamond: not the owner", chain.transact, "seller", "market_diamond", "setFacet", [buy_selector], other)
    chain.transact("deployer", "market_diamond", "setFacet", [buy_selector], other)
    assert chain.call("market_diamond", "facetAddress", buy_selector) == other.lower()
    chain.transact("deployer", "market_diamond", "setFacet", [buy_selector], "0x" + 40 * "0")
    refuses("Diamond: unknown function", buy, chain, 1, market="market_diamond")
    assert chain.request("eth_getStorageAt", diamond, IMPLEMENTATION_SLOT, "latest") == "0x" + 64 * "0"


def test_many_calls_in_one(chain: LocalChain) -> None:
    payment, buyer = where(chain, "payment", "buyer")
    good = bytes.fromhex("70a08231" + buyer[2:].rjust(64, "0"))
    results = chain.call("multicall", "aggregate3", [(payment, False, good), (payment, True, b"\xff\xff\xff\xff")])
    assert results[0] == (True, balance(chain, "payment", "buyer").to_bytes(32, "big"))
    assert results[1] == (False, b"")
    assert chain.call("multicall", "getChainId") == 17000
    with pytest.raises(ChainError, match="execution reverted: Multicall3: call failed"):
        chain.call("multicall", "aggregate3", [(payment, False, b"\xff\xff\xff\xff")])
