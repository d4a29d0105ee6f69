"""Garbage must give an envelope, and the server must go on."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest

POSTS = ["/api/v1/makers/connect", "/api/v1/orders", "/api/v1/orders/estimate_charge", "/sandbox/clock", "/sandbox/fail-next"]
BODIES: dict[str, bytes] = {
    "empty": b"",
    "spaces": b"   ",
    "word": b"hello",
    "cut short": b'{"order": {',
    "null": b"null",
    "number": b"1",
    "string": b'"x"',
    "true": b"true",
    "array": b"[]",
    "array of objects": b"[{}]",
    "empty object": b"{}",
    "NaN": b'{"order": NaN, "signature": NaN}',
    "Infinity": b"-Infinity",
    "huge float": b'{"order": 1e999, "signature": 1e999, "frozen_at": 1e999, "code": 1e999}',
    "huge integer": b'{"frozen_at": ' + b"9" * 5000 + b"}",
    "not UTF-8": b'{"order": "\xff\xfe"}',
    "UTF-16": '{"order": {}}'.encode("utf-16"),
    "UTF-8 BOM": b"\xef\xbb\xbf{}",
    "lone surrogate": b'{"wallet_address": "\\ud800", "chain_id": "\\ud800", "message": "\\ud800", "signature": "\\ud800", "\\ud800": 1}',
    "NUL": b'{"order": "\x00"}',
    "deep arrays": b"[" * 30_000,
    "deep closed arrays": b"[" * 30_000 + b"]" * 30_000,
    "deep objects": b'{"order":' * 5_000,
    "as deep as the size allows": b"[" * 65_536,
    "deep after a string": b'{"a": "]]]]\\"]]]]", "order": ' + b"[" * 60_000 + b"]" * 60,
    "duplicate keys": b'{"order": {}, "order": {}}',
    "two documents": b"{}{}",
    "comment": b"{/* */}",
    "single quotes": b"{'order': 1}",
    "nested nulls": b'{"order": {"maker": null}, "signature": null}',
    "order is a list": b'{"order": [], "signature": []}',
    "just over the limit": b'{"order": "' + b"x" * 65_536 + b'"}',
}
TYPES = [
    None,
    "",
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/json; charset=utf-16",
    "\u00ff",
]


@pytest.mark.parametrize("name", BODIES)
async def test_a_garbage_body_gives_an_envelope(remote: Any, name: str) -> None:
    bot = await remote()
    for path in POSTS:
        reply = await bot.client.post(path, content=BODIES[name], headers={**bot.headers, "content-type": "application/json"})
        bot.refusal(reply)
        assert reply.status_code != 500
        reply.content.decode("ascii")
    await bot.nonce()


@pytest.mark.parametrize("content_type", TYPES)
async def test_a_wrong_content_type_gives_an_envelope(remote: Any, content_type: str | None) -> None:
    bot = await remote()
    headers = {**bot.headers, "content-type": content_type.encode("latin-1")} if content_type is not None else bot.headers
    for path in POSTS:
        bot.refusal(await bot.client.post(path, content=b"{}", headers=headers))


async def test_brackets_in_strings_are_no_depth(local: Any, kit: Any) -> None:
    bot = kit.Bot(await local())
    await bot.login(lines={"Remark": "[{" * 500 + '\\"'})


async def test_a_duplicate_key_is_refused_even_if_its_value_is_the_same(local_bot: Any) -> None:
    bot = await local_bot()
    order = bot.order(await bot.nonce())
    body = json.dumps({"order": order, "signature": bot.sign(order)})
    double = body[:-1] + f', "signature": "{bot.sign(order)}"' + "}"
    headers = {**bot.headers, "content-type": "application/json"}
    bot.refusal(await bot.client.post("/api/v1/orders", content=double, headers=headers))
    bot.data(await bot.client.post("/api/v1/orders", content=body, headers=headers))


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
async def test_what_is_not_json_is_refused_as_such(local_bot: Any, kit: Any, constant: str) -> None:
    bot = await local_bot(seed=kit.seed_where(code_style="six_digits"))
    headers = {**bot.headers, "content-type": "application/json"}
    reply = await bot.client.post("/api/v1/orders", content=f'{{"order": {constant}}}', headers=headers)
    assert bot.refusal(reply)["code"] == 400_002


async def test_a_charset_parameter_is_fine(local_bot: Any) -> None:
    bot = await local_bot()
    order = bot.order(await bot.nonce())
    body = json.dumps({"order": order, "signature": bot.sign(order)})
    headers = {**bot.headers, "content-type": "Application/JSON; charset=utf-8"}
    bot.data(await bot.client.post("/api/v1/orders", content=body, headers=headers))


async def test_a_huge_body_gives_an_envelope(remote: Any) -> None:
    bot = await remote()
    reply = await bot.client.post("/api/v1/orders", content=b"x" * 3_000_000, headers={**bot.headers, "content-type": "application/json"})
    assert reply.status_code == 413
    bot.refusal(reply)

    async def chunks() -> Any:
        for _ in range(40):
            yield b"y" * 10_000

    reply = await bot.client.post("/api/v1/orders", content=chunks(), headers={**bot.headers, "content-type": "application/json"})
    assert reply.status_code == 413
    await bot.nonce()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/nowhere", 404),
        ("GET", "/api/v2/orders", 404),
        ("GET", "/api/v1/orders/", 404),
        ("GET", "/nowhere", 404),
        ("GET", "/%ff%00", 404),
        ("POST", "/api/v1/takers/nowhere", 404),
        ("GET", "/ws/maker/v1", 404),
        ("PUT", "/api/v1/orders", 405),
        ("DELETE", "/api/v1/positions", 405),
        ("GET", "/api/v1/makers/connect", 405),
        ("PATCH", "/api/v1/orders/550e8400-e29b-41d4-a716-446655440000", 405),
        ("BREW", "/api/v1/orders", 405),
    ],
)
async def test_an_unknown_route_gives_an_envelope(remote: Any, method: str, path: str, status: int) -> None:
    bot = await remote()
    reply = await bot.client.request(method, path, headers=bot.headers)
    bot.refusal(reply)
    assert reply.status_code == status


RAW = [
    b"\x00\x01\x02\x03\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET " + b"/x" * 100_000 + b" HTTP/1.1\r\n\r\n",
    b"POST /api/v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
    b"POST /api/v1/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nContent-Type: application/json\r\n\r\n{",
    b"POST /api/v1/orders HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"GET /ws/maker/v1?types=x HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
]


@pytest.mark.parametrize("data", RAW, ids=lambda data: repr(data[:24]))
async def test_broken_http_does_not_stop_the_server(remote: Any, server: Any, data: bytes) -> None:
    bot = await remote()
    address = urlsplit(server.url)

    def poke() -> None:
        with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
            try:
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
                while connection.recv(65536):
                    pass
            except OSError:
                return

    await asyncio.to_thread(poke)
    await bot.nonce()


async def test_header_oddities(remote: Any) -> None:
    bot = await remote()
    for value in (b"Bearer \xff\xfe", b"Bearer", b"", b"Bearer a b", b"Bearer " + b"x" * 20_000):
        assert (await bot.client.get("/api/v1/orders", headers={"Authorization": value})).json() == {
            "code": 401,
            "message": "Invalid token",
        }
