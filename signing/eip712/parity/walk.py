"""What each library reads of a document, one function a library; each finding names a row of the table and a place.

The functions follow the libraries' own order of steps and their own ways to take a type string apart, because a deviation counts only
where the library looks. No recursion: a document may nest as deep as it likes.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

from orderseal.signing.eip712.parity import values
from orderseal.signing.eip712.parity.document import Declaration, Link, Structs, join
from orderseal.signing.eip712.parity.table import LIBRARIES, TABLE, Library
from orderseal.signing.strict_json import JsonNumber

__all__ = ["DOMAIN", "MISSING", "STANDARD_DOMAIN", "Findings", "find", "is_atomic"]

DOMAIN: Final = "EIP712Domain"
STANDARD_DOMAIN: Final[Mapping[str, str]] = {
    "name": "string",
    "version": "string",
    "chainId": "uint256",
    "verifyingContract": "address",
    "salt": "bytes32",
}
MAX_PLACES: Final = 20
"""The most places that are kept for one row."""
MAX_STEPS: Final = 20_000
"""The most values that one library's walk visits."""


class _Missing:
    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = _Missing()

_INHERITED: Final = frozenset(
    (
        "constructor", "hasOwnProperty", "isPrototypeOf", "propertyIsEnumerable", "toLocaleString", "toString", "valueOf",
        "__defineGetter__", "__defineSetter__", "__lookupGetter__", "__lookupSetter__", "__proto__",
    )
)  # fmt: skip
_INTEGER = re.compile(r"(u?)int([0-9]+)", re.ASCII)
_FIXED = re.compile(r"bytes([0-9]+)", re.ASCII)
_ETHERS_ARRAY = re.compile(r"([^\[]*)((?:\[[0-9]*\])*)(\[([0-9]*)\])", re.ASCII)
_WORD = re.compile(r"\w*", re.ASCII)
_VIEM_BASE = re.compile(r"(?:\[[0-9]*\])+\Z", re.ASCII)
_PLAIN: Final = frozenset(("bool", "address", "string", "bytes"))

# What a type string is to a library: ("atom", kind, size), ("loose", code, (kind, size)), ("array", element, count), ("struct", name, None)
# or ("bad", code, None). A loose one is an atom to this library alone.
Resolved = tuple[str, Any, Any]


class Findings:
    """Rows found, each with its places, and for which libraries it counts there."""

    def __init__(self) -> None:
        self.places: dict[str, dict[str, set[Library]]] = {}
        self.counts: dict[Library, set[str]] = {}
        self._seen: dict[str, int] = {}

    def add(self, code: str, link: Link, libraries: Iterable[Library]) -> None:
        """Note a row of the table at a place; ``libraries`` are those that read the place. With none it is only why we refuse.

        It can then be no reason for a library to refuse, but it is part of what a library passes over that accepts the document.
        """
        libraries = tuple(libraries) or [name for name in LIBRARIES if TABLE[code].effects[name] == "accepts"]
        for library in libraries:
            self.counts.setdefault(library, set()).add(code)
        places = self.places.setdefault(code, {})
        count = self._seen[code] = self._seen.get(code, 0) + 1
        if count <= 10 * MAX_PLACES:
            path = join(link)
            if path in places or len(places) < MAX_PLACES:
                places.setdefault(path, set()).update(libraries)


def _atom(text: str) -> Resolved | None:
    """One of the types that every library knows."""
    if text in _PLAIN:
        return ("atom", text, 0)
    if match := _INTEGER.fullmatch(text):
        size = int(match[2]) if len(match[2]) < 4 else 0
        if match[2][0] != "0" and size % 8 == 0 and 8 <= size <= 256:
            return ("atom", "int" if not match[1] else "uint", size)
    elif match := _FIXED.fullmatch(text):
        size = int(match[1]) if len(match[1]) < 3 else 0
        if match[1][0] != "0" and 1 <= size <= 32:
            return ("atom", "bytesN", size)
    return None


def is_atomic(text: str) -> bool:
    """Whether this is one of EIP-712's own types, with its width."""
    return _atom(text) is not None


# How each library resolves a type string at a value


def _resolve_eth_account(structs: Structs, text: str, _validated: bool) -> Resolved:
    if text in structs:
        return ("struct", text, None)
    if text.endswith("]"):
        return ("array", text[: text.rindex("[")], None) if "[" in text else ("bad", "type_unusable", None)
    if text in ("uint", "int"):
        return ("atom", text, 256)
    return _atom(text) or ("bad", "type_unusable", None)


def _resolve_ethers(structs: Structs, text: str, _validated: bool) -> Resolved:
    if text in ("uint", "int") and text not in structs:
        text += "256"
    if atom := _atom(text):
        return atom
    if match := _ETHERS_ARRAY.fullmatch(text):
        count = -1 if not match[4] else int(match[4]) if len(match[4]) < 20 else 10**20
        return ("array", match[1] + match[2], count)
    known = text in structs and not _INTEGER.fullmatch(text) and not _FIXED.fullmatch(text)
    return ("struct", text, None) if known else ("bad", "type_unusable", None)


def _js_element(text: str) -> str:
    """``text.slice(0, text.lastIndexOf("["))``: without a bracket that is all but the last character."""
    return text[: text.rfind("[")]


def _resolve_viem(structs: Structs, text: str, validated: bool) -> Resolved:
    if text in structs:
        if validated and (text in ("address", "bool", "string") or text.startswith(("bytes", "uint", "int"))):
            return ("bad", "struct_named_int_like", None)
        return ("struct", text, None)
    if validated and _VIEM_BASE.sub("", text) in ("int", "uint"):
        return ("bad", "uint_without_width", None)
    if text.endswith("]"):
        return ("array", _js_element(text), None)
    if atom := _atom(text):
        return atom
    if not text:
        return ("bad", values.NOT_MODELLED, None)
    if text.startswith(("uint", "int")):
        code = "uint_without_width_in_array" if text in ("uint", "int") else "type_as_number"
        return ("loose", code, ("uint" if text.startswith("uint") else "int", 256))
    if match := re.match(r"bytes\s*([0-9]+)", text):
        size = int(match[1]) if len(match[1]) < 4 else 999
        return ("loose", "type_as_bytes", ("bytesN", size)) if size <= 32 else ("bad", "type_unusable", None)
    return ("bad", "type_unusable", None)


def _resolve_sig_util(structs: Structs, text: str, _validated: bool) -> Resolved:
    if text in structs:
        return ("struct", text, None)
    if atom := _atom(text):
        return atom
    if text.startswith("bytes") and "[" not in text:
        return ("loose", "type_as_bytes", ("bytesN", 32))
    if text.endswith("]"):
        return ("array", _js_element(text), None)
    if match := re.fullmatch(r"(u?)int([0-9]*)", text, re.ASCII):
        size = int(match[2] or 256) if len(match[2]) < 8 else 0
        if size % 8 == 0 and 8 <= size <= 256:
            code = "uint_zero_padded" if match[2] else "uint_without_width"
            return ("loose", code, ("int" if not match[1] else "uint", size))
    return ("bad", values.NOT_MODELLED if "(" in text else "type_unusable", None)


def _resolve_strictly(structs: Structs, text: str, _validated: bool) -> Resolved:
    if match := _ETHERS_ARRAY.fullmatch(text):
        count = -1 if not match[4] else int(match[4]) if len(match[4]) < 20 else 10**20
        return ("array", match[1] + match[2], count)
    if text in ("uint", "int"):
        text += "256"
    return _atom(text) or (("struct", text, None) if text in structs else ("bad", None, None))


_RESOLVE: Final = {
    "eth-account": _resolve_eth_account,
    "ethers": _resolve_ethers,
    "viem": _resolve_viem,
    "eth-sig-util": _resolve_sig_util,
}


class Walk:
    """One walk of one library over one value of one struct; without a library it explains, and counts for none."""

    def __init__(self, library: Library | None, structs: Structs, findings: Findings) -> None:
        self.library: Library | None = library
        self._me: tuple[Library, ...] = () if library is None else (library,)
        self.structs = structs
        self.findings = findings
        self._resolved: dict[tuple[str, bool], Resolved] = {}
        self._checked: set[str] = set()
        self._plain: bool | None = None
        self._steps = 0

    def add(self, code: str, link: Link) -> None:
        self.findings.add(code, link, self._me)

    def resolve(self, text: str, validated: bool) -> Resolved:
        key = (text, validated)
        if key not in self._resolved:
            resolve = _resolve_strictly if self.library is None else _RESOLVE[self.library]
            self._resolved[key] = resolve(self.structs, text, validated)
        return self._resolved[key]

    def struct(self, name: str, value: Any, link: Link) -> None:
        """Walk a value of a struct. Every value that the library would reach is visited."""
        root = self.resolve(name, False) if self.library == "ethers" else ("struct", name, None)
        stack: list[tuple[Resolved, Any, Link, bool]] = [(root, value, link, True)]
        while stack and self._steps <= MAX_STEPS:
            self._steps += 1
            resolved, current, here, validated = stack.pop()
            form = resolved[0]
            if form == "atom":
                code = self.value(resolved[1], resolved[2], current)
                if code is not None:
                    self.add(code, here)
            elif form == "loose":
                code, kind, size = resolved[1], resolved[2][0], resolved[2][1]
                found = self.loose_bytes(size, current) if kind == "bytesN" else self.value(kind, size, current)
                if found is not None:
                    self.add(found, here)
                self.findings.add(code, here, ())
            elif form == "bad":
                if resolved[1] is not None:  # Else the declaration has been named already.
                    self.add(resolved[1], here)
            elif form == "array":
                self.array(resolved, current, here, stack)
            else:
                self.members(resolved[1], current, here, validated, stack)
        if self._steps > MAX_STEPS:
            self.add("too_long", link)

    def array(self, resolved: Resolved, value: Any, link: Link, stack: list[tuple[Resolved, Any, Link, bool]]) -> None:
        _form, element, count = resolved
        if value is MISSING:
            self.add("missing_value", link)
            return
        if not isinstance(value, list):
            self.add("not_an_array", link)
            return
        items: list[Any] = value
        if count not in (None, -1, len(items)):
            self.add("array_length", link)
        if not items:
            return
        inner = self.resolve(element, False)
        if inner[0] != "atom":
            items = items[:MAX_STEPS]
            stack += [
                (inner, item, (link, f"[{index}]"), False)
                for index, item in zip(range(len(items) - 1, -1, -1), reversed(items), strict=True)
            ]
            return
        _form, kind, size = inner
        self._steps += len(items)
        for index, item in enumerate(items[:MAX_STEPS]):
            code = self.value(kind, size, item)
            if code is not None:
                self.add(code, (link, f"[{index}]"))

    def members(self, name: str, value: Any, link: Link, validated: bool, stack: list[tuple[Resolved, Any, Link, bool]]) -> None:
        declared = self.structs.get(name)
        nested = link is not None and link[0] is not None
        if nested and (value is None or value is MISSING):
            self.add("missing_struct" if declared or self.library in ("eth-account", "eth-sig-util") else "missing_empty_struct", link)
            return
        self.check_type(name, link)
        if declared is None:
            self.add("declaration_malformed", link)
            return
        if not isinstance(value, dict):
            if not declared:
                return
            if value is None or value is MISSING:
                self.add("missing_value", link)
                return
            self.add("struct_not_object", link)
            if self.library == "eth-account":
                return
            if isinstance(value, list | str) and not isinstance(value, JsonNumber) and any(_is_own_of_list(m.name) for m in declared):
                self.add(values.NOT_MODELLED, link)
                return
            value = {}
        found = cast("dict[str, Any]", value)
        names = {member.name for member in declared}
        for key in found:
            if key not in names and (nested or name != DOMAIN or self.library not in ("eth-account", "ethers")):
                self.add("extra_member" if nested or name != DOMAIN else "domain_members_differ", (link, key))
        self._steps += len(declared)
        for member in reversed(declared):
            item = found.get(member.name, MISSING)
            if item is MISSING and member.name in _INHERITED:
                self.add("missing_inherited", (link, member.name))
                if self.library != "eth-account":
                    continue
            stack.append((self.resolve(member.type, validated), item, (link, member.name), validated))

    def value(self, kind: str, size: int, value: Any) -> str | None:
        """The row for one value of an atomic type, as this library reads it."""
        if value is MISSING:
            return "missing_text" if kind in ("string", "bytes") else "missing_bool" if kind == "bool" else "missing_value"
        match kind:
            case "uint" | "int":
                return values.integer(kind == "int", size, value)
            case "bool":
                return values.boolean(value)
            case "address":
                return values.address(value)
            case "string":
                return values.text(value)
            case "bytes":
                return values.dynamic_bytes(value)
            case _:
                return values.fixed_bytes(size, value)

    def loose_bytes(self, size: int, value: Any) -> str | None:
        """A value for a type that only begins with bytes. To eth-sig-util any width is bytes32."""
        good = values.metamask_fits(value) if self.library == "eth-sig-util" else values.viem_fits(size, value)
        return None if good else "fixed_bytes_other"

    def check_type(self, name: str, link: Link) -> None:
        """The type string of a struct that is reached: JavaScript's two take a struct's name to end at the first odd character."""
        if name in self._checked:
            return
        self._checked.add(name)
        if self.library == "eth-account" and (core := _core(name)) != name and not (core in self.structs or _atom(core or "")):
            self.add("type_malformed", link)
        if self.library not in ("viem", "eth-sig-util") or self._is_plain():
            return
        short: set[str] = set()
        waiting = [name]
        while waiting:
            word = _word(waiting.pop())
            if word in short:
                continue
            if word not in self.structs:
                if word in _INHERITED:
                    self.add("dollar_and_inherited_name", link)
                continue
            short.add(word)
            self._steps += 1
            members = self.structs[word]
            if members is None:
                self.add("declaration_malformed", link)
                continue
            waiting += [member.type for member in members]
        if short - {name} != _reachable(self.structs, name) - {name}:
            self.add("dollar_in_struct_name", link)

    def _is_plain(self) -> bool:
        """Whether no declaration is malformed and no name has an odd character, so that every library finds the same structs."""
        if self._plain is None:
            names = {_word(member.type) for members in self.structs.values() for member in members or ()}
            self._plain = (
                all(members is not None and _word(name) == name for name, members in self.structs.items())
                and not (names - self.structs.keys()) & _INHERITED
            )
        return self._plain


def _word(text: str) -> str:
    """``text.match(/^\\w*/u)[0]``: where JavaScript's two take a struct's name to end."""
    match = _WORD.match(text)
    return match[0] if match else ""


def _is_own_of_list(name: str) -> bool:
    return name == "length" or name.isdigit() or name in ("map", "at", "concat", "slice")


def _core(text: str) -> str | None:
    """eth-account's base of an array type; ``None`` where it raises."""
    if not text.endswith("]"):
        return text
    return text[: text.index("[")] if "[" in text else None


def _reachable(structs: Structs, name: str) -> set[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        current = waiting.pop()
        if current in found or current not in structs:
            continue
        found.add(current)
        waiting += [member.type.split("[")[0] for member in structs[current] or ()]
    return found


# The libraries


def _single_root(structs: Structs, parents: Mapping[str, set[str]]) -> str | None:
    roots = [name for name in structs if not parents[name]]
    return roots[0] if len(roots) == 1 else None


def _eth_account(document: Mapping[str, Any], declared: Structs, note: Findings) -> None:
    me: Library = "eth-account"
    types = document.get("types")
    given = cast("dict[str, Any]", types) if isinstance(types, dict) else {}
    # To Python an empty object or text is as good as an empty list.
    structs = {name: [] if given[name] in ({}, "") else members for name, members in declared.items() if name != DOMAIN}
    domain = document.get("domain", MISSING)
    if not isinstance(domain, dict):
        note.add("domain_missing", (None, "domain"), (me,))
    else:
        domain = cast("dict[str, Any]", domain)
        if DOMAIN in declared:
            names = _domain_names(given[DOMAIN])
            if names is None:
                note.add("declaration_malformed", ((None, "types"), DOMAIN), (me,))
            elif names != set(domain):
                note.add("domain_members_differ", (None, "domain"), (me,))
        for key in domain:
            if key not in STANDARD_DOMAIN:
                note.add("domain_member_unknown", ((None, "domain"), key), (me,))
        standard: Structs = {DOMAIN: [Declaration(name, type_) for name, type_ in STANDARD_DOMAIN.items() if name in domain]}
        Walk(me, standard, note).struct(DOMAIN, domain, (None, "domain"))
    parents: dict[str, set[str]] = {name: set() for name in structs}
    for name, members in structs.items():
        if members is None:
            note.add("declaration_malformed", ((None, "types"), name), (me,))
        for index, member in enumerate(members or ()):
            core = _core(member.type)
            if core is None:
                note.add("type_malformed", _type_link(name, index), (me,))
            elif core in structs and core != name:
                parents[core].add(name)
    root = _single_root(structs, parents)
    primary = document.get("primaryType", MISSING)
    if root is None:
        if isinstance(document.get("types"), dict):
            note.add("no_single_root", (None, "types"), (me,))
        return
    if primary is not MISSING and primary != root and isinstance(primary, str) and primary in structs:
        note.add("inferred_primary_type", (None, "primaryType"), (me,))
    waiting, seen = [root], set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        for index, member in enumerate(structs[name] or ()):
            core = _core(member.type)
            if not member.named:
                note.add("member_name_missing", _type_link(name, index), (me,))
            if core in structs:
                if _atom(core) is None and core not in ("uint", "int"):
                    waiting.append(core)
            elif core is not None and _atom(core) is None and core not in ("uint", "int"):
                note.add("domain_as_member" if core == DOMAIN else "type_malformed", _type_link(name, index), (me,))
    if "message" not in document:
        note.add("missing_value", (None, "message"), (me,))
    Walk(me, structs, note).struct(root, document.get("message", MISSING), (None, "message"))


def _domain_names(declared: Any) -> set[str] | None:
    """The names that eth-account compares the domain's keys with: it looks at nothing else in the declaration."""
    if declared in ({}, ""):
        return set()
    if not isinstance(declared, list) or not all(isinstance(member, dict) and "name" in member for member in declared):
        return None
    names: list[Any] = [cast("dict[str, Any]", member)["name"] for member in declared]
    return None if any(isinstance(name, dict | list) for name in names) else set(names)


def _type_link(struct: str, index: int) -> Link:
    return ((((None, "types"), struct), f"[{index}]"), "type")


def _ethers(document: Mapping[str, Any], declared: Structs, note: Findings) -> None:
    me: Library = "ethers"
    structs = {name: members for name, members in declared.items() if name != DOMAIN}
    domain = document.get("domain", MISSING)
    if isinstance(domain, dict):
        domain = cast("dict[str, Any]", domain)
        present = {key: value for key, value in domain.items() if value is not None}
        for key in present:
            if key not in STANDARD_DOMAIN:
                note.add("domain_member_unknown", ((None, "domain"), key), (me,))
        standard: Structs = {DOMAIN: [Declaration(name, type_) for name, type_ in STANDARD_DOMAIN.items() if name in present]}
        Walk(me, standard, note).struct(DOMAIN, present, (None, "domain"))
    elif isinstance(domain, list | str) and not isinstance(domain, JsonNumber) and domain:
        note.add("domain_member_unknown", (None, "domain"), (me,))
    parents: dict[str, set[str]] = {name: set() for name in structs}
    links: dict[str, list[str]] = {name: [] for name in structs}
    for name, members in structs.items():
        if name == "__proto__":
            note.add("struct_named_proto", ((None, "types"), name), (me,))
        if members is None:
            note.add("declaration_malformed", ((None, "types"), name), (me,))
        names: set[str] = set()
        for index, member in enumerate(members or ()):
            if member.name in names:
                note.add("duplicate_member", _type_link(name, index)[0], (me,))  # type: ignore[index]
            names.add(member.name)
            match = _ETHERS_ARRAY.fullmatch(member.type)
            base = match[1] if match else member.type
            if base in ("int", "uint") and base not in structs:
                base += "256"
            if base == name:
                note.add("type_cycle", ((None, "types"), name), (me,))
            elif _atom(base) is not None:
                if base in structs:
                    note.add("struct_behind_a_type", _type_link(name, index), (me,))
            elif base not in structs or _INTEGER.fullmatch(base) or _FIXED.fullmatch(base):
                note.add("domain_as_member" if base == DOMAIN else "type_malformed", _type_link(name, index), (me,))
            else:
                parents[base].add(name)
                links[name].append(base)
    root = _single_root(structs, parents)
    if root is None:
        if isinstance(document.get("types"), dict):
            note.add("no_single_root", (None, "types"), (me,))
        return
    if cycle := _cycle(root, links):
        note.add("type_cycle", ((None, "types"), cycle), (me,))
    primary = document.get("primaryType")
    if isinstance(primary, str) and primary != root and primary in structs:
        note.add("inferred_primary_type", (None, "primaryType"), (me,))
    Walk(me, structs, note).struct(root, document.get("message", MISSING), (None, "message"))


def _cycle(root: str, links: Mapping[str, list[str]]) -> str | None:
    """A struct on a cycle that is reached from the root."""
    done: set[str] = set()
    trail: set[str] = set()
    stack: list[tuple[str, bool]] = [(root, False)]
    while stack:
        name, leaving = stack.pop()
        if leaving:
            trail.discard(name)
            done.add(name)
        elif name in trail:
            return name
        elif name not in done:
            trail.add(name)
            stack.append((name, True))
            stack += [(child, False) for child in links[name]]
    return None


def _script_truth(value: Any) -> bool:
    """JavaScript's truth of a JSON value."""
    if isinstance(value, JsonNumber):
        return float(value) != 0
    if isinstance(value, dict | list):
        return True
    return value is not MISSING and bool(value)


def _viem(document: Mapping[str, Any], declared: Structs, note: Findings) -> None:
    me: Library = "viem"
    domain = document.get("domain", MISSING)
    if domain is MISSING:
        domain = {}
    structs: dict[str, list[Declaration] | None] = dict(declared)
    if DOMAIN not in structs:
        structs[DOMAIN] = _viem_domain(domain)
    if _script_truth(domain):
        if not isinstance(domain, dict | list):
            note.add("domain_declared_badly", (None, "domain"), (me,))
        else:
            Walk(me, structs, note).struct(DOMAIN, domain, (None, "domain"))
    primary = document.get("primaryType", MISSING)
    if primary == DOMAIN:
        note.add("primary_type_is_domain", (None, "primaryType"), (me,))
    elif isinstance(primary, str) and primary in structs:
        Walk(me, structs, note).struct(primary, document.get("message", MISSING), (None, "message"))


def _viem_domain(domain: Any) -> list[Declaration]:
    """``getTypesForEIP712Domain``."""
    if not isinstance(domain, dict):
        return []
    found = cast("dict[str, Any]", domain)
    chain_id = found.get("chainId")
    wanted = {
        "name": isinstance(found.get("name"), str) and not isinstance(found.get("name"), JsonNumber),
        "version": _script_truth(found.get("version")),
        "chainId": isinstance(chain_id, JsonNumber) or type(chain_id) is int,
        "verifyingContract": _script_truth(found.get("verifyingContract")),
        "salt": _script_truth(found.get("salt")),
    }
    return [Declaration(name, STANDARD_DOMAIN[name]) for name, there in wanted.items() if there]


def _sig_util(document: Mapping[str, Any], declared: Structs, note: Findings) -> None:
    me: Library = "eth-sig-util"
    if not _script_truth(document.get("types")):
        note.add("declaration_malformed", (None, "types"), (me,))
        return
    structs: dict[str, list[Declaration] | None] = {DOMAIN: [], **declared}

    def truthy(key: str) -> Any:
        value = document.get(key, MISSING)
        return value if _script_truth(value) else MISSING

    Walk(me, {DOMAIN: structs[DOMAIN]}, note).struct(DOMAIN, truthy("domain"), (None, "domain"))
    primary = document.get("primaryType", MISSING)
    if primary == DOMAIN:
        note.add("primary_type_is_domain", (None, "primaryType"), (me,))
    elif isinstance(primary, str) and primary and primary in structs:
        Walk(me, structs, note).struct(primary, truthy("message"), (None, "message"))
    elif primary == "":
        note.add("primary_type_undeclared", (None, "primaryType"), (me,))


def find(document: Mapping[str, Any], declared: Structs, note: Findings) -> None:
    """Add what each library comes upon in a document."""
    _explain(document, declared, note)
    _eth_account(document, declared, note)
    _ethers(document, declared, note)
    _viem(document, declared, note)
    _sig_util(document, declared, note)


def _explain(document: Mapping[str, Any], declared: Structs, note: Findings) -> None:
    """The deviations of the values from what we read, whether or not a library comes upon them."""
    structs = {name: members for name, members in declared.items() if name != DOMAIN}
    if declared.get(DOMAIN) is not None:
        Walk(None, {DOMAIN: declared[DOMAIN]}, note).struct(DOMAIN, document.get("domain", MISSING), (None, "domain"))
    primary = document.get("primaryType", MISSING)
    if isinstance(primary, str) and primary in structs:
        Walk(None, structs, note).struct(primary, document.get("message", MISSING), (None, "message"))
