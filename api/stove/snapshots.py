"""All orders that a feed has to know after it has come back."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Sequence
from contextlib import aclosing
from typing import Final, Protocol

from orderseal.api.stove.models import FINAL_STATUSES, OrderStatus, PlacedOrder
from orderseal.signing import InvalidReply

__all__ = ["snapshot"]

_OPEN: Final = tuple(status for status in OrderStatus if status not in FINAL_STATUSES)
_MOST_PAGES: Final = 1_000


_MOST_ROUNDS: Final = 5


class _Page(Protocol):
    @property
    def total(self) -> int: ...

    @property
    def total_pages(self) -> int: ...

    @property
    def orders(self) -> Sequence[PlacedOrder]: ...


Fetch = Callable[[Collection[str] | None, int], Awaitable[_Page]]
"""Reads one page of the orders in these statuses, or in any, the newest first."""


async def snapshot(fetch: Fetch, live: Callable[[], Collection[str]]) -> list[PlacedOrder]:
    """The open orders, and those of the ``live`` hashes that have ended meanwhile.

    The open ones are read again where their number changed on the way, for a page's edge may have hidden one then; five times at most. What
    is not found among the newest 100,000 of all is left out.

    Raises:
        VenueError: as ``fetch`` raises.
        InvalidReply: there are more than 1000 pages of open orders.
    """
    found: dict[str, PlacedOrder] = {}
    for _ in range(_MOST_ROUNDS):
        totals = set[int]()
        async with aclosing(_rows(fetch, _OPEN, totals)) as rows:
            async for order in rows:
                found[order.order_hash.lower()] = order
        if len(totals) <= 1:
            break
    missing = {order_hash.lower() for order_hash in live()} - set(found)
    if missing:
        async with aclosing(_rows(fetch, None, set())) as rows:
            async for order in rows:
                if (order_hash := order.order_hash.lower()) in missing:
                    found[order_hash] = order
                    missing.discard(order_hash)
                    if not missing:
                        break
    return list(found.values())


async def _rows(fetch: Fetch, status: Collection[str] | None, totals: set[int]) -> AsyncGenerator[PlacedOrder]:
    for number in range(1, _MOST_PAGES + 1):
        page = await fetch(status, number)
        totals.add(page.total)
        for order in page.orders:
            yield order
        if number >= page.total_pages or not page.orders:
            return
    if status is not None:
        raise InvalidReply(f"read the orders: more than {_MOST_PAGES} pages", status=200)
