"""``orderseal ledger``: in a process of its own, at 80 columns, and as JSON."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orderseal.signing import Domain, LocalSigner, system_clock
from orderseal.signing.ledger import AccountNonce, Answer, Ledger, LedgerError, Meaning, Outgoing, Scope, SequentialFromVenue

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


@pytest.fixture
def bought(tmp_path: Path, signer: LocalSigner) -> Scope:
    """``buyer.db``: nonce 9 with a transaction that was sent, one that was not, one that is being sent; a hold on each of two chains."""
    chain = Scope("evm", "17000", signer.address, "transaction")
    with Ledger(tmp_path / "buyer.db", owner="buyer") as ledger:
        slot = ledger.reserve(chain, AccountNonce(9))
        slot = ledger.commit_content(slot, b"\1" * 32, {"transaction": {"to": "0x" + "22" * 20, "data": "0x" + "33" * 200, "gas": "1"}})
        slot = ledger.begin_sending(ledger.store_signed(slot, b"signature", b"raw 1")).slot
        slot = ledger.replace_content(slot, b"\2" * 32, {"transaction": {"gas": "2"}})
        slot = ledger.replace_content(slot, b"\3" * 32, {"transaction": {"gas": "3"}}, deadline=4 * 10**9)
        ledger.begin_sending(ledger.store_signed(slot, b"signature", b"raw 3"))
        ledger.hold(chain, HELD, "buy 1")
        ledger.hold(Scope("evm", "97", signer.address, "transaction"), HELD, "buy 1")
    return chain


HELD = f"0x{'44' * 20} 0x{'55' * 20}"


def test_transactions(run: Run, bought: Scope) -> None:
    done = run("list", "buyer.db", "--kind", "transaction")
    (_head, line) = done.stdout.splitlines()
    assert line.split()[:3] == ["1", "9", "sending"]
    assert line.endswith(" 17000 trans…")
    assert len(line) <= 80
    assert run("list", "buyer.db", "--kind", "order").stdout == ""
    done = run("show", "buyer.db", "1")
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert "at       evm, 17000 (transaction)" in lines
    assert f"digest   0x{'03' * 32}" in lines
    first, second = lines.index(f"replaced 0x{'01' * 32}"), lines.index(f"replaced 0x{'02' * 32}")
    assert lines[first + 1 : first + 3] == ["         it was sent, and may happen instead", "good     until its nonce is spent"]
    assert lines[first + 3].startswith("         data       0x3333")
    assert lines[second + 1 : second + 6] == ["         it was never sent", "good     until its nonce is spent", "         gas        2",
                                              "good     until 2096-10-02T07:06:40Z", "         gas        3"]  # fmt: skip
    shown = json.loads(run("show", "buyer.db", "1", "--json").stdout)
    assert [a["content"]["transaction"]["gas"] for a in shown["artifacts"] if a["stage"] == "content"] == ["1", "2", "3"]
    found = json.loads(run("exposure", "buyer.db", "--json").stdout)
    assert (found["unmeasured"], [order["digest"][:4] for order in found["orders"]]) == (2, ["0x01", "0x03"])


def test_holds(run: Run, bought: Scope, tmp_path: Path) -> None:
    done = run("holds", "buyer.db")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[:3] == [f"hold     {HELD}", "intent   buy 1", f"of       {bought.account}, evm 17000 (transaction)"]
    assert lines[3].startswith("held by  buyer since 20")
    assert len(lines) == 8
    found = json.loads(run("holds", "buyer.db", "--json").stdout)["holds"]
    assert [(one["network"], one["name"], one["intent"], one["epoch"]) for one in found] == [
        ("17000", HELD, "buy 1", 1),
        ("97", HELD, "buy 1", 1),
    ]
    assert set(found[0]) == {"venue", "network", "account", "kind", "name", "intent", "owner", "epoch", "until", "since"}
    done = run("break-hold", "buyer.db", HELD, "buy 1")
    assert (done.returncode, done.stdout) == (2, "")
    assert "2 holds" in done.stderr
    assert "--network" in done.stderr
    for wrong in (("buy", "17000"), ("buy 1", "1")):
        assert run("break-hold", "buyer.db", HELD, wrong[0], "--network", wrong[1]).returncode == 2
    done = run("break-hold", "buyer.db", HELD, "buy 1", "--network", "17000", "--account", str(bought.account).lower())
    assert (done.returncode, done.stdout) == (0, f"broken   {HELD}\n")
    assert "buyer" in done.stderr
    assert json.loads(run("break-hold", "buyer.db", HELD, "buy 1", "--json").stdout)["broken"] == found[1]
    done = run("holds", "buyer.db")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "nothing is held\n")


def test_a_chain_is_reconciled_by_hand(run: Run, bought: Scope, tmp_path: Path) -> None:
    """As the refusal says."""
    with Ledger(tmp_path / "buyer.db") as ledger, pytest.raises(LedgerError) as error:
        ledger.reserve(bought, AccountNonce(20))
    (words,) = re.findall(r"orderseal ledger (reconcile LEDGER [^,]+),", str(error.value))
    done = run(*words.replace("LEDGER", "buyer.db").split())
    assert (done.returncode, done.stdout.splitlines()[1:]) == (0, ["the next nonce was 10, and is 20"])
    with Ledger(tmp_path / "buyer.db") as ledger:
        assert ledger.reserve(bought, AccountNonce(20)).key == 20
    assert run("reconcile", "buyer.db", "--next", "21", "--kind", "transaction", "--skip", "1").returncode != 0


def test_an_account_with_transactions_on_two_chains(run: Run, bought: Scope, tmp_path: Path) -> None:
    """The refusal names the chain, and so does the command that it says."""
    other = Scope("evm", "97", bought.account, "transaction")
    with Ledger(tmp_path / "buyer.db") as ledger:
        ledger.release(ledger.reserve(other, AccountNonce(3)))
        before = ledger.counters()[bought]
        with pytest.raises(LedgerError) as error:
            ledger.reserve(other, AccountNonce(20))
    (words,) = re.findall(r"orderseal ledger (reconcile LEDGER [^,]+),", str(error.value))
    done = run(*words.replace("LEDGER", "buyer.db").split())
    assert (done.returncode, done.stdout.splitlines()[1]) == (0, "the next nonce was 4, and is 20")
    with Ledger(tmp_path / "buyer.db") as ledger:
        assert ledger.counters()[bought] == before
    done = run("reconcile", "buyer.db", "--next", "20", "--kind", "transaction")
    assert done.returncode == 2
    assert "2 scopes of the ledger fit: say which with --account, --kind and --network" in done.stderr


@pytest.fixture
def wished(tmp_path: Path) -> list[int]:
    """``desk.db``: three requests under references: one whose answer was lost, one accepted, one that is being sent."""
    scope = Scope("licenserocks", "instance.example", "0x" + "11" * 20, "write")
    with Ledger(tmp_path / "desk.db", owner="desk") as ledger:
        slots = []
        reserved = ledger.reserve_many(scope, SequentialFromVenue(0), 3)
        for slot, meaning in zip(reserved, (Meaning.UNKNOWN, Meaning.ACCEPTED, None), strict=True):
            digest = bytes([slot.key + 1]) * 32
            slot = ledger.commit_content(slot, digest, {"body": [1]}, reference=f"wish {slot.key}")
            slot = ledger.begin_sending(ledger.store_signed(slot, digest, b"[1]")).slot
            slots.append(slot if meaning is None else ledger.record(slot, Answer(meaning)))
    return [slot.id for slot in slots]


def test_dismiss(run: Run, wished: list[int]) -> None:
    lost, accepted, sending = map(str, wished)
    for slot in (accepted, sending):
        done = run("dismiss", "desk.db", slot, "--why", "I looked")
        assert (done.returncode, done.stdout) == (1, "")
        assert "does not allow dismiss" in done.stderr
    done = run("dismiss", "desk.db", lost, "--why", "Jane: the desk knows of none")
    assert (done.returncode, done.stdout) == (0, f"dismissed {lost}: abandoned\n")
    shown = json.loads(run("show", "desk.db", lost, "--json").stdout)
    assert shown["attempts"][-1]["details"] == {"why": "Jane: the desk knows of none", "dismissed": True}
    assert "Jane: the desk" in run("show", "desk.db", lost).stdout
    assert run("dismiss", "desk.db", lost, "--why", "again").returncode == 1


def test_a_signature_is_not_dismissed(run: Run, sent: Outgoing, tmp_path: Path) -> None:
    with Ledger(tmp_path / "bot.db", owner="bot") as ledger:
        (slot,) = [slot for slot in ledger.take_over() if slot.key == 7]
    assert slot.state.value == "unknown"
    done = run("dismiss", "bot.db", str(slot.id), "--why", "I looked")
    assert (done.returncode, done.stdout) == (1, "")
    assert "carries a signature" in done.stderr
    assert json.loads(run("show", "bot.db", str(slot.id), "--json").stdout)["state"] == "unknown"


def test_a_refused_dismissal_takes_nothing_over(run: Run, sent: Outgoing, tmp_path: Path) -> None:
    """It is looked at first: its bot may be alive, and hear the answer late."""
    before = {slot["slot"]: (slot["state"], slot["owner"]) for slot in json.loads(run("list", "bot.db", "--json").stdout)["slots"]}
    assert "sending" in {state for state, _ in before.values()}
    for slot in before:
        done = run("dismiss", "bot.db", str(slot), "--why", "I looked")
        assert (done.returncode, done.stdout) == (1, "")
        assert "carries a signature" in done.stderr or "does not allow dismiss" in done.stderr
    after = {slot["slot"]: (slot["state"], slot["owner"]) for slot in json.loads(run("list", "bot.db", "--json").stdout)["slots"]}
    assert after == before


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["dismiss", "none.db", "1", "--why", "x"], 2),
        (["dismiss", "bot.db", "99", "--why", "x"], 2),
        (["dismiss", "bot.db", "1"], 2),
        (["dismiss", "bot.db", "one", "--why", "x"], 2),
        (["list", "none.db"], 2),
        (["holds", "none.db"], 2),
        (["break-hold", "none.db", "name", "intent"], 2),
        (["break-hold", "bot.db", "name", "intent"], 2),
        (["break-hold", "bot.db", "name", "intent", "--account", "0x12"], 2),
        (["break-hold", "bot.db", "name"], 2),
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
