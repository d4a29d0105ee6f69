"""Writes at a venue that has no nonces: each under the caller's reference, on record before it leaves, and never sent twice.

Design, decision 7. Such a venue cannot tell a repeated request from a second wish, and often nothing that it shows can be matched with
certainty to a lost request. So a reference, unique within the scope, stands for one wish for ever: the same reference with other content
is an error, one that was answered gives the same answer again, and one whose answer was lost stays open until a person, or a read that
proves it, says what became of it.
"""

import asyncio
import contextlib
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, Generic, TypeVar, cast
from urllib.parse import urlsplit

import msgspec

from orderseal.api.submission.afterwards import Afterwards, in_thread
from orderseal.signing import Address, InvalidInput, OrdersealError, OutcomeUnknown, RuleViolation, VenueError, describe, keccak256
from orderseal.signing.ledger import Answer, Claim, Ledger, LedgerError, Meaning, Outgoing, Scope, Slot, State, What

__all__ = ["OpenWrite", "Referenced", "References", "instance_scope"]

R = TypeVar("R")
Write = Callable[[bytes, Callable[[], None]], Awaitable[R]]
"""Sends these bytes once, and calls the second argument right before the first of them is written."""

_LONGEST_RECEIPT: Final = 1_000
_ORDERED: Final = msgspec.json.Encoder(order="deterministic", decimal_format="number")
_AS_GIVEN: Final = msgspec.json.Encoder(decimal_format="number")
_NOTHING_SENT: Final = Answer(Meaning.NOT_ACCEPTED, text="nothing was sent")
_DEEPEST: Final = 64
_LONGEST_NETWORK: Final = 64
_LONGEST_ACCOUNT: Final = 200


@dataclass(frozen=True, slots=True)
class Referenced(Generic[R]):
    """A write that the venue accepted.

    Attributes:
        reference: the caller's.
        receipt: the venue's own name for what it did: a transaction's or an order's id.
        answer: what the venue answered; ``None`` if that was in an earlier call, which this one repeats without sending anything.
    """

    reference: str
    receipt: str
    answer: R | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class OpenWrite:
    """A write whose outcome is not known.

    Attributes:
        reference: the caller's.
        path: where it was sent.
        body: what was sent, as JSON values, without what is personal or secret; numbers that are no integers are text.
        sent_at: when, by this ledger's clock.
        sending: whether it may be on its way just now.
    """

    reference: str
    path: str
    body: Any = field(repr=False)
    sent_at: datetime
    sending: bool


@dataclass(frozen=True, slots=True)
class _Numbered:
    """The rule of these scopes: the venue knows no numbers, so the ledger counts for itself."""

    def claim(self, now: float) -> Claim:  # noqa: ARG002 - the protocol's
        return Claim(fill_released=True)


class References:
    """The writes of one account at one venue.

    Args:
        ledger: where they are kept.
        scope: whose, and where. A kind of its own, such as ``write``, keeps them apart from orders.
    """

    def __init__(self, ledger: Ledger, scope: Scope) -> None:
        self.ledger, self.scope = ledger, scope
        self._afterwards = Afterwards()

    async def once(
        self,
        reference: str,
        content: Mapping[str, Any],
        write: Write[R],
        receipt: Callable[[R], str],
        *,
        settle: str = "",
        kept: Mapping[str, Any] | None = None,
    ) -> Referenced[R]:
        """Make a write under a reference, unless it was made before.

        Args:
            reference: 1 to 128 printable characters: your name for the wish.
            content: what is sent, as JSON values: method, path and body. The bytes are those of its ``body``. Numbers are ``int`` or
                ``Decimal``, and go out digit by digit: ``1``, ``Decimal("1.0")`` and ``"1"`` are three contents.
            write: sends.
            receipt: the venue's own name for what it did, out of its answer.
            settle: in words, how to find out what became of it if the answer is lost.
            kept: what of the content is kept to be read, by exports too, where some of it is personal; by default all. The bytes to send
                are kept whatever it says, and exports leave them out.

        Raises:
            InvalidInput: the reference stands for something else, or the content cannot be sent as it is.
            OutcomeUnknown: it was sent, now or before, and what became of it is not known. Nothing is sent again.
            Refused, Unreachable: it did not take effect. After a refusal the reference is spent; else, a 401 or 429 included, the same
                may be asked for again.
            RuleViolation: ``reference_refused``: it was refused before. ``reference_abandoned``: somebody gave it up.
            LedgerError: the ledger cannot be used, or another process is just sending it. If it was sent and accepted, and only that could
                not be recorded, the message says so.
        """
        text, body = _texts(content)
        readable = text if kept is None else _texts({"body": None, **kept})[0]
        digest = hashlib.sha256(text).digest()
        slot = await in_thread(self._slot, reference, digest, json.loads(readable, parse_float=str))
        if slot.state is State.ACCEPTED:
            return Referenced(reference, await in_thread(self._receipt, slot), None)
        if slot.state is State.REFUSED:
            raise RuleViolation("reference_refused", f"the venue refused {describe(reference)} before: a new wish needs a new reference")
        if slot.state is State.ABANDONED:
            raise RuleViolation("reference_abandoned", f"{describe(reference)} was given up before: a new wish needs a new reference")
        if slot.state in (State.SENDING, State.UNKNOWN):
            raise self._unknown(reference, settle, "")
        out = await self._afterwards.unless_cancelled(lambda: self._begin(slot, body), self._unsend)
        return await self._send(reference, out, write, receipt, settle)

    async def settle(self, reference: str, receipt: str) -> None:
        """Say that a write whose answer was lost did take effect, as you have seen at the venue.

        Args:
            receipt: the venue's own name for it.

        Raises:
            InvalidInput: the receipt is no text.
            LedgerError: ``missing``: nothing is open under this reference; ``held``: it is being sent just now, or was when its process
                died: then :meth:`open_writes` opens it, as soon as nobody can be sending it any more.
        """
        if not isinstance(receipt, str) or not receipt.strip() or not receipt.isprintable():
            raise InvalidInput(path="receipt", expected="the venue's own name for it", actual=describe(receipt))
        answer = Answer(Meaning.ACCEPTED, venue_id=receipt[:_LONGEST_RECEIPT], text="settled by a read")
        await in_thread(self.ledger.record, await self._of_unknown_outcome(reference), answer)

    async def dismiss(self, reference: str, why: str) -> None:
        """Say that a write whose answer was lost did not take effect, as you have found out. Its reference stays spent.

        Args:
            why: who says so, and from what; it is kept. 1 to 4,000 characters.

        Raises:
            InvalidInput: no words.
            LedgerError: as :meth:`settle`.
        """
        await in_thread(self.ledger.dismiss, await self._of_unknown_outcome(reference), why)

    async def _of_unknown_outcome(self, reference: str) -> Slot:
        slot = await self.find(reference)
        if slot is not None and slot.state is State.SENDING:
            said = f"{describe(reference)} is being sent just now, or was when its process died: open_writes() opens it then"
            raise LedgerError("held", said)
        if slot is None or slot.state is not State.UNKNOWN:
            raise LedgerError("missing", f"nothing is open under the reference {describe(reference)}")
        return slot

    async def recover(self) -> list[Slot]:
        """After a crash: close what was never sent, and give the writes whose outcome is open, for a read or a person to settle.

        What others are sending just now is among them, as ``sending``. What was about to be sent and is known not to have left stays as it
        is: the same reference sends it, with the same content.
        """
        seen: set[int] = set()
        while fresh := [slot for slot in await in_thread(self.ledger.take_over, self.scope) if slot.id not in seen]:
            for slot in fresh:
                seen.add(slot.id)
                with contextlib.suppress(LedgerError):  # Another instance has the row: then it is its business.
                    if slot.state is State.RESERVED:
                        await in_thread(self.ledger.release, slot)
                    elif slot.state in (State.COMMITTED, State.SIGNED) and slot.sent_at is None:
                        await in_thread(self.ledger.abandon, slot, "found unsent by a recovery")
        return await in_thread(self._open)

    async def open_writes(self) -> list[OpenWrite]:
        """:meth:`recover`, for callers whose contents have ``reference``, ``path`` and ``body`` among what is kept."""
        found: list[OpenWrite] = []
        for slot in await self.recover():
            content = await self.content(slot)
            sent = datetime.fromtimestamp(slot.sent_at or slot.changed_at, UTC)
            found.append(
                OpenWrite(str(content.get("reference")), str(content.get("path")), content.get("body"), sent, slot.state is State.SENDING)
            )
        return found

    async def find(self, reference: str) -> Slot | None:
        """The row of a reference, or ``None`` if nothing was ever asked for under it."""
        return await in_thread(self.ledger.by_reference, self.scope, reference)

    async def content(self, slot: Slot) -> dict[str, Any]:
        """What is kept of the content of a row, to be read: ``kept`` of :meth:`once`. Numbers that are no integers are text."""
        return await in_thread(self._content, slot)

    async def receipts(self, since: float = 0.0) -> list[tuple[str, dict[str, Any]]]:
        """Receipt and content of every write that was accepted, and recorded so at a time (Unix seconds) or later."""
        return await in_thread(self._receipts, since)

    async def wait(self) -> None:
        """Wait until what cancelled callers left behind is on record; before the ledger is closed."""
        await in_thread(self._afterwards.wait)

    # -- In the ledger -------------------------------------------------------------------------------------------------------------

    def _open(self) -> list[Slot]:
        scope = self.scope
        return self.ledger.slots(
            venue=scope.venue, network=scope.network, account=scope.account, kind=scope.kind, states=(State.SENDING, State.UNKNOWN)
        )

    def _slot(self, reference: str, digest: bytes, content: Mapping[str, Any]) -> Slot:
        """The slot of a reference, made if there is none, or if an earlier one came to nothing before it was sent."""
        found = self.ledger.by_reference(self.scope, reference)
        if found is None or (found.state is State.ABANDONED and found.sent_at is None):
            slot = self.ledger.reserve(self.scope, _Numbered())
            try:
                return self.ledger.commit_content(slot, digest, content, reference=reference)
            except OrdersealError as error:
                with contextlib.suppress(LedgerError):  # It stays reserved, for the next recovery.
                    self.ledger.release(slot)
                lost = isinstance(error, LedgerError) and error.reason == "reference_used"
                found = self.ledger.by_reference(self.scope, reference) if lost else None
                if found is None:
                    raise
        if found.digest != digest:
            hint = "A reference stands for one wish for ever: take another one for another"
            raise InvalidInput(path="reference", expected="the same content as before", actual="other content", hint=hint)
        return found

    def _begin(self, slot: Slot, body: bytes) -> Outgoing:
        if slot.state is State.COMMITTED:
            assert slot.digest is not None
            slot = self.ledger.store_signed(slot, bytes(slot.digest), body)  # Nothing is signed: the digest stands in.
        try:
            return self.ledger.begin_sending(slot)
        except LedgerError as error:
            # Unsent, and its lease has run out since: whoever left it so, one of us takes it up again.
            found = self._taken_over(slot) if error.reason == "lease_lost" else None
            if found is None:
                raise
            return self.ledger.begin_sending(found)

    def _taken_over(self, slot: Slot) -> Slot | None:
        """The same row with a lease of ours, if nobody has changed or taken it since."""
        for taken in self.ledger.take_over(self.scope):
            if taken.id == slot.id:
                return taken if (taken.state, taken.lease_epoch) == (slot.state, slot.lease_epoch + 1) else None
        return None

    def _unsend(self, out: Outgoing, answer: Answer = _NOTHING_SENT) -> None:
        """Record that it did not take effect: the same reference may send the same bytes again."""
        with contextlib.suppress(LedgerError):  # Another instance has the row: then it is its business.
            self.ledger.record(out.slot, answer)

    def _record(self, slot: Slot, answer: Answer) -> None:
        """Record an answer; also where somebody took the row over meanwhile, since its lease had run out in the air.

        That it took effect is recorded even if a person has dismissed it since: the venue knows better.
        """
        try:
            self.ledger.record(slot, answer)
        except LedgerError as error:
            found = self.ledger.get(slot.id) if error.reason == "lease_lost" else None
            if found is None or found.state not in (State.UNKNOWN, State.ABANDONED) or found.digest != slot.digest:
                raise
            if found.state is State.UNKNOWN:
                self.ledger.record(found, answer)
            elif answer.meaning is Meaning.ACCEPTED:
                self.ledger.overrule(found, answer)

    def _content(self, slot: Slot) -> dict[str, Any]:
        texts = [artifact.content for artifact in self.ledger.artifacts(slot) if artifact.content is not None]
        return cast("dict[str, Any]", json.loads(texts[-1])) if texts else {}

    def _receipts(self, since: float) -> list[tuple[str, dict[str, Any]]]:
        scope = self.scope
        slots = self.ledger.slots(
            venue=scope.venue, network=scope.network, account=scope.account, kind=scope.kind, states=(State.ACCEPTED,)
        )
        return [(self._receipt(slot), self._content(slot)) for slot in slots if slot.changed_at >= since]

    def _receipt(self, slot: Slot) -> str:
        ids = [attempt.details.get("venue_id") for attempt in self.ledger.attempts(slot) if attempt.what is What.ANSWER]
        return next((cast("str", known) for known in reversed(ids) if known), "")

    # -- Sending -------------------------------------------------------------------------------------------------------------------

    async def _send(self, reference: str, out: Outgoing, write: Write[R], receipt: Callable[[R], str], settle: str) -> Referenced[R]:
        begun = False

        def before_write() -> None:
            nonlocal begun
            out.check_lease()
            begun = True

        try:
            answer = await write(out.body, before_write)
            name = receipt(answer)[:_LONGEST_RECEIPT]
        except asyncio.CancelledError:
            lost = Answer(Meaning.UNKNOWN, text="cancelled while it was being sent")
            self._afterwards.do((lambda: self._record(out.slot, lost)) if begun else lambda: self._unsend(out))
            raise
        except OrdersealError as error:
            raise await self._failed(reference, out, error, begun, settle) from error
        except Exception:
            self._afterwards.do(lambda: self._record(out.slot, Answer(Meaning.UNKNOWN, text="the client failed")))
            raise
        try:
            await in_thread(self._record, out.slot, Answer(Meaning.ACCEPTED, venue_id=name))
        except LedgerError as error:
            said = f"the venue did what {describe(reference)} asks for, and calls it {describe(name)}, but that could not be recorded"
            raise LedgerError(error.reason, f"{said}: {error}. It stays open: say so with settle() after open_writes()") from error
        return Referenced(reference, name, answer)

    async def _failed(self, reference: str, out: Outgoing, error: OrdersealError, begun: bool, settle: str) -> OrdersealError:
        answer = Answer.from_error(error) if isinstance(error, VenueError) else Answer(Meaning.UNKNOWN, text=str(error))
        if answer.meaning is Meaning.NOT_ACCEPTED:
            await in_thread(self._unsend, out, answer)
            return error
        if not begun and not isinstance(error, OutcomeUnknown):  # Among others a login that was refused.
            await in_thread(self._unsend, out)
            return error
        await in_thread(self._record, out.slot, answer)
        return self._unknown(reference, settle, str(error)) if answer.meaning is Meaning.UNKNOWN else error

    def _unknown(self, reference: str, settle: str, why: str) -> OutcomeUnknown:
        how = f": {settle}" if settle else ""
        lost = f" ({why})" if why else ""
        return OutcomeUnknown(
            f"what became of {describe(reference)} is not known{lost}. It is never sent again. Find out at the venue{how}; "
            "then say so with settle(), or with dismiss() if it did not take effect; a new wish takes a new reference",
            reference=reference,
        )


def instance_scope(venue: str, root: str, account: str | None) -> Scope:
    """The scope of the writes at an instance that is known by its URL alone, and shows no wallet of its callers.

    The network is the URL's host with what follows it. The account's address is nobody's on any chain: a hash of a name, which only keeps
    one user's references apart from another's in a ledger.

    Args:
        account: the name; by default the network's.

    Raises:
        InvalidInput: the account is no name.
    """
    if account is not None and (not isinstance(account, str) or not 0 < len(account) <= _LONGEST_ACCOUNT or not account.isprintable()):
        raise InvalidInput(path="account", expected=f"1 to {_LONGEST_ACCOUNT} printable characters", actual=describe(account))
    parts = urlsplit(root)
    network = parts.netloc.lower().translate({91: None, 93: None}) + parts.path
    usual = len(network) <= _LONGEST_NETWORK and network[0].isalnum() and network.isascii()
    if not usual or not all(c.isalnum() or c in "._:/-" for c in network):
        network = "instance-" + hashlib.sha256(network.encode()).hexdigest()[:40]
    return Scope(venue, network, Address(keccak256(f"{venue}:{account or network}".encode())[12:]), "write")


def _texts(content: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """A content in its one canonical form, and the body as it is sent.

    Raises:
        InvalidInput: there is no body, or something in it is not the same to every reader of JSON: a float, a key that is no text.
    """
    if not isinstance(content, Mapping) or "body" not in content:
        raise InvalidInput(path="content", expected="JSON values with a body", actual=describe(content))
    plain = dict(content)
    _check_json(plain, "content", 0)
    try:
        return _ORDERED.encode(plain), _AS_GIVEN.encode(plain["body"])
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
        raise InvalidInput(path="content", expected="what JSON can hold", actual=f"something else ({type(error).__name__})") from None


def _check_json(value: Any, path: str, depth: int) -> None:
    if depth > _DEEPEST:
        raise InvalidInput(path=path, expected=f"at most {_DEEPEST} levels", actual="more")
    if isinstance(value, dict):
        for key, item in value.items():
            if type(key) is not str:
                raise InvalidInput(path=path, expected="text for keys", actual=describe(key))
            _check_json(item, f"{path}.{key}", depth + 1)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(cast("list[Any]", value)):
            _check_json(item, f"{path}[{index}]", depth + 1)
    elif isinstance(value, Decimal):
        if not value.is_finite():
            raise InvalidInput(path=path, expected="a finite number", actual=describe(value))
    elif value is not None and not isinstance(value, str | int):
        hint = "A float is not exact: write a Decimal" if isinstance(value, float) else ""
        raise InvalidInput(path=path, expected="a JSON value", actual=describe(value), hint=hint)
