"""Signed things as they travel: a typed-data document with its signature, or a venue's create request."""

from typing import Any, NamedTuple, cast

from orderseal.signing.eip712.document import TypedData
from orderseal.signing.eip712.domain import Domain
from orderseal.signing.errors import InvalidInput, describe
from orderseal.signing.limits import DEFAULT_LIMITS, Limits
from orderseal.signing.orders import Order, parse_venue_payload, signature_bytes
from orderseal.signing.strict_json import checked_text, read_json, read_object
from orderseal.signing.values import Address, AddressLike
from orderseal.signing.verify import Report, inspect_order, inspect_typed_data

__all__ = ["SignedItem", "inspect_signed", "read_signed"]


class SignedItem(NamedTuple):
    """What was signed, the signature's bytes (not judged yet), and who should have signed as far as the item says."""

    content: TypedData | Order
    signature: bytes
    signer: Address | None


def read_signed(data: bytes | str, *, limits: Limits = DEFAULT_LIMITS) -> SignedItem:
    """Read ``{"typed_data": …, "signature": "0x…", "signer": "0x…"?}`` or a venue's ``{"order": …, "signature": "0x…"}``.

    Raises :class:`~orderseal.signing.InvalidInput` with the path of the first fault. The signature may have any length here.
    """
    text = checked_text(data, "document", limits)

    def document(key: str, text: str, start: int) -> tuple[TypedData, int] | None:
        try:
            return TypedData.read_at(text, start, limits) if key == "typed_data" else None
        except InvalidInput as error:
            raise error.below("typed_data") from None

    fault: InvalidInput | None = None
    read = None
    try:
        read = read_object(text, document)
    except InvalidInput as error:
        fault = error
    if read is not None and read[1] == len(text):
        return _item({key: value for key, (value, _start, _end) in read[0].items()}, limits)
    found = read_json(data, limits=limits)  # Which is wrong first: the form of the whole, or the document in it?
    if fault is not None:
        raise fault
    return _item(found, limits)


def _item(found: Any, limits: Limits) -> SignedItem:
    keys: set[str] = set(cast("dict[str, Any]", found)) if isinstance(found, dict) else set()
    if "order" in keys:
        order, signature = parse_venue_payload(found)
        return SignedItem(order, signature, None)
    if not {"typed_data", "signature"} <= keys <= {"typed_data", "signature", "signer"}:
        raise InvalidInput(
            path="document",
            expected='{"typed_data": …, "signature": …, "signer": …?}, or a venue payload {"order": …, "signature": …}',
            actual=describe(found) if not keys else f"an object with {', '.join(describe(key) for key in sorted(keys)[:8])}",
            hint="This is not signed: hash and sign read it" if "primaryType" in keys else "",
        )
    content = found["typed_data"]
    if not isinstance(content, TypedData):
        try:
            content = TypedData.from_json(content, limits=limits)
        except InvalidInput as error:
            raise error.below("typed_data") from None
    signer = found.get("signer")
    if signer is not None and not isinstance(signer, str):
        raise InvalidInput(path="signer", expected="an address", actual=describe(signer))
    try:
        named = None if signer is None else Address(signer)
    except InvalidInput as error:
        error.path = "signer"
        raise
    return SignedItem(content, signature_bytes(found["signature"]), named)


def inspect_signed(item: SignedItem, *, domain: Domain | None = None, signer: AddressLike | None = None, at: int | None = None) -> Report:
    """Judge what :func:`read_signed` read.

    Args:
        domain: of the venue's orders. A venue payload needs it; a typed-data document must have the same, if it is given.
        signer: who should have signed. If the item names somebody too, they must agree.
        at: Unix seconds; if given, the order's deadline must not have passed then.

    Raises:
        InvalidInput: a venue payload without ``domain``, another domain or signer than expected, or ``at`` for something that is no order.
    """
    if not isinstance(item, SignedItem):
        raise InvalidInput(path="item", expected="a SignedItem, as read_signed(…) gives it", actual=describe(item))
    content, signature, named = item
    expected = None if signer is None else Address(signer)
    if expected is not None and named is not None and expected != named:
        hint = "The item itself names another expected signer: leave one of the two out"
        raise InvalidInput(path="signer", expected=f"{expected}, who was expected to sign", actual=str(named), hint=hint)
    who = expected or named
    if isinstance(content, Order):
        if domain is None:
            raise InvalidInput(path="domain", expected="the domain of the venue's orders: a payload does not say it", actual="nothing")
        return inspect_order(content, domain, signature, signer=who, at=at)
    if domain is not None and content.domain != domain:
        raise InvalidInput(path="typed_data.domain", expected=repr(domain), actual=repr(content.domain))
    if content.type_hash == Order.type_hash:
        return inspect_order(Order.from_typed_data(content), content.domain, signature, signer=who, at=at)
    if at is not None:
        raise InvalidInput(path="at", expected="an order with a deadline that is known", actual=f"a {content.primary_type}")
    return inspect_typed_data(content, signature, signer=who)
