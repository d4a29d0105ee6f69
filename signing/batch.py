"""Many orders at once: in this process, or over all cores.

Measured (``docs/performance.md``): processes scale steadily with the cores; threads do not, although libsecp256k1 runs without the
interpreter's lock, because each order's share of Python is too large. So there is no thread pool here.
"""

import os
import pickle
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, cast

from orderseal.signing.clock import unix_seconds
from orderseal.signing.eip712.domain import Domain
from orderseal.signing.eip712.struct import Struct
from orderseal.signing.errors import InvalidInput, OrdersealError, SignerError, describe
from orderseal.signing.orders import SignedOrder, refuse_no_domain, refuse_no_signer, refuse_unsignable, sign_checked
from orderseal.signing.secp256k1 import recover
from orderseal.signing.signed import inspect_signed, read_signed
from orderseal.signing.signers import InProcessSigner, Signer
from orderseal.signing.values import Address, AddressLike, Hash32, Signature
from orderseal.signing.verify import Report

if TYPE_CHECKING:
    from concurrent.futures import Future
    from multiprocessing.synchronize import Barrier

__all__ = ["AuditPool", "SigningPool", "recover_many", "sign_many"]

_S = TypeVar("_S", bound=Struct)
_T = TypeVar("_T")

_CHUNK: Final = 256
"""Items that go to a worker at once: some ten milliseconds of work, against a tenth of one to hand them over."""
_MOST_WORKERS: Final = 256
_AHEAD: Final = 3
"""Chunks a worker that are under way at once; this bounds the memory, and keeps the workers busy."""


def sign_many(orders: Iterable[_S], domain: Domain, signer: Signer) -> list[SignedOrder[_S]]:
    """Sign many orders for one domain, in their order. All are checked before the first is signed.

    Raises:
        InvalidInput: at ``orders[i]``: no order, one with :meth:`~Struct.faults`, or with a maker that is not the signer.
        SignerError: the signer failed, or returned a signature that is not its own. Signatures made before it are lost to the caller,
            but a remote signer has seen them.
    """
    refuse_no_signer(signer)
    batch = _checked(orders, domain, signer.address)
    return [sign_checked(order, domain, signer) for order in batch]


def _checked(orders: Iterable[_S], domain: Domain, signer: Address) -> list[_S]:
    refuse_no_domain(domain)
    if not isinstance(orders, Iterable):
        raise InvalidInput(path="orders", expected="several orders", actual=describe(orders))
    batch = list(orders)
    for index, order in enumerate(batch):
        try:
            refuse_unsignable(order, domain, signer)
        except InvalidInput as error:
            raise error.below(f"orders[{index}]") from None
    return batch


def recover_many(signed: Iterable[SignedOrder[Any]]) -> list[Address | None]:
    """Say whose key made each signature, in their order; ``None`` where no key can have.

    The digest is computed from the order, whatever ``signing_hash`` says. This does not say that they should have signed: compare
    each with the maker, or use :func:`verify_order`.
    """
    if not isinstance(signed, Iterable):
        raise InvalidInput(path="signed", expected="several signed orders", actual=describe(signed))
    found: list[Address | None] = []
    for item in signed:
        if not isinstance(item, SignedOrder):
            raise InvalidInput(path=f"signed[{len(found)}]", expected="a SignedOrder", actual=describe(item))
        signature = item.signature
        if type(signature) is not Signature:
            try:
                signature = Signature(signature)
            except InvalidInput as error:
                raise error.below(f"signed[{len(found)}]") from None
        raw = recover(item.order.signing_hash(item.domain), signature)
        found.append(None if raw is None else Address(raw))
    return found


class _Pool:
    """Spawned worker processes; they end with this one, however it ends."""

    def __init__(self, workers: int | None, prepare: Callable[..., None], *arguments: Any) -> None:
        count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        self.workers = count if workers is None else workers
        if type(self.workers) is not int or not 1 <= self.workers <= _MOST_WORKERS:
            raise InvalidInput(path="workers", expected=f"a number of processes, 1 to {_MOST_WORKERS}", actual=describe(workers))
        # Slow to import, and not needed by those who sign one order at a time.
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context

        # Spawned, not forked: a fork would copy locks of other threads as they are, and keys with them.
        context = get_context("spawn")
        # All start at once, so that all load the same key: what it is loaded from may change later, and is best gone by then.
        start = context.Barrier(self.workers)
        self._executor: ProcessPoolExecutor | None = ProcessPoolExecutor(
            self.workers, mp_context=context, initializer=prepare, initargs=(start, *arguments)
        )
        try:
            self._addresses = {self._result(future) for future in [self._submit(_start) for _ in range(self.workers)]}
        except BaseException:
            self._kill()
            raise

    def _kill(self) -> None:
        """End the workers, even those that do not listen."""
        executor, self._executor = self._executor, None
        if executor is not None:
            for process in list((getattr(executor, "_processes", None) or {}).values()):
                process.kill()
            executor.shutdown(wait=True, cancel_futures=True)

    def _submit(self, work: Callable[..., _T], *arguments: Any) -> "Future[_T]":
        if self._executor is None:
            raise InvalidInput(path="pool", expected="an open pool", actual="one that was closed")
        try:
            return self._executor.submit(work, *arguments)
        except RuntimeError:
            raise self._broken() from None

    def _result(self, future: "Future[_T]") -> _T:
        from concurrent.futures import BrokenExecutor, CancelledError

        try:
            return future.result()
        except (BrokenExecutor, CancelledError):
            raise self._broken() from None
        except OrdersealError as error:
            raise error from None  # The worker's traceback says nothing that the error does not.

    def _broken(self) -> SignerError:
        return SignerError(
            "a worker process of the pool has died, or could not start; nothing of this call was returned. A script that makes a pool "
            'needs `if __name__ == "__main__":` around what it runs, because its workers import it, and must be a file'
        )

    def _spread(self, work: Callable[[list[Any]], Sequence[_T]], items: Iterable[Any], chunk: int = _CHUNK) -> Iterator[_T]:
        """Give ``work`` of chunks of the items, in order, with a bounded number of chunks under way."""
        source = iter(items)
        waiting: deque[Future[Sequence[_T]]] = deque()
        try:
            while True:
                while len(waiting) < self.workers * _AHEAD and (part := list(islice(source, chunk))):
                    waiting.append(self._submit(work, part))
                if not waiting:
                    return
                yield from self._result(waiting.popleft())
        finally:
            for future in waiting:
                future.cancel()

    def close(self) -> None:
        """End the workers. Calls that are under way in other threads fail."""
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(wait=True, cancel_futures=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()


class SigningPool(_Pool):
    """Signs over all cores. Each worker loads the key itself: signers are neither pickled nor copied.

    ::

        with SigningPool(partial(LocalSigner.from_env, "MAKER_KEY")) as pool:
            signed = pool.sign_many(orders, stove.TESTNET.domain)

    Args:
        key_source: a picklable function without arguments that gives an in-process signer, called once in each worker: a
            ``functools.partial`` of ``LocalSigner.from_env`` or of ``KeystoreSigner``, or a function of your module.
        workers: processes; by default one for each core that this process may use.

    The workers sign digests that this process computes, and end when it ends, be it killed.

    Raises:
        InvalidInput, SignerError: what ``key_source`` raised in a worker, or that it gave no in-process signer.
    """

    def __init__(self, key_source: Callable[[], Signer], *, workers: int | None = None) -> None:
        if not callable(key_source):
            raise InvalidInput(path="key_source", expected="a function that gives a signer", actual=f"a {type(key_source).__name__}")
        if not _is_picklable(key_source):
            expected = "a function that other processes can import: one of a module, or a functools.partial of one"
            raise InvalidInput(path="key_source", expected=expected, actual="one that cannot be pickled, such as a lambda")
        super().__init__(workers, _prepare_signing, key_source)
        if len(self._addresses) != 1:
            self._kill()
            raise InvalidInput(path="key_source", expected="the same key in each worker", actual=f"{len(self._addresses)} different ones")
        (address,) = self._addresses
        assert address is not None
        self._address = address

    @property
    def address(self) -> Address:
        """The account whose signatures this makes."""
        return self._address

    def sign_many(self, orders: Iterable[_S], domain: Domain) -> list[SignedOrder[_S]]:
        """Like :func:`sign_many`: all orders are checked first, and all are returned, in their order, or none is.

        Raises:
            InvalidInput: at ``orders[i]``; nothing was signed.
            SignerError: a worker died. Some orders may have been signed, but no signature left the machine.
        """
        batch = _checked(orders, domain, self._address)
        digests: list[Hash32] = []

        def computed() -> Iterator[bytes]:
            for order in batch:
                digests.append(digest := order.signing_hash(domain))
                yield bytes(digest)

        # A generator, so that this process computes digests while the workers sign.
        signer = self._address
        signatures = self._spread(partial(_sign_digests, signer), computed())
        return [
            SignedOrder(order, domain, digests[index], bytes.__new__(Signature, signature), signer)
            for index, (order, signature) in enumerate(zip(batch, signatures, strict=True))
        ]

    def __repr__(self) -> str:
        return f"SigningPool({self._address}, workers={self.workers})"


class AuditPool(_Pool):
    """Verifies signed items over all cores, in their order, with bounded memory.

    Args:
        domain: of the venue's orders, for payloads that do not say it (:func:`inspect_signed`).
        signer: who should have signed all of them.
        at: Unix seconds at which deadlines must not have passed.
        workers: processes; by default one for each core that this process may use.
    """

    def __init__(
        self, *, domain: Domain | None = None, signer: AddressLike | None = None, at: int | None = None, workers: int | None = None
    ) -> None:
        if domain is not None:
            refuse_no_domain(domain)
        if at is not None:
            unix_seconds(at, "at")
        super().__init__(workers, _prepare_audit, domain, None if signer is None else Address(signer), at)

    def inspect(self, items: Iterable[bytes | str]) -> Iterator[Report | OrdersealError]:
        """Judge items in the JSON forms that :func:`read_signed` reads; gives a report for each, or the error where it is malformed."""
        if isinstance(items, str | bytes):
            raise InvalidInput(path="items", expected="several items, such as the lines of a file", actual="one text")
        return self._spread(_inspect_items, items)


# What follows runs in the workers.

_state: dict[str, Any] = {}


def _begin(start: "Barrier") -> None:
    """Leave interrupts to the parent, and end when it ends, even if it is killed: a worker may hold a key."""
    _state["start"] = start
    import signal
    from multiprocessing import parent_process
    from threading import Thread

    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        if parent := parent_process():
            parent.join()
            os._exit(1)

    Thread(target=watch, daemon=True).start()


def _start() -> Address | None:
    """Wait until all workers are here, and give the address of this one's key, if it has one."""
    from threading import BrokenBarrierError

    start = cast("Barrier", _state["start"])
    if error := _state.get("error"):
        start.abort()
        raise cast("OrdersealError", error)
    try:
        start.wait()
    except BrokenBarrierError:
        return None  # Another worker could not load its key, and says why.
    signer = cast("InProcessSigner | None", _state.get("signer"))
    return None if signer is None else signer.address


def _prepare_signing(start: "Barrier", key_source: Callable[[], Signer]) -> None:
    _begin(start)
    try:
        signer = key_source()
    except OrdersealError as error:
        _state["error"] = error
    except BaseException as error:  # noqa: BLE001 - it is the user's function; its message may hold the key, its type does not
        _state["error"] = SignerError(f"key_source raised {type(error).__name__} in a worker")
    else:
        expected = "a signer that holds its key, such as LocalSigner"
        good = isinstance(signer, InProcessSigner)
        _state["signer"] = signer
        _state["error"] = None if good else InvalidInput(path="key_source()", expected=expected, actual=f"a {type(signer).__name__}")


def _sign_digests(expected: Address, digests: list[bytes]) -> list[bytes]:
    signer = cast("InProcessSigner", _state["signer"])
    if signer.address != expected:
        raise SignerError("a worker of the pool holds another key than the others")
    return [bytes(signer.unsafe_sign_digest(Hash32(digest))) for digest in digests]


def _is_picklable(value: object) -> bool:
    try:
        pickle.dumps(value)
    except Exception:  # noqa: BLE001 - whatever the value's own methods raise
        return False
    return True


def _prepare_audit(start: "Barrier", domain: Domain | None, signer: Address | None, at: int | None) -> None:
    _begin(start)
    _state["expectations"] = {"domain": domain, "signer": signer, "at": at}


def _inspect_items(items: list[bytes | str]) -> list[Report | OrdersealError]:
    return [_inspect(item) for item in items]


def _inspect(item: bytes | str) -> Report | OrdersealError:
    try:
        return inspect_signed(read_signed(item), **_state["expectations"])
    except OrdersealError as error:
        return error
