"""What the venue trades: tickers, the two test stablecoins, and its fee estimate.

Source: testing guide (tokens), "Estimate Order Fee" page (the worked example divides by the exchange rate).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal

from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak

from orderseal.sandbox.body import Fields, invalid
from orderseal.sandbox.errors import INVALID_PRICE, INVALID_QUANTITY, UNKNOWN_ASSET, UNKNOWN_EXCHANGE, UNKNOWN_TICKER, ApiError
from orderseal.sandbox.signatures import parse_address
from orderseal.sandbox.variation import Variation

NASDAQ = 0
WEI = 10**18
STABLECOINS = {
    "0x09671802Cc9Bbf6402f2e7a07b220Aa7b43D8c91": "USDT",
    "0x5f3733f382ab5d464D39742Bb3840898cD24E6a0": "USDC",
}

_CENT = Decimal("0.01")
_SMALLEST_FEE = Decimal("0.01")
_PRICE = re.compile(r"[0-9]{1,12}(\.[0-9]{1,18})?")
_SHARES = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True, slots=True)
class Instrument:
    """One stock; ``price`` is a plain US-dollar figure to start from, not a market price."""

    ticker: str
    name: str
    price: Decimal

    @property
    def token_address(self) -> str:
        """A made-up address that is the same in every run, as the venue's CREATE2 addresses would be."""
        return to_checksum_address(keccak(text=f"sandbox stock token {self.ticker} {NASDAQ}")[-20:])


INSTRUMENTS = {
    ticker: Instrument(ticker, name, Decimal(price))
    for ticker, name, price in (
        ("AAPL", "Apple Inc.", "260"),
        ("AMZN", "Amazon.com, Inc.", "233"),
        ("GOOG", "Alphabet Inc.", "280"),
        ("META", "Meta Platforms, Inc.", "640"),
        ("MSFT", "Microsoft Corporation", "505"),
        ("NFLX", "Netflix, Inc.", "1100"),
        ("NVDA", "NVIDIA Corporation", "190"),
        ("TSLA", "Tesla, Inc.", "430"),
    )
}


def instrument(ticker: str, exchange: int) -> Instrument:
    """Return a listed instrument, or raise ``ApiError``."""
    if exchange != NASDAQ:
        raise ApiError(UNKNOWN_EXCHANGE)
    if ticker not in INSTRUMENTS:
        raise ApiError(UNKNOWN_TICKER)
    return INSTRUMENTS[ticker]


def stablecoin(address: str) -> str:
    """Return the checksummed address of one of the two test stablecoins, or raise ``ApiError``."""
    known = parse_address(address)
    if known not in STABLECOINS:
        raise ApiError(UNKNOWN_ASSET)
    return known


def least_incentive(variation: Variation, asset: str, price: int, shares: int) -> int:
    """Return the fee in base units of the asset below which no taker locks an order at this price."""
    rate = Decimal(repr(variation.exchange_rates[STABLECOINS[asset]]))
    fee = _fee(variation, Decimal(price) / WEI * rate * shares)
    # The estimate rounds to whole cents and to a float; an order that pays exactly the estimate must pass.
    return int(fee / rate * WEI * (1 - Decimal("1e-9")))


def estimate(fields: Fields, variation: Variation) -> dict[str, object]:
    """Answer ``POST /api/v1/orders/estimate_charge``."""
    fields.only("is_buy", "ticker", "exchange", "quantity", "price", "asset", "target_currency")
    fields.boolean("is_buy")
    instrument(fields.string("ticker"), fields.integer("exchange"))
    price, shares = fields.string("price"), fields.string("quantity")
    stablecoin(fields.string("asset"))
    currency = fields.string("target_currency") if fields.has("target_currency") else "USDT"
    if currency not in STABLECOINS.values():
        raise invalid("The target_currency field must be USDT or USDC")
    if not _PRICE.fullmatch(price) or Decimal(price) == 0:
        raise ApiError(INVALID_PRICE)
    if not _SHARES.fullmatch(shares) or int(shares) == 0:
        raise ApiError(INVALID_QUANTITY)
    charge = _fee(variation, Decimal(price) * int(shares)).quantize(_CENT, rounding=ROUND_UP)
    rate = variation.exchange_rates[currency]
    return {
        "base_currency": "USD",
        "charge_base": str(charge),
        "target_currency": currency,
        "charge_target": _sloppy(charge, rate),
        "price_base": price,
        "price_target": _sloppy(Decimal(price), rate),
        "exchange_rate": rate,
    }


def _fee(variation: Variation, notional: Decimal) -> Decimal:
    return max(notional * variation.fee_rate, _SMALLEST_FEE)


def _sloppy(base: Decimal, rate: float) -> str:
    """Convert through a float, as the documented example (``261373165829145650000``) shows the venue does."""
    return str(int(Decimal(repr(float(base) / rate)).scaleb(18)))
