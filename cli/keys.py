"""How the commands name a signer, a network and a node."""

import getpass
import os
import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer

from orderseal.cli.output import WrongUse
from orderseal.signing import Address, InvalidInput, KeystoreSigner, LocalSigner, Signer

if TYPE_CHECKING:
    from orderseal.api import stove
    from orderseal.chain.node import HttpNode

__all__ = [
    "NETWORKS",
    "AccountAddress",
    "KeyEnv",
    "Keystore",
    "PasswordEnv",
    "Remote",
    "RpcEnv",
    "RpcUrl",
    "read_address",
    "read_network",
    "read_node",
    "read_signer",
]

NETWORKS: Final = ("stove-testnet",)

KeyEnv = Annotated[str | None, typer.Option("--key-env", metavar="VAR", help="Environment variable with the private key.")]
Keystore = Annotated[str | None, typer.Option("--keystore", metavar="KEYFILE", help="Encrypted key file (version 3).")]
PasswordEnv = Annotated[
    str | None, typer.Option("--password-env", metavar="VAR", help="Environment variable with its password; else you are asked.")
]
Remote = Annotated[
    str | None, typer.Option("--remote", metavar="URL", help="JSON-RPC service that signs (eth_signTypedData_v4); https, or loopback.")
]
AccountAddress = Annotated[str | None, typer.Option("--address", metavar="ADDR", help="Which of its accounts, where it has several.")]
RpcUrl = Annotated[
    str | None, typer.Option("--rpc-url", metavar="URL", help="The chain's node; https, or loopback. If the URL holds a key: --rpc-env.")
]
RpcEnv = Annotated[str | None, typer.Option("--rpc-env", metavar="VAR", help="Environment variable with the node's URL.")]


def read_signer(key_env: str | None, keystore: str | None, password_env: str | None, remote: str | None, address: str | None) -> Signer:
    """Make the one signer that the options name."""
    if [key_env, keystore, remote].count(None) != 2:
        raise WrongUse("name one signer: --key-env VARIABLE, --keystore KEYFILE or --remote URL")
    if password_env is not None and keystore is None:
        raise WrongUse("--password-env belongs to --keystore")
    if address is not None and remote is None:
        raise WrongUse("--address belongs to --remote")
    if key_env is not None:
        return LocalSigner.from_env(key_env)
    if remote is not None:
        from orderseal.api.signers import RemoteSigner  # Slow to import, and not needed by the other commands.

        return RemoteSigner(remote, None if address is None else read_address(address, "--address"))
    assert keystore is not None
    if password_env is not None:
        return KeystoreSigner(keystore, password_env=password_env)
    if not sys.stdin.isatty():
        raise WrongUse("no terminal to ask for the keystore's password: use --password-env VARIABLE")
    return KeystoreSigner(keystore, password=getpass.getpass("Keystore password: "))


def read_address(text: str, path: str) -> Address:
    """Read an address that an option gave."""
    try:
        return Address(text)
    except InvalidInput as error:
        error.path = path
        raise


def read_network(name: str, url: str | None) -> "stove.Network":
    """Find a network by its name, at its own address or at another."""
    if name not in NETWORKS:
        raise WrongUse(f"--network {name}: not known; there is {', '.join(NETWORKS)}")
    from orderseal.api import stove  # Slow to import, and not needed by the other commands.

    return stove.TESTNET if url is None else stove.TESTNET.at(url)


def read_node(rpc_url: str | None, rpc_env: str | None) -> "HttpNode":
    """Make the one node that the options name. No error repeats its URL, which may hold a key."""
    if (rpc_url is None) == (rpc_env is None):
        raise WrongUse("name one node: --rpc-url URL, or --rpc-env VARIABLE if the URL holds a key")
    where = "--rpc-url" if rpc_env is None else f"environment variable {rpc_env}"
    url = rpc_url if rpc_env is None else os.environ.get(rpc_env)
    if url is None:
        raise WrongUse(f"{where}: not set")
    from orderseal.chain.node import HttpNode  # httpx is slow to import, and not needed by the other commands.

    try:
        return HttpNode(url)
    except InvalidInput as error:
        rule = "https, or http on loopback; without a user name, a query or a fragment"
        raise WrongUse(f"{where}: expected a node's URL, such as https://node.example.com/v1 ({rule})") from error
