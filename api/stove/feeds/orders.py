"""The status changes of all orders of an account, none lost between two connections."""

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final, TypeVar

from orderseal.api.stove.feeds.core import DEFAULT_OPTIONS, AsyncFeed, FeedOptions, Handshake
from orderseal.api.stove.feeds.messages import CancellationRequest, Message, OrderChange, cancellation_request, order_change
from orderseal.api.stove.feeds.tracker import OrderTracker
from orderseal.api.stove.models import OrderStatus, PlacedOrder
from orderseal.api.transport import words
from orderseal.signing import InvalidInput, describe

__all__ = ["MAKER_PATH", "TAKER_PATH", "AsyncOrderFeed", "AsyncTakerFeed", "Headers", "Snapshot"]

_T = TypeVar("_T")

Headers = Callable[[bool], Awaitable[Mapping[str, str]]]
"""Gives the headers of a handshake, the token among them. It is called with ``True`` when the last ones were refused: renew the token."""

Snapshot = Callable[[], Awaitable[Sequence[PlacedOrder]]]
"""Reads the orders of the account: at the least all open ones, and those of the feed's ``live`` hashes."""

_LOG = logging.getLogger("orderseal.api.stove")

MAKER_PATH: Final = "/ws/maker/v1?types=order_status_change"
TAKER_PATH: Final = "/ws/taker/v1?types=order_status_change,cancellation_request"
"""What is asked for in the handshake, for credentials that sign the path."""

_LISTED: Final = frozenset(OrderStatus)
_MOST_UNLISTED: Final = 100
_LAG: Final = 2.0


class _OrderFeed(AsyncFeed[_T]):
    """What the maker's and the taker's feed share."""

    def __init__(self, base_url: str, path: str, headers: Headers, snapshot: Snapshot, what: str, options: FeedOptions) -> None:
        async def handshake(renew: bool) -> Handshake:
            return Handshake(headers=await headers(renew))

        super().__init__(base_url, path, handshake, what, options)
        self._snapshot = snapshot
        self._tracker = OrderTracker()
        self._unlisted: set[str] = set()
        self._repairing = False

    @property
    def live(self) -> frozenset[str]:
        """The hashes of the orders that are not known to have ended. A snapshot has to ask for each of them."""
        return self._tracker.live

    def watch(self, orders: Iterable[PlacedOrder]) -> None:
        """Take orders as known in the status that they have there: what becomes of them is told, even if they end between two connections.

        Without this, an order that is created and ends while there is no connection is never heard of.
        """
        found = list(orders)
        for placed in found:
            if not isinstance(placed, PlacedOrder):
                raise InvalidInput(path="orders", expected="PlacedOrder, as create and query give it", actual=describe(placed))
        for placed in found:
            self._tracker.watch(placed)
        self._catch_up_beside()

    def _connected(self) -> None:
        self._tracker.connected()
        self._tracker.query_begins()  # Before the first message is read.
        self._repairing = True
        self._start_beside(self._repair)

    async def _repair(self) -> None:
        """Ask for what was missed. Pushes are told meanwhile: the subscription stands, so that nothing falls between the two."""
        await self._query()
        await self._catch_up()
        self._settled()

    async def _catch_up(self) -> None:
        """Ask again, in a while, as long as pushes lag behind what a query told."""
        while self._tracker.lags:
            await self._options.sleep(_LAG)
            if self._tracker.lags:
                self._tracker.query_begins()
                await self._query()
        self._repairing = False

    async def _query(self) -> None:
        missing = self._tracker.missing
        changes = self._tracker.queried(await self._snapshot())
        self._backoff.good_answer()
        for change in changes:
            self._look_at(change)
        self._tell(self._of_changes(changes))
        if self._tracker.missing > missing:
            _LOG.warning("%s: the snapshot left out %d live orders", self._what, self._tracker.missing - missing)

    def _pushed(self, message: Message) -> None:
        change = order_change(message)
        self._check_room()
        if not self._tracker.pushed(change):
            self._counts.stale += 1
            self._catch_up_beside()
            return
        self._look_at(change)
        self._tell(self._of_changes([change]))

    def _catch_up_beside(self) -> None:
        if self._tracker.lags and not self._repairing and self._stands:
            self._repairing = True
            self._start_beside(self._catch_up)

    def _look_at(self, change: OrderChange) -> None:
        status = change.to_status
        if status not in _LISTED and status not in self._unlisted and len(self._unlisted) < _MOST_UNLISTED:
            self._unlisted.add(status)
            _LOG.warning("%s: an order has the status %r, which the venue does not list", self._what, words(status))

    def _of_changes(self, changes: Sequence[OrderChange]) -> Sequence[_T]:
        raise NotImplementedError


class AsyncOrderFeed(_OrderFeed[OrderChange]):
    """A maker's feed: the status changes of all orders of the account (*Order Status Event Push*).

    After each (re)connection the account is queried, and what was missed is told with ``pushed=False``; the first connection tells every
    order of the snapshot that way. Per order, the changes come in the venue's order, and none twice; legitimate repeats (lock, unlock,
    lock) are told. Of what happened between two connections only the outcome is told. A status that is not listed is told as it is,
    and logged once. A final status is the venue's word: a query confirms it.

    Args:
        base_url: of the venue, https, or http on loopback.
        headers: gives the handshake's headers, with ``True`` for renewed ones.
        snapshot: reads the open orders, and those of :attr:`live`.
        options: times and bounds.

    Raises:
        Unauthorized: while iterating: the token was refused, the renewed one as well.
        InvalidReply: while iterating: ten replies or messages in a row were none.
    """

    def __init__(self, base_url: str, headers: Headers, snapshot: Snapshot, *, options: FeedOptions = DEFAULT_OPTIONS) -> None:
        super().__init__(base_url, MAKER_PATH, headers, snapshot, "maker's feed", options)

    def _handle(self, message: Message) -> bool:
        if message.type != "order_status_change":
            return False
        self._pushed(message)
        return True

    def _of_changes(self, changes: Sequence[OrderChange]) -> Sequence[OrderChange]:
        return changes


class AsyncTakerFeed(_OrderFeed[OrderChange | CancellationRequest]):
    """A taker's feed: status changes as of :class:`AsyncOrderFeed`, and the makers' cancellation requests (*Taker WebSocket*).

    A request that is sent while there is no connection is lost: the venue documents no way to read it afterwards. Requests are told as
    they come, and never dropped for a slow consumer.

    Args:
        base_url: of the venue, https, or http on loopback.
        headers: gives the handshake's headers, with ``True`` for renewed ones.
        snapshot: reads the orders that this taker may care for, and those of :attr:`live`.
        options: times and bounds.

    Raises:
        Unauthorized: while iterating: the credentials were refused, the renewed ones as well.
        InvalidReply: while iterating: ten replies or messages in a row were none.
    """

    def __init__(self, base_url: str, headers: Headers, snapshot: Snapshot, *, options: FeedOptions = DEFAULT_OPTIONS) -> None:
        super().__init__(base_url, TAKER_PATH, headers, snapshot, "taker's feed", options)

    def _handle(self, message: Message) -> bool:
        if message.type == "cancellation_request":
            self._tell([cancellation_request(message)])
            self._check_room()
            return True
        if message.type != "order_status_change":
            return False
        self._pushed(message)
        return True

    def _of_changes(self, changes: Sequence[OrderChange]) -> Sequence[OrderChange | CancellationRequest]:
        return changes
