"""Watching a client at work: metrics, tracing, logs. What is told holds no secret and no personal data."""

import contextlib
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from orderseal.signing import InvalidInput

__all__ = ["Facts", "Hooks", "Watchers", "opentelemetry_hooks"]

_LOG: Final = logging.getLogger("orderseal.api.transport")
_MOST_SPANS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one exchange, as far as it has come.

    Attributes:
        venue: for example ``brokerstr``.
        what: for people, for example ``read the token``.
        method: of HTTP.
        path: the template of the path, without the ids.
        write: whether the request takes effect.
        attempt: 1 for the first.
        request_id: our own name for this attempt, sent as ``X-Request-Id``.
        status: HTTP status, or ``None`` before there is one.
        seconds: how long it took, or is going to be waited.
        size: of the reply's body, in bytes.
        error: the class of the error, for example ``Unreachable``, or ``None``.
    """

    venue: str
    what: str
    method: str
    path: str
    write: bool
    attempt: int
    request_id: str
    status: int | None = None
    seconds: float = 0.0
    size: int = 0
    error: str | None = None


class Hooks(Protocol):
    """Is told of every exchange, from within the event loop: be quick, and do not block.

    What it raises is dropped, and logged by its class.

    Each ``request`` is followed by one ``response`` or one ``failure`` with the same ``request_id``.
    """

    def request(self, facts: Facts) -> None:
        """A request is about to go."""
        ...

    def response(self, facts: Facts) -> None:
        """An answer came, good or bad: see its ``status``, and ``error`` for what was made of it."""
        ...

    def failure(self, facts: Facts) -> None:
        """No answer came, or the caller gave up (``CancelledError``)."""
        ...

    def retry(self, facts: Facts) -> None:
        """A read is asked again after ``seconds``, because of ``error``."""
        ...

    def wait(self, facts: Facts) -> None:
        """``seconds`` were waited, because of a :class:`RateLimit`."""
        ...


class _Logged:
    """Tells the log, at level DEBUG."""

    def request(self, facts: Facts) -> None:
        _LOG.debug("%s %s %s (%s, attempt %d, %s)", facts.venue, facts.method, facts.path, facts.what, facts.attempt, facts.request_id)

    def response(self, facts: Facts) -> None:
        text = "%s %s %s: HTTP %s, %d bytes in %.3f s%s (%s)"
        error = f", {facts.error}" if facts.error else ""
        _LOG.debug(text, facts.venue, facts.method, facts.path, facts.status, facts.size, facts.seconds, error, facts.request_id)

    def failure(self, facts: Facts) -> None:
        _LOG.debug("%s %s %s: %s after %.3f s (%s)", facts.venue, facts.method, facts.path, facts.error, facts.seconds, facts.request_id)

    def retry(self, facts: Facts) -> None:
        _LOG.debug("%s %s %s: once more in %.3f s after %s", facts.venue, facts.method, facts.path, facts.seconds, facts.error)

    def wait(self, facts: Facts) -> None:
        _LOG.debug("%s %s %s: waited %.3f s for the rate limit", facts.venue, facts.method, facts.path, facts.seconds)


class Watchers:
    """Tells several hooks, the log first, and survives each of them."""

    def __init__(self, hooks: Hooks | Sequence[Hooks] | None) -> None:
        given = [] if hooks is None else list(hooks) if isinstance(hooks, Sequence) else [hooks]
        self._hooks: list[Hooks] = [_Logged(), *given]

    def tell(self, event: str, facts: Facts) -> None:
        """Call the method ``event`` of each hook."""
        for hook in self._hooks:
            try:
                getattr(hook, event)(facts)
            except Exception as error:  # noqa: BLE001 - whoever watches must not change what happens, least of all to a write
                _LOG.warning("a hook failed at %s: %s", event, type(error).__name__)


def opentelemetry_hooks(tracer_provider: Any = None) -> Hooks:
    """Hooks that make one client span an exchange, named by method and path template (OpenTelemetry's *HTTP spans*).

    Nothing of the trace is sent to the venue. Retries and waits become events of the span around them, if there is one.

    Args:
        tracer_provider: instead of the global one.

    Raises:
        InvalidInput: ``opentelemetry-api`` is not installed.
    """
    try:
        from opentelemetry import trace
    except ImportError:
        raise InvalidInput(path="hooks", expected="opentelemetry-api installed", actual="it is not") from None
    return _Spans(trace, trace.get_tracer("orderseal", tracer_provider=tracer_provider))


class _Spans:
    def __init__(self, trace: Any, tracer: Any) -> None:
        self._trace, self._tracer = trace, tracer
        self._open: dict[str, Any] = {}

    def request(self, facts: Facts) -> None:
        attributes = {
            "http.request.method": facts.method,
            "url.template": facts.path,
            "http.request.resend_count": facts.attempt - 1,
            "orderseal.venue": facts.venue,
            "orderseal.write": facts.write,
            "orderseal.request_id": facts.request_id,
        }
        if len(self._open) < _MOST_SPANS:
            name = f"{facts.method} {facts.path}"
            self._open[facts.request_id] = self._tracer.start_span(name, kind=self._trace.SpanKind.CLIENT, attributes=attributes)

    def response(self, facts: Facts) -> None:
        for span in self._ended(facts):
            span.set_attribute("http.response.status_code", facts.status)
            span.set_attribute("http.response.body.size", facts.size)

    def failure(self, facts: Facts) -> None:
        for _span in self._ended(facts):
            pass

    def _ended(self, facts: Facts) -> Iterator[Any]:
        span = self._open.pop(facts.request_id, None)
        if span is None:
            return
        with contextlib.ExitStack() as stack:
            stack.callback(span.end)
            if facts.error is not None:
                span.set_attribute("error.type", facts.error)
                span.set_status(self._trace.StatusCode.ERROR)
            yield span

    def retry(self, facts: Facts) -> None:
        self._event("orderseal.retry", facts)

    def wait(self, facts: Facts) -> None:
        self._event("orderseal.rate_limit_wait", facts)

    def _event(self, name: str, facts: Facts) -> None:
        attributes = {"url.template": facts.path, "seconds": facts.seconds} | ({"error.type": facts.error} if facts.error else {})
        self._trace.get_current_span().add_event(name, attributes=attributes)
