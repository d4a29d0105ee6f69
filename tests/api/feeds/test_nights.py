"""What a bot meets at night: late replies, full queues, odd times, and clients that are closed."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import websockets
from tests.api.feeds.helpers import HASH, PATIENCE, Account, fast, message, placed, take
from tests.api.feeds.test_orders import REQUEST, TAKER, feed_of, pushes, taker_of

from orderseal.api import stove
from orderseal.api.stove.feeds import AsyncOrderFeed
from orderseal.api.stove.snapshots import snapshot
from orderseal.api.transport import Connection, Listener
from orderseal.signing import InvalidInput, InvalidReply, Unreachable

if TYPE_CHECKING:
    from tests.api.conftest import Kit, RawServer

TLS = Path(__file__).resolve().parents[1] / "transport" / "tls"
QUIET = logging.Logger("a venue's own", logging.CRITICAL)  # noqa: LOG001 - it would show the token


async def test_an_order_that_had_ended_before_its_reply_came(kit: Kit, server: RawServer, account: Account) -> None:
    """Its end was in a gap, the snapshot did not name it, and the connection stands all night."""
    server.routes[kit.STREAM] = pushes(kit)
    async with feed_of(server, account) as feed:
        await feed.ready()
        account.statuses = {HASH: "filled"}
        feed.watch([placed(HASH, "pending")])
        (change,) = await take(feed, 1)
        assert (change.from_status, change.to_status, change.pushed) == ("pending", "filled", False)
        assert (feed.counts.connections, feed.live) == (1, frozenset())


async def test_ready_says_so_if_nobody_reads_meanwhile(kit: Kit, server: RawServer, account: Account) -> None:
    """Else the feed waits for the reader, and the reader for the feed."""
    goes_on = asyncio.Event()
    account.before_query = goes_on.wait
    many = [kit.change(f"0x{number}", "pending") for number in range(20)]
    server.routes[kit.STREAM] = [pushes(kit, *many), pushes(kit)]
    async with feed_of(server, account, fast(most_waiting=3)) as feed:
        async with asyncio.timeout(PATIENCE):
            error = await kit.raises(feed.ready(), Unreachable)
        assert "3 items came before it was ready" in str(error)
        goes_on.set()
        assert len(await take(feed, 3)) == 3
        async with asyncio.timeout(PATIENCE):
            await feed.ready()
        assert feed.counts.overruns == 1


TIMES = [
    "yesterday", 1763722070521, None,
    "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01", "2026-01-01T00:00:00+99:99",
]  # fmt: skip


@pytest.mark.parametrize("time", TIMES, ids=str)
async def test_a_change_is_not_lost_for_its_time(kit: Kit, server: RawServer, account: Account, time: Any) -> None:
    change = {"order_hash": HASH, "to_status": "filled", "metadata": [1e308]}
    server.routes[kit.STREAM] = pushes(kit, message("order_status_change", change, timestamp=time))
    request = message("cancellation_request", REQUEST | {"metadata": {"request_id": "r", "expires_at": time}}, timestamp=time)
    server.routes[TAKER] = pushes(kit, request)
    async with feed_of(server, account) as feed, taker_of(server, account) as taker:
        (found,), (asked,) = await take(feed, 1), await take(taker, 1)
        assert (found.to_status, found.time, found.metadata) == ("filled", None, None)
        assert (asked.order_hash, asked.request_id, asked.expires_at, asked.time) == (HASH, "r", None, None)
        assert (feed.counts.invalid, taker.counts.invalid) == (0, 0)


class _Page:
    def __init__(self, orders: list[stove.PlacedOrder], total: int, pages: int) -> None:
        self.orders, self.total, self.total_pages = orders, total, pages


async def test_an_order_at_the_edge_of_a_page_is_not_overlooked() -> None:
    """The newest ends between two pages, and all others move up by one."""
    orders = [f"0x{number}" for number in range(6)]

    async def fetch(status: Any, number: int) -> _Page:
        assert status is not None
        shown = [placed(name, "pending") for name in orders[2 * number - 2 : 2 * number]]
        page = _Page(shown, len(orders), -(-len(orders) // 2))
        if len(orders) == 6:
            orders.pop(0)
        return page

    found = await snapshot(fetch, frozenset)
    assert {order.order_hash for order in found} == {f"0x{number}" for number in range(6)}


async def test_an_order_that_the_venue_shows_no_more_costs_pages_and_not_the_feed() -> None:
    asked: list[int] = []

    async def fetch(status: Any, number: int) -> _Page:
        asked.append(number)
        return _Page([placed("0x1", "pending")] if status else [placed("0x2", "filled")], 1, 1 if status else 10**6)

    found = await snapshot(fetch, lambda: {"0x3"})
    assert [order.order_hash for order in found] == ["0x1"]
    assert len(asked) == 1 + 1_000
    with pytest.raises(InvalidReply, match="1000 pages"):
        await snapshot(lambda status, _number: fetch(None if status else status, 1), frozenset)


async def test_a_feed_of_a_closed_client(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    client = client_of(server.url)
    taker = stove.AsyncTaker(stove.TESTNET.at(server.url), "key", "secret", "0x" + "11" * 20)
    await asyncio.gather(client.aclose(), taker.aclose())
    for make in (client.feed, lambda: client.book_feed(["AAPL"]), taker.feed):
        with pytest.raises(Unreachable, match="closed"):
            make()


def test_a_sync_feed_ends_with_its_client(kit: Kit, server: RawServer) -> None:
    server.routes[kit.STREAM] = pushes(kit, kit.change(HASH, "pending"))
    server.routes[kit.ORDERS] = kit.page()
    with stove.Client(stove.TESTNET.at(server.url), kit.signer()) as client:
        feed = client.feed()
        with feed:
            assert next(feed).to_status == "pending"
        client.close()
        assert list(feed) == []


async def test_feeds_go_over_the_connection_of_their_client(kit: Kit, account: Account) -> None:
    """The certificate is one's own authority's."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "server.pem")

    async def serve(socket: Any) -> None:
        await socket.send(kit.change(HASH, "filled"))
        await socket.wait_closed()

    async with websockets.serve(serve, "127.0.0.1", 0, ssl=context, logger=QUIET) as server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        options = fast().over(Connection(verify=TLS / "ca.pem"))
        async with AsyncOrderFeed(url, account.headers, account.snapshot, options=options) as feed:
            assert [change.to_status for change in await take(feed, 1)] == ["filled"]
        with pytest.raises(Unreachable, match="SSLCertVerificationError"):
            await Listener(url.replace("https", "wss"), {}, 5.0).open()


async def test_a_proxy_that_needs_what_is_not_installed() -> None:
    listener = Listener("wss://venue.example/ws", {}, 5.0, connection=Connection(proxy="socks5h://127.0.0.1:1"))
    with pytest.raises((InvalidInput, Unreachable)) as caught:
        await listener.open()
    assert isinstance(caught.value, Unreachable) or "python-socks" in str(caught.value)
