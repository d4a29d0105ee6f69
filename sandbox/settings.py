"""The parameters of one sandbox run."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Literal

__all__ = ["QuantityUnit", "Settings", "Takers"]

QuantityUnit = Literal["whole", "wei", "varied"]
Takers = Literal["engine", "manual"]

SECRETS = ("taker_key", "taker_secret")
"""Settings that are never shown, nor given as an argument of a command."""

SECRET_VARIABLES = {name: f"ORDERSEAL_SANDBOX_{name.upper()}" for name in SECRETS}
"""The environment variables that ``python -m orderseal.sandbox`` reads them from."""

_MOST_SECONDS = 10**9


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
    * ``quantity_unit``: unit of quantities in order *queries*: ``whole`` shares, ``wei`` (shares times 10^18), or ``varied``: one of
      the two by chance, as it always is in the takers' queries.
    * ``seed_shares``: whole shares of every ticker that a new maker owns, so that sells are possible.
    * ``maker_balance``: base units (10^-18) of each stablecoin that a new maker owns; ``None`` means no limit.
    * ``chaos``: seed of a random mix of faults that create requests meet, from the first one on; ``None`` means none.
    * ``takers``: who executes orders: the mock matching ``engine``, or ``manual``: nobody but clients of the taker interface. With the
      engine, they can still lock what it leaves alone, such as a quantity of 1.
    * ``lock_seconds``: how long a taker's lock lasts unless it says otherwise (the venue's example: one hour).
    * ``cancel_timeout``: seconds that a taker has to answer a cancellation request (the venue gives no number).
    * ``taker_window``: seconds that a taker's timestamp may differ from the venue's clock, each way (documented).
    * ``taker_key``, ``taker_secret``: API key and secret of the first taker, 16 to 128 visible ASCII characters; both or none. Without
      them they are made at the start; ``GET /sandbox/credentials`` tells them.
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
    takers: Takers = "engine"
    lock_seconds: int = 3600
    cancel_timeout: float = 30.0
    taker_window: int = 300
    taker_key: str | None = field(default=None, repr=False)
    taker_secret: str | None = field(default=None, repr=False)

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
        _require(self.quantity_unit in ("whole", "wei", "varied"), "quantity_unit must be 'whole', 'wei' or 'varied'", self.quantity_unit)
        _require(self.seed_shares >= 0, "seed_shares must be 0 or more", self.seed_shares)
        _require(self.maker_balance is None or self.maker_balance >= 0, "maker_balance must be None or 0 or more", self.maker_balance)
        _require(self.takers in ("engine", "manual"), "takers must be 'engine' or 'manual'", self.takers)
        _require(0 < self.lock_seconds <= _MOST_SECONDS, "lock_seconds must be in 1..10^9", self.lock_seconds)
        _require(0 < self.cancel_timeout <= _MOST_SECONDS, "cancel_timeout must be positive and at most 10^9 seconds", self.cancel_timeout)
        _require(self.taker_window >= 0, "taker_window must be 0 or more seconds", self.taker_window)
        _require((self.taker_key is None) == (self.taker_secret is None), "taker_key and taker_secret go together", "one of them")
        for name in SECRETS:
            _require(_is_secret(getattr(self, name)), f"{name} must be 16 to 128 visible ASCII characters", "something else")

    def describe(self) -> dict[str, object]:
        """Return the settings as JSON values, without the secrets."""
        return {name: value for name, value in asdict(self).items() if name not in SECRETS}


def _is_secret(value: str | None) -> bool:
    return value is None or (16 <= len(value) <= 128 and all("!" <= sign <= "~" for sign in value))


def _require(condition: bool, rule: str, actual: object) -> None:
    if not condition:
        raise ValueError(f"{rule}, got {actual!r}")
