"""``sandbox``: the local twins of the venues, in the foreground."""

import sys
from contextlib import ExitStack
from enum import StrEnum
from typing import Annotated, Any

import typer

from orderseal.cli.output import GOOD, WrongUse, emit, emit_json, fail, note

__all__ = ["sandbox_command"]


class ChainBackend(StrEnum):
    """What runs the local chain."""

    ETH_TESTER = "eth-tester"
    ANVIL = "anvil"


def sandbox_command(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the first venue on 127.0.0.1; the others get the next ones. 0 takes free ones.")
    ] = 8712,
    venues: Annotated[
        str | None, typer.Option(help="Which venues to run: some of stove,brokerstr,tokenizationtr,licenserocks (default: all four).")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Repeat a run: what the documents leave open is chosen by it.")] = None,
    chaos: Annotated[int | None, typer.Option(help="Let orders and other writes meet faults by chance, repeatably by this seed.")] = None,
    takers: Annotated[bool, typer.Option("--takers", help="No mock matching engine: Stove's orders wait for a taker of yours.")] = False,
    chain: Annotated[ChainBackend | None, typer.Option(help="Also run a local chain, with contracts and funded accounts.")] = None,
    chain_id: Annotated[list[int] | None, typer.Option(min=1, help="Its chain id; repeat it for several (default: 17000 and 97).")] = None,
    anvil: Annotated[str | None, typer.Option(help="Anvil's binary, if it is not on PATH.")] = None,
    show_keys: Annotated[bool, typer.Option("--show-keys", help="Print the private keys of the local chain's accounts too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document on one line when all is ready.")] = False,
) -> None:
    """Run the twins of the four venues on loopback until Ctrl-C, to test bots on.

    At Stove, the last digit of a quantity that is not 0 decides what becomes of an order: 1 rests on the book, 2 is partly filled, 3 is
    rejected, 4 is cancelled after a part fill, 5 is cancelled, 6 is filled (60 too). Use it with
    stove.Client(stove.TESTNET.at(URL), signer). A taker of yours can lock and fill what rests; with --takers all orders wait for it.

    With --chaos, requests that create something are delayed, dropped before or after they take effect, cut off, answered by an error,
    delivered twice, limited, or meet an expired token or a wrong clock. GET /sandbox/accepted tells what a venue has accepted.

    With --chain, a JSON line for each chain tells its JSON-RPC address, its contracts and its accounts; docs/chain.md explains them.
    """
    from orderseal.sandbox import run_all
    from orderseal.sandbox.evm import Backend, ChainError, LocalChain

    described: list[dict[str, Any]] = []

    def ready(urls: dict[str, str]) -> None:
        if as_json:
            emit_json({"venues": {name: _links(url) for name, url in urls.items()}, "chains": described})
        else:
            _explain(urls)
        sys.stdout.flush()

    try:
        chosen = _settings(venues, seed, chaos, takers=takers)
        with ExitStack() as chains:
            for number in dict.fromkeys(chain_id or (17000, 97)) if chain else ():
                backend: Backend = "anvil" if chain is ChainBackend.ANVIL else "eth-tester"
                local = chains.enter_context(LocalChain(backend, chain_id=number, anvil=anvil))
                keys = {"keys": {role: account.private_key for role, account in local.accounts.items()}} if show_keys else {}
                described.append(local.describe() | keys)
                if not as_json:
                    emit_json(described[-1])
            run_all(chosen, port=port, on_ready=ready)
    except WrongUse as error:
        fail(error, as_json=as_json)
    except (ImportError, ChainError) as error:
        fail(WrongUse(str(error)), as_json=as_json)
    except OSError as error:
        reason = (error.strerror or "no reason given").lower()
        fail(
            WrongUse(f"port {port} cannot be used ({reason}): choose another with --port, or take a free one with --port 0"),
            as_json=as_json,
        )
    raise SystemExit(GOOD)


def _settings(venues: str | None, seed: int | None, chaos: int | None, *, takers: bool) -> dict[str, Any]:
    from orderseal.sandbox import BrokersTrSettings, LicenseRocksSettings, Settings, TokenizationTrSettings

    made: dict[str, Any] = {
        "stove": Settings(seed=seed, chaos=chaos, takers="manual" if takers else "engine"),
        "brokerstr": BrokersTrSettings(seed=seed, chaos=chaos),
        "tokenizationtr": TokenizationTrSettings(seed=seed, chaos=chaos),
        "licenserocks": LicenseRocksSettings(seed=seed, chaos=chaos),
    }
    names = list(made) if venues is None else list(dict.fromkeys(name.strip() for name in venues.split(",")))
    for name in names:
        if name not in made:
            raise WrongUse(f"--venues must name some of {', '.join(made)}, separated by commas, got {name!r:.80}")
    return {name: made[name] for name in names}


def _links(url: str) -> dict[str, str]:
    paths = {"credentials": "/sandbox/credentials", "control": "/sandbox/run", "docs": "/docs", "openapi": "/openapi.json"}
    return {"url": url} | {name: url + path for name, path in paths.items()}


def _explain(urls: dict[str, str]) -> None:
    """Say to a person, and in the first line to a program, where everything is."""
    first = next(iter(urls.values()))
    emit(f"sandbox venue at {first}\n\n{'venue':<16}{'address':<24}credentials")
    for name, url in urls.items():
        emit(f"{name:<16}{url:<24}{url}/sandbox/credentials")
    sys.stdout.flush()
    if "stove" in urls:
        note("\nStove's credentials are a taker's. A maker signs with a key of its own:")
        note(f'  stove.Client(stove.TESTNET.at("{urls["stove"]}"), signer)')
    note(f"\nTry in another terminal:  curl {first}/sandbox/credentials")
    note(f"Open in a browser:        {first}/docs   (each address has such a page)")
    note("Ctrl-C stops all. Nothing here is real, and nothing is kept.")
