"""Everything that no document decides: drawn once per run, so that no client can come to rely on it.

Each field is explained to users, by the same name, in ``docs/assumptions.md``.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

WORDINGS = 3

CodeStyle = Literal["three_digits", "six_digits", "eight_digits"]
OrderHashKind = Literal["signing_hash", "struct_hash", "salted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variation:
    """One run's choices."""

    code_style: CodeStyle
    errors_as_http_200: bool
    wording: int
    error_details: bool
    order_hash_kind: OrderHashKind
    order_hash_salt: bytes
    rejected_as: Literal["error", "order"]
    rejection_takes_nonce: bool
    first_nonce: int
    next_nonce_rule: Literal["highest_plus_one", "lowest_unused"]
    address_case: Literal["checksum", "lower"]
    fractional_login_seconds: bool
    large_page_size: Literal["clamped", "refused"]
    unlocks_once: bool
    taker_honours_cancel: bool
    query_quantity_unit: Literal["whole", "wei"]
    unanswered_cancel: Literal["cancelled", "kept"]
    short_fill_body: bool
    fill_reply: Literal["this_fill", "all_fills"]
    fills_listed: Literal["own", "all"]
    taker_stream_signed: bool
    no_taker: Literal["null", "absent"]
    book_symbol_case: Literal["upper", "lower"]
    fee_rate: Decimal
    exchange_rates: dict[str, float]

    def describe(self) -> dict[str, object]:
        """Return the choices as JSON values, without the salt."""
        return {
            "code_style": self.code_style,
            "errors_as_http_200": self.errors_as_http_200,
            "wording": self.wording,
            "error_details": self.error_details,
            "order_hash_kind": self.order_hash_kind,
            "rejected_as": self.rejected_as,
            "rejection_takes_nonce": self.rejection_takes_nonce,
            "first_nonce": self.first_nonce,
            "next_nonce_rule": self.next_nonce_rule,
            "address_case": self.address_case,
            "fractional_login_seconds": self.fractional_login_seconds,
            "large_page_size": self.large_page_size,
            "unlocks_once": self.unlocks_once,
            "taker_honours_cancel": self.taker_honours_cancel,
            "query_quantity_unit": self.query_quantity_unit,
            "unanswered_cancel": self.unanswered_cancel,
            "short_fill_body": self.short_fill_body,
            "fill_reply": self.fill_reply,
            "fills_listed": self.fills_listed,
            "taker_stream_signed": self.taker_stream_signed,
            "no_taker": self.no_taker,
            "book_symbol_case": self.book_symbol_case,
            "fee_rate": str(self.fee_rate),
            "exchange_rates": self.exchange_rates,
        }


def draw(rng: random.Random) -> Variation:
    """Draw one run's choices."""
    return Variation(
        code_style=rng.choice(("three_digits", "six_digits", "eight_digits")),
        errors_as_http_200=rng.random() < 0.5,
        wording=rng.randrange(WORDINGS),
        error_details=rng.random() < 0.5,
        order_hash_kind=rng.choice(("signing_hash", "struct_hash", "salted")),
        order_hash_salt=rng.randbytes(32),
        rejected_as=rng.choice(("error", "order")),
        rejection_takes_nonce=rng.random() < 0.5,
        first_nonce=rng.choice((0, 1, rng.randrange(2, 1000))),
        next_nonce_rule=rng.choice(("highest_plus_one", "lowest_unused")),
        address_case=rng.choice(("checksum", "lower")),
        fractional_login_seconds=rng.random() < 0.5,
        large_page_size=rng.choice(("clamped", "refused")),
        unlocks_once=rng.random() < 0.3,
        taker_honours_cancel=rng.random() < 0.5,
        fee_rate=Decimal(rng.randrange(1250, 1351)).scaleb(-7),
        exchange_rates={"USDT": rng.uniform(0.99, 1.01), "USDC": rng.uniform(0.99, 1.01)},
        # New choices come last: a seed keeps deciding the older ones as it did.
        query_quantity_unit=rng.choice(("whole", "wei")),
        unanswered_cancel=rng.choice(("cancelled", "kept")),
        short_fill_body=rng.random() < 0.5,
        fill_reply=rng.choice(("this_fill", "all_fills")),
        fills_listed=rng.choice(("own", "all")),
        taker_stream_signed=rng.random() < 0.5,
        no_taker=rng.choice(("null", "absent")),
        book_symbol_case=rng.choice(("upper", "lower")),
    )
