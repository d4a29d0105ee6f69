"""``fixtures/vectors/generated.jsonl``: the engine against the standard, and the standard's reading against four libraries.

The values come from ``tests/vectors/generate.py``, which knows nothing of Orderseal.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from importlib.util import module_from_spec, spec_from_file_location
from itertools import product
from pathlib import Path
from typing import Annotated, Any

import pytest

from orderseal.signing import LocalSigner, Sol, Struct, TypedData, keccak256, sign_typed_data

Oracle = Callable[[Mapping[str, Any]], bytes]
JavaScript = Callable[[Sequence[str]], list[dict[str, Any]]]

GENERATOR = Path(__file__).resolve().parents[1] / "vectors" / "generate.py"
VALUES = ("encoded_type", "type_hash", "domain_separator", "struct_hash", "signing_hash")
METACLASS: Any = type(Struct)

TEXT = files("orderseal.fixtures.vectors").joinpath("generated.jsonl").read_text("utf-8")
VECTORS: dict[str, dict[str, Any]] = {vector["name"]: vector for vector in map(json.loads, TEXT.removesuffix("\n").split("\n"))}

REORDERED = "domain in another order: "
UNUSED = ("unused types", "an unused type ")
MUTUAL = ("two structs that refer to each other", "three in a circle")
TREES = ("tree of depth", "a struct with trees", "arrays of arrays of itself")
DOLLAR_INSIDE = tuple(f"names {name} inside" for name in ("$", "$$", "_$_", "$1", "a$b"))

# Where a library gives no digest, or another: how the names begin, how many there are, and why.
APART: dict[str, list[tuple[tuple[str, ...], int, str]]] = {
    "eth-account": [
        ((REORDERED,), 26, "it hashes the domain in the standard's order, whatever is declared"),
        (UNUSED, 5, "it infers the primary type, and needs one type that no other refers to"),
        (MUTUAL, 6, "it infers the primary type, and needs one type that no other refers to"),
    ],
    "ethers": [
        ((REORDERED,), 26, "it takes no declaration of the domain"),
        (UNUSED, 5, "it infers the primary type, and needs one type that no other refers to"),
        (MUTUAL, 6, "it refuses every circle"),
        (TREES, 9, "it refuses every circle"),
        (("names __proto__",), 2, "it keeps the types in an object with a prototype"),
    ],
    "viem": [
        (DOLLAR_INSIDE, 5, "it does not find a struct whose name has a $, and leaves it out of the type string"),
        (("a name that looks like a type",), 1, "it refuses structs whose names begin with uint, int or bytes"),
    ],
    "eth-sig-util": [(DOLLAR_INSIDE, 5, "it does not find a struct whose name has a $, and leaves it out of the type string")],
}


def confirmed_by(library: str, digests: Mapping[str, str | None]) -> None:
    """Every digest is the file's, but for exactly those that are listed."""
    listed: set[str] = set()
    for beginnings, count, _why in APART[library]:
        names = {name for name in VECTORS if name.startswith(beginnings)}
        assert len(names) == count, beginnings
        listed |= names
    assert set(digests) == set(VECTORS)
    assert {name for name, digest in digests.items() if digest != VECTORS[name]["signing_hash"]} == listed


def values_of(document: TypedData) -> dict[str, str]:
    return {name: str(getattr(document, name)) for name in VALUES}


def declare(types: Mapping[str, Sequence[Mapping[str, str]]], primary: str) -> type[Struct]:
    """Declare a document's structs as classes, innermost first."""
    classes: dict[str, Any] = {}

    def declared(name: str) -> Any:
        if name not in classes:
            fields: dict[str, Any] = {}
            for index, member in enumerate(types[name]):
                base = member["type"].split("[")[0]
                hint: Any = declared(base) if base in types else Any
                for _ in range(member["type"].count("[")):
                    hint = tuple[hint, ...]
                fields[f"field_{index}"] = Annotated[hint, Sol(member["type"], name=member["name"])]
            classes[name] = METACLASS("Declared", (Struct,), {"__annotations__": fields, "__module__": __name__}, name=name)
        return classes[name]

    made: type[Struct] = declared(primary)
    return made


def test_the_file_is_what_the_generator_writes() -> None:
    spec = spec_from_file_location("orderseal_vectors_generate", GENERATOR)
    assert spec is not None
    assert spec.loader is not None
    generator = module_from_spec(spec)
    spec.loader.exec_module(generator)
    assert generator.generate() == TEXT


def test_the_generator_knows_nothing_of_the_code_under_test() -> None:
    assert "orderseal" not in GENERATOR.read_text("utf-8").replace("nothing of Orderseal", "")


def test_the_file_covers_what_it_says() -> None:
    documents = [vector["document"] for vector in VECTORS.values()]
    assert len(VECTORS) == TEXT.count("\n") == 363
    assert all(set(vector) == {"name", "document", *VALUES} for vector in VECTORS.values())
    used = {member["type"] for document in documents for members in document["types"].values() for member in members}
    integers = {f"{sign}int{bits}" for sign in ("", "u") for bits in range(8, 257, 8)}
    assert used >= integers | {f"bytes{size}" for size in range(1, 33)} | {"bool", "address", "string", "bytes"}
    shapes = {"[" + type_.partition("[")[2] for type_ in used if "[" in type_}
    assert shapes >= {"".join(shape) for depth in range(1, 5) for shape in product(("[]", "[2]"), repeat=depth)}
    domains = {tuple(document["domain"]) for document in documents}
    assert len({frozenset(domain) for domain in domains}) == 31
    assert sum(name.startswith(REORDERED) for name in VECTORS) == 26


@pytest.mark.parametrize("form", ["text", "object", "bytes"])
def test_the_engine_gives_every_value(form: str) -> None:
    for name, vector in VECTORS.items():
        text = json.dumps(vector["document"])
        document = TypedData.from_json(text if form == "text" else text.encode() if form == "bytes" else vector["document"])
        assert values_of(document) == {value: vector[value] for value in VALUES}, name


def test_the_engine_gives_every_value_after_a_way_through_python_and_json() -> None:
    for name, vector in VECTORS.items():
        document = TypedData.from_json(vector["document"])
        structs = {struct: members for struct, members in vector["document"]["types"].items() if struct != "EIP712Domain"}
        again = TypedData(structs, document.primary_type, document.domain, document.message)
        for other in (again, TypedData.from_json(json.dumps(document.to_json()))):
            assert values_of(other) == {value: vector[value] for value in VALUES}, name


def test_declared_structs_give_every_value() -> None:
    left_out = {name for name in VECTORS if name.startswith((*MUTUAL, *TREES))}
    assert len(left_out) == 15  # a class that refers to itself cannot be made by this helper
    for name in set(VECTORS) - left_out:
        vector = VECTORS[name]
        document = TypedData.from_json(vector["document"])
        made = declare(vector["document"]["types"], document.primary_type).from_message(vector["document"]["message"], json=True)
        assert type(made).encoded_type == vector["encoded_type"], name
        assert str(type(made).type_hash) == vector["type_hash"], name
        assert str(made.struct_hash()) == vector["struct_hash"], name
        assert str(made.signing_hash(document.domain)) == vector["signing_hash"], name
        assert made.to_typed_data(document.domain) == document, name


def test_eth_account_confirms_the_signing_hashes(oracle: Oracle) -> None:
    def digest(document: Mapping[str, Any]) -> str | None:
        try:
            return "0x" + oracle(document).hex()
        except Exception:  # noqa: BLE001 - whatever it raises; which documents those are is asserted
            return None

    confirmed_by("eth-account", {name: digest(vector["document"]) for name, vector in VECTORS.items()})


def test_the_javascript_libraries_confirm_the_signing_hashes(javascript: JavaScript) -> None:
    answers = javascript([json.dumps(vector["document"]) for vector in VECTORS.values()])
    for library in ("ethers", "viem", "eth-sig-util"):
        confirmed_by(library, {name: outcomes[library].digest for name, outcomes in zip(VECTORS, answers, strict=True)})


def test_each_document_is_confirmed_by_a_library() -> None:
    """Nobody but the reference vouches for a document that all four leave out, and there is none."""
    left_out = [{name for beginnings, _, _ in APART[library] for name in VECTORS if name.startswith(beginnings)} for library in APART]
    assert not set.intersection(*left_out)
    assert all(sum(name in names for names in left_out) <= 2 for name in VECTORS)


def test_the_example_of_the_standard() -> None:
    """Every value as https://eips.ethereum.org/assets/eip-712/Example.js prints it; its key is keccak-256 of ``cow``."""
    vector = VECTORS["EIP-712's example"]
    assert {value: vector[value] for value in VALUES} == {
        "encoded_type": "Mail(Person from,Person to,string contents)Person(string name,address wallet)",
        "type_hash": "0xa0cedeb2dc280ba39b857546d74f5549c3a1d7bdc2dd96bf881f76108e23dac2",
        "domain_separator": "0xf2cee375fa42b42143804025fc449deafd50cc031ca257e0b194a650a912090f",
        "struct_hash": "0xc52c0ee5d84264471806290a3f2c4cecfc5490626bf912d01f240d7a274b371e",
        "signing_hash": "0xbe609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2",
    }
    document = TypedData.from_json(vector["document"])
    assert document.encoded_data.hex() == (
        "a0cedeb2dc280ba39b857546d74f5549c3a1d7bdc2dd96bf881f76108e23dac2"
        "fc71e5fa27ff56c350aa531bc129ebdf613b772b6604664f5d8dbe21b85eb0c8"
        "cd54f074a4af31b4411ff6a60c9719dbd559c221c8ac3492d9d872b041d703d1"
        "b5aadf3154a261abdd9086fc627b61efca26ae5702701d05cd2305f7c52a2fc8"
    )
    signer = LocalSigner(bytes(keccak256(b"cow")))
    assert str(signer.address) == "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"
    assert str(sign_typed_data(document, signer)) == (
        "0x4355c47d63924e8a72e509b65029052eb6c299d53a04e167c5775fd466751c9d"
        "07299936d304c153f6443dfa05f40ff007d72911b6f72307f996231605b915621c"
    )
