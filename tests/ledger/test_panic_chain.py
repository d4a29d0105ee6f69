"""``panic`` with a node: the allowances of live orders are set to zero on a real chain, in spite of the halted ledger."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_utils.address import to_checksum_address
from tests.chain.executions import Account as OnChain
from tests.chain.executions import anvil_chain, buyer
from tests.provider import provider

from orderseal.api import stove
from orderseal.chain.dialogue import Rpc
from orderseal.chain.dialogue import run as drive
from orderseal.chain.erc20 import Approve
from orderseal.chain.fees import Fees
from orderseal.chain.revoke import Revoked, revoke_allowance
from orderseal.chain.transactions import Transaction, sign_transaction
from orderseal.sandbox import Sandbox, Settings
from orderseal.sandbox.evm import LocalChain
from orderseal.signing import Address, ChainError, NodeError
from orderseal.signing.ledger import Ledger, Scope

__all__ = ["anvil_chain", "buyer"]

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


def allowance(chain: LocalChain, owner: str, spender: str = SPENDER) -> int:
    data = "0xdd62ed3e" + word(owner) + word(spender)  # allowance(address,address)
    return int(chain.request("eth_call", {"to": TOKEN, "data": data}, "latest"), 16)


def approve(chain: LocalChain, key: str, value: int, spender: str = SPENDER) -> str:
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
        "data": "0x095ea7b3" + word(spender) + word(value),
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


# Purchases in the same ledger


def test_a_purchase_that_is_not_finished_is_not_overlooked(
    run: Run, local: LocalChain, start: Callable[..., LocalChain], key: str, tmp_path: Path
) -> None:
    market, plan = to_checksum_address("0x" + "5a" * 20), "0x" + "ab" * 32
    owner = approve(local, key, 700, market)
    with Ledger(tmp_path / "bot.db") as ledger:
        ledger.hold(Scope("evm", "97", Address(owner), "transaction"), f"{TOKEN.lower()} {market.lower()}", plan)
        ledger.hold(Scope("evm", "97", Address("0x" + "77" * 20), "transaction"), f"{TOKEN} {market}", "somebody else's")
        ledger.hold(Scope("evm", "97", Address(owner), "transaction"), "no allowance", "another thing")

    data = f"0x095ea7b3{word(market)}{word(0)}"
    bare = run("panic", "bot.db")
    assert bare.returncode == 1, bare.stdout
    lines = bare.stdout.splitlines()
    at = lines.index(f"  {plan}")
    assert lines[at + 1 : at + 5] == [f"  token    {TOKEN}", f"  spender  {market}", f"  to   {TOKEN}", f"  data {data}"]
    assert lines[at + 5].startswith("What is held stays so, whatever is allowed: `buy revoke PLAN` ends it")
    assert len([line for line in lines if line.startswith("not finished, on chain 97")]) == 1
    assert max(len(line) for line in lines if "  data " not in line) <= 80
    assert allowance(local, owner, market) == 700

    wrong = json.loads(run("panic", "bot.db", "--rpc-url", start("eth-tester", 17000).rpc_url, "--json").stdout)
    assert wrong["ok"] is False
    assert any("the node is of chain 17000" in error for error in wrong["errors"])
    assert wrong["purchases"] == [
        {"chain_id": 97, "intent": plan, "token": TOKEN, "spender": market, "data": data, "revoked": False, "transaction": None}
    ]

    done = run("panic", "bot.db", "--rpc-url", local.rpc_url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"allowance of {TOKEN}: zero now, by" in done.stdout.splitlines()
    assert "`buy revoke PLAN` ends it" in done.stdout
    assert allowance(local, owner, market) == 0
    with Ledger(tmp_path / "bot.db") as ledger:
        assert len(ledger.holds()) == 3
    assert run("panic", "bot.db").returncode == 1  # It was not seen now.
    again = json.loads(run("panic", "bot.db", "--rpc-url", local.rpc_url, "--json").stdout)
    assert (again["ok"], again["purchases"][0]["revoked"], again["purchases"][0]["transaction"]) == (True, True, None)


# One revocation


class Revoking:
    """The buyer on anvil, whose blocks come when the test says so."""

    def __init__(self, account: OnChain) -> None:
        self.account, self.chain = account, account.chain
        self.market = Address(account.chain.contracts["market"].address)
        self.token = Address(account.chain.contracts["payment"].address)
        account.chain.transact("buyer", "payment", "approve", str(self.market), 700)
        account.chain.request("evm_setAutomine", False)

    def approve(self, value: int) -> None:
        """Hand an approval in, which is not mined yet."""
        fees = Fees(max_fee_per_gas=10**11, max_priority_fee_per_gas=10**9)
        call = Approve(spender=self.market, value=value).encode()
        new = Transaction(chain_id=17000, nonce=self.account.nonce(), to=self.token, data=call, gas=100_000, fees=fees)
        self.chain.request("eth_sendRawTransaction", "0x" + sign_transaction(new, self.account.signer).raw.hex())

    def mine(self, _now: float = 0.0) -> None:
        self.chain.request("evm_mine")

    def run(self, stuck_after: float = 5) -> Revoked:
        time = self.account.time
        options: dict[str, Any] = {"poll": 1, "stuck_after": stuck_after, "patience": 40, "elapsed": time, "tell": self.account.told.append}
        wish = revoke_allowance(17000, self.token, self.market, self.account.signer, **options)
        return drive(wish, self.account.node, sleep=time.sleep)


@pytest.fixture
def revoking(buyer: OnChain) -> Revoking:
    return Revoking(buyer)


def test_an_approval_in_the_pool_is_revoked_too(revoking: Revoking) -> None:
    account = revoking.account
    revoking.chain.request("evm_setAutomine", True)
    assert revoking.run().before == 700
    assert revoking.run() == Revoked(0, None, 0)  # Nothing is allowed, and nothing is on its way.
    revoking.chain.request("evm_setAutomine", False)
    revoking.approve(900)
    assert (account.allowance(), account.nonce("pending") - account.nonce()) == (0, 1)
    account.time.on_sleep.append(revoking.mine)
    found = revoking.run()
    assert found.hash is not None
    assert account.allowance() == 0
    assert account.nonce() == account.nonce("pending")


def test_a_replacement_whose_reply_is_lost_is_known(revoking: Revoking) -> None:
    account, handed = revoking.account, [0]

    def lose(call: Rpc) -> None:
        if call.method == "eth_sendRawTransaction":
            handed[0] += 1
            if handed[0] == 2:
                revoking.chain.request(call.method, *call.params)
                account.time.on_sleep.append(revoking.mine)
                raise NodeError("no answer")

    account.node.before = lose
    found = revoking.run()
    assert handed == [2]
    assert found.hash is not None
    assert revoking.chain.request("eth_getTransactionReceipt", str(found.hash))["status"] == "0x1"
    assert account.allowance() == 0


def test_before_it_is_given_up_the_allowance_is_read_again(revoking: Revoking) -> None:
    account = revoking.account
    account.node.after = lambda call, answer: None if call.method == "eth_getTransactionReceipt" else answer
    account.time.on_sleep.append(revoking.mine)
    assert revoking.run(stuck_after=100) == Revoked(700, None, 0)
    assert account.told[-1].endswith("but the allowance is zero, and nothing of this account is on its way")
    assert account.allowance() == 0


def test_what_is_not_mined_is_not_called_zero(revoking: Revoking) -> None:
    with pytest.raises(ChainError, match="is not mined after 40 s"):
        revoking.run()
    assert revoking.account.allowance() == 700


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
