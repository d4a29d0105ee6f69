"""The feeds that the clients open: with their own credentials, and with a snapshot that leaves nothing out."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from orderseal.api import stove
from orderseal.api.stove.snapshots import snapshot
from orderseal.sandbox import Sandbox, Settings
from orderseal.signing import InvalidReply, Unauthorized

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from tests.api.conftest import Kit, RawServer, Watch
    from tests.api.stove.conftest import Desk

pytestmark = pytest.mark.once


@pytest.fixture(scope="module", params=[0, 1, 5])
def venue(request: pytest.FixtureRequest) -> Iterator[Sandbox]:
    settings = Settings(takers="manual", seed=request.param, heartbeat_interval=0.5)
    with Sandbox(settings, start_timeout=60) as running:
        yield running


async def until_told(feed: stove.AsyncOrderFeed | stove.AsyncTakerFeed, order_hash: str, status: str) -> None:
    async for change in feed:
        if isinstance(change, stove.OrderChange) and (change.order_hash, change.to_status) == (order_hash, status):
            return
    raise AssertionError("the feed ended")


async def test_both_sides_hear_of_an_order(venue: Sandbox, client_of: Callable[..., stove.AsyncClient], kit: Kit, watch: Watch) -> None:
    given = venue.new_taker()
    watch.hide(given["taker_secret"])
    signer = kit.signer()
    client = client_of(venue.url, signer)
    network = stove.TESTNET.at(venue.url)
    async with (
        asyncio.timeout(kit.PATIENCE),
        stove.AsyncTaker(network, given["taker_key"], given["taker_secret"], given["taker_address"]) as taker,
        client.feed() as mine,
        taker.feed() as theirs,
        client.book_feed(["AAPL"]) as books,
    ):
        await asyncio.gather(mine.ready(), theirs.ready(), books.ready())
        signed = kit.signed_order(signer, nonce=await client.next_nonce())
        placed = await client.create(signed)
        await until_told(mine, placed.order_hash, "pending")
        (order,) = [one for one in await taker.available() if one.order_hash == placed.order_hash]
        update = await anext(books)
        assert (update.symbol.upper(), update.market) == ("AAPL", "usex")
        await taker.lock(order)
        await until_told(mine, placed.order_hash, "locked")
        await until_told(theirs, placed.order_hash, "locked")
        await client.cancel(placed.id)
        async for change in theirs:
            if isinstance(change, stove.CancellationRequest) and change.order_hash == placed.order_hash:
                break
        await taker.cancel_result(placed.order_hash, cancelled=True, message="released")
        await until_told(mine, placed.order_hash, "cancelled")


async def test_what_was_missed_is_told(venue: Sandbox, client_of: Callable[..., stove.AsyncClient], kit: Kit) -> None:
    """It ended before there was a connection, and is no open order any more."""
    signer = kit.signer()
    client = client_of(venue.url, signer)
    placed = await client.create(kit.signed_order(signer, nonce=await client.next_nonce()))
    await client.cancel(placed.id)
    feed = client.feed()
    feed.watch([placed])
    async with asyncio.timeout(kit.PATIENCE), feed:
        await until_told(feed, placed.order_hash, "cancelled")


async def test_a_taker_that_is_not_accepted(venue: Sandbox, desk: Desk, kit: Kit) -> None:
    async with desk.taker(venue.url) as taker, asyncio.timeout(kit.PATIENCE):
        async with taker.feed() as feed:
            with pytest.raises(Unauthorized) as caught:
                await anext(feed)
        kit._watch.clean(caught.value)
        assert desk.key not in str(caught.value)


async def test_closing_the_client_ends_its_feeds(venue: Sandbox, client_of: Callable[..., stove.AsyncClient], kit: Kit) -> None:
    client = client_of(venue.url)
    async with asyncio.timeout(kit.PATIENCE):
        feed = await client.feed().__aenter__()
        await feed.ready()
        await client.aclose()
        assert [change async for change in feed] == []


def test_the_same_without_an_event_loop(venue: Sandbox, desk: Desk, kit: Kit, watch: Watch) -> None:
    given = venue.new_taker()
    watch.hide(given["taker_secret"])
    network, signer = stove.TESTNET.at(venue.url), kit.signer()
    with (
        stove.Client(network, signer) as client,
        stove.Taker(network, given["taker_key"], given["taker_secret"], given["taker_address"]) as taker,
        client.feed() as mine,
        taker.feed() as theirs,
        client.book_feed(["AAPL"]) as books,
    ):
        mine.ready()
        theirs.ready()
        books.ready()
        placed = client.create(kit.signed_order(signer, nonce=client.next_nonce()))
        assert next(change.to_status for change in mine if change.order_hash == placed.order_hash) == "pending"
        assert next(update.symbol.upper() for update in books) == "AAPL"


# The snapshot


class Pages:
    """An account of some orders, two on a page."""

    def __init__(self, desk: Desk, statuses: dict[str, str]) -> None:
        self.asked: list[tuple[Collection[str] | None, int]] = []
        self._orders = [desk.show(desk.order(), status=status) for status in statuses.values()]
        self.orders = [stove.TakerOrder(**{**{name: getattr(order, name) for name in order.__struct_fields__}, "order_hash": order_hash})
                       for order_hash, order in zip(statuses, self._orders, strict=True)]  # fmt: skip

    async def __call__(self, status: Collection[str] | None, page: int) -> stove.TakerOrderPage:
        self.asked.append((status, page))
        shown = [order for order in self.orders if status is None or order.status in status]
        return stove.TakerOrderPage(
            total=len(shown), page=page, page_size=2, total_pages=-(-len(shown) // 2), orders=tuple(shown[2 * page - 2 : 2 * page])
        )


async def test_a_snapshot_has_what_is_open_and_what_was_live(desk: Desk) -> None:
    pages = Pages(
        desk, {"0xA": "filled", "0xb": "pending", "0xc": "locked", "0xd": "cancelled", "0xe": "partially_filled", "0xf": "expired"}
    )
    found = await snapshot(pages, lambda: {"0xa", "0xB"})
    assert {order.order_hash for order in found} == {"0xA", "0xb", "0xc", "0xe"}
    assert [page for status, page in pages.asked if status is None] == [1], "it stops where all are found"
    pages.asked.clear()
    assert len(await snapshot(pages, set)) == 3
    assert all(status is not None for status, _ in pages.asked)
    found = await snapshot(pages, lambda: {"0xunknown"})
    assert len(found) == 3


async def test_a_snapshot_without_end_ends(desk: Desk) -> None:
    row = desk.show(desk.order())

    async def endless(status: Collection[str] | None, page: int) -> stove.TakerOrderPage:
        return stove.TakerOrderPage(total=10**9, page=page, page_size=1, total_pages=10**9, orders=(row,))

    with pytest.raises(InvalidReply):
        await snapshot(endless, set)


async def test_a_refused_token_is_renewed_for_the_feed(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    server.routes[kit.ORDERS] = kit.page()
    server.routes[kit.STREAM] = [kit.http(401), lambda seen: kit.plays(kit.upgrade(seen, [kit.frame(kit.change("0x01", "locked"))]))]
    client = client_of(server.url)
    async with asyncio.timeout(kit.PATIENCE), client.feed() as feed:
        assert (await anext(feed)).to_status == "locked"
    streams = [seen.token for seen in server.seen if seen.path == kit.STREAM]
    assert streams[:2] == server.tokens[:2]
