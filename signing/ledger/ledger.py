"""The ledger: which nonce carries which order, what was sent, and what came back. It sends nothing itself."""

import json
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from math import inf, isfinite
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar, cast

from orderseal.signing.clock import Clock, elapsed_clock, format_time, system_clock
from orderseal.signing.eip712.document import TypedData
from orderseal.signing.eip712.domain import Domain
from orderseal.signing.eip712.struct import Struct
from orderseal.signing.errors import InvalidInput, RuleViolation, describe
from orderseal.signing.ledger.answers import Answer, Meaning, without_signatures
from orderseal.signing.ledger.cancels import CancelState, cancel_state
from orderseal.signing.ledger.content import Carried, canonical, order_text, read_carried, read_document
from orderseal.signing.ledger.errors import LedgerError
from orderseal.signing.ledger.exposure import Exposure, measure
from orderseal.signing.ledger.holds import check_form
from orderseal.signing.ledger.nonces import MAX_COUNT, NonceRule, nonce_conflict
from orderseal.signing.ledger.records import MAX_KEY, Artifact, Attempt, Counter, Hold, Scope, Slot, Stage, StoreInfo, What
from orderseal.signing.ledger.sqlite import SqliteStore
from orderseal.signing.ledger.states import OPEN, Event, State, step
from orderseal.signing.ledger.store import Change, Lease, Query, Store, refuse_lease, refuse_missing
from orderseal.signing.orders import SignedOrder, refuse_faults, refuse_no_domain, refuse_no_signer, venue_payload
from orderseal.signing.rules.deadline import Deadlines
from orderseal.signing.signers import Signer, checked_signature
from orderseal.signing.values import Address, AddressLike, Hash32, Signature

__all__ = ["Body", "Ledger", "Outgoing"]

Body = Callable[[TypedData, Signature], bytes]
"""Makes the exact bytes to send from what was signed and the signature."""

_S = TypeVar("_S", bound=Struct)

_FOR_EVER: Final = 2**62
_LONGEST_BODY: Final = 1_048_576
_LONGEST_WORDS: Final = 4_000
_LONGEST_REFERENCE: Final = 128
_REMEMBERED: Final = 1_024


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What may leave now: the ledger has stored it, and that it is being sent.

    Attributes:
        slot: in the state ``sending``, or ``unknown`` for a re-send.
        body: the exact bytes to send, and no others.
        signature: within them.
        send_before: when the lease runs out, by a clock of this machine that goes on while the process is stopped.
    """

    slot: Slot
    body: bytes = field(repr=False)
    signature: bytes = field(repr=False)
    send_before: float = inf

    def check_lease(self) -> None:
        """Call it right before the first byte is written.

        Raises:
            LedgerError: ``lease_lost``: this process was stopped or held up until its lease ran out. Nothing may be sent.
        """
        if elapsed_clock() >= self.send_before:
            raise refuse_lease(self.slot)


class Ledger(AbstractContextManager["Ledger"]):
    """The ledger over a store. Use it in a ``with`` statement; threads may share it, a forked process may not.

    Every method that takes a :class:`Slot` needs it as the last call returned it: a slot that has moved on since raises ``stale``,
    one that another instance took over ``lease_lost``. What is returned is durable.

    Args:
        store: the path of a SQLite file, which is made if there is none, a ``postgresql://…``, or a store.
        clock: Unix seconds, for times and deadlines. Leases go by the database's clock.
        owner: this bot's name. A bot that is started again under the same name takes over at once what it left (so give each of
            several bots its own), others when their lease has run out; by default a new name each time.
        lease: seconds for which a row is this instance's after each change.
        busy_timeout: seconds to wait for another process's transaction.
        create: whether to make the file if there is none.

    Raises:
        LedgerError: see :data:`orderseal.signing.ledger.REASONS`; no error of the database's library gets out.
    """

    def __init__(
        self,
        store: str | Path | Store,
        *,
        clock: Clock = system_clock,
        owner: str | None = None,
        lease: float = 60.0,
        busy_timeout: float = 10.0,
        create: bool = True,
    ) -> None:
        if owner is not None and (not isinstance(owner, str) or not 0 < len(owner) <= 100 or not owner.isprintable()):
            raise InvalidInput(path="owner", expected="1 to 100 printable characters", actual=describe(owner))
        if isinstance(lease, bool) or not isinstance(lease, int | float) or not 0 < lease <= 86_400:
            raise InvalidInput(path="lease", expected="more than 0 and at most 86400 seconds", actual=describe(lease))
        self._clock = clock
        self._just_committed: dict[str, Carried] = {}
        self._lease = Lease(f"{owner or 'instance-' + secrets.token_hex(8)}#{secrets.token_hex(8)}", float(lease))
        if isinstance(store, str) and store.startswith(("postgresql://", "postgres://")):
            # Here, since psycopg is installed only where it is wanted, and its module is imported only where it is used.
            from orderseal.signing.ledger.postgres import PostgresStore

            self._store: Store = PostgresStore(store, busy_timeout=busy_timeout, create=create)
        elif isinstance(store, str | Path):
            self._store = SqliteStore(store, busy_timeout=busy_timeout, create=create)
        else:
            self._store = store

    @property
    def owner(self) -> str:
        """What the rows of this instance are held under: its name, ``#``, and 16 hex digits of its own."""
        return self._lease.owner

    # -- The way of an order -------------------------------------------------------------------------------------------------

    def reserve(self, scope: Scope, rule: NonceRule) -> Slot:
        """Take one nonce. See :meth:`reserve_many`."""
        return self.reserve_many(scope, rule, 1)[0]

    def reserve_many(self, scope: Scope, rule: NonceRule, count: int) -> list[Slot]:
        """Take nonces that nobody else gets, in one transaction: all of them or none, in rising order of age.

        Args:
            count: 1 to 10,000.

        Raises:
            LedgerError: ``unseeded``, ``venue_jump``, ``venue_ahead``, ``needs_reconcile``, ``exhausted``, or the database's.
        """
        _check_scope(scope)
        if type(count) is not int or not 1 <= count <= MAX_COUNT:
            raise InvalidInput(path="count", expected=f"an integer from 1 to {MAX_COUNT}", actual=describe(count))
        now = self._now()
        return self._store.reserve(scope, rule.claim(now), count, self._lease, now)

    def commit(
        self,
        slot: Slot,
        order: Struct,
        domain: Domain,
        *,
        key_of: Callable[[Any], int] | None = None,
        deadline: int | None = None,
        reference: str | None = None,
    ) -> Slot:
        """Bind an order and its digest to the nonce, for ever. Nothing is signed yet; the first of the two durable commits.

        Args:
            order: of the account that the slot is of, without :meth:`~Struct.faults`.
            domain: the contract and chain it is for.
            key_of: gives the key that an order spends, where that is not its ``nonce``.
            deadline: Unix seconds until which the signature is good, where the order has no ``deadline``. Without either it counts as
                live for ever.
            reference: your name for the intent, 1 to 128 printable characters, unique within the scope: :meth:`by_reference` finds the
                order again after a crash, and a second order for the same intent is refused. It is free again if the order was
                abandoned before anything of it was sent.

        Raises:
            InvalidInput: not an order, one with faults, or one without a nonce.
            LedgerError: ``not_ours``: another maker or another nonce; ``reference_used``; ``stale``, ``illegal_event``, ``lease_lost``,
                ``needs_reconcile``.
        """
        if not isinstance(order, Struct):
            raise InvalidInput(path="order", expected="an Order or another declared struct", actual=describe(order))
        refuse_no_domain(domain)
        refuse_faults(order)
        maker = type(order).maker_attribute
        if maker is not None and getattr(order, maker) != slot.scope.account:
            raise LedgerError("not_ours", f"nonce {slot.key} is of {slot.scope.account}, and the order's maker is {getattr(order, maker)}")
        spent = key_of(order) if key_of is not None else getattr(order, "nonce", None)
        if spent is None:
            raise InvalidInput(path="key_of", expected="how to read the nonce of an order that has no field nonce", actual="nothing")
        if spent != slot.key:
            raise LedgerError(
                "not_ours", f"nonce {slot.key} was reserved, and the order spends {describe(spent)}: build it with the slot's key"
            )
        until = deadline if deadline is not None else getattr(order, "deadline", None)
        if reference is not None:
            _check_reference(reference)
        text, carried = order_text(order, domain)
        if carried is not None:
            if len(self._just_committed) >= _REMEMBERED:
                self._just_committed.clear()
            self._just_committed[text] = carried
        return self._bind(slot, Event.COMMIT, order.signing_hash(domain), text, until, reference)

    def commit_content(
        self, slot: Slot, digest: bytes, content: Mapping[str, Any], *, deadline: int | None = None, reference: str | None = None
    ) -> Slot:
        """Bind anything else that has a digest, such as a transaction: ``content`` is kept as canonical JSON. See :meth:`commit`."""
        if reference is not None:
            _check_reference(reference)
        return self._bind(slot, Event.COMMIT, digest, canonical(content), deadline, reference)

    def replace_content(self, slot: Slot, digest: bytes, content: Mapping[str, Any], *, deadline: int | None = None) -> Slot:
        """Put another transaction under a nonce that several may share (:class:`AccountNonce`); the old one stays on record.

        If the old one has left, it stays live: one of the two will happen, and nobody can say which. If it has not, nothing hands out
        its bytes any more.

        Raises:
            LedgerError: ``bound``: the slot is not shared: a nonce of orders carries one digest for ever. ``conflict``: it carries this
                very digest, or did before it was replaced: what was replaced does not come back. ``spent``: :meth:`record_dead` was
                called for it. Also ``stale``, ``illegal_event``, ``lease_lost``, ``needs_reconcile``.
        """
        if not slot.shared:
            raise LedgerError("bound", f"nonce {slot.key} carries one digest for ever: take a new nonce for other content")
        checked = Hash32(digest)
        if checked == slot.digest:
            raise LedgerError("conflict", f"nonce {slot.key} carries {checked} already: sign it, or send its stored bytes")
        if any(artifact.digest == checked for artifact in self._store.artifacts(slot.id)):
            raise LedgerError("conflict", f"nonce {slot.key} carried {checked} before that was replaced, and it does not come back")
        if any(attempt.what is What.DEAD for attempt in self._store.attempts(slot.id)):
            raise LedgerError("spent", f"nonce {slot.key} is spent, as was recorded: nothing can happen under it any more; take a new one")
        return self._bind(slot, Event.REPLACE, checked, canonical(content), deadline)

    def _bind(self, slot: Slot, event: Event, digest: bytes, text: str, deadline: int | None, reference: str | None = None) -> Slot:
        checked, now = Hash32(digest), self._now()
        if deadline is not None and (type(deadline) is not int or deadline < 0):
            raise InvalidInput(path="deadline", expected="Unix time in whole seconds", actual=describe(deadline))
        until = None if deadline is None or deadline >= _FOR_EVER else deadline
        artifact = Artifact(slot.id, Stage.CONTENT, checked, text, until, None, None, now)
        after = step(slot.state, event)
        return self._apply(Change(slot, after, now, digest=checked, artifacts=(artifact,), current=True, reference=reference))

    def sign(self, slot: Slot, signer: Signer, *, body: Body | None = None) -> Slot:
        """Sign the committed digest and store signature and bytes, without handing them out. :meth:`begin_sending` does that.

        The digest is computed again from the stored order. A process that died between commit and sign signs the same again.

        Args:
            signer: of the slot's account.
            body: makes the bytes to send; for the built-in order the venue's create request.

        Raises:
            LedgerError: ``not_ours``: another account's signer; ``tampered``: the stored order does not give the stored digest.
            SignerError: the signer failed, or returned a signature that is not its own. The slot stays committed.
        """
        after = step(slot.state, Event.SIGN)
        artifact, now = self._signed(slot, self._artifact(slot, Stage.CONTENT), signer, body)
        return self._apply(Change(slot, after, now, artifacts=(artifact,), current=True))

    def sign_to_send(self, slot: Slot, signer: Signer, *, body: Body | None = None, rule: Deadlines | None = None) -> Outgoing:
        """:meth:`sign` and :meth:`begin_sending` in one durable commit: the second of the two before the first byte may leave."""
        after = step(step(slot.state, Event.SIGN), Event.SEND)
        content = self._artifact(slot, Stage.CONTENT)
        self._refuse_late(content, rule)
        artifact, now = self._signed(slot, content, signer, body)
        attempt = Attempt(slot.id, What.SENT, slot.digest, {"attempt": 1}, now)
        change = Change(slot, after, now, artifacts=(artifact,), attempts=(attempt,), sent=True, live=True, current=True)
        return self._outgoing(change, artifact)

    def _signed(self, slot: Slot, content: Artifact, signer: Signer, body: Body | None) -> tuple[Artifact, float]:
        refuse_no_signer(signer)
        if signer.address != slot.scope.account:
            raise LedgerError("not_ours", f"nonce {slot.key} is of {slot.scope.account}, and the signer is {signer.address}")
        text = cast("str", content.content)
        carried = self._just_committed.pop(text, None) or read_carried(text)  # The same text carries the same.
        if carried is None:
            raise LedgerError("illegal_event", f"nonce {slot.key} carries no typed data: sign it yourself, and use store_signed")
        digest, order = carried.digest, carried.order
        if digest != slot.digest:
            raise LedgerError("tampered", f"the order that is stored under nonce {slot.key} does not give the stored digest: sign nothing")
        if order is not None:
            refuse_faults(order)
            if order.maker != slot.scope.account:
                raise LedgerError("tampered", f"the order that is stored under nonce {slot.key} is of another maker: sign nothing")
        if body is None and order is None:
            raise InvalidInput(path="body", expected="how to make the bytes to send: only the built-in order's are known", actual="nothing")
        signature = checked_signature(signer, digest, carried.document)
        if body is not None:
            raw = body(carried.document(), signature)
        else:
            assert order is not None
            raw = venue_payload(SignedOrder(order, carried.domain, digest, signature, signer.address))
        now = self._now()
        return Artifact(slot.id, Stage.SIGNED, digest, None, None, bytes(signature), _checked_body(raw), now), now

    def store_signed(self, slot: Slot, signature: bytes, body: bytes) -> Slot:
        """Store a signature that was made elsewhere, over the committed digest: a transaction's. It is not checked here.

        What nobody signs, such as a reference's request, has its digest in place of a signature: :meth:`dismiss` knows it by that.
        """
        after, now = step(slot.state, Event.SIGN), self._now()
        if not isinstance(signature, bytes) or not signature:
            raise InvalidInput(path="signature", expected="bytes", actual=f"a {type(signature).__name__}")
        assert slot.digest is not None
        artifact = Artifact(slot.id, Stage.SIGNED, slot.digest, None, None, bytes(signature), _checked_body(body), now)
        return self._apply(Change(slot, after, now, artifacts=(artifact,), current=True))

    def begin_sending(self, slot: Slot, *, rule: Deadlines | None = None) -> Outgoing:
        """Record that the stored bytes are being sent, and hand them out. From ``unknown`` it is a re-send of the identical bytes.

        Args:
            rule: also checked at this moment. Without one the deadline must not have passed.

        Raises:
            RuleViolation: the order has waited too long: abandon it, and decide about a new one under a new nonce.
            LedgerError: ``lease_lost``: the lease has run out. Nothing may be sent.
        """
        after, now = step(slot.state, Event.SEND), self._now()
        self._refuse_late(self._artifact(slot, Stage.CONTENT), rule)
        artifact = self._artifact(slot, Stage.SIGNED)
        times = sum(a.what is What.SENT and a.digest == slot.digest for a in self._store.attempts(slot.id))
        attempt = Attempt(slot.id, What.SENT, slot.digest, {"attempt": times + 1}, now)
        return self._outgoing(Change(slot, after, now, attempts=(attempt,), sent=True, live=True, current=True), artifact)

    def _outgoing(self, change: Change, artifact: Artifact) -> Outgoing:
        assert artifact.body is not None
        assert artifact.signature is not None
        begun = elapsed_clock()  # Before the database's clock is read for the lease: so this end comes first.
        slot = self._apply(change)
        return Outgoing(slot, artifact.body, artifact.signature, begun + self._lease.seconds)

    def _refuse_late(self, content: Artifact, rule: Deadlines | None) -> None:
        if content.deadline is None:
            return
        now = self._now()
        if rule is not None:
            rule.check(content.deadline, now)
        if content.deadline <= now:
            raise RuleViolation(
                "deadline_passed", f"the deadline {format_time(content.deadline)} has passed: abandon the order, and take a new nonce"
            )

    def record(self, slot: Slot, answer: Answer) -> Slot:
        """Record what an attempt was answered. See :class:`Answer` for what that means."""
        return self.record_many([(slot, answer)])[0]

    def record_many(self, answers: Iterable[tuple[Slot, Answer]]) -> list[Slot]:
        """Record several answers in one transaction: all or none."""
        now = self._now()
        changes = [
            Change(
                slot,
                step(slot.state, answer.meaning.event),
                now,
                attempts=(Attempt(slot.id, What.ANSWER, slot.digest, answer.details(), now),),
            )
            for slot, answer in answers
        ]
        return self._store.apply(changes, self._lease) if changes else []

    def adopt(self, slot: Slot, order: Struct, signature: bytes | str, *, venue_id: str | None = None, status: str = "") -> Slot:
        """Settle by a lookup: the venue shows an order under this nonce. It is ours if every field and the signature are.

        It also corrects ``refused`` and ``abandoned``: what stands at the venue was accepted, whatever was said before.

        Raises:
            NonceConflict: it is another order, or another signature. That is recorded; the slot stays as it is.
        """
        after = step(slot.state, Event.FIND)
        content, signed = self._artifact(slot, Stage.CONTENT), self._artifact(slot, Stage.SIGNED)
        document = read_document(cast("str", content.content))
        same = (
            document is not None
            and isinstance(order, Struct)
            and type(order).type_hash == document.type_hash
            and order.struct_hash() == document.struct_hash
            and _raw(signature) == signed.signature
        )
        now = self._now()
        details = {"found": "ours" if same else "another", "venue_id": venue_id, "status": status[:_LONGEST_WORDS]}
        attempt = Attempt(slot.id, What.LOOKUP, slot.digest, details, now)
        if not same:
            self._store.append([attempt])
            raise nonce_conflict(slot.scope, slot.key, "the venue holds another order")
        return self._apply(Change(slot, after, now, attempts=(attempt,)))

    def not_found(self, slot: Slot) -> Slot:
        """Record a lookup that showed nothing, which is no proof: the slot stays ``unknown``."""
        now = self._now()
        attempt = Attempt(slot.id, What.LOOKUP, slot.digest, {"found": "nothing"}, now)
        return self._apply(Change(slot, step(slot.state, Event.NOT_FIND), now, attempts=(attempt,)))

    def release(self, slot: Slot) -> Slot:
        """Give a nonce back that nothing was bound to."""
        return self._apply(Change(slot, step(slot.state, Event.RELEASE), self._now()))

    def abandon(self, slot: Slot, why: str = "") -> Slot:
        """Give an order up that is not on its way. Its nonce is spent, and a signature that has left stays live until its deadline."""
        now = self._now()
        note = Attempt(slot.id, What.NOTE, slot.digest, {"why": str(why)[:_LONGEST_WORDS]}, now)
        return self._apply(Change(slot, step(slot.state, Event.ABANDON), now, attempts=(note,)))

    def expire(self, slot: Slot) -> Slot:
        """Close a row whose outcome is still unknown after its deadline: the signature can do nothing more.

        Raises:
            RuleViolation: ``deadline_ahead``.
        """
        after, now = step(slot.state, Event.EXPIRE), self._now()
        deadline = self._artifact(slot, Stage.CONTENT).deadline
        if deadline is None or deadline >= now:
            shown = "none" if deadline is None else format_time(deadline)
            raise RuleViolation("deadline_ahead", f"the deadline of nonce {slot.key} ({shown}) has not passed: look it up by nonce")
        note = Attempt(slot.id, What.NOTE, slot.digest, {"why": "the deadline has passed with the outcome unknown"}, now)
        return self._apply(Change(slot, after, now, attempts=(note,)))

    def dismiss(self, slot: Slot, why: str) -> Slot:
        """Close a write whose outcome is unknown as one that did not happen, on the word of a person who has looked, which is kept.

        Only of what carries no signature, such as a reference's request: a signature can do what it allows, whatever anybody says.

        Args:
            why: who says so, and from what; 1 to 4,000 characters.

        Raises:
            InvalidInput: no words.
            LedgerError: ``illegal_event``: its outcome is not unknown; it may be on its way. ``signature``: it carries one.
        """
        if not isinstance(why, str) or not why.strip() or len(why) > _LONGEST_WORDS:
            raise InvalidInput(path="why", expected=f"who says so, and from what: 1 to {_LONGEST_WORDS} characters", actual=describe(why))
        after, now = step(slot.state, Event.DISMISS), self._now()
        self.refuse_signed(slot)
        note = Attempt(slot.id, What.NOTE, slot.digest, {"why": why, "dismissed": True}, now)
        return self._apply(Change(slot, after, now, attempts=(note,)))

    def refuse_signed(self, slot: Slot) -> None:
        """Make sure that a slot can be dismissed at all: that what it sent carries no signature.

        Raises:
            LedgerError: ``signature``.
        """
        signed = [artifact for artifact in self._store.artifacts(slot.id) if artifact.stage is Stage.SIGNED]
        unproven = not signed and slot.state in (State.SENDING, State.UNKNOWN)  # What it sent must be there.
        if slot.shared or unproven or any(artifact.signature != bytes(artifact.digest) for artifact in signed):
            raise LedgerError("signature", f"nonce {slot.key} carries a signature, which stays good whatever anybody says: look it up")

    def overrule(self, slot: Slot, answer: Answer) -> Slot:
        """Record that what was dismissed took effect after all: the venue's own answer came late, and it knows better than a person.

        Raises:
            LedgerError: ``illegal_event``: the slot was not dismissed, or the answer accepts nothing.
        """
        dismissed = any(attempt.details.get("dismissed") is True for attempt in self._store.attempts(slot.id) if attempt.what is What.NOTE)
        if slot.state is not State.ABANDONED or not dismissed or answer.meaning is not Meaning.ACCEPTED:
            raise LedgerError("illegal_event", f"nonce {slot.key} is {slot.state.value}: there is no dismissal that this answer overrules")
        now = self._now()
        attempt = Attempt(slot.id, What.ANSWER, slot.digest, answer.details(), now)
        return self._apply(Change(slot, step(slot.state, Event.FIND), now, attempts=(attempt,)))

    # -- What is seen from outside -------------------------------------------------------------------------------------------

    def observe(self, slot: Slot, status: str, **details: str | float | bool | None) -> None:
        """Record a venue's status in its own words. It changes no state of ours, needs no lease, and any text is kept."""
        if not isinstance(status, str):
            raise InvalidInput(path="status", expected="the venue's word", actual=describe(status))
        told = {"status": status[:_LONGEST_WORDS], **details}
        self._store.append([Attempt(slot.id, What.OBSERVATION, slot.digest, told, self._now())])

    def record_cancel(self, slot: Slot, state: CancelState, text: str = "") -> None:
        """Record what became of asking to cancel the order; ``asked`` before the request leaves. It ends no exposure.

        Raises:
            LedgerError: ``illegal_event``: no order was ever bound to this nonce.
        """
        if slot.digest is None:
            raise LedgerError("illegal_event", f"nonce {slot.key} is {slot.state.value}, without an order: there is nothing to cancel")
        told = {"state": CancelState(state).value, "text": str(text)[:_LONGEST_WORDS]}
        self._store.append([Attempt(slot.id, What.CANCEL, slot.digest, told, self._now())])

    def cancel_state(self, slot: Slot) -> CancelState | None:
        """Where the request to cancel the order stands, or ``None`` if none was made."""
        return cancel_state(self._store.attempts(slot.id))

    def record_fill(self, slot: Slot, filled: int, *, evidence: str) -> None:
        """Record how many shares have been filled, all told: they no longer count as exposure.

        Args:
            evidence: where that was seen, such as a transaction's hash. A venue's word that an order is cancelled is none.
        """
        if type(filled) is not int or filled < 0:
            raise InvalidInput(path="filled", expected="whole shares, 0 or more", actual=describe(filled))
        self._store.append([Attempt(slot.id, What.FILL, slot.digest, {"filled": filled, "evidence": _evidence(evidence)}, self._now())])

    def record_dead(self, slot: Slot, *, evidence: str) -> None:
        """Record that the signature can do nothing any more: the allowance is zero, or the chain has voided its nonce.

        Of a nonce that several share it says that the nonce is spent, and so ends them all: one of them was mined, or another program's
        transaction. Call it when that can no longer be undone by a reorganisation; ``evidence`` is the transaction's hash.
        """
        self._store.append([Attempt(slot.id, What.DEAD, slot.digest, {"evidence": _evidence(evidence)}, self._now())])

    # -- After a crash -------------------------------------------------------------------------------------------------------

    def open_slots(self, *, limit: int | None = None) -> list[Slot]:
        """The rows that ask for something to be done, oldest first, whoever holds them. :data:`ADVICE` says what."""
        return self.slots(states=OPEN, limit=limit)

    def take_over(self, scope: Scope | None = None, *, limit: int = 1_000) -> list[Slot]:
        """Take the open rows that nobody holds any more, and those of an earlier instance of this name.

        What was ``sending`` becomes ``unknown``: whether its bytes left is not known. The old holder can change none of them.

        Args:
            scope: only its rows; by default those of all.
            limit: at most so many, the oldest.
        """
        if type(limit) is not int or limit < 1:
            raise InvalidInput(path="limit", expected="1 or more", actual=describe(limit))
        now = self._now()
        taken = self._store.take_over(self._lease, OPEN, now, limit, scope)
        lost = [slot for slot in taken if slot.state is State.SENDING]
        changes = [
            Change(
                slot,
                step(slot.state, Event.LOSE),
                now,
                attempts=(Attempt(slot.id, What.NOTE, slot.digest, {"why": "taken over while it was being sent"}, now),),
            )
            for slot in lost
        ]
        moved = {slot.id: slot for slot in (self._store.apply(changes, self._lease) if changes else [])}
        return [moved.get(slot.id, slot) for slot in taken]

    def reconcile(self, scope: Scope, next_nonce: int, *, max_jump: int = 1_000, skip: int = 0) -> tuple[Counter, list[Slot]]:
        """Accept the venue's next nonce, after you have found out why it is ahead, or after a backup was restored.

        What was reserved or released below it is abandoned, since it may have been used elsewhere; in a restored backup all of it, but
        for nonces that several may share: they stay, since a chain allows no gaps.

        Args:
            next_nonce: what the venue says now.
            max_jump: how far the venue may push the counter.
            skip: further nonces to leave out: at least as many as may have been signed, but not placed, since a backup was made.
                None of an account's transactions: a chain allows no gaps, and one nonce has one effect at most.

        Raises:
            LedgerError: ``venue_jump``.
        """
        if skip:
            query = Query(venue=scope.venue, network=scope.network, account=scope.account, kind=scope.kind, limit=1)
            if any(slot.shared for slot in self._store.slots(query)):
                raise InvalidInput(path="skip", expected="0: a chain allows no gaps in an account's nonces", actual=describe(skip))
        return self._store.reconcile(scope, next_nonce, max_jump, skip, self._now())

    def halt(self) -> None:
        """Stop all bots of this ledger, on all machines: nothing is reserved, committed or sent any more until :meth:`reconcile`."""
        self._store.halt()

    # -- One at a time -------------------------------------------------------------------------------------------------------

    def hold(self, scope: Scope, name: str, intent: str) -> Hold:
        """Take a hold: what is done under it is done by one instance at a time, and begun anew only when it was finished or given up.

        One that is free is taken. One for the same intent is taken over if its lease has run out, or if it is an earlier instance's of
        this owner's name; its epoch grows. It needs no :meth:`reconcile`, but under a halt nothing can be committed or sent anyway.

        Args:
            scope: within what the name is unique.
            name: what there may be one of at a time; 1 to 200 printable characters of ASCII.
            intent: what it is held for, 1 to 128 printable characters of ASCII: the same again after a crash.

        Raises:
            LedgerError: ``held``: by a living instance, this one included; or for another intent, whether its holder lives or not, which
                must be finished or given up first (:meth:`let_go`), or broken by a person (:meth:`break_hold`).
        """
        _check_scope(scope)
        check_form(name, intent)
        return self._holding(lambda: self._store.hold(scope, name, intent, self._lease))

    def keep(self, hold: Hold) -> Hold:
        """Renew the lease of a hold, while what is done under it goes on.

        Raises:
            LedgerError: ``lease_lost``: it has run out, was taken over, or has ended. Nothing more may be done under it.
        """
        _check_hold(hold)
        return self._holding(lambda: self._store.keep(hold, self._lease))

    def leave(self, hold: Hold) -> None:
        """Stop working under a hold without ending it: its lease runs out now, so that whoever goes on with its intent need not wait.

        Raises:
            LedgerError: ``lease_lost``, as :meth:`keep`.
        """
        _check_hold(hold)
        self._store.keep(hold, replace(self._lease, seconds=0.0))

    def let_go(self, hold: Hold) -> None:
        """End a hold: what it was for is finished, or given up with nothing left behind. Its row is deleted.

        Raises:
            LedgerError: ``lease_lost``: it was taken over, or has ended. One whose lease has run out may be ended until then.
        """
        _check_hold(hold)
        self._store.let_go(hold, self._lease)

    def break_hold(self, scope: Scope, name: str, intent: str) -> None:
        """End a hold as a person who knows that its intent is finished or given up. Its holder, if it lives, loses the lease.

        Raises:
            LedgerError: ``missing``: nobody holds it for exactly this intent.
        """
        _check_scope(scope)
        check_form(name, intent)
        self._store.break_hold(scope, name, intent)

    def holds(self) -> list[Hold]:
        """Read all holds, oldest first. What is read allows nothing: :meth:`hold` does."""
        return self._store.holds()

    def _holding(self, act: Callable[[], Hold]) -> Hold:
        begun = elapsed_clock()  # Before the database's clock is read for the lease: so this end comes first.
        return replace(act(), send_before=begun + self._lease.seconds)

    # -- Reading -------------------------------------------------------------------------------------------------------------

    def slots(
        self,
        *,
        venue: str | None = None,
        network: str | None = None,
        account: AddressLike | None = None,
        kind: str | None = None,
        states: Iterable[State] = (),
        limit: int | None = None,
        newest_first: bool = False,
    ) -> list[Slot]:
        """Read slots by what they have in common, in the order in which they were made."""
        query = Query(
            venue=venue,
            network=network,
            account=None if account is None else Address(account),
            kind=kind,
            states=frozenset(State(state) for state in states),
            limit=limit,
            newest_first=newest_first,
        )
        return self._store.slots(query)

    def get(self, slot_id: int) -> Slot:
        """Read one slot by its number.

        Raises:
            LedgerError: ``missing``.
        """
        known = type(slot_id) is int and 0 < slot_id < 2**63
        found = self._store.slots(Query(ids=(slot_id,))) if known else []
        if not found:
            raise refuse_missing(f"slot {describe(slot_id)}")
        return found[0]

    def find(self, scope: Scope, key: int) -> Slot | None:
        """Read the slot of a nonce, or ``None`` if it was never given out."""
        if type(key) is not int or not 0 <= key <= MAX_KEY:
            raise InvalidInput(path="key", expected="an integer from 0 to 2^256-1", actual=describe(key))
        query = Query(venue=scope.venue, network=scope.network, account=scope.account, kind=scope.kind, key=key)
        return next(iter(self._store.slots(query)), None)

    def by_reference(self, scope: Scope, reference: str) -> Slot | None:
        """Read the slot that carries the order of an intent, or ``None`` if none was committed under this reference."""
        _check_reference(reference)
        return self._store.by_reference(scope, reference)

    def artifacts(self, slot: Slot) -> list[Artifact]:
        """What the nonce carries, oldest first."""
        return self._store.artifacts(slot.id)

    def attempts(self, slot: Slot) -> list[Attempt]:
        """What happened to it, oldest first."""
        return self._store.attempts(slot.id)

    def order(self, slot: Slot, order_type: type[_S]) -> _S:
        """The order that the nonce carries, of a declared type.

        Raises:
            InvalidInput: it is of another type.
            LedgerError: ``missing``: none is committed; ``tampered``.
        """
        document = read_document(cast("str", self._artifact(slot, Stage.CONTENT).content))
        if document is None:
            raise InvalidInput(path="order_type", expected="the type of what is stored", actual=order_type.__name__)
        if document.signing_hash != slot.digest:
            raise LedgerError("tampered", f"the order that is stored under nonce {slot.key} does not give the stored digest")
        return order_type.from_typed_data(document)

    def now(self) -> float:
        """Unix seconds by the database's clock, which leases go by."""
        return self._store.now()

    def counters(self) -> dict[Scope, Counter]:
        """How far each scope has gone."""
        return self._store.counters()

    def exposure(self, *, at: float | None = None, pending: bool = False, revived: bool = False) -> Exposure:
        """What the signatures that have left may still cost at a time (Unix seconds; by default now).

        Args:
            pending: with the orders that are committed and have not left: what a cap must be held against.
            revived: with the orders that :meth:`record_dead` was called for: what may be taken once something is allowed again.
        """
        moment = self._now() if at is None else at
        return measure(self._store.live(moment, pending=pending), moment, revived=revived)

    def info(self) -> StoreInfo:
        """The store's id, schema version and epoch."""
        return self._store.info()

    def export_lines(self, *, signatures: bool = False) -> Iterator[str]:
        """Give one JSON line a slot, with what it carries and what happened to it.

        Args:
            signatures: with signatures and the bytes to send: whoever has the lines can have the orders filled.
        """
        after = 0
        while page := self._store.slots(Query(after_id=after, limit=500)):
            for slot in page:
                yield json.dumps(self.to_json(slot, signatures=signatures), sort_keys=True)
            after = page[-1].id

    def to_json(self, slot: Slot, *, signatures: bool = False) -> dict[str, Any]:
        """A slot with its artifacts and attempts as JSON values; numbers that JavaScript would round are text."""
        artifacts = [
            {
                "stage": artifact.stage.value,
                "digest": str(artifact.digest),
                "at": artifact.at,
                **({"deadline": artifact.deadline, "content": json.loads(artifact.content)} if artifact.content is not None else {}),
                **(
                    {"signature": "0x" + (artifact.signature or b"").hex(), "body": "0x" + (artifact.body or b"").hex()}
                    if signatures and artifact.stage is Stage.SIGNED
                    else {}
                ),
            }
            for artifact in self._store.artifacts(slot.id)
        ]
        attempts = [
            {
                "what": attempt.what.value,
                "digest": None if attempt.digest is None else str(attempt.digest),
                "at": attempt.at,
                "details": attempt.details if signatures else without_signatures(attempt.details),
            }
            for attempt in self._store.attempts(slot.id)
        ]
        return {**slot_json(slot), "artifacts": artifacts, "attempts": attempts}

    def backup(self, path: str | Path) -> None:
        """Copy the ledger to a new file of mode 0600, while others go on using it.

        A backup forgets what is signed after it was made. Opened as a ledger it reserves, commits and sends nothing until
        :meth:`reconcile`; see ``docs/ledger.md``.
        """
        self._store.backup(Path(path))

    def close(self) -> None:
        """End. Closing twice is harmless."""
        self._store.close()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __enter__(self) -> Self:
        return self

    def __repr__(self) -> str:
        return f"Ledger({self._store!r}, owner={self._lease.owner!r})"

    def _now(self) -> float:
        now = self._clock()
        if isinstance(now, bool) or not isinstance(now, int | float) or not isfinite(now):
            raise InvalidInput(path="clock", expected="Unix time in seconds", actual=describe(now))
        return float(now)

    def _apply(self, change: Change) -> Slot:
        return self._store.apply([change], self._lease)[0]

    def _artifact(self, slot: Slot, stage: Stage) -> Artifact:
        for artifact in self._store.artifacts(slot.id):
            if artifact.stage is stage and artifact.digest == slot.digest:
                return artifact
        raise LedgerError("missing", f"nonce {slot.key} has no {'order' if stage is Stage.CONTENT else 'signature'} stored")


def slot_json(slot: Slot) -> dict[str, Any]:
    """A slot as JSON values."""
    return {
        "slot": slot.id,
        "venue": slot.scope.venue,
        "network": slot.scope.network,
        "account": str(slot.scope.account),
        "kind": slot.scope.kind,
        "nonce": str(slot.key),
        "state": slot.state.value,
        "digest": None if slot.digest is None else str(slot.digest),
        "shared": slot.shared,
        "owner": slot.owner,
        "sent_at": slot.sent_at,
        "changed_at": slot.changed_at,
    }


def _check_scope(scope: object) -> None:
    if not isinstance(scope, Scope):
        raise InvalidInput(path="scope", expected="a Scope", actual=describe(scope))


def _check_hold(hold: object) -> None:
    if not isinstance(hold, Hold):
        raise InvalidInput(path="hold", expected="a Hold", actual=describe(hold))


def _checked_body(raw: object) -> bytes:
    if not isinstance(raw, bytes) or not 0 < len(raw) <= _LONGEST_BODY:
        raise InvalidInput(
            path="body",
            expected=f"1 to {_LONGEST_BODY} bytes to send",
            actual=describe(raw) if isinstance(raw, bytes) else f"a {type(raw).__name__}",
        )
    return bytes(raw)


def _raw(signature: bytes | str) -> bytes | None:
    if isinstance(signature, bytes):
        return bytes(signature)
    try:
        return bytes(Signature(signature))
    except InvalidInput:
        return None


def _check_reference(reference: object) -> None:
    if not isinstance(reference, str) or not 0 < len(reference) <= _LONGEST_REFERENCE or not reference.isprintable():
        raise InvalidInput(path="reference", expected=f"1 to {_LONGEST_REFERENCE} printable characters", actual=describe(reference))


def _evidence(text: str) -> str:
    if not isinstance(text, str) or not text.strip():
        raise InvalidInput(path="evidence", expected="where it was seen", actual=describe(text))
    return text[:_LONGEST_WORDS]
