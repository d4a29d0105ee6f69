"""Stage three: canonical values become bytes, by eth-abi, which is loaded when it is first needed."""

from typing import Any

from orderseal.chain.abi.types import Parameter
from orderseal.signing.errors import InvalidInput

__all__ = ["encode_members"]


def encode_members(members: tuple[Parameter, ...], values: tuple[Any, ...]) -> bytes:
    """Encode values that :func:`~orderseal.chain.abi.coerce.coerce_members` gave."""
    if not members:
        return b""
    from eth_abi import exceptions
    from eth_abi.abi import encode

    refusals = (
        exceptions.EncodingError,
        exceptions.ParseError,
        exceptions.ABITypeError,
        exceptions.PredicateMappingError,
    )
    try:
        return bytes(encode([member.type.name for member in members], values))
    except refusals as error:  # What it refuses was refused before, with its path; a new version might refuse more.
        raise InvalidInput(path="values", expected="values that eth-abi encodes", actual=f"its {type(error).__name__}") from error
