"""A chain of one node, on eth-tester's EVM (py-evm).

eth-tester itself accepts transactions that were signed for another chain, looks for logs and transactions block by block, and lets
block time run on its own. So this uses the chain that eth-tester sets up, and keeps the rest itself: it refuses other chain
ids, indexes what it mines, and takes block time from the clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

from eth.abc import BlockHeaderAPI, ComputationAPI, LogAPI, SignedTransactionAPI, StateAPI, VirtualMachineAPI
from eth.constants import GENESIS_PARENT_HASH
from eth.exceptions import OutOfGas, Revert, VMError
from eth.vm.spoof import SpoofTransaction
from eth_keys.exceptions import BadSignature
from eth_typing import Address
from eth_utils.crypto import keccak
from eth_utils.exceptions import ValidationError
from rlp import encode  # type: ignore[import-untyped]  # it has no types
from rlp.exceptions import RLPException  # type: ignore[import-untyped]

from orderseal.sandbox.evm.wire import (
    INVALID_PARAMS,
    LIMIT_EXCEEDED,
    REVERTED,
    SERVER_ERROR,
    RpcError,
    revert_message,
    to_data,
    to_quantity,
)

GAS_LIMIT = 30_000_000
PRIORITY_FEE = 10**9
MOST_BLOCKS = 10_000
MOST_LOGS = 10_000

_ZERO = bytes(20)
_BLOB_TRANSACTION = 3
_FEE_HISTORY_BLOCKS = 1024
_ESTIMATE_ERROR = 0.015
_CALL_STIPEND = 2300
_SIMULATED_BLOCK_SECONDS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A message to execute; ``None`` is what the caller left open."""

    sender: bytes = _ZERO
    to: bytes = b""
    data: bytes = b""
    value: int = 0
    gas: int | None = None
    nonce: int | None = None
    max_fee: int = 0
    priority_fee: int = 0
    access_list: tuple[tuple[bytes, tuple[int, ...]], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """What an account has instead, for one execution; ``state`` replaces the slots that it names, as ``stateDiff`` does."""

    balance: int | None = None
    nonce: int | None = None
    code: bytes | None = None
    slots: Mapping[int, int] = field(default_factory=dict[int, int])


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an execution gave. ``error`` is ``None`` on success."""

    output: bytes
    gas_used: int
    gas_refund: int
    logs: tuple[LogAPI, ...]
    error: VMError | None

    def failure(self) -> RpcError:
        """The error as geth reports it, with the revert data."""
        if isinstance(self.error, Revert):
            return RpcError(REVERTED, revert_message(self.output), to_data(self.output))
        return RpcError(SERVER_ERROR, self.reason())

    def reason(self) -> str:
        """Why the EVM stopped, other than by a revert."""
        if isinstance(self.error, OutOfGas):
            return "out of gas"
        return f"{type(self.error).__name__}: {str(self.error)[:200]}"


@dataclass(frozen=True, slots=True)
class _Mined:
    """A block with the JSON forms of its transactions, receipts and logs."""

    header: BlockHeaderAPI
    size: int
    transactions: tuple[dict[str, Any], ...]
    receipts: tuple[dict[str, Any], ...]
    logs: tuple[dict[str, Any], ...]


class Node:
    """The chain, mining one block a transaction. Not safe to share between threads."""

    def __init__(self, chain_id: int, clock: Callable[[], float] = time.time) -> None:
        from eth_tester.backends.pyevm.main import (  # type: ignore[import-untyped]  # eth-tester has no types
            PyEVMBackend,
            get_default_genesis_params,
        )

        self.chain_id = chain_id
        self._clock = clock
        self._offset = 0
        self._next_timestamp: int | None = None
        nobody = {_ZERO: {"balance": 1, "nonce": 0, "code": b"", "storage": {}}}
        parameters = get_default_genesis_params({"gas_limit": GAS_LIMIT, "timestamp": int(clock())})
        # What eth-tester's types say of these is not what they are.
        self._backend: Any = PyEVMBackend(genesis_parameters=parameters, genesis_state=nobody)
        self._chain: Any = self._backend.chain
        self._chain.chain_id = chain_id
        self._blocks = [self._mined(self._chain.get_canonical_block_by_number(0), ())]
        self._found: dict[bytes, tuple[int, int]] = {}
        self._snapshots: list[tuple[int, int, int | None]] = []

    # What is on the chain

    @property
    def height(self) -> int:
        """The number of the latest block."""
        return len(self._blocks) - 1

    def header(self, number: int) -> BlockHeaderAPI:
        """The header of a block; raises ``RpcError`` if there is none."""
        if not 0 <= number <= self.height:
            raise RpcError(SERVER_ERROR, "header not found")
        return self._blocks[number].header

    def number_of(self, block_hash: bytes) -> int | None:
        """The number of the block with a hash."""
        return next((number for number in range(self.height, -1, -1) if self._blocks[number].header.hash == block_hash), None)

    def block(self, number: int, *, full: bool) -> dict[str, Any] | None:
        """The JSON form of a block, with its transactions in full or their hashes."""
        if not 0 <= number <= self.height:
            return None
        mined = self._blocks[number]
        transactions = list(mined.transactions) if full else [item["hash"] for item in mined.transactions]
        return block_json(mined.header, mined.size) | {"transactions": transactions}

    def transaction(self, transaction_hash: bytes) -> dict[str, Any] | None:
        """The JSON form of a mined transaction."""
        place = self._found.get(transaction_hash)
        return None if place is None else self._blocks[place[0]].transactions[place[1]]

    def receipt(self, transaction_hash: bytes) -> dict[str, Any] | None:
        """The JSON form of a mined transaction's receipt."""
        place = self._found.get(transaction_hash)
        return None if place is None else self._blocks[place[0]].receipts[place[1]]

    def logs(self, first: int, last: int, addresses: frozenset[str], topics: Sequence[frozenset[str] | None]) -> list[dict[str, Any]]:
        """The logs of a range of blocks, at most 10,000 of each; empty ``addresses`` means all."""
        if last - first >= MOST_BLOCKS:
            raise RpcError(LIMIT_EXCEEDED, f"query spans more than {MOST_BLOCKS} blocks")
        found: list[dict[str, Any]] = []
        for number in range(max(0, first), min(last, self.height) + 1):
            found += [log for log in self._blocks[number].logs if _matches(log, addresses, topics)]
            if len(found) > MOST_LOGS:
                raise RpcError(LIMIT_EXCEEDED, f"query returned more than {MOST_LOGS} results")
        return found

    def state(self, number: int) -> StateAPI:
        """The accounts as they were after a block; a copy that may be changed without effect."""
        return self._vm(self.header(number)).state

    def base_fee(self) -> int:
        """The next block's base fee in wei."""
        return int(self._chain.header.base_fee_per_gas)

    def fee_history(self, count: int, newest: int, percentiles: Sequence[float]) -> dict[str, Any]:
        """Base fees and fullness of the last blocks; the reward is the fixed priority fee, since every transaction is mined at once."""
        if not 1 <= count <= _FEE_HISTORY_BLOCKS:
            raise RpcError(INVALID_PARAMS, f"block count must be in 1..{_FEE_HISTORY_BLOCKS}")
        first = max(0, newest - count + 1)
        headers = [self.header(number) for number in range(first, newest + 1)]
        following = self._chain.header if newest == self.height else self.header(newest + 1)
        answer: dict[str, Any] = {
            "oldestBlock": to_quantity(first),
            "baseFeePerGas": [to_quantity(header.base_fee_per_gas or 0) for header in [*headers, following]],
            "gasUsedRatio": [header.gas_used / header.gas_limit for header in headers],
        }
        if percentiles:
            answer["reward"] = [[to_quantity(PRIORITY_FEE if header.gas_used else 0) for _ in percentiles] for header in headers]
        return answer

    # What changes it

    def send(self, raw: bytes) -> bytes:
        """Check a signed transaction as a node's pool does, mine it, and return its hash."""
        transaction = self._decode(raw)
        if transaction.hash in self._found:
            raise RpcError(SERVER_ERROR, "already known")
        self._refuse(transaction)
        self._set_time()
        try:
            _, receipt, computation = self._chain.apply_transaction(transaction)
        except ValidationError as exc:
            raise RpcError(SERVER_ERROR, f"invalid transaction: {str(exc)[:200]}") from exc
        self._seal([(transaction, receipt, computation)])
        return bytes(transaction.hash)

    def mine(self) -> None:
        """Add an empty block."""
        self._set_time()
        self._seal([])

    def set_account(self, account: bytes, override: Override) -> None:
        """Change an account as no transaction could, in a block of its own."""
        vm = self._chain.get_vm()
        _apply(vm.state, {account: override})
        vm.state.persist()
        self._chain.header = self._chain.header.copy(state_root=vm.state.state_root)
        self.mine()

    def advance(self, seconds: int) -> int:
        """Let block time run ahead of the clock by so much more; returns by how much in all."""
        self._offset += seconds
        return self._offset

    def set_next_timestamp(self, timestamp: int) -> None:
        """Fix the next block's time; the blocks after it go on from there."""
        if timestamp <= self.header(self.height).timestamp:
            raise RpcError(INVALID_PARAMS, "timestamp is not after the latest block's")
        self._next_timestamp = timestamp

    def snapshot(self) -> int:
        """Remember the latest block and the clock; the result is good for one :meth:`revert`."""
        self._snapshots.append((self.height, self._offset, self._next_timestamp))
        return len(self._snapshots)

    def revert(self, snapshot: int) -> bool:
        """Drop what was mined since a snapshot, and the snapshots taken since; false if there is none of that number."""
        if not 1 <= snapshot <= len(self._snapshots):
            return False
        height, self._offset, self._next_timestamp = self._snapshots[snapshot - 1]
        del self._snapshots[snapshot - 1 :]
        # eth-tester's own way executes the block again, which fails for a block in which an account was set.
        header, database = self._blocks[height].header, self._chain.chaindb
        database._set_as_canonical_chain_head(database.db, header, GENESIS_PARENT_HASH)
        self._chain.header = self._chain.create_header_from_parent(header)
        del self._blocks[height + 1 :]
        self._found = {key: place for key, place in self._found.items() if place[0] <= height}
        return True

    # What only asks

    def call(self, call: Call, number: int, overrides: Mapping[bytes, Override]) -> Outcome:
        """Execute a message on the state after a block, and forget it."""
        return self._execute(self._call_vm(number, call, overrides), call)

    def estimate(self, call: Call, number: int, overrides: Mapping[bytes, Override]) -> int:
        """The least gas with which a message succeeds, within 1.5 % as geth does it."""

        def run(gas: int) -> Outcome:
            limited = _replace_gas(call, gas)
            return self._execute(self._call_vm(number, call, overrides), limited)

        high = min(call.gas or GAS_LIMIT, GAS_LIMIT)
        widest = run(high)
        if widest.error is not None:
            raise widest.failure()
        low = widest.gas_used - 1
        # A call keeps back a 64th of the gas (EIP-150), so slightly more than was used is nearly always enough.
        likely = (widest.gas_used + widest.gas_refund + _CALL_STIPEND) * 64 // 63
        if likely < high:
            if run(likely).error is None:
                high = likely
            else:
                low = likely
        while low + 1 < high and (high - low) / high > _ESTIMATE_ERROR:
            middle = min((low + high) // 2, max(2 * low, 1))
            if run(middle).error is None:
                high = middle
            else:
                low = middle
        return high

    def simulate(self, blocks: Sequence[SimulatedBlock], number: int, *, validation: bool) -> list[dict[str, Any]]:
        """Execute calls in turn, each on what those before it left, in blocks after a given one; and forget them (``eth_simulateV1``)."""
        parent = self.header(number)
        answers: list[dict[str, Any]] = []
        for block in blocks:
            header = self._simulated_header(parent, block, validation=validation)
            vm = self._vm(header)
            _apply(vm.state, block.overrides)
            results: list[dict[str, Any]] = []
            hashes: list[str] = []
            used = 0
            for index, call in enumerate(block.calls):
                limited = _replace_gas(call, header.gas_limit - used if call.gas is None else call.gas)
                if (limited.gas or 0) > header.gas_limit - used:
                    raise RpcError(-38015, "block gas limit reached by the calls")
                vm.state.lock_changes()
                outcome = self._execute(vm, limited, check_nonce=validation, in_simulation=True)
                used += outcome.gas_used
                identity = keccak(b"".join((header.parent_hash, index.to_bytes(4, "big"), call.sender, call.to, call.data)))
                hashes.append(to_data(identity))
                results.append(_simulated_result(outcome))
            vm.state.persist()
            header = header.copy(state_root=vm.state.state_root, gas_used=used)
            first = 0
            for index, result in enumerate(results):
                for log in result["logs"]:
                    log.update(_place(header, hashes[index], index), logIndex=to_quantity(first), removed=False)
                    first += 1
            answers.append(block_json(header, 0) | {"transactions": hashes, "calls": results})
            parent = header
        return answers

    def _decode(self, raw: bytes) -> SignedTransactionAPI:
        if not raw or raw[0] == _BLOB_TRANSACTION:
            raise RpcError(SERVER_ERROR, "transaction type not supported")
        try:
            transaction = cast("SignedTransactionAPI", self._chain.get_vm().get_transaction_builder().decode(raw))
            transaction.validate()
            sender = transaction.sender
        except (RLPException, ValidationError, BadSignature, ValueError, TypeError, NotImplementedError) as exc:
            raise RpcError(SERVER_ERROR, f"invalid transaction: {type(exc).__name__}") from exc
        chain_id = transaction.chain_id
        if chain_id is None:
            raise RpcError(SERVER_ERROR, "only replay-protected (EIP-155) transactions allowed over RPC")
        if chain_id != self.chain_id:
            raise RpcError(SERVER_ERROR, f"invalid chain id for signer: have {chain_id} want {self.chain_id}")
        assert len(sender) == len(_ZERO)
        return transaction

    def _refuse(self, transaction: SignedTransactionAPI) -> None:
        state, sender = self.state(self.height), transaction.sender
        who = to_data(sender)
        nonce, balance = state.get_nonce(sender), state.get_balance(sender)
        if transaction.nonce < nonce:
            raise RpcError(SERVER_ERROR, f"nonce too low: next nonce {nonce}, tx nonce {transaction.nonce}")
        if transaction.nonce > nonce:
            raise RpcError(SERVER_ERROR, f"nonce too high: next nonce {nonce}, tx nonce {transaction.nonce}; this node has no queue")
        if transaction.gas > GAS_LIMIT:
            raise RpcError(SERVER_ERROR, "exceeds block gas limit")
        if transaction.gas < transaction.intrinsic_gas:
            raise RpcError(SERVER_ERROR, f"intrinsic gas too low: gas {transaction.gas}, minimum needed {transaction.intrinsic_gas}")
        if transaction.max_fee_per_gas < transaction.max_priority_fee_per_gas:
            raise RpcError(SERVER_ERROR, "max priority fee per gas higher than max fee per gas")
        if transaction.max_fee_per_gas < self.base_fee():
            detail = f"address {who}, maxFeePerGas: {transaction.max_fee_per_gas}, baseFee: {self.base_fee()}"
            raise RpcError(SERVER_ERROR, f"max fee per gas less than block base fee: {detail}")
        cost = transaction.value + transaction.gas * transaction.max_fee_per_gas
        if balance < cost:
            raise RpcError(SERVER_ERROR, f"insufficient funds for gas * price + value: address {who} have {balance} want {cost}")

    def _set_time(self) -> None:
        earliest = self.header(self.height).timestamp + 1
        wanted = int(self._clock()) + self._offset
        if self._next_timestamp is not None:
            self._offset += self._next_timestamp - wanted
            wanted, self._next_timestamp = self._next_timestamp, None
        self._chain.set_header_timestamp(max(earliest, wanted))

    def _seal(self, executed: Sequence[tuple[SignedTransactionAPI, Any, ComputationAPI]]) -> None:
        self._backend.mine_blocks(1)
        block = self._chain.get_canonical_block_by_number(self.height + 1)
        self._blocks.append(self._mined(block, executed))
        for index, (transaction, _, _) in enumerate(executed):
            self._found[bytes(transaction.hash)] = (self.height, index)

    def _mined(self, block: Any, executed: Sequence[tuple[SignedTransactionAPI, Any, ComputationAPI]]) -> _Mined:
        header = block.header
        transactions: list[dict[str, Any]] = []
        receipts: list[dict[str, Any]] = []
        logs: list[dict[str, Any]] = []
        for index, (transaction, receipt, computation) in enumerate(executed):
            place = _place(header, to_data(transaction.hash), index)
            own = [log | place | {"logIndex": to_quantity(len(logs) + at), "removed": False} for at, log in enumerate(_logs(receipt.logs))]
            logs += own
            transactions.append(_transaction_json(transaction, header, self.chain_id) | _in_block(place))
            receipts.append(_receipt_json(transaction, receipt, computation, header) | {"logs": own} | place)
        return _Mined(header, len(encode(block)), tuple(transactions), tuple(receipts), tuple(logs))

    def _vm(self, header: BlockHeaderAPI) -> VirtualMachineAPI:
        return cast("VirtualMachineAPI", self._chain.get_vm(at_header=header))

    def _call_vm(self, number: int, call: Call, overrides: Mapping[bytes, Override]) -> VirtualMachineAPI:
        header = self.header(number)
        # A call that offers no fee pays none, and sees a base fee of 0, as in geth.
        vm = self._vm(header if call.max_fee else header.copy(base_fee_per_gas=0))
        _apply(vm.state, overrides)
        return vm

    def _execute(self, vm: VirtualMachineAPI, call: Call, *, check_nonce: bool = False, in_simulation: bool = False) -> Outcome:
        state, sender = vm.state, Address(call.sender)
        nonce = state.get_nonce(sender)
        if check_nonce and call.nonce is not None and call.nonce != nonce:
            low = call.nonce < nonce
            raise RpcError(-38010 if low else -38011, f"nonce too {'low' if low else 'high'}: next nonce {nonce}, tx nonce {call.nonce}")
        unsigned = cast("Any", vm.get_transaction_builder()).new_unsigned_dynamic_fee_transaction(
            chain_id=self.chain_id,
            nonce=nonce,
            max_priority_fee_per_gas=call.priority_fee,
            max_fee_per_gas=call.max_fee,
            gas=min(GAS_LIMIT if call.gas is None else call.gas, GAS_LIMIT),
            to=Address(call.to),
            value=call.value,
            data=call.data,
            access_list=[(Address(account), list(slots)) for account, slots in call.access_list],
        )
        transaction = cast("SignedTransactionAPI", SpoofTransaction(unsigned, from_=sender))
        if transaction.gas < transaction.intrinsic_gas:
            detail = f"intrinsic gas too low: gas {transaction.gas}, minimum needed {transaction.intrinsic_gas}"
            raise RpcError(-38013 if in_simulation else SERVER_ERROR, detail)
        cost = call.value + transaction.gas * call.max_fee
        if state.get_balance(sender) < cost:
            detail = f"address {to_data(sender)} have {state.get_balance(sender)} want {cost}"
            raise RpcError(-38014 if in_simulation else SERVER_ERROR, f"insufficient funds for gas * price + value: {detail}")
        try:
            computation = state.apply_transaction(transaction)
        except ValidationError as exc:
            raise RpcError(SERVER_ERROR, f"invalid call: {str(exc)[:200]}") from exc
        used = cast("Any", vm).finalize_gas_used(transaction, computation)
        error = computation.error if computation.is_error else None
        return Outcome(computation.output, used, computation.get_gas_refund(), () if error else computation_logs(computation), error)

    def _simulated_header(self, parent: BlockHeaderAPI, block: SimulatedBlock, *, validation: bool) -> BlockHeaderAPI:
        header = cast("BlockHeaderAPI", self._chain.create_header_from_parent(parent))
        changes: dict[str, Any] = {"timestamp": parent.timestamp + _SIMULATED_BLOCK_SECONDS, "gas_limit": GAS_LIMIT}
        if not validation:
            changes["base_fee_per_gas"] = 0
        changes |= block.changes
        if changes["timestamp"] <= parent.timestamp:
            raise RpcError(-38021, "block timestamps must be in order")
        if changes.get("block_number", header.block_number) <= parent.block_number:
            raise RpcError(-38020, "block numbers must be in order")
        return header.copy(**changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedBlock:
    """One block of ``eth_simulateV1``: header fields and accounts that differ, and the calls."""

    calls: Sequence[Call]
    overrides: Mapping[bytes, Override] = field(default_factory=dict[bytes, Override])
    changes: Mapping[str, Any] = field(default_factory=dict[str, Any])


def computation_logs(computation: ComputationAPI) -> tuple[LogAPI, ...]:
    """The logs of an execution, in the form of a receipt's."""
    from eth.rlp.logs import Log

    return tuple(Log(address, topics, content) for address, topics, content in computation.get_log_entries())


def block_json(header: BlockHeaderAPI, size: int) -> dict[str, Any]:
    """A block's members without its transactions."""
    optional: dict[str, Any] = {}
    for name, attribute in (
        ("withdrawalsRoot", "withdrawals_root"),
        ("parentBeaconBlockRoot", "parent_beacon_block_root"),
        ("requestsHash", "requests_hash"),
    ):
        value = getattr(header, attribute, None)
        if value is not None:
            optional[name] = to_data(value)
    for name, attribute in (("blobGasUsed", "blob_gas_used"), ("excessBlobGas", "excess_blob_gas"), ("baseFeePerGas", "base_fee_per_gas")):
        value = getattr(header, attribute, None)
        if value is not None:
            optional[name] = to_quantity(value)
    return {
        "number": to_quantity(header.block_number),
        "hash": to_data(header.hash),
        "parentHash": to_data(header.parent_hash),
        "nonce": to_data(header.nonce),
        "sha3Uncles": to_data(header.uncles_hash),
        "logsBloom": to_data(header.bloom.to_bytes(256, "big")),
        "transactionsRoot": to_data(header.transaction_root),
        "stateRoot": to_data(header.state_root),
        "receiptsRoot": to_data(header.receipt_root),
        "miner": to_data(header.coinbase),
        "difficulty": to_quantity(header.difficulty),
        "extraData": to_data(header.extra_data),
        "size": to_quantity(size),
        "gasLimit": to_quantity(header.gas_limit),
        "gasUsed": to_quantity(header.gas_used),
        "timestamp": to_quantity(header.timestamp),
        "mixHash": to_data(header.mix_hash),
        "uncles": [],
        "withdrawals": [],
        **optional,
    }


def _apply(state: StateAPI, overrides: Mapping[bytes, Override]) -> None:
    for raw, override in overrides.items():
        account = Address(raw)
        if override.balance is not None:
            state.set_balance(account, override.balance)
        if override.nonce is not None:
            state.set_nonce(account, override.nonce)
        if override.code is not None:
            state.set_code(account, override.code)
        for slot, value in override.slots.items():
            state.set_storage(account, slot, value)


def _replace_gas(call: Call, gas: int) -> Call:
    return replace(call, gas=gas)


def _matches(log: dict[str, Any], addresses: frozenset[str], topics: Sequence[frozenset[str] | None]) -> bool:
    if addresses and log["address"] not in addresses:
        return False
    own = log["topics"]
    return len(topics) <= len(own) and all(wanted is None or own[at] in wanted for at, wanted in enumerate(topics))


def _logs(logs: Sequence[LogAPI]) -> list[dict[str, Any]]:
    return [
        {
            "address": to_data(log.address),
            "topics": [to_data(topic.to_bytes(32, "big")) for topic in log.topics],
            "data": to_data(log.data),
        }
        for log in logs
    ]


def _place(header: BlockHeaderAPI, transaction_hash: str, index: int) -> dict[str, Any]:
    return {
        "blockHash": to_data(header.hash),
        "blockNumber": to_quantity(header.block_number),
        "blockTimestamp": to_quantity(header.timestamp),
        "transactionHash": transaction_hash,
        "transactionIndex": to_quantity(index),
    }


def _in_block(place: dict[str, Any]) -> dict[str, Any]:
    return {name: place[name] for name in ("blockHash", "blockNumber", "transactionIndex")}


def _simulated_result(outcome: Outcome) -> dict[str, Any]:
    result: dict[str, Any] = {
        # As geth does: what a failed call returned is in the error alone.
        "returnData": "0x" if outcome.error else to_data(outcome.output),
        "logs": _logs(outcome.logs),
        "gasUsed": to_quantity(outcome.gas_used),
        "status": to_quantity(0 if outcome.error else 1),
    }
    if isinstance(outcome.error, Revert):
        result["error"] = {"code": REVERTED, "message": revert_message(outcome.output), "data": to_data(outcome.output)}
    elif outcome.error is not None:
        result["error"] = {"code": -32015, "message": outcome.reason()}
    return result


def _effective_price(transaction: SignedTransactionAPI, header: BlockHeaderAPI) -> int:
    base = header.base_fee_per_gas or 0
    return min(transaction.max_fee_per_gas, base + transaction.max_priority_fee_per_gas)


def _transaction_json(transaction: SignedTransactionAPI, header: BlockHeaderAPI, chain_id: int) -> dict[str, Any]:
    kind = transaction.type_id or 0
    answer: dict[str, Any] = {
        "hash": to_data(transaction.hash),
        "type": to_quantity(kind),
        "nonce": to_quantity(transaction.nonce),
        "from": to_data(transaction.sender),
        "to": to_data(transaction.to) if transaction.to else None,
        "value": to_quantity(transaction.value),
        "gas": to_quantity(transaction.gas),
        "gasPrice": to_quantity(_effective_price(transaction, header)),
        "input": to_data(transaction.data),
        "chainId": to_quantity(chain_id),
        "r": to_quantity(transaction.r),
        "s": to_quantity(transaction.s),
        "v": to_quantity(transaction.y_parity if kind else 35 + 2 * chain_id + transaction.y_parity),
    }
    if kind:
        answer["yParity"] = to_quantity(transaction.y_parity)
        answer["accessList"] = [
            {"address": to_data(account), "storageKeys": [to_data(slot.to_bytes(32, "big")) for slot in slots]}
            for account, slots in transaction.access_list
        ]
    if kind >= 2:
        answer["maxFeePerGas"] = to_quantity(transaction.max_fee_per_gas)
        answer["maxPriorityFeePerGas"] = to_quantity(transaction.max_priority_fee_per_gas)
    return answer


def _receipt_json(transaction: SignedTransactionAPI, receipt: Any, computation: ComputationAPI, header: BlockHeaderAPI) -> dict[str, Any]:
    created = computation.msg.storage_address if computation.msg.is_create else None
    return {
        "type": to_quantity(transaction.type_id or 0),
        "status": to_quantity(0 if computation.is_error else 1),
        "from": to_data(transaction.sender),
        "to": to_data(transaction.to) if transaction.to else None,
        "contractAddress": None if created is None else to_data(created),
        # There is one transaction a block, so that what the block has used so far is what this one used.
        "cumulativeGasUsed": to_quantity(receipt.gas_used),
        "gasUsed": to_quantity(receipt.gas_used),
        "effectiveGasPrice": to_quantity(_effective_price(transaction, header)),
        "logsBloom": to_data(receipt.bloom.to_bytes(256, "big")),
    }
