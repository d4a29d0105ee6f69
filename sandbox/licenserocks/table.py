"""Every documented endpoint of License.rocks, with its page's request and reply form."""

from __future__ import annotations

from typing import Any

from orderseal.sandbox.licenserocks.service import Service
from orderseal.sandbox.licenserocks.state import BILLING, SAMPLES
from orderseal.sandbox.twins.endpoint import Endpoint, Parameter, Reply
from orderseal.sandbox.twins.shapes import Anything, Choice, Flag, Items, Nullable, Record, Shape, Text, Whole, like

_TEXT = Text(high=255)
_NUMBER = Whole(high=2**53 - 1)
_BILLING = Record(dict.fromkeys(BILLING, _TEXT), optional=BILLING)
_WANTED = Record(
    {"nftId": _NUMBER, "listingId": _NUMBER, "quantity": _NUMBER, "buyerUserId": _NUMBER, "buyerBillingData": _BILLING},
    optional=("buyerBillingData",),
)
_MAYBE: Any = {
    "free": ("payload", "arweaveTx", "secretPhrase"),
    "maybe": ("activeTill", "txHash", "amount", "salesContractUrl", "billingAddress", "name", "email"),
}
_ADDRESS_TEXTS = ("name", "street", "postal", "city", "country", "companyName", "taxId", "email", "mobilePhone")

_ADDRESS_MEMBERS: dict[str, Shape] = {"userId": _NUMBER, "default": Flag(), **dict.fromkeys(_ADDRESS_TEXTS, Nullable(_TEXT))}
_ADDRESS = Record(_ADDRESS_MEMBERS, optional=("default", *_ADDRESS_TEXTS))


def _orders(rows: list[Any], about: str) -> dict[int, Reply]:
    body = {"orders": rows, "error": None}
    return {200: Reply(about, like(body, **_MAYBE), body)}


def endpoints(service: Service) -> list[Endpoint]:
    """Return the table."""

    def row(method: str, path: str, **parts: Any) -> Endpoint:
        return Endpoint(method=method, path=path, scheme=parts.pop("scheme", "bearer"), **parts)

    meta = {"currentPage": 1, "offset": 10, "pageCount": 1}
    public = {"orders": [SAMPLES["public_order"]], "meta": meta}
    address = SAMPLES["delivery_address"]
    free = (*_ADDRESS_TEXTS, "default")
    addresses = {200: Reply("The addresses", like({"deliveryAddresses": [address]}, free=free), {"deliveryAddresses": [address]})}
    saved = {"newDeliveryAddress": address}
    return [
        row(
            "GET",
            "/api/externalOrders/{ids}",
            name="read_orders",
            about="Read orders by their ids, separated by commas",
            source="Order API, GET method",
            scheme="api_token",
            handler=service.read_orders,
            replies=_orders(SAMPLES["orders"], "All orders that were asked for"),
        ),
        row(
            "POST",
            "/api/externalOrders",
            name="create_orders",
            about="Create paid orders, which transfers the NFTs",
            source="Order API, POST method",
            scheme="api_token",
            handler=service.create_orders,
            body=Items(_WANTED, low=1, high=100),
            body_sample=SAMPLES["request"],
            replies=_orders(SAMPLES["created"], "The created orders"),
            writes=True,
        ),
        row(
            "GET",
            "/api/public/user/{USER_ID}/orders/getAll",
            name="user_orders",
            about="Orders of a user",
            source="Users' orders",
            handler=service.user_orders,
            query={"orderType": Parameter(Choice(("purchased", "sold"))), "pageNumber": Parameter(Whole())},
            replies={200: Reply("One page", like(public, **_MAYBE), public)},
        ),
        row(
            "GET",
            "/api/public/user/me/deliveryAddresses",
            name="own_delivery_addresses",
            about="Delivery addresses of the token's user",
            source="Delivery addresses",
            handler=service.delivery_addresses,
            replies=addresses,
        ),
        row(
            "GET",
            "/api/public/user/{USER_ID}/deliveryAddresses",
            name="delivery_addresses",
            about="Delivery addresses of a user",
            source="Delivery addresses",
            handler=service.delivery_addresses,
            replies=addresses,
        ),
        row(
            "POST",
            "/api/public/deliveryAddress",
            name="save_delivery_address",
            about="Change a delivery address, or add one",
            source="Delivery addresses",
            handler=service.save_delivery_address,
            query={"id": Parameter(Whole(low=1))},
            body=_ADDRESS,
            replies={200: Reply("The address", like(saved, free=free), saved)},
            writes=True,
        ),
        row(
            "POST",
            "/api/public/batchMint",
            name="batch_mint",
            about="Mint several NFTs",
            source="Batch mint; of its fields and reply, only a sample request was found",
            handler=service.batch_mint,
            body=Items(
                Record({"title": Text(low=1), "status": _TEXT, "amount": Whole(1, 10**6)}, optional=("status", "amount")), low=1, high=100
            ),
            body_sample=[{"title": "Bear 1", "status": "draft", "amount": 1}],
            replies={200: Reply("The NFTs", Record({"nfts": Items(Anything())}))},
            writes=True,
        ),
        row(
            "POST",
            "/api/generateSalesContract",
            name="generate_sales_contract",
            about="Fill the form fields of a contract",
            source="Sales contract",
            handler=service.sales_contract,
            body=Record({"pdfUrl": _TEXT, "nftId": _NUMBER, "save": Flag()}, optional=("pdfUrl", "save")),
            body_sample={"nftId": 405, "save": True},
            replies={200: Reply("A PDF document", media="application/pdf")},
            writes=True,
        ),
    ]
