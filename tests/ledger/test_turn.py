"""The queue of writers: it lets one in at a time, and the ledger is safe without it."""

from __future__ import annotations

import fcntl
import os
import signal
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
            assert [ledger.reserve(scope, SequentialFromVenue(5)).key for _ in range(2)] == [5, 6]
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


def test_who_never_gets_it_does_not_wait_for_long_each_time(tmp_path: Path) -> None:
    holder, other = Turn(tmp_path / "ledger.db"), Turn(tmp_path / "ledger.db")
    holder.take(60)
    other.take(0.01)
    waiting = threading.Thread(target=other.take, args=(3600,), daemon=True)
    waiting.start()
    waiting.join(60)
    assert not waiting.is_alive()
    holder.give()
    other.take(0)
    third = Turn(tmp_path / "ledger.db")
    third.take(0)
    assert third._grudging, "the turn was not had again"
    for turn in (holder, other, third):
        turn.close()


FORKING = """
import os, signal, sys
from orderseal.signing.ledger import SqliteStore

store = SqliteStore(sys.argv[1])
store._turn.take(60)
if not os.fork():
    print(os.getpid(), flush=True)
    signal.pause()
sys.stdin.readline()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_forked_child_does_not_keep_the_turn_of_a_parent_that_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    command = [sys.executable, "-c", FORKING, str(path)]
    parent = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert parent.stdin is not None
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    try:
        parent.stdin.write("\n")
        parent.stdin.flush()
        parent.wait(60)
        handle = os.open(f"{path}-turn", os.O_RDWR)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(handle)
    finally:
        os.kill(child, signal.SIGKILL)
        parent.stdin.close()
        parent.stdout.close()


def test_it_follows_no_link(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    Path(f"{path}-turn").symlink_to(tmp_path / "elsewhere")
    turn = Turn(path)
    turn.take(0)
    turn.give()
    turn.close()
    assert not (tmp_path / "elsewhere").exists()
