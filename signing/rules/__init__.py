"""Rules: what must hold before a key is touched. Each violation is a :class:`~orderseal.signing.RuleViolation` with the numbers."""

from orderseal.signing.rules.deadline import DeadlineRule, Deadlines, LiveDeadlineRule
from orderseal.signing.rules.fees import DEFAULT_MAX_FEE, check_fee
from orderseal.signing.rules.limits import ExposureLike, LiveLike, OrderRule, OrderRules

__all__ = [
    "DEFAULT_MAX_FEE",
    "DeadlineRule",
    "Deadlines",
    "ExposureLike",
    "LiveDeadlineRule",
    "LiveLike",
    "OrderRule",
    "OrderRules",
    "check_fee",
]
