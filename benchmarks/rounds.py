"""Interleaved rounds: in each, every contestant runs one short batch, in an order that is shuffled anew.

What a busy machine does to one contestant it does to its neighbours in the round, so a ratio is taken within a round, and the
median over the rounds is given with its quartiles. The ratio of the two fastest batches is given beside it: noise only adds.
"""

import gc
import random
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import quantiles
from typing import Final, TypeVar

__all__ = [
    "FULL",
    "QUICK",
    "Batch",
    "Clock",
    "Contestant",
    "Disagreement",
    "Goal",
    "Missing",
    "Pace",
    "Ratio",
    "Section",
    "compare",
    "interleave",
    "timed",
]

T = TypeVar("T")

Batch = Callable[[int], int]
"""Runs a number of calls on inputs that were never used before, and gives the nanoseconds that the calls alone took."""

Clock = Callable[[], int]

_MOST_CALLS: Final = 20_000


class Disagreement(Exception):
    """A contestant does other work than the others: its speed means nothing."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound for the ratio of a contestant to another one of its section, whose id is ``against``."""

    against: str
    bound: float
    at_most: bool = True

    def met(self, ratio: float) -> bool:
        """Whether a ratio keeps the bound."""
        return ratio <= self.bound if self.at_most else ratio >= self.bound


@dataclass(frozen=True, slots=True)
class Contestant:
    """One way to do a section's work.

    Attributes:
        id: stable, for programs.
        name: the library.
        what: from what to what.
        batch: measures it.
        prove: raises :class:`Disagreement` unless it does the work that it says.
        goal: what is hoped of it.
    """

    id: str
    name: str
    what: str
    batch: Batch
    prove: Callable[[], None]
    goal: Goal | None = None


@dataclass(frozen=True, slots=True)
class Missing:
    """A contestant that this machine has not, and how to get it."""

    name: str
    how: str


@dataclass(frozen=True, slots=True)
class Section:
    """Contestants that are measured in the same rounds; the first one is the reference."""

    id: str
    title: str
    contestants: tuple[Contestant, ...]


@dataclass(frozen=True, slots=True)
class Pace:
    """How many rounds, how long a batch is to be in nanoseconds, and how often each fresh process is started."""

    rounds: int
    batch_ns: int
    processes: int


FULL: Final = Pace(rounds=100, batch_ns=8_000_000, processes=7)
QUICK: Final = Pace(rounds=3, batch_ns=300_000, processes=1)


@dataclass(frozen=True, slots=True)
class Ratio:
    """How much longer one takes than another: the median of the rounds' ratios, their quartiles, and the ratio of the fastest batches."""

    median: float
    low: float
    high: float
    of_fastest: float


def timed(prepare: Callable[[int], Sequence[T]], call: Callable[[T], object], clock: Clock = time.perf_counter_ns) -> Batch:
    """Make a batch: so many inputs are prepared, and only then the clock starts."""

    def batch(count: int) -> int:
        inputs = prepare(count)
        begin = clock()
        for _ in map(call, inputs):
            pass
        return clock() - begin

    return batch


@contextmanager
def _no_collection() -> Generator[None]:
    """Keep the garbage collector out of the measured batches, and what is already there out of its later runs."""
    enabled = gc.isenabled()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        if enabled:
            gc.enable()


def interleave(batches: Mapping[str, Batch], pace: Pace, shuffle: Callable[[list[str]], None] | None = None) -> dict[str, list[float]]:
    """Measure contestants side by side: for each its nanoseconds a call, round by round."""
    mix = shuffle or random.Random(712).shuffle
    order = list(batches)
    found: dict[str, list[float]] = {name: [] for name in order}
    with _no_collection():
        counts = {name: _calls(batch, pace.batch_ns) for name, batch in batches.items()}
        for _ in range(pace.rounds):
            mix(order)
            for name in order:
                found[name].append(batches[name](counts[name]) / counts[name])
            gc.collect()
    return found


def _calls(batch: Batch, wanted_ns: int) -> int:
    """Warm up, and find how many calls make a batch of about the wanted length."""
    count = 1
    batch(1)
    while (took := max(batch(count), 1)) < wanted_ns // 2 and count < _MOST_CALLS:
        count = min(max(count * 2, count * wanted_ns // took // 2), _MOST_CALLS)
    return max(1, min(round(count * wanted_ns / took), _MOST_CALLS))


def compare(ours: Sequence[float], reference: Sequence[float]) -> Ratio:
    """Set one contestant's rounds against another's, round by round."""
    ratios = [a / b for a, b in zip(ours, reference, strict=True)]
    low, middle, high = quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
    return Ratio(middle, low, high, min(ours) / min(reference))
