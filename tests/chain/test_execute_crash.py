"""Runs that are broken off anywhere: by hand at each thing that is wanted, and processes that are killed at any time.

Afterwards each plan is either done or given up: bought exactly once or not at all, with no allowance, no hold, no gap and no open row.

``ORDERSEAL_KILLS=2000 .venv/bin/python -m pytest tests/chain/test_execute_crash.py -k killed -s`` kills that many.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.chain.executions import Account, anvil_chain, buyer, drive
from tests.chain.purchases import pins_of
from tests.ledger.conftest import new_schema, postgres
from tests.postgres_server import Server

from orderseal.chain.execute import Done
from orderseal.chain.plan import Plan
from orderseal.sandbox.evm import LocalChain
from orderseal.signing.ledger.postgres import PostgresStore

pytestmark = pytest.mark.once

__all__ = ["anvil_chain", "buyer", "postgres"]

KILLS = int(os.environ.get("ORDERSEAL_KILLS", "30"))
SEED = int(os.environ.get("ORDERSEAL_SEED", "20260101"))
CHILD = Path(__file__).with_name("execute_child.py")
KILLED = -signal.SIGKILL


def open_market(chain: LocalChain, market: str = "market") -> None:
    """Let an account buy more often than a hundred times."""
    chain.transact("seller", market, "update", chain.contracts["house"].address, 440, 1, 10**6, 10**6, artifact="Marketplace")


def cut(account: Account, dialogue: Any, stop: int, *, after: bool) -> Done | str:
    return drive(dialogue, account.node, stop, after=after, sleep=account.time.sleep)


@pytest.mark.parametrize("after", [False, True], ids=["before it is done", "after it is done"])
def test_broken_off_anywhere(buyer: Account, after: bool) -> None:
    """At each thing that is wanted; then another instance of the same name goes on, one of another name when the lease has run out."""
    open_market(buyer.chain)
    points: list[str] = []
    for stop in range(500):
        strange = stop % 7 == 3
        buyer.open("first", lease=0.1 if strange else 60.0)
        plan = buyer.plan(1)
        ended = cut(buyer, buyer.carrying(plan), stop, after=after)
        buyer.open(f"other {stop}" if strange else "first")
        done = buyer.carry(plan)
        assert [sent.what for sent in done.sent] == ["approve", "purchase"]
        buyer.assert_clean(stop + 1, 2 * stop + 2)
        if isinstance(ended, Done):
            assert ended == done
            break
        points.append(ended)
        for ledger in buyer.ledgers[:-1]:
            ledger.close()
        del buyer.ledgers[:-1]
    assert len(points) > 40
    assert {point.partition(":")[0] for point in points} == {"Ask", "Pause", "Do"}
    assert any("eth_sendRawTransaction" in point for point in points)


def test_broken_off_anywhere_and_given_up(buyer: Account) -> None:
    """Also the giving up is broken off, at another place each time; and the next plan of the same token works."""
    open_market(buyer.chain)
    bought = 0
    for stop in range(1, 500, 2):
        buyer.open("first")
        plan = buyer.plan(1)
        ended = cut(buyer, buyer.carrying(plan), stop, after=bool(stop % 4 == 1))
        for again in range(3):
            buyer.open("first")
            cut(buyer, buyer.giving_up(plan), (stop * 7 + again * 5) % 31, after=bool(again % 2))
        buyer.open("first")
        done = buyer.give(plan)
        kinds = [sent.what for sent in done.sent]
        assert kinds in ([], ["revoke"], ["approve", "revoke"], ["approve", "purchase"])
        bought += "purchase" in kinds
        buyer.assert_clean(bought)
        if stop % 6 == 1:
            buyer.carry(buyer.plan(1))
            bought += 1
            buyer.assert_clean(bought)
        if isinstance(ended, Done):
            break
    else:
        pytest.fail("it does not come to an end")


# -- Processes ----------------------------------------------------------------------------------------------------------------------------


class Children:
    """The process that forks those that carry plans out."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", str(CHILD)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
            start_new_session=True,
        )  # fmt: skip

    def run(self, *jobs: dict[str, Any]) -> list[dict[str, Any]]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(jobs).encode() + b"\n")
        line = self.process.stdout.readline()
        assert line, self.end()
        found: list[dict[str, Any]] = json.loads(line)
        return found

    def end(self) -> str:
        os.killpg(self.process.pid, signal.SIGKILL)
        _output, errors = self.process.communicate()
        return errors.decode()


@pytest.fixture(scope="module")
def children() -> Iterator[Children]:
    children = Children()
    yield children
    children.end()


class Fleet:
    """Jobs for one account and ledger."""

    def __init__(self, account: Account, schema: str = "", conninfo: str = "") -> None:
        self.account, self.schema, self.conninfo = account, schema, conninfo

    def job(self, plan: Plan, owner: str, **more: Any) -> dict[str, Any]:
        account = self.account
        return {
            "plan": json.dumps(plan.to_json()),
            "key": account.chain.accounts["buyer"].private_key,
            "url": account.chain.rpc_url,
            "ledger": self.conninfo or str(account.store),
            "schema": self.schema,
            "owner": owner,
            **more,
        }


def kill(fleet: Fleet, children: Children, kills: int, seed: int) -> None:
    """Some plans one after the other, each killed until it is done or given up."""
    account, chance = fleet.account, random.Random(seed)
    open_market(account.chain)
    bought = killed = 0
    while killed < kills:
        plan = account.plan(1)
        for _ in range(chance.randint(1, 6)):
            strange = chance.random() < 0.15
            job = fleet.job(
                plan, f"stranger {killed}" if strange else "bot", lease=0.4 if strange else 60.0, after=chance.uniform(0.0, 0.35)
            )
            if chance.random() < 0.1:
                job["give_up"] = True
            (result,) = children.run(job)
            assert result["code"] in (0, 1, KILLED)
            killed += result["code"] == KILLED
        account.open("bot")
        outlast_strangers(account)
        if chance.random() < 0.5 and not given_up(account, plan):
            done = account.carry(plan)
            assert [sent.what for sent in done.sent] == ["approve", "purchase"]
        else:
            done = account.give(plan)
        bought += "purchase" in [sent.what for sent in done.sent]
        account.assert_clean(bought)
    print(f"{killed} kills with seed {seed}: {bought} bought, {account.spent} transactions")


def outlast_strangers(account: Account) -> None:
    """Their leases run out by real time; a plan that waits for that here does so by another clock, and could give up before."""
    for hold in account.ledger.holds():
        while hold.owner.startswith("stranger") and account.ledger._store.now() <= hold.until:
            time.sleep(0.02)


def given_up(account: Account, plan: Plan) -> bool:
    intent = str(plan.hash)
    texts = [artifact.content or "" for slot in account.slots() for artifact in account.ledger.artifacts(slot)]
    return any(intent in text and '"revoke"' in text for text in texts)


@pytest.mark.timeout(3000)
def test_killed(buyer: Account, children: Children) -> None:
    kill(Fleet(buyer), children, KILLS, SEED)


@pytest.mark.once
def test_killed_over_postgres(anvil_chain: LocalChain, tmp_path: Path, children: Children, postgres: Server) -> None:
    conninfo, schema = postgres.conninfo(password=postgres.password), new_schema()
    account = Account(anvil_chain, tmp_path, store=lambda: PostgresStore(conninfo, schema=schema))
    kill(Fleet(account, schema, conninfo), children, 8, SEED)
    account.close()


def test_two_processes_with_one_plan(buyer: Account, children: Children) -> None:
    """One carries it out, the other waits, and finds it done."""
    fleet, plan = Fleet(buyer), buyer.plan(2)
    results = children.run(fleet.job(plan, "one"), fleet.job(plan, "two"))
    assert [json.loads(result["done"]) for result in results] == [["approve", "purchase"]] * 2
    buyer.assert_clean(2, 2)


def test_two_processes_with_two_plans(buyer: Account, children: Children) -> None:
    """Of one token: the second is refused. Of two tokens: both are carried out, and each nonce is used."""
    chain, fleet = buyer.chain, Fleet(buyer)
    open_market(chain)
    first, second = buyer.plan(1), buyer.plan(1)
    results = children.run(fleet.job(first, "one"), fleet.job(second, "two"))
    assert sorted(result["code"] for result in results) in ([0, 0], [0, 1])
    done = sum(result["code"] == 0 for result in results)
    buyer.assert_clean(done, 2 * done)
    for _ in range(3):
        plans = [buyer.plan(1), buyer.plan(1, pins=pins_of(chain, "market_proxy"))]
        results = children.run(*[fleet.job(plan, f"bot {number}") for number, plan in enumerate(plans)])
        assert [json.loads(result["done"]) for result in results] == [["approve", "purchase"]] * 2
        done += 2
        buyer.assert_clean(done, 2 * done)
