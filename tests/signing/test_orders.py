"""The venue's order: its hashes, its JSON, its faults, and what it is to sign one."""

import copy
import json
import pickle
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any

import pytest
from eth_account import Account

from orderseal.signing import (
    MAX_NONCE,
    Address,
    Domain,
    Hash32,
    InvalidInput,
    LocalSigner,
    Order,
    Signature,
    SignedOrder,
    SignerError,
    TypedData,
    parse_venue_payload,
    sign_order,
    venue_payload,
    verify_order,
)

KEY = "0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"

TYPES = {
    "EIP712Domain": [
        {"name": "name", "type": "string"},
        {"name": "version", "type": "string"},
        {"name": "chainId", "type": "uint256"},
        {"name": "verifyingContract", "type": "address"},
    ],
    "Order": [  # Stove, Order Signature: this order of members
        {"name": "maker", "type": "address"},
        {"name": "principal", "type": "address"},
        {"name": "isBuy", "type": "bool"},
        {"name": "ticker", "type": "string"},
        {"name": "exchange", "type": "uint16"},
        {"name": "asset", "type": "address"},
        {"name": "price", "type": "uint256"},
        {"name": "quantity", "type": "uint256"},
        {"name": "incentive", "type": "uint256"},
        {"name": "deadline", "type": "uint256"},
        {"name": "nonce", "type": "uint256"},
    ],
}
DOMAIN = {"name": "RFQSettlement", "version": "1", "chainId": 97, "verifyingContract": "0xCB310C56A19078aA969A922f382613d932D89D83"}

MESSAGE: dict[str, Any] = {
    "maker": "0x2c7536E3605D9C16a7a3D7b1898e529396a65c23",  # web3.js's documentation prints it for KEY
    "principal": "0xabcdefabcdefabcdefabcdefabcdefabcdefabcd",
    "isBuy": True,
    "ticker": "AAPL",
    "exchange": 0,
    "asset": "0x0000000000000000000000000000000000000001",
    "price": 150250000000000000000,
    "quantity": 100,
    "incentive": 1000000000000000000,
    "deadline": 1800000000,
    "nonce": 7,
}


def documented() -> dict[str, Any]:
    """The order of the venue's page *Create Order*, as the page prints it."""
    text = files("orderseal.fixtures.stove").joinpath("create-order.json").read_text("utf-8")
    order: dict[str, Any] = json.loads(text)["verbatim"]["request"]["body"]["order"]
    return order


def test_the_type(domain: Domain) -> None:
    assert str(Order.type_hash) == "0x043d6bb5255c8a53a8dd164358b4de5ffb61d13dc332495e185ce15f82cc71b6"
    assert str(domain.separator) == "0x2c96112fa55657382cc1ad45aed47deba93d96237d10df18585610c5d362e1ae"
    assert Order.encoded_type == f"Order({','.join(m['type'] + ' ' + m['name'] for m in TYPES['Order'])})"
    assert Order.struct_name == "Order"


def test_digest_and_signature_equal_eth_accounts(
    order: Order, domain: Domain, signer: LocalSigner, oracle: Callable[[Mapping[str, Any]], bytes]
) -> None:
    document = {"types": TYPES, "primaryType": "Order", "domain": DOMAIN, "message": MESSAGE}
    assert order.signing_hash(domain) == oracle(document)
    signed = sign_order(order, domain, signer)
    theirs = Account.sign_typed_data(KEY, full_message=document)
    assert signed.signature == theirs.signature
    assert signed.signing_hash == order.signing_hash(domain)
    assert signed.signer == signer.address == bytes.fromhex(MESSAGE["maker"][2:])
    assert (signed.order, signed.domain) == (order, domain)
    assert verify_order(signed) == signer.address
    assert type(signed.signature) is Signature
    assert type(signed.signing_hash) is Hash32


def test_the_typed_data_form(order: Order, domain: Domain) -> None:
    form = order.to_typed_data(domain).to_json()
    assert form["types"] == TYPES
    assert form["domain"] == DOMAIN
    assert form["primaryType"] == "Order"
    assert form["message"]["isBuy"] is True
    assert form["message"]["price"] == "150250000000000000000"
    assert Order.from_typed_data(TypedData.from_json(json.dumps(form))) == order


def test_the_signed_orders_json_is_read_again(order: Order, domain: Domain, signer: LocalSigner) -> None:
    signed = sign_order(order, domain, signer)
    form = json.loads(json.dumps(signed.to_json()))
    assert set(form) == {"typed_data", "signature", "signer"}
    document = TypedData.from_json(form["typed_data"])
    assert document.signing_hash == signed.signing_hash
    assert Order.from_typed_data(document) == order
    assert Signature(form["signature"]) == signed.signature
    assert Address(form["signer"]) == signer.address


def test_the_documented_order_is_read_and_written() -> None:
    form = documented()
    order = Order.from_venue(form)
    assert order.is_buy is True
    assert (order.ticker, order.exchange, order.price, order.quantity) == ("AAPL", 0, 150250000000000000000, 100)
    assert (order.incentive, order.deadline, order.nonce) == (10**18, 1735689600, 1)
    assert {k: v.lower() if isinstance(v, str) and v.startswith("0x") else v for k, v in order.to_venue().items()} == form
    assert list(order.to_venue()) == list(form)
    assert order.faults() == ()


def test_the_venues_form_survives(order: Order, domain: Domain, signer: LocalSigner) -> None:
    form = order.to_venue()
    assert form["is_buy"] is True
    assert form["price"] == "150250000000000000000"
    assert form["quantity"] == "100"
    assert form["deadline"] == 1800000000
    assert form["nonce"] == 7
    assert form["maker"] == MESSAGE["maker"]
    assert Order.from_venue(json.loads(json.dumps(form))) == order
    signed = sign_order(order, domain, signer)
    body = venue_payload(signed)
    assert json.loads(body) == {"order": form, "signature": "0x" + signed.signature.hex()}
    assert b" " not in body
    for data in (body, body.decode(), json.loads(body)):
        assert parse_venue_payload(data) == (order, bytes(signed.signature))


GOOD_VENUE = {
    "maker": "0x1234567890123456789012345678901234567890",
    "principal": "0xabcdefabcdefabcdefabcdefabcdefabcdefabcd",
    "is_buy": True,
    "ticker": "AAPL",
    "exchange": 0,
    "asset": "0x0000000000000000000000000000000000000001",
    "price": "150250000000000000000",
    "quantity": "100",
    "incentive": "1000000000000000000",
    "deadline": 1735689600,
    "nonce": 1,
}

AMOUNTS: list[Any] = [
    1,
    1.5,
    "",
    " 1",
    "1 ",
    "+1",
    "-1",
    "01",
    "1.0",
    "1e3",
    "0x1",
    "1_0",
    "\u0661",
    True,
    None,
    [],
    str(2**256),
    "9" * 100,
    "9" * 5000,
]
LONGS: list[Any] = ["1", 1.0, -1, 2**53, 10**30, True, None, []]
ADDRESSES: list[Any] = [
    "",
    "0x12",
    "1234567890123456789012345678901234567890",
    "0X1234567890123456789012345678901234567890",
    "0xABCDEFABCDEFABCDEFABCDEFABCDEFABCDEFABCD",
    "0xAbcdefabcdefabcdefabcdefabcdefabcdefabcd",
    "vitalik.eth",
    None,
    5,
    [],
    b"x" * 20,
]
BAD_VALUES: list[tuple[str, Any]] = [
    *[(name, value) for name in ("price", "quantity", "incentive") for value in AMOUNTS],
    *[(name, value) for name in ("exchange", "deadline", "nonce") for value in LONGS],
    *[(name, value) for name in ("maker", "principal", "asset") for value in ADDRESSES],
    ("is_buy", 1),
    ("is_buy", 0),
    ("is_buy", "true"),
    ("is_buy", None),
    ("is_buy", []),
    ("ticker", None),
    ("ticker", 5),
    ("ticker", True),
    ("ticker", []),
    ("ticker", b"AAPL"),
    ("ticker", "\ud800"),
    ("exchange", 65536),
]


@pytest.mark.parametrize(("name", "value"), BAD_VALUES, ids=lambda value: ascii(value)[:24])
def test_another_form_of_a_venue_member_is_refused_with_its_path(name: str, value: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        Order.from_venue({**GOOD_VENUE, name: value})
    assert caught.value.path == f"order.{name}"
    assert len(str(caught.value)) < 400
    with pytest.raises(InvalidInput) as caught:
        Order.from_venue({**GOOD_VENUE, name: value}, path="items[3].order")
    assert caught.value.path == f"items[3].order.{name}"


@pytest.mark.parametrize("name", list(GOOD_VENUE))
def test_all_eleven_members_are_needed(name: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Order.from_venue({k: v for k, v in GOOD_VENUE.items() if k != name})
    assert caught.value.path == "order"
    assert caught.value.actual == f"{name} missing"


def test_further_members_are_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        Order.from_venue({**GOOD_VENUE, "type": "limit"})
    assert caught.value.actual == "'type' not known"
    with pytest.raises(InvalidInput, match="is_buy; isBuy is the typed data") as caught:
        Order.from_venue({"isBuy" if k == "is_buy" else k: v for k, v in GOOD_VENUE.items()})
    assert caught.value.actual == "is_buy missing; 'isBuy' not known"


@pytest.mark.parametrize("value", [None, [], "x", 5, [GOOD_VENUE]])
def test_an_order_is_an_object(value: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        Order.from_venue(value)
    assert caught.value.path == "order"


@pytest.mark.parametrize("number", ["1.0", "1e3", "-0", "9007199254740992", "1735689600000000000000"])
@pytest.mark.parametrize("name", ["deadline", "nonce", "exchange", "price", "ticker", "maker", "is_buy"])
def test_numbers_that_javascript_would_change_are_refused(name: str, number: str) -> None:
    text = json.dumps({"order": {**GOOD_VENUE, name: "HERE"}, "signature": "0x00"}).replace('"HERE"', number)
    with pytest.raises(InvalidInput) as caught:
        parse_venue_payload(text)
    assert caught.value.path == f"order.{name}"


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ("", "document"),
        ("{", "document"),
        ("[]", "document"),
        ("{}", "document"),
        ({"order": GOOD_VENUE}, "document"),
        ({"signature": "0x"}, "document"),
        ({"order": GOOD_VENUE, "signature": "0x", "signer": "0x"}, "document"),
        ({"order": None, "signature": "0x"}, "order"),
        ({"order": GOOD_VENUE, "signature": None}, "signature"),
        ({"order": GOOD_VENUE, "signature": 5}, "signature"),
        ({"order": GOOD_VENUE, "signature": "0x..."}, "signature"),  # as the page prints it
        ({"order": GOOD_VENUE, "signature": "0x123"}, "signature"),
        ({"order": GOOD_VENUE, "signature": "1234"}, "signature"),
        ({"order": GOOD_VENUE, "signature": "0x" + "00" * 50_000}, "signature"),
        ('{"order": {"maker": "0x", "maker": "0x"}, "signature": "0x"}', "order"),
        (b"\xff", "document"),
        (None, "document"),
        (5, "document"),
    ],
    ids=lambda value: ascii(value)[:30],
)
def test_another_payload_is_refused(data: Any, path: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_venue_payload(data)
    assert caught.value.path == path
    assert len(str(caught.value)) < 400


def test_a_signature_of_any_length_is_handed_on() -> None:
    for raw in (b"", b"\0", bytes(64), bytes(65), bytes(200)):
        assert parse_venue_payload({"order": GOOD_VENUE, "signature": "0x" + raw.hex()})[1] == raw


ZERO = "0x" + "00" * 20


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({}, []),
        ({"maker": ZERO}, ["zero_address"]),
        ({"principal": ZERO}, ["zero_address"]),
        ({"asset": ZERO}, ["zero_address"]),
        ({"asset": ZERO, "principal": ZERO}, ["zero_address", "zero_address"]),
        ({"ticker": ""}, ["ticker_form"]),
        ({"ticker": "aapl"}, ["ticker_form"]),
        ({"ticker": "AAPL "}, ["ticker_form"]),
        ({"ticker": "AAPL\n"}, ["ticker_form"]),
        ({"ticker": "\u0410\u0410PL"}, ["ticker_form"]),  # two Cyrillic letters
        ({"ticker": "A" * 11}, ["ticker_form"]),
        ({"ticker": "BRK."}, ["ticker_form"]),
        ({"ticker": "BRK.B.C"}, ["ticker_form"]),
        ({"ticker": "A" * 10}, []),
        ({"ticker": "BRK.B"}, []),
        ({"ticker": "0700"}, []),
        ({"price": 0}, ["price_zero"]),
        ({"price": 1}, ["price_unscaled"]),
        ({"price": 15025}, ["price_unscaled"]),
        ({"price": 10**12 - 1}, ["price_unscaled"]),
        ({"price": 10**12}, []),
        ({"price": 2**256 - 1}, []),
        ({"quantity": 0}, ["quantity_zero"]),
        ({"quantity": 10**15}, ["quantity_scaled"]),
        ({"quantity": 100 * 10**18}, ["quantity_scaled"]),
        ({"quantity": 10**15 - 1}, []),
        ({"quantity": 1}, []),
        ({"incentive": 0}, []),
        ({"deadline": 10**11}, ["deadline_unit"]),
        ({"deadline": 1735689600000}, ["deadline_unit"]),
        ({"deadline": 10**11 - 1}, []),
        ({"deadline": 0}, []),
        ({"nonce": 2**53}, ["nonce_range"]),
        ({"nonce": 2**256 - 1}, ["nonce_range"]),
        ({"nonce": MAX_NONCE}, []),
        ({"nonce": 0}, []),
        ({"exchange": 65535}, []),
        ({"is_buy": False}, []),
        ({"price": 0, "quantity": 0, "nonce": 2**53, "ticker": "x"}, ["ticker_form", "price_zero", "quantity_zero", "nonce_range"]),
    ],
    ids=str,
)
def test_faults(order: Order, changes: dict[str, Any], codes: list[str]) -> None:
    faults = order.replace(**changes).faults()
    assert [code for code, _ in faults] == codes
    assert all(len(text) < 400 and text.isprintable() for _, text in faults)


def test_the_explanation_says_what_to_write(order: Order) -> None:
    def explain(**changes: Any) -> str:
        [(_, text)] = order.replace(**changes).faults()
        return text

    assert "write 'AAPL'" in explain(ticker="aapl")
    assert "divide by 1000" in explain(deadline=1735689600000)
    assert "2^53" in explain(nonce=2**53)
    assert "10^18" in explain(price=150)
    assert "whole shares" in explain(quantity=10**20)
    assert "principal is the zero address" in explain(principal=ZERO)


def test_the_greatest_nonce_is_javascripts() -> None:
    assert MAX_NONCE == 9007199254740991  # Number.MAX_SAFE_INTEGER


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("price", 150.25),
        ("quantity", -1),
        ("quantity", True),
        ("exchange", 65536),
        ("nonce", "7"),
        ("is_buy", 1),
        ("maker", "0xCb310C56A19078aA969A922f382613d932D89D83"),
        ("ticker", b"AAPL"),
        ("price", 2**256),
    ],
)
def test_construction_checks_types_and_ranges(order: Order, name: str, value: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        order.replace(**{name: value})
    assert caught.value.path == f"order.{name}"


class Spy:
    """A signer that must not be asked."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.asked = 0

    def sign_typed_data(self, digest: Hash32, document: Callable[[], TypedData]) -> Signature:
        self.asked += 1
        raise AssertionError("the key was used")

    def sign_message(self, text: str) -> Signature:
        self.asked += 1
        raise AssertionError("the key was used")


@pytest.mark.parametrize(
    "changes",
    [{"price": 0}, {"quantity": 10**18}, {"deadline": 1735689600000}, {"nonce": 2**53}, {"ticker": "aapl"}, {"principal": ZERO}],
    ids=str,
)
def test_an_order_with_faults_is_refused_before_the_key_is_used(
    order: Order, domain: Domain, signer: LocalSigner, changes: dict[str, Any]
) -> None:
    spy = Spy(signer.address)
    bad = order.replace(**changes)
    with pytest.raises(InvalidInput) as caught:
        sign_order(bad, domain, spy)
    assert spy.asked == 0
    assert bad.faults()[0][1] in str(caught.value)


def test_the_order_of_somebody_else_is_refused_before_the_key_is_used(order: Order, domain: Domain, stranger: LocalSigner) -> None:
    spy = Spy(stranger.address)
    with pytest.raises(InvalidInput) as caught:
        sign_order(order, domain, spy)
    assert spy.asked == 0
    assert caught.value.path == "order.maker"
    assert str(stranger.address) in caught.value.expected
    assert caught.value.actual == str(order.maker)


class Remote:
    """A signer outside of this process, which answers what it is told to."""

    def __init__(self, address: Address, answer: Callable[[Hash32], Any]) -> None:
        self.address, self.answer = address, answer
        self.shown: list[TypedData] = []

    def sign_typed_data(self, digest: Hash32, document: Callable[[], TypedData]) -> Any:
        self.shown.append(document())
        return self.answer(digest)

    def sign_message(self, text: str) -> Any:
        raise NotImplementedError


def test_an_honest_remote_signer(order: Order, domain: Domain, signer: LocalSigner) -> None:
    remote = Remote(signer.address, signer.unsafe_sign_digest)
    assert sign_order(order, domain, remote) == sign_order(order, domain, signer)
    assert [document.signing_hash for document in remote.shown] == [order.signing_hash(domain)]


N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@pytest.mark.parametrize("lie", ["wrong key", "wrong digest", "high s", "v 0", "short", "empty", "none", "text", "zero"])
def test_a_lying_signer_is_caught(order: Order, domain: Domain, signer: LocalSigner, stranger: LocalSigner, lie: str) -> None:
    def answer(digest: Hash32) -> Any:
        good = signer.unsafe_sign_digest(digest)
        return {
            "wrong key": stranger.unsafe_sign_digest(digest),
            "wrong digest": signer.unsafe_sign_digest(Hash32(bytes(32))),
            "high s": good[:32] + (N - good.s).to_bytes(32, "big") + bytes([55 - good.v]),
            "v 0": good[:64] + bytes([good.v - 27]),
            "short": good[:64],
            "empty": b"",
            "none": None,
            "text": "0x",
            "zero": bytes(65),
        }[lie]

    with pytest.raises((SignerError, InvalidInput)):
        sign_order(order, domain, Remote(signer.address, answer))


def test_a_signed_order_is_a_value(order: Order, domain: Domain, signer: LocalSigner) -> None:
    signed = sign_order(order, domain, signer)
    assert pickle.loads(pickle.dumps(signed)) == copy.deepcopy(signed) == signed
    with pytest.raises(AttributeError):
        signed.signer = Address(bytes(20))  # type: ignore[misc]
    assert signed.signature.hex() not in repr(signed)


def test_an_order_is_a_value(order: Order) -> None:
    assert pickle.loads(pickle.dumps(order)) == copy.deepcopy(order) == copy.copy(order) == order
    assert order != order.replace(nonce=8)
    assert len({order, order.replace(), order.replace(nonce=8)}) == 2


# What follows was found by attack.


@pytest.mark.parametrize("form", [bytes, str], ids=["bytes", "hex"])
def test_a_remote_signers_answer_never_spoils_the_payload(
    order: Order, domain: Domain, signer: LocalSigner, form: Callable[[Signature], Any]
) -> None:
    """Plain bytes went into the venue's payload as ``b'…'``: they are either refused or made a ``Signature``."""
    expected = sign_order(order, domain, signer)
    try:
        signed: SignedOrder[Order] = sign_order(
            order, domain, Remote(signer.address, lambda digest: form(signer.unsafe_sign_digest(digest)))
        )
    except SignerError:
        return
    assert type(signed.signature) is Signature
    assert venue_payload(signed) == venue_payload(expected)
    assert signed.to_json() == expected.to_json()


def test_a_malformed_answer_is_the_signers_fault(order: Order, domain: Domain, signer: LocalSigner) -> None:
    """It was reported as the caller's bad input."""
    for answer in (b"", bytes(64), bytes(65), None, "0x"):
        with pytest.raises(SignerError):
            sign_order(order, domain, Remote(signer.address, lambda _digest, answer=answer: answer))  # type: ignore[misc]


class Overriding(LocalSigner):
    """A subclass may sign elsewhere, so it is not to be trusted as a key in this process is."""

    __slots__ = ()

    def sign_typed_data(self, digest: Hash32, document: Callable[[], TypedData]) -> Signature:
        return LocalSigner(bytes(31) + b"\7").sign_typed_data(digest, document)


def test_a_subclass_of_the_local_signer_is_checked(order: Order, domain: Domain) -> None:
    with pytest.raises(SignerError):
        sign_order(order, domain, Overriding.from_key(KEY))
