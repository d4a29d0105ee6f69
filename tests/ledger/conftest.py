"""What the tests of the ledger share: a clock that stands still, an account, orders, and ledgers over both stores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orderseal.signing import Domain, LocalSigner, Order
from orderseal.signing.ledger import Ledger, MemoryStore, Scope

NOW = 1_780_000_000.0


class Time:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture(scope="session")
def signer() -> LocalSigner:
    """The key of web3.js's documentation: public, and worth nothing."""
    return LocalSigner.from_key("0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318")


@pytest.fixture(scope="session")
def domain() -> Domain:
    """The venue's documented domain on BSC Testnet (Stove, *Order Signature*)."""
    return Domain(name="RFQSettlement", version="1", chain_id=97, verifying_contract="0xCB310C56A19078aA969A922f382613d932D89D83")


@pytest.fixture
def scope(signer: LocalSigner) -> Scope:
    return Scope("stove", "stove-testnet", signer.address)


@pytest.fixture
def make_order(signer: LocalSigner) -> Callable[..., Order]:
    def make(nonce: int, **changes: Any) -> Order:
        values: dict[str, Any] = {
            "maker": signer.address,
            "principal": signer.address,
            "is_buy": True,
            "ticker": "AAPL",
            "exchange": 0,
            "asset": "0x09671802Cc9Bbf6402f2e7a07b220Aa7b43D8c91",
            "price": 150 * 10**18,
            "quantity": 10,
            "incentive": 10**18,
            "deadline": int(NOW) + 1000,
            "nonce": nonce,
        }
        return Order(**{**values, **changes})

    return make


MakeLedger = Callable[..., Ledger]


@pytest.fixture(params=["memory", "sqlite"])
def make_ledger(request: pytest.FixtureRequest, tmp_path: Path, time: Time) -> Iterator[MakeLedger]:
    """Open one more ledger over the same store: memory, then SQLite."""
    memory = MemoryStore()
    opened: list[Ledger] = []

    def make(**options: Any) -> Ledger:
        options = {"clock": time, **options}
        ledger = Ledger(memory if request.param == "memory" else tmp_path / "ledger.db", **options)
        opened.append(ledger)
        return ledger

    yield make
    for ledger in opened:
        ledger.close()


@pytest.fixture
def ledger(make_ledger: MakeLedger) -> Ledger:
    return make_ledger()
