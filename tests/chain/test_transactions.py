"""Transactions against eth-account and the package ``rlp``, against real nodes, and against signers that lie."""

from __future__ import annotations

import copy
import functools
import json
import pickle
from collections.abc import Callable, Mapping
from typing import Any

import pytest
import rlp  # type: ignore[import-untyped]
from eth_account import Account
from eth_account.typed_transactions.typed_transaction import TypedTransaction
from hexbytes import HexBytes
from hypothesis import given
from hypothesis import strategies as st

from orderseal.chain.dialogue import Rpc
from orderseal.chain.fees import MOST_WEI, Fees, fee_calls, read_fees
from orderseal.chain.node import HttpNode, quantity
from orderseal.chain.rlp import EMPTY_LIST, RlpError, decode_list, encode_list, number_bytes, read_number
from orderseal.chain.transactions import MOST_DATA, SignedTransaction, Transaction, decode_transaction, sign_transaction
from orderseal.sandbox.evm import LocalChain
from orderseal.signing import Address, DigestSigner, Hash32, InvalidInput, LocalSigner, Signature, SignerError, TransactionSigner
from orderseal.signing.secp256k1 import N

SIGNER = LocalSigner.from_key("0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318")
"""The key of web3.js's documentation: public, and worth nothing."""

KEY = bytes.fromhex("4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318")
TO = Address("0xcb310c56a19078aa969a922f382613d932d89d83")
NEW = Transaction(
    chain_id=97, nonce=7, to=TO, value=5, data=b"\x12\x34", gas=21_500, fees=Fees(max_fee_per_gas=3 * 10**9, max_priority_fee_per_gas=10**9)
)
OLD = Transaction(chain_id=97, nonce=7, to=TO, value=5, data=b"\x12\x34", gas=21_500, fees=Fees(gas_price=10**9))
BOTH = pytest.mark.parametrize("transaction", [NEW, OLD], ids=["type 2", "legacy"])

SMALL = st.integers(0, 2**53 - 1) | st.sampled_from([0, 1, 127, 128, 255, 256, 2**53 - 1])
WEI = st.integers(0, MOST_WEI) | st.sampled_from([0, 127, 128])


@st.composite
def all_fees(draw: st.DrawFn) -> Fees:
    if draw(st.booleans()):
        return Fees(gas_price=draw(WEI))
    tip, most = sorted([draw(WEI), draw(WEI)])
    return Fees(max_fee_per_gas=most, max_priority_fee_per_gas=tip)


TRANSACTIONS = st.builds(
    Transaction,
    chain_id=SMALL.map(lambda n: n or 1),
    nonce=SMALL,
    to=st.binary(min_size=20, max_size=20).map(Address),
    value=st.integers(0, 2**256 - 1) | st.sampled_from([0, 127, 128]),
    data=st.binary(max_size=100) | st.integers(50, 300).map(bytes),
    gas=SMALL.map(lambda n: n or 1),
    fees=all_fees(),
)


def replace(transaction: Transaction, **changes: Any) -> Transaction:
    names = ("chain_id", "nonce", "to", "value", "data", "gas", "fees")
    return Transaction(**({name: getattr(transaction, name) for name in names} | changes))


def for_eth_account(transaction: Transaction) -> dict[str, Any]:
    members = {name: value for name, value in transaction.to_rpc(SIGNER.address).items() if name != "from"}
    return {**members, "to": str(transaction.to)}


# Against eth-account


@given(TRANSACTIONS)
def test_the_bytes_are_those_of_eth_account(transaction: Transaction) -> None:
    theirs = Account.sign_transaction(for_eth_account(transaction), KEY)
    ours = sign_transaction(transaction, SIGNER)
    assert ours.raw == bytes(theirs.raw_transaction)
    assert ours.hash == bytes(theirs.hash)
    assert ours.transaction is transaction
    assert ours.sender == SIGNER.address
    assert Account.recover_transaction(ours.raw) == str(SIGNER.address)
    assert decode_transaction(ours.raw) == (transaction, SIGNER.unsafe_sign_digest(transaction.signing_hash()), SIGNER.address)


@given(TRANSACTIONS.filter(lambda each: not each.fees.is_legacy))
def test_eth_account_reads_what_was_meant(transaction: Transaction) -> None:
    read = TypedTransaction.from_bytes(HexBytes(sign_transaction(transaction, SIGNER).raw)).as_dict()
    assert (read["chainId"], read["nonce"], read["gas"], read["value"]) == (
        transaction.chain_id,
        transaction.nonce,
        transaction.gas,
        transaction.value,
    )
    assert (read["maxFeePerGas"], read["maxPriorityFeePerGas"]) == (
        transaction.fees.max_fee_per_gas,
        transaction.fees.max_priority_fee_per_gas,
    )
    assert (bytes(HexBytes(read["to"])), bytes(HexBytes(read["data"])), tuple(read["accessList"])) == (transaction.to, transaction.data, ())


def test_the_example_of_eip_155() -> None:
    # EIP-155, *Example*: nonce 9, 20 gwei, 21,000 gas, 1 ether to 0x3535…, chain 1, the key 0x4646….
    transaction = Transaction(chain_id=1, nonce=9, to=Address("0x" + "35" * 20), value=10**18, gas=21_000, fees=Fees(gas_price=20 * 10**9))
    assert str(transaction.signing_hash()) == "0xdaf5a779ae972f972197303d7b574746c7ef83eadac0f2791ad23db92e4c8e53"
    signed = sign_transaction(transaction, LocalSigner.from_key("46" * 32))
    assert signed.raw.hex() == (
        "f86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a028ef61340bd939bc2195fe537567866003e1a15d"
        "3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83"
    )


# The value


@BOTH
def test_json_and_back(transaction: Transaction) -> None:
    text = json.dumps(transaction.to_json())
    assert Transaction.from_json(json.loads(text)) == transaction
    assert pickle.loads(pickle.dumps(transaction)) == transaction
    assert copy.deepcopy(transaction) == transaction


@given(TRANSACTIONS)
def test_json_of_any_transaction(transaction: Transaction) -> None:
    document = transaction.to_json()
    assert all(isinstance(value, str) or (type(value) is int and value < 2**53) for value in document.values())
    assert Transaction.from_json(document) == transaction


@pytest.mark.parametrize(
    "change",
    [
        {"chain_id": "97"},
        {"nonce": -1},
        {"nonce": True},
        {"to": "0x" + "11" * 19},
        {"to": None},
        {"to": "0xCB310C56A19078aA969A922f382613d932D89D8F"},
        {"value": 5},
        {"value": "05"},
        {"value": "-5"},
        {"value": "0x5"},
        {"value": "\u0665"},
        {"value": ""},
        {"value": "1" + "0" * 78},
        {"data": "0x1"},
        {"data": "1234"},
        {"data": None},
        {"gas": 0},
        {"gas_price": "1"},
        {"max_fee_per_gas": 1},
        {"max_priority_fee_per_gas": "99999999999"},
        {"more": 1},
    ],
    ids=str,
)
def test_json_that_is_none(change: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        Transaction.from_json({**NEW.to_json(), **change})


def test_json_with_a_member_missing() -> None:
    for transaction in (NEW, OLD):
        for name in transaction.to_json():
            with pytest.raises(InvalidInput):
                Transaction.from_json({key: value for key, value in transaction.to_json().items() if key != name})
    with pytest.raises(InvalidInput):
        Transaction.from_json([])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "change",
    [
        {"chain_id": 0},
        {"chain_id": 2**53},
        {"chain_id": True},
        {"nonce": -1},
        {"nonce": 2**53},
        {"nonce": 1.0},
        {"to": None},
        {"to": b""},
        {"to": b"\0" * 19},
        {"value": -1},
        {"value": 2**256},
        {"value": "5"},
        {"data": "0x"},
        {"data": bytearray(1)},
        {"data": None},
        {"gas": 0},
        {"gas": 2**53},
        {"fees": None},
        {"fees": {"gas_price": 1}},
    ],
    ids=str,
)
def test_transactions_that_cannot_be(change: dict[str, Any]) -> None:
    (name,) = change
    with pytest.raises(InvalidInput, match=f"transaction.{name}"):
        replace(NEW, **change)


def test_bounds_of_the_data() -> None:
    assert len(replace(NEW, data=bytes(MOST_DATA)).data) == MOST_DATA
    assert decode_transaction(sign_transaction(replace(NEW, data=bytes(MOST_DATA)), SIGNER).raw)[0].data == bytes(MOST_DATA)
    with pytest.raises(InvalidInput, match=r"transaction\.data"):
        replace(NEW, data=bytes(MOST_DATA + 1))


def test_what_it_may_cost() -> None:
    assert NEW.max_cost == 5 + 21_500 * 3 * 10**9
    assert OLD.max_cost == 5 + 21_500 * 10**9


def test_an_address_as_text_is_taken() -> None:
    assert replace(NEW, to=str(TO)) == NEW


def test_a_signed_transaction_shows_no_bytes() -> None:
    signed = sign_transaction(NEW, SIGNER)
    assert signed.raw.hex()[20:60] not in repr(signed)
    assert str(signed.hash) in repr(signed)
    with pytest.raises(InvalidInput, match="signature"):
        NEW.raw(bytes(65))  # type: ignore[arg-type]


# Reading


def parts(raw: bytes) -> list[Any]:
    """The members, by the package ``rlp``."""
    found: list[Any] = list(rlp.decode(raw[1:] if raw[0] == 2 else raw))
    return found


def built(members: list[Any], *, legacy: bool = False) -> bytes:
    return (b"" if legacy else b"\x02") + bytes(rlp.encode(members))


NEW_PARTS = parts(sign_transaction(NEW, SIGNER).raw)
OLD_PARTS = parts(sign_transaction(OLD, SIGNER).raw)
HIGH_S = (N - int.from_bytes(NEW_PARTS[11], "big")).to_bytes(32, "big")


def new_with(**changes: Any) -> bytes:
    return built([changes.get(f"m{number}", member) for number, member in enumerate(NEW_PARTS)])


def old_with(**changes: Any) -> bytes:
    return built([changes.get(f"m{number}", member) for number, member in enumerate(OLD_PARTS)], legacy=True)


WRONG: dict[str, bytes] = {
    "nothing": b"",
    "a type alone": b"\x02",
    "type 1": b"\x01" + new_with()[1:],
    "type 3": b"\x03" + new_with()[1:],
    "type 4": b"\x04" + new_with()[1:],
    "a text": b"\x85hello",
    "more": new_with() + b"\0",
    "more after the list": old_with() + b"\0",
    "half": new_with()[:-1],
    "half of a legacy one": old_with()[:50],
    "too long": b"\x02" + rlp.encode([*NEW_PARTS[:7], bytes(140_000), *NEW_PARTS[8:]]),
    "one member too few": built(NEW_PARTS[:-1]),
    "one member too many": built([*NEW_PARTS, b""]),
    "not signed": built(NEW_PARTS[:9]),
    "not signed, legacy": built([*OLD_PARTS[:6], b"\x61", b"", b""], legacy=True),
    "an access list": new_with(m8=[[bytes(20), []]]),
    "a list in the access list": new_with(m8=[[]]),
    "bytes for the access list": new_with(m8=b""),
    "a list for the data": new_with(m7=[]),
    "a list for the nonce": new_with(m1=[]),
    "creation": new_with(m5=b""),
    "creation, legacy": old_with(m3=b""),
    "a recipient of 19 bytes": new_with(m5=bytes(19)),
    "a recipient of 32 bytes": new_with(m5=bytes(32)),
    "leading zero in the nonce": new_with(m1=b"\0\x07"),
    "zero as a byte": new_with(m6=b"\0"),
    "leading zero in r": new_with(m10=b"\0" + NEW_PARTS[10]),
    "a number of 33 bytes": new_with(m6=b"\1" + bytes(32)),
    "chain 0": new_with(m0=b""),
    "no gas": new_with(m4=b""),
    "a tip above the whole": new_with(m2=b"\xff" * 8),
    "fees beyond all reason": new_with(m3=b"\xff" * 20),
    "parity 2": new_with(m9=b"\2"),
    "parity 27": new_with(m9=b"\x1b"),
    "a high s": new_with(m11=HIGH_S, m9=b"" if NEW_PARTS[9] else b"\1"),
    "s of 0": new_with(m11=b""),
    "r of 0": new_with(m10=b""),
    "r beyond the order": new_with(m10=b"\xff" * 32),
    "r of no point": new_with(m10=b"\5"),
    "v 27": old_with(m6=b"\x1b"),
    "v 28": old_with(m6=b"\x1c"),
    "v 35, chain 0": old_with(m6=b"\x23"),
    "v 0": old_with(m6=b""),
    "chain beyond 2^53": old_with(m6=b"\x7f" * 8),
    "long form of a short list": b"\x02\xf8\x05" + b"\xc0" * 5,
    "long form of a byte": b"\x02" + b"\xcd\x81\x05" + b"\x80" * 11,
    "a length with a leading zero": b"\x02\xf9\x00\x6b" + new_with()[3:],
    "a length beyond the end": b"\x02\xff" + b"\xff" * 8 + b"x",
    "an item beyond its list": b"\x02\xc2\x85ab",
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_no_transaction(kind: str) -> None:
    with pytest.raises(InvalidInput):
        decode_transaction(WRONG[kind])


def test_what_is_no_bytes() -> None:
    nothing: list[Any] = [None, "0x02", bytearray(b"\x02"), []]
    for wrong in nothing:
        with pytest.raises(InvalidInput, match="raw"):
            decode_transaction(wrong)
    assert decode_transaction(new_with())[0] == NEW
    assert decode_transaction(old_with())[0] == OLD


@given(st.binary(max_size=200) | st.binary(max_size=150).map(lambda raw: b"\x02" + raw))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    with pytest.raises(InvalidInput):
        decode_transaction(raw)


@given(st.data(), st.sampled_from([new_with(), old_with()]))
def test_a_changed_byte_is_another_transaction_or_none(draws: st.DataObject, raw: bytes) -> None:
    at = draws.draw(st.integers(0, len(raw) - 1))
    changed = raw[:at] + bytes([raw[at] ^ draws.draw(st.integers(1, 255))]) + raw[at + 1 :]
    try:
        transaction, signature, sender = decode_transaction(changed)
    except InvalidInput:
        return
    assert transaction.raw(signature) == changed
    assert sender != SIGNER.address
    assert Account.recover_transaction(changed) == str(sender)


# RLP against the package rlp


@given(st.lists(st.binary(max_size=80) | st.just(EMPTY_LIST), max_size=12))
def test_rlp_is_that_of_the_package(items: list[Any]) -> None:
    encoded = encode_list(items)
    assert encoded == rlp.encode(items)
    assert decode_list(encoded, 12) == items


@given(st.binary(max_size=60) | st.binary(max_size=60).map(lambda raw: bytes([0xC0 + min(len(raw), 55)]) + raw))
def test_what_rlp_does_not_take_we_do_not(raw: bytes) -> None:
    try:
        found = decode_list(raw, 12)
    except RlpError:
        return
    assert rlp.decode(raw) == [list(item) if item == EMPTY_LIST else item for item in found]
    assert encode_list(found) == raw


@pytest.mark.parametrize(
    "text",
    ["", "80", "8161", "c0c0", "c2c180", "c28105", "c1", "c38261", "f800", "f9003c" + "80" * 60, "f837" + "80" * 55, "fb", "c882ffffffff"],
)
def test_rlp_that_is_not_the_shortest_form_of_such_a_list(text: str) -> None:
    with pytest.raises(RlpError):
        decode_list(bytes.fromhex(text), 100)


def test_rlp_numbers_and_counts() -> None:
    for wrong in (b"\0", b"\0\1", bytes(32) + b"\1", EMPTY_LIST):
        with pytest.raises(RlpError):
            read_number(wrong)
    assert decode_list(bytes.fromhex("c38080c0"), 3) == [b"", b"", EMPTY_LIST]
    with pytest.raises(RlpError, match="more than 2"):
        decode_list(bytes.fromhex("c38080c0"), 2)


@given(st.integers(0, 2**256 - 1))
def test_numbers(value: int) -> None:
    assert read_number(number_bytes(value)) == value
    assert number_bytes(value) == rlp.sedes.big_endian_int.serialize(value)


# Signers


class Shown:
    """A signer that is shown the transaction; ``answer`` says what it gives back."""

    def __init__(self, answer: Callable[[Mapping[str, str]], Any], address: Address = SIGNER.address) -> None:
        self.address = address
        self.answer = answer

    def sign_typed_data(self, digest: Hash32, document: Any) -> Signature:
        raise AssertionError("not asked for")

    def sign_message(self, text: str) -> Signature:
        raise AssertionError("not asked for")

    def sign_transaction(self, digest: Hash32, fields: Mapping[str, str]) -> bytes:
        assert fields["from"] == str(self.address)
        result: bytes = self.answer(fields)
        return result


def honest(fields: Mapping[str, str], key: bytes = KEY, **changes: str) -> bytes:
    members = {name: value for name, value in {**fields, **changes}.items() if name != "from"}
    return bytes(Account.sign_transaction(members, key).raw_transaction)


@BOTH
def test_a_signer_that_is_shown_it(transaction: Transaction) -> None:
    signer = Shown(honest)
    assert isinstance(signer, TransactionSigner)
    assert isinstance(SIGNER, DigestSigner)
    assert not isinstance(SIGNER, TransactionSigner)
    assert sign_transaction(transaction, signer) == sign_transaction(transaction, SIGNER)
    assert isinstance(sign_transaction(transaction, signer), SignedTransaction)


LIES: dict[str, tuple[Callable[[Mapping[str, str]], Any], str]] = {
    "another recipient": (lambda fields: honest(fields, to="0x" + "11" * 20), "another to"),
    "more value": (lambda fields: honest(fields, value="0x6"), "another value"),
    "another nonce": (lambda fields: honest(fields, nonce="0x8"), "another nonce"),
    "another chain": (lambda fields: honest(fields, chainId="0x1"), "another chain_id"),
    "other data": (lambda fields: honest(fields, data="0x1235"), "another data"),
    "more gas": (lambda fields: honest(fields, gas="0xffff"), "another gas"),
    "another key": (lambda fields: honest(fields, key=bytes([7] * 32)), "another account"),
    "another type": (lambda fields: honest(OLD.to_rpc(SIGNER.address) if "maxFeePerGas" in fields else NEW.to_rpc(SIGNER.address)), "fees"),
    "a high s": (lambda fields: new_with(m11=HIGH_S, m9=b"" if NEW_PARTS[9] else b"\1"), "upper half"),
    "an access list": (lambda fields: new_with(m8=[[bytes(20), []]]), "not empty within"),
    "nothing": (lambda fields: b"", "no transaction"),
    "a signature": (lambda fields: SIGNER.unsafe_sign_digest(NEW.signing_hash()), "no transaction"),
    "text": (lambda fields: "0x" + honest(fields).hex(), "no transaction"),
    "null": (lambda fields: None, "no transaction"),
    "more bytes": (lambda fields: honest(fields) + b"\0", "no transaction"),
}


@BOTH
@pytest.mark.parametrize("kind", LIES)
def test_a_signer_that_lies(kind: str, transaction: Transaction) -> None:
    answer, said = LIES[kind]
    with pytest.raises(SignerError, match=said) as caught:
        sign_transaction(transaction, Shown(answer))
    assert str(caught.value).isprintable()


def test_a_signer_that_offers_more() -> None:
    def more(name: str, fields: Mapping[str, str]) -> bytes:
        return honest({**fields, name: hex(int(fields[name], 16) + 1)})

    for name in ("maxFeePerGas", "maxPriorityFeePerGas"):
        with pytest.raises(SignerError, match="another fees"):
            sign_transaction(NEW, Shown(functools.partial(more, name)))
    with pytest.raises(SignerError, match="another fees"):
        sign_transaction(OLD, Shown(lambda fields: honest(fields, gasPrice="0x5")))


def test_a_digest_signer_that_lies() -> None:
    class Digests(Shown):
        sign_transaction = None  # type: ignore[assignment]

        def unsafe_sign_digest(self, digest: Hash32) -> Signature:
            result: Signature = self.answer({})
            return result

    other = LocalSigner.from_key("07" * 32)
    for answer in (other.unsafe_sign_digest(NEW.signing_hash()), SIGNER.unsafe_sign_digest(OLD.signing_hash()), bytes(65), None):
        with pytest.raises(SignerError, match="not its own"):
            sign_transaction(NEW, Digests(functools.partial(lambda given, _fields: given, answer)))


def test_a_signer_without_transactions() -> None:
    class Plain:
        address = SIGNER.address

        def sign_typed_data(self, digest: Hash32, document: Any) -> Signature:
            raise AssertionError

        def sign_message(self, text: str) -> Signature:
            raise AssertionError

    with pytest.raises(SignerError, match="Plain signs no transactions"):
        sign_transaction(NEW, Plain())


# Real nodes


@pytest.mark.parametrize("legacy", [False, True], ids=["type 2", "legacy"])
def test_a_real_node_takes_it(legacy: bool, chain: LocalChain) -> None:
    signer = LocalSigner.from_key(chain.accounts["buyer"].private_key)
    other = chain.accounts["other"].address
    with HttpNode(chain.rpc_url) as node:
        nonce, before, *fees = node.ask(
            (Rpc("eth_getTransactionCount", (str(signer.address), "latest")), Rpc("eth_getBalance", (other, "latest")), *fee_calls())
        )
        offer = read_fees(fees).suggest(cap=10**12)
        transaction = Transaction(
            chain_id=chain.chain_id,
            nonce=quantity(nonce, "nonce"),
            to=Address(other),
            value=12345,
            gas=30_000,
            fees=Fees(gas_price=offer.most) if legacy else offer,
        )
        signed = sign_transaction(transaction, signer)
        assert node.ask([Rpc("eth_sendRawTransaction", ("0x" + signed.raw.hex(),))]) == [str(signed.hash)]
        receipt = None
        while receipt is None:
            (receipt,) = node.ask([Rpc("eth_getTransactionReceipt", (str(signed.hash),))])
        seen, after = node.ask((Rpc("eth_getTransactionByHash", (str(signed.hash),)), Rpc("eth_getBalance", (other, "latest"))))
    assert receipt["status"] == "0x1"
    assert Address(receipt["from"].lower()) == signer.address
    assert (seen["type"], int(seen["value"], 16)) == ("0x0" if legacy else "0x2", 12345)
    assert quantity(after, "after") == quantity(before, "before") + 12345
