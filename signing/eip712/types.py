"""Stage one: type strings and struct declarations become a checked type graph (EIP-712, *Definition of typed structured data*)."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, cast

from orderseal.signing.errors import InvalidInput, describe
from orderseal.signing.values import exact_str

__all__ = ["ArrayType", "AtomicType", "Member", "SolidityType", "StructType", "TypeGraph", "parse_graph", "parse_type"]

_IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*", re.ASCII)
_ARRAY = re.compile(r"\[(|[1-9][0-9]*)\]\Z", re.ASCII)
_SIZED = re.compile(r"(uint|int|bytes)([1-9][0-9]*)", re.ASCII)
_ATOMIC_LIKE = re.compile(r"(?:u?int|bytes|u?fixed)[0-9x]*|bool|address|string|function", re.ASCII)

MAX_ARRAY_LENGTH: Final = 2**32
"""The longest fixed array that can be declared; nothing that long can be signed in practice."""
MAX_TYPE_NESTING: Final = 32
"""The most array brackets in one type."""
MAX_STRUCTS: Final = 500
"""The most structs in one document."""
MAX_MEMBERS: Final = 5_000
"""The most members of all structs of one document together."""
MAX_NAME_LENGTH: Final = 256
"""The longest name of a struct or member."""
MAX_TYPE_LENGTH: Final = 100_000
"""The longest type string: it repeats every struct that the primary type refers to."""

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


@dataclass(frozen=True, slots=True)
class Member:
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


def parse_type(text: object, path: str) -> SolidityType:
    """Read one type string. ``uint`` and ``int`` without width, ``T[0]``, ``T[01]`` and spaces are refused."""
    if not isinstance(text, str):
        raise InvalidInput(path=path, expected="a type string such as uint256", actual=describe(text))
    text = exact_str(text)
    if atom := ATOMS.get(text):
        return atom
    suffixes: list[tuple[str, int | None]] = []
    rest = text
    while match := _ARRAY.search(rest):
        length = int(match[1]) if match[1] and len(match[1]) < 12 else None
        if match[1] and (length is None or length > MAX_ARRAY_LENGTH):
            raise InvalidInput(path=path, expected=f"a fixed array of at most {MAX_ARRAY_LENGTH} items", actual=describe(text))
        suffixes.append((rest, length))
        if len(suffixes) > MAX_TYPE_NESTING:
            raise InvalidInput(path=path, expected=f"at most {MAX_TYPE_NESTING} array dimensions", actual=describe(text))
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

    def encode_type(self, name: str) -> str:
        """The type string that is hashed: the struct, then every struct it refers to, sorted by name (EIP-712 ``encodeType``)."""
        text = "".join(
            f"{struct}({','.join(f'{member.type.name} {member.name}' for member in self.structs[struct])})"
            for struct in (name, *sorted(self.dependencies(name) - {name}))
        )
        if len(text) > MAX_TYPE_LENGTH:
            raise InvalidInput(
                path="types", expected=f"a type string of at most {MAX_TYPE_LENGTH} characters", actual=f"one of {len(text)}"
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
                waiting += [base.name for member in self.structs[current] if isinstance(base := base_type(member.type), StructType)]
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


def parse_graph(types: object, path: str = "types") -> TypeGraph:
    """Read the ``types`` object of a typed-data document (without ``EIP712Domain``, which :mod:`.domain` reads).

    Each struct is a list of ``{"name": …, "type": …}``. Raises :class:`~orderseal.signing.InvalidInput` with the path of
    the first fault: a bad name or type, a duplicate member, an undeclared struct, a struct that contains itself.
    """
    if not isinstance(types, Mapping):
        raise InvalidInput(path=path, expected="an object of struct declarations", actual=describe(types))
    if len(types) > MAX_STRUCTS:
        raise InvalidInput(path=path, expected=f"at most {MAX_STRUCTS} structs", actual=str(len(types)))
    structs: dict[str, tuple[Member, ...]] = {}
    for given, members in cast("Mapping[object, object]", types).items():
        name = _struct_name(given, path)
        structs[name] = parse_members(members, f"{path}.{name}")
    if (count := sum(map(len, structs.values()))) > MAX_MEMBERS:
        raise InvalidInput(path=path, expected=f"at most {MAX_MEMBERS} members in all", actual=str(count))
    for name, members in structs.items():
        for index, member in enumerate(members):
            base = base_type(member.type)
            if isinstance(base, StructType) and base.name not in structs:
                raise InvalidInput(
                    path=f"{path}.{name}[{index}].type",
                    expected="a Solidity type or a struct that is declared in types",
                    actual=describe(base.name),
                )
    _refuse_infinite(structs, path)
    return TypeGraph(structs)


def _struct_name(name: object, path: str) -> str:
    if not isinstance(name, str) or len(name) > MAX_NAME_LENGTH or not _IDENTIFIER.fullmatch(name):
        raise InvalidInput(
            path=path,
            expected=f"struct names that are Solidity identifiers of at most {MAX_NAME_LENGTH} characters",
            actual=describe(name),
            hint="A comma or a parenthesis in a name could forge another type string",
        )
    if name in ATOMS or _ATOMIC_LIKE.fullmatch(name):
        raise InvalidInput(path=path, expected="struct names that are not Solidity's own types", actual=describe(name))
    return exact_str(name)


def parse_members(members: object, path: str) -> tuple[Member, ...]:
    """Read one struct's declaration, a list of ``{"name": …, "type": …}``."""
    if not isinstance(members, list | tuple):
        raise InvalidInput(path=path, expected='a list of {"name": …, "type": …}', actual=describe(members))
    if not members:
        raise InvalidInput(path=path, expected="at least one member: Solidity has no empty structs", actual="none")
    found: dict[str, Member] = {}
    for index, item in enumerate(cast("list[object]", members)):
        here = f"{path}[{index}]"
        if not isinstance(item, Mapping) or set(item) != {"name", "type"}:
            raise InvalidInput(path=here, expected='an object with exactly "name" and "type"', actual=describe(item))
        declaration = cast("Mapping[str, object]", item)
        name = declaration["name"]
        if not isinstance(name, str) or len(name) > MAX_NAME_LENGTH or not _IDENTIFIER.fullmatch(name):
            raise InvalidInput(
                path=f"{here}.name",
                expected=f"a Solidity identifier of at most {MAX_NAME_LENGTH} characters",
                actual=describe(name),
                hint="A comma or a parenthesis in a name could forge another type string",
            )
        name = exact_str(name)
        if name in found:
            raise InvalidInput(path=f"{here}.name", expected="each member once", actual=f"{describe(name)} again")
        found[name] = Member(name, parse_type(declaration["type"], f"{here}.type"))
    return tuple(found.values())


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
