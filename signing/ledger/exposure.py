"""What the signatures that have left may still cost: each is live until its deadline, whatever the venue says of it."""

from collections.abc import Iterable
from dataclasses import dataclass

from orderseal.signing.ledger.content import read_order
from orderseal.signing.ledger.records import Slot, What
from orderseal.signing.ledger.store import Live
from orderseal.signing.orders import Order
from orderseal.signing.values import Address, Hash32

__all__ = ["Exposure", "LiveOrder", "measure"]


@dataclass(frozen=True, slots=True)
class LiveOrder:
    """One live signature.

    Attributes:
        slot: where it stands.
        digest: what was signed: of a nonce that several share, the slot's or one that was replaced.
        order: what was signed, or ``None`` if it is no order of the built-in type.
        live_until: Unix seconds; ``None`` means for ever.
        filled: shares whose fill was seen.
        owed: base units of ``order.asset`` that a buy order may still take: price times open quantity, and the whole incentive.
        shares: that a sell order may still take.
    """

    slot: Slot
    digest: Hash32
    order: Order | None
    live_until: int | None
    filled: int
    owed: int
    shares: int


@dataclass(frozen=True, slots=True)
class Exposure:
    """All live signatures, and their sums.

    Attributes:
        at: Unix seconds for which it holds.
        orders: each live signature.
        buys: base units owed by buy orders, by (network, payment token).
        sells: shares owed by sell orders, by (network, ticker).
        unmeasured: how many live signatures are no built-in orders: they owe something that is not summed here.
    """

    at: float
    orders: tuple[LiveOrder, ...]
    buys: dict[tuple[str, Address], int]
    sells: dict[tuple[str, str], int]
    unmeasured: int


def measure(live: Iterable[Live], at: float, *, revived: bool = False) -> Exposure:
    """Add up. Pure.

    Args:
        revived: with the orders that were recorded as dead; a shared nonce that is spent does not come back.
    """
    orders: list[LiveOrder] = []
    buys: dict[tuple[str, Address], int] = {}
    sells: dict[tuple[str, str], int] = {}
    for item in live:
        if (item.slot.shared or not revived) and any(attempt.what is What.DEAD for attempt in item.ends):
            continue
        found = _measure_one(item)
        if found is None:
            continue
        orders.append(found)
        if found.order is not None:
            network = found.slot.scope.network
            if found.order.is_buy:
                key = network, found.order.asset
                buys[key] = buys.get(key, 0) + found.owed
            else:
                share = network, found.order.ticker
                sells[share] = sells.get(share, 0) + found.shares
    return Exposure(at, tuple(orders), buys, sells, sum(order.order is None for order in orders))


def _measure_one(item: Live) -> LiveOrder | None:
    """A signature as a live order, or ``None`` if it is filled."""
    order = read_order(item.content)
    # Each row tells the sum so far, and rows may come out of order.
    filled = max((int(attempt.details["filled"]) for attempt in item.ends if attempt.what is What.FILL), default=0)
    if order is None:
        return LiveOrder(item.slot, item.digest, None, item.deadline, filled, 0, 0)
    left = order.quantity - filled
    if left <= 0:
        return None
    owed = order.price * left + order.incentive if order.is_buy else 0
    return LiveOrder(item.slot, item.digest, order, item.deadline, filled, owed, 0 if order.is_buy else left)
