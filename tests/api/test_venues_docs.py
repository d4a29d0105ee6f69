"""docs/venues.md: its programs run as printed, and its tables of endpoints are what clients and twins have."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from orderseal.api import brokerstr, licenserocks, stove, tokenizationtr
from orderseal.api.brokerstr import client as brokerstr_source
from orderseal.api.licenserocks import client as licenserocks_source
from orderseal.api.stove import client as stove_source
from orderseal.api.stove import public as stove_public_source
from orderseal.api.stove import taker as stove_taker_source
from orderseal.api.tokenizationtr import client as tokenizationtr_source
from orderseal.api.transport import KeyAuth, PasswordAuth
from orderseal.sandbox.app import venue_routes
from orderseal.sandbox.settings import Settings
from orderseal.sandbox.twins.registry import SETTINGS, make_platform
from orderseal.sandbox.venue import Venue

PAGE = Path(__file__).resolve().parents[2] / "docs" / "venues.md"
TEXT = PAGE.read_text("utf-8")
PROGRAMS = re.findall(r"^```python\n(.*?)^```", TEXT, re.M | re.S)

TESTS = Path(__file__).resolve().parents[1]


class Table(NamedTuple):
    """Whose endpoints a table lists: key of the twin, the clients, and where the async one stands."""

    key: str
    sync: type
    asynchronous: type
    source: ModuleType


VENUES: dict[str, Table] = {
    "BrokersTR": Table("brokerstr", brokerstr.Client, brokerstr.AsyncClient, brokerstr_source),
    "TokenizationTR": Table("tokenizationtr", tokenizationtr.Client, tokenizationtr.AsyncClient, tokenizationtr_source),
    "License.rocks": Table("licenserocks", licenserocks.Client, licenserocks.AsyncClient, licenserocks_source),
    "Stove": Table("stove", stove.Client, stove.AsyncClient, stove_source),
    "Stove for takers": Table("stove", stove.Taker, stove.AsyncTaker, stove_taker_source),
    "Stove for everybody": Table("stove", stove.Public, stove.AsyncPublic, stove_public_source),
}
LOGIN = {  # What goes out below the clients' own methods.
    "brokerstr": {("POST", "/auth/authenticate"), ("POST", "/auth/refresh")},
    "tokenizationtr": {("POST", "/v2/oauth/token")},
    "licenserocks": set[tuple[str, str]](),
    "stove": {("POST", "/api/v1/makers/connect"), ("GET", "/ws/maker/v1"), ("GET", "/ws/taker/v1"), ("GET", "/ws/orderbooks/v1")},
}


class Row(NamedTuple):
    method: str
    path: str
    sync: str
    asynchronous: str
    twin: str
    test: str = ""


class Left(NamedTuple):
    method: str
    path: str
    twin: str
    reason: str


def section(venue: str, heading: str) -> list[list[str]]:
    """The rows of the table under a heading of the third level, if it is there."""
    parts = re.findall(rf"^### {re.escape(heading)} {re.escape(venue)}\n(.*?)(?=^##|\Z)", TEXT, re.M | re.S)
    lines = [line for part in parts for line in part.splitlines() if line.startswith("| ")][1:]
    return [[cell.strip().replace("`", "") for cell in line.strip().strip("|").split("|")] for line in lines]


def rows(venue: str) -> list[Row]:
    return [Row(*cells) for cells in section(venue, "Endpoints of")]


def left_out(venue: str) -> list[Left]:
    return [Left(*cells) for cells in section(venue, "Not in the client of")]


def plain(path: str) -> str:
    """Parameters without their names, which differ between the two sides."""
    return re.sub(r"\{[^}]*\}", "{}", path)


def names(cell: str) -> list[tuple[str, str]]:
    """How it is called, and the function's name: ``for … in tokens`` is ("for … in", "tokens")."""
    return [(kind.strip(), name) for kind, name in re.findall(r"((?:async )?for … in |await |async with |with |)(\w+)(?:, |$)", cell)]


# What the source of an async client sends, found without running it.


class Source:
    """Evaluates the texts of a module as far as they are constants; every text is a set, for there may be alternatives."""

    def __init__(self, table: Table) -> None:
        self._tree = ast.parse(inspect.getsource(table.source))
        named = table.asynchronous.__name__
        (self._class,) = (node for node in self._tree.body if isinstance(node, ast.ClassDef) and node.name == named)
        self._methods = {node.name: node for node in self._class.body if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef)}
        self._constants: dict[str, ast.expr] = {}
        for node in self._tree.body:
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
                self._constants[node.target.id] = node.value

    def endpoints(self) -> dict[str, set[tuple[str, str]]]:
        """By public method: every method and path of HTTP that it sends itself, or by a private one."""
        return {name: found for name in self._methods if not name.startswith("_") and (found := set(self._sent(name, {})))}

    def _sent(self, name: str, given: dict[str, set[str]]) -> Iterator[tuple[str, str]]:
        body, known = self._methods[name], dict(given)
        for node in ast.walk(body):
            if isinstance(node, ast.Assign):
                for target, value in _pairs(node.targets[0], node.value):
                    known.setdefault(target, set()).update(self._texts(value, known))
        for node in ast.walk(body):
            if not isinstance(node, ast.Call):
                continue
            if isinstance(node.func, ast.Name) and node.func.id in ("Call", "request"):
                found = list(product(self._texts(node.args[1], known), self._texts(node.args[2], known)))
                assert found, f"{name}: no constant path in {ast.unparse(node)}"
                yield from found
            elif (name_of := ast.unparse(node.func).removeprefix("self.")) in self._methods and name_of.startswith("_"):
                yield from self._sent(name_of, self._arguments(node, known))

    def _arguments(self, call: ast.Call, known: dict[str, set[str]]) -> dict[str, set[str]]:
        assert isinstance(call.func, ast.Attribute)
        wanted = [argument.arg for argument in self._methods[call.func.attr].args.args[1:]]
        given = dict(zip(wanted, call.args, strict=False)) | {word.arg: word.value for word in call.keywords if word.arg}
        return {name: found for name, value in given.items() if (found := self._texts(value, known))}

    def _texts(self, node: ast.expr, known: dict[str, set[str]]) -> set[str]:
        match node:
            case ast.Constant(value=str(text)):
                return {text}
            case ast.Name(id=name):
                return known.get(name) or (self._texts(self._constants[name], known) if name in self._constants else set())
            case ast.BinOp(op=ast.Add()):
                return {a + b for a, b in product(self._texts(node.left, known), self._texts(node.right, known))}
            case ast.IfExp():
                return self._texts(node.body, known) | self._texts(node.orelse, known)
            case ast.Attribute():
                return {ast.unparse(node)}
            case ast.Subscript(value=ast.Name(id=name)) if isinstance(table := self._constants.get(name), ast.Dict):
                wanted = self._texts(node.slice, known)
                chosen = (value for key, value in zip(table.keys, table.values, strict=True) if key and ast.unparse(key) in wanted)
                return {text for value in chosen for text in self._texts(value, known)}
            case ast.JoinedStr():
                parts = [part.value if isinstance(part, ast.Constant) else "{}" for part in node.values]
                return {"".join(map(str, parts))}
            case _:
                return set()


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
        for inner, given in zip(target.elts, value.elts, strict=True):
            yield from _pairs(inner, given)


def served(key: str) -> set[tuple[str, str, str]]:
    """What the twin serves: method, path below the root, name of the operation."""
    if key == "stove":
        routes: list[Any] = list(venue_routes(Venue(Settings())))
        methods = ((route, set(getattr(route, "methods", None) or {"GET"}) - {"HEAD"}) for route in routes)
        return {(method, plain(route.path), route.endpoint.__name__) for route, several in methods for method in several}
    endpoints = make_platform(SETTINGS[key](seed=1)).endpoints()
    root = "/api/v1/integration" if key == "brokerstr" else ""
    return {(endpoint.method, plain(endpoint.path.removeprefix(root)), endpoint.name) for endpoint in endpoints}


@pytest.mark.parametrize("number", range(len(PROGRAMS)))
def test_the_programs_run_as_printed(number: int, tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAMS[number], encoding="utf-8")
    command = [sys.executable, "-P", "-W", "error", "program.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "Warning" not in done.stderr
    assert done.stdout


def test_there_is_a_program_for_each_venue() -> None:
    for venue in ("BrokersTrSandbox", "TokenizationTrSandbox", "LicenseRocksSandbox", "Sandbox"):
        assert any(f"{venue}(" in program for program in PROGRAMS), venue


@pytest.mark.parametrize("venue", VENUES)
def test_every_function_of_the_tables_is_in_both_clients(venue: str) -> None:
    table = VENUES[venue]
    assert rows(venue)
    for row in rows(venue):
        sync, asynchronous = names(row.sync), names(row.asynchronous)
        assert [name for _, name in sync] == [name for _, name in asynchronous], row
        assert sync, row
        for (how, name), (how_async, _) in zip(sync, asynchronous, strict=True):
            one, other = getattr(table.sync, name), getattr(table.asynchronous, name)
            mine, theirs = inspect.signature(one).parameters, inspect.signature(other).parameters
            assert list(mine) == list(theirs), name
            assert [(p.kind, p.default) for p in mine.values()] == [(p.kind, p.default) for p in theirs.values()], name
            if name in ("stream", "feed", "book_feed"):
                assert (how, how_async) == ("with", "async with")
            elif inspect.isasyncgenfunction(other):
                assert (how, how_async) == ("for … in", "async for … in"), name
                assert not inspect.iscoroutinefunction(one)
            else:
                assert inspect.iscoroutinefunction(other), name
                assert (how, how_async) == ("", "await"), name


@pytest.mark.parametrize("key", sorted({table.key for table in VENUES.values()}))
def test_the_tables_are_what_the_twin_serves(key: str) -> None:
    venues = [venue for venue, table in VENUES.items() if table.key == key]
    left = [row for venue in venues for row in left_out(venue)]
    told = [(row.method, plain(row.path), row.twin) for venue in venues for row in rows(venue)]
    told += [(row.method, plain(row.path), row.twin) for row in left]
    assert len(told) == len(set(told))
    assert set(told) == served(key)
    assert all(len(row.reason) > 10 for row in left)


@pytest.mark.parametrize("venue", [venue for venue, table in VENUES.items() if table.key == "stove"])
def test_every_row_of_stove_names_a_test_that_calls_it(venue: str) -> None:
    for row in rows(venue):
        text = "".join((TESTS / name).read_text("utf-8") for name in row.test.split(", "))
        for _, name in names(row.sync):
            assert re.search(rf'\b{name}\(|"{name}"', text), (row.test, name)


@pytest.mark.parametrize("venue", VENUES)
def test_the_tables_are_what_the_clients_send(venue: str) -> None:
    key = VENUES[venue].key
    sent = {name: {(method, plain(path)) for method, path in calls} for name, calls in Source(VENUES[venue]).endpoints().items()}
    table = {name: set[tuple[str, str]]() for row in rows(venue) for _, name in names(row.sync)}
    for row in rows(venue):
        for _, name in names(row.sync):
            table[name].add((row.method, plain(row.path)))
    every = {endpoint for calls in sent.values() for endpoint in calls}
    assert every
    for method, path in every:
        assert any((method, path) == (row.method, plain(row.path)) for row in rows(venue)), (method, path)
    for name, wanted in table.items():
        for method, path in wanted - LOGIN[key]:
            shown = [verb for verb, other in sent[name] if re.fullmatch(re.escape(other).replace(r"\{\}", "[^/]+"), path)]
            assert method in shown, (name, method, path)


def test_the_logins_of_the_tables_are_those_of_the_transport() -> None:
    key, password = inspect.signature(KeyAuth).parameters, inspect.signature(PasswordAuth).parameters
    assert {("POST", key[name].default) for name in ("authenticate", "refresh")} == LOGIN["brokerstr"]
    assert {("POST", password["login"].default)} == LOGIN["tokenizationtr"]


def test_every_sending_function_is_in_a_table() -> None:
    for venue, table in VENUES.items():
        told = {name for row in rows(venue) for _, name in names(row.sync)}
        assert set(Source(table).endpoints()) <= told, venue


def test_what_the_page_names_exists() -> None:
    for name in re.findall(r"`(\w+Settings)", TEXT):
        assert any(hasattr(module, name) for module in (sys.modules["orderseal.sandbox"], brokerstr)), name
    assumptions = (PAGE.parent / "assumptions.md").read_text("utf-8")
    numbers = [int(number) for number in re.findall(r"^\| (\d+) \|", assumptions, re.M)]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("key", SETTINGS)
def test_every_choice_of_a_twin_is_in_the_assumptions(key: str) -> None:
    assumptions = (PAGE.parent / "assumptions.md").read_text("utf-8")
    part = assumptions.partition("## What varies in the twins")[2]
    for name in make_platform(SETTINGS[key](seed=1)).choices():
        assert f"**`{name}`**" in part, name
