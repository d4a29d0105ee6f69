"""Every error of the package, in one tree.

::

    OrdersealError
    ├── InvalidInput            also a ValueError: something given to us has the wrong form
    ├── RuleViolation           well-formed, but a rule forbids to sign or send it
    ├── VerificationFailed      a signature is not what it claims to be
    ├── SignerError             a key could not be loaded, or a signer gave a wrong signature
    ├── LedgerError             the ledger refuses, or its database cannot be used
    ├── ChainError              the EVM side
    │   ├── Reverted            a contract refused: nothing but the fee was spent
    │   ├── WrongChain          the node is of another chain than asked for: nothing was signed
    │   ├── PlanMismatch        what is there is not what was pinned, planned or approved
    │   └── NodeError           the node refused, did not answer, or answered what cannot be
    └── VenueError              the other side
        ├── Refused             the venue's own error envelope: it did not take effect
        │   ├── Unauthorized    not logged in, or the token is no longer good
        │   └── RateLimited     too many requests; see ``retry_after``
        ├── OutcomeUnknown      a write may or may not have taken effect: look it up, never blindly re-send
        ├── NonceConflict       another order of ours stands at the venue under this nonce
        ├── InvalidReply        a read was answered with something that is not the venue's documented reply
        ├── Unreachable         nothing was sent, or a read was not answered
        └── Unfinished          what was waited for did not come within the time given

No message and no ``repr`` holds a key, a token, a password or a request body.
"""

from typing import Any, Self

__all__ = [
    "ChainError",
    "InvalidInput",
    "InvalidReply",
    "LedgerError",
    "NodeError",
    "NonceConflict",
    "OrdersealError",
    "OutcomeUnknown",
    "PlanMismatch",
    "RateLimited",
    "Refused",
    "Reverted",
    "RuleViolation",
    "SignerError",
    "Unauthorized",
    "Unfinished",
    "Unreachable",
    "VenueError",
    "VerificationFailed",
    "WrongChain",
    "describe",
]

_SHOWN_CHARACTERS = 80
_SIZED: tuple[tuple[Any, str], ...] = (
    (bytes, "{} bytes"),
    (bytearray, "{} bytes"),
    (dict, "an object of {} members"),
    (list, "an array of {} items"),
    (tuple, "an array of {} items"),
)


def describe(value: object) -> str:
    """Say what ``value`` is, in at most some 100 characters, for the ``actual`` of an error.

    Never call it on a secret.
    """
    # By the base classes' own methods: those of a subclass may lie, or raise.
    if isinstance(value, str):
        value = str.__str__(value)
        text = ascii(value[: _SHOWN_CHARACTERS + 1])[1:-1]
        return f"'{text[:_SHOWN_CHARACTERS]}…' ({len(value)} characters)" if len(text) > _SHOWN_CHARACTERS else f"'{text}'"
    if isinstance(value, bool) or value is None:
        return repr(value)
    if isinstance(value, int):
        value = int.__int__(value)
        return str(value) if value.bit_length() <= 256 else f"an integer of {value.bit_length()} bits"
    for base, what in _SIZED:
        if isinstance(value, base):
            return what.format(base.__len__(value))
    return f"a {type(value).__name__}"


class OrdersealError(Exception):
    """The base of every error that this package raises on purpose."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.args, self.__dict__)


def _restore(cls: type[OrdersealError], args: tuple[Any, ...], state: dict[str, Any]) -> OrdersealError:
    """Rebuild an error that crossed a process border: the constructors take keywords, which plain pickling forgets."""
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class InvalidInput(OrdersealError, ValueError):
    """Something given to us has the wrong form.

    Attributes:
        path: where, for example ``message.order.legs[2].price``.
        expected: the form that is accepted.
        actual: what came, shortened; never a secret.
        hint: what to do about it, or an empty string.
    """

    path: str
    expected: str
    actual: str
    hint: str

    def __init__(self, *, path: str, expected: str, actual: str, hint: str = "") -> None:
        self.path, self.expected, self.actual, self.hint = path, expected, actual, hint
        super().__init__()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __str__(self) -> str:
        text = f"{self.path}: expected {self.expected}, got {self.actual}"
        return f"{text}. {self.hint}" if self.hint else text

    def below(self, prefix: str) -> Self:
        """Move the error one level down: ``below("order")`` turns path ``price`` into ``order.price``."""
        joint = "" if not self.path or self.path.startswith("[") else "."
        self.path = f"{prefix}{joint}{self.path}"
        return self


class RuleViolation(OrdersealError):
    """A rule forbids to sign or send this. Nothing was signed.

    Attributes:
        rule: the code of the rule, for example ``deadline_too_soon``.
    """

    rule: str

    def __init__(self, rule: str, message: str) -> None:
        self.rule = rule
        super().__init__(message)


class VerificationFailed(OrdersealError):
    """A signature is not what it claims to be.

    Attributes:
        reasons: the codes of every reason, for example ``("signer_mismatch",)``.
        diagnosis: the nearest mistake that would explain it, or ``None``.
    """

    reasons: tuple[str, ...]
    diagnosis: str | None

    def __init__(self, message: str, *, reasons: tuple[str, ...], diagnosis: str | None = None) -> None:
        self.reasons, self.diagnosis = reasons, diagnosis
        super().__init__(message)


class SignerError(OrdersealError):
    """A key could not be loaded or used, or a signer returned a signature that is not its own."""


class LedgerError(OrdersealError):
    """The ledger refuses, or its database cannot be used. Nothing was changed, unless the message says otherwise.

    Attributes:
        reason: one of the codes of :data:`orderseal.signing.ledger.REASONS`.
    """

    reason: str

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        super().__init__(message)


class ChainError(OrdersealError):
    """Something went wrong between us and a chain."""


class Reverted(ChainError):
    """A contract refused a call. Nothing of it took effect, but for the fee of a transaction that was mined.

    Attributes:
        reason: the decoded reason in words, printable and cut.
        data: the revert data as the node gave it.
    """

    reason: str
    data: bytes

    def __init__(self, what: str, *, reason: str, data: bytes = b"") -> None:
        self.reason, self.data = reason, data
        super().__init__(f"{what} reverted: {reason}")


class WrongChain(ChainError):
    """The node is of another chain. Nothing was signed.

    Attributes:
        expected, actual: chain ids.
    """

    expected: int
    actual: int

    def __init__(self, *, expected: int, actual: int) -> None:
        self.expected, self.actual = expected, actual
        super().__init__(f"the node is of chain {actual}, not of chain {expected}: nothing was signed")


class PlanMismatch(ChainError):
    """Something is not what was pinned, planned or approved.

    Attributes:
        what: what differs, for example ``integration.contract_address``.
        expected: as pinned, planned or approved, in words.
        actual: as it is; a stranger may have written it, so it is shortened and printable.
    """

    what: str
    expected: str
    actual: str

    def __init__(self, what: str, *, expected: str, actual: str, hint: str = "") -> None:
        self.what, self.expected, self.actual = what, expected, actual
        super().__init__(f"{what}: expected {expected}, found {actual}" + (f". {hint}" if hint else ""))


class NodeError(ChainError):
    """A node refused a request, did not answer it, or answered what cannot be. A read may be tried again.

    Attributes:
        code: of the JSON-RPC error, or ``None`` where no valid answer came.
        data: what came with the error, such as revert data; a stranger wrote it.
    """

    code: int | None
    data: bytes

    def __init__(self, message: str, *, code: int | None = None, data: bytes = b"") -> None:
        self.code, self.data = code, data
        super().__init__(message)


class VenueError(OrdersealError):
    """Something went wrong between us and a venue."""


class Refused(VenueError):
    """The venue answered with its own error envelope: the request did not take effect.

    Attributes:
        status: HTTP status, or 0 where nothing was sent (a limit of our own).
        code: the venue's code, a number or a word, or ``None`` where its envelope has none.
        message: the venue's words, shortened.
        details: the venue's further words, or ``None``.
        request_id: the venue's request id header, or ``None``.
    """

    status: int
    code: int | str | None
    message: str
    details: str | None
    request_id: str | None

    def __init__(
        self,
        what: str,
        *,
        status: int,
        code: int | str | None,
        message: str,
        details: str | None = None,
        request_id: str | None = None,
        hint: str = "",
    ) -> None:
        self.status, self.code, self.message, self.details, self.request_id = status, code, message, details, request_id
        said = f"{message} ({details})" if details else message
        where = "not sent" if status == 0 else f"HTTP {status}" if code is None else f"HTTP {status}, code {code}"
        super().__init__(f"{what}: {said} [{where}]" + (f". {hint}" if hint else ""))


class Unauthorized(Refused):
    """The venue does not accept the token or the login. It did nothing with the request."""


class RateLimited(Refused):
    """Too many requests. The venue did nothing with this one.

    Attributes:
        retry_after: seconds to wait as the venue said, or ``None``.
    """

    retry_after: float | None = None


class OutcomeUnknown(VenueError):
    """A write may or may not have taken effect. Look it up; do not send it again blindly.

    Attributes:
        nonce: the order nonce to look up, or ``None`` where the venue has no nonce.
        reference: the caller's own name for the write, where the venue has no nonce, or ``None``.
    """

    nonce: int | None
    reference: str | None

    def __init__(self, message: str, *, nonce: int | None = None, reference: str | None = None) -> None:
        self.nonce, self.reference = nonce, reference
        super().__init__(message)


class NonceConflict(VenueError):
    """The venue holds another order of this maker under the same nonce.

    Attributes:
        nonce: the order nonce.
    """

    nonce: int

    def __init__(self, message: str, *, nonce: int) -> None:
        self.nonce = nonce
        super().__init__(message)


class InvalidReply(VenueError):
    """A read was answered with something that is not the venue's documented reply.

    Attributes:
        status: HTTP status, or 0 for a WebSocket message.
        path: where in the JSON, for example ``$.tokens[2].value``, or ``None`` where there is no such place.
    """

    status: int
    path: str | None

    def __init__(self, message: str, *, status: int, path: str | None = None) -> None:
        self.status, self.path = status, path
        super().__init__(message)


class Unreachable(VenueError):
    """Nothing was sent, or a read was not answered. It is safe to try again."""


class Unfinished(VenueError):
    """What was waited for did not come within the time given. It may still come: nothing was given up at the venue.

    Attributes:
        last: what was seen last, or ``None`` if nothing was.
        seconds: how long was waited.
    """

    last: Any
    seconds: float

    def __init__(self, message: str, *, last: Any = None, seconds: float) -> None:
        self.last, self.seconds = last, seconds
        super().__init__(message)
