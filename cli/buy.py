"""``buy``: plan a purchase, show a plan, send it, give it up; and read pins."""

import re
from collections.abc import Callable, Generator
from contextlib import contextmanager, nullcontext
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn

import typer

from orderseal.cli.keys import (
    AccountAddress,
    KeyEnv,
    Keystore,
    PasswordEnv,
    Remote,
    RpcEnv,
    RpcUrl,
    read_address,
    read_node,
    read_signer,
)
from orderseal.cli.ledger import cut, opened
from orderseal.cli.output import CHECK_FAILED, GOOD, WrongUse, emit, emit_json, fail, note, read_input, usage
from orderseal.signing import InvalidInput, OrdersealError, RuleViolation, describe, format_time, system_clock, to_base_units

if TYPE_CHECKING:
    from orderseal.chain.dialogue import Dialogue, Node
    from orderseal.chain.execute import Done, Sending
    from orderseal.chain.pins import Pins
    from orderseal.chain.plan import Plan
    from orderseal.chain.planning import Limits
    from orderseal.chain.recipe import Recipe, Target
    from orderseal.signing.ledger import Ledger

__all__ = [
    "Json",
    "MaxFee",
    "MaxFeePerGas",
    "Out",
    "PinsFile",
    "ValidFor",
    "buy_app",
    "check_new",
    "hand_out",
    "naming_options",
    "read_limits",
    "read_pins",
    "read_wei",
]

_GWEI: Final = 9
_AMOUNT: Final = re.compile(r"[0-9]{1,60}(?:\.[0-9]{1,77})?", re.ASCII)
_LISTED: Final = 2
_OPTIONS: Final = ("buyer", "seller", "quantity", "max_total", "price", "amount", "min_count", "max_count", "token", "decimals")

buy_app = typer.Typer(
    help="Buy on chain by a platform's recipe: plan, show, send. `sell` makes plans too, and `buy send` sends them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
PinsFile = Annotated[str, typer.Option("--pins", metavar="FILE", help="Your own pins; `buy pins` makes the file.", show_default=False)]
MaxFee = Annotated[str | None, typer.Option("--max-fee", metavar="COINS", help="Fees of all its transactions; else 3 times today's.")]
MaxFeePerGas = Annotated[str | None, typer.Option("--max-fee-per-gas", metavar="GWEI", help="The most for a unit of gas.")]
ValidFor = Annotated[int | None, typer.Option("--valid-for", metavar="SECONDS", help="How long it may be sent; else half an hour.")]
Out = Annotated[str | None, typer.Option("--out", metavar="NEW", help="A new file; else standard output.")]
PlanFile = Annotated[str, typer.Argument(metavar="PLAN|-", help="The plan's file, or - for standard input.", show_default=False)]
LedgerFile = Annotated[str, typer.Option("--ledger", metavar="LEDGER", help="Where all that is signed is kept.", show_default=False)]
Confirmations = Annotated[int, typer.Option("--confirmations", min=1, max=1000, help="Blocks until a transaction counts.")]
StuckAfter = Annotated[float, typer.Option("--stuck-after", metavar="SECONDS", help="Until a transaction is sent with higher fees.")]
Patience = Annotated[float, typer.Option("--patience", metavar="SECONDS", help="For one transaction; then it can be gone on with.")]
Poll = Annotated[float, typer.Option("--poll", metavar="SECONDS", help="Between two looks at the chain.")]


# -- Planning -----------------------------------------------------------------------------------------------------------------------


@buy_app.command("plan")
def plan_command(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE|-", help="The platform's token object (JSON).", show_default=False)],
    pins: PinsFile,
    max_total: Annotated[str, typer.Option("--max-total", metavar="AMOUNT", help="What it may cost, in the currency.", show_default=False)],
    buyer: Annotated[str, typer.Option("--buyer", metavar="ADDR", help="Who pays and gets the tokens.", show_default=False)],
    quantity: Annotated[int, typer.Option("--quantity", metavar="N", min=1, help="How many, as the contract counts.", show_default=False)],
    rpc_url: RpcUrl = None,
    rpc_env: RpcEnv = None,
    max_fee: MaxFee = None,
    max_fee_per_gas: MaxFeePerGas = None,
    valid_for: ValidFor = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask no node: with --price, both --…-decimals and --max-fee. It is not simulated.")
    ] = False,
    price: Annotated[int | None, typer.Option("--price", metavar="N", min=1, help="Offline: as the contract holds it.")] = None,
    currency_decimals: Annotated[int | None, typer.Option("--currency-decimals", metavar="N", min=0, max=77, help="Offline.")] = None,
    token_decimals: Annotated[int | None, typer.Option("--token-decimals", metavar="N", min=0, max=77, help="Offline.")] = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Hold a platform's recipe against your pins and the chain, simulate the purchase, and write a plan. Nothing is signed or sent."""
    from orderseal.chain.dialogue import run
    from orderseal.chain.planning import offline_purchase, plan_purchase
    from orderseal.chain.recipe import check_recipe, parse_recipe

    own = (price, currency_decimals, token_decimals)
    try:
        with usage():
            if recipe == "-" and pins == "-":
                raise WrongUse("standard input can only give one of them")
            _check_offline(offline, own, rpc_url or rpc_env, max_fee or max_fee_per_gas)
            check_new(out)
            held, limits, most = read_pins(pins), read_limits(max_fee, max_fee_per_gas, valid_for), _amount(max_total, "--max-total")
            account = read_address(buyer, "--buyer")
            node = nullcontext(None) if offline else read_node(rpc_url, rpc_env)
        now = system_clock()
        with node as asked:
            found = parse_recipe(read_input(recipe))
            target = check_recipe(found, held)
            with naming_options():
                if asked is not None:
                    plan = run(plan_purchase(target, held, buyer=account, quantity=quantity, max_total=most, now=now, limits=limits), asked)
                else:
                    assert price is not None
                    assert currency_decimals is not None
                    assert token_decimals is not None
                    plan = offline_purchase(
                        target,
                        held,
                        buyer=account,
                        quantity=quantity,
                        max_total=most,
                        price=price,
                        currency_decimals=currency_decimals,
                        token_decimals=token_decimals,
                        now=now,
                        limits=limits,
                    )
        if not as_json:
            _tell_recipe(found, target)
        hand_out(plan, out, now, as_json)
    except OrdersealError as error:
        fail(error, as_json=as_json)


def _check_offline(offline: bool, own: tuple[int | None, ...], node: str | None, bound: str | None) -> None:
    if not offline:
        if own != (None, None, None):
            raise WrongUse("--price, --currency-decimals and --token-decimals belong to --offline: else the chain is asked")
        return
    if None in own:
        raise WrongUse("--offline needs --price, --currency-decimals and --token-decimals: no chain is asked for them")
    if node is not None:
        raise WrongUse("--offline asks no node: leave --rpc-url and --rpc-env out")
    if bound is None:
        raise WrongUse("--offline needs --max-fee or --max-fee-per-gas: no chain is asked what gas costs")


def _tell_recipe(recipe: "Recipe", target: "Target") -> None:
    note("recipe    its chain, marketplace, currency and ABI are those that are pinned")
    note(cut(f"          the platform calls it '{target.name or ''}' ({target.symbol or ''})"))
    note(cut(f"          and says that one costs {recipe.value or 'nothing that it names'}: the chain decides"))
    if recipe.status not in (None, _LISTED):
        note(f"          its status is {recipe.status}, which is not 'listed' ({_LISTED})")


@contextmanager
def naming_options() -> Generator[None]:
    """Bad input that goes by an option's name is the caller's use of the command."""
    try:
        yield
    except InvalidInput as error:
        if error.path in _OPTIONS:
            error.path, error.hint = "--" + error.path.replace("_", "-"), ""
            raise WrongUse(str(error)) from error
        raise


def hand_out(plan: "Plan", out: str | None, now: float, as_json: bool) -> NoReturn:
    """Give a plan to the user: the file, what it does, and how to go on. Never over another file."""
    import json

    from orderseal.chain.erc20 import Approve
    from orderseal.cli.plans import facts_lines, plan_lines

    document = plan.to_json()
    if out is not None:
        _write_new(out, json.dumps(document, indent=2) + "\n")
    if as_json:
        emit_json(document)
        raise SystemExit(GOOD)
    tell = note
    if out is None:
        emit(json.dumps(document, indent=2))
    else:
        tell = emit
    for line in [*plan_lines(plan, now), *facts_lines(plan)]:
        tell(line)
    shown = out or "PLAN"
    room = "approve" if isinstance(plan.call, Approve) else "buy"
    note(f"\nRead it, or let somebody else: orderseal {room} show {shown}")
    if plan.steps:
        note(f"To send it:  orderseal {room} send {shown} --approved HASH --ledger LEDGER …")
    else:
        note("There is nothing to send: it is allowed already")
    raise SystemExit(GOOD)


def check_new(name: str | None) -> None:
    """Say early that a file is there already."""
    try:
        there = name is not None and Path(name).exists()
    except (OSError, ValueError):
        return  # Writing it says what is wrong with the name.
    if there:
        raise WrongUse(f"{name}: is there already, and is not overwritten: choose another name")


def _write_new(name: str, text: str) -> None:
    try:
        with Path(name).open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        check_new(name)
        raise WrongUse(f"{name}: is a link to nothing") from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else None
        raise WrongUse(f"{name}: {(why or 'is no file name').lower()}") from None


# -- Showing ------------------------------------------------------------------------------------------------------------------------


@buy_app.command("show")
def show_command(file: PlanFile, as_json: Json = False) -> None:
    """Say what a plan would do, read from its calldata alone, with its hash. Exit code 1 if the file was changed."""
    from orderseal.cli.plans import facts_lines, plan_json, plan_lines

    try:
        plan = _read_plan(file)
    except OrdersealError as error:
        fail(error, as_json=as_json)
    now = system_clock()
    if as_json:
        emit_json(plan_json(plan, now))
    else:
        for line in [*plan_lines(plan, now), *facts_lines(plan)]:
            emit(line)
    raise SystemExit(GOOD)


def _read_plan(file: str) -> "Plan":
    from orderseal.chain.plan import Plan

    return Plan.parse(read_input(file))


# -- Sending ------------------------------------------------------------------------------------------------------------------------


@buy_app.command("send")
def send_command(
    file: PlanFile,
    approved: Annotated[str, typer.Option("--approved", metavar="HASH", help="The hash that was approved.", show_default=False)],
    ledger: LedgerFile,
    rpc_url: RpcUrl = None,
    rpc_env: RpcEnv = None,
    key_env: KeyEnv = None,
    keystore: Keystore = None,
    password_env: PasswordEnv = None,
    remote: Remote = None,
    address: AccountAddress = None,
    unsimulated: Annotated[bool, typer.Option("--unsimulated", help="Send it although not all of it could be checked.")] = False,
    confirmations: Confirmations = 1,
    stuck_after: StuckAfter = 60.0,
    patience: Patience = 3_600.0,
    poll: Poll = 2.0,
    as_json: Json = False,
) -> None:
    """Send a plan that was approved by its hash, or go on with it: the same command after a crash, a time-out or Ctrl-C.

    What it is for is read and simulated again before each transaction, and what a failure left allowed is revoked.
    """
    from orderseal.chain.execute import carry_out, check_given
    from orderseal.cli.plans import coins, in_words

    try:
        with usage():
            _one_input(file, keystore, password_env)
            sending = _sending(confirmations, stuck_after, patience, poll)
            _check_hash(approved)
        plan = _read_plan(file)
        with usage():
            signer, node = read_signer(key_env, keystore, password_env, remote, address), read_node(rpc_url, rpc_env)
        check_given(plan, signer, approved)
        note(f"on chain {plan.chain_id}, as {plan.account}:")
        for number, line in enumerate(in_words(plan), 1):
            note(f"  {number}. {line}")
        note(f"  for at most {coins(plan.caps.max_fee)} coins of fees")
        made = "://" not in ledger and not Path(ledger).exists()
        with node, opened(ledger, as_json, create=True) as book:
            _note_if_new(plan, book, ledger if made else None)
            told: list[str] = []
            wish = carry_out(plan, signer, book, approved=approved, unsimulated=unsimulated, sending=sending, tell=_telling(told))
            done = _run_through(wish, node, file)
            if not plan.steps:
                note("what it plans is allowed already: there was nothing to send")
            elif not any(str(one.hash) in line for one in done.sent for line in told):
                note("all of it had been sent before: nothing was sent again")
            _emit_done(plan, done, node, as_json)
    except OrdersealError as error:
        fail(error, as_json=as_json)


@buy_app.command("revoke")
def revoke_command(
    file: PlanFile,
    ledger: LedgerFile,
    rpc_url: RpcUrl = None,
    rpc_env: RpcEnv = None,
    key_env: KeyEnv = None,
    keystore: Keystore = None,
    password_env: PasswordEnv = None,
    remote: Remote = None,
    address: AccountAddress = None,
    max_fee_per_gas: Annotated[
        str | None, typer.Option("--max-fee-per-gas", metavar="GWEI", help="The most for a unit of gas; else the plan's own cap.")
    ] = None,
    confirmations: Confirmations = 1,
    stuck_after: StuckAfter = 60.0,
    patience: Patience = 3_600.0,
    poll: Poll = 2.0,
    as_json: Json = False,
) -> None:
    """Give a plan up that was begun: see through what is on its way, set the allowance to zero, let another plan begin.

    Exit code 1 if the marketplace may take something still, or if nothing of the plan is in this ledger.
    """
    from orderseal.chain.execute import give_up

    try:
        with usage():
            _one_input(file, keystore, password_env)
            sending = _sending(confirmations, stuck_after, patience, poll)
            cap = None if max_fee_per_gas is None else read_wei(max_fee_per_gas)
        plan = _read_plan(file)
        with usage():
            signer, node = read_signer(key_env, keystore, password_env, remote, address), read_node(rpc_url, rpc_env)
        with node, opened(ledger, as_json) as book:
            done = _run_through(give_up(plan, signer, book, max_fee_per_gas=cap, sending=sending, tell=note), node, file)
    except OrdersealError as error:
        fail(error, as_json=as_json)
    _emit_revoked(plan, done, as_json)


def _emit_revoked(plan: "Plan", done: "Done", as_json: bool) -> NoReturn:
    """Say what the marketplace may take now, as it was read."""
    from orderseal.cli.plans import amount_json

    assert done.allowance is not None  # Giving up ends with reading it.
    known = done.begun or bool(done.sent)
    good = known and not done.allowance
    allowed = amount_json(plan, done.allowance, approved=True)
    if as_json:
        found = {"plan": str(plan.hash), "sent": _sent_json(done), "fee": str(done.fee), "begun": known, "allowance": allowed}
        emit_json({"ok": good, **found})
        raise SystemExit(GOOD if good else CHECK_FAILED)
    _emit_sent(done)
    if not known:
        emit("unknown   nothing of this plan is in this ledger: was it sent with another one?")
        late = system_clock() > plan.valid_until
        until = format_time(plan.valid_until)
        emit(f"          it could be sent until {until}" if late else f"          it can still be sent until {until}")
    if good:
        emit(f"given up  {plan.spender} may take nothing of {plan.approved_token}")
    elif not done.allowance:
        emit(f"allowed   {plan.spender} may take nothing of {plan.approved_token} now")
    else:
        emit(f"ALLOWED   {plan.spender} may take {allowed['amount']} of {plan.approved_token}")
        emit(f"          which are {allowed['units']} base units")
        for line in _why_allowed(plan, done, known):
            emit(f"          {line}")
    raise SystemExit(GOOD if good else CHECK_FAILED)


def _why_allowed(plan: "Plan", done: "Done", known: bool) -> tuple[str, ...]:
    if plan.kind != "purchase" and known and (plan.kind == "delist" or any(one.what == plan.kind for one in done.sent)):
        done_ = "was not delisted" if plan.kind == "delist" else "was carried out"
        return (f"it {done_}: this is the listing's allowance, and stands with it", "to end both, use `sell delist`, and send that plan")
    return ("it is not this plan's, or was given since: set it to zero with the account's wallet",)


def _one_input(file: str, keystore: str | None, password_env: str | None) -> None:
    if file == "-" and keystore is not None and password_env is None:
        raise WrongUse("standard input cannot give both the plan and the password: use --password-env VARIABLE")


def _sending(confirmations: int, stuck_after: float, patience: float, poll: float) -> "Sending":
    from orderseal.chain.execute import Sending

    try:
        return Sending(confirmations=confirmations, stuck_after=stuck_after, patience=patience, poll=poll)
    except InvalidInput as error:
        seconds = {"stuck_after": stuck_after, "patience": patience, "poll": poll}.get(error.path)
        error.path, error.actual = "--" + error.path.replace("_", "-"), error.actual if seconds is None else f"{seconds:g}"
        raise


def _check_hash(text: str) -> None:
    if not re.fullmatch(r"0x[0-9a-fA-F]{64}", text, re.ASCII):
        raise WrongUse(f"--approved: expected 0x and 64 hexadecimal digits, as `buy show` prints the hash, got {describe(text)}")


def _note_if_new(plan: "Plan", ledger: "Ledger", made: str | None) -> None:
    """A plan that is sent with two ledgers is sent twice: whoever mistyped a name must see it."""
    from orderseal.chain.execute import transaction_scope

    if transaction_scope(plan) not in ledger.counters():
        what = "this ledger knows no transaction of the account" if made is None else f"a new ledger is made, {made}"
        note(f"{what}: if this plan was sent before, stop, and name the ledger of that time")


def _telling(told: list[str]) -> Callable[[str], None]:
    def tell(line: str) -> None:
        told.append(line)
        note(line)

    return tell


def _run_through(dialogue: "Dialogue[Done]", node: "Node", file: str) -> "Done":
    from orderseal.chain.dialogue import run

    try:
        return run(dialogue, node)
    except RuleViolation as error:
        if error.rule == "unsimulated" and str(error).endswith("say so"):
            raise RuleViolation(error.rule, f"{error}: --unsimulated") from error
        raise
    except KeyboardInterrupt:
        note(f"\nstopped. All that was sent is on record: the same command goes on, and `buy revoke {file}` gives the plan up.")
        raise


def _emit_done(plan: "Plan", done: "Done", node: "Node", as_json: bool) -> None:
    from orderseal.chain.dialogue import ask_one, run
    from orderseal.chain.outcome import check_logs
    from orderseal.chain.receipts import read_receipt, receipt_call
    from orderseal.cli.plans import amount_json, coins, event_lines, values_json

    event = None
    try:
        for call in [one for one in done.sent if one.what == plan.kind]:
            asked = receipt_call(call.hash)
            receipt = read_receipt(run(ask_one(asked.method, *asked.params), node), call.hash)
            event = None if receipt is None else check_logs(plan, receipt.logs, "receipt")
    except OrdersealError as error:
        note(f"done, and checked; but its event cannot be shown: {error}")
    purchase = plan.kind == "purchase"
    if as_json:
        emit_json(
            {
                "plan": str(plan.hash),
                "sent": _sent_json(done),
                "fee": str(done.fee),
                "leaves": amount_json(plan, plan.expected.leaves, approved=True),
                "arrives": amount_json(plan, plan.expected.arrives, approved=False) if purchase else None,
                "event": None if event is None else {"name": event.abi.name, "values": values_json(event)},
            }
        )
        raise SystemExit(GOOD)
    _emit_sent(done)
    emit(f"fees      {coins(done.fee)} coins in all")
    gone = amount_json(plan, plan.expected.leaves, approved=True)
    if plan.expected.leaves:
        emit(f"{'paid' if purchase else 'taken':9} {gone['amount']} of {gone['token']}")
    if purchase:
        arrived = amount_json(plan, plan.expected.arrives, approved=False)
        emit(f"arrived   {arrived['amount']} of {arrived['token']}")
    for line in () if event is None else event_lines(plan, event):
        emit(line)
    raise SystemExit(GOOD)


def _emit_sent(done: "Done") -> None:
    from orderseal.cli.plans import coins

    for one in done.sent:
        emit(f"{one.what:9} {one.hash}")
        emit(f"          nonce {one.nonce}, block {one.block}, fee {coins(one.fee)} coins")


def _sent_json(done: "Done") -> list[dict[str, Any]]:
    return [
        {"what": one.what, "nonce": str(one.nonce), "hash": str(one.hash), "block": one.block, "fee": str(one.fee)} for one in done.sent
    ]


# -- Pins ---------------------------------------------------------------------------------------------------------------------------


@buy_app.command("pins")
def pins_command(
    marketplace: Annotated[str, typer.Option("--marketplace", metavar="ADDR", help="From the platform's own site.", show_default=False)],
    currency: Annotated[str, typer.Option("--currency", metavar="ADDR", help="The token that you pay with.", show_default=False)],
    token: Annotated[list[str] | None, typer.Option("--token", metavar="ADDR", help="A token you may buy; repeat it. Else any.")] = None,
    rpc_url: RpcUrl = None,
    rpc_env: RpcEnv = None,
    out: Out = None,
    as_json: Annotated[bool, typer.Option("--json", help="The pins on one line, and errors as JSON.")] = False,
) -> None:
    """Read what stands at YOUR addresses now, and make a file of pins. Never take the addresses from a recipe that they are to check."""
    import json

    from orderseal.chain.dialogue import run
    from orderseal.chain.observe import observe_pins

    try:
        with usage():
            market, paid = read_address(marketplace, "--marketplace"), read_address(currency, "--currency")
            tokens = None if token is None else [read_address(one, "--token") for one in token]
            check_new(out)
        with read_node(rpc_url, rpc_env) as node, _usage_of_addresses():
            found = run(observe_pins(market, paid, tokens=tokens), node)
        document = found.to_json()
        text = json.dumps(document, indent=2)
        if out is not None:
            _write_new(out, text + "\n")
    except OrdersealError as error:
        fail(error, as_json=as_json)
    if as_json:
        emit_json(document)
    elif out is None:
        emit(text)
    else:
        emit(out)
    note("TRUST ON FIRST USE: this is what one node says stands there now. Before you buy with it,")
    note("compare the addresses with what the platform publishes, and the code with an explorer.")
    if tokens is None:
        note("No --token was named: with these pins the platform's recipe says which token is bought.")
    raise SystemExit(GOOD)


@contextmanager
def _usage_of_addresses() -> Generator[None]:
    """Addresses that do not fit together are the caller's."""
    try:
        yield
    except InvalidInput as error:
        raise WrongUse(str(error)) from error


# -- Options ------------------------------------------------------------------------------------------------------------------------


def read_pins(file: str) -> "Pins":
    """Read the file of --pins."""
    from orderseal.chain.pins import Pins

    try:
        return Pins.parse(read_input(file))
    except InvalidInput as error:
        raise WrongUse(f"--pins {file}: {error}") from error


def read_limits(max_fee: str | None, max_fee_per_gas: str | None, valid_for: int | None) -> "Limits":
    """Make limits of the options."""
    from orderseal.chain.planning import DEFAULT_VALIDITY, Limits

    try:
        return Limits(
            valid_for=DEFAULT_VALIDITY if valid_for is None else valid_for,
            max_fee=None if max_fee is None else _amount(max_fee, "--max-fee"),
            max_fee_per_gas=None if max_fee_per_gas is None else read_wei(max_fee_per_gas),
        )
    except InvalidInput as error:
        error.path = error.path if error.path.startswith("--") else "--" + error.path.replace("_", "-")
        raise


def read_wei(text: str) -> int:
    """Read gwei as wei."""
    return to_base_units(_amount(text, "--max-fee-per-gas"), _GWEI, path="--max-fee-per-gas")


def _amount(text: str, option: str) -> Decimal:
    if not _AMOUNT.fullmatch(text):
        raise InvalidInput(path=option, expected="a plain number, such as 2.5", actual=describe(text))
    return Decimal(text)
