"""Holds: one thing of a kind at a time, over processes, machines and crashes. Who may take one, and what to say to whoever may not.

A hold says what for (its intent), not only by whom. A purchase that its process did not live to finish has left an approval behind: a hold
for it outlives its lease, may be taken over for the same intent alone, and ends when that is finished or given up.
"""

import re
from dataclasses import replace
from typing import Any, Final

from orderseal.signing.clock import format_time
from orderseal.signing.errors import InvalidInput, describe
from orderseal.signing.ledger.errors import LedgerError
from orderseal.signing.ledger.records import Hold, Scope
from orderseal.signing.ledger.store import Lease

__all__ = ["check_form", "in_order", "refuse_held", "refuse_lost_hold", "refuse_no_hold", "still_ours", "taken"]

_NAME: Final = re.compile(r"[ -~]{1,200}")
_INTENT: Final = re.compile(r"[ -~]{1,128}")


def check_form(name: object, intent: object) -> None:
    """Raise unless a hold may be named so.

    Raises:
        InvalidInput: with the path ``name`` or ``intent``.
    """
    for path, value, form, longest in (("name", name, _NAME, 200), ("intent", intent, _INTENT, 128)):
        if not isinstance(value, str) or not form.fullmatch(value):
            raise InvalidInput(path=path, expected=f"1 to {longest} printable characters of ASCII", actual=describe(value))


def taken(found: Hold | None, scope: Scope, name: str, intent: str, lease: Lease, now: float) -> Hold:
    """The hold after an instance has asked for it. Pure; a database that decides by itself decides the same.

    Args:
        found: as it stands, or ``None`` if nobody holds it.
        now: by the database's clock.

    Raises:
        LedgerError: ``held``.
    """
    if found is None:
        return Hold(scope, name, intent, lease.owner, 1, now + lease.seconds, now)
    earlier = found.owner != lease.owner and found.owner[:-17] == lease.name
    if found.intent == intent and (earlier or found.until <= now):
        return replace(found, owner=lease.owner, epoch=found.epoch + 1, until=now + lease.seconds)
    raise refuse_held(found, intent)


def still_ours(found: Hold | None, hold: Hold, lease: Lease) -> bool:
    """Whether a hold is in the hands in which it was. ``since`` tells it from a later one of the same name."""
    return found is not None and (found.owner, found.epoch, found.since) == (lease.owner, hold.epoch, hold.since)


def in_order(hold: Hold) -> tuple[Any, ...]:
    """By age: a key to sort by."""
    return hold.since, str(hold.scope), hold.name


def refuse_held(found: Hold, intent: str) -> LedgerError:
    """It is not to be had."""
    who = f"{found.owner[:-17]} (lease until {format_time(found.until)})"
    if found.intent == intent:
        return LedgerError("held", f"'{found.name}' is held for this intent by {who}: wait until it has ended, or its lease has run out")
    return LedgerError(
        "held",
        f"'{found.name}' is held for another intent, '{found.intent}', by {who}: that must be finished or given up first, "
        "whether its holder lives or not",
    )


def refuse_lost_hold(hold: Hold, found: Hold | None) -> LedgerError:
    """It is not ours any more."""
    if found is not None and (found.epoch, found.since) == (hold.epoch, hold.since) and found.owner == hold.owner:
        what = "has a lease that has run out: do nothing under it; take it again with hold()"
    elif found is None:
        what = "has ended: it was let go, or a person broke it. Do nothing under it"
    else:
        what = f"was taken over by another instance, {found.owner[:-17]}: do nothing under it, let it go"
    return LedgerError("lease_lost", f"the hold '{hold.name}' {what}")


def refuse_no_hold(scope: Scope, name: str, intent: str) -> LedgerError:
    """Nothing is held so."""
    return LedgerError("missing", f"nobody holds '{name}' of {scope} for the intent '{intent}'")
