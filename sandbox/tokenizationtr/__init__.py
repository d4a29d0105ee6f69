"""A local twin of TokenizationTR: a real HTTP server on loopback, to test integrations on.

Written from the platform's public documents, both generations of them; ``docs/assumptions.md`` lists what they leave open, and that varies
by chance per run.
"""

from __future__ import annotations

from orderseal.sandbox.tokenizationtr.process import StartedTransaction, TokenizationTrSandbox
from orderseal.sandbox.tokenizationtr.settings import Generation, TokenizationTrSettings

__all__ = ["Generation", "StartedTransaction", "TokenizationTrSandbox", "TokenizationTrSettings"]
