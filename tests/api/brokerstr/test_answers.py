"""What an answer means, pages, waiting, and many at once."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta, timezone
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from orderseal.api import brokerstr
from orderseal.api.brokerstr import AsyncClient, BasicAuthentication, WebhookSettings
from orderseal.api.brokerstr.client import _RATES
from orderseal.api.transport import RateLimit, Retries, poll
from orderseal.signing import InvalidReply, OutcomeUnknown, RateLimited, Refused, Unauthorized, Unfinished, Unreachable

if TYPE_CHECKING:
    from tests.api.brokerstr.conftest import Platform
    from tests.api.conftest import Kit, Seen, Watch

EXTERNAL = "693d6f791f8a9198aba44f50"
CREATE = f"/tokens/external/{EXTERNAL}"
HASH = "0x" + "aB" * 32
NOW = datetime(2026, 1, 6, 12, tzinfo=UTC)

REFERENCES = (f"wish {number}" for number in count())
WRITES: dict[str, Callable[[AsyncClient, dict[str, str]], Awaitable[Any]]] = {
    "create_token": lambda client, ids: client.create_token(EXTERNAL, is_all_market=True),
    "set_markets": lambda client, ids: client.set_markets(ids["token"], is_all_market=True),
    "attach_kyc_token": lambda client, ids: client.attach_kyc_token(
        ids["token"], kyc_address_id=ids["kyc_address"], chain_id=17000, kyc_hash="0x12", is_approved=True, reference=next(REFERENCES)
    ),
    "update_kyc_token": lambda client, ids: client.update_kyc_token(ids["token"], ids["kyc_token"], chain_id=0),
    "create_market": lambda client, ids: client.create_market(ids["node"], "market.example.com", reference=next(REFERENCES)),
    "update_market_set": lambda client, ids: client.update_market(ids["market"], domain="market.example.com"),
    "create_kyc_address": lambda client, ids: client.create_kyc_address(
        ids["market"], chain_id=17000, name="n", address="0x70f1d2c056bf9f6956d2d2ce045d3db33dee3c05"
    ),
    "update_kyc_address": lambda client, ids: client.update_kyc_address(ids["kyc_address"], chain_id=0),
}
SETTLED = {
    "create_token": "read the token by its external id",
    "set_markets": "sending the same once more sets the same",
    "attach_kyc_token": "no documented read shows it",
    "update_kyc_token": "sending the same once more sets the same",
    "create_market": "no documented read shows it",
    "update_market_set": "sending the same once more sets the same",
    "create_kyc_address": "list the KYC addresses of the market",
    "update_kyc_address": "sending the same once more sets the same",
}


@pytest.mark.parametrize("name", WRITES)
async def test_a_write_is_sent_once_and_its_lost_answer_says_how_to_settle_it(
    name: str, platform: Platform, client: AsyncClient, kit: Kit
) -> None:
    path = platform.EXCHANGES[name]["path"]
    lost = [b"", platform.reply({}, 503), platform.reply(b"<html>"), platform.reply({"surprise": 1}), platform.reply(status=204)]
    lost += [platform.reply(None, 302, Location="/elsewhere"), platform.reply({"message": "no"}, 400), platform.reply({}, 408)]
    for number, answer in enumerate(lost, 1):
        platform.on(path, answer)
        error = await kit.raises(WRITES[name](client, platform.IDS), OutcomeUnknown)
        assert SETTLED[name] in str(error)
        assert len(platform.asked(path)) == number
    assert len(platform.asked()) == len(lost)


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize(("status", "expected"), [(400, Refused), (401, Unauthorized), (404, Refused), (409, Refused), (429, RateLimited)])
async def test_the_platforms_envelope_is_a_refusal(
    name: str, status: int, expected: type[Refused], platform: Platform, client: AsyncClient, kit: Kit
) -> None:
    path = platform.EXCHANGES[name]["path"]
    platform.on(path, platform.error(status, X_Request_Id="r-1"))
    error = await kit.raises(WRITES[name](client, platform.IDS), expected)
    assert (error.status, error.code, error.message, error.details) == (status, "ERROR_CODE", "Human-readable error message", None)
    assert error.request_id == "r-1"
    assert len(platform.asked(path)) == 1


async def test_an_envelope_with_a_status_of_success(platform: Platform, client: AsyncClient, kit: Kit) -> None:
    platform.on(CREATE, platform.error(200))
    await kit.raises(client.create_token(EXTERNAL, is_all_market=True), Refused)
    both = platform.TOKEN | {"error": {"code": "X", "message": "y"}}
    platform.on(CREATE, platform.reply(both, 201))
    assert (await client.create_token(EXTERNAL, is_all_market=True)).symbol == "ES"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"error": {"code": 17, "message": "m", "details": None}}, 17),
        ({"error": {"message": "m"}}, None),
        ({"error": {"code": "C", "message": "m", "details": {"field": "x"}, "trace": "t"}, "path": "/"}, "C"),
    ],
)
async def test_envelopes_of_other_make(body: Any, code: Any, platform: Platform, client: AsyncClient, kit: Kit) -> None:
    platform.on(CREATE, platform.reply(body, 422))
    error = await kit.raises(client.create_token(EXTERNAL, is_all_market=True), Refused)
    assert error.code == code
    assert error.details in (None, '{"field":"x"}')


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("create_token", {"external_id": "693D6F791F8A9198ABA44F50"}),
        ("create_token", {"external_id": None}),
        ("set_markets", {"distributor_market_tokens": [{"id": "1", "token_id": "other", "market_id": "m"}]}),
        ("attach_kyc_token", {"token_id": "other"}),
        ("attach_kyc_token", {"kyc_address_id": "other"}),
        ("update_kyc_token", {"id": "other"}),
        ("create_market", {"node_id": "other"}),
        ("update_market_set", {"id": "other"}),
        ("create_kyc_address", {"address": "0x" + "12" * 20}),
        ("create_kyc_address", {"chain_id": 1}),
        ("update_kyc_address", {"id": "other"}),
    ],
)
async def test_a_confirmation_of_something_else_is_unknown(
    name: str, change: dict[str, Any], platform: Platform, client: AsyncClient, kit: Kit
) -> None:
    exchange = platform.EXCHANGES[name]
    platform.on(exchange["path"], platform.reply(platform.reply_of(exchange) | change, exchange["status"]))
    error = await kit.raises(WRITES[name](client, platform.IDS), OutcomeUnknown)
    assert SETTLED[name] in str(error)


async def test_ids_may_differ_by_case(platform: Platform, client: AsyncClient) -> None:
    upper = platform.IDS["token"].upper()
    platform.on(f"/tokens/{upper}", platform.reply(platform.TOKEN))
    assert (await client.token(upper)).id == platform.IDS["token"]


@pytest.mark.parametrize("body", [{"status": 2}, {"status": 2, "id": "other"}, {}, [], {"status": 2.5}, "token"])
async def test_a_read_of_something_else_is_invalid(body: Any, platform: Platform, client: AsyncClient, kit: Kit) -> None:
    platform.on(platform.EXCHANGES["token"]["path"], platform.reply(platform.dumps(body)))
    await kit.raises(client.token(platform.IDS["token"]), InvalidReply)


async def test_a_token_by_its_external_id_is_that_one(platform: Platform, client: AsyncClient, kit: Kit) -> None:
    platform.on(CREATE, platform.reply({"status": 2, "external_id": EXTERNAL.upper()}))
    await kit.raises(client.token_by_external_id(EXTERNAL), InvalidReply)
    platform.on(CREATE, platform.reply({"status": 2}))
    assert (await client.token_by_external_id(EXTERNAL)).status == 2


async def test_an_unusual_external_id_is_encoded(platform: Platform, client: AsyncClient) -> None:
    platform.on("/tokens/external/ilan%20%C4%B0%C5%9F-1", platform.reply({"status": 2}))
    assert (await client.token_by_external_id("ilan İş-1")).status == 2


async def test_a_key_twice_in_a_reply(platform: Platform, client: AsyncClient, kit: Kit) -> None:
    platform.on(CREATE, platform.reply(b'{"status": 2, "status": 3}'))
    await kit.raises(client.token_by_external_id(EXTERNAL), InvalidReply)


async def test_a_read_is_asked_again(platform: Platform, client: AsyncClient) -> None:
    platform.on(CREATE, [b"", platform.reply({}, 503), platform.reply({"status": 2})])
    assert (await client.token_by_external_id(EXTERNAL)).status == 2
    assert len(platform.asked()) == 3


async def test_a_refused_token_is_renewed_for_a_read_and_not_for_a_write(platform: Platform, client: AsyncClient, kit: Kit) -> None:
    platform.on(CREATE, [platform.error(401), platform.reply({"status": 2})])
    assert (await client.token_by_external_id(EXTERNAL)).status == 2
    assert len(platform.issued) == 2
    platform.on(CREATE, [platform.error(401), platform.reply(platform.TOKEN, 201)])
    await kit.raises(client.create_token(EXTERNAL, is_all_market=True), Unauthorized)
    assert (await client.create_token(EXTERNAL, is_all_market=True)).external_id == EXTERNAL
    assert len(platform.issued) == 3


async def test_a_refused_login_sends_nothing_else(platform: Platform, client: AsyncClient, kit: Kit) -> None:
    platform.server.routes[platform.LOGIN] = platform.error(401)
    await kit.raises(client.authenticate(), Unauthorized)
    await kit.raises(client.create_token(EXTERNAL, is_all_market=True), Unauthorized)
    assert platform.asked() == []


@pytest.mark.parametrize("key_in", ["body", "headers"])
async def test_many_at_once_log_in_once(key_in: str, platform: Platform, connect: Callable[..., AsyncClient]) -> None:
    client = connect(key_in=key_in)
    platform.on(CREATE, platform.reply({"status": 2}))
    found = await asyncio.gather(*(client.token_by_external_id(EXTERNAL) for _ in range(20)))
    assert len(found) == 20
    assert len(platform.issued) == 1
    assert {seen.headers["authorization"] for seen in platform.asked()} == {f"Bearer {platform.issued[0][0]}"}


@pytest.mark.parametrize("key_in", ["body", "headers"])
async def test_a_platform_that_repeats_the_secrets(key_in: str, platform: Platform, connect: Callable[..., AsyncClient], kit: Kit) -> None:
    platform.server.routes[platform.LOGIN] = platform.error(400, message=f"bad {platform.secret} of {platform.key}")
    await kit.raises(connect(key_in=key_in).authenticate(), Refused)


async def test_a_platform_that_repeats_the_password_of_a_webhook(platform: Platform, client: AsyncClient, kit: Kit, watch: Watch) -> None:
    password = watch.hide("pass-phrase-of-a-webhook")
    webhook = WebhookSettings("https://webhook.example.com", "/webhook", authentication=BasicAuthentication("user", password))
    platform.on("/markets", platform.error(400, message=f"weak password {password}"))
    await kit.raises(client.create_market(platform.IDS["node"], "d", webhook=webhook, reference="r"), Refused)
    path = platform.EXCHANGES["update_market_set"]["path"]
    platform.on(path, platform.error(400, message=f"weak password {password}"))
    await kit.raises(client.update_market(platform.IDS["market"], webhook=webhook), Refused)
    platform.on(path, platform.reply({"id": 7, "webhook": {"authentication": {"password": password}}}))
    await kit.raises(client.update_market(platform.IDS["market"], webhook=webhook), OutcomeUnknown)


# Pages


def paged(platform: Platform, member: str, rows: list[Any], *, total: bool = True) -> Callable[[Seen], bytes]:
    def answer(seen: Seen) -> bytes:
        page, size = int(seen.query["page"]), int(seen.query["per_page"])
        part = rows[(page - 1) * size : page * size]
        counts = {"total": len(rows), "page": page, "per_page": size} if total else {}
        return platform.reply({member: part or None, **counts})

    return answer


async def every(rows: AsyncIterator[Any]) -> list[Any]:
    return [row async for row in rows]


@pytest.mark.parametrize("total", [True, False])
async def test_pages(total: bool, platform: Platform, client: AsyncClient) -> None:
    market, node = platform.IDS["market"], platform.IDS["node"]
    platform.on(f"/tokens/markets/{market}/all", paged(platform, "tokens", [{"status": 2, "id": f"t{n}"} for n in range(45)], total=total))
    platform.on(f"/nodes/{node}/children", paged(platform, "nodes", [{"id": f"n{n}"} for n in range(230)], total=total))
    addresses = [{"id": f"k{n}", "address": "0x", "chain_id": 1} for n in range(21)]
    platform.on(f"/kyc-addresses/markets/{market}", paged(platform, "kyc_addresses", addresses, total=total))
    assert [token.id for token in await every(client.tokens(market))] == [f"t{n}" for n in range(45)]
    assert len(platform.asked()) == (3 if total else 4)
    assert [found.id for found in await every(client.children(node))] == [f"n{n}" for n in range(230)]
    assert platform.asked()[-1].query["per_page"] == "100"
    assert len(await every(client.kyc_addresses(market, chain_id=1, per_page=7))) == 21
    assert platform.asked()[-1].query == {"page": "3" if total else "4", "per_page": "7", "chain_id": "1"}


async def test_no_rows(platform: Platform, client: AsyncClient) -> None:
    market = platform.IDS["market"]
    path = f"/tokens/markets/{market}/all"
    for body in ({"tokens": None, "total": 0}, {"tokens": [], "total": 0, "page": 1, "per_page": 20}, {"tokens": None}):
        platform.on(path, platform.reply(body))
        assert await every(client.tokens(market)) == []
        page = await client.token_page(market)
        assert (page.tokens, page.total, page.page, page.per_page) == ((), 0, 1, 20)
    platform.on(path, platform.reply({"tokens": [{"status": 2}] * 3}))
    assert (await client.token_page(market, page=3)).total == 43


@pytest.mark.parametrize("body", [{}, {"rows": []}, [], {"tokens": {}, "total": 0}, {"tokens": [7]}, {"tokens": [], "total": "0"}])
async def test_what_is_no_page(body: Any, platform: Platform, client: AsyncClient, kit: Kit) -> None:
    market = platform.IDS["market"]
    platform.on(f"/tokens/markets/{market}/all", platform.reply(platform.dumps(body)))
    await kit.raises(client.token_page(market), InvalidReply)
    await kit.raises(every(client.tokens(market)), InvalidReply)


async def test_an_ignored_filter_is_noticed(platform: Platform, client: AsyncClient, kit: Kit) -> None:
    market = platform.IDS["market"]
    rows = [{"id": "k", "address": "0x", "chain_id": 56}]
    platform.on(f"/kyc-addresses/markets/{market}", platform.reply({"kyc_addresses": rows, "total": 1}))
    assert len((await client.kyc_address_page(market)).kyc_addresses) == 1
    await kit.raises(client.kyc_address_page(market, chain_id=0), InvalidReply)


# Purchases


@pytest.mark.parametrize(
    ("start", "end", "query"),
    [
        (NOW, NOW, ("2026-01-06T12:00:00Z", "2026-01-06T12:00:00Z")),
        (NOW.replace(microsecond=999_999), NOW.replace(second=1, microsecond=1), ("2026-01-06T12:00:00Z", "2026-01-06T12:00:02Z")),
        (NOW.astimezone(timezone(timedelta(hours=3))), NOW + timedelta(days=1), ("2026-01-06T12:00:00Z", "2026-01-07T12:00:00Z")),
        (datetime(1, 1, 1, tzinfo=UTC), NOW, ("0001-01-01T00:00:00Z", "2026-01-06T12:00:00Z")),
    ],
)
async def test_the_span_is_never_narrowed(
    start: datetime, end: datetime, query: tuple[str, str], platform: Platform, client: AsyncClient
) -> None:
    market = platform.IDS["market"]
    path = f"/external-purchases/markets/{market}"
    platform.on(path, platform.reply({"purchases": None, "total": 0, "page": 1, "per_page": 0}))
    found = await client.purchases(market, start=start, end=end)
    assert found.purchases == ()
    assert found.is_complete
    assert platform.asked(path)[0].query == {"start_date": query[0], "end_date": query[1]}


async def test_purchases_that_are_not_all_or_not_of_the_market(platform: Platform, client: AsyncClient, kit: Kit) -> None:
    market = platform.IDS["market"]
    path = f"/external-purchases/markets/{market}"
    row = {"id": "1", "hash": HASH}
    platform.on(path, platform.reply({"purchases": [row], "total": 3, "page": 1, "per_page": 1}))
    assert not (await client.purchases(market, start=NOW, end=NOW)).is_complete
    platform.on(path, platform.reply({"purchases": [row | {"market_id": "other"}], "total": 1}))
    await kit.raises(client.purchases(market, start=NOW, end=NOW), InvalidReply)


@pytest.mark.parametrize("listed", [HASH, HASH.lower(), HASH.upper().replace("0X", "0x"), HASH[2:], HASH[2:].upper()])
@pytest.mark.parametrize("asked", [HASH, HASH.lower(), bytes.fromhex(HASH[2:])])
async def test_waiting_for_a_purchase(listed: str, asked: Any, platform: Platform, connect: Callable[..., AsyncClient]) -> None:
    market = platform.IDS["market"]
    path = f"/external-purchases/markets/{market}"
    other, own = {"id": "1", "hash": "0x" + "cd" * 32}, {"id": "2", "hash": listed}
    platform.on(path, platform.reply({"purchases": [other, own, own | {"id": "3"}], "total": 3}))
    found = await connect(clock=NOW.timestamp).wait_for_purchase(market, asked)
    assert [row.id for row in found] == ["2", "3"]
    assert platform.asked(path)[0].query == {"start_date": "2026-01-05T12:00:00Z", "end_date": "2026-01-07T12:00:00Z"}


async def test_a_purchase_that_comes_late(platform: Platform, connect: Callable[..., AsyncClient], monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch)
    market = platform.IDS["market"]
    path = f"/external-purchases/markets/{market}"
    nothing, there = platform.reply({"purchases": None, "total": 0}), platform.reply({"purchases": [{"id": "2", "hash": HASH}], "total": 1})
    platform.on(path, [nothing, b"", platform.error(429), nothing, there])
    client = connect(retries=Retries.none())
    assert [row.id for row in await client.wait_for_purchase(market, HASH, since=datetime.now(UTC), seconds=30)] == ["2"]
    assert len(platform.asked(path)) == 5


async def test_a_purchase_that_does_not_come(platform: Platform, client: AsyncClient, kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch)
    market = platform.IDS["market"]
    path = f"/external-purchases/markets/{market}"
    platform.on(path, platform.reply({"purchases": [{"id": "1", "hash": "0x" + "cd" * 32}], "total": 1}))
    error = await kit.raises(client.wait_for_purchase(market, HASH, seconds=2.0), Unfinished)
    assert [row.id for row in error.last.purchases] == ["1"]
    assert len(platform.asked(path)) > 1


async def test_waiting_ends_at_a_refusal(platform: Platform, client: AsyncClient, kit: Kit) -> None:
    market = platform.IDS["market"]
    platform.on(f"/external-purchases/markets/{market}", platform.error(404))
    await kit.raises(client.wait_for_purchase(market, HASH), Refused)


def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    def soon(*args: Any, **options: Any) -> Any:
        return poll(*args, **(options | {"first": 0.02, "longest": 0.05}))

    monkeypatch.setattr("orderseal.api.brokerstr.client.poll", soon)


# The rate


async def test_clients_of_one_key_share_the_rate(platform: Platform) -> None:
    clients = [brokerstr.AsyncClient(platform.url, platform.key, platform.secret) for _ in range(2)]
    other = brokerstr.AsyncClient(platform.url, platform.key + "2", platform.secret)
    own = brokerstr.AsyncClient(platform.url, platform.key, platform.secret, rate=RateLimit.none())
    rates = [client._caller._rate for client in (*clients, other, own)]
    assert rates[0] is rates[1]
    assert repr(rates[0]) == "RateLimit(count=50, per=60, patience=60)"
    assert len({id(rate) for rate in rates}) == 3
    assert not any(platform.key in name for name in _RATES)
    for client in (*clients, other, own):
        await client.aclose()
    before = len(_RATES)
    del clients, other, own, rates, client
    gc.collect()
    assert len(_RATES) == before - 2


async def test_beyond_the_rate_nothing_is_sent(platform: Platform, connect: Callable[..., AsyncClient], kit: Kit) -> None:
    client = connect(rate=RateLimit(count=3, per=60.0, patience=0.0), retries=Retries.none())
    platform.on(CREATE, platform.reply({"status": 2}))
    await client.token_by_external_id(EXTERNAL)
    await client.token_by_external_id(EXTERNAL)
    error = await kit.raises(client.create_token(EXTERNAL, is_all_market=True), RateLimited)
    assert error.status == 0
    assert len(platform.server.seen) == 3


async def test_a_closed_client(platform: Platform, client: AsyncClient, kit: Kit) -> None:
    await client.aclose()
    await client.aclose()
    await kit.raises(client.token(platform.IDS["token"]), Unreachable)
    assert platform.server.seen == []
