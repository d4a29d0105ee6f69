"""Random ABI types with values of them, as ABI JSON, canonical values, and type strings for other libraries."""

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from orderseal.chain.abi import Abi, AbiFunction
from orderseal.signing import Address

BITS = st.integers(1, 32).map(lambda n: 8 * n)


@dataclass
class Case:
    """Parameters of ABI JSON and the canonical values of them."""

    inputs: list[dict[str, Any]]
    values: tuple[Any, ...]

    @property
    def function(self) -> AbiFunction:
        entry = {"type": "function", "name": "f", "inputs": self.inputs, "outputs": self.inputs, "stateMutability": "view"}
        return Abi.parse([entry]).functions[0]

    @property
    def types(self) -> list[str]:
        return [parameter.type.name for parameter in self.function.inputs]


@st.composite
def typed(draw: st.DrawFn, depth: int = 3, functions: bool = True) -> tuple[dict[str, Any], st.SearchStrategy[Any]]:
    """A parameter without name, and a strategy for its values."""
    kinds = ["uint", "int", "bytesN", "address", "bool", "bytes", "string", *["function"] * functions]
    kind = draw(st.sampled_from([*kinds, *["tuple", "array"] * (2 * (depth > 0))]))
    match kind:
        case "uint":
            bits = draw(BITS)
            return {"type": f"uint{bits}"}, st.integers(0, 2**bits - 1) | st.just(2**bits - 1)
        case "int":
            bits = draw(BITS)
            return {"type": f"int{bits}"}, st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) | st.just(-(2 ** (bits - 1)))
        case "bytesN":
            size = draw(st.integers(1, 32))
            return {"type": f"bytes{size}"}, st.binary(min_size=size, max_size=size)
        case "function":
            return {"type": "function"}, st.binary(min_size=24, max_size=24)
        case "address":
            return {"type": "address"}, st.binary(min_size=20, max_size=20).map(Address)
        case "bool":
            return {"type": "bool"}, st.booleans()
        case "bytes":
            return {"type": "bytes"}, st.binary(max_size=70)
        case "string":
            return {"type": "string"}, st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
        case "tuple":
            members = draw(st.lists(typed(depth - 1, functions), min_size=1, max_size=3))
            components = [{**declared, "name": f"m{i}"} for i, (declared, _values) in enumerate(members)]
            return {"type": "tuple", "components": components}, st.tuples(*[values for _declared, values in members])
        case _:
            declared, values = draw(typed(depth - 1, functions))
            length = draw(st.none() | st.integers(1, 3))
            brackets = "[]" if length is None else f"[{length}]"
            sizes = (0, 3) if length is None else (length, length)
            return {**declared, "type": declared["type"] + brackets}, st.lists(values, min_size=sizes[0], max_size=sizes[1]).map(tuple)


@st.composite
def cases(draw: st.DrawFn, least: int = 0, functions: bool = True) -> Case:
    members = draw(st.lists(typed(functions=functions), min_size=least, max_size=4))
    inputs = [{**declared, "name": f"a{i}"} for i, (declared, _values) in enumerate(members)]
    return Case(inputs, tuple([draw(values) for _declared, values in members]))
