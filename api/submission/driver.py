"""Doing what :mod:`.machine` decides: ledger, signer, venue, clock. Async; database and signer work in threads, never on the loop."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Generic, Literal, Protocol, TypeVar

from orderseal.api.submission.afterwards import Afterwards, in_thread
from orderseal.api.submission.machine import DEFAULT_POLICY, Action, Ending, LookUp, Outcome, Policy, Send, Wait, submission
from orderseal.signing import (
    Clock,
    Deadlines,
    NonceConflict,
    OrdersealError,
    OutcomeUnknown,
    RateLimited,
    RuleViolation,
    Signer,
    Unauthorized,
    VenueError,
    system_clock,
)
from orderseal.signing.eip712.struct import Struct
from orderseal.signing.ledger import Answer, Ledger, LedgerError, Meaning, Outgoing, Scope, Slot, State, What

__all__ = ["Found", "Port", "Settled", "Submitter"]

_T = TypeVar("_T")
R = TypeVar("R")

_MOST_ROUNDS: Final = 5  # of ``Policy.sends``, in all recoveries of an order together
_AT_ONCE: Final = 8
_PAGE: Final = 500
_SPACING: Final = 0.1  # An old unknown order is looked up again after so much of its age: a hundred times in a month, not every minute.
_CANCELLED: Final = "cancelled before it was sent"


@dataclass(frozen=True, slots=True)
class Found(Generic[R]):
    """An order as the venue holds it.

    Attributes:
        order: its fields, as the venue tells them.
        signature: as the venue tells it.
        venue_id: the venue's own name for it.
        status: in the venue's words.
        receipt: the venue's own object.
    """

    order: Struct
    signature: str = field(repr=False)
    venue_id: str
    status: str
    receipt: R = field(repr=False)


class Port(Protocol[R]):
    """What a venue's client offers to a submission. It re-sends nothing by itself."""

    @property
    def scope(self) -> Scope:
        """Whose orders, and where."""
        ...

    async def renew(self) -> None:
        """Renew what a write needs, a token for example, so that the write itself goes through no login."""
        ...

    async def send(self, out: Outgoing) -> Found[R]:
        """Send these bytes once, and call ``out.check_lease()`` right before the first of them is written.

        Raises:
            Refused, OutcomeUnknown, Unreachable: and what is below them.
            LedgerError: nothing was sent.
        """
        ...

    async def look_up(self, key: int) -> Sequence[Found[R]]:
        """Everything that the venue holds of this account under this nonce."""
        ...


@dataclass(frozen=True, slots=True)
class Settled(Generic[R]):
    """What became of an order.

    Attributes:
        slot: as it stands now.
        ending: see :class:`Ending`; ``None`` for a row of which nothing was ever to be sent.
        found: as the venue holds it, if it was accepted.
        error: why not.
    """

    slot: Slot
    ending: Ending | None
    found: Found[R] | None = None
    error: OrdersealError | None = None


class Submitter(Generic[R]):
    """Takes the orders of one ledger and one account to one venue.

    Args:
        ledger: where they are committed.
        port: to the venue.
        signer: of the account.
        deadlines: the rule, asked again at the moment of each sending.
        policy: how often and how long.
        clock: Unix seconds.
        elapsed: seconds by a clock that goes forward only; for tests.
        sleep: for tests.
    """

    def __init__(
        self,
        ledger: Ledger,
        port: Port[R],
        signer: Signer,
        *,
        deadlines: Deadlines | None = None,
        policy: Policy = DEFAULT_POLICY,
        clock: Clock = system_clock,
        elapsed: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Any] = asyncio.sleep,
    ) -> None:
        self._means = _Means(ledger, port, signer, deadlines, policy, elapsed, sleep, Afterwards())
        self._clock = clock

    async def submit(self, slot: Slot, *, may_send: bool = True, patience: float | None = None) -> Settled[R]:
        """Take a committed, signed or unknown order to its end, within the policy's patience.

        What nothing took effect of is abandoned: a caller that tries again takes a new nonce, and no intent is left behind to take
        effect later. What is unknown at the end stays open.

        Args:
            may_send: whether bytes may leave at all; else it is only looked up.
            patience: seconds instead of the policy's; with 0 it is tried once.

        Raises:
            LedgerError: the ledger cannot be used, or another instance has taken the row over.
            SignerError: nothing was signed; the order is abandoned.
        """
        means = self._means if patience is None else replace(self._means, policy=replace(self._means.policy, patience=patience))
        return await _Way(means, slot).go(may_send=may_send)

    async def recover(self, *, unsent: Literal["abandon", "send"] = "abandon", busy: set[int] | None = None) -> list[Settled[R]]:
        """Settle every open row of the account that nobody holds: what an earlier run, or a machine that died, left behind, and what a
        call of this run gave up as unknown.

        Reserved nonces are released. Unknown outcomes are looked up, and sent again if they are young (``resend_within``) and were not sent
        five times ``sends`` already; else they are looked up once, ever more rarely. One whose deadline has passed unseen is closed.

        Args:
            busy: numbers of the slots that this instance is at work on, kept up to date by whoever works: they are left alone, and what
                is settled here is among them meanwhile.
            unsent: what becomes of orders of which nothing is on the way: a process died before it sent them, or the venue did not
                accept them. By default they are abandoned, because what was wanted then may not be wanted now.
        """
        gate = asyncio.Semaphore(_AT_ONCE)
        at_work: set[int] = set() if busy is None else busy

        async def one(slot: Slot) -> Settled[R] | None:
            async with gate:
                if slot.id in at_work:  # Since it was read, somebody has asked for it again.
                    return None
                at_work.add(slot.id)
                try:
                    current = await in_thread(self._means.ledger.get, slot.id)
                    if (current.state, current.lease_epoch) != (slot.state, slot.lease_epoch):
                        return None  # Or has settled it.
                    return await self._recover_one(slot, unsent)
                except OrdersealError as error:
                    return Settled(slot, None, error=error)
                finally:
                    at_work.discard(slot.id)

        settled: list[Settled[R]] = []
        seen = set(at_work)
        while True:
            page = await in_thread(self._means.ledger.take_over, self._means.port.scope, limit=_PAGE)
            # What stays open comes again once its lease has run out, which may be before the last of its page had its turn.
            taken = [slot for slot in page if slot.id not in seen]
            if not taken:
                break
            seen |= {slot.id for slot in taken}
            settled += [done for done in await asyncio.gather(*map(one, taken)) if done is not None]
        given_up = [slot for slot in await in_thread(self._own_unknown) if slot.id not in seen]
        return settled + [done for done in await asyncio.gather(*map(one, given_up)) if done is not None]

    def _own_unknown(self) -> list[Slot]:
        ledger, scope = self._means.ledger, self._means.port.scope
        found = ledger.slots(venue=scope.venue, network=scope.network, account=scope.account, kind=scope.kind, states=[State.UNKNOWN])
        return [slot for slot in found if slot.owner == ledger.owner]

    async def wait(self) -> None:
        """Wait until what callers who were cancelled left behind is on record; before the ledger is closed."""
        await in_thread(self._means.afterwards.wait)

    async def _recover_one(self, slot: Slot, unsent: str) -> Settled[R] | None:
        if slot.state is State.RESERVED:
            return Settled(await in_thread(self._means.ledger.release, slot), None)
        if slot.state is not State.UNKNOWN and unsent == "abandon":
            why = "found unsent by a recovery"
            return Settled(await in_thread(self._means.ledger.abandon, slot, why), Ending.NOT_SENT, error=RuleViolation("unsent", why))
        age = 0.0 if slot.sent_at is None or slot.state is not State.UNKNOWN else self._clock() - slot.sent_at
        if age <= self._means.policy.resend_within and not await in_thread(self._is_worn, slot):
            settled = await self.submit(slot)
        elif not await in_thread(self._is_due, slot, age):
            return None
        else:
            settled = await self.submit(slot, may_send=False, patience=0)
        if settled.ending is Ending.UNKNOWN:
            with contextlib.suppress(RuleViolation):  # The deadline is ahead: it stays open.
                return Settled(await in_thread(self._means.ledger.expire, settled.slot), Ending.NOT_SENT, error=settled.error)
        return settled

    def _is_worn(self, slot: Slot) -> bool:
        """Whether an unknown order left so often that once more would help nobody: a bot that restarts and restarts sends without end."""
        sent = sum(attempt.what is What.SENT for attempt in self._means.ledger.attempts(slot))
        return slot.state is State.UNKNOWN and sent >= _MOST_ROUNDS * self._means.policy.sends

    def _is_due(self, slot: Slot, age: float) -> bool:
        """Whether an old unknown order is to be looked up now: from time to time, and once more when its deadline has passed."""
        ledger, now = self._means.ledger, self._clock()
        last = max((attempt.at for attempt in ledger.attempts(slot) if attempt.what is What.LOOKUP), default=0.0)
        passed = any(artifact.deadline is not None and artifact.deadline < now for artifact in ledger.artifacts(slot))
        return passed or now - last >= age * _SPACING


@dataclass(frozen=True, slots=True)
class _Means(Generic[R]):
    ledger: Ledger
    port: Port[R]
    signer: Signer
    deadlines: Deadlines | None
    policy: Policy
    elapsed: Callable[[], float]
    sleep: Callable[[float], Any]
    afterwards: Afterwards


class _Way(Generic[R]):
    """One order on its way: the slot as it stands, and the last error."""

    def __init__(self, means: "_Means[R]", slot: Slot) -> None:
        self.by, self.slot = means, slot
        self.found: Found[R] | None = None
        self.error: OrdersealError | None = None
        self.refusal: OrdersealError | None = None
        self.unconfirmed: Answer | None = None

    @property
    def state(self) -> State:
        """The slot's; ``refused`` also while that is not on record yet."""
        return self.slot.state if self.unconfirmed is None else State.REFUSED

    async def go(self, *, may_send: bool) -> Settled[R]:
        machine = submission(self.slot.state, self.by.policy, self.by.elapsed, may_send=may_send)
        outcome: Outcome | None = None
        try:
            while True:
                try:
                    action = next(machine) if outcome is None else machine.send(outcome)
                except StopIteration as stop:
                    return await self.end(stop.value)
                outcome = await self.do(action)
        except asyncio.CancelledError:
            slot, unconfirmed = self.slot, self.unconfirmed
            self.by.afterwards.do(lambda: self.let_go(slot, unconfirmed, _CANCELLED))
            raise
        except Exception as error:
            await in_thread(self.let_go, self.slot, self.unconfirmed, f"given up: {error}")
            raise

    def let_go(self, slot: Slot, unconfirmed: Answer | None, why: str) -> None:
        """Whoever wanted it has gone, or is told that it failed: then it must not be sent later after all, by a recovery."""
        with contextlib.suppress(LedgerError):  # It stays open; or another instance has the row, and it is its business.
            if unconfirmed is not None:
                self.by.ledger.record(slot, replace(unconfirmed, meaning=Meaning.UNKNOWN))
            elif slot.state in (State.COMMITTED, State.SIGNED):
                self.by.ledger.abandon(slot, why)

    async def do(self, action: Action) -> Outcome:
        if isinstance(action, Send):
            return await self.send()
        if isinstance(action, LookUp):
            return await self.look_up()
        assert isinstance(action, Wait)
        await self.by.sleep(action.seconds)
        return Outcome(self.state)

    async def end(self, ending: Ending) -> Settled[R]:
        error = self.error
        if self.unconfirmed is not None:
            await self.believe(self.unconfirmed)
        if ending is Ending.NOT_SENT and self.slot.state in (State.COMMITTED, State.SIGNED):
            self.slot = await in_thread(self.by.ledger.abandon, self.slot, f"given up: {error}" if error else "given up")
        if ending is Ending.REFUSED and not isinstance(error, NonceConflict):
            error = self.refusal or error
        if ending is Ending.UNKNOWN and not isinstance(error, NonceConflict):
            why = f": {error}" if error else ""
            error = OutcomeUnknown(
                f"the outcome of nonce {self.slot.key} is still unknown, and it stays open in the ledger: recover() goes on with it{why}",
                nonce=self.slot.key,
            )
        return Settled(self.slot, ending, self.found, None if ending is Ending.ACCEPTED else error)

    # -- Sending -------------------------------------------------------------------------------------------------------------

    async def send(self) -> Outcome:
        try:
            await self.by.port.renew()
        except VenueError as error:
            self.error = error
            return Outcome(self.slot.state, failed=True, retry_after=_retry_after(error))
        try:
            out = await self.begin()
        except RuleViolation as error:
            self.error = error
            return Outcome(self.slot.state, hopeless=True)
        self.slot = out.slot
        return await self.exchange(out)

    async def begin(self) -> Outgoing:
        """The durable commit before the first byte. If the caller is cancelled meanwhile, nothing is sent, and that is recorded."""
        ledger, slot, rule = self.by.ledger, self.slot, self.by.deadlines

        def work() -> Outgoing:
            if slot.state is State.COMMITTED:
                return ledger.sign_to_send(slot, self.by.signer, rule=rule)
            return ledger.begin_sending(slot, rule=rule)

        return await self.by.afterwards.unless_cancelled(work, lambda out: self.unsend(out, _CANCELLED))

    def unsend(self, out: Outgoing, why: str) -> None:
        """Record that nothing of it left, and give it up unless an earlier attempt may have arrived."""
        with contextlib.suppress(LedgerError):  # Another instance has the row: then it is its business.
            self.let_go(self.by.ledger.record(out.slot, Answer(Meaning.NOT_ACCEPTED, text=why)), None, why)

    async def exchange(self, out: Outgoing) -> Outcome:
        ledger = self.by.ledger
        try:
            self.found = await self.by.port.send(out)
            answer = Answer(Meaning.ACCEPTED, text=self.found.status, venue_id=self.found.venue_id)
            self.error = None
        except asyncio.CancelledError:
            self.by.afterwards.do(lambda: ledger.record(out.slot, Answer(Meaning.UNKNOWN, text="cancelled while it was being sent")))
            raise
        except LedgerError as error:
            # The lease has run out before a byte was written. Whoever stood still so long does not go on as if nothing were.
            await in_thread(self.unsend, out, str(error))
            raise
        except VenueError as error:
            self.error = error
            answer = Answer.from_error(error)
        except Exception:
            self.by.afterwards.do(lambda: ledger.record(out.slot, Answer(Meaning.UNKNOWN, text="the client failed")))
            raise
        if answer.meaning is Meaning.REFUSED:
            self.refusal = self.error
        if answer.meaning is Meaning.REFUSED and self.slot.state is State.SENDING:
            # Until a lookup has confirmed it, the row stays open: if this process dies now, its recovery looks it up.
            self.unconfirmed = answer
        else:
            await self.record(answer)
        return Outcome(self.state, retry_after=_retry_after(self.error))

    async def record(self, answer: Answer) -> None:
        ledger, slot = self.by.ledger, self.slot
        try:
            self.slot = await self.by.afterwards.unless_cancelled(
                lambda: ledger.record(slot, answer), lambda after: self.let_go(after, None, _CANCELLED)
            )
        except LedgerError as error:
            said = f"nonce {self.slot.key} had been sent, and the answer ({answer.meaning.value}) could not be recorded"
            raise LedgerError(error.reason, f"{said}: {error}. It is settled by recover()") from error

    async def believe(self, refusal: Answer) -> None:
        self.unconfirmed = None
        await self.record(refusal)

    # -- Looking up ----------------------------------------------------------------------------------------------------------

    async def look_up(self) -> Outcome:
        ledger, slot = self.by.ledger, self.slot
        try:
            shown = await self.by.port.look_up(slot.key)
        except VenueError as error:
            self.error = self.error or error
            return Outcome(self.state, failed=True, retry_after=_retry_after(error))
        if not shown:
            if self.unconfirmed is not None:
                await self.believe(self.unconfirmed)
            elif slot.state is State.UNKNOWN:
                self.slot = await in_thread(ledger.not_found, slot)
            return Outcome(self.state)
        try:
            self.slot, self.found = await in_thread(_adopt, ledger, slot, shown)
        except NonceConflict as error:
            self.error = error
            return Outcome(self.state, hopeless=True)
        self.unconfirmed = None
        return Outcome(self.state)


def _adopt(ledger: Ledger, slot: Slot, shown: Sequence[Found[R]]) -> tuple[Slot, Found[R]]:
    """Take the one that is ours. If none is, the first is on record as the one that stands there instead."""
    for last, found in enumerate(shown, 1 - len(shown)):
        try:
            return ledger.adopt(slot, found.order, found.signature, venue_id=found.venue_id, status=found.status), found
        except NonceConflict:
            if not last:
                raise
    raise AssertionError("unreachable: the last one is ours, or raises")


def _retry_after(error: OrdersealError | None) -> float | None:
    if isinstance(error, Unauthorized):
        return 0.0
    return error.retry_after if isinstance(error, RateLimited) else None
