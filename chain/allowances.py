"""What a settlement contract may still take by the orders that an account has signed: the sum that an allowance must cover."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from types import MappingProxyType

from orderseal.signing.errors import InvalidInput, RuleViolation, describe
from orderseal.signing.ledger import Exposure, Ledger, LiveOrder, Slot, Stage
from orderseal.signing.ledger.content import Carried, read_carried
from orderseal.signing.values import Address, AddressLike, Hash32

__all__ = ["Owed", "owed"]


@dataclass(frozen=True, slots=True)
class Owed:
    """What is owed by the live orders of one account to one contract.

    Attributes:
        at: Unix seconds for which it holds.
        orders: the live signatures that were summed.
        payments: base units of each payment token: of each buy order price times open quantity, and the whole incentive.
        shares: of each (ticker, exchange) what sell orders may still take: whole shares, and base units of a token with 0 decimals.
    """

    at: float
    orders: tuple[LiveOrder, ...]
    payments: Mapping[Address, int]
    shares: Mapping[tuple[str, int], int]


def owed(ledger: Ledger, account: AddressLike, *, chain_id: int, spender: AddressLike, at: float | None = None) -> Owed:
    """Add up what live orders may still take; an order that is committed and has not left yet counts as well.

    An order is the contract's unless its signed domain names another chain or contract, however the ledger calls the network; one that was
    recorded as dead, because nothing was allowed, counts: what is allowed next brings it to life again. Else what is said of one order is
    :meth:`Ledger.exposure <orderseal.signing.ledger.Ledger.exposure>`'s word: live until its deadline, whatever the venue says; a fill
    counts once it was seen. That a sell order owes nothing of its payment token is an assumption: no document says who pays its fee, and we
    read that it is taken from the proceeds.

    Args:
        ledger: the bots' own. Orders that were signed elsewhere are not known here, and not covered.
        account: the maker.
        chain_id, spender: of the settlement contract.
        at: Unix seconds; by default now.

    Raises:
        RuleViolation: ``unmeasured``: a live signature for this contract is no order of the built-in type: what it owes is not known.
        InvalidInput: an argument has the wrong form.
        LedgerError: the ledger's own, ``tampered`` included.
    """
    maker, contract = Address(account), Address(spender)
    if type(chain_id) is not int or chain_id < 0:
        raise InvalidInput(path="chain_id", expected="a chain id", actual=describe(chain_id))
    if at is not None and (isinstance(at, bool) or not isinstance(at, int | float) or not isfinite(at)):
        raise InvalidInput(path="at", expected="Unix seconds", actual=describe(at))
    found: Exposure = ledger.exposure(at=at, pending=True, revived=True)
    orders: list[LiveOrder] = []
    payments: dict[Address, int] = {}
    shares: dict[tuple[str, int], int] = {}
    for live in found.orders:
        carried = _carried(ledger, live.slot, live.digest)
        if carried is None or carried.domain.chain_id not in (None, chain_id) or carried.domain.verifying_contract not in (None, contract):
            continue
        order = live.order
        if order is None:
            if live.slot.scope.account == maker:
                told = f"what was signed under nonce {live.slot.key} is no built-in order: what it owes is not known"
                raise RuleViolation("unmeasured", told)
            continue
        if order.maker != maker:
            continue
        orders.append(live)
        if order.is_buy:
            payments[order.asset] = payments.get(order.asset, 0) + live.owed
        else:
            share = order.ticker, order.exchange
            shares[share] = shares.get(share, 0) + live.shares
    return Owed(found.at, tuple(orders), MappingProxyType(payments), MappingProxyType(shares))


def _carried(ledger: Ledger, slot: Slot, digest: Hash32) -> Carried | None:
    """The typed data of a live signature; ``None`` for a transaction."""
    for artifact in ledger.artifacts(slot):
        if artifact.stage is Stage.CONTENT and artifact.digest == digest and artifact.content is not None:
            return read_carried(artifact.content)
    return None
