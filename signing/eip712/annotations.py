"""What a field's annotation says: its Solidity type, its Solidity name, and the declared struct that it holds, if it holds one."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, NamedTuple, get_args, get_origin

from orderseal.signing.eip712.coerce import DECLARED
from orderseal.signing.eip712.types import ArrayType, AtomicType, parse_type
from orderseal.signing.errors import InvalidInput, describe
from orderseal.signing.values import Address

__all__ = ["Sol", "is_struct", "read_annotation"]


def is_struct(value: object) -> bool:
    """Whether this is the class of a declared struct."""
    return isinstance(value, type) and value in DECLARED


class Sol:
    """Names the Solidity type of a field, and its Solidity name where that is another: ``Annotated[bool, Sol("bool", name="isBuy")]``.

    Args:
        type: the whole type, such as ``"uint256[2]"``; or a declared struct, where the annotated type cannot say it.
        suffix: array brackets after it: ``Annotated[Any, Sol(OrderComponents, "[2]" * height)]``.
        name: of the member in Solidity.
    """

    __slots__ = ("name", "nested", "type")

    def __init__(self, type: "str | type[Any]", suffix: str = "", *, name: str | None = None) -> None:  # noqa: A002 - the field's own word
        given: Any = type
        self.nested = given if is_struct(given) else None
        whole = given if self.nested is None else given.struct_name
        self.type = whole + suffix if suffix else whole
        self.name = name

    def __repr__(self) -> str:
        return f"Sol({self.type!r})" if self.name is None else f"Sol({self.type!r}, name={self.name!r})"


class _Hint(NamedTuple):
    """What an annotation says: the Solidity type if it is known, the Python type of the values in its arrays, and their dimensions."""

    type: str | None
    leaf: Any
    dimensions: int
    nested: Any
    name: str | None = None


def _read_hint(where: str, hint: Any) -> _Hint:
    if get_origin(hint) is Annotated:
        base, *extras = get_args(hint)
        inner = _read_hint(where, base)
        sol = next((extra for extra in extras if isinstance(extra, Sol)), None)
        return inner if sol is None else _agreed(where, inner, sol)
    if get_origin(hint) is tuple and (items := get_args(hint)):
        inner = _read_hint(where, items[0])
        if items[1:] != (...,) and any(item != items[0] for item in items):
            raise TypeError(f"{where}: the items of an array are of one type, not {hint}")
        if inner.name is not None:
            raise TypeError(f"{where}: Sol(…, name={inner.name!r}) names the member, so it stands around the whole array")
        brackets = "[]" if items[1:] == (...,) else f"[{len(items)}]"
        return _Hint(inner.type and inner.type + brackets, inner.leaf, inner.dimensions + 1, inner.nested)
    if is_struct(hint):
        return _Hint(hint.struct_name, hint, 0, hint)
    return _Hint(None, hint, 0, None)


_PYTHON_TYPES: Final[Mapping[str, type]] = {
    "uint": int,
    "int": int,
    "bool": bool,
    "address": Address,
    "bytesN": bytes,
    "bytes": bytes,
    "string": str,
}


def _agreed(where: str, inner: _Hint, sol: Sol) -> _Hint:
    """Hold what ``Sol`` names against the annotated Python type: a slip in one of them would be another type hash."""
    if not isinstance(sol.type, str):
        raise TypeError(f"{where}: expected a type string such as uint256, got {describe(sol.type)}")
    nested = sol.nested or inner.nested
    try:
        named = parse_type(sol.type, where)
    except InvalidInput as error:
        raise TypeError(str(error)) from None
    dimensions = 0
    while isinstance(named, ArrayType):
        named, dimensions = named.element, dimensions + 1
    leaf = inner.leaf
    anything = leaf is Any or leaf is object
    if isinstance(named, AtomicType):
        expected = _PYTHON_TYPES[named.kind]
        fits = anything or not isinstance(leaf, type) or (expected in leaf.__mro__ and (leaf is not bool or expected is bool))
    elif nested is None:
        raise TypeError(f"{where}: {named.name} is no Solidity type; a struct is given by its class, declared before")
    else:
        fits = named.name == nested.struct_name and (anything or not isinstance(leaf, type) or leaf is nested)
    if not fits or (not anything and dimensions != inner.dimensions):
        python = (
            f"{inner.dimensions} dimensions of {getattr(leaf, '__name__', leaf)}" if inner.dimensions else getattr(leaf, "__name__", leaf)
        )
        raise TypeError(f"{where}: Sol says {sol.type}, but the annotated Python type says {python}")
    return _Hint(sol.type, leaf, dimensions, nested, sol.name)


def read_annotation(where: str, hint: Any) -> tuple[str, str | None, Any]:
    """Read a field's annotation as (Solidity type, Solidity name or None, nested struct or None)."""
    found = _read_hint(where, hint)
    if found.type is None:
        fitting: dict[Any, str] = {Address: "address", bool: "boolean", str: "string", int: "uint256", bytes: "bytes32, dynamic_bytes"}
        arrays = ". Arrays are tuples, such as tuple[uint256, ...]" if get_origin(hint) is list or hint is list else ""
        leaf = found.leaf if isinstance(found.leaf, type) else object
        raise TypeError(
            f"{where}: name its Solidity type, with {fitting.get(leaf, 'uint256, string')}, … of "
            f'orderseal.signing.sol, or Annotated[int, Sol("uint256")]{arrays}'
        )
    return found.type, found.name, found.nested
