"""Nodes over real sockets: honest ones, and ones that do everything wrong; sync and async alike."""

from __future__ import annotations

import asyncio
import functools
import gzip
import json
import logging
import secrets
import socket
import ssl
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.chain.raw_node import RawNode, echo, http, ok, refused

from orderseal.chain.dialogue import AsyncNode, Node, Rpc
from orderseal.chain.node import AsyncHttpNode, HttpNode, NodeLimits, Web3Node, chain_id, check_chain, data, quantity
from orderseal.chain.reverts import read_revert
from orderseal.sandbox.evm import LocalChain
from orderseal.sandbox.evm.local import calldata
from orderseal.signing import Address, InvalidInput, NodeError, WrongChain

CHAIN_ID = Rpc("eth_chainId")
NUMBER = Rpc("eth_blockNumber")
PRICE = Rpc("eth_gasPrice")
SEND = Rpc("eth_sendRawTransaction", ("0x02",))
SHORT = NodeLimits(connect=2.0, total=0.6)


class AwaitedNode:
    """The async node, called as the sync one is."""

    def __init__(self, url: str, **options: Any) -> None:
        self.inner = AsyncHttpNode(url, **options)
        self._runner = asyncio.Runner()

    def ask(self, calls: Sequence[Rpc]) -> list[Any]:
        return self._runner.run(self.inner.ask(calls))

    def close(self) -> None:
        with self._runner:
            self._runner.run(self.inner.aclose())


Open = Callable[..., Any]


@pytest.fixture
def raw() -> Iterator[RawNode]:
    node = RawNode()
    yield node
    node.close()


@pytest.fixture(params=["sync", "async"])
def opened(request: pytest.FixtureRequest) -> Iterator[Open]:
    """Make nodes of one of the two kinds."""
    nodes: list[Any] = []

    def make(url: str, **options: Any) -> Any:
        nodes.append(HttpNode(url, **options) if request.param == "sync" else AwaitedNode(url, **options))
        return nodes[-1]

    yield make
    for node in nodes:
        node.close()


def fails(node: Any, *calls: Rpc, code: int | None = None) -> str:
    """Check that an ask fails as a whole, in one printable line that names no more than the host; give the line."""
    with pytest.raises(NodeError) as caught:
        node.ask(calls or (CHAIN_ID,))
    error = caught.value
    text = str(error)
    assert type(error) is NodeError
    assert error.code == code
    assert text.isprintable()
    assert 15 < len(text) < 400
    assert "127.0.0.1" in text
    assert "http://" not in "".join(traceback.format_exception(error)).replace("http://127.0.0.1/", "")
    return text


# What is sent


def test_one_call_goes_as_an_object_and_several_as_a_batch(raw: RawNode, opened: Open) -> None:
    node = opened(raw.url)
    assert node.ask([Rpc("eth_call", ({"to": "0x00"}, "latest"))]) == ["eth_call"]
    assert node.ask((CHAIN_ID, NUMBER)) == ["eth_chainId", "eth_blockNumber"]
    assert node.ask(()) == []
    first, second = raw.seen
    assert first.json == {"jsonrpc": "2.0", "id": 1, "method": "eth_call", "params": [{"to": "0x00"}, "latest"]}
    assert [(each["id"], each["method"], each["params"]) for each in second.json] == [(2, "eth_chainId", []), (3, "eth_blockNumber", [])]
    assert first.headers["accept-encoding"] == "identity"
    assert first.headers["content-type"] == "application/json"
    assert first.connection == second.connection, "connections are kept"


def test_both_are_what_dialogues_ask() -> None:
    def takes(_node: Node) -> None: ...
    def takes_async(_node: AsyncNode) -> None: ...

    with HttpNode("http://localhost:1") as node:
        takes(node)
        takes_async(AsyncHttpNode("http://localhost:1"))


@pytest.mark.parametrize("value", [Address(bytes(20)), float("nan"), {1, 2}, 10**5 * "[" and object()])
def test_parameters_without_a_form_in_json(value: Any, raw: RawNode, opened: Open) -> None:
    with pytest.raises(InvalidInput, match="params"):
        opened(raw.url).ask([Rpc("eth_call", (value,))])
    assert raw.seen == []


def test_headers_are_sent_and_never_shown(raw: RawNode, opened: Open) -> None:
    node = opened(raw.url, headers={"Authorization": "Bearer topsecret", "User-Agent": "mine"})
    node.ask([CHAIN_ID])
    assert raw.seen[0].headers["authorization"] == "Bearer topsecret"
    assert "topsecret" not in repr(node)


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "x"},
        {"accept-Encoding": "gzip"},
        {"A b": "x"},
        {"A": "x\r\nB: y"},
        {"A": ""},
        {"A": " x"},
        {"A": "é"},
        {1: "x"},
        {"A": 1},
        "A",
    ],
    ids=str,
)
def test_headers_that_cannot_be(headers: Any) -> None:
    for kind in (HttpNode, AsyncHttpNode):
        with pytest.raises(InvalidInput, match="headers"):
            kind("https://node.example.com", headers=headers)


@pytest.mark.parametrize(
    "url",
    ["http://node.example.com", "ws://localhost", "https://u:p@node.example.com", "https://node.example.com/?key=1", "node", "", None],
)
def test_urls_that_cannot_be(url: Any) -> None:
    for kind in (HttpNode, AsyncHttpNode):
        with pytest.raises(InvalidInput, match="url"):
            kind(url)


@pytest.mark.parametrize(
    "limits", [{"connect": 0}, {"total": -1}, {"total": True}, {"total": "9"}, {"reply_bytes": 0}, {"reply_bytes": 1.5}], ids=str
)
def test_limits_that_cannot_be(limits: Any) -> None:
    with pytest.raises(InvalidInput, match="limits"):
        NodeLimits(**limits)


# What comes back


def test_answers_to_a_batch_come_in_any_order(raw: RawNode, opened: Open) -> None:
    raw.answer = lambda asked: list(reversed(echo(asked)))
    assert opened(raw.url).ask((CHAIN_ID, NUMBER, PRICE)) == ["eth_chainId", "eth_blockNumber", "eth_gasPrice"]


def test_null_is_a_result(raw: RawNode, opened: Open) -> None:
    raw.answer = lambda asked: [ok(asked[0], None), {**ok(asked[1], 5), "error": None}]
    assert opened(raw.url).ask((CHAIN_ID, NUMBER)) == [None, 5]


def test_a_refused_call_is_a_value(raw: RawNode, opened: Open) -> None:
    long = "execution reverted: \x1b[31m\u202egold\n" + "x" * 5000
    raw.answer = lambda asked: [ok(asked[0], "0x1"), {**refused(asked[1], 3, long, data="0x08C379A0"), "result": None}]
    first, second = opened(raw.url).ask((CHAIN_ID, NUMBER))
    assert first == "0x1"
    assert type(second) is NodeError
    assert (second.code, second.data) == (3, bytes.fromhex("08c379a0"))
    assert str(second).startswith("eth_blockNumber was refused by the node at 127.0.0.1: execution reverted: ")
    assert str(second).isprintable()
    assert len(str(second)) < 400


def test_a_single_call_may_be_refused_without_its_id(raw: RawNode, opened: Open) -> None:
    raw.answer = lambda asked: {**refused(asked, -32600, "invalid request"), "id": None}
    (answer,) = opened(raw.url).ask([CHAIN_ID])
    assert isinstance(answer, NodeError)
    assert answer.code == -32600


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("0x08c379a0", "08c379a0"),
        ("0X08c379a0", ""),
        ("0x8c3", ""),
        ("Reverted 0x08c379a0", "08c379a0"),
        ("Reverted 0x", ""),
        ("out of gas", ""),
        ({"data": "0x01", "message": "Error: VM Exception", "txHash": "0x02"}, "01"),
        ({"originalError": {"code": 3, "data": "0x03", "message": "execution reverted"}}, "03"),
        ({"hash": None, "programCounter": 5, "result": "0x04", "reason": "no", "message": "revert"}, "04"),
        ({"data": {"data": {"data": "0x05"}}}, "05"),
        ({"data": {"data": {"data": {"data": {"data": "0x06"}}}}}, ""),
        (None, ""),
        (7, ""),
        (["0x08"], ""),
    ],
    ids=[str(n) for n in range(14)],
)
def test_where_nodes_put_revert_data(given: Any, expected: str, raw: RawNode, opened: Open) -> None:
    raw.answer = lambda asked: refused(asked, 3, "execution reverted", data=given)
    (answer,) = opened(raw.url).ask([CHAIN_ID])
    assert answer.data.hex() == expected


DEEP = b"[" * 100_000
GARBAGE: dict[str, Callable[[Any], Any]] = {
    "nothing": lambda asked: http(200, b""),
    "html": lambda asked: http(200, b"<html>Service is fine</html>"),
    "other bytes": lambda asked: http(200, b"\xff\xfe\x00"),
    "half": lambda asked: http(200, json.dumps(echo(asked)).encode()[:-1]),
    "more": lambda asked: http(200, json.dumps(echo(asked)).encode() + b"{}"),
    "deep": lambda asked: http(200, DEEP),
    "deep and long": lambda asked: http(200, b'{"jsonrpc":"2.0","id":1,"result":' + DEEP + b"]" * 100_000 + b"}"),
    "many": lambda asked: http(200, b'{"jsonrpc":"2.0","id":1,"result":[' + b"0," * 1_100_000 + b"0]}"),
    "twice": lambda asked: http(200, b'{"jsonrpc":"2.0","id":1,"result":"0x1","result":"0x2"}'),
    "NaN": lambda asked: http(200, b'{"jsonrpc":"2.0","id":1,"result":NaN}'),
    "text": lambda asked: "ok",
    "null": lambda asked: None,
    "an array": lambda asked: [ok(asked, "0x1")],
    "an empty array": lambda asked: [],
    "no version": lambda asked: {"id": asked["id"], "result": "0x1"},
    "version 1": lambda asked: {**ok(asked, "0x1"), "jsonrpc": "1.0"},
    "version as a number": lambda asked: {**ok(asked, "0x1"), "jsonrpc": 2.0},
    "no id": lambda asked: {"jsonrpc": "2.0", "result": "0x1"},
    "id null": lambda asked: {**ok(asked, "0x1"), "id": None},
    "id as text": lambda asked: {**ok(asked, "0x1"), "id": str(asked["id"])},
    "id as true": lambda asked: {**ok(asked, "0x1"), "id": True},
    "id as 1.0": lambda asked: http(200, b'{"jsonrpc":"2.0","id":1.0,"result":"0x1"}'),
    "another id": lambda asked: {**ok(asked, "0x1"), "id": asked["id"] + 1},
    "another id of an error": lambda asked: {**refused(asked), "id": asked["id"] + 1},
    "neither": lambda asked: {"jsonrpc": "2.0", "id": asked["id"]},
    "both": lambda asked: {**ok(asked, "0x1"), **refused(asked)},
    "error null": lambda asked: {"jsonrpc": "2.0", "id": asked["id"], "error": None},
    "error text": lambda asked: {"jsonrpc": "2.0", "id": asked["id"], "error": "no"},
    "error empty": lambda asked: {"jsonrpc": "2.0", "id": asked["id"], "error": {}},
    "error false": lambda asked: {"jsonrpc": "2.0", "id": asked["id"], "error": False},
    "error without code": lambda asked: {"jsonrpc": "2.0", "id": asked["id"], "error": {"message": "no"}},
    "error with a code as text": lambda asked: {"jsonrpc": "2.0", "id": asked["id"], "error": {"code": "3", "message": "no"}},
    "error with code true": lambda asked: {"jsonrpc": "2.0", "id": asked["id"], "error": {"code": True, "message": "no"}},
    "error without message": lambda asked: {"jsonrpc": "2.0", "id": asked["id"], "error": {"code": 3}},
    "error with a code beyond all": lambda asked: {"jsonrpc": "2.0", "id": asked["id"], "error": {"code": 2**70, "message": "no"}},
}


@pytest.mark.parametrize("kind", GARBAGE)
def test_what_is_no_answer(kind: str, raw: RawNode, opened: Open) -> None:
    raw.answer = GARBAGE[kind]
    node = opened(raw.url)
    fails(node)
    raw.answer = echo
    assert node.ask([CHAIN_ID]) == ["eth_chainId"], "it goes on after that"


BATCHES: dict[str, Callable[[Any], Any]] = {
    "a result": lambda asked: ok(asked[0], "0x1"),
    "text": lambda asked: "ok",
    "empty": lambda asked: [],
    "one missing": lambda asked: echo(asked)[:2],
    "only one": lambda asked: echo(asked)[:1],
    "one twice": lambda asked: echo([asked[0], asked[1], asked[1]]),
    "one too many": lambda asked: [*echo(asked), echo(asked)[0]],
    "a stranger": lambda asked: [*echo(asked), {"jsonrpc": "2.0", "id": 99, "result": "0x1"}],
    "a stranger instead": lambda asked: [*echo(asked)[:2], {"jsonrpc": "2.0", "id": 99, "result": "0x1"}],
    "id null": lambda asked: [*echo(asked)[:2], {**refused(asked[2]), "id": None}],
    "id as text": lambda asked: [*echo(asked)[:2], {**ok(asked[2], 1), "id": str(asked[2]["id"])}],
    "id as true": lambda asked: [{**ok(asked[0], 1), "id": True}, *echo(asked)[1:]],
    "id as an array": lambda asked: [{**ok(asked[0], 1), "id": []}, *echo(asked)[1:]],
    "text within": lambda asked: [*echo(asked)[:2], "ok"],
    "neither within": lambda asked: [*echo(asked)[:2], {"jsonrpc": "2.0", "id": asked[2]["id"]}],
    "both within": lambda asked: [*echo(asked)[:2], {**ok(asked[2], "0x1"), **refused(asked[2])}],
    "an error that is none": lambda asked: [*echo(asked)[:2], {**refused(asked[2]), "error": "no"}],
    "a whole error that is none": lambda asked: {**refused(asked[0]), "error": "no"},
}


@pytest.mark.parametrize("kind", BATCHES)
def test_what_is_no_answer_to_a_batch(kind: str, raw: RawNode, opened: Open) -> None:
    raw.answer = BATCHES[kind]
    fails(opened(raw.url), CHAIN_ID, NUMBER, PRICE)
    assert len(raw.seen) == 1, "it is not made again"


@pytest.mark.parametrize(
    ("status", "said"), [(429, "too many"), (500, ""), (502, ""), (503, ""), (204, ""), (201, ""), (301, "redirect"), (307, "redirect")]
)
def test_other_statuses_say_nothing_even_with_an_answer(status: int, said: str, raw: RawNode, opened: Open) -> None:
    elsewhere = RawNode()
    raw.answer = lambda asked: http(status, b"" if status == 204 else json.dumps(echo(asked)).encode(), f"Location: {elsewhere.url}")
    try:
        text = fails(opened(raw.url))
        assert f"HTTP {status}" in text
        assert said in text
        fails(opened(raw.url), CHAIN_ID, NUMBER)
        assert elsewhere.seen == []
        assert len(raw.seen) == 2
    finally:
        elsewhere.close()


def test_a_4xx_may_carry_an_error_but_no_result(raw: RawNode, opened: Open) -> None:
    raw.answer = lambda asked: http(400, json.dumps(refused(asked, -32602, "bad parameters")).encode())
    (answer,) = opened(raw.url).ask([CHAIN_ID])
    assert answer.code == -32602
    raw.answer = lambda asked: http(404, json.dumps(echo(asked)).encode())
    assert "HTTP 404" in fails(opened(raw.url))
    raw.answer = lambda asked: http(403, b"<html>forbidden</html>")
    assert "HTTP 403" in fails(opened(raw.url))


@pytest.mark.parametrize("encoding", ["gzip", "br", "GZIP", "identity, gzip"])
def test_compressed_answers_are_refused_unread(encoding: str, raw: RawNode, opened: Open) -> None:
    raw.answer = lambda asked: http(200, gzip.compress(json.dumps(echo(asked)).encode()), f"Content-Encoding: {encoding}")
    assert "compressed" in fails(opened(raw.url))


# Lengths and times


def test_an_answer_is_read_up_to_its_bound(raw: RawNode, opened: Open) -> None:
    raw.answer = lambda asked: ok(asked, "x" * 3_000_000)
    assert opened(raw.url, limits=NodeLimits(reply_bytes=3_100_000)).ask([CHAIN_ID]) == ["x" * 3_000_000]
    assert "longer than 2000000 bytes" in fails(opened(raw.url, limits=NodeLimits(reply_bytes=2_000_000)))


def test_an_endless_answer_is_cut(raw: RawNode, opened: Open) -> None:
    sent: list[int] = []

    def endless(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not raw.ended.is_set():
            connection.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")
            sent.append(65536)

    raw.answer = lambda asked: endless
    assert "longer than 1000000 bytes" in fails(opened(raw.url, limits=NodeLimits(reply_bytes=1_000_000)))
    assert sum(sent) < 30_000_000


def drip(raw: RawNode, connection: socket.socket, text: bytes, start: bytes = b"") -> None:
    connection.sendall(start)
    for byte in text * 1000:
        if raw.ended.wait(0.02):
            return
        connection.sendall(bytes([byte]))


def hang(raw: RawNode, connection: socket.socket, start: bytes = b"") -> None:
    connection.sendall(start)
    raw.ended.wait(30)


PLAYS: dict[str, Callable[[RawNode, socket.socket], None]] = {
    "hangs": hang,
    "drips its headers": lambda raw, connection: drip(raw, connection, b"HTTP/1.1 200 OK\r\nX-Long: yes yes yes"),
    "drips empty interim answers": lambda raw, connection: drip(raw, connection, b"HTTP/1.1 100 Continue\r\n\r\n"),
    "drips its body": lambda raw, connection: drip(raw, connection, b" ", b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"),
    "hangs in its body": lambda raw, connection: hang(raw, connection, b'HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"json'),
}


@pytest.mark.parametrize("kind", PLAYS)
def test_time_is_bounded_in_all(kind: str, raw: RawNode, opened: Open) -> None:
    raw.answer = lambda asked: lambda connection: PLAYS[kind](raw, connection)
    node = opened(raw.url, limits=SHORT)
    start = time.monotonic()
    assert "time" in fails(node) or "within 0.6 s" in fails(node)
    assert time.monotonic() - start < 5
    raw.answer = echo
    assert node.ask([CHAIN_ID]) == ["eth_chainId"]


def test_the_bound_holds_for_all_calls_of_a_refused_batch_together(raw: RawNode, opened: Open) -> None:
    def slow(asked: Any) -> Any:
        if isinstance(asked, list):
            return {**refused(asked[0]), "id": None}
        raw.ended.wait(0.25)
        return echo(asked)

    raw.answer = slow
    start = time.monotonic()
    fails(opened(raw.url, limits=SHORT), *[CHAIN_ID] * 40)
    assert time.monotonic() - start < 4
    assert 2 <= len(raw.seen) <= 5


BREAKS: dict[str, bytes] = {
    "closes": b"",
    "closes in its headers": b"HTTP/1.1 200 OK\r\nConte",
    "closes in its body": b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"jsonrpc":"2.0","id":1,"result":"0x1"}',
    "speaks something else": b"SSH-2.0-OpenSSH_9.6\r\n",
    "bad chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nxx\r\n",
    "bad length": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
    "headers without end": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 1_000_000,
}


@pytest.mark.parametrize("kind", BREAKS)
def test_broken_connections(kind: str, raw: RawNode, opened: Open) -> None:
    raw.answer = lambda asked: lambda connection: connection.sendall(BREAKS[kind])
    fails(opened(raw.url))
    assert len(raw.seen) == 1, "nothing is sent again"


def test_nobody_there(raw: RawNode, opened: Open) -> None:
    raw.close()
    assert "no connection" in fails(opened(raw.url))


def test_no_tls_where_tls_is_due(raw: RawNode, opened: Open) -> None:
    fails(opened(raw.url.replace("http:", "https:"), limits=SHORT))
    assert raw.seen == []


def test_a_callers_certificates_are_used(raw: RawNode, opened: Open) -> None:
    class Context(ssl.SSLContext):
        asked = 0

        def wrap_bio(self, *args: Any, **options: Any) -> Any:
            type(self).asked += 1
            raise ssl.SSLError("not today")

    fails(opened(raw.url.replace("http:", "https:"), verify=Context(ssl.PROTOCOL_TLS_CLIENT)))
    assert Context.asked == 1


def test_proxies_of_the_environment_are_used_but_not_for_loopback(raw: RawNode, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = RawNode()
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    try:
        assert opened(raw.url).ask([CHAIN_ID]) == ["eth_chainId"]
        assert (len(raw.seen), len(proxy.seen)) == (1, 0)
        assert opened(f"{raw.url}/v3", trust_env=True).ask([CHAIN_ID]) == ["eth_chainId"]
        assert [seen.target for seen in proxy.seen] == [f"{raw.url}/v3"]
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, "gopher://127.0.0.1")
        with pytest.raises(NodeError, match="environment"):
            opened(raw.url, trust_env=True)
    finally:
        proxy.close()


def test_no_exception_of_httpx_gets_out(raw: RawNode, monkeypatch: pytest.MonkeyPatch) -> None:
    def below(kind: type[Exception]) -> list[type[Exception]]:
        return [kind, *[found for each in kind.__subclasses__() for found in below(each)]]

    kinds = {*below(httpx.HTTPError), *below(httpx.StreamError), httpx.InvalidURL, httpx.CookieConflict, OSError, ssl.SSLError, ValueError}
    assert len(kinds) > 20
    with HttpNode(raw.url) as node:
        for kind in kinds:
            for args in ((), ("text",), ("text", None), ("text",) * 3):
                try:
                    made = kind(*args) if kind is not httpx.HTTPStatusError else httpx.HTTPStatusError("x", request=None, response=None)  # type: ignore[arg-type]
                    break
                except TypeError:
                    continue
            else:
                raise AssertionError(kind)

            async def broken(*_args: Any, error: Exception = made, **_options: Any) -> Any:
                raise error

            monkeypatch.setattr(httpx.AsyncClient, "send", broken)
            fails(node)


# Nodes that refuse batches


def only_single(asked: Any) -> Any:
    return {**refused(asked[0], -32600, "batches are not supported"), "id": None} if isinstance(asked, list) else echo(asked)


def test_a_node_without_batches_is_asked_call_by_call(raw: RawNode, opened: Open) -> None:
    raw.answer = only_single
    node = opened(raw.url)
    assert node.ask((CHAIN_ID, NUMBER)) == ["eth_chainId", "eth_blockNumber"]
    assert raw.asked == [["eth_chainId", "eth_blockNumber"], "eth_chainId", "eth_blockNumber"]
    raw.seen.clear()
    assert node.ask((CHAIN_ID, NUMBER, PRICE)) == ["eth_chainId", "eth_blockNumber", "eth_gasPrice"]
    assert raw.asked == ["eth_chainId", "eth_blockNumber", "eth_gasPrice"], "it was remembered"


def test_a_batch_that_is_too_large_alone_is_taken_apart(raw: RawNode, opened: Open) -> None:
    # What go-ethereum answers beyond --rpc.batch-request-limit: one error, with the id of the first call.
    raw.answer = lambda asked: [refused(asked[0], -32600, "batch too large")] if isinstance(asked, list) and len(asked) > 2 else echo(asked)
    node = opened(raw.url)
    assert node.ask([CHAIN_ID] * 3) == ["eth_chainId"] * 3
    assert len(raw.seen) == 4
    assert node.ask([CHAIN_ID] * 2) == ["eth_chainId"] * 2
    assert len(raw.seen) == 5, "a smaller one goes as a batch"
    assert node.ask([CHAIN_ID] * 4) == ["eth_chainId"] * 4
    assert len(raw.seen) == 9


def test_a_refused_batch_that_holds_more_than_reads_is_not_made_again(raw: RawNode, opened: Open) -> None:
    raw.answer = only_single
    node = opened(raw.url)
    for _ in range(2):
        fails(node, CHAIN_ID, SEND, code=-32600)
    assert raw.asked == [["eth_chainId", "eth_sendRawTransaction"]] * 2


@pytest.mark.parametrize(("status", "code"), [(200, -32005), (401, -32000), (403, -32000)])
def test_a_batch_that_is_refused_for_other_reasons_is_not_made_again(status: int, code: int, raw: RawNode, opened: Open) -> None:
    raw.answer = lambda asked: http(status, json.dumps({**refused(asked[0], code, "not you"), "id": None}).encode())
    fails(opened(raw.url), CHAIN_ID, NUMBER, code=code)
    assert len(raw.seen) == 1


def test_calls_of_a_refused_batch_fail_together(raw: RawNode, opened: Open) -> None:
    def answer(asked: Any) -> Any:
        if isinstance(asked, list):
            return only_single(asked)
        return {"eth_chainId": refused(asked), "eth_blockNumber": http(502, b"")}.get(asked["method"], echo(asked))

    raw.answer = answer
    node = opened(raw.url)
    fails(node, PRICE, NUMBER)
    assert [type(each) for each in node.ask((PRICE, CHAIN_ID))] == [str, NodeError]


# Secrets


def test_the_url_and_the_headers_are_in_no_log_error_or_repr(raw: RawNode, opened: Open, caplog: pytest.LogCaptureFixture) -> None:
    key, token = "0123456789abcdefKEY", "Bearer-topsecret"
    caplog.set_level(logging.DEBUG)
    node = opened(f"{raw.url}/v3/{key}", headers={"X-Api-Key": token})

    def shown(*errors: BaseException) -> str:
        return "\n".join(["".join(traceback.format_exception(error)) + repr(error) for error in errors]) + repr(node) + caplog.text

    assert node.ask([CHAIN_ID]) == ["eth_chainId"]
    assert raw.seen[0].target == f"/v3/{key}"
    raw.answer = lambda asked: refused(asked, -32000, f"no project {key}, see {raw.url}/v3/{key} ({token})")
    (refusal,) = node.ask([CHAIN_ID])
    assert str(refusal).count("…") >= 3
    errors: list[BaseException] = [refusal]
    for answer in (
        http(500, key.encode()),
        http(200, key.encode()),
        http(200, f'{{"{key}":1,"{key}":2}}'.encode()),
        key.encode() + b"\r\n",
    ):
        raw.answer = functools.partial(lambda exact, _asked: exact, answer)
        with pytest.raises(NodeError) as caught:
            node.ask([CHAIN_ID])
        errors.append(caught.value)
    raw.close()
    with pytest.raises(NodeError) as caught:
        node.ask([CHAIN_ID])
    text = shown(*errors, caught.value)
    assert "127.0.0.1" in text
    assert key not in text
    assert token not in text
    assert caplog.text, "the libraries below do log"


def test_the_repr_names_the_host() -> None:
    with HttpNode("https://eth.example.com/v3/key0123456789") as node:
        assert repr(node) == "HttpNode(eth.example.com)"
    assert repr(AsyncHttpNode("https://eth.example.com/v3/key0123456789")) == "AsyncHttpNode(eth.example.com)"


# Where a sync node is called from


async def test_a_sync_node_within_a_running_loop(raw: RawNode) -> None:
    with HttpNode(raw.url) as node:
        assert node.ask([CHAIN_ID]) == ["eth_chainId"]
        assert node.ask([CHAIN_ID, NUMBER]) == ["eth_chainId", "eth_blockNumber"]
    assert len({seen.connection for seen in raw.seen}) == 1


def test_several_threads_share_a_node(raw: RawNode) -> None:
    found: list[Any] = []
    with HttpNode(raw.url) as node:
        threads = [threading.Thread(target=lambda n=n: found.append(node.ask([Rpc(f"m{n}"), CHAIN_ID])[0] == f"m{n}")) for n in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == [True] * 12


async def test_asks_of_one_async_node_beside_each_other(raw: RawNode) -> None:
    async with AsyncHttpNode(raw.url) as node:
        found = await asyncio.gather(*[node.ask([Rpc(f"m{n}"), CHAIN_ID]) for n in range(12)])
    assert found == [[f"m{n}", "eth_chainId"] for n in range(12)]


async def test_a_cancelled_ask_leaves_the_node_usable(raw: RawNode) -> None:
    raw.answer = lambda asked: lambda connection: raw.ended.wait(30)
    async with AsyncHttpNode(raw.url) as node:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await node.ask([CHAIN_ID])
        raw.answer = echo
        assert await node.ask([CHAIN_ID]) == ["eth_chainId"]


def test_a_closed_node_says_so(raw: RawNode) -> None:
    node = HttpNode(raw.url)
    node.ask([CHAIN_ID])
    node.close()
    node.close()
    with pytest.raises(RuntimeError, match="closed"):
        node.ask([CHAIN_ID])


@pytest.mark.parametrize("module", ["dialogue", "wire", "node", "fees", "rlp", "transactions"])
def test_importing_loads_nothing_heavy(module: str, tmp_path: Path) -> None:
    heavy = ("web3", "httpx", "eth_account", "eth_abi", "eth_utils", "rlp", "msgspec", "rich", "typer")
    program = f"import sys, orderseal.chain.{module}\nprint([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"


# Real nodes


def test_a_real_node(chain: LocalChain, opened: Open) -> None:
    node = opened(chain.rpc_url)
    payment, buyer = chain.contracts["payment"].address, chain.accounts["buyer"].address
    balance = {"to": payment, "data": calldata("PaymentToken", "balanceOf", buyer)}
    refusal = {"from": buyer, "to": payment, "data": calldata("PaymentToken", "transferFrom", chain.accounts["maker"].address, buyer, 1)}
    answers = node.ask((CHAIN_ID, NUMBER, Rpc("eth_call", (balance, "latest")), Rpc("eth_call", (refusal, "latest")), Rpc("eth_nothing")))
    check_chain(17000, answers[0])
    with pytest.raises(WrongChain) as wrong:
        check_chain(1, answers[0])
    assert (wrong.value.expected, wrong.value.actual) == (1, 17000)
    assert quantity(answers[1], "block") == int(chain.request("eth_blockNumber"), 16)
    assert int.from_bytes(data(answers[2], "balance", 32), "big") == chain.call("payment", "balanceOf", buyer)
    assert answers[3].code == 3
    assert read_revert(answers[3].data).text == "ERC20: insufficient allowance"
    assert answers[4].code == -32601
    (single,) = node.ask([Rpc("eth_call", (refusal, "latest"))])
    assert (single.code, single.data) == (answers[3].code, answers[3].data)


# Providers of web3


def test_a_provider_of_web3(chain: LocalChain) -> None:
    from web3 import Web3

    web3 = Web3(Web3.HTTPProvider(chain.rpc_url))
    node = Web3Node(web3.provider)
    buyer = chain.accounts["buyer"].address
    refusal = {
        "from": buyer,
        "to": chain.contracts["payment"].address,
        "data": calldata("PaymentToken", "transferFrom", chain.accounts["maker"].address, buyer, 1),
    }
    answers = node.ask((CHAIN_ID, Rpc("eth_call", (refusal, "latest")), Rpc("eth_nothing")))
    check_chain(17000, answers[0])
    assert answers[1].code == 3
    assert read_revert(answers[1].data).text == "ERC20: insufficient allowance"
    assert answers[2].code == -32601
    assert repr(node) == "Web3Node(HTTPProvider)"


def test_a_provider_of_web3_that_finds_nobody(raw: RawNode) -> None:
    from web3 import Web3

    raw.close()
    key = secrets.token_hex(8)
    with pytest.raises(NodeError) as caught:
        Web3Node(Web3.HTTPProvider(f"{raw.url}/v3/{key}")).ask([SEND])
    assert key not in "".join(traceback.format_exception(caught.value))


class Provider:
    endpoint_uri: str | None = None

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def make_request(self, method: str, params: Any) -> Any:
        assert isinstance(params, list)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_what_providers_answer() -> None:
    assert Web3Node(Provider({"jsonrpc": "2.0", "id": 0, "result": None})).ask([CHAIN_ID, CHAIN_ID]) == [None, None]
    assert Web3Node(Provider({"result": 1, "error": None})).ask([CHAIN_ID]) == [1]
    (error,) = Web3Node(Provider({"error": {"code": 3, "message": "no\n", "data": "0x01"}})).ask([CHAIN_ID])
    assert (error.code, error.data, str(error)) == (3, b"\1", "eth_chainId was refused by the node: no\\n [code 3]")


def test_a_providers_url_is_taken_out_of_what_the_node_says() -> None:
    provider = Provider({"error": {"code": 3, "message": "bad key abc123def at https://eth.example.com/v3/x?key=abc123def"}})
    provider.endpoint_uri = "https://eth.example.com/v3/x?key=abc123def"
    (error,) = Web3Node(provider).ask([CHAIN_ID])
    assert str(error) == "eth_chainId was refused by the node: bad key … at … [code 3]"


CIRCLE: dict[str, Any] = {}
CIRCLE["result"] = CIRCLE


@pytest.mark.parametrize(
    "answer",
    [
        None,
        5,
        {},
        {"result": 1, "error": {"code": 3, "message": "no"}},
        {"error": "no"},
        {"error": {"code": 3}},
        KeyError("x"),
        OSError(),
        CIRCLE,
    ],
    ids=[str(n) for n in range(9)],
)
def test_what_providers_cannot_answer(answer: Any) -> None:
    with pytest.raises(NodeError) as caught:
        Web3Node(Provider(answer)).ask([CHAIN_ID])
    assert caught.value.code is None
    assert "Provider" in str(caught.value)


def test_what_is_no_provider() -> None:
    class Awaited:
        async def make_request(self, method: str, params: Any) -> Any: ...

    for wrong in (None, "http://localhost", Awaited()):
        with pytest.raises(InvalidInput, match="provider"):
            Web3Node(wrong)  # type: ignore[arg-type]


# Typed values


@pytest.mark.parametrize(("text", "value"), [("0x0", 0), ("0x1", 1), ("0xfF", 255), ("0x" + "f" * 64, 2**256 - 1)])
def test_quantities(text: str, value: int) -> None:
    assert quantity(text, "gas") == value
    assert chain_id(text) == value


@pytest.mark.parametrize(
    "value",
    [
        "",
        "0x",
        "0x00",
        "0x01",
        "1",
        "0X1",
        "0x-1",
        "0x1g",
        " 0x1",
        "0x1\n",
        "0x1_0",
        "0x\uff11",
        "0x1" + "0" * 64,
        1,
        None,
        True,
        1.0,
        [],
        {},
    ],
)
def test_what_is_no_quantity(value: Any) -> None:
    with pytest.raises(NodeError, match="gas: expected a quantity"):
        quantity(value, "gas")


def test_bytes() -> None:
    assert data("0x", "code") == b""
    assert data("0xAbcD", "code") == data("0xabcd", "code", 2) == b"\xab\xcd"
    for wrong in ("", "0", "0xabc", "abcd", "0xzz", "0xab cd", b"\xab", None, 5, ["0x"]):
        with pytest.raises(NodeError, match="code: expected bytes"):
            data(wrong, "code")
    for wrong in ("0x", "0xab", "0xabcdef"):
        with pytest.raises(NodeError, match="expected 2 bytes"):
            data(wrong, "code", 2)


def test_a_refusal_is_raised_where_a_value_is_wanted() -> None:
    refusal = NodeError("no", code=3)
    for read in (quantity, data):
        with pytest.raises(NodeError) as caught:
            read(refusal, "gas")
        assert caught.value is refusal
    with pytest.raises(NodeError):
        check_chain(1, refusal)
    with pytest.raises(NodeError):
        check_chain(1, "0x01")
