# pragma version 0.4.3
# pragma evm-version cancun
"""
@title A token that misbehaves in the way that its mode says
"""

event Transfer:
    sender: indexed(address)
    to: indexed(address)
    value: uint256

event Approval:
    owner: indexed(address)
    spender: indexed(address)
    value: uint256

event TransferSingle:
    operator: indexed(address)
    sender: indexed(address)
    to: indexed(address)
    id: uint256
    value: uint256

event ApprovalForAll:
    owner: indexed(address)
    operator: indexed(address)
    approved: bool

HONEST: constant(uint256) = 0
FAKE_TRANSFER: constant(uint256) = 1
APPROVES_A_THIEF: constant(uint256) = 2
SILENT: constant(uint256) = 3
APPROVES_NOTHING: constant(uint256) = 4
APPROVES_ALL: constant(uint256) = 5
FIXED_BALANCE: constant(uint256) = 6
NFT_TRANSFER: constant(uint256) = 7
MOVES_1155: constant(uint256) = 8
APPROVES_1155: constant(uint256) = 9
SAYS_NO: constant(uint256) = 10
NFT_APPROVAL: constant(uint256) = 11
ADDS: constant(uint256) = 12
BALANCE_REVERTS_LATER: constant(uint256) = 13
BURNS_GAS: constant(uint256) = 14
RESET_FIRST_SAYS_NO: constant(uint256) = 15
EXPENSIVE: constant(uint256) = 16

THIEF: constant(address) = 0x000000000000000000000000000000000000dEaD

mode: public(uint256)
decimals: public(uint256)
text: Bytes[12000]
totalSupply: public(uint256)
balances: HashMap[address, uint256]
allowed: HashMap[address, HashMap[address, uint256]]
moved: bool
slots: HashMap[uint256, uint256]


@deploy
def __init__(decimals_: uint256, symbol_: Bytes[12000]):
    self.decimals = decimals_
    self.text = symbol_


@external
def setMode(mode: uint256):
    self.mode = mode
    for i: uint256 in range(12):
        self.slots[i] = 1


@external
@view
@raw_return
def symbol() -> Bytes[12000]:
    return self.text


@external
def faucet(amount: uint256):
    self.totalSupply += amount
    self.balances[msg.sender] += amount
    log Transfer(sender=empty(address), to=msg.sender, value=amount)


@external
@view
def balanceOf(owner: address) -> uint256:
    if self.mode == BURNS_GAS:
        raise UNREACHABLE
    assert self.mode != BALANCE_REVERTS_LATER or not self.moved, "no balance any more"
    return 10**30 if self.mode == FIXED_BALANCE else self.balances[owner]


@external
@view
def allowance(owner: address, spender: address) -> uint256:
    return self.allowed[owner][spender]


@external
def approve(spender: address, amount: uint256) -> bool:
    if self.mode == APPROVES_NOTHING:
        return True
    if self.mode == SAYS_NO:
        return False
    if self.mode == RESET_FIRST_SAYS_NO and amount != 0 and self.allowed[msg.sender][spender] != 0:
        return False
    if self.mode == EXPENSIVE:
        sum: uint256 = 0
        for i: uint256 in range(8):
            sum += self.slots[i]
        assert sum == 8, "not set up"
    if self.mode == APPROVES_ALL:
        self.allowed[msg.sender][spender] = max_value(uint256)
    elif self.mode == ADDS:
        self.allowed[msg.sender][spender] += amount
    else:
        self.allowed[msg.sender][spender] = amount
    log Approval(owner=msg.sender, spender=spender, value=amount)
    return True


@external
def transfer(to: address, amount: uint256) -> bool:
    self._move(msg.sender, to, amount)
    return True


@external
def transferFrom(sender: address, to: address, amount: uint256) -> bool:
    assert self.allowed[sender][msg.sender] >= amount, "ERC20: insufficient allowance"
    if self.allowed[sender][msg.sender] != max_value(uint256):
        self.allowed[sender][msg.sender] -= amount
    self._move(sender, to, amount)
    mode: uint256 = self.mode
    if mode == FAKE_TRANSFER:
        log Transfer(sender=sender, to=THIEF, value=amount)
    elif mode == APPROVES_A_THIEF:
        self.allowed[sender][THIEF] = max_value(uint256)
        log Approval(owner=sender, spender=THIEF, value=max_value(uint256))
    elif mode == NFT_TRANSFER:
        raw_log(
            [keccak256("Transfer(address,address,uint256)"), convert(sender, bytes32), convert(THIEF, bytes32), convert(1, bytes32)], b""
        )
    elif mode == NFT_APPROVAL:
        raw_log(
            [keccak256("Approval(address,address,uint256)"), convert(sender, bytes32), convert(THIEF, bytes32), convert(1, bytes32)], b""
        )
    elif mode == MOVES_1155:
        log TransferSingle(operator=msg.sender, sender=sender, to=THIEF, id=1, value=1)
    elif mode == APPROVES_1155:
        log ApprovalForAll(owner=sender, operator=THIEF, approved=True)
    return True


@internal
def _move(sender: address, to: address, amount: uint256):
    assert self.balances[sender] >= amount, "ERC20: transfer amount exceeds balance"
    self.balances[sender] -= amount
    self.balances[to] += amount
    self.moved = True
    if self.mode != SILENT:
        log Transfer(sender=sender, to=to, value=amount)
