"""Generated orders, over the full range of every field."""

import copy
import json
import pickle
from collections.abc import Callable, Mapping
from typing import Any

from eth_account import Account
from hypothesis import given, settings
from hypothesis import strategies as st

from orderseal.signing import (
    MAX_NONCE,
    Address,
    Domain,
    InvalidInput,
    LocalSigner,
    Order,
    OrdersealError,
    TypedData,
    inspect_order,
    parse_venue_payload,
    sign_order,
    venue_payload,
    verify_order,
)

Oracle = Callable[[Mapping[str, Any]], bytes]

TYPES = {
    "EIP712Domain": [
        {"name": "name", "type": "string"},
        {"name": "version", "type": "string"},
        {"name": "chainId", "type": "uint256"},
        {"name": "verifyingContract", "type": "address"},
    ],
    "Order": [
        {"name": name, "type": type_}
        for type_, name in [
            ("address", "maker"),
            ("address", "principal"),
            ("bool", "isBuy"),
            ("string", "ticker"),
            ("uint16", "exchange"),
            ("address", "asset"),
            ("uint256", "price"),
            ("uint256", "quantity"),
            ("uint256", "incentive"),
            ("uint256", "deadline"),
            ("uint256", "nonce"),
        ]
    ],
}
DOMAIN = {"name": "RFQSettlement", "version": "1", "chainId": 97, "verifyingContract": "0xCB310C56A19078aA969A922f382613d932D89D83"}
OURS = Domain(name="RFQSettlement", version="1", chain_id=97, verifying_contract="0xCB310C56A19078aA969A922f382613d932D89D83")

ADDRESSES = st.binary(min_size=20, max_size=20)
WORDS = st.one_of(st.integers(0, 2**256 - 1), st.sampled_from([0, 1, 2**53 - 1, 2**53, 2**128, 2**256 - 1]))
LONGS = st.integers(0, MAX_NONCE)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "maker": ADDRESSES,
    "principal": ADDRESSES,
    "is_buy": st.booleans(),
    "ticker": TEXTS,
    "exchange": st.integers(0, 2**16 - 1),
    "asset": ADDRESSES,
    "price": WORDS,
    "quantity": WORDS,
    "incentive": WORDS,
    "deadline": WORDS,
    "nonce": WORDS,
}
ORDERS = st.fixed_dictionaries(FIELDS)
VENUE_ORDERS = st.fixed_dictionaries({**FIELDS, "deadline": LONGS, "nonce": LONGS})
HONEST = st.fixed_dictionaries(
    {
        **FIELDS,
        "principal": ADDRESSES.filter(any),
        "asset": ADDRESSES.filter(any),
        "ticker": st.from_regex(r"[A-Z0-9]{1,10}(\.[A-Z]{1,5})?", fullmatch=True),
        "price": st.integers(10**12, 2**256 - 1),
        "quantity": st.integers(1, 10**15 - 1),
        "deadline": st.integers(0, 10**11 - 1),
        "nonce": LONGS,
    }
)
SECRETS = st.integers(1, 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364140).map(lambda number: number.to_bytes(32, "big"))


def document(fields: Mapping[str, Any]) -> dict[str, Any]:
    message = {"isBuy" if name == "is_buy" else name: value for name, value in fields.items()}
    return {"types": TYPES, "primaryType": "Order", "domain": DOMAIN, "message": message}


@given(ORDERS)
@settings(max_examples=200)
def test_digests_equal_eth_accounts(oracle: Oracle, fields: dict[str, Any]) -> None:
    order = Order(**fields)
    assert order.signing_hash(OURS) == oracle(document(fields))
    assert order.to_typed_data(OURS).signing_hash == order.signing_hash(OURS)
    again = TypedData.from_json(json.dumps(order.to_typed_data(OURS).to_json()))
    assert Order.from_typed_data(again) == order
    assert pickle.loads(pickle.dumps(order)) == copy.deepcopy(order) == order


@given(HONEST, SECRETS)
@settings(max_examples=60)
def test_signatures_equal_eth_accounts(fields: dict[str, Any], secret: bytes) -> None:
    signer = LocalSigner(secret)
    fields = {**fields, "maker": bytes(signer.address)}
    order = Order(**fields)
    assert order.faults() == ()
    signed = sign_order(order, OURS, signer)
    assert signed.signature == Account.sign_typed_data(secret, full_message=document(fields)).signature
    assert verify_order(signed) == signer.address
    assert parse_venue_payload(venue_payload(signed)) == (order, bytes(signed.signature))
    form = json.loads(json.dumps(signed.to_json()))
    assert Order.from_typed_data(TypedData.from_json(form["typed_data"])) == order


@given(VENUE_ORDERS)
def test_the_venues_form_survives(fields: dict[str, Any]) -> None:
    order = Order(**fields)
    form = order.to_venue()
    assert Order.from_venue(json.loads(json.dumps(form))) == order
    assert [type(form[name]) for name in ("price", "quantity", "incentive")] == [str] * 3
    assert [type(form[name]) for name in ("exchange", "deadline", "nonce")] == [int] * 3
    assert {name: int(form[name]) for name in ("price", "quantity", "incentive")} == {
        name: fields[name] for name in ("price", "quantity", "incentive")
    }


@given(ORDERS)
def test_faults_never_fail_and_forbid_to_sign(fields: dict[str, Any]) -> None:
    order = Order(**fields)
    faults = order.faults()
    assert all(isinstance(code, str) and text.isprintable() for code, text in faults)
    if faults:

        class Spy:
            address = order.maker

            def sign_typed_data(self, digest: Any, document: Any) -> Any:
                raise AssertionError("the key was used")

            def sign_message(self, text: Any) -> Any:
                raise AssertionError("the key was used")

        try:
            sign_order(order, OURS, Spy())
        except InvalidInput as error:
            assert faults[0][1] in str(error)  # noqa: PT017
        else:
            raise AssertionError("an order with faults was signed")


@given(ORDERS, ORDERS)
def test_equal_digests_mean_equal_orders(one: dict[str, Any], other: dict[str, Any]) -> None:
    for name in FIELDS:
        mixed = Order(**{**one, name: other[name]})
        assert (mixed.struct_hash() == Order(**one).struct_hash()) is (one[name] == other[name])
        assert (mixed == Order(**one)) is (one[name] == other[name])


@given(ORDERS, st.binary(max_size=70) | st.binary(min_size=65, max_size=65), st.none() | ADDRESSES, st.none() | st.integers(0, 10**11 - 1))
def test_any_signature_gets_a_report(fields: dict[str, Any], signature: bytes, signer: bytes | None, at: int | None) -> None:
    order = Order(**fields)
    report = inspect_order(order, OURS, signature, signer=signer, at=at)
    assert report.valid is False
    assert len(report.reasons) == len(report.explanations) > 0
    assert report.expected_signer == (order.maker if signer is None else Address(signer))


STRANGE: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters(), max_size=20)
    | st.lists(st.integers(), max_size=2)
    | st.just({})
)


@given(VENUE_ORDERS, st.sampled_from(sorted(FIELDS)), STRANGE)
def test_strange_members_are_refused_with_their_path_or_read_as_they_are(fields: dict[str, Any], name: str, strange: Any) -> None:
    form = {**Order(**fields).to_venue(), name: strange}
    try:
        order = Order.from_venue(form)
    except InvalidInput as error:
        assert error.path == f"order.{name}"  # noqa: PT017
        str(error).encode()
        return
    assert order.to_venue()[name] == strange
    assert type(order.to_venue()[name]) is type(strange)


@given(st.binary(max_size=200) | st.text(st.characters(), max_size=100))
def test_strange_payloads_raise_errors_of_the_tree(data: bytes | str) -> None:
    try:
        parse_venue_payload(data)
    except OrdersealError:
        return
    raise AssertionError("no random text is an order")
