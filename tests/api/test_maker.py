"""A maker at a venue where everything goes wrong: the venue's own record and the ledger say the same afterwards."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, aclosing, suppress
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from orderseal.api import stove
from orderseal.api.stove import maker as maker_module
from orderseal.api.submission import Policy
from orderseal.api.transport import HttpTransport, Limits, Request, Retries
from orderseal.sandbox import Fault, Sandbox, Settings
from orderseal.signing import (
    Hash32,
    InvalidInput,
    LocalSigner,
    NonceConflict,
    OrderRules,
    OutcomeUnknown,
    RateLimited,
    Refused,
    RuleViolation,
    Signature,
    SignerError,
    TypedData,
    Unreachable,
    VenueError,
    sign_order,
)
from orderseal.signing.ledger import CancelState, Ledger, LedgerError, MemoryStore, SequentialFromVenue, Stage, State, Store, What

if TYPE_CHECKING:
    from tests.api.conftest import Kit, RawServer

USDT = stove.TESTNET.token("USDT")
LIMIT = Decimal("150.25")
QUICK = Policy(first_wait=0.01, longest_wait=0.05, settle=0.04, patience=8.0)
ORDERS = "/api/v1/orders"
LOGIN = "/api/v1/makers/connect"
NONCE = "/api/v1/orders/maker/next-nonce"
CANCEL = "/api/v1/orders/*/cancel"
GIVEN_UP = (State.RELEASED, State.ABANDONED, State.REFUSED)


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    with Sandbox(Settings(step_delay_min=0.003, step_delay_max=0.02, heartbeat_interval=0.5), start_timeout=60) as running:
        yield running


@pytest.fixture
def venue(shared: Sandbox) -> Iterator[Sandbox]:
    """The sandbox of this module, whose faults are over after each test."""
    yield shared
    shared.calm()


class Counting:
    """A signer that counts, and may go wrong."""

    def __init__(self, inner: LocalSigner) -> None:
        self.inner, self.address, self.orders, self.logins = inner, inner.address, 0, 0
        self.before: Callable[[], None] = lambda: None

    def sign_typed_data(self, digest: Hash32, document: Callable[[], TypedData]) -> Signature:
        self.orders += 1
        self.before()
        return self.inner.sign_typed_data(digest, document)

    def sign_message(self, text: str) -> Signature:
        self.logins += 1
        return self.inner.sign_message(text)


MakerOf = Callable[..., stove.AsyncMaker]


@pytest.fixture
async def maker_of(kit: Kit) -> AsyncIterator[MakerOf]:
    """Makes makers, each with a key and a ledger in memory of its own unless they are given, and closes them."""
    async with AsyncExitStack() as stack:

        def make(url: str, signer: Any = None, ledger: Ledger | str | Path | None = None, **options: Any) -> stove.AsyncMaker:
            means = {"policy": QUICK} | options
            maker = stove.AsyncMaker(
                stove.TESTNET.at(url), signer or Counting(kit.signer()), ledger if ledger is not None else Ledger(MemoryStore()), **means
            )
            stack.push_async_callback(maker.aclose)
            return maker

        yield make


async def buy(maker: stove.AsyncMaker, shares: int = 10, **options: Any) -> stove.Placed:
    values: dict[str, Any] = {"limit": LIMIT, "pay_with": "USDT"} | options
    return await maker.buy("AAPL", shares=shares, **values)


def books(maker: stove.AsyncMaker, venue: Sandbox, others: int = 0) -> dict[int, State]:
    """Hold the venue's own record against the ledger; give the state of each nonce."""
    states = {slot.key: slot.state for slot in maker.ledger.slots(account=maker.scope.account)}
    mine = [order for order in venue.accepted() if order.maker == str(maker.scope.account)]
    assert all(count == 1 for count in Counter(order.nonce for order in mine).values())
    unknown = 0
    for order in mine:
        slot = maker.ledger.find(maker.scope, order.nonce)
        if slot is None:
            unknown += 1
            continue
        assert slot.state in (State.ACCEPTED, State.UNKNOWN, State.SENDING), (slot.key, slot.state)
        [signed] = [artifact for artifact in maker.ledger.artifacts(slot) if artifact.stage is Stage.SIGNED]
        assert signed.signature is not None
        assert signed.body is not None
        assert order.signature == "0x" + signed.signature.hex()
        assert order.body_sha256 == sha256(signed.body).hexdigest()
        assert order.signing_hash == str(slot.digest)
        assert order.deliveries == order.identical_deliveries
        assert slot.sent_at is not None
    assert unknown == others
    at_the_venue = {order.nonce for order in mine}
    assert {nonce for nonce, state in states.items() if state is State.ACCEPTED} <= at_the_venue
    return states


# -- One order, one fault --------------------------------------------------------------------------------------------------------


async def test_the_honest_way(venue: Sandbox, maker_of: MakerOf, tmp_path: Path) -> None:
    async with maker_of(venue.url, ledger=tmp_path / "bot.db") as maker:
        placed = await buy(maker, 60)
        assert (placed.nonce, placed.slot.state) == (placed.order.nonce, State.ACCEPTED)
        changes = [change.to_status async for change in maker.watch(placed)]
        assert changes[-1] == "filled"
        assert books(maker, venue) == {placed.nonce: State.ACCEPTED}
        assert (await maker.exposure()).orders == ()
        assert "AsyncMaker('Stove test network" in repr(maker)
        assert placed.venue.signature[2:] not in repr(placed)
        assert maker.recovered == []
    with pytest.raises(LedgerError, match="closed"):
        maker.ledger.info()


FAULTS = {
    "delay": Fault("delay", seconds=0.05),
    "delay after": Fault("delay", seconds=0.05, after=True),
    "drop_before": Fault("drop_before"),
    "drop_before by reset": Fault("drop_before", reset=True),
    "drop_after": Fault("drop_after"),
    "drop_after by reset": Fault("drop_after", reset=True),
    "cut_reply": Fault("cut_reply"),
    "error_before": Fault("error_before"),
    "error_before in the envelope": Fault("error_before", status=503, envelope=True),
    "error_after": Fault("error_after", status=502),
    "error_after in the envelope": Fault("error_after", envelope=True),
    "duplicate_delivery": Fault("duplicate_delivery"),
    "rate_limit": Fault("rate_limit", seconds=1),
    "expire_token": Fault("expire_token"),
    "clock behind": Fault("clock", seconds=-120),
    "slow_drip": Fault("slow_drip"),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_an_order_survives_a_fault(venue: Sandbox, maker_of: MakerOf, name: str) -> None:
    maker = maker_of(venue.url)
    await maker.client.connect()
    venue.inject(FAULTS[name])
    placed = await buy(maker)
    assert books(maker, venue) == {placed.nonce: State.ACCEPTED}
    assert cast("Counting", maker.signer).orders == 1
    again = await buy(maker)
    assert books(maker, venue) == {placed.nonce: State.ACCEPTED, again.nonce: State.ACCEPTED}


ROWS = {
    "before and after": [Fault("drop_before"), Fault("drop_after")],
    "three times after": [Fault("error_before"), Fault("cut_reply", reset=True), Fault("error_before")],
    "a token in the middle": [Fault("drop_before"), Fault("expire_token"), Fault("drop_after")],
    "delivered twice after it was lost": [Fault("error_before"), Fault("duplicate_delivery")],
    "limited, then lost": [Fault("rate_limit", seconds=0), Fault("drop_after")],
    "two dead tokens": [Fault("expire_token"), Fault("expire_token")],
}


@pytest.mark.parametrize("name", ROWS)
async def test_an_order_survives_several_in_a_row(venue: Sandbox, maker_of: MakerOf, name: str) -> None:
    maker = maker_of(venue.url)
    for fault in ROWS[name]:
        venue.inject(fault)
    placed = await buy(maker)
    assert books(maker, venue) == {placed.nonce: State.ACCEPTED}


LOOKUPS = [Fault("drop_before"), Fault("cut_reply"), Fault("error_before"), Fault("expire_token"), Fault("rate_limit", seconds=0)]


@pytest.mark.parametrize("fault", LOOKUPS, ids=lambda fault: str(fault.kind))
@pytest.mark.parametrize("first", ["drop_after", "duplicate_delivery", "drop_before"])
async def test_the_lookup_fails_too(venue: Sandbox, maker_of: MakerOf, fault: Fault, first: Any) -> None:
    maker = maker_of(venue.url)
    venue.inject(Fault(first))
    venue.inject(fault, count=2, method="GET", path=ORDERS)
    placed = await buy(maker)
    assert books(maker, venue) == {placed.nonce: State.ACCEPTED}


@pytest.mark.parametrize(
    "fault", [Fault("drop_before"), Fault("cut_reply"), Fault("error_before"), Fault("rate_limit", seconds=0)], ids=lambda f: str(f.kind)
)
async def test_the_login_before_an_order_fails(venue: Sandbox, maker_of: MakerOf, fault: Fault) -> None:
    maker = maker_of(venue.url)
    await maker.client.connect()
    venue.inject(Fault("expire_token"))
    venue.inject(fault, count=2, path=LOGIN)
    placed = await buy(maker)
    assert books(maker, venue) == {placed.nonce: State.ACCEPTED}


async def test_the_venue_never_answers_the_order_nor_the_lookup(venue: Sandbox, maker_of: MakerOf) -> None:
    maker = maker_of(venue.url, policy=Policy(first_wait=0.05, settle=0.1, patience=0.6))
    venue.inject(Fault("drop_after"), count=20)
    venue.inject(Fault("drop_before"), count=200, method="GET", path=ORDERS)
    with pytest.raises(OutcomeUnknown, match="still unknown, and it stays open in the ledger") as caught:
        await buy(maker)
    nonce = caught.value.nonce
    assert nonce is not None
    assert books(maker, venue) == {nonce: State.UNKNOWN}
    venue.calm()
    placed = await buy(maker)
    assert books(maker, venue) == {nonce: State.UNKNOWN, placed.nonce: State.ACCEPTED}


async def test_a_refusal(venue: Sandbox, maker_of: MakerOf) -> None:
    """Refused for good: nothing stands at the venue. The nonce is spent, and the signature counts."""
    maker = maker_of(venue.url)
    venue.inject(Fault("clock", seconds=3_000))  # The deadline is too soon for a venue that is so far ahead.
    with pytest.raises(Refused):
        await buy(maker, reference="one")
    [(nonce, state)] = books(maker, venue).items()
    assert state is State.REFUSED
    assert len((await maker.exposure()).orders) == 1
    with pytest.raises(Refused, match=f"nonce {nonce} was refused before"):
        await buy(maker, reference="one")


@pytest.mark.parametrize("seconds", [20_000, -20_000])
async def test_a_venue_whose_clock_is_elsewhere_gets_no_order(venue: Sandbox, maker_of: MakerOf, seconds: int) -> None:
    maker = maker_of(venue.url)
    await maker.client.connect()
    for path in (NONCE, "/api/v1/orders/estimate_charge"):
        venue.inject(Fault("clock", seconds=seconds), count=3, method="*", path=path)
    with pytest.raises(RuleViolation) as caught:
        await buy(maker)
    assert caught.value.rule == "clock_offset"
    assert set(books(maker, venue).values()) == {State.RELEASED}
    assert cast("Counting", maker.signer).orders == 0


async def test_a_login_that_fails_in_the_middle_says_nothing_of_the_order(kit: Kit, server: RawServer, maker_of: MakerOf) -> None:
    """Another request's answer ends the session between renewal and sending, and the next login is refused."""
    maker = maker_of(server.url)
    routes(kit, server, maker)
    original = maker.client.submit

    async def submit(*args: Any, **options: Any) -> Any:
        maker.client._session._auth.forget()
        server.routes[LOGIN] = [kit.refusal(400, "login closed"), lambda seen: kit.ok({"jwt": server.token(seen.json["wallet_address"])})]
        maker.client.submit = original  # type: ignore[method-assign]  # the second time it goes well
        return await original(*args, **options)

    maker.client.submit = submit  # type: ignore[method-assign]
    placed = await buy(maker)
    assert placed.slot.state is State.ACCEPTED
    answers = [attempt.details["meaning"] for attempt in maker.ledger.attempts(placed.slot) if attempt.what is What.ANSWER]
    assert answers == ["not_accepted", "accepted"]
    assert server.count(ORDERS) == 1


async def test_nothing_leaves_once_the_lease_has_run_out(
    kit: Kit, server: RawServer, maker_of: MakerOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine slept between the commit and the first byte."""
    elapsed = 1000.0
    monkeypatch.setattr("orderseal.signing.ledger.ledger.elapsed_clock", lambda: elapsed)
    maker = maker_of(server.url)
    routes(kit, server, maker)
    original = maker.client.submit

    async def submit(*args: Any, **options: Any) -> Any:
        nonlocal elapsed
        elapsed += 60
        return await original(*args, **options)

    maker.client.submit = submit  # type: ignore[method-assign]
    with pytest.raises(LedgerError, match="send nothing") as caught:
        await buy(maker)
    assert caught.value.reason == "lease_lost"
    assert server.count(ORDERS) == 0
    assert [slot.state for slot in maker.ledger.slots()] == [State.ABANDONED]


def routes(kit: Kit, server: RawServer, maker: stove.AsyncMaker) -> None:
    """A venue of canned answers that takes every order."""

    def take(seen: Any) -> Any:
        if seen.method == "GET":
            return kit.page()
        body = seen.json
        return kit.ok(
            {
                "id": "550e8400-e29b-41d4-a716-446655440000",
                **body["order"],
                "signature": body["signature"],
                "order_hash": "0x" + "ab" * 32,
                "status": "pending",
                "filled_quantity": "0",
                "created_at": "2025-01-17T03:00:24Z",
                "updated_at": "2025-01-17T03:00:24Z",
            }
        )

    def estimate(seen: Any) -> Any:
        asked = seen.json
        return kit.ok(
            {
                "base_currency": "USD",
                "charge_base": "1.5",
                "target_currency": "USDT",
                "charge_target": str(10**18),
                "price_base": asked["price"],
                "price_target": str(int(Decimal(asked["price"]) * 10**18)),
                "exchange_rate": "1.0",
            }
        )

    server.routes[ORDERS] = take
    server.routes[NONCE] = kit.ok({"maker": str(maker.scope.account), "next_nonce": 5})
    server.routes["/api/v1/orders/estimate_charge"] = estimate


# -- Many orders -----------------------------------------------------------------------------------------------------------------


async def test_chaos_one_after_the_other(venue: Sandbox, maker_of: MakerOf, tmp_path: Path) -> None:
    maker = maker_of(venue.url, ledger=tmp_path / "bot.db")
    await maker.client.connect()
    venue.chaos(20_260_101, [(fault, part) for fault, part in MIX])
    ended: Counter[str] = Counter()
    for _ in range(30):
        await try_to_buy(maker, ended)
    venue.calm()
    check_chaos(books(maker, venue), ended)


async def try_to_buy(maker: stove.AsyncMaker, ended: Counter[str]) -> None:
    try:
        await buy(maker)
        ended["placed"] += 1
    except (VenueError, RuleViolation) as error:
        ended[type(error).__name__] += 1


async def test_chaos_all_at_once(venue: Sandbox, maker_of: MakerOf, tmp_path: Path) -> None:
    maker = maker_of(venue.url, ledger=tmp_path / "bot.db")
    await maker.client.connect()
    venue.chaos(7, [(fault, part) for fault, part in MIX])
    ended: Counter[str] = Counter()
    left = list(range(60))

    async def work() -> None:
        while left:
            left.pop()
            await try_to_buy(maker, ended)

    await asyncio.gather(*(work() for _ in range(20)))
    venue.calm()
    check_chaos(books(maker, venue), ended)


MIX = (
    (Fault("delay", seconds=0.02), 0.06),
    (Fault("drop_before"), 0.07),
    (Fault("drop_before", reset=True), 0.04),
    (Fault("drop_after"), 0.08),
    (Fault("drop_after", reset=True), 0.05),
    (Fault("cut_reply"), 0.05),
    (Fault("error_before", status=503), 0.05),
    (Fault("error_after"), 0.06),
    (Fault("duplicate_delivery"), 0.08),
    (Fault("rate_limit", seconds=0), 0.05),
    (Fault("expire_token"), 0.02),
    (Fault("slow_drip", seconds=0.02), 0.04),
)
"""The sandbox's own mix, without its broken clocks, which rightly stop everything, and without the seconds of ``Retry-After``."""


def check_chaos(states: dict[int, State], ended: Counter[str]) -> None:
    assert ended["placed"] >= 0.85 * ended.total(), ended
    found = Counter(states.values())
    assert found[State.ACCEPTED] == ended["placed"]
    assert set(found) <= {State.ACCEPTED, State.UNKNOWN, *GIVEN_UP}


# -- References ------------------------------------------------------------------------------------------------------------------


async def test_the_same_reference_gives_the_same_order(venue: Sandbox, maker_of: MakerOf) -> None:
    maker = maker_of(venue.url)
    first = await buy(maker, reference="rebalance-1")
    again = await buy(maker, reference="rebalance-1")
    assert (again.slot.id, again.order, again.venue.id) == (first.slot.id, first.order, first.venue.id)
    assert len(books(maker, venue)) == 1


@pytest.mark.parametrize(
    "change", [{"shares": 20}, {"limit": Decimal("150.26")}, {"pay_with": "USDC"}, {"side": "sell"}, {"ticker": "TSLA"}], ids=str
)
async def test_another_content_under_the_same_reference(venue: Sandbox, maker_of: MakerOf, change: dict[str, Any]) -> None:
    maker = maker_of(venue.url)
    intent: dict[str, Any] = {"side": "buy", "ticker": "AAPL", "shares": 10, "limit": LIMIT, "pay_with": "USDT", "reference": "one"}
    await maker.place(**intent)
    with pytest.raises(InvalidInput) as caught:
        await maker.place(**(intent | change))
    assert caught.value.path == "reference"
    assert len(books(maker, venue)) == 1


async def test_the_same_reference_all_at_once(venue: Sandbox, maker_of: MakerOf) -> None:
    maker = maker_of(venue.url)
    found = await asyncio.gather(*(buy(maker, reference="one") for _ in range(10)), return_exceptions=True)
    placed = [item for item in found if isinstance(item, stove.Placed)]
    assert placed
    assert len({item.slot.id for item in placed}) == 1
    for item in found:
        if isinstance(item, BaseException):
            assert isinstance(item, LedgerError)
            assert item.reason in ("reference_used", "stale")
    assert sorted(set(books(maker, venue).values())) in ([State.ACCEPTED], [State.ACCEPTED, State.RELEASED])


async def test_a_reference_that_is_under_way(venue: Sandbox, maker_of: MakerOf) -> None:
    maker = maker_of(venue.url)
    venue.inject(Fault("delay", seconds=1.0))
    first = asyncio.create_task(buy(maker, reference="one"))
    while maker.ledger.by_reference(maker.scope, "one") is None:  # noqa: ASYNC110 - it shows in the ledger alone
        await asyncio.sleep(0.005)
    with pytest.raises(LedgerError, match="under way under nonce") as caught:
        await buy(maker, reference="one")
    assert caught.value.reason == "stale"
    assert (await first).slot.state is State.ACCEPTED
    assert len(books(maker, venue)) == 1


async def test_a_reference_that_is_not_checked_yet_is_sent_by_nobody_else(venue: Sandbox, maker_of: MakerOf) -> None:
    """Its order is committed, and held against the exposure once more: another call must not take it past that."""
    maker = maker_of(venue.url, rules=OrderRules(max_live=1))
    checks, second = 0, asyncio.Event()
    original = maker._check_exposure

    async def check(*args: Any) -> None:
        nonlocal checks
        checks += 1
        if checks == 2:
            second.set()
            await asyncio.sleep(0.2)
            raise RuleViolation("too_many_live", "another was quicker")
        await original(*args)

    maker._check_exposure = check  # type: ignore[assignment,method-assign]
    first = asyncio.create_task(buy(maker, reference="one"))
    await second.wait()
    with pytest.raises(LedgerError) as caught:
        await buy(maker, reference="one")
    assert caught.value.reason == "stale"
    with pytest.raises(RuleViolation):
        await first
    assert set(books(maker, venue).values()) == {State.ABANDONED}
    assert cast("Counting", maker.signer).orders == 0


async def test_a_reference_is_free_again_if_nothing_was_sent(venue: Sandbox, maker_of: MakerOf) -> None:
    maker = maker_of(venue.url)
    signer = cast("Counting", maker.signer)

    def locked() -> None:
        raise SignerError("the device is locked")

    signer.before = locked
    with pytest.raises(SignerError):
        await buy(maker, reference="one")
    signer.before = lambda: None
    placed = await buy(maker, reference="one")
    assert Counter(books(maker, venue).values()) == {State.ABANDONED: 1, State.ACCEPTED: 1}
    assert (await buy(maker, reference="one")).slot.id == placed.slot.id


async def test_a_reference_of_an_order_that_was_tried_is_not_free(venue: Sandbox, maker_of: MakerOf) -> None:
    maker = maker_of(venue.url, policy=Policy(patience=0))
    venue.inject(Fault("rate_limit", seconds=3))
    with pytest.raises(RateLimited):
        await buy(maker, reference="one")
    with pytest.raises(LedgerError, match="Use another reference for another try") as caught:
        await buy(maker, reference="one")
    assert caught.value.reason == "given_up"
    assert set(books(maker, venue).values()) == {State.ABANDONED}


async def test_asking_again_goes_on_with_what_was_unknown(venue: Sandbox, maker_of: MakerOf) -> None:
    maker = maker_of(venue.url, policy=Policy(patience=0))
    venue.inject(Fault("drop_after"))
    venue.inject(Fault("drop_before"), method="GET", path=ORDERS)
    with pytest.raises(OutcomeUnknown):
        await buy(maker, reference="one")
    placed = await buy(maker, reference="one")
    assert books(maker, venue) == {placed.nonce: State.ACCEPTED}


@pytest.mark.parametrize("reference", ["", "x" * 129, "a\nb", 7])
async def test_a_reference_of_a_wrong_form(venue: Sandbox, maker_of: MakerOf, reference: Any) -> None:
    maker = maker_of(venue.url)
    with pytest.raises(InvalidInput):
        await buy(maker, reference=reference)
    assert maker.ledger.slots() == []


# -- Rules -----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "options", "code"),
    [
        ({"tickers": ["TSLA"]}, {}, "ticker_not_allowed"),
        ({"price_at_most": 100}, {}, "price_too_high"),
        ({"max_shares": 5}, {}, "quantity_too_large"),
        ({"max_notional": USDT.amount(100)}, {}, "notional_too_high"),
        ({"max_buy_exposure": USDT.amount(100)}, {}, None),
        ({"price_band_percent": 5}, {}, "price_no_reference"),
        ({"price_band_percent": 5}, {"fair_price": Decimal(200)}, "price_outside_band"),
        ({"max_live": 0}, {}, None),
        ({"max_fee": Decimal("0.000001")}, {}, "fee_too_high"),
        ({}, {"life": 60}, "deadline_too_soon"),
        ({}, {"principal": "0x" + "12" * 20}, "principal_not_allowed"),
    ],
)
async def test_a_broken_rule_touches_no_key(
    venue: Sandbox, maker_of: MakerOf, rules: dict[str, Any], options: dict[str, Any], code: str | None
) -> None:
    maker = maker_of(venue.url, rules=OrderRules(**rules))
    with pytest.raises(RuleViolation) as caught:
        await buy(maker, **options)
    assert code in (None, caught.value.rule)
    assert cast("Counting", maker.signer).orders == 0
    kept = books(maker, venue)  # None, if the rule spoke before the venue was asked anything.
    assert set(kept.values()) <= {State.RELEASED}
    maker.rules = OrderRules()
    placed = await buy(maker)
    assert placed.nonce == min(kept, default=placed.nonce)


@pytest.mark.parametrize(
    "options",
    [
        {"shares": 0},
        {"shares": 1.0},
        {"limit": 150.25},
        {"limit": Decimal(0)},
        {"pay_with": "DAI"},
        {"deadline": 1.5},
        {"deadline": 1, "life": 1},
    ],
    ids=str,
)
async def test_a_wrong_form_keeps_no_nonce(venue: Sandbox, maker_of: MakerOf, options: dict[str, Any]) -> None:
    maker = maker_of(venue.url)
    with pytest.raises(InvalidInput):
        await buy(maker, **options)
    assert set(books(maker, venue).values()) <= {State.RELEASED}
    assert cast("Counting", maker.signer).orders == 0


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"principal": "0x12"}, "principal"),
        ({"fair_price": 1.5}, "fair_price"),
        ({"fair_price": Decimal(0)}, "fair_price"),
        ({"exchange": -1}, "exchange"),
        ({"exchange": "0"}, "exchange"),
        ({"limit": Decimal("NaN")}, "limit"),
        ({"reference": "a\0"}, "reference"),
    ],
    ids=str,
)
async def test_an_error_names_the_argument_that_was_given(venue: Sandbox, maker_of: MakerOf, options: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        await buy(maker_of(venue.url), **options)
    assert caught.value.path == path


async def test_several_broken_rules_are_all_told(venue: Sandbox, maker_of: MakerOf) -> None:
    maker = maker_of(venue.url, rules=OrderRules(tickers={"TSLA"}, max_shares=10))
    with pytest.raises(RuleViolation, match=r"\(1\) ticker_not_allowed: .*; \(2\) quantity_too_large: ") as caught:
        await buy(maker, shares=11)
    assert "nonce" not in str(caught.value)  # There is none yet.


@pytest.mark.parametrize("chaos", [False, True])
async def test_a_cap_is_never_overshot(venue: Sandbox, maker_of: MakerOf, chaos: bool) -> None:
    cap = USDT.amount(8_000)  # Five orders of about 1,503.
    maker = maker_of(venue.url, rules=OrderRules(max_buy_exposure=cap))
    await maker.client.connect()
    if chaos:
        venue.chaos(3, MIX)
    peak = 0
    done = asyncio.Event()

    async def look() -> None:
        nonlocal peak
        while not done.is_set():
            sent = maker.ledger.exposure()
            peak = max(peak, sum(sent.buys.values()))
            await asyncio.sleep(0.002)

    looking = asyncio.create_task(look())
    found = await asyncio.gather(*(buy(maker) for _ in range(20)), return_exceptions=True)
    done.set()
    await looking
    placed = [item for item in found if isinstance(item, stove.Placed)]
    assert all(isinstance(item, stove.Placed | RuleViolation | VenueError) for item in found), found
    assert sum(item.order.price * item.order.quantity + item.order.incentive for item in placed) <= cap.units
    assert 0 < peak <= cap.units or not placed
    books(maker, venue)
    while True:
        try:
            placed.append(await buy(maker))
        except RuleViolation:
            break
    venue.calm()
    assert sum(item.order.price * item.order.quantity + item.order.incentive for item in placed) <= cap.units
    assert chaos or len(placed) == 5


# -- Others with the same key ----------------------------------------------------------------------------------------------------


async def another_program_places(maker: stove.AsyncMaker, kit: Kit, nonce: int) -> None:
    signer = cast("Counting", maker.signer).inner
    async with stove.AsyncClient(maker.network, signer) as client:
        await client.create(sign_order(kit.signed_order(signer, nonce=nonce, quantity=7).order, maker.network.domain, signer))


async def test_another_program_with_the_same_key_is_noticed_when_the_venue_is_ahead(venue: Sandbox, maker_of: MakerOf, kit: Kit) -> None:
    maker = maker_of(venue.url)
    placed = await buy(maker)
    await another_program_places(maker, kit, placed.nonce + 1)
    with pytest.raises(LedgerError, match="another program signs with this account") as caught:
        await buy(maker)
    assert caught.value.reason == "venue_ahead"
    assert await maker.reconcile() == placed.nonce + 2
    assert (await buy(maker)).nonce == placed.nonce + 2
    assert set(books(maker, venue, others=1).values()) == {State.ACCEPTED}


async def test_another_program_takes_the_nonce_first(venue: Sandbox, maker_of: MakerOf, kit: Kit) -> None:
    maker = maker_of(venue.url)
    signer = cast("Counting", maker.signer)
    first = await buy(maker)
    loop = asyncio.get_running_loop()

    def steal() -> None:
        signer.before = lambda: None
        asyncio.run_coroutine_threadsafe(another_program_places(maker, kit, first.nonce + 1), loop).result(20)

    signer.before = steal
    with pytest.raises(NonceConflict, match="another program signs with this account"):
        await buy(maker)
    states = {slot.key: slot.state for slot in maker.ledger.slots()}
    assert states == {first.nonce: State.ACCEPTED, first.nonce + 1: State.REFUSED}


# -- Cancelling ------------------------------------------------------------------------------------------------------------------


def cancels(maker: stove.AsyncMaker, placed: stove.Placed) -> list[str]:
    return [attempt.details["state"] for attempt in maker.ledger.attempts(placed.slot) if attempt.what is What.CANCEL]


async def test_cancelling_a_resting_order(venue: Sandbox, maker_of: MakerOf) -> None:
    maker = maker_of(venue.url)
    placed = await buy(maker)
    done = await maker.cancel(placed)
    assert (done.state, done.status, done.live_until, done.error) == (CancelState.DONE, "cancelled", placed.order.deadline, None)
    assert cancels(maker, placed) == ["asked", "acknowledged", "done"]
    assert len((await maker.exposure()).orders) == 1, "a cancellation ends no live signature"
    again = await maker.cancel(placed)
    assert again.state is CancelState.DONE
    assert len(cancels(maker, placed)) == 3


async def test_cancelling_a_filled_order(venue: Sandbox, maker_of: MakerOf) -> None:
    maker = maker_of(venue.url)
    placed = await buy(maker, 60)
    assert [change.to_status async for change in maker.watch(placed)][-1] == "filled"
    done = await maker.cancel(placed)
    assert (done.state, done.status) == (CancelState.NOT_DONE, "filled")
    assert isinstance(done.error, Refused)
    assert cancels(maker, placed) == ["asked", "refused", "not_done"]


@pytest.mark.parametrize(
    "fault",
    [
        Fault("drop_after"),
        Fault("drop_before"),
        Fault("error_after"),
        Fault("cut_reply"),
        Fault("duplicate_delivery"),
        Fault("expire_token"),
    ],
    ids=lambda f: str(f.kind),
)
async def test_a_cancellation_whose_reply_is_lost(venue: Sandbox, maker_of: MakerOf, fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orderseal.api.stove.cancelling._FIRST_WAIT", 0.02)
    maker = maker_of(venue.url)
    placed = await buy(maker)
    venue.inject(fault, path=CANCEL)
    done = await maker.cancel(placed)
    assert (done.state, done.status, done.error) == (CancelState.DONE, "cancelled", None)
    assert cancels(maker, placed)[0] == "asked"
    assert cancels(maker, placed)[-1] == "done"


async def test_a_cancellation_that_never_gets_through_is_unknown_and_asked_again(
    venue: Sandbox, maker_of: MakerOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orderseal.api.stove.cancelling._FIRST_WAIT", 0.02)
    maker = maker_of(venue.url, retries=Retries.none())
    placed = await buy(maker)
    venue.inject(Fault("drop_before"), count=3, path=CANCEL)
    venue.inject(Fault("drop_before"), count=1, method="GET", path=ORDERS)
    done = await maker.cancel(placed)
    assert (done.state, done.status) == (CancelState.UNKNOWN, None)
    assert isinstance(done.error, OutcomeUnknown)
    assert cancels(maker, placed) == ["asked", "unknown"]
    assert (await maker.cancel(placed)).state is CancelState.DONE
    assert cancels(maker, placed) == ["asked", "unknown", "asked", "acknowledged", "done"]


async def test_cancelling_where_nothing_can_be_reached_is_no_refusal(
    kit: Kit, server: RawServer, maker_of: MakerOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the venue refuses: that nobody was reached is no word of its."""
    monkeypatch.setattr("orderseal.api.stove.cancelling._FIRST_WAIT", 0.01)
    maker = maker_of(server.url)
    routes(kit, server, maker)
    placed = await buy(maker)
    maker.client._session._auth.forget()
    server.routes[LOGIN] = b""
    done = await maker.cancel(placed)
    assert done.state is CancelState.UNKNOWN
    assert isinstance(done.error, Unreachable)


async def test_cancelling_a_locked_order_is_a_request(maker_of: MakerOf) -> None:
    settings = Settings(step_delay_min=0.4, step_delay_max=0.4, heartbeat_interval=0.5, seed=1)
    with Sandbox(settings, start_timeout=60) as slow:
        maker = maker_of(slow.url)
        placed = await buy(maker, 60)
        async for change in maker.watch(placed, until={"locked"}):
            assert change.to_status in ("pending", "locked")
        asked = await maker.cancel(placed)
        assert (asked.state, asked.status, asked.error) == (CancelState.ACKNOWLEDGED, "locked", None)
        last = [change.to_status async for change in maker.watch(placed)][-1]
        assert cancels(maker, placed) == ["asked", "acknowledged", "done" if last == "cancelled" else "not_done"]


async def test_what_is_no_placed_order(venue: Sandbox, maker_of: MakerOf) -> None:
    maker = maker_of(venue.url)
    for wrong in (None, "id", 7):
        with pytest.raises(InvalidInput):
            await maker.cancel(cast("Any", wrong))
        with pytest.raises(InvalidInput):
            async for _ in maker.watch(cast("Any", wrong)):
                pass


# -- Watching --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", ["whole", "wei"])
async def test_watching_keeps_what_was_seen_and_ends_the_exposure_of_fills(
    venue: Sandbox, wei_sandbox: Sandbox, maker_of: MakerOf, unit: str
) -> None:
    sandbox = venue if unit == "whole" else wei_sandbox
    maker = maker_of(sandbox.url)
    for shares, left in ((60, 0), (40, 20), (20, 10), (50, 50)):
        placed = await buy(maker, shares)
        until = {"partially_filled"} if shares == 20 else stove.FINAL_STATUSES
        seen = [change.to_status async for change in maker.watch(placed, until=until)]
        kept = [attempt.details["status"] for attempt in maker.ledger.attempts(placed.slot) if attempt.what is What.OBSERVATION]
        assert kept == seen
        live = [order for order in (await maker.exposure()).orders if order.slot.id == placed.slot.id]
        assert sum(order.order.quantity - order.filled for order in live if order.order is not None) == left, (shares, seen)
        assert (await maker.find(placed.slot)).order == placed.order


async def test_leaving_the_loop_at_the_fill_counts_it_all_the_same(venue: Sandbox, maker_of: MakerOf) -> None:
    maker = maker_of(venue.url)
    placed = await buy(maker, 60)
    async with aclosing(maker.watch(placed)) as changes:
        async for change in changes:
            if change.to_status == "filled":
                break
    assert (await maker.exposure()).orders == ()


async def test_a_venue_that_fails_after_the_last_change_does_not_fail_the_loop(
    venue: Sandbox, maker_of: MakerOf, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(maker_module, "_FIRST_WAIT", 0.01)
    maker = maker_of(venue.url)
    for failures, left in ((3, 0), (100, 1)):
        placed = await buy(maker, 60)
        original, left_to_fail = maker.client.order, failures

        async def order(order_hash: str, original: Any = original) -> Any:
            nonlocal left_to_fail
            found = await original(order_hash)
            if found.is_final and sys._getframe(1).f_code.co_name == "_take_stock" and left_to_fail:
                left_to_fail -= 1
                raise Unreachable("the connection broke")
            return found

        maker.client.order = order  # type: ignore[method-assign]
        assert [change.to_status async for change in maker.watch(placed)][-1] == "filled"
        maker.client.order = original  # type: ignore[method-assign]
        live = [one for one in (await maker.exposure()).orders if one.slot.id == placed.slot.id]
        assert len(live) == left
    assert "could not be read, and stay in the exposure" in caplog.text


async def test_a_fill_without_a_transaction_ends_no_exposure(kit: Kit, server: RawServer, maker_of: MakerOf) -> None:
    maker = maker_of(server.url)
    routes(kit, server, maker)
    placed = await buy(maker)
    fills: list[dict[str, object]] = [
        {"fill_quantity": "6", "fill_amount": "1"},
        {"fill_quantity": "4", "fill_amount": "1", "tx_hash": "0x" + "cd" * 32},
    ]
    sent = server.last(ORDERS).json
    shown = {
        "id": placed.venue.id,
        **sent["order"],
        "signature": sent["signature"],
        "order_hash": placed.venue.order_hash,
        "status": "filled",
        "filled_quantity": "10",
        "created_at": "2025-01-17T03:00:24Z",
        "updated_at": "2025-01-17T03:00:24Z",
        "fills": fills,
    }
    server.routes[ORDERS] = kit.page(shown)
    server.routes[kit.STREAM] = lambda seen: kit.plays(kit.upgrade(seen, []))
    assert [change.to_status async for change in maker.watch(placed)] == ["filled"]
    [live] = (await maker.exposure()).orders
    assert live.filled == 4


# -- Panic -----------------------------------------------------------------------------------------------------------------------


async def test_panic(venue: Sandbox, maker_of: MakerOf, kit: Kit, tmp_path: Path) -> None:
    path = tmp_path / "bot.db"
    maker = maker_of(venue.url, ledger=path)
    mine = await buy(maker)
    unknown = mine.nonce + 5
    await another_program_places(maker, kit, unknown)
    with Ledger(path) as other:
        open_slot = other.reserve(maker.scope, SequentialFromVenue(None))
        done = await maker.panic()
        assert set(done.cancelled.values()) == {CancelState.ACKNOWLEDGED}
        assert len(done.cancelled) == 2
        assert mine.venue.id in done.cancelled
        assert done.errors == ()
        assert done.exposure is not None
        assert [order.slot.id for order in done.exposure.orders] == [mine.slot.id]
        assert done.allowances == ((str(USDT.address), str(maker.network.settlement)),)
        for ledger in (other, maker.ledger):
            with pytest.raises(LedgerError) as caught:
                ledger.reserve(maker.scope, SequentialFromVenue(None))
            assert caught.value.reason == "needs_reconcile"
        assert other.get(open_slot.id).state is State.RESERVED
        with pytest.raises(LedgerError):
            await buy(maker)
        await maker.reconcile(skip=10)
        assert (await buy(maker)).slot.state is State.ACCEPTED


async def test_panic_gives_up_what_was_left_unsent(venue: Sandbox, maker_of: MakerOf, kit: Kit) -> None:
    store, signer = MemoryStore(), Counting(kit.signer())
    maker = maker_of(venue.url, signer, Ledger(store, owner="bot"))
    placed = await buy(maker)
    left = maker.ledger.reserve(maker.scope, SequentialFromVenue(None))
    order = placed.order.replace(nonce=left.key)
    maker.ledger.commit(left, order, maker.network.domain)
    again = maker_of(venue.url, signer, Ledger(store, owner="bot"))
    done = await again.panic()
    assert done.abandoned == (left.key,)
    assert again.ledger.get(left.id).state is State.ABANDONED


async def test_panic_goes_on_whatever_fails(venue: Sandbox, maker_of: MakerOf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orderseal.api.stove.cancelling._FIRST_WAIT", 0.02)
    maker = maker_of(venue.url)
    placed = [await buy(maker) for _ in range(2)]
    venue.inject(Fault("drop_before"), count=2, method="GET", path=ORDERS)
    venue.inject(Fault("error_before"), count=3, path=CANCEL)
    maker.ledger.close()
    done = await maker.panic()
    assert set(done.cancelled) == {one.venue.id for one in placed}
    assert sorted(done.cancelled.values()) == [CancelState.ACKNOWLEDGED, CancelState.UNKNOWN]
    assert done.exposure is None
    assert {type(error) for error in done.errors} == {LedgerError, OutcomeUnknown}
    assert {token for token, _ in done.allowances} == {str(token.address) for token in maker.network.tokens.values()}


# -- After a crash ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unsent", ["abandon", "send"])
async def test_entering_settles_what_was_left(venue: Sandbox, maker_of: MakerOf, kit: Kit, unsent: Any) -> None:
    store, signer = MemoryStore(), Counting(kit.signer())
    first = maker_of(venue.url, signer, Ledger(store, owner="bot"), policy=Policy(patience=0))
    placed = await buy(first)
    venue.inject(Fault("drop_after"))
    venue.inject(Fault("drop_before"), method="GET", path=ORDERS)
    with pytest.raises(OutcomeUnknown):
        await buy(first)
    unsent_slot = first.ledger.reserve(first.scope, SequentialFromVenue(None))
    first.ledger.commit(unsent_slot, placed.order.replace(nonce=unsent_slot.key), first.network.domain)
    reserved = first.ledger.reserve(first.scope, SequentialFromVenue(None))
    async with maker_of(venue.url, signer, Ledger(store, owner="bot"), unsent=unsent) as second:
        found = {one.slot.key: one for one in second.recovered}
        assert found[placed.nonce + 1].placed is not None
        assert found[unsent_slot.key].slot.state is (State.ABANDONED if unsent == "abandon" else State.ACCEPTED)
        assert (found[unsent_slot.key].error is None) == (unsent == "send")
        assert (found[reserved.key].slot.state, found[reserved.key].error) == (State.RELEASED, None)
        books(second, venue)
        assert await second.recover() == []


async def test_one_recovery_at_a_time_and_none_outlives_the_maker(
    venue: Sandbox, maker_of: MakerOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maker_module, "_RECOVER_EVERY", 0.0)
    maker = maker_of(venue.url)
    running = most = 0

    async def recover(**_: Any) -> list[Any]:
        nonlocal running, most
        running += 1
        most = max(most, running)
        try:
            await asyncio.sleep(3600)
        finally:
            running -= 1
        return []

    maker._submitter.recover = recover  # type: ignore[method-assign]
    await buy(maker)
    await buy(maker)
    assert most == 1
    await maker.aclose()
    assert running == 0


async def test_a_recovery_that_fails_is_told_and_keeps_nobody_out(
    kit: Kit, maker_of: MakerOf, venue: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = Ledger(MemoryStore())
    ledger.close()
    with caplog.at_level(logging.WARNING, "orderseal.api.stove"):
        async with maker_of(venue.url, ledger=ledger):
            pass
    assert "what others left open could not be settled" in caplog.text


# -- Cancelled callers, threads, ends --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("point", range(12))
async def test_a_caller_who_goes_away_leaves_nothing_that_is_sent_later(venue: Sandbox, maker_of: MakerOf, kit: Kit, point: int) -> None:
    store, signer = MemoryStore(), Counting(kit.signer())
    taps = Tapped(store)
    maker = maker_of(venue.url, signer, Ledger(cast("Store", taps), owner="bot"), rules=OrderRules(max_live=5))
    await maker.client.connect()
    loop, calls = asyncio.get_running_loop(), 0
    task = asyncio.create_task(buy(maker, reference="one"))

    def tap() -> None:
        nonlocal calls
        if threading.current_thread().name.startswith("orderseal"):
            calls += 1
            if calls == point + 1:
                told = threading.Event()

                def hit() -> None:
                    task.cancel()
                    loop.call_soon(told.set)

                loop.call_soon_threadsafe(hit)
                assert told.wait(20)

    taps.tap = tap
    with suppress(asyncio.CancelledError):
        await task
    taps.tap = lambda: None
    await maker.aclose()
    sent = [order for order in venue.accepted() if order.maker == str(maker.scope.account)]
    states = {slot.state for slot in maker.ledger.slots()}
    assert not states & {State.COMMITTED, State.SIGNED}, states
    async with maker_of(venue.url, signer, Ledger(store, owner="bot"), unsent="send") as second:
        books(second, venue)
        if states <= {State.RESERVED, State.RELEASED, State.ABANDONED}:
            assert [order for order in venue.accepted() if order.maker == str(maker.scope.account)] == sent == []


class Tapped:
    """A store that calls a function after each of its calls, and knows their threads."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self.tap: Callable[[], None] = lambda: None
        self.threads: set[threading.Thread] = set()

    def __getattr__(self, name: str) -> Any:
        inner = getattr(self._store, name)

        def call(*args: Any, **options: Any) -> Any:
            self.threads.add(threading.current_thread())
            result = inner(*args, **options)
            self.tap()
            return result

        return call


async def test_the_ledger_is_never_called_on_the_loops_thread(venue: Sandbox, maker_of: MakerOf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orderseal.api.stove.cancelling._FIRST_WAIT", 0.02)
    taps = Tapped(MemoryStore())
    async with maker_of(venue.url, ledger=Ledger(cast("Store", taps)), rules=OrderRules(max_live=50)) as maker:
        venue.inject(Fault("drop_after"))
        placed = await buy(maker, 60, reference="one")
        await buy(maker, 60, reference="one")
        async for _ in maker.watch(placed):
            pass
        await maker.cancel(placed)
        await maker.find(placed.slot)
        await maker.exposure()
        await maker.recover()
        with pytest.raises(RuleViolation):
            await buy(maker, life=1)
        await maker.panic()
        await maker.reconcile()
    assert taps.threads
    assert threading.main_thread() not in taps.threads


async def test_a_call_that_fails_leaves_no_request_behind(venue: Sandbox, maker_of: MakerOf) -> None:
    maker = maker_of(venue.url)
    for options in ({"limit": Decimal(0)}, {"shares": 7, "pay_with": "USDT"}):
        venue.inject(Fault("error_before"), path="/api/v1/orders/estimate_charge")
        venue.inject(Fault("delay", seconds=0.3), method="GET", path=NONCE)
        with pytest.raises((InvalidInput, Unreachable)):
            await buy(maker, **options)
        assert {task for task in asyncio.all_tasks() if task is not maker._recovering} == {asyncio.current_task()}
        venue.calm()


async def test_nothing_is_left_running(venue: Sandbox, kit: Kit, tmp_path: Path) -> None:
    before = set(threading.enumerate())
    async with stove.AsyncMaker(stove.TESTNET.at(venue.url), kit.signer(), tmp_path / "bot.db", policy=QUICK) as maker:
        venue.inject(Fault("drop_after"))
        await buy(maker)
        task = asyncio.create_task(buy(maker))
        await asyncio.sleep(0.01)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    gc.collect()
    assert asyncio.all_tasks() <= {asyncio.current_task()}
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
        assert not thread.is_alive(), thread


@pytest.mark.parametrize(
    "options",
    [{"policy": 3}, {"rules": "none"}, {"unsent": "maybe"}, {"ledger": 7}, {"network": "testnet"}, {"signer": "0xabc"}],
    ids=lambda o: next(iter(o)),
)
def test_a_wrong_argument_makes_no_file(tmp_path: Path, kit: Kit, options: dict[str, Any]) -> None:
    values: dict[str, Any] = {"network": stove.TESTNET, "signer": kit.signer(), "ledger": tmp_path / "bot.db"} | options
    with pytest.raises(InvalidInput) as caught:
        stove.AsyncMaker(values.pop("network"), values.pop("signer"), values.pop("ledger"), **values)
    assert caught.value.path == next(iter(options))
    assert list(tmp_path.iterdir()) == []


# -- Not one byte ----------------------------------------------------------------------------------------------------------------


class Bytes:
    """Takes connections, counts every byte that comes, and answers each request of one read."""

    def __init__(self) -> None:
        self.received = b""
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._sockets: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._sockets.append(connection)
                threading.Thread(target=self._read, args=(connection,), daemon=True).start()

    def _read(self, connection: socket.socket) -> None:
        with suppress(OSError):
            while data := connection.recv(65536):
                self.received += data
                if data.endswith(b"{}"):
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._sockets:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()


@pytest.fixture
def listener() -> Iterator[Bytes]:
    found = Bytes()
    yield found
    found.close()


@pytest.mark.parametrize("reused", [False, True])
@pytest.mark.parametrize("error", [LedgerError("lease_lost", "the lease has run out"), RuntimeError("stop")], ids=["ours", "any"])
async def test_what_is_stopped_before_the_first_byte_writes_none(listener: Bytes, error: Exception, reused: bool) -> None:
    calls = 0

    def stop() -> None:
        nonlocal calls
        calls += 1
        raise error

    async with HttpTransport(listener.url, Limits(connect=5, total=10)) as transport:
        if reused:
            assert (await transport.send(Request("warm up", "POST", "/", body=b"{}"))).status == 200
        before = listener.received
        with pytest.raises(type(error)) as caught:
            await transport.send(Request("create", "POST", ORDERS, body=b'{"order":{}}{}', takes_effect=True, before_write=stop))
        assert caught.value is error
        assert calls == 1
        assert (await transport.send(Request("look up", "POST", "/after", body=b"{}", before_write=lambda: None))).status == 200
        after = listener.received[len(before) :]
        assert after.startswith(b"POST /after HTTP/1.1\r\n")
        assert b"order" not in after.replace(b"orderseal", b"")
        assert len(before) == 0 or reused


# -- At night --------------------------------------------------------------------------------------------------------------------

PROGRAM = """
import faulthandler, signal, sys, threading
faulthandler.dump_traceback_later(40, exit=True)
signal.signal(signal.SIGINT, signal.default_int_handler)
from decimal import Decimal
from orderseal.api import stove
from orderseal.signing import LocalSigner
from orderseal.signing.ledger import Ledger
class Slow:
    def __init__(self):
        self.inner = LocalSigner.generate()
        self.address = self.inner.address
    def sign_message(self, text):
        return self.inner.sign_message(text)
    def sign_typed_data(self, digest, document):
        print("asked", flush=True)
        threading.Event().wait()
network = stove.TESTNET.at(sys.argv[1])
def buy(maker):
    return maker.buy("AAPL", shares=10, limit=Decimal("150.25"), pay_with="USDT")
"""

OWN_LOOP = """
import asyncio
async def main():
    async with stove.AsyncMaker(network, Slow(), sys.argv[2]) as maker:
        await buy(maker)
asyncio.run(main())
"""

ENDINGS = {
    "ctrl-c, and the maker is left": ("with stove.Maker(network, Slow(), sys.argv[2]) as maker:\n    buy(maker)\n", "KeyboardInterrupt"),
    "ctrl-c, and nothing is closed": ("maker = stove.Maker(network, Slow(), sys.argv[2])\nbuy(maker)\n", "KeyboardInterrupt"),
    "ctrl-c in a loop of one's own": (OWN_LOOP, "KeyboardInterrupt"),
}


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
@pytest.mark.parametrize("name", ENDINGS)
def test_ctrl_c_while_a_signer_waits_ends_the_program(venue: Sandbox, tmp_path: Path, name: str) -> None:
    """And the order that was being signed is not sent by the next run, even by one that sends what is unsent."""
    body, last = ENDINGS[name]
    path = tmp_path / "bot.db"
    command = [sys.executable, "-W", "error", "-c", PROGRAM + body, venue.url, str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "asked\n"
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    assert err.rstrip().splitlines()[-1].startswith(last), err
    for nothing in ("never retrieved", "never awaited", "was destroyed", "Exception in thread", "Exception ignored"):
        assert nothing not in err, err
    with Ledger(path) as ledger:
        [slot] = ledger.slots()
        assert slot.sent_at is None
        assert slot.state is State.ABANDONED


async def test_closing_waits_for_what_a_caller_who_went_away_left_to_be_recorded(
    venue: Sandbox, maker_of: MakerOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, original = tmp_path / "bot.db", Ledger.record

    def slow(self: Ledger, *args: Any) -> Any:
        threading.Event().wait(0.2)
        return original(self, *args)

    monkeypatch.setattr(Ledger, "record", slow)
    maker = maker_of(venue.url, ledger=path)
    await maker.client.connect()
    venue.inject(Fault("delay", seconds=5.0))
    task = asyncio.create_task(buy(maker))
    while not maker.ledger.slots(states=[State.SENDING]):  # noqa: ASYNC110 - it shows in the ledger alone
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await maker.aclose()
    with Ledger(path) as ledger:
        assert [slot.state for slot in ledger.slots()] == [State.UNKNOWN]


async def test_a_caller_who_goes_away_while_entering_leaves_nothing_open(venue: Sandbox, kit: Kit, tmp_path: Path) -> None:
    """The block was not entered, so nobody leaves it."""
    maker = stove.AsyncMaker(stove.TESTNET.at(venue.url), kit.signer(), tmp_path / "bot.db")
    entering = asyncio.create_task(maker.__aenter__())
    await asyncio.sleep(0)
    entering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await entering
    with pytest.raises(LedgerError, match="closed"):
        maker.ledger.info()
