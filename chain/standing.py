"""What an approval is planned from and held against: one look at a token, the account, and whoever may take of it, in one round trip."""

from dataclasses import dataclass
from typing import Final, cast

from orderseal.chain.dialogue import Ask, Dialogue, Rpc
from orderseal.chain.erc20 import Allowance, BalanceOf, Decimals, Symbol, read_symbol
from orderseal.chain.fees import FeeFacts, fee_calls, read_fees
from orderseal.chain.multicall import Read, Result, aggregate_call, read_aggregate
from orderseal.chain.pins import ERC1967_BEACON_SLOT, ERC1967_IMPLEMENTATION_SLOT, FacetAddress, LiveCode, Pins
from orderseal.chain.reverts import printable
from orderseal.chain.state import TokenState, returned
from orderseal.chain.wire import check_chain, data, quantity
from orderseal.signing.errors import InvalidInput, NodeError, PlanMismatch, WrongChain
from orderseal.signing.values import Address, Hash32

__all__ = ["Standing", "read_standing"]

_SLOTS: Final = (ERC1967_IMPLEMENTATION_SLOT, ERC1967_BEACON_SLOT)
_LAG: Final = 128
_MOST_DECIMALS: Final = 77
_LONGEST_SYMBOL: Final = 20


@dataclass(frozen=True, slots=True)
class Standing:
    """What a node said at one block.

    Attributes:
        block: see :class:`~orderseal.chain.state.State`.
        code: of the spender and the token, for :func:`~orderseal.chain.pins.check_code`.
        fees: what gas costs.
        coins: wei that the account has.
        token: the token, and what the account has and allows of it.
    """

    block: int
    code: LiveCode
    fees: FeeFacts
    coins: int
    token: TokenState

    @property
    def currency(self) -> TokenState:
        """The token by the name that pins have for it."""
        return self.token


def read_standing(pins: Pins, account: Address) -> Dialogue[Standing]:
    """Look at the pinned token, its pinned spender (``pins.marketplace``) and the account, at the latest block.

    Raises:
        WrongChain: the node, or the EVM behind it, is of another chain.
        PlanMismatch: a contract that should be there does not answer as it must.
        NodeError: no valid answer.
    """
    spender, token = pins.marketplace.address, pins.currency.address
    behind = [code.address for code in (pins.marketplace.implementation, pins.currency.implementation) if code is not None]
    reads = [
        *[
            Read(token, call.encode())
            for call in (Decimals(), Symbol(), BalanceOf(owner=account), Allowance(owner=account, spender=spender))
        ],
        Read(spender, FacetAddress(function_selector=FacetAddress.abi.selector).encode()),
        *[Read(at, b"") for at in behind],
    ]
    answers = yield Ask(
        (
            Rpc("eth_chainId"),
            Rpc("eth_getBalance", (str(account), "latest")),
            *[Rpc("eth_getStorageAt", (str(at), str(slot), "latest")) for at in (spender, token) for slot in _SLOTS],
            aggregate_call(reads),
            *fee_calls(),
        )
    )
    check_chain(pins.chain_id, answers[0])
    seen = read_aggregate(answers[6], len(reads))
    if seen.chain_id != pins.chain_id:
        raise WrongChain(expected=pins.chain_id, actual=seen.chain_id)
    latest = _latest(answers[7])
    return Standing(
        block=seen.number if 0 < latest - seen.number <= _LAG else latest,
        code=_code([_word(answer) for answer in answers[2:6]], seen.results, behind),
        fees=read_fees(answers[7:]),
        coins=quantity(answers[1], "eth_getBalance"),
        token=_token_state(seen.results[:4], token),
    )


def _code(slots: list[bytes], results: tuple[Result, ...], behind: list[Address]) -> LiveCode:
    _refuse_diamond(results[4])
    hashes = dict(zip(behind, [result.code_hash for result in results[5:]], strict=True))
    return LiveCode(
        marketplace_code_hash=results[4].code_hash,
        marketplace_slot=slots[0],
        marketplace_beacon_slot=slots[1],
        implementation_code_hash=_named(hashes, slots[0]),
        facet=None,
        facet_code_hash=None,
        currency_code_hash=results[0].code_hash,
        currency_slot=slots[2],
        currency_beacon_slot=slots[3],
        currency_implementation_code_hash=_named(hashes, slots[2]),
    )


def _latest(block: object) -> int:
    if isinstance(block, NodeError):
        raise block
    return quantity(cast("dict[str, object]", block).get("number") if isinstance(block, dict) else None, "latest block's number")


def _word(answer: object) -> bytes:
    if isinstance(answer, NodeError):
        raise answer
    return data(answer, "eth_getStorageAt", 32)


def _named(hashes: dict[Address, Hash32], slot: bytes) -> Hash32 | None:
    return hashes.get(Address(slot[12:])) if not any(slot[:12]) else None


def _refuse_diamond(result: Result) -> None:
    """Any answer to a diamond's question is one, also that there is no such facet."""
    try:
        found = FacetAddress.decode_return(result.data) if result.success else None
    except InvalidInput:
        found = None
    if found is not None:
        hint = "Any of a diamond's facets can use the allowance, and pins hold one"
        raise PlanMismatch("marketplace.facet", expected="no diamond (ERC-2535)", actual="one: it answers facetAddress()", hint=hint)


def _token_state(results: tuple[Result, ...], at: Address) -> TokenState:
    decimals, symbol, balance, allowance = results
    what = f"the token {at}"
    digits = returned(decimals, Decimals, f"{what}: decimals()")
    if digits > _MOST_DECIMALS:
        raise PlanMismatch(f"{what}: decimals()", expected=f"at most {_MOST_DECIMALS}", actual=str(digits))
    return TokenState(
        digits,
        _symbol(symbol),
        returned(balance, BalanceOf, f"{what}: balanceOf()"),
        returned(allowance, Allowance, f"{what}: allowance()"),
    )


def _symbol(result: Result) -> str:
    try:
        return printable(read_symbol(result.data).value, _LONGEST_SYMBOL) if result.success else ""
    except InvalidInput:
        return ""
