"""Keeping to a venue's rate limit, before it has to say so."""

import asyncio
import os
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Self

from orderseal.signing import Clock, InvalidInput, RateLimited, describe
from orderseal.signing.clock import finite_seconds, monotonic_clock

__all__ = ["RateLimit"]


class _Ticket:
    """One who waits. ``turn`` is set when it is the first in the line."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.turn = asyncio.Event()

    def call(self) -> None:
        """From whatever thread."""
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.turn.set)


class RateLimit:
    """A bucket of ``count`` tokens; each comes back ``per`` seconds after it was taken. So no window of that length sees more requests.

    (A bucket that refills steadily lets twice as many through in its first window, which a venue that counts by windows refuses.)

    Share one object among all that use one key, in whatever thread or event loop; another process has its own. First come, first served.

    Args:
        count: how many requests.
        per: in how many seconds.
        patience: seconds that a request waits for its turn at most.
        clock: seconds, going forward only; for tests.
        sleep: for tests.
    """

    def __init__(
        self,
        *,
        count: int,
        per: float,
        patience: float = 60.0,
        clock: Clock = monotonic_clock,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        if not isinstance(count, int) or isinstance(count, bool) or not 0 < count <= 1_000_000:
            raise InvalidInput(path="count", expected="a number of requests above 0", actual=describe(count))
        for path, value in (("per", per), ("patience", patience)):
            if finite_seconds(value, path) < 0 or (path == "per" and value == 0):
                raise InvalidInput(path=path, expected="seconds above 0", actual=f"{value}")
        self._count, self._per, self._patience, self._clock, self._sleep = count, float(per), float(patience), clock, sleep
        self._unlimited = False
        self._start()

    def _start(self) -> None:
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._taken: deque[float] = deque()
        self._line: deque[_Ticket] = deque()
        self._held_until = float("-inf")

    @classmethod
    def none(cls) -> Self:
        """No limit: for services without one, and for tests."""
        limit = cls(count=1, per=1.0)
        limit._unlimited = True
        return limit

    def __repr__(self) -> str:
        return "RateLimit.none()" if self._unlimited else f"RateLimit(count={self._count}, per={self._per:g}, patience={self._patience:g})"

    async def wait(self, what: str = "wait for a turn", patience: float | None = None) -> float:
        """Wait for a token, take it, and give the seconds that were waited.

        Raises:
            RateLimited: it would take longer than ``patience``; ``retry_after`` says how long. Nothing was sent and no token is taken.
        """
        if self._process != os.getpid():
            self._start()  # In a forked child: those in the line, and whoever held the lock, stayed behind.
        began = self._clock()
        if self._unlimited and self._held_until <= began:
            return 0.0
        until = began + (self._patience if patience is None else patience)
        ticket = _Ticket()
        with self._lock:
            self._refuse_late(len(self._line), began, until, what)
            self._line.append(ticket)
            if self._line[0] is ticket:
                ticket.turn.set()
        try:
            await ticket.turn.wait()
            while True:
                with self._lock:
                    now = self._clock()
                    due = self._due(0, now)
                    if due <= now:
                        self._take(now)
                        return max(0.0, now - began)
                    self._refuse_late(0, now, until, what)
                await self._sleep(due - now)
        finally:
            self._leave(ticket)

    def hold(self, seconds: float) -> None:
        """Let nobody through for so long: a venue said ``Retry-After``."""
        with self._lock:
            self._held_until = max(self._held_until, self._clock() + seconds)

    def _take(self, now: float) -> None:
        if not self._unlimited:
            self._taken.append(now)

    def _due(self, place: int, now: float) -> float:
        """When whoever stands at that place of the line may go, if nobody leaves it."""
        while self._taken and self._taken[0] + self._per <= now:
            self._taken.popleft()
        free = self._count - len(self._taken)
        if self._unlimited or place < free:
            return max(now, self._held_until)
        rounds, behind = divmod(place - free, self._count)
        first = self._taken[behind] + self._per if behind < len(self._taken) else max(now, self._held_until) + self._per
        return max(first, self._held_until) + rounds * self._per

    def _refuse_late(self, place: int, now: float, until: float, what: str) -> None:
        due = self._due(place, now)
        if due > until:
            limit = "the venue's Retry-After" if self._unlimited else f"{self._count} requests in {self._per:g} s"
            wait = due - now
            error = RateLimited(what, status=0, code=None, message=f"{limit}, used up for {wait:.1f} s. Nothing was sent")
            error.retry_after = wait
            raise error

    def _leave(self, ticket: _Ticket) -> None:
        with self._lock:
            if ticket in self._line:
                self._line.remove(ticket)
            if self._line:
                self._line[0].call()
