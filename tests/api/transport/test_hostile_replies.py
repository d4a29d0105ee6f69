"""Every bad reply of the issue's list: a clear error or a correct value, and nothing sent to the wrong place."""

from __future__ import annotations

import asyncio
import gc
import gzip
import socket
import time
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

from orderseal.api.transport import Call, Caller, Limits, TokenAuth
from orderseal.signing import InvalidReply, OutcomeUnknown, Refused, Unreachable, VenueError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.api.conftest import Kit, RawServer
    from tests.api.transport.conftest import Venue

PATH = "/things/t1"
MEGABYTE = 1024 * 1024

BAD: dict[str, bytes] = {
    "HTML": b"<!doctype html><title>Welcome</title>",
    "half JSON": b'{"id":"t1","cou',
    "deep": b'{"id":' + b"[" * 500_000,
    "deep and closed": b'{"id":"t1","x":' + b"[" * 300 + b"]" * 300 + b"}",
    "NaN": b'{"id":"t1","count":NaN}',
    "NaN elsewhere": b'{"id":"t1","x":NaN}',
    "infinity": b'{"id":"t1","x":-Infinity}',
    "twice": b'{"id":"t1","count":1,"count":2}',
    "twice, escaped": b'{"id":"t1","count":1,"c\\u006funt":2}',
    "twice, further down": b'{"id":"t1","x":[{"a":{"b":1,"b":1}}]}',
    "two documents": b'{"id":"t1"}{"id":"t2"}',
    "a byte order mark": b'\xef\xbb\xbf{"id":"t1"}',
    "UTF-16": '{"id":"t1"}'.encode("utf-16"),
    "no UTF-8": b'{"id":"\xff"}',
    "a long number": b'{"id":"t1","count":' + b"9" * 100_000 + b"}",
    "nothing": b"",
    "blanks": b" \r\n" * 100,
    "a lone quote": b'"',
}


@pytest.mark.parametrize("kind", BAD)
async def test_a_bad_body(kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller], kind: str) -> None:
    server.routes[PATH] = venue.reply(200, BAD[kind])
    caller = caller_of(server.url)
    await kit.raises(caller.read(venue.call()), InvalidReply)
    await kit.raises(caller.write(venue.call(reference="x")), OutcomeUnknown)
    assert server.count() == 2


@pytest.mark.parametrize("kind", ["text/html", "application/octet-stream", "text/plain; charset=utf-16", "", "nonsense"])
async def test_the_content_decides_and_not_its_type(venue: Venue, server: RawServer, caller_of: Callable[..., Caller], kind: str) -> None:
    server.routes[PATH] = venue.reply(200, None, Content_Type=kind)
    assert (await caller_of(server.url).read(venue.call())).id == "t1"


@pytest.mark.parametrize("how", ["gzip", "br", "x-gzip, gzip", "deflate"])
async def test_a_gzip_bomb(kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller], how: str) -> None:
    server.routes[PATH] = venue.reply(200, gzip.compress(b" " * (64 * MEGABYTE)), Content_Encoding=how)
    caller = caller_of(server.url)
    tracemalloc.start()
    try:
        await kit.raises(caller.read(venue.call()), InvalidReply)
        await kit.raises(caller.write(venue.call()), OutcomeUnknown)
        assert tracemalloc.get_traced_memory()[1] < 16 * MEGABYTE
    finally:
        tracemalloc.stop()
    assert server.count() == 2


@pytest.mark.parametrize("chunked", [False, True])
async def test_300_megabytes(kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller], chunked: bool) -> None:
    sent = 0

    def flood(connection: socket.socket) -> None:
        nonlocal sent
        framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {300 * MEGABYTE}"
        connection.sendall(f"HTTP/1.1 200 OK\r\n{framing}\r\n\r\n".encode())
        block = b"[" + b"1," * (MEGABYTE // 2)
        for _ in range(300):
            connection.sendall(f"{len(block):x}\r\n".encode() + block + b"\r\n" if chunked else block)
            sent += 1

    server.routes[PATH] = kit.plays(flood)
    caller = caller_of(server.url, limits=Limits(reply_bytes=MEGABYTE))
    error = await kit.raises(caller.read(venue.call()), InvalidReply)
    assert "longer than" in str(error)
    await kit.raises(caller.write(venue.call()), OutcomeUnknown)
    assert server.count() == 2
    assert sent < 100


async def test_a_slow_drip(kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller]) -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not server.stopping.wait(0.02):
            connection.sendall(b" ")

    server.routes[PATH] = kit.plays(drip)
    caller = caller_of(server.url, limits=Limits(total=0.4))
    began = time.monotonic()
    await kit.raises(caller.write(venue.call()), OutcomeUnknown)
    assert 0.3 < time.monotonic() - began < 5
    await kit.raises(caller.read(venue.call()), Unreachable)
    assert server.count() == 1 + 4


async def test_each_phase_has_its_time(kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller]) -> None:
    server.routes[PATH] = server.hang
    began = time.monotonic()
    await kit.raises(caller_of(server.url, limits=Limits(total=60, receive=0.2)).write(venue.call()), OutcomeUnknown)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_credentials_follow_no_redirect(
    kit: Kit, venue: Venue, servers: Callable[[], RawServer], caller_of: Callable[..., Caller], status: int
) -> None:
    here, there = servers(), servers()
    there.otherwise = venue.reply()
    here.routes[PATH] = venue.reply(status, None, Location=f"{there.url}/things/t1")
    caller = caller_of(here.url, auth=TokenAuth(kit._watch.hide("secret-token-1234567")))
    await kit.raises(caller.read(venue.call()), InvalidReply)
    await kit.raises(caller.write(venue.call()), OutcomeUnknown)
    assert (here.count(), there.connections) == (2, 0)


async def test_cookies_are_not_kept(venue: Venue, server: RawServer, caller_of: Callable[..., Caller]) -> None:
    server.routes[PATH] = venue.reply(200, None, Set_Cookie="a=b; Path=/")
    caller = caller_of(server.url)
    await caller.read(venue.call())
    await caller.read(venue.call())
    assert "cookie" not in server.seen[-1].headers
    assert server.connections == 1  # And the connection was kept.


@pytest.mark.parametrize("where", ["message", "details", "data"])
async def test_a_venue_that_repeats_a_secret(
    kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller], where: str
) -> None:
    secret = kit._watch.hide('p"w-5f3a9c')
    token = kit._watch.hide("opaque-token-77")
    said = f"{secret} and {token} and eyJhbGciOiJIUzI1NiJ9"
    options = {"message": said} if where == "message" else {"details": {"x": [said]}}
    server.routes[PATH] = venue.reply(200, {"id": "t", "count": said}) if where == "data" else venue.error(400, **options)
    caller = caller_of(server.url, auth=TokenAuth(token))
    with pytest.raises(VenueError) as caught:
        await caller.read(venue.call(body={"password": secret}, method="POST", secrets=(secret,)))
    shown = kit._watch.clean(caught.value) + repr(getattr(caught.value, "details", "")) + repr(vars(caught.value))
    assert "p" + '"w' not in shown
    assert not kit._watch.leaks(shown)


@pytest.mark.parametrize("form", ["header", "status", "length", "chunk"])
async def test_a_server_that_breaks_http(kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller], form: str) -> None:
    token = kit._watch.hide("opaque-token-5f3a9c")
    server.otherwise = {
        "header": f"HTTP/1.1 200 OK\r\n{token}\r\n\r\n",
        "status": f"{token}\r\n\r\n",
        "length": f"HTTP/1.1 200 OK\r\nContent-Length: {token}\r\n\r\n",
        "chunk": f"HTTP/1.1 200 OK\r\nTransfer-Encoding: {token}\r\n\r\n",
    }[form].encode()
    caller = caller_of(server.url, auth=TokenAuth(token))
    await kit.raises(caller.write(venue.call()), OutcomeUnknown)
    await kit.raises(caller.read(venue.call()), Unreachable)
    kit._watch.records[:] = [record for record in kit._watch.records if not record.startswith("httpcore")]


@pytest.mark.parametrize("code", [7, "X" * 5000, "a\nb", None])
async def test_odd_codes(kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller], code: Any) -> None:
    server.routes[PATH] = venue.reply(400, {"error": {"code": code, "message": "m\r\n\x1b[31m"}})
    expected = Refused if isinstance(code, str) else InvalidReply
    await kit.raises(caller_of(server.url).read(venue.call()), expected)


async def test_the_log_holds_no_id(venue: Venue, server: RawServer, caller_of: Callable[..., Caller], kit: Kit) -> None:
    server.otherwise = venue.reply()
    call = Call("read", "GET", "/users/{user_id}", venue.Thing, segments={"user_id": "john.doe@example.com"}, query={"name": "Doe"})
    await caller_of(server.url).read(call)
    assert server.seen[-1].target == "/users/john.doe@example.com?name=Doe"
    ours = [record for record in kit._watch.records if record.startswith(("httpx", "orderseal"))]
    assert any("/users/{user_id}" in record for record in ours)
    assert not [record for record in ours if "Doe" in record or "john" in record]


async def test_nothing_is_left_after_cancellation(venue: Venue, server: RawServer, caller_of: Callable[..., Caller]) -> None:
    """No task and no socket, whether it hung at the head, in the body, in a back-off or in a login."""

    def stuck(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")
        server.stopping.wait()

    before = len(asyncio.all_tasks())
    for answer in (server.hang, _plays(stuck), venue.error(429, Retry_After="15")):
        server.routes[PATH] = answer
        caller = caller_of(server.url)
        count = server.count()
        tasks = [asyncio.create_task(act(venue.call())) for act in (caller.read, caller.write) for _ in range(10)]
        await asyncio.to_thread(server.wait, PATH, count + 1)
        await asyncio.sleep(0.2)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        pool = caller._transport._client._transport._pool  # type: ignore[attr-defined]  # httpx's own, to count what it holds
        assert [one for one in pool.connections if not (one.is_idle() or one.is_closed())] == []
        await caller.aclose()
        assert pool.connections == []
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) == before
    gc.collect()


def _plays(play: Callable[[socket.socket], None]) -> Callable[[socket.socket], None]:
    play.plays = True  # type: ignore[attr-defined]  # a mark that RawServer reads
    return play
