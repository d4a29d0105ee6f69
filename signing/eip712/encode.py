"""Stage three: canonical values become words (EIP-712, *Definition of encodeData*). Values were checked by :mod:`.coerce`."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from orderseal.signing.eip712.types import ATOMS, ArrayType, AtomicType, SolidityType, TypeGraph
from orderseal.signing.keccak import keccak256

__all__ = ["Encoder", "Encoders", "atomic_encoder"]

Encoder = Callable[[Any], bytes]

_TRUE: Final = (1).to_bytes(32, "big")
_FALSE: Final = bytes(32)


def atomic_encoder(type_: AtomicType) -> Encoder:
    """Make the function that writes one canonical value as its 32-byte word."""
    match type_.kind:
        case "uint":
            return lambda value: value.to_bytes(32, "big")
        case "int":
            return lambda value: value.to_bytes(32, "big", signed=True)
        case "bool":
            return lambda value: _TRUE if value else _FALSE
        case "address":
            return lambda value: b"\0\0\0\0\0\0\0\0\0\0\0\0" + value
        case "bytesN":
            return lambda value: value.ljust(32, b"\0")
        case "bytes":
            return keccak256
        case "string":
            return lambda value: keccak256(value.encode())


_ATOMS: Final[Mapping[str, Encoder]] = {name: atomic_encoder(type_) for name, type_ in ATOMS.items()}


class Encoders:
    """The encoders of a graph's structs, each made when it is first asked for."""

    __slots__ = ("_graph", "_structs", "_type_hashes")

    def __init__(self, graph: TypeGraph, type_hashes: Mapping[str, bytes]) -> None:
        self._graph, self._type_hashes = graph, type_hashes
        self._structs: dict[str, Encoder] = {}

    def struct(self, name: str) -> Encoder:
        """``encodeData`` of a struct's canonical value, with its type hash before it."""
        if name not in self._structs:
            fields = [(member.name, _ATOMS.get(member.type.name) or self.make(member.type)) for member in self._graph.structs[name]]
            self._structs[name] = partial(_encode_struct, self._type_hashes[name], fields)
        return self._structs[name]

    def make(self, type_: SolidityType) -> Encoder:
        """The encoder of any type over the graph: one word."""
        if isinstance(type_, AtomicType):
            return _ATOMS[type_.name]
        if isinstance(type_, ArrayType):
            return partial(_encode_array, self.make(type_.element))
        name = type_.name
        return lambda value: keccak256(self.struct(name)(value))


def _encode_struct(type_hash: bytes, fields: list[tuple[str, Encoder]], value: Mapping[str, Any]) -> bytes:
    return type_hash + b"".join([encode(value[name]) for name, encode in fields])


def _encode_array(element: Encoder, items: tuple[Any, ...]) -> bytes:
    return keccak256(b"".join(map(element, items)))
