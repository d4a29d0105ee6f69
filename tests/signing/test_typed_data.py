"""General typed-data documents: published hashes, strict JSON, immutability."""

import copy
import json
import pickle
import time
import tracemalloc
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from eth_account import Account

from orderseal.signing import (
    Domain,
    InvalidInput,
    Limits,
    LocalSigner,
    TypedData,
    read_json,
    recover_signer,
    sign_typed_data,
    verify_typed_data,
)

SIMPLE: dict[str, Any] = {
    "types": {"EIP712Domain": [{"name": "name", "type": "string"}], "T": [{"name": "v", "type": "uint256"}]},
    "primaryType": "T",
    "domain": {"name": "x"},
    "message": {"v": "1"},
}


def refused(data: Any) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        TypedData.from_json(data)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1000
    return caught.value


def test_the_standards_example(mail: dict[str, Any]) -> None:
    """Every hash as published with EIP-712 (its ``Example.sol`` and ``Example.js``)."""
    for document in (TypedData.from_json(mail), TypedData.from_json(json.dumps(mail)), TypedData.from_json(json.dumps(mail).encode())):
        assert document.encoded_type == "Mail(Person from,Person to,string contents)Person(string name,address wallet)"
        assert str(document.type_hash) == "0xa0cedeb2dc280ba39b857546d74f5549c3a1d7bdc2dd96bf881f76108e23dac2"
        assert str(document.domain_separator) == "0xf2cee375fa42b42143804025fc449deafd50cc031ca257e0b194a650a912090f"
        assert str(document.struct_hash) == "0xc52c0ee5d84264471806290a3f2c4cecfc5490626bf912d01f240d7a274b371e"
        assert str(document.signing_hash) == "0xbe609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2"
        assert document.primary_type == "Mail"


def test_the_vectors_of_ethers(vectors: list[dict[str, Any]]) -> None:
    assert len(vectors) == len({vector["name"] for vector in vectors}) == 65
    for vector in vectors:
        document = TypedData.from_json(json.dumps(vector["typed_data"]))
        assert document.encoded_data.hex() == vector["encoded"][2:], vector["name"]
        assert str(document.signing_hash) == vector["digest"], vector["name"]


def test_the_vectors_survive_a_way_through_python_and_json(vectors: list[dict[str, Any]]) -> None:
    for vector in vectors:
        document = TypedData.from_json(vector["typed_data"])
        types = {name: members for name, members in vector["typed_data"]["types"].items() if name != "EIP712Domain"}
        again = TypedData(types, document.primary_type, document.domain, document.message)
        text = TypedData.from_json(json.dumps(document.to_json()))
        assert again == document == text
        assert str(again.signing_hash) == str(text.signing_hash) == vector["digest"], vector["name"]
        assert text.to_json() == document.to_json()


def test_the_published_signature_of_the_standards_example(vectors: list[dict[str, Any]]) -> None:
    [vector] = [vector for vector in vectors if "signature" in vector]
    document = TypedData.from_json(vector["typed_data"])
    signer = LocalSigner.from_key(vector["private_key"])
    assert str(signer.address) == "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"  # printed in EIP-712
    signature = sign_typed_data(document, signer)
    assert str(signature) == vector["signature"]
    assert recover_signer(document, signature) == signer.address
    assert verify_typed_data(document, signature, signer=signer.address) == signer.address


def test_signatures_equal_eth_accounts(vectors: list[dict[str, Any]], signer: LocalSigner) -> None:
    key = "0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"
    for vector in vectors[:20]:
        theirs = Account.sign_typed_data(key, full_message=vector["typed_data"])
        assert sign_typed_data(TypedData.from_json(vector["typed_data"]), signer) == theirs.signature, vector["name"]


def test_the_json_form_is_read_alike_by_eth_account(vectors: list[dict[str, Any]], oracle: Callable[[Mapping[str, Any]], bytes]) -> None:
    for vector in vectors:
        document = TypedData.from_json(vector["typed_data"]).to_json()
        assert "0x" + oracle(document).hex() == vector["digest"], vector["name"]


def test_equality_hash_and_repr() -> None:
    one, same = TypedData.from_json(SIMPLE), TypedData.from_json(json.dumps(SIMPLE))
    other = TypedData.from_json({**SIMPLE, "message": {"v": "2"}})
    assert one == same
    assert hash(one) == hash(same)
    assert one != other
    assert one != one.signing_hash
    assert repr(one) == f"TypedData(T, signing_hash={one.signing_hash})"


def test_a_document_is_immutable() -> None:
    document = TypedData.from_json(SIMPLE)
    for name in ("message", "domain", "primary_type", "_schema", "new"):
        with pytest.raises(AttributeError):
            setattr(document, name, {})
        with pytest.raises(AttributeError):
            delattr(document, name)
    assert not hasattr(document, "__dict__")


@pytest.mark.parametrize("hashed_before", [True, False])
def test_nothing_that_was_passed_in_is_shared(hashed_before: bool) -> None:
    types: dict[str, Any] = {"T": [{"name": "v", "type": "uint8[]"}, {"name": "p", "type": "P"}], "P": [{"name": "a", "type": "bytes"}]}
    message: dict[str, Any] = {"v": [1, 2], "p": {"a": b"x"}}
    unused = copy.deepcopy(message)
    expected = TypedData(types, "T", Domain(name="x"), unused).signing_hash
    document = TypedData(types, "T", Domain(name="x"), message)
    if hashed_before:
        assert document.signing_hash == expected
    message["v"].append(3)
    message["p"]["a"] = b"y"
    message["new"] = 1
    types["T"][0]["type"] = "uint16[]"
    types["T"].pop()
    types["P"][0]["name"] = "b"
    types["Q"] = types.pop("P")
    assert document.signing_hash == expected
    assert document.encoded_type == "T(uint8[] v,P p)P(bytes a)"
    assert document.to_json()["message"] == {"v": ["1", "2"], "p": {"a": "0x78"}}


def test_the_json_form_is_a_copy() -> None:
    document = TypedData.from_json(SIMPLE)
    form = document.to_json()
    form["message"]["v"] = "5"
    form["types"]["T"][0]["type"] = "bool"
    form["types"]["T"].clear()
    form["domain"]["name"] = "y"
    assert document.to_json() == SIMPLE
    assert TypedData.from_json(SIMPLE) == document


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("", "got nothing"),
        ("  \n", "got nothing"),
        (b"", "got nothing"),
        ("{", "line 1, column 2"),
        ('{"types": ', "line 1"),
        ("nonsense", "line 1, column 1"),
        ("\ufeff{}", "byte order mark"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b"\xff\xfe{\x00}\x00", "UTF-8"),
        ("é".encode("latin-1"), "UTF-8"),
        (b'{"a": "\xed\xa0\x80"}', "UTF-8"),
        ("{} {}", "Extra data"),
        ("{}\0", "Extra data"),
        ("{'a': 1}", "line 1"),
        ('{"a": 1,}', "line 1"),
        ("// x\n{}", "line 1"),
        ('{"a": "\n"}', "control character"),
        ('{"a": 01}', "line 1"),
        ('{"a": +1}', "line 1"),
        ('{"a": .5}', "line 1"),
        ('{"a": 0x10}', "line 1"),
    ],
)
def test_what_is_no_json(data: Any, words: str) -> None:
    error = refused(data)
    assert error.path == "document"
    assert words in str(error)


@pytest.mark.parametrize("data", ["[]", "null", "5", '"x"', "true", "1.5", [], None, 5, "[[]]", bytearray(b"{}")])
def test_a_document_is_an_object(data: Any) -> None:
    error = refused(data)
    assert error.path == "document"
    assert "types, primaryType, domain, message" in error.expected


@pytest.mark.parametrize("key", list(SIMPLE))
def test_each_of_the_four_members_is_needed(key: str) -> None:
    error = refused({k: v for k, v in SIMPLE.items() if k != key})
    assert error.path == "document"
    assert error.actual == f"missing: {key}"


def test_further_members_are_refused() -> None:
    error = refused({**SIMPLE, "primarytype": "T", "\ud800": 1})
    assert error.path == "document"
    assert "not known: 'primarytype', '\\ud800'" in error.actual


@pytest.mark.parametrize(
    ("find", "replace", "path", "key"),
    [
        ('"primaryType": "T"', '"primaryType": "T", "primaryType": "T"', "document", "primaryType"),
        ('"message": {"v": "1"}', '"message": {"v": "1", "v": "1"}', "message", "v"),
        ('"message": {"v": "1"}', '"message": {"v": [{"a": [0, {"k": 1, "k": 2}]}]}', "message.v[0].a[1]", "k"),
        ('"domain": {"name": "x"}', '"domain": {"name": "x", "name": "y"}', "domain", "name"),
        ('{"name": "v", "type": "uint256"}', '{"name": "v", "type": "bool", "type": "uint256"}', "types.T[0]", "type"),
        ('"T": [', '"T": [], "T": [', "types", "T"),
        ('"message": {"v": "1"}', '"message": {"v": "1", "\\u0076": "1"}', "message", "v"),
        ('"message": {"v": "1"}', '"message": {"v": {"a": 1, "a": 2}, "v": 1}', "message", "v"),
    ],
)
def test_a_key_that_is_named_twice_is_refused_with_its_path(find: str, replace: str, path: str, key: str) -> None:
    """JSON parsers take the first, the last or both: a wallet may show one and sign the other."""
    text = json.dumps(SIMPLE)
    assert find in text
    error = refused(text.replace(find, replace))
    assert error.path == path
    assert error.expected == "each key once"
    assert error.actual == f"'{key}' twice"


@pytest.mark.parametrize("depth", [100_000, 2000])
@pytest.mark.parametrize("shape", ["[", '{"a":', '[{"a":'])
@pytest.mark.parametrize("closed", [True, False])
def test_very_deep_json_is_refused(depth: int, shape: str, closed: bool) -> None:
    text = shape * depth
    if closed:
        text += "1" + "".join({"[": "]", "{": "}"}[c] for c in reversed(text) if c in "[{")
    refused(text)
    refused(json.dumps(SIMPLE).replace('"1"', text))
    with pytest.raises(InvalidInput):
        read_json(text)


def nested(depth: int) -> dict[str, Any]:
    message: dict[str, Any] = {"k": []}
    for _ in range(depth):
        message = {"k": [message]}
    return message


NODE = {"T": [{"name": "k", "type": "T[]"}]}


@pytest.mark.parametrize("depth", [1, 10, 50, 80, 100, 150, 200, 250, 280, 300, 320, 340, 400, 600, 1000, 5000])
def test_a_deep_value_is_either_good_for_everything_or_refused_at_once(depth: int) -> None:
    """Reading, hashing and writing recurse to different depths: a document that could be read could not always be hashed or written."""
    try:
        document = TypedData(NODE, "T", Domain(name="x"), nested(depth))
    except InvalidInput as error:
        assert depth >= 20, error  # noqa: PT017
        assert len(str(error)) < 300  # noqa: PT017
        return
    assert len(document.signing_hash) == 32
    assert hash(document) == hash(document)
    assert "T" in repr(document)
    assert TypedData.from_json(document.to_json()) == document
    assert TypedData.from_json(json.dumps(document.to_json())) == document


def test_the_depth_that_is_accepted_does_not_depend_on_the_callers_stack() -> None:
    def greatest() -> int:
        depth = 1
        while depth < 2000:
            try:
                assert TypedData(NODE, "T", Domain(name="x"), nested(depth)).signing_hash
            except InvalidInput:
                break
            depth += 1
        return depth

    def below(frames: int) -> int:
        return greatest() if not frames else below(frames - 1)

    assert greatest() == below(200)


def test_a_value_that_contains_itself_is_refused() -> None:
    message: dict[str, Any] = {"k": []}
    message["k"].append(message)
    with pytest.raises(InvalidInput):
        TypedData(NODE, "T", Domain(name="x"), message)
    with pytest.raises(InvalidInput):
        TypedData.from_json({**SIMPLE, "types": {**SIMPLE["types"], **NODE}, "message": message})
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(InvalidInput):
        TypedData({"T": [{"name": "k", "type": "bool[][][]"}]}, "T", Domain(name="x"), {"k": loop})


def test_read_json_keeps_what_a_type_may_refuse() -> None:
    read = read_json('{"a": [1.0, 9007199254740992, -0, 7, "x", null, true]}')
    assert [str(item) for item in read["a"][:3]] == ["1.0", "9007199254740992", "-0"]
    assert read["a"][3:] == [7, "x", None, True]
    assert type(read["a"][3]) is int


# What follows was found by attack.


def test_the_message_of_a_document_cannot_be_changed() -> None:
    """``document.message["v"] = -1`` changed what was signed, or let ``OverflowError`` escape from the hash."""
    types = {"T": [{"name": "p", "type": "P"}, {"name": "q", "type": "P[]"}], "P": [{"name": "a", "type": "uint8"}]}
    document = TypedData(types, "T", Domain(name="x"), {"p": {"a": 1}, "q": [{"a": 2}]})
    parts: list[tuple[Any, Any]] = [
        (document.message, "p"),
        (document.message["p"], "a"),
        (document.message["q"], 0),
        (document.message["q"][0], "a"),
    ]
    for part, key in parts:
        with pytest.raises((TypeError, AttributeError)):
            part[key] = 5
    assert document.signing_hash == TypedData(types, "T", Domain(name="x"), {"p": {"a": 1}, "q": [{"a": 2}]}).signing_hash


def test_the_path_of_a_double_key_holds_no_control_characters() -> None:
    """A lone surrogate in the path made ``print`` fail; an escape sequence reached the terminal."""
    error = refused('{"\\ud800\\u001b[31m\\n": {"a": 1, "a": 2}}')
    str(error).encode()
    assert "\x1b" not in error.path


def test_the_path_of_a_double_key_is_not_long() -> None:
    refused('{"' + "x" * 100_000 + '": {"a": 1, "a": 2}}')


def test_a_double_key_is_found_in_little_memory() -> None:
    """The path of every sibling was written out: 20 kB of key times 5000 items were 100 MB, and so on without a bound."""
    text = '{"' + "x" * 20_000 + '": [' + "0," * 5000 + '{"a": 1, "a": 2}]}'
    tracemalloc.start()
    try:
        refused(text)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 10_000_000


@pytest.mark.parametrize("copier", [copy.copy, copy.deepcopy])
def test_a_document_can_be_copied(copier: Callable[[TypedData], TypedData]) -> None:
    document = TypedData.from_json(SIMPLE)
    assert copier(document) == document


def test_a_large_document_takes_linear_time() -> None:
    types = {"T": [{"name": "v", "type": "uint256[]"}]}

    def seconds(items: int) -> float:
        text = json.dumps({**SIMPLE, "types": {**SIMPLE["types"], **types}, "message": {"v": ["1"] * items}})
        begin = time.process_time()
        assert TypedData.from_json(text).signing_hash
        return time.process_time() - begin

    seconds(1000)
    assert seconds(80_000) < 3


@pytest.mark.parametrize(
    ("limits", "value"),
    [(Limits(values=2_000_000), [1] * 300_000), (Limits(containers=100_000), [[1]] * 60_000)],
    ids=["values", "containers"],
)
def test_a_document_within_raised_limits_survives_pickle_and_copy(limits: Limits, value: Any) -> None:
    """It was read again under the default limits, and refused."""
    type_ = "uint8[][]" if isinstance(value[0], list) else "uint8[]"
    text = json.dumps({**SIMPLE, "types": {**SIMPLE["types"], "T": [{"name": "v", "type": type_}]}, "message": {"v": value}})
    with pytest.raises(InvalidInput, match="limits="):
        TypedData.from_json(text)
    document = TypedData.from_json(text, limits=limits)
    assert pickle.loads(pickle.dumps(document)) == document
    assert copy.deepcopy(document) == document
    with pytest.raises(InvalidInput, match="limits="):
        TypedData.from_json(text)
