"""What exists at the instance: users, NFTs, listings, orders and addresses. All come from the documented samples."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from decimal import ROUND_DOWN, Context, Decimal
from random import Random
from typing import Any, Literal

from orderseal.sandbox.clock import Clock
from orderseal.sandbox.licenserocks.settings import LicenseRocksSettings
from orderseal.sandbox.licenserocks.variation import Variation
from orderseal.sandbox.twins.endpoint import Refusal
from orderseal.sandbox.twins.ids import rfc3339, tx_hash, uuid4
from orderseal.sandbox.twins.samples import load

SAMPLES = load("orderseal.sandbox.licenserocks")
USER, POOR_USER = 5, 50000
"""A buyer with a billing address, and the one of the documented request, who has none."""
BILLING = ("city", "country", "postal", "street")
CLOSED_LISTING = 5
_FIRST_ORDER = 42
_TOTAL_DIGITS = 14

Row = dict[str, Any]


@dataclass(slots=True, eq=False)
class Sent:
    """The transfer that an order started; ``end`` is the moment when it is done or fails."""

    order_id: int
    nft_id: int
    listing_id: int
    buyer_id: int
    quantity: int
    end: float
    hash: str
    fails: bool
    result: Literal["pending", "done", "failed"] = "pending"


@dataclass(frozen=True, slots=True)
class Mark:
    """How much there was of everything at some moment."""

    orders: int
    transfers: int
    billing: int
    failing: int
    amounts: dict[int, int]
    left: dict[int, int | None]


class State:
    """Everything that requests read and change."""

    def __init__(self, settings: LicenseRocksSettings, variation: Variation, clock: Clock, rng: Random) -> None:
        self._settings = settings
        self._variation = variation
        self._clock = clock
        self._rng = rng
        self.orders: dict[int, Row] = {}
        self.transfers: list[Sent] = []
        self._pending: list[Sent] = []
        self.failing = 0
        self.billing: dict[int, tuple[int, Row]] = {1: (24, _address("Berlin")), 50: (USER, _address("Toruń"))}
        self.nfts: dict[int, Row] = {}
        self.listings: dict[int, Row] = {}
        self.delivery: dict[int, Row] = {1: deepcopy(SAMPLES["delivery_address"])}
        self.users: dict[int, Row] = {}
        for order in SAMPLES["orders"] + SAMPLES["created"]:
            (item,) = order["orderItems"]
            self.nfts[item["nftId"]] = deepcopy(item["nft"])
            self.listings[item["listingId"]] = deepcopy(item["listing"])
        self.listings[CLOSED_LISTING] = deepcopy(self.listings[2]) | {"id": CLOSED_LISTING, "active": False}
        buyer = SAMPLES["orders"][0]["buyer"]
        for user in (24, USER, POOR_USER):
            self.users[user] = deepcopy(buyer) | {"id": user}
        for order in SAMPLES["orders"]:
            self.orders[order["id"]] = deepcopy(order)
        # The documented URL asks for 1, 2 and 5.
        fifth = deepcopy(SAMPLES["orders"][1]) | {"id": 5}
        fifth["orderItems"][0] |= {"id": 5, "orderId": 5}
        self.orders[5] = fifth

    def create(self, wanted: Row) -> Row:
        """Make one order and start its transfer; raise ``Refusal`` for what cannot be sold."""
        buyer = wanted["buyerUserId"]
        if buyer not in self.users:
            raise Refusal("invalid", f"User with ID {buyer} does not exist.")
        nft, listing = self.nfts.get(wanted["nftId"]), self.listings.get(wanted["listingId"])
        if nft is None:
            raise Refusal("invalid", f"NFT with ID {wanted['nftId']} does not exist.")
        if listing is None or listing["nftId"] != nft["id"] or not listing["active"]:
            raise Refusal("invalid", f"Listing with ID {wanted['listingId']} is not available for NFT {nft['id']}.")
        quantity = self._quantity(wanted["quantity"], nft)
        billing = self._billing(buyer, wanted.get("buyerBillingData", {}))
        nft["availableAmount"] = max(0, nft["availableAmount"] - quantity)
        if listing["amount"] is not None:
            listing["amount"] = nft["availableAmount"]
        return self._add(buyer, billing, nft, listing, quantity)

    def find(self, order_id: int) -> Row:
        if order_id not in self.orders:
            raise Refusal("invalid", f"Order with ID {order_id} does not exist.")
        return self.orders[order_id]

    def mark(self) -> Mark:
        """Return where the state is, to go back to."""
        amounts = {number: nft["availableAmount"] for number, nft in self.nfts.items()}
        left = {number: listing["amount"] for number, listing in self.listings.items()}
        return Mark(len(self.orders), len(self.transfers), len(self.billing), self.failing, amounts, left)

    def go_back(self, mark: Mark) -> None:
        """Undo the orders that were made since."""
        for _ in range(len(self.orders) - mark.orders):
            self.orders.popitem()
        for _ in range(len(self.billing) - mark.billing):
            self.billing.popitem()
        for sent in self.transfers[mark.transfers :]:
            self._pending.remove(sent)
        del self.transfers[mark.transfers :]
        self.failing = mark.failing
        for number, amount in mark.amounts.items():
            self.nfts[number]["availableAmount"] = amount
        for number, left in mark.left.items():
            self.listings[number]["amount"] = left

    def settle(self) -> None:
        """End the transfers that are due by now."""
        now = self._clock.time()
        due = [sent for sent in self._pending if sent.end <= now]
        self._pending = [sent for sent in self._pending if sent.end > now]
        for sent in due:
            sent.result = "failed" if sent.fails else "done"
            self._show(sent)

    def stamp(self) -> str:
        return rfc3339(self._clock.time(), digits=3)

    def shown(self, order: Row) -> Row:
        """Return an order as a reading shows it: with its buyer, and with what is left of its NFT by now."""
        (item,) = order["orderItems"]
        current = item | {"nft": self.nfts[item["nftId"]], "listing": self.listings[item["listingId"]]}
        return order | {"buyer": self.users[order["buyerId"]], "orderItems": [current]}

    def _quantity(self, wanted: int, nft: Row) -> int:
        if wanted <= 0:
            raise Refusal("invalid", "quantity must be greater than 0")
        if not nft["availableAmount"]:
            raise Refusal("invalid", f"NFT with ID {nft['id']} is sold out.")
        return min(wanted, nft["availableAmount"]) if self._variation.excess_quantity == "clamped" else wanted

    def _billing(self, buyer: int, given: Row) -> int:
        """Take the four fields if all are there; otherwise, in silence, the buyer's first address."""
        if all(given.get(name) for name in BILLING):
            number = next(reversed(self.billing)) + 1
            self.billing[number] = (buyer, given)
            return number
        for number, (owner, _) in self.billing.items():
            if owner == buyer:
                return number
        raise Refusal("invalid", f"Billing address of user with ID {buyer} was not found.")

    def _add(self, buyer: int, billing: int, nft: Row, listing: Row, quantity: int) -> Row:
        number, now = max(_FIRST_ORDER, next(reversed(self.orders)) + 1), self.stamp()
        order: Row = deepcopy(SAMPLES["created"][0])
        (item,) = order["orderItems"]
        total = Decimal(listing["priceEths"]) * quantity
        order |= {"id": number, "buyerId": buyer, "billingAddressId": billing, "secupayWebhookToken": uuid4(self._rng)}
        order |= {"totalPriceCents": listing["priceCents"] * quantity, "createdAt": now, "updatedAt": now}
        order["totalPriceEth"] = format(Context(_TOTAL_DIGITS, ROUND_DOWN).plus(total), "f")
        item |= {"id": number, "orderId": number, "nftId": nft["id"], "listingId": listing["id"], "quantity": quantity}
        item |= {"priceCents": listing["priceCents"], "priceEths": listing["priceEths"], "createdAt": now, "updatedAt": now}
        item |= {"nft": deepcopy(nft), "listing": deepcopy(listing)}
        self.orders[number] = order
        self._send(order, item)
        return order

    def _send(self, order: Row, item: Row) -> None:
        fails = self.failing > 0 or self._rng.random() < self._settings.failure_rate
        self.failing -= 1 if fails and self.failing else 0
        end = self._clock.time() + self._rng.uniform(self._settings.delay_min, self._settings.delay_max)
        names = (order["id"], item["nftId"], item["listingId"], order["buyerId"], item["quantity"])
        sent = Sent(*names, end, tx_hash(self._rng), fails)
        self.transfers.append(sent)
        self._pending.append(sent)
        if self._variation.paid_at_once and self._variation.status_shown:
            order["status"] = "paid"

    def _show(self, sent: Sent) -> None:
        order = self.orders[sent.order_id]
        order["updatedAt"] = self.stamp()
        if sent.result == "failed":
            order |= {"status": self._variation.failed_status, "failReason": "Transfer failed"}
            return
        if self._variation.status_shown:
            order["status"] = "paid"
        if self._variation.tx_id_shown:
            order["orderItems"][0]["txId"] = sent.hash


def _address(city: str) -> Row:
    return {"city": city, "country": "Germany", "postal": "10115", "street": "Hauptstraße 1"}
