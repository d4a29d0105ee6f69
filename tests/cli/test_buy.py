"""``buy`` and ``sell`` on a real local chain: what is printed is true, every wrong use has its code, and a killed purchase goes on."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.provider import provider

from orderseal.chain.dialogue import run as execute
from orderseal.chain.node import HttpNode
from orderseal.chain.observe import observe_pins
from orderseal.chain.pins import Pins, Units
from orderseal.chain.planning import plan_purchase
from orderseal.chain.recipe import check_recipe, parse_recipe
from orderseal.sandbox.evm import LocalChain
from orderseal.signing import format_time
from orderseal.signing.ledger import Ledger

RPC_SECRET = "1234567890abcdef-node-key"
PAGE = Path(__file__).resolve().parents[2] / "docs" / "purchase.md"
Command = Callable[..., Any]


@pytest.fixture
def local(front: LocalChain, tmp_path: Path) -> LocalChain:
    (tmp_path / "recipe.json").write_text(json.dumps(front.recipe()), encoding="utf-8")
    return front


@pytest.fixture
def keys(local: LocalChain) -> Iterator[dict[str, str]]:
    """The environment: the accounts' keys, and the node's URL, with a key of its own in the path."""
    found = {f"{role.upper()}_KEY": account.private_key for role, account in local.accounts.items()}
    with provider(local.rpc_url, RPC_SECRET) as url:
        yield found | {"NODE": url, "REFUSED": url.removesuffix("-key")}


@pytest.fixture
def command(run: Any, keys: dict[str, str]) -> Iterator[Command]:
    """Run it, and see that nothing secret is ever in its output."""
    printed: list[str] = []

    def command(*arguments: str, **more: Any) -> Any:
        done = run(*arguments, env=keys | more.pop("env", {}), **more)
        printed.append(done.out + done.err)
        return done

    yield command
    for text in printed:
        for secret in (RPC_SECRET, *[value.removeprefix("0x") for name, value in keys.items() if name.endswith("_KEY")]):
            assert secret not in text


@pytest.fixture
def pins(local: LocalChain, tmp_path: Path) -> Pins:
    """Pins of the local chain, in a file."""
    market, currency, house = (local.contracts[name].address for name in ("market", "payment", "house"))
    with HttpNode(local.rpc_url) as node:
        found = execute(observe_pins(market, currency, tokens=[house]), node)
    (tmp_path / "pins.json").write_text(json.dumps(found.to_json()), encoding="utf-8")
    return found


def wish(local: LocalChain, **changes: str | None) -> list[str]:
    options: dict[str, str | None] = {
        "--pins": "pins.json",
        "--max-total": "0.01",
        "--buyer": local.accounts["buyer"].address,
        "--quantity": "5",
        "--rpc-env": "NODE",
    }
    options |= {f"--{name.replace('_', '-')}": value for name, value in changes.items()}
    return [word for name, value in options.items() if value is not None for word in (name, value)]


@pytest.fixture
def planned(local: LocalChain, pins: Pins, tmp_path: Path) -> dict[str, Any]:
    """A plan, in a file."""
    target = check_recipe(parse_recipe(local.recipe()), pins)
    buyer = local.accounts["buyer"].address
    with HttpNode(local.rpc_url) as node:
        plan = execute(plan_purchase(target, pins, buyer=buyer, quantity=5, max_total=Decimal("0.01"), now=time.time()), node)
    (tmp_path / "plan.json").write_text(json.dumps(plan.to_json()), encoding="utf-8")
    return plan.to_json()


def send(hash_: str, *more: str, file: str = "plan.json") -> tuple[str, ...]:
    options = ("--approved", hash_, "--rpc-env", "NODE", "--ledger", "buy.db", "--key-env", "BUYER_KEY", "--poll", "0.1")
    return ("buy", "send", file, *options, *more)


def forget_leases(folder: Path) -> None:
    """As if a minute had gone by."""
    with closing(sqlite3.connect(folder / "buy.db")) as database:
        database.execute("UPDATE slots SET lease_until = 0")
        database.execute("UPDATE holds SET until = 0")
        database.commit()


# From the recipe to the event


def test_the_whole_way(command: Command, local: LocalChain, tmp_path: Path) -> None:
    market, currency, house = (local.contracts[name].address for name in ("market", "payment", "house"))
    arguments = ("--marketplace", market, "--currency", currency, "--token", house, "--rpc-env", "NODE", "--out", "pins.json")
    pinned = command("buy", "pins", *arguments)
    assert (pinned.code, pinned.out) == (0, "pins.json\n")
    assert pinned.err.startswith("TRUST ON FIRST USE")

    done = command("buy", "plan", "recipe.json", *wish(local), "--out", "plan.json")
    assert done.code == 0, done.err
    planned = json.loads((tmp_path / "plan.json").read_text())
    assert f"hash      {planned['hash']}" in done.out.splitlines()
    canonical = json.dumps(planned["plan"], sort_keys=True, separators=(",", ":"))
    assert planned["hash"] == "0x" + hashlib.sha256(canonical.encode()).hexdigest()

    shown = command("buy", "show", "plan.json")
    lines = shown.out.splitlines()
    assert (shown.code, shown.err) == (0, "")
    assert f"hash      {planned['hash']}" in lines
    assert "leaves    2200 = 0.0022 of the currency" in lines
    assert "arrives   5000000000000000000 = 5 of the token" in lines
    assert "price     440 = 0.00044 of the currency for a whole token" in lines
    assert "caps      0.01 of the currency may leave or be allowed at most" in lines
    assert f"  spender  {local.contracts['market'].address}  marketplace" in lines
    assert [line for line in lines if len(line) > 80] == []
    assert lines.index("  currency.symbol: SUSD") > lines.index("have changed it since:")

    before = local.call("payment", "balanceOf", local.accounts["buyer"].address)
    done = command(*send(planned["hash"]))
    assert done.code == 0, done.err
    told = done.err.splitlines()
    assert told[0] == f"on chain 17000, as {local.accounts['buyer'].address}:"
    assert told[1] == f"  1. allow {local.contracts['market'].address} to take 0.0022 of the currency"
    assert told[4] == "a new ledger is made, buy.db: if this plan was sent before, stop, and name the ledger of that time"
    assert f"arrived   5 of {local.contracts['house'].address}" in done.out.splitlines()
    assert f"paid      0.0022 of {local.contracts['payment'].address}" in done.out.splitlines()
    assert "event     ListingBuyEvent(address,address,address,uint256,uint256,uint256)" in done.out.splitlines()
    assert local.call("payment", "balanceOf", local.accounts["buyer"].address) == before - 2200
    assert local.call("payment", "allowance", local.accounts["buyer"].address, local.contracts["market"].address) == 0

    again = command(*send(planned["hash"], "--json"))
    assert again.code == 0
    assert "if this plan was sent before, stop" not in again.err  # The ledger knows the account now.
    assert again.err.splitlines()[-1] == "all of it had been sent before: nothing was sent again"
    found = again.json()
    assert [one["what"] for one in found["sent"]] == ["approve", "purchase"]
    assert found["leaves"] == {"token": local.contracts["payment"].address, "units": "2200", "amount": "0.0022"}
    assert found["arrives"]["amount"] == "5"
    assert (found["event"]["name"], found["event"]["values"]["count"]) == ("ListingBuyEvent", "5")
    receipt = local.request("eth_getTransactionReceipt", found["sent"][1]["hash"])
    assert int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16) == int(found["sent"][1]["fee"])
    assert int(found["fee"]) == sum(int(one["fee"]) for one in found["sent"])
    assert local.call("payment", "balanceOf", local.accounts["buyer"].address) == before - 2200
    assert (tmp_path / "buy.db").stat().st_mode & 0o777 == 0o600


def test_without_out_the_plan_goes_to_standard_output(command: Command, local: LocalChain, pins: Pins) -> None:
    done = command("buy", "plan", "recipe.json", *wish(local))
    assert done.code == 0
    assert done.err.startswith("recipe    its chain, marketplace, currency and ABI are those that are pinned\n")
    plan = done.json()
    assert f"hash      {plan['hash']}" in done.err.splitlines()
    shown = command("buy", "show", "-", "--json", stdin=done.out)
    assert shown.code == 0
    found = shown.json()
    assert (found["hash"], found["kind"], found["chain_id"], found["expired"]) == (plan["hash"], "purchase", 17000, False)
    assert [(step["what"], step["function"]) for step in found["steps"]] == [
        ("approve", "approve(address,uint256)"),
        ("purchase", "buy(uint256,address,address)"),
    ]
    assert found["steps"][0]["arguments"] == {"spender": local.contracts["market"].address, "value": "2200"}
    assert found["steps"][1]["arguments"]["amount"] == "5"
    assert found["unchecked"] == []
    quiet = command("buy", "plan", "-", *wish(local), "--json", stdin=json.dumps(local.recipe()))
    assert (quiet.code, quiet.err) == (0, "")
    assert set(quiet.json()) == {"plan", "hash", "facts"}


def test_the_caps_are_the_users(command: Command, local: LocalChain, pins: Pins) -> None:
    caps = command("buy", "plan", "recipe.json", *wish(local, max_fee="0.01", max_fee_per_gas="7.5", valid_for="60"), "--json").json()[
        "plan"
    ]
    assert caps["caps"] == {"max_total": "10000", "max_fee_per_gas": "7500000000", "max_fee": str(10**16)}


# What is refused


def changed(local: LocalChain, **changes: Any) -> dict[str, Any]:
    recipe = local.recipe()
    recipe["integration"] |= changes
    return recipe


def test_a_changed_recipe_is_refused(command: Command, local: LocalChain, pins: Pins, tmp_path: Path) -> None:
    other = local.contracts["market_base_units"].address
    for changes, path in (
        ({"contract_address": other}, "integration.contract_address"),
        ({"chain_id": 1}, "integration.chain_id"),
        ({"currency_token_address": other}, "integration.currency_token_address"),
        ({"function_name": "approve"}, "integration.function_name"),
    ):
        (tmp_path / "bad.json").write_text(json.dumps(changed(local, **changes)), encoding="utf-8")
        done = command("buy", "plan", "bad.json", *wish(local, rpc_env=None, rpc_url="http://127.0.0.1:1"), "--out", "bad-plan.json")
        assert (done.code, done.out) == (1, "")  # Before the node, which is none, is asked.
        assert done.err.startswith(f"orderseal: {path}: expected ")
        assert not (tmp_path / "bad-plan.json").exists()


@pytest.mark.parametrize(
    ("changes", "code", "told"),
    [
        ({"max_total": None}, 2, "Missing option '--max-total'"),
        ({"pins": None}, 2, "Missing option '--pins'"),
        ({"buyer": None}, 2, "Missing option '--buyer'"),
        ({"quantity": None}, 2, "Missing option '--quantity'"),
        ({"rpc_env": None}, 2, "name one node: --rpc-url URL, or --rpc-env VARIABLE"),
        ({"rpc_url": "http://127.0.0.1:1"}, 2, "name one node"),
        ({"rpc_env": "NOT_THERE"}, 2, "environment variable NOT_THERE: not set"),
        ({"rpc_env": "BROKEN"}, 2, "environment variable BROKEN: expected a node's URL"),
        ({"rpc_env": None, "rpc_url": f"http://example.com/{RPC_SECRET}"}, 2, "--rpc-url: expected a node's URL"),
        ({"rpc_env": None, "rpc_url": "http://127.0.0.1:1"}, 1, "the node at 127.0.0.1: no connection"),
        ({"rpc_env": "REFUSED"}, 1, "was refused by the node at 127.0.0.1"),
        ({"pins": "none.json"}, 2, "none.json: no such file"),
        ({"pins": "recipe.json"}, 2, "--pins recipe.json: pins.marketplace: expected this member"),
        ({"max_total": "1e3"}, 2, "--max-total: expected a plain number, such as 2.5, got '1e3'"),
        ({"max_total": "-1"}, 2, "--max-total"),
        ({"max_total": "0.0000001"}, 2, "--max-total: expected at most 6 decimals"),
        ({"max_total": "0.002"}, 1, "the purchase costs 0.0022 SUSD, and at most 0.002 are allowed"),
        ({"quantity": "0"}, 2, "--quantity"),
        ({"quantity": "1.5"}, 2, "--quantity"),
        ({"quantity": str(2**256)}, 2, "--quantity: expected a whole number"),
        ({"quantity": "101"}, 1, "101 is above the platform's max_purchase_limit, 100"),
        ({"buyer": "0x12"}, 2, "--buyer: expected an address"),
        ({"buyer": "0x" + "00" * 20}, 2, "--buyer: expected an account, got the zero address"),
        ({"max_fee": "much"}, 2, "--max-fee: expected a plain number"),
        ({"max_fee": "0.0000001"}, 1, "the fees may come to"),
        ({"max_fee_per_gas": "0.0000000001"}, 2, "--max-fee-per-gas: expected at most 9 decimals"),
        ({"valid_for": "0"}, 2, "--valid-for: expected 1 to 2592000 whole seconds, got 0"),
        ({"out": "recipe.json"}, 2, "recipe.json: is there already, and is not overwritten"),
        ({"out": "no/where.json"}, 2, "no/where.json: no such file or directory"),
        ({"price": "440"}, 2, "belong to --offline"),
    ],
)
def test_planning_wrongly(
    command: Command, local: LocalChain, pins: Pins, tmp_path: Path, changes: dict[str, str | None], code: int, told: str
) -> None:
    before = (tmp_path / "recipe.json").read_text()
    done = command("buy", "plan", "recipe.json", *wish(local, **changes), env={"BROKEN": f"example.com/{RPC_SECRET}"})
    assert (done.code, done.out) == (code, ""), done.err
    assert told in done.err
    assert (tmp_path / "recipe.json").read_text() == before


def test_an_error_as_json(command: Command, local: LocalChain, pins: Pins) -> None:
    done = command("buy", "plan", "recipe.json", *wish(local, max_total="0.002"), "--json")
    assert (done.code, done.err) == (1, "")
    assert done.json() == {"error": "the purchase costs 0.0022 SUSD, and at most 0.002 are allowed", "path": None}


class TestOffline:
    OWN = ("--offline", "--price", "440", "--currency-decimals", "6", "--token-decimals", "18")

    def test_it_is_shown_loudly_and_not_sent_by_itself(self, command: Command, local: LocalChain, pins: Pins, tmp_path: Path) -> None:
        offline = (*wish(local, rpc_env=None, max_fee="0.05"), *self.OWN, "--out", "plan.json")
        done = command("buy", "plan", "recipe.json", *offline)
        assert done.code == 0, done.err
        assert "NOT CHECKED: it is sent with --unsimulated alone, and then at your own risk" in done.out.splitlines()
        hash_ = json.loads((tmp_path / "plan.json").read_text())["hash"]
        refused = command(*send(hash_))
        assert refused.code == 1
        assert refused.err.splitlines()[-1].endswith(": --unsimulated")
        assert int(local.request("eth_getTransactionCount", local.accounts["buyer"].address, "latest"), 16) == 3
        sent = command(*send(hash_, "--unsimulated", "--json"))
        assert sent.code == 0, sent.err
        assert [one["what"] for one in sent.json()["sent"]] == ["approve", "approve", "purchase"]

    @pytest.mark.parametrize(
        ("own", "changes", "told"),
        [
            (("--offline",), {"max_fee": "1"}, "--offline needs --price, --currency-decimals and --token-decimals"),
            (OWN, {}, "--offline needs --max-fee or --max-fee-per-gas"),
            (OWN, {"max_fee": "1", "rpc_env": "NODE"}, "--offline asks no node"),
            ((*OWN[:-1], "78"), {"max_fee": "1"}, "--token-decimals"),
        ],
    )
    def test_wrong_use(
        self, command: Command, local: LocalChain, pins: Pins, own: tuple[str, ...], changes: dict[str, str], told: str
    ) -> None:
        done = command("buy", "plan", "recipe.json", *wish(local, **({"rpc_env": None} | changes)), *own)
        assert (done.code, done.out) == (2, "")
        assert told in done.err


# Showing


def test_a_changed_file_is_not_shown(command: Command, planned: dict[str, Any]) -> None:
    for name, value in (("valid_until", 1_999_999_999), ("token_decimals", 6)):
        planned["plan"][name] = value
        done = command("buy", "show", "-", stdin=json.dumps(planned))
        assert (done.code, done.out) == (1, "")
        assert "The file was changed after it was made" in done.err


def test_a_plan_that_takes_more_than_it_says_is_not_shown(command: Command, planned: dict[str, Any]) -> None:
    planned["plan"]["steps"][0]["data"] = planned["plan"]["steps"][0]["data"][:-3] + "fff"
    canonical = json.dumps(planned["plan"], sort_keys=True, separators=(",", ":"))
    planned["hash"] = "0x" + hashlib.sha256(canonical.encode()).hexdigest()
    done = command("buy", "show", "-", stdin=json.dumps(planned))
    assert (done.code, done.out) == (1, "")
    assert "approval: expected exactly 2200 base units, found 4095" in done.err


def test_strangers_words_break_no_line(command: Command, planned: dict[str, Any]) -> None:
    planned["facts"]["token"]["symbol"] = "X\nhash      0xfake\x1b[2J\u202e" + "y" * 500
    planned["facts"]["deep"] = {"a": {"b": {"c": [1]}}}
    planned["facts"] |= {f"more{n}": str(n) for n in range(100)}
    done = command("buy", "show", "-", stdin=json.dumps(planned))
    assert done.code == 0
    lines = done.out.splitlines()
    assert [line for line in lines if len(line) > 80] == []
    assert len(lines) < 100
    assert [line for line in lines if line.startswith("hash ")] == [f"hash      {planned['hash']}"]
    assert "\x1b" not in done.out
    assert "\u202e" not in done.out


def test_an_expired_plan_says_so_and_is_not_sent(command: Command, planned: dict[str, Any], tmp_path: Path) -> None:
    planned["plan"]["valid_until"] -= 3_600
    canonical = json.dumps(planned["plan"], sort_keys=True, separators=(",", ":"))
    planned["hash"] = "0x" + hashlib.sha256(canonical.encode()).hexdigest()
    (tmp_path / "plan.json").write_text(json.dumps(planned))
    shown = command("buy", "show", "plan.json")
    assert shown.code == 0
    assert shown.out.splitlines()[2].endswith(": EXPIRED, nothing of it is sent")
    done = command(*send(planned["hash"]))
    assert done.code == 1
    assert "the plan was good until" in done.err


# Sending


@pytest.mark.parametrize(
    ("more", "code", "told"),
    [
        (("--approved", "0x12"), 2, "--approved: expected 0x and 64 hexadecimal digits"),
        (("--approved", "0x" + "11" * 32), 1, f"the plan: expected the approved one, 0x{'11' * 32}"),
        (("--key-env", "SELLER_KEY"), 1, "the signer: expected the plan's account"),
        (("--key-env", "NOT_THERE"), 2, "NOT_THERE: expected a private key"),
        (("--keystore", "key.json"), 2, "name one signer"),
        (("--rpc-url", "http://127.0.0.1:1"), 2, "name one node"),
        (("--ledger", "no/where.db"), 2, "is no folder"),
        (("--ledger", "postgresql://user:secret@127.0.0.1/x"), 2, "no password in an argument"),
        (("--confirmations", "0"), 2, "--confirmations"),
        (("--patience", "0"), 2, "--patience: expected seconds, more than 0, got 0"),
        (("--poll", "nan"), 2, "--poll: expected seconds"),
    ],
)
def test_sending_wrongly(command: Command, local: LocalChain, planned: dict[str, Any], more: tuple[str, ...], code: int, told: str) -> None:
    done = command(*send(planned["hash"], *more))
    assert (done.code, done.out) == (code, ""), done.err
    assert told in done.err
    assert int(local.request("eth_getTransactionCount", local.accounts["buyer"].address, "latest"), 16) == 3


def test_a_price_that_has_risen_stops_it(command: Command, local: LocalChain, planned: dict[str, Any]) -> None:
    local.transact("seller", "market", "update", local.contracts["house"].address, 450, 1, 100, 1_000_000)
    done = command(*send(planned["hash"]))
    assert done.code == 1
    assert done.err.splitlines()[-1] == "orderseal: the price: expected 440, as planned, found 450"


def test_another_chain_is_refused(command: Command, planned: dict[str, Any], start: Callable[..., LocalChain]) -> None:
    done = command(*send(planned["hash"]), env={"NODE": start("eth-tester", 97).rpc_url})
    assert done.code == 1
    assert "the node is of chain 97, not of chain 17000: nothing was signed" in done.err


@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("then", ["send", "revoke"])
def test_killed_between_the_approval_and_the_purchase(
    command: Command, local: LocalChain, planned: dict[str, Any], keys: dict[str, str], tmp_path: Path, kill: signal.Signals, then: str
) -> None:
    buyer, market = local.accounts["buyer"].address, local.contracts["market"].address
    arguments = [sys.executable, "-P", "-W", "error", "-m", "orderseal.cli", *send(planned["hash"], "--poll", "60")]
    process = subprocess.Popen(
        arguments, cwd=tmp_path, env={**os.environ, **keys}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    told: list[str] = []
    while not told or not told[-1].startswith("approve: sending"):
        told.append(process.stderr.readline())
        assert told[-1], told
    while not local.call("payment", "allowance", buyer, market):
        pass  # Now it waits for a minute before it looks for the receipt.
    process.send_signal(kill)
    out, err = process.communicate(timeout=30)
    assert process.returncode == (130 if kill is signal.SIGINT else -signal.SIGKILL)
    assert out == ""
    assert "Traceback" not in err
    if kill is signal.SIGINT:
        assert "the same command goes on, and `buy revoke plan.json` gives the plan up" in err
    assert local.call("payment", "allowance", buyer, market) == 2200

    forget_leases(tmp_path)
    if then == "send":
        done = command(*send(planned["hash"], "--json"))
        assert done.code == 0, done.err
        assert [one["what"] for one in done.json()["sent"]] == ["approve", "purchase"]
        assert local.call("house", "balanceOf", buyer) == 5 * 10**18
        assert int(local.request("eth_getTransactionCount", buyer, "latest"), 16) == 5  # Nothing was done twice.
    else:
        options = ("--rpc-env", "NODE", "--ledger", "buy.db", "--key-env", "BUYER_KEY", "--poll", "0.1", "--max-fee-per-gas", "20")
        done = command("buy", "revoke", "plan.json", *options)
        assert done.code == 0, done.err
        assert done.out.splitlines()[-1] == f"given up  {market} may take nothing of {local.contracts['payment'].address}"
        assert local.call("house", "balanceOf", buyer) == 0
    assert local.call("payment", "allowance", buyer, market) == 0


def test_revoking_wants_a_ledger_that_is_there(command: Command, planned: dict[str, Any], tmp_path: Path) -> None:
    options = ("--rpc-env", "NODE", "--ledger", "none.db", "--key-env", "BUYER_KEY")
    done = command("buy", "revoke", "plan.json", *options)
    assert done.code == 2
    assert "there is no ledger" in done.err
    assert not (tmp_path / "none.db").exists()


def revoke(ledger: str, *more: str, file: str = "plan.json") -> tuple[str, ...]:
    options = ("--rpc-env", "NODE", "--ledger", ledger, "--key-env", "BUYER_KEY", "--poll", "0.1")
    return ("buy", "revoke", file, *options, *more)


@pytest.mark.parametrize("allowed", [0, 700])
def test_revoking_says_what_is_allowed_and_not_more(
    command: Command, local: LocalChain, planned: dict[str, Any], tmp_path: Path, allowed: int
) -> None:
    buyer, market, currency = local.accounts["buyer"].address, local.contracts["market"].address, local.contracts["payment"].address
    local.transact("buyer", "payment", "approve", market, allowed)
    with Ledger(tmp_path / "other.db"):
        pass
    done = command(*revoke("other.db"))
    assert done.code == 1
    assert "given up" not in done.out
    lines = done.out.splitlines()
    assert lines[0] == "unknown   nothing of this plan is in this ledger: was it sent with another one?"
    assert lines[1] == f"          it can still be sent until {format_time(planned['plan']['valid_until'])}"
    if allowed:
        assert lines[2:4] == [f"ALLOWED   {market} may take 0.0007 of {currency}", "          which are 700 base units"]
    else:
        assert lines[2:] == [f"allowed   {market} may take nothing of {currency} now"]
    told = command(*revoke("other.db", "--json"))
    assert told.code == 1
    found = told.json()
    assert (found["ok"], found["begun"], found["sent"]) == (False, False, [])
    assert found["allowance"] == {"token": currency, "units": str(allowed), "amount": f"{Decimal(allowed) / 10**6:f}"}
    assert local.call("payment", "allowance", buyer, market) == allowed


def test_revoking_an_expired_plan_that_is_not_there(command: Command, local: LocalChain, planned: dict[str, Any], tmp_path: Path) -> None:
    planned["plan"]["valid_until"] -= 3_600
    canonical = json.dumps(planned["plan"], sort_keys=True, separators=(",", ":"))
    planned["hash"] = "0x" + hashlib.sha256(canonical.encode()).hexdigest()
    (tmp_path / "plan.json").write_text(json.dumps(planned))
    with Ledger(tmp_path / "other.db"):
        pass
    done = command(*revoke("other.db"))
    assert done.code == 1
    assert done.out.splitlines()[1] == f"          it could be sent until {format_time(planned['plan']['valid_until'])}"


def test_revoking_a_listing_leaves_its_allowance_and_says_so(command: Command, local: LocalChain, pins: Pins, tmp_path: Path) -> None:
    seller, house, market = local.accounts["seller"].address, local.contracts["house"].address, local.contracts["market"].address
    who = ("--pins", "pins.json", "--seller", seller, "--token", house, "--rpc-env", "NODE")
    counts = ("--price", "450", "--amount", "10", "--min-count", "1", "--max-count", "5")
    assert command("sell", "update", *counts, *who, "--out", "update.json").code == 0
    hash_ = json.loads((tmp_path / "update.json").read_text())["hash"]
    assert command(*send(hash_, "--key-env", "SELLER_KEY", file="update.json")).code == 0
    done = command(*revoke("buy.db", "--key-env", "SELLER_KEY", file="update.json"))
    assert done.code == 1
    assert "given up" not in done.out
    lines = done.out.splitlines()
    assert lines[-4:-2] == [f"ALLOWED   {market} may take 10 of {house}", f"          which are {10 * 10**18} base units"]
    assert lines[-2] == "          it was carried out: this is the listing's allowance, and stands with it"
    assert lines[-1] == "          to end both, use `sell delist`, and send that plan"
    assert local.call("house", "allowance", seller, market) == 10 * 10**18


def test_sending_with_a_ledger_that_is_there_and_knows_nothing_says_so(command: Command, planned: dict[str, Any], tmp_path: Path) -> None:
    with Ledger(tmp_path / "buy.db"):
        pass
    done = command(*send(planned["hash"]))
    assert done.code == 0, done.err
    told = "this ledger knows no transaction of the account: if this plan was sent before, stop, and name the ledger of that time"
    assert told in done.err.splitlines()
    assert "a new ledger is made" not in done.err


# Pins


@pytest.mark.parametrize(
    ("changes", "code", "told"),
    [
        ({"--marketplace": "0x12"}, 2, "--marketplace: expected an address"),
        ({"--currency": "market"}, 1, "decimals(): expected 0 to 77, as a token gives"),
        ({"--marketplace": "0x" + "11" * 20}, 1, "marketplace.address: expected a contract"),
        ({"--token": "payment"}, 2, "tokens[0]: expected neither the marketplace nor the currency"),
        ({"--out": "recipe.json"}, 2, "is there already, and is not overwritten"),
        ({"--rpc-env": "NOT_THERE"}, 2, "NOT_THERE: not set"),
    ],
)
def test_pins_that_cannot_be(command: Command, local: LocalChain, changes: dict[str, str], code: int, told: str) -> None:
    options = {"--marketplace": "market", "--currency": "payment", "--rpc-env": "NODE"} | changes
    words = [local.contracts[value].address if value in local.contracts else value for value in options.values()]
    done = command("buy", "pins", *[word for pair in zip(options, words, strict=True) for word in pair])
    assert (done.code, done.out) == (code, "")
    assert told in done.err


def test_pins_without_tokens_say_so(command: Command, local: LocalChain) -> None:
    market, currency = local.contracts["market_proxy"].address, local.contracts["payment"].address
    done = command("buy", "pins", "--marketplace", market, "--currency", currency, "--rpc-env", "NODE", "--json")
    assert done.code == 0
    assert "tokens" not in done.json()
    assert done.json()["marketplace"]["implementation"]["address"] == local.contracts["market"].address
    assert "No --token was named" in done.err


# Selling


def test_selling(command: Command, local: LocalChain, pins: Pins, tmp_path: Path) -> None:
    seller, house = local.accounts["seller"].address, local.contracts["house"].address
    who = ("--pins", "pins.json", "--seller", seller, "--token", house, "--rpc-env", "NODE")
    counts = ("--price", "450", "--amount", "10", "--min-count", "1", "--max-count", "5")

    def carry_out(*arguments: str, events: str) -> None:
        name = f"{arguments[0]}.json"
        planned = command("sell", *arguments, *who, "--out", name)
        assert planned.code == 0, planned.err
        hash_ = json.loads((tmp_path / name).read_text())["hash"]
        done = command(*send(hash_, "--key-env", "SELLER_KEY", file=name), "--json")
        assert done.code == 0, done.err
        assert done.json()["event"]["name"] == events
        assert done.json()["arrives"] is None

    assert "already listed" in command("sell", "list", *counts, *who).err
    carry_out("update", *counts, events="ListingUpdateEvent")
    assert local.call("market", "viewListing", house)[2:] == (450, 10, 1, 5)
    carry_out("delist", events="ListingDelistEvent")
    assert local.call("house", "allowance", seller, local.contracts["market"].address) == 0
    carry_out("list", *counts, events="ListEvent")
    assert local.call("house", "allowance", seller, local.contracts["market"].address) == 10 * 10**18


@pytest.mark.parametrize(
    ("more", "code", "told"),
    [
        (("--price", "0"), 2, "--price"),
        (("--min-count", "6"), 2, "--min-count: expected at most max_count, 5, got 6"),
        (("--seller", "me"), 2, "--seller: expected an address"),
        (("--amount", str(10**30)), 1, "of the token, and"),
        (("--rpc-url", "http://127.0.0.1:1"), 2, "name one node"),
    ],
)
def test_selling_wrongly(command: Command, local: LocalChain, pins: Pins, more: tuple[str, ...], code: int, told: str) -> None:
    local.transact("seller", "market", "delist", local.contracts["house"].address)
    who = ("--pins", "pins.json", "--seller", local.accounts["seller"].address, "--token", local.contracts["house"].address)
    counts = ("--price", "450", "--amount", "10", "--min-count", "1", "--max-count", "5", "--rpc-env", "NODE")
    done = command("sell", "list", *who, *counts, *more)
    assert (done.code, done.out) == (code, ""), done.err
    assert told in done.err


# The page


def test_the_program_of_the_page_runs_as_printed(tmp_path: Path) -> None:
    programs = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)
    assert ["Plan" in program or "plan_purchase" in program for program in programs] == [True, False]
    lines: list[str] = []
    for program in programs:
        (tmp_path / "program.py").write_text(program, encoding="utf-8")
        command = [sys.executable, "-P", "-W", "error", "program.py"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
        assert (done.returncode, done.stderr) == (0, "")
        lines += done.stdout.splitlines()
    plan, sent, refused = lines
    assert re.fullmatch(r"0x[0-9a-f]{64} 2200 5000000000000000000", plan)
    assert (sent, refused) == ("['approve', 'purchase']", "integration.contract_address")


def test_the_pages_file_of_pins_is_one(pins: Pins) -> None:
    (text,) = re.findall(r"^```json\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)
    filled = re.sub(r'address": "0x…', lambda _match: f'address": "0x{secrets.token_hex(20)}', text)
    filled = filled.replace('code_hash": "0x…', f'code_hash": "0x{"12" * 32}').replace('["0x…"]', f'["0x{"34" * 20}"]')
    read = Pins.parse(filled)
    assert (read.currency.decimals, read.units) == (6, Units(1, 10**18))


def test_a_key_that_is_wrong_is_not_repeated(command: Command, planned: dict[str, Any]) -> None:
    wrong = secrets.token_hex(40)
    done = command(*send(planned["hash"], "--key-env", "WRONG"), env={"WRONG": wrong})
    assert done.code == 2
    assert wrong not in done.err + done.out
