"""The License.rocks twin as a child process."""

from __future__ import annotations

from dataclasses import dataclass

from orderseal.sandbox.licenserocks.settings import LicenseRocksSettings
from orderseal.sandbox.twins.process import TwinServer

__all__ = ["LicenseRocksSandbox", "Transfer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """An NFT that an order hands over; ``result`` is ``pending``, ``done`` or ``failed``, whatever the order's status shows."""

    order_id: int
    nft_id: int
    listing_id: int
    buyer_id: int
    quantity: int
    result: str


class LicenseRocksSandbox(TwinServer[LicenseRocksSettings]):
    """A License.rocks twin in a child process; ``url`` stands for the documents' ``https://{INSTANCE_URL}``."""

    __doc__ = f"{__doc__}\n\n{TwinServer.__doc__}"
    venue = "licenserocks"
    defaults = LicenseRocksSettings

    @property
    def token(self) -> str:
        """The API token of the order API (the administrator's); made at the start of the server, like the others."""
        return self._credential("token")

    @property
    def user_token(self) -> str:
        """The token of one user (``user_id`` of ``seeds()``), for the public API with ``Bearer``."""
        return self._credential("user_token")

    @property
    def cookie(self) -> str:
        """The value of that user's ``token`` cookie."""
        return self._credential("cookie")

    def fail_next(self, count: int = 1) -> None:
        """Let the next ``count`` transfers that start end in failure."""
        self._ask("POST", "/sandbox/fail-next-transfers", {"count": count})

    def transfers(self) -> list[Transfer]:
        """Return every transfer that an order of this run started, in order."""
        return [Transfer(**item) for item in self._ask("GET", "/sandbox/transfers")["transfers"]]
