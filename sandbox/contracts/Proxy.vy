# pragma version 0.4.3
# pragma evm-version cancun
"""
@title A proxy with its implementation and its administrator in the slots of ERC-1967
@notice Calls other than upgradeTo run the implementation's code on this contract's storage. The compiler is told both slots, see layouts.json.
"""

event Upgraded:
    implementation: indexed(address)

implementation: address
admin: address


@deploy
def __init__(implementation: address):
    self.admin = msg.sender
    self._set(implementation)


@external
def upgradeTo(implementation: address):
    """
    @notice Put other code behind this address
    """
    assert msg.sender == self.admin, "Proxy: not the administrator"
    self._set(implementation)


@external
@payable
@raw_return
def __default__() -> Bytes[4096]:
    return raw_call(self.implementation, msg.data, max_outsize=4096, is_delegate_call=True)


@internal
def _set(implementation: address):
    assert implementation.is_contract, "Proxy: no contract"
    self.implementation = implementation
    log Upgraded(implementation=implementation)
