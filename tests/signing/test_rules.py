"""The clock and the deadline rule."""

from typing import Any

import pytest

from orderseal.signing import DeadlineRule, InvalidInput, RuleViolation, format_time, system_clock, unix_seconds

HOURS_720 = 30 * 24 * 3600
"""Stove, Create Order: the deadline must be at least now + 720 hours."""
NOW = 1_764_000_000


@pytest.mark.parametrize("value", [0, 1, 1735689600, 10**11 - 1])
def test_seconds_are_seconds(value: int) -> None:
    assert unix_seconds(value) == value


@pytest.mark.parametrize("value", [10**11, 1735689600000, 1764000000000, 10**30])
def test_milliseconds_are_told_apart(value: int) -> None:
    with pytest.raises(InvalidInput, match="Divide by 1000") as caught:
        unix_seconds(value, "deadline")
    assert caught.value.path == "deadline"
    assert "milliseconds" in caught.value.actual


@pytest.mark.parametrize("value", [-1, 1.0, True, False, "1735689600", None, b"1"])
def test_other_times_are_refused(value: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        unix_seconds(value)
    assert caught.value.expected == "Unix time in whole seconds"


def test_times_are_written_in_utc() -> None:
    assert format_time(1735689600) == "2025-01-01T00:00:00Z"
    assert format_time(1735689600.9) == "2025-01-01T00:00:00Z"
    assert format_time(0) == "1970-01-01T00:00:00Z"
    assert format_time(10**15) == "1000000000000000 s"
    assert 1_700_000_000 < system_clock() < 10**11


def rule_of(deadline: int, now: float, rule: DeadlineRule | None = None) -> str | None:
    try:
        (rule or DeadlineRule()).check(deadline, now)
    except RuleViolation as error:
        return error.rule
    return None


@pytest.mark.parametrize(
    ("lead", "broken"),
    [
        (-1, "deadline_passed"),
        (0, "deadline_passed"),
        (1, "deadline_too_soon"),
        (HOURS_720 - 1, "deadline_too_soon"),
        (HOURS_720, "deadline_too_soon"),  # the venue's own sample: too late by the time it arrives
        (HOURS_720 + 59, "deadline_too_soon"),
        (HOURS_720 + 60, None),
        (HOURS_720 + 600, None),
        (365 * 86400, None),
        (365 * 86400 + 1, "deadline_too_late"),
    ],
)
def test_the_boundaries_to_the_second(lead: int, broken: str | None) -> None:
    assert rule_of(NOW + lead, NOW) == broken


def test_a_fraction_of_a_second_counts() -> None:
    assert rule_of(NOW + HOURS_720 + 60, NOW + 0.25) == "deadline_too_soon"
    assert rule_of(NOW + HOURS_720 + 60, NOW - 0.25) is None
    assert rule_of(NOW + 365 * 86400, NOW - 0.25) == "deadline_too_late"


def test_the_message_names_the_numbers_and_the_next_step() -> None:
    with pytest.raises(RuleViolation) as caught:
        DeadlineRule().check(NOW + HOURS_720, NOW)
    text = str(caught.value)
    assert "720.00 h away" in text
    assert "wants 720 h" in text
    assert format_time(NOW + HOURS_720 + 60) in text
    with pytest.raises(RuleViolation, match="has passed: it is 2025-01-01T00:00:01Z now"):
        DeadlineRule().check(1735689600, 1735689601)


def test_the_default_deadline() -> None:
    assert DeadlineRule().choose(NOW) == NOW + HOURS_720 + 600
    assert DeadlineRule().choose(NOW + 0.001) == NOW + 1 + HOURS_720 + 600
    assert DeadlineRule().choose(NOW, life=HOURS_720 + 60) == NOW + HOURS_720 + 60


@pytest.mark.parametrize(
    ("life", "broken"),
    [
        (-5, "deadline_passed"),
        (0, "deadline_passed"),
        (3600, "deadline_too_soon"),
        (HOURS_720, "deadline_too_soon"),
        (366 * 86400, "deadline_too_late"),
    ],
)
def test_a_life_too_short_or_too_long(life: int, broken: str) -> None:
    with pytest.raises(RuleViolation) as caught:
        DeadlineRule().choose(NOW, life=life)
    assert caught.value.rule == broken


@pytest.mark.parametrize("deadline", [NOW * 1000, float(NOW), True, None, "1"])
def test_a_deadline_in_another_form_is_bad_input(deadline: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        DeadlineRule().check(deadline, NOW)
    assert caught.value.path == "deadline"


@pytest.mark.parametrize(
    "values",
    [
        {"min_lead": -1},
        {"margin": 1.5},
        {"reserve": True},
        {"max_life": None},
        {"reserve": 601},
        {"margin": 10, "reserve": 11},
        {"max_life": HOURS_720 + 599},
    ],
)
def test_a_rule_that_contradicts_itself_cannot_exist(values: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="deadline rule"):
        DeadlineRule(**values)


def test_a_rule_without_any_margin_is_possible() -> None:
    rule = DeadlineRule(min_lead=0, margin=0, reserve=0, max_life=0)
    assert rule_of(NOW, NOW, rule) == "deadline_passed"
    assert rule_of(NOW + 1, NOW, rule) == "deadline_too_late"


# What follows was found by attack.


@pytest.mark.parametrize("now", [float("nan"), float("inf"), float("-inf")])
def test_a_broken_clock_never_lets_a_deadline_pass(now: float) -> None:
    """Every comparison with NaN is false, so every deadline was good."""
    for deadline in (1, NOW + HOURS_720 + 600, 10**11 - 1):
        with pytest.raises((InvalidInput, RuleViolation)):
            DeadlineRule().check(deadline, now)
    with pytest.raises((InvalidInput, RuleViolation)):
        DeadlineRule().choose(now)


@pytest.mark.parametrize("fraction", [0.0, 0.5])
def test_the_longest_life_can_be_chosen_at_any_moment(fraction: float) -> None:
    """``choose`` rounds now up and then found its own deadline too late."""
    day = 86400
    assert DeadlineRule().choose(NOW + fraction, life=365 * day) <= NOW + 1 + 365 * day
    rule = DeadlineRule(margin=365 * day - HOURS_720)
    assert rule.choose(NOW + fraction) <= NOW + 1 + 365 * day


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), float("-inf")])
def test_a_time_that_is_no_number_is_written_all_the_same(seconds: float) -> None:
    assert isinstance(format_time(seconds), str)
