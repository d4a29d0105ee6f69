"""RLP, as far as transactions need it: a list of byte strings, of which some may be empty lists (Ethereum yellow paper, appendix B).

The package ``rlp`` takes a quarter of a second to import; the tests hold the two equal.
"""

from collections.abc import Sequence
from typing import Final, Literal

__all__ = ["EMPTY_LIST", "Item", "RlpError", "decode_list", "encode_list", "number_bytes", "read_number"]

EMPTY_LIST: Final[tuple[()]] = ()

Item = bytes | tuple[()]


class RlpError(ValueError):
    """These bytes are not the one encoding of a list of this kind. For use within this room."""


def number_bytes(value: int) -> bytes:
    """A whole number as RLP has it: big-endian without leading zeros, and nothing for 0."""
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


def read_number(item: Item, most_bytes: int = 32) -> int:
    """The number that an item holds."""
    if not isinstance(item, bytes) or len(item) > most_bytes or item[:1] == b"\0":
        raise RlpError(f"a number with leading zeros, or of more than {most_bytes} bytes")
    return int.from_bytes(item, "big")


def encode_list(items: Sequence[Item]) -> bytes:
    """The encoding of a list of byte strings and empty lists."""
    body = b"".join([_encode_item(item) for item in items])
    return _head(0xC0, len(body)) + body


def decode_list(data: bytes, most_items: int) -> list[Item]:
    """Read one list that is all of ``data``.

    Raises:
        RlpError: the data is something else, holds lists that are not empty, or is not in its shortest form.
    """
    kind, start, end = _read_head(data, 0)
    if kind != "list" or end != len(data):
        raise RlpError("no list, or bytes after it")
    found: list[Item] = []
    while start < end:
        kind, first, start = _read_head(data, start)
        if start > end or len(found) == most_items:
            raise RlpError("an item that goes beyond its list" if start > end else f"more than {most_items} items")
        if kind == "list" and first != start:
            raise RlpError("a list that is not empty within the list")
        found.append(data[first:start] if kind == "bytes" else EMPTY_LIST)
    return found


def _encode_item(item: Item) -> bytes:
    if not isinstance(item, bytes):
        return b"\xc0"
    return item if len(item) == 1 and item[0] < 0x80 else _head(0x80, len(item)) + item


def _head(base: int, length: int) -> bytes:
    if length < 56:
        return bytes([base + length])
    size = number_bytes(length)
    return bytes([base + 55 + len(size)]) + size


def _read_head(data: bytes, at: int) -> tuple[Literal["bytes", "list"], int, int]:
    """What the item at a place is, and where its content starts and ends."""
    if at >= len(data):
        raise RlpError("nothing where an item was due")
    first = data[at]
    if first < 0x80:
        return "bytes", at, at + 1
    kind: Literal["bytes", "list"] = "bytes" if first < 0xC0 else "list"
    length = first - (0x80 if kind == "bytes" else 0xC0)
    start = at + 1
    if length > 55:
        size = data[start : start + length - 55]
        start += length - 55
        length = int.from_bytes(size, "big")
        if start > len(data) or size[:1] == b"\0" or length < 56:
            raise RlpError("a length that is not in its shortest form")
    if start + length > len(data):
        raise RlpError("an item that is cut off")
    if kind == "bytes" and length == 1 and data[start] < 0x80:
        raise RlpError("a byte that is not in its shortest form")
    return kind, start, start + length
