"""Bots that are killed: at every named step, before every SQL statement, and at any instruction.

Afterwards no nonce has two digests, and whatever was on the wire is in the ledger, with its exact bytes.
"""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from orderseal.signing import parse_venue_payload
from orderseal.signing.ledger import Ledger, Stage, State, What

pytestmark = pytest.mark.once

CHILD = Path(__file__).with_name("crash_child.py")
STEPS = ["recovered", "begin", "reserved", "committed", "signed", "sending", "sent", "answered"]
KILLED = -signal.SIGKILL

Plan = dict[str, Any]


def named() -> list[list[Plan]]:
    """Each step, in the first orders and in a later one; 15 times, since what a bot signs at which turn depends on its seed."""
    return [
        [{"seed": seed, "step": step, "turn": 0 if step == "recovered" else turn}] for seed in range(3) for step in STEPS for turn in (1, 2)
    ]


def statements() -> list[list[Plan]]:
    """Before each of the first 60 SQL statements, in and between transactions."""
    return [[{"seed": number, "statement": number}] for number in range(1, 61)]


def anywhere() -> list[list[Plan]]:
    """Three bots at once, each killed after some milliseconds."""
    chance = random.Random(20260101)
    return [[{"seed": chance.randrange(10**6), "after": chance.uniform(0.0, 0.12)} for _ in range(3)] for _ in range(16)]


@pytest.mark.parametrize(
    ("rounds", "least"), [(named(), 35), (statements(), 60), (anywhere(), 48)], ids=["steps", "statements", "anywhere"]
)
def test_killed(rounds: list[list[Plan]], least: int, tmp_path: Path) -> None:
    path, wire = tmp_path / "ledger.db", tmp_path / "wire"
    last = [[{"seed": 10**7 + number} for number in range(3)]]  # Nobody is killed: what was left open is settled or rightly open.
    text = "".join(json.dumps(plans) + "\n" for plans in rounds + last)
    done = subprocess.run(
        [sys.executable, str(CHILD), str(path), str(wire)], input=text, capture_output=True, text=True, timeout=100, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    codes = [code for line in done.stdout.splitlines() for code in json.loads(line)]
    assert set(codes) <= {0, KILLED}
    assert codes[-3:] == [0, 0, 0]
    assert codes.count(KILLED) >= least
    check(path, wire)


def check(path: Path, wire: Path) -> None:
    sent = Counter(wire.read_bytes().splitlines())
    orders = {body: parse_venue_payload(body)[0] for body in sent}
    assert len({order.nonce for order in orders.values()}) == len(orders), "a nonce was sent with two contents"
    with Ledger(path, create=False) as ledger:
        slots = {slot.key: slot for slot in ledger.slots()}
        (counter,) = ledger.counters().values()
        assert sorted(slots) == list(range(7, counter.next)), "a nonce was lost"
        for slot in slots.values():
            artifacts = ledger.artifacts(slot)
            assert len({artifact.digest for artifact in artifacts}) <= 1, "a nonce has two digests"
            assert len(artifacts) == len({artifact.stage for artifact in artifacts})
            assert (slot.digest is None) == (not artifacts)
        for body, order in orders.items():
            slot = slots[order.nonce]
            (signed,) = [artifact for artifact in ledger.artifacts(slot) if artifact.stage is Stage.SIGNED]
            assert signed.body == body
            assert slot.sent_at is not None
            told = sum(attempt.what is What.SENT for attempt in ledger.attempts(slot))
            assert told >= sent[body], "bytes left that the ledger does not know of"
        live = {one.slot.key for one in ledger.exposure().orders}
        assert live >= {order.nonce for order in orders.values()}
        assert {slot.state for slot in slots.values()}.isdisjoint({State.RESERVED, State.COMMITTED, State.SENDING})
