"""What goes over the wire to Stove and what its answers mean: pure functions, no I/O.

The table of the answers is the design's: *refused* is the venue's own well-formed error envelope, HTTP 200 with a code
other than 0 included; everything that is neither that nor a documented reply leaves a write unknown.
"""

import re
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final, TypeVar

import msgspec

from orderseal.api.stove.models import StatusChange, decode_hook
from orderseal.api.transport import Request, Response
from orderseal.api.transport import words as plain_words
from orderseal.signing import (
    Address,
    InvalidReply,
    RateLimited,
    Refused,
    Unauthorized,
    describe,
    format_time,
    is_too_deep,
)
from orderseal.signing.errors import InvalidInput

__all__ = ["clock_hint", "login_message", "parse_push", "path_segment", "read_reply", "request", "words"]

_T = TypeVar("_T")


class _Envelope(msgspec.Struct):
    """``{"code", "message"?, "details"?, "data"?}`` (*Overview*)."""

    code: int
    message: str | None = None
    details: Any = None
    data: msgspec.Raw = msgspec.Raw(b"")


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
_SIGNATURE = re.compile(rb"0x[0-9a-fA-F]{130}")
_TEN_DIGITS: Final = 10**10
_SEGMENT = re.compile(r"[A-Za-z0-9_\-]{1,128}", re.ASCII)


def login_message(address: Address, chain_id: int, now: float, nonce: str) -> str:
    """The text that is signed by ``personal_sign`` to log in (*Authorization*). ``now`` is Unix seconds; the nonce is for one use."""
    return f"Wallet address: {address}\nChainId: {chain_id}\nTimestamp: {format_time(now)}\nNonce: {nonce}"


def path_segment(value: str, what: str) -> str:
    """Check an id that becomes part of a path: a slash or a dot in it would name another endpoint."""
    if not isinstance(value, str) or not _SEGMENT.fullmatch(value):
        raise InvalidInput(path=what, expected="the id of a placed order, such as placed.id", actual=describe(value))
    return value


def request(
    what: str,
    method: str,
    path: str,
    *,
    query: Mapping[str, object] | None = None,
    body: object = None,
    raw: bytes | None = None,
    takes_effect: bool = False,
    nonce: int | None = None,
    before_write: Callable[[], None] | None = None,
) -> Request:
    """Build a request in the venue's form: query values as text, ``None`` left out, the body as JSON or as ready bytes."""
    text = {key: _query_text(value) for key, value in (query or {}).items() if value is not None}
    content = raw if raw is not None else None if body is None else msgspec.json.encode(body)
    headers = {"Content-Type": "application/json"} if content is not None else {}
    return Request(what, method, path, text, headers, content, takes_effect, nonce, before_write)


def _query_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, set | frozenset):
        value = sorted(str(item) for item in value)
    if isinstance(value, list | tuple):
        return ",".join(_query_text(item) for item in value)
    text = str(value)
    if not text.isprintable():
        raise InvalidInput(path="query", expected="printable text", actual=describe(text))
    return text


def read_reply(sent: Request, reply: Response, type_: type[_T]) -> _T:
    """Give the typed data of a good reply, or raise what the reply means.

    Raises:
        Refused, Unauthorized, RateLimited: the venue's error envelope.
        OutcomeUnknown: a write, and anything that is neither a refusal nor the documented reply.
        InvalidReply, Unreachable: the same for a read.
    """
    status = reply.status
    if status == 408 or status >= 500:
        raise sent.lost(f"the venue failed with HTTP {status}")
    if not 200 <= status < 300 and not 400 <= status < 500:
        raise sent.lost(f"the venue answered with a redirect or worse (HTTP {status}), which is not followed")
    if is_too_deep(reply.body):
        raise _unreadable(sent, status, "JSON that is nested beyond reason")
    try:
        envelope = _ENVELOPE.decode(reply.body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise _without_envelope(sent, reply) from None
    if abs(envelope.code) >= _TEN_DIGITS:
        raise _unreadable(sent, status, "a code that is none")
    if envelope.code != 0:
        raise _refusal(sent, reply, envelope.code, envelope.message or "no reason given", envelope.details)
    if status >= 400:
        raise _unreadable(sent, status, "with code 0, which means success")
    try:
        return msgspec.json.decode(bytes(envelope.data), type=type_, dec_hook=decode_hook)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _unreadable(sent, status, f"and data that is not the documented one: {str(error)[:200]}") from None


def _without_envelope(sent: Request, reply: Response) -> Exception:
    try:
        return _refusal(sent, reply, None, _BARE.decode(reply.body).error, None)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _unreadable(sent, reply.status, _kind(reply))


def _kind(reply: Response) -> str:
    start = reply.body[:200].lstrip()
    if not start:
        return "an empty answer"
    if start.startswith(b"<"):
        return "an HTML page instead of JSON"
    return "an answer that is not the venue's JSON"


def _unreadable(sent: Request, status: int, what: str) -> Exception:
    if sent.takes_effect:
        return sent.lost(f"HTTP {status}, {what}")
    return InvalidReply(f"{sent.what}: HTTP {status}, {what}", status=status)


def _refusal(sent: Request, reply: Response, code: int | None, message: str, details: Any) -> Exception:
    """Sort the venue's own refusal. Its codes come in two styles, 401 and 401001; both are read by their first three digits."""
    kind = int(str(code)[:3]) if code is not None and len(str(code)) in (3, 6) and code > 0 else reply.status
    if kind == 408 or 500 <= kind < 600:
        return sent.lost(f"the venue failed with code {code}")
    cls = Unauthorized if 401 in (kind, reply.status) else RateLimited if 429 in (kind, reply.status) else Refused
    error = cls(
        sent.what,
        status=reply.status,
        code=code,
        message=words(message, sent),
        details=words(details, sent) if details is not None else None,
        request_id=words(reply.headers["x-request-id"], sent) if "x-request-id" in reply.headers else None,
    )
    if isinstance(error, RateLimited):
        error.retry_after = _retry_after(reply.headers.get("retry-after"))
    return error


def words(value: Any, sent: Request | None = None) -> str:
    """The venue's words for people: one line, printable, at most 200 characters, without the token or signature that was sent."""
    return plain_words(value, () if sent is None else _secrets(sent))


def _secrets(sent: Request) -> list[str]:
    """What a request carries that is no text for people, in case that the other side repeats it."""
    tokens = [sent.headers["Authorization"].removeprefix("Bearer ")] if "Authorization" in sent.headers else []
    return tokens + [match.decode()[2:] for match in _SIGNATURE.findall(sent.body or b"")]


def _retry_after(value: str | None) -> float | None:
    return float(value) if value is not None and re.fullmatch(r"[0-9]{1,6}", value, re.ASCII) else None


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


def clock_hint(reply_headers: Mapping[str, str], now: float) -> str:
    """Say how far our clock is from the venue's ``Date``, where it is far enough to explain a refused login."""
    try:
        offset = now - parsedate_to_datetime(reply_headers["date"]).timestamp()
    except (KeyError, ValueError, TypeError, OverflowError, IndexError):
        return ""
    if abs(offset) < 60:
        return ""
    return f"This machine's clock is {abs(offset):.0f} s {'ahead of' if offset > 0 else 'behind'} the venue's: set it right"
