"""What logs say came of a transaction, held against its plan; the logs are packed by eth-abi."""

from __future__ import annotations

from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st
from tests.chain.plans import (
    ACCOUNT,
    APPROVALS,
    CURRENCY,
    DELISTING,
    ESCROWED,
    HOUSE,
    LISTING,
    MARKET,
    OFFERED,
    PLANS,
    PURCHASE,
    THIEF,
    UPDATE,
    at,
)

from orderseal.chain.abi import RawLog
from orderseal.chain.erc20 import Approval
from orderseal.chain.outcome import check_logs, expected_event
from orderseal.chain.plan import Plan
from orderseal.signing import Address, OrdersealError, PlanMismatch

SELLER = at(0x5E)


def log(of: Address, signature: str, indexed: int, *values: Any) -> RawLog:
    """A log whose first parameters are indexed."""
    types = signature.partition("(")[2][:-1].split(",")
    topics = [keccak(text=signature), *[encode([kind], [value]) for kind, value in zip(types[:indexed], values, strict=False)]]
    return RawLog(tuple(topics), encode(types[indexed:], values[indexed:]), of)


def transfer(of: Address, sender: Address, to: Address, value: int) -> RawLog:
    return log(of, "Transfer(address,address,uint256)", 2, sender, to, value)


def approval(of: Address, owner: Address, spender: Address, value: int) -> RawLog:
    return log(of, "Approval(address,address,uint256)", 2, owner, spender, value)


def bought(of: Address = MARKET, **changes: Any) -> RawLog:
    values = {"user": ACCOUNT, "house": HOUSE, "payment": CURRENCY, "price": 440, "count": 5, "timestamp": 1_800_000_000} | changes
    return log(of, "ListingBuyEvent(address,address,address,uint256,uint256,uint256)", 0, *values.values())


PAID = transfer(CURRENCY, ACCOUNT, SELLER, 2200)
GOT = transfer(HOUSE, SELLER, ACCOUNT, 5 * 10**18)
GOOD = [PAID, GOT, bought()]
LISTED = log(MARKET, "ListEvent(address,address,address,uint256,uint256,uint256)", 0, ACCOUNT, HOUSE, CURRENCY, 440, 1000, 9)
UPDATED = log(MARKET, "ListingUpdateEvent(address,address,uint256,uint256,uint256,uint256,uint256)", 0, ACCOUNT, HOUSE, 450, 2, 90, 1000, 9)
DELISTED = log(MARKET, "ListingDelistEvent(address,address,uint256)", 0, ACCOUNT, HOUSE, 9)
TAKEN = transfer(HOUSE, ACCOUNT, MARKET, OFFERED)
BACK = transfer(HOUSE, MARKET, ACCOUNT, OFFERED)

FINE: list[tuple[str, Plan, list[RawLog]]] = [
    ("plain", PURCHASE, GOOD),
    ("another order", PURCHASE, GOOD[::-1]),
    ("in parts", PURCHASE, [transfer(CURRENCY, ACCOUNT, SELLER, 2000), transfer(CURRENCY, ACCOUNT, THIEF, 200), GOT, bought()]),
    ("minted", PURCHASE, [PAID, transfer(HOUSE, Address(bytes(20)), ACCOUNT, 5 * 10**18), bought()]),
    ("what is left of the allowance", PURCHASE, [approval(CURRENCY, ACCOUNT, MARKET, 0), *GOOD]),
    ("another approval of nothing", PURCHASE, [approval(HOUSE, ACCOUNT, THIEF, 0), *GOOD]),
    ("approvals of others", PURCHASE, [approval(CURRENCY, SELLER, ACCOUNT, 7), *GOOD]),
    ("transfers of others", PURCHASE, [transfer(CURRENCY, SELLER, THIEF, 7), transfer(THIEF, SELLER, MARKET, 7), *GOOD]),
    ("a present", PURCHASE, [transfer(THIEF, SELLER, ACCOUNT, 7), *GOOD]),
    ("to itself", PURCHASE, [transfer(THIEF, ACCOUNT, ACCOUNT, 7), transfer(CURRENCY, ACCOUNT, ACCOUNT, 7), *GOOD]),
    ("nothing moved", PURCHASE, [transfer(THIEF, ACCOUNT, SELLER, 0), *GOOD]),
    ("events of others", PURCHASE, [bought(THIEF), *GOOD]),
    ("another event of the marketplace", PURCHASE, [LISTED, log(MARKET, "Fee(uint256)", 0, 7), *GOOD]),
    ("no topics", PURCHASE, [RawLog((), bytes(12) + ACCOUNT, MARKET), *GOOD]),
    ("an NFT of others", PURCHASE, [log(THIEF, "Transfer(address,address,uint256)", 3, SELLER, MARKET, 7), *GOOD]),
    (
        "a batch of others",
        PURCHASE,
        [log(THIEF, "TransferBatch(address,address,address,uint256[],uint256[])", 3, SELLER, MARKET, SELLER, [7], [7]), *GOOD],
    ),
    ("any time", PURCHASE, [PAID, GOT, bought(timestamp=0)]),
    ("list", LISTING, [LISTED]),
    ("taken at once", ESCROWED, [TAKEN, LISTED]),
    ("update", UPDATE, [UPDATED]),
    ("delist", DELISTING, [DELISTED]),
    ("given back", DELISTING, [BACK, DELISTED]),
]


@pytest.mark.parametrize(("plan", "logs"), [case[1:] for case in FINE], ids=[case[0] for case in FINE])
def test_as_planned(plan: Plan, logs: list[RawLog]) -> None:
    check_logs(plan, logs, "receipt")


SINGLE = "TransferSingle(address,address,address,uint256,uint256)"
BATCH = "TransferBatch(address,address,address,uint256[],uint256[])"
WRONG: list[tuple[str, Plan, list[RawLog], str]] = [
    ("nothing", PURCHASE, [], "receipt: what leaves"),
    ("only the event", PURCHASE, [bought()], "receipt: what leaves"),
    ("not delivered", PURCHASE, [PAID, bought()], "receipt: what arrives"),
    ("too little", PURCHASE, [PAID, transfer(HOUSE, SELLER, ACCOUNT, 5 * 10**18 - 1), bought()], "receipt: what arrives"),
    ("too much", PURCHASE, [PAID, GOT, transfer(HOUSE, SELLER, ACCOUNT, 1), bought()], "receipt: what arrives"),
    ("delivered to another", PURCHASE, [PAID, transfer(HOUSE, SELLER, THIEF, 5 * 10**18), bought()], "receipt: what arrives"),
    ("another token delivered", PURCHASE, [PAID, transfer(THIEF, SELLER, ACCOUNT, 5 * 10**18), bought()], "receipt: what arrives"),
    ("a base unit more", PURCHASE, [PAID, transfer(CURRENCY, ACCOUNT, SELLER, 1), GOT, bought()], "receipt: what leaves"),
    ("twice", PURCHASE, [PAID, *GOOD], "receipt: what leaves"),
    ("burned too", PURCHASE, [transfer(CURRENCY, ACCOUNT, Address(bytes(20)), 1), *GOOD], "receipt: what leaves"),
    ("what was bought leaves again", PURCHASE, [*GOOD, transfer(HOUSE, ACCOUNT, THIEF, 1)], "receipt.logs[3]"),
    ("another token leaves", PURCHASE, [transfer(THIEF, ACCOUNT, SELLER, 1), *GOOD], "receipt.logs[0]"),
    ("no event", PURCHASE, [PAID, GOT], "receipt: the event"),
    ("two events", PURCHASE, [*GOOD, bought()], "receipt: the event"),
    ("the event of another", PURCHASE, [PAID, GOT, bought(THIEF)], "receipt: the event"),
    ("another event", PURCHASE, [PAID, GOT, LISTED], "receipt: the event"),
    ("user", PURCHASE, [PAID, GOT, bought(user=SELLER)], "receipt: ListingBuyEvent.user"),
    ("house", PURCHASE, [PAID, GOT, bought(house=CURRENCY)], "receipt: ListingBuyEvent.house"),
    ("payment", PURCHASE, [PAID, GOT, bought(payment=HOUSE)], "receipt: ListingBuyEvent.payment"),
    ("price", PURCHASE, [PAID, GOT, bought(price=441)], "receipt: ListingBuyEvent.price"),
    ("count", PURCHASE, [PAID, GOT, bought(count=4)], "receipt: ListingBuyEvent.count"),
    ("a short event", PURCHASE, [PAID, GOT, RawLog(bought().topics, bought().data[:-1], MARKET)], "receipt.logs[2]"),
    ("an event with topics", PURCHASE, [PAID, GOT, RawLog((*bought().topics, bytes(32)), bought().data, MARKET)], "receipt.logs[2]"),
    ("an approval of the currency", PURCHASE, [approval(CURRENCY, ACCOUNT, THIEF, 1), *GOOD], "receipt.logs[0]"),
    ("an approval of the token", PURCHASE, [*GOOD, approval(HOUSE, ACCOUNT, MARKET, 1)], "receipt.logs[3]"),
    ("an approval of a third", PURCHASE, [*GOOD, approval(THIEF, ACCOUNT, MARKET, 1)], "receipt.logs[3]"),
    ("an NFT", PURCHASE, [log(THIEF, "Transfer(address,address,uint256)", 3, ACCOUNT, SELLER, 7), *GOOD], "receipt.logs[0]"),
    ("an old NFT", PURCHASE, [log(THIEF, "Transfer(address,address,uint256)", 0, ACCOUNT, SELLER, 7), *GOOD], "receipt.logs[0]"),
    (
        "an odd transfer of the currency",
        PURCHASE,
        [log(CURRENCY, "Transfer(address,address,uint256)", 0, SELLER, THIEF, 7), *GOOD],
        "receipt.logs[0]",
    ),
    (
        "an odd transfer of the token",
        PURCHASE,
        [log(HOUSE, "Transfer(address,address,uint256)", 1, SELLER, THIEF, 7), *GOOD],
        "receipt.logs[0]",
    ),
    ("an approval of an NFT", PURCHASE, [log(THIEF, "Approval(address,address,uint256)", 3, ACCOUNT, SELLER, 7), *GOOD], "receipt.logs[0]"),
    ("ERC-1155", PURCHASE, [log(THIEF, SINGLE, 3, MARKET, ACCOUNT, SELLER, 7, 1), *GOOD], "receipt.logs[0]"),
    ("ERC-1155, not indexed", PURCHASE, [log(THIEF, SINGLE, 0, MARKET, ACCOUNT, SELLER, 7, 1), *GOOD], "receipt.logs[0]"),
    ("ERC-1155, many", PURCHASE, [log(THIEF, BATCH, 3, MARKET, ACCOUNT, SELLER, [7], [1]), *GOOD], "receipt.logs[0]"),
    ("all NFTs", PURCHASE, [log(THIEF, "ApprovalForAll(address,address,bool)", 2, ACCOUNT, SELLER, True), *GOOD], "receipt.logs[0]"),
    ("no address", PURCHASE, [RawLog(PAID.topics, PAID.data, None), *GOOD], "receipt.logs[0]"),
    ("listed, not bought", LISTING, GOOD, "receipt.logs[0]"),
    ("listing takes", LISTING, [TAKEN, LISTED], "receipt: what leaves"),
    ("listing takes not", ESCROWED, [LISTED], "receipt: what leaves"),
    ("listing takes half", ESCROWED, [transfer(HOUSE, ACCOUNT, MARKET, OFFERED // 2), LISTED], "receipt: what leaves"),
    ("listing with no event", LISTING, [], "receipt: the event"),
    ("listing takes the currency", LISTING, [transfer(CURRENCY, ACCOUNT, MARKET, 1), LISTED], "receipt.logs[0]"),
    ("update with another event", UPDATE, [LISTED], "receipt: the event"),
    ("update of another price", LISTING, [UPDATED], "receipt: the event"),
    ("delisting takes", DELISTING, [TAKEN, DELISTED], "receipt: what leaves"),
    ("delisting without an event", DELISTING, [BACK], "receipt: the event"),
]


@pytest.mark.parametrize(("plan", "logs", "what"), [case[1:] for case in WRONG], ids=[case[0] for case in WRONG])
def test_not_as_planned(plan: Plan, logs: list[RawLog], what: str) -> None:
    with pytest.raises(PlanMismatch) as caught:
        check_logs(plan, logs, "receipt")
    assert caught.value.what == what or caught.value.what.startswith(f"{what}.")
    assert str(caught.value).isprintable()


def test_the_hint_about_units_is_for_purchases() -> None:
    with pytest.raises(PlanMismatch, match="units in the pins"):
        check_logs(PURCHASE, [bought()], "simulation")
    with pytest.raises(PlanMismatch) as caught:
        check_logs(ESCROWED, [LISTED], "simulation")
    assert "pins" not in str(caught.value)


@pytest.mark.parametrize("name", PLANS)
def test_the_event_is_that_of_the_calldata(name: str) -> None:
    plan = PLANS[name]
    event = expected_event(plan)
    if name in APPROVALS:
        assert event == Approval(owner=ACCOUNT, spender=MARKET, value=plan.expected.allowance)
        return
    assert not isinstance(event, Approval)
    kinds = {"purchase": "ListingBuyEvent", "list": "ListEvent", "update": "ListingUpdateEvent", "delist": "ListingDelistEvent"}
    assert (type(event).__name__, event.user, event.house, event.timestamp) == (kinds[plan.kind], ACCOUNT, HOUSE, 0)


TOPICS = [log.topics[0] for log in (PAID, approval(CURRENCY, ACCOUNT, MARKET, 1), bought(), LISTED)] + [keccak(text=SINGLE)]
WORDS = st.sampled_from([bytes(32), bytes(12) + ACCOUNT, bytes(12) + MARKET, bytes(12) + THIEF, b"\xff" * 32, (2200).to_bytes(32, "big")])
LOGS = st.builds(
    RawLog,
    topics=st.builds(
        lambda first, rest: (first, *rest), st.sampled_from(TOPICS) | st.binary(min_size=32, max_size=32), st.lists(WORDS, max_size=3)
    ),
    data=st.lists(WORDS, max_size=6).map(b"".join) | st.binary(max_size=100),
    address=st.sampled_from([CURRENCY, HOUSE, MARKET, THIEF]),
)


@given(st.sampled_from(sorted(PLANS)), st.lists(LOGS, max_size=5))
def test_any_logs(name: str, logs: list[RawLog]) -> None:
    """Only our own errors; and what passes is never without what must be there."""
    try:
        check_logs(PLANS[name], logs, "simulation")
    except OrdersealError:
        return
    assert any(each.address == MARKET for each in logs)


@given(st.lists(LOGS, max_size=4), st.integers(0, 4))
def test_noise_beside_the_good_ones(noise: list[RawLog], place: int) -> None:
    """Whatever is logged beside: if it passes, neither did more of the currency leave nor anything else of the account."""
    logs = [*GOOD[:place], *noise, *GOOD[place:]]
    try:
        check_logs(PURCHASE, logs, "simulation")
    except PlanMismatch:
        return
    word = bytes(12) + ACCOUNT
    for each in noise:
        moved = each.topics[:1] == (TOPICS[0],) and len(each.topics) == 3 and each.topics[1] == word != each.topics[2]
        assert not moved or int.from_bytes(each.data[:32], "big") == 0
