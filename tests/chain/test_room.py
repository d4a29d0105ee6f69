"""The room: what it exports, what an import costs, and that its page is true."""

import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import orderseal.chain

PAGE = Path(__file__).resolve().parents[2] / "docs" / "abi.md"


def modules() -> list[str]:
    return ["orderseal.chain", *[info.name for info in pkgutil.walk_packages(orderseal.chain.__path__, "orderseal.chain.")]]


def in_a_fresh_interpreter(program: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


@pytest.mark.parametrize("module", ["abi", "marketplace", "erc20", "reverts", "explain"])
def test_importing_loads_neither_web3_nor_httpx_nor_eth_abi(module: str, tmp_path: Path) -> None:
    heavy = ("web3", "httpx", "eth_abi", "eth_utils", "eth_account", "msgspec", "asyncio", "socket", "ssl", "rich", "typer")
    program = f"import sys, orderseal.chain.{module}\nprint([m for m in {heavy!r} if m in sys.modules])"
    assert in_a_fresh_interpreter(program, tmp_path) == "[]"


def test_a_purchase_is_encoded_and_decoded_without_eth_abi(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom orderseal.chain.marketplace import Buy\n"
        "data = Buy(amount=1, house_token=bytes(20), payment_token=bytes(20)).encode()\n"
        "Buy.decode(data), Buy.read(data + b'x')\nprint('eth_abi' in sys.modules)"
    )
    assert in_a_fresh_interpreter(program, tmp_path) == "False"


def order_of(name: str) -> tuple[int, list[str | int]]:
    """Constants, then classes, then functions, each by name with its numbers as numbers: as ruff's RUF022 sorts."""
    natural = [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, natural)


@pytest.mark.parametrize("name", modules())
def test_every_module_has_a_sorted_list_of_what_it_exports(name: str) -> None:
    module = importlib.import_module(name)
    if name == "orderseal.chain.data":
        return
    exported = module.__all__
    assert exported == sorted(set(exported), key=order_of)
    for item in exported:
        found = getattr(module, item)
        if callable(found) and not item.isupper() and getattr(found, "__module__", "").startswith("orderseal"):
            assert (found.__doc__ or "").strip(), item


def test_the_programs_of_the_page_run(tmp_path: Path) -> None:
    programs = re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)
    assert len(programs) >= 4
    space: dict[str, object] = {"__name__": "page"}
    for program in programs:
        exec(compile(program, str(PAGE), "exec"), space)


def test_the_page_is_no_wider_than_the_house() -> None:
    assert max(len(line) for line in PAGE.read_text("utf-8").splitlines()) <= 140
