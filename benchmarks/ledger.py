"""The ledger beside the disk that it writes through to: what each order costs before its first byte may leave."""

import os
import tempfile
import time
from collections.abc import Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from orderseal.benchmarks.rounds import Contestant, Disagreement, Goal, timed
from orderseal.benchmarks.work import DOMAIN, Work
from orderseal.signing import LocalSigner, Order
from orderseal.signing.ledger import Ledger, Scope, SequentialFromVenue, Slot, Stage, State

__all__ = ["ledger_contestants", "reserve_contestants"]

_PROCESSES: Final = 8
_MANY: Final = 100
_PAGE: Final = 4096
_PAGES: Final = 1024
_FAR: Final = 2**33


class _Room:
    """A ledger and a plain file in one folder of this disk; both end with the run."""

    def __init__(self, work: Work) -> None:
        self.work = work
        # Here and not in the system's folder for temporary files, which may be in memory.
        folder = Path(work.resources.enter_context(tempfile.TemporaryDirectory(prefix="orderseal-bench-", dir=Path.cwd())))
        self.path = folder / "ledger.db"
        self.ledger = work.resources.enter_context(Ledger(self.path, busy_timeout=60))
        self.scope = Scope("bench", "bench", work.signer.address)
        self.ledger.reserve(self.scope, SequentialFromVenue(0))
        self.handle = os.open(folder / "raw", os.O_RDWR | os.O_CREAT, 0o600)
        work.resources.callback(os.close, self.handle)
        os.pwrite(self.handle, bytes(_PAGE * _PAGES), 0)
        os.fsync(self.handle)

    def reserved(self, count: int) -> list[tuple[Slot, Order]]:
        return _reserved(self.ledger, self.scope, count)

    def send(self, item: tuple[Slot, Order]) -> Slot:
        return _send(self.ledger, item, self.work.signer)

    def sync(self, number: int) -> None:
        os.pwrite(self.handle, os.urandom(_PAGE), number % _PAGES * _PAGE)
        os.fdatasync(self.handle)


def ledger_contestants(work: Work) -> list[Contestant]:
    """From a reserved nonce to bytes that may leave: two commits, each written through to the disk."""
    room = _Room(work)
    crew = _Crew(room)

    def prove() -> None:
        (item,) = room.reserved(1)
        slot = room.send(item)
        stages = [artifact.stage for artifact in room.ledger.artifacts(slot)]
        if room.ledger.get(slot.id).state is not State.SENDING or stages != [Stage.CONTENT, Stage.SIGNED]:
            raise Disagreement("the ledger does not hold what it was given")

    def prove_crew() -> None:
        before = len(room.ledger.slots(states=[State.SENDING]))
        crew.batch(_PROCESSES)
        if len(room.ledger.slots(states=[State.SENDING])) != before + _PROCESSES:
            raise Disagreement("the processes did not do what they were told")

    return [
        Contestant("fdatasync", "the disk", "4 KiB written and synced", timed(lambda n: range(n), room.sync), lambda: None),
        Contestant("two_commits", "orderseal", "both commits of an order", timed(room.reserved, room.send), prove, Goal("fdatasync", 2.5)),
        Contestant("eight", "orderseal", f"the same, {_PROCESSES} processes", crew.batch, prove_crew, Goal("fdatasync", 2.5)),
    ]


def reserve_contestants(work: Work) -> list[Contestant]:
    """Nonces one by one, and a hundred at once; what is given is the time for one of them."""
    room = _Room(work)

    def many(count: int) -> int:
        turns = max(1, count // _MANY)
        begin = time.perf_counter_ns()
        for _ in range(turns):
            room.ledger.reserve_many(room.scope, SequentialFromVenue(), _MANY)
        return (time.perf_counter_ns() - begin) * count // (turns * _MANY)

    def single(_number: int) -> Slot:
        return room.ledger.reserve(room.scope, SequentialFromVenue())

    def prove() -> None:
        keys = [slot.key for slot in room.ledger.reserve_many(room.scope, SequentialFromVenue(), _MANY)]
        if keys != list(range(keys[0], keys[0] + _MANY)):
            raise Disagreement("the nonces do not follow each other")

    goal = Goal("many", 20, at_most=False)
    return [
        Contestant("many", "orderseal", f"reserve_many of {_MANY}", many, prove),
        Contestant("single", "orderseal", "reserve", timed(lambda n: range(n), single), prove, goal),
    ]


def _reserved(ledger: Ledger, scope: Scope, count: int) -> list[tuple[Slot, Order]]:
    slots = ledger.reserve_many(scope, SequentialFromVenue(), count) if count else []
    return [
        (
            slot,
            Order(
                maker=scope.account,
                principal=scope.account,
                is_buy=True,
                ticker="AAPL",
                exchange=0,
                asset=scope.account,
                price=150_250_000_000_000_000_000,
                quantity=60,
                incentive=10**18,
                deadline=_FAR,
                nonce=slot.key,
            ),
        )
        for slot in slots
    ]


def _send(ledger: Ledger, item: tuple[Slot, Order], signer: LocalSigner) -> Slot:
    slot, order = item
    return ledger.sign_to_send(ledger.commit(slot, order, DOMAIN), signer).slot


class _Crew:
    """Processes that work on one ledger at the same time; they start when they are first needed."""

    def __init__(self, room: _Room) -> None:
        self.room = room
        self.lines: list[Connection] = []

    def _start(self) -> None:
        context = get_context("spawn")
        for _ in range(_PROCESSES):
            here, there = context.Pipe()
            process = context.Process(target=_work, args=(there, str(self.room.path), self.room.work.secret), daemon=True)
            process.start()
            there.close()
            self.room.work.resources.callback(process.join)
            self.room.work.resources.callback(here.close)
            self.lines.append(here)

    def batch(self, count: int) -> int:
        if not self.lines:
            self._start()
        each = max(1, count // _PROCESSES)
        self._tell(each)
        begin = time.perf_counter_ns()
        self._tell(0)
        return (time.perf_counter_ns() - begin) * count // (each * _PROCESSES)

    def _tell(self, what: int) -> None:
        for line in self.lines:
            line.send(what)
        for line in self.lines:
            line.recv()


def _work(line: Connection, path: str, secret: bytes) -> None:
    """A number means: reserve so many and report; 0: take them to the point at which they may be sent, and report."""
    signer = LocalSigner(secret)
    scope = Scope("bench", "bench", signer.address)
    items: Sequence[tuple[Slot, Order]] = ()
    with Ledger(path, busy_timeout=60) as ledger:
        while True:
            try:
                count = line.recv()
            except EOFError:
                return
            if count:
                items = _reserved(ledger, scope, count)
            else:
                for item in items:
                    _send(ledger, item, signer)
            line.send(None)
