"""The token object of a platform with its recipe for a purchase (BrokersTR, *Create Token by External ID*): read, and held against pins.

Everything in it is a stranger's. It is compared, and shown; nothing of it is carried out.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, cast

from orderseal.chain.abi import Abi, AbiError, AbiEvent, AbiFunction
from orderseal.chain.abi.types import AbiType, Array, Parameter, Tuple
from orderseal.chain.marketplace import Buy, marketplace_abi
from orderseal.chain.pins import Pins, checked_address, checked_object, read_document
from orderseal.chain.reverts import printable
from orderseal.signing.errors import InvalidInput, PlanMismatch, describe
from orderseal.signing.limits import Limits
from orderseal.signing.strict_json import JsonNumber
from orderseal.signing.values import Address, exact_str

__all__ = ["Recipe", "RecipeArgument", "Target", "check_recipe", "parse_recipe"]

_LIMITS: Final = Limits(document_bytes=8 * 2**20)
_MOST_ARGUMENTS: Final = 100
_LONGEST_NUMBER: Final = 100
_LONGEST_SYMBOL: Final = 32
_LONGEST_DECLARATION: Final = 300
_MOST: Final = 2**256 - 1
_QUANTITY_TYPES: Final = ("bigint", "uint256")


@dataclass(frozen=True, slots=True)
class RecipeArgument:
    """One argument of the call that the platform proposes.

    Attributes:
        type: the platform's word: ``address``, ``bigint`` for a uint256, …
        value: as it came; empty where the caller fills it in. Of the type ``address`` it is one, or empty.
        description: printable.
    """

    type: str
    value: str
    description: str


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the platform says of a token and of how to buy it. Nothing of it is trusted.

    Attributes:
        chain_id: where to call, ``integration.chain_id``.
        token_chain_id: the object's own ``chain_id``, or ``None`` where it has none.
        abi: the marketplace's, as the platform says.
        contract_address: the marketplace.
        function_name: what to call there.
        currency_token_address: what to pay with.
        args: in the order of the call.
        is_approved: the platform does not explain it.
        house_token: what is bought, ``contract.address``.
        min_purchase, max_purchase: how many one purchase may take, in a count that no document explains; ``None`` where not said.
        symbol, name, external_id: printable, or ``None``.
        status: 1 pending, 2 listed, 3 rejected; others occur.
        value: the price as the text of the JSON number, for the eye only: it has the noise of a float.
    """

    chain_id: int
    token_chain_id: int | None
    abi: Abi
    contract_address: Address
    function_name: str
    currency_token_address: Address
    args: tuple[RecipeArgument, ...]
    is_approved: bool | None
    house_token: Address
    min_purchase: int | None
    max_purchase: int | None
    symbol: str | None
    name: str | None
    external_id: str | None
    status: int | None
    value: str | None


@dataclass(frozen=True, slots=True)
class Target:
    """What a recipe that equals the pins is about.

    Attributes:
        chain_id, marketplace, currency: the pins' own.
        house_token: what is bought: one of the pins' ``tokens``, or, where they list none, **only the platform's word**.
        min_purchase, max_purchase: the platform's limits, or ``None``.
        symbol, name: a stranger's text, printable, or ``None``.
    """

    chain_id: int
    marketplace: Address
    house_token: Address
    currency: Address
    min_purchase: int | None
    max_purchase: int | None
    symbol: str | None
    name: str | None


def parse_recipe(data: bytes | str | Mapping[str, Any], path: str = "recipe") -> Recipe:
    """Read the token object: strict JSON of at most 8 MiB, or what was parsed from it. Members that are not known are passed over.

    A member that is not required may be ``null``.

    Raises:
        InvalidInput: with a path such as ``recipe.integration.args[1].value``.
    """
    token = checked_object(read_document(data, path, _LIMITS), path)
    contract = _object(token, "contract", path)
    rules = _object(token, "rules", path) if token.get("rules") is not None else {}
    inner, where = _object(token, "integration", path), f"{path}.integration"
    approved = inner.get("is_approved")
    if approved is not None and type(approved) is not bool:
        raise InvalidInput(path=f"{where}.is_approved", expected="true or false", actual=describe(approved))
    return Recipe(
        chain_id=_integer(_required(inner, "chain_id", where), f"{where}.chain_id"),
        token_chain_id=_optional_integer(token, "chain_id", path),
        abi=_abi(_required(inner, "abi", where), f"{where}.abi"),
        contract_address=_address(inner, "contract_address", where),
        function_name=_text(_required(inner, "function_name", where), f"{where}.function_name"),
        currency_token_address=_address(inner, "currency_token_address", where),
        args=_arguments(_required(inner, "args", where), f"{where}.args"),
        is_approved=approved,
        house_token=_address(contract, "address", f"{path}.contract"),
        min_purchase=_optional_integer(rules, "min_purchase_limit", f"{path}.rules"),
        max_purchase=_optional_integer(rules, "max_purchase_limit", f"{path}.rules"),
        symbol=_optional_text(token, "symbol", path, _LONGEST_SYMBOL),
        name=_optional_text(token, "name", path),
        external_id=_optional_text(token, "external_id", path),
        status=_optional_integer(token, "status", path),
        value=_number(token.get("value"), f"{path}.value"),
    )


def check_recipe(recipe: Recipe, pins: Pins) -> Target:
    """Compare a recipe with the pins, and say what it is about.

    The ABI must be the pinned one, declaration for declaration; their order does not matter, nor the names that the compiler gave to
    internal types. The quantity must be open: the buyer says it.

    Raises:
        PlanMismatch: the first difference; ``what`` is a path in the recipe, such as ``integration.args[1].value``.
    """
    _equal("integration.chain_id", pins.chain_id, recipe.chain_id)
    if recipe.token_chain_id is not None:
        _equal("chain_id", pins.chain_id, recipe.token_chain_id)
    hint = "Whoever stands there would get the allowance: pay nothing until the platform explains it"
    _equal("integration.contract_address", pins.marketplace.address, recipe.contract_address, hint)
    if recipe.function_name != Buy.abi.name:
        raise PlanMismatch("integration.function_name", expected=f"'{Buy.abi.name}'", actual=describe(recipe.function_name))
    _check_abi(recipe.abi, marketplace_abi())
    _equal("integration.currency_token_address", pins.currency.address, recipe.currency_token_address)
    _check_house_token(recipe.house_token, pins)
    _check_arguments(recipe)
    return Target(
        chain_id=pins.chain_id,
        marketplace=pins.marketplace.address,
        house_token=recipe.house_token,
        currency=pins.currency.address,
        min_purchase=recipe.min_purchase,
        max_purchase=recipe.max_purchase,
        symbol=recipe.symbol,
        name=recipe.name,
    )


def _equal(what: str, pinned: int | Address, found: int | Address, hint: str = "") -> None:
    if found != pinned:
        raise PlanMismatch(what, expected=f"{pinned}, which is pinned", actual=str(found), hint=hint)


def _check_house_token(token: Address, pins: Pins) -> None:
    what = "contract.address"
    if token.is_zero:
        raise PlanMismatch(what, expected="a token", actual="the zero address")
    for other, name in ((pins.marketplace.address, "marketplace"), (pins.currency.address, "currency")):
        if token == other:
            raise PlanMismatch(what, expected="the token that is bought", actual=f"{token}, the {name}")
    if pins.tokens is not None and token not in pins.tokens:
        hint = "Add it to the pins if you want to buy it"
        raise PlanMismatch(what, expected=f"one of the {len(pins.tokens)} pinned tokens", actual=str(token), hint=hint)


def _check_arguments(recipe: Recipe) -> None:
    wanted = (
        ("the quantity", _QUANTITY_TYPES, None),
        ("the house token, which is contract.address", ("address",), recipe.house_token),
        ("the currency", ("address",), recipe.currency_token_address),
    )
    for index, (name, types, value) in enumerate(wanted):
        what = f"integration.args[{index}]"
        if index >= len(recipe.args):
            raise PlanMismatch(what, expected=name, actual="nothing")
        found = recipe.args[index]
        if found.type not in types:
            raise PlanMismatch(f"{what}.type", expected=f"{' or '.join(types)}, of {name}", actual=describe(found.type))
        if value is None and found.value:
            hint = "The buyer says how many, not the platform"
            raise PlanMismatch(f"{what}.value", expected="an empty text", actual=describe(found.value), hint=hint)
        if value is not None and (not found.value or checked_address(found.value, f"{what}.value") != value):
            raise PlanMismatch(f"{what}.value", expected=f"{value}, {name}", actual=describe(found.value))
    if len(recipe.args) > len(wanted):
        actual = f"one of type {describe(recipe.args[len(wanted)].type)}"
        raise PlanMismatch(f"integration.args[{len(wanted)}]", expected="no further argument", actual=actual)


_Entry = AbiFunction | AbiEvent | AbiError


def _entries(abi: Abi) -> tuple[_Entry, ...]:
    return (*abi.functions, *abi.events, *abi.errors)


def _check_abi(abi: Abi, pinned: Abi) -> None:
    found, wanted = _entries(abi), _entries(pinned)
    for entry in wanted:
        if entry not in found:
            same = [other for other in found if type(other) is type(entry) and other.name == entry.name]
            nearest = next((other for other in same if other.signature == entry.signature), same[0] if same else None)
            _refuse(entry, _declaration(entry), "nothing" if nearest is None else _declaration(nearest))
    for entry in found:
        if entry not in wanted:
            _refuse(entry, "no such entry", _declaration(entry))
    if abi.constructor is not None:
        raise PlanMismatch("integration.abi.constructor", expected="no such entry", actual="a constructor")


def _refuse(entry: _Entry, expected: str, actual: str) -> None:
    name = f"integration.abi.{entry.name}"
    hint = "The contract is another than the one that this package knows, or the platform's answer was changed"
    raise PlanMismatch(name[:_LONGEST_DECLARATION], expected=expected, actual=actual, hint=hint)


def _declaration(entry: AbiFunction | AbiEvent | AbiError) -> str:
    """An entry of an ABI as Solidity would declare it, and the selector of a function; cut where it is long."""
    inputs = _parameters(entry.inputs)
    if isinstance(entry, AbiEvent):
        text = f"event {entry.name}{inputs}{' anonymous' if entry.anonymous else ''}"
    elif isinstance(entry, AbiError):
        text = f"error {entry.name}{inputs}"
    else:
        returns = f" returns {_parameters(entry.outputs)}" if entry.outputs else ""
        text = f"0x{entry.selector.hex()}, function {entry.name}{inputs} {entry.mutability}{returns}"
    return printable(text, _LONGEST_DECLARATION)


def _parameters(parameters: tuple[Parameter, ...]) -> str:
    shown = [f"{_type(p.type)}{' indexed' if p.indexed else ''}{f' {p.name}' if p.name else ''}" for p in parameters]
    return f"({', '.join(shown)})"


def _type(type_: AbiType) -> str:
    if isinstance(type_, Array):
        return f"{_type(type_.element)}[{'' if type_.length is None else type_.length}]"
    return _parameters(type_.members) if isinstance(type_, Tuple) else type_.name


def _required(owner: dict[str, Any], name: str, path: str) -> object:
    if name not in owner:
        raise InvalidInput(path=f"{path}.{name}", expected="this member", actual="nothing")
    return cast("object", owner[name])


def _object(owner: dict[str, Any], name: str, path: str) -> dict[str, Any]:
    return checked_object(_required(owner, name, path), f"{path}.{name}")


def _text(value: object, path: str) -> str:
    if not isinstance(value, str) or isinstance(value, JsonNumber):
        raise InvalidInput(path=path, expected="a string", actual=describe(value))
    return exact_str(value)


def _optional_text(owner: dict[str, Any], name: str, path: str, longest: int = 200) -> str | None:
    value = owner.get(name)
    return None if value is None else printable(_text(value, f"{path}.{name}"), longest)


def _integer(value: object, path: str) -> int:
    if type(value) is not int or not 0 <= value <= _MOST:
        raise InvalidInput(path=path, expected="an integer of 0 or more", actual=describe(value))
    return value


def _optional_integer(owner: dict[str, Any], name: str, path: str) -> int | None:
    value = owner.get(name)
    return None if value is None else _integer(value, f"{path}.{name}")


def _number(value: object, path: str) -> str | None:
    """The text of a JSON number. A parser that made a float of it is believed to have read what ``repr`` writes."""
    if value is None:
        return None
    if isinstance(value, JsonNumber):
        text = exact_str(value)
    elif (
        (type(value) is int and value.bit_length() <= 256)
        or (type(value) is float and math.isfinite(value))
        or (type(value) is Decimal and value.is_finite())
    ):
        text = str(value)
    else:
        raise InvalidInput(path=path, expected="a number", actual=describe(value))
    if len(text) > _LONGEST_NUMBER:
        raise InvalidInput(path=path, expected=f"a number of at most {_LONGEST_NUMBER} characters", actual="a longer one")
    return text


def _address(owner: dict[str, Any], name: str, path: str) -> Address:
    where = f"{path}.{name}"
    return checked_address(_text(_required(owner, name, path), where), where)


def _abi(value: object, path: str) -> Abi:
    if not isinstance(value, str | list | tuple) or isinstance(value, JsonNumber):
        raise InvalidInput(path=path, expected="ABI JSON as a string, or as an array", actual=describe(value))
    try:
        return Abi.parse(value, path)
    except InvalidInput as error:
        raise (error if error.path.startswith(path) else error.below(path)) from None


def _arguments(value: object, path: str) -> tuple[RecipeArgument, ...]:
    if not isinstance(value, list | tuple):
        raise InvalidInput(path=path, expected="an array of arguments", actual=describe(value))
    items = cast("list[object]", value)
    if len(items) > _MOST_ARGUMENTS:
        raise InvalidInput(path=path, expected=f"at most {_MOST_ARGUMENTS} arguments", actual=str(len(items)))
    return tuple([_argument(item, f"{path}[{index}]") for index, item in enumerate(items)])


def _argument(value: object, path: str) -> RecipeArgument:
    found = checked_object(value, path)
    type_, text = _text(_required(found, "type", path), f"{path}.type"), _text(_required(found, "value", path), f"{path}.value")
    if type_ == "address" and text:
        checked_address(text, f"{path}.value")
    return RecipeArgument(type_, text, _optional_text(found, "description", path) or "")
