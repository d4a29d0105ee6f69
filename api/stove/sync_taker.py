"""For callers without an event loop: each client runs its async twin on a loop of its own.

The async ones are in :mod:`orderseal.api.stove.taker`.
"""

# Written by tools/make_sync.py from api/stove/taker.py: change that file, and run the tool again.

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Self

from orderseal.api.stove.feeds import DEFAULT_OPTIONS, FeedOptions, TakerFeed
from orderseal.api.stove.models import PlacedOrder
from orderseal.api.stove.network import Network
from orderseal.api.stove.taker import AsyncTaker
from orderseal.api.stove.taker_models import CancelResult, Filled, FillPage, Lock, TakerOrder, TakerOrderPage, Unlock, Validation
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
from orderseal.signing import Address, AddressLike, Clock, Order, SignedOrder, VenueClock, system_clock

__all__ = ["Taker"]


class Taker:
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

        with Taker(TESTNET, key, secret, address) as taker:
            for order in taker.available():
                signed = taker.check(order)  # raises unless its maker has signed it
                lock = taker.lock(order)
                done = taker.fill(order, shares=signed.order.quantity, incentive=signed.order.incentive)
    """

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
        self._async = AsyncTaker(
            network, key, secret, address, rate=rate, retries=retries, limits=limits, connection=connection, hooks=hooks, clock=clock
        )
        self._loop = BackgroundLoop(self._async.aclose)

    @property
    def network(self) -> Network:
        return self._async.network

    @property
    def address(self) -> Address:
        return self._async.address

    @property
    def venue_clock(self) -> VenueClock:
        return self._async.venue_clock

    def check(self, placed: PlacedOrder) -> SignedOrder[Order]:
        """Prove that an order is its maker's, and give it as it was signed. Nothing is sent.

        The order is rebuilt for this network's contract, its signer recovered and compared with its maker; the venue's word counts for
        nothing. :meth:`lock` and :meth:`fill` do this first. ``order_hash`` alone is not proved, since no page says how it is computed:
        it is what :meth:`lock` names to the venue, while :meth:`fill` sends the signed order itself.

        Raises:
            VerificationFailed: it is not signed by its maker for this network, or its deadline has passed; ``reasons`` says which.
            RuleViolation: ``token``: it pays with a token that is none of the network's.
        """
        return self._async.check(placed)

    def validate(self, signed: SignedOrder[Order]) -> Validation:
        """Ask what the venue makes of a signed order (*Validate*): balance, allowance, nonce. It creates nothing, and is a read.

        Raises:
            InvalidInput: it is for another network.
        """
        return self._loop.call(self._async.validate(signed))

    def available(self) -> tuple[TakerOrder, ...]:
        """Read the pending orders (*Discover new orders*). A back-up to the feed: the venue asks for 5 s at least between two calls."""
        return self._loop.call(self._async.available())

    def orders(
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
        return self._loop.call(
            self._async.orders(
                status=status,
                ticker=ticker,
                exchange=exchange,
                is_buy=is_buy,
                created_after=created_after,
                created_before=created_before,
                sort_by=sort_by,
                sort_order=sort_order,
                page=page,
                page_size=page_size,
            )
        )

    def fills(
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
        return self._loop.call(
            self._async.fills(
                order_id=order_id,
                order_hash=order_hash,
                taker=taker,
                tx_hash=tx_hash,
                status=status,
                created_after=created_after,
                created_before=created_before,
                sort_by=sort_by,
                sort_order=sort_order,
                page=page,
                page_size=page_size,
            )
        )

    def lock(self, placed: PlacedOrder, *, lock_duration: int | None = None) -> Lock:
        """Take an order for this taker alone, until ``expires_at`` (*Lock*). It is checked first, see :meth:`check`.

        Args:
            lock_duration: seconds, as the samples of *Taker authentication* send it; by default the venue decides (an hour).

        Raises:
            OutcomeUnknown: read :meth:`orders`: ``locked_by`` tells. An unneeded lock ends by itself.
        """
        return self._loop.call(self._async.lock(placed, lock_duration=lock_duration))

    def unlock(self, order_hash: str) -> Unlock:
        """Give a locked order back (*Unlock*).

        Raises:
            OutcomeUnknown: read :meth:`orders`: ``locked_by`` tells.
        """
        return self._loop.call(self._async.unlock(order_hash))

    def fill(self, placed: PlacedOrder, *, shares: int, incentive: int) -> Filled:
        """Fill a locked order, or a part of it (*Fill*). It is checked first, see :meth:`check`.

        Args:
            shares: whole shares; at most what is left by the venue's word.
            incentive: the fee that is taken, ``taker_incentive``, in base units of the payment token; at most what the maker offers.

        Raises:
            OutcomeUnknown: read :meth:`fills` with its ``order_hash``, and the chain.
        """
        return self._loop.call(self._async.fill(placed, shares=shares, incentive=incentive))

    def cancel_result(self, order_hash: str, *, cancelled: bool, message: str) -> CancelResult:
        """Answer a maker's cancellation request (*Cancellation response*), soon: it times out.

        Args:
            cancelled: ``True`` gives the order back, and it is cancelled or expires; ``False`` keeps it locked, and trading goes on.
            message: for the maker.

        Raises:
            OutcomeUnknown: read :meth:`orders`: the status tells.
        """
        return self._loop.call(self._async.cancel_result(order_hash, cancelled=cancelled, message=message))

    def feed(self, *, options: FeedOptions = DEFAULT_OPTIONS) -> TakerFeed:
        """The status changes of orders, and the makers' cancellation requests: ``with``, ``for``. It ends with the client.

        It comes back by itself and tells what was missed, but for cancellation requests. See :class:`TakerFeed`.
        """
        return TakerFeed(self._async.feed(options=options), self._loop)

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
