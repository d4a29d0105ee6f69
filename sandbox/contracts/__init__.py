"""The local chain's contracts: Vyper sources of our own, and beside each its ABI and bytecode as JSON.

``tools/compile_contracts.py`` makes the JSON files; a test compiles the sources again and compares.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

__all__ = ["NAMES", "Artifact", "load"]

NAMES = (
    "Diamond",
    "FeeToken",
    "HouseToken",
    "MarketGuard",
    "Marketplace",
    "Multicall",
    "PaymentToken",
    "Proxy",
    "RFQSettlement",
    "UsdtLikeToken",
)


@dataclass(frozen=True, slots=True)
class Artifact:
    """A compiled contract: its ABI, and the bytes that create it."""

    name: str
    abi: list[dict[str, Any]]
    bytecode: bytes

    def inputs(self, function: str | None) -> list[str]:
        """The canonical argument types of a function, or of the constructor for ``None``."""
        for entry in self.abi:
            if entry.get("name") == function and entry["type"] == ("constructor" if function is None else "function"):
                return [_canonical(item) for item in entry["inputs"]]
        if function is None:
            return []
        raise KeyError(f"{self.name} has no function {function}")

    def outputs(self, function: str) -> list[str]:
        """The canonical types that a function returns."""
        for entry in self.abi:
            if entry.get("name") == function and entry["type"] == "function":
                return [_canonical(item) for item in entry["outputs"]]
        raise KeyError(f"{self.name} has no function {function}")


@cache
def load(name: str) -> Artifact:
    """Return one of the contracts in ``NAMES``; raises ``KeyError`` for another name."""
    if name not in NAMES:
        raise KeyError(f"no contract {name!r}: there are {', '.join(NAMES)}")
    document = json.loads((files(__name__) / f"{name}.json").read_text("utf-8"))
    return Artifact(name, document["abi"], bytes.fromhex(document["bytecode"].removeprefix("0x")))


def _canonical(item: dict[str, Any]) -> str:
    kind: str = item["type"]
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(_canonical(part) for part in item['components'])}){kind.removeprefix('tuple')}"
