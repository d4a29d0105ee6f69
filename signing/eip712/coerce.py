"""Stage two: every value is checked against its type and brought into one canonical Python form. Nothing is repaired.

Two tables, one for values from Python and one for values from JSON; ``docs/eip712.md`` shows them side by side.
Canonical forms: ``int``, ``bool``, ``str``, ``bytes``, :class:`~orderseal.signing.Address`, ``tuple`` for arrays and a read-only
mapping for structs.
"""

import re
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from types import MappingProxyType
from typing import Any, Final, Literal
from weakref import WeakSet

from orderseal.signing.eip712.types import ATOMS, ArrayType, AtomicType, Member, SolidityType, TypeGraph, base_type
from orderseal.signing.errors import InvalidInput, describe
from orderseal.signing.limits import MAX_DEPTH
from orderseal.signing.strict_json import JAVASCRIPT_SAFE, JsonNumber
from orderseal.signing.values import Address, address_of_text, exact_bytes, exact_str, hex_to_bytes

__all__ = ["DECLARED", "Coercer", "Coercers", "Source", "array_coercer", "integer_bounds"]

Coercer = Callable[[Any], Any]

DECLARED: Final[WeakSet[type]] = WeakSet()
"""The classes of declared structs: their instances hold checked values, and stand for the object of the same type string."""
Source = Literal["python", "json"]

# 2^256 has 78 decimal and 64 hexadecimal digits; what is longer is out of every range.
_DECIMAL = re.compile(r"0|-?[1-9][0-9]{0,77}", re.ASCII)
_HEX_NUMBER = re.compile(r"0x(?:0|[1-9a-f][0-9a-f]{0,63})", re.ASCII)


def integer_bounds(type_: AtomicType) -> tuple[int, int]:
    """The least and the greatest value of an integer type."""
    return (0, 2**type_.size - 1) if type_.kind == "uint" else (-(2 ** (type_.size - 1)), 2 ** (type_.size - 1) - 1)


def _bad(expected: str, value: object, hint: str = "") -> InvalidInput:
    if isinstance(value, JsonNumber):
        return _bad_number(expected, value)
    return InvalidInput(path="", expected=expected, actual=describe(value), hint=hint)


def _bad_number(expected: str, text: JsonNumber) -> InvalidInput:
    shown = text if len(text) <= 40 else f"{text[:40]}… ({len(text)} characters)"
    if re.fullmatch(r"-?[0-9]+", text) and text != "-0":
        hint = f'JavaScript would round it: write the decimal string "{shown}"' if len(text) <= 40 else "Write a decimal string"
        return InvalidInput(path="", expected=f"{expected}; a JSON number below 2^53", actual=shown, hint=hint)
    return InvalidInput(path="", expected=expected, actual=f"the JSON number {shown}", hint="Write an integer, or a decimal string")


def _integer_from_python(type_: AtomicType, low: int, high: int, value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        number = int.__int__(value)
        if low <= number <= high:
            return number
        raise _bad(f"{type_.name}, {_range(type_)}", number)
    hint = "A float cannot hold an amount exactly: use int base units" if isinstance(value, float) else ""
    raise _bad(f"an int for {type_.name}", value, hint)


def _range(type_: AtomicType) -> str:
    return f"0 to 2^{type_.size}-1" if type_.kind == "uint" else f"-2^{type_.size - 1} to 2^{type_.size - 1}-1"


def _integer_from_json(type_: AtomicType, low: int, high: int, value: Any) -> int:
    if type(value) is str and _DECIMAL.fullmatch(value):
        number = int(value)
    elif type(value) is int and -JAVASCRIPT_SAFE < value < JAVASCRIPT_SAFE:
        number = value
    elif type(value) is str and low == 0 and _HEX_NUMBER.fullmatch(value):
        number = int(value, 16)
    else:
        form = f"{type_.name} as an integer, a decimal string" + (" or a lower-case 0x string" if low == 0 else "")
        if type(value) is int:
            raise _bad(f"{form}; a JSON number below 2^53", value, "JavaScript would round it: write a decimal string")
        hint = "No spaces, signs, separators or leading zeros" if isinstance(value, str) else ""
        raise _bad(form, value, hint)
    if not low <= number <= high:
        raise _bad(f"{type_.name}, {_range(type_)}", number)
    return number


def _bool(value: Any) -> bool:
    if value is True or value is False:
        return value
    raise _bad("true or false", value)


def _address_from_python(value: Any) -> Address:
    if type(value) is Address:
        return value
    try:
        return address_of_text(value) if type(value) is str else Address(value)
    except InvalidInput as error:
        error.path = ""
        raise


def _address_from_json(value: Any) -> Address:
    if type(value) is not str:
        raise _bad("an address string", value)
    return _address_from_python(value)


def _bytes_from_python(size: int, value: Any) -> bytes:
    raw = exact_bytes(value) if isinstance(value, bytes) else None
    if raw is None or (size and len(raw) != size):
        hint = "Convert hex with bytes.fromhex(text[2:])" if isinstance(value, str) else ""
        raise _bad(f"{size} bytes" if size else "bytes", value, hint)
    return raw


def _bytes_from_json(size: int, value: Any) -> bytes:
    raw = hex_to_bytes(value) if type(value) is str else None
    if raw is None or (size and len(raw) != size):
        raise _bad(f"0x and {2 * size} hexadecimal digits" if size else "0x and an even number of hexadecimal digits", value)
    return raw


def _string(value: Any) -> str:
    if not isinstance(value, str) or isinstance(value, JsonNumber):
        raise _bad("a string", value)
    text = exact_str(value)
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _bad("valid Unicode", text, "A lone surrogate has no UTF-8 form") from None
    return text


def _array(element: Coercer, atomic: bool, length: int | None, sequences: tuple[type, ...], value: Any) -> tuple[Any, ...]:
    items: Any = value
    if type(value) is not list and type(value) is not tuple:
        # A copy that the subclass of a list or tuple cannot take part in.
        items = list.copy(value) if isinstance(value, list) else tuple.__getitem__(value, slice(None)) if isinstance(value, tuple) else None
    if items is None or not isinstance(value, sequences):
        raise _bad("an array", value)
    if length is not None and len(items) != length:
        raise _bad(f"an array of exactly {length} items", items)
    if atomic:
        with suppress(InvalidInput):  # The loop below says which item it was.
            return tuple(map(element, items))
    done: list[Any] = []
    try:
        for item in items:
            done.append(element(item))  # noqa: PERF401 - the length tells which item failed
    except InvalidInput as error:
        raise error.below(f"[{len(done)}]") from None
    return tuple(done)


def array_coercer(type_: SolidityType, element: Coercer, sequences: tuple[type, ...] = (list, tuple)) -> Coercer:
    """Wrap the coercer of a base type in those of the arrays around it."""
    if not isinstance(type_, ArrayType):
        return element
    inner = array_coercer(type_.element, element, sequences)
    return partial(_array, inner, isinstance(type_.element, AtomicType), type_.length, sequences)


def _members(
    name: str,
    type_hashes: Mapping[str, bytes],
    members: tuple[Member, ...],
    coercers: tuple[tuple[str, Coercer], ...],
    value: Any,
) -> Mapping[str, Any]:
    if type(value) is not dict:
        with _LEVEL:
            plain = _plain_dict(name, type_hashes, value)
            return _members(name, type_hashes, members, coercers, plain)
    given: dict[Any, Any] = value
    result: dict[str, Any] = {}
    member_name = ""
    try:
        for member_name, coercer in coercers:
            result[member_name] = coercer(given[member_name])
    except InvalidInput as error:
        raise error.below(member_name) from None
    except KeyError:
        raise _member_mismatch(name, members, given) from None
    if len(given) != len(members):
        raise _member_mismatch(name, members, given)
    return MappingProxyType(result)


class _Level(threading.local):
    """How deep mappings of other classes than ``dict`` nest: their own code decides what they hold, and may give more each time."""

    level = 0

    def __enter__(self) -> None:
        self.level += 1
        if self.level > MAX_DEPTH:
            self.level -= 1
            raise InvalidInput(path="", expected=f"at most {MAX_DEPTH} levels of objects", actual="more")

    def __exit__(self, *_exception: object) -> None:
        self.level -= 1


_LEVEL: Final = _Level()


def _plain_dict(name: str, type_hashes: Mapping[str, bytes], value: Any) -> dict[Any, Any]:
    """The members of a mapping of any class, or of a declared struct of the same type string."""
    if isinstance(value, Mapping):
        return dict(value)
    declared: Any = type(value) if type(value) in DECLARED else None
    if declared is None or declared.type_hash != type_hashes[name]:
        another = "" if declared is None else f", not of {declared.struct_name}"
        raise _bad(f"an object with the members of {name}{another}", value)
    return dict(value.to_message())


def _member_mismatch(name: str, members: tuple[Member, ...], given: Mapping[Any, Any]) -> InvalidInput:
    declared = {member.name for member in members}
    missing = sorted(declared - set(given))
    extra = [key for key in given if key not in declared]
    parts = [f"{len(missing)} missing: {', '.join(missing[:5])}"] if missing else []
    parts += [f"{len(extra)} not declared: {', '.join(describe(key) for key in extra[:5])}"] if extra else []
    return InvalidInput(path="", expected=f"exactly the {len(declared)} members of {name}", actual="; ".join(parts))


_PYTHON: Final[Mapping[str, Coercer]] = {
    **{name: partial(_integer_from_python, t, *integer_bounds(t)) for name, t in ATOMS.items() if t.kind in ("uint", "int")},
    **{name: partial(_bytes_from_python, t.size) for name, t in ATOMS.items() if t.kind in ("bytes", "bytesN")},
    "bool": _bool,
    "address": _address_from_python,
    "string": _string,
}
_JSON: Final[Mapping[str, Coercer]] = {
    **{name: partial(_integer_from_json, t, *integer_bounds(t)) for name, t in ATOMS.items() if t.kind in ("uint", "int")},
    **{name: partial(_bytes_from_json, t.size) for name, t in ATOMS.items() if t.kind in ("bytes", "bytesN")},
    "bool": _bool,
    "address": _address_from_json,
    "string": _string,
}


class Coercers:
    """The coercers of a graph's structs for one source, each made when it is first asked for."""

    __slots__ = ("_atoms", "_graph", "_sequences", "_structs", "_type_hashes")

    def __init__(self, graph: TypeGraph, type_hashes: Mapping[str, bytes], source: Source) -> None:
        self._graph, self._type_hashes = graph, type_hashes
        self._atoms = _JSON if source == "json" else _PYTHON
        self._sequences: tuple[type, ...] = (list,) if source == "json" else (list, tuple)
        self._structs: dict[str, Coercer] = {}

    def struct(self, name: str) -> Coercer:
        """The coercer of a struct: a mapping with exactly its members, or a declared struct of the same type string."""
        if name not in self._structs:
            members = self._graph.structs[name]
            atoms = self._atoms
            coercers = tuple([(member.name, atoms.get(member.type.name) or self.make(member.type)) for member in members])
            self._structs[name] = partial(_members, name, self._type_hashes, members, coercers)
        return self._structs[name]

    def make(self, type_: SolidityType) -> Coercer:
        """The coercer of any type over the graph."""
        base = base_type(type_)
        # A struct is compiled when a value of it comes: it may contain itself.
        element = self._atoms[base.name] if isinstance(base, AtomicType) else lambda value: self.struct(base.name)(value)
        return array_coercer(type_, element, self._sequences)
