"""What goes over the wire to TokenizationTR, and what its answers mean: pure functions, no I/O."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, Generic, TypeVar

import msgspec

from orderseal.api.tokenizationtr.models import Money, PriceIn, Transaction
from orderseal.api.transport import Page, Refusal, Response, segment
from orderseal.signing import Address, InvalidInput, InvalidReply, describe, keccak256, to_base_units

__all__ = [
    "Rows",
    "WriteAnswer",
    "account_of",
    "count",
    "deal_number",
    "moment",
    "query_filters",
    "read_error",
    "read_transaction",
    "sale",
    "transaction_types",
    "truth",
    "whole",
]

R = TypeVar("R")

_LARGEST: Final = 2**53
_MOST_PLACES: Final = 30
_MOST_TYPES: Final = 100


class _Error(msgspec.Struct):
    """``{"error", "details"?}``."""

    error: str
    details: Any = None


class _Pagination(msgspec.Struct):
    current_page: int | None = None
    total: int | None = None


class Rows(msgspec.Struct, Generic[R]):
    """A page in either style: ``{"data", "pagination": {"current_page", "total", …}}`` (trading pages), or ``{"data", "total", "page", …}``
    (all others). No rows may be ``null``: so does the platform's language write an empty list.
    """

    data: list[R] | None
    pagination: _Pagination | None = None
    total: int | None = None
    page: int | None = None

    def as_page(self) -> Page[R]:
        """For :func:`~orderseal.api.transport.pages`."""
        nested = self.pagination or _Pagination()
        total, number = (nested.total, nested.current_page) if self.pagination is not None else (self.total, self.page)
        return Page(self.data or [], total, number)


class WriteAnswer(msgspec.Struct, Generic[R]):
    """``{"transaction_id"}`` (newer generation), or ``{"success", "message", "data"}`` (older). Never both, never neither."""

    transaction_id: str | None = None
    success: bool | None = None
    message: str | None = None
    data: R | None = None

    def __post_init__(self) -> None:
        if (self.transaction_id is None) == (self.data is None) or self.success is not (None if self.data is None else True):
            raise ValueError("Expected a transaction_id, or success and data")
        if self.transaction_id is not None:
            segment(self.transaction_id, "transaction_id")


class _Wrapped(msgspec.Struct):
    data: Transaction


_ERROR: Final = msgspec.json.Decoder(_Error)
_TRANSACTION: Final = msgspec.json.Decoder(Transaction)
_WRAPPED: Final = msgspec.json.Decoder(_Wrapped)


def read_error(response: Response) -> Refusal | None:
    """The platform's error, or ``None``. With a status of success a member ``error`` is a transaction's."""
    if response.status < 400:
        return None
    try:
        found = _ERROR.decode(response.body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return Refusal(found.error, None, found.details)


def read_transaction(body: bytes, what: str, transaction_id: str) -> Transaction:
    """The answer of the end point for polling, whose form is not documented: a transaction, bare or as ``data``.

    Raises:
        InvalidReply: it is neither, or another one.
    """
    try:
        found = _TRANSACTION.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as first:
        try:
            found = _WRAPPED.decode(body).data
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise InvalidReply(f"{what}: no transaction, bare or as data: {str(first)[:200]}", status=200) from None
    if found.id != transaction_id:
        raise InvalidReply(f"{what}: the answer is for another transaction, {describe(found.id)}", status=200, path="$.id")
    return found


def account_of(user_id: str) -> Address:
    """Under which account a ledger keeps the writes of a user: the last 20 bytes of the Keccak-256 of the user's id.

    The platform shows no wallet where it takes orders. The address is nobody's on any chain; it only tells users apart.
    """
    segment(user_id, "user_id")
    return Address(keccak256(user_id.encode())[12:])


def count(value: object, path: str = "quantity") -> int:
    """How many tokens: a whole number from 1 on that JSON keeps."""
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value < _LARGEST:
        raise InvalidInput(path=path, expected="a whole number from 1 to 2^53 - 1, as int", actual=describe(value))
    return int(value)


def deal_number(value: object, path: str = "deal_id") -> int:
    """The number of a deal; such as ``deal_123`` is another name for one, and not taken."""
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _LARGEST:
        raise InvalidInput(path=path, expected="the number of a deal, as int", actual=describe(value))
    return int(value)


def truth(value: object, path: str) -> bool:
    """``True`` or ``False``, and nothing that only looks like it."""
    if not isinstance(value, bool):
        raise InvalidInput(path=path, expected="True or False", actual=describe(value))
    return value


def whole(value: object, path: str) -> int | Decimal:
    """An amount above 0 in whole units as a JSON number of exactly this value: 12 is ``12``, 12.50 is ``12.5``.

    Raises:
        InvalidInput: no ``Decimal`` or ``int``, not above 0, or with more digits than a reader of JSON keeps: the platform would round it.
    """
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise InvalidInput(path=path, expected="a Decimal or an int", actual=describe(value), hint="A float is not exact")
    number = Decimal(value)
    if not number.is_finite() or number <= 0:
        raise InvalidInput(path=path, expected="an amount above 0", actual=str(number)[:40])
    fits = number.adjusted() >= -_MOST_PLACES and number < _LARGEST
    if fits and number == number.to_integral_value():
        return int(number)
    if not fits or Decimal(repr(float(number))) != number:  # So would a reader that knows doubles only write it down again.
        raise InvalidInput(path=path, expected="at most 15 digits, which every reader of JSON keeps", actual=str(number)[:60])
    return number.normalize()


def moment(value: object, path: str) -> str:
    """A moment in UTC as the page writes it, ``2024-02-15T10:30:00Z``; with a fraction only if it has one."""
    if not isinstance(value, datetime) or value.utcoffset() is None:
        actual = f"{value.isoformat()} without an offset" if isinstance(value, datetime) else describe(value)
        raise InvalidInput(path=path, expected="a datetime with its offset, such as datetime(…, tzinfo=UTC)", actual=actual)
    try:
        return value.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"
    except OverflowError:
        raise InvalidInput(path=path, expected="a moment within the years 1 to 9999 in UTC", actual=value.isoformat()) from None


def sale(quantity: int, price: Money | PriceIn, expires_at: datetime | None) -> dict[str, Any]:
    """The body of a sale, in the generation that the price is of."""
    body: dict[str, Any] = {"quantity": count(quantity)}
    if isinstance(price, PriceIn):
        if expires_at is not None:
            hint = "Give the price as Money for the older one"
            raise InvalidInput(path="expires_at", expected="None: the newer generation has no such field", actual="a time", hint=hint)
        segment(price.price_id, "price.price_id")
        return body | {"price_id": price.price_id, "price_amount": whole(price.amount, "price.amount")}
    if not isinstance(price, Money):
        raise InvalidInput(path="price", expected="Money, or PriceIn for the newer generation", actual=describe(price))
    if not isinstance(price.symbol, str) or not 0 < len(price.symbol) <= 64 or not price.symbol.isprintable():
        raise InvalidInput(path="price.symbol", expected="a currency such as USDT", actual=describe(price.symbol))
    to_base_units(price.amount, price.decimal, path="price.amount")
    body["price"] = {"amount": whole(price.amount, "price.amount"), "decimal": price.decimal, "symbol": price.symbol}
    return body if expires_at is None else body | {"expires_at": moment(expires_at, "expires_at")}


def query_filters(given: Mapping[str, Any]) -> dict[str, Any]:
    """The ``filters`` of a search: what is ``None`` is left out."""
    found: dict[str, Any] = {}
    for name, value in given.items():
        if value is None:
            continue
        if name in ("min_price", "max_price"):
            found[name] = whole(value, name)
        elif name in ("min_quantity", "max_quantity"):
            found[name] = count(value, name)
        elif isinstance(value, str) and 0 < len(value) <= 256 and value.isprintable():
            found[name] = value
        else:
            raise InvalidInput(path=name, expected="printable text", actual=describe(value))
    return found


def transaction_types(types: Iterable[int]) -> tuple[int, ...]:
    """The types of a query, each once."""
    found: list[int] = []
    for value in [types] if isinstance(types, str | bytes) else types:
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < _LARGEST or len(found) >= _MOST_TYPES:
            raise InvalidInput(path="types", expected="numbers such as UserTransactionType.BURN", actual=describe(value))
        if int(value) not in found:
            found.append(int(value))
    return tuple(found)
