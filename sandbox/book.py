"""The book: accounts, nonces, orders, and the one place where an order changes its state."""

from __future__ import annotations

import heapq
import uuid
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from eth_utils.crypto import keccak

from orderseal.sandbox.clock import Clock
from orderseal.sandbox.errors import (
    INSUFFICIENT_BALANCE,
    NOT_CANCELLABLE,
    ORDER_NONCE_INVALID,
    ORDER_NONCE_USED,
    ORDER_NOT_FOUND,
    ORDER_REJECTED,
    ApiError,
)
from orderseal.sandbox.market import INSTRUMENTS, WEI, least_incentive
from orderseal.sandbox.orders import FINAL, Fill, Order, SignedOrder, Status
from orderseal.sandbox.settings import Settings
from orderseal.sandbox.variation import Variation

_ON_BOOK = frozenset({Status.PENDING, Status.PARTIALLY_FILLED})

Changed = Callable[[str], None]
Listener = Callable[[Order, Status | None, Status, "dict[str, object] | None"], None]


@dataclass(slots=True)
class Position:
    """Shares of one ticker; ``cost`` is what all of them cost, in base units of a stablecoin."""

    balance: int
    cost: int
    locked: int = 0


@dataclass(slots=True)
class Account:
    """What one wallet owns and which nonces it has used."""

    next_nonce: int
    positions: dict[str, Position]
    used_nonces: set[int] = field(default_factory=set[int])
    spent: dict[str, int] = field(default_factory=lambda: defaultdict[str, int](int))
    locked_cash: dict[str, int] = field(default_factory=lambda: defaultdict[str, int](int))


class Book:
    """Keeps all orders.

    Every change of state goes to ``listener`` as (order, from, to, metadata); then, as after every fill, ``changed`` gets the ticker.
    """

    def __init__(self, settings: Settings, variation: Variation, clock: Clock, rng: Random, listener: Listener, changed: Changed) -> None:
        self._settings = settings
        self._variation = variation
        self._clock = clock
        self._rng = rng
        self._listener = listener
        self._changed = changed
        self._accounts: dict[str, Account] = {}
        self._by_id: dict[str, Order] = {}
        self._by_maker: dict[str, list[Order]] = defaultdict(list)
        self._by_hash: dict[str, Order] = {}
        self._deadlines: list[tuple[int, int, Order]] = []
        self._blocks = rng.randrange(10_000_000, 20_000_000)

    @property
    def makers(self) -> int:
        return len(self._accounts)

    @property
    def orders(self) -> int:
        return len(self._by_id)

    def account(self, wallet: str) -> Account:
        if wallet not in self._accounts:
            shares = self._settings.seed_shares
            positions = {ticker: Position(shares, int(item.price * WEI) * shares) for ticker, item in INSTRUMENTS.items()} if shares else {}
            self._accounts[wallet] = Account(next_nonce=self._variation.first_nonce, positions=positions)
        return self._accounts[wallet]

    def orders_of(self, wallet: str) -> list[Order]:
        return self._by_maker.get(wallet, [])

    def orders_for(self, ticker: str) -> list[Order]:
        """Return the orders of all makers that rest on the book for a ticker."""
        return [order for order in self._by_id.values() if order.signed.ticker == ticker and order.status in _ON_BOOK]

    def find(self, wallet: str, order_id: str) -> Order:
        """Return a maker's own order; raise ``ApiError`` for an unknown one and for somebody else's alike."""
        order = self._by_id.get(order_id.lower())
        if order is None or order.signed.maker != wallet:
            raise ApiError(ORDER_NOT_FOUND)
        return order

    def with_hash(self, order_hash: str) -> Order:
        """Return the order of any maker with this hash; raise ``ApiError`` for an unknown one."""
        order = self._by_hash.get(order_hash.lower())
        if order is None:
            raise ApiError(ORDER_NOT_FOUND)
        return order

    def all_orders(self) -> list[Order]:
        """Return the orders of all makers, the oldest first."""
        return list(self._by_id.values())

    def accept(self, signed: SignedOrder) -> Order:
        """Take an order onto the book; there is no await inside, so one nonce is taken exactly once."""
        account = self.account(signed.maker)
        if signed.nonce < self._variation.first_nonce:
            raise ApiError(ORDER_NONCE_INVALID)
        if signed.nonce in account.used_nonces:
            raise ApiError(ORDER_NONCE_USED)
        cash, shares = (signed.price * signed.quantity + signed.incentive, 0) if signed.is_buy else (0, signed.quantity)
        self._require_funds(account, signed, cash, shares)
        pays_enough = signed.incentive >= least_incentive(self._variation, signed.asset, signed.price, signed.quantity)
        played = pays_enough and self._settings.takers == "engine"
        if played and outcome_digit(signed.quantity) == 3 and self._variation.rejected_as == "error":
            if self._variation.rejection_takes_nonce:
                self._use_nonce(account, signed.nonce)
            raise ApiError(ORDER_REJECTED, "the quantity asks the mock matching engine for a rejection")
        self._use_nonce(account, signed.nonce)
        now = self._clock.time()
        order = Order(
            signed=signed,
            id=self.random_uuid(),
            order_hash=self.order_hash(signed),
            sequence=len(self._by_id),
            created_at=now,
            updated_at=now,
            pays_enough=pays_enough,
            locked_cash=cash,
            locked_shares=shares,
        )
        account.locked_cash[signed.asset] += cash
        if shares:
            account.positions[signed.ticker].locked += shares
        self._by_id[order.id] = order
        self._by_maker[signed.maker].append(order)
        self._by_hash[order.order_hash] = order
        heapq.heappush(self._deadlines, (signed.deadline, order.sequence, order))
        return order

    def announce(self, order: Order) -> None:
        """Report the creation of an order, once."""
        if not order.announced:
            order.announced = True
            self._listener(order, None, Status.PENDING, None)
            self._changed(order.signed.ticker)

    def move(self, order: Order, status: Status, metadata: dict[str, object] | None = None) -> None:
        self.announce(order)
        previous, order.status, order.updated_at = order.status, status, self._clock.time()
        if status in FINAL:
            self._release(order, order.locked_cash, order.locked_shares)
        self._listener(order, previous, status, metadata)
        self._changed(order.signed.ticker)

    def touch(self, order: Order) -> None:
        """Note that an order was executed further without a change of its state."""
        order.updated_at = self._clock.time()
        self._changed(order.signed.ticker)

    def usual_fee(self, order: Order, quantity: int) -> int:
        """Return what the mock matching engine takes for a fill: its part of the estimate, or of the incentive if that is less."""
        signed = order.signed
        least = least_incentive(self._variation, signed.asset, signed.price, signed.quantity)
        return min(signed.incentive, least) * quantity // signed.quantity

    def fill(self, order: Order, quantity: int, fee: int, taker: str, key: str | None = None) -> Fill:
        """Execute a part of an order at its limit price; shares or proceeds go to its principal."""
        signed = order.signed
        amount = signed.price * quantity
        self._blocks += 1 + self._rng.randrange(20)
        order.filled += quantity
        fill = Fill(
            id=self.random_uuid(),
            taker=taker,
            quantity=quantity,
            amount=amount,
            fee=fee,
            tx_hash="0x" + self._rng.randbytes(32).hex(),
            block_number=self._blocks,
            reference_id=f"Taker-{self._rng.getrandbits(52):013x}",
            created_at=self._clock.time(),
            key=key,
        )
        order.fills.append(fill)
        if signed.is_buy:
            self._release(order, amount + fee, 0)
            self.account(signed.maker).spent[signed.asset] += amount + fee
            self._receive(signed, quantity)
        else:
            self._release(order, 0, quantity)
            position = self.account(signed.maker).positions[signed.ticker]
            position.cost -= position.cost * quantity // position.balance
            position.balance -= quantity
            self.account(signed.principal).spent[signed.asset] -= amount - fee
        return fill

    def cancel(self, order: Order) -> bool:
        """Cancel an order that rests on the book; ask the taker for a locked one. Return whether it is cancelled now."""
        if order.status is Status.LOCKED or order.held is not None:
            order.cancel_requested = True
            return False
        if order.status not in _ON_BOOK:
            raise ApiError(NOT_CANCELLABLE, f"status is {order.status}")
        self.move(order, Status.CANCELLED)
        return True

    def expire(self) -> None:
        """Expire what rests on the book past its deadline; a locked order is left to its taker."""
        now = self._clock.seconds()
        waiting: list[tuple[int, int, Order]] = []
        while self._deadlines and self._deadlines[0][0] < now:
            entry = heapq.heappop(self._deadlines)
            if entry[2].status in _ON_BOOK and entry[2].held is None:
                self.move(entry[2], Status.EXPIRED)
            elif not entry[2].final:
                waiting.append(entry)
        for entry in waiting:
            heapq.heappush(self._deadlines, entry)

    def may_execute(self, signed: SignedOrder) -> bool:
        """Tell whether an order's nonce is free, or is that of this very order and the order is not final."""
        order = self._by_hash.get(self.order_hash(signed))
        if order is not None:
            return not order.final
        return signed.nonce >= self._variation.first_nonce and signed.nonce not in self.account(signed.maker).used_nonces

    def funds(self, signed: SignedOrder) -> tuple[int | None, int]:
        """Return what the maker has to pay the order with, and what the order needs: stablecoin or shares; ``None`` means no limit."""
        account = self.account(signed.maker)
        if not signed.is_buy:
            position = account.positions.get(signed.ticker)
            return (position.balance if position else 0), signed.quantity
        limit = self._settings.maker_balance
        needed = signed.price * signed.quantity + signed.incentive
        return (None if limit is None else limit - account.spent[signed.asset]), needed

    def random_uuid(self) -> str:
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))

    def _require_funds(self, account: Account, signed: SignedOrder, cash: int, shares: int) -> None:
        position = account.positions.get(signed.ticker)
        if shares and (position is None or position.balance - position.locked < shares):
            raise ApiError(INSUFFICIENT_BALANCE, f"{signed.ticker} shares")
        limit = self._settings.maker_balance
        if limit is not None and limit - account.spent[signed.asset] - account.locked_cash[signed.asset] < cash:
            raise ApiError(INSUFFICIENT_BALANCE, "stablecoin")

    def _use_nonce(self, account: Account, nonce: int) -> None:
        account.used_nonces.add(nonce)
        if self._variation.next_nonce_rule == "highest_plus_one":
            account.next_nonce = max(account.next_nonce, nonce + 1)
        while account.next_nonce in account.used_nonces:
            account.next_nonce += 1

    def order_hash(self, signed: SignedOrder) -> str:
        match self._variation.order_hash_kind:
            case "signing_hash":
                return "0x" + signed.hashes.signing_hash.hex()
            case "struct_hash":
                return "0x" + signed.hashes.struct_hash.hex()
            case "salted":
                return "0x" + keccak(self._variation.order_hash_salt + signed.hashes.signing_hash).hex()

    def _release(self, order: Order, cash: int, shares: int) -> None:
        account = self.account(order.signed.maker)
        order.locked_cash -= cash
        order.locked_shares -= shares
        account.locked_cash[order.signed.asset] -= cash
        if shares:
            account.positions[order.signed.ticker].locked -= shares

    def _receive(self, signed: SignedOrder, quantity: int) -> None:
        positions = self.account(signed.principal).positions
        position = positions.setdefault(signed.ticker, Position(0, 0))
        position.balance += quantity
        position.cost += signed.price * quantity


def outcome_digit(quantity: int) -> int:
    """Return the digit that decides an order's course: the last one that is not zero (testing guide)."""
    return int(str(quantity).rstrip("0")[-1])
