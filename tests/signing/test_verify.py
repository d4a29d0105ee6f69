"""Verification: who signed, should they have, and the nearest mistake."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from eth_account import Account
from eth_account.messages import encode_defunct

from orderseal.signing import (
    Address,
    Domain,
    Hash32,
    InvalidInput,
    LocalSigner,
    Order,
    Report,
    Signature,
    SignedOrder,
    Struct,
    TypedData,
    VerificationFailed,
    inspect_order,
    inspect_typed_data,
    keccak256,
    recover_signer,
    sign_order,
    sign_typed_data,
    verify_order,
    verify_typed_data,
)
from orderseal.signing.sol import uint256

N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
NOBODY = b"\5".rjust(32, b"\0") + b"\1".rjust(32, b"\0") + b"\x1b"
"""No point of the curve has x = 5, so that nobody can have made a signature with r = 5."""


class Note(Struct):
    """A struct without a maker."""

    amount: uint256


@pytest.fixture
def signed(order: Order, domain: Domain, signer: LocalSigner) -> SignedOrder[Order]:
    return sign_order(order, domain, signer)


def signature_of(signer: LocalSigner, digest: bytes) -> Signature:
    return signer.unsafe_sign_digest(Hash32(digest))


def high_s(signature: bytes) -> bytes:
    s = int.from_bytes(signature[32:64], "big")
    return signature[:32] + (N - s).to_bytes(32, "big") + bytes([55 - signature[64]])


def test_a_good_order(signed: SignedOrder[Order], signer: LocalSigner) -> None:
    assert verify_order(signed) == signer.address
    assert verify_order(signed.order, signed.domain, signed.signature) == signer.address
    assert verify_order(signed.order, signed.domain, bytes(signed.signature), signer=str(signer.address)) == signer.address
    assert verify_order(signed, signer=bytes(signer.address), at=signed.order.deadline) == signer.address
    report = inspect_order(signed.order, signed.domain, signed.signature)
    assert report == Report(True, signer.address, signer.address, signed.signing_hash, (), (), None)
    assert bool(report) is True
    report.raise_if_invalid()


def test_what_eth_account_signed_is_good_here(order: Order, domain: Domain, signer: LocalSigner) -> None:
    key = "0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"
    theirs = Account.sign_typed_data(key, full_message=order.to_typed_data(domain).to_json())
    assert verify_order(order, domain, bytes(theirs.signature)) == signer.address
    assert Account._recover_hash(order.signing_hash(domain), signature=bytes(theirs.signature)) == str(signer.address)


def test_the_json_of_a_report_is_stable(signed: SignedOrder[Order]) -> None:
    good = inspect_order(signed.order, signed.domain, signed.signature).to_json()
    assert json.loads(json.dumps(good)) == {
        "valid": True,
        "signer": str(signed.signer),
        "expected_signer": str(signed.signer),
        "signing_hash": str(signed.signing_hash),
        "reasons": [],
        "diagnosis": None,
    }
    bad = inspect_typed_data(TypedData({"T": [{"name": "v", "type": "bool"}]}, "T", Domain(name="x"), {"v": True}), b"").to_json()
    assert bad["signer"] is None
    assert bad["expected_signer"] is None
    assert bad["valid"] is False
    assert bad["reasons"] == ["bad_length", "no_expected_signer"]


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda s: b"", "bad_length"),
        (lambda s: s[:64], "bad_length"),
        (lambda s: s + b"\0", "bad_length"),
        (lambda s: s[:64] + b"\0", "bad_v"),
        (lambda s: s[:64] + b"\x1d", "bad_v"),
        (lambda s: bytes(32) + s[32:], "bad_r"),
        (lambda s: N.to_bytes(32, "big") + s[32:], "bad_r"),
        (lambda s: s[:32] + bytes(32) + s[64:], "bad_s"),
        (lambda s: s[:32] + b"\xff" * 32 + s[64:], "bad_s"),
        (high_s, "high_s"),
        (lambda s: NOBODY, "unrecoverable"),
        (lambda s: s[:64] + bytes([55 - s[64]]), "signer_mismatch"),
        (lambda s: bytes([s[0] ^ 1]) + s[1:], None),
    ],
)
def test_each_reason_of_a_bad_signature(signed: SignedOrder[Order], spoil: Callable[[bytes], bytes], reason: str | None) -> None:
    raw = spoil(bytes(signed.signature))
    report = inspect_order(signed.order, signed.domain, raw)
    assert report.valid is False
    assert not report
    assert report.reasons == (reason,) if reason else report.reasons in (("signer_mismatch",), ("unrecoverable",))
    assert len(report.explanations) == 1
    with pytest.raises(VerificationFailed) as caught:
        verify_order(signed.order, signed.domain, raw)
    assert caught.value.reasons == report.reasons
    assert caught.value.diagnosis == report.diagnosis
    assert report.explanations[0] in str(caught.value)
    if report.reasons != ("signer_mismatch",):
        assert report.signer is None


def test_the_signature_of_another_key(order: Order, domain: Domain, stranger: LocalSigner) -> None:
    signature = signature_of(stranger, order.signing_hash(domain))
    report = inspect_order(order, domain, signature)
    assert report.reasons == ("signer_mismatch",)
    assert report.signer == stranger.address
    assert report.expected_signer == order.maker
    assert report.diagnosis is None
    assert str(stranger.address) in report.explanations[0]
    assert str(order.maker) in report.explanations[0]


def test_the_faults_of_an_order_are_reasons_too(order: Order, domain: Domain, signer: LocalSigner) -> None:
    bad = order.replace(price=0, nonce=2**53, principal=Address(bytes(20)))
    report = inspect_order(bad, domain, signature_of(signer, bad.signing_hash(domain)))
    assert report.valid is False
    assert report.signer == signer.address
    assert report.reasons == ("zero_address", "price_zero", "nonce_range")
    report = inspect_order(bad, domain, b"")
    assert report.reasons == ("zero_address", "price_zero", "nonce_range", "bad_length")


def test_the_deadline_at_a_time(signed: SignedOrder[Order]) -> None:
    deadline = signed.order.deadline
    assert verify_order(signed, at=deadline - 1) == verify_order(signed, at=deadline) == signed.signer
    with pytest.raises(VerificationFailed) as caught:
        verify_order(signed, at=deadline + 1)
    assert caught.value.reasons == ("deadline_passed",)
    assert "2027-01-15T08:00:00Z has passed at 2027-01-15T08:00:01Z" in str(caught.value)
    assert inspect_order(signed.order, signed.domain, signed.signature, at=0)


def test_an_expected_signer_that_is_not_the_maker(signed: SignedOrder[Order], stranger: LocalSigner) -> None:
    report = inspect_order(signed.order, signed.domain, signed.signature, signer=stranger.address)
    assert report.valid is False
    assert report.reasons == ("maker_mismatch", "signer_mismatch")
    assert report.expected_signer == stranger.address
    theirs = signature_of(stranger, signed.signing_hash)
    report = inspect_order(signed.order, signed.domain, theirs, signer=stranger.address)
    assert report.valid is False
    assert report.reasons == ("maker_mismatch",)


@pytest.mark.parametrize("signer_form", ["0x12", "", b"", b"x", 5, "0x" + "AB" * 20])
def test_an_expected_signer_is_an_address(signed: SignedOrder[Order], signer_form: Any) -> None:
    with pytest.raises(InvalidInput):
        verify_order(signed, signer=signer_form)


def test_the_zero_address_is_an_expected_signer(signed: SignedOrder[Order]) -> None:
    report = inspect_typed_data(signed.order.to_typed_data(signed.domain), signed.signature, signer=bytes(20))
    assert report.reasons == ("maker_mismatch", "signer_mismatch")


def test_without_an_expected_signer_nothing_is_valid(domain: Domain, signer: LocalSigner) -> None:
    note = Note(amount=5)
    signature = signature_of(signer, note.signing_hash(domain))
    for report in (inspect_order(note, domain, signature), inspect_typed_data(note.to_typed_data(domain), signature)):
        assert report.valid is None
        assert not report
        assert report.signer == signer.address
        assert report.expected_signer is None
        assert report.reasons == ("no_expected_signer",)
        with pytest.raises(VerificationFailed) as caught:
            report.raise_if_invalid()
        assert caught.value.reasons == ("no_expected_signer",)
    assert inspect_order(note, domain, signature, signer=signer.address)
    assert inspect_typed_data(note.to_typed_data(domain), signature, signer=signer.address)
    assert inspect_order(note, domain, NOBODY).valid is False
    with pytest.raises(VerificationFailed):
        verify_order(note, domain, signature)


def test_a_report_is_a_frozen_value(signed: SignedOrder[Order]) -> None:
    report = inspect_order(signed.order, signed.domain, signed.signature)
    with pytest.raises(FrozenInstanceError):
        report.valid = False  # type: ignore[misc]
    assert [bool(Report(v, None, None, signed.signing_hash, (), (), None)) for v in (True, False, None)] == [True, False, False]


def test_recovery(signed: SignedOrder[Order], signer: LocalSigner) -> None:
    assert recover_signer(signed.order, signed.signature, signed.domain) == signer.address
    document = signed.order.to_typed_data(signed.domain)
    assert recover_signer(document, signed.signature) == signer.address
    assert recover_signer(document, bytes(signed.signature), signed.domain) == signer.address
    other = recover_signer(signed.order.replace(nonce=8), signed.signature, signed.domain)
    assert type(other) is Address
    assert other != signer.address
    with pytest.raises(InvalidInput) as caught:
        recover_signer(signed.order, signed.signature)
    assert caught.value.path == "domain"
    with pytest.raises(InvalidInput):
        recover_signer(document, signed.signature, Domain(name="x"))
    with pytest.raises(InvalidInput):
        recover_signer(document, high_s(signed.signature))
    with pytest.raises(VerificationFailed) as failed:
        recover_signer(document, NOBODY)
    assert failed.value.reasons == ("unrecoverable",)


def test_a_document_that_is_an_order_is_judged_as_one(signed: SignedOrder[Order], stranger: LocalSigner) -> None:
    document = TypedData.from_json(json.dumps(signed.order.to_typed_data(signed.domain).to_json()))
    assert inspect_typed_data(document, signed.signature)
    assert verify_typed_data(document, signed.signature, signer=signed.signer) == signed.signer
    report = inspect_typed_data(document, signature_of(stranger, signed.signing_hash), signer=stranger.address)
    assert report.reasons == ("maker_mismatch",)
    bad = signed.order.replace(quantity=0)
    report = inspect_typed_data(bad.to_typed_data(signed.domain), b"")
    assert report.reasons == ("quantity_zero", "bad_length")


def test_an_order_type_of_another_shape_is_not_judged_as_the_built_in_one(
    signed: SignedOrder[Order], stranger: LocalSigner, domain: Domain
) -> None:
    types = {"Order": [{"name": "maker", "type": "address"}]}
    document = TypedData(types, "Order", domain, {"maker": signed.signer})
    report = inspect_typed_data(document, sign_typed_data(document, stranger), signer=stranger.address)
    assert report.valid is True


def test_verify_order_wants_all_three(signed: SignedOrder[Order]) -> None:
    for arguments in ((signed.order,), (signed.order, signed.domain)):
        with pytest.raises(InvalidInput) as caught:
            verify_order(*arguments)
        assert caught.value.path == "verify_order"


# The diagnosis: the nearest mistake. Each is made here as a person would make it.

CHANGES: list[tuple[dict[str, Any], str]] = [
    ({"is_buy": False}, "opposite side"),
    ({"quantity": 100 * 10**18}, "quantity scaled"),
    ({"price": 150}, "unscaled price"),
    ({"deadline": 1800000000 * 1000}, "deadline in milliseconds"),
    ({"incentive": 0}, "without an incentive"),
    ({"nonce": 6}, "with nonce 6"),
    ({"nonce": 8}, "with nonce 8"),
    ({"ticker": "aapl"}, "ticker aapl"),
]


@pytest.mark.parametrize(("changes", "words"), CHANGES, ids=lambda value: str(value)[:30])
def test_another_order_was_signed(order: Order, domain: Domain, signer: LocalSigner, changes: dict[str, Any], words: str) -> None:
    signature = signature_of(signer, order.replace(**changes).signing_hash(domain))
    report = inspect_order(order, domain, signature)
    assert report.reasons == ("signer_mismatch",)
    assert report.diagnosis is not None
    assert words in report.diagnosis
    assert str(signer.address) in report.diagnosis
    assert inspect_typed_data(order.to_typed_data(domain), signature).diagnosis == report.diagnosis


def test_the_parties_were_exchanged(order: Order, domain: Domain, signer: LocalSigner) -> None:
    exchanged = order.replace(maker=order.principal, principal=order.maker)
    report = inspect_order(order, domain, signature_of(signer, exchanged.signing_hash(domain)))
    assert "exchanged" in str(report.diagnosis)
    same = order.replace(principal=order.maker)
    report = inspect_order(order, domain, signature_of(signer, same.signing_hash(domain)))
    assert "the maker as principal" in str(report.diagnosis)


def test_the_deadline_was_meant_in_seconds(order: Order, domain: Domain, signer: LocalSigner) -> None:
    wrong = order.replace(deadline=order.deadline * 1000 + 5)
    report = inspect_order(wrong, domain, signature_of(signer, order.signing_hash(domain)))
    assert report.reasons == ("deadline_unit", "signer_mismatch")
    assert "deadline in seconds" in str(report.diagnosis)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"chain_id": 56}, "for chain 56 instead of 97"),
        ({"chain_id": 1}, "for chain 1 instead of 97"),
        ({"chain_id": None}, "without chain_id"),
        ({"version": None}, "without version"),
        ({"name": None}, "without name"),
        ({"verifying_contract": None}, "without verifying_contract"),
        ({"version": "2"}, 'version "2"'),
        ({"version": "1.0"}, 'version "1.0"'),
    ],
    ids=str,
)
def test_another_domain_was_signed(order: Order, domain: Domain, signer: LocalSigner, changes: dict[str, Any], words: str) -> None:
    signature = signature_of(signer, order.signing_hash(domain.replace(**changes)))
    for report in (
        inspect_order(order, domain, signature),
        inspect_typed_data(TypedData({"T": [{"name": "v", "type": "bool"}]}, "T", domain, {"v": True}), signature, signer=signer.address),
    ):
        assert report.reasons == ("signer_mismatch",)
    assert words in str(inspect_order(order, domain, signature).diagnosis)


def test_another_domain_of_a_general_document(domain: Domain, signer: LocalSigner) -> None:
    types = {"T": [{"name": "v", "type": "bool"}]}
    elsewhere = TypedData(types, "T", domain.replace(chain_id=56), {"v": True})
    here = TypedData(types, "T", domain, {"v": True})
    report = inspect_typed_data(here, sign_typed_data(elsewhere, signer), signer=signer.address)
    assert "for chain 56 instead of 97" in str(report.diagnosis)


KEY = "0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"


@pytest.mark.parametrize(
    ("sign", "words"),
    [
        (lambda digest, struct: Account.sign_message(encode_defunct(digest), KEY).signature, "personal_sign over the digest"),
        (lambda digest, struct: Account.sign_message(encode_defunct(text="0x" + digest.hex()), KEY).signature, "hex text"),
        (lambda digest, struct: Account.unsafe_sign_hash(struct, KEY).signature, "bare struct hash, without the domain"),
        (lambda digest, struct: Account.sign_message(encode_defunct(struct), KEY).signature, "personal_sign over the bare struct hash"),
    ],
    ids=["digest", "hex", "struct", "personal struct"],
)
def test_the_wrong_way_of_signing(order: Order, domain: Domain, sign: Callable[[bytes, bytes], bytes], words: str) -> None:
    raw = bytes(sign(bytes(order.signing_hash(domain)), bytes(order.struct_hash())))
    assert words in str(inspect_order(order, domain, raw).diagnosis)


def test_the_wrong_form_of_the_right_signature(signed: SignedOrder[Order]) -> None:
    good = bytes(signed.signature)
    r, s, v = good[:32], int.from_bytes(good[32:64], "big"), good[64]
    compact = r + (s | (v - 27) << 255).to_bytes(32, "big")  # EIP-2098
    for raw, reason, words in (
        (good[:64] + bytes([v - 27]), "bad_v", "v is 0 or 1: add 27"),
        (high_s(good), "high_s", "replace it by n - s and flip v"),
        (compact, "bad_length", "compact form of EIP-2098"),
    ):
        report = inspect_order(signed.order, signed.domain, raw)
        assert report.reasons == (reason,)
        assert words in str(report.diagnosis)
        assert report.valid is False
    flipped = good[:64] + bytes([55 - v])
    report = inspect_order(signed.order, signed.domain, flipped)
    assert report.reasons == ("signer_mismatch",)
    assert "v is flipped" in str(report.diagnosis)


def test_no_diagnosis_where_none_explains_it(order: Order, domain: Domain, signer: LocalSigner, stranger: LocalSigner) -> None:
    good = bytes(signature_of(signer, order.signing_hash(domain)))
    unrelated = [
        signature_of(stranger, order.signing_hash(domain)),
        signature_of(stranger, order.replace(is_buy=False).signing_hash(domain)),
        signature_of(signer, order.replace(nonce=70).signing_hash(domain)),
        signature_of(signer, order.replace(price=order.price + 1).signing_hash(domain)),
        signature_of(signer, order.replace(nonce=8, is_buy=False).signing_hash(domain)),
        signature_of(signer, order.signing_hash(domain.replace(chain_id=98765))),
        bytes(signature_of(stranger, order.signing_hash(domain)))[:64] + b"\0",
        high_s(signature_of(stranger, order.signing_hash(domain))),
        NOBODY,
        good[:63],
        good[:64] + b"\x1d",
        b"",
        bytes(64),
        bytes(65),
        b"\xff" * 64,
        b"\xff" * 65,
        hashlib.shake_256(b"any").digest(64) + b"\x1b",
    ]
    for raw in unrelated:
        report = inspect_order(order, domain, raw)
        assert report.valid is False
        assert report.diagnosis is None, raw


def test_the_diagnosis_bears_extreme_orders(order: Order, domain: Domain, stranger: LocalSigner) -> None:
    greatest = 2**256 - 1
    for changes in (
        {"nonce": 0, "price": 0, "quantity": 0, "incentive": 0, "deadline": 0, "ticker": ""},
        {"nonce": greatest, "price": greatest, "quantity": greatest, "incentive": greatest, "deadline": greatest, "ticker": "ß" * 1000},
    ):
        extreme = order.replace(**changes)
        report = inspect_order(extreme, domain, signature_of(stranger, extreme.signing_hash(domain)), at=5)
        assert report.diagnosis is None
        assert report.valid is False
        assert "signer_mismatch" in report.reasons


# What follows was found by attack.


def test_a_signed_order_for_another_domain_is_not_passed_for_mine(order: Order, domain: Domain, signer: LocalSigner) -> None:
    """``verify_order(signed, MY_DOMAIN)`` forgot the domain that it was given and judged the order by its own."""
    elsewhere = sign_order(order, domain.replace(chain_id=56, verifying_contract=bytes(19) + b"\1"), signer)
    with pytest.raises((InvalidInput, VerificationFailed)):
        verify_order(elsewhere, domain)
    assert verify_order(elsewhere, elsewhere.domain) == signer.address


def test_another_signature_beside_a_signed_order_is_not_forgotten(signed: SignedOrder[Order], stranger: LocalSigner) -> None:
    with pytest.raises((InvalidInput, VerificationFailed)):
        verify_order(signed, signed.domain, signature_of(stranger, signed.signing_hash))


def test_a_signed_order_that_contradicts_itself_is_not_good(signed: SignedOrder[Order], stranger: LocalSigner) -> None:
    """Its own ``signer`` and ``signing_hash`` were not looked at, though ``to_json`` and every reader use them."""
    for changed in (
        SignedOrder(signed.order, signed.domain, Hash32(bytes(32)), signed.signature, signed.signer),
        SignedOrder(signed.order, signed.domain, signed.signing_hash, signed.signature, stranger.address),
    ):
        with pytest.raises((InvalidInput, VerificationFailed)):
            verify_order(changed)


@pytest.mark.parametrize("at", [float("nan"), "1800000000", True, 1800000000.5, 1800000000000])
def test_the_time_of_a_verification_is_whole_seconds(signed: SignedOrder[Order], at: Any) -> None:
    """NaN never let a deadline pass."""
    with pytest.raises((InvalidInput, VerificationFailed)):
        verify_order(signed, at=at)


@pytest.mark.parametrize(
    "form", [str, lambda s: s.hex(), lambda s: "a" * 64, lambda s: "a" * 65, bytearray, memoryview, lambda s: None, lambda s: 5, list]
)
def test_a_signature_in_another_form_is_bad_input_or_good(signed: SignedOrder[Order], form: Callable[[Signature], Any]) -> None:
    """Hex was called a signature of 132 bytes; 64 letters escaped as ``TypeError``."""
    raw = form(signed.signature)
    try:
        report = inspect_order(signed.order, signed.domain, raw)
    except InvalidInput as error:
        assert error.path == "signature"  # noqa: PT017
        return
    assert report.valid is True


def test_the_diagnosis_knows_a_domain_in_another_declared_order(signer: LocalSigner) -> None:
    declared = [{"name": "chainId", "type": "uint256"}, {"name": "name", "type": "string"}]
    here, elsewhere = (Domain.parse(declared, {"name": "x", "chainId": chain_id}) for chain_id in (97, 56))
    types = {"T": [{"name": "v", "type": "bool"}]}
    signature = sign_typed_data(TypedData(types, "T", elsewhere, {"v": True}), signer)
    report = inspect_typed_data(TypedData(types, "T", here, {"v": True}), signature, signer=signer.address)
    assert "for chain 56 instead of 97" in str(report.diagnosis)


def test_the_prefix_of_the_standard_is_in_the_digest(order: Order, domain: Domain) -> None:
    """EIP-191 version 1: 0x19 0x01, separator, struct hash. The two halves cannot be exchanged."""
    assert order.signing_hash(domain) == keccak256(b"\x19\x01" + domain.separator + order.struct_hash())
    assert order.signing_hash(domain) != keccak256(b"\x19\x01" + order.struct_hash() + domain.separator)
