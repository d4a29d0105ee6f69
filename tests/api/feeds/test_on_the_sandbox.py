"""A maker's feed on the sandbox, whose WebSockets are killed again and again on the way."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest
from tests.api.feeds.helpers import PATIENCE, fast, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.api.conftest import Kit

    from orderseal.api import stove
    from orderseal.api.stove.feeds import OrderChange
    from orderseal.sandbox import Sandbox

pytestmark = pytest.mark.once

ENDS = {60: "filled", 5: "cancelled", 400: "cancelled"}
"""By the number of shares, as the venue's testing guide has it."""


class Way:
    """Lies between a client and the sandbox, and cuts WebSockets."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: set[asyncio.StreamWriter] = set()
        self._passing: set[asyncio.Task[None]] = set()

    def cut(self) -> None:
        for writer in self._streams:
            writer.transport.abort()
        self._streams.clear()

    def pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._pass(reader, writer))
        self._passing.add(task)
        task.add_done_callback(self._passing.discard)

    async def close(self) -> None:
        """Leave nothing open: what a test leaves is found in another one."""
        passing = list(self._passing)
        for task in passing:
            task.cancel()
        await asyncio.gather(*passing, return_exceptions=True)
        await asyncio.sleep(0)  # What was aborted is closed in the next round of the loop.

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back: asyncio.StreamWriter | None = None
        try:
            there, back = await asyncio.open_connection("127.0.0.1", self._port)
            first = await reader.read(65536)
            if first.startswith(b"GET /ws/"):
                self._streams.add(writer)
            back.write(first)
            await asyncio.gather(_copy(reader, back), _copy(there, writer))
        finally:
            self._streams.discard(writer)
            for end in (writer, back):
                if end is not None:
                    end.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()


@pytest.fixture
async def way(sandbox: Sandbox) -> AsyncIterator[tuple[Way, str]]:
    """A way to the sandbox that can be cut, and its URL."""
    found = Way(int(sandbox.url.rpartition(":")[2]))
    server = await asyncio.start_server(found.pass_on, "127.0.0.1", 0)
    async with server:
        yield found, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await found.close()


async def test_every_order_is_told_to_its_end_while_the_sockets_are_killed(
    kit: Kit, way: tuple[Way, str], client_of: Callable[..., stove.AsyncClient]
) -> None:
    path, url = way
    client = client_of(url)
    told: dict[str, list[OrderChange]] = {}
    expected: dict[str, str] = {}

    async def place() -> None:
        for number in range(12):
            quantity = list(ENDS)[number % len(ENDS)]
            order = kit.signed_order(client.signer, quantity=quantity, nonce=await client.next_nonce())
            placed = await client.create(order)
            feed.watch([placed])
            expected[placed.order_hash] = ENDS[quantity]

    async def kill() -> None:
        pause = 0.02
        while True:
            path.cut()
            await asyncio.sleep(pause)
            pause *= 1.2  # A machine on which no query ends between two kills would never come to the end.

    async def read() -> None:
        async for change in feed:
            told.setdefault(change.order_hash, []).append(change)

    async with asyncio.timeout(2 * PATIENCE), client.feed(options=fast()) as feed:
        await feed.ready()
        reading, killing = asyncio.create_task(read()), asyncio.create_task(kill())
        try:
            await place()
            await until(lambda: all(name in told and told[name][-1].to_status == end for name, end in expected.items()))
        finally:
            killing.cancel()
        assert feed.counts.connections > 1
    await reading
    for name, changes in told.items():
        shown = [(change.from_status, change.to_status, change.pushed) for change in changes]
        assert sum(change.to_status in ENDS.values() for change in changes) == 1, shown
        assert (await client.order(name)).status == changes[-1].to_status, shown
