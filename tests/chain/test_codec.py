"""Encoding and strict decoding are inverse and equal to eth-abi and web3; every other encoding of a value is refused."""

import time
import tracemalloc
from typing import Any

import eth_abi.exceptions
import pytest
from eth_abi.abi import decode as eth_abi_decode
from eth_abi.abi import encode as eth_abi_encode
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.chain.cases import Case, cases
from web3 import Web3

from orderseal.chain.abi import Abi, AbiFunction
from orderseal.signing import Address, InvalidInput

ALICE = Address("0x" + "a1" * 20)


def function(*types: str, names: bool = True) -> AbiFunction:
    inputs = [{"name": f"a{i}" if names else "", "type": type_} for i, type_ in enumerate(types)]
    return Abi.parse([{"type": "function", "name": "f", "inputs": inputs, "outputs": inputs}]).functions[0]


def words(*values: int) -> bytes:
    return b"".join([value.to_bytes(32, "big") for value in values])


def as_eth_abi(value: Any) -> Any:
    """Our canonical values as eth-abi decodes them."""
    if isinstance(value, Address):
        return str(value).lower()
    return tuple([as_eth_abi(item) for item in value]) if isinstance(value, tuple) else value


@given(cases())
def test_encode_then_decode_is_identity_and_eth_abi_agrees(case: Case) -> None:
    found = case.function.encode(*case.values)
    body = found[4:]
    assert body == eth_abi_encode(case.types, case.values)
    assert case.function.decode(found) == case.values
    assert case.function.read(found) == (case.values, ())
    assert case.function.decode_return(body) == case.values if body or not case.values else True
    assert as_eth_abi(case.values) == eth_abi_decode(case.types, body)


@given(cases())
def test_arguments_by_name_are_the_same(case: Case) -> None:
    named = {item["name"]: value for item, value in zip(case.inputs, case.values, strict=True)}
    assert case.function.encode(**named) == case.function.encode(*case.values)


@settings(max_examples=40)
@given(cases(functions=False))  # web3 does not know Solidity's pointers to functions.
def test_web3_encodes_the_same_call(case: Case) -> None:
    entry = {"type": "function", "name": "f", "inputs": case.inputs, "outputs": [], "stateMutability": "nonpayable"}
    contract = Web3().eth.contract(abi=[entry])

    def for_web3(value: Any) -> Any:
        if isinstance(value, Address):
            return str(value)
        return [for_web3(item) for item in value] if isinstance(value, tuple) else value

    assert contract.encode_abi("f", [for_web3(value) for value in case.values]) == "0x" + case.function.encode(*case.values).hex()


@settings(max_examples=300)
@given(cases(least=1), st.data())
def test_what_is_decoded_strictly_encodes_to_the_same_bytes(case: Case, data: st.DataObject) -> None:
    """Any change is refused, or is the canonical encoding of another value, which eth-abi's strict decoder then reads too."""
    found = bytearray(case.function.encode(*case.values))
    kind = data.draw(st.sampled_from(["byte", "word", "cut", "insert", "append", "swap"]))
    places = range(4, len(found), 32)
    at = data.draw(st.sampled_from(places))
    match kind:
        case "byte":
            found[data.draw(st.integers(at, at + 31))] ^= data.draw(st.sampled_from([1, 2, 0x20, 0x40, 0x80, 0xFF]))
        case "word":
            found[at : at + 32] = words(data.draw(st.sampled_from([0, 1, 31, 32, 33, 64, 96, 128, 2**64 - 1, 2**255, 2**256 - 32])))
        case "cut":
            del found[at : at + data.draw(st.integers(1, 32))]
        case "insert":
            found[at:at] = data.draw(st.binary(min_size=1, max_size=40))
        case "append":
            found += data.draw(st.binary(min_size=1, max_size=40))
        case _:
            other = data.draw(st.sampled_from(places))
            found[at : at + 32], found[other : other + 32] = found[other : other + 32], found[at : at + 32]
    mutant = bytes(found)
    try:
        values = case.function.decode(mutant)
    except InvalidInput as error:
        assert error.path.startswith("f")  # noqa: PT017 - that it raises is not certain
    else:
        assert case.function.encode(*values) == mutant
        assert eth_abi_decode(case.types, mutant[4:]) == as_eth_abi(values)
        assert case.function.read(mutant) == (values, ())


@settings(max_examples=300)
@given(cases(least=1), st.data())
def test_reading_never_raises_anything_else_and_says_what_strict_decoding_refuses(case: Case, data: st.DataObject) -> None:
    found = bytearray(case.function.encode(*case.values))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.sampled_from(range(4, len(found), 32)))
        found[at : at + 32] = words(
            data.draw(st.sampled_from([0, 1, 32, 33, 64, 96, 160, 2**64, 2**256 - 32]) | st.integers(0, 2**256 - 1))
        )
    mutant = bytes(found)
    try:
        values, warnings = case.function.read(mutant)
    except InvalidInput:
        with pytest.raises(InvalidInput):
            case.function.decode(mutant)
        return
    if warnings:
        with pytest.raises(InvalidInput) as caught:
            case.function.decode(mutant)
        assert str(warnings[0]) == str(caught.value)
    else:
        assert case.function.decode(mutant) == values


REFUSED_BY_SOLIDITY = [
    ("uint8", words(256), "f.a0", "less than 2^8"),
    ("uint248", words(2**255), "f.a0", "less than 2^248"),
    ("int8", words(128), "f.a0", "with its sign"),
    ("int8", words(2**256 - 129), "f.a0", "with its sign"),
    ("int248", words(2**247), "f.a0", "with its sign"),
    ("bool", words(2), "f.a0", "0 or 1"),
    ("bool", words(2**255 + 1), "f.a0", "0 or 1"),
    ("address", words(2**160), "f.a0", "12 zero bytes"),
    ("bytes4", words(1), "f.a0", "before 28 zero bytes"),
    ("bytes31", words(1), "f.a0", "before 1 zero bytes"),
    ("function", words(1), "f.a0", "before 8 zero bytes"),
    ("uint256", b"", "f", "32 bytes for the values"),
    ("uint256", bytes(31), "f", "32 bytes for the values"),
    ("bytes", words(32, 33, 0), "f.a0", "33 bytes for bytes"),
    ("bytes", words(32), "f.a0", "32 bytes for the length"),
    ("bytes", words(2**64, 0), "f.a0", "the offset 32"),
    ("bytes", words(2**255 + 32, 0), "f.a0", "the offset 32"),
    ("bytes", words(32, 2**255), "f.a0", "2^64 or more bytes"),
    ("string", words(32, 2**256 - 1), "f.a0", "2^64 or more bytes"),
    ("uint256[]", words(32, 2**255), "f.a0", "2^64 or more bytes for 2^64 or more items"),
    ("uint256[]", words(32, 2, 1), "f.a0", "64 bytes for 2 items"),
    ("uint8[]", words(32, 2, 1, 256), "f.a0[1]", "less than 2^8"),
    ("bytes[]", words(32, 1, 2**63), "f.a0[0]", "expected"),
    ("uint256[3][2]", words(1, 2, 3, 4, 5), "f", "192 bytes"),
    ("uint8[2][2]", words(1, 2, 3, 300), "f.a0[1][1]", "less than 2^8"),
]


@pytest.mark.parametrize(
    ("type_", "body", "path", "text"), REFUSED_BY_SOLIDITY, ids=[str(number) for number in range(len(REFUSED_BY_SOLIDITY))]
)
def test_what_solidity_reverts_on_is_refused_by_both(type_: str, body: bytes, path: str, text: str) -> None:
    for way in ("decode", "read"):
        with pytest.raises(InvalidInput) as caught:
            getattr(function(type_), way)(function(type_).selector + body)
        assert caught.value.path == path
        assert text in str(caught.value)


ODD = [
    (("uint256",), words(7) + b"\0", (7,), "f", "the end of the data after 32 bytes"),
    (("uint256",), words(7, 0), (7,), "f", "the end of the data"),
    ((), b"\0", (), "f", "the end of the data after 0 bytes"),
    (("bytes",), words(64, 0, 1) + b"x" + bytes(31), (b"x",), "f.a0", "the offset 32"),
    (("bytes",), words(33) + b"\0" + words(1) + b"x" + bytes(31), (b"x",), "f.a0", "the offset 32"),
    (("bytes",), words(32, 1) + b"x", (b"x",), "f.a0", "31 zero bytes after the bytes"),
    (("bytes",), words(32, 1) + b"x" + bytes(30) + b"\1", (b"x",), "f.a0", "31 zero bytes after the bytes"),
    (("bytes", "bytes"), words(64, 64, 1) + b"x" + bytes(31), (b"x", b"x"), "f.a1", "the offset 128"),
    (("bytes", "bytes"), words(128, 64, 1) + b"b" + bytes(31) + words(1) + b"a" + bytes(31), (b"a", b"b"), "f.a0", "the offset 64"),
    (("bytes",), words(0), (b"",), "f.a0", "the offset 32"),
    (("string",), words(32, 1) + b"\xff" + bytes(31), ("\ufffd",), "f.a0", "UTF-8"),
    (("string[]",), words(32, 1, 64, 0, 0), (("",),), "f.a0[0]", "the offset 32"),
]


@pytest.mark.parametrize(("types", "body", "values", "path", "text"), ODD, ids=[str(number) for number in range(len(ODD))])
def test_what_solidity_accepts_is_read_with_a_warning(
    types: tuple[str, ...], body: bytes, values: tuple[Any, ...], path: str, text: str
) -> None:
    f = function(*types)
    found = f.read(f.selector + body)
    assert found.value == values
    assert (found.warnings[0].path, text in found.warnings[0].expected) == (path, True)
    with pytest.raises(InvalidInput) as caught:
        f.decode(f.selector + body)
    assert (caught.value.path, caught.value.expected) == (path, found.warnings[0].expected)


@pytest.mark.parametrize(
    ("type_", "value", "path"),
    [
        ("uint8", 256, "f.a0"),
        ("uint8", -1, "f.a0"),
        ("int8", 128, "f.a0"),
        ("uint256", True, "f.a0"),
        ("uint256", 1.0, "f.a0"),
        ("uint256", "1", "f.a0"),
        ("bool", 1, "f.a0"),
        ("address", "0x" + "A1" * 20, "f.a0"),
        ("address", bytes(19), "f.a0"),
        ("bytes4", bytes(3), "f.a0"),
        ("bytes4", "0x00000000", "f.a0"),
        ("function", bytes(25), "f.a0"),
        ("bytes", "x", "f.a0"),
        ("string", b"x", "f.a0"),
        ("string", "\ud800", "f.a0"),
        ("uint8[]", [1, 256], "f.a0[1]"),
        ("uint8[2]", [1], "f.a0"),
        ("uint8[2]", [1, 2, 3], "f.a0"),
        ("uint8[][2]", [[], [1, "2"]], "f.a0[1][1]"),
        ("uint8[]", {1}, "f.a0"),
        ("uint8[]", "12", "f.a0"),
    ],
)
def test_a_value_of_another_form_is_refused_with_its_path(type_: str, value: Any, path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        function(type_).encode(value)
    assert caught.value.path == path


def test_tuples_are_given_in_order_or_by_name() -> None:
    components = [{"name": "to", "type": "address"}, {"name": "count", "type": "uint8"}]
    inputs = [{"name": "legs", "type": "tuple[]", "components": components}]
    f = Abi.parse([{"type": "function", "name": "fill", "inputs": inputs}]).functions[0]
    assert f.signature == "fill((address,uint8)[])"
    assert f.encode([(ALICE, 1)]) == f.encode([{"count": 1, "to": ALICE}]) == f.encode(legs=[[ALICE, 1]])
    for bad, path in (
        ([{"to": ALICE}], "fill.legs[0]"),
        ([{"to": ALICE, "count": 1, "x": 1}], "fill.legs[0]"),
        ([(ALICE,)], "fill.legs[0]"),
        ([(ALICE, 256)], "fill.legs[0].count"),
        ([(ALICE, 1), 5], "fill.legs[1]"),
    ):
        with pytest.raises(InvalidInput) as caught:
            f.encode(bad)
        assert caught.value.path == path
    with pytest.raises(InvalidInput, match="both"):
        f.encode([], legs=[])
    with pytest.raises(InvalidInput, match="exactly 1 values"):
        f.encode([], [])


def test_unnamed_parameters_have_their_place_for_a_path() -> None:
    with pytest.raises(InvalidInput) as caught:
        function("bool", "uint8", names=False).encode(True, 256)
    assert caught.value.path == "f[1]"
    f = function("bool", "uint8[]", names=False)
    with pytest.raises(InvalidInput) as caught:
        f.decode(f.selector + words(1, 64, 1, 256))
    assert caught.value.path == "f[1][0]"


def test_a_return_that_is_not_there_says_why() -> None:
    with pytest.raises(InvalidInput, match="no contract at this address") as caught:
        function("bool").decode_return(b"")
    assert caught.value.path == "return"
    assert function().decode_return(b"") == ()


@pytest.mark.parametrize("data", ["0x00", None, bytearray(4), 5, [1]])
def test_data_is_bytes(data: Any) -> None:
    for way in ("decode", "read", "decode_return", "read_return"):
        with pytest.raises(InvalidInput, match="expected bytes"):
            getattr(function("bool"), way)(data)


def nested(depth: int) -> AbiFunction:
    return function("uint256" + "[]" * depth)


class TestHostile:
    def spent(self, work: Any) -> tuple[float, int]:
        """Seconds and the most bytes that ``work`` took beside what was there. It must be refused."""
        tracemalloc.start()
        begin = time.process_time()
        try:
            with pytest.raises(InvalidInput):
                work()
            return time.process_time() - begin, tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    @pytest.mark.parametrize("length", [2**20, 2**32, 2**63, 2**64, 2**255, 2**256 - 1])
    @pytest.mark.parametrize("type_", ["uint256[]", "bytes", "string", "bool[]", "bytes[]", "uint8[4294967296][]"])
    def test_a_length_is_held_against_the_data_before_anything_is_allocated(self, length: int, type_: str) -> None:
        f = function(type_)
        for way in (f.decode, f.read):
            seconds, memory = self.spent(lambda way=way: way(f.selector + words(32, length) + bytes(320)))
            assert seconds < 0.5
            assert memory < 200_000

    def test_offsets_that_point_to_the_same_bytes_do_not_multiply_them(self) -> None:
        """Ten levels of arrays of ten, all in the same kilobytes: 10^10 values if it were followed."""
        f = nested(10)
        levels = [words(10, *[32 * 10 + 32 * 11 * 0] * 10)] * 9
        body = words(32) + b"".join(levels) + words(10, *range(10))
        seconds, memory = self.spent(lambda: f.read(f.selector + body))
        assert seconds < 5
        assert memory < 50 * 2**20
        self.spent(lambda: f.decode(f.selector + body))

    def test_tuples_that_contain_themselves(self) -> None:
        """An offset of zero in a tuple points to that tuple; the type bounds how often."""
        inner: dict[str, Any] = {"name": "x", "type": "bytes"}
        for _ in range(8):
            inner = {"name": "x", "type": "tuple", "components": [inner, {**inner, "name": "y"}]}
        f = Abi.parse([{"type": "function", "name": "f", "inputs": [inner], "outputs": []}]).functions[0]
        seconds, memory = self.spent(lambda: f.decode(f.selector + bytes(64)))
        begin = time.process_time()
        found = f.read(f.selector + bytes(64))
        assert time.process_time() - begin < 5
        assert len(found.warnings) == 20
        assert seconds < 1
        assert memory < 2**20

    def test_ten_megabytes(self) -> None:
        f = function("uint256[]")
        body = words(32, 320_000) + bytes(32 * 320_000)
        begin = time.process_time()
        (values,) = f.decode(f.selector + body)
        assert len(values) == 320_000
        assert time.process_time() - begin < 5
        seconds, memory = self.spent(lambda: f.decode(f.selector + body + b"\0"))
        assert seconds < 5
        assert memory < 64 * 2**20

    def test_no_more_than_the_limit(self) -> None:
        with pytest.raises(InvalidInput, match="at most 33554432 bytes"):
            function("bytes").read(bytes(32 * 2**20 + 1))

    def test_types_are_not_deeper_than_the_limit(self) -> None:
        nested(32)
        with pytest.raises(InvalidInput, match="at most 32 levels"):
            nested(33)
        inner: dict[str, Any] = {"name": "x", "type": "uint8"}
        for _ in range(33):
            inner = {"name": "x", "type": "tuple", "components": [inner]}
        with pytest.raises(InvalidInput, match="at most 32 levels"):
            Abi.parse([{"type": "function", "name": "f", "inputs": [inner], "outputs": []}])
        f = Abi.parse([{"type": "function", "name": "f", "inputs": inner["components"], "outputs": []}]).functions[0]
        value: Any = 5
        for _ in range(32):
            value = (value,)
        assert f.decode(f.encode(value)) == (value,)

    def test_warnings_are_bounded(self) -> None:
        f = function(*["bytes"] * 100)
        found = f.read(f.selector + words(*[32 * 100] * 100, 0))
        assert len(found.warnings) == 20


def test_no_error_of_eth_abi_escapes() -> None:
    """What eth-abi might refuse although it was checked here is translated, whichever of its errors it is."""
    from orderseal.chain.abi import encode as module

    for error in [e for e in vars(eth_abi.exceptions).values() if isinstance(e, type) and issubclass(e, Exception)]:
        if error.__module__ != "eth_abi.exceptions" or "Decod" in error.__name__ or issubclass(error, eth_abi.exceptions.DecodingError):
            continue

        def fails(*_arguments: Any, error: type[Exception] = error) -> bytes:
            raise error.__new__(error)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("eth_abi.abi.encode", fails)
            with pytest.raises(InvalidInput):
                module.encode_members(function("bytes").inputs, (b"",))
