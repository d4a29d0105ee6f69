"""Bots for the crash tests: this process forks them, lets them work on one ledger, and kills them.

Each line of standard input is a round: a JSON list of bots, each ``{"seed": …, "step": …, "turn": …}``, ``{…, "statement": n}`` or
``{…, "after": seconds}``; a bot without any of them ends by itself. A bot that is killed dies by SIGKILL: at a named step of its
``turn``-th order, before its n-th SQL statement, or at any instruction. After each round one line says how each bot ended.

The wire is a plain file: a bot appends the bytes that it "sends".
"""

import json
import os
import random
import signal
import sys
import time
from itertools import count
from typing import Any

from orderseal.signing import Domain, LocalSigner, Order
from orderseal.signing.ledger import Answer, Ledger, Meaning, Outgoing, Scope, SequentialFromVenue, Slot, SqliteStore, State

DOMAIN = Domain(name="RFQSettlement", version="1", chain_id=97, verifying_contract="0xCB310C56A19078aA969A922f382613d932D89D83")
SIGNER = LocalSigner.from_key("0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318")
SCOPE = Scope("stove", "stove-testnet", SIGNER.address)
TURNS = 4


class Bot:
    """One bot: it settles what an earlier one left, and then places orders."""

    def __init__(self, path: str, wire: str, owner: str, plan: dict[str, Any]) -> None:
        self.plan, self.turn, self.statements = plan, 0, 0
        self.random = random.Random(plan["seed"])
        self.wire = os.open(wire, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        store = SqliteStore(path, busy_timeout=60)
        store._connection.set_trace_callback(self.before)
        self.ledger = Ledger(store, owner=owner)

    def at(self, step: str) -> None:
        if self.plan.get("step") == step and self.plan["turn"] == self.turn:
            os.kill(os.getpid(), signal.SIGKILL)

    def before(self, _statement: str) -> None:
        self.statements += 1
        if self.plan.get("statement") == self.statements:
            os.kill(os.getpid(), signal.SIGKILL)

    def run(self) -> None:
        for slot in self.ledger.take_over():
            self.settle(slot)
        self.at("recovered")
        turns = count(1) if "after" in self.plan else range(1, TURNS + 1)  # Whoever is to die in time does not end before.
        for self.turn in turns:
            self.at("begin")
            slots = self.ledger.reserve_many(SCOPE, SequentialFromVenue(None if self.ledger.counters() else 7), self.random.randint(1, 2))
            self.at("reserved")
            for slot in slots:
                self.place(slot)

    def place(self, slot: Slot) -> None:
        slot = self.ledger.commit(slot, self.order(slot.key), DOMAIN)
        self.at("committed")
        if self.random.random() < 0.5:
            self.send(self.ledger.sign_to_send(slot, SIGNER))
        else:
            slot = self.ledger.sign(slot, SIGNER)
            self.at("signed")
            self.send(self.ledger.begin_sending(slot))

    def send(self, out: Outgoing) -> None:
        self.at("sending")
        os.write(self.wire, out.body + b"\n")
        self.at("sent")
        meaning = self.random.choice(list(Meaning))
        self.ledger.record(out.slot, Answer(meaning))
        self.at("answered")

    def settle(self, slot: Slot) -> None:
        if slot.state is State.RESERVED:
            if self.random.random() < 0.5:
                self.ledger.release(slot)
            else:
                self.place(slot)
        elif slot.state is State.COMMITTED:
            self.send(self.ledger.sign_to_send(slot, SIGNER))
        else:
            self.send(self.ledger.begin_sending(slot))

    def order(self, nonce: int) -> Order:
        """Another order each time: a nonce that is committed twice would be seen."""
        return Order(
            maker=SIGNER.address,
            principal=SIGNER.address,
            is_buy=True,
            ticker="AAPL",
            exchange=0,
            asset="0x09671802Cc9Bbf6402f2e7a07b220Aa7b43D8c91",  # type: ignore[arg-type]
            price=10**18,
            quantity=self.random.randint(1, 10**9),
            incentive=0,
            deadline=int(time.time()) + 10**6,
            nonce=nonce,
        )


def fork(path: str, wire: str, owner: str, plan: dict[str, Any]) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        bot = Bot(path, wire, owner, plan)
        bot.run()
        bot.ledger.close()
        code = 0
    except BaseException as error:  # noqa: BLE001 - a fork ends here, whatever happens
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
    os._exit(code)


def main() -> None:
    path, wire = sys.argv[1:]
    for line in sys.stdin:
        plans = json.loads(line)
        children = [(fork(path, wire, f"bot-{number}", plan), plan) for number, plan in enumerate(plans)]
        begun = time.monotonic()
        for child, plan in sorted(children, key=lambda pair: pair[1].get("after", 99.0)):
            if "after" in plan:
                time.sleep(max(begun + plan["after"] - time.monotonic(), 0))
                os.kill(child, signal.SIGKILL)
        print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child, _plan in children]), flush=True)


if __name__ == "__main__":
    main()
