"""``panic`` with a node: the allowances of live orders are set to zero on a real chain, in spite of the halted ledger."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from eth_account import Account
from eth_utils.address import to_checksum_address
from tests.provider import provider

from orderseal.api import stove
from orderseal.sandbox import Sandbox, Settings
from orderseal.sandbox.evm import LocalChain
from orderseal.signing.ledger import Ledger

BOT = """
import sys
from decimal import Decimal
from orderseal.api import stove
from orderseal.signing import Ledger, LocalSigner

with Ledger("bot.db") as ledger, stove.Maker(stove.TESTNET.at(sys.argv[1]), LocalSigner.from_env("BOT_KEY"), ledger) as maker:
    maker.buy("AAPL", shares=1, limit=Decimal("150.25"), pay_with="USDT")
"""
TOKEN = to_checksum_address(str(stove.TESTNET.token("USDT").address))
SPENDER = to_checksum_address(str(stove.TESTNET.settlement))
URL_SECRET = "node-secret-4711"

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def venue() -> Iterator[Sandbox]:
    with Sandbox(Settings(step_delay_min=0.001, step_delay_max=0.01), start_timeout=60) as running:
        yield running


@pytest.fixture
def local(start: Callable[..., LocalChain]) -> Iterator[LocalChain]:
    """The chain of the venue's network, with its payment token's code at its documented address."""
    chain = start("eth-tester", 97)
    mark = chain.request("evm_snapshot")
    code = chain.request("eth_getCode", chain.contracts["payment18"].address, "latest")
    chain.request("anvil_setCode", TOKEN, code)
    yield chain
    assert chain.request("evm_revert", mark)


@pytest.fixture
def key() -> str:
    return secrets.token_hex(32)


@pytest.fixture
def run(tmp_path: Path, key: str, venue: Sandbox) -> Run:
    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "80", "BOT_KEY": key, **more}
        place = ("--network", "stove-testnet", "--key-env", "BOT_KEY", "--url", venue.url) if arguments[0] == "panic" else ()
        program = ("-m", "orderseal.cli") if arguments[0] == "panic" else ("-c",)
        command = [sys.executable, "-P", "-W", "error", *program, *arguments, *place]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=100, check=False)
        assert "Traceback" not in done.stderr, done.stderr
        assert key not in done.stdout + done.stderr
        assert URL_SECRET not in done.stdout + done.stderr
        return done

    return run


def word(value: int | str) -> str:
    return f"{int(value, 16) if isinstance(value, str) else value:064x}"


def allowance(chain: LocalChain, owner: str) -> int:
    data = "0xdd62ed3e" + word(owner) + word(SPENDER)  # allowance(address,address)
    return int(chain.request("eth_call", {"to": TOKEN, "data": data}, "latest"), 16)


def approve(chain: LocalChain, key: str, value: int) -> str:
    account = Account.from_key(key)
    chain.request("anvil_setBalance", account.address, hex(10**18))
    members = {
        "chainId": 97,
        "nonce": 0,
        "maxFeePerGas": 10**10,
        "maxPriorityFeePerGas": 10**9,
        "gas": 100_000,
        "value": 0,
        "to": TOKEN,
        "data": "0x095ea7b3" + word(SPENDER) + word(value),
    }
    raw = Account.sign_transaction(members, key).raw_transaction
    chain.request("eth_sendRawTransaction", "0x" + bytes(raw).hex())
    return str(account.address)


def test_the_allowance_is_zero_afterwards(run: Run, venue: Sandbox, local: LocalChain, key: str, tmp_path: Path) -> None:
    owner = approve(local, key, 10**24)
    assert allowance(local, owner) == 10**24
    assert run(BOT, venue.url).returncode == 0

    printed = run("panic", "bot.db")
    assert printed.returncode == 1
    assert f"  to   {TOKEN}" in printed.stdout.splitlines()
    assert allowance(local, owner) == 10**24  # Without a node nothing is sent.

    with provider(local.rpc_url, URL_SECRET) as url:
        done = run("panic", "bot.db", "--rpc-env", "NODE", NODE=url)
    assert allowance(local, owner) == 0, done.stderr
    assert done.returncode == 1  # The signature is live until its deadline all the same.
    lines = done.stdout.splitlines()
    assert lines[-2] == f"allowance of {TOKEN}: zero now, by"
    receipt = local.request("eth_getTransactionReceipt", lines[-1].strip())
    assert (receipt["status"], int(receipt["transactionIndex"], 16)) == ("0x1", 0)
    assert max(map(len, lines)) <= 80
    with Ledger(tmp_path / "bot.db") as ledger:
        assert ledger.info().epoch == 3  # Halted twice; the revocation is no row of it.
        assert {slot.scope.kind for slot in ledger.slots()} == {"order"}

    again = json.loads(run("panic", "bot.db", "--rpc-url", local.rpc_url, "--json").stdout)
    assert [(one["token"], one["revoked"], one["transaction"]) for one in again["allowances"]] == [(TOKEN, True, None)]
    assert again["errors"] == []


def test_a_node_that_fails_stops_nothing_else(run: Run, venue: Sandbox, start: Callable[..., LocalChain]) -> None:
    assert run(BOT, venue.url).returncode == 0
    for url in ("http://127.0.0.1:1", start("eth-tester", 17000).rpc_url):
        found = json.loads(run("panic", "bot.db", "--rpc-url", url, "--json").stdout)
        assert found["halted"] is True
        assert found["abandoned"] == []
        assert [one["revoked"] for one in found["allowances"]] == [False]
        assert any("the node" in error for error in found["errors"])
    told = run("panic", "bot.db", "--rpc-url", "http://127.0.0.1:1")
    assert "NOT set to zero, as far as is known. The call for a wallet:" in told.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--rpc-url", "http://127.0.0.1:1", "--rpc-env", "X"), "name one node"),
        (("--rpc-env", "NOT_THERE"), "NOT_THERE: not set"),
        (("--max-fee-per-gas", "5"), "--max-fee-per-gas belongs to --rpc-url or --rpc-env"),
        (("--rpc-url", "http://127.0.0.1:1", "--max-fee-per-gas", "1e3"), "expected a plain number"),
    ],
)
def test_wrong_use_halts_nothing(run: Run, tmp_path: Path, arguments: tuple[str, ...], told: str) -> None:
    with Ledger(tmp_path / "bot.db"):
        pass
    done = run("panic", "bot.db", *arguments)
    assert done.returncode == 2
    assert told in done.stderr
    with Ledger(tmp_path / "bot.db") as ledger:
        assert ledger.info().epoch == 1
