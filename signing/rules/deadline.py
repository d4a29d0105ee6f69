"""The deadline rule (Stove, *Create Order*: "must be at least current time + 720 hours")."""

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, floor
from typing import Final, Protocol

from orderseal.signing.clock import FIRST_MILLISECONDS, VenueClock, VenueTime, finite_seconds, format_time, unix_seconds
from orderseal.signing.errors import InvalidInput, RuleViolation, describe

__all__ = ["DeadlineRule", "Deadlines", "LiveDeadlineRule"]

_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR


class Deadlines(Protocol):
    """Whatever judges deadlines: a :class:`DeadlineRule`, or one that also knows the venue's clock (:meth:`DeadlineRule.at`)."""

    def choose(self, now: float, *, life: int | None = None) -> int:
        """A deadline in Unix seconds."""
        ...

    def check(self, deadline: int, now: float) -> None:
        """Raise ``RuleViolation`` unless the deadline is good at the moment ``now`` of signing or sending."""
        ...


@dataclass(frozen=True, slots=True)
class DeadlineRule:
    """How far in the future an order's deadline must lie, in seconds.

    The venue's own sample takes exactly now + 720 h, and is too late by the time the request arrives. Here :meth:`choose`
    adds ``margin``, and :meth:`check` still wants ``reserve`` of it to be left at the moment of sending.

    Three clocks judge: the venue's the shortest life (its latest possible time, where :meth:`at` gave its clock; else the local one),
    the local clock the longest life, and the chain's latest block the expiry (:meth:`check_block`).

    Attributes:
        min_lead: what the venue asks for on arrival; 720 h.
        margin: added when a deadline is chosen, for clocks that differ and orders that wait; 10 min.
        reserve: what must be left of the margin when the order is sent, for the way to the venue; 1 min.
        max_life: the longest life; a signature cannot be taken back before its deadline. 365 days.
        block_reserve: what must be left after the chain's latest block, so that the order can still be mined; 1 min.
    """

    min_lead: int = 720 * _HOUR
    margin: int = 600
    reserve: int = 60
    max_life: int = 365 * _DAY
    block_reserve: int = 60

    def __post_init__(self) -> None:
        for name in ("min_lead", "margin", "reserve", "max_life", "block_reserve"):
            value = getattr(self, name)
            if type(value) is not int or value < 0:
                raise InvalidInput(path=f"deadline rule {name}", expected="whole seconds, 0 or more", actual=describe(value))
        if not self.reserve <= self.margin <= self.max_life - self.min_lead:
            raise InvalidInput(
                path="deadline rule",
                expected="reserve ≤ margin ≤ max_life - min_lead",
                actual=f"{self.reserve}, {self.margin} and {self.max_life - self.min_lead} seconds",
            )

    def at(self, clock: VenueClock | None, *, block_time: Callable[[], int] | None = None) -> "LiveDeadlineRule":
        """The same rule by the venue's clock, read anew at each check; ready for the ledger's ``begin_sending(rule=…)``.

        Args:
            clock: the venue's. While it knows nothing yet, and with ``None``, the local clock judges.
            block_time: gives the timestamp of the chain's latest block, Unix seconds; without it the chain is not asked.
        """
        return LiveDeadlineRule(self, clock, block_time)

    def choose(self, now: float, *, life: int | None = None, venue: VenueTime | None = None) -> int:
        """Choose a deadline in Unix seconds: the earliest that is safe by the local and the venue's clock, or ``now + life``.

        Raises:
            RuleViolation: ``life`` seconds are too short or too long.
        """
        _check_now(now)
        if life is None:
            life, start = self.min_lead + self.margin, now if venue is None else max(now, venue.latest)
        else:
            start = now
        if type(life) is not int:
            raise InvalidInput(path="life", expected="whole seconds", actual=describe(life))
        deadline = ceil(start) + life
        if life <= self.max_life:  # Rounding up must not make the longest life too long.
            deadline = min(deadline, floor(now) + self.max_life)
        self.check(deadline, now, venue=venue)
        return deadline

    def check(self, deadline: int, now: float, *, venue: VenueTime | None = None) -> None:
        """Check a deadline at the moment ``now`` (local clock, Unix seconds) of signing or sending.

        Args:
            venue: the venue's time, where it is known: its latest end judges the shortest life.

        Raises:
            InvalidInput: not whole seconds; milliseconds, microseconds and nanoseconds are recognised by their size.
            RuleViolation: ``deadline_passed``, ``deadline_too_soon`` or ``deadline_too_late``.
        """
        unix_seconds(deadline, "deadline")
        _check_now(now)
        arrival, whose = (now, "") if venue is None else (venue.latest, " by the venue's clock")
        shown = f"the deadline {format_time(deadline)} ({deadline})"
        if deadline <= now:
            raise RuleViolation("deadline_passed", f"{shown} has passed: it is {format_time(now)} now")
        if deadline <= arrival:
            raise RuleViolation("deadline_passed", f"{shown} has passed: it is {format_time(arrival)} now{whose}")
        if deadline - arrival < self.min_lead + self.reserve:
            raise RuleViolation(
                "deadline_too_soon",
                f"{shown} is {(deadline - arrival) / _HOUR:.2f} h away{whose}; the venue wants {self.min_lead / _HOUR:g} h on arrival, "
                f"so it must be {format_time(ceil(arrival) + self.min_lead + self.reserve)} or later",
            )
        if deadline - now > self.max_life:
            raise RuleViolation(
                "deadline_too_late",
                f"{shown} is {(deadline - now) / _DAY:.1f} days away, more than {self.max_life / _DAY:g}: "
                "a signature is live until its deadline",
            )

    def check_block(self, deadline: int, block_time: int) -> None:
        """Check a deadline against the timestamp of the chain's latest block, by which a contract judges it (both Unix seconds).

        Raises:
            InvalidInput: either is not whole seconds.
            RuleViolation: ``deadline_passed`` or ``deadline_too_soon``.
        """
        unix_seconds(deadline, "deadline")
        unix_seconds(block_time, "block_time")
        left = deadline - block_time
        shown = f"the deadline {format_time(deadline)} ({deadline})"
        if left <= 0:
            raise RuleViolation("deadline_passed", f"{shown} has passed on chain: the latest block is of {format_time(block_time)}")
        if left < self.block_reserve:
            raise RuleViolation(
                "deadline_too_soon",
                f"{shown} is {left} s after the latest block; {self.block_reserve} s must be left, so that it can still be mined. "
                "Abandon the order, and take a new nonce for a later deadline",
            )


@dataclass(frozen=True, slots=True)
class LiveDeadlineRule:
    """A :class:`DeadlineRule` by the venue's clock and the chain's; :meth:`DeadlineRule.at` makes it.

    Attributes:
        rule: the numbers.
        clock: the venue's, or ``None``.
        block_time: gives the timestamp of the chain's latest block, or ``None``.
    """

    rule: DeadlineRule
    clock: VenueClock | None
    block_time: Callable[[], int] | None = None

    def __post_init__(self) -> None:
        if self.clock is not None and not isinstance(self.clock, VenueClock):
            raise InvalidInput(path="clock", expected="a VenueClock, or None", actual=describe(self.clock))
        if self.block_time is not None and not callable(self.block_time):
            raise InvalidInput(path="block_time", expected="a function that gives it", actual=describe(self.block_time))

    def choose(self, now: float, *, life: int | None = None) -> int:
        """Choose a deadline, as :meth:`DeadlineRule.choose`.

        Raises:
            RuleViolation: as :meth:`check`.
        """
        deadline = self.rule.choose(now, life=life, venue=self._venue_time())
        self._check_block(deadline)
        return deadline

    def check(self, deadline: int, now: float) -> None:
        """Check a deadline, as :meth:`DeadlineRule.check` and :meth:`DeadlineRule.check_block`.

        Raises:
            RuleViolation: ``clock_offset``: the clocks differ too much for any judgement; or one of the deadline's own.
        """
        unix_seconds(deadline, "deadline")
        self.rule.check(deadline, now, venue=self._venue_time())
        self._check_block(deadline)

    def _venue_time(self) -> VenueTime | None:
        return None if self.clock is None else self.clock.now()

    def _check_block(self, deadline: int) -> None:
        if self.block_time is not None:
            self.rule.check_block(deadline, self.block_time())


def _check_now(now: float) -> None:
    """Refuse a local time that is none, or in another unit."""
    if finite_seconds(now, "now") >= FIRST_MILLISECONDS:
        unix_seconds(floor(now), "now")
