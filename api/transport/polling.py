"""Asking until something is so."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from orderseal.signing import Clock, InvalidInput, RateLimited, Unfinished, Unreachable
from orderseal.signing.clock import finite_seconds, monotonic_clock

__all__ = ["poll"]

_T = TypeVar("_T")

_GROWTH: Final = 1.6


async def poll(
    read: Callable[[], Awaitable[_T]],
    until: Callable[[_T], bool],
    *,
    what: str,
    seconds: float,
    first: float = 1.0,
    longest: float = 15.0,
    clock: Clock = monotonic_clock,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> _T:
    """Read, again and again, until ``until`` says that it is so; give what was read then. Cancel the task to stop.

    A read that was not answered, or came too often, is no end: it is asked again, after ``retry_after`` where the venue says so.

    Args:
        read: changes nothing.
        what: for the error, for example ``wait for the transaction``.
        seconds: until it gives up; a read that runs then is given up, too. It reads at least once.
        first: seconds between the first two reads; it grows by 1.6.
        longest: seconds between two reads at most.
        clock: seconds, going forward only; for tests.
        sleep: for tests.

    Raises:
        Unfinished: time is up; ``last`` is what was read last.
        VenueError: any other error of ``read``.
    """
    for path, value in (("seconds", seconds), ("first", first), ("longest", longest)):
        if finite_seconds(value, path) < 0 or (value == 0 and path != "seconds"):
            raise InvalidInput(path=path, expected="seconds above 0", actual=f"{value}")
    began, wait, tries = clock(), first, 0
    last: _T | None = None
    trouble = ""
    while True:
        tries += 1
        pause = wait
        try:
            async with asyncio.timeout(max(began + seconds - clock(), 0.0) if tries > 1 else None):
                last = await read()
            trouble = ""
            if until(last):
                return last
        except TimeoutError:
            trouble = "; the last read was not answered in time"
        except (Unreachable, RateLimited) as error:
            trouble = f"; the last read failed ({type(error).__name__})"
            pause = max(pause, getattr(error, "retry_after", None) or 0.0)
        left = began + seconds - clock()
        if left <= 0 or (pause > left and trouble):
            raise Unfinished(f"{what}: not so after {clock() - began:.0f} s and {tries} reads{trouble}", last=last, seconds=clock() - began)
        await sleep(min(pause, left))
        wait = min(wait * _GROWTH, longest)
