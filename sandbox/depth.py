"""The order book of one ticker: what rests, added up by price. Source: public "Orderbook" page, "Orderbook Data Push" page."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from orderseal.sandbox.market import WEI
from orderseal.sandbox.orders import Order

Levels = list[tuple[Decimal, int]]


def levels(orders: Iterable[Order]) -> tuple[Levels, Levels]:
    """Return asks and bids, the best first: price in whole currency units and volume in shares."""
    sides: dict[bool, dict[int, int]] = {True: {}, False: {}}
    for order in orders:
        side = sides[order.signed.is_buy]
        side[order.signed.price] = side.get(order.signed.price, 0) + order.remaining
    asks = [(Decimal(price) / WEI, sides[False][price]) for price in sorted(sides[False])]
    bids = [(Decimal(price) / WEI, sides[True][price]) for price in sorted(sides[True], reverse=True)]
    return asks, bids


def as_strings(side: Levels) -> list[dict[str, str]]:
    """The form of the REST page."""
    return [{"price": format(price.normalize(), "f"), "volume": str(volume)} for price, volume in side]


def as_numbers(side: Levels) -> list[dict[str, float]]:
    """The form of the push page: JSON numbers."""
    return [{"price": float(price), "volume": float(volume)} for price, volume in side]
