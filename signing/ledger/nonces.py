"""Nonce rules: which keys a scope gives out. A rule is a small value that makes a :class:`Claim`; the store applies it in its transaction.

Whatever the rule, one thing is the ledger's own: a key is given out once. All rules come down to *the next free key, but not
below a floor*, so that any store can do it in one statement.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

from orderseal.signing.errors import InvalidInput, NonceConflict, describe
from orderseal.signing.ledger.errors import LedgerError
from orderseal.signing.ledger.records import MAX_KEY, Counter, Scope
from orderseal.signing.orders import MAX_NONCE

__all__ = [
    "MAX_COUNT",
    "AccountNonce",
    "Claim",
    "NonceRule",
    "SequentialFromVenue",
    "allot",
    "nonce_conflict",
    "reconciled",
    "refuse_epoch",
]

MAX_COUNT: Final = 10_000
"""The most nonces that are reserved at once."""

_LAST_ACCOUNT_NONCE: Final = 2**64 - 2  # EIP-2681


@dataclass(frozen=True, slots=True)
class Claim:
    """What a rule asks of the store for one reservation.

    Attributes:
        floor: no key below is given out; the counter moves up to it, and never down.
        limit: the greatest key.
        venue_next: the venue's next nonce, if it was just read: the ledger is held against it.
        from_venue: whether the first key of a scope must be the venue's.
        max_first: the greatest first key that a venue is believed.
        fill_released: whether keys that were given back are taken first.
        shared: whether the slots may carry several artifacts, one after the other.
    """

    floor: int = 0
    limit: int = MAX_KEY
    venue_next: int | None = None
    from_venue: bool = False
    max_first: int = MAX_KEY
    fill_released: bool = False
    shared: bool = False

    def __post_init__(self) -> None:
        for name in ("floor", "limit", "venue_next", "max_first"):
            value = getattr(self, name)
            if not (value is None and name == "venue_next") and (type(value) is not int or not 0 <= value <= MAX_KEY):
                raise InvalidInput(path=f"claim.{name}", expected="an integer from 0 to 2^256-1", actual=describe(value))


@runtime_checkable
class NonceRule(Protocol):
    """How a scope's nonces go on. Write your own: a class with this one method."""

    def claim(self, now: float) -> Claim:
        """Say what to ask of the store, at Unix time ``now`` by the ledger's clock. No I/O: the store may ask again."""
        ...


@dataclass(frozen=True, slots=True)
class SequentialFromVenue:
    """Whole numbers one after the other, as the venue counts them (Stove, *Nonce*).

    The venue's number seeds the counter; from then on the ledger counts by itself, forward only. Give the number again whenever
    you have read it: if the venue is ahead of everything that this ledger ever sent, somebody else signs with the same account,
    or the ledger is an old copy, and nothing is reserved until :meth:`Ledger.reconcile`.

    Attributes:
        next_nonce: what the venue just said, or ``None`` to go by the ledger alone.
        fill_released: take nonces that were given back first; ``False`` leaves gaps.
        max_first: the greatest first nonce that is believed.
        limit: the greatest nonce.
    """

    next_nonce: int | None = None
    fill_released: bool = True
    max_first: int = 1_000_000
    limit: int = MAX_NONCE

    def claim(self, now: float) -> Claim:  # noqa: ARG002 - the protocol's
        """See :class:`NonceRule`."""
        return Claim(
            limit=self.limit,
            venue_next=self.next_nonce,
            from_venue=True,
            max_first=self.max_first,
            fill_released=self.fill_released,
        )


@dataclass(frozen=True, slots=True)
class AccountNonce:
    """An account's transaction nonces on a chain (``eth_getTransactionCount``, *pending*). Several transactions may share one.

    A chain allows no gaps, so nonces that were given back are taken first, and a transaction that must not happen is
    replaced under its nonce. Use a scope of kind ``transaction``.

    Attributes:
        next_nonce: what the node just said, or ``None`` to go by the ledger alone.
        max_first: the greatest first nonce that is believed.
    """

    next_nonce: int | None = None
    max_first: int = 1_000_000_000

    def claim(self, now: float) -> Claim:  # noqa: ARG002 - the protocol's
        """See :class:`NonceRule`."""
        return Claim(
            limit=_LAST_ACCOUNT_NONCE,
            venue_next=self.next_nonce,
            from_venue=True,
            max_first=self.max_first,
            fill_released=True,
            shared=True,
        )


def allot(
    scope: Scope, counter: Counter | None, claim: Claim, count: int, *, highest_sent: int | None, epoch: int, released: Mapping[int, int]
) -> tuple[Counter, list[int], int]:
    """Decide a reservation: the counter afterwards, the ids of released slots to take, and the first new key. Pure.

    Args:
        counter: how far the scope has gone, or ``None`` if it is new.
        highest_sent: the greatest key of the scope whose bytes have left, or ``None``.
        epoch: the store's.
        released: slots that were given back, key to id.

    Raises:
        LedgerError: ``unseeded``, ``venue_jump``, ``needs_reconcile``, ``venue_ahead`` or ``exhausted``. Nothing was reserved.
    """
    asked = claim.venue_next
    if counter is None and epoch == 1:
        if claim.from_venue and asked is None:
            raise LedgerError("unseeded", f"nothing is known of {scope} yet: give the rule the venue's next nonce the first time")
        start = max(claim.floor, asked or 0)
        if asked is not None and start > claim.max_first:
            raise LedgerError(
                "venue_jump",
                f"the venue begins at nonce {start}, more than {claim.max_first}: if that is right, say so with the rule's max_first",
            )
        counter = Counter(start, start, epoch)
    if counter is None or counter.epoch != epoch:
        raise refuse_epoch(scope)
    known = max(counter.acknowledged, 0 if highest_sent is None else highest_sent + 1)
    if asked is not None and asked > known:
        raise LedgerError(
            "venue_ahead",
            f"the venue expects nonce {asked} of {scope}, but nothing from {known} on was ever sent from this ledger: "
            "another program signs with this account, or this file is an old copy. Find out which, then call reconcile"
            + (_reconcile_by_hand(scope, asked) if claim.shared else ""),
        )
    free = sorted(key for key in released if key >= max(claim.floor, asked or 0)) if claim.fill_released else []
    taken = [released[key] for key in free[:count]]
    first = max(counter.next, claim.floor)
    fresh = count - len(taken)
    if fresh and first + fresh - 1 > claim.limit:
        raise LedgerError("exhausted", f"{scope} has no {count} nonces left: {first} is next, and {claim.limit} the greatest")
    return Counter(first + fresh if fresh else counter.next, counter.acknowledged, counter.epoch), taken, first


def _reconcile_by_hand(scope: Scope, asked: int) -> str:
    """The command for an account's transactions: no venue is asked for their nonces."""
    return (
        f": orderseal ledger reconcile LEDGER --next {asked} --account {scope.account} --network {scope.network} --kind {scope.kind}, "
        "where --next is what the node's eth_getTransactionCount (pending) says then"
    )


def reconciled(scope: Scope, counter: Counter | None, venue_next: int, max_jump: int, skip: int, epoch: int) -> Counter:
    """The counter after the venue's number was accepted. Pure.

    Raises:
        LedgerError: ``venue_jump``.
    """
    for name, value in (("venue_next", venue_next), ("max_jump", max_jump), ("skip", skip)):
        if type(value) is not int or not 0 <= value <= MAX_KEY:
            raise InvalidInput(path=name, expected="an integer of 0 or more", actual=describe(value))
    before = counter.next if counter is not None else 0
    if venue_next - before > max_jump:
        raise LedgerError(
            "venue_jump",
            f"the venue would push the next nonce of {scope} from {before} to {venue_next}, by more than {max_jump}: "
            "if that is right, say so with max_jump",
        )
    return Counter(
        min(max(before, venue_next) + skip, MAX_KEY + 1), max(venue_next, counter.acknowledged if counter is not None else 0), epoch
    )


def refuse_epoch(scope: Scope) -> LedgerError:
    """The store was restored from a backup, fell back to an older copy, or was halted; or the scope is new in one that was."""
    return LedgerError(
        "needs_reconcile",
        "this ledger was halted, or is a restored backup, which forgets the nonces that were signed after it was made: "
        f"before anything of {scope} is reserved, committed or sent, call reconcile with the venue's next nonce",
    )


def nonce_conflict(scope: Scope, key: int, what: str) -> NonceConflict:
    """Another order stands under a nonce of ours."""
    return NonceConflict(f"{what} under nonce {key} of {scope}: another program signs with this account", nonce=key)
