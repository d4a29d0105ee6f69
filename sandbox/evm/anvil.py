"""Foundry's anvil as the local chain (``npm install @foundry-rs/anvil``)."""

from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

_LISTENING = re.compile(rb"Listening on (127\.0\.0\.1:[0-9]+)")
_STOP_SECONDS = 5.0


def find_anvil(named: str | None) -> str:
    """Return the binary's path: the one that is named, or the one on PATH; raises ``FileNotFoundError``."""
    found = shutil.which(named or "anvil")
    if found is None:
        raise FileNotFoundError(f"no {named or 'anvil'} here: npm install @foundry-rs/anvil, and name node_modules/.bin/anvil")
    resolved = Path(found).resolve()
    # npm's entry is a script that starts the binary as another process, which would outlive it.
    return str(next((item for item in _binaries(resolved) if item.is_file()), resolved))


def supervise(named: str | None, chain_id: int, port: int, on_ready: Callable[[str], None]) -> int:
    """Run anvil until standard input ends, as it does when the parent process dies; returns the exit code."""
    command = [find_anvil(named), "--host", "127.0.0.1", "--port", str(port), "--chain-id", str(chain_id), "--accounts", "0"]
    # Without --prune-history anvil keeps every block's state in memory and, later, on disk.
    command += ["--prune-history", "--no-cors", "--color", "never"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # noqa: S603 - no shell
    try:
        assert process.stdout is not None
        said: list[bytes] = []
        for line in process.stdout:
            said.append(line)
            if found := _LISTENING.search(line):
                on_ready(f"http://{found[1].decode()}")
                break
        else:
            sys.stderr.write("anvil ended: " + b"".join(said[-10:]).decode(errors="replace"))
            return 1
        # Its output must be read, or it stalls once the pipe is full.
        threading.Thread(target=_drain, args=(process,), daemon=True).start()
        threading.Thread(target=_end_with_input, args=(process,), daemon=True).start()
        process.wait()
    except KeyboardInterrupt:
        pass
    finally:
        _end(process)
    return 0


def _binaries(script: Path) -> list[Path]:
    return sorted(script.parent.parent.glob("anvil-*/bin/anvil*"))


def _drain(process: subprocess.Popen[bytes]) -> None:
    assert process.stdout is not None
    while process.stdout.read1(65536):  # type: ignore[attr-defined]  # a buffered pipe has read1
        pass


def _end_with_input(process: subprocess.Popen[bytes]) -> None:
    while sys.stdin.buffer.read(4096):
        pass
    _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    for harder in (process.terminate, process.kill):
        if process.poll() is not None:
            return
        harder()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
