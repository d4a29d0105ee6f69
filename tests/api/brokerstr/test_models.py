"""Replies with members that are missing, null, strange or wrong; and the recipe, whose text reaches the chain room as it came."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from rich.console import Console

from orderseal.api import brokerstr
from orderseal.api.brokerstr import CurrencyToken, KycAddress, Market, Node, NodeType, Purchase, PurchaseCurrency, Token, TokenStatus
from orderseal.signing import InvalidInput

if TYPE_CHECKING:
    from tests.api.brokerstr.conftest import Platform


def read(value: Any, type_: Any = Token) -> Any:
    return msgspec.json.decode(value if isinstance(value, bytes) else json.dumps(value).encode(), type=type_)


def test_the_documented_token(platform: Platform) -> None:
    token = read(platform.dumps(platform.TOKEN))
    assert token.value == Decimal("0.00044000000000000007")
    assert str(token.value) == "0.00044000000000000007"
    assert token.status == TokenStatus.LISTED
    assert token.chain_id == 17000
    assert (token.rules.min_purchase_limit, token.rules.max_purchase_limit) == (1, 100)
    assert token.created_at == datetime(2025, 12, 24, 9, 33, 58, 23369, UTC)
    assert [image.is_default for image in token.meta.images] == [True, False]
    assert repr(token) == "Token(43075f5d-8e7b-4b90-ba44-c85f3d9346d7, ES, status 2)"
    assert token == read(platform.dumps(platform.TOKEN))
    assert hash(token) == hash(read(platform.dumps(platform.TOKEN)))
    assert pickle.loads(pickle.dumps(token)) == token


@pytest.mark.parametrize("number", ["0", "1", "100.5", "1e3", "1E-7", "-0.0", "0.1", "1313.662723", "123456789012345678901234567890.5"])
def test_a_number_keeps_its_digits(number: str) -> None:
    token = read(b'{"status": 2, "value": ' + number.encode() + b"}")
    assert token.value == Decimal(number)
    assert token.value.as_tuple() == Decimal(number).as_tuple()


@pytest.mark.parametrize("number", ['"NaN"', '"Infinity"', "1e401", "1e-401", "true", '"much"', "[]"])
@pytest.mark.parametrize("member", ["value", "price"])
def test_no_number(member: str, number: str) -> None:
    type_, rest = (Token, b'{"status": 2, ') if member == "value" else (Purchase, b'{"id": "1", "hash": "0x", ')
    with pytest.raises(msgspec.ValidationError):
        read(rest + f'"{member}": {number}}}'.encode(), type_)


@pytest.mark.parametrize(
    ("text", "offset", "microsecond"),
    [
        ("2025-12-24T09:33:58.023369Z", 0, 23369),
        ("2025-12-24T19:09:11.407528+03:00", 3, 407528),
        ("2025-12-24T19:09:11Z", 0, 0),
        ("2025-12-24T19:09:11.123456789Z", 0, 123457),
        ("0001-01-01T00:00:00Z", 0, 0),
        ("0001-01-01T00:00:00+03:00", 3, 0),
    ],
)
def test_times(text: str, offset: int, microsecond: int) -> None:
    node = read({"id": "n", "created_at": text}, Node)
    assert node.created_at.utcoffset() == timedelta(hours=offset)
    assert node.created_at.microsecond == microsecond
    assert node.created_at.year == int(text[:4])


@pytest.mark.parametrize("text", ["2025-12-24T19:09:11", "yesterday", "", 1735689600, "2025-13-01T00:00:00Z"])
def test_no_time(text: Any) -> None:
    with pytest.raises(msgspec.ValidationError, match=r"created_at"):
        read({"id": "n", "created_at": text}, Node)


@pytest.mark.parametrize(("text", "expected"), [(None, False), ("0001-01-01T00:00:00Z", False), ("2025-12-24T19:09:11Z", True)])
def test_the_zero_time_is_no_deletion(text: str | None, expected: bool) -> None:
    assert read({"status": 2, "deleted_at": text}).is_deleted is expected


def test_unknown_numbers_are_carried() -> None:
    assert read({"status": 77}).status == 77
    assert read({"status": -1}).status not in set(TokenStatus)
    assert read({"id": "n", "type": 9}, Node).type == 9
    assert read({"id": "n", "type": 3}, Node).type == NodeType.SUB_ACCOUNT


def test_whatever_is_missing_or_null(platform: Platform) -> None:
    assert read({"status": 1}).value is None
    nulls = dict.fromkeys(platform.TOKEN) | {"status": 1}
    token = read(nulls)
    assert token.id is None
    assert token.meta is None
    assert repr(token) == "Token(, , status 1)"
    with pytest.raises(InvalidInput, match=r"token\.contract"):
        token.recipe()
    assert read({"status": 2, "meta": {"images": None, "documents": []}}).meta.images is None
    assert read({"status": 2, "surprise": {"x": 1.5}, "meta": {"videos": []}}).status == 2


@pytest.mark.parametrize(
    "change",
    [
        {"status": "2"},
        {"status": 2.0},
        {"status": None},
        {"status": True},
        {"supply": 1.5},
        {"supply": "1000000"},
        {"name": 7},
        {"contract": []},
        {"rules": {"max_purchase_limit": 1.5}},
        {"meta": {"images": {}}},
        {"chain_id": "17000"},
    ],
)
def test_a_wrong_type_is_an_error(change: dict[str, Any], platform: Platform) -> None:
    with pytest.raises(msgspec.ValidationError, match=rf"at `\$\.{next(iter(change))}"):
        read(platform.dumps(platform.TOKEN | change))


def test_decimal_and_decimals() -> None:
    assert read({"symbol": "TRY", "decimal": 6}, PurchaseCurrency).places == 6
    assert read({"symbol": "TRY", "decimals": 18}, PurchaseCurrency).places == 18
    assert read({"decimal": 0, "decimals": 18}, PurchaseCurrency).places == 0
    assert read({}, PurchaseCurrency).places is None
    assert read({"decimals": 6}, CurrencyToken).decimals == 6


def test_an_empty_seller() -> None:
    assert read({"id": "1", "hash": "0x", "seller_address": ""}, Purchase).seller_address == ""


@pytest.mark.parametrize("method", ["GET", 1, None, "TRACE"])
def test_a_webhook_comes_back_without_its_password(method: Any) -> None:
    login = {"type": 1, "username": "user", "password": "hunter2"}
    market = read({"id": "m", "webhook": {"host": "https://x.example", "method": method, "authentication": login}}, Market)
    assert market.webhook.method == method
    assert market.webhook.authentication.username == "user"
    out = StringIO()
    Console(file=out).print(market, msgspec.to_builtins(market))
    assert "hunter2" not in repr(market) + out.getvalue() + str(msgspec.json.encode(market)) + str(pickle.dumps(market))


def test_personal_names_are_not_shown() -> None:
    address = read({"id": "k", "address": "0x12", "chain_id": 1, "name": "Ada Lovelace"}, KycAddress)
    out = StringIO()
    Console(file=out).print(address)
    assert address.name == "Ada Lovelace"
    assert "Ada" not in repr(address) + out.getvalue()
    assert repr(address) == "KycAddress(k, 0x12, chain 1)"


def test_a_repr_stays_on_one_short_line() -> None:
    text = repr(read({"status": 2, "id": "a\nb\x1b[31m" + "x" * 1000, "symbol": "\u202e"}))
    assert text.isprintable()
    assert len(text) < 200


# The recipe


def test_the_recipe_is_the_documented_one(platform: Platform) -> None:
    recipe = read(platform.dumps(platform.TOKEN)).recipe()
    assert recipe.function_name == "buy"
    assert recipe.chain_id == recipe.token_chain_id == 17000
    assert str(recipe.contract_address) == "0x73E3Bcd355A64a12a0ab9B1E56f33FC214C9a4e8"
    assert [argument.type for argument in recipe.args] == ["bigint", "address", "address"]
    assert (recipe.min_purchase, recipe.max_purchase) == (1, 100)
    assert recipe.value == "0.00044000000000000007"
    assert recipe.external_id == "693d6f791f8a9198aba44f50"
    assert recipe.is_approved is False
    assert recipe.status == 2
    assert recipe.symbol == "ES"
    assert recipe.house_token == "0x70f1d2c056bf9f6956d2d2ce045d3db33dee3c05" or str(recipe.house_token).lower().startswith("0x70f1")


def test_the_text_of_the_integration_is_kept_byte_for_byte() -> None:
    raw = rb'{ "chain_id":1,  "abi":"[{\"type\": \"function\"}]\u0000 \ud83d\ude00", "value":1.50 }'
    token = read(b'{"status":2,"integration":' + raw + b"}")
    assert bytes(token.integration) == raw
    assert raw in msgspec.json.encode(token)


def test_a_key_that_stands_twice_in_a_recipe_is_refused(platform: Platform) -> None:
    text = platform.dumps(platform.TOKEN).replace(b'"function_name": "buy"', b'"function_name": "buy", "function_name": "drain"')
    with pytest.raises(InvalidInput, match="function_name"):
        read(text).recipe()


@pytest.mark.parametrize("integration", [None, {}, [], "x", 7, {"abi": "[]"}])
def test_no_recipe(integration: Any, platform: Platform) -> None:
    with pytest.raises(InvalidInput, match=r"^token\.integration"):
        read(platform.dumps(platform.TOKEN | {"integration": integration})).recipe()


def test_a_token_without_integration_has_no_recipe(platform: Platform) -> None:
    token = read(platform.dumps({name: value for name, value in platform.TOKEN.items() if name != "integration"}))
    with pytest.raises(InvalidInput, match=r"^token\.integration"):
        token.recipe()
    assert b"integration" not in msgspec.json.encode(token)


def test_the_public_names_are_sorted_and_there() -> None:
    assert brokerstr.__all__ == sorted(brokerstr.__all__, key=lambda name: (not name.isupper(), name))
    assert all(hasattr(brokerstr, name) for name in brokerstr.__all__)
