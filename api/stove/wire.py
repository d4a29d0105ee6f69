"""What goes over the wire to Stove and what its answers mean: pure functions, no I/O.

The table of the answers is the design's: *refused* is the venue's own well-formed error envelope, HTTP 200 with a code
other than 0 included; everything that is neither that nor a documented reply leaves a write unknown.
"""

import re
from collections.abc import Collection
from dataclasses import replace
from typing import Any, Final, Generic, Literal, TypeVar

import msgspec

from orderseal.api.stove.models import StatusChange
from orderseal.api.transport import Refusal, Response
from orderseal.signing import Address, InvalidInput, InvalidReply, Refused, VenueClock, describe, format_time, is_too_deep

__all__ = [
    "Enveloped",
    "joined",
    "login_message",
    "parse_push",
    "path_segment",
    "read_error",
    "read_taker_error",
    "tell_of_clock",
]

T = TypeVar("T")


class Enveloped(msgspec.Struct, Generic[T]):
    """``{"code": 0, "data"}``: success (*Overview*)."""

    code: Literal[0]
    data: T


class _Envelope(msgspec.Struct):
    """``{"code", "message"?, "details"?}`` (*Overview*)."""

    code: int
    message: str | None = None
    details: Any = None


class _BareError(msgspec.Struct):
    """``{"error"}``: the third form, of the token-address page."""

    error: str


class _Push(msgspec.Struct):
    """A WebSocket message (*Order Status Event Push*)."""

    type: str
    data: msgspec.Raw = msgspec.Raw(b"")


_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)
_BARE: Final = msgspec.json.Decoder(_BareError)
_PUSH: Final = msgspec.json.Decoder(_Push)
_CHANGE: Final = msgspec.json.Decoder(StatusChange)
_TEN_DIGITS: Final = 10**10
_SEGMENT = re.compile(r"[A-Za-z0-9_\-]{1,128}", re.ASCII)
_NOTABLE_OFFSET: Final = 60.0
_TAKER_CODES: Final = frozenset(range(10010008, 10010013))
_UNAUTHORIZED: Final = 401


def login_message(address: Address, chain_id: int, now: float, nonce: str) -> str:
    """The text that is signed by ``personal_sign`` to log in (*Authorization*). ``now`` is Unix seconds; the nonce is for one use."""
    return f"Wallet address: {address}\nChainId: {chain_id}\nTimestamp: {format_time(now)}\nNonce: {nonce}"


def path_segment(value: str, what: str) -> str:
    """Check an id that becomes part of a path: a slash or a dot in it would name another endpoint."""
    if not isinstance(value, str) or not _SEGMENT.fullmatch(value):
        raise InvalidInput(path=what, expected="the id of a placed order, such as placed.id", actual=describe(value))
    return value


def joined(values: Collection[str] | None) -> str | None:
    """Several values of one filter, as the venue takes them: with commas."""
    if values is None or isinstance(values, str):
        return values
    return ",".join(sorted(map(str, values)) if isinstance(values, set | frozenset) else map(str, values))


def read_error(reply: Response) -> Refusal | None:
    """One of the venue's error envelopes, with whatever HTTP status, or ``None``.

    Its codes come in two styles, 401 and 401001; both are read by their first three digits.
    """
    try:
        envelope = _ENVELOPE.decode(reply.body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _bare(reply)
    code = envelope.code
    if code == 0 or abs(code) >= _TEN_DIGITS:
        return None
    stands_for = int(str(code)[:3]) if len(str(code)) in (3, 6) and code > 0 else None
    return Refusal(envelope.message or "", code, envelope.details, stands_for)


def _bare(reply: Response) -> Refusal | None:
    try:
        return Refusal(_BARE.decode(reply.body).error)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def read_taker_error(reply: Response) -> Refusal | None:
    """The same for a taker, whose codes 10010008 to 10010012 say that key, signature or time stamp is not accepted."""
    found = read_error(reply)
    return replace(found, stands_for=_UNAUTHORIZED) if found is not None and found.code in _TAKER_CODES else found


def parse_push(text: str) -> StatusChange | None:
    """Read one WebSocket message; ``None`` for a heartbeat or a type that is not ours to know.

    Raises:
        InvalidReply: it is not the documented form.
    """
    try:
        if is_too_deep(text.encode()):
            raise InvalidReply("status stream: a message that is nested beyond reason", status=0)
        push = _PUSH.decode(text)
        if push.type != "order_status_change":
            return None
        return msgspec.structs.replace(_CHANGE.decode(bytes(push.data)), pushed=True)
    except (msgspec.MsgspecError, UnicodeEncodeError) as error:
        raise InvalidReply(f"status stream: a message that is not the documented one: {str(error)[:200]}", status=0) from None


def tell_of_clock(error: Refused, venue_clock: VenueClock) -> None:
    """Add to a refusal how far our clock is from the venue's, where that is far enough to explain it."""
    ahead = venue_clock.offset()
    if ahead is None or abs(ahead) < _NOTABLE_OFFSET:
        return
    where = "behind" if ahead > 0 else "ahead of"
    error.args = (f"{error}. This machine's clock is {abs(ahead):.0f} s {where} the venue's: set it right",)
