"""The frame around every venue: each reply gets the venue's own time, faults happen, and what a handler does not survive is answered."""

from __future__ import annotations

import logging
from collections.abc import Callable

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orderseal.sandbox.player import Host, Player

_logger = logging.getLogger("orderseal.sandbox")


class Frame:
    """An application around the venue's own; ``broken`` makes the reply to a request whose handler raised."""

    def __init__(self, app: ASGIApp, host: Host, broken: Callable[[Exception], Response]) -> None:
        self._app = app
        self._host = host
        self._broken = broken
        self._player = Player(self._handle, host)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._stream(scope, receive, send)
            return
        self._host.tick()
        fault = self._host.faults.take(scope["method"], scope["path"])
        if fault is None:
            await self._handle(scope, receive, send)
        else:
            await self._player.play(fault, scope, receive, self._stamping(send))

    def _stamping(self, send: Send) -> Send:
        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start" and not any(name == b"date" for name, _ in message["headers"]):
                message["headers"] = [*message["headers"], (b"date", self._host.clock.http_date().encode())]
            await send(message)

        return stamped

    async def _handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = False
        stamp = self._stamping(send)

        async def stamped(message: Message) -> None:
            nonlocal started
            started = True
            await stamp(message)

        try:
            await self._app(scope, receive, stamped)
        except ClientDisconnect:
            return
        except Exception as exc:
            _logger.exception("a request failed inside the sandbox")
            if started:
                raise
            await self._broken(exc)(scope, receive, stamped)

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except Exception:
            _logger.exception("a WebSocket failed inside the sandbox")
            raise
