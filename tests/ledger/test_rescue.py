"""``ledger recover``, ``ledger reconcile`` and ``panic``: a bot dies, and a person clears up, at a real sandbox."""

from __future__ import annotations

import json
import os
import re
import secrets
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from eth_utils.crypto import keccak

from orderseal.api import stove
from orderseal.sandbox import Sandbox, Settings
from orderseal.signing import LocalSigner
from orderseal.signing.ledger import Ledger, LedgerError, SequentialFromVenue, State

BOT = """
import os, sys
from decimal import Decimal
from orderseal.api import stove
from orderseal.signing import Ledger, LocalSigner
from orderseal.signing.ledger import SequentialFromVenue

signer = LocalSigner.from_env("BOT_KEY")
ledger = Ledger("bot.db", owner="bot")
maker = stove.Maker(stove.TESTNET.at(sys.argv[1]), signer, ledger)
for _ in range(2):
    placed = maker.buy("AAPL", shares=1, limit=Decimal("150.25"), pay_with="USDT")
slots = ledger.reserve_many(maker.scope, SequentialFromVenue(), 3)
order = type(placed.order)(**{**{n: getattr(placed.order, n) for n in type(placed.order).__annotations__}, "nonce": slots[0].key})
sending = ledger.sign_to_send(ledger.commit(slots[0], order, maker.network.domain), signer)
unsent = type(order)(**{**{n: getattr(order, n) for n in type(order).__annotations__}, "nonce": slots[1].key})
ledger.commit(slots[1], unsent, maker.network.domain)
if sys.argv[2] == "arrived":
    maker.client.submit(sending.body, order, sending.signature)
os._exit(9)
"""

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Settings(step_delay_min=0.001, step_delay_max=0.01), start_timeout=60) as running:
        yield running


@pytest.fixture
def key() -> str:
    return secrets.token_hex(32)


@pytest.fixture
def run(tmp_path: Path, key: str) -> Run:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "80", "BOT_KEY": key}
        command = [sys.executable, "-P", "-W", "error", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=100, check=False)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return run


@pytest.fixture
def command(run: Run, sandbox: Sandbox) -> Run:
    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        place = ("--network", "stove-testnet", "--key-env", "BOT_KEY", "--url", sandbox.url)
        return run("-m", "orderseal.cli", *arguments, *place)

    return command


def forget_leases(folder: Path) -> None:
    """As if a minute had gone by."""
    with closing(sqlite3.connect(folder / "bot.db")) as database:
        database.execute("UPDATE slots SET lease_until = 0")
        database.commit()


def states(path: Path) -> list[tuple[int, str]]:
    with Ledger(path, create=False) as ledger:
        return [(slot.key, slot.state.value) for slot in ledger.slots()]


@pytest.mark.parametrize("arrived", ["arrived", "lost"])
def test_what_a_dead_bot_left(run: Run, command: Run, sandbox: Sandbox, tmp_path: Path, arrived: str) -> None:
    assert run("-c", BOT, sandbox.url, arrived).returncode == 9
    (first, _), *_ = states(tmp_path / "bot.db")
    left = [(first + 2, "sending"), (first + 3, "committed"), (first + 4, "reserved")]
    assert states(tmp_path / "bot.db")[2:] == left
    forget_leases(tmp_path)
    done = command("ledger", "recover", "bot.db", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["open"] == 0
    assert [(one["nonce"], one["state"]) for one in sorted(found["recovered"], key=lambda one: int(one["nonce"]))] == [
        (str(first + 2), "accepted"),  # If it had not arrived, the identical bytes went again.
        (str(first + 3), "abandoned"),
        (str(first + 4), "released"),
    ]
    assert [bool(one["id"]) for one in found["recovered"]].count(True) == 1
    assert states(tmp_path / "bot.db")[2:] == [(first + 2, "accepted"), (first + 3, "abandoned"), (first + 4, "released")]
    again = command("ledger", "recover", "bot.db")
    assert (again.returncode, again.stdout) == (0, "")
    assert again.stderr.splitlines()[1:] == ["0 rows were taken up, 0 of this account are open"]


def test_what_left_nothing_is_sent_only_if_asked(run: Run, command: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    run("-c", BOT, sandbox.url, "arrived")
    forget_leases(tmp_path)
    done = command("ledger", "recover", "bot.db", "--send", "--json")
    assert sorted(one["state"] for one in json.loads(done.stdout)["recovered"]) == ["accepted", "accepted", "released"]


def test_rows_of_a_running_bot_are_not_touched(run: Run, command: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    run("-c", BOT, sandbox.url, "lost")
    before = states(tmp_path / "bot.db")
    done = command("ledger", "recover", "bot.db")
    assert done.returncode == 1
    assert done.stderr.splitlines()[1:] == [
        "0 rows were taken up, 3 of this account are open: the venue is silent about them, or a running bot holds them"
    ]
    assert states(tmp_path / "bot.db") == before


def test_a_key_of_another_account(run: Run, command: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    stranger = LocalSigner.generate().address
    with Ledger(tmp_path / "bot.db") as ledger:
        ledger.reserve(stove.order_scope(stove.TESTNET, stranger), SequentialFromVenue(5))
    done = command("ledger", "recover", "bot.db")
    assert done.returncode == 2
    assert f"it has nonces of {stranger} on 97:0x" in done.stderr


def test_a_venue_that_cannot_be_reached_is_told_at_once(run: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    run("-c", BOT, sandbox.url, "lost")
    forget_leases(tmp_path)
    before = states(tmp_path / "bot.db")
    place = ("--network", "stove-testnet", "--key-env", "BOT_KEY", "--url", "http://127.0.0.1:1")
    done = run("-m", "orderseal.cli", "ledger", "recover", "bot.db", *place)
    assert done.returncode == 1
    assert "no connection to the venue" in done.stderr
    assert states(tmp_path / "bot.db") == before


def test_a_network_goes_by_its_name(run: Run, tmp_path: Path) -> None:
    with Ledger(tmp_path / "bot.db") as ledger:
        ledger.reserve(stove.order_scope(stove.TESTNET, LocalSigner.generate().address), SequentialFromVenue(5))
    found = run("-m", "orderseal.cli", "ledger", "list", "bot.db", "--network", "stove-testnet", "--json")
    assert [slot["nonce"] for slot in json.loads(found.stdout)["slots"]] == ["5"]
    done = run("-m", "orderseal.cli", "ledger", "list", "bot.db", "--network", "mainnet")
    assert done.stderr == "nothing to show; the ledger has nonces on 97:0xcb310c56a19078aa969a922f382613d932d89d83\n"


def test_panic_and_going_on(run: Run, command: Run, sandbox: Sandbox, tmp_path: Path, key: str) -> None:
    run("-c", BOT, sandbox.url, "arrived")
    forget_leases(tmp_path)
    done = command("panic", "bot.db")
    assert done.returncode == 1  # Signatures are live.
    assert re.findall(r"^cancel    [0-9a-f-]{36}: (\w+)$", done.stdout, re.MULTILINE) == ["acknowledged"] * 3
    lines = done.stdout.splitlines()
    assert lines[1] == "abandoned 2 orders that had not left"
    assert "3 live signatures at" in done.stdout
    data = keccak(text="approve(address,uint256)")[:4] + encode(
        ["address", "uint256"], ["0xCB310C56A19078aA969A922f382613d932D89D83", 0]
    )  # The venue's documented contract.
    assert f"  data 0x{data.hex()}" in lines
    assert max(len(line) for line in lines if "  data " not in line) <= 80
    with Ledger(tmp_path / "bot.db") as ledger:
        assert {slot.state for slot in ledger.open_slots()} == {State.UNKNOWN}

    with Ledger(tmp_path / "bot.db") as ledger, pytest.raises(LedgerError, match="was halted"):
        ledger.reserve(ledger.slots()[0].scope, SequentialFromVenue())
    forget_leases(tmp_path)
    halted = command("ledger", "recover", "bot.db", "--json")
    assert json.loads(halted.stdout)["recovered"][0]["state"] == "accepted"  # Looking up is allowed.
    going_on = command("ledger", "reconcile", "bot.db", "--json")
    assert going_on.returncode == 0
    assert run("-c", BOT, sandbox.url, "lost").returncode == 9

    quiet = json.loads(command("panic", "bot.db", "--json").stdout)
    assert {order["state"] for order in quiet["cancelled"]} == {"acknowledged"}
    assert quiet["live"] == 6
    assert quiet["ok"] is False
    assert quiet["allowances"][0]["data"] == f"0x{data.hex()}"


def test_panic_without_a_venue_says_so(run: Run, tmp_path: Path, key: str) -> None:
    with Ledger(tmp_path / "bot.db"):
        pass
    place = ("--network", "stove-testnet", "--key-env", "BOT_KEY", "--url", "http://127.0.0.1:1")
    done = run("-m", "orderseal.cli", "panic", "bot.db", *place)
    assert done.returncode == 1
    assert "no connection to the venue" in done.stderr
    assert done.stdout.startswith("halted ")
    with Ledger(tmp_path / "bot.db") as ledger:
        assert ledger.info().epoch == 2


class TestReconcile:
    def test_with_a_number(self, run: Run, tmp_path: Path) -> None:
        signer = LocalSigner.generate()
        with closing(Ledger(tmp_path / "bot.db")) as ledger:
            ledger.reserve_many(stove.order_scope(stove.TESTNET, signer.address), SequentialFromVenue(5), 2)
        done = run("-m", "orderseal.cli", "ledger", "reconcile", "bot.db", "--next", "6", "--skip", "3")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.splitlines() == [
            f"stove/97:0xcb310c56a19078aa969a922f382613d932d89d83 order of {signer.address}:",
            "the next nonce was 7, and is 10",
            "given up, because they may have been used elsewhere: 5",
        ]
        far = run("-m", "orderseal.cli", "ledger", "reconcile", "bot.db", "--next", "5000")
        assert far.returncode == 1
        assert "by more than 1000" in far.stderr

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            ((), "name the network: --network stove-testnet"),
            (("--network", "mainnet"), "--network mainnet: not known; there is stove-testnet"),
            (("--network", "stove-testnet"), "name one signer"),
            (("--next", "5"), "0 scopes of the ledger fit"),
            (("--next", "5", "--account", "0x12"), "--account"),
        ],
    )
    def test_wrong_use(self, run: Run, tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
        with Ledger(tmp_path / "bot.db"):
            pass
        done = run("-m", "orderseal.cli", "ledger", "reconcile", "bot.db", *arguments)
        assert done.returncode == 2
        assert told in done.stderr

    def test_no_ledger_is_made(self, command: Run, tmp_path: Path) -> None:
        for name in ("panic", "recover", "reconcile"):
            done = command(*(("panic",) if name == "panic" else ("ledger", name)), "none.db")
            assert done.returncode == 2
            assert "there is no ledger" in done.stderr
        assert not (tmp_path / "none.db").exists()


def test_the_key_is_nowhere(run: Run, command: Run, sandbox: Sandbox, tmp_path: Path, key: str) -> None:
    run("-c", BOT, sandbox.url, "lost")
    outputs: list[Any] = [
        command("ledger", "recover", "bot.db"),
        command("panic", "bot.db", "--json"),
        command("ledger", "reconcile", "bot.db"),
    ]
    with closing(sqlite3.connect(tmp_path / "bot.db")) as database:
        outputs.append("\n".join(database.iterdump()))
    for output in outputs:
        text = output if isinstance(output, str) else output.stdout + output.stderr
        assert text
        assert key not in text
        assert "eyJ" not in text
