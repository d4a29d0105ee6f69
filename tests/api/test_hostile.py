"""What a hostile venue, or one that echoes, could make of the client: leaks, floods, crashes."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import logging
import socket
import subprocess
import sys
import tracemalloc
import zlib
from typing import TYPE_CHECKING, Any

import pytest

from orderseal.api import stove
from orderseal.api.transport import check_token, token_claims
from orderseal.signing import InvalidReply, OrdersealError, OutcomeUnknown, Refused, Unreachable, VenueError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.api.conftest import Kit, RawServer, Seen, Watch

MEGABYTE = 1024 * 1024


def echo_in_json(kit: Kit, member: str) -> Callable[[Seen], bytes]:
    def answer(seen: Seen) -> bytes:
        said = f"bad token {seen.headers.get('authorization', '')} for {seen.body.decode()}"
        if member == "token first":
            return kit.http(400, json.dumps({"code": 400, "message": seen.headers.get("authorization", "")}).encode())
        if member == "signature first":
            return kit.http(400, json.dumps({"code": 400, "message": seen.json["signature"]}).encode())
        return kit.http(400, json.dumps({"code": 400, "message": "x"} | {member: said}).encode())

    return answer


@pytest.mark.parametrize("member", ["message", "details", "token first", "signature first"])
async def test_a_venue_that_repeats_the_token_or_the_signature(
    kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient], member: str
) -> None:
    """Servers do put the input into their errors; ours go into logs. A live signature and a token are no text for people."""
    signer = kit.signer()
    server.routes[kit.ORDERS] = echo_in_json(kit, member)
    error = await kit.raises(client_of(server.url, signer).create(kit.signed_order(signer)), Refused)
    kit._watch.clean(error)
    shown = f"{error.message} {error.details}"
    assert server.tokens[0][:40] not in shown
    assert server.last(kit.ORDERS).json["signature"][2:60] not in shown


@pytest.mark.parametrize("member", ["message", "details"])
async def test_a_login_that_repeats_the_signature(
    kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient], member: str
) -> None:
    server.routes[kit.LOGIN] = lambda seen: kit.http(
        400, json.dumps({"code": 400, "message": "x"} | {member: seen.json["signature"]}).encode()
    )
    error = await kit.raises(client_of(server.url).connect(), Refused)
    assert server.last(kit.LOGIN).json["signature"][2:60] not in f"{error} {error.details}"


@pytest.mark.parametrize("member", ["price", "maker", "created_at", "id"])
async def test_a_reply_that_repeats_the_token_where_something_else_belongs(
    kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient], member: str
) -> None:
    """What is wrong with a value is said by showing it, unless it is what we sent."""
    signer = kit.signer()
    signed = kit.signed_order(signer)
    server.routes[kit.LOGIN] = kit.ok({"jwt": kit._watch.hide("opaque-token-5f3a9c")})
    server.routes[kit.ORDERS] = lambda seen: kit.ok(kit.placed(signed, **{"nonce": None, member: seen.token}))
    client = client_of(server.url, signer)
    await kit.raises(client.create(signed), OutcomeUnknown)
    server.routes[kit.ORDERS] = lambda seen: kit.page(kit.placed(signed, **({"price": "1"} | {member: seen.token})))
    with pytest.raises(VenueError) as caught:
        await client.find(signed)
    kit._watch.clean(caught.value)


@pytest.mark.parametrize("form", ["header", "status", "echo", "length", "chunk"])
async def test_a_server_that_repeats_the_request_where_http_breaks(
    kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient], form: str
) -> None:
    """The texts of h11 hold bytes that the server sent, and so do those of httpx. What httpcore logs of them is its own affair."""

    def answer(seen: Seen) -> bytes:
        token = seen.headers.get("authorization", "").removeprefix("Bearer ")
        return {
            "header": f"HTTP/1.1 200 OK\r\n{token}\r\n\r\n",
            "status": f"{token}\r\n\r\n",
            "echo": "\r\n".join([f"{seen.method} {seen.target} HTTP/1.1", *seen.header_lines, "", seen.body.decode()]),
            "length": f"HTTP/1.1 200 OK\r\nContent-Length: {token}\r\n\r\n",
            "chunk": f"HTTP/1.1 200 OK\r\nTransfer-Encoding: {token}\r\n\r\n",
        }[form].encode()

    signer = kit.signer()
    # A short opaque token, as some venues have, fits into a message whole.
    server.routes[kit.LOGIN] = kit.ok({"jwt": kit._watch.hide("opaque-token-5f3a9c")})
    server.otherwise = answer
    client = client_of(server.url, signer)
    await kit.raises(client.create(kit.signed_order(signer)), OutcomeUnknown)
    await kit.raises(client.next_nonce(), Unreachable)
    kit._watch.records[:] = [record for record in kit._watch.records if not record.startswith("httpcore")]


async def test_cookies_are_not_kept(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    """A jar has no bound, grows the requests, and is state that nobody asked for."""
    number = iter(range(1000))
    server.routes[kit.ORDERS] = lambda _: kit.http(
        200, kit.page().partition(b"\r\n\r\n")[2], {"Set-Cookie": f"c{next(number)}={'x' * 1000}; Path=/; Max-Age=99999999999999999999"}
    )
    client = client_of(server.url)
    for _ in range(5):
        await client.query()
    assert all("cookie" not in seen.headers for seen in server.seen)


def layers(count: int, size: int) -> bytes:
    """``size`` blanks, compressed over and over."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    data = b"".join(packer.compress(b" " * MEGABYTE) for _ in range(size // MEGABYTE)) + packer.flush()
    for _ in range(count - 1):
        data = gzip.compress(data, 9)
    return data


BOMBS = {
    "gzip": ("gzip", layers(1, 48 * MEGABYTE)),
    "gzip in gzip": ("gzip, gzip", layers(2, 96 * MEGABYTE)),
    "deflate": ("deflate", zlib.compress(b" " * 48 * MEGABYTE, 9)),
}


@pytest.mark.parametrize("name", BOMBS)
async def test_a_bomb_does_not_fill_the_memory(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient], name: str) -> None:
    """``reply_bytes`` bounds what is read after decompression, so it must bound what is decompressed at once."""
    encoding, body = BOMBS[name]
    assert len(body) < 128 * 1024
    server.routes[kit.ORDERS] = kit.http(200, body, {"Content-Encoding": encoding})
    signer = kit.signer()
    signed = kit.signed_order(signer)
    client = client_of(server.url, signer, limits=stove.Limits(reply_bytes=256 * 1024))
    await client.connect()
    tracemalloc.start()
    try:
        with pytest.raises(VenueError):
            await client.query()
        await kit.raises(client.create(signed), OutcomeUnknown)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 * MEGABYTE, f"{peak / MEGABYTE:.0f} MiB for a reply of at most 0.25 MiB"


async def test_a_bomb_on_the_stream_does_not_fill_the_memory(
    kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]
) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = b"".join(packer.compress(b" " * MEGABYTE) for _ in range(64)) + packer.flush(zlib.Z_SYNC_FLUSH)

    def accept(seen: Seen) -> Any:
        extension = b"\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
        frame = bytearray(kit.frame(body[:-4], 1))
        frame[0] |= 0x40
        return kit.plays(Rewrite(kit.upgrade(seen, [bytes(frame)]), b"\r\n\r\n", extension))

    class Rewrite:
        """Sends what a play sends, with the end of the head replaced."""

        def __init__(self, play: Any, old: bytes, new: bytes) -> None:
            self.play, self.old, self.new = play, old, new

        def __call__(self, connection: socket.socket) -> None:
            outer = self

            class Sending:
                def sendall(self, data: bytes) -> None:
                    connection.sendall(data.replace(outer.old, outer.new, 1))

                def recv(self, size: int) -> bytes:
                    return connection.recv(size)

            self.play(Sending())

    server.routes[kit.STREAM] = accept
    client = client_of(server.url)
    await client.connect()
    tracemalloc.start()
    try:
        async with client.stream() as changes:
            await kit.raises(anext(changes), InvalidReply)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16 * MEGABYTE, f"{peak / MEGABYTE:.0f} MiB"


async def test_a_stream_that_asks_and_does_not_listen_does_not_fill_the_memory(
    kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]
) -> None:
    """Each ping wants a pong. We send nothing else, so pongs that pile up mean that nobody reads them: hang up."""

    def flood(connection: socket.socket) -> None:
        while not server.stopping.is_set():
            connection.sendall(kit.frame(b"x" * 125, 9) * 500)

    server.routes[kit.STREAM] = lambda seen: kit.plays(kit.upgrade(seen, [], then=flood))
    async with asyncio.timeout(15), client_of(server.url, silence=60).stream() as changes:
        await kit.raises(anext(changes), Unreachable)


async def test_many_layers_of_compression(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    body = b"{}"
    for _ in range(50):
        body = gzip.compress(body)
    server.routes[kit.ORDERS] = kit.http(200, body, {"Content-Encoding": ", ".join(["gzip"] * 50)})
    with pytest.raises(VenueError):
        await client_of(server.url).query()


DEEP_PROGRAM = """
import sys
import eth_account  # Raises Python's recursion limit to 100,000 by way of py-ecc.
from orderseal.api import stove
from orderseal.api.signers import RemoteSigner
from orderseal.signing import LocalSigner, OrdersealError, VenueError
kind, *urls = sys.argv[1:]
for url in urls:
    print(url, flush=True)
    if kind == "signer":
        try:
            RemoteSigner(url)
        except OrdersealError as error:
            print(type(error).__name__)
        continue
    with stove.Client(stove.TESTNET.at(url), LocalSigner.generate()) as client:
        def listen():
            with client.stream() as changes:
                next(changes)
        for call in (client.query, client.next_nonce, lambda: client.cancel("x"), listen):
            try:
                call()
            except VenueError as error:
                print(type(error).__name__)
"""

DEEP = {
    "data": b'{"code":0,"data":' + b"[" * 2_000_000,
    "details": b'{"code":1,"message":"x","details":' + b"[" * 2_000_000,
    "closed": b'{"code":1,"message":"x","details":' + b"[" * 1_000_000 + b"]" * 1_000_000 + b"}",
    "objects": b'{"code":1,"message":"x","details":' + b'{"a":' * 500_000,
    "text in between": b'{"code":1,"message":"x","details":' + b'["\\"","[",' * 300_000,
    "unknown": b'{"x":' + b"[" * 2_000_000,
    "error": b'{"error":"x","y":' + b"[" * 2_000_000,
}


def deep_program(kit: Kit, kind: str, urls: list[str]) -> list[str]:
    """Run it; give the lines that it printed. It says which URL is next, so that a crash is known by the last."""
    command = [sys.executable, "-c", DEEP_PROGRAM, kind, *urls]
    done = subprocess.run(command, capture_output=True, text=True, timeout=kit.PATIENCE, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout[-200:] + done.stderr[-2000:]
    return done.stdout.splitlines()


def test_depth_does_not_crash_the_process(kit: Kit, server: RawServer) -> None:
    """Where the recursion limit was raised, a parser that trusts it overflows the stack: no exception, no process."""

    def answer(seen: Seen) -> Any:
        body = DEEP[list(DEEP)[int(seen.path.split("/")[1])]]
        if seen.path.endswith(kit.LOGIN):
            return kit.ok({"jwt": "opaque"})
        if seen.path.endswith(kit.STREAM):
            return kit.plays(kit.upgrade(seen, [kit.frame(body[:1_000_000].decode())]))
        return kit.http(200, body)

    server.otherwise = answer
    urls = [f"{server.url}/{number}" for number in range(len(DEEP))]
    lines = deep_program(kit, "venue", urls)
    assert [line for line in lines if line in urls] == urls
    assert len(lines) == 5 * len(urls)


SIXTEEN = {"utf-16-le", "utf-16-be", "utf-32-le"}


@pytest.mark.parametrize("encoding", sorted(SIXTEEN))
def test_a_token_in_another_encoding_hides_no_depth(encoding: str) -> None:
    """``json.loads`` guesses the encoding of bytes; what counts brackets must read the same text."""
    text = ('["\u2220",' + "[" * 1400).encode(encoding)
    token = "a." + base64.urlsafe_b64encode(text).decode().rstrip("=") + ".c"
    assert token_claims(check_token(token, "log in")) == {}


def test_a_remote_signer_in_another_encoding_does_not_crash_the_process(kit: Kit, server: RawServer) -> None:
    server.otherwise = kit.http(200, ('["\u2220",' + "[" * 400_000).encode("utf-16-le"))
    assert deep_program(kit, "signer", [server.url]) == [server.url, "SignerError"]


async def test_a_header_section_of_many_lines(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    server.routes[kit.ORDERS] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + b"X: y\r\n" * 20_000 + b"\r\n"
    with pytest.raises(VenueError):
        await client_of(server.url).query()


async def test_a_connection_that_was_closed_meanwhile_sends_no_write_twice(
    kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]
) -> None:
    """The race of an idle connection: the server closes it just as the write is sent."""
    signer = kit.signer()
    signed = kit.signed_order(signer)
    server.routes[kit.NONCE] = kit.ok({"maker": str(signer.address), "next_nonce": 1})
    server.routes[kit.ORDERS] = [kit.plays(kit.reset), kit.ok(kit.placed(signed))]
    client = client_of(server.url, signer)
    await client.next_nonce()
    await kit.raises(client.create(signed), OutcomeUnknown)
    assert server.count(kit.ORDERS) == 1


async def test_a_cancelled_write_is_not_sent_again(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    signer = kit.signer()
    signed = kit.signed_order(signer)
    server.routes[kit.ORDERS] = server.hang
    server.routes[kit.NONCE] = kit.ok({"maker": str(signer.address), "next_nonce": 1})
    client = client_of(server.url, signer)
    sending = asyncio.create_task(client.create(signed))
    await asyncio.to_thread(server.wait, kit.ORDERS)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert await client.next_nonce() == 1
    assert server.count(kit.ORDERS) == 1


async def test_more_requests_than_connections(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    signer = kit.signer()
    server.routes[kit.NONCE] = kit.ok({"maker": str(signer.address), "next_nonce": 1})
    client = client_of(server.url, signer)
    assert set(await asyncio.gather(*[client.next_nonce() for _ in range(150)])) == {1}


async def test_nothing_in_a_traceback(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    """Not even in one that a crash reporter makes, with the values of our own frames' variables."""
    import traceback

    signer = kit.signer()
    signed = kit.signed_order(signer)
    server.routes[kit.ORDERS] = b""
    client = client_of(server.url, signer)
    error: OrdersealError = await kit.raises(client.create(signed), OutcomeUnknown)
    text = "".join(traceback.TracebackException.from_exception(error).format())
    assert not kit._watch.leaks(text)


async def test_errors_survive_a_process_border(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    import pickle

    signer = kit.signer()
    signed = kit.signed_order(signer, nonce=4711)
    client = client_of(server.url, signer)
    for answer in (b"", kit.refusal(400), kit.refusal(429, Retry_After="3"), kit.refusal(401)):
        server.routes[kit.ORDERS] = answer
        with pytest.raises(VenueError) as caught:
            await client.create(signed)
        again = pickle.loads(pickle.dumps(caught.value))
        assert (type(again), str(again), vars(again)) == (type(caught.value), str(caught.value), vars(caught.value))


async def test_the_websocket_logs_no_token(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient], watch: Watch) -> None:
    loggers = [logging.getLogger(name) for name in ("websockets", "websockets.client", "orderseal.api.websocket", "asyncio")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    try:
        server.routes[kit.STREAM] = lambda seen: kit.plays(kit.upgrade(seen, [kit.frame(kit.change("0x01", "locked"))]))
        async with client_of(server.url).stream() as changes:
            await anext(changes)
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
    assert not [record for record in watch.records if watch.leaks(record)]


@pytest.mark.parametrize("text", ["a\r\nb", "a\x00", "", None, 5, b"a", "é", "a b", "x" * 8193, "a\n"], ids=ascii)
def test_tokens_that_no_header_can_hold(text: Any) -> None:
    with pytest.raises(OrdersealError):
        check_token(text, "log in")
