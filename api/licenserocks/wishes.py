"""What is asked of an instance, checked before anything is sent (venue pages *Order API*, *Delivery and billing addresses*)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from orderseal.signing import InvalidInput, describe

__all__ = ["MOST_TOGETHER", "BillingData", "NewDeliveryAddress", "NewOrder", "check_id", "orders_body"]

MOST_TOGETHER: Final = 50
"""The most orders of one batch, and the most that are read at once; no limit is documented."""

_GREATEST: Final = 2**53
_LONGEST: Final = 500
_BILLING: Final = ("city", "country", "postal", "street")


def check_id(value: object, path: str, what: str = "an id") -> int:
    """A whole number from 1 on that fits into the platform's JSON."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < _GREATEST:
        raise InvalidInput(path=path, expected=f"{what}: a whole number from 1 on, as int", actual=describe(value))
    return int(value)


def _personal(value: object, path: str, hint: str = "") -> None:
    if not isinstance(value, str) or not value.strip() or len(value) > _LONGEST or not value.isprintable():
        actual = "nothing" if value in ("", None) else "something else, not shown"
        raise InvalidInput(path=path, expected=f"printable text of at most {_LONGEST} characters", actual=actual, hint=hint)


@dataclass(frozen=True, slots=True, kw_only=True)
class BillingData:
    """The billing address of an order: all four members, or leave the whole of it away (*Billing Address behaviour*).

    With all four the instance makes a new billing address for the buyer. If one is missing **it silently ignores the others** and uses the
    buyer's first stored address, and fails with a 400 if there is none. So an incomplete one is refused here, and so is an empty member.
    """

    city: str = field(default="", repr=False)
    country: str = field(default="", repr=False)
    postal: str = field(default="", repr=False)
    street: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        for name in _BILLING:
            _personal(getattr(self, name), f"billing.{name}", "Give all four, or none: the instance ignores an incomplete address")

    def members(self) -> dict[str, Any]:
        """What is sent."""
        return {name: getattr(self, name) for name in _BILLING}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOrder:
    """An order to create (*Order API*, POST). It counts as paid, and the NFT is transferred to the buyer.

    Attributes:
        nft_id: of the NFT in the instance.
        listing_id: of the sale.
        buyer_user_id: of the user who gets it.
        quantity: how many, from 1 on.
        billing: the billing address, or ``None`` for the first that the buyer has stored.
    """

    nft_id: int
    listing_id: int
    buyer_user_id: int
    quantity: int
    billing: BillingData | None = None

    def __post_init__(self) -> None:
        for name in ("nft_id", "listing_id", "buyer_user_id"):
            check_id(getattr(self, name), name)
        check_id(self.quantity, "quantity", "how many")
        if self.billing is not None and not isinstance(self.billing, BillingData):
            raise InvalidInput(path="billing", expected="BillingData, or None", actual=f"a {type(self.billing).__name__}")

    def members(self) -> dict[str, Any]:
        """What is sent."""
        billing = {} if self.billing is None else {"buyerBillingData": self.billing.members()}
        found = {"nftId": self.nft_id, "listingId": self.listing_id, "quantity": self.quantity, "buyerUserId": self.buyer_user_id}
        return found | billing


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDeliveryAddress:
    """A delivery address to create. What is ``None`` is not sent; only ``user_id`` is known to be needed. Personal."""

    user_id: int
    name: str | None = field(default=None, repr=False)
    street: str | None = field(default=None, repr=False)
    postal: str | None = field(default=None, repr=False)
    city: str | None = field(default=None, repr=False)
    country: str | None = field(default=None, repr=False)
    company_name: str | None = field(default=None, repr=False)
    tax_id: str | None = field(default=None, repr=False)
    email: str | None = field(default=None, repr=False)
    mobile_phone: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        check_id(self.user_id, "user_id")
        for name in _ADDRESS:
            if getattr(self, name) is not None:
                _personal(getattr(self, name), name)

    def members(self) -> dict[str, Any]:
        """What is sent."""
        given = {json_name: getattr(self, name) for name, json_name in _ADDRESS.items()}
        return {"userId": self.user_id} | {name: value for name, value in given.items() if value is not None}


_ADDRESS: Final = {
    "name": "name",
    "street": "street",
    "postal": "postal",
    "city": "city",
    "country": "country",
    "company_name": "companyName",
    "tax_id": "taxId",
    "email": "email",
    "mobile_phone": "mobilePhone",
}


def orders_body(orders: Sequence[NewOrder]) -> list[dict[str, Any]]:
    """The array that is sent.

    Raises:
        InvalidInput: none, too many, or something that is no :class:`NewOrder`.
    """
    if isinstance(orders, str) or not isinstance(orders, Sequence) or not 0 < len(orders) <= MOST_TOGETHER:
        raise InvalidInput(path="orders", expected=f"1 to {MOST_TOGETHER} orders", actual=f"a {type(orders).__name__}")
    given: list[Any] = list(orders)
    for index, order in enumerate(given):
        if not isinstance(order, NewOrder):
            raise InvalidInput(path=f"orders[{index}]", expected="a NewOrder", actual=f"a {type(order).__name__}")
    return [order.members() for order in given]
