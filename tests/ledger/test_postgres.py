"""The PostgreSQL store: what it refuses by name, round trips counted on the wire, lost connections, fail-over, several processes."""

from __future__ import annotations

import hashlib
import inspect
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from tests.ledger.conftest import new_schema
from tests.postgres_server import Programs, Server, scratch_folder

from orderseal.signing import Domain, InvalidInput, LocalSigner
from orderseal.signing.ledger import (
    REASONS,
    AccountNonce,
    Answer,
    Change,
    Lease,
    Ledger,
    LedgerError,
    Meaning,
    Outgoing,
    Scope,
    SequentialFromVenue,
    State,
    postgres_connection,
    postgres_schema,
)
from orderseal.signing.ledger import postgres as postgres_module
from orderseal.signing.ledger.postgres import PostgresStore
from orderseal.signing.ledger.states import TRANSITIONS

if TYPE_CHECKING:
    from tests.ledger.conftest import Time

RULE = SequentialFromVenue(5)
NEXT = SequentialFromVenue()
LEASE = Lease("me#0123456789abcdef", 60.0)
_USED: list[str] = []


@pytest.fixture
def schema() -> str:
    return new_schema()


def whole(server: Server, **options: str) -> str:
    return server.conninfo(password=server.password, **options)


@pytest.fixture
def opened() -> Iterator[list[PostgresStore]]:
    stores: list[PostgresStore] = []
    yield stores
    for store in stores:
        store.close()


@pytest.fixture
def open_store(postgres: Server, schema: str, opened: list[PostgresStore]) -> Callable[..., PostgresStore]:
    def open_store(**options: Any) -> PostgresStore:
        store = PostgresStore(options.pop("conninfo", whole(postgres)), **{"schema": schema, **options})
        opened.append(store)
        return store

    return open_store


@pytest.fixture
def store(open_store: Callable[..., PostgresStore]) -> PostgresStore:
    return open_store()


@pytest.fixture
def used(store: PostgresStore, time: Time, scope: Scope, make_order: Any, domain: Domain, signer: LocalSigner) -> Ledger:
    """A ledger with one order sent (5), one committed (6), one reserved (7), one released (8), and a hold."""
    ledger = Ledger(store, clock=time)
    ledger.hold(scope, "token spender", "buy 1")
    slots = ledger.reserve_many(scope, RULE, 4)
    ledger.sign_to_send(ledger.commit(slots[0], make_order(5), domain, reference="first"), signer)
    ledger.commit(slots[1], make_order(6), domain)
    ledger.release(slots[3])
    return ledger


@contextmanager
def admin(server: Server, dbname: str = "postgres", **options: Any) -> Iterator[psycopg.Connection[Any]]:
    """Another program's session."""
    with psycopg.connect(whole(server, dbname=dbname), autocommit=True, **options) as connection:
        yield connection


def do(server: Server, *statements: str, dbname: str = "postgres") -> None:
    with admin(server, dbname) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def refusal(act: Callable[[], Any]) -> str:
    with pytest.raises(LedgerError) as error:
        act()
    assert len(str(error.value)) > 30
    assert error.value.reason in REASONS
    return error.value.reason


class Proxy:
    """Stands between client and server, counts how often the client speaks and is answered, and can cut the wire."""

    def __init__(self, target: str) -> None:
        self.turns = 0
        self.cut = ""  # "before": the next thing that the client says is lost; "after": the answer to it.
        self._target, self._client_spoke = target, False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        with self._listener:
            while True:
                try:
                    client, _address = self._listener.accept()
                except OSError:
                    return
                with client, socket.socket(socket.AF_UNIX) as server:
                    server.connect(self._target)
                    self._client_spoke = False
                    self._carry(client, server)

    def _carry(self, client: socket.socket, server: socket.socket) -> None:
        while True:
            for ready in select.select([client, server], [], [])[0]:
                try:
                    chunk = ready.recv(1 << 20)
                except ConnectionResetError:
                    return
                if not chunk or (ready is client and self.cut == "before") or (ready is server and self.cut == "after"):
                    self.cut = ""
                    return
                if (ready is client) and not self._client_spoke:
                    self.turns += 1
                self._client_spoke = ready is client
                (server if ready is client else client).sendall(chunk)

    def counted(self, act: Callable[[], Any]) -> int:
        before = self.turns
        act()
        return self.turns - before

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)


@pytest.fixture
def proxy(postgres: Server) -> Iterator[Proxy]:
    proxy = Proxy(postgres.socket)
    yield proxy
    proxy.close()


@pytest.fixture
def distant(proxy: Proxy, postgres: Server, open_store: Callable[..., PostgresStore]) -> PostgresStore:
    """A store on the other side of the proxy."""
    return open_store(conninfo=whole(postgres, host="127.0.0.1", port=str(proxy.port)))


class TestRoundTrips:
    def test_a_reservation_is_one(self, proxy: Proxy, distant: PostgresStore, scope: Scope) -> None:
        ledger = Ledger(distant)
        ledger.reserve(scope, RULE)  # A scope's first goes the long way, under a lock.
        taken: list[int] = []

        def take(count: int) -> None:
            taken.extend(slot.key for slot in ledger.reserve_many(scope, SequentialFromVenue(5), count))

        for count in (1, 1, 2, 100, 10_000, 7):
            assert proxy.counted(partial(take, count)) == 1
        assert taken == list(range(6, 6 + 10_111))

    def test_the_first_in_a_session_is_two(self, proxy: Proxy, distant: PostgresStore, store: PostgresStore, scope: Scope) -> None:
        Ledger(store).reserve(scope, RULE)
        ledger = Ledger(distant)
        assert [proxy.counted(lambda: ledger.reserve(scope, NEXT)) for _ in range(3)] == [2, 1, 1]

    def test_a_change_is_one(self, proxy: Proxy, distant: PostgresStore, scope: Scope, make_order: Any, domain: Domain, time: Time) -> None:
        ledger = Ledger(distant, clock=time)
        slots = ledger.reserve_many(scope, RULE, 60)
        ledger.release(slots[59])  # Planned now.
        for slot in slots[:5]:
            assert proxy.counted(partial(ledger.commit, slot, make_order(slot.key), domain, reference=f"r{slot.key}")) == 1
        ledger.observe(slots[5], "planned now")
        assert proxy.counted(lambda: ledger.observe(slots[5], "once")) == 1
        changes = [Change(slot, State.RELEASED, 1.0) for slot in slots[5:59]]
        assert proxy.counted(lambda: distant.apply(changes, LEASE)) == 1
        assert {slot.state for slot in ledger.slots()} == {State.COMMITTED, State.RELEASED}

    def test_a_hold_is_one(self, proxy: Proxy, distant: PostgresStore, scope: Scope) -> None:
        ledger = Ledger(distant, owner="bot")
        kept = ledger.keep(ledger.hold(scope, "n", "i"))
        ledger.let_go(kept)  # Planned now.
        held: list[Any] = []
        assert proxy.counted(lambda: held.append(ledger.hold(scope, "n", "i"))) == 1
        assert proxy.counted(lambda: held.append(ledger.keep(held[0]))) == 1
        distant._session.rows(f"UPDATE {distant.schema}.holds SET until = 1")  # type: ignore[union-attr]
        assert proxy.counted(lambda: held.append(ledger.hold(scope, "n", "i"))) == 1
        assert held[2].epoch == 2
        assert proxy.counted(ledger.holds) == 1
        assert proxy.counted(lambda: refusal(lambda: ledger.hold(scope, "n", "other"))) == 2
        assert proxy.counted(lambda: ledger.let_go(held[2])) == 1
        assert ledger.holds() == []

    def test_the_way_of_an_order(
        self, proxy: Proxy, distant: PostgresStore, scope: Scope, make_order: Any, domain: Domain, signer: LocalSigner, time: Time
    ) -> None:
        ledger = Ledger(distant, clock=time)

        def place(slot: Any) -> None:
            out = ledger.sign_to_send(ledger.commit(slot, make_order(slot.key), domain), signer)
            ledger.record(out.slot, Answer(Meaning.ACCEPTED))

        place(ledger.reserve(scope, RULE))
        # reserve, commit, read the order twice, sign_to_send, record
        assert proxy.counted(lambda: place(ledger.reserve(scope, NEXT))) <= 6


class TestDurability:
    @pytest.mark.parametrize(
        ("set_", "reset"),
        [
            ("ALTER ROLE postgres SET synchronous_commit = off", "ALTER ROLE postgres RESET synchronous_commit"),
            ("ALTER DATABASE postgres SET synchronous_commit = off", "ALTER DATABASE postgres RESET synchronous_commit"),
        ],
    )
    def test_synchronous_commit(
        self, postgres: Server, store: PostgresStore, open_store: Callable[..., PostgresStore], set_: str, reset: str
    ) -> None:
        do(postgres, set_)
        try:
            assert refusal(open_store) == "synchronous"
            store._session.close()  # type: ignore[union-attr]
            assert refusal(store.info) == "synchronous"  # A session that is made anew is checked anew.
        finally:
            do(postgres, reset)
        assert store.info().epoch == 1

    @pytest.mark.parametrize(("value", "kept"), [("local", "on"), ("remote_write", "on"), ("on", "on"), ("remote_apply", "remote_apply")])
    def test_what_commits_wait_for(self, postgres: Server, open_store: Callable[..., PostgresStore], value: str, kept: str) -> None:
        store = open_store(conninfo=whole(postgres, options=f"'-c synchronous_commit={value}'"))
        assert store._session
        assert store._session.rows("SHOW synchronous_commit") == [(kept,)]
        assert refusal(lambda: open_store(conninfo=whole(postgres, options="'-c synchronous_commit=off'"))) == "synchronous"

    @pytest.mark.parametrize("name", ["fsync", "full_page_writes"])
    def test_the_disk(
        self, postgres: Server, store: PostgresStore, open_store: Callable[..., PostgresStore], scope: Scope, name: str
    ) -> None:
        """Also of a session that was there before: every statement that writes looks."""
        ledger = Ledger(store)
        slot = ledger.reserve(scope, RULE)
        do(postgres, f"ALTER SYSTEM SET {name} = off", "SELECT pg_reload_conf()")
        try:
            wait_for(lambda: shown(postgres, name) == "off")
            assert refusal(open_store) == "synchronous"
            for act in (lambda: ledger.reserve(scope, NEXT), lambda: ledger.release(slot), lambda: ledger.observe(slot, "x")):
                assert refusal(act) == "synchronous"
        finally:
            do(postgres, f"ALTER SYSTEM RESET {name}", "SELECT pg_reload_conf()")
        wait_for(lambda: shown(postgres, name) == "on")
        assert ledger.reserve(scope, NEXT).key == 6

    def test_a_commit_that_no_standby_has(self, postgres: Server, store: PostgresStore, scope: Scope) -> None:
        """The server says it in a warning alone, when somebody ends the waiting."""
        ledger = Ledger(store)
        ledger.reserve(scope, RULE)
        do(postgres, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'", "SELECT pg_reload_conf()")
        try:
            with ThreadPoolExecutor(1) as pool:
                wait_for(lambda: shown(postgres, "synchronous_standby_names") == "nobody")
                told = pool.submit(refusal, lambda: ledger.reserve(scope, NEXT))
                with admin(postgres) as other:
                    query = b"SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
                    wait_for(lambda: other.execute(query).fetchall() != [])
                assert told.result(10) == "synchronous"
        finally:
            do(postgres, "ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")
        assert [slot.key for slot in ledger.slots()] == [5, 6]


def shown(server: Server, name: str) -> str:
    with admin(server) as connection:
        rows = connection.execute(f"SHOW {name}".encode()).fetchall()
    return str(rows[0][0])


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        threading.Event().wait(0.02)
    raise AssertionError("it did not happen within ten seconds")


class TestTheSchema:
    def test_another_programs(self, postgres: Server, schema: str, open_store: Callable[..., PostgresStore]) -> None:
        do(postgres, f"CREATE SCHEMA {schema}", f"CREATE TABLE {schema}.meta (name text, value text)")
        assert refusal(open_store) == "not_a_ledger"
        assert refusal(lambda: open_store(schema="public", create=False)) == "missing"

    def test_missing_and_newer(self, postgres: Server, schema: str, open_store: Callable[..., PostgresStore]) -> None:
        assert refusal(lambda: open_store(create=False)) == "missing"
        open_store()
        do(postgres, f"UPDATE {schema}.meta SET value = '99' WHERE name = 'version'")
        assert refusal(open_store) == "newer_schema"

    def test_an_empty_schema_of_the_administrators(self, postgres: Server, schema: str, open_store: Callable[..., PostgresStore]) -> None:
        do(postgres, f"CREATE SCHEMA {schema}")
        assert open_store().info().epoch == 1

    @pytest.mark.parametrize(
        "statement",
        [
            "DROP TRIGGER step_slot ON {0}.slots",
            "ALTER TABLE {0}.slots DISABLE TRIGGER step_slot",
            "ALTER TABLE {0}.slots ENABLE TRIGGER step_slot",
            "ALTER TABLE {0}.artifacts DISABLE TRIGGER ALL",
            "DROP TRIGGER keep ON {0}.artifacts",
            "CREATE OR REPLACE FUNCTION {0}.keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
            "CREATE FUNCTION {0}.apply(int) RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "ALTER FUNCTION {0}.keep() SECURITY DEFINER",
            "ALTER TABLE {0}.slots DROP CONSTRAINT slots_venue_network_account_kind_key_key",
            "ALTER TABLE {0}.attempts DROP CONSTRAINT attempts_slot_fkey",
            "ALTER TABLE {0}.counters ALTER next DROP NOT NULL",
            "ALTER TABLE {0}.counters ADD extra int",
            "ALTER TABLE {0}.attempts SET UNLOGGED",
            "ALTER TABLE {0}.slots ENABLE ROW LEVEL SECURITY",
            "CREATE RULE r AS ON UPDATE TO {0}.slots DO INSTEAD NOTHING",
            "CREATE TRIGGER mine BEFORE UPDATE ON {0}.slots FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
            "CREATE TABLE {0}.child () INHERITS ({0}.slots)",
            "CREATE VIEW {0}.v AS SELECT 1",
            "DROP TABLE {0}.holds",
            "DROP TRIGGER keep_hold ON {0}.holds",
            "ALTER TABLE {0}.holds DROP CONSTRAINT holds_pkey",
        ],
    )
    def test_a_changed_one(self, postgres: Server, schema: str, open_store: Callable[..., PostgresStore], statement: str) -> None:
        open_store().close()
        do(postgres, statement.format(schema))
        assert refusal(open_store) == "schema_changed"

    def test_a_role_that_is_a_replica(self, postgres: Server, open_store: Callable[..., PostgresStore]) -> None:
        conninfo = whole(postgres, options="'-c session_replication_role=replica'")
        assert refusal(lambda: open_store(conninfo=conninfo)) == "schema_changed"

    def test_a_role_that_only_reads(self, postgres: Server, open_store: Callable[..., PostgresStore]) -> None:
        conninfo = whole(postgres, options="'-c default_transaction_read_only=on'")
        assert refusal(lambda: open_store(conninfo=conninfo)) == "read_only"

    def test_a_server_that_is_too_old(self, open_store: Callable[..., PostgresStore], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(postgres_connection, "OLDEST_SERVER", 99)
        assert refusal(open_store) == "unsupported"

    def test_tables_that_are_gone(self, postgres: Server, schema: str, store: PostgresStore, scope: Scope) -> None:
        ledger = Ledger(store)
        ledger.reserve(scope, RULE)
        do(postgres, f"DROP SCHEMA {schema} CASCADE")
        assert refusal(lambda: ledger.reserve(scope, NEXT)) == "replaced"
        assert refusal(lambda: ledger.reserve(scope, NEXT)) in ("missing", "replaced")

    def test_another_ledger_in_its_place(
        self, postgres: Server, schema: str, store: PostgresStore, open_store: Callable[..., PostgresStore], scope: Scope
    ) -> None:
        ledger = Ledger(store)
        ledger.reserve(scope, RULE)
        do(postgres, f"DROP SCHEMA {schema} CASCADE")
        Ledger(open_store()).reserve(scope, RULE)
        for _ in range(2):
            assert refusal(lambda: ledger.reserve(scope, NEXT)) == "replaced"

    MADE = ("97d9a84d6b656d72661ca69ad5fd6dc2ff9e6d3e070367a2ea2942c164cff1ca",)

    @pytest.mark.parametrize("number", range(1))
    def test_a_migration_that_was_made_is_never_edited(self, number: int) -> None:
        assert hashlib.sha256("\0".join(postgres_schema.MIGRATIONS[number]).encode()).hexdigest() == self.MADE[number]

    def test_one_of_the_first_version(
        self,
        postgres: Server,
        schema: str,
        open_store: Callable[..., PostgresStore],
        scope: Scope,
        make_order: Any,
        domain: Domain,
        signer: LocalSigner,
        time: Time,
    ) -> None:
        """Holds come to it, and replacing before anything was sent; a bot that has it open goes on."""
        first = [postgres_schema.named(statement, schema) for statement in postgres_schema.MIGRATIONS[0]]
        meta = {"application": postgres_schema.APPLICATION, "store_id": "07" * 16, "epoch": "1", "version": "1", "place": ""}
        rows = [f"INSERT INTO {schema}.meta VALUES ('{name}', '{value}')" for name, value in meta.items()]
        do(postgres, f"CREATE SCHEMA {schema}", *first, *rows)
        ledger = Ledger(open_store(), clock=time, owner="bot")
        assert (ledger.info().schema_version, ledger.info().store_id, ledger.info().epoch) == (2, "07" * 16, 1)
        chain = Scope("evm", "17000", scope.account, "transaction")
        hold = ledger.hold(chain, "n", "i")
        slot = ledger.commit_content(ledger.reserve(chain, AccountNonce(9)), b"\1" * 32, {})
        slot = ledger.replace_content(ledger.store_signed(slot, b"s", b"raw"), b"\2" * 32, {})
        assert slot.state is State.COMMITTED
        ledger.let_go(hold)
        out = ledger.sign_to_send(ledger.commit(ledger.reserve(scope, RULE), make_order(5), domain, reference="a"), signer)
        assert ledger.by_reference(scope, "a") == out.slot

    def test_what_an_older_release_says_of_a_change_is_still_understood(self, store: PostgresStore, scope: Scope) -> None:
        """A bot that was not restarted says nothing of what a slot carries."""
        slot = Ledger(store).reserve(scope, RULE)
        change = postgres_module._change_json(0, Change(slot, State.RELEASED, 1.0))
        del change["bound"]
        assert store._session
        mark = {**store._here(store._session), "changes": json.dumps([change]), "owner": LEASE.owner}
        text = f"SELECT state FROM {store.schema}.apply(%(session)s, %(slots)s::oid, %(changes)s::jsonb, %(owner)s, 60)"
        assert store._session.rows(text, mark) == [("released",)]

    def test_the_legal_steps_are_those_of_the_states(self) -> None:
        text = next(s for s in postgres_schema.MIGRATIONS[-1] if "step_slot()" in s)
        listed = {tuple(pair.split(">")) for pair in re.findall(r"'([a-z]+>[a-z]+)'", text)}
        assert listed == {(str(a), str(b)) for a, b in TRANSITIONS} | {("committed", "sending")}


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM {0}.slots",
        "DELETE FROM {0}.artifacts",
        "DELETE FROM {0}.attempts",
        "DELETE FROM {0}.intents",
        "DELETE FROM {0}.meta",
        "DELETE FROM {0}.counters",
        "TRUNCATE {0}.slots CASCADE",
        "TRUNCATE {0}.attempts",
        "TRUNCATE {0}.meta",
        "UPDATE {0}.artifacts SET body = 'x'",
        "UPDATE {0}.attempts SET details = '{{}}'",
        "UPDATE {0}.intents SET reference = 'other'",
        "UPDATE {0}.intents SET slot = 3",
        "UPDATE {0}.slots SET key = key + 100",
        "UPDATE {0}.slots SET account = '\\x00' WHERE key = 7",
        "UPDATE {0}.slots SET shared = true",
        "UPDATE {0}.slots SET digest = NULL WHERE key = 5",
        "UPDATE {0}.slots SET digest = NULL, state = 'abandoned' WHERE key = 6",
        "UPDATE {0}.slots SET digest = decode(repeat('07', 32), 'hex') WHERE key = 5",
        "UPDATE {0}.slots SET digest = decode(repeat('07', 32), 'hex'), state = 'committed' WHERE key = 6",
        "UPDATE {0}.slots SET digest = decode(repeat('07', 32), 'hex'), state = 'committed' WHERE key = 7",
        "UPDATE {0}.slots SET state = 'sending' WHERE key = 6",
        "UPDATE {0}.slots SET state = 'signed' WHERE key = 6",
        "UPDATE {0}.slots SET state = 'reserved' WHERE key = 5",
        "UPDATE {0}.slots SET state = 'abandoned' WHERE key = 5",
        "UPDATE {0}.slots SET state = 'committed' WHERE key = 7",
        "UPDATE {0}.slots SET state = 'nonsense' WHERE key = 7",
        "UPDATE {0}.slots SET state = 'committed' WHERE key = 5",
        "UPDATE {0}.slots SET state = 'committed', digest = decode(repeat('07', 32), 'hex') WHERE key = 5",
        "UPDATE {0}.slots SET state = 'committed', shared = true WHERE key = 5",
        "UPDATE {0}.slots SET state = 'committed' WHERE key = 9",
        "UPDATE {0}.slots SET state = 'committed', digest = (SELECT digest FROM {0}.slots WHERE key = 6) WHERE key = 9",
        "TRUNCATE {0}.holds",
        "UPDATE {0}.holds SET intent = 'buy 2'",
        "UPDATE {0}.holds SET name = 'other'",
        "UPDATE {0}.holds SET network = '97'",
        "UPDATE {0}.holds SET since = 1",
        "UPDATE {0}.holds SET epoch = 0",
        "UPDATE {0}.holds SET owner = 'other#0123456789abcdef'",
        "INSERT INTO {0}.holds SELECT * FROM {0}.holds",
        "INSERT INTO {0}.holds SELECT venue, network, account, kind, '', intent, owner, epoch, until, since FROM {0}.holds",
        "INSERT INTO {0}.holds SELECT venue, network, '\\x07', kind, 'more', intent, owner, epoch, until, since FROM {0}.holds",
        "INSERT INTO {0}.holds SELECT venue, network, account, kind, 'more', repeat('x', 129), owner, epoch, until, since FROM {0}.holds",
        "UPDATE {0}.slots SET sent_at = NULL WHERE key = 5",
        "UPDATE {0}.slots SET sent_at = 1 WHERE key = 5",
        "UPDATE {0}.slots SET sent_at = 1 WHERE key = 7",
        "UPDATE {0}.slots SET lease_epoch = lease_epoch - 1",
        "UPDATE {0}.meta SET value = '0' WHERE name = 'epoch'",
        "UPDATE {0}.meta SET value = 'x' WHERE name = 'store_id'",
        "INSERT INTO {0}.artifacts (slot, stage, digest, content, at) SELECT 1, 'content', decode(repeat('07', 32), 'hex'), '{{}}', 1",
        "INSERT INTO {0}.artifacts (slot, stage, digest, content, at) SELECT 3, 'content', '\\x07', '{{}}', 1",
        "INSERT INTO {0}.artifacts (slot, stage, digest, signature, body, at) "  # noqa: ISC004
        "SELECT 3, 'signed', decode(repeat('07', 32), 'hex'), 'x', 'x', 1",
        "INSERT INTO {0}.attempts (slot, what, details, at) VALUES (1, 'nonsense', '{{}}', 1)",
        "INSERT INTO {0}.attempts (slot, what, details, at) VALUES (99, 'note', '{{}}', 1)",
        "INSERT INTO {0}.slots (venue, network, account, kind, key, shared, state, owner, lease_epoch, lease_until, changed_at) "  # noqa: ISC004
        "SELECT venue, network, account, kind, key, shared, 'reserved', owner, 1, 1, 1 FROM {0}.slots",
        "INSERT INTO {0}.slots (venue, network, account, kind, key, shared, state, owner, lease_epoch, lease_until, changed_at) "  # noqa: ISC004
        "SELECT venue, network, account, kind, key + 2 ^ 256, shared, 'reserved', owner, 1, 1, 1 FROM {0}.slots",
        "INSERT INTO {0}.slots (venue, network, account, kind, key, shared, state, owner, lease_epoch, lease_until, changed_at) "  # noqa: ISC004
        "SELECT venue, network, account, kind, key + 50, shared, 'released', owner, 1, 1, 1 FROM {0}.slots",
    ],
)
def test_the_database_itself_refuses(postgres: Server, request: pytest.FixtureRequest, statement: str) -> None:
    """Whoever asks, the superuser included; and but for foreign keys, also in a session that calls itself a replica."""
    if not _USED:  # Nothing is changed, so one ledger is enough.
        ledger: Ledger = request.getfixturevalue("used")
        scope: Scope = request.getfixturevalue("scope")
        slot = ledger.commit_content(ledger.reserve_many(scope, SequentialFromVenue(fill_released=False), 1)[0], b"\1" * 32, {})
        assert ledger.store_signed(slot, b"s", b"raw").key == 9
        _USED.append(request.getfixturevalue("schema"))
    for role in ("origin", "replica"):
        if role == "replica" and "VALUES (99" in statement:
            continue
        with admin(postgres, options=f"-c session_replication_role={role}") as connection, pytest.raises(psycopg.Error) as error:
            connection.execute(statement.format(_USED[0]).encode())
        assert error.value.sqlstate in ("OSL00", "23505", "23503", "22003")


def test_what_was_replaced_does_not_come_back(postgres: Server, store: PostgresStore, scope: Scope) -> None:
    """Under a shared nonce both contents are stored, and signed: the rule of the digest alone is in the way."""
    ledger = Ledger(store)
    slot = ledger.commit_content(ledger.reserve(scope, AccountNonce(9)), b"\1" * 32, {"gas": "1"})
    slot = ledger.replace_content(ledger.begin_sending(ledger.store_signed(slot, b"s1", b"raw1")).slot, b"\2" * 32, {"gas": "2"})
    ledger.store_signed(slot, b"s2", b"raw2")
    with pytest.raises(psycopg.Error, match="bound to one digest"):
        do(postgres, f"UPDATE {store.schema}.slots SET digest = decode(repeat('01', 32), 'hex')")


class TestConnecting:
    @pytest.mark.parametrize(
        "conninfo",
        ["", " ", "host=/x\0 password=geheim7", "geheim7", "password='geheim7", "postgresql://u:geheim7@[::1", "nonsense=geheim7", 7, None,
         b"host=x", "host=/x replication=database", "host=/x client_encoding=latin1"],
    )  # fmt: skip
    def test_hostile_conninfo(self, conninfo: Any) -> None:
        with pytest.raises(InvalidInput) as error:
            PostgresStore(conninfo)
        assert "geheim7" not in "".join(traceback.format_exception(error.value, chain=True)).replace(repr(conninfo), "")
        assert "geheim7" not in str(error.value)

    @pytest.mark.parametrize("schema", ["", "Public", "a-b", 'x"; DROP', "pg_x", "x" * 64, "ü", 7])
    def test_hostile_schema(self, postgres: Server, schema: Any) -> None:
        with pytest.raises(InvalidInput):
            PostgresStore(whole(postgres), schema=schema)

    @pytest.mark.parametrize("options", [{"busy_timeout": -1}, {"busy_timeout": True}, {"connect_timeout": 0}, {"connect_timeout": "1"}])
    def test_hostile_options(self, postgres: Server, options: Any) -> None:
        with pytest.raises(InvalidInput):
            PostgresStore(whole(postgres), **options)

    @pytest.mark.parametrize(
        ("change", "expected"),
        [
            ({"password": "geheim7"}, "denied"),
            ({"user": "nobody_here", "password": "geheim7"}, "denied"),
            ({"dbname": "nowhere"}, "missing"),
            ({"host": "/nowhere", "password": "geheim7"}, "unreachable"),
            ({"host": "127.0.0.1", "port": "1", "password": "geheim7"}, "unreachable"),
        ],
    )
    def test_no_connection(self, postgres: Server, change: dict[str, str], expected: str) -> None:
        with pytest.raises(LedgerError) as error:
            PostgresStore(postgres.conninfo(**{"password": postgres.password, **change}))
        assert error.value.reason == expected
        shown = "".join(traceback.format_exception(error.value)) + repr(error.value)
        assert "geheim7" not in shown
        assert postgres.password not in shown

    def test_the_password_is_never_shown(self, postgres: Server, store: PostgresStore, schema: str) -> None:
        assert postgres.password not in repr(store) + repr(Ledger(store)) + repr(vars(store))
        assert repr(store) == f"PostgresStore('{schema} in postgres at {postgres.place}')"

    def test_a_ledger_opens_a_url(self, postgres: Server, scope: Scope) -> None:
        host = str(postgres.place).replace("/", "%2F")
        for begin in ("postgres", "postgresql"):
            with Ledger(f"{begin}://postgres:{postgres.password}@{host}/postgres") as ledger:
                assert ledger.reserve(scope, RULE).key >= 5
                assert postgres.password not in repr(ledger)

    def test_is_loaded_when_it_is_used(self, tmp_path: Path) -> None:
        program = "import sys, orderseal.signing.ledger; print(sorted({'psycopg', 'psycopg_binary'} & set(sys.modules)))"
        done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
        assert done.stdout == "[]\n"

    def test_without_psycopg(self, tmp_path: Path) -> None:
        program = (
            "import sys; sys.modules['psycopg'] = None\n"
            "from orderseal.signing.ledger import Ledger, LedgerError\n"
            "try: Ledger('postgresql://x/y')\n"
            "except LedgerError as error: print(error.reason, error)"
        )
        done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
        assert done.stdout.startswith("unsupported ")
        assert "pip install 'orderseal[postgres]'" in done.stdout

    def test_no_row_is_shown(self, store: PostgresStore, used: Ledger) -> None:
        """The server's details show the row that it refuses, and so what is signed."""
        content = used.artifacts(used.slots()[0])[1]
        with pytest.raises(LedgerError) as error:
            store.apply([Change(used.slots()[0], State.SENDING, 1.0, artifacts=(content,))], LEASE)
        assert error.value.reason == "conflict"
        assert content.signature
        assert content.signature.hex() not in "".join(traceback.format_exception(error.value)).lower()

    def test_every_error_of_psycopg_has_a_reason(self) -> None:
        classes = [c for _name, c in inspect.getmembers(psycopg.errors, inspect.isclass) if issubclass(c, psycopg.Error)]
        assert len(classes) > 200
        for class_ in classes:
            for lost in (False, True):
                told = postgres_connection.translate(class_("x"), "l", lost=lost)
                assert told.reason in REASONS
                assert told.reason == "unreachable" or not lost


class TestLostConnections:
    def test_a_session_that_was_ended(self, postgres: Server, store: PostgresStore, scope: Scope) -> None:
        ledger = Ledger(store)
        ledger.reserve(scope, RULE)
        do(postgres, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'orderseal'")
        with pytest.raises(LedgerError, match="read the row again") as error:
            ledger.reserve(scope, NEXT)
        assert error.value.reason == "unreachable"
        assert ledger.reserve(scope, NEXT).key == 6
        assert ledger.info().epoch == 1

    @pytest.mark.parametrize(("cut", "made"), [("before", State.RESERVED), ("after", State.RELEASED)])
    def test_in_a_commit(self, proxy: Proxy, distant: PostgresStore, scope: Scope, cut: str, made: State) -> None:
        ledger = Ledger(distant)
        spare, slot = ledger.reserve_many(scope, RULE, 2)
        ledger.release(spare)
        proxy.cut = cut
        assert refusal(lambda: ledger.release(slot)) == "unreachable"
        assert ledger.get(slot.id).state is made

    def test_a_server_that_is_killed_again_and_again(self, scope: Scope) -> None:
        """What was returned is there afterwards, and nothing was given out twice."""
        scratch = scratch_folder()
        server = Server(scratch, Programs(scratch))
        server.create()
        server.start()
        keys: list[int] = []
        try:
            with Ledger(PostgresStore(whole(server))) as ledger:
                keys.append(ledger.reserve(scope, RULE).key)
                for _ in range(2):
                    stop = threading.Event()

                    def work(stop: threading.Event = stop) -> str:
                        while not stop.wait(0):
                            try:
                                keys.extend(slot.key for slot in ledger.reserve_many(scope, NEXT, 3))
                            except LedgerError as error:
                                return error.reason
                        return ""

                    with ThreadPoolExecutor(3) as pool:
                        working = [pool.submit(work) for _ in range(3)]
                        threading.Event().wait(0.1)
                        server.kill()
                        stop.set()
                        assert {one.result(20) for one in working} <= {"", "unreachable"}
                    assert refusal(ledger.slots) == "unreachable"
                    server.start()
                assert len(keys) == len(set(keys))
                stored = {slot.key for slot in ledger.slots()}
                assert set(keys) <= stored
                assert stored == set(range(5, max(stored) + 1))
                assert ledger.info().epoch == 1
        finally:
            server.kill()
            shutil.rmtree(scratch)

    def test_a_server_that_says_nothing(self, scope: Scope, postgres: Server, store: PostgresStore) -> None:
        ledger = Ledger(store)
        ledger.reserve(scope, RULE)
        assert store._session
        store._session._connection.patience = 0.3
        pid = store._session.rows("SELECT pg_backend_pid()")[0][0]
        os.kill(pid, signal.SIGSTOP)
        try:
            assert refusal(lambda: ledger.reserve(scope, NEXT)) == "unreachable"
        finally:
            os.kill(pid, signal.SIGCONT)
        assert ledger.reserve(scope, NEXT).key in (6, 7)

    def test_a_pooler_that_passes_sessions_around(self, store: PostgresStore, scope: Scope) -> None:
        """In transaction mode a statement may come to a session that nobody has checked: a pooler resets them in between."""
        ledger = Ledger(store)
        slot = ledger.reserve(scope, RULE)
        for act in (lambda: ledger.reserve(scope, NEXT), lambda: ledger.release(slot), lambda: ledger.observe(slot, "x"),
                    lambda: ledger.reconcile(scope, 5)):  # fmt: skip
            assert store.now()
            assert store._session
            store._session.rows("RESET ALL")
            assert refusal(act) == "unsupported"
        assert ledger.get(slot.id) == slot

    def test_forked(self, store: PostgresStore, scope: Scope) -> None:
        ledger = Ledger(store)
        ledger.reserve(scope, RULE)
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                ledger.reserve(scope, NEXT)
            except LedgerError as error:
                os.write(write, error.reason.encode())
                ledger.close()
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        assert os.read(read, 100) == b"forked"
        os.close(read)
        os.close(write)
        assert ledger.reserve(scope, NEXT).key == 6


class TestTogether:
    def test_a_lock_is_not_waited_for_for_ever(self, postgres: Server, open_store: Callable[..., PostgresStore], scope: Scope) -> None:
        store = open_store(busy_timeout=0.1)
        ledger = Ledger(store, owner="bot")
        slot = ledger.reserve(scope, RULE)
        with psycopg.connect(whole(postgres)) as other:
            other.execute(f"SELECT FROM {store.schema}.counters FOR UPDATE".encode())
            other.execute(f"SELECT FROM {store.schema}.slots FOR UPDATE".encode())
            for act in (lambda: ledger.reserve(scope, NEXT), lambda: ledger.release(slot), lambda: ledger.reconcile(scope, 5)):
                assert refusal(act) == "busy"
            assert Ledger(store, owner="bot").take_over() == []  # It goes past what others hold.
        assert ledger.release(slot).state is State.RELEASED

    def test_a_deadlock_is_tried_again(self, postgres: Server, open_store: Callable[..., PostgresStore], scope: Scope) -> None:
        store = open_store(conninfo=whole(postgres, options="'-c deadlock_timeout=500ms'"))
        slots = Ledger(store).reserve_many(scope, RULE, 2)
        lock = f"SELECT FROM {store.schema}.slots WHERE id = %s FOR UPDATE".encode()
        with psycopg.connect(whole(postgres, options="'-c deadlock_timeout=10s'")) as other, ThreadPoolExecutor(1) as pool:
            other.execute(lock, (slots[1].id,))
            done = pool.submit(store.apply, [Change(slot, State.RELEASED, 1.0) for slot in slots], LEASE)
            with admin(postgres) as watcher:
                query = b"SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'orderseal'"
                wait_for(lambda: watcher.execute(query).fetchall() != [])
            other.execute(lock, (slots[0].id,))
            other.rollback()
            assert [slot.state for slot in done.result(20)] == [State.RELEASED] * 2

    def test_eight_processes(self, postgres: Server, schema: str, open_store: Callable[..., PostgresStore], tmp_path: Path) -> None:
        """They make the tables at the same time, too."""
        program = (
            "import sys\n"
            "from orderseal.signing.ledger import Ledger, Scope, SequentialFromVenue\n"
            "from orderseal.signing.ledger.postgres import PostgresStore\n"
            "scope = Scope('v', 'n', '0x' + '11' * 20)\n"
            "sys.stdin.readline()\n"
            "with Ledger(PostgresStore(sys.argv[1], schema=sys.argv[2])) as ledger:\n"
            "    keys = [slot.key for turn in range(20) for slot in ledger.reserve_many(scope, SequentialFromVenue(5), 1 + turn % 3)]\n"
            "    freed = [ledger.release(slot).key for slot in ledger.reserve_many(scope, SequentialFromVenue(), 2)]\n"
            "    keys += [ledger.reserve(scope, SequentialFromVenue()).key for _ in range(2)]\n"
            "    print(*keys)\n"
        )
        command = [sys.executable, "-c", program, whole(postgres), schema]
        bots = [subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(8)]
        for bot in bots:
            assert bot.stdin
            bot.stdin.write("\n")
            bot.stdin.flush()
        keys = [int(word) for bot in bots for word in bot.communicate(timeout=60)[0].split()]
        assert [bot.returncode for bot in bots] == [0] * 8
        assert len(keys) == len(set(keys)) == 8 * 41
        ledger = Ledger(open_store())
        assert {slot.key for slot in ledger.slots(states=[State.RESERVED])} == set(keys)

    def test_each_row_is_taken_over_by_one(self, postgres: Server, open_store: Callable[..., PostgresStore], scope: Scope) -> None:
        Ledger(open_store(), lease=0.001).reserve_many(scope, RULE, 300)
        ledgers = [Ledger(open_store()) for _ in range(6)]
        start = threading.Barrier(6)

        def take(ledger: Ledger) -> list[int]:
            start.wait(10)
            return [slot.key for _ in range(4) for slot in ledger.take_over(limit=40)]

        with ThreadPoolExecutor(6) as pool:
            keys = [key for part in pool.map(take, ledgers) for key in part]
        assert sorted(keys) == list(range(5, 305))

    def test_a_halt_waits_for_what_is_under_way(self, store: PostgresStore, open_store: Callable[..., PostgresStore], scope: Scope) -> None:
        ledger, other = Ledger(store), Ledger(open_store(busy_timeout=0.1))
        slot = ledger.reserve(scope, RULE)
        assert store._session
        store._session.rows("BEGIN")
        store.apply([Change(slot, State.RESERVED, 1.0, current=True)], LEASE)
        assert refusal(other.halt) == "busy"
        store._session.rows("COMMIT")
        other.halt()
        assert refusal(lambda: store.apply([Change(slot, State.RESERVED, 1.0, current=True)], LEASE)) == "needs_reconcile"

    def test_nothing_that_waited_for_a_halt_is_reserved(
        self, store: PostgresStore, open_store: Callable[..., PostgresStore], scope: Scope
    ) -> None:
        ledger, other = Ledger(store), open_store()
        assert other._session
        watch = other._session.rows

        def apply() -> None:
            store.apply([Change(slot, State.RESERVED, 1.0, current=True)], LEASE)

        for act in (lambda: ledger.reserve(scope, NEXT), apply):
            slot = ledger.reserve(scope, NEXT if ledger.counters() else RULE)
            watch("BEGIN")
            other._begin_epoch(other._session)
            with ThreadPoolExecutor(1) as pool:
                waiting = pool.submit(refusal, act)
                wait_for(lambda: len(watch("SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")) == 1)
                watch("COMMIT")
                assert waiting.result(10) == "needs_reconcile"
            ledger.reconcile(scope, 5)
            assert ledger.get(slot.id).state is State.ABANDONED

    def test_backup(self, store: PostgresStore, tmp_path: Path) -> None:
        with pytest.raises(LedgerError, match="pg_dump") as error:
            store.backup(tmp_path / "x")
        assert error.value.reason == "unsupported"


class TestRights:
    def test_a_bot_needs_none_to_make_tables(
        self, postgres: Server, schema: str, scope: Scope, make_order: Any, domain: Domain, signer: LocalSigner, time: Time
    ) -> None:
        """As docs/postgres.md sets it up."""
        page = (Path(__file__).resolve().parents[2] / "docs" / "postgres.md").read_text("utf-8")
        page = re.sub(r"\bbot\b", f"bot_{schema}", page).replace("ledger_owner", f"owner_{schema}")
        page = re.sub(r"DATABASE ledger\b", f"DATABASE ledger_{schema}", page).replace(" LOGIN;", " LOGIN PASSWORD 'x';")
        roles, grants = re.findall(r"```sql\n(.*?)```", page.replace("orderseal", schema), re.S)
        owner, conninfo = (postgres.conninfo(f"ledger_{schema}", user=f"{role}_{schema}", password="x") for role in ("owner", "bot"))
        do(postgres, *filter(str.strip, roles.split(";")))
        PostgresStore(owner, schema=schema).close()
        with psycopg.connect(owner) as connection:
            connection.execute(grants.encode())
        with Ledger(PostgresStore(conninfo, schema=schema), clock=time) as ledger:
            slot = ledger.commit(ledger.reserve(scope, RULE), make_order(5), domain, reference="r")
            out = ledger.sign_to_send(slot, signer)
            ledger.record(out.slot, Answer(Meaning.ACCEPTED))
            ledger.reconcile(scope, 6)
            ledger.take_over()
            assert ledger.exposure().orders
            ledger.let_go(ledger.keep(ledger.hold(scope, "n", "i")))
            ledger.hold(scope, "n", "i")
            ledger.break_hold(scope, "n", "i")
        for statement in (
            "DROP TABLE {0}.slots",
            "ALTER TABLE {0}.slots DISABLE TRIGGER ALL",
            "CREATE TABLE {0}.x ()",
            "TRUNCATE {0}.slots",
        ):
            with psycopg.connect(conninfo) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement.format(schema).encode())
        assert refusal(lambda: PostgresStore(conninfo, schema=f"{schema}_new")) == "denied"


class TestAnotherPlace:
    def test_a_restored_copy(self, postgres: Server, schema: str, used: Ledger, opened: list[PostgresStore], scope: Scope) -> None:
        dump = postgres.programs.run("pg_dump", "-n", schema, "-d", postgres.conninfo(), password=postgres.password)
        do(postgres, f"CREATE DATABASE copy_{schema}")
        command = ("-q", "-v", "ON_ERROR_STOP=1", "-d", postgres.conninfo(f"copy_{schema}"))
        postgres.programs.run("psql", *command, password=postgres.password, stdin=dump)
        store = PostgresStore(whole(postgres, dbname=f"copy_{schema}"), schema=schema)
        opened.append(store)
        copy = Ledger(store)
        assert (copy.info().epoch, copy.info().store_id) == (2, used.info().store_id)
        assert refusal(lambda: copy.reserve(scope, NEXT)) == "needs_reconcile"
        committed = copy.slots(states=[State.COMMITTED])[0]
        change = Change(committed, State.COMMITTED, 1.0, current=True)
        assert refusal(lambda: store.apply([change], LEASE)) == "needs_reconcile"
        counter, given_up = copy.reconcile(scope, 6, skip=100)
        assert (counter.next, [slot.key for slot in given_up]) == (109, [7, 8])
        assert copy.reserve(scope, NEXT).key == 109
        assert used.info().epoch == 1
        assert used.reserve(scope, NEXT).key == 8  # The one that was given back.

    def test_restored_over_itself(self, postgres: Server, schema: str, used: Ledger, scope: Scope) -> None:
        dump = postgres.programs.run("pg_dump", "-n", schema, "-d", postgres.conninfo(), password=postgres.password)
        do(postgres, f"DROP SCHEMA {schema} CASCADE")
        postgres.programs.run("psql", "-q", "-v", "ON_ERROR_STOP=1", "-d", postgres.conninfo(), password=postgres.password, stdin=dump)
        told = [refusal(lambda: used.reserve(scope, NEXT)) for _ in range(2)]  # Also in the session that was open all the while.
        assert told == ["replaced", "needs_reconcile"]

    def test_a_replica_that_lags_is_promoted(self, scope: Scope, make_order: Any, domain: Domain, signer: LocalSigner, time: Time) -> None:
        scratch = scratch_folder()
        programs = Programs(scratch)
        primary = Server(scratch, programs, "primary")
        replica = Server(scratch, programs, "replica", primary.password)
        try:
            primary.create()
            primary.start()
            store = PostgresStore(whole(primary))
            ledger = Ledger(store, clock=time)
            sent: list[Outgoing] = []

            def place(ledger: Ledger, count: int) -> None:
                for _ in range(count):
                    slot = ledger.reserve(scope, SequentialFromVenue(None if sent else 5))
                    sent.append(ledger.sign_to_send(ledger.commit(slot, make_order(slot.key), domain), signer))

            place(ledger, 3)
            replica.follow(primary)
            replica.start()
            with admin(replica) as connection:
                assert refusal(lambda: PostgresStore(whole(replica))) == "read_only"
                query = b"SELECT count(*) FROM orderseal.slots"
                wait_for(lambda: connection.execute(query).fetchall() == [(3,)])
                # What a standby has received it applies before it is promoted, also if its replay was paused. So it must not receive.
                connection.execute("ALTER SYSTEM SET primary_conninfo = ''")
                connection.execute("SELECT pg_reload_conf()")
                wait_for(lambda: connection.execute("SELECT FROM pg_stat_wal_receiver").fetchall() == [])
            place(ledger, 4)
            primary.kill()
            assert refusal(lambda: ledger.reserve(scope, NEXT)) == "unreachable"
            store.close()
            replica.promote()
            store = PostgresStore(whole(replica))
            ledger = Ledger(store, clock=time)
            assert [slot.key for slot in ledger.slots()] == [5, 6, 7]
            assert ledger.info().epoch == 2
            assert refusal(lambda: ledger.reserve(scope, NEXT)) == "needs_reconcile"
            assert refusal(lambda: ledger.reserve(scope, SequentialFromVenue(12))) == "needs_reconcile"
            ledger.reconcile(scope, 12, skip=10)  # The venue has seen all that were sent.
            before = {out.slot.key for out in sent}
            assert before == set(range(5, 12))
            place(ledger, 3)
            assert {out.slot.key for out in sent[7:]} == {22, 23, 24}
            assert len({out.slot.key for out in sent}) == 10
            store.close()
            # It is the same place from now on.
            store = PostgresStore(whole(replica))
            assert store.info().epoch == 2
            store.close()
        finally:
            primary.kill()
            replica.kill()
            shutil.rmtree(scratch)
