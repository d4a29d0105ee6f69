"""``sandbox``: the local twin of the venue, in the foreground."""

import json
import sys
from contextlib import ExitStack
from enum import StrEnum
from typing import Annotated

import typer

from orderseal.cli.output import GOOD, WrongUse, emit, fail, note

__all__ = ["sandbox_command"]


class ChainBackend(StrEnum):
    """What runs the local chain."""

    ETH_TESTER = "eth-tester"
    ANVIL = "anvil"


def sandbox_command(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 takes a free one.")] = 8712,
    seed: Annotated[int | None, typer.Option(help="Repeat a run: what the documents leave open is chosen by it.")] = None,
    chaos: Annotated[int | None, typer.Option(help="Let orders meet faults by chance, repeatably by this seed.")] = None,
    chain: Annotated[ChainBackend | None, typer.Option(help="Also run a local chain, with contracts and funded accounts.")] = None,
    chain_id: Annotated[list[int] | None, typer.Option(min=1, help="Its chain id; repeat it for several (default: 17000 and 97).")] = None,
    anvil: Annotated[str | None, typer.Option(help="Anvil's binary, if it is not on PATH.")] = None,
    show_keys: Annotated[bool, typer.Option("--show-keys", help="Print the private keys of the local chain's accounts too.")] = False,
) -> None:
    """Run the sandbox venue on loopback until Ctrl-C, to test bots on.

    The last digit of a quantity that is not 0 decides what becomes of an order: 1 rests on the book, 2 is partly filled, 3 is
    rejected, 4 is cancelled after a part fill, 5 is cancelled, 6 is filled (60 too). Use it with
    stove.Client(stove.TESTNET.at(URL), signer).

    With --chaos, requests that create an order are delayed, dropped before or after they take effect, cut off, answered by an error,
    delivered twice, limited, or meet an expired token or a wrong clock. GET /sandbox/accepted tells what the venue has accepted.

    With --chain, a JSON line for each chain tells its JSON-RPC address, its contracts and its accounts; docs/chain.md explains them.
    """
    from orderseal.sandbox import Settings, run
    from orderseal.sandbox.evm import Backend, ChainError, LocalChain

    def ready(url: str) -> None:
        emit(f"sandbox venue at {url}")
        note(f'use it with stove.Client(stove.TESTNET.at("{url}"), signer); stop it with Ctrl-C')
        sys.stdout.flush()

    try:
        with ExitStack() as chains:
            for number in dict.fromkeys(chain_id or (17000, 97)) if chain else ():
                backend: Backend = "anvil" if chain is ChainBackend.ANVIL else "eth-tester"
                local = chains.enter_context(LocalChain(backend, chain_id=number, anvil=anvil))
                keys = {"keys": {role: account.private_key for role, account in local.accounts.items()}} if show_keys else {}
                emit(json.dumps(local.describe() | keys))
            run(Settings(seed=seed, chaos=chaos), port=port, on_ready=ready)
    except (ImportError, ChainError) as error:
        fail(WrongUse(str(error)), as_json=False)
    except OSError as error:
        fail(WrongUse(f"port {port} cannot be used ({(error.strerror or 'no reason given').lower()}): try --port 0"), as_json=False)
    raise SystemExit(GOOD)
