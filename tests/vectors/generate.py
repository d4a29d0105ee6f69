"""Write ``fixtures/vectors/generated.jsonl``: typed-data documents and what EIP-712 makes of them, from a reference that is not ours.

The reference below is the text of https://eips.ethereum.org/EIPS/eip-712 in its own words, as simple as it can be: it checks nothing, and
nothing of Orderseal is imported here. Before the file is written, eth-account confirms every document that it can do.

    python tests/vectors/generate.py fixtures/vectors/generated.jsonl
"""

import json
import sys
from collections.abc import Iterator, Mapping
from itertools import combinations, product
from pathlib import Path
from random import Random
from typing import Any

from Crypto.Hash import keccak

Types = Mapping[str, list[dict[str, str]]]

SEED = 712
DOMAIN_TYPES = {"name": "string", "version": "string", "chainId": "uint256", "verifyingContract": "address", "salt": "bytes32"}
TEXTS = [
    "",
    "a",
    "Hello, Bob!",
    " \t\n\r",
    'quotes " and \\ backslashes',
    "\u0000 and \u001f",
    "é",
    "e\u0301",
    "Zażółć gęślą jaźń",
    "日本語 한국어 العربية",
    "\u202eright to left",
    "😀👩\u200d👩\u200d👧\U0010ffff",
    "\ufeff\ufffd\uffff",
]
LENGTHS = [0, 1, 31, 32, 33, 64, 135, 136, 137, 272]
"""Byte lengths around a word, and around the 136 bytes that keccak-256 takes at a time."""


# The reference


def keccak256(data: bytes) -> bytes:
    """Keccak-256, not SHA3-256."""
    return keccak.new(digest_bits=256, data=data).digest()


def encode_type(name: str, types: Types) -> str:
    """``name ‖ "(" ‖ member₁ ‖ "," ‖ … ‖ ")"``, then the struct types that it refers to, sorted by name, each in the same way."""
    found: list[str] = []

    def visit(struct: str) -> None:
        if struct in types and struct not in found:
            found.append(struct)
            for member in types[struct]:
                visit(member["type"].split("[")[0])

    visit(name)
    order = [name, *sorted(set(found) - {name})]
    written = {struct: ",".join(member["type"] + " " + member["name"] for member in types[struct]) for struct in order}
    return "".join(f"{struct}({members})" for struct, members in written.items())


def encode_value(type_: str, value: Any, types: Types) -> bytes:
    """The 32 bytes that stand for one member in ``encodeData``."""
    if type_.endswith("]"):
        element = type_[: type_.rindex("[")]
        return keccak256(b"".join(encode_value(element, item, types) for item in value))
    if type_ in types:
        return hash_struct(type_, value, types)
    if type_ == "string":
        return keccak256(value.encode("utf-8"))
    if type_ == "bytes":
        return keccak256(bytes.fromhex(value[2:]))
    if type_.startswith("bytes"):
        return bytes.fromhex(value[2:]).ljust(32, b"\0")
    number = int(value, 16) if type_ == "address" else int(value)
    return (number % 2**256).to_bytes(32, "big")


def hash_struct(name: str, value: Mapping[str, Any], types: Types) -> bytes:
    """``keccak256(typeHash ‖ encodeData(s))``."""
    type_hash = keccak256(encode_type(name, types).encode())
    return keccak256(type_hash + b"".join(encode_value(member["type"], value[member["name"]], types) for member in types[name]))


def expected(document: Mapping[str, Any]) -> dict[str, str]:
    """The five values of a document."""
    types, primary = document["types"], document["primaryType"]
    encoded_type = encode_type(primary, types)
    separator = hash_struct("EIP712Domain", document["domain"], types)
    struct_hash = hash_struct(primary, document["message"], types)
    return {
        "encoded_type": encoded_type,
        "type_hash": "0x" + keccak256(encoded_type.encode()).hex(),
        "domain_separator": "0x" + separator.hex(),
        "struct_hash": "0x" + struct_hash.hex(),
        "signing_hash": "0x" + keccak256(b"\x19\x01" + separator + struct_hash).hex(),
    }


# The documents


def domain_type(members: Mapping[str, Any]) -> list[dict[str, str]]:
    """The declaration of a domain, in the order of its members."""
    return [{"name": name, "type": DOMAIN_TYPES[name]} for name in members]


def make(types: Mapping[str, Mapping[str, str]], message: Any, primary: str | None = None, domain: Any = None) -> dict[str, Any]:
    """A document; the primary type is the first, if no other is named."""
    domain = {"name": "Vectors", "version": "1", "chainId": 1} if domain is None else domain
    structs = {struct: [{"name": name, "type": type_} for name, type_ in members.items()] for struct, members in types.items()}
    return {
        "types": {"EIP712Domain": domain_type(domain), **structs},
        "primaryType": primary or next(iter(types)),
        "domain": domain,
        "message": message,
    }


class Values:
    """Random values in JSON forms that all libraries read alike."""

    def __init__(self, random: Random) -> None:
        self.random = random

    def hex(self, size: int) -> str:
        """``0x`` and so many bytes."""
        return "0x" + self.random.randbytes(size).hex()

    def number(self, value: int) -> int | str:
        """A decimal string, or a JSON number where that is exact in JavaScript."""
        return value if abs(value) < 2**53 and self.random.getrandbits(1) else str(value)

    def bounds(self, type_: str) -> tuple[int, int]:
        """The least and the greatest value of an integer type."""
        bits = int(type_.lstrip("uint"))
        return (0, 2**bits - 1) if type_.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)

    def atom(self, type_: str) -> Any:
        """A value of an atomic or dynamic type."""
        if type_ == "bool":
            return bool(self.random.getrandbits(1))
        if type_ == "string":
            return self.random.choice(TEXTS)
        if type_ == "bytes":
            return self.hex(self.random.choice(LENGTHS[:6]))
        if type_ == "address":
            return self.hex(20)
        if type_.startswith("bytes"):
            return self.hex(int(type_[5:]))
        low, high = self.bounds(type_)
        return self.number(self.random.choice([low, high, 0, 1, max(low, -1), self.random.randint(low, high)]))

    def of(self, type_: str, types: Mapping[str, Mapping[str, str]], depth: int = 0, items: int | None = None) -> Any:
        """A value of any type; ``items`` is the length of every dynamic array, which is random if it is not given."""
        if type_.endswith("]"):
            element, _, length = type_[:-1].rpartition("[")
            most = 3 if depth < 2 else 0
            size = int(length) if length else self.random.randint(0, most) if items is None else items
            return [self.of(element, types, depth, items) for _ in range(size)]
        if type_ in types:
            return {name: self.of(member, types, depth + 1, items) for name, member in types[type_].items()}
        return self.atom(type_)


INTEGERS = [f"{sign}int{bits}" for sign in ("u", "") for bits in range(8, 257, 8)]
ATOMS = [*INTEGERS, *(f"bytes{size}" for size in range(1, 33)), "bool", "address", "bytes", "string"]


def atoms(values: Values) -> Iterator[tuple[str, Any]]:
    """One document for every type, with its bounds."""
    for type_ in INTEGERS:
        low, high = values.bounds(type_)
        members = {"least": low, "greatest": high, "zero": 0, "one": 1, "random": values.random.randint(low, high)}
        if low:
            members["minusOne"] = -1
        yield type_, make({"Value": dict.fromkeys(members, type_)}, {name: values.number(value) for name, value in members.items()})
    for size in range(1, 33):
        message = {"zeros": "0x" + "00" * size, "ones": "0x" + "ff" * size, "left": "0x01" + "00" * (size - 1), "random": values.hex(size)}
        yield f"bytes{size}", make({"Value": dict.fromkeys(message, f"bytes{size}")}, message)
    yield "bool", make({"Value": {"yes": "bool", "no": "bool"}}, {"yes": True, "no": False})
    checksummed = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"  # an example of EIP-55
    accounts = {"zero": "0x" + "00" * 20, "ones": "0x" + "ff" * 20, "one": f"0x{1:040x}", "random": values.hex(20), "mixed": checksummed}
    yield "address", make({"Value": dict.fromkeys(accounts, "address")}, accounts)


def dynamic(values: Values) -> Iterator[tuple[str, Any]]:
    """Strings and bytes: empty, long, beyond ASCII, and of lengths around a word and a block."""
    for index, text in enumerate(TEXTS):
        yield f"string {index}", make({"Text": {"text": "string"}}, {"text": text})
    for length in LENGTHS:
        message = {"text": "x" * length, "data": values.hex(length)}
        yield f"length {length}", make({"Both": {"text": "string", "data": "bytes"}}, message)
    yield "string of hex", make({"Text": {"text": "string"}}, {"text": "0x1234"})
    yield "string of digits", make({"Text": {"text": "string"}}, {"text": "12"})


def domains(values: Values) -> Iterator[tuple[str, Any]]:
    """All 31 domains of the standard's members, those of more than one in another order too, and values at the bounds."""
    full = {
        "name": "Ether Mail",
        "version": "1",
        "chainId": 1,
        "verifyingContract": "0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC",
        "salt": values.hex(32),
    }
    types, message = {"Note": {"text": "string"}}, {"text": "domain"}
    for count in range(1, 6):
        for names in combinations(full, count):
            yield "domain " + " ".join(names), make(types, message, domain={name: full[name] for name in names})
    for count in range(2, 6):
        for names in combinations(full, count):
            order = names[::-1] if count < 4 else (*names[2:], *names[:2])
            yield "domain in another order: " + " ".join(order), make(types, message, domain={name: full[name] for name in order})
    for chain in (0, 56, 2**53 - 1, str(2**53), str(2**64), str(2**256 - 1)):
        yield f"chain {chain}", make(types, message, domain={"chainId": chain})
    for index, text in enumerate(TEXTS[::3]):
        yield f"domain of string {index}", make(types, message, domain={"name": text, "version": text})


def arrays(values: Values) -> Iterator[tuple[str, Any]]:
    """Fixed and dynamic arrays, up to four deep, of every kind of element."""
    item = {"Item": {"id": "uint32", "label": "string"}}
    bases = ["uint256", "Item", "string", "bytes", "bool", "int16", "bytes4", "address"]
    shapes = ["".join(shape) for depth in range(1, 5) for shape in product(("[]", "[2]"), repeat=depth)]
    for index, shape in enumerate(shapes):
        for base in ("Item", "uint256") if index % 2 else (bases[index % len(bases)],):
            types: Mapping[str, Mapping[str, str]] = {"Root": {"items": base + shape}, **(item if base == "Item" else {})}
            yield f"{base}{shape}", make(types, values.of("Root", types, items=2))
    for base in bases:
        types = {"Root": {"none": base + "[]", "one": base + "[1]", "three": base + "[3]"}, **(item if base == "Item" else {})}
        yield f"{base} lengths 0, 1, 3", make(types, values.of("Root", types, items=0))
    for shape in ("[][]", "[][][]", "[2][]", "[][2]", "[][2][]", "[1][1][1][1]"):
        types = {"Root": {"items": "Item" + shape}, **item}
        yield f"Item{shape} with empty arrays", make(types, values.of("Root", types, items=0 if shape == "[2][]" else None))
    types = {"Root": {"items": "uint8[][]"}}
    yield "uint8[][] of empty arrays", make(types, {"items": [[], [], []]})
    yield "uint8[][] of unequal arrays", make(types, {"items": [[1], [], [1, 2, 3]]})
    yield "uint8[300]", make({"Root": {"items": "uint8[300]"}}, {"items": [number % 256 for number in range(300)]})


def structs(values: Values) -> Iterator[tuple[str, Any]]:
    """Structs in structs: chains, diamonds, names that sort in different ways, types that are declared but not used."""
    for depth in range(2, 9):
        types = {f"Level{i}": {"value": "uint64", "below": f"Level{i + 1}"} for i in range(depth - 1)} | {
            f"Level{depth - 1}": {"value": "string"}
        }
        yield f"chain of {depth}", make(types, values.of("Level0", types))
    leaf = {"Leaf": {"value": "int8", "data": "bytes"}}
    shapes: dict[str, dict[str, dict[str, str]]] = {
        "the same struct twice": {"Root": {"a": "Leaf", "b": "Leaf"}, **leaf},
        "the same struct in four forms": {"Root": {"a": "Leaf", "b": "Leaf[]", "c": "Leaf[2]", "d": "Leaf[2][]"}, **leaf},
        "diamond": {"Root": {"left": "Left", "right": "Right"}, "Left": {"leaf": "Leaf"}, "Right": {"leaf": "Leaf[]"}, **leaf},
        "referred to in an array only": {"Root": {"middle": "Middle[]"}, "Middle": {"leaf": "Leaf[1]"}, **leaf},
        "the primary type is the last by name": {"Zebra": {"a": "Aardvark", "m": "Mole"}, "Mole": {"x": "bool"}, "Aardvark": {"m": "Mole"}},
        "the primary type is declared last": {"Inner": {"v": "uint8"}, "Outer": {"inner": "Inner"}},
        "sorted by code point, not by letter": {
            "m": {"a": "b", "c": "B", "d": "_b", "e": "Z", "f": "a"},
            "b": {"v": "uint8"},
            "B": {"v": "uint8"},
            "_b": {"v": "uint8"},
            "Z": {"v": "uint8"},
            "a": {"v": "uint8"},
        },
        "sorted by digits as text": {
            "T": {"a": "T2", "b": "T10", "c": "T1"},
            "T1": {"v": "bool"},
            "T2": {"v": "bool"},
            "T10": {"v": "bool"},
        },
        "a name that begins with another": {
            "Order": {"a": "OrderItem", "b": "OrderItems"},
            "OrderItem": {"v": "bool"},
            "OrderItems": {"v": "bool"},
        },
        "a name that looks like a type": {
            "Root": {"a": "Uint256", "b": "uint_256", "c": "bytesOf"},
            "Uint256": {"v": "bool"},
            "uint_256": {"v": "bool"},
            "bytesOf": {"v": "bool"},
        },
        "members named like types": {"Root": {"uint256": "bool", "string": "uint8", "Root": "bytes1", "EIP712Domain": "bool"}},
        "forty members": {"Root": {f"m{i}": ATOMS[(i * 37) % len(ATOMS)] for i in range(40)}},
    }
    for name, types in shapes.items():
        primary = "Outer" if "Outer" in types else next(iter(types))
        yield name, make(types, values.of(primary, types, items=2), primary)
    used = {"Used": {"v": "uint8"}}
    other = {"Other": {"x": "string", "y": "Third[]"}, "Third": {"z": "bool"}}
    yield "unused types", make({**used, **other}, {"v": 1})
    yield "unused types declared first", make({**other, **used}, {"v": 1}, "Used")
    yield "an unused type that refers to the primary type", make({**used, "Around": {"used": "Used"}}, {"v": 1})
    yield "an unused type that refers to itself", make({**used, "Loop": {"loops": "Loop[]"}}, {"v": 1})
    yield "an unused type like the primary one", make({**used, "Used2": {"v": "uint8"}}, {"v": 1})


def recursion(values: Values) -> Iterator[tuple[str, Any]]:
    """Structs that refer to themselves through arrays, directly and through others."""
    node = {"Node": {"value": "uint8", "children": "Node[]"}}

    def tree(depth: int, width: int) -> dict[str, Any]:
        return {"value": depth, "children": [tree(depth - 1, width) for _ in range(width)] if depth else []}

    for depth, width in ((0, 0), (1, 1), (1, 3), (2, 2), (4, 1), (8, 1), (3, 3)):
        yield f"tree of depth {depth} and width {width}", make(node, tree(depth, width))
    mutual = {"Folder": {"name": "string", "files": "File[]"}, "File": {"size": "uint64", "holds": "Folder[]"}}
    for most in (0, 1, 2):
        yield f"two structs that refer to each other, {most}", make(mutual, self_reference(values, "Folder", mutual, most))
    three = {"A": {"b": "B[]"}, "B": {"c": "C[]", "n": "int8"}, "C": {"a": "A[]", "b": "B[]"}}
    for name in three:
        yield f"three in a circle from {name}", make(three, self_reference(values, name, three, 2), name)
    below = {"Root": {"node": "Node", "more": "Node[2]"}, **node}
    yield "a struct with trees", make(below, {"node": tree(2, 1), "more": [tree(1, 2), tree(0, 0)]})
    grid = {"Grid": {"v": "bytes1", "fixedInDynamic": "Grid[2][]", "dynamicInFixed": "Grid[][2]"}}
    empty = {"v": "0x00", "fixedInDynamic": [], "dynamicInFixed": [[], []]}
    yield "arrays of arrays of itself", make(grid, {"v": "0xff", "fixedInDynamic": [[empty, empty]], "dynamicInFixed": [[empty], []]})


def self_reference(values: Values, struct: str, types: Mapping[str, Mapping[str, str]], depth: int) -> dict[str, Any]:
    """A value with two items in the arrays of structs, down to a depth."""
    message = {}
    for name, type_ in types[struct].items():
        base = type_.removesuffix("[]")
        message[name] = (
            [self_reference(values, base, types, depth - 1) for _ in range(2 if depth > 0 else 0)] if base in types else values.atom(type_)
        )
    return message


def names(values: Values) -> Iterator[tuple[str, Any]]:
    """Identifiers that Solidity allows and that programs trip over."""
    for name in (
        "$",
        "_",
        "$$",
        "__",
        "_$_",
        "$1",
        "a$b",
        "A_1",
        "x" * 64,
        "toString",
        "hasOwnProperty",
        "valueOf",
        "__proto__",
        "None",
        "self",
    ):
        types = {name: {name: "uint8", "other": "string"}}
        yield f"names {name}", make(types, {name: 7, "other": "x"})
        inside = {"Root": {"inside": name, "all": f"{name}[]"}, **types}
        yield f"names {name} inside", make(inside, values.of("Root", inside, items=1))


def mixed(values: Values) -> Iterator[tuple[str, Any]]:
    """Random types and values."""
    random = values.random
    for number in range(40):
        count = random.randint(1, 4)
        types: dict[str, dict[str, str]] = {}
        for index in range(count):
            later = [f"S{number}_{below}" for below in range(index + 1, count)]
            members = {
                f"m{place}": random.choice(ATOMS) + random.choice(["", "", "[]", "[2]", "[][1]"]) for place in range(random.randint(1, 5))
            }
            members |= {f"s{place}": below + random.choice(["", "[]", "[1]"]) for place, below in enumerate(later[:1] if index else later)}
            types[f"S{number}_{index}"] = members
        present = {name: values.atom(type_) for name, type_ in DOMAIN_TYPES.items() if random.getrandbits(1)} or {"version": "2"}
        yield f"random {number}", make(types, values.of(f"S{number}_0", types), domain=present)


MAIL = make(
    {"Mail": {"from": "Person", "to": "Person", "contents": "string"}, "Person": {"name": "string", "wallet": "address"}},
    {
        "from": {"name": "Cow", "wallet": "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"},
        "to": {"name": "Bob", "wallet": "0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB"},
        "contents": "Hello, Bob!",
    },
    domain={"name": "Ether Mail", "version": "1", "chainId": 1, "verifyingContract": "0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC"},
)


def documents() -> Iterator[tuple[str, Any]]:
    """All of them, named; the same each time."""
    yield "EIP-712's example", MAIL
    for index, kind in enumerate((atoms, dynamic, domains, arrays, structs, recursion, names, mixed)):
        yield from kind(Values(Random(SEED + index)))


def generate() -> str:
    """The text of the file."""
    found = list(documents())
    repeated = len(found) - len(dict(found))
    if repeated:
        raise AssertionError(f"{repeated} names are used twice")
    lines = [json.dumps({"name": name, "document": document, **expected(document)}, ensure_ascii=False) for name, document in found]
    return "".join(line + "\n" for line in lines)


def eth_account_digest(document: Mapping[str, Any]) -> str:
    """What eth-account signs, or what it raises."""
    from eth_account.messages import encode_typed_data

    try:
        message = encode_typed_data(full_message=dict(document))
    except Exception as error:  # noqa: BLE001 - whatever it raises
        return f"{type(error).__name__}: {error}"
    return "0x" + keccak256(b"\x19" + message.version + message.header + message.body).hex()


if __name__ == "__main__":
    text = generate()
    for line in text.splitlines():
        vector = json.loads(line)
        theirs = eth_account_digest(vector["document"])
        if theirs != vector["signing_hash"]:
            print(f"{vector['name']}: eth-account says {theirs[:100]}", file=sys.stderr)
    Path(sys.argv[1]).write_text(text, encoding="utf-8")
