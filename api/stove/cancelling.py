"""Asking Stove to cancel, and stopping everything. A cancellation is the venue's promise: it ends no live signature."""

import asyncio
from dataclasses import dataclass, field
from typing import Final

from orderseal.api.stove.client import AsyncClient
from orderseal.api.stove.models import FINAL_STATUSES, OrderPage, OrderStatus, PlacedOrder
from orderseal.api.submission.afterwards import in_thread
from orderseal.api.transport import words
from orderseal.signing import LedgerError, OrdersealError, RateLimited, Refused, VenueError
from orderseal.signing.ledger import CancelState, Exposure, Ledger, Scope, Slot, State
from orderseal.signing.ledger.cancels import is_settled

__all__ = ["Cancellation", "Cancelling", "Panic"]

_TRIES: Final = 3
_FIRST_WAIT: Final = 0.5
_LONGEST_WAIT: Final = 10.0
_PAGE: Final = 100
_MOST_PAGES: Final = 1_000


@dataclass(frozen=True, slots=True)
class Cancellation:
    """What came of asking to cancel an order. Whatever it is, the signature is live until its deadline.

    Attributes:
        state: see :class:`~orderseal.signing.ledger.CancelState`; ``acknowledged`` for a locked order, whose taker answers later.
        status: the venue's status of the order as last read, or ``None`` if it could not be read.
        live_until: Unix seconds until which the signature can be used all the same.
        error: why it was refused or is unknown.
    """

    state: CancelState
    status: str | None
    live_until: int
    error: OrdersealError | None = None


@dataclass(frozen=True, slots=True)
class Panic:
    """What :meth:`AsyncMaker.panic` did, and what it could not do.

    Attributes:
        halted: whether all bots of the ledger are stopped.
        cancelled: each order at the venue, by its id, with what came of the request.
        abandoned: nonces of orders that were not sent, and never will be.
        exposure: the signatures that are live all the same; ``None`` if the ledger could not be read.
        allowances: for each payment token of a live buy order (token, spender), or for all if they are not known: set them to zero on
            chain (:func:`orderseal.chain.revoke.revoke_allowance`). Nothing less ends a live signature.
        errors: what went wrong on the way.
    """

    halted: bool
    cancelled: dict[str, CancelState]
    abandoned: tuple[int, ...]
    exposure: Exposure | None
    allowances: tuple[tuple[str, str], ...]
    errors: tuple[OrdersealError, ...] = field(default=())


class Cancelling:
    """What a maker cancels with."""

    def __init__(self, client: AsyncClient, ledger: Ledger, scope: Scope) -> None:
        self._client, self._ledger, self._scope = client, ledger, scope

    async def cancel(self, slot: Slot, placed: PlacedOrder, live_until: int) -> Cancellation:
        """See :meth:`~orderseal.api.stove.AsyncMaker.cancel`."""
        state = await in_thread(self._ledger.cancel_state, slot)
        error: OrdersealError | None = None
        if not is_settled(state):
            await in_thread(self._ledger.record_cancel, slot, CancelState.ASKED)
            state, error = await self._ask(placed.id)
            await in_thread(self._ledger.record_cancel, slot, state, str(error or ""))
        status: str | None = None
        try:
            status = (await self._client.order(placed.order_hash)).status
            await in_thread(self._ledger.observe, slot, status, pushed=False)
            state = await self.conclude(slot, status) or state
        except VenueError as trouble:
            error = error or trouble
        assert state is not None
        return Cancellation(state, status, live_until, None if state is CancelState.DONE else error)

    async def conclude(self, slot: Slot, status: str) -> CancelState | None:
        """Record what a final status says of an open request."""
        state = await in_thread(self._ledger.cancel_state, slot)
        if state is None or is_settled(state) or status not in FINAL_STATUSES:
            return state
        state = CancelState.DONE if status == OrderStatus.CANCELLED else CancelState.NOT_DONE
        await in_thread(self._ledger.record_cancel, slot, state, status)
        return state

    async def _ask(self, order_id: str) -> tuple[CancelState, OrdersealError | None]:
        """Ask until there is an answer, a few times: asking twice does no harm."""
        wait = _FIRST_WAIT
        error: VenueError | None = None
        for turn in range(_TRIES):
            if turn:
                wanted = error.retry_after if isinstance(error, RateLimited) else None
                await asyncio.sleep(min(max(wait, wanted or 0.0), _LONGEST_WAIT))
                wait *= 2
            try:
                reply = await self._client.cancel(order_id)
            except Refused as refused:
                if type(refused) is Refused:
                    return CancelState.REFUSED, refused
                error = refused  # 401 or 429: it did nothing with this request, which says nothing of an earlier one.
            except VenueError as lost:
                error = lost
            else:
                if reply.success:
                    return CancelState.ACKNOWLEDGED, None
                why = words(reply.message or "without a reason")
                return CancelState.REFUSED, VenueError(f"cancel the order: the venue says no ({why})")
        return CancelState.UNKNOWN, error

    async def panic(self) -> Panic:
        """See :meth:`~orderseal.api.stove.AsyncMaker.panic`."""
        errors: list[OrdersealError] = []
        abandoned: list[int] = []
        halted = False
        try:
            await in_thread(self._ledger.halt)
            halted = True
        except LedgerError as error:
            errors.append(error)
        try:
            for slot in await in_thread(self._ledger.take_over, self._scope):
                if slot.state in (State.RESERVED, State.COMMITTED, State.SIGNED):
                    await in_thread(self._ledger.abandon, slot, "panic")
                    abandoned.append(slot.key)
        except LedgerError as error:
            errors.append(error)
        cancelled: dict[str, CancelState] = {}
        for order in await self._all_open(errors):
            cancelled[order.id], trouble = await self._ask(order.id)
            errors += [trouble] if trouble is not None else []
            try:
                await in_thread(self._note, order, cancelled[order.id], trouble)
            except LedgerError as error:
                errors.append(error)
        exposure: Exposure | None = None
        tokens = sorted({str(token.address) for token in self._client.network.tokens.values()})
        try:
            exposure = await in_thread(self._ledger.exposure)
            tokens = sorted({str(token) for (network, token), owed in exposure.buys.items() if network == self._scope.network and owed})
        except LedgerError as error:
            errors.append(error)
        allowances = tuple((token, str(self._client.network.settlement)) for token in tokens)
        return Panic(halted, cancelled, tuple(abandoned), exposure, allowances, tuple(errors))

    def _note(self, order: PlacedOrder, state: CancelState, trouble: OrdersealError | None) -> None:
        """Record what came of it, if the ledger knows the order."""
        slot = self._ledger.find(self._scope, order.nonce)
        if slot is not None and not is_settled(self._ledger.cancel_state(slot)):
            self._ledger.record_cancel(slot, CancelState.ASKED)
            self._ledger.record_cancel(slot, state, str(trouble or ""))

    async def _all_open(self, errors: list[OrdersealError]) -> list[PlacedOrder]:
        """Every order of the account that is not final, also those that this ledger does not know; as many as can be read."""
        found: dict[str, PlacedOrder] = {}
        page, pages = 1, 1
        while page <= pages:
            try:
                shown = await self._page(page)
            except VenueError as error:
                errors.append(error)
                break
            pages = min(shown.total_pages, _MOST_PAGES)
            found |= {order.id: order for order in shown.orders if not order.is_final}
            page += 1
        return list(found.values())

    async def _page(self, page: int) -> OrderPage:
        wait = _FIRST_WAIT
        for last in range(1 - _TRIES, 1):
            try:
                return await self._client.query(page=page, page_size=_PAGE)
            except VenueError:
                if not last:
                    raise
            await asyncio.sleep(wait)
            wait *= 2
        raise AssertionError("unreachable: the last try returns or raises")
