"""What goes over the wire: method, path, headers and body of every request, and that documented replies are understood."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct

from orderseal.api import stove
from orderseal.fixtures import load
from orderseal.signing import (
    Address,
    InvalidInput,
    InvalidReply,
    Order,
    OrdersealError,
    OutcomeUnknown,
    RuleViolation,
    Signature,
    SignedOrder,
    SignerError,
    TypedData,
    recover_signer,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.api.conftest import Kit, RawServer

ESTIMATE = {
    "base_currency": "USD",
    "charge_base": "3.36",
    "target_currency": "USDT",
    "charge_target": "3377745527638190000",
    "price_base": "260",
    "price_target": "261373165829145650000",
    "exchange_rate": 0.994746339683381,
}
POSITIONS = {
    "total": 2,
    "page": 1,
    "page_size": 20,
    "total_pages": 1,
    "positions": [
        {
            "ticker": ticker,
            "exchange": 0,
            "token_address": address,
            "balance": balance,
            "locked_balance": "0",
            "available_balance": balance,
            "avg_price": price,
        }
        for ticker, address, balance, price in (
            ("AAPL", "0xc48eec40...", "6", "256598079145728583333"),
            ("AMZN", "0xfd5d300742...", "12", "233225286432160750000"),
        )
    ],
}
FILL = {
    "id": "f1",
    "order_id": "550e8400-e29b-41d4-a716-446655440000",
    "order_hash": "0x" + "ab" * 32,
    "taker": "0x" + "34" * 20,
    "fill_quantity": "20000000000000000000",
    "fill_amount": "2770000000000000000000",
    "fee_amount": "13850000000000000000",
    "incentive_amount": "200000000000000000",
    "taker_incentive": "200000000000000000",
    "tx_hash": "0x" + "cd" * 32,
    "block_number": 12345678,
    "status": "confirmed",
    "reference_id": "Taker-1737105945abc",
    "created_at": "2025-01-17T03:00:24Z",
}


class DocumentedMaker:
    """Stands for the maker of the documented examples, whose key nobody published: a signer that is taken at its word."""

    address = Address("0x1234567890123456789012345678901234567890")


async def test_the_login_is_the_documented_one(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    signer, before = kit.signer(), int(time.time())
    await client_of(server.url, signer).connect()
    (login,) = server.seen
    assert (login.method, login.target, login.headers["content-type"]) == ("POST", "/api/v1/makers/connect", "application/json")
    assert "authorization" not in login.headers
    assert list(login.json) == ["wallet_address", "chain_id", "message", "signature"]
    assert login.json["wallet_address"] == str(signer.address)
    assert login.json["chain_id"] == "97"
    form = r"Wallet address: (0x[0-9a-fA-F]{40})\nChainId: 97\nTimestamp: (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)\nNonce: ([0-9a-zA-Z-]{16,})"
    match = re.fullmatch(form, login.json["message"])
    assert match
    assert match[1] == str(signer.address)
    moment = datetime.strptime(match[2], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
    assert before <= moment <= time.time()
    recovered = Account.recover_message(encode_defunct(text=login.json["message"]), signature=login.json["signature"])
    assert recovered == str(signer.address)


async def test_a_login_nonce_is_used_once(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    client = client_of(server.url)
    for _ in range(5):
        await client.connect()
    nonces = {login.json["message"].splitlines()[3] for login in server.seen}
    assert len(nonces) == 5


async def test_nothing_is_requested_before_it_is_needed(server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    client_of(server.url)
    assert server.connections == 0


async def test_a_signature_of_somebody_else_is_not_sent_as_a_login(
    kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]
) -> None:
    other = kit.signer()

    class Confused:
        address = kit.signer().address

        def sign_message(self, text: str) -> Signature:
            return other.sign_message(text)

        def sign_typed_data(self, digest: Any, document: Callable[[], TypedData]) -> Signature:
            return other.sign_typed_data(digest, document)

    await kit.raises(client_of(server.url, Confused()).connect(), SignerError)
    assert not server.seen


async def test_create_is_the_documented_request_and_its_reply_is_understood(
    kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange = load("stove/create-order")["usable"]
    body = exchange["request"]["body"]
    order = Order.from_venue(body["order"])
    network = replace(stove.TESTNET.at(server.url))
    signature = Signature(body["signature"])
    signed = SignedOrder(order, network.domain, order.signing_hash(network.domain), signature, order.maker)
    monkeypatch.setattr("orderseal.api.stove.session.sign_text", lambda text, signer: signature)
    client = client_of(server.url, DocumentedMaker(), clock=lambda: order.deadline - 721 * 3600)
    server.routes[kit.ORDERS] = kit.http(exchange["response"]["status"], json.dumps(exchange["response"]["body"]).encode())

    placed = await client.create(signed)

    sent = server.last(kit.ORDERS)
    assert (sent.method, sent.target) == (exchange["request"]["method"], exchange["request"]["path"])
    assert sent.headers["content-type"] == exchange["request"]["headers"]["Content-Type"]
    assert sent.headers["authorization"] == exchange["request"]["headers"]["Authorization"].format(token=server.tokens[0])
    assert sent.headers["host"] == f"127.0.0.1:{server.port}"
    lowered = sent.json | {"order": {key: value.lower() if key in ADDRESSES else value for key, value in sent.json["order"].items()}}
    assert lowered == body
    assert list(sent.json["order"]) == list(body["order"])
    assert [type(value) for value in sent.json["order"].values()] == [type(value) for value in body["order"].values()]

    answered: dict[str, Any] = dict(exchange["response"]["body"]["data"])
    answered |= {key: Address(answered[key]) for key in ADDRESSES}
    answered |= {key: stove.BaseUnits(answered[key]) for key in ("price", "quantity", "incentive", "filled_quantity")}
    answered |= {key: datetime(2025, 1, 17, 3, 0, 24, tzinfo=UTC) for key in ("created_at", "updated_at")}
    assert placed == stove.PlacedOrder(**answered)
    assert not placed.is_final
    assert placed.is_for(order, signature)


ADDRESSES = ("maker", "principal", "asset")


async def test_what_is_sent_is_what_was_signed(kit: Kit, server: RawServer, client_of: Callable[..., stove.AsyncClient]) -> None:
    signer = kit.signer()
    signed = kit.signed_order(signer)
    server.routes[kit.ORDERS] = kit.ok(kit.placed(signed))
    await client_of(server.url, signer).create(signed)
    sent = server.last(kit.ORDERS).json
    order = Order.from_venue(sent["order"])
    assert order == signed.order
    assert recover_signer(order, Signature(sent["signature"]), stove.TESTNET.domain) == signer.address


async def test_the_estimate(server: RawServer, kit: Kit, client_of: Callable[..., stove.AsyncClient]) -> None:
    path = "/api/v1/orders/estimate_charge"
    server.routes[path] = kit.ok(ESTIMATE)
    found = await client_of(server.url).estimate("buy", "AAPL", shares=100, price=Decimal(260), pay_with="USDT")
    sent = server.last(path)
    assert (sent.method, sent.target, sent.headers["authorization"]) == ("POST", path, f"Bearer {server.tokens[0]}")
    assert sent.json == {
        "is_buy": True,
        "ticker": "AAPL",
        "exchange": 0,
        "quantity": "100",
        "price": "260",
        "asset": "0x09671802Cc9Bbf6402f2e7a07b220Aa7b43D8c91",
        "target_currency": "USDT",
    }
    assert found == stove.Estimate(
        base_currency="USD",
        charge_base=Decimal("3.36"),
        target_currency="USDT",
        charge_target=stove.BaseUnits(3377745527638190000),
        price_base=Decimal(260),
        price_target=stove.BaseUnits(261373165829145650000),
        exchange_rate=Decimal("0.994746339683381"),
    )


@pytest.mark.parametrize(("price", "text"), [("1e2", "100"), ("150.2500", "150.2500"), ("1E-7", "0.0000001"), ("0.1", "0.1")])
async def test_a_price_is_written_in_plain_digits(
    server: RawServer, kit: Kit, client_of: Callable[..., stove.AsyncClient], price: str, text: str
) -> None:
    path = "/api/v1/orders/estimate_charge"
    server.routes[path] = lambda seen: kit.ok(ESTIMATE | {"target_currency": "USDC", "price_base": seen.json["price"]})
    await client_of(server.url).estimate("sell", "BRK.B", shares=1, price=Decimal(price), pay_with="USDC", exchange=3)
    sent = server.last(path).json
    assert (sent["is_buy"], sent["price"], sent["target_currency"], sent["exchange"]) == (False, text, "USDC", 3)
    assert sent["asset"] == "0x5f3733f382ab5d464D39742Bb3840898cD24E6a0"


@pytest.mark.parametrize(
    "wrong",
    [
        {"side": "BUY"},
        {"side": None},
        {"shares": 0},
        {"shares": -1},
        {"shares": 1.5},
        {"shares": "60"},
        {"shares": True},
        {"price": 150.25},
        {"price": "150.25"},
        {"price": Decimal(0)},
        {"price": Decimal(-1)},
        {"price": Decimal("NaN")},
        {"price": Decimal("Infinity")},
        {"price": Decimal("1e999999")},
        {"pay_with": "EUR"},
        {"ticker": "\ud800"},
    ],
    ids=ascii,
)
async def test_what_cannot_be_asked_about_is_not_asked(
    server: RawServer, kit: Kit, client_of: Callable[..., stove.AsyncClient], wrong: dict[str, Any]
) -> None:
    """A side that is neither must not be taken for a sell, and no request is made for what cannot be meant."""
    server.routes["/api/v1/orders/estimate_charge"] = kit.ok(ESTIMATE)
    given: dict[str, Any] = {"side": "buy", "ticker": "AAPL", "shares": 60, "price": Decimal(150), "pay_with": "USDT"} | wrong
    side, ticker = given.pop("side"), given.pop("ticker")
    await kit.raises(client_of(server.url).estimate(side, ticker, **given), InvalidInput)
    assert not server.seen


async def test_the_next_nonce(server: RawServer, kit: Kit, client_of: Callable[..., stove.AsyncClient]) -> None:
    signer = kit.signer()
    server.routes[kit.NONCE] = kit.ok({"maker": str(signer.address).lower(), "next_nonce": 5})
    assert await client_of(server.url, signer).next_nonce() == 5
    sent = server.last(kit.NONCE)
    assert (sent.method, sent.target, sent.body) == ("GET", kit.NONCE, b"")
    assert "content-type" not in sent.headers


@pytest.mark.parametrize(
    "data",
    [
        {"next_nonce": -1},
        {"next_nonce": 2**53},
        {"next_nonce": 10**30},
        {"next_nonce": True},
        {"next_nonce": "5"},
        {"next_nonce": 5.5},
        {"next_nonce": None},
        {"next_nonce": [5]},
        {"maker": "0x" + "12" * 20},
        {"maker": ""},
        {"maker": None},
        {"maker": 5},
    ],
    ids=str,
)
async def test_a_next_nonce_that_is_none(
    server: RawServer, kit: Kit, client_of: Callable[..., stove.AsyncClient], data: dict[str, object]
) -> None:
    signer = kit.signer()
    server.routes[kit.NONCE] = kit.ok({"maker": str(signer.address), "next_nonce": 5} | data)
    error = await kit.raises(client_of(server.url, signer).next_nonce(), InvalidReply)
    assert error.status == 200


@pytest.mark.parametrize("nonce", [0, 2**53 - 1])
async def test_the_ends_of_the_range_of_nonces(
    server: RawServer, kit: Kit, client_of: Callable[..., stove.AsyncClient], nonce: int
) -> None:
    signer = kit.signer()
    server.routes[kit.NONCE] = kit.ok({"maker": str(signer.address), "next_nonce": nonce, "new_member": {"x": 1}})
    assert await client_of(server.url, signer).next_nonce() == nonce


async def test_the_query_without_filters_and_with_all(server: RawServer, kit: Kit, client_of: Callable[..., stove.AsyncClient]) -> None:
    server.routes[kit.ORDERS] = kit.page()
    client = client_of(server.url)
    await client.query()
    assert server.last(kit.ORDERS).method == "GET"
    assert server.last(kit.ORDERS).query == {"page": "1", "page_size": "100"}
    found = await client.query(
        order_hash="0xAB&page=9#x",
        nonce=0,
        ticker="BRK/B +&=%20",
        is_buy=False,
        status=["pending", stove.OrderStatus.FILLED],
        asset="0x09671802cc9bbf6402f2e7a07b220aa7b43d8c91",
        principal=Address("0x" + "12" * 20),
        created_after=1,
        created_before=2,
        deadline_after=3,
        deadline_before=4,
        sort_by="price",
        sort_order="asc",
        page=2,
        page_size=7,
    )
    assert server.last(kit.ORDERS).query == {
        "order_hash": "0xAB&page=9#x",
        "nonce": "0",
        "ticker": "BRK/B +&=%20",
        "is_buy": "false",
        "status": "pending,filled",
        "asset": "0x09671802Cc9Bbf6402f2e7a07b220Aa7b43D8c91",
        "principal": "0x" + "12" * 20,
        "created_after": "1",
        "created_before": "2",
        "deadline_after": "3",
        "deadline_before": "4",
        "sort_by": "price",
        "sort_order": "asc",
        "page": "2",
        "page_size": "7",
    }
    assert found == stove.OrderPage(total=0, page=1, page_size=100, total_pages=1, orders=())


async def test_is_buy_true_and_a_single_status(server: RawServer, kit: Kit, client_of: Callable[..., stove.AsyncClient]) -> None:
    server.routes[kit.ORDERS] = kit.page()
    client = client_of(server.url)
    await client.query(is_buy=True, status="pending")
    assert server.last(kit.ORDERS).query.items() >= {("is_buy", "true"), ("status", "pending")}
    await client.query(status=())
    assert server.last(kit.ORDERS).query.get("status", "") == ""


@pytest.mark.parametrize("statuses", [stove.FINAL_STATUSES, {"pending"}], ids=["FINAL_STATUSES", "set"])
async def test_a_set_of_statuses_is_a_list_of_them_or_an_error(
    server: RawServer, kit: Kit, client_of: Callable[..., stove.AsyncClient], statuses: Any
) -> None:
    """``query(status=FINAL_STATUSES)`` is what one writes first."""
    server.routes[kit.ORDERS] = kit.page()
    try:
        await client_of(server.url).query(status=statuses)
    except InvalidInput:
        return
    assert set(server.last(kit.ORDERS).query["status"].split(",")) == {str(status) for status in statuses}


@pytest.mark.parametrize("filters", [{"ticker": "\ud800"}, {"order_hash": "\udfff"}, {"asset": "0x12"}, {"principal": ""}], ids=ascii)
async def test_filters_that_cannot_be_sent(
    server: RawServer, kit: Kit, client_of: Callable[..., stove.AsyncClient], filters: dict[str, Any]
) -> None:
    server.routes[kit.ORDERS] = kit.page()
    await kit.raises(client_of(server.url).query(**filters), InvalidInput)
    assert not server.count(kit.ORDERS)


async def test_an_order_with_notes_and_fills_is_understood(
    server: RawServer, kit: Kit, client_of: Callable[..., stove.AsyncClient]
) -> None:
    signer = kit.signer()
    signed = kit.signed_order(signer, quantity=40)
    data = kit.placed(
        signed, status="partially_filled", quantity=str(40 * 10**18), filled_quantity=FILL["fill_quantity"], notes=None, fills=[FILL]
    )
    server.routes[kit.ORDERS] = kit.page(data)
    (order,) = (await client_of(server.url, signer).query()).orders
    assert order.is_for(signed.order, signed.signature)
    assert order.filled_quantity == 20 * 10**18
    assert order.fills == (
        stove.Fill(
            fill_quantity=stove.BaseUnits(20 * 10**18),
            fill_amount=stove.BaseUnits(2770 * 10**18),
            taker="0x" + "34" * 20,
            fee_amount=stove.BaseUnits(13850000000000000000),
            incentive_amount=stove.BaseUnits(200000000000000000),
            taker_incentive=stove.BaseUnits(200000000000000000),
            tx_hash="0x" + "cd" * 32,
            block_number=12345678,
            status="confirmed",
        ),
    )


async def test_a_status_that_no_page_lists_is_given_as_it_is(
    server: RawServer, kit: Kit, client_of: Callable[..., stove.AsyncClient]
) -> None:
    signer = kit.signer()
    server.routes[kit.ORDERS] = kit.page(kit.placed(kit.signed_order(signer), status="half_baked"))
    order = await client_of(server.url, signer).order("0x" + "AB" * 32)
    assert order.status == "half_baked"
    assert not order.is_final


@pytest.mark.parametrize("hashes", [[], ["0x" + "cd" * 32], ["0x" + "ab" * 32] * 2])
async def test_one_order_has_a_hash(server: RawServer, kit: Kit, client_of: Callable[..., stove.AsyncClient], hashes: list[str]) -> None:
    signer = kit.signer()
    signed = kit.signed_order(signer)
    server.routes[kit.ORDERS] = kit.page(*[kit.placed(signed, order_hash=order_hash) for order_hash in hashes])
    await kit.raises(client_of(server.url, signer).order("0x" + "ab" * 32), InvalidReply)
    assert server.last(kit.ORDERS).query["order_hash"] == "0x" + "ab" * 32


async def test_positions(server: RawServer, kit: Kit, client_of: Callable[..., stove.AsyncClient]) -> None:
    path = "/api/v1/positions"
    server.routes[path] = kit.ok(POSITIONS)
    client = client_of(server.url)
    found = await client.positions()
    assert (server.last(path).method, server.last(path).query) == ("GET", {"page": "1", "page_size": "100"})
    assert found.total == 2
    assert found.positions[0] == stove.Position(
        ticker="AAPL",
        exchange=0,
        token_address="0xc48eec40...",
        balance=stove.BaseUnits(6),
        locked_balance=stove.BaseUnits(0),
        available_balance=stove.BaseUnits(6),
        avg_price=stove.BaseUnits(256598079145728583333),
    )
    await client.positions(ticker="AMZN", page=2, page_size=1)
    assert server.last(path).query == {"ticker": "AMZN", "page": "2", "page_size": "1"}


async def test_the_profile_leaves_the_person_out(server: RawServer, kit: Kit, client_of: Callable[..., stove.AsyncClient]) -> None:
    path, signer = "/api/v1/makers/profiles", kit.signer()
    server.routes[path] = kit.ok(
        {
            "wallet_address": str(signer.address),
            "username": "trader123",
            "email": "trader@example.com",
            "avatar_url": "https://example.com/avatar.png",
            "status": "active",
        }
    )
    found = await client_of(server.url, signer).profile()
    assert found == stove.Profile(wallet_address=signer.address, status="active")
    assert "trader" not in repr(found)
    assert server.last(path).method == "GET"


async def test_the_address_of_a_stock_token(server: RawServer, kit: Kit, client_of: Callable[..., stove.AsyncClient]) -> None:
    path = "/api/v1/instruments/token-address"
    server.routes[path] = kit.ok({"ticker": "AAPL", "name": "Apple Inc.", "exchange_id": 0, "token_address": "0x" + "34" * 20})
    found = await client_of(server.url).token_address("AAPL")
    assert server.last(path).query == {"ticker": "AAPL", "exchange": "0"}
    assert found.token_address == Address("0x" + "34" * 20)


async def test_cancel_is_the_documented_request(server: RawServer, kit: Kit, client_of: Callable[..., stove.AsyncClient]) -> None:
    order_id = "550e8400-e29b-41d4-a716-446655440000"
    path = f"/api/v1/orders/{order_id}/cancel"
    server.routes[path] = kit.ok({"success": True, "order_id": order_id, "message": "Order cancelled successfully"})
    found = await client_of(server.url).cancel(order_id)
    sent = server.last(path)
    assert (sent.method, sent.target, sent.body) == ("POST", path, b"")
    assert sent.headers["authorization"] == f"Bearer {server.tokens[0]}"
    assert found == stove.CancelReply(success=True, order_id=order_id, message="Order cancelled successfully")


@pytest.mark.parametrize(
    "order_id",
    ["", ".", "..", "../makers", "a/b", "a%2Fb", "a?b", "a#b", "a\r\nX-Evil: 1", "a b", "é", "x" * 129, "a;b", "\ud800", None, 5, b"a"],
    ids=ascii,
)
async def test_an_order_id_names_no_other_endpoint(
    server: RawServer, kit: Kit, client_of: Callable[..., stove.AsyncClient], order_id: Any
) -> None:
    error = await kit.raises(client_of(server.url).cancel(order_id), InvalidInput)
    assert error.path == "order_id"
    assert not server.seen


async def test_a_base_with_a_path_is_kept(server: RawServer, kit: Kit, client_of: Callable[..., stove.AsyncClient]) -> None:
    signer = kit.signer()
    server.routes["/gateway/api/v1/makers/connect"] = lambda seen: kit.ok({"jwt": server.token(seen.json["wallet_address"])})
    server.routes["/gateway/api/v1/orders/maker/next-nonce"] = kit.ok({"maker": str(signer.address), "next_nonce": 1})
    assert await client_of(server.url + "/gateway/", signer).next_nonce() == 1


async def test_the_headers_say_nothing_about_the_machine(server: RawServer, kit: Kit, client_of: Callable[..., stove.AsyncClient]) -> None:
    server.routes[kit.ORDERS] = kit.page()
    await client_of(server.url).query()
    headers = server.last(kit.ORDERS).headers
    assert set(headers) == {"host", "authorization", "user-agent", "accept", "accept-encoding", "connection", "x-request-id"}
    assert re.fullmatch("[0-9a-f]{32}", headers["x-request-id"])
    assert headers["user-agent"] == "orderseal"
    assert headers["accept"] == "application/json"


async def test_no_proxy_is_used_on_loopback(
    server: RawServer,
    servers: Callable[[], RawServer],
    kit: Kit,
    client_of: Callable[..., stove.AsyncClient],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A proxy could not reach this machine's loopback, and must not see the token."""
    proxy = servers()
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)
    server.routes[kit.ORDERS] = kit.page()
    client = client_of(server.url)
    await client.query()
    server.routes[kit.STREAM] = lambda seen: kit.plays(kit.upgrade(seen, [kit.frame(kit.change("0x01", "locked"))]))
    async with client.stream() as changes:
        assert (await anext(changes)).to_status == "locked"
    assert proxy.connections == 0


async def test_a_new_order_is_quoted_checked_and_numbered(server: RawServer, kit: Kit, client_of: Callable[..., stove.AsyncClient]) -> None:
    signer = kit.signer()
    server.routes["/api/v1/orders/estimate_charge"] = lambda seen: kit.ok(ESTIMATE | {"price_base": seen.json["price"]})
    server.routes[kit.NONCE] = kit.ok({"maker": str(signer.address), "next_nonce": 12})
    client = client_of(server.url, signer, clock=lambda: 1_750_000_000.25)
    order = await client.new_order("buy", "AAPL", shares=60, limit=Decimal("150.25"), pay_with="USDT")
    assert (order.maker, order.principal, order.nonce, order.quantity) == (signer.address, signer.address, 12, 60)
    assert order.price == 150_250_000_000_000_000_000
    assert 3377745527638190000 <= order.incentive <= 3377745527638190000 * 102 // 100
    assert order.deadline == 1_750_000_001 + 720 * 3600 + 600
    asked = [seen.json for seen in server.seen if seen.path.endswith("estimate_charge")]
    assert all((body["is_buy"], body["ticker"], body["quantity"]) == (True, "AAPL", "60") for body in asked)
    assert server.count(kit.ORDERS) == 0


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"limit": 150.25}, "limit"),
        ({"limit": "150.25"}, "limit"),
        ({"limit": Decimal(0)}, "limit"),
        ({"limit": Decimal(-1)}, "limit"),
        ({"limit": Decimal("0.0000000000000000001")}, "limit"),
        ({"pay_with": "EUR"}, "token"),
        ({"side": "Sell"}, "side"),
        ({"shares": 0}, "shares"),
        ({"shares": 60.0}, "shares"),
    ],
    ids=str,
)
async def test_a_new_order_that_cannot_be_asked_about_asks_nothing(
    server: RawServer, kit: Kit, client_of: Callable[..., stove.AsyncClient], wrong: dict[str, Any], path: str
) -> None:
    signer = kit.signer()
    server.routes["/api/v1/orders/estimate_charge"] = lambda seen: kit.ok(ESTIMATE | {"price_base": seen.json["price"]})
    server.routes[kit.NONCE] = kit.ok({"maker": str(signer.address), "next_nonce": 12})
    client = client_of(server.url, signer, clock=lambda: 1_750_000_000.0)
    given: dict[str, Any] = {"side": "buy", "ticker": "AAPL", "shares": 60, "limit": Decimal("150.25"), "pay_with": "USDT"} | wrong
    side, ticker = given.pop("side"), given.pop("ticker")
    error = await kit.raises(client.new_order(side, ticker, **given), InvalidInput)
    assert error.path == path
    assert not server.seen


@pytest.mark.parametrize(
    ("wrong", "path"),
    [
        ({"deadline": 1_753_000_000_000}, "deadline"),
        ({"life": 10**7, "deadline": 1_753_000_000}, "deadline"),
        ({"ticker": "aapl"}, "ticker"),
        ({"principal": "0x" + "00" * 20}, "order"),
        ({"principal": "0x12"}, "principal"),
    ],
    ids=str,
)
async def test_a_new_order_that_cannot_be_meant(
    server: RawServer, kit: Kit, client_of: Callable[..., stove.AsyncClient], wrong: dict[str, Any], path: str
) -> None:
    signer = kit.signer()
    server.routes["/api/v1/orders/estimate_charge"] = lambda seen: kit.ok(ESTIMATE | {"price_base": seen.json["price"]})
    server.routes[kit.NONCE] = kit.ok({"maker": str(signer.address), "next_nonce": 12})
    client = client_of(server.url, signer, clock=lambda: 1_750_000_000.0)
    given: dict[str, Any] = {"ticker": "AAPL", "shares": 60, "limit": Decimal("150.25"), "pay_with": "USDT"} | wrong
    error = await kit.raises(client.new_order("buy", given.pop("ticker"), **given), InvalidInput)
    assert error.path == path


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"charge_target": "1" + "0" * 40}, RuleViolation),
        ({"charge_target": str(91 * 10**18)}, RuleViolation),
        ({"charge_target": "9" * 78}, InvalidReply),
        ({"charge_target": "-1"}, InvalidReply),
        ({"charge_target": 3377745527638190000}, InvalidReply),
        ({"charge_target": None}, InvalidReply),
        ({"target_currency": "USDC"}, InvalidReply),
        ({"price_base": "1"}, InvalidReply),
        ({"exchange_rate": 0}, InvalidReply),
        ({"exchange_rate": -1}, InvalidReply),
        ({"exchange_rate": 1e300}, InvalidReply),
        ({"exchange_rate": "NaN"}, InvalidReply),
        ({"exchange_rate": "sNaN"}, InvalidReply),
        ({"exchange_rate": "Infinity"}, InvalidReply),
        ({"exchange_rate": "1e-999999999"}, InvalidReply),
        ({"exchange_rate": "1e999999999"}, InvalidReply),
        ({"exchange_rate": None}, InvalidReply),
        ({"exchange_rate": [1]}, InvalidReply),
        ({"charge_base": "NaN of it"}, InvalidReply),
    ],
    ids=str,
)
async def test_what_the_venue_proposes_is_checked(
    server: RawServer, kit: Kit, client_of: Callable[..., stove.AsyncClient], changes: dict[str, Any], expected: type[OrdersealError]
) -> None:
    """``price_base`` is documented as an echo: an estimate for another price is no answer to ours."""
    signer = kit.signer()
    server.routes["/api/v1/orders/estimate_charge"] = lambda seen: kit.ok(ESTIMATE | {"price_base": seen.json["price"]} | changes)
    server.routes[kit.NONCE] = kit.ok({"maker": str(signer.address), "next_nonce": 12})
    error = await kit.raises(
        client_of(server.url, signer).new_order("buy", "AAPL", shares=60, limit=Decimal("150.25"), pay_with="USDT"), expected
    )
    if isinstance(error, RuleViolation):
        assert error.rule == "fee_too_high"


@pytest.mark.parametrize("rate", ["0.99" + "9" * 5000, "0.0001", "10000", "9.9e3"])
async def test_an_exchange_rate_at_the_edge_of_belief(
    server: RawServer, kit: Kit, client_of: Callable[..., stove.AsyncClient], rate: str
) -> None:
    signer = kit.signer()
    server.routes["/api/v1/orders/estimate_charge"] = lambda seen: kit.ok(
        ESTIMATE | {"price_base": seen.json["price"], "exchange_rate": rate}
    )
    quote = await client_of(server.url, signer).quote("buy", "AAPL", shares=60, limit=Decimal("150.25"), pay_with="USDT")
    asked = [Decimal(seen.json["price"]) for seen in server.seen if seen.path.endswith("estimate_charge")]
    assert asked[0] == Decimal("150.25")
    assert asked[1] >= Decimal("150.25") * Decimal(rate[:40])
    assert quote.estimated_fee.units == 3377745527638190000
    assert quote.fee.units >= quote.estimated_fee.units


@pytest.mark.parametrize(("ticker", "exchange"), [("TSLA", 0), ("AAPL", 1)])
async def test_the_token_of_another_stock_is_no_answer(
    server: RawServer, kit: Kit, client_of: Callable[..., stove.AsyncClient], ticker: str, exchange: int
) -> None:
    path = "/api/v1/instruments/token-address"
    server.routes[path] = kit.ok({"ticker": ticker, "name": "x", "exchange_id": exchange, "token_address": "0x" + "34" * 20})
    await kit.raises(client_of(server.url).token_address("AAPL"), InvalidReply)


async def test_the_profile_of_another_account_is_no_answer(
    server: RawServer, kit: Kit, client_of: Callable[..., stove.AsyncClient]
) -> None:
    server.routes["/api/v1/makers/profiles"] = kit.ok({"wallet_address": "0x" + "34" * 20, "status": 1})
    await kit.raises(client_of(server.url).profile(), InvalidReply)


async def test_a_cancellation_of_another_order_leaves_ours_unknown(
    server: RawServer, kit: Kit, client_of: Callable[..., stove.AsyncClient]
) -> None:
    order_id = "550e8400-e29b-41d4-a716-446655440000"
    server.routes[f"/api/v1/orders/{order_id}/cancel"] = kit.ok({"success": True, "order_id": order_id.replace("5", "6")})
    await kit.raises(client_of(server.url).cancel(order_id), OutcomeUnknown)


async def test_an_order_id_is_the_same_in_either_case(server: RawServer, kit: Kit, client_of: Callable[..., stove.AsyncClient]) -> None:
    order_id = "550E8400-e29b-41d4-a716-446655440abc"
    server.routes[f"/api/v1/orders/{order_id}/cancel"] = kit.ok({"success": False, "order_id": order_id.lower()})
    assert not (await client_of(server.url).cancel(order_id)).success
