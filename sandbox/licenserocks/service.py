"""What License.rocks does: one method for each documented endpoint."""

from __future__ import annotations

import re
from copy import deepcopy
from typing import Any, cast

from orderseal.sandbox.licenserocks.state import SAMPLES, USER, State
from orderseal.sandbox.licenserocks.variation import Variation
from orderseal.sandbox.twins.endpoint import Answer, Call, Refusal

_NUMBER = re.compile(r"[0-9]{1,15}")
_PAGE = 10
_PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"

Row = dict[str, Any]


class Service:
    """Handlers over the state."""

    def __init__(self, state: State, variation: Variation) -> None:
        self._state = state
        self._variation = variation

    def read_orders(self, call: Call) -> Answer:
        parts = call.path["ids"].split(",")
        for part in parts:
            if not _NUMBER.fullmatch(part):
                raise Refusal("invalid", f"One or more IDs are not a number type. One of the example is '{part[:60]}'. Check the URL.")
        numbers = [int(part) for part in parts]
        if self._variation.repeated_id == "once":
            numbers = list(dict.fromkeys(numbers))
        if self._variation.unsorted_ids == "by_id":
            numbers.sort()
        return Answer({"orders": [self._state.shown(self._state.find(number)) for number in numbers], "error": None})

    def create_orders(self, call: Call) -> Answer:
        saved = self._state.mark()
        made: list[Row] = []
        try:
            made.extend(deepcopy(self._state.create(wanted)) for wanted in cast("list[Row]", call.body))
        except Refusal:
            if self._variation.batch == "atomic":
                self._state.go_back(saved)
            raise
        return Answer({"orders": made, "error": None}, ids=tuple(str(order["id"]) for order in made))

    def user_orders(self, call: Call) -> Answer:
        user, page = self._user(call), cast("int", call.query.get("pageNumber", 1))
        if page < 1:
            raise Refusal("invalid", "pageNumber must be 1 or more")
        sold = call.query.get("orderType") == "sold"
        orders = [order for order in reversed(self._state.orders.values()) if (_seller(order) if sold else order["buyerId"]) == user]
        rows = [self._public(order) for order in orders[(page - 1) * _PAGE : page * _PAGE]]
        meta = {"currentPage": page, "offset": _PAGE, "pageCount": max(1, -(-len(orders) // _PAGE))}
        return Answer({"orders": rows, "meta": meta})

    def delivery_addresses(self, call: Call) -> Answer:
        user = self._user(call)
        return Answer({"deliveryAddresses": [row for row in self._state.delivery.values() if row["userId"] == user]})

    def save_delivery_address(self, call: Call) -> Answer:
        given, now = cast("Row", call.body), self._state.stamp()
        if given["userId"] not in self._state.users:
            raise Refusal("invalid", f"User with ID {given['userId']} does not exist.")
        number = cast("int", call.query.get("id", max(self._state.delivery) + 1))
        old = self._state.delivery.get(number)
        if "id" in call.query and old is None:
            raise Refusal("missing")
        fresh = dict.fromkeys(SAMPLES["delivery_address"]) | {"default": False, "createdAt": now}
        row = (old or fresh) | given | {"id": number, "updatedAt": now}
        self._state.delivery[number] = row
        return Answer({"newDeliveryAddress": row}, ids=(str(number),))

    def batch_mint(self, call: Call) -> Answer:
        made: list[Row] = []
        for given in cast("list[Row]", call.body):
            number = max(self._state.nfts) + 1
            nft: Row = deepcopy(self._state.nfts[406])
            nft |= {"id": number, "title": given["title"], "status": given.get("status", "draft"), "amount": given.get("amount", 1)}
            nft |= {"availableAmount": nft["amount"], "createdAt": self._state.stamp(), "updatedAt": self._state.stamp()}
            self._state.nfts[number] = nft
            made.append(nft)
        return Answer({"nfts": made}, ids=tuple(str(nft["id"]) for nft in made))

    def sales_contract(self, call: Call) -> Answer:
        given = cast("Row", call.body)
        nft = self._state.nfts.get(given["nftId"])
        if nft is None:
            raise Refusal("missing")
        if given.get("save"):
            nft["salesContractUrl"] = f"https://instance.example.com/contracts/{nft['id']}.pdf"
        return Answer(_PDF, ids=(str(nft["id"]),), media="application/pdf")

    def _user(self, call: Call) -> int:
        given = call.path.get("USER_ID")
        if given is None:
            return USER
        if not _NUMBER.fullmatch(given):
            raise Refusal("invalid", "USER_ID must be a number")
        if int(given) not in self._state.users:
            raise Refusal("missing")
        return int(given)

    def _public(self, order: Row) -> Row:
        (item,) = order["orderItems"]
        row: Row = deepcopy(SAMPLES["public_order"])
        row |= {name: order[name] for name in ("id", "totalPriceCents", "totalPriceCurrency", "totalPriceEth", "createdAt")}
        row["status"] = order["status"] if order["failReason"] else "paid"
        row["billingAddress"] |= self._state.billing[order["billingAddressId"]][1]
        nft = self._state.nfts[item["nftId"]]
        row["orderItems"][0]["quantity"] = item["quantity"]
        row["orderItems"][0]["nft"] |= {name: nft[name] for name in ("id", "price", "title")}
        row["orderItems"][0]["slug"] = f"nft-{nft['id']}"
        return row


def _seller(order: Row) -> int:
    return int(order["orderItems"][0]["listing"]["sellerId"])
