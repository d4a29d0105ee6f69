# pragma version 0.4.3
# pragma evm-version cancun
"""
@title A token that keeps a share of each transfer
@notice The receiver gets less than was sent; the rest goes to the collector. 6 decimals, and a faucet that anybody may use.
"""

event Transfer:
    sender: indexed(address)
    to: indexed(address)
    value: uint256

event Approval:
    owner: indexed(address)
    spender: indexed(address)
    value: uint256

FEE_BASIS_POINTS: immutable(uint256)
COLLECTOR: immutable(address)

name: public(constant(String[32])) = "Fee on transfer USD"
symbol: public(constant(String[16])) = "FUSD"
decimals: public(constant(uint8)) = 6

totalSupply: public(uint256)
balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])


@deploy
def __init__(fee_basis_points: uint256, collector: address):
    assert fee_basis_points <= 10_000, "FeeToken: more than everything"
    FEE_BASIS_POINTS = fee_basis_points
    COLLECTOR = collector


@external
def faucet(amount: uint256):
    """
    @notice Make new tokens for the caller
    """
    self.totalSupply += amount
    self.balanceOf[msg.sender] += amount
    log Transfer(sender=empty(address), to=msg.sender, value=amount)


@external
def transfer(to: address, amount: uint256) -> bool:
    self._transfer(msg.sender, to, amount)
    return True


@external
def transferFrom(sender: address, to: address, amount: uint256) -> bool:
    assert self.allowance[sender][msg.sender] >= amount, "ERC20: insufficient allowance"
    self.allowance[sender][msg.sender] -= amount
    self._transfer(sender, to, amount)
    return True


@external
def approve(spender: address, amount: uint256) -> bool:
    self.allowance[msg.sender][spender] = amount
    log Approval(owner=msg.sender, spender=spender, value=amount)
    return True


@internal
def _transfer(sender: address, to: address, amount: uint256):
    assert self.balanceOf[sender] >= amount, "ERC20: transfer amount exceeds balance"
    fee: uint256 = amount * FEE_BASIS_POINTS // 10_000
    self.balanceOf[sender] -= amount
    self.balanceOf[to] += amount - fee
    log Transfer(sender=sender, to=to, value=amount - fee)
    if fee != 0:
        self.balanceOf[COLLECTOR] += fee
        log Transfer(sender=sender, to=COLLECTOR, value=fee)
