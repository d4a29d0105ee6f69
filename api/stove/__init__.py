"""Stove: signed limit orders for tokenised stocks (venue documentation: *Maker* pages).

``Client`` is sync, ``AsyncClient`` the same with ``await``.
"""

from orderseal.api.stove.client import AsyncClient, AsyncStatusStream
from orderseal.api.stove.intents import NASDAQ, Quote, Side, explain, limit_order, refusals
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
from orderseal.api.stove.network import TESTNET, Network
from orderseal.api.stove.sync import Client, StatusStream
from orderseal.api.transport import Limits

__all__ = [
    "FINAL_STATUSES",
    "NASDAQ",
    "TESTNET",
    "AsyncClient",
    "AsyncStatusStream",
    "BaseUnits",
    "CancelReply",
    "Client",
    "Estimate",
    "Fill",
    "Limits",
    "Network",
    "OrderPage",
    "OrderStatus",
    "PlacedOrder",
    "Position",
    "PositionPage",
    "Profile",
    "Quote",
    "Side",
    "StatusChange",
    "StatusStream",
    "TokenAddress",
    "explain",
    "limit_order",
    "refusals",
]
