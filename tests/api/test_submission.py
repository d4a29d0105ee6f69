"""An order on its way: what is decided, and that whatever fails wherever, nothing is lost, doubled or sent by surprise."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderseal.api.submission import Ending, Found, Policy, Settled, Submitter
from orderseal.api.submission.machine import DEFAULT_POLICY, Action, LookUp, Outcome, Send, Wait, submission
from orderseal.signing import (
    Domain,
    Hash32,
    InvalidInput,
    InvalidReply,
    LocalSigner,
    NonceConflict,
    Order,
    OutcomeUnknown,
    RateLimited,
    Refused,
    RuleViolation,
    Signature,
    SignerError,
    TypedData,
    Unauthorized,
    Unreachable,
    VenueError,
)
from orderseal.signing.ledger import (
    Answer,
    Ledger,
    LedgerError,
    MemoryStore,
    Outgoing,
    Scope,
    SequentialFromVenue,
    Slot,
    State,
    Store,
    What,
)

DOMAIN = Domain(name="RFQSettlement", version="1", chain_id=97, verifying_contract="0xCB310C56A19078aA969A922f382613d932D89D83")
NOW = 1_780_000_000.0
DEADLINE = int(NOW) + 40 * 86_400

UNSENT = (State.COMMITTED, State.SIGNED)


class Time:
    """A clock that is set by hand, and by sleeping."""

    def __init__(self) -> None:
        self.now = NOW
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


# -- What is decided -------------------------------------------------------------------------------------------------------------


class Walk:
    """Runs the machine against outcomes, and checks each of its actions."""

    def __init__(self, state: State, policy: Policy, *, may_send: bool = True) -> None:
        self.clock, self.policy, self.state, self.may_send = Time(), policy, state, may_send
        self.machine = submission(state, policy, self.clock, may_send=may_send)
        self.actions: list[Action] = []
        self.sends, self.began = 0, self.clock.now
        self.attempted_at = self.clock.now
        self.looked: Outcome | None = None
        self.last: Outcome | None = None
        self.waited = 0.0
        self.at_once = 0
        self.ending: Ending | None = None

    def run(self, answer: Callable[[Action, State], tuple[Outcome, float]]) -> Ending:
        outcome: Outcome | None = None
        while True:
            try:
                action = next(self.machine) if outcome is None else self.machine.send(outcome)
            except StopIteration as stop:
                self.ending = stop.value
                self.check_end()
                return self.ending
            self.check(action)
            self.actions.append(action)
            assert len(self.actions) < 1000
            if isinstance(action, Wait):
                self.clock.now += action.seconds
                outcome = Outcome(self.state)
                continue
            outcome, took = answer(action, self.state)
            self.clock.now += took
            if isinstance(action, Send):
                self.attempted_at, self.looked = self.clock.now, None
            else:
                self.looked = outcome
            self.last, self.state = outcome, outcome.state

    def check(self, action: Action) -> None:
        before = self.actions[-1] if self.actions else None
        if isinstance(action, Wait):
            assert action.seconds > 0
            self.waited += action.seconds
            assert self.waited <= self.policy.patience
            assert self.clock.now + action.seconds <= self.began + self.policy.patience
            assert self.last is not None
            assert not isinstance(before, Wait)
            assert action.seconds >= (self.last.retry_after or 0.0)
        elif before is not None and not isinstance(before, Wait) and type(before) is type(action):
            assert self.last is not None
            assert self.last.retry_after == 0, "without a wait only where the venue's answer means that it may go at once"
            self.at_once += 1
            assert self.at_once == 1
        if isinstance(action, Send):
            self.sends += 1
            assert self.may_send
            assert self.sends <= self.policy.sends
            assert self.state in (State.COMMITTED, State.SIGNED, State.UNKNOWN)
            if self.state is State.UNKNOWN:
                assert isinstance(before, LookUp)
                assert self.looked == Outcome(State.UNKNOWN, retry_after=self.looked.retry_after if self.looked else None)
                assert self.clock.now >= self.attempted_at + self.policy.settle
        if isinstance(action, LookUp):
            assert self.state in (State.UNKNOWN, State.REFUSED)

    def check_end(self) -> None:
        expected = {
            Ending.ACCEPTED: [State.ACCEPTED],
            Ending.REFUSED: [State.REFUSED],
            Ending.NOT_SENT: UNSENT,
            Ending.UNKNOWN: [State.UNKNOWN],
        }
        assert self.ending is not None
        assert self.state in expected[self.ending]
        if self.ending is Ending.REFUSED:
            assert self.looked is not None
            if self.looked.failed and not self.looked.hopeless:
                longest = max(self.looked.retry_after or 0.0, self.policy.first_wait, self.policy.longest_wait)
                assert self.clock.now + longest >= self.began + self.policy.patience


seconds = st.sampled_from([0.0, 0.001, 0.3, 2.0, 7.0, 40.0])
retry_after = st.sampled_from([None, None, 0.0, 0.0, 0.2, 1.0, 5.0, 1e4, 1e12])
policies = st.builds(
    Policy,
    sends=st.integers(1, 20),
    first_wait=st.sampled_from([0.1, 0.25, 3.0, 50.0]),
    longest_wait=st.sampled_from([0.2, 1.0, 8.0]),
    settle=st.sampled_from([0.0, 0.5, 2.0, 100.0]),
    patience=st.sampled_from([0.0, 0.3, 5.0, 60.0]),
)


@settings(max_examples=400, deadline=None)
@given(st.data(), policies, st.sampled_from([State.COMMITTED, State.SIGNED, State.UNKNOWN, State.REFUSED]), st.booleans())
def test_any_sequence_of_outcomes_ends_within_its_bounds(data: st.DataObject, policy: Policy, state: State, may_send: bool) -> None:
    def answer(action: Action, state: State) -> tuple[Outcome, float]:
        failed = hopeless = False
        after = state
        what = data.draw(st.sampled_from(["good", "bad", "worse", "failed", "failed", "hopeless"]))
        if what == "good":
            after = State.ACCEPTED
        elif what == "hopeless":
            hopeless = True
        elif what == "failed":
            failed = True
        elif isinstance(action, Send) and state is not State.UNKNOWN:
            after = data.draw(st.sampled_from([State.SIGNED, State.UNKNOWN, State.REFUSED]))
        return Outcome(after, failed=failed, retry_after=data.draw(retry_after), hopeless=hopeless), data.draw(seconds)

    Walk(state, policy, may_send=may_send).run(answer)


def play(
    state: State, *outcomes: Outcome, policy: Policy = DEFAULT_POLICY, may_send: bool = True, took: float = 0.0
) -> tuple[Walk, list[Action]]:
    """Give the outcomes one after the other; the last one for ever."""
    left = list(outcomes)
    walk = Walk(state, policy, may_send=may_send)
    walk.run(lambda _action, _state: (left.pop(0) if len(left) > 1 else left[0], took))
    return walk, walk.actions


ACCEPTED, UNKNOWN, REFUSED, SIGNED = (Outcome(state) for state in (State.ACCEPTED, State.UNKNOWN, State.REFUSED, State.SIGNED))
SILENT = Outcome(State.UNKNOWN, failed=True)


def test_accepted_is_the_end() -> None:
    walk, actions = play(State.COMMITTED, ACCEPTED)
    assert (walk.ending, actions) == (Ending.ACCEPTED, [Send()])


def test_a_refusal_is_believed_after_one_lookup_that_shows_nothing() -> None:
    walk, actions = play(State.COMMITTED, REFUSED, REFUSED)
    assert (walk.ending, actions) == (Ending.REFUSED, [Send(), LookUp()])


def test_a_refusal_of_what_was_delivered_twice_is_none() -> None:
    walk, actions = play(State.COMMITTED, REFUSED, ACCEPTED)
    assert (walk.ending, actions) == (Ending.ACCEPTED, [Send(), LookUp()])


def test_a_refusal_whose_lookup_fails_is_looked_up_again() -> None:
    walk, actions = play(State.COMMITTED, REFUSED, replace(REFUSED, failed=True), replace(REFUSED, failed=True), REFUSED)
    assert (walk.ending, actions) == (Ending.REFUSED, [Send(), LookUp(), Wait(0.25), LookUp(), Wait(0.5), LookUp()])


def test_a_refusal_that_can_never_be_looked_up_is_the_venues_word() -> None:
    walk, actions = play(State.COMMITTED, REFUSED, replace(REFUSED, failed=True))
    assert walk.ending is Ending.REFUSED
    assert actions.count(Send()) == 1
    assert actions.count(LookUp()) > 3


def test_another_order_under_the_nonce_ends_a_refusal() -> None:
    walk, actions = play(State.REFUSED, replace(REFUSED, hopeless=True))
    assert (walk.ending, actions) == (Ending.REFUSED, [LookUp()])


def test_what_was_not_accepted_goes_again_after_a_wait() -> None:
    walk, actions = play(State.COMMITTED, SIGNED, SIGNED, ACCEPTED)
    assert (walk.ending, actions) == (Ending.ACCEPTED, [Send(), Wait(0.25), Send(), Wait(0.5), Send()])


def test_what_is_never_accepted_is_given_up_after_so_many_sends() -> None:
    walk, actions = play(State.COMMITTED, SIGNED)
    assert walk.ending is Ending.NOT_SENT
    assert actions == [Send(), Wait(0.25), Send(), Wait(0.5), Send(), Wait(1.0), Send()]


def test_the_waits_grow_up_to_the_longest() -> None:
    _, actions = play(State.COMMITTED, SIGNED, policy=Policy(sends=8, first_wait=1, longest_wait=3))
    assert [action.seconds for action in actions if isinstance(action, Wait)] == [1, 2, 3, 3, 3, 3, 3]


def test_a_retry_after_is_kept_to() -> None:
    _, actions = play(State.COMMITTED, replace(SIGNED, retry_after=11.0), ACCEPTED)
    assert actions == [Send(), Wait(11.0), Send()]


def test_a_retry_after_beyond_patience_is_the_end() -> None:
    walk, actions = play(State.COMMITTED, replace(SIGNED, retry_after=61.0), ACCEPTED)
    assert (walk.ending, actions) == (Ending.NOT_SENT, [Send()])


def test_a_renewed_token_goes_at_once_but_once() -> None:
    walk, actions = play(State.COMMITTED, replace(SIGNED, retry_after=0.0), replace(SIGNED, retry_after=0.0), ACCEPTED)
    assert (walk.ending, actions) == (Ending.ACCEPTED, [Send(), Send(), Wait(0.25), Send()])


def test_unknown_and_found() -> None:
    walk, actions = play(State.COMMITTED, UNKNOWN, ACCEPTED)
    assert (walk.ending, actions) == (Ending.ACCEPTED, [Send(), LookUp()])


def test_unknown_and_not_found_is_sent_again_after_the_settle_time() -> None:
    walk, actions = play(State.COMMITTED, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, ACCEPTED)
    waits = [Wait(0.25), Wait(0.5), Wait(1.0), Wait(2.0)]
    looks = [step for wait in waits for step in (LookUp(), wait)]
    assert (walk.ending, actions) == (Ending.ACCEPTED, [Send(), *looks, LookUp(), Send()])


def test_the_settle_time_runs_from_the_end_of_the_attempt() -> None:
    """An attempt may take half a minute to be lost."""
    _, actions = play(State.COMMITTED, UNKNOWN, UNKNOWN, ACCEPTED, took=30.0, policy=Policy(settle=35, patience=1000))
    assert actions == [Send(), LookUp(), Wait(0.25), LookUp()]


def test_a_lookup_that_fails_proves_nothing() -> None:
    walk, actions = play(State.COMMITTED, UNKNOWN, SILENT)
    assert walk.ending is Ending.UNKNOWN
    assert actions.count(Send()) == 1


def test_whatever_is_answered_to_a_second_send_is_looked_up() -> None:
    policy = Policy(settle=0)
    walk, actions = play(State.UNKNOWN, UNKNOWN, UNKNOWN, ACCEPTED, policy=policy)
    assert (walk.ending, actions) == (Ending.ACCEPTED, [LookUp(), Send(), Wait(0.25), LookUp()])


def test_what_stays_unknown_is_left_open_when_patience_ends() -> None:
    walk, actions = play(State.COMMITTED, UNKNOWN, policy=Policy(sends=2, settle=1, patience=20))
    assert walk.ending is Ending.UNKNOWN
    assert actions.count(Send()) == 2
    assert isinstance(actions[-1], LookUp)


def test_a_deadline_that_passed_meanwhile_ends_the_sending_but_not_the_looking() -> None:
    walk, actions = play(State.UNKNOWN, UNKNOWN, replace(UNKNOWN, hopeless=True), UNKNOWN, ACCEPTED, policy=Policy(settle=0))
    assert (walk.ending, actions) == (Ending.ACCEPTED, [LookUp(), Send(), Wait(0.25), LookUp(), Wait(0.5), LookUp()])


def test_a_deadline_that_passed_before_anything_left() -> None:
    walk, actions = play(State.COMMITTED, replace(SIGNED, hopeless=True))
    assert (walk.ending, actions) == (Ending.NOT_SENT, [Send()])


def test_another_order_under_the_nonce_stays_open_for_a_person() -> None:
    walk, actions = play(State.UNKNOWN, replace(UNKNOWN, hopeless=True))
    assert (walk.ending, actions) == (Ending.UNKNOWN, [LookUp()])


@pytest.mark.parametrize("state", UNSENT)
def test_what_may_not_be_sent_is_not(state: State) -> None:
    walk, actions = play(state, ACCEPTED, may_send=False)
    assert (walk.ending, actions) == (Ending.NOT_SENT, [])


def test_what_is_old_is_only_looked_up() -> None:
    walk, actions = play(State.UNKNOWN, UNKNOWN, may_send=False)
    assert walk.ending is Ending.UNKNOWN
    assert Send() not in actions
    assert actions.count(LookUp()) > 5


@pytest.mark.parametrize("state", [State.RESERVED, State.SENDING, State.ACCEPTED, State.ABANDONED, State.RELEASED])
def test_a_state_that_is_not_on_its_way(state: State) -> None:
    with pytest.raises(LedgerError, match=f"{state.value} is not on its way") as caught:
        next(submission(state, DEFAULT_POLICY, Time()))
    assert caught.value.reason == "illegal_event"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sends", 0),
        ("sends", 21),
        ("sends", 1.0),
        ("sends", True),
        ("first_wait", 0),
        ("longest_wait", 0.0),
        ("settle", -1),
        ("patience", -0.1),
        ("resend_within", float("nan")),
        ("patience", float("inf")),
        ("settle", True),
        ("patience", "60"),
    ],
)
def test_a_policy_that_makes_no_sense(name: str, value: object) -> None:
    with pytest.raises(InvalidInput) as caught:
        Policy(**{name: cast("Any", value)})
    assert caught.value.path == f"policy.{name}"


# -- Doing it --------------------------------------------------------------------------------------------------------------------


class Died(Exception):
    """The process has ended here; nothing after it happens."""


class Taps:
    """Counts every point at which something can go wrong, and lets it go wrong at one of them."""

    def __init__(self) -> None:
        self.count = 0
        self.at: dict[int, Callable[[], None]] = {}
        self.every: Callable[[], None] | None = None
        self._lock = threading.Lock()

    def __call__(self) -> None:
        if self.every is not None:
            self.every()
        with self._lock:
            self.count += 1
            hit = self.at.pop(self.count, None)
        if hit is not None:
            hit()


class TappedStore:
    """A store whose every call passes two taps: before it is done, and after."""

    def __init__(self, store: MemoryStore, taps: Taps) -> None:
        self._store, self._taps = store, taps
        self.threads: set[threading.Thread] = set()

    def __getattr__(self, name: str) -> Any:
        inner = getattr(self._store, name)

        def call(*args: Any, **options: Any) -> Any:
            self.threads.add(threading.current_thread())
            self._taps()
            result = inner(*args, **options)
            self._taps()
            return result

        return call


Play = Callable[["Venue", Outgoing], Found[str]]


class Venue:
    """A venue that takes an order when it is told to, and a port to it that plays a script; honest when it has no script left."""

    def __init__(self, ledger: Callable[[], Ledger], scope: Scope, taps: Taps) -> None:
        self.scope, self._ledger, self._taps = scope, ledger, taps
        self.held: dict[int, Found[str]] = {}
        self.bodies: dict[int, set[bytes]] = {}
        self.sends: list[int] = []
        self.entered = self.lookups = 0
        self.renewals: list[BaseException] = []
        self.script: list[BaseException | Play] = []
        self.shown: list[BaseException | list[Found[str]]] = []

    async def renew(self) -> None:
        self._taps()
        await asyncio.sleep(0)
        if self.renewals:
            raise self.renewals.pop(0)

    async def send(self, out: Outgoing) -> Found[str]:
        self.entered += 1
        self._taps()
        await asyncio.sleep(0)
        out.check_lease()
        self.check(out)
        self.sends.append(out.slot.key)
        if not self.script:
            found = self.take(out)
        elif isinstance(step := self.script.pop(0), BaseException):
            raise step
        else:
            found = step(self, out)
        self._taps()
        await asyncio.sleep(0)
        return found

    def check(self, out: Outgoing) -> None:
        """Whatever leaves is on record as sent, bytes and all, and is never other bytes under the nonce."""
        ledger = self._ledger()
        slot = ledger.get(out.slot.id)
        assert slot.state in (State.SENDING, State.UNKNOWN)
        assert slot.sent_at is not None
        assert [artifact.body for artifact in ledger.artifacts(slot) if artifact.body is not None] == [out.body]
        sent = [attempt for attempt in ledger.attempts(slot) if attempt.what is What.SENT]
        assert len(sent) > self.sends.count(slot.key)  # An attempt is on record before its bytes leave.
        self.bodies.setdefault(slot.key, set()).add(out.body)
        assert len(self.bodies[slot.key]) == 1

    def take(self, out: Outgoing) -> Found[str]:
        if out.slot.key in self.held:
            raise Refused("create the order", status=400, code=400, message="nonce used")
        order = self._ledger().order(out.slot, Order)
        found = Found(order, "0x" + out.signature.hex(), f"id-{out.slot.key}", "pending", "receipt")
        self.held[out.slot.key] = found
        return found

    async def look_up(self, key: int) -> list[Found[str]]:
        self._taps()
        self.lookups += 1
        await asyncio.sleep(0)
        if self.shown:
            step = self.shown.pop(0)
            if isinstance(step, BaseException):
                raise step
            return step
        self._taps()
        return [self.held[key]] if key in self.held else []


def lost_after(venue: Venue, out: Outgoing) -> Found[str]:
    venue.take(out)
    raise OutcomeUnknown("the reply was lost", nonce=out.slot.key)


def delivered_twice(venue: Venue, out: Outgoing) -> Found[str]:
    venue.take(out)
    return venue.take(out)


def lost_and_shown_later(times: int) -> Play:
    """The venue takes it, and does not show it to so many lookups."""

    def play(venue: Venue, out: Outgoing) -> Found[str]:
        venue.shown += [[] for _ in range(times)]
        return lost_after(venue, out)

    return play


LOST = OutcomeUnknown("the connection broke", nonce=0)
REFUSAL = Refused("create the order", status=400, code=400, message="no funds")
EXPIRED = Unauthorized("create the order", status=401, code=401, message="token expired")
NOWHERE = Unreachable("no connection")


def limited(seconds: float | None = None) -> RateLimited:
    error = RateLimited("create the order", status=429, code=429, message="slow down")
    error.retry_after = seconds
    return error


@dataclass
class World:
    """A store that outlives the processes that use it, a venue, and a clock for all of them."""

    time: Time
    taps: Taps
    raw: MemoryStore
    store: TappedStore
    signer: LocalSigner
    scope: Scope
    ledger: Ledger
    venue: Venue
    policy: Policy

    def submitter(self, signer: Any = None, **options: Any) -> Submitter[str]:
        means: dict[str, Any] = {"policy": self.policy, "clock": self.time, "elapsed": self.time, "sleep": self.time.sleep} | options
        return Submitter[str](self.ledger, self.venue, signer or self.signer, **means)

    def commit(self, **changes: Any) -> Slot:
        ledger = Ledger(cast("Store", self.raw), clock=self.time)
        ledger._lease = self.ledger._lease  # The same process, but past the taps.
        slot = ledger.reserve(self.scope, SequentialFromVenue(7))
        values: dict[str, Any] = {
            "maker": self.signer.address,
            "principal": self.signer.address,
            "is_buy": True,
            "ticker": "AAPL",
            "exchange": 0,
            "asset": "0x09671802Cc9Bbf6402f2e7a07b220Aa7b43D8c91",
            "price": 150 * 10**18,
            "quantity": 10,
            "incentive": 10**18,
            "deadline": DEADLINE,
            "nonce": slot.key,
        }
        return ledger.commit(slot, Order(**(values | changes)), DOMAIN)

    def restart(self, **options: Any) -> None:
        """Another process, when the leases of the last one have run out."""
        self.time.now += 1_000 if "after" not in options else options.pop("after")
        self.taps.at.clear()
        self.taps.every = None
        self.ledger = Ledger(cast("Store", self.store), clock=self.time, **options)

    def state(self, key: int = 7) -> State:
        found = Ledger(cast("Store", self.raw), clock=self.time).find(self.scope, key)
        assert found is not None
        return found.state

    def check(self) -> None:
        """What must hold whenever nothing moves: what the venue holds can be found from the ledger, and nothing left twice in two forms."""
        ledger = Ledger(cast("Store", self.raw), clock=self.time)
        for key in self.venue.held:
            slot = ledger.find(self.scope, key)
            assert slot is not None
            assert slot.state in (State.ACCEPTED, State.SENDING, State.UNKNOWN), slot.state
        for key in self.venue.sends:
            slot = ledger.find(self.scope, key)
            assert slot is not None
            assert slot.sent_at is not None

    def attempts(self, what: What) -> list[dict[str, Any]]:
        ledger = Ledger(cast("Store", self.raw), clock=self.time)
        slot = ledger.find(self.scope, 7)
        assert slot is not None
        return [attempt.details for attempt in ledger.attempts(slot) if attempt.what is what]


@pytest.fixture
def world() -> World:
    return make_world()


SIGNER = LocalSigner.generate()


def make_world(**options: Any) -> World:
    moment, taps = Time(), Taps()
    raw = MemoryStore(clock=moment)
    store = TappedStore(raw, taps)
    scope = Scope("stove", "test", SIGNER.address)
    ledger = Ledger(cast("Store", store), clock=moment, **options)
    venue = Venue(lambda: Ledger(cast("Store", raw), clock=moment), scope, taps)
    return World(moment, taps, raw, store, SIGNER, scope, ledger, venue, Policy())


async def calm() -> None:
    """Wait for the threads that a caller left behind."""
    deadline = time.monotonic() + 20
    while any(thread.name.startswith("orderseal") for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.0005)


@pytest.fixture(autouse=True)
async def nothing_is_left_behind() -> AsyncIterator[None]:
    yield
    await calm()
    assert asyncio.all_tasks() <= {asyncio.current_task()}


async def test_the_honest_way(world: World) -> None:
    settled = await world.submitter().submit(world.commit())
    assert settled.ending is Ending.ACCEPTED
    assert settled.slot.state is State.ACCEPTED
    assert settled.found is not None
    assert settled.found.venue_id == "id-7"
    assert settled.error is None
    assert world.venue.sends == [7]
    assert world.venue.lookups == 0
    assert world.time.slept == []
    assert world.attempts(What.ANSWER)[0]["venue_id"] == "id-7"


ONCE: dict[str, tuple[list[Any], list[Any], Ending, State, type[Exception] | None, int]] = {
    # name: (script of sends, of lookups, ending, state, error, sends)
    "refused": ([REFUSAL], [], Ending.REFUSED, State.REFUSED, Refused, 1),
    "delivered twice": ([delivered_twice], [], Ending.ACCEPTED, State.ACCEPTED, None, 1),
    "the lookup of a refusal fails for long": ([REFUSAL], [NOWHERE] * 99, Ending.REFUSED, State.REFUSED, Refused, 1),
    "the lookup of a refusal is refused": ([REFUSAL], [EXPIRED, limited(1)], Ending.REFUSED, State.REFUSED, Refused, 1),
    "token": ([EXPIRED], [], Ending.ACCEPTED, State.ACCEPTED, None, 2),
    "token for ever": ([EXPIRED] * 99, [], Ending.NOT_SENT, State.ABANDONED, Unauthorized, 4),
    "limited": ([limited(), limited(3)], [], Ending.ACCEPTED, State.ACCEPTED, None, 3),
    "limited for an hour": ([limited(3600)], [], Ending.NOT_SENT, State.ABANDONED, RateLimited, 1),
    "no connection": ([NOWHERE], [], Ending.ACCEPTED, State.ACCEPTED, None, 2),
    "no connection for ever": ([NOWHERE] * 99, [], Ending.NOT_SENT, State.ABANDONED, Unreachable, 4),
    "lost before": ([LOST], [], Ending.ACCEPTED, State.ACCEPTED, None, 2),
    "lost after": ([lost_after], [], Ending.ACCEPTED, State.ACCEPTED, None, 1),
    "lost before, again and again": ([LOST] * 99, [], Ending.UNKNOWN, State.UNKNOWN, OutcomeUnknown, 4),
    "lost after, and shown late": ([lost_and_shown_later(2)], [], Ending.ACCEPTED, State.ACCEPTED, None, 1),
    "lost after, and shown after the second send is refused": ([lost_and_shown_later(5)], [], Ending.ACCEPTED, State.ACCEPTED, None, 2),
    "lost, and no lookup is answered": ([lost_after], [NOWHERE] * 99, Ending.UNKNOWN, State.UNKNOWN, OutcomeUnknown, 1),
    "lost, then a lookup fails": ([lost_after], [InvalidReply("an HTML page", status=200)], Ending.ACCEPTED, State.ACCEPTED, None, 1),
    "lost, then refused": ([LOST, REFUSAL, REFUSAL, REFUSAL], [], Ending.UNKNOWN, State.UNKNOWN, OutcomeUnknown, 4),
    "lost, then 401, then good": ([LOST, EXPIRED], [], Ending.ACCEPTED, State.ACCEPTED, None, 3),
    "lost, then nowhere": ([LOST, NOWHERE, NOWHERE, NOWHERE], [], Ending.UNKNOWN, State.UNKNOWN, OutcomeUnknown, 4),
    "an answer that does not parse": ([InvalidReply("HTML", status=200)], [], Ending.ACCEPTED, State.ACCEPTED, None, 2),
    "a conflict told by the answer": ([NonceConflict("another", nonce=7)], [], Ending.ACCEPTED, State.ACCEPTED, None, 2),
    "any other error of a venue": ([VenueError("what?")], [], Ending.ACCEPTED, State.ACCEPTED, None, 2),
}


@pytest.mark.parametrize("name", ONCE)
async def test_the_table_of_answers(world: World, name: str) -> None:
    script, shown, ending, state, error, sends = ONCE[name]
    world.venue.script, world.venue.shown = list(script), list(shown)
    settled = await world.submitter().submit(world.commit())
    assert (settled.ending, settled.slot.state, world.state()) == (ending, state, state)
    assert type(settled.error) is (error or type(None))
    assert len(world.venue.sends) == sends
    assert (settled.found is not None) == (ending is Ending.ACCEPTED)
    assert sum(world.time.slept) <= world.policy.patience
    if sends > 1 and isinstance(script[0], OutcomeUnknown):
        assert sum(world.time.slept) >= world.policy.settle
    world.check()
    assert ending is not Ending.REFUSED or world.venue.lookups >= 1
    assert "renewed" not in str(settled.error)


async def test_every_attempt_and_lookup_is_on_record(world: World) -> None:
    world.venue.script, world.venue.shown = [LOST, lost_after], [NOWHERE]
    settled = await world.submitter().submit(world.commit())
    assert settled.ending is Ending.ACCEPTED
    assert world.attempts(What.SENT) == [{"attempt": 1}, {"attempt": 2}]
    assert [told["meaning"] for told in world.attempts(What.ANSWER)] == ["unknown", "unknown"]
    lookups = [told["found"] for told in world.attempts(What.LOOKUP)]
    assert lookups == ["nothing"] * (world.venue.lookups - 2) + ["ours"]
    assert len(lookups) > 2


async def test_what_is_unknown_says_why_and_what_to_do(world: World) -> None:
    world.venue.script = [LOST] * 9
    settled = await world.submitter().submit(world.commit())
    assert isinstance(settled.error, OutcomeUnknown)
    assert settled.error.nonce == 7
    assert str(settled.error) == (
        "the outcome of nonce 7 is still unknown, and it stays open in the ledger: recover() goes on with it: the connection broke"
    )


@pytest.mark.parametrize(
    "error", [REFUSAL, EXPIRED, limited(2), NOWHERE, LOST, InvalidReply("HTML", status=200)], ids=lambda e: type(e).__name__
)
async def test_a_renewal_that_fails_sends_nothing(world: World, error: VenueError) -> None:
    """A login that is refused says nothing of the order: it goes later, or is given up unsent."""
    world.venue.renewals = [error]
    settled = await world.submitter().submit(world.commit())
    assert settled.ending is Ending.ACCEPTED
    assert world.venue.sends == [7]
    other = make_world()
    other.venue.renewals = [error] * 99
    settled = await other.submitter().submit(other.commit())
    assert (settled.ending, settled.slot.state, settled.slot.sent_at) == (Ending.NOT_SENT, State.ABANDONED, None)
    assert type(settled.error) is type(error)
    assert other.venue.sends == []


async def test_a_renewal_that_fails_while_it_is_unknown_leaves_it_unknown(world: World) -> None:
    world.venue.script = [lost_and_shown_later(9)]
    slot = world.commit()
    way = world.submitter()
    world.venue.renewals = []
    original = world.venue.send

    async def send(out: Outgoing) -> Found[str]:
        world.venue.renewals = [NOWHERE] * 99
        return await original(out)

    world.venue.send = send  # type: ignore[method-assign]  # from the first sending on no token can be had
    settled = await way.submit(slot)
    assert settled.ending is Ending.ACCEPTED
    assert world.venue.sends == [7]


async def test_another_order_under_the_nonce(world: World) -> None:
    slot = world.commit()
    world.venue.script = [LOST]
    other = Ledger(cast("Store", world.raw), clock=world.time).order(slot, Order)
    world.venue.shown = [[Found(other.replace(quantity=11), "0x" + "11" * 65, "theirs", "pending", "receipt")]]
    settled = await world.submitter().submit(slot)
    assert (settled.ending, settled.slot.state) == (Ending.UNKNOWN, State.UNKNOWN)
    assert isinstance(settled.error, NonceConflict)
    assert world.attempts(What.LOOKUP) == [{"found": "another", "venue_id": "theirs", "status": "pending"}]
    assert world.venue.sends == [7]


async def test_another_order_after_a_refusal_is_told_as_what_it_is(world: World) -> None:
    slot = world.commit()
    world.venue.script = [REFUSAL]
    order = Ledger(cast("Store", world.raw), clock=world.time).order(slot, Order)
    world.venue.shown = [[Found(order, "0x" + "11" * 65, "theirs", "pending", "receipt")]]
    settled = await world.submitter().submit(slot)
    assert (settled.ending, settled.slot.state) == (Ending.REFUSED, State.REFUSED)
    assert isinstance(settled.error, NonceConflict)


async def test_ours_is_found_among_others(world: World) -> None:
    def play(venue: Venue, out: Outgoing) -> Found[str]:
        ours = venue.take(out)
        theirs = replace(ours, order=ours.order.replace(quantity=11), venue_id="theirs")
        venue.shown = [[theirs, ours]]
        raise LOST

    world.venue.script = [play]
    settled = await world.submitter().submit(world.commit())
    assert settled.ending is Ending.ACCEPTED
    assert settled.found is not None
    assert settled.found.venue_id == "id-7"


async def test_the_rule_of_deadlines_is_asked_at_each_sending(world: World) -> None:
    class Rule:
        asked = 0

        def choose(self, now: float, *, life: int | None = None) -> int:
            raise AssertionError

        def check(self, deadline: int, now: float) -> None:
            self.asked += 1
            assert (deadline, now) == (DEADLINE, world.time.now)
            if self.asked > 1:
                raise RuleViolation("deadline_too_soon", "too late now")

    rule = Rule()
    world.venue.script = [limited(1)]
    settled = await world.submitter(deadlines=rule).submit(world.commit())
    assert (settled.ending, settled.slot.state) == (Ending.NOT_SENT, State.ABANDONED)
    assert isinstance(settled.error, RuleViolation)
    assert settled.error.rule == "deadline_too_soon"
    assert rule.asked == 2
    assert world.venue.sends == [7]


# -- Errors that are not the venue's ---------------------------------------------------------------------------------------------


class Foreign:
    """A signer from outside the package, with something wrong."""

    def __init__(self, act: Callable[[], Any]) -> None:
        self.address, self._act = SIGNER.address, act

    def sign_typed_data(self, digest: Hash32, document: Callable[[], TypedData]) -> Signature:
        return self._act() or SIGNER.sign_typed_data(digest, document)

    def sign_message(self, text: str) -> Signature:
        raise NotImplementedError


def raises(error: BaseException) -> Callable[[], Any]:
    def act() -> Any:
        raise error

    return act


WRONG = Signature(bytes(LocalSigner.generate().sign_message("another")))


@pytest.mark.parametrize(
    ("act", "error"),
    [
        (raises(SignerError("the device is locked")), SignerError),
        (lambda: WRONG, SignerError),
        (lambda: b"x", SignerError),
        (raises(RuntimeError("a bug")), RuntimeError),
        (raises(OSError("usb")), OSError),
    ],
)
async def test_a_signer_that_fails_leaves_nothing_to_be_sent_later(world: World, act: Callable[[], Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        await world.submitter(Foreign(act)).submit(world.commit())
    assert world.state() is State.ABANDONED
    assert world.venue.sends == []
    world.restart()
    assert await world.submitter().recover(unsent="send") == []
    assert world.venue.held == {}


async def test_a_slow_signer_that_outlives_the_lease_sends_nothing(world: World) -> None:
    def slow() -> None:
        world.time.now += 61

    slot = world.commit()
    with pytest.raises(LedgerError) as caught:
        await world.submitter(Foreign(slow)).submit(slot)
    assert caught.value.reason == "lease_lost"
    assert world.venue.sends == []
    assert world.state() is State.ABANDONED


async def test_a_slow_signer_whose_row_was_taken_over(world: World) -> None:
    other = Ledger(cast("Store", world.raw), clock=world.time)

    def slow() -> None:
        world.time.now += 61
        assert [slot.key for slot in other.take_over()] == [7]

    with pytest.raises(LedgerError) as caught:
        await world.submitter(Foreign(slow)).submit(world.commit())
    assert caught.value.reason == "lease_lost"
    assert world.venue.sends == []
    assert world.state() is State.COMMITTED  # It is the other's business now.


async def test_an_exception_of_the_client_that_is_no_error_of_ours(world: World) -> None:
    def broken(venue: Venue, out: Outgoing) -> Found[str]:
        venue.take(out)
        raise RuntimeError("a bug in the client")

    world.venue.script = [broken]
    with pytest.raises(RuntimeError, match="a bug"):
        await world.submitter().submit(world.commit())
    await calm()
    assert world.state() is State.UNKNOWN
    world.check()
    world.restart()
    [settled] = await world.submitter().recover()
    assert settled.ending is Ending.ACCEPTED


async def test_nothing_is_sent_once_the_lease_has_run_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process stood still between the commit and the first byte."""
    from orderseal.signing.ledger import ledger as module

    elapsed = 1000.0
    monkeypatch.setattr(module, "elapsed_clock", lambda: elapsed)
    original = world.venue.send

    async def send(out: Outgoing) -> Found[str]:
        nonlocal elapsed
        elapsed += 60.0
        return await original(out)

    world.venue.send = send  # type: ignore[method-assign]
    with pytest.raises(LedgerError) as caught:
        await world.submitter().submit(world.commit())
    assert caught.value.reason == "lease_lost"
    assert world.venue.sends == []
    assert world.state() is State.ABANDONED
    elapsed = 0.0
    world.restart()
    assert await world.submitter().recover(unsent="send") == []
    assert world.venue.held == {}


async def test_a_row_that_another_took_over_meanwhile_is_its_business(world: World) -> None:
    other = Ledger(cast("Store", world.raw), clock=world.time)

    def play(venue: Venue, out: Outgoing) -> Found[str]:
        found = venue.take(out)
        world.time.now += 61
        assert [slot.state for slot in other.take_over()] == [State.UNKNOWN]
        return found

    world.venue.script = [play]
    with pytest.raises(LedgerError, match=r"nonce 7 had been sent, and the answer \(accepted\) could not be recorded") as caught:
        await world.submitter().submit(world.commit())
    assert caught.value.reason == "lease_lost"
    assert world.state() is State.UNKNOWN


def breaks(reason: str) -> Callable[[], None]:
    def act() -> None:
        raise LedgerError(reason, f"the ledger is {reason}")

    return act


SITUATIONS: dict[str, tuple[list[Any], list[Any], list[BaseException]]] = {
    "honest": ([], [], []),
    "refused": ([REFUSAL], [], []),
    "not accepted": ([limited(0.1)], [], []),
    "not accepted ever": ([EXPIRED] * 9, [], []),
    "lost before": ([LOST], [], []),
    "lost after": ([lost_after], [], []),
    "lost after, and shown late": ([lost_and_shown_later(5)], [NOWHERE], []),
    "delivered twice": ([delivered_twice], [NOWHERE], []),
    "no token": ([], [], [NOWHERE]),
}


async def points(situation: str) -> int:
    """How many taps an undisturbed run passes."""
    world = arranged(situation)
    await world.submitter().submit(world.commit())
    return world.taps.count


def arranged(situation: str) -> World:
    world = make_world()
    script, shown, renewals = SITUATIONS[situation]
    world.venue.script, world.venue.shown, world.venue.renewals = list(script), list(shown), list(renewals)
    return world


async def settle_after(world: World, unsent: Literal["abandon", "send"]) -> list[Settled[str]]:
    """Another process comes up on an honest venue, and settles what is open: then both books agree."""
    world.venue.script, world.venue.shown, world.venue.renewals = [], [], []
    world.restart(after=70)  # The lease has run out, and what is unknown is young: it is sent again.
    settled = await world.submitter().recover(unsent=unsent)
    world.check()
    state = world.state()
    assert (state is State.ACCEPTED) == (7 in world.venue.held), state
    assert all(len(bodies) == 1 for bodies in world.venue.bodies.values())
    return settled


@pytest.mark.parametrize("reason", ["full", "busy", "lease_lost"])
@pytest.mark.parametrize("situation", SITUATIONS)
async def test_the_ledger_fails_at_any_step(situation: str, reason: str) -> None:
    for point in range(1, await points(situation) + 1):
        world = arranged(situation)
        slot = world.commit()
        world.taps.at[point] = breaks(reason)
        world.venue._taps = Taps()
        ended: Settled[str] | LedgerError
        try:
            ended = await world.submitter().submit(slot)
        except LedgerError as error:
            ended = error
        await calm()
        world.check()
        if isinstance(ended, LedgerError):
            assert ended.reason in (reason, "stale")
            assert len(str(ended).splitlines()) == 1
        told_failed = isinstance(ended, LedgerError) and world.state() in UNSENT
        sends = len(world.venue.sends)
        await settle_after(world, "abandon")
        if told_failed:
            assert len(world.venue.sends) == sends


@pytest.mark.parametrize("unsent", ["abandon", "send"])
@pytest.mark.parametrize("situation", SITUATIONS)
async def test_the_process_dies_at_any_point(situation: str, unsent: Literal["abandon", "send"]) -> None:
    for point in range(1, await points(situation) + 1):
        world = arranged(situation)
        slot = world.commit()

        def die(world: World = world) -> None:
            def dead() -> None:
                raise LedgerError("closed", "the process is gone")

            world.taps.every = dead
            raise Died

        world.taps.at[point] = die
        with pytest.raises((Died, LedgerError)):
            await world.submitter().submit(slot)
        await calm()
        world.check()
        left = world.state()
        sends = len(world.venue.sends)
        settled = await settle_after(world, unsent)
        if left in UNSENT:
            assert [one.ending for one in settled] == [Ending.NOT_SENT if unsent == "abandon" else Ending.ACCEPTED]
            assert len(world.venue.sends) == sends + (unsent == "send")


@pytest.mark.parametrize("twice", [False, True], ids=["once", "twice"])
@pytest.mark.parametrize("situation", SITUATIONS)
async def test_the_caller_is_cancelled_at_any_point(situation: str, twice: bool) -> None:
    """What was not sent is never sent afterwards, even by a recovery that sends what is unsent: its caller had gone."""
    loop = asyncio.get_running_loop()
    for point in range(1, await points(situation) + 1):
        world = arranged(situation)
        slot = world.commit()
        submitter = world.submitter()
        task: asyncio.Task[Settled[str]] = asyncio.create_task(submitter.submit(slot))

        def cancel(task: asyncio.Task[Settled[str]] = task) -> None:
            if threading.current_thread() is threading.main_thread():
                task.cancel()
                return
            for _ in range(1 + twice):
                done = threading.Event()

                def hit(done: threading.Event = done) -> None:
                    task.cancel()
                    loop.call_soon(done.set)

                loop.call_soon_threadsafe(hit)
                assert done.wait(20)

        world.taps.at[point] = cancel
        try:
            ended = await task
        except asyncio.CancelledError:
            await submitter.wait()
        else:
            assert ended.slot.state is world.state()
        await calm()
        world.check()
        state, sends = world.state(), len(world.venue.sends)
        assert state not in UNSENT, f"{state} after point {point}: it would be sent later"
        assert state is State.ABANDONED or world.venue.entered, f"{state} after point {point}: it would be looked up and sent later"
        await settle_after(world, "send")
        if state is State.ABANDONED:
            assert len(world.venue.sends) == sends
            assert world.venue.held == {}


async def test_cancelled_while_a_signer_waits_for_a_person(world: World) -> None:
    asked, answered = threading.Event(), threading.Event()

    def wait() -> None:
        asked.set()
        assert answered.wait(20)

    task = asyncio.create_task(world.submitter(Foreign(wait)).submit(world.commit()))
    while not asked.is_set():  # noqa: ASYNC110 - set by a thread
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    answered.set()
    await calm()
    assert world.state() is State.ABANDONED
    assert world.venue.sends == []


async def test_the_loop_ends_while_it_is_being_signed(world: World) -> None:
    """The loop ends with its caller, as with Ctrl-C in ``asyncio.run``: what was about to leave is taken back without it."""
    slot = world.commit()
    going, gone = threading.Event(), threading.Event()

    def wait() -> None:
        going.set()
        assert gone.wait(20)

    async def main() -> None:
        task = asyncio.create_task(world.submitter(Foreign(wait)).submit(slot))
        await asyncio.to_thread(going.wait, 20)
        task.cancel()

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    await asyncio.to_thread(thread.join)
    gone.set()
    await calm()
    assert world.state() is State.ABANDONED
    assert world.venue.sends == []


# -- After a crash ---------------------------------------------------------------------------------------------------------------


async def test_a_recovery_gives_reserved_nonces_back(world: World) -> None:
    world.ledger.reserve_many(world.scope, SequentialFromVenue(7), 3)
    world.restart()
    settled = await world.submitter().recover()
    assert [(one.slot.key, one.slot.state, one.ending, one.error) for one in settled] == [
        (key, State.RELEASED, None, None) for key in (7, 8, 9)
    ]


async def test_a_recovery_gives_up_what_was_never_sent(world: World) -> None:
    world.commit()
    signed = world.commit()
    world.ledger.sign(signed, world.signer)
    world.restart()
    settled = await world.submitter().recover()
    assert [(one.slot.key, one.slot.state, one.ending) for one in settled] == [
        (7, State.ABANDONED, Ending.NOT_SENT),
        (8, State.ABANDONED, Ending.NOT_SENT),
    ]
    assert all(isinstance(one.error, RuleViolation) for one in settled)
    assert world.venue.sends == []


async def test_a_recovery_sends_what_was_never_sent_if_it_is_told_to(world: World) -> None:
    world.commit()
    world.ledger.sign(world.commit(), world.signer)
    world.restart()
    settled = await world.submitter().recover(unsent="send")
    assert [one.ending for one in settled] == [Ending.ACCEPTED] * 2
    assert sorted(world.venue.sends) == [7, 8]


async def test_what_was_not_accepted_long_ago_is_unsent_too(world: World) -> None:
    """Nothing of it is on the way, however old it is: whether it goes now was said by who asked for the recovery."""
    out = world.ledger.sign_to_send(world.commit(), world.signer)
    world.ledger.record(out.slot, Answer.from_error(limited()))
    world.restart(after=10_000)
    [settled] = await world.submitter().recover(unsent="send")
    assert (settled.ending, settled.slot.state) == (Ending.ACCEPTED, State.ACCEPTED)
    assert world.venue.sends == [7]


async def test_a_recovery_of_another_account_or_a_live_instance_touches_nothing(world: World) -> None:
    world.commit()
    world.restart(after=0)
    assert await world.submitter().recover(unsent="send") == []
    world.restart()
    world.venue.scope = Scope("stove", "test", LocalSigner.generate().address)
    assert await world.submitter().recover(unsent="send") == []
    assert world.state() is State.COMMITTED


@pytest.mark.parametrize(("age", "sends"), [(299, 2), (301, 1)])
async def test_an_unknown_order_is_sent_again_only_while_it_is_young(age: float, sends: int) -> None:
    world = make_world(owner="bot")
    world.venue.script = [LOST]
    slot = world.commit()
    world.policy = Policy(patience=0)
    assert (await world.submitter().submit(slot)).ending is Ending.UNKNOWN
    world.policy = Policy()
    world.restart(owner="bot", after=age)
    [settled] = await world.submitter(policy=Policy(settle=0)).recover()
    assert settled.ending is (Ending.ACCEPTED if sends == 2 else Ending.UNKNOWN)
    assert len(world.venue.sends) == sends


async def test_an_unknown_order_is_not_sent_without_end_by_a_bot_that_restarts_and_restarts() -> None:
    """The venue refuses what is sent, as it does a nonce that is used, and never shows it."""
    world, left = make_world(owner="bot"), list[Outgoing]()

    def lose(_venue: Any, out: Outgoing) -> Any:
        left.append(out)
        raise OutcomeUnknown("no answer")

    world.venue.script = [lose] * 100
    slot = world.commit()
    world.policy = Policy(patience=0, sends=2)
    assert (await world.submitter().submit(slot)).ending is Ending.UNKNOWN
    for _ in range(30):
        world.restart(owner="bot", after=1)
        for settled in await world.submitter(policy=Policy(settle=0, sends=2, patience=1)).recover():
            assert settled.ending is Ending.UNKNOWN
    assert 10 <= len(world.venue.sends) <= 11  # five times two; the last call had one of its two left
    world.venue.take(left[0])
    world.restart(owner="bot", after=3600)
    assert [settled.ending for settled in await world.submitter().recover()] == [Ending.ACCEPTED]


async def test_an_unknown_order_is_closed_after_its_deadline_and_not_before(world: World) -> None:
    world.venue.script = [LOST]
    world.policy = Policy(patience=0, sends=1)
    assert (await world.submitter().submit(world.commit())).ending is Ending.UNKNOWN
    world.restart(after=DEADLINE - NOW - 70)
    [settled] = await world.submitter().recover()
    assert (settled.ending, settled.slot.state) == (Ending.UNKNOWN, State.UNKNOWN)
    world.restart(after=71)
    [settled] = await world.submitter().recover()
    assert (settled.ending, settled.slot.state) == (Ending.NOT_SENT, State.ABANDONED)
    assert isinstance(settled.error, OutcomeUnknown)
    assert world.venue.sends == [7]


async def test_an_unknown_order_that_is_found_after_its_deadline_is_accepted(world: World) -> None:
    world.venue.script, world.venue.shown = [lost_after], [NOWHERE] * 99
    assert (await world.submitter().submit(world.commit())).ending is Ending.UNKNOWN
    world.venue.shown = []
    world.restart(after=DEADLINE - NOW + 1)
    [settled] = await world.submitter().recover()
    assert (settled.ending, settled.slot.state) == (Ending.ACCEPTED, State.ACCEPTED)


async def test_a_recovery_ends_although_the_venue_does_not_answer_for_longer_than_a_lease(world: World) -> None:
    """What stays open is nobody's again before the last row had its turn: it is not begun anew, for ever."""
    slots = [world.commit() for _ in range(20)]
    world.policy = Policy(patience=0, sends=1)
    world.venue.script = [LOST] * 20
    for slot in slots:
        await world.submitter().submit(slot)
    world.policy = Policy()
    world.venue.shown = [NOWHERE] * 100_000
    world.restart()
    settled = await asyncio.wait_for(world.submitter().recover(), 30)
    assert sorted(one.slot.key for one in settled) == [slot.key for slot in slots]
    assert all(one.slot.state is State.UNKNOWN for one in settled)


async def test_one_row_that_fails_does_not_keep_a_recovery_from_the_others(world: World) -> None:
    world.commit()
    world.commit()
    world.restart()

    class Once:
        failed = False

        def __call__(self) -> None:
            if not self.failed:
                self.failed = True
                raise SignerError("the device is locked")

    settled = await world.submitter(Foreign(Once())).recover(unsent="send")
    assert sorted(type(one.error).__name__ for one in settled) == ["NoneType", "SignerError"]
    assert len(world.venue.held) == 1


async def test_a_halted_ledger_sends_nothing_and_says_so(world: World) -> None:
    slot = world.commit()
    world.ledger.halt()
    with pytest.raises(LedgerError) as caught:
        await world.submitter().submit(slot)
    assert caught.value.reason == "needs_reconcile"
    assert world.state() is State.ABANDONED  # Nor after a reconcile, by a recovery that sends.
    assert world.venue.sends == []


async def test_the_ledger_is_never_called_on_the_loops_thread(world: World) -> None:
    """A commit waits for a disk: on the loop it would hold everything else up."""
    signed_in: list[threading.Thread] = []
    for situation in SITUATIONS:
        other = arranged(situation)
        slot = other.commit()
        await other.submitter(Foreign(lambda: signed_in.append(threading.current_thread()))).submit(slot)
        other.commit()
        other.restart()
        await other.submitter().recover()
        assert other.store.threads
        assert threading.main_thread() not in other.store.threads
    assert signed_in
    assert threading.main_thread() not in signed_in


def test_a_found_order_does_not_show_its_signature() -> None:
    found = Found(cast("Any", None), "0x" + "ab" * 65, "id", "pending", {"signature": "0x" + "ab" * 65})
    assert "abab" not in repr(found)


async def test_an_old_unknown_order_is_looked_up_ever_more_rarely(world: World) -> None:
    """A month of a recovery every minute would be 43,200 rows in the ledger for one lost order."""
    world.venue.script = [LOST]
    world.policy = Policy(patience=0, sends=1)
    slot = (await world.submitter().submit(world.commit())).slot
    world.venue.shown = [[]] * 100_000
    looked = 0
    for _ in range(100):
        world.restart(after=600)
        looked += bool(await world.submitter().recover())
    rows = [attempt for attempt in world.ledger.attempts(slot) if attempt.what is What.LOOKUP]
    assert 10 <= looked <= 40
    assert len(rows) <= looked + 1
    assert world.venue.sends == [7]


async def test_what_a_call_gave_up_as_unknown_is_settled_by_the_next_recovery_of_the_same_run(world: World) -> None:
    world.venue.script, world.venue.shown = [lost_after], [NOWHERE] * 50
    world.policy = Policy(patience=0, sends=1)
    submitter = world.submitter()
    slot = (await submitter.submit(world.commit())).slot
    assert slot.state is State.UNKNOWN
    world.venue.shown = []
    assert await submitter.recover(busy={slot.id}) == []
    [settled] = await submitter.recover()
    assert (settled.ending, settled.slot.key) == (Ending.ACCEPTED, slot.key)


@pytest.mark.parametrize("when", ["asked for", "settled"])
async def test_a_recovery_leaves_alone_what_somebody_asked_for_meanwhile(world: World, when: str) -> None:
    """Its list of what this run gave up as unknown is read first, and worked off later."""
    world.venue.script, world.venue.shown = [lost_after], [NOWHERE] * 50
    world.policy = Policy(patience=0, sends=1)
    submitter = world.submitter()
    slot = (await submitter.submit(world.commit())).slot
    world.venue.shown = []
    busy: set[int] = set()
    read = submitter._own_unknown

    def meanwhile() -> list[Slot]:
        found = read()
        if when == "asked for":
            busy.add(slot.id)
        else:
            signature = world.ledger.artifacts(slot)[-1].signature
            assert signature is not None
            world.ledger.adopt(slot, world.ledger.order(slot, Order), signature)
        return found

    submitter._own_unknown = meanwhile  # type: ignore[method-assign]
    assert await submitter.recover(busy=busy) == []
    assert busy == ({slot.id} if when == "asked for" else set())


async def test_what_a_recovery_is_at_work_on_is_told(world: World) -> None:
    world.venue.script, world.venue.shown = [lost_after], [NOWHERE] * 50
    world.policy = Policy(patience=0, sends=1)
    submitter = world.submitter()
    slot = (await submitter.submit(world.commit())).slot
    world.venue.shown = []
    busy: set[int] = set()
    during: list[set[int]] = []
    submit = submitter.submit

    async def watched(slot: Slot, **options: Any) -> Settled[Any]:
        during.append(set(busy))
        return await submit(slot, **options)

    submitter.submit = watched  # type: ignore[method-assign]
    [settled] = await submitter.recover(busy=busy)
    assert settled.ending is Ending.ACCEPTED
    assert (during, busy) == ([{slot.id}], set())
