"""The memory store, for tests of your own: the same rules as the others, gone with the process."""

import json
import secrets
from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from threading import RLock
from typing import Final

from orderseal.signing.clock import Clock, system_clock
from orderseal.signing.ledger.errors import LedgerError
from orderseal.signing.ledger.holds import in_order, refuse_lost_hold, refuse_no_hold, still_ours, taken
from orderseal.signing.ledger.nonces import Claim, allot, reconciled, refuse_epoch
from orderseal.signing.ledger.records import Artifact, Attempt, Counter, Hold, Scope, Slot, Stage, StoreInfo, What
from orderseal.signing.ledger.states import BOUND, TRANSITIONS, UNBOUND, State
from orderseal.signing.ledger.store import Change, Lease, Live, Query, refuse_lease, refuse_missing, refuse_reference, refuse_stale

__all__ = ["MemoryStore"]

_SENT_STATES: Final = frozenset({State.SIGNED, State.SENDING, State.ACCEPTED, State.REFUSED, State.UNKNOWN})


class MemoryStore:
    """A store that survives nothing. Never put real orders into it.

    Args:
        clock: the database's clock, which leases go by; Unix seconds.
    """

    def __init__(self, *, clock: Clock = system_clock) -> None:
        self._clock = clock
        self._lock = RLock()
        self._open = True
        self._store_id = secrets.token_hex(16)
        self._epoch = 1
        self._counters: dict[Scope, Counter] = {}
        self._slots: dict[int, Slot] = {}
        self._keys: dict[tuple[Scope, int], int] = {}
        self._intents: dict[tuple[Scope, str], int] = {}
        self._artifacts: dict[int, list[Artifact]] = {}
        self._attempts: dict[int, list[Attempt]] = {}
        self._holds: dict[tuple[Scope, str], Hold] = {}

    def _check(self) -> None:
        if not self._open:
            raise LedgerError("closed", "the ledger in memory is closed, and what it held is gone")

    def info(self) -> StoreInfo:
        """See :class:`Store`."""
        with self._lock:
            self._check()
            return StoreInfo(self._store_id, 1, self._epoch)

    def now(self) -> float:
        """See :class:`Store`."""
        with self._lock:
            self._check()
            return float(self._clock())

    def reserve(self, scope: Scope, claim: Claim, count: int, lease: Lease, at: float) -> list[Slot]:
        """See :class:`Store`."""
        with self._lock:
            self._check()
            mine = [slot for slot in self._slots.values() if slot.scope == scope]
            released = {s.key: s.id for s in mine if s.state is State.RELEASED and s.shared == claim.shared}
            counter, taken, first = allot(
                scope,
                self._counters.get(scope),
                claim,
                count,
                highest_sent=max((s.key for s in mine if s.sent_at is not None), default=None),
                epoch=self._epoch,
                released=released,
            )
            self._counters[scope] = counter
            until = self.now() + lease.seconds
            slots = [
                replace(
                    self._slots[id_],
                    state=State.RESERVED,
                    owner=lease.owner,
                    lease_epoch=self._slots[id_].lease_epoch + 1,
                    lease_until=until,
                    changed_at=float(at),
                )
                for id_ in taken
            ]
            for key in range(first, first + count - len(taken)):
                id_ = len(self._keys) + 1
                self._keys[scope, key] = id_
                slots.append(Slot(id_, scope, key, claim.shared, State.RESERVED, None, lease.owner, 1, until, None, float(at)))
            self._slots.update({slot.id: slot for slot in slots})
            return slots

    def apply(self, changes: Sequence[Change], lease: Lease) -> list[Slot]:
        """See :class:`Store`."""
        with self._lock:
            self._check()
            # What is changed lies above what is there until all of it is known to be right.
            slots, artifacts, intents = ChainMap({}, self._slots), ChainMap({}, self._artifacts), ChainMap({}, self._intents)
            results: list[Slot] = []
            attempts: list[Attempt] = []
            for change in changes:
                for artifact in change.artifacts:
                    artifacts[artifact.slot_id] = _with(artifacts.get(artifact.slot_id, []), artifact, slots)
                slot = self._step(change, lease, slots, artifacts)
                slots[slot.id] = slot
                results.append(slot)
                attempts += change.attempts
                if change.reference is not None:
                    named = intents.get((slot.scope, change.reference))
                    if named is not None and not (slots[named].state is State.ABANDONED and slots[named].sent_at is None):
                        raise refuse_reference(change.reference, slots[named])
                    intents[slot.scope, change.reference] = slot.id
            self._slots.update(slots.maps[0])
            self._artifacts.update(artifacts.maps[0])
            self._intents.update(intents.maps[0])
            self._append(attempts)
            return results

    def _step(self, change: Change, lease: Lease, slots: Mapping[int, Slot], artifacts: Mapping[int, list[Artifact]]) -> Slot:
        slot, now = change.slot, self.now()
        if change.current and ((counter := self._counters.get(slot.scope)) is None or counter.epoch != self._epoch):
            raise refuse_epoch(slot.scope)
        found = slots.get(slot.id)
        if found is None or (found.state, found.digest, found.lease_epoch) != (slot.state, slot.digest, slot.lease_epoch):
            raise refuse_stale(slot, found)
        if change.live and found.lease_until <= now:
            raise refuse_lease(slot)
        digest = change.digest or found.digest
        after = replace(
            found,
            state=change.state,
            digest=digest,
            owner=lease.owner,
            lease_until=now + lease.seconds if found.lease_until > now else found.lease_until,
            changed_at=float(change.at),
            sent_at=float(change.at) if change.sent and found.sent_at is None else found.sent_at,
        )
        _refuse_break(found, after, artifacts.get(slot.id, []))
        return after

    def append(self, attempts: Sequence[Attempt]) -> None:
        """See :class:`Store`."""
        with self._lock:
            self._check()
            for attempt in attempts:
                if attempt.slot_id not in self._slots:
                    raise refuse_missing(f"slot {attempt.slot_id}")
            self._append(attempts)

    def _append(self, attempts: Sequence[Attempt]) -> None:
        for attempt in attempts:
            copy = replace(attempt, details=json.loads(json.dumps(attempt.details)), at=float(attempt.at))
            self._attempts.setdefault(attempt.slot_id, []).append(copy)

    def take_over(self, lease: Lease, states: frozenset[State], at: float, limit: int, scope: Scope | None = None) -> list[Slot]:
        """See :class:`Store`."""
        with self._lock:
            self._check()
            now = self.now()
            free = [
                s
                for s in self._slots.values()
                if s.state in states
                and scope in (None, s.scope)
                and ((s.owner != lease.owner and s.owner[:-17] == lease.name) or s.lease_until <= now)
            ]
            taken = [
                replace(s, owner=lease.owner, lease_epoch=s.lease_epoch + 1, lease_until=now + lease.seconds, changed_at=float(at))
                for s in sorted(free, key=lambda slot: slot.id)[:limit]
            ]
            self._slots.update({slot.id: slot for slot in taken})
            return taken

    def reconcile(self, scope: Scope, venue_next: int, max_jump: int, skip: int, at: float) -> tuple[Counter, list[Slot]]:
        """See :class:`Store`."""
        with self._lock:
            self._check()
            before = self._counters.get(scope)
            counter = self._counters[scope] = reconciled(scope, before, venue_next, max_jump, skip, self._epoch)
            whole = before is None or before.epoch != self._epoch
            given_up = [
                replace(s, state=State.ABANDONED, lease_epoch=s.lease_epoch + 1, changed_at=float(at))
                for s in self._slots.values()
                if s.scope == scope and s.state in UNBOUND and (s.key < venue_next or (whole and not s.shared))
            ]
            self._slots.update({slot.id: slot for slot in given_up})
            self._append([Attempt(s.id, What.NOTE, None, {"why": "reconciled: it may have been used elsewhere"}, at) for s in given_up])
            return counter, sorted(given_up, key=lambda slot: slot.id)

    def halt(self) -> None:
        """See :class:`Store`."""
        with self._lock:
            self._check()
            self._epoch += 1

    def counters(self) -> dict[Scope, Counter]:
        """See :class:`Store`."""
        with self._lock:
            self._check()
            return dict(self._counters)

    def slots(self, query: Query) -> list[Slot]:
        """See :class:`Store`."""
        with self._lock:
            self._check()
            found = [slot for slot in self._slots.values() if _matches(slot, query)]
        found.sort(key=lambda slot: slot.id, reverse=query.newest_first)
        return found if query.limit is None else found[: query.limit]

    def artifacts(self, slot_id: int) -> list[Artifact]:
        """See :class:`Store`."""
        with self._lock:
            self._check()
            return list(self._artifacts.get(slot_id, []))

    def attempts(self, slot_id: int) -> list[Attempt]:
        """See :class:`Store`."""
        with self._lock:
            self._check()
            return list(self._attempts.get(slot_id, []))

    def by_reference(self, scope: Scope, reference: str) -> Slot | None:
        """See :class:`Store`."""
        with self._lock:
            self._check()
            found = self._intents.get((scope, reference))
            return None if found is None else self._slots[found]

    def live(self, at: float, *, pending: bool = False) -> Iterator[Live]:
        """See :class:`Store`."""
        with self._lock:
            self._check()
            found: list[Live] = []
            for id_, slot in sorted(self._slots.items()):
                told = self._attempts.get(id_, [])
                sent = {attempt.digest for attempt in told if attempt.what is What.SENT}
                if pending and slot.state in (State.COMMITTED, State.SIGNED):
                    sent.add(slot.digest)
                ends = tuple(attempt for attempt in told if attempt.what in (What.FILL, What.DEAD))
                found += [
                    Live(slot, artifact.digest, artifact.content, artifact.deadline, ends)
                    for artifact in self._artifacts.get(id_, [])
                    if artifact.content is not None and artifact.digest in sent and (artifact.deadline is None or artifact.deadline > at)
                ]
        return iter(found)

    def hold(self, scope: Scope, name: str, intent: str, lease: Lease) -> Hold:
        """See :class:`Store`."""
        with self._lock:
            hold = self._holds[scope, name] = taken(self._holds.get((scope, name)), scope, name, intent, lease, self.now())
            return hold

    def keep(self, hold: Hold, lease: Lease) -> Hold:
        """See :class:`Store`."""
        with self._lock:
            now, found = self.now(), self._holds.get((hold.scope, hold.name))
            if found is None or not still_ours(found, hold, lease) or found.until <= now:
                raise refuse_lost_hold(hold, found)
            kept = self._holds[hold.scope, hold.name] = replace(found, until=now + lease.seconds)
            return kept

    def let_go(self, hold: Hold, lease: Lease) -> None:
        """See :class:`Store`."""
        with self._lock:
            self._check()
            found = self._holds.get((hold.scope, hold.name))
            if not still_ours(found, hold, lease):
                raise refuse_lost_hold(hold, found)
            del self._holds[hold.scope, hold.name]

    def break_hold(self, scope: Scope, name: str, intent: str) -> None:
        """See :class:`Store`."""
        with self._lock:
            self._check()
            found = self._holds.get((scope, name))
            if found is None or found.intent != intent:
                raise refuse_no_hold(scope, name, intent)
            del self._holds[scope, name]

    def holds(self) -> list[Hold]:
        """See :class:`Store`."""
        with self._lock:
            self._check()
            return sorted(self._holds.values(), key=in_order)

    def backup(self, path: Path) -> None:  # noqa: ARG002 - the protocol's
        """Not for this store."""
        raise LedgerError("unsupported", "a ledger in memory has no backup: use a file")

    def close(self) -> None:
        """See :class:`Store`."""
        with self._lock:
            self._open = False


def _matches(slot: Slot, query: Query) -> bool:
    scope = slot.scope
    return (
        (not query.ids or slot.id in query.ids)
        and query.venue in (None, scope.venue)
        and query.network in (None, scope.network)
        and query.account in (None, scope.account)
        and query.kind in (None, scope.kind)
        and query.key in (None, slot.key)
        and (not query.states or slot.state in query.states)
        and slot.id > query.after_id
    )


def _with(stored: list[Artifact], new: Artifact, slots: Mapping[int, Slot]) -> list[Artifact]:
    """A slot's artifacts and one more, by the rules that the databases keep by constraints and triggers."""
    slot = slots.get(new.slot_id)
    if slot is None:
        raise LedgerError("conflict", f"slot {new.slot_id} is not in this ledger")
    if not slot.shared and any(old.digest != new.digest for old in stored):
        raise LedgerError("bound", f"nonce {slot.key}: a nonce is bound to one digest for ever")
    if any((old.stage, old.digest) == (new.stage, new.digest) for old in stored):
        raise LedgerError("conflict", "an artifact is written once")
    if new.stage is Stage.SIGNED and not any((old.stage, old.digest) == (Stage.CONTENT, new.digest) for old in stored):
        raise LedgerError("conflict", "nothing is signed before its order is stored")
    return [*stored, replace(new, at=float(new.at))]


def _refuse_break(before: Slot, after: Slot, artifacts: Sequence[Artifact]) -> None:
    """The rules of the slots, as the triggers of SQLite keep them."""
    moved = before.state is not after.state
    if moved and (before.state, after.state) not in TRANSITIONS | {(State.COMMITTED, State.SENDING)}:
        raise LedgerError("conflict", f"no event leads from {before.state.value} to {after.state.value}")
    replaced = before.digest is not None and after.digest != before.digest
    back = moved and after.state is State.COMMITTED and before.state is not State.RESERVED
    if (replaced and (not before.shared or after.state is not State.COMMITTED)) or (back and not replaced):
        raise LedgerError("bound", f"nonce {before.key}: a nonce is bound to one digest for ever")
    stages = {artifact.stage for artifact in artifacts if artifact.digest == after.digest}
    if (after.state in BOUND and Stage.CONTENT not in stages) or (after.state in UNBOUND and after.digest is not None):
        raise LedgerError("conflict", "no digest is bound before its order is stored")
    if after.state in _SENT_STATES and Stage.SIGNED not in stages:
        raise LedgerError("conflict", "nothing is sent before its bytes are stored")
