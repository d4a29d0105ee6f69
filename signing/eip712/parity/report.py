"""``inspect_parity``: what the libraries would make of a document, beside what we make of it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, cast

from orderseal.signing.eip712.document import TypedData
from orderseal.signing.eip712.parity.document import MAX_CHARACTERS, Declaration, Link, Unreadable, read_declarations, read_leniently
from orderseal.signing.eip712.parity.table import LIBRARIES, TABLE, VERSIONS, Effect, Library
from orderseal.signing.eip712.parity.walk import DOMAIN, STANDARD_DOMAIN, Findings, find, is_atomic
from orderseal.signing.errors import InvalidInput
from orderseal.signing.limits import DEFAULT_LIMITS
from orderseal.signing.strict_json import is_too_deep
from orderseal.signing.values import Hash32

__all__ = ["Divergence", "Outcome", "Parity", "Verdict", "inspect_parity"]

Verdict = Literal["same digest", "another digest", "accepts", "refuses", "unknown"]


@dataclass(frozen=True, slots=True)
class Divergence:
    """A place at which the document deviates, and what each library that reads it does there.

    Attributes:
        code: the row of the table, for example ``uint_without_width``.
        what: the deviation in one sentence.
        path: where, for example ``types.Order[3].type``; empty for the whole document.
        effects: what the libraries that read this place do because of it; see :class:`Row`.
    """

    code: str
    what: str
    path: str
    effects: Mapping[Library, Effect]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one library would make of the document.

    Attributes:
        library: its name.
        version: the version that the table was made for.
        verdict: ``same digest`` as ours; ``another digest`` than ours; ``accepts``: it gives some digest for a document that we refuse;
            ``refuses``: it gives an error; ``unknown``: the table cannot tell.
        because: the codes of the divergences that decide it, sorted; empty for ``same digest``.
    """

    library: Library
    version: str
    verdict: Verdict
    because: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Parity:
    """What we and the libraries make of one document.

    Attributes:
        signing_hash: our digest, or ``None`` where we refuse the document.
        refusal: why we refuse it, with path, expected and actual; or ``None``.
        outcomes: one for each library, in the order of the table.
        divergences: all that was found, in the order of the table; at most 20 places a row.
    """

    signing_hash: Hash32 | None
    refusal: InvalidInput | None
    outcomes: tuple[Outcome, ...]
    divergences: tuple[Divergence, ...]

    @property
    def agreed(self) -> bool:
        """Whether we accept the document and all four libraries would give the same digest."""
        return all(outcome.verdict == "same digest" for outcome in self.outcomes)


_IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*", re.ASCII)
_ATOMIC_LIKE = re.compile(r"(?:u?int|bytes)[0-9]*|u?fixed(?:[0-9]+x[0-9]+)?|bool|address|string|function", re.ASCII)
_SUFFIXES = re.compile(r"([^\[\]]*)((?:\[[0-9]*\])*)", re.ASCII)
_LONGEST_ARRAY: Final = 2**32
_KEYS: Final = ("types", "primaryType", "domain", "message")


def inspect_parity(data: bytes | str) -> Parity:
    """Say what eth-account, ethers, viem and MetaMask's eth-sig-util would make of a typed-data document.

    It compares the document with a table of known divergences (``docs/parity.md``); no library is called. A document in which something
    is not in the table has the verdict ``unknown``, as has one of more than a million characters.

    Args:
        data: an ``eth_signTypedData_v4`` document, as JSON text or UTF-8 bytes. It may be anything: a refused document is no error.

    Raises:
        InvalidInput: where ``data`` is neither text nor bytes.
    """
    if not isinstance(data, bytes | str):
        raise InvalidInput(path="document", expected="JSON text, or its UTF-8 bytes", actual=f"a {type(data).__name__}")
    digest: Hash32 | None = None
    refusal: InvalidInput | None = None
    try:
        digest = TypedData.from_json(data).signing_hash
    except InvalidInput as error:
        refusal = error
    found = Findings()
    _analyse(data, found)
    if refusal is not None and not _explains(found, refusal):
        found.add("not_modelled", (None, refusal.path or "document"), LIBRARIES)
    return Parity(digest, refusal, tuple(_outcome(library, found, digest) for library in LIBRARIES), tuple(_divergences(found)))


def _explains(found: Findings, refusal: InvalidInput) -> bool:
    """Whether something was found at the place of our refusal, above it or below it."""
    place = refusal.path if refusal.path != "document" else ""
    return any(place.startswith(path) or path.startswith(place) for places in found.places.values() for path in places)


def _outcome(library: Library, found: Findings, digest: Hash32 | None) -> Outcome:
    by_effect: dict[Effect, list[str]] = {}
    for code in sorted(found.counts.get(library, ())):
        by_effect.setdefault(TABLE[code].effects[library], []).append(code)
    verdict: Verdict
    because: list[str]
    if "refuses" in by_effect:
        verdict, because = "refuses", by_effect["refuses"]
    elif "unknown" in by_effect:
        verdict, because = "unknown", by_effect["unknown"]
    elif digest is None:
        verdict, because = "accepts", by_effect.get("accepts", []) + by_effect.get("other", [])
    elif "accepts" in by_effect:
        verdict, because = "unknown", by_effect["accepts"]
    elif "other" in by_effect:
        verdict, because = "another digest", by_effect["other"]
    else:
        verdict, because = "same digest", []
    return Outcome(library, VERSIONS[library], verdict, tuple(because))


def _divergences(found: Findings) -> list[Divergence]:
    result: list[Divergence] = []
    for code, row in TABLE.items():
        for path, libraries in found.places.get(code, {}).items():
            effects: dict[Library, Effect] = {library: row.effects[library] for library in LIBRARIES if library in libraries}
            result.append(Divergence(code, row.what, path, effects))
    return result


def _analyse(data: bytes | str, found: Findings) -> None:
    def everywhere(code: str) -> None:
        found.add(code, None, LIBRARIES)

    if len(data) > MAX_CHARACTERS:
        return everywhere("too_long")
    if is_too_deep(data if isinstance(data, bytes) else data.encode(errors="surrogatepass")):
        return everywhere("too_deep")
    try:
        text = data.decode() if isinstance(data, bytes) else data
    except UnicodeDecodeError:
        return everywhere("not_utf8")
    try:
        document = read_leniently(text, everywhere)
    except Unreadable:
        return everywhere("not_json")
    if not isinstance(document, dict):
        return everywhere("document_not_object")
    return _scan(cast("dict[str, Any]", document), found)


def _scan(document: Mapping[str, Any], found: Findings) -> None:
    """What a document says beside its values, then what each library comes upon."""
    everyone = LIBRARIES
    for key in document:
        if key not in _KEYS:
            found.add("unknown_key", (None, key), everyone)
    types = document.get("types")
    if not isinstance(types, dict):
        found.add("types_not_object", (None, "types"), everyone)
        types = {}
    reads = {"member_name_not_text": everyone, "declaration_extra_key": everyone}
    declared = read_declarations(cast("dict[str, Any]", types), lambda code, link: found.add(code, link, reads.get(code, ())))
    if len(declared) > DEFAULT_LIMITS.structs or sum(len(members or ()) for members in declared.values()) > DEFAULT_LIMITS.members:
        return found.add("too_many_types", (None, "types"), everyone)
    if sum(len(member.type) + len(member.name) for members in declared.values() for member in members or ()) > DEFAULT_LIMITS.type_length:
        return found.add("too_many_types", (None, "types"), everyone)
    _scan_primary_type(document, declared, found)
    _scan_domain(document, declared, found)
    _scan_declarations(declared, found)
    return find(document, declared, found)


def _scan_primary_type(document: Mapping[str, Any], declared: Mapping[str, Any], found: Findings) -> None:
    link: Link = (None, "primaryType")
    if "primaryType" not in document:
        found.add("primary_type_missing", link, LIBRARIES)
    elif type(primary := document["primaryType"]) is not str:
        found.add("primary_type_not_text", link, LIBRARIES)
    elif primary == DOMAIN:
        found.add("primary_type_is_domain", link, LIBRARIES)
    elif primary not in declared:
        found.add("primary_type_undeclared", link, LIBRARIES)


def _scan_domain(document: Mapping[str, Any], declared: Mapping[str, list[Declaration] | None], found: Findings) -> None:
    domain = document.get("domain")
    if not isinstance(domain, dict):
        found.add("domain_missing", (None, "domain"), ())
        domain = {}
    for key, value in cast("dict[str, Any]", domain).items():
        if value is None:
            found.add("domain_null", ((None, "domain"), key), LIBRARIES)
        if key not in STANDARD_DOMAIN:
            found.add("domain_member_unknown", ((None, "domain"), key), ())
    types: Link = (None, "types")
    if DOMAIN not in declared:
        return found.add("domain_undeclared", types, LIBRARIES)
    members = declared[DOMAIN]
    here: Link = (types, DOMAIN)
    if not members:
        return found.add("domain_declared_badly" if members is None else "domain_empty", here, LIBRARIES if members is not None else ())
    for index, member in enumerate(members):
        at: Link = (here, f"[{index}]")
        if member.name not in STANDARD_DOMAIN:
            found.add("domain_member_unknown_declared", at, LIBRARIES)
        elif member.type != STANDARD_DOMAIN[member.name]:
            found.add("domain_type", (at, "type"), LIBRARIES)
        if member.name not in cast("dict[str, Any]", domain):
            found.add("domain_members_differ", ((None, "domain"), member.name), ())
    order = [name for name in STANDARD_DOMAIN if name in {member.name for member in members}]
    if order != [member.name for member in members if member.name in STANDARD_DOMAIN]:
        found.add("domain_order", here, LIBRARIES)
    return None


def _scan_declarations(declared: Mapping[str, list[Declaration] | None], found: Findings) -> None:
    """What we refuse in the declarations. Whether a library stumbles over it depends on what it reads: see :mod:`.walk`."""
    types: Link = (None, "types")
    everyone = LIBRARIES
    direct: dict[str, list[str]] = {}
    for name, members in declared.items():
        here: Link = (types, name)
        if name != DOMAIN:
            if not _IDENTIFIER.fullmatch(name):
                found.add("name_not_identifier", here, everyone)
            elif _ATOMIC_LIKE.fullmatch(name):
                found.add("struct_named_like_type", here, everyone)
            if len(name) > DEFAULT_LIMITS.name_length:
                found.add("beyond_limits", here, everyone)
        if members is not None and not members and name != DOMAIN:
            found.add("empty_struct", here, everyone)
        seen: set[str] = set()
        for index, member in enumerate(members or ()):
            at: Link = (here, f"[{index}]")
            if not _IDENTIFIER.fullmatch(member.name):
                found.add("name_not_identifier", (at, "name"), everyone)
            if len(member.name) > DEFAULT_LIMITS.name_length:
                found.add("beyond_limits", (at, "name"), everyone)
            if member.name in seen:
                found.add("duplicate_member", at, ())
            seen.add(member.name)
            base = _scan_type(member.type, declared, (at, "type"), found)
            if base is not None:
                direct.setdefault(name, []).append(base)
    for name in declared:
        if _contains_itself(name, direct):
            found.add("type_cycle_without_array", (types, name), ())


def _scan_type(text: str, declared: Mapping[str, Any], link: Link, found: Findings) -> str | None:
    """Report what we refuse in a type; give the struct that a value of it cannot do without."""
    match = _SUFFIXES.fullmatch(text)
    if not match:
        found.add("type_malformed" if "[" not in text else "array_suffix_malformed", link, ())
        return None
    base, suffixes = match[1], match[2]
    lengths = re.findall(r"\[([0-9]*)\]", suffixes, re.ASCII)
    if any(length.startswith("0") for length in lengths):
        found.add("array_suffix", link, ())
    if len(lengths) > DEFAULT_LIMITS.array_dimensions or any(len(length) > 11 or int(length or 1) > _LONGEST_ARRAY for length in lengths):
        found.add("beyond_limits", link, LIBRARIES)
    if base in ("uint", "int"):
        found.add("uint_without_width", link, ())
    elif base == DOMAIN:
        found.add("domain_as_member", link, ())
    elif base in declared and not _IDENTIFIER.fullmatch(base):
        found.add("name_not_identifier", link, LIBRARIES)
    elif not is_atomic(base) and (base not in declared or _ATOMIC_LIKE.fullmatch(base)):
        found.add("type_malformed", link, ())
    return base if base in declared and not is_atomic(base) and "" not in lengths else None


def _contains_itself(name: str, direct: Mapping[str, list[str]]) -> bool:
    seen: set[str] = set()
    waiting = list(direct.get(name, ()))
    while waiting:
        current = waiting.pop()
        if current == name:
            return True
        if current not in seen:
            seen.add(current)
            waiting += direct.get(current, ())
    return False
