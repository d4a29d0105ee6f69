"""The interleaver: its statistics over a clock of our own, and what it asks of the contestants. No test looks at a real speed."""

import gc
import random
from collections.abc import Callable

from orderseal.benchmarks.rounds import Goal, Pace, compare, interleave, timed


class Machine:
    """A machine whose clock is a counter, and whose speed changes from one round to the next."""

    def __init__(self, costs: dict[str, int], slowness: Callable[[int], int]) -> None:
        self.costs, self.slowness = costs, slowness
        self.calls: list[str] = []

    def batch(self, name: str) -> Callable[[int], int]:
        def run(count: int) -> int:
            assert count >= 1
            round_number = self.calls.count(name)
            self.calls.append(name)
            return self.costs[name] * count * self.slowness(round_number)

        return run


def test_a_drifting_machine_does_not_move_the_ratios() -> None:
    wild = random.Random(1)
    drift = [wild.randrange(1, 50) for _ in range(1000)]
    machine = Machine({"reference": 2_000, "same": 2_000, "slow": 6_000}, lambda number: drift[number])
    # Warm-up takes the same number of batches for all where a batch of one call is long enough.
    rounds = interleave({name: machine.batch(name) for name in machine.costs}, Pace(rounds=101, batch_ns=1000, processes=1))
    assert [len(times) for times in rounds.values()] == [101, 101, 101]
    slow = compare(rounds["slow"], rounds["reference"])
    assert (slow.median, slow.low, slow.high, slow.of_fastest) == (3.0, 3.0, 3.0, 3.0)
    assert compare(rounds["same"], rounds["reference"]).median == 1.0


def test_every_round_has_every_contestant_once_in_an_order_that_changes() -> None:
    machine = Machine({"a": 9_000, "b": 9_000, "c": 9_000}, lambda _: 1)
    interleave({name: machine.batch(name) for name in machine.costs}, Pace(rounds=40, batch_ns=1000, processes=1))
    played = machine.calls[-120:]
    orders = [tuple(played[i : i + 3]) for i in range(0, 120, 3)]
    assert all(sorted(order) == ["a", "b", "c"] for order in orders)
    assert len(set(orders)) == 6


def test_batches_are_sized_to_the_wanted_time() -> None:
    counts: dict[str, list[int]] = {"quick": [], "slow": [], "no_time_at_all": []}
    costs = {"quick": 100, "slow": 5_000_000, "no_time_at_all": 0}

    def batch(name: str) -> Callable[[int], int]:
        def run(count: int) -> int:
            counts[name].append(count)
            return costs[name] * count

        return run

    interleave({name: batch(name) for name in counts}, Pace(rounds=5, batch_ns=1_000_000, processes=1))
    assert counts["quick"][-5:] == [10_000] * 5
    assert counts["slow"][-5:] == [1] * 5
    assert counts["no_time_at_all"][-5:] == [20_000] * 5


def test_ratios_are_taken_round_by_round() -> None:
    ratio = compare([10.0, 40.0, 90.0, 160.0, 250.0], [10.0, 20.0, 30.0, 40.0, 50.0])
    assert (ratio.low, ratio.median, ratio.high) == (2.0, 3.0, 4.0)
    assert ratio.of_fastest == 1.0
    one = compare([30.0], [10.0])
    assert (one.low, one.median, one.high, one.of_fastest) == (3.0, 3.0, 3.0, 3.0)


def test_the_clock_runs_during_the_calls_only() -> None:
    now = 0

    def prepare(count: int) -> list[int]:
        nonlocal now
        now += 1_000_000
        return list(range(count))

    def call(_item: int) -> None:
        nonlocal now
        now += 7

    assert timed(prepare, call, lambda: now)(5) == 35


def test_every_call_gets_an_input_of_its_own() -> None:
    seen: list[int] = []
    numbers = iter(range(10**6))
    batch = timed(lambda count: [next(numbers) for _ in range(count)], seen.append)
    interleave({"only": batch}, Pace(rounds=4, batch_ns=1, processes=1))
    assert len(seen) == len(set(seen)) >= 4


def test_the_garbage_collector_rests_in_the_batches_and_is_put_back() -> None:
    found: list[bool] = []

    def batch(_count: int) -> int:
        found.append(gc.isenabled())
        return 1000

    interleave({"only": batch}, Pace(rounds=2, batch_ns=10, processes=1))
    assert not any(found)
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_goals_are_bounds_that_count() -> None:
    assert Goal("raw", 1.3).met(1.3)
    assert not Goal("raw", 1.3).met(1.3001)
    assert Goal("ours", 10, at_most=False).met(10)
    assert not Goal("ours", 10, at_most=False).met(9.99)
