"""The steps of a story that is told while it happens."""

import textwrap
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Final

from orderseal.signing import OrdersealError

__all__ = ["Say", "Story"]

Say = Callable[[str], None]

_COLUMNS: Final = 100
_INDENT: Final = " " * 4


class Story:
    """The steps so far: each has a name, an outcome, a duration and details; a failed step ends the story.

    Args:
        say: prints a line, which is at most 100 columns wide.
        strong: makes a title stand out.
    """

    def __init__(self, say: Say, strong: Callable[[str], str] = str) -> None:
        self.say, self._strong = say, strong
        self.steps: list[dict[str, Any]] = []

    def chapter(self, title: str) -> None:
        """Say what the next steps are about."""
        self.say("\n" + self._strong(f"== {title}"))

    @contextmanager
    def step(self, name: str, title: str) -> Generator[dict[str, Any]]:
        """Tell and time one step. What is put into the dictionary becomes the step's ``detail``."""
        self.say("\n" + self._strong(f"{len(self.steps) + 1:2}. {title}"))
        detail: dict[str, Any] = {}
        begin = time.perf_counter()
        step: dict[str, Any] = {"name": name, "ok": False, "ms": 0.0, "detail": detail}
        self.steps.append(step)
        try:
            yield detail
            step["ok"] = True
        except OrdersealError as error:
            detail["error"] = str(error)
            raise
        finally:
            step["ms"] = round((time.perf_counter() - begin) * 1000, 1)

    def line(self, text: str) -> None:
        """Tell one line of the current step; a longer one goes on in the next, further in."""
        if len(_INDENT + text) <= _COLUMNS:
            self.say(_INDENT + text)
            return
        for line in textwrap.wrap(text, _COLUMNS, initial_indent=_INDENT, subsequent_indent=_INDENT + "  "):
            self.say(line)
