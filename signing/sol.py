"""Solidity's types as annotations for declared structs: ``price: uint256``. Each is the Python type with its Solidity name.

Widths that are not listed, and arrays, are written out: ``Annotated[int, Sol("uint88")]`` and
``Annotated[tuple[int, ...], Sol("uint256[]")]``.
"""

from typing import Annotated

from orderseal.signing.eip712.struct import Sol
from orderseal.signing.values import Address

__all__ = [
    "address",
    "boolean",
    "bytes4",
    "bytes32",
    "dynamic_bytes",
    "int256",
    "string",
    "uint8",
    "uint16",
    "uint32",
    "uint48",
    "uint64",
    "uint96",
    "uint128",
    "uint160",
    "uint256",
]

address = Annotated[Address, Sol("address")]
boolean = Annotated[bool, Sol("bool")]
string = Annotated[str, Sol("string")]
dynamic_bytes = Annotated[bytes, Sol("bytes")]
bytes4 = Annotated[bytes, Sol("bytes4")]
bytes32 = Annotated[bytes, Sol("bytes32")]
int256 = Annotated[int, Sol("int256")]
uint8 = Annotated[int, Sol("uint8")]
uint16 = Annotated[int, Sol("uint16")]
uint32 = Annotated[int, Sol("uint32")]
uint48 = Annotated[int, Sol("uint48")]
uint64 = Annotated[int, Sol("uint64")]
uint96 = Annotated[int, Sol("uint96")]
uint128 = Annotated[int, Sol("uint128")]
uint160 = Annotated[int, Sol("uint160")]
uint256 = Annotated[int, Sol("uint256")]
