"""Rules: what must hold before a key is touched. Each violation is a :class:`~orderseal.signing.RuleViolation` with the numbers."""

from orderseal.signing.rules.deadline import DeadlineRule
from orderseal.signing.rules.fees import DEFAULT_MAX_FEE, check_fee

__all__ = ["DEFAULT_MAX_FEE", "DeadlineRule", "check_fee"]
