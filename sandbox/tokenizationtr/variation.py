"""What no document of TokenizationTR decides: drawn once per run."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Literal

from orderseal.sandbox.tokenizationtr.settings import Generation
from orderseal.sandbox.twins.paging import LargePage

WORDINGS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Variation:
    """One run's choices; each field is explained by the same name in ``docs/assumptions.md``."""

    generation: Generation
    secondary_buy: Generation
    wording: int
    error_details: bool
    refresh_grant: bool
    pending_status: int
    failed_status: int
    failure_text: str
    poll_fields: Literal["admin", "user"]
    listing_fields: Literal["older", "newer"]
    environment: int
    limit_problem: Literal["invalid", "unprocessable"]
    unset_time: Literal["zero", "null", "absent"]
    time_digits: int
    net_amount: Literal["less_fees", "plus_fees"]
    platform_fee_percentage: float
    large_page_size: LargePage


def draw(rng: Random, generation: Generation | None) -> Variation:
    """Draw one run's choices; a generation that is given is no choice."""
    drawn: Generation = rng.choice(("old", "new"))
    return Variation(
        generation=generation or drawn,
        secondary_buy=rng.choice(("old", "new")),
        wording=rng.randrange(WORDINGS),
        error_details=rng.random() < 0.5,
        refresh_grant=rng.random() < 0.5,
        pending_status=rng.choice((2, 5, 17)),
        failed_status=rng.choice((4, 6, 9)),
        failure_text=rng.choice(("execution reverted", "Transaction failed", "insufficient funds for gas")),
        poll_fields=rng.choice(("admin", "user")),
        listing_fields=rng.choice(("older", "newer")),
        environment=rng.choice((0, 1, 2)),
        limit_problem=rng.choice(("invalid", "unprocessable")),
        unset_time=rng.choice(("zero", "null", "absent")),
        time_digits=rng.choice((0, 3, 6, 9)),
        net_amount=rng.choice(("less_fees", "plus_fees")),
        platform_fee_percentage=rng.choice((2.5, 3.0, 1.0)),
        large_page_size=rng.choice(("clamped", "refused")),
    )
