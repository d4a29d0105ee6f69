"""The test-control surface under ``/sandbox/``: no part of the venue, and closed to all but loopback clients.

* ``GET /sandbox/run``: seed, settings and the choices of this run.
* ``POST /sandbox/clock`` with ``{"offset_seconds": n}`` or ``{"frozen_at": unix_seconds}``: move or stop the venue's clock.
* ``POST /sandbox/revoke-tokens``: every issued token becomes "Invalid token", and every socket is closed.
* ``POST /sandbox/drop-sockets``: close every WebSocket.
* ``POST /sandbox/silence-sockets`` with ``{"seconds": n, "lose": bool}``: every WebSocket stays open and says nothing for ``n`` seconds;
  what was meant for it comes afterwards or, with ``lose``, never.
* ``GET /sandbox/credentials``: API key, secret and an address of the first taker.
* ``POST /sandbox/takers``: make one more taker; the reply has its credentials.
* ``POST /sandbox/takers/expire`` with ``{"taker_key": key}``: from now on that key is expired.
* ``POST /sandbox/corporate-actions`` with ``{"maker": address, "ticker": "AAPL", "action_type": "dividend", "holding_qty": "10",
  "action_qty": "0", "compensation_qty": "0", "params": {…}}``: an action that waits for that maker.
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
from orderseal.sandbox.description import describe_stove
from orderseal.sandbox.faults import Fault, Pattern
from orderseal.sandbox.instruments import Instruments, local_route, read_count, read_since, within
from orderseal.sandbox.player import Host
from orderseal.sandbox.replies import reply
from orderseal.sandbox.twins.page import description_routes
from orderseal.sandbox.venue import Venue


def control_routes(venue: Venue, host: Host) -> list[Route]:
    instruments = Instruments(host, Pattern())
    control = Control(venue, instruments)
    return [
        *instruments.routes(),
        *description_routes(describe_stove()),
        local_route("GET", "/", control.about),
        local_route("GET", "/sandbox/run", control.describe_run),
        local_route("POST", "/sandbox/revoke-tokens", control.revoke_tokens),
        local_route("POST", "/sandbox/drop-sockets", control.drop_sockets),
        local_route("POST", "/sandbox/silence-sockets", control.silence_sockets),
        local_route("GET", "/sandbox/credentials", control.credentials),
        local_route("POST", "/sandbox/takers", control.add_taker),
        local_route("POST", "/sandbox/takers/expire", control.expire_taker),
        local_route("POST", "/sandbox/corporate-actions", control.add_action),
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
                "docs": "/docs",
                "openapi": "/openapi.json",
                "test_control": "/sandbox/run",
            }
        )

    async def describe_run(self, _request: Request) -> Response:
        return reply({"seed": self._venue.seed, "settings": self._venue.settings.describe(), "variation": self._venue.variation.describe()})

    async def revoke_tokens(self, _request: Request) -> Response:
        self._venue.tokens.revoke_all()
        return reply({"closed": self._venue.hub.drop_all()})

    async def drop_sockets(self, _request: Request) -> Response:
        return reply({"closed": self._venue.hub.drop_all()})

    async def silence_sockets(self, request: Request) -> Response:
        fields = (await read_object(request)).only("seconds", "lose")
        lose = fields.boolean("lose") if fields.has("lose") else False
        return reply({"silenced": self._venue.hub.silence(within(fields, "seconds", 0, 3600), lose=lose)})

    async def credentials(self, _request: Request) -> Response:
        return reply(self._venue.takers.first.credentials())

    async def add_taker(self, _request: Request) -> Response:
        return reply(self._venue.takers.add().credentials())

    async def expire_taker(self, request: Request) -> Response:
        self._venue.takers.expire((await read_object(request)).only("taker_key").string("taker_key"))
        return reply({"expired": True})

    async def add_action(self, request: Request) -> Response:
        return reply({"id": self._venue.actions.add(await read_object(request)).id})

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
