"""The profile of these property tests, and the documented recipe."""

from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from orderseal.fixtures import load

settings.register_profile("chain", deadline=None, print_blob=True, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("chain")


@pytest.fixture(scope="session")
def integration() -> dict[str, Any]:
    """The part of the documented recipe whose ``abi`` is a string that holds JSON."""
    found: dict[str, Any] = load("brokerstr/create-token-by-external-id")["verbatim"]["response"]["body"]["integration"]
    return found
