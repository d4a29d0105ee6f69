"""Pins read from a real chain: what stands there is what the local chain deployed, and what cannot be pinned is refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from eth_utils.crypto import keccak

from orderseal.chain.dialogue import Answer, Rpc, run
from orderseal.chain.node import HttpNode
from orderseal.chain.observe import observe_pins
from orderseal.chain.pins import Pins
from orderseal.fixtures import load
from orderseal.sandbox.evm import LocalChain
from orderseal.signing import InvalidInput, NodeError, PlanMismatch, WrongChain


@pytest.fixture
def node(front: LocalChain) -> Iterator[HttpNode]:
    with HttpNode(front.rpc_url) as node:
        yield node


def code_hash(chain: LocalChain, name: str) -> str:
    code = chain.request("eth_getCode", chain.contracts[name].address, "latest")
    return "0x" + keccak(bytes.fromhex(code[2:])).hex()


def observe(chain: LocalChain, node: Any, market: str = "market", currency: str = "payment", tokens: Sequence[str] | None = None) -> Pins:
    named = None if tokens is None else [chain.contracts[name].address for name in tokens]
    return run(observe_pins(chain.contracts[market].address, chain.contracts[currency].address, tokens=named), node)


@pytest.mark.parametrize(("market", "behind"), [("market", None), ("market_proxy", "implementation"), ("market_diamond", "facet")])
def test_what_stands_there(front: LocalChain, node: HttpNode, market: str, behind: str | None) -> None:
    found = observe(front, node, market, tokens=["house", "stock"]).to_json()
    expected: dict[str, Any] = {
        "chain_id": 17000,
        "marketplace": {"address": front.contracts[market].address, "code_hash": code_hash(front, market)},
        "currency": {"address": front.contracts["payment"].address, "code_hash": code_hash(front, "payment"), "decimals": 6},
        "tokens": [front.contracts["house"].address, front.contracts["stock"].address],
    }
    if behind is not None:
        expected["marketplace"][behind] = {"address": front.contracts["market"].address, "code_hash": code_hash(front, "market")}
    assert found == expected
    assert Pins.parse(found) == observe(front, node, market, tokens=["house", "stock"])


def test_a_proxy_as_currency(front: LocalChain, node: HttpNode) -> None:
    front.deploy("behind", "Proxy", front.contracts["payment0"].address)
    found = observe(front, node, currency="behind").currency
    assert found.implementation is not None
    assert str(found.implementation.address) == front.contracts["payment0"].address


def test_what_cannot_be_pinned(front: LocalChain, node: HttpNode) -> None:
    market, currency, buyer = front.contracts["market"].address, front.contracts["payment"].address, front.accounts["buyer"].address
    for arguments, what in (((buyer, currency), "marketplace.address"), ((market, buyer), "the currency")):
        with pytest.raises(PlanMismatch, match="no contract") as caught:
            run(observe_pins(*arguments), node)
        assert caught.value.what.startswith(what)
    with pytest.raises(PlanMismatch, match=r"decimals\(\): expected 0 to 77"):
        run(observe_pins(currency, market), node)
    with pytest.raises(PlanMismatch, match=r"the token .*no contract"):
        run(observe_pins(market, currency, tokens=[buyer]), node)
    beacon = "0xa3f0ad74e5423aebfd80d3ef4346578335a9a72aeaee59ff6cb3582b35133d50"  # ERC-1967
    front.request("anvil_setStorageAt", market, beacon, "0x" + "00" * 12 + "11" * 20)
    with pytest.raises(PlanMismatch, match="beacon"):
        run(observe_pins(market, currency), node)


@pytest.mark.parametrize(
    ("market", "currency", "tokens", "path"),
    [
        ("0x12", "0x" + "11" * 20, None, "marketplace"),
        ("0x" + "11" * 20, "", None, "currency"),
        ("0x" + "11" * 20, "0x" + "22" * 20, ["0x1"], "tokens[0]"),
    ],
)
def test_addresses_that_are_none(node: HttpNode, market: str, currency: str, tokens: list[str] | None, path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        run(observe_pins(market, currency, tokens=tokens), node)
    assert caught.value.path == path


class Liar:
    """A node whose answers are changed on the way."""

    def __init__(self, node: HttpNode, change: Any) -> None:
        self.node, self.change, self.trips = node, change, 0

    def ask(self, calls: Sequence[Rpc]) -> list[Answer]:
        self.trips += 1
        return [self.change(self.trips, call, answer) for call, answer in zip(calls, self.node.ask(calls), strict=True)]


def test_what_changes_between_the_looks(front: LocalChain, node: HttpNode) -> None:
    def change(trip: int, call: Rpc, answer: Answer) -> Answer:
        return "0x" + "00" * 12 + "11" * 20 if trip == 2 and call.method == "eth_getStorageAt" else answer

    liar = Liar(node, change)
    with pytest.raises(NodeError, match="changed between two looks"):
        observe(front, liar, "market_proxy")
    assert liar.trips == 2


def test_another_chain_behind_the_node(front: LocalChain, node: HttpNode) -> None:
    with pytest.raises(WrongChain):
        observe(front, Liar(node, lambda _trip, call, answer: "0x61" if call.method == "eth_chainId" else answer))


def test_the_sandbox_has_the_documents_recipe() -> None:
    """The sandbox imports nothing of ours; its copy is held equal to the fixture here."""
    import json
    from importlib.resources import files

    copy = json.loads((files("orderseal.sandbox.evm") / "recipe.json").read_text("utf-8"))
    assert copy["token"] == load("brokerstr/create-token-by-external-id")["verbatim"]["response"]["body"]
    assert copy["source"]["page"] == load("brokerstr/create-token-by-external-id")["source"]["page"]


def test_the_sandboxs_contract_is_the_documents() -> None:
    """What the sandbox compiled has every declaration of the document, types, names and mutability, and nothing else."""
    import json

    from orderseal.sandbox.contracts import load as artifact

    def essence(value: Any) -> Any:
        if isinstance(value, list):
            return [essence(item) for item in value]
        return {key: essence(item) for key, item in value.items() if key != "internalType"} if isinstance(value, dict) else value

    def entries(abi: list[dict[str, Any]]) -> dict[str, Any]:
        return {entry["name"]: essence(entry) for entry in abi if entry["type"] != "constructor"}

    document = load("brokerstr/create-token-by-external-id")["verbatim"]["response"]["body"]["integration"]["abi"]
    assert entries(artifact("Marketplace").abi) == entries(json.loads(document))
