"""A mapping that computes each value when it is first asked for."""

from collections.abc import Callable
from typing import TypeVar

__all__ = ["Computed"]

_V = TypeVar("_V")


class Computed(dict[str, _V]):
    """``compute(key)`` gives what is not there yet. Two threads may compute the same value twice, which harms nothing."""

    def __init__(self, compute: Callable[[str], _V]) -> None:
        super().__init__()
        self._compute = compute

    def __missing__(self, key: str) -> _V:
        value = self[key] = self._compute(key)
        return value
