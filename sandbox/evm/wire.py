"""JSON-RPC values: ``0x`` hex quantities and data, read strictly, and errors in the form that geth gives them."""

from __future__ import annotations

import re
from typing import Any, cast

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
SERVER_ERROR = -32000
LIMIT_EXCEEDED = -32005
REVERTED = 3

_QUANTITY = re.compile(r"0x(?:0|[1-9a-fA-F][0-9a-fA-F]{0,63})")
_DATA = re.compile(r"0x(?:[0-9a-fA-F]{2})*")
_ERROR_STRING = bytes.fromhex("08c379a0")
_PANIC = bytes.fromhex("4e487b71")


class RpcError(Exception):
    """An error object of a JSON-RPC reply."""

    def __init__(self, code: int, message: str, data: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data

    def to_json(self) -> dict[str, Any]:
        """The ``error`` member."""
        return {"code": self.code, "message": self.message} | ({} if self.data is None else {"data": self.data})


def invalid(message: str) -> RpcError:
    return RpcError(INVALID_PARAMS, message)


def to_quantity(value: int) -> str:
    return hex(value)


def to_data(value: bytes) -> str:
    return "0x" + value.hex()


def quantity(value: object, name: str = "quantity") -> int:
    """Read a quantity: ``0x`` hex without leading zeros, at most 32 bytes."""
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
        raise invalid(f"{name} must be a 0x hex quantity without leading zeros")
    return int(value, 16)


def data(value: object, name: str = "data", size: int | None = None) -> bytes:
    """Read bytes: ``0x`` hex of even length, of a given size if one is given."""
    if not isinstance(value, str) or not _DATA.fullmatch(value):
        raise invalid(f"{name} must be 0x hex of even length")
    raw = bytes.fromhex(value[2:])
    if size is not None and len(raw) != size:
        raise invalid(f"{name} must be {size} bytes, got {len(raw)}")
    return raw


def address(value: object, name: str = "address") -> bytes:
    return data(value, name, 20)


def members(value: object, name: str, *allowed: str) -> dict[str, Any]:
    """Read an object that has no other members than these; a member that is null is absent."""
    if not isinstance(value, dict):
        raise invalid(f"{name} must be an object")
    given = cast("dict[str, Any]", value)
    extra = given.keys() - set(allowed)
    if extra:
        raise invalid(f"{name} has the unknown member {min(extra)[:40]}")
    return {key: item for key, item in given.items() if item is not None}


def array(value: object, name: str, most: int) -> list[Any]:
    if not isinstance(value, list) or len(value) > most:
        raise invalid(f"{name} must be an array of at most {most}")
    return value


def revert_message(output: bytes) -> str:
    """``execution reverted``, with the reason if the contract gave one as Solidity's Error(string) or Panic(uint256)."""
    if output[:4] == _PANIC and len(output) == 36:
        return f"execution reverted: panic: code {hex(int.from_bytes(output[4:], 'big'))}"
    if output[:4] == _ERROR_STRING and len(output) >= 68:
        length = int.from_bytes(output[36:68], "big")
        if int.from_bytes(output[4:36], "big") == 32 and length <= len(output) - 68:
            return f"execution reverted: {output[68 : 68 + length].decode(errors='replace')}"
    return "execution reverted"
