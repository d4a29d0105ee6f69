"""The ASGI application: routes, and a frame around them that turns every failure into an envelope with a ``Date``."""

from __future__ import annotations

import logging

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orderseal.sandbox.control import control_routes
from orderseal.sandbox.errors import (
    INTERNAL_ERROR,
    INVALID_PARAMETER,
    METHOD_NOT_ALLOWED,
    UNKNOWN_ROUTE,
    ApiError,
    InstrumentError,
    envelope,
)
from orderseal.sandbox.player import Player
from orderseal.sandbox.routes import api_routes, reply
from orderseal.sandbox.settings import Settings
from orderseal.sandbox.venue import Venue

_logger = logging.getLogger("orderseal.sandbox")


def build_app(settings: Settings) -> Starlette:
    """Return the application of a fresh venue."""
    venue = Venue(settings)

    async def refused(_request: Request, exc: Exception) -> Response:
        return _error_reply(venue, exc)

    app = Starlette(
        routes=[*api_routes(venue), *control_routes(venue)],
        middleware=[Middleware(_Frame, venue=venue)],
        exception_handlers={ApiError: refused, InstrumentError: refused, HTTPException: refused},
    )
    # A redirect for a trailing slash would be the one reply without an envelope.
    app.router.redirect_slashes = False
    return app


def _error_reply(venue: Venue, exc: Exception) -> Response:
    if isinstance(exc, InstrumentError):
        return reply({"error": exc.text}, exc.status)
    if isinstance(exc, HTTPException):
        kinds = {404: UNKNOWN_ROUTE, 405: METHOD_NOT_ALLOWED}
        exc = ApiError(kinds.get(exc.status_code, INVALID_PARAMETER))
    elif not isinstance(exc, ApiError):
        exc = ApiError(INTERNAL_ERROR)
    status, body = envelope(exc, venue.variation)
    return reply(body, status)


class _Frame:
    """Stamps each reply with the venue's own time, lets faults happen to it, and survives what a handler does not."""

    def __init__(self, app: ASGIApp, venue: Venue) -> None:
        self._app = app
        self._venue = venue
        self._player = Player(self._handle, venue)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._stream(scope, receive, send)
            return
        self._venue.book.expire()
        fault = self._venue.faults.take(scope["method"], scope["path"])
        if fault is None:
            await self._handle(scope, receive, send)
        else:
            await self._player.play(fault, scope, receive, self._stamping(send))

    def _stamping(self, send: Send) -> Send:
        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start" and not any(name == b"date" for name, _ in message["headers"]):
                message["headers"] = [*message["headers"], (b"date", self._venue.clock.http_date().encode())]
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
            await _error_reply(self._venue, exc)(scope, receive, stamped)

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._app(scope, receive, send)
        except Exception:
            _logger.exception("a WebSocket failed inside the sandbox")
            raise
