"""The SQLite store: one file, several processes and threads, every commit written through to the disk.

WAL and ``synchronous=FULL``: a commit returns after the log's ``fdatasync`` (sqlite.org, *Write-Ahead Logging*). Each write is one
``BEGIN IMMEDIATE`` transaction. No error of :mod:`sqlite3` gets out.
"""

import json
import os
import secrets
import sqlite3
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from threading import Event, RLock
from typing import Any, Final

from orderseal.signing.errors import InvalidInput, describe
from orderseal.signing.ledger import schema
from orderseal.signing.ledger.errors import LedgerError
from orderseal.signing.ledger.filesystem import create_private, refuse_place, sync_folder
from orderseal.signing.ledger.holds import in_order, refuse_lost_hold, refuse_no_hold, still_ours, taken
from orderseal.signing.ledger.nonces import Claim, allot, reconciled, refuse_epoch
from orderseal.signing.ledger.records import Artifact, Attempt, Counter, Hold, Scope, Slot, StoreInfo, What
from orderseal.signing.ledger.rows import (
    ARTIFACT,
    ATTEMPT,
    HOLD,
    SLOT,
    artifact_of,
    attempt_of,
    conditions,
    hold_of,
    scope_values,
    slot_of,
    state_list,
)
from orderseal.signing.ledger.states import State
from orderseal.signing.ledger.store import Change, Lease, Live, Query, refuse_lease, refuse_missing, refuse_reference, refuse_stale
from orderseal.signing.ledger.turn import Turn
from orderseal.signing.values import Address, Hash32

# Every statement is put together from the constants below; what comes from outside is a parameter.
# ruff: noqa: S608

__all__ = ["SqliteStore", "translate"]

_MAGIC: Final = b"SQLite format 3\x00"
_NOW: Final = "((julianday('now') - 2440587.5) * 86400.0)"
_HELD: Final = "venue = ? AND network = ? AND account = ? AND kind = ? AND name = ?"
_FULL: Final = 2
_OPENING_TRIES: Final = 100
_CHECKED_BYTES: Final = 64 * 2**20  # Reading through a greater file would hold a bot up; its pages are still checked as they are read.

_CODES: Final = {
    sqlite3.SQLITE_BUSY: ("busy", "another process held it for longer than the busy timeout: try again, or find who holds it"),
    sqlite3.SQLITE_LOCKED: ("busy", "it is locked: try again, or find who holds it"),
    sqlite3.SQLITE_FULL: ("full", "the disk is full, or a quota is reached: make room; what was committed before is safe"),
    sqlite3.SQLITE_READONLY: ("read_only", "it cannot be written to: a ledger that cannot be written to protects nothing"),
    sqlite3.SQLITE_PERM: ("read_only", "it cannot be written to by this account"),
    sqlite3.SQLITE_CANTOPEN: ("directory", "it cannot be opened: check the folder, its permissions and the limit of open files"),
    sqlite3.SQLITE_IOERR: ("io", "the operating system reported an input or output error: check the disk before going on"),
    sqlite3.SQLITE_CORRUPT: ("corrupt", "it is damaged: keep it, restore a backup beside it, and reconcile that"),
    sqlite3.SQLITE_NOTADB: ("not_a_ledger", "it is no SQLite database, or its first page is damaged: check the path, or restore a backup"),
    sqlite3.SQLITE_CONSTRAINT: ("conflict", "its own rules refused the change"),
}


def translate(error: sqlite3.Error | sqlite3.Warning, path: object) -> LedgerError:
    """Say what an error of the database means."""
    code = getattr(error, "sqlite_errorcode", None)
    text = str(error)
    if isinstance(error, sqlite3.ProgrammingError) and "closed" in text:
        return LedgerError("closed", f"the ledger {path} is closed: open it again")
    reason, what = (
        _CODES.get(code & 0xFF, ("database", "the database failed")) if isinstance(code, int) else ("database", "the database failed")
    )
    if reason == "conflict" and "bound to one digest" in text:
        reason = "bound"
    return LedgerError(reason, f"the ledger {path}: {what} ({text})")


@contextmanager
def _translated(path: object) -> Generator[None]:
    try:
        yield
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise translate(error, path) from error


class SqliteStore:
    """A ledger's store in one file. :class:`~orderseal.signing.ledger.Ledger` makes one when it is given a path.

    Args:
        path: of the file. It and its folder must be on a local disk, and the file readable by its owner alone.
        busy_timeout: seconds to wait for another process's transaction.
        create: whether to make the file if there is none.

    Raises:
        LedgerError: the place, the file or its settings are not fit for a ledger; ``reason`` says which.
    """

    def __init__(self, path: str | Path, *, busy_timeout: float = 10.0, create: bool = True) -> None:
        if not isinstance(path, str | Path) or "\0" in str(path) or not str(path):
            raise InvalidInput(path="path", expected="the path of a file", actual=describe(path))
        if isinstance(busy_timeout, bool) or not isinstance(busy_timeout, int | float) or not 0 <= busy_timeout <= 3600:
            raise InvalidInput(path="busy_timeout", expected="0 to 3600 seconds", actual=describe(busy_timeout))
        self.path: Final = Path(os.path.realpath(path))
        self._busy_timeout = float(busy_timeout)
        self._lock = RLock()
        self._process = os.getpid()
        self._open = False
        refuse_place(self.path)
        if not self.path.exists():
            if not create:
                raise LedgerError("missing", f"there is no ledger {self.path}")
            create_private(self.path, exclusive=False)
        _refuse_foreign(self.path)
        with _translated(self.path):
            self._connection = sqlite3.connect(
                self.path.as_uri() + "?mode=rw", uri=True, timeout=busy_timeout, isolation_level=None, check_same_thread=False
            )
        try:
            with _translated(self.path):
                self._prepare()
        except BaseException:
            self._connection.close()
            raise
        self._turn = Turn(self.path)
        self._open = True

    def _prepare(self) -> None:
        """Check the file, bring it up to date, and set what a connection has to set."""
        execute = self._connection.execute
        execute("PRAGMA foreign_keys = ON")
        execute("PRAGMA recursive_triggers = ON")  # Without it INSERT OR REPLACE deletes without asking.
        execute("PRAGMA synchronous = FULL")
        if (level := self._pragma("synchronous")) < _FULL:
            raise LedgerError(
                "synchronous", f"the database does not write through to the disk (synchronous is {level}): use another SQLite"
            )
        fresh = self._pragma("user_version") == 0
        # The tables are looked at first: if another process of ours is making them just now, its mark comes with them.
        if fresh and schema.found_schema(self._connection) and self._pragma("application_id") == 0:
            raise LedgerError("not_a_ledger", f"{self.path} is another program's database: name a new file")
        if not fresh and self._pragma("application_id") != schema.APPLICATION_ID:
            raise LedgerError("not_a_ledger", f"{self.path} is another program's database: name a new file")
        if fresh:
            self._use_wal()
        elif (mode := self._pragma("journal_mode")) != "wal":
            raise LedgerError(
                "journal_mode",
                f"something has set {self.path} to journal mode {mode}: find out what; `PRAGMA journal_mode=WAL` sets it right",
            )
        if (version := self._pragma("user_version")) > schema.schema_version():
            raise LedgerError(
                "newer_schema",
                f"{self.path} has version {version} of the tables, and this release knows {schema.schema_version()}: install a newer one",
            )
        if version < schema.schema_version():
            self._migrate()
        if schema.found_schema(self._connection) != schema.expected_schema():
            raise LedgerError(
                "schema_changed",
                f"the tables or triggers of {self.path} are not those of this release: another build made them, or somebody changed "
                "them. Use the build that made them",
            )
        if self.path.stat().st_size <= _CHECKED_BYTES and self._pragma("quick_check(1)") != "ok":
            raise LedgerError("corrupt", f"the ledger {self.path} is damaged: keep it, restore a backup beside it, and reconcile that")
        found = self.path.stat()
        self._inode = found.st_dev, found.st_ino

    def _use_wal(self) -> None:
        """Turn a new file to WAL. Several processes may try at once, and the busy timeout does not cover this."""
        for last in range(_OPENING_TRIES):
            try:
                mode = self._pragma("journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or last == _OPENING_TRIES - 1:
                    raise
                Event().wait(0.02)
            else:
                if mode != "wal":
                    raise LedgerError("journal_mode", f"{self.path} cannot be used in WAL mode here ({mode}): keep it on a local disk")
                return

    def _pragma(self, text: str) -> Any:
        return self._connection.execute(f"PRAGMA {text}").fetchone()[0]

    def _migrate(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            version = self._pragma("user_version")  # Another process may have been quicker.
            for migration in schema.MIGRATIONS[version:]:
                for statement in migration:
                    self._connection.execute(statement)
            if version == 0:
                rows = [("store_id", secrets.token_hex(16)), ("epoch", 1)]
                self._connection.executemany("INSERT INTO meta VALUES (?, ?)", rows)
            self._connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
            self._connection.execute(f"PRAGMA user_version = {max(version, schema.schema_version())}")
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        sync_folder(self.path.parent)

    @contextmanager
    def _reading(self) -> Generator[sqlite3.Connection]:
        if self._process != os.getpid():
            raise LedgerError("forked", f"the ledger {self.path} was opened before this process was forked: open it again here")
        with self._lock, _translated(self.path):
            if not self._open:
                raise LedgerError("closed", f"the ledger {self.path} is closed: open it again")
            yield self._connection

    @contextmanager
    def _writing(self) -> Generator[sqlite3.Connection]:
        with self._reading() as connection:
            self._refuse_replaced()
            self._turn.take(self._busy_timeout)
            try:
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    if connection.in_transaction:
                        with suppress(sqlite3.Error):  # The first error is the one to tell.
                            connection.execute("ROLLBACK")
                    raise
            finally:
                self._turn.give()

    def _refuse_replaced(self) -> None:
        """What is written to a file that has lost its name is lost with it."""
        try:
            found = self.path.stat()
        except OSError:
            found = None
        if found is None or (found.st_dev, found.st_ino) != self._inode:
            raise LedgerError("replaced", f"{self.path} was deleted or replaced while it was open: stop, and find out by what")

    def info(self) -> StoreInfo:
        """See :class:`Store`."""
        with self._reading() as connection:
            meta: dict[str, Any] = dict(connection.execute("SELECT name, value FROM meta").fetchall())
            return StoreInfo(str(meta["store_id"]), self._pragma("user_version"), int(meta["epoch"]))

    def now(self) -> float:
        """See :class:`Store`."""
        with self._reading():
            return self._clock()

    def reserve(self, scope: Scope, claim: Claim, count: int, lease: Lease, at: float) -> list[Slot]:
        """See :class:`Store`."""
        with self._writing() as connection:
            where = scope_values(scope)
            counter = self._counter(scope)
            released: dict[int, int] = {}
            if claim.fill_released:
                rows = connection.execute(
                    "SELECT key, id FROM slots INDEXED BY slots_released WHERE state = 'released' "
                    "AND venue = ? AND network = ? AND account = ? AND kind = ? AND shared = ?",
                    (*where, claim.shared),
                )
                released = {_number(key): int(id_) for key, id_ in rows}
            counter, taken, first = allot(
                scope, counter, claim, count, highest_sent=self._highest_sent(scope), epoch=self._epoch(), released=released
            )
            self._put_counter(scope, counter)
            slots: list[Slot] = []
            for id_ in taken:
                rows = connection.execute(
                    "UPDATE slots SET state = 'reserved', owner = ?, lease_epoch = lease_epoch + 1, "
                    f"lease_until = {_NOW} + ?, changed_at = ? WHERE id = ? AND state = 'released' RETURNING {SLOT}",
                    (lease.owner, lease.seconds, at, id_),
                )
                slots += [_slot(row) for row in rows.fetchall()]
            if fresh := count - len(taken):
                slots += self._insert(scope, range(first, first + fresh), claim, lease, at)
            return slots

    def _insert(self, scope: Scope, keys: range, claim: Claim, lease: Lease, at: float) -> list[Slot]:
        connection, where = self._connection, scope_values(scope)
        (until,) = connection.execute(f"SELECT {_NOW} + ?", (lease.seconds,)).fetchone()
        connection.executemany(
            "INSERT INTO slots (venue, network, account, kind, key, shared, state, owner, lease_epoch, lease_until, changed_at) "
            "VALUES (?, ?, ?, ?, ?, ?, 'reserved', ?, 1, ?, ?)",
            [(*where, key.to_bytes(32, "big"), claim.shared, lease.owner, until, at) for key in keys],
        )
        # No row is ever deleted: within the transaction each id is one more than the last.
        (last,) = connection.execute("SELECT last_insert_rowid()").fetchone()
        return [
            Slot(id_, scope, key, claim.shared, State.RESERVED, None, lease.owner, 1, until, None, float(at))
            for id_, key in enumerate(keys, last - len(keys) + 1)
        ]

    def _epoch(self) -> int:
        return int(self._connection.execute("SELECT value FROM meta WHERE name = 'epoch'").fetchone()[0])

    def _counter(self, scope: Scope) -> Counter | None:
        row = self._connection.execute(
            "SELECT next, acknowledged, epoch FROM counters WHERE venue = ? AND network = ? AND account = ? AND kind = ?",
            scope_values(scope),
        ).fetchone()
        return None if row is None else Counter(_number(row[0]), _number(row[1]), int(row[2]))

    def _put_counter(self, scope: Scope, counter: Counter) -> None:
        self._connection.execute(
            "INSERT INTO counters VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
            "next = excluded.next, acknowledged = excluded.acknowledged, epoch = excluded.epoch",
            (*scope_values(scope), counter.next.to_bytes(33, "big"), counter.acknowledged.to_bytes(33, "big"), counter.epoch),
        )

    def _highest_sent(self, scope: Scope) -> int | None:
        row = self._connection.execute(
            "SELECT max(key) FROM slots INDEXED BY slots_sent "
            "WHERE sent_at IS NOT NULL AND venue = ? AND network = ? AND account = ? AND kind = ?",
            scope_values(scope),
        ).fetchone()
        return None if row[0] is None else _number(row[0])

    def apply(self, changes: Sequence[Change], lease: Lease) -> list[Slot]:
        """See :class:`Store`."""
        with self._writing() as connection:
            results: list[Slot] = []
            for change in changes:
                for artifact in change.artifacts:
                    connection.execute(
                        "INSERT INTO artifacts (slot, stage, digest, content, deadline, signature, body, at) "
                        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                        (
                            artifact.slot_id, artifact.stage.value, bytes(artifact.digest), artifact.content, artifact.deadline,
                            artifact.signature, artifact.body, artifact.at,
                        ),
                    )  # fmt: skip
                results.append(self._step(change, lease))
                self._append(change.attempts)
                if change.reference is not None:
                    self._name(change.slot, change.reference)
            return results

    def _step(self, change: Change, lease: Lease) -> Slot:
        slot = change.slot
        if change.current and ((counter := self._counter(slot.scope)) is None or counter.epoch != self._epoch()):
            raise refuse_epoch(slot.scope)
        row = self._connection.execute(
            # A lease that has run out is not renewed by a change: whoever stood still so long may record, and send nothing more.
            "UPDATE slots SET state = ?, digest = coalesce(?, digest), owner = ?, "
            f"lease_until = CASE WHEN lease_until > {_NOW} THEN {_NOW} + ? ELSE lease_until END, changed_at = ?, "
            "sent_at = coalesce(sent_at, ?) "
            f"WHERE id = ? AND state = ? AND digest IS ? AND lease_epoch = ? AND (? OR lease_until > {_NOW}) RETURNING {SLOT}",
            (
                change.state.value, change.digest, lease.owner, lease.seconds, change.at, change.at if change.sent else None,
                slot.id, slot.state.value, slot.digest, slot.lease_epoch, not change.live,
            ),
        ).fetchall()  # fmt: skip
        if row:
            return _slot(row[0])
        found = self._read(Query(ids=(slot.id,)))
        if found and (found[0].state, found[0].digest, found[0].lease_epoch) == (slot.state, slot.digest, slot.lease_epoch):
            raise refuse_lease(slot)
        raise refuse_stale(slot, found[0] if found else None)

    def _name(self, slot: Slot, reference: str) -> None:
        """Bind a reference to a slot. One whose slot was given up before anything left may be used again."""
        row = self._connection.execute(
            "INSERT INTO intents VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (venue, network, account, kind, reference) DO UPDATE "
            "SET slot = excluded.slot WHERE slot IN (SELECT id FROM slots WHERE state = 'abandoned' AND sent_at IS NULL) RETURNING slot",
            (*scope_values(slot.scope), reference, slot.id),
        ).fetchone()
        if row is None:
            raise refuse_reference(reference, self._named(slot.scope, reference))

    def _append(self, attempts: Sequence[Attempt]) -> None:
        self._connection.executemany(
            "INSERT INTO attempts (slot, what, digest, details, at) VALUES (?, ?, ?, ?, ?)",
            [(a.slot_id, a.what.value, a.digest, json.dumps(a.details, sort_keys=True), a.at) for a in attempts],
        )

    def append(self, attempts: Sequence[Attempt]) -> None:
        """See :class:`Store`."""
        with self._writing():
            for attempt in attempts:
                if not self._read(Query(ids=(attempt.slot_id,))):
                    raise refuse_missing(f"slot {attempt.slot_id}")
            self._append(attempts)

    def take_over(self, lease: Lease, states: frozenset[State], at: float, limit: int, scope: Scope | None = None) -> list[Slot]:
        """See :class:`Store`."""
        with self._writing() as connection:
            where, values = (
                ("", ()) if scope is None else (" AND venue = ? AND network = ? AND account = ? AND kind = ?", scope_values(scope))
            )
            rows = connection.execute(
                f"UPDATE slots SET owner = ?, lease_epoch = lease_epoch + 1, lease_until = {_NOW} + ?, changed_at = ? WHERE id IN "
                f"(SELECT id FROM slots WHERE state IN ({state_list(states)}){where} "
                "AND (owner <> ? AND substr(owner, 1, length(owner) - 17) = ? "
                f"OR lease_until <= {_NOW}) ORDER BY id LIMIT ?) RETURNING {SLOT}",
                (lease.owner, lease.seconds, at, *values, lease.owner, lease.name, limit),
            )
            return sorted((_slot(row) for row in rows.fetchall()), key=lambda slot: slot.id)

    def reconcile(self, scope: Scope, venue_next: int, max_jump: int, skip: int, at: float) -> tuple[Counter, list[Slot]]:
        """See :class:`Store`."""
        with self._writing() as connection:
            before, epoch = self._counter(scope), self._epoch()
            counter = reconciled(scope, before, venue_next, max_jump, skip, epoch)
            self._put_counter(scope, counter)
            whole = before is None or before.epoch != epoch
            rows = connection.execute(
                "UPDATE slots SET state = 'abandoned', lease_epoch = lease_epoch + 1, changed_at = ? "
                "WHERE venue = ? AND network = ? AND account = ? AND kind = ? AND state IN ('reserved', 'released') "
                "AND (? AND shared = 0 OR key < ?) "
                f"RETURNING {SLOT}",
                (at, *scope_values(scope), whole, venue_next.to_bytes(32, "big")),
            )
            slots = [_slot(row) for row in rows.fetchall()]
            self._append([Attempt(slot.id, What.NOTE, None, {"why": "reconciled: it may have been used elsewhere"}, at) for slot in slots])
            return counter, sorted(slots, key=lambda slot: slot.id)

    def halt(self) -> None:
        """See :class:`Store`."""
        with self._writing() as connection:
            connection.execute("UPDATE meta SET value = value + 1 WHERE name = 'epoch'")

    def counters(self) -> dict[Scope, Counter]:
        """See :class:`Store`."""
        with self._reading() as connection:
            rows = connection.execute("SELECT venue, network, account, kind, next, acknowledged, epoch FROM counters").fetchall()
            return {Scope(r[0], r[1], Address(r[2]), r[3]): Counter(_number(r[4]), _number(r[5]), int(r[6])) for r in rows}

    def slots(self, query: Query) -> list[Slot]:
        """See :class:`Store`."""
        with self._reading():
            return self._read(query)

    def _read(self, query: Query) -> list[Slot]:
        where, values = conditions(query, "?", lambda key: key.to_bytes(32, "big"))
        return [_slot(row) for row in self._connection.execute(f"SELECT {SLOT} FROM slots{where}", values).fetchall()]

    def artifacts(self, slot_id: int) -> list[Artifact]:
        """See :class:`Store`."""
        with self._reading() as connection:
            rows = connection.execute(f"SELECT {ARTIFACT} FROM artifacts WHERE slot = ? ORDER BY id", (slot_id,))
            return [artifact_of(row) for row in rows.fetchall()]

    def attempts(self, slot_id: int) -> list[Attempt]:
        """See :class:`Store`."""
        with self._reading():
            return self._attempts(slot_id)

    def _attempts(self, slot_id: int) -> list[Attempt]:
        rows = self._connection.execute(f"SELECT {ATTEMPT} FROM attempts WHERE slot = ? ORDER BY id", (slot_id,))
        return [attempt_of(row) for row in rows.fetchall()]

    def by_reference(self, scope: Scope, reference: str) -> Slot | None:
        """See :class:`Store`."""
        with self._reading():
            return self._named(scope, reference)

    def _named(self, scope: Scope, reference: str) -> Slot | None:
        row = self._connection.execute(
            f"SELECT {SLOT} FROM slots WHERE id = (SELECT slot FROM intents "
            "WHERE venue = ? AND network = ? AND account = ? AND kind = ? AND reference = ?)",
            (*scope_values(scope), reference),
        ).fetchone()
        return None if row is None else _slot(row)

    def live(self, at: float, *, pending: bool = False) -> Iterator[Live]:
        """See :class:`Store`."""
        with self._reading() as connection:
            columns = ", ".join(f"s.{name}" for name in SLOT.split(", "))
            rows = connection.execute(
                f"SELECT {columns}, a.digest, a.content, a.deadline FROM slots s JOIN artifacts a ON a.slot = s.id AND a.stage = 'content' "
                "WHERE (a.deadline IS NULL OR a.deadline > ?) AND (? AND s.state IN ('committed', 'signed') AND a.digest = s.digest "
                "OR s.sent_at IS NOT NULL AND "
                "EXISTS (SELECT 1 FROM attempts t WHERE t.slot = s.id AND t.what = 'sent' AND t.digest = a.digest)) ORDER BY s.id, a.id",
                (at, pending),
            ).fetchall()
            found = [Live(_slot(row), Hash32(row[-3]), row[-2], row[-1], self._ends(row[0])) for row in rows]
        return iter(found)

    def _ends(self, slot_id: int) -> tuple[Attempt, ...]:
        return tuple(a for a in self._attempts(slot_id) if a.what in (What.FILL, What.DEAD))

    def hold(self, scope: Scope, name: str, intent: str, lease: Lease) -> Hold:
        """See :class:`Store`."""
        with self._writing() as connection:
            found = self._held(scope, name)
            hold = taken(found, scope, name, intent, lease, self._clock())
            if found is None:
                connection.execute(
                    "INSERT INTO holds VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (*scope_values(scope), name, intent, hold.owner, hold.epoch, hold.until, hold.since),
                )
            else:
                self._put_hold(hold)
            return hold

    def keep(self, hold: Hold, lease: Lease) -> Hold:
        """See :class:`Store`."""
        with self._writing():
            now, found = self._clock(), self._held(hold.scope, hold.name)
            if found is None or not still_ours(found, hold, lease) or found.until <= now:
                raise refuse_lost_hold(hold, found)
            kept = replace(found, until=now + lease.seconds)
            self._put_hold(kept)
            return kept

    def let_go(self, hold: Hold, lease: Lease) -> None:
        """See :class:`Store`."""
        with self._writing():
            found = self._held(hold.scope, hold.name)
            if not still_ours(found, hold, lease):
                raise refuse_lost_hold(hold, found)
            self._end_hold(hold.scope, hold.name)

    def break_hold(self, scope: Scope, name: str, intent: str) -> None:
        """See :class:`Store`."""
        with self._writing():
            found = self._held(scope, name)
            if found is None or found.intent != intent:
                raise refuse_no_hold(scope, name, intent)
            self._end_hold(scope, name)

    def holds(self) -> list[Hold]:
        """See :class:`Store`."""
        with self._reading() as connection:
            return sorted((hold_of(row) for row in connection.execute(f"SELECT {HOLD} FROM holds").fetchall()), key=in_order)

    def _clock(self) -> float:
        return float(self._connection.execute(f"SELECT {_NOW}").fetchone()[0])

    def _held(self, scope: Scope, name: str) -> Hold | None:
        row = self._connection.execute(f"SELECT {HOLD} FROM holds WHERE {_HELD}", (*scope_values(scope), name)).fetchone()
        return None if row is None else hold_of(row)

    def _put_hold(self, hold: Hold) -> None:
        self._connection.execute(
            f"UPDATE holds SET owner = ?, epoch = ?, until = ? WHERE {_HELD}",
            (hold.owner, hold.epoch, hold.until, *scope_values(hold.scope), hold.name),
        )

    def _end_hold(self, scope: Scope, name: str) -> None:
        self._connection.execute(f"DELETE FROM holds WHERE {_HELD}", (*scope_values(scope), name))

    def backup(self, path: Path) -> None:
        """See :class:`Store`. The copy is made by SQLite's backup interface while others go on writing."""
        target = Path(os.path.realpath(path))
        refuse_place(target)
        create_private(target, exclusive=True)
        try:
            with self._reading() as connection, _translated(target):
                copy = sqlite3.connect(target.as_uri() + "?mode=rw", uri=True, isolation_level=None)
                try:
                    connection.backup(copy)
                    copy.execute("PRAGMA synchronous = FULL")
                    copy.execute("UPDATE meta SET value = value + 1 WHERE name = 'epoch'")
                    copy.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                finally:
                    copy.close()
            sync_folder(target.parent)
        except BaseException:
            for suffix in ("", "-wal", "-shm"):
                Path(f"{target}{suffix}").unlink(missing_ok=True)
            raise

    def close(self) -> None:
        """See :class:`Store`."""
        with self._lock:
            if self._open and self._process == os.getpid():
                self._open = False
                self._turn.close()
                with _translated(self.path):
                    self._connection.close()

    def __repr__(self) -> str:
        return f"SqliteStore({str(self.path)!r})"


def _refuse_foreign(path: Path) -> None:
    """Raise if a file is there whose first bytes are no database's. An empty one is what a process leaves that died while making it."""
    try:
        with path.open("rb") as file:
            head = file.read(len(_MAGIC))
    except OSError as error:
        raise LedgerError("io", f"{path} cannot be read ({(error.strerror or 'no reason given').lower()})") from None
    if head and head != _MAGIC:
        raise LedgerError(
            "not_a_ledger", f"{path} is no SQLite database, or its first page is damaged: check the path, or restore a backup"
        )


def _number(raw: bytes) -> int:
    return int.from_bytes(raw, "big")


def _slot(row: Sequence[Any]) -> Slot:
    return slot_of(row, _number(row[5]))
