"""Stage one: type strings and the ``components`` of ABI JSON become checked types (Solidity, *Contract ABI Specification*)."""

import re
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, cast

from orderseal.signing.eip712.types import ATOMS, AtomicType
from orderseal.signing.errors import InvalidInput, describe

__all__ = [
    "MAX_LEVELS",
    "AbiType",
    "Array",
    "Parameter",
    "Tuple",
    "head_size",
    "is_dynamic",
    "is_identifier",
    "is_value_type",
    "parse_atom",
    "read_parameters",
    "tuple_of",
    "type_list",
    "with_arrays",
]

MAX_LEVELS: Final = 32
"""The most levels of tuples and arrays within each other that a type may have."""

MAX_PARAMETERS: Final = 1_000
"""The most parameters of one function, event or error, those of its tuples included."""

_MAX_LENGTH: Final = 2**32
_MAX_NAME: Final = 256
_NAME = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*", re.ASCII)
_ARRAYS = re.compile(r"(?:\[(?:[1-9][0-9]{0,10})?\])*", re.ASCII)
_ONE_ARRAY = re.compile(r"\[([0-9]*)\]", re.ASCII)

# A pointer to an external function: address and selector. It is handled as its 24 bytes.
_FUNCTION: Final = AtomicType("function", "bytesN", 24)


@dataclass(frozen=True, slots=True)
class Array:
    """``element[length]``, or ``element[]`` where ``length`` is ``None``."""

    name: str
    element: "AbiType"
    length: int | None
    dynamic: bool


@dataclass(frozen=True, slots=True)
class Tuple:
    """A struct: ``(address,uint256)``, with the names of its members where they are known. ``size`` is that of its own head."""

    name: str
    members: "tuple[Parameter, ...]"
    dynamic: bool
    size: int


AbiType = AtomicType | Array | Tuple


class Parameter(NamedTuple):
    """A parameter, or a member of a tuple. ``name`` may be empty; ``indexed`` only matters for events."""

    name: str
    type: AbiType
    indexed: bool = False

    def step(self, index: int) -> str:
        """How a path names it: by its name, or by its place where it has none."""
        return self.name or f"[{index}]"


def tuple_of(members: tuple[Parameter, ...]) -> Tuple:
    """The tuple type of these members."""
    dynamic = any(is_dynamic(member.type) for member in members)
    return Tuple(type_list(members), members, dynamic, sum([head_size(member.type) for member in members]))


def type_list(members: tuple[Parameter, ...]) -> str:
    """Types in brackets, as signatures write them: ``(uint256,address)``."""
    return f"({','.join([member.type.name for member in members])})"


def is_identifier(name: str) -> bool:
    """Whether this can be the name of a function, a parameter, …: a comma or a bracket in it could forge another signature."""
    return len(name) <= _MAX_NAME and _NAME.fullmatch(name) is not None


def is_dynamic(type_: AbiType) -> bool:
    """Whether the value stands in the tail, with an offset in the head."""
    return type_.kind in ("bytes", "string") if isinstance(type_, AtomicType) else type_.dynamic


def is_value_type(type_: AbiType) -> bool:
    """Whether a value is one word, which a topic holds as it is."""
    return isinstance(type_, AtomicType) and type_.kind not in ("bytes", "string")


def head_size(type_: AbiType) -> int:
    """The bytes that a value takes in the head of what encloses it."""
    if isinstance(type_, AtomicType) or type_.dynamic:
        return 32
    return type_.size if isinstance(type_, Tuple) else (type_.length or 0) * head_size(type_.element)


def parse_atom(text: str, path: str) -> AtomicType:
    """Read a type that is neither array nor tuple."""
    if atom := ATOMS.get(text):
        return atom
    if text == "function":
        return _FUNCTION
    hint = f"Write {text}256: a selector is the hash of the full name" if text in ("uint", "int") else ""
    if text.startswith(("fixed", "ufixed")):
        hint = "Fixed-point numbers are not supported: no Solidity contract can use them yet"
    raise InvalidInput(path=path, expected="one of Solidity's ABI types", actual=describe(text), hint=hint)


def with_arrays(base: AbiType, suffix: str, path: str) -> AbiType:
    """Wrap a type in the arrays of a suffix such as ``[2][]``."""
    if not _ARRAYS.fullmatch(suffix) or len(suffix) > 12 * MAX_LEVELS:
        raise InvalidInput(
            path=path,
            expected=f"array suffixes [] or [k], with k of 1 or more and no leading zero, at most {MAX_LEVELS}",
            actual=describe(suffix),
        )
    result = base
    for digits in _ONE_ARRAY.findall(suffix):
        length = int(digits) if digits else None
        if length is not None and length > _MAX_LENGTH:
            raise InvalidInput(path=path, expected=f"a fixed array of at most {_MAX_LENGTH} items", actual=describe(digits))
        result = Array(f"{result.name}[{digits}]", result, length, length is None or is_dynamic(result))
    return result


def read_parameters(value: object, path: str, *, event: bool = False) -> tuple[Parameter, ...]:
    """Read a list of parameters of ABI JSON, with the components of their tuples."""
    reader = _Reader(event)
    return reader.list(value, path, 0)


class _Reader:
    """Counts what one function, event or error declares."""

    def __init__(self, event: bool) -> None:
        self.event, self.room = event, MAX_PARAMETERS

    def list(self, value: object, path: str, level: int) -> tuple[Parameter, ...]:
        if not isinstance(value, list | tuple):
            raise InvalidInput(path=path, expected="a list of parameters", actual=describe(value))
        items = cast("list[object]", value)
        self.room -= len(items)
        if self.room < 0:
            raise InvalidInput(path=path, expected=f"at most {MAX_PARAMETERS} parameters in all", actual="more")
        found = tuple([self.one(item, f"{path}[{index}]", level) for index, item in enumerate(items)])
        names = [parameter.name for parameter in found if parameter.name]
        if len(names) != len(set(names)):
            twice = next(name for name in names if names.count(name) > 1)
            raise InvalidInput(path=path, expected="each name once", actual=f"{describe(twice)} twice")
        return found

    def one(self, value: object, path: str, level: int) -> Parameter:
        if not isinstance(value, dict):
            raise InvalidInput(path=path, expected="an object with name and type", actual=describe(value))
        item = cast("dict[str, Any]", value)
        name, text = item.get("name", ""), item.get("type")
        if type(name) is not str or (name and not is_identifier(name)):
            raise InvalidInput(path=f"{path}.name", expected="a Solidity identifier, or nothing", actual=describe(name))
        if type(text) is not str:
            raise InvalidInput(path=f"{path}.type", expected="a type such as uint256", actual=describe(text))
        indexed = item.get("indexed", False)
        if type(indexed) is not bool or (indexed and (level or not self.event)):
            where = "true or false, and true only for a parameter of an event"
            raise InvalidInput(path=f"{path}.indexed", expected=where, actual=describe(indexed))
        return Parameter(name, self.type(item, text, path, level), indexed)

    def type(self, item: dict[str, Any], text: str, path: str, level: int) -> AbiType:
        start = text.find("[") if "[" in text else len(text)
        base_name, suffix = text[:start], text[start:]
        level += suffix.count("[")
        if level > MAX_LEVELS:
            raise InvalidInput(path=f"{path}.type", expected=f"at most {MAX_LEVELS} levels of tuples and arrays", actual="more")
        base: AbiType
        if base_name == "tuple":
            members = self.list(item.get("components"), f"{path}.components", level + 1)
            if not members:
                raise InvalidInput(path=f"{path}.components", expected="at least one member: Solidity has no empty structs", actual="none")
            base = tuple_of(members)
        elif "components" in item and item["components"] not in ([], None):
            raise InvalidInput(path=f"{path}.components", expected=f"none: the type is {describe(base_name)}", actual="components")
        else:
            base = parse_atom(base_name, f"{path}.type")
        return with_arrays(base, suffix, f"{path}.type")
