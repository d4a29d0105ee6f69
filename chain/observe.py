"""What stands now at addresses that the **user** gives, read for a file of pins: trust on first use, by one node's word."""

from collections.abc import Sequence
from typing import Final

from orderseal.chain.dialogue import Answer, Ask, Dialogue, Rpc
from orderseal.chain.erc20 import Decimals
from orderseal.chain.marketplace import Buy
from orderseal.chain.multicall import Aggregate, Read, Result, aggregate_call, read_aggregate
from orderseal.chain.pins import (
    ERC1967_BEACON_SLOT,
    ERC1967_IMPLEMENTATION_SLOT,
    NO_CODE_HASHES,
    FacetAddress,
    LiveCode,
    Pins,
    Units,
    checked_address,
    observed_pins,
)
from orderseal.chain.wire import chain_id, data
from orderseal.signing.errors import InvalidInput, NodeError, PlanMismatch, WrongChain
from orderseal.signing.values import Address, AddressLike, Hash32

__all__ = ["observe_pins"]

_SLOTS: Final = (ERC1967_IMPLEMENTATION_SLOT, ERC1967_BEACON_SLOT)
_MOST_DECIMALS: Final = 77


def observe_pins(
    marketplace: AddressLike,
    currency: AddressLike,
    *,
    tokens: Sequence[AddressLike] | None = None,
    units: Units | None = None,
) -> Dialogue[Pins]:
    """Read what stands at these addresses, and make pins of it. Two round trips.

    The node's word becomes the measure: compare the result with what the platform publishes elsewhere before you rely on it.

    Args:
        marketplace, currency: the user's own, never from a recipe that the pins are to check.
        tokens: the house tokens that may be bought; ``None`` leaves that to whoever approves a plan.
        units: as in :class:`~orderseal.chain.pins.Pins`.

    Raises:
        InvalidInput: an address is none, or two are the same.
        PlanMismatch: what stands there cannot be pinned: no contract, no token, a beacon proxy, a proxy in front of a diamond.
        WrongChain: the node says one chain, and the EVM behind it another.
        NodeError: no valid answer, or what stands there changed between two looks.
    """
    at, paid = checked_address(marketplace, "marketplace"), checked_address(currency, "currency")
    sold = None if tokens is None else tuple([checked_address(token, f"tokens[{index}]") for index, token in enumerate(tokens)])
    first, slots, results = yield from _look(at, paid, sold or ())
    behind = _behind(slots, results[1])
    again, same_slots, looked = yield from _look(at, paid, sold or (), tuple(behind))
    if (again, same_slots, [_kept(r) for r in looked[: len(results)]]) != (first, slots, [_kept(r) for r in results]):
        raise NodeError("what stands there changed between two looks: try again")
    _check_tokens(sold or (), results[2:])
    hashes = dict(zip(behind, [result.code_hash for result in looked[len(results) :]], strict=True))
    facet = _facet(results[1])
    live = LiveCode(
        marketplace_code_hash=results[1].code_hash,
        marketplace_slot=slots[0],
        marketplace_beacon_slot=slots[1],
        implementation_code_hash=_named(hashes, slots[0]),
        facet=facet,
        facet_code_hash=None if facet is None else hashes[facet],
        currency_code_hash=results[0].code_hash,
        currency_slot=slots[2],
        currency_beacon_slot=slots[3],
        currency_implementation_code_hash=_named(hashes, slots[2]),
    )
    return observed_pins(first, at, paid, live, decimals=_decimals(results[0], f"the currency {paid}"), tokens=sold, units=units)


def _look(
    market: Address, currency: Address, tokens: tuple[Address, ...], behind: tuple[Address, ...] = ()
) -> Dialogue[tuple[int, list[bytes], tuple[Result, ...]]]:
    """Chain id, storage words, and results: of the currency, the marketplace, the tokens, and what stands behind them."""
    reads = [
        Read(currency, Decimals().encode()),
        Read(market, FacetAddress(function_selector=Buy.abi.selector).encode()),
        *[Read(token, Decimals().encode()) for token in tokens],
        *[Read(address, b"") for address in behind],
    ]
    answers: list[Answer] = yield Ask(
        (
            Rpc("eth_chainId"),
            *[Rpc("eth_getStorageAt", (str(at), str(slot), "latest")) for at in (market, currency) for slot in _SLOTS],
            aggregate_call(reads),
        )
    )
    said = chain_id(answers[0])
    seen: Aggregate = read_aggregate(answers[5], len(reads))
    if seen.chain_id != said:
        raise WrongChain(expected=said, actual=seen.chain_id)
    return said, [data(answer, "eth_getStorageAt", 32) for answer in answers[1:5]], seen.results


def _kept(result: Result) -> tuple[bool, Hash32, bytes]:
    """What must be the same when it is looked at again; gas may differ."""
    return result.success, result.code_hash, result.data


def _behind(slots: Sequence[bytes], market: Result) -> list[Address]:
    """The contracts that the implementation slots and the diamond name, each once."""
    named = [Address(slot[12:]) for slot in (slots[0], slots[2]) if any(slot) and not any(slot[:12])]
    facet = _facet(market)
    return list(dict.fromkeys([*named, *([] if facet is None else [facet])]))


def _facet(market: Result) -> Address | None:
    try:
        found = FacetAddress.decode_return(market.data) if market.success else None
    except InvalidInput:
        return None
    return None if found is None or found.is_zero else found


def _named(hashes: dict[Address, Hash32], slot: bytes) -> Hash32 | None:
    return hashes.get(Address(slot[12:])) if not any(slot[:12]) else None


def _check_tokens(tokens: tuple[Address, ...], results: Sequence[Result]) -> None:
    for token, result in zip(tokens, results, strict=True):
        _decimals(result, f"the token {token}")


def _decimals(result: Result, what: str) -> int:
    if result.code_hash in NO_CODE_HASHES:
        raise PlanMismatch(what, expected="a contract", actual="no contract")
    try:
        found = Decimals.read_return(result.data).value if result.success else None
    except InvalidInput:
        found = None
    if found is None or found > _MOST_DECIMALS:
        actual = "no answer" if found is None else str(found)
        raise PlanMismatch(f"{what}: decimals()", expected=f"0 to {_MOST_DECIMALS}, as a token gives", actual=actual)
    return found
