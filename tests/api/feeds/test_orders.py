"""The maker's and the taker's feed over real sockets: gaps, kills, hostile messages, slow consumers, and what is left behind."""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import logging
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from tests.api.feeds.helpers import FAST, HASH, HEARTBEAT, PATIENCE, Account, accepted, fast, message, placed, swallow, take, until

from orderseal.api import stove
from orderseal.api.stove.feeds import AsyncOrderFeed, AsyncTakerFeed, CancellationRequest, FeedOptions, OrderChange
from orderseal.signing import InvalidInput, InvalidReply, OrdersealError, RateLimited, Unauthorized, Unreachable

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.api.conftest import Kit, RawServer, Seen

TAKER = "/ws/taker/v1"


def feed_of(server: RawServer, account: Account, options: FeedOptions = FAST) -> AsyncOrderFeed:
    return AsyncOrderFeed(server.url, account.headers, account.snapshot, options=options)


def taker_of(server: RawServer, account: Account, options: FeedOptions = FAST) -> AsyncTakerFeed:
    return AsyncTakerFeed(server.url, account.headers, account.snapshot, options=options)


def pushes(kit: Kit, *frames: str, then: Any = None) -> Callable[[Seen], Any]:
    return lambda seen: kit.plays(kit.upgrade(seen, [kit.frame(text) for text in frames], then))


async def test_the_handshakes(kit: Kit, server: RawServer, account: Account) -> None:
    server.routes[kit.STREAM] = server.routes[TAKER] = pushes(kit)
    async with feed_of(server, account) as feed, taker_of(server, account) as taker:
        await asyncio.gather(feed.ready(), taker.ready())
    assert server.last(kit.STREAM).target == "/ws/maker/v1?types=order_status_change"
    assert server.last(TAKER).target == "/ws/taker/v1?types=order_status_change,cancellation_request"
    for path in (kit.STREAM, TAKER):
        assert server.last(path).headers["authorization"] == f"Bearer {account.token}"
        assert "sec-websocket-protocol" not in server.last(path).headers
    assert account.renewals == [False, False]


async def test_the_first_connection_tells_what_there_is_after_subscribing(kit: Kit, server: RawServer, account: Account) -> None:
    server.routes[kit.STREAM] = pushes(kit)
    subscribed: list[int] = []
    account.before_query = lambda: subscribed.append(server.count(kit.STREAM))
    account.statuses = {"0x01": "pending", "0x02": "half_baked"}
    async with feed_of(server, account) as feed:
        await feed.ready()
        found = await take(feed, 2)
        assert feed.live == {"0x01", "0x02"}
    assert [(c.order_hash, c.from_status, c.to_status, c.pushed) for c in found] == [
        ("0x01", None, "pending", False),
        ("0x02", None, "half_baked", False),
    ]
    assert subscribed == [1]


async def test_what_happened_between_two_connections_is_told_once(kit: Kit, server: RawServer, account: Account) -> None:
    gone = threading.Event()

    def cut(connection: Any) -> None:
        gone.wait(PATIENCE)
        kit.reset(connection)

    server.routes[kit.STREAM] = [
        pushes(kit, kit.change(HASH, "pending", None), kit.change("0x02", "pending", None), then=cut),
        pushes(kit, kit.change(HASH, "filled", "partially_filled")),
    ]
    account.statuses = {HASH: "pending", "0x02": "pending"}
    async with feed_of(server, account) as feed:
        await feed.ready()
        await take(feed, 2)
        account.statuses = {HASH: "filled", "0x02": "cancelled"}
        gone.set()
        found = await take(feed, 2)
        await until(lambda: feed.counts.connections == 2)
        await feed.ready()
        assert feed.live == frozenset()
        assert not feed._waiting
    assert {(c.order_hash, c.to_status) for c in found} == {(HASH, "filled"), ("0x02", "cancelled")}
    assert next(c.pushed for c in found if c.order_hash == "0x02") is False


async def test_pushes_are_told_while_the_query_runs_and_not_again_by_it(kit: Kit, server: RawServer, account: Account) -> None:
    server.routes[kit.STREAM] = pushes(kit, kit.change(HASH, "locked"), kit.change(HASH, "pending", "locked"), kit.change(HASH, "locked"))
    answer = asyncio.Event()
    account.before_query = answer.wait
    account.statuses = {HASH: "pending", "0x02": "locked"}
    async with feed_of(server, account) as feed:
        assert [(c.to_status, c.pushed) for c in await take(feed, 3)] == [("locked", True), ("pending", True), ("locked", True)]
        answer.set()
        assert [(c.order_hash, c.to_status, c.pushed) for c in await take(feed, 1)] == [("0x02", "locked", False)]
        await feed.ready()
        assert not feed._waiting


async def test_the_socket_is_killed_at_every_point(kit: Kit, server: RawServer, account: Account) -> None:
    """Each connection brings an order of its own to its end, and is cut a few bytes further on; queries fail now and then."""
    steps = [None, "pending", "locked", "pending", "locked", "filled"]
    last = 500
    turn = itertools.count()
    started: list[str] = []
    standing = threading.Event()

    def play(seen: Seen) -> Any:
        number = next(turn)
        name = f"0x{number:04x}"
        frames = [kit.frame(kit.change(name, str(to), before)) for before, to in itertools.pairwise(steps)]
        script = accepted(seen) + b"".join(frames)
        points = range(0, len(script), 7)
        cut = points[number] if number < len(points) else None
        account.statuses[name] = "filled"
        started.append(name)

        def send(connection: Any) -> None:
            connection.sendall(script[:cut])
            if cut is None:
                standing.set()
                swallow(connection)
            elif number % 2:
                kit.reset(connection)

        return kit.plays(send)

    async def sometimes() -> None:
        if account.queries % 3 == 0:
            raise Unreachable("the query was killed as well")

    account.before_query = sometimes
    server.routes[kit.STREAM] = play
    told: dict[str, list[OrderChange]] = {}
    async with asyncio.timeout(100), feed_of(server, account) as feed:
        async for change in feed:
            told.setdefault(change.order_hash, []).append(change)
            ended = set(told) == set(started) and all(found[-1].to_status == "filled" for found in told.values())
            if ended and standing.is_set():
                break
    assert 100 < len(told) < last
    assert any(not change.pushed for found in told.values() for change in found)
    assert any(len(found) == 5 for found in told.values())
    for found in told.values():
        at = 0
        for change in found:
            at = steps.index(change.to_status, at + 1)
            assert not change.pushed or steps[at - 1] == change.from_status


async def test_silence_is_death(kit: Kit, server: RawServer, account: Account) -> None:
    server.routes[kit.STREAM] = pushes(kit)
    async with feed_of(server, account, fast(silence=0.05)):
        await asyncio.to_thread(server.wait, kit.STREAM, 3)


async def test_a_dead_venue_is_tried_with_growing_waits(kit: Kit, server: RawServer, account: Account) -> None:
    server.routes[kit.STREAM] = b""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await asyncio.sleep(0)

    async with feed_of(server, account, FeedOptions(first_backoff=1.0, longest_backoff=30.0, sleep=sleep, random=lambda: 0.5)):
        await until(lambda: len(waits) > 7)
    assert waits[:8] == [0.75, 1.5, 3.0, 6.0, 12.0, 22.5, 22.5, 22.5]


async def test_a_refused_token_is_renewed_once_for_each_connection(kit: Kit, server: RawServer, account: Account) -> None:
    server.routes[kit.STREAM] = [kit.refusal(401), pushes(kit, then=kit.reset), kit.refusal(403), pushes(kit, kit.change(HASH, "locked"))]
    async with feed_of(server, account) as feed:
        assert (await take(feed, 1))[0].to_status == "locked"
    assert account.renewals == [False, True, False, True]


async def test_a_token_that_is_refused_though_renewed_ends_the_feed(kit: Kit, server: RawServer, account: Account) -> None:
    server.routes[kit.STREAM] = kit.refusal(401, f"Bearer {account.token} is bad")
    async with feed_of(server, account) as feed:
        await kit.raises(anext(feed), Unauthorized)
        await kit.raises(anext(feed), Unauthorized)
        await kit.raises(feed.ready(), Unauthorized)
    await kit.raises(anext(feed), Unauthorized)
    assert server.count(kit.STREAM) == 2


HOSTILE: dict[str, tuple[bytes | str, int]] = {
    "binary": (b"\x00\x01", 2),
    "too big": (" " * 1_100_000, 1),
    "not UTF-8": (b'{"type":"\xff"}', 1),
    "no frame": (b"", 7),
    "no JSON": ("garbage", 1),
    "NaN": ('{"type":"heartbeat","timestamp":NaN}', 1),
    "half": ('{"type":"order_status_change","da', 1),
    "deep": ('{"type":"x","data":' + "[" * 400_000 + "]" * 400_000 + "}", 1),
    "no object": ("[]", 1),
    "no type": ("{}", 1),
    "a type that is a number": ('{"type":5}', 1),
    "a key twice": ('{"type":"heartbeat","type":"heartbeat"}', 1),
    "no data": ('{"type":"order_status_change"}', 1),
    "a status that is a number": (message("order_status_change", {"order_hash": HASH, "to_status": 5}), 1),
    "an empty status": (message("order_status_change", {"order_hash": HASH, "to_status": ""}), 1),
    "a long status": (message("order_status_change", {"order_hash": HASH, "to_status": "x" * 201}), 1),
    "a status of lines": (message("order_status_change", {"order_hash": HASH, "to_status": "a\nb"}), 1),
    "a lone surrogate": ('{"type":"order_status_change","data":{"order_hash":"\\ud800","to_status":"x"}}', 1),
    "no hash": (message("order_status_change", {"order_hash": "", "to_status": "filled"}), 1),
}


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_messages_end_the_connection_and_not_the_feed(kit: Kit, server: RawServer, account: Account, name: str) -> None:
    payload, opcode = HOSTILE[name]
    bad = [kit.frame(payload, opcode)]
    server.routes[kit.STREAM] = [lambda seen: kit.plays(kit.upgrade(seen, bad)), pushes(kit, kit.change(HASH, "locked"))]
    async with feed_of(server, account) as feed:
        assert (await take(feed, 1))[0].to_status == "locked"
        assert (feed.counts.invalid, feed.counts.connections) == (1, 2)


async def test_ten_invalid_messages_in_a_row_end_the_feed(kit: Kit, server: RawServer, account: Account) -> None:
    server.routes[kit.STREAM] = pushes(kit, f'{{"type":"{account.token}')
    async with feed_of(server, account) as feed:
        await kit.raises(anext(feed), InvalidReply)
        assert feed.counts.invalid == 10
    assert server.count(kit.STREAM) == 10


async def test_ten_invalid_answers_to_the_query_end_the_feed(kit: Kit, server: RawServer, account: Account) -> None:
    async def invalid() -> None:
        raise InvalidReply("query orders: an HTML page instead of JSON", status=200)

    account.before_query = invalid
    server.routes[kit.STREAM] = pushes(kit, HEARTBEAT)
    async with feed_of(server, account) as feed:
        await kit.raises(anext(feed), InvalidReply)
        assert feed.counts.invalid == 10
    assert account.queries == 10


async def test_good_messages_between_invalid_ones_keep_the_feed_alive(kit: Kit, server: RawServer, account: Account) -> None:
    turn = itertools.count(1)

    def play(seen: Seen) -> Any:
        number = next(turn)
        texts = ["garbage"] if number % 9 else [HEARTBEAT, kit.change(f"0x{number}", "pending")]
        return kit.plays(kit.upgrade(seen, [kit.frame(text) for text in texts]))

    server.routes[kit.STREAM] = play
    async with feed_of(server, account) as feed:
        for _ in range(3):
            await take(feed, 1)
            await feed.ready()
            listener = feed._listener
            assert listener is not None
            await listener.aclose()
        assert feed.counts.invalid >= 24


async def test_what_is_not_asked_for_is_counted_and_what_is_not_listed_is_told(
    kit: Kit, server: RawServer, account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    odd = kit.change(HASH, "half_baked", None, metadata={"lock_id": "x", "deep": {"er": [1, None]}}, more=1, pushed=False)
    server.routes[kit.STREAM] = pushes(
        kit, HEARTBEAT, '{"type":"heartbeat"}', '{"type":"new","data":[1]}', message("cancellation_request", {}), odd, odd
    )
    with caplog.at_level(logging.WARNING, "orderseal.api.stove"):
        async with feed_of(server, account) as feed:
            found = await take(feed, 2)
            counts = feed.counts
    assert (counts.messages, counts.heartbeats, counts.ignored, counts.invalid) == (6, 2, 2, 0)
    assert [(c.to_status, c.pushed, c.metadata) for c in found] == [("half_baked", True, {"lock_id": "x", "deep": {"er": [1, None]}})] * 2
    assert found[0].time is not None
    assert found[0].time.datetime == datetime(2024, 1, 1, 12, tzinfo=UTC)
    assert [record.getMessage() for record in caplog.records if "half_baked" in record.getMessage()] == [
        "maker's feed: an order has the status 'half_baked', which the venue does not list"
    ]


async def test_a_slow_consumer_gets_the_outcome_and_hears_of_it(
    kit: Kit, server: RawServer, account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    """More is pushed than may wait: the feed hangs up, and what was dropped is made up for by the query."""
    many = [kit.change(HASH, "locked") if number % 2 else kit.change(HASH, "pending", "locked") for number in range(1, 5001)]
    server.routes[kit.STREAM] = [pushes(kit, *many), pushes(kit)]
    account.statuses = {HASH: "pending"}
    with caplog.at_level(logging.WARNING, "orderseal.api.stove"):
        async with feed_of(server, account, fast(most_waiting=20)) as feed:
            await until(lambda: feed.counts.overruns == 1)
            account.statuses = {HASH: "filled"}
            assert len(feed._waiting) <= 21
            assert feed.counts.connections == 1
            found = []
            async with asyncio.timeout(PATIENCE):
                async for change in feed:
                    found.append(change)
                    if change.to_status == "filled":
                        break
            assert feed.counts.overruns == 1
    assert len(found) <= 22
    assert (found[-1].pushed, found[-1].from_status) == (False, found[-2].to_status)
    assert sum("slow consumer" in record.getMessage() for record in caplog.records) == 1


async def test_a_snapshot_larger_than_what_may_wait_is_told_whole(kit: Kit, server: RawServer, account: Account) -> None:
    server.routes[kit.STREAM] = pushes(kit)
    account.statuses = {f"0x{number}": "pending" for number in range(500)}
    async with feed_of(server, account, fast(most_waiting=1)) as feed:
        assert {change.order_hash for change in await take(feed, 500)} == set(account.statuses)


async def test_a_flood_leaves_turns_to_others(kit: Kit, server: RawServer, account: Account) -> None:
    def flood(connection: Any) -> None:
        heartbeats = kit.frame(HEARTBEAT) * 500
        while not server.stopping.is_set():
            connection.sendall(heartbeats)

    server.routes[kit.STREAM] = pushes(kit, then=flood)
    async with feed_of(server, account) as feed:
        await until(lambda: feed.counts.heartbeats > 2000)


async def test_a_lagging_push_is_asked_about(kit: Kit, server: RawServer, account: Account) -> None:
    """The query is ahead, and the push that would catch up with it never comes: what comes instead is found by another query."""
    go = threading.Event()

    def later(connection: Any) -> None:
        go.wait(PATIENCE)
        connection.sendall(kit.frame(kit.change(HASH, "partially_filled", "pending")))
        swallow(connection)

    async def sleep(_seconds: float) -> None:
        await asyncio.sleep(0)

    account.statuses = {HASH: "locked"}
    server.routes[kit.STREAM] = pushes(kit, then=later)
    async with feed_of(server, account, fast(sleep=sleep)) as feed:
        assert [c.to_status for c in await take(feed, 1)] == ["locked"]
        account.statuses = {HASH: "partially_filled"}
        go.set()
        assert [(c.to_status, c.pushed) for c in await take(feed, 1)] == [("partially_filled", False)]
        assert feed.counts.stale == 1


async def test_an_order_that_is_watched_is_told_though_it_ended_unseen(kit: Kit, server: RawServer, account: Account) -> None:
    server.routes[kit.STREAM] = pushes(kit)
    feed = feed_of(server, account)

    async def those_that_live() -> list[stove.PlacedOrder]:
        account.statuses = dict.fromkeys(feed.live, "rejected")
        return await account.snapshot()

    feed = AsyncOrderFeed(server.url, account.headers, those_that_live, options=FAST)
    feed.watch([placed(HASH, "pending")])
    async with feed:
        assert [(c.from_status, c.to_status, c.pushed) for c in await take(feed, 1)] == [("pending", "rejected", False)]


async def test_what_the_snapshot_leaves_out_is_logged(
    kit: Kit, server: RawServer, account: Account, caplog: pytest.LogCaptureFixture
) -> None:
    server.routes[kit.STREAM] = [pushes(kit, kit.change(HASH, "pending", None), then=kit.reset), pushes(kit)]
    with caplog.at_level(logging.WARNING, "orderseal.api.stove"):
        async with feed_of(server, account) as feed:
            await take(feed, 1)
            await until(lambda: feed.counts.connections > 1)
            await feed.ready()
    assert "maker's feed: the snapshot left out 1 live orders" in [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize(
    "error",
    [Unreachable("no connection"), RateLimited("query orders", status=429, code=429, message="slow down")],
    ids=["unreachable", "rate limited"],
)
async def test_a_query_that_fails_is_tried_again(kit: Kit, server: RawServer, account: Account, error: OrdersealError) -> None:
    async def once() -> None:
        if account.queries == 1:
            raise error

    account.before_query, account.statuses = once, {HASH: "pending"}
    server.routes[kit.STREAM] = pushes(kit)
    async with feed_of(server, account) as feed:
        assert [change.to_status for change in await take(feed, 1)] == ["pending"]
        assert feed.counts.connections == 2


@pytest.mark.parametrize("where", ["headers", "snapshot"])
async def test_what_a_callback_raises_reaches_the_consumer(kit: Kit, server: RawServer, account: Account, where: str) -> None:
    class OfTheirOwn(Exception):
        pass

    async def fails(*_: object) -> Any:
        raise OfTheirOwn

    server.routes[kit.STREAM] = pushes(kit)
    callbacks: dict[str, Any] = {"headers": account.headers, "snapshot": account.snapshot, where: fails}
    async with asyncio.timeout(PATIENCE), AsyncOrderFeed(server.url, callbacks["headers"], callbacks["snapshot"], options=FAST) as feed:
        with pytest.raises(OfTheirOwn):
            await anext(feed)


async def test_a_read_that_is_given_up_loses_nothing(kit: Kit, server: RawServer, account: Account) -> None:
    go = threading.Event()

    def later(connection: Any) -> None:
        go.wait(PATIENCE)
        connection.sendall(kit.frame(kit.change(HASH, "locked")))
        swallow(connection)

    server.routes[kit.STREAM] = pushes(kit, then=later)
    async with feed_of(server, account) as feed:
        for _ in range(5):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await anext(feed)
        go.set()
        assert (await take(feed, 1))[0].to_status == "locked"


def open_transports() -> int:
    return sum(issubclass(type(thing), asyncio.Transport) and not thing.is_closing() for thing in gc.get_objects())


STAGES = ["hand out headers", "handshake", "query", "waiting", "told", "backing off", "slow consumer", "ended", "at once"]


@pytest.mark.parametrize("stage", STAGES)
async def test_nothing_is_left_behind(kit: Kit, server: RawServer, account: Account, stage: str) -> None:
    never = asyncio.Event()
    reached = asyncio.Event()
    transports, tasks = open_transports(), asyncio.all_tasks()

    async def stay(*_: object) -> Any:
        reached.set()
        await never.wait()

    options, headers = FAST, account.headers
    server.routes[kit.STREAM] = pushes(kit, *[kit.change(HASH, "locked")] * 50)
    if stage == "hand out headers":
        headers = stay  # type: ignore[assignment]  # it never answers
    elif stage == "handshake":
        server.routes[kit.STREAM] = server.hang
    elif stage == "query":
        account.before_query = stay
    elif stage == "backing off":
        server.routes[kit.STREAM] = b""
        options = fast(sleep=stay)
    elif stage == "slow consumer":
        options = fast(most_waiting=5)
    elif stage == "ended":
        server.routes[kit.STREAM] = kit.refusal(401)
    feed = AsyncOrderFeed(server.url, headers, account.snapshot, options=options)
    async with feed:
        if stage in ("hand out headers", "query", "backing off"):
            async with asyncio.timeout(PATIENCE):
                await reached.wait()
        elif stage == "handshake":
            await asyncio.to_thread(server.wait, kit.STREAM)
        elif stage == "waiting":
            await feed.ready()
        elif stage == "told":
            await take(feed, 1)
        elif stage == "slow consumer":
            await until(lambda: feed.counts.overruns == 1)
        elif stage == "ended":
            await kit.raises(anext(feed), Unauthorized)
    await feed.aclose()
    assert not [task for task in asyncio.all_tasks() - tasks if task.get_name().startswith("orderseal")]
    await until(lambda: asyncio.all_tasks() == tasks and open_transports() <= transports)
    if stage != "ended":
        assert [change async for change in feed] == []
        with pytest.raises(Unreachable):
            await feed.ready()


async def test_a_feed_that_is_cancelled_from_outside_leaves_nothing_and_ends(kit: Kit, server: RawServer, account: Account) -> None:
    transports, tasks = open_transports(), asyncio.all_tasks()
    server.routes[kit.STREAM] = pushes(kit)
    feed = feed_of(server, account)
    async with feed:
        await feed.ready()
        for task in asyncio.all_tasks() - tasks:
            task.cancel()
        async with asyncio.timeout(PATIENCE):
            assert [change async for change in feed] == []
        await until(lambda: asyncio.all_tasks() == tasks)
    await until(lambda: open_transports() <= transports)


async def test_a_reader_that_waits_is_woken_by_the_closing(kit: Kit, server: RawServer, account: Account) -> None:
    server.routes[kit.STREAM] = pushes(kit)
    async with feed_of(server, account) as feed:
        await feed.ready()

        async def all_of() -> list[OrderChange]:
            return [change async for change in feed]

        reading = asyncio.create_task(all_of())
        await asyncio.sleep(0)
        await feed.aclose()
        async with asyncio.timeout(PATIENCE):
            assert await reading == []


async def test_a_feed_that_is_not_open(kit: Kit, server: RawServer, account: Account) -> None:
    feed = feed_of(server, account)
    await kit.raises(anext(feed), Unreachable)
    await feed.aclose()
    await kit.raises(feed.__aenter__(), Unreachable)
    assert server.connections == 0
    assert account.token not in repr(feed)


LOCKED = {
    "order_hash": HASH,
    "maker": "0x" + "12" * 20,
    "taker": "0x" + "34" * 20,
    "from_status": "pending",
    "to_status": "locked",
    "metadata": {"expires_at": "2024-01-01T13:00:00Z", "lock_id": "uuid-string", "blockchain_tx_hash": "0x56"},
}
REQUEST = {
    "order_hash": HASH,
    "maker": "0x" + "12" * 20,
    "reason": "user_requested",
    "metadata": {"request_id": "req-1", "expires_at": "2024-01-01T12:05:00Z"},
}


async def test_the_takers_feed(kit: Kit, server: RawServer, account: Account) -> None:
    server.routes[TAKER] = pushes(
        kit,
        HEARTBEAT,
        message("order_status_change", LOCKED),
        message("cancellation_request", REQUEST),
        message("cancellation_request", {"order_hash": HASH, "maker": REQUEST["maker"]}),
    )
    async with taker_of(server, account) as feed:
        change, request, bare = await take(feed, 3)
    assert isinstance(change, OrderChange)
    assert (change.taker, change.maker, change.to_status, change.metadata) == (
        LOCKED["taker"], LOCKED["maker"], "locked", LOCKED["metadata"],
    )  # fmt: skip
    assert isinstance(request, CancellationRequest)
    assert (request.order_hash, str(request.maker), request.reason) == (HASH, REQUEST["maker"], "user_requested")
    assert request.request_id == "req-1"
    assert request.expires_at == datetime(2024, 1, 1, 12, 5, tzinfo=UTC)
    assert isinstance(bare, CancellationRequest)
    assert (bare.reason, bare.request_id, bare.expires_at) == (None, None, None)


@pytest.mark.parametrize(
    "changes",
    [
        {"maker": "0x12"},
        {"maker": 5},
        {"order_hash": None},
        {"reason": 5},
        {"metadata": []},
    ],
    ids=json.dumps,
)
async def test_cancellation_requests_that_are_none(kit: Kit, server: RawServer, account: Account, changes: dict[str, Any]) -> None:
    server.routes[TAKER] = [
        pushes(kit, message("cancellation_request", REQUEST | changes)),
        pushes(kit, message("cancellation_request", REQUEST)),
    ]
    async with taker_of(server, account) as feed:
        assert [type(item) for item in await take(feed, 1)] == [CancellationRequest]
        assert feed.counts.invalid == 1


async def test_no_cancellation_request_is_dropped_for_a_slow_consumer(kit: Kit, server: RawServer, account: Account) -> None:
    """The venue has no way to read one again."""
    numbered = [message("cancellation_request", REQUEST | {"metadata": {"request_id": f"r{number}"}}) for number in range(3)]
    server.routes[TAKER] = [pushes(kit, *numbered[:2]), pushes(kit, numbered[2])]
    async with taker_of(server, account, fast(most_waiting=2)) as feed:
        await until(lambda: feed.counts.overruns == 1)
        assert [getattr(item, "request_id", None) for item in await take(feed, 3)] == ["r0", "r1", "r2"]


@pytest.mark.parametrize("url", ["http://venue.example", "https://venue.example/?x=1", "ws://127.0.0.1", "https://u:p@venue.example"])
def test_urls_that_are_none(account: Account, url: str) -> None:
    with pytest.raises(InvalidInput):
        AsyncOrderFeed(url, account.headers, account.snapshot)


@pytest.mark.parametrize(
    "options", [{"silence": 0}, {"connect": float("nan")}, {"first_backoff": -1}, {"longest_backoff": True}, {"most_waiting": 0}], ids=str
)
def test_options_that_are_none(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        FeedOptions(**options)


def test_only_orders_can_be_watched(server: RawServer, account: Account) -> None:
    given: Any = [HASH]
    with pytest.raises(InvalidInput):
        feed_of(server, account).watch(given)
