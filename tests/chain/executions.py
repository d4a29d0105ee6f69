"""What the tests of carrying plans out share: an account with a ledger, a clock that is not waited for, and a node that a test bends."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.chain.purchases import pins_of, planned

from orderseal.chain.dialogue import Answer, Ask, Dialogue, Do, Pause, Rpc, run
from orderseal.chain.execute import Done, Sending, carry_out, give_up, transaction_scope
from orderseal.chain.node import HttpNode
from orderseal.chain.plan import Plan
from orderseal.sandbox.evm import LocalChain
from orderseal.signing import LocalSigner, NodeError
from orderseal.signing.ledger import Ledger

UNIT = 10**18
PRICE = 440
Before = Callable[[Rpc], "Answer | None"]
After = Callable[[Rpc, Answer], Answer]


class Time:
    """Seconds that pass when somebody sleeps, and really only a little."""

    def __init__(self) -> None:
        self.now = 0.0
        self.on_sleep: list[Callable[[float], None]] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        time.sleep(0.002)
        for act in list(self.on_sleep):
            act(self.now)


class Bent:
    """A node whose answers a test may change: ``before`` answers in its place, ``after`` changes what it answered."""

    def __init__(self, chain: LocalChain) -> None:
        self.inner = HttpNode(chain.rpc_url)
        self.before: Before = lambda _call: None
        self.after: After = lambda _call, answer: answer
        self.asked: list[str] = []
        self.rounds: list[list[str]] = []

    def ask(self, calls: Sequence[Rpc]) -> list[Answer]:
        self.asked += [call.method for call in calls]
        self.rounds.append([call.method for call in calls])
        mine = [self.before(call) for call in calls]
        left = [call for call, answer in zip(calls, mine, strict=True) if answer is None]
        theirs = iter(self.inner.ask(left))
        found = [next(theirs) if answer is None else answer for answer in mine]
        return [self.after(call, answer) for call, answer in zip(calls, found, strict=True)]

    def honest(self) -> None:
        self.before = lambda _call: None
        self.after = lambda _call, answer: answer


class Account:
    """The buyer on a chain, with a ledger."""

    def __init__(self, chain: LocalChain, folder: Path, role: str = "buyer", store: Any = None) -> None:
        self.chain, self.role, self.time = chain, role, Time()
        self.folder = folder
        self.store: Any = store or folder / "ledger.db"
        self.signer: Any = LocalSigner.from_key(chain.accounts[role].private_key)
        self.address = chain.accounts[role].address
        self.node = Bent(chain)
        self.told: list[str] = []
        self.lease = 60.0
        self.ledgers: list[Ledger] = []
        self.ledger = self.open()
        self.sending = Sending(poll=1, stuck_after=30, patience=120)
        self.start = self.nonce(), self.has()

    def open(self, owner: str = "buyer", **options: Any) -> Ledger:
        """One more instance of the ledger, the process before having died."""
        store: Any = self.store() if callable(self.store) else self.store
        self.ledger = Ledger(store, owner=owner, lease=options.pop("lease", self.lease), **options)
        self.ledgers.append(self.ledger)
        return self.ledger

    def close(self) -> None:
        for ledger in self.ledgers:
            ledger.close()
        self.node.inner.close()

    # -- The chain -----------------------------------------------------------------------------------------------------------------

    def nonce(self, block: str = "latest") -> int:
        return int(self.chain.request("eth_getTransactionCount", self.address, block), 16)

    def has(self) -> int:
        return int(self.chain.call("house", "balanceOf", self.address))

    def allowance(self, market: str = "market", token: str = "payment") -> int:
        return int(self.chain.call(token, "allowance", self.address, self.chain.contracts[market].address))

    @property
    def bought(self) -> float:
        """Whole tokens since the start."""
        return (self.has() - self.start[1]) / UNIT

    @property
    def spent(self) -> int:
        """Account nonces since the start."""
        return self.nonce() - self.start[0]

    # -- Plans ---------------------------------------------------------------------------------------------------------------------

    def plan(self, quantity: int = 5, **changes: Any) -> Plan:
        given: dict[str, Any] = {"name": secrets.token_hex(8), "now": time.time(), "buyer": self.address} | changes
        return planned(self.chain, given.pop("pins", None) or pins_of(self.chain), quantity=quantity, **given)

    def carrying(self, plan: Plan, **changes: Any) -> Dialogue[Done]:
        given: dict[str, Any] = {"approved": plan.hash, "sending": self.sending, "elapsed": self.time, "tell": self.told.append} | changes
        return carry_out(plan, given.pop("signer", self.signer), given.pop("ledger", self.ledger), **given)

    def carry(self, plan: Plan, **changes: Any) -> Done:
        return run(self.carrying(plan, **changes), self.node, sleep=self.time.sleep)

    def giving_up(self, plan: Plan, **changes: Any) -> Dialogue[Done]:
        given: dict[str, Any] = {"sending": self.sending, "elapsed": self.time, "tell": self.told.append} | changes
        return give_up(plan, given.pop("signer", self.signer), given.pop("ledger", self.ledger), **given)

    def give(self, plan: Plan, **changes: Any) -> Done:
        return run(self.giving_up(plan, **changes), self.node, sleep=self.time.sleep)

    # -- What must hold ------------------------------------------------------------------------------------------------------------

    def slots(self) -> list[Any]:
        return self.ledger.slots(kind="transaction")

    def assert_clean(self, bought: float, spent: int | None = None, allowance: int = 0) -> None:
        """Nothing is left behind: no hold, no allowance, no open row, no gap, no live signature."""
        assert self.bought == bought
        assert self.allowance() == allowance
        assert self.ledger.holds() == []
        assert [slot.state.value for slot in self.slots() if slot.state.value not in ("accepted", "abandoned", "released")] == []
        assert self.ledger.exposure(pending=True).orders == ()
        assert self.nonce() == self.nonce("pending")
        if spent is not None:
            assert self.spent == spent

    def sent_attempts(self) -> int:
        return sum(attempt.what.value == "sent" for slot in self.slots() for attempt in self.ledger.attempts(slot))


def drive(dialogue: Dialogue[Done], node: Bent, stop: int, *, after: bool, sleep: Callable[[float], None]) -> Done | str:
    """Go on until the ``stop``-th thing that is wanted, and break off there, before or after it is given. What that was, or the end."""
    value: Any = None
    error: Exception | None = None
    try:
        for number in range(10**6):
            wanted = dialogue.send(value) if error is None else dialogue.throw(error)
            what = type(wanted).__name__ + (": " + " ".join(call.method for call in wanted.calls) if isinstance(wanted, Ask) else "")
            if number == stop and not after:
                return what
            value, error = None, None
            try:
                if isinstance(wanted, Ask):
                    value = node.ask(wanted.calls)
                elif isinstance(wanted, Pause):
                    sleep(wanted.seconds)
                else:
                    assert isinstance(wanted, Do)
                    value = wanted.job()
            except Exception as caught:  # noqa: BLE001 - as the driver does
                error = caught
            if number == stop:
                return what
        raise AssertionError("it has no end")
    except StopIteration as ended:
        done: Done = ended.value
        return done
    finally:
        dialogue.close()


def refuse(method: str, message: str, code: int = -32000) -> NodeError:
    """How a node's refusal looks."""
    return NodeError(f"{method} was refused by the node at 127.0.0.1: {message} [code {code}]", code=code)


@pytest.fixture
def either(chain: LocalChain, tmp_path: Path) -> Iterator[Account]:
    """The buyer on a chain of each kind."""
    account = Account(chain, tmp_path)
    yield account
    account.close()


@pytest.fixture
def buyer(anvil_chain: LocalChain, tmp_path: Path) -> Iterator[Account]:
    """The buyer on anvil, which has a pool."""
    account = Account(anvil_chain, tmp_path)
    yield account
    account.close()


@pytest.fixture
def anvil_chain(start: Callable[..., LocalChain]) -> Iterator[LocalChain]:
    """Anvil alone; what the test does to it is undone."""
    chain = start("anvil")
    contracts = set(chain.contracts)
    mark = chain.request("evm_snapshot")
    yield chain
    chain.request("evm_setAutomine", True)
    chain.request("anvil_dropAllTransactions")
    assert chain.request("evm_revert", mark)
    chain.forget(set(chain.contracts) - contracts)


__all__ = ["PRICE", "UNIT", "Account", "Bent", "Time", "anvil_chain", "buyer", "drive", "either", "refuse", "transaction_scope"]
