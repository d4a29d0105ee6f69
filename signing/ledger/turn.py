"""Whose turn it is to write: a file beside the ledger that processes queue at.

SQLite's own lock keeps them apart, and goes on to do so if this file is missing, deleted or locked by somebody else. But SQLite waits
for its lock by sleeping up to 100 ms at a time, while a transaction takes one: eight processes would mostly sleep.
"""

import os
from contextlib import suppress
from pathlib import Path
from random import Random
from threading import Event
from typing import Any, Final
from weakref import WeakSet

from orderseal.signing.clock import elapsed_clock

fcntl: Any
try:
    import fcntl
except ImportError:  # pragma: no cover - there is none on Windows: then nobody queues
    fcntl = None

__all__ = ["Turn"]

_FIRST_PAUSE: Final = 0.0002
_LONGEST_PAUSE: Final = 0.002
_GRUDGING: Final = 0.05

_OPEN: "WeakSet[Turn]" = WeakSet()


class Turn:
    """A lock between processes. Within one, the caller lets one thread at a time in."""

    def __init__(self, path: Path) -> None:
        self._handle: int | None = None
        self._grudging = False
        self._chance = Random()  # noqa: S311 - it keeps waiting processes out of step
        if fcntl is not None:
            with suppress(OSError):  # A folder that nobody can write to is refused elsewhere.
                self._handle = os.open(f"{path}-turn", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        _OPEN.add(self)

    def take(self, seconds: float) -> None:
        """Wait for it, for so many seconds at most; after that go on without it, and wait only a moment until it is to be had again."""
        if self._handle is None:
            return
        ends, pause = elapsed_clock() + (min(seconds, _GRUDGING) if self._grudging else seconds), _FIRST_PAUSE
        while True:
            try:
                fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                if elapsed_clock() >= ends:
                    self._grudging = True
                    return
            else:
                self._grudging = False
                return
            Event().wait(pause * self._chance.uniform(0.5, 1.5))
            pause = min(pause * 2, _LONGEST_PAUSE)

    def give(self) -> None:
        """Let the next one in."""
        if self._handle is not None:
            with suppress(OSError):
                fcntl.flock(self._handle, fcntl.LOCK_UN)

    def close(self) -> None:
        """End; twice is harmless."""
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)


def _forget_all() -> None:
    """In a forked process, which may not use these ledgers: its copies would hold on to the turn of a parent that is killed."""
    for turn in list(_OPEN):
        turn.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
