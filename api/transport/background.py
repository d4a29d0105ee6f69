"""An event loop in a thread of its own, on which the sync clients run the async ones: one logic for both."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["BackgroundLoop"]

_T = TypeVar("_T")


class BackgroundLoop:
    """Runs coroutines for a caller that has no event loop. The thread starts with the first call and does not keep the process alive."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self.stopped = False

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self.stopped:
                raise RuntimeError("this client is closed")
            if threading.current_thread() is self._thread:
                raise RuntimeError("the sync client cannot be used inside its own event loop: use the async one")
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=self._loop.run_forever, name="orderseal", daemon=True)
                self._thread.start()
            return self._loop

    def call(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine to its end and give its result; an interrupted caller cancels it.

        Raises:
            RuntimeError: the client is closed, or the call comes from the loop's own thread.
        """
        try:
            loop = self._running()
        except RuntimeError:
            coroutine.close()
            raise
        future = asyncio.run_coroutine_threadsafe(coroutine, loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def stop(self) -> None:
        """End the loop and its thread; more than once is fine."""
        with self._lock:
            self.stopped = True
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()
