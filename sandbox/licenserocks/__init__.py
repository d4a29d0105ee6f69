"""A local twin of a License.rocks instance: a real HTTP server on loopback, to test integrations on.

Written from the platform's public documents; ``docs/assumptions.md`` lists what they leave open, and that varies by chance per run.
"""

from __future__ import annotations

from orderseal.sandbox.licenserocks.process import LicenseRocksSandbox, Transfer
from orderseal.sandbox.licenserocks.settings import LicenseRocksSettings

__all__ = ["LicenseRocksSandbox", "LicenseRocksSettings", "Transfer"]
