"""The short way to an order's canonical text gives what the long way gives, and the text gives the order back."""

from __future__ import annotations

import json
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderseal.signing import Address, Domain, Order, Sol, Struct
from orderseal.signing.ledger.content import canonical, order_text, read_carried
from orderseal.signing.sol import address, bytes32, dynamic_bytes, string, uint16, uint256


class Leg(Struct):
    token: address
    amount: uint256
    data: dynamic_bytes


class Basket(Struct, maker="owner"):
    owner: address
    legs: tuple[Leg, ...]
    salt: bytes32
    note: string
    parity: Annotated[tuple[int, ...], Sol("uint8[2]")]


class Twin(Struct, name="Order", maker="maker"):
    """The built-in order, declared once more."""

    maker: address
    principal: address
    is_buy: Annotated[bool, Sol("bool", name="isBuy")]
    ticker: string
    exchange: uint16
    asset: address
    price: uint256
    quantity: uint256
    incentive: uint256
    deadline: uint256
    nonce: uint256


addresses = st.binary(min_size=20, max_size=20).map(Address)
words = st.integers(0, 2**256 - 1)
texts = st.text(st.characters(codec="utf-8"), max_size=20)
domains = st.builds(
    Domain,
    name=st.none() | texts,
    version=st.none() | texts,
    chain_id=words,
    verifying_contract=st.none() | addresses,
    salt=st.none() | st.binary(min_size=32, max_size=32),
)
fields: dict[str, Any] = {
    "maker": addresses,
    "principal": addresses,
    "is_buy": st.booleans(),
    "ticker": texts,
    "exchange": st.integers(0, 2**16 - 1),
    "asset": addresses,
    **dict.fromkeys(("price", "quantity", "incentive", "deadline", "nonce"), words),
}
legs = st.builds(Leg, token=addresses, amount=words, data=st.binary(max_size=40))
baskets = st.builds(
    Basket,
    owner=addresses,
    legs=st.lists(legs, max_size=3).map(tuple),
    salt=st.binary(min_size=32, max_size=32),
    note=texts,
    parity=st.tuples(st.integers(0, 255), st.integers(0, 255)),
)


@given(order=st.builds(Order, **fields) | st.builds(Twin, **fields) | baskets, domain=domains)
def test_both_ways_give_the_same(order: Struct, domain: Domain) -> None:
    text, carried = order_text(order, domain)
    document = order.to_typed_data(domain)
    assert text == canonical({"typed_data": document.to_json()})
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))
    read = read_carried(text)
    assert read is not None
    assert (read.digest, read.domain, read.document()) == (document.signing_hash, domain, document)
    if carried is None:
        assert isinstance(order, Twin)
        assert isinstance(read.order, Order)
    else:
        assert (carried.digest, carried.domain, carried.order, carried.document()) == (read.digest, read.domain, read.order, document)


@pytest.mark.parametrize("content", ['{"to": "0x12"}', "[]", "7", "null"])
def test_what_is_no_typed_data(content: str) -> None:
    assert read_carried(content) is None
