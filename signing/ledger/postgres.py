"""The PostgreSQL store: one ledger for several machines (``docs/postgres.md``).

A reservation and a change are one statement each, and so one round trip: the server does what the pure functions would, if nothing is
unusual; if something is, it changes nothing, and they decide under a lock. Only what the server has written through to its disk returns.
"""

import json
import os
import re
import secrets
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from decimal import Decimal
from functools import partial
from pathlib import Path
from threading import RLock
from typing import Any, Final, TypeVar

from orderseal.signing.errors import InvalidInput, describe
from orderseal.signing.ledger import postgres_schema as schema_
from orderseal.signing.ledger.errors import LedgerError
from orderseal.signing.ledger.holds import in_order, refuse_held, refuse_lost_hold, refuse_no_hold
from orderseal.signing.ledger.nonces import Claim, allot, reconciled, refuse_epoch
from orderseal.signing.ledger.postgres_connection import DatabaseError, Session, again, dialler, translate
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
)
from orderseal.signing.ledger.states import State
from orderseal.signing.ledger.store import (
    Change,
    Lease,
    Live,
    Query,
    refuse_lease,
    refuse_missing,
    refuse_reference,
    refuse_stale,
)
from orderseal.signing.values import Address, Hash32

# Every statement is put together from constants and the schema's checked name; what comes from outside is a parameter.
# ruff: noqa: S608

__all__ = ["PostgresStore"]

_T = TypeVar("_T")

_SCHEMA: Final = re.compile(r"(?!pg_)[a-z_][a-z0-9_]{0,62}", re.ASCII)
_TRIES: Final = 4
_CHANGED_UNDER_US: Final = frozenset({"unsupported", "replaced", "synchronous"})

_NOW: Final = "extract(epoch FROM clock_timestamp())::double precision"
_EPOCH: Final = "(SELECT @.require(%(session)s, %(slots)s::oid))"
_SCOPE: Final = "venue = %(venue)s AND network = %(network)s AND account = %(account)s AND kind = %(kind)s"
_NEXT_EPOCH: Final = "UPDATE @.meta SET value = (value::bigint + 1)::text WHERE name = 'epoch'"
_HIGHEST_SENT: Final = f"(SELECT max(key) FROM @.slots WHERE {_SCOPE} AND sent_at IS NOT NULL)"

_NEW_SLOTS: Final = f"""
INSERT INTO @.slots (venue, network, account, kind, key, shared, state, owner, lease_epoch, lease_until, changed_at)
SELECT %(venue)s::text, %(network)s::text, %(account)s::bytea, %(kind)s::text, counter.first + n, %(shared)s::boolean, 'reserved',
    %(owner)s::text, 1, {_NOW} + %(seconds)s::double precision, %(at)s::double precision
FROM counter, generate_series(0, %(count)s::bigint - 1) AS n
RETURNING {SLOT}"""

# What `allot` does if nothing is unusual. The counter's row is locked by the update, and another session's reservation is waited for;
# what it reads of the slots is as old as the statement, which can only send it the long way.
_RESERVE: Final = f"""
WITH counter AS (
    UPDATE @.counters SET next = greatest(next, %(floor)s::numeric) + %(count)s::numeric
    WHERE {_SCOPE} AND epoch = {_EPOCH}
        AND greatest(next, %(floor)s::numeric) + %(count)s::numeric - 1 <= %(limit)s::numeric
        AND (%(asked)s::numeric IS NULL OR %(asked)s::numeric <= acknowledged OR %(asked)s::numeric <= {_HIGHEST_SENT} + 1)
        AND NOT (%(fill)s::boolean AND EXISTS (SELECT FROM @.slots WHERE {_SCOPE} AND state = 'released' AND shared = %(shared)s::boolean
            AND key >= greatest(%(floor)s::numeric, %(asked)s::numeric)))
    RETURNING next - %(count)s::numeric AS first
){_NEW_SLOTS}"""

_HELD: Final = f"{_SCOPE} AND name = %(name)s"
_OURS: Final = f"{_HELD} AND owner = %(owner)s AND epoch = %(epoch)s AND since = %(since)s AND {_EPOCH} > 0"

# What `taken` does. The row is locked before its condition is looked at, and the clock is read after that.
_HOLD: Final = f"""
INSERT INTO @.holds AS h ({HOLD})
SELECT %(venue)s::text, %(network)s::text, %(account)s::bytea, %(kind)s::text, %(name)s::text, %(intent)s::text, %(owner)s::text, 1,
    n.now + %(seconds)s::double precision, n.now
FROM (SELECT {_NOW} AS now) n WHERE {_EPOCH} > 0
ON CONFLICT (venue, network, account, kind, name) DO UPDATE
    SET owner = excluded.owner, epoch = h.epoch + 1, until = {_NOW} + %(seconds)s::double precision
    WHERE h.intent = excluded.intent
        AND (h.owner <> excluded.owner AND left(h.owner, -17) = %(owner_name)s::text OR h.until <= {_NOW})
RETURNING {HOLD}"""

_PLACE: Final = """
SELECT concat_ws(' ', (SELECT system_identifier FROM pg_control_system()), left(pg_walfile_name(pg_current_wal_insert_lsn()), 8),
    (SELECT oid FROM pg_database WHERE datname = current_database()), '@.slots'::regclass::oid), '@.slots'::regclass::oid::bigint"""


class PostgresStore:
    """A ledger's store in a schema of a PostgreSQL database. :class:`~orderseal.signing.ledger.Ledger` makes one of a ``postgresql://…``.

    Args:
        conninfo: where it is, as libpq reads it: a URL or ``host=… dbname=…``.
        schema: in which the tables are.
        connect_timeout: seconds to wait for a connection.
        busy_timeout: seconds to wait for another session's transaction.
        create: whether to make the schema and its tables if there are none.

    Raises:
        LedgerError: the server, its settings or the tables are not fit for a ledger; ``reason`` says which.
    """

    def __init__(
        self,
        conninfo: str,
        *,
        schema: str = "orderseal",
        connect_timeout: float = 10.0,
        busy_timeout: float = 10.0,
        create: bool = True,
    ) -> None:
        if not isinstance(schema, str) or not _SCHEMA.fullmatch(schema):
            raise InvalidInput(path="schema", expected="a lower-case name of 1 to 63 letters, digits or _", actual=describe(schema))
        for name, value, least in (("connect_timeout", connect_timeout, 1), ("busy_timeout", busy_timeout, 0)):
            if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= 3600:
                raise InvalidInput(path=name, expected=f"{least} to 3600 seconds", actual=describe(value))
        self.schema: Final = schema
        self._lock = RLock()
        self._process = os.getpid()
        self._open = True
        self._store_id: str | None = None
        self._slots = 0
        self._dial = partial(Session, dialler(conninfo, connect_timeout), busy_timeout)
        self._session: Session | None = None
        self._session = self._connected(create=create)

    # -- The session ---------------------------------------------------------------------------------------------------------

    def _connected(self, *, create: bool) -> Session:
        """A session whose server, tables and place have been checked."""
        session = self._dial()
        try:
            self._name = f"{self.schema} in {session.name}"
            with self._transaction(session):
                self._rows(session, "SELECT pg_advisory_xact_lock(hashtextextended(%s, 1))", (self.schema,))
                self._bring_up_to_date(session, create=create)
                self._settle_place(session)
        except DatabaseError as error:
            told = translate(error, self._name, lost=session.lost)
            session.close()
            raise told from None
        except BaseException:
            session.close()
            raise
        return session

    def _bring_up_to_date(self, session: Session, *, create: bool) -> None:
        """Check whose tables they are, make or migrate them, and compare them with ours."""
        rows = partial(self._rows, session)
        ((known, tables, meta),) = rows(
            "SELECT to_regnamespace(%(name)s) IS NOT NULL, EXISTS (SELECT FROM pg_class WHERE relnamespace = to_regnamespace(%(name)s)), "
            "(SELECT count(*) = 2 FROM pg_attribute WHERE attrelid = to_regclass(%(meta)s) AND attname IN ('name', 'value'))",
            {"name": f'"{self.schema}"', "meta": f'"{self.schema}".meta'},
        )
        found = {str(name): str(value) for name, value in rows("SELECT name, value FROM @.meta")} if meta else {}
        if tables and found.get("application") != schema_.APPLICATION:
            raise LedgerError("not_a_ledger", f"the schema {self._name} is another program's: name a new one")
        version = int(found.get("version", 0))
        if not tables and not (create and self._store_id is None):
            raise LedgerError("missing", f"there is no ledger {self._name}")
        if version > schema_.schema_version():
            raise LedgerError(
                "newer_schema",
                f"{self._name} has version {version} of the tables, and this release knows {schema_.schema_version()}: install a newer one",
            )
        if not known:
            rows("CREATE SCHEMA @")
        for migration in schema_.MIGRATIONS[version:]:
            for statement in migration:
                rows(statement)
        if version == 0:
            new = {"application": schema_.APPLICATION, "store_id": secrets.token_hex(16), "epoch": "1", "version": "0", "place": ""}
            rows("INSERT INTO @.meta SELECT * FROM unnest(%s::text[], %s::text[])", (list(new), list(new.values())))
        if version < schema_.schema_version():
            rows("UPDATE @.meta SET value = %s WHERE name = 'version'", (str(schema_.schema_version()),))
        if difference := schema_.found_schema(rows, self.schema) ^ schema_.expected_schema(self.schema):
            raise LedgerError(
                "schema_changed",
                f"the tables or triggers of {self._name} are not those that this release made ({' '.join(min(difference)[:2])}), "
                "so nothing is guaranteed: find out by whom, and restore a backup",
            )

    def _settle_place(self, session: Session) -> None:
        """Begin a new epoch if this is not where the ledger was: after a fail-over, or in a restored copy."""
        rows = partial(self._rows, session)
        ((place, self._slots),) = rows(_PLACE)
        # The place is that of the row as it is when its lock is ours.
        meta: dict[str, str] = dict(rows("SELECT name, value FROM @.meta WHERE name IN ('place', 'store_id') FOR UPDATE"))
        if self._store_id not in (None, meta["store_id"]):
            raise LedgerError("replaced", f"another ledger stands at {self._name} now: stop, and find out by whom")
        if meta["place"] != place:
            rows("UPDATE @.meta SET value = %s WHERE name = 'place'", (place,))
            if meta["place"]:
                self._begin_epoch(session)
        self._store_id = meta["store_id"]

    def _begin_epoch(self, session: Session) -> None:
        # Every statement that reserves or sends holds this lock until it has committed: none of the last epoch comes afterwards.
        self._rows(session, "SELECT pg_advisory_xact_lock(hashtextextended('@', 3))")
        self._rows(session, _NEXT_EPOCH)

    def _rows(self, session: Session, text: str, values: Sequence[Any] | dict[str, Any] = (), *, prepare: bool = False) -> list[Any]:
        return session.rows(schema_.named(text, self.schema), values, prepare=prepare)

    @contextmanager
    def _transaction(self, session: Session) -> Generator[None]:
        self._rows(session, "BEGIN")
        try:
            yield
            self._rows(session, "COMMIT")
        except BaseException:
            if session.in_transaction:
                with suppress(DatabaseError):  # The first error is the one to tell.
                    self._rows(session, "ROLLBACK")
            raise

    @contextmanager
    def _using(self) -> Generator[Session]:
        """The session, made anew if it was lost; alone, since it does one thing at a time."""
        if self._process != os.getpid():
            raise LedgerError("forked", f"the ledger {self._name} was opened before this process was forked: open it again here")
        with self._lock:
            if not self._open:
                raise LedgerError("closed", f"the ledger {self._name} is closed: open it again")
            if self._session is None or self._session.lost:
                self._session = self._connected(create=False)
            session = self._session
            try:
                yield session
            except DatabaseError as error:
                told = translate(error, self._name, lost=session.lost)
                if told.reason in _CHANGED_UNDER_US:
                    session.close()  # The next call checks it all again, and says what is wrong.
                raise told from None  # Its details may show a row, and so a signature.
            finally:
                if session.lost:
                    session.close()
                    self._session = None

    def _write(self, act: Callable[[Session], _T]) -> _T:
        """Do what the server makes as a whole or not at all; a few times, if others are in the way."""
        with self._using() as session:
            session.warnings.clear()
            for turn in range(_TRIES):
                try:
                    result = act(session)
                except DatabaseError as error:
                    if turn == _TRIES - 1 or not again(error):
                        raise
                else:
                    session.refuse_warned()
                    return result
            raise AssertionError  # The last turn returns or raises.

    def _write_alone(self, scope: Scope, act: Callable[[Session, Counter | None, int], _T]) -> _T:
        """Do something in a transaction that alone reserves in a scope, with its counter and the store's epoch."""

        def whole(session: Session) -> _T:
            with self._transaction(session):
                # The scope may have no row to lock yet.
                ((epoch, _lock),) = self._rows(
                    session,
                    f"SELECT {_EPOCH}, pg_advisory_xact_lock(hashtextextended(%(name)s, 2))",
                    {**self._here(session), "name": f"{self.schema} {scope}"},
                )
                rows = self._rows(
                    session, f"SELECT next, acknowledged, epoch FROM @.counters WHERE {_SCOPE} FOR UPDATE", _scope_named(scope)
                )
                return act(session, _counter(rows[0]) if rows else None, epoch)

        return self._write(whole)

    def _here(self, session: Session) -> dict[str, Any]:
        return {"session": session.token, "slots": str(self._slots)}

    # -- The operations ------------------------------------------------------------------------------------------------------

    def info(self) -> StoreInfo:
        """See :class:`Store`."""
        with self._using() as session:
            meta: dict[str, str] = dict(self._rows(session, "SELECT name, value FROM @.meta"))
            return StoreInfo(meta["store_id"], int(meta["version"]), int(meta["epoch"]))

    def now(self) -> float:
        """See :class:`Store`."""
        with self._using() as session:
            return float(self._rows(session, f"SELECT {_NOW}")[0][0])

    def reserve(self, scope: Scope, claim: Claim, count: int, lease: Lease, at: float) -> list[Slot]:
        """See :class:`Store`."""
        values: dict[str, Any] = {
            **_scope_named(scope),
            "floor": str(claim.floor),
            "limit": str(claim.limit),
            "asked": None if claim.venue_next is None else str(claim.venue_next),
            "fill": claim.fill_released,
            "shared": claim.shared,
            "count": str(count),
            "owner": lease.owner,
            "seconds": float(lease.seconds),
            "at": float(at),
        }
        rows = self._write(lambda session: self._rows(session, _RESERVE, {**values, **self._here(session)}, prepare=True))
        if rows:
            return sorted((_slot(row, scope) for row in rows), key=lambda slot: slot.key)

        def slowly(session: Session, counter: Counter | None, epoch: int) -> list[Slot]:
            released: dict[int, int] = {}
            if claim.fill_released:
                found = self._rows(
                    session,
                    f"SELECT key, id FROM @.slots WHERE {_SCOPE} AND state = 'released' AND shared = %(shared)s FOR UPDATE",
                    values,
                )
                released = {int(key): id_ for key, id_ in found}
            ((highest,),) = self._rows(session, f"SELECT {_HIGHEST_SENT}", values)
            highest_sent = None if highest is None else int(highest)
            after, taken, first = allot(scope, counter, claim, count, highest_sent=highest_sent, epoch=epoch, released=released)
            self._put_counter(session, scope, after)
            slots = [
                _slot(row, scope)
                for row in self._rows(
                    session,
                    f"UPDATE @.slots SET state = 'reserved', owner = %(owner)s, lease_epoch = lease_epoch + 1, "
                    f"lease_until = {_NOW} + %(seconds)s, changed_at = %(at)s WHERE id = ANY(%(taken)s) RETURNING {SLOT}",
                    {**values, "taken": taken},
                )
            ]
            fresh = {**values, "first": str(first), "count": str(count - len(taken))}
            slots += [
                _slot(row, scope) for row in self._rows(session, f"WITH counter AS (SELECT %(first)s::numeric AS first){_NEW_SLOTS}", fresh)
            ]
            return sorted(slots, key=lambda slot: (slot.id not in taken, slot.key))

        return self._write_alone(scope, slowly)

    def _put_counter(self, session: Session, scope: Scope, counter: Counter) -> None:
        self._rows(
            session,
            "INSERT INTO @.counters VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (venue, network, account, kind) DO UPDATE SET "
            "next = excluded.next, acknowledged = excluded.acknowledged, epoch = excluded.epoch",
            (*scope_values(scope), str(counter.next), str(counter.acknowledged), counter.epoch),
        )

    def apply(self, changes: Sequence[Change], lease: Lease) -> list[Slot]:
        """See :class:`Store`."""
        text = json.dumps([_change_json(number, change) for number, change in enumerate(changes)])

        def act(session: Session) -> list[Slot]:
            try:
                rows = self._rows(
                    session,
                    f"SELECT {SLOT} FROM @.apply(%(session)s, %(slots)s::oid, %(changes)s::jsonb, %(owner)s, %(seconds)s)",
                    {**self._here(session), "changes": text, "owner": lease.owner, "seconds": float(lease.seconds)},
                    prepare=True,
                )
            except DatabaseError as error:
                reason, number = error.diag.message_hint, error.diag.message_primary or ""
                if error.sqlstate == "OSL00" and number.isdecimal():
                    raise self._why_not(session, str(reason), changes[int(number)]) from None
                raise
            return [_slot(row, change.slot.scope) for row, change in zip(rows, changes, strict=True)]

        return self._write(act)

    def _why_not(self, session: Session, reason: str, change: Change) -> LedgerError:
        """Why the server did not make a change."""
        slot = change.slot
        if reason == "needs_reconcile":
            return refuse_epoch(slot.scope)
        if reason == "reference_used":
            assert change.reference is not None
            return refuse_reference(change.reference, self._by_reference(session, slot.scope, change.reference))
        found = next(iter(self._read(session, Query(ids=(slot.id,)))), None)
        if change.live and found and (found.state, found.digest, found.lease_epoch) == (slot.state, slot.digest, slot.lease_epoch):
            return refuse_lease(slot)
        return refuse_stale(slot, found)

    def append(self, attempts: Sequence[Attempt]) -> None:
        """See :class:`Store`."""

        def act(session: Session) -> None:
            # One statement: it appends all, or nothing if a slot is not there.
            ((missing,),) = self._rows(
                session,
                f"WITH new AS (SELECT * FROM jsonb_to_recordset(%(new)s::jsonb) AS a "
                "(slot bigint, what text, digest text, details text, at double precision)), "
                "missing AS (SELECT min(n.slot) AS slot FROM new n WHERE NOT EXISTS (SELECT FROM @.slots s WHERE s.id = n.slot)), "
                "done AS (INSERT INTO @.attempts (slot, what, digest, details, at) SELECT n.slot, what, decode(digest, 'hex'), details, at "
                f"FROM new n, missing WHERE missing.slot IS NULL AND {_EPOCH} > 0) SELECT slot FROM missing",
                {**self._here(session), "new": json.dumps([_attempt_json(attempt) for attempt in attempts])},
                prepare=True,
            )
            if missing is not None:
                raise refuse_missing(f"slot {missing}")

        self._write(act)

    def take_over(self, lease: Lease, states: frozenset[State], at: float, limit: int, scope: Scope | None = None) -> list[Slot]:
        """See :class:`Store`. Rows that another session is about to take or change are left to it."""
        values = {
            "states": sorted(state.value for state in states),
            "owner": lease.owner,
            "name": lease.name,
            "seconds": float(lease.seconds),
            "at": float(at),
            "most": limit,
            **({} if scope is None else _scope_named(scope)),
        }
        columns = ", ".join(f"s.{name}" for name in SLOT.split(", "))
        text = (
            f"WITH picked AS MATERIALIZED (SELECT id FROM @.slots WHERE {_EPOCH} > 0 AND state = ANY(%(states)s) "
            f"AND (owner <> %(owner)s AND left(owner, -17) = %(name)s OR lease_until <= {_NOW}){'' if scope is None else f' AND {_SCOPE}'} "
            "ORDER BY id LIMIT %(most)s FOR NO KEY UPDATE SKIP LOCKED) "
            f"UPDATE @.slots s SET owner = %(owner)s, lease_epoch = lease_epoch + 1, lease_until = {_NOW} + %(seconds)s, "
            f"changed_at = %(at)s FROM picked WHERE s.id = picked.id RETURNING {columns}"
        )
        rows = self._write(lambda session: self._rows(session, text, {**values, **self._here(session)}))
        return sorted((_slot(row) for row in rows), key=lambda slot: slot.id)

    def reconcile(self, scope: Scope, venue_next: int, max_jump: int, skip: int, at: float) -> tuple[Counter, list[Slot]]:
        """See :class:`Store`."""

        def act(session: Session, before: Counter | None, epoch: int) -> tuple[Counter, list[Slot]]:
            counter = reconciled(scope, before, venue_next, max_jump, skip, epoch)
            self._put_counter(session, scope, counter)
            whole = before is None or before.epoch != epoch
            rows = self._rows(
                session,
                f"WITH gone AS (UPDATE @.slots SET state = 'abandoned', lease_epoch = lease_epoch + 1, changed_at = %(at)s WHERE {_SCOPE} "
                f"AND state IN ('reserved', 'released') AND (%(whole)s AND NOT shared OR key < %(next)s::numeric) RETURNING {SLOT}), "
                "noted AS (INSERT INTO @.attempts (slot, what, details, at) SELECT id, 'note', %(why)s, %(at)s FROM gone) "
                "SELECT * FROM gone ORDER BY id",
                {
                    **_scope_named(scope),
                    "at": float(at),
                    "whole": whole,
                    "next": str(venue_next),
                    "why": json.dumps({"why": "reconciled: it may have been used elsewhere"}),
                },
            )
            return counter, [_slot(row, scope) for row in rows]

        return self._write_alone(scope, act)

    def halt(self) -> None:
        """See :class:`Store`. It waits for the statements that are under way."""

        def act(session: Session) -> None:
            with self._transaction(session):
                self._begin_epoch(session)

        self._write(act)

    def counters(self) -> dict[Scope, Counter]:
        """See :class:`Store`."""
        with self._using() as session:
            rows = self._rows(session, "SELECT next, acknowledged, epoch, venue, network, account, kind FROM @.counters")
            return {Scope(row[3], row[4], Address(row[5]), row[6]): _counter(row) for row in rows}

    def slots(self, query: Query) -> list[Slot]:
        """See :class:`Store`."""
        with self._using() as session:
            return self._read(session, query)

    def _read(self, session: Session, query: Query) -> list[Slot]:
        where, values = conditions(query, "%s", Decimal)
        return [_slot(row) for row in self._rows(session, f"SELECT {SLOT} FROM @.slots{where}", values)]

    def artifacts(self, slot_id: int) -> list[Artifact]:
        """See :class:`Store`."""
        with self._using() as session:
            rows = self._rows(
                session, f"SELECT {ARTIFACT} FROM @.artifacts WHERE slot = %s::bigint ORDER BY id", (str(slot_id),), prepare=True
            )
            return [artifact_of(row) for row in rows]

    def attempts(self, slot_id: int) -> list[Attempt]:
        """See :class:`Store`."""
        with self._using() as session:
            rows = self._rows(
                session, f"SELECT {ATTEMPT} FROM @.attempts WHERE slot = %s::bigint ORDER BY id", (str(slot_id),), prepare=True
            )
            return [attempt_of(row) for row in rows]

    def by_reference(self, scope: Scope, reference: str) -> Slot | None:
        """See :class:`Store`."""
        with self._using() as session:
            return self._by_reference(session, scope, reference)

    def _by_reference(self, session: Session, scope: Scope, reference: str) -> Slot | None:
        rows = self._rows(
            session,
            f"SELECT {SLOT} FROM @.slots WHERE id = (SELECT slot FROM @.intents WHERE {_SCOPE} AND reference = %(reference)s)",
            {**_scope_named(scope), "reference": reference},
        )
        return _slot(rows[0], scope) if rows else None

    def live(self, at: float, *, pending: bool = False) -> Iterator[Live]:
        """See :class:`Store`."""
        columns = ", ".join(f"s.{name}" for name in SLOT.split(", "))
        with self._using() as session:
            rows = self._rows(
                session,
                f"SELECT {columns}, a.digest, a.content, a.deadline "
                "FROM @.slots s JOIN @.artifacts a ON a.slot = s.id AND a.stage = 'content' "
                "WHERE (a.deadline IS NULL OR a.deadline > %s) AND (s.sent_at IS NOT NULL "
                "AND EXISTS (SELECT FROM @.attempts t WHERE t.slot = s.id AND t.what = 'sent' AND t.digest = a.digest) "
                "OR %s AND s.state IN ('committed', 'signed') AND s.digest = a.digest) ORDER BY s.id, a.id",
                (float(at), pending),
            )
            ends: dict[int, list[Attempt]] = {}
            for row in self._rows(
                session,
                f"SELECT {ATTEMPT} FROM @.attempts WHERE slot = ANY(%s) AND what IN (%s, %s) ORDER BY id",
                (sorted({row[0] for row in rows}), What.FILL.value, What.DEAD.value),
            ):
                ends.setdefault(row[0], []).append(attempt_of(row))
        return iter([Live(_slot(row), Hash32(row[-3]), row[-2], row[-1], tuple(ends.get(row[0], ()))) for row in rows])

    def hold(self, scope: Scope, name: str, intent: str, lease: Lease) -> Hold:
        """See :class:`Store`."""
        values = {
            **_scope_named(scope),
            "name": name,
            "intent": intent,
            "owner": lease.owner,
            "owner_name": lease.name,
            "seconds": float(lease.seconds),
        }

        def act(session: Session) -> Hold:
            while not (rows := self._rows(session, _HOLD, {**values, **self._here(session)}, prepare=True)):
                if found := self._held(session, scope, name):  # Else it has ended in between.
                    raise refuse_held(found, intent)
            return hold_of(rows[0])

        return self._write(act)

    def _held(self, session: Session, scope: Scope, name: str) -> Hold | None:
        rows = self._rows(session, f"SELECT {HOLD} FROM @.holds WHERE {_HELD}", {**_scope_named(scope), "name": name})
        return hold_of(rows[0]) if rows else None

    def keep(self, hold: Hold, lease: Lease) -> Hold:
        """See :class:`Store`."""
        text = f"UPDATE @.holds SET until = {_NOW} + %(seconds)s WHERE {_OURS} AND until > {_NOW} RETURNING {HOLD}"
        return hold_of(self._of_ours(text, hold, lease))

    def let_go(self, hold: Hold, lease: Lease) -> None:
        """See :class:`Store`."""
        self._of_ours(f"DELETE FROM @.holds WHERE {_OURS} RETURNING name", hold, lease)

    def _of_ours(self, text: str, hold: Hold, lease: Lease) -> Sequence[Any]:
        """Do something to a hold that is still ours."""
        values = {
            **_scope_named(hold.scope),
            "name": hold.name,
            "owner": lease.owner,
            "epoch": str(hold.epoch),
            "since": hold.since,
            "seconds": float(lease.seconds),
        }

        def act(session: Session) -> Sequence[Any]:
            rows: list[Sequence[Any]] = self._rows(session, text, {**values, **self._here(session)}, prepare=True)
            if not rows:
                raise refuse_lost_hold(hold, self._held(session, hold.scope, hold.name))
            return rows[0]

        return self._write(act)

    def break_hold(self, scope: Scope, name: str, intent: str) -> None:
        """See :class:`Store`."""
        text = f"DELETE FROM @.holds WHERE {_HELD} AND intent = %(intent)s AND {_EPOCH} > 0 RETURNING name"
        values = {**_scope_named(scope), "name": name, "intent": intent}
        if not self._write(lambda session: self._rows(session, text, {**values, **self._here(session)})):
            raise refuse_no_hold(scope, name, intent)

    def holds(self) -> list[Hold]:
        """See :class:`Store`."""
        with self._using() as session:
            return sorted((hold_of(row) for row in self._rows(session, f"SELECT {HOLD} FROM @.holds")), key=in_order)

    def backup(self, path: Path) -> None:  # noqa: ARG002 - the protocol's
        """Not for this store."""
        raise LedgerError(
            "unsupported", "a ledger in PostgreSQL is backed up by the server's tools: pg_dump, or pg_basebackup with its log"
        )

    def close(self) -> None:
        """See :class:`Store`."""
        with self._lock:
            if self._open and self._process == os.getpid():
                self._open = False
                if self._session is not None:
                    self._session.close()
                    self._session = None

    def __repr__(self) -> str:
        return f"PostgresStore({self._name!r})"


def _scope_named(scope: Scope) -> dict[str, Any]:
    return dict(zip(("venue", "network", "account", "kind"), scope_values(scope), strict=True))


def _counter(row: Sequence[Any]) -> Counter:
    return Counter(int(row[0]), int(row[1]), row[2])


def _slot(row: Sequence[Any], scope: Scope | None = None) -> Slot:
    return slot_of(row, int(row[5]), scope)


def _change_json(number: int, change: Change) -> dict[str, Any]:
    """A change as the function ``apply`` reads it."""
    slot = change.slot
    return {
        "number": str(number),
        "slot": slot.id,
        "from": slot.state.value,
        "bound": _hex(slot.digest),
        "lease_epoch": slot.lease_epoch,
        "state": change.state.value,
        "digest": _hex(change.digest),
        "at": float(change.at),
        "sent_at": float(change.at) if change.sent else None,
        "live": change.live,
        "current": change.current,
        "reference": change.reference,
        "artifacts": [
            {
                "slot": artifact.slot_id,
                "stage": artifact.stage.value,
                "digest": _hex(artifact.digest),
                "content": artifact.content,
                "deadline": artifact.deadline,
                "signature": _hex(artifact.signature),
                "body": _hex(artifact.body),
                "at": float(artifact.at),
            }
            for artifact in change.artifacts
        ],
        "attempts": [_attempt_json(attempt) for attempt in change.attempts],
    }


def _attempt_json(attempt: Attempt) -> dict[str, Any]:
    return {
        "slot": attempt.slot_id,
        "what": attempt.what.value,
        "digest": _hex(attempt.digest),
        "details": json.dumps(attempt.details, sort_keys=True),
        "at": float(attempt.at),
    }


def _hex(raw: bytes | None) -> str | None:
    return None if raw is None else raw.hex()
