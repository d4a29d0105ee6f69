# pragma version 0.4.3
# pragma evm-version cancun
"""
@title A token with the two habits of Tether's on Ethereum
@notice transfer, transferFrom and approve return nothing, and an allowance that is not zero must be set to zero before it gets
    another value. 6 decimals, and a faucet that anybody may use.
"""

event Transfer:
    sender: indexed(address)
    to: indexed(address)
    value: uint256

event Approval:
    owner: indexed(address)
    spender: indexed(address)
    value: uint256

name: public(constant(String[32])) = "Reset-first USD"
symbol: public(constant(String[16])) = "RUSD"
decimals: public(constant(uint8)) = 6

totalSupply: public(uint256)
balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])


@external
def faucet(amount: uint256):
    """
    @notice Make new tokens for the caller
    """
    self.totalSupply += amount
    self.balanceOf[msg.sender] += amount
    log Transfer(sender=empty(address), to=msg.sender, value=amount)


@external
def transfer(to: address, amount: uint256):
    self._transfer(msg.sender, to, amount)


@external
def transferFrom(sender: address, to: address, amount: uint256):
    allowed: uint256 = self.allowance[sender][msg.sender]
    # Tether's contract fails here without a reason.
    assert allowed >= amount
    if allowed != max_value(uint256):
        self.allowance[sender][msg.sender] = allowed - amount
    self._transfer(sender, to, amount)


@external
def approve(spender: address, amount: uint256):
    assert amount == 0 or self.allowance[msg.sender][spender] == 0
    self.allowance[msg.sender][spender] = amount
    log Approval(owner=msg.sender, spender=spender, value=amount)


@internal
def _transfer(sender: address, to: address, amount: uint256):
    assert self.balanceOf[sender] >= amount
    self.balanceOf[sender] -= amount
    self.balanceOf[to] += amount
    log Transfer(sender=sender, to=to, value=amount)
