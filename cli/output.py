"""What the commands share: exit codes, printing, reading files and keys."""

import json
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NoReturn

from orderseal.signing import DEFAULT_LIMITS, InvalidInput, OrdersealError

__all__ = ["CHECK_FAILED", "GOOD", "WRONG_USE", "WrongUse", "emit", "error_fields", "fail", "lines", "read_input", "usage"]

GOOD: Final = 0
CHECK_FAILED: Final = 1
WRONG_USE: Final = 2

_MAX_INPUT_BYTES: Final = DEFAULT_LIMITS.document_bytes


class WrongUse(OrdersealError):
    """The command was called wrongly, or what it was told to use is not there."""


@contextmanager
def usage() -> Generator[None]:
    """Errors in here are the caller's use of the command, not the outcome of a check: exit code 2."""
    try:
        yield
    except WrongUse:
        raise
    except OrdersealError as error:
        raise WrongUse(str(error)) from error


def emit(text: str) -> None:
    """Print a line of the command's output."""
    sys.stdout.write(text + "\n")


def emit_json(value: Any) -> None:
    """Print one JSON document on one line."""
    emit(json.dumps(value, ensure_ascii=True))


def note(text: str) -> None:
    """Print a line for people beside the output."""
    sys.stderr.write(text + "\n")


def error_fields(error: OrdersealError) -> dict[str, Any]:
    """An error as the ``error`` and ``path`` of the JSON forms."""
    return {"error": str(error), "path": error.path if isinstance(error, InvalidInput) else None}


def fail(error: OrdersealError, *, as_json: bool) -> NoReturn:
    """Report an error and end: code 2 for wrong use, else 1."""
    if as_json:
        emit_json(error_fields(error))
    else:
        note(f"orderseal: {error}")
    raise SystemExit(WRONG_USE if isinstance(error, WrongUse) else CHECK_FAILED)


def read_input(name: str) -> bytes:
    """Read a file, or standard input for ``-``."""
    if name == "-":
        data = sys.stdin.buffer.read(_MAX_INPUT_BYTES + 1)
    else:
        try:
            with Path(name).open("rb") as file:
                data = file.read(_MAX_INPUT_BYTES + 1)
        except OSError as error:
            raise WrongUse(f"{name}: {(error.strerror or 'cannot be read').lower()}") from None
        except ValueError:
            raise WrongUse("the file name is not one") from None
    if len(data) > _MAX_INPUT_BYTES:
        shown = "standard input" if name == "-" else name
        raise WrongUse(f"{shown}: longer than {_MAX_INPUT_BYTES // 2**20} MiB, which no document may be")
    return data


def lines(name: str) -> Iterator[tuple[int, bytes]]:
    """Read a file, or standard input for ``-``, line by line: (number from 1, line). Empty lines are passed over.

    A line of more than 32 MiB ends the reading: its pieces would be taken for lines of their own.
    """
    try:
        stream = sys.stdin.buffer if name == "-" else Path(name).open("rb")  # noqa: SIM115 - closed below, and standard input is not ours
    except OSError as error:
        raise WrongUse(f"{name}: {(error.strerror or 'cannot be read').lower()}") from None
    except ValueError:
        raise WrongUse("the file name is not one") from None
    try:
        number = 0
        while line := stream.readline(_MAX_INPUT_BYTES):
            number += 1
            if len(line) == _MAX_INPUT_BYTES and not line.endswith(b"\n"):
                raise WrongUse(f"line {number} is longer than {_MAX_INPUT_BYTES // 2**20} MiB")
            if line.strip():
                yield number, line
    finally:
        if name != "-":
            stream.close()
