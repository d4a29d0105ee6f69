"""What all actors of a run share: the twins' addresses, the ledger, the clock of the run, and what went wrong."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from orderseal.api import brokerstr, licenserocks, stove, tokenizationtr
from orderseal.api.submission import Policy
from orderseal.api.transport import RateLimit, Retries
from orderseal.signing import LedgerError, NonceConflict, OrdersealError, RuleViolation, Signer, VenueError
from orderseal.signing.ledger import Ledger

__all__ = ["POLICY", "RETRIES", "Places", "Run"]

POLICY: Final = Policy(sends=4, first_wait=0.02, longest_wait=0.3, settle=0.05, patience=10.0, resend_within=3600.0)
RETRIES: Final = Retries(attempts=6, seconds=20.0, first=0.02, longest=0.3, jitter=0.05)
_ENOUGH: Final = ("place", "associate", "purchase", "buy", "sell", "order", "kills")
_LATEST: Final = 120.0
_TOLD: Final = {"given_up", "lease_lost", "reference_used", "stale"}


@dataclass(frozen=True, slots=True)
class Places:
    """Where the twins are and who we are there; goes to the child process as JSON, over a pipe."""

    stove: str
    brokerstr: str
    brokerstr_login: dict[str, str] = field(repr=False)
    tokenizationtr: str
    tokenizationtr_login: dict[str, str] = field(repr=False)
    licenserocks: str
    licenserocks_token: str = field(repr=False)
    user_id: str
    token_id: str
    price_id: str
    buyer_id: int
    market_ids: Sequence[str]
    listed_id: str


class Run:
    """One run; ``going`` until it is told to end.

    Args:
        name: of this process, in references.
        ends_at: by the monotonic clock.
    """

    def __init__(self, places: Places, ledger: Ledger, seed: int, *, name: str, ends_at: float) -> None:
        self.places, self.ledger, self.name, self.ends_at = places, ledger, name, ends_at
        self.random = random.Random(f"{seed} {name}")
        self.counts: Counter[str] = Counter()
        self.violations: list[str] = []
        self._numbers = 0

    @property
    def going(self) -> bool:
        """Whether there is still time; on a slow machine it goes on until everything was done once."""
        late = time.monotonic() - self.ends_at
        return late < 0 or (late < _LATEST and not all(self.counts[what] for what in _ENOUGH))

    def number(self) -> int:
        """One that this process has not had yet."""
        self._numbers += 1
        return self._numbers

    def life(self) -> float:
        """Until when a client is used before it is closed and opened anew."""
        now = time.monotonic()
        return min(max(self.ends_at, now + 1.0), now + self.random.uniform(3.0, 12.0))

    def broken(self, what: str) -> None:
        """Something that must not be."""
        if len(self.violations) < 50:
            self.violations.append(what)

    async def attempt(self, what: str, asking: Awaitable[Any]) -> Any:
        """Await something that may fail in the ways that are documented; the result, or ``None``."""
        try:
            found = await asking
        except OrdersealError as error:
            self.counts[f"{what}: {type(error).__name__}"] += 1
            reason = getattr(error, "reason", None)
            known = isinstance(error, VenueError | RuleViolation) or (isinstance(error, LedgerError) and reason in _TOLD)
            if isinstance(error, NonceConflict) or not known:
                self.broken(f"{what}: {type(error).__name__}: {error}")
            return None
        self.counts[what] += 1
        return found

    async def cancelled(self, what: str, asking: Callable[[], Awaitable[Any]]) -> None:
        """Begin something, and cancel it in the middle."""
        task = asyncio.ensure_future(self.attempt(what, asking()))
        await asyncio.wait([task], timeout=self.random.uniform(0.0, 0.06))
        if not task.done():
            self.counts["cancelled"] += 1
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if not task.cancelled() and task.exception() is not None:
            self.broken(f"{what}, cancelled: {task.exception()!r}")

    def stove_client(self, signer: Signer) -> stove.AsyncClient:
        return stove.AsyncClient(stove.TESTNET.at(self.places.stove), signer, rate=RateLimit.none(), retries=RETRIES)

    def maker(self, signer: Signer) -> stove.AsyncMaker:
        return stove.AsyncMaker(stove.TESTNET.at(self.places.stove), signer, self.ledger, policy=POLICY)

    def brokerstr_client(self) -> brokerstr.AsyncClient:
        login: dict[str, Any] = self.places.brokerstr_login
        return brokerstr.AsyncClient(self.places.brokerstr, **login, rate=RateLimit.none(), retries=RETRIES)

    def tokenizationtr_client(self) -> tokenizationtr.AsyncClient:
        login: dict[str, Any] = self.places.tokenizationtr_login
        rate = RateLimit.none()
        return tokenizationtr.AsyncClient(
            self.places.tokenizationtr, **login, instance="soak", ledger=self.ledger, rate=rate, retries=RETRIES
        )

    def licenserocks_client(self) -> licenserocks.AsyncClient:
        token = self.places.licenserocks_token
        return licenserocks.AsyncClient(self.places.licenserocks, token, ledger=self.ledger, rate=RateLimit.none(), retries=RETRIES)
