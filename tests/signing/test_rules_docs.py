"""docs/rules.md: its programs run, and its table names the codes that exist."""

import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

import orderseal.signing.rules

PAGE = Path(__file__).resolve().parents[2] / "docs" / "rules.md"


def programs() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.S)


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the page's programs leave behind, run one after the other."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    with redirect_stdout(StringIO()) as printed:
        for number, program in enumerate(programs()):
            exec(compile(program, f"{PAGE} program {number}", "exec"), names)
    names["printed"] = printed.getvalue().splitlines()
    return names


def test_the_programs_do_what_the_page_says(names: dict[str, Any]) -> None:
    assert len(programs()) == 3
    said = re.search(r"^`found` is (.*)\.$", PAGE.read_text("utf-8"), re.M)
    assert said is not None
    assert names["found"] == re.findall(r"`(\w+)`", said[1])
    assert "All live buy orders together may take at most 200000 USDT." in names["rules"].explain()


def test_the_program_prints_every_reason_and_the_clocks(names: dict[str, Any]) -> None:
    assert names["printed"][-2].startswith("4 rules forbid to buy 105 'AAPL' at 1502.5 USDT (nonce 7): (1) price_too_high: ")
    assert names["printed"][-1] == "clock_offset"


def test_the_table_lists_exactly_the_codes() -> None:
    assert orderseal.signing.rules.__file__
    source = (Path(orderseal.signing.rules.__file__).parent / "limits.py").read_text("utf-8")
    raised = set(re.findall(r'RuleViolation\(\s*"(\w+)"', source)) - {"odd_lot"} | {"fee_too_high"}
    rows = re.findall(r"^\| (`[^|]*) \|", PAGE.read_text("utf-8"), re.M)
    assert {code for row in rows for code in re.findall(r"`(\w+)`", row)} == raised
