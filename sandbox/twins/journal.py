"""What really reached a twin and took effect, for tests to hold a client's record against."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from hashlib import sha256

__all__ = ["AcceptedWrite", "Journal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedWrite:
    """A request that created or changed something at the platform.

    * ``sequence``: position in the order of acceptance, counted from 0.
    * ``operation``: its name in the OpenAPI description, such as ``create_orders``.
    * ``path``: with the query, as it was sent.
    * ``body``: the JSON that was sent; ``None`` if there was none, or for a form with files.
    * ``body_sha256``: SHA-256 in hex of the body's bytes.
    * ``ids``: of what was created: orders, a transaction, a deal, an association.
    * ``deliveries``: how many requests brought these bytes to this path, well-formed and authenticated, the accepted one included;
      whatever they were answered.
    """

    sequence: int
    operation: str
    method: str
    path: str
    body: object = field(repr=False)
    body_sha256: str
    ids: tuple[str, ...]
    deliveries: int


_Key = tuple[str, str, str]


class Journal:
    """Counts the writes that arrive, and keeps those that were accepted."""

    def __init__(self) -> None:
        self._delivered: Counter[_Key] = Counter()
        self._accepted: list[tuple[_Key, str, object, tuple[str, ...]]] = []

    def note(self, method: str, path: str, raw: bytes) -> _Key:
        """Count a delivery; return its key."""
        key = (method, path, sha256(raw).hexdigest())
        self._delivered[key] += 1
        return key

    def accept(self, key: _Key, operation: str, body: object, ids: tuple[str, ...]) -> None:
        self._accepted.append((key, operation, body, ids))

    def __len__(self) -> int:
        return len(self._accepted)

    def describe(self, since: int) -> list[dict[str, object]]:
        """Return what was accepted from a position on, ready for JSON."""
        return [asdict(self._write(sequence)) for sequence in range(since, len(self._accepted))]

    def _write(self, sequence: int) -> AcceptedWrite:
        key, operation, body, ids = self._accepted[sequence]
        method, path, digest = key
        return AcceptedWrite(
            sequence=sequence,
            operation=operation,
            method=method,
            path=path,
            body=body,
            body_sha256=digest,
            ids=ids,
            deliveries=self._delivered[key],
        )
