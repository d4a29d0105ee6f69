"""The client and the local twin, which were written from the same documents by different hands."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from orderseal.api.brokerstr import (
    REMOVE,
    AsyncClient,
    BasicAuthentication,
    Client,
    TokenAuthentication,
    WebhookMethod,
    WebhookSettings,
)
from orderseal.api.transport import Limits, RateLimit, Retries
from orderseal.sandbox import Fault
from orderseal.sandbox.brokerstr import BrokersTrSandbox, BrokersTrSettings
from orderseal.signing import OutcomeUnknown, RateLimited, Refused, Unauthorized, Unfinished
from orderseal.signing.ledger import Ledger

if TYPE_CHECKING:
    from tests.api.conftest import Kit, Watch

EXTERNAL = "693d6f791f8a9198aba44f50"
HASH = "0x" + "aB" * 32


@pytest.fixture(scope="module", params=[1, 2, 3])
def twin(request: pytest.FixtureRequest) -> Iterator[BrokersTrSandbox]:
    """Runs that differ in what no document decides."""
    external = tuple(f"ext-{number}" for number in range(60))
    settings = BrokersTrSettings(seed=request.param, requests_per_minute=None, external_ids=external)
    with BrokersTrSandbox(settings, start_timeout=60) as running:
        yield running


def options(twin: BrokersTrSandbox, watch: Watch) -> dict[str, Any]:
    watch.hide(twin.api_secret)
    return {"url": twin.url, "api_key": twin.api_key, "secret_key": twin.api_secret, "rate": RateLimit.none()}


@pytest.mark.parametrize("key_in", ["body", "headers"])
async def test_the_whole_story(twin: BrokersTrSandbox, watch: Watch, kit: Kit, ledger: Ledger, key_in: Any) -> None:
    seeds = twin.seeds()
    market_id, node_id = seeds["market_ids"][0], seeds["node_id"]
    async with AsyncClient(**options(twin, watch), key_in=key_in, ledger=ledger) as client:
        await client.authenticate()
        try:
            token = await client.create_token(EXTERNAL, is_all_market=False, market_ids=[market_id])
        except Refused:  # Each run decides by chance what a second association gives.
            token = next(iter([found async for found in client.tokens(market_id) if found.external_id == EXTERNAL]))
        assert token.id is not None
        assert token.value == Decimal("0.00044000000000000007")
        assert token.recipe().function_name == "buy"
        assert (await client.token(token.id)).recipe() == token.recipe()
        assert (await client.token_by_external_id(EXTERNAL)).id is None
        assert (await client.token_by_external_id(EXTERNAL)).recipe() == token.recipe()
        assert EXTERNAL in [found.external_id async for found in client.tokens(market_id)]

        rows = await client.set_markets(token.id, is_all_market=True)
        assert set(seeds["market_ids"]) <= {row.market_id for row in rows}
        (row,) = await client.set_markets(token.id, is_all_market=False, market_ids=[market_id])
        assert row.market_id == market_id

        address = await client.create_kyc_address(market_id, chain_id=17000, name="Registry", address="0x" + "12" * 20)
        assert address.created_at is not None
        assert address.created_at.utcoffset() == timedelta(hours=3)
        assert address.id in [found.id async for found in client.kyc_addresses(market_id, chain_id=17000, per_page=1)]
        assert [found.id async for found in client.kyc_addresses(market_id, chain_id=1)] == []
        assert (await client.update_kyc_address(address.id, name="New")).name == "New"
        attached = await client.attach_kyc_token(
            token.id, kyc_address_id=address.id, chain_id=17000, kyc_hash=HASH, is_approved=True, reference="attach"
        )
        assert (await client.update_kyc_token(token.id, attached.id, is_approved=False)).is_approved is False

        assert [node.path async for node in client.children(node_id)] == ["1.3.6"]
        for missing in (client.token(market_id), client.child_page(market_id), client.token_by_external_id("nobody's")):
            error = await kit.raises(missing, Refused)
            assert error.code


async def test_webhooks(twin: BrokersTrSandbox, watch: Watch, ledger: Ledger) -> None:
    password = watch.hide("pass-phrase-of-a-webhook")
    login = BasicAuthentication("user", password)
    async with AsyncClient(**options(twin, watch), ledger=ledger) as client:
        created = await client.create_market(
            twin.seeds()["node_id"],
            "new.example.com",
            webhook=WebhookSettings("https://webhook.example.com", "/webhook", WebhookMethod.GET, login, 30),
            reference="new",
        )
        market = created.data
        assert market is not None
        assert market.id == created.id
        assert market.webhook is not None
        assert (market.webhook.method, market.webhook.timeout) == ("GET", 30)
        assert market.webhook.authentication is not None
        assert market.webhook.authentication.username == "user"
        kept = await client.update_market(market.id, domain="kept.example.com")
        assert (kept.domain, kept.webhook) == ("kept.example.com", market.webhook)
        anew = await client.update_market(
            market.id,
            webhook=WebhookSettings("https://other.example.com", "/x", authentication=TokenAuthentication(password, member="token")),
        )
        assert anew.webhook is not None
        assert (anew.webhook.host, anew.webhook.method, anew.domain) == ("https://other.example.com", "POST", "kept.example.com")
        assert (await client.update_market(market.id, webhook=REMOVE)).webhook is None
        assert (await client.update_market(market.id, domain="kept.example.com")).webhook is None
        bare = (await client.create_market(twin.seeds()["node_id"], "bare.example.com", reference="bare")).data
        assert bare is not None
        assert bare.webhook is None


async def test_pages(twin: BrokersTrSandbox, watch: Watch) -> None:
    market_id = twin.seeds()["market_ids"][1]
    async with AsyncClient(**options(twin, watch)) as client:
        before = [token.external_id async for token in client.tokens(market_id)]
        fresh = [f"ext-{number}" for number in range(45) if f"ext-{number}" not in before]
        await asyncio.gather(*(client.create_token(name, is_all_market=False, market_ids=[market_id]) for name in fresh))
        found = [token.external_id async for token in client.tokens(market_id)]
        assert len(found) == len(set(found)) == len(before) + len(fresh)
        page = await client.token_page(market_id, page=2, per_page=20)
        assert [token.external_id for token in page.tokens] == found[20:40]
        assert (page.total, page.page, page.per_page) == (len(found), 2, 20)
        assert (await client.token_page(market_id, page=1000)).tokens == ()


def test_an_own_purchase_appears(twin: BrokersTrSandbox, watch: Watch) -> None:
    market_id = twin.seeds()["market_ids"][0]
    number = f"{id(watch) % 2**64:016x}".rjust(64, "c")
    with Client(**options(twin, watch)) as client:
        since = datetime.now(UTC) - timedelta(minutes=1)
        twin.feed_purchase(hash="0x" + number.upper(), buyer_address="0x" + "34" * 20, quantity=3, price=1313.662723, delay=0.5)
        (purchase,) = client.wait_for_purchase(market_id, "0x" + number, since=since, seconds=30)
        assert (purchase.quantity, purchase.price, purchase.seller_address) == (3, Decimal("1313.662723"), "")
        assert purchase.currency is not None
        assert purchase.currency.places == 6
        listed = client.purchases(market_id, start=since, end=datetime.now(UTC) + timedelta(minutes=1))
        assert purchase in listed.purchases
        assert listed.is_complete
        assert client.purchases(market_id, start=since - timedelta(days=2), end=since - timedelta(days=1)).purchases == ()
        with pytest.raises(Unfinished):
            client.wait_for_purchase(market_id, "0x" + "56" * 32, since=since, seconds=0.1)


async def test_wrong_keys(twin: BrokersTrSandbox, watch: Watch, kit: Kit) -> None:
    given = options(twin, watch) | {"secret_key": watch.hide("another-secret-of-nobody")}
    async with AsyncClient(**given) as client:
        await kit.raises(client.create_token(EXTERNAL, is_all_market=True), Unauthorized)


async def test_a_lost_answer_is_settled_by_a_read(twin: BrokersTrSandbox, watch: Watch, kit: Kit) -> None:
    async with AsyncClient(**options(twin, watch), limits=Limits(total=20.0)) as client:
        faults = (
            (Fault("drop_after"), OutcomeUnknown, True),
            (Fault("cut_reply"), OutcomeUnknown, True),
            (Fault("error_after", envelope=True), OutcomeUnknown, True),
            (Fault("drop_before"), OutcomeUnknown, False),
            (Fault("error_before"), OutcomeUnknown, False),
            (Fault("rate_limit"), RateLimited, False),
            (Fault("expire_token"), Unauthorized, False),
        )
        for number, (fault, expected, took_effect) in enumerate(faults, 50):
            external_id, before = f"ext-{number}", len(twin.accepted())
            twin.inject(fault, method="POST", path=f"/api/v1/integration/tokens/external/{external_id}")
            await kit.raises(client.create_token(external_id, is_all_market=True), expected)
            assert len(twin.accepted()) - before == took_effect, fault
            if took_effect:
                assert (await client.token_by_external_id(external_id)).external_id == external_id
                assert [write.deliveries for write in twin.accepted(before)] == [1]
            else:
                await kit.raises(client.token_by_external_id(external_id), Refused)


@pytest.mark.parametrize("seed", [1, 2])
async def test_tokens_that_run_out_and_a_rate(seed: int, watch: Watch, kit: Kit) -> None:
    settings = BrokersTrSettings(seed=seed, access_lifetime=2.0, requests_per_minute=7)
    with BrokersTrSandbox(settings, start_timeout=60) as twin:
        token_id = twin.seeds()["token_id"]
        async with AsyncClient(**options(twin, watch), retries=Retries.none()) as client:
            for _ in range(3):
                await client.token(token_id)
                await asyncio.sleep(1.6)  # Less than a quarter of its life is left: it is refreshed.

            async def many() -> None:
                for _ in range(8):
                    await client.create_token(EXTERNAL, is_all_market=True)

            await kit.raises(many(), RateLimited)
