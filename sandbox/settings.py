"""The parameters of one sandbox run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

__all__ = ["QuantityUnit", "Settings"]

QuantityUnit = Literal["whole", "wei"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Parameters of one run; all have defaults that suit a quick test. Raises ``ValueError`` for an impossible value.

    * ``chain_id``: chain of the login and of the EIP-712 domain (the venue's test network is 97).
    * ``jwt_lifetime``: seconds a login token lives (the venue says "typically 24 hours").
    * ``login_window``: seconds that the login timestamp may differ from the venue's clock, each way.
    * ``clock_offset``: seconds that the venue's clock is ahead of this machine's; negative means behind; at most 10^9.
    * ``step_delay_min``, ``step_delay_max``: seconds between two steps of the mock matching engine; each is drawn in between.
    * ``heartbeat_interval``: seconds between two WebSocket heartbeats (the venue gives no number).
    * ``seed``: fixes everything that varies per run, except secrets; ``None`` draws a fresh one.
    * ``quantity_unit``: unit of quantities in order *queries*: ``whole`` shares, or ``wei`` (shares times 10^18).
    * ``seed_shares``: whole shares of every ticker that a new maker owns, so that sells are possible.
    * ``maker_balance``: base units (10^-18) of each stablecoin that a new maker owns; ``None`` means no limit.
    * ``chaos``: seed of a random mix of faults that create requests meet, from the first one on; ``None`` means none.
    """

    chain_id: int = 97
    jwt_lifetime: int = 24 * 3600
    login_window: int = 300
    clock_offset: float = 0.0
    step_delay_min: float = 0.02
    step_delay_max: float = 0.15
    heartbeat_interval: float = 15.0
    seed: int | None = None
    quantity_unit: QuantityUnit = "whole"
    seed_shares: int = 1_000_000
    maker_balance: int | None = None
    chaos: int | None = None

    def __post_init__(self) -> None:
        _require(0 <= self.chain_id < 2**256, "chain_id must be in 0..2^256-1", self.chain_id)
        _require(self.jwt_lifetime > 0, "jwt_lifetime must be a positive number of seconds", self.jwt_lifetime)
        _require(self.login_window >= 0, "login_window must be 0 or more seconds", self.login_window)
        _require(abs(self.clock_offset) <= 10**9, "clock_offset must be within 10^9 seconds", self.clock_offset)
        _require(
            0 <= self.step_delay_min <= self.step_delay_max < math.inf,
            "step_delay_min and step_delay_max must be finite seconds with 0 <= min <= max",
            (self.step_delay_min, self.step_delay_max),
        )
        _require(0 < self.heartbeat_interval < math.inf, "heartbeat_interval must be a positive number of seconds", self.heartbeat_interval)
        _require(self.quantity_unit in ("whole", "wei"), "quantity_unit must be 'whole' or 'wei'", self.quantity_unit)
        _require(self.seed_shares >= 0, "seed_shares must be 0 or more", self.seed_shares)
        _require(self.maker_balance is None or self.maker_balance >= 0, "maker_balance must be None or 0 or more", self.maker_balance)


def _require(condition: bool, rule: str, actual: object) -> None:
    if not condition:
        raise ValueError(f"{rule}, got {actual!r}")
