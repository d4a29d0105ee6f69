"""The twins by name, and what makes each one; the servers' libraries are imported when one is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.types import ASGIApp

from orderseal.sandbox.brokerstr.platform import BrokersTr
from orderseal.sandbox.brokerstr.settings import BrokersTrSettings
from orderseal.sandbox.licenserocks.platform import LicenseRocks
from orderseal.sandbox.licenserocks.settings import LicenseRocksSettings
from orderseal.sandbox.tokenizationtr.platform import TokenizationTr
from orderseal.sandbox.tokenizationtr.settings import TokenizationTrSettings
from orderseal.sandbox.twins.app import build_twin
from orderseal.sandbox.twins.platform import Platform
from orderseal.sandbox.twins.settings import TwinSettings

SETTINGS: dict[str, Callable[..., TwinSettings]] = {
    "brokerstr": BrokersTrSettings.of,
    "tokenizationtr": TokenizationTrSettings,
    "licenserocks": LicenseRocksSettings,
}


def build(settings: TwinSettings) -> ASGIApp:
    """Return the application of a fresh platform; the type of the settings says which."""
    return build_twin(make_platform(settings))


def make_platform(settings: TwinSettings) -> Platform:
    """Return the state of a fresh platform."""
    makers: dict[type[TwinSettings], Callable[[Any], Platform]] = {
        BrokersTrSettings: BrokersTr,
        TokenizationTrSettings: TokenizationTr,
        LicenseRocksSettings: LicenseRocks,
    }
    return makers[type(settings)](settings)
