"""A type graph compiled once: type strings, type hashes, coercers and encoders for the structs in it."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, Self

from orderseal.signing.eip712.coerce import Coercer, Coercers, Source
from orderseal.signing.eip712.computed import Computed
from orderseal.signing.eip712.encode import Encoder, Encoders
from orderseal.signing.eip712.types import Declarations, Member, SolidityType, TypeGraph, build_graph, read_declarations
from orderseal.signing.limits import DEFAULT_LIMITS, Limits
from orderseal.signing.values import Hash32, hash32

__all__ = ["Schema", "members_to_json"]

_MOST_CACHED_MEMBERS: Final = 200


class Schema:
    """The compiled form of the ``types`` of a document. Immutable, and shared between documents with the same types.

    Each struct is compiled when it is first used, and for the side that uses it.
    """

    __slots__ = ("_coercers", "_encoders", "graph", "type_hashes")

    graph: TypeGraph
    type_hashes: Mapping[str, Hash32]

    def __init__(self, graph: TypeGraph) -> None:
        self.graph = graph
        # The hashes are kept, the strings are not: those of many structs together may be long.
        self.type_hashes = type_hashes = Computed(lambda name: hash32(graph.encode_type(name).encode()))
        self._coercers: dict[Source, Coercers] = {}
        self._encoders = Encoders(graph, type_hashes)

    @classmethod
    def parse(cls, types: object, path: str = "types", limits: Limits = DEFAULT_LIMITS) -> Self:
        """Read a ``types`` object, or find the schema of an equal small one that was read before.

        Raises :class:`~orderseal.signing.InvalidInput` with the path of the first fault: a bad name or type, a duplicate member, an
        undeclared struct, a struct that contains itself.
        """
        declarations = read_declarations(types, path, limits)
        if limits is DEFAULT_LIMITS and sum([len(pairs) for _name, pairs in declarations]) <= _MOST_CACHED_MEMBERS:
            return cls._cached(declarations, path)
        return cls(build_graph(declarations, path, limits))

    @classmethod
    @lru_cache(maxsize=256)
    def _cached(cls, declarations: Declarations, path: str) -> Self:
        return cls(build_graph(declarations, path))

    def coercers(self, source: Source) -> Coercers:
        """What checks values from Python or from JSON."""
        return self._coercers.get(source) or self._coercers.setdefault(source, Coercers(self.graph, self.type_hashes, source))

    def coerce(self, name: str, value: Any, source: Source) -> Mapping[str, Any]:
        """Check the value of a struct and give its canonical form."""
        return self.coercers(source).struct(name)(value)  # type: ignore[no-any-return]

    def encode_data(self, name: str, value: Any) -> bytes:
        """The type hash and ``encodeData`` of a canonical value."""
        return self._encoders.struct(name)(value)

    def hash_struct(self, name: str, value: Any) -> Hash32:
        """``hashStruct`` of a canonical value (EIP-712, *Definition of hashStruct*)."""
        return hash32(self._encoders.struct(name)(value))

    def coercer_for(self, type_: SolidityType) -> Coercer:
        """A coercer of Python values for any type over the graph."""
        return self.coercers("python").make(type_)

    def encoder_for(self, type_: SolidityType) -> Encoder:
        """An encoder for any type over the graph."""
        return self._encoders.make(type_)

    def to_json(self) -> dict[str, list[dict[str, str]]]:
        """The declarations in the form of the ``types`` of a document."""
        return {name: members_to_json(members) for name, members in self.graph.structs.items()}


def members_to_json(members: tuple[Member, ...]) -> list[dict[str, str]]:
    """One struct's declaration in the form of the ``types`` of a document."""
    return [{"name": member.name, "type": member.type.name} for member in members]
