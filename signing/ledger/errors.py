"""The codes of the ledger's errors."""

from typing import Final

from orderseal.signing.errors import LedgerError

__all__ = ["REASONS", "LedgerError"]

REASONS: Final = {
    "address_taken": "a new file was to be made where one stands",
    "bound": "the nonce carries another digest, for ever",
    "busy": "another process held the database for longer than the busy timeout",
    "closed": "the ledger is closed",
    "conflict": "the database's own rules refused the change",
    "corrupt": "the file is damaged, or its rows contradict each other",
    "database": "any other fault of the database",
    "denied": "the server refuses the role, its password, or what it asked for",
    "directory": "the folder is missing or cannot be written to",
    "exhausted": "the rule has no key left",
    "file_mode": "other accounts of this machine may read or write the file",
    "forked": "the ledger was opened before a fork",
    "full": "the disk is full, or a quota is reached",
    "given_up": "the intent was abandoned after an attempt that may have left a live signature",
    "held": "another instance holds it, or it is held for another intent",
    "illegal_event": "the state does not allow the event",
    "io": "the operating system reported an input or output error",
    "journal_mode": "the file is not in WAL mode",
    "lease_lost": "the lease has run out, or another instance has taken the row or hold over",
    "missing": "there is no such file, slot, artifact or hold",
    "needs_reconcile": "the store is a restored backup: what the venue knows must be compared first",
    "network_file_system": "SQLite's locks do not hold there",
    "newer_schema": "a newer release wrote the file",
    "not_a_ledger": "the file is another program's database, or none",
    "not_ours": "the order, signer or answer belongs to another account or another slot",
    "open_elsewhere": "the path leads to something that is no regular file",
    "read_only": "the file cannot be written to",
    "reference_used": "the caller's reference names another nonce",
    "replaced": "the file was deleted or replaced while it was open",
    "schema_changed": "tables, constraints or triggers are not those that this release made",
    "spent": "the nonce was recorded as spent, so nothing that it carries can happen any more",
    "signature": "what has left carries a signature, so no word of a person ends it",
    "stale": "the row has moved on since it was read",
    "synchronous": "the database would not be written through to the disk",
    "tampered": "the stored order does not give the stored digest",
    "unreachable": "the server cannot be reached, or the connection was lost: read the row again",
    "unseeded": "the rule needs the venue's next nonce first",
    "unsupported": "this store cannot do that",
    "venue_ahead": "the venue has seen a nonce that this ledger never sent",
    "venue_jump": "the venue would push the counter further than is believable",
}
"""The codes of :attr:`LedgerError.reason`, and what each means."""
