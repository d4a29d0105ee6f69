"""The status stream and following one order, on the sandbox and on servers that misbehave."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from orderseal.api import stove
from orderseal.api.transport import Listener
from orderseal.signing import InvalidReply, OrdersealError, Unauthorized, Unreachable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.api.conftest import Kit, RawServer, Seen

    from orderseal.sandbox import Sandbox

HASH = "0x" + "ab" * 32


async def place(kit: Kit, client: stove.AsyncClient, quantity: int) -> stove.PlacedOrder:
    order = kit.signed_order(client.signer, quantity=quantity, nonce=await client.next_nonce())
    return await client.create(order)


async def all_of(kit: Kit, changes: AsyncIterator[stove.StatusChange]) -> list[stove.StatusChange]:
    async with asyncio.timeout(kit.PATIENCE):
        return [change async for change in changes]


async def test_the_stream_tells_the_whole_way_to_filled(kit: Kit, sandbox: Sandbox, client_of: Callable[..., stove.AsyncClient]) -> None:
    client = client_of(sandbox.url)
    seen: list[stove.StatusChange] = []
    async with asyncio.timeout(kit.PATIENCE), client.stream() as changes:
        placed = await place(kit, client, 60)
        async for change in changes:
            seen.append(change)
            if change.to_status == "filled":
                break
    assert {change.order_hash.lower() for change in seen} == {placed.order_hash.lower()}
    assert all(change.pushed for change in seen)
    assert seen[0].from_status is None
    assert [before.to_status for before in seen[:-1]] == [after.from_status for after in seen[1:]]
    assert any(change.to_status == "locked" and change.metadata and "taker_address" in change.metadata for change in seen)


@pytest.mark.parametrize(
    ("quantity", "until", "end"),
    [(60, None, "filled"), (5, None, "cancelled"), (400, None, "cancelled"), (2, {"partially_filled"}, "partially_filled")],
)
async def test_following_an_order_to_its_end(
    kit: Kit, sandbox: Sandbox, client_of: Callable[..., stove.AsyncClient], quantity: int, until: set[str] | None, end: str
) -> None:
    client = client_of(sandbox.url)
    placed = await place(kit, client, quantity)
    wanted = stove.FINAL_STATUSES | (until or set())
    seen = await all_of(kit, client.follow(placed, until=frozenset(wanted)))
    assert seen[-1].to_status == end
    assert all(change.order_hash.lower() == placed.order_hash.lower() for change in seen)
    assert (await client.order(placed.order_hash)).status == end


async def test_following_an_order_that_is_cancelled(kit: Kit, sandbox: Sandbox, client_of: Callable[..., stove.AsyncClient]) -> None:
    client = client_of(sandbox.url)
    placed = await place(kit, client, 1)
    following = asyncio.create_task(all_of(kit, client.follow(placed)))
    await asyncio.sleep(0.1)
    assert (await client.cancel(placed.id)).success
    assert (await following)[-1].to_status == "cancelled"


async def test_following_an_order_that_has_ended(kit: Kit, sandbox: Sandbox, client_of: Callable[..., stove.AsyncClient]) -> None:
    client = client_of(sandbox.url)
    placed = await place(kit, client, 1)
    await client.cancel(placed.id)
    seen = await all_of(kit, client.follow(placed))
    assert [(change.from_status, change.to_status, change.pushed) for change in seen] == [("pending", "cancelled", False)]
    ended = await client.order(placed.order_hash)
    assert await all_of(kit, client.follow(ended)) == []


async def test_following_at_the_sandbox_while_every_socket_is_dropped(
    kit: Kit, sandbox: Sandbox, client_of: Callable[..., stove.AsyncClient]
) -> None:
    client = client_of(sandbox.url)
    placed = await place(kit, client, 1)
    seen: list[stove.StatusChange] = []

    async def follow() -> None:
        async for change in client.follow(placed):
            seen.append(change)

    following = asyncio.create_task(follow())
    async with httpx.AsyncClient(trust_env=False) as control:
        async with asyncio.timeout(kit.PATIENCE):
            for wait in itertools.repeat(0.02):
                if (await control.post(sandbox.url + "/sandbox/drop-sockets")).json()["closed"]:
                    break
                await asyncio.sleep(wait)
    await client.cancel(placed.id)
    async with asyncio.timeout(kit.PATIENCE):
        await following
    assert seen[-1].to_status == "cancelled"


async def test_a_change_that_was_missed_is_told_by_a_query(
    kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]
) -> None:
    """The first connection is cut at once; by the second, the order is filled."""
    signer = kit.signer()
    signed = kit.signed_order(signer)
    server.routes[kit.ORDERS] = [kit.page(kit.placed(signed)), kit.page(kit.placed(signed, status="filled"))]
    server.routes[kit.STREAM] = [
        lambda seen: kit.plays(kit.upgrade(seen, [kit.frame(kit.change(HASH, "locked"))], then=kit.reset)),
        lambda seen: kit.plays(kit.upgrade(seen, [])),
    ]
    client = client_of(server.url, signer)
    placed = (await client.query()).orders[0]
    server.routes[kit.ORDERS] = [kit.page(kit.placed(signed)), kit.page(kit.placed(signed, status="filled"))]
    seen = await all_of(kit, client.follow(placed))
    assert seen[-1] == stove.StatusChange(order_hash=HASH, from_status=seen[-1].from_status, to_status="filled", pushed=False)
    assert server.count(kit.STREAM) == 2
    assert server.count(kit.LOGIN) == 1


async def test_repeats_are_told_and_other_orders_are_not(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    signer = kit.signer()
    signed = kit.signed_order(signer)
    steps = ["locked", "pending", "locked", "pending", "locked", "filled"]
    frames = [kit.frame(kit.change("0x" + "cd" * 32, "filled")), kit.frame('{"type":"heartbeat","timestamp":1763722070521}')]
    frames += [kit.frame(kit.change(HASH.upper().replace("X", "x"), step)) for step in steps]
    server.routes[kit.STREAM] = lambda seen: kit.plays(kit.upgrade(seen, frames))
    server.routes[kit.ORDERS] = [kit.page(kit.placed(signed)), kit.page(kit.placed(signed)), kit.page(kit.placed(signed, status="filled"))]
    client = client_of(server.url, signer)
    placed = (await client.query()).orders[0]
    seen = await all_of(kit, client.follow(placed))
    assert [change.to_status for change in seen] == steps
    assert all(change.pushed for change in seen)
    assert server.count(kit.STREAM) == 1


async def test_a_final_push_that_the_query_does_not_confirm(
    kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]
) -> None:
    signer = kit.signer()
    signed = kit.signed_order(signer)
    pending, filled = kit.page(kit.placed(signed)), kit.page(kit.placed(signed, status="filled"))
    server.routes[kit.STREAM] = [
        lambda seen: kit.plays(kit.upgrade(seen, [kit.frame(kit.change(HASH, "cancelled"))])),
        lambda seen: kit.plays(kit.upgrade(seen, [])),
    ]
    server.routes[kit.ORDERS] = [pending, pending, pending, filled]
    client = client_of(server.url, signer)
    placed = (await client.query()).orders[0]
    seen = await all_of(kit, client.follow(placed))
    assert [(change.to_status, change.pushed) for change in seen] == [("cancelled", True), ("filled", False)]


async def test_following_a_dead_venue_is_no_busy_loop(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    signer = kit.signer()
    signed = kit.signed_order(signer)
    server.routes[kit.ORDERS] = kit.page(kit.placed(signed))
    client = client_of(server.url, signer)
    placed = (await client.query()).orders[0]
    answers: list[Callable[[Seen], Any]] = [
        lambda _: b"",
        lambda _: kit.http(503),
        lambda _: kit.http(200, b"<html>"),
        lambda seen: kit.plays(kit.upgrade(seen, [], then=kit.reset)),
        lambda seen: kit.plays(kit.upgrade(seen, [kit.frame("garbage")])),
        lambda seen: kit.plays(kit.upgrade(seen, [kit.frame(kit.change(HASH, "filled"))])),
    ]

    async def run(answer: Callable[[Seen], Any]) -> None:
        other = client_of(server.url, signer)
        with suppress(TimeoutError):
            async with asyncio.timeout(1.2):
                async for _ in other.follow(placed):
                    pass

    for_each = 4  # At once, and after waits of half a second, and more on a clock that is slow.
    turn = itertools.count()
    server.routes[kit.STREAM] = lambda seen: answers[next(turn) % len(answers)](seen)
    await asyncio.gather(*[run(answer) for answer in answers])
    assert server.count(kit.STREAM) <= for_each * len(answers)
    assert server.count(kit.LOGIN) <= 1 + len(answers)


async def test_following_survives_a_query_that_is_rate_limited(
    kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]
) -> None:
    """The venue did nothing with that request: wait, and ask again, as after a lost connection."""
    signer = kit.signer()
    signed = kit.signed_order(signer)
    server.routes[kit.STREAM] = lambda seen: kit.plays(kit.upgrade(seen, []))
    server.routes[kit.ORDERS] = [
        kit.page(kit.placed(signed)),
        kit.refusal(429, Retry_After="1"),
        kit.page(kit.placed(signed, status="filled")),
    ]
    client = client_of(server.url, signer)
    placed = (await client.query()).orders[0]
    assert (await all_of(kit, client.follow(placed)))[-1].to_status == "filled"


async def test_following_with_a_token_that_is_always_refused_ends(
    kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]
) -> None:
    signer = kit.signer()
    server.routes[kit.ORDERS] = kit.page(kit.placed(kit.signed_order(signer)))
    server.routes[kit.STREAM] = kit.http(401, b"")
    client = client_of(server.url, signer)
    placed = (await client.query()).orders[0]
    await kit.raises(all_of(kit, client.follow(placed)), Unauthorized)
    assert server.count(kit.STREAM) == 2


async def test_a_follow_that_is_left_closes_its_connection(
    kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]
) -> None:
    signer = kit.signer()
    closed = asyncio.Event()
    loop = asyncio.get_running_loop()

    def play(connection: Any) -> None:
        kit.until_closed(connection)
        loop.call_soon_threadsafe(closed.set)

    server.routes[kit.STREAM] = lambda seen: kit.plays(kit.upgrade(seen, [kit.frame(kit.change(HASH, "locked"))], then=play))
    server.routes[kit.ORDERS] = kit.page(kit.placed(kit.signed_order(signer)))
    client = client_of(server.url, signer)
    placed = (await client.query()).orders[0]
    changes = client.follow(placed)
    assert (await anext(changes)).to_status == "locked"
    await changes.aclose()
    async with asyncio.timeout(kit.PATIENCE):
        await closed.wait()


async def test_the_handshake(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    server.routes[kit.STREAM] = lambda seen: kit.plays(kit.upgrade(seen, []))
    async with client_of(server.url).stream(seconds=0) as changes:
        assert [change async for change in changes] == []
    sent = server.last(kit.STREAM)
    assert (sent.method, sent.target) == ("GET", "/ws/maker/v1?types=order_status_change")
    assert sent.headers["authorization"] == f"Bearer {server.tokens[0]}"
    assert sent.headers["host"] == f"127.0.0.1:{server.port}"
    assert sent.headers["user-agent"] == "orderseal"
    assert "origin" not in sent.headers


async def test_a_stream_with_an_end(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    server.routes[kit.STREAM] = lambda seen: kit.plays(kit.upgrade(seen, [kit.frame(kit.change(HASH, "locked"))]))
    async with asyncio.timeout(kit.PATIENCE), client_of(server.url).stream(seconds=0.5) as changes:
        assert [change.to_status async for change in changes] == ["locked"]
        assert [change async for change in changes] == []


async def test_a_stream_with_an_end_ends_under_a_flood(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    """Messages that are not ours to know must not keep the loop from looking at the clock."""

    def flood(connection: Any) -> None:
        heartbeats = kit.frame('{"type":"heartbeat","timestamp":1763722070521}') * 500
        while not server.stopping.is_set():
            connection.sendall(heartbeats)

    server.routes[kit.STREAM] = lambda seen: kit.plays(kit.upgrade(seen, [], then=flood))
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    ticking = asyncio.create_task(tick())
    async with asyncio.timeout(kit.PATIENCE), client_of(server.url).stream(seconds=0.5) as changes:
        assert [change async for change in changes] == []
    ticking.cancel()
    assert ticks >= 2


async def test_silence(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    server.routes[kit.STREAM] = lambda seen: kit.plays(kit.upgrade(seen, []))
    async with client_of(server.url, silence=0.2).stream() as changes:
        assert "silent for 0.2 s" in str(await kit.raises(anext(changes), Unreachable))


async def test_heartbeats_are_no_silence(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    def beat(connection: Any) -> None:
        for _ in range(5):
            connection.sendall(kit.frame('{"type":"heartbeat","timestamp":1763722070521}'))
            time.sleep(0.4)
        connection.sendall(kit.frame(kit.change(HASH, "filled")))
        kit.until_closed(connection)

    server.routes[kit.STREAM] = lambda seen: kit.plays(kit.upgrade(seen, [], then=beat))
    async with client_of(server.url, silence=1.5).stream() as changes:
        assert (await anext(changes)).to_status == "filled"


@pytest.mark.parametrize(
    ("name", "frames", "expected"),
    [
        ("binary", [(b"\x00\x01", 2)], InvalidReply),
        ("binary JSON", [(b'{"type":"heartbeat"}', 2)], InvalidReply),
        ("garbage", [("garbage", 1)], InvalidReply),
        ("nothing", [("", 1)], InvalidReply),
        ("half", [('{"type":"order_status_change","da', 1)], InvalidReply),
        ("no object", [("[]", 1)], InvalidReply),
        ("no type", [("{}", 1)], InvalidReply),
        ("a type that is a number", [('{"type":5}', 1)], InvalidReply),
        ("no data", [('{"type":"order_status_change"}', 1)], InvalidReply),
        ("data null", [('{"type":"order_status_change","data":null}', 1)], InvalidReply),
        ("no status", [('{"type":"order_status_change","data":{"order_hash":"0x1"}}', 1)], InvalidReply),
        ("a status that is a number", [('{"type":"order_status_change","data":{"order_hash":"0x1","to_status":5}}', 1)], InvalidReply),
        ("deep", [("[" * 500_000, 1)], InvalidReply),
        ("deep metadata", [('{"type":"order_status_change","data":{"metadata":' + "[" * 400_000, 1)], InvalidReply),
        ("a lone surrogate", [('{"type":"order_status_change","data":{"order_hash":"\\ud800","to_status":"x"}}', 1)], InvalidReply),
        ("not UTF-8", [(b'{"type":"\xff"}', 1)], InvalidReply),
        ("too long", [(" " * 1_100_000, 1)], InvalidReply),
        ("a frame that is none", [(b"", 7)], InvalidReply),
        ("a close", [(b"\x03\xe8", 8)], Unreachable),
        ("a close with a reason", [(b"\x0f\xa0eyJhbGciOiJI token expired\n", 8)], Unreachable),
    ],
)  # fmt: skip
async def test_messages_that_are_none(
    kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient], name: str, frames: list[Any], expected: type[OrdersealError]
) -> None:
    raw = [kit.frame(payload, opcode) for payload, opcode in frames]
    server.routes[kit.STREAM] = lambda seen: kit.plays(kit.upgrade(seen, raw))
    async with client_of(server.url).stream() as changes:
        await kit.raises(anext(changes), expected)


async def test_types_that_are_not_ours_and_statuses_that_are_not_listed(
    kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]
) -> None:
    frames = [
        kit.frame('{"type":"heartbeat"}'),
        kit.frame('{"type":"heartbeat","timestamp":1e300,"data":[1,2]}'),
        kit.frame('{"type":"cancellation_request","data":{"order_hash":"0x1"}}'),
        kit.frame('{"type":"","timestamp":null}'),
        kit.frame(kit.change(HASH, "half_baked", None, metadata={"lock_id": "x", "deep": {"er": [1, None]}}, more=1)),
    ]
    server.routes[kit.STREAM] = lambda seen: kit.plays(kit.upgrade(seen, frames))
    async with client_of(server.url).stream() as changes:
        change = await anext(changes)
    assert (change.from_status, change.to_status, change.metadata) == (None, "half_baked", {"lock_id": "x", "deep": {"er": [1, None]}})


async def test_what_is_pushed_cannot_say_that_it_was_not(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    """``pushed`` is ours: ``False`` means that a query confirmed it."""
    server.routes[kit.STREAM] = lambda seen: kit.plays(kit.upgrade(seen, [kit.frame(kit.change(HASH, "filled", pushed=False))]))
    async with client_of(server.url).stream() as changes:
        assert (await anext(changes)).pushed


async def test_a_handshake_whose_token_is_refused_is_tried_once_more(
    kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]
) -> None:
    server.routes[kit.STREAM] = [kit.refusal(401), lambda seen: kit.plays(kit.upgrade(seen, [kit.frame(kit.change(HASH, "locked"))]))]
    async with client_of(server.url).stream() as changes:
        assert (await anext(changes)).to_status == "locked"
    assert [seen.path for seen in server.seen] == [kit.LOGIN, kit.STREAM] * 2
    assert server.last(kit.STREAM).token == server.tokens[1]


@pytest.mark.parametrize("status", [401, 403])
async def test_a_handshake_that_is_refused_twice(
    kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient], status: int
) -> None:
    server.routes[kit.STREAM] = kit.refusal(status, "Bearer eyJhbGciOiJIUzI1NiJ9 is bad")
    error = await kit.raises(open_stream(client_of(server.url)), Unauthorized)
    assert error.status == status
    assert [seen.path for seen in server.seen] == [kit.LOGIN, kit.STREAM] * 2


async def open_stream(client: stove.AsyncClient) -> None:
    async with client.stream():
        pass


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>",
        b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 429 Slow\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: wrong\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n" + b"X: " + b"x" * 20_000 + b"\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n" + b"X: x\r\n" * 500 + b"\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: abc\r\n\r\n",
    ],
    ids=lambda answer: repr(answer[:30]),
)
async def test_handshakes_that_are_none(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient], answer: bytes) -> None:
    server.routes[kit.STREAM] = kit.plays(lambda connection: connection.sendall(answer))
    client = client_of(server.url)
    with pytest.raises((Unreachable, Unauthorized)) as caught:
        await open_stream(client)
    assert type(caught.value) is Unreachable or b" 401 " in answer


async def test_a_handshake_that_hangs(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    server.routes[kit.STREAM] = server.hang
    await kit.raises(open_stream(client_of(server.url, limits=stove.Limits(connect=1.0))), Unreachable)


async def test_following_what_the_venue_does_not_know_ends(
    kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It asked for ever, every half minute, in silence."""
    monkeypatch.setattr("orderseal.api.stove.client._FIRST_BACKOFF", 0.001)
    signer = kit.signer()
    server.routes[kit.STREAM] = lambda seen: kit.plays(kit.upgrade(seen, []))
    server.routes[kit.ORDERS] = [kit.page(kit.placed(kit.signed_order(signer))), kit.page()]
    client = client_of(server.url, signer)
    placed = (await client.query()).orders[0]
    await kit.raises(all_of(kit, client.follow(placed)), InvalidReply)
    assert server.count(kit.STREAM) == 10


async def test_a_final_status_ends_the_following_whatever_else_is_waited_for(
    kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]
) -> None:
    signer = kit.signer()
    signed = kit.signed_order(signer)
    server.routes[kit.STREAM] = lambda seen: kit.plays(kit.upgrade(seen, []))
    server.routes[kit.ORDERS] = [kit.page(kit.placed(signed)), kit.page(kit.placed(signed, status="cancelled"))]
    client = client_of(server.url, signer)
    placed = (await client.query()).orders[0]
    assert [change.to_status for change in await all_of(kit, client.follow(placed, until={"filled"}))] == ["cancelled"]


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
async def test_a_redirect_in_the_handshake_is_not_followed(
    kit: Kit, server: RawServer, servers: Callable[[], RawServer], client_of: Callable[..., stove.AsyncClient], status: int
) -> None:
    other = servers()
    for target in (other.url.replace("http:", "ws:") + kit.STREAM, other.url, "/elsewhere"):
        server.routes[kit.STREAM] = kit.http(status, b"", {"Location": target})
        await kit.raises(open_stream(client_of(server.url)), Unreachable)
    assert other.connections == 0
    assert {seen.path for seen in server.seen} == {kit.LOGIN, kit.STREAM}


async def test_a_scheme_in_capitals_serves_the_stream_too(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    server.routes[kit.STREAM] = lambda seen: kit.plays(kit.upgrade(seen, [kit.frame(kit.change(HASH, "locked"))]))
    async with client_of(server.url.replace("http:", "HTTP:")).stream() as changes:
        assert (await anext(changes)).to_status == "locked"


@pytest.mark.parametrize(
    "host", ["a" * 64 + ".example", "a..example", "\ud800.example", "x" * 300, "ex\x7fample"], ids=lambda host: ascii(host)[:20]
)
async def test_a_host_that_cannot_be_is_unreachable(kit: Kit, host: str) -> None:
    await kit.raises(Listener(f"wss://{host}/ws/maker/v1", {}, 1.0).open(), Unreachable)


async def test_the_stream_of_a_closed_port(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    client = client_of(server.url)
    await client.connect()
    server.close()
    await kit.raises(open_stream(client), Unreachable)


async def test_one_account_does_not_hear_of_another(kit: Kit, sandbox: Sandbox, client_of: Callable[..., stove.AsyncClient]) -> None:
    listening, trading = client_of(sandbox.url), client_of(sandbox.url)
    async with listening.stream(seconds=0.6) as changes:
        placed = await place(kit, trading, 5)
        await all_of(kit, trading.follow(placed))
        assert [change async for change in changes] == []


def test_final_statuses_are_those_that_no_page_contradicts() -> None:
    assert {str(status) for status in stove.FINAL_STATUSES} == {"filled", "cancelled", "expired", "rejected"}
    assert json.dumps(list(stove.OrderStatus)) == json.dumps(
        ["pending", "locked", "partially_filled", "filled", "cancelled", "expired", "rejected", "suspended"]
    )
