"""docs/maker.md: its program runs as printed, and its tables name what there is."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from orderseal.api import stove
from orderseal.signing import errors
from orderseal.signing.ledger import REASONS, CancelState

PAGE = Path(__file__).resolve().parents[2] / "docs" / "maker.md"


@pytest.mark.timeout(400)
def test_the_program_runs_as_printed(tmp_path: Path) -> None:
    (program,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)
    (tmp_path / "bot.py").write_text(program, encoding="utf-8")
    command = [sys.executable, "-P", "-W", "error", "bot.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1].endswith("→ filled")


def test_what_the_page_names_exists() -> None:
    text = PAGE.read_text("utf-8")
    for row in re.findall(r"^\| `(\w+)`.*$", text, re.M):
        assert hasattr(errors, row), row
    for reason in ("venue_ahead", "stale"):
        assert f"`{reason}`" in text
        assert reason in REASONS
    for state in ("acknowledged", "done", "not_done"):
        assert f"`{state}`" in text
        assert CancelState(state)
    for name in re.findall(r"`Policy[.(](\w+)", text):
        assert hasattr(stove.Policy(), name), name
