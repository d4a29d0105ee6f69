"""Certificates, proxies, and HTTP/2 for reads alone. The key below ``tls/`` is a throw-away one, made for these tests with openssl."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h2.config
import h2.connection
import h2.events
import pytest

from orderseal.api.transport import Connection, Limits, TokenAuth
from orderseal.signing import InvalidInput, OutcomeUnknown, Unreachable

if TYPE_CHECKING:
    from tests.api.conftest import Kit, RawServer
    from tests.api.transport.conftest import Venue

    from orderseal.api.transport import Caller

TLS = Path(__file__).parent / "tls"
BODY = json.dumps({"id": "t1", "count": 3}).encode()


class TlsServer:
    """HTTP/2 where the client asks for it, else HTTP/1.1. ``goaway`` says of the first request that it was not processed."""

    def __init__(self, *, http2: bool = True, goaway: bool = False) -> None:
        self.seen: list[tuple[str, str, str]] = []
        self._goaway = goaway
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(TLS / "server.pem")
        self._context.set_alpn_protocols(["h2", "http/1.1"] if http2 else ["http/1.1"])
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                plain, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(plain,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, plain: socket.socket) -> None:
        with contextlib.suppress(OSError), self._context.wrap_socket(plain, server_side=True) as connection:
            connection.settimeout(20)
            (self._serve_2 if connection.selected_alpn_protocol() == "h2" else self._serve_1)(connection)

    def _serve_1(self, connection: ssl.SSLSocket) -> None:
        with connection.makefile("rb") as reader:
            while first := reader.readline().decode():
                length = 0
                while line := reader.readline().strip():
                    name, _, value = line.partition(b":")
                    length = int(value) if name.lower() == b"content-length" else length
                reader.read(length)
                self.seen.append(("1.1", *first.split()[:2]))  # type: ignore[arg-type]  # method and target
                if self._goaway and len(self.seen) == 1:
                    return
                connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(BODY)}\r\n\r\n".encode() + BODY)

    def _serve_2(self, connection: ssl.SSLSocket) -> None:
        state = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        state.initiate_connection()
        connection.sendall(state.data_to_send())
        asked: dict[int, dict[bytes, bytes]] = {}
        while data := connection.recv(65536):
            for event in state.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    asked[event.stream_id] = dict(event.headers)
                elif isinstance(event, h2.events.StreamEnded):
                    headers = asked[event.stream_id]
                    self.seen.append(("2", headers[b":method"].decode(), headers[b":path"].decode()))
                    if self._goaway and len(self.seen) == 1:
                        state.close_connection(last_stream_id=0)
                        connection.sendall(state.data_to_send())
                        return
                    state.send_headers(event.stream_id, [(":status", "200"), ("content-length", str(len(BODY)))])
                    state.send_data(event.stream_id, BODY, end_stream=True)
            connection.sendall(state.data_to_send())

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def tls_servers() -> Iterator[Callable[..., TlsServer]]:
    made: list[TlsServer] = []

    def make(**options: Any) -> TlsServer:
        made.append(TlsServer(**options))
        return made[-1]

    yield make
    for server in made:
        server.close()


async def test_a_certificate_of_ones_own(
    kit: Kit, venue: Venue, tls_servers: Callable[..., TlsServer], caller_of: Callable[..., Caller]
) -> None:
    server = tls_servers()
    for verify in (TLS / "ca.pem", str(TLS / "ca.pem"), ssl.create_default_context(cafile=TLS / "ca.pem")):
        assert (await caller_of(server.url, connection=Connection(verify=verify)).read(venue.call())).count == 3
    await kit.raises(caller_of(server.url).write(venue.call(reference="x")), Unreachable)
    named = server.url.replace("127.0.0.1", "localhost")
    await caller_of(named, connection=Connection(verify=TLS / "ca.pem")).read(venue.call())
    assert {version for version, *_ in server.seen} == {"1.1"}


def test_a_write_never_shares_a_context_with_what_offers_http2() -> None:
    """httpcore sets in it, before each connect, which HTTP versions are offered: by another thread's read a write would get HTTP/2."""
    contexts = [Connection().tls(trust_env=trust_env, http2=http2) for trust_env in (True, False) for http2 in (True, False)]
    assert contexts[0] is not contexts[1]
    assert contexts[2] is not contexts[3]
    assert Connection(http2=True).tls(trust_env=False, http2=False) is contexts[3], "one for all clients"
    with pytest.raises(InvalidInput, match="a context") as caught:
        Connection(verify=ssl.create_default_context(), http2=True)
    assert caught.value.path == "verify"


async def test_certificates_of_the_environment_count_where_it_does(
    kit: Kit, venue: Venue, tls_servers: Callable[..., TlsServer], caller_of: Callable[..., Caller], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The context is shared among clients, and yet another environment is another context."""
    server = tls_servers()
    await kit.raises(caller_of(server.url, connection=Connection(trust_env=True)).read(venue.call()), Unreachable)
    monkeypatch.setenv("SSL_CERT_FILE", str(TLS / "ca.pem"))
    assert (await caller_of(server.url, connection=Connection(trust_env=True)).read(venue.call())).count == 3
    for trust_env in (None, False):  # None: this is loopback.
        await kit.raises(caller_of(server.url, connection=Connection(trust_env=trust_env)).read(venue.call()), Unreachable)
    monkeypatch.setenv("SSL_CERT_FILE", str(TLS / "nothing.pem"))
    with pytest.raises(InvalidInput, match="SSL_CERT_FILE"):
        caller_of(server.url, connection=Connection(trust_env=True))
    monkeypatch.delenv("SSL_CERT_FILE")
    await kit.raises(caller_of(server.url, connection=Connection(trust_env=True)).read(venue.call()), Unreachable)


@pytest.mark.parametrize("verify", [False, None, 0, TLS / "nothing.pem", Path(__file__), ssl._create_unverified_context()], ids=range(6))
def test_verification_cannot_be_turned_off(verify: Any, caller_of: Callable[..., Caller]) -> None:
    with pytest.raises(InvalidInput) as caught:
        caller_of("https://127.0.0.1:1", connection=Connection(verify=verify))
    assert caught.value.path == "verify"


async def test_reads_over_http2_and_writes_not(
    venue: Venue, tls_servers: Callable[..., TlsServer], caller_of: Callable[..., Caller]
) -> None:
    server = tls_servers()
    caller = caller_of(server.url, connection=Connection(verify=TLS / "ca.pem", http2=True))
    await caller.read(venue.call())
    await caller.write(venue.call(method="POST", body={}))
    await caller.read(venue.call(method="POST", body={}, query={"a": [1, 2]}))
    assert server.seen == [("2", "GET", "/things/t1"), ("1.1", "POST", "/things/t1"), ("2", "POST", "/things/t1?a=1&a=2")]
    old = tls_servers(http2=False)
    await caller_of(old.url, connection=Connection(verify=TLS / "ca.pem", http2=True)).read(venue.call())
    assert old.seen[0][0] == "1.1"


async def test_goaway_sends_no_write_twice(
    kit: Kit, venue: Venue, tls_servers: Callable[..., TlsServer], caller_of: Callable[..., Caller]
) -> None:
    """httpcore believes a GOAWAY and sends the request again: harmless for a read, an order twice for a write."""
    options = {"connection": Connection(verify=TLS / "ca.pem", http2=True), "limits": Limits(total=10.0)}
    reads, writes = tls_servers(goaway=True), tls_servers(goaway=True)
    await caller_of(reads.url, **options).read(venue.call())
    assert [version for version, *_ in reads.seen] == ["2", "2"]
    await kit.raises(caller_of(writes.url, **options).write(venue.call(reference="x")), OutcomeUnknown)
    assert [version for version, *_ in writes.seen] == ["1.1"]


def test_http2_without_its_package(caller_of: Callable[..., Caller], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h2", None)
    with pytest.raises(InvalidInput) as caught:
        caller_of("http://127.0.0.1:1", connection=Connection(http2=True))
    assert "orderseal[http2]" in str(caught.value)


async def test_a_proxy(kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller]) -> None:
    """A plain one, as people have in front of a sandbox; its password is for it alone, and is never shown."""
    server.routes["/things/t1"] = venue.reply()
    proxy = server.url.replace("http://", "http://user:pass-w0rd@")
    kit._watch.hide("pass-w0rd")
    connection = Connection(proxy=proxy)
    assert "pass" not in repr(connection)
    await caller_of("http://127.0.0.1:9", connection=connection, auth=TokenAuth("tok-1234567")).read(venue.call())
    (seen,) = server.seen
    assert seen.target == "http://127.0.0.1:9/things/t1"
    assert seen.headers["proxy-authorization"].startswith("Basic ")
    dead = caller_of("http://127.0.0.1:9", connection=Connection(proxy="http://user:pass-w0rd@127.0.0.1:1"))
    await kit.raises(dead.write(venue.call(reference="x")), Unreachable)


async def test_a_proxy_that_refuses_a_tunnel(kit: Kit, venue: Venue, server: RawServer, caller_of: Callable[..., Caller]) -> None:
    server.otherwise = kit.http(407, b"")
    caller = caller_of("https://example.com", connection=Connection(proxy=server.url), auth=TokenAuth("tok-1234567"))
    await kit.raises(caller.write(venue.call(reference="x")), Unreachable)
    (seen,) = server.seen
    assert (seen.method, seen.target) == ("CONNECT", "example.com:443")
    assert "authorization" not in seen.headers


@pytest.mark.parametrize("proxy", ["proxy:3128", "ftp://proxy", "", "http://", 7, "http://[::1", "http://user:pass-w0rd@"], ids=ascii)
def test_proxies_that_cannot_be(proxy: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        Connection(proxy=proxy)
    assert "pass-w0rd" not in str(caught.value)


def test_no_plain_text_through_a_proxy_elsewhere(caller_of: Callable[..., Caller]) -> None:
    with pytest.raises(InvalidInput):
        caller_of("http://127.0.0.1:9", connection=Connection(proxy="http://proxy.example.com:3128"))


async def test_the_environments_proxy(
    venue: Venue, server: RawServer, servers: Callable[[], RawServer], caller_of: Callable[..., Caller], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = servers()
    proxy.otherwise = server.otherwise = venue.reply()
    for name in ("NO_PROXY", "no_proxy", "http_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    await caller_of(server.url).read(venue.call())
    assert (server.count(), proxy.count()) == (1, 0)
    await caller_of(server.url, connection=Connection(trust_env=True)).read(venue.call())
    assert (server.count(), proxy.count()) == (1, 1)


@pytest.mark.parametrize("url", ["http://example.com", "https://user:p@example.com", "ftp://x", "https://x?y", ""])
def test_where_we_may_send(url: str, caller_of: Callable[..., Caller]) -> None:
    with pytest.raises(InvalidInput):
        caller_of(url)
