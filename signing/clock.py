"""Time as a parameter. A clock gives seconds since 1970-01-01 UTC; only the outermost call reads the real one."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from orderseal.signing.errors import InvalidInput, describe

__all__ = ["FIRST_MILLISECONDS", "Clock", "format_time", "system_clock", "unix_seconds"]

Clock = Callable[[], float]

system_clock: Clock = time.time

# 100 thousand million seconds after 1970 is the year 5138; read as milliseconds it is March 1973. No order lies between.
FIRST_MILLISECONDS: Final = 100_000_000_000


def unix_seconds(value: object, path: str = "time") -> int:
    """Check that ``value`` is Unix time in whole seconds and give it back.

    A number from 10^11 on is taken for milliseconds and refused; so is anything but an ``int``.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise InvalidInput(path=path, expected="Unix time in whole seconds", actual=describe(value))
    if value >= FIRST_MILLISECONDS:
        raise InvalidInput(
            path=path,
            expected="Unix time in seconds",
            actual=f"{value}, which looks like milliseconds",
            hint="Divide by 1000",
        )
    return value


def format_time(seconds: float) -> str:
    """Write Unix seconds as ``2026-01-31T12:00:00Z``; a time beyond the calendar is written as the number."""
    try:
        return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError, OSError):
        return f"{seconds} s"
