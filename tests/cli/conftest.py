"""Running the command as a user does: in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest


@dataclass
class Done:
    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., Done]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run ``orderseal`` with arguments, standard input and extra environment, in a folder of the test's own."""

    def run(*arguments: str, stdin: str | bytes = b"", env: dict[str, str] | None = None) -> Done:
        data = stdin.encode() if isinstance(stdin, str) else stdin
        command = [sys.executable, "-P", "-W", "error", "-m", "orderseal.cli", *arguments]
        environment = {**os.environ, "NO_COLOR": "1", "COLUMNS": "200", **(env or {})}
        done = subprocess.run(command, input=data, capture_output=True, cwd=tmp_path, env=environment, timeout=100, check=False)
        result = Done(done.returncode, done.stdout.decode(), done.stderr.decode())
        assert "Traceback" not in result.err, result.err
        return result

    return run
