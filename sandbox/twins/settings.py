"""The parameters that every twin has."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["TwinSettings", "require", "require_delays"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TwinSettings:
    """Parameters that every twin has. Raises ``ValueError`` for an impossible value.

    * ``seed``: fixes everything that varies per run, except secrets; ``None`` draws a fresh one.
    * ``clock_offset``: seconds that the platform's clock is ahead of this machine's; negative means behind; at most 10^9.
    * ``chaos``: seed of a random mix of faults that writes meet, from the first one on; ``None`` means none.
    """

    seed: int | None = None
    clock_offset: float = 0.0
    chaos: int | None = None

    def __post_init__(self) -> None:
        require(abs(self.clock_offset) <= 10**9, "clock_offset must be within 10^9 seconds", self.clock_offset)


def require(condition: bool, rule: str, actual: object) -> None:
    """Raise ``ValueError`` unless a setting keeps its rule."""
    if not condition:
        raise ValueError(f"{rule}, got {actual!r:.80}")


def require_delays(low: float, high: float) -> None:
    """Raise ``ValueError`` unless two seconds are a range."""
    require(0 <= low <= high < math.inf, "delay_min and delay_max must be finite seconds with 0 <= min <= max", (low, high))
