"""Ids and times as the platforms write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from random import Random
from uuid import UUID

TURKEY = timezone(timedelta(hours=3))


def uuid4(rng: Random) -> str:
    return str(UUID(int=rng.getrandbits(128), version=4))


def object_id(rng: Random) -> str:
    """Return 24 hexadecimal digits."""
    return rng.randbytes(12).hex()


def address(rng: Random) -> str:
    return "0x" + rng.randbytes(20).hex()


def tx_hash(rng: Random) -> str:
    return "0x" + rng.randbytes(32).hex()


def rfc3339(seconds: float, digits: int = 6, zone: timezone = UTC) -> str:
    """Return a moment with 0 to 9 digits of a second, ``Z`` for UTC."""
    moment = datetime.fromtimestamp(seconds, zone)
    fraction = f".{moment.microsecond:06d}000"[: digits + 1] if digits else ""
    offset = "Z" if zone is UTC else moment.strftime("%z")[:3] + ":" + moment.strftime("%z")[3:]
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + fraction + offset
