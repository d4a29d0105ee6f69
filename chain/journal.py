"""What the ledger knows of one plan, and all that is written there while it is carried out.

Each method may wait for a database: call it within a :class:`~orderseal.chain.dialogue.Do`. Each reads the rows anew, so that nothing is
done on what was true before a wait; that a plan is in one pair of hands is what its hold is for.
"""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, cast

from orderseal.chain.plan import Plan
from orderseal.chain.receipts import Receipt
from orderseal.chain.transactions import Transaction, decode_transaction, sign_transaction
from orderseal.signing.errors import InvalidInput, LedgerError, OrdersealError
from orderseal.signing.keccak import keccak256
from orderseal.signing.ledger import AccountNonce, Answer, Hold, Ledger, Meaning, Outgoing, Scope, Slot, Stage, State
from orderseal.signing.ledger.records import What
from orderseal.signing.signers import Signer
from orderseal.signing.values import Hash32

__all__ = ["Blocked", "Entry", "Journal", "Mined", "transaction_scope"]

_DONE: Final = "carried out"
_AS_PLANNED: Final = "as planned"
_WOUND_DOWN: Final = "given up, and nothing is allowed"
_WORDS: Final = {"mined": True, "reverted": False}
_UNSENT: Final = (State.COMMITTED, State.SIGNED)


def transaction_scope(plan: Plan) -> Scope:
    """Within what the account nonces of a plan are unique: venue ``evm``, the chain id, the account, kind ``transaction``."""
    return Scope("evm", str(plan.chain_id), plan.account, "transaction")


@dataclass(frozen=True, slots=True)
class Mined:
    """What is on record of a transaction that was mined.

    Attributes:
        hash: of the transaction.
        block: its block's number.
        fee: wei that were paid.
        success: whether it did not revert.
    """

    hash: Hash32
    block: int
    fee: int
    success: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """One nonce of a plan, as the ledger has it.

    Attributes:
        reference: by which the ledger knows it.
        slot: its row.
        what: what it carries now: ``approve``, ``purchase``, …, ``revoke``.
        transaction: what it carries now.
        bodies: what was signed under it, oldest first: the hash of each, and its bytes.
        kinds: what each of them is, in a word.
        current: the hash of what it carries now, ``None`` if that is not signed.
        taken: whether a node may have taken any of it: not each attempt was refused.
        mined: what was seen of it, or ``None``.
    """

    reference: str
    slot: Slot
    what: str
    transaction: Transaction
    bodies: Mapping[Hash32, bytes]
    kinds: Mapping[Hash32, str]
    current: Hash32 | None
    taken: bool
    mined: Mined | None

    @property
    def unsent(self) -> bool:
        """Whether nothing of it ever left."""
        return self.slot.sent_at is None


@dataclass(frozen=True, slots=True)
class Blocked:
    """Why no nonce is to be had now.

    Attributes:
        why: in words.
        dead: whether nobody is at work on what comes first.
    """

    why: str
    dead: bool


class Journal:
    """The ledger, for one plan."""

    def __init__(self, plan: Plan, ledger: Ledger) -> None:
        self.plan, self.ledger = plan, ledger
        self.scope = transaction_scope(plan)
        self.intent = str(plan.hash)
        self.name = f"{plan.approved_token} {plan.spender}"
        self._hold: Hold | None = None

    # -- The hold ------------------------------------------------------------------------------------------------------------------

    @property
    def hold(self) -> Hold:
        """The hold of (account, token, marketplace)."""
        assert self._hold is not None
        return self._hold

    def take(self) -> None:
        """Take the hold.

        Raises:
            LedgerError: ``held``.
        """
        self._hold = self.ledger.hold(self.scope, self.name, self.intent)

    def held_for_this(self) -> bool:
        """Whether somebody holds it for this very plan."""
        return any((hold.scope, hold.name, hold.intent) == (self.scope, self.name, self.intent) for hold in self.ledger.holds())

    def renew(self) -> None:
        """Renew the lease of the hold. One that has run out, while a signer waited for a person perhaps, is taken again.

        Raises:
            LedgerError: ``lease_lost``, ``held``: another run has taken this plan over.
        """
        try:
            self._hold = self.ledger.keep(self.hold)
        except LedgerError as error:
            if error.reason != "lease_lost":
                raise
            self.take()

    def leave(self) -> None:
        """Stop working on the plan; it can be gone on with at once."""
        with suppress(LedgerError):
            self.ledger.leave(self.hold)

    def let_go(self) -> None:
        """End the hold. If another run of this plan has taken it over, it is that run's to end."""
        try:
            self.ledger.let_go(self.hold)
        except LedgerError as error:
            if error.reason != "lease_lost":
                raise

    def finish(self) -> None:
        """Put on record that all of the plan is done, and end the hold."""
        if not self.finished():
            entry = self._call()
            assert entry is not None
            self.ledger.observe(entry.slot, _DONE)
        self.let_go()

    def finished(self) -> bool:
        """Whether all of the plan was done once."""
        return self._is_noted(_DONE)

    def verified(self) -> None:
        """Put on record that the receipt of the plan's call was held against the plan, and is as planned."""
        entry = self._call()
        if entry is not None and not self._is_noted(_AS_PLANNED):
            self.ledger.observe(entry.slot, _AS_PLANNED)

    def is_verified(self) -> bool:
        """Whether :meth:`verified` was put on record."""
        return self._is_noted(_AS_PLANNED)

    def _is_noted(self, status: str) -> bool:
        entry = self._call()
        return entry is not None and self._has_note(entry, status)

    def _has_note(self, entry: Entry, status: str) -> bool:
        return any(attempt.details.get("status") == status for attempt in self.ledger.attempts(entry.slot))

    def is_known(self) -> bool:
        """Whether the ledger knows how far the account's nonces have gone."""
        return self.scope in self.ledger.counters()

    # -- Reading -------------------------------------------------------------------------------------------------------------------

    def step(self, index: int) -> Entry | None:
        """What carries a step of the plan."""
        return self.entry(f"{self.intent}/{index}")

    def _call(self) -> Entry | None:
        """What carries the plan's call."""
        return next((self.step(index) for index in range(len(self.plan.steps)) if self.plan.what(index) != "approve"), None)

    def begun(self) -> bool:
        """Whether a nonce was bound to anything of the plan."""
        return bool(self._entries())

    def unsent(self) -> Entry | None:
        """What was bound to a nonce, and never left."""
        return next((entry for entry in self._entries().values() if entry.unsent), None)

    def given_up(self) -> bool:
        """Whether a nonce carries a revocation of the allowance, of its own or in the place of a step."""
        return any(entry.what == "revoke" for entry in self._entries().values())

    def wound_down(self) -> None:
        """Put on record that the giving up has come to its end: what was on its way is settled, and nothing was allowed then."""
        if not self.is_wound_down():
            for entry in self._revocations():
                self.ledger.observe(entry.slot, _WOUND_DOWN)

    def is_wound_down(self) -> bool:
        """Whether :meth:`wound_down` was put on record after the last revocation."""
        found = self._revocations()
        return bool(found) and all(self._has_note(entry, _WOUND_DOWN) for entry in found)

    def _revocations(self) -> list[Entry]:
        return [entry for entry in self._entries().values() if entry.what == "revoke"]

    def sent(self) -> list[str]:
        """The references of what has left, by their nonces."""
        found = [(entry.slot.key, reference) for reference, entry in self._entries().items() if not entry.unsent]
        return [reference for _key, reference in sorted(found)]

    def next_revocation(self) -> str:
        """A reference for one more."""
        number = 0
        while self.ledger.by_reference(self.scope, f"{self.intent}/revoke {number}") is not None:
            number += 1
        return f"{self.intent}/revoke {number}"

    def entry(self, reference: str) -> Entry | None:
        """What carries a reference; ``None`` if nothing does, or if it was given up before anything of it left.

        Raises:
            LedgerError: ``tampered``: it is not what was committed.
        """
        slot = self.ledger.by_reference(self.scope, reference)
        if slot is None or (slot.state is State.ABANDONED and slot.sent_at is None):
            return None
        artifacts, attempts = self.ledger.artifacts(slot), self.ledger.attempts(slot)
        contents = {a.digest: _content(a.content) for a in artifacts if a.stage is Stage.CONTENT}
        content = contents[cast("Hash32", slot.digest)]
        signed = {Hash32(keccak256(a.body)): a for a in artifacts if a.body is not None}
        told = [attempt for attempt in attempts if attempt.what is What.ANSWER]
        refused = sum(attempt.details.get("meaning") == Meaning.NOT_ACCEPTED for attempt in told)
        seen = [attempt.details for attempt in attempts if attempt.details.get("status") in _WORDS]
        return Entry(
            reference,
            slot,
            str(content.get("what")),
            self._transaction(slot, content),
            {known: cast("bytes", artifact.body) for known, artifact in signed.items()},
            {known: str(contents[artifact.digest].get("what")) for known, artifact in signed.items()},
            next((known for known, artifact in signed.items() if artifact.digest == slot.digest), None),
            sum(attempt.what is What.SENT for attempt in attempts) > refused,
            _mined(seen[-1]) if seen else None,
        )

    def _entries(self) -> dict[str, Entry]:
        references = [f"{self.intent}/{index}" for index in range(len(self.plan.steps))]
        last = int(self.next_revocation().rpartition(" ")[2])
        references += [f"{self.intent}/revoke {number}" for number in range(last)]
        found = {reference: self.entry(reference) for reference in references}
        return {reference: entry for reference, entry in found.items() if entry is not None}

    def _transaction(self, slot: Slot, content: Mapping[str, Any]) -> Transaction:
        try:
            found = Transaction.from_json(content.get("transaction", {}))
        except InvalidInput:
            found = None
        if found is None or (found.signing_hash(), found.nonce, found.chain_id) != (slot.digest, slot.key, self.plan.chain_id):
            raise LedgerError("tampered", f"the transaction that is stored under nonce {slot.key} is not what was committed: sign nothing")
        return found

    # -- What earlier runs left ------------------------------------------------------------------------------------------------------

    def take_over(self) -> bool:
        """Take over what nobody works on any more, and give back what was only reserved: a chain allows no gaps.

        Returns:
            Whether nothing of this plan is in other hands.
        """
        for slot in self.ledger.take_over(self.scope):
            if slot.state is State.RESERVED:
                self.ledger.release(slot)
        busy = (State.SENDING, *_UNSENT)
        return all(entry.slot.owner == self.ledger.owner for entry in self._entries().values() if entry.slot.state in busy)

    def _ready(self, slot: Slot) -> Slot:
        """The row as it stands, with the hold and a lease that has not run out."""
        self.renew()
        self.take_over()
        return self.ledger.get(slot.id)

    # -- Writing -------------------------------------------------------------------------------------------------------------------

    def commit(self, reference: str, what: str, make: Callable[..., Transaction], pending: int) -> Blocked | None:
        """Bind a transaction to the account's next nonce, in one go, unless a nonce below is not with the node yet.

        Args:
            reference: its name.
            what: in a word.
            make: makes it, given ``nonce``.
            pending: the node's count of the account's transactions, those in its pool included.
        """
        self.renew()
        slot = self.ledger.reserve(self.scope, AccountNonce(pending))
        try:
            if slot.key > pending:
                self.ledger.release(slot)
                return self._blocked(pending)
            transaction = make(nonce=slot.key)
            self.ledger.commit_content(slot, transaction.signing_hash(), self._text(transaction, what), reference=reference)
        except OrdersealError:
            with suppress(LedgerError):
                self.ledger.release(slot)
            raise
        return None

    def _blocked(self, key: int) -> Blocked:
        """Why the nonce of a new transaction would leave a gap."""
        first = f"nonce {key} of {self.plan.account} comes first"
        slot = self.ledger.find(self.scope, key)
        if slot is None:
            return Blocked(f"{first}, and this ledger never gave it out: its count is ahead of the chain's", dead=True)
        if slot.state in (State.RESERVED, State.RELEASED):
            return Blocked(f"{first}; another run has reserved it", dead=False)
        plan = next((_content(a.content).get("plan") for a in self.ledger.artifacts(slot) if a.digest == slot.digest), None)
        if slot.sent_at is not None:
            return Blocked(f"{first}, and the node does not know its transaction yet, that of plan {plan}", dead=False)
        if slot.state is State.ABANDONED:
            return Blocked(f"{first}, and was given up: a chain allows no gaps, so send another transaction under it", dead=True)
        hint = "and was not sent: a chain allows no gaps, so send or give up that one first"
        return Blocked(f"{first}. It is bound to another plan, {plan}, {hint}", dead=not self._alive(plan))

    def _alive(self, intent: object) -> bool:
        """Whether somebody works on a plan of this account."""
        me, now = self.ledger.owner, self.ledger.now()
        return any(
            hold.until > now and (hold.owner == me or hold.owner[:-17] != me[:-17])
            for hold in self.ledger.holds()
            if (hold.scope, hold.intent) == (self.scope, intent)
        )

    def sign(self, entry: Entry, signer: Signer) -> None:
        """Sign what a nonce carries, and store it. Its lease may run out while the signer asks a person."""
        self._ready(entry.slot)
        self.hold.check_lease()
        signed = sign_transaction(entry.transaction, signer)
        signature = decode_transaction(signed.raw)[1]
        slot = self._ready(entry.slot)
        if slot.digest != entry.slot.digest:
            raise LedgerError("stale", f"what nonce {slot.key} carries was replaced while it was signed: call again")
        self.ledger.store_signed(slot, bytes(signature), signed.raw)

    def begin_sending(self, entry: Entry) -> Outgoing:
        """Record that what was signed leaves now, and hand it out."""
        slot = self._ready(entry.slot)
        if slot.state is State.SENDING:  # An earlier run of this instance was broken off.
            slot = self.ledger.record(slot, Answer(Meaning.UNKNOWN, text="the run that sent it was broken off"))
        return self.ledger.begin_sending(slot)

    def again(self, entry: Entry) -> None:
        """Record that what a node has taken goes to it once more."""
        self.renew()
        self.ledger.observe(entry.slot, "sent again", hash=str(entry.current))

    def record(self, slot: Slot, answer: Answer) -> None:
        """Record what a node answered."""
        self.ledger.record(slot, answer)

    def replace(self, entry: Entry, transaction: Transaction, what: str) -> None:
        """Put another transaction under the same nonce."""
        self.ledger.replace_content(self._ready(entry.slot), transaction.signing_hash(), self._text(transaction, what))

    def settle(self, entry: Entry, receipt: Receipt) -> None:
        """Put on record that it is mined: nothing that was signed under this nonce can do anything any more."""
        found = Mined(receipt.hash, receipt.block, receipt.fee, receipt.success)
        if entry.mined != found:
            word = "mined" if receipt.success else "reverted"
            self.ledger.observe(entry.slot, word, hash=str(receipt.hash), block=receipt.block, fee=str(receipt.fee))
            self.ledger.record_dead(entry.slot, evidence=str(receipt.hash))
        slot = self.ledger.get(entry.slot.id)
        if slot.state is State.SIGNED and entry.current == receipt.hash:  # The node had said that it did not take it.
            slot = self.begin_sending(entry).slot
        if slot.state in (State.SENDING, State.UNKNOWN):
            self.ledger.record(slot, Answer(Meaning.ACCEPTED, venue_id=str(receipt.hash)))
        elif slot.state in _UNSENT:
            self.ledger.abandon(slot, f"{receipt.hash} was mined under this nonce")

    def spent(self, entry: Entry) -> None:
        """Put on record that another program's transaction was mined under the nonce."""
        slot = self.ledger.get(entry.slot.id)
        why = f"nonce {slot.key} was spent by another transaction"
        if not entry.unsent:
            self.ledger.record_dead(slot, evidence=why)
        if slot.state in _UNSENT:
            self.ledger.abandon(slot, why)

    def _text(self, transaction: Transaction, what: str) -> dict[str, Any]:
        return {"transaction": transaction.to_json(), "plan": self.intent, "what": what}


def _content(text: str | None) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", json.loads(text or "{}"))


def _mined(details: Mapping[str, Any]) -> Mined:
    return Mined(Hash32(details["hash"]), int(details["block"]), int(details["fee"]), _WORDS[details["status"]])
