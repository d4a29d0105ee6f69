"""ERC-20 (https://eips.ethereum.org/EIPS/eip-20) and ERC-2612 (https://eips.ethereum.org/EIPS/eip-2612).

All amounts are in the token's base units, 0…2^256-1.
"""

from typing import Annotated, Final

from orderseal.chain.abi import Abi, Call, Event, Indexed, Oddity, Reading
from orderseal.signing.eip712 import Sol, Struct
from orderseal.signing.errors import InvalidInput, describe
from orderseal.signing.sol import address, boolean, bytes32, string, uint8, uint256
from orderseal.signing.values import Address

__all__ = [
    "Allowance",
    "Approval",
    "Approve",
    "BalanceOf",
    "Decimals",
    "DomainSeparator",
    "Nonces",
    "Permit",
    "PermitMessage",
    "Symbol",
    "Transfer",
    "TransferCall",
    "TransferFrom",
    "erc20_abi",
    "read_success",
    "read_symbol",
]

_From = Annotated[Address, Sol("address", name="from")]
_Word: Final = 32


class Approve(Call[boolean]):
    """``approve(address spender, uint256 value)``: set what ``spender`` may take. Some tokens want a reset to zero first."""

    spender: address
    value: uint256


class Allowance(Call[uint256]):
    """``allowance(address owner, address spender)``: what ``spender`` may still take, in base units."""

    owner: address
    spender: address


class TransferFrom(Call[boolean]):
    """``transferFrom(address from, address to, uint256 value)``: move ``value`` base units of ``sender`` under an allowance."""

    sender: _From
    to: address
    value: uint256


class TransferCall(Call[boolean], name="transfer"):
    """``transfer(address to, uint256 value)``: send ``value`` base units."""

    to: address
    value: uint256


class BalanceOf(Call[uint256]):
    """``balanceOf(address owner)``: in base units."""

    owner: address


class Decimals(Call[uint8]):
    """``decimals()``: 0…255; amounts are written with at most 77."""


class Symbol(Call[string]):
    """``symbol()``. Old tokens return it as ``bytes32``: :func:`read_symbol` reads both."""


class Nonces(Call[uint256]):
    """``nonces(address owner)`` of ERC-2612: the nonce of the owner's next permit."""

    owner: address


class DomainSeparator(Call[bytes32], name="DOMAIN_SEPARATOR"):
    """``DOMAIN_SEPARATOR()`` of ERC-2612."""


class Permit(Call[None]):
    """``permit(…)`` of ERC-2612: set an allowance by the owner's signature. ``deadline`` in Unix seconds; ``v`` is 27 or 28."""

    owner: address
    spender: address
    value: uint256
    deadline: uint256
    v: uint8
    r: bytes32
    s: bytes32


class PermitMessage(Struct, maker="owner", name="Permit"):
    """What an owner signs for :class:`Permit`, over the token's own domain (EIP-712). ``deadline`` in Unix seconds."""

    owner: address
    spender: address
    value: uint256
    nonce: uint256
    deadline: uint256


class Transfer(Event):
    """``value`` base units went from ``sender`` to ``to``; the zero address stands for minting and burning."""

    sender: Indexed[_From]
    to: Indexed[address]
    value: uint256


class Approval(Event):
    """``spender`` may now take ``value`` base units of ``owner``."""

    owner: Indexed[address]
    spender: Indexed[address]
    value: uint256


def erc20_abi() -> Abi:
    """ERC-20 and ERC-2612 in the general form."""
    calls = (Approve, Allowance, TransferFrom, TransferCall, BalanceOf, Decimals, Symbol, Nonces, DomainSeparator, Permit)
    return Abi(tuple([call.abi for call in calls]), (Transfer.abi, Approval.abi))


def read_success(data: bytes, path: str = "return") -> Reading[bool]:
    """Whether ``approve``, ``transfer`` or ``transferFrom`` succeeded, from what it returned without reverting.

    Tokens such as USDT return nothing, which is success if there is a contract at the address: the caller must know that. That is the
    rule of OpenZeppelin's ``SafeERC20``.

    Raises:
        InvalidInput: no bool.
    """
    if isinstance(data, bytes) and not data:
        return Reading(True, (Oddity(path, "a bool", "nothing, as some tokens do"),))
    return Approve.read_return(data, path)


def read_symbol(data: bytes, path: str = "return") -> Reading[str]:
    """The symbol that ``symbol()`` returned, as a ``string`` or as ``bytes32`` that is filled with zeros.

    It is a stranger's text: do not print it without escaping what is not printable.

    Raises:
        InvalidInput: neither.
    """
    if not isinstance(data, bytes) or len(data) != _Word:
        return Symbol.read_return(data, path)
    text = data.rstrip(b"\0")
    try:
        return Reading(text.decode(), (Oddity(path, "a string", "bytes32, as old tokens do"),))
    except UnicodeDecodeError:
        raise InvalidInput(path=path, expected="a symbol in UTF-8", actual=describe(text)) from None
