"""The steps of a story that is told while it happens."""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

from orderseal.signing import OrdersealError

__all__ = ["Say", "Story"]

Say = Callable[[str], None]


class Story:
    """The steps so far: each has a name, an outcome, a duration and details; a failed step ends the story."""

    def __init__(self, say: Say) -> None:
        self.say = say
        self.steps: list[dict[str, Any]] = []

    @contextmanager
    def step(self, name: str, title: str) -> Generator[dict[str, Any]]:
        """Tell and time one step. What is put into the dictionary becomes the step's ``detail``."""
        self.say(f"\n{len(self.steps) + 1:2}. {title}")
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
        """Tell one line of the current step."""
        self.say(f"    {text}")
