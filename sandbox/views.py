"""The JSON forms of orders and positions, and the documented filters, sorting and paging.

Source: "Create Order", "Query Orders" and "Positions" pages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

from orderseal.sandbox.body import Query, invalid
from orderseal.sandbox.book import Account
from orderseal.sandbox.clock import iso
from orderseal.sandbox.market import INSTRUMENTS, NASDAQ, WEI
from orderseal.sandbox.orders import Fill, Order, Status
from orderseal.sandbox.settings import QuantityUnit
from orderseal.sandbox.signatures import parse_address
from orderseal.sandbox.variation import Variation

_T = TypeVar("_T")

_SORT_KEYS: dict[str, Callable[[Order], float]] = {
    "created_at": lambda order: order.created_at,
    "price": lambda order: order.signed.price,
    "quantity": lambda order: order.signed.quantity,
    "incentive": lambda order: order.signed.incentive,
    "deadline": lambda order: order.signed.deadline,
}


class Views:
    """Renders addresses and quantities as this run spells them."""

    def __init__(self, variation: Variation, unit: QuantityUnit) -> None:
        self._lower = variation.address_case == "lower"
        self._page_size: Literal["clamped", "refused"] = variation.large_page_size
        self._scale = WEI if unit == "wei" else 1

    def address(self, address: str) -> str:
        return address.lower() if self._lower else address

    def created(self, order: Order) -> dict[str, object]:
        """The reply to a create request, with quantities in whole shares."""
        return self._order(order, 1)

    def queried(self, order: Order) -> dict[str, object]:
        """An item of the order query: the same with notes, with fills once there are any, and in the query's unit."""
        item = self._order(order, self._scale)
        item["notes"] = order.notes
        if order.fills:
            item["fills"] = [self._fill(order, fill) for fill in order.fills]
        return item

    def order_page(self, orders: Sequence[Order], query: Query) -> dict[str, object]:
        tests = self._filters(query)
        found = [order for order in orders if all(test(order) for test in tests)]
        key = _SORT_KEYS[query.one_of("sort_by", tuple(_SORT_KEYS))]
        descending = query.one_of("sort_order", ("desc", "asc")) == "desc"
        found.sort(key=lambda order: (key(order), order.sequence), reverse=descending)
        return self._page("orders", [self.queried(order) for order in self._slice(found, query)], len(found), query)

    def position_page(self, account: Account, query: Query) -> dict[str, object]:
        matches = _ticker_test(query)
        found = sorted(ticker for ticker, position in account.positions.items() if position.balance and matches(ticker))
        items: list[dict[str, object]] = []
        for ticker in self._slice(found, query):
            position = account.positions[ticker]
            items.append(
                {
                    "ticker": ticker,
                    "exchange": NASDAQ,
                    "token_address": self.address(INSTRUMENTS[ticker].token_address),
                    "balance": str(position.balance),
                    "locked_balance": str(position.locked),
                    "available_balance": str(position.balance - position.locked),
                    "avg_price": str(position.cost // position.balance),
                }
            )
        return self._page("positions", items, len(found), query)

    def _order(self, order: Order, scale: int) -> dict[str, object]:
        signed = order.signed
        return {
            "id": order.id,
            "maker": self.address(signed.maker),
            "principal": self.address(signed.principal),
            "is_buy": signed.is_buy,
            "ticker": signed.ticker,
            "exchange": signed.exchange,
            "asset": self.address(signed.asset),
            "price": str(signed.price),
            "quantity": str(signed.quantity * scale),
            "incentive": str(signed.incentive),
            "deadline": signed.deadline,
            "nonce": signed.nonce,
            "signature": signed.signature,
            "order_hash": order.order_hash,
            "status": order.status.value,
            "filled_quantity": str(order.filled * scale),
            "created_at": iso(order.created_at),
            "updated_at": iso(order.updated_at),
        }

    def _fill(self, order: Order, fill: Fill) -> dict[str, object]:
        return {
            "id": fill.id,
            "order_id": order.id,
            "order_hash": order.order_hash,
            "taker": self.address(fill.taker),
            "fill_quantity": str(fill.quantity * self._scale),
            "fill_amount": str(fill.amount),
            "fee_amount": str(fill.fee),
            "incentive_amount": str(fill.fee),
            "taker_incentive": str(fill.fee),
            "tx_hash": fill.tx_hash,
            "block_number": fill.block_number,
            "status": "confirmed",
            "reference_id": fill.reference_id,
            "created_at": iso(fill.created_at),
        }

    def _filters(self, query: Query) -> list[Callable[[Order], bool]]:
        tests: list[Callable[[Order], bool]] = []
        ticker = _ticker_test(query)
        tests.append(lambda order: ticker(order.signed.ticker))
        if (order_hash := query.text("order_hash")) is not None:
            tests.append(lambda order: order.order_hash == order_hash.lower())
        if query.text("principal") is not None:
            principal = _address(query, "principal")
            tests.append(lambda order: order.signed.principal == principal)
        if query.text("asset") is not None:
            asset = _address(query, "asset")
            tests.append(lambda order: order.signed.asset == asset)
        if (exchange := query.integer("exchange")) is not None:
            tests.append(lambda order: order.signed.exchange == exchange)
        if (is_buy := query.boolean("is_buy")) is not None:
            tests.append(lambda order: order.signed.is_buy is is_buy)
        if (nonce := query.integer("nonce")) is not None:
            tests.append(lambda order: order.signed.nonce == nonce)
        if (names := query.text("status")) is not None:
            statuses = _statuses(names)
            tests.append(lambda order: order.status in statuses)
        self._amount_filters(query, tests)
        _range(tests, lambda order: order.signed.deadline, query.integer("deadline_after"), query.integer("deadline_before"))
        _range(tests, lambda order: int(order.created_at), query.integer("created_after"), query.integer("created_before"))
        return tests

    def _amount_filters(self, query: Query, tests: list[Callable[[Order], bool]]) -> None:
        amounts: dict[str, Callable[[Order], int]] = {
            "price": lambda order: order.signed.price,
            "quantity": lambda order: order.signed.quantity * self._scale,
            "incentive": lambda order: order.signed.incentive,
            "filled_quantity": lambda order: order.filled * self._scale,
        }
        for name, amount in amounts.items():
            _range(tests, amount, query.amount(f"{name}_min"), query.amount(f"{name}_max"))

    def _slice(self, items: list[_T], query: Query) -> list[_T]:
        page, size = query.paging(self._page_size)
        return items[(page - 1) * size : page * size]

    def _page(self, name: str, items: list[dict[str, object]], total: int, query: Query) -> dict[str, object]:
        page, size = query.paging(self._page_size)
        return {"total": total, "page": page, "page_size": size, "total_pages": -(-total // size), name: items}


def _range(tests: list[Callable[[Order], bool]], value: Callable[[Order], int], low: int | None, high: int | None) -> None:
    if low is not None:
        tests.append(lambda order: value(order) >= low)
    if high is not None:
        tests.append(lambda order: value(order) <= high)


def _ticker_test(query: Query) -> Callable[[str], bool]:
    wanted, like = query.text("ticker"), query.boolean("ticker_like")
    if wanted is None:
        return lambda ticker: True  # noqa: ARG005 - the absent filter has the same signature as the others
    if like:
        return lambda ticker: wanted.upper() in ticker
    return lambda ticker: ticker == wanted


def _address(query: Query, name: str) -> str:
    address = parse_address(query.text(name) or "")
    if address is None:
        raise invalid(f"The {name} parameter must be an address")
    return address


def _statuses(names: str) -> set[Status]:
    try:
        return {Status(name.strip()) for name in names.split(",")}
    except ValueError as exc:
        raise invalid("The status parameter must list order states") from exc
