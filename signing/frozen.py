"""What all declared values have in common, EIP-712 structs and the records of an ABI alike: frozen, slotted, compared by their fields."""

from typing import Any, Self, cast

__all__ = ["Frozen"]


class Frozen:
    """The base of classes whose ``__slots__`` are their fields, in order, and whose constructor takes each by its name and checks it."""

    __slots__ = ()

    def replace(self, **changes: Any) -> Self:
        """A checked copy with other values."""
        return type(self)(**{**_values(self), **changes})

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable; make another with .replace({name}=…)")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is immutable")

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in _names(self))

    def __hash__(self) -> int:
        return hash((type(self), *[getattr(self, name) for name in _names(self)]))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in _values(self).items())})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), _values(self))


def _names(value: Frozen) -> tuple[str, ...]:
    return cast("tuple[str, ...]", type(value).__slots__)


def _values(value: Frozen) -> dict[str, Any]:
    return {name: getattr(value, name) for name in _names(value)}


def _restore(cls: type[Frozen], values: dict[str, Any]) -> Frozen:
    return cls(**values)
