"""What the tests of the ledger share: a clock that stands still, an account, orders, and ledgers over all stores."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from tests.postgres_server import Programs, Server, scratch_folder

from orderseal.signing import Domain, LocalSigner, Order
from orderseal.signing.ledger import Ledger, MemoryStore, Scope
from orderseal.signing.ledger.postgres import PostgresStore

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

_schemas = count(1)


def new_schema() -> str:
    """A name that no other test of this worker has."""
    return f"test_{next(_schemas)}"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server of this worker's own."""
    scratch = scratch_folder()
    server = Server(scratch, Programs(scratch))
    server.create()
    server.start()
    yield server
    server.kill()  # A shutdown in order would write all to the disk first.
    shutil.rmtree(scratch)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def make_ledger(request: pytest.FixtureRequest, tmp_path: Path, time: Time) -> Iterator[MakeLedger]:
    """Open one more ledger over the same store: memory, SQLite, then PostgreSQL."""
    memory = MemoryStore()
    schema = new_schema()
    opened: list[Ledger] = []

    def make(**options: Any) -> Ledger:
        options = {"clock": time, **options}
        if request.param == "postgres":
            server: Server = request.getfixturevalue("postgres")
            store: Any = PostgresStore(server.conninfo(password=server.password), schema=schema)
        else:
            store = memory if request.param == "memory" else tmp_path / "ledger.db"
        ledger = Ledger(store, **options)
        opened.append(ledger)
        return ledger

    yield make
    for ledger in opened:
        ledger.close()


@pytest.fixture
def ledger(make_ledger: MakeLedger) -> Ledger:
    return make_ledger()
