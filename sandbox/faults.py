"""The fault switch of a venue: what goes wrong with which requests.

A plan names the next requests that a fault meets; a mix draws one by chance, and the draw depends on nothing but its seed and on how
many requests have matched, so that a run can be repeated. How a fault is played is told in :mod:`orderseal.sandbox.player`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, asdict, dataclass
from fnmatch import fnmatchcase
from random import Random
from typing import Literal, get_args

__all__ = ["DEFAULT_MIX", "NEEDS_SOCKET", "Fault", "FaultKind", "FaultSwitch", "Mix", "Pattern", "fault_at"]

FaultKind = Literal[
    "delay",
    "drop_before",
    "drop_after",
    "cut_reply",
    "error_before",
    "error_after",
    "duplicate_delivery",
    "rate_limit",
    "expire_token",
    "clock",
    "slow_drip",
]

NEEDS_SOCKET: frozenset[FaultKind] = frozenset({"drop_before", "drop_after", "cut_reply", "slow_drip"})
"""Faults below HTTP, which a venue inside a test process (``create_app``) cannot play."""

MOST_PLANNED = 10_000

_LONGEST = 60.0
_FARTHEST = 10**9
# Each kind's parameters and their defaults; the clock's error has none, and must be given.
_PARAMETERS: dict[FaultKind, dict[str, object]] = {
    "delay": {"seconds": 0.05, "after": False},
    "drop_before": {"reset": False},
    "drop_after": {"reset": False},
    "cut_reply": {"reset": False},
    "error_before": {"status": 500, "envelope": False},
    "error_after": {"status": 500, "envelope": False},
    "duplicate_delivery": {},
    "rate_limit": {"seconds": 1.0},
    "expire_token": {},
    "clock": {"seconds": None},
    "slow_drip": {"seconds": 0.05},
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong with a request. Raises ``ValueError`` for a parameter that the kind lacks, or one out of range.

    * ``delay``: waits ``seconds`` (0.05; at most 60) before the request is handled, or with ``after`` between handling and reply.
    * ``drop_before``: nothing takes effect, and the connection is closed without a byte; with ``reset`` by a TCP reset.
    * ``drop_after``: takes effect, then the connection is closed without a byte; ``reset`` as above.
    * ``cut_reply``: takes effect, and the connection is closed after half of the reply's bytes; ``reset`` as above.
    * ``error_before``, ``error_after``: ``status`` (500; or 429, 500 to 599) with an HTML page, or with the venue's ``envelope``; nothing
      took effect, or it did.
    * ``duplicate_delivery``: handled twice, as by a proxy that retries, and answered by the second reply.
    * ``rate_limit``: nothing takes effect; 429 in the venue's envelope with ``Retry-After`` of ``seconds`` (1; whole, at most 3600).
    * ``expire_token``: nothing takes effect; "Token expired", and the request's token stays dead.
    * ``clock``: for this request, ``Date`` included, the venue's clock is ``seconds`` ahead; negative means behind.
    * ``slow_drip``: takes effect, and the reply comes in small pieces over ``seconds`` (0.05; at most 60).
    """

    kind: FaultKind
    _: KW_ONLY
    seconds: float | None = None
    status: int | None = None
    reset: bool | None = None
    after: bool | None = None
    envelope: bool | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(FaultKind):
            raise ValueError(f"the fault must be one of {', '.join(get_args(FaultKind))}, got {self.kind!r:.80}")
        parameters = _PARAMETERS[self.kind]
        for name in ("seconds", "status", "reset", "after", "envelope"):
            if getattr(self, name) is None:
                object.__setattr__(self, name, parameters.get(name))
            elif name not in parameters:
                raise ValueError(f"the fault {self.kind} has no parameter {name}: it takes {', '.join(parameters) or 'none'}")
        self._check_range()

    def _check_range(self) -> None:
        if "seconds" in _PARAMETERS[self.kind]:
            low, high = {"clock": (-_FARTHEST, _FARTHEST), "rate_limit": (0, 3600)}.get(self.kind, (0, _LONGEST))
            if self.seconds is None or not math.isfinite(self.seconds) or not low <= self.seconds <= high:
                raise ValueError(f"seconds of the fault {self.kind} must be in {low}..{high}, got {self.seconds!r}")
            if self.kind == "rate_limit" and self.seconds != int(self.seconds):
                raise ValueError(f"seconds of the fault rate_limit must be whole, as Retry-After is, got {self.seconds!r}")
        if self.status is not None and self.status != 429 and not 500 <= self.status <= 599:
            raise ValueError(f"status of the fault {self.kind} must be 429 or in 500..599, got {self.status!r}")

    def describe(self) -> dict[str, object]:
        """Return the fault as the JSON object that asks for it."""
        parameters = asdict(self)
        return {"fault": parameters.pop("kind")} | {name: value for name, value in parameters.items() if value is not None}


Mix = Sequence[tuple[Fault, float]]
"""Faults, each with its probability; what is left to 1 is the probability that nothing goes wrong."""

DEFAULT_MIX: Mix = (
    (Fault("delay", seconds=0.02), 0.06),
    (Fault("delay", seconds=0.02, after=True), 0.06),
    (Fault("drop_before"), 0.05),
    (Fault("drop_before", reset=True), 0.04),
    (Fault("drop_after"), 0.06),
    (Fault("drop_after", reset=True), 0.05),
    (Fault("cut_reply"), 0.05),
    (Fault("error_before", status=503), 0.04),
    (Fault("error_after"), 0.06),
    (Fault("duplicate_delivery"), 0.06),
    (Fault("rate_limit", seconds=1), 0.04),
    (Fault("expire_token"), 0.04),
    (Fault("clock", seconds=1800), 0.03),
    (Fault("clock", seconds=-1800), 0.03),
    (Fault("slow_drip", seconds=0.02), 0.04),
)


def fault_at(seed: int, number: int, mix: Mix) -> Fault | None:
    """Return what meets the matching request with this number, counted from 0; ``None`` if nothing does."""
    # Seeding by a string goes through SHA-512: the same on every machine, and no two numbers are alike.
    point = Random(f"{seed}/{number}").random()  # noqa: S311 - a draw that must be repeatable
    for fault, probability in mix:
        if point < probability:
            return fault
        point -= probability
    return None


@dataclass(frozen=True, slots=True)
class Pattern:
    """Which requests a fault may meet: a method or ``*``, and a path under ``/api/`` or ``/v2/`` in which ``*`` stands for anything."""

    method: str = "POST"
    path: str = "/api/v1/orders"

    def __post_init__(self) -> None:
        if self.method != "*" and not (self.method.isascii() and self.method.isalpha() and self.method.isupper()):
            raise ValueError(f"method must be * or one such as POST, got {self.method!r:.80}")
        if not self.path.startswith(("/api/", "/v2/")):
            raise ValueError(f"path must begin with /api/ or /v2/, got {self.path!r:.80}")

    def matches(self, method: str, path: str) -> bool:
        return self.method in ("*", method) and fnmatchcase(path, self.path)


@dataclass(slots=True)
class _Planned:
    pattern: Pattern
    fault: Fault
    left: int


@dataclass(slots=True)
class _Mixed:
    pattern: Pattern
    seed: int
    mix: Mix
    matched: int = 0


class FaultSwitch:
    """All faults of one venue. A planned fault goes before a mixed one; a mix counts each request that matches it all the same."""

    def __init__(self) -> None:
        self._planned: list[_Planned] = []
        self._mixed: list[_Mixed] = []
        self._played: list[dict[str, object]] = []

    @property
    def planned(self) -> int:
        """How many requests the plans will still meet."""
        return sum(plan.left for plan in self._planned)

    def plan(self, fault: Fault, count: int, pattern: Pattern) -> None:
        """Let the next ``count`` matching requests meet the fault, after those planned before."""
        if not 1 <= count <= MOST_PLANNED or self.planned + count > MOST_PLANNED:
            raise ValueError(f"count must be 1 or more, and at most {MOST_PLANNED} requests can be planned, got {count}")
        self._planned.append(_Planned(pattern, fault, count))

    def mix(self, seed: int, mix: Mix, pattern: Pattern) -> None:
        """Let every matching request meet a fault by chance; replaces an earlier mix for the same pattern."""
        if any(not 0 <= probability <= 1 for _, probability in mix) or sum(probability for _, probability in mix) > 1 + 1e-9:
            raise ValueError("each probability must be in 0..1, and their sum at most 1")
        self._mixed = [other for other in self._mixed if other.pattern != pattern]
        self._mixed.append(_Mixed(pattern, seed, tuple(mix)))

    def clear(self) -> None:
        """Drop every plan and mix; what was played stays on record."""
        self._planned.clear()
        self._mixed.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """Return what meets this request, and count it."""
        found: Fault | None = None
        for plan in self._planned:
            if plan.pattern.matches(method, path):
                found, plan.left = plan.fault, plan.left - 1
                break
        self._planned = [plan for plan in self._planned if plan.left]
        for mixed in self._mixed:
            if mixed.pattern.matches(method, path):
                drawn = fault_at(mixed.seed, mixed.matched, mixed.mix)
                mixed.matched += 1
                found = found or drawn
        if found is not None:
            self._played.append(found.describe() | {"method": method, "path": path})
        return found

    def describe(self) -> dict[str, object]:
        """Return the plans, the mixes, and what was played so far, in order."""
        return {
            "planned": [plan.fault.describe() | asdict(plan.pattern) | {"count": plan.left} for plan in self._planned],
            "mixes": [
                {
                    "seed": mixed.seed,
                    **asdict(mixed.pattern),
                    "matched": mixed.matched,
                    "mix": [fault.describe() | {"probability": probability} for fault, probability in mixed.mix],
                }
                for mixed in self._mixed
            ],
            "played": self._played,
        }
