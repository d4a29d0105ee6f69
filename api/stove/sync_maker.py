"""The maker for callers without an event loop. It runs :class:`.maker.AsyncMaker` on a loop of its own."""

from collections.abc import Iterator, Sequence, Set
from decimal import Decimal
from pathlib import Path
from typing import Literal, Self

from orderseal.api.stove.cancelling import Cancellation, Panic
from orderseal.api.stove.client import AsyncClient
from orderseal.api.stove.intents import NASDAQ, Side
from orderseal.api.stove.maker import AsyncMaker, Placed, Recovered
from orderseal.api.stove.models import FINAL_STATUSES, StatusChange
from orderseal.api.stove.network import Network
from orderseal.api.stove.sync import Client, take_docstrings
from orderseal.api.submission import Policy
from orderseal.api.submission.machine import DEFAULT_POLICY
from orderseal.api.transport import (
    DEFAULT_CONNECTION,
    DEFAULT_LIMITS,
    DEFAULT_RETRIES,
    BackgroundLoop,
    Connection,
    Hooks,
    Limits,
    RateLimit,
    Retries,
)
from orderseal.signing import AddressLike, Clock, OrderRules, Signer, Token, system_clock
from orderseal.signing.ledger import Exposure, Ledger, Slot

__all__ = ["Maker"]


class _SharedClient(Client):
    """The sync client over the maker's own."""

    def __init__(self, client: AsyncClient, loop: BackgroundLoop) -> None:
        self._wrap(client, loop)

    def close(self) -> None:
        """Nothing: it ends with the maker."""


class Maker:
    """A maker at Stove. Entering it settles what an earlier run left open; see :attr:`recovered`.

    Args:
        network: for example ``stove.TESTNET``.
        signer: whose account.
        ledger: a :class:`~orderseal.signing.ledger.Ledger`, or the path of its file, which is then opened and closed here.
        rules: what an order may be, checked before a key is touched.
        policy: how often and how long an order is taken to the venue.
        unsent: what a recovery does with orders that never left, see :meth:`recover`.
        rate, retries, limits, connection, hooks, silence: the client's.
        clock: Unix seconds; for tests.

    Attributes:
        client: the venue's client below, for everything that is no order: positions, profile, quotes.
        recovered: what became of the rows that an earlier run, or another machine that died, left open; the latest last.
    """

    def __init__(
        self,
        network: Network,
        signer: Signer,
        ledger: Ledger | str | Path,
        *,
        rules: OrderRules | None = None,
        policy: Policy = DEFAULT_POLICY,
        unsent: Literal["abandon", "send"] = "abandon",
        rate: RateLimit | None = None,
        retries: Retries = DEFAULT_RETRIES,
        limits: Limits = DEFAULT_LIMITS,
        connection: Connection = DEFAULT_CONNECTION,
        hooks: Hooks | Sequence[Hooks] | None = None,
        silence: float = 90.0,
        clock: Clock = system_clock,
    ) -> None:
        self._async = AsyncMaker(
            network, signer, ledger, rules=rules, policy=policy, unsent=unsent, rate=rate, retries=retries, limits=limits,
            connection=connection, hooks=hooks, silence=silence, clock=clock,
        )  # fmt: skip
        self.network, self.signer, self.ledger, self.scope = network, signer, self._async.ledger, self._async.scope
        self.rules, self.recovered = self._async.rules, self._async.recovered
        self._loop = BackgroundLoop(self._async.aclose)
        self.client: Client = _SharedClient(self._async.client, self._loop)

    def buy(
        self,
        ticker: str,
        *,
        shares: int,
        limit: Decimal,
        pay_with: str | Token,
        reference: str | None = None,
        fair_price: Decimal | None = None,
        deadline: int | None = None,
        life: int | None = None,
        principal: AddressLike | None = None,
        exchange: int = NASDAQ,
    ) -> Placed:
        return self._loop.call(
            self._async.buy(
                ticker,
                shares=shares,
                limit=limit,
                pay_with=pay_with,
                reference=reference,
                fair_price=fair_price,
                deadline=deadline,
                life=life,
                principal=principal,
                exchange=exchange,
            )
        )

    def sell(
        self,
        ticker: str,
        *,
        shares: int,
        limit: Decimal,
        pay_with: str | Token,
        reference: str | None = None,
        fair_price: Decimal | None = None,
        deadline: int | None = None,
        life: int | None = None,
        principal: AddressLike | None = None,
        exchange: int = NASDAQ,
    ) -> Placed:
        return self._loop.call(
            self._async.sell(
                ticker,
                shares=shares,
                limit=limit,
                pay_with=pay_with,
                reference=reference,
                fair_price=fair_price,
                deadline=deadline,
                life=life,
                principal=principal,
                exchange=exchange,
            )
        )

    def place(
        self,
        side: Side,
        ticker: str,
        *,
        shares: int,
        limit: Decimal,
        pay_with: str | Token,
        reference: str | None = None,
        fair_price: Decimal | None = None,
        deadline: int | None = None,
        life: int | None = None,
        principal: AddressLike | None = None,
        exchange: int = NASDAQ,
    ) -> Placed:
        return self._loop.call(
            self._async.place(
                side,
                ticker,
                shares=shares,
                limit=limit,
                pay_with=pay_with,
                reference=reference,
                fair_price=fair_price,
                deadline=deadline,
                life=life,
                principal=principal,
                exchange=exchange,
            )
        )

    def find(self, slot: Slot) -> Placed:
        return self._loop.call(self._async.find(slot))

    def recover(self, *, unsent: Literal["abandon", "send"] | None = None) -> list[Recovered]:
        return self._loop.call(self._async.recover(unsent=unsent))

    def watch(self, placed: Placed, *, until: Set[str] = FINAL_STATUSES) -> Iterator[StatusChange]:
        return self._loop.iterate(self._async.watch(placed, until=until))

    def cancel(self, placed: Placed) -> Cancellation:
        return self._loop.call(self._async.cancel(placed))

    def panic(self) -> Panic:
        return self._loop.call(self._async.panic())

    def reconcile(self, *, max_jump: int = 1_000, skip: int = 0) -> int:
        return self._loop.call(self._async.reconcile(max_jump=max_jump, skip=skip))

    def exposure(self) -> Exposure:
        return self._loop.call(self._async.exposure())

    def close(self) -> None:
        """Close every connection and the ledger if it was opened here, and end the background thread; more than once is fine."""
        self._loop.stop()

    def __enter__(self) -> Self:
        try:
            self._loop.call(self._async.__aenter__())
        except BaseException:  # Nobody leaves what was not entered.
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.network.name!r}, {self.scope.account}, {self.ledger!r})"


take_docstrings(Maker, AsyncMaker)
