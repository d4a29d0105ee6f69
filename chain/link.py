"""HTTP to one node, over httpx. What a reply means is for :mod:`orderseal.chain.wire` to say.

Nothing here re-sends anything, follows a redirect, keeps a cookie, or lets an exception of httpx out. HTTP/2 is off: where a server
says GOAWAY, httpcore takes its word that the request was not processed and sends it again. Compression is off: a few kilobytes may
unpack to gigabytes in one step. This module loads httpx; :mod:`orderseal.chain.node` loads it when a node is made.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final

import httpx

from orderseal.chain.wire import Reply
from orderseal.signing.errors import NodeError

__all__ = ["Link"]

_CHUNK: Final = 65536


class _QuietUrl(httpx.URL):
    """A URL that shows no more than its host: httpx logs that of each request, and it may hold a key."""

    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}/"

    def __repr__(self) -> str:
        return f"URL({str(self)!r})"


class Link:
    """Connections to one node. For one event loop; close it.

    Args:
        failed: makes the error for a round trip that failed as a whole.
    """

    def __init__(
        self,
        url: str,
        failed: Callable[[str], NodeError],
        *,
        connect: float,
        total: float,
        reply_bytes: int,
        headers: Mapping[str, str],
        verify: ssl.SSLContext | bool,
        trust_env: bool,
    ) -> None:
        self._url = _QuietUrl(url)
        self._failed = failed
        self._total = total
        self._reply_bytes = reply_bytes
        ours = {"User-Agent": "orderseal", "Accept": "application/json", "Accept-Encoding": "identity", "Content-Type": "application/json"}
        try:
            self._client = httpx.AsyncClient(
                follow_redirects=False,
                cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
                verify=verify,
                trust_env=trust_env,
                # What dripping adds up to is bounded by the caller. The connection and TLS, which have this limit each, end before that:
                # where a handshake is cancelled, httpcore leaves its socket open.
                timeout=httpx.Timeout(total, connect=min(connect, 0.45 * total)),
                headers=[*headers.items(), *ours.items()],
            )
        except (httpx.InvalidURL, ImportError, OSError, ValueError) as error:
            raise failed(f"the proxy or the certificates that the environment names cannot be used ({type(error).__name__})") from None

    async def post(self, body: bytes) -> Reply:
        """Send one body and read its reply.

        Raises:
            NodeError: no complete reply within the bounds.
        """
        try:
            return await self._exchange(body)
        except httpx.TimeoutException as error:
            raise self._failed(f"no answer in time ({type(error).__name__})") from None
        except (httpx.ConnectError, httpx.ProxyError, httpx.UnsupportedProtocol) as error:
            raise self._failed(f"no connection ({type(error).__name__})") from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, httpx.CookieConflict, OSError, ValueError) as error:
            # Without the cause: the texts of the libraries below hold bytes that the other side sent.
            raise self._failed(f"the connection broke ({type(error).__name__})") from None

    async def _exchange(self, body: bytes) -> Reply:
        request = self._client.build_request("POST", self._url, content=body)
        request.url = self._url
        response = await self._client.send(request, stream=True)
        try:
            if response.headers.get("content-encoding", "identity").strip().lower() not in ("identity", ""):
                raise self._failed("the answer is compressed, which was not asked for")
            received = bytearray()
            async for chunk in response.aiter_raw(_CHUNK):
                received += chunk
                if len(received) > self._reply_bytes:
                    raise self._failed(f"the answer is longer than {self._reply_bytes} bytes")
            return Reply(response.status_code, bytes(received))
        finally:
            await response.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()
        await asyncio.sleep(0)  # A transport that was closed is only gone in the next turn of the loop.
