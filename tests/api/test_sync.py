"""The sync client is the async one for callers without an event loop: same methods, same answers, and it never holds a program up."""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from orderseal.api import stove
from orderseal.signing import OrdersealError, OutcomeUnknown, Refused, Unauthorized, Unreachable, sign_order

if TYPE_CHECKING:
    from tests.api.conftest import Kit, RawServer

    from orderseal.sandbox import Sandbox

RENAMED = {"aclose": "close", "__aenter__": "__enter__", "__aexit__": "__exit__"}


def public(cls: type) -> dict[str, Any]:
    return {RENAMED.get(name, name): value for name, value in vars(cls).items() if not name.startswith("_")}


def test_both_have_the_same_methods() -> None:
    assert set(public(stove.Client)) == set(public(stove.AsyncClient))


@pytest.mark.parametrize("name", [*sorted(public(stove.AsyncClient)), "__init__"])
def test_both_take_the_same_arguments(name: str) -> None:
    ours = inspect.signature(getattr(stove.Client, name)).parameters
    theirs = inspect.signature(getattr(stove.AsyncClient, "aclose" if name == "close" else name)).parameters
    assert [(p.name, p.kind, p.default, p.annotation) for p in ours.values()] == [
        (p.name, p.kind, p.default, p.annotation) for p in theirs.values()
    ]


@pytest.mark.parametrize("name", sorted(set(public(stove.AsyncClient)) - {"aclose", "close"}))
def test_both_say_the_same_of_it(name: str) -> None:
    documented = inspect.getdoc(getattr(stove.AsyncClient, name))
    assert documented
    assert inspect.getdoc(getattr(stove.Client, name)) == documented


@pytest.mark.parametrize("name", sorted(set(public(stove.AsyncClient)) - {"aclose", "close", "stream", "feed", "book_feed", "follow"}))
def test_both_promise_the_same_result(name: str) -> None:
    ours, theirs = (inspect.signature(getattr(cls, name)).return_annotation for cls in (stove.Client, stove.AsyncClient))
    assert ours == theirs


def test_the_honest_way(kit: Kit, sandbox: Sandbox) -> None:
    signer = kit.signer()
    with stove.Client(stove.TESTNET.at(sandbox.url), signer) as client:
        assert repr(client) == f"Client('Stove test network (BSC Testnet)', {signer.address})"
        client.connect()
        order = client.new_order("buy", "AAPL", shares=60, limit=Decimal("150.25"), pay_with="USDT")
        assert client.estimate("buy", "AAPL", shares=60, price=Decimal(150), pay_with="USDT").target_currency == "USDT"
        assert client.quote("buy", "AAPL", shares=60, limit=Decimal(150), pay_with="USDT").fee.units > 0
        signed = sign_order(order, client.network.domain, signer)
        with client.stream() as changes:
            placed = client.create(signed)
            for change in changes:
                if change.to_status == "filled":
                    break
        assert client.order(placed.order_hash).status == "filled"
        found = client.find(signed)
        assert found is not None
        assert found.id == placed.id
        assert client.query(nonce=order.nonce).total == 1
        assert client.next_nonce() != order.nonce
        assert client.positions(ticker="AAPL").total == 1
        assert client.profile().wallet_address == signer.address
        assert client.token_address("AAPL").ticker == "AAPL"
        with pytest.raises(Refused):
            client.cancel(placed.id)
        resting = client.create(
            sign_order(kit.signed_order(signer, quantity=5, nonce=client.next_nonce()).order, client.network.domain, signer)
        )
        assert [change.to_status for change in client.follow(resting)][-1] == "cancelled"
        with client.stream(seconds=0.1) as changes:
            assert list(changes) == []


def test_errors_are_the_same(kit: Kit, server: RawServer, sync_client_of: Callable[..., stove.Client]) -> None:
    signer = kit.signer()
    signed = kit.signed_order(signer, nonce=4711)
    client = sync_client_of(server.url, signer)
    for answer, expected in ((b"", OutcomeUnknown), (kit.refusal(400), Refused), (kit.refusal(401), Unauthorized)):
        server.routes[kit.ORDERS] = answer
        sent = server.count(kit.ORDERS)
        with pytest.raises(expected) as caught:
            client.create(signed)
        assert type(caught.value) is expected
        assert server.count(kit.ORDERS) == sent + 1
        kit._watch.error(caught.value, expected)


def test_several_threads_share_one_client(kit: Kit, server: RawServer, sync_client_of: Callable[..., stove.Client]) -> None:
    server.routes[kit.ORDERS] = kit.page()
    client = sync_client_of(server.url)
    with ThreadPoolExecutor(16) as pool:
        pages = list(pool.map(lambda _: client.query().total, range(64)))
    assert pages == [0] * 64
    assert server.count(kit.LOGIN) == 1


def test_threads_that_trade_at_the_sandbox(kit: Kit, sandbox: Sandbox, sync_client_of: Callable[..., stove.Client]) -> None:
    signer = kit.signer()
    client = sync_client_of(sandbox.url, signer)
    first = client.next_nonce()

    def trade(index: int) -> str:
        return client.create(kit.signed_order(signer, quantity=1, nonce=first + index)).id

    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(trade, range(24)))
    assert len(set(ids)) == 24
    assert client.query().total == 24


def test_inside_a_running_event_loop(kit: Kit, server: RawServer, sync_client_of: Callable[..., stove.Client]) -> None:
    server.routes[kit.ORDERS] = kit.page()
    client = sync_client_of(server.url)

    async def program() -> int:
        return client.query().total

    assert asyncio.run(program()) == 0


def test_closing_twice_and_using_it_afterwards(kit: Kit, server: RawServer) -> None:
    server.routes[kit.ORDERS] = kit.page()
    client = stove.Client(stove.TESTNET.at(server.url), kit.signer())
    client.query()
    client.close()
    client.close()
    for call in (client.query, client.connect, client.next_nonce, lambda: client.cancel("x")):
        with pytest.raises((RuntimeError, OrdersealError), match="closed"):
            call()
    with pytest.raises((RuntimeError, OrdersealError), match="closed"), client.stream():
        pass
    assert server.count() == 2


def test_closing_what_was_never_used(kit: Kit) -> None:
    client = stove.Client(stove.TESTNET.at("http://127.0.0.1:1"), kit.signer())
    client.close()
    client.close()
    with pytest.raises((RuntimeError, OrdersealError), match="closed"):
        client.query()


async def test_closing_the_async_client_twice_and_using_it_afterwards(kit: Kit, server: RawServer) -> None:
    server.routes[kit.ORDERS] = kit.page()
    client = stove.AsyncClient(stove.TESTNET.at(server.url), kit.signer())
    await client.query()
    await client.aclose()
    await client.aclose()
    with pytest.raises((RuntimeError, OrdersealError), match="closed"):
        await client.query()
    assert server.count() == 2


def test_no_thread_is_left_after_closing(kit: Kit, server: RawServer) -> None:
    server.routes[kit.ORDERS] = kit.page()
    before = set(threading.enumerate())
    client = stove.Client(stove.TESTNET.at(server.url), kit.signer())
    client.query()
    client.close()
    left = [thread for thread in threading.enumerate() if thread not in before and ("orderseal" in thread.name or "asyncio" in thread.name)]
    for thread in left:
        thread.join(kit.PATIENCE / 4)
        assert not thread.is_alive(), thread.name


PROGRAM = """
import faulthandler, gc, signal, sys, threading
faulthandler.dump_traceback_later(20, exit=True)
signal.signal(signal.SIGINT, signal.default_int_handler)  # A job in the background inherits an ignored one.
from orderseal.api import stove
from orderseal.signing import LocalSigner
client = stove.Client(stove.TESTNET.at(sys.argv[1]), LocalSigner.generate())
"""


Run = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def run(server: RawServer) -> Iterator[Run]:
    """Starts programs that use the client, and ends those that hang."""
    started: list[subprocess.Popen[str]] = []

    def start(body: str, *flags: str) -> subprocess.Popen[str]:
        command = [sys.executable, *flags, "-c", PROGRAM + body, server.url]
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, start_new_session=True))
        return started[-1]

    yield start
    for process in started:
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.communicate()


def finish(kit: Kit, process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=kit.PATIENCE)
    return process.returncode, out, err


CLOSING = {
    "a call": """
def ask():
    try:
        client.next_nonce()
    except Exception as error:
        print("ended")
asking = threading.Thread(target=ask, daemon=True)
asking.start()
sys.stdin.readline()
client.close()
asking.join()
""",
    "a stream": """
def listen():
    try:
        with client.stream() as changes:
            for change in changes:
                pass
    except Exception as error:
        pass
    print("ended")
listening = threading.Thread(target=listen, daemon=True)
listening.start()
sys.stdin.readline()
client.close()
listening.join()
""",
    "a stream that nobody leaves": """
opened = client.stream()
opened.__enter__()
sys.stdin.readline()
client.close()
print("ended")
""",
    "a follow that is left later": """
changes = client.follow(client.query().orders[0])
next(changes)
sys.stdin.readline()
client.close()
del changes
gc.collect()
print("ended")
""",
}


@pytest.mark.parametrize("what", CLOSING)
def test_closing_ends_what_is_under_way(kit: Kit, server: RawServer, run: Run, what: str) -> None:
    """Nothing waits for ever on a loop that has stopped, and nothing is left on it to complain about."""
    signer = kit.signer()
    server.routes[kit.NONCE] = server.hang
    server.routes[kit.ORDERS] = kit.page(kit.placed(kit.signed_order(signer)))
    server.routes[kit.STREAM] = lambda seen: kit.plays(kit.upgrade(seen, [kit.frame(kit.change("0x" + "ab" * 32, "locked"))]))
    process = run(CLOSING[what], "-W", "error")
    server.wait(kit.NONCE if what == "a call" else kit.STREAM)
    assert process.stdin is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    assert finish(kit, process) == (0, "ended\n", "")


LEFT_OPEN = {
    "nothing else": "",
    "a stream": "opened = client.stream()\nopened.__enter__()\n",
    "a follow": "changes = client.follow(client.query().orders[0])\nnext(changes)\n",
}


@pytest.mark.parametrize("what", LEFT_OPEN)
def test_a_client_that_is_never_closed_does_not_hold_the_program_up(kit: Kit, server: RawServer, run: Run, what: str) -> None:
    signer = kit.signer()
    server.routes[kit.ORDERS] = kit.page(kit.placed(kit.signed_order(signer)))
    server.routes[kit.STREAM] = lambda seen: kit.plays(kit.upgrade(seen, [kit.frame(kit.change("0x" + "ab" * 32, "locked"))]))
    process = run("client.query()\n" + LEFT_OPEN[what] + "print('done')\n")
    assert finish(kit, process) == (0, "done\n", "")


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
@pytest.mark.parametrize(
    ("path", "call"),
    [
        ("NONCE", "client.next_nonce()"),
        ("LOGIN", "client.connect()"),
        ("STREAM", "with client.stream() as changes:\n    for change in changes: pass\n"),
    ],
)
def test_ctrl_c_during_a_call_ends_the_program(kit: Kit, server: RawServer, run: Run, path: str, call: str) -> None:
    server.routes[getattr(kit, path)] = (lambda seen: kit.plays(kit.upgrade(seen, []))) if path == "STREAM" else server.hang
    process = run(call)
    server.wait(getattr(kit, path))
    process.send_signal(signal.SIGINT)
    code, _, err = finish(kit, process)
    assert code in (-signal.SIGINT, 1, 130)
    assert err.rstrip().splitlines()[-1].startswith("KeyboardInterrupt"), err
    assert server.count(getattr(kit, path)) == 1


FORK = """
import os
client.query()
faulthandler.cancel_dump_traceback_later()  # Its own thread does not survive the fork either, and the child's end would wait for it.
child = os.fork()
if child == 0:
    signal.alarm(10)
    try:
        client.query()
    except RuntimeError as error:
        print("refused", flush=True)
    sys.exit()
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print(client.query().total)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_forked_process_has_no_loop_and_is_told_so(kit: Kit, server: RawServer, run: Run) -> None:
    """The thread of the loop stays behind in the parent: a call in the child, or its end, would wait for ever."""
    server.routes[kit.ORDERS] = kit.page()
    assert finish(kit, run(FORK, "-W", "ignore::DeprecationWarning")) == (0, "refused\n0\n0\n", "")


SLOW_SIGNER = """
class Slow:
    address = client.signer.address
    def sign_message(self, text):
        print("waiting", flush=True)
        threading.Event().wait()
slow = stove.Client(stove.TESTNET.at(sys.argv[1]), Slow())
slow.connect()
"""


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_ctrl_c_while_a_signer_waits_for_a_person_ends_the_program(kit: Kit, run: Run) -> None:
    """A wallet that nobody touches must not keep the program from ending."""
    process = run(SLOW_SIGNER)
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(signal.SIGINT)
    _, _, err = finish(kit, process)
    assert err.rstrip().splitlines()[-1].startswith("KeyboardInterrupt"), err


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_a_write_that_is_interrupted_goes_once_and_the_client_lives_on(kit: Kit, server: RawServer, run: Run) -> None:
    path = "/api/v1/orders/abc/cancel"
    server.routes[path] = server.hang
    server.routes[kit.ORDERS] = kit.page()
    body = "try:\n    client.cancel('abc')\nexcept KeyboardInterrupt:\n    print(client.query().total)\n    client.close()\n"
    process = run(body)
    server.wait(path)
    process.send_signal(signal.SIGINT)
    assert finish(kit, process) == (0, "0\n", "")
    assert server.count(path) == 1


def test_a_stream_that_breaks_raises_in_the_sync_client_too(
    kit: Kit, server: RawServer, sync_client_of: Callable[..., stove.Client]
) -> None:
    server.routes[kit.STREAM] = lambda seen: kit.plays(kit.upgrade(seen, [], then=kit.reset))
    with sync_client_of(server.url).stream() as changes, pytest.raises(Unreachable):
        next(changes)
