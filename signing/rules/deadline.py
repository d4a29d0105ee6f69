"""The deadline rule (Stove, *Create Order*: "must be at least current time + 720 hours")."""

from dataclasses import dataclass
from math import ceil, floor, isfinite
from typing import Final

from orderseal.signing.clock import format_time, unix_seconds
from orderseal.signing.errors import InvalidInput, RuleViolation, describe

__all__ = ["DeadlineRule"]

_HOUR: Final = 3600
_DAY: Final = 24 * _HOUR


@dataclass(frozen=True, slots=True)
class DeadlineRule:
    """How far in the future an order's deadline must lie, in seconds.

    The venue's own sample takes exactly now + 720 h, and is too late by the time the request arrives. Here :meth:`choose`
    adds ``margin``, and :meth:`check` still wants ``reserve`` of it to be left at the moment of sending.

    Attributes:
        min_lead: what the venue asks for on arrival; 720 h.
        margin: added when a deadline is chosen, for clocks that differ and orders that wait; 10 min.
        reserve: what must be left of the margin when the order is sent, for the way to the venue; 1 min.
        max_life: the longest life; a signature cannot be taken back before its deadline. 365 days.
    """

    min_lead: int = 720 * _HOUR
    margin: int = 600
    reserve: int = 60
    max_life: int = 365 * _DAY

    def __post_init__(self) -> None:
        for name in ("min_lead", "margin", "reserve", "max_life"):
            value = getattr(self, name)
            if type(value) is not int or value < 0:
                raise InvalidInput(path=f"deadline rule {name}", expected="whole seconds, 0 or more", actual=describe(value))
        if not self.reserve <= self.margin <= self.max_life - self.min_lead:
            raise InvalidInput(
                path="deadline rule",
                expected="reserve ≤ margin ≤ max_life - min_lead",
                actual=f"{self.reserve}, {self.margin} and {self.max_life - self.min_lead} seconds",
            )

    def choose(self, now: float, *, life: int | None = None) -> int:
        """Choose a deadline in Unix seconds: the earliest safe one, or ``now + life``.

        Raises:
            RuleViolation: ``life`` seconds are too short or too long.
        """
        if life is None:
            life = self.min_lead + self.margin
        if type(life) is not int:
            raise InvalidInput(path="life", expected="whole seconds", actual=describe(life))
        _check_now(now)
        deadline = ceil(now) + life
        if life <= self.max_life:  # Rounding up must not make the longest life too long.
            deadline = min(deadline, floor(now) + self.max_life)
        self.check(deadline, now)
        return deadline

    def check(self, deadline: int, now: float) -> None:
        """Check a deadline at the moment ``now`` (Unix seconds) of signing or sending.

        Raises:
            InvalidInput: not whole seconds; milliseconds are recognised by their size.
            RuleViolation: ``deadline_passed``, ``deadline_too_soon`` or ``deadline_too_late``.
        """
        unix_seconds(deadline, "deadline")
        _check_now(now)
        lead = deadline - now
        shown = f"the deadline {format_time(deadline)} ({deadline})"
        if lead <= 0:
            raise RuleViolation("deadline_passed", f"{shown} has passed: it is {format_time(now)} now")
        if lead < self.min_lead + self.reserve:
            raise RuleViolation(
                "deadline_too_soon",
                f"{shown} is {lead / _HOUR:.2f} h away; the venue wants {self.min_lead / _HOUR:g} h on arrival, "
                f"so it must be {format_time(ceil(now) + self.min_lead + self.reserve)} or later",
            )
        if lead > self.max_life:
            raise RuleViolation(
                "deadline_too_late",
                f"{shown} is {lead / _DAY:.1f} days away, more than {self.max_life / _DAY:g}: a signature is live until its deadline",
            )


def _check_now(now: float) -> None:
    """Refuse a clock that is out of order: every comparison with NaN is false, and would let any deadline pass."""
    if isinstance(now, bool) or not isinstance(now, int | float) or not isfinite(now):
        raise InvalidInput(path="now", expected="Unix time in seconds", actual=str(now) if isinstance(now, float) else describe(now))
