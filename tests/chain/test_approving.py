"""Approvals as plans on real EVMs: whatever stands, exactly what is owed stands afterwards, and nothing moves."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from tests.chain.executions import Account, anvil_chain, buyer, drive, either
from tests.chain.plans import APPROVAL, MARKET, MOST, PURCHASE, REVOCATION, STANDING, THIEF, UNLIMITED_APPROVAL, approve
from tests.chain.purchases import (
    TOKEN_MODES,
    Edit,
    Watched,
    carry_out_by_hand,
    deaf_to_overrides,
    deploy,
    packed,
    pinned,
    pins_of,
    send,
    view,
    without_overrides,
    without_simulate,
)

from orderseal.chain.abi import RawLog
from orderseal.chain.approving import plan_approval
from orderseal.chain.dialogue import Answer, Rpc, run
from orderseal.chain.drafts import Limits
from orderseal.chain.execute import Done
from orderseal.chain.outcome import check_logs
from orderseal.chain.pins import PinnedCode, Units
from orderseal.chain.plan import Plan
from orderseal.sandbox.evm import LocalChain
from orderseal.signing import Address, ChainError, Hash32, InvalidInput, LedgerError, PlanMismatch, Reverted, RuleViolation, WrongChain
from orderseal.signing.ledger import Ledger

__all__ = ["anvil_chain", "buyer", "either"]

TARGET = 1_500
ON_HAND = 10**12


def planned(account: Account, token: str = "payment", edit: Edit | None = None, **changes: Any) -> Plan:
    held = changes.pop("pins", None) or pins_of(account.chain, "settlement", token)
    given: dict[str, Any] = {"owner": account.address, "amount": TARGET, "max_total": 10**6, "now": time.time()}
    given["name"] = secrets.token_hex(8)
    with Watched(account.chain, edit) as node:
        return run(plan_approval(held, **(given | changes)), node)


def allow(account: Account, token: str, value: int) -> None:
    if value:
        send(account.chain, account.role, token, "approve(address,uint256)", account.chain.contracts["settlement"].address, value)


def allowed(account: Account, token: str = "payment") -> int:
    there = account.chain.contracts
    return view(account.chain, there[token].address, "allowance(address,address)", account.address, there["settlement"].address)


def has(account: Account, token: str) -> int:
    return view(account.chain, account.chain.contracts[token].address, "balanceOf(address)", account.address)


def play(chain: LocalChain, mode: str) -> None:
    deploy(chain, "play", "PlayToken", 6, packed("f(string)", "PLAY")[4:])
    send(chain, "deployer", "play", "setMode(uint256)", TOKEN_MODES.index(mode))


def assert_clean(account: Account, token: str, allowance: int, spent: int) -> None:
    """Nothing is left behind but the allowance: no hold, no open row, no gap, no live signature."""
    assert (allowed(account, token), account.spent) == (allowance, spent)
    assert account.ledger.holds() == []
    assert {slot.state.value for slot in account.slots()} <= {"accepted", "abandoned", "released"}
    assert account.ledger.exposure(pending=True).orders == ()
    assert account.nonce() == account.nonce("pending")


# -- Whatever stands ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [0, 700, TARGET, 9_000, MOST])
@pytest.mark.parametrize("token", ["payment", "usdt_like", "fee_token", "stock"])
def test_exactly_what_is_owed_stands_afterwards(either: Account, token: str, before: int) -> None:
    allow(either, token, before)
    balance, begun = has(either, token), either.spent
    plan = planned(either, token)
    resets = token == "usdt_like" and before not in (0, TARGET)
    assert plan.approvals == (() if before == TARGET else (0, TARGET) if resets else (TARGET,))
    assert (plan.kind, plan.expected.allowance, plan.expected.leaves, plan.simulated) == ("approval", TARGET, 0, True)
    assert Plan.parse(json.dumps(plan.to_json())) == plan
    if before == TARGET:
        assert either.carry(plan).sent == ()
        settlement = either.chain.contracts["settlement"].address
        for now in (0, 5, 0, TARGET):
            send(either.chain, either.role, token, "approve(address,uint256)", settlement, now)
            begun += 1
            if now == TARGET:
                assert either.carry(plan).sent == ()
                continue
            with pytest.raises(RuleViolation, match=rf"now it is {now}: plan again") as caught:
                either.carry(plan)
            assert caught.value.rule == "allowance_changed"
    else:
        done = either.carry(plan)
        assert [sent.what for sent in done.sent] == (["approve", "approval"] if resets else ["approval"])
        assert either.carry(plan) == done
    assert has(either, token) == balance
    assert_clean(either, token, TARGET, begun + len(plan.steps))


def test_what_was_given_up_takes_nothing_from_the_next_plan(buyer: Account) -> None:
    """The same command again, by a program that knows no better, must not take away what live orders need."""
    first = planned(buyer, amount=1_500)
    buyer.carry(first)
    buyer.give(first)
    assert allowed(buyer) == 0
    buyer.carry(planned(buyer, amount=3_000))
    for _ in range(2):
        with pytest.raises(ChainError, match="was given up before"):
            buyer.carry(first)
        assert_clean(buyer, "payment", 3_000, 3)
    assert [sent.what for sent in buyer.give(first).sent][-1:] == ["revoke"], "who says so gets it"
    assert_clean(buyer, "payment", 0, 4)


def test_what_stands_for_another_code_is_not_what_was_planned(buyer: Account) -> None:
    """Also where there is nothing to send, the spender must be the pinned one still."""
    allow(buyer, "payment", TARGET)
    plan = planned(buyer)
    assert buyer.carry(plan).sent == ()
    at = buyer.chain.contracts["settlement"].address
    honest = buyer.chain.request("eth_getCode", at, "latest")
    buyer.chain.request("anvil_setCode", at, honest + "00")
    try:
        with pytest.raises(PlanMismatch, match="code"):
            buyer.carry(plan)
    finally:
        buyer.chain.request("anvil_setCode", at, honest)


def test_a_plan_without_a_step_cannot_be_given_up(buyer: Account) -> None:
    allow(buyer, "payment", TARGET)
    plan = planned(buyer)
    with pytest.raises(RuleViolation, match="plan for 0") as caught:
        buyer.give(plan)
    assert caught.value.rule == "nothing_to_send"
    assert_clean(buyer, "payment", TARGET, 1)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"unlimited": "false", "amount": None, "max_total": None}, "unlimited"),
        ({"unlimited": 1, "amount": None, "max_total": None}, "unlimited"),
        ({"unlimited": True, "max_total": None}, "unlimited"),
        ({"amount": True}, "amount"),
        ({"amount": 1_500.0}, "amount"),
    ],
    ids=str,
)
def test_no_limit_is_asked_for_by_name_alone(buyer: Account, changes: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        planned(buyer, **changes)
    assert caught.value.path == path


def test_an_amount_without_end_is_no_amount(buyer: Account) -> None:
    most = (2**256 - 1) // 10**6
    with pytest.raises(RuleViolation) as caught:
        planned(buyer, amount=2**255, max_total=most)
    assert caught.value.rule == "max_total"
    assert planned(buyer, amount=2**255 - 1, max_total=most).kind == "approval"


@pytest.mark.parametrize("token", ["payment", "usdt_like"])
def test_nothing_is_owed_any_more(either: Account, token: str) -> None:
    allow(either, token, 9_000)
    plan = planned(either, token, amount=0, max_total=0)
    assert plan.approvals == (0,)
    either.carry(plan)
    assert_clean(either, token, 0, 2)
    assert planned(either, token, amount=0, max_total=0).steps == ()


@pytest.mark.parametrize(("edit", "way"), [(without_simulate, "executor"), (without_overrides, "none"), (deaf_to_overrides, "none")])
def test_by_an_older_node(either: Account, edit: Edit, way: str) -> None:
    allow(either, "usdt_like", 700)
    plan = planned(either, "usdt_like", edit)
    assert (plan.simulation, plan.simulated, plan.approvals) == (way, way != "none", (0, TARGET))
    if way == "none":
        with pytest.raises(RuleViolation, match="could be checked"):
            either.carry(plan)
    carry_out_by_hand(either.chain, plan)
    assert allowed(either, "usdt_like") == TARGET


def test_unlimited_is_asked_for_by_name(either: Account) -> None:
    plan = planned(either, amount=None, max_total=None, unlimited=True)
    assert (plan.kind, plan.approvals, plan.caps.max_total) == ("unlimited-approval", (MOST,), MOST)
    assert [sent.what for sent in either.carry(plan).sent] == ["unlimited-approval"]
    assert_clean(either, "payment", MOST, 1)
    with pytest.raises(RuleViolation) as caught:  # Not by a large number.
        planned(either, amount=MOST, max_total=Decimal(f"{MOST}e-6"))
    assert caught.value.rule == "max_total"
    beside: list[dict[str, Any]] = [{"amount": 1}, {"max_total": 5}, {"headroom": 1}]
    for changes in beside:
        given: dict[str, Any] = {"unlimited": True, "amount": None, "max_total": None} | changes
        with pytest.raises(InvalidInput, match="unlimited"):
            planned(either, **given)


# -- Bounds -------------------------------------------------------------------------------------------------------------------------


def test_headroom_and_the_cap(either: Account) -> None:
    plan = planned(either, headroom=Decimal("0.0005"), max_total=Decimal("0.002"))
    assert (plan.approvals, plan.caps.max_total) == ((2_000,), 2_000)
    with pytest.raises(RuleViolation, match=r"would be 0\.002001, and at most 0\.002 are allowed") as caught:
        planned(either, headroom=Decimal("0.000501"), max_total=Decimal("0.002"))
    assert caught.value.rule == "max_total"
    with pytest.raises(RuleViolation, match=r"2\^255"):
        planned(either, amount=2**300)
    with pytest.raises(RuleViolation) as caught:
        planned(either, limits=Limits(max_fee_per_gas=1))
    assert caught.value.rule == "fee_cap"


@pytest.mark.parametrize(
    "changes",
    [
        {"amount": 1.5},
        {"amount": True},
        {"amount": -1},
        {"amount": None},
        {"headroom": 0.1},
        {"headroom": Decimal("0.0000001")},
        {"max_total": None},
        {"max_total": 5.0},
        {"owner": "0x" + "00" * 20},
        {"now": "now"},
    ],
    ids=lambda changes: " ".join(f"{name} {value}" for name, value in changes.items()),
)
def test_wrong_arguments(buyer: Account, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as caught:
        planned(buyer, **changes)
    assert caught.value.path in changes


def test_an_account_without_coins(either: Account) -> None:
    poor = "0x" + "77" * 20
    with pytest.raises(RuleViolation) as caught:
        planned(either, owner=poor)
    assert caught.value.rule == "coins"
    assert planned(either, owner=poor, amount=0).steps == ()


# -- Pins and liars -----------------------------------------------------------------------------------------------------------------


def test_pins_that_do_not_fit(either: Account) -> None:
    good = pins_of(either.chain, "settlement", "payment")
    code = good.marketplace
    with pytest.raises(WrongChain):
        planned(either, pins=replace(good, chain_id=1))
    with pytest.raises(PlanMismatch, match=r"marketplace\.code_hash"):
        planned(either, pins=replace(good, marketplace=replace(code, code_hash=Hash32(b"\x07" * 32))))
    with pytest.raises(PlanMismatch, match=r"currency\.code_hash"):
        planned(either, pins=replace(good, currency=replace(good.currency, code_hash=Hash32(b"\x07" * 32))))
    with pytest.raises(PlanMismatch, match="no contract"):
        planned(either, pins=replace(good, marketplace=replace(code, address=THIEF)))
    with pytest.raises(PlanMismatch, match="decimals"):
        planned(either, pins=replace(good, currency=replace(good.currency, decimals=18)))
    with pytest.raises(InvalidInput, match="decimals"):
        planned(either, pins=replace(good, currency=replace(good.currency, decimals=None)))
    # What else purchases pin has no meaning here.
    other = replace(good, tokens=(Address(either.chain.contracts["house"].address),), units=Units(7, 8))
    assert planned(either, pins=other).pins == replace(good, units=Units(1, 10**6))


def test_proxies_and_diamonds(either: Account) -> None:
    """A spender behind a proxy is what is pinned behind it; a diamond has more facets than pins can hold."""
    proxy = pins_of(either.chain, "market_proxy", "payment")
    assert planned(either, pins=proxy).spender == proxy.marketplace.address
    with pytest.raises(PlanMismatch, match="implementation"):
        planned(either, pins=replace(proxy, marketplace=replace(proxy.marketplace, implementation=None)))
    wrong = PinnedCode(Address(either.chain.contracts["market"].address), Hash32(b"\x07" * 32))
    with pytest.raises(PlanMismatch, match="implementation"):
        planned(either, pins=replace(proxy, marketplace=replace(proxy.marketplace, implementation=wrong)))
    diamond = pins_of(either.chain, "market_diamond", "payment")
    with pytest.raises(InvalidInput, match="facet"):
        planned(either, pins=diamond)
    with pytest.raises(PlanMismatch, match="facet"):
        planned(either, pins=replace(diamond, marketplace=replace(diamond.marketplace, facet=None)))


def test_code_that_is_replaced_between_plan_and_sending(either: Account) -> None:
    plan = planned(either)
    other = replace(plan.pins, marketplace=replace(plan.pins.marketplace, code_hash=pinned(either.chain, "market").code_hash))
    with pytest.raises(PlanMismatch, match=r"marketplace\.code_hash"):
        either.carry(replace(plan, pins=other))
    assert_clean(either, "payment", 0, 0)


@pytest.mark.parametrize(
    ("mode", "before", "error"),
    [
        ("says_no", 0, Reverted),
        ("approves_nothing", 0, PlanMismatch),
        ("approves_all", 0, PlanMismatch),
        ("adds", 700, PlanMismatch),
    ],
)
def test_tokens_that_do_something_else(either: Account, mode: str, before: int, error: type[Exception]) -> None:
    play(either.chain, "honest")
    allow(either, "play", before)
    send(either.chain, "deployer", "play", "setMode(uint256)", TOKEN_MODES.index(mode))
    for edit in (None, without_simulate):
        with pytest.raises(error):
            planned(either, "play", edit)


def test_a_token_that_says_no_until_it_is_reset(either: Account) -> None:
    play(either.chain, "reset_first_says_no")
    allow(either, "play", 700)
    plan = planned(either, "play")
    assert plan.approvals == (0, TARGET)
    either.carry(plan)
    assert allowed(either, "play") == TARGET


def test_a_token_that_turns_after_the_plan(either: Account) -> None:
    play(either.chain, "honest")
    plan = planned(either, "play")
    send(either.chain, "deployer", "play", "setMode(uint256)", TOKEN_MODES.index("approves_all"))
    with pytest.raises(PlanMismatch, match="the allowance afterwards"):
        either.carry(plan)
    assert_clean(either, "play", 0, 0)


def word(value: int) -> str:
    return f"0x{value:064x}"


def saying(account: Account, token: str, *values: int) -> Callable[[Rpc, Answer], Answer]:
    """A node that says something else of the allowance, once for each value, then the truth."""
    left = list(values)
    at = account.chain.contracts[token].address.lower()

    def after(call: Rpc, answer: Answer) -> Answer:
        asked = call.params[0] if call.method == "eth_call" else {}
        return word(left.pop(0)) if left and str(asked.get("to")).lower() == at else answer

    return after


def test_more_is_allowed_than_was_approved(either: Account) -> None:
    """As whoever approves with another program could make it: all of it is revoked."""
    plan = planned(either)
    either.node.after = saying(either, "payment", TARGET + 1)
    with pytest.raises(PlanMismatch, match="the allowance: expected 1500"):
        either.carry(plan)
    either.node.honest()
    assert_clean(either, "payment", 0, 2)
    with pytest.raises(Exception, match="given up before"):
        either.carry(plan)
    assert_clean(either, "payment", 0, 2)


def test_less_is_allowed_since_an_order_was_filled(either: Account) -> None:
    plan = planned(either)
    either.node.after = saying(either, "payment", TARGET - 400)
    assert [sent.what for sent in either.carry(plan).sent] == ["approval"]
    assert "of 1500 base units that were allowed, 400 have been taken already" in either.told
    assert_clean(either, "payment", TARGET, 1)


def test_a_receipt_without_its_event(either: Account) -> None:
    plan = planned(either)

    def after(call: Rpc, answer: Answer) -> Answer:
        return answer | {"logs": []} if call.method == "eth_getTransactionReceipt" and isinstance(answer, dict) else answer

    either.node.after = after
    with pytest.raises(PlanMismatch, match="one Approval of the token"):
        either.carry(plan)
    assert_clean(either, "payment", 0, 2)


def test_a_node_of_another_chain(either: Account) -> None:
    plan = planned(either)
    either.node.after = lambda call, answer: "0x1" if call.method == "eth_chainId" else answer
    with pytest.raises(WrongChain):
        either.carry(plan)
    either.node.honest()
    assert_clean(either, "payment", 0, 0)


def test_a_late_plan(either: Account) -> None:
    plan = planned(either, now=time.time() - 10_000)
    with pytest.raises(RuleViolation) as caught:
        either.carry(plan)
    assert caught.value.rule == "valid_until"
    assert_clean(either, "payment", 0, 0)


# -- What a plan says of itself -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"kind": "purchase"},
        {"kind": "unlimited-approval"},
        {"steps": (approve(0), approve(0), approve(2200))},
        {"steps": (approve(1), approve(2200))},
        {"steps": (approve(2200), approve(0))},
        {"steps": (approve(2201),)},
        {"steps": (approve(2200, token=THIEF),)},
        {"steps": (approve(2200, spender=THIEF),)},
        {"steps": (approve(0, spender=THIEF), approve(2200))},
        {"steps": (replace(approve(2200), data=approve(2200).data + b"\0"),)},
        {"steps": (replace(approve(2200), data=packed("transfer(address,uint256)", MARKET, 2200)),)},
        {"steps": (PURCHASE.steps[-1],)},
        {"steps": (approve(MOST),), "expected": replace(APPROVAL.expected, allowance=MOST), "caps": UNLIMITED_APPROVAL.caps},
        {"expected": replace(APPROVAL.expected, leaves=1)},
        {"expected": replace(APPROVAL.expected, arrives=1)},
        {"expected": replace(APPROVAL.expected, price=1)},
        {"expected": replace(APPROVAL.expected, allowance=2201)},
        {"caps": replace(APPROVAL.caps, max_total=2199)},
        {"caps": replace(APPROVAL.caps, max_fee=APPROVAL.gas * APPROVAL.caps.max_fee_per_gas - 1)},
        {"token_decimals": 18},
        {"pins": replace(APPROVAL.pins, units=Units(1, 1))},
        {"pins": replace(APPROVAL.pins, tokens=(THIEF,))},
        {"pins": replace(APPROVAL.pins, chain_id=1)},
    ],
    ids=range(23),
)
def test_what_is_no_plan_for_an_approval(changes: dict[str, Any]) -> None:
    with pytest.raises((PlanMismatch, InvalidInput)):
        replace(APPROVAL, **changes)


def test_what_else_is_none() -> None:
    for plan, changes in (
        (REVOCATION, {"steps": (approve(0), approve(0))}),
        (UNLIMITED_APPROVAL, {"kind": "approval"}),
        (UNLIMITED_APPROVAL, {"steps": (approve(MOST - 1),)}),
        (STANDING, {"caps": replace(APPROVAL.caps, max_total=2199)}),
        (STANDING, {"kind": "purchase"}),
        (STANDING, {"kind": "unlimited-approval"}),
    ):
        with pytest.raises(PlanMismatch):
            replace(plan, **changes)


def test_what_a_plan_says_of_itself() -> None:
    assert (APPROVAL.token, APPROVAL.approved_token, APPROVAL.spender) == (APPROVAL.pins.currency.address,) * 2 + (MARKET,)
    assert [APPROVAL.what(index) for index in range(2)] == ["approve", "approval"]
    assert APPROVAL.gas == 2 * 60_000 + 120_000
    assert Plan.parse(json.dumps(STANDING.to_json())) == STANDING
    assert (STANDING.call, STANDING.approvals) == (APPROVAL.call, ())
    assert len({plan.hash for plan in (APPROVAL, REVOCATION, STANDING, UNLIMITED_APPROVAL)}) == 4


def log(signature: str, first: bytes, second: bytes, value: int, at: Address = APPROVAL.token) -> RawLog:
    from eth_utils.crypto import keccak

    return RawLog((keccak(text=signature), bytes(12) + first, bytes(12) + second), value.to_bytes(32, "big"), at)


def approval_log(value: int = 2200, spender: Address = MARKET, owner: Address = APPROVAL.account, at: Address = APPROVAL.token) -> RawLog:
    return log("Approval(address,address,uint256)", owner, spender, value, at)


def transfer_log(value: int, sender: Address, to: Address, at: Address = APPROVAL.token) -> RawLog:
    return log("Transfer(address,address,uint256)", sender, to, value, at)


def test_the_logs_of_an_approval() -> None:
    found = check_logs(APPROVAL, [approval_log(), transfer_log(5, THIEF, MARKET)], "receipt")
    assert getattr(found, "value", None) == 2200
    for bad in (
        [],
        [approval_log(2201)],
        [approval_log(), approval_log()],
        [approval_log(at=THIEF)],
        [approval_log(owner=THIEF)],
        [approval_log(), approval_log(1, spender=THIEF)],
        [approval_log(), approval_log(1, at=THIEF)],
        # A fee that is taken for approving, of this token or another.
        [approval_log(), transfer_log(1, APPROVAL.account, THIEF)],
        [approval_log(), transfer_log(1, APPROVAL.account, THIEF, at=THIEF)],
    ):
        with pytest.raises(PlanMismatch):
            check_logs(APPROVAL, bad, "receipt")


# -- One at a time, and broken off anywhere -----------------------------------------------------------------------------------------


def cut(account: Account, dialogue: Any, stop: int, *, after: bool) -> Done | str:
    return drive(dialogue, account.node, stop, after=after, sleep=account.time.sleep)


def reopen(account: Account, owner: str = "first", **options: Any) -> None:
    old = list(account.ledgers)
    account.open(owner, **options)
    for ledger in old:
        ledger.close()
    account.ledgers[:] = [account.ledger]


def test_one_at_a_time(buyer: Account) -> None:
    first, second, other = planned(buyer), planned(buyer, amount=99), planned(buyer, "stock", max_total=10**6)
    stopped = 0
    while buyer.spent == 0:
        reopen(buyer)
        cut(buyer, buyer.carrying(first), stopped, after=True)
        stopped += 1
    reopen(buyer)
    with pytest.raises(LedgerError, match=str(first.hash)) as caught:
        buyer.carry(second)
    assert caught.value.reason == "held"
    buyer.carry(other)
    buyer.carry(first)
    assert_clean(buyer, "payment", TARGET, 2)
    buyer.carry(second)
    assert_clean(buyer, "payment", 99, 3)


@pytest.mark.once
@pytest.mark.parametrize("after", [False, True], ids=["before it is done", "after it is done"])
def test_broken_off_anywhere(buyer: Account, after: bool) -> None:
    """At each thing that is wanted, of a token that must be reset first; then another instance goes on."""
    points: list[str] = []
    for stop in range(500):
        strange = stop % 7 == 3
        reopen(buyer, lease=0.1 if strange else 60.0)
        plan = planned(buyer, "usdt_like", amount=1 + stop)
        ended = cut(buyer, buyer.carrying(plan), stop, after=after)
        reopen(buyer, f"other {stop}" if strange else "first")
        done = buyer.carry(plan)
        assert [sent.what for sent in done.sent] == (["approve", "approval"] if stop else ["approval"])
        assert_clean(buyer, "usdt_like", 1 + stop, 2 * stop + 1)
        if isinstance(ended, Done):
            assert ended == done
            break
        points.append(ended)
    assert len(points) > 20
    assert any("eth_sendRawTransaction" in point for point in points)


@pytest.mark.once
def test_broken_off_anywhere_and_given_up(buyer: Account) -> None:
    """Then nothing is allowed, also where all had been carried out, and the next plan works."""
    for stop in range(0, 500, 3):
        reopen(buyer)
        plan = planned(buyer, "usdt_like", amount=1 + stop)
        ended = cut(buyer, buyer.carrying(plan), stop, after=bool(stop % 2))
        reopen(buyer)
        cut(buyer, buyer.giving_up(plan), (stop * 7) % 31, after=bool(stop % 2))
        reopen(buyer)
        done = buyer.give(plan)
        if done.begun:
            assert done.allowance == 0
            assert_clean(buyer, "usdt_like", 0, buyer.spent)
        if isinstance(ended, Done):
            assert "revoke" in [sent.what for sent in done.sent]
            with pytest.raises(Exception, match="given up before"):
                buyer.carry(plan)
            break
        buyer.carry(planned(buyer, "usdt_like", amount=2 + stop))
        assert_clean(buyer, "usdt_like", 2 + stop, buyer.spent)
    else:
        pytest.fail("it does not come to an end")


def test_another_ledger_is_another_hold(buyer: Account, tmp_path: Any) -> None:
    """As the manual says: one plan, one ledger. What is set twice is the same."""
    plan = planned(buyer)
    buyer.carry(plan)
    with Ledger(tmp_path / "other.db") as other:
        buyer.carry(plan, ledger=other)
    assert_clean(buyer, "payment", TARGET, 2)
