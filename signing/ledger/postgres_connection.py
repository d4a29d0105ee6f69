"""A connection to PostgreSQL that a ledger may rely on: what is checked when it is made, and what each error of it means.

The one module that knows psycopg. No error of it gets out, and no message holds a password.
"""

import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from orderseal.signing.errors import InvalidInput, describe
from orderseal.signing.ledger.errors import LedgerError

try:
    import psycopg
    from psycopg import conninfo as _conninfo
    from psycopg import pq
except ImportError:
    raise LedgerError("unsupported", "a ledger in PostgreSQL needs psycopg: pip install 'orderseal[postgres]'") from None

__all__ = ["OLDEST_SERVER", "DatabaseError", "Session", "again", "dialler", "translate"]

DatabaseError = psycopg.Error
"""What :func:`translate` takes."""

OLDEST_SERVER: Final = 15
"""The oldest major version of PostgreSQL that still gets fixes (postgresql.org, *Versioning Policy*)."""

_GRACE: Final = 20.0  # Seconds that a statement may take beyond the time for which it waits for locks.
_PATIENCE: Final = 10.0  # Seconds beyond that until a server that says nothing counts as lost.

_STATES: Final = {
    "23": ("conflict", "its own rules refused the change"),
    "22": ("conflict", "its own rules refused the change"),
    "25006": ("read_only", "it cannot be written to: a ledger that cannot be written to protects nothing"),
    "28": ("denied", "the server refuses this role or its password"),
    "3D000": ("missing", "there is no such database"),
    "3F000": ("replaced", "its schema is gone: stop, and find out why"),
    "40": ("busy", "others changed the same rows again and again: try again"),
    "42501": ("denied", "this role may not do that: see docs/postgres.md for the rights that it needs"),
    "42P01": ("replaced", "its tables are gone: stop, and find out why"),
    "42883": ("replaced", "its functions are gone: stop, and find out why"),
    "53100": ("full", "the server's disk is full: make room; what was committed before is safe"),
    "53300": ("busy", "the server takes no more connections"),
    "55P03": ("busy", "another session held it for longer than the busy timeout: try again, or find who holds it"),
    "57014": ("busy", "it took longer than the busy timeout allows: try again"),
    "58": ("io", "the server reported an input or output error: check its disk before going on"),
    "XX001": ("corrupt", "it is damaged: restore a backup elsewhere, and reconcile that"),
    "XX002": ("corrupt", "it is damaged: restore a backup elsewhere, and reconcile that"),
}
"""What a SQLSTATE, or its class, means (PostgreSQL, *Error Codes*)."""

_REFUSALS: Final = (
    ("authentication failed", "denied"),
    ("no password supplied", "denied"),
    ("permission denied", "denied"),
    ("pg_hba.conf", "denied"),
    ('role "', "denied"),
    ("does not exist", "missing"),
    ("too many", "busy"),
    ("remaining connection slots", "busy"),
)
"""What the words of a refused connection mean: libpq gives no code."""

_LOST: Final = "the connection is lost, and whether the last change was made is not known: read the row again before anything else"


def again(error: DatabaseError) -> bool:
    """Whether the server has undone it all, and only because others were in the way."""
    return error.sqlstate in ("40001", "40P01")


def translate(error: DatabaseError, name: str, *, lost: bool) -> LedgerError:
    """Say what an error of the database means.

    Args:
        name: of the ledger.
        lost: whether the connection is of no more use.
    """
    state = error.sqlstate or ""
    text = (error.diag.message_primary or "").strip()
    if state == "OSL00":  # Our own functions: the hint is the reason.
        return LedgerError(error.diag.message_hint or "conflict", f"the ledger {name}: {text}")
    if lost or state[:2] == "08" or state in ("57P01", "57P02", "57P03", "57P05"):
        return LedgerError("unreachable", f"the ledger {name}: {_LOST}" + (f" ({text})" if text else ""))
    reason, what = _STATES.get(state) or _STATES.get(state[:2]) or ("database", "the database failed")
    return LedgerError(reason, f"the ledger {name}: {what}" + (f" ({text})" if text else ""))


class _Connection(psycopg.Connection[tuple[Any, ...]]):
    """A connection that does not wait for ever for a server that has stopped without a word."""

    patience: float = _PATIENCE

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """See :meth:`psycopg.Connection.wait`."""
        return super().wait(gen, interval, self.patience if timeout is None else timeout)


def dialler(conninfo: str, connect_timeout: float) -> Callable[[], _Connection]:
    """Give what makes a connection. The text with the password stays within it.

    Raises:
        InvalidInput: that is no connection string; what is wrong with it is not said, since it may hold a password.
    """
    known: dict[str, Any] = {}
    if isinstance(conninfo, str) and "\0" not in conninfo and conninfo.strip():
        with suppress(psycopg.Error, ValueError):
            known = dict(_conninfo.conninfo_to_dict(conninfo))
    if not known:
        raise InvalidInput(
            path="conninfo",
            expected="a connection string such as postgresql://bot@db.example/ledger",
            actual="another text" if isinstance(conninfo, str) else describe(conninfo),
        )
    for name in ("replication", "client_encoding"):
        if known.get(name) not in (None, "", "false", "utf8", "UTF8"):
            raise InvalidInput(path=f"conninfo.{name}", expected="nothing", actual="a value: a ledger sets it itself")
    secret = str(known.get("password") or "")

    def dial() -> _Connection:
        try:
            connection = _Connection.connect(
                conninfo,
                autocommit=True,
                prepare_threshold=1_000_000,  # Statements are prepared by name.
                connect_timeout=max(2, round(connect_timeout)),
                client_encoding="UTF8",
                application_name=known.get("application_name") or "orderseal",
            )
        except psycopg.Error as error:
            raise _refused(error, secret) from None
        return connection

    return dial


def _refused(error: DatabaseError, secret: str) -> LedgerError:
    """Why no connection came about. The text of libpq names host, role and database."""
    text = str(error)
    if secret:
        text = text.replace(secret, "…")
    text = " ".join(text.split())[:300]
    for words, reason in _REFUSALS:
        if words in text:
            return LedgerError(reason, f"the ledger's server refuses the connection: {text}")
    return LedgerError("unreachable", f"the ledger's server cannot be reached: {text}")


class Session:
    """One session of a server, checked once. Not for several threads at a time.

    Args:
        dial: makes the connection.
        busy_timeout: seconds to wait for a lock.
    """

    def __init__(self, dial: Callable[[], _Connection], busy_timeout: float) -> None:
        self._connection = dial()
        self.token = secrets.token_hex(16)
        self.warnings: list[tuple[str, str]] = []
        self._connection.add_notice_handler(self._hear)
        info = self._connection.info
        self.name = f"{info.dbname} at {info.host}"
        self.host, self.dbname = info.host, info.dbname
        try:
            self._check(busy_timeout)
        except BaseException:
            self.close()
            raise

    def _hear(self, notice: psycopg.errors.Diagnostic) -> None:
        if notice.severity_nonlocalized == "WARNING":
            self.warnings.append((notice.sqlstate or "", notice.message_primary or ""))

    def _check(self, busy_timeout: float) -> None:
        """Refuse a server that may lose what it has confirmed, and set what must not change under us."""
        self._connection.patience = busy_timeout + _GRACE + _PATIENCE
        if (version := self._connection.info.server_version // 10_000) < OLDEST_SERVER:
            raise LedgerError("unsupported", f"the server is PostgreSQL {version}, and a ledger needs {OLDEST_SERVER} or later")
        names = (
            "synchronous_commit", "fsync", "full_page_writes", "session_replication_role", "default_transaction_read_only",
        )  # fmt: skip
        (row,) = self.rows(f"SELECT pg_is_in_recovery(), {', '.join(['current_setting(%s)'] * len(names))}", names)
        recovering, commits, fsync, pages, replication, read_only = row
        if recovering:
            raise LedgerError(
                "read_only", f"the server of {self.name} is a replica: connect to the primary (target_session_attrs=read-write)"
            )
        for name, value in (("synchronous_commit", commits), ("fsync", fsync), ("full_page_writes", pages)):
            if value == "off":
                raise LedgerError("synchronous", f"{name} is off for {self.name}, so what is committed may be lost: turn it on")
        if replication != "origin":
            raise LedgerError("schema_changed", f"session_replication_role is {replication} for {self.name}, which turns rules off")
        if read_only == "on":
            raise LedgerError("read_only", f"default_transaction_read_only is on for {self.name}: a ledger must be written to")
        settings = {
            # A standby that only has it in memory, or none, is not waited for long enough; remote_apply waits for more than on.
            "synchronous_commit": "remote_apply" if commits == "remote_apply" else "on",
            "default_transaction_isolation": "read committed",
            "lock_timeout": f"{max(1, round(busy_timeout * 1000))}ms",
            "statement_timeout": f"{round((busy_timeout + _GRACE) * 1000)}ms",
            "idle_in_transaction_session_timeout": "60s",
            "idle_session_timeout": "0",
            "search_path": "pg_catalog, pg_temp",
            "extra_float_digits": "1",
            "jit": "off",
            "orderseal.session": self.token,
        }
        self.rows(
            f"SELECT {', '.join(['set_config(%s, %s, false)'] * len(settings))}", [text for pair in settings.items() for text in pair]
        )
        self.warnings.clear()

    def rows(self, text: str, values: Sequence[Any] | dict[str, Any] = (), *, prepare: bool = False) -> list[tuple[Any, ...]]:
        """Run a statement and give its rows. With ``prepare`` it is planned once a session, at the price of one more round trip then."""
        cursor = self._connection.execute(text.encode(), values or None, prepare=prepare)
        return cursor.fetchall() if cursor.description is not None else []

    def refuse_warned(self) -> None:
        """Raise if the server has confirmed a commit with a reservation: a standby was not waited for."""
        if self.warnings:
            state, told = self.warnings[0]
            self.close()
            if state.startswith("57P"):  # The server is being shut down; with or without having waited for a standby.
                raise LedgerError("unreachable", f"the ledger {self.name}: {_LOST} ({told})")
            raise LedgerError(
                "synchronous",
                f"the ledger {self.name}: the server gave a warning ({told}): what was committed may be on no standby; read it",
            )

    @property
    def lost(self) -> bool:
        """Whether it is of no more use: closed, broken, or in the midst of a statement that was given up."""
        status = self._connection.info.transaction_status
        return self._connection.closed or status in (pq.TransactionStatus.ACTIVE, pq.TransactionStatus.UNKNOWN)

    @property
    def in_transaction(self) -> bool:
        """Whether a transaction is open."""
        return self._connection.info.transaction_status in (pq.TransactionStatus.INTRANS, pq.TransactionStatus.INERROR)

    def close(self) -> None:
        """End."""
        self._connection.close()
