"""What to offer for gas: the arithmetic, its bounds, and what real and hostile nodes say."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from orderseal.chain.dialogue import Rpc
from orderseal.chain.fees import MOST_WEI, FeeFacts, Fees, fee_calls, gwei, raised, read_fees, suggest
from orderseal.chain.node import HttpNode
from orderseal.sandbox.evm import LocalChain
from orderseal.signing import InvalidInput, NodeError, RuleViolation

GWEI = 10**9
WEI = st.integers(0, 2**90)
NO = NodeError("the method is not there", code=-32601)


def type_2(most: int, tip: int) -> Fees:
    return Fees(max_fee_per_gas=most, max_priority_fee_per_gas=tip)


# The value


def test_fees_are_of_one_type() -> None:
    new, old = type_2(30, 2), Fees(gas_price=7)
    assert (new.is_legacy, new.most) == (False, 30)
    assert (old.is_legacy, old.most) == (True, 7)
    assert new.to_json() == {"max_fee_per_gas": "30", "max_priority_fee_per_gas": "2"}
    assert old.to_json() == {"gas_price": "7"}
    assert pickle.loads(pickle.dumps(new)) == new
    assert Fees(gas_price=0).is_legacy, "0 is a price"


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"max_fee_per_gas": 1},
        {"max_priority_fee_per_gas": 1},
        {"max_fee_per_gas": 1, "max_priority_fee_per_gas": 1, "gas_price": 1},
        {"max_fee_per_gas": 1, "gas_price": 1},
        {"max_fee_per_gas": 1, "max_priority_fee_per_gas": 2},
        {"gas_price": -1},
        {"gas_price": True},
        {"gas_price": 1.0},
        {"gas_price": "1"},
        {"gas_price": MOST_WEI + 1},
        {"max_fee_per_gas": MOST_WEI + 1, "max_priority_fee_per_gas": 0},
    ],
    ids=str,
)
def test_fees_that_cannot_be(members: Any) -> None:
    with pytest.raises(InvalidInput, match="fees"):
        Fees(**members)


@pytest.mark.parametrize(
    ("wei", "text"),
    [
        (0, "0 gwei"),
        (1, "0.000000001 gwei"),
        (1_500_000_000, "1.5 gwei"),
        (20 * GWEI, "20 gwei"),
        (MOST_WEI, "79228162514264337593.543950335 gwei"),
    ],
)
def test_gwei_is_exact(wei: int, text: str) -> None:
    assert gwei(wei) == text


# What to offer


@pytest.mark.parametrize(
    ("base_fee", "history", "priority", "gas_price", "expected"),
    [
        (10 * GWEI, (), 2 * GWEI, 12 * GWEI, type_2(22 * GWEI, 2 * GWEI)),
        (10 * GWEI, (GWEI, 5 * GWEI, 3 * GWEI), None, None, type_2(23 * GWEI, 3 * GWEI)),
        (10 * GWEI, (GWEI, 5 * GWEI, 3 * GWEI), 0, None, type_2(23 * GWEI, 3 * GWEI)),
        (10 * GWEI, (0, 0), None, 14 * GWEI, type_2(24 * GWEI, 4 * GWEI)),
        (10 * GWEI, (), None, 9 * GWEI, type_2(20 * GWEI, 0)),
        (10 * GWEI, (), None, None, type_2(20 * GWEI, 0)),
        # BNB Smart Chain: the base fee is 0.
        (0, (), GWEI // 10, GWEI // 10, type_2(GWEI // 10, GWEI // 10)),
        (0, (), 0, GWEI, type_2(GWEI, GWEI)),
        (None, (), None, 5 * GWEI, Fees(gas_price=5 * GWEI)),
        (None, (1,), 2 * GWEI, 5 * GWEI, Fees(gas_price=5 * GWEI)),
    ],
)
def test_what_is_offered(
    base_fee: int | None, history: tuple[int, ...], priority: int | None, gas_price: int | None, expected: Fees
) -> None:
    assert suggest(base_fee, history, priority, gas_price, cap=100 * GWEI) == expected
    assert FeeFacts(base_fee, history, priority, gas_price).suggest(cap=100 * GWEI) == expected


def test_the_cap_clips_and_then_refuses() -> None:
    assert suggest(10 * GWEI, (), 2 * GWEI, None, cap=15 * GWEI) == type_2(15 * GWEI, 2 * GWEI)
    assert suggest(10 * GWEI, (), 2 * GWEI, None, cap=12 * GWEI) == type_2(12 * GWEI, 2 * GWEI)
    with pytest.raises(RuleViolation, match=r"base fee is 10 gwei and 2 gwei .* the cap is 11\.999999999 gwei") as caught:
        suggest(10 * GWEI, (), 2 * GWEI, None, cap=12 * GWEI - 1)
    assert caught.value.rule == "fee_cap"
    assert suggest(None, (), None, 5, cap=5) == Fees(gas_price=5)
    with pytest.raises(RuleViolation) as caught:
        suggest(None, (), None, 6, cap=5)
    assert caught.value.rule == "fee_cap"
    with pytest.raises(NodeError, match="no gas price"):
        suggest(None, (1,), 2, None, cap=5)
    for cap in (-1, True, 1.5, None, MOST_WEI + 1):
        with pytest.raises(InvalidInput, match="cap"):
            suggest(1, (), 1, 1, cap=cap)  # type: ignore[arg-type]


@given(WEI, st.lists(WEI, max_size=5), st.none() | WEI, st.none() | WEI, WEI)
def test_an_offer_is_never_above_the_cap_and_enough_for_now(
    base: int, history: list[int], priority: int | None, price: int | None, cap: int
) -> None:
    try:
        offer = suggest(base, history, priority, price, cap=cap)
    except RuleViolation:
        return
    assert offer.max_fee_per_gas is not None
    assert offer.max_priority_fee_per_gas is not None
    assert base + offer.max_priority_fee_per_gas <= offer.max_fee_per_gas <= cap


# Outbidding oneself


def pool_takes(old: int, new: int) -> bool:
    """go-ethereum, core/txpool/legacypool/list.go, ``list.Add`` with PriceBump 10."""
    return new > old and new >= old * 110 // 100


@pytest.mark.parametrize(
    ("old", "base_fee", "cap", "expected"),
    [
        (type_2(80, 8), 0, 1000, type_2(90, 9)),
        (type_2(81, 9), 0, 1000, type_2(92, 11)),
        (type_2(0, 0), 0, 1000, type_2(1, 1)),
        (type_2(80, 0), 0, 1000, type_2(90, 1)),
        (type_2(80, 80), 0, 1000, type_2(90, 90)),
        (type_2(80, 8), 0, 88, type_2(88, 9)),
        (type_2(80, 80), 0, 89, type_2(89, 89)),
        (type_2(80, 8), None, 1000, type_2(90, 9)),
        (type_2(80, 8), 200, 1000, type_2(409, 9)),
        (type_2(80, 8), 200, 300, type_2(300, 9)),
        (type_2(80, 8), 200, 209, type_2(209, 9)),
        (Fees(gas_price=80), None, 1000, Fees(gas_price=90)),
        (Fees(gas_price=0), None, 1000, Fees(gas_price=1)),
        (Fees(gas_price=80), 500, 1000, Fees(gas_price=500)),
        (Fees(gas_price=80), None, 88, Fees(gas_price=88)),
    ],
)
def test_what_replaces(old: Fees, base_fee: int | None, cap: int, expected: Fees) -> None:
    assert raised(old, base_fee, cap=cap) == expected


@pytest.mark.parametrize(
    ("old", "base_fee", "cap"),
    [
        (type_2(80, 8), 0, 87),
        (type_2(1000, 1000), 0, 1099),
        (type_2(1000, 0), None, 1099),
        (Fees(gas_price=1000), None, 1099),
        (type_2(80, 8), 200, 208),
        (type_2(0, 0), 0, 0),
        (Fees(gas_price=80), None, 87),
        (Fees(gas_price=80), 500, 499),
        (Fees(gas_price=0), None, 0),
    ],
)
def test_a_cap_that_leaves_no_replacement(old: Fees, base_fee: int | None, cap: int) -> None:
    with pytest.raises(RuleViolation, match="to replace") as caught:
        raised(old, base_fee, cap=cap)
    assert caught.value.rule == "fee_cap"


@given(WEI, WEI, st.none() | WEI, WEI)
@example(2**90, 2**90, None, 2**90)
@example(10, 10, 0, 11)
def test_a_replacement_is_taken_by_the_pool_and_never_above_the_cap(most: int, tip: int, base_fee: int | None, cap: int) -> None:
    tip = min(tip, most)
    try:
        new = raised(type_2(most, tip), base_fee, cap=cap)
    except RuleViolation:
        assert cap < max(most * 11 // 10 + 1, (base_fee or 0) + tip * 11 // 10 + 1)
        return
    assert new.max_fee_per_gas is not None
    assert new.max_priority_fee_per_gas is not None
    assert pool_takes(most, new.max_fee_per_gas)
    assert pool_takes(tip, new.max_priority_fee_per_gas)
    assert new.max_fee_per_gas <= cap
    # The whole tip is paid at the present base fee.
    assert (base_fee or 0) + tip <= new.max_fee_per_gas


@given(WEI, st.none() | WEI, WEI)
def test_a_legacy_replacement(price: int, base_fee: int | None, cap: int) -> None:
    try:
        new = raised(Fees(gas_price=price), base_fee, cap=cap)
    except RuleViolation:
        return
    assert pool_takes(price, new.most)
    assert (base_fee or 0) <= new.most <= cap


# What nodes say

BLOCK = {"number": "0x5", "baseFeePerGas": "0x64"}
HISTORY = {"oldestBlock": "0x1", "baseFeePerGas": ["0x1", "0x2", "0x6e"], "gasUsedRatio": [0.5, 0.1], "reward": [["0x3"], ["0x4"]]}


def test_answers_are_read() -> None:
    assert [call.method for call in fee_calls()] == ["eth_getBlockByNumber", "eth_feeHistory", "eth_maxPriorityFeePerGas", "eth_gasPrice"]
    assert read_fees([BLOCK, HISTORY, "0x5", "0x69"]) == FeeFacts(0x6E, (3, 4), 5, 0x69)
    assert read_fees([BLOCK, NO, NO, NO]) == FeeFacts(100)
    assert read_fees([BLOCK, NO, None, None]) == FeeFacts(100)
    assert read_fees([BLOCK, {}, "0x5", "0x69"]) == FeeFacts(100, (), 5, 0x69)
    assert read_fees([BLOCK, {**HISTORY, "reward": None}, "0x5", "0x69"]) == FeeFacts(0x6E, (), 5, 0x69)


def test_a_chain_without_a_base_fee() -> None:
    # go-ethereum's eth_feeHistory says 0 for blocks without one.
    history = {**HISTORY, "baseFeePerGas": ["0x0", "0x0", "0x0"]}
    for block in ({"number": "0x5"}, {"number": "0x5", "baseFeePerGas": None}):
        assert read_fees([block, history, "0x5", "0x69"]) == FeeFacts(None, (3, 4), 5, 0x69)


@pytest.mark.parametrize(
    "answers",
    [
        [NO, HISTORY, "0x5", "0x5"],
        [None, HISTORY, "0x5", "0x5"],
        ["0x5", HISTORY, "0x5", "0x5"],
        [{"baseFeePerGas": "100"}, HISTORY, "0x5", "0x5"],
        [{"baseFeePerGas": 100}, HISTORY, "0x5", "0x5"],
        [{"baseFeePerGas": hex(MOST_WEI + 1)}, HISTORY, "0x5", "0x5"],
        [BLOCK, None, "0x5", "0x5"],
        [BLOCK, [], "0x5", "0x5"],
        [BLOCK, {**HISTORY, "baseFeePerGas": "0x5"}, "0x5", "0x5"],
        [BLOCK, {**HISTORY, "baseFeePerGas": ["0x5", 5]}, "0x5", "0x5"],
        [BLOCK, {**HISTORY, "baseFeePerGas": ["0x5"] * 7}, "0x5", "0x5"],
        [BLOCK, {**HISTORY, "reward": [["0x5"]] * 6}, "0x5", "0x5"],
        [BLOCK, {**HISTORY, "reward": ["0x5"]}, "0x5", "0x5"],
        [BLOCK, {**HISTORY, "reward": [[]]}, "0x5", "0x5"],
        [BLOCK, {**HISTORY, "reward": [["0x5", "0x5"]]}, "0x5", "0x5"],
        [BLOCK, {**HISTORY, "reward": [[None]]}, "0x5", "0x5"],
        [BLOCK, {**HISTORY, "reward": [[hex(2**255)]]}, "0x5", "0x5"],
        [BLOCK, {**HISTORY, "reward": {"0": "0x5"}}, "0x5", "0x5"],
        [BLOCK, HISTORY, "5", "0x5"],
        [BLOCK, HISTORY, "0x5", 5],
        [BLOCK, HISTORY, hex(2**200), "0x5"],
    ],
    ids=[str(number) for number in range(21)],
)
def test_what_no_node_may_say(answers: list[Any]) -> None:
    with pytest.raises(NodeError):
        read_fees(answers)


def test_a_real_node_and_an_offer_that_it_takes(chain: LocalChain) -> None:
    with HttpNode(chain.rpc_url) as node:
        facts = read_fees(node.ask(fee_calls()))
        block, price = node.ask((Rpc("eth_getBlockByNumber", ("latest", False)), Rpc("eth_gasPrice")))
    assert facts.base_fee is not None
    assert facts.base_fee <= int(block["baseFeePerGas"], 16) * 9 // 8 + 1
    assert facts.gas_price == int(price, 16)
    assert facts.priority
    assert len(facts.history) == 5
    offer = facts.suggest(cap=100 * GWEI)
    assert facts.base_fee < offer.most <= 100 * GWEI
