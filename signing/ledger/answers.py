"""What an answer means for the ledger: one table for all venues (the error tree of :mod:`orderseal.signing.errors` says the same)."""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Self

from orderseal.signing.errors import InvalidInput, RateLimited, Refused, Unauthorized, Unreachable, describe
from orderseal.signing.ledger.states import Event

__all__ = ["Answer", "Meaning", "without_signatures"]

_LONGEST: Final = 4_000
_HEX = re.compile(r"(?:0x)?[0-9a-fA-F]{128,}")


class Meaning(StrEnum):
    """What became of an attempt, as far as its answer says."""

    ACCEPTED = "accepted"
    REFUSED = "refused"  # The venue's own well-formed error envelope, HTTP 200 with a code included.
    NOT_ACCEPTED = "not_accepted"  # 401 or 429 in that envelope, or nothing was sent: the identical bytes may go again.
    UNKNOWN = "unknown"  # All else: time-out, dropped connection, 3xx, 408, 5xx, HTML, a 2xx that does not parse.

    @property
    def event(self) -> Event:
        """The event for the state machine."""
        return _EVENTS[self]


_EVENTS: Final = {
    Meaning.ACCEPTED: Event.ACCEPT,
    Meaning.REFUSED: Event.REFUSE,
    Meaning.NOT_ACCEPTED: Event.NOT_ACCEPT,
    Meaning.UNKNOWN: Event.LOSE,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """An attempt's answer.

    Attributes:
        meaning: see :class:`Meaning`.
        status: HTTP status, or ``None``.
        code: the venue's code, or ``None``.
        text: the venue's words, or what went wrong; at most 4,000 characters are kept.
        venue_id: the venue's own id of the order, or ``None``.
    """

    meaning: Meaning
    status: int | None = None
    code: int | str | None = None
    text: str = field(default="", repr=False)
    venue_id: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.meaning, Meaning):
            raise InvalidInput(path="answer.meaning", expected="a Meaning", actual=describe(self.meaning))

    @classmethod
    def from_error(cls, error: BaseException) -> Self:
        """Read what a client of ours raised. Whatever is not known to be harmless is unknown."""
        if isinstance(error, Refused):
            meaning = Meaning.NOT_ACCEPTED if isinstance(error, Unauthorized | RateLimited) else Meaning.REFUSED
            return cls(meaning, error.status, error.code, error.message)
        if isinstance(error, Unreachable):
            return cls(Meaning.NOT_ACCEPTED, text=str(error))
        return cls(Meaning.UNKNOWN, text=f"{type(error).__name__}: {error}")

    def details(self) -> dict[str, Any]:
        """The JSON values for an attempt's row."""
        return {
            "meaning": self.meaning.value,
            "status": self.status,
            "code": self.code,
            "text": self.text[:_LONGEST],
            "venue_id": self.venue_id,
        }


def without_signatures(value: Any) -> Any:
    """A JSON value in which whatever may be a signature is left out: a venue's words may repeat one."""
    if isinstance(value, str):
        return _HEX.sub("(left out)", value)
    if isinstance(value, dict):
        return {without_signatures(key): without_signatures(item) for key, item in value.items()}
    return [without_signatures(item) for item in value] if isinstance(value, list) else value
