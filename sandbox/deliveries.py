"""The venue's own record of what reached it and what it accepted, for tests to hold a client's record against."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orderseal.sandbox.orders import Order, SignedOrder

__all__ = ["AcceptedOrder", "Deliveries"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedOrder:
    """An order that the venue accepted.

    * ``sequence``: position in the order of acceptance, counted from 0.
    * ``body_sha256``: SHA-256 in hex of the bytes of the request that was accepted.
    * ``deliveries``: how many create requests brought this very order (by its signing hash), well-formed and signed, the accepted one
      included; whatever they were answered.
    * ``identical_deliveries``: how many of those had the very same bytes.
    """

    sequence: int
    id: str
    order_hash: str
    signing_hash: str
    maker: str
    nonce: int
    signature: str
    body_sha256: str
    deliveries: int
    identical_deliveries: int


class Deliveries:
    """Counts create requests by order and by their bytes."""

    def __init__(self) -> None:
        self._bodies: dict[bytes, Counter[str]] = defaultdict(Counter[str])
        self._accepted: list[tuple[Order, str]] = []

    def note(self, signed: SignedOrder, body: bytes) -> str:
        """Count a delivery; return the hash of its bytes."""
        body_hash = sha256(body).hexdigest()
        self._bodies[signed.hashes.signing_hash][body_hash] += 1
        return body_hash

    def accept(self, order: Order, body_hash: str) -> None:
        self._accepted.append((order, body_hash))

    def accepted(self, since: int = 0) -> list[AcceptedOrder]:
        """Return what was accepted, in order, from the position ``since``."""
        return [self._describe(sequence, *self._accepted[sequence]) for sequence in range(since, len(self._accepted))]

    def __len__(self) -> int:
        return len(self._accepted)

    def _describe(self, sequence: int, order: Order, body_hash: str) -> AcceptedOrder:
        bodies = self._bodies[order.signed.hashes.signing_hash]
        return AcceptedOrder(
            sequence=sequence,
            id=order.id,
            order_hash=order.order_hash,
            signing_hash="0x" + order.signed.hashes.signing_hash.hex(),
            maker=order.signed.maker,
            nonce=order.signed.nonce,
            signature=order.signed.signature,
            body_sha256=body_hash,
            deliveries=bodies.total(),
            identical_deliveries=bodies[body_hash],
        )
