"""How long to wait before the next connection, and when to give up: no I/O."""

from collections.abc import Callable
from typing import Final

from orderseal.signing import InvalidReply, RateLimited

__all__ = ["MOST_INVALID", "Backoff"]

MOST_INVALID: Final = 10
"""So many invalid messages in a row end a feed, and so do so many invalid answers to a query."""


class Backoff:
    """Waits that double up to a bound, each cut by up to a half at random, so that a fleet does not come back all at once.

    Args:
        first: seconds.
        longest: seconds; a connection that lasted longer begins again at ``first``.
        random: gives 0 up to 1.
    """

    def __init__(self, first: float, longest: float, random: Callable[[], float]) -> None:
        self._first, self._longest, self._random = first, longest, random
        self._next = first
        self._messages = self._answers = 0

    def good_message(self) -> None:
        """A message was good."""
        self._messages = 0

    def good_answer(self) -> None:
        """A query was answered well."""
        self._answers = 0

    def after(self, error: Exception, lasted: float) -> float:
        """Give the seconds to wait after a connection that ended so.

        Args:
            error: why it ended.
            lasted: seconds.

        Raises:
            InvalidReply: it is the tenth message, or the tenth answer, in a row. Its ``status`` of 0 tells a message.
        """
        if isinstance(error, InvalidReply):
            self._messages += error.status == 0
            self._answers += error.status != 0
            if max(self._messages, self._answers) >= MOST_INVALID:
                raise error
        if lasted > self._longest:
            self._next = self._first
        wait = self._next * (0.5 + self._random() / 2)
        self._next = min(self._next * 2, self._longest)
        wanted = error.retry_after if isinstance(error, RateLimited) else None
        return max(wait, min(wanted or 0.0, self._longest))
