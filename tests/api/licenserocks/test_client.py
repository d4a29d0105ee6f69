"""The client over real sockets: the documented requests and answers, one send for each reference, and settling a lost one by hand."""

from __future__ import annotations

import asyncio
import inspect
import json
import traceback
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.api.conftest import PATIENCE, http

from orderseal.api import licenserocks
from orderseal.api.licenserocks import AsyncClient, BillingData, Client, NewDeliveryAddress, NewOrder
from orderseal.fixtures import load
from orderseal.sandbox.faults import Fault
from orderseal.sandbox.licenserocks import LicenseRocksSandbox
from orderseal.signing import (
    Address,
    InvalidInput,
    InvalidReply,
    OutcomeUnknown,
    RateLimited,
    Refused,
    RuleViolation,
    Unauthorized,
    Unreachable,
    keccak256,
)
from orderseal.signing.ledger import Ledger, LedgerError

if TYPE_CHECKING:
    from tests.api.conftest import RawServer, Watch

ORDERS = "/api/externalOrders"
MY_ADDRESSES = "/api/public/user/me/deliveryAddresses"
ADDRESS = "/api/public/deliveryAddress"
USER_ORDERS = "/api/public/user/5/orders/getAll"
NEW = NewOrder(nft_id=405, listing_id=2, buyer_user_id=5, quantity=1)
BILLING = BillingData(city="Toruń", country="Poland", postal="87-100", street="Szeroka")
DOCUMENTED_ADDRESS = {  # docs.license.rocks, Delivery and billing addresses: the names are cartoon characters' in the original, too.
    "userId": 6,
    "name": "A. Name",
    "street": "Cosmos",
    "postal": "00-001",
    "city": "Mars Central Station",
    "country": "Moon",
    "companyName": "A company",
    "taxId": "0",
    "email": "buyer@example.invalid",
    "mobilePhone": "+48 000 000 000",
}

Make = Callable[..., AsyncClient]


def usable(name: str) -> dict[str, Any]:
    exchange = load(f"licenserocks/{name}")
    found: dict[str, Any] = exchange["usable"] or exchange["verbatim"]
    return found


def answer(status: int, body: object) -> bytes:
    return http(status, json.dumps(body).encode())


def refusing(status: int, text: str = "Something is wrong") -> bytes:
    return answer(status, {"orders": None, "error": text})


def order(number: int, **changes: Any) -> dict[str, Any]:
    """An order like the documented one."""
    found: dict[str, Any] = usable("create-orders")["response"]["body"]["orders"][0]
    found["orderItems"][0] |= {"id": number, "orderId": number} | {
        k: changes.pop(k) for k in ("nftId", "listingId", "quantity") if k in changes
    }
    return found | {"id": number, "createdAt": datetime.now(UTC).isoformat()} | changes


def shown(*orders: dict[str, Any]) -> dict[str, Any]:
    return {"orders": list(orders), "error": None}


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "orders.db") as opened:
        yield opened


@pytest.fixture
async def make(watch: Watch, ledger: Ledger) -> AsyncIterator[Make]:
    async with AsyncExitStack() as stack:

        def client(instance: str, token: str = "{API_TOKEN}", **options: Any) -> AsyncClient:
            watch.hide(token)
            options.setdefault("ledger", ledger)
            return _kept(stack, AsyncClient(instance, token, **options))

        yield client


def _kept(stack: AsyncExitStack, client: AsyncClient) -> AsyncClient:
    stack.push_async_callback(client.aclose)
    return client


def wanted(body: list[dict[str, Any]]) -> list[NewOrder]:
    return [
        NewOrder(
            nft_id=row["nftId"],
            listing_id=row["listingId"],
            quantity=row["quantity"],
            buyer_user_id=row["buyerUserId"],
            billing=BillingData(**row["buyerBillingData"]) if "buyerBillingData" in row else None,
        )
        for row in body
    ]


# The documented exchanges


async def test_the_documented_orders_are_created(server: RawServer, make: Make) -> None:
    exchange = usable("create-orders")
    server.otherwise = answer(200, exchange["response"]["body"])
    created = await make(server.url).create_batch(wanted(exchange["request"]["body"]), reference="the page's")
    (seen,) = server.seen
    assert (seen.method, seen.target) == ("POST", exchange["request"]["path"])
    assert seen.json == exchange["request"]["body"]
    assert seen.body == json.dumps(exchange["request"]["body"], separators=(",", ":"), ensure_ascii=False).encode()
    for name, value in exchange["request"]["headers"].items():
        assert seen.headers[name.lower()] == value
    assert created.order_ids == (42, 43)
    assert created.orders is not None
    assert [found.status for found in created.orders] == [None, None]
    assert created.differences == (
        "order 42: its quantity is 1, not 3",
        "order 42: its buyer is 5, not 50000",
        "order 43: its quantity is 1, not 3",
    )


@pytest.mark.parametrize(
    ("name", "ids"), [("get-orders", [1, 2]), ("get-orders-one-id", [1]), ("get-orders-three-ids", [1, 2, 5])], ids=["two", "one", "three"]
)
async def test_the_documented_orders_are_read(server: RawServer, make: Make, name: str, ids: list[int]) -> None:
    request = usable(name)["request"]
    first = usable("get-orders")["response"]["body"]["orders"][0]
    server.otherwise = answer(200, shown(*[first | {"id": number} for number in reversed(ids)]))
    found = await make(server.url).orders(ids)
    (seen,) = server.seen
    assert (seen.method, seen.target, seen.body) == ("GET", request["path"], b"")
    for header, value in (request["headers"] or {}).items():
        assert seen.headers[header.lower()] == value
    assert [one.id for one in found] == ids


@pytest.mark.parametrize("name", ["get-orders-400-not-a-number", "get-orders-400-unknown-order"])
async def test_the_documented_errors(server: RawServer, make: Make, name: str) -> None:
    response = usable(name)["response"]
    server.otherwise = answer(response["status"], response["body"])
    with pytest.raises(Refused) as raised:
        await make(server.url).orders([4, 5])
    assert type(raised.value) is Refused
    assert (raised.value.status, raised.value.code, raised.value.message) == (400, None, response["body"]["error"])
    assert len(server.seen) == 1


async def test_the_documented_delivery_addresses(server: RawServer, make: Make) -> None:
    row = {"id": 2, "userId": 6, "name": None, "street": "Sezamkowa 14", "default": False, "createdAt": "2023-02-21T13:42:18.056Z"}
    server.otherwise = answer(200, {"deliveryAddresses": [row]})
    client = make(server.url, user_token="a.user.token")
    for user, path in ((6, "/api/public/user/6/deliveryAddresses"), ("me", MY_ADDRESSES)):
        (found,) = await client.delivery_addresses(user)  # type: ignore[arg-type]  # one of the two forms
        assert (server.last(path).method, server.last(path).headers["authorization"]) == ("GET", "Bearer a.user.token")
        assert (found.id, found.street, found.default) == (2, "Sezamkowa 14", False)
    with pytest.raises(InvalidReply, match="another user"):
        await client.delivery_addresses(7)


async def test_the_documented_delivery_address_is_created(server: RawServer, make: Make) -> None:
    server.otherwise = answer(200, {"newDeliveryAddress": {"id": 4, **DOCUMENTED_ADDRESS}})
    new = NewDeliveryAddress(
        user_id=6,
        name="A. Name",
        street="Cosmos",
        postal="00-001",
        city="Mars Central Station",
        country="Moon",
        company_name="A company",
        tax_id="0",
        email="buyer@example.invalid",
        mobile_phone="+48 000 000 000",
    )
    client = make(server.url)
    created = await client.create_delivery_address(new, reference="an address", delivery_address_id=4)
    (seen,) = server.seen
    assert (seen.method, seen.target, seen.json) == ("POST", ADDRESS + "?id=4", DOCUMENTED_ADDRESS)
    assert (seen.headers["authorization"], seen.headers["content-type"]) == ("Bearer {API_TOKEN}", "application/json")
    assert created.address_id == 4
    assert created.address is not None
    assert "Cosmos" not in f"{new!r}{created!r}{created.address!r}"
    again = await client.create_delivery_address(new, reference="an address", delivery_address_id=4)
    assert (again.address_id, again.address, len(server.seen)) == (4, None, 1)
    with pytest.raises(InvalidInput, match="one wish for ever"):
        await client.create_delivery_address(new, reference="an address")
    with pytest.raises(InvalidInput, match="one wish for ever"):
        await client.create_order(NEW, reference="an address")
    await client.create_delivery_address(NewDeliveryAddress(user_id=6, city="Ankara"), reference="another")
    assert (server.seen[-1].target, server.seen[-1].json) == (ADDRESS, {"userId": 6, "city": "Ankara"})


async def test_a_users_orders_page_by_page(server: RawServer, make: Make) -> None:
    row = {
        "totalPriceCents": 1200,
        "totalPriceCurrency": "EUR",
        "totalPriceEth": "13.65",
        "status": "paid",
        "createdAt": "2022-12-21T12:07:45.584Z",
        "billingAddress": {"companyName": "A company", "postal": "1", "street": "Cosmos", "taxId": "2", "city": "M", "country": "N"},
        "orderItems": [
            {"quantity": 1, "nft": {"Files": [{"fileName": "f", "id": 1, "key": "k", "storageType": "s3"}], "id": 3, "price": 1200}}
        ],
    }

    def page(seen: Any) -> bytes:
        number = int(seen.query["pageNumber"])
        meta = {"currentPage": number, "offset": 10, "pageCount": 3}
        return answer(200, {"orders": [row | {"id": 10 * number + n} for n in range(2)], "meta": meta})

    server.otherwise = page
    client = make(server.url)
    found = [one async for one in client.user_orders(5, kind="sold")]
    assert [one.id for one in found] == [10, 11, 20, 21, 30, 31]
    assert [seen.query for seen in server.seen] == [{"orderType": "sold", "pageNumber": str(n)} for n in (1, 2, 3)]
    assert found[0].status == "paid"
    assert "Cosmos" not in repr(found[0])
    server.otherwise = answer(200, {"orders": [row | {"id": 1}], "meta": {"currentPage": 1, "offset": 10, "pageCount": 9}})
    with pytest.raises(InvalidReply, match="page 1 came for page 2"):
        [one async for one in client.user_orders(5)]
    assert server.seen[-2].query == {"pageNumber": "1"}
    for body in ({"orders": [row | {"id": 1}]}, {"orders": [row | {"id": 1}], "meta": None}, {"orders": [row | {"id": 1}], "meta": {}}):
        server.otherwise = answer(200, body)
        assert len([one async for one in client.user_orders(5)]) == 1
    server.otherwise = answer(200, {"orders": []})
    assert [one async for one in client.user_orders(5)] == []


# Who and where


@pytest.mark.parametrize(
    ("options", "order_header", "public_header"),
    [
        ({}, "one.token", "Bearer one.token"),
        ({"order_prefix": "Bearer ", "public_prefix": ""}, "Bearer one.token", "one.token"),
        ({"user_token": "a.users"}, "one.token", "Bearer a.users"),
    ],
)
async def test_the_token_headers(server: RawServer, make: Make, options: Any, order_header: str, public_header: str) -> None:
    server.routes = {f"{ORDERS}/1": answer(200, shown(order(1))), MY_ADDRESSES: answer(200, {"deliveryAddresses": []})}
    client = make(server.url, "one.token", **options)
    await client.order(1)
    await client.delivery_addresses()
    assert [seen.headers["authorization"] for seen in server.seen] == [order_header, public_header]


@pytest.mark.parametrize("prefix", ["bearer ", "Bearer", "Token ", None])
def test_another_prefix_is_refused(prefix: Any) -> None:
    for name in ("order_prefix", "public_prefix"):
        with pytest.raises(InvalidInput, match=name):
            AsyncClient("example.com", "t", **{name: prefix})


@pytest.mark.parametrize(
    "instance",
    ["creators-hub-instance.com", "https://creators-hub-instance.com", "https://creators-hub-instance.com/", "creators-hub-instance.com/"],
)
def test_the_instance_with_and_without_https(instance: str) -> None:
    client = AsyncClient(instance, "t")
    assert repr(client) == "AsyncClient('https://creators-hub-instance.com')"
    assert (client.scope.venue, client.scope.network, client.scope.kind) == ("licenserocks", "creators-hub-instance.com", "write")
    assert client.scope.account == Address(keccak256(b"licenserocks:creators-hub-instance.com")[12:])
    assert AsyncClient(instance, "t", account="marketing").scope.account == Address(keccak256(b"licenserocks:marketing")[12:])


@pytest.mark.parametrize(
    "instance", ["", "http://example.com", "ftp://example.com", "a b", "user@example.com", "example.com?x", "{INSTANCE_URL}", None, 7]
)
def test_what_is_no_instance(instance: Any) -> None:
    with pytest.raises(InvalidInput):
        AsyncClient(instance, "t")


@pytest.mark.parametrize("instance", ["a" * 60 + ".example.com", "[::1]:8080", "EXAMPLE.com:444/a/b"])
def test_every_instance_has_a_name_in_the_ledger(instance: str) -> None:
    assert len(AsyncClient(instance, "t").scope.network) <= 64


@pytest.mark.parametrize("token", ["", "a\nb", "a b\r\nX: y", "ü", None])
def test_what_is_no_token(token: Any) -> None:
    with pytest.raises(InvalidInput) as raised:
        AsyncClient("example.com", token)
    assert "X: y" not in str(raised.value)


# What is checked before anything is sent


@pytest.mark.parametrize(
    "ids", [[], [0], [-1], ["1"], [1.0], [True], [None], "1,2", 1, [1, 1], list(range(1, 52)), [2**53], [2**53 - 1 - n for n in range(17)]]
)
async def test_what_are_no_ids(server: RawServer, make: Make, ids: Any) -> None:
    with pytest.raises(InvalidInput, match="order_ids"):
        await make(server.url).orders(ids)
    assert server.seen == []


async def test_the_longest_list_of_ids(server: RawServer, make: Make) -> None:
    ids = [2**53 - 1 - n for n in range(15)]
    server.otherwise = answer(200, shown(*map(order, ids)))
    assert len(await make(server.url).orders(ids)) == 15


@pytest.mark.parametrize("missing", ["city", "country", "postal", "street"])
@pytest.mark.parametrize("value", [None, "", "  ", "a\nb", 7, "x" * 501])
def test_billing_is_all_four_or_none(missing: str, value: Any) -> None:
    whole = {"city": "Toruń", "country": "Poland", "postal": "87-100", "street": "Szeroka"}
    rest = {name: text for name, text in whole.items() if name != missing}
    with pytest.raises(InvalidInput, match="all four, or none") as raised:
        BillingData(**rest, **({} if value is None else {missing: value}))
    assert raised.value.path == f"billing.{missing}"
    assert "Szeroka" not in str(raised.value)
    assert "Toru" not in repr(BillingData(**whole))


@pytest.mark.parametrize("name", ["nft_id", "listing_id", "buyer_user_id", "quantity"])
@pytest.mark.parametrize("value", [0, -1, 1.0, "1", True, None, 2**53])
def test_what_is_no_order(name: str, value: Any) -> None:
    members: dict[str, Any] = {"nft_id": 1, "listing_id": 1, "buyer_user_id": 1, "quantity": 1} | {name: value}
    with pytest.raises(InvalidInput, match=name):
        NewOrder(**members)


async def test_odd_arguments(server: RawServer, make: Make) -> None:
    client = make(server.url)
    with pytest.raises(InvalidInput, match="billing"):
        NewOrder(nft_id=1, listing_id=1, buyer_user_id=1, quantity=1, billing={"city": "x"})  # type: ignore[arg-type]  # what is tested
    for orders in ([], "NEW", [NEW, None], [NEW] * 51, [{"nftId": 1}], NEW, None):
        with pytest.raises(InvalidInput, match="orders"):
            await client.create_batch(orders, reference="r")  # type: ignore[arg-type]  # what is tested
    for address in (None, {"userId": 6}):
        with pytest.raises(InvalidInput, match="address"):
            await client.create_delivery_address(address, reference="r")  # type: ignore[arg-type]  # what is tested
    for user in (0, "5", "you", None):
        with pytest.raises(InvalidInput, match="user_id"):
            await client.delivery_addresses(user)  # type: ignore[arg-type]  # what is tested
        with pytest.raises(InvalidInput, match="user_id"):
            [one async for one in client.user_orders(user)]  # type: ignore[arg-type]  # what is tested
    with pytest.raises(InvalidInput, match="kind"):
        [one async for one in client.user_orders(5, kind="both")]  # type: ignore[arg-type]  # what is tested
    for reference in ("", "a\nb", "x" * 129):
        with pytest.raises(InvalidInput, match="reference"):
            await client.create_order(NEW, reference=reference)
    with pytest.raises(InvalidInput, match="ledger"):
        await make(server.url, ledger=None).create_order(NEW, reference="r")
    with pytest.raises(InvalidInput, match="ledger"):
        AsyncClient("example.com", "t", ledger="orders.db")  # type: ignore[arg-type]  # what is tested
    with pytest.raises(InvalidInput, match="account"):
        AsyncClient("example.com", "t", account="")
    assert server.seen == []


@pytest.mark.parametrize("orders", [[], [order(1)], [order(1), order(1)], [order(1), order(3)], [order(1), order(2), order(3)]])
async def test_an_answer_about_other_orders(server: RawServer, make: Make, orders: Any) -> None:
    server.otherwise = answer(200, shown(*orders))
    with pytest.raises(InvalidReply, match="other orders"):
        await make(server.url).orders([1, 2])


# One send for each reference


async def test_one_order_a_request_and_once(server: RawServer, make: Make, ledger: Ledger) -> None:
    server.otherwise = answer(200, shown(order(7)))
    client = make(server.url)
    new = NewOrder(nft_id=405, listing_id=2, buyer_user_id=5, quantity=1, billing=BILLING)
    created = await client.create_order(new, reference="invoice 118")
    assert (created.order_ids, created.differences) == ((7,), ())
    assert server.seen[0].json == [
        {"nftId": 405, "listingId": 2, "quantity": 1, "buyerUserId": 5, "buyerBillingData": BILLING.members()},
    ]
    again = await make(server.url).create_order(new, reference="invoice 118")
    assert (again.order_ids, again.orders) == ((7,), None)
    for other in (NEW, NewOrder(nft_id=405, listing_id=2, buyer_user_id=5, quantity=2, billing=BILLING)):
        with pytest.raises(InvalidInput, match="one wish for ever"):
            await client.create_order(other, reference="invoice 118")
    assert len(server.seen) == 1
    exported = "".join(ledger.export_lines())
    assert "invoice 118" in exported
    assert "Szeroka" not in exported


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (refusing(400, "User with ID 5 does not exist."), Refused),
        (refusing(422), Refused),
        (refusing(200), Refused),
        (answer(400, {"error": "No billing address"}), Refused),
    ],
    ids=["400", "422", "200", "bare"],
)
async def test_a_refusal_spends_the_reference(server: RawServer, make: Make, reply: bytes, error: type[Refused]) -> None:
    server.otherwise = reply
    client = make(server.url)
    with pytest.raises(error):
        await client.create_order(NEW, reference="r")
    with pytest.raises(RuleViolation):
        await client.create_order(NEW, reference="r")
    assert len(server.seen) == 1


@pytest.mark.parametrize(("status", "error"), [(401, Unauthorized), (429, RateLimited)])
async def test_not_accepted_may_go_again(server: RawServer, make: Make, status: int, error: type[Refused]) -> None:
    server.otherwise = [refusing(status), answer(200, shown(order(7)))]
    client = make(server.url)
    with pytest.raises(error):
        await client.create_order(NEW, reference="r")
    assert (await client.create_order(NEW, reference="r")).order_ids == (7,)
    assert server.seen[0].body == server.seen[1].body


async def test_unreachable_may_go_again(server: RawServer, make: Make) -> None:
    dead = make("http://127.0.0.1:9")
    with pytest.raises(Unreachable):
        await dead.create_order(NEW, reference="r")
    assert await dead.open_writes() == []


LOST = {
    "dropped": b"",
    "500": refusing(500),
    "408": refusing(408),
    "302": http(302, b"", {"Location": "https://example.com/"}),
    "html": http(400, b"<html>no</html>"),
    "not the envelope": answer(400, {"message": "no"}),
    "401 of another form": answer(401, {"message": "no"}),
    "orders and an error": answer(200, {"orders": [order(1)], "error": "half"}),
    "none": answer(200, shown()),
    "two": answer(200, shown(order(1), order(2))),
    "null": answer(200, {"orders": None, "error": None}),
    "empty error": answer(400, {"orders": None, "error": " "}),
    "cut": http(200, b'{"orders":[', length=500),
    "wrong type": answer(200, shown(order(1, totalPriceCents=1.5))),
    "twice": http(200, b'{"orders":[],"orders":[],"error":null}'),
}


@pytest.mark.parametrize("kind", LOST)
async def test_a_lost_answer_is_never_sent_again(server: RawServer, make: Make, watch: Watch, kind: str) -> None:
    server.otherwise = LOST[kind]
    client = make(server.url)
    new = NewOrder(nft_id=405, listing_id=2, buyer_user_id=5, quantity=1, billing=BILLING)
    for _ in range(2):
        with pytest.raises(OutcomeUnknown, match="candidates") as raised:
            await client.create_order(new, reference="r")
        assert raised.value.reference == "r"
        text = watch.clean(raised.value) + "".join(traceback.format_exception(raised.value))
        assert "Szeroka" not in text
    assert len(server.seen) == 1
    (lost,) = await client.open_writes()
    assert (lost.reference, lost.path, lost.sending) == ("r", ORDERS, False)


async def lose(client: AsyncClient, server: RawServer, reference: str = "r", *orders: NewOrder) -> None:
    server.routes[ORDERS] = b""
    with pytest.raises(OutcomeUnknown):
        await client.create_batch(orders or [NEW], reference=reference)


def show(server: RawServer, *orders: dict[str, Any], buyer: int = 5) -> None:
    """Let the instance show these orders."""
    rows = {row["id"]: row for row in orders}
    listed = [{"id": number, "createdAt": row["createdAt"]} for number, row in rows.items()]
    server.routes[f"/api/public/user/{buyer}/orders/getAll"] = answer(200, {"orders": listed, "meta": {"currentPage": 1, "pageCount": 1}})

    def read(seen: Any) -> bytes:
        ids = [int(text) for text in seen.path.rpartition("/")[2].split(",")]
        unknown = [number for number in ids if number not in rows]
        return refusing(400, f"Order with ID {unknown[0]} does not exist.") if unknown else answer(200, shown(*[rows[n] for n in ids]))

    server.otherwise = read


async def test_candidates_are_evidence_and_close_nothing(server: RawServer, make: Make) -> None:
    client = make(server.url)
    server.routes[ORDERS] = answer(200, shown(order(50)))
    await client.create_order(NEW, reference="another")
    await lose(client, server)
    old = (datetime.now(UTC) - timedelta(minutes=10)).isoformat()
    show(
        server,
        order(50),
        order(51),
        order(52, createdAt=old),
        order(53, listingId=3),
        order(54, nftId=1),
        order(55, buyerId=6),
        order(56, quantity=2),
    )
    report = await client.candidates("r")
    assert [(one.order.id, one.index, one.differences) for one in report.found] == [(51, 0, ()), (56, 0, ("its quantity is 2, not 1",))]
    assert (report.reference, report.wanted) == ("r", 1)
    assert server.last(USER_ORDERS).query == {"orderType": "purchased", "pageNumber": "1"}
    with pytest.raises(OutcomeUnknown):
        await client.create_order(NEW, reference="r")
    show(server)
    assert (await client.candidates("r")).found == ()
    assert len(await client.open_writes()) == 1


async def test_a_person_settles(server: RawServer, make: Make) -> None:
    client = make(server.url)
    server.routes[ORDERS] = answer(200, shown(order(50)))
    await client.create_order(NEW, reference="another")
    await lose(client, server)
    old = (datetime.now(UTC) - timedelta(minutes=10)).isoformat()
    show(server, order(50), order(51), order(52, createdAt=old), order(53, listingId=3), order(56, quantity=2))
    for number, why in ((50, "no other reference"), (52, "created before"), (53, "listing is 3"), (56, "quantity is 2")):
        with pytest.raises(InvalidInput, match=why):
            await client.settle("r", number)
    for ids in ([], [51, 56], [51, 51], ["51"], [True], True, "51"):
        with pytest.raises(InvalidInput, match="order_id"):
            await client.settle("r", ids)  # type: ignore[arg-type]  # what is tested
    with pytest.raises(Refused, match="does not exist"):
        await client.settle("r", 99)
    assert (await client.settle("r", 51)).order_ids == (51,)
    assert (await client.create_order(NEW, reference="r")).order_ids == (51,)
    for act in (client.settle("r", 51), client.candidates("r"), client.settle("never used", 51)):
        with pytest.raises(LedgerError, match="open under"):
            await act
    await lose(client, server, "s")
    with pytest.raises(InvalidInput, match="no other reference"):
        await client.settle("s", 51)
    with pytest.raises(InvalidInput, match="no other reference"):
        await client.settle("s", 51, despite_differences=True)
    settled = await client.settle("s", 56, despite_differences=True)
    assert settled.differences == ("order 56: its quantity is 2, not 1",)


async def test_a_batch_is_settled_in_its_order(server: RawServer, make: Make) -> None:
    client = make(server.url)
    second = NewOrder(nft_id=406, listing_id=4, buyer_user_id=5, quantity=1, billing=BILLING)
    await lose(client, server, "r", NEW, second)
    show(server, order(61), order(62, nftId=406, listingId=4))
    assert [(one.order.id, one.index) for one in (await client.candidates("r")).found] == [(61, 0), (62, 1)]
    with pytest.raises(InvalidInput, match="nft"):
        await client.settle("r", [62, 61])
    assert (await client.settle("r", [61, 62])).order_ids == (61, 62)


async def test_a_lost_address(server: RawServer, make: Make) -> None:
    client = make(server.url)
    server.routes[ADDRESS] = b""
    new = NewDeliveryAddress(user_id=6, street="Cosmos")
    with pytest.raises(OutcomeUnknown, match="settle_address"):
        await client.create_delivery_address(new, reference="a")
    for act in (client.settle("a", 4), client.candidates("a"), client.settle_address("b", 4)):
        with pytest.raises(LedgerError, match="open under"):
            await act
    await client.settle_address("a", 4)
    assert (await client.create_delivery_address(new, reference="a")).address_id == 4
    await lose(client, server)
    with pytest.raises(LedgerError, match="open under"):
        await client.settle_address("r", 4)


async def test_cancelled_in_the_air(server: RawServer, make: Make) -> None:
    client = make(server.url)
    server.otherwise = server.hang
    task = asyncio.create_task(client.create_order(NEW, reference="r"))
    await asyncio.to_thread(server.wait, ORDERS)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await client.aclose()
    with pytest.raises(OutcomeUnknown):
        await make(server.url).create_order(NEW, reference="r")
    assert len(server.seen) == 1


async def test_reads_are_asked_again_and_writes_never(server: RawServer, make: Make) -> None:
    server.routes[f"{ORDERS}/1"] = [refusing(503), refusing(502), answer(200, shown(order(1)))]
    client = make(server.url)
    assert (await client.order(1)).id == 1
    server.routes[ORDERS] = refusing(503)
    with pytest.raises(OutcomeUnknown):
        await client.create_order(NEW, reference="r")
    assert (server.count(f"{ORDERS}/1"), server.count(ORDERS)) == (3, 1)


# Sync, and the house


def test_the_sync_client_does_the_same(server: RawServer, ledger: Ledger, watch: Watch) -> None:
    server.routes = {ORDERS: answer(200, shown(order(7))), MY_ADDRESSES: answer(200, {"deliveryAddresses": []})}
    with Client(server.url, watch.hide("sync-token"), ledger=ledger) as client:
        assert client.create_order(NEW, reference="r").order_ids == (7,)
        assert client.create_order(NEW, reference="r").orders is None
        assert client.delivery_addresses() == ()
        show(server, order(7))
        assert client.order(7).id == 7
        assert [one.id for one in client.user_orders(5)] == [7]
        assert client.open_writes() == []
        assert client.scope.venue == "licenserocks"
        assert "sync-token" not in repr(client)


@pytest.mark.parametrize(
    "name", [name for name, value in vars(AsyncClient).items() if inspect.isfunction(value) and not name.startswith("_")]
)
def test_every_method_says_what_it_does(name: str) -> None:
    text = inspect.getdoc(getattr(AsyncClient, name)) or ""
    assert len(text) > 40
    if name != "aclose":
        assert "Example::" in text


def test_the_names_are_sorted() -> None:
    assert licenserocks.__all__ == sorted(licenserocks.__all__)
    assert all(hasattr(licenserocks, name) for name in licenserocks.__all__)


# With the twin


@pytest.fixture(scope="module")
def twin() -> Iterator[LicenseRocksSandbox]:
    with LicenseRocksSandbox(start_timeout=PATIENCE) as running:
        yield running


async def test_the_twin_from_end_to_end(twin: LicenseRocksSandbox, make: Make) -> None:
    client = make(twin.url, twin.token, user_token=twin.user_token)
    found = await client.orders([5, 1, 2])
    assert [one.id for one in found] == [5, 1, 2]
    with pytest.raises(Refused, match="Order with ID 4711 does not exist"):
        await client.orders([1, 4711])
    created = await client.create_order(NewOrder(nft_id=405, listing_id=2, buyer_user_id=5, quantity=1, billing=BILLING), reference="first")
    assert created.differences == ()
    with pytest.raises(Refused):
        await client.create_order(NewOrder(nft_id=405, listing_id=2, buyer_user_id=50000, quantity=1), reference="no billing address")
    assert created.order_ids[0] in [one.id async for one in client.user_orders(5, kind="purchased")]
    address = await client.create_delivery_address(NewDeliveryAddress(user_id=5, city="Ankara"), reference="address")
    assert address.address_id in [one.id for one in await client.delivery_addresses()]
    assert await client.delivery_addresses(5) == await client.delivery_addresses("me")
    with pytest.raises(Unauthorized):
        await make(twin.url, "wrong").order(1)


@pytest.mark.parametrize(
    "fault", [Fault("drop_after"), Fault("cut_reply"), Fault("error_after"), Fault("error_before")], ids=lambda fault: fault.kind
)
async def test_the_twin_loses_an_answer(twin: LicenseRocksSandbox, make: Make, fault: Fault) -> None:
    client = make(twin.url, twin.token, user_token=twin.user_token)
    before = len(twin.transfers())
    twin.inject(fault, method="POST", path=ORDERS)
    for _ in range(2):
        with pytest.raises(OutcomeUnknown):
            await client.create_order(NEW, reference=f"lost by {fault.kind}")
    report = await client.candidates(f"lost by {fault.kind}")
    took_effect = fault.kind != "error_before"
    assert len(twin.transfers()) - before == took_effect
    mine = [one for one in report.found if one.order.id == twin.transfers()[-1].order_id] if took_effect else []
    assert len(mine) == took_effect
    if took_effect:
        await client.settle(report.reference, mine[0].order.id)
        assert (await client.create_order(NEW, reference=report.reference)).order_ids == (mine[0].order.id,)
