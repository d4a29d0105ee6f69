"""What goes over the wire to an instance, and what its answers mean: pure functions, no I/O."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from orderseal.api.licenserocks.models import DeliveryAddress, Order, UserOrder
from orderseal.api.licenserocks.wishes import MOST_TOGETHER, check_id
from orderseal.api.transport import Refusal, Response, check_base_url
from orderseal.signing import InvalidInput, describe

__all__ = [
    "DeliveryAddresses",
    "NewAddress",
    "OrdersReply",
    "UserOrders",
    "differences",
    "ids_text",
    "instance_root",
    "read_error",
    "same_sale",
]

_LONGEST_SEGMENT: Final = 256


class OrdersReply(msgspec.Struct, frozen=True):
    """``{"orders": […], "error": null}``."""

    orders: tuple[Order, ...]
    error: None = None


class _Meta(msgspec.Struct, frozen=True, rename="camel"):
    current_page: int | None = None
    offset: int | None = None
    page_count: int | None = None


class UserOrders(msgspec.Struct, frozen=True):
    """``{"orders": […], "meta": {"currentPage", "offset", "pageCount"}}``; ``offset`` reads as the size of a page."""

    orders: tuple[UserOrder, ...]
    meta: _Meta | None = None


class DeliveryAddresses(msgspec.Struct, frozen=True, rename="camel"):
    """``{"deliveryAddresses": […]}``."""

    delivery_addresses: tuple[DeliveryAddress, ...]


class NewAddress(msgspec.Struct, frozen=True, rename="camel"):
    """``{"newDeliveryAddress": {…}}``."""

    new_delivery_address: DeliveryAddress


class _Envelope(msgspec.Struct):
    """``{"orders": null, "error": "…"}``. Other pages than *Order API* show no errors: there ``orders`` may be missing."""

    error: str
    orders: None = None


_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)


def read_error(response: Response) -> Refusal | None:
    """The platform's error envelope, or ``None``. It may come with any status; with orders beside the error it is none."""
    try:
        said = _ENVELOPE.decode(response.body).error
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return Refusal(said) if said.strip() else None


def instance_root(instance: str) -> str:
    """The root of an instance, which the documents write with and without ``https://``.

    Raises:
        InvalidInput: it is no host, or plain http to another machine.
    """
    if not isinstance(instance, str):
        raise InvalidInput(path="instance", expected="the instance's host, such as creators-hub-instance.com", actual=describe(instance))
    return check_base_url(instance if "://" in instance else f"https://{instance}", "instance")


def ids_text(order_ids: Sequence[int]) -> str:
    """``1,2,5``.

    Raises:
        InvalidInput: none, more than 50, more than fits into an address, one twice, or something that is no id.
    """
    if isinstance(order_ids, str | bytes) or not isinstance(order_ids, Sequence) or not 0 < len(order_ids) <= MOST_TOGETHER:
        raise InvalidInput(path="order_ids", expected=f"1 to {MOST_TOGETHER} ids", actual=describe(order_ids))
    ids = [check_id(order_id, f"order_ids[{index}]") for index, order_id in enumerate(order_ids)]
    if len(set(ids)) != len(ids):
        raise InvalidInput(path="order_ids", expected="each id once", actual=describe(ids))
    text = ",".join(map(str, ids))
    if len(text) > _LONGEST_SEGMENT:
        raise InvalidInput(path="order_ids", expected=f"at most {_LONGEST_SEGMENT} characters in all", actual=f"{len(text)}")
    return text


def differences(wanted: dict[str, Any], found: Order) -> tuple[str, ...]:
    """In which respects an order is not the one that was asked for, in words."""
    if len(found.order_items) != 1:
        return (f"it has {len(found.order_items)} items",)
    item = found.order_items[0]
    pairs = (
        ("nft", wanted["nftId"], item.nft_id),
        ("listing", wanted["listingId"], item.listing_id),
        ("quantity", wanted["quantity"], item.quantity),
        ("buyer", wanted["buyerUserId"], found.buyer_id),
    )
    return tuple(f"its {name} is {there}, not {asked}" for name, asked, there in pairs if asked != there)


def same_sale(wanted: dict[str, Any], found: Order) -> bool:
    """Whether an order is of the buyer, the NFT and the listing that were asked for; an instance may have given fewer than were."""
    items = found.order_items
    return (
        found.buyer_id == wanted["buyerUserId"]
        and len(items) == 1
        and (items[0].nft_id, items[0].listing_id) == (wanted["nftId"], wanted["listingId"])
    )
