"""The EIP-712 engine against eth-account, and the declared structs against the engine, on generated schemas and values."""

import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any, NamedTuple

import pytest
from eth_account._utils.encode_typed_data.encoding_and_hashing import hash_struct
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orderseal.signing import (
    Domain,
    InvalidInput,
    LocalSigner,
    OrdersealError,
    Sol,
    Struct,
    TypedData,
    inspect_typed_data,
    read_json,
    sign_typed_data,
)

Oracle = Callable[[Mapping[str, Any]], bytes]

METACLASS: Any = type(Struct)

ATOMS = (
    [f"{sign}int{bits}" for sign in ("", "u") for bits in range(8, 257, 8)]
    + [f"bytes{size}" for size in range(1, 33)]
    + ["bool", "address", "bytes", "string"]
)
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
NAMES = st.text(LETTERS + "0123456789", max_size=6).map(lambda text: "x" + text)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
SUFFIXES = st.lists(st.sampled_from(["[]", "[1]", "[2]", "[3]"]), max_size=2).map("".join)
DYNAMIC = st.sampled_from(["[]", "[][2]", "[2][]", "[][]"])


class Document(NamedTuple):
    types: dict[str, list[dict[str, str]]]
    """Without ``EIP712Domain``."""
    primary: str
    message: dict[str, Any]
    """Python forms."""


def atom(type_: str) -> st.SearchStrategy[Any]:
    if type_ == "bool":
        return st.booleans()
    if type_ == "string":
        return TEXTS
    if type_ == "bytes":
        return st.binary(max_size=70)
    if type_ == "address":
        return st.binary(min_size=20, max_size=20)
    if type_.startswith("bytes"):
        size = int(type_[5:])
        return st.binary(min_size=size, max_size=size)
    bits = int(type_.lstrip("uint"))
    low, high = (0, 2**bits - 1) if type_.startswith("u") else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return st.one_of(st.integers(low, high), st.sampled_from([low, high, 0, 1, max(low, -1)]))


@st.composite
def documents(draw: st.DrawFn, *, recursive: bool = True) -> Document:
    """A schema of up to four structs, each used, and a value for it."""
    count = draw(st.integers(1, 4))
    names = [f"S{i}{draw(NAMES)}" for i in draw(st.permutations(range(count)))]
    types: dict[str, list[dict[str, str]]] = {}
    used = {0}
    for i, name in enumerate(names):
        if i not in used:
            continue
        members = []
        for j, member in enumerate(draw(st.lists(NAMES, min_size=1, max_size=5, unique=True))):
            kind = draw(st.integers(0, 9))
            if kind < 3 and i + 1 < count:
                below = draw(st.integers(i + 1, count - 1))
                used.add(below)
                type_ = names[below] + draw(SUFFIXES)
            elif kind == 3 and recursive and j:
                type_ = name + draw(DYNAMIC)  # itself
            else:
                type_ = draw(st.sampled_from(ATOMS)) + draw(SUFFIXES)
            members.append({"name": member, "type": type_})
        types[name] = members
    order = draw(st.permutations(list(types)))  # the order of declaration is of no account

    def value(type_: str, depth: int) -> Any:
        if type_.endswith("]"):
            element, _, length = type_[:-1].rpartition("[")
            size = int(length) if length else draw(st.integers(0, 3 if depth < 3 else 0))
            return [value(element, depth) for _ in range(size)]
        if type_ in types:
            return {member["name"]: value(member["type"], depth + 1) for member in types[type_]}
        return draw(atom(type_))

    return Document({name: types[name] for name in order}, names[0], value(names[0], 0))


def full(document: Document, message: Any = None) -> dict[str, Any]:
    return {
        "types": {"EIP712Domain": [{"name": "name", "type": "string"}], **document.types},
        "primaryType": document.primary,
        "domain": {"name": "x"},
        "message": document.message if message is None else message,
    }


def json_forms(draw: Any, value: Any, types: Mapping[str, list[dict[str, str]]], type_: str) -> Any:
    """One of the accepted JSON forms of a Python value."""
    if type_.endswith("]"):
        return [json_forms(draw, item, types, type_.rpartition("[")[0]) for item in value]
    if type_ in types:
        return {
            member["name"]: json_forms(draw, value[member["name"]], types, member["type"]) for member in draw(st.permutations(types[type_]))
        }
    if isinstance(value, bytes):
        digits = value.hex()
        return "0x" + (digits.upper() if type_ != "address" and draw(st.booleans()) else digits)
    if isinstance(value, int) and not isinstance(value, bool):
        forms: list[Any] = [str(value)]
        if type_.startswith("uint"):
            forms.append(hex(value))
        if abs(value) < 2**53:
            forms.append(value)
        return draw(st.sampled_from(forms))
    return value


@given(documents())
@settings(max_examples=250)
def test_digests_equal_eth_accounts(oracle: Oracle, document: Document) -> None:
    ours = TypedData(document.types, document.primary, Domain(name="x"), document.message)
    assert ours.signing_hash == oracle(full(document))
    assert ours.struct_hash == hash_struct(document.primary, document.types, document.message)


@given(documents(), st.data())
def test_every_accepted_json_form_has_the_same_digest(document: Document, data: st.DataObject) -> None:
    expected = TypedData(document.types, document.primary, Domain(name="x"), document.message)
    form = full(document, json_forms(data.draw, document.message, document.types, document.primary))
    text = json.dumps(form, ensure_ascii=data.draw(st.booleans()), indent=data.draw(st.sampled_from([None, 1])))
    for read in (TypedData.from_json(text), TypedData.from_json(text.encode()), TypedData.from_json(form)):
        assert read.signing_hash == expected.signing_hash
        assert read == expected
        assert read.message == expected.message


@given(documents())
def test_the_json_form_is_read_again_and_by_eth_account(oracle: Oracle, document: Document) -> None:
    ours = TypedData(document.types, document.primary, Domain(name="x"), document.message)
    text = json.dumps(ours.to_json())
    assert TypedData.from_json(text) == ours
    assert TypedData.from_json(text).to_json() == ours.to_json()
    assert oracle(json.loads(text)) == ours.signing_hash


@given(documents(), st.data())
def test_a_change_of_any_value_changes_the_digest(document: Document, data: st.DataObject) -> None:
    def places(value: Any, type_: str, path: tuple[Any, ...]) -> list[tuple[tuple[Any, ...], str]]:
        if type_.endswith("]"):
            return [place for i, item in enumerate(value) for place in places(item, type_.rpartition("[")[0], (*path, i))]
        if type_ in document.types:
            return [
                place
                for member in document.types[type_]
                for place in places(value[member["name"]], member["type"], (*path, member["name"]))
            ]
        return [(path, type_)]

    found = places(document.message, document.primary, ())
    if not found:
        return
    path, type_ = data.draw(st.sampled_from(found))
    changed = json.loads(
        json.dumps({"m": document.message}, default=lambda raw: {"raw": raw.hex()}),
        object_hook=lambda o: bytes.fromhex(o["raw"]) if set(o) == {"raw"} else o,
    )["m"]
    parent = changed
    for step in path[:-1]:
        parent = parent[step]
    new = data.draw(atom(type_))
    before, parent[path[-1]] = parent[path[-1]], new
    one = TypedData(document.types, document.primary, Domain(name="x"), document.message)
    other = TypedData(document.types, document.primary, Domain(name="x"), changed)
    assert (one.signing_hash == other.signing_hash) is (before == new and type(before) is type(new))


def declare(document: Document) -> type[Struct]:
    """Declare the document's structs as classes, innermost first."""
    classes: dict[str, Any] = {}

    def declared(name: str) -> Any:
        if name not in classes:
            fields: dict[str, Any] = {}
            for index, member in enumerate(document.types[name]):
                base = member["type"].split("[")[0]
                hint: Any = declared(base) if base in document.types else Any
                for _ in range(member["type"].count("[")):
                    hint = tuple[hint, ...]
                fields[f"field_{index}"] = Annotated[hint, Sol(member["type"], name=member["name"])]
            classes[name] = METACLASS("Declared", (Struct,), {"__annotations__": fields, "__module__": __name__}, name=name)
        return classes[name]

    made: type[Struct] = declared(document.primary)
    return made


@given(documents(recursive=False), st.data())
@settings(max_examples=150)
def test_declared_structs_equal_the_general_engine(document: Document, data: st.DataObject) -> None:
    domain = Domain(name="x", chain_id=5)
    general = TypedData(document.types, document.primary, domain, document.message)
    cls = declare(document)
    made = cls.from_message(document.message)
    assert cls.encoded_type == general.encoded_type
    assert cls.type_hash == general.type_hash
    assert made.encoded_data() == general.encoded_data
    assert made.struct_hash() == general.struct_hash
    assert made.signing_hash(domain) == general.signing_hash
    assert made.to_typed_data(domain) == general
    assert cls.from_typed_data(general) == made
    assert cls.from_message(json_forms(data.draw, document.message, document.types, document.primary), json=True) == made
    again = cls(**{f"field_{i}": document.message[member["name"]] for i, member in enumerate(document.types[document.primary])})
    assert again == made
    assert hash(again) == hash(made)
    assert again.replace() == made


@given(documents(), st.binary(min_size=32, max_size=32))
@settings(max_examples=30)
def test_every_document_is_signed_and_verified(document: Document, secret: bytes) -> None:
    try:
        signer = LocalSigner(secret)
    except InvalidInput:
        return
    typed_data = TypedData(document.types, document.primary, Domain(name="x"), document.message)
    signature = sign_typed_data(typed_data, signer)
    report = inspect_typed_data(typed_data, signature, signer=signer.address)
    assert report.valid is True
    assert report.signer == signer.address


@given(documents(), st.data())
def test_a_member_too_many_too_few_or_misspelt_is_refused(document: Document, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(list(document.message)))
    how = data.draw(st.sampled_from(["drop", "add", "rename"]))
    message = dict(document.message)
    if how == "drop":
        del message[name]
    elif how == "add":
        message["y" + name] = 0
    else:
        message["y" + name] = message.pop(name)
    with pytest.raises(InvalidInput) as caught:
        TypedData(document.types, document.primary, Domain(name="x"), message)
    assert caught.value.path == "message"


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=10)
    | st.sampled_from(["0x", "0x00", "uint8", "S", "S[]"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5) | st.sampled_from(["name", "type", "T", "v"]), inner, max_size=3)
    ),
    max_leaves=8,
)
DECLARATIONS = st.dictionaries(
    st.sampled_from(["EIP712Domain", "T", "S", "uint8", "a b"]) | st.text(max_size=3),
    st.lists(
        st.fixed_dictionaries(
            {
                "name": st.sampled_from(["name", "v", "chainId", "a,b"]),
                "type": st.sampled_from(["string", "T", "S[]", "S[2]", "uint8", "uint", "x"]),
            }
        ),
        max_size=3,
    )
    | JSON_VALUES,
    max_size=4,
)


@given(
    st.fixed_dictionaries(
        {
            "types": DECLARATIONS | JSON_VALUES,
            "primaryType": st.sampled_from(["T", "S", "EIP712Domain"]) | JSON_VALUES,
            "domain": JSON_VALUES | st.just({"name": "x"}),
            "message": JSON_VALUES,
        }
    )
    | JSON_VALUES
)
@settings(max_examples=300)
def test_nothing_but_errors_of_the_tree_come_out_of_strange_documents(value: Any) -> None:
    for data in (value, json.dumps(value)):
        try:
            read = TypedData.from_json(data)
            assert len(read.signing_hash) == 32
        except OrdersealError as error:
            assert len(str(error)) < 2000  # noqa: PT017
            str(error).encode()


@given(st.text(st.characters(), max_size=60) | st.text('[]{}",:0123456789.eE+-truefalsnN \\u"', max_size=60))
@settings(max_examples=300)
@example("[NaN]")
@example('{"a":1,"a":2}')
@example("-0")
@example('"\\ud800"')
def test_strict_json_reads_what_python_reads_or_refuses(text: str) -> None:
    try:
        ours = read_json(text)
    except InvalidInput:
        return
    theirs = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))

    def same(one: Any, other: Any) -> bool:
        if isinstance(other, dict):
            return isinstance(one, dict) and list(one) == list(other) and all(same(one[key], other[key]) for key in other)
        if isinstance(other, list):
            return isinstance(one, list) and len(one) == len(other) and all(map(same, one, other))
        if isinstance(other, float) or (isinstance(other, int) and not isinstance(other, bool) and (abs(other) >= 2**53 or other == 0)):
            return one == other if type(one) is int else float(one) == float(other)
        return type(one) is type(other) and one == other

    assert same(ours, theirs)


@given(
    name=st.none() | TEXTS,
    version=st.none() | TEXTS,
    chain_id=st.none() | st.integers(0, 2**256 - 1),
    verifying_contract=st.none() | st.binary(min_size=20, max_size=20),
    salt=st.none() | st.binary(min_size=32, max_size=32),
)
def test_domains_equal_eth_accounts(oracle: Oracle, **members: Any) -> None:
    present = {key: value for key, value in members.items() if value is not None}
    if not present:
        with pytest.raises(InvalidInput):
            Domain(**members)
        return
    domain = Domain(**members)
    standard = {"chain_id": "chainId", "verifying_contract": "verifyingContract"}
    types = {"name": "string", "version": "string", "chain_id": "uint256", "verifying_contract": "address", "salt": "bytes32"}
    document = {
        "types": {
            "EIP712Domain": [{"name": standard.get(key, key), "type": types[key]} for key in present],
            "T": [{"name": "v", "type": "bool"}],
        },
        "primaryType": "T",
        "domain": {standard.get(key, key): value for key, value in present.items()},
        "message": {"v": True},
    }
    ours = TypedData({"T": [{"name": "v", "type": "bool"}]}, "T", domain, {"v": True})
    assert ours.signing_hash == oracle(document)
    assert TypedData.from_json(json.dumps(ours.to_json())).domain == domain
