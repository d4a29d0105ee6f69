"""One WebSocket connection that is only listened to. No exception of websockets gets out."""

import asyncio
import logging
import re
from collections.abc import Mapping, Sequence
from typing import Final, Self

import websockets
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from orderseal.api.transport.connection import DEFAULT_CONNECTION, Connection
from orderseal.signing import InvalidInput, InvalidReply, Unauthorized, Unreachable
from orderseal.signing.urls import is_loopback

__all__ = ["Listener", "is_protocol"]

_MESSAGE_BYTES: Final = 1024 * 1024
_PROTOCOL = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,8192}", re.ASCII)
# With these our side hangs up on frames that are none, text that is not UTF-8, and a message that is too long (RFC 6455, 7.4.1).
_WE_REFUSED: Final = {1002: "a frame that is none", 1007: "text that is not UTF-8", 1009: f"a message beyond {_MESSAGE_BYTES} bytes"}

# At debug level websockets writes every header, the token included, to its log: this one leads nowhere.
_LOGGER = logging.Logger("orderseal.api.websocket", level=logging.CRITICAL)  # noqa: LOG001 - in no tree that a user could turn up
_LOGGER.addHandler(logging.NullHandler())


def is_protocol(name: object) -> bool:
    """Whether a text can stand in a list of sub-protocols: a token of HTTP (RFC 9110, 5.6.2)."""
    return isinstance(name, str) and _PROTOCOL.fullmatch(name) is not None


class _Connection(ClientConnection):
    """Hangs up on a peer that asks for pongs and does not read them: they would pile up without a bound."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.transport.get_write_buffer_size() > _MESSAGE_BYTES:
            self.transport.abort()


class _Direct(connect):
    """A connection that follows no redirect: the token is for this host alone."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class Listener:
    """A WebSocket that yields text messages.

    Args:
        url: ``wss://…``, or ``ws://`` on loopback.
        headers: for the handshake, the token among them.
        silence: seconds without any message after which the connection counts as dead.
        connect: seconds until the connection stands.
        subprotocols: offered in the handshake (RFC 6455, 1.9); a venue may want the token there, so they are never shown.
        what: names the stream in errors.
        connection: proxies and certificates.

    Raises:
        InvalidInput: a sub-protocol is no token of HTTP: a comma or a line break in it would forge another one.
    """

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        silence: float,
        connect: float = 10.0,
        *,
        subprotocols: Sequence[str] = (),
        what: str = "status stream",
        connection: Connection = DEFAULT_CONNECTION,
    ) -> None:
        if not all(map(is_protocol, subprotocols)):
            raise InvalidInput(path="subprotocols", expected="tokens of HTTP (RFC 9110, 5.6.2)", actual="something else, not shown")
        self._url, self._headers, self._silence, self._open_timeout = url, headers, silence, connect
        self._subprotocols = [Subprotocol(name) for name in subprotocols]
        self._what, self._how = what, connection
        self._connection: ClientConnection | None = None

    async def open(self) -> None:
        """Connect.

        Raises:
            Unauthorized: the token was refused in the handshake.
            Unreachable: no WebSocket was to be had.
            InvalidInput: the proxy needs what is not installed, or the certificates cannot be read.
        """
        trust_env = not is_loopback(self._url) if self._how.trust_env is None else self._how.trust_env
        tls = self._how.tls(trust_env=trust_env, http2=False) if self._url.startswith("wss:") else None
        try:
            self._connection = await _Direct(
                self._url,
                additional_headers=dict(self._headers),
                subprotocols=self._subprotocols or None,
                user_agent_header="orderseal",
                open_timeout=self._open_timeout,
                close_timeout=1,
                max_size=_MESSAGE_BYTES,
                logger=_LOGGER,
                create_connection=_Connection,
                ssl=tls,
                proxy=self._how.proxy or (True if trust_env else None),
            )
        except ImportError:
            actual = "a SOCKS proxy needs: pip install python-socks"
            raise InvalidInput(path="connection", expected="what is installed", actual=actual) from None
        except InvalidStatus as error:
            status = error.response.status_code
            if status in (401, 403):
                raise Unauthorized(f"open the {self._what}", status=status, code=None, message="the venue refused the token") from None
            raise Unreachable(f"open the {self._what}: the venue answered HTTP {status} instead of a WebSocket") from None
        except (WebSocketException, OSError, EOFError, TimeoutError, ValueError) as error:
            raise Unreachable(f"open the {self._what}: no connection to the venue ({type(error).__name__})") from None

    async def receive(self) -> str:
        """Wait for the next text message.

        Raises:
            Unreachable: the connection ended, or was silent for too long.
            InvalidReply: what came is no text message: binary, beyond 1 MiB, not UTF-8, or not even a frame.
        """
        if self._connection is None:
            raise Unreachable(f"{self._what}: the connection was closed here")
        try:
            async with asyncio.timeout(self._silence):
                message = await self._connection.recv()
        except TimeoutError:
            raise Unreachable(f"{self._what}: silent for {self._silence:g} s, not even a heartbeat") from None
        except (websockets.ConnectionClosed, OSError, EOFError) as error:
            # Without the cause, whose text holds the reason that the other side gives.
            if (refused := _refused(error)) is not None:
                raise InvalidReply(f"{self._what}: {refused}", status=0) from None
            raise Unreachable(f"{self._what}: the connection ended ({type(error).__name__})") from None
        if isinstance(message, bytes):
            raise InvalidReply(f"{self._what}: a binary message, where the venue documents JSON text", status=0)
        return message

    async def aclose(self) -> None:
        """Close the connection; more than once is fine."""
        # It stays ours until it is closed, so that a second caller waits for that, too.
        if self._connection is not None:
            try:
                await self._connection.close()
            except asyncio.CancelledError:
                self._connection.transport.abort()  # Whoever closes it in a hurry must not leave a socket behind.
                raise
            self._connection = None

    async def __aenter__(self) -> Self:
        if self._connection is None:
            await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def _refused(error: Exception) -> str | None:
    """What the other side sent that made our side hang up, or ``None`` if that is not why the connection ended."""
    if not isinstance(error, websockets.ConnectionClosed) or error.sent is None or error.rcvd_then_sent:
        return None
    return _WE_REFUSED.get(error.sent.code)
