"""Deadlines by three clocks: the venue's, the local one and the chain's."""

from math import ceil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderseal.signing import DeadlineRule, Domain, InvalidInput, LocalSigner, Order, RuleViolation, unix_seconds
from orderseal.signing.clock import VenueClock, VenueTime
from orderseal.signing.ledger import Ledger, Scope, SequentialFromVenue
from orderseal.signing.rules import Deadlines, LiveDeadlineRule

HOURS_720 = 30 * 24 * 3600
"""Stove, Create Order: the deadline must be at least now + 720 hours."""
NOW = 1_764_590_400
DATE = "Mon, 01 Dec 2025 12:00:00 GMT"
"""``NOW`` in words."""
DAY = 86400


def venue_clock(local: float = NOW, *, known: bool = True) -> VenueClock:
    """A clock of a venue at 12:00:00: 3 s of bound around the half second, so from -2.5 to +3.5."""
    clock = VenueClock(clock=lambda: local, monotonic=lambda: 1.0)
    if known:
        assert clock.observe(DATE, sent=1.0, received=1.0)
    return clock


def broken(rule: Deadlines, deadline: int, now: float) -> str | None:
    try:
        rule.check(deadline, now)
    except RuleViolation as error:
        return error.rule
    return None


# Units


@pytest.mark.parametrize(
    ("value", "unit", "divisor"),
    [
        (10**11, "milliseconds", 1000),
        (NOW * 1000, "milliseconds", 1000),
        (10**14 - 1, "milliseconds", 1000),
        (10**14, "microseconds", 1000**2),
        (NOW * 10**6, "microseconds", 1000**2),
        (10**17 - 1, "microseconds", 1000**2),
        (10**17, "nanoseconds", 1000**3),
        (NOW * 10**9, "nanoseconds", 1000**3),
        (10**20 - 1, "nanoseconds", 1000**3),
    ],
)
def test_each_unit_is_named(value: int, unit: str, divisor: int) -> None:
    for call in (lambda: unix_seconds(value), lambda: DeadlineRule().check(value, NOW), lambda: DeadlineRule().check_block(NOW, value)):
        with pytest.raises(InvalidInput) as caught:
            call()
        assert caught.value.actual == f"{value}, which looks like {unit}"
        assert caught.value.hint == f"Divide by {divisor}"


@pytest.mark.parametrize("value", [10**20, 2**256 - 1, 10**5000], ids=["least", "word", "huge"])
def test_what_is_beyond_every_unit_is_said_to_be(value: int) -> None:
    with pytest.raises(InvalidInput, match="too great for milliseconds, microseconds and nanoseconds alike") as caught:
        unix_seconds(value)
    assert len(str(caught.value)) < 400


def test_a_local_clock_in_milliseconds_is_told_apart() -> None:
    with pytest.raises(InvalidInput, match=r"now: .*looks like milliseconds"):
        DeadlineRule().check(NOW + 31 * DAY, NOW * 1000.0)
    with pytest.raises(InvalidInput, match=r"now: .*looks like nanoseconds"):
        DeadlineRule().choose(NOW * 10**9)


@pytest.mark.parametrize("now", [10**400, -(10**400), float("nan"), True, "1"], ids=["huge", "far", "nan", "bool", "text"])
def test_a_local_clock_that_is_no_time_is_bad_input(now: Any) -> None:
    for call in (lambda: DeadlineRule().check(NOW, now), lambda: DeadlineRule().choose(now)):
        with pytest.raises(InvalidInput) as caught:
            call()
        assert caught.value.path == "now"


# The venue's clock


@pytest.mark.parametrize(
    ("lead", "rule"),
    [(HOURS_720 + 59, "deadline_too_soon"), (HOURS_720 + 60, None), (0, "deadline_passed"), (1, "deadline_too_soon")],
)
@pytest.mark.parametrize("ahead", [-200, 0, 200])
def test_the_shortest_life_is_judged_by_the_venues_latest_time(lead: int, rule: str | None, ahead: int) -> None:
    """Whatever the local clock says, as long as it does not say that the deadline has passed."""
    venue = VenueTime(NOW - 10, NOW)
    found = None
    try:
        DeadlineRule().check(NOW + lead, NOW - ahead, venue=venue)
    except RuleViolation as error:
        found = error.rule
    assert found == ("deadline_passed" if lead <= -ahead else rule)


def test_the_message_names_the_venues_clock() -> None:
    with pytest.raises(RuleViolation, match=r"by the venue's clock; the venue wants 720 h on arrival, so it must be 2025-12-31T12:01:04Z"):
        DeadlineRule().at(venue_clock()).check(NOW + HOURS_720, NOW)
    with pytest.raises(RuleViolation, match=r"has passed: it is 2025-12-01T12:00:03Z now by the venue's clock"):
        DeadlineRule().at(venue_clock()).check(NOW + 3, NOW - 10)


def test_the_longest_life_is_judged_by_the_local_clock() -> None:
    rule = DeadlineRule()
    for venue in (None, VenueTime(NOW - 250, NOW - 240), VenueTime(NOW + 240, NOW + 250)):
        rule.check(NOW + 365 * DAY, NOW, venue=venue)
        with pytest.raises(RuleViolation) as caught:
            rule.check(NOW + 365 * DAY + 1, NOW, venue=venue)
        assert caught.value.rule == "deadline_too_late"


def test_the_end_of_the_interval_counts() -> None:
    rule = DeadlineRule().at(venue_clock())
    # 12:00:00 and half a second, and 3 s of bound: 12:00:03.5 at the latest.
    assert broken(rule, NOW + HOURS_720 + 60 + 3, NOW) == "deadline_too_soon"
    assert broken(rule, NOW + HOURS_720 + 60 + 4, NOW) is None


def test_what_has_passed_by_either_clock_has_passed() -> None:
    rule = DeadlineRule(min_lead=0, margin=0, reserve=0)
    for venue, late in ((VenueTime(NOW - 20, NOW - 10), NOW), (VenueTime(NOW + 5, NOW + 10), NOW + 10)):
        rule.check(late + 1, NOW, venue=venue)
        with pytest.raises(RuleViolation) as caught:
            rule.check(late, NOW, venue=venue)
        assert caught.value.rule == "deadline_passed"


def test_without_an_observation_the_local_clock_judges() -> None:
    for rule in (DeadlineRule().at(venue_clock(known=False)), DeadlineRule().at(None)):
        assert broken(rule, NOW + HOURS_720 + 59, NOW) == "deadline_too_soon"
        assert broken(rule, NOW + HOURS_720 + 60, NOW) is None
        assert rule.choose(NOW) == NOW + HOURS_720 + 600


def test_clocks_that_differ_too_much_judge_nothing() -> None:
    rule = DeadlineRule().at(venue_clock(local=NOW + 3600))
    with pytest.raises(RuleViolation) as caught:
        rule.check(NOW + 60 * DAY, NOW)
    assert caught.value.rule == "clock_offset"
    with pytest.raises(RuleViolation):
        rule.choose(NOW)


def test_the_clock_is_read_at_each_check() -> None:
    mono = [1.0]
    clock = VenueClock(clock=lambda: NOW + mono[0], monotonic=lambda: mono[0])
    rule = DeadlineRule().at(clock)
    deadline = rule.choose(NOW)
    clock.observe(DATE, sent=1.0, received=1.0)
    rule.check(deadline, NOW)
    mono[0] += 541
    assert broken(rule, deadline, NOW) == "deadline_too_soon"


@pytest.mark.parametrize("ahead", [-250, 0, 250])
def test_the_chosen_deadline_is_good_by_both_clocks(ahead: int) -> None:
    deadline = DeadlineRule().choose(NOW, venue=VenueTime(NOW + ahead - 3, NOW + ahead))
    assert deadline == NOW + max(ahead, 0) + HOURS_720 + 600


def test_a_life_is_counted_from_the_local_clock() -> None:
    venue = VenueTime(NOW + 200, NOW + 250)
    rule = DeadlineRule()
    assert rule.choose(NOW, life=HOURS_720 + 310, venue=venue) == NOW + HOURS_720 + 310
    with pytest.raises(RuleViolation) as caught:
        rule.choose(NOW, life=HOURS_720 + 309, venue=venue)
    assert caught.value.rule == "deadline_too_soon"
    assert DeadlineRule().at(venue_clock()).choose(NOW, life=40 * DAY) == NOW + 40 * DAY


def test_the_longest_life_can_be_chosen_though_the_venue_is_ahead() -> None:
    rule = DeadlineRule(margin=365 * DAY - HOURS_720)
    assert rule.choose(NOW, venue=VenueTime(NOW, NOW + 250)) == NOW + 365 * DAY


# The chain


@pytest.mark.parametrize(
    ("left", "rule"),
    [(-1, "deadline_passed"), (0, "deadline_passed"), (1, "deadline_too_soon"), (59, "deadline_too_soon"), (60, None), (10**9, None)],
)
def test_the_expiry_is_judged_by_block_time(left: int, rule: str | None) -> None:
    live = DeadlineRule(min_lead=0, margin=0, reserve=0, max_life=2 * 10**9).at(None, block_time=lambda: NOW)
    assert broken(live, NOW + left, NOW - 10) == rule
    if rule is None:
        DeadlineRule().check_block(NOW + left, NOW)
    else:
        with pytest.raises(RuleViolation) as caught:
            DeadlineRule().check_block(NOW + left, NOW)
        assert caught.value.rule == rule


def test_what_must_be_left_has_a_name() -> None:
    rule = DeadlineRule(block_reserve=0)
    rule.check_block(NOW + 1, NOW)
    with pytest.raises(RuleViolation, match=r"passed on chain: the latest block is of 2025-12-01T12:00:00Z"):
        rule.check_block(NOW, NOW)
    with pytest.raises(RuleViolation, match="7 s after the latest block; 8 s must be left"):
        DeadlineRule(block_reserve=8).check_block(NOW + 7, NOW)


@pytest.mark.parametrize("value", [-1, 1.0, True, None])
def test_a_block_reserve_is_whole_seconds(value: Any) -> None:
    with pytest.raises(InvalidInput, match="block_reserve"):
        DeadlineRule(block_reserve=value)


@pytest.mark.parametrize("block_time", [float(NOW), None, "1", True, -1, NOW * 1000])
def test_a_block_time_is_whole_seconds(block_time: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        DeadlineRule().check_block(NOW, block_time)
    assert caught.value.path == "block_time"


def test_what_is_no_clock_is_refused_at_once() -> None:
    with pytest.raises(InvalidInput, match="a VenueClock"):
        DeadlineRule().at(lambda: NOW)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="block_time"):
        DeadlineRule().at(None, block_time=NOW)  # type: ignore[arg-type]


def test_a_chosen_deadline_is_also_checked_on_chain() -> None:
    rule = DeadlineRule().at(venue_clock(), block_time=lambda: NOW + 60 * DAY)
    with pytest.raises(RuleViolation, match="on chain"):
        rule.choose(NOW)
    with pytest.raises(RuleViolation, match="on chain"):
        rule.check(NOW + 40 * DAY, NOW)


def test_a_wrong_form_is_named_before_any_clock_is_asked() -> None:
    with pytest.raises(InvalidInput, match="milliseconds"):
        DeadlineRule().at(venue_clock(local=0)).check(NOW * 1000, NOW)


def test_both_rules_are_deadlines() -> None:
    rules: list[Deadlines] = [DeadlineRule(), DeadlineRule().at(venue_clock())]
    assert isinstance(rules[1], LiveDeadlineRule)
    for rule in rules:
        rule.check(rule.choose(NOW), NOW)


@given(st.integers(-300, 300), st.integers(0, 60), st.integers(0, 540), st.floats(0, 0.99))
@settings(deadline=None)
def test_a_chosen_deadline_survives_until_the_margin_is_eaten(ahead: int, width: int, wait: int, part: float) -> None:
    """The venue is sure to get its 720 h although the local clock is wrong: the property of the whole rule."""
    rule = DeadlineRule()
    now = NOW + part
    deadline = rule.choose(now, venue=VenueTime(now + ahead - width, now + ahead))
    later = VenueTime(now + ahead + wait - width, now + ahead + wait)
    rule.check(deadline, now + wait, venue=later)
    assert deadline - later.latest >= HOURS_720 + 60
    assert deadline <= ceil(now + max(ahead, 0)) + HOURS_720 + 600


def test_the_ledger_takes_it_at_the_moment_of_sending(tmp_path: Path, order: Order, domain: Domain, signer: LocalSigner) -> None:
    """Nothing leaves while the clocks disagree; the same bytes go once they agree."""
    local = [float(NOW)]
    clock = VenueClock(clock=lambda: local[0], monotonic=lambda: 1.0)
    clock.observe(DATE, sent=1.0, received=1.0)
    rule = DeadlineRule().at(clock)
    with Ledger(tmp_path / "bot.db", clock=lambda: local[0]) as ledger:
        slot = ledger.reserve(Scope("stove", "test", signer.address), SequentialFromVenue(next_nonce=5))
        slot = ledger.commit(slot, order.replace(nonce=slot.key, deadline=rule.choose(local[0])), domain)
        slot = ledger.sign(slot, signer)
        local[0] += 301
        with pytest.raises(RuleViolation) as caught:
            ledger.begin_sending(slot, rule=rule)
        assert caught.value.rule == "clock_offset"
        local[0] -= 301
        assert ledger.begin_sending(slot, rule=rule).slot.state == "sending"
