"""The fee bound: the venue proposes a fee, we check it (design: the venue's estimate is data, not an order)."""

from decimal import Decimal
from typing import Final

from orderseal.signing.amounts import TokenAmount
from orderseal.signing.errors import RuleViolation

__all__ = ["DEFAULT_MAX_FEE", "check_fee"]

DEFAULT_MAX_FEE: Final = Decimal("0.01")
"""The greatest fee that is offered without being asked, as a part of the notional: 1 %."""


def check_fee(fee: TokenAmount, notional: TokenAmount, max_fee: Decimal = DEFAULT_MAX_FEE) -> None:
    """Check that a fee is at most ``max_fee`` (a part of the notional, 0.01 = 1 %).

    Raises:
        RuleViolation: ``fee_too_high``.
        InvalidInput: fee and notional are in different tokens.
    """
    bound = notional.share(max_fee)
    if fee > bound:
        raise RuleViolation(
            "fee_too_high",
            f"the fee {fee} is more than {max_fee * 100:f} % of the notional {notional}; name a greater max_fee if you mean it",
        )
