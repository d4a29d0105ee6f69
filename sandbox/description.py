"""The OpenAPI description of the Stove twin: what its pages document, with their samples.

Unlike the token platforms' twins it is not what serves the requests; a test holds its paths against the routes, and schemathesis the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orderseal.sandbox.twins.endpoint import Operation, Parameter, Reply
from orderseal.sandbox.twins.openapi import describe_operations
from orderseal.sandbox.twins.samples import load
from orderseal.sandbox.twins.shapes import MAX_LONG, Choice, Either, Flag, Moment, Record, Shape, Text, Whole, like

_ABOUT = (
    "A local twin of the Stove venue, for tests. Not the venue: no real orders, no real money. "
    "WebSockets: /ws/maker/v1?types=order_status_change, /ws/taker/v1?types=order_status_change,cancellation_request, "
    "/ws/orderbooks/v1?symbols=aapl@usex."
)
_SCHEMES = {
    "maker": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
    "taker": {
        "type": "apiKey",
        "in": "header",
        "name": "X-API-Key",
        "description": "With X-API-Timestamp (Unix milliseconds) and X-API-Signature (Base64 of HMAC-SHA256 over "
        "METHOD|path|timestamp|query or body).",
    },
}
_ENVELOPE = Record({"code": Whole(1), "message": Text(1), "details": Text()}, optional=("details",))
_ERROR = Either({"code": _ENVELOPE, "error": Record({"error": Text(1)})})
_ADDRESS = Text(42, 42, "0x[0-9a-fA-F]{40}")
_HASH = Text(0, 200)
_AMOUNT = Text(1, 78, "0|[1-9][0-9]{0,77}")
_COUNT = Text(1, 12, "[0-9]{1,12}")
_LONG = Whole(0, MAX_LONG)
_PAGE = {"page": Parameter(_LONG), "page_size": Parameter(_LONG)}
_ORDER: dict[str, Shape] = {
    "maker": _ADDRESS,
    "principal": _ADDRESS,
    "is_buy": Flag(),
    "ticker": Text(1, 20),
    "exchange": Whole(0, 65535),
    "asset": _ADDRESS,
    "price": _AMOUNT,
    "quantity": _AMOUNT,
    "incentive": _AMOUNT,
    "deadline": _LONG,
    "nonce": _LONG,
}
_SIGNED: dict[str, Shape] = {"order": Record(_ORDER), "signature": Text()}
_BODY = Record(_SIGNED)
_MAYBE = ("locked_by", "locked_at", "notes")
_ABSENT = ("notes", "fills", "reference_id", "tx_hash")


def _ranges(*names: str) -> dict[str, Parameter]:
    return {f"{name}_{end}": Parameter(_AMOUNT) for name in names for end in ("min", "max")}


def _sorted_by(*names: str) -> dict[str, Parameter]:
    return {"sort_by": Parameter(Choice(names)), "sort_order": Parameter(Choice(("asc", "desc"))), **_PAGE}


def _operations(samples: Mapping[str, Any]) -> list[Operation]:
    """Return the table; ``samples`` has the documents' examples by operation, ``body`` and ``data``."""

    def row(method: str, path: str, name: str, about: str, source: str, **parts: Any) -> Operation:
        sample = samples[name]
        real = ("total_market_value", "exchange_rate")
        data = like(sample["data"], maybe=_MAYBE, absent=_ABSENT, real=real, free=("params", "from_status"))
        good = Reply("Success", Either({"data": Record({"code": Whole(0, 0), "data": data}), "message": _ENVELOPE}))
        return Operation(
            method=method,
            path="/api/v1" + path,
            name=name,
            about=about,
            source=source,
            replies={200: Reply(good.about, good.shape, {"code": 0, "data": sample["data"]})},
            body_sample=sample.get("body"),
            **parts,
        )

    return [*_maker_operations(row), *_taker_operations(row), *_public_operations(row)]


def _maker_operations(row: Any) -> list[Operation]:
    login: dict[str, Shape] = {"wallet_address": _ADDRESS, "chain_id": Text(1, 78), "message": Text(1, 1000), "signature": Text(1, 200)}
    estimate = {name: _ORDER[name] for name in ("is_buy", "ticker", "exchange", "asset")} | {"quantity": _COUNT, "price": Text(1, 31)}
    order = {
        "order_hash": Parameter(_HASH),
        "principal": Parameter(_ADDRESS),
        "ticker": Parameter(Text(1, 20)),
        "ticker_like": Parameter(Choice(("true", "false"))),
        "exchange": Parameter(Whole(0, 65535)),
        "asset": Parameter(_ADDRESS),
        "is_buy": Parameter(Choice(("true", "false"))),
        "nonce": Parameter(_LONG),
        "status": Parameter(Text(1, 100), about="Separated by commas"),
        **_ranges("price", "quantity", "incentive", "filled_quantity"),
        **{f"{name}_{end}": Parameter(_LONG) for name in ("deadline", "created") for end in ("after", "before")},
        **_sorted_by("created_at", "price", "quantity", "incentive", "deadline"),
    }
    positions = {"ticker": Parameter(Text(1, 20)), "ticker_like": Parameter(Choice(("true", "false"))), **_PAGE}
    token = {"ticker": Parameter(Text(1, 20), required=True), "exchange": Parameter(Whole(0, 65535), required=True)}
    actions = {"token": Parameter(_ADDRESS)}
    guide, maker = "testing guide", {"scheme": "maker"}
    return [
        row("POST", "/makers/connect", "connect", "Log in with a wallet", "Authorization page", body=Record(login)),
        row("GET", "/makers/profiles", "profile", "The maker's profile", "Profile page", **maker),
        row("POST", "/orders", "create_order", "Create an order", "Create Order page", body=_BODY, **maker),
        row("GET", "/orders", "query_orders", "The maker's orders", "Query Orders page", query=order, **maker),
        row("GET", "/orders/maker/next-nonce", "next_nonce", "The next nonce", "Order Nonce page", **maker),
        row("POST", "/orders/estimate_charge", "estimate_charge", "Estimate a fee", "Estimate Fee page", body=Record(estimate), **maker),
        row("POST", "/orders/{order_id}/cancel", "cancel_order", "Cancel an order", "Cancel Order page", **maker),
        row("DELETE", "/orders/{order_id}", "delete_order", "Cancel an order", guide, **maker),
        row("GET", "/orders/{order_id}", "get_order", "One order", guide, **maker),
        row("GET", "/positions", "positions", "The maker's shares", "Positions page", query=positions, **maker),
        row("GET", "/instruments/token-address", "token_address", "Address of a stock token", "Stock token page", query=token, **maker),
        row("GET", "/maker/corporate-actions/pending", "pending_actions", "Corporate actions", "Corporate actions", query=actions, **maker),
        row(
            "GET", "/corporate-actions/maker/{maker}/pending", "pending_actions_of", "The same, at the path of the page's curl",
            "Corporate actions", query=actions, **maker,
        ),
    ]  # fmt: skip


def _taker_operations(row: Any) -> list[Operation]:
    found: dict[str, Shape] = {"order_hash": _HASH}
    lock: dict[str, Shape] = {**found, "taker_address": _ADDRESS, "lock_duration": Whole(1, 30 * 86400)}
    fill: dict[str, Shape] = {**_SIGNED, "fill_quantity": _AMOUNT, "taker_incentive": _AMOUNT}
    answer: dict[str, Shape] = {**found, "taker_address": _ADDRESS, "cancellation_success": Flag(), "message": Text()}
    created = {"created_after": Parameter(Moment()), "created_before": Parameter(Moment())}
    orders = {
        "status": Parameter(Text(1, 100)),
        "ticker": Parameter(Text(1, 20)),
        "exchange": Parameter(Whole(0, 65535)),
        "is_buy": Parameter(Choice(("true", "false"))),
        **created,
        **_sorted_by("created_at", "locked_at", "price"),
    }
    fills = {
        **{name: Parameter(_HASH) for name in ("order_id", "order_hash", "tx_hash", "status")},
        "taker": Parameter(_ADDRESS),
        **_ranges("fill_quantity", "fill_amount", "fee_amount", "incentive_amount", "block_number"),
        **created,
        **_sorted_by("created_at", "fill_quantity", "fill_amount", "block_number"),
    }
    taker = {"scheme": "taker"}
    return [
        row("POST", "/orders/validate", "validate_order", "Check an order; creates nothing", "Validate page", body=_BODY, **taker),
        row("POST", "/orders/lock", "lock_order", "Lock an order", "Lock page", body=Record(lock, ("lock_duration",)), **taker),
        row("POST", "/orders/unlock", "unlock_order", "Give an order back", "Unlock page", body=Record(found), **taker),
        row("POST", "/orders/fill", "fill_order", "Execute a locked order, or a part", "Fill page", body=Record(fill), **taker),
        row(
            "POST", "/orders/cancel-result", "cancel_result", "Answer to a cancellation request", "Cancellation response page",
            body=Record(answer, ("message",)), **taker,
        ),
        row("GET", "/orders/available", "available_orders", "Orders that wait for a taker", "Discover new orders page", **taker),
        row("GET", "/orders/filled", "filled_orders", "Fill records", "Fill records page", query=fills, **taker),
        row("GET", "/takers/orders", "taker_orders", "The taker's orders", "Query orders page (taker)", query=orders, **taker),
    ]  # fmt: skip


def _public_operations(row: Any) -> list[Operation]:
    query = {"exchange": Parameter(Whole(0, 65535), required=True)}
    return [
        row("GET", "/stats", "stats", "Figures of the venue", "Public: stats"),
        row("GET", "/tickers/{symbol}/orderbooks", "order_book", "Order book of a ticker", "Public: order book", query=query),
        row("GET", "/tickers/{symbol}/stats", "ticker_stats", "Figures of a ticker", "Public: ticker stats", query=query),
    ]


def describe_stove() -> dict[str, object]:
    """Return the description, ready for JSON."""
    return describe_operations("Stove", _ABOUT, _operations(load("orderseal.sandbox")), _SCHEMES, _ERROR)
