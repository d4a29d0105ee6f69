"""A local twin of BrokersTR: a real HTTP server on loopback, to test integrations on.

Written from the platform's public documents; ``docs/assumptions.md`` lists what they leave open, and that varies by chance per run.
"""

from __future__ import annotations

from orderseal.sandbox.brokerstr.process import BrokersTrSandbox
from orderseal.sandbox.brokerstr.settings import BrokersTrSettings, Integration

__all__ = ["BrokersTrSandbox", "BrokersTrSettings", "Integration"]
