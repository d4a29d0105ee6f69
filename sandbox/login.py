"""Wallet login. Source: Authorization page, ``POST /api/v1/makers/connect``."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from orderseal.sandbox.body import Fields
from orderseal.sandbox.clock import Clock
from orderseal.sandbox.errors import (
    CHAIN_ID_MISMATCH,
    INVALID_MESSAGE_FORMAT,
    INVALID_SIGNATURE,
    INVALID_WALLET_ADDRESS,
    LOGIN_NONCE_USED,
    TIMESTAMP_EXPIRED,
    ApiError,
)
from orderseal.sandbox.settings import Settings
from orderseal.sandbox.signatures import parse_address, recover_text
from orderseal.sandbox.variation import Variation

_REQUIRED = ("Wallet address", "ChainId", "Timestamp", "Nonce")
_TIMESTAMP = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]{1,9})?Z")


class Logins:
    """Checks login requests and remembers the nonces of those that succeeded."""

    def __init__(self, settings: Settings, variation: Variation, clock: Clock) -> None:
        self._settings = settings
        self._variation = variation
        self._clock = clock
        self._used: set[tuple[str, str]] = set()

    def check(self, fields: Fields) -> str:
        """Return the checksummed wallet of a good login; raise ``ApiError`` with the documented text otherwise."""
        wallet = parse_address(fields.string("wallet_address"))
        chain_id, message, signature = fields.string("chain_id"), fields.string("message"), fields.string("signature")
        if wallet is None:
            raise ApiError(INVALID_WALLET_ADDRESS)
        lines = _parse(message)
        signed_wallet = parse_address(lines["Wallet address"])
        if signed_wallet is None:
            raise ApiError(INVALID_WALLET_ADDRESS)
        if not chain_id == lines["ChainId"] == str(self._settings.chain_id):
            raise ApiError(CHAIN_ID_MISMATCH)
        if abs(self._clock.time() - self._moment(lines["Timestamp"])) > self._settings.login_window:
            raise ApiError(TIMESTAMP_EXPIRED)
        if signed_wallet != wallet or recover_text(message, signature) != wallet:
            raise ApiError(INVALID_SIGNATURE)
        use = (wallet, lines["Nonce"])
        if use in self._used:
            raise ApiError(LOGIN_NONCE_USED)
        self._used.add(use)
        return wallet

    def _moment(self, text: str) -> float:
        match = _TIMESTAMP.fullmatch(text)
        if match is None or (match[2] and not self._variation.fractional_login_seconds):
            raise ApiError(INVALID_MESSAGE_FORMAT)
        try:
            return datetime.fromisoformat(match[1]).replace(tzinfo=UTC).timestamp() + float(match[2] or 0)
        except ValueError as exc:
            raise ApiError(INVALID_MESSAGE_FORMAT) from exc


def _parse(message: str) -> dict[str, str]:
    lines: dict[str, str] = {}
    for line in message.split("\n"):
        if not line:
            continue
        name, separator, value = line.partition(": ")
        if not separator or name in lines:
            raise ApiError(INVALID_MESSAGE_FORMAT)
        lines[name] = value
    if any(not lines.get(name) for name in _REQUIRED):
        raise ApiError(INVALID_MESSAGE_FORMAT)
    return lines
