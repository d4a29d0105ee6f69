"""``ledger``: what a ledger holds. It reads, and ends a hold or a lost write on a person's word; what asks a venue is in :mod:`.rescue`."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import urlsplit

import typer

from orderseal.cli.keys import NETWORKS, read_network
from orderseal.cli.output import GOOD, WrongUse, emit, emit_json, fail, note
from orderseal.signing import Address, InvalidInput, OrdersealError, format_time, from_base_units

if TYPE_CHECKING:
    from orderseal.signing.ledger import Exposure, Hold, Ledger, Slot

__all__ = ["File", "Json", "cut", "emit_exposure", "ledger_app", "opened"]

_WRONG_USE: Final = ("missing", "not_a_ledger", "open_elsewhere", "address_taken", "directory")
_DECIMALS: Final = 18

ledger_app = typer.Typer(
    help="Look into a ledger: which nonce carries which order, and what may still be filled.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

File = Annotated[str, typer.Argument(metavar="LEDGER", help="The ledger's file, or postgresql://HOST/DATABASE.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@contextmanager
def opened(file: str, as_json: bool, *, create: bool = False) -> Generator["Ledger"]:
    """Open a ledger that is there, or make one; its errors end the command: 2 where there is none at the path, else 1."""
    from orderseal.signing.ledger import Ledger, LedgerError  # sqlite3 is not needed by the other commands.

    if file.startswith(("postgresql://", "postgres://")) and (urlsplit(file).password or "password" in urlsplit(file).query):
        fail(WrongUse("no password in an argument, which others can read: use PGPASSWORD, ~/.pgpass or a service"), as_json=as_json)
    try:
        with Ledger(file, create=create) as ledger:
            yield ledger
    except LedgerError as error:
        fail(WrongUse(str(error)) if error.reason in _WRONG_USE else error, as_json=as_json)
    except InvalidInput as error:
        fail(WrongUse(str(error)), as_json=as_json)
    except OrdersealError as error:
        fail(error, as_json=as_json)


@ledger_app.command("list")
def list_command(
    file: File,
    state: Annotated[list[str] | None, typer.Option("--state", metavar="STATE", help="Only this state; may be repeated.")] = None,
    account: Annotated[str | None, typer.Option("--account", metavar="ADDR", help="Only this account.")] = None,
    venue: Annotated[str | None, typer.Option("--venue", metavar="NAME", help="Only this venue.")] = None,
    network: Annotated[str | None, typer.Option("--network", metavar="NAME", help="Only this network.")] = None,
    kind: Annotated[str | None, typer.Option("--kind", metavar="KIND", help="Only this kind: order, transaction, …")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many, the newest.")] = 100,
    still_open: Annotated[bool, typer.Option("--open", help="Only what asks for something to be done.")] = False,
    as_json: Json = False,
) -> None:
    """List nonces and their states, the newest last."""
    from orderseal.signing.ledger import OPEN, State
    from orderseal.signing.ledger.ledger import slot_json

    states: set[State] = set(OPEN) if still_open else set()
    for name in state or []:
        if name not in {known.value for known in State}:
            fail(WrongUse(f"--state {name}: not known; there is {', '.join(known.value for known in State)}"), as_json=as_json)
        states.add(State(name))
    network = _network_key(network)
    with opened(file, as_json) as ledger:
        found = ledger.slots(account=account, venue=venue, network=network, kind=kind, states=states, limit=limit, newest_first=True)[::-1]
        scopes = ledger.counters()
    if as_json:
        emit_json({"slots": [slot_json(slot) for slot in found]})
    elif not found:
        others = sorted({scope.network for scope in scopes}) if network or account or venue or kind else []
        note(f"nothing to show; the ledger has nonces on {', '.join(others)}" if others else "nothing to show")
    else:
        emit(f"{'slot':>6} {'nonce':>16} {'state':9} {'changed':20} {'account':12} network")
        for slot in found:
            emit(_line(slot))
    raise SystemExit(GOOD)


def _network_key(name: str | None) -> str | None:
    """A network as the ledger names it: by chain and contract."""
    if name not in NETWORKS:
        return name
    from orderseal.api import stove  # Slow to import, and not needed otherwise.

    return stove.order_scope(read_network(name, None), bytes(20)).network


def _line(slot: "Slot") -> str:
    key, account = str(slot.key), str(slot.scope.account)
    shown = key if len(key) <= 16 else f"{key[:7]}…{key[-8:]}"
    place = slot.scope.network if slot.scope.kind == "order" else f"{slot.scope.network} {slot.scope.kind}"
    place = place if len(place) <= 12 else f"{place[:11]}…"
    return f"{slot.id:>6} {shown:>16} {slot.state.value:9} {format_time(slot.changed_at):20} {account[:6]}…{account[-5:]} {place}"


@ledger_app.command("show")
def show_command(
    file: File,
    slot: Annotated[int, typer.Argument(metavar="SLOT", help="The slot's number, as `list` shows it.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Show all that is known of one nonce, without its signature."""
    from orderseal.signing.ledger import ADVICE

    with opened(file, as_json) as ledger:
        found = ledger.get(slot)
        shown = ledger.to_json(found)
    if as_json:
        emit_json({**shown, "advice": ADVICE[found.state]})
        raise SystemExit(GOOD)
    emit(f"slot     {found.id}: nonce {found.key}")
    emit(f"of       {found.scope.account}")
    emit(f"at       {found.scope.venue}, {found.scope.network} ({found.scope.kind})")
    emit(f"state    {found.state.value} since {format_time(found.changed_at)}")
    for line in wrap(ADVICE[found.state], 80, initial_indent="next     ", subsequent_indent=" " * 9):
        emit(line)
    emit("digest   none" if found.digest is None else f"digest   {found.digest}")
    left = {attempt["digest"] for attempt in shown["attempts"] if attempt["what"] == "sent"}
    for artifact in shown["artifacts"]:
        if artifact["stage"] == "content":
            if artifact["digest"] != shown["digest"]:
                emit(f"replaced {artifact['digest']}")
                emit("         it was sent, and may happen instead" if artifact["digest"] in left else "         it was never sent")
            for_ever = "until its nonce is spent" if found.shared else "for ever"
            emit("good     " + (for_ever if artifact["deadline"] is None else f"until {format_time(artifact['deadline'])}"))
            _emit_message(artifact["content"])
    for attempt in shown["attempts"]:
        details = ", ".join(f"{key} {value}" for key, value in attempt["details"].items() if value not in (None, ""))
        emit(cut(f"{format_time(attempt['at'])} {attempt['what']:11} {details}"))
    raise SystemExit(GOOD)


def _emit_message(content: dict[str, Any]) -> None:
    shown = content["typed_data"].get("message", {}) if "typed_data" in content else content.get("transaction", content)
    for name, value in (shown if isinstance(shown, dict) else content).items():
        emit(cut(f"         {name:10} {value}"))


def cut(text: str) -> str:
    """At most 80 characters, and no control characters: a venue's words go to the terminal."""
    plain = "".join(c if c.isprintable() else "?" for c in text)
    return plain if len(plain) <= 80 else f"{plain[:79]}…"


@ledger_app.command("holds")
def holds_command(file: File, as_json: Json = False) -> None:
    """List what is held: each is something that was begun, and is neither finished nor given up."""
    with opened(file, as_json) as ledger:
        found = ledger.holds()
    if as_json:
        emit_json({"holds": [_hold_json(hold) for hold in found]})
    elif not found:
        note("nothing is held")
    for hold in [] if as_json else found:
        emit(f"hold     {hold.name}")  # In full, since it is to be typed again: it has printable characters of ASCII alone.
        emit(f"intent   {hold.intent}")
        emit(cut(f"of       {hold.scope.account}, {hold.scope.venue} {hold.scope.network} ({hold.scope.kind})"))
        emit(cut(f"held by  {hold.owner[:-17]} since {format_time(hold.since)}, lease until {format_time(hold.until)}"))
    raise SystemExit(GOOD)


def _hold_json(hold: "Hold") -> dict[str, Any]:
    return {
        "venue": hold.scope.venue,
        "network": hold.scope.network,
        "account": str(hold.scope.account),
        "kind": hold.scope.kind,
        "name": hold.name,
        "intent": hold.intent,
        "owner": hold.owner,
        "epoch": hold.epoch,
        "until": hold.until,
        "since": hold.since,
    }


@ledger_app.command("break-hold")
def break_hold_command(
    file: File,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The hold's name, as `holds` shows it.", show_default=False)],
    intent: Annotated[str, typer.Argument(metavar="INTENT", help="What it is held for, exactly.", show_default=False)],
    account: Annotated[str | None, typer.Option("--account", metavar="ADDR", help="Whose it is, if several fit.")] = None,
    network: Annotated[str | None, typer.Option("--network", metavar="NAME", help="Where it is, if several fit.")] = None,
    as_json: Json = False,
) -> None:
    """End a hold whose intent you know to be finished, or given up with nothing left behind: no approval, no transaction on its way."""
    with opened(file, as_json) as ledger:
        named = [hold for hold in ledger.holds() if (hold.name, hold.intent) == (name, intent)]
        whose = None if account is None else Address(account)
        fit = [hold for hold in named if whose in (None, hold.scope.account) and network in (None, hold.scope.network)]
        if len(fit) != 1:
            told = "say which with --account and --network" if len(fit) > 1 else "see `orderseal ledger holds`"
            fail(WrongUse(f"{len(fit)} holds have this name, intent and place: {told}"), as_json=as_json)
        ledger.break_hold(fit[0].scope, name, intent)
    if as_json:
        emit_json({"broken": _hold_json(fit[0])})
    else:
        emit(f"broken   {name}")
        note(f"it was held by {fit[0].owner[:-17]}, which may do nothing under it any more")
    raise SystemExit(GOOD)


@ledger_app.command("dismiss")
def dismiss_command(
    file: File,
    slot: Annotated[int, typer.Argument(metavar="SLOT", help="The slot's number, as `list --open` shows it.", show_default=False)],
    why: Annotated[str, typer.Option("--why", metavar="TEXT", help="Who says so, and from what; it is kept.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Close a write whose answer was lost, and which you know not to have happened. Never one with a signature: that stays good."""
    from orderseal.signing.ledger import State

    with opened(file, as_json) as ledger:
        found = ledger.get(slot)
        ledger.refuse_signed(found)
        if found.state is State.SENDING:  # Its process may have died.
            ledger.take_over(found.scope)
        closed = ledger.dismiss(ledger.get(slot), why)
    if as_json:
        emit_json({"dismissed": closed.id, "state": closed.state.value})
    else:
        emit(f"dismissed {closed.id}: {closed.state.value}")
        note("its reference stays spent: a new wish needs a new one")
    raise SystemExit(GOOD)


@ledger_app.command("exposure")
def exposure_command(file: File, as_json: Json = False) -> None:
    """Sum up what live signatures may still cost: a refused or cancelled one is live until its deadline, too."""
    with opened(file, as_json) as ledger:
        found = ledger.exposure()
    if as_json:
        emit_json(_exposure_json(found))
        raise SystemExit(GOOD)
    emit_exposure(found)
    raise SystemExit(GOOD)


def emit_exposure(found: "Exposure") -> None:
    """Print the sums for people."""
    emit(f"{len(found.orders)} live signatures at {format_time(found.at)}")
    for (network, token), units in sorted(found.buys.items()):
        emit(f"buys     {_amount(units)} of {token}")
        emit(f"         on {network}")
    if found.buys:
        emit(f"         (for tokens with {_DECIMALS} decimals)")
    for (network, ticker), shares in sorted(found.sells.items()):
        emit(cut(f"sells    {shares} shares of {ticker} on {network}"))
    if found.unmeasured:
        emit(f"and      {found.unmeasured} signatures of other kinds, which are not summed")


def _amount(units: int) -> Decimal:
    return from_base_units(units, _DECIMALS)


def _exposure_json(found: "Exposure") -> dict[str, Any]:
    return {
        "at": found.at,
        "buys": [{"network": network, "token": str(token), "owed": str(units)} for (network, token), units in sorted(found.buys.items())],
        "sells": [{"network": network, "ticker": ticker, "shares": str(n)} for (network, ticker), n in sorted(found.sells.items())],
        "unmeasured": found.unmeasured,
        "orders": [
            {
                "slot": live.slot.id,
                "nonce": str(live.slot.key),
                "digest": str(live.digest),
                "state": live.slot.state.value,
                "live_until": live.live_until,
                "filled": str(live.filled),
                "owed": str(live.owed),
                "shares": str(live.shares),
            }
            for live in found.orders
        ],
    }


@ledger_app.command("backup")
def backup_command(
    file: File,
    target: Annotated[str, typer.Argument(metavar="NEW", help="The new file.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Copy a ledger to a new file, while bots go on using it. A backup forgets what is signed after it."""
    with opened(file, as_json) as ledger:
        ledger.backup(target)
    if as_json:
        emit_json({"backup": target})
    else:
        emit(target)
        note("it forgets the nonces that are signed from now on: restored, it does nothing until it is reconciled with the venue")
    raise SystemExit(GOOD)


@ledger_app.command("export")
def export_command(
    file: File,
    out: Annotated[str | None, typer.Option("--out", metavar="NEW", help="A new file, for you alone; else standard output.")] = None,
    signatures: Annotated[bool, typer.Option("--signatures", help="With signatures: whoever has them can have the orders filled.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Errors as JSON; the lines are JSON anyway.")] = False,
) -> None:
    """Print one JSON line a nonce, without signatures unless asked."""
    with opened(file, as_json) as ledger:
        if out is None:
            for line in ledger.export_lines(signatures=signatures):
                emit(line)
        else:
            try:
                handle = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            except (OSError, ValueError) as error:
                what = error.strerror if isinstance(error, OSError) else None
                raise _cannot(out, what) from None
            with open(handle, "w", encoding="utf-8") as stream:  # noqa: PTH123 - the file was made with its mode
                stream.writelines(f"{line}\n" for line in ledger.export_lines(signatures=signatures))
    if out is not None:
        note(f"{Path(out)} was written")
    raise SystemExit(GOOD)


def _cannot(name: str, why: str | None) -> WrongUse:
    return WrongUse(f"{name}: {(why or 'is no file name').lower()}")
