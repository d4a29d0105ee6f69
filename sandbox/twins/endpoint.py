"""The table of a platform's endpoints: what it takes, what it gives, where that is documented, and what does the work."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote

from orderseal.sandbox.twins.shapes import Shape

Problem = Literal[
    "malformed",
    "invalid",
    "media",
    "too_large",
    "unauthorized",
    "forbidden",
    "missing",
    "route",
    "method",
    "conflict",
    "unprocessable",
    "rate",
    "internal",
]
"""Why a request is refused; each platform has its own status, text and envelope for it."""


class Refusal(Exception):
    """A request that the platform refuses."""

    def __init__(
        self,
        problem: Problem,
        details: str | None = None,
        *,
        error: str | None = None,
        status: int | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(problem)
        self.problem: Problem = problem
        self.details = details
        self.error = error
        self.status = status
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Call:
    """A request whose form is good."""

    path: Mapping[str, str]
    query: Mapping[str, object]
    headers: Mapping[str, str]
    body: object
    raw: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What a handler gives: JSON, or bytes of another media type. ``ids`` are those of what the request created."""

    body: object
    status: int = 200
    ids: tuple[str, ...] = ()
    media: str = "application/json"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One query parameter, read from text: an integer, a time or a string by its shape. ``many`` may be repeated."""

    shape: Shape
    required: bool = False
    many: bool = False
    about: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """A documented reply: what it is, its shape and a sample. Without a shape it has no JSON body."""

    about: str
    shape: Shape | None = None
    sample: object = None
    media: str = "application/json"


Media = Literal["application/json", "multipart/form-data"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What a description says of one operation, whoever serves it; ``name`` is its own."""

    method: str
    path: str
    name: str
    about: str
    replies: Mapping[int, Reply]
    source: str
    scheme: str | None = None
    query: Mapping[str, Parameter] = field(default_factory=dict[str, Parameter])
    headers: Mapping[str, Parameter] = field(default_factory=dict[str, Parameter])
    body: Shape | None = None
    body_sample: object = None
    body_needed: bool = True
    media: Media = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint(Operation):
    """One row of the table. ``writes`` if it creates or changes something that the instruments list."""

    handler: Callable[[Call], Answer]
    writes: bool = False

    def match(self, segments: list[str]) -> dict[str, str] | None:
        """Return the path's parameters if this endpoint serves it. A slash that a client encoded stays inside its segment."""
        own = self.path.split("/")
        if len(own) != len(segments):
            return None
        found: dict[str, str] = {}
        for part, given in zip(own, segments, strict=True):
            text = unquote(given, errors="replace")
            if part.startswith("{"):
                if not text:
                    return None
                found[part[1:-1]] = text
            elif part != text:
                return None
        return found
