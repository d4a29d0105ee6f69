"""``hash``, ``sign``, ``verify`` and ``recover``."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from orderseal.cli.keys import NETWORKS, AccountAddress, KeyEnv, Keystore, PasswordEnv, Remote, read_address, read_network, read_signer
from orderseal.cli.output import (
    CHECK_FAILED,
    GOOD,
    WRONG_USE,
    WrongUse,
    emit,
    emit_json,
    error_fields,
    fail,
    lines,
    read_input,
    usage,
)
from orderseal.signing import (
    Domain,
    InvalidInput,
    Order,
    OrdersealError,
    Report,
    SignedItem,
    TypedData,
    describe,
    inspect_signed,
    read_signed,
    recover_signer,
    sign_order,
    sign_typed_data,
    system_clock,
    unix_seconds,
)

__all__ = ["hash_command", "recover_command", "sign_command", "verify_command"]

File = Annotated[str, typer.Argument(metavar="FILE|-", help="The file, or - for standard input.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
JsonLines = Annotated[bool, typer.Option("--jsonl", help="Read one document a line and print one JSON result a line.")]
NetworkName = Annotated[str | None, typer.Option("--network", metavar="NAME", help="For venue payloads: " + ", ".join(NETWORKS) + ".")]


def _per_line(name: str, result: Callable[[bytes], dict[str, Any]], verdict: Callable[[dict[str, Any]], int]) -> None:
    """Print one result a line. The exit code is 1 if any line failed, else the greatest verdict."""
    codes = {GOOD}
    for number, line in lines(name):
        try:
            found = result(line)
            codes.add(verdict(found))
            emit_json({"line": number, **found})
        except WrongUse:
            raise
        except OrdersealError as error:
            codes.add(CHECK_FAILED)
            emit_json({"line": number, **error_fields(error)})
    raise SystemExit(CHECK_FAILED if CHECK_FAILED in codes else max(codes))


def _hashes(data: bytes) -> dict[str, Any]:
    document = TypedData.from_json(data)
    return {
        "primary_type": document.primary_type,
        "type_hash": str(document.type_hash),
        "domain_separator": str(document.domain_separator),
        "struct_hash": str(document.struct_hash),
        "signing_hash": str(document.signing_hash),
    }


def hash_command(file: File, as_json: Json = False, jsonl: JsonLines = False) -> None:
    """Hash an EIP-712 document (eth_signTypedData_v4 form)."""
    try:
        if jsonl:
            _per_line(file, _hashes, lambda _found: GOOD)
        found = _hashes(read_input(file))
    except OrdersealError as error:
        fail(error, as_json=as_json or jsonl)
    if as_json:
        emit_json(found)
    else:
        for name, value in found.items():
            emit(f"{name.replace('_', ' '):17} {value}")


def sign_command(
    file: File,
    key_env: KeyEnv = None,
    keystore: Keystore = None,
    password_env: PasswordEnv = None,
    remote: Remote = None,
    address: AccountAddress = None,
    as_json: Json = False,
) -> None:
    """Sign an EIP-712 document. With --json the output is what `verify` reads."""
    try:
        with usage():
            if file == "-" and keystore is not None and password_env is None:
                raise WrongUse("standard input cannot give both the document and the password: use --password-env VARIABLE")
            data = read_input(file)
            signer = read_signer(key_env, keystore, password_env, remote, address)
        document = TypedData.from_json(data)
        if document.type_hash == Order.type_hash:
            signature = sign_order(Order.from_typed_data(document), document.domain, signer).signature
        else:
            signature = sign_typed_data(document, signer)
    except OrdersealError as error:
        fail(error, as_json=as_json)
    if as_json:
        emit_json({"typed_data": document.to_json(), "signature": str(signature), "signer": str(signer.address)})
    else:
        emit(f"signer       {signer.address}")
        emit(f"signing hash {document.signing_hash}")
        emit(f"signature    {signature}")


def _item(data: bytes, network: str | None) -> SignedItem:
    """Read what ``verify`` and ``recover`` take: a signed document, or a venue payload."""
    item = read_signed(data)
    if isinstance(item.content, Order) and network is None:
        raise WrongUse(f"a venue payload does not say which contract it is for: use --network ({', '.join(NETWORKS)})")
    return item


def _domain(network: str | None) -> Domain | None:
    """The EIP-712 domain of a network's orders."""
    return None if network is None else read_network(network, None).domain


def parse_time(text: str) -> int:
    """Read ``now``, Unix seconds, or ISO 8601 with a zone, as Unix seconds."""
    if text == "now":
        return int(system_clock())
    if text.isascii() and text.isdigit() and len(text) < 20:
        return unix_seconds(int(text), "--at")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidInput(
            path="--at", expected="now, Unix seconds, or a time such as 2026-01-31T12:00:00Z", actual=describe(text)
        ) from None
    if moment.tzinfo is None:
        raise InvalidInput(path="--at", expected="a time with its zone", actual=describe(text), hint="Add Z for UTC")
    return int(moment.astimezone(UTC).timestamp())


def verify_command(
    file: File,
    signer: Annotated[str | None, typer.Option("--signer", metavar="ADDR", help="Who should have signed.")] = None,
    network: NetworkName = None,
    at: Annotated[str | None, typer.Option("--at", metavar="TIME", help="Also check the deadline: now, Unix seconds, or ISO 8601.")] = None,
    as_json: Json = False,
    jsonl: JsonLines = False,
) -> None:
    """Verify a signature offline: valid, or every reason why not.

    Exit code 0: valid. 1: not valid. 2: nobody said who should have signed. Contract wallets cannot be decided offline.
    """
    try:
        with usage():
            expected = None if signer is None else read_address(signer, "--signer")
            moment = None if at is None else parse_time(at)
            domain = _domain(network)

        def judge(data: bytes) -> Report:
            item = _item(data, network)
            if moment is not None and isinstance(item.content, TypedData) and item.content.type_hash != Order.type_hash:
                raise WrongUse(f"--at needs an order with a deadline that is known, not a {item.content.primary_type}")
            return inspect_signed(item, domain=domain, signer=expected, at=moment)

        if jsonl:
            _per_line(file, lambda line: judge(line).to_json(), lambda found: _verdict(found["valid"]))
        report = judge(read_input(file))
    except OrdersealError as error:
        fail(error, as_json=as_json or jsonl)
    if as_json:
        emit_json(report.to_json())
    elif report.valid:
        emit(f"valid: signed by {report.signer}")
    else:
        emit("not valid" if report.valid is False else "not decided")
        for text in report.explanations:
            emit(f"  - {text}")
        if report.diagnosis:
            emit(f"  nearest explanation: {report.diagnosis}")
        if report.valid is None:
            emit(f"  it recovers to {report.signer}; say who should have signed with --signer ADDR")
        elif "signer_mismatch" in report.reasons:
            emit("  if the signer is a contract wallet (ERC-1271), only its contract can decide; that cannot be done offline")
    raise SystemExit(_verdict(report.valid))


def _verdict(valid: bool | None) -> int:
    return WRONG_USE if valid is None else GOOD if valid else CHECK_FAILED


def recover_command(file: File, network: NetworkName = None, as_json: Json = False) -> None:
    """Say who signed this. It does not say whether they should have: use `verify` for that."""
    try:
        with usage():
            domain = _domain(network)
        signed, signature, _named = _item(read_input(file), network)
        if isinstance(signed, Order):
            assert domain is not None
            found, digest = recover_signer(signed, signature, domain), signed.signing_hash(domain)
        else:
            found, digest = recover_signer(signed, signature), signed.signing_hash
    except OrdersealError as error:
        fail(error, as_json=as_json)
    if as_json:
        emit_json({"signer": str(found), "signing_hash": str(digest)})
    else:
        emit(str(found))
