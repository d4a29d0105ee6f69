"""The test-control surface under ``/sandbox/``: no part of the venue, and closed to all but loopback clients.

* ``GET /sandbox/run``: seed, settings and the choices of this run.
* ``POST /sandbox/clock`` with ``{"offset_seconds": n}`` or ``{"frozen_at": unix_seconds}``: move or stop the venue's clock.
* ``POST /sandbox/revoke-tokens``: every issued token becomes "Invalid token", and every socket is closed.
* ``POST /sandbox/drop-sockets``: close every WebSocket.
* ``POST /sandbox/fail-next`` with ``{"code": 429 | 500, "count": n, "after": bool}``: the next ``n`` (default 1) API requests get
  that documented error; with ``after`` true (default false) they take effect first and only the reply is lost.
"""

from __future__ import annotations

from dataclasses import asdict
from ipaddress import ip_address

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orderseal.sandbox.body import Fields, invalid, read_object
from orderseal.sandbox.errors import UNKNOWN_ROUTE, ApiError
from orderseal.sandbox.routes import Handler, reply
from orderseal.sandbox.venue import PlannedFailure, Venue

_LATEST = 4_000_000_000


def control_routes(venue: Venue) -> list[Route]:
    control = Control(venue)

    def route(method: str, path: str, handler: Handler) -> Route:
        async def local_only(request: Request) -> Response:
            if not _is_loopback(request):
                raise ApiError(UNKNOWN_ROUTE)
            return await handler(request)

        return Route(path, local_only, methods=[method])

    return [
        route("GET", "/", control.about),
        route("GET", "/sandbox/run", control.describe_run),
        route("POST", "/sandbox/clock", control.set_clock),
        route("POST", "/sandbox/revoke-tokens", control.revoke_tokens),
        route("POST", "/sandbox/drop-sockets", control.drop_sockets),
        route("POST", "/sandbox/fail-next", control.fail_next),
    ]


class Control:
    """Handlers of the test-control surface."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    async def about(self, _request: Request) -> Response:
        return reply(
            {
                "name": "Orderseal sandbox",
                "about": "A local twin of the Stove venue, for tests. Not the venue, no real orders, no real money.",
                "api": "/api/v1/",
                "websocket": "/ws/maker/v1?types=order_status_change",
                "test_control": "/sandbox/run",
            }
        )

    async def describe_run(self, _request: Request) -> Response:
        return reply({"seed": self._venue.seed, "settings": asdict(self._venue.settings), "variation": self._venue.variation.describe()})

    async def set_clock(self, request: Request) -> Response:
        fields = (await read_object(request)).only("offset_seconds", "frozen_at")
        clock = self._venue.clock
        if fields.has("frozen_at") == fields.has("offset_seconds"):
            raise invalid("Give either offset_seconds or frozen_at")
        if fields.has("frozen_at"):
            clock.frozen_at = _within(fields, "frozen_at", 0, _LATEST)
        else:
            clock.offset, clock.frozen_at = _within(fields, "offset_seconds", -(10**9), 10**9), None
        self._venue.book.expire()
        return reply({"time": clock.time()})

    async def revoke_tokens(self, _request: Request) -> Response:
        self._venue.tokens.revoke_all()
        return reply({"closed": self._venue.hub.drop_all()})

    async def drop_sockets(self, _request: Request) -> Response:
        return reply({"closed": self._venue.hub.drop_all()})

    async def fail_next(self, request: Request) -> Response:
        fields = (await read_object(request)).only("code", "count", "after")
        code = fields.integer("code")
        if code not in (429, 500):
            raise invalid("The code field must be 429 or 500")
        count = int(_within(fields, "count", 1, 10_000)) if fields.has("count") else 1
        after = fields.boolean("after") if fields.has("after") else False
        self._venue.planned_failures.extend(PlannedFailure(code, after=after) for _ in range(count))
        return reply({"planned": len(self._venue.planned_failures)})


def _within(fields: Fields, name: str, low: int, high: int) -> float:
    value = fields.number(name)
    if not low <= value <= high:
        raise invalid(f"The {name} field must be in {low}..{high}")
    return value


def _is_loopback(request: Request) -> bool:
    try:
        return request.client is not None and ip_address(request.client.host).is_loopback
    except ValueError:
        return False
