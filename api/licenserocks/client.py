"""The client for License.rocks, async. :mod:`.sync` is the same for callers without an event loop."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType, TracebackType
from typing import Any, Final, Literal, Self, TypeVar

from orderseal.api.licenserocks.models import DeliveryAddress, Order, UserOrder, decode_hook
from orderseal.api.licenserocks.wire import (
    DeliveryAddresses,
    NewAddress,
    OrdersReply,
    UserOrders,
    differences,
    ids_text,
    instance_root,
    read_error,
    same_sale,
)
from orderseal.api.licenserocks.wishes import MOST_TOGETHER, NewDeliveryAddress, NewOrder, check_id, orders_body
from orderseal.api.submission.references import OpenWrite, Referenced, References, instance_scope
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
    TokenAuth,
)
from orderseal.signing import Clock, InvalidInput, InvalidReply, VenueClock, describe, system_clock
from orderseal.signing.ledger import Ledger, LedgerError, Scope, State

__all__ = ["AsyncClient", "Candidate", "Candidates", "Created", "CreatedAddress", "OpenWrite", "Prefix"]

_T = TypeVar("_T")

Prefix = Literal["", "Bearer "]
"""What stands before a token in its header."""

_ORDERS: Final = "/api/externalOrders"
_ADDRESS: Final = "/api/public/deliveryAddress"
_JSON: Final[Mapping[str, str]] = MappingProxyType({"Content-Type": "application/json"})
_MOST_PAGES: Final = 1000
_CLOCKS_APART: Final = 300.0
_LOOK_AT_ORDERS: Final = "candidates(reference) shows the buyer's orders that it could be; settle(reference, order_id) says which it is"
_LOOK_AT_ADDRESSES: Final = "look at delivery_addresses(user_id), then say which it is with settle_address(reference, address_id)"


@dataclass(frozen=True, slots=True)
class Created:
    """Orders that the instance created under a reference.

    Attributes:
        reference: the caller's.
        order_ids: in the order in which they were asked for.
        orders: as answered; ``None`` if that was in an earlier call, which this one repeats without sending anything.
        differences: in which respects the answer is not what was asked for, in words. Look into each: the page's own example answers
            quantity 3 with 1, and another buyer.
    """

    reference: str
    order_ids: tuple[int, ...]
    orders: tuple[Order, ...] | None = field(default=None, repr=False)
    differences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CreatedAddress:
    """A delivery address that the instance created under a reference; ``address`` is ``None`` if that was in an earlier call."""

    reference: str
    address_id: int
    address: DeliveryAddress | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An order that a lost request may have created.

    Attributes:
        order: as the instance holds it.
        index: of the order, within those that were sent under the reference, that it looks like.
        differences: in which respects it is not what was sent, in words: it may be of another quantity.
    """

    order: Order
    index: int
    differences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidates:
    """What the instance shows of a request whose answer was lost: evidence for a person. It proves nothing, and closes nothing.

    Each candidate has the buyer, the NFT and the listing that were asked for, was created after the request was sent (or up
    to five minutes before, as clocks differ), and belongs to no other reference of this ledger. Another program, or a person, may have
    created it all the same; and one that the instance has not finished yet is not among them.

    Attributes:
        reference: the caller's.
        since: from when on orders were looked at.
        wanted: how many orders were sent under the reference.
        found: the candidates, oldest first.
    """

    reference: str
    since: datetime
    wanted: int
    found: tuple[Candidate, ...]


class AsyncClient:
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
            async with AsyncClient(url, token, ledger=ledger) as client:
                new = NewOrder(nft_id=405, listing_id=2, buyer_user_id=5, quantity=1)
                created = await client.create_order(new, reference="invoice 2026-118")
    """

    venue_clock: VenueClock
    scope: Scope

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
        self._root = instance_root(instance)
        if ledger is not None and not isinstance(ledger, Ledger):
            raise InvalidInput(path="ledger", expected="a Ledger, or None", actual=f"a {type(ledger).__name__}")
        self.scope = instance_scope("licenserocks", self._root, account)
        self._references = None if ledger is None else References(ledger, self.scope)
        shared_rate = RateLimit.none() if rate is None else rate

        def caller(key: str, prefix: str, path: str) -> Caller:
            return Caller(
                self._root,
                venue="licenserocks",
                refusal=read_error,
                auth=TokenAuth(key, prefix=_checked_prefix(prefix, path)),
                rate=shared_rate,
                retries=retries,
                limits=limits,
                connection=connection,
                hooks=hooks,
                dec_hook=decode_hook,
                clock=clock,
            )

        self._orders = caller(token, order_prefix, "order_prefix")
        self._public = caller(token if user_token is None else user_token, public_prefix, "public_prefix")
        self.venue_clock = self._orders.venue_clock

    # Creating orders

    async def create_order(self, order: NewOrder, *, reference: str) -> Created:
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

            created = await client.create_order(NewOrder(nft_id=405, listing_id=2, buyer_user_id=5, quantity=1), reference="invoice 118")
            print(created.order_ids, created.differences)
        """
        return await self._create([order], reference)

    async def create_batch(self, orders: Sequence[NewOrder], *, reference: str) -> Created:
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
            created = await client.create_batch([first, second], reference="invoice 119")
            assert len(created.order_ids) == 2
        """
        return await self._create(orders, reference)

    async def _create(self, orders: Sequence[NewOrder], reference: str) -> Created:
        body = orders_body(orders)
        secrets = [text for order in body for text in order.get("buyerBillingData", {}).values()]
        bare = [{name: value for name, value in order.items() if name != "buyerBillingData"} for order in body]
        billed = [index for index, order in enumerate(body) if "buyerBillingData" in order]

        def receipt(found: OrdersReply) -> str:
            ids = [order.id for order in found.orders]
            if len(set(ids)) != len(body):
                raise InvalidReply(f"create orders: {len(body)} were sent, and {len(set(ids))} came back", status=200, path="$.orders")
            return ",".join(map(str, ids))

        done = await self._once(
            reference,
            "create orders",
            _ORDERS,
            body,
            OrdersReply,
            receipt,
            settle=_LOOK_AT_ORDERS,
            kept={"body": bare, "billed": billed},
            secrets=tuple(secrets),
            caller=self._orders,
        )
        ids = tuple(int(text) for text in done.receipt.split(","))
        if done.answer is None:
            return Created(reference, ids)
        found = done.answer.orders
        several = len(found) > 1
        told = [
            f"order {order.id}: {said}" if several else said
            for wanted, order in zip(body, found, strict=True)
            for said in differences(wanted, order)
        ]
        return Created(reference, ids, found, tuple(told))

    # Reading orders

    async def order(self, order_id: int) -> Order:
        """Read an order (*Order API*, GET).

        Raises:
            Refused: there is none with this id: status 400, and not 404.

        Example::

            order = await client.order(1)
            print(order.status, order.total_price_cents)
        """
        return (await self.orders([order_id]))[0]

    async def orders(self, order_ids: Sequence[int]) -> tuple[Order, ...]:
        """Read orders (*Order API*, GET), in the order of the ids.

        Args:
            order_ids: 1 to 50 of them, none twice, of at most 256 characters with the commas between.

        Raises:
            Refused: **one of the ids does not exist, and so nothing is read**; the text names it.
            InvalidReply: the answer is about other orders.

        Example::

            first, second = await client.orders([1, 2])
            print(first.id, second.id)
        """
        text = ids_text(order_ids)
        found = await self._orders.read(
            Call("read orders", "GET", _ORDERS + "/{order_ids}", OrdersReply, segments={"order_ids": text}, headers=_JSON)
        )
        by_id = {order.id: order for order in found.orders}
        if len(found.orders) != len(order_ids) or set(by_id) != set(order_ids):
            raise InvalidReply("read orders: the answer is about other orders than asked for", status=200, path="$.orders")
        return tuple([by_id[order_id] for order_id in order_ids])

    async def user_orders(self, user_id: int, *, kind: Literal["purchased", "sold"] | None = None) -> AsyncGenerator[UserOrder]:
        """Every order of a user, page by page (*Orders*). Orders that are added meanwhile may be missed or come twice.

        Amounts are in EUR cents and in the native coin; the listings are not named: :meth:`orders` does that.

        Args:
            kind: bought or sold by the user; which come without it is not documented.

        Raises:
            InvalidReply: among others, if the instance answers another page than asked for.

        Example::

            async for order in client.user_orders(5, kind="purchased"):
                print(order.id, order.status, order.created_at)
        """
        check_id(user_id, "user_id")
        if kind not in (None, "purchased", "sold"):
            raise InvalidInput(path="kind", expected="'purchased', 'sold' or None", actual=describe(kind))
        what, path = "read the user's orders", "/api/public/user/{user_id}/orders/getAll"
        seen: tuple[int, ...] = ()
        for number in range(1, _MOST_PAGES + 1):
            query = {"orderType": kind, "pageNumber": number}
            found = await self._public.read(Call(what, "GET", path, UserOrders, segments={"user_id": user_id}, query=query))
            ids, meta = tuple(order.id for order in found.orders), found.meta
            if meta is not None and meta.current_page not in (None, number):
                raise InvalidReply(
                    f"{what}: page {meta.current_page} came for page {number}, of {meta.page_count}", status=200, path="$.meta.currentPage"
                )
            if not ids or ids == seen:
                return
            for order in found.orders:
                yield order
            if meta is not None and meta.page_count is not None and number >= meta.page_count:
                return
            seen = ids
        raise InvalidReply(f"{what}: more than {_MOST_PAGES} pages", status=200)

    # Delivery addresses

    async def delivery_addresses(self, user_id: int | Literal["me"] = "me") -> tuple[DeliveryAddress, ...]:
        """Read the delivery addresses of a user, by default of the token's own (*Delivery and billing addresses*). Personal data.

        Raises:
            InvalidReply: an address is of another user.

        Example::

            for address in await client.delivery_addresses(user_id):
                print(address.id, address.city)
        """
        whose = user_id if user_id == "me" else check_id(user_id, "user_id")
        what, path = "read the delivery addresses", "/api/public/user/{user_id}/deliveryAddresses"
        found = (await self._public.read(Call(what, "GET", path, DeliveryAddresses, segments={"user_id": whose}))).delivery_addresses
        if whose != "me" and any(address.user_id not in (None, whose) for address in found):
            raise InvalidReply(f"{what}: one of another user came", status=200, path="$.deliveryAddresses")
        return found

    async def create_delivery_address(
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
            created = await client.create_delivery_address(new, reference="address 7")
            print(created.address_id)
        """
        if not isinstance(address, NewDeliveryAddress):
            raise InvalidInput(path="address", expected="a NewDeliveryAddress", actual=f"a {type(address).__name__}")
        query = {} if delivery_address_id is None else {"id": check_id(delivery_address_id, "delivery_address_id")}
        body = address.members()
        done = await self._once(
            reference,
            "create a delivery address",
            _ADDRESS,
            body,
            NewAddress,
            lambda found: str(found.new_delivery_address.id),
            settle=_LOOK_AT_ADDRESSES,
            kept={"body": {"userId": address.user_id}},
            secrets=tuple(str(value) for name, value in body.items() if name != "userId"),
            query=query,
            caller=self._public,
        )
        return CreatedAddress(reference, int(done.receipt), None if done.answer is None else done.answer.new_delivery_address)

    # What was lost

    async def open_writes(self) -> list[OpenWrite]:
        """The writes of which nobody knows what became, oldest first; call it first after a crash. What was never sent is given up.

        Those that another living process is just sending are among them, too. Nothing is asked of the instance.

        Raises:
            InvalidInput: the client has no ledger.
            LedgerError: the ledger cannot be used.

        Example::

            for write in await client.open_writes():
                print(write.reference, write.path, write.sent_at)
        """
        return await self._writing().open_writes()

    async def candidates(self, reference: str) -> Candidates:
        """Look for orders that a request whose answer was lost may have created: a report for a person, which closes nothing.

        It reads the buyers' purchased orders (*Orders*), and those that are recent enough in full (*Order API*). No document gives
        anything that would prove which request an order is from; see :class:`.Candidates`.

        Raises:
            LedgerError: ``missing``: no order whose outcome is open was sent under this reference.
            Refused: the token may not read the buyer's orders, for one.

        Example::

            for candidate in (await client.candidates("invoice 118")).found:
                print(candidate.order.id, candidate.order.created_at, candidate.differences)
        """
        wanted, sent_at = await self._lost_orders(reference)
        since = sent_at - _CLOCKS_APART
        claimed = await self._claimed(since)
        ids: set[int] = set()
        for buyer in sorted({order["buyerUserId"] for order in wanted}):
            async for known in self.user_orders(buyer, kind="purchased"):
                if known.created_at is None or known.created_at.timestamp() >= since:
                    ids.add(known.id)
        rows = sorted(ids - claimed)
        found: list[Candidate] = []
        for start in range(0, len(rows), _AT_ONCE):
            for order in await self.orders(rows[start : start + _AT_ONCE]):
                found += [Candidate(order, index, differences(one, order)) for index, one in enumerate(wanted) if same_sale(one, order)]
        return Candidates(reference, datetime.fromtimestamp(since, UTC), len(wanted), tuple(found))

    async def settle(self, reference: str, order_id: int | Sequence[int], *, despite_differences: bool = False) -> Created:
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

            settled = await client.settle("invoice 118", order_id)
            assert settled.order_ids == (order_id,)
        """
        wanted, sent_at = await self._lost_orders(reference)
        order_ids = [order_id] if isinstance(order_id, int) else order_id
        ids_text(order_ids)
        if len(order_ids) != len(wanted):
            raise InvalidInput(path="order_id", expected=f"{len(wanted)} ids, as many as orders were sent", actual=str(len(order_ids)))
        found = await self.orders(order_ids)
        if taken := set(order_ids) & await self._claimed(0.0):
            raise InvalidInput(path="order_id", expected="orders of no other reference", actual=describe(sorted(taken)))
        told = tuple(f"order {order.id}: {said}" for one, order in zip(wanted, found, strict=True) for said in differences(one, order))
        told += tuple(
            f"order {order.id}: it was created before the request was sent"
            for order in found
            if order.created_at is not None and order.created_at.timestamp() < sent_at - _CLOCKS_APART
        )
        if told and not despite_differences:
            raise InvalidInput(path="order_id", expected="the orders that were sent", actual="; ".join(told)[:500])
        await self._writing().settle(reference, ",".join(map(str, order_ids)))
        return Created(reference, tuple(order_ids), found, told)

    async def dismiss(self, reference: str, why: str) -> None:
        """Say, as the person who has found it out, that a request whose answer was lost created nothing. Its reference stays spent.

        It is your word: that :meth:`candidates` shows nothing is no proof.

        Args:
            why: who says so, and from what; it is kept. 1 to 4,000 characters.

        Raises:
            InvalidInput: no words.
            LedgerError: ``missing``: nothing whose outcome is open was sent under this reference; ``held``: it is being sent just now, or
                was when its process died: call :meth:`open_writes` first.

        Example::

            await client.dismiss("invoice 118", "the buyer has no such order a day later")
        """
        await self._writing().dismiss(reference, why)

    async def settle_address(self, reference: str, address_id: int) -> None:
        """Say, as the person who has found it out, that a request whose answer was lost created this delivery address.

        Raises:
            LedgerError: ``missing``: no address whose outcome is open was sent under this reference.

        Example::

            await client.settle_address("address 7", address_id)
        """
        check_id(address_id, "address_id")
        await self._lost(reference, _ADDRESS)
        await self._writing().settle(reference, str(address_id))

    # Below

    def _writing(self) -> References:
        if self._references is None:
            hint = "Each POST transfers an NFT or makes an address: it is kept under your reference, and never sent twice"
            raise InvalidInput(path="ledger", expected="a Ledger, given to the client", actual="none", hint=hint)
        return self._references

    async def _once(
        self,
        reference: str,
        what: str,
        path: str,
        body: Any,
        returns: type[_T],
        receipt: Any,
        *,
        settle: str,
        kept: Mapping[str, Any],
        secrets: tuple[str, ...],
        caller: Caller,
        query: Mapping[str, int] = MappingProxyType({}),
    ) -> Referenced[_T]:
        shared = {"reference": reference, "method": "POST", "path": path, "query": dict(query)}

        async def write(raw: bytes, before_write: Any) -> _T:
            call = Call(
                what,
                "POST",
                path,
                returns,
                query=query,
                raw=raw,
                headers=_JSON,
                reference=reference,
                settle=settle,
                before_write=before_write,
                secrets=secrets,
            )
            return await caller.write(call)

        return await self._writing().once(reference, {**shared, "body": body}, write, receipt, settle=settle, kept={**shared, **kept})

    async def _lost(self, reference: str, path: str) -> tuple[float, Mapping[str, Any]]:
        """When a request whose outcome is open was sent, and what is kept of it."""
        references = self._writing()
        slot = await references.find(reference)
        if slot is None or slot.state not in (State.SENDING, State.UNKNOWN):
            raise _nothing_open(reference)
        content = await references.content(slot)
        if content.get("path") != path:
            raise _nothing_open(reference)
        return slot.sent_at or slot.changed_at, content

    async def _lost_orders(self, reference: str) -> tuple[list[dict[str, Any]], float]:
        sent_at, content = await self._lost(reference, _ORDERS)
        return list(content["body"]), sent_at

    async def _claimed(self, since: float) -> set[int]:
        """The orders of other references that were accepted since then."""
        receipts = await self._writing().receipts(since)
        return {
            int(text) for receipt, content in receipts if content.get("path") == _ORDERS for text in receipt.split(",") if text.isdigit()
        }

    async def aclose(self) -> None:
        """Close every connection, and wait until what cancelled callers left behind is on record. The ledger stays open.

        Example::

            await client.aclose()
        """
        if self._references is not None:
            await self._references.wait()
        await self._orders.aclose()
        await self._public.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._root!r})"


_AT_ONCE: Final = min(MOST_TOGETHER, 14)  # The longest ids there can be, and the commas, still fit into an address.


def _checked_prefix(value: object, path: str) -> str:
    if value not in ("", "Bearer "):
        raise InvalidInput(path=path, expected="'' or 'Bearer '", actual=describe(value))
    return str(value)


def _nothing_open(reference: object) -> LedgerError:
    return LedgerError("missing", f"nothing of this kind is open under the reference {describe(reference)}")
