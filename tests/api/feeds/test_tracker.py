"""The tracker against a simulated truthful venue: every interleaving of pushes, lost connections and queries."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.api.feeds.helpers import placed

from orderseal.api.stove.feeds import OrderChange
from orderseal.api.stove.feeds.tracker import OrderTracker

ENDED = {"filled", "cancelled", "expired", "rejected"}
STATUSES = ["pending", "locked", "partially_filled", "filled", "half_baked"]
NAMES = ["0xAA", "0xbb"]


def push(name: str, before: str | None, after: str) -> OrderChange:
    return OrderChange(order_hash=name, from_status=before, to_status=after)


@dataclass
class Told:
    """What was told, and how far the venue's history of the order had gone then."""

    status: str
    event: int | None
    known: int


@dataclass
class Venue:
    """Keeps the history of each order; pushes what happens on a connection, in order per order and as late as it likes."""

    names_before: bool = True
    tracker: OrderTracker = field(default_factory=OrderTracker)
    history: dict[str, list[str]] = field(default_factory=dict)
    flying: dict[str, deque[int]] = field(default_factory=dict)
    answers: dict[str, str] | None = None
    up: bool = False
    told: dict[str, list[Told]] = field(default_factory=dict)

    def happen(self, name: str, status: str) -> None:
        events = self.history.setdefault(name, [])
        if not events:
            status = "pending"
        elif events[-1] in ENDED:
            return
        events.append(status)
        if self.up:
            self.flying.setdefault(name, deque()).append(len(events) - 1)

    def connect(self) -> None:
        if not self.up:
            self.up = True
            self.tracker.connected()
            self.ask()

    def drop(self) -> None:
        self.up, self.answers = False, None
        self.flying.clear()

    def watch(self, name: str) -> None:
        """The reply to the creation comes, however late: the order as it was then."""
        if name in self.history and name not in self.told:
            self.tracker.watch(placed(name, self.history[name][0]))
            self.tell(name, self.history[name][0], 0)

    def ask(self) -> None:
        if self.up and self.answers is None:
            self.tracker.query_begins()
            self.answers = {}

    def read(self, name: str) -> None:
        """The venue looks an order up for the query that runs."""
        if self.answers is not None and name in self.history:
            self.answers[name] = self.history[name][-1]

    def answer(self) -> None:
        if self.answers is None:
            return
        open_ones = {name for name, events in self.history.items() if events[-1] not in ENDED}
        for name in open_ones | set(self.tracker.live):
            if name not in self.answers:
                self.read(name)
        changes = self.tracker.queried([placed(name, status) for name, status in self.answers.items()])
        self.answers = None
        for change in changes:
            assert not change.pushed
            self.tell(change.order_hash, change.to_status, None)

    def deliver(self, name: str) -> None:
        if not self.flying.get(name):
            return
        event = self.flying[name].popleft()
        events = self.history[name]
        before = events[event - 1] if event and self.names_before else None
        if self.tracker.pushed(push(name, before, events[event])):
            self.tell(name, events[event], event)

    def tell(self, name: str, status: str, event: int | None) -> None:
        self.told.setdefault(name, []).append(Told(status, event, len(self.history[name])))

    def come_to_rest(self) -> None:
        """All that flies arrives, and a query that runs is answered."""
        self.connect()
        for _ in range(4):
            for name in list(self.flying):
                while self.flying[name]:
                    self.deliver(name)
            self.answer()
            if self.tracker.lags:
                self.ask()

    def check(self) -> None:
        """What was told of an order are different events of its history, in their order, and the last of them is its status."""
        for name, told in self.told.items():
            events, at = self.history[name], -1
            for item in told:
                later = [item.event] if item.event is not None else [i for i in range(at + 1, item.known) if events[i] == item.status]
                assert later, (name, events, told, "told a status that the venue did not have again")
                assert later[0] > at, (name, events, told, "told twice, or out of order")
                assert events[later[0]] == item.status
                at = later[0]
            assert told[-1].status == events[-1], (name, events, told)
        for name, events in self.history.items():
            assert name in self.told or events[-1] in ENDED, f"{name} is open, and was never told"


OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("happen"), st.sampled_from(NAMES), st.sampled_from(STATUSES)),
        st.tuples(st.sampled_from(["deliver", "read", "watch"]), st.sampled_from(NAMES)),
        st.tuples(st.sampled_from(["connect", "drop", "ask", "answer"])),
    ),
    max_size=40,
)
LATE = [
    ("happen", "0xAA", "pending"), ("connect",), ("answer",), ("happen", "0xAA", "locked"), ("happen", "0xAA", "pending"),
    ("ask",), ("answer",), ("deliver", "0xAA"), ("happen", "0xAA", "locked"),
]  # fmt: skip
"""A query that is ahead of two pushes, and a repeat."""
TWICE_AHEAD = [
    ("happen", "0xAA", "pending"), ("connect",), ("answer",), ("happen", "0xAA", "locked"), ("ask",), ("answer",),
    ("happen", "0xAA", "pending"), ("ask",), ("answer",), ("deliver", "0xAA"), ("deliver", "0xAA"), ("happen", "0xAA", "locked"),
]  # fmt: skip
"""Two queries that are ahead: the pushes that catch up with them tell nothing new."""

AFTER_A_GAP = [
    ("happen", "0xAA", "pending"), ("connect",), ("answer",), ("happen", "0xAA", "locked"), ("ask",), ("answer",), ("drop",),
    ("happen", "0xAA", "pending"), ("connect",), ("answer",), ("happen", "0xAA", "locked"), ("deliver", "0xAA"),
]  # fmt: skip
"""What the pushes of one connection owed is nothing that those of the next will bring."""


LATE_REPLY = [
    ("happen", "0xAA", "pending"), ("happen", "0xAA", "locked"), ("connect",), ("read", "0xAA"), ("watch", "0xAA"),
    ("happen", "0xAA", "filled"), ("deliver", "0xAA"), ("answer",),
]  # fmt: skip
"""The reply to the creation comes between a gap and the query's answer: the pushes do not begin where it stood."""

UNLOCKED = [
    ("happen", "0xAA", "pending"), ("happen", "0xAA", "locked"), ("connect",), ("read", "0xAA"), ("watch", "0xAA"),
    ("happen", "0xAA", "pending"), ("happen", "0xAA", "cancelled"), ("deliver", "0xAA"), ("deliver", "0xAA"), ("answer",),
]  # fmt: skip
"""The same, and the pushes come back to where the reply stood."""

ENDED_BEFORE = [("happen", "0xAA", "pending"), ("happen", "0xAA", "filled"), ("connect",), ("answer",), ("watch", "0xAA")]
"""The order has ended, and its end was in a gap, when the reply to its creation comes."""


def play(venue: Venue, operations: list[tuple[str, ...]]) -> None:
    for operation, *arguments in operations:
        getattr(venue, operation)(*arguments)
    venue.come_to_rest()


@settings(deadline=None, max_examples=600)
@given(OPERATIONS)
@example(LATE)
@example(TWICE_AHEAD)
@example(AFTER_A_GAP)
@example(LATE_REPLY)
@example(UNLOCKED)
@example(ENDED_BEFORE)
def test_what_is_told_is_the_venues_history(operations: list[tuple[str, ...]]) -> None:
    venue = Venue()
    play(venue, operations)
    venue.check()


@settings(deadline=None, max_examples=300)
@given(OPERATIONS)
def test_a_venue_that_never_names_the_status_before(operations: list[tuple[str, ...]]) -> None:
    venue = Venue(names_before=False)
    play(venue, operations)
    for name, told in venue.told.items():
        assert told[-1].status == venue.history[name][-1], (venue.history[name], told)


@settings(deadline=None, max_examples=300)
@given(OPERATIONS, st.lists(st.integers(0, 12), max_size=4))
def test_pushes_that_the_venue_leaves_out_are_made_up_for_by_a_query(operations: list[tuple[str, ...]], lost: list[int]) -> None:
    """A venue that is not truthful: it loses pushes on a connection that stands. The next connection makes up for it."""
    venue = Venue()
    for number, (operation, *arguments) in enumerate(operations):
        getattr(venue, operation)(*arguments)
        if number in lost:
            for flying in venue.flying.values():
                if flying:
                    flying.popleft()
    venue.come_to_rest()
    venue.drop()
    venue.come_to_rest()
    for name, told in venue.told.items():
        assert told[-1].status == venue.history[name][-1], (venue.history[name], told)


def test_repeats_are_told() -> None:
    tracker = OrderTracker()
    tracker.connected()
    steps = ["pending", "locked", "pending", "locked", "partially_filled", "partially_filled", "filled"]
    assert all(tracker.pushed(push("0x1", before, after)) for before, after in zip([None, *steps], steps, strict=False))


def test_a_push_that_says_what_the_query_said_is_not_told_again() -> None:
    tracker = OrderTracker()
    tracker.connected()
    tracker.query_begins()
    assert [(c.from_status, c.to_status, c.pushed) for c in tracker.queried([placed("0x1", "locked")])] == [(None, "locked", False)]
    assert not tracker.pushed(push("0x1", "pending", "locked"))
    assert tracker.pushed(push("0x1", "locked", "pending"))
    assert tracker.pushed(push("0x1", "pending", "locked"))


@pytest.mark.parametrize("answer", ["pending", "locked", "partially_filled"])
def test_a_query_that_the_pushes_are_ahead_of_tells_nothing(answer: str) -> None:
    tracker = OrderTracker()
    tracker.connected()
    tracker.query_begins()
    assert tracker.pushed(push("0x1", "pending", "locked"))
    assert tracker.pushed(push("0x1", "locked", "partially_filled"))
    assert tracker.queried([placed("0x1", answer)]) == []
    tracker.query_begins()
    assert [c.to_status for c in tracker.queried([placed("0x1", "filled")])] == ["filled"]


def test_the_case_of_a_hash_does_not_matter_and_its_spelling_is_kept() -> None:
    tracker = OrderTracker()
    tracker.connected()
    assert tracker.pushed(push("0xAb", None, "pending"))
    tracker.query_begins()
    assert tracker.queried([placed("0xaB", "pending")]) == []
    assert tracker.live == {"0xAb"}


def test_a_query_brings_no_order_back_from_its_end() -> None:
    """A machine of the venue that lags: it is asked again, and nothing is told."""
    tracker = OrderTracker()
    tracker.connected()
    assert tracker.pushed(push("0x1", "locked", "filled"))
    tracker.connected()
    tracker.query_begins()
    assert tracker.queried([placed("0x1", "locked")]) == []
    assert tracker.lags
    tracker.query_begins()
    assert tracker.queried([placed("0x1", "filled")]) == []
    assert not tracker.lags


def test_a_venue_that_insists_is_believed() -> None:
    """Else it would be asked every other second for ever, and nobody would hear of it."""
    tracker = OrderTracker()
    tracker.connected()
    assert tracker.pushed(push("0x1", "locked", "filled"))
    told: list[str] = []
    for _ in range(3):
        tracker.query_begins()
        told += [change.to_status for change in tracker.queried([placed("0x1", "locked")])]
    assert told == ["locked"]
    assert not tracker.lags
    assert tracker.live == {"0x1"}


def test_live_are_the_orders_that_have_not_ended() -> None:
    tracker = OrderTracker()
    tracker.connected()
    for number, status in enumerate(["pending", "locked", "partially_filled", "suspended", "odd", *sorted(ENDED)]):
        tracker.pushed(push(f"0x{number}", None, status))
    assert tracker.live == {"0x0", "0x1", "0x2", "0x3", "0x4"}


def test_an_order_that_is_watched_is_live_and_is_told_only_what_becomes_of_it() -> None:
    tracker = OrderTracker()
    tracker.watch(placed("0x1", "pending"))
    assert tracker.live == {"0x1"}
    tracker.connected()
    tracker.query_begins()
    tracker.watch(placed("0x2", "pending"))
    assert not tracker.pushed(push("0x2", None, "pending"))
    tracker.watch(placed("0x1", "locked"))
    assert [c.to_status for c in tracker.queried([placed("0x1", "filled"), placed("0x2", "pending")])] == ["filled"]


def test_what_a_query_leaves_out_is_counted() -> None:
    tracker = OrderTracker()
    tracker.watch(placed("0x1", "pending"))
    tracker.connected()
    tracker.query_begins()
    tracker.pushed(push("0x2", None, "pending"))
    assert tracker.queried([]) == []
    assert tracker.missing == 1
    assert tracker.live == {"0x1", "0x2"}


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orderseal.api.stove.feeds.tracker._MOST_LIVE", 10)
    monkeypatch.setattr("orderseal.api.stove.feeds.tracker._MOST_ENDED", 5)
    tracker = OrderTracker()
    tracker.connected()
    for number in range(100):
        tracker.pushed(push(f"0x{number}", None, "pending"))
        tracker.pushed(push(f"0xf{number}", None, "filled"))
    assert len(tracker.live) == 10
    assert tracker.forgotten == 90
    assert len(tracker._ended) == 5
