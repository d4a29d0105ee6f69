"""Random documents, valid ones and ones with a few deviations: what the table says is what the libraries do."""

import copy
import json
import random
from typing import Any

import pytest

from orderseal.signing import TypedData
from orderseal.signing.eip712.parity import inspect_parity

pytestmark = pytest.mark.once

ATOMS = [
    "bool",
    "address",
    "string",
    "bytes",
    "uint8",
    "uint16",
    "uint256",
    "int8",
    "int64",
    "int256",
    "bytes1",
    "bytes4",
    "bytes20",
    "bytes32",
]
DOMAIN = {"name": "string", "version": "string", "chainId": "uint256", "verifyingContract": "address", "salt": "bytes32"}
ADDRESS = "cb310c56a19078aa969a922f382613d932d89d83"
CHECKSUMMED = "CB310C56A19078aA969A922f382613d932D89D83"

_ADDRESSES = (
    *("0x" + ADDRESS, "0X" + ADDRESS, ADDRESS, "0x" + CHECKSUMMED, CHECKSUMMED, "0x" + ADDRESS.upper(), ADDRESS.upper()),
    *("0xcB" + CHECKSUMMED[2:], "cB" + CHECKSUMMED[2:], "0x" + ADDRESS[1:], "0x" + ADDRESS + "00"),
)
_BYTES = ("0x" + "11" * 32, "0X" + "11" * 32, "0x" + "11" * 33, "a" * 32, "0x" + "1" * 63)
_NUMBERS = (str(2**255), str(2**256), str(-(2**255)), str(-(2**255) - 1), "9" * 300, "0" * 90 + "1", " 7 ", " ")
_STRANGE = r"""
null true false 0 1 2 -1 -0 0.0 1.0 1.5 1e3 -1e3 1e20 1e400 1e-400 127 128 255 256 -128 -129 65536 4294967296 9007199254740991
9007199254740992 9007199254740993 -9007199254740993 9223372036854775809 -9223372036854775809 18446744073709551615 1e77 1e78 NaN
Infinity [] [0] ["1"] [1,2] [[]] [[3]] [null] [true] {} {"a":1} {"length":2} {"type":"Buffer","data":[1]} "" "0" "1" "-1" "+1" "-0"
"01" "-01" "1_0" "7\n" "0x" "0X" "0x0" "0x1" "0x01" "0x1f" "0x1F" "0X1F" "0x001" "-0x1" "0b11" "0o17" "1.0" "1e3" "abc" "abcd"
"0xzz" "-" "--1" "-+1" "128" "256" "-129" "true" "false" "True" "False" "\ud800" "\u00e9\u00e9" "\u0661" "\u00a05" "\ufeff5"
"\u001c5" "0x01020304" "0X01020304" "0x0102030" "0x010203" "0x0102030405" "0x0102030g" "vitalik.eth" "hello"
"XE7338O073KYGTWWZN0F2WZ0R8PX5ZPPZS" "XE0038O073KYGTWWZN0F2WZ0R8PX5ZPPZS" "!" "1n"
"""
STRANGE = [*_STRANGE.split(), *(f'"{text}"' for text in (*_ADDRESSES, *_BYTES, *_NUMBERS))]
STRANGE += [str(number) for number in (2**255 - 1, 2**255, 2**256 - 1, 2**256, -(2**255), -(2**255) - 1, 2**63 - 1, -(2**63) - 1)]
_STRANGE_TYPES = """
uint int uint[] int[2] uint7 uint08 uint264 uint0 int7 bytes0 bytes04 bytes33 bytesy uint256[0] uint256[01] uint256[a] uint256[-1] bool[2]
Nope Nope[] EIP712Domain function fixed uint256[1 uint256] string[][] address[3] Bool address$ uintx
"""
STRANGE_TYPES = [*_STRANGE_TYPES.split(), "uint256 ", " bool", "uint256[ ]", "bytes4 ", ""]
_STRANGE_NAMES = "1a a,b a) ü a$b $ intent uintPair bytesLike __proto__ constructor uint uint7 bool length"
STRANGE_NAMES = [*_STRANGE_NAMES.split(), "", "a b"]


class Maker:
    """Makes documents from one source of randomness."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def value(self, types: dict[str, Any], type_: str, depth: int = 0) -> Any:
        pick = self.random
        if type_.endswith("]"):
            inner, _, count = type_[:-1].rpartition("[")
            length = int(count) if count else pick.randint(0, 2 if depth < 3 else 0)
            return [self.value(types, inner, depth + 1) for _ in range(length)]
        if type_ in types:
            return {member["name"]: self.value(types, member["type"], depth + 1) for member in types[type_]}
        if type_ == "bool":
            return pick.random() < 0.5
        if type_ == "address":
            return pick.choice(["0x" + ADDRESS, "0x" + CHECKSUMMED, "0x" + "00" * 20])
        if type_ == "string":
            return pick.choice(["", "x", "0x41", "É𝄞\u0000", '"\\', "1"])
        if type_ == "bytes":
            return "0x" + pick.randbytes(pick.choice([0, 1, 31, 32, 33])).hex()
        if type_.startswith("bytes"):
            return "0x" + pick.randbytes(int(type_[5:])).hex()
        signed, size = type_.startswith("int"), int(type_.removeprefix("u").removeprefix("int"))
        low, high = (-(2 ** (size - 1)), 2 ** (size - 1) - 1) if signed else (0, 2**size - 1)
        number = pick.choice([0, 1, low, high, pick.randint(low, high)])
        forms: list[Any] = [str(number)]
        if abs(number) < 2**53:
            forms.append(number)
        if not signed:
            forms.append(hex(number))
        return pick.choice(forms)

    def type(self, structs: list[str]) -> str:
        pick = self.random
        base = pick.choice(structs) if structs and pick.random() < 0.35 else pick.choice(ATOMS)
        return base + "".join(pick.choice(["[]", "[1]", "[2]", "[3]"]) for _ in range(pick.choice([0, 0, 0, 1, 1, 2])))

    def valid(self) -> dict[str, Any]:
        """A document that every library hashes alike: one root, no recursion, the domain in the standard's order."""
        pick = self.random
        names = ["Order", "Leg", "Person", "Asset", "_Z9"][: pick.randint(1, 4)]
        types: dict[str, Any] = {}
        for index, name in enumerate(reversed(names)):
            later = list(types)
            members = [{"name": f"m{number}", "type": self.type(later)} for number in range(pick.randint(1, 4))]
            if index:  # Each struct contains the one before, so that there is one root.
                members.append({"name": "inner", "type": later[-1] + pick.choice(["", "[]", "[2]"])})
            types[name] = members
        present = [name for name in DOMAIN if pick.random() < 0.6] or ["name"]
        types = dict(pick.sample(list(types.items()), len(types)))
        message = self.value(types, names[0])
        domain = {name: self.value({}, DOMAIN[name]) for name in pick.sample(present, len(present))}
        types["EIP712Domain"] = [{"name": name, "type": DOMAIN[name]} for name in present]
        return {"types": types, "primaryType": names[0], "domain": domain, "message": message}

    def mutated(self) -> str:
        """A document with one to three deviations, as JSON text."""
        document = self.valid()
        raws: list[str] = []
        for _ in range(self.random.randint(1, 3)):
            self.mutate(document, raws)
        text = json.dumps(document)
        for index, raw in enumerate(raws):
            text = text.replace(f'"@{index}@"', raw)
        if self.random.random() < 0.03:
            text = self.random.choice([text[:-1] + ",}", "\ufeff" + text, text[:-1] + ', "primaryType": "Leg"}', text[:-1] + ', "x": NaN}'])
        return text

    def places(self, value: Any) -> list[tuple[Any, Any]]:
        """Every (container, key) below a value."""
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        return [place for key, item in items for place in [(value, key), *self.places(item)]]

    def mutate(self, document: dict[str, Any], raws: list[str]) -> None:
        pick = self.random
        types = document["types"]
        structs = [name for name in types if name != "EIP712Domain" and isinstance(types[name], list)]
        values = self.places(document["message"]) + self.places(document["domain"])
        choice = pick.random()
        if choice < 0.5 and values:
            container, key = pick.choice(values)
            raws.append(pick.choice(STRANGE))
            container[key] = f"@{len(raws) - 1}@"
        elif choice < 0.6 and values:
            container, key = pick.choice(values)
            if isinstance(container, dict):
                del container[key]
            else:
                container.append(copy.deepcopy(container[key]))
        elif choice < 0.63:
            containers = [place for container, key in values if isinstance(place := container[key], dict)] + [
                document["message"],
                document["domain"],
            ]
            target = pick.choice([place for place in containers if isinstance(place, dict)] or [document])
            target[pick.choice(["extra", "name", "salt", "m0", "m9"])] = pick.choice([1, None, "x"])
        elif choice < 0.72 and structs:
            members = types[pick.choice(structs)]
            if members:
                member = pick.choice(members)
                member["type"] = pick.choice(STRANGE_TYPES + structs + [f"{name}[]" for name in structs])
        elif choice < 0.76 and structs:
            members = types[pick.choice(structs)]
            change = pick.choice(["duplicate", "clear", "extra", "rename", "untyped", "unnamed"])
            if change == "clear" or not members:
                members.clear()
            elif change == "duplicate":
                members.append(dict(pick.choice(members)))
            elif change == "extra":
                pick.choice(members)["indexed"] = True
            elif change == "rename":
                pick.choice(members)["name"] = pick.choice(STRANGE_NAMES)
            else:
                pick.choice(members).pop("type" if change == "untyped" else "name", None)
        elif choice < 0.82 and structs:
            self.rename(document, pick.choice(structs), pick.choice(STRANGE_NAMES))
        elif choice < 0.88:
            change = pick.choice(["unused", "parent", "self", "other primary", "no primary", "primary domain", "null primary"])
            if change == "unused":
                types["Unused"] = [{"name": "x", "type": pick.choice([*ATOMS, *STRANGE_TYPES])}]
            elif change == "parent":
                types["Parent"] = [{"name": "child", "type": f"{document.get('primaryType')}[]"}]
            elif change == "self" and structs:
                name = pick.choice(structs)
                types[name].append({"name": "more", "type": name + pick.choice(["", "[]", "[1]"])})
                for container, key in self.places({"": document["message"]}):
                    if isinstance(container[key], dict):
                        container[key]["more"] = pick.choice([[], None, {}])
            elif change == "other primary" and structs:
                document["primaryType"] = pick.choice([*structs, "Nope", "EIP712Domain"])
            elif change == "no primary":
                document.pop("primaryType", None)
            else:
                document["primaryType"] = "EIP712Domain" if change == "primary domain" else None
        elif choice < 0.95 and isinstance(types.get("EIP712Domain"), list):
            declared = types["EIP712Domain"]
            change = pick.choice(["shuffle", "drop", "add", "type", "undeclared", "both", "empty"])
            if change == "shuffle":
                pick.shuffle(declared)
            elif change == "drop" and declared:
                declared.pop()
            elif change == "add":
                declared.append({"name": pick.choice([*DOMAIN, "chain"]), "type": pick.choice(ATOMS)})
            elif change == "type" and declared:
                pick.choice(declared)["type"] = pick.choice(["string", "uint64", "bytes", "uint", "bytes32[]", "Order"])
            elif change == "undeclared":
                del types["EIP712Domain"]
            elif change == "both" and isinstance(document["domain"], dict):
                declared.append({"name": "chain", "type": "uint256"})
                document["domain"]["chain"] = 1
            else:
                declared.clear()
                document["domain"] = {}
        else:
            key = pick.choice(["types", "domain", "message", "extra"])
            document[key] = pick.choice([None, [], {}, "x", 0, 1, True]) if key != "types" else pick.choice([{}, document["types"]])

    def rename(self, document: dict[str, Any], old: str, new: str) -> None:
        """Rename a struct everywhere."""
        types = document["types"]
        if new in types:
            return
        types[new] = types.pop(old)
        for members in types.values():
            for member in members if isinstance(members, list) else ():
                base, bracket, suffix = str(member.get("type", "")).partition("[")
                if base == old:
                    member["type"] = new + bracket + suffix
        if document.get("primaryType") == old:
            document["primaryType"] = new


@pytest.mark.parametrize("seed", range(2))
def test_valid_documents_have_one_digest_everywhere(seed: int, libraries: Any) -> None:
    maker = Maker(712 + seed)
    texts = [json.dumps(maker.valid()) for _ in range(200)]
    for text, answer in zip(texts, libraries(texts), strict=True):
        ours = str(TypedData.from_json(text).signing_hash)
        assert {name: outcome.digest or outcome.error for name, outcome in answer.items()} == dict.fromkeys(answer, ours), text
        parity = inspect_parity(text)
        assert parity.agreed, text
        assert parity.divergences == (), text


@pytest.mark.parametrize("seed", range(3))
def test_documents_with_deviations_do_what_the_table_says(seed: int, libraries: Any, verdicts: Any) -> None:
    maker = Maker(1000 + seed)
    texts = [maker.mutated() for _ in range(300)]
    wrong: list[str] = []
    known = unknown = 0
    for text, answer in zip(texts, libraries(texts), strict=True):
        parity = inspect_parity(text)
        for outcome in parity.outcomes:
            live = verdicts(parity, answer[outcome.library])
            if outcome.verdict == "unknown":
                unknown += 1
            elif outcome.verdict == live:
                known += 1
            else:
                wrong.append(f"{outcome.library} {live}, the table says {outcome.verdict} because of {outcome.because}: {text}")
    assert not wrong, f"{len(wrong)} of {known + len(wrong)} predictions are wrong:\n" + "\n".join(wrong[:10])
    assert unknown < 0.05 * known, "the table says too often that it does not know"
