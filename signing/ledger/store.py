"""What a store must do: a dozen operations, each one transaction. SQLite and memory are here; another database implements the same."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from orderseal.signing.errors import describe
from orderseal.signing.ledger.errors import LedgerError
from orderseal.signing.ledger.nonces import Claim
from orderseal.signing.ledger.records import Artifact, Attempt, Counter, Hold, Scope, Slot, StoreInfo
from orderseal.signing.ledger.states import State
from orderseal.signing.values import Hash32

__all__ = ["Change", "Lease", "Live", "Query", "Store", "refuse_lease", "refuse_missing", "refuse_reference", "refuse_stale"]


@dataclass(frozen=True, slots=True)
class Lease:
    """Who holds a row, and for how many seconds of the database's clock from now.

    Attributes:
        owner: ``name#`` and 16 hex digits, which tell two instances of one name apart.
        seconds: more than 0.
    """

    owner: str
    seconds: float

    @property
    def name(self) -> str:
        """What all instances of one name have in common. In SQL: ``substr(owner, 1, length(owner) - 17)``."""
        return self.owner[:-17]


@dataclass(frozen=True, slots=True)
class Change:
    """One conditional step of one slot: it happens only if the row still has ``slot``'s state, digest and lease epoch.

    Attributes:
        slot: the row as its caller knows it.
        state: the new state.
        digest: to bind, or ``None`` to leave what is bound.
        artifacts: to append.
        attempts: to append.
        sent: whether this is the moment at which the signature leaves.
        live: whether the lease must not have run out by the database's clock, either.
        current: whether the scope must have been reconciled in the store's epoch.
        reference: the caller's name for the intent, to be bound to the slot for ever, or ``None``.
        at: Unix seconds by the ledger's clock.
    """

    slot: Slot
    state: State
    at: float
    digest: Hash32 | None = None
    artifacts: tuple[Artifact, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    sent: bool = False
    live: bool = False
    current: bool = False
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """Which slots. What is ``None`` or empty does not restrict."""

    ids: tuple[int, ...] = ()
    venue: str | None = None
    network: str | None = None
    account: bytes | None = None
    kind: str | None = None
    key: int | None = None
    states: frozenset[State] = frozenset()
    limit: int | None = None
    newest_first: bool = False
    after_id: int = 0


@dataclass(frozen=True, slots=True)
class Live:
    """A signature that has left, with what is needed to say what it may still cost."""

    slot: Slot
    digest: Hash32
    content: str
    deadline: int | None
    ends: tuple[Attempt, ...] = field(default=())
    """The fills of its slot, and what killed it."""


class Store(Protocol):
    """A place for slots, artifacts and attempts. Every method is one transaction, durable when it returns."""

    def info(self) -> StoreInfo:
        """The store's id, schema version and epoch."""
        ...

    def now(self) -> float:
        """Unix seconds by the database's clock, which leases go by."""
        ...

    def reserve(self, scope: Scope, claim: Claim, count: int, lease: Lease, at: float) -> list[Slot]:
        """Give out ``count`` keys by :func:`~orderseal.signing.ledger.nonces.allot`: all of them or none. One round trip."""
        ...

    def apply(self, changes: Sequence[Change], lease: Lease) -> list[Slot]:
        """Make all the changes or none, and renew the leases of their rows; one that has run out is renewed by :meth:`take_over` alone.

        A reference that names another slot already raises ``reference_used``, unless that slot was abandoned before anything of it
        was sent: then it names the new one.
        """
        ...

    def append(self, attempts: Sequence[Attempt]) -> None:
        """Append rows that change no state."""
        ...

    def take_over(self, lease: Lease, states: frozenset[State], at: float, limit: int, scope: Scope | None = None) -> list[Slot]:
        """Take the rows in ``states``, of one scope or of all, whose lease has run out by the database's clock or is another instance's
        of the same name; their lease epochs grow.
        """
        ...

    def reconcile(self, scope: Scope, venue_next: int, max_jump: int, skip: int, at: float) -> tuple[Counter, list[Slot]]:
        """Accept the venue's number; give the counter and the slots that were abandoned because they may have been used elsewhere."""
        ...

    def halt(self) -> None:
        """Begin a new epoch: nothing is reserved, committed or sent by anybody until a scope is reconciled."""
        ...

    def counters(self) -> dict[Scope, Counter]:
        """How far each scope has gone."""
        ...

    def slots(self, query: Query) -> list[Slot]:
        """Read slots, by id."""
        ...

    def artifacts(self, slot_id: int) -> list[Artifact]:
        """Read the artifacts of a slot, oldest first."""
        ...

    def attempts(self, slot_id: int) -> list[Attempt]:
        """Read what happened to a slot, oldest first."""
        ...

    def by_reference(self, scope: Scope, reference: str) -> Slot | None:
        """The slot that a reference names, or ``None``."""
        ...

    def live(self, at: float, *, pending: bool = False) -> Iterator[Live]:
        """Give every signature that has left and whose deadline is after ``at``, whatever the slot's state.

        With ``pending`` also what is committed or signed and has not left: it is about to.
        """
        ...

    def hold(self, scope: Scope, name: str, intent: str, lease: Lease) -> Hold:
        """Take a hold by :func:`~orderseal.signing.ledger.holds.taken`. One round trip, unless it is refused."""
        ...

    def keep(self, hold: Hold, lease: Lease) -> Hold:
        """Renew the lease of a hold that is still the instance's and has not run out."""
        ...

    def let_go(self, hold: Hold, lease: Lease) -> None:
        """End a hold that is still the instance's."""
        ...

    def break_hold(self, scope: Scope, name: str, intent: str) -> None:
        """End a hold, whosever it is, if it is for this intent."""
        ...

    def holds(self) -> list[Hold]:
        """Read all holds, oldest first."""
        ...

    def backup(self, path: Path) -> None:
        """Copy the store to a new file, in the next epoch."""
        ...

    def close(self) -> None:
        """End; any later call raises ``closed``."""
        ...


def refuse_stale(slot: Slot, found: Slot | None) -> LedgerError:
    """Why a conditional change did not happen: the row is not what its caller takes it for."""
    if found is None:
        return LedgerError("missing", f"slot {slot.id} (nonce {slot.key}) is not in this ledger")
    if found.lease_epoch != slot.lease_epoch:
        return LedgerError(
            "lease_lost",
            f"nonce {slot.key} was taken over by another instance, and is {found.state.value} now: send nothing, let it go"
            + (". It has the same owner's name: do two bots run under one?" if found.owner[:-17] == slot.owner[:-17] else ""),
        )
    hint = "use the slot that the last call returned, or read it again"
    if found.state is slot.state:
        return LedgerError("stale", f"what nonce {slot.key} carries was replaced since it was read: {hint}")
    return LedgerError("stale", f"nonce {slot.key} is {found.state.value} now, not {slot.state.value}: {hint}")


def refuse_lease(slot: Slot) -> LedgerError:
    """The lease has run out before the bytes were sent."""
    return LedgerError("lease_lost", f"the lease on nonce {slot.key} has run out: send nothing; take it over again with take_over()")


def refuse_reference(reference: str, slot: Slot | None) -> LedgerError:
    """The reference names another slot."""
    where = "another nonce" if slot is None else f"nonce {slot.key} ({slot.state.value})"
    return LedgerError("reference_used", f"the reference {describe(reference)} names {where}: one intent, one reference")


def refuse_missing(what: object) -> LedgerError:
    """No such row."""
    return LedgerError("missing", f"{what} is not in this ledger")
