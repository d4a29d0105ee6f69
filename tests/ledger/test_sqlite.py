"""The SQLite store: where it may lie, what it refuses by name, several processes, damage, backups, migrations."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orderseal.signing import Domain, InvalidInput, LocalSigner
from orderseal.signing.ledger import (
    AccountNonce,
    Answer,
    Ledger,
    LedgerError,
    Meaning,
    Scope,
    SequentialFromVenue,
    SqliteStore,
    State,
    filesystem,
    schema,
)
from orderseal.signing.ledger.filesystem import mount_type
from orderseal.signing.ledger.sqlite import translate

if TYPE_CHECKING:
    from tests.ledger.conftest import Time

RULE = SequentialFromVenue(5)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


@pytest.fixture
def used(path: Path, scope: Scope, make_order: Any, domain: Domain, signer: LocalSigner, time: Time) -> Path:
    """A ledger with one order sent (5), one committed (6), one reserved (7), one released (8), closed."""
    with Ledger(path, clock=time) as ledger:
        slots = ledger.reserve_many(scope, RULE, 4)
        ledger.sign_to_send(ledger.commit(slots[0], make_order(5), domain), signer)
        ledger.commit(slots[1], make_order(6), domain)
        ledger.release(slots[3])
    return path


def refusal(act: Callable[[], Any]) -> str:
    with pytest.raises(LedgerError) as error:
        act()
    assert len(str(error.value)) > 30
    return error.value.reason


def change(path: Path, *statements: str) -> None:
    """Do something to the file as another program would."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


class TestThePlace:
    def test_the_file_is_the_owners_alone(self, path: Path, scope: Scope) -> None:
        before = os.umask(0)
        try:
            with Ledger(path) as ledger:
                ledger.reserve(scope, RULE)
                modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
                ledger.backup(path.with_name("copy.db"))
        finally:
            os.umask(before)
        assert modes == {"ledger.db": 0o600, "ledger.db-wal": 0o600, "ledger.db-shm": 0o600, "ledger.db-turn": 0o600}
        assert stat.S_IMODE(path.with_name("copy.db").stat().st_mode) == 0o600

    @pytest.mark.parametrize("mode", [0o644, 0o660, 0o606])
    def test_a_file_that_others_can_read(self, used: Path, mode: int) -> None:
        used.chmod(mode)
        assert refusal(lambda: Ledger(used)) == "file_mode"

    def test_no_folder_no_file(self, path: Path) -> None:
        assert refusal(lambda: Ledger(path.parent / "none" / "x.db")) == "directory"
        assert refusal(lambda: Ledger(path, create=False)) == "missing"
        assert not path.exists()
        assert refusal(lambda: Ledger(path.parent)) == "open_elsewhere"

    @pytest.mark.parametrize("name", ["", "a\0b", 7, None])
    def test_no_path(self, name: Any) -> None:
        with pytest.raises(InvalidInput):
            SqliteStore(name).close()

    @pytest.mark.parametrize("name", ["with space.db", "per%20cent?.db", "hash#1.db", "ünï.db"])
    def test_odd_names(self, tmp_path: Path, name: str, scope: Scope) -> None:
        with Ledger(tmp_path / name) as ledger:
            ledger.reserve(scope, RULE)
        assert (tmp_path / name).stat().st_size

    @pytest.mark.parametrize(("what", "expected"), [("folder", "directory"), ("file", "read_only")])
    def test_what_this_account_may_not_write(self, what: str, expected: str) -> None:
        """In a process of its own, which gives up being root."""
        folder = Path(tempfile.mkdtemp(prefix="orderseal-place-"))
        try:
            Ledger(folder / "l.db").close()
            for name, mode in (("l.db", 0o400 if what == "file" else 0o600), (".", 0o755 if what == "folder" else 0o777)):
                (folder / name).chmod(mode)
            if os.getuid() == 0 and what == "file":
                os.chown(folder / "l.db", 65534, 65534)
            elif os.getuid() != 0 and what == "folder":
                folder.chmod(0o555)
            program = (
                "import os, sys\nfrom orderseal.signing.ledger import Ledger, LedgerError\n"
                "if os.getuid() == 0: os.setgid(65534); os.setuid(65534)\n"
                "try: Ledger(sys.argv[1]).close()\nexcept LedgerError as error: print(error.reason)\n"
            )
            done = subprocess.run(
                [sys.executable, "-c", program, str(folder / "l.db")], capture_output=True, text=True, timeout=60, check=False
            )
            assert done.stdout.strip() == expected, done.stderr
        finally:
            folder.chmod(0o755)
            shutil.rmtree(folder)

    MOUNTS = (
        "21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
        "22 21 0:40 / /srv/share rw - nfs4 host:/x rw\n"
        "23 21 0:41 / /srv/share/local rw - xfs /dev/sdb rw\n"
        "24 21 0:42 / /mnt/two\\040words rw - fuse.sshfs host: rw\n"
        "25 21 0:43 / /over rw - cifs //host/a rw\n"
        "26 21 0:44 / /over rw - tmpfs tmpfs rw\n"
        "broken line\n"
    )

    @pytest.mark.parametrize(
        ("folder", "kind"),
        [
            ("/var/lib", "ext4"),
            ("/srv/share", "nfs4"),
            ("/srv/share/deep/er", "nfs4"),
            ("/srv/shared", "ext4"),
            ("/srv/share/local/x", "xfs"),
            ("/mnt/two words/a", "fuse.sshfs"),
            ("/over/x", "tmpfs"),
        ],
    )
    def test_which_mount_a_path_lies_on(self, folder: str, kind: str) -> None:
        assert mount_type(Path(folder), self.MOUNTS) == kind

    @pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs"])
    def test_a_network_file_system(self, path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(filesystem, "read_mounts", lambda: f"1 0 0:1 / / rw - ext4 x rw\n2 1 0:2 / {path.parent} rw - {kind} x rw\n")
        assert refusal(lambda: Ledger(path)) == "network_file_system"
        assert not path.exists()

    def test_this_machines_own_mounts_are_understood(self, path: Path) -> None:
        mounts = filesystem.read_mounts()
        if mounts is None:
            pytest.skip("this system has no /proc/self/mountinfo")
        assert mount_type(Path("/proc/self"), mounts) == "proc"
        assert mount_type(path.parent, mounts)


class TestSettings:
    def test_a_commit_is_written_through(self, used: Path) -> None:
        with closing(SqliteStore(used)) as store:
            found = {name: store._pragma(name) for name in ("journal_mode", "synchronous", "foreign_keys", "recursive_triggers")}
        assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "recursive_triggers": 1}

    def test_another_journal_mode(self, used: Path) -> None:
        change(used, "PRAGMA journal_mode = DELETE")
        assert refusal(lambda: Ledger(used)) == "journal_mode"

    @pytest.mark.parametrize(
        "statement",
        [
            "DROP TRIGGER artifacts_are_written_once",
            "DROP TRIGGER slots_keep_their_digest",
            "DROP INDEX slots_sent",
            "CREATE TABLE more (x)",
            "ALTER TABLE meta RENAME TO other",
        ],
    )
    def test_other_tables_or_triggers(self, used: Path, statement: str) -> None:
        change(used, statement)
        assert refusal(lambda: Ledger(used)) == "schema_changed"

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE artifacts SET body = x'00' WHERE stage = 'signed'",
            "UPDATE artifacts SET digest = randomblob(32)",
            "DELETE FROM artifacts",
            "UPDATE attempts SET at = 1",
            "DELETE FROM attempts",
            "DELETE FROM slots",
            "UPDATE slots SET digest = randomblob(32) WHERE state = 'committed'",
            "UPDATE slots SET digest = NULL, state = 'released' WHERE state = 'committed'",
            "UPDATE slots SET state = 'reserved', digest = NULL WHERE state = 'sending'",
            "UPDATE slots SET state = 'sending' WHERE state = 'committed'",
            "UPDATE slots SET state = 'accepted' WHERE state = 'reserved'",
            "UPDATE slots SET sent_at = NULL WHERE state = 'sending'",
            "UPDATE slots SET key = zeroblob(32) WHERE state = 'sending'",
            "UPDATE slots SET shared = 1 WHERE state = 'sending'",
            "UPDATE slots SET lease_epoch = 0",
            "INSERT INTO artifacts (slot, stage, digest, content, at) VALUES (1, 'content', randomblob(32), '{}', 1)",
            "INSERT INTO artifacts (slot, stage, digest, signature, body, at) SELECT 2, 'signed', randomblob(32), x'00', x'00', 1",
            "INSERT OR REPLACE INTO artifacts SELECT id, slot, stage, digest, '{}', 1, NULL, NULL, at FROM artifacts WHERE id = 1",
            "INSERT OR REPLACE INTO attempts SELECT id, slot, what, digest, '{}', 7 FROM attempts",
            "UPDATE slots SET state = 'committed' WHERE state = 'sending'",
            "UPDATE slots SET state = 'committed', digest = randomblob(32) WHERE state = 'sending'",
            "UPDATE slots SET state = 'committed', digest = zeroblob(32) WHERE state = 'committed'",
            "UPDATE slots SET shared = 1, state = 'committed', digest = randomblob(32) WHERE state = 'sending'",
            "INSERT INTO slots SELECT 9, venue, network, account, kind, key, 0, 'reserved', NULL, 'x', 1, 1, NULL, 1 FROM slots LIMIT 1",
        ],
    )
    def test_the_database_keeps_the_rules_by_itself(self, used: Path, statement: str) -> None:
        with closing(sqlite3.connect(used, isolation_level=None)) as connection:
            before = [connection.execute(f"SELECT * FROM {table}").fetchall() for table in ("slots", "artifacts", "attempts")]
            with pytest.raises(sqlite3.IntegrityError):
                connection.execute(statement)
            assert before == [connection.execute(f"SELECT * FROM {table}").fetchall() for table in ("slots", "artifacts", "attempts")]

    @pytest.mark.parametrize("state", ["signed", "accepted", "refused", "unknown"])
    @pytest.mark.parametrize("digest", ["digest", "randomblob(32)", "x'" + "07" * 32 + "'"])
    def test_what_is_not_shared_never_goes_back(self, used: Path, signer: LocalSigner, time: Time, state: str, digest: str) -> None:
        with Ledger(used, clock=time, owner="bot") as ledger:
            (slot,) = ledger.slots(states=[State.COMMITTED])
            signed = ledger.sign(slot, signer)
            if state != "signed":
                ledger.record(ledger.begin_sending(signed).slot, Answer(Meaning(state)))
        with pytest.raises(sqlite3.IntegrityError):
            change(used, f"UPDATE slots SET state = 'committed', digest = {digest} WHERE id = {slot.id}")

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE holds SET intent = 'buy 2'",
            "UPDATE holds SET name = 'other'",
            "UPDATE holds SET network = '97'",
            "UPDATE holds SET since = 1",
            "UPDATE holds SET epoch = 0",
            "UPDATE holds SET owner = 'other#0123456789abcdef'",
            "INSERT INTO holds SELECT * FROM holds",
            "INSERT OR REPLACE INTO holds SELECT venue, network, account, kind, name, 'buy 2', owner, epoch, until, since FROM holds",
            "INSERT INTO holds SELECT venue, network, account, kind, '', intent, owner, epoch, until, since FROM holds",
            "INSERT INTO holds SELECT venue, network, x'07', kind, 'more', intent, owner, epoch, until, since FROM holds",
            "INSERT INTO holds SELECT venue, network, account, kind, 'more', hex(zeroblob(65)), owner, epoch, until, since FROM holds",
        ],
    )
    def test_the_database_keeps_the_rules_of_holds(self, used: Path, scope: Scope, statement: str) -> None:
        with Ledger(used) as ledger:
            hold = ledger.hold(scope, "token spender", "buy 1")
            with pytest.raises(sqlite3.IntegrityError):
                change(used, statement)
            assert ledger.holds() == [hold]

    def test_each_of_the_two_locks_on_a_digest_holds_alone(self, used: Path) -> None:
        rebind = "UPDATE slots SET digest = randomblob(32) WHERE state = 'committed'"
        for kept, dropped in (
            ("slots_keep_their_digest", "slots_commit_stored_orders"),
            ("slots_commit_stored_orders", "slots_keep_their_digest"),
        ):
            copy = used.with_name(kept)
            shutil.copy(used, copy)
            change(copy, f"DROP TRIGGER {dropped}")
            with pytest.raises(sqlite3.IntegrityError):
                change(copy, rebind)


class TestDamage:
    def test_no_database(self, path: Path) -> None:
        path.write_bytes(b"this is my shopping list" * 300)
        path.chmod(0o600)
        assert refusal(lambda: Ledger(path)) == "not_a_ledger"

    def test_another_programs_database(self, path: Path) -> None:
        change(path, "CREATE TABLE bookmarks (url)")
        path.chmod(0o600)
        assert refusal(lambda: Ledger(path)) == "not_a_ledger"
        change(path, "PRAGMA user_version = 1", "PRAGMA application_id = 77")
        assert refusal(lambda: Ledger(path)) == "not_a_ledger"
        with closing(sqlite3.connect(path)) as connection:
            assert [row[0] for row in connection.execute("SELECT name FROM sqlite_schema")] == ["bookmarks"]
            assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "delete"

    def test_an_empty_file_is_what_a_process_leaves_that_died_early(self, path: Path, scope: Scope) -> None:
        path.touch(0o600)
        with Ledger(path) as ledger:
            assert ledger.reserve(scope, RULE).key == 5

    @pytest.mark.parametrize("page", range(8))
    def test_pages_of_noise(self, used: Path, page: int) -> None:
        raw = bytearray(used.read_bytes())
        start = page * 4096 + (100 if page == 0 else 0)
        raw[start : start + 2000] = b"\xa5" * len(raw[start : start + 2000])
        used.write_bytes(raw)

        def read() -> None:
            with Ledger(used) as ledger:
                list(ledger.export_lines())
                ledger.exposure()

        assert refusal(read) in ("corrupt", "not_a_ledger", "schema_changed")

    @pytest.mark.parametrize("keep", [50, 1000, 4096, 9000])
    def test_a_file_cut_short(self, used: Path, keep: int) -> None:
        used.write_bytes(used.read_bytes()[:keep])
        assert refusal(lambda: Ledger(used)) in ("corrupt", "not_a_ledger", "schema_changed")

    def test_an_order_that_was_edited(self, used: Path, signer: LocalSigner, time: Time) -> None:
        """By somebody who takes the triggers away and puts them back."""
        with closing(sqlite3.connect(used)) as connection:
            (trigger,) = connection.execute("SELECT sql FROM sqlite_schema WHERE name = 'artifacts_are_written_once'").fetchone()
        edit = 'UPDATE artifacts SET content = replace(content, \'"quantity":"10"\', \'"quantity":"99"\')'
        change(used, "DROP TRIGGER artifacts_are_written_once", edit, trigger)
        with Ledger(used, clock=time) as ledger:
            (slot,) = ledger.slots(states=[State.COMMITTED])
            assert refusal(lambda: ledger.sign(slot, signer)) == "tampered"

    def test_a_newer_schema(self, used: Path) -> None:
        change(used, f"PRAGMA user_version = {schema.schema_version() + 1}")
        assert refusal(lambda: Ledger(used)) == "newer_schema"

    def test_full(self, used: Path, scope: Scope) -> None:
        with closing(SqliteStore(used)) as store, Ledger(store) as ledger:
            pages = store._pragma("page_count")
            store._pragma(f"max_page_count = {pages}")
            before = ledger.slots()
            assert refusal(lambda: ledger.reserve_many(scope, SequentialFromVenue(), 5000)) == "full"
            assert ledger.slots() == before
            store._pragma("max_page_count = 100000")
            assert len(ledger.reserve_many(scope, SequentialFromVenue(), 5000)) == 5000

    def test_read_only(self, used: Path, scope: Scope) -> None:
        with closing(SqliteStore(used)) as store, Ledger(store) as ledger:
            store._connection.execute("PRAGMA query_only = ON")
            assert refusal(lambda: ledger.reserve(scope, RULE)) == "read_only"
            assert len(ledger.slots()) == 4

    def test_locked(self, used: Path, scope: Scope) -> None:
        with closing(sqlite3.connect(used, isolation_level=None)) as other, Ledger(used, busy_timeout=0.05) as ledger:
            other.execute("BEGIN IMMEDIATE")
            assert refusal(lambda: ledger.reserve(scope, RULE)) == "busy"
            assert len(ledger.slots()) == 4  # Reading goes on.
            other.execute("ROLLBACK")
            assert ledger.reserve(scope, SequentialFromVenue()).key == 8

    @pytest.mark.parametrize("put_back", [False, True])
    def test_deleted_under_an_open_ledger(self, used: Path, scope: Scope, put_back: bool) -> None:
        with Ledger(used) as ledger:
            copy = used.read_bytes()
            used.unlink()
            if put_back:
                used.write_bytes(copy)
            assert refusal(lambda: ledger.reserve(scope, SequentialFromVenue())) == "replaced"

    def test_after_a_fork(self, used: Path) -> None:
        program = (
            "import os, sys\nfrom orderseal.signing.ledger import Ledger, LedgerError\nledger = Ledger(sys.argv[1])\n"
            "child = os.fork()\n"
            "if not child:\n    try: ledger.slots()\n    except LedgerError as error: os.write(1, error.reason.encode())\n    os._exit(0)\n"
            "os.waitpid(child, 0)\nledger.close()"
        )
        done = subprocess.run([sys.executable, "-c", program, str(used)], capture_output=True, text=True, timeout=60, check=False)
        assert done.stdout == "forked", done.stderr

    def walk(self, cls: type[BaseException]) -> Iterator[type[Any]]:
        yield cls
        for below in cls.__subclasses__():
            yield from self.walk(below)

    def test_no_error_of_the_database_escapes(self) -> None:
        kinds = [*self.walk(sqlite3.Error), *self.walk(sqlite3.Warning)]
        assert len(kinds) >= 10
        for kind in kinds:
            assert isinstance(translate(kind("x"), "l.db"), LedgerError)
        codes = {
            name: getattr(sqlite3, name) for name in dir(sqlite3) if name.startswith("SQLITE_") and isinstance(getattr(sqlite3, name), int)
        }
        for code in codes.values():
            error = sqlite3.OperationalError("x")
            error.sqlite_errorcode = code
            assert isinstance(translate(error, "l.db"), LedgerError)


class TestBackups:
    def test_a_restored_backup_does_nothing_before_it_is_reconciled(
        self, used: Path, scope: Scope, make_order: Any, domain: Domain, signer: LocalSigner, time: Time
    ) -> None:
        copy = used.with_name("copy.db")
        with Ledger(used, clock=time) as ledger:
            ledger.backup(copy)
            reserved = ledger.slots(states=[State.RESERVED])[0]  # After the backup nonce 7 is signed, and 8 taken again.
            before = ledger.info()
            with pytest.raises(LedgerError):
                ledger.commit(reserved, make_order(6), domain)
            ledger.sign_to_send(ledger.commit(reserved, make_order(7, quantity=3), domain), signer)
        assert {file.name for file in used.parent.iterdir()} == {"ledger.db", "ledger.db-turn", "copy.db"}
        with Ledger(copy, clock=time, lease=1, owner="restored") as ledger:
            assert (ledger.info().store_id, ledger.info().epoch) == (before.store_id, before.epoch + 1)
            by_key = {slot.key: slot for slot in ledger.slots()}
            assert [by_key[key].state for key in (5, 6, 7, 8)] == [State.SENDING, State.COMMITTED, State.RESERVED, State.RELEASED]
            other = Scope("stove", "another", signer.address)
            for act in (
                lambda: ledger.reserve(scope, SequentialFromVenue()),
                lambda: ledger.reserve(other, RULE),
                lambda: ledger.commit(by_key[7], make_order(7), domain),
                lambda: ledger.sign(by_key[6], signer),
                lambda: ledger.sign_to_send(by_key[6], signer),
            ):
                assert refusal(act) == "needs_reconcile"
            lost = ledger.record(by_key[5], Answer(Meaning.UNKNOWN))
            assert refusal(lambda: ledger.begin_sending(lost)) == "needs_reconcile"
            counter, given_up = ledger.reconcile(scope, 8, skip=10)
            assert [slot.key for slot in given_up] == [7, 8]
            assert counter.next == 19
            assert ledger.reserve(scope, SequentialFromVenue(8)).key == 19
            assert ledger.reconcile(other, 3)[0].next == 3
            assert ledger.reserve(other, SequentialFromVenue(3)).key == 3
            assert ledger.sign(by_key[6], signer).state is State.SIGNED

    def test_never_over_another_file(self, used: Path) -> None:
        with Ledger(used) as ledger:
            assert refusal(lambda: ledger.backup(used)) == "address_taken"
            copy = used.with_name("copy.db")
            copy.write_text("mine")
            assert refusal(lambda: ledger.backup(copy)) in ("address_taken", "file_mode")
            assert copy.read_text() == "mine"


class TestMigrations:
    STEP = ("ALTER TABLE attempts ADD COLUMN note TEXT", "CREATE INDEX attempts_by_note ON attempts (note)")

    def test_from_version_0(self, path: Path, scope: Scope) -> None:
        path.touch(0o600)
        change(path, "PRAGMA user_version = 0")
        with Ledger(path) as ledger:
            assert ledger.info().schema_version == schema.schema_version() == 3
            assert len(ledger.info().store_id) == 32

    def test_an_older_file_is_brought_up_to_date(self, used: Path, monkeypatch: pytest.MonkeyPatch, time: Time) -> None:
        with Ledger(used, clock=time) as ledger:
            before, info = list(ledger.export_lines(signatures=True)), ledger.info()
        monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, self.STEP))
        with Ledger(used, clock=time) as ledger:
            assert list(ledger.export_lines(signatures=True)) == before
            assert (ledger.info().schema_version, ledger.info().store_id, ledger.info().epoch) == (4, info.store_id, info.epoch)
        monkeypatch.undo()
        assert refusal(lambda: Ledger(used)) == "newer_schema"

    def test_a_file_of_the_first_version(
        self, path: Path, scope: Scope, make_order: Callable[..., Any], domain: Domain, monkeypatch: pytest.MonkeyPatch, time: Time
    ) -> None:
        monkeypatch.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:1])
        with Ledger(path, clock=time, lease=60, owner="bot") as ledger:
            slot = ledger.reserve(scope, RULE)
            assert ledger.info().schema_version == 1
        monkeypatch.undo()
        with Ledger(path, clock=time, owner="bot") as ledger:
            assert ledger.take_over()[0].key == slot.key
            (slot,) = ledger.open_slots()
            assert ledger.by_reference(scope, "a") is None
            ledger.commit(slot, make_order(slot.key), domain, reference="a")
            assert ledger.by_reference(scope, "a") == ledger.get(slot.id)

    MADE = (
        "f42a9bc5c3dacb9702f8614d9c101cdac923d2ae2981e20ba1a7f22eca1fb02f",
        "3a379c84f93df58571bddd6eac42ebb447e35936ae097a0ce468f188f93fb680",
    )

    @pytest.mark.parametrize("number", range(2))
    def test_one_that_was_made_is_never_edited(self, number: int) -> None:
        assert hashlib.sha256("\0".join(schema.MIGRATIONS[number]).encode()).hexdigest() == self.MADE[number]

    def test_a_file_of_the_second_version(
        self,
        path: Path,
        scope: Scope,
        make_order: Callable[..., Any],
        domain: Domain,
        signer: LocalSigner,
        monkeypatch: pytest.MonkeyPatch,
        time: Time,
    ) -> None:
        """Holds come to it, and replacing before anything was sent; what it held is as it was."""
        chain = Scope("evm", "17000", scope.account, "transaction")
        monkeypatch.setattr(schema, "MIGRATIONS", schema.MIGRATIONS[:2])
        with Ledger(path, clock=time, owner="bot") as ledger:
            assert ledger.info().schema_version == 2
            first, second = ledger.reserve_many(scope, RULE, 2)
            ledger.sign_to_send(ledger.commit(first, make_order(5), domain, reference="a"), signer)
            ledger.commit(second, make_order(6), domain)
            slot = ledger.commit_content(ledger.reserve(chain, AccountNonce(9)), b"\1" * 32, {"transaction": {}})
            signed = ledger.store_signed(slot, b"s", b"raw")
            assert refusal(lambda: ledger.replace_content(signed, b"\2" * 32, {"transaction": {"gas": "2"}})) == "conflict"
            before, info = list(ledger.export_lines(signatures=True)), ledger.info()
        monkeypatch.undo()
        with Ledger(path, clock=time, owner="bot") as ledger:
            assert list(ledger.export_lines(signatures=True)) == before
            assert (ledger.info().schema_version, ledger.info().store_id, ledger.info().epoch) == (3, info.store_id, info.epoch)
            assert ledger.holds() == []
            hold = ledger.hold(chain, "token spender", "buy 1")
            (signed,) = ledger.take_over(chain)
            assert ledger.replace_content(signed, b"\2" * 32, {"transaction": {"gas": "2"}}).state is State.COMMITTED
            ledger.let_go(hold)

    def test_all_of_it_or_nothing(self, used: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, (*self.STEP, "CREATE TABLE meta (again)")))
        assert refusal(lambda: Ledger(used)) == "database"
        monkeypatch.undo()
        with Ledger(used) as ledger:
            assert ledger.info().schema_version == 3
            assert len(ledger.slots()) == 4

    def test_opening_a_new_file_at_once(self, path: Path) -> None:
        program = "import sys\nfrom orderseal.signing.ledger import Ledger\nwith Ledger(sys.argv[1]) as l: print(l.info().store_id)"
        children = [subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True) for _ in range(6)]
        ids = {child.communicate(timeout=60)[0].strip() for child in children}
        assert [child.returncode for child in children] == [0] * 6
        assert len(ids) == 1


WORKER = """
import sys
from orderseal.signing.ledger import Ledger, Scope, SequentialFromVenue
path, account, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
scope = Scope("stove", "stove-testnet", account)
print("ready", flush=True)
sys.stdin.readline()
with Ledger(path, busy_timeout=60) as ledger:
    for turn in range(12):
        slots = ledger.reserve_many(scope, SequentialFromVenue(), 1 + turn % 3)
        if (turn + number) % 4 == 0:
            ledger.release(slots.pop())
        for slot in slots:
            print(slot.key)
"""


def test_eight_processes_at_once(path: Path, scope: Scope) -> None:
    with Ledger(path) as ledger:
        ledger.release(ledger.reserve(scope, RULE))
    children = [
        subprocess.Popen(
            [sys.executable, "-c", WORKER, str(path), str(scope.account), str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(8)
    ]
    for child in children:
        assert child.stdout
        assert child.stdout.readline() == "ready\n"
    outputs = [child.communicate("go\n", timeout=90)[0] for child in children]
    assert [child.returncode for child in children] == [0] * 8
    kept = sorted(int(line) for text in outputs for line in text.split())
    assert len(kept) == len(set(kept)) == 8 * (4 * (1 + 2 + 3)) - 8 * 3
    with Ledger(path) as ledger:
        by_state = {state: {slot.key for slot in ledger.slots(states=[state])} for state in State}
        assert by_state[State.RESERVED] == set(kept)
        assert by_state[State.RESERVED] | by_state[State.RELEASED] == set(range(5, ledger.counters()[scope].next))


def test_another_process_makes_the_tables_just_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two looks of this one: that is no other program's database."""
    path, found_schema = tmp_path / "ledger.db", schema.found_schema

    def meanwhile(connection: sqlite3.Connection) -> object:
        monkeypatch.undo()
        SqliteStore(path).close()
        return found_schema(connection)

    monkeypatch.setattr(schema, "found_schema", meanwhile)
    with Ledger(path) as ledger:
        assert ledger.slots() == []
