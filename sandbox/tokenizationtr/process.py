"""The TokenizationTR twin as a child process."""

from __future__ import annotations

from dataclasses import dataclass

from orderseal.sandbox.tokenizationtr.settings import TokenizationTrSettings
from orderseal.sandbox.twins.process import TwinServer

__all__ = ["StartedTransaction", "TokenizationTrSandbox"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StartedTransaction:
    """A transaction that really exists at the platform; ``result`` is ``pending``, ``done`` or ``failed``, whatever number it shows."""

    id: str
    user_id: str
    token_id: str
    kind: str
    quantity: float
    result: str


class TokenizationTrSandbox(TwinServer[TokenizationTrSettings]):
    """A TokenizationTR twin in a child process; ``url`` stands for the documents' ``baseUrl``."""

    __doc__ = f"{__doc__}\n\n{TwinServer.__doc__}"
    venue = "tokenizationtr"
    defaults = TokenizationTrSettings

    @property
    def client_id(self) -> str:
        """The UUID of the OAuth client; made at the start of the server, like the other credentials."""
        return self._credential("client_id")

    @property
    def client_secret(self) -> str:
        return self._credential("client_secret")

    @property
    def username(self) -> str:
        """The supervisor's e-mail address."""
        return self._credential("username")

    @property
    def password(self) -> str:
        return self._credential("password")

    def fail_next(self, count: int = 1) -> None:
        """Let the next ``count`` transactions that start end in failure."""
        self._ask("POST", "/sandbox/fail-next-transactions", {"count": count})

    def transactions(self) -> list[StartedTransaction]:
        """Return every purchase, sale and delisting that was accepted, in order, in both generations."""
        return [StartedTransaction(**item) for item in self._ask("GET", "/sandbox/transactions")["transactions"]]
