"""Why a contract refused: revert data in words (Solidity, *Panic via assert and Error via require*)."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from orderseal.chain.abi import Abi, AbiError, Error, Oddity
from orderseal.chain.abi.decode import check_data
from orderseal.signing.errors import InvalidInput, Reverted
from orderseal.signing.sol import string, uint256
from orderseal.signing.values import Address

__all__ = ["PANIC_CODES", "Panic", "Revert", "RevertReason", "printable", "read_revert", "show", "solidity_errors"]

_MOST_CHARACTERS: Final = 200
_MOST_VALUE: Final = 80

PANIC_CODES: Final[Mapping[int, str]] = {
    0x00: "a panic that the compiler inserted",
    0x01: "an assertion failed",
    0x11: "arithmetic overflow or underflow",
    0x12: "division by zero",
    0x21: "a value that its enum has not",
    0x22: "storage of bytes or a string that is wrongly encoded",
    0x31: "pop from an empty array",
    0x32: "an index beyond the end of an array",
    0x41: "too much memory was allocated",
    0x51: "a call of an internal function that is not set",
}
"""What Solidity's panic codes mean."""


class Revert(Error, name="Error"):
    """``Error(string)``: what ``require`` and ``revert`` with a text give."""

    message: string


class Panic(Error):
    """``Panic(uint256)``: what the compiler's own checks give."""

    code: uint256


def solidity_errors() -> Abi:
    """``Error(string)`` and ``Panic(uint256)`` in the general form."""
    return Abi(errors=(Revert.abi, Panic.abi))


@dataclass(frozen=True, slots=True)
class RevertReason:
    """What revert data says.

    Attributes:
        kind: ``empty`` (no data), ``message`` (a text), ``panic``, ``custom`` (an error of a given ABI), ``ambiguous`` (the data fits
            several errors) or ``unknown``.
        text: in words, printable, and no longer than some 300 characters. A stranger wrote parts of it.
        candidates: the errors that the data may be, with their values.
        warnings: what is not canonical in it.
    """

    kind: Literal["empty", "message", "panic", "custom", "ambiguous", "unknown"]
    text: str
    data: bytes
    candidates: tuple[tuple[AbiError, tuple[Any, ...]], ...] = ()
    warnings: tuple[Oddity, ...] = ()

    def error(self, what: str) -> Reverted:
        """The error to raise: ``raise read_revert(data, abi).error("buy")``."""
        return Reverted(what, reason=self.text, data=self.data)


def read_revert(data: bytes, abis: Sequence[Abi] = (), path: str = "data") -> RevertReason:
    """Say what revert data means. Whatever a contract reverts with gets an answer; nothing but a wrong type or 32 MiB raises.

    The data is read as Solidity does, since a contract may build it by hand.
    """
    raw = check_data(data, path)
    if not raw:
        return RevertReason("empty", "no reason given", raw)
    known = {(e.signature, e.inputs): e for abi in (solidity_errors(), *abis) for e in abi.errors if e.selector == raw[:4]}
    found: list[tuple[AbiError, tuple[Any, ...]]] = []
    warnings: list[Oddity] = []
    for error in known.values():
        try:
            value, odd = error.read(raw)
        except InvalidInput:
            continue
        found.append((error, value))
        warnings += odd
    candidates = tuple(found)
    if len(found) > 1:
        texts = " or ".join(_call(error, values) for error, values in found[:3])
        return RevertReason("ambiguous", _cut(texts, 300), raw, candidates, tuple(warnings))
    if not found:
        selector = f"0x{raw[:4].hex()}" if len(raw) >= 4 else f"0x{raw.hex()}, which is no selector"
        what = "data that is not that of the error with its selector" if known else "an error that is not known"
        return RevertReason("unknown", f"{what}: {selector}, {len(raw)} bytes", raw)
    ((error, values),) = found
    if error.signature == Revert.abi.signature:
        return RevertReason("message", printable(values[0]) or "an empty message", raw, candidates, tuple(warnings))
    if error.signature == Panic.abi.signature:
        name = PANIC_CODES.get(values[0], "a code that Solidity does not use")
        code = hex(values[0]) if values[0] < 2**32 else "above 2^32"
        return RevertReason("panic", f"panic {code}: {name}", raw, candidates, tuple(warnings))
    return RevertReason("custom", _cut(_call(error, values), 300), raw, candidates, tuple(warnings))


def _call(error: AbiError, values: tuple[Any, ...]) -> str:
    shown = [f"{p.name}={show(value)}" if p.name else show(value) for p, value in zip(error.inputs, values, strict=True)]
    return f"{_cut(error.name, 60)}({', '.join(shown)})"


def show(value: Any, longest: int = _MOST_VALUE) -> str:
    """A decoded value in one printable line of at most some ``longest`` characters, which it says where it cuts."""
    if value is True or value is False:
        return str(value).lower()
    if isinstance(value, str):
        return f'"{printable(value, longest)}"'
    if isinstance(value, bytes):
        text = str(value) if isinstance(value, Address) else f"0x{value[:longest].hex()}"
        return text if len(value) <= 32 else f"{_cut(text, longest)} ({len(value)} bytes)"
    if isinstance(value, tuple):
        parts: list[str] = []
        for item in value:
            parts.append(show(item, longest))
            if sum([len(part) for part in parts]) > longest:
                return f"[{', '.join(parts)[:longest]}… ({len(value)} items)]"
        return f"[{', '.join(parts)}]"
    return str(value)


def printable(text: str, longest: int = _MOST_CHARACTERS) -> str:
    """A stranger's text for a terminal or a log: one line, without control, direction or invisible characters, and cut."""
    shown = "".join([_safe(character) for character in text[: longest + 1]])
    return _cut(shown, longest) if len(text) <= longest else f"{shown[:longest]}… ({len(text)} characters)"


def _safe(character: str) -> str:
    if character in '\\"':
        return "\\" + character
    if character.isprintable() and not unicodedata.combining(character):
        return character
    return character.encode("unicode_escape").decode()


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}…"
