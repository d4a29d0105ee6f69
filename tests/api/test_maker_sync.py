"""The sync maker is the async one for callers without an event loop: same methods, same words, same results."""

from __future__ import annotations

import inspect
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orderseal.api import stove
from orderseal.api.submission import Policy
from orderseal.sandbox import Fault, Sandbox, Settings
from orderseal.signing import InvalidInput, OrderRules, OutcomeUnknown, Refused, RuleViolation
from orderseal.signing.ledger import CancelState, Ledger, LedgerError, MemoryStore, State

if TYPE_CHECKING:
    from tests.api.conftest import Kit

RENAMED = {"aclose": "close", "__aenter__": "__enter__", "__aexit__": "__exit__"}
QUICK = Policy(first_wait=0.01, longest_wait=0.05, settle=0.04, patience=8.0)
ORDER: dict[str, Any] = {"limit": Decimal("150.25"), "pay_with": "USDT"}


def public(cls: type) -> dict[str, Any]:
    return {RENAMED.get(name, name): value for name, value in vars(cls).items() if not name.startswith("_")}


METHODS = sorted(set(public(stove.AsyncMaker)) - {"close"})


def test_both_have_the_same_methods() -> None:
    assert set(public(stove.Maker)) == set(public(stove.AsyncMaker))
    assert {"buy", "sell", "place", "find", "recover", "watch", "cancel", "panic", "reconcile", "exposure"} <= set(METHODS)


@pytest.mark.parametrize("name", [*METHODS, "close", "__init__"])
def test_both_take_the_same_arguments(name: str) -> None:
    ours = inspect.signature(getattr(stove.Maker, name)).parameters
    theirs = inspect.signature(getattr(stove.AsyncMaker, "aclose" if name == "close" else name)).parameters
    assert [(p.name, p.kind, p.default, p.annotation) for p in ours.values()] == [
        (p.name, p.kind, p.default, p.annotation) for p in theirs.values()
    ]


@pytest.mark.parametrize("name", METHODS)
def test_both_say_the_same_of_it(name: str) -> None:
    documented = inspect.getdoc(getattr(stove.AsyncMaker, name))
    assert documented
    assert inspect.getdoc(getattr(stove.Maker, name)) == documented


def test_both_say_the_same_of_what_they_are_made_of() -> None:
    ours, theirs = (inspect.getdoc(cls) or "" for cls in (stove.Maker, stove.AsyncMaker))
    assert ours == theirs


@pytest.mark.parametrize("name", sorted(set(METHODS) - {"watch"}))
def test_both_promise_the_same_result(name: str) -> None:
    ours, theirs = (inspect.signature(getattr(cls, name)).return_annotation for cls in (stove.Maker, stove.AsyncMaker))
    assert ours == theirs


@pytest.mark.parametrize("name", ["network", "signer", "ledger", "scope", "rules", "recovered", "client"])
def test_both_show_the_same_attributes(kit: Kit, name: str) -> None:
    signer = kit.signer()
    maker = stove.Maker(stove.TESTNET, signer, Ledger(MemoryStore()))
    theirs = stove.AsyncMaker(stove.TESTNET, signer, Ledger(MemoryStore()))
    assert type(getattr(maker, name)) is type(getattr(theirs, name)) or name == "client"
    assert getattr(maker, name) is not None
    maker.close()


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    with Sandbox(Settings(step_delay_min=0.003, step_delay_max=0.02, heartbeat_interval=0.5), start_timeout=60) as running:
        yield running


@pytest.fixture
def venue(shared: Sandbox) -> Iterator[Sandbox]:
    yield shared
    shared.calm()


def test_the_honest_way(kit: Kit, venue: Sandbox, tmp_path: Path) -> None:
    signer = kit.signer()
    with stove.Maker(stove.TESTNET.at(venue.url), signer, tmp_path / "bot.db", policy=QUICK) as maker:
        assert repr(maker).startswith(f"Maker('Stove test network (BSC Testnet)', {signer.address}, Ledger(")
        placed = maker.buy("AAPL", shares=60, reference="one", **ORDER)
        assert maker.buy("AAPL", shares=60, reference="one", **ORDER).slot.id == placed.slot.id
        assert [change.to_status for change in maker.watch(placed)][-1] == "filled"
        assert maker.find(placed.slot).status == "filled"
        assert maker.exposure().orders == ()
        assert maker.recover() == []
        assert maker.client.order(placed.venue.order_hash).status == "filled"
        maker.client.close()  # It ends with the maker.
        resting = maker.sell("TSLA", shares=10, limit=Decimal(400), pay_with="USDC")
        assert maker.cancel(resting).state is CancelState.DONE
        assert maker.place("buy", "AAPL", shares=10, **ORDER).slot.state is State.ACCEPTED
        assert len(maker.panic().cancelled) == 1
        with pytest.raises(LedgerError):
            maker.buy("AAPL", shares=10, **ORDER)
        assert maker.reconcile() == resting.nonce + 2
    with pytest.raises(RuntimeError, match="closed"):
        maker.exposure()
    with pytest.raises(LedgerError, match="closed"):
        maker.ledger.info()
    maker.close()


def test_errors_are_the_same(kit: Kit, venue: Sandbox) -> None:
    with stove.Maker(
        stove.TESTNET.at(venue.url), kit.signer(), Ledger(MemoryStore()), rules=OrderRules(max_shares=20), policy=QUICK
    ) as maker:
        with pytest.raises(InvalidInput):
            maker.buy("AAPL", shares=0, **ORDER)
        with pytest.raises(RuleViolation):
            maker.buy("AAPL", shares=21, **ORDER)
        venue.inject(Fault("clock", seconds=3_000))
        with pytest.raises(Refused):
            maker.buy("AAPL", shares=10, **ORDER)


def test_a_ledger_that_was_given_is_left_open(kit: Kit, venue: Sandbox) -> None:
    with Ledger(MemoryStore()) as ledger:
        with stove.Maker(stove.TESTNET.at(venue.url), kit.signer(), ledger, policy=QUICK) as maker:
            maker.buy("AAPL", shares=10, **ORDER)
        assert len(ledger.slots()) == 1


def test_what_an_earlier_run_left_is_settled_when_it_is_entered(kit: Kit, venue: Sandbox) -> None:
    store, signer = MemoryStore(), kit.signer()
    with stove.Maker(stove.TESTNET.at(venue.url), signer, Ledger(store, owner="bot"), policy=Policy(patience=0)) as maker:
        venue.inject(Fault("drop_after"))
        venue.inject(Fault("drop_before"), method="GET", path="/api/v1/orders")
        with pytest.raises(OutcomeUnknown):
            maker.buy("AAPL", shares=10, **ORDER)
    with stove.Maker(stove.TESTNET.at(venue.url), signer, Ledger(store, owner="bot"), policy=QUICK) as maker:
        [found] = maker.recovered
        assert found.placed is not None
        assert found.slot.state is State.ACCEPTED


def test_threads_that_place_at_the_same_time(kit: Kit, venue: Sandbox, tmp_path: Path) -> None:
    with stove.Maker(stove.TESTNET.at(venue.url), kit.signer(), tmp_path / "bot.db", policy=QUICK) as maker:
        with ThreadPoolExecutor(8) as pool:
            placed = list(pool.map(lambda _: maker.buy("AAPL", shares=10, **ORDER), range(16)))
        assert len({one.nonce for one in placed}) == 16
        assert {slot.state for slot in maker.ledger.slots()} == {State.ACCEPTED}
    mine = [order for order in venue.accepted() if order.maker == str(maker.scope.account)]
    assert sorted(order.nonce for order in mine) == sorted(one.nonce for one in placed)


def test_no_thread_is_left_after_closing(kit: Kit, venue: Sandbox, tmp_path: Path) -> None:
    before = set(threading.enumerate())
    with stove.Maker(stove.TESTNET.at(venue.url), kit.signer(), tmp_path / "bot.db", policy=QUICK) as maker:
        maker.buy("AAPL", shares=10, **ORDER)
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
        assert not thread.is_alive(), thread


PROGRAM = """
import faulthandler, signal, sys, threading
faulthandler.dump_traceback_later(40, exit=True)
signal.signal(signal.SIGINT, signal.default_int_handler)
from decimal import Decimal
from orderseal.api import stove
from orderseal.signing import LocalSigner
with stove.Maker(stove.TESTNET.at(sys.argv[1]), LocalSigner.generate(), sys.argv[2]) as maker:
    maker.client.connect()
    print("ready", flush=True)
    maker.buy("AAPL", shares=10, limit=Decimal("150.25"), pay_with="USDT")
"""


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_ctrl_c_while_the_venue_does_not_answer(venue: Sandbox, tmp_path: Path) -> None:
    """The order may stand there: it stays open, and the program ends at once, without a word beside the traceback."""
    path = tmp_path / "bot.db"
    known = len(venue.accepted())
    venue.inject(Fault("delay", seconds=30, after=True))
    command = [sys.executable, "-W", "error", "-c", PROGRAM, venue.url, str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        while len(venue.accepted()) == known:
            assert process.poll() is None, process.communicate()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=20)
    finally:
        process.kill()
        process.communicate()
    assert err.rstrip().splitlines()[-1].startswith("KeyboardInterrupt"), err
    for nothing in ("never retrieved", "never awaited", "was destroyed", "Exception in thread", "Exception ignored"):
        assert nothing not in err, err
    with Ledger(path) as ledger:
        assert [slot.state for slot in ledger.slots()] == [State.UNKNOWN]
