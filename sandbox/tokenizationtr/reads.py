"""What the platform shows: markets, purchases, transactions, tokens, users."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, cast

from orderseal.sandbox.clock import Clock
from orderseal.sandbox.tokenizationtr.state import CURRENCY, NODE, SAMPLES, Deal, State, Token, User
from orderseal.sandbox.tokenizationtr.trading import Trading
from orderseal.sandbox.tokenizationtr.transactions import Transactions
from orderseal.sandbox.tokenizationtr.variation import Variation
from orderseal.sandbox.twins.endpoint import Answer, Call, Refusal
from orderseal.sandbox.twins.paging import cut

Row = dict[str, Any]

_DAY = 86400
_PAGE = 20


class Reads:
    """Handlers of the reading endpoints, in both styles of paging."""

    def __init__(self, state: State, transactions: Transactions, trading: Trading, variation: Variation, clock: Clock) -> None:
        self._state = state
        self._transactions = transactions
        self._trading = trading
        self._variation = variation
        self._clock = clock

    def user_deals(self, call: Call) -> Answer:
        user, token = self._state.user(call.path["user_id"], "read deals"), self._state.token(call.path["token_id"])
        deals = [deal for deal in self._deals() if deal.token_id == token.id and user.id in (deal.seller_id, deal.buyer_id)]
        names = ("deal_id", "quantity", "price", "seller_id", "seller_name", "status", "created_at", "updated_at")
        return self._wrapped(call, [_only(self._deal(deal), names) | self._buyer(deal) for deal in deals])

    def token_market(self, call: Call) -> Answer:
        token = self._state.token(call.path["token_id"])
        deals = [deal for deal in self._deals() if deal.token_id == token.id]
        active = [deal for deal in deals if deal.status == "active"]
        prices = [float(deal.price["amount"]) for deal in active] or [0.0]
        since = self._clock.time() - _DAY
        volume = sum((deal.quantity - deal.available) * deal.price["amount"] for deal in deals if deal.updated_at >= since)
        category = SAMPLES["user_token"]["category"]
        summary = {
            "total_deals": len(deals),
            "active_deals": len(active),
            "total_quantity_available": sum(deal.available for deal in active),
            "total_volume_24h": volume,
            "volume_symbol": CURRENCY["symbol"],
            "price_range": {"min": min(prices), "max": max(prices), "average": sum(prices) / len(prices)},
        }
        info = {"id": token.id, "name": token.name, "symbol": token.symbol, "description": "", "category": category}
        names = ("deal_id", "quantity", "available_quantity", "price", "seller_id", "seller_name", "status", "created_at")
        rows = [_only(self._deal(deal), names) | {"seller_rating": 4.8} | self._expiry(deal) for deal in active]
        return Answer({"token_info": info, "market_summary": summary, "active_deals": rows})

    def find_deals(self, call: Call) -> Answer:
        filters = cast("Row", cast("Row", call.body).get("filters", {}))
        rows = [self._deal(deal) | self._expiry(deal) for deal in self._deals() if _matches(deal, filters)]
        answer = self._wrapped(call, rows)
        return Answer(cast("Row", answer.body) | {"filters_applied": filters})

    def own_deals(self, call: Call) -> Answer:
        user = self._state.user(call.path["user_id"], "read deals")
        names = tuple(name for name in SAMPLES["own_deal"] if name != "id")
        deals = [deal for deal in self._deals() if deal.seller_id == user.id]
        return self._wrapped(call, [{"id": f"deal_{deal.id}"} | _only(self._deal(deal), names) for deal in deals])

    def purchases(self, call: Call) -> Answer:
        body = cast("Row", call.body)
        rows = [row for row in self._purchases(call) if body.get("token_id") in (None, row["token_id"])]
        return self._wrapped(call, rows)

    def grouped_purchases(self, call: Call) -> Answer:
        body = cast("Row", call.body)
        rows = self._purchases(call)
        if "is_for_secondary" in body:
            kind = "secondary" if body["is_for_secondary"] else "primary"
            rows = [row for row in rows if row["purchase_type"] == kind]
        return self._wrapped(call, [] if body.get("is_for_otc") else rows)

    def user_transactions(self, call: Call) -> Answer:
        user = self._state.user(call.path["user_id"], "read transactions")
        kinds = cast("list[int]", call.query["types"])
        return self._flat(call.query, self._transactions.of_user(user.id, kinds))

    def token_transactions(self, call: Call) -> Answer:
        token = self._state.token(call.path["token_id"])
        return self._flat(cast("Row", call.body), self._transactions.of_token(token.id))

    def transaction(self, call: Call) -> Answer:
        return Answer(self._transactions.polled(self._transactions.find(call.path["tokenID"], call.path["transactionID"])))

    def currency_transactions(self, call: Call) -> Answer:
        if call.path["id"] != CURRENCY["id"]:
            raise Refusal("missing", "Currency token not found")
        return self._flat(call.query, [deepcopy(SAMPLES["currency_transaction"])])

    def currencies(self, call: Call) -> Answer:
        return self._flat(call.query, [CURRENCY])

    def user_token(self, call: Call) -> Answer:
        token = self._state.token(call.path["token_id"])
        row: Row = deepcopy(SAMPLES["user_token"])
        row |= {"id": token.id, "name": token.name, "symbol": token.symbol, "value": token.price, "total_supply": token.supply}
        row |= {"available_supply": token.available, "status": 6 if token.on_primary else 4}
        row["metrics"] |= {"min_purchase_quantity": token.limits[0], "max_purchase_quantity": token.limits[1]}
        row["metrics"] |= {name: value for name, value in token.metric.items() if name in row["metrics"]}
        return Answer(row | {"created_at": self._transactions.stamp(token.created_at)})

    def admin_token(self, call: Call) -> Answer:
        return Answer(self._admin_token(self._state.token(next(iter(call.path.values())))))

    def admin_tokens(self, call: Call) -> Answer:
        if call.path.get("node_id", NODE) != NODE:
            raise Refusal("missing", "Node not found")
        return self._flat(cast("Row", call.body), [self._admin_token(token) for token in self._state.tokens.values()])

    def rents(self, call: Call) -> Answer:
        user, token = self._state.user(call.path["user_id"], "read rents"), self._state.token(call.path["token_id"])
        row = SAMPLES["rent"] | {"token_id": token.id, "user_id": user.id}
        return self._flat(cast("Row", call.body), [row] if user.holdings.get(token.id) else [])

    def child_nodes(self, call: Call) -> Answer:
        if call.path["node_id"] != NODE:
            raise Refusal("missing", "Node not found")
        return self._flat(cast("Row", call.body), [SAMPLES["child_node"]])

    def user(self, call: Call) -> Answer:
        return Answer(shown_user(self._state.user(call.path["user_id"], "read users")))

    def wallet(self, call: Call) -> Answer:
        user = self._state.user(call.path["user_id"], "read wallets")
        return Answer(SAMPLES["wallet"] | {"address": user.address})

    def _purchases(self, call: Call) -> list[Row]:
        user = self._state.user(call.path["user_id"], "read purchases")
        return [_only(row, tuple(SAMPLES["purchase"])) for row in reversed(self._state.purchases) if row["user_id"] == user.id]

    def _admin_token(self, token: Token) -> Row:
        row: Row = deepcopy(SAMPLES["admin_token"])
        row |= {"id": token.id, "name": token.name, "token_name": token.name, "token_symbol": token.symbol}
        row |= {"status": 6 if token.on_primary else 4}
        row["value"]["token_price"]["amount"] = token.price
        for name in ("total_value", "salable_value"):
            row["value"][name]["amount"] = token.price * token.supply
        return row

    def _deals(self) -> list[Deal]:
        return sorted(self._state.deals.values(), key=lambda deal: -deal.id)

    def _deal(self, deal: Deal) -> Row:
        token, seller = self._state.tokens[deal.token_id], self._state.users[deal.seller_id]
        return {
            "deal_id": deal.id,
            "token_id": token.id,
            "token_name": token.name,
            "token_symbol": token.symbol,
            "quantity": deal.quantity,
            "available_quantity": deal.available,
            "price": deal.price,
            "seller_id": seller.id,
            "seller_name": seller.full_name,
            "status": deal.status,
            "created_at": self._transactions.stamp(deal.created_at),
            "updated_at": self._transactions.stamp(deal.updated_at),
        }

    def _buyer(self, deal: Deal) -> Row:
        buyer = None if deal.buyer_id is None else self._state.users[deal.buyer_id]
        return {
            "buyer_id": None if buyer is None else buyer.id,
            "buyer_name": None if buyer is None else buyer.full_name,
            "transaction_hash": deal.tx_hash,
        }

    def _expiry(self, deal: Deal) -> Row:
        return self._trading.unset("expires_at", None if deal.expires_at is None else self._transactions.stamp(deal.expires_at))

    def _wrapped(self, call: Call, rows: list[Row]) -> Answer:
        body = cast("Row", call.body)
        found, size = cut(rows, body["page"], body["per_page"], self._variation.large_page_size)
        pages = {"current_page": body["page"], "per_page": size, "total": len(rows), "total_pages": -(-len(rows) // size)}
        return Answer({"data": found, "pagination": pages})

    def _flat(self, given: Any, rows: list[Row]) -> Answer:
        page = given.get("page", 1)
        found, size = cut(rows, page, given.get("per_page", _PAGE), self._variation.large_page_size)
        return Answer({"data": found, "total": len(rows), "page": page, "per_page": size})


def shown_user(user: User) -> Row:
    """Return a user as the page on users shows one."""
    kyc = SAMPLES["user"]["kyc"] if user.verified else None
    row = {"id": user.id, "name": user.name, "surname": user.surname, "email": user.email, "address": user.address}
    return row | {"identity_number": user.identity_number, "kyc": kyc}


def _only(row: Row, names: tuple[str, ...]) -> Row:
    return {name: row[name] for name in names}


def _matches(deal: Deal, filters: Row) -> bool:
    amount = deal.price["amount"]
    return (
        filters.get("token_id") in (None, deal.token_id)
        and filters.get("min_price", amount) <= amount <= filters.get("max_price", amount)
        and filters.get("price_symbol") in (None, deal.price["symbol"])
        and filters.get("min_quantity", deal.quantity) <= deal.quantity <= filters.get("max_quantity", deal.quantity)
        and filters.get("seller_id") in (None, deal.seller_id)
        and filters.get("status") in (None, deal.status)
    )
