"""License.rocks: orders for NFTs of a CreatorsHub instance (venue documentation: *Order API*, and pages of the public API).

``Client`` is for callers without an event loop; ``AsyncClient`` is the same with ``await``.
"""

from orderseal.api.licenserocks.client import AsyncClient, Candidate, Candidates, Created, CreatedAddress, OpenWrite
from orderseal.api.licenserocks.models import (
    BillingAddress,
    Buyer,
    DeliveryAddress,
    Listing,
    Nft,
    NftFile,
    Order,
    OrderItem,
    PurchasedNft,
    UserOrder,
    UserOrderItem,
)
from orderseal.api.licenserocks.money import Cents, Coins, Wei
from orderseal.api.licenserocks.sync import Client
from orderseal.api.licenserocks.wishes import BillingData, NewDeliveryAddress, NewOrder

__all__ = [
    "AsyncClient",
    "BillingAddress",
    "BillingData",
    "Buyer",
    "Candidate",
    "Candidates",
    "Cents",
    "Client",
    "Coins",
    "Created",
    "CreatedAddress",
    "DeliveryAddress",
    "Listing",
    "NewDeliveryAddress",
    "NewOrder",
    "Nft",
    "NftFile",
    "OpenWrite",
    "Order",
    "OrderItem",
    "PurchasedNft",
    "UserOrder",
    "UserOrderItem",
    "Wei",
]
