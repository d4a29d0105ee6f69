"""One run of BrokersTR: its endpoints over its state."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orderseal.sandbox.body import read_object
from orderseal.sandbox.brokerstr import table
from orderseal.sandbox.brokerstr.access import Access
from orderseal.sandbox.brokerstr.errors import body_of, error_shape
from orderseal.sandbox.brokerstr.service import Service
from orderseal.sandbox.brokerstr.settings import BrokersTrSettings
from orderseal.sandbox.brokerstr.variation import draw
from orderseal.sandbox.faults import Pattern
from orderseal.sandbox.instruments import local_route
from orderseal.sandbox.replies import reply
from orderseal.sandbox.twins.endpoint import Endpoint, Refusal
from orderseal.sandbox.twins.platform import Platform
from orderseal.sandbox.twins.shapes import Shape


class BrokersTr(Platform):
    """All state of one run."""

    title = "BrokersTR"
    about = "A local twin of the BrokersTR integration API, for tests. Not the platform: no real tokens, no real money."
    usual = Pattern("POST", "/api/v1/integration/tokens/*")

    def __init__(self, settings: BrokersTrSettings) -> None:
        super().__init__(settings)
        self.variation = draw(self.rng)
        self.access = Access(settings, self.variation, self.clock)
        self.service = Service(settings, self.variation, self.clock, self.rng)

    def tick(self) -> None:
        """Nothing becomes due here: a purchase appears by its time."""

    def expire_token(self, authorization: str) -> None:
        self.access.sessions.expire(authorization)

    def endpoints(self) -> Sequence[Endpoint]:
        return table.endpoints(self.access, self.service)

    def schemes(self) -> Mapping[str, object]:
        return {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}

    def admit(self, endpoint: Endpoint, headers: Mapping[str, str]) -> None:
        if endpoint.scheme is not None:
            self.access.check(headers.get("authorization"))
        self.access.count()

    def error(self, refusal: Refusal, path: str) -> object:  # noqa: ARG002 - one envelope for all paths
        return body_of(refusal, self.variation)

    def error_shape(self) -> Shape:
        return error_shape()

    def credentials(self) -> Mapping[str, str]:
        return {"api_key": self.access.api_key, "secret_key": self.access.secret_key}

    def seeds(self) -> Mapping[str, object]:
        return self.service.seeds()

    def choices(self) -> Mapping[str, object]:
        return asdict(self.variation)

    def routes(self) -> list[Route]:
        async def feed(request: Request) -> Response:
            return reply({"id": self.service.feed(await read_object(request))})

        return [local_route("POST", "/sandbox/purchases", feed)]
