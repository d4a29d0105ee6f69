"""Calls of the ledger beside the loop, and what is put on record whatever becomes of whoever asked for it."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from orderseal.api.transport import in_daemon_thread, start_thread
from orderseal.signing import OrdersealError

__all__ = ["Afterwards", "in_thread"]

_T = TypeVar("_T")


class Afterwards:
    """What is recorded whatever becomes of the caller. If it fails, the row stays open, and is found by the next recovery."""

    def __init__(self) -> None:
        self._threads: set[threading.Thread] = set()

    def do(self, work: Callable[[], Any]) -> None:
        def quietly() -> None:
            with contextlib.suppress(OrdersealError):
                work()

        thread = start_thread(quietly, "orderseal-ledger", daemon=False)
        alive = {other for other in self._threads if other.is_alive()}
        self._threads = alive if thread is None else alive | {thread}

    async def unless_cancelled(self, work: Callable[[], _T], undo: Callable[[_T], None]) -> _T:
        """Run a call of the ledger beside the loop. If its caller is cancelled before it has the result, the call is undone."""
        handing = threading.Lock()
        made: list[_T] = []
        gone = False

        def run() -> _T:
            result = work()
            with handing:
                made.append(result)
                nobody = gone
            if nobody:  # The loop may have ended as well: so it is done here.
                undo(result)
            return result

        try:
            return await in_daemon_thread(run)
        except asyncio.CancelledError:
            with handing:
                gone = True
                late = made.copy()
            if late:
                self.do(lambda: undo(late[0]))
            raise

    def wait(self) -> None:
        for thread in list(self._threads):
            thread.join()


async def in_thread(function: Callable[..., _T], *args: Any, **options: Any) -> _T:
    """Run a call of the ledger beside the loop."""
    return await in_daemon_thread(lambda: function(*args, **options))
