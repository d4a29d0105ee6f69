"""The state machine: every pair of state and event, against a table written out by hand from the design."""

import itertools
import re

import pytest

from orderseal.signing.ledger import ADVICE, OPEN, Event, LedgerError, State, step
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
    signed     send       sending
    signed     abandon    abandoned
    signed     find       accepted
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
    (text,) = [statement for statement in MIGRATIONS[0] if "slots_take_legal_steps" in statement]
    pairs = {(State(a), State(b)) for a, b in re.findall(r"'(\w+)>(\w+)'", text)}
    # Signing and sending may be one commit.
    assert pairs == TRANSITIONS | {(State.COMMITTED, State.SENDING)}


def test_every_state_has_advice() -> None:
    assert set(ADVICE) == set(State)
    assert {State.SENDING, State.UNKNOWN} <= OPEN
