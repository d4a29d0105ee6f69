"""One HTTP request and its reply, over httpx. What a reply means is for the venue's own module to say.

Nothing here re-sends anything, follows a redirect, keeps a cookie, or lets an exception of httpx out. HTTP/2 is off: where a
server says GOAWAY, httpcore takes its word that the request was not processed and sends it again, an order included.
Compression is off: a few kilobytes may unpack to gigabytes in one step.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final, Self

import httpx

from orderseal.api.transport.urls import check_base_url, is_loopback
from orderseal.signing import OutcomeUnknown, Unreachable, VenueError

__all__ = ["DEFAULT_LIMITS", "HttpTransport", "Limits", "Request", "Response"]

_NOTHING_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol, httpx.ProxyError)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one exchange.

    Attributes:
        connect: seconds until a connection stands.
        total: seconds for the whole exchange, however slowly the other side drips.
        reply_bytes: the longest reply that is read.
    """

    connect: float = 10.0
    total: float = 30.0
    reply_bytes: int = 8 * 1024 * 1024


DEFAULT_LIMITS: Final = Limits()


@dataclass(frozen=True, slots=True)
class Request:
    """What to send.

    Attributes:
        what: for errors, for example ``create order``.
        takes_effect: whether the other side changes anything that matters by it; then a lost reply is an unknown outcome.
        nonce: the order nonce that such an outcome is looked up by, if there is one.
        before_write: called right before the first byte is written, when the connection stands; if it raises, nothing is sent.
    """

    what: str
    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    body: bytes | None = field(default=None, repr=False)
    takes_effect: bool = False
    nonce: int | None = None
    before_write: Callable[[], None] | None = field(default=None, repr=False)

    def lost(self, why: str) -> VenueError:
        """The error for a request that may have arrived, but whose answer is missing or says nothing."""
        if not self.takes_effect:
            return Unreachable(f"{self.what}: {why}. Nothing was changed; try again")
        look_up = f"look it up by nonce {self.nonce}" if self.nonce is not None else "read the state at the venue"
        return OutcomeUnknown(f"{self.what}: {why}. It may have taken effect: {look_up} before anything is sent again", nonce=self.nonce)


@dataclass(frozen=True, slots=True)
class Response:
    """What came back.

    Attributes:
        received: when its head was read, by the monotonic clock.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    received: float


def _fence(before_write: Callable[[], None]) -> Callable[[str, Any], Awaitable[None]]:
    """A trace function of httpcore's, which calls it before each step; what it raises ends the exchange there."""

    async def trace(step: str, _details: Any) -> None:
        if step == "http11.send_request_headers.started":
            before_write()

    return trace


class HttpTransport:
    """Sends requests to one service. Use within one event loop, and close it."""

    def __init__(self, base_url: str, limits: Limits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        base_url = check_base_url(base_url)
        self._client = httpx.AsyncClient(
            base_url=base_url,
            follow_redirects=False,
            cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
            trust_env=not is_loopback(base_url),
            timeout=httpx.Timeout(limits.total, connect=limits.connect),
            headers={"User-Agent": "orderseal", "Accept": "application/json", "Accept-Encoding": "identity"},
        )

    async def send(self, request: Request) -> Response:
        """Send one request and read its reply, within the limits.

        Raises:
            Unreachable: nothing was sent, or a read was not answered.
            OutcomeUnknown: a write was sent and its answer is lost.
        """
        try:
            async with asyncio.timeout(self._limits.total):
                return await self._exchange(request)
        except TimeoutError:
            raise request.lost(f"no complete answer within {self._limits.total:g} s") from None
        except _NOTHING_SENT as error:
            raise Unreachable(f"{request.what}: no connection to the venue ({type(error).__name__}). Nothing was sent; try again") from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, httpx.CookieConflict, OSError, ValueError) as error:
            # Without the cause: the texts of the libraries below hold bytes that the other side sent, and it may repeat a token.
            raise request.lost(f"the connection broke ({type(error).__name__})") from None

    async def _exchange(self, request: Request) -> Response:
        built = self._client.build_request(
            request.method,
            request.path,
            params=dict(request.query) or None,
            headers=dict(request.headers),
            content=request.body,
            extensions={} if request.before_write is None else {"trace": _fence(request.before_write)},
        )
        response = await self._client.send(built, stream=True)
        try:
            if response.headers.get("content-encoding", "identity").strip().lower() not in ("identity", ""):
                raise request.lost("the answer is compressed, which was not asked for")
            received = time.monotonic()
            body = bytearray()
            async for chunk in response.aiter_raw(65536):
                body += chunk
                if len(body) > self._limits.reply_bytes:
                    raise request.lost(f"the answer is longer than {self._limits.reply_bytes} bytes")
            return Response(response.status_code, {name.lower(): value for name, value in response.headers.items()}, bytes(body), received)
        finally:
            await response.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()
