"""Many orders at once: equal to one by one, in their order, all or nothing; and worker processes that outlive nobody and tell no key."""

import dataclasses
import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any, cast

import pytest

from orderseal.signing import (
    Address,
    AuditPool,
    Domain,
    Hash32,
    InvalidInput,
    LocalSigner,
    Order,
    OrdersealError,
    Report,
    Signature,
    SignedOrder,
    SignerError,
    SigningPool,
    Struct,
    TypedData,
    recover_many,
    sign_many,
    sign_order,
    verify_order,
)
from orderseal.signing.sol import uint8

KEY = "0x4c0883a69102937d6231471b5dbb6204fe5129617082792ae468d01a3f362318"
"""The key of the fixture ``signer``."""

Orders = Callable[[int], list[Order]]


@pytest.fixture
def orders(order: Order) -> Orders:
    """Make different orders of the signer."""
    return lambda count: [order.replace(nonce=i, is_buy=i % 2 == 0, ticker="AAPL" if i % 3 else "BRK.B") for i in range(count)]


@pytest.fixture(scope="module")
def pool() -> Iterator[SigningPool]:
    with SigningPool(partial(LocalSigner.from_key, KEY), workers=2) as opened:
        yield opened


@pytest.fixture(scope="module")
def audit() -> Iterator[AuditPool]:
    with AuditPool(workers=2) as opened:
        yield opened


class Counting:
    """A signer outside the package: what it returns is recovered before it is used."""

    def __init__(self, signer: LocalSigner, bad_at: int = -1) -> None:
        self._signer, self.bad_at, self.signed = signer, bad_at, 0

    @property
    def address(self) -> Address:
        return self._signer.address

    def sign_typed_data(self, digest: Hash32, document: Callable[[], TypedData]) -> Signature:
        assert document().signing_hash == digest
        self.signed += 1
        return self._signer.sign_typed_data(Hash32(bytes(32)) if self.signed - 1 == self.bad_at else digest, document)

    def sign_message(self, text: str) -> Signature:
        raise NotImplementedError


class Vote(Struct):
    """A struct that names no maker."""

    choice: uint8


Many = Callable[[Any, Any], list[SignedOrder[Any]]]


@pytest.fixture(params=["in this process", "over processes"])
def many(request: pytest.FixtureRequest, signer: LocalSigner) -> Many:
    """Both ways to sign many."""
    if request.param == "in this process":
        return lambda items, domain: sign_many(items, domain, signer)
    opened: SigningPool = request.getfixturevalue("pool")
    return opened.sign_many


@pytest.mark.parametrize("count", [0, 1, 256, 257, 900])
def test_many_are_signed_as_one_by_one_and_in_their_order(
    count: int, many: Many, orders: Orders, domain: Domain, signer: LocalSigner
) -> None:
    batch = orders(count)
    expected = [sign_order(each, domain, signer) for each in batch]
    signed = many(batch, domain)
    assert signed == expected
    assert [each.order for each in signed] == batch
    for one, other in zip(signed, expected, strict=True):
        assert type(one.signature) is Signature
        assert type(one.signing_hash) is Hash32
        assert one.to_json() == other.to_json()
        assert verify_order(one) == signer.address
    assert recover_many(signed) == [signer.address] * count


def test_orders_may_come_from_any_iterable_and_be_of_any_kind(many: Many, orders: Orders, domain: Domain, signer: LocalSigner) -> None:
    batch = orders(3)
    assert many(iter(batch), domain) == many(tuple(batch), domain) == many((each for each in batch), domain)
    assert many(dict.fromkeys(batch), domain) == many(batch, domain)
    mixed = [Vote(choice=1), batch[0], Vote(choice=2)]
    assert [each.signature for each in many(mixed, domain)] == [sign_order(each, domain, signer).signature for each in mixed]


@pytest.mark.parametrize("at", [0, 1, 4])
def test_all_are_checked_before_the_first_is_signed(
    at: int, orders: Orders, domain: Domain, signer: LocalSigner, stranger: LocalSigner
) -> None:
    good = orders(5)
    for bad, path in (
        (good[0].replace(maker=stranger.address), "order.maker"),
        (good[0].replace(price=0), "order"),
        (good[0].replace(deadline=1_800_000_000_000), "order"),
        (None, "order"),
        (5, "order"),
        ({}, "order"),
        (Order, "order"),
        (good[0].to_message(), "order"),
    ):
        batch: list[Any] = [*good[:at], bad, *good[at + 1 :]]
        counting = Counting(signer)
        with pytest.raises(InvalidInput) as caught:
            sign_many(batch, domain, counting)
        assert caught.value.path == f"orders[{at}].{path}"
        assert counting.signed == 0


def test_a_pool_checks_like_one(many: Many, orders: Orders, domain: Domain, stranger: LocalSigner) -> None:
    batch = orders(600)
    batch[555] = batch[555].replace(maker=stranger.address)
    with pytest.raises(InvalidInput) as caught:
        many(batch, domain)
    assert caught.value.path == "orders[555].order.maker"


def test_an_iterable_that_fails_midway_signs_nothing(many: Many, orders: Orders, domain: Domain, signer: LocalSigner) -> None:
    def failing() -> Iterator[Order]:
        yield from orders(300)
        raise KeyError("the source of the orders")

    with pytest.raises(KeyError, match="the source of the orders"):
        many(failing(), domain)
    counting = Counting(signer)
    with pytest.raises(KeyError):
        sign_many(failing(), domain, counting)
    assert counting.signed == 0
    assert many(orders(1), domain)


@pytest.mark.parametrize("domain", [None, "x", {}, {"name": "x"}, Domain])
@pytest.mark.parametrize("count", [0, 1])
def test_what_is_no_domain_is_refused(domain: Any, count: int, many: Many, orders: Orders) -> None:
    with pytest.raises(InvalidInput) as caught:
        many(orders(count), domain)
    assert caught.value.path.endswith("domain")


@pytest.mark.parametrize("nobody", [None, KEY, 5, object()])
def test_what_is_no_signer_is_refused(nobody: Any, orders: Orders, domain: Domain) -> None:
    with pytest.raises(InvalidInput) as caught:
        sign_many(orders(2), domain, nobody)
    assert caught.value.path == "signer"
    assert KEY[2:] not in str(caught.value)


def test_a_foreign_signer_is_not_believed(orders: Orders, domain: Domain, signer: LocalSigner) -> None:
    assert sign_many(orders(3), domain, Counting(signer)) == sign_many(orders(3), domain, signer)
    with pytest.raises(SignerError, match="not its own"):
        sign_many(orders(3), domain, Counting(signer, bad_at=1))


def test_recovery_trusts_nothing_but_the_order_and_the_signature(
    orders: Orders, domain: Domain, signer: LocalSigner, stranger: LocalSigner
) -> None:
    (signed,) = sign_many(orders(1), domain, signer)
    no_key = Signature((5).to_bytes(32, "big") + (1).to_bytes(32, "big") + b"\x1b")  # no point of the curve has x = 5
    items = [
        signed,
        dataclasses.replace(signed, signing_hash=Hash32(bytes(32))),
        dataclasses.replace(signed, signer=stranger.address),
        dataclasses.replace(signed, signature=no_key),
        dataclasses.replace(signed, order=orders(2)[1]),
        dataclasses.replace(signed, domain=domain.replace(chain_id=1)),
    ]
    found = recover_many(iter(items))
    assert found[:4] == [signer.address, signer.address, signer.address, None]
    assert not {signer.address, stranger.address, None} & set(found[4:])
    assert recover_many([]) == []


@pytest.mark.parametrize("bad", [b"", b"x", bytes(65), b"\x01" * 64 + b"\x00", b"\x01" * 66, None, "0x", "high s"])
def test_recovery_refuses_a_malformed_signature(bad: Any, orders: Orders, domain: Domain, signer: LocalSigner) -> None:
    """Like everything else that takes signatures: one with a high s recovers to the signer, and no contract takes it."""
    (signed,) = sign_many(orders(1), domain, signer)
    if bad == "high s":
        order_of_the_curve = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
        raw = signed.signature
        bad = raw[:32] + (order_of_the_curve - raw.s).to_bytes(32, "big") + bytes([55 - raw.v])
    with pytest.raises(InvalidInput):
        recover_many([signed, dataclasses.replace(signed, signature=bad)])


def test_recovery_says_which_item_is_none(orders: Orders, domain: Domain, signer: LocalSigner) -> None:
    (signed,) = sign_many(orders(1), domain, signer)
    for bad in (None, 5, signed.order, signed.to_json()):
        with pytest.raises(InvalidInput) as caught:
            recover_many([signed, cast("Any", bad)])
        assert caught.value.path == "signed[1]"


# The pool for signing.


def test_a_pool_says_whose_it_is_and_no_more(pool: SigningPool, signer: LocalSigner) -> None:
    assert pool.address == signer.address
    assert pool.workers == 2
    assert repr(pool) == f"SigningPool({signer.address}, workers=2)"
    for shown in (repr(pool), str(pool), repr(vars(pool).get("_address"))):
        assert KEY[2:] not in shown


def test_threads_may_share_a_pool(pool: SigningPool, orders: Orders, domain: Domain, signer: LocalSigner) -> None:
    batches = [orders(700)[i:] for i in range(4)]
    expected = [sign_many(batch, domain, signer) for batch in batches]
    found: dict[int, list[SignedOrder[Order]]] = {}

    def sign(number: int) -> None:
        found[number] = pool.sign_many(batches[number], domain)

    threads = [threading.Thread(target=sign, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [found.get(number) for number in range(4)] == expected


def evaluating(expression: str) -> Callable[[], Any]:
    """A picklable function of which every worker can find its parts."""
    return cast("Callable[[], Any]", partial(eval, expression))


def alive(pid: int) -> bool:
    """Whether a process is there and not only waiting to be reaped."""
    return read_of(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()[:1] not in ([], ["Z"], ["X"])


def read_of(path: Path) -> str:
    """What a file of ``/proc`` says; nothing once its process has ended."""
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""


def children(pid: int) -> list[int]:
    """The processes below one, direct or not. (The kernel's own lists of children may miss some while others end.)"""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        if fields := read_of(path).rpartition(")")[2].split()[1:2]:
            parents[int(path.parent.name)] = int(fields[0])
    found = [pid]
    for above in found:
        found += [child for child, parent in parents.items() if parent == above]
    return found[1:]


def workers_here() -> set[int]:
    """The workers of all pools of this process."""
    return {pid for pid in children(os.getpid()) if "spawn_main" in read_of(Path(f"/proc/{pid}/cmdline"))}


def gone(pids: Collection[int], seconds: float = 20) -> bool:
    end = time.monotonic() + seconds
    while any(map(alive, pids)):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


reads_proc = pytest.mark.skipif(sys.platform != "linux", reason="watches processes through /proc")

WORKERS = [pytest.param(1, id="one worker"), pytest.param(2, id="two workers")]


@reads_proc
@pytest.mark.parametrize("workers", WORKERS)
@pytest.mark.parametrize(
    ("expression", "error", "says"),
    [
        ("5", InvalidInput, "int"),
        ("None", InvalidInput, "NoneType"),
        (repr(KEY), InvalidInput, "str"),
        (f"(_ for _ in ()).throw(ValueError({KEY!r}))", SignerError, "ValueError"),
        (f"__import__('sys').exit({KEY!r})", SignerError, "SystemExit"),
        (f"(_ for _ in ()).throw(KeyboardInterrupt({KEY!r}))", SignerError, "KeyboardInterrupt"),
        (f"__import__('orderseal.signing').signing.LocalSigner.from_key({KEY[:-1]!r})", InvalidInput, "hexadecimal"),
        ("__import__('os')._exit(3)", SignerError, "died"),
        ("__import__('os').kill(__import__('os').getpid(), 9)", SignerError, "died"),
    ],
)
def test_a_key_source_that_fails_is_named_and_not_quoted(
    expression: str, error: type[OrdersealError], says: str, workers: int, capfd: pytest.CaptureFixture[str]
) -> None:
    before = workers_here()
    with pytest.raises(error, match=says) as caught:
        SigningPool(evaluating(expression), workers=workers)
    assert gone(workers_here() - before)
    written = capfd.readouterr()
    said = "".join([*traceback.format_exception(caught.value), repr(caught.value), str(caught.value), written.out, written.err])
    assert KEY[2:-1] not in said


def test_workers_with_different_keys_make_no_pool(domain: Domain) -> None:
    """They did, and signed each chunk with another key under one address."""
    with pytest.raises(OrdersealError, match="key"):
        SigningPool(LocalSigner.generate, workers=2)
    with SigningPool(LocalSigner.generate, workers=1) as one:
        signed = one.sign_many([Vote(choice=i % 256) for i in range(300)], domain)
        assert recover_many(signed) == [one.address] * 300


def test_the_key_may_be_gone_once_the_pool_is_made(
    monkeypatch: pytest.MonkeyPatch, orders: Orders, domain: Domain, signer: LocalSigner
) -> None:
    monkeypatch.setenv("MAKER_KEY", KEY)
    with SigningPool(partial(LocalSigner.from_env, "MAKER_KEY"), workers=2) as opened:
        monkeypatch.delenv("MAKER_KEY")
        assert opened.sign_many(orders(3000), domain) == sign_many(orders(3000), domain, signer)
    with pytest.raises(InvalidInput, match="MAKER_KEY"):
        SigningPool(partial(LocalSigner.from_env, "MAKER_KEY"), workers=1)


@reads_proc
def test_what_is_no_key_source_is_refused(signer: LocalSigner) -> None:
    class Local:
        def __call__(self) -> LocalSigner:
            return LocalSigner.from_key(KEY)

    before = workers_here()
    for source in (None, 5, KEY, signer, lambda: LocalSigner.from_key(KEY), Local(), partial(LocalSigner, cast("Any", signer))):
        with pytest.raises(InvalidInput) as caught:
            SigningPool(cast("Any", source), workers=1)
        assert caught.value.path == "key_source"
        assert KEY[2:] not in "".join(traceback.format_exception(caught.value))
    assert gone(workers_here() - before)


@pytest.mark.parametrize("workers", [0, -1, True, 1.0, "2", 1025, 2**63, [1]])
def test_a_number_of_workers_that_is_none_is_refused(workers: Any) -> None:
    for make in (lambda: AuditPool(workers=workers), lambda: SigningPool(LocalSigner.generate, workers=workers)):
        with pytest.raises(InvalidInput) as caught:
            make()
        assert caught.value.path == "workers"


@reads_proc
def test_a_closed_pool_refuses(orders: Orders, domain: Domain) -> None:
    before = workers_here()
    opened = SigningPool(partial(LocalSigner.from_key, KEY), workers=1)
    inspected = AuditPool(workers=1)
    begun = inspected.inspect("{}" for _ in itertools.count())
    assert isinstance(next(begun), InvalidInput)
    own = workers_here() - before
    assert len(own) == 2
    for _ in range(2):
        opened.close()
        inspected.close()
    assert not any(map(alive, own))
    for use in (
        lambda: opened.sign_many(orders(1), domain),
        lambda: list(inspected.inspect(["{}"])),
        lambda: next(itertools.islice(begun, 300_000, None)),
    ):
        with pytest.raises(OrdersealError, match=r"closed|died"):
            use()
    with opened, pytest.raises(InvalidInput):
        opened.sign_many(orders(1), domain)
    assert str(opened.address) in repr(opened)


@reads_proc
def test_a_worker_that_is_killed_fails_the_call_and_returns_nothing(
    orders: Orders, domain: Domain, capfd: pytest.CaptureFixture[str]
) -> None:
    before = workers_here()
    with SigningPool(partial(LocalSigner.from_key, KEY), workers=2) as opened:
        workers = sorted(workers_here() - before)
        assert len(workers) == 2
        batch = orders(2000)

        def killing() -> Iterator[Order]:
            yield from batch
            os.kill(workers[0], signal.SIGKILL)

        for _ in range(2):
            with pytest.raises(SignerError, match="died") as caught:
                opened.sign_many(killing() if alive(workers[0]) else batch, domain)
            assert KEY[2:] not in "".join(traceback.format_exception(caught.value))
    assert gone(workers)
    assert KEY[2:] not in capfd.readouterr().err


# The pool for audits.


def items_of(signed: list[SignedOrder[Order]]) -> list[str | bytes]:
    """Good ones, bad ones and malformed ones."""
    good = [json.dumps(each.to_json()) for each in signed]
    wrong = [json.dumps(dataclasses.replace(each, signature=signed[0].signature).to_json()) for each in signed[1:]]
    return [
        *good,
        *(text.encode() for text in wrong),
        "",
        "{}",
        b"\xff",
        "[" * 1000,
        "NaN",
        '{"typed_data":{},"signature":"0x"}',
        *good[:2],
    ]


def test_items_are_judged_in_their_order(audit: AuditPool, orders: Orders, domain: Domain, signer: LocalSigner) -> None:
    signed = sign_many(orders(40), domain, signer)
    items = items_of(signed)
    found = list(audit.inspect(items))
    assert [bool(report) if isinstance(report, Report) else type(report).__name__ for report in found] == [
        *[True] * 40,
        *[False] * 39,
        *["InvalidInput"] * 6,
        True,
        True,
    ]
    for report, each in zip(found, signed, strict=False):
        assert isinstance(report, Report)
        assert report.signing_hash == each.signing_hash
        assert report.signer == report.expected_signer == signer.address
    many = list(audit.inspect(itertools.chain.from_iterable([items] * 6)))
    assert [str(each) for each in many] == [str(each) for each in found] * 6
    assert list(audit.inspect([])) == list(audit.inspect(iter(()))) == []


def test_items_are_held_against_what_is_expected(orders: Orders, domain: Domain, signer: LocalSigner, stranger: LocalSigner) -> None:
    (signed,) = sign_many(orders(1), domain, signer)
    text = json.dumps(signed.to_json())
    payload = json.dumps({"order": signed.order.to_venue(), "signature": str(signed.signature)})
    bare = json.dumps({"typed_data": signed.to_json()["typed_data"], "signature": str(signed.signature)})
    with AuditPool(domain=domain, signer=str(signer.address), at=signed.order.deadline, workers=1) as expecting:
        assert all(isinstance(report, Report) and report.valid for report in expecting.inspect([text, payload, bare]))
    with AuditPool(domain=domain.replace(chain_id=1), signer=stranger.address, at=signed.order.deadline + 1, workers=1) as expecting:
        one, two, three = expecting.inspect([text, payload, bare])
        assert isinstance(one, InvalidInput)
        assert one.path == "signer"
        assert isinstance(two, Report)
        assert {"maker_mismatch", "deadline_passed", "signer_mismatch"} <= set(two.reasons)
        assert isinstance(three, InvalidInput)
        assert three.path == "typed_data.domain"
    with pytest.raises(InvalidInput):
        AuditPool(signer="0x12", workers=1)


@pytest.mark.parametrize("items", ["{}", b"{}", ""])
def test_one_text_is_not_taken_for_many_items(items: Any, audit: AuditPool) -> None:
    with pytest.raises(InvalidInput) as caught:
        list(audit.inspect(items))
    assert caught.value.path == "items"


def test_what_is_no_text_is_one_bad_item(audit: AuditPool) -> None:
    """It ended the whole audit with ``TypeError``."""
    found = list(audit.inspect(["{}", cast("Any", None), cast("Any", 5), cast("Any", {}), "{}"]))
    assert [type(each) for each in found] == [InvalidInput] * 5


def test_an_audit_reads_ahead_within_bounds_and_can_be_left(audit: AuditPool) -> None:
    taken = 0

    def endless() -> Iterator[str]:
        nonlocal taken
        while True:
            taken += 1
            yield "{}"

    begun = audit.inspect(endless())
    for _ in range(1000):
        next(begun)
    assert taken < 5000
    begun.close()  # type: ignore[attr-defined]
    abandoned = audit.inspect(endless())
    next(abandoned)
    del abandoned

    def failing() -> Iterator[str]:
        yield from ["{}"] * 1000
        raise KeyError("the source of the items")

    with pytest.raises(KeyError, match="the source of the items"):
        list(audit.inspect(failing()))
    assert len(list(audit.inspect(["{}"] * 3))) == 3


# Whole programs.

PROGRAM = """
import itertools, os, sys, time
from functools import partial
from orderseal.signing import AuditPool, Domain, LocalSigner, SigningPool, Struct
from orderseal.signing.sol import uint8

class Vote(Struct):
    choice: uint8

def say(word):
    os.write(1, word.encode() + b"\\n")  # In one piece: all processes share the pipe.

def hang():
    say("hanging")
    time.sleep(1000)

def noisy():
    say("noise from the key source")
    return LocalSigner.from_key(os.environ["MAKER_KEY"])

def busy(mode):
    if mode == "audit":
        with AuditPool(workers=2) as pool:
            for number, _ in enumerate(pool.inspect("{}" for _ in itertools.count())):
                if number == 1000:
                    say("ready")
    with SigningPool(noisy if mode == "sign" else hang, workers=2) as pool:
        say("ready")
        while True:
            pool.sign_many([Vote(choice=1)] * 3000, Domain(name="x"))
"""
GUARDED = (
    PROGRAM
    + """
if __name__ == "__main__":
    try:
        busy(sys.argv[1])
    except KeyboardInterrupt:
        say("interrupted")
"""
)
UNGUARDED = (
    PROGRAM
    + """
with open("starts", "a") as file:
    file.write("x")
"""
)


def start(program: str, mode: str, folder: Path) -> subprocess.Popen[str]:
    (folder / "program.py").write_text(program, "utf-8")
    environment = {**os.environ, "MAKER_KEY": KEY}
    command = [sys.executable, "program.py", mode]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, env=environment, stdout=pipe, stderr=pipe, text=True, start_new_session=True)


def wait_for(process: subprocess.Popen[str], word: str, times: int = 1) -> None:
    for line in cast("IO[str]", process.stdout):
        times -= line.strip() == word
        if not times:
            return
    pytest.fail(f"ended before {word!r}: {process.communicate()}")


@reads_proc
@pytest.mark.parametrize(("mode", "word"), [("sign", "ready"), ("audit", "ready"), ("hang", "hanging")])
@pytest.mark.parametrize("how", ["killed", "terminated", "interrupted", "interrupted with all its processes"])
def test_no_worker_outlives_its_parent(mode: str, word: str, how: str, tmp_path: Path) -> None:
    process = start(GUARDED, mode, tmp_path)
    try:
        wait_for(process, word, 2 if mode == "hang" else 1)
        workers = children(process.pid)
        assert len(workers) >= 3  # with multiprocessing's own resource tracker
        if how == "interrupted with all its processes":  # as a terminal does
            os.killpg(process.pid, signal.SIGINT)
        else:
            process.send_signal({"killed": signal.SIGKILL, "terminated": signal.SIGTERM, "interrupted": signal.SIGINT}[how])
        out, err = process.communicate(timeout=30)
        assert gone(workers)
    finally:
        for pid in [process.pid, *children(process.pid)]:
            if alive(pid):
                os.kill(pid, signal.SIGKILL)
    assert KEY[2:] not in out + err
    if how.startswith("interrupted"):
        assert "interrupted" in out
        assert process.returncode == 0
        assert "Traceback" not in err


@pytest.mark.parametrize(
    "make",
    [
        'SigningPool(noisy, workers=3).sign_many([Vote(choice=1)], Domain(name="x"))',
        'print(list(AuditPool(workers=3).inspect(["{}"])))',
        'with SigningPool(noisy, workers=3) as pool:\n    pool.sign_many([Vote(choice=1)], Domain(name="x"))',
    ],
)
def test_a_script_without_a_guard_is_told_so_and_starts_no_chain_of_processes(make: str, tmp_path: Path) -> None:
    process = start(UNGUARDED + make, "", tmp_path)
    below: list[int] = []
    try:
        out, err = process.communicate(timeout=60)
    finally:
        below = children(process.pid) if process.poll() is None else []
        for pid in [*below, *([process.pid] if below else [])]:
            os.kill(pid, signal.SIGKILL)
    assert process.returncode == 1
    said = [line for line in err.splitlines() if line.startswith("orderseal.signing.errors.SignerError")]
    assert said
    assert 'if __name__ == "__main__":' in said[-1]
    assert 2 <= len((tmp_path / "starts").read_text("utf-8")) <= 4
    assert KEY[2:] not in out + err
