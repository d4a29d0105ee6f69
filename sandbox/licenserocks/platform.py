"""One run of License.rocks: its endpoints over its state."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from http.cookies import CookieError, SimpleCookie

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from orderseal.sandbox.body import read_object
from orderseal.sandbox.faults import Pattern
from orderseal.sandbox.instruments import local_route, read_count
from orderseal.sandbox.jwt import make_jwt
from orderseal.sandbox.licenserocks import table
from orderseal.sandbox.licenserocks.errors import body_of, error_shape
from orderseal.sandbox.licenserocks.service import Service
from orderseal.sandbox.licenserocks.settings import LicenseRocksSettings
from orderseal.sandbox.licenserocks.state import CLOSED_LISTING, POOR_USER, USER, State
from orderseal.sandbox.licenserocks.variation import draw
from orderseal.sandbox.replies import reply
from orderseal.sandbox.twins.endpoint import Endpoint, Refusal
from orderseal.sandbox.twins.platform import Platform
from orderseal.sandbox.twins.shapes import Shape


class LicenseRocks(Platform):
    """All state of one run."""

    title = "License.rocks"
    about = "A local twin of a License.rocks CreatorsHub instance, for tests. Not the platform: no real NFTs, no real money."
    usual = Pattern("POST", "/api/externalOrders")

    def __init__(self, settings: LicenseRocksSettings) -> None:
        super().__init__(settings)
        self.variation = draw(self.rng)
        self.state = State(settings, self.variation, self.clock, self.rng)
        self.service = Service(self.state, self.variation)
        secret = secrets.token_bytes(32)
        self._credentials = {
            "token": make_jwt({"id": 1, "kind": "master", "jti": secrets.token_hex(8)}, secret),
            "user_token": make_jwt({"id": USER, "kind": "user", "jti": secrets.token_hex(8)}, secret),
            "cookie": secrets.token_urlsafe(32),
        }

    def tick(self) -> None:
        self.state.settle()

    def expire_token(self, authorization: str) -> None:
        """Do nothing: a static token has no end that is documented, so the fault refuses one request, and no other."""

    def endpoints(self) -> Sequence[Endpoint]:
        return table.endpoints(self.service)

    def schemes(self) -> Mapping[str, object]:
        return {
            "api_token": {"type": "apiKey", "in": "header", "name": "authorization"},
            "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
        }

    def admit(self, endpoint: Endpoint, headers: Mapping[str, str]) -> None:
        given = headers.get("authorization", "").strip()
        scheme, _, rest = given.partition(" ")
        token = rest.strip() if scheme.lower() == "bearer" else None
        if endpoint.scheme == "api_token":
            plain = given if token is None or self.variation.bearer_on_orders == "refused" else token
            good = self._is("token", plain)
        else:
            good = token is not None and (self._is("token", token) or self._is("user_token", token))
            good = good or self._is("cookie", _cookie(headers.get("cookie", "")))
        if not good:
            raise Refusal("unauthorized")

    def error(self, refusal: Refusal, path: str) -> object:
        return body_of(refusal, path, self.variation)

    def error_shape(self) -> Shape:
        return error_shape()

    def credentials(self) -> Mapping[str, str]:
        return self._credentials

    def seeds(self) -> Mapping[str, object]:
        return {
            "user_id": USER,
            "user_without_billing_id": POOR_USER,
            "user_ids": sorted(self.state.users),
            "order_ids": sorted(self.state.orders),
            "nft_ids": sorted(self.state.nfts),
            "listing_ids": sorted(self.state.listings),
            "closed_listing_id": CLOSED_LISTING,
        }

    def choices(self) -> Mapping[str, object]:
        return asdict(self.variation)

    def routes(self) -> list[Route]:
        async def fail_next(request: Request) -> Response:
            self.state.failing += read_count((await read_object(request)).only("count"))
            return reply({"failing": self.state.failing})

        async def show(_request: Request) -> Response:
            names = ("order_id", "nft_id", "listing_id", "buyer_id", "quantity", "result")
            return reply({"transfers": [{name: getattr(sent, name) for name in names} for sent in self.state.transfers]})

        return [local_route("POST", "/sandbox/fail-next-transfers", fail_next), local_route("GET", "/sandbox/transfers", show)]

    def _is(self, name: str, given: str) -> bool:
        return hmac.compare_digest(given.encode(errors="replace"), self._credentials[name].encode())


def _cookie(header: str) -> str:
    try:
        jar = SimpleCookie(header)
    except CookieError:
        return ""
    return jar["token"].value if "token" in jar else ""
