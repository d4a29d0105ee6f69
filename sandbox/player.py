"""Plays one fault on one request, over the real connection where the fault is one of the network's."""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Protocol

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orderseal.sandbox.body import MAX_DRAIN
from orderseal.sandbox.clock import Clock
from orderseal.sandbox.faults import Fault, FaultSwitch

CONNECTION = "orderseal.connection"
"""Where the server puts the :class:`Connection` in the ``state`` of a request's scope."""

_PIECES = 20
_PAGE = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center><hr></body></html>\n"


class Host(Protocol):
    """What the frame around a venue asks of it."""

    @property
    def clock(self) -> Clock: ...

    @property
    def faults(self) -> FaultSwitch: ...

    def tick(self) -> None:
        """Do what has become due since the last request."""

    def expire_token(self, authorization: str) -> None:
        """Let the token of an ``Authorization`` header be past its end from now on."""

    def refusal(self, status: int, path: str) -> Response:
        """Return the venue's own error reply: 401 (expired token), 413 (body too large), 429, or 500 to 599."""
        ...


class Connection:
    """The TCP connection that a request came over."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    @property
    def gone(self) -> bool:
        return self._transport.is_closing()

    def write(self, data: bytes) -> None:
        """Send bytes below HTTP; whoever does so must close the connection afterwards."""
        self._transport.write(data)

    def close(self, *, reset: bool) -> None:
        """Close with FIN after what was written; or with RST, which may overtake it."""
        if not reset:
            self._transport.close()
            return
        # Lingering for no time is how one asks the kernel for a reset; asyncio itself closes with FIN.
        self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()


def connection_of(scope: Scope) -> Connection | None:
    """Return the connection of a request, unless the application is served by another server than ours, or by none."""
    found = scope.get("state", {}).get(CONNECTION)
    return found if isinstance(found, Connection) else None


@dataclass(slots=True)
class _Reply:
    """A reply that is held back."""

    status: int = 0
    headers: list[tuple[bytes, bytes]] = field(default_factory=list[tuple[bytes, bytes]])
    body: bytearray = field(default_factory=bytearray)

    async def collect(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message["headers"])
        else:
            self.body += message.get("body", b"")

    async def forward(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": bytes(self.body)})

    def wire(self) -> bytes:
        """The reply's bytes, from a server that closes after it."""
        lines = [f"HTTP/1.1 {self.status} {phrase(self.status)}".encode()]
        lines += [name + b": " + value for name, value in [*self.headers, (b"connection", b"close")]]
        return b"\r\n".join(lines) + b"\r\n\r\n" + bytes(self.body)


class Player:
    """Plays faults around ``handle``, an application that stamps its replies and never raises before a reply has begun."""

    def __init__(self, handle: ASGIApp, host: Host) -> None:
        self._handle = handle
        self._host = host

    async def play(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or fail to; ``send`` stamps what it sends."""
        try:
            body = await _read(receive)
        except ClientDisconnect:
            return
        except _TooLargeError:
            await self._host.refusal(413, scope["path"])(scope, receive, send)
            return
        seconds, reset = fault.seconds or 0.0, fault.reset is True
        match fault.kind:
            case "delay":
                if fault.after:
                    held = await self._take_effect(scope, body)
                    await asyncio.sleep(seconds)
                else:
                    await asyncio.sleep(seconds)
                    held = await self._take_effect(scope, body)
                await held.forward(send)
            case "drop_before":
                await self._break_off(scope, receive, b"", reset=reset)
            case "drop_after":
                await self._take_effect(scope, body)
                await self._break_off(scope, receive, b"", reset=reset)
            case "cut_reply":
                wire = (await self._take_effect(scope, body)).wire()
                await self._break_off(scope, receive, wire[: len(wire) // 2], reset=reset)
            case "error_before":
                await self._error(fault, scope)(scope, receive, send)
            case "error_after":
                await self._take_effect(scope, body)
                await self._error(fault, scope)(scope, receive, send)
            case "duplicate_delivery":
                await self._take_effect(scope, body)
                await (await self._take_effect(scope, body)).forward(send)
            case "rate_limit":
                response = self._host.refusal(429, scope["path"])
                response.headers["retry-after"] = str(int(seconds))
                await response(scope, receive, send)
            case "expire_token":
                self._host.expire_token(dict(scope["headers"]).get(b"authorization", b"").decode("latin-1"))
                await self._host.refusal(401, scope["path"])(scope, receive, send)
            case "clock":
                with self._host.clock.wrong_by(seconds):
                    held = await self._take_effect(scope, body)
                await held.forward(send)
            case "slow_drip":
                await self._drip(scope, receive, (await self._take_effect(scope, body)).wire(), seconds)

    async def _take_effect(self, scope: Scope, body: bytes) -> _Reply:
        """Handle the request as if nothing were wrong, and hold the stamped reply back."""
        held = _Reply()

        async def replay() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        await self._handle(scope, replay, held.collect)
        return held

    async def _break_off(self, scope: Scope, receive: Receive, wire: bytes, *, reset: bool) -> None:
        connection = _required(scope)
        if wire:
            connection.write(wire)
        connection.close(reset=reset)
        await _until_gone(receive)

    async def _drip(self, scope: Scope, receive: Receive, wire: bytes, seconds: float) -> None:
        connection = _required(scope)
        size = -(-len(wire) // _PIECES)
        for start in range(0, len(wire), size):
            if connection.gone:
                break
            connection.write(wire[start : start + size])
            await asyncio.sleep(seconds / _PIECES)
        connection.close(reset=False)
        await _until_gone(receive)

    def _error(self, fault: Fault, scope: Scope) -> Response:
        status = fault.status or 500
        if fault.envelope:
            return self._host.refusal(status, scope["path"])
        return Response(_PAGE.format(f"{status} {phrase(status)}"), status, media_type="text/html")


class _TooLargeError(Exception):
    """A body that no venue would swallow."""


async def _read(receive: Receive) -> bytes:
    """Read the whole body; raise ``_TooLargeError``, or ``ClientDisconnect`` if the client goes."""
    body = bytearray()
    while len(body) <= MAX_DRAIN:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)
    raise _TooLargeError


async def _until_gone(receive: Receive) -> None:
    """Wait until the server knows that the connection is closed; before, it takes silence for an application's fault."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _required(scope: Scope) -> Connection:
    found = connection_of(scope)
    if found is None:
        raise RuntimeError("this fault happens on a real connection: start the venue with Sandbox() or run()")
    return found


def phrase(status: int) -> str:
    """Return the reason phrase of a status."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
