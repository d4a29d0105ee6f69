"""``orderseal sandbox``: the venues it starts, what it prints, and that nothing stays behind."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

COMMAND = [sys.executable, "-P", "-W", "error", "-m", "orderseal.cli", "sandbox"]
NAMES = ["stove", "brokerstr", "tokenizationtr", "licenserocks"]


@contextmanager
def running(*arguments: str) -> Iterator[tuple[Any, list[str]]]:
    """The command in a process of its own, which Ctrl-C must end well; then the list gets the rest of its output and its errors."""
    with subprocess.Popen([*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ) as process:
        rest: list[str] = []
        try:
            yield process, rest
            process.send_signal(signal.SIGINT)
            rest.extend(process.communicate(timeout=60))
            assert process.returncode == 0
        finally:
            process.kill()


@contextmanager
def taken_neighbour() -> Iterator[int]:
    """A free port, while the one after it is taken. Below those that a system gives to whoever asks for any, which may be gone at once."""
    for port in random.SystemRandom().sample(range(20_000, 30_000, 2), 100):
        with socket.socket() as taken, socket.socket() as probe:
            try:
                taken.bind(("127.0.0.1", port + 1))
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            taken.listen()
            probe.close()
            yield port
            return
    raise AssertionError("no free port has a taken neighbour")


def get(url: str) -> Any:
    return httpx.get(url, trust_env=False, timeout=30).json()


def listens(url: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", httpx.URL(url).port or 0)) == 0


def test_all_four_venues_start_and_end_together() -> None:
    with running("--port", "0", "--seed", "7", "--json") as (process, rest):
        told = json.loads(process.stdout.readline())
        assert told.keys() == {"venues", "chains"}
        assert list(told["venues"]) == NAMES
        assert told["chains"] == []
        for name, links in told["venues"].items():
            assert get(links["control"])["seed"] == 7, name
            assert get(links["credentials"]), name
            assert get(links["openapi"])["openapi"] == "3.1.0", name
            assert links["docs"] == f"{links['url']}/docs"
        text = json.dumps(told)
        assert get(told["venues"]["stove"]["credentials"])["taker_secret"] not in text
    assert rest == ["", ""]
    assert not any(listens(links["url"]) for links in told["venues"].values())


def test_what_a_person_sees() -> None:
    with running("--port", "0") as (process, rest):
        first = process.stdout.readline()
        assert first.startswith("sandbox venue at http://127.0.0.1:")
        lines = [process.stdout.readline() for _ in range(6)]
        table = [line.split() for line in lines[2:]]
        assert [row[0] for row in table] == NAMES
        assert table[0][1] == first.split()[-1]
        secrets = [value for row in table for value in get(row[2]).values()]
    shown = "".join([first, *lines]) + "".join(rest)
    assert "curl http" in shown
    assert max(len(line) for line in shown.splitlines()) <= 120
    assert not any(str(secret) in shown for secret in secrets if len(str(secret)) > 8)


def test_some_venues_are_chosen_and_a_taker_may_replace_the_engine() -> None:
    with running("--port", "0", "--venues", "licenserocks, stove", "--takers", "--json") as (process, _):
        told = json.loads(process.stdout.readline())["venues"]
        assert list(told) == ["licenserocks", "stove"]
        assert get(told["stove"]["control"])["settings"]["takers"] == "manual"


def test_the_others_take_free_ports_where_the_next_ones_are_taken() -> None:
    with taken_neighbour() as port, running("--port", str(port), "--venues", "stove,brokerstr", "--json") as (process, _):
        told = json.loads(process.stdout.readline())["venues"]
        assert told["stove"]["url"] == f"http://127.0.0.1:{port}"
        assert told["brokerstr"]["url"] != f"http://127.0.0.1:{port + 1}"
        assert get(told["brokerstr"]["credentials"])


@pytest.mark.parametrize("as_json", [False, True])
def test_a_taken_port_is_told_in_one_line(run: Any, as_json: bool) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("sandbox", "--port", str(port), *(["--json"] if as_json else []))
    assert done.code == 2
    message = done.json()["error"] if as_json else done.err
    assert f"port {port} cannot be used (address already in use)" in message
    assert "--port" in message
    assert len(message.strip().splitlines()) == 1


def test_an_unknown_venue_is_wrong_use(run: Any) -> None:
    done = run("sandbox", "--venues", "stove,nyse")
    assert (done.code, done.out) == (2, "")
    assert "'nyse'" in done.err
    assert "stove, brokerstr, tokenizationtr, licenserocks" in done.err


def test_run_all_needs_a_venue() -> None:
    from orderseal.sandbox import run_all

    with pytest.raises(ValueError, match="at least one venue"):
        run_all({})
