"""What every store must do: the same tests over memory and SQLite."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from eth_account import Account

from orderseal.signing import (
    Domain,
    Hash32,
    InvalidInput,
    LocalSigner,
    NonceConflict,
    OutcomeUnknown,
    RateLimited,
    Refused,
    RuleViolation,
    SignerError,
    Unauthorized,
    Unreachable,
    parse_venue_payload,
)
from orderseal.signing.ledger import (
    OPEN,
    AccountNonce,
    Answer,
    Change,
    Claim,
    Lease,
    Ledger,
    LedgerError,
    Meaning,
    Outgoing,
    Scope,
    SequentialFromVenue,
    Slot,
    State,
    What,
)
from orderseal.signing.rules import DeadlineRule

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.ledger.conftest import MakeLedger, Time

    MakeOrder = Any

RULE = SequentialFromVenue(5)
ACCEPTED, REFUSED, NOT_ACCEPTED, UNKNOWN = (Answer(meaning) for meaning in Meaning)


def reason(error: pytest.ExceptionInfo[LedgerError]) -> str:
    return error.value.reason


@pytest.fixture
def reserved(ledger: Ledger, scope: Scope) -> Slot:
    return ledger.reserve(scope, RULE)


@pytest.fixture
def committed(ledger: Ledger, reserved: Slot, make_order: MakeOrder, domain: Domain) -> Slot:
    return ledger.commit(reserved, make_order(5), domain)


@pytest.fixture
def sending(ledger: Ledger, committed: Slot, signer: LocalSigner) -> Outgoing:
    return ledger.sign_to_send(committed, signer)


class TestReserving:
    def test_begins_with_the_venues_number_and_counts_by_itself(self, ledger: Ledger, scope: Scope) -> None:
        assert [ledger.reserve(scope, rule).key for rule in (RULE, RULE, SequentialFromVenue())] == [5, 6, 7]
        assert [slot.key for slot in ledger.reserve_many(scope, SequentialFromVenue(), 100)] == list(range(8, 108))
        found = ledger.find(scope, 107)
        assert found
        assert (found.state, found.digest, found.scope) == (State.RESERVED, None, scope)

    def test_knows_nothing_without_the_venue(self, ledger: Ledger, scope: Scope) -> None:
        with pytest.raises(LedgerError) as error:
            ledger.reserve(scope, SequentialFromVenue())
        assert reason(error) == "unseeded"
        assert ledger.slots() == []

    def test_scopes_do_not_meet(self, ledger: Ledger, scope: Scope) -> None:
        others = [replace_scope(scope, **{name: "x"}) for name in ("venue", "network", "kind")]
        others.append(Scope(scope.venue, scope.network, "0x" + "11" * 20))
        for other in (scope, *others):
            assert ledger.reserve(other, RULE).key == 5

    def test_a_venue_that_is_ahead_is_noticed(self, ledger: Ledger, scope: Scope) -> None:
        ledger.reserve_many(scope, RULE, 3)  # 5, 6, 7: none was sent.
        with pytest.raises(LedgerError, match="reconcile") as error:
            ledger.reserve(scope, SequentialFromVenue(6))
        assert reason(error) == "venue_ahead"
        counter, given_up = ledger.reconcile(scope, 6)
        assert [slot.key for slot in given_up] == [5]
        assert (counter.next, counter.acknowledged) == (8, 6)
        assert ledger.reserve(scope, SequentialFromVenue(6)).key == 8

    def test_what_was_sent_explains_a_venue_that_has_moved_on(self, ledger: Ledger, sending: Outgoing, scope: Scope) -> None:
        assert sending.slot.key == 5
        assert ledger.reserve(scope, SequentialFromVenue(6)).key == 6
        with pytest.raises(LedgerError) as error:
            ledger.reserve(scope, SequentialFromVenue(7))
        assert reason(error) == "venue_ahead"

    def test_a_venue_that_is_behind_does_not_turn_back_the_counter(self, ledger: Ledger, sending: Outgoing, scope: Scope) -> None:
        ledger.record(sending.slot, ACCEPTED)
        assert ledger.reserve(scope, SequentialFromVenue(0)).key == 6

    def test_how_far_a_venue_pushes_is_bounded(self, ledger: Ledger, scope: Scope) -> None:
        with pytest.raises(LedgerError) as error:
            ledger.reserve(scope, SequentialFromVenue(2**53 - 2))
        assert reason(error) == "venue_jump"
        ledger.reserve(scope, RULE)
        with pytest.raises(LedgerError) as error:
            ledger.reconcile(scope, 6 + 1001)
        assert reason(error) == "venue_jump"
        assert ledger.counters()[scope].next == 6
        assert ledger.reconcile(scope, 6 + 1001, max_jump=2000, skip=10)[0].next == 6 + 1001 + 10

    def test_reconciling_at_the_very_end_gives_no_key_twice(self, ledger: Ledger, scope: Scope) -> None:
        class Last:
            def claim(self, now: float) -> Claim:
                return Claim(floor=2**256 - 1)

        assert ledger.reserve(scope, Last()).key == 2**256 - 1
        counter, _ = ledger.reconcile(scope, 0)
        assert counter.next == 2**256
        with pytest.raises(LedgerError) as error:
            ledger.reserve(scope, Last())
        assert reason(error) == "exhausted"

    def test_the_last_nonce(self, ledger: Ledger, scope: Scope) -> None:
        rule = SequentialFromVenue(2**53 - 2, max_first=2**53)
        with pytest.raises(LedgerError) as error:
            ledger.reserve_many(scope, rule, 3)
        assert reason(error) == "exhausted"
        assert ledger.slots() == []
        assert [slot.key for slot in ledger.reserve_many(scope, rule, 2)] == [2**53 - 2, 2**53 - 1]

    def test_fills_what_was_given_back(self, ledger: Ledger, scope: Scope) -> None:
        slots = ledger.reserve_many(scope, RULE, 4)
        for slot in slots[1:3]:
            ledger.release(slot)
        gaps = SequentialFromVenue(fill_released=False)
        assert ledger.reserve(scope, gaps).key == 9
        taken = ledger.reserve_many(scope, SequentialFromVenue(), 3)
        assert [slot.key for slot in taken] == [6, 7, 10]
        assert [slot.state for slot in taken] == [State.RESERVED] * 3
        with pytest.raises(LedgerError) as error:  # The instance that gave it back holds it no more.
            ledger.abandon(slots[1])
        assert reason(error) == "lease_lost"

    def test_does_not_fill_below_the_venues_number(
        self, ledger: Ledger, scope: Scope, make_order: MakeOrder, domain: Domain, signer: LocalSigner
    ) -> None:
        first, second = ledger.reserve_many(scope, RULE, 2)
        ledger.release(first)
        ledger.sign_to_send(ledger.commit(second, make_order(6), domain), signer)
        assert ledger.reserve(scope, SequentialFromVenue(7)).key == 7

    def test_any_rule_that_makes_a_claim(self, ledger: Ledger, scope: Scope, time: Time) -> None:
        class Milliseconds:
            def claim(self, now: float) -> Claim:
                return Claim(floor=int(now * 1000))

        keys = [ledger.reserve(scope, Milliseconds()).key for _ in range(2)]
        time.now += 1
        keys.append(ledger.reserve(scope, Milliseconds()).key)
        time.now -= 100
        keys.append(ledger.reserve(scope, Milliseconds()).key)
        start = 1_780_000_000_000
        assert keys == [start, start + 1, start + 1000, start + 1001]

    def test_keys_of_32_bytes(self, ledger: Ledger, scope: Scope) -> None:
        class Last:
            def claim(self, now: float) -> Claim:
                return Claim(floor=2**256 - 1)

        assert ledger.reserve(scope, Last()).key == 2**256 - 1
        with pytest.raises(LedgerError) as error:
            ledger.reserve(scope, Last())
        assert reason(error) == "exhausted"

    @pytest.mark.parametrize("count", [0, -1, True, 1.0, 10_001, "1"])
    def test_counts_that_are_none(self, ledger: Ledger, scope: Scope, count: Any) -> None:
        with pytest.raises(InvalidInput):
            ledger.reserve_many(scope, RULE, count)

    def test_threads_get_different_ones(self, ledger: Ledger, scope: Scope) -> None:
        ledger.reserve(scope, RULE)
        start = threading.Barrier(8)

        def take(_number: int) -> list[int]:
            start.wait(10)
            return [ledger.reserve(scope, SequentialFromVenue()).key for _ in range(25)]

        with ThreadPoolExecutor(8) as pool:
            keys = [key for part in pool.map(take, range(8)) for key in part]
        assert sorted(keys) == list(range(6, 206))


def lost_request(ledger: Ledger, scope: Scope, signature: bytes) -> Slot:
    """What has no answer, of a digest of 32 sevens."""
    slot = ledger.commit_content(ledger.reserve(scope, RULE), b"\7" * 32, {"body": 1})
    return ledger.record(ledger.begin_sending(ledger.store_signed(slot, signature, b"raw")).slot, UNKNOWN)


def refuse(act: Callable[[], object], reason: str) -> None:
    with pytest.raises(LedgerError) as error:
        act()
    assert error.value.reason == reason


def replace_scope(scope: Scope, **changes: str) -> Scope:
    values = {"venue": scope.venue, "network": scope.network, "account": scope.account, "kind": scope.kind, **changes}
    return Scope(**values)  # type: ignore[arg-type]


class TestCommitting:
    def test_binds_order_and_digest(self, ledger: Ledger, committed: Slot, make_order: MakeOrder, domain: Domain) -> None:
        order = make_order(5)
        assert (committed.state, committed.digest) == (State.COMMITTED, order.signing_hash(domain))
        assert ledger.order(committed, type(order)) == order
        (artifact,) = ledger.artifacts(committed)
        assert (artifact.digest, artifact.deadline, artifact.signature) == (committed.digest, order.deadline, None)
        assert artifact.content
        assert json.loads(artifact.content)["typed_data"]["message"]["nonce"] == "5"

    def test_never_another(self, ledger: Ledger, committed: Slot, reserved: Slot, make_order: MakeOrder, domain: Domain) -> None:
        other = make_order(5, quantity=11)
        for slot, expected in ((committed, "illegal_event"), (reserved, "stale")):
            with pytest.raises(LedgerError) as error:
                ledger.commit(slot, other, domain)
            assert reason(error) in (expected, "bound")
        with pytest.raises(LedgerError) as error:
            ledger.replace_content(committed, b"\1" * 32, {})
        assert reason(error) == "bound"
        with pytest.raises(LedgerError) as error:
            ledger.release(committed)
        assert reason(error) == "illegal_event"
        assert ledger.get(committed.id) == committed

    def test_the_store_itself_refuses_another_digest(self, ledger: Ledger, committed: Slot, sending: Outgoing) -> None:
        """Whatever a later release does with the store: not even a well-aimed change binds a second digest."""
        content = ledger.artifacts(committed)[0]
        store, lease, other = ledger._store, Lease("me", 60.0), b"\7" * 32
        artifact = replace(content, digest=type(content.digest)(other))
        with pytest.raises(LedgerError) as error:
            store.apply([Change(sending.slot, State.COMMITTED, 1.0, digest=artifact.digest, artifacts=(artifact,))], lease)
        assert reason(error) == "bound"
        with pytest.raises(LedgerError) as error:
            store.apply([Change(sending.slot, State.REFUSED, 1.0, digest=artifact.digest)], lease)
        assert reason(error) in ("bound", "conflict")
        with pytest.raises(LedgerError) as error:
            store.apply([Change(sending.slot, State.RELEASED, 1.0)], lease)
        assert reason(error) == "conflict"
        assert ledger.get(committed.id) == sending.slot
        assert len(ledger.artifacts(committed)) == 2

    def test_the_store_itself_wants_the_bytes_before_the_sending(self, ledger: Ledger, committed: Slot) -> None:
        with pytest.raises(LedgerError) as error:
            ledger._store.apply([Change(committed, State.SENDING, 1.0)], Lease("me", 60.0))
        assert reason(error) == "conflict"

    def test_another_makers_order(self, ledger: Ledger, reserved: Slot, make_order: MakeOrder, domain: Domain) -> None:
        with pytest.raises(LedgerError) as error:
            ledger.commit(reserved, make_order(5, maker="0x" + "11" * 20), domain)
        assert reason(error) == "not_ours"
        with pytest.raises(LedgerError) as error:
            ledger.commit(reserved, make_order(6), domain)
        assert reason(error) == "not_ours"
        with pytest.raises(InvalidInput):
            ledger.commit(reserved, make_order(5, quantity=0), domain)
        assert ledger.get(reserved.id) == reserved

    def test_all_or_nothing(self, ledger: Ledger, scope: Scope, committed: Slot, reserved: Slot) -> None:
        other = ledger.reserve(scope, SequentialFromVenue())
        changes = [Change(other, State.RELEASED, 1.0), Change(reserved, State.RELEASED, 1.0)]
        with pytest.raises(LedgerError) as error:
            ledger._store.apply(changes, Lease("me", 60.0))
        assert reason(error) == "stale"
        assert ledger.get(other.id) == other


class TestSigning:
    def test_in_two_steps(self, ledger: Ledger, committed: Slot, signer: LocalSigner, make_order: MakeOrder, domain: Domain) -> None:
        signed = ledger.sign(committed, signer)
        assert (signed.state, signed.sent_at) == (State.SIGNED, None)
        assert ledger.exposure().orders == ()
        outgoing = ledger.begin_sending(signed)
        assert outgoing.slot.state is State.SENDING
        order, raw = parse_venue_payload(outgoing.body)
        assert order == make_order(5)
        assert raw == outgoing.signature
        assert Account._recover_hash(order.signing_hash(domain), signature=raw) == str(signer.address)

    def test_in_one_step_stores_the_same_bytes(
        self, ledger: Ledger, committed: Slot, signer: LocalSigner, sending: Outgoing, scope: Scope, make_order: MakeOrder, domain: Domain
    ) -> None:
        (_content, signed) = ledger.artifacts(committed)
        assert (signed.body, signed.signature) == (sending.body, sending.signature)
        assert [attempt.what for attempt in ledger.attempts(committed)] == [What.SENT]
        other = ledger.commit(ledger.reserve(scope, SequentialFromVenue()), make_order(6), domain)
        assert ledger.begin_sending(ledger.sign(other, signer)).body != sending.body

    def test_another_accounts_signer(self, ledger: Ledger, committed: Slot) -> None:
        with pytest.raises(LedgerError) as error:
            ledger.sign(committed, LocalSigner.generate())
        assert reason(error) == "not_ours"

    def test_a_signer_that_lies(self, ledger: Ledger, committed: Slot, signer: LocalSigner) -> None:
        class Liar:
            address = signer.address

            def sign_typed_data(self, digest: Any, document: Any) -> Any:
                return LocalSigner.generate().sign_typed_data(digest, document)

            def sign_message(self, text: str) -> Any:
                raise NotImplementedError

        with pytest.raises(SignerError):
            ledger.sign_to_send(committed, Liar())
        assert ledger.get(committed.id) == committed

    def test_a_digest_is_computed_again(
        self, ledger: Ledger, reserved: Slot, make_order: MakeOrder, domain: Domain, signer: LocalSigner
    ) -> None:
        content = {"typed_data": make_order(5).to_typed_data(domain).to_json()}
        slot = ledger.commit_content(reserved, b"\1" * 32, content)
        with pytest.raises(LedgerError) as error:
            ledger.sign(slot, signer)
        assert reason(error) == "tampered"

    def test_no_signature_in_a_repr(self, sending: Outgoing, ledger: Ledger) -> None:
        shown = repr((sending, ledger.artifacts(sending.slot), ledger.attempts(sending.slot), ledger))
        assert sending.signature.hex()[:16] not in shown
        assert repr(sending.signature)[3:20] not in shown

    def test_not_after_the_deadline(self, ledger: Ledger, committed: Slot, signer: LocalSigner, time: Time) -> None:
        signed = ledger.sign(committed, signer)
        with pytest.raises(RuleViolation) as error:
            ledger.begin_sending(signed, rule=DeadlineRule())
        assert error.value.rule == "deadline_too_soon"
        time.now += 1000
        with pytest.raises(RuleViolation) as error:
            ledger.begin_sending(signed)
        assert error.value.rule == "deadline_passed"
        assert ledger.abandon(signed, "waited too long").state is State.ABANDONED


class TestAnswers:
    @pytest.mark.parametrize(
        ("answer", "state"),
        [(ACCEPTED, State.ACCEPTED), (REFUSED, State.REFUSED), (NOT_ACCEPTED, State.SIGNED), (UNKNOWN, State.UNKNOWN)],
    )
    def test_to_a_first_attempt(self, ledger: Ledger, sending: Outgoing, answer: Answer, state: State) -> None:
        assert ledger.record(sending.slot, answer).state is state
        assert ledger.attempts(sending.slot)[-1].details["meaning"] == answer.meaning.value

    @pytest.mark.parametrize("answer", [REFUSED, NOT_ACCEPTED, UNKNOWN])
    def test_to_a_second_attempt_that_settles_nothing(self, ledger: Ledger, sending: Outgoing, answer: Answer) -> None:
        again = ledger.begin_sending(ledger.record(sending.slot, UNKNOWN))
        assert (again.body, again.slot.state) == (sending.body, State.UNKNOWN)
        assert ledger.record(again.slot, answer).state is State.UNKNOWN
        assert [a.details.get("attempt") for a in ledger.attempts(sending.slot) if a.what is What.SENT] == [1, 2]

    def test_identical_bytes_go_again_after_a_429(self, ledger: Ledger, sending: Outgoing) -> None:
        again = ledger.begin_sending(ledger.record(sending.slot, NOT_ACCEPTED))
        assert (again.body, again.signature, again.slot.state) == (sending.body, sending.signature, State.SENDING)

    def test_a_refusal_is_final_and_frees_nothing(self, ledger: Ledger, sending: Outgoing, scope: Scope) -> None:
        refused = ledger.record(sending.slot, REFUSED)
        for act in (ledger.begin_sending, ledger.release, ledger.abandon):
            with pytest.raises(LedgerError) as error:
                act(refused)
            assert reason(error) == "illegal_event"
        assert ledger.reserve(scope, SequentialFromVenue()).key == 6

    def test_what_was_refused_and_stands_there_after_all(self, ledger: Ledger, sending: Outgoing, make_order: MakeOrder) -> None:
        refused = ledger.record(sending.slot, REFUSED)
        found = ledger.adopt(refused, make_order(5), sending.signature, venue_id="x", status="filled")
        assert found.state is State.ACCEPTED

    def test_a_lookup_that_finds_nothing_proves_nothing(self, ledger: Ledger, sending: Outgoing) -> None:
        assert ledger.not_found(ledger.record(sending.slot, UNKNOWN)).state is State.UNKNOWN

    @pytest.mark.parametrize("changes", [{"quantity": 11}, {"incentive": 0}, {"deadline": 1_780_000_001}])
    def test_another_order_under_our_nonce(self, ledger: Ledger, sending: Outgoing, make_order: MakeOrder, changes: dict[str, int]) -> None:
        lost = ledger.record(sending.slot, UNKNOWN)
        with pytest.raises(NonceConflict) as error:
            ledger.adopt(lost, make_order(5, **changes), sending.signature)
        assert error.value.nonce == 5
        assert ledger.get(lost.id) == lost
        assert ledger.attempts(lost)[-1].details["found"] == "another"

    def test_another_signature_under_our_nonce(self, ledger: Ledger, sending: Outgoing, make_order: MakeOrder) -> None:
        for signature in (sending.signature[:-1], "0x" + "00" * 65, "no hex"):
            with pytest.raises(NonceConflict):
                ledger.adopt(sending.slot, make_order(5), signature)
        assert ledger.adopt(sending.slot, make_order(5), "0x" + sending.signature.hex()).state is State.ACCEPTED

    def test_an_unknown_outcome_closes_with_the_deadline(self, ledger: Ledger, sending: Outgoing, time: Time) -> None:
        lost = ledger.record(sending.slot, UNKNOWN)
        time.now += 1000
        with pytest.raises(RuleViolation):
            ledger.expire(lost)
        time.now += 1
        assert ledger.expire(lost).state is State.ABANDONED

    def test_a_signature_is_not_dismissed(self, ledger: Ledger, sending: Outgoing) -> None:
        with pytest.raises(LedgerError) as error:
            ledger.dismiss(sending.slot, "I looked")
        assert error.value.reason == "illegal_event"
        lost = ledger.record(sending.slot, UNKNOWN)
        with pytest.raises(LedgerError) as error:
            ledger.dismiss(lost, "I looked")
        assert error.value.reason == "signature"
        assert ledger.get(lost.id) == lost

    @pytest.mark.parametrize("signature", [b"\7" * 31, b"\7" * 33, b"\6" * 32], ids=["shorter", "longer", "another"])
    def test_whatever_may_be_a_signature_is_not_dismissed(self, ledger: Ledger, scope: Scope, signature: bytes) -> None:
        lost = lost_request(ledger, scope, signature)
        with pytest.raises(LedgerError) as error:
            ledger.dismiss(lost, "I looked")
        assert error.value.reason == "signature"
        assert ledger.get(lost.id) == lost

    def test_what_nobody_signed_is_dismissed(self, ledger: Ledger, scope: Scope) -> None:
        lost = lost_request(ledger, scope, b"\7" * 32)
        for wrong in ("", " ", None, "x" * 4001):
            with pytest.raises(InvalidInput):
                ledger.dismiss(lost, wrong)  # type: ignore[arg-type]  # what is tested
        accepted = Answer(Meaning.ACCEPTED, venue_id="41")
        refuse(lambda: ledger.overrule(lost, accepted), "illegal_event")
        closed = ledger.dismiss(lost, "I looked")
        assert closed.state is State.ABANDONED
        assert ledger.attempts(lost)[-1].details == {"why": "I looked", "dismissed": True}
        refuse(lambda: ledger.dismiss(lost, "I looked"), "stale")
        refuse(lambda: ledger.overrule(closed, UNKNOWN), "illegal_event")
        assert ledger.overrule(closed, accepted).state is State.ACCEPTED
        assert ledger.attempts(lost)[-1].details["venue_id"] == "41"

    def test_only_a_dismissal_is_overruled(self, ledger: Ledger, sending: Outgoing, time: Time) -> None:
        lost = ledger.record(sending.slot, UNKNOWN)
        time.now += 1001
        with pytest.raises(LedgerError) as error:
            ledger.overrule(ledger.expire(lost), Answer(Meaning.ACCEPTED))
        assert error.value.reason == "illegal_event"

    def test_a_shared_nonce_is_not_dismissed(self, ledger: Ledger, scope: Scope) -> None:
        digest = b"\7" * 32
        slot = ledger.commit_content(ledger.reserve(replace_scope(scope, kind="transaction"), AccountNonce(1)), digest, {"transaction": {}})
        lost = ledger.record(ledger.begin_sending(ledger.store_signed(slot, digest, b"raw")).slot, UNKNOWN)
        with pytest.raises(LedgerError) as error:
            ledger.dismiss(lost, "I looked")
        assert error.value.reason == "signature"

    def test_grouped(self, ledger: Ledger, scope: Scope, make_order: MakeOrder, domain: Domain, signer: LocalSigner) -> None:
        slots = ledger.reserve_many(scope, RULE, 3)
        out = [ledger.sign_to_send(ledger.commit(slot, make_order(slot.key), domain), signer).slot for slot in slots]
        done = ledger.record_many(zip(out, (ACCEPTED, REFUSED, UNKNOWN), strict=True))
        assert [slot.state for slot in done] == [State.ACCEPTED, State.REFUSED, State.UNKNOWN]
        assert ledger.record_many([]) == []

    @pytest.mark.parametrize(
        ("error", "meaning"),
        [
            (Refused("x", status=200, code=7, message="m"), Meaning.REFUSED),
            (Unauthorized("x", status=401, code=None, message="m"), Meaning.NOT_ACCEPTED),
            (RateLimited("x", status=429, code=None, message="m"), Meaning.NOT_ACCEPTED),
            (Unreachable("x"), Meaning.NOT_ACCEPTED),
            (OutcomeUnknown("x", nonce=1), Meaning.UNKNOWN),
            (TimeoutError("x"), Meaning.UNKNOWN),
            (KeyboardInterrupt(), Meaning.UNKNOWN),
        ],
    )
    def test_what_a_client_raised(self, error: BaseException, meaning: Meaning) -> None:
        assert Answer.from_error(error).meaning is meaning

    @pytest.mark.parametrize("text", ["", "filled", "\0\ud800'; --", "☃" * 5000, "x" * 100_000])
    def test_any_words_of_a_venue_are_kept(self, ledger: Ledger, sending: Outgoing, text: str) -> None:
        ledger.observe(sending.slot, text, filled="3")
        ledger.record(sending.slot, Answer(Meaning.REFUSED, 400, 7, text))
        told = ledger.attempts(sending.slot)[-2:]
        assert [told[0].details["status"], told[1].details["text"]] == [text[:4000]] * 2
        assert ledger.get(sending.slot.id).state is State.REFUSED


class TestLeases:
    def test_one_instance_at_a_time(self, make_ledger: MakeLedger, scope: Scope, make_order: MakeOrder, domain: Domain) -> None:
        one, two = make_ledger(), make_ledger()
        slot = one.reserve(scope, RULE)
        assert two.take_over() == []
        assert [s.id for s in two.open_slots()] == [slot.id]
        assert one.commit(slot, make_order(5), domain).state is State.COMMITTED

    def test_a_dead_instances_rows_are_picked_up(
        self, make_ledger: MakeLedger, scope: Scope, make_order: MakeOrder, domain: Domain, signer: LocalSigner
    ) -> None:
        one, two = make_ledger(lease=0.02), make_ledger()
        slots = one.reserve_many(scope, RULE, 3)
        first = one.commit(slots[1], make_order(6), domain)
        sent = one.sign(one.commit(slots[2], make_order(7), domain), signer)
        threading.Event().wait(0.06)
        with pytest.raises(LedgerError) as error:
            one.begin_sending(sent)
        assert reason(error) == "lease_lost"
        taken = two.take_over()
        assert [(s.key, s.state) for s in taken] == [(5, State.RESERVED), (6, State.COMMITTED), (7, State.SIGNED)]
        for act in (lambda: one.sign(first, signer), lambda: one.release(slots[0]), lambda: one.begin_sending(sent)):
            with pytest.raises(LedgerError) as error:
                act()
            assert reason(error) == "lease_lost"
        assert two.begin_sending(taken[2]).slot.state is State.SENDING
        assert two.take_over(limit=10) == []  # What it has in the air itself is not taken from under its own hands.

    def test_what_was_being_sent_is_unknown(
        self, make_ledger: MakeLedger, scope: Scope, make_order: MakeOrder, domain: Domain, signer: LocalSigner
    ) -> None:
        one = make_ledger(owner="bot")
        sent = one.sign_to_send(one.commit(one.reserve(scope, RULE), make_order(5), domain), signer)
        (taken,) = make_ledger(owner="bot").take_over()
        assert (taken.state, taken.digest) == (State.UNKNOWN, sent.slot.digest)
        with pytest.raises(LedgerError) as error:
            one.record(sent.slot, ACCEPTED)
        assert reason(error) == "lease_lost"
        one.observe(sent.slot, "the answer came late")
        assert {slot.state for slot in one.slots(states=OPEN)} == {State.UNKNOWN}

    def test_one_that_has_run_out_is_not_renewed_by_a_change(
        self, make_ledger: MakeLedger, scope: Scope, make_order: MakeOrder, domain: Domain, signer: LocalSigner
    ) -> None:
        """Who stood still may record what it knows, and send nothing more, although nobody has taken over."""
        slow, other = make_ledger(lease=1.5), make_ledger()
        out = slow.sign_to_send(slow.commit(slow.reserve(scope, RULE), make_order(5), domain), signer)
        while slow._store.now() <= out.slot.lease_until:
            threading.Event().wait(0.02)
        after = slow.not_found(slow.record(out.slot, Answer(Meaning.UNKNOWN)))
        assert after.lease_until == out.slot.lease_until
        with pytest.raises(LedgerError) as error:
            slow.begin_sending(after)
        assert reason(error) == "lease_lost"
        (taken,) = other.take_over(scope)
        assert other.begin_sending(taken).body == out.body

    def test_of_one_scope(self, make_ledger: MakeLedger, scope: Scope) -> None:
        one, other = make_ledger(owner="bot"), replace_scope(scope, kind="transaction")
        one.reserve(scope, RULE)
        one.reserve(other, AccountNonce(9))
        two = make_ledger(owner="bot")
        assert [slot.key for slot in two.take_over(other)] == [9]
        assert [slot.key for slot in two.take_over(scope)] == [5]
        assert make_ledger(owner="bo").take_over() == []
        assert make_ledger(owner="bot#").take_over() == []


class TestReferences:
    def test_one_intent_one_nonce(self, ledger: Ledger, scope: Scope, make_order: MakeOrder, domain: Domain, signer: LocalSigner) -> None:
        first, second = ledger.reserve_many(scope, RULE, 2)
        first = ledger.commit(first, make_order(5), domain, reference="morning")
        assert ledger.by_reference(scope, "morning") == first
        assert ledger.by_reference(replace_scope(scope, kind="other"), "morning") is None
        with pytest.raises(LedgerError) as error:
            ledger.commit(second, make_order(6), domain, reference="morning")
        assert reason(error) == "reference_used"
        assert "nonce 5 (committed)" in str(error.value)
        assert ledger.get(second.id) == second  # Nothing of the transaction is left.
        assert ledger.artifacts(second) == []
        out = ledger.sign_to_send(first, signer)
        ledger.record(out.slot, Answer(Meaning.REFUSED))
        with pytest.raises(LedgerError) as error:
            ledger.commit(second, make_order(6), domain, reference="morning")
        assert reason(error) == "reference_used"
        second = ledger.commit(second, make_order(6), domain, reference="evening")
        assert ledger.by_reference(scope, "evening") == second

    def test_free_again_if_nothing_was_sent(
        self, ledger: Ledger, scope: Scope, make_order: MakeOrder, domain: Domain, signer: LocalSigner
    ) -> None:
        first, second, third = ledger.reserve_many(scope, RULE, 3)
        ledger.abandon(ledger.sign(ledger.commit(first, make_order(5), domain, reference="r"), signer))
        out = ledger.sign_to_send(ledger.commit(second, make_order(6), domain, reference="r"), signer)
        slot = ledger.record(out.slot, Answer(Meaning.NOT_ACCEPTED))
        found = ledger.abandon(slot)
        assert ledger.by_reference(scope, "r") == found
        with pytest.raises(LedgerError) as error:
            ledger.commit(third, make_order(7), domain, reference="r")
        assert reason(error) == "reference_used"

    @pytest.mark.parametrize("reference", ["", "x" * 129, "a\nb", 7, b"r"])
    def test_form(self, ledger: Ledger, scope: Scope, make_order: MakeOrder, domain: Domain, reference: Any) -> None:
        slot = ledger.reserve(scope, RULE)
        with pytest.raises(InvalidInput, match="reference: expected 1 to 128 printable"):
            ledger.commit(slot, make_order(5), domain, reference=reference)
        with pytest.raises(InvalidInput, match="reference"):
            ledger.by_reference(scope, reference)
        assert ledger.commit(slot, make_order(5), domain, reference="ü" * 128).state is State.COMMITTED


def test_what_is_about_to_leave_counts_if_asked(
    ledger: Ledger, scope: Scope, make_order: MakeOrder, domain: Domain, signer: LocalSigner
) -> None:
    _reserved, committed, signed, sent, given_up = ledger.reserve_many(scope, RULE, 5)
    ledger.commit(committed, make_order(6), domain)
    ledger.sign(ledger.commit(signed, make_order(7), domain), signer)
    ledger.sign_to_send(ledger.commit(sent, make_order(8), domain), signer)
    ledger.abandon(ledger.commit(given_up, make_order(9), domain))
    assert [one.slot.key for one in ledger.exposure().orders] == [8]
    assert [one.slot.key for one in ledger.exposure(pending=True).orders] == [6, 7, 8]
    assert list(ledger.exposure(pending=True).buys.values()) == [3 * (10 * 150 * 10**18 + 10**18)]


class TestSharedNonces:
    def test_transactions_replace_each_other(self, ledger: Ledger, scope: Scope) -> None:
        chain = replace_scope(scope, kind="transaction")
        slot = ledger.reserve(chain, AccountNonce(9))
        assert (slot.key, slot.shared) == (9, True)
        slot = ledger.commit_content(slot, b"\1" * 32, {"gas": "1"})
        out = ledger.begin_sending(ledger.store_signed(slot, b"s1", b"raw1"))
        slot = ledger.replace_content(out.slot, b"\2" * 32, {"gas": "2"})
        assert (slot.state, slot.digest) == (State.COMMITTED, b"\2" * 32)
        out = ledger.begin_sending(ledger.store_signed(slot, b"s2", b"raw2"))
        assert out.body == b"raw2"
        assert [a.body for a in ledger.artifacts(slot)] == [None, b"raw1", None, b"raw2"]
        assert ledger.exposure().unmeasured == 2
        assert ledger.reserve(chain, AccountNonce(10)).key == 10

    def test_gaps_are_filled_first(self, ledger: Ledger, scope: Scope) -> None:
        slots = ledger.reserve_many(scope, AccountNonce(0), 3)
        ledger.release(slots[1])
        assert [slot.key for slot in ledger.reserve_many(scope, AccountNonce(), 2)] == [1, 3]


PATHS: dict[State, list[str]] = {
    State.RESERVED: [],
    State.RELEASED: ["release"],
    State.COMMITTED: ["commit"],
    State.SIGNED: ["commit", "sign"],
    State.SENDING: ["commit", "sign", "send"],
    State.ACCEPTED: ["commit", "sign", "send", "accepted"],
    State.REFUSED: ["commit", "sign", "send", "refused"],
    State.UNKNOWN: ["commit", "sign", "send", "unknown"],
    State.ABANDONED: ["commit", "sign", "abandon"],
}
"""What leads a slot to each state."""

REPLACEABLE = {State.COMMITTED, State.SIGNED, State.SENDING, State.ACCEPTED, State.REFUSED, State.UNKNOWN}


def transaction(number: int) -> dict[str, Any]:
    return {"transaction": {"to": "0x" + "22" * 20, "nonce": 9, "value": "0", "maxFeePerGas": str(number)}}


def digest_of(number: int) -> bytes:
    return bytes([number]) * 32


def walk(ledger: Ledger, slot: Slot, path: list[str], number: int = 1) -> Slot:
    """A transaction on its way."""
    for name in path:
        if name == "commit":
            slot = ledger.commit_content(slot, digest_of(number), transaction(number))
        elif name == "sign":
            slot = ledger.store_signed(slot, b"signature %d" % number, b"raw %d" % number)
        elif name == "send":
            slot = ledger.begin_sending(slot).slot
        elif name in ("release", "abandon"):
            slot = getattr(ledger, name)(slot)
        else:
            slot = ledger.record(slot, Answer(Meaning(name)))
    return slot


class TestReplacing:
    """What carries out purchases needs: a transaction that must not happen any more is replaced under its nonce."""

    @pytest.fixture
    def chain(self, scope: Scope) -> Scope:
        return Scope("evm", "17000", scope.account, "transaction")

    @pytest.mark.parametrize("state", State)
    def test_from_each_state(self, ledger: Ledger, chain: Scope, state: State) -> None:
        slot = walk(ledger, ledger.reserve(chain, AccountNonce(9)), PATHS[state])
        assert slot.state is state
        if state not in REPLACEABLE:
            with pytest.raises(LedgerError) as error:
                ledger.replace_content(slot, digest_of(2), transaction(2))
            assert reason(error) == "illegal_event"
            assert ledger.get(slot.id) == slot
            return
        new = ledger.replace_content(slot, digest_of(2), transaction(2))
        assert (new.state, new.digest, new.key, new.sent_at) == (State.COMMITTED, digest_of(2), 9, slot.sent_at)
        out = ledger.begin_sending(walk(ledger, new, ["sign"], 2))
        assert (out.body, out.signature) == (b"raw 2", b"signature 2")
        carried = [(artifact.digest, artifact.body) for artifact in ledger.artifacts(slot)]
        signed = [(digest_of(1), b"raw 1")] if state is not State.COMMITTED else []
        assert carried == [(digest_of(1), None), *signed, (digest_of(2), None), (digest_of(2), b"raw 2")]
        live = [digest_of(1)] if slot.sent_at is not None else []
        assert [one.digest for one in ledger.exposure().orders] == [*live, digest_of(2)]

    @pytest.mark.parametrize("state", State)
    def test_never_what_is_not_shared(self, ledger: Ledger, scope: Scope, state: State) -> None:
        slot = walk(ledger, ledger.reserve(scope, RULE), PATHS[state])
        with pytest.raises(LedgerError) as error:
            ledger.replace_content(slot, digest_of(2), transaction(2))
        assert reason(error) == "bound"
        # A caller who lies to himself about the slot does not get further than the store.
        with pytest.raises(LedgerError) as error:
            ledger.replace_content(replace(slot, shared=True), digest_of(2), transaction(2))
        assert reason(error) in ("bound", "conflict", "illegal_event")
        assert ledger.get(slot.id) == slot
        assert {artifact.digest for artifact in ledger.artifacts(slot)} == ({slot.digest} - {None})

    @pytest.mark.parametrize("state", [State.SIGNED, State.SENDING, State.ACCEPTED, State.REFUSED, State.UNKNOWN, State.ABANDONED])
    def test_nothing_goes_back_without_other_content(self, ledger: Ledger, scope: Scope, chain: Scope, state: State) -> None:
        for slot in (
            walk(ledger, ledger.reserve(scope, RULE), PATHS[state]),
            walk(ledger, ledger.reserve(chain, AccountNonce(9)), PATHS[state]),
        ):
            with pytest.raises(LedgerError) as error:
                ledger._store.apply([Change(slot, State.COMMITTED, 1.0)], Lease("me#0123456789abcdef", 60.0))
            assert reason(error) in ("bound", "conflict")
            assert ledger.get(slot.id) == slot

    def test_the_same_again_is_refused_by_name(self, ledger: Ledger, chain: Scope) -> None:
        first = walk(ledger, ledger.reserve(chain, AccountNonce(9)), ["commit"])
        for state, path in ((State.COMMITTED, []), (State.SIGNED, ["sign"]), (State.SENDING, ["send"])):
            first = walk(ledger, first, path)
            assert first.state is state
            with pytest.raises(LedgerError, match=r"carries 0x0101.* already") as error:
                ledger.replace_content(first, digest_of(1), transaction(1))
            assert reason(error) == "conflict"
            assert ledger.get(first.id) == first
        second = ledger.replace_content(first, digest_of(2), transaction(2))
        with pytest.raises(LedgerError, match="does not come back") as error:
            ledger.replace_content(second, digest_of(1), transaction(1))
        assert reason(error) == "conflict"
        assert ledger.get(first.id) == second
        assert len(ledger.artifacts(first)) == 3

    def test_who_knows_only_what_was_replaced_changes_nothing(self, ledger: Ledger, chain: Scope) -> None:
        """State and lease are as it knows them; what the nonce carries is not."""

        def sign_again(stale: Slot) -> Slot:
            return ledger.store_signed(stale, b"s", b"raw 1 again")

        def accept(stale: Slot) -> Slot:
            return ledger.record(stale, ACCEPTED)

        late: dict[State, Callable[[Slot], object]] = {
            State.COMMITTED: sign_again,
            State.SIGNED: ledger.begin_sending,
            State.SENDING: accept,
        }
        old: dict[State, Slot] = {}
        slot = ledger.reserve(chain, AccountNonce(9))
        for number in (1, 2):
            for state in (State.COMMITTED, State.SIGNED, State.SENDING):
                if number == 2 and state is State.COMMITTED:
                    slot = ledger.replace_content(slot, digest_of(2), transaction(2))
                else:
                    slot = walk(ledger, slot, PATHS[state][-1:], number)
                if number == 1:
                    old[state] = slot
                    continue
                assert slot.state is old[state].state
                with pytest.raises(LedgerError, match="was replaced since it was read") as error:
                    ledger.replace_content(old[state], digest_of(3), transaction(3))
                assert reason(error) == "stale"
                with pytest.raises(LedgerError) as error:
                    late[state](old[state])
                # The signature of the first is stored already: another one is refused before anything else.
                assert reason(error) == ("conflict" if state is State.COMMITTED else "stale")
                assert ledger.get(slot.id) == slot
        assert {artifact.digest for artifact in ledger.artifacts(slot)} == {digest_of(1), digest_of(2)}

    @pytest.mark.parametrize("path", [["sign"], ["abandon"]])
    def test_who_knows_only_what_was_replaced_before_it_was_signed(self, ledger: Ledger, chain: Scope, path: list[str]) -> None:
        stale = walk(ledger, ledger.reserve(chain, AccountNonce(9)), ["commit"])
        slot = ledger.replace_content(stale, digest_of(2), transaction(2))
        with pytest.raises(LedgerError) as error:
            walk(ledger, stale, path)
        assert reason(error) == "stale"
        assert ledger.get(slot.id) == slot
        assert [artifact.digest for artifact in ledger.artifacts(slot)] == [digest_of(1), digest_of(2)]

    def test_a_reference_stays_with_the_nonce(self, ledger: Ledger, chain: Scope) -> None:
        first, second = ledger.reserve_many(chain, AccountNonce(9), 2)
        slot = ledger.commit_content(first, digest_of(1), transaction(1), reference="buy 1")
        for number in (2, 3, 4):
            slot = ledger.replace_content(slot, digest_of(number), transaction(number))
            slot = walk(ledger, slot, ["sign", "send"][: number - 1], number)
            assert ledger.by_reference(chain, "buy 1") == slot
            with pytest.raises(LedgerError, match="names nonce 9") as error:
                ledger.commit_content(second, digest_of(9), transaction(9), reference="buy 1")
            assert reason(error) == "reference_used"

    def test_after_a_crash(self, make_ledger: MakeLedger, chain: Scope) -> None:
        """It died before it sent; its transaction must not happen any more; a chain allows no gaps."""
        one = make_ledger(owner="buyer")
        slots = one.reserve_many(chain, AccountNonce(9), 2)
        walk(one, slots[0], ["commit"])
        walk(one, slots[1], ["commit", "sign"])
        two = make_ledger(owner="buyer")
        for slot in two.take_over(chain):
            new = two.replace_content(slot, digest_of(7), transaction(7))
            assert two.begin_sending(walk(two, new, ["sign"], 7)).body == b"raw 7"
        for slot in slots:
            with pytest.raises(LedgerError) as error:
                one.replace_content(replace(slot, state=State.COMMITTED, digest=Hash32(digest_of(1))), digest_of(8), transaction(8))
            assert reason(error) == "lease_lost"
        assert [slot.key for slot in two.slots(states=[State.SENDING])] == [9, 10]

    def test_not_while_it_is_halted(self, ledger: Ledger, chain: Scope) -> None:
        slot = walk(ledger, ledger.reserve(chain, AccountNonce(9)), ["commit", "sign"])
        ledger.halt()
        with pytest.raises(LedgerError) as error:
            ledger.replace_content(slot, digest_of(2), transaction(2))
        assert reason(error) == "needs_reconcile"


class TestTransactions:
    """A scope of a chain: content that is no order, and no deadline."""

    @pytest.fixture
    def chain(self, scope: Scope) -> Scope:
        return Scope("evm", "17000", scope.account, "transaction")

    def test_what_is_mined_leaves_the_exposure_with_its_siblings(self, ledger: Ledger, chain: Scope, time: Time) -> None:
        slots = ledger.reserve_many(chain, AccountNonce(9), 2)
        slot = walk(ledger, slots[0], ["commit", "sign", "send"])
        slot = ledger.replace_content(slot, digest_of(2), transaction(2))
        assert [one.digest for one in ledger.exposure().orders] == [digest_of(1)]
        assert [one.digest for one in ledger.exposure(pending=True).orders] == [digest_of(1), digest_of(2)]
        slot = walk(ledger, slot, ["sign", "send", "accepted"], 2)
        other = walk(ledger, slots[1], ["commit", "sign", "send", "unknown"], 3)
        time.now += 10**9  # There is no deadline.
        found = ledger.exposure()
        assert [(one.slot.key, one.digest, one.order, one.live_until) for one in found.orders] == [
            (9, digest_of(1), None, None),
            (9, digest_of(2), None, None),
            (10, digest_of(3), None, None),
        ]
        assert (found.buys, found.sells, found.unmeasured) == ({}, {}, 3)
        ledger.record_fill(slot, 5, evidence="a fill says nothing of a transaction")
        assert ledger.exposure().unmeasured == 3
        ledger.record_dead(slot, evidence="0x" + "ab" * 32)
        assert [(one.slot.key, one.digest) for one in ledger.exposure().orders] == [(10, digest_of(3))]
        assert ledger.attempts(slot)[-1].details == {"evidence": "0x" + "ab" * 32}
        assert ledger.record(other, ACCEPTED).state is State.ACCEPTED
        ledger.record_dead(other, evidence="0x" + "cd" * 32)
        assert ledger.exposure(pending=True).orders == ()

    @pytest.mark.parametrize("state", sorted(REPLACEABLE))
    def test_nothing_is_put_under_a_nonce_that_is_spent(self, ledger: Ledger, chain: Scope, state: State) -> None:
        """Else what is sent under it would not count, should it live against all expectation."""
        slot = walk(ledger, ledger.reserve(chain, AccountNonce(9)), PATHS[state])
        ledger.record_dead(slot, evidence="another program's transaction 0x01")
        with pytest.raises(LedgerError) as error:
            ledger.replace_content(slot, digest_of(2), transaction(2))
        assert reason(error) == "spent"
        assert ledger.get(slot.id) == slot

    def test_it_signs_no_transaction(self, ledger: Ledger, chain: Scope, signer: LocalSigner) -> None:
        slot = walk(ledger, ledger.reserve(chain, AccountNonce(9)), ["commit"])
        with pytest.raises(LedgerError, match="use store_signed") as error:
            ledger.sign(slot, signer, body=lambda _document, _signature: b"raw")
        assert reason(error) == "illegal_event"
        for wrong in (b"", "0x01", None):
            with pytest.raises(InvalidInput):
                ledger.store_signed(slot, wrong, b"raw")  # type: ignore[arg-type]
            with pytest.raises(InvalidInput):
                ledger.store_signed(slot, b"s", wrong)  # type: ignore[arg-type]
        assert ledger.get(slot.id) == slot
        with pytest.raises(LedgerError) as error:
            ledger.store_signed(ledger.reserve(chain, AccountNonce()), b"s", b"raw")
        assert reason(error) == "illegal_event"

    def test_a_node_that_is_ahead_says_what_to_run(self, ledger: Ledger, chain: Scope) -> None:
        ledger.reserve(chain, AccountNonce(9))
        with pytest.raises(LedgerError) as error:
            ledger.reserve(chain, AccountNonce(12))
        assert reason(error) == "venue_ahead"
        words = f"orderseal ledger reconcile LEDGER --next 12 --account {chain.account} --network 17000 --kind transaction"
        assert words in str(error.value)
        assert "eth_getTransactionCount" in str(error.value)

    def test_reconciling_leaves_no_gap(self, ledger: Ledger, chain: Scope) -> None:
        """Also after a halt, or in a restored copy: of one nonce one transaction has an effect at most."""
        slots = ledger.reserve_many(chain, AccountNonce(9), 5)
        walk(ledger, slots[0], ["commit", "sign", "send", "accepted"])
        ledger.release(slots[3])
        ledger.halt()
        counter, given_up = ledger.reconcile(chain, 11)
        assert [slot.key for slot in given_up] == [10]
        assert counter.next == 14
        assert [(slot.key, slot.state) for slot in ledger.slots()] == [
            (9, State.ACCEPTED), (10, State.ABANDONED), (11, State.RESERVED), (12, State.RELEASED), (13, State.RESERVED),
        ]  # fmt: skip
        assert [slot.key for slot in ledger.reserve_many(chain, AccountNonce(11), 2)] == [12, 14]
        assert walk(ledger, slots[2], ["commit"]).key == 11
        with pytest.raises(InvalidInput, match="skip: expected 0"):
            ledger.reconcile(chain, 11, skip=1)


class TestExposure:
    @pytest.fixture
    def send(self, ledger: Ledger, scope: Scope, make_order: MakeOrder, domain: Domain, signer: LocalSigner) -> Any:
        def send(**changes: Any) -> Outgoing:
            slot = ledger.reserve(scope, RULE if not ledger.slots() else SequentialFromVenue())
            return ledger.sign_to_send(ledger.commit(slot, make_order(slot.key, **changes), domain), signer)

        return send

    def test_sums_by_token(self, ledger: Ledger, send: Any) -> None:
        usdt, usdc = "0x09671802Cc9Bbf6402f2e7a07b220Aa7b43D8c91", "0x5f3733f382ab5d464D39742Bb3840898cD24E6a0"
        send()
        send(quantity=1, incentive=0)
        send(asset=usdc, price=2 * 10**18, quantity=3, incentive=5)
        send(is_buy=False, quantity=7)
        send(is_buy=False, quantity=8, ticker="MSFT")
        found = ledger.exposure()
        assert {(network, str(token)): units for (network, token), units in found.buys.items()} == {
            ("stove-testnet", usdt): 150 * 10**18 * 11 + 10**18,
            ("stove-testnet", usdc): 6 * 10**18 + 5,
        }
        assert found.sells == {("stove-testnet", "AAPL"): 7, ("stove-testnet", "MSFT"): 8}
        assert len(found.orders) == 5

    def test_whatever_the_venue_says(self, ledger: Ledger, send: Any, time: Time) -> None:
        slots = [ledger.record(send().slot, answer) for answer in (ACCEPTED, REFUSED, UNKNOWN, NOT_ACCEPTED)]
        for slot in slots:
            ledger.observe(slot, "cancelled")
        ledger.abandon(slots[-1])
        assert len(ledger.exposure().orders) == 4
        time.now += 999.5
        assert len(ledger.exposure().orders) == 4
        time.now += 0.5
        assert ledger.exposure().orders == ()
        assert len(ledger.exposure(at=time.now - 1).orders) == 4

    def test_until_its_fill_is_seen_or_the_allowance_is_gone(self, ledger: Ledger, send: Any) -> None:
        one, two = send().slot, send().slot
        ledger.record_fill(one, 4, evidence="0x01")
        ledger.record_fill(one, 3, evidence="0x00, seen late")
        (first, _second) = ledger.exposure().orders
        assert (first.filled, first.owed) == (4, 6 * 150 * 10**18 + 10**18)
        ledger.record_fill(one, 10, evidence="0x02")
        assert [live.slot.id for live in ledger.exposure().orders] == [two.id]
        ledger.record_dead(two, evidence="allowance 0 at block 7")
        assert ledger.exposure().buys == {}
        with pytest.raises(InvalidInput):
            ledger.record_dead(two, evidence=" ")


class TestReading:
    def test_export_without_signatures(self, ledger: Ledger, sending: Outgoing) -> None:
        ledger.record(sending.slot, Answer(Meaning.REFUSED, text=f"bad signature 0x{sending.signature.hex()}", status=400))
        (line,) = ledger.export_lines()
        assert sending.signature.hex() not in line
        assert sending.body.hex() not in line
        assert json.loads(line)["attempts"][-1]["details"]["text"] == "bad signature (left out)"
        (line,) = ledger.export_lines(signatures=True)
        assert json.loads(line)["artifacts"][1]["signature"] == "0x" + sending.signature.hex()
        assert bytes.fromhex(json.loads(line)["artifacts"][1]["body"][2:]) == sending.body

    def test_filters(self, ledger: Ledger, scope: Scope) -> None:
        slots = ledger.reserve_many(scope, RULE, 3)
        ledger.release(slots[1])
        other = ledger.reserve(replace_scope(scope, network="main"), RULE)
        assert [s.id for s in ledger.slots(states=[State.RESERVED])] == [slots[0].id, slots[2].id, other.id]
        assert [s.id for s in ledger.slots(network="main")] == [other.id]
        assert [s.id for s in ledger.slots(account=scope.account, limit=2, newest_first=True)] == [other.id, slots[2].id]
        assert ledger.slots(account="0x" + "11" * 20) == []
        assert ledger.find(scope, 99) is None
        with pytest.raises(LedgerError) as error:
            ledger.get(99)
        assert reason(error) == "missing"

    def test_closed(self, ledger: Ledger, scope: Scope, sending: Outgoing) -> None:
        ledger.close()
        ledger.close()
        for act in (
            lambda: ledger.reserve(scope, RULE),
            lambda: ledger.record(sending.slot, ACCEPTED),
            lambda: ledger.observe(sending.slot, "x"),
            ledger.slots,
            ledger.exposure,
            ledger.info,
            ledger.counters,
            ledger.take_over,
            lambda: ledger.reconcile(scope, 1),
            lambda: list(ledger.export_lines()),
        ):
            with pytest.raises(LedgerError) as error:
                act()
            assert reason(error) == "closed"

    def test_a_row_that_is_not_there(self, ledger: Ledger, sending: Outgoing) -> None:
        ghost = replace(sending.slot, id=77)
        for act in (lambda: ledger.record(ghost, ACCEPTED), lambda: ledger.observe(ghost, "x")):
            with pytest.raises(LedgerError) as error:
                act()
            assert reason(error) == "missing"
