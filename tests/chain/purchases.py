"""What the tests of plans share: pins of a local chain, contracts of our own, and a node that is watched or bent."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from eth_abi.abi import decode, encode
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from orderseal.chain.dialogue import Answer, Dialogue, Rpc, run
from orderseal.chain.node import HttpNode
from orderseal.chain.pins import PinnedCode, PinnedCurrency, PinnedMarketplace, Pins, Units
from orderseal.chain.plan import Plan
from orderseal.chain.planning import plan_purchase
from orderseal.chain.recipe import Target
from orderseal.sandbox.evm import LocalChain
from orderseal.sandbox.evm.local import ChainError, Contract
from orderseal.signing import Address, Hash32, NodeError

CONTRACTS = Path(__file__).resolve().parent / "contracts"
NOW = 1_800_000_000
NAME = "00112233445566ff"
UNSUPPORTED = NodeError("eth_simulateV1 was refused by the node: the method does not exist [code -32601]", code=-32601)

Edit = Callable[[int, Sequence[Rpc], list[Answer]], list[Answer]]


class Watched:
    """A node over HTTP that counts its round trips, and whose answers a test may change."""

    def __init__(self, chain: LocalChain, edit: Edit | None = None) -> None:
        self.inner = HttpNode(chain.rpc_url)
        self.edit = edit
        self.rounds: list[list[str]] = []

    def ask(self, calls: Sequence[Rpc]) -> list[Answer]:
        self.rounds.append([call.method for call in calls])
        answers = self.inner.ask(calls)
        return answers if self.edit is None else self.edit(len(self.rounds), calls, answers)

    def __enter__(self) -> Watched:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.inner.close()


def without_simulate(_round: int, calls: Sequence[Rpc], answers: list[Answer]) -> list[Answer]:
    """A node older than eth_simulateV1."""
    return [UNSUPPORTED if call.method == "eth_simulateV1" else answer for call, answer in zip(calls, answers, strict=True)]


def without_overrides(number: int, calls: Sequence[Rpc], answers: list[Answer]) -> list[Answer]:
    """A node that neither simulates nor takes state overrides."""
    refused = NodeError("eth_call was refused by the node: too many arguments, want at most 2 [code -32602]", code=-32602)
    kept = without_simulate(number, calls, answers)
    return [refused if call.method == "eth_call" and len(call.params) > 2 else answer for call, answer in zip(calls, kept, strict=True)]


def deaf_to_overrides(number: int, calls: Sequence[Rpc], answers: list[Answer]) -> list[Answer]:
    """A node that passes state overrides over in silence: an account without code returns nothing."""
    kept = without_simulate(number, calls, answers)
    return ["0x" if call.method == "eth_call" and len(call.params) > 2 else answer for call, answer in zip(calls, kept, strict=True)]


def code_hash(chain: LocalChain, at: str) -> Hash32:
    """Keccak-256 of the code, by another library."""
    return Hash32(keccak(bytes.fromhex(chain.request("eth_getCode", at, "latest")[2:])))


def pinned(chain: LocalChain, name: str) -> PinnedCode:
    at = chain.contracts[name].address
    return PinnedCode(Address(at), code_hash(chain, at))


def _decimals(chain: LocalChain, token: Address) -> int:
    """What the token says, if that can be pinned: some contracts of the tests say something else."""
    try:
        said = int(chain.request("eth_call", {"to": str(token), "data": "0x313ce567"}, "latest")[2:66], 16)
    except (ChainError, ValueError):
        return 6
    return said if said <= 77 else 6


def pins_of(chain: LocalChain, market: str = "market", currency: str = "payment", **changes: Any) -> Pins:
    """Pins of contracts of the sandbox."""
    shell = pinned(chain, market)
    behind = {"market_proxy": "implementation", "market_diamond": "facet"}.get(market)
    inner = {} if behind is None else {behind: pinned(chain, "market")}
    paid = pinned(chain, currency)
    if market == "market_base_units":
        changes.setdefault("units", Units(10**18, 1))
    return Pins(
        **{
            "chain_id": chain.chain_id,
            "marketplace": PinnedMarketplace(shell.address, shell.code_hash, **inner),
            "currency": PinnedCurrency(paid.address, paid.code_hash, decimals=_decimals(chain, paid.address)),
            **changes,
        }
    )


def target_of(chain: LocalChain, pins: Pins, house: str = "house", least: int | None = None, most: int | None = None) -> Target:
    token = Address(chain.contracts[house].address)
    return Target(pins.chain_id, pins.marketplace.address, token, pins.currency.address, least, most, "HOUSE", None)


def buying(chain: LocalChain, pins: Pins, *, house: str = "house", quantity: int = 5, **changes: Any) -> Dialogue[Plan]:
    """The dialogue that plans a purchase; ``max_total`` is ample by default."""
    limits = {name: changes.pop(name) for name in ("least", "most") if name in changes}
    given: dict[str, Any] = {"buyer": chain.accounts["buyer"].address, "max_total": 1000, "now": NOW, "name": NAME} | changes
    return plan_purchase(target_of(chain, pins, house, **limits), pins, quantity=quantity, **given)


def planned(chain: LocalChain, pins: Pins | None = None, edit: Edit | None = None, **changes: Any) -> Plan:
    """Plan a purchase with a real node."""
    with Watched(chain, edit) as node:
        return run(buying(chain, pins or pins_of(chain), **changes), node)


def relist(
    chain: LocalChain, market: str, currency: str, price: int, amount: int = 1000, least: int = 1, most: int = 100, house: str = "house"
) -> None:
    """Offer the house token for another currency or price."""
    artifact = "Marketplace"
    at = chain.contracts[house].address
    if chain.call(market, "viewListing", at, artifact=artifact)[2]:
        chain.transact("seller", market, "delist", at, artifact=artifact)
    paid = chain.contracts[currency].address
    chain.transact("seller", house, "approve", chain.contracts[market].address, 10**24)
    chain.transact("seller", market, "list", at, paid, price, amount, least, most, artifact=artifact)


class Holdings(NamedTuple):
    """What the buyer has: of the currency, of the house token, and what the marketplace may still take."""

    paid: int
    house: int
    allowance: int


def holdings(chain: LocalChain, market: str, currency: str, house: str = "house", role: str = "buyer") -> Holdings:
    account = chain.accounts[role].address
    return Holdings(
        view(chain, chain.contracts[currency].address, "balanceOf(address)", account),
        view(chain, chain.contracts[house].address, "balanceOf(address)", account),
        view(chain, chain.contracts[currency].address, "allowance(address,address)", account, chain.contracts[market].address),
    )


def packed(signature: str, *arguments: Any) -> bytes:
    """A call as eth-abi packs it."""
    types = signature.partition("(")[2][:-1]
    return keccak(text=signature)[:4] + encode(types.split(",") if types else [], arguments)


def view(chain: LocalChain, at: str, signature: str, *arguments: Any) -> int:
    raw = chain.request("eth_call", {"to": at, "data": "0x" + packed(signature, *arguments).hex()}, "latest")
    return int(decode(["uint256"], bytes.fromhex(raw[2:]))[0])


def carry_out_by_hand(chain: LocalChain, plan: Plan, role: str = "buyer", first: int = 0) -> list[dict[str, Any]]:
    """Send the steps one by one with the sandbox's own client, each with the gas that the plan allows."""
    receipts: list[dict[str, Any]] = []
    for index, step in enumerate(plan.steps[first:], first):
        receipt = chain.send(role, to=str(step.to), data="0x" + step.data.hex(), gas=step.gas)
        assert receipt["status"] == "0x1", f"step {index} failed with {int(receipt['gasUsed'], 16)} of {step.gas} gas"
        receipts.append(receipt)
    return receipts


@cache
def compiled(name: str) -> dict[str, Any]:
    """One of the contracts beside the tests."""
    from vyper.compiler import compile_code  # type: ignore[import-untyped]
    from vyper.compiler.settings import Settings  # type: ignore[import-untyped]

    source = (CONTRACTS / f"{name}.vy").read_text("utf-8")
    found: dict[str, Any] = compile_code(
        source, output_formats=["abi", "bytecode"], settings=Settings(evm_version="cancun"), no_bytecode_metadata=True
    )
    return found


def deploy(chain: LocalChain, name: str, source: str, *arguments: Any) -> str:
    """Deploy one of the contracts beside the tests, under a name of its own."""
    artifact = compiled(source)
    types = next(([item["type"] for item in entry["inputs"]] for entry in artifact["abi"] if entry["type"] == "constructor"), [])
    at = create(chain, bytes.fromhex(artifact["bytecode"][2:]) + encode(types, arguments))
    chain._contracts[name] = Contract(name, source, at)
    return at


def create(chain: LocalChain, creation: bytes) -> str:
    receipt = chain.send("deployer", to=None, data="0x" + creation.hex(), gas=20_000_000)
    assert receipt["status"] == "0x1"
    return to_checksum_address(receipt["contractAddress"])


def install(chain: LocalChain, runtime: bytes) -> str:
    """Put hand-written code on the chain."""
    return create(chain, bytes.fromhex("61") + len(runtime).to_bytes(2, "big") + bytes.fromhex("80600c6000396000f3") + runtime)


def send(chain: LocalChain, role: str, contract: str, signature: str, *arguments: Any) -> dict[str, Any]:
    """Send a call of a contract beside the tests."""
    receipt = chain.send(role, to=chain.contracts[contract].address, data="0x" + packed(signature, *arguments).hex())
    assert receipt["status"] == "0x1", signature
    return receipt


def modes(name: str) -> list[str]:
    """The names of a contract's constants ``MODE: constant(uint256) = 0, 1, …``, in lower case and in order."""
    found = re.findall(r"^([A-Z0-9_]+): constant\(uint256\) = (\d+)$", (CONTRACTS / f"{name}.vy").read_text("utf-8"), re.MULTILINE)
    assert [int(number) for _mode, number in found] == list(range(len(found)))
    return [mode.lower() for mode, _number in found]


TOKEN_MODES = modes("PlayToken")
MARKET_MODES = modes("PlayMarket")
