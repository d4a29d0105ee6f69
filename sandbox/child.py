"""A server of ours in a process of its own: started, waited for, ended with whoever started it."""

import contextlib
import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import IO

__all__ = ["ChildServer"]

_STOP_SECONDS = 5.0
_TAIL_BYTES = 2000


class ChildServer:
    """The process of a server that tells its ``url`` in a first line of JSON, and ends with its standard input.

    Args:
        name: for errors, such as ``the sandbox``.
        error: makes the error that is raised.
        seconds: to wait until it is ready.
    """

    def __init__(self, name: str, error: Callable[[str], Exception], seconds: float) -> None:
        self._name, self._error, self._seconds = name, error, seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Of the process, or ``None`` if none runs."""
        return None if self._process is None else self._process.pid

    def start(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
        """Start it, wait until it is ready, and give its URL; ``environment`` adds variables. On failure it is stopped."""
        if self._process is not None:
            raise self._error(f"{self._name} is already running")
        # A file, unlike a pipe, can never fill up and stall the server.
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - stop() closes it
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own module; nothing goes through a shell
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env={**os.environ, **(environment or {})},
                # Ctrl-C in a terminal goes to the whole group; the server must outlive its user's clean-up.
                start_new_session=True,
            )
            return self._await_ready(self._process)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it and wait until it is gone; does nothing if it is not running."""
        process, self._process = self._process, None
        if process is not None:
            _end(process)
        if self._errors is not None:
            self._errors.close()
            self._errors = None

    def _await_ready(self, process: subprocess.Popen[bytes]) -> str:
        lines: list[bytes] = []
        output = process.stdout
        assert output is not None
        reader = threading.Thread(target=lambda: lines.append(output.readline()), daemon=True)
        reader.start()
        reader.join(self._seconds)
        if not lines:
            process.kill()
            reader.join()
            raise self._error(f"{self._name} was not ready within {self._seconds:g} s{self._error_tail()}")
        try:
            return str(json.loads(lines[0])["url"])
        except (ValueError, KeyError, TypeError) as exc:
            # The line was cut short because the server is ending; its last words are complete once it is gone.
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_SECONDS)
            raise self._error(f"{self._name} ended before it was ready (exit code {process.returncode}){self._error_tail()}") from exc

    def _error_tail(self) -> str:
        assert self._errors is not None
        size = self._errors.seek(0, 2)
        self._errors.seek(max(0, size - _TAIL_BYTES))
        text = self._errors.read().decode(errors="replace").strip()
        return f"; its error output ends with:\n{text}" if text else "; it printed no error"


def _end(process: subprocess.Popen[bytes]) -> None:
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
    # The end of its input is the gentle request; a server that ignores it is terminated, then killed.
    for harder in (process.terminate, process.kill):
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
            return
        harder()
    process.wait()
