"""The maker's client for Stove, async. :mod:`.sync` is the same for callers without an event loop."""

import asyncio
import logging
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Sequence, Set
from decimal import Decimal
from types import TracebackType
from typing import Final, Self
from weakref import WeakSet

import msgspec

from orderseal.api.stove.corporate import CorporateAction, CorporateActions
from orderseal.api.stove.feeds import DEFAULT_OPTIONS, AsyncBookFeed, AsyncOrderFeed, FeedOptions
from orderseal.api.stove.intents import NASDAQ, Quote, Side, check_intent, check_ticker, limit_order, market_price
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
from orderseal.api.stove.session import Session
from orderseal.api.stove.snapshots import snapshot
from orderseal.api.stove.stream import AsyncStatusStream
from orderseal.api.stove.wire import Enveloped, joined, path_segment
from orderseal.api.transport import (
    DEFAULT_CONNECTION,
    DEFAULT_LIMITS,
    DEFAULT_RETRIES,
    Call,
    Connection,
    Hooks,
    Limits,
    Listener,
    RateLimit,
    Retries,
    is_protocol,
    websocket_url,
    words,
)
from orderseal.signing import (
    DEFAULT_MAX_FEE,
    Address,
    AddressLike,
    Clock,
    InvalidInput,
    InvalidReply,
    NonceConflict,
    Order,
    OutcomeUnknown,
    RateLimited,
    SignedOrder,
    Signer,
    Token,
    Unauthorized,
    Unreachable,
    describe,
    system_clock,
    venue_payload,
)

__all__ = ["AsyncClient"]

_LOG = logging.getLogger("orderseal.api.stove")

_SILENCE: Final = 90.0
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_MOST_PRICE_DIGITS: Final = 30
_SMALLEST_TICK: Final = Decimal("0.01")  # The venue may echo a price rounded to cents.
_FIRST_BACKOFF: Final = 0.5
_LONGEST_BACKOFF: Final = 30.0
_MOST_INVALID_REPLIES: Final = 10
_ORDERS: Final = "/api/v1/orders"
_PAGE_SIZE: Final = 100


class _Nonce(msgspec.Struct):
    maker: str
    next_nonce: int


class AsyncClient:
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
        silence: float = _SILENCE,
        clock: Clock = system_clock,
    ) -> None:
        if not isinstance(network, Network):
            raise InvalidInput(
                path="network", expected="a Network, such as stove.TESTNET or stove.TESTNET.at(url)", actual=describe(network)
            )
        if not hasattr(signer, "address"):
            raise InvalidInput(path="signer", expected="a signer, such as LocalSigner.from_env(…)", actual=f"a {type(signer).__name__}")
        self.network = network
        self.signer = signer
        self._session = Session(network, signer, rate=rate, retries=retries, limits=limits, connection=connection, hooks=hooks, clock=clock)
        self.venue_clock = self._session.venue_clock
        self.deadlines = network.deadline_rule.at(self.venue_clock)
        self._limits, self._connection, self._closed = limits, connection, False
        self._silence = silence
        self._clock = clock
        self._listeners: set[Listener] = set()
        self._feeds = WeakSet[AsyncOrderFeed | AsyncBookFeed]()

    async def renew(self) -> None:
        """Log in if there is no token or it is about to run out, so that the next write goes through no login."""
        await self._session.renew()

    async def connect(self) -> None:
        """Log in now (venue page *Authorization*); every other method does it when needed.

        Raises:
            Refused: the venue does not accept the login; the message says whether a wrong clock may be why.
        """
        await self._session.connect()

    async def next_nonce(self) -> int:
        """The nonce that the venue expects next (*Nonce*). Reading it reserves nothing, as far as is documented."""
        reply = await self._session.read(Call("read the next nonce", "GET", "/api/v1/orders/maker/next-nonce", Enveloped[_Nonce]))
        if reply.maker.lower() != str(self._session.address).lower():
            raise InvalidReply("read the next nonce: the answer is for another account", status=200)
        if not 0 <= reply.next_nonce < 2**53:
            raise InvalidReply("read the next nonce: the answer is out of range", status=200)
        return reply.next_nonce

    async def estimate(
        self, side: Side, ticker: str, *, shares: int, price: Decimal, pay_with: str | Token, exchange: int = NASDAQ
    ) -> Estimate:
        """Ask for the fee and the converted price (*Estimate Order Fee*).

        Args:
            price: of one share in the stock market's currency (USD), as ``Decimal``.
            pay_with: the payment token.
        """
        check_intent(side, shares)
        if not isinstance(ticker, str) or not 0 < len(ticker) <= 64 or not ticker.isprintable():
            raise InvalidInput(path="ticker", expected="a stock symbol such as AAPL", actual=describe(ticker))
        token = self.network.token(pay_with)
        if not isinstance(price, Decimal) or not price.is_finite() or price <= 0 or abs(price.adjusted()) > _MOST_PRICE_DIGITS:
            actual = str(price)[:40] if isinstance(price, Decimal) else describe(price)
            raise InvalidInput(path="price", expected="a Decimal above 0", actual=actual)
        body = {
            "is_buy": side == "buy",
            "ticker": ticker,
            "exchange": exchange,
            "quantity": str(shares),
            "price": f"{price:f}",
            "asset": str(token.address),
            "target_currency": token.symbol,
        }
        call = Call("estimate the fee", "POST", "/api/v1/orders/estimate_charge", Enveloped[Estimate], body=body)
        found = await self._session.read(call)
        if found.target_currency != token.symbol:
            raise InvalidReply(f"estimate the fee: asked in {token}, the answer is in another currency", status=200)
        if not found.price_base.is_finite() or abs(found.price_base - price) > price / 1000 + _SMALLEST_TICK:
            raise InvalidReply(f"estimate the fee: asked for a price of {price:f}, the answer is for another one", status=200)
        return found

    async def quote(self, side: Side, ticker: str, *, shares: int, limit: Decimal, pay_with: str | Token, exchange: int = NASDAQ) -> Quote:
        """Find the fee to offer for a limit in the payment token. Reads only.

        The venue estimates for a price in USD, and compares its estimate for the order with the fee offered, so it is asked
        twice: for the exchange rate, and for the fee at the limit converted by it. :attr:`Quote.fee` has 1 % of head-room.

        Raises:
            InvalidReply: an exchange rate beyond belief.
        """
        check_intent(side, shares)
        check_ticker(ticker)
        token = self.network.token(pay_with)
        if not token.amount(limit, path="limit").units:
            raise InvalidInput(path="limit", expected="a price above 0", actual=str(limit))
        first = await self.estimate(side, ticker, shares=shares, price=Decimal(limit), pay_with=token, exchange=exchange)
        price = market_price(Decimal(limit), first.exchange_rate)
        second = await self.estimate(side, ticker, shares=shares, price=price, pay_with=token, exchange=exchange)
        return Quote.from_estimate(second, token)

    async def new_order(
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
        """Build an order ready to sign: quote, check against your bounds, take the next nonce. Nothing is placed.

        The limit is signed exactly. The fee offered is that of :meth:`quote`, bounded by ``max_fee``. For the other arguments
        and errors see :func:`limit_order`. Reading a nonce reserves nothing: two orders built at the same time may get the same
        one, so build one after the other is placed, or give each its own ``nonce``.
        """
        token = self.network.token(pay_with)
        quote = await self.quote(side, ticker, shares=shares, limit=limit, pay_with=token, exchange=exchange)
        return limit_order(
            self.network,
            side,
            ticker,
            shares=shares,
            limit=limit,
            pay_with=token,
            maker=self._session.address,
            fee=quote.fee,
            nonce=await self.next_nonce() if nonce is None else nonce,
            now=self._clock(),
            deadline=deadline,
            life=life,
            principal=principal,
            max_fee=max_fee,
            exchange=exchange,
        )

    async def create(self, signed: SignedOrder[Order]) -> PlacedOrder:
        """Submit a signed order (*Create Order*), once.

        Raises:
            InvalidInput: it is for another account or another network.
            RuleViolation: its deadline no longer holds. Nothing was sent.
            Refused: the venue refused it. A proxy that delivers a request twice gets this answer to the second: :meth:`find` tells.
            OutcomeUnknown: it may have been accepted: use :meth:`find`.
            Unreachable: nothing was sent.
        """
        if not isinstance(signed, SignedOrder) or not isinstance(signed.order, Order):
            raise InvalidInput(path="signed", expected="a SignedOrder, as sign_order makes it", actual=describe(signed))
        order = signed.order
        if signed.domain != self.network.domain:
            raise InvalidInput(path="domain", expected=repr(self.network.domain), actual=repr(signed.domain))
        if order.maker != self._session.address:
            raise InvalidInput(path="order.maker", expected=f"the account of this client, {self._session.address}", actual=str(order.maker))
        self.deadlines.check(order.deadline, self._clock())
        return await self.submit(venue_payload(signed), order, signed.signature)

    async def submit(self, body: bytes, order: Order, signature: bytes, *, before_write: Callable[[], None] | None = None) -> PlacedOrder:
        """Submit exact bytes that hold this order and signature, once: what :meth:`create` does, without its checks.

        Args:
            before_write: called right before the first byte is written; if it raises, nothing is sent.
        """
        call = Call(
            "create the order",
            "POST",
            _ORDERS,
            Enveloped[PlacedOrder],
            raw=body,
            nonce=order.nonce,
            before_write=before_write,
            secrets=(signature.hex(),),
        )
        placed = await self._session.write(call)
        if not placed.is_for(order, signature):
            raise OutcomeUnknown(
                f"create the order: the venue confirmed another order than the one sent. Look it up by nonce {order.nonce}",
                nonce=order.nonce,
            )
        return placed

    async def find(self, signed: SignedOrder[Order]) -> PlacedOrder | None:
        """Look a signed order up by its nonce: what to do after :class:`~orderseal.signing.OutcomeUnknown`.

        Gives the order if every field and the signature are ours, ``None`` if the venue has none under the nonce — which is
        no proof that it will not appear yet.

        Raises:
            NonceConflict: another order of this account has the nonce.
        """
        nonce = signed.order.nonce
        ours = [order for order in await self.under_nonce(nonce) if order.maker == signed.order.maker]
        for order in ours:
            if order.is_for(signed.order, signed.signature):
                return order
        if ours:
            other = ours[0].id if _UUID.fullmatch(ours[0].id) else "its id is no uuid"
            raise NonceConflict(f"the venue holds another order of {signed.order.maker} under nonce {nonce}: {other}", nonce=nonce)
        return None

    async def under_nonce(self, nonce: int, *, once: bool = False) -> list[PlacedOrder]:
        """Every order of this account that the venue holds under a nonce.

        Args:
            once: whether a read that fails is not asked again, because the caller does that in its own time.
        """
        query = {"nonce": nonce, "page": 1, "page_size": _PAGE_SIZE}
        shown = await self._session.read(Call("query orders", "GET", _ORDERS, Enveloped[OrderPage], query=query, once=once))
        return [order for order in shown.orders if order.nonce == nonce and order.maker == self._session.address]

    async def query(
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
        page_size: int = _PAGE_SIZE,
    ) -> OrderPage:
        """Read own orders, one page (*Query Orders*). Times are Unix seconds; ``status`` is a list of any of them; at most 100 a page."""
        filters = {
            "order_hash": order_hash,
            "nonce": nonce,
            "ticker": ticker,
            "is_buy": is_buy,
            "status": joined(status),
            "asset": _address_text(asset),
            "principal": _address_text(principal),
            "created_after": created_after,
            "created_before": created_before,
            "deadline_after": deadline_after,
            "deadline_before": deadline_before,
            "sort_by": sort_by,
            "sort_order": sort_order,
            "page": page,
            "page_size": page_size,
        }
        return await self._session.read(Call("query orders", "GET", _ORDERS, Enveloped[OrderPage], query=filters))

    async def order(self, order_hash: str) -> PlacedOrder:
        """Read one own order by the venue's hash.

        Raises:
            InvalidReply: the venue has no such order.
        """
        found = [order for order in (await self.query(order_hash=order_hash)).orders if order.order_hash.lower() == order_hash.lower()]
        if len(found) != 1:
            raise InvalidReply(
                f"query orders: {len(found)} orders have the order_hash {words(order_hash)[:80]}, expected one (an id is another thing)",
                status=200,
            )
        return found[0]

    async def cancel(self, order_id: str) -> CancelReply:
        """Ask to cancel an order by its uuid ``id`` (*Cancel Order*).

        For a locked order this is a request, and its taker answers later: follow the status. Whatever the answer, the
        signature stays good until the deadline. It is ``POST …/cancel``, as the reference page has it; the ``DELETE`` of the testing
        guide has no reference page, and says nothing of what it answers.

        Raises:
            Refused: for example, it is filled already.
            OutcomeUnknown: read the order's status.
        """
        segments = {"order_id": path_segment(order_id, "order_id")}
        call = Call("cancel the order", "POST", "/api/v1/orders/{order_id}/cancel", Enveloped[CancelReply], segments=segments)
        reply = await self._session.write(call)
        if reply.order_id.lower() != order_id.lower():
            raise call.request(takes_effect=True).lost("the answer is for another order")
        return reply

    async def positions(self, *, ticker: str | None = None, page: int = 1, page_size: int = _PAGE_SIZE) -> PositionPage:
        """Read own holdings, one page (*Positions*)."""
        query = {"ticker": ticker, "page": page, "page_size": page_size}
        return await self._session.read(Call("read positions", "GET", "/api/v1/positions", Enveloped[PositionPage], query=query))

    async def profile(self) -> Profile:
        """Read own account's state (*Profile*)."""
        found = await self._session.read(Call("read the profile", "GET", "/api/v1/makers/profiles", Enveloped[Profile]))
        if found.wallet_address != self._session.address:
            raise InvalidReply("read the profile: the answer is for another account", status=200)
        return found

    async def token_address(self, ticker: str, *, exchange: int = NASDAQ) -> TokenAddress:
        """Read the contract of a stock token (*Token Address*)."""
        query = {"ticker": ticker, "exchange": exchange}
        what, path = "read the token address", "/api/v1/instruments/token-address"
        found = await self._session.read(Call(what, "GET", path, Enveloped[TokenAddress], query=query))
        if found.ticker != ticker or found.exchange_id != exchange:
            raise InvalidReply("read the token address: the answer is for another stock", status=200)
        return found

    async def corporate_actions(self, *, token: AddressLike | None = None) -> tuple[CorporateAction, ...]:
        """Read what is pending for own holdings: dividends, splits, delistings (*Corporate actions*).

        The path is the one that the page names. Its curl shows another one with the maker's address in it, which no text mentions.

        Args:
            token: of the stock, for one stock alone.

        Raises:
            InvalidReply: an action is for another account or stock, or holds a number that is none.
        """
        what, path = "read the corporate actions", "/api/v1/maker/corporate-actions/pending"
        address = None if token is None else Address(token)
        query = {"token": _address_text(address)}
        found = await self._session.read(Call(what, "GET", path, Enveloped[CorporateActions], query=query))
        for action in found.actions or ():
            if action.maker != self._session.address or address not in (None, action.token_address):
                raise InvalidReply(f"{what}: an action of the answer is for another account or stock", status=200)
            if not all(number.is_finite() for number in (action.holding_qty, action.action_qty, action.compensation_qty)):
                raise InvalidReply(f"{what}: a quantity that is no number", status=200)
        return found.actions or ()

    def stream(self, *, seconds: float | None = None) -> AsyncStatusStream:
        """Subscribe to the status changes of own orders (*Order Status Event Push*). Subscribe before submitting.

        Args:
            seconds: after which the iteration ends by itself; by default it goes on while the connection does.

        Raises:
            Unauthorized: the token was refused.
            Unreachable: no connection; while iterating: it ended, or was silent for too long.
        """
        return AsyncStatusStream(self._listen, self._leave, seconds)

    def feed(self, *, options: FeedOptions = DEFAULT_OPTIONS) -> AsyncOrderFeed:
        """The status changes of all own orders, which comes back by itself and tells what was missed: ``async with``, ``async for``.

        It ends with the client. See :class:`AsyncOrderFeed`.
        """

        def fetch(status: Collection[str] | None, page: int) -> Awaitable[OrderPage]:
            return self.query(status=status, sort_by="created_at", sort_order="desc", page=page, page_size=100)

        headers, given = self._session.handshake(), self._open_options(options)
        feed = AsyncOrderFeed(self.network.base_url, headers, lambda: snapshot(fetch, lambda: feed.live), options=given)
        self._feeds.add(feed)
        return feed

    def book_feed(self, symbols: Sequence[str], *, options: FeedOptions = DEFAULT_OPTIONS) -> AsyncBookFeed:
        """The order books of some symbols, pushed (*Orderbook Data Push*): ``async with``, ``async for``. It ends with the client.

        Args:
            symbols: ``AAPL`` or ``doge@dcex``.
        """
        headers = self._session.handshake()

        async def token(renew: bool) -> str:
            found = (await headers(renew))["Authorization"].removeprefix("Bearer ")
            if not is_protocol(found):
                raise InvalidReply("open the order book feed: the venue's token does not fit into a list of sub-protocols", status=200)
            return found

        feed = AsyncBookFeed(self.network.base_url, symbols, token, options=self._open_options(options))
        self._feeds.add(feed)
        return feed

    def _open_options(self, options: FeedOptions) -> FeedOptions:
        if self._closed:
            raise Unreachable("open the feed: this client is closed")
        return options.over(self._connection)

    async def _leave(self, listener: Listener) -> None:
        try:
            await listener.aclose()
        finally:
            self._listeners.discard(listener)

    async def _listen(self) -> Listener:
        """Open the stream; a refused token is renewed and tried once more, since subscribing changes nothing."""
        url = websocket_url(self.network.base_url, "/ws/maker/v1?types=order_status_change")
        for last in (False, True):
            headers = await self._session.headers()
            listener = Listener(url, headers, self._silence, self._limits.connect, connection=self._connection)
            try:
                await listener.open()
            except Unauthorized:
                self._session.drop(headers)
                if last:
                    raise
            else:
                self._listeners.add(listener)
                return listener
        raise AssertionError("unreachable: the second round returns or raises")

    async def follow(self, placed: PlacedOrder, *, until: Set[str] = FINAL_STATUSES) -> AsyncGenerator[StatusChange]:
        """Yield the changes of one order until a final status that a query confirms. Survives lost connections.

        After each (re)connection the order is queried, and a change that was missed is yielded with ``pushed=False``. Changes
        may repeat (lock, unlock, lock); none is left out that the venue still shows. ``until`` may name further statuses to
        stop at, for example ``{"partially_filled"}``; a final one always ends it.

        Raises:
            InvalidReply: the venue has no such order, or answers something else, ten times in a row.
        """
        if not isinstance(placed, PlacedOrder):
            raise InvalidInput(path="placed", expected="a PlacedOrder, as create and query give it", actual=describe(placed))
        ends = until | FINAL_STATUSES
        known = placed.status
        backoff, failures = _FIRST_BACKOFF, 0
        while True:
            began = time.monotonic()
            try:
                async with self.stream() as changes:
                    current = await self.order(placed.order_hash)
                    if current.status != known:
                        yield StatusChange(order_hash=placed.order_hash, from_status=known, to_status=current.status, pushed=False)
                        known = current.status
                    if known in ends:
                        return
                    async for change in changes:
                        if change.order_hash.lower() != placed.order_hash.lower():
                            continue
                        known = change.to_status
                        yield change
                        if known in ends:
                            if (await self.order(placed.order_hash)).status == known:
                                return
                            break  # Push and query disagree: wait a little, and begin again from what a query says.
            except (Unreachable, InvalidReply, RateLimited) as error:
                if time.monotonic() - began > _LONGEST_BACKOFF:  # It worked for a while: this trouble is a new one.
                    backoff, failures = _FIRST_BACKOFF, 0
                failures += isinstance(error, InvalidReply)
                if failures >= _MOST_INVALID_REPLIES:
                    raise
                wanted = error.retry_after if isinstance(error, RateLimited) else None
                backoff = min(max(backoff, wanted or 0.0), _LONGEST_BACKOFF)
                _LOG.warning("%s; listening again in %g s", error, backoff)
            await asyncio.sleep(backoff)
            backoff = min(backoff * 2, _LONGEST_BACKOFF)

    async def aclose(self) -> None:
        """Close every connection and forget the token."""
        self._closed = True
        for feed in list(self._feeds):
            await feed.aclose()
        while self._listeners:
            await self._listeners.pop().aclose()
        await self._session.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.network.name!r}, {self._session.address})"


def _address_text(value: AddressLike | None) -> str | None:
    return None if value is None else str(Address(value))
