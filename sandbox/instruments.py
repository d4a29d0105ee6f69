"""What every venue's test control has: the clock and the fault switch, open to loopback clients only."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import cast

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orderseal.sandbox.body import Fields, Query, invalid, read_object
from orderseal.sandbox.errors import UNKNOWN_ROUTE, ApiError
from orderseal.sandbox.faults import DEFAULT_MIX, MOST_PLANNED, NEEDS_SOCKET, Fault, FaultKind, Mix, Pattern
from orderseal.sandbox.player import Host, connection_of
from orderseal.sandbox.replies import Handler, reply

_LATEST = 4_000_000_000
_MOST_IN_A_MIX = 100
_PARAMETERS = ("fault", "seconds", "status", "reset", "after", "envelope")


def local_route(method: str, path: str, handler: Handler) -> Route:
    """Return a route that does not exist for clients from elsewhere."""

    async def local_only(request: Request) -> Response:
        if not _is_loopback(request):
            raise ApiError(UNKNOWN_ROUTE)
        return await handler(request)

    return Route(path, local_only, methods=[method])


class Instruments:
    """Handlers for the clock and the faults of one venue; ``usual`` are the requests that a fault meets unless it names others."""

    def __init__(self, host: Host, usual: Pattern) -> None:
        self._host = host
        self._usual = usual

    def routes(self) -> list[Route]:
        return [
            local_route("POST", "/sandbox/clock", self.set_clock),
            local_route("GET", "/sandbox/faults", self.describe_faults),
            local_route("POST", "/sandbox/faults", self.plan_fault),
            local_route("DELETE", "/sandbox/faults", self.clear_faults),
            local_route("POST", "/sandbox/faults/mix", self.mix_faults),
        ]

    async def set_clock(self, request: Request) -> Response:
        fields = (await read_object(request)).only("offset_seconds", "frozen_at")
        clock = self._host.clock
        if fields.has("frozen_at") == fields.has("offset_seconds"):
            raise invalid("Give either offset_seconds or frozen_at")
        if fields.has("frozen_at"):
            clock.frozen_at = within(fields, "frozen_at", 0, _LATEST)
        else:
            clock.offset, clock.frozen_at = within(fields, "offset_seconds", -(10**9), 10**9), None
        self._host.tick()
        return reply({"time": clock.time()})

    async def describe_faults(self, _request: Request) -> Response:
        return reply(self._host.faults.describe())

    async def plan_fault(self, request: Request) -> Response:
        fields = (await read_object(request)).only(*_PARAMETERS, "count", "method", "path")
        fault = _fault(fields)
        _require_socket(request, fault)
        return self.plan(fault, read_count(fields), _pattern(fields, self._usual))

    async def mix_faults(self, request: Request) -> Response:
        fields = (await read_object(request)).only("seed", "mix", "method", "path")
        mix = _mix(fields) if fields.has("mix") else DEFAULT_MIX
        for fault, _ in mix:
            _require_socket(request, fault)
        try:
            self._host.faults.mix(fields.integer("seed"), mix, _pattern(fields, self._usual))
        except ValueError as exc:
            raise invalid(str(exc)) from exc
        return reply({"mixed": len(mix)})

    async def clear_faults(self, _request: Request) -> Response:
        self._host.faults.clear()
        return reply({"planned": 0, "mixed": 0})

    def plan(self, fault: Fault, count: int, pattern: Pattern) -> Response:
        """Plan a fault and tell how many requests the plans will meet."""
        try:
            self._host.faults.plan(fault, count, pattern)
        except ValueError as exc:
            raise invalid(str(exc)) from exc
        return reply({"planned": self._host.faults.planned})


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
    return [(_fault(item.only(*_PARAMETERS, "probability")), within(item, "probability", 0, 1)) for item in items]


def _pattern(fields: Fields, usual: Pattern) -> Pattern:
    given = {name: fields.string(name) for name in ("method", "path") if fields.has(name)}
    try:
        return replace(usual, **given)
    except ValueError as exc:
        raise invalid(str(exc)) from exc


def read_count(fields: Fields) -> int:
    """Return how many requests a fault is for; 1 unless it says so."""
    return int(within(fields, "count", 1, MOST_PLANNED)) if fields.has("count") else 1


def _require_socket(request: Request, fault: Fault) -> None:
    if fault.kind in NEEDS_SOCKET and connection_of(request.scope) is None:
        raise invalid(f"The fault {fault.kind} needs a real connection: start the venue with Sandbox() or run()")


def within(fields: Fields, name: str, low: int, high: int) -> float:
    """Return a number that lies in a range, ends included."""
    value = fields.number(name)
    if not low <= value <= high:
        raise invalid(f"The {name} field must be in {low}..{high}")
    return value


def read_since(request: Request) -> int:
    """Return the position that a listing begins at; 0 unless the query says so."""
    since = Query(request.query_params).integer("since") or 0
    if since < 0:
        raise invalid("The since parameter must be 0 or more")
    return since


def _is_loopback(request: Request) -> bool:
    try:
        return request.client is not None and ip_address(request.client.host).is_loopback
    except ValueError:
        return False
