"""What an answer means, one table for all venues (design, decision 6): pure functions, no I/O.

*Refused* is the venue's own well-formed error envelope. Everything that is neither that nor the documented reply leaves a write unknown,
and is an invalid reply to a read.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import NoneType
from typing import Any, Final, TypeVar, cast

import msgspec

from orderseal.api.transport.http import Request, Response
from orderseal.api.transport.words import retry_after, words
from orderseal.signing import Clock, InvalidReply, RateLimited, Refused, Unauthorized, VenueError, is_too_deep

__all__ = ["Reader", "Refusal", "unreadable"]

_T = TypeVar("_T")

_PLACE = re.compile(r" - at `(\$[^`]{0,200})`$")
_UNAUTHORIZED: Final = 401
_TOO_MANY: Final = 429


@dataclass(frozen=True, slots=True)
class Refusal:
    """What stands in a venue's own error envelope, as it came.

    Attributes:
        message: the venue's words.
        code: its code, a number or a word, or ``None`` where its envelope has none.
        details: its further words, of any form.
        stands_for: the HTTP status that its code stands for, where the venue sends another one along: 401 and 429 count as such, and with
            408 or one from 500 on the venue has failed, which leaves a write unknown.
    """

    message: str
    code: int | str | None = None
    details: Any = field(default=None, repr=False)
    stands_for: int | None = None


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the answers of one venue.

    Attributes:
        refusal: gives what an error envelope says, or ``None`` if the answer is none. It is asked about 2xx and 4xx only, and only where
            the body is JSON without duplicate keys.
        dec_hook: for msgspec.
        clock: Unix seconds, for ``Retry-After``.
    """

    refusal: Callable[[Response], Refusal | None]
    dec_hook: Callable[[type, Any], Any] | None
    clock: Clock

    def read(self, sent: Request, reply: Response, returns: type[_T], secrets: Sequence[str] = ()) -> _T:
        """Give the typed data of a good reply, or raise what the reply means.

        Raises:
            Refused, Unauthorized, RateLimited: the venue's error envelope; for a read, the status 401 or 429 is enough.
            OutcomeUnknown: a write, and anything that is neither a refusal nor the documented reply.
            InvalidReply, Unreachable: the same for a read.
        """
        status = reply.status
        if status == 408 or status >= 500:
            raise sent.lost(f"the venue failed with HTTP {status}")
        if not 200 <= status < 300 and not 400 <= status < 500:
            raise unreadable(sent, status, "a redirect or worse, which is not followed")
        problem = _problem(reply.body)
        found = None if problem else self._refusal(reply)
        if found is not None:
            raise self._refused(sent, reply, found, secrets)
        if status >= 400:
            if not sent.takes_effect and status in (_UNAUTHORIZED, _TOO_MANY):
                raise self._refused(sent, reply, Refusal("no reason given in the venue's own form"), secrets)
            raise unreadable(sent, status, problem or "JSON that is not the venue's error")
        if returns is bytes:
            return cast("_T", reply.body)
        if problem and not (returns is NoneType and not reply.body.strip()):
            raise unreadable(sent, status, problem)
        if returns is NoneType:
            return cast("_T", None)
        try:
            return msgspec.json.decode(reply.body, type=returns, dec_hook=self.dec_hook)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            said = words(str(error), secrets)
            place = _PLACE.search(said)
            raise unreadable(sent, status, f"data that is not the documented one: {said}", place[1] if place else None) from None

    def _refusal(self, reply: Response) -> Refusal | None:
        try:
            return self.refusal(reply)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None

    def _refused(self, sent: Request, reply: Response, found: Refusal, secrets: Sequence[str]) -> VenueError:
        kinds = (found.stands_for, reply.status)
        if found.stands_for is not None and (found.stands_for == 408 or found.stands_for >= 500):
            return sent.lost(f"the venue failed with code {words(found.code, secrets)}")
        error = (Unauthorized if _UNAUTHORIZED in kinds else RateLimited if _TOO_MANY in kinds else Refused)(
            sent.what,
            status=reply.status,
            code=words(found.code, secrets) if isinstance(found.code, str) else found.code,
            message=words(found.message, secrets) or "no reason given",
            details=words(found.details, secrets) if found.details not in (None, "", {}, []) else None,
            request_id=words(reply.headers["x-request-id"], secrets) if "x-request-id" in reply.headers else None,
        )
        if isinstance(error, RateLimited):
            error.retry_after = retry_after(reply.headers, self.clock)
        return error


def unreadable(sent: Request, status: int, what: str, path: str | None = None) -> VenueError:
    """The error for an answer that says nothing we understand."""
    if sent.takes_effect:
        return sent.lost(f"HTTP {status}, {what}")
    return InvalidReply(f"{sent.what}: HTTP {status}, {what}", status=status, path=path)


class _Twice(Exception):
    """An object names a key twice: two readers of it may see two things."""


def _distinct(items: list[tuple[str, Any]]) -> None:
    if len({key for key, _ in items}) != len(items):
        raise _Twice


def _no_number(_text: str) -> None:
    """A number is checked by the type that it meets; here it is only passed over, however long."""


def _no_constant(word: str) -> None:
    raise ValueError(word)


def _problem(body: bytes) -> str:
    """Why a body is no JSON that may be trusted, or an empty string."""
    start = body[:200].lstrip()
    if not start and not body.strip():
        return "an empty answer"
    if start.startswith(b"<"):
        return "an HTML page instead of JSON"
    if is_too_deep(body):
        return "JSON that is nested beyond reason"
    try:
        json.loads(body.decode(), object_pairs_hook=_distinct, parse_int=_no_number, parse_float=_no_number, parse_constant=_no_constant)
    except _Twice:
        return "JSON that names a key twice"
    except ValueError:
        return "an answer that is not JSON"
    return ""
