"""The committed artifacts, and the local chain as a process: its start, its accounts, its end."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

import orderseal.sandbox.contracts
from orderseal.sandbox import Sandbox
from orderseal.sandbox.contracts import NAMES, load
from orderseal.sandbox.evm import BACKENDS, ChainError, LocalChain

SOURCES = sorted(Path(orderseal.sandbox.contracts.__file__).parent.glob("*.vy"))
TOOL = Path(__file__).resolve().parents[3] / "tools/compile_contracts.py"


def alive(url: str) -> bool:
    try:
        body = {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}
        return httpx.post(url, json=body, trust_env=False, timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def test_each_contract_has_an_artifact() -> None:
    assert tuple(source.stem for source in SOURCES) == NAMES
    with pytest.raises(KeyError, match="no contract"):
        load("../settings")


def test_the_artifacts_are_what_the_sources_compile_to() -> None:
    specification = importlib.util.spec_from_file_location("compile_contracts", TOOL)
    assert specification is not None
    assert specification.loader is not None
    tool = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(tool)
    for source in SOURCES:
        assert tool.artifact_text(source) == source.with_suffix(".json").read_text("utf-8"), source.stem


def test_contracts_are_at_the_same_addresses_at_every_start_and_accounts_are_new(start: Any) -> None:
    first = start("eth-tester")
    with LocalChain("eth-tester", chain_id=5) as second:
        assert dict(second.contracts) == {name: item for name, item in first.contracts.items() if name in second.contracts}
        assert second.request("eth_chainId") == "0x5"
        for role, account in second.accounts.items():
            assert (account.address == first.accounts[role].address) is (role == "deployer")
            assert int(second.request("eth_getBalance", account.address), 16) > 10**23


def test_the_code_on_chain_is_the_artifacts(chain: LocalChain) -> None:
    for name in ("usdt_like", "multicall", "settlement"):
        contract = chain.contracts[name]
        runtime = json.loads(Path(SOURCES[0].parent / f"{contract.artifact}.json").read_text("utf-8"))["runtime_bytecode"]
        code = chain.request("eth_getCode", contract.address, "latest")
        # Immutable values, such as the owner, follow the code.
        assert code.startswith(runtime)


def test_keys_are_shown_only_when_asked_for(chain: LocalChain) -> None:
    account = chain.accounts["buyer"]
    assert account.private_key[2:] not in repr(account) + repr(chain) + repr(chain.accounts) + json.dumps(chain.describe())
    assert chain.describe()["accounts"]["buyer"] == account.address
    assert chain.describe()["rpc_url"] == chain.rpc_url


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_sandbox_with_a_chain(backend: Any, request: pytest.FixtureRequest) -> None:
    binary = request.getfixturevalue("anvil") if backend == "anvil" else None
    sandbox = Sandbox(chain=backend, chain_ids=(97,), anvil=binary)
    with sandbox:
        assert sandbox.chain is sandbox.chains[97]
        url = sandbox.chain.rpc_url
        assert sandbox.chain.request("eth_chainId") == "0x61"
        assert httpx.get(sandbox.url, trust_env=False).status_code == 200
        with pytest.raises(ChainError, match="already running"):
            sandbox.chain.start()
    assert not alive(url)
    with pytest.raises(ChainError, match="not running"):
        _ = sandbox.chain.rpc_url
    with pytest.raises(ChainError, match="no local chain"):
        _ = Sandbox().chain


PARENT = """
import os, sys, time
from orderseal.sandbox.evm import LocalChain
chain = LocalChain(sys.argv[1], anvil=sys.argv[2] or None).start()
print(chain.rpc_url, flush=True)
time.sleep(600)
"""


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_chain_ends_when_its_parent_is_killed(backend: str, request: pytest.FixtureRequest) -> None:
    binary = request.getfixturevalue("anvil") if backend == "anvil" else ""
    with subprocess.Popen([sys.executable, "-P", "-c", PARENT, backend, binary], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        url = parent.stdout.readline().strip()
        assert alive(url)
        parent.kill()
        parent.wait()
        end = time.monotonic() + 30
        while alive(url) and time.monotonic() < end:
            time.sleep(0.05)
        assert not alive(url)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"backend": "anvil", "anvil": "no-such-anvil"}, "npm install @foundry-rs/anvil"),
        ({"start_timeout": 0.001}, "not ready within"),
    ],
)
def test_a_chain_that_cannot_start_says_why(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(ChainError, match=text):
        LocalChain(**arguments).start()


@pytest.mark.parametrize("arguments", [{"backend": "geth"}, {"chain_id": 0}, {"chain_id": 2**63}])
def test_impossible_chains_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(arguments))):
        LocalChain(**arguments)


@pytest.mark.parametrize("show", [False, True])
def test_the_command_prints_a_line_for_the_chain(show: bool) -> None:
    command = [sys.executable, "-P", "-m", "orderseal.cli", "sandbox", "--port", "0", "--chain", "eth-tester", "--chain-id", "97"]
    command += ["--show-keys"] if show else []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"}
    ) as process:
        assert process.stdout is not None
        described = json.loads(process.stdout.readline())
        assert alive(described["rpc_url"])
        assert described["chain_id"] == 97
        assert ("keys" in described) is show
        assert "sandbox venue at" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
    assert not alive(described["rpc_url"])


def test_the_chain_imports_nothing_else_of_ours() -> None:
    script = "import sys\nimport orderseal.sandbox.evm.front, orderseal.sandbox.evm.anvil\n"
    script += "print([name for name in sys.modules if name.startswith('orderseal.') and not name.startswith('orderseal.sandbox')])"
    done = subprocess.run([sys.executable, "-P", "-W", "error", "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"
