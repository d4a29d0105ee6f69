"""One HTTP request and its reply, over httpx. What a reply means is for others to say.

Nothing here re-sends anything, follows a redirect, keeps a cookie, or lets an exception of httpx out. HTTP/2 is off, but for reads
if asked for: where a server says GOAWAY, httpcore takes its word that the request was not processed and sends it again, an order
included. Compression is off: a few kilobytes may unpack to gigabytes in one step.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self
from urllib.parse import urlsplit

import httpx

from orderseal.api.transport.connection import DEFAULT_CONNECTION, Connection, open_client
from orderseal.api.transport.segments import query_string
from orderseal.api.transport.strays import close_strays
from orderseal.signing import OutcomeUnknown, Unreachable, VenueError
from orderseal.signing.urls import check_base_url

__all__ = ["DEFAULT_LIMITS", "HttpTransport", "Limits", "Request", "Response", "Unusable"]

_NOTHING_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol, httpx.ProxyError)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one exchange.

    Attributes:
        connect: seconds until a connection stands.
        total: seconds for the whole exchange, however slowly the other side drips.
        reply_bytes: the longest reply that is read.
        send: seconds without a byte of ours leaving, or ``None`` for those of ``total``.
        receive: seconds without a byte of theirs coming, or ``None`` for those of ``total``.
        pool: seconds of waiting for a connection to become free, or ``None`` for those of ``total``.
    """

    connect: float = 10.0
    total: float = 30.0
    reply_bytes: int = 8 * 1024 * 1024
    send: float | None = None
    receive: float | None = None
    pool: float | None = None

    def phases(self) -> httpx.Timeout:
        """What httpx takes."""
        send, receive, pool = (self.total if value is None else value for value in (self.send, self.receive, self.pool))
        return httpx.Timeout(connect=self.connect, write=send, read=receive, pool=pool)


DEFAULT_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class Request:
    """What to send.

    Attributes:
        what: for errors, for example ``create order``.
        path: below the service's root, already percent-encoded.
        takes_effect: whether the other side changes anything that matters by it; then a lost reply is an unknown outcome.
        nonce: the order nonce that such an outcome is looked up by, if there is one.
        before_write: called right before the first byte is written, when the connection stands; if it raises, nothing is sent.
        reference: the caller's own name for a write, where the venue has no nonce.
        settle: how an unknown outcome is settled, in words, for example ``read the user's orders``.
        template: the path without the ids in it, for logs.
    """

    what: str
    method: str
    path: str
    query: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict[str, str | tuple[str, ...]], repr=False)
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    body: bytes | None = field(default=None, repr=False)
    takes_effect: bool = False
    nonce: int | None = None
    before_write: Callable[[], None] | None = field(default=None, repr=False)
    reference: str | None = None
    settle: str = ""
    template: str = ""

    @property
    def target(self) -> str:
        """Path and query, as they go over the wire."""
        query = query_string(self.query)
        return f"{self.path}?{query}" if query else self.path

    def lost(self, why: str) -> VenueError:
        """The error for a request that may have arrived, but whose answer is missing or says nothing."""
        if not self.takes_effect:
            return Unreachable(f"{self.what}: {why}. Nothing was changed; try again")
        look_up = f"look it up by nonce {self.nonce}" if self.nonce is not None else self.settle or "read the state at the venue"
        named = "" if self.reference is None else f" (reference {self.reference})"
        return OutcomeUnknown(
            f"{self.what}{named}: {why}. It may have taken effect: {look_up} before anything is sent again",
            nonce=self.nonce,
            reference=self.reference,
        )


@dataclass(frozen=True, slots=True)
class Response:
    """What came back.

    Attributes:
        headers: by lower-case names.
        received: when its head was read, by the monotonic clock.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    received: float


class Unusable(Exception):
    """An answer came, and it is of a kind that we do not read: asking again would not help."""


class _Stopped(Exception):
    """``before_write`` raised ``why``."""

    def __init__(self, why: Exception) -> None:
        self.why = why
        super().__init__()


class _QuietUrl(httpx.URL):
    """A URL that shows no more than a template of its path: httpx logs that of each request, and ids may be personal."""

    shown = ""

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc.decode('ascii')}{self.shown}"

    def __repr__(self) -> str:
        return f"URL({str(self)!r})"


def _fence(before_write: Callable[[], None]) -> Callable[[str, Any], Awaitable[None]]:
    """A trace function of httpcore's, which calls it before each step; what it raises ends the exchange there."""

    async def trace(step: str, _details: Any) -> None:
        if step == "http11.send_request_headers.started":
            try:
                before_write()
            except Exception as error:  # noqa: BLE001 - whatever it is goes on to the caller
                raise _Stopped(error) from None

    return trace


class HttpTransport:
    """Sends requests to one service. Use within one event loop, and close it."""

    def __init__(self, base_url: str, limits: Limits = DEFAULT_LIMITS, connection: Connection = DEFAULT_CONNECTION) -> None:
        self._limits = limits
        self._base_url = check_base_url(base_url)
        self._client = open_client(self._base_url, connection, limits.phases(), http2=False)
        self._reader = open_client(self._base_url, connection, limits.phases(), http2=True) if connection.http2 else self._client

    @property
    def host(self) -> str:
        """Whom it talks to, for logs."""
        return urlsplit(self._base_url).netloc

    async def send(self, request: Request) -> Response:
        """Send one request and read its reply, within the limits.

        Raises:
            Unreachable: nothing was sent, or a read was not answered.
            OutcomeUnknown: a write was sent and its answer is lost.
        """
        try:
            return await self.exchange(request)
        except Unusable as error:
            raise request.lost(str(error)) from None

    async def exchange(self, request: Request) -> Response:
        """The same, for a caller that must know why there is no answer.

        Raises:
            Unusable: the answer is compressed or too long. A write may have taken effect.
            Unreachable, OutcomeUnknown: as :meth:`send`.
        """
        try:
            async with asyncio.timeout(self._limits.total):
                return await self._exchange(request)
        except _Stopped as stopped:
            raise stopped.why from None
        except TimeoutError:
            raise request.lost(f"no complete answer within {self._limits.total:g} s") from None
        except _NOTHING_SENT as error:
            raise Unreachable(f"{request.what}: no connection to the venue ({type(error).__name__}). Nothing was sent; try again") from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, httpx.CookieConflict, OSError, ValueError) as error:
            # Without the cause: the texts of the libraries below hold bytes that the other side sent, and it may repeat a token.
            raise request.lost(f"the connection broke ({type(error).__name__})") from None

    async def _exchange(self, request: Request) -> Response:
        client = self._client if request.takes_effect or request.before_write is not None else self._reader
        built = client.build_request(
            request.method,
            self._base_url + request.target,
            headers=dict(request.headers),
            content=request.body,
            extensions={} if request.before_write is None else {"trace": _fence(request.before_write)},
        )
        quiet = _QuietUrl(built.url)
        quiet.shown = request.template or request.path
        built.url = quiet
        try:
            response = await client.send(built, stream=True)
        except BaseException:
            await close_strays(client)
            raise
        try:
            if response.headers.get("content-encoding", "identity").strip().lower() not in ("identity", ""):
                raise Unusable("the answer is compressed, which was not asked for")
            received = time.monotonic()
            body = bytearray()
            async for chunk in response.aiter_raw(65536):
                body += chunk
                if len(body) > self._limits.reply_bytes:
                    raise Unusable(f"the answer is longer than {self._limits.reply_bytes} bytes")
            return Response(response.status_code, {name.lower(): value for name, value in response.headers.items()}, bytes(body), received)
        finally:
            await response.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()
        if self._reader is not self._client:
            await self._reader.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
