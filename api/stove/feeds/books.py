"""Order books, pushed."""

import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final

from orderseal.api.stove.feeds.core import DEFAULT_OPTIONS, AsyncFeed, FeedOptions, Handshake
from orderseal.api.stove.feeds.messages import BookUpdate, Message, book_update
from orderseal.signing import InvalidInput, describe

__all__ = ["MARKETS", "AsyncBookFeed"]

MARKETS: Final = ("usex", "hkex", "dcex")
"""The venue's markets (*Orderbook Data Push*); ``usex`` is meant where none is named."""

_LOG = logging.getLogger("orderseal.api.stove")

_SYMBOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._\-]{0,31}", re.ASCII)
_MOST_SYMBOLS: Final = 100


class AsyncBookFeed(AsyncFeed[BookUpdate]):
    """The order books of some symbols (*Orderbook Data Push*): ``async with`` opens it, ``async for`` gives :class:`BookUpdate`.

    What is pushed while there is no connection, or while the consumer is too slow, is lost; the first update of a symbol after that has
    ``after_gap``.

    Args:
        base_url: of the venue, https, or http on loopback.
        symbols: ``AAPL`` or ``doge@dcex``, up to 100, each once.
        token: gives the JWT, with ``True`` for a renewed one. It is sent in the list of sub-protocols, as the venue documents.
        options: times and bounds.

    Raises:
        InvalidInput: a symbol or a market that is none: it could change the query.
        Unauthorized: while iterating: the token was refused, the renewed one as well.
        InvalidReply: while iterating: ten messages in a row were none.
    """

    def __init__(
        self, base_url: str, symbols: Sequence[str], token: Callable[[bool], Awaitable[str]], *, options: FeedOptions = DEFAULT_OPTIONS
    ) -> None:
        async def handshake(renew: bool) -> Handshake:
            return Handshake(subprotocols=("jwt", await token(renew)))

        self._asked = _pairs(symbols)
        self._seen: set[tuple[str, str]] = set()
        self._unasked = False
        path = "/ws/orderbooks/v1?symbols=" + "/".join(symbols)
        super().__init__(base_url, path, handshake, "order book feed", options)

    def _connected(self) -> None:
        self._seen.clear()
        self._settled()

    def _handle(self, message: Message) -> bool:
        if message.type != "orderbook_update":
            return False
        update = book_update(message)
        pair = (update.symbol.lower(), update.market.lower())
        if pair not in self._asked:
            if not self._unasked:
                self._unasked = True
                _LOG.warning("%s: a book came that was not asked for; it and others like it are ignored", self._what)
            return False
        self._check_room()
        self._tell([replace(update, after_gap=pair not in self._seen)])
        self._seen.add(pair)
        return True


def _pairs(symbols: Sequence[str]) -> frozenset[tuple[str, str]]:
    """Symbol and market of each, in lower case."""
    if isinstance(symbols, str) or not isinstance(symbols, Sequence) or not 0 < len(symbols) <= _MOST_SYMBOLS:
        raise InvalidInput(path="symbols", expected=f"a list of 1 to {_MOST_SYMBOLS} symbols", actual=describe(symbols))
    found = [_pair(symbol, f"symbols[{place}]") for place, symbol in enumerate(symbols)]
    if len(set(found)) != len(found):
        raise InvalidInput(path="symbols", expected="each symbol once", actual="one that is named twice")
    return frozenset(found)


def _pair(symbol: object, path: str) -> tuple[str, str]:
    name, mark, market = symbol.partition("@") if isinstance(symbol, str) else ("", "", "")
    if not _SYMBOL.fullmatch(name) or (mark and market not in MARKETS):
        markets = ", ".join(MARKETS)
        raise InvalidInput(path=path, expected=f"AAPL, or doge@dcex, with one of the markets {markets}", actual=describe(symbol))
    return name.lower(), market or MARKETS[0]
