"""What became of asking a venue to cancel an order: a request with states of its own.

::

    asked ──▶ acknowledged ──▶ done        asked, unknown, acknowledged ──▶ done | not_done
      ├─────▶ refused
      └─────▶ unknown

It may be asynchronous: a locked order's taker answers later (Stove, *Cancel Order*). Whatever becomes of it, the signature stays live
until its deadline: a cancellation is the venue's promise, not the chain's.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from orderseal.signing.ledger.records import Attempt, What

__all__ = ["CancelState", "cancel_state", "is_settled"]


class CancelState(StrEnum):
    """Where a request to cancel stands. The value is what the ledger holds."""

    ASKED = "asked"  # Recorded before the request leaves.
    ACKNOWLEDGED = "acknowledged"  # The venue has the request. That is all it means.
    REFUSED = "refused"  # The venue's own error envelope: filled already, for example.
    UNKNOWN = "unknown"  # The reply was lost. Asking again is harmless.
    DONE = "done"  # A query shows the order as cancelled.
    NOT_DONE = "not_done"  # A query shows that it ended otherwise: filled, expired, rejected.


_LATER: Final[Mapping[CancelState, frozenset[CancelState]]] = MappingProxyType(
    {
        CancelState.ASKED: frozenset(CancelState) - {CancelState.ASKED},
        CancelState.ACKNOWLEDGED: frozenset({CancelState.ASKED, CancelState.DONE, CancelState.NOT_DONE}),
        CancelState.UNKNOWN: frozenset({CancelState.ASKED, CancelState.DONE, CancelState.NOT_DONE}),
        CancelState.REFUSED: frozenset({CancelState.ASKED, CancelState.DONE, CancelState.NOT_DONE}),
        CancelState.DONE: frozenset(),
        CancelState.NOT_DONE: frozenset(),
    }
)


def cancel_state(attempts: Iterable[Attempt]) -> CancelState | None:
    """Where the request stands by what is on record, or ``None`` if none was made. Pure; rows that lead nowhere are passed over."""
    state: CancelState | None = None
    for attempt in attempts:
        if attempt.what is What.CANCEL:
            told = CancelState(attempt.details["state"])
            if (state is None and told is CancelState.ASKED) or (state is not None and told in _LATER[state]):
                state = told
    return state


def is_settled(state: CancelState | None) -> bool:
    """Whether nothing more can come of it."""
    return state in (CancelState.DONE, CancelState.NOT_DONE)
