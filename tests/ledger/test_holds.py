"""Holds over all stores: who may take one and who may not, a model beside it, eight that fight for one, and a holder that is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test
from tests.ledger.conftest import new_schema
from tests.postgres_server import Server

from orderseal.signing import InvalidInput
from orderseal.signing.ledger import AccountNonce, Hold, Ledger, LedgerError, MemoryStore, Scope, SequentialFromVenue, SqliteStore
from orderseal.signing.ledger import records as records_module
from orderseal.signing.ledger.postgres import PostgresStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.ledger.conftest import MakeLedger

CHAIN = Scope("evm", "17000", "0x" + "11" * 20, "transaction")
NAME = "0x" + "22" * 20 + " 0x" + "33" * 20


def reason(act: Callable[[], Any]) -> str:
    with pytest.raises(LedgerError) as error:
        act()
    return error.value.reason


def attempt(act: Callable[[], Any]) -> tuple[Any, str, str]:
    """What it gives, or else the reason and the words with which it is refused."""
    try:
        return act(), "", ""
    except LedgerError as error:
        return None, error.reason, str(error)


def run_out(ledger: Ledger) -> None:
    """As if a lease's time had gone by for all holds."""
    store: Any = ledger._store
    if isinstance(store, MemoryStore):
        for key, hold in store._holds.items():
            store._holds[key] = replace(hold, until=1.0)
    elif isinstance(store, SqliteStore):
        store._connection.execute("UPDATE holds SET until = 1")
    else:
        store._session.rows(f"UPDATE {store.schema}.holds SET until = 1")


class TestTaking:
    def test_what_is_free(self, ledger: Ledger) -> None:
        before = ledger._store.now()
        hold = ledger.hold(CHAIN, NAME, "buy 1")
        after = ledger._store.now()
        assert (hold.scope, hold.name, hold.intent, hold.owner, hold.epoch) == (CHAIN, NAME, "buy 1", ledger.owner, 1)
        assert before - 0.01 <= hold.since <= after + 0.01
        assert hold.until == pytest.approx(hold.since + 60, abs=0.01)
        assert ledger.holds() == [hold]
        hold.check_lease()

    def test_not_what_a_living_one_holds(self, make_ledger: MakeLedger) -> None:
        one, two = make_ledger(owner="one"), make_ledger(owner="two")
        hold = one.hold(CHAIN, NAME, "buy 1")
        with pytest.raises(LedgerError, match=r"for this intent by one \(lease until 20..-") as error:
            two.hold(CHAIN, NAME, "buy 1")
        assert error.value.reason == "held"
        assert reason(lambda: one.hold(CHAIN, NAME, "buy 1")) == "held"  # Another thread is at it.
        assert two.holds() == [hold]

    def test_not_for_another_intent_whether_the_holder_lives_or_not(self, make_ledger: MakeLedger) -> None:
        one = make_ledger(owner="one")
        hold = one.hold(CHAIN, NAME, "buy 1")
        for other in (one, make_ledger(owner="one"), make_ledger(owner="two")):
            with pytest.raises(LedgerError, match="another intent, 'buy 1', by one") as error:
                other.hold(CHAIN, NAME, "buy 2")
            assert error.value.reason == "held"
        run_out(one)
        for other in (one, make_ledger(owner="one"), make_ledger(owner="two")):
            with pytest.raises(LedgerError, match="'buy 1'"):
                other.hold(CHAIN, NAME, "buy 2")
        assert one.holds() == [replace(hold, until=1.0)]

    def test_over_from_one_whose_lease_has_run_out(self, make_ledger: MakeLedger) -> None:
        one, two = make_ledger(owner="one", lease=0.3), make_ledger(owner="two")
        hold = one.hold(CHAIN, NAME, "buy 1")
        while two._store.now() <= hold.until:
            threading.Event().wait(0.02)
        assert reason(hold.check_lease) == "lease_lost"
        assert reason(lambda: one.keep(hold)) == "lease_lost"  # Nobody has taken it over; but others may think that they can.
        taken = two.hold(CHAIN, NAME, "buy 1")
        assert (taken.owner, taken.epoch, taken.since) == (two.owner, 2, hold.since)
        for act in (one.keep, one.let_go):
            with pytest.raises(LedgerError, match="taken over by another instance, two") as error:
                act(hold)
            assert error.value.reason == "lease_lost"
        assert two.holds() == [taken]
        two.let_go(two.keep(taken))

    def test_its_own_that_has_run_out(self, ledger: Ledger) -> None:
        hold = ledger.hold(CHAIN, NAME, "buy 1")
        run_out(ledger)
        again = ledger.hold(CHAIN, NAME, "buy 1")
        assert again.epoch == 2
        assert reason(lambda: ledger.keep(hold)) == "lease_lost"
        assert reason(lambda: ledger.let_go(hold)) == "lease_lost"
        ledger.let_go(again)

    def test_over_at_once_from_an_earlier_instance_of_the_same_name(self, make_ledger: MakeLedger) -> None:
        one = make_ledger(owner="bot")
        hold = one.hold(CHAIN, NAME, "buy 1")
        for name in ("bo", "bot#", "bot#0123456789abcdef"):
            assert reason(lambda name=name: make_ledger(owner=name).hold(CHAIN, NAME, "buy 1")) == "held"  # type: ignore[misc]
        taken = make_ledger(owner="bot").hold(CHAIN, NAME, "buy 1")
        assert (taken.epoch, taken.since) == (2, hold.since)
        assert reason(lambda: one.keep(hold)) == "lease_lost"

    def test_names_and_scopes_do_not_meet(self, ledger: Ledger) -> None:
        other = Scope("evm", "97", CHAIN.account, "transaction")
        held = [ledger.hold(CHAIN, NAME, "a"), ledger.hold(CHAIN, NAME.upper(), "b"), ledger.hold(other, NAME, "c")]
        assert sorted(ledger.holds(), key=lambda hold: hold.intent) == held
        ledger.let_go(held[1])
        assert sorted(ledger.holds(), key=lambda hold: hold.intent) == [held[0], held[2]]

    @pytest.mark.parametrize("name", ["", "x" * 201, "a\nb", "ü", "a\n", "\x7f", 7, None, b"x"])
    def test_names_that_are_none(self, ledger: Ledger, name: Any) -> None:
        for act in (lambda: ledger.hold(CHAIN, name, "i"), lambda: ledger.break_hold(CHAIN, name, "i")):
            with pytest.raises(InvalidInput, match="name: expected 1 to 200 printable"):
                act()
        for act in (lambda: ledger.hold(CHAIN, "n", name), lambda: ledger.break_hold(CHAIN, "n", name)):
            with pytest.raises(InvalidInput, match="intent: expected 1 to 128 printable"):
                act()
        assert ledger.holds() == []

    def test_the_longest(self, ledger: Ledger) -> None:
        hold = ledger.hold(CHAIN, " ~" * 100, "'\"\\%s?" + "x" * 122)
        kept = ledger.keep(hold)
        assert ledger.holds() == [kept]
        ledger.break_hold(CHAIN, " ~" * 100, "'\"\\%s?" + "x" * 122)

    @pytest.mark.parametrize("wrong", [None, "x", ("evm", "17000")])
    def test_what_is_no_scope_and_no_hold(self, ledger: Ledger, wrong: Any) -> None:
        for act in (lambda: ledger.hold(wrong, "n", "i"), lambda: ledger.break_hold(wrong, "n", "i")):
            with pytest.raises(InvalidInput, match="a Scope"):
                act()
        for act in (lambda: ledger.keep(wrong), lambda: ledger.let_go(wrong)):
            with pytest.raises(InvalidInput, match="a Hold"):
                act()


class TestKeeping:
    def test_a_lease_is_renewed(self, make_ledger: MakeLedger) -> None:
        ledger = make_ledger(lease=5)
        hold = ledger.hold(CHAIN, NAME, "buy 1")
        threading.Event().wait(0.05)
        kept = ledger.keep(hold)
        assert kept.until > hold.until
        assert kept.send_before > hold.send_before
        assert (kept.epoch, kept.since, kept.owner) == (1, hold.since, hold.owner)
        assert ledger.keep(hold).until >= kept.until  # It is the same holding.

    def test_by_the_machines_own_clock(self, make_ledger: MakeLedger, monkeypatch: pytest.MonkeyPatch) -> None:
        """As for what is sent: the process may be stopped between its last call and what it does."""
        from orderseal.signing.ledger import ledger as ledger_module

        ledger, now = make_ledger(lease=7), 1000.0
        for module in (ledger_module, records_module):
            monkeypatch.setattr(module, "elapsed_clock", lambda: now)
        hold = ledger.hold(CHAIN, NAME, "buy 1")
        assert hold.send_before == 1007.0
        now = 1006.9
        hold.check_lease()
        kept = ledger.keep(hold)
        now = 1007.0
        with pytest.raises(LedgerError, match="has run out") as error:
            hold.check_lease()
        assert error.value.reason == "lease_lost"
        kept.check_lease()

    def test_what_is_only_read_allows_nothing(self, ledger: Ledger) -> None:
        hold = ledger.hold(CHAIN, NAME, "buy 1")
        (read,) = ledger.holds()
        assert read == hold
        assert reason(read.check_lease) == "lease_lost"

    def test_another_instances(self, make_ledger: MakeLedger) -> None:
        one, two = make_ledger(), make_ledger()
        hold = one.hold(CHAIN, NAME, "buy 1")
        for act in (two.keep, two.let_go):
            assert reason(lambda act=act: act(hold)) == "lease_lost"  # type: ignore[misc]
        assert one.holds() == [hold]


class TestEnding:
    def test_letting_go(self, make_ledger: MakeLedger) -> None:
        one, two = make_ledger(), make_ledger()
        hold = one.hold(CHAIN, NAME, "buy 1")
        one.let_go(hold)
        assert one.holds() == []
        for act in (one.keep, one.let_go):
            with pytest.raises(LedgerError, match="has ended") as error:
                act(hold)
            assert error.value.reason == "lease_lost"
        taken = two.hold(CHAIN, NAME, "buy 2")
        assert taken.epoch == 1
        for act in (one.keep, one.let_go):
            assert reason(lambda act=act: act(hold)) == "lease_lost"  # type: ignore[misc]
        assert two.holds() == [taken]

    def test_leaving_ends_the_lease_and_not_the_hold(self, make_ledger: MakeLedger) -> None:
        one, two = make_ledger(), make_ledger()
        hold = one.hold(CHAIN, NAME, "buy 1")
        one.leave(hold)
        (left,) = two.holds()
        assert (left.intent, left.epoch) == ("buy 1", 1)
        assert left.until <= two.now()
        assert reason(lambda: one.keep(hold)) == "lease_lost"
        assert reason(lambda: two.hold(CHAIN, NAME, "buy 2")) == "held"
        taken = two.hold(CHAIN, NAME, "buy 1")
        assert taken.epoch == 2
        assert reason(lambda: one.leave(hold)) == "lease_lost"
        assert two.keep(taken).epoch == 2

    def test_one_that_has_run_out_may_be_ended(self, ledger: Ledger) -> None:
        """As with a slot: who stood still may record what it knows."""
        hold = ledger.hold(CHAIN, NAME, "buy 1")
        run_out(ledger)
        ledger.let_go(hold)
        assert ledger.holds() == []

    def test_an_earlier_one_of_the_same_name_says_nothing_of_a_later_one(self, ledger: Ledger) -> None:
        """The same instance, the same epoch: told apart by when they were taken."""
        first = ledger.hold(CHAIN, NAME, "buy 1")
        ledger.let_go(first)
        threading.Event().wait(0.01)
        second = ledger.hold(CHAIN, NAME, "buy 1")
        assert (second.owner, second.epoch) == (first.owner, first.epoch)
        for act in (ledger.keep, ledger.let_go):
            assert reason(lambda act=act: act(first)) == "lease_lost"  # type: ignore[misc]
        assert ledger.holds() == [second]

    def test_a_person_breaks_it_by_its_intent(self, make_ledger: MakeLedger) -> None:
        one, two = make_ledger(), make_ledger()
        hold = one.hold(CHAIN, NAME, "buy 1")
        other = Scope("evm", "97", CHAIN.account, "transaction")
        for wrong in ((CHAIN, NAME, "buy"), (CHAIN, NAME, "BUY 1"), (CHAIN, NAME + " ", "buy 1"), (other, NAME, "buy 1")):
            assert reason(lambda wrong=wrong: two.break_hold(*wrong)) == "missing"  # type: ignore[misc]
        assert two.holds() == [hold]
        two.break_hold(CHAIN, NAME, "buy 1")
        assert reason(lambda: two.break_hold(CHAIN, NAME, "buy 1")) == "missing"
        assert reason(lambda: one.keep(hold)) == "lease_lost"
        assert two.hold(CHAIN, NAME, "buy 2").epoch == 1

    def test_closed(self, ledger: Ledger) -> None:
        hold = ledger.hold(CHAIN, NAME, "buy 1")
        ledger.close()
        for act in (
            lambda: ledger.hold(CHAIN, NAME, "buy 1"),
            lambda: ledger.keep(hold),
            lambda: ledger.let_go(hold),
            lambda: ledger.break_hold(CHAIN, NAME, "buy 1"),
            ledger.holds,
        ):
            assert reason(act) == "closed"


def test_a_halt_stops_no_hold_but_what_would_be_done_under_it(ledger: Ledger) -> None:
    slot = ledger.reserve(CHAIN, AccountNonce(0))
    ledger.halt()
    hold = ledger.keep(ledger.hold(CHAIN, NAME, "buy 1"))
    assert reason(lambda: ledger.commit_content(slot, b"\1" * 32, {"transaction": {}})) == "needs_reconcile"
    ledger.let_go(hold)


def test_a_copy_knows_the_holds_of_its_time(tmp_path: Path) -> None:
    """One that was taken since is forgotten; what ended since stands, and stops other intents."""
    with Ledger(tmp_path / "l.db", owner="bot") as ledger:
        hold = ledger.hold(CHAIN, NAME, "buy 1")
        ledger.reserve(CHAIN, AccountNonce(0))
        ledger.backup(tmp_path / "copy.db")
        ledger.let_go(hold)
        ledger.hold(CHAIN, "another", "buy 2")
    with Ledger(tmp_path / "copy.db", owner="other") as copy:
        assert copy.holds() == [hold]
        assert reason(lambda: copy.hold(CHAIN, NAME, "buy 3")) == "held"
        assert reason(lambda: copy.reserve(CHAIN, AccountNonce())) == "needs_reconcile"


# -- A model -------------------------------------------------------------------------------------------------------------------

NAMES, INTENTS = ("token spender", "token other"), ("one", "two")


class Machine(RuleBasedStateMachine):
    """Four bots of two names. The model: per name an intent, who holds it, which time it is, and whether the lease has run out."""

    store: Any

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[str, list[Any]] = {}
        self.known: list[tuple[int, int, Hold]] = []  # by whom, for which holding, and what was returned
        self.holding = 0

    @initialize()
    def open(self) -> None:
        self.ledgers = [Ledger(self.store(), owner=f"bot {number % 2}") for number in range(4)]

    @rule(which=st.integers(0, 3), name=st.sampled_from(NAMES), intent=st.sampled_from(INTENTS))
    def hold(self, which: int, name: str, intent: str) -> None:
        found = self.held.get(name)
        free = found is None or (
            found[0] == intent and (found[3] or (found[1] != which and found[1] % 2 == which % 2))
        )  # fmt: skip
        hold, refused, words = attempt(lambda: self.ledgers[which].hold(CHAIN, name, intent))
        assert refused == ("" if free else "held")
        if found is not None and not free:
            assert (f"'{found[0]}'" in words) == (found[0] != intent)
            return
        self.holding += 1
        self.held[name] = [intent, which, 1 if found is None else found[2] + 1, False, self.holding]
        self.known.append((which, self.holding, hold))
        assert hold.epoch == self.held[name][2]

    @precondition(lambda self: self.known)
    @rule(pick=st.integers(0), other=st.integers(0, 7), ending=st.booleans())
    def keep_or_let_go(self, pick: int, other: int, ending: bool) -> None:
        which, holding, hold = self.known[-1 - pick % len(self.known)]
        caller = other if other < 4 else which
        found = self.held.get(hold.name)
        ours = found is not None and found[4] == holding and caller == which
        assert found is None or not ours or found[1] == which
        ledger = self.ledgers[caller]
        kept, refused, _words = attempt(lambda: ledger.let_go(hold) if ending else ledger.keep(hold))
        good = found is not None and ours and (ending or not found[3])
        assert refused == ("" if good else "lease_lost")
        if good and ending:
            del self.held[hold.name]
            self.a_moment_passes()
        elif good:
            self.known.append((which, holding, kept))

    @rule(which=st.integers(0, 3), name=st.sampled_from(NAMES), intent=st.sampled_from(INTENTS))
    def break_hold(self, which: int, name: str, intent: str) -> None:
        good = name in self.held and self.held[name][0] == intent
        _none, refused, _words = attempt(lambda: self.ledgers[which].break_hold(CHAIN, name, intent))
        assert refused == ("" if good else "missing")
        if good:
            del self.held[name]
            self.a_moment_passes()

    def a_moment_passes(self) -> None:
        """Two holdings of one name by one instance are told apart by the database's clock: SQLite's has milliseconds."""
        threading.Event().wait(0.002)

    @precondition(lambda self: self.held)
    @rule()
    def time_goes_by(self) -> None:
        run_out(self.ledgers[0])
        for found in self.held.values():
            found[3] = True

    @invariant()
    def same(self) -> None:
        if hasattr(self, "ledgers"):
            found = {hold.name: [hold.intent, hold.owner, hold.epoch, hold.until == 1.0] for hold in self.ledgers[3].holds()}
            assert found == {name: [one[0], self.ledgers[one[1]].owner, *one[2:4]] for name, one in self.held.items()}

    def teardown(self) -> None:
        for ledger in getattr(self, "ledgers", ()):
            ledger.close()


def options(examples: int) -> settings:
    return settings(max_examples=examples, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck))


def test_a_model_over_memory() -> None:
    class OverMemory(Machine):
        def __init__(self) -> None:
            super().__init__()
            memory = MemoryStore()
            self.store = lambda: memory

    run_state_machine_as_test(OverMemory, settings=options(150))


def test_a_model_over_sqlite() -> None:
    class OverSqlite(Machine):
        def __init__(self) -> None:
            super().__init__()
            self.folder = tempfile.TemporaryDirectory(prefix="orderseal-holds-")
            self.store = lambda: SqliteStore(Path(self.folder.name) / "l.db")

        def teardown(self) -> None:
            super().teardown()
            self.folder.cleanup()

    run_state_machine_as_test(OverSqlite, settings=options(25))


def test_a_model_over_postgres(postgres: Server) -> None:
    class OverPostgres(Machine):
        def __init__(self) -> None:
            super().__init__()
            schema = new_schema()
            self.store = lambda: PostgresStore(postgres.conninfo(password=postgres.password), schema=schema)

    run_state_machine_as_test(OverPostgres, settings=options(8))


# -- Together ------------------------------------------------------------------------------------------------------------------


def test_of_eight_threads_one_gets_it(make_ledger: MakeLedger) -> None:
    ledgers = [make_ledger(owner=f"bot {number}") for number in range(8)]
    start = threading.Barrier(8)

    def take(number: int) -> list[Hold]:
        got: list[Hold] = []
        for turn in range(6):
            start.wait(20)
            hold, refused, _words = attempt(lambda turn=turn: ledgers[number].hold(CHAIN, f"name {turn}", f"intent {number % 2}"))  # type: ignore[misc]
            assert refused == ("held" if hold is None else "")
            got += [] if hold is None else [hold]
        return got

    with ThreadPoolExecutor(8) as pool:
        held = [hold for part in pool.map(take, range(8)) for hold in part]
    assert sorted(hold.name for hold in held) == [f"name {turn}" for turn in range(6)]
    assert {hold.epoch for hold in held} == {1}
    assert sorted(ledgers[0].holds(), key=lambda hold: hold.name) == sorted(held, key=lambda hold: hold.name)


def test_of_eight_threads_one_takes_it_over(make_ledger: MakeLedger) -> None:
    dead = make_ledger(owner="dead").hold(CHAIN, NAME, "buy 1")
    ledgers = [make_ledger(owner=f"bot {number}") for number in range(8)]
    run_out(ledgers[0])
    start = threading.Barrier(8)

    def take(ledger: Ledger) -> list[Hold]:
        start.wait(20)
        hold, refused, _words = attempt(lambda: ledger.hold(CHAIN, NAME, "buy 1"))
        assert refused == ("held" if hold is None else "")
        return [] if hold is None else [hold]

    with ThreadPoolExecutor(8) as pool:
        (taken,) = [hold for part in pool.map(take, ledgers) for hold in part]
    assert (taken.epoch, taken.since) == (2, dead.since)


CHILD = """
import json, sys
from pathlib import Path
from threading import Event
from orderseal.signing.ledger import Ledger, LedgerError, Scope, SqliteStore
where, schema, owner, intent, count, lease = sys.argv[1:]
if schema:
    from orderseal.signing.ledger.postgres import PostgresStore
    store = PostgresStore(where, schema=schema, busy_timeout=60)
else:
    store = SqliteStore(where, busy_timeout=60)
scope, inside, done = Scope("evm", "17000", "0x" + "11" * 20, "transaction"), Path("inside"), 0
with Ledger(store, owner=owner, lease=float(lease)) as ledger:
    print("ready", flush=True)
    sys.stdin.readline()
    while done < int(count):
        try:
            hold = ledger.hold(scope, "token spender", intent)
        except LedgerError as error:
            assert error.reason == "held", error
            Event().wait(0.002)
            continue
        inside.touch(exist_ok=False)  # Two at once, and one of them fails.
        print(json.dumps([hold.epoch, hold.owner]), flush=True)
        if lease != "60":
            sys.stdin.readline()
        hold = ledger.keep(hold)
        hold.check_lease()
        inside.unlink()
        ledger.let_go(hold)
        done += 1
"""


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """A ledger for several processes: its path or address, and its schema."""
    if request.param == "sqlite":
        where = str(tmp_path / "l.db"), ""
    else:
        server: Server = request.getfixturevalue("postgres")
        where = server.conninfo(password=server.password), new_schema()
    opened(where).close()
    return where


def opened(place: tuple[str, str], **options: Any) -> Ledger:
    return Ledger(PostgresStore(place[0], schema=place[1]) if place[1] else SqliteStore(place[0], busy_timeout=60), **options)


def child(place: tuple[str, str], tmp_path: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", "-c", CHILD, *place, *arguments]
    started = subprocess.Popen(command, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert started.stdout
    assert started.stdout.readline() == "ready\n"
    return started


def test_eight_processes_take_turns(place: tuple[str, str], tmp_path: Path) -> None:
    children = [child(place, tmp_path, f"bot {number}", f"intent {number % 3}", "5", "60") for number in range(8)]
    for one in children:
        assert one.stdin
        one.stdin.write("\n")
        one.stdin.flush()
    outputs = [one.communicate(timeout=90)[0] for one in children]
    assert [one.returncode for one in children] == [0] * 8
    assert [json.loads(line)[0] for text in outputs for line in text.splitlines()] == [1] * 40
    with closing(opened(place)) as ledger:
        assert ledger.holds() == []


def test_a_holder_is_killed(place: tuple[str, str], tmp_path: Path) -> None:
    victim = child(place, tmp_path, "victim", "buy 1", "1", "3")
    assert victim.stdin
    assert victim.stdout
    victim.stdin.write("\n")
    victim.stdin.flush()
    epoch, owner = json.loads(victim.stdout.readline())
    os.kill(victim.pid, signal.SIGKILL)
    victim.communicate(timeout=20)
    with closing(opened(place, owner="heir")) as heir, closing(opened(place, owner="victim")) as reborn:
        (left,) = heir.holds()
        assert (left.epoch, left.owner) == (epoch, owner)
        assert reason(lambda: heir.hold(CHAIN, "token spender", "buy 2")) == "held"
        assert reason(lambda: reborn.hold(CHAIN, "token spender", "buy 2")) == "held"
        if heir._store.now() < left.until - 1:
            assert reason(lambda: heir.hold(CHAIN, "token spender", "buy 1")) == "held"
        while heir._store.now() <= left.until:
            threading.Event().wait(0.05)
        taken = heir.hold(CHAIN, "token spender", "buy 1")
        assert (taken.epoch, taken.since) == (2, left.since)
        assert reason(lambda: reborn.hold(CHAIN, "token spender", "buy 1")) == "held"
        heir.let_go(taken)
        assert reborn.hold(CHAIN, "token spender", "buy 2").epoch == 1


def test_a_holder_is_killed_and_started_again(place: tuple[str, str], tmp_path: Path) -> None:
    victim = child(place, tmp_path, "victim", "buy 1", "1", "600")
    assert victim.stdin
    assert victim.stdout
    victim.stdin.write("\n")
    victim.stdin.flush()
    victim.stdout.readline()
    os.kill(victim.pid, signal.SIGKILL)
    victim.communicate(timeout=20)
    with closing(opened(place, owner="victim")) as reborn:
        assert reborn.hold(CHAIN, "token spender", "buy 1").epoch == 2


def test_orders_and_purchases_do_not_meet(ledger: Ledger, scope: Scope) -> None:
    """A hold says nothing of nonces, and a nonce nothing of holds."""
    hold = ledger.hold(scope, NAME, "buy 1")
    assert ledger.reserve(scope, SequentialFromVenue(5)).key == 5
    assert ledger.open_slots()[0].key == 5
    ledger.take_over()
    assert ledger.holds() == [hold]
