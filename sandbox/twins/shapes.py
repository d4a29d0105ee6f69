"""Shapes of JSON: each one reads a value strictly, and describes itself as a JSON Schema."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, cast

Schema = dict[str, object]

MAX_LONG = 2**63 - 1
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})")


class MismatchError(Exception):
    """A value has another form than the documented one; ``path`` is empty for the whole body."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path or 'body'} {problem}")
        self.path = path
        self.problem = problem


class Shape(Protocol):
    """One form of JSON value."""

    def read(self, value: object, path: str) -> object:
        """Return the value; raise ``MismatchError`` if it has another form."""
        ...

    def schema(self) -> Schema:
        """Return the same as a JSON Schema (2020-12)."""
        ...


@dataclass(frozen=True, slots=True)
class Text:
    """A string: its length, and a pattern for the whole of it."""

    low: int = 0
    high: int = 10_000
    pattern: str | None = None
    form: str | None = None

    def read(self, value: object, path: str) -> str:
        if not isinstance(value, str):
            raise MismatchError(path, "must be a string")
        if not self.low <= len(value) <= self.high:
            raise MismatchError(path, f"must have {self.low} to {self.high} characters")
        if self.pattern is not None and not re.fullmatch(self.pattern, value):
            raise MismatchError(path, "has a wrong format")
        return value

    def schema(self) -> Schema:
        limits: Schema = {"type": "string", "minLength": self.low, "maxLength": self.high}
        if self.form is not None:
            limits["format"] = self.form
        return limits if self.pattern is None else limits | {"pattern": f"^{self.pattern}$"}


@dataclass(frozen=True, slots=True)
class Moment:
    """An ISO 8601 time with an offset."""

    def read(self, value: object, path: str) -> datetime:
        if not isinstance(value, str) or not _MOMENT.fullmatch(value):
            raise MismatchError(path, "must be a date in ISO 8601 format")
        try:
            # Comparing with a moment at the edge of the calendar would overflow.
            found = datetime.fromisoformat(value)
            found.timestamp()
        except (ValueError, OverflowError) as exc:
            raise MismatchError(path, "must be a date in ISO 8601 format") from exc
        return found

    def schema(self) -> Schema:
        return {"type": "string", "format": "date-time"}


@dataclass(frozen=True, slots=True)
class Whole:
    """An integer; what happens to one that is out of range is a rule of the platform, unless it is given here."""

    low: int = -MAX_LONG
    high: int = MAX_LONG

    def read(self, value: object, path: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise MismatchError(path, "must be an integer")
        if not self.low <= value <= self.high:
            raise MismatchError(path, f"must be in {self.low}..{self.high}")
        return value

    def schema(self) -> Schema:
        return {"type": "integer", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True, slots=True)
class Real:
    """A number."""

    low: float = -1e15
    high: float = 1e15

    def read(self, value: object, path: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise MismatchError(path, "must be a number")
        if not self.low <= value <= self.high:
            raise MismatchError(path, f"must be in {self.low:g}..{self.high:g}")
        return value

    def schema(self) -> Schema:
        return {"type": "number", "minimum": self.low, "maximum": self.high}


@dataclass(frozen=True, slots=True)
class Flag:
    """A boolean."""

    def read(self, value: object, path: str) -> bool:
        if not isinstance(value, bool):
            raise MismatchError(path, "must be a boolean")
        return value

    def schema(self) -> Schema:
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some strings."""

    values: tuple[str, ...]

    def read(self, value: object, path: str) -> str:
        if not isinstance(value, str) or value not in self.values:
            raise MismatchError(path, f"must be one of {', '.join(self.values)}")
        return value

    def schema(self) -> Schema:
        return {"type": "string", "enum": list(self.values)}


@dataclass(frozen=True, slots=True)
class Anything:
    """Any JSON value: the documents do not say more."""

    def read(self, value: object, path: str) -> object:  # noqa: ARG002 - as in the protocol
        return value

    def schema(self) -> Schema:
        return {}


@dataclass(frozen=True, slots=True)
class Nullable:
    """A value, or ``null``."""

    shape: Shape

    def read(self, value: object, path: str) -> object:
        return None if value is None else self.shape.read(value, path)

    def schema(self) -> Schema:
        return {"anyOf": [self.shape.schema(), {"type": "null"}]}


@dataclass(frozen=True, slots=True)
class Items:
    """An array."""

    shape: Shape
    low: int = 0
    high: int = 1000

    def read(self, value: object, path: str) -> list[object]:
        if not isinstance(value, list):
            raise MismatchError(path, "must be an array")
        items = cast("list[object]", value)
        if not self.low <= len(items) <= self.high:
            raise MismatchError(path, f"must have {self.low} to {self.high} elements")
        return [self.shape.read(item, f"{path}[{number}]") for number, item in enumerate(items)]

    def schema(self) -> Schema:
        return {"type": "array", "items": self.shape.schema(), "minItems": self.low, "maxItems": self.high}


@dataclass(frozen=True, slots=True)
class Record:
    """An object with exactly these members; ``optional`` ones may be absent."""

    members: Mapping[str, Shape]
    optional: Collection[str] = field(default=())

    def read(self, value: object, path: str) -> dict[str, object]:
        if not isinstance(value, dict):
            raise MismatchError(path, "must be an object")
        given = cast("dict[str, object]", value)
        prefix = f"{path}." if path else ""
        for name in given.keys() - self.members.keys():
            raise MismatchError(prefix + name[:60], "is not a known field")
        for name in self.members:
            if name not in given and name not in self.optional:
                raise MismatchError(prefix + name, "is required")
        return {name: shape.read(given[name], prefix + name) for name, shape in self.members.items() if name in given}

    def schema(self) -> Schema:
        return {
            "type": "object",
            "properties": {name: shape.schema() for name, shape in self.members.items()},
            "required": [name for name in self.members if name not in self.optional],
            "additionalProperties": False,
        }


@dataclass(frozen=True, slots=True)
class Either:
    """One of several forms, told apart by a member that only one of them has."""

    forms: Mapping[str, Record]

    def read(self, value: object, path: str) -> object:
        if not isinstance(value, dict):
            raise MismatchError(path, "must be an object")
        for marker, form in self.forms.items():
            if marker in value:
                return form.read(cast("dict[str, object]", value), path)
        raise MismatchError(path, f"must have one of the fields {', '.join(self.forms)}")

    def schema(self) -> Schema:
        return {"oneOf": [form.schema() for form in self.forms.values()]}


def like(
    sample: object,
    *,
    maybe: Collection[str] = (),
    absent: Collection[str] = (),
    free: Collection[str] = (),
    real: Collection[str] = (),
) -> Shape:
    """Return the shape of which a documented sample is an instance.

    A ``null`` in it, and members named in ``free``, may hold anything; members named in ``maybe`` may be ``null``, and those in ``absent``
    may be absent, at any depth; those in ``real`` are numbers although the sample's are whole. An empty array may hold anything.
    """

    def member(name: str, value: object) -> Shape:
        if name in free:
            return Anything()
        shape = Real() if name in real else like(value, maybe=maybe, absent=absent, free=free, real=real)
        return Nullable(shape) if name in maybe else shape

    match sample:
        case dict():
            members = cast("dict[str, object]", sample)
            shapes = {name: member(name, value) for name, value in members.items()}
            return Record(shapes, frozenset(name for name in members if name in absent))
        case list():
            items = cast("Sequence[object]", sample)
            return Items(like(items[0], maybe=maybe, absent=absent, free=free, real=real) if items else Anything(), high=1_000_000)
        case bool():
            return Flag()
        case int():
            return Whole()
        case float():
            return Real()
        case str():
            return Text(high=1_000_000)
        case _:
            return Anything()
