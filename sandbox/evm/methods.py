"""The JSON-RPC methods of the eth-tester front: parameters in, :class:`Node` called, JSON out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

from eth_utils.crypto import keccak

from orderseal.sandbox.evm.node import GAS_LIMIT, PRIORITY_FEE, Call, Node, Override, SimulatedBlock
from orderseal.sandbox.evm.wire import (
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    SERVER_ERROR,
    RpcError,
    address,
    array,
    data,
    invalid,
    members,
    quantity,
    to_data,
    to_quantity,
)

MOST_SIMULATED_BLOCKS = 16
MOST_SIMULATED_CALLS = 64
MOST_OVERRIDES = 64
MOST_SLOTS = 256
MOST_TOPICS = 4
MOST_ALTERNATIVES = 256
MOST_SECONDS = 10 * 366 * 24 * 3600

_TAGS = ("latest", "pending", "safe", "finalized", "earliest")
_CALL_MEMBERS = (
    "from", "to", "gas", "gasPrice", "maxFeePerGas", "maxPriorityFeePerGas", "value", "nonce", "data", "input", "accessList", "chainId",
    "type",
)  # fmt: skip
_BLOCK_OVERRIDES = {
    "number": "block_number",
    "time": "timestamp",
    "gasLimit": "gas_limit",
    "baseFeePerGas": "base_fee_per_gas",
    "feeRecipient": "coinbase",
    "prevRandao": "mix_hash",
}

Method = Callable[[Sequence[Any]], Any]


class Methods:
    """Answers one request at a time; each method takes the ``params`` array."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._methods: dict[str, tuple[Method, int, int]] = {
            "web3_clientVersion": (lambda _: "orderseal-sandbox/eth-tester", 0, 0),
            "web3_sha3": (lambda given: to_data(keccak(data(given[0]))), 1, 1),
            "net_version": (lambda _: str(node.chain_id), 0, 0),
            "net_listening": (lambda _: True, 0, 0),
            "eth_chainId": (lambda _: to_quantity(node.chain_id), 0, 0),
            "eth_syncing": (lambda _: False, 0, 0),
            "eth_accounts": (lambda _: [], 0, 0),
            "eth_blockNumber": (lambda _: to_quantity(node.height), 0, 0),
            "eth_getBlockByNumber": (self._block_by_number, 1, 2),
            "eth_getBlockByHash": (self._block_by_hash, 1, 2),
            "eth_getBalance": (self._balance, 1, 2),
            "eth_getCode": (self._code, 1, 2),
            "eth_getStorageAt": (self._storage, 2, 3),
            "eth_getTransactionCount": (self._nonce, 1, 2),
            "eth_call": (self._call, 1, 3),
            "eth_estimateGas": (self._estimate, 1, 3),
            "eth_simulateV1": (self._simulate, 1, 2),
            "eth_gasPrice": (lambda _: to_quantity(node.base_fee() + PRIORITY_FEE), 0, 0),
            "eth_maxPriorityFeePerGas": (lambda _: to_quantity(PRIORITY_FEE), 0, 0),
            "eth_feeHistory": (self._fee_history, 2, 3),
            "eth_sendRawTransaction": (lambda given: to_data(node.send(data(given[0], "transaction"))), 1, 1),
            "eth_getTransactionByHash": (lambda given: node.transaction(data(given[0], "hash", 32)), 1, 1),
            "eth_getTransactionReceipt": (lambda given: node.receipt(data(given[0], "hash", 32)), 1, 1),
            "eth_getLogs": (self._logs, 1, 1),
            "evm_mine": (self._mine, 0, 0),
            "evm_snapshot": (lambda _: to_quantity(node.snapshot()), 0, 0),
            "evm_revert": (lambda given: node.revert(quantity(given[0], "snapshot")), 1, 1),
            "evm_increaseTime": (lambda given: node.advance(_seconds(given[0])), 1, 1),
            "evm_setNextBlockTimestamp": (self._set_timestamp, 1, 1),
            "anvil_setBalance": (lambda given: self._set(given[0], Override(balance=quantity(given[1]))), 2, 2),
            "anvil_setCode": (lambda given: self._set(given[0], Override(code=data(given[1]))), 2, 2),
            "anvil_setStorageAt": (lambda given: self._set(given[0], Override(slots={_slot(given[1]): _slot(given[2])})), 3, 3),
        }

    def answer(self, method: str, params: Sequence[Any]) -> Any:
        """The ``result`` of a request; raises ``RpcError``."""
        known = self._methods.get(method)
        if known is None:
            raise RpcError(METHOD_NOT_FOUND, f"the method {method[:60]} does not exist/is not available")
        run, least, most = known
        if not least <= len(params) <= most:
            raise RpcError(INVALID_PARAMS, f"{method} takes {least} to {most} parameters, got {len(params)}")
        return run(params)

    def _block_by_number(self, given: Sequence[Any]) -> Any:
        number = self._number(given[0])
        return self._node.block(number, full=_flag(given, 1))

    def _block_by_hash(self, given: Sequence[Any]) -> Any:
        number = self._node.number_of(data(given[0], "hash", 32))
        return None if number is None else self._node.block(number, full=_flag(given, 1))

    def _balance(self, given: Sequence[Any]) -> str:
        return to_quantity(self._node.state(self._at(given, 1)).get_balance(_account(given[0])))

    def _code(self, given: Sequence[Any]) -> str:
        return to_data(self._node.state(self._at(given, 1)).get_code(_account(given[0])))

    def _storage(self, given: Sequence[Any]) -> str:
        value = self._node.state(self._at(given, 2)).get_storage(_account(given[0]), _slot(given[1]))
        return to_data(value.to_bytes(32, "big"))

    def _nonce(self, given: Sequence[Any]) -> str:
        return to_quantity(self._node.state(self._at(given, 1)).get_nonce(_account(given[0])))

    def _call(self, given: Sequence[Any]) -> str:
        call = self._read_call(given[0])
        outcome = self._node.call(call, self._at(given, 1), _overrides(given[2]) if len(given) > 2 else {})
        if outcome.error is not None:
            raise outcome.failure()
        return to_data(outcome.output)

    def _estimate(self, given: Sequence[Any]) -> str:
        call = self._read_call(given[0])
        return to_quantity(self._node.estimate(call, self._at(given, 1), _overrides(given[2]) if len(given) > 2 else {}))

    def _simulate(self, given: Sequence[Any]) -> list[dict[str, Any]]:
        payload = members(given[0], "payload", "blockStateCalls", "validation", "traceTransfers", "returnFullTransactions")
        for name in ("traceTransfers", "returnFullTransactions"):
            if payload.get(name, False) is not False:
                raise invalid(f"{name} is not supported by this node")
        validation = payload.get("validation", False)
        if not isinstance(validation, bool):
            raise invalid("validation must be a boolean")
        blocks = array(payload.get("blockStateCalls"), "blockStateCalls", MOST_SIMULATED_BLOCKS)
        if not blocks:
            raise invalid("blockStateCalls must not be empty")
        return self._node.simulate([self._read_block(block) for block in blocks], self._at(given, 1), validation=validation)

    def _read_block(self, value: object) -> SimulatedBlock:
        given = members(value, "block", "blockOverrides", "stateOverrides", "calls")
        changes: dict[str, Any] = {}
        for name, item in members(given.get("blockOverrides", {}), "blockOverrides", *_BLOCK_OVERRIDES).items():
            read = {"feeRecipient": lambda raw: address(raw, "feeRecipient"), "prevRandao": lambda raw: data(raw, "prevRandao", 32)}
            changes[_BLOCK_OVERRIDES[name]] = read[name](item) if name in read else quantity(item, name)
        calls = [self._read_call(call) for call in array(given.get("calls", []), "calls", MOST_SIMULATED_CALLS)]
        return SimulatedBlock(calls=calls, overrides=_overrides(given.get("stateOverrides")), changes=changes)

    def _read_call(self, value: object) -> Call:
        given = members(value, "transaction", *_CALL_MEMBERS)
        content = {data(given[name], name) for name in ("data", "input") if name in given}
        if len(content) > 1:
            raise invalid('both "data" and "input" are set and not equal')
        if "chainId" in given and quantity(given["chainId"], "chainId") != self._node.chain_id:
            raise invalid(f"chainId does not match node's (have={quantity(given['chainId'])}, want={self._node.chain_id})")
        if "gasPrice" in given and ("maxFeePerGas" in given or "maxPriorityFeePerGas" in given):
            raise invalid("both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified")
        price = quantity(given["gasPrice"], "gasPrice") if "gasPrice" in given else None
        max_fee = price if price is not None else quantity(given.get("maxFeePerGas", "0x0"), "maxFeePerGas")
        priority = price if price is not None else quantity(given.get("maxPriorityFeePerGas", "0x0"), "maxPriorityFeePerGas")
        return Call(
            sender=address(given["from"], "from") if "from" in given else bytes(20),
            to=address(given["to"], "to") if "to" in given else b"",
            data=content.pop() if content else b"",
            value=quantity(given.get("value", "0x0"), "value"),
            gas=min(quantity(given["gas"], "gas"), GAS_LIMIT) if "gas" in given else None,
            nonce=quantity(given["nonce"], "nonce") if "nonce" in given else None,
            max_fee=max_fee,
            priority_fee=min(priority, max_fee),
            access_list=tuple(_access(item) for item in array(given.get("accessList", []), "accessList", MOST_OVERRIDES)),
        )

    def _fee_history(self, given: Sequence[Any]) -> dict[str, Any]:
        count = given[0] if isinstance(given[0], int) and not isinstance(given[0], bool) else quantity(given[0], "block count")
        percentiles = array(given[2], "percentiles", 100) if len(given) > 2 and given[2] is not None else []
        if not all(isinstance(item, int | float) and not isinstance(item, bool) and 0 <= item <= 100 for item in percentiles):
            raise invalid("percentiles must be numbers from 0 to 100")
        return self._node.fee_history(count, self._number(given[1]), percentiles)

    def _logs(self, given: Sequence[Any]) -> list[dict[str, Any]]:
        wanted = members(given[0], "filter", "fromBlock", "toBlock", "address", "topics", "blockHash")
        addresses = wanted.get("address", [])
        chosen = array(addresses if isinstance(addresses, list) else [addresses], "address", MOST_ALTERNATIVES)
        topics = [_topic(item) for item in array(wanted.get("topics", []), "topics", MOST_TOPICS)]
        if "blockHash" in wanted:
            if "fromBlock" in wanted or "toBlock" in wanted:
                raise invalid("cannot specify both BlockHash and FromBlock/ToBlock, choose one or the other")
            number = self._node.number_of(data(wanted["blockHash"], "blockHash", 32))
            if number is None:
                raise RpcError(SERVER_ERROR, "unknown block")
            first = last = number
        else:
            first, last = self._number(wanted.get("fromBlock", "latest")), self._number(wanted.get("toBlock", "latest"))
            if first > last:
                raise invalid("invalid block range params")
        return self._node.logs(first, last, frozenset(to_data(address(item)) for item in chosen), topics)

    def _mine(self, _given: Sequence[Any]) -> str:
        self._node.mine()
        return "0x0"

    def _set_timestamp(self, given: Sequence[Any]) -> None:
        self._node.set_next_timestamp(_seconds(given[0]))

    def _set(self, account: object, override: Override) -> None:
        self._node.set_account(address(account), override)

    def _at(self, given: Sequence[Any], position: int) -> int:
        """The block that a reading method is asked about: a number, a tag, or an object as in EIP-1898."""
        value = given[position] if len(given) > position and given[position] is not None else "latest"
        if not isinstance(value, dict):
            return self._number(value)
        where = members(value, "block", "blockNumber", "blockHash", "requireCanonical")
        if "blockHash" in where:
            number = self._node.number_of(data(where["blockHash"], "blockHash", 32))
            if number is None:
                raise RpcError(SERVER_ERROR, "header for hash not found")
            return number
        return self._number(where.get("blockNumber"))

    def _number(self, value: object) -> int:
        """A block number, which need not exist. Each block is mined with its transaction, so the pending one is the latest."""
        if value == "earliest":
            return 0
        return self._node.height if value in _TAGS else quantity(value, "block number")


def _account(value: object) -> Any:
    return address(value)


def _flag(given: Sequence[Any], position: int) -> bool:
    value = given[position] if len(given) > position else False
    if not isinstance(value, bool):
        raise invalid("the flag for full transactions must be a boolean")
    return value


def _slot(value: object) -> int:
    if isinstance(value, str) and len(value) == 66:
        return int.from_bytes(data(value, "slot", 32), "big")
    return quantity(value, "slot")


def _seconds(value: object) -> int:
    seconds = value if isinstance(value, int) and not isinstance(value, bool) else quantity(value, "seconds")
    if not 0 <= seconds < 2**63 or (seconds > MOST_SECONDS and seconds < 10**9):
        raise invalid("seconds out of range")
    return seconds


def _topic(value: object) -> frozenset[str] | None:
    if value is None:
        return None
    choices = array(value if isinstance(value, list) else [value], "topic", MOST_ALTERNATIVES)
    return frozenset(to_data(data(item, "topic", 32)) for item in choices) or None


def _access(value: object) -> tuple[bytes, tuple[int, ...]]:
    given = members(value, "access list entry", "address", "storageKeys")
    keys = array(given.get("storageKeys", []), "storageKeys", MOST_SLOTS)
    return address(given.get("address")), tuple(int.from_bytes(data(key, "storage key", 32), "big") for key in keys)


def _overrides(value: object) -> dict[bytes, Override]:
    if value is None:
        return {}
    if not isinstance(value, dict) or len(cast("dict[str, Any]", value)) > MOST_OVERRIDES:
        raise invalid(f"state overrides must be an object of at most {MOST_OVERRIDES} accounts")
    return {address(account): _override(item) for account, item in cast("dict[str, Any]", value).items()}


def _override(value: object) -> Override:
    given = members(value, "state override", "balance", "nonce", "code", "stateDiff")
    slots = members_of(given.get("stateDiff", {}))
    return Override(
        balance=quantity(given["balance"], "balance") if "balance" in given else None,
        nonce=quantity(given["nonce"], "nonce") if "nonce" in given else None,
        code=data(given["code"], "code") if "code" in given else None,
        slots={_slot(slot): int.from_bytes(data(item, "slot value", 32), "big") for slot, item in slots.items()},
    )


def members_of(value: object) -> dict[str, Any]:
    """An object of any members, but not too many."""
    if not isinstance(value, dict) or len(cast("dict[str, Any]", value)) > MOST_SLOTS:
        raise invalid(f"stateDiff must be an object of at most {MOST_SLOTS} slots")
    return cast("dict[str, Any]", value)
