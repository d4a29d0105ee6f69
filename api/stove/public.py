"""What Stove tells everybody, async. :mod:`.sync_public` is the same for callers without an event loop."""

from collections.abc import Sequence
from decimal import Decimal
from types import TracebackType
from typing import Final, Self, TypeVar

import msgspec

from orderseal.api.stove.feeds import Level
from orderseal.api.stove.intents import NASDAQ, check_ticker
from orderseal.api.stove.models import BaseUnits, Moment, decode_hook
from orderseal.api.stove.network import Network
from orderseal.api.stove.wire import Enveloped, read_error
from orderseal.api.transport import (
    DEFAULT_CONNECTION,
    DEFAULT_LIMITS,
    DEFAULT_RETRIES,
    Call,
    Caller,
    Connection,
    Hooks,
    Limits,
    RateLimit,
    Retries,
)
from orderseal.signing import Address, Clock, InvalidInput, InvalidReply, VenueClock, describe, system_clock

__all__ = ["AsyncPublic", "OrderBook", "Stats", "TickerStats"]

_T = TypeVar("_T")

_MOST_DIGITS: Final = 30


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """The venue's totals (*Stats*). The page labels ``total_balance`` wei; its example is ``497438``."""

    total_user_addresses: int
    total_orders: int
    total_instruments: int
    total_balance: BaseUnits
    total_minted_tokens: BaseUnits
    total_market_value: Decimal


class OrderBook(msgspec.Struct, frozen=True, kw_only=True):
    """An order book at one moment (*Order book*), its levels in the venue's order. Prices are in the stock market's currency.

    Attributes:
        symbol, market: for example ``AAPL`` and ``usex``.
        ask, bid: what is offered for sale, and what is wanted.
    """

    symbol: str
    market: str
    ask: tuple[Level, ...]
    bid: tuple[Level, ...]
    time: Moment


class TickerStats(msgspec.Struct, frozen=True, kw_only=True):
    """A stock's totals (*Ticker stats*).

    Attributes:
        address: of the stock token.
        orders: how many.
        volume: as the venue writes it; its unit is not documented.
    """

    ticker: str
    name: str
    address: Address
    exchange: int
    orders: int
    volume: Decimal


class AsyncPublic:
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

        async with AsyncPublic(TESTNET) as public:
            book = await public.order_book("AAPL")
            print(book.ask[0].price if book.ask else "nothing for sale")
    """

    network: Network
    venue_clock: VenueClock

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
        if not isinstance(network, Network):
            raise InvalidInput(path="network", expected="a Network, such as stove.TESTNET", actual=describe(network))
        self.network = network
        self._caller = Caller(
            network.base_url,
            venue="stove",
            refusal=read_error,
            rate=rate,
            retries=retries,
            limits=limits,
            connection=connection,
            hooks=hooks,
            dec_hook=decode_hook,
            clock=clock,
        )
        self.venue_clock = self._caller.venue_clock

    async def stats(self) -> Stats:
        """Read the venue's totals (*Stats*)."""
        found = (await self._caller.read(Call("read the statistics", "GET", "/api/v1/stats", Enveloped[Stats]))).data
        return _believed(found, "read the statistics", found.total_market_value)

    async def order_book(self, ticker: str, *, exchange: int = NASDAQ) -> OrderBook:
        """Read the order book of a stock (*Order book*)."""
        what, path = "read the order book", "/api/v1/tickers/{symbol}/orderbooks"
        check_ticker(ticker)
        call = Call(what, "GET", path, Enveloped[OrderBook], segments={"symbol": ticker}, query={"exchange": exchange})
        found = (await self._caller.read(call)).data
        if found.symbol.upper() != ticker:
            raise InvalidReply(f"{what}: the answer is for another stock", status=200)
        levels = (*found.ask, *found.bid)
        if any(level.price == 0 for level in levels):
            raise InvalidReply(f"{what}: a level has the price 0", status=200)
        return _believed(found, what, *(number for level in levels for number in (level.price, level.volume)))

    async def ticker_stats(self, ticker: str, *, exchange: int = NASDAQ) -> TickerStats:
        """Read a stock's totals, and the address of its token (*Ticker stats*). An address from here is the venue's word."""
        what, path = "read the ticker's statistics", "/api/v1/tickers/{symbol}/stats"
        check_ticker(ticker)
        call = Call(what, "GET", path, Enveloped[TickerStats], segments={"symbol": ticker}, query={"exchange": exchange})
        found = (await self._caller.read(call)).data
        if found.ticker.upper() != ticker or found.exchange != exchange:
            raise InvalidReply(f"{what}: the answer is for another stock", status=200)
        return _believed(found, what, found.volume)

    async def aclose(self) -> None:
        """Close every connection."""
        await self._caller.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.network.name!r})"


def _believed(found: _T, what: str, *numbers: Decimal) -> _T:
    """Refuse a number that is none, is negative, or has an exponent that nobody writes out."""
    if any(not number.is_finite() or number < 0 or abs(number.adjusted()) > _MOST_DIGITS for number in numbers):
        raise InvalidReply(f"{what}: a number that cannot be", status=200)
    return found
