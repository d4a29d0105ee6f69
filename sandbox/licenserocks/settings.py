"""The parameters of a License.rocks twin."""

from __future__ import annotations

from dataclasses import dataclass

from orderseal.sandbox.twins.settings import TwinSettings, require, require_delays

__all__ = ["LicenseRocksSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LicenseRocksSettings(TwinSettings):
    """Parameters of one run. Raises ``ValueError`` for an impossible value.

    * ``delay_min``, ``delay_max``: seconds from an order to the end of its transfer; drawn in between.
    * ``failure_rate``: probability that a transfer fails; those that ``fail_next`` names fail all the same.
    """

    delay_min: float = 0.05
    delay_max: float = 0.3
    failure_rate: float = 0.0

    def __post_init__(self) -> None:
        # The zero-argument form of super() does not work in a dataclass with slots.
        TwinSettings.__post_init__(self)
        require_delays(self.delay_min, self.delay_max)
        require(0 <= self.failure_rate <= 1, "failure_rate must be in 0..1", self.failure_rate)
