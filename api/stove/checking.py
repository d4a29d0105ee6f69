"""Whose order an order is: what a taker has to know before it locks or fills one, and what the venue is not asked about."""

from orderseal.api.stove.models import PlacedOrder, QuantityUnit
from orderseal.api.stove.network import Network
from orderseal.signing import InvalidInput, Order, RuleViolation, Signature, SignedOrder, VerificationFailed, describe, verify_order

__all__ = ["checked_order"]


def checked_order(placed: PlacedOrder, network: Network, now: float) -> SignedOrder[Order]:
    """The order that the maker signed, proved by the signature: the venue proposes, this checks.

    The signature also tells in what unit the venue wrote the quantity: only one of the two readings has been signed.

    Args:
        now: Unix seconds; the deadline must not have passed.

    Raises:
        VerificationFailed: it is not signed by its maker for this network, or its deadline has passed.
        RuleViolation: ``token``: it pays with a token that is none of the network's, and may be worth nothing.
    """
    if not isinstance(placed, PlacedOrder):
        raise InvalidInput(path="order", expected="an order, as orders() and available() give it", actual=describe(placed))
    signature = _signature(placed)
    failure: VerificationFailed | None = None
    for order in _readings(placed):
        try:
            signer = verify_order(order, network.domain, signature, at=int(now))
        except VerificationFailed as error:
            failure = failure or error
            continue
        if order.asset not in {token.address for token in network.tokens.values()}:
            raise RuleViolation("token", f"the order pays with {order.asset}, which is none of the tokens of {network.name}")
        return SignedOrder(order, network.domain, order.signing_hash(network.domain), signature, signer)
    raise failure or VerificationFailed("the venue shows an order that nobody can have signed", reasons=("not_an_order",))


def _signature(placed: PlacedOrder) -> Signature:
    try:
        return Signature(placed.signature)
    except InvalidInput:
        raise VerificationFailed("what the venue shows as the order's signature is none", reasons=("malformed_signature",)) from None


def _readings(placed: PlacedOrder) -> list[Order]:
    """The order with its quantity in each unit; one without faults first, since the first failure is the one that is told."""
    found: list[Order] = []
    for unit in QuantityUnit:
        try:
            found.append(placed.in_unit(unit))
        except InvalidInput:
            continue
    return sorted(found, key=lambda order: len(order.faults()))
