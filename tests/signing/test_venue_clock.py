"""The venue's clock, in a world whose true times the tests know. No expected value comes from the code under test."""

import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from math import floor
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orderseal.signing import InvalidInput, RuleViolation
from orderseal.signing.clock import VenueClock, VenueTime

NOON = 1_764_590_400
"""2025-12-01T12:00:00Z, a Monday."""


def http_date(seconds: float) -> str:
    return format_datetime(datetime.fromtimestamp(floor(seconds), UTC), usegmt=True)


@dataclass
class World:
    """True times, in seconds; ``rate`` is how much faster the venue's clock runs than the monotonic one."""

    mono: float = 5000.0
    local: float = NOON
    venue: float = NOON
    rate: float = 0.0

    def __post_init__(self) -> None:
        self.clock = VenueClock(clock=lambda: self.local, monotonic=lambda: self.mono)

    def wait(self, seconds: float) -> None:
        self.mono += seconds
        self.local += seconds
        self.venue += seconds * (1 + self.rate)

    def sleep(self, seconds: float) -> None:
        """The machine sleeps: its monotonic clock stands still."""
        self.local += seconds
        self.venue += seconds * (1 + self.rate)

    def ask(self, there: float = 0.0, back: float = 0.0, *, stale: float = 0.0, wrong: float = 0.0, age: bool | str | None = None) -> bool:
        """One request. The venue writes ``Date`` ``there`` seconds after it was sent, from a reading ``stale`` seconds old."""
        sent = self.mono
        self.wait(there)
        date = http_date(self.venue - stale + wrong)
        self.wait(back)
        return self.clock.observe(date, age=age, sent=sent, received=self.mono)

    def now(self) -> VenueTime:
        time = self.clock.now()
        assert time is not None
        return time

    def broken(self) -> str | None:
        try:
            self.clock.now()
        except RuleViolation as error:
            assert error.rule == "clock_offset"  # noqa: PT017
            return str(error)
        return None


def width(time: VenueTime) -> float:
    return time.latest - time.earliest


def test_nothing_is_known_before_the_first_date() -> None:
    world = World(venue=NOON + 5000)
    assert world.clock.now() is None
    assert world.clock.offset() is None


@pytest.mark.parametrize(("there", "back"), [(0, 0), (2, 0), (0, 2), (0.5, 1.5)])
def test_the_bound_is_the_round_trip_and_three_seconds(there: float, back: float) -> None:
    world = World(venue=NOON + 60)
    assert world.ask(there, back)
    time = world.now()
    assert width(time) / 2 == pytest.approx(there + back + 3, abs=0.01)
    assert time.earliest <= world.venue <= time.latest
    # Around the middle of the second that Date names, in the middle of the round trip.
    assert (time.earliest + time.latest) / 2 == pytest.approx(NOON + 60 + floor(there) + 0.5 + (there + back) / 2, rel=0, abs=1e-3)


def test_the_offset_is_told() -> None:
    world = World(venue=NOON + 60)
    world.ask()
    assert world.clock.offset() == pytest.approx(60.5)
    world.local += 1000
    assert world.clock.offset() == pytest.approx(-939.5)


# The dates


@pytest.mark.parametrize(
    ("date", "seconds"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", None),  # RFC 9110's own example, but no venue's clock stands there
        ("Sat, 01 Jan 2000 00:00:00 GMT", 946_684_800),
        ("Fri, 31 Dec 1999 23:59:59 GMT", None),
        ("Tue, 29 Feb 2028 12:34:56 GMT", 1_835_440_496),
        ("Mon, 31 Dec 2199 23:59:59 GMT", None),  # it is a Tuesday
        ("Tue, 31 Dec 2199 23:59:59 GMT", 7_258_118_399),
        ("Wed, 01 Jan 2200 00:00:00 GMT", None),
        ("Sat, 31 Dec 2016 23:59:60 GMT", 1_483_228_800),  # the last leap second
        ("Sat, 31 Dec 2016 23:58:60 GMT", None),
        ("Sat, 31 Dec 2016 12:59:60 GMT", None),
    ],
)
def test_an_imf_fixdate_is_read_strictly(date: str, seconds: int | None) -> None:
    clock = VenueClock(clock=lambda: float(seconds or 0), monotonic=lambda: 7.0)
    assert clock.observe(date, sent=7.0, received=7.0) == (seconds is not None)
    time = clock.now()
    assert (time is None) == (seconds is None)
    if time is not None:
        assert (time.earliest + time.latest) / 2 == seconds + 0.5  # type: ignore[operator]


HOSTILE = [
    "",
    "GMT",
    "Monday, 01-Dec-25 12:00:00 GMT",  # the two obsolete forms
    "Mon Dec  1 12:00:00 2025",
    "mon, 01 dec 2025 12:00:00 gmt",
    "Mon, 01 Dec 2025 12:00:00 UTC",
    "Mon, 01 Dec 2025 12:00:00 CET",
    "Mon, 01 Dec 2025 12:00:00 +0000",
    "Mon, 01 Dec 2025 12:00:00",
    "Mon, 1 Dec 2025 12:00:00 GMT",
    " Mon, 01 Dec 2025 12:00:00 GMT",
    "Mon, 01 Dec 2025 12:00:00 GMT\n",
    "Mon, 01 Dec 2025 12:00:0\N{ARABIC-INDIC DIGIT ONE} GMT",
    "Tue, 01 Dec 2025 12:00:00 GMT",  # it is a Monday
    "Xyz, 01 Dec 2025 12:00:00 GMT",
    "Mon, 01 Dez 2025 12:00:00 GMT",
    "Mon, 00 Dec 2025 12:00:00 GMT",
    "Sun, 30 Feb 2025 12:00:00 GMT",
    "Mon, 01 Dec 2025 24:00:00 GMT",
    "Mon, 01 Dec 2025 12:60:00 GMT",
    "Mon, 01 Dec 2025 12:00:61 GMT",
    "Mon, 01 Jan 0001 00:00:00 GMT",
    "Sat, 01 Jan 0000 00:00:00 GMT",
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "Fri, 31 Dec 9999 23:59:60 GMT",
    "Thu, 01 Jan 1970 00:00:00 GMT",
    "Mon, 01 Dec 2025 12:00:00 GMT, Mon, 01 Dec 2025 12:00:00 GMT",
    "2025-12-01T12:00:00Z",
    "1764590400",
    "Mon, 01 Dec 2025 12:00:00 GMT" * 1000,
    "9" * 100_000,
    "\0" * 29,
    "\ud800" * 29,
]


@pytest.mark.parametrize("date", HOSTILE, ids=lambda date: ascii(date)[:40])
def test_hostile_dates_are_ignored(date: str) -> None:
    world = World()
    assert not world.clock.observe(date, sent=1, received=2)
    assert world.clock.now() is None
    world.ask()
    before = world.now()
    assert not world.clock.observe(date, sent=1, received=2)
    assert world.now() == before


@given(st.text(max_size=40) | st.from_regex(r"\A[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT\Z"))
@settings(deadline=None)
def test_any_text_is_read_or_ignored(date: str) -> None:
    World().clock.observe(date, sent=1, received=2)


@given(st.integers(0, 200 * 365 * 86400))
@settings(deadline=None)
def test_dates_agree_with_the_standard_library(later: int) -> None:
    whole = datetime(2000, 1, 1, tzinfo=UTC) + timedelta(seconds=later)
    seconds = (whole - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    clock = VenueClock(clock=lambda: float(seconds), monotonic=lambda: 0.0)
    assert clock.observe(format_datetime(whole, usegmt=True), sent=0, received=0)
    assert clock.offset() == 0.5


@pytest.mark.parametrize("age", ["", "0", "17", "garbage", True])
def test_a_reply_from_a_cache_is_ignored(age: bool | str) -> None:
    world = World()
    assert not world.ask(age=age)
    assert world.clock.now() is None
    assert world.ask(age=False)


def test_a_reply_without_a_date_is_ignored() -> None:
    world = World()
    assert not world.clock.observe(None, sent=1, received=2)
    assert world.clock.now() is None


@pytest.mark.parametrize("date", [b"Mon, 01 Dec 2025 12:00:00 GMT", NOON, datetime(2025, 12, 1, tzinfo=UTC)])
def test_a_date_that_is_no_text_is_a_mistake_of_ours(date: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        World().clock.observe(date, sent=1, received=2)
    assert caught.value.path == "date"


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("sent", "received", "path"),
    [
        (NAN, 2, "sent"),
        (INF, 2, "sent"),
        (True, 2, "sent"),
        ("1", 2, "sent"),
        (10**400, 2, "sent"),
        (1, NAN, "received"),
        (1, INF, "received"),
        (1, None, "received"),
        (3, 2, "received"),
        (4999, 5000.001, "received"),
        (NOON, NOON + 1, "received"),  # Unix time is no monotonic reading
    ],
)
def test_readings_of_another_clock_are_refused(sent: Any, received: Any, path: str) -> None:
    world = World()
    with pytest.raises(InvalidInput) as caught:
        world.clock.observe(http_date(NOON), sent=sent, received=received)
    assert caught.value.path == path
    assert world.clock.now() is None


def test_readings_may_be_equal_and_as_late_as_now() -> None:
    assert World().clock.observe(http_date(NOON), sent=5000, received=5000)


@pytest.mark.parametrize("broken", [NAN, INF, -INF])
def test_a_clock_that_is_out_of_order_is_refused(broken: float) -> None:
    for clock in (VenueClock(clock=lambda: broken, monotonic=lambda: 1.0), VenueClock(clock=lambda: 1.0, monotonic=lambda: broken)):
        with pytest.raises(InvalidInput, match="clock"):
            clock.now()
        with pytest.raises(InvalidInput, match="clock"):
            clock.observe(http_date(NOON), sent=0, received=0)


@pytest.mark.parametrize("ends", [(NAN, 1.0), (1.0, NAN), (-INF, 1.0), (1.0, INF), (2.0, 1.0)])
def test_a_time_that_is_none_cannot_exist(ends: tuple[float, float]) -> None:
    with pytest.raises(InvalidInput):
        VenueTime(*ends)
    assert VenueTime(1.0, 1.0).latest == 1.0


# Which observation is kept


def test_the_narrowest_is_kept_until_it_has_aged() -> None:
    world = World(rate=0.0)
    world.ask(0.5, 0.5)
    assert width(world.now()) / 2 == pytest.approx(4, abs=0.01)
    world.ask(2, 2)  # wider
    assert width(world.now()) / 2 == pytest.approx(4, abs=0.02)
    world.ask(0.1, 0.1)  # narrower
    assert width(world.now()) / 2 == pytest.approx(3.2, abs=0.01)
    world.wait(1000)
    assert width(world.now()) / 2 == pytest.approx(3.2 + 1, abs=0.01)  # 1 ms a second
    world.ask(0.3, 0.3)
    assert width(world.now()) / 2 == pytest.approx(3.6, abs=0.01)


# The offset of five minutes


@pytest.mark.parametrize(
    ("offset", "bad"),
    [(299.5, False), (300.0, True), (299.0, False), (-300.5, False), (-301.5, True), (3600, True), (-3600, True), (10**8, True)],
)
def test_an_offset_over_five_minutes_is_an_error(offset: float, bad: bool) -> None:
    """``Date`` has whole seconds: an offset of 300.0 is seen as 300.5, in the middle of its second."""
    world = World(local=NOON - offset)
    world.venue = NOON
    world.ask()
    assert (world.broken() is not None) == bad


def test_exactly_five_minutes_are_allowed() -> None:
    for offset in (300, -300):
        world = World(local=NOON + 0.5 - offset)
        world.ask()
        assert world.clock.offset() == offset
        assert world.broken() is None


def test_the_error_says_both_times_and_what_to_do() -> None:
    world = World(local=NOON + 3600)
    world.ask()
    text = world.broken()
    assert text is not None
    for part in ("2025-12-01T12:00:00Z", "2025-12-01T13:00:00Z", "3600 s apart", "300", "Set the local clock"):
        assert part in text


def test_it_clears_when_the_local_clock_is_set_right() -> None:
    """Setting it back is seen at once. Setting it forward looks like a sleep of the machine: one observation tells them apart."""
    world = World(local=NOON + 3600)
    world.ask()
    assert world.broken()
    world.local -= 3600
    assert world.broken() is None
    late = World(local=NOON - 3600)
    late.ask()
    assert late.broken()
    late.local += 3600
    text = late.broken()
    assert text is not None
    assert "machine slept" in text
    late.ask()
    assert late.broken() is None
    assert width(late.now()) == pytest.approx(6, abs=0.01)


def test_it_clears_when_two_later_dates_agree_that_the_first_was_wrong() -> None:
    world = World()
    world.ask(wrong=3600)
    assert world.broken()
    world.wait(1)
    world.ask()
    assert world.broken()
    world.wait(1)
    world.ask()
    assert world.broken() is None
    assert world.now().earliest <= world.venue <= world.now().latest
    assert width(world.now()) < 8


@pytest.mark.parametrize("wrong", [3600, -3600, 10**8])
def test_one_wild_date_stops_us_until_the_next_agrees(wrong: float) -> None:
    world = World()
    world.ask()
    world.wait(1)
    world.ask(wrong=wrong)
    assert world.broken()
    world.wait(1)
    world.ask()
    assert world.broken() is None
    assert width(world.now()) < 8


def test_two_wild_dates_that_disagree_confirm_nothing() -> None:
    world = World()
    world.ask()
    world.ask(wrong=3600)
    world.ask(wrong=7200)
    world.ask()
    assert world.broken() is None
    world.ask(wrong=3600)
    world.ask()
    world.ask(wrong=3600)  # not in a row
    world.ask()
    assert world.broken() is None


@pytest.mark.parametrize("wrong", [60, -60])
def test_a_small_contradiction_widens_the_interval_until_it_is_settled(wrong: int) -> None:
    world = World()
    world.ask()
    world.ask(wrong=wrong)
    time = world.now()
    assert width(time) == pytest.approx(66, abs=0.01)
    assert time.earliest <= min(world.venue, world.venue + wrong)
    assert time.latest >= max(world.venue, world.venue + wrong)
    world.ask(wrong=wrong)  # the venue set its clock
    time = world.now()
    assert width(time) == pytest.approx(6, abs=0.01)
    assert time.earliest <= world.venue + wrong <= time.latest


def test_a_confirmed_contradiction_leaves_no_doubt() -> None:
    world = World()
    world.ask()
    world.ask(10, 10, wrong=100)
    world.ask(wrong=100)
    assert width(world.now()) == pytest.approx(6, abs=0.01)


# Steps of the local clock


@pytest.mark.parametrize("step", [-250, -1])
def test_setting_the_local_clock_back_does_not_move_the_venues_time(step: float) -> None:
    world = World()
    world.ask()
    before = world.now()
    world.local += step
    assert world.now() == before
    world.wait(10)
    assert world.now().earliest <= world.venue <= world.now().latest
    assert width(world.now()) == pytest.approx(6, abs=0.1)


def test_a_local_clock_that_went_forward_widens_the_interval_until_the_next_date() -> None:
    """It was set, or the machine slept: both are covered."""
    stepped, slept = World(), World()
    for world in (stepped, slept):
        world.ask()
    stepped.local += 120
    slept.sleep(120)
    for world in (stepped, slept):
        assert world.now().earliest <= world.venue <= world.now().latest
        assert width(world.now()) == pytest.approx(126)
        world.ask()
        assert world.now().earliest <= world.venue <= world.now().latest
        assert width(world.now()) == pytest.approx(6, abs=0.01)


@pytest.mark.parametrize(("step", "bad"), [(300, False), (300.25, True)])
def test_a_great_step_forward_wants_a_new_date(step: float, bad: bool) -> None:
    world = World(venue=NOON + 100)
    world.ask()
    world.local += step
    assert (world.broken() is not None) == bad
    world.ask()
    assert world.broken() is None


DELAY = st.floats(0, 40)
PLAIN = st.one_of(
    st.tuples(st.just("wait"), st.floats(0, 4000)),
    st.tuples(st.just("ask"), DELAY, DELAY, st.floats(0, 1)),
    st.tuples(st.just("ask"), st.floats(0, 0.2), st.floats(0, 0.2), st.floats(0, 1)),
)
STEPS = st.tuples(st.just("step"), st.floats(-400, 400))
SLEEPS = st.tuples(st.just("sleep"), st.floats(0, 400)) | st.tuples(st.just("step"), st.floats(0, 400))


@given(
    st.lists(PLAIN | STEPS, max_size=12) | st.lists(PLAIN | SLEEPS, max_size=12),
    st.floats(-299, 299),
    st.floats(-0.0009, 0.0009),
    st.floats(0, 1),
)
@example([("ask", 40.0, 0.0, 1.0)], 0.0, 0.0009, 0.99)
@example([("ask", 0.0, 40.0, 1.0)], 0.0, -0.0009, 0.99)
@example([("ask", 0.0, 0.0, 0.0), ("wait", 4000.0), ("wait", 4000.0)], 0.0, 0.0009, 0.0)
@example([("ask", 0.0, 0.0, 0.0), ("sleep", 200.0)], 0.0, 0.0, 0.0)
@example([("ask", 0.0, 0.0, 0.0), ("step", -200.0)], 0.0, 0.0, 0.0)
@settings(deadline=None, max_examples=300)
def test_the_interval_holds_the_venues_true_time(events: list[Any], offset: float, rate: float, fraction: float) -> None:
    """Under any delay there and back, a Date up to a second stale, a drift of both clocks, sleeps, and steps of the local clock."""
    world = World(local=NOON + fraction - offset, venue=NOON + fraction, rate=rate)
    for event, *numbers in events:
        if event == "ask":
            assert world.ask(numbers[0], numbers[1], stale=numbers[2])
        elif event == "step":
            world.local += numbers[0]
        else:
            getattr(world, event)(*numbers)
        if world.broken() is None and (time := world.clock.now()) is not None:
            assert time.earliest - 1e-3 <= world.venue <= time.latest + 1e-3
            assert abs(world.venue - world.local) <= 300 + 300 + 44 + 40  # a far local clock is never let through


def test_threads_may_share_one() -> None:
    clock = VenueClock(clock=lambda: float(NOON), monotonic=lambda: 5000.0)
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(300):
                assert clock.observe(http_date(NOON), sent=4999 - (turn + number) % 5, received=5000)
                time = clock.now()
                assert time is not None
                assert time.earliest <= NOON <= time.latest
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    time = clock.now()
    assert time is not None
    assert width(time) / 2 == pytest.approx(4, abs=0.01)


def test_the_real_clocks_are_the_default() -> None:
    assert VenueClock().now() is None
