"""What a client asks of its venue, checked before anything is sent."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final, Generic, TypeVar, cast

import msgspec

from orderseal.api.transport.http import Request
from orderseal.api.transport.segments import check_headers, fill, query_pairs
from orderseal.signing import InvalidInput, describe

__all__ = ["Call"]

T = TypeVar("T")

_LONGEST_REFERENCE: Final = 256
_ENCODER: Final = msgspec.json.Encoder(decimal_format="number")


def _nothing() -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """One call of a venue's interface. Whether it is a read or a write is said by the method of :class:`Caller` that it is given to.

    Attributes:
        what: for errors and logs, in the imperative: ``read the token``.
        method: of HTTP.
        path: below the service's root, with places for ids: ``/tokens/{token_id}``. Logs show it like this.
        returns: the type of the reply, for msgspec, strictly; members that it does not know are allowed. ``bytes`` gives the body as it is,
            and ``NoneType`` takes any JSON, or nothing.
        segments: what goes into the places of the path; see :func:`segment`.
        query: ``None`` is left out, ``True`` is ``true``, a list or tuple repeats its key.
        body: any value that msgspec writes as JSON; a ``Decimal`` is written as a number, and a float is refused.
        raw: ready bytes instead of ``body``.
        headers: besides those of the client.
        reference: the caller's own name for a write (design, decision 7); it names an unknown outcome.
        nonce: the same, where the venue has nonces.
        settle: how an unknown outcome is settled, in the imperative: ``read the user's orders``.
        before_write: called right before the first byte is written; if it raises, nothing is sent.
        secrets: what stands in the body and must not come back in an error.
        anonymous: without auth headers: a login.
        once: a read that is not asked again: its bytes are good for one use.
    """

    what: str
    method: str
    path: str
    returns: type[T]
    segments: Mapping[str, object] = field(default_factory=_nothing, kw_only=True, repr=False)
    query: Mapping[str, object] = field(default_factory=_nothing, kw_only=True, repr=False)
    body: Any = field(default=None, kw_only=True, repr=False)
    raw: bytes | None = field(default=None, kw_only=True, repr=False)
    headers: Mapping[str, str] = field(default_factory=_nothing, kw_only=True, repr=False)
    reference: str | None = field(default=None, kw_only=True)
    nonce: int | None = field(default=None, kw_only=True)
    settle: str = field(default="", kw_only=True)
    before_write: Callable[[], None] | None = field(default=None, kw_only=True, repr=False)
    secrets: tuple[str, ...] = field(default=(), kw_only=True, repr=False)
    anonymous: bool = field(default=False, kw_only=True)
    once: bool = field(default=False, kw_only=True)

    def request(self, *, takes_effect: bool) -> Request:
        """The request, without auth.

        Raises:
            InvalidInput: an id, a query or header value, or the reference cannot go over the wire as it is.
        """
        if self.reference is not None and (
            not isinstance(self.reference, str) or not 0 < len(self.reference) <= _LONGEST_REFERENCE or not self.reference.isprintable()
        ):
            raise InvalidInput(path="reference", expected="printable text of 1 to 256 characters", actual=describe(self.reference))
        body = self.raw if self.raw is not None else None if self.body is None else _encoded(self.body)
        headers = check_headers(self.headers)
        return Request(
            self.what,
            self.method,
            fill(self.path, self.segments),
            query_pairs(self.query),
            {"Content-Type": "application/json"} | headers if body is not None else headers,
            body,
            takes_effect,
            self.nonce,
            self.before_write,
            self.reference,
            self.settle,
            self.path,
        )


def _encoded(body: Any) -> bytes:
    """A body as JSON, each number as exact as it was given."""
    try:
        text = _ENCODER.encode(body)
        plain = msgspec.to_builtins(body, builtin_types=(Decimal,))
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise InvalidInput(path="body", expected="what JSON can hold", actual=f"something else ({type(error).__name__})") from None
    stack: list[tuple[Any, str]] = [(plain, "body")]
    while stack:
        value, path = stack.pop()
        if isinstance(value, float) or (isinstance(value, Decimal) and not value.is_finite()):
            raise InvalidInput(path=path, expected="an int or a finite Decimal", actual=describe(value), hint="A float is not exact")
        if isinstance(value, dict):
            stack += [(item, f"{path}.{key}") for key, item in value.items()]
        elif isinstance(value, list | tuple):
            stack += [(item, f"{path}[{i}]") for i, item in enumerate(cast("list[Any]", value))]
    return text
