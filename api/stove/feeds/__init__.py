"""Stove's WebSocket feeds, which come back by themselves and tell what was missed.

``AsyncOrderFeed`` is the maker's, ``AsyncTakerFeed`` the taker's, ``AsyncBookFeed`` gives order books. ``OrderFeed``, ``TakerFeed`` and
``BookFeed`` are the same for callers without an event loop.
"""

from orderseal.api.stove.feeds.books import MARKETS, AsyncBookFeed
from orderseal.api.stove.feeds.core import DEFAULT_OPTIONS, AsyncFeed, FeedCounts, FeedOptions
from orderseal.api.stove.feeds.messages import BookUpdate, CancellationRequest, Instant, Level, OrderChange
from orderseal.api.stove.feeds.orders import MAKER_PATH, TAKER_PATH, AsyncOrderFeed, AsyncTakerFeed, Headers, Snapshot
from orderseal.api.stove.feeds.sync import BookFeed, OrderFeed, TakerFeed

__all__ = [
    "DEFAULT_OPTIONS",
    "MAKER_PATH",
    "MARKETS",
    "TAKER_PATH",
    "AsyncBookFeed",
    "AsyncFeed",
    "AsyncOrderFeed",
    "AsyncTakerFeed",
    "BookFeed",
    "BookUpdate",
    "CancellationRequest",
    "FeedCounts",
    "FeedOptions",
    "Headers",
    "Instant",
    "Level",
    "OrderChange",
    "OrderFeed",
    "Snapshot",
    "TakerFeed",
]
