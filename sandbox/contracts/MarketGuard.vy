# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Who may trade on the marketplace, and what: switches for tests
@notice Only the deployer turns them
"""

OWNER: immutable(address)

paused: public(HashMap[address, bool])
blocked: public(HashMap[address, bool])


@deploy
def __init__():
    OWNER = msg.sender


@external
def setPaused(token: address, paused: bool):
    """
    @notice Stop or resume all purchases of a house token
    """
    assert msg.sender == OWNER, "MarketGuard: not the owner"
    self.paused[token] = paused


@external
def setBlocked(user: address, blocked: bool):
    """
    @notice Bar an account from buying, or let it buy again
    """
    assert msg.sender == OWNER, "MarketGuard: not the owner"
    self.blocked[user] = blocked
