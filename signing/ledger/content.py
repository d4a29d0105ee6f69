"""What a nonce carries, as canonical JSON: written from an order without detour, and read back with its digest computed anew."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from orderseal.signing.eip712.document import TypedData, json_value
from orderseal.signing.eip712.domain import DOMAIN_TYPE, Domain
from orderseal.signing.eip712.struct import Struct
from orderseal.signing.errors import InvalidInput, OrdersealError
from orderseal.signing.ledger.errors import LedgerError
from orderseal.signing.orders import Order
from orderseal.signing.values import Hash32

__all__ = ["Carried", "canonical", "order_text", "read_carried", "read_document", "read_order"]

_ENCODE: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode


@dataclass(frozen=True, slots=True)
class Carried:
    """Typed data that a nonce carries.

    Attributes:
        digest: its signing hash, by its content alone.
        domain: whom it is for.
        order: if it is of the built-in type.
        document: makes the general document.
    """

    digest: Hash32
    domain: Domain
    order: Order | None
    document: Callable[[], TypedData]


def canonical(content: Mapping[str, Any]) -> str:
    """JSON with sorted keys and no spaces.

    Raises:
        InvalidInput: it holds something that is no JSON value.
    """
    try:
        return _ENCODE(content)
    except (TypeError, ValueError, RecursionError):
        raise InvalidInput(path="content", expected="JSON values", actual="something else") from None


def order_text(order: Struct, domain: Domain) -> tuple[str, Carried | None]:
    """An order's canonical text, and what :func:`read_carried` would give for it.

    It is what ``canonical`` makes of the order's typed data; all but the message is the same for all orders of a type and domain.
    """
    head, tail = _frame(type(order), domain)
    text = head + _ENCODE(json_value(order.to_message())) + tail
    builtin = order if type(order) is Order else None
    if builtin is None and type(order).type_hash == Order.type_hash:
        return text, None  # Another class with the same fields: read back, it is the built-in one.
    return text, Carried(order.signing_hash(domain), domain, builtin, lambda: order.to_typed_data(domain))


@lru_cache(maxsize=64)
def _frame(order_type: type[Struct], domain: Domain) -> tuple[str, str]:
    types = {DOMAIN_TYPE: domain.types_json(), **order_type.schema.to_json()}
    return (
        f'{{"typed_data":{{"domain":{_ENCODE(domain.to_json())},"message":',
        f',"primaryType":{_ENCODE(order_type.struct_name)},"types":{_ENCODE(types)}}}}}',
    )


def read_carried(text: str) -> Carried | None:
    """Read what a stored artifact carries, or ``None`` if it is something else than typed data: a transaction.

    Raises:
        LedgerError: ``corrupt`` or ``tampered``.
    """
    document = read_document(text)
    if document is None:
        return None
    order = Order.from_typed_data(document) if document.type_hash == Order.type_hash else None
    return Carried(document.signing_hash, document.domain, order, lambda: document)


def read_document(content: str) -> TypedData | None:
    """The typed-data document of a stored artifact, or ``None`` if it is something else (a transaction)."""
    try:
        found: Any = json.loads(content)
    except ValueError:
        raise LedgerError("corrupt", "a stored order is no JSON: restore a backup beside this file, and reconcile that") from None
    if not isinstance(found, dict) or "typed_data" not in found:
        return None
    try:
        return TypedData.from_json(found["typed_data"])
    except OrdersealError as error:
        raise LedgerError("tampered", f"a stored order is no valid document any more ({error}): sign nothing") from None


@lru_cache(maxsize=4096)
def read_order(content: str) -> Order | None:
    """The built-in order of a stored artifact, or ``None`` if it is something else."""
    document = read_document(content)
    if document is None or document.type_hash != Order.type_hash:
        return None
    try:
        return Order.from_typed_data(document)
    except InvalidInput:  # pragma: no cover - the same type hash gives the same members
        return None
