"""What an approval is planned from and held against: one look at a token, the account, and whoever may take of it, in one round trip."""

from dataclasses import dataclass
from typing import Final

from orderseal.chain.dialogue import Ask, Dialogue, Rpc
from orderseal.chain.erc20 import Allowance, BalanceOf, Decimals, Symbol
from orderseal.chain.fees import FeeFacts, fee_calls, read_fees
from orderseal.chain.multicall import Read, Result, aggregate_call, read_aggregate
from orderseal.chain.pins import ERC1967_BEACON_SLOT, ERC1967_IMPLEMENTATION_SLOT, FacetAddress, LiveCode, Pins
from orderseal.chain.state import TokenState, block_number, block_read, facet_of, named, slot_word, token_state
from orderseal.chain.wire import check_chain, quantity
from orderseal.signing.errors import PlanMismatch, WrongChain
from orderseal.signing.values import Address

__all__ = ["Standing", "read_standing"]

_SLOTS: Final = (ERC1967_IMPLEMENTATION_SLOT, ERC1967_BEACON_SLOT)


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
    return Standing(
        block=block_read(block_number(answers[7]), seen.number),
        code=_code([slot_word(answer) for answer in answers[2:6]], seen.results, behind),
        fees=read_fees(answers[7:]),
        coins=quantity(answers[1], "eth_getBalance"),
        token=token_state(seen.results[:4], token, "the token"),
    )


def _code(slots: list[bytes], results: tuple[Result, ...], behind: list[Address]) -> LiveCode:
    _refuse_diamond(results[4])
    hashes = dict(zip(behind, [result.code_hash for result in results[5:]], strict=True))
    return LiveCode(
        marketplace_code_hash=results[4].code_hash,
        marketplace_slot=slots[0],
        marketplace_beacon_slot=slots[1],
        implementation_code_hash=named(hashes, slots[0]),
        facet=None,
        facet_code_hash=None,
        currency_code_hash=results[0].code_hash,
        currency_slot=slots[2],
        currency_beacon_slot=slots[3],
        currency_implementation_code_hash=named(hashes, slots[2]),
    )


def _refuse_diamond(result: Result) -> None:
    """Any answer to a diamond's question is one, also that there is no such facet."""
    if facet_of(result) is not None:
        hint = "Any of a diamond's facets can use the allowance, and pins hold one"
        raise PlanMismatch("marketplace.facet", expected="no diamond (ERC-2535)", actual="one: it answers facetAddress()", hint=hint)
