"""One look at everything: what is read equals what the contracts say one by one, and what is no answer is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from tests.chain.purchases import Watched, code_hash, pins_of, view

from orderseal.chain import multicall
from orderseal.chain.dialogue import Rpc, run
from orderseal.chain.pins import (
    ERC1967_BEACON_SLOT,
    ERC1967_IMPLEMENTATION_SLOT,
    PinnedCode,
    PinnedCurrency,
    PinnedMarketplace,
    Pins,
    check_code,
)
from orderseal.chain.state import State, read_state
from orderseal.sandbox.evm import LocalChain
from orderseal.signing import Address, Hash32, NodeError, OrdersealError, PlanMismatch, WrongChain


def look(chain: LocalChain, pins: Pins, amount: int = 5, role: str = "buyer") -> State:
    with Watched(chain) as node:
        found = run(read_state(pins, Address(chain.accounts[role].address), Address(chain.contracts["house"].address), amount), node)
    assert len(node.rounds) == 1
    return found


@pytest.mark.parametrize("market", ["market", "market_proxy", "market_diamond"])
def test_what_is_read_is_what_is_there(chain: LocalChain, market: str) -> None:
    pins, buyer = pins_of(chain, market), chain.accounts["buyer"].address
    chain.transact("buyer", "payment", "approve", chain.contracts[market].address, 12_345)
    chain.transact("seller", "house", "transfer", buyer, 99)
    state = look(chain, pins)
    block = chain.request("eth_getBlockByNumber", "latest", False)
    assert state.block == int(block["number"], 16)
    assert abs(state.timestamp - int(block["timestamp"], 16)) < 100
    assert state.coins == int(chain.request("eth_getBalance", buyer, "latest"), 16)
    payment, house = (chain.contracts[name].address for name in ("payment", "house"))
    paid, sold = state.currency, state.token
    assert (paid.symbol, paid.decimals, paid.allowance) == ("SUSD", 6, 12_345)
    assert (sold.symbol, sold.decimals, sold.allowance, sold.balance) == ("HOUSE", 18, 0, 99)
    assert paid.balance == view(chain, payment, "balanceOf(address)", buyer)
    listing = state.listing
    assert (listing.token, listing.payment_token) == (Address(house), Address(payment))
    counts = (listing.price, listing.token_amount, listing.min_buy_count, listing.max_buy_count)
    assert counts == chain.call(market, "viewListing", house, artifact="Marketplace")[2:] == (440, 1_000_000, 1, 100)
    assert (state.can_buy, state.most) == (True, 100)
    assert look(chain, pins, 101).can_buy is False
    inner = code_hash(chain, chain.contracts["market"].address)
    code = state.code
    assert code.marketplace_code_hash == code_hash(chain, chain.contracts[market].address)
    assert code.currency_code_hash == code_hash(chain, payment)
    assert code.marketplace_slot == bytes.fromhex(
        chain.request("eth_getStorageAt", chain.contracts[market].address, str(ERC1967_IMPLEMENTATION_SLOT), "latest")[2:]
    )
    assert code.implementation_code_hash == (inner if market == "market_proxy" else None)
    assert (code.facet, code.facet_code_hash) == (
        (Address(chain.contracts["market"].address), inner) if market == "market_diamond" else (None, None)
    )
    assert code.currency_implementation_code_hash is None
    check_code(pins, code)


def test_fees_are_the_nodes(chain: LocalChain) -> None:
    state = look(chain, pins_of(chain))
    suggested = int(chain.request("eth_maxPriorityFeePerGas"), 16)
    assert state.fees.priority == suggested
    history = chain.request("eth_feeHistory", "0x1", "latest", [])
    assert state.fees.base_fee == int(history["baseFeePerGas"][-1], 16)


def test_a_currency_behind_a_proxy(front: LocalChain) -> None:
    """The proxy's storage is a marketplace's; all that matters is that its slot and what stands behind it are read."""
    proxy, inner = front.contracts["market_proxy"].address, front.contracts["payment"].address
    front.transact("deployer", "market_proxy", "upgradeTo", inner)
    behind = PinnedCode(Address(inner), code_hash(front, inner))
    pins = pins_of(front)
    paid = PinnedCurrency(Address(proxy), code_hash(front, proxy), behind)
    both = Pins(pins.chain_id, pins.marketplace, paid)
    state = look(front, both)
    assert state.code.currency_slot == bytes(12) + Address(inner)
    assert state.code.currency_implementation_code_hash == behind.code_hash
    check_code(both, state.code)
    front.request("anvil_setStorageAt", proxy, str(ERC1967_BEACON_SLOT), "0x" + "00" * 31 + "01")
    with pytest.raises(PlanMismatch, match="beacon"):
        check_code(both, look(front, both).code)


def test_a_slot_that_is_no_address(front: LocalChain) -> None:
    pins = pins_of(front, "market_proxy")
    at = front.contracts["market_proxy"].address
    word = "0x01" + "00" * 11 + front.contracts["market"].address[2:].lower()
    front.request("anvil_setStorageAt", at, str(ERC1967_IMPLEMENTATION_SLOT), word)
    state = look(front, pins)
    assert state.code.implementation_code_hash is None
    with pytest.raises(PlanMismatch, match="no address"):
        check_code(pins, state.code)


# -- A scripted node: what each answer may be ---------------------------------------------------------------------------------------

MARKET, CURRENCY, HOUSE, BUYER, FACET = (Address(bytes([n]) * 20) for n in (0xB2, 0xC3, 0xD4, 0xA1, 0xF5))
HASH = Hash32(b"\x01" * 32)
PINS = Pins(5, PinnedMarketplace(MARKET, HASH, facet=PinnedCode(FACET, Hash32(b"\x02" * 32))), PinnedCurrency(CURRENCY))
RESULTS: list[tuple[bool, bytes]] = [
    (True, encode(["uint8"], [6])),
    (True, encode(["string"], ["USD"])),
    (True, encode(["uint256"], [1000])),
    (True, encode(["uint256"], [7])),
    (True, encode(["uint8"], [18])),
    (True, encode(["string"], ["HOUSE"])),
    (True, encode(["uint256"], [0])),
    (True, encode(["uint256"], [0])),
    (True, encode(["address", "address", "uint256", "uint256", "uint256", "uint256"], [HOUSE, CURRENCY, 440, 1000, 1, 100])),
    (True, encode(["bool"], [True])),
    (True, encode(["uint256"], [100])),
    (True, encode(["address"], [FACET])),
    (False, b""),
]
NAMES = ("decimals", "symbol", "balance", "allowance") * 2 + ("listing", "can_buy", "most", "facet", "code")


def word(value: int) -> bytes:
    return value.to_bytes(32, "big")


def executed(results: Sequence[tuple[bool, bytes]], chain_id: int = 5) -> str:
    raw = word(chain_id) + word(100) + word(1_800_000_000)
    for success, data in results:
        raw += word(success) + word(1000) + HASH + word(len(data)) + data
    return "0x" + raw.hex()


def answers(**changes: Any) -> list[Any]:
    known = {
        "chain": "0x5",
        "coins": "0xde0b6b3a7640000",
        "slot": "0x" + "00" * 32,
        "beacon": "0x" + "00" * 32,
        "currency_slot": "0x" + "00" * 32,
        "currency_beacon": "0x" + "00" * 32,
        "reads": executed(RESULTS),
        "block": {"number": "0x63", "baseFeePerGas": "0x7"},
        "history": NodeError("no"),
        "priority": NodeError("no"),
        "price": NodeError("no"),
    }
    assert changes.keys() <= known.keys()
    return list((known | changes).values())


class Script:
    def __init__(self, given: list[Any]) -> None:
        self.given = given

    def ask(self, calls: Sequence[Rpc]) -> list[Any]:
        assert len(calls) == len(self.given)
        return self.given


def read(given: list[Any]) -> State:
    return run(read_state(PINS, BUYER, HOUSE, 5), Script(given))


def test_the_request() -> None:
    asked = next(read_state(PINS, BUYER, HOUSE, 5))
    calls: list[Rpc] = list(asked.calls)  # type: ignore[union-attr]
    assert [call.method for call in calls] == [
        "eth_chainId", "eth_getBalance", *["eth_getStorageAt"] * 4, "eth_call", "eth_getBlockByNumber", "eth_feeHistory",
        "eth_maxPriorityFeePerGas", "eth_gasPrice",
    ]  # fmt: skip
    slots = {
        text: "0x" + (int.from_bytes(keccak(text=text), "big") - 1).to_bytes(32, "big").hex()
        for text in ("eip1967.proxy.implementation", "eip1967.proxy.beacon")
    }
    wanted = [(str(at), slot, "latest") for at in (MARKET, CURRENCY) for slot in slots.values()]
    assert [call.params for call in calls[2:6]] == wanted
    assert calls[1].params == (str(BUYER), "latest")
    data = bytes.fromhex(calls[6].params[0]["data"][2:])[len(multicall._READER) :]
    targets = []
    while data:
        targets.append(Address(data[12:32]))
        data = data[64 + int.from_bytes(data[32:64], "big") :]
    assert targets == [CURRENCY] * 4 + [HOUSE] * 4 + [MARKET] * 4 + [FACET]


def test_the_script_is_read() -> None:
    state = read(answers())
    assert (state.coins, state.block, state.currency.balance, state.currency.allowance, state.most) == (10**18, 99, 1000, 7, 100)
    assert (state.code.facet, state.code.facet_code_hash) == (FACET, HASH)


@pytest.mark.parametrize("name", ["chain", "coins", "slot", "beacon", "currency_slot", "currency_beacon", "reads", "block"])
@pytest.mark.parametrize(
    "value", [None, "0x", "0x0g", [], {"a": 1}, 5, "0x" + "00" * 31, "0x" + "00" * 33, NodeError("refused")], ids=lambda v: str(v)[:12]
)
def test_answers_that_are_none(name: str, value: Any) -> None:
    with pytest.raises(NodeError) as caught:
        read(answers(**{name: value}))
    assert str(caught.value).isprintable()


def test_a_block_without_a_base_fee() -> None:
    assert read(answers(block={"number": "0x63"}, price="0x5")).fees.base_fee is None


def test_the_wrong_chain_is_noticed_before_all_else() -> None:
    for given in (answers(chain="0x6", reads=None), answers(reads=executed(RESULTS, 6), block=None)):
        with pytest.raises(WrongChain) as caught:
            read(given)
        assert (caught.value.expected, caught.value.actual) == (5, 6)


def changed(at: int, success: bool, data: bytes) -> list[Any]:
    return answers(reads=executed([*RESULTS[:at], (success, data), *RESULTS[at + 1 :]]))


MUST = [0, 2, 3, 4, 6, 7, 8]


@pytest.mark.parametrize("at", MUST, ids=lambda at: f"{at}-{NAMES[at]}")
@pytest.mark.parametrize(
    ("success", "data"),
    [(False, b""), (False, b"\x08\xc3\x79\xa0" + encode(["string"], ["\x1b[31mno"])), (True, b""), (True, bytes(31)), (True, b"\xff" * 31)],
    ids=["revert", "reason", "nothing", "short", "short ones"],
)
def test_what_must_be_answered(at: int, success: bool, data: bytes) -> None:
    with pytest.raises(PlanMismatch) as caught:
        read(changed(at, success, data))
    assert str(caught.value).isprintable()
    wanted = {8: "viewListing"}.get(at, str(CURRENCY if at < 4 else HOUSE))
    assert wanted in caught.value.what


@pytest.mark.parametrize(
    ("at", "data", "get", "value"),
    [
        (1, b"", lambda state: state.currency.symbol, ""),
        (5, b"HOUSE" + bytes(27), lambda state: state.token.symbol, "HOUSE"),
        (11, bytes(32), lambda state: state.code.facet, None),
        (11, b"", lambda state: state.code.facet, None),
        (11, b"\xff" * 32, lambda state: state.code.facet, None),
        (11, encode(["address"], [HOUSE]), lambda state: (state.code.facet, state.code.facet_code_hash), (HOUSE, None)),
        (0, word(77), lambda state: state.currency.decimals, 77),
        (8, bytes(192), lambda state: state.listing.price, 0),
    ],
    ids=["symbol", "bytes32", "no facet", "no answer", "no address", "another facet", "77", "no listing"],
)
def test_what_may_be_otherwise(at: int, data: bytes, get: Callable[[State], Any], value: Any) -> None:
    assert get(read(changed(at, True, data))) == value


@pytest.mark.parametrize(
    ("at", "get"), [(1, lambda s: s.currency.symbol), (9, lambda s: s.can_buy), (10, lambda s: s.most), (11, lambda s: s.code.facet)]
)
def test_what_may_revert(at: int, get: Callable[[State], Any]) -> None:
    assert not get(read(changed(at, False, b"")))


@pytest.mark.parametrize("at", [9, 10], ids=["can_buy", "most"])
def test_what_does_not_revert_must_be_an_answer(at: int) -> None:
    with pytest.raises(PlanMismatch):
        read(changed(at, True, b"\x01"))


def test_too_many_decimals() -> None:
    with pytest.raises(PlanMismatch, match="at most 77, found 78"):
        read(changed(0, True, word(78)))


@pytest.mark.parametrize("count", [12, 14])
def test_another_number_of_results(count: int) -> None:
    with pytest.raises(OrdersealError):
        read(answers(reads=executed((RESULTS * 2)[:count])))
