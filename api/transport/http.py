"""One HTTP request and its reply, over httpx. What a reply means is for the venue's own module to say.

Nothing here re-sends anything, follows a redirect, or lets an exception of httpx out.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self

import httpx

from orderseal.api.transport.urls import check_base_url, is_loopback
from orderseal.signing import OutcomeUnknown, Unreachable, VenueError

__all__ = ["DEFAULT_LIMITS", "HttpTransport", "Limits", "Request", "Response"]

# hpack writes every header, tokens included, to its debug log.
for _name in ("hpack", "h2"):
    logging.getLogger(_name).setLevel(logging.WARNING)

_NOTHING_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol, httpx.ProxyError)


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one exchange.

    Attributes:
        connect: seconds until a connection stands.
        total: seconds for the whole exchange, however slowly the other side drips.
        reply_bytes: the longest reply that is read, after decompression.
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
    """

    what: str
    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    body: bytes | None = field(default=None, repr=False)
    takes_effect: bool = False
    nonce: int | None = None

    def lost(self, why: str) -> VenueError:
        """The error for a request that may have arrived, but whose answer is missing or says nothing."""
        if not self.takes_effect:
            return Unreachable(f"{self.what}: {why}. Nothing was changed; try again")
        look_up = f"look it up by nonce {self.nonce}" if self.nonce is not None else "read the state at the venue"
        return OutcomeUnknown(f"{self.what}: {why}. It may have taken effect: {look_up} before anything is sent again", nonce=self.nonce)


@dataclass(frozen=True, slots=True)
class Response:
    """What came back."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class HttpTransport:
    """Sends requests to one service. Use within one event loop, and close it."""

    def __init__(self, base_url: str, limits: Limits = DEFAULT_LIMITS) -> None:
        self._limits = limits
        base_url = check_base_url(base_url)
        self._client = httpx.AsyncClient(
            base_url=base_url,
            http2=True,
            follow_redirects=False,
            trust_env=not is_loopback(base_url),
            timeout=httpx.Timeout(limits.total, connect=limits.connect),
            headers={"User-Agent": "orderseal", "Accept": "application/json"},
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
            raise Unreachable(f"{request.what}: no connection to the venue ({_said(error)}). Nothing was sent; try again") from error
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, httpx.CookieConflict) as error:
            raise request.lost(f"the connection broke ({_said(error)})") from error
        except OSError as error:
            raise request.lost(f"the connection broke ({error.strerror or type(error).__name__})") from error

    async def _exchange(self, request: Request) -> Response:
        built = self._client.build_request(
            request.method,
            request.path,
            params=dict(request.query) or None,
            headers=dict(request.headers),
            content=request.body,
        )
        response = await self._client.send(built, stream=True)
        try:
            body = bytearray()
            async for chunk in response.aiter_bytes(65536):
                body += chunk
                if len(body) > self._limits.reply_bytes:
                    raise request.lost(f"the answer is longer than {self._limits.reply_bytes} bytes")
            return Response(response.status_code, {name.lower(): value for name, value in response.headers.items()}, bytes(body))
        finally:
            await response.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def _said(error: Exception) -> str:
    """A short reason; httpx's own texts name hosts and system errors only."""
    text = str(error).strip().splitlines()[0][:120] if str(error).strip() else ""
    return text or type(error).__name__
