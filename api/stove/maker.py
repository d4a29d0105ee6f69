"""A maker whose orders go through a ledger: one nonce, one order, for ever; nothing lost, nothing doubled.

Async; :mod:`.sync_maker` is the same for callers without an event loop.

What the venue's client does not do by itself is here: nonces are reserved, orders committed before they are signed, bytes stored before
they are sent, lost answers settled by looking up, refusals held against a second delivery, and what a crash left is picked up.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncGenerator, Sequence, Set
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self, cast

from orderseal.api.stove.cancelling import Cancellation, Cancelling, Panic
from orderseal.api.stove.client import AsyncClient
from orderseal.api.stove.intents import NASDAQ, Side, check_intent, check_ticker, limit_order
from orderseal.api.stove.models import FINAL_STATUSES, OrderStatus, PlacedOrder, StatusChange
from orderseal.api.stove.network import Network, order_scope
from orderseal.api.stove.port import StovePort
from orderseal.api.submission import Ending, Policy, Submitter
from orderseal.api.submission.afterwards import in_thread
from orderseal.api.submission.machine import DEFAULT_POLICY
from orderseal.api.transport import DEFAULT_CONNECTION, DEFAULT_LIMITS, DEFAULT_RETRIES, Connection, Hooks, Limits, RateLimit, Retries
from orderseal.signing import (
    Address,
    AddressLike,
    Clock,
    InvalidInput,
    InvalidReply,
    LedgerError,
    NonceConflict,
    Order,
    OrderRules,
    OrdersealError,
    Refused,
    RuleViolation,
    Signer,
    Token,
    VenueError,
    describe,
    format_time,
    system_clock,
)
from orderseal.signing.ledger import OPEN, Exposure, Ledger, Meaning, SequentialFromVenue, Slot, State, What

__all__ = ["AsyncMaker", "Placed", "Recovered"]

_LOG = logging.getLogger("orderseal.api.stove")

_RECOVER_EVERY: Final = 60.0
_TRIES: Final = 4
_FIRST_WAIT: Final = 0.5
_FILLS: Final = FINAL_STATUSES | {OrderStatus.PARTIALLY_FILLED}


# What the rules and the order call it, by the caller's own word.
_ARGUMENTS: Final = {"address": "principal", "reference": "fair_price", "order.exchange": "exchange"}


@dataclass(frozen=True, slots=True)
class Placed:
    """An order that the venue has accepted. It does not change by itself: watch it.

    Attributes:
        slot: where it stands in the ledger.
        order: what was signed.
        venue: the venue's account of it, when it was accepted or found.
    """

    slot: Slot
    order: Order
    venue: PlacedOrder = field(repr=False)  # It holds the signature.

    @property
    def nonce(self) -> int:
        """The order's nonce."""
        return self.order.nonce

    @property
    def status(self) -> str:
        """The venue's status, in its own words."""
        return self.venue.status


@dataclass(frozen=True, slots=True)
class Recovered:
    """What became of a row that an earlier run left open.

    Attributes:
        slot: as it stands now.
        placed: the order, if the venue has it.
        error: why not, or why it is still open; ``None`` for a nonce that was given back.
    """

    slot: Slot
    placed: Placed | None
    error: OrdersealError | None


class AsyncMaker:
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
        if not isinstance(policy, Policy):
            raise InvalidInput(path="policy", expected="a Policy", actual=describe(policy))
        if rules is not None and not isinstance(rules, OrderRules):
            raise InvalidInput(path="rules", expected="OrderRules", actual=describe(rules))
        if unsent not in ("abandon", "send"):
            raise InvalidInput(path="unsent", expected='"abandon" or "send"', actual=describe(unsent))
        if not isinstance(ledger, Ledger | str | Path):
            raise InvalidInput(path="ledger", expected="a Ledger, or the path of its file", actual=f"a {type(ledger).__name__}")
        self.client = AsyncClient(
            network, signer, rate=rate, retries=retries, limits=limits, connection=connection, hooks=hooks, silence=silence, clock=clock
        )
        self.network, self.signer = network, signer
        self.rules = rules if rules is not None else OrderRules()
        self.recovered: list[Recovered] = []
        self._clock = clock
        self._unsent: Literal["abandon", "send"] = unsent
        self._mine = not isinstance(ledger, Ledger)
        self.ledger = ledger if isinstance(ledger, Ledger) else Ledger(ledger, clock=clock)
        self.scope = order_scope(network, signer.address)
        self._port = StovePort(self.client, self.scope, self.ledger)
        self._submitter = Submitter[PlacedOrder](
            self.ledger, self._port, signer, deadlines=self.client.deadlines, policy=policy, clock=clock
        )
        self._cancelling = Cancelling(self.client, self.ledger, self.scope)
        self._under_way: set[int] = set()
        self._recovered_at: float | None = None
        self._recovering: asyncio.Task[None] | None = None

    # -- Placing -------------------------------------------------------------------------------------------------------------

    async def buy(
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
        """Buy at most at a limit. See :meth:`place`."""
        return await self.place(
            "buy", ticker, shares=shares, limit=limit, pay_with=pay_with, reference=reference, fair_price=fair_price,
            deadline=deadline, life=life, principal=principal, exchange=exchange,
        )  # fmt: skip

    async def sell(
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
        """Sell at least at a limit. See :meth:`place`."""
        return await self.place(
            "sell", ticker, shares=shares, limit=limit, pay_with=pay_with, reference=reference, fair_price=fair_price,
            deadline=deadline, life=life, principal=principal, exchange=exchange,
        )  # fmt: skip

    async def place(
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
        """Quote, check, commit, sign and send one order, and settle it.

        Args:
            side: ``"buy"`` or ``"sell"``.
            ticker: such as ``AAPL``.
            shares: whole shares, 1 or more.
            limit: price of one share in the payment token; signed exactly.
            pay_with: the payment token.
            reference: your name for the intent. Asked for again under the same name, after a crash for example, the same order is settled
                and given back, and no second one is placed. Without it each call is an intent of its own.
            fair_price: what a share is worth by a source of yours; for the rules' ``price_band_percent``.
            deadline: Unix seconds; by default the earliest that is safe.
            life: seconds instead of a deadline.
            principal: who gets what is bought; by default the maker.

        Raises:
            InvalidInput: a wrong form; a reference that names another intent.
            RuleViolation: a rule forbids it, or it waited too long. Nothing was signed, or nothing took effect.
            Refused: the venue refused it, and a lookup shows nothing under the nonce.
            Unauthorized, RateLimited, Unreachable: nothing took effect; the order is abandoned, so ask again if you still want it.
            OutcomeUnknown: it may have taken effect; it stays open in the ledger, and :meth:`recover` goes on with it.
            NonceConflict: another program signs with this account.
            LedgerError: the ledger refuses, or cannot be used.
        """
        check_intent(side, shares)
        check_ticker(ticker)
        token = self.network.token(pay_with)
        self._recover_by_the_way()
        price = token.amount(limit, path="limit")
        if not price.units:
            raise InvalidInput(path="limit", expected="a price above 0", actual=str(limit))
        intent = _Intent(side, ticker, shares, price.units, token, exchange)
        self._check_early(intent, principal, fair_price)
        if reference is not None:
            known = await in_thread(self.ledger.by_reference, self.scope, reference)
            if known is not None and (known.state is not State.ABANDONED or known.sent_at is not None):
                return await self._again(known, intent, reference)
        asking = asyncio.create_task(self.client.next_nonce())
        try:
            quote = await self.client.quote(side, ticker, shares=shares, limit=limit, pay_with=token, exchange=exchange)
            next_nonce = await asking
        except Refused as error:
            if type(error) is not Refused:
                raise
            # Not a refused order: there is none yet, and so no signature that could be live.
            raise RuleViolation("not_quoted", f"the venue gives no quote for this, so nothing was signed: {error}") from error
        finally:  # Whatever fails: no request is left behind that goes on when this maker is closed.
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        slot = await in_thread(self.ledger.reserve, self.scope, SequentialFromVenue(next_nonce))
        self._under_way.add(slot.id)  # Before it can be found by its reference.
        try:
            order = limit_order(
                self.network, side, ticker, shares=shares, limit=limit, pay_with=token, maker=self.scope.account, fee=quote.fee,
                nonce=slot.key, now=self._clock(), deadline=deadline, life=life, principal=principal, max_fee=self.rules.max_fee,
                exchange=exchange, deadlines=self.client.deadlines,
            )  # fmt: skip
            self.rules.check(order, token=token, reference=fair_price)
            await self._check_exposure(order, token)
            slot = await in_thread(self.ledger.commit, slot, order, self.network.domain, reference=reference)
            # Again, now that others see it: of two that were checked at the same time, neither saw the other.
            await self._check_exposure(order, token)
        except BaseException as error:
            try:
                await self._give_back(slot, str(error))
            finally:
                self._under_way.discard(slot.id)
            if isinstance(error, LedgerError) and error.reason == "reference_used" and reference is not None:
                known = await in_thread(self.ledger.by_reference, self.scope, reference)
                if known is not None:  # Somebody asked for the same at the same time, and was first.
                    return await self._again(known, intent, reference)
            raise
        return await self._submit(slot, order)

    def _check_early(self, intent: "_Intent", principal: AddressLike | None, fair_price: Decimal | None) -> None:
        """What the rules say before the venue is asked anything: without its fee, and without rules of the caller's own."""
        try:
            probe = Order(
                maker=self.scope.account,
                principal=self.scope.account if principal is None else Address(principal),
                is_buy=intent.side == "buy",
                ticker=intent.ticker,
                exchange=intent.exchange,
                asset=intent.token.address,
                price=intent.price,
                quantity=intent.shares,
                incentive=0,
                deadline=int(self._clock()) + 1,
                nonce=0,
            )
            found = replace(self.rules, policies=()).violations(probe, token=intent.token, reference=fair_price)
        except InvalidInput as error:
            error.path = _ARGUMENTS.get(error.path, error.path)
            raise
        if len(found) > 1:
            raise RuleViolation(found[0].rule, "; ".join(f"({number}) {broken.rule}: {broken}" for number, broken in enumerate(found, 1)))
        if found:
            raise found[0]

    async def _submit(self, slot: Slot, order: Order) -> Placed:
        self._under_way.add(slot.id)
        try:
            settled = await self._submitter.submit(slot)
        finally:
            self._under_way.discard(slot.id)
        if settled.found is not None and settled.ending is Ending.ACCEPTED:
            return Placed(settled.slot, order, settled.found.receipt)
        assert settled.error is not None
        raise settled.error

    async def _again(self, slot: Slot, intent: "_Intent", reference: str) -> Placed:
        """The intent is known: settle it as it was signed. Nothing is signed anew."""
        order = await in_thread(self.ledger.order, slot, Order)
        if not intent.is_of(order):
            raise InvalidInput(
                path="reference",
                expected="the same side, ticker, shares, limit and token as before, or another reference",
                actual=f"other values than those of nonce {slot.key}, which {describe(reference)} names",
            )
        if slot.state in OPEN:
            if slot.owner != self.ledger.owner or slot.id in self._under_way or slot.state is State.SENDING:
                raise LedgerError(
                    "stale",
                    f"the intent {describe(reference)} is under way under nonce {slot.key} ({slot.state.value}), held by "
                    f"{slot.owner.partition('#')[0]} until {format_time(slot.lease_until)} at least: ask again; if its holder has died, "
                    "recover() settles it then",
                )
            return await self._submit(slot, order)  # A call that placed it gave up before its outcome was known.
        if slot.state is State.ACCEPTED:
            return await self.find(slot)
        if slot.state is State.REFUSED:
            attempts = await in_thread(self.ledger.attempts, slot)
            said: dict[str, Any] = next((a.details for a in reversed(attempts) if a.details.get("meaning") == Meaning.REFUSED), {})
            raise Refused(
                f"intent {describe(reference)}: nonce {slot.key} was refused before", status=said.get("status") or 0, code=said.get("code"),
                message=str(said.get("text") or "no reason given"),
                hint="Its signature is live until the deadline. Use another reference for another try",
            )  # fmt: skip
        raise LedgerError(
            "given_up",
            f"the intent {describe(reference)} was given up under nonce {slot.key} after an attempt, and its signature may be live until"
            " the deadline. Use another reference for another try",
        )

    async def find(self, slot: Slot) -> Placed:
        """Read an accepted order at the venue.

        Raises:
            InvalidReply: the venue does not show it.
            NonceConflict: it shows another one.
        """
        order = await in_thread(self.ledger.order, slot, Order)
        shown = await self._port.look_up(slot.key)
        for found in shown:
            if found.order == order:
                return Placed(slot, order, found.receipt)
        if shown:
            raise NonceConflict(f"the venue holds another order under nonce {slot.key}", nonce=slot.key)
        raise InvalidReply(
            f"query orders: the venue does not show nonce {slot.key}, which it has accepted. Is this another venue, or a sandbox that was "
            "started anew? A new sandbox wants a new ledger",
            status=200,
        )

    async def _check_exposure(self, order: Order, token: Token) -> None:
        rules = self.rules
        if rules.max_buy_exposure is not None or rules.max_open_sells is not None or rules.max_live is not None:
            exposure = await in_thread(self.ledger.exposure, pending=True)
            rules.check_exposure(order, exposure, token=token, network=self.scope.network)

    async def _give_back(self, slot: Slot, why: str = "") -> None:
        """Release the nonce, or abandon the order that was not sent. If the caller is cancelled meanwhile, it is done all the same."""

        def work() -> None:
            current = slot
            with contextlib.suppress(LedgerError):  # It stays open, and the next recovery does it.
                if slot.state is State.RESERVED:
                    with contextlib.suppress(LedgerError):
                        self.ledger.release(slot)
                        return
                    current = self.ledger.get(slot.id)  # Cancelled while it was committed, which was done all the same.
                if current.lease_epoch == slot.lease_epoch and current.state is State.COMMITTED:
                    self.ledger.abandon(current, why or "cancelled before it was sent")

        await asyncio.shield(in_thread(work))

    # -- After a crash -------------------------------------------------------------------------------------------------------

    async def recover(self, *, unsent: Literal["abandon", "send"] | None = None) -> list[Recovered]:
        """Settle the rows of this account that are open and that nobody holds: of an earlier run, or of a machine that died; and those that
        a call of this run gave up as unknown.

        It is done when the maker is entered, and once a minute while orders are placed.

        Args:
            unsent: what becomes of orders of which nothing is on the way. ``"abandon"``: what was wanted then may not be wanted now.
                ``"send"``: they go out now, if their deadline still allows it.
        """
        self._recovered_at = time.monotonic()
        settled = await self._submitter.recover(unsent=unsent or self._unsent, busy=self._under_way)
        found: list[Recovered] = []
        for one in settled:
            placed = None
            if one.found is not None and one.ending is Ending.ACCEPTED:
                placed = Placed(one.slot, cast("Order", one.found.order), one.found.receipt)
            found.append(Recovered(one.slot, placed, one.error))
            _LOG.info("nonce %d, left open before, is %s now", one.slot.key, one.slot.state.value)
        self.recovered += found
        return found

    def _recover_by_the_way(self) -> None:
        """Now and then, beside what the caller wants: a machine may have died, and this one may be the only one left."""
        if self._recovered_at is not None and time.monotonic() - self._recovered_at < _RECOVER_EVERY:
            return
        if self._recovering is not None and not self._recovering.done():
            return  # The venue may be slow to answer. Two at once would be in each other's way, and only the last one be ended.
        self._recovered_at = time.monotonic()
        self._recovering = asyncio.get_running_loop().create_task(self._recover_quietly())

    async def _recover_quietly(self) -> None:
        try:
            await self.recover()
        except OrdersealError as error:
            _LOG.warning("what others left open could not be settled: %s", error)

    # -- Watching and cancelling ---------------------------------------------------------------------------------------------

    async def watch(self, placed: Placed, *, until: Set[str] = FINAL_STATUSES) -> AsyncGenerator[StatusChange]:
        """Yield the changes of an order until a final status that a query confirms; each is kept in the ledger as an observation.

        Survives lost connections, see :meth:`AsyncClient.follow`. Fills that the venue shows with a transaction's hash end that much of
        the exposure. An order that has ended already gives its status once. One that rests on the book is watched until its deadline:
        leave the loop, or name further statuses in ``until``.
        """
        self._refuse_foreign(placed)
        told = False
        async with contextlib.aclosing(self.client.follow(placed.venue, until=until)) as changes:
            async for change in changes:
                await self._observe(placed.slot, change.to_status, pushed=change.pushed)
                if change.to_status in _FILLS:  # Now: whoever has seen it may leave the loop.
                    await self._take_stock(placed, tries=1)
                told = True
                yield change
        status = await self._take_stock(placed, tries=_TRIES)
        if not told and status is not None:
            yield StatusChange(order_hash=placed.venue.order_hash, to_status=status, pushed=False)

    def _refuse_foreign(self, placed: object) -> None:
        if not isinstance(placed, Placed):
            raise InvalidInput(path="placed", expected="a Placed order, as buy and sell give it", actual=describe(placed))
        if placed.slot.scope != self.scope:
            raise InvalidInput(path="placed", expected=f"an order of {self.scope}", actual=f"one of {placed.slot.scope}")

    async def _observe(self, slot: Slot, status: str, **details: Any) -> None:
        await in_thread(self.ledger.observe, slot, status, **details)

    async def _take_stock(self, placed: Placed, tries: int) -> str | None:
        """What the venue shows: fills, and whether a cancellation was done; its status. What cannot be read now stays in the exposure."""
        wait = _FIRST_WAIT
        for last in range(1 - tries, 1):
            try:
                current = await self.client.order(placed.venue.order_hash)
            except VenueError as error:
                if not last:
                    _LOG.warning("the fills of nonce %d could not be read, and stay in the exposure: %s", placed.nonce, error)
                    return None
                await asyncio.sleep(wait)
                wait *= 2
                continue
            filled, evidence = _filled(current, placed.order)
            if filled:
                await in_thread(self._record_fill, placed.slot, filled, evidence)
            await self._cancelling.conclude(placed.slot, current.status)
            return current.status
        raise AssertionError("unreachable: the last try returns")

    def _record_fill(self, slot: Slot, filled: int, evidence: str) -> None:
        known = [attempt.details["filled"] for attempt in self.ledger.attempts(slot) if attempt.what is What.FILL]
        if filled > max(known, default=0):
            self.ledger.record_fill(slot, filled, evidence=evidence)

    async def cancel(self, placed: Placed) -> Cancellation:
        """Ask to cancel an order. The request is on record before it leaves; asking again is harmless.

        For a locked order the answer comes later, from its taker: ``acknowledged`` then means "asked". Whatever comes of it, the
        signature stays live until the deadline, and counts as exposure.

        Raises:
            LedgerError: the ledger cannot be used. Errors of the venue are in the result.
        """
        self._refuse_foreign(placed)
        return await self._cancelling.cancel(placed.slot, placed.venue, placed.order.deadline)

    async def panic(self) -> Panic:
        """Stop everything: halt the ledger for all its users, abandon what was not sent, and ask to cancel every order at the venue.

        After it nothing of the ledger is reserved, signed or sent by any process, until ``reconcile``. It cannot end live signatures:
        only the chain can, see :attr:`Panic.allowances`. Nothing raises half way; what went wrong is in the result.
        """
        return await self._cancelling.panic()

    # -- The rest ------------------------------------------------------------------------------------------------------------

    async def reconcile(self, *, max_jump: int = 1_000, skip: int = 0) -> int:
        """Accept the venue's next nonce, after a restored backup, a panic, or another program's use of the account; give it back.

        See :meth:`orderseal.signing.ledger.Ledger.reconcile`.
        """
        next_nonce = await self.client.next_nonce()
        await in_thread(self.ledger.reconcile, self.scope, next_nonce, max_jump=max_jump, skip=skip)
        return next_nonce

    async def exposure(self) -> Exposure:
        """What the signatures that have left may still cost, and those that are about to."""
        return await in_thread(self.ledger.exposure, pending=True)

    async def aclose(self) -> None:
        """Close every connection, and the ledger if it was opened here. What is under way is left to the next recovery."""
        if self._recovering is not None:
            self._recovering.cancel()
            await asyncio.gather(self._recovering, return_exceptions=True)
        await self.client.aclose()
        await self._submitter.wait()
        if self._mine:
            await in_thread(self.ledger.close)

    async def __aenter__(self) -> Self:
        try:
            await self._recover_quietly()
        except BaseException:  # Nobody leaves what was not entered.
            await self.aclose()
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.aclose()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.network.name!r}, {self.scope.account}, {self.ledger!r})"


@dataclass(frozen=True, slots=True)
class _Intent:
    """What the caller wants, as far as it must be the same under one reference. Fee, deadline and nonce are ours to choose."""

    side: Side
    ticker: str
    shares: int
    price: int
    token: Token
    exchange: int

    def is_of(self, order: Order) -> bool:
        return (order.is_buy, order.ticker, order.quantity, order.price, order.asset, order.exchange) == (
            self.side == "buy", self.ticker, self.shares, self.price, self.token.address, self.exchange,
        )  # fmt: skip


def _filled(current: PlacedOrder, order: Order) -> tuple[int, str]:
    """Whole shares whose fill the venue shows with a transaction, and where; none where its quantities do not fit what was signed.

    What is believed here comes off the exposure, so that too little is the safe side: a transaction counts once, the least that is said of
    it, one in another status than ``confirmed`` does not, and all together are at most what the venue itself calls filled.
    """
    mined: dict[str, int] = {}
    for fill in current.fills or ():
        if fill.tx_hash and fill.status in (None, "confirmed"):
            name = fill.tx_hash.lower()
            mined[name] = min(mined.get(name, fill.fill_quantity), fill.fill_quantity)
    try:
        unit, said = current.unit(order), current.filled_shares(order).whole
    except InvalidInput as error:
        _LOG.warning("the venue shows nonce %d with other quantities, and its fills are not believed: %s", order.nonce, error)
        return 0, ""
    filled, rest = divmod(sum(mined.values()), unit.value)
    if rest or filled > said:
        _LOG.warning("the venue's fills of nonce %d are not believed: they are not whole, or more than the %d filled", order.nonce, said)
        return 0, ""
    return filled, "the venue's fills: " + ", ".join(name[:80] for name in list(mined)[:20])
