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
    TOO_MANY_REQUESTS,
    UNKNOWN_ROUTE,
    ApiError,
    InstrumentError,
    envelope,
)
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
    """Stamps each reply with the venue's own time, plays planned failures, and survives what a handler does not."""

    def __init__(self, app: ASGIApp, venue: Venue) -> None:
        self._app = app
        self._venue = venue

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._stream(scope, receive, send)
            return
        self._venue.book.expire()
        started = False

        async def stamped(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                message["headers"] = [*message["headers"], (b"date", self._venue.clock.http_date().encode())]
            await send(message)

        failures = self._venue.planned_failures
        failure = failures.popleft() if failures and scope["path"].startswith("/api/") else None
        try:
            if failure is None:
                await self._app(scope, receive, stamped)
                return
            if failure.after:
                await self._app(scope, receive, _discard)
            kind = TOO_MANY_REQUESTS if failure.code == 429 else INTERNAL_ERROR
            await _error_reply(self._venue, ApiError(kind))(scope, receive, stamped)
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


async def _discard(message: Message) -> None:
    """Swallow a reply that the client is meant to lose."""
