"""After the load: everything is settled that can be, and the ledger is held against what the twins really did."""

import asyncio
import hashlib
import time
from collections import Counter, defaultdict
from typing import Any, Final

from tools.soak.run import Run
from tools.soak.settling import Write, settle, writes
from tools.soak.twins import Twins

from orderseal.sandbox import AcceptedWrite, Sandbox
from orderseal.signing import Signer
from orderseal.signing.ledger import Ledger, Scope, Slot, Stage, State, What

__all__ = ["audit", "check_references", "settle_all"]

_PATIENCE: Final = 120.0
_RECORDED: Final = (State.ACCEPTED, State.REFUSED, State.UNKNOWN, State.SENDING)


async def settle_all(run: Run, twins: Twins, signers: list[Signer]) -> None:
    """Do what a recovery can, and what a person can who looks at the platforms. Faults are off."""
    end = time.monotonic() + _PATIENCE
    for signer in signers:
        async with run.maker(signer) as maker:
            while [slot for slot in run.ledger.open_slots() if slot.scope == maker.scope] and time.monotonic() < end:
                await maker.recover()
                await asyncio.sleep(0.1)
    async with run.tokenizationtr_client() as tokenizationtr, run.licenserocks_client() as licenserocks:
        await tokenizationtr.open_writes(run.places.user_id)
        await _settle_venue(run, "tokenizationtr", tokenizationtr, twins.tokenizationtr.accepted())
        await licenserocks.open_writes()
        await _settle_venue(run, "licenserocks", licenserocks, twins.licenserocks.accepted())


async def _settle_venue(run: Run, venue: str, client: Any, accepted: list[AcceptedWrite]) -> None:
    """Each lost write that took effect is found among its candidates. Nobody can tell purchases of one size apart: the oldest will do."""
    known = {_receipt(run.ledger, write.slot).rpartition(":")[2] for write in writes(run.ledger, venue, State.ACCEPTED)}
    effects: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in accepted:
        if one.ids and one.ids[0] not in known:
            effects[one.path, one.body_sha256].append(one.ids[0])
    for write in sorted(writes(run.ledger, venue, State.UNKNOWN), key=lambda one: one.slot.sent_at or 0.0):
        if write.key is not None and effects[write.key]:
            name = await run.attempt("settle at the end", settle(run, client, write, effects[write.key]))
            if name is not None:
                effects[write.key].remove(name)


def audit(run: Run, twins: Twins, signers: list[Signer]) -> dict[str, Any]:
    """Hold all invariants; what is broken goes to ``run.broken``. The states of each venue's rows, and the references that stay open."""
    stove = run.ledger.slots(venue="stove")
    _stove(run, twins.stove, stove)
    told: dict[str, Any] = {"stove": _states(stove), "accounts": len(signers), "open": {}}
    for venue, twin in (("tokenizationtr", twins.tokenizationtr), ("licenserocks", twins.licenserocks)):
        found = list(writes(run.ledger, venue))
        check_references(run, venue, found, twin.accepted())
        told[venue] = _states([write.slot for write in found])
        told["open"][venue] = sorted(write.reference for write in found if write.slot.state in (State.UNKNOWN, State.SENDING))
    told["brokerstr"] = _brokerstr(run, twins.brokerstr.accepted())
    for venue in ("stove", "brokerstr", "tokenizationtr", "licenserocks"):
        if not told[venue].get("accepted"):
            run.broken(f"{venue}: nothing took effect, so nothing was shown")
    return told


def _states(slots: list[Slot]) -> dict[str, int]:
    return dict(Counter(slot.state.value for slot in slots))


def _stove(run: Run, twin: Sandbox, slots: list[Slot]) -> None:
    """As tests/ledger/test_fleet.py does: one digest a nonce, nothing lost, nothing twice, nothing that the ledger does not know."""
    rows = {(str(slot.scope.account).lower(), slot.key): slot for slot in slots}
    accepted = twin.accepted()
    seen = Counter((one.maker.lower(), one.nonce) for one in accepted)
    for key, times in seen.items():
        if times > 1:
            run.broken(f"stove: nonce {key[1]} was accepted {times} times")
    for one in accepted:
        slot = rows.get((one.maker.lower(), one.nonce))
        if slot is None or slot.state is not State.ACCEPTED:
            run.broken(f"stove: the venue has nonce {one.nonce}, which is {slot and slot.state.value} in the ledger")
            continue
        signed = next(artifact for artifact in run.ledger.artifacts(slot) if artifact.stage is Stage.SIGNED)
        if hashlib.sha256(signed.body or b"").hexdigest() != one.body_sha256 or str(signed.digest) != one.signing_hash:
            run.broken(f"stove: the venue has other bytes under nonce {one.nonce} than the ledger")
        if one.deliveries != one.identical_deliveries:
            run.broken(f"stove: other bytes were sent for nonce {one.nonce}")
    for key, slot in rows.items():
        if len({artifact.digest for artifact in run.ledger.artifacts(slot)}) > 1:
            run.broken(f"stove: nonce {slot.key} has two digests")
        if slot.state is State.ACCEPTED and not seen[key]:
            run.broken(f"stove: the ledger holds nonce {slot.key} for accepted, and the venue does not have it")
        if slot.state in (State.RESERVED, State.COMMITTED, State.SIGNED, State.SENDING, State.UNKNOWN):
            run.broken(f"stove: nonce {slot.key} is left {slot.state.value}, which a recovery settles")
    _gaps(run.ledger, run, {slot.scope for slot in slots}, rows)


def _gaps(ledger: Ledger, run: Run, scopes: set[Scope], rows: dict[tuple[str, int], Slot]) -> None:
    counters = ledger.counters()
    for scope in scopes:
        keys = {key for account, key in rows if account == str(scope.account).lower()}
        if keys != set(range(min(keys), counters[scope].next)):
            run.broken(f"stove: a nonce of {scope.account} is lost")


def check_references(run: Run, venue: str, found: list[Write], accepted: list[AcceptedWrite]) -> None:
    """Each reference takes effect at most once, and the ledger knows all that was sent and all that took effect."""
    groups: dict[tuple[str, str], list[Write]] = defaultdict(list)
    for write in found:
        if write.key is not None:
            groups[write.key].append(write)
    effects: dict[tuple[str, str], list[AcceptedWrite]] = defaultdict(list)
    for one in accepted:
        effects[one.path, one.body_sha256].append(one)
    for key, happened in effects.items():
        sent = [write for write in groups.get(key, []) if write.slot.sent_at is not None]
        if len(happened) > len(sent):
            run.broken(f"{venue}: {len(happened)} writes took effect that {len(sent)} references sent: {happened[0].ids}")
        tries = sum(attempt.what is What.SENT for write in sent for attempt in run.ledger.attempts(write.slot))
        if happened[0].deliveries > tries:
            run.broken(f"{venue}: {happened[0].deliveries} deliveries, and the ledger knows of {tries} attempts")
    for key, group in groups.items():
        states = Counter(write.slot.state for write in group)
        if states[State.ACCEPTED] != len(effects[key]):
            said = {write.reference: write.slot.state.value for write in group[:3]}
            run.broken(f"{venue}: {len(effects[key])} took effect of {said}")
    _receipts(run, venue, found, accepted)


def _receipts(run: Run, venue: str, found: list[Write], accepted: list[AcceptedWrite]) -> None:
    ids = {name for one in accepted for name in one.ids}
    receipts = [_receipt(run.ledger, write.slot).rpartition(":")[2] for write in found if write.slot.state is State.ACCEPTED]
    if twice := [name for name, times in Counter(receipts).items() if times > 1]:
        run.broken(f"{venue}: two references stand for {twice[0]}")
    if strange := [name for name in receipts if name not in ids]:
        run.broken(f"{venue}: the ledger knows {strange[0]}, which the venue does not")
    if unsettled := [write for write in found if write.slot.state is State.SENDING]:
        run.broken(f"{venue}: {unsettled[0].reference} is left as being sent")
    names = Counter(write.reference for write in found if write.slot.sent_at is not None)
    if names and max(names.values()) > 1:
        run.broken(f"{venue}: a reference was sent under two rows")


def _receipt(ledger: Ledger, slot: Slot) -> str:
    told = [attempt.details.get("venue_id") for attempt in ledger.attempts(slot) if attempt.what is What.ANSWER]
    return next((str(one) for one in reversed(told) if one), "")


def _brokerstr(run: Run, accepted: list[AcceptedWrite]) -> dict[str, int]:
    """It has no references: each association is made once, since a read says what became of a lost answer."""
    made = [one for one in accepted if one.operation == "create_token_by_external_id"]
    for path, times in Counter(one.path for one in made).items():
        if times > 1:
            run.broken(f"brokerstr: {path} took effect {times} times")
    for one in made:
        if one.deliveries > 1:
            run.broken(f"brokerstr: {one.path} was delivered {one.deliveries} times")
    return {"accepted": len(made)}
