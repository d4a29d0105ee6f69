"""What a venue says, made fit for people and logs; and when it wants to be asked again."""

import re
from collections.abc import Callable, Iterable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Final

import msgspec

__all__ = ["retry_after", "words"]

_SECRET_LIKE = re.compile(r"eyJ[A-Za-z0-9_\-.]{8,}|(?:0x)?[0-9a-fA-F]{100,}", re.ASCII)
_MOST: Final = 200
_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)


def words(value: Any, secrets: Iterable[str] = ()) -> str:
    """The venue's words for people: one line, printable, at most 200 characters, without the secrets that were sent.

    What looks like a token or a signature is left out, too: servers do put the input into their errors, and ours go into logs.
    """
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    for secret in sorted(secrets, key=len, reverse=True):
        if secret:
            text = text.replace(secret, "…")
    text = _SECRET_LIKE.sub("…", text)
    return "".join(c if c.isprintable() else " " for c in text[:_MOST])


def retry_after(headers: Mapping[str, str], now: Callable[[], float]) -> float | None:
    """The seconds of a ``Retry-After`` (RFC 9110, 10.2.3), or ``None`` if there is none that can be read.

    A date is compared with the venue's own ``Date``, or else with the local clock.
    """
    value = headers.get("retry-after", "").strip()
    if _SECONDS.fullmatch(value):
        return float(value)
    at = _moment(value)
    if at is None:
        return None
    since = _moment(headers.get("date", ""))
    return max(0.0, at - (now() if since is None else since))


def _moment(text: str) -> float | None:
    try:
        return parsedate_to_datetime(text).timestamp() if text else None
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
