"""The venue's own clock, which may run ahead of this machine's or stand still, and its time formats."""

from __future__ import annotations

import time
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from email.utils import formatdate

# Requests are handled side by side: an error that only one of them sees must not be the clock's own.
_ERROR: ContextVar[float] = ContextVar("_ERROR", default=0.0)


class Clock:
    """Seconds since the epoch as the venue sees them: the machine's clock plus an offset, or one frozen moment."""

    def __init__(self, offset: float = 0.0) -> None:
        self.offset = offset
        self.frozen_at: float | None = None

    def time(self) -> float:
        return _ERROR.get() + (time.time() + self.offset if self.frozen_at is None else self.frozen_at)

    @contextmanager
    def wrong_by(self, seconds: float) -> Generator[None, None, None]:
        """Let the caller alone, and what it calls, see a clock that is ahead; negative means behind."""
        before = _ERROR.set(seconds)
        try:
            yield
        finally:
            _ERROR.reset(before)

    def seconds(self) -> int:
        return int(self.time() // 1)

    def milliseconds(self) -> int:
        return int(self.time() * 1000 // 1)

    def http_date(self) -> str:
        return formatdate(self.time(), usegmt=True)


def iso_nanoseconds(seconds: float) -> str:
    """Return the form of the order book feed: ``2026-01-19T06:55:49.301529733Z``."""
    whole, part = divmod(int(seconds * 10**9), 10**9)
    return f"{iso(whole)[:-1]}.{part:09d}Z"


def iso(seconds: float) -> str:
    """Return the documented form of a moment: ``2025-01-17T03:00:24Z``."""
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
