"""``ledger recover``, ``ledger reconcile`` and ``panic``: what a person does when a bot has died, or must be stopped."""

import re
from textwrap import wrap
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from orderseal.cli.buy import read_wei
from orderseal.cli.keys import (
    NETWORKS,
    AccountAddress,
    KeyEnv,
    Keystore,
    PasswordEnv,
    Remote,
    RpcEnv,
    RpcUrl,
    read_address,
    read_network,
    read_node,
    read_signer,
)
from orderseal.cli.ledger import File, Json, cut, emit_exposure, ledger_app, opened
from orderseal.cli.output import CHECK_FAILED, GOOD, WrongUse, emit, emit_json, note, usage
from orderseal.signing import Address, OrdersealError, Signer

if TYPE_CHECKING:
    from orderseal.api import stove
    from orderseal.chain.node import HttpNode
    from orderseal.chain.revoke import Revoked
    from orderseal.signing.ledger import Hold, Ledger, Scope

__all__ = ["panic_command"]

_APPROVE = "0x095ea7b3"  # approve(address,uint256), ERC-20
_PURCHASE: Final = re.compile(r"(0x[0-9a-fA-F]{40}) (0x[0-9a-fA-F]{40})", re.ASCII)

NetworkOption = Annotated[str, typer.Option("--network", metavar="NAME", help=", ".join(NETWORKS) + ".")]
Url = Annotated[str | None, typer.Option("--url", metavar="URL", help="Where it is served, such as a sandbox's address.")]


def _place(
    network: str | None,
    url: str | None,
    key_env: str | None,
    keystore: str | None,
    password_env: str | None,
    remote: str | None,
    address: str | None,
) -> tuple["stove.Network", Signer]:
    with usage():
        if network is None:
            raise WrongUse(f"name the network: --network {' or '.join(NETWORKS)}")
        return read_network(network, url), read_signer(key_env, keystore, password_env, remote, address)


@ledger_app.command("recover")
def recover_command(
    file: File,
    network: NetworkOption,
    url: Url = None,
    send: Annotated[
        bool, typer.Option("--send", help="Send what never left, if its deadline still allows it. Else such orders are abandoned.")
    ] = False,
    key_env: KeyEnv = None,
    keystore: Keystore = None,
    password_env: PasswordEnv = None,
    remote: Remote = None,
    address: AccountAddress = None,
    as_json: Json = False,
) -> None:
    """Settle what a dead bot left open: look unknown orders up at the venue. Rows that a running bot holds are not touched."""
    from orderseal.signing.ledger import OPEN

    with opened(file, as_json) as ledger:
        place, signer = _place(network, url, key_env, keystore, password_env, remote, address)
        from orderseal.api import stove

        maker = stove.Maker(place, signer, ledger, unsent="send" if send else "abandon")
        if ledger.counters() and not ledger.slots(network=maker.scope.network, account=signer.address, limit=1):
            accounts = sorted({f"{scope.account} on {scope.network}" for scope in ledger.counters()})
            raise WrongUse(f"the ledger has nothing of {signer.address} on {maker.scope.network}; it has nonces of {', '.join(accounts)}")
        try:
            maker.client.renew()  # A venue that cannot be reached is told at once, and no row is taken up.
            note(f"looking up what is open of {signer.address} …")
            found = maker.recover()
        finally:
            maker.close()
        held = len(ledger.slots(network=maker.scope.network, account=signer.address, states=OPEN))
    if as_json:
        emit_json({"recovered": [_recovered(one) for one in found], "open": held})
    else:
        for one in found:
            told = f"nonce {one.slot.key}: {one.slot.state.value}" + (f" ({one.error})" if one.error else "")
            for line in wrap(told, 80, subsequent_indent="  "):
                emit(cut(line))
        why = ": the venue is silent about them, or a running bot holds them" if held else ""
        note(f"{len(found)} rows were taken up, {held} of this account are open{why}")
    raise SystemExit(CHECK_FAILED if held else GOOD)


def _recovered(one: "stove.Recovered") -> dict[str, Any]:
    return {
        "slot": one.slot.id,
        "nonce": str(one.slot.key),
        "state": one.slot.state.value,
        "id": one.placed.venue.id if one.placed else None,
        "error": str(one.error) if one.error else None,
    }


@ledger_app.command("reconcile")
def reconcile_command(
    file: File,
    next_nonce: Annotated[
        int | None, typer.Option("--next", min=0, metavar="N", help="The venue's next nonce, if you have it; else the venue is asked.")
    ] = None,
    account: Annotated[str | None, typer.Option("--account", metavar="ADDR", help="With --next: whose nonces.")] = None,
    kind: Annotated[str, typer.Option("--kind", metavar="KIND", help="With --next: order, transaction, or a name of yours.")] = "order",
    skip: Annotated[int, typer.Option("--skip", min=0, help="Leave out so many more: those signed since a backup, and not placed.")] = 0,
    max_jump: Annotated[int, typer.Option("--max-jump", min=0, help="How far the venue may push the next nonce.")] = 1_000,
    network: Annotated[
        str | None,
        typer.Option("--network", metavar="NAME", help=f"With --next: as in the ledger, such as 17000. Without: {', '.join(NETWORKS)}."),
    ] = None,
    url: Url = None,
    key_env: KeyEnv = None,
    keystore: Keystore = None,
    password_env: PasswordEnv = None,
    remote: Remote = None,
    address: AccountAddress = None,
    as_json: Json = False,
) -> None:
    """Let bots go on after a restored backup, a fail-over, a panic, or another program's use of the account. Find out which first."""
    with opened(file, as_json) as ledger:
        if next_nonce is None:
            place, signer = _place(network, url, key_env, keystore, password_env, remote, address)
            from orderseal.api import stove

            with stove.Client(place, signer) as client:
                next_nonce = client.next_nonce()
            scope = stove.order_scope(place, signer.address)
        else:
            scope = _known_scope(list(ledger.counters()), account, kind, network)
        before = ledger.counters().get(scope)
        counter, given_up = ledger.reconcile(scope, next_nonce, max_jump=max_jump, skip=skip)
    if as_json:
        emit_json({"next": str(counter.next), "abandoned": [str(slot.key) for slot in given_up]})
    else:
        emit(f"{scope}:")
        emit(f"the next nonce was {before.next if before else 'not known'}, and is {counter.next}")
        if given_up:
            emit(cut(f"given up, because they may have been used elsewhere: {', '.join(str(slot.key) for slot in given_up)}"))
    raise SystemExit(GOOD)


def _known_scope(scopes: list["Scope"], account: str | None, kind: str, network: str | None) -> "Scope":
    with usage():
        whose = None if account is None else read_address(account, "--account")
    found = [scope for scope in scopes if scope.kind == kind and whose in (None, scope.account) and network in (None, scope.network)]
    if len(found) != 1:
        told = "; ".join(map(str, found or scopes)) or "none"
        raise WrongUse(f"{len(found)} scopes of the ledger fit: say which with --account, --kind and --network. It has: {told}")
    return found[0]


def panic_command(
    file: File,
    network: NetworkOption,
    url: Url = None,
    rpc_url: RpcUrl = None,
    rpc_env: RpcEnv = None,
    max_fee_per_gas: Annotated[
        str | None, typer.Option("--max-fee-per-gas", metavar="GWEI", help="With a node: the most for a unit of gas; else 500.")
    ] = None,
    key_env: KeyEnv = None,
    keystore: Keystore = None,
    password_env: PasswordEnv = None,
    remote: Remote = None,
    address: AccountAddress = None,
    as_json: Json = False,
) -> None:
    """Stop all bots of a ledger, cancel every order of the account at the venue, and say what is live all the same.

    With --rpc-url or --rpc-env it also sets the allowances of the live orders, and of purchases that are not finished, to zero on chain,
    and waits until that holds. Without, it prints the calls for a wallet. Those transactions are in no ledger, which panic has halted:
    their nonces are the account's next ones as the node says.
    """
    with opened(file, as_json) as ledger:
        place, signer = _place(network, url, key_env, keystore, password_env, remote, address)
        node, cap = _node(rpc_url, rpc_env, max_fee_per_gas)
        from orderseal.api import stove

        maker = stove.Maker(place, signer, ledger)
        try:
            done = maker.panic()
        finally:
            maker.close()
        held, unread = _purchases(ledger, signer.address)
    revoked = [_revoke(node, place.chain_id, Address(token), Address(spender), signer, cap) for token, spender in done.allowances]
    ended = [_revoke(node, int(hold.scope.network), token, spender, signer, cap) for hold, token, spender in held]
    if node is not None:
        node.close()
    errors = [*done.errors, *unread, *[found for found in [*revoked, *ended] if isinstance(found, OrdersealError)]]
    live = None if done.exposure is None else len(done.exposure.orders)
    good = done.halted and live == 0 and not errors and None not in ended
    if as_json:
        emit_json(
            {
                "ok": good,
                "halted": done.halted,
                "cancelled": [{"id": order_id, "state": state.value} for order_id, state in done.cancelled.items()],
                "abandoned": [str(nonce) for nonce in done.abandoned],
                "live": live,
                "allowances": [
                    {"token": token, "spender": spender, "data": _approve_nothing(spender), **_revoked_json(found)}
                    for (token, spender), found in zip(done.allowances, revoked, strict=True)
                ],
                "purchases": [_purchase_json(*one, found) for one, found in zip(held, ended, strict=True)],
                "errors": [str(error) for error in errors],
            }
        )
        raise SystemExit(GOOD if good else CHECK_FAILED)
    if done.halted:
        emit("halted    no bot of this ledger sends anything until `ledger reconcile`")
    else:
        emit("NOT halted: stop the bots yourself, now")
    emit(f"abandoned {len(done.abandoned)} orders that had not left")
    for order_id, state in done.cancelled.items():
        emit(cut(f"cancel    {order_id}: {state.value}"))
    for error in errors:
        note(cut(f"orderseal: {error}"))
    if done.exposure is None:
        emit("What is live is not known: the ledger cannot be read.")
    else:
        emit_exposure(done.exposure)
    if live != 0:
        _emit_what_is_left(sent=node is not None)
    for (token, spender), found in zip(done.allowances, revoked, strict=True):
        _emit_allowance(token, spender, found)
    for one, found in zip(held, ended, strict=True):
        _emit_purchase(*one, found)
    if held:
        _emit_how_to_end(file, signer.address, sorted({hold.scope.network for hold, *_ in held}))
    raise SystemExit(GOOD if good else CHECK_FAILED)


def _node(rpc_url: str | None, rpc_env: str | None, max_fee_per_gas: str | None) -> tuple["HttpNode | None", int]:
    from orderseal.chain.revoke import DEFAULT_CAP

    with usage():
        if rpc_url is None and rpc_env is None:
            if max_fee_per_gas is not None:
                raise WrongUse("--max-fee-per-gas belongs to --rpc-url or --rpc-env: without a node nothing is sent on chain")
            return None, 0
        return read_node(rpc_url, rpc_env), DEFAULT_CAP if max_fee_per_gas is None else read_wei(max_fee_per_gas)


def _purchases(ledger: "Ledger", account: Address) -> tuple[list[tuple["Hold", Address, Address]], list[OrdersealError]]:
    """What this ledger's purchases and sales of the account that are not finished may have allowed: the hold, token and spender."""
    try:
        holds = [hold for hold in ledger.holds() if (hold.scope.venue, hold.scope.account) == ("evm", account)]
    except OrdersealError as error:
        return [], [error]
    found: list[tuple[Hold, Address, Address]] = []
    for hold in holds:
        pair = _PURCHASE.fullmatch(hold.name)
        if pair is not None and re.fullmatch("[0-9]{1,20}", hold.scope.network, re.ASCII):
            found.append((hold, Address(pair[1]), Address(pair[2])))
    return found, []


def _revoke(
    node: "HttpNode | None", chain_id: int, token: Address, spender: Address, signer: Signer, cap: int
) -> "Revoked | OrdersealError | None":
    """Set one allowance to zero; what goes wrong stops none of the others."""
    if node is None:
        return None
    from orderseal.chain.dialogue import run
    from orderseal.chain.revoke import revoke_allowance

    note(f"setting the allowance of {token} to zero …")
    try:
        return run(revoke_allowance(chain_id, token, spender, signer, cap=cap, tell=note), node)
    except OrdersealError as error:
        return error


def _revoked_json(found: "Revoked | OrdersealError | None") -> dict[str, Any]:
    if found is None or isinstance(found, OrdersealError):
        return {"revoked": False, "transaction": None}
    return {"revoked": True, "transaction": None if found.hash is None else str(found.hash)}


def _purchase_json(hold: "Hold", token: Address, spender: Address, found: "Revoked | OrdersealError | None") -> dict[str, Any]:
    call = {"token": str(token), "spender": str(spender), "data": _approve_nothing(str(spender))}
    return {"chain_id": int(hold.scope.network), "intent": hold.intent, **call, **_revoked_json(found)}


def _emit_purchase(hold: "Hold", token: Address, spender: Address, found: "Revoked | OrdersealError | None") -> None:
    emit(cut(f"not finished, on chain {hold.scope.network}, and its allowance may stand: the plan"))
    emit(cut(f"  {hold.intent}"))
    emit(f"  token    {token}")
    emit(f"  spender  {spender}")
    _emit_allowance(str(token), str(spender), found)


def _emit_how_to_end(file: str, account: Address, networks: list[str]) -> None:
    emit("What is held stays so, whatever is allowed: `buy revoke PLAN` ends it, after")
    for network in networks:
        emit(f"  orderseal ledger reconcile {file} --kind transaction --network {network} \\")
        emit(f"  --account {account} --next N")


def _emit_what_is_left(*, sent: bool) -> None:
    emit("A cancellation ends no live signature: until its deadline anyone who has it can")
    emit("have the order filled, as long as the allowance stands.")
    if sent:
        emit("Where the allowance is zero now, that cannot be, until somebody approves again:")
        emit("do so after the last deadline only. Shares that are offered are taken by the")
        emit("stock token's own allowance: set that one to zero, too.")
    else:
        emit("Set it to zero now: with --rpc-url, or with the account's own wallet. Shares")
        emit("that are offered are taken by the stock token's own allowance: that one, too.")


def _emit_allowance(token: str, spender: str, found: "Revoked | OrdersealError | None") -> None:
    if found is None or isinstance(found, OrdersealError):
        if found is not None:
            emit("NOT set to zero, as far as is known. The call for a wallet:")
        emit(f"  to   {token}")
        emit(f"  data {_approve_nothing(spender)}")
    elif found.hash is None:
        emit(f"allowance of {token}: it is zero")
    else:
        emit(f"allowance of {token}: zero now, by")
        emit(f"  {found.hash}")


def _approve_nothing(spender: str) -> str:
    """The call data of ``approve(spender, 0)`` (ERC-20)."""
    return f"{_APPROVE}{spender.removeprefix('0x').lower():0>64}{0:064x}"
