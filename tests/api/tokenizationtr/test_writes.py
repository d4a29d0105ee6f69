"""The four writes: each documented request is sent as it is printed, each documented answer understood, in both generations."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from orderseal import fixtures
from orderseal.api.tokenizationtr import Delisting, Money, PriceIn, SellOrder, TokenPurchase, Written
from orderseal.signing import InvalidInput, OutcomeUnknown, Refused, Unauthorized, Unreachable, VenueError

if TYPE_CHECKING:
    from tests.api.conftest import Watch
    from tests.api.tokenizationtr.conftest import Desk

SELL = fixtures.load("tokenizationtr/sell-on-secondary-market")["verbatim"]
BUY = fixtures.load("tokenizationtr/buy-on-primary-market")["verbatim"]
CURRENCY = "6913307ec95e268b239b2d8b"
PRICE = Money(Decimal(12), 6, "USDT")
EXPIRES = datetime(2024, 2, 15, 10, 30, tzinfo=UTC)


async def sell(client: Any, desk: Desk, reference: str = "s") -> Written[SellOrder]:
    result: Written[SellOrder] = await client.sell(desk.USER, desk.TOKEN, quantity=10, price=PRICE, expires_at=EXPIRES, reference=reference)
    return result


def sent(desk: Desk, path: str) -> Any:
    """The one request for a path, its headers checked."""
    assert desk.server.count(path) == 1
    request = desk.server.last(path)
    assert request.method == "POST"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["authorization"] == f"Bearer {desk.server.tokens[-1]}"
    return request


def encoded(value: object) -> Any:
    return json.loads(_ENCODER.encode(value))


_ENCODER = msgspec.json.Encoder(decimal_format="number")


async def test_the_documented_sale_of_the_older_generation(desk: Desk) -> None:
    desk.server.routes[desk.SELL] = desk.answer(SELL["response"]["body"])
    written = await sell(desk.client(), desk, "sale 1")
    assert SELL["request"]["path"] == desk.SELL
    assert sent(desk, desk.SELL).json == SELL["request"]["body"]
    assert written.reference == "sale 1"
    assert (written.deal_id, written.transaction_id, written.purchase_id, written.repeated) == (15, None, None, False)
    assert encoded(written.data) == SELL["response"]["body"]["data"]
    assert written.data is not None
    assert written.data.estimated_total == Money(Decimal(120), 6, "USDT")
    assert written.data.expires_at == EXPIRES


async def test_the_documented_sale_of_the_newer_generation(desk: Desk) -> None:
    desk.server.routes[desk.SELL] = desk.answer(desk.samples["asynchronous"])
    written = await desk.client().sell(desk.USER, desk.TOKEN, quantity=10, price=PriceIn(CURRENCY, 12), reference="sale 1")
    assert sent(desk, desk.SELL).json == desk.samples["requests"]["sell_b"]
    assert written == Written("sale 1", transaction_id="6913872755654191dede37da")


async def test_the_documented_primary_purchase(desk: Desk) -> None:
    desk.server.routes[desk.BUY_PRIMARY] = desk.answer(BUY["response"]["body"])
    written = await desk.client().buy_primary(desk.USER, desk.TOKEN, quantity=10, reference="buy 1")
    assert BUY["request"]["path"] == desk.BUY_PRIMARY
    request = sent(desk, desk.BUY_PRIMARY)
    assert request.json == BUY["request"]["body"]
    assert request.body == b'{"quantity":10}'
    assert written == Written("buy 1", transaction_id=BUY["response"]["body"]["transaction_id"])


async def test_the_primary_purchase_of_the_older_generation(desk: Desk) -> None:
    desk.server.routes[desk.BUY_PRIMARY] = desk.answer(desk.samples["buy_primary_a"])
    written = await desk.client().buy_primary(desk.USER, desk.TOKEN, quantity=10, reference="buy 1")
    assert (written.purchase_id, written.transaction_id, written.deal_id) == ("pm_purchase_789", None, None)
    assert isinstance(written.data, TokenPurchase)
    assert encoded(written.data) == desk.samples["buy_primary_a"]["data"]
    assert written.data.unit_price is not None
    assert str(written.data.unit_price.amount) == "10.0"


@pytest.mark.parametrize("generation", ["older", "newer"])
async def test_the_secondary_purchase(desk: Desk, generation: str) -> None:
    body = desk.samples["buy_secondary_a" if generation == "older" else "asynchronous"]
    desk.server.routes[desk.BUY_SECONDARY] = desk.answer(body)
    written = await desk.client().buy_secondary(desk.USER, desk.TOKEN, quantity=10, deal_id=13, reference="buy 1")
    assert sent(desk, desk.BUY_SECONDARY).json == desk.samples["requests"]["buy_secondary"]
    if generation == "newer":
        assert written == Written("buy 1", transaction_id="6913872755654191dede37da")
        return
    assert written.purchase_id == "sm_purchase_456"
    assert encoded(written.data) == body["data"]
    assert "Somebody" not in repr(written.data)


@pytest.mark.parametrize("generation", ["older", "newer"])
async def test_the_delisting(desk: Desk, generation: str) -> None:
    body = desk.samples["delist_a" if generation == "older" else "asynchronous"]
    desk.server.routes[desk.DELIST] = desk.answer(body)
    written = await desk.client().delist(desk.USER, desk.TOKEN, deal_id=12, reference="delist 1")
    assert sent(desk, desk.DELIST).json == desk.samples["requests"]["delist"]
    if generation == "newer":
        assert written == Written("delist 1", transaction_id="6913872755654191dede37da")
        return
    assert written.deal_id == 12
    assert isinstance(written.data, Delisting)
    assert written.data.remaining_quantity == 35
    assert encoded(written.data) == body["data"]


async def test_the_documented_login(desk: Desk) -> None:
    client = desk.client()
    await client.authenticate()
    await client.authenticate()
    request = desk.server.last(desk.LOGIN)
    assert desk.server.count(desk.LOGIN) == 1
    assert request.method == "POST"
    assert request.json == {**desk.credentials, "grant_type": "password"}
    assert "authorization" not in request.headers
    assert client.venue_clock is not None


async def test_a_login_that_is_refused(desk: Desk, watch: Watch) -> None:
    desk.server.routes[desk.LOGIN] = desk.error(401, "Authentication required")
    await desk.kit.raises(sell(desk.client(), desk), Unauthorized)
    assert desk.server.count(desk.SELL) == 0


# Errors

DOCUMENTED = [(page, code) for page in ("buy-on-primary-market", "sell-on-secondary-market") for code in (400, 401, 403, 404, 422)]


@pytest.mark.parametrize(("page", "code"), DOCUMENTED)
async def test_each_documented_error(desk: Desk, page: str, code: int) -> None:
    body = fixtures.load(f"tokenizationtr/{page}-{code}")["verbatim"]["response"]["body"]
    desk.server.otherwise = desk.answer(body, code)
    client = desk.client()
    write = sell(client, desk) if page.startswith("sell") else client.buy_primary(desk.USER, desk.TOKEN, quantity=10, reference="b")
    error = await desk.kit.raises(write, Unauthorized if code == 401 else Refused)
    assert (error.status, error.message, error.details, error.code) == (code, body["error"], body.get("details"), None)


@pytest.mark.parametrize("page", ["buy-on-primary-market", "sell-on-secondary-market"])
async def test_the_documented_error_of_the_server_leaves_a_write_open(desk: Desk, page: str) -> None:
    desk.server.otherwise = desk.answer(fixtures.load(f"tokenizationtr/{page}-500")["verbatim"]["response"]["body"], 500)
    client = desk.client()
    write = sell(client, desk, "w") if page.startswith("sell") else client.buy_primary(desk.USER, desk.TOKEN, quantity=10, reference="w")
    error = await desk.kit.raises(write, OutcomeUnknown)
    assert error.reference == "w"
    assert "transactions()" in str(error)


async def test_the_errors_of_a_delisting(desk: Desk) -> None:
    for number, (status, error, details) in enumerate(desk.samples["errors"]["delist"]):
        desk.server.routes[desk.DELIST] = desk.error(status, error, details)
        kind = {401: Unauthorized, 500: OutcomeUnknown}.get(status, Refused)
        write = desk.client().delist(desk.USER, desk.TOKEN, deal_id=12, reference=f"d{number}")
        found: VenueError = await desk.kit.raises(write, kind)
        if isinstance(found, Refused):
            assert (found.status, found.message, found.details) == (status, error, details)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"{}",
        b"[]",
        b'{"success":true,"message":"done"}',
        b'{"success":false,"message":"no"}',
        b'{"success":true,"data":null}',
        b'{"transaction_id":""}',
        b'{"transaction_id":7}',
        b'{"transaction_id":"../x"}',
        b'{"transaction_id":"a","transaction_id":"b"}',
        b'{"error":"Invalid parameters"}',
        json.dumps(SELL["response"]["body"] | {"success": False}).encode(),
        json.dumps(SELL["response"]["body"] | {"transaction_id": "6913872755654191dede37da"}).encode(),
        json.dumps(SELL["response"]["body"]).replace('"deal_id": 15', '"deal_id": 15.0').encode(),
        json.dumps(SELL["response"]["body"]).replace('"deal_id": 15', '"deal_id": null').encode(),
        json.dumps(SELL["response"]["body"]).replace('"amount": 120', '"amount": "NaN"').encode(),
        json.dumps(SELL["response"]["body"]).replace("68ae06cfcccf4e8fc19362d1", "68ae06cfcccf4e8fc19362d2").encode(),
        json.dumps(SELL["response"]["body"]).replace('"quantity": 10', '"quantity": 11').encode(),
    ],
)
async def test_any_other_answer_leaves_it_open(desk: Desk, body: bytes) -> None:
    desk.server.routes[desk.SELL] = desk.kit.http(200, body)
    client = desk.client()
    error = await desk.kit.raises(sell(client, desk, "x"), OutcomeUnknown)
    assert error.reference == "x"
    await desk.kit.raises(sell(client, desk, "x"), OutcomeUnknown)
    assert desk.server.count(desk.SELL) == 1


@pytest.mark.parametrize("status", [301, 400, 404, 408, 502])
async def test_an_answer_without_the_error_envelope_leaves_it_open(desk: Desk, status: int) -> None:
    desk.server.routes[desk.SELL] = desk.kit.http(status, b'{"message":"x"}', {"Location": "https://elsewhere.example.invalid/"})
    await desk.kit.raises(sell(desk.client(), desk), OutcomeUnknown)


async def test_a_401_is_not_sent_again_by_itself_and_the_reference_stays_good(desk: Desk) -> None:
    desk.server.routes[desk.SELL] = [desk.error(401, "Authentication required"), desk.answer(SELL["response"]["body"])]
    client = desk.client()
    await desk.kit.raises(sell(client, desk), Unauthorized)
    assert desk.server.count(desk.SELL) == 1
    assert (await sell(client, desk)).deal_id == 15
    assert desk.server.count(desk.LOGIN) == 2
    first, second = (request.body for request in desk.server.seen if request.path == desk.SELL)
    assert first == second


async def test_nothing_there(desk: Desk) -> None:
    client = desk.client()
    await client.authenticate()
    desk.server.close()
    error = await desk.kit.raises(sell(client, desk, "x"), Unreachable)
    assert "x" not in [write.reference for write in await client.open_writes(desk.USER)]
    assert str(error)


# What is refused before anything is sent

WRONG: list[dict[str, Any]] = [
    {"quantity": 0},
    {"quantity": -1},
    {"quantity": True},
    {"quantity": 1.0},
    {"quantity": Decimal(1)},
    {"quantity": "1"},
    {"quantity": 2**53},
    {"price": 12},
    {"price": Decimal(12)},
    {"price": Money(Decimal(0), 6, "USDT")},
    {"price": Money(Decimal(-1), 6, "USDT")},
    {"price": Money(Decimal("0.0000001"), 6, "USDT")},
    {"price": Money(Decimal(12), 6, "")},
    {"price": Money(Decimal(12), -1, "USDT")},
    {"price": Money(Decimal("1.2345678901234567890"), 18, "USDT")},
    {"price": Money(Decimal(2**53), 0, "USDT")},
    {"price": PriceIn(CURRENCY, 1.5)},  # type: ignore[arg-type]
    {"price": PriceIn(CURRENCY, True)},
    {"price": PriceIn(CURRENCY, Decimal("NaN"))},
    {"price": PriceIn(CURRENCY, Decimal("1e999"))},
    {"price": PriceIn(CURRENCY, Decimal("1e-999"))},
    {"price": PriceIn("a/b", 1), "expires_at": None},
    {"price": PriceIn(CURRENCY, 1), "expires_at": EXPIRES},
    {"expires_at": datetime(2024, 2, 15, 10, 30)},  # noqa: DTZ001 - a wrong one
    {"expires_at": "2024-02-15T10:30:00Z"},
    {"expires_at": 1707993000},
    {"expires_at": datetime.min.replace(tzinfo=timezone(timedelta(hours=1)))},
    {"user_id": ""},
    {"user_id": "a/b"},
    {"user_id": ".."},
    {"token_id": "a?b"},
    {"token_id": "a\nb"},
    {"token_id": None},
    {"reference": ""},
    {"reference": "a\nb"},
    {"reference": "x" * 129},
    {"reference": None},
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
async def test_a_wrong_sale_is_not_sent(desk: Desk, wrong: dict[str, Any]) -> None:
    right: dict[str, Any] = {"user_id": desk.USER, "token_id": desk.TOKEN, "quantity": 10, "price": PRICE, "reference": "r"}
    await desk.kit.raises(desk.client().sell(**(right | wrong)), InvalidInput)
    assert not desk.server.seen


@pytest.mark.parametrize("deal_id", [-1, 1.0, True, "13", "deal_13", 2**53, None])
async def test_a_wrong_deal_is_not_sent(desk: Desk, deal_id: Any) -> None:
    client = desk.client()
    await desk.kit.raises(client.delist(desk.USER, desk.TOKEN, deal_id=deal_id, reference="r"), InvalidInput)
    await desk.kit.raises(client.buy_secondary(desk.USER, desk.TOKEN, quantity=1, deal_id=deal_id, reference="r"), InvalidInput)
    assert not desk.server.seen


def test_money_takes_no_float() -> None:
    for wrong in (12.5, True, "12", None):
        with pytest.raises(InvalidInput):
            Money(wrong, 6, "USDT")  # type: ignore[arg-type]
    assert Money(12, 6, "USDT") == Money(Decimal(12), 6, "USDT")  # type: ignore[arg-type]
    assert Money(Decimal("0.28"), 6, "VUSD").units == 280_000


async def test_a_write_needs_a_ledger(desk: Desk) -> None:
    await desk.kit.raises(sell(desk.client(ledger=None), desk), InvalidInput)
    assert not desk.server.seen


@pytest.mark.parametrize("wrong", [{"instance": ""}, {"instance": "a b"}, {"instance": None}, {"ledger": "bot.db"}, {"password": "a\nb"}])
def test_a_wrong_client(desk: Desk, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as raised:
        desk.client(**wrong)
    assert "a\nb" not in str(raised.value)


def test_its_text_tells_no_secret(desk: Desk, watch: Watch) -> None:
    shown = repr(desk.client())
    assert "instance='test'" in shown
    assert not watch.leaks(shown)


# Numbers as they are sent


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (12, b"12"),
        (Decimal("12.5"), b"12.5"),
        (Decimal("12.50"), b"12.5"),
        (Decimal("12.00"), b"12"),
        (Decimal("1E+3"), b"1000"),
        (Decimal("0.1"), b"0.1"),
        (Decimal("0.28"), b"0.28"),
        (Decimal("1.005"), b"1.005"),
        (Decimal("123456789.012345"), b"123456789.012345"),
        (Decimal("0.000001"), b"0.000001"),
    ],
)
async def test_a_price_is_sent_digit_by_digit(desk: Desk, amount: Any, text: bytes) -> None:
    desk.server.routes[desk.SELL] = desk.answer(desk.samples["asynchronous"])
    client = desk.client()
    await client.sell(desk.USER, desk.TOKEN, quantity=1, price=PriceIn(CURRENCY, amount), reference="b")
    assert desk.server.last(desk.SELL).body == b'{"quantity":1,"price_id":"%s","price_amount":%s}' % (CURRENCY.encode(), text)
    await client.sell(desk.USER, desk.TOKEN, quantity=1, price=Money(amount, 6, "USDT"), reference="a")
    assert desk.server.last(desk.SELL).body == b'{"quantity":1,"price":{"amount":%s,"decimal":6,"symbol":"USDT"}}' % text


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (EXPIRES, "2024-02-15T10:30:00Z"),
        (EXPIRES.astimezone(timezone(timedelta(hours=3))), "2024-02-15T10:30:00Z"),
        (EXPIRES.replace(microsecond=250_000), "2024-02-15T10:30:00.250000Z"),
    ],
)
async def test_a_moment_is_sent_in_utc(desk: Desk, moment: datetime, text: str) -> None:
    desk.server.routes[desk.SELL] = desk.answer(desk.samples["asynchronous"])
    await desk.client().sell(desk.USER, desk.TOKEN, quantity=1, price=PRICE, expires_at=moment, reference="a")
    assert desk.server.last(desk.SELL).json["expires_at"] == text
