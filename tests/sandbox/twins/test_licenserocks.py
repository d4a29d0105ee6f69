"""License.rocks' twin: the documented requests, literally, and what the platform's facts say about the answers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from orderseal.fixtures import load
from orderseal.sandbox import LicenseRocksSandbox, LicenseRocksSettings, Transfer

ORDERS = "/api/externalOrders"
BILLING = {"city": "Toruń", "country": "Poland", "postal": "87-100", "street": "Szeroka"}


def wanted(**changes: Any) -> dict[str, Any]:
    return {"nftId": 405, "listingId": 2, "quantity": 1, "buyerUserId": 5} | changes


def one(rocks: Any, **changes: Any) -> Any:
    (order,) = rocks.good(rocks.post(ORDERS, [wanted(**changes)]))["orders"]
    return order


def refused(rocks: Any, body: Any) -> str:
    reply = rocks.post(ORDERS, body)
    assert reply.status_code == 400, reply.text
    assert reply.json()["orders"] is None
    return str(reply.json()["error"])


def sent(venue: LicenseRocksSandbox, order: Any) -> Transfer:
    (transfer,) = [item for item in venue.transfers() if item.order_id == order["id"]]
    return transfer


def test_the_documented_orders_are_created_and_transferred(call: Any, fresh: Any, tools: Any) -> None:
    venue = fresh(LicenseRocksSandbox(LicenseRocksSettings(delay_max=0.1)))
    rocks = call(venue)
    printed = load("licenserocks/create-orders")["verbatim"]
    body = printed["request"]["body"]
    answer = rocks.good(rocks.send("POST", printed["request"]["path"], json=body))
    assert answer["error"] is None
    assert [order["id"] for order in answer["orders"]] == [42, 43]
    for order, printed_order, asked in zip(answer["orders"], printed["response"]["body"]["orders"], body, strict=True):
        (item,), (printed_item,) = order["orderItems"], printed_order["orderItems"]
        assert order.keys() == printed_order.keys()
        assert item.keys() == printed_item.keys()
        assert item["nft"].keys() == printed_item["nft"].keys()
        assert item["listing"].keys() == printed_item["listing"].keys()
        assert (order["buyerId"], item["nftId"], item["listingId"]) == (asked["buyerUserId"], asked["nftId"], asked["listingId"])
        assert order["totalPriceCents"] == item["priceCents"] * item["quantity"]
        digits = Decimal(item["priceEths"]) * item["quantity"]
        assert abs(Decimal(order["totalPriceEth"]) - digits) < Decimal("1e-11")
    assert [order["billingAddressId"] for order in answer["orders"]] == [51, 52]

    def done() -> Any:
        return venue.transfers() if all(item.result == "done" for item in venue.transfers()) else None

    transfers = tools.eventually(done)
    assert [(item.order_id, item.nft_id, item.buyer_id) for item in transfers] == [(42, 405, 50000), (43, 406, 5)]
    (write,) = venue.accepted()
    assert (write.operation, write.body, write.ids, write.deliveries) == ("create_orders", body, ("42", "43"), 1)
    assert "Toruń" not in repr(write)
    read = rocks.get(f"{ORDERS}/42")["orders"][0]
    assert read["buyer"]["id"] == 50000
    assert read["status"] == ("paid" if venue.run()["variation"]["status_shown"] else None)


def test_the_documented_orders_are_read(rocks: Any) -> None:
    printed = load("licenserocks/get-orders")
    (first, _) = (printed["usable"] or printed["verbatim"])["response"]["body"]["orders"]
    (order,) = rocks.get(f"{ORDERS}/1")["orders"]
    assert order.keys() == first.keys()
    assert order["buyer"].keys() == first["buyer"].keys()
    assert (order["status"], order["totalPriceEth"]) == (None, "13.422818791946")
    assert order["orderItems"][0]["listing"]["priceWei"] == "13422818791946309000"
    assert {order["id"] for order in rocks.get(f"{ORDERS}/1,2,5")["orders"]} == {1, 2, 5}
    assert {order["id"] for order in rocks.get(f"{ORDERS}/1%2C2")["orders"]} == {1, 2}


def test_the_documented_errors_of_reading(rocks: Any) -> None:
    printed = load("licenserocks/get-orders-400-not-a-number")["verbatim"]
    assert rocks.good(rocks.send("GET", f"{ORDERS}/a,2"), 400) == printed["response"]["body"]
    assert rocks.good(rocks.send("GET", f"{ORDERS}/1,99999"), 400) == {"orders": None, "error": "Order with ID 99999 does not exist."}
    for ids in ("1,", "1,,2", "1%2F2", "-1", "1.5", "%C2%B2", "9" * 400, "1 2"):
        reply = rocks.send("GET", f"{ORDERS}/{ids}")
        assert reply.status_code == 400
        assert reply.json()["orders"] is None


def test_the_billing_rule_with_its_silent_fallback(rocks: Any) -> None:
    own = one(rocks, buyerBillingData=BILLING)["billingAddressId"]
    assert own > 50
    assert one(rocks)["billingAddressId"] == 50
    for name in BILLING:
        partly = {key: value for key, value in BILLING.items() if key != name}
        assert one(rocks, buyerBillingData=partly)["billingAddressId"] == 50
    assert one(rocks, buyerBillingData={})["billingAddressId"] == 50


def test_without_any_billing_address_an_order_is_refused(call: Any, fresh: Any) -> None:
    venue = fresh(LicenseRocksSandbox())
    rocks = call(venue)
    refused(rocks, [wanted(buyerUserId=50000)])
    refused(rocks, [wanted(buyerUserId=50000, buyerBillingData={"city": "Toruń"})])
    assert venue.transfers() == []
    assert venue.accepted() == []
    # A batch with one bad element is all or nothing, or ends at the bad one.
    refused(rocks, [wanted(), wanted(buyerUserId=50000)])
    kept = venue.run()["variation"]["batch"] == "until_first_bad"
    assert len(venue.transfers()) == kept
    assert rocks.send("GET", f"{ORDERS}/42").status_code == (200 if kept else 400)
    left = one(rocks)["orderItems"][0]["nft"]["availableAmount"]
    assert left == 9989 - kept - 1


@pytest.mark.parametrize("name", ["nftId", "listingId", "quantity", "buyerUserId"])
def test_a_lack_of_a_property_is_refused(rocks: Any, name: str) -> None:
    body = wanted()
    del body[name]
    assert name in refused(rocks, [body])


def test_what_else_is_refused(rocks: Any) -> None:
    for body in (
        [],
        wanted(),
        [wanted(buyerUserId=4711)],
        [wanted(nftId=4711)],
        [wanted(listingId=4)],
        [wanted(listingId=5)],
        [wanted(quantity=0)],
        [wanted(quantity=-1)],
        [wanted(quantity=1.5)],
        [wanted(quantity="1")],
        [wanted(nftId=True)],
        [wanted(extra=1)],
        [wanted(buyerBillingData=None)],
        [wanted(buyerBillingData=BILLING | {"zip": "1"})],
    ):
        assert refused(rocks, body)


def test_a_unique_nft_is_sold_once(call: Any, fresh: Any) -> None:
    rocks = call(fresh(LicenseRocksSandbox()))
    assert one(rocks, nftId=406, listingId=4)["orderItems"][0]["quantity"] == 1
    assert "406" in refused(rocks, [wanted(nftId=406, listingId=4)])


def test_a_failed_transfer_shows_in_its_order(rocks: Any, rocks_server: LicenseRocksSandbox, tools: Any) -> None:
    rocks_server.fail_next()
    order = one(rocks)

    def failed() -> Any:
        read = rocks.get(f"{ORDERS}/{order['id']}")["orders"][0]
        return read if read["failReason"] else None

    assert tools.eventually(failed)["status"] not in (None, "paid")
    assert sent(rocks_server, order).result == "failed"


def test_tokens_of_both_kinds(rocks: Any, rocks_server: LicenseRocksSandbox) -> None:
    master, user, cookie = rocks_server.token, rocks_server.user_token, rocks_server.cookie
    for token in ("", "x", user, cookie, f"Basic {master}"):
        assert rocks.send("GET", f"{ORDERS}/1", headers={"authorization": token}).status_code == 401
    prefixed = rocks.send("GET", f"{ORDERS}/1", headers={"authorization": f"Bearer {master}"})
    assert prefixed.status_code == (200 if rocks_server.run()["variation"]["bearer_on_orders"] == "accepted" else 401)
    path = "/api/public/user/me/deliveryAddresses"
    for header, status in (
        ({"authorization": f"Bearer {user}"}, 200),
        ({"authorization": f"Bearer {master}"}, 200),
        ({"authorization": user}, 401),
        ({"authorization": None, "cookie": f"token={cookie}"}, 200),
        ({"authorization": None, "cookie": f"token={user}"}, 401),
        ({"authorization": None, "cookie": "token"}, 401),
        ({"authorization": None}, 401),
    ):
        assert rocks.send("GET", path, headers=header).status_code == status
    assert not any(secret in repr(rocks_server) + str(rocks_server.run()) for secret in (master, user, cookie))


def test_the_public_listings(rocks: Any, rocks_server: LicenseRocksSandbox) -> None:
    rocks.headers = {"authorization": f"Bearer {rocks_server.user_token}"}
    page = rocks.get("/api/public/user/24/orders/getAll?orderType=purchased&pageNumber=1")
    assert [order["id"] for order in page["orders"]] == [5, 2, 1]
    assert page["meta"] == {"currentPage": 1, "offset": 10, "pageCount": 1}
    assert all(order["status"] == "paid" for order in page["orders"])
    for path in (
        "user/4711/orders/getAll",
        "user/x/orders/getAll",
        "user/24/orders/getAll?orderType=other",
        "user/24/orders/getAll?pageNumber=0",
    ):
        assert rocks.send("GET", f"/api/public/{path}").status_code in (400, 404)


def test_pages_of_orders(call: Any, fresh: Any) -> None:
    venue = fresh(LicenseRocksSandbox())
    rocks = call(venue)
    rocks.good(rocks.post(ORDERS, [wanted()] * 11))
    rocks.headers = {"authorization": f"Bearer {venue.user_token}"}
    path = "/api/public/user/5/orders/getAll"
    first, second = rocks.get(path), rocks.get(f"{path}?pageNumber=2")
    assert (len(first["orders"]), len(second["orders"]), first["meta"]["pageCount"]) == (10, 1, 2)
    assert rocks.get(f"{path}?orderType=sold")["orders"] == []


def test_delivery_addresses(rocks: Any, rocks_server: LicenseRocksSandbox) -> None:
    rocks.headers = {"authorization": f"Bearer {rocks_server.user_token}"}
    made = rocks.good(rocks.post("/api/public/deliveryAddress", {"userId": 24, "city": "Berlin"}))["newDeliveryAddress"]
    changed = rocks.good(rocks.post(f"/api/public/deliveryAddress?id={made['id']}", {"userId": 24, "city": "Bonn"}))["newDeliveryAddress"]
    assert (changed["id"], changed["city"], changed["createdAt"]) == (made["id"], "Bonn", made["createdAt"])
    assert made["id"] in [row["id"] for row in rocks.get("/api/public/user/24/deliveryAddresses")["deliveryAddresses"]]
    assert made["id"] not in [row["id"] for row in rocks.get("/api/public/user/me/deliveryAddresses")["deliveryAddresses"]]
    assert rocks.post("/api/public/deliveryAddress?id=4711", {"userId": 24}).status_code == 404
    assert rocks.post("/api/public/deliveryAddress", {"userId": 4711}).status_code == 400


def test_minting_and_contracts(rocks: Any, rocks_server: LicenseRocksSandbox) -> None:
    rocks.headers = {"authorization": f"Bearer {rocks_server.token}"}
    body = [{"title": "Bear 1", "status": "draft", "amount": 1}]
    (nft,) = rocks.good(rocks.post("/api/public/batchMint", body))["nfts"]
    assert (nft["title"], nft["status"]) == ("Bear 1", "draft")
    reply = rocks.post("/api/generateSalesContract", {"nftId": nft["id"], "save": True})
    assert (reply.status_code, reply.headers["content-type"]) == (200, "application/pdf")
    assert reply.content.startswith(b"%PDF-")
    assert rocks.post("/api/generateSalesContract", {"nftId": 4711}).status_code == 404
