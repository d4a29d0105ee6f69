"""The house: who imports whom, what an import costs, what is exported."""

import ast
import importlib
import inspect
import os
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

import orderseal.signing

MAY_IMPORT = {
    "signing": {"signing"},
    "chain": {"chain", "signing"},
    "api": {"api", "chain", "signing"},
    "sandbox": {"sandbox"},
    "benchmarks": {"benchmarks", "chain", "signing"},
    "cli": {"api", "benchmarks", "chain", "cli", "fixtures", "sandbox", "signing"},
}
"""The table *The house* of the design."""

NETWORK = {
    "aiohttp",
    "asyncio",
    "ftplib",
    "http",
    "httpx",
    "requests",
    "smtplib",
    "socket",
    "ssl",
    "subprocess",
    "urllib",
    "urllib3",
    "web3",
    "websockets",
}


def sources(room: str) -> Iterator[tuple[str, ast.Module]]:
    spec = find_spec(f"orderseal.{room}")
    assert spec is not None, f"orderseal.{room} is not installed"
    for folder in spec.submodule_search_locations or ():
        for path in sorted(Path(folder).rglob("*.py")):
            yield str(path), ast.parse(path.read_text("utf-8"))


def imported(tree: ast.Module) -> Iterator[str]:
    """Every module that is imported anywhere in the file, also inside functions and by ``import_module("…")``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            assert node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            assert isinstance(node.args[0], ast.Constant), "a computed import cannot be checked"
            yield str(node.args[0].value)


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_each_room_imports_what_the_table_allows(room: str) -> None:
    files = 0
    for path, tree in sources(room):
        files += 1
        for name in imported(tree):
            parts = name.split(".")
            if parts[0] == "orderseal":
                assert len(parts) > 1, f"{path} imports the bare package"
                assert parts[1] in MAY_IMPORT[room], f"{path} imports {name}"
            assert parts[0] not in ("tests", "benchmarks", "tools", *MAY_IMPORT), f"{path} imports {name}"
    assert files


def test_the_signing_core_touches_no_network_and_no_clock() -> None:
    for path, tree in sources("signing"):
        # Taking a URL apart touches no network.
        top = {name.split(".")[0] for name in imported(tree) if not name.startswith("urllib.parse.")}
        assert not top & NETWORK, path
        if Path(path).name != "clock.py":
            assert not top & {"time", "datetime"}, path


def test_the_binding_of_the_curve_is_owned_by_one_module() -> None:
    users = {Path(path).name for path, tree in sources("signing") if any(name.split(".")[0] == "coincurve" for name in imported(tree))}
    assert users == {"secp256k1.py"}


def run(program: str, tmp_path: Path) -> str:
    """Run a program in a fresh interpreter, outside the checkout."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("COV_", "PYTEST_"))}
    result = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_importing_the_core_loads_nothing_heavy(tmp_path: Path) -> None:
    heavy = (
        "web3",
        "httpx",
        "eth_account",
        "eth_keyfile",
        "msgspec",
        "asyncio",
        "socket",
        "ssl",
        "rich",
        "typer",
        "websockets",
        "sqlite3",
        "psycopg",
        "orderseal.api",
        "orderseal.cli",
    )
    program = f"import sys, orderseal.signing, orderseal.signing.sol\nprint([m for m in {heavy!r} if m in sys.modules])"
    assert run(program, tmp_path) == "[]"


def modules() -> list[str]:
    found = ["orderseal.signing"]
    found += [info.name for info in pkgutil.walk_packages(orderseal.signing.__path__, "orderseal.signing.")]
    return found


def order_of(name: str) -> tuple[int, list[str | int]]:
    """Constants, then classes, then functions, each by name with its numbers as numbers: as ruff's RUF022 sorts."""
    natural = [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, natural)


@pytest.mark.parametrize("name", modules())
def test_every_module_has_a_sorted_list_of_what_it_exports(name: str) -> None:
    module = importlib.import_module(name)
    exported = module.__all__
    assert exported == sorted(set(exported), key=order_of)
    for item in exported:
        assert hasattr(module, item)
        assert not item.startswith("_")


def test_the_public_surface_is_complete() -> None:
    tree = ast.parse(inspect.getsource(orderseal.signing))
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module != "typing"]
    imports = {alias.asname or alias.name for node in nodes for alias in node.names}
    assert imports == set(orderseal.signing.__all__)


def test_every_public_thing_has_a_docstring() -> None:
    for name in orderseal.signing.__all__:
        item = getattr(orderseal.signing, name)
        if inspect.isclass(item) or inspect.isfunction(item):
            assert (item.__doc__ or "").strip(), name


def test_the_package_is_typed() -> None:
    for folder in orderseal.signing.__path__:
        assert (Path(folder) / "py.typed").is_file()
