"""Fuzz the ways in for JSON with atheris (libFuzzer): only errors of the tree come out, and the quick reader is the strict one.

::

    pip install -e '.[sandbox]' atheris
    python tools/fuzz_json.py FOLDER -max_total_time=3600

FOLDER keeps the inputs that reached new code; it is filled with the vectors first. Every other argument is libFuzzer's. An input is one
document or several with a record separator (0x1E) between them: what one leaves in the caches must not change what another means.

libFuzzer ends with the first finding. With ``--go-on`` each kind of finding is written to FOLDER.found instead, once. A file in the place
of FOLDER is tried alone.
"""

import contextlib
import copy
import hashlib
import json
import random
import sys
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any, NoReturn, cast

import atheris
from eth_account.messages import encode_typed_data

with atheris.instrument_imports(include=["orderseal.signing"]):
    from orderseal.signing import (
        DEFAULT_LIMITS,
        Domain,
        OrdersealError,
        Report,
        SignedItem,
        TypedData,
        inspect_signed,
        read_json,
        read_signed,
    )
    from orderseal.signing.eip712 import document as document_module
    from orderseal.signing.eip712.schema import Schema
    from orderseal.signing.signed import _item
    from orderseal.signing.strict_json import checked_text, read_object
    from orderseal.signing.values import address_of_text

SEPARATOR = b"\x1e"
SIGNATURE = "0x" + "11" * 64 + "1b"
STANDARD = ("name", "version", "chainId", "verifyingContract", "salt")
STRANGER = "0x" + "ab" * 20
VENUE = Domain(name="RFQSettlement", version="1", chain_id=97, verifying_contract="0x" + "cb" * 20)


class Finding(AssertionError):
    """A property that does not hold."""


# What must hold.


def forget() -> None:
    """Make every cache cold."""
    document_module._recent = ()
    for cached in (Schema._cached, Domain._cached, address_of_text):
        cast("Any", cached).cache_clear()


def outcome(read: Callable[[], Any]) -> tuple[str, Any]:
    """What a way in makes of an input: a value, or an error of the tree in its words. All else is a finding."""
    try:
        value = read()
    except OrdersealError as error:
        text = str(error)
        if len(text) > 4000 or not text.isprintable():
            raise Finding(f"an error that cannot be shown: {text[:4000]!r}") from error
        return "refused", text
    return "read", value


def slowly(data: bytes | str) -> TypedData:
    """The plain way: all of the JSON first, without any short cut."""
    return TypedData._from_object(read_json(data), DEFAULT_LIMITS)


def check_document(data: bytes | str) -> TypedData | None:
    """The quick way, cold and warm, gives what the plain way gives; and what is read can be written, and read again."""
    known = outcome(lambda: TypedData.from_json(data))  # with what the documents before this one left
    forget()
    cold = outcome(lambda: TypedData.from_json(data))
    warm = outcome(lambda: TypedData.from_json(data))
    plain = outcome(lambda: slowly(data))
    forget()
    plain_cold = outcome(lambda: slowly(data))
    for name, other in (("known", known), ("cold", cold), ("warm", warm), ("plain, warm", plain)):
        # The words for a number in the declaration of the domain depend on the reader.
        same = other == plain_cold or (
            other[0] == "refused" == plain_cold[0] and "EIP712Domain[" in other[1] and "EIP712Domain[" in plain_cold[1]
        )
        if not same:
            raise Finding(f"{name}: {other} is not {plain_cold}")
    if known[0] == "refused":
        return None
    for name, (_, other) in (("known", known), ("cold", cold), ("warm", warm)):
        if (other.message, other.to_json()) != (plain_cold[1].message, plain_cold[1].to_json()):
            raise Finding(f"{name}: another message under the same digest")
    made = cast("TypedData", known[1])
    written = made.to_json()
    for again in (written, json.dumps(written), json.dumps(written, ensure_ascii=False).encode()):
        back = TypedData.from_json(again)
        if back != made or back.to_json() != written or back.message != made.message:
            raise Finding("what was written is not read as the same")
    return made


def check_against_eth_account(made: TypedData) -> None:
    """Where eth-account gives a hash, it is ours. It knows no unused structs, and takes the domain in the standard's order always."""
    document = made.to_json()
    used = made._schema.graph.dependencies(made.primary_type) | {"EIP712Domain"}
    document["types"] = {name: members for name, members in document["types"].items() if name in used}
    try:
        theirs = encode_typed_data(full_message=document)
    except Exception:  # noqa: BLE001 - it refuses in many ways what is good
        return
    usual = [name for name in STANDARD if name in made.domain.members] == list(made.domain.members)
    if theirs.body != made.struct_hash or (usual and theirs.header != made.domain_separator):
        raise Finding(f"eth-account gives {theirs.header.hex()} and {theirs.body.hex()} for {json.dumps(document)}")


def check_signed(data: bytes | str, content: TypedData | None = None) -> None:
    """A signed document is read in the quick way as in the plain one."""
    quick, again = outcome(lambda: read_signed(data)), outcome(lambda: read_signed(data))
    plain = outcome(lambda: _item(read_json(data), DEFAULT_LIMITS))
    if quick != again or quick[0] != plain[0] or (quick[0] == "read" and quick != plain):
        raise Finding(f"signed: {quick}, {again}, {plain}")
    if content is not None and (quick[0] != "read" or quick[1].content != content):
        raise Finding(f"a document is good alone, and not within an item: {quick}")
    if quick[0] == "read":
        item = cast("SignedItem", quick[1])
        for expectations in ({}, {"domain": VENUE}, {"signer": STRANGER}, {"at": 1_800_000_000, "domain": VENUE}):
            report = outcome(partial(inspect_signed, item, **expectations))
            if report[0] == "read":
                json.dumps(cast("Report", report[1]).to_json())


def check_json(text: str) -> None:
    """What the quick reader reads of text within the limits, the strict one reads too, and gives the same."""
    if outcome(lambda: checked_text(text, "document", DEFAULT_LIMITS))[0] == "refused":
        return
    read = read_object(text, lambda _key, _text, _start: None)
    plain = outcome(lambda: read_json(text))
    if read is not None and read[1] == len(text):
        found = {key: value for key, (value, _start, _end) in read[0].items()}
        if plain[0] != "read" or repr(plain[1]) != repr(found):
            raise Finding(f"the quick reader gives {found!r}, the strict one {plain}")
        for _value, start, end in read[0].values():
            read_json(text[start:end])
    if plain[0] == "read":
        json.loads(text, parse_int=str, parse_constant=lambda word: _fail(f"{word} was read"))


def _fail(what: str) -> NoReturn:
    raise Finding(what)


def one_input(data: bytes) -> None:
    """Hold all of this for the documents of one input, in their order and backwards."""
    forget()
    parts = data.split(SEPARATOR)[:3]
    for part in [*parts, *reversed(parts[:-1])]:
        for form in (part, _text(part)):
            if form is None:
                continue
            made = check_document(form)
            if made is not None and isinstance(form, bytes):
                check_against_eth_account(made)
            check_signed(form)
            if isinstance(form, str):
                check_json(form)
                check_signed(f'{{"typed_data":{form},"signature":"{SIGNATURE}"}}', made if _is_one_value(form) else None)
        # What this document leaves is there when the next one comes.
        outcome(partial(TypedData.from_json, part))


def _text(part: bytes) -> str | None:
    try:
        return part.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return None


def _is_one_value(text: str) -> bool:
    """Not a byte order mark and the like: what may stand within an object."""
    return text.lstrip(" \t\r\n").startswith("{")


# How inputs are made: documents that are good, and then changed in their tree or in their text.


class Pairs(list[tuple[str, Any]]):
    """An object as JSON text has it: keys may come twice."""


class Raw(str):
    """A number as it is written."""

    __slots__ = ()


ATOMS = ["uint8", "uint16", "uint256", "int8", "int256", "bytes1", "bytes4", "bytes32", "bool", "address", "bytes", "string"]
TYPES = [
    *ATOMS,
    "uint",
    "int",
    "uint7",
    "uint264",
    "bytes0",
    "bytes33",
    "fixed128x18",
    "function",
    "byte",
    "T",
    "S",
    "EIP712Domain",
    "",
    " ",
]
SUFFIXES = ["", "", "", "[]", "[1]", "[2]", "[][]", "[2][]", "[][2]", "[0]", "[01]", "[4294967297]", "[ 1]", "[-1]", "[", "]"]
NAMES = ["a", "b", "name", "type", "types", "T", "S", "$", "_", "a,b", "a)b(", "é", "", "message", "\ud800", "x" * 257, "Infinity", "\0"]
TEXTS = [
    *("", "0", "1", "-1", "255", "256", "-0", "00", "1.0", "1e3", "0x", "0x0", "0x1", "0xFF", "0x00ff", "0x" + "00" * 20, "0x" + "ab" * 20),
    *("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD", "0x" + "11" * 32, "0x" + "f" * 64),
    *(str(2**53), str(2**256), str(-(2**255)), "true", "null", "NaN", "\ud83d\ude00", "\udc00", "\u0661", "\ufeff", '"', "\\", ",{[", ":"),
    *("EIP712Domain", SIGNATURE),
]
NUMBERS = [
    "0",
    "1",
    "-1",
    "127",
    "128",
    "255",
    "256",
    "-0",
    "0.0",
    "1.0",
    "1e3",
    "1E400",
    "-1e-400",
    "9007199254740991",
    "9007199254740992",
]
NUMBERS += ["-9007199254740991", "-9007199254740992", "1" * 30, "1" + "0" * 5000, "NaN", "Infinity", "-Infinity", "01", "+1", ".5", "1."]


def good_document(rng: random.Random) -> Pairs:
    """A document that is accepted."""
    names = ["T", *rng.sample(["S", "A", "Z_9", "$x"], rng.randrange(3))]
    types: dict[str, list[tuple[str, str]]] = {}
    for i, name in enumerate(names):
        members: list[tuple[str, str]] = []
        for j in range(rng.randint(1, 4)):
            inner = rng.random() < 0.3 and i + 1 < len(names)
            base = rng.choice(names[i + 1 :]) if inner else name if j and rng.random() < 0.1 else rng.choice(ATOMS)
            suffix = "[]" if base == name else rng.choice(SUFFIXES[:9])
            members.append((f"m{j}", base + suffix))
        types[name] = members

    def value(type_: str, depth: int) -> Any:
        if type_.endswith("]"):
            element, _, length = type_[:-1].rpartition("[")
            return [value(element, depth + 1) for _ in range(int(length) if length else rng.randrange(3) if depth < 4 else 0)]
        if type_ in types:
            pairs = [(name, value(of, depth + 1)) for name, of in types[type_]]
            return Pairs(rng.sample(pairs, len(pairs)))
        return good_atom(rng, type_)

    standard = [("name", "string"), ("version", "string"), ("chainId", "uint256"), ("verifyingContract", "address"), ("salt", "bytes32")]
    domain = sorted(rng.sample(standard, rng.randint(1, 5)), key=lambda _: rng.random() < 0.1)
    declared = [("EIP712Domain", domain), *types.items()]
    listed = [(name, [Pairs([("name", n), ("type", t)]) for n, t in members]) for name, members in rng.sample(declared, len(declared))]
    whole = [
        ("types", Pairs(listed)),
        ("primaryType", "T"),
        ("domain", Pairs([(name, good_atom(rng, of)) for name, of in domain])),
        ("message", value("T", 0)),
    ]
    return Pairs(rng.sample(whole, 4))


def good_atom(rng: random.Random, type_: str) -> Any:
    """A value of an atomic type, in one of its forms."""
    match type_:
        case "bool":
            return rng.random() < 0.5
        case "string":
            return rng.choice([*TEXTS[:20], "\ud83d\ude00", "é", "a" * rng.randrange(200)])
        case "bytes":
            return "0x" + rng.randbytes(rng.randrange(40)).hex()
        case "address":
            return "0x" + rng.randbytes(20).hex()
    if type_.startswith("bytes"):
        return "0x" + rng.randbytes(int(type_[5:])).hex()
    bits = int(type_.lstrip("uint"))
    low, high = (0, 2**bits - 1) if type_[0] == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    number = rng.choice([low, high, 0, 1, rng.randint(low, high)])
    if abs(number) < 2**53 and rng.random() < 0.5:
        return Raw(number)
    return hex(number) if number >= 0 and type_[0] == "u" and rng.random() < 0.3 else str(number)


def write(rng: random.Random, value: Any, irregular: float) -> str:
    """JSON text, with white space and escapes where chance wants them."""

    def space() -> str:
        return rng.choice([" ", "\n", "\t", "\r\n ", "  "]) if rng.random() < irregular else ""

    def string(text: str) -> str:
        if rng.random() < irregular:
            return '"' + "".join(f"\\u{ord(c):04x}" if ord(c) < 2**16 and rng.random() < 0.5 else json.dumps(c)[1:-1] for c in text) + '"'
        return json.dumps(text, ensure_ascii=rng.random() < 0.5)

    def any_value(item: Any) -> str:
        if isinstance(item, Pairs):
            return "{" + space() + (f",{space()}").join(f"{string(k)}{space()}:{space()}{any_value(v)}{space()}" for k, v in item) + "}"
        if isinstance(item, list):
            return "[" + space() + (f"{space()},{space()}").join(map(any_value, item)) + space() + "]"
        if isinstance(item, Raw):
            return str(item)
        return string(item) if isinstance(item, str) else json.dumps(item)

    return space() + any_value(value) + space()


def places(value: Any) -> Iterator[tuple[Any, int]]:
    """Every place of a tree, as the object or array that has it and the index there."""
    stack = [value]
    while stack:
        current = stack.pop()
        for index in range(len(current)):
            yield current, index
            item = current[index][1] if isinstance(current, Pairs) else current[index]
            if isinstance(item, list):
                stack.append(item)


def get(holder: Any, index: int) -> Any:
    """What stands in a place."""
    return holder[index][1] if isinstance(holder, Pairs) else holder[index]


def put(holder: Any, index: int, value: Any) -> None:
    """Put something else there."""
    holder[index] = (holder[index][0], value) if isinstance(holder, Pairs) else value


def scalar(rng: random.Random) -> Any:
    """Something to stand in the place of another."""
    made = rng.randrange(7)
    if made == 0:
        return rng.choice([None, True, False])
    if made == 1:
        return rng.choice([[], Pairs(), [[]], [Pairs()], Pairs([("", None)])])
    if made == 2:
        return Raw(rng.choice(NUMBERS))
    if made == 3:
        return rng.choice(TYPES) + rng.choice(SUFFIXES)
    return rng.choice(NAMES if made == 4 else TEXTS)


def change_tree(rng: random.Random, tree: Any) -> Any:
    """Change one place of a tree."""
    found = list(places(tree)) if isinstance(tree, list) else []
    if not found:
        return scalar(rng)
    holder, index = rng.choice(found)
    what = rng.randrange(11)
    if what < 3:
        put(holder, index, scalar(rng))
    elif what == 3:
        put(holder, index, copy.deepcopy(get(*rng.choice(found))))
    elif what == 4:
        del holder[index]
    elif what == 5:
        holder.insert(rng.randint(0, len(holder)), copy.deepcopy(holder[index]))
    elif what == 6:
        rng.shuffle(holder)
    elif what == 7 and isinstance(holder, Pairs):
        holder[index] = (rng.choice(NAMES), holder[index][1])
    elif what == 8:
        put(holder, index, [copy.deepcopy(get(holder, index)) for _ in range(rng.randrange(4))])
    elif what == 9 and isinstance(get(holder, index), str):
        text = get(holder, index)
        at = rng.randint(0, len(text))
        put(
            holder,
            index,
            type(text)(text[:at] + rng.choice(["0", "f", "A", " ", "[]", "[2]", "\ud800", ""]) + text[at + rng.randrange(2) :]),
        )
    else:
        for _ in range(rng.choice([1, 3, 130])):
            put(holder, index, [get(holder, index)] if rng.random() < 0.7 else Pairs([("a", get(holder, index))]))
    return tree


def change_text(rng: random.Random, text: str) -> str:
    """Change the text itself: most of it is no JSON afterwards."""
    at, until = sorted((rng.randint(0, len(text)), rng.randint(0, len(text))))
    until = min(until, at + rng.randrange(40))
    pieces = [
        '"',
        "\\",
        ",",
        ":",
        "{",
        "}",
        "[",
        "]",
        "\\u0000",
        "\\ud800",
        "\\u00e9",
        "\0",
        "\ufeff",
        "\u00a0",
        " ",
        "\n",
        "e",
        "-",
        "//",
        text[at:until],
    ]
    return text[:at] + rng.choice(pieces) * rng.choice([1, 1, 2, 200]) + text[rng.choice([at, until]) :]


def mutate(data: bytes, max_size: int, seed: int) -> bytes:
    """libFuzzer's own mutator knows bytes; this one knows documents."""
    rng = random.Random(seed)
    parts = data.split(SEPARATOR)[:3]
    chance = rng.random()
    if chance < 0.05:
        return cast("bytes", atheris.Mutate(data, max_size))
    if chance < 0.15 or not data:
        parts[rng.randrange(len(parts))] = write(rng, good_document(rng), rng.choice([0, 0, 0.1])).encode("utf-8", "surrogatepass")
    elif chance < 0.25:
        parts.append(parts[rng.randrange(len(parts))])
    elif chance < 0.3 and len(parts) > 1:
        parts.pop(rng.randrange(len(parts)))
    else:
        index = rng.randrange(len(parts))
        text = parts[index].decode("utf-8", "surrogatepass" if rng.random() < 0.9 else "replace") if _text(parts[index]) is not None else ""
        with contextlib.suppress(ValueError, RecursionError):
            tree = json.loads(text, object_pairs_hook=Pairs, parse_int=Raw, parse_float=Raw, parse_constant=Raw)
            for _ in range(rng.choice([1, 1, 1, 2, 4])):
                tree = change_tree(rng, tree)
            text = write(rng, tree, rng.choice([0, 0, 0, 0.02, 0.3]))
        if rng.random() < 0.15:
            text = change_text(rng, text)
        parts[index] = text.encode("utf-8", "surrogatepass")
    return SEPARATOR.join(parts[:3])[:max_size]


def fill(folder: Path) -> None:
    """Begin with the documents that ship with the package, and the venue's own payload."""
    folder.mkdir(parents=True, exist_ok=True)
    texts: list[str] = []
    for name in ("generated.jsonl", "eip712-ethers.jsonl"):
        for line in files("orderseal.fixtures.vectors").joinpath(name).read_text("utf-8").splitlines():
            found = json.loads(line)
            document = found.get("document") or found["typed_data"]
            texts.append(json.dumps(document, separators=(",", ":")))
    lines = files("orderseal.fixtures.parity").joinpath("documents.jsonl").read_text("utf-8").splitlines()
    texts += [json.loads(line)["document"] for line in lines]
    order = {"maker": STRANGER, "principal": STRANGER, "is_buy": True, "ticker": "AAPL", "exchange": 0, "asset": STRANGER}
    order |= {"price": "150250000000000000000", "quantity": "100", "incentive": "0", "deadline": 1_800_000_000, "nonce": 7}
    texts.append(json.dumps({"order": order, "signature": SIGNATURE}))
    texts.append(json.dumps({"typed_data": json.loads(texts[0]), "signature": SIGNATURE, "signer": STRANGER}))
    for number, text in enumerate(texts):
        (folder / f"begin-{number:03}").write_bytes(text.encode("utf-8", "surrogatepass"))


def keeper(folder: Path) -> Callable[[bytes], None]:
    """Try inputs, and write the first of each kind of finding to a folder."""
    kinds: set[str] = set()

    def keep(data: bytes) -> None:
        try:
            one_input(data)
        except Exception as error:  # noqa: BLE001 - whatever comes out is what is looked for
            frames = traceback.extract_tb(error.__traceback__)
            kind = f"{type(error).__name__} {str(error)[:12]} {[(frame.name, frame.lineno) for frame in frames][-4:]}"
            if kind not in kinds:
                kinds.add(kind)
                folder.mkdir(exist_ok=True)
                name = hashlib.sha256(data).hexdigest()[:16]
                (folder / name).write_bytes(data)
                (folder / f"{name}.txt").write_text("".join(traceback.format_exception(error)), "utf-8", "backslashreplace")
                print(f"FOUND {name}: {kind}", file=sys.stderr, flush=True)

    return keep


def main() -> None:
    """Fill the folder and fuzz."""
    arguments = [argument for argument in sys.argv if argument != "--go-on"]
    if len(arguments) < 2 or arguments[1].startswith("-"):
        raise SystemExit(__doc__)
    folder = Path(arguments[1])
    if folder.is_file():
        one_input(folder.read_bytes())
        return
    fill(folder)
    target = keeper(folder.with_suffix(".found")) if len(arguments) < len(sys.argv) else one_input
    # Documents are longer than libFuzzer believes.
    atheris.Setup([*arguments, "-max_len=20000", "-len_control=0"], target, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
