"""For callers without an event loop: each client runs its async twin on a loop of its own.

The async ones are in :mod:`orderseal.api.stove.public`.
"""

# Written by tools/make_sync.py from api/stove/public.py: change that file, and run the tool again.

from collections.abc import Sequence
from typing import Self

from orderseal.api.stove.intents import NASDAQ
from orderseal.api.stove.network import Network
from orderseal.api.stove.public import AsyncPublic, OrderBook, Stats, TickerStats
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
from orderseal.signing import Clock, VenueClock, system_clock

__all__ = ["Public"]


class Public:
    """Stove's public interface: reads that need no account. No request is made until a method is called.

    Args:
        network: for example ``stove.TESTNET``.
        rate: by default none, as the venue documents no numbers.
        retries: of reads.
        limits: time and size bounds of one exchange.
        connection: proxies, certificates.
        hooks: metrics and tracing.
        clock: Unix seconds; for tests.

    Attributes:
        venue_clock: the venue's time, by the ``Date`` of its own envelopes.

    Every method may raise: :class:`~orderseal.signing.InvalidInput`, nothing was sent; :class:`~orderseal.signing.Refused` and below, the
    venue said so; :class:`~orderseal.signing.InvalidReply`; :class:`~orderseal.signing.Unreachable`.

    Example::

        with Public(TESTNET) as public:
            book = public.order_book("AAPL")
            print(book.ask[0].price if book.ask else "nothing for sale")
    """

    def __init__(
        self,
        network: Network,
        *,
        rate: RateLimit | None = None,
        retries: Retries = DEFAULT_RETRIES,
        limits: Limits = DEFAULT_LIMITS,
        connection: Connection = DEFAULT_CONNECTION,
        hooks: Hooks | Sequence[Hooks] | None = None,
        clock: Clock = system_clock,
    ) -> None:
        self._async = AsyncPublic(network, rate=rate, retries=retries, limits=limits, connection=connection, hooks=hooks, clock=clock)
        self._loop = BackgroundLoop(self._async.aclose)

    @property
    def network(self) -> Network:
        return self._async.network

    @property
    def venue_clock(self) -> VenueClock:
        return self._async.venue_clock

    def stats(self) -> Stats:
        """Read the venue's totals (*Stats*)."""
        return self._loop.call(self._async.stats())

    def order_book(self, ticker: str, *, exchange: int = NASDAQ) -> OrderBook:
        """Read the order book of a stock (*Order book*)."""
        return self._loop.call(self._async.order_book(ticker, exchange=exchange))

    def ticker_stats(self, ticker: str, *, exchange: int = NASDAQ) -> TickerStats:
        """Read a stock's totals, and the address of its token (*Ticker stats*). An address from here is the venue's word."""
        return self._loop.call(self._async.ticker_stats(ticker, exchange=exchange))

    def close(self) -> None:
        """Close what is open, and end the background thread; more than once is fine.

        Example::

            client.close()
        """
        self._loop.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return repr(self._async).replace(type(self._async).__name__, type(self).__name__, 1)
