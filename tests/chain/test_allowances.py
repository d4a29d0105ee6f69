"""What live orders owe: by the ledger, against every way of filling them, and on a chain whose settlement takes it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.chain.executions import Account, anvil_chain, either
from tests.chain.purchases import Watched, pins_of, view

from orderseal.chain.allowances import owed
from orderseal.chain.approving import plan_approval
from orderseal.chain.dialogue import run
from orderseal.chain.plan import Plan
from orderseal.sandbox.evm import LocalChain
from orderseal.sandbox.evm.local import ChainError
from orderseal.signing import Address, Domain, InvalidInput, LocalSigner, Order, RuleViolation, TypedData
from orderseal.signing.ledger import Answer, Ledger, Meaning, MemoryStore, Scope, SequentialFromVenue, Slot

__all__ = ["anvil_chain", "either"]

UNIT = 10**18
NOW = 1_780_000_000
SPENDER, ELSEWHERE = Address(b"\xb2" * 20), Address(b"\xb3" * 20)
USDT, USDC = Address(b"\xc1" * 20), Address(b"\xc2" * 20)
KEY = "0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"
SIGNER = LocalSigner.from_key(KEY)
"""The key of web3.js's documentation: public, and worth nothing."""


def domain(chain_id: int = 97, contract: str | Address = SPENDER) -> Domain:
    return Domain(name="RFQSettlement", version="1", chain_id=chain_id, verifying_contract=contract)


DOMAIN = domain()


@dataclass
class Desk:
    """A ledger, and orders that leave through it."""

    ledger: Ledger
    signer: Any = SIGNER
    domain: Domain = DOMAIN
    asset: Address = USDT
    deadline: int = NOW + 1_000
    network: str = "anything"

    def order(self, nonce: int, **changes: Any) -> Order:
        given: dict[str, Any] = {
            "maker": self.signer.address, "principal": self.signer.address, "is_buy": True, "ticker": "AAPL", "exchange": 0,
            "asset": self.asset, "price": 150 * UNIT, "quantity": 10, "incentive": UNIT, "deadline": self.deadline, "nonce": nonce,
        }  # fmt: skip
        return Order(**(given | changes))

    def commit(self, **changes: Any) -> tuple[Slot, Order]:
        where = changes.pop("domain", self.domain)
        slot = self.ledger.reserve(Scope("stove", self.network, self.signer.address), SequentialFromVenue(0))
        order = self.order(slot.key, **changes)
        return self.ledger.commit(slot, order, where), order

    def place(self, *, meaning: Meaning = Meaning.UNKNOWN, **changes: Any) -> tuple[Slot, Order, bytes]:
        slot, order = self.commit(**changes)
        out = self.ledger.sign_to_send(slot, self.signer)
        return self.ledger.record(out.slot, Answer(meaning)), order, bytes(out.signature)

    def owed(self, **changes: Any) -> Any:
        given: dict[str, Any] = {"chain_id": 97, "spender": SPENDER, "at": float(NOW)} | changes
        return owed(self.ledger, given.pop("account", self.signer.address), **given)


@pytest.fixture
def desk() -> Iterator[Desk]:
    with Ledger(MemoryStore(), clock=lambda: float(NOW)) as ledger:
        yield Desk(ledger)


# -- The sum ------------------------------------------------------------------------------------------------------------------------


def test_buys_and_sells(desk: Desk) -> None:
    desk.place()
    desk.place(price=2 * UNIT, quantity=3, incentive=0, asset=USDC)
    desk.place(price=10**12 + 1, quantity=7, incentive=5)
    desk.place(is_buy=False, quantity=4)
    desk.place(is_buy=False, quantity=6, price=10**30)
    desk.place(is_buy=False, quantity=9, ticker="MSFT")
    desk.place(is_buy=False, quantity=11, exchange=3)
    found = desk.owed()
    assert found.payments == {USDT: 1501 * UNIT + 7 * 10**12 + 12, USDC: 6 * UNIT}
    assert found.shares == {("AAPL", 0): 10, ("MSFT", 0): 9, ("AAPL", 3): 11}
    assert (len(found.orders), found.at) == (7, NOW)


def test_live_until_the_deadline_whatever_the_venue_says(desk: Desk) -> None:
    slot, order, _ = desk.place(meaning=Meaning.REFUSED, deadline=NOW + 10)
    assert slot.state == "refused"
    assert desk.owed(at=NOW + 9.0).payments == {USDT: 1501 * UNIT}
    assert desk.owed(at=NOW + 11.0).payments == {}
    assert order.deadline == NOW + 10


def test_what_died_with_its_allowance_lives_again_with_the_next_one(desk: Desk) -> None:
    """Else an approval for one order would feed another, and not suffice for both."""
    slot, _order, _ = desk.place()
    desk.ledger.record_dead(slot, evidence="0x" + "11" * 32)
    assert desk.ledger.exposure(at=float(NOW)).orders == ()
    desk.place(quantity=1)
    assert desk.owed().payments == {USDT: (1501 + 151) * UNIT}


@pytest.mark.parametrize("where", [{"chain_id": 97}, {"verifying_contract": SPENDER}, {"name": "RFQSettlement"}], ids=str)
def test_a_domain_that_names_less_holds_here_as_well(desk: Desk, where: dict[str, Any]) -> None:
    desk.place(domain=Domain(**where))
    assert desk.owed().payments == {USDT: 1501 * UNIT}


def test_fills_that_were_seen(desk: Desk) -> None:
    slot, _, _ = desk.place()
    desk.ledger.record_fill(slot, 4, evidence="0x" + "11" * 32)
    assert desk.owed().payments == {USDT: 6 * 150 * UNIT + UNIT}
    desk.ledger.record_fill(slot, 10, evidence="0x" + "22" * 32)
    assert desk.owed().payments == {}


def test_what_is_about_to_leave_counts(desk: Desk) -> None:
    slot, _ = desk.commit()
    assert desk.owed().payments == {USDT: 1501 * UNIT}
    desk.ledger.abandon(slot, "not wanted")
    assert desk.owed().payments == {}


def test_other_contracts_chains_and_accounts_do_not_count(desk: Desk) -> None:
    """By what was signed: two contracts may stand under one name of the ledger."""
    desk.place(domain=domain(contract=ELSEWHERE))
    desk.place(domain=domain(chain_id=56))
    stranger = Desk(desk.ledger, signer=LocalSigner.from_key("0x" + "07" * 32))
    stranger.place(quantity=1)
    assert desk.owed().orders == ()
    desk.network = "97:elsewhere"
    desk.place(quantity=2)
    assert desk.owed().payments == {USDT: 301 * UNIT}
    assert stranger.owed().payments == {USDT: 151 * UNIT}
    assert desk.owed(spender=ELSEWHERE).payments == {USDT: 1501 * UNIT}
    assert desk.owed(chain_id=56).payments == {USDT: 1501 * UNIT}


def test_what_is_not_measured_is_refused(desk: Desk) -> None:
    """Another type of order for the same contract owes something, and nobody knows what."""
    desk.place()
    slot = desk.ledger.reserve(Scope("other", "97", desk.signer.address), SequentialFromVenue(0))
    document = {
        "types": {
            "EIP712Domain": [
                {"name": "name", "type": "string"},
                {"name": "version", "type": "string"},
                {"name": "chainId", "type": "uint256"},
                {"name": "verifyingContract", "type": "address"},
            ],
            "Quote": [{"name": "amount", "type": "uint256"}, {"name": "nonce", "type": "uint256"}],
        },
        "primaryType": "Quote",
        "domain": {"name": "RFQSettlement", "version": "1", "chainId": 97, "verifyingContract": str(SPENDER)},
        "message": {"amount": "5", "nonce": str(slot.key)},
    }
    typed = TypedData.from_json(document)
    slot = desk.ledger.commit_content(slot, typed.signing_hash, {"typed_data": document})
    with pytest.raises(RuleViolation) as caught:
        desk.owed()
    assert caught.value.rule == "unmeasured"
    assert desk.owed(spender=ELSEWHERE).orders == ()


WRONG: list[dict[str, Any]] = [
    {"chain_id": True}, {"chain_id": "97"}, {"chain_id": -1}, {"spender": "0x12"}, {"account": "me"},
    {"at": "x"}, {"at": True}, {"at": float("nan")}, {"at": float("inf")},
]  # fmt: skip


@pytest.mark.parametrize("changes", WRONG, ids=str)
def test_wrong_arguments(desk: Desk, changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        desk.owed(**changes)


# -- Every way of filling -----------------------------------------------------------------------------------------------------------

SMALL = st.integers(0, 50)
ORDERS = st.lists(
    st.fixed_dictionaries(
        {
            "is_buy": st.booleans(),
            "price": st.one_of(st.integers(10**12, 10**12 + 50), st.just(150 * UNIT)),
            "quantity": st.integers(1, 20),
            "incentive": SMALL,
            "asset": st.sampled_from([USDT, USDC]),
        }
    ),
    max_size=5,
)


@given(orders=ORDERS, data=st.data())
def test_no_way_of_filling_takes_more(orders: list[dict[str, Any]], data: st.DataObject) -> None:
    """Any subset, in any parts, with any fees that the signatures allow; before and after the fills that were seen."""
    with Ledger(MemoryStore(), clock=lambda: float(NOW)) as ledger:
        desk = Desk(ledger)
        placed = [desk.place(**changes) for changes in orders]
        for seen in (False, True):
            taken: dict[Address, int] = {}
            shares = 0
            found = desk.owed()
            for slot, order, _ in placed:
                before = data.draw(st.integers(0, order.quantity)) if seen else 0
                if seen and before:
                    ledger.record_fill(slot, before, evidence="0x" + "11" * 32)
            found = desk.owed()
            for live in found.orders:
                order = live.order
                assert order is not None
                parts = data.draw(st.integers(0, order.quantity - live.filled))
                # Nobody knows how much of the incentive went with the fills that were seen: perhaps none.
                fee = data.draw(st.integers(0, order.incentive)) if parts else 0
                if order.is_buy:
                    taken[order.asset] = taken.get(order.asset, 0) + order.price * parts + fee
                else:
                    shares += parts
            assert all(found.payments.get(token, 0) >= value for token, value in taken.items())
            assert found.shares.get(("AAPL", 0), 0) >= shares


# -- On a chain ---------------------------------------------------------------------------------------------------------------------


def fields(order: Order) -> tuple[Any, ...]:
    return (
        bytes(order.maker), bytes(order.principal), order.is_buy, order.ticker, order.exchange, bytes(order.asset), order.price,
        order.quantity, order.incentive, order.deadline, order.nonce,
    )  # fmt: skip


class Floor:
    """The maker at the local chain's settlement, whose takers fill what she signs."""

    def __init__(self, chain: LocalChain, folder: Path) -> None:
        self.account = Account(chain, folder, role="maker")
        self.chain = chain
        settlement = chain.contracts["settlement"].address
        asset = Address(chain.contracts["payment18"].address)
        where = domain(chain.chain_id, settlement)
        self.desk = Desk(self.account.ledger, self.account.signer, where, asset, int(time.time()) + 3_600)
        for token in ("payment18", "stock"):
            chain.transact("taker", token, "approve", settlement, 2**256 - 1)
        chain.transact("deployer", "stock", "mint", self.account.address, 1_000)

    def owed(self) -> Any:
        spender = self.chain.contracts["settlement"].address
        return owed(self.account.ledger, self.account.address, chain_id=self.chain.chain_id, spender=spender)

    def allowance(self, token: str) -> int:
        at = self.chain.contracts
        return view(self.chain, at[token].address, "allowance(address,address)", self.account.address, at["settlement"].address)

    def plan(self, token: str, amount: int, **changes: Any) -> Plan:
        given: dict[str, Any] = {"owner": self.account.address, "amount": amount, "max_total": Decimal(10**6), "now": time.time()}
        with Watched(self.chain) as node:
            return run(plan_approval(pins_of(self.chain, "settlement", token), **(given | changes)), node)

    def approve(self) -> None:
        """Allow what is owed of both tokens, no more and no less."""
        found = self.owed()
        sums = {"payment18": found.payments.get(self.desk.asset, 0), "stock": found.shares.get(("AAPL", 0), 0)}
        for token, amount in sums.items():
            plan = self.plan(token, amount)
            if plan.steps:
                self.account.carry(plan)
            assert self.allowance(token) == amount

    def fill(self, placed: tuple[Slot, Order, bytes], quantity: int, fee: int) -> None:
        _slot, order, signature = placed
        self.chain.transact("taker", "settlement", "fillOrder", fields(order), signature, quantity, fee)


@pytest.fixture
def floor(chain: LocalChain, tmp_path: Path) -> Iterator[Floor]:
    floor = Floor(chain, tmp_path)
    yield floor
    floor.account.close()


def test_all_that_is_owed_can_be_taken_and_no_more(floor: Floor) -> None:
    placed: Sequence[Any] = [
        floor.desk.place(quantity=10, incentive=10),
        floor.desk.place(quantity=5, price=UNIT, incentive=0),
        floor.desk.place(is_buy=False, quantity=7, incentive=7),
    ]
    with pytest.raises(ChainError):
        floor.fill(placed[0], 1, 0)
    floor.approve()
    assert (floor.allowance("payment18"), floor.allowance("stock")) == (1500 * UNIT + 10 + 5 * UNIT, 7)
    floor.fill(placed[0], 4, 4)
    floor.account.ledger.record_fill(placed[0][0], 4, evidence="0x" + "11" * 32)
    # The whole incentive counts still, so that what is owed is no less than what may be taken.
    assert floor.owed().payments == {floor.desk.asset: 900 * UNIT + 10 + 5 * UNIT}
    floor.approve()
    floor.fill(placed[0], 6, 6)
    floor.fill(placed[1], 5, 0)
    floor.fill(placed[2], 7, 7)
    assert (floor.allowance("payment18"), floor.allowance("stock")) == (4, 0)
    for slot, order, _ in placed:
        floor.account.ledger.record_fill(slot, order.quantity, evidence="0x" + "11" * 32)
    floor.approve()
    assert (floor.allowance("payment18"), floor.allowance("stock")) == (0, 0)


def test_orders_come_and_go(floor: Floor) -> None:
    """The allowance follows what is owed, up and down, in one ledger with the orders."""
    numbers = count(1)
    slots = [floor.desk.place(quantity=next(numbers)) for _ in range(3)]
    floor.approve()
    floor.account.ledger.record_fill(slots[1][0], 2, evidence="0x" + "11" * 32)
    floor.approve()
    assert floor.allowance("payment18") == 4 * 150 * UNIT + 2 * UNIT
    floor.desk.place(quantity=20)
    floor.approve()
    assert floor.allowance("payment18") == 24 * 150 * UNIT + 3 * UNIT
    assert floor.account.ledger.holds() == []
