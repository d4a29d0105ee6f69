"""The state machine: every pair of state and event, against a table written out by hand from the design."""

import itertools
import re

import pytest

from orderseal.signing.ledger import ADVICE, OPEN, Attempt, CancelState, Event, LedgerError, State, What, step
from orderseal.signing.ledger.cancels import cancel_state, is_settled
from orderseal.signing.ledger.schema import MIGRATIONS
from orderseal.signing.ledger.states import TRANSITIONS

LEGAL = """
    reserved   commit     committed
    reserved   release    released
    reserved   abandon    abandoned
    released   take       reserved
    released   abandon    abandoned
    committed  sign       signed
    committed  abandon    abandoned
    committed  replace    committed
    signed     send       sending
    signed     abandon    abandoned
    signed     find       accepted
    signed     replace    committed
    sending    accept     accepted
    sending    refuse     refused
    sending    not_accept signed
    sending    lose       unknown
    sending    find       accepted
    sending    replace    committed
    unknown    send       unknown
    unknown    accept     accepted
    unknown    refuse     unknown
    unknown    not_accept unknown
    unknown    lose       unknown
    unknown    not_find   unknown
    unknown    find       accepted
    unknown    expire     abandoned
    unknown    dismiss    abandoned
    unknown    replace    committed
    refused    find       accepted
    refused    replace    committed
    accepted   find       accepted
    accepted   replace    committed
    abandoned  find       accepted
"""
TABLE = {(State(a), Event(b)): State(c) for a, b, c in (line.split() for line in LEGAL.strip().splitlines())}


@pytest.mark.parametrize(("state", "event"), list(itertools.product(State, Event)))
def test_each_pair(state: State, event: Event) -> None:
    if (state, event) in TABLE:
        assert step(state, event) is TABLE[state, event]
    else:
        with pytest.raises(LedgerError) as caught:
            step(state, event)
        assert caught.value.reason == "illegal_event"
        assert state.value in str(caught.value)
        assert event.value in str(caught.value)


def test_nothing_that_was_signed_gets_unbound() -> None:
    """From every state from committed on, no events lead back to a nonce that may carry something else."""
    reached, todo = set[State](), [State.COMMITTED]
    while todo:
        state = todo.pop()
        reached.add(state)
        todo += [
            after for (before, event), after in TABLE.items() if before is state and after not in reached and event is not Event.REPLACE
        ]
    assert reached.isdisjoint({State.RESERVED, State.RELEASED})


def test_a_refusal_of_a_second_attempt_settles_nothing() -> None:
    for event in (Event.REFUSE, Event.NOT_ACCEPT, Event.LOSE, Event.NOT_FIND, Event.SEND):
        assert step(State.UNKNOWN, event) is State.UNKNOWN


def test_the_database_holds_the_same_steps() -> None:
    (text,) = [statement for statement in MIGRATIONS[-1] if "CREATE TRIGGER slots_take_legal_steps" in statement]
    pairs = {(State(a), State(b)) for a, b in re.findall(r"'(\w+)>(\w+)'", text)}
    # Signing and sending may be one commit.
    assert pairs == TRANSITIONS | {(State.COMMITTED, State.SENDING)}


def test_every_state_has_advice() -> None:
    assert set(ADVICE) == set(State)
    assert {State.SENDING, State.UNKNOWN} <= OPEN


# Asking the venue to cancel. From the drawing in the design: what may follow on what.
FOLLOWS = """
    -             asked
    asked         acknowledged refused unknown done not_done
    acknowledged  asked done not_done
    refused       asked done not_done
    unknown       asked done not_done
    done          -
    not_done      -
"""
LATER = {line.split()[0]: set(line.split()[1:]) - {"-"} for line in FOLLOWS.strip().splitlines()}


def told(*states: str) -> list[Attempt]:
    return [Attempt(1, What.CANCEL, None, {"state": state, "text": ""}, 0.0) for state in states]


def test_nothing_was_asked() -> None:
    assert cancel_state([]) is None
    assert not is_settled(None)


@pytest.mark.parametrize("first", CancelState)
def test_a_cancellation_begins_by_asking(first: CancelState) -> None:
    assert cancel_state(told(first)) is (CancelState.ASKED if first is CancelState.ASKED else None)


@pytest.mark.parametrize(("before", "after"), list(itertools.product(CancelState, CancelState)))
def test_each_pair_of_a_cancellation(before: CancelState, after: CancelState) -> None:
    way = ["asked"] if before is CancelState.ASKED else ["asked", before.value]
    expected = after if after.value in LATER[before.value] else before
    assert cancel_state(told(*way, after)) is expected


@pytest.mark.parametrize("end", [CancelState.DONE, CancelState.NOT_DONE])
def test_nothing_follows_on_the_end_of_a_cancellation(end: CancelState) -> None:
    assert is_settled(end)
    for length in (1, 2):
        for more in itertools.product(CancelState, repeat=length):
            assert cancel_state(told("asked", end, *more)) is end


def test_only_ends_are_settled() -> None:
    assert {state for state in CancelState if is_settled(state)} == {CancelState.DONE, CancelState.NOT_DONE}


def test_a_cancellation_may_be_asked_for_again_until_its_end() -> None:
    assert cancel_state(told("asked", "unknown", "asked", "refused", "asked", "acknowledged", "done")) is CancelState.DONE
    assert cancel_state(told("asked", "acknowledged", "asked")) is CancelState.ASKED


def test_other_attempts_say_nothing_of_a_cancellation() -> None:
    others = [Attempt(1, what, None, {"state": "done", "status": "cancelled"}, 0.0) for what in What if what is not What.CANCEL]
    assert cancel_state(others) is None
    assert cancel_state([*others, *told("asked"), *others]) is CancelState.ASKED
