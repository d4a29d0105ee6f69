"""What no document of BrokersTR decides: drawn once per run."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Literal

from orderseal.sandbox.twins.paging import LargePage

WORDINGS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Variation:
    """One run's choices; each field is explained by the same name in ``docs/assumptions.md``."""

    code_style: Literal["upper", "lower", "numbered"]
    wording: int
    error_details: bool
    bad_id: Literal["invalid", "missing"]
    duplicate_association: Literal["conflict", "same"]
    refresh_rotates: bool
    rate_window: Literal["sliding", "fixed"]
    retry_after: bool
    token_status: int
    market_token_status: int
    deleted_at_shown: bool
    large_page_size: LargePage


def draw(rng: Random) -> Variation:
    """Draw one run's choices."""
    return Variation(
        code_style=rng.choice(("upper", "lower", "numbered")),
        wording=rng.randrange(WORDINGS),
        error_details=rng.random() < 0.5,
        bad_id=rng.choice(("invalid", "missing")),
        duplicate_association=rng.choice(("conflict", "same")),
        refresh_rotates=rng.random() < 0.5,
        rate_window=rng.choice(("sliding", "fixed")),
        retry_after=rng.random() < 0.5,
        token_status=rng.choice((1, 2, 3, 4, 7, 99)),
        market_token_status=rng.choice((1, 2)),
        deleted_at_shown=rng.random() < 0.5,
        large_page_size=rng.choice(("clamped", "refused")),
    )
