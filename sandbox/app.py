"""The ASGI application: routes, and a frame around them that turns every failure into an envelope with a ``Date``."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from orderseal.sandbox.clock import Clock
from orderseal.sandbox.control import control_routes
from orderseal.sandbox.errors import (
    BODY_TOO_LARGE,
    INTERNAL_ERROR,
    INVALID_PARAMETER,
    METHOD_NOT_ALLOWED,
    TOKEN_EXPIRED,
    TOO_MANY_REQUESTS,
    UNKNOWN_ROUTE,
    ApiError,
    InstrumentError,
    envelope,
)
from orderseal.sandbox.faults import FaultSwitch
from orderseal.sandbox.feeds import other_feeds
from orderseal.sandbox.frame import Frame
from orderseal.sandbox.player import phrase
from orderseal.sandbox.replies import reply
from orderseal.sandbox.routes import api_routes, corporate_routes
from orderseal.sandbox.settings import Settings
from orderseal.sandbox.taker.routes import taker_routes
from orderseal.sandbox.venue import Venue


def build_app(settings: Settings) -> Starlette:
    """Return the application of a fresh venue."""
    venue = Venue(settings)
    host = _StoveHost(venue)

    def broken(exc: Exception) -> Response:
        return _error_reply(venue, exc)

    async def refused(_request: Request, exc: Exception) -> Response:
        return broken(exc)

    app = Starlette(
        routes=[*venue_routes(venue), *control_routes(venue, host)],
        middleware=[Middleware(Frame, host=host, broken=broken)],
        exception_handlers={ApiError: refused, InstrumentError: refused, HTTPException: refused},
    )
    # A redirect for a trailing slash would be the one reply without an envelope.
    app.router.redirect_slashes = False
    return app


def venue_routes(venue: Venue) -> list[BaseRoute]:
    """Return all that the venue itself serves; literal paths before those with parameters."""
    return [*taker_routes(venue), *api_routes(venue), *corporate_routes(venue), *other_feeds(venue)]


class _StoveHost:
    """What the frame asks of this venue."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    @property
    def clock(self) -> Clock:
        return self._venue.clock

    @property
    def faults(self) -> FaultSwitch:
        return self._venue.faults

    def tick(self) -> None:
        self._venue.tick()

    def expire_token(self, authorization: str) -> None:
        self._venue.tokens.expire_header(authorization)

    def refusal(self, status: int, path: str) -> Response:  # noqa: ARG002 - one envelope for all paths
        kinds = {kind.status: kind for kind in (TOKEN_EXPIRED, BODY_TOO_LARGE, TOO_MANY_REQUESTS, INTERNAL_ERROR)}
        if status in kinds:
            return _error_reply(self._venue, ApiError(kinds[status]))
        return reply({"code": status, "message": phrase(status)}, status)


def _error_reply(venue: Venue, exc: Exception) -> Response:
    headers: Mapping[str, str] | None = None
    if isinstance(exc, InstrumentError):
        return reply({"error": exc.text}, exc.status)
    if isinstance(exc, HTTPException):
        kinds = {404: UNKNOWN_ROUTE, 405: METHOD_NOT_ALLOWED}
        headers, exc = exc.headers, ApiError(kinds.get(exc.status_code, INVALID_PARAMETER))
    elif not isinstance(exc, ApiError):
        exc = ApiError(INTERNAL_ERROR)
    status, body = envelope(exc, venue.variation)
    response = reply(body, status)
    response.headers.update(headers or {})
    return response
