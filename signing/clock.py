"""Time as a parameter. A clock gives seconds since 1970-01-01 UTC; only the outermost call reads the real one."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from threading import Lock
from typing import Final

from orderseal.signing.errors import InvalidInput, RuleViolation, describe

__all__ = [
    "FIRST_MILLISECONDS",
    "Clock",
    "VenueClock",
    "VenueTime",
    "elapsed_clock",
    "finite_seconds",
    "format_time",
    "monotonic_clock",
    "system_clock",
    "unix_seconds",
]

Clock = Callable[[], float]

system_clock: Clock = time.time

monotonic_clock: Clock = time.monotonic
"""Seconds from an unknown moment on; setting the local clock does not move it."""


def elapsed_clock() -> float:
    """Seconds from an unknown moment on, by a clock that also counts while the machine sleeps, where the system has one."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


# 100 thousand million seconds after 1970 is the year 5138; read as milliseconds it is March 1973. No order lies between.
FIRST_MILLISECONDS: Final = 100_000_000_000
_UNITS: Final = ("milliseconds", 1000), ("microseconds", 1000**2), ("nanoseconds", 1000**3)


def unix_seconds(value: object, path: str = "time") -> int:
    """Check that ``value`` is Unix time in whole seconds and give it back.

    Anything but an ``int`` is refused, and so is a number from 10^11 on, which is taken for milliseconds; from 10^14 on for microseconds,
    and from 10^17 to 10^20 for nanoseconds.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise InvalidInput(path=path, expected="Unix time in whole seconds", actual=describe(value))
    if value >= FIRST_MILLISECONDS:
        looks, hint = _unit_of(value)
        raise InvalidInput(path=path, expected="Unix time in seconds", actual=f"{describe(value)}, which {looks}", hint=hint)
    return value


def finite_seconds(value: object, path: str) -> float:
    """Check that ``value`` is a finite number of seconds and give it back: every comparison with NaN is false, and would let all pass."""
    # An integer beyond the floats is no time either, and isfinite() would raise OverflowError.
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) >= 1e300 or not isfinite(value):
        raise InvalidInput(
            path=path, expected="a finite number of seconds", actual=str(value) if isinstance(value, float) else describe(value)
        )
    return value


def _unit_of(value: int) -> tuple[str, str]:
    """What a number that is too great for seconds looks like, and what to do about it."""
    for name, factor in _UNITS:
        if value < FIRST_MILLISECONDS * factor:
            return f"looks like {name}", f"Divide by {factor}"
    return (
        "is too great for milliseconds, microseconds and nanoseconds alike",
        "Divide by 1000 for milliseconds, and again by 1000 for each smaller unit",
    )


def format_time(seconds: float) -> str:
    """Write Unix seconds as ``2026-01-31T12:00:00Z``; a time beyond the calendar is written as the number."""
    try:
        return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"{seconds} s"


_MAX_OFFSET: Final = 300
_RESERVE: Final = 3
# A quartz is good to 100 millionths, and NTP slews by 500 at most; this covers both clocks at once.
_DRIFT: Final = 0.001
_YEARS: Final = range(2000, 2200)
_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_IMF_FIXDATE: Final = re.compile(r"([A-Z][a-z]{2}), (\d\d) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT", re.ASCII)


@dataclass(frozen=True, slots=True)
class VenueTime:
    """The venue's time, as closely as it is known.

    Attributes:
        earliest: Unix seconds; the venue's clock shows this or more.
        latest: Unix seconds; the venue's clock shows this or less.
    """

    earliest: float
    latest: float

    def __post_init__(self) -> None:
        if finite_seconds(self.earliest, "earliest") > finite_seconds(self.latest, "latest"):
            raise InvalidInput(path="venue time", expected="earliest ≤ latest", actual=f"{self.earliest} and {self.latest}")


@dataclass(frozen=True, slots=True)
class _Observation:
    """One ``Date``: the venue's clock showed ``time`` ± ``bound`` at the monotonic reading ``at``; ``lead`` is local less monotonic."""

    time: float
    at: float
    bound: float
    lead: float

    def middle(self, monotonic: float) -> float:
        return self.time + (monotonic - self.at)

    def sprung(self, monotonic: float, local: float) -> float:
        """How far the local clock went forward against the monotonic one since."""
        return max(0.0, local - monotonic - self.lead)

    def interval(self, monotonic: float, local: float) -> VenueTime:
        middle = self.middle(monotonic)
        radius = self.bound + _DRIFT * (monotonic - self.at)
        # Either somebody set the local clock, or the machine slept and the monotonic clock stood still. Both must be covered.
        return VenueTime(middle - radius, middle + radius + self.sprung(monotonic, local))


class VenueClock:
    """The venue's time, from the ``Date`` header of its own replies. All times are in seconds; threads may share one.

    ``Date`` has whole seconds and is written at some moment of the round trip. So an observation says what the venue's clock showed in the
    middle of the round trip, give or take the round trip and 3 s. From there the monotonic clock counts on, so that setting the local clock
    does not move the venue's time; the bound grows by 1 ms a second. Of two observations that agree, the narrower is kept.

    An observation that contradicts the kept one is believed once the next contradiction confirms it; until then the interval covers both,
    and one that agrees with the kept one withdraws it.

    An offset of more than 300 s between the venue's and the local clock is never applied: :meth:`now` raises. That clears as soon as the
    local clock is set right, or when two observations in a row say that the venue's first word was wrong.

    Where the local clock goes forward against the monotonic one, it was set or the machine slept: the interval covers both until the next
    observation, and beyond 300 s :meth:`now` raises until then. A sleep of the machine *within* a round trip is not noticed.

    Args:
        clock: the local clock, Unix time.
        monotonic: the monotonic clock. ``sent`` and ``received`` must be readings of the same.
    """

    def __init__(self, *, clock: Clock = system_clock, monotonic: Clock = monotonic_clock) -> None:
        self._clock, self._monotonic = clock, monotonic
        self._lock = Lock()
        self._kept: _Observation | None = None
        self._doubt: _Observation | None = None

    def observe(self, date: str | None, *, age: bool | str | None = None, sent: float, received: float) -> bool:
        """Take the ``Date`` of one of the venue's own envelopes, and say whether it could be read.

        Args:
            date: the header as it came, or ``None`` if there was none. Ignored unless it is an IMF-fixdate (RFC 9110, 5.6.7) of the years
                2000 to 2199 with the right day of the week. A leap second is the second after it.
            age: the ``Age`` header, or whether there was one; a cache's reply is ignored, ``Age: 0`` included.
            sent: monotonic reading before the request.
            received: monotonic reading after the reply's head.

        Raises:
            InvalidInput: the readings are no finite numbers, or not in order, or not of this monotonic clock.
        """
        if date is not None and not isinstance(date, str):
            raise InvalidInput(path="date", expected="the Date header as text, or None", actual=describe(date))
        finite_seconds(sent, "sent")
        finite_seconds(received, "received")
        monotonic, local = self._readings()
        if not sent <= received <= monotonic:
            raise InvalidInput(
                path="received",
                expected=f"sent ≤ received ≤ {monotonic}, the monotonic clock now",
                actual=f"sent {sent} and received {received}",
                hint="Both are readings of this object's monotonic clock; Unix time is none",
            )
        # An empty Age header is one, too: it is no question of truth.
        seconds = None if date is None or (age is not None and age is not False) else _read_date(date)
        if seconds is None:
            return False
        new = _Observation(seconds + 0.5, sent + (received - sent) / 2, received - sent + _RESERVE, local - monotonic)
        interval = new.interval(monotonic, local)
        with self._lock:
            kept, doubt = self._kept, self._doubt
            if kept is None:
                self._kept = new
            elif _overlap(known := kept.interval(monotonic, local), interval):
                self._doubt = None
                if _width(interval) <= _width(known):
                    self._kept = new
            elif doubt is not None and _overlap(doubt.interval(monotonic, local), interval):
                self._kept, self._doubt = new, None
            else:
                self._doubt = new
        return True

    def now(self) -> VenueTime | None:
        """The venue's time now, or ``None`` if nothing was observed yet.

        Raises:
            RuleViolation: ``clock_offset``: the venue's and the local clock are more than 300 s apart, or may be.
        """
        monotonic, local = self._readings()
        with self._lock:
            known = [observation for observation in (self._kept, self._doubt) if observation is not None]
        if not known:
            return None
        for observation in known:
            _refuse_offset(observation, monotonic, local)
        intervals = [observation.interval(monotonic, local) for observation in known]
        return VenueTime(min(interval.earliest for interval in intervals), max(interval.latest for interval in intervals))

    def offset(self) -> float | None:
        """How far the venue's clock is ahead of the local one, in seconds, or ``None`` if not known. For people: any offset is told."""
        monotonic, local = self._readings()
        with self._lock:
            kept = self._kept
        return None if kept is None else kept.middle(monotonic) - local

    def _readings(self) -> tuple[float, float]:
        return finite_seconds(self._monotonic(), "monotonic clock"), finite_seconds(self._clock(), "local clock")


def _refuse_offset(observation: _Observation, monotonic: float, local: float) -> None:
    venue = observation.middle(monotonic)
    if abs(venue - local) > _MAX_OFFSET:
        raise RuleViolation(
            "clock_offset",
            f"the venue's clock says {format_time(venue)} and the local clock {format_time(local)}: {abs(venue - local):.0f} s apart, more "
            f"than {_MAX_OFFSET}. Set the local clock (NTP) and ask the venue for something; sign and send nothing until they agree",
        )
    sprung = observation.sprung(monotonic, local)
    if sprung > _MAX_OFFSET:
        raise RuleViolation(
            "clock_offset",
            f"the local clock went {sprung:.0f} s ahead of the monotonic one: it was set, or the machine slept. "
            "Ask the venue for something, so that its clock is read again",
        )


def _overlap(one: VenueTime, other: VenueTime) -> bool:
    return one.earliest <= other.latest and other.earliest <= one.latest


def _width(interval: VenueTime) -> float:
    return interval.latest - interval.earliest


def _read_date(text: str) -> int | None:
    """An IMF-fixdate as Unix seconds, or ``None`` if it is anything else."""
    match = _IMF_FIXDATE.fullmatch(text)
    if match is None or match[3] not in _MONTHS:
        return None
    day, year, hour, minute, second = (int(match[group]) for group in (2, 4, 5, 6, 7))
    leap = (hour, minute, second) == (23, 59, 60)
    try:
        found = datetime(year, _MONTHS.index(match[3]) + 1, day, hour, minute, second - leap, tzinfo=UTC)
    except ValueError:
        return None
    if year not in _YEARS or _DAYS[found.weekday()] != match[1]:
        return None
    return int(found.timestamp()) + leap
