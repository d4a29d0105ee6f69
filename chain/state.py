"""What a plan is made from and held against: one look at the marketplace, its tokens and the account, all of it in one round trip."""

from dataclasses import dataclass
from typing import Final, TypeVar, cast

from orderseal.chain.abi import Call
from orderseal.chain.dialogue import Ask, Dialogue, Rpc
from orderseal.chain.erc20 import Allowance, BalanceOf, Decimals, Symbol, read_symbol
from orderseal.chain.fees import FeeFacts, fee_calls, read_fees
from orderseal.chain.marketplace import Buy, Listing, ViewCanHaveMaxAmount, ViewListing, ViewUserCanBuy
from orderseal.chain.multicall import Read, Result, aggregate_call, read_aggregate
from orderseal.chain.pins import ERC1967_BEACON_SLOT, ERC1967_IMPLEMENTATION_SLOT, FacetAddress, LiveCode, Pins
from orderseal.chain.reverts import printable, read_revert
from orderseal.chain.wire import check_chain, data, quantity
from orderseal.signing.errors import InvalidInput, NodeError, PlanMismatch, WrongChain
from orderseal.signing.values import Address, Hash32

__all__ = ["State", "TokenState", "block_number", "block_read", "facet_of", "named", "read_state", "returned", "slot_word", "token_state"]

_SLOTS: Final = (ERC1967_IMPLEMENTATION_SLOT, ERC1967_BEACON_SLOT)
_LAG: Final = 128
_MOST_DECIMALS: Final = 77
_LONGEST_SYMBOL: Final = 20
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class TokenState:
    """A token and what the account has of it.

    Attributes:
        decimals: as the token says, 0…77.
        symbol: as the token says: a stranger's text, printable and cut. Empty if it says none.
        balance: base units that the account has.
        allowance: base units that the marketplace may take from the account.
    """

    decimals: int
    symbol: str
    balance: int
    allowance: int


@dataclass(frozen=True, slots=True)
class State:
    """What a node said at one block.

    Attributes:
        block: the node's latest, or the EVM's own number where that is a little behind: another of several nodes has answered. On a rollup
            the latter may be a number of the chain below, far away, which no request can name.
        timestamp: of the block, in Unix seconds.
        code: for :func:`~orderseal.chain.pins.check_code`.
        fees: what gas costs.
        coins: wei that the account has.
        currency, token: what is paid with, and what is bought or sold.
        listing: of the token.
        can_buy: what ``viewUserCanBuy`` said of the amount, ``None`` if none was asked about or it reverted.
        most: what ``viewCanHaveMaxAmount`` said, ``None`` if it reverted.
    """

    block: int
    timestamp: int
    code: LiveCode
    fees: FeeFacts
    coins: int
    currency: TokenState
    token: TokenState
    listing: Listing
    can_buy: bool | None
    most: int | None


def read_state(pins: Pins, account: Address, token: Address, amount: int) -> Dialogue[State]:
    """Look at everything at the latest block.

    Raises:
        WrongChain: the node, or the EVM behind it, is of another chain.
        PlanMismatch: a contract that should be there does not answer as it must.
        NodeError: no valid answer.
    """
    market, currency = pins.marketplace.address, pins.currency.address
    behind = [pins.marketplace.implementation, pins.marketplace.facet, pins.currency.implementation]
    pinned = [code.address for code in behind if code is not None]
    tokens = [
        Read(at, call.encode())
        for at in (currency, token)
        for call in (Decimals(), Symbol(), BalanceOf(owner=account), Allowance(owner=account, spender=market))
    ]
    reads = [
        *tokens,
        Read(market, ViewListing(token=token).encode()),
        Read(market, ViewUserCanBuy(house_token=token, user=account, amount=amount).encode()),
        Read(market, ViewCanHaveMaxAmount(house_token=token, user=account).encode()),
        Read(market, FacetAddress(function_selector=Buy.abi.selector).encode()),
        *[Read(at, b"") for at in pinned],
    ]
    fees = fee_calls()
    answers = yield Ask(
        (
            Rpc("eth_chainId"),
            Rpc("eth_getBalance", (str(account), "latest")),
            *[Rpc("eth_getStorageAt", (str(at), str(slot), "latest")) for at in (market, currency) for slot in _SLOTS],
            aggregate_call(reads),
            *fees,
        )
    )
    check_chain(pins.chain_id, answers[0])
    slots = [slot_word(answer) for answer in answers[2:6]]
    seen = read_aggregate(answers[6], len(reads))
    if seen.chain_id != pins.chain_id:
        raise WrongChain(expected=pins.chain_id, actual=seen.chain_id)
    results = seen.results
    hashes = dict(zip(pinned, [result.code_hash for result in results[12:]], strict=True))
    facet = facet_of(results[11])
    code = LiveCode(
        marketplace_code_hash=results[8].code_hash,
        marketplace_slot=slots[0],
        marketplace_beacon_slot=slots[1],
        implementation_code_hash=named(hashes, slots[0]),
        facet=facet,
        facet_code_hash=None if facet is None else hashes.get(facet),
        currency_code_hash=results[0].code_hash,
        currency_slot=slots[2],
        currency_beacon_slot=slots[3],
        currency_implementation_code_hash=named(hashes, slots[2]),
    )
    return State(
        block=block_read(block_number(answers[7]), seen.number),
        timestamp=seen.timestamp,
        code=code,
        fees=read_fees(answers[7:]),
        coins=quantity(answers[1], "eth_getBalance"),
        currency=token_state(results[0:4], currency, "the currency"),
        token=token_state(results[4:8], token, "the token"),
        listing=returned(results[8], ViewListing, "the marketplace: viewListing()"),
        can_buy=_optional(results[9], ViewUserCanBuy),
        most=_optional(results[10], ViewCanHaveMaxAmount),
    )


def block_number(block: object) -> int:
    """The number of a block as a node gives it."""
    if isinstance(block, NodeError):
        raise block
    return quantity(cast("dict[str, object]", block).get("number") if isinstance(block, dict) else None, "latest block's number")


def block_read(latest: int, evm: int) -> int:
    """The block that was read, which is an earlier one where another of several nodes answered."""
    return evm if 0 < latest - evm <= _LAG else latest


def slot_word(answer: object) -> bytes:
    """What stands in a storage slot: 32 bytes."""
    if isinstance(answer, NodeError):
        raise answer
    return data(answer, "eth_getStorageAt", 32)


def named(hashes: dict[Address, Hash32], slot: bytes) -> Hash32 | None:
    """The hash of the code that a slot names, if it names one of these addresses."""
    return hashes.get(Address(slot[12:])) if not any(slot[:12]) else None


def facet_of(result: Result) -> Address | None:
    """What a diamond (ERC-2535) says of a selector; ``None`` from a contract that is none."""
    try:
        return FacetAddress.decode_return(result.data) if result.success else None
    except InvalidInput:
        return None


def token_state(results: tuple[Result, ...], at: Address, what: str) -> TokenState:
    """What a token says of itself and of an account: its decimals, symbol, balance and allowance, in this order.

    Raises:
        PlanMismatch: it does not answer as a token must.
    """
    decimals, symbol, balance, allowance = results
    digits = returned(decimals, Decimals, f"{what} {at}: decimals()")
    if digits > _MOST_DECIMALS:
        raise PlanMismatch(f"{what} {at}: decimals()", expected=f"at most {_MOST_DECIMALS}", actual=str(digits))
    return TokenState(
        digits,
        _symbol(symbol),
        returned(balance, BalanceOf, f"{what} {at}: balanceOf()"),
        returned(allowance, Allowance, f"{what} {at}: allowance()"),
    )


def _symbol(result: Result) -> str:
    try:
        return printable(read_symbol(result.data).value, _LONGEST_SYMBOL) if result.success else ""
    except InvalidInput:
        return ""


def returned(result: Result, call: type[Call[R]], what: str) -> R:
    """What a view returned, read as Solidity does: it is checked against other views and by the simulation."""
    if not result.success:
        raise PlanMismatch(what, expected="an answer", actual=f"a revert ({read_revert(result.data).text})")
    try:
        return call.read_return(result.data).value
    except InvalidInput as error:
        actual = "nothing, as an account without code gives" if not result.data else error.actual
        raise PlanMismatch(what, expected="its documented result", actual=actual) from None


def _optional(result: Result, call: type[Call[R]]) -> R | None:
    return returned(result, call, call.__name__) if result.success else None
