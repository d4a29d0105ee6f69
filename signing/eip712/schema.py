"""A type graph compiled once: type strings, type hashes, coercers and encoders for every struct in it."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Self, TypeVar

from orderseal.signing.eip712.coerce import Coercer, compile_coercers
from orderseal.signing.eip712.encode import Encoder, compile_encoders
from orderseal.signing.eip712.types import Member, SolidityType, TypeGraph, parse_graph
from orderseal.signing.keccak import keccak256
from orderseal.signing.values import Hash32

__all__ = ["Schema"]

_V = TypeVar("_V")
_Key = tuple[tuple[str, tuple[tuple[str, str], ...]], ...]


class _Computed(dict[str, _V]):
    """A mapping that computes each value when it is first asked for: the type strings of all structs together may be long."""

    def __init__(self, compute: Callable[[str], _V]) -> None:
        super().__init__()
        self._compute = compute

    def __missing__(self, key: str) -> _V:
        value = self[key] = self._compute(key)
        return value


class Schema:
    """The compiled form of the ``types`` of a document. Immutable, and shared between documents with the same types."""

    __slots__ = (
        "coerce_json",
        "coerce_python",
        "encode_data",
        "encoded_types",
        "encoder_for",
        "graph",
        "python_coercer_for",
        "type_hashes",
    )

    graph: TypeGraph
    encoded_types: Mapping[str, str]
    type_hashes: Mapping[str, Hash32]
    coerce_python: Mapping[str, Coercer]
    coerce_json: Mapping[str, Coercer]
    encode_data: Mapping[str, Encoder]
    python_coercer_for: Callable[[SolidityType], Coercer]
    encoder_for: Callable[[SolidityType], Encoder]

    def __init__(self, graph: TypeGraph) -> None:
        self.graph = graph
        self.encoded_types = encoded_types = _Computed(graph.encode_type)
        self.type_hashes = _Computed(lambda name: Hash32(keccak256(encoded_types[name].encode())))
        self.coerce_python, self.python_coercer_for = compile_coercers(graph, self.encoded_types, "python")
        self.coerce_json, _ = compile_coercers(graph, self.encoded_types, "json")
        self.encode_data, self.encoder_for = compile_encoders(graph, self.type_hashes)

    @classmethod
    def parse(cls, types: object, path: str = "types") -> Self:
        """Read a ``types`` object, or find the schema of an equal one that was read before."""
        key = _key(types)
        return cls._parsed(key) if key is not None else cls(parse_graph(types, path))

    @classmethod
    @lru_cache(maxsize=256)
    def _parsed(cls, key: _Key) -> Self:
        return cls(parse_graph({name: [{"name": n, "type": t} for n, t in members] for name, members in key}))

    def to_json(self) -> dict[str, list[dict[str, str]]]:
        """The declarations in the form of the ``types`` of a document."""
        return {name: members_to_json(members) for name, members in self.graph.structs.items()}

    def hash_struct(self, name: str, value: Any) -> Hash32:
        """``hashStruct`` of a canonical value (EIP-712, *Definition of hashStruct*)."""
        return Hash32(keccak256(self.encode_data[name](value)))


def members_to_json(members: tuple[Member, ...]) -> list[dict[str, str]]:
    """One struct's declaration in the form of the ``types`` of a document."""
    return [{"name": member.name, "type": member.type.name} for member in members]


def _key(types: Any) -> _Key | None:
    """The part of the types that decides their meaning, hashable; ``None`` where the form is wrong and the parser must say why."""
    try:
        key = tuple((name, tuple((m["name"], m["type"]) for m in members)) for name, members in types.items())
        well_formed = all(
            type(name) is str
            and type(members) in (list, tuple)
            and all(type(m) is dict and len(m) == 2 and type(m["name"]) is str and type(m["type"]) is str for m in members)
            for name, members in types.items()
        )
        hash(key)
    except (AttributeError, KeyError, TypeError, ValueError, IndexError):
        return None
    return key if well_formed else None
