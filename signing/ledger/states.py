"""Our own states of a slot, and the one function that says what comes next.

::

                 commit       sign       send        accepted
    reserved ──▶ committed ──▶ signed ──▶ sending ──▶ accepted
      │  ▲          │            │  ▲        │ ├─ refused ─▶ refused
      │  │ take     │            │  └────────┘ └─ lost ────▶ unknown ◀─┐ send, refused, not accepted,
      ▼  │          ▼            ▼   not accepted               │  └───┘ lost, not found
    released      abandoned ◀────┘◀────── expire, dismiss ──────┘

    found: signed, sending, unknown, refused, abandoned ──▶ accepted      (all fields and the signature are ours)
    replace: committed, signed, sending, accepted, refused, unknown ──▶ committed
             (shared slots alone: another transaction under the same account nonce)

A venue's own status (``pending``, ``filled``, …) is no state of ours: it is an observation, and any text is stored.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from orderseal.signing.ledger.errors import LedgerError

__all__ = ["ADVICE", "BOUND", "OPEN", "TRANSITIONS", "UNBOUND", "Event", "State", "step"]


class State(StrEnum):
    """Where a slot stands. The value is what the database holds."""

    RESERVED = "reserved"  # The nonce is ours; nothing is bound to it yet.
    COMMITTED = "committed"  # An order and its digest are bound to the nonce for ever; no signature is stored.
    SIGNED = "signed"  # Signature and exact bytes are stored; no attempt is in the air.
    SENDING = "sending"  # An attempt is in the air: from before its first byte until its answer.
    ACCEPTED = "accepted"  # The venue has it: by its answer, or found there with all fields and the signature ours.
    REFUSED = "refused"  # The venue's own error envelope. The signature is live until its deadline all the same.
    UNKNOWN = "unknown"  # An attempt may or may not have taken effect. Settled by a lookup alone.
    ABANDONED = "abandoned"  # Given up. The nonce is never used again.
    RELEASED = "released"  # Given back without a digest; a rule that fills gaps may take it again.


class Event(StrEnum):
    """What happens to a slot."""

    TAKE = "take"  # A rule fills the gap that a released nonce left.
    COMMIT = "commit"
    SIGN = "sign"
    SEND = "send"  # Recorded before the first byte leaves; from unknown it is a re-send of the identical bytes.
    ACCEPT = "accept"
    REFUSE = "refuse"
    NOT_ACCEPT = "not_accept"  # 401, 429, or nothing was sent: the identical bytes may go again.
    LOSE = "lose"  # Time-out, dropped connection, 5xx, or a process that died while sending.
    FIND = "find"  # A lookup shows this very order and signature at the venue, or a late answer what a person had dismissed.
    NOT_FIND = "not_find"  # A lookup shows nothing, which is no proof.
    RELEASE = "release"
    ABANDON = "abandon"
    EXPIRE = "expire"  # The deadline has passed with the outcome unknown.
    DISMISS = "dismiss"  # A person says that it did not happen: of what carries no signature alone.
    REPLACE = "replace"  # Another transaction under the same account nonce: of shared slots alone.


_S, _E = State, Event

_STEPS: Final[Mapping[tuple[State, Event], State]] = MappingProxyType(
    {
        (_S.RELEASED, _E.TAKE): _S.RESERVED,
        (_S.RESERVED, _E.COMMIT): _S.COMMITTED,
        (_S.RESERVED, _E.RELEASE): _S.RELEASED,
        (_S.RESERVED, _E.ABANDON): _S.ABANDONED,
        (_S.RELEASED, _E.ABANDON): _S.ABANDONED,
        (_S.COMMITTED, _E.SIGN): _S.SIGNED,
        (_S.COMMITTED, _E.ABANDON): _S.ABANDONED,
        (_S.SIGNED, _E.SEND): _S.SENDING,
        (_S.SIGNED, _E.ABANDON): _S.ABANDONED,
        (_S.SENDING, _E.ACCEPT): _S.ACCEPTED,
        (_S.SENDING, _E.REFUSE): _S.REFUSED,
        (_S.SENDING, _E.NOT_ACCEPT): _S.SIGNED,
        (_S.SENDING, _E.LOSE): _S.UNKNOWN,
        (_S.UNKNOWN, _E.SEND): _S.UNKNOWN,
        (_S.UNKNOWN, _E.ACCEPT): _S.ACCEPTED,
        # The first attempt may have taken effect: a refusal of the second (a duplicate nonce, say) proves nothing about it.
        (_S.UNKNOWN, _E.REFUSE): _S.UNKNOWN,
        (_S.UNKNOWN, _E.NOT_ACCEPT): _S.UNKNOWN,
        (_S.UNKNOWN, _E.LOSE): _S.UNKNOWN,
        (_S.UNKNOWN, _E.NOT_FIND): _S.UNKNOWN,
        (_S.UNKNOWN, _E.EXPIRE): _S.ABANDONED,
        (_S.UNKNOWN, _E.DISMISS): _S.ABANDONED,
        (_S.SIGNED, _E.FIND): _S.ACCEPTED,
        (_S.SENDING, _E.FIND): _S.ACCEPTED,
        (_S.UNKNOWN, _E.FIND): _S.ACCEPTED,
        (_S.REFUSED, _E.FIND): _S.ACCEPTED,
        (_S.ABANDONED, _E.FIND): _S.ACCEPTED,
        (_S.ACCEPTED, _E.FIND): _S.ACCEPTED,
        # Also what has not left, and must not any more: a chain allows no gaps, so its nonce cannot be given up.
        (_S.COMMITTED, _E.REPLACE): _S.COMMITTED,
        (_S.SIGNED, _E.REPLACE): _S.COMMITTED,
        (_S.SENDING, _E.REPLACE): _S.COMMITTED,
        (_S.ACCEPTED, _E.REPLACE): _S.COMMITTED,
        (_S.REFUSED, _E.REPLACE): _S.COMMITTED,
        (_S.UNKNOWN, _E.REPLACE): _S.COMMITTED,
    }
)

TRANSITIONS: Final = frozenset((before, after) for (before, _event), after in _STEPS.items() if before is not after)
"""Every pair of different states that some event joins. The databases hold the same list in a trigger."""

UNBOUND: Final = frozenset({State.RESERVED, State.RELEASED})
"""The states in which no digest is bound."""

BOUND: Final = frozenset(State) - UNBOUND - {State.ABANDONED}
"""The states in which a digest is bound."""

OPEN: Final = frozenset({State.RESERVED, State.COMMITTED, State.SIGNED, State.SENDING, State.UNKNOWN})
"""The states that ask for something to be done after a crash; :data:`ADVICE` says what."""

ADVICE: Final[Mapping[State, str]] = MappingProxyType(
    {
        State.RESERVED: "commit an order to it, or release it",
        State.COMMITTED: "sign the same digest again, or abandon it",
        State.SIGNED: "send the stored bytes, or abandon it",
        State.SENDING: "its process may have died with bytes on the way: look it up by nonce",
        State.UNKNOWN: "look it up by nonce; never send anything but the stored bytes",
        State.ACCEPTED: "follow it; the signature is live until its deadline",
        State.REFUSED: "read why; the signature is live until its deadline, and the nonce is spent",
        State.ABANDONED: "nothing; the nonce is spent",
        State.RELEASED: "nothing; a rule that fills gaps may take it",
    }
)
"""What a person or a recovery does next in each state."""


def step(state: State, event: Event) -> State:
    """Give the state after an event. Pure: it is the only place that knows.

    Raises:
        LedgerError: ``illegal_event``, with both named.
    """
    after = _STEPS.get((state, event))
    if after is None:
        legal = ", ".join(sorted(known.value for before, known in _STEPS if before is state))
        raise LedgerError("illegal_event", f"a slot that is {state.value} does not allow {event.value}; it allows {legal}")
    return after
