"""The table *Strictness* of the design, row by row: what each Solidity type accepts from Python and from JSON, and what it refuses.

Each refusal names the libraries that accept the form. Where it names eth-account, the test makes eth-account accept it.
"""

import enum
import math
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from orderseal.signing import Address, Domain, Hash32, InvalidInput, TypedData, read_json

CHECKSUMMED = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"  # EIP-55
RAW = bytes.fromhex(CHECKSUMMED[2:])
DOMAIN_TYPES = {"EIP712Domain": [{"name": "name", "type": "string"}]}


def types_of(type_: str) -> dict[str, Any]:
    """The value stands two structs and one array deep, so that its path says something."""
    return {
        "T": [{"name": "order", "type": "Order"}],
        "Order": [{"name": "legs", "type": "Leg[]"}],
        "Leg": [{"name": "v", "type": type_}],
        "P": [{"name": "a", "type": "uint8"}, {"name": "b", "type": "bool"}],
    }


def message_of(value: Any, good: Any) -> dict[str, Any]:
    return {"order": {"legs": [{"v": good}, {"v": value}]}}


def from_python(type_: str, value: Any, good: Any) -> TypedData:
    return TypedData(types_of(type_), "T", Domain(name="x"), message_of(value, good))


def document(type_: str, value: Any, good: Any) -> dict[str, Any]:
    return {"types": {**DOMAIN_TYPES, **types_of(type_)}, "primaryType": "T", "domain": {"name": "x"}, "message": message_of(value, good)}


PATH = "message.order.legs[1].v"


class Row(NamedTuple):
    type: str
    value: Any
    canonical: Any = None
    """For accepted values."""
    who: str = ""
    """For refused values: who accepts them."""
    below: str = ""
    """For refused values: the path below the member."""


PYTHON_GOOD: list[Row] = [
    Row("uint8", 0, 0),
    Row("uint8", 255, 255),
    Row("uint256", 2**256 - 1, 2**256 - 1),
    Row("uint64", 2**53 + 1, 2**53 + 1),
    Row("int8", -128, -128),
    Row("int8", 127, 127),
    Row("int8", -1, -1),
    Row("int256", -1, -1),
    Row("int256", -(2**255), -(2**255)),
    Row("bool", True, True),
    Row("bool", False, False),
    Row("address", Address(CHECKSUMMED), RAW),
    Row("address", RAW, RAW),
    Row("address", CHECKSUMMED, RAW),
    Row("address", CHECKSUMMED.lower(), RAW),
    Row("bytes4", b"abcd", b"abcd"),
    Row("bytes32", Hash32(b"x" * 32), b"x" * 32),
    Row("bytes20", Address(RAW), RAW),
    Row("bytes", b"", b""),
    Row("bytes", b"\0\xff" * 500, b"\0\xff" * 500),
    Row("bytes", Address(RAW), RAW),
    Row("string", "", ""),
    Row("string", "é😀\0\ufeff", "é😀\0\ufeff"),
    Row("string", "0x12", "0x12"),
    Row("uint8[]", [], ()),
    Row("uint8[]", [1, 2], (1, 2)),
    Row("uint8[]", (1, 2), (1, 2)),
    Row("uint8[2]", [1, 2], (1, 2)),
    Row("uint8[2][]", [[1, 2], (3, 4)], ((1, 2), (3, 4))),
    Row("uint8[][2]", [[], [1]], ((), (1,))),
    Row("P", {"a": 1, "b": True}, {"a": 1, "b": True}),
    Row("P", {"b": True, "a": 1}, {"a": 1, "b": True}),
    Row("P", MappingProxyType({"a": 1, "b": True}), {"a": 1, "b": True}),
]

JSON_GOOD: list[Row] = [
    Row("uint8", 255, 255),
    Row("uint8", "255", 255),
    Row("uint8", "0xff", 255),
    Row("uint8", "0x0", 0),
    Row("uint8", "0", 0),
    Row("uint64", 2**53 - 1, 2**53 - 1),
    Row("uint64", str(2**53), 2**53),
    Row("uint256", str(2**256 - 1), 2**256 - 1),
    Row("uint256", hex(2**256 - 1), 2**256 - 1),
    Row("int8", -128, -128),
    Row("int8", "-128", -128),
    Row("int8", -1, -1),
    Row("int256", "-1", -1),
    Row("int64", 1 - 2**53, 1 - 2**53),
    Row("int256", str(-(2**255)), -(2**255)),
    Row("bool", True, True),
    Row("bool", False, False),
    Row("address", CHECKSUMMED, RAW),
    Row("address", CHECKSUMMED.lower(), RAW),
    Row("bytes4", "0x61626364", b"abcd"),
    Row("bytes4", "0xABCDEF00", b"\xab\xcd\xef\0"),
    Row("bytes", "0x", b""),
    Row("bytes", "0x00fF", b"\0\xff"),
    Row("string", "", ""),
    Row("string", "é😀", "é😀"),
    Row("uint8[]", [], ()),
    Row("uint8[2]", [1, "2"], (1, 2)),
    Row("P", {"b": True, "a": "1"}, {"a": 1, "b": True}),
]

DEFAULT_GOOD: dict[str, tuple[Any, Any]] = {
    "bool": (True, True),
    "address": (RAW, CHECKSUMMED),
    "bytes4": (b"abcd", "0x61626364"),
    "bytes32": (b"x" * 32, "0x" + "78" * 32),
    "bytes": (b"", "0x"),
    "string": ("", ""),
    "uint8[]": ([], []),
    "uint8[2]": ([1, 2], [1, 2]),
    "uint8[2][]": ([[1, 2]], [[1, 2]]),
    "uint8[][2]": ([[], []], [[], []]),
    "P": ({"a": 1, "b": True}, {"a": 1, "b": True}),
    "P[]": ([], []),
    "bytes20": (RAW, "0x" + RAW.hex()),
}


def good(type_: str, side: int) -> Any:
    return DEFAULT_GOOD.get(type_, (1, 1))[side]


class Small(enum.IntEnum):
    ONE = 1


class Word(str, enum.Enum):  # noqa: UP042 - StrEnum has another str()
    """As people write the constants of their bot."""

    AAPL = "AAPL"


class IndexOnly:
    """What NumPy's integers are to Python: no ``int``, but with ``__index__``."""

    def __index__(self) -> int:
        return 1

    __int__ = __index__


def show(value: Any) -> str | None:
    if not isinstance(value, Row):
        return None
    text = ascii(value.value)[:40]
    return f"{value.type}-{type(value.value).__name__ if ' at 0x' in text or len(text) == 40 else text}"  # the same in every process


@pytest.mark.parametrize("row", PYTHON_GOOD, ids=show)
def test_python_forms_that_are_accepted(row: Row, oracle: Callable[[Mapping[str, Any]], bytes]) -> None:
    typed_data = from_python(row.type, row.value, good(row.type, 0))
    found = typed_data.message["order"]["legs"][1]["v"]
    assert found == row.canonical
    plain = [list(item) if isinstance(item, tuple) else item for item in found] if isinstance(found, tuple) else found
    expected = document(row.type, dict(plain) if isinstance(plain, Mapping) else plain, good(row.type, 0))
    expected["types"] = {k: v for k, v in expected["types"].items() if k != "P" or row.type == "P"}  # eth-account wants no unused type
    assert typed_data.signing_hash == oracle(expected)


@pytest.mark.parametrize("row", JSON_GOOD, ids=show)
def test_json_forms_that_are_accepted(row: Row) -> None:
    read = TypedData.from_json(document(row.type, row.value, good(row.type, 1)))
    assert read.message["order"]["legs"][1]["v"] == row.canonical
    assert read.signing_hash == from_python(row.type, row.canonical, good(row.type, 0)).signing_hash


NO_INTEGERS: list[Any] = [1.0, 1.5, math.nan, Decimal(1), Fraction(1), b"\1", None, [1], {}, 1j, IndexOnly()]
NO_JSON_INTEGERS: list[Any] = [1.0, 1.5, -0.0, math.nan, math.inf, True, None, [1], {}]

PYTHON_BAD: list[Row] = [
    # bool is an int to Python.
    *[Row(t, v) for t in ("uint8", "int8", "uint256") for v in (True, False)],
    *[Row("uint8", v) for v in NO_INTEGERS],
    *[Row("uint8", v, who="eth-account, ethers, viem") for v in ("1", "0x1")],
    *[Row("uint8", v) for v in (-1, 256, 2**256)],
    *[Row("int8", v) for v in (-129, 128)],
    Row("uint256", 2**256),
    Row("int256", 2**255),
    Row("int256", -(2**255) - 1),
    *[
        Row("bool", v, who=w)
        for v, w in ((1, "eth-account"), (0, "eth-account"), ("true", "eth-account"), ("", "eth-account"), (None, ""), (1.0, "eth-account"))
    ],
    Row("address", RAW[:19]),
    Row("address", RAW + b"\0"),
    Row("address", bytearray(RAW), who="eth-account"),
    Row("address", int.from_bytes(RAW, "big"), who="MetaMask"),
    Row("address", None),
    Row("address", RAW.hex(), who="eth-account"),
    Row("address", "0x" + RAW.hex().upper(), who="eth-account"),
    Row("bytes4", b"abc", who="eth-account"),
    Row("bytes4", b"abcde"),
    Row("bytes4", b"", who="eth-account"),
    Row("bytes4", bytearray(4), who="eth-account"),
    Row("bytes4", memoryview(b"abcd"), who="eth-account"),
    Row("bytes4", "0x61626364", who="eth-account"),
    Row("bytes4", 1, who="eth-account"),
    Row("bytes4", [1, 2, 3, 4]),
    Row("bytes", bytearray(2), who="eth-account"),
    Row("bytes", "", who="eth-account"),
    Row("bytes", 5, who="eth-account"),
    Row("bytes", None, who="eth-account"),
    Row("string", b"abc"),
    Row("string", 5, who="eth-account"),
    Row("string", None, who="eth-account"),
    Row("string", True, who="eth-account"),
    Row("string", "\ud800"),
    Row("string", "a\udfffb"),
    Row("uint8[]", "12"),
    Row("uint8[]", b"\1\2"),
    Row("uint8[]", {1, 2}),
    Row("uint8[]", range(2)),
    Row("uint8[]", iter([1])),
    Row("uint8[]", {0: 1}),
    Row("uint8[]", None),
    Row("uint8[]", [1, True], below="[1]"),
    Row("uint8[]", (0, 1, 256), below="[2]"),
    Row("uint8[2]", [1], who="eth-account"),
    Row("uint8[2]", [1, 2, 3], who="eth-account"),
    Row("uint8[2]", ()),
    Row("uint8[2][]", [[1, 2], [3]], who="eth-account", below="[1]"),
    Row("uint8[2][]", [[1, 2], [3, "4"]], who="eth-account", below="[1][1]"),
    Row("uint8[][2]", [[1]], who="eth-account"),
    Row("P", {"a": 1}),
    Row("P", {"a": 1, "b": True, "c": 1}, who="eth-account"),
    Row("P", {"a": 1, "c": True}),
    Row("P", {"a": 1, "B": True}),
    Row("P", {}),
    Row("P", {"a": 1, 5: True}),
    Row("P", None, who="eth-account"),
    Row("P", [1, True]),
    Row("P", (("a", 1), ("b", True))),
    Row("P", "ab"),
    Row("P", object()),
    Row("P", {"a": 1, "b": None}, below=".b"),
    Row("P[]", [{"a": 1, "b": True}, {"a": -1, "b": True}], below="[1].a"),
]

JSON_BAD: list[Row] = [
    # Numbers that are no plain integer below 2^53. JavaScript reads 1.0, 1e3 and -0 as integers and rounds 2^53+1.
    *[Row(t, v) for t in ("uint8", "int8") for v in NO_JSON_INTEGERS],
    Row("uint256", 2**53, who="eth-account"),
    Row("uint256", 10**30, who="eth-account"),
    Row("int256", -(2**53), who="eth-account"),
    # ethers and viem hand strings to BigInt, which takes white space, "", leading zeros and 0X, 0o and 0b.
    *[Row("uint8", v, who="eth-account, ethers") for v in (" 1", "1 ", "\t1\n", "01", "007")],
    *[Row("uint8", v, who="eth-account") for v in ("+1", "1_0")],
    *[Row("uint8", v, who="ethers, viem") for v in ("", "0X1", "0b1", "0o7")],
    *[Row("uint8", v) for v in ("0x", "1.0", "1e3", "--1", "one", "NaN", "1" * 100, "1n")],
    *[Row("uint8", v, who="eth-account") for v in ("-0", "\u0661", "0x" + "0" * 70 + "1")],
    *[Row("uint8", v, who="eth-account, ethers, viem") for v in ("0xA", "0x01")],
    *[Row("uint8", v) for v in (-1, "-1", 256, "256", "0x100")],
    *[Row("int8", v, who="eth-account") for v in ("0x1", "-0")],
    *[Row("int8", v) for v in ("-0x1", -129, 128, "128", "-129")],
    *[Row("bool", v, who="eth-account, ethers, viem") for v in (1, 0, "true", "false", "")],
    Row("bool", None, who="MetaMask"),
    Row("address", RAW.hex(), who="eth-account, ethers"),
    Row("address", "0x" + RAW.hex().upper(), who="eth-account"),
    Row("address", "0X" + RAW.hex(), who="eth-account"),
    Row("address", CHECKSUMMED.replace("Aeb", "aeb"), who="eth-account"),
    Row("address", CHECKSUMMED[:-1]),
    Row("address", " " + CHECKSUMMED),
    Row("address", "vitalik.eth", who="ethers"),
    Row("address", ""),
    Row("address", 0, who="MetaMask"),
    Row("address", None),
    Row("address", RAW),
    Row("address", Address(RAW)),
    Row("bytes4", "0x616263", who="eth-account"),
    Row("bytes4", "0x6162636465"),
    Row("bytes4", "0x", who="eth-account"),
    Row("bytes4", "61626364"),
    Row("bytes4", "abcd", who="eth-account"),
    Row("bytes4", 1, who="eth-account"),
    Row("bytes4", b"abcd", who="eth-account"),
    Row("bytes4", "0X61626364"),
    Row("bytes", "0x123", who="eth-account, MetaMask"),
    Row("bytes", "hello", who="eth-account, MetaMask"),
    Row("bytes", "0xzz", who="eth-account"),
    Row("bytes", "", who="eth-account"),
    Row("bytes", "0x 12", who="eth-account"),
    Row("bytes", "0x1_2_", who="eth-account"),
    Row("bytes", [1, 2]),
    Row("bytes", 5, who="eth-account, MetaMask"),
    Row("bytes", None, who="eth-account"),
    Row("string", 5, who="eth-account, MetaMask"),
    Row("string", None, who="eth-account"),
    Row("string", True, who="eth-account"),
    Row("string", 1.0),
    Row("string", ["a"]),
    Row("string", "\ud83d"),
    Row("uint8[]", {}),
    Row("uint8[]", "0x0102"),
    Row("uint8[]", (1, 2)),
    Row("uint8[]", None),
    Row("uint8[]", [1, "0x", 3], below="[1]"),
    Row("uint8[2]", [1], who="eth-account"),
    Row("uint8[2]", [1, 2, 3], who="eth-account"),
    Row("P", {"a": 1}),
    Row("P", {"a": 1, "b": True, "c": 1}, who="eth-account, ethers, MetaMask"),
    Row("P", None, who="eth-account, MetaMask"),
    Row("P", [1, True]),
    Row("P", {"a": 1, "b": "true"}, who="eth-account, ethers, viem", below=".b"),
]


def accepted_by_eth_account(oracle: Callable[[Mapping[str, Any]], bytes], row: Row, side: int) -> bool:
    types = {"T": [{"name": "v", "type": row.type}]}
    if "P" in row.type:
        types["P"] = types_of("bool")["P"]
    try:
        oracle({"types": {**DOMAIN_TYPES, **types}, "primaryType": "T", "domain": {"name": "x"}, "message": {"v": row.value}})
    except Exception:  # noqa: BLE001 - any refusal will do
        return False
    return True


def check_refusal(error: InvalidInput, row: Row) -> None:
    assert error.path == PATH + row.below
    assert error.expected
    assert error.actual
    assert len(str(error)) < 600
    assert str(error).isprintable()


@pytest.mark.parametrize("row", PYTHON_BAD, ids=show)
def test_python_forms_that_are_refused(row: Row, oracle: Callable[[Mapping[str, Any]], bytes]) -> None:
    with pytest.raises(InvalidInput) as caught:
        from_python(row.type, row.value, good(row.type, 0))
    check_refusal(caught.value, row)
    assert accepted_by_eth_account(oracle, row, 0) is ("eth-account" in row.who)


@pytest.mark.parametrize("row", JSON_BAD, ids=show)
def test_json_forms_that_are_refused(row: Row, oracle: Callable[[Mapping[str, Any]], bytes]) -> None:
    with pytest.raises(InvalidInput) as caught:
        TypedData.from_json(document(row.type, row.value, good(row.type, 1)))
    check_refusal(caught.value, row)
    if row.type != "address" or not isinstance(row.value, bytes):  # from Python, these are good
        assert accepted_by_eth_account(oracle, row, 1) is ("eth-account" in row.who)


NUMBER = (
    '{"types":{"EIP712Domain":[{"name":"name","type":"string"}],"T":[{"name":"a","type":"A[]"}],"A":[{"name":"v","type":"TYPE"}]},'
    '"primaryType":"T","domain":{"name":"x"},"message":{"a":[{"v":VALUE}]}}'
)


@pytest.mark.parametrize("type_", ["uint256", "int256", "bool", "string", "bytes", "bytes32", "address", "uint8[]", "A"])
@pytest.mark.parametrize(
    "number",
    [
        "9007199254740992",
        "-9007199254740992",
        "1" + "0" * 5000,
        "1.0",
        "1e3",
        "1E3",
        "-0",
        "-0.0",
        "0.1",
        "1e-400",
        "1e400",
        "12345678901234567890",
    ],
)
def test_numbers_in_text_that_javascript_would_change(number: str, type_: str) -> None:
    if type_ == "A":
        text = NUMBER.replace("VALUE", number).replace(
            '[{"name":"v","type":"TYPE"}]', '[{"name":"v","type":"B"}],"B":[{"name":"w","type":"bool"}]'
        )
    else:
        text = NUMBER.replace("VALUE", number).replace("TYPE", type_)
    with pytest.raises(InvalidInput) as caught:
        TypedData.from_json(text)
    assert caught.value.path == "message.a[0].v"
    assert len(str(caught.value)) < 300
    if type_ == "uint256":
        assert "decimal string" in caught.value.hint


@pytest.mark.parametrize(("number", "value"), [("0", 0), ("-1", -1), ("9007199254740991", 2**53 - 1), ("-9007199254740991", 1 - 2**53)])
def test_numbers_in_text_that_every_library_reads_alike(number: str, value: int) -> None:
    read = TypedData.from_json(NUMBER.replace("VALUE", number).replace("TYPE", "int256"))
    assert read.message["a"][0]["v"] == value


def test_the_hint_gives_the_string_to_write() -> None:
    with pytest.raises(InvalidInput) as caught:
        TypedData.from_json(NUMBER.replace("VALUE", "9007199254740993").replace("TYPE", "uint256"))
    assert caught.value.hint == 'JavaScript would round it: write the decimal string "9007199254740993"'
    assert "2^53" in caught.value.expected


# What follows was found by attack.


def test_enums_and_other_subclasses_count_as_their_values() -> None:
    """``str(Word.AAPL)`` is "Word.AAPL", and that was signed."""
    read = from_python("string", Word.AAPL, "")
    assert read.message["order"]["legs"][1]["v"] == "AAPL"
    assert type(read.message["order"]["legs"][1]["v"]) is str
    assert read == from_python("string", "AAPL", "")
    small = from_python("uint8", Small.ONE, 1)
    assert type(small.message["order"]["legs"][1]["v"]) is int
    assert small == from_python("uint8", 1, 1)


class LyingInt(int):
    def __int__(self) -> int:
        return -5

    def __le__(self, other: Any) -> bool:
        return True

    def __ge__(self, other: Any) -> bool:
        return True


class LyingBytes(bytes):
    def __bytes__(self) -> bytes:
        return b"xx"

    def __len__(self) -> int:
        return 4


class LyingStr(str):
    def __str__(self) -> str:
        return "other"

    def encode(self, *_: Any) -> bytes:
        return b"other"


class LyingDict(dict[str, Any]):
    def __len__(self) -> int:
        return 2

    def __contains__(self, key: object) -> bool:
        return True

    def __getitem__(self, key: str) -> Any:
        raise KeyError(key)


class LyingList(list[Any]):
    def __len__(self) -> int:
        return 2

    def __iter__(self) -> Iterator[Any]:
        return iter([1])


LIES: list[tuple[str, Any, Any]] = [
    ("uint8", LyingInt(3), 3),
    ("uint8", LyingInt(300), None),
    ("bytes4", LyingBytes(b"abcd"), b"abcd"),
    ("bytes4", LyingBytes(b"abcde"), None),
    ("bytes", LyingBytes(b"abcde"), b"abcde"),
    ("string", LyingStr("AAPL"), "AAPL"),
    ("P", LyingDict(a=1), None),
    ("uint8[2]", LyingList([1, 2, 3]), None),
]


@pytest.mark.parametrize(("type_", "value", "truth"), LIES, ids=lambda value: type(value).__name__)
def test_a_subclass_that_lies_is_seen_through_or_refused(type_: str, value: Any, truth: Any) -> None:
    """Never may words of another length, another value or an alien exception come out."""
    try:
        found = from_python(type_, value, good(type_, 0))
        digest = found.signing_hash
    except InvalidInput:
        return
    assert truth is not None, found.message
    assert digest == from_python(type_, truth, good(type_, 0)).signing_hash
    assert type(found.message["order"]["legs"][1]["v"]) is type(truth)


def test_a_huge_integer_in_a_parsed_object_is_bad_input() -> None:
    """Python refuses to write more than 4300 digits, with a plain ``ValueError``."""
    for value in (10**5000, -(10**5000)):
        for type_ in ("uint256", "int8", "bool", "string", "bytes", "address", "uint8[]", "P"):
            with pytest.raises(InvalidInput) as caught:
                TypedData.from_json(document(type_, value, good(type_, 1)))
            assert caught.value.path == PATH


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_words_that_are_no_json_are_refused_wherever_they_stand(word: str) -> None:
    """They came back as text, and ``NaN`` and ``Infinity`` were good names of members and structs."""
    head = '{"types":{"EIP712Domain":[{"name":"name","type":"string"}],'
    plain = head + '"T":[{"name":%s,"type":"bool"}]},"primaryType":"T","domain":{"name":"x"},"message":{"%s":true}}'
    TypedData.from_json(plain % ('"Inf"', "Inf"))
    with pytest.raises(InvalidInput):
        TypedData.from_json(plain % (word, word))
    primary = head + '"%s":[{"name":"v","type":"bool"}]},"primaryType":%s,"domain":{"name":"x"},"message":{"v":true}}'
    TypedData.from_json(primary % ("Inf", '"Inf"'))
    with pytest.raises(InvalidInput):
        TypedData.from_json(primary % (word, word))
    for text in (f"[{word}]", f'{{"a":{word}}}', word):
        with pytest.raises(InvalidInput):
            read_json(text)


def test_a_class_in_the_place_of_its_instance_is_bad_input() -> None:
    """It escaped as ``TypeError``."""
    from orderseal.signing import Order

    for value in (Order, type("Odd", (), {"to_message": 5})(), type("Odd", (), {"to_message": lambda _self: 5})()):
        with pytest.raises(InvalidInput) as caught:
            from_python("P", value, good("P", 0))
        assert caught.value.path == PATH
