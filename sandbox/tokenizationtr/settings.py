"""The parameters of a TokenizationTR twin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from orderseal.sandbox.twins.settings import TwinSettings, require, require_delays

__all__ = ["Generation", "TokenizationTrSettings"]

Generation = Literal["old", "new"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizationTrSettings(TwinSettings):
    """Parameters of one run. Raises ``ValueError`` for an impossible value.

    * ``generation``: how a primary purchase and a delisting are answered: ``old`` at once with the result, ``new`` with a
      ``transaction_id`` to poll; ``None`` decides by chance. A sale is answered as its request is written, which differs.
    * ``access_lifetime``, ``refresh_lifetime``: seconds that tokens live (the documented sample lives 900; the other is not documented).
    * ``delay_min``, ``delay_max``: seconds from a transaction's start to its end; drawn in between.
    * ``failure_rate``: probability that a transaction fails; those that ``fail_next`` names fail all the same.
    """

    generation: Generation | None = None
    access_lifetime: float = 900.0
    refresh_lifetime: float = 7 * 86400.0
    delay_min: float = 0.05
    delay_max: float = 0.3
    failure_rate: float = 0.0

    def __post_init__(self) -> None:
        # The zero-argument form of super() does not work in a dataclass with slots.
        TwinSettings.__post_init__(self)
        require(self.generation in (None, "old", "new"), "generation must be 'old', 'new' or None", self.generation)
        require(self.access_lifetime > 0, "access_lifetime must be a positive number of seconds", self.access_lifetime)
        require(self.refresh_lifetime > 0, "refresh_lifetime must be a positive number of seconds", self.refresh_lifetime)
        require_delays(self.delay_min, self.delay_max)
        require(0 <= self.failure_rate <= 1, "failure_rate must be in 0..1", self.failure_rate)
