"""An event loop in a thread of its own, on which the sync clients run the async ones: one logic for both."""

import asyncio
import atexit
import contextlib
import os
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from concurrent.futures import CancelledError
from typing import Any, TypeVar, cast

__all__ = ["BackgroundLoop", "in_daemon_thread", "start_thread"]

_T = TypeVar("_T")

_OPEN: "set[BackgroundLoop]" = set()


@atexit.register
def _stop_all() -> None:
    """Stop every loop before the interpreter freezes their threads: whoever called one after that would wait for ever."""
    for loop in list(_OPEN):
        loop.stop()


def _forget_all() -> None:
    """In a forked process: the threads of the loops stayed behind in the parent, and nothing there can be called or stopped from here."""
    for loop in list(_OPEN):
        loop.abandon()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)


class BackgroundLoop:
    """Runs coroutines for a caller that has no event loop. The thread starts with the first call and does not keep the process alive.

    Args:
        on_stop: closes what was opened on the loop; run on it once, before it ends.
    """

    def __init__(self, on_stop: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._on_stop = on_stop
        self._lock = threading.RLock()  # Re-entrant: the garbage collector may finish an iteration while it is held.
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self.stopped = False

    def _running(self) -> asyncio.AbstractEventLoop:
        """The loop, started by its first call; the caller holds the lock."""
        if self.stopped:
            raise RuntimeError("this client is closed, or was made before a fork: make another one")
        if threading.current_thread() is self._thread:
            raise RuntimeError("the sync client cannot be used inside its own event loop: use the async one")
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._loop.run_forever, name="orderseal", daemon=True)
            self._thread.start()
            _OPEN.add(self)
        return self._loop

    def call(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine to its end and give its result; an interrupted caller cancels it.

        Raises:
            RuntimeError: the client is or was closed, or the call comes from the loop's own thread.
        """
        try:
            # Under the lock, or the loop could be stopped between being found and being given the coroutine.
            with self._lock:
                future = asyncio.run_coroutine_threadsafe(coroutine, self._running())
        except RuntimeError:
            coroutine.close()
            raise
        try:
            return future.result()
        except CancelledError:
            raise RuntimeError("this client was closed during the call") from None
        except BaseException:
            future.cancel()
            raise

    def iterate(self, items: AsyncGenerator[_T]) -> Iterator[_T]:
        """Run an async generator for a caller's ``for``; leaving that early closes it."""
        try:
            while True:
                try:
                    item = self.call(_next(items))
                except StopAsyncIteration:
                    return
                yield item
        finally:
            if not self.stopped:
                self.call(items.aclose())

    def abandon(self) -> None:
        """Forget the loop without stopping it, for a process that does not have its thread."""
        _OPEN.discard(self)
        self._lock = threading.RLock()
        self._loop = self._thread = None
        self.stopped = True

    def stop(self) -> None:
        """Cancel what still runs, and end the loop and its thread; more than once is fine."""
        _OPEN.discard(self)
        with self._lock:
            self.stopped = True
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop is not None and thread is not None:
            asyncio.run_coroutine_threadsafe(self._finish(), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    async def _finish(self) -> None:
        """Cancel what still runs, close what is open, and the async generators that nobody left."""
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._on_stop()
        await asyncio.sleep(0)  # A transport that was closed is only gone in the next turn of the loop.
        await asyncio.get_running_loop().shutdown_asyncgens()
        with contextlib.suppress(TimeoutError):  # A name server that does not answer must not hold us up.
            async with asyncio.timeout(1):
                await asyncio.get_running_loop().shutdown_default_executor()


async def _next(items: AsyncGenerator[_T]) -> _T:
    return await items.__anext__()


async def in_daemon_thread(function: Callable[[], _T]) -> _T:
    """Run a function that may block, such as a signer that asks a person, without blocking the loop or the end of the program."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[_T] = loop.create_future()

    def settle(result: _T | None, error: BaseException | None) -> None:
        if not future.done():
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(cast("_T", result))

    def work() -> None:
        result: _T | None = None
        failure: BaseException | None = None
        try:
            result = function()
        except BaseException as error:  # noqa: BLE001 - whatever it is belongs to whoever awaits
            failure = error
        with contextlib.suppress(RuntimeError):  # The loop was closed meanwhile.
            loop.call_soon_threadsafe(settle, result, failure)

    start_thread(work, "orderseal-signer", daemon=True)
    return await future


def start_thread(work: Callable[[], None], name: str, *, daemon: bool) -> threading.Thread | None:
    """Do it in a thread, or here and now where the interpreter is ending: from 3.12 on it starts no more threads then."""
    thread = threading.Thread(target=work, name=name, daemon=daemon)
    try:
        thread.start()
    except RuntimeError:
        work()
        return None
    return thread
