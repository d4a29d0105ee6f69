"""SIGKILL proves atomicity, not durability: the system calls show that the log is on the disk before the first byte leaves."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from orderseal.sandbox import Sandbox, Settings

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


MAKER = """
import sys
from decimal import Decimal
from orderseal.api import stove
from orderseal.signing import LocalSigner

with stove.Maker(stove.TESTNET.at(sys.argv[2]), LocalSigner.generate(), sys.argv[1]) as maker:
    for number in range(1, 6):
        maker.buy("AAPL", shares=10 * number + 1, limit=Decimal("150.25"), pay_with="USDT", reference=f"intent {number}")
"""


def traced(tmp_path: Path, program: str, *arguments: str) -> list[str]:
    """Run a program over ``ledger.db`` with its system calls traced; the lines of the trace."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed: `make test` installs it only where it runs as root and there is apt-get")
    trace = tmp_path / "trace"
    calls = "trace=fdatasync,fsync,sendto,pwrite64,pwritev,write"
    options = ["-f", "-y", "-s", "32", "-o", str(trace), "-e", calls]
    command = [strace, *options, sys.executable, "-c", program, str(tmp_path / "ledger.db"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    if "ptrace" in done.stderr and "not permitted" in done.stderr:
        pytest.skip("this system does not allow strace")
    assert done.returncode == 0, done.stderr
    return trace.read_text().splitlines()


def test_the_log_is_on_the_disk_before_each_send(tmp_path: Path) -> None:
    events = list(filter(None, map(event, whole(traced(tmp_path, PROGRAM)))))
    sends = [index for index, what in enumerate(events) if what.startswith("send")]
    assert [events[index] for index in sends] == ["send RESERVED", "send COMMITTED", "send ORDER", "send ANSWERED"] * 6
    for before, index in zip([-1, *sends], sends, strict=False):
        between = events[before + 1 : index]
        assert "write" in between, "nothing was written to the log"
        last = len(between) - 1 - between[::-1].index("write")
        assert "sync" in between[last + 1 :], f"{events[index]}: what was written to the log was not synced before the send"


def test_the_whole_way_over_a_real_socket(tmp_path: Path) -> None:
    """A maker at the sandbox: nonce, order and signature are on the disk before the first byte of each create request."""
    with Sandbox(Settings(step_delay_min=0.001, step_delay_max=0.01), start_timeout=60) as sandbox:
        lines = whole(traced(tmp_path, MAKER, sandbox.url))
        assert len(sandbox.accepted()) == 5
    events = list(filter(None, map(event, lines)))
    bodies = 0
    commits, written = 0, False
    for what in events:
        if what == "write":
            written = True
        elif what == "sync":
            commits, written = commits + written, False
        elif what == "send POST /api/v1/orders HTTP/1.1":
            assert not written, "something was written to the log, and not synced before the order was sent"
            assert commits == 3, "the nonce, the order, and its signature with its bytes are three commits"
        elif what.startswith(("send GET ", "send POST ")):
            commits = 0  # What came before belongs to the order before: this one is quoted first.
        elif what.startswith('send {\\"order\\":'):
            bodies += 1
    assert events.count("send POST /api/v1/orders HTTP/1.1") == bodies == 5


def whole(lines: list[str]) -> list[str]:
    """The lines of a trace with no call in two pieces: a sync stands where it ended, everything else where it began."""
    begun: dict[str, str] = {}
    found: list[str] = []
    for line in lines:
        process = line.split(maxsplit=1)[0]
        if line.endswith("<unfinished ...>"):
            begun[process] = line.removesuffix("<unfinished ...>")
            if "sync(" not in line:
                found.append(begun[process])
        elif (resumed := re.search(r"<\.\.\. (\w+) resumed>(.*)", line)) is not None:
            if "sync" in resumed[1]:
                found.append(begun[process] + resumed[2])
        else:
            found.append(line)
    return found


def event(line: str) -> str | None:
    """``write`` or ``sync`` of the write-ahead log, or ``send`` with the first words."""
    found = re.search(r"\b(fdatasync|fsync|sendto|pwrite64|pwritev|write)\(\d+<([^>]*)>(?:, \"(.*?)(?:\\r|\"[,.]| \{))?", line)
    if found is None:
        return None
    call, target, words = found.groups()
    if call == "sendto":
        return f"send {words}"
    if not target.endswith("ledger.db-wal"):
        return None
    assert line.rstrip().endswith("= 0") or "sync" not in call, f"a sync failed: {line}"
    return "sync" if "sync" in call else "write"
