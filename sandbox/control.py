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

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orderseal.sandbox.body import invalid, read_object
from orderseal.sandbox.faults import Fault, Pattern
from orderseal.sandbox.instruments import Instruments, local_route, read_count, read_since
from orderseal.sandbox.player import Host
from orderseal.sandbox.replies import reply
from orderseal.sandbox.venue import Venue


def control_routes(venue: Venue, host: Host) -> list[Route]:
    instruments = Instruments(host, Pattern())
    control = Control(venue, instruments)
    return [
        *instruments.routes(),
        local_route("GET", "/", control.about),
        local_route("GET", "/sandbox/run", control.describe_run),
        local_route("POST", "/sandbox/revoke-tokens", control.revoke_tokens),
        local_route("POST", "/sandbox/drop-sockets", control.drop_sockets),
        local_route("GET", "/sandbox/accepted", control.accepted),
        local_route("POST", "/sandbox/fail-next", control.fail_next),
    ]


class Control:
    """Handlers of the test-control surface that only this venue has."""

    def __init__(self, venue: Venue, instruments: Instruments) -> None:
        self._venue = venue
        self._instruments = instruments

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
        return self._instruments.plan(fault, read_count(fields), Pattern("*", "/api/*"))

    async def accepted(self, request: Request) -> Response:
        deliveries = self._venue.deliveries
        return reply({"total": len(deliveries), "orders": [asdict(order) for order in deliveries.accepted(read_since(request))]})
