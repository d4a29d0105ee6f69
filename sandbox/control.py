"""The test-control surface under ``/sandbox/``: no part of the venue, and closed to all but loopback clients.

* ``GET /sandbox/run``: seed, settings and the choices of this run.
* ``POST /sandbox/clock`` with ``{"offset_seconds": n}`` or ``{"frozen_at": unix_seconds}``: move or stop the venue's clock.
* ``POST /sandbox/revoke-tokens``: every issued token becomes "Invalid token", and every socket is closed.
* ``POST /sandbox/drop-sockets``: close every WebSocket.
* ``POST /sandbox/faults`` with ``{"fault": name, "count": n, "method": "POST", "path": "/api/v1/orders", …}``: the next ``n`` (default 1)
  matching requests meet that fault. Method (or ``*``) and path (in which ``*`` stands for anything) are by default those of a create
  request; the faults and their parameters are those of :class:`orderseal.sandbox.Fault`.
* ``POST /sandbox/faults/mix`` with ``{"seed": n, "mix": [{"fault": name, "probability": p, …}, …], "method": …, "path": …}``: from now on
  each matching request meets one of the faults, or none, by chance; without ``mix`` the default one.
* ``GET /sandbox/faults``: what is planned and mixed, and what was played so far.
* ``DELETE /sandbox/faults``: no more faults.
* ``GET /sandbox/accepted?since=n``: every accepted order from position ``n`` (default 0), as :class:`orderseal.sandbox.AcceptedOrder`.
* ``POST /sandbox/fail-next`` with ``{"code": 429 | 500, "count": n, "after": bool}``: short for ``error_before`` or, with ``after``,
  ``error_after`` in the venue's envelope, for the next ``n`` (default 1) API requests of any kind.
"""

from __future__ import annotations

from dataclasses import asdict
from ipaddress import ip_address
from typing import cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orderseal.sandbox.body import Fields, Query, invalid, read_object
from orderseal.sandbox.errors import UNKNOWN_ROUTE, ApiError
from orderseal.sandbox.faults import DEFAULT_MIX, MOST_PLANNED, NEEDS_SOCKET, Fault, FaultKind, Mix, Pattern
from orderseal.sandbox.player import connection_of
from orderseal.sandbox.routes import Handler, reply
from orderseal.sandbox.venue import Venue

_LATEST = 4_000_000_000
_MOST_IN_A_MIX = 100
_PARAMETERS = ("fault", "seconds", "status", "reset", "after", "envelope")


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
        route("GET", "/sandbox/faults", control.describe_faults),
        route("POST", "/sandbox/faults", control.plan_fault),
        route("DELETE", "/sandbox/faults", control.clear_faults),
        route("POST", "/sandbox/faults/mix", control.mix_faults),
        route("GET", "/sandbox/accepted", control.accepted),
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
        after = fields.boolean("after") if fields.has("after") else False
        fault = Fault("error_after" if after else "error_before", status=code, envelope=True)
        self._plan(fault, _count(fields), Pattern("*", "/api/*"))
        return reply({"planned": self._venue.faults.planned})

    async def describe_faults(self, _request: Request) -> Response:
        return reply(self._venue.faults.describe())

    async def plan_fault(self, request: Request) -> Response:
        fields = (await read_object(request)).only(*_PARAMETERS, "count", "method", "path")
        fault = _fault(fields)
        _require_socket(request, fault)
        self._plan(fault, _count(fields), _pattern(fields))
        return reply({"planned": self._venue.faults.planned})

    async def mix_faults(self, request: Request) -> Response:
        fields = (await read_object(request)).only("seed", "mix", "method", "path")
        mix = _mix(fields) if fields.has("mix") else DEFAULT_MIX
        for fault, _ in mix:
            _require_socket(request, fault)
        try:
            self._venue.faults.mix(fields.integer("seed"), mix, _pattern(fields))
        except ValueError as exc:
            raise invalid(str(exc)) from exc
        return reply({"mixed": len(mix)})

    async def clear_faults(self, _request: Request) -> Response:
        self._venue.faults.clear()
        return reply({"planned": 0, "mixed": 0})

    async def accepted(self, request: Request) -> Response:
        since = Query(request.query_params).integer("since") or 0
        if since < 0:
            raise invalid("The since parameter must be 0 or more")
        deliveries = self._venue.deliveries
        return reply({"total": len(deliveries), "orders": [asdict(order) for order in deliveries.accepted(since)]})

    def _plan(self, fault: Fault, count: int, pattern: Pattern) -> None:
        try:
            self._venue.faults.plan(fault, count, pattern)
        except ValueError as exc:
            raise invalid(str(exc)) from exc


def _fault(fields: Fields) -> Fault:
    try:
        return Fault(
            cast("FaultKind", fields.string("fault")),
            seconds=fields.number("seconds") if fields.has("seconds") else None,
            status=fields.integer("status") if fields.has("status") else None,
            reset=fields.boolean("reset") if fields.has("reset") else None,
            after=fields.boolean("after") if fields.has("after") else None,
            envelope=fields.boolean("envelope") if fields.has("envelope") else None,
        )
    except ValueError as exc:
        raise invalid(str(exc)) from exc


def _mix(fields: Fields) -> Mix:
    items = fields.objects("mix")
    if len(items) > _MOST_IN_A_MIX:
        raise invalid(f"The mix field must hold at most {_MOST_IN_A_MIX} faults")
    return [(_fault(item.only(*_PARAMETERS, "probability")), _within(item, "probability", 0, 1)) for item in items]


def _pattern(fields: Fields) -> Pattern:
    given = {name: fields.string(name) for name in ("method", "path") if fields.has(name)}
    try:
        return Pattern(**given)
    except ValueError as exc:
        raise invalid(str(exc)) from exc


def _count(fields: Fields) -> int:
    return int(_within(fields, "count", 1, MOST_PLANNED)) if fields.has("count") else 1


def _require_socket(request: Request, fault: Fault) -> None:
    if fault.kind in NEEDS_SOCKET and connection_of(request.scope) is None:
        raise invalid(f"The fault {fault.kind} needs a real connection: start the venue with Sandbox() or run()")


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
