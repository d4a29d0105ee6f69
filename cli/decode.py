"""``decode``: calldata, logs and revert data in words."""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from decimal import Decimal
from textwrap import wrap
from typing import Annotated, Any, Final

import typer

from orderseal.chain.abi import Abi, RawLog
from orderseal.chain.abi.types import AbiType, Array, Parameter, Tuple
from orderseal.chain.explain import Meaning, explain_calldata, explain_error, explain_log, known_abis
from orderseal.chain.reverts import read_revert, show, solidity_errors
from orderseal.cli.output import CHECK_FAILED, GOOD, WrongUse, emit, emit_json, fail, read_input, usage
from orderseal.signing import Address, InvalidInput, OrdersealError, describe, from_base_units, read_json

__all__ = ["decode_app"]

decode_app = typer.Typer(help="Say what calldata, a log or revert data means.", no_args_is_help=True)

_WIDTH: Final = 80
_SHOWN_ITEMS: Final = 20
_Row = tuple[str, str, str]
_NAMED: Final = re.compile(r"(?:([A-Za-z_$][A-Za-z0-9_$]*)=)?([0-9]{1,2})", re.ASCII)

Data = Annotated[str, typer.Argument(metavar="DATA|-", help="0x hex, or - for standard input.", show_default=False)]
AbiFiles = Annotated[list[str] | None, typer.Option("--abi", metavar="FILE", help="ABI JSON, instead of what is known; may be repeated.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Lenient = Annotated[bool, typer.Option("--lenient", help="Read as Solidity does, and say what is not canonical.")]
DecimalsOption = Annotated[
    list[str] | None,
    typer.Option("--decimals", metavar="[NAME=]N", help="Also write integers with N decimals: that parameter's, or all uint256's."),
]


class _Decimals:
    """Which integers are also written as amounts."""

    def __init__(self, options: list[str] | None) -> None:
        self.by_name: dict[str, int] = {}
        self.met: set[str] = set()
        for option in options or []:
            match = _NAMED.fullmatch(option)
            if match is None or int(match[2]) > 77:
                raise WrongUse(f"--decimals takes a number from 0 to 77, or NAME=NUMBER, not {describe(option)}")
            self.by_name[match[1] or ""] = int(match[2])

    def amount(self, name: str, type_name: str, value: Any) -> Decimal | None:
        if not type_name.startswith("uint") or type(value) is not int:
            return None
        if name and name in self.by_name:
            self.met.add(name)
            return from_base_units(value, self.by_name[name])
        return from_base_units(value, self.by_name[""]) if "" in self.by_name and type_name == "uint256" else None


def _abis(files: list[str] | None) -> tuple[Abi, ...]:
    if not files:
        return (*known_abis(), solidity_errors())
    return (*[Abi.parse(read_input(file), file if file != "-" else "abi") for file in files], solidity_errors())


def _hex(text: str, path: str) -> bytes:
    try:
        digits = (read_input("-").decode("ascii", errors="replace") if text == "-" else text).strip()
    except UnicodeDecodeError:
        digits = ""
    if not re.fullmatch(r"0x(?:[0-9a-fA-F]{2})*", digits, re.ASCII):
        raise InvalidInput(path=path, expected="0x and an even number of hexadecimal digits", actual=describe(digits))
    return bytes.fromhex(digits[2:])


def _one_input(data: str, files: list[str] | None) -> None:
    if [data, *(files or [])].count("-") > 1:
        raise WrongUse("standard input can only give one of them")


@decode_app.command("calldata")
def calldata_command(
    data: Data,
    abi: AbiFiles = None,
    to: Annotated[str | None, typer.Option("--to", metavar="ADDR", help="The contract that is called.")] = None,
    decimals: DecimalsOption = None,
    lenient: Lenient = False,
    as_json: Json = False,
) -> None:
    """Say which function is called, and with what. Strict: only the canonical encoding of a call will do."""
    try:
        with usage():
            _one_input(data, abi)
            amounts, abis = _Decimals(decimals), _abis(abi)
            target = None if to is None else _target(to)
        meanings = _explained(explain_calldata, _hex(data, "calldata"), abis, lenient)
    except OrdersealError as error:
        fail(error, as_json=as_json)
    head = {} if target is None else {"to": str(target)}
    _end(meanings, amounts, as_json, "call", head)


def _target(text: str) -> Address:
    try:
        return Address(text)
    except InvalidInput as error:
        error.path = "--to"
        raise


@decode_app.command("log")
def log_command(
    data: Annotated[str, typer.Argument(metavar="DATA|FILE|-", help="The data as 0x hex with --topic, or a node's log as JSON.")],
    topic: Annotated[list[str] | None, typer.Option("--topic", metavar="HEX", help="A topic, in order; repeat it.")] = None,
    abi: AbiFiles = None,
    decimals: DecimalsOption = None,
    lenient: Lenient = False,
    as_json: Json = False,
) -> None:
    """Say which event a log is of, and its values. The log is a JSON object as a node gives it, or --topic … and its data."""
    try:
        with usage():
            _one_input(data, abi)
            if data.startswith("0x") and not topic:
                raise WrongUse("the data of a log says nothing without its topics: give --topic HEX for each, in order")
            amounts, abis = _Decimals(decimals), _abis(abi)
            document = None if topic else read_input(data)
        log = RawLog.of({"topics": topic, "data": f"0x{_hex(data, 'log.data').hex()}"} if document is None else read_json(document, "log"))
        meanings = _explained(explain_log, log, abis, lenient)
    except OrdersealError as error:
        fail(error, as_json=as_json)
    _end(meanings, amounts, as_json, "event", {} if log.address is None else {"address": str(log.address)})


@decode_app.command("error")
def error_command(
    data: Data, abi: AbiFiles = None, decimals: DecimalsOption = None, lenient: Lenient = False, as_json: Json = False
) -> None:
    """Say why a contract refused, from its revert data."""
    try:
        with usage():
            _one_input(data, abi)
            amounts, abis = _Decimals(decimals), _abis(abi)
        raw = _hex(data, "data")
        if not raw:
            raise InvalidInput(path="data", expected="revert data", actual="none: the contract gave no reason")
        meanings = _explained(explain_error, raw, abis, lenient)
    except OrdersealError as error:
        fail(error, as_json=as_json)
    _end(meanings, amounts, as_json, "error", {"reason": read_revert(raw, abis).text})


def _explained(explain: Callable[..., list[Meaning]], data: Any, abis: tuple[Abi, ...], lenient: bool) -> list[Meaning]:
    """What the data means. Where only the strict way refuses it, the error says so."""
    try:
        return explain(data, abis, lenient=lenient)
    except InvalidInput as error:
        if not lenient and not error.hint:
            with suppress(InvalidInput):
                explain(data, abis, lenient=True)
                error.hint = "Solidity would read it all the same: --lenient shows how"
        raise


def _end(meanings: list[Meaning], amounts: _Decimals, as_json: bool, what: str, head: dict[str, str]) -> None:
    """Print every meaning; several of them are no answer: exit code 1."""
    found = [_fields(meaning, amounts) for meaning in meanings]
    rows = [list(_rows(meaning.parameters, meaning.values, amounts)) for meaning in meanings]
    if unknown := sorted(set(amounts.by_name) - amounts.met - {""}):
        fail(WrongUse(f"--decimals names {', '.join(unknown)}, which is no unsigned integer in it"), as_json=as_json)
    ambiguous = len(found) > 1
    if as_json:
        emit_json({**head, "ambiguous": ambiguous, "candidates": found} if ambiguous else {**head, "ambiguous": False, **found[0]})
    else:
        for name, text in head.items():
            _paragraph(text, f"{name:9}")
        if ambiguous:
            _paragraph(
                f"ambiguous: {len(found)} {what}s have this selector or topic, and the data fits each of them. Give one ABI with --abi."
            )
        for meaning, lines in zip(meanings, rows, strict=True):
            _print(meaning, lines, what)
    raise SystemExit(CHECK_FAILED if ambiguous else GOOD)


def _fields(meaning: Meaning, amounts: _Decimals) -> dict[str, Any]:
    parameters: list[dict[str, Any]] = []
    for parameter, value in zip(meaning.parameters, meaning.values, strict=True):
        fields: dict[str, Any] = {"name": parameter.name, "type": parameter.type.name, "value": _json(parameter.type, value)}
        if parameter.indexed:
            fields["indexed"] = True
        if (amount := amounts.amount(parameter.name, parameter.type.name, value)) is not None:
            fields["amount"] = f"{amount:f}"
        parameters.append(fields)
    warnings = [{"path": odd.path, "expected": odd.expected, "actual": odd.actual} for odd in meaning.warnings]
    return {"signature": meaning.entry.signature, "canonical": not warnings, "parameters": parameters, "warnings": warnings}


def _json(type_: AbiType, value: Any) -> Any:
    """A value for JSON: integers as decimal strings, bytes as hex, addresses with their checksum; a tuple with names as an object."""
    if isinstance(value, Address):
        return str(value)
    if isinstance(value, bytes):
        return f"0x{value.hex()}"
    if isinstance(type_, Array):
        return [_json(type_.element, item) for item in value]
    if isinstance(type_, Tuple):
        names = [member.name for member in type_.members]
        items = [_json(member.type, item) for member, item in zip(type_.members, value, strict=True)]
        return dict(zip(names, items, strict=True)) if all(names) else items
    return str(value) if type(value) is int else value


def _rows(members: tuple[Parameter, ...], values: tuple[Any, ...], amounts: _Decimals, prefix: str = "") -> Iterator[_Row]:
    """Name, type and value of each parameter; structs are written member by member, and arrays item by item."""
    for index, (member, value) in enumerate(zip(members, values, strict=True)):
        name = f"{prefix}.{member.step(index)}" if prefix and member.name else prefix + member.step(index)
        yield from _value_rows(member, value, amounts, name)


def _value_rows(member: Parameter, value: Any, amounts: _Decimals, name: str) -> Iterator[_Row]:
    type_ = member.type
    if isinstance(type_, Tuple) and isinstance(value, tuple):
        yield from _rows(type_.members, value, amounts, name)
    elif isinstance(type_, Array) and isinstance(value, tuple) and value:
        for index, item in enumerate(value[:_SHOWN_ITEMS]):
            yield from _value_rows(Parameter(member.name, type_.element), item, amounts, f"{name}[{index}]")
        if len(value) > _SHOWN_ITEMS:
            yield name, type_.name, f"… and {len(value) - _SHOWN_ITEMS} more of {len(value)} items; --json prints all"
    else:
        amount = amounts.amount(member.name, type_.name, value)
        yield name, type_.name, show(value) + ("" if amount is None else f" = {amount:f}")


def _print(meaning: Meaning, rows: list[_Row], what: str) -> None:
    _paragraph(meaning.entry.signature, f"{what:9}")
    names, types = (min(max([len(row[column]) for row in rows], default=0), 24) for column in (0, 1))
    for name, type_, value in rows:
        start = f"  {_cut(name):{names}}  {_cut(type_):{min(types, 10)}}  "
        if max([len(word) for word in value.split()], default=0) > _WIDTH - len(start):
            emit(start.rstrip())  # An integer of 78 digits fits a line of its own, and is not broken.
            start = "  "
        _paragraph(value, start)
    for odd in meaning.warnings:
        _paragraph(str(odd), "  not canonical: ")


def _cut(text: str) -> str:
    return text if len(text) <= 24 else f"{text[:23]}…"


def _paragraph(text: str, first: str = "") -> None:
    later = " " * len(first) if len(first) <= 50 else "      "
    for line in wrap(text, _WIDTH, initial_indent=first, subsequent_indent=later, break_on_hyphens=False) or [first.rstrip()]:
        emit(line.rstrip())
