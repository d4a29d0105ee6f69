"""Orders and fills as the venue keeps them, and the checks of a new one.

Source: "Create Order", "Order Signature", "Query Orders" and Maker overview (enumerations) pages.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum

from orderseal.sandbox.body import Fields, invalid
from orderseal.sandbox.errors import (
    DEADLINE_TOO_SOON,
    INVALID_PRICE,
    INVALID_QUANTITY,
    MAKER_MISMATCH,
    ORDER_NONCE_INVALID,
    ORDER_SIGNATURE_INVALID,
    ApiError,
)
from orderseal.sandbox.market import instrument, stablecoin
from orderseal.sandbox.signatures import OrderHashes, hash_order, parse_address, recover_order

LEAST_LIFE = 720 * 3600

_FIELDS = ("maker", "principal", "is_buy", "ticker", "exchange", "asset", "price", "quantity", "incentive", "deadline", "nonce")
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,77}")


class Status(StrEnum):
    """The documented order states."""

    PENDING = "pending"
    LOCKED = "locked"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    SUSPENDED = "suspended"


FINAL = frozenset({Status.FILLED, Status.CANCELLED, Status.EXPIRED, Status.REJECTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedOrder:
    """A well-formed order whose maker signed it; addresses in EIP-55 form, amounts in base units, quantity in shares."""

    maker: str
    principal: str
    is_buy: bool
    ticker: str
    exchange: int
    asset: str
    price: int
    quantity: int
    incentive: int
    deadline: int
    nonce: int
    signature: str
    hashes: OrderHashes


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One execution; quantity in shares, amounts in base units of the payment token. ``key`` is that of a taker that is a client."""

    id: str
    taker: str
    quantity: int
    amount: int
    fee: int
    tx_hash: str
    block_number: int
    reference_id: str
    created_at: float
    key: str | None = None


@dataclass(slots=True, kw_only=True)
class Lock:
    """A taker's lock: its API key and its address; ``answer_by`` is set while a cancellation request waits for an answer."""

    key: str
    taker: str
    id: str
    locked_at: float
    expires_at: float
    answer_by: float | None = None


@dataclass(slots=True, kw_only=True)
class Order:
    """An accepted order and its course."""

    signed: SignedOrder
    id: str
    order_hash: str
    sequence: int
    created_at: float
    updated_at: float
    pays_enough: bool
    status: Status = Status.PENDING
    announced: bool = False
    filled: int = 0
    notes: str | None = None
    cancel_requested: bool = False
    locked_cash: int = 0
    locked_shares: int = 0
    lock: Lock | None = None
    fills: list[Fill] = field(default_factory=list[Fill])

    @property
    def remaining(self) -> int:
        return self.signed.quantity - self.filled

    @property
    def final(self) -> bool:
        return self.status in FINAL

    @property
    def held(self) -> Lock | None:
        """The lock under which a client of the taker interface may execute the order now."""
        return None if self.final else self.lock


def parse_order(body: Fields, wallet: str, now: int, chain_id: int) -> SignedOrder:
    """Check a create request against everything but the book's state; raise ``ApiError`` for the first fault.

    ``now`` is the venue's time in whole seconds; a deadline of exactly ``now`` + 720 hours is good.
    """
    signed = read_order(body.only("order", "signature"), chain_id)
    if signed.maker != wallet:
        raise ApiError(MAKER_MISMATCH)
    if (deadline := signed.deadline) < now + LEAST_LIFE:
        raise ApiError(DEADLINE_TOO_SOON, f"deadline {deadline} is before {now + LEAST_LIFE}")
    if signed.nonce < 0:
        raise ApiError(ORDER_NONCE_INVALID)
    if not is_signed(signed):
        raise ApiError(ORDER_SIGNATURE_INVALID)
    return signed


def read_order(body: Fields, chain_id: int) -> SignedOrder:
    """Return the members ``order`` and ``signature`` of a request; raise ``ApiError`` for a value that no order can have.

    Whether maker, deadline, nonce and signature are good is left to the caller.
    """
    signature = body.string("signature")
    fields = body.nested("order").only(*_FIELDS)
    maker, principal = _address(fields, "maker"), _address(fields, "principal")
    is_buy, ticker, exchange = fields.boolean("is_buy"), fields.string("ticker"), fields.integer("exchange")
    asset, price = fields.string("asset"), read_amount(fields, "price")
    quantity, incentive = read_amount(fields, "quantity"), read_amount(fields, "incentive")
    deadline, nonce = fields.integer("deadline"), fields.integer("nonce")
    instrument(ticker, exchange)
    asset = stablecoin(asset)
    if price is None or price == 0:
        raise ApiError(INVALID_PRICE)
    if quantity is None or quantity == 0:
        raise ApiError(INVALID_QUANTITY)
    if incentive is None:
        raise invalid("The order.incentive field must be a decimal string")
    message: dict[str, object] = {
        "maker": maker,
        "principal": principal,
        "isBuy": is_buy,
        "ticker": ticker,
        "exchange": exchange,
        "asset": asset,
        "price": price,
        "quantity": quantity,
        "incentive": incentive,
        "deadline": max(deadline, 0),
        "nonce": max(nonce, 0),
    }
    return SignedOrder(
        maker=maker,
        principal=principal,
        is_buy=is_buy,
        ticker=ticker,
        exchange=exchange,
        asset=asset,
        price=price,
        quantity=quantity,
        incentive=incentive,
        deadline=deadline,
        nonce=nonce,
        signature=signature,
        hashes=hash_order(message, chain_id),
    )


def is_signed(signed: SignedOrder) -> bool:
    """Tell whether the maker signed this very order; one with a negative number cannot be signed."""
    return min(signed.deadline, signed.nonce) >= 0 and recover_order(signed.hashes, signed.signature) == signed.maker


def _address(fields: Fields, name: str) -> str:
    address = parse_address(fields.string(name))
    if address is None:
        raise invalid(f"The order.{name} field must be an address")
    return address


def read_amount(fields: Fields, name: str) -> int | None:
    """Return a canonical decimal string that fits ``uint256``; ``None`` for any other string, a negative number included."""
    text = fields.string(name)
    value = int(text) if _DECIMAL.fullmatch(text) else -1
    return value if 0 <= value < 2**256 else None
