"""How much a stranger's document may ask of this process. Every limit is a named number that the caller may raise."""

from dataclasses import dataclass, fields
from typing import Final

from orderseal.signing.errors import InvalidInput, describe

__all__ = ["DEEPEST", "DEFAULT_LIMITS", "MAX_DEPTH", "Limits"]

MAX_DEPTH: Final = 128
"""The default for :attr:`Limits.depth`."""

DEEPEST: Final = 200
"""The most that :attr:`Limits.depth` can be."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits that :meth:`TypedData.from_json <orderseal.signing.TypedData.from_json>` keeps. What goes beyond one is refused.

    With the defaults a document takes about a second at most, and some 400 MB of memory (``docs/performance.md`` has the measures).

    Attributes:
        document_bytes: length of the JSON text.
        depth: levels of arrays and objects within each other; at most 200, because Python's own stack ends soon after,
            and 128 for mappings of other classes than ``dict``.
        values: commas outside strings, so about the number of array items and members in the whole document.
        containers: arrays and objects in the whole document; each costs about as much as ten numbers.
        structs: declared structs.
        members: members of all declared structs together.
        name_length: characters in the name of a struct or member.
        type_length: characters in the type string of the primary type, which repeats every struct that it refers to.
        array_dimensions: array brackets in one type.
    """

    document_bytes: int = 32 * 2**20
    depth: int = MAX_DEPTH
    values: int = 250_000
    containers: int = 50_000
    structs: int = 500
    members: int = 5_000
    name_length: int = 256
    type_length: int = 100_000
    array_dimensions: int = 32

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if type(value) is not int or value < 1 or (field.name == "depth" and value > DEEPEST):
                expected = f"an integer from 1 to {DEEPEST}" if field.name == "depth" else "an integer of 1 or more"
                raise InvalidInput(path=f"limits.{field.name}", expected=expected, actual=describe(value))


DEFAULT_LIMITS: Final = Limits()
"""What holds where the caller names no other limits."""
