"""Type strings and declarations: what a document's ``types`` may say."""

import contextlib
import enum
import itertools
import time
import tracemalloc
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from orderseal.signing import Domain, InvalidInput, TypedData, keccak256

DOMAIN = Domain(name="x")


def typed_data(types: Any, message: Any, primary: Any = "T") -> TypedData:
    return TypedData(types, primary, DOMAIN, message)


def refused(types: Any, primary: Any = "T", message: Any = None) -> InvalidInput:
    """The refusal, the same from Python and from JSON."""
    with pytest.raises(InvalidInput) as from_python:
        typed_data(types, message, primary)
    declared = {"EIP712Domain": [{"name": "name", "type": "string"}], **types} if isinstance(types, dict) else types
    with pytest.raises(InvalidInput) as from_json:
        TypedData.from_json({"types": declared, "primaryType": primary, "domain": {"name": "x"}, "message": message})
    assert str(from_python.value) == str(from_json.value)
    return from_python.value


def member(type_: Any, name: Any = "v") -> dict[str, Any]:
    return {"T": [{"name": name, "type": type_}]}


ATOMS = (
    [f"{sign}int{bits}" for sign in ("", "u") for bits in range(8, 257, 8)]
    + [f"bytes{size}" for size in range(1, 33)]
    + ["bool", "address", "bytes", "string"]
)


def zero(type_: str) -> Any:
    if type_ == "bool":
        return False
    if type_ == "string":
        return ""
    if type_ == "address":
        return bytes(20)
    if type_.startswith("bytes"):
        return bytes(int(type_[5:] or 0))
    return 0


@pytest.mark.parametrize("type_", ATOMS)
def test_every_atomic_type_hashes_as_eth_account_does(type_: str, oracle: Callable[[Mapping[str, Any]], bytes]) -> None:
    types = {"T": [{"name": "a", "type": type_}, {"name": "b", "type": f"{type_}[]"}, {"name": "c", "type": f"{type_}[2][1]"}]}
    value = zero(type_)
    message = {"a": value, "b": [value, value, value], "c": [[value, value]]}
    document = {
        "types": {"EIP712Domain": [{"name": "name", "type": "string"}], **types},
        "primaryType": "T",
        "domain": {"name": "x"},
        "message": message,
    }
    ours = typed_data(types, message)
    assert ours.encoded_type == f"T({type_} a,{type_}[] b,{type_}[2][1] c)"
    assert ours.signing_hash == oracle(document)


@pytest.mark.parametrize(
    ("type_", "words"),
    [
        # Widths that no type has. ethers refuses them as well; MetaMask's older versions hashed uint7.
        *[(f"{sign}int{bits}", "multiple of 8") for sign in ("", "u") for bits in (1, 7, 9, 255, 257, 264, 512, 1000)],
        ("bytes33", "bytes1 to bytes32"),
        ("bytes100", "bytes1 to bytes32"),
        ("bytes0", "no type bytes0"),
        ("bytes01", "no type bytes01"),
        ("uint0", "no type uint0"),
        ("uint08", "no type uint08"),
        # eth-account and MetaMask accept the short names, and hash "uint"; a contract hashes "uint256".
        ("uint", "Write uint256"),
        ("int", "Write int256"),
        ("uint[]", "Write uint256"),
        ("int[2][]", "Write int256"),
        # Solidity types that EIP-712 leaves out.
        ("fixed", "no type fixed"),
        ("ufixed128x18", "no type ufixed128x18"),
        ("function", "no type function"),
        # eth-account accepts uint8[0], uint8[01] and even uint8[-1].
        ("uint8[0]", "no leading zero"),
        ("uint8[01]", "no leading zero"),
        ("uint8[-1]", "no leading zero"),
        ("uint8[ 1]", "no leading zero"),
        ("uint8[+1]", "no leading zero"),
        ("uint8[1_0]", "no leading zero"),
        ("uint8[0x1]", "no leading zero"),
        ("uint8[1.0]", "no leading zero"),
        ("uint8[\u0661]", "no leading zero"),
        ("uint8[][0]", "no leading zero"),
        ("uint8[0][]", "no leading zero"),
        ("T[0]", "no leading zero"),
        (f"uint8[{2**32 + 1}]", "at most 4294967296 items"),
        (f"uint8[{'9' * 600}]", "at most 4294967296 items"),
        (f"uint8[{'9' * 6000}]", "at most 640 characters"),
        ("uint8" + "[]" * 33, "at most 32 array dimensions"),
        ("uint8" + "[]" * 300, "at most 32 array dimensions"),
        ("uint8" + "[]" * 50_000, "at most 640 characters"),
        # No white space and no other letters anywhere.
        (" uint8", "a Solidity type"),
        ("uint8 ", "a Solidity type"),
        ("uint8 []", "a Solidity type"),
        ("uint8[] ", "a Solidity type"),
        ("uint8\n", "a Solidity type"),
        ("uint8\0", "a Solidity type"),
        ("UINT8", "a Solidity type"),
        ("Uint8", "declared in types"),
        ("byte", "declared in types"),
        ("address payable", "a Solidity type"),
        ("mapping(address => uint256)", "a Solidity type"),
        ("uint8[", "a Solidity type"),
        ("uint8]", "no leading zero"),
        ("[]", "a Solidity type"),
        ("", "a Solidity type"),
        ("uint\uff18", "a Solidity type"),
        ("P,bool b", "a Solidity type"),
        ("P(bool b)", "a Solidity type"),
        ("Missing", "declared in types"),
        ("Missing[3][]", "declared in types"),
        (None, "a type string"),
        (5, "a type string"),
        (b"uint8", "a type string"),
        (["uint8"], "a type string"),
        ({}, "a type string"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_other_types_are_refused(type_: Any, words: str) -> None:
    error = refused(member(type_))
    assert error.path == "types.T[0].type"
    if type_ == "UINT8":
        words = "declared in types"
    assert words in str(error)
    assert len(str(error)) < 500


BAD_NAMES = [
    "",
    " ",
    "a b",
    "a ",
    " a",
    "a,bool b",
    "a)",
    "(",
    "a(bool b)",
    "1a",
    "a-b",
    "a.b",
    "a\n",
    "é",
    "\u0430",
    "a\u200b",
    "\ud800",
    "[0]",
    None,
    5,
    True,
    b"a",
    (),
]


@pytest.mark.parametrize("name", BAD_NAMES, ids=ascii)
def test_a_member_name_is_an_identifier(name: Any) -> None:
    """``{"name": "a,bool b"}`` would forge the type string of two members. eth-account, ethers and MetaMask hash it."""
    error = refused(member("bool", name))
    assert error.path == "types.T[0].name"
    assert "identifier" in error.expected


@pytest.mark.parametrize("name", [name for name in BAD_NAMES if not isinstance(name, list)], ids=ascii)
def test_a_struct_name_is_an_identifier(name: Any) -> None:
    """``T(bool a)`` would forge the type string of another struct. eth-account hashes it."""
    error = refused({"T": [{"name": "v", "type": "bool"}], name: [{"name": "a", "type": "bool"}]})
    assert error.path == "types"
    assert "identifiers" in error.expected


@pytest.mark.parametrize("name", ["a", "_", "$", "a1", "A_$9", "from", "type", "keccak256", "x" * 100])
def test_identifiers(name: str) -> None:
    assert typed_data({name: [{"name": name, "type": "bool"}]}, {name: True}, name).encoded_type == f"{name}(bool {name})"


@pytest.mark.parametrize(
    "name",
    [
        "uint256",
        "uint8",
        "uint7",
        "uint",
        "int",
        "int99999",
        "bytes",
        "bytes32",
        "bytes33",
        "bytes0",
        "bool",
        "address",
        "string",
        "fixed",
        "ufixed8x1",
        "function",
    ],
)
def test_no_struct_is_named_like_an_atomic_type(name: str) -> None:
    """A wallet that looks atoms up first and one that looks structs up first would sign two different things."""
    error = refused({"T": [{"name": "v", "type": "bool"}], name: [{"name": "a", "type": "bool"}]})
    assert error.path == "types"
    assert "Solidity's own types" in error.expected
    assert refused({name: [{"name": "a", "type": "bool"}]}, name).path == "types"


@pytest.mark.parametrize("name", ["Uint256", "uint256x_", "uintX", "bytesX", "boolean", "addresses", "strings", "intermediate"])
def test_a_struct_may_be_named_nearly_like_one(name: str) -> None:
    types = {"T": [{"name": "v", "type": name}], name: [{"name": "a", "type": "bool"}]}
    assert typed_data(types, {"v": {"a": True}}).encoded_type == f"T({name} v){name}(bool a)"


@pytest.mark.parametrize(
    ("members", "path"),
    [
        ([], "types.T"),
        ((), "types.T"),
        (None, "types.T"),
        ({}, "types.T"),
        ("v", "types.T"),
        ({"v": "bool"}, "types.T"),
        ([None], "types.T[0]"),
        (["v"], "types.T[0]"),
        ([["v", "bool"]], "types.T[0]"),
        ([{}], "types.T[0]"),
        ([{"name": "v"}], "types.T[0]"),
        ([{"type": "bool"}], "types.T[0]"),
        ([{"name": "v", "type": "bool", "indexed": True}], "types.T[0]"),
        ([{"name": "v", "Type": "bool"}], "types.T[0]"),
        ([{"name": "v", "type": "bool"}, {"name": "v", "type": "bool"}], "types.T[1].name"),
        ([{"name": "v", "type": "bool"}, {"name": "w", "type": "bool"}, {"name": "v", "type": "uint8"}], "types.T[2].name"),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_a_bad_declaration_is_refused(members: Any, path: str) -> None:
    assert refused({"T": members}).path == path


@pytest.mark.parametrize("types", [None, [], "T", 5, [("T", [])]])
def test_types_are_an_object(types: Any) -> None:
    assert refused(types).path == "types"


@pytest.mark.parametrize("primary", [None, "", "U", "t", "T ", "EIP712Domain", "bool", "T[]", 5, True, [], {}])
def test_the_primary_type_is_a_declared_struct_and_never_guessed(primary: Any) -> None:
    error = refused(member("bool"), primary, {"v": True})
    assert error.path == "primaryType"
    assert "(T)" in error.expected


def test_declared_but_unused_types_are_allowed_if_well_formed() -> None:
    """ethers and eth-account refuse them, for they guess the primary type. They are not hashed."""
    plain = typed_data(member("bool"), {"v": True})
    assert typed_data({**member("bool"), "Unused": [{"name": "a", "type": "bool"}]}, {"v": True}).signing_hash == plain.signing_hash
    assert refused({**member("bool"), "Unused": [{"name": "a", "type": "Missing"}]}).path == "types.Unused[0].type"
    assert refused({**member("bool"), "Unused": [{"name": "a", "type": "uint"}]}).path == "types.Unused[0].type"
    assert refused({**member("bool"), "Unused": [{"name": "a", "type": "Unused"}]}).path == "types.Unused"


def test_dependencies_are_sorted_by_name_and_listed_once() -> None:
    """EIP-712: ``Transaction(Person from,Person to,Asset tx)Asset(address token,uint256 amount)Person(address wallet,string name)``."""
    types = {
        "Transaction": [{"name": "from", "type": "Person"}, {"name": "to", "type": "Person"}, {"name": "tx", "type": "Asset"}],
        "Person": [{"name": "wallet", "type": "address"}, {"name": "name", "type": "string"}],
        "Asset": [{"name": "token", "type": "address"}, {"name": "amount", "type": "uint256"}],
    }
    person = {"wallet": bytes(20), "name": ""}
    document = typed_data(types, {"from": person, "to": person, "tx": {"token": bytes(20), "amount": 1}}, "Transaction")
    expected = "Transaction(Person from,Person to,Asset tx)Asset(address token,uint256 amount)Person(address wallet,string name)"
    assert document.encoded_type == expected
    assert document.type_hash == keccak256(expected.encode())


@pytest.mark.parametrize(
    "types",
    [
        {"T": [{"name": "a", "type": "T"}]},
        {"T": [{"name": "a", "type": "T[2]"}]},
        {"T": [{"name": "a", "type": "T[2][1]"}]},
        {"T": [{"name": "a", "type": "U"}], "U": [{"name": "a", "type": "T"}]},
        {"T": [{"name": "a", "type": "U[1]"}], "U": [{"name": "a", "type": "V"}], "V": [{"name": "a", "type": "T[3]"}]},
        {"T": [{"name": "a", "type": "bool"}, {"name": "b", "type": "U"}], "U": [{"name": "a", "type": "U"}]},
        {"T": [{"name": "a", "type": "bool"}], "U": [{"name": "a", "type": "U"}]},
        {"T": [{"name": "k", "type": "T[]"}, {"name": "a", "type": "T"}]},
    ],
)
def test_a_cycle_without_a_dynamic_array_has_no_finite_value(types: dict[str, Any]) -> None:
    """eth-account hashes ``null`` for the inner struct; Solidity does not compile it."""
    error = refused(types, "T", {"a": None})
    assert "dynamic array" in error.expected
    assert error.path.startswith("types.")


@pytest.mark.parametrize("suffix", ["[]", "[][2]", "[2][]", "[][]"])
def test_direct_recursion_through_a_dynamic_array(suffix: str, oracle: Callable[[Mapping[str, Any]], bytes]) -> None:
    types = {"T": [{"name": "v", "type": "uint8"}, {"name": "k", "type": f"T{suffix}"}]}
    empty: Any = [[], []] if suffix == "[][2]" else []
    leaf = {"v": 3, "k": empty}
    inner = {"[]": [leaf, leaf], "[][2]": [[leaf], []], "[2][]": [[leaf, leaf]], "[][]": [[], [leaf]]}[suffix]
    message = {"v": 1, "k": inner}
    document = {
        "types": {"EIP712Domain": [{"name": "name", "type": "string"}], **types},
        "primaryType": "T",
        "domain": {"name": "x"},
        "message": message,
    }
    assert TypedData.from_json(document).signing_hash == oracle(document)


def test_mutual_recursion_through_a_dynamic_array() -> None:
    """By hand from the standard's text: ethers and eth-account refuse it, MetaMask and Solidity do not."""
    types = {"A": [{"name": "b", "type": "B[]"}], "B": [{"name": "n", "type": "uint8"}, {"name": "a", "type": "A[]"}]}
    document = typed_data(types, {"b": [{"n": 7, "a": [{"b": []}]}]}, "A")
    type_a, type_b = keccak256(b"A(B[] b)B(uint8 n,A[] a)"), keccak256(b"B(uint8 n,A[] a)A(B[] b)")
    inner = keccak256(type_a + keccak256(b""))
    middle = keccak256(type_b + (7).to_bytes(32, "big") + keccak256(inner))
    assert document.encoded_data == type_a + keccak256(middle)
    assert document.struct_hash == keccak256(type_a + keccak256(middle))


def test_a_wide_diamond_is_no_cycle() -> None:
    """Each of 40 layers refers twice to the next: 2^40 paths, 40 structs."""
    types = {f"L{i}": [{"name": "a", "type": f"L{i + 1}"}, {"name": "b", "type": f"L{i + 1}[]"}] for i in range(40)}
    types |= {"L40": [{"name": "v", "type": "bool"}], "T": [{"name": "v", "type": "bool"}]}
    assert typed_data(types, {"v": True}).encoded_type == "T(bool v)"


# What follows was found by attack.


@pytest.mark.parametrize("type_", ["uint8[]\n", "uint8[2]\n", "uint8[]\n[]", "uint8[2]\n[3]", "P[]\n"])
def test_no_new_line_hides_in_an_array_type(type_: str) -> None:
    """``$`` also matches before a last new line: ``T(uint8[]\\n v)`` was hashed."""
    error = refused({**member(type_), "P": [{"name": "a", "type": "bool"}]})
    assert error.path == "types.T[0].type"


class Word(str, enum.Enum):  # noqa: UP042 - StrEnum has another str()
    NAME = "v"
    TYPE = "uint8[]"
    ATOM = "uint8"
    STRUCT = "P"


def test_words_of_enums_count_as_their_values() -> None:
    """``f"{Word.NAME}"`` is "Word.NAME", and that was hashed into the type."""
    plain = typed_data({"T": [{"name": "v", "type": "uint8[]"}]}, {"v": [1]})
    assert typed_data({"T": [{"name": "v", "type": Word.TYPE}]}, {"v": [1]}).encoded_type == plain.encoded_type
    assert typed_data({"T": [{"name": Word.NAME, "type": "uint8[]"}]}, {"v": [1]}).encoded_type == plain.encoded_type
    types: dict[Any, Any] = {"T": [{"name": "v", "type": "P"}], Word.STRUCT: [{"name": "a", "type": "bool"}]}
    assert typed_data(types, {"v": {"a": True}}).encoded_type == "T(P v)P(bool a)"
    assert typed_data(types, {"a": True}, Word.STRUCT).encoded_type == "P(bool a)"


@pytest.mark.parametrize("poison", [{"name": Word.NAME, "type": "uint16"}, {"name": "v", "type": Word.TYPE}], ids=["name", "type"])
def test_one_document_never_changes_the_next_ones_hash(poison: dict[str, Any]) -> None:
    """The cache of schemas took a member of an enum for the equal text: the *next*, quite plain document got the wrong type hash."""
    plain = {key: word.value if isinstance(word, Word) else word for key, word in poison.items()}
    message = {"v": [1] if plain["type"] == "uint8[]" else 1}
    typed_data({"Poisoned": [poison]}, message, "Poisoned")
    after = typed_data({"Poisoned": [plain]}, message, "Poisoned")
    assert after.encoded_type == f"Poisoned({plain['type']} v)"


def test_keys_that_are_equal_but_of_another_type_share_no_schema() -> None:
    for one, other in itertools.permutations([1, True, 1.0, "1"], 2):
        for value in (one, other):
            assert refused({"T": [{"name": value, "type": "bool"}]}).path == "types.T[0].name"


def chain(length: int, suffix: str) -> dict[str, Any]:
    types: dict[str, Any] = {f"S{i}": [{"name": "a", "type": f"S{i + 1}{suffix}"}] for i in range(length)}
    return {**types, f"S{length}": [{"name": "a", "type": "bool"}]}


@pytest.mark.parametrize("suffix", ["", "[]"])
def test_a_long_chain_of_structs_is_read_or_refused_in_good_time(suffix: str) -> None:
    """The type strings of all structs were made at once: quadratic time and memory, gigabytes for a document of 300 kB."""
    types = chain(2000, suffix)
    begin = time.process_time()
    with contextlib.suppress(InvalidInput):
        typed_data(types, {"a": True}, "S2000")
    assert time.process_time() - begin < 1.2


def test_long_names_do_not_fill_the_memory() -> None:
    """Each struct's type string repeats all below it: 500 structs of 2000 letters, 2 MB of document, were 500 MB."""
    names = [f"S{i}".ljust(2000, "x") for i in range(400)]
    types: dict[str, Any] = {name: [{"name": "a", "type": f"{below}[]"}] for name, below in itertools.pairwise(names)}
    types[names[-1]] = [{"name": "a", "type": "bool"}]
    tracemalloc.start()
    try:
        with contextlib.suppress(InvalidInput):
            typed_data(types, {"a": True}, names[-1])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 50_000_000


def test_many_references_are_read_or_refused_in_good_time() -> None:
    types: dict[str, Any] = {f"S{i}": [{"name": f"m{j}", "type": f"S{i + 1}[]"} for j in range(200)] for i in range(400)}
    types["S400"] = [{"name": "a", "type": "bool"}]
    begin = time.process_time()
    with contextlib.suppress(InvalidInput):
        typed_data(types, {"a": True}, "S400")
    assert time.process_time() - begin < 2


LONG = "x" * 100_000


@pytest.mark.parametrize(
    ("types", "primary", "message"),
    [
        ({"T": [{"name": LONG, "type": "bool"}]}, "T", {LONG: 1}),
        ({"T": [{"name": LONG, "type": "bool"}]}, "T", {}),
        ({"T": [{"name": LONG, "type": "bool"}] * 2}, "T", {}),
        ({LONG: [{"name": "v", "type": "bool"}]}, LONG, {"v": 1}),
        ({LONG: [{"name": "v", "type": "bool"}]}, LONG, 5),
        ({LONG: [{"name": "v", "type": "bool"}]}, "T", {"v": True}),
        ({LONG: [{"name": "v", "type": "uint"}]}, LONG, {"v": 1}),
        ({LONG: [{"name": "v", "type": LONG}]}, LONG, {"v": 1}),
        ({"T": [{"name": "v", "type": LONG}]}, "T", {"v": 1}),
        ({"T": [{"name": "v", "type": LONG + "[0]"}]}, "T", {"v": 1}),
    ],
    ids=range(10),
)
def test_an_error_stays_short_whatever_the_names(types: dict[str, Any], primary: str, message: Any) -> None:
    """Paths and lists of members repeated names of any length."""
    assert len(str(refused(types, primary, message))) < 2000
