"""What the process under load holds, sampled; and whether it grows."""

import asyncio
import gc
import os
import statistics
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

__all__ = ["BOUNDS", "Bound", "Sample", "judge", "read", "slope"]

_WARM_UP: Final = 0.3
_FEWEST: Final = 30
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at the process.

    Attributes:
        at: seconds since the load began.
        files: open descriptors, the sockets among them.
        tasks: of the event loop.
        objects: that the garbage collector tracks, after a collection.
        rss: resident memory in MiB.
    """

    at: float
    files: int
    sockets: int
    tasks: int
    threads: int
    objects: int
    rss: float


@dataclass(frozen=True, slots=True)
class Bound:
    """What a gauge may do.

    Attributes:
        most: that it may be at any moment.
        growth: that it may gain over the judged span: slope by least squares, times the span.
    """

    most: float
    growth: float


BOUNDS: Final[dict[str, Bound]] = {
    "files": Bound(400, 15),
    "sockets": Bound(350, 15),
    "tasks": Bound(400, 15),
    "threads": Bound(150, 10),
    "objects": Bound(600_000, 15_000),
    "rss": Bound(500, 24),
}


def read(at: float) -> Sample:
    """Look at this process, from within its event loop. Linux only."""
    links = []
    for entry in Path("/proc/self/fd").iterdir():
        try:
            links.append(str(entry.readlink()))
        except OSError:  # Closed since it was listed.
            continue
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return Sample(
        at=round(at, 2),
        files=len(links),
        sockets=sum(link.startswith("socket:") for link in links),
        tasks=len(asyncio.all_tasks()),
        threads=threading.active_count(),
        objects=len(gc.get_objects()),
        rss=round(pages * _PAGE / 2**20, 1),
    )


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Least squares: how much the second number gains while the first gains one."""
    return statistics.linear_regression(*zip(*points, strict=True)).slope


def judge(samples: Sequence[Sample]) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """What each gauge did, and what broke its bound. The first 30 % are warm-up; fewer than 30 samples after it say nothing of growth."""
    end = samples[-1].at
    warm = [sample for sample in samples if sample.at >= end * _WARM_UP]
    told: dict[str, dict[str, Any]] = {}
    broken: list[str] = []
    for name, bound in BOUNDS.items():
        every = [asdict(sample)[name] for sample in samples]
        row: dict[str, Any] = {"most": max(every), "most_allowed": bound.most, "last": every[-1]}
        if max(every) > bound.most:
            broken.append(f"{name} came to {max(every)}, at most {bound.most:g} are allowed")
        if len(warm) >= _FEWEST:
            span = end - warm[0].at
            gained = slope([(sample.at, asdict(sample)[name]) for sample in warm]) * span
            row |= {"growth": round(gained, 2), "growth_allowed": bound.growth, "span": round(span, 1)}
            if gained > bound.growth:
                broken.append(f"{name} grew by {gained:.1f} in {span:.0f} s after warm-up, at most {bound.growth:g} is allowed")
        told[name] = row
    return told, broken
