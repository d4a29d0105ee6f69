"""Stage four: bytes become canonical values, by one walk that is strict, or reads as Solidity does.

**Strict** takes the one canonical encoding of a value and nothing else: what is decoded encodes to the same bytes again.

**Reading as Solidity does** (ABI coder v2, ``ABIFunctions.cpp``) goes on where Solidity would, and says what was odd: bytes after the
end, offsets that leave gaps, overlap or run backwards, padding after ``bytes`` and ``string`` that is not zero or not there, and
strings that are no UTF-8, whose bad bytes become U+FFFD. It refuses what Solidity reverts on: too few bytes, and an integer,
``bool``, ``address`` or ``bytesN`` with bits outside its type.

The work is bounded by the length of the data in both: lengths are held against what is there before anything is allocated, and values
that overlap may not ask for more than a mebibyte beyond the data itself.
"""

from dataclasses import dataclass
from typing import Any, Final, Generic, NamedTuple, TypeVar

from orderseal.chain.abi.types import AbiType, Array, Parameter, Tuple, head_size, is_dynamic
from orderseal.signing.eip712.types import AtomicType
from orderseal.signing.errors import InvalidInput, describe
from orderseal.signing.limits import DEFAULT_LIMITS
from orderseal.signing.values import Address, exact_bytes

__all__ = ["MAX_DATA", "Oddity", "Reading", "check_data", "decode_members", "decode_word", "read_members"]

T = TypeVar("T")

MAX_DATA: Final = DEFAULT_LIMITS.document_bytes
"""The most bytes that are decoded at once. No block could hold them."""

_OVERLAP: Final = 2**20
_MAX_OFFSET: Final = 2**64 - 1
_MOST_ODDITIES: Final = 20
_ZERO: Final = bytes(32)


@dataclass(frozen=True, slots=True)
class Oddity:
    """Something that Solidity accepts, but that its own encoder never writes.

    Attributes:
        path: where, for example ``return.name``.
        expected: what the canonical encoding has there.
        actual: what came.
    """

    path: str
    expected: str
    actual: str

    def __str__(self) -> str:
        return f"{self.path}: expected {self.expected}, got {self.actual}"


class Reading(NamedTuple, Generic[T]):
    """A value as Solidity would read it, and what was odd about its bytes: nothing, for canonical ones."""

    value: T
    warnings: tuple[Oddity, ...]


def check_data(data: object, path: str) -> bytes:
    """Give the bytes, if they are ``bytes`` and not too many."""
    if not isinstance(data, bytes):
        hint = "Convert hex with bytes.fromhex(text[2:])" if isinstance(data, str) else ""
        raise InvalidInput(path=path, expected="bytes", actual=describe(data), hint=hint)
    if len(raw := exact_bytes(data)) > MAX_DATA:
        raise InvalidInput(path=path, expected=f"at most {MAX_DATA} bytes", actual=describe(raw))
    return raw


def decode_members(members: tuple[Parameter, ...], data: bytes, path: str, start: int = 0) -> tuple[Any, ...]:
    """Decode strictly what stands from ``start`` to the end of ``data``.

    Raises:
        InvalidInput: not the canonical encoding of values of these types.
    """
    return _Walk(data, start, path, None).all(members)


def read_members(members: tuple[Parameter, ...], data: bytes, path: str, start: int = 0) -> Reading[tuple[Any, ...]]:
    """Decode as Solidity does what stands from ``start`` to the end of ``data``.

    Raises:
        InvalidInput: Solidity would revert.
    """
    oddities: list[Oddity] = []
    values = _Walk(data, start, path, oddities).all(members)
    return Reading(values, tuple(oddities))


def decode_word(type_: AtomicType, word: bytes, path: str) -> Any:
    """Decode a value type from its one word, such as a topic."""
    return _Walk(word, 0, path, None).atom(type_, 0)


class _Walk:
    """One pass over the data. ``oddities`` is ``None`` for the strict one; offsets count from the enclosing tuple or array."""

    def __init__(self, data: bytes, start: int, path: str, oddities: list[Oddity] | None) -> None:
        self.data, self.start, self.trail, self.oddities = data, start, [path], oddities
        self.budget = len(data) + _OVERLAP

    def path(self) -> str:
        return "".join([f".{step}" if i and not step.startswith("[") else step for i, step in enumerate(self.trail)])

    def bad(self, expected: str, actual: str, hint: str = "") -> InvalidInput:
        return InvalidInput(path=self.path(), expected=expected, actual=actual, hint=hint)

    def odd(self, expected: str, actual: str) -> None:
        """Something that Solidity accepts: an error in the strict walk, else a warning."""
        if self.oddities is None:
            raise self.bad(expected, actual)
        if len(self.oddities) < _MOST_ODDITIES:
            self.oddities.append(Oddity(self.path(), expected, actual))

    def all(self, members: tuple[Parameter, ...]) -> tuple[Any, ...]:
        values, end = self.members(members, self.start, sum([head_size(member.type) for member in members]))
        if end < len(self.data):
            self.odd(f"the end of the data after {end - self.start} bytes of values", f"bytes after it: {len(self.data) - end}")
        return values

    def need(self, at: int, size: int, what: str) -> None:
        """Make sure that ``size`` bytes are there from ``at``, and that all of them together are not read too often."""
        if at + size > len(self.data):
            there = max(len(self.data) - at, 0)
            asked = str(size) if size < 2**64 else "2^64 or more"
            raise self.bad(f"{asked} bytes for {what}", f"{there} bytes to the end of the data")
        self.budget -= size
        if self.budget < 0:
            raise self.bad("values that share few bytes", "offsets that point to the same bytes again and again")

    def value(self, type_: AbiType, at: int) -> tuple[Any, int]:
        """The value whose encoding begins at ``at``, and where it ends."""
        if isinstance(type_, Tuple):
            return self.members(type_.members, at, type_.size)
        if isinstance(type_, Array):
            return self.array(type_, at)
        if type_.kind in ("bytes", "string"):
            return self.dynamic(type_, at)
        self.need(at, 32, type_.name)
        return self.atom(type_, at), at + 32

    def behind(self, type_: AbiType, base: int, at: int, end: int) -> tuple[Any, int]:
        """A value in the tail: its offset stands at ``at`` and counts from ``base``; ``end`` is where the canonical one begins."""
        offset = int.from_bytes(self.data[at : at + 32], "big")
        if offset != end - base:
            shown = str(offset) if offset <= _MAX_OFFSET else "2^64 or more"
            if offset > _MAX_OFFSET:
                raise self.bad(f"the offset {end - base}", shown)
            self.odd(f"the offset {end - base}", shown)
        value, own_end = self.value(type_, base + offset)
        return value, max(end, own_end)

    def members(self, members: tuple[Parameter, ...], at: int, head: int) -> tuple[tuple[Any, ...], int]:
        self.need(at, head, "the values" if len(self.trail) == 1 else "the tuple")
        end = place = at
        end += head
        values: list[Any] = []
        for index, (name, type_, _indexed) in enumerate(members):
            self.trail.append(name or f"[{index}]")
            if is_dynamic(type_):
                value, end = self.behind(type_, at, place, end)
                place += 32
            else:
                value, place = self.value(type_, place)
            values.append(value)
            self.trail.pop()
        return tuple(values), end

    def array(self, type_: Array, at: int) -> tuple[tuple[Any, ...], int]:
        element, size = type_.element, head_size(type_.element)
        if type_.length is None:
            self.need(at, 32, "the length")
            length = int.from_bytes(self.data[at : at + 32], "big")
            at += 32
        else:
            length = type_.length
        self.need(at, length * size, f"{length if length < 2**64 else '2^64 or more'} items of {element.name}")
        end = at + length * size
        if isinstance(element, AtomicType) and size == 32 and element.kind in ("uint", "int") and element.size == 256:
            signed, data = element.kind == "int", self.data
            return tuple([int.from_bytes(data[i : i + 32], "big", signed=signed) for i in range(at, end, 32)]), end
        inner_dynamic = is_dynamic(element)
        values: list[Any] = []
        self.trail.append("")
        for index in range(length):
            self.trail[-1] = f"[{index}]"
            if inner_dynamic:
                value, end = self.behind(element, at, at + 32 * index, end)
            else:
                value, _end = self.value(element, at + size * index)
            values.append(value)
        self.trail.pop()
        return tuple(values), end

    def dynamic(self, type_: AtomicType, at: int) -> tuple[Any, int]:
        self.need(at, 32, "the length")
        length = int.from_bytes(self.data[at : at + 32], "big")
        at += 32
        self.need(at, length, f"{type_.name} of the length that is given")
        end = at + length
        padded = end + -length % 32
        padding = self.data[end:padded]
        if len(padding) < padded - end:
            self.odd(f"{padded - end} zero bytes after the {type_.name}", f"{len(padding)} bytes to the end of the data")
        elif any(padding):
            self.odd(f"{padded - end} zero bytes after the {type_.name}", "others")
        raw = self.data[at:end]
        if type_.kind == "bytes":
            return raw, min(padded, len(self.data))
        try:
            return raw.decode(), min(padded, len(self.data))
        except UnicodeDecodeError as error:
            self.odd("a string in UTF-8", f"other bytes at position {error.start}")
            return raw.decode(errors="replace"), min(padded, len(self.data))

    def atom(self, type_: AtomicType, at: int) -> Any:
        """A value type from its word, with all bits outside the type clear: Solidity reverts otherwise, and so do both walks."""
        word = self.data[at : at + 32]
        match type_.kind:
            case "uint":
                number = int.from_bytes(word, "big")
                if number >> type_.size:
                    raise self.bad(f"{type_.name}, less than 2^{type_.size}", f"0x{word.hex()}")
                return number
            case "int":
                number = int.from_bytes(word, "big", signed=True)
                if not -(1 << (type_.size - 1)) <= number < 1 << (type_.size - 1):
                    raise self.bad(f"{type_.name}, with its sign in all bits above", f"0x{word.hex()}")
                return number
            case "address":
                if word[:12] != _ZERO[:12]:
                    raise self.bad("an address after 12 zero bytes", f"0x{word.hex()}")
                return bytes.__new__(Address, word[12:])
            case "bool":
                if word[:31] != _ZERO[:31] or word[31] > 1:
                    raise self.bad("a bool, 0 or 1", f"0x{word.hex()}")
                return word[31] == 1
            case _:
                assert type_.kind == "bytesN"
                if word[type_.size :] != _ZERO[type_.size :]:
                    raise self.bad(f"{type_.name} before {32 - type_.size} zero bytes", f"0x{word.hex()}")
                return word[: type_.size]
