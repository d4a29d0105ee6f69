"""What no document of License.rocks decides: drawn once per run."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Literal

WORDINGS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Variation:
    """One run's choices; each field is explained by the same name in ``docs/assumptions.md``."""

    wording: int
    bearer_on_orders: Literal["accepted", "refused"]
    public_error_has_orders: bool
    batch: Literal["atomic", "until_first_bad"]
    excess_quantity: Literal["clamped", "accepted"]
    status_shown: bool
    paid_at_once: bool
    failed_status: str
    tx_id_shown: bool
    repeated_id: Literal["once", "twice"]
    unsorted_ids: Literal["as_asked", "by_id"]


def draw(rng: Random) -> Variation:
    """Draw one run's choices."""
    return Variation(
        wording=rng.randrange(WORDINGS),
        bearer_on_orders=rng.choice(("accepted", "refused")),
        public_error_has_orders=rng.random() < 0.5,
        batch=rng.choice(("atomic", "until_first_bad")),
        excess_quantity=rng.choice(("clamped", "accepted")),
        status_shown=rng.random() < 0.7,
        paid_at_once=rng.random() < 0.3,
        failed_status=rng.choice(("failed", "error", "transferFailed")),
        tx_id_shown=rng.random() < 0.5,
        repeated_id=rng.choice(("once", "twice")),
        unsorted_ids=rng.choice(("as_asked", "by_id")),
    )
