"""The JSON forms of orders and positions, and the documented filters, sorting and paging.

Source: "Create Order", "Query Orders" and "Positions" pages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

from orderseal.sandbox.body import Query, invalid
from orderseal.sandbox.book import Account, Position
from orderseal.sandbox.clock import iso
from orderseal.sandbox.market import INSTRUMENTS, NASDAQ, WEI
from orderseal.sandbox.orders import Fill, Order, Status
from orderseal.sandbox.settings import QuantityUnit
from orderseal.sandbox.signatures import parse_address
from orderseal.sandbox.variation import Variation

T = TypeVar("T")
Test = Callable[[T], bool]

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
        unit = variation.query_quantity_unit if unit == "varied" else unit
        self._lower = variation.address_case == "lower"
        self._page_size: Literal["clamped", "refused"] = variation.large_page_size
        self.scale = WEI if unit == "wei" else 1

    def address(self, address: str) -> str:
        return address.lower() if self._lower else address

    def created(self, order: Order) -> dict[str, object]:
        """The reply to a create request, with quantities in whole shares."""
        return self._order(order, 1)

    def listed(self, order: Order) -> dict[str, object]:
        """The same in the query's unit."""
        return self._order(order, self.scale)

    def queried(self, order: Order) -> dict[str, object]:
        """An item of the order query: the same with notes, with fills once there are any, and in the query's unit."""
        item = self.listed(order)
        item["notes"] = order.notes
        if order.fills:
            item["fills"] = [self.fill(order, fill) for fill in order.fills]
        return item

    def order_page(self, orders: Sequence[Order], query: Query) -> dict[str, object]:
        tests = self._filters(query)
        found = [order for order in orders if holds(tests, order)]
        key = _SORT_KEYS[query.one_of("sort_by", tuple(_SORT_KEYS))]
        found.sort(key=lambda order: (key(order), order.sequence), reverse=query.descending())
        return self.page("orders", found, query, self.queried)

    def position_page(self, account: Account, query: Query) -> dict[str, object]:
        matches = _ticker_test(query)
        found = sorted(ticker for ticker, position in account.positions.items() if position.balance and matches(ticker))
        return self.page("positions", found, query, lambda ticker: self._position(ticker, account.positions[ticker]))

    def page(self, name: str, items: Sequence[T], query: Query, render: Callable[[T], dict[str, object]]) -> dict[str, object]:
        """Return the page of a listing that a query asks for."""
        page, size = query.paging(self._page_size)
        shown = [render(item) for item in items[(page - 1) * size : page * size]]
        return {"total": len(items), "page": page, "page_size": size, "total_pages": -(-len(items) // size), name: shown}

    def _position(self, ticker: str, position: Position) -> dict[str, object]:
        return {
            "ticker": ticker,
            "exchange": NASDAQ,
            "token_address": self.address(INSTRUMENTS[ticker].token_address),
            "balance": str(position.balance),
            "locked_balance": str(position.locked),
            "available_balance": str(position.balance - position.locked),
            "avg_price": str(position.cost // position.balance),
        }

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

    def fill(self, order: Order, fill: Fill) -> dict[str, object]:
        return {
            "id": fill.id,
            "order_id": order.id,
            "order_hash": order.order_hash,
            "taker": self.address(fill.taker),
            "fill_quantity": str(fill.quantity * self.scale),
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

    def common_filters(self, query: Query, moment: Callable[[str], int | None]) -> list[Test[Order]]:
        """The filters that makers and takers have; ``moment`` reads a time."""
        tests: list[Test[Order]] = []
        ticker = _ticker_test(query)
        tests.append(lambda order: ticker(order.signed.ticker))
        if (exchange := query.integer("exchange")) is not None:
            tests.append(lambda order: order.signed.exchange == exchange)
        if (is_buy := query.boolean("is_buy")) is not None:
            tests.append(lambda order: order.signed.is_buy is is_buy)
        if (names := query.text("status")) is not None:
            statuses = _statuses(names)
            tests.append(lambda order: order.status in statuses)
        add_range(tests, lambda order: int(order.created_at), moment("created_after"), moment("created_before"))
        return tests

    def _filters(self, query: Query) -> list[Test[Order]]:
        tests = self.common_filters(query, query.integer)
        if (order_hash := query.text("order_hash")) is not None:
            tests.append(lambda order: order.order_hash == order_hash.lower())
        if query.text("principal") is not None:
            principal = address_of(query, "principal")
            tests.append(lambda order: order.signed.principal == principal)
        if query.text("asset") is not None:
            asset = address_of(query, "asset")
            tests.append(lambda order: order.signed.asset == asset)
        if (nonce := query.integer("nonce")) is not None:
            tests.append(lambda order: order.signed.nonce == nonce)
        self._amount_filters(query, tests)
        add_range(tests, lambda order: order.signed.deadline, query.integer("deadline_after"), query.integer("deadline_before"))
        return tests

    def _amount_filters(self, query: Query, tests: list[Test[Order]]) -> None:
        amounts: dict[str, Callable[[Order], int]] = {
            "price": lambda order: order.signed.price,
            "quantity": lambda order: order.signed.quantity * self.scale,
            "incentive": lambda order: order.signed.incentive,
            "filled_quantity": lambda order: order.filled * self.scale,
        }
        for name, amount in amounts.items():
            add_range(tests, amount, query.amount(f"{name}_min"), query.amount(f"{name}_max"))


def holds(tests: Sequence[Test[T]], item: T) -> bool:
    """Tell whether an item passes all filters."""
    return all(test(item) for test in tests)


def add_range(tests: list[Test[T]], value: Callable[[T], int], low: int | None, high: int | None) -> None:
    """Add the two filters of a ``_min`` and a ``_max``, or an ``_after`` and a ``_before``; ends are included."""
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


def address_of(query: Query, name: str) -> str:
    """Return the address in a parameter that is there."""
    address = parse_address(query.text(name) or "")
    if address is None:
        raise invalid(f"The {name} parameter must be an address")
    return address


def _statuses(names: str) -> set[Status]:
    try:
        return {Status(name.strip()) for name in names.split(",")}
    except ValueError as exc:
        raise invalid("The status parameter must list order states") from exc
