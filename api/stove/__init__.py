"""Stove: signed limit orders for tokenised stocks (venue documentation: *Maker*, *Taker* and *Public* pages).

``Maker`` places orders through a ledger; ``Client`` is the venue's API below it. ``Taker`` finds, checks and fills them; ``Public`` is
for everybody. The feeds come back by themselves. With ``Async`` before the name each is the same with ``await``.
"""

from orderseal.api.stove.cancelling import Cancellation, Panic
from orderseal.api.stove.client import AsyncClient
from orderseal.api.stove.corporate import ActionParams, CorporateAction
from orderseal.api.stove.feeds import (
    AsyncBookFeed,
    AsyncOrderFeed,
    AsyncTakerFeed,
    BookFeed,
    BookUpdate,
    CancellationRequest,
    FeedCounts,
    FeedOptions,
    Instant,
    Level,
    OrderChange,
    OrderFeed,
    TakerFeed,
)
from orderseal.api.stove.intents import NASDAQ, Quote, Side, explain, limit_order, refusals
from orderseal.api.stove.maker import AsyncMaker, Placed, Recovered
from orderseal.api.stove.models import (
    FINAL_STATUSES,
    BaseUnits,
    CancelReply,
    Estimate,
    Fill,
    OrderPage,
    OrderStatus,
    PlacedOrder,
    Position,
    PositionPage,
    Profile,
    QuantityUnit,
    Shares,
    StatusChange,
    TokenAddress,
)
from orderseal.api.stove.network import TESTNET, Network, order_scope
from orderseal.api.stove.public import AsyncPublic, OrderBook, Stats, TickerStats
from orderseal.api.stove.stream import AsyncStatusStream
from orderseal.api.stove.sync import Client, StatusStream
from orderseal.api.stove.sync_maker import Maker
from orderseal.api.stove.sync_public import Public
from orderseal.api.stove.sync_taker import Taker
from orderseal.api.stove.taker import AsyncTaker
from orderseal.api.stove.taker_models import (
    CancelResult,
    Filled,
    FillPage,
    FillRecord,
    Lock,
    TakerOrder,
    TakerOrderPage,
    Unlock,
    Validation,
)
from orderseal.api.submission import Policy
from orderseal.api.transport import Limits

__all__ = [
    "FINAL_STATUSES",
    "NASDAQ",
    "TESTNET",
    "ActionParams",
    "AsyncBookFeed",
    "AsyncClient",
    "AsyncMaker",
    "AsyncOrderFeed",
    "AsyncPublic",
    "AsyncStatusStream",
    "AsyncTaker",
    "AsyncTakerFeed",
    "BaseUnits",
    "BookFeed",
    "BookUpdate",
    "CancelReply",
    "CancelResult",
    "Cancellation",
    "CancellationRequest",
    "Client",
    "CorporateAction",
    "Estimate",
    "FeedCounts",
    "FeedOptions",
    "Fill",
    "FillPage",
    "FillRecord",
    "Filled",
    "Instant",
    "Level",
    "Limits",
    "Lock",
    "Maker",
    "Network",
    "OrderBook",
    "OrderChange",
    "OrderFeed",
    "OrderPage",
    "OrderStatus",
    "Panic",
    "Placed",
    "PlacedOrder",
    "Policy",
    "Position",
    "PositionPage",
    "Profile",
    "Public",
    "QuantityUnit",
    "Quote",
    "Recovered",
    "Shares",
    "Side",
    "Stats",
    "StatusChange",
    "StatusStream",
    "Taker",
    "TakerFeed",
    "TakerOrder",
    "TakerOrderPage",
    "TickerStats",
    "TokenAddress",
    "Unlock",
    "Validation",
    "explain",
    "limit_order",
    "order_scope",
    "refusals",
]
