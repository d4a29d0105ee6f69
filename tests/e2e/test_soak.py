"""A short soak over the four twins; and that what judges it can say no."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from orderseal.api.submission.references import References
from orderseal.sandbox import AcceptedWrite
from orderseal.signing.ledger import Ledger, Scope, State

pytestmark = pytest.mark.once

TOP = Path(__file__).resolve().parents[2]
PATH = "/api/externalOrders"
VENUES = ("stove", "brokerstr", "tokenizationtr", "licenserocks")


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(TOP))


@pytest.mark.timeout(600)
def test_ten_seconds_with_faults(tmp_path: Path) -> None:
    """All invariants hold; speed is not looked at. On a slow machine it goes on until each kind of work was done once."""
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "tools.soak", "--minutes", "0.17", "--seed", "7", "--report", str(report)]
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, timeout=550, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (line,) = done.stdout.splitlines()
    assert line.startswith("soak ok: ")
    told = json.loads(report.read_text("utf-8"))
    assert (told["ok"], told["violations"]) == (True, [])
    assert told["faults"] > 0
    assert told["counts"]["kills"] > 0
    assert all(told["requests"][venue] > 0 and told["ledger"][venue]["accepted"] > 0 for venue in VENUES)
    assert told["samples"]
    assert set(told["gauges"]) == {"files", "sockets", "tasks", "threads", "objects", "rss"}


def samples(count: int, **gains: float) -> list[Any]:
    """One look a second at a process that holds ten of each, and gains so many a second of some; after a warm-up that does not count."""
    from tools.soak.gauges import Sample

    rows = []
    for at in range(count):
        held: dict[str, Any] = {name: 10 + gains.get(name, 0) * at for name in ("files", "sockets", "tasks", "threads", "objects", "rss")}
        rows.append(Sample(at=float(at), **held))
    return rows


def test_what_is_level_is_good() -> None:
    from tools.soak.gauges import judge

    told, broken = judge(samples(100))
    assert broken == []
    assert (told["sockets"]["growth"], told["sockets"]["most"]) == (0, 10)


def test_a_warm_up_is_no_growth() -> None:
    from tools.soak.gauges import judge

    rows = samples(100)
    rows[:25] = [replace(row, rss=row.rss - 8) for row in rows[:25]]
    assert judge(rows)[1] == []


@pytest.mark.parametrize("name", ["files", "sockets", "tasks", "threads", "rss"])
def test_what_grows_is_found(name: str) -> None:
    from tools.soak.gauges import judge

    _told, (broken,) = judge(samples(100, **{name: 0.4}))
    assert broken.startswith(f"{name} grew by 27.6 in 69 s")


def test_what_was_ever_too_much_is_found() -> None:
    from tools.soak.gauges import judge

    rows = samples(5)
    rows[1] = replace(rows[1], tasks=1_000)
    told, broken = judge(rows)
    assert broken == ["tasks came to 1000, at most 400 are allowed"]
    assert "growth" not in told["tasks"]  # Five looks say nothing of growth.


def journal(*writes: tuple[str, bytes], deliveries: int = 1) -> list[AcceptedWrite]:
    """What a twin has accepted: each with its id and bytes."""
    return [
        AcceptedWrite(
            sequence=number, operation="create_orders", method="POST", path=PATH, body=None, body_sha256=sha256(body).hexdigest(),
            ids=(name,), deliveries=deliveries,
        )
        for number, (name, body) in enumerate(writes)
    ]  # fmt: skip


FIRST, SECOND = b'{"city":"first"}', b'{"city":"second"}'


@pytest.mark.parametrize(
    ("accepted", "said"),
    [
        (lambda: journal(("1", FIRST), ("2", SECOND)), ""),
        (lambda: journal(("1", FIRST), ("2", SECOND), ("3", SECOND)), "2 writes took effect that 1 references sent"),
        (lambda: journal(("1", FIRST), ("2", SECOND), ("3", b"{}")), "1 writes took effect that 0 references sent"),
        (lambda: journal(("1", FIRST)), "0 took effect of {'second': 'accepted'}"),
        (lambda: journal(("1", FIRST), ("2", SECOND), deliveries=2), "2 deliveries, and the ledger knows of 1 attempts"),
        (lambda: journal(("1", FIRST), ("7", SECOND)), "the ledger knows 2, which the venue does not"),
    ],
    ids=["all is well", "twice", "unknown here", "unknown there", "sent twice", "another"],
)
async def test_the_audit_finds(accepted: Callable[[], list[AcceptedWrite]], said: str, tmp_path: Path) -> None:
    from tools.soak.audit import check_references
    from tools.soak.run import Run
    from tools.soak.settling import writes

    with Ledger(tmp_path / "soak.db") as ledger:
        references = References(ledger, Scope("licenserocks", "test", bytes(20), "write"))
        for name, receipt in (("first", "1"), ("second", "2")):

            async def write(_raw: bytes, before_write: Callable[[], None], receipt: str = receipt) -> str:
                before_write()
                return receipt

            content = {"path": PATH, "reference": name, "body": {"city": name}}
            await references.once(name, content, write, str)
        run = Run(None, ledger, 0, name="test", ends_at=0.0)  # type: ignore[arg-type]  # no twin is asked
        found = list(writes(ledger, "licenserocks"))
        assert [one.slot.state for one in found] == [State.ACCEPTED, State.ACCEPTED]
        check_references(run, "licenserocks", found, accepted())
    assert (said == "") == (run.violations == [])
    assert said in "; ".join(run.violations)
