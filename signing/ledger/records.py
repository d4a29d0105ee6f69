"""The rows of a ledger as values: scopes, slots, artifacts, attempts, holds. Frozen; no ``repr`` shows a signature or the bytes to send."""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from math import inf
from typing import Any, Final

from orderseal.signing.clock import elapsed_clock
from orderseal.signing.errors import InvalidInput, describe
from orderseal.signing.ledger.errors import LedgerError
from orderseal.signing.ledger.states import State
from orderseal.signing.values import Address, AddressLike, Hash32

__all__ = ["MAX_KEY", "Artifact", "Attempt", "Counter", "Hold", "Scope", "Slot", "Stage", "StoreInfo", "What"]

MAX_KEY: Final = 2**256 - 1
"""The greatest key of a slot: keys are 32 bytes."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Scope:
    """Within what a nonce is unique.

    Attributes:
        venue: such as ``stove``.
        network: such as ``stove-testnet``, or the chain id as text.
        account: whose nonce it is.
        kind: ``order``, ``transaction``, or a name of yours for another series of the same account.
    """

    venue: str
    network: str
    account: Address
    kind: str = "order"

    def __init__(self, venue: str, network: str, account: AddressLike, kind: str = "order") -> None:
        for name, value in (("venue", venue), ("network", network), ("kind", kind)):
            if not isinstance(value, str) or not _NAME.fullmatch(value):
                raise InvalidInput(
                    path=f"scope.{name}", expected="1 to 64 letters, digits or any of . _ : / - in ASCII", actual=describe(value)
                )
            object.__setattr__(self, name, value)
        object.__setattr__(self, "account", Address(account))

    def __str__(self) -> str:
        return f"{self.venue}/{self.network} {self.kind} of {self.account}"


@dataclass(frozen=True, slots=True)
class Slot:
    """A nonce and where it stands, as it was when it was read. Every change gives a new one; the old one is stale then.

    Attributes:
        id: the row's number within its store.
        scope: within what the key is unique.
        key: the nonce as an integer, 0 to 2^256-1.
        shared: whether several artifacts may follow each other (replacement transactions).
        state: see :class:`State`.
        digest: what the nonce is bound to, or ``None``.
        owner: the instance that holds the lease: its name, ``#``, and 16 hex digits of its own.
        lease_epoch: grows each time the row changes hands; a change with an old one is refused.
        lease_until: Unix seconds by the database's clock.
        sent_at: Unix seconds of the first attempt, or ``None``: from then on the signature has left the process.
        changed_at: Unix seconds of the last change, by the ledger's clock.
    """

    id: int
    scope: Scope
    key: int
    shared: bool
    state: State
    digest: Hash32 | None
    owner: str
    lease_epoch: int
    lease_until: float
    sent_at: float | None
    changed_at: float


class Stage(StrEnum):
    """Which of its two halves an artifact is: each is written once, in a commit of its own."""

    CONTENT = "content"  # Digest and order.
    SIGNED = "signed"  # Digest, signature and the exact bytes to send.


@dataclass(frozen=True, slots=True)
class Artifact:
    """A half of what a nonce carries. Never updated.

    Attributes:
        slot_id: whose.
        stage: ``content`` has ``content`` and ``deadline``; ``signed`` has ``signature`` and ``body``.
        digest: what is signed.
        content: the order as canonical JSON (a typed-data document), or ``None``.
        deadline: Unix seconds until which the signature is good; ``None`` means for ever.
        signature: the raw signature, or ``None``.
        body: the exact bytes to send, or ``None``.
        at: Unix seconds.
    """

    slot_id: int
    stage: Stage
    digest: Hash32
    content: str | None
    deadline: int | None
    signature: bytes | None = field(repr=False)
    body: bytes | None = field(repr=False)
    at: float


class What(StrEnum):
    """What an attempt's row tells."""

    SENT = "sent"  # Written before the first byte leaves.
    ANSWER = "answer"
    LOOKUP = "lookup"
    OBSERVATION = "observation"  # A venue's own status, in its words.
    FILL = "fill"  # How much of it has been filled, all told.
    DEAD = "dead"  # The signature can do nothing any more: the allowance is gone, or the chain has voided its nonce.
    CANCEL = "cancel"  # What became of asking the venue to cancel: see :mod:`.cancels`.
    NOTE = "note"  # Why it was abandoned, who took it over, and the like.


@dataclass(frozen=True, slots=True)
class Attempt:
    """Something that happened to a slot. Append-only.

    Attributes:
        slot_id: whose.
        what: see :class:`What`.
        digest: of the artifact that it is about, or ``None``.
        details: JSON values, by ``what``; a venue's words may repeat a signature, so they are not in the ``repr``.
        at: Unix seconds.
    """

    slot_id: int
    what: What
    digest: Hash32 | None
    details: dict[str, Any] = field(repr=False)
    at: float


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold as it was when it was taken, kept or read.

    Attributes:
        scope: within what the name is unique.
        name: what there may be one of at a time, such as ``0x…token 0x…spender``.
        intent: what it is held for; it never changes.
        owner: the instance that holds it: its name, ``#``, and 16 hex digits of its own.
        epoch: 1 at first; grows each time it changes hands.
        until: Unix seconds by the database's clock at which the lease runs out.
        since: Unix seconds by the database's clock at which it was first taken for this intent.
        send_before: when the lease runs out, by a clock of this machine that goes on while the process is stopped. One that was only
            read allows nothing.
    """

    scope: Scope
    name: str
    intent: str
    owner: str
    epoch: int
    until: float
    since: float
    send_before: float = field(default=-inf, compare=False, repr=False)

    def check_lease(self) -> None:
        """Call it right before anything that is done under the hold.

        Raises:
            LedgerError: ``lease_lost``: this process was stopped or held up until its lease ran out, or it has only read the hold.
                Nothing may be done.
        """
        if elapsed_clock() >= self.send_before:
            raise LedgerError(
                "lease_lost", f"the lease on the hold '{self.name}' has run out: do nothing under it; take it again with hold()"
            )


@dataclass(frozen=True, slots=True)
class Counter:
    """How far the nonces of a scope have been given out.

    Attributes:
        next: no key from here on has been given out.
        acknowledged: every key below was accounted for when the venue was last asked: by seeding or by reconciling.
        epoch: the store's epoch when that was; in another one nothing is reserved, committed or sent until it is reconciled.
    """

    next: int
    acknowledged: int
    epoch: int


@dataclass(frozen=True, slots=True)
class StoreInfo:
    """What a store says of itself.

    Attributes:
        store_id: made with the store; a backup has the same.
        schema_version: of its tables.
        epoch: 1 at first; a backup has one more than its origin.
    """

    store_id: str
    schema_version: int
    epoch: int
