"""The queue of writers: it lets one in at a time, and the ledger is safe without it."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from orderseal.signing.ledger import Ledger, LedgerError, Scope, SequentialFromVenue, SqliteStore
from orderseal.signing.ledger.turn import Turn

HOLDER = """
import fcntl, os, sys
handle = os.open(sys.argv[1], os.O_RDWR)
fcntl.flock(handle, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""


def test_one_at_a_time(tmp_path: Path) -> None:
    one, two = Turn(tmp_path / "ledger.db"), Turn(tmp_path / "ledger.db")
    one.take(60)
    entered = threading.Event()

    def wait() -> None:
        two.take(60)
        entered.set()

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert not entered.wait(0.2)
    one.give()
    waiting.join(30)
    assert entered.is_set()
    two.close()
    one.take(0)  # What was closed holds nothing.
    one.close()
    one.close()
    one.take(0)


def test_a_foreign_holder_delays_and_prevents_nothing(tmp_path: Path, scope: Scope) -> None:
    path = tmp_path / "ledger.db"
    with Ledger(SqliteStore(path, busy_timeout=0.1)) as ledger:
        holder = subprocess.Popen([sys.executable, "-c", HOLDER, f"{path}-turn"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            assert ledger.reserve(scope, SequentialFromVenue(5)).key == 5
        finally:
            holder.communicate()


def test_a_ledger_works_without_it(tmp_path: Path, scope: Scope) -> None:
    path = tmp_path / "ledger.db"
    with Ledger(path) as one, Ledger(path) as two:
        Path(f"{path}-turn").unlink()
        with Ledger(path) as three:  # It queues at another file than they do.
            keys = [ledger.reserve(scope, SequentialFromVenue(5)).key for ledger in (one, two, three, one)]
    assert keys == [5, 6, 7, 8]


def test_it_is_given_back_after_a_failure(tmp_path: Path, scope: Scope) -> None:
    path = tmp_path / "ledger.db"
    with Ledger(path) as ledger:
        slot = ledger.reserve(scope, SequentialFromVenue(5))
        ledger.release(slot)
        acts: list[Callable[[], object]] = [lambda: ledger.release(slot), lambda: ledger.reserve(scope, SequentialFromVenue(99))]
        for act in acts:
            with pytest.raises(LedgerError):
                act()
            handle = os.open(f"{path}-turn", os.O_RDWR)
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.close(handle)
