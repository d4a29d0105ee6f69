"""Every documented reply is read, and written again as it was; odd ones give a clear error or a right value."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from orderseal.api.licenserocks import Buyer, Cents, Coins, DeliveryAddress, Order, Wei
from orderseal.api.licenserocks.models import BillingAddress, NftFile, UserOrder, decode_hook, encode_hook
from orderseal.api.licenserocks.wire import OrdersReply
from orderseal.fixtures import load


def body_of(name: str) -> Any:
    exchange = load(f"licenserocks/{name}")
    return (exchange["usable"] or exchange["verbatim"])["response"]["body"]


def read(body: Any, type_: Any = OrdersReply) -> Any:
    return msgspec.json.decode(json.dumps(body), type=type_, dec_hook=decode_hook)


def bare(value: Any, below: str = "") -> Any:
    """Without the nulls, and each time in one form; what stands in a payload as it is."""
    if below == "payload":
        return value
    if isinstance(value, dict):
        return {name: bare(item, name) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [bare(item) for item in value]
    if isinstance(value, str) and below.endswith(("At", "Till")):
        return datetime.fromisoformat(value).astimezone(UTC).isoformat()
    return value


@pytest.mark.parametrize("name", ["get-orders", "create-orders"])
def test_a_documented_reply_is_written_again_as_it_was(name: str) -> None:
    body = body_of(name)
    found = read(body)
    again = json.loads(msgspec.json.encode(found, enc_hook=encode_hook))
    assert bare(again) == bare(body)
    assert again["orders"][0]["orderItems"][0]["nft"]["payload"] == body["orders"][0]["orderItems"][0]["nft"]["payload"]


def test_what_is_read() -> None:
    order = read(body_of("get-orders")).orders[0]
    item = order.order_items[0]
    assert (order.id, order.status, order.is_paid, order.product_type) == (1, None, False, "nft")
    assert (order.total_price_cents, order.total_price_eth) == (Cents(2000), Coins("13.422818791946"))
    assert (item.listing.price_wei, item.listing.price_eths) == (Wei("13422818791946309000"), Coins("13.422818791946309"))
    assert item.listing.price_wei.text == "13422818791946309000"
    assert item.nft.contract == "auctionableerc1155"
    assert item.nft.form()["amount"] == "100"
    assert order.buyer.view_mode == "buyer"
    assert item.listing.active_till == datetime(2023, 1, 4, 13, 24, 39, 865000, tzinfo=UTC)
    created = read(body_of("create-orders")).orders
    assert created[0].order_items[0].nft.contract == "auctionableerc1155"
    assert created[0].buyer is None
    assert created[0].order_items[0].listing.amount == 9989
    assert hash(order)
    assert hash(created)


def test_nothing_personal_or_secret_is_shown() -> None:
    body = body_of("get-orders")
    body["orders"][0]["buyer"] |= {"name": "Jane Roe", "username": "jroe", "discordId": "jane#1"}
    found = read(body).orders[0]
    address = read({"id": 4, "userId": 6, "street": "Cosmos", "email": "buyer@example.invalid", "name": "Jane Roe"}, DeliveryAddress)
    billing = read({"street": "Cosmos", "taxId": "77", "companyName": "Jane Roe"}, BillingAddress)
    shown = f"{found!r} {found.buyer!r} {found.order_items[0].nft!r} {address!r} {billing!r} {found.buyer.__rich_repr__()}"
    token = body["orders"][0]["secupayWebhookToken"]
    for secret in ("buyer@example.invalid", "192.0.2", "Jane", "jroe", "jane#1", token, "example phrase", "Cosmos", "77", "Beschreibung"):
        assert secret not in shown, secret
    assert "Order(id=1, status=None, total_price_cents=Cents(2000)" in shown
    assert found.secupay_webhook_token == token


def changed(path: str, value: Any) -> Any:
    body = body_of("get-orders")
    place = body["orders"][0]
    *steps, last = path.split(".")
    for step in steps:
        place = place[int(step) if step.isdigit() else step]
    place[last] = value
    return body


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("status", "paid"),
        ("status", "somethingNew"),
        ("status", None),
        ("surprise", {"a": [1]}),
        ("failReason", "no gas"),
        ("createdAt", "2022-12-30T12:31:40.532123456Z"),
        ("createdAt", "2022-12-30T15:31:40+03:00"),
        ("createdAt", "0001-01-01T00:00:00Z"),
        ("buyer", None),
        ("orderItems.0.nft", None),
        ("orderItems.0.nft.payload", None),
        ("orderItems.0.nft.payload", "text"),
        ("orderItems.0.nft.payload", [1.5, {"deep": [None]}]),
        ("orderItems.0.nft.category", {"name": "music"}),
        ("orderItems.0.nft.fee", 2.5),
        ("orderItems.0.nft.tokenId", 7),
        ("orderItems.0.nft.tokenId", "7"),
        ("orderItems.0.nft.contractName", "SomethingElse"),
        ("orderItems.0.listing.type", "lottery"),
        ("orderItems.0.listing.priceWei", "1.3422818791946309e+22"),
        ("totalPriceEth", 13.42),
        ("totalPriceEth", 13),
    ],
)
def test_what_may_come(path: str, value: Any) -> None:
    found = read(changed(path, value)).orders[0]
    assert isinstance(repr(found), str)
    assert isinstance(hash(found), int)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("id", "1"),
        ("id", 1.0),
        ("id", None),
        ("id", True),
        ("orderItems", None),
        ("orderItems.0.quantity", 1.5),
        ("orderItems.0.nftId", None),
        ("totalPriceCents", 20.5),
        ("totalPriceCents", "2000"),
        ("totalPriceCents", True),
        ("totalPriceCents", -1),
        ("totalPriceEth", 13.422818791946309),
        ("totalPriceEth", "13,4"),
        ("orderItems.0.listing.priceWei", "1.5"),
        ("orderItems.0.listing.priceWei", "0xff"),
        ("status", 3),
        ("createdAt", "2022-12-30T12:31:40"),
        ("createdAt", "yesterday"),
    ],
)
def test_what_makes_a_reply_invalid(path: str, value: Any) -> None:
    with pytest.raises(msgspec.ValidationError) as raised:
        read(changed(path, value))
    assert "13,4" not in str(raised.value)


@pytest.mark.parametrize(
    "missing", ["status", "buyer", "ProductType", "totalPriceEth", "secupayWebhookToken", "createdAt", "billingAddressId"]
)
def test_what_may_be_missing(missing: str) -> None:
    body = copy.deepcopy(body_of("get-orders"))
    del body["orders"][0][missing]
    assert read(body).orders[0].id == 1


def test_small_ones() -> None:
    assert read({"id": 1}, Buyer).email is None
    assert read({"id": 1, "buyerId": 2, "orderItems": []}, Order).order_items == ()
    assert repr(read({"fileName": "secret name.mp3"}, NftFile)) == "NftFile(id=None, storage_type=None)"
    assert isinstance(hash(read({"id": 1, "orderItems": [{"quantity": 1, "nft": {"id": 3, "cover": {"a": 1}}}]}, UserOrder)), int)
    with pytest.raises(NotImplementedError):
        decode_hook(dict, 1)
    with pytest.raises(NotImplementedError):
        encode_hook(object())
