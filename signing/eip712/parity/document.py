"""A document as the libraries see it: read leniently, its declarations in one plain form."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from orderseal.signing.eip712.parity.values import PYTHON_MAX_DIGITS
from orderseal.signing.strict_json import JAVASCRIPT_SAFE, JsonNumber

__all__ = ["MAX_CHARACTERS", "Declaration", "Link", "Structs", "Unreadable", "join", "read_declarations", "read_leniently"]

MAX_CHARACTERS: Final = 1_000_000
"""A longer text is not analysed: its outcome is unknown."""

Link = tuple[Any, str] | None  # (the link above, the key or [index] here): a path that is written out only when it is wanted


class Unreadable(Exception):
    """The text is no JSON for anyone, not even for those who read NaN."""


@dataclass(frozen=True, slots=True)
class Declaration:
    """One declared member. Where it has no name it is not ``named``, and its name is ``undefined``, as JavaScript calls it."""

    name: str
    type: str
    named: bool = True


Structs = Mapping[str, "list[Declaration] | None"]
"""The declared structs; ``None`` for one whose declaration is malformed."""


def join(link: Link, limit: int = 200) -> str:
    """Write a path out."""
    parts: list[str] = []
    while link is not None:
        link, key = link
        parts.append(key if key.isascii() and key.isprintable() else ascii(key))
    text = "".join(part if part.startswith("[") else f".{part}" for part in reversed(parts)).lstrip(".")
    return text if len(text) <= limit else f"{text[: limit // 2]} … {text[-limit // 2 :]}"


def read_leniently(text: str, note: Callable[[str], None]) -> Any:
    """Parse JSON as ``JSON.parse`` and Python's ``json`` do: the last of two equal keys counts.

    Args:
        text: not deeper than :data:`~orderseal.signing.limits.MAX_DEPTH`.
        note: is told the code of each peculiarity of the text.
    """

    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(items)
        if len(result) != len(items):
            note("duplicate_key")
        return result

    def number(literal: str) -> Any:
        if len(literal) <= 17 and literal != "-0":
            plain = int(literal)
            if -JAVASCRIPT_SAFE < plain < JAVASCRIPT_SAFE:
                return plain
        if len(literal.lstrip("-")) > PYTHON_MAX_DIGITS:
            note("number_of_thousands_of_digits")
        return JsonNumber(literal)

    def constant(word: str) -> JsonNumber:
        note("not_a_number")
        return JsonNumber(word)

    keep = cast("Callable[[str], Any]", JsonNumber)
    try:
        return json.loads(text, object_pairs_hook=pairs, parse_int=number, parse_float=keep, parse_constant=constant)
    except ValueError:
        raise Unreadable from None


def read_declarations(types: Mapping[str, Any], found: Callable[[str, Link], None]) -> dict[str, list[Declaration] | None]:
    """Bring the ``types`` object into plain form, and report what is irregular in the form of each declaration."""
    return {name: _declaration(members, ((None, "types"), name), found) for name, members in types.items()}


def _declaration(members: Any, link: Link, found: Callable[[str, Link], None]) -> list[Declaration] | None:
    if not isinstance(members, list):
        found("declaration_malformed", link)
        return None
    result: list[Declaration] = []
    for index, member in enumerate(members):
        here: Link = (link, f"[{index}]")
        if not isinstance(member, dict) or type(member.get("type")) is not str:
            found("declaration_malformed", here)
            return None
        name = member.get("name", "undefined")
        if "name" not in member:
            found("member_name_missing", here)
        elif type(name) is not str:
            found("member_name_not_text", here)
            name = "undefined"
        if len(cast("dict[str, Any]", member)) > 2:
            found("declaration_extra_key", here)
        result.append(Declaration(name, cast("str", member["type"]), "name" in member))
    return result
