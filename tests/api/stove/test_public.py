"""What is public, and what is pending for a maker: the documented requests and answers, and answers that are not believed."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from orderseal.api import stove
from orderseal.api.transport import Retries
from orderseal.signing import Address, InvalidInput, InvalidReply, Refused

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.api.conftest import Kit, RawServer
    from tests.api.stove.conftest import Desk


@pytest.fixture
async def public(server: RawServer) -> AsyncIterator[stove.AsyncPublic]:
    async with stove.AsyncPublic(stove.TESTNET.at(server.url), retries=Retries.none()) as made:
        yield made


async def test_the_statistics(desk: Desk, kit: Kit, server: RawServer, public: stove.AsyncPublic) -> None:
    exchange = desk.EXCHANGES["stats"]
    server.routes[exchange["path"]] = kit.http(200, exchange["text"].encode())
    found = await public.stats()
    (sent,) = server.seen
    assert (sent.method, sent.target, sent.body) == ("GET", exchange["path"], b"")
    assert not {"authorization", "x-api-key"} & set(sent.headers)
    assert (found.total_user_addresses, found.total_orders, found.total_instruments) == (120, 5321, 42)
    assert (found.total_balance, found.total_minted_tokens, found.total_market_value) == (497438, 672273, Decimal("1544.32"))


async def test_the_order_book(desk: Desk, kit: Kit, server: RawServer, public: stove.AsyncPublic) -> None:
    exchange = desk.EXCHANGES["order_book"]
    server.routes[exchange["path"]] = kit.ok(exchange["data"])
    found = await public.order_book("AAPL")
    assert (server.seen[0].method, server.seen[0].target) == ("GET", exchange["path"] + "?exchange=0")
    assert found == stove.OrderBook(
        symbol="AAPL",
        market="usex",
        ask=(stove.Level(Decimal("150.25"), Decimal(100)), stove.Level(Decimal("150.30"), Decimal(200))),
        bid=(stove.Level(Decimal("150.20"), Decimal(150)), stove.Level(Decimal("150.15"), Decimal(250))),
        time=datetime(2025, 1, 17, 3, 0, 24, tzinfo=UTC),
    )


async def test_numbers_in_a_book_are_read_by_their_digits(desk: Desk, kit: Kit, server: RawServer, public: stove.AsyncPublic) -> None:
    """The page declares decimals and shows strings."""
    text = b'{"code":0,"data":{"symbol":"aapl","market":"usex","bid":[],"ask":[{"price":0.1000000000000000055,"volume":6.0}],'
    server.otherwise = kit.http(200, text + b'"time":"2026-01-19T06:55:49.301529733Z"}}')
    found = await public.order_book("AAPL", exchange=3)
    assert found.ask == (stove.Level(Decimal("0.1000000000000000055"), Decimal("6.0")),)
    assert server.seen[0].query == {"exchange": "3"}


async def test_the_statistics_of_a_stock(desk: Desk, kit: Kit, server: RawServer, public: stove.AsyncPublic) -> None:
    exchange = desk.EXCHANGES["ticker_stats"]
    server.routes[exchange["path"]] = kit.ok(exchange["data"])
    found = await public.ticker_stats("AAPL")
    assert (server.seen[0].method, server.seen[0].target) == ("GET", exchange["path"] + "?exchange=0")
    assert found == stove.TickerStats(
        ticker="AAPL", name="Apple Inc.", address=Address(desk.ADDRESS), exchange=0, orders=12, volume=Decimal(3456)
    )


WRONG: list[tuple[str, dict[str, Any]]] = [
    ("order_book", {"symbol": "MSFT"}),
    ("order_book", {"ask": [{"price": "NaN", "volume": "1"}]}),
    ("order_book", {"ask": [{"price": "Infinity", "volume": "1"}]}),
    ("order_book", {"ask": [{"price": "-1", "volume": "1"}]}),
    ("order_book", {"ask": [{"price": "0", "volume": "1"}]}),
    ("order_book", {"bid": [{"price": "1", "volume": "-1"}]}),
    ("order_book", {"bid": [{"price": "1e999999", "volume": "1"}]}),
    ("order_book", {"bid": [{"price": "1"}]}),
    ("order_book", {"bid": None}),
    ("order_book", {"time": 1737082824}),
    ("order_book", {"time": "2025-01-17T03:00:24"}),
    ("ticker_stats", {"ticker": "MSFT"}),
    ("ticker_stats", {"exchange": 1}),
    ("ticker_stats", {"address": "0x12"}),
    ("ticker_stats", {"volume": "NaN"}),
    ("ticker_stats", {"volume": "many"}),
    ("ticker_stats", {"orders": "12"}),
]


@pytest.mark.parametrize(("name", "changes"), WRONG, ids=str)
async def test_public_answers_that_are_not_believed(
    desk: Desk, kit: Kit, server: RawServer, public: stove.AsyncPublic, name: str, changes: dict[str, Any]
) -> None:
    server.otherwise = kit.ok(desk.EXCHANGES[name]["data"] | changes)
    await kit.raises(getattr(public, name)("AAPL"), InvalidReply)


@pytest.mark.parametrize("value", ["NaN", "1e99", "-1"])
async def test_statistics_that_cannot_be(desk: Desk, kit: Kit, server: RawServer, public: stove.AsyncPublic, value: str) -> None:
    text = desk.EXCHANGES["stats"]["text"].replace("1544.32", f'"{value}"')
    server.otherwise = kit.http(200, text.encode())
    await kit.raises(public.stats(), InvalidReply)


@pytest.mark.parametrize("ticker", ["../orders", "aapl", "", "AAPL/..", "A%2F", None, 5], ids=ascii)
async def test_a_ticker_that_would_name_another_endpoint(kit: Kit, server: RawServer, public: stove.AsyncPublic, ticker: Any) -> None:
    await kit.raises(public.order_book(ticker), InvalidInput)
    await kit.raises(public.ticker_stats(ticker), InvalidInput)
    assert not server.seen


async def test_a_public_refusal(kit: Kit, server: RawServer, public: stove.AsyncPublic) -> None:
    server.otherwise = kit.refusal(400001, "Invalid parameter", status=200)
    assert (await kit.raises(public.stats(), Refused)).code == 400001
    assert repr(public) == "AsyncPublic('Stove test network (BSC Testnet)')"
    with pytest.raises(InvalidInput):
        stove.AsyncPublic("stove")  # type: ignore[arg-type]  # what a user may try


# Corporate actions


async def test_corporate_actions(desk: Desk, kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    exchange, signer = desk.EXCHANGES["corporate_actions"], kit.signer()
    action = exchange["action"] | {"maker": str(signer.address).lower()}
    server.routes[exchange["path"]] = kit.ok({"actions": [action]})
    client = client_of(server.url, signer)
    (found,) = await client.corporate_actions()
    assert server.seen[-1].target == exchange["path"]
    assert server.seen[-1].token == server.tokens[0]
    assert (found.holding_qty, found.action_qty, found.action_type) == (Decimal(100), Decimal(400), "stock_split")
    assert found.params == stove.ActionParams(split_ratio=Decimal(4), compensation_per_share=Decimal(0), fee_amount=Decimal(0))
    assert await client.corporate_actions(token=desk.ADDRESS) == (found,)
    assert server.seen[-1].query == {"token": str(Address(desk.ADDRESS))}
    server.routes[exchange["path"]] = kit.ok({"actions": None})
    assert await client.corporate_actions() == ()


@pytest.mark.parametrize(
    "changes",
    [{"maker": "0x" + "12" * 20}, {"holding_qty": "NaN"}, {"action_qty": None}, {"token_address": "0x"}, {"created_at": 5}, {"params": []},
     {"params": {"split_ratio": "four"}}],
    ids=str,
)  # fmt: skip
async def test_corporate_actions_that_are_not_believed(
    desk: Desk, kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient], changes: dict[str, Any]
) -> None:
    exchange, signer = desk.EXCHANGES["corporate_actions"], kit.signer()
    server.routes[exchange["path"]] = kit.ok({"actions": [exchange["action"] | {"maker": str(signer.address)} | changes]})
    await kit.raises(client_of(server.url, signer).corporate_actions(), InvalidReply)


async def test_corporate_actions_of_another_stock(
    desk: Desk, kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]
) -> None:
    exchange, signer = desk.EXCHANGES["corporate_actions"], kit.signer()
    server.routes[exchange["path"]] = kit.ok({"actions": [exchange["action"] | {"maker": str(signer.address)}]})
    await kit.raises(client_of(server.url, signer).corporate_actions(token="0x" + "77" * 20), InvalidReply)
