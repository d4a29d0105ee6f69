"""The person who settles what came to no answer: by what the platform shows, and with the twin's journal for a witness."""

import asyncio
import hashlib
import json
import time
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from tools.soak.run import Run

from orderseal.api.tokenizationtr import Operation
from orderseal.sandbox import LicenseRocksSandbox, TokenizationTrSandbox
from orderseal.signing.ledger import Ledger, Slot, Stage, State

__all__ = ["Witness", "Write", "person", "settle", "writes"]

_REMEMBERED: Final = 500
_AT_ONCE: Final = 3
_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True)
class Write:
    """A write under a reference, as the ledger has it; ``key`` is its path and the hash of its bytes, ``None`` if it never got any."""

    slot: Slot
    reference: str
    key: tuple[str, str] | None
    operation: str

    @property
    def is_unique(self) -> bool:
        """Whether no other reference may have the same bytes: only purchases have nothing of their own."""
        return self.operation != Operation.BUY_PRIMARY


class Witness:
    """The latest of what a twin has accepted: its ids, by path and bytes."""

    def __init__(self, twin: TokenizationTrSandbox | LicenseRocksSandbox) -> None:
        self._twin, self._next = twin, 0
        self._known: OrderedDict[tuple[str, str], str] = OrderedDict()

    def look(self, key: tuple[str, str] | None) -> str | None:
        """The id of what took effect, if anything did."""
        for write in self._twin.accepted(self._next):
            self._next = write.sequence + 1
            self._known[write.path, write.body_sha256] = write.ids[0]
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return None if key is None else self._known.get(key)


def writes(ledger: Ledger, venue: str, *states: State) -> Iterator[Write]:
    """The writes of a venue, in these states; by default all that were ever bound to a content."""
    for slot in ledger.slots(venue=venue, states=states or tuple(State)):
        artifacts = ledger.artifacts(slot)
        kept = next((json.loads(one.content) for one in artifacts if one.content is not None), None)
        if kept is None:
            continue
        body = next((one.body for one in artifacts if one.stage is Stage.SIGNED), None)
        key = None if body is None else (str(kept["path"]), hashlib.sha256(body).hexdigest())
        yield Write(slot, str(kept["reference"]), key, str(kept.get("operation", "")))


async def person(run: Run, venue: str, twin: TokenizationTrSandbox | LicenseRocksSandbox) -> None:
    """Settles some of the lost writes while the load goes on, with a client of its own."""
    witness = Witness(twin)
    while run.going:
        async with run.tokenizationtr_client() if venue == "tokenizationtr" else run.licenserocks_client() as client:
            until = run.life()
            while time.monotonic() < until:
                await asyncio.sleep(1.0)
                before = run.ledger.now() - _SECONDS
                lost = await asyncio.to_thread(lambda: list(writes(run.ledger, venue, State.UNKNOWN)))
                found = [one for one in lost if one.is_unique and (one.slot.sent_at or 0) < before]
                for write in run.random.sample(found, min(_AT_ONCE, len(found))):
                    truth = await asyncio.to_thread(witness.look, write.key)
                    if truth is not None:
                        await run.attempt("settle", settle(run, client, write, [truth]))


async def settle(run: Run, client: Any, write: Write, names: list[str]) -> str | None:
    """Say which of these rows it is: the first that is among the candidates. A write with bytes of its own must find its row there."""
    if write.slot.scope.venue == "licenserocks":
        found = await client.candidates(write.reference)
        shown = {str(one.order.id) for one in found.found}
    else:
        found = await client.candidates(run.places.user_id, write.reference)
        shown = {one.id for one in found.transactions} | {str(one.deal_id) for one in found.deals}
    name = next((name for name in names if name in shown), None)
    if name is None:
        if write.is_unique:
            run.broken(f"{write.reference} took effect as {names}, which is not among its {len(shown)} candidates")
    elif write.slot.scope.venue == "licenserocks":
        await client.settle(write.reference, int(name))
    else:
        await client.settle(run.places.user_id, write.reference, transaction_id=name)
    return name
