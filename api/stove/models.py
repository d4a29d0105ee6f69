"""What the venue answers, typed. Unknown members are ignored; a known one with a wrong type makes the whole reply invalid."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum, StrEnum
from typing import Annotated, Any, Final, Self

import msgspec

from orderseal.signing import Address, InvalidInput, Order, describe

__all__ = [
    "FINAL_STATUSES",
    "BaseUnits",
    "CancelReply",
    "Estimate",
    "Fill",
    "Moment",
    "OrderPage",
    "OrderStatus",
    "PlacedOrder",
    "Position",
    "PositionPage",
    "Profile",
    "QuantityUnit",
    "Shares",
    "StatusChange",
    "Text",
    "TokenAddress",
    "decode_hook",
]


class OrderStatus(StrEnum):
    """The statuses that the venue lists (*Maker overview*). A reply may carry another one: ``status`` is a plain string there."""

    PENDING = "pending"
    LOCKED = "locked"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    SUSPENDED = "suspended"


FINAL_STATUSES: Final = frozenset({OrderStatus.FILLED, OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.REJECTED})
"""Statuses after which the venue does nothing more. ``partially_filled`` is not among them: the venue's pages contradict each other."""

_FIRST_SCALED: Final = 10**15  # An order of so many shares has a fault, see Order.faults().


class BaseUnits(int):
    """An integer that the venue writes as a decimal string."""

    __slots__ = ()


class QuantityUnit(Enum):
    """In what a page of the venue's writes a number of shares. The value is how many of it make one share.

    Orders are signed, created and filled in whole shares; the query pages label the same members "wei", and show 10^18 for one share
    (*Create Order*; *Query Orders*).
    """

    SHARES = 1
    WEI = 10**18

    @classmethod
    def of(cls, quantity: int) -> Self:
        """The unit of a quantity of which nothing else is known.

        Below 10^15 it is whole shares, and a multiple of 10^18 is wei: no order is for so many shares, nor for less than one.

        Raises:
            InvalidInput: it could be either, or neither.
        """
        if quantity < _FIRST_SCALED:
            return cls(1)
        if quantity % cls.WEI.value == 0:
            return cls(10**18)
        raise InvalidInput(path="quantity", expected="less than 10^15 whole shares, or a multiple of 10^18", actual=str(quantity)[:80])


@dataclass(frozen=True, slots=True)
class Shares:
    """A number of shares, and how the venue wrote it.

    Attributes:
        whole: how many.
        unit: in what it was written.
    """

    whole: int
    unit: QuantityUnit


def decode_hook(type_: type, value: Any) -> Any:
    """Read the forms that msgspec does not know: decimal strings of base units, addresses. The error does not repeat the value."""
    if type_ is BaseUnits:
        if type(value) is str and 0 < len(value) <= 78 and value.isascii() and value.isdigit() and int(value) < 2**256:
            return BaseUnits(value)
        raise ValueError("Expected a decimal string below 2^256")
    if type_ is Address:
        try:
            return Address(value) if type(value) is str else Address("")
        except InvalidInput:
            raise ValueError("Expected an address") from None
    raise NotImplementedError(type_)


Text = Annotated[str, msgspec.Meta(pattern=r"^[\x21-\x7e]{1,256}$")]
"""The venue's name for something, such as an ``order_hash``: what can go into a query as it is."""

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""ISO 8601 with an offset."""


class _Reply(msgspec.Struct, frozen=True, kw_only=True):
    """The base of the replies."""


class Fill(_Reply, frozen=True, kw_only=True):
    """One fill of an order (*Query Orders*). Amounts in base units of the payment token; ``fill_quantity`` in the order's :meth:`unit`."""

    fill_quantity: BaseUnits
    fill_amount: BaseUnits
    taker: str | None = None
    fee_amount: BaseUnits | None = None
    incentive_amount: BaseUnits | None = None
    taker_incentive: BaseUnits | None = None
    tx_hash: str | None = None
    block_number: int | None = None
    status: str | None = None


class PlacedOrder(_Reply, frozen=True, kw_only=True):
    """An order as the venue holds it (*Create Order*, *Query Orders*).

    It is what the venue said at one moment, and does not change by itself: query again, or follow it.
    ``quantity`` and ``filled_quantity`` are what the venue sent, in whole shares or in wei: :meth:`shares` and :meth:`filled_shares` say
    which. ``order_hash`` is the venue's own name for the order, and how it is computed is
    not documented.
    """

    id: str
    maker: Address
    principal: Address
    is_buy: bool
    ticker: str
    exchange: int
    asset: Address
    price: BaseUnits
    quantity: BaseUnits
    incentive: BaseUnits
    deadline: int
    nonce: int
    signature: str
    order_hash: Text
    status: str
    filled_quantity: BaseUnits
    created_at: Moment
    updated_at: Moment
    notes: str | None = None
    fills: tuple[Fill, ...] | None = None

    def __repr__(self) -> str:
        """Without the signature: whoever has it can have the order filled."""
        side = "buy" if self.is_buy else "sell"
        name, ticker, status = (describe(text)[1:-1] for text in (self.id, self.ticker, self.status))
        return f"PlacedOrder({name}, nonce {self.nonce}, {side} {self.quantity} {ticker}, {status})"

    @property
    def is_final(self) -> bool:
        """Whether the venue will do nothing more with it; the signature stays good until the deadline all the same."""
        return self.status in FINAL_STATUSES

    def unit(self, signed: Order | None = None) -> QuantityUnit:
        """In what ``quantity``, ``filled_quantity`` and the fills are written.

        Args:
            signed: the order as it was signed, if it is known: its quantity tells. Without it see :meth:`QuantityUnit.of`.

        Raises:
            InvalidInput: the quantity is not the signed one in either unit; or it is not known, and could be read in both.
        """
        if signed is None:
            return QuantityUnit.of(self.quantity)
        for unit in QuantityUnit:
            if self.quantity == signed.quantity * unit.value:
                return unit
        expected = f"{signed.quantity} as it was signed, or that times 10^18"
        raise InvalidInput(path="quantity", expected=expected, actual=str(int(self.quantity)))

    def shares(self, signed: Order | None = None) -> Shares:
        """How many shares were ordered. For ``signed`` and errors see :meth:`unit`."""
        unit = self.unit(signed)
        return Shares(self.quantity // unit.value, unit)

    def filled_shares(self, signed: Order | None = None) -> Shares:
        """How many shares the venue says are filled. For ``signed`` and errors see :meth:`unit`.

        Raises:
            InvalidInput: also if it is no whole number, or more than were ordered.
        """
        unit = self.unit(signed)
        whole, rest = divmod(self.filled_quantity, unit.value)
        if rest or self.filled_quantity > self.quantity:
            expected = f"whole shares in {unit.name}, and at most the {int(self.quantity)} ordered"
            raise InvalidInput(path="filled_quantity", expected=expected, actual=str(int(self.filled_quantity)))
        return Shares(whole, unit)

    def to_order(self, signed: Order | None = None) -> Order:
        """The order that was signed, by the venue's account of it.

        Args:
            signed: an order that it may be; if its quantity is this one's in either unit, that decides.

        Raises:
            InvalidInput: the venue's account holds values that no order has, or a quantity that could be read in both units.
        """
        known = signed is not None and self.quantity in {signed.quantity * unit.value for unit in QuantityUnit}
        return self.in_unit(self.unit(signed if known else None))

    def in_unit(self, unit: QuantityUnit) -> Order:
        """The same, with the quantity read in this unit.

        Raises:
            InvalidInput: the venue's account holds values that no order has, or less than a whole share.
        """
        whole, rest = divmod(self.quantity, unit.value)
        if rest:
            raise InvalidInput(path="quantity", expected=f"whole shares in {unit.name}", actual=str(int(self.quantity)))
        return Order(**{name: getattr(self, name) for name in _COMPARED}, quantity=whole)

    def is_for(self, order: Order, signature: bytes) -> bool:
        """Whether this is exactly that order with exactly that signature."""
        return (
            all(getattr(self, name) == getattr(order, name) for name in _COMPARED)
            and self.quantity in {order.quantity * unit.value for unit in QuantityUnit}
            and self.signature.lower() == "0x" + signature.hex()
        )


_COMPARED: Final = ("maker", "principal", "is_buy", "ticker", "exchange", "asset", "price", "incentive", "deadline", "nonce")


class OrderPage(_Reply, frozen=True, kw_only=True):
    """One page of orders (*Query Orders*)."""

    total: int
    page: int
    page_size: int
    total_pages: int
    orders: tuple[PlacedOrder, ...]


class Estimate(_Reply, frozen=True, kw_only=True):
    """The venue's estimate (*Estimate Order Fee*). It proposes; check it against bounds of your own.

    Attributes:
        base_currency: the stock market's currency, for example USD.
        charge_base: the fee in it.
        charge_target: the fee for the whole order in base units of the payment token.
        price_base: the price asked about, in the base currency.
        price_target: the same in base units of the payment token.
        exchange_rate: base currency per payment token: target = base ÷ rate.
    """

    base_currency: str
    charge_base: Decimal
    target_currency: str
    charge_target: BaseUnits
    price_base: Decimal
    price_target: BaseUnits
    exchange_rate: Decimal


class CancelReply(_Reply, frozen=True, kw_only=True):
    """The venue's answer to a cancel request (*Cancel Order*). For a locked order it means "asked", not "done"."""

    success: bool
    order_id: str
    message: str | None = None


class Position(_Reply, frozen=True, kw_only=True):
    """A holding of one stock token (*Positions*). Balances are whole shares, ``avg_price`` is in base units."""

    ticker: str
    exchange: int
    token_address: str
    balance: BaseUnits
    locked_balance: BaseUnits
    available_balance: BaseUnits
    avg_price: BaseUnits


class PositionPage(_Reply, frozen=True, kw_only=True):
    """One page of positions."""

    total: int
    page: int
    page_size: int
    total_pages: int
    positions: tuple[Position, ...]


class Profile(_Reply, frozen=True, kw_only=True):
    """The maker's profile (*Profile*). Name and e-mail are left out on purpose: nothing here needs them."""

    wallet_address: Address
    status: str | int


class TokenAddress(_Reply, frozen=True, kw_only=True):
    """Where a stock token lives (*Token Address*)."""

    ticker: str
    name: str
    exchange_id: int
    token_address: Address


class StatusChange(msgspec.Struct, frozen=True, kw_only=True):
    """A change of an order's status, as pushed, or as found by a query after a (re)connection.

    Attributes:
        order_hash: the venue's name for the order.
        from_status: before, or ``None`` where it is new or not known.
        to_status: after; a plain string, which may be one that is not listed.
        maker: whose order.
        metadata: for example ``taker_address``, ``lock_id`` and ``expires_at`` of a lock.
        pushed: ``False`` where a query found it.
    """

    order_hash: str
    to_status: str
    from_status: str | None = None
    maker: str | None = None
    metadata: dict[str, Any] | None = None
    pushed: bool = True
