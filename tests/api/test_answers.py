"""What each answer means (design, decision 6), for reads and for writes, and that nothing is sent again."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import ssl
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from orderseal.api import stove
from orderseal.signing import (
    InvalidReply,
    OrdersealError,
    OutcomeUnknown,
    RateLimited,
    Refused,
    Unauthorized,
    Unreachable,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.api.conftest import Kit, RawServer

ORDER_ID = "550e8400-e29b-41d4-a716-446655440000"
CANCEL = f"/api/v1/orders/{ORDER_ID}/cancel"
HTML = b"<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head></html>"
SMALL = stove.Limits(reply_bytes=64 * 1024)


class Fault(NamedTuple):
    """``answer`` is bytes, or the name of a way to misbehave; ``read`` and ``write`` are what it means."""

    answer: Any
    read: type[OrdersealError]
    write: type[OrdersealError]


def reply(status: int, body: bytes = b"", length: int | None = None, **headers: str) -> bytes:
    fields = {"Content-Type": "application/json", "Content-Length": str(len(body) if length is None else length)}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} Whatever\r\n{head}\r\n".encode("latin-1") + body


def envelope(status: int, code: object, **rest: object) -> bytes:
    return reply(status, json.dumps({"code": code, "message": "No such thing"} | rest).encode())


def data(value: object) -> bytes:
    return reply(200, json.dumps({"code": 0, "data": value}).encode())


def lost(answer: Any) -> Fault:
    return Fault(answer, Unreachable, OutcomeUnknown)


def unreadable(answer: Any) -> Fault:
    return Fault(answer, InvalidReply, OutcomeUnknown)


def said(answer: Any, cls: type[OrdersealError] = Refused) -> Fault:
    return Fault(answer, cls, cls)


FAULTS: dict[str, Fault] = {
    # The venue's own envelope: it did not take effect.
    "400 envelope": said(envelope(400, 400)),
    "404 envelope": said(envelope(404, 404015)),
    "403 envelope": said(envelope(403, 403)),
    "409 envelope": said(envelope(409, 1)),
    "413 envelope": said(envelope(413, 413)),
    "400, six digits": said(envelope(400, 400001, details="The wallet_address field is required")),
    "400, eight digits": said(envelope(400, 10010008)),
    "200 with a code": said(envelope(200, 400)),
    "200 with a negative code": said(envelope(200, -1)),
    "200 with six digits": said(envelope(200, 400001)),
    "200 with eight digits": said(envelope(200, 10010008)),
    "200 with a code and data": said(envelope(200, 400, data={"success": True, "order_id": ORDER_ID})),
    "200 with a code and no message": said(reply(200, b'{"code":400}')),
    "200 with details that are an object": said(envelope(200, 400, details={"field": ["price", 1, None]})),
    "400 third form": said(reply(400, b'{"error":"ticker parameter is required"}')),
    "404 third form": said(reply(404, b'{"error":"Instrument not found"}')),
    "200 third form": said(reply(200, b'{"error":"Instrument not found"}')),
    "400 envelope as text/html": said(reply(400, b'{"code":400,"message":"x"}', Content_Type="text/html")),
    # Not accepted.
    "401 envelope": said(envelope(401, 401), Unauthorized),
    "401, other code": said(envelope(401, 10010003), Unauthorized),
    "200 with code 401": said(envelope(200, 401), Unauthorized),
    "200 with code 401001": said(envelope(200, 401001), Unauthorized),
    "401 third form": said(reply(401, b'{"error":"token expired"}'), Unauthorized),
    "429 envelope": said(envelope(429, 429), RateLimited),
    "200 with code 429": said(envelope(200, 429), RateLimited),
    "200 with code 429000": said(envelope(200, 429000), RateLimited),
    "429 third form": said(reply(429, b'{"error":"slow down"}'), RateLimited),
    # Unknown: everything that says nothing.
    "408": lost(reply(408)),
    "408 envelope": lost(envelope(408, 408)),
    "500": lost(reply(500)),
    "500 envelope": lost(envelope(500, 500)),
    "500 envelope with code 400": lost(envelope(500, 400)),
    "500 with code 0": lost(reply(500, b'{"code":0,"data":{"success":true}}')),
    "502 HTML": lost(reply(502, HTML, Content_Type="text/html")),
    "503": lost(reply(503, b"", Retry_After="5")),
    "504": lost(reply(504)),
    "599": lost(reply(599)),
    "999": lost(reply(999)),
    "200 with code 500": lost(envelope(200, 500)),
    "200 with code 500001": lost(envelope(200, 500001)),
    "200 with code 408": lost(envelope(200, 408)),
    "400 with code 503": lost(envelope(400, 503)),
    "304": unreadable(b"HTTP/1.1 304 Not Modified\r\n\r\n"),
    "300 without location": unreadable(reply(300)),
    "nothing": lost(b""),
    "reset": lost("reset"),
    "garbage": lost(b"\x00\xff\xfe garbage\r\n\r\n"),
    "HTTP/0.9": lost("HTTP/0.9"),
    "half a status line": lost("half a status line"),
    "half the headers": lost("half the headers"),
    "less than announced": lost("less than announced"),
    "half a chunk": lost("half a chunk"),
    "a chunk of bad size": lost(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
    "two lengths": lost(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
    "a length that is none": lost(b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}"),
    "too long": unreadable(reply(200, b'{"code":0,"data":"' + b"x" * 100_000 + b'"}')),
    "too long, in chunks without end": unreadable("endless"),
    "headers without end": lost("endless headers"),
    "not the gzip it says": unreadable(reply(200, b"this is no gzip", Content_Encoding="gzip")),
    # Answers that cannot be read.
    "200 HTML": unreadable(reply(200, HTML, Content_Type="text/html")),
    "400 HTML": unreadable(reply(400, HTML)),
    "403 HTML": unreadable(reply(403, HTML)),
    "404 HTML": unreadable(reply(404, HTML)),
    "429 HTML": Fault(reply(429, HTML), RateLimited, OutcomeUnknown),
    "a code twice": unreadable(reply(200, b'{"code":0,"code":400,"message":"x"}')),
    "404 empty": unreadable(reply(404)),
    "400 with code 0": unreadable(envelope(400, 0)),
    "400 with code 0 and data": unreadable(envelope(400, 0, data={"success": True, "order_id": ORDER_ID})),
    "200 empty": unreadable(reply(200)),
    "200 white space": unreadable(reply(200, b" \n ")),
    "204": unreadable(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "half a JSON": unreadable(reply(200, b'{"code":0,"data":{"success":tr')),
    "JSON and more": unreadable(reply(200, b'{"code":0,"data":{}} {}')),
    "invalid UTF-8": unreadable(reply(200, b'{"code":400,"message":"\xff\xfe"}')),
    "UTF-16": unreadable(reply(200, '{"code":400,"message":"x"}'.encode("utf-16"))),
    "a lone surrogate": unreadable(reply(200, b'{"code":400,"message":"\\ud800"}')),
    "deep": unreadable(reply(200, b"[" * 60_000)),
    "deep data": unreadable(reply(200, b'{"code":0,"data":' + b"[" * 50_000)),
    "deep and closed": unreadable(reply(200, b'{"code":0,"data":' + b"[" * 30_000 + b"]" * 30_000 + b"}")),
    "deep objects": unreadable(reply(200, b'{"code":0,"data":' + b'{"a":' * 10_000)),
    "null": unreadable(reply(200, b"null")),
    "a number": unreadable(reply(200, b"5")),
    "a list": unreadable(reply(200, b"[0]")),
    "no code": unreadable(reply(200, b'{"data":{}}')),
    "code as text": unreadable(reply(200, b'{"code":"0","data":{}}')),
    "code as a truth": unreadable(reply(200, b'{"code":false,"data":{}}')),
    "code null": unreadable(reply(200, b'{"code":null,"data":{}}')),
    "code NaN": unreadable(reply(200, b'{"code":NaN}')),
    "code beyond numbers": unreadable(reply(200, b'{"code":' + b"9" * 9000 + b"}")),
    "message as a number": unreadable(reply(200, b'{"code":400,"message":5}')),
    "error as an object": unreadable(reply(200, b'{"error":{"x":1}}')),
    "data missing": unreadable(reply(200, b'{"code":0}')),
    "data null": unreadable(data(None)),
    "data a list": unreadable(data([])),
    "data a text": unreadable(data("done")),
    "data empty": unreadable(data({})),
}


def misbehave(kit: Kit, server: RawServer, how: str) -> Any:
    def play(connection: socket.socket) -> None:
        if how == "reset":
            kit.reset(connection)
        elif how == "HTTP/0.9":
            connection.sendall(b"hello")
        elif how == "half a status line":
            connection.sendall(b"HTTP/1.1 2")
        elif how == "half the headers":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-")
        elif how == "less than announced":
            connection.sendall(reply(200, b'{"code":0}', length=100))
        elif how == "half a chunk":
            connection.sendall(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n20\r\n{"code":0')
        elif how == "endless":
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while not server.stopping.is_set():
                connection.sendall(b"1000\r\n" + b" " * 4096 + b"\r\n")
        elif how == "endless headers":
            connection.sendall(b"HTTP/1.1 200 OK\r\n")
            while not server.stopping.is_set():
                connection.sendall(b"X-More: " + b"x" * 1000 + b"\r\n")
        else:
            raise AssertionError(how)

    return kit.plays(play)


def says_what_to_do(error: OrdersealError, nonce: int | None) -> None:
    text = str(error)
    if isinstance(error, OutcomeUnknown):
        assert error.nonce == nonce
        assert "may have taken effect" in text
        assert (f"nonce {nonce}" if nonce is not None else "read the state") in text
    elif isinstance(error, Unreachable):
        assert "try again" in text
    elif isinstance(error, Refused | InvalidReply):
        assert "HTTP" in text


@pytest.mark.parametrize("name", FAULTS)
async def test_what_an_answer_means(name: str, kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    fault = FAULTS[name]
    server.routes[kit.LOGIN] = lambda seen: kit.ok({"jwt": server.token(seen.json["wallet_address"])})
    server.otherwise = misbehave(kit, server, fault.answer) if isinstance(fault.answer, str) else fault.answer
    signer = kit.signer()
    signed = kit.signed_order(signer, nonce=4711)
    client = client_of(server.url, signer, limits=SMALL)

    error: OrdersealError = await kit.raises(client.create(signed), fault.write)
    says_what_to_do(error, 4711)
    assert error.__class__.__name__ == fault.write.__name__
    assert server.count(kit.ORDERS) == 1, "a write was sent twice"

    error = await kit.raises(client.cancel(ORDER_ID), fault.write)
    says_what_to_do(error, None)
    assert server.count(CANCEL) == 1, "a write was sent twice"

    error = await kit.raises(client.next_nonce(), fault.read)
    says_what_to_do(error, None)
    assert server.count(kit.NONCE) == (2 if fault.read is Unauthorized else 1)
    writes_that_dropped_the_token = 2 if fault.write is Unauthorized else 0
    assert server.count(kit.LOGIN) == 1 + writes_that_dropped_the_token + (1 if fault.read is Unauthorized else 0)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("where", ["/api/v1/orders", "", "//{host}/", "https://example.invalid/"])
async def test_no_redirect_is_followed(
    kit: Kit, server: RawServer, servers: Callable[[], RawServer], client_of: Callable[..., stove.AsyncClient], status: int, where: str
) -> None:
    other = servers()
    location = where.format(host=f"127.0.0.1:{other.port}") if where else other.url + "/stolen"
    server.routes[kit.LOGIN] = lambda seen: kit.ok({"jwt": server.token(seen.json["wallet_address"])})
    server.otherwise = kit.http(status, b"", {"Location": location})
    signer = kit.signer()
    client = client_of(server.url, signer)
    await kit.raises(client.create(kit.signed_order(signer)), OutcomeUnknown)
    await kit.raises(client.cancel(ORDER_ID), OutcomeUnknown)
    await kit.raises(client.next_nonce(), InvalidReply)
    assert other.connections == 0
    assert [seen.path for seen in server.seen] == [kit.LOGIN, kit.ORDERS, CANCEL, kit.NONCE]


async def test_a_login_that_is_redirected_takes_no_signature_elsewhere(
    kit: Kit, server: RawServer, servers: Callable[[], RawServer], client_of: Callable[..., stove.AsyncClient]
) -> None:
    other = servers()
    server.routes[kit.LOGIN] = kit.http(307, b"", {"Location": other.url + kit.LOGIN})
    await kit.raises(client_of(server.url).connect(), InvalidReply)
    assert other.connections == 0
    assert server.count() == 1


async def test_silence_and_drips_end_in_time(
    kit: Kit, servers: Callable[[], RawServer], client_of: Callable[..., stove.AsyncClient]
) -> None:
    """All at once, because each takes as long as the limit."""

    def hang(server: RawServer) -> Callable[[socket.socket], None]:
        return server.hang

    def drip(server: RawServer, text: bytes) -> Callable[[socket.socket], None]:
        def play(connection: socket.socket) -> None:
            for index in range(len(text)):
                connection.sendall(text[index : index + 1])
                if server.stopping.wait(0.3):
                    return

        return play

    def no_end(server: RawServer) -> Callable[[socket.socket], None]:
        def play(connection: socket.socket) -> None:
            connection.sendall(reply(200, b'{"code":0', length=50))
            server.stopping.wait()

        return play

    def continues(server: RawServer) -> Callable[[socket.socket], None]:
        def play(connection: socket.socket) -> None:
            while not server.stopping.wait(0.001):
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")

        return play

    ways: list[Callable[[RawServer], Callable[[socket.socket], None]]] = [
        hang,
        lambda server: drip(server, reply(200, b'{"code":0,"data":{}}' * 50)),
        lambda server: drip(server, b" " * 500),
        no_end,
        continues,
    ]

    async def one(way: Callable[[RawServer], Callable[[socket.socket], None]]) -> None:
        server, signer = servers(), kit.signer()
        server.routes[kit.LOGIN] = lambda seen: kit.ok({"jwt": server.token(seen.json["wallet_address"])})
        server.otherwise = kit.plays(way(server))
        client = client_of(server.url, signer, limits=stove.Limits(connect=2, total=2))
        signed = kit.signed_order(signer, nonce=4711)
        calls: list[tuple[Awaitable[object], type[OrdersealError]]] = [
            (client.create(signed), OutcomeUnknown),
            (client.cancel(ORDER_ID), OutcomeUnknown),
            (client.next_nonce(), Unreachable),
        ]
        await client.connect()
        for error in await asyncio.gather(*[kit.raises(call, expected) for call, expected in calls]):
            says_what_to_do(error, getattr(error, "nonce", None))
        assert (server.count(kit.ORDERS), server.count(CANCEL), server.count(kit.NONCE)) == (1, 1, 1)

    async with asyncio.timeout(kit.PATIENCE):
        await asyncio.gather(*[one(way) for way in ways])


async def test_a_closed_port(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    signer = kit.signer()
    client = client_of(server.url, signer)
    await client.connect()
    server.close()
    for call in (client.create(kit.signed_order(signer)), client.cancel(ORDER_ID), client.next_nonce(), client.connect()):
        # The connection of the login may be tried first, which makes a write unknown; a new one makes it certain.
        with pytest.raises((Unreachable, OutcomeUnknown)):
            await call
    for call in (client.create(kit.signed_order(signer)), client.cancel(ORDER_ID), client.next_nonce(), client.connect()):
        error = await kit.raises(call, Unreachable)
        assert "Nothing was sent" in str(error)


async def test_a_login_that_is_not_answered_sends_no_write(
    kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]
) -> None:
    signer = kit.signer()
    client = client_of(server.url, signer)
    for answer, expected in (
        (b"", Unreachable),
        (envelope(500, 500), Unreachable),
        (envelope(400, 400), Refused),
        (envelope(401, 401), Unauthorized),
        (envelope(429, 429), RateLimited),
        (reply(200, HTML), InvalidReply),
        (data({"jwt": None}), InvalidReply),
        (data({}), InvalidReply),
    ):
        server.routes[kit.LOGIN] = answer
        logins = server.count(kit.LOGIN)
        for call in (client.create(kit.signed_order(signer)), client.cancel(ORDER_ID), client.next_nonce()):
            assert "log in" in str(await kit.raises(call, expected))
        assert server.count(kit.LOGIN) == logins + 3
    assert server.count() == server.count(kit.LOGIN)


async def test_a_server_that_speaks_no_tls(kit: Kit, client_of: Callable[..., stove.AsyncClient]) -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def slam() -> None:
        with listener:
            connection, _ = listener.accept()
            with connection:
                connection.recv(10)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    slamming = asyncio.create_task(asyncio.to_thread(slam))
    error = await kit.raises(client_of(f"https://127.0.0.1:{listener.getsockname()[1]}").connect(), Unreachable)
    assert "Nothing was sent" in str(error)
    await slamming


async def test_http_2_is_not_offered(kit: Kit, client_of: Callable[..., stove.AsyncClient]) -> None:
    """httpcore sends a request again when an HTTP/2 server says GOAWAY: a venue that says so after it took an order has two."""
    listener = socket.create_server(("127.0.0.1", 0))
    hello: list[bytes] = []

    def listen() -> None:
        with listener:
            connection, _ = listener.accept()
            with connection:
                hello.append(connection.recv(65536))

    listening = asyncio.create_task(asyncio.to_thread(listen))
    await kit.raises(client_of(f"https://127.0.0.1:{listener.getsockname()[1]}").connect(), Unreachable)
    await listening
    assert hello[0][:1] == b"\x16"
    assert b"http/1.1" in hello[0]
    assert b"\x02h2" not in hello[0]


async def test_a_certificate_that_nobody_signed(client_of: Callable[..., stove.AsyncClient]) -> None:
    """Certificates are checked on loopback too."""
    caller = client_of("https://127.0.0.1:1")._session._caller
    context = caller._transport._client._transport._pool._ssl_context  # type: ignore[attr-defined]  # what httpx connects with
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


async def test_half_a_gzip(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    server.routes[kit.ORDERS] = reply(200, gzip.compress(b'{"code":0,"data":' + b"1" * 9000)[:40], Content_Encoding="gzip")
    signer = kit.signer()
    client = client_of(server.url, signer)
    with pytest.raises((InvalidReply, Unreachable)):
        await client.query()
    await kit.raises(client.create(kit.signed_order(signer)), OutcomeUnknown)


async def test_what_a_refusal_carries(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    body = json.dumps({"code": 400001, "message": "Invalid parameter", "details": "The price field is required"}).encode()
    server.routes[kit.ORDERS] = kit.http(422, body, {"X-Request-Id": "req-7"})
    error = await kit.raises(client_of(server.url).query(), Refused)
    assert (error.status, error.code, error.message, error.details) == (422, 400001, "Invalid parameter", "The price field is required")
    assert error.request_id == "req-7"
    assert str(error) == "query orders: Invalid parameter (The price field is required) [HTTP 422, code 400001]"


async def test_the_third_form_has_no_code(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    server.routes["/api/v1/instruments/token-address"] = kit.http(404, b'{"error":"Instrument not found"}')
    error = await kit.raises(client_of(server.url).token_address("XYZ"), Refused)
    assert (error.status, error.code, error.message, error.details) == (404, None, "Instrument not found", None)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("5", 5.0),
        ("0", 0.0),
        ("999999", 999999.0),
        ("-1", None),
        ("1e9", None),
        ("nan", None),
        ("9" * 400, None),
        ("soon", None),
        ("\u0663", None),
        ("", None),
    ],
    ids=lambda value: ascii(value)[:12],
)
async def test_how_long_to_wait(
    kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient], header: str, seconds: float | None
) -> None:
    raw = kit.refusal(429, "Too many requests", Retry_After="MARK").replace(b"MARK", header.encode())
    server.routes[kit.ORDERS] = raw
    signer = kit.signer()
    error = await kit.raises(client_of(server.url, signer).create(kit.signed_order(signer)), RateLimited)
    assert error.retry_after == seconds


async def test_without_retry_after(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    server.routes[kit.ORDERS] = kit.refusal(429)
    error = await kit.raises(client_of(server.url).query(), RateLimited)
    assert error.retry_after is None


@pytest.mark.parametrize(
    "changes",
    [
        {"maker": "0x" + "12" * 20},
        {"principal": "0x" + "12" * 20},
        {"is_buy": False},
        {"ticker": "MSFT"},
        {"exchange": 1},
        {"asset": "0x5f3733f382ab5d464D39742Bb3840898cD24E6a0"},
        {"price": "150250000000000000001"},
        {"quantity": "61"},
        {"quantity": "60" + "0" * 17},
        {"incentive": "1"},
        {"deadline": 1},
        {"nonce": 4712},
        {"signature": "0x" + "11" * 65},
        {"signature": ""},
    ],
    ids=str,
)
async def test_a_confirmation_of_another_order_leaves_ours_unknown(
    kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient], changes: dict[str, Any]
) -> None:
    signer = kit.signer()
    signed = kit.signed_order(signer, nonce=4711)
    server.routes[kit.ORDERS] = kit.ok(kit.placed(signed, **changes))
    error = await kit.raises(client_of(server.url, signer).create(signed), OutcomeUnknown)
    assert error.nonce == 4711
    assert server.count(kit.ORDERS) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"price": 150250000000000000000},
        {"price": "1.5"},
        {"price": "-1"},
        {"price": ""},
        {"price": "9" * 79},
        {"price": "\uff11\uff15"},
        {"quantity": None},
        {"deadline": "1"},
        {"deadline": 1.5},
        {"deadline": None},
        {"nonce": True},
        {"is_buy": 1},
        {"is_buy": "true"},
        {"id": None},
        {"maker": "0x12"},
        {"maker": 5},
        {"status": None},
        {"status": 5},
        {"order_hash": None},
        {"filled_quantity": 0},
        {"created_at": 1737082824},
        {"created_at": "yesterday"},
        {"created_at": "99999-01-01T00:00:00Z"},
        {"updated_at": "2025-13-01T00:00:00Z"},
        {"fills": {}},
        {"fills": [{}]},
        {"fills": [{"fill_quantity": "1", "fill_amount": 5}]},
        {"fills": [None]},
        {"exchange": "NASDAQ"},
        {"notes": 5},
    ],
    ids=ascii,
)
async def test_a_member_of_a_wrong_type_makes_a_reply_unreadable(
    kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient], changes: dict[str, Any]
) -> None:
    signer = kit.signer()
    signed = kit.signed_order(signer, nonce=4711)
    client = client_of(server.url, signer)
    server.routes[kit.ORDERS] = kit.ok(kit.placed(signed, **changes))
    assert (await kit.raises(client.create(signed), OutcomeUnknown)).nonce == 4711
    server.routes[kit.ORDERS] = kit.page(kit.placed(signed, **changes))
    assert "$" in str(await kit.raises(client.query(), InvalidReply))
    await kit.raises(client.find(signed), InvalidReply)


@pytest.mark.parametrize("member", ["id", "maker", "price", "signature", "order_hash", "status", "created_at", "nonce"])
async def test_a_missing_member_makes_a_reply_unreadable(
    kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient], member: str
) -> None:
    signer = kit.signer()
    signed = kit.signed_order(signer)
    answer = kit.placed(signed)
    del answer[member]
    server.routes[kit.ORDERS] = kit.ok(answer)
    await kit.raises(client_of(server.url, signer).create(signed), OutcomeUnknown)


async def test_words_of_the_venue_stay_on_one_line(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    words = "bad\r\nFORGED: all is well\x1b[31m\u202e\u2028" + "x" * 100_000
    server.routes[kit.ORDERS] = kit.http(400, json.dumps({"code": 400, "message": words, "details": words}).encode())
    error = await kit.raises(client_of(server.url).query(), Refused)
    assert len(error.message) <= 200


@pytest.mark.parametrize("changes", [{"id": "a\nFORGED: all is well"}, {"id": "x" * 100_000}], ids=["lines", "length"])
async def test_an_id_of_the_venue_stays_on_one_line(
    kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient], changes: dict[str, Any]
) -> None:
    from orderseal.signing import NonceConflict

    signer = kit.signer()
    signed = kit.signed_order(signer)
    server.routes[kit.ORDERS] = kit.page(kit.placed(signed, price="1", **changes))
    await kit.raises(client_of(server.url, signer).find(signed), NonceConflict)


async def test_a_code_of_the_venue_stays_short(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    server.routes[kit.ORDERS] = kit.http(400, b'{"code":' + b"9" * 4000 + b',"message":"x"}')
    client = client_of(server.url)
    with pytest.raises((Refused, InvalidReply)) as caught:
        await client.query()
    assert len(str(caught.value)) < 700
