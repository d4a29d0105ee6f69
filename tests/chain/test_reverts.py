"""Why a contract refused, in words that are safe to print."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderseal.chain.abi import Abi, Error
from orderseal.chain.reverts import PANIC_CODES, Panic, Revert, printable, read_revert
from orderseal.signing import Address, InvalidInput
from orderseal.signing.errors import Reverted
from orderseal.signing.sol import address, string, uint256

A = Address("0x" + "a1" * 20)


class NotEnough(Error):
    who: address
    missing: uint256


class Sneaky(Error, name="collate_propagate_storage"):
    text: string


ABI = Abi(errors=(NotEnough.abi, Sneaky.abi))


def test_texts_and_panics() -> None:
    assert read_revert(Revert(message="paused").encode()).text == "paused"
    assert read_revert(bytes.fromhex("08c379a0") + Revert(message="x").encode()[4:]).kind == "message"
    assert read_revert(Revert(message="").encode()).text == "an empty message"
    for code, name in PANIC_CODES.items():
        found = read_revert(bytes.fromhex("4e487b71") + code.to_bytes(32, "big"))
        assert (found.kind, found.text) == ("panic", f"panic {hex(code)}: {name}")
    assert read_revert(Panic(code=2**255).encode()).text == "panic above 2^32: a code that Solidity does not use"


def test_custom_errors_of_a_given_abi() -> None:
    found = read_revert(NotEnough(who=A, missing=5).encode(), [ABI])
    assert (found.kind, found.text) == ("custom", f"NotEnough(who={A}, missing=5)")
    assert found.candidates == ((NotEnough.abi, (A, 5)),)
    assert read_revert(NotEnough(who=A, missing=5).encode()).text.startswith("an error that is not known: 0x")


def test_what_is_not_canonical_is_read_all_the_same() -> None:
    found = read_revert(Revert(message="paused").encode() + b"\0")
    assert found.text == "paused"
    assert len(found.warnings) == 1


@pytest.mark.parametrize(
    ("data", "kind", "text"),
    [
        (b"", "empty", "no reason given"),
        (b"\x12", "unknown", "0x12, which is no selector"),
        (b"\x12\x34\x56\x78", "unknown", "0x12345678, 4 bytes"),
        (bytes.fromhex("08c379a0"), "unknown", "not that of the error with its selector"),
        (bytes.fromhex("08c379a0") + b"\xff" * 64, "unknown", "not that of the error with its selector"),
        (bytes.fromhex("4e487b71") + bytes(31), "unknown", "4e487b71"),
    ],
)
def test_whatever_comes_gets_an_answer(data: bytes, kind: str, text: str) -> None:
    found = read_revert(data, [ABI])
    assert found.kind == kind
    assert text in found.text


def test_two_errors_of_one_selector_are_both_named() -> None:
    one, other = (
        Abi(errors=(NotEnough.abi,)),
        Abi.parse([{"type": "error", "name": "NotEnough", "inputs": [{"name": "a", "type": "address"}, {"name": "b", "type": "uint256"}]}]),
    )
    found = read_revert(NotEnough(who=A, missing=5).encode(), [one, other])
    assert found.kind == "ambiguous"
    assert "who=" in found.text
    assert " or NotEnough(a=" in found.text


@given(st.binary(max_size=300) | st.binary(max_size=300).map(lambda tail: bytes.fromhex("08c379a0") + tail))
def test_nothing_raises(data: bytes) -> None:
    assert len(read_revert(data, [ABI]).text) < 400


HOSTILE = [
    "\x1b[2J",
    "a\nb",
    "\r",
    "\u202egnp.exe",
    "\u200b",
    "\x00",
    "\x9b31m",
    "\ufeff",
    "\u2028",
    "e\u0301",
    '"',
    "\\",
    "\U000e0001",
    "\x7f",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_printable(text: str) -> None:
    shown = read_revert(Revert(message=f"x{text}y").encode()).text
    assert shown.isprintable()
    assert f"x{text}y" not in shown
    assert shown.startswith("x")
    assert shown.endswith("y")


@given(st.text(max_size=400))
def test_printable_is_bounded(text: str) -> None:
    assert printable(text).isprintable()
    assert len(printable(text)) <= 230


def test_long_texts_are_cut() -> None:
    assert read_revert(Revert(message="x" * 10**6).encode()).text == "x" * 200 + "… (1000000 characters)"
    found = read_revert(Sneaky(text="y" * 10**6).encode(), [ABI])
    assert len(found.text) < 310
    assert read_revert(Revert(message="\u202e" * 200).encode()).text.count("u202e") <= 34


def test_the_error_to_raise() -> None:
    error = read_revert(Revert(message="paused").encode()).error("buy")
    assert isinstance(error, Reverted)
    assert (str(error), error.reason) == ("buy reverted: paused", "paused")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.data) == (str(error), error.data)
    with pytest.raises(InvalidInput):
        read_revert("0x")  # type: ignore[arg-type]
