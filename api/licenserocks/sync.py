"""For callers without an event loop: each client runs its async twin on a loop of its own.

The async ones are in :mod:`orderseal.api.licenserocks.client`.
"""

# Written by tools/make_sync.py from api/licenserocks/client.py: change that file, and run the tool again.

from collections.abc import Iterator, Sequence
from typing import Literal, Self

from orderseal.api.licenserocks.client import AsyncClient, Candidates, Created, CreatedAddress, Prefix
from orderseal.api.licenserocks.models import DeliveryAddress, Order, UserOrder
from orderseal.api.licenserocks.wishes import NewDeliveryAddress, NewOrder
from orderseal.api.submission.references import OpenWrite
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
from orderseal.signing.ledger import Ledger, Scope

__all__ = ["Client"]


class Client:
    """An API user of one CreatorsHub instance. No request is made until a method is called.

    Args:
        instance: its host, such as ``creators-hub-instance.com``, with or without ``https://`` before it.
        token: of the API: *Settings*, *API Access*, *Marketplace API*, *Generate token*. It is attached to the user who generated it.
        ledger: where writes are kept under their references; open it over a file that lives as long as your orders matter, and close it
            after the client. It holds what was sent, billing addresses included. Without one nothing can be written.
        user_token: for the public API, where it is another one than ``token``.
        order_prefix: what stands before the token in calls of the order API. Its page shows none; that of the public API shows ``Bearer``.
        public_prefix: the same for the public API.
        account: a name for whose orders these are, where several users share a ledger; by default the instance's. The API has no wallet of
            its caller: the account's address in the ledger is a hash of this name, and only keeps references apart.
        rate: no limit is documented.
        retries: of reads.
        limits: time and size bounds of one exchange.
        connection: proxies, certificates.
        hooks: metrics and tracing.
        clock: Unix seconds; for tests.

    Attributes:
        venue_clock: the instance's time, by the ``Date`` of its answers to the order API.
        scope: of this client's references in the ledger.

    Every method may raise: :class:`~orderseal.signing.InvalidInput`, nothing was sent; :class:`~orderseal.signing.Refused`,
    :class:`~orderseal.signing.Unauthorized`, :class:`~orderseal.signing.RateLimited`, the instance did not do it (its envelope is
    ``{"orders": null, "error": "…"}``, without codes; it says 400 also for what does not exist);
    :class:`~orderseal.signing.Unreachable`, nothing was sent, or a read was not answered. A read may raise
    :class:`~orderseal.signing.InvalidReply`. A write may raise :class:`~orderseal.signing.OutcomeUnknown`: it may have taken effect, and is
    never sent twice; :class:`~orderseal.signing.RuleViolation` if its reference was refused before, and
    :class:`~orderseal.signing.LedgerError`. Amounts are of the types in :mod:`.money`.

    Example::

        with Ledger("orders.db") as ledger:
            with Client(url, token, ledger=ledger) as client:
                new = NewOrder(nft_id=405, listing_id=2, buyer_user_id=5, quantity=1)
                created = client.create_order(new, reference="invoice 2026-118")
    """

    def __init__(
        self,
        instance: str,
        token: str,
        *,
        ledger: Ledger | None = None,
        user_token: str | None = None,
        order_prefix: Prefix = "",
        public_prefix: Prefix = "Bearer ",
        account: str | None = None,
        rate: RateLimit | None = None,
        retries: Retries = DEFAULT_RETRIES,
        limits: Limits = DEFAULT_LIMITS,
        connection: Connection = DEFAULT_CONNECTION,
        hooks: Hooks | Sequence[Hooks] | None = None,
        clock: Clock = system_clock,
    ) -> None:
        self._async = AsyncClient(
            instance,
            token,
            ledger=ledger,
            user_token=user_token,
            order_prefix=order_prefix,
            public_prefix=public_prefix,
            account=account,
            rate=rate,
            retries=retries,
            limits=limits,
            connection=connection,
            hooks=hooks,
            clock=clock,
        )
        self._loop = BackgroundLoop(self._async.aclose)

    @property
    def venue_clock(self) -> VenueClock:
        return self._async.venue_clock

    @property
    def scope(self) -> Scope:
        return self._async.scope

    def create_order(self, order: NewOrder, *, reference: str) -> Created:
        """Create one order, once (*Order API*, POST). It counts as paid: **the NFT is transferred to the buyer.**

        A reference stands for one order for ever: called again with the same, this gives the answer of before and sends nothing; with
        another order it raises. Prices are the listing's, in EUR cents. On billing addresses see :class:`.BillingData`.

        Args:
            reference: your name for the wish, 1 to 128 printable characters, such as an invoice's number.

        Raises:
            Refused: a missing or unknown id, or no billing address, among others; the texts are not documented. The reference is spent.
            Unauthorized, RateLimited, Unreachable: it did not take effect; the same call may be made again.
            OutcomeUnknown: the answer was lost, now or before: :meth:`candidates` and :meth:`settle`. It is never sent again.

        Example::

            created = client.create_order(NewOrder(nft_id=405, listing_id=2, buyer_user_id=5, quantity=1), reference="invoice 118")
            print(created.order_ids, created.differences)
        """
        return self._loop.call(self._async.create_order(order, reference=reference))

    def create_batch(self, orders: Sequence[NewOrder], *, reference: str) -> Created:
        """Create several orders with one request (*Order API*, POST). Prefer :meth:`create_order`, once for each.

        Whether the instance creates some of them when it refuses one is not documented: after a ``Refused`` look for them in
        :meth:`user_orders` of each buyer.

        Args:
            orders: 1 to 50.
            reference: for all of them together.

        Raises:
            Refused: of at least one, as :meth:`create_order`.
            OutcomeUnknown: as :meth:`create_order`; also if another number of orders came back.

        Example::

            first = NewOrder(nft_id=405, listing_id=2, buyer_user_id=5, quantity=1)
            second = NewOrder(nft_id=405, listing_id=2, buyer_user_id=5, quantity=2)
            created = client.create_batch([first, second], reference="invoice 119")
            assert len(created.order_ids) == 2
        """
        return self._loop.call(self._async.create_batch(orders, reference=reference))

    def order(self, order_id: int) -> Order:
        """Read an order (*Order API*, GET).

        Raises:
            Refused: there is none with this id: status 400, and not 404.

        Example::

            order = client.order(1)
            print(order.status, order.total_price_cents)
        """
        return self._loop.call(self._async.order(order_id))

    def orders(self, order_ids: Sequence[int]) -> tuple[Order, ...]:
        """Read orders (*Order API*, GET), in the order of the ids.

        Args:
            order_ids: 1 to 50 of them, none twice, of at most 256 characters with the commas between.

        Raises:
            Refused: **one of the ids does not exist, and so nothing is read**; the text names it.
            InvalidReply: the answer is about other orders.

        Example::

            first, second = client.orders([1, 2])
            print(first.id, second.id)
        """
        return self._loop.call(self._async.orders(order_ids))

    def user_orders(self, user_id: int, *, kind: Literal["purchased", "sold"] | None = None) -> Iterator[UserOrder]:
        """Every order of a user, page by page (*Orders*). Orders that are added meanwhile may be missed or come twice.

        Amounts are in EUR cents and in the native coin; the listings are not named: :meth:`orders` does that.

        Args:
            kind: bought or sold by the user; which come without it is not documented.

        Raises:
            InvalidReply: among others, if the instance answers another page than asked for.

        Example::

            for order in client.user_orders(5, kind="purchased"):
                print(order.id, order.status, order.created_at)
        """
        return self._loop.iterate(self._async.user_orders(user_id, kind=kind))

    def delivery_addresses(self, user_id: int | Literal["me"] = "me") -> tuple[DeliveryAddress, ...]:
        """Read the delivery addresses of a user, by default of the token's own (*Delivery and billing addresses*). Personal data.

        Raises:
            InvalidReply: an address is of another user.

        Example::

            for address in client.delivery_addresses(user_id):
                print(address.id, address.city)
        """
        return self._loop.call(self._async.delivery_addresses(user_id))

    def create_delivery_address(
        self, address: NewDeliveryAddress, *, reference: str, delivery_address_id: int | None = None
    ) -> CreatedAddress:
        """Create a delivery address for a user, once (*Delivery and billing addresses*).

        Args:
            reference: your name for the wish, as with :meth:`create_order`; orders and addresses share one series.
            delivery_address_id: the page shows ``?id={DELIVERY_ADDRESS_ID}`` also where one is created, without a reason; sent if given.

        Raises:
            OutcomeUnknown: the answer was lost: look at :meth:`delivery_addresses`, then :meth:`settle_address`. It is never sent again.

        Example::

            new = NewDeliveryAddress(user_id=user_id, city="Ankara")
            created = client.create_delivery_address(new, reference="address 7")
            print(created.address_id)
        """
        return self._loop.call(self._async.create_delivery_address(address, reference=reference, delivery_address_id=delivery_address_id))

    def open_writes(self) -> list[OpenWrite]:
        """The writes of which nobody knows what became, oldest first; call it first after a crash. What was never sent is given up.

        Those that another living process is just sending are among them, too. Nothing is asked of the instance.

        Raises:
            InvalidInput: the client has no ledger.
            LedgerError: the ledger cannot be used.

        Example::

            for write in client.open_writes():
                print(write.reference, write.path, write.sent_at)
        """
        return self._loop.call(self._async.open_writes())

    def candidates(self, reference: str) -> Candidates:
        """Look for orders that a request whose answer was lost may have created: a report for a person, which closes nothing.

        It reads the buyers' purchased orders (*Orders*), and those that are recent enough in full (*Order API*). No document gives
        anything that would prove which request an order is from; see :class:`.Candidates`.

        Raises:
            LedgerError: ``missing``: no order whose outcome is open was sent under this reference.
            Refused: the token may not read the buyer's orders, for one.

        Example::

            for candidate in (client.candidates("invoice 118")).found:
                print(candidate.order.id, candidate.order.created_at, candidate.differences)
        """
        return self._loop.call(self._async.candidates(reference))

    def settle(self, reference: str, order_id: int | Sequence[int], *, despite_differences: bool = False) -> Created:
        """Say, as the person who has found it out, that a request whose answer was lost created these orders.

        They are read once more, and must be what was asked for. For a request that created nothing there is :meth:`dismiss`.

        Args:
            order_id: of the order; after a batch one for each that was sent, in that order.
            despite_differences: accept other NFTs, listings, quantities or buyers than were sent.

        Raises:
            InvalidInput: another number of orders, one that differs or was created before the request, or one of another reference.
            LedgerError: ``missing``: no order whose outcome is open was sent under this reference.
            Refused: there is no such order.

        Example::

            settled = client.settle("invoice 118", order_id)
            assert settled.order_ids == (order_id,)
        """
        return self._loop.call(self._async.settle(reference, order_id, despite_differences=despite_differences))

    def dismiss(self, reference: str, why: str) -> None:
        """Say, as the person who has found it out, that a request whose answer was lost created nothing. Its reference stays spent.

        It is your word: that :meth:`candidates` shows nothing is no proof.

        Args:
            why: who says so, and from what; it is kept. 1 to 4,000 characters.

        Raises:
            InvalidInput: no words.
            LedgerError: ``missing``: nothing whose outcome is open was sent under this reference; ``held``: it is being sent just now, or
                was when its process died: call :meth:`open_writes` first.

        Example::

            client.dismiss("invoice 118", "the buyer has no such order a day later")
        """
        return self._loop.call(self._async.dismiss(reference, why))

    def settle_address(self, reference: str, address_id: int) -> None:
        """Say, as the person who has found it out, that a request whose answer was lost created this delivery address.

        Raises:
            LedgerError: ``missing``: no address whose outcome is open was sent under this reference.

        Example::

            client.settle_address("address 7", address_id)
        """
        return self._loop.call(self._async.settle_address(reference, address_id))

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
