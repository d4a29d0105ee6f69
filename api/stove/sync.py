"""The maker's client for Stove for callers without an event loop. It runs :class:`.client.AsyncClient` on a loop of its own."""

from collections.abc import Callable, Collection, Iterator, Sequence, Set
from decimal import Decimal
from typing import Any, Self

from orderseal.api.stove.client import AsyncClient
from orderseal.api.stove.corporate import CorporateAction
from orderseal.api.stove.feeds import DEFAULT_OPTIONS, BookFeed, FeedOptions, OrderFeed
from orderseal.api.stove.intents import NASDAQ, Quote, Side
from orderseal.api.stove.models import (
    FINAL_STATUSES,
    CancelReply,
    Estimate,
    OrderPage,
    PlacedOrder,
    PositionPage,
    Profile,
    StatusChange,
    TokenAddress,
)
from orderseal.api.stove.network import Network
from orderseal.api.stove.stream import AsyncStatusStream
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
from orderseal.signing import DEFAULT_MAX_FEE, AddressLike, Clock, Order, SignedOrder, Signer, Token, system_clock

__all__ = ["Client", "StatusStream", "take_docstrings"]


class StatusStream:
    """The pushes of order statuses, one connection's worth: ``with`` opens it, ``for`` reads it.

    The iteration ends by raising when the connection does. The feed has no sequence numbers and no replay: query after each
    (re)connection. :meth:`Client.follow` does.
    """

    def __init__(self, stream: AsyncStatusStream, loop: BackgroundLoop) -> None:
        self._stream, self._loop = stream, loop

    def __enter__(self) -> Self:
        self._loop.call(self._stream.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        if not self._loop.stopped:
            self._loop.call(self._stream.__aexit__(None, None, None))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> StatusChange:
        try:
            return self._loop.call(self._stream.__anext__())
        except StopAsyncIteration:
            raise StopIteration from None


class Client:
    """A maker at Stove. Logs in by itself when needed; no request is made until a method is called.

    Args:
        network: for example ``stove.TESTNET``.
        signer: whose account; used to log in. Orders are signed by :func:`orderseal.signing.sign_order`.
        rate: by default none, as the venue documents no numbers; share one object among all clients of an account.
        retries: of reads.
        limits: time and size bounds of one exchange.
        connection: proxies, certificates.
        hooks: metrics and tracing.
        silence: seconds without any WebSocket message after which the stream counts as dead.
        clock: Unix seconds; for tests.

    Attributes:
        venue_clock: the venue's time, by the ``Date`` of its own envelopes.
        deadlines: the network's deadline rule by that clock.

    Reads are asked again (:class:`~orderseal.api.transport.Retries`). A write is never sent twice by this class, and its token is renewed
    before it. Its answer means (venue pages *Overview*,
    *Authorization*): :class:`~orderseal.signing.Refused` and below, it did not take effect;
    :class:`~orderseal.signing.OutcomeUnknown`, look it up.
    """

    def __init__(
        self,
        network: Network,
        signer: Signer,
        *,
        rate: RateLimit | None = None,
        retries: Retries = DEFAULT_RETRIES,
        limits: Limits = DEFAULT_LIMITS,
        connection: Connection = DEFAULT_CONNECTION,
        hooks: Hooks | Sequence[Hooks] | None = None,
        silence: float = 90.0,
        clock: Clock = system_clock,
    ) -> None:
        client = AsyncClient(
            network, signer, rate=rate, retries=retries, limits=limits, connection=connection, hooks=hooks, silence=silence, clock=clock
        )
        self._wrap(client, BackgroundLoop(client.aclose))

    def _wrap(self, client: AsyncClient, loop: BackgroundLoop) -> None:
        self._async, self._loop = client, loop
        self.network, self.signer = client.network, client.signer
        self.venue_clock, self.deadlines = client.venue_clock, client.deadlines

    def renew(self) -> None:
        return self._loop.call(self._async.renew())

    def connect(self) -> None:
        return self._loop.call(self._async.connect())

    def next_nonce(self) -> int:
        return self._loop.call(self._async.next_nonce())

    def estimate(self, side: Side, ticker: str, *, shares: int, price: Decimal, pay_with: str | Token, exchange: int = NASDAQ) -> Estimate:
        return self._loop.call(self._async.estimate(side, ticker, shares=shares, price=price, pay_with=pay_with, exchange=exchange))

    def quote(self, side: Side, ticker: str, *, shares: int, limit: Decimal, pay_with: str | Token, exchange: int = NASDAQ) -> Quote:
        return self._loop.call(self._async.quote(side, ticker, shares=shares, limit=limit, pay_with=pay_with, exchange=exchange))

    def new_order(
        self,
        side: Side,
        ticker: str,
        *,
        shares: int,
        limit: Decimal,
        pay_with: str | Token,
        deadline: int | None = None,
        life: int | None = None,
        principal: AddressLike | None = None,
        max_fee: Decimal = DEFAULT_MAX_FEE,
        nonce: int | None = None,
        exchange: int = NASDAQ,
    ) -> Order:
        return self._loop.call(
            self._async.new_order(
                side,
                ticker,
                shares=shares,
                limit=limit,
                pay_with=pay_with,
                deadline=deadline,
                life=life,
                principal=principal,
                max_fee=max_fee,
                nonce=nonce,
                exchange=exchange,
            )
        )

    def create(self, signed: SignedOrder[Order]) -> PlacedOrder:
        return self._loop.call(self._async.create(signed))

    def submit(self, body: bytes, order: Order, signature: bytes, *, before_write: Callable[[], None] | None = None) -> PlacedOrder:
        return self._loop.call(self._async.submit(body, order, signature, before_write=before_write))

    def under_nonce(self, nonce: int, *, once: bool = False) -> list[PlacedOrder]:
        return self._loop.call(self._async.under_nonce(nonce, once=once))

    def find(self, signed: SignedOrder[Order]) -> PlacedOrder | None:
        return self._loop.call(self._async.find(signed))

    def query(
        self,
        *,
        order_hash: str | None = None,
        nonce: int | None = None,
        ticker: str | None = None,
        is_buy: bool | None = None,
        status: Collection[str] | None = None,
        asset: AddressLike | None = None,
        principal: AddressLike | None = None,
        created_after: int | None = None,
        created_before: int | None = None,
        deadline_after: int | None = None,
        deadline_before: int | None = None,
        sort_by: str | None = None,
        sort_order: str | None = None,
        page: int = 1,
        page_size: int = 100,
    ) -> OrderPage:
        return self._loop.call(
            self._async.query(
                order_hash=order_hash,
                nonce=nonce,
                ticker=ticker,
                is_buy=is_buy,
                status=status,
                asset=asset,
                principal=principal,
                created_after=created_after,
                created_before=created_before,
                deadline_after=deadline_after,
                deadline_before=deadline_before,
                sort_by=sort_by,
                sort_order=sort_order,
                page=page,
                page_size=page_size,
            )
        )

    def order(self, order_hash: str) -> PlacedOrder:
        return self._loop.call(self._async.order(order_hash))

    def cancel(self, order_id: str) -> CancelReply:
        return self._loop.call(self._async.cancel(order_id))

    def positions(self, *, ticker: str | None = None, page: int = 1, page_size: int = 100) -> PositionPage:
        return self._loop.call(self._async.positions(ticker=ticker, page=page, page_size=page_size))

    def profile(self) -> Profile:
        return self._loop.call(self._async.profile())

    def token_address(self, ticker: str, *, exchange: int = NASDAQ) -> TokenAddress:
        return self._loop.call(self._async.token_address(ticker, exchange=exchange))

    def corporate_actions(self, *, token: AddressLike | None = None) -> tuple[CorporateAction, ...]:
        return self._loop.call(self._async.corporate_actions(token=token))

    def stream(self, *, seconds: float | None = None) -> StatusStream:
        return StatusStream(self._async.stream(seconds=seconds), self._loop)

    def feed(self, *, options: FeedOptions = DEFAULT_OPTIONS) -> OrderFeed:
        return OrderFeed(self._async.feed(options=options), self._loop)

    def book_feed(self, symbols: Sequence[str], *, options: FeedOptions = DEFAULT_OPTIONS) -> BookFeed:
        return BookFeed(self._async.book_feed(symbols, options=options), self._loop)

    def follow(self, placed: PlacedOrder, *, until: Set[str] = FINAL_STATUSES) -> Iterator[StatusChange]:
        return self._loop.iterate(self._async.follow(placed, until=until))

    def close(self) -> None:
        """Close every connection, forget the token and end the background thread; more than once is fine."""
        self._loop.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.network.name!r}, {self.signer.address})"


def take_docstrings(own: type[Any], twin: type[Any]) -> None:
    """Give the methods of a sync class what the async one says of them."""
    for name, method in list(vars(own).items()):
        if callable(method) and not method.__doc__ and callable(getattr(twin, name, None)):
            method.__doc__ = getattr(twin, name).__doc__


take_docstrings(Client, AsyncClient)
