"""Local chains for the tests of all rooms: each starts once a session, and each test goes back to where it found it.

A plugin that ``tests/conftest.py`` names, so that the folders share the running chains. ``chain`` is one of each kind.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import pytest

from orderseal.sandbox.evm import BACKENDS, Backend, LocalChain

PLACE = Path(__file__).resolve().parent / "sandbox/chain/anvil"

Start = Callable[..., LocalChain]


@pytest.fixture(scope="session")
def anvil() -> str:
    """Anvil's binary, in the version of ``anvil/package.json``; npm installs it where it is missing. Nothing is skipped."""
    pinned = json.loads((PLACE / "package.json").read_text("utf-8"))["dependencies"]["@foundry-rs/anvil"]
    manifest = PLACE / "node_modules/@foundry-rs/anvil/package.json"
    if shutil.which("npm") is None:
        pytest.fail("These tests need Node.js 20 or later with npm: they run anvil", pytrace=False)
    with (PLACE / "package.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not manifest.is_file() or json.loads(manifest.read_text("utf-8"))["version"] != pinned:
            command = ["npm", "ci", "--silent", "--prefix", str(PLACE)]
            done = subprocess.run(command, capture_output=True, timeout=110, check=False)
            assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    return str(PLACE / "node_modules/.bin/anvil")


@pytest.fixture(scope="session")
def start(request: pytest.FixtureRequest) -> Iterator[Start]:
    """Give the running chain of a backend and a chain id."""
    running: dict[tuple[str, int], LocalChain] = {}
    with ExitStack() as stack:

        def get(backend: str, chain_id: int = 17000) -> LocalChain:
            if (backend, chain_id) not in running:
                binary = request.getfixturevalue("anvil") if backend == "anvil" else None
                local = LocalChain(cast("Backend", backend), chain_id=chain_id, anvil=binary)
                running[backend, chain_id] = stack.enter_context(local)
            return running[backend, chain_id]

        yield get


@pytest.fixture(params=BACKENDS)
def chain(request: pytest.FixtureRequest, start: Start) -> Iterator[LocalChain]:
    """A chain of each kind, with id 17000; what the test does to it is undone."""
    yield from _undoing(start(request.param))


@pytest.fixture
def front(start: Start) -> Iterator[LocalChain]:
    """The chain behind our own front."""
    yield from _undoing(start("eth-tester"))


@pytest.fixture
def both(start: Start) -> Iterator[tuple[LocalChain, LocalChain]]:
    """The two kinds beside each other: eth-tester, anvil."""
    chains = [start(backend) for backend in BACKENDS]
    marks = [each.request("evm_snapshot") for each in chains]
    yield chains[0], chains[1]
    for each, mark in zip(chains, marks, strict=True):
        assert each.request("evm_revert", mark)


def _undoing(local: LocalChain) -> Iterator[LocalChain]:
    contracts: dict[str, Any] = dict(local.contracts)
    mark = local.request("evm_snapshot")
    yield local
    assert local.request("evm_revert", mark)
    local.forget(set(local.contracts) - set(contracts))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Anvil is the same binary whatever Python asks it."""
    for item in items:
        asked = set(getattr(item, "fixturenames", ()))
        if asked & {"anvil", "both"} or ("start" in asked and "[anvil" in item.nodeid):
            item.add_marker(pytest.mark.once)
