"""Every documented exchange of the three platforms, headers included: the request is what its client sends, the reply what it reads."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from orderseal import fixtures
from orderseal.api import brokerstr, licenserocks, tokenizationtr
from orderseal.api.licenserocks import BillingData, NewOrder
from orderseal.api.licenserocks.models import encode_hook
from orderseal.api.tokenizationtr import Money, PriceIn
from orderseal.api.transport import RateLimit, Retries
from orderseal.signing import InvalidInput, OutcomeUnknown, Refused, Unauthorized
from orderseal.signing.ledger import Ledger, MemoryStore

if TYPE_CHECKING:
    from tests.api.conftest import Kit, RawServer, Watch

NAMES = sorted(
    f"{path.parent.name}/{path.stem}"
    for venue in ("brokerstr", "tokenizationtr", "licenserocks")
    for path in (Path(fixtures.__file__).parent / venue).glob("*.json")
)
ENCODER = msgspec.json.Encoder(decimal_format="number", enc_hook=encode_hook)
ACCESS = "an-access-token-5f3a9c"
LOGINS = {"brokerstr": "/api/v1/integration/auth/authenticate", "tokenizationtr": "/v2/oauth/token"}
NO_ANSWER = ("licenserocks/get-orders-one-id", "licenserocks/get-orders-three-ids")


def exchange(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Request and response; where a page shows one of the two alone, the other is its own page's."""
    found = fixtures.load(name)
    shown = found["usable"] or found["verbatim"]
    venue, _, page = name.partition("/")
    whole = fixtures.load(f"{venue}/{'get-orders' if venue == 'licenserocks' else page.rpartition('-')[0]}") if _partial(shown) else found
    rest = whole["usable"] or whole["verbatim"]
    return shown.get("request") or rest["request"], shown.get("response") or rest["response"]


def _partial(shown: dict[str, Any]) -> bool:
    return not shown.get("request") or not shown.get("response")


def test_there_are_some() -> None:
    assert len(NAMES) >= 22


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


def client_of(venue: str, server: RawServer, kit: Kit, watch: Watch, stack: AsyncExitStack) -> Any:
    given: dict[str, Any] = {"retries": Retries.none(), "rate": RateLimit.none(), "ledger": stack.enter_context(Ledger(MemoryStore()))}
    if venue in LOGINS:
        server.routes[LOGINS[venue]] = kit.http(200, json.dumps({"access_token": watch.hide(ACCESS), "expires_in": 3600}).encode())
    made: Any
    if venue == "brokerstr":
        made = brokerstr.AsyncClient(server.url, "key", "secret-5f3a9c", **given)
    elif venue == "tokenizationtr":
        login: dict[str, Any] = {"client_id": "c", "client_secret": "secret-5f3a9c", "username": "u", "password": "p"}
        made = tokenizationtr.AsyncClient(server.url, **login, instance="test", **given)
    else:
        made = licenserocks.AsyncClient(server.url, watch.hide(ACCESS), **given)
    stack.push_async_callback(made.aclose)
    return made


def call(client: Any, request: dict[str, Any]) -> Awaitable[Any]:
    """The method of a client that the documented request is for, with what stands in it."""
    body, parts = request["body"], request["path"].strip("/").split("/")
    if parts[-2] == "external":
        made: Awaitable[Any] = client.create_token(parts[-1], **body)
        return made
    if parts[-1] == "externalOrders":
        return client.create_batch([_new(row) for row in body], reference="wish")  # type: ignore[no-any-return]
    if parts[-2] == "externalOrders":
        return client.orders([int(text) if text.isdigit() else text for text in parts[-1].split(",")])  # type: ignore[no-any-return]
    user_id, token_id = parts[parts.index("users", 2) + 1], parts[parts.index("tokens") + 1]
    if parts[-1] == "buy-on-primary-market":
        return client.buy_primary(user_id, token_id, quantity=body["quantity"], reference="wish")  # type: ignore[no-any-return]
    price = Money(**body["price"]) if "price" in body else PriceIn(body["price_id"], body["price_amount"])
    until = datetime.fromisoformat(body["expires_at"]).astimezone(UTC)
    sold: Awaitable[Any] = client.sell(user_id, token_id, quantity=body["quantity"], price=price, expires_at=until, reference="wish")
    return sold


def _new(row: dict[str, Any]) -> NewOrder:
    billing = BillingData(**row["buyerBillingData"]) if "buyerBillingData" in row else None
    ids = {"nft_id": row["nftId"], "listing_id": row["listingId"], "buyer_user_id": row["buyerUserId"]}
    return NewOrder(**ids, quantity=row["quantity"], billing=billing)


def result(found: Any) -> Any:
    """What a method gives, as the reply that it was."""
    if isinstance(found, tokenizationtr.Written):
        return {"transaction_id": found.transaction_id} if found.transaction_id else {"data": found.data}
    if isinstance(found, licenserocks.Created):
        return {"orders": found.orders}
    return {"orders": found} if isinstance(found, tuple) else found


def bare(value: Any) -> Any:
    """Without nulls, and without what says that it went well; each time in one form."""
    if isinstance(value, dict):
        said = ("success", "message", "error")
        return {name: bare(item) for name, item in value.items() if item is not None and name not in said}
    if isinstance(value, list):
        return [bare(item) for item in value]
    try:
        return datetime.fromisoformat(value).astimezone(UTC) if isinstance(value, str) and value.endswith("Z") else value
    except ValueError:
        return value


@pytest.mark.parametrize("name", NAMES)
async def test_a_documented_exchange(name: str, server: RawServer, kit: Kit, watch: Watch, stack: AsyncExitStack) -> None:
    venue, (request, response) = name.partition("/")[0], exchange(name)
    client, body = client_of(venue, server, kit, watch, stack), response["body"]
    if name in NO_ANSWER:
        ids = [int(text) for text in request["path"].rpartition("/")[2].split(",")]
        body = body | {"orders": [body["orders"][0] | {"id": number} for number in ids]}
    server.otherwise = kit.http(response["status"], json.dumps(body).encode())

    if name == "licenserocks/get-orders-400-not-a-number":  # What this client never asks for.
        await kit.raises(call(client, request), InvalidInput)
        assert server.seen == []
        return
    if response["status"] >= 400:
        expected = {401: Unauthorized, 500: OutcomeUnknown}.get(response["status"], Refused)
        error: Any = await kit.raises(call(client, request), expected)
        if isinstance(error, Refused):
            said = body["error"]
            assert (error.status, error.message, error.details, error.code) == (response["status"], said, body.get("details"), None)
    else:
        found = await call(client, request)
        again = json.loads(ENCODER.encode(result(found)), parse_float=Decimal)
        assert bare(again) == bare(json.loads(json.dumps(body), parse_float=Decimal))

    (seen,) = [seen for seen in server.seen if seen.path != LOGINS.get(venue)]
    assert (seen.method, seen.target) == (request["method"], request["path"])
    assert (json.loads(seen.body) if seen.body else None) == (request["body"] or None)
    for header, value in (request["headers"] or {}).items():
        for place in ("<access_token>", "{token}", "{{token}}", "{API_TOKEN}", r"\{\{token\}\}"):
            value = value.replace(place, ACCESS)
        assert seen.headers[header.lower()] == value
