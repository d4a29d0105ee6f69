"""Makers that are killed and stopped, while they place orders at a sandbox that drops, delays, doubles and refuses.

Afterwards the venue's own record is held against the ledger: no nonce with two digests, every accepted order known with its exact bytes,
none accepted twice, nothing sent that the ledger does not know of, each intent with one effect at most, and nothing left open.

``ORDERSEAL_KILLS=10000 .venv/bin/python -m pytest tests/ledger/test_fleet.py -k test_killed -s`` kills that many, in an hour or less on two
processors; each 120 have a new sandbox, a new ledger, and a seed of their own. ``ORDERSEAL_SEED`` is the first one.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import selectors
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.ledger.conftest import new_schema
from tests.postgres_server import Server

from orderseal.api import stove
from orderseal.api.stove import maker as maker_module
from orderseal.api.submission import Policy
from orderseal.sandbox import Fault, Sandbox, Settings
from orderseal.signing import LocalSigner, Order
from orderseal.signing.ledger import Ledger, Scope, Slot, SqliteStore, Stage, State, What

pytestmark = pytest.mark.once

CHILD = Path(__file__).with_name("fleet_child.py")
KILLS = int(os.environ.get("ORDERSEAL_KILLS", "240"))
SEED = int(os.environ.get("ORDERSEAL_SEED", "20260101"))
BATCH = 120
LANES = 5
PATIENCE = 60.0
KILLED = -signal.SIGKILL
LIMIT = Decimal("150.25")
QUIET = [(Fault("delay", seconds=0.0), 0.0)]  # A mix that does nothing but count the requests.

STEPS = [
    "reserved", "committed", "sending", "writing", "half written", "written", "heard", "answered", "recorded", "refused", "looking up",
    "looked up", "adopting", "not found", "waiting", "sending again",
]  # fmt: skip
RECOVERY = ["taken over", "looking up", "looked up", "adopting", "not found", "sending again", "written", "answered", "recorded"]
# What leaves something for a recovery, and lets it come to the step, in most cases.
BEFORE = {
    "adopting": "heard",
    "not found": "sending",
    "sending again": "sending",
    "written": "sending",
    "answered": "sending",
    "recorded": "sending",
}

Plan = dict[str, Any]


class Children:
    """The process that forks makers. After a test that failed another one takes its place."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.busy = False

    def start(self, job: dict[str, Any]) -> None:
        if self.busy:
            self.end()
        if self.process is None:
            self.process = subprocess.Popen(
                [sys.executable, "-W", "error", str(CHILD)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0, start_new_session=True,
            )  # fmt: skip
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(job).encode() + b"\n")
        self.busy = True

    def event(self) -> dict[str, Any]:
        assert self.process is not None
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            assert selector.select(PATIENCE), f"a maker does not come to its end: {self.end()}"
        line = self.process.stdout.readline()
        assert line, self.end()
        found: dict[str, Any] = json.loads(line)
        self.busy = "done" not in found
        return found

    def run(self, job: dict[str, Any]) -> list[int]:
        """Do the whole job, and give how each maker ended."""
        self.start(job)
        return list(self.codes())

    def codes(self) -> Iterator[int]:
        while "done" not in (event := self.event()):
            assert event.get("code") in (0, KILLED), (event, self.end())
            yield event["code"]

    def end(self) -> str:
        """End them all, those that are stopped as well; what they have written to standard error."""
        if self.process is None:
            return ""
        os.killpg(self.process.pid, signal.SIGKILL)
        _output, errors = self.process.communicate()
        self.process, self.busy = None, False
        return errors.decode()


@pytest.fixture(scope="module")
def children() -> Iterator[Children]:
    children = Children()
    yield children
    assert children.end() == ""


class Fleet:
    """One account, one ledger, one sandbox."""

    def __init__(self, folder: Path, sandbox: Sandbox, *, conninfo: str = "", schema: str = "") -> None:
        self.sandbox, self.folder, self.conninfo, self.schema = sandbox, folder, conninfo, schema
        folder.mkdir(exist_ok=True)
        # A key of its own, so that tests that share a sandbox do not meet.
        self.key = "0x" + random.Random(str(folder)).randbytes(32).hex()
        self.signer = LocalSigner.from_key(self.key)
        self.network = stove.TESTNET.at(sandbox.url)
        self.scope = Scope("stove", f"{self.network.chain_id}:{str(self.network.settlement).lower()}", self.signer.address)
        self.log = folder / "log"

    def open(self, **options: Any) -> Ledger:
        if self.schema:
            from orderseal.signing.ledger.postgres import PostgresStore

            return Ledger(PostgresStore(self.conninfo, schema=self.schema), **options)
        return Ledger(SqliteStore(self.folder / "ledger.db", busy_timeout=60), **options)

    def job(self, *lanes: list[Plan]) -> dict[str, Any]:
        ledger = self.conninfo if self.schema else str(self.folder / "ledger.db")
        return {"ledger": ledger, "schema": self.schema, "url": self.sandbox.url, "key": self.key, "log": str(self.log), "lanes": lanes}

    def told(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_bytes().splitlines()] if self.log.exists() else []

    def posted(self) -> int:
        """How many create requests have come since the mix was set."""
        (mix,) = [mix for mix in self.sandbox.faults()["mixes"] if (mix["method"], mix["path"]) == ("POST", "/api/v1/orders")]
        return int(mix["matched"])

    def sent(self) -> int:
        """How many attempts the ledger knows of."""
        with self.open() as ledger:
            return sum(attempt.what is What.SENT for slot in ledger.slots() for attempt in ledger.attempts(slot))


def check(fleet: Fleet) -> Counter[str]:
    """Hold the venue's record against the ledger's; give the states."""
    accepted = [order for order in fleet.sandbox.accepted() if order.maker.lower() == str(fleet.signer.address).lower()]
    nonces = Counter(order.nonce for order in accepted)
    assert not [nonce for nonce, times in nonces.items() if times > 1], "a nonce was accepted twice"
    with fleet.open() as ledger:
        slots = {slot.key: slot for slot in ledger.slots()}
        counter = ledger.counters()[fleet.scope]
        assert sorted(slots) == list(range(min(slots), counter.next)), "a nonce was lost"
        intents: dict[int, list[Slot]] = defaultdict(list)
        for slot in slots.values():
            artifacts = ledger.artifacts(slot)
            assert len({artifact.digest for artifact in artifacts}) <= 1, "a nonce has two digests"
            assert len(artifacts) == len({artifact.stage for artifact in artifacts})
            if slot.sent_at is not None:
                intents[ledger.order(slot, Order).quantity // 10].append(slot)
        for order in accepted:
            slot = slots[order.nonce]
            assert slot.state is State.ACCEPTED, f"the venue accepted nonce {order.nonce}, which is {slot.state.value}"
            (signed,) = [artifact for artifact in ledger.artifacts(slot) if artifact.stage is Stage.SIGNED]
            assert signed.body is not None
            assert hashlib.sha256(signed.body).hexdigest() == order.body_sha256
            assert str(signed.digest) == order.signing_hash
            assert order.deliveries == order.identical_deliveries, "other bytes were sent for the same order"
        states = Counter(slot.state.value for slot in slots.values())
        assert states["accepted"] == len(accepted), "the ledger holds an order for accepted that the venue does not have"
        assert not ledger.open_slots(), "something is left open"
        live = {one.slot.key for one in ledger.exposure().orders}
        assert live == {slot.key for slot in slots.values() if slot.sent_at is not None}, "a signature that left does not count as exposure"
        for number, sent in intents.items():
            assert len(sent) == 1, f"intent {number} was sent under {len(sent)} nonces"
            named = ledger.by_reference(fleet.scope, f"intent {number}")
            assert named is not None
            assert named.key == sent[0].key
        for line in fleet.told():
            if line.get("verdict") == "placed":
                assert [slot.key for slot in intents[line["intent"]]] == [line["nonce"]]
                assert nonces[line["nonce"]], "a caller was told that an order was placed that the venue does not have"
            if line.get("verdict") == "Refused":
                assert not nonces[intents[line["intent"]][0].key], "a caller was told that an order was refused that the venue has"
    return states


def recover(fleet: Fleet, children: Children, owners: list[str]) -> None:
    """The last run: the venue behaves, and nobody is killed. Those of each name take over at once, others wait for the leases."""
    assert fleet.posted() <= fleet.sent(), "something was sent that the ledger does not know of"
    before = fleet.sent()
    fleet.sandbox.calm()
    fleet.sandbox.chaos(1, QUIET)
    plan = {"seed": 0, "first": 10**6, "turns": 1}
    assert set(children.run(fleet.job(*([{**plan, "owner": owner, "first": 10**6 + n}] for n, owner in enumerate(owners))))) == {0}
    end = time.monotonic() + PATIENCE
    with fleet.open() as ledger:
        while ledger.open_slots():
            assert time.monotonic() < end, "something stays open"
            with stove.Maker(fleet.network, fleet.signer, ledger, policy=Policy(settle=0.05)):
                time.sleep(0.1)
    assert fleet.posted() <= fleet.sent() - before, "something was sent that the ledger does not know of"


def course(kills: int, chance: random.Random, *, statements: bool) -> list[list[Plan]]:
    """Lanes of makers that die: at each named step, before SQL statements, and anywhere."""
    groups: list[list[Plan]] = [[{"step": step, "times": chance.choice([1, 1, 2])}] for step in STEPS]
    recoveries: list[list[Plan]] = [[{"step": BEFORE.get(step, "written")}, {"step": f"recovery: {step}"}] for step in RECOVERY]
    while sum(map(len, groups + recoveries)) < kills:
        if statements and chance.random() < 0.4:
            groups.append([{"statement": chance.randint(1, 160)}])
        else:
            groups.append([{"after": chance.uniform(0.0, 0.5)}])
    # The last lane is of machines that do not come back under their names: their rows wait for others until the lease has run out.
    lanes: list[list[list[Plan]]] = [[] for _ in range(LANES)]
    for group in groups:
        lanes[chance.randrange(LANES)].append(group)
    for group in recoveries:
        lanes[chance.randrange(LANES - 1)].append(group)
    return [
        [
            {**common(lane, number, chance), **plan}
            for number, plan in enumerate(plan for group in shuffled(groups, chance) for plan in group)
        ]
        for lane, groups in enumerate(lanes)
    ]


def shuffled(groups: list[list[Plan]], chance: random.Random) -> list[list[Plan]]:
    return chance.sample(groups, len(groups))


def common(lane: int, number: int, chance: random.Random) -> Plan:
    """What every maker has; its intents are those of the one before again, and now and then those of another lane."""
    whose = {"owner": f"lane {lane}"} if lane < LANES - 1 else {"lease": 3.0}
    first = 100_000 * (lane if chance.random() < 0.9 else chance.randrange(LANES)) + number // 3
    return {"seed": chance.randrange(10**9), "first": first, **whose}


def kill(kills: int, seed: int, folder: Path, children: Children, **where: str) -> Counter[str]:
    """One sandbox, one ledger, so many kills; the states of the orders."""
    settings = Settings(step_delay_min=0.001, step_delay_max=0.01, seed_shares=10**15, seed=seed)
    with Sandbox(settings, start_timeout=60) as sandbox:
        fleet = Fleet(folder, sandbox, **where)
        sandbox.chaos(seed)
        codes = children.run(fleet.job(*course(kills, random.Random(seed), statements=not where)))
        assert set(codes) == {KILLED}
        assert len(codes) >= kills
        recover(fleet, children, [f"lane {lane}" for lane in range(LANES - 1)])
        states = check(fleet)
        assert states["accepted"] > kills / 5
    steps = Counter(line["step"] for line in fleet.told() if "step" in line)
    # What a fault let arrive is adopted: no plan can say which.
    assert steps.keys() >= {*STEPS, *(f"recovery: {step}" for step in RECOVERY if step != "adopting")}
    assert where or steps["statement"]
    print(f"{len(codes)} kills with seed {seed}: {dict(states)}")
    return states


@pytest.mark.timeout(300)
@pytest.mark.parametrize("part", range(-(-KILLS // BATCH)))
def test_killed(part: int, tmp_path: Path, children: Children) -> None:
    """At every named step, before SQL statements, and anywhere."""
    kill(min(BATCH, KILLS - part * BATCH), SEED + part, tmp_path / "fleet", children)


@pytest.mark.timeout(300)
def test_killed_over_postgres(postgres: Server, tmp_path: Path, children: Children) -> None:
    where = {"conninfo": postgres.conninfo(password=postgres.password), "schema": new_schema()}
    kill(80, SEED, tmp_path / "fleet", children, **where)


EACH = 12


@pytest.mark.parametrize("store", ["sqlite", "postgres"])
def test_eight_makers_at_once(store: str, request: pytest.FixtureRequest, tmp_path: Path, children: Children) -> None:
    """One account, one ledger; every maker meets its part of one seeded mix, and every second intent is wanted by two of them."""
    where: dict[str, str] = {}
    if store == "postgres":
        server = request.getfixturevalue("postgres")
        where = {"conninfo": server.conninfo(password=server.password), "schema": new_schema()}
    with Sandbox(Settings(step_delay_min=0.001, step_delay_max=0.01, seed_shares=10**15), start_timeout=60) as sandbox:
        fleet = Fleet(tmp_path / "fleet", sandbox, **where)
        sandbox.chaos(SEED)
        lanes = [[{"seed": SEED + n, "owner": f"maker {n}", "first": n // 2 * 100 + n % 2 * EACH // 2, "turns": EACH}] for n in range(8)]
        assert children.run(fleet.job(*lanes)) == [0] * 8
        played = {fault["fault"] for fault in sandbox.faults()["played"]}
        assert len(played) > 5
        verdicts = Counter(line["verdict"] for line in fleet.told())
        recover(fleet, children, [f"maker {n}" for n in range(8)])
        states = check(fleet)
    assert verdicts["placed"] > EACH
    assert verdicts.total() == 8 * EACH
    assert states["accepted"] >= len({line["intent"] for line in fleet.told() if line["verdict"] == "placed"})


# -- Stopped and woken ---------------------------------------------------------------------------------------------------------

LEASE = 2.5


@pytest.fixture(scope="module")
def venue() -> Iterator[Sandbox]:
    with Sandbox(Settings(step_delay_min=0.001, step_delay_max=0.01), start_timeout=60) as sandbox:
        yield sandbox


@pytest.fixture
def fleet(venue: Sandbox, tmp_path: Path) -> Iterator[Fleet]:
    venue.chaos(1, QUIET)
    venue.chaos(1, QUIET, method="*", path="/api/*")
    yield Fleet(tmp_path / "fleet", venue)
    venue.calm()


def requests(fleet: Fleet) -> int:
    """How many requests of any kind the venue has seen."""
    (mix,) = [mix for mix in fleet.sandbox.faults()["mixes"] if mix["path"] == "/api/*"]
    return int(mix["matched"])


def stopped_at(step: str, fleet: Fleet, children: Children) -> int:
    """A maker with a short lease that stops at a step of its only order; its process id."""
    plan = {"seed": 1, "owner": "sleeper", "lease": LEASE, "first": 7, "turns": 1, "step": step, "act": "stop"}
    children.start(fleet.job([plan]))
    event = children.event()
    assert "stopped" in event, (event, fleet.told())
    return int(event["stopped"])


def outlive(fleet: Fleet) -> Slot:
    """Wait until the lease on the only row has run out, by the database's clock and by the sleeper's."""
    with fleet.open() as ledger:
        (slot,) = ledger.slots()
        end = time.monotonic() + PATIENCE
        while ledger._store.now() < slot.lease_until + 0.1:
            assert time.monotonic() < end
            time.sleep(0.05)
    return slot


def wake(child: int, children: Children, fleet: Fleet) -> dict[str, Any]:
    """Let it go on to its end; what its caller was told."""
    os.kill(child, signal.SIGCONT)
    assert list(children.codes()) == [0]
    (told,) = [line for line in fleet.told() if "verdict" in line]
    return told


SLEEPS = [
    ("sending", None, State.SENDING),  # after the second durable commit, before the socket write
    ("written", None, State.SENDING),  # while it waits for the answer
    ("written", Fault("drop_before"), State.SENDING),  # the same, and the request is lost
    ("waiting", Fault("rate_limit", seconds=1), State.SIGNED),  # in a wait between two attempts
    ("waiting", Fault("error_before", status=503), State.UNKNOWN),  # in a wait between two lookups
]


@pytest.mark.parametrize(("step", "fault", "left"), SLEEPS)
def test_who_wakes_up_after_a_takeover_sends_nothing(step: str, fault: Fault | None, left: State, fleet: Fleet, children: Children) -> None:
    if fault is not None:
        fleet.sandbox.inject(fault)
    child = stopped_at(step, fleet, children)
    before = outlive(fleet)
    assert before.state is left
    with (
        fleet.open() as ledger,
        stove.Maker(fleet.network, fleet.signer, ledger, policy=Policy(settle=0.05, first_wait=0.05), unsent="send") as maker,
    ):
        (taken,) = maker.recovered
        assert taken.placed is not None
        assert taken.slot.key == before.key
        assert taken.slot.state is State.ACCEPTED
        assert taken.slot.lease_epoch > before.lease_epoch
        sent, seen = fleet.posted(), requests(fleet)
        told = wake(child, children, fleet)
        assert (told["verdict"], told["reason"]) == ("LedgerError", "lease_lost")
        assert fleet.posted() == sent, "it has sent the order"
        assert requests(fleet) - seen <= (left is State.UNKNOWN), "it has sent something besides a lookup"
        assert ledger.get(before.id) == taken.slot
    check(fleet)


@pytest.mark.parametrize(("step", "fault", "left"), SLEEPS)
def test_who_wakes_up_late_sends_nothing_although_nobody_took_over(
    step: str, fault: Fault | None, left: State, fleet: Fleet, children: Children
) -> None:
    if fault is not None:
        fleet.sandbox.inject(fault)
    child = stopped_at(step, fleet, children)
    assert outlive(fleet).state is left
    sent = fleet.posted()
    told = wake(child, children, fleet)
    assert fleet.posted() == sent, "it has sent something"
    if step == "written" and fault is None:
        assert told["verdict"] == "placed"  # It hears the answer to what it sent in time, and nobody else has the row.
    else:
        assert (told["verdict"], told["reason"]) == ("LedgerError", "lease_lost")
    with fleet.open() as ledger, stove.Maker(fleet.network, fleet.signer, ledger, policy=Policy(settle=0.05, first_wait=0.05)):
        pass
    check(fleet)


def test_the_rows_of_a_dead_machine_are_picked_up(fleet: Fleet, children: Children, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a maker that runs on, as soon as the lease has run out and it looks again."""
    monkeypatch.setattr(maker_module, "_RECOVER_EVERY", 0.1)
    with fleet.open(owner="survivor") as ledger, stove.Maker(fleet.network, fleet.signer, ledger, policy=Policy(settle=0.05)) as maker:
        steps = ["reserved", "committed", "sending", "written"]
        plans = [{"seed": n, "owner": f"machine {n}", "lease": LEASE, "first": n, "step": step} for n, step in enumerate(steps)]
        assert children.run(fleet.job(*([plan] for plan in plans))) == [KILLED] * len(steps)
        left = {slot.id for slot in ledger.open_slots()}
        assert len(left) == len(steps)
        end, number = time.monotonic() + PATIENCE, 100
        while ledger.open_slots():
            assert time.monotonic() < end, "nobody picks them up"
            maker.buy("AAPL", shares=10 * number + 1, limit=LIMIT, pay_with="USDT", reference=f"intent {number}")
            number += 1
            time.sleep(0.05)
        while {row.slot.id for row in maker.recovered} != left:  # A recovery tells when it is through, beside the calls.
            assert time.monotonic() < end, maker.recovered
            time.sleep(0.05)
        assert {row.slot.state for row in maker.recovered} == {State.RELEASED, State.ABANDONED, State.ACCEPTED}
    check(fleet)
