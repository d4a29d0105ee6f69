"""Stage three: canonical values become words (EIP-712, *Definition of encodeData*). Values were checked by :mod:`.coerce`."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from orderseal.signing.eip712.types import ArrayType, AtomicType, SolidityType, TypeGraph
from orderseal.signing.keccak import keccak256

__all__ = ["Encoder", "atomic_encoder", "compile_encoders"]

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


def compile_encoders(graph: TypeGraph, type_hashes: Mapping[str, bytes]) -> tuple[dict[str, Encoder], Callable[[SolidityType], Encoder]]:
    """Compile ``encodeData`` (type hash included) for every struct, and give a function that makes an encoder for any type."""
    structs: dict[str, Encoder] = {}

    def make(type_: SolidityType) -> Encoder:
        if isinstance(type_, AtomicType):
            return atomic_encoder(type_)
        if isinstance(type_, ArrayType):
            element = make(type_.element)
            return lambda items: keccak256(b"".join([element(item) for item in items]))
        name = type_.name
        return lambda value: keccak256(structs[name](value))

    def struct_encoder(name: str) -> Encoder:
        fields = [(member.name, make(member.type)) for member in graph.structs[name]]
        return lambda value: type_hashes[name] + b"".join([encode(value[key]) for key, encode in fields])

    for name in graph.structs:
        structs[name] = struct_encoder(name)
    return structs, make
