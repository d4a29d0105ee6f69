"""Clients written from the platforms' documents with httpx alone; every reply is held against the twin's own OpenAPI description."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

import httpx
import jsonschema_rs
import pytest

from orderseal.sandbox import (
    BrokersTrSandbox,
    BrokersTrSettings,
    LicenseRocksSandbox,
    LicenseRocksSettings,
    TokenizationTrSandbox,
    TokenizationTrSettings,
    create_app,
)
from orderseal.sandbox.tokenizationtr import Generation

PATIENCE = 30.0
INTEGRATION = "/api/v1/integration"
USER = "680c02896d91ca0145cfeb81"
TOKEN = "68ae06cfcccf4e8fc19362d1"
T = TypeVar("T")


class InProcess(httpx.BaseTransport):
    """Brings the requests of a plain client to an application."""

    def __init__(self, app: Any) -> None:
        self._inner = httpx.ASGITransport(app)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return asyncio.run(self._exchange(request))

    async def _exchange(self, request: httpx.Request) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        return httpx.Response(response.status_code, headers=response.headers, content=await response.aread())


class Caller:
    """One client of one twin, with the headers of whoever is logged in."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self.headers: dict[str, str] = {}
        self.openapi = client.get("/openapi.json").json()

    def send(self, method: str, path: str, *, headers: dict[str, str | None] | None = None, **parts: Any) -> httpx.Response:
        """Send a request; a header that is ``None`` is left out. The reply must be one that the description allows."""
        wanted = self.headers | (headers or {})
        reply = self.client.request(method, path, headers={name: value for name, value in wanted.items() if value is not None}, **parts)
        assert "date" in reply.headers
        self.check(reply)
        return reply

    def get(self, path: str, **parts: Any) -> Any:
        return self.good(self.send("GET", path, **parts))

    def post(self, path: str, body: Any, **parts: Any) -> httpx.Response:
        return self.send("POST", path, json=body, **parts)

    @staticmethod
    def good(reply: httpx.Response, status: int = 200) -> Any:
        assert reply.status_code == status, reply.text
        return reply.json()

    def check(self, reply: httpx.Response) -> None:
        """Validate a reply by the description's JSON Schema."""
        operation = self._operation(reply.request)
        described = operation["responses"].get(str(reply.status_code), operation["responses"]["default"])
        content = described.get("content")
        if content is None:
            return
        assert reply.headers["content-type"] == "application/json", reply.text
        schema = next(iter(content.values()))["schema"] | {"components": self.openapi["components"]}
        error = next(jsonschema_rs.iter_errors(schema, reply.json()), None)
        assert error is None, f"{error}\n{reply.text[:500]}"

    def _operation(self, request: httpx.Request) -> Any:
        segments = [unquote(part) for part in request.url.raw_path.decode().partition("?")[0].split("/")]
        for path, operations in self.openapi["paths"].items():
            own = path.split("/")
            same = len(own) == len(segments) and all(
                mine.startswith("{") or mine == given for mine, given in zip(own, segments, strict=True)
            )
            if same and request.method.lower() in operations:
                return operations[request.method.lower()]
        error = {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}}
        return {"responses": {"default": error}}


def eventually(look: Callable[[], T | None]) -> T:
    """Return what a look finds at last."""
    end = time.monotonic() + PATIENCE
    while (found := look()) is None:
        assert time.monotonic() < end
        time.sleep(0.01)
    return found


def log_in_brokers(caller: Caller, venue: BrokersTrSandbox) -> Caller:
    body = {"api_key": venue.api_key, "secret_key": venue.api_secret}
    tokens = caller.good(caller.post(f"{INTEGRATION}/auth/authenticate", body, headers={"X-Target-Server": "authentication"}))
    caller.headers = {"X-Target-Server": "integration", "Authorization": f"Bearer {tokens['access_token']}"}
    return caller


def log_in_houses(caller: Caller, venue: TokenizationTrSandbox) -> Caller:
    body = {"client_id": venue.client_id, "client_secret": venue.client_secret, "grant_type": "password"}
    body |= {"username": venue.username, "password": venue.password}
    token = caller.good(caller.post("/v2/oauth/token", body))["access_token"]
    caller.headers = {"Authorization": f"Bearer {token}"}
    return caller


def log_in_rocks(caller: Caller, venue: LicenseRocksSandbox) -> Caller:
    caller.headers = {"authorization": venue.token}
    return caller


LOG_IN: dict[type[Any], Callable[[Caller, Any], Caller]] = {
    BrokersTrSandbox: log_in_brokers,
    TokenizationTrSandbox: log_in_houses,
    LicenseRocksSandbox: log_in_rocks,
}


@pytest.fixture(scope="session")
def brokers_server() -> Iterator[BrokersTrSandbox]:
    with BrokersTrSandbox(BrokersTrSettings(requests_per_minute=None, delay_max=0.1), start_timeout=60) as venue:
        yield venue


@pytest.fixture(scope="session")
def generations() -> Iterator[dict[Generation, TokenizationTrSandbox]]:
    """A TokenizationTR of each generation."""
    with (
        TokenizationTrSandbox(TokenizationTrSettings(generation="old", delay_max=0.1), start_timeout=60) as old,
        TokenizationTrSandbox(TokenizationTrSettings(generation="new", delay_max=0.1), start_timeout=60) as new,
    ):
        yield {"old": old, "new": new}


@pytest.fixture(scope="session")
def houses_server(generations: dict[Generation, TokenizationTrSandbox]) -> TokenizationTrSandbox:
    return generations["new"]


@pytest.fixture(scope="session")
def rocks_server() -> Iterator[LicenseRocksSandbox]:
    with LicenseRocksSandbox(LicenseRocksSettings(delay_max=0.1), start_timeout=60) as venue:
        yield venue


@pytest.fixture
def call(fresh: Callable[[Any], Any]) -> Iterator[Callable[[Any], Caller]]:
    """Makes a logged-in client of a running twin, whose faults end with the test, before a twin of the test's own does."""
    with ExitStack() as exits:

        def make(venue: Any) -> Caller:
            exits.callback(venue.calm)
            client = getattr(venue, "client", None)
            if client is None:
                client = exits.enter_context(httpx.Client(base_url=venue.url, verify=False, trust_env=False, timeout=PATIENCE))
            return LOG_IN[type(venue)](Caller(client), venue)

        yield make


@pytest.fixture
def fresh() -> Iterator[Callable[[Any], Any]]:
    """Makes a twin of its own for one test, inside the test's process: no port, and ready at once."""
    with ExitStack() as exits:

        def make(venue: Any) -> Any:
            transport = InProcess(create_app(venue.settings))
            client = exits.enter_context(httpx.Client(transport=transport, base_url="http://twin.test"))

            def ask(method: str, path: str, body: object = None) -> Any:
                answer = client.request(method, path, json=body).json()
                assert "code" not in answer, answer
                return answer

            venue._ask, venue.client = ask, client
            return venue

        yield make


@pytest.fixture
def brokers(call: Any, brokers_server: BrokersTrSandbox) -> Any:
    return call(brokers_server)


@pytest.fixture
def houses(call: Any, houses_server: TokenizationTrSandbox) -> Any:
    return call(houses_server)


@pytest.fixture
def rocks(call: Any, rocks_server: LicenseRocksSandbox) -> Any:
    return call(rocks_server)


@pytest.fixture(scope="session", params=["brokers_server", "houses_server", "rocks_server"])
def any_server(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


@pytest.fixture
def anyone(call: Any, any_server: Any) -> Any:
    return call(any_server)


@pytest.fixture
def tools() -> Any:
    """The helpers of this file, which test modules cannot import in importlib mode."""

    class Tools:
        Caller = Caller
        INTEGRATION = INTEGRATION
        USER = USER
        TOKEN = TOKEN
        PATIENCE = PATIENCE
        eventually = staticmethod(eventually)
        moment = staticmethod(parsedate_to_datetime)

    return Tools


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The twins are the same whatever Python asks them; that they start from a wheel, the tests of the clients show."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.once)
