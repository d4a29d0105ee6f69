"""One connection's worth of status changes."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from orderseal.api.stove.models import StatusChange
from orderseal.api.stove.wire import parse_push
from orderseal.api.transport import Listener
from orderseal.signing import Unreachable

__all__ = ["AsyncStatusStream"]


class AsyncStatusStream:
    """The pushes of order statuses, one connection's worth: ``async with`` opens it, ``async for`` reads it.

    The iteration ends by raising when the connection does. The feed has no sequence numbers and no replay: query after each
    (re)connection. :meth:`AsyncClient.follow` does.
    """

    def __init__(
        self, listen: Callable[[], Awaitable[Listener]], leave: Callable[[Listener], Awaitable[None]], seconds: float | None
    ) -> None:
        self._listen, self._leave, self._seconds = listen, leave, seconds
        self._listener: Listener | None = None
        self._ends_at: float | None = None

    async def __aenter__(self) -> Self:
        self._listener = await self._listen()
        if self._seconds is not None:
            self._ends_at = asyncio.get_running_loop().time() + self._seconds
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._listener is not None:
            await self._leave(self._listener)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> StatusChange:
        if self._listener is None:
            raise Unreachable("status stream: not opened; use it in an async with statement")
        try:
            async with asyncio.timeout_at(self._ends_at):
                while (change := parse_push(await self._listener.receive())) is None:
                    continue
                return change
        except TimeoutError:
            raise StopAsyncIteration from None
