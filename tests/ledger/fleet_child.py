"""Makers for the fleet tests: this process forks them, and they place orders at one sandbox through one ledger, and die.

Each line of standard input is a job: ``{"ledger": …, "schema": …, "url": …, "key": …, "log": …, "lanes": [[plan, …], …]}``. The lanes run
side by side, the plans of a lane one after the other. A plan is ``{"seed": …, "owner": …, "lease": …, "first": …}`` and how it ends:

* ``"step"``: at a named step; at its ``"times"``-th time, if that is not 1. With ``"act": "stop"`` it stops there, and goes on when woken.
* ``"statement"``: before its n-th SQL statement (SQLite).
* ``"after"``: at any instruction, after so many seconds. It places orders until then, however fast the machine is.
* ``"turns"``: by itself, after so many orders.

For each maker that ended or stopped one line is written to standard output; ``{"done": true}`` ends a job. What the makers were told,
and at which step one died, is in the file ``log``. The quantity of an order tells its intent: ten times the number, and one, which rests
on the sandbox's book.
"""

import asyncio
import importlib
import json
import logging
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import count, islice
from typing import Any

from orderseal.api import stove
from orderseal.api.submission import Policy
from orderseal.api.transport import http
from orderseal.signing import LedgerError, LocalSigner, NonceConflict, OrdersealError, RuleViolation, VenueError
from orderseal.signing.ledger import Ledger, Outgoing, Slot, SqliteStore

POLICY = Policy(sends=4, first_wait=0.02, longest_wait=0.3, settle=0.05, patience=3.0, resend_within=3600.0)
LIMIT = Decimal("150.25")
# What a maker may be told while others take over its rows, or want the same intents.
TOLD = {"given_up", "lease_lost", "reference_used", "stale"}
TRACED = {
    "http11.send_request_headers.started": "writing",
    "http11.send_request_headers.complete": "half written",
    "http11.send_request_body.complete": "written",
    "http11.receive_response_headers.complete": "heard",
}


class Fate:
    """When this process dies or stops."""

    def __init__(self, plan: dict[str, Any], log: str) -> None:
        self.plan, self.log = plan, os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self.left = plan.get("times", 1)
        self.statements, self.recovering = 0, True
        self.lock = threading.Lock()

    def tell(self, **what: Any) -> None:
        os.write(self.log, json.dumps(what).encode() + b"\n")

    def at(self, step: str) -> None:
        name = f"recovery: {step}" if self.recovering else step
        with self.lock:
            here = name == self.plan.get("step")
            self.left -= here
            due = here and self.left == 0
        # A recovery may find nothing that leads to its step: then the first order is the end.
        if due or (step == "committed" and not self.recovering and str(self.plan.get("step")).startswith("recovery: ")):
            self.end(name)

    def end(self, name: str) -> None:
        self.tell(step=name)
        os.kill(os.getpid(), signal.SIGSTOP if self.plan.get("act") == "stop" else signal.SIGKILL)

    def before(self, _statement: str) -> None:
        self.statements += 1
        if self.plan.get("statement") == self.statements:
            self.end("statement")


class Watched(Ledger):
    """A ledger that says where it is."""

    def __init__(self, store: Any, fate: Fate, **options: Any) -> None:
        super().__init__(store, **options)
        self.fate = fate

    def reserve_many(self, *args: Any, **options: Any) -> list[Slot]:
        slots = super().reserve_many(*args, **options)
        self.fate.at("reserved")
        return slots

    def commit(self, *args: Any, **options: Any) -> Slot:
        slot = super().commit(*args, **options)
        self.fate.at("committed")
        return slot

    def sign_to_send(self, *args: Any, **options: Any) -> Outgoing:
        out = super().sign_to_send(*args, **options)
        self.fate.at("sending")
        return out

    def begin_sending(self, *args: Any, **options: Any) -> Outgoing:
        out = super().begin_sending(*args, **options)
        self.fate.at("sending again")
        return out

    def record(self, *args: Any, **options: Any) -> Slot:
        self.fate.at("answered")
        slot = super().record(*args, **options)
        self.fate.at("recorded")
        if slot.state.value == "refused":
            self.fate.at("refused")
        return slot

    def adopt(self, *args: Any, **options: Any) -> Slot:
        self.fate.at("adopting")
        return super().adopt(*args, **options)

    def not_found(self, *args: Any, **options: Any) -> Slot:
        slot = super().not_found(*args, **options)
        self.fate.at("not found")
        return slot

    def abandon(self, *args: Any, **options: Any) -> Slot:
        self.fate.at("abandoning")
        return super().abandon(*args, **options)

    def take_over(self, *args: Any, **options: Any) -> list[Slot]:
        slots = super().take_over(*args, **options)
        if slots:
            self.fate.at("taken over")
        return slots


class Bot:
    """One maker with a fate."""

    def __init__(self, job: dict[str, Any], plan: dict[str, Any]) -> None:
        self.plan, self.random = plan, random.Random(plan["seed"])
        self.fate = Fate(plan, job["log"])
        store: Any
        if job.get("schema"):
            from orderseal.signing.ledger.postgres import PostgresStore

            store = PostgresStore(job["ledger"], schema=job["schema"], busy_timeout=60)
        else:
            store = SqliteStore(job["ledger"], busy_timeout=60)
            store._connection.set_trace_callback(self.fate.before)
        self.ledger = Watched(store, self.fate, owner=plan.get("owner"), lease=plan.get("lease", 60.0))
        self.network = stove.TESTNET.at(job["url"])
        self.signer = LocalSigner.from_key(job["key"])
        self.options: dict[str, Any] = {"policy": POLICY, "unsent": self.random.choice(["abandon", "send"])}
        self.fence()

    def fence(self) -> None:
        """Say where a write is, besides what the client does there."""
        fenced, at = http._fence, self.fate.at

        def fence(before_write: Callable[[], None]) -> Callable[[str, Any], Awaitable[None]]:
            inner = fenced(before_write)

            async def trace(step: str, details: Any) -> None:
                await inner(step, details)
                if step in TRACED:
                    at(TRACED[step])

            return trace

        http._fence = fence

    def watch(self, maker: stove.AsyncMaker) -> None:
        """Say when it looks up, and when it waits."""
        at, look_up, means = self.fate.at, maker._port.look_up, maker._submitter._means

        async def looking(key: int) -> Any:
            at("looking up")
            shown = await look_up(key)
            at("looked up")
            return shown

        async def waiting(seconds: float) -> None:
            at("waiting")
            await asyncio.sleep(seconds)

        setattr(maker._port, "look_up", looking)  # noqa: B010 - a method, which the type checker guards
        maker._submitter._means = replace(means, sleep=waiting)

    def intents(self) -> Iterator[int]:
        first = self.plan["first"]
        return iter(range(first, first + self.plan["turns"]) if "turns" in self.plan else count(first))

    def run(self) -> None:
        # With and without an event loop of the caller's. The choice is the seed's.
        if self.random.random() < 0.5:
            asyncio.run(self.run_async())
        else:
            self.run_sync()
        self.ledger.close()

    async def run_async(self) -> None:
        maker = stove.AsyncMaker(self.network, self.signer, self.ledger, **self.options)
        self.watch(maker)
        async with maker:
            self.recovered(maker.recovered)
            numbers, width = self.intents(), self.random.choice([1, 1, 3])
            while several := list(islice(numbers, width)):
                await asyncio.gather(*(self.place(maker, number) for number in several))

    async def place(self, maker: stove.AsyncMaker, number: int) -> None:
        try:
            self.placed(number, await maker.place(**self.intent(number)))
        except OrdersealError as error:
            self.failed(number, error)

    def run_sync(self) -> None:
        maker = stove.Maker(self.network, self.signer, self.ledger, **self.options)
        self.watch(maker._async)
        with maker:
            self.recovered(maker.recovered)
            for number in self.intents():
                try:
                    self.placed(number, maker.place(**self.intent(number)))
                except OrdersealError as error:
                    self.failed(number, error)

    def intent(self, number: int) -> dict[str, Any]:
        return {
            "side": "buy" if number % 2 else "sell", "ticker": "AAPL", "shares": 10 * number + 1, "limit": LIMIT, "pay_with": "USDT",
            "reference": f"intent {number}",
        }  # fmt: skip

    def recovered(self, rows: list[stove.Recovered]) -> None:
        self.fate.recovering = False
        for row in rows:
            if isinstance(row.error, NonceConflict):
                raise row.error

    def placed(self, number: int, placed: stove.Placed) -> None:
        self.fate.tell(intent=number, verdict="placed", nonce=placed.nonce)

    def failed(self, number: int, error: OrdersealError) -> None:
        reason = getattr(error, "reason", None)
        if isinstance(error, NonceConflict) or not (
            isinstance(error, VenueError | RuleViolation) or (isinstance(error, LedgerError) and reason in TOLD)
        ):
            raise error
        self.fate.tell(intent=number, verdict=type(error).__name__, reason=reason, text=str(error))


def fork(job: dict[str, Any], plan: dict[str, Any]) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        Bot(job, plan).run()
        code = 0
    except BaseException as error:  # noqa: BLE001 - a fork ends here, whatever happens
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
    os._exit(code)


def work(job: dict[str, Any]) -> None:
    """Run the lanes to their ends."""
    if job["schema"]:
        importlib.import_module("orderseal.signing.ledger.postgres")  # Once, and not in each of them.
    lanes = [iter(lane) for lane in job["lanes"]]
    running: dict[int, tuple[int, dict[str, Any]]] = {}
    due: dict[int, float] = {}

    def go_on(lane: int) -> None:
        plan = next(lanes[lane], None)
        if plan is not None:
            child = fork(job, plan)
            running[child] = lane, plan
            if "after" in plan:
                due[child] = time.monotonic() + plan["after"]

    for lane in range(len(lanes)):
        go_on(lane)
    while running:
        for child in [child for child, when in due.items() if when <= time.monotonic()]:
            os.kill(child, signal.SIGKILL)
            del due[child]
        child, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
        if not child:
            time.sleep(0.002)
        elif os.WIFSTOPPED(status):
            print(json.dumps({"stopped": child}), flush=True)
        else:
            lane, plan = running.pop(child)
            due.pop(child, None)
            print(json.dumps({"ended": child, "code": os.waitstatus_to_exitcode(status), "plan": plan}), flush=True)
            go_on(lane)
    print(json.dumps({"done": True}), flush=True)


def main() -> None:
    logging.disable()  # Recoveries warn of rows that another maker took.
    for line in sys.stdin:
        work(json.loads(line))


if __name__ == "__main__":
    main()
