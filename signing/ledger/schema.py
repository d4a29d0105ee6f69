"""The tables of the SQLite store, and how an older file becomes a newer one.

``MIGRATIONS[n]`` leads from version n to n + 1; version 0 is an empty file. A migration that was released is never edited: a
later one changes what it made. All that are needed run in one transaction.
"""

import sqlite3
from collections.abc import Iterable
from functools import cache
from typing import Final

__all__ = ["APPLICATION_ID", "MIGRATIONS", "OPEN_STATES", "expected_schema", "found_schema", "schema_version"]

APPLICATION_ID: Final = 0x4F53_4C47
"""``OSLG``: how a ledger's file tells that it is one (SQLite, *The database header*)."""

OPEN_STATES: Final = "'committed', 'reserved', 'sending', 'signed', 'unknown'"
"""As a list in SQL. A query must spell it in the same way, or SQLite does not know that the index is enough."""

_FIRST: Final = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID",
    """CREATE TABLE counters (
        venue TEXT NOT NULL, network TEXT NOT NULL, account BLOB NOT NULL CHECK (length(account) = 20), kind TEXT NOT NULL,
        next BLOB NOT NULL CHECK (length(next) = 33), acknowledged BLOB NOT NULL CHECK (length(acknowledged) = 33),
        epoch INTEGER NOT NULL,
        PRIMARY KEY (venue, network, account, kind)
    ) WITHOUT ROWID""",
    """CREATE TABLE slots (
        id INTEGER PRIMARY KEY,
        venue TEXT NOT NULL, network TEXT NOT NULL, account BLOB NOT NULL CHECK (length(account) = 20), kind TEXT NOT NULL,
        key BLOB NOT NULL CHECK (length(key) = 32),
        shared INTEGER NOT NULL CHECK (shared IN (0, 1)),
        state TEXT NOT NULL CHECK (state IN ('reserved', 'committed', 'signed', 'sending', 'accepted', 'refused', 'unknown',
                                             'abandoned', 'released')),
        digest BLOB CHECK (digest IS NULL OR length(digest) = 32),
        owner TEXT NOT NULL, lease_epoch INTEGER NOT NULL, lease_until REAL NOT NULL,
        sent_at REAL, changed_at REAL NOT NULL,
        UNIQUE (venue, network, account, kind, key),
        CHECK (CASE WHEN state IN ('reserved', 'released') THEN digest IS NULL
                    WHEN state = 'abandoned' THEN 1
                    ELSE digest IS NOT NULL END),
        CHECK (sent_at IS NULL OR digest IS NOT NULL)
    )""",
    # A step from one open state to another leaves these as they are: each page that a commit changes is a page to write through.
    f"CREATE INDEX slots_open ON slots (venue, network, account, kind) WHERE state IN ({OPEN_STATES})",
    "CREATE INDEX slots_released ON slots (venue, network, account, kind, key) WHERE state = 'released'",
    "CREATE INDEX slots_sent ON slots (venue, network, account, kind, key) WHERE sent_at IS NOT NULL",
    """CREATE TABLE artifacts (
        id INTEGER PRIMARY KEY,
        slot INTEGER NOT NULL REFERENCES slots (id),
        stage TEXT NOT NULL CHECK (stage IN ('content', 'signed')),
        digest BLOB NOT NULL CHECK (length(digest) = 32),
        content TEXT, deadline INTEGER, signature BLOB, body BLOB, at REAL NOT NULL,
        UNIQUE (slot, digest, stage),
        CHECK (CASE stage WHEN 'content' THEN content IS NOT NULL AND signature IS NULL AND body IS NULL
                          ELSE content IS NULL AND deadline IS NULL AND signature IS NOT NULL AND body IS NOT NULL END)
    )""",
    "CREATE INDEX artifacts_by_deadline ON artifacts (deadline) WHERE stage = 'content'",
    """CREATE TABLE attempts (
        id INTEGER PRIMARY KEY,
        slot INTEGER NOT NULL REFERENCES slots (id),
        what TEXT NOT NULL CHECK (what IN ('sent', 'answer', 'lookup', 'observation', 'fill', 'dead', 'cancel', 'note')),
        digest BLOB CHECK (digest IS NULL OR length(digest) = 32),
        details TEXT NOT NULL, at REAL NOT NULL
    )""",
    "CREATE INDEX attempts_by_slot ON attempts (slot)",
    # What follows holds against any program that opens the file, this one in a later release included.
    """CREATE TRIGGER slots_are_kept BEFORE DELETE ON slots
        BEGIN SELECT RAISE(ABORT, 'a slot is never deleted'); END""",
    """CREATE TRIGGER slots_keep_their_nonce BEFORE UPDATE OF id, venue, network, account, kind, key, shared ON slots
        BEGIN SELECT RAISE(ABORT, 'the nonce of a slot never changes'); END""",
    """CREATE TRIGGER slots_keep_their_digest BEFORE UPDATE OF digest ON slots
        WHEN OLD.digest IS NOT NULL AND NEW.digest IS NOT OLD.digest
            AND (OLD.shared = 0 OR NEW.digest IS NULL OR NEW.state <> 'committed')
        BEGIN SELECT RAISE(ABORT, 'a nonce is bound to one digest for ever'); END""",
    """CREATE TRIGGER slots_stay_sent BEFORE UPDATE OF sent_at ON slots
        WHEN OLD.sent_at IS NOT NULL AND NEW.sent_at IS NOT OLD.sent_at
        BEGIN SELECT RAISE(ABORT, 'what has left cannot be taken back'); END""",
    """CREATE TRIGGER slots_keep_their_fence BEFORE UPDATE OF lease_epoch ON slots WHEN NEW.lease_epoch < OLD.lease_epoch
        BEGIN SELECT RAISE(ABORT, 'a lease epoch never falls'); END""",
    """CREATE TRIGGER slots_take_legal_steps BEFORE UPDATE OF state ON slots
        WHEN NEW.state <> OLD.state AND OLD.state || '>' || NEW.state NOT IN (
            'abandoned>accepted', 'accepted>committed', 'committed>abandoned', 'committed>signed', 'refused>accepted',
            'refused>committed', 'released>abandoned', 'released>reserved', 'reserved>abandoned', 'reserved>committed',
            'reserved>released', 'sending>accepted', 'sending>committed', 'sending>refused', 'sending>signed',
            'sending>unknown', 'signed>abandoned', 'signed>accepted', 'signed>sending', 'unknown>abandoned',
            'unknown>accepted', 'unknown>committed', 'committed>sending')
        BEGIN SELECT RAISE(ABORT, 'no event leads from this state to that'); END""",
    """CREATE TRIGGER slots_send_stored_bytes BEFORE UPDATE OF state ON slots
        WHEN NEW.state IN ('signed', 'sending', 'accepted', 'refused', 'unknown')
            AND NOT EXISTS (SELECT 1 FROM artifacts WHERE slot = OLD.id AND digest = NEW.digest AND stage = 'signed')
        BEGIN SELECT RAISE(ABORT, 'nothing is sent before its bytes are stored'); END""",
    """CREATE TRIGGER slots_commit_stored_orders BEFORE UPDATE OF digest ON slots
        WHEN NEW.digest IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM artifacts WHERE slot = OLD.id AND digest = NEW.digest AND stage = 'content')
        BEGIN SELECT RAISE(ABORT, 'no digest is bound before its order is stored'); END""",
    """CREATE TRIGGER artifacts_are_one_a_nonce BEFORE INSERT ON artifacts
        WHEN EXISTS (SELECT 1 FROM artifacts WHERE slot = NEW.slot AND digest <> NEW.digest)
            AND (SELECT shared FROM slots WHERE id = NEW.slot) = 0
        BEGIN SELECT RAISE(ABORT, 'a nonce is bound to one digest for ever'); END""",
    """CREATE TRIGGER artifacts_are_signed_once BEFORE INSERT ON artifacts
        WHEN NEW.stage = 'signed'
            AND NOT EXISTS (SELECT 1 FROM artifacts WHERE slot = NEW.slot AND digest = NEW.digest AND stage = 'content')
        BEGIN SELECT RAISE(ABORT, 'nothing is signed before its order is stored'); END""",
    """CREATE TRIGGER artifacts_are_not_replaced BEFORE INSERT ON artifacts
        WHEN EXISTS (SELECT 1 FROM artifacts WHERE id = NEW.id OR slot = NEW.slot AND digest = NEW.digest AND stage = NEW.stage)
        BEGIN SELECT RAISE(ABORT, 'an artifact is written once'); END""",
    """CREATE TRIGGER artifacts_are_written_once BEFORE UPDATE ON artifacts
        BEGIN SELECT RAISE(ABORT, 'an artifact is written once'); END""",
    """CREATE TRIGGER artifacts_are_kept BEFORE DELETE ON artifacts
        BEGIN SELECT RAISE(ABORT, 'an artifact is never deleted'); END""",
    """CREATE TRIGGER attempts_are_not_replaced BEFORE INSERT ON attempts WHEN EXISTS (SELECT 1 FROM attempts WHERE id = NEW.id)
        BEGIN SELECT RAISE(ABORT, 'an attempt is written once'); END""",
    """CREATE TRIGGER attempts_are_written_once BEFORE UPDATE ON attempts
        BEGIN SELECT RAISE(ABORT, 'an attempt is written once'); END""",
    """CREATE TRIGGER attempts_are_kept BEFORE DELETE ON attempts
        BEGIN SELECT RAISE(ABORT, 'an attempt is never deleted'); END""",
)

_SECOND: Final = (
    """CREATE TABLE intents (
        venue TEXT NOT NULL, network TEXT NOT NULL, account BLOB NOT NULL, kind TEXT NOT NULL,
        reference TEXT NOT NULL CHECK (length(reference) BETWEEN 1 AND 128),
        slot INTEGER NOT NULL UNIQUE REFERENCES slots (id),
        PRIMARY KEY (venue, network, account, kind, reference)
    ) WITHOUT ROWID""",
    """CREATE TRIGGER intents_are_kept BEFORE DELETE ON intents
        BEGIN SELECT RAISE(ABORT, 'a reference is never deleted'); END""",
    """CREATE TRIGGER intents_keep_their_reference BEFORE UPDATE OF venue, network, account, kind, reference ON intents
        BEGIN SELECT RAISE(ABORT, 'a reference never changes'); END""",
    """CREATE TRIGGER intents_take_effect_once BEFORE UPDATE OF slot ON intents
        WHEN NOT EXISTS (SELECT 1 FROM slots WHERE id = OLD.slot AND state = 'abandoned' AND sent_at IS NULL)
        BEGIN SELECT RAISE(ABORT, 'a reference names one nonce for ever'); END""",
)

_THIRD: Final = (
    """CREATE TABLE holds (
        venue TEXT NOT NULL, network TEXT NOT NULL, account BLOB NOT NULL CHECK (length(account) = 20), kind TEXT NOT NULL,
        name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 200), intent TEXT NOT NULL CHECK (length(intent) BETWEEN 1 AND 128),
        owner TEXT NOT NULL, epoch INTEGER NOT NULL, until REAL NOT NULL, since REAL NOT NULL,
        PRIMARY KEY (venue, network, account, kind, name)
    ) WITHOUT ROWID""",
    """CREATE TRIGGER holds_are_not_replaced BEFORE INSERT ON holds
        WHEN EXISTS (SELECT 1 FROM holds WHERE venue = NEW.venue AND network = NEW.network AND account = NEW.account AND kind = NEW.kind
            AND name = NEW.name)
        BEGIN SELECT RAISE(ABORT, 'a hold ends before another begins'); END""",
    """CREATE TRIGGER holds_keep_their_intent BEFORE UPDATE OF venue, network, account, kind, name, intent, since ON holds
        BEGIN SELECT RAISE(ABORT, 'what a hold is for never changes'); END""",
    """CREATE TRIGGER holds_keep_their_fence BEFORE UPDATE OF owner, epoch ON holds
        WHEN NEW.epoch < OLD.epoch OR NEW.owner <> OLD.owner AND NEW.epoch = OLD.epoch
        BEGIN SELECT RAISE(ABORT, 'the epoch of a hold grows each time it changes hands'); END""",
    "DROP TRIGGER slots_take_legal_steps",
    """CREATE TRIGGER slots_take_legal_steps BEFORE UPDATE OF state ON slots
        WHEN NEW.state <> OLD.state AND OLD.state || '>' || NEW.state NOT IN (
            'abandoned>accepted', 'accepted>committed', 'committed>abandoned', 'committed>signed', 'refused>accepted',
            'refused>committed', 'released>abandoned', 'released>reserved', 'reserved>abandoned', 'reserved>committed',
            'reserved>released', 'sending>accepted', 'sending>committed', 'sending>refused', 'sending>signed',
            'sending>unknown', 'signed>abandoned', 'signed>accepted', 'signed>committed', 'signed>sending',
            'unknown>abandoned', 'unknown>accepted', 'unknown>committed', 'committed>sending')
        BEGIN SELECT RAISE(ABORT, 'no event leads from this state to that'); END""",
    """CREATE TRIGGER slots_go_back_if_shared BEFORE UPDATE OF state ON slots
        WHEN NEW.state = 'committed' AND OLD.state NOT IN ('reserved', 'committed') AND (OLD.shared = 0 OR NEW.digest IS OLD.digest)
        BEGIN SELECT RAISE(ABORT, 'a nonce is bound to one digest for ever'); END""",
)

MIGRATIONS: tuple[tuple[str, ...], ...] = (_FIRST, _SECOND, _THIRD)
"""The statements that lead from each version to the next."""


def schema_version() -> int:
    """The version that this release writes."""
    return len(MIGRATIONS)


def found_schema(connection: sqlite3.Connection) -> frozenset[tuple[str, str, str]]:
    """Every table, index and trigger of a database, with its text."""
    rows: Iterable[tuple[str, str, str]] = connection.execute(
        "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    )
    return frozenset(rows)


def expected_schema() -> frozenset[tuple[str, str, str]]:
    """What :func:`found_schema` gives of a file that this release made."""
    return _expected(MIGRATIONS)


@cache
def _expected(migrations: tuple[tuple[str, ...], ...]) -> frozenset[tuple[str, str, str]]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        for migration in migrations:
            for statement in migration:
                connection.execute(statement)
        return found_schema(connection)
    finally:
        connection.close()
