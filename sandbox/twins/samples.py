"""The documented samples beside each platform's code, with their source, as data."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any


def load(package: str) -> dict[str, Any]:
    """Return ``samples.json`` of a package."""
    return dict(json.loads((files(package) / "samples.json").read_text("utf-8")))
