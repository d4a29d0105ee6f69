"""What is wrong is said before anything is sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, cast

import pytest

from orderseal.api.brokerstr import (
    REMOVE,
    AsyncClient,
    BasicAuthentication,
    TokenAuthentication,
    WebhookMethod,
    WebhookSettings,
)
from orderseal.signing import InvalidInput

if TYPE_CHECKING:
    from tests.api.brokerstr.conftest import Platform
    from tests.api.conftest import Watch

BAD_IDS = ("", ".", "..", "a/b", "../tokens", "a\\b", "a?b", "a#b", "a%2fb", "a\nb", "a\x00b", "x" * 257, None, 1.5, b"id", ["id"], True)
NOW = datetime(2026, 1, 6, tzinfo=UTC)
ADDRESS = "0x70f1d2c056bf9f6956d2d2ce045d3db33dee3c05"
HASH = "0x" + "ab" * 32

Case = Callable[[AsyncClient, Any], Awaitable[Any]]

WITH_ID: dict[str, Case] = {
    "token_id": lambda client, id_: client.token(id_),
    "external_id": lambda client, id_: client.token_by_external_id(id_),
    "external_id to create": lambda client, id_: client.create_token(id_, is_all_market=True),
    "market_id": lambda client, id_: client.token_page(id_),
    "token_id to set": lambda client, id_: client.set_markets(id_, is_all_market=True),
    "token_id to attach": lambda client, id_: client.attach_kyc_token(
        id_, kyc_address_id="k", chain_id=1, kyc_hash=HASH, is_approved=True, reference="r"
    ),
    "kyc_address_id to attach": lambda client, id_: client.attach_kyc_token(
        "t", kyc_address_id=id_, chain_id=1, kyc_hash=HASH, is_approved=True, reference="r"
    ),
    "token_id to change": lambda client, id_: client.update_kyc_token(id_, "k", is_approved=True),
    "kyc_token_id": lambda client, id_: client.update_kyc_token("t", id_, is_approved=True),
    "node_id": lambda client, id_: client.create_market(id_, "market.example.com", reference="r"),
    "market_id to change": lambda client, id_: client.update_market(id_, webhook=REMOVE),
    "node_id of children": lambda client, id_: client.child_page(id_),
    "market_id of a new address": lambda client, id_: client.create_kyc_address(id_, chain_id=1, name="n", address=ADDRESS),
    "market_id of addresses": lambda client, id_: client.kyc_address_page(id_),
    "kyc_address_id": lambda client, id_: client.update_kyc_address(id_, name="n"),
    "market_id of purchases": lambda client, id_: client.purchases(id_, start=NOW, end=NOW),
    "market_id to wait": lambda client, id_: client.wait_for_purchase(id_, HASH),
    "market_ids[0]": lambda client, id_: client.create_token("x", is_all_market=False, market_ids=[id_]),
}

OTHERS: dict[str, tuple[str, Callable[[AsyncClient], Awaitable[Any]]]] = {
    "no markets": ("market_ids", lambda client: client.create_token("x", is_all_market=False)),
    "no markets to set": ("market_ids", lambda client: client.set_markets("t", is_all_market=False, market_ids=[])),
    "all markets and some": ("market_ids", lambda client: client.create_token("x", is_all_market=True, market_ids=["m"])),
    "a market twice": ("market_ids[1]", lambda client: client.create_token("x", is_all_market=False, market_ids=["m", "m"])),
    "text for a list": ("market_ids", lambda client: client.create_token("x", is_all_market=False, market_ids="abc")),
    "None for a list": ("market_ids", lambda client: client.create_token("x", is_all_market=False, market_ids=cast("Any", None))),
    "1 for True": ("is_all_market", lambda client: client.create_token("x", is_all_market=cast("Any", 1))),
    "a naive start": ("start", lambda client: client.purchases("m", start=NOW.replace(tzinfo=None), end=NOW)),
    "a naive end": ("end", lambda client: client.purchases("m", start=NOW, end=NOW.replace(tzinfo=None))),
    "text for a time": ("start", lambda client: client.purchases("m", start=cast("Any", "2026-01-06"), end=NOW)),
    "seconds for a time": ("end", lambda client: client.purchases("m", start=NOW, end=cast("Any", 1767657600))),
    "end before start": ("end", lambda client: client.purchases("m", start=NOW, end=NOW - timedelta(microseconds=1))),
    "before the year 1": (
        "start",
        lambda client: client.purchases("m", start=datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=3))), end=NOW),
    ),
    "after the year 9999": ("end", lambda client: client.purchases("m", start=NOW, end=datetime.max.replace(tzinfo=UTC))),
    "naive since": ("start", lambda client: client.wait_for_purchase("m", HASH, since=NOW.replace(tzinfo=None))),
    "since in the future": ("since", lambda client: client.wait_for_purchase("m", HASH, since=datetime(9000, 1, 1, tzinfo=UTC))),
    "no hash": ("transaction_hash", lambda client: client.wait_for_purchase("m", "0x12")),
    "a number for a hash": ("transaction_hash", lambda client: client.wait_for_purchase("m", cast("Any", 7))),
    "endless": ("seconds", lambda client: client.wait_for_purchase("m", HASH, seconds=float("inf"))),
    "no change of a market": ("update", lambda client: client.update_market("m")),
    "None for a webhook": ("webhook", lambda client: client.update_market("m", domain="d", webhook=cast("Any", None))),
    "a dict for a webhook": ("webhook", lambda client: client.create_market("n", "d", webhook=cast("Any", {"host": "x"}), reference="r")),
    "REMOVE where none is": ("webhook", lambda client: client.create_market("n", "d", webhook=cast("Any", REMOVE), reference="r")),
    "an empty domain": ("domain", lambda client: client.create_market("n", "", reference="r")),
    "no reference": ("reference", lambda client: client.create_market("n", "d", reference=cast("Any", None))),
    "a reference of two lines": ("reference", lambda client: client.create_market("n", "d", reference="a\nb")),
    "no change of an address": ("update", lambda client: client.update_kyc_address("k")),
    "no change of an attachment": ("update", lambda client: client.update_kyc_token("t", "k")),
    "no address": ("address", lambda client: client.create_kyc_address("m", chain_id=1, name="n", address="0x12")),
    "a wrong checksum": ("address", lambda client: client.update_kyc_address("k", address="0x73e3Bcd355A64a12a0ab9B1E56f33FC214C9a4e8")),
    "no chain": ("chain_id", lambda client: client.create_kyc_address("m", chain_id=cast("Any", "1"), name="n", address=ADDRESS)),
    "a chain below 0": ("chain_id", lambda client: client.kyc_address_page("m", chain_id=-1)),
    "True for a chain": ("chain_id", lambda client: client.kyc_address_page("m", chain_id=True)),
    "a name of two lines": ("name", lambda client: client.update_kyc_address("k", name="a\nb")),
    "an empty hash": ("kyc_hash", lambda client: client.update_kyc_token("t", "k", kyc_hash=" ")),
    "text for is_approved": ("is_approved", lambda client: client.update_kyc_token("t", "k", is_approved=cast("Any", "yes"))),
    "page 0": ("page", lambda client: client.token_page("m", page=0)),
    "no rows a page": ("per_page", lambda client: client.child_page("n", per_page=0)),
    "a page by float": ("page", lambda client: client.kyc_address_page("m", page=cast("Any", 1.0))),
}


@pytest.mark.parametrize("name", WITH_ID)
async def test_an_id_that_would_name_another_place(name: str, client: AsyncClient, platform: Platform) -> None:
    for bad in BAD_IDS:
        with pytest.raises(InvalidInput) as raised:
            await WITH_ID[name](client, bad)
        assert raised.value.path == name.partition(" ")[0], bad
    assert platform.server.seen == []


@pytest.mark.parametrize("name", OTHERS)
async def test_what_is_wrong(name: str, client: AsyncClient, platform: Platform) -> None:
    path, call = OTHERS[name]
    with pytest.raises(InvalidInput) as raised:
        await call(client)
    assert raised.value.path == path
    assert platform.server.seen == []


@pytest.mark.parametrize("per_page", [0, -1, True, 1.5])
async def test_wrong_sizes_of_pages(per_page: Any, client: AsyncClient, platform: Platform) -> None:
    for rows in (
        client.tokens("m", per_page=per_page),
        client.children("n", per_page=per_page),
        client.kyc_addresses("m", per_page=per_page),
    ):
        with pytest.raises(InvalidInput):
            async for _ in rows:
                pass
    assert platform.server.seen == []


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"host": "webhook.example.com"}, "webhook.host"),
        ({"host": "http://webhook.example.com"}, "webhook.host"),
        ({"host": "https://user:pw@webhook.example.com"}, "webhook.host"),
        ({"host": None}, "webhook.host"),
        ({"path": "webhook"}, "webhook.path"),
        ({"path": ""}, "webhook.path"),
        ({"path": "/a\nb"}, "webhook.path"),
        ({"method": 0}, "webhook.method"),
        ({"method": "GET"}, "webhook.method"),
        ({"method": True}, "webhook.method"),
        ({"timeout": 0}, "webhook.timeout"),
        ({"timeout": 1.5}, "webhook.timeout"),
        ({"authentication": {"type": 1}}, "webhook.authentication"),
        ({"authentication": ("user", "password")}, "webhook.authentication"),
    ],
)
def test_wrong_webhooks(options: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        WebhookSettings(**({"host": "https://webhook.example.com", "path": "/webhook"} | options))
    assert raised.value.path == path


def test_wrong_logins_to_webhooks(watch: Watch) -> None:
    for make in (
        lambda: BasicAuthentication("", "p"),
        lambda: BasicAuthentication("user", cast("Any", None)),
        lambda: BasicAuthentication("user", watch.hide("pass\nphrase-one")),
        lambda: TokenAuthentication("", member="token"),
        lambda: TokenAuthentication("t", member="type"),
        lambda: TokenAuthentication("t", member="a b"),
    ):
        with pytest.raises(InvalidInput) as raised:
            make()
        watch.clean(raised.value)


def test_what_is_sent_of_a_webhook(watch: Watch) -> None:
    secret = watch.hide("a-secret-of-a-webhook")
    plain = WebhookSettings("https://webhook.example.com/", "/webhook")
    assert plain.members() == {"host": "https://webhook.example.com/", "path": "/webhook", "method": 2}
    basic = WebhookSettings("https://webhook.example.com", "/", WebhookMethod.GET, BasicAuthentication("user", secret), 5)
    assert basic.members()["authentication"] == {"type": 1, "username": "user", "password": secret}
    assert basic.members()["method"] == 1
    assert type(basic.members()["method"]) is int
    token = WebhookSettings("https://webhook.example.com", "/", 7, TokenAuthentication(secret, member="bearer"))
    assert token.members() == {
        "host": "https://webhook.example.com",
        "path": "/",
        "method": 7,
        "authentication": {"type": 2, "bearer": secret},
    }
    for settings in (basic, token):
        assert settings.secrets() == (secret,)
        assert secret not in repr(settings)
