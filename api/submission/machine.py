"""What to do next with an order on its way: a pure generator. It reads no clock, sleeps never, and knows no venue.

The table (design, decision 6)::

    accepted      done
    refused       look it up once: a request that was delivered twice gets this answer to the second; then believe it
    not accepted  wait, and send the identical bytes again, a bounded number of times; then give it up
    unknown       look it up; "not found" is no proof, so wait a settle time, and send the identical bytes again;
                  whatever is answered to that but an acceptance, look again; at the end leave it open
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite
from typing import Final

from orderseal.signing import InvalidInput, describe
from orderseal.signing.ledger import LedgerError, State

__all__ = ["DEFAULT_POLICY", "Action", "Ending", "LookUp", "Outcome", "Policy", "Send", "Wait", "submission"]


@dataclass(frozen=True, slots=True)
class Policy:
    """How often and how long. Times in seconds.

    Attributes:
        sends: how often the bytes may leave in one call, the first time included; 1 to 20. Recoveries send an unknown order again no
            more once its bytes have left five times as often in all: then it is only looked up.
        first_wait: the first wait after trouble; each next one is twice as long.
        longest_wait: the longest one. A venue's ``Retry-After`` may be longer, within ``patience``.
        settle: how long the venue has not shown an order whose outcome is unknown before its bytes are sent again.
        patience: how long a call goes on. What is still unknown then stays open in the ledger.
        resend_within: after how long since its first attempt an unknown order is no longer sent again, but only looked up: what
            somebody wanted then may not be wanted now.
    """

    sends: int = 4
    first_wait: float = 0.25
    longest_wait: float = 8.0
    settle: float = 2.0
    patience: float = 60.0
    resend_within: float = 300.0

    def __post_init__(self) -> None:
        if type(self.sends) is not int or not 1 <= self.sends <= 20:
            raise InvalidInput(path="policy.sends", expected="an integer from 1 to 20", actual=describe(self.sends))
        for name, least in (("first_wait", 0.001), ("longest_wait", 0.001), ("settle", 0.0), ("patience", 0.0), ("resend_within", 0.0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value) or value < least:
                raise InvalidInput(path=f"policy.{name}", expected=f"seconds, {least:g} or more", actual=describe(value))


DEFAULT_POLICY: Final = Policy()


@dataclass(frozen=True, slots=True)
class Send:
    """Record an attempt, send the stored bytes, and record the answer."""


@dataclass(frozen=True, slots=True)
class LookUp:
    """Look it up by nonce, and record what was found."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for some seconds."""

    seconds: float


Action = Send | LookUp | Wait


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an action.

    Attributes:
        state: the slot's state after it.
        failed: whether a lookup gave no answer at all, which says even less than "not found".
        retry_after: seconds to wait before the next request, if the venue said so; 0 where it may go at once (a token was renewed).
        hopeless: whether there is no use in going on: another order stands under the nonce, or the deadline has passed.
    """

    state: State
    failed: bool = False
    retry_after: float | None = None
    hopeless: bool = False


class Ending(StrEnum):
    """How a submission ended."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    NOT_SENT = "not_sent"  # Nothing took effect, and nothing is on the way.
    UNKNOWN = "unknown"  # It stays open in the ledger.


def submission(state: State, policy: Policy, clock: Callable[[], float], *, may_send: bool = True) -> Generator[Action, Outcome, Ending]:
    """Say what to do, one action at a time, until the end.

    Args:
        state: the slot's: ``committed``, ``signed``, ``unknown`` or ``refused``.
        clock: seconds by a clock that goes forward only.
        may_send: whether bytes may leave at all; else it is only looked up.
    """
    return _Submission(policy, clock, may_send).run(state)


class _Submission:
    def __init__(self, policy: Policy, clock: Callable[[], float], may_send: bool) -> None:
        self.policy, self.clock = policy, clock
        self.sends_left = policy.sends if may_send else 0
        self.ends = clock() + policy.patience
        self.wait = policy.first_wait
        self.at_once = 1
        self.settled_at = clock() + policy.settle

    def run(self, state: State) -> Generator[Action, Outcome, Ending]:
        while True:
            if state in (State.COMMITTED, State.SIGNED):
                step = self.send()
            elif state is State.UNKNOWN:
                step = self.settle()
            elif state is State.REFUSED:
                step = self.confirm_refusal()
            else:
                raise LedgerError("illegal_event", f"an order that is {state.value} is not on its way")
            after = yield from step
            if isinstance(after, Ending):
                return after
            state = after
            if state is State.ACCEPTED:
                return Ending.ACCEPTED

    def send(self) -> Generator[Action, Outcome, State | Ending]:
        """From committed or signed: nothing is on the way."""
        if not self.sends_left:
            return Ending.NOT_SENT
        outcome = yield from self.attempt()
        if outcome.hopeless:
            return Ending.NOT_SENT
        if outcome.state in (State.COMMITTED, State.SIGNED) and (not self.sends_left or not (yield from self.pause(outcome.retry_after))):
            return Ending.NOT_SENT
        return outcome.state

    def attempt(self) -> Generator[Action, Outcome, Outcome]:
        outcome = yield Send()
        self.sends_left -= 1
        self.settled_at = self.clock() + self.policy.settle
        return outcome

    def settle(self) -> Generator[Action, Outcome, State | Ending]:
        """From unknown: look it up until it is found; once it was not seen for the settle time, send the identical bytes again."""
        outcome = yield LookUp()
        if outcome.hopeless:
            return Ending.UNKNOWN
        if outcome.state is not State.UNKNOWN:
            return outcome.state
        if not outcome.failed and self.sends_left and self.clock() >= self.settled_at:
            outcome = yield from self.attempt()
            if outcome.state is not State.UNKNOWN:
                return outcome.state
            if outcome.hopeless:
                self.sends_left = 0
        return State.UNKNOWN if (yield from self.pause(outcome.retry_after)) else Ending.UNKNOWN

    def confirm_refusal(self) -> Generator[Action, Outcome, State | Ending]:
        """From refused: believe it once a lookup has shown nothing. If no lookup is answered, it is the venue's word all the same."""
        while True:
            outcome = yield LookUp()
            if outcome.state is State.ACCEPTED:
                return State.ACCEPTED
            if not outcome.failed or outcome.hopeless or not (yield from self.pause(outcome.retry_after)):
                return Ending.REFUSED

    def pause(self, wanted: float | None) -> Generator[Action, Outcome, bool]:
        """Wait, twice as long each time; ``False`` if patience does not last so long. Once it goes on at once, if it may."""
        if wanted == 0 and self.at_once:
            self.at_once -= 1
            return True
        seconds = max(wanted or 0.0, self.wait)
        if self.clock() + seconds >= self.ends:
            return False
        self.wait = min(self.wait * 2, self.policy.longest_wait)
        yield Wait(seconds)
        return True
