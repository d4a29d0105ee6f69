"""A ledger and a simple model side by side, driven by hypothesis, over all stores.

The model is written from the design, not from the code: per nonce a state, what is bound to it, and which bytes have left.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test
from tests.ledger.conftest import new_schema
from tests.postgres_server import Server

from orderseal.signing import Domain, LocalSigner, NonceConflict, Order
from orderseal.signing.ledger import (
    Answer,
    CancelState,
    Ledger,
    LedgerError,
    Meaning,
    MemoryStore,
    Scope,
    SequentialFromVenue,
    Slot,
    SqliteStore,
    What,
)
from orderseal.signing.ledger.postgres import PostgresStore

KEY = "0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"
DOMAIN = Domain(name="RFQSettlement", version="1", chain_id=97, verifying_contract="0xCB310C56A19078aA969A922f382613d932D89D83")
NOW = 1_780_000_000.0

# What each call may start from, and what it leads to.
CALLS = {
    "commit": {"reserved": "committed"},
    "sign": {"committed": "signed"},
    "sign_to_send": {"committed": "sending"},
    "begin_sending": {"signed": "sending", "unknown": "unknown"},
    "accepted": {"sending": "accepted", "unknown": "accepted"},
    "refused": {"sending": "refused", "unknown": "unknown"},
    "not_accepted": {"sending": "signed", "unknown": "unknown"},
    "lost": {"sending": "unknown", "unknown": "unknown"},
    "not_found": {"unknown": "unknown"},
    "release": {"reserved": "released"},
    "abandon": {"reserved": "abandoned", "released": "abandoned", "committed": "abandoned", "signed": "abandoned"},
}
FOUND = ("signed", "sending", "unknown", "refused", "accepted", "abandoned")
OPEN = ("reserved", "committed", "signed", "sending", "unknown")
# What a halt stops.
CURRENT = ("commit", "sign", "sign_to_send", "begin_sending")
REFERENCES = ("one", "two", "three")
PATHS = {
    "reserved": (),
    "committed": ("commit",),
    "signed": ("commit", "sign"),
    "sending": ("commit", "sign_to_send"),
    "unknown": ("commit", "sign_to_send", "lost"),
}
# What one who does not know that a row was taken over may try.
LATE = {"reserved": "release", "committed": "abandon", "signed": "abandon", "sending": "accepted", "unknown": "not_found"}
# What may follow on what, of asking the venue to cancel; nothing follows on an end.
ASKED: dict[str | None, set[str]] = {
    None: {"asked"},
    "asked": {"acknowledged", "refused", "unknown", "done", "not_done"},
    "acknowledged": {"asked", "done", "not_done"},
    "refused": {"asked", "done", "not_done"},
    "unknown": {"asked", "done", "not_done"},
    "done": set(),
    "not_done": set(),
}


class Row:
    """What the model knows of a nonce."""

    def __init__(self, slot: Slot, holder: int) -> None:
        self.slot, self.state, self.holder = slot, "reserved", holder
        self.lost: list[Slot] = []  # as those knew it from whom it was taken over
        self.asked: str | None = None
        self.order: Order | None = None
        self.body: bytes | None = None
        self.signed = False
        self.sent = 0


class Machine(RuleBasedStateMachine):
    """Two instances of a bot on one store."""

    store: Any
    folder: Path | None = None
    dies = True  # What is in memory would be gone for both.

    def __init__(self) -> None:
        super().__init__()
        self.signer = LocalSigner.from_key(KEY)
        self.scope = Scope("stove", "test", self.signer.address)
        self.rows: dict[int, Row] = {}
        self.next = 0
        self.known = 0  # Every key below is accounted for, as far as the venue goes.
        self.halted = False
        self.named: dict[str, int] = {}
        self.elsewhere: list[Row] = []  # Of another network, where nothing but reserving happens.
        self.instances = [0, 1]  # An even one has the first name, an odd one the second.

    @initialize(first=st.integers(0, 50))
    def open(self, first: int) -> None:
        self.ledgers = [self.another(0), self.another(1)]
        self.next = self.known = first
        self.take(0, first, 1)

    def another(self, which: int) -> Ledger:
        store = self.store() if self.folder is None else SqliteStore(self.folder / "l.db")
        return Ledger(store, clock=lambda: NOW, owner=f"bot {which}")

    def take(self, which: int, said: int | None, count: int) -> None:
        free = sorted(k for k, row in self.rows.items() if row.state == "released" and (said is None or k >= said))[:count]
        fresh = list(range(self.next, self.next + count - len(free)))
        if self.halted:
            with pytest.raises(LedgerError) as error:
                self.ledgers[which].reserve_many(self.scope, SequentialFromVenue(said), count)
            assert error.value.reason == "needs_reconcile"
            return
        slots = self.ledgers[which].reserve_many(self.scope, SequentialFromVenue(said), count)
        assert [slot.key for slot in slots] == free + fresh
        self.next += len(fresh)
        for slot in slots:
            self.rows[slot.key] = Row(slot, self.instances[which])

    @rule(which=st.integers(0, 1), count=st.integers(1, 4), behind=st.none() | st.integers(0, 3))
    def reserve(self, which: int, count: int, behind: int | None) -> None:
        self.take(which, None if behind is None else max(self.known - behind, 0), count)

    @precondition(lambda self: not self.halted)
    @rule(which=st.integers(0, 1))
    def reserve_elsewhere(self, which: int) -> None:
        scope = Scope("stove", "elsewhere", self.signer.address)
        self.elsewhere.append(Row(self.ledgers[which].reserve(scope, SequentialFromVenue(0)), self.instances[which]))

    @rule(which=st.integers(0, 1))
    def halt(self, which: int) -> None:
        self.ledgers[which].halt()
        self.halted = True
        for row in self.rows.values():
            for call in CURRENT:
                if row.state in CALLS[call]:
                    self.call(which, row, call, 1, None)

    @precondition(lambda self: not self.halted)
    @rule(which=st.integers(0, 1), ahead=st.integers(1, 3))
    def venue_ahead(self, which: int, ahead: int) -> None:
        with pytest.raises(LedgerError) as error:
            self.ledgers[which].reserve(self.scope, SequentialFromVenue(self.known + ahead))
        assert error.value.reason == "venue_ahead"

    @rule(which=st.integers(0, 1), ahead=st.integers(0, 3), skip=st.integers(0, 2))
    def reconcile(self, which: int, ahead: int, skip: int) -> None:
        said = self.known + ahead
        _counter, given_up = self.ledgers[which].reconcile(self.scope, said, skip=skip)
        gone = [key for key, row in sorted(self.rows.items()) if row.state in ("reserved", "released") and (key < said or self.halted)]
        assert sorted(slot.key for slot in given_up) == gone
        for slot in given_up:
            self.rows[slot.key].slot, self.rows[slot.key].state = slot, "abandoned"
        self.next, self.known = max(self.next, said) + skip, max(self.known, said)
        if self.halted:
            self.halted = False
            elsewhere = Scope("stove", "elsewhere", self.signer.address)
            if self.elsewhere:  # Each scope by itself.
                with pytest.raises(LedgerError) as error:
                    self.ledgers[which].reserve(elsewhere, SequentialFromVenue(0))
                assert error.value.reason == "needs_reconcile"
            self.ledgers[which].reconcile(elsewhere, 0)
            self.elsewhere.clear()

    @precondition(lambda self: self.rows)
    @rule(
        which=st.integers(0, 1),
        pick=st.integers(0, 5),
        calls=st.lists(st.tuples(st.sampled_from(["", "", "", *sorted(CALLS)]), st.integers(0, 5)), min_size=1, max_size=6),
        quantity=st.integers(1, 3),
        reference=st.none() | st.sampled_from(REFERENCES),
    )
    def act(self, which: int, pick: int, calls: list[tuple[str, int]], quantity: int, reference: str | None) -> None:
        """Some calls on one row; most often those that its state allows."""
        row = self.rows[sorted(self.rows)[pick % len(self.rows)]]
        for any_call, choice in calls:
            legal = [call for call in sorted(CALLS) if row.state in CALLS[call]] or sorted(CALLS)
            self.call(which, row, any_call or legal[choice % len(legal)], quantity, reference)

    def call(self, which: int, row: Row, call: str, quantity: int, reference: str | None) -> None:
        after = CALLS[call].get(row.state)
        slot, body, refused = row.slot, None, ""
        try:
            slot, body = self.do(self.ledgers[which], row, call, quantity, reference)
        except LedgerError as error:
            refused = error.reason
        expected = self.forbidden(row, call, reference)
        assert refused == expected, f"{call} from {row.state}"
        if expected:
            return
        assert after is not None
        row.slot, row.state, row.holder = slot, after, self.instances[which]
        if call == "commit":
            row.order = self.order(slot.key, quantity)
            if reference is not None:
                self.named[reference] = slot.key
        if call in ("sign", "sign_to_send"):
            row.signed = True
        if body is not None:
            assert row.body in (None, body), "other bytes went out"
            row.body = body
            row.sent += 1
            self.known = max(self.known, slot.key + 1)

    def forbidden(self, row: Row, call: str, reference: str | None) -> str:
        if row.state not in CALLS[call]:
            return "illegal_event"
        if self.halted and call in CURRENT:
            return "needs_reconcile"
        if call == "commit" and reference in self.named:
            named = self.rows[self.named[reference]]
            return "" if named.state == "abandoned" and not named.sent else "reference_used"
        return ""

    def do(self, ledger: Ledger, row: Row, call: str, quantity: int, reference: str | None) -> tuple[Slot, bytes | None]:
        slot = row.slot
        if call == "commit":
            return ledger.commit(slot, self.order(slot.key, quantity), DOMAIN, reference=reference), None
        if call == "sign":
            return ledger.sign(slot, self.signer), None
        if call in ("sign_to_send", "begin_sending"):
            out = ledger.sign_to_send(slot, self.signer) if call == "sign_to_send" else ledger.begin_sending(slot)
            return out.slot, out.body
        if call in ("accepted", "refused", "not_accepted", "lost"):
            return ledger.record(slot, Answer(Meaning("unknown" if call == "lost" else call))), None
        done: Slot = getattr(ledger, call)(slot)
        return done, None

    @precondition(lambda self: any(row.order for row in self.rows.values()))
    @rule(which=st.integers(0, 1), pick=st.integers(0), ours=st.booleans())
    def look_up(self, which: int, pick: int, ours: bool) -> None:
        bound = [row for _key, row in sorted(self.rows.items()) if row.order is not None]
        row = bound[pick % len(bound)]
        assert row.order is not None
        order = row.order if ours else row.order.replace(quantity=row.order.quantity + 1)
        signature = bytes(self.signer.sign_typed_data(row.order.signing_hash(DOMAIN), lambda: None))  # type: ignore[arg-type, return-value]
        try:
            slot = self.ledgers[which].adopt(row.slot, order, signature)
        except NonceConflict:
            assert not ours
        except LedgerError:
            assert row.state not in FOUND or not row.signed
        else:
            assert ours
            assert row.state in FOUND
            assert row.signed
            row.slot, row.state, row.holder = slot, "accepted", self.instances[which]

    @rule(which=st.integers(0, 1))
    def again(self, which: int) -> None:
        """One of the two dies, and another comes."""
        if self.dies:
            self.ledgers[which].close()
        self.ledgers[which] = self.another(which)
        self.instances[which] += 2

    @rule(which=st.integers(0, 1), where=st.sampled_from(["", "test", "elsewhere"]), limit=st.integers(1, 4))
    def take_over(self, which: int, where: str, limit: int) -> None:
        """What an earlier instance of the same name left open; none of its calls counts any more."""
        mine = self.instances[which]
        rows = [row for row in [*self.rows.values(), *self.elsewhere] if row.state in OPEN and row.holder % 2 == mine % 2]
        left = [row for row in rows if row.holder != mine and where in ("", row.slot.scope.network)]
        left = sorted(left, key=lambda row: row.slot.id)[:limit]
        scope = Scope("stove", where, self.signer.address) if where else None
        taken = self.ledgers[which].take_over(scope, limit=limit)
        assert [slot.id for slot in taken] == [row.slot.id for row in left]
        for row, slot in zip(left, taken, strict=True):
            row.lost.append(row.slot)
            row.slot, row.holder = slot, mine
            row.state = "unknown" if row.state == "sending" else row.state
            assert slot.state.value == row.state
            self.refused_late(which, row, LATE[row.lost[-1].state.value])

    def refused_late(self, which: int, row: Row, call: str) -> None:
        """The one from whom it was taken over changes nothing any more."""
        late = Row(row.lost[-1], row.holder)
        late.state, late.sent = row.lost[-1].state.value, row.sent
        with pytest.raises(LedgerError) as error:
            self.do(self.ledgers[which], late, call, 1, None)
        reason, expected = error.value.reason, self.forbidden(late, call, None) or "lease_lost"
        # What it would write may be there since, from the one who took it over: then the database's own rules may speak first.
        written = {"commit": row.order is not None, "sign": row.signed, "sign_to_send": row.signed}.get(call, False)
        assert reason == expected or (written and expected != "illegal_event" and reason in ("conflict", "bound"))

    @precondition(lambda self: not self.halted)
    @rule(which=st.integers(0, 1), state=st.sampled_from(sorted(PATHS)), where=st.sampled_from(["", "test", "elsewhere"]))
    def crash(self, which: int, state: str, where: str) -> None:
        """One dies in the middle of an order, and comes back."""
        self.reserve_elsewhere(which)
        self.fresh(which, PATHS[state], None)
        self.again(which)
        self.take_over(which, where, 1_000)

    @precondition(lambda self: any(row.lost for row in self.rows.values()))
    @rule(which=st.integers(0, 1), pick=st.integers(0), call=st.sampled_from(sorted(CALLS)))
    def too_late(self, which: int, pick: int, call: str) -> None:
        """Nor later."""
        rows = [row for _key, row in sorted(self.rows.items()) if row.lost]
        self.refused_late(which, rows[pick % len(rows)], call)

    @precondition(lambda self: not self.halted)
    @rule(which=st.integers(0, 1), reference=st.sampled_from(REFERENCES), sent=st.booleans())
    def give_up(self, which: int, reference: str, sent: bool) -> None:
        """An intent that comes to nothing: its name is free again if nothing of it has left."""
        self.fresh(which, ["commit", *(["sign_to_send", "not_accepted"] if sent else []), "abandon"], reference)

    def fresh(self, which: int, calls: Sequence[str], reference: str | None) -> None:
        """A nonce, and what is done with it. The name may be in use: then nothing comes of it."""
        before = dict(self.rows)
        self.take(which, None, 1)
        (row,) = [row for key, row in self.rows.items() if before.get(key) is not row]
        for call in calls:
            self.call(which, row, call, 1, reference)

    @precondition(lambda self: self.rows)
    @rule(which=st.integers(0, 1), pick=st.integers(0), told=st.lists(st.sampled_from(list(CancelState)), min_size=1, max_size=3))
    def cancel(self, which: int, pick: int, told: list[CancelState]) -> None:
        """What is recorded of a cancellation; it changes nothing else."""
        row = self.rows[sorted(self.rows)[pick % len(self.rows)]]
        for state in told:
            if row.order is None:  # Else it would stay with the nonce, and count for the order that comes.
                with pytest.raises(LedgerError) as error:
                    self.ledgers[which].record_cancel(row.slot, state)
                assert error.value.reason == "illegal_event"
                continue
            self.ledgers[which].record_cancel(row.slot, state)
            if state.value in ASKED[row.asked]:
                row.asked = state.value

    def order(self, nonce: int, quantity: int) -> Order:
        return Order(
            maker=self.signer.address,
            principal=self.signer.address,
            is_buy=True,
            ticker="AAPL",
            exchange=0,
            asset="0x09671802Cc9Bbf6402f2e7a07b220Aa7b43D8c91",  # type: ignore[arg-type]
            price=10**18,
            quantity=quantity,
            incentive=0,
            deadline=int(NOW) + 1000,
            nonce=nonce,
        )

    @invariant()
    def same(self) -> None:
        if not hasattr(self, "ledgers"):
            return
        found = {slot.key: slot for slot in self.ledgers[0].slots(network="test")}
        assert {key: slot.state.value for key, slot in found.items()} == {key: row.state for key, row in self.rows.items()}
        assert self.ledgers[1].counters()[self.scope].next == self.next
        for reference in REFERENCES:
            named = self.ledgers[1].by_reference(self.scope, reference)
            assert (named.key if named is not None else None) == self.named.get(reference)
        owed = pending = 0
        for key, row in self.rows.items():
            artifacts = self.ledgers[0].artifacts(found[key])
            assert {a.digest for a in artifacts} == ({row.order.signing_hash(DOMAIN)} if row.order else set())
            assert found[key].owner.split("#")[0] == f"bot {row.holder % 2}"
            assert self.ledgers[1].cancel_state(found[key]) == row.asked
            assert found[key].digest == (row.order.signing_hash(DOMAIN) if row.order else None)
            assert sum(a.what is What.SENT for a in self.ledgers[0].attempts(found[key])) == row.sent
            if row.body is not None:
                assert row.order
                assert [a.body for a in artifacts if a.body is not None] == [row.body]
                owed += row.order.quantity * 10**18
            elif row.state in ("committed", "signed"):
                assert row.order
                pending += row.order.quantity * 10**18
        assert sum(self.ledgers[0].exposure().buys.values()) == owed
        assert sum(self.ledgers[1].exposure(pending=True).buys.values()) == owed + pending

    def teardown(self) -> None:
        for ledger in getattr(self, "ledgers", ()):
            ledger.close()


def options(examples: int) -> settings:
    return settings(max_examples=examples, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck))


def test_memory() -> None:
    class OverMemory(Machine):
        dies = False

        def __init__(self) -> None:
            super().__init__()
            memory = MemoryStore()
            self.store = lambda: memory

    run_state_machine_as_test(OverMemory, settings=options(100))


def test_sqlite() -> None:
    class OverSqlite(Machine):
        def __init__(self) -> None:
            super().__init__()
            self.folder = Path(tempfile.mkdtemp(prefix="orderseal-model-"))

        def teardown(self) -> None:
            super().teardown()
            assert self.folder is not None
            shutil.rmtree(self.folder)

    run_state_machine_as_test(OverSqlite, settings=options(40))


def test_postgres(postgres: Server) -> None:
    class OverPostgres(Machine):
        def __init__(self) -> None:
            super().__init__()
            schema = new_schema()
            self.store = lambda: PostgresStore(postgres.conninfo(password=postgres.password), schema=schema)

    run_state_machine_as_test(OverPostgres, settings=options(15))
