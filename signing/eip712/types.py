"""Stage one: type strings and struct declarations become a checked type graph (EIP-712, *Definition of typed structured data*)."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, cast

from orderseal.signing.errors import InvalidInput, describe
from orderseal.signing.limits import DEFAULT_LIMITS, Limits
from orderseal.signing.values import exact_str

__all__ = [
    "ArrayType",
    "AtomicType",
    "Declarations",
    "Member",
    "Pairs",
    "SolidityType",
    "StructType",
    "TypeGraph",
    "base_type",
    "build_graph",
    "build_members",
    "parse_type",
    "read_declarations",
    "read_pairs",
]

_IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*", re.ASCII)
_ARRAY = re.compile(r"\[(|[1-9][0-9]*)\]\Z", re.ASCII)
_SIZED = re.compile(r"(uint|int|bytes)([1-9][0-9]*)", re.ASCII)
_ATOMIC_LIKE = re.compile(r"(?:u?int|bytes)[0-9]*|u?fixed(?:[0-9]+x[0-9]+)?|bool|address|string|function", re.ASCII)

MAX_ARRAY_LENGTH: Final = 2**32
"""The longest fixed array that can be declared; nothing that long can be signed in practice."""

Kind = Literal["uint", "int", "bytesN", "bool", "address", "bytes", "string"]


@dataclass(frozen=True, slots=True)
class AtomicType:
    """An atomic or dynamic type. ``size`` is bits for integers, bytes for ``bytesN``, else 0."""

    name: str
    kind: Kind
    size: int = 0


@dataclass(frozen=True, slots=True)
class ArrayType:
    """``element[length]``, or ``element[]`` where ``length`` is ``None``."""

    name: str
    element: "SolidityType"
    length: int | None


@dataclass(frozen=True, slots=True)
class StructType:
    """A reference to a declared struct."""

    name: str


SolidityType = AtomicType | ArrayType | StructType


class Member(NamedTuple):
    """One member of a struct, in its declared place."""

    name: str
    type: SolidityType


def _atoms() -> Iterator[AtomicType]:
    for bits in range(8, 257, 8):
        yield AtomicType(f"uint{bits}", "uint", bits)
        yield AtomicType(f"int{bits}", "int", bits)
    for size in range(1, 33):
        yield AtomicType(f"bytes{size}", "bytesN", size)
    plain: tuple[Kind, ...] = ("bool", "address", "bytes", "string")
    for name in plain:
        yield AtomicType(name, name)


ATOMS: Final[Mapping[str, AtomicType]] = {atom.name: atom for atom in _atoms()}


def parse_type(text: str, path: str, limits: Limits = DEFAULT_LIMITS) -> SolidityType:
    """Read one type string. ``uint`` and ``int`` without width, ``T[0]``, ``T[01]`` and spaces are refused."""
    if atom := ATOMS.get(text):
        return atom
    if len(text) > (longest := limits.name_length + 12 * limits.array_dimensions):
        raise InvalidInput(path=path, expected=f"a type of at most {longest} characters", actual=describe(text))
    suffixes: list[tuple[str, int | None]] = []
    rest = text
    while match := _ARRAY.search(rest):
        length = int(match[1]) if match[1] and len(match[1]) < 12 else None
        if match[1] and (length is None or length > MAX_ARRAY_LENGTH):
            raise InvalidInput(path=path, expected=f"a fixed array of at most {MAX_ARRAY_LENGTH} items", actual=describe(text))
        suffixes.append((rest, length))
        if len(suffixes) > limits.array_dimensions:
            raise InvalidInput(path=path, expected=f"at most {limits.array_dimensions} array dimensions", actual=describe(text))
        rest = rest[: match.start()]
    result: SolidityType = ATOMS.get(rest) or _struct_reference(rest, text, path)
    for name, length in reversed(suffixes):
        result = ArrayType(name, result, length)
    return result


def _struct_reference(name: str, whole: str, path: str) -> StructType:
    if name in ("uint", "int"):
        raise InvalidInput(
            path=path,
            expected="a type with its width",
            actual=describe(whole),
            hint=f"Write {name}256: a contract hashes the full name, and libraries disagree on the short one",
        )
    if name.endswith("]"):
        raise InvalidInput(
            path=path,
            expected="an array suffix [] or [k] with k of 1 or more and no leading zero",
            actual=describe(whole),
            hint="Solidity has no T[0], and T[01] would be another type string for the same type",
        )
    if not _IDENTIFIER.fullmatch(name):
        raise InvalidInput(path=path, expected="a Solidity type or the name of a declared struct", actual=describe(whole))
    if _ATOMIC_LIKE.fullmatch(name):
        raise InvalidInput(path=path, expected="one of EIP-712's types", actual=describe(whole), hint=_no_such_atom(name))
    return StructType(name)


def _no_such_atom(name: str) -> str:
    if match := _SIZED.fullmatch(name):
        return "bytesN goes from bytes1 to bytes32" if match[1] == "bytes" else "The width is a multiple of 8 from 8 to 256 bits"
    return f"EIP-712 has no type {name}"


@dataclass(frozen=True, slots=True)
class TypeGraph:
    """Declared structs, every reference of which is resolved, and none of which contains itself but through a dynamic array."""

    structs: Mapping[str, tuple[Member, ...]]
    references: Mapping[str, tuple[str, ...]]
    max_type_length: int

    def encode_type(self, name: str) -> str:
        """The type string that is hashed: the struct, then every struct it refers to, sorted by name (EIP-712 ``encodeType``)."""
        text = ""
        for struct in (name, *sorted(self.dependencies(name) - {name})):
            text += f"{struct}({','.join([f'{member.type.name} {member.name}' for member in self.structs[struct]])})"
            if len(text) > self.max_type_length:
                raise InvalidInput(
                    path="types", expected=f"a type string of at most {self.max_type_length} characters", actual="a longer one"
                )
        return text

    def dependencies(self, name: str) -> set[str]:
        """The struct and all structs that it refers to, directly or not."""
        found: set[str] = set()
        waiting = [name]
        while waiting:
            current = waiting.pop()
            if current not in found:
                found.add(current)
                waiting += self.references[current]
        return found


def base_type(type_: SolidityType) -> AtomicType | StructType:
    """Strip every array from a type."""
    while isinstance(type_, ArrayType):
        type_ = type_.element
    return type_


def _contained_struct(type_: SolidityType) -> str | None:
    """The struct that a value of this type cannot do without: not behind a dynamic array, which may be empty."""
    while isinstance(type_, ArrayType):
        if type_.length is None:
            return None
        type_ = type_.element
    return type_.name if isinstance(type_, StructType) else None


Pairs = tuple[tuple[str, str], ...]
"""The members of one struct as (name, type)."""
Declarations = tuple[tuple[str, Pairs], ...]
"""Structs as (name, members): all that decides the meaning of ``types``, and hashable."""


def read_declarations(types: object, path: str = "types", limits: Limits = DEFAULT_LIMITS) -> Declarations:
    """Read the form of the ``types`` object of a document; what the names and types mean is for :func:`build_graph`."""
    if not isinstance(types, Mapping):
        raise InvalidInput(path=path, expected="an object of struct declarations", actual=describe(types))
    if len(types) > limits.structs:
        raise InvalidInput(path=path, expected=f"at most {limits.structs} structs", actual=str(len(types)))
    found: list[tuple[str, Pairs]] = []
    room = limits.members
    for name, members in cast("Mapping[object, object]", types).items():
        text = exact_str(name) if isinstance(name, str) else ""
        if len(text) > limits.name_length or not _is_identifier(text):
            raise InvalidInput(
                path=path,
                expected=f"struct names that are Solidity identifiers of at most {limits.name_length} characters",
                actual=describe(name),
                hint="A comma or a parenthesis in a name could forge another type string",
            )
        pairs = read_pairs(members, path, text)
        room -= len(pairs)
        if room < 0:
            raise InvalidInput(path=path, expected=f"at most {limits.members} members in all", actual="more")
        found.append((text, pairs))
    return tuple(found)


def read_pairs(members: object, path: str, struct: str) -> Pairs:
    """Read the form of one struct's declaration, a list of ``{"name": …, "type": …}``."""
    if type(members) is not list and not isinstance(members, list | tuple):
        raise InvalidInput(path=f"{path}.{struct}", expected='a list of {"name": …, "type": …}', actual=describe(members))
    pairs: list[tuple[str, str]] = []
    for item in cast("list[Any]", members):
        if type(item) is dict and len(item) == 2:
            name, type_ = item.get("name"), item.get("type")
            if type(name) is str and type(type_) is str:
                pairs.append((name, type_))
                continue
        pairs.append(_unusual_pair(item, f"{path}.{struct}[{len(pairs)}]"))
    return tuple(pairs)


def _unusual_pair(item: object, here: str) -> tuple[str, str]:
    """Read a member from a mapping or strings of other classes, or say what is wrong with it."""
    found: dict[Any, Any] = dict(item) if isinstance(item, Mapping) else {}
    if found.keys() != {"name", "type"}:
        raise InvalidInput(path=here, expected='an object with exactly "name" and "type"', actual=describe(item))
    name, type_ = found["name"], found["type"]
    if not isinstance(name, str):
        raise InvalidInput(path=f"{here}.name", expected="a Solidity identifier", actual=describe(name))
    if not isinstance(type_, str):
        raise InvalidInput(path=f"{here}.type", expected="a type string such as uint256", actual=describe(type_))
    return exact_str(name), exact_str(type_)


def build_graph(declarations: Declarations, path: str = "types", limits: Limits = DEFAULT_LIMITS) -> TypeGraph:
    """Check what structs declare, and resolve their references to each other."""
    structs: dict[str, tuple[Member, ...]] = {}
    for name, pairs in declarations:
        if _ATOMIC_LIKE.fullmatch(name):
            raise InvalidInput(path=path, expected="struct names that are not Solidity's own types", actual=describe(name))
        structs[name] = build_members(pairs, path, name, limits)
    references: dict[str, tuple[str, ...]] = {}
    for name, members in structs.items():
        referred: dict[str, None] = {}
        for index, member in enumerate(members):
            if type(member.type) is AtomicType or isinstance(base := base_type(member.type), AtomicType):
                continue
            if base.name not in structs:
                raise InvalidInput(
                    path=f"{path}.{name}[{index}].type",
                    expected="a Solidity type or a struct that is declared in types",
                    actual=describe(base.name),
                )
            referred[base.name] = None
        references[name] = tuple(referred)
    if any(references.values()):
        _refuse_infinite(structs, path)
    return TypeGraph(structs, references, limits.type_length)


def build_members(pairs: Pairs, path: str, struct: str, limits: Limits = DEFAULT_LIMITS) -> tuple[Member, ...]:
    """Check the members of one struct."""
    if not pairs:
        raise InvalidInput(path=f"{path}.{struct}", expected="at least one member: Solidity has no empty structs", actual="none")
    found: dict[str, Member] = {}
    for name, type_ in pairs:
        if len(name) > limits.name_length or not _is_identifier(name):
            raise InvalidInput(
                path=f"{path}.{struct}[{len(found)}].name",
                expected=f"a Solidity identifier of at most {limits.name_length} characters",
                actual=describe(name),
                hint="A comma or a parenthesis in a name could forge another type string",
            )
        if name in found:
            raise InvalidInput(path=f"{path}.{struct}[{len(found)}].name", expected="each member once", actual=f"{describe(name)} again")
        found[name] = Member(name, ATOMS.get(type_) or parse_type(type_, f"{path}.{struct}[{len(found)}].type", limits))
    return tuple(found.values())


def _is_identifier(name: str) -> bool:
    """Whether this is a Solidity identifier: Python's in ASCII, or one with a dollar sign in it."""
    return (name.isascii() and name.isidentifier()) or _IDENTIFIER.fullmatch(name) is not None


def _refuse_infinite(structs: Mapping[str, tuple[Member, ...]], path: str) -> None:
    """Walk the graph of unavoidable containment, without recursion, and refuse a cycle."""
    done: set[str] = set()
    for root in structs:
        trail: list[str] = []
        stack: list[tuple[str, bool]] = [(root, False)]
        while stack:
            name, leaving = stack.pop()
            if leaving:
                trail.pop()
                done.add(name)
                continue
            if name in trail:
                circle = " → ".join([*trail[trail.index(name) :], name])
                raise InvalidInput(
                    path=f"{path}.{name}",
                    expected="structs that contain themselves through a dynamic array only",
                    actual=circle if len(circle) < 200 else f"a cycle of {len(trail) - trail.index(name)} structs",
                    hint="Such a struct has no finite value",
                )
            if name in done:
                continue
            trail.append(name)
            stack.append((name, True))
            stack += [(contained, False) for member in structs[name] if (contained := _contained_struct(member.type))]
