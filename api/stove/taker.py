"""The taker's client for Stove, async. :mod:`.sync_taker` is the same for callers without an event loop."""

from collections.abc import Awaitable, Collection, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Self, TypeVar
from weakref import WeakSet

from orderseal.api.stove.checking import checked_order
from orderseal.api.stove.feeds import DEFAULT_OPTIONS, AsyncTakerFeed, FeedOptions
from orderseal.api.stove.feeds.orders import TAKER_PATH
from orderseal.api.stove.models import PlacedOrder, QuantityUnit, decode_hook
from orderseal.api.stove.network import Network
from orderseal.api.stove.snapshots import snapshot
from orderseal.api.stove.taker_models import CancelResult, Filled, FillPage, Lock, TakerOrder, TakerOrderPage, Unlock, Validation
from orderseal.api.stove.wire import Enveloped, joined, read_taker_error, tell_of_clock
from orderseal.api.transport import (
    DEFAULT_CONNECTION,
    DEFAULT_LIMITS,
    DEFAULT_RETRIES,
    Call,
    Caller,
    Connection,
    HmacAuth,
    Hooks,
    Limits,
    RateLimit,
    Request,
    Retries,
)
from orderseal.signing import (
    Address,
    AddressLike,
    Clock,
    InvalidInput,
    InvalidReply,
    Order,
    SignedOrder,
    Unauthorized,
    Unreachable,
    VenueClock,
    VenueError,
    describe,
    system_clock,
    venue_payload,
)

__all__ = ["AsyncTaker"]

_T = TypeVar("_T")
_W = TypeVar("_W", Lock, Unlock, Filled, CancelResult)

_MOST_SECONDS: Final = 366 * 86400
_LONGEST_TEXT: Final = 256


class AsyncTaker:
    """A taker at Stove: finds makers' orders, checks them, locks and fills them. No request is made until a method is called.

    Each request is signed with the API secret (venue page *Taker authentication*).

    Args:
        network: for example ``stove.TESTNET``.
        key, secret: of the API, from the venue.
        address: the account that fills on chain, ``taker_address`` in the requests.
        rate: by default none, as the venue documents no numbers.
        retries: of reads.
        limits: time and size bounds of one exchange.
        connection: proxies, certificates.
        hooks: metrics and tracing.
        clock: Unix seconds; the venue allows some minutes.

    Attributes:
        venue_clock: the venue's time, by the ``Date`` of its own envelopes.

    Every method may raise: :class:`~orderseal.signing.InvalidInput`, nothing was sent; :class:`~orderseal.signing.Refused` and below, it
    did not take effect, and :class:`~orderseal.signing.Unauthorized` also where the venue's code says that key, signature or time stamp is
    not accepted; :class:`~orderseal.signing.Unreachable`, nothing was sent, or a read was not answered. A read may raise
    :class:`~orderseal.signing.InvalidReply`; a write (:meth:`lock`, :meth:`unlock`, :meth:`fill`, :meth:`cancel_result`)
    :class:`~orderseal.signing.OutcomeUnknown`: it may have taken effect, is never sent twice, and the message says which read settles it.

    Example::

        async with AsyncTaker(TESTNET, key, secret, address) as taker:
            for order in await taker.available():
                signed = taker.check(order)  # raises unless its maker has signed it
                lock = await taker.lock(order)
                done = await taker.fill(order, shares=signed.order.quantity, incentive=signed.order.incentive)
    """

    network: Network
    address: Address
    venue_clock: VenueClock

    def __init__(
        self,
        network: Network,
        key: str,
        secret: str,
        address: AddressLike,
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
        self.network, self.address, self._clock = network, Address(address), clock
        self._feeds = WeakSet[AsyncTakerFeed]()
        self._connection, self._closed = connection, False
        self._caller = Caller(
            network.base_url,
            venue="stove",
            refusal=read_taker_error,
            auth=HmacAuth(key, secret, clock=clock),
            rate=rate,
            retries=retries,
            limits=limits,
            connection=connection,
            hooks=hooks,
            dec_hook=decode_hook,
            clock=clock,
        )
        self.venue_clock = self._caller.venue_clock

    def check(self, placed: PlacedOrder) -> SignedOrder[Order]:
        """Prove that an order is its maker's, and give it as it was signed. Nothing is sent.

        The order is rebuilt for this network's contract, its signer recovered and compared with its maker; the venue's word counts for
        nothing. :meth:`lock` and :meth:`fill` do this first. ``order_hash`` alone is not proved, since no page says how it is computed:
        it is what :meth:`lock` names to the venue, while :meth:`fill` sends the signed order itself.

        Raises:
            VerificationFailed: it is not signed by its maker for this network, or its deadline has passed; ``reasons`` says which.
            RuleViolation: ``token``: it pays with a token that is none of the network's.
        """
        return checked_order(placed, self.network, self._clock())

    async def validate(self, signed: SignedOrder[Order]) -> Validation:
        """Ask what the venue makes of a signed order (*Validate*): balance, allowance, nonce. It creates nothing, and is a read.

        Raises:
            InvalidInput: it is for another network.
        """
        if not isinstance(signed, SignedOrder) or signed.domain != self.network.domain:
            raise InvalidInput(path="signed", expected=f"a SignedOrder for {self.network.domain!r}", actual=describe(signed))
        hidden = (signed.signature.hex(),)
        call = Call(
            "validate the order", "POST", "/api/v1/orders/validate", Enveloped[Validation], raw=venue_payload(signed), secrets=hidden
        )
        return await self._read(call)

    async def available(self) -> tuple[TakerOrder, ...]:
        """Read the pending orders (*Discover new orders*). A back-up to the feed: the venue asks for 5 s at least between two calls."""
        call = Call("read the available orders", "GET", "/api/v1/orders/available", Enveloped[tuple[TakerOrder, ...] | None])
        return await self._read(call) or ()

    async def orders(
        self,
        *,
        status: Collection[str] | None = None,
        ticker: str | None = None,
        exchange: int | None = None,
        is_buy: bool | None = None,
        created_after: int | None = None,
        created_before: int | None = None,
        sort_by: str | None = None,
        sort_order: str | None = None,
        page: int = 1,
        page_size: int = 100,
    ) -> TakerOrderPage:
        """Read orders, one page (*Query orders*). Times are Unix seconds; at most 100 a page.

        Args:
            sort_by: ``created_at``, ``locked_at`` or ``price``.
        """
        query = {
            "status": joined(status),
            "ticker": ticker,
            "exchange": exchange,
            "is_buy": is_buy,
            "created_after": created_after,
            "created_before": created_before,
            "sort_by": sort_by,
            "sort_order": sort_order,
            "page": page,
            "page_size": page_size,
        }
        return await self._read(Call("query orders", "GET", "/api/v1/takers/orders", Enveloped[TakerOrderPage], query=query))

    async def fills(
        self,
        *,
        order_id: str | None = None,
        order_hash: str | None = None,
        taker: AddressLike | None = None,
        tx_hash: str | None = None,
        status: str | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        sort_by: str | None = None,
        sort_order: str | None = None,
        page: int = 1,
        page_size: int = 100,
    ) -> FillPage:
        """Read fills, one page (*Fill records*); at most 100 a page.

        Args:
            taker: whose; without it they may be those of others too, as the page does not say.

        Raises:
            InvalidReply: a fill is of another order than ``order_hash``.
        """
        query = {
            "order_id": order_id,
            "order_hash": order_hash,
            "taker": None if taker is None else str(Address(taker)),
            "tx_hash": tx_hash,
            "status": status,
            "created_after": _moment(created_after, "created_after"),
            "created_before": _moment(created_before, "created_before"),
            "sort_by": sort_by,
            "sort_order": sort_order,
            "page": page,
            "page_size": page_size,
        }
        found = await self._read(Call("read the fills", "GET", "/api/v1/orders/filled", Enveloped[FillPage], query=query))
        if order_hash is not None and any(not _same(fill.order_hash, order_hash) for fill in found.fills):
            raise InvalidReply("read the fills: the answer has fills of other orders", status=200)
        return found

    async def lock(self, placed: PlacedOrder, *, lock_duration: int | None = None) -> Lock:
        """Take an order for this taker alone, until ``expires_at`` (*Lock*). It is checked first, see :meth:`check`.

        Args:
            lock_duration: seconds, as the samples of *Taker authentication* send it; by default the venue decides (an hour).

        Raises:
            OutcomeUnknown: read :meth:`orders`: ``locked_by`` tells. An unneeded lock ends by itself.
        """
        self.check(placed)
        body: dict[str, object] = {"order_hash": placed.order_hash, "taker_address": str(self.address)}
        if lock_duration is not None:
            body["lock_duration"] = _whole(lock_duration, "lock_duration", 1, _MOST_SECONDS)
        settle = "read orders(), where locked_by tells"
        call = Call("lock the order", "POST", "/api/v1/orders/lock", Enveloped[Lock], body=body, settle=settle)
        found = await self._write(call, placed.order_hash)
        if found.locked_by != self.address or found.expires_at <= found.locked_at:
            raise _lost(call, "the answer is a lock of somebody else, or one that is over")
        return found

    async def unlock(self, order_hash: str) -> Unlock:
        """Give a locked order back (*Unlock*).

        Raises:
            OutcomeUnknown: read :meth:`orders`: ``locked_by`` tells.
        """
        body = {"order_hash": _text(order_hash, "order_hash")}
        settle = "read orders(), where locked_by tells"
        call = Call("unlock the order", "POST", "/api/v1/orders/unlock", Enveloped[Unlock], body=body, settle=settle)
        return await self._write(call, order_hash)

    async def fill(self, placed: PlacedOrder, *, shares: int, incentive: int) -> Filled:
        """Fill a locked order, or a part of it (*Fill*). It is checked first, see :meth:`check`.

        Args:
            shares: whole shares; at most what is left by the venue's word.
            incentive: the fee that is taken, ``taker_incentive``, in base units of the payment token; at most what the maker offers.

        Raises:
            OutcomeUnknown: read :meth:`fills` with its ``order_hash``, and the chain.
        """
        signed = self.check(placed)
        left = signed.order.quantity - placed.filled_shares(signed.order).whole
        body = {
            "order": signed.order.to_venue(),
            "signature": str(signed.signature),
            "fill_quantity": str(_whole(shares, "shares", 1, left)),
            "taker_incentive": str(_whole(incentive, "incentive", 0, signed.order.incentive)),
        }
        settle = "read fills(order_hash=…), and the chain"
        hidden = (signed.signature.hex(),)
        call = Call("fill the order", "POST", "/api/v1/orders/fill", Enveloped[Filled], body=body, settle=settle, secrets=hidden)
        found = await self._write(call, placed.order_hash)
        if not any(shares * unit.value <= found.filled_quantity <= signed.order.quantity * unit.value for unit in QuantityUnit):
            raise _lost(call, "the answer is for another quantity")
        return found

    async def cancel_result(self, order_hash: str, *, cancelled: bool, message: str) -> CancelResult:
        """Answer a maker's cancellation request (*Cancellation response*), soon: it times out.

        Args:
            cancelled: ``True`` gives the order back, and it is cancelled or expires; ``False`` keeps it locked, and trading goes on.
            message: for the maker.

        Raises:
            OutcomeUnknown: read :meth:`orders`: the status tells.
        """
        if not isinstance(cancelled, bool):
            raise InvalidInput(path="cancelled", expected="True or False", actual=describe(cancelled))
        body = {
            "order_hash": _text(order_hash, "order_hash"),
            "taker_address": str(self.address),
            "cancellation_success": cancelled,
            "message": _text(message, "message"),
        }
        settle = "read orders(), where the status tells"
        what, path = "answer the cancellation request", "/api/v1/orders/cancel-result"
        return await self._write(Call(what, "POST", path, Enveloped[CancelResult], body=body, settle=settle), order_hash)

    def feed(self, *, options: FeedOptions = DEFAULT_OPTIONS) -> AsyncTakerFeed:
        """The status changes of orders, and the makers' cancellation requests: ``async with``, ``async for``. It ends with the client.

        It comes back by itself and tells what was missed, but for cancellation requests. See :class:`AsyncTakerFeed`.
        """

        async def headers(_renew: bool) -> dict[str, str]:
            return await self._caller.headers_for(Request("open the feed", "GET", TAKER_PATH))

        def fetch(status: Collection[str] | None, page: int) -> Awaitable[TakerOrderPage]:
            return self.orders(status=status, sort_by="created_at", sort_order="desc", page=page)

        if self._closed:
            raise Unreachable("open the feed: this client is closed")
        given = options.over(self._connection)
        feed = AsyncTakerFeed(self.network.base_url, headers, lambda: snapshot(fetch, lambda: feed.live), options=given)
        self._feeds.add(feed)
        return feed

    async def _read(self, call: Call[Enveloped[_T]]) -> _T:
        try:
            return (await self._caller.read(call)).data
        except Unauthorized as error:
            tell_of_clock(error, self.venue_clock)
            raise

    async def _write(self, call: Call[Enveloped[_W]], order_hash: str) -> _W:
        """Send, once; the answer must be a success, and for this order."""
        try:
            found = (await self._caller.write(call)).data
        except Unauthorized as error:
            tell_of_clock(error, self.venue_clock)
            raise
        if not _same(found.order_hash, order_hash):
            raise _lost(call, "the answer is for another order")
        if not found.success:
            raise _lost(call, "the venue answered that it was no success, without an error")
        return found

    async def aclose(self) -> None:
        """Close every connection."""
        self._closed = True
        for feed in list(self._feeds):
            await feed.aclose()
        await self._caller.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.network.name!r}, {self.address})"


def _lost(call: Call[Enveloped[_W]], why: str) -> VenueError:
    return call.request(takes_effect=True).lost(why)


def _same(one: str, other: str) -> bool:
    return one.lower() == other.lower()


def _text(value: object, path: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_TEXT or not value.isprintable():
        raise InvalidInput(path=path, expected=f"printable text of at most {_LONGEST_TEXT} characters", actual=describe(value))
    return value


def _whole(value: object, path: str, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise InvalidInput(path=path, expected=f"an integer from {least} to {most}", actual=describe(value))
    return value


def _moment(value: datetime | None, path: str) -> str | None:
    """ISO 8601 in UTC, as the venue writes its times."""
    if value is None:
        return None
    if not isinstance(value, datetime) or value.utcoffset() is None:
        raise InvalidInput(path=path, expected="a datetime with its offset", actual=describe(value))
    return value.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat() + "Z"
