"""``orderseal ledger``: in a process of its own, at 80 columns, and as JSON."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orderseal.signing import Domain, LocalSigner, system_clock
from orderseal.signing.ledger import Answer, Ledger, Meaning, Outgoing, Scope, SequentialFromVenue

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-P", "-W", "error", "-m", "orderseal.cli", "ledger", *arguments]
        environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "80"}
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=100, check=False)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return run


@pytest.fixture
def sent(tmp_path: Path, scope: Scope, make_order: Any, domain: Domain, signer: LocalSigner) -> Outgoing:
    """``bot.db``: nonce 5 refused, with a venue that repeats the signature and sends control characters, 6 reserved, 7 a sell order."""
    until = int(system_clock()) + 10**6
    with Ledger(tmp_path / "bot.db", owner="bot") as ledger:
        slots = ledger.reserve_many(scope, SequentialFromVenue(5), 3)
        out = ledger.sign_to_send(ledger.commit(slots[0], make_order(5, deadline=until), domain), signer)
        text = f"\x1b[31mno\n 0x{out.signature.hex()}"
        ledger.record(out.slot, Answer(Meaning.REFUSED, 400, 7, text))
        ledger.sign_to_send(ledger.commit(slots[2], make_order(7, deadline=until, is_buy=False), domain), signer)
    return out


def test_list(run: Run, sent: Outgoing) -> None:
    done = run("list", "bot.db")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert [line.split()[1:3] for line in lines] == [["nonce", "state"], ["5", "refused"], ["6", "reserved"], ["7", "sending"]]
    assert max(map(len, lines)) <= 80
    found = json.loads(run("list", "bot.db", "--json", "--state", "refused", "--state", "sending").stdout)["slots"]
    assert (found[0]["state"], found[0]["digest"]) == ("refused", str(sent.slot.digest))
    assert [slot["nonce"] for slot in found] == ["5", "7"]
    assert [slot["nonce"] for slot in json.loads(run("list", "bot.db", "--json", "--open").stdout)["slots"]] == ["6", "7"]
    assert [slot["nonce"] for slot in json.loads(run("list", "bot.db", "--json", "--limit", "1").stdout)["slots"]] == ["7"]


def test_show(run: Run, sent: Outgoing) -> None:
    done = run("show", "bot.db", "1")
    assert done.returncode == 0
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "\x1b" not in done.stdout
    for text in ("nonce 5", "refused", "AAPL", str(sent.slot.digest), "meaning refused"):
        assert text in done.stdout
    as_json = run("show", "bot.db", "1", "--json")
    assert json.loads(as_json.stdout)["attempts"][1]["details"]["code"] == 7
    for output in (done.stdout, as_json.stdout):
        assert sent.signature.hex() not in output
        assert sent.body.hex() not in output


def test_exposure(run: Run, sent: Outgoing) -> None:
    done = run("exposure", "bot.db")
    assert done.returncode == 0
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "1501 of 0x09671802Cc9Bbf6402f2e7a07b220Aa7b43D8c91" in done.stdout
    found = json.loads(run("exposure", "bot.db", "--json").stdout)
    assert [buy["owed"] for buy in found["buys"]] == [str(1501 * 10**18)]
    assert found["sells"] == [{"network": "stove-testnet", "ticker": "AAPL", "shares": "10"}]
    assert [order["nonce"] for order in found["orders"]] == ["5", "7"]


def test_backup(run: Run, sent: Outgoing, tmp_path: Path) -> None:
    done = run("backup", "bot.db", "copy.db")
    assert (done.returncode, done.stdout) == (0, "copy.db\n")
    assert "forgets" in done.stderr
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600
    assert run("backup", "bot.db", "copy.db").returncode == 2
    assert json.loads(run("list", "copy.db", "--json").stdout) == json.loads(run("list", "bot.db", "--json").stdout)


def test_export(run: Run, sent: Outgoing, tmp_path: Path) -> None:
    done = run("export", "bot.db")
    assert [json.loads(line)["nonce"] for line in done.stdout.splitlines()] == ["5", "6", "7"]
    assert sent.signature.hex() not in done.stdout
    assert run("export", "bot.db", "--signatures", "--out", "all.jsonl").returncode == 0
    out = tmp_path / "all.jsonl"
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert sent.signature.hex() in out.read_text()
    assert run("export", "bot.db", "--out", "all.jsonl").returncode == 2


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["list", "none.db"], 2),
        (["list", "text"], 2),
        (["list", "bot.db", "--state", "pending"], 2),
        (["list", "bot.db", "--account", "0x12"], 2),
        (["list"], 2),
        (["show", "bot.db", "99"], 2),
        (["show", "bot.db", "one"], 2),
        (["list", "open.db"], 1),
    ],
)
def test_what_cannot_be_done(run: Run, sent: Outgoing, tmp_path: Path, arguments: list[str], code: int) -> None:
    (tmp_path / "text").write_text("hello, I am no database")
    (tmp_path / "text").chmod(0o600)
    (tmp_path / "open.db").write_bytes((tmp_path / "bot.db").read_bytes())
    (tmp_path / "open.db").chmod(0o644)
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr
    assert not (tmp_path / "none.db").exists()


def test_errors_as_json(run: Run) -> None:
    done = run("exposure", "none.db", "--json")
    assert done.returncode == 2
    assert set(json.loads(done.stdout)) == {"error", "path"}
