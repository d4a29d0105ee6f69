"""The run and its report: as text for a terminal of 80 columns, as Markdown, and as JSON."""

import os
import platform
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any, Final

from orderseal.benchmarks.contestants import TITLES, sections
from orderseal.benchmarks.once import Fresh, large_documents, measure_imports
from orderseal.benchmarks.peers import PYTHON_PEERS, found_peers
from orderseal.benchmarks.rounds import FULL, QUICK, Contestant, Disagreement, Missing, Pace, Ratio, Section, compare, interleave
from orderseal.benchmarks.work import Work
from orderseal.signing import ECDSA_BACKEND, KECCAK_BACKEND

__all__ = ["Failure", "Report", "Row", "measure", "run"]

_TITLES: Final = {
    **TITLES,
    "import": "Import, in fresh processes",
    "large": "Large documents: TypedData.from_json to the signing hash, in fresh processes",
}

_PACKAGES: Final = (
    "orderseal",
    "coincurve",
    "tiny-keccak",
    "safe-pysha3",
    "pycryptodome",
    "eth-hash",
    "eth-keys",
    "eth-utils",
    "eth-account",
    *PYTHON_PEERS,
)

_QUICK: Final = "A quick run: too short to rely on its figures, or to judge a goal."
_NAME_WIDTH: Final = 39
_TIMES: Final = "\N{MULTIPLICATION SIGN}"


@dataclass(frozen=True, slots=True)
class Row:
    """One contestant's figures. Times are microseconds a call; ratios are to the section's first row unless said otherwise.

    Attributes:
        section: the section's id.
        id: the contestant's, within its section.
        name: the library.
        what: from what to what.
        median_us: the median over the rounds.
        fastest_us: the fastest round.
        ratio: the median of the rounds' ratios to the section's first row.
        ratio_quartiles: the lower and upper quartile of them.
        ratio_of_fastest: the ratio of the fastest rounds.
        goal: the bound for the ratio to a named contestant of the section, if there is one.
        goal_ratio: the median ratio to the goal's own reference.
        goal_ratio_of_fastest: the ratio of the fastest rounds to it.
        met: whether ``goal_ratio`` keeps the bound; ``None`` without a goal, or in a quick run, which is too short to tell.
        peak_bytes: the growth of the resident memory, where it was measured.
    """

    section: str
    id: str
    name: str
    what: str
    median_us: float
    fastest_us: float
    ratio: float | None
    ratio_quartiles: tuple[float, float] | None
    ratio_of_fastest: float | None
    goal: str | None = None
    goal_ratio: float | None = None
    goal_ratio_of_fastest: float | None = None
    met: bool | None = None
    peak_bytes: int | None = None

    @property
    def label(self) -> str:
        """The library and what it does."""
        return f"{self.name}: {self.what}"


@dataclass(frozen=True, slots=True)
class Failure:
    """A contestant that did not do the work: the run as a whole is wrong."""

    section: str
    name: str
    error: str


@dataclass(slots=True)
class Report:
    """What a run found."""

    quick: bool
    rows: list[Row] = field(default_factory=list[Row])
    missing: list[Missing] = field(default_factory=list[Missing])
    errors: list[Failure] = field(default_factory=list[Failure])
    versions: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def ok(self) -> bool:
        """Whether every contestant proved that it does the same work. A goal that is missed is no failure."""
        return not self.errors

    def to_json(self) -> dict[str, Any]:
        """The stable form of ``orderseal bench --json``."""
        return {
            "ok": self.ok,
            "quick": self.quick,
            "machine": _machine(),
            "backends": {"ecdsa": ECDSA_BACKEND, "keccak": KECCAK_BACKEND},
            "versions": self.versions,
            "rows": [asdict(row) for row in self.rows],
            "missing": [asdict(missing) for missing in self.missing],
            "errors": [asdict(failure) for failure in self.errors],
        }

    def to_text(self) -> str:
        """Tables for a terminal of 80 columns."""
        facts = textwrap.fill(f"{_machine_line()}. {_list(self.versions)}.", 80)
        blocks = [facts + (f"\n{_QUICK}" if self.quick else "")]
        for name, title, rows in self._sections():
            head = f"{'µs':>11} {'peak MiB':>12}" if name == "large" else f"{'µs':>11} {_TIMES:>6}   {'quartiles':<11} {'fastest':>7}"
            blocks.append("\n".join([title, " " * (_NAME_WIDTH + 1) + head, *map(_text_line, rows)]))
        if goals := [row for row in self.rows if row.goal]:
            lines = [f"{row.label:{_NAME_WIDTH}} {row.goal:<20} {_number(row.goal_ratio):>6}  {_met(row)}" for row in goals]
            blocks.append("\n".join(["Goals", *lines]))
        if self.missing:
            blocks.append("\n".join(["Not measured", *(_wrapped(f"{missing.name}: {missing.how}") for missing in self.missing)]))
        if self.errors:
            lines = [_wrapped(f"{failure.section}, {failure.name}: {failure.error}") for failure in self.errors]
            blocks.append("\n".join(["ERRORS: not the same work was done", *lines]))
        return "\n\n".join(blocks)

    def to_markdown(self) -> str:
        """The same as Markdown, for ``docs/performance.md``."""
        blocks = [f"{_machine_line()}.\n{_list(self.versions)}." + (f"\n**{_QUICK}**" if self.quick else "")]
        for name, title, rows in self._sections():
            if name == "large":
                lines = ["| | ms | peak MiB |", "|---|--:|--:|"]
                lines += [f"| {row.label} | {_time(row.median_us / 1000)} | {_mebibytes(row)} |" for row in rows]
            else:
                lines = [f"| | µs | {_TIMES} | quartiles | fastest |", "|---|--:|--:|--:|--:|"]
                lines += [
                    _markdown_line(row.label, _time(row.median_us), _number(row.ratio), _span(row), row.ratio_of_fastest) for row in rows
                ]
            blocks.append("\n".join([f"### {title}\n", *lines]))
        if goals := [row for row in self.rows if row.goal]:
            lines = [f"| | goal | {_TIMES} | | fastest |", "|---|---|--:|---|--:|"]
            lines += [
                _markdown_line(row.label, row.goal or "", _number(row.goal_ratio), _met(row), row.goal_ratio_of_fastest) for row in goals
            ]
            blocks.append("\n".join(["### Goals\n", *lines]))
        blocks += [f"Not measured: {missing.name} ({missing.how})." for missing in self.missing]
        blocks += [f"**Error** in {failure.section}: {failure.name}: {failure.error}." for failure in self.errors]
        return "\n\n".join(blocks)

    def _sections(self) -> Iterator[tuple[str, str, list[Row]]]:
        for name, title in _TITLES.items():
            if rows := [row for row in self.rows if row.section == name]:
                yield name, title, rows


def run(*, quick: bool = False, node_folder: Path | None = None, tell: Callable[[str], None] = lambda _: None) -> Report:
    """Measure everything that is installed here.

    Args:
        quick: a few seconds, to see that it works; the figures are rough.
        node_folder: where ``node_modules`` with ethers and viem is; by default the current folder.
        tell: is told what is measured next.
    """
    pace = QUICK if quick else FULL
    report = Report(quick)
    work = Work()
    with work.resources, found_peers(work, node_folder or Path()) as peers:
        report.missing, report.versions = peers.missing, _versions() | peers.versions
        for section in sections(work, peers.sections):
            tell(section.title)
            measure(section, pace, report)
    tell(_TITLES["import"])
    try:
        report.rows += [_fresh_row("import", figure) for figure in measure_imports(pace)]
    except Disagreement as error:
        report.errors.append(Failure("import", "orderseal", str(error)))
    tell(_TITLES["large"])
    for document in large_documents(pace, quick=quick):
        try:
            report.rows.append(_fresh_row("large", document()))
        except Disagreement as error:
            report.errors.append(Failure("large", "orderseal", str(error)))
    return report


def measure(section: Section, pace: Pace, report: Report) -> None:
    """Let the contestants of a section prove their work, and measure those that do; the others become errors of the report."""
    able: list[Contestant] = []
    for contestant in section.contestants:
        try:
            contestant.prove()
        except Disagreement as error:
            report.errors.append(Failure(section.id, contestant.name, str(error)))
        except Exception as error:  # noqa: BLE001 - whatever a peer raises, it has not done the work
            report.errors.append(Failure(section.id, contestant.name, f"it raised {type(error).__name__} on the order"))
        else:
            able.append(contestant)
    if section.contestants[0] not in able:
        return
    try:
        rounds = interleave({contestant.id: contestant.batch for contestant in able}, pace)
    except Exception as error:  # noqa: BLE001 - as above, after all
        report.errors.append(Failure(section.id, section.title, f"the rounds broke off: {type(error).__name__}"))
        return
    names = {contestant.id: contestant.name for contestant in able}
    for contestant in able:
        times = rounds[contestant.id]
        row = _row(section.id, contestant.id, contestant.name, contestant.what, times, compare(times, rounds[able[0].id]))
        goal = contestant.goal
        if goal and goal.against in rounds:
            ratio = compare(times, rounds[goal.against])
            row = replace(
                row,
                goal=f"{'≤' if goal.at_most else '≥'} {goal.bound:g} {_TIMES} {names[goal.against]}",
                goal_ratio=round(ratio.median, 4),
                goal_ratio_of_fastest=round(ratio.of_fastest, 4),
                met=None if report.quick else goal.met(ratio.median),
            )
        report.rows.append(row)


def _row(section: str, id_: str, name: str, what: str, times: list[float], ratio: Ratio | None, peak: int | None = None) -> Row:
    return Row(
        section=section,
        id=id_,
        name=name,
        what=what,
        median_us=round(median(times) / 1000, 3),
        fastest_us=round(min(times) / 1000, 3),
        ratio=round(ratio.median, 4) if ratio else None,
        ratio_quartiles=(round(ratio.low, 4), round(ratio.high, 4)) if ratio else None,
        ratio_of_fastest=round(ratio.of_fastest, 4) if ratio else None,
        peak_bytes=peak,
    )


def _fresh_row(section: str, figure: Fresh) -> Row:
    return _row(section, figure.what, figure.name, figure.what, figure.rounds, figure.ratio, figure.peak)


def _text_line(row: Row) -> str:
    start = f"{row.label:{_NAME_WIDTH}} {_time(row.median_us):>11}"
    if row.ratio is None:
        return f"{start} {_mebibytes(row):>12}".rstrip()
    return f"{start} {_number(row.ratio):>6}   {_span(row):<11} {_number(row.ratio_of_fastest):>7}"


def _markdown_line(label: str, second: str, third: str, fourth: str, fastest: float | None) -> str:
    return f"| {label} | {second} | {third} | {fourth} | {_number(fastest)} |"


def _wrapped(text: str) -> str:
    return textwrap.fill(text, 80, subsequent_indent="    ")


def _met(row: Row) -> str:
    return "not judged" if row.met is None else "met" if row.met else "missed"


def _mebibytes(row: Row) -> str:
    return _time(row.peak_bytes / 2**20) if row.peak_bytes is not None else ""


def _time(microseconds: float) -> str:
    return f"{microseconds:,.0f}" if microseconds >= 1000 else f"{microseconds:.1f}" if microseconds >= 10 else f"{microseconds:.2f}"


def _number(ratio: float | None) -> str:
    if ratio is None:
        return ""
    return f"{ratio:.0f}" if ratio >= 100 else f"{ratio:.1f}" if ratio >= 10 else f"{ratio:.2f}"


def _span(row: Row) -> str:
    return f"{_number(row.ratio_quartiles[0])}–{_number(row.ratio_quartiles[1])}" if row.ratio_quartiles else ""  # noqa: RUF001 - a range


def _machine() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": _cpu(),
        "cpus": os.cpu_count(),
    }


def _cpu() -> str | None:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    models = [value.strip() for key, _, value in (line.partition(":") for line in lines) if key.strip() == "model name"]
    return models[0] if models else platform.processor() or None


def _machine_line() -> str:
    machine = _machine()
    facts = f"{machine['implementation']} {machine['python']}, {machine['system']}, {machine['cpus']} CPUs"
    return facts + (f" ({machine['cpu']})" if machine["cpu"] else "")


def _list(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in versions.items())


def _versions() -> dict[str, str]:
    found: dict[str, str] = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
