"""What the venue pushes, typed, and how it is read: pure functions. Known members are read strictly, unknown ones are ignored."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NoReturn, TypeVar

import msgspec

from orderseal.api.stove.models import StatusChange
from orderseal.api.transport import words
from orderseal.signing import Address, InvalidInput, InvalidReply, is_too_deep

__all__ = [
    "BookUpdate",
    "CancellationRequest",
    "Instant",
    "Level",
    "Message",
    "OrderChange",
    "book_update",
    "cancellation_request",
    "order_change",
    "read_message",
]

_T = TypeVar("_T")

_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))", re.ASCII)
_NUMBER = re.compile(rb"-?[0-9]{1,30}(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,2})?")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EARLIEST: Final = datetime.min.replace(tzinfo=UTC) - _EPOCH
_LATEST: Final = datetime.max.replace(tzinfo=UTC) - _EPOCH
_LONGEST_NAME: Final = 200


@dataclass(frozen=True, slots=True, order=True)
class Instant:
    """A moment to the nanosecond, as the venue writes it: ``2026-01-19T06:55:49.301529733Z``.

    Attributes:
        nanoseconds: since 1970-01-01 UTC, exact.
    """

    nanoseconds: int

    @property
    def datetime(self) -> datetime:
        """The same in UTC, cut to the microsecond."""
        return _EPOCH + timedelta(microseconds=self.nanoseconds // 1000)


@dataclass(frozen=True, slots=True)
class Message:
    """One well-formed message of any type.

    Attributes:
        type: for example ``heartbeat``.
        timestamp, data: as they came, unread: their form depends on the type.
    """

    type: str
    timestamp: bytes
    data: bytes


class OrderChange(StatusChange, frozen=True, kw_only=True):
    """A change of an order's status, as pushed, or as found by a query after a (re)connection (``pushed=False``).

    Attributes:
        taker: on the taker's channel, whose lock or fill it is.
        time: the venue's; ``None`` where a query found the change, and where what came is no time.
    """

    taker: str | None = None
    time: Instant | None = None


@dataclass(frozen=True, slots=True)
class CancellationRequest:
    """A maker wants to cancel an order that this taker has locked (*Taker WebSocket*): answer soon with the cancellation's result.

    Attributes:
        order_hash: the venue's name for the order.
        maker: who asks.
        reason: the venue's word, for example ``user_requested``.
        request_id: the venue's name for the request.
        expires_at: until when an answer counts; ``None`` where what came is no time.
        time: when it was sent; likewise.
    """

    order_hash: str
    maker: Address
    reason: str | None
    request_id: str | None
    expires_at: datetime | None
    time: Instant | None


@dataclass(frozen=True, slots=True)
class Level:
    """One price of a book, both in plain units of the stock's market.

    Attributes:
        price: above 0.
        volume: 0 or more.
    """

    price: Decimal
    volume: Decimal


@dataclass(frozen=True, slots=True)
class BookUpdate:
    """An update of one order book (*Orderbook Data Push*), its levels in the venue's order.

    Whether an update holds the whole book or its changes only is not documented. There are no sequence numbers: ``after_gap`` is all that
    tells of updates that may have been missed.

    Attributes:
        symbol, market: as the venue writes them, for example ``doge`` and ``dcex``.
        time: of the book.
        sent: of the message.
        after_gap: the first of its symbol since the feed (re)connected.
    """

    symbol: str
    market: str
    bid: tuple[Level, ...]
    ask: tuple[Level, ...]
    time: Instant
    sent: Instant | None
    after_gap: bool = field(default=False)


class _Push(msgspec.Struct):
    type: str
    timestamp: msgspec.Raw = msgspec.Raw(b"")
    data: msgspec.Raw = msgspec.Raw(b"")


class _Change(msgspec.Struct):
    order_hash: str
    to_status: str
    from_status: str | None = None
    maker: str | None = None
    taker: str | None = None
    metadata: msgspec.Raw = msgspec.Raw(b"null")


_Metadata: Final[Any] = dict[str, Any] | None


class _RequestFacts(msgspec.Struct):
    request_id: Any = None
    expires_at: Any = None


class _Request(msgspec.Struct):
    order_hash: str
    maker: Address
    reason: str | None = None
    metadata: _RequestFacts | None = None


class _Level(msgspec.Struct):
    price: msgspec.Raw
    volume: msgspec.Raw


class _Book(msgspec.Struct):
    symbol: str
    market: str
    bid: list[_Level]
    ask: list[_Level]
    time: str


def read_message(text: str) -> Message:
    """Read what all messages share.

    Raises:
        InvalidReply: no JSON object with a ``type``, nested beyond reason, or with a key that stands twice.
    """
    try:
        if is_too_deep(text.encode()):
            _refuse("a message that is nested beyond reason")
        json.loads(text, object_pairs_hook=_distinct, parse_int=_unread, parse_float=_unread, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        # A JSONDecodeError holds the whole text: it stays behind.
        _refuse("a message that names a key twice" if isinstance(error, _Twice) else "a message that is not JSON")
    push = _decoded(text.encode(), _Push)
    return Message(push.type, bytes(push.timestamp), bytes(push.data))


def order_change(message: Message) -> OrderChange:
    """Read an ``order_status_change``. That it was pushed is ours to say: a member of that name means nothing.

    Raises:
        InvalidReply: it is not the documented form.
    """
    found = _decoded(message.data, _Change)
    return OrderChange(
        order_hash=_name(found.order_hash, "order_hash"),
        to_status=_name(found.to_status, "to_status"),
        from_status=None if found.from_status is None else _name(found.from_status, "from_status"),
        maker=found.maker,
        taker=found.taker,
        metadata=_if_read(lambda: _decoded(bytes(found.metadata), _Metadata)),
        time=_if_read(lambda: _sent(message)),
    )


def cancellation_request(message: Message) -> CancellationRequest:
    """Read a ``cancellation_request``.

    Raises:
        InvalidReply: it is not the documented form.
    """
    found = _decoded(message.data, _Request)
    facts = found.metadata or _RequestFacts()
    return CancellationRequest(
        order_hash=_name(found.order_hash, "order_hash"),
        maker=found.maker,
        reason=found.reason,
        request_id=facts.request_id if isinstance(facts.request_id, str) else None,
        expires_at=_if_read(lambda: _instant(facts.expires_at).datetime),
        time=_if_read(lambda: _sent(message)),
    )


def book_update(message: Message) -> BookUpdate:
    """Read an ``orderbook_update``. Prices and volumes are JSON numbers, read from their digits and never through a float.

    Raises:
        InvalidReply: it is not the documented form, or a price or a volume is none.
    """
    found = _decoded(message.data, _Book)
    return BookUpdate(
        symbol=_name(found.symbol, "symbol"),
        market=_name(found.market, "market"),
        bid=_levels(found.bid),
        ask=_levels(found.ask),
        time=_instant(found.time),
        sent=_sent(message),
    )


def _levels(levels: Sequence[_Level]) -> tuple[Level, ...]:
    found = tuple(Level(_number(level.price), _number(level.volume)) for level in levels)
    if any(level.price <= 0 or level.volume < 0 for level in found):
        _refuse("a book with a price that is not above 0, or a volume below 0")
    return found


def _number(raw: msgspec.Raw) -> Decimal:
    digits = bytes(raw).strip()
    if not _NUMBER.fullmatch(digits):
        _refuse("a book with a price or a volume that is no JSON number of reasonable length")
    return Decimal(digits.decode())


def _if_read(read: Callable[[], _T]) -> _T | None:
    """What nothing depends on: a change is not lost for it."""
    try:
        return read()
    except InvalidReply:
        return None


def _sent(message: Message) -> Instant | None:
    return _instant(_decoded(message.timestamp, str)) if message.timestamp else None


def _name(text: str, what: str) -> str:
    if not 0 < len(text) <= _LONGEST_NAME or not text.isprintable():
        _refuse(f"a message whose {what} is empty, too long or not printable")
    return text


def _decoded(data: bytes, type_: type[_T]) -> _T:
    try:
        return msgspec.json.decode(data, type=type_, dec_hook=_hook)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        _refuse(f"a message that is not the documented one: {words(str(error))}")


def _hook(type_: type, value: Any) -> Any:
    if type_ is not Address:
        raise NotImplementedError(type_)
    try:
        return Address(value) if type(value) is str else Address("")
    except InvalidInput:
        raise ValueError("Expected an address") from None


def _instant(text: Any) -> Instant:
    match = _TIME.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        _refuse("a message with a time that is none")
    whole, fraction, sign, hours, minutes = match.groups()
    try:
        since = datetime.fromisoformat(whole).replace(tzinfo=UTC) - _EPOCH
    except ValueError:
        _refuse("a message with a time that is none")
    if sign:
        if int(hours) > 23 or int(minutes) > 59:
            _refuse("a message with a time that is none")
        away = timedelta(hours=int(hours), minutes=int(minutes))
        since = since - away if sign == "+" else since + away
    if not _EARLIEST <= since <= _LATEST:
        _refuse("a message with a time beyond the calendar")
    return Instant((since.days * 86_400 + since.seconds) * 10**9 + int((fraction or "").ljust(9, "0")))


def _refuse(what: str) -> NoReturn:
    raise InvalidReply(f"feed: {what}", status=0) from None


class _Twice(ValueError):
    """An object names a key twice: two readers of it may see two things."""


def _distinct(items: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in items}) != len(items):
        raise _Twice


def _unread(_text: str) -> None:
    """A number is read by the type that it meets."""


def _no_constant(word: str) -> None:
    raise ValueError(word)
