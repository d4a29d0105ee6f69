"""Sales, delistings and purchases in both generations of the documents."""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from orderseal.sandbox.clock import Clock
from orderseal.sandbox.tokenizationtr.state import CURRENCY, Deal, Money, State, Token, User, money
from orderseal.sandbox.tokenizationtr.transactions import Transaction, Transactions
from orderseal.sandbox.tokenizationtr.variation import Variation
from orderseal.sandbox.twins.endpoint import Answer, Call, Refusal
from orderseal.sandbox.twins.ids import object_id, rfc3339

_HIGHEST_PRICE = 1e9
_TOTAL_FEE = 4.0
"""Percent of the notional, as in the documented sample."""

Row = dict[str, Any]


class Trading:
    """Handlers of the four writes."""

    def __init__(self, state: State, transactions: Transactions, variation: Variation, clock: Clock) -> None:
        self._state = state
        self._transactions = transactions
        self._variation = variation
        self._clock = clock

    def sell(self, call: Call) -> Answer:
        """Answer in the generation that the request is written in."""
        user, token, body = self._parties(call, "sell tokens")
        quantity = _positive(body["quantity"])
        old = "price" in body
        price: Money = cast("Money", body["price"]) if old else self._price(body)
        if not 0 < price["amount"] <= _HIGHEST_PRICE:
            raise Refusal("invalid", "Price is out of the acceptable range")
        # The end of the documented request is years ago: such a deal is made, and cancelled by the next request.
        expires = cast("datetime | None", body.get("expires_at"))
        if user.holdings.get(token.id, 0) < quantity:
            raise Refusal("unprocessable", "User does not have enough tokens to sell", error="Insufficient token balance")
        if not token.open_to_secondary:
            raise Refusal("unprocessable", "Token is not open to the secondary market", error="Sell not possible")
        self._move(user, token, -quantity)
        made: list[Deal] = []

        def finish(_item: Transaction) -> None:
            end = None if expires is None else expires.timestamp()
            made.append(self._state.add_deal(token.id, user.id, quantity, price, self._clock.time(), end))

        data = {"token_id": token.id, "quantity": quantity, "price_amount": price["amount"], "price_symbol": price["symbol"]}

        def undo() -> None:
            self._move(user, token, quantity)

        item = self._transactions.start("sell", user.id, token.id, quantity, data, finish, undo, at_once=old)
        if not old:
            return Answer({"transaction_id": item.id}, ids=(item.id,))
        (deal,) = made
        shown = {"deal_id": deal.id, "user_id": user.id, "token_id": token.id, "quantity": quantity, "price": price, "status": deal.status}
        shown |= self.unset("expires_at", None if expires is None else rfc3339(expires.timestamp(), 0))
        shown |= {"created_at": self.stamp(deal.created_at), "estimated_total": money(price["amount"] * quantity, price)}
        return Answer({"success": True, "message": "Sell order created successfully", "data": shown}, ids=(str(deal.id),))

    def delist(self, call: Call) -> Answer:
        user, token, body = self._parties(call, "delist tokens")
        deal = self._state.deals.get(int(body["deal_id"]))
        if deal is None or deal.token_id != token.id:
            raise Refusal("missing", "The specified deal does not exist or has already been completed", error="Deal not found")
        if deal.seller_id != user.id:
            raise Refusal("forbidden", "You can only delist your own deals")
        if deal.status != "active":
            raise Refusal("conflict", "Deal is already completed or cancelled", error="Deal cannot be delisted")

        def finish(_item: Transaction) -> None:
            if deal.status == "active":
                self._state.close(deal, "delisted", self._clock.time())

        old = self._variation.generation == "old"
        left = deal.available
        data = {"token_id": token.id, "deal_id": deal.id, "quantity": left}
        item = self._transactions.start("delist", user.id, token.id, left, data, finish, lambda: None, at_once=old)
        if not old:
            return Answer({"transaction_id": item.id}, ids=(item.id,))
        shown = {"deal_id": deal.id, "user_id": user.id, "token_id": token.id, "quantity": deal.quantity, "remaining_quantity": left}
        shown |= {"price": deal.price, "status": deal.status, "delisted_at": self.stamp(deal.updated_at)}
        shown |= {"created_at": self.stamp(deal.created_at)}
        return Answer({"success": True, "message": "Deal delisted successfully", "data": shown}, ids=(str(deal.id),))

    def buy_primary(self, call: Call) -> Answer:
        user, token, body = self._parties(call, "purchase tokens", "Token not available for primary market purchase")
        quantity = _positive(body["quantity"])
        if not token.on_primary:
            raise Refusal("missing", "Token not available for primary market purchase")
        low, high = token.limits
        if not low <= quantity <= high:
            raise Refusal(self._variation.limit_problem, f"Quantity must be between {low} and {high}")
        if token.available < quantity:
            raise Refusal("unprocessable", "Insufficient token supply available", error="Purchase not possible")
        token.available -= quantity

        def undo() -> None:
            token.available += quantity

        row = self._purchase("primary", token, quantity, money(token.price), None)
        return self._buy(user, token, row, undo, at_once=self._variation.generation == "old")

    def buy_secondary(self, call: Call) -> Answer:
        user, token, body = self._parties(call, "purchase tokens")
        quantity = _positive(body["quantity"])
        deal = self._state.deals.get(int(body["deal_id"]))
        if deal is None or deal.token_id != token.id or deal.status != "active":
            raise Refusal("missing", "The specified deal does not exist or has already been completed", error="Deal not found")
        if deal.available < quantity:
            raise Refusal("unprocessable", "Insufficient deal quantity available", error="Purchase not possible")
        deal.available -= quantity
        if not deal.available:
            deal.status = "completed"

        def undo() -> None:
            if deal.status in ("active", "completed"):
                deal.available, deal.status = deal.available + quantity, "active"
            else:
                self._move(self._state.users[deal.seller_id], token, quantity)

        row = self._purchase("secondary", token, quantity, deal.price, deal)
        return self._buy(user, token, row, undo, at_once=self._variation.secondary_buy == "old")

    def stamp(self, seconds: float) -> str:
        return self._transactions.stamp(seconds)

    def unset(self, name: str, value: str | None) -> Row:
        """Return a member that may be unset: the documents show a zero time, and do not say when."""
        match value, self._variation.unset_time:
            case str(), _:
                return {name: value}
            case _, "zero":
                return {name: "0001-01-01T00:00:00Z"}
            case _, "null":
                return {name: None}
            case _:
                return {}

    def _buy(self, user: User, token: Token, row: Row, undo: Any, *, at_once: bool) -> Answer:
        quantity = row["quantity"]

        def finish(item: Transaction) -> None:
            self._move(user, token, quantity)
            stamp = self.stamp(item.end)
            self._state.purchases.append(row | {"user_id": user.id, "transaction_hash": item.hash, "purchase_date": stamp})
            if row["deal_id"] is not None:
                deal = self._state.deals[row["deal_id"]]
                deal.buyer_id, deal.tx_hash, deal.updated_at = user.id, item.hash, item.end

        price = row["purchase_price"]
        data = {"token_id": token.id, "quantity": quantity, "price_id": CURRENCY["id"], "price_amount": price["amount"]}
        data |= {"price_decimal": price["decimal"], "price_symbol": price["symbol"], "price_address": CURRENCY["contract"]["address"]}
        data |= {"total_fee_percentage": _TOTAL_FEE, "total_fee_amount": row["total_cost"]["amount"] * _TOTAL_FEE / 100}
        kind = row["purchase_type"]
        item = self._transactions.start(kind, user.id, token.id, quantity, data, finish, undo, at_once=at_once)
        if not at_once:
            return Answer({"transaction_id": item.id}, ids=(item.id,))
        return Answer(self._bought(user, item, row), ids=(row["id"],))

    def _bought(self, user: User, item: Transaction, row: Row) -> Row:
        primary = row["deal_id"] is None
        fees, total = row["fees"], row["total_cost"]
        paid = sum(fee["amount"] for fee in fees.values()) * (-1 if self._variation.net_amount == "less_fees" else 1)
        shown: Row = {"purchase_id": f"{'pm' if primary else 'sm'}_{row['id']}", "user_id": user.id, "token_id": row["token_id"]}
        shown |= {"quantity": row["quantity"], "unit_price": row["purchase_price"], "total_cost": total, "fees": fees}
        shown |= {"net_amount": money(total["amount"] + paid, total), "status": "completed", "transaction_hash": item.hash}
        shown |= {"purchase_date": self.stamp(item.end)} | self.unset("estimated_delivery", None)
        if not primary:
            seller = self._state.users[row["seller_id"]]
            shown |= {"deal_id": row["deal_id"], "seller_id": seller.id, "seller_name": seller.full_name}
        return {"success": True, "message": f"{'Primary' if primary else 'Secondary'} market purchase successful", "data": shown}

    def _purchase(self, kind: str, token: Token, quantity: float, price: Money, deal: Deal | None) -> Row:
        total = price["amount"] * quantity
        platform = self._variation.platform_fee_percentage
        fees = {"platform_fee": platform, "node_fee": _TOTAL_FEE - platform}
        return {
            "id": f"purchase_{object_id(self._state.rng)}",
            "token_id": token.id,
            "token_name": token.name,
            "token_symbol": token.symbol,
            "quantity": quantity,
            "purchase_price": price,
            "total_cost": money(total, price),
            "fees": {name: money(total * share / 100, price) for name, share in fees.items()},
            "purchase_type": kind,
            "market_type": kind,
            "deal_id": None if deal is None else deal.id,
            "seller_id": None if deal is None else deal.seller_id,
            "status": "completed",
        }

    def _parties(self, call: Call, action: str, no_token: str | None = None) -> tuple[User, Token, Row]:
        user = self._state.user(call.path["user_id"], action)
        if no_token is not None and call.path["token_id"] not in self._state.tokens:
            raise Refusal("missing", no_token)
        return user, self._state.token(call.path["token_id"]), cast("Row", call.body)

    def _price(self, body: Row) -> Money:
        if body["price_id"] != CURRENCY["id"]:
            raise Refusal("invalid", "Unknown price_id")
        return money(body["price_amount"])

    def _move(self, user: User, token: Token, quantity: float) -> None:
        user.holdings[token.id] = user.holdings.get(token.id, 0) + quantity


def _positive(quantity: float) -> int:
    if quantity <= 0:
        raise Refusal("invalid", "Quantity must be greater than 0")
    if quantity != int(quantity):
        raise Refusal("invalid", "Quantity must be a whole number")
    return int(quantity)
