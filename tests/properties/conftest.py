"""The profile of the property tests: machines are noisy, so no example has a deadline; a failure prints what repeats it."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from eth_account.messages import _hash_eip191_message, encode_typed_data
from hypothesis import HealthCheck, settings

settings.register_profile("orderseal", deadline=None, print_blob=True, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("orderseal")

Oracle = Callable[[Mapping[str, Any]], bytes]


@pytest.fixture(scope="session")
def oracle() -> Oracle:
    """The signing hash of a typed-data document, as eth-account computes it."""

    def digest(document: Mapping[str, Any]) -> bytes:
        return bytes(_hash_eip191_message(encode_typed_data(full_message=dict(document))))

    return digest
