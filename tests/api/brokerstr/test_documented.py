"""Every documented request is what is sent, headers included; every documented reply becomes a typed value, and that the reply again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

import msgspec
import pytest

from orderseal import fixtures
from orderseal.api import brokerstr
from orderseal.api.brokerstr import KEEP, REMOVE, BasicAuthentication, WebhookMethod, WebhookSettings
from orderseal.signing import OrdersealError

if TYPE_CHECKING:
    from tests.api.brokerstr.conftest import Platform
    from tests.api.conftest import Watch

EXTERNAL = "693d6f791f8a9198aba44f50"
PLAIN = msgspec.json.Encoder(decimal_format="number")

Calls = dict[str, Callable[[], Awaitable[Any]]]


def calls(client: brokerstr.AsyncClient, ids: dict[str, str], password: str) -> Calls:
    """Each documented request, but for the login, as a call."""
    token, market, node, address, attached = (ids[name] for name in ("token", "market", "node", "kyc_address", "kyc_token"))
    webhook = WebhookSettings(
        "https://webhook.example.com", "/webhook", WebhookMethod.GET, authentication=BasicAuthentication("user", password), timeout=30
    )
    day = datetime(2026, 1, 6, tzinfo=UTC)
    return {
        "token": lambda: client.token(token),
        "token_by_external_id": lambda: client.token_by_external_id(EXTERNAL),
        "token_page": lambda: client.token_page(market),
        "create_token": lambda: client.create_token(EXTERNAL, is_all_market=True),
        "create_token_some": lambda: client.create_token(EXTERNAL, is_all_market=False, market_ids=[market]),
        "set_markets": lambda: client.set_markets(token, is_all_market=False, market_ids=(market,)),
        "attach_kyc_token": lambda: client.attach_kyc_token(
            token,
            kyc_address_id=address,
            chain_id=17000,
            kyc_hash="0x0af2fa067ab8725b44e1a77f8f9702f763e0fe68cc58a3cfd1987c6290fe24e6",
            is_approved=True,
            reference="attach",
        ),
        "update_kyc_token": lambda: client.update_kyc_token(token, attached, is_approved=False),
        "create_market": lambda: client.create_market(node, "market.example.com", webhook=webhook, reference="market"),
        "create_market_bare": lambda: client.create_market(node, "market.example.com", reference="market"),
        "update_market_set": lambda: client.update_market(market, webhook=webhook),
        "update_market_keep": lambda: client.update_market(market, domain="market.example.com", webhook=KEEP),
        "update_market_remove": lambda: client.update_market(market, webhook=REMOVE),
        "child_page": lambda: client.child_page(node),
        "create_kyc_address": lambda: client.create_kyc_address(
            market, chain_id=17000, name="Registry", address="0x70f1d2c056bf9f6956d2d2ce045d3db33dee3c05"
        ),
        "kyc_address_page": lambda: client.kyc_address_page(market, chain_id=17000),
        "update_kyc_address": lambda: client.update_kyc_address(address, name="Registry"),
        "purchases": lambda: client.purchases(market, start=day, end=day.replace(hour=23, minute=59, second=59)),
    }


def without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None and key != "password"}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value


def test_every_exchange_is_called(platform: Platform, client: brokerstr.AsyncClient) -> None:
    assert set(calls(client, platform.IDS, "x")) == set(platform.EXCHANGES) - {"authenticate"}


@pytest.mark.parametrize(
    "name",
    [
        "token",
        "token_by_external_id",
        "token_page",
        "create_token",
        "create_token_some",
        "set_markets",
        "attach_kyc_token",
        "update_kyc_token",
        "create_market",
        "create_market_bare",
        "update_market_set",
        "update_market_keep",
        "update_market_remove",
        "child_page",
        "create_kyc_address",
        "kyc_address_page",
        "update_kyc_address",
        "purchases",
    ],
)
async def test_an_exchange(name: str, platform: Platform, client: brokerstr.AsyncClient, watch: Watch) -> None:
    password = watch.hide("pass-phrase-of-a-webhook")
    exchange = platform.EXCHANGES[name]
    documented = platform.filled(platform.reply_of(exchange), password)
    platform.on(exchange["path"], platform.reply(documented, exchange["status"]))
    found = await calls(client, platform.IDS, password)[name]()
    found = cast("Any", found.data if isinstance(found, brokerstr.Written) else found)

    (sent,) = platform.asked()
    assert (sent.method, sent.path) == (exchange["method"], platform.ROOT + exchange["path"])
    assert sent.query == exchange["query"]
    assert (json.loads(sent.body) if sent.body else None) == platform.filled(exchange["body"], password)
    assert sent.headers["x-target-server"] == "integration"
    assert sent.headers["authorization"] == f"Bearer {platform.issued[0][0]}"
    assert sent.headers.get("content-type") == (None if exchange["body"] is None else "application/json")

    if name == "set_markets":
        assert [json.loads(PLAIN.encode(row)) for row in found] == documented["distributor_market_tokens"]
    else:
        assert json.loads(PLAIN.encode(found), parse_float=Decimal) == without_nulls(documented)
    assert not watch.leaks(repr(found))


def test_the_first_exchange_is_the_fixture(platform: Platform) -> None:
    documented = fixtures.load("brokerstr/create-token-by-external-id")["verbatim"]["request"]
    ours = platform.EXCHANGES["create_token"]
    assert (documented["method"], documented["path"], documented["body"]) == ("POST", platform.ROOT + ours["path"], ours["body"])
    assert documented["headers"]["X-Target-Server"] == "integration"


async def test_login_by_body(platform: Platform, client: brokerstr.AsyncClient) -> None:
    await client.authenticate()
    (sent,) = platform.server.seen
    assert (sent.method, sent.path) == ("POST", platform.LOGIN)
    assert sent.json == {"api_key": platform.key, "secret_key": platform.secret}
    assert sent.headers["x-target-server"] == "authentication"
    assert sent.headers["content-type"] == "application/json"
    assert "authorization" not in sent.headers


async def test_login_by_headers(platform: Platform, connect: Callable[..., brokerstr.AsyncClient]) -> None:
    await connect(key_in="headers").authenticate()
    (sent,) = platform.server.seen
    assert (sent.method, sent.path, sent.body) == ("POST", platform.LOGIN, b"")
    assert sent.headers["api-key"] == platform.key
    assert sent.headers["api-secret"] == platform.secret
    assert sent.headers["x-target-server"] == "authentication"
    assert "authorization" not in sent.headers


@pytest.mark.parametrize("key_in", ["body", "headers"])
async def test_refresh(platform: Platform, connect: Callable[..., brokerstr.AsyncClient], key_in: str) -> None:
    platform.lives = 1  # It is due at once.
    platform.on(platform.EXCHANGES["token"]["path"], platform.reply(platform.TOKEN))
    client = connect(key_in=key_in)
    await client.authenticate()
    await _until_due()
    await client.token(platform.IDS["token"])
    login, refresh, read = platform.server.seen
    assert (login.path, refresh.path) == (platform.LOGIN, platform.REFRESH)
    assert refresh.json == {"refresh_token": platform.issued[0][1]}
    assert refresh.headers["x-target-server"] == "authentication"
    assert "authorization" not in refresh.headers
    assert "api-secret" not in refresh.headers
    assert read.headers["authorization"] == f"Bearer {platform.issued[1][0]}"


@pytest.mark.parametrize("key_in", ["body", "headers"])
async def test_a_refused_refresh_falls_back_to_the_key(
    platform: Platform, connect: Callable[..., brokerstr.AsyncClient], key_in: str
) -> None:
    platform.lives = 1
    platform.server.routes[platform.REFRESH] = platform.error(401)
    client = connect(key_in=key_in)
    await client.authenticate()
    await _until_due()
    await client.authenticate()
    assert [seen.path for seen in platform.server.seen] == [platform.LOGIN, platform.REFRESH, platform.LOGIN]


async def _until_due() -> None:
    await asyncio.sleep(1.05)


@pytest.mark.parametrize("root", ["", "/", "/api/v1/integration", "/api/v1/integration/"])
async def test_the_base_url_with_or_without_its_path(root: str, platform: Platform) -> None:
    platform.on(platform.EXCHANGES["token"]["path"], platform.reply(platform.TOKEN))
    async with brokerstr.AsyncClient(platform.url + root, platform.key, platform.secret, **platform.options()) as client:
        assert (await client.token(platform.IDS["token"])).symbol == "ES"
    assert "secret" not in repr(client)


def test_all_errors_are_ours(platform: Platform) -> None:
    for options in ({"key_in": "query"}, {"url": "http://example.com"}, {"secret": "two\nlines"}, {"key": ""}):
        given = {"url": platform.url, "key": platform.key, "secret": platform.secret} | options
        with pytest.raises(OrdersealError) as raised:
            brokerstr.AsyncClient(
                given["url"],
                given["key"],
                given["secret"],
                key_in=given.get("key_in", "body"),  # type: ignore[arg-type]  # on purpose
            )
        assert "two" not in str(raised.value)
