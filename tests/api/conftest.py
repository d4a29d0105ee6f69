"""A server that answers exact bytes over real sockets, the honest sandbox, and a watch that no secret gets into a text."""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import re
import secrets
import socket
import struct
import threading
import time
import traceback
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha1
from typing import Any, TypeVar, cast
from urllib.parse import parse_qsl, urlsplit

import pytest

from orderseal.api import stove
from orderseal.api.transport import Retries
from orderseal.sandbox import Sandbox, Settings
from orderseal.signing import LocalSigner, Order, OrdersealError, SignedOrder, Signer, TokenAmount, sign_order

PATIENCE = 60.0
"""Seconds after which a wait in these tests gives up; nothing good ever takes as long."""

LOGIN = "/api/v1/makers/connect"
ORDERS = "/api/v1/orders"
NONCE = "/api/v1/orders/maker/next-nonce"
STREAM = "/ws/maker/v1"

E = TypeVar("E", bound=OrdersealError)

_SECRET = re.compile(r"eyJ[A-Za-z0-9_-]{8,}|(?<![0-9a-fA-F])[0-9a-fA-F]{130}(?![0-9a-fA-F])")
"""A JSON Web Token, or a 65-byte signature."""


class Watch:
    """Knows the secrets of one test, and looks for them in log records and errors."""

    def __init__(self) -> None:
        self.known: set[str] = set()
        self.records: list[str] = []

    def hide(self, secret: str) -> str:
        self.known.add(secret)
        return secret

    def leaks(self, text: str) -> list[str]:
        found = [f"the secret {secret[:6]}…" for secret in self.known if secret in text]
        return found + [f"what looks like a secret: {match[0][:6]}…" for match in _SECRET.finditer(text)]

    def clean(self, error: BaseException) -> str:
        """Check that nothing that is printed of an error holds a secret; give its text."""
        shown = "\n".join([str(error), repr(error), *traceback.format_exception(error)])
        assert not self.leaks(shown), shown
        return str(error)

    def error(self, error: BaseException, expected: type[OrdersealError]) -> str:
        """Check that an error is exactly of a class, is one short line, and gives nothing away; give its text."""
        text = self.clean(error)
        assert type(error) is expected, f"{type(error).__name__}: {text}"
        assert len(text.splitlines()) == 1, text
        assert text.isprintable(), ascii(text)
        assert 15 < len(text) < 700, text
        return text


class _Keeper(logging.Handler):
    def __init__(self, records: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self._records = records

    def emit(self, record: logging.LogRecord) -> None:
        trace = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""
        self._records.append(f"{record.name}: {record.getMessage()} {record.args!r} {trace}")


@pytest.fixture(autouse=True)
def watch() -> Iterator[Watch]:
    """Log everything that any library logs at debug level, and fail if a secret is in it."""
    found = Watch()
    root, keeper = logging.getLogger(), _Keeper(found.records)
    level = root.level
    root.setLevel(logging.DEBUG)
    root.addHandler(keeper)
    try:
        yield found
    finally:
        root.removeHandler(keeper)
        root.setLevel(level)
    leaked = [record for record in found.records if found.leaks(record)]
    assert not leaked, leaked[:3]


@dataclass(frozen=True)
class Seen:
    """One request as it came over the socket."""

    method: str
    target: str
    headers: dict[str, str]
    header_lines: tuple[str, ...]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        pairs = parse_qsl(urlsplit(self.target).query, keep_blank_values=True, strict_parsing=True)
        assert len(dict(pairs)) == len(pairs), self.target
        return dict(pairs)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def token(self) -> str:
        return self.headers["authorization"].removeprefix("Bearer ")


Play = Callable[[socket.socket], None]
"""Does what it likes with the connection, which is closed afterwards."""
Answer = bytes | Play
Handler = Answer | Callable[[Seen], Answer]


class RawServer:
    """Answers each request with exact bytes, and remembers all of them. Logins are granted unless told otherwise."""

    def __init__(self, watch: Watch) -> None:
        self.seen: list[Seen] = []
        self.tokens: list[str] = []
        self.routes: dict[str, Any] = {}
        self.otherwise: Any = None
        self.connections = 0
        self.token_life = 86_400.0
        self.stopping = threading.Event()
        self._watch = watch
        self._changed = threading.Condition()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._spawn(self._accept)

    def _spawn(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self.stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._changed:
                self._open.add(connection)
                self.connections += 1
            self._spawn(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as reader:
            while (request := self._read(reader)) is not None:
                answer = self._answer(request)
                with self._changed:
                    self.seen.append(request)
                    self._changed.notify_all()
                if not isinstance(answer, bytes):
                    answer(connection)
                    return
                if not answer:
                    return
                connection.sendall(answer)
        with self._changed:
            self._open.discard(connection)

    def _read(self, reader: Any) -> Seen | None:
        first = reader.readline().decode("latin-1").rstrip("\r\n")
        if not first:
            return None
        method, target, _ = first.split(" ")
        lines: list[str] = []
        while line := reader.readline().decode("latin-1").rstrip("\r\n"):
            lines.append(line)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return Seen(method, target, headers, tuple(lines), reader.read(int(headers.get("content-length", "0"))))

    def _answer(self, request: Seen) -> Answer:
        handler = self.routes.get(request.path, self.otherwise)
        if handler is None and request.path == LOGIN:
            return ok({"jwt": self.token(request.json["wallet_address"])})
        if handler is None:
            return http(404, b'{"code":404,"message":"no such route in this test"}')
        if isinstance(handler, list):
            handler = handler.pop(0) if len(handler) > 1 else handler[0]
        if callable(handler) and getattr(handler, "plays", False):
            return handler  # type: ignore[no-any-return]  # marked by a decorator
        return handler(request) if callable(handler) else handler  # type: ignore[no-any-return]  # a table of tests' own answers

    def token(self, wallet: str, **claims: object) -> str:
        """Issue a token like the documented one."""
        payload = {"wallet_address": wallet, "chain_id": "97", "exp": int(time.time() + self.token_life)} | claims
        parts = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in ({"alg": "HS256"}, payload))
        token = ".".join((*parts, secrets.token_urlsafe(32)))
        self.tokens.append(self._watch.hide(token))
        return token

    @property
    def hang(self) -> Play:
        """Never answers."""

        def wait(connection: socket.socket) -> None:
            del connection
            self.stopping.wait()

        return plays(wait)

    def count(self, path: str | None = None) -> int:
        return sum(path is None or request.path == path for request in self.seen)

    def last(self, path: str) -> Seen:
        return [request for request in self.seen if request.path == path][-1]

    def wait(self, path: str, count: int = 1) -> None:
        """Wait until as many requests for a path have come."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.count(path) >= count, PATIENCE), [seen.target for seen in self.seen]

    def close(self) -> None:
        self.stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(PATIENCE)


def http(status: int, body: bytes = b"", headers: Mapping[str, str] | None = None, *, length: int | None = None) -> bytes:
    """Bytes of an HTTP/1.1 reply."""
    fields = {"Content-Type": "application/json", "Content-Length": str(len(body) if length is None else length)} | dict(headers or {})
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} Whatever\r\n{head}\r\n".encode("latin-1") + body


def ok(data: object) -> bytes:
    return http(200, json.dumps({"code": 0, "data": data}).encode())


def refusal(code: int, message: str = "Something is wrong", *, status: int | None = None, **headers: str) -> bytes:
    """The venue's error envelope; header names are written with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return http(code if status is None else status, json.dumps({"code": code, "message": message}).encode(), named)


def plays(play: Play) -> Play:
    """Mark a function that takes the connection itself."""

    def marked(connection: socket.socket) -> None:
        play(connection)

    marked.plays = True  # type: ignore[attr-defined]  # a mark that RawServer reads
    return marked


def reset(connection: socket.socket) -> None:
    """Close so that the other side sees a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def frame(payload: bytes | str, opcode: int | None = None) -> bytes:
    """One unmasked WebSocket frame, as servers send them."""
    kind = opcode if opcode is not None else 1 if isinstance(payload, str) else 2
    raw = payload.encode() if isinstance(payload, str) else payload
    size = len(raw)
    length = bytes([size]) if size < 126 else b"\x7e" + size.to_bytes(2, "big") if size < 65536 else b"\x7f" + size.to_bytes(8, "big")
    return bytes([0x80 | kind]) + length + raw


def change(order_hash: str, to: str, before: str | None = "pending", **data: object) -> str:
    """A documented status message."""
    body = {"order_hash": order_hash, "maker": "0x" + "12" * 20, "from_status": before, "to_status": to} | data
    return json.dumps({"type": "order_status_change", "timestamp": "2024-01-01T12:00:00Z", "data": body})


def upgrade(request: Seen, messages: list[bytes], then: Play | None = None) -> Play:
    """Accept a WebSocket, send frames, and then stay silent until the other side goes, or do something else."""

    def play(connection: socket.socket) -> None:
        key = request.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(sha1(key.encode(), usedforsecurity=False).digest()).decode()
        head = f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
        connection.sendall(head.encode() + b"".join(messages))
        if then is not None:
            then(connection)
            return
        until_closed(connection)

    return play


def until_closed(connection: socket.socket) -> None:
    """Stay silent until the other side closes its WebSocket, and agree."""
    while received := connection.recv(65536):
        if received[0] == 0x88:
            connection.sendall(frame(b"", 8))
            return


def placed(signed: SignedOrder[Order], **changes: object) -> dict[str, object]:
    """What the venue answers to a create request: the documented members, flat."""
    return {
        "id": "550e8400-e29b-41d4-a716-446655440000",
        **signed.order.to_venue(),
        "signature": str(signed.signature),
        "order_hash": "0x" + "ab" * 32,
        "status": "pending",
        "filled_quantity": "0",
        "created_at": "2025-01-17T03:00:24Z",
        "updated_at": "2025-01-17T03:00:24Z",
    } | changes


def page(*orders: object) -> bytes:
    return ok({"total": len(orders), "page": 1, "page_size": 100, "total_pages": 1, "orders": list(orders)})


def signed_order(signer: Signer, quantity: int = 60, **changes: Any) -> SignedOrder[Order]:
    """An order of 150.25 USDT a share with a fee of 0.5 %, signed."""
    usdt = stove.TESTNET.token("USDT")
    options: dict[str, Any] = {
        "side": "buy",
        "ticker": "AAPL",
        "shares": quantity,
        "limit": Decimal("150.25"),
        "pay_with": "USDT",
        "maker": signer.address,
        "fee": TokenAmount(usdt, quantity * 75 * 10**16),
        "nonce": 7,
        "now": time.time(),
    } | changes
    order = stove.limit_order(stove.TESTNET, **options)
    return sign_order(order, stove.TESTNET.domain, signer)


class Kit:
    """The helpers above, which test modules cannot import in importlib mode."""

    LOGIN, ORDERS, NONCE, STREAM, PATIENCE = LOGIN, ORDERS, NONCE, STREAM, PATIENCE
    Seen = Seen
    http = staticmethod(http)
    ok = staticmethod(ok)
    refusal = staticmethod(refusal)
    plays = staticmethod(plays)
    reset = staticmethod(reset)
    frame = staticmethod(frame)
    change = staticmethod(change)
    upgrade = staticmethod(upgrade)
    until_closed = staticmethod(until_closed)
    placed = staticmethod(placed)
    page = staticmethod(page)
    signed_order = staticmethod(signed_order)

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def signer(self) -> LocalSigner:
        """A throw-away key, known to the watch."""
        return LocalSigner.from_key(self._watch.hide(secrets.token_hex(32)))

    async def raises(self, awaitable: Any, expected: type[E]) -> E:
        """Check that a call ends in exactly this error, with a good text and no secret."""
        try:
            result = await awaitable
        except Exception as error:  # noqa: BLE001 - whatever else comes is shown with its class
            self._watch.error(error, expected)
            return cast("E", error)
        raise AssertionError(f"expected {expected.__name__}, got {result!r:.200}")


@pytest.fixture
def kit(watch: Watch) -> Kit:
    return Kit(watch)


@pytest.fixture
def servers(watch: Watch) -> Iterator[Callable[[], RawServer]]:
    """Makes raw servers."""
    made: list[RawServer] = []

    def make() -> RawServer:
        made.append(RawServer(watch))
        return made[-1]

    yield make
    for server in made:
        server.close()
        for seen in server.seen:
            if seen.body:
                watch.hide(seen.body.decode("latin-1"))


@pytest.fixture
def server(servers: Callable[[], RawServer]) -> RawServer:
    return servers()


@pytest.fixture
async def client_of(kit: Kit) -> AsyncIterator[Callable[..., stove.AsyncClient]]:
    """Makes async clients of a URL, each with a throw-away key unless one is given, and closes them. They ask once by default."""
    async with AsyncExitStack() as stack:

        def make(url: str, signer: Signer | None = None, **options: Any) -> stove.AsyncClient:
            options = {"retries": Retries.none()} | options
            client = stove.AsyncClient(stove.TESTNET.at(url), signer or kit.signer(), **options)
            stack.push_async_callback(client.aclose)
            return client

        yield make


@pytest.fixture
def sync_client_of(kit: Kit) -> Iterator[Callable[..., stove.Client]]:
    """The same for sync clients."""
    with ExitStack() as stack:

        def make(url: str, signer: Signer | None = None, **options: Any) -> stove.Client:
            options = {"retries": Retries.none()} | options
            return stack.enter_context(stove.Client(stove.TESTNET.at(url), signer or kit.signer(), **options))

        yield make


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """One honest venue for all tests of a process; each test has an account of its own."""
    with Sandbox(Settings(step_delay_min=0.005, step_delay_max=0.03, heartbeat_interval=0.5), start_timeout=PATIENCE) as running:
        yield running


@pytest.fixture(scope="session")
def wei_sandbox() -> Iterator[Sandbox]:
    """The same, whose queries scale quantities by 10^18, and whose tokens live for three seconds."""
    settings = Settings(step_delay_min=0.005, step_delay_max=0.03, heartbeat_interval=0.5, quantity_unit="wei", jwt_lifetime=3)
    with Sandbox(settings, start_timeout=PATIENCE) as running:
        yield running
