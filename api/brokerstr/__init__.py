"""BrokersTR: token associations, markets, KYC addresses, purchases seen on chain (venue documentation: *Apex Brokerage Integration API*).

``Client`` is the platform's API, and ``AsyncClient`` the same with ``await``. What is bought on chain is for :mod:`orderseal.chain`, which
takes :meth:`Token.recipe` and trusts nothing of it.
"""

from orderseal.api.brokerstr.client import AsyncClient
from orderseal.api.brokerstr.models import (
    Contract,
    CurrencyToken,
    KycAddress,
    KycAddressPage,
    KycToken,
    Market,
    MarketToken,
    Node,
    NodePage,
    NodeType,
    Purchase,
    PurchaseCurrency,
    PurchaseList,
    Rules,
    Token,
    TokenDocument,
    TokenImage,
    TokenMeta,
    TokenPage,
    TokenStatus,
    Webhook,
    WebhookAuthentication,
    Written,
)
from orderseal.api.brokerstr.sync import Client
from orderseal.api.brokerstr.webhooks import (
    KEEP,
    REMOVE,
    BasicAuthentication,
    TokenAuthentication,
    WebhookChange,
    WebhookMethod,
    WebhookSettings,
)
from orderseal.api.submission.references import OpenWrite

__all__ = [
    "KEEP",
    "REMOVE",
    "AsyncClient",
    "BasicAuthentication",
    "Client",
    "Contract",
    "CurrencyToken",
    "KycAddress",
    "KycAddressPage",
    "KycToken",
    "Market",
    "MarketToken",
    "Node",
    "NodePage",
    "NodeType",
    "OpenWrite",
    "Purchase",
    "PurchaseCurrency",
    "PurchaseList",
    "Rules",
    "Token",
    "TokenAuthentication",
    "TokenDocument",
    "TokenImage",
    "TokenMeta",
    "TokenPage",
    "TokenStatus",
    "Webhook",
    "WebhookAuthentication",
    "WebhookChange",
    "WebhookMethod",
    "WebhookSettings",
    "Written",
]
