"""A local chain in a child process, with contracts and funded accounts."""

from __future__ import annotations

import json
import secrets
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from importlib.resources import files
from importlib.util import find_spec
from types import MappingProxyType, TracebackType
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from orderseal.sandbox.child import ChildServer
from orderseal.sandbox.contracts import load

__all__ = ["BACKENDS", "Account", "Backend", "ChainError", "Contract", "LocalChain"]

Backend = Literal["eth-tester", "anvil"]
BACKENDS = ("eth-tester", "anvil")

ROLES = ("seller", "buyer", "maker", "taker", "other")
"""The accounts of each chain, with keys made at its start; ``deployer`` owns the contracts."""

_REQUEST_SECONDS = 60.0
_POLL_SECONDS = 0.002
_GAS = 6_000_000
_GWEI = 10**9
_ETHER = 10**18
# A hash of these words, so that every chain has its contracts at the same addresses. Nothing of value may ever be sent to it.
_DEPLOYER_SEED = b"orderseal sandbox deployer"


class ChainError(RuntimeError):
    """The chain did not start, does not run, or refuses a request (then with the ``code`` and ``data`` of its error)."""

    def __init__(self, message: str, code: int | None = None, data: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.data = data


@dataclass(frozen=True, slots=True)
class Account:
    """A funded test account. Its key is in no ``repr``: ask for ``private_key``."""

    role: str
    address: str
    private_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Contract:
    """A deployed contract: its name here, the artifact it was made from, and its address."""

    name: str
    artifact: str
    address: str

    @property
    def abi(self) -> list[dict[str, Any]]:
        """The ABI: for a proxy or a diamond, that of what stands behind it is the marketplace's."""
        return load(self.artifact).abi


# Each line: name, artifact, and the constructor's arguments, in which "@name" is the address of one above.
_DEPLOYMENTS: tuple[tuple[str, str, tuple[Any, ...]], ...] = (
    ("multicall", "Multicall", ()),
    ("payment", "PaymentToken", ("Sandbox USD", "SUSD", 6)),
    ("payment18", "PaymentToken", ("Sandbox USD 18", "SUSD18", 18)),
    ("payment0", "PaymentToken", ("Whole USD", "WUSD", 0)),
    ("payment77", "PaymentToken", ("Minute USD", "MUSD", 77)),
    ("usdt_like", "UsdtLikeToken", ()),
    ("fee_token", "FeeToken", (100, "@deployer")),
    ("house", "HouseToken", ("House token", "HOUSE", 18)),
    ("stock", "HouseToken", ("AAPL share", "AAPL", 0)),
    ("guard", "MarketGuard", ()),
    ("market", "Marketplace", (1, 10**18, "@guard")),
    ("market_base_units", "Marketplace", (10**18, 1, "@guard")),
    ("market_proxy", "Proxy", ("@market",)),
    ("market_diamond", "Diamond", ()),
    ("settlement", "RFQSettlement", ()),
)


class LocalChain:
    """A chain with the contracts of ``orderseal.sandbox.contracts``: a context manager with ``rpc_url``, ``contracts`` and ``accounts``.

    ``backend`` is ``eth-tester`` (needs nothing but the ``sandbox`` extra) or ``anvil`` (``anvil`` names its binary; by default the one on
    PATH). ``port`` 0 takes a free one. Entering raises ``ChainError`` if it is not ready within ``start_timeout`` seconds. The chain ends
    on ``stop()``, on leaving the ``with`` block, and when this process dies. It has the same contract addresses at every start.
    """

    def __init__(
        self,
        backend: Backend = "eth-tester",
        *,
        chain_id: int = 17000,
        port: int = 0,
        anvil: str | None = None,
        start_timeout: float = 60.0,
    ) -> None:
        if backend not in BACKENDS:
            raise ValueError(f"backend must be one of {', '.join(BACKENDS)}, got {backend!r}")
        if not 0 < chain_id < 2**63:
            raise ValueError(f"chain_id must be in 1..2^63-1, got {chain_id!r}")
        self.backend = backend
        self.chain_id = chain_id
        self._port = port
        self._anvil = anvil
        self._server = ChildServer("the local chain", ChainError, start_timeout)
        self._url: str | None = None
        self._accounts: dict[str, Account] = {}
        self._contracts: dict[str, Contract] = {}
        self._requests = 0

    @property
    def rpc_url(self) -> str:
        """``http://127.0.0.1:PORT``; raises ``ChainError`` unless the chain runs."""
        if self._url is None:
            raise ChainError("the local chain is not running: use it in a with statement, or call start()")
        return self._url

    @property
    def accounts(self) -> Mapping[str, Account]:
        """The funded accounts by role: seller, buyer, maker, taker, other; and deployer, which owns the contracts."""
        return MappingProxyType(self._accounts)

    @property
    def contracts(self) -> Mapping[str, Contract]:
        """The deployed contracts by name."""
        return MappingProxyType(self._contracts)

    def describe(self) -> dict[str, Any]:
        """What a user needs to know, ready for JSON; without keys."""
        return {
            "backend": self.backend,
            "chain_id": self.chain_id,
            "rpc_url": self.rpc_url,
            "contracts": {name: contract.address for name, contract in self._contracts.items()},
            "accounts": {role: account.address for role, account in self._accounts.items()},
        }

    def start(self) -> Self:
        """Start the chain, deploy the contracts and fund the accounts."""
        _require_extra(self.backend)
        command = [sys.executable, "-P", "-m", "orderseal.sandbox.evm", f"--backend={self.backend}", f"--chain-id={self.chain_id}"]
        command += [f"--port={self._port}", *([] if self._anvil is None else [f"--anvil={self._anvil}"])]
        self._url = self._server.start(command)
        try:
            self._furnish()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """End the chain and wait until it is gone; does nothing if it is not running."""
        self._url = None
        self._server.stop()
        self._accounts, self._contracts = {}, {}

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None) -> None:
        self.stop()

    def recipe(self, market: str = "market", house: str = "house", currency: str = "payment") -> dict[str, Any]:
        """The token object with its purchase recipe as BrokersTR's page *Create Token by External ID* prints it, for contracts here."""
        document = json.loads((files("orderseal.sandbox.evm") / "recipe.json").read_text("utf-8"))
        token: dict[str, Any] = document["token"]
        sold, paid = (self._contracts[name].address.lower() for name in (house, currency))  # In the page's spelling.
        token["chain_id"] = token["integration"]["chain_id"] = self.chain_id
        token["contract"]["address"] = sold
        token["integration"] |= {"contract_address": self._contracts[market].address, "currency_token_address": paid}
        for argument, value in zip(token["integration"]["args"], ("", sold, paid), strict=True):
            argument["value"] = value
        return token

    # A small client, for set-up and for tests

    def request(self, method: str, *params: Any) -> Any:
        """Make one JSON-RPC request; raises ``ChainError`` with the node's error."""
        self._requests += 1
        body = json.dumps({"jsonrpc": "2.0", "id": self._requests, "method": method, "params": list(params)})
        url = urlsplit(self.rpc_url)
        # A connection that is kept may have been closed by the server meanwhile; on loopback a new one costs little.
        connection = HTTPConnection(url.hostname or "", url.port, timeout=_REQUEST_SECONDS)
        try:
            connection.request("POST", "/", body, {"Content-Type": "application/json"})
            answer = json.loads(connection.getresponse().read())
        except (OSError, HTTPException, ValueError) as exc:
            raise ChainError(f"the local chain does not answer: {exc}") from exc
        finally:
            connection.close()
        if "error" in answer:
            error = answer["error"]
            raise ChainError(f"{method}: {error['message']}", error["code"], error.get("data"))
        return answer["result"]

    def call(self, contract: str, function: str, *arguments: Any, artifact: str | None = None) -> Any:
        """Ask a view function; a single result comes bare, more come as a tuple. ``artifact`` names the ABI to use instead."""
        from eth_abi.abi import decode

        deployed = self._contracts[contract]
        known = load(artifact or deployed.artifact)
        raw = self.request("eth_call", {"to": deployed.address, "data": calldata(known.name, function, *arguments)}, "latest")
        values = decode(known.outputs(function), bytes.fromhex(raw[2:]))
        return values[0] if len(values) == 1 else values

    def transact(self, role: str, contract: str, function: str, *arguments: Any, artifact: str | None = None) -> dict[str, Any]:
        """Send a call as one of the accounts, and return the receipt; raises ``ChainError`` with the revert data if it fails."""
        deployed = self._contracts[contract]
        data = calldata(artifact or deployed.artifact, function, *arguments)
        # Asking for the gas first tells why it would fail; a receipt does not.
        gas = int(self.request("eth_estimateGas", {"from": self._accounts[role].address, "to": deployed.address, "data": data}), 16)
        return self.send(role, to=deployed.address, data=data, gas=gas * 5 // 4)

    def send(self, role: str, *, to: str | None, data: str = "0x", value: int = 0, gas: int = _GAS) -> dict[str, Any]:
        """Sign and send a transaction as one of the accounts, and return the receipt, whatever its status."""
        transaction_hash = self.request("eth_sendRawTransaction", self.sign(role, to=to, data=data, value=value, gas=gas))
        end = time.monotonic() + _REQUEST_SECONDS
        while time.monotonic() < end:
            receipt: dict[str, Any] | None = self.request("eth_getTransactionReceipt", transaction_hash)
            # Anvil answers before it has mined, and shows a receipt before its block is the latest.
            if receipt is not None and int(self.request("eth_blockNumber"), 16) >= int(receipt["blockNumber"], 16):
                return receipt
            time.sleep(_POLL_SECONDS)
        raise ChainError(f"the transaction {transaction_hash} was not mined")

    def sign(self, role: str, *, to: str | None, data: str = "0x", value: int = 0, gas: int = _GAS, **changes: Any) -> str:
        """The raw transaction as ``0x`` hex; ``changes`` replace its members, such as ``nonce`` or ``chainId``."""
        from eth_account import Account as Keys

        account = self._accounts[role]
        members: dict[str, Any] = {
            "chainId": self.chain_id,
            "nonce": int(self.request("eth_getTransactionCount", account.address, "latest"), 16),
            "maxFeePerGas": 10 * _GWEI,
            "maxPriorityFeePerGas": _GWEI,
            "gas": gas,
            "value": value,
            "data": data,
        } | ({} if to is None else {"to": to})
        signed = Keys.sign_transaction(members | changes, account.private_key)
        return "0x" + bytes(signed.raw_transaction).hex()

    # Set-up

    def _furnish(self) -> None:
        from eth_account import Account as Keys
        from eth_utils.crypto import keccak

        keys = {"deployer": keccak(_DEPLOYER_SEED)} | {role: secrets.token_bytes(32) for role in ROLES}
        self._accounts = {role: Account(role, Keys.from_key(key).address, "0x" + key.hex()) for role, key in keys.items()}
        for account in self._accounts.values():
            self.request("anvil_setBalance", account.address, hex(1_000_000 * _ETHER))
        for name, artifact, arguments in _DEPLOYMENTS:
            self.deploy(name, artifact, *(self._resolve(item) for item in arguments))
        self._open_market()
        self._open_settlement()

    def deploy(self, name: str, artifact: str, *arguments: Any) -> Contract:
        """Deploy one more contract under a name, as the deployer."""
        from eth_abi.abi import encode
        from eth_utils.address import to_checksum_address

        known = load(artifact)
        data = "0x" + (known.bytecode + encode(known.inputs(None), arguments)).hex()
        receipt = self.send("deployer", to=None, data=data)
        if receipt["status"] != "0x1":
            raise ChainError(f"the contract {artifact} cannot be deployed with {arguments!r}")
        self._contracts[name] = Contract(name, artifact, to_checksum_address(receipt["contractAddress"]))
        return self._contracts[name]

    def forget(self, names: Iterable[str]) -> None:
        """Strike contracts off ``contracts``, after a revert to a time before their deployment."""
        for name in names:
            del self._contracts[name]

    def _resolve(self, argument: Any) -> Any:
        if not isinstance(argument, str) or not argument.startswith("@"):
            return argument
        name = argument[1:]
        return self._accounts[name].address if name in self._accounts else self._contracts[name].address

    def _open_market(self) -> None:
        from eth_utils.crypto import keccak

        house, payment = self._contracts["house"].address, self._contracts["payment"].address
        functions = [entry for entry in load("Marketplace").abi if entry["type"] == "function"]
        selectors = [keccak(text=signature(entry))[:4] for entry in functions]
        self.transact("deployer", "market_diamond", "setFacet", selectors, self._contracts["market"].address)
        self.transact("deployer", "house", "mint", self._accounts["seller"].address, 3_000_000 * 10**18)
        for market in ("market", "market_proxy", "market_diamond"):
            self.transact("seller", "house", "approve", self._contracts[market].address, 1_000_000 * 10**18)
            # The recipe's own numbers: 0.00044 a token, a million of them, 1 to 100 a purchase.
            self.transact("seller", market, "list", house, payment, 440, 1_000_000, 1, 100, artifact="Marketplace")
        for role in ("buyer", "taker"):
            for token in ("payment", "usdt_like", "fee_token"):
                self.transact(role, token, "faucet", 1_000_000 * 10**6)

    def _open_settlement(self) -> None:
        self.transact("deployer", "settlement", "setTaker", self._accounts["taker"].address, True)
        self.transact("deployer", "settlement", "registerStock", "AAPL", 0, self._contracts["stock"].address)
        self.transact("deployer", "stock", "mint", self._accounts["taker"].address, 1_000_000)
        for role in ("maker", "taker"):
            self.transact(role, "payment18", "faucet", 10_000_000 * 10**18)


def calldata(artifact: str, function: str, *arguments: Any) -> str:
    """The call of a function as ``0x`` hex; the argument types are those of the artifact's ABI."""
    from eth_abi.abi import encode
    from eth_utils.crypto import keccak

    types = load(artifact).inputs(function)
    return "0x" + (keccak(text=f"{function}({','.join(types)})")[:4] + encode(types, arguments)).hex()


def signature(entry: dict[str, Any]) -> str:
    """``name(type,…)`` of a function whose arguments are no tuples."""
    return f"{entry['name']}({','.join(item['type'] for item in entry['inputs'])})"


def _require_extra(backend: str) -> None:
    needed = {"eth_account": "eth-account", "starlette": "starlette", "uvicorn": "uvicorn"}
    if backend == "eth-tester":
        needed |= {"eth_tester": "eth-tester", "eth": "py-evm"}
    missing = [name for module, name in needed.items() if find_spec(module) is None]
    if missing:
        raise ImportError(f"the local chain needs {' and '.join(missing)}: pip install 'orderseal[sandbox]'")
