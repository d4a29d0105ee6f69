"""ABI JSON from strangers: what is read, what is refused, and where."""

import json
from typing import Any

import pytest

from orderseal.chain.abi import Abi
from orderseal.signing import InvalidInput


def function(name: str = "f", *types: str, **more: Any) -> dict[str, Any]:
    inputs = [{"name": f"a{i}", "type": type_} for i, type_ in enumerate(types)]
    return {"type": "function", "name": name, "inputs": inputs, "outputs": [], "stateMutability": "nonpayable", **more}


def test_the_recipes_string_within_a_string(integration: dict[str, Any]) -> None:
    text = integration["abi"]
    found = Abi.parse(text)
    assert (
        found
        == Abi.parse(json.dumps(text))
        == Abi.parse(json.loads(text))
        == Abi.parse(text.encode())
        == Abi.parse({"abi": json.loads(text)})
    )
    assert found.function("buy").signature == "buy(uint256,address,address)"
    assert [entry.name for entry in found.events] == ["ListEvent", "ListingBuyEvent", "ListingDelistEvent", "ListingUpdateEvent"]
    with pytest.raises(InvalidInput):  # Once, not as often as one likes.
        Abi.parse(json.dumps(json.dumps(text)))


def test_every_kind_of_entry() -> None:
    found = Abi.parse(
        [
            {"type": "constructor", "inputs": [{"name": "x", "type": "uint8"}], "stateMutability": "nonpayable"},
            {"type": "fallback", "stateMutability": "payable"},
            {"type": "receive", "stateMutability": "payable"},
            {"name": "old", "inputs": [], "outputs": [], "constant": True, "payable": False},
            function("f", "uint8", outputs=[{"name": "", "type": "bool"}]),
            function("f", "uint16"),
            {"type": "error", "name": "Bad", "inputs": [{"name": "", "type": "function"}]},
            {"type": "event", "name": "E", "inputs": [{"name": "a", "type": "string", "indexed": True}], "anonymous": True},
        ]
    )
    assert [f.signature for f in found.functions] == ["old()", "f(uint8)", "f(uint16)"]
    assert found.functions[0].mutability == "view"
    assert found.constructor is not None
    assert found.errors[0].signature == "Bad(function)"
    assert found.event("E").topic_count == 1
    with pytest.raises(InvalidInput, match=r"f\(uint8\), f\(uint16\)"):
        found.function("f")
    assert found.function("f(uint8)").outputs[0].type.name == "bool"
    with pytest.raises(InvalidInput, match="a function of this ABI"):
        found.function("g")
    with pytest.raises(InvalidInput, match="error of this ABI"):
        found.error("g")


NESTED = {"name": "o", "type": "tuple[2][]", "components": [{"name": "p", "type": "tuple", "components": [{"name": "", "type": "bytes"}]}]}


def test_canonical_signatures_of_structs() -> None:
    assert Abi.parse([{**function(), "inputs": [NESTED]}]).functions[0].signature == "f(((bytes))[2][])"


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ("", "abi"),
        ("{", "abi"),
        ("5", "abi"),
        ("null", "abi"),
        (None, "abi"),
        ({"abi": 5}, "abi"),
        ({"abi": '[{"type": "receive"}]'}, "abi"),
        ('[{"type":"function","type":"event"}]', "[0]"),
        ([5], "abi[0]"),
        ([{"type": "method"}], "abi[0].type"),
        ([{"type": ["function"]}], "abi[0].type"),
        ([function("")], "abi[0].name"),
        ([function("f(uint8")], "abi[0].name"),
        ([function("a b")], "abi[0].name"),
        ([function(5)], "abi[0].name"),  # type: ignore[arg-type]
        ([function("f", "uint")], "abi[0].inputs[0].type"),
        ([function("f", "uint7")], "abi[0].inputs[0].type"),
        ([function("f", "uint0256")], "abi[0].inputs[0].type"),
        ([function("f", "bytes33")], "abi[0].inputs[0].type"),
        ([function("f", "fixed128x18")], "abi[0].inputs[0].type"),
        ([function("f", "uint8[0]")], "abi[0].inputs[0].type"),
        ([function("f", "uint8[01]")], "abi[0].inputs[0].type"),
        ([function("f", "uint8[")], "abi[0].inputs[0].type"),
        ([function("f", "uint8[]]")], "abi[0].inputs[0].type"),
        ([function("f", "uint8[] ")], "abi[0].inputs[0].type"),
        ([function("f", "uint8[4294967297]")], "abi[0].inputs[0].type"),
        ([function("f", "(uint8)")], "abi[0].inputs[0].type"),
        ([function("f", "uint8)(")], "abi[0].inputs[0].type"),
        ([function("f", "tuple")], "abi[0].inputs[0].components"),
        ([{**function(), "inputs": [{"name": "a", "type": "tuple", "components": []}]}], "abi[0].inputs[0].components"),
        ([{**function(), "inputs": [{"name": "a", "type": "uint8", "components": [{"type": "bool"}]}]}], "abi[0].inputs[0].components"),
        ([{**function(), "inputs": [{"name": "a,b", "type": "uint8"}]}], "abi[0].inputs[0].name"),
        ([{**function(), "inputs": [{"name": "a", "type": 5}]}], "abi[0].inputs[0].type"),
        ([{**function(), "inputs": [{"name": "a", "type": "bool", "indexed": True}]}], "abi[0].inputs[0].indexed"),
        ([{**function(), "inputs": [{"name": "a", "type": "bool"}] * 2}], "abi[0].inputs"),
        ([{**function(), "inputs": {}}], "abi[0].inputs"),
        ([{**function(), "inputs": [5]}], "abi[0].inputs[0]"),
        ([{"type": "function", "name": "f"}], "abi[0].inputs"),
        ([function(stateMutability="constant")], "abi[0].stateMutability"),
        ([{"type": "event", "name": "E", "inputs": [], "anonymous": 1}], "abi[0].anonymous"),
        (
            [{"type": "event", "name": "E", "inputs": [{"name": f"a{i}", "type": "bool", "indexed": True} for i in range(4)]}],
            "abi[0].inputs",
        ),
        ([{"type": "event", "name": "E", "inputs": [{"name": "a", "type": "bool", "indexed": 1}]}], "abi[0].inputs[0].indexed"),
        ([{"type": "constructor"}] * 2, "abi"),
        ([function("f"), function("f", outputs=[{"name": "", "type": "bool"}])], "abi"),
    ],
)
def test_what_is_no_abi_is_refused_with_its_path(document: Any, path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Abi.parse(document)
    assert caught.value.path == path


def test_two_functions_of_one_selector_cannot_be_in_one_contract() -> None:
    """A collision that is known since 2018: both have 0x42966c68."""
    with pytest.raises(InvalidInput, match="one meaning for each selector"):
        Abi.parse([function("burn", "uint256"), function("collate_propagate_storage", "bytes16")])
    assert len(Abi.parse([function("burn", "uint256")] * 2).functions) == 1


def test_sizes_are_bounded() -> None:
    with pytest.raises(InvalidInput, match="at most 2000 entries"):
        Abi.parse([{"type": "receive"}] * 2001)
    with pytest.raises(InvalidInput, match="at most 1000 parameters"):
        Abi.parse([function("f", *["bool"] * 1001)])
    with pytest.raises(InvalidInput, match="at most 10000 parameters in all"):
        Abi.parse([function(f"f{i}", *["bool"] * 900) for i in range(12)])
    with pytest.raises(InvalidInput, match="4194304 bytes"):
        Abi.parse("[" + " " * 2**22 + "]")
    with pytest.raises(InvalidInput, match="levels"):
        Abi.parse("[" * 200 + "]" * 200)
