"""What the SQL stores share: how a row becomes a value, and a query a condition."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from orderseal.signing.ledger.records import Artifact, Attempt, Hold, Scope, Slot, Stage, What
from orderseal.signing.ledger.states import OPEN, State
from orderseal.signing.ledger.store import Query
from orderseal.signing.values import Address, Hash32

__all__ = [
    "ARTIFACT",
    "ATTEMPT",
    "HOLD",
    "SLOT",
    "artifact_of",
    "attempt_of",
    "conditions",
    "hold_of",
    "scope_values",
    "slot_of",
    "state_list",
]

SLOT: Final = "id, venue, network, account, kind, key, shared, state, digest, owner, lease_epoch, lease_until, sent_at, changed_at"
ARTIFACT: Final = "slot, stage, digest, content, deadline, signature, body, at"
ATTEMPT: Final = "slot, what, digest, details, at"
HOLD: Final = "venue, network, account, kind, name, intent, owner, epoch, until, since"


def slot_of(row: Sequence[Any], key: int, scope: Scope | None = None) -> Slot:
    """A slot from the columns :data:`SLOT`; each store spells its keys in its own way."""
    return Slot(
        id=row[0],
        scope=scope or Scope(row[1], row[2], Address(row[3]), row[4]),
        key=key,
        shared=bool(row[6]),
        state=State(row[7]),
        digest=None if row[8] is None else Hash32(row[8]),
        owner=row[9],
        lease_epoch=row[10],
        lease_until=row[11],
        sent_at=row[12],
        changed_at=row[13],
    )


def artifact_of(row: Sequence[Any]) -> Artifact:
    """An artifact from the columns :data:`ARTIFACT`."""
    return Artifact(row[0], Stage(row[1]), Hash32(row[2]), *row[3:])


def attempt_of(row: Sequence[Any]) -> Attempt:
    """An attempt from the columns :data:`ATTEMPT`."""
    return Attempt(row[0], What(row[1]), None if row[2] is None else Hash32(row[2]), json.loads(row[3]), row[4])


def hold_of(row: Sequence[Any]) -> Hold:
    """A hold from the columns :data:`HOLD`."""
    return Hold(Scope(row[0], row[1], Address(row[2]), row[3]), *row[4:])


def scope_values(scope: Scope) -> tuple[str, str, bytes, str]:
    """The columns of a scope."""
    return scope.venue, scope.network, bytes(scope.account), scope.kind


def state_list(states: Iterable[State]) -> str:
    """States as a list in SQL: in the text and not as parameters, since a partial index is chosen by the text."""
    return ", ".join(sorted(f"'{State(state).value}'" for state in states))


def conditions(query: Query, mark: str, key: Callable[[int], Any]) -> tuple[str, list[Any]]:
    """What stands behind the table's name for a query, and its parameters.

    Args:
        mark: the place of a parameter.
        key: how the store spells a key.
    """
    found: list[str] = []
    values: list[Any] = []
    for column in ("venue", "network", "account", "kind"):
        if (value := getattr(query, column)) is not None:
            found.append(f"{column} = {mark}")
            values.append(bytes(value) if isinstance(value, bytes) else value)
    if query.key is not None:
        found.append(f"key = {mark}")
        values.append(key(query.key))
    if query.ids:
        found.append(f"id IN ({', '.join([mark] * len(query.ids))})")
        values += query.ids
    if query.states:
        found.append(f"state IN ({state_list(query.states)})")
        if query.states < OPEN:
            found.append(f"state IN ({state_list(OPEN)})")  # It says nothing new, but names the index.
    if query.after_id:
        found.append(f"id > {mark}")
        values.append(query.after_id)
    text = (f" WHERE {' AND '.join(found)}" if found else "") + f" ORDER BY id {'DESC' if query.newest_first else 'ASC'}"
    if query.limit is not None:
        text += f" LIMIT {mark}"
        values.append(query.limit)
    return text, values
