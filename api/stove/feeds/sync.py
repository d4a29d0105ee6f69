"""The feeds for callers without an event loop: each runs its async twin on a background loop."""

from collections.abc import Iterable
from typing import Generic, Self, TypeVar

from orderseal.api.stove.feeds.books import AsyncBookFeed
from orderseal.api.stove.feeds.core import AsyncFeed, FeedCounts
from orderseal.api.stove.feeds.messages import BookUpdate, CancellationRequest, OrderChange
from orderseal.api.stove.feeds.orders import AsyncOrderFeed, AsyncTakerFeed
from orderseal.api.stove.models import PlacedOrder
from orderseal.api.transport import BackgroundLoop

__all__ = ["BookFeed", "OrderFeed", "TakerFeed"]

_T = TypeVar("_T")


class _Twin(Generic[_T]):
    """``with`` opens the feed, ``for`` reads it until it is closed.

    Args:
        feed: the async one, not opened.
        loop: a client's; by default one of its own, which ends with it.
    """

    def __init__(self, feed: AsyncFeed[_T], loop: BackgroundLoop | None = None) -> None:
        self._feed = feed
        self._own = loop is None
        self._loop = BackgroundLoop(feed.aclose) if loop is None else loop

    @property
    def counts(self) -> FeedCounts:
        """What was met so far."""
        return self._feed.counts

    def ready(self) -> None:
        """Wait until the feed is subscribed, and what was missed before is told. Submit orders after that.

        Raises:
            VenueError: the feed has ended.
        """
        self._loop.call(self._feed.ready())

    def close(self) -> None:
        """Close the connection; what still waits is dropped. More than once is fine."""
        if self._own:
            self._loop.stop()
        elif not self._loop.stopped:
            self._loop.call(self._feed.aclose())

    def __enter__(self) -> Self:
        self._loop.call(self._feed.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> _T:
        if self._loop.stopped:
            raise StopIteration
        try:
            return self._loop.call(self._feed.__anext__())
        except StopAsyncIteration:
            raise StopIteration from None
        except RuntimeError:
            if self._loop.stopped:  # Closed while it waited.
                raise StopIteration from None
            raise

    def __repr__(self) -> str:
        return repr(self._feed).removeprefix("Async")


class BookFeed(_Twin[BookUpdate]):
    """:class:`AsyncBookFeed` with ``with`` and ``for``."""

    def __init__(self, feed: AsyncBookFeed, loop: BackgroundLoop | None = None) -> None:
        super().__init__(feed, loop)


class _OrderTwin(_Twin[_T]):
    _orders: AsyncOrderFeed | AsyncTakerFeed

    @property
    def live(self) -> frozenset[str]:
        """The hashes of the orders that are not known to have ended."""
        return self._loop.call(_live(self._orders))

    def watch(self, orders: Iterable[PlacedOrder]) -> None:
        """Take orders as known in the status that they have there: what becomes of them is told, even between two connections."""
        self._loop.call(_watch(self._orders, list(orders)))


class OrderFeed(_OrderTwin[OrderChange]):
    """:class:`AsyncOrderFeed` with ``with`` and ``for``."""

    def __init__(self, feed: AsyncOrderFeed, loop: BackgroundLoop | None = None) -> None:
        super().__init__(feed, loop)
        self._orders = feed


class TakerFeed(_OrderTwin[OrderChange | CancellationRequest]):
    """:class:`AsyncTakerFeed` with ``with`` and ``for``."""

    def __init__(self, feed: AsyncTakerFeed, loop: BackgroundLoop | None = None) -> None:
        super().__init__(feed, loop)
        self._orders = feed


async def _live(feed: AsyncOrderFeed | AsyncTakerFeed) -> frozenset[str]:
    return feed.live


async def _watch(feed: AsyncOrderFeed | AsyncTakerFeed, orders: list[PlacedOrder]) -> None:
    feed.watch(orders)
