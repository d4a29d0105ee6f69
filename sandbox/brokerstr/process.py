"""The BrokersTR twin as a child process."""

from __future__ import annotations

from orderseal.sandbox.brokerstr.settings import BrokersTrSettings
from orderseal.sandbox.twins.process import TwinServer

__all__ = ["BrokersTrSandbox"]


class BrokersTrSandbox(TwinServer[BrokersTrSettings]):
    """A BrokersTR twin in a child process; ``url`` plus ``/api/v1/integration`` is the documented base."""

    __doc__ = f"{__doc__}\n\n{TwinServer.__doc__}"
    venue = "brokerstr"
    defaults = BrokersTrSettings

    @property
    def api_key(self) -> str:
        """Body ``api_key``, or header ``Api-Key``; made at the start of the server."""
        return self._credential("api_key")

    @property
    def api_secret(self) -> str:
        """Body ``secret_key``, or header ``Api-Secret``."""
        return self._credential("secret_key")

    def feed_purchase(
        self,
        *,
        hash: str,  # noqa: A002 - the platform's own name
        buyer_address: str,
        quantity: int,
        price: float | None = None,
        token_id: str | None = None,
        market_id: str | None = None,
        seller_address: str = "",
        delay: float | None = None,
    ) -> str:
        """Let an on-chain purchase appear in the external purchases after ``delay`` seconds, by default a short time by chance.

        Returns its id. ``price`` is in whole units of the currency; token and market are by default those of ``seeds()``.
        """
        given = {"hash": hash, "buyer_address": buyer_address, "quantity": quantity, "seller_address": seller_address}
        optional = {"price": price, "token_id": token_id, "market_id": market_id, "delay": delay}
        body = given | {name: value for name, value in optional.items() if value is not None}
        return str(self._ask("POST", "/sandbox/purchases", body)["id"])
