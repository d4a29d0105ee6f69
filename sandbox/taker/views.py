"""The JSON forms of the takers' queries. Source: taker pages "Query orders", "Fill records" and "Discover new orders"."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from orderseal.sandbox.body import Query, invalid
from orderseal.sandbox.clock import iso
from orderseal.sandbox.orders import Fill, Order, Status
from orderseal.sandbox.views import Test, Views, add_range, address_of, holds

_FILL_FIELDS = (
    "id", "order_id", "order_hash", "taker", "fill_quantity", "fill_amount", "fee_amount", "incentive_amount",
    "tx_hash", "block_number", "status", "created_at",
)  # fmt: skip
_ORDER_SORTS: dict[str, Callable[[Order], float]] = {
    "created_at": lambda order: order.created_at,
    "locked_at": lambda order: order.lock.locked_at if order.lock else 0,
    "price": lambda order: order.signed.price,
}
_FILL_SORTS: dict[str, Callable[[Fill], float]] = {
    "created_at": lambda fill: fill.created_at,
    "fill_quantity": lambda fill: fill.quantity,
    "fill_amount": lambda fill: fill.amount,
    "block_number": lambda fill: fill.block_number,
}


class TakerViews:
    """Renders orders and fills for takers; ``views`` has the unit of this run's taker pages."""

    def __init__(self, views: Views) -> None:
        self._views = views

    def available(self, orders: Iterable[Order]) -> list[dict[str, object]]:
        """Every order that a taker could lock as its first."""
        free = [order for order in orders if order.status is Status.PENDING]
        return [self._views.listed(order) | ({"notes": order.notes} if order.notes else {}) for order in free]

    def order_page(self, orders: Sequence[Order], key: str, query: Query) -> dict[str, object]:
        """One page of the orders that a key holds, held to the end, or has executed a part of."""
        tests = [lambda order: _concerns(order, key), *self._views.common_filters(query, query.moment)]
        found = [order for order in orders if holds(tests, order)]
        sort = _ORDER_SORTS[query.one_of("sort_by", tuple(_ORDER_SORTS))]
        found.sort(key=lambda order: (sort(order), order.sequence), reverse=query.descending())
        return self._views.page("orders", found, query, lambda order: self._order(order, key))

    def fill_page(self, orders: Sequence[Order], key: str | None, query: Query) -> dict[str, object]:
        """One page of fills: those of a key, or with ``None`` of every taker."""
        wanted = self._fill_tests(query)
        by_order = self._order_tests(query)
        found = [
            (order, fill)
            for order in orders
            if holds(by_order, order)
            for fill in order.fills
            if key in (None, fill.key) and holds(wanted, fill)
        ]
        sort = _FILL_SORTS[query.one_of("sort_by", tuple(_FILL_SORTS))]
        found.sort(key=lambda pair: (sort(pair[1]), pair[1].block_number), reverse=query.descending())
        return self._views.page("fills", found, query, lambda pair: self._fill(*pair))

    def _order(self, order: Order, key: str) -> dict[str, object]:
        item = self._views.listed(order)
        if order.lock is not None and order.lock.key == key:
            item |= {"locked_by": self._views.address(order.lock.taker), "locked_at": iso(order.lock.locked_at)}
        else:
            item |= {"locked_by": None, "locked_at": None}
        if own := [fill for fill in order.fills if fill.key == key]:
            item |= {"reference_id": own[-1].reference_id, "tx_hash": own[-1].tx_hash}
        return item

    def _fill(self, order: Order, fill: Fill) -> dict[str, object]:
        item = self._views.fill(order, fill)
        return {name: item[name] for name in _FILL_FIELDS}

    def _order_tests(self, query: Query) -> list[Test[Order]]:
        tests: list[Test[Order]] = []
        if (order_id := query.text("order_id")) is not None:
            tests.append(lambda order: order.id == order_id.lower())
        if (order_hash := query.text("order_hash")) is not None:
            tests.append(lambda order: order.order_hash == order_hash.lower())
        return tests

    def _fill_tests(self, query: Query) -> list[Test[Fill]]:
        tests: list[Test[Fill]] = []
        if query.text("taker") is not None:
            taker = address_of(query, "taker")
            tests.append(lambda fill: fill.taker == taker)
        if (tx_hash := query.text("tx_hash")) is not None:
            tests.append(lambda fill: fill.tx_hash == tx_hash.lower())
        if (status := query.text("status")) is not None:
            # No page lists the states of a fill; the examples show this one.
            tests.append(lambda _fill: "confirmed" in status.split(","))
        amounts: dict[str, Callable[[Fill], int]] = {
            "fill_quantity": lambda fill: fill.quantity * self._views.scale,
            "fill_amount": lambda fill: fill.amount,
            "fee_amount": lambda fill: fill.fee,
            "incentive_amount": lambda fill: fill.fee,
            "block_number": lambda fill: fill.block_number,
        }
        for name, amount in amounts.items():
            add_range(tests, amount, query.amount(f"{name}_min"), query.amount(f"{name}_max"))
        add_range(tests, lambda fill: int(fill.created_at), query.moment("created_after"), query.moment("created_before"))
        return tests


def read_reply_quantities(order: Order, fill: Fill, *, all_fills: bool) -> tuple[int, int]:
    """Return quantity and amount that the reply to a fill reports: of this one, or of the order's all so far."""
    counted = order.fills if all_fills else [fill]
    return sum(each.quantity for each in counted), sum(each.amount for each in counted)


def require_no_parameters(query: Query) -> None:
    """Refuse a query where the page says that there is none."""
    if not query.is_empty():
        raise invalid("This endpoint has no parameters")


def _concerns(order: Order, key: str) -> bool:
    return (order.lock is not None and order.lock.key == key) or any(fill.key == key for fill in order.fills)
