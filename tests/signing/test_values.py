"""Addresses, hashes and signatures."""

import copy
import pickle
import re
from typing import Any

import pytest

from orderseal.signing import Address, Hash32, InvalidInput, LocalSigner, Signature, message_hash

N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
"""The order of secp256k1, SEC 2 section 2.4.1."""

EIP_55 = [  # the test cases of EIP-55
    "0x52908400098527886E0F7030069857D2E4169EE7",
    "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
    "0xde709f2102306220921060314715629080e2fb77",
    "0x27b1fdb04752bbc536007a920d24acb045561c26",
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
]


@pytest.mark.parametrize("text", EIP_55)
def test_eip_55_examples_are_read_and_written(text: str) -> None:
    assert str(Address(text)) == text
    assert str(Address(text.lower())) == text
    assert str(Address(bytes.fromhex(text[2:]))) == text
    assert bytes(Address(text)) == bytes.fromhex(text[2:])


@pytest.mark.parametrize("text", EIP_55[4:])
def test_a_letter_in_the_wrong_case_is_a_wrong_checksum(text: str) -> None:
    for i, letter in enumerate(text[2:], 2):
        if letter.isalpha():
            with pytest.raises(InvalidInput, match="checksum is wrong"):
                Address(text[:i] + letter.swapcase() + text[i + 1 :])
    with pytest.raises(InvalidInput, match="checksum is wrong"):
        Address("0x" + text[2:].upper())


@pytest.mark.parametrize("text", EIP_55[4:])
def test_one_mistyped_digit_is_noticed(text: str) -> None:
    for i, letter in enumerate(text[2:], 2):
        if letter.isalpha():
            other = "A" if letter == "B" else "B" if letter.isupper() else "c" if letter == "d" else "d"
            if other == letter:
                continue
            with pytest.raises(InvalidInput):
                Address(text[:i] + other + text[i + 1 :])


@pytest.mark.parametrize(
    "value",
    [
        "",
        "0x",
        "0x" + "00" * 19,
        "0x" + "00" * 21,
        "0x" + "0" * 39,
        "00" * 20,
        "0X" + "00" * 20,
        " 0x" + "00" * 20,
        "0x" + "00" * 20 + "\n",
        "0x" + "0g" * 20,
        "0x" + "\u0661" * 40,  # Arabic digits: int() takes them
        "0x" + "00" * 19 + "0_",
        b"",
        b"\0" * 19,
        b"\0" * 32,
        bytearray(20),
        memoryview(b"\0" * 20),
        0,
        None,
        True,
        [0] * 20,
        "vitalik.eth",
    ],
)
def test_other_forms_of_an_address_are_refused(value: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        Address(value)
    assert caught.value.path == "address"
    assert "EIP-55" in caught.value.expected
    assert isinstance(caught.value, ValueError)


def test_an_address_is_a_value() -> None:
    a, b = Address(EIP_55[4]), Address(EIP_55[4].lower())
    assert a == b
    assert hash(a) == hash(b)
    assert {a: 1}[b] == 1
    assert a != Address(EIP_55[5])
    assert repr(a) == f"Address('{EIP_55[4]}')"
    assert f"{a}" == EIP_55[4]
    assert not a.is_zero
    assert Address(bytes(20)).is_zero
    assert bool(Address(bytes(20)))  # the zero address is given, not missing
    with pytest.raises(AttributeError):
        a.name = "x"  # type: ignore[attr-defined]


@pytest.mark.parametrize("value", [Address(EIP_55[4]), Hash32(bytes(range(32)))])
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_values_survive_pickle_and_copy(value: Any, protocol: int) -> None:
    for again in (pickle.loads(pickle.dumps(value, protocol)), copy.copy(value), copy.deepcopy(value)):
        assert again == value
        assert type(again) is type(value)


def test_a_hash() -> None:
    raw = bytes(range(32))
    assert Hash32(raw) == Hash32("0x" + raw.hex()) == Hash32("0x" + raw.hex().upper()) == raw
    assert str(Hash32(raw)) == "0x" + raw.hex()
    assert repr(Hash32(raw)) == f"Hash32('0x{raw.hex()}')"


@pytest.mark.parametrize(
    "value", [b"", bytes(31), bytes(33), "0x" + "00" * 31, "00" * 32, "0x" + "0" * 63, None, 0, bytearray(32), "\ud800"]
)
def test_other_forms_of_a_hash_are_refused(value: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        Hash32(value)
    assert caught.value.path == "hash"


def word(number: int) -> bytes:
    return number.to_bytes(32, "big")


GOOD = word(1) + word(N // 2) + b"\x1b"


@pytest.mark.parametrize(
    ("raw", "part"),
    [
        (b"", "65 bytes"),
        (GOOD[:64], "EIP-2098"),
        (GOOD + b"\0", "has 66"),
        (GOOD[:64] + b"\x00", "v must be 27 or 28, it is 0; some hardware"),
        (GOOD[:64] + b"\x01", "v must be 27 or 28, it is 1; some hardware"),
        (GOOD[:64] + b"\x1d", "v must be 27 or 28, it is 29"),
        (GOOD[:64] + b"\x25", "it is 37"),
        (word(0) + GOOD[32:], "r is zero"),
        (word(N) + GOOD[32:], "r is zero or not below"),
        (word(2**256 - 1) + GOOD[32:], "r is zero or not below"),
        (GOOD[:32] + word(0) + b"\x1b", "s is zero"),
        (GOOD[:32] + word(N) + b"\x1b", "s is zero or not below"),
        (GOOD[:32] + word(N // 2 + 1) + b"\x1b", "upper half"),
        (GOOD[:32] + word(N - 1) + b"\x1b", "upper half"),
    ],
)
def test_each_fault_of_a_signature_is_named(raw: bytes, part: str) -> None:
    for value in (raw, "0x" + raw.hex()):
        with pytest.raises(InvalidInput) as caught:
            Signature(value)
        assert part in caught.value.actual
        assert caught.value.path == "signature"


@pytest.mark.parametrize("value", [None, 0, bytearray(GOOD), "hello", GOOD.hex(), "0x" + GOOD.hex()[:-1], " 0x" + GOOD.hex()])
def test_other_forms_of_a_signature_are_refused(value: Any) -> None:
    with pytest.raises(InvalidInput):
        Signature(value)


@pytest.mark.parametrize("s", [1, N // 2])
@pytest.mark.parametrize("r", [1, N - 1])
@pytest.mark.parametrize("v", [27, 28])
def test_the_bounds_of_r_and_s_are_inclusive(r: int, s: int, v: int) -> None:
    raw = word(r) + word(s) + bytes([v])
    signature = Signature(raw)
    assert (signature.r, signature.s, signature.v) == (r, s, v)
    assert signature == Signature("0x" + raw.hex().upper()) == raw
    assert str(signature) == "0x" + raw.hex()
    for again in (pickle.loads(pickle.dumps(signature)), copy.copy(signature), copy.deepcopy(signature)):
        assert type(again) is Signature
        assert again == raw


def test_a_malleated_signature_is_refused(signer: LocalSigner) -> None:
    signature = signer.unsafe_sign_digest(message_hash("x"))
    twin = signature[:32] + word(N - signature.s) + bytes([55 - signature.v])
    with pytest.raises(InvalidInput, match="malleable"):
        Signature(twin)


def test_the_repr_of_a_signature_does_not_give_the_signature(signer: LocalSigner) -> None:
    signature = signer.sign_message("x")
    assert re.fullmatch(r"Signature\('0x[0-9a-f]{8}…[0-9a-f]{8}'\)", repr(signature))
