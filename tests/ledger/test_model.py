"""A ledger and a simple model side by side, driven by hypothesis, over both stores.

The model is written from the design, not from the code: per nonce a state, what is bound to it, and which bytes have left.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from orderseal.signing import Domain, LocalSigner, NonceConflict, Order
from orderseal.signing.ledger import Answer, Ledger, LedgerError, Meaning, MemoryStore, Scope, SequentialFromVenue, Slot, SqliteStore, What

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


class Row:
    """What the model knows of a nonce."""

    def __init__(self, slot: Slot) -> None:
        self.slot, self.state = slot, "reserved"
        self.order: Order | None = None
        self.body: bytes | None = None
        self.signed = False
        self.sent = 0


class Machine(RuleBasedStateMachine):
    """Two instances of a bot on one store."""

    store: Any
    folder: Path | None = None

    def __init__(self) -> None:
        super().__init__()
        self.signer = LocalSigner.from_key(KEY)
        self.scope = Scope("stove", "test", self.signer.address)
        self.rows: dict[int, Row] = {}
        self.next = 0
        self.known = 0  # Every key below is accounted for, as far as the venue goes.

    @initialize(first=st.integers(0, 50))
    def open(self, first: int) -> None:
        self.ledgers = [self.another(), self.another()]
        self.next = self.known = first
        self.take(0, first, 1)

    def another(self) -> Ledger:
        return Ledger(self.store() if self.folder is None else SqliteStore(self.folder / "l.db"), clock=lambda: NOW)

    def take(self, which: int, said: int | None, count: int) -> None:
        free = sorted(k for k, row in self.rows.items() if row.state == "released" and (said is None or k >= said))[:count]
        fresh = list(range(self.next, self.next + count - len(free)))
        slots = self.ledgers[which].reserve_many(self.scope, SequentialFromVenue(said), count)
        assert [slot.key for slot in slots] == free + fresh
        self.next += len(fresh)
        for slot in slots:
            self.rows[slot.key] = Row(slot)

    @rule(which=st.integers(0, 1), count=st.integers(1, 4), behind=st.none() | st.integers(0, 3))
    def reserve(self, which: int, count: int, behind: int | None) -> None:
        self.take(which, None if behind is None else max(self.known - behind, 0), count)

    @rule(which=st.integers(0, 1), ahead=st.integers(1, 3))
    def venue_ahead(self, which: int, ahead: int) -> None:
        with pytest.raises(LedgerError) as error:
            self.ledgers[which].reserve(self.scope, SequentialFromVenue(self.known + ahead))
        assert error.value.reason == "venue_ahead"

    @rule(which=st.integers(0, 1), ahead=st.integers(0, 3), skip=st.integers(0, 2))
    def reconcile(self, which: int, ahead: int, skip: int) -> None:
        said = self.known + ahead
        _counter, given_up = self.ledgers[which].reconcile(self.scope, said, skip=skip)
        gone = [key for key, row in sorted(self.rows.items()) if row.state in ("reserved", "released") and key < said]
        assert sorted(slot.key for slot in given_up) == gone
        for slot in given_up:
            self.rows[slot.key].slot, self.rows[slot.key].state = slot, "abandoned"
        self.next, self.known = max(self.next, said) + skip, max(self.known, said)

    @precondition(lambda self: self.rows)
    @rule(
        which=st.integers(0, 1),
        pick=st.integers(0, 5),
        calls=st.lists(st.tuples(st.sampled_from(["", "", "", *sorted(CALLS)]), st.integers(0, 5)), min_size=1, max_size=6),
        quantity=st.integers(1, 3),
    )
    def act(self, which: int, pick: int, calls: list[tuple[str, int]], quantity: int) -> None:
        """Some calls on one row; most often those that its state allows."""
        row = self.rows[sorted(self.rows)[pick % len(self.rows)]]
        for any_call, choice in calls:
            legal = [call for call in sorted(CALLS) if row.state in CALLS[call]] or sorted(CALLS)
            self.call(which, row, any_call or legal[choice % len(legal)], quantity)

    def call(self, which: int, row: Row, call: str, quantity: int) -> None:
        after = CALLS[call].get(row.state)
        slot, body, refused = row.slot, None, ""
        try:
            slot, body = self.do(self.ledgers[which], row, call, quantity)
        except LedgerError as error:
            refused = error.reason
        assert refused == ("illegal_event" if after is None else ""), f"{call} from {row.state}"
        if after is None:
            return
        row.slot, row.state = slot, after
        if call == "commit":
            row.order = self.order(slot.key, quantity)
        if call in ("sign", "sign_to_send"):
            row.signed = True
        if body is not None:
            assert row.body in (None, body), "other bytes went out"
            row.body = body
            row.sent += 1
            self.known = max(self.known, slot.key + 1)

    def do(self, ledger: Ledger, row: Row, call: str, quantity: int) -> tuple[Slot, bytes | None]:
        slot = row.slot
        if call == "commit":
            return ledger.commit(slot, self.order(slot.key, quantity), DOMAIN), None
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
            row.slot, row.state = slot, "accepted"

    @rule(which=st.integers(0, 1))
    def again(self, which: int) -> None:
        """One of the two dies, and another comes."""
        if self.folder is not None:
            self.ledgers[which].close()
        self.ledgers[which] = self.another()

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
        found = {slot.key: slot for slot in self.ledgers[0].slots()}
        assert {key: slot.state.value for key, slot in found.items()} == {key: row.state for key, row in self.rows.items()}
        assert self.ledgers[1].counters()[self.scope].next == self.next
        owed = 0
        for key, row in self.rows.items():
            artifacts = self.ledgers[0].artifacts(found[key])
            assert {a.digest for a in artifacts} == ({row.order.signing_hash(DOMAIN)} if row.order else set())
            assert found[key].digest == (row.order.signing_hash(DOMAIN) if row.order else None)
            assert sum(a.what is What.SENT for a in self.ledgers[0].attempts(found[key])) == row.sent
            if row.body is not None:
                assert row.order
                assert [a.body for a in artifacts if a.body is not None] == [row.body]
                owed += row.order.quantity * 10**18
        assert sum(self.ledgers[0].exposure().buys.values()) == owed

    def teardown(self) -> None:
        for ledger in getattr(self, "ledgers", ()):
            ledger.close()


def options(examples: int) -> settings:
    return settings(max_examples=examples, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck))


def test_memory() -> None:
    class OverMemory(Machine):
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
