"""The ledger: each nonce carries one order for ever, through crashes, time-outs and several processes (``docs/ledger.md``).

The only place of :mod:`orderseal.signing` that talks to a database; importing :mod:`orderseal.signing` does not load it.
"""

from orderseal.signing.ledger.answers import Answer, Meaning
from orderseal.signing.ledger.cancels import CancelState
from orderseal.signing.ledger.errors import REASONS, LedgerError
from orderseal.signing.ledger.exposure import Exposure, LiveOrder
from orderseal.signing.ledger.ledger import Body, Ledger, Outgoing
from orderseal.signing.ledger.memory import MemoryStore
from orderseal.signing.ledger.nonces import AccountNonce, Claim, NonceRule, SequentialFromVenue
from orderseal.signing.ledger.records import Artifact, Attempt, Counter, Hold, Scope, Slot, Stage, StoreInfo, What
from orderseal.signing.ledger.sqlite import SqliteStore
from orderseal.signing.ledger.states import ADVICE, OPEN, Event, State, step
from orderseal.signing.ledger.store import Change, Lease, Live, Query, Store

__all__ = [
    "ADVICE",
    "OPEN",
    "REASONS",
    "AccountNonce",
    "Answer",
    "Artifact",
    "Attempt",
    "Body",
    "CancelState",
    "Change",
    "Claim",
    "Counter",
    "Event",
    "Exposure",
    "Hold",
    "Lease",
    "Ledger",
    "LedgerError",
    "Live",
    "LiveOrder",
    "Meaning",
    "MemoryStore",
    "NonceRule",
    "Outgoing",
    "Query",
    "Scope",
    "SequentialFromVenue",
    "Slot",
    "SqliteStore",
    "Stage",
    "State",
    "Store",
    "StoreInfo",
    "What",
    "step",
]
