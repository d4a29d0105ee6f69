"""Solidity's types as annotations for declared structs: ``price: uint256``. Each is the Python type with its Solidity name.

All of EIP-712's atomic and dynamic types are here. ``bool`` and ``bytes`` are Python's own words, so theirs are :data:`boolean` and
:data:`dynamic_bytes`. Arrays are tuples: ``tuple[uint256, ...]`` is ``uint256[]``, ``tuple[Item, Item]`` is
``Item[2]``.
"""

from typing import Annotated

from orderseal.signing.eip712.annotations import Sol
from orderseal.signing.values import Address

__all__ = [
    "address",
    "boolean",
    "bytes1",
    "bytes2",
    "bytes3",
    "bytes4",
    "bytes5",
    "bytes6",
    "bytes7",
    "bytes8",
    "bytes9",
    "bytes10",
    "bytes11",
    "bytes12",
    "bytes13",
    "bytes14",
    "bytes15",
    "bytes16",
    "bytes17",
    "bytes18",
    "bytes19",
    "bytes20",
    "bytes21",
    "bytes22",
    "bytes23",
    "bytes24",
    "bytes25",
    "bytes26",
    "bytes27",
    "bytes28",
    "bytes29",
    "bytes30",
    "bytes31",
    "bytes32",
    "dynamic_bytes",
    "int8",
    "int16",
    "int24",
    "int32",
    "int40",
    "int48",
    "int56",
    "int64",
    "int72",
    "int80",
    "int88",
    "int96",
    "int104",
    "int112",
    "int120",
    "int128",
    "int136",
    "int144",
    "int152",
    "int160",
    "int168",
    "int176",
    "int184",
    "int192",
    "int200",
    "int208",
    "int216",
    "int224",
    "int232",
    "int240",
    "int248",
    "int256",
    "string",
    "uint8",
    "uint16",
    "uint24",
    "uint32",
    "uint40",
    "uint48",
    "uint56",
    "uint64",
    "uint72",
    "uint80",
    "uint88",
    "uint96",
    "uint104",
    "uint112",
    "uint120",
    "uint128",
    "uint136",
    "uint144",
    "uint152",
    "uint160",
    "uint168",
    "uint176",
    "uint184",
    "uint192",
    "uint200",
    "uint208",
    "uint216",
    "uint224",
    "uint232",
    "uint240",
    "uint248",
    "uint256",
]

address = Annotated[Address, Sol("address")]
boolean = Annotated[bool, Sol("bool")]
string = Annotated[str, Sol("string")]
dynamic_bytes = Annotated[bytes, Sol("bytes")]

bytes1 = Annotated[bytes, Sol("bytes1")]
bytes2 = Annotated[bytes, Sol("bytes2")]
bytes3 = Annotated[bytes, Sol("bytes3")]
bytes4 = Annotated[bytes, Sol("bytes4")]
bytes5 = Annotated[bytes, Sol("bytes5")]
bytes6 = Annotated[bytes, Sol("bytes6")]
bytes7 = Annotated[bytes, Sol("bytes7")]
bytes8 = Annotated[bytes, Sol("bytes8")]
bytes9 = Annotated[bytes, Sol("bytes9")]
bytes10 = Annotated[bytes, Sol("bytes10")]
bytes11 = Annotated[bytes, Sol("bytes11")]
bytes12 = Annotated[bytes, Sol("bytes12")]
bytes13 = Annotated[bytes, Sol("bytes13")]
bytes14 = Annotated[bytes, Sol("bytes14")]
bytes15 = Annotated[bytes, Sol("bytes15")]
bytes16 = Annotated[bytes, Sol("bytes16")]
bytes17 = Annotated[bytes, Sol("bytes17")]
bytes18 = Annotated[bytes, Sol("bytes18")]
bytes19 = Annotated[bytes, Sol("bytes19")]
bytes20 = Annotated[bytes, Sol("bytes20")]
bytes21 = Annotated[bytes, Sol("bytes21")]
bytes22 = Annotated[bytes, Sol("bytes22")]
bytes23 = Annotated[bytes, Sol("bytes23")]
bytes24 = Annotated[bytes, Sol("bytes24")]
bytes25 = Annotated[bytes, Sol("bytes25")]
bytes26 = Annotated[bytes, Sol("bytes26")]
bytes27 = Annotated[bytes, Sol("bytes27")]
bytes28 = Annotated[bytes, Sol("bytes28")]
bytes29 = Annotated[bytes, Sol("bytes29")]
bytes30 = Annotated[bytes, Sol("bytes30")]
bytes31 = Annotated[bytes, Sol("bytes31")]
bytes32 = Annotated[bytes, Sol("bytes32")]

uint8 = Annotated[int, Sol("uint8")]
uint16 = Annotated[int, Sol("uint16")]
uint24 = Annotated[int, Sol("uint24")]
uint32 = Annotated[int, Sol("uint32")]
uint40 = Annotated[int, Sol("uint40")]
uint48 = Annotated[int, Sol("uint48")]
uint56 = Annotated[int, Sol("uint56")]
uint64 = Annotated[int, Sol("uint64")]
uint72 = Annotated[int, Sol("uint72")]
uint80 = Annotated[int, Sol("uint80")]
uint88 = Annotated[int, Sol("uint88")]
uint96 = Annotated[int, Sol("uint96")]
uint104 = Annotated[int, Sol("uint104")]
uint112 = Annotated[int, Sol("uint112")]
uint120 = Annotated[int, Sol("uint120")]
uint128 = Annotated[int, Sol("uint128")]
uint136 = Annotated[int, Sol("uint136")]
uint144 = Annotated[int, Sol("uint144")]
uint152 = Annotated[int, Sol("uint152")]
uint160 = Annotated[int, Sol("uint160")]
uint168 = Annotated[int, Sol("uint168")]
uint176 = Annotated[int, Sol("uint176")]
uint184 = Annotated[int, Sol("uint184")]
uint192 = Annotated[int, Sol("uint192")]
uint200 = Annotated[int, Sol("uint200")]
uint208 = Annotated[int, Sol("uint208")]
uint216 = Annotated[int, Sol("uint216")]
uint224 = Annotated[int, Sol("uint224")]
uint232 = Annotated[int, Sol("uint232")]
uint240 = Annotated[int, Sol("uint240")]
uint248 = Annotated[int, Sol("uint248")]
uint256 = Annotated[int, Sol("uint256")]

int8 = Annotated[int, Sol("int8")]
int16 = Annotated[int, Sol("int16")]
int24 = Annotated[int, Sol("int24")]
int32 = Annotated[int, Sol("int32")]
int40 = Annotated[int, Sol("int40")]
int48 = Annotated[int, Sol("int48")]
int56 = Annotated[int, Sol("int56")]
int64 = Annotated[int, Sol("int64")]
int72 = Annotated[int, Sol("int72")]
int80 = Annotated[int, Sol("int80")]
int88 = Annotated[int, Sol("int88")]
int96 = Annotated[int, Sol("int96")]
int104 = Annotated[int, Sol("int104")]
int112 = Annotated[int, Sol("int112")]
int120 = Annotated[int, Sol("int120")]
int128 = Annotated[int, Sol("int128")]
int136 = Annotated[int, Sol("int136")]
int144 = Annotated[int, Sol("int144")]
int152 = Annotated[int, Sol("int152")]
int160 = Annotated[int, Sol("int160")]
int168 = Annotated[int, Sol("int168")]
int176 = Annotated[int, Sol("int176")]
int184 = Annotated[int, Sol("int184")]
int192 = Annotated[int, Sol("int192")]
int200 = Annotated[int, Sol("int200")]
int208 = Annotated[int, Sol("int208")]
int216 = Annotated[int, Sol("int216")]
int224 = Annotated[int, Sol("int224")]
int232 = Annotated[int, Sol("int232")]
int240 = Annotated[int, Sol("int240")]
int248 = Annotated[int, Sol("int248")]
int256 = Annotated[int, Sol("int256")]
