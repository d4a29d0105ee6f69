"""What is known of each order's status, from pushes and from queries: no I/O.

The feed has no sequence numbers and no replay. What it does give: on one connection, the changes of one order come in their order, from
the moment of the subscription on, however late. A query gives the status at some moment between its beginning and its end. So

* a push is told at once, while a query runs as well;
* a query tells what differs, unless the order was pushed through the queried status since the query began: then the pushes are ahead;
* a status that a query told is *owed* by the pushes: until they come to it, they lag behind it, and are not told again.

A repeat (locked, pending, locked) is owed nothing, and is told. Statuses and not events are compared, for the venue numbers no event.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from orderseal.api.stove.feeds.messages import OrderChange
from orderseal.api.stove.models import FINAL_STATUSES, PlacedOrder

__all__ = ["OrderTracker"]

_MOST_LIVE: Final = 100_000
_MOST_ENDED: Final = 10_000
_MOST_OWED: Final = 16
_BELIEVED: Final = 3  # answers in a row by which an order that had ended has not


@dataclass(slots=True)
class _State:
    """One order.

    Attributes:
        name: its hash as the venue spells it.
        status: as told last.
        owed: statuses that a query told and that the pushes of this connection have not come to yet, oldest first.
    """

    name: str
    status: str
    owed: deque[str] = field(default_factory=lambda: deque[str](maxlen=_MOST_OWED))


class OrderTracker:
    """Turns pushes and queries into the changes to tell, per order in the venue's order and none twice.

    It remembers the latest 100,000 live and 10,000 ended orders. What falls out of that is told anew when it is met again.

    Attributes:
        forgotten: live orders that fell out.
        missing: live orders that a query left out, in all.
    """

    def __init__(self) -> None:
        self._live: dict[str, _State] = {}
        self._ended: dict[str, _State] = {}
        self._passed: dict[str, set[str]] | None = None
        self._vague: set[str] = set()
        self._lagging: set[str] = set()
        self._insisted: dict[str, int] = {}
        self.forgotten = self.missing = 0

    @property
    def live(self) -> frozenset[str]:
        """The hashes of the orders that are not known to have ended, as the venue spells them: a query must ask for them, too."""
        return frozenset(state.name for state in self._live.values())

    @property
    def lags(self) -> bool:
        """Whether another query is wanted: a push was held back for a status that a query told, or a query fell among pushes that do not
        say what they come from, so that nobody knows which is the later.
        """
        return bool(self._lagging)

    def watch(self, placed: PlacedOrder) -> None:
        """Take an order as told in the status that it has there, unless it is known already. What became of it since is to be queried."""
        if self._find(placed.order_hash) is None:
            self._touch(placed.order_hash, None)
            self._file(_State(placed.order_hash, placed.status, deque([placed.status], maxlen=_MOST_OWED)))
            self._doubt(placed.order_hash)

    def connected(self) -> None:
        """A connection stands: its pushes begin at a status that is not known, and owe nothing."""
        for state in (*self._live.values(), *self._ended.values()):
            state.owed.clear()
        self._lagging.clear()

    def query_begins(self) -> None:
        """Remember from here on which statuses the orders pass through."""
        self._passed = {}
        self._vague.clear()

    def pushed(self, change: OrderChange) -> bool:
        """Whether to tell a push; it is taken as told."""
        state = self._find(change.order_hash)
        if state is not None and not self._is_ahead(state, change):
            if self._passed is not None:  # It may be later than what the query is about to say.
                self._vague.add(change.order_hash.lower())
            return False
        self._touch(change.order_hash, state, change.from_status, change.to_status)
        if change.from_status is None and self._passed is not None:
            self._vague.add(change.order_hash.lower())
        state = state or _State(change.order_hash, change.to_status)
        state.status = change.to_status
        self._file(state)
        return True

    def _is_ahead(self, state: _State, change: OrderChange) -> bool:
        """Whether a push comes after all that queries have told."""
        if state.owed and change.from_status == state.owed[0]:
            state.owed.popleft()
        key = change.order_hash.lower()
        self._lagging.discard(key)
        if not state.owed:
            return True
        if change.to_status == state.owed[0]:
            state.owed.popleft()
        else:
            self._lagging.add(key)
        return False

    def queried(self, orders: Iterable[PlacedOrder]) -> list[OrderChange]:
        """Give what a query's answer tells that the pushes did not."""
        passed, self._passed = self._passed or {}, None
        latest = {placed.order_hash.lower(): placed for placed in orders}  # An order that moved between two pages is on both.
        self.missing += sum(key not in latest and key not in passed for key in self._live)
        self._lagging.clear()
        changes: list[OrderChange] = []
        for key, placed in latest.items():
            state = self._find(key)
            if state is not None and (placed.status == state.status or placed.status in passed.get(key, ())):
                self._insisted.pop(key, None)
                continue
            if key in self._vague or (state is not None and self._is_behind(key, state, placed)):
                self._lagging.add(key)
                continue
            self._insisted.pop(key, None)
            before = state.status if state else None
            maker = str(placed.maker)
            changes.append(
                OrderChange(order_hash=placed.order_hash, from_status=before, to_status=placed.status, maker=maker, pushed=False)
            )
            state = state or _State(placed.order_hash, placed.status)
            state.status = placed.status
            state.owed.append(placed.status)
            self._file(state)
        self._lagging |= {key for key in self._vague if self._find(key) is not None}
        return changes

    def _is_behind(self, key: str, state: _State, placed: PlacedOrder) -> bool:
        """Whether an answer is from before the order's end: of a machine that lags. If the venue insists, it is told."""
        if state.status not in FINAL_STATUSES or placed.status in FINAL_STATUSES:
            return False
        self._insisted[key] = self._insisted.get(key, 0) + 1
        return self._insisted[key] < _BELIEVED

    def _doubt(self, order_hash: str) -> None:
        """What is known of an order may be behind, and a query that runs already may not have seen it yet."""
        self._lagging.add(order_hash.lower())
        if self._passed is not None:
            self._vague.add(order_hash.lower())

    def _find(self, order_hash: str) -> _State | None:
        key = order_hash.lower()
        return self._live.get(key) or self._ended.get(key)

    def _touch(self, order_hash: str, state: _State | None, *statuses: str | None) -> None:
        if self._passed is not None:
            known = () if state is None else (state.status,)
            self._passed.setdefault(order_hash.lower(), set(known)).update(status for status in statuses if status is not None)

    def _file(self, state: _State) -> None:
        key = state.name.lower()
        self._live.pop(key, None)
        self._ended.pop(key, None)
        home, most = (self._ended, _MOST_ENDED) if state.status in FINAL_STATUSES else (self._live, _MOST_LIVE)
        home[key] = state
        if len(home) > most:
            oldest = next(iter(home))
            del home[oldest]
            self._lagging.discard(oldest)
            self._insisted.pop(oldest, None)
            self.forgotten += home is self._live
