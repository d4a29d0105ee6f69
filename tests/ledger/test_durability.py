"""SIGKILL proves atomicity, not durability: the system calls show that the log is on the disk before the first byte leaves."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import socket, sys, time
from orderseal.signing import Domain, LocalSigner, Order
from orderseal.signing.ledger import Answer, Ledger, Meaning, Scope, SequentialFromVenue

signer = LocalSigner.generate()
domain = Domain(name="RFQSettlement", version="1", chain_id=97, verifying_contract="0xCB310C56A19078aA969A922f382613d932D89D83")
scope = Scope("stove", "stove-testnet", signer.address)
near, far = socket.socketpair()
with near, far, Ledger(sys.argv[1]) as ledger:
    for turn in range(6):
        slot = ledger.reserve(scope, SequentialFromVenue(1 if turn == 0 else None))
        order = Order(maker=signer.address, principal=signer.address, is_buy=True, ticker="AAPL", exchange=0,
                      asset="0x09671802Cc9Bbf6402f2e7a07b220Aa7b43D8c91", price=10**18, quantity=1, incentive=0,
                      deadline=int(time.time()) + 10**6, nonce=slot.key)
        near.send(b"RESERVED")
        slot = ledger.commit(slot, order, domain)
        near.send(b"COMMITTED")
        out = ledger.sign_to_send(slot, signer) if turn % 2 else ledger.begin_sending(ledger.sign(slot, signer))
        near.send(b"ORDER " + out.body)
        ledger.record(out.slot, Answer(Meaning.ACCEPTED))
        near.send(b"ANSWERED")
"""


def test_the_log_is_on_the_disk_before_each_send(tmp_path: Path) -> None:
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    trace = tmp_path / "trace"
    calls = "trace=fdatasync,fsync,sendto,pwrite64,pwritev,write,mmap"
    command = [strace, "-f", "-y", "-s", "12", "-o", str(trace), "-e", calls, sys.executable, "-c", PROGRAM, str(tmp_path / "ledger.db")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    if "ptrace" in done.stderr and "not permitted" in done.stderr:
        pytest.skip("this system does not allow strace")
    assert done.returncode == 0, done.stderr
    events = list(filter(None, map(event, trace.read_text().splitlines())))
    sends = [index for index, what in enumerate(events) if what.startswith("send")]
    assert [events[index] for index in sends] == ["send RESERVED", "send COMMITTED", "send ORDER", "send ANSWERED"] * 6
    for before, index in zip([-1, *sends], sends, strict=False):
        between = events[before + 1 : index]
        assert "write" in between, "nothing was written to the log"
        last = len(between) - 1 - between[::-1].index("write")
        assert "sync" in between[last + 1 :], f"{events[index]}: what was written to the log was not synced before the send"


def event(line: str) -> str | None:
    """``write`` or ``sync`` of the write-ahead log, or ``send`` with the first word."""
    found = re.search(r"\b(fdatasync|fsync|sendto|pwrite64|pwritev|write)\(\d+<([^>]*)>(?:, \"(\w+))?", line)
    if found is None:
        return None
    call, target, word = found.groups()
    if call == "sendto":
        return f"send {word}"
    if not target.endswith("ledger.db-wal"):
        return None
    assert line.rstrip().endswith("= 0") or "sync" not in call, f"a sync failed: {line}"
    return "sync" if "sync" in call else "write"
