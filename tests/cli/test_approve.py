"""``approve`` on a real local chain: what live orders of a ledger owe is planned, shown, sent, and revoked."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orderseal.chain.dialogue import run as execute
from orderseal.chain.node import HttpNode
from orderseal.chain.observe import observe_pins
from orderseal.chain.plan import Plan
from orderseal.sandbox.evm import LocalChain
from orderseal.signing import Address, Domain, LocalSigner, Order
from orderseal.signing.ledger import Answer, Ledger, Meaning, Scope, SequentialFromVenue

UNIT = 10**18
OWED = 1501 * UNIT
MOST = 2**256 - 1
Command = Callable[..., Any]


@pytest.fixture
def command(run: Any, front: LocalChain) -> Iterator[Command]:
    """Run it, and see that the key is never in its output."""
    key = front.accounts["maker"].private_key
    printed: list[str] = []

    def command(*arguments: str, **more: Any) -> Any:
        done = run(*arguments, env={"MAKER_KEY": key, "NODE": front.rpc_url}, **more)
        printed.append(done.out + done.err)
        return done

    yield command
    assert key.removeprefix("0x") not in "".join(printed)


@pytest.fixture
def desk(front: LocalChain, tmp_path: Path) -> LocalChain:
    """Pins of the payment token and of the share, and a ledger with a live buy order and a live sell order."""
    settlement = front.contracts["settlement"].address
    with HttpNode(front.rpc_url) as node:
        for name in ("payment18", "stock"):
            found = execute(observe_pins(settlement, front.contracts[name].address), node)
            (tmp_path / f"{name}.json").write_text(json.dumps(found.to_json()), encoding="utf-8")
    signer = LocalSigner.from_key(front.accounts["maker"].private_key)
    domain = Domain(name="RFQSettlement", version="1", chain_id=front.chain_id, verifying_contract=settlement)
    with Ledger(tmp_path / "bot.db") as ledger:
        for is_buy, quantity in ((True, 10), (False, 7)):
            slot = ledger.reserve(Scope("stove", "local", signer.address), SequentialFromVenue(0))
            order = Order(
                maker=signer.address, principal=signer.address, is_buy=is_buy, ticker="AAPL", exchange=0,
                asset=Address(front.contracts["payment18"].address), price=150 * UNIT, quantity=quantity, incentive=UNIT,
                deadline=int(time.time()) + 3_600, nonce=slot.key,
            )  # fmt: skip
            out = ledger.sign_to_send(ledger.commit(slot, order, domain), signer)
            ledger.record(out.slot, Answer(Meaning.UNKNOWN))
    return front


def wish(local: LocalChain, *more: str, pins: str = "payment18") -> tuple[str, ...]:
    return ("approve", "plan", "--pins", f"{pins}.json", "--account", local.accounts["maker"].address, "--rpc-env", "NODE", *more)


def for_orders(local: LocalChain, *more: str, most: str = "2000", pins: str = "payment18") -> tuple[str, ...]:
    return wish(local, "--for-orders", "--ledger", "bot.db", "--max-total", most, *more, pins=pins)


def sending(action: str, file: str, *more: str) -> tuple[str, ...]:
    options = ("--ledger", "bot.db", "--rpc-env", "NODE", "--key-env", "MAKER_KEY", "--poll", "0.1")
    return ("approve", action, file, *options, *more)


def allowance(local: LocalChain, token: str = "payment18") -> int:
    return int(local.call(token, "allowance", local.accounts["maker"].address, local.contracts["settlement"].address))


def test_the_whole_way(command: Command, desk: LocalChain, tmp_path: Path) -> None:
    done = command(*for_orders(desk, "--out", "plan.json"))
    assert done.code == 0, done.err
    settlement, token = desk.contracts["settlement"].address, desk.contracts["payment18"].address
    assert done.err.splitlines()[:2] == [f"orders    2 live at {settlement}", f"          they owe 1501 of {token}"]
    plan = Plan.parse((tmp_path / "plan.json").read_text())
    assert (plan.kind, plan.approvals, str(plan.spender), str(plan.token)) == ("approval", (OWED,), settlement, token)

    shown = command("approve", "show", "plan.json")
    lines = shown.out.splitlines()
    assert (shown.code, shown.err) == (0, "")
    assert lines[0] == "plan      approval on chain 17000, with 1 transaction"
    assert f"  spender  {settlement}  spender" in lines
    assert f"  to       {token}  token" in lines
    assert f"  value    {OWED} = 1501 of the token" in lines
    assert "leaves    nothing" in lines
    assert f"allowance {OWED} = 1501 of the token afterwards" in lines
    assert "caps      2000 of the token may leave or be allowed at most" in lines
    assert f"hash      {plan.hash}" in lines
    assert [line for line in lines if "marketplace" in line or "currency" in line or len(line) > 110] == []
    found = command("approve", "show", "plan.json", "--json").json()
    assert (found["kind"], found["allowance"]["amount"], found["arrives"], found["warnings"]) == ("approval", "1501", None, [])

    refused = command(*sending("send", "plan.json", "--approved", "0x" + "00" * 32))
    assert (refused.code, allowance(desk)) == (1, 0)
    sent = command(*sending("send", "plan.json", "--approved", str(plan.hash)))
    assert sent.code == 0, sent.err
    assert f"  1. allow {settlement} to take 1501 of the token" in sent.err.splitlines()
    assert "event     Approval(address,address,uint256)" in sent.out.splitlines()
    assert allowance(desk) == OWED
    again = command(*sending("send", "plan.json", "--approved", str(plan.hash), "--json"))
    assert again.code == 0, again.err
    assert [one["what"] for one in again.json()["sent"]] == ["approval"]
    assert again.json()["event"]["values"] == {
        "owner": desk.accounts["maker"].address, "spender": settlement, "value": str(OWED),
    }  # fmt: skip

    # It is right now, and there is nothing to send.
    done = command(*for_orders(desk, "--out", "none.json", "--json"))
    assert (done.code, done.json()["plan"]["steps"]) == (0, [])
    assert "nothing   is to be sent: the allowance was right already" in command("approve", "show", "none.json").out.splitlines()
    nothing = sending("send", "none.json", "--approved", done.json()["hash"], "--json")
    sent = command(*nothing)
    assert (sent.code, sent.json()["sent"], sent.json()["fee"], sent.json()["event"]) == (0, [], "0", None)
    assert "allowed already: there was nothing to send" in sent.err

    revoked = command(*sending("revoke", "plan.json", "--json"))
    assert (revoked.code, revoked.json()["ok"], allowance(desk)) == (0, True, 0)
    after = command(*sending("send", "plan.json", "--approved", str(plan.hash)))
    assert (after.code, allowance(desk)) == (1, 0)
    stale = command(*nothing)
    assert (stale.code, "plan again" in stale.json()["error"]) == (1, True)


def test_shares_and_headroom(command: Command, desk: LocalChain) -> None:
    done = command(*for_orders(desk, "--ticker", "AAPL", "--headroom", "5", pins="stock", most="12"), "--json")
    assert done.code == 0, done.err
    assert done.json()["plan"]["expected"]["allowance"] == "12"
    assert f"they owe 7 of {desk.contracts['stock'].address}" in done.err
    assert command(*for_orders(desk, "--ticker", "AAPL", "--headroom", "5", pins="stock", most="11")).code == 1
    wrong = command(*for_orders(desk, "--ticker", "AAPL"), "--json")
    assert (wrong.code, "whole shares" in wrong.json()["error"]) == (1, True)


@pytest.mark.parametrize("more", [("--ticker", "MSFT"), ("--ticker", "AAPL", "--exchange", "3"), ()], ids=["ticker", "exchange", "buys"])
def test_nothing_owed_is_no_wish_to_revoke(command: Command, desk: LocalChain, more: tuple[str, ...]) -> None:
    """A wrong ticker, ledger or token would else take away what live orders need."""
    done = command(*for_orders(desk, *more, pins="stock"))
    assert (done.code, done.out) == (1, "")
    assert "say --amount 0" in done.err
    found = command(*for_orders(desk, *more, "--headroom", "3", "--json", pins="stock"))
    assert (found.code, found.json()["plan"]["expected"]["allowance"]) == (0, "3")


def test_an_amount_and_no_limit(command: Command, desk: LocalChain) -> None:
    found = command(*wish(desk, "--amount", "2.5", "--max-total", "2.5", "--json"))
    assert found.json()["plan"]["expected"]["allowance"] == str(25 * UNIT // 10)
    assert command(*wish(desk, "--amount", "0", "--max-total", "0", "--json")).json()["plan"]["steps"] == []
    done = command(*wish(desk, "--unlimited", "--out", "all.json"))
    assert done.code == 0, done.err
    lines = command("approve", "show", "all.json").out.splitlines()
    assert lines[0] == "plan      unlimited-approval on chain 17000, with 1 transaction"
    assert any(line.startswith("WARNING   UNLIMITED: it may take all of this token") for line in lines)
    assert f"  value    {MOST} = all of the token, without limit" in lines
    (warning,) = command("approve", "show", "all.json", "--json").json()["warnings"]
    assert warning.startswith("UNLIMITED")


WRONG: dict[str, tuple[str, ...]] = {
    "no way": ("--max-total", "5"),
    "two ways": ("--amount", "5", "--unlimited"),
    "no cap": ("--amount", "5"),
    "a cap of no limit": ("--unlimited", "--max-total", "5"),
    "orders without a ledger": ("--for-orders", "--max-total", "5"),
    "a ledger without orders": ("--amount", "5", "--max-total", "5", "--ledger", "bot.db"),
    "a ticker without orders": ("--amount", "5", "--max-total", "5", "--ticker", "AAPL"),
    "headroom without orders": ("--amount", "5", "--max-total", "5", "--headroom", "1"),
    "an exchange without a ticker": ("--for-orders", "--ledger", "bot.db", "--max-total", "5", "--exchange", "1"),
    "no ledger there": ("--for-orders", "--ledger", "none.db", "--max-total", "5"),
    "a float": ("--amount", "5e3", "--max-total", "5"),
    "too many decimals": ("--amount", "0." + "1" * 19, "--max-total", "5"),
    "a negative number": ("--amount=-5", "--max-total", "5"),
    "a file that is there": ("--amount", "5", "--max-total", "5", "--out", "stock.json"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_use(command: Command, desk: LocalChain, name: str) -> None:
    done = command(*wish(desk, *WRONG[name]))
    assert (done.code, done.out) == (2, ""), done.err


def test_wrong_pins(command: Command, desk: LocalChain, tmp_path: Path) -> None:
    pins = json.loads((tmp_path / "payment18.json").read_text())
    bounds = ("--amount", "5", "--max-total", "5")
    del pins["currency"]["decimals"]
    (tmp_path / "bare.json").write_text(json.dumps(pins))
    done = command(*wish(desk, *bounds, pins="bare"))
    assert (done.code, "decimals" in done.err) == (2, True)
    pins["currency"]["decimals"] = 6
    (tmp_path / "bare.json").write_text(json.dumps(pins))
    assert command(*wish(desk, *bounds, pins="bare")).code == 1
    pins["chain_id"] = 1
    (tmp_path / "bare.json").write_text(json.dumps(pins))
    assert command(*wish(desk, *bounds, pins="bare")).code == 1


PAGE = Path(__file__).resolve().parents[2] / "docs" / "approvals.md"


def test_the_page_runs_as_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    programs = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)
    assert programs
    for program in programs:
        exec(compile(program, str(PAGE), "exec"), {"__name__": "page"})
        promised = re.findall(r"^ *print\(.*\)  # (.*)$", program, re.M)
        assert capsys.readouterr().out.splitlines() == promised


def test_the_page_is_no_wider_than_the_house() -> None:
    assert max(len(line) for line in PAGE.read_text("utf-8").splitlines()) <= 140
