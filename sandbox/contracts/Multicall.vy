# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Many calls in one, at one block
@notice aggregate3 and the block's facts have the interface of the widely deployed Multicall3. At most 64 calls of 1024 bytes, returning 4096.
"""

struct Call3:
    target: address
    allowFailure: bool
    callData: Bytes[1024]

struct Result:
    success: bool
    returnData: Bytes[4096]


@external
@payable
def aggregate3(calls: DynArray[Call3, 64]) -> DynArray[Result, 64]:
    """
    @notice Make the calls in turn; fail if one fails that may not
    """
    results: DynArray[Result, 64] = []
    for call: Call3 in calls:
        success: bool = False
        data: Bytes[4096] = b""
        success, data = raw_call(call.target, call.callData, max_outsize=4096, revert_on_failure=False)
        assert success or call.allowFailure, "Multicall3: call failed"
        results.append(Result(success=success, returnData=data))
    return results


@external
@view
def getBlockNumber() -> uint256:
    return block.number


@external
@view
def getCurrentBlockTimestamp() -> uint256:
    return block.timestamp


@external
@view
def getChainId() -> uint256:
    return chain.id


@external
@view
def getEthBalance(account: address) -> uint256:
    return account.balance
