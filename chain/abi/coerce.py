"""Stage two: values are checked against their types and brought into canonical form. Nothing is repaired.

The forms are those of typed data (``docs/eip712.md``): ``int``, ``bool``, ``str``, ``bytes``, ``Address``, ``tuple`` for arrays and tuples.
A tuple may be given as a list or tuple of its members in order, or as a mapping with exactly their names.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, cast

from orderseal.chain.abi.types import AbiType, Array, Parameter, Tuple
from orderseal.signing.eip712.coerce import Coercers
from orderseal.signing.eip712.types import ATOMS, AtomicType, TypeGraph
from orderseal.signing.errors import InvalidInput, describe

__all__ = ["coerce", "coerce_members"]

_ATOMS: Final = Coercers(TypeGraph(MappingProxyType({}), MappingProxyType({}), 1), MappingProxyType({}), "python")


@lru_cache(maxsize=256)
def _atom(name: str) -> Callable[[Any], Any]:
    return _ATOMS.make(ATOMS["bytes24" if name == "function" else name])


def coerce(type_: AbiType, value: Any) -> Any:
    """The canonical form of a value. Raises :class:`~orderseal.signing.InvalidInput` with the path below the value."""
    if isinstance(type_, AtomicType):
        return _atom(type_.name)(value)
    if isinstance(type_, Tuple):
        if (declared := getattr(type(value), "abi_type", None)) is not None:
            if declared != type_:
                raise InvalidInput(path="", expected=f"members of {describe(type_.name)}", actual=describe(value))
            return cast("tuple[Any, ...]", value.abi_values())
        return coerce_members(type_.members, value)
    return _array(type_, value)


def _array(type_: Array, value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise InvalidInput(path="", expected=f"an array for {type_.name}", actual=describe(value))
    items = tuple(cast("tuple[Any, ...]", value))
    if type_.length is not None and len(items) != type_.length:
        raise InvalidInput(path="", expected=f"an array of exactly {type_.length} items", actual=describe(items))
    done: list[Any] = []
    try:
        for item in items:
            done.append(coerce(type_.element, item))  # noqa: PERF401 - the length tells which item failed
    except InvalidInput as error:
        raise error.below(f"[{len(done)}]") from None
    return tuple(done)


def coerce_members(members: tuple[Parameter, ...], value: Any) -> tuple[Any, ...]:
    """The canonical form of the members of a tuple, or of arguments."""
    if isinstance(value, Mapping):
        given = dict(value)
        names = [member.name for member in members]
        if "" in names:
            raise InvalidInput(path="", expected="an array: not all members have names", actual=describe(given))
        missing, extra = [name for name in names if name not in given], [key for key in given if key not in names]
        if missing or extra:
            parts = [f"{', '.join(missing[:5])} missing"] if missing else []
            parts += [f"{', '.join(describe(key) for key in extra[:5])} not declared"] if extra else []
            raise InvalidInput(path="", expected=f"exactly the {len(names)} members {', '.join(names[:8])}", actual="; ".join(parts))
        items = [given[name] for name in names]
    elif isinstance(value, list | tuple):
        items = list(cast("list[Any]", value))
    else:
        raise InvalidInput(path="", expected=f"{len(members)} members, as an array or by their names", actual=describe(value))
    if len(items) != len(members):
        raise InvalidInput(path="", expected=f"exactly {len(members)} values", actual=str(len(items)))
    done: list[Any] = []
    for index, (member, item) in enumerate(zip(members, items, strict=True)):
        try:
            done.append(coerce(member.type, item))
        except InvalidInput as error:
            raise error.below(member.step(index)) from None
    return tuple(done)
