"""The parameters of a BrokersTR twin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from orderseal.sandbox.twins.settings import TwinSettings, require, require_delays

__all__ = ["BrokersTrSettings", "Integration"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Integration:
    """What the on-chain call recipe of each token points at: a local chain, say, in place of the document's.

    * ``contract_address``: the marketplace that ``buy`` is called on; ``token_address``: the house token, the recipe's second argument.
    * ``currency_address``, ``currency_symbol``, ``currency_decimals``: the ERC-20 that is paid with.
    * ``abi``: JSON text; ``None`` for the document's.
    * ``value``: price of one token in whole currency units; ``None`` for the document's.
    """

    chain_id: int
    contract_address: str
    token_address: str
    currency_address: str
    currency_symbol: str = "SUSD"
    currency_decimals: int = 6
    abi: str | None = None
    value: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokersTrSettings(TwinSettings):
    """Parameters of one run. Raises ``ValueError`` for an impossible value.

    * ``integration``: see :class:`Integration`; ``None`` for the document's values.
    * ``requests_per_minute``: the documented limit for each API key; ``None`` switches it off.
    * ``access_lifetime``, ``refresh_lifetime``: seconds that tokens live (documented: 1 hour and 7 days).
    * ``delay_min``, ``delay_max``: seconds until a purchase that was fed is listed; drawn in between.
    * ``external_ids``: ids of the tokenization system that can be associated, besides those that ``seeds()`` names.
    """

    integration: Integration | None = None
    requests_per_minute: int | None = 50
    access_lifetime: float = 3600.0
    refresh_lifetime: float = 7 * 86400.0
    delay_min: float = 0.05
    delay_max: float = 0.3
    external_ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        # The zero-argument form of super() does not work in a dataclass with slots.
        TwinSettings.__post_init__(self)
        require(self.requests_per_minute is None or self.requests_per_minute > 0, "requests_per_minute must be positive or None", 0)
        require(self.access_lifetime > 0, "access_lifetime must be a positive number of seconds", self.access_lifetime)
        require(self.refresh_lifetime > 0, "refresh_lifetime must be a positive number of seconds", self.refresh_lifetime)
        require_delays(self.delay_min, self.delay_max)

    @classmethod
    def of(cls, *, integration: Mapping[str, Any] | None = None, external_ids: tuple[str, ...] = (), **others: Any) -> Self:
        """Return the settings that were written as JSON."""
        return cls(integration=None if integration is None else Integration(**integration), external_ids=tuple(external_ids), **others)
