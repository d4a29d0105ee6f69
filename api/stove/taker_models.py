"""What the venue answers to takers, typed."""

import msgspec

from orderseal.api.stove.models import BaseUnits, Moment, PlacedOrder, Text
from orderseal.signing import Address

__all__ = ["CancelResult", "FillPage", "FillRecord", "Filled", "Lock", "TakerOrder", "TakerOrderPage", "Unlock", "Validation"]


class _Reply(msgspec.Struct, frozen=True, kw_only=True):
    """The base of the replies."""


class Validation(_Reply, frozen=True, kw_only=True):
    """What the venue says of a signed order (*Validate*). It is the venue's word: :meth:`AsyncTaker.check` is ours.

    Attributes:
        valid: whether it would take the order.
        errors: why not, in its own words.
        maker_balance, maker_allowance: base units of what the maker pays with.
    """

    valid: bool
    order_hash: Text
    errors: tuple[str, ...]
    maker_balance: BaseUnits
    maker_allowance: BaseUnits
    nonce_valid: bool
    signature_valid: bool
    not_expired: bool


class Lock(_Reply, frozen=True, kw_only=True):
    """An order that is this taker's alone until ``expires_at`` (*Lock*)."""

    success: bool
    order_hash: Text
    locked_by: Address
    locked_at: Moment
    expires_at: Moment


class Unlock(_Reply, frozen=True, kw_only=True):
    """An order that was given back (*Unlock*)."""

    success: bool
    order_hash: Text
    message: str | None = None


class Filled(_Reply, frozen=True, kw_only=True):
    """What the venue says of a fill (*Fill*). Amounts in base units of the payment token.

    Attributes:
        tx_hash: the transaction; look at its receipt before you believe it.
        filled_quantity: of this fill or of all of the order's; the page does not say. In whole shares or in wei.
        status: of the order, in the venue's words.
    """

    success: bool
    tx_hash: Text
    order_hash: Text
    filled_quantity: BaseUnits
    filled_amount: BaseUnits
    fee_amount: BaseUnits
    incentive_amount: BaseUnits
    status: str


class CancelResult(_Reply, frozen=True, kw_only=True):
    """The venue has taken a taker's answer to a cancellation request (*Cancellation response*)."""

    success: bool
    order_hash: Text
    message: str | None = None


class TakerOrder(PlacedOrder, frozen=True, kw_only=True):
    """An order as takers see it (*Query orders*, *Discover new orders*)."""

    locked_by: Address | None = None
    locked_at: Moment | None = None
    reference_id: str | None = None
    tx_hash: str | None = None


class TakerOrderPage(_Reply, frozen=True, kw_only=True):
    """One page of orders (*Query orders*)."""

    total: int
    page: int
    page_size: int
    total_pages: int
    orders: tuple[TakerOrder, ...]


class FillRecord(_Reply, frozen=True, kw_only=True):
    """One fill (*Fill records*). Amounts in base units of the payment token; ``fill_quantity`` in whole shares or in wei."""

    id: str
    order_id: str
    order_hash: Text
    taker: str
    fill_quantity: BaseUnits
    fill_amount: BaseUnits
    fee_amount: BaseUnits
    incentive_amount: BaseUnits
    tx_hash: str
    status: str
    created_at: Moment
    block_number: int | None = None


class FillPage(_Reply, frozen=True, kw_only=True):
    """One page of fills (*Fill records*)."""

    total: int
    page: int
    page_size: int
    total_pages: int
    fills: tuple[FillRecord, ...]
