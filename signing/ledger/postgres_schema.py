"""The tables, triggers and functions of the PostgreSQL store, and how they are told from others.

``MIGRATIONS[n]`` leads from version n to n + 1; version 0 is an empty schema. A migration that was released is never edited: a later one
changes what it made. In every text ``@`` stands for the schema's quoted name.

All rules stand in functions, whose source the server keeps as it was written: so a changed one is told from ours in any version of the
server, which an expression that the server has parsed and prints again is not.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

__all__ = ["APPLICATION", "MIGRATIONS", "TABLES", "Rows", "expected_schema", "found_schema", "named", "schema_version"]

APPLICATION: Final = "orderseal ledger"
"""How the table ``meta`` tells whose it is."""

Rows = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]
"""Runs a statement and gives its rows."""

_SCOPE: Final = ("venue text!", "network text!", "account bytea!", "kind text!")
_ID: Final = "id bigint!+"

_FIRST_TABLES: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "meta": (("name text!", "value text!"), ("PRIMARY KEY (name)",)),
    "counters": (
        (*_SCOPE, "next numeric(78,0)!", "acknowledged numeric(78,0)!", "epoch bigint!"),
        ("PRIMARY KEY (venue, network, account, kind)",),
    ),
    "slots": (
        (
            _ID, *_SCOPE, "key numeric(78,0)!", "shared boolean!", "state text!", "digest bytea", "owner text!", "lease_epoch bigint!",
            "lease_until double precision!", "sent_at double precision", "changed_at double precision!",
        ),
        ("PRIMARY KEY (id)", "UNIQUE (venue, network, account, kind, key)"),
    ),
    "artifacts": (
        (
            _ID, "slot bigint!", "stage text!", "digest bytea!", "content text", "deadline bigint", "signature bytea", "body bytea",
            "at double precision!",
        ),
        ("PRIMARY KEY (id)", "UNIQUE (slot, digest, stage)", "FOREIGN KEY (slot) REFERENCES @.slots (id)"),
    ),
    "attempts": (
        (_ID, "slot bigint!", "what text!", "digest bytea", "details text!", "at double precision!"),
        ("PRIMARY KEY (id)", "FOREIGN KEY (slot) REFERENCES @.slots (id)"),
    ),
    "intents": (
        (*_SCOPE, "reference text!", "slot bigint!"),
        ("PRIMARY KEY (venue, network, account, kind, reference)", "UNIQUE (slot)", "FOREIGN KEY (slot) REFERENCES @.slots (id)"),
    ),
}  # fmt: skip

_SECOND_TABLES: Final = {
    "holds": (
        (*_SCOPE, "name text!", "intent text!", "owner text!", "epoch bigint!", "until double precision!", "since double precision!"),
        ("PRIMARY KEY (venue, network, account, kind, name)",),
    ),
}

TABLES: Final = {**_FIRST_TABLES, **_SECOND_TABLES}
"""Of each table the columns (``!``: not null; ``+``: numbered by the server) and the constraints."""

_INDEXES: Final = (
    "CREATE INDEX slots_by_state ON @.slots (state)",
    "CREATE INDEX slots_released ON @.slots (venue, network, account, kind, key) WHERE state = 'released'",
    "CREATE INDEX slots_sent ON @.slots (venue, network, account, kind, key) WHERE sent_at IS NOT NULL",
    "CREATE INDEX artifacts_by_deadline ON @.artifacts (deadline) WHERE stage = 'content'",
    "CREATE INDEX attempts_by_slot ON @.attempts (slot)",
)

# The hint of an error is the reason of the LedgerError that it becomes.
_REFUSE: Final = """
BEGIN
    RAISE EXCEPTION '%', message USING ERRCODE = 'OSL00', HINT = reason;
END"""

_KEEP: Final = """
BEGIN
    PERFORM @.refuse('conflict', TG_TABLE_NAME || ' are never deleted, and what is appended is written once');
    RETURN NULL;
END"""

_KEEP_META: Final = """
BEGIN
    IF NEW.name <> OLD.name OR NEW.name IN ('application', 'store_id') AND NEW.value <> OLD.value THEN
        PERFORM @.refuse('conflict', 'a store keeps its name');
    END IF;
    IF NEW.name IN ('epoch', 'version') AND NEW.value::bigint < OLD.value::bigint THEN
        PERFORM @.refuse('conflict', 'the epoch of a store never falls');
    END IF;
    RETURN NEW;
END"""

_CHECK_COUNTER: Final = """
BEGIN
    IF length(NEW.account) <> 20 OR NEW.next < 0 OR NEW.acknowledged < 0 THEN
        PERFORM @.refuse('conflict', 'this is no counter');
    END IF;
    RETURN NEW;
END"""

_ADD_SLOT: Final = """
BEGIN
    IF NEW.state <> 'reserved' OR NEW.digest IS NOT NULL OR NEW.sent_at IS NOT NULL OR length(NEW.account) <> 20
        OR NEW.key < 0 OR NEW.key > 115792089237316195423570985008687907853269984665640564039457584007913129639935
    THEN
        PERFORM @.refuse('conflict', 'a slot begins reserved, with nothing bound to it');
    END IF;
    RETURN NEW;
END"""

_STEP_SLOT: Final = """
BEGIN
    IF (NEW.id, NEW.venue, NEW.network, NEW.account, NEW.kind, NEW.key, NEW.shared)
        IS DISTINCT FROM (OLD.id, OLD.venue, OLD.network, OLD.account, OLD.kind, OLD.key, OLD.shared)
    THEN
        PERFORM @.refuse('conflict', 'the nonce of a slot never changes');
    END IF;
    IF OLD.digest IS NOT NULL AND NEW.digest IS DISTINCT FROM OLD.digest
        AND (NOT OLD.shared OR NEW.digest IS NULL OR NEW.state <> 'committed')
    THEN
        PERFORM @.refuse('bound', 'a nonce is bound to one digest for ever');
    END IF;
    IF OLD.sent_at IS NOT NULL AND NEW.sent_at IS DISTINCT FROM OLD.sent_at OR NEW.sent_at IS NOT NULL AND NEW.digest IS NULL THEN
        PERFORM @.refuse('conflict', 'what has left cannot be taken back');
    END IF;
    IF NEW.lease_epoch < OLD.lease_epoch THEN
        PERFORM @.refuse('conflict', 'a lease epoch never falls');
    END IF;
    IF NEW.state <> OLD.state AND OLD.state || '>' || NEW.state NOT IN (
        'abandoned>accepted', 'accepted>committed', 'committed>abandoned', 'committed>signed', 'refused>accepted', 'refused>committed',
        'released>abandoned', 'released>reserved', 'reserved>abandoned', 'reserved>committed', 'reserved>released', 'sending>accepted',
        'sending>committed', 'sending>refused', 'sending>signed', 'sending>unknown', 'signed>abandoned', 'signed>accepted',
        'signed>sending', 'unknown>abandoned', 'unknown>accepted', 'unknown>committed', 'committed>sending')
    THEN
        PERFORM @.refuse('conflict', format('no event leads from %s to %s', OLD.state, NEW.state));
    END IF;
    IF NEW.state IN ('reserved', 'released') AND NEW.digest IS NOT NULL
        OR NEW.state NOT IN ('reserved', 'released', 'abandoned') AND NEW.digest IS NULL
    THEN
        PERFORM @.refuse('conflict', format('a slot that is %s has a digest, or has none', NEW.state));
    END IF;
    IF NEW.digest IS DISTINCT FROM OLD.digest
        AND NOT EXISTS (SELECT FROM @.artifacts a WHERE a.slot = OLD.id AND a.digest = NEW.digest AND a.stage = 'content')
    THEN
        PERFORM @.refuse('conflict', 'no digest is bound before its order is stored');
    END IF;
    IF NEW.state IN ('signed', 'sending', 'accepted', 'refused', 'unknown')
        AND (NEW.state <> OLD.state OR NEW.digest IS DISTINCT FROM OLD.digest)
        AND NOT EXISTS (SELECT FROM @.artifacts a WHERE a.slot = OLD.id AND a.digest = NEW.digest AND a.stage = 'signed')
    THEN
        PERFORM @.refuse('conflict', 'nothing is sent before its bytes are stored');
    END IF;
    RETURN NEW;
END"""

# The slot's row is locked, so that of two sessions that append to one nonce the second sees what the first has written.
_ADD_ARTIFACT: Final = """
DECLARE
    is_shared boolean;
BEGIN
    SELECT shared INTO is_shared FROM @.slots WHERE id = NEW.slot FOR NO KEY UPDATE;
    IF length(NEW.digest) <> 32 OR NEW.stage NOT IN ('content', 'signed')
        OR NEW.stage = 'content' AND (NEW.content IS NULL OR NEW.signature IS NOT NULL OR NEW.body IS NOT NULL)
        OR NEW.stage = 'signed'
            AND (NEW.content IS NOT NULL OR NEW.deadline IS NOT NULL OR NEW.signature IS NULL OR NEW.body IS NULL)
    THEN
        PERFORM @.refuse('conflict', 'this is no half of what a nonce carries');
    END IF;
    IF NOT is_shared AND EXISTS (SELECT FROM @.artifacts a WHERE a.slot = NEW.slot AND a.digest <> NEW.digest) THEN
        PERFORM @.refuse('bound', 'a nonce is bound to one digest for ever');
    END IF;
    IF NEW.stage = 'signed'
        AND NOT EXISTS (SELECT FROM @.artifacts a WHERE a.slot = NEW.slot AND a.digest = NEW.digest AND a.stage = 'content')
    THEN
        PERFORM @.refuse('conflict', 'nothing is signed before its order is stored');
    END IF;
    RETURN NEW;
END"""

_ADD_ATTEMPT: Final = """
BEGIN
    IF length(NEW.digest) <> 32
        OR NEW.what NOT IN ('sent', 'answer', 'lookup', 'observation', 'fill', 'dead', 'cancel', 'note')
    THEN
        PERFORM @.refuse('conflict', 'this is nothing that happens to a slot');
    END IF;
    RETURN NEW;
END"""

_KEEP_INTENT: Final = """
BEGIN
    IF char_length(NEW.reference) NOT BETWEEN 1 AND 128 THEN
        PERFORM @.refuse('conflict', 'this is no reference');
    END IF;
    IF TG_OP = 'UPDATE' AND (NEW.venue, NEW.network, NEW.account, NEW.kind, NEW.reference)
        IS DISTINCT FROM (OLD.venue, OLD.network, OLD.account, OLD.kind, OLD.reference)
    THEN
        PERFORM @.refuse('conflict', 'a reference never changes');
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.slot <> OLD.slot
        AND NOT EXISTS (SELECT FROM @.slots s WHERE s.id = OLD.slot AND s.state = 'abandoned' AND s.sent_at IS NULL)
    THEN
        PERFORM @.refuse('conflict', 'a reference names one nonce for ever');
    END IF;
    RETURN NEW;
END"""

# What a statement needs beyond its rows: the session that was checked, the tables that were checked, a disk that is written to, and an
# epoch that stays until it has committed. It gives that epoch, read after the lock, and not as old as the statement.
_REQUIRE: Final = """
BEGIN
    IF current_setting('orderseal.session', true) IS DISTINCT FROM session THEN
        PERFORM @.refuse('unsupported', 'the statement came to another session than was checked, as behind a pooler in transaction mode');
    ELSIF '@.slots'::regclass::oid <> slots THEN
        PERFORM @.refuse('replaced', 'the tables are not those that were opened');
    ELSIF current_setting('fsync') <> 'on' OR current_setting('full_page_writes') <> 'on' THEN
        PERFORM @.refuse('synchronous', 'fsync or full_page_writes is off now');
    END IF;
    PERFORM pg_advisory_xact_lock_shared(hashtextextended('@', 3));
    RETURN (SELECT m.value::bigint FROM @.meta m WHERE m.name = 'epoch');
END"""

_APPLY: Final = """
DECLARE
    present bigint := @.require(session, slots);
    change jsonb;
    after @.slots;
BEGIN
    FOR change IN SELECT value FROM jsonb_array_elements(changes) LOOP
        INSERT INTO @.artifacts (slot, stage, digest, content, deadline, signature, body, at)
            SELECT a.slot, a.stage, decode(a.digest, 'hex'), a.content, a.deadline, decode(a.signature, 'hex'), decode(a.body, 'hex'), a.at
            FROM jsonb_to_recordset(change->'artifacts') AS a (slot bigint, stage text, digest text, content text, deadline bigint,
                signature text, body text, at double precision);
        IF (change->>'current')::boolean AND NOT EXISTS (
            SELECT FROM @.slots s JOIN @.counters c USING (venue, network, account, kind)
            WHERE s.id = (change->>'slot')::bigint AND c.epoch = present)
        THEN
            PERFORM @.refuse('needs_reconcile', change->>'number');
        END IF;
        UPDATE @.slots s SET
            state = change->>'state', digest = coalesce(decode(change->>'digest', 'hex'), s.digest), owner = new_owner,
            lease_until = CASE WHEN s.lease_until > extract(epoch FROM clock_timestamp())::double precision
                THEN extract(epoch FROM clock_timestamp())::double precision + seconds ELSE s.lease_until END,
            changed_at = (change->>'at')::double precision,
            sent_at = coalesce(s.sent_at, (change->>'sent_at')::double precision)
        WHERE s.id = (change->>'slot')::bigint AND s.state = change->>'from' AND s.lease_epoch = (change->>'lease_epoch')::bigint
            AND (NOT (change->>'live')::boolean OR s.lease_until > extract(epoch FROM clock_timestamp())::double precision)
        RETURNING s.* INTO after;
        IF NOT FOUND THEN
            PERFORM @.refuse('stale', change->>'number');
        END IF;
        INSERT INTO @.attempts (slot, what, digest, details, at)
            SELECT a.slot, a.what, decode(a.digest, 'hex'), a.details, a.at
            FROM jsonb_to_recordset(change->'attempts') AS a (slot bigint, what text, digest text, details text, at double precision);
        IF change->>'reference' IS NOT NULL THEN
            INSERT INTO @.intents AS i (venue, network, account, kind, reference, slot)
                VALUES (after.venue, after.network, after.account, after.kind, change->>'reference', after.id)
                ON CONFLICT (venue, network, account, kind, reference) DO UPDATE SET slot = excluded.slot
                WHERE EXISTS (SELECT FROM @.slots s WHERE s.id = i.slot AND s.state = 'abandoned' AND s.sent_at IS NULL);
            IF NOT FOUND THEN
                PERFORM @.refuse('reference_used', change->>'number');
            END IF;
        END IF;
        RETURN NEXT after;
    END LOOP;
END"""

_FIRST_FUNCTIONS: Final = {
    "refuse(reason text, message text)": ("void", _REFUSE),
    "keep()": ("trigger", _KEEP),
    "keep_meta()": ("trigger", _KEEP_META),
    "check_counter()": ("trigger", _CHECK_COUNTER),
    "add_slot()": ("trigger", _ADD_SLOT),
    "step_slot()": ("trigger", _STEP_SLOT),
    "add_artifact()": ("trigger", _ADD_ARTIFACT),
    "add_attempt()": ("trigger", _ADD_ATTEMPT),
    "keep_intent()": ("trigger", _KEEP_INTENT),
    "require(session text, slots oid)": ("bigint", _REQUIRE),
    "apply(session text, slots oid, changes jsonb, new_owner text, seconds double precision)": ("SETOF @.slots", _APPLY),
}

# A shared slot that has not sent may be replaced, too; one that is not shared never goes back.
_STEP_SLOT_AND_REPLACE: Final = _STEP_SLOT.replace("'signed>accepted',\n", "'signed>accepted', 'signed>committed',\n").replace(
    """    IF NEW.state IN ('reserved', 'released') AND NEW.digest IS NOT NULL""",
    """    IF NEW.state = 'committed' AND OLD.state NOT IN ('reserved', 'committed')
        AND (NOT OLD.shared OR NEW.digest IS NOT DISTINCT FROM OLD.digest)
    THEN
        PERFORM @.refuse('bound', 'a nonce is bound to one digest for ever');
    END IF;
    IF NEW.state IN ('reserved', 'released') AND NEW.digest IS NOT NULL""",
)

# A session that was opened before says nothing of the digest.
_APPLY_IF_BOUND: Final = _APPLY.replace(
    "        RETURNING s.* INTO after;",
    """            AND (NOT change ? 'bound' OR s.digest IS NOT DISTINCT FROM decode(change->>'bound', 'hex'))
        RETURNING s.* INTO after;""",
)

_KEEP_HOLD: Final = """
BEGIN
    IF length(NEW.account) <> 20 OR char_length(NEW.name) NOT BETWEEN 1 AND 200 OR char_length(NEW.intent) NOT BETWEEN 1 AND 128 THEN
        PERFORM @.refuse('conflict', 'this is no hold');
    END IF;
    IF TG_OP = 'UPDATE' AND (NEW.venue, NEW.network, NEW.account, NEW.kind, NEW.name, NEW.intent, NEW.since)
        IS DISTINCT FROM (OLD.venue, OLD.network, OLD.account, OLD.kind, OLD.name, OLD.intent, OLD.since)
    THEN
        PERFORM @.refuse('conflict', 'what a hold is for never changes');
    END IF;
    IF TG_OP = 'UPDATE' AND (NEW.epoch < OLD.epoch OR NEW.owner <> OLD.owner AND NEW.epoch = OLD.epoch) THEN
        PERFORM @.refuse('conflict', 'the epoch of a hold grows each time it changes hands');
    END IF;
    RETURN NEW;
END"""

_SECOND_FUNCTIONS: Final = {
    "step_slot()": ("trigger", _STEP_SLOT_AND_REPLACE),
    "apply(session text, slots oid, changes jsonb, new_owner text, seconds double precision)": ("SETOF @.slots", _APPLY_IF_BOUND),
    "keep_hold()": ("trigger", _KEEP_HOLD),
}

_FUNCTIONS: Final = {**_FIRST_FUNCTIONS, **_SECOND_FUNCTIONS}
"""Head, result and source of each function. PL/pgSQL asks the tables anew at each statement, also within one that is under way."""

_BEFORE: Final = {"row": 1 + 2, "statement": 2}
_EVENTS: Final = {"INSERT": 4, "DELETE": 8, "UPDATE": 16, "TRUNCATE": 32}
"""The bits of ``pg_trigger.tgtype`` (PostgreSQL, ``catalog/pg_trigger.h``)."""

_FIRST_TRIGGERS: Final = (
    ("meta", "keep_meta", "row", "UPDATE"),
    ("counters", "check_counter", "row", "INSERT OR UPDATE"),
    ("slots", "add_slot", "row", "INSERT"),
    ("slots", "step_slot", "row", "UPDATE"),
    ("artifacts", "add_artifact", "row", "INSERT"),
    ("attempts", "add_attempt", "row", "INSERT"),
    ("intents", "keep_intent", "row", "INSERT OR UPDATE"),
    *((table, "keep", "statement", "DELETE OR TRUNCATE") for table in ("meta", "counters", "slots", "intents")),
    *((table, "keep", "statement", "UPDATE OR DELETE OR TRUNCATE") for table in ("artifacts", "attempts")),
)
_SECOND_TRIGGERS: Final = (("holds", "keep_hold", "row", "INSERT OR UPDATE"), ("holds", "keep", "statement", "TRUNCATE"))

_TRIGGERS: Final = (*_FIRST_TRIGGERS, *_SECOND_TRIGGERS)
"""Table, function (the trigger has its name), for each what, and before which events."""


def named(text: str, schema: str) -> str:
    """A text with the schema's name in it."""
    return text.replace("@", f'"{schema}"')


def _create(
    tables: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]],
    indexes: Iterable[str],
    functions: Mapping[str, tuple[str, str]],
    triggers: Iterable[tuple[str, str, str, str]],
    *,
    create: str = "CREATE",
) -> tuple[str, ...]:
    """The statements that make tables, indexes, functions (``create`` may replace them) and triggers."""
    statements = [f"CREATE TABLE @.{table} ({', '.join([*map(_column, columns), *rules])})" for table, (columns, rules) in tables.items()]
    statements += indexes
    statements += [
        f"{create} FUNCTION @.{head} RETURNS {result} LANGUAGE plpgsql AS $orderseal${source}$orderseal$"
        for head, (result, source) in functions.items()
    ]
    for table, function, each, events in triggers:
        statements.append(f"CREATE TRIGGER {function} BEFORE {events} ON @.{table} FOR EACH {each.upper()} EXECUTE FUNCTION @.{function}()")
        # ALWAYS: a session that calls itself a replica is held to the rules like any other.
        statements.append(f"ALTER TABLE @.{table} ENABLE ALWAYS TRIGGER {function}")
    return tuple(statements)


def _column(column: str) -> str:
    text = column.rstrip("!+")
    return text + (" NOT NULL" if "!" in column else "") + (" GENERATED ALWAYS AS IDENTITY" if "+" in column else "")


MIGRATIONS: tuple[tuple[str, ...], ...] = (
    _create(_FIRST_TABLES, _INDEXES, _FIRST_FUNCTIONS, _FIRST_TRIGGERS),
    _create(_SECOND_TABLES, (), _SECOND_FUNCTIONS, _SECOND_TRIGGERS, create="CREATE OR REPLACE"),
)
"""The statements that lead from each version to the next."""


def schema_version() -> int:
    """The version that this release writes."""
    return len(MIGRATIONS)


def expected_schema(schema: str) -> frozenset[tuple[str, ...]]:
    """What :func:`found_schema` gives of a schema that this release made."""
    found: set[tuple[str, ...]] = set()
    for table, (columns, rules) in TABLES.items():
        found.add(("table", table, "r", "p", "false", "0", "0"))
        for column in columns:
            name, _space, kind = column.rstrip("!+").partition(" ")
            found.add(("column", table, name, kind, str("!" in column).lower(), "a" if "+" in column else "", "false"))
        for rule in rules:
            words, _open, rest = rule.partition(" (")
            names, _close, target = rest.partition(")")
            target = target.removeprefix(" REFERENCES @.").removesuffix(" (id)")
            found.add(("constraint", table, {"PRIMARY KEY": "p", "UNIQUE": "u", "FOREIGN KEY": "f"}[words], names, target, "true", "false"))
    for head, (_result, source) in _FUNCTIONS.items():
        found.add(("function", head.partition("(")[0], named(source, schema), "plpgsql", "false", "v", "", ""))
    for table, function, each, events in _TRIGGERS:
        bits = _BEFORE[each] + sum(_EVENTS[event] for event in events.split(" OR "))
        found.add(("trigger", table, function, function, schema, str(bits), "A", "", "false"))
    return frozenset(found)


_FOUND: Final = """
WITH tables AS (SELECT c.* FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND c.relkind IN ('r', 'p'))
SELECT ARRAY['table', relname, relkind::text, relpersistence::text, (relrowsecurity OR relforcerowsecurity)::text,
        (SELECT count(*) FROM pg_rewrite WHERE ev_class = t.oid)::text,
        (SELECT count(*) FROM pg_inherits WHERE t.oid IN (inhrelid, inhparent))::text]::text[]
    FROM tables t
UNION ALL
SELECT ARRAY['column', relname, attname, format_type(atttypid, atttypmod), attnotnull::text, attidentity::text, atthasdef::text]::text[]
    FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT ARRAY['constraint', relname, contype::text,
        (SELECT string_agg(attname, ', ' ORDER BY place) FROM unnest(conkey) WITH ORDINALITY AS k (number, place)
            JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number),
        coalesce((SELECT relname FROM pg_class WHERE oid = c.confrelid), ''),
        (convalidated AND coalesce((SELECT indisvalid FROM pg_index WHERE indexrelid = c.conindid), true))::text,
        condeferrable::text]::text[]
    FROM tables t JOIN pg_constraint c ON c.conrelid = t.oid AND c.contype <> 'n'
UNION ALL
SELECT ARRAY['trigger', relname, tgname, p.proname, (SELECT nspname FROM pg_namespace WHERE oid = p.pronamespace), tgtype::text,
        tgenabled::text, tgattr::text, (tgqual IS NOT NULL)::text]::text[]
    FROM tables t JOIN pg_trigger g ON g.tgrelid = t.oid JOIN pg_proc p ON p.oid = g.tgfoid
    WHERE NOT tgisinternal OR tgenabled <> 'O'
UNION ALL
SELECT ARRAY['function', proname, prosrc, lanname, prosecdef::text, provolatile::text, coalesce(proconfig::text, ''),
        CASE WHEN prokind = 'f' THEN '' ELSE prokind::text END]::text[]
    FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
    WHERE p.pronamespace = (SELECT oid FROM pg_namespace WHERE nspname = %s)
UNION ALL
SELECT ARRAY['other', relname, relkind::text]::text[]
    FROM pg_class WHERE relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = %s) AND relkind NOT IN ('r', 'p', 'i', 'S', 't')
"""


def found_schema(rows: Rows, schema: str) -> frozenset[tuple[str, ...]]:
    """Every table, column, constraint, trigger and function of a schema."""
    return frozenset(tuple(row[0]) for row in rows(_FOUND, (schema, schema, schema)))
