"""What a company does to its stock, and what a maker gets for it (*Corporate actions*)."""

from decimal import Decimal

import msgspec

from orderseal.api.stove.models import Moment
from orderseal.signing import Address

__all__ = ["ActionParams", "CorporateAction", "CorporateActions"]


class ActionParams(msgspec.Struct, frozen=True, kw_only=True):
    """The terms of a corporate action; those of another kind of action are ``None``. Their units are not documented."""

    dividend_per_share: Decimal | None = None
    tax_rate: Decimal | None = None
    split_ratio: Decimal | None = None
    merge_ratio: Decimal | None = None
    compensation_per_share: Decimal | None = None
    fee_amount: Decimal | None = None


class CorporateAction(msgspec.Struct, frozen=True, kw_only=True):
    """One pending action. Quantities are the numbers that the venue writes; their unit is not documented.

    Attributes:
        action_type: ``dividend``, ``stock_split``, ``reverse_stock_split`` or ``delisting``; it may be one that is not listed.
        holding_qty: what the maker holds.
        action_qty: what it becomes, or is paid.
        compensation_qty: for fractions.
    """

    id: str | int
    maker: Address
    holding_qty: Decimal
    token_address: Address
    action_qty: Decimal
    action_type: str
    compensation_qty: Decimal
    created_at: Moment
    params: ActionParams | None = None


class CorporateActions(msgspec.Struct):
    """``{"actions": […]}``; no rows may be ``null``, as the venue's language writes an empty list."""

    actions: tuple[CorporateAction, ...] | None
