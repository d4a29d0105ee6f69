"""Stove: signed limit orders for tokenised stocks (venue documentation: *Maker* pages).

``Maker`` places orders through a ledger; ``Client`` is the venue's API below it. ``AsyncMaker`` and ``AsyncClient`` are the same with
``await``.
"""

from orderseal.api.stove.cancelling import Cancellation, Panic
from orderseal.api.stove.client import AsyncClient, AsyncStatusStream
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
    StatusChange,
    TokenAddress,
)
from orderseal.api.stove.network import TESTNET, Network, order_scope
from orderseal.api.stove.sync import Client, StatusStream
from orderseal.api.stove.sync_maker import Maker
from orderseal.api.submission import Policy
from orderseal.api.transport import Limits

__all__ = [
    "FINAL_STATUSES",
    "NASDAQ",
    "TESTNET",
    "AsyncClient",
    "AsyncMaker",
    "AsyncStatusStream",
    "BaseUnits",
    "CancelReply",
    "Cancellation",
    "Client",
    "Estimate",
    "Fill",
    "Limits",
    "Maker",
    "Network",
    "OrderPage",
    "OrderStatus",
    "Panic",
    "Placed",
    "PlacedOrder",
    "Policy",
    "Position",
    "PositionPage",
    "Profile",
    "Quote",
    "Recovered",
    "Side",
    "StatusChange",
    "StatusStream",
    "TokenAddress",
    "explain",
    "limit_order",
    "order_scope",
    "refusals",
]
