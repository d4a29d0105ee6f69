"""One run of TokenizationTR, wired together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orderseal.sandbox.body import read_object
from orderseal.sandbox.faults import Pattern
from orderseal.sandbox.instruments import local_route, read_count
from orderseal.sandbox.replies import reply
from orderseal.sandbox.tokenizationtr import table
from orderseal.sandbox.tokenizationtr.access import Access
from orderseal.sandbox.tokenizationtr.admin import Admin
from orderseal.sandbox.tokenizationtr.errors import body_of, error_shape
from orderseal.sandbox.tokenizationtr.reads import Reads
from orderseal.sandbox.tokenizationtr.settings import TokenizationTrSettings
from orderseal.sandbox.tokenizationtr.state import CURRENCY, NODE, TOKEN, USER, State
from orderseal.sandbox.tokenizationtr.trading import Trading
from orderseal.sandbox.tokenizationtr.transactions import Transactions
from orderseal.sandbox.tokenizationtr.variation import draw
from orderseal.sandbox.twins.endpoint import Endpoint, Refusal
from orderseal.sandbox.twins.platform import Platform
from orderseal.sandbox.twins.shapes import Shape


class TokenizationTr(Platform):
    """All state of one run."""

    title = "TokenizationTR"
    about = "A local twin of the TokenizationTR API (v2), for tests. Not the platform: no real tokens, no real money."
    usual = Pattern("POST", "/v2/users/purchases/users/*/tokens/*")

    def __init__(self, settings: TokenizationTrSettings) -> None:
        super().__init__(settings)
        self.variation = draw(self.rng, settings.generation)
        self.access = Access(settings, self.variation, self.clock, self.rng)
        self.state = State(self.rng, self.clock.time())
        self.transactions = Transactions(settings, self.variation, self.clock, self.rng)
        self.trading = Trading(self.state, self.transactions, self.variation, self.clock)
        self.reads = Reads(self.state, self.transactions, self.trading, self.variation, self.clock)
        self.admin = Admin(self.state, self.clock)

    def tick(self) -> None:
        self.transactions.settle()
        self.state.expire(self.clock.time())

    def expire_token(self, authorization: str) -> None:
        self.access.sessions.expire(authorization)

    def endpoints(self) -> Sequence[Endpoint]:
        return table.endpoints(self.access, self.trading, self.reads, self.admin)

    def schemes(self) -> Mapping[str, object]:
        return {"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}

    def admit(self, endpoint: Endpoint, headers: Mapping[str, str]) -> None:
        if endpoint.scheme is not None:
            self.access.check(headers.get("authorization"))

    def error(self, refusal: Refusal, path: str) -> object:
        return body_of(refusal, path, self.variation)

    def error_shape(self) -> Shape:
        return error_shape()

    def credentials(self) -> Mapping[str, str]:
        return self.access.credentials

    def seeds(self) -> Mapping[str, object]:
        return {
            "user_id": USER,
            "seller_id": self.state.seller,
            "foreign_user_id": self.state.foreign_user,
            "token_id": TOKEN,
            "unlisted_token_id": self.state.unlisted,
            "price_id": CURRENCY["id"],
            "node_id": NODE,
            "deal_ids": sorted(self.state.deals),
        }

    def choices(self) -> Mapping[str, object]:
        return asdict(self.variation)

    def routes(self) -> list[Route]:
        async def fail_next(request: Request) -> Response:
            self.transactions.failing += read_count((await read_object(request)).only("count"))
            return reply({"failing": self.transactions.failing})

        async def show(_request: Request) -> Response:
            return reply({"transactions": self.transactions.describe()})

        return [local_route("POST", "/sandbox/fail-next-transactions", fail_next), local_route("GET", "/sandbox/transactions", show)]
