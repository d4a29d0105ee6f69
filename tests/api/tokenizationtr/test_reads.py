"""The reads: each asks as it is documented, understands each documented reply, and gives it back; both styles of pages."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from orderseal.api import tokenizationtr
from orderseal.api.tokenizationtr import Money, TokenStatus, TokenTransactionType, TokenValue, UserTransactionType
from orderseal.api.transport import Limits, Retries
from orderseal.signing import InvalidInput, InvalidReply, Refused, Unauthorized, Unreachable, VenueError

if TYPE_CHECKING:
    from tests.api.tokenizationtr.conftest import Desk

ENCODER = msgspec.json.Encoder(decimal_format="number")
USER_ID, TOKEN_ID = "680c02896d91ca0145cfeb81", "68ae06cfcccf4e8fc19362d1"
NEVER = "0001-01-01T00:00:00Z"


def plain(value: object) -> Any:
    """A sample as its type gives it back: without what was ``null`` or never."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items() if item is not None and item != NEVER}
    return [plain(item) for item in value] if isinstance(value, list) else value


def back(value: object) -> Any:
    return json.loads(ENCODER.encode(value))


async def rows(items: Any) -> list[Any]:
    return [item async for item in items]


Ask = Callable[[tokenizationtr.AsyncClient], Any]

PAGED: list[tuple[str, Ask, str, str, dict[str, Any], list[str]]] = [
    ("POST", lambda c: c.token_deals(USER_ID, TOKEN_ID), "/v2/users/secondary-markets/users/{u}/tokens/{t}", "nested", {}, ["token_deal"]),
    ("POST", lambda c: c.deals(), "/v2/users/secondary-markets/group-search", "nested", {}, ["group_deal"]),
    ("POST", lambda c: c.user_deals(USER_ID), "/v2/users/secondary-markets/users/{u}/group-search", "nested", {}, ["user_deal"]),
    ("POST", lambda c: c.purchases(USER_ID), "/v2/users/purchases/users/{u}/search", "nested", {}, ["purchase"]),
    (
        "POST",
        lambda c: c.purchases(USER_ID, token_id=TOKEN_ID),
        "/v2/users/purchases/users/{u}/search",
        "nested",
        {"token_id": TOKEN_ID},
        ["purchase"],
    ),
    (
        "POST",
        lambda c: c.grouped_purchases(USER_ID, is_for_secondary=False, is_for_otc=True),
        "/v2/users/purchases/users/{u}/group-search",
        "nested",
        {"is_for_secondary": False, "is_for_otc": True},
        ["purchase"],
    ),
    ("POST", lambda c: c.grouped_purchases(USER_ID), "/v2/users/purchases/users/{u}/group-search", "nested", {}, ["purchase"]),
    ("GET", lambda c: c.transactions(USER_ID), "/v2/users/users/{u}/transactions", "flat", {}, ["user_transactions"]),
    ("POST", lambda c: c.token_transactions(TOKEN_ID), "/v2/admin/token/{t}/transactions/search", "flat", {}, ["token_transaction"]),
    ("GET", lambda c: c.currencies(), "/v2/admin/currency-tokens/active", "flat", {}, ["currency"]),
]


@pytest.mark.parametrize("style", ["documented", "other"])
@pytest.mark.parametrize(("method", "ask", "path", "paging", "more", "names"), PAGED)
async def test_each_paged_read(
    desk: Desk, method: str, ask: Ask, path: str, paging: str, more: dict[str, Any], names: list[str], style: str
) -> None:
    path = path.replace("{u}", USER_ID).replace("{t}", TOKEN_ID)
    sample = desk.samples[names[0]]
    samples = sample if isinstance(sample, list) else [sample]
    nested = (paging == "nested") is (style == "documented")
    shown = {"pagination": {"current_page": 1, "per_page": 20, "total": len(samples), "total_pages": 1}}
    desk.server.routes[path] = desk.answer({"data": samples, **(shown if nested else {"total": len(samples), "page": 1, "per_page": 20})})
    found = await rows(ask(desk.client()))
    assert [back(row) for row in found] == plain(samples)
    assert desk.server.count(path) == 1
    request = desk.server.last(path)
    assert request.method == method
    assert request.headers["authorization"] == f"Bearer {desk.server.tokens[-1]}"
    if method == "GET":
        assert desk.query(request) == {"page": ["1"], "per_page": ["20"]}
        assert not request.body
    else:
        assert request.headers["content-type"] == "application/json"
        assert request.json == {"page": 1, "per_page": 20, **more}
    assert all("Somebody" not in repr(row) and "Nobody" not in repr(row) for row in found)


@pytest.mark.parametrize("empty", [[], None])
async def test_a_page_without_rows(desk: Desk, empty: Any) -> None:
    """``null`` is how the platform's language writes an empty list."""
    desk.server.otherwise = desk.answer({"data": empty, "total": 0, "page": 1, "per_page": 20})
    for _, ask, *_ in PAGED:
        assert await rows(ask(desk.client())) == []


async def test_pages_follow_one_another(desk: Desk) -> None:
    purchases = [desk.samples["purchase"] | {"id": f"p{number}"} for number in range(45)]
    desk.server.routes[f"{desk.PURCHASES}/search"] = desk.nested(*purchases)
    transactions = [desk.samples["user_transactions"][0] | {"id": f"t{number}"} for number in range(5)]
    desk.server.routes[desk.TRANSACTIONS] = desk.flat(*transactions)
    client = desk.client()
    assert [row.id for row in await rows(client.purchases(USER_ID))] == [row["id"] for row in purchases]
    assert desk.server.count(f"{desk.PURCHASES}/search") == 3
    assert [row.id for row in await rows(client.transactions(USER_ID, per_page=2))] == [row["id"] for row in transactions]
    assert desk.server.count(desk.TRANSACTIONS) == 3


async def test_types_are_repeated(desk: Desk) -> None:
    desk.server.routes[desk.TRANSACTIONS] = desk.flat()
    client = desk.client()
    await rows(client.transactions(USER_ID, types=[UserTransactionType.BURN, 2, 8]))
    assert desk.query(desk.server.last(desk.TRANSACTIONS)) == {"page": ["1"], "per_page": ["20"], "types": ["8", "2"]}
    for wrong in (["1"], "12", [True], [1.0], [-1]):
        with pytest.raises(InvalidInput):
            await rows(client.transactions(USER_ID, types=wrong))  # type: ignore[arg-type]


async def test_the_filters_of_a_search(desk: Desk) -> None:
    path = f"{desk.MARKETS}/group-search"
    desk.server.routes[path] = desk.nested()
    client = desk.client()
    filters: dict[str, Any] = {
        "token_id": TOKEN_ID,
        "min_price": Decimal("0.50"),
        "max_price": Decimal("12.5"),
        "price_symbol": "USDT",
        "min_quantity": 1,
        "max_quantity": 100,
        "seller_id": USER_ID,
        "status": "active",
    }
    await rows(client.deals(**filters))
    assert desk.server.last(path).json == {"page": 1, "per_page": 20, "filters": filters | {"min_price": 0.5, "max_price": 12.5}}
    assert b'"min_price":0.5,"max_price":12.5,' in desk.server.last(path).body
    wrong: list[dict[str, Any]] = [{"max_price": 12.5}, {"min_quantity": 1.0}, {"status": ""}, {"seller_id": "a\nb"}, {"min_price": 0}]
    for one in wrong:
        with pytest.raises(InvalidInput):
            await rows(client.deals(**one))
    assert desk.server.count(path) == 1


ONE: list[tuple[Ask, str, str]] = [
    (lambda c: c.market(TOKEN_ID), f"/v2/users/secondary-markets/tokens/{TOKEN_ID}", "market"),
    (lambda c: c.token(TOKEN_ID), f"/v2/users/tokens/{TOKEN_ID}", "token_schema"),
    (lambda c: c.token(TOKEN_ID), f"/v2/users/tokens/{TOKEN_ID}", "token_example"),
    (lambda c: c.token_details(TOKEN_ID), f"/v2/admin/tokens/{TOKEN_ID}", "details_newer"),
    (lambda c: c.token_details(TOKEN_ID, singular=True), f"/v2/admin/token/{TOKEN_ID}", "details_older"),
    (
        lambda c: c.transaction(TOKEN_ID, "6913872755654191dede37dd"),
        f"/v2/admin/tokens/{TOKEN_ID}/transactions/6913872755654191dede37dd",
        "token_transaction",
    ),
]


@pytest.mark.parametrize(("ask", "path", "name"), ONE)
async def test_each_read_of_one(desk: Desk, ask: Ask, path: str, name: str) -> None:
    desk.server.routes[path] = desk.answer(desk.samples[name])
    found = await ask(desk.client())
    assert back(found) == plain(desk.samples[name])
    request = desk.server.last(path)
    assert (request.method, request.target, request.body) == ("GET", path, b"")
    assert "Somebody" not in repr(found)


@pytest.mark.parametrize(("ask", "path", "name"), ONE)
async def test_each_documented_error_of_a_read(desk: Desk, ask: Ask, path: str, name: str) -> None:
    for status, error, _ in desk.samples["errors"]["reads"]:
        desk.server.routes[path] = desk.error(status, error)
        kind = {401: Unauthorized, 500: Unreachable}.get(status, Refused)
        found: VenueError = await desk.kit.raises(ask(desk.client()), kind)
        if isinstance(found, Refused):
            assert (found.status, found.message, found.details) == (status, error, None)


@pytest.mark.parametrize(("ask", "path", "name"), ONE[1:])
async def test_the_answer_for_another_is_not_taken(desk: Desk, ask: Ask, path: str, name: str) -> None:
    desk.server.routes[path] = desk.answer(desk.samples[name] | {"id": "another"})
    await desk.kit.raises(ask(desk.client()), InvalidReply)


# Values


async def test_values_keep_their_digits(desk: Desk) -> None:
    deal = ENCODER.encode(desk.samples["token_deal"]).replace(b'"amount":12.5', b'"amount":12.500000000000000000001')
    desk.server.routes[f"{desk.MARKETS}/group-search"] = desk.kit.http(200, b'{"data":[' + deal + b'],"total":1}')
    (found,) = await rows(desk.client().deals())
    assert str(found.price.amount) == "12.500000000000000000001"
    with pytest.raises(InvalidInput):
        _ = found.price.units
    assert Money(Decimal("12.5"), 6, "USDT").units == 12_500_000


async def test_moments(desk: Desk) -> None:
    moments = {
        NEVER: None,
        "0001-01-01T00:00:00+03:00": None,
        "2024-01-15T14:30:00.123456789Z": datetime(2024, 1, 15, 14, 30, 0, 123457, tzinfo=UTC),
        "2024-01-15T17:30:00+03:00": datetime(2024, 1, 15, 14, 30, tzinfo=UTC),
    }
    client = desk.client()
    for text, moment in moments.items():
        desk.server.routes[f"/v2/users/tokens/{TOKEN_ID}"] = desk.answer({"id": TOKEN_ID, "created_at": text})
        assert (await client.token(TOKEN_ID)).created_at == moment
    for wrong in ("2024-01-15T14:30:00", "yesterday", 1705329000):
        desk.server.routes[f"/v2/users/tokens/{TOKEN_ID}"] = desk.answer({"id": TOKEN_ID, "created_at": wrong})
        error = await desk.kit.raises(client.token(TOKEN_ID), InvalidReply)
        assert error.path == "$.created_at"


async def test_both_shapes_of_a_token(desk: Desk) -> None:
    client, path = desk.client(), f"/v2/users/tokens/{TOKEN_ID}"
    desk.server.routes[path] = desk.answer(desk.samples["token_schema"])
    found = await client.token(TOKEN_ID)
    assert (found.value, found.status, found.updated_at) == (Decimal("10.5"), TokenStatus.LISTED, None)
    desk.server.routes[path] = desk.answer(desk.samples["token_example"])
    value = (await client.token(TOKEN_ID)).value
    assert isinstance(value, TokenValue)
    assert (value.salable_value, value.value) == (Decimal(900000), Money(Decimal(10), 6, "USDT"))


async def test_numbers_that_no_document_names_are_carried(desk: Desk) -> None:
    rows_ = [desk.samples["token_transaction"] | {"type": 11}, desk.samples["token_transaction"] | {"type": 77, "status": 99}]
    desk.server.otherwise = desk.flat(*rows_)
    known, unknown = await rows(desk.client().token_transactions(TOKEN_ID))
    assert known.type == TokenTransactionType.OPEN_TO_SECONDARY_MARKET
    assert (unknown.type, unknown.status) == (77, 99)
    assert {hash(known), hash(unknown)} == {hash(known), hash(unknown)}


async def test_what_a_transaction_is_about(desk: Desk) -> None:
    newer, older = desk.samples["user_transactions"]
    odd = newer | {"id": "x", "data": ["something", "else"]}
    desk.server.routes[desk.TRANSACTIONS] = desk.flat(newer, older, odd, newer | {"id": "y", "data": None})
    first, second, third, fourth = await rows(desk.client().transactions(USER_ID))
    details = first.details()
    assert details is not None
    assert (details.quantity, str(details.total_fee_amount), details.price_symbol) == (7, "0.28", "VUSD")
    assert second.details() is None
    assert third.details() is None
    assert json.loads(bytes(third.data)) == ["something", "else"]
    assert fourth.details() is None
    assert "data" not in back(fourth)


HOSTILE = [
    b"",
    b"<html>",
    b"null",
    b"[]",
    b"{}",
    b'{"data":{}}',
    b'{"data":[null]}',
    b'{"data":[{}]}',
    b'{"data":[{"deal_id":"13","quantity":1,"price":{"amount":1,"decimal":6,"symbol":"USDT"}}]}',
    b'{"data":[{"deal_id":13,"quantity":1.5,"price":{"amount":1,"decimal":6,"symbol":"USDT"}}]}',
    b'{"data":[{"deal_id":13,"quantity":1,"price":null}]}',
    b'{"data":[{"deal_id":13,"quantity":1,"price":{"amount":1e99999,"decimal":6,"symbol":"USDT"}}]}',
    b'{"data":[{"deal_id":13,"quantity":1,"price":{"amount":"Infinity","decimal":6,"symbol":"USDT"}}]}',
    b'{"data":[{"deal_id":13,"deal_id":14,"quantity":1,"price":{"amount":1,"decimal":6,"symbol":"USDT"}}]}',
    b'{"data":' + b"[" * 50_000,
    b'{"data":[' + b" " * 200_000,
]


@pytest.mark.parametrize("body", HOSTILE, ids=lambda body: body[:40])
async def test_what_is_no_documented_reply(desk: Desk, body: bytes) -> None:
    desk.server.otherwise = desk.kit.http(200, body)
    await desk.kit.raises(rows(desk.client(limits=Limits(reply_bytes=100_000)).deals()), InvalidReply)


async def test_a_read_is_asked_again_and_a_token_renewed(desk: Desk) -> None:
    path = f"/v2/users/tokens/{TOKEN_ID}"
    good = desk.answer(desk.samples["token_schema"])
    desk.server.routes[path] = [desk.error(503), desk.error(401, "Authentication required"), good]
    assert (await desk.client(retries=Retries(first=0.01, jitter=0.0)).token(TOKEN_ID)).id == TOKEN_ID
    assert (desk.server.count(path), desk.server.count(desk.LOGIN)) == (3, 2)


@pytest.mark.parametrize("ask", [lambda c: c.token("a/b"), lambda c: c.market(""), lambda c: c.transaction("a", "..")])
async def test_an_id_that_would_name_another_end_point(desk: Desk, ask: Ask) -> None:
    await desk.kit.raises(ask(desk.client()), InvalidInput)
    await desk.kit.raises(rows(desk.client().purchases("a%2fb")), InvalidInput)
    await desk.kit.raises(rows(desk.client().grouped_purchases(USER_ID, is_for_otc=1)), InvalidInput)  # type: ignore[arg-type]
    assert not desk.server.seen
