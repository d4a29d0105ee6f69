"""Order query, positions, estimate, token address and the public pages."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import pytest

ORDERS = "/api/v1/orders"
USDC = "0x5f3733f382ab5d464D39742Bb3840898cD24E6a0"


@pytest.fixture
async def stocked(local_bot: Any) -> Any:
    """A maker with six orders that differ in every field."""
    bot = await local_bot(seed_shares=1000)
    first = await bot.nonce()
    deadline = int(time.time()) + 800 * 3600
    rows = [
        ("AAPL", True, 5, 1, 10, USDC),
        ("AAPL", False, 4, 10, 20, None),
        ("AMZN", True, 3, 100, 30, None),
        ("TSLA", True, 2, 6, 40, None),
        ("TSLA", False, 1, 11, 50, None),
        ("MSFT", True, 6, 21, 60, None),
    ]
    created = []
    for i, (ticker, is_buy, price, quantity, incentive, asset) in enumerate(rows):
        terms = {"price": str(price * 10**18), "incentive": str(incentive * 10**18), "deadline": deadline + i * 60}
        terms |= {"asset": asset} if asset else {}
        terms |= {"principal": "0x" + "0a" * 20} if ticker == "MSFT" else {}
        created.append(await bot.create(quantity, nonce=first + i, ticker=ticker, is_buy=is_buy, **terms))
    await bot.until(created[3]["id"], "filled")
    bot.created, bot.first, bot.deadline = created, first, deadline
    return bot


async def found(bot: Any, **params: Any) -> list[int]:
    """Return which of the six orders a query finds, oldest first."""
    ids = [order["id"] for order in bot.created]
    return [ids.index(order["id"]) for order in (await bot.get(ORDERS, sort_order="asc", **params))["orders"]]


async def test_filters(stocked: Any) -> None:
    bot, wei = stocked, 10**18
    everything = [0, 1, 2, 3, 4, 5]
    expected: list[tuple[dict[str, Any], list[int]]] = [
        ({}, everything),
        ({"ticker": "TSLA"}, [3, 4]),
        ({"ticker": "SL"}, []),
        ({"ticker": "SL", "ticker_like": "true"}, [3, 4]),
        ({"ticker": "a", "ticker_like": "true"}, [0, 1, 2, 3, 4]),
        ({"ticker": "SL", "ticker_like": "false"}, []),
        ({"ticker": "NOPE"}, []),
        ({"exchange": 0}, everything),
        ({"exchange": 1}, []),
        ({"asset": USDC}, [0]),
        ({"asset": USDC.lower()}, [0]),
        ({"principal": "0x" + "0A" * 20}, [5]),
        ({"is_buy": "true"}, [0, 2, 3, 5]),
        ({"is_buy": "false"}, [1, 4]),
        ({"nonce": bot.first + 2}, [2]),
        ({"nonce": bot.first + 99}, []),
        ({"order_hash": bot.created[4]["order_hash"]}, [4]),
        ({"order_hash": "0x00"}, []),
        ({"price_min": 3 * wei}, [0, 1, 2, 5]),
        ({"price_max": 3 * wei}, [2, 3, 4]),
        ({"price_min": 2 * wei, "price_max": 3 * wei}, [2, 3]),
        ({"quantity_min": 11}, [2, 4, 5]),
        ({"quantity_max": 6}, [0, 3]),
        ({"incentive_min": 50 * wei}, [4, 5]),
        ({"incentive_max": 10 * wei}, [0]),
        ({"filled_quantity_min": 1}, [3]),
        ({"filled_quantity_max": 0}, [0, 1, 2, 4, 5]),
        ({"status": "filled"}, [3]),
        ({"status": "pending,filled"}, everything),
        ({"status": "suspended"}, []),
        ({"deadline_after": bot.deadline + 240}, [4, 5]),
        ({"deadline_before": bot.deadline + 59}, [0]),
        ({"created_after": int(time.time()) + 1000}, []),
        ({"created_before": int(time.time()) + 1000}, everything),
        ({"is_buy": "true", "ticker": "AAPL", "status": "pending"}, [0]),
        ({"unheard_of": "x"}, everything),
    ]
    for params, indexes in expected:
        assert await found(bot, **params) == indexes, params


async def test_sorting(stocked: Any) -> None:
    bot = stocked
    for key, order in (
        ("price", [4, 3, 2, 1, 0, 5]),
        ("quantity", [0, 3, 1, 4, 5, 2]),
        ("incentive", None),
        ("deadline", None),
        ("created_at", None),
    ):
        ascending = order or [0, 1, 2, 3, 4, 5]
        assert await found(bot, sort_by=key) == ascending
        for params in ({"sort_by": key, "sort_order": "desc"}, {"sort_by": key}):
            down = [item["id"] for item in (await bot.get(ORDERS, **params))["orders"]]
            assert down == [bot.created[i]["id"] for i in reversed(ascending)]


async def test_paging(stocked: Any) -> None:
    bot = stocked
    whole = await bot.get(ORDERS)
    assert {name: whole[name] for name in whole if name != "orders"} == {"total": 6, "page": 1, "page_size": 20, "total_pages": 1}
    pages = [await bot.get(ORDERS, page=page, page_size=4) for page in (1, 2, 3)]
    assert [len(page["orders"]) for page in pages] == [4, 2, 0]
    assert all((page["total"], page["page_size"], page["total_pages"]) == (6, 4, 2) for page in pages)
    assert [order for page in pages for order in page["orders"]] == whole["orders"]


@pytest.mark.parametrize("rule", ["clamped", "refused"])
async def test_more_than_a_hundred_a_page(local_bot: Any, kit: Any, rule: str) -> None:
    bot = await local_bot(seed=kit.seed_where(large_page_size=rule))
    for path in (ORDERS, "/api/v1/positions"):
        assert (await bot.get(path, page_size=100))["page_size"] == 100
        reply = await bot.client.get(path, params={"page_size": 101}, headers=bot.headers)
        if rule == "clamped":
            assert bot.data(reply)["page_size"] == 100
        else:
            bot.refusal(reply)


BAD_PARAMETERS = [
    "page=0", "page=-1", "page=x", "page=", "page=1.5", "page_size=0", "page_size=x", "page=" + "9" * 400, "is_buy=1",
    "is_buy=yes", "ticker_like=", "exchange=NASDAQ", "nonce=1e3", "nonce=x", "price_min=1.5", "price_min=-1", "price_max=x",
    "quantity_min=" + "9" * 400, "filled_quantity_max=\u0663", "status=open", "status=", "status=pending,",
    "deadline_after=2025-01-01", "created_before=x", "sort_by=ticker", "sort_by=", "sort_order=up", "principal=me",
    "asset=0x12", "principal=",
]  # fmt: skip


@pytest.mark.parametrize("query", BAD_PARAMETERS, ids=lambda query: query[:20])
async def test_an_ill_formed_parameter_is_refused(local_bot: Any, query: str) -> None:
    bot = await local_bot()
    bot.refusal(await bot.client.get(f"{ORDERS}?{query}", headers=bot.headers))


async def test_orders_of_others_are_out_of_sight(remote: Any) -> None:
    bot, other = await remote(), await remote()
    created = await bot.create(1)
    assert (await other.get(ORDERS))["total"] == 0
    assert (await other.get(ORDERS, order_hash=created["order_hash"]))["total"] == 0
    other.refusal(await other.client.get(f"{ORDERS}/{created['id']}", headers=other.headers))


async def test_queries_can_speak_wei(local_bot: Any) -> None:
    bot = await local_bot(quantity_unit="wei")
    created = await bot.create(2)
    assert created["quantity"] == "2"
    order = await bot.until(created["id"], "partially_filled")
    (listed,) = (await bot.get(ORDERS, quantity_min=2 * 10**18, filled_quantity_max=10**18))["orders"]
    assert listed == order
    assert (order["quantity"], order["filled_quantity"], order["fills"][0]["fill_quantity"]) == (str(2 * 10**18), str(10**18), str(10**18))
    assert order["fills"][0]["fill_amount"] == order["price"]


async def test_positions(local_bot: Any) -> None:
    bot = await local_bot(seed_shares=7)
    page = await bot.get("/api/v1/positions", page_size=3, page=2)
    assert (page["total"], page["page"], page["page_size"], page["total_pages"]) == (8, 2, 3, 3)
    assert [item["ticker"] for item in page["positions"]] == ["META", "MSFT", "NFLX"]
    like_a = await bot.get("/api/v1/positions", ticker="A", ticker_like="true")
    assert [item["ticker"] for item in like_a["positions"]] == ["AAPL", "AMZN", "META", "NVDA", "TSLA"]
    (item,) = (await bot.get("/api/v1/positions", ticker="AAPL"))["positions"]
    assert (item["balance"], item["locked_balance"], item["available_balance"]) == ("7", "0", "7")
    assert item["avg_price"] == str(260 * 10**18)


async def test_the_estimate_divides_by_the_exchange_rate(remote: Any) -> None:
    bot = await remote()
    quote = await bot.estimate(100)
    assert quote.keys() == {
        "base_currency",
        "charge_base",
        "target_currency",
        "charge_target",
        "price_base",
        "price_target",
        "exchange_rate",
    }
    assert (quote["base_currency"], quote["target_currency"], quote["price_base"]) == ("USD", "USDT", "260")
    assert isinstance(quote["exchange_rate"], float)
    assert 0.99 <= quote["exchange_rate"] <= 1.01
    rate = Decimal(repr(quote["exchange_rate"]))
    for base, target in (("price_base", "price_target"), ("charge_base", "charge_target")):
        exact = Decimal(quote[base]) / rate * 10**18
        assert abs(Decimal(quote[target]) / exact - 1) < Decimal("1e-14")
    assert Decimal("3.2") < Decimal(quote["charge_base"]) < Decimal("3.6")
    assert quote["price_target"].endswith("00")
    assert Decimal((await bot.estimate(1, "0.01"))["charge_base"]) == Decimal("0.01")
    assert (await bot.estimate(1, target_currency="USDC"))["target_currency"] == "USDC"
    await bot.estimate(10**11, "999999999999.999999999999999999")


@pytest.mark.parametrize(
    "changes",
    [
        {"price": "0"}, {"price": "-1"}, {"price": 260}, {"price": "1e3"}, {"price": "NaN"}, {"price": "9" * 50},
        {"quantity": "0"}, {"quantity": "1.5"},
        {"quantity": 100}, {"ticker": "DOGE"}, {"exchange": 3}, {"exchange": "0"}, {"asset": "0x0000000000000000000000000000000000000001"},
        {"asset": ""}, {"target_currency": "EUR"}, {"target_currency": None}, {"is_buy": "yes"}, {"more": 1},
    ],
)  # fmt: skip
async def test_a_bad_estimate_request_is_refused(local_bot: Any, kit: Any, changes: dict[str, Any]) -> None:
    bot = await local_bot()
    body = {"is_buy": True, "ticker": "AAPL", "exchange": 0, "quantity": "100", "price": "260", "asset": kit.USDT}
    bot.refusal(await bot.post("/api/v1/orders/estimate_charge", body | changes))


async def test_the_token_address_page_and_its_third_error_form(remote: Any) -> None:
    bot = await remote()
    path = "/api/v1/instruments/token-address"
    found = await bot.get(path, ticker="AAPL", exchange=0)
    assert found.keys() == {"ticker", "name", "exchange_id", "token_address"}
    (position,) = (await bot.get("/api/v1/positions", ticker="AAPL"))["positions"]
    assert found["token_address"] == position["token_address"]
    for params, text in (
        ({"exchange": "0"}, "ticker parameter is required"),
        ({"ticker": "AAPL"}, "exchange parameter is required"),
        ({"ticker": "DOGE", "exchange": "0"}, "Instrument not found"),
        ({"ticker": "AAPL", "exchange": "9"}, "Instrument not found"),
        ({"ticker": "AAPL", "exchange": "x" * 5000}, "Instrument not found"),
    ):
        reply = await bot.client.get(path, params=params, headers=bot.headers)
        assert reply.json() == {"error": text}
        assert "date" in reply.headers


async def test_public_pages(local_bot: Any) -> None:
    bot = await local_bot()
    for price, is_buy in ((1, True), (2, True), (2, True), (4, False), (3, False)):
        await bot.create(10, is_buy=is_buy, price=str(price * 10**18 + 5 * 10**17))
    book = bot.data(await bot.client.get("/api/v1/tickers/AAPL/orderbooks?exchange=0"))
    assert book.keys() == {"symbol", "market", "ask", "bid", "time"}
    assert book["bid"] == [{"price": "2.5", "volume": "20"}, {"price": "1.5", "volume": "10"}]
    assert book["ask"] == [{"price": "3.5", "volume": "10"}, {"price": "4.5", "volume": "10"}]
    stats = bot.data(await bot.client.get("/api/v1/tickers/AAPL/stats?exchange=0"))
    assert (stats["orders"], stats["volume"]) == (5, "50")
    assert bot.data(await bot.client.get("/api/v1/stats"))["total_orders"] == 5
    for path in ("/api/v1/tickers/AAPL/stats", "/api/v1/tickers/DOGE/stats?exchange=0", "/api/v1/tickers/AAPL/orderbooks?exchange=7"):
        bot.refusal(await bot.client.get(path))
