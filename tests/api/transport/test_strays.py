"""Connections that a cancellation leaves to nobody."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from httpcore import AsyncHTTP11Connection

from orderseal.api.transport import Connection, Limits

if TYPE_CHECKING:
    from tests.api.conftest import Kit, RawServer
    from tests.api.transport.conftest import Venue

    from orderseal.api.transport import Caller

PATH = "/things/t1"


async def test_they_do_not_fill_the_pool(
    venue: Venue, server: RawServer, caller_of: Callable[..., Caller], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The moment between the connecting and the first step of the request, in which httpcore forgets what it holds."""
    server.routes[PATH] = venue.reply()
    real, cancellations = AsyncHTTP11Connection.handle_async_request, [7]

    async def cancelled(self: AsyncHTTP11Connection, request: Any) -> Any:
        if cancellations[0]:
            cancellations[0] -= 1
            raise asyncio.CancelledError
        return await real(self, request)

    monkeypatch.setattr(AsyncHTTP11Connection, "handle_async_request", cancelled)
    caller = caller_of(server.url, connection=Connection(max_connections=2), limits=Limits(total=20.0, pool=1.0))
    pool = caller._transport._client._transport._pool  # type: ignore[attr-defined]  # httpx's own, to count what it holds
    for act in (caller.read, caller.write) * 3:
        with pytest.raises(asyncio.CancelledError):
            await act(venue.call())
        assert all(one.is_closed() for one in pool.connections)
    assert server.count() == 0
    with pytest.raises(asyncio.CancelledError):
        await caller.read(venue.call())
    assert (await asyncio.gather(caller.read(venue.call()), caller.write(venue.call())))[0].count == 3
    assert len(pool.connections) <= 2


async def test_what_others_use_stays_open(kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller]) -> None:
    """One is cancelled while another waits for its answer, and a third connection is idle."""
    goes_on = threading.Event()

    def late(connection: socket.socket) -> None:
        goes_on.wait(60)
        connection.sendall(venue.reply())

    caller = caller_of(server.url)
    server.routes[PATH] = venue.reply()
    await asyncio.gather(caller.read(venue.call()), caller.read(venue.call()), caller.read(venue.call()))
    server.routes[PATH] = kit.plays(late)
    waiting, cancelled = (asyncio.create_task(caller.read(venue.call())) for _ in range(2))
    await asyncio.to_thread(server.wait, PATH, 5)
    cancelled.cancel()
    await asyncio.gather(cancelled, return_exceptions=True)
    goes_on.set()
    assert (await waiting).count == 3
    assert server.count() == 5
