"""The feeds without an event loop."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.api.feeds.helpers import FAST, HASH, Account, message, placed

from orderseal.api.stove.feeds import AsyncBookFeed, AsyncOrderFeed, AsyncTakerFeed, BookFeed, CancellationRequest, OrderFeed, TakerFeed
from orderseal.api.transport import BackgroundLoop
from orderseal.signing import Unreachable

if TYPE_CHECKING:
    from tests.api.conftest import Kit, RawServer

BOOKS = "/ws/orderbooks/v1"
BOOK = '{"type":"orderbook_update","data":{"symbol":"AAPL","market":"usex","bid":[],"ask":[],"time":"2026-01-19T06:55:49Z"}}'


def frames(kit: Kit, *texts: str) -> Any:
    return lambda seen: kit.plays(kit.upgrade(seen, [kit.frame(text) for text in texts]))


def test_orders(kit: Kit, server: RawServer, account: Account) -> None:
    account.statuses = {HASH: "locked", "0x02": "pending"}
    server.routes[kit.STREAM] = frames(kit)
    threads = threading.active_count()
    with OrderFeed(AsyncOrderFeed(server.url, account.headers, account.snapshot, options=FAST)) as feed:
        feed.watch([placed("0x02", "pending")])
        feed.ready()
        for change in feed:
            assert (change.order_hash, change.to_status, change.pushed) == (HASH, "locked", False)
            break
        assert feed.live == {HASH, "0x02"}
        assert feed.counts.connections == 1
        assert repr(feed) == f"OrderFeed('ws://127.0.0.1:{server.port}/ws/maker/v1')"
    feed.close()
    assert list(feed) == []
    assert threading.active_count() <= threads + 1  # The server's thread for the connection.


def test_the_takers(kit: Kit, server: RawServer, account: Account) -> None:
    request = message("cancellation_request", {"order_hash": HASH, "maker": "0x" + "12" * 20})
    server.routes["/ws/taker/v1"] = frames(kit, request)
    with TakerFeed(AsyncTakerFeed(server.url, account.headers, account.snapshot, options=FAST)) as feed:
        assert isinstance(next(feed), CancellationRequest)


def test_books_on_the_loop_of_a_client(kit: Kit, server: RawServer, account: Account) -> None:
    server.routes[BOOKS] = frames(kit, BOOK)

    async def nothing() -> None:
        pass

    loop = BackgroundLoop(nothing)
    try:
        feed = BookFeed(AsyncBookFeed(server.url, ["AAPL"], account.jwt, options=FAST), loop)
        with feed:
            assert next(feed).symbol == "AAPL"
        assert list(feed) == []
        assert not loop.stopped
        with pytest.raises(Unreachable):
            feed.ready()
    finally:
        loop.stop()
    feed.close()


def test_a_waiting_reader_is_woken_by_the_closing(kit: Kit, server: RawServer, account: Account) -> None:
    server.routes[kit.STREAM] = frames(kit)
    found: list[object] = []
    feed = OrderFeed(AsyncOrderFeed(server.url, account.headers, account.snapshot, options=FAST))

    def read() -> None:
        try:
            found.extend(feed)
        except RuntimeError as error:
            found.append(str(error))

    with feed:
        feed.ready()
        thread = threading.Thread(target=read, daemon=True)
        thread.start()
    thread.join(60)
    assert not thread.is_alive()
    assert found in ([], ["this client was closed during the call"], ["this client is closed, or was made before a fork: make another one"])
