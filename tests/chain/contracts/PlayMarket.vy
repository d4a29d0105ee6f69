# pragma version 0.4.3
# pragma evm-version cancun
"""
@title A marketplace that misbehaves in the way that its mode says; its interface is the documented one
"""

interface Token:
    def transferFrom(sender: address, to: address, amount: uint256) -> bool: nonpayable
    def transfer(to: address, amount: uint256) -> bool: nonpayable
    def balanceOf(owner: address) -> uint256: view
    def allowance(owner: address, spender: address) -> uint256: view

event ListEvent:
    user: address
    house: address
    payment: address
    price: uint256
    count: uint256
    timestamp: uint256

event ListingBuyEvent:
    user: address
    house: address
    payment: address
    price: uint256
    count: uint256
    timestamp: uint256

event ListingDelistEvent:
    user: address
    house: address
    timestamp: uint256

event ListingUpdateEvent:
    user: address
    house: address
    newPrice: uint256
    minbuycount: uint256
    maxbuycount: uint256
    tokenAmount: uint256
    timestamp: uint256

struct Listing:
    token: address
    paymentToken: address
    price: uint256
    tokenAmount: uint256
    minbuycount: uint256
    maxbuycount: uint256

HONEST: constant(uint256) = 0
TAKES_ALL_ALLOWED: constant(uint256) = 1
TAKES_ANOTHER_TOKEN: constant(uint256) = 2
DELIVERS_LESS: constant(uint256) = 3
NO_EVENT: constant(uint256) = 4
TWO_EVENTS: constant(uint256) = 5
WRONG_COUNT: constant(uint256) = 6
WRONG_PRICE: constant(uint256) = 7
WRONG_USER: constant(uint256) = 8
WRONG_PAYMENT: constant(uint256) = 9
TAKES_LESS: constant(uint256) = 10
DELIVERS_MORE: constant(uint256) = 11
ROBS_CODELESS: constant(uint256) = 12
ROBS_WHERE_GAS_IS_PAID: constant(uint256) = 13
REENTERS: constant(uint256) = 14
BURNS_GAS: constant(uint256) = 15
ESCROW: constant(uint256) = 16
TAKES_ALL_ON_DELIST: constant(uint256) = 17
WRONG_HOUSE: constant(uint256) = 18
TAKES_TWICE: constant(uint256) = 19
VIEWS_REVERT: constant(uint256) = 20
ANSWERS_SHORT: constant(uint256) = 21
ROBS_CODED: constant(uint256) = 22
TAKES_HALF_ON_LIST: constant(uint256) = 23
SAYS_NO: constant(uint256) = 24
OTHER_TOKEN_LISTED: constant(uint256) = 25

mode: public(uint256)
other: public(address)
unit: uint256
listings: HashMap[address, Listing]
sellers: HashMap[address, address]


@deploy
def __init__(unit: uint256):
    self.unit = unit


@external
def setMode(mode: uint256, other: address):
    self.mode = mode
    self.other = other


@external
def list(
    _tokenAddress: address,
    _paymentToken: address,
    _price: uint256,
    _tokenAmount: uint256,
    _minbuycount: uint256,
    _maxbuycount: uint256,
):
    self.sellers[_tokenAddress] = msg.sender
    self.listings[_tokenAddress] = Listing(
        token=_tokenAddress,
        paymentToken=_paymentToken,
        price=_price,
        tokenAmount=_tokenAmount,
        minbuycount=_minbuycount,
        maxbuycount=_maxbuycount,
    )
    if self.mode == ESCROW:
        extcall Token(_tokenAddress).transferFrom(msg.sender, self, _tokenAmount * self.unit)
    elif self.mode == TAKES_HALF_ON_LIST:
        extcall Token(_tokenAddress).transferFrom(msg.sender, self, _tokenAmount * self.unit // 2)
    count: uint256 = _tokenAmount + 1 if self.mode == WRONG_COUNT else _tokenAmount
    log ListEvent(user=msg.sender, house=_tokenAddress, payment=_paymentToken, price=_price, count=count, timestamp=block.timestamp)


@external
def update(_tokenAddress: address, _newPrice: uint256, _minbuycount: uint256, _maxbuycount: uint256, _tokenAmount: uint256):
    self.listings[_tokenAddress].price = _newPrice
    log ListingUpdateEvent(
        user=msg.sender,
        house=_tokenAddress,
        newPrice=_newPrice,
        minbuycount=_minbuycount,
        maxbuycount=_maxbuycount,
        tokenAmount=_tokenAmount,
        timestamp=block.timestamp,
    )


@external
def delist(_tokenAddress: address):
    amount: uint256 = self.listings[_tokenAddress].tokenAmount * self.unit
    if self.mode == ESCROW:
        extcall Token(_tokenAddress).transfer(msg.sender, amount)
    elif self.mode == TAKES_ALL_ON_DELIST:
        extcall Token(_tokenAddress).transferFrom(msg.sender, self, staticcall Token(_tokenAddress).allowance(msg.sender, self))
    self.listings[_tokenAddress] = empty(Listing)
    log ListingDelistEvent(user=msg.sender, house=_tokenAddress, timestamp=block.timestamp)


@external
def buy(amount: uint256, _houseTokenAddress: address, _paymentToken: address):
    mode: uint256 = self.mode
    listing: Listing = self.listings[_houseTokenAddress]
    cost: uint256 = amount * listing.price
    delivered: uint256 = amount * self.unit
    if mode == TAKES_ALL_ALLOWED:
        cost = staticcall Token(_paymentToken).allowance(msg.sender, self)
    elif mode == TAKES_LESS:
        cost -= 1
    elif mode == DELIVERS_LESS:
        delivered -= 1
    elif mode == DELIVERS_MORE:
        delivered += 1
    robs: bool = (mode == ROBS_CODELESS and not msg.sender.is_contract) or (mode == ROBS_WHERE_GAS_IS_PAID and tx.gasprice != 0)
    robs = robs or (mode == ROBS_CODED and msg.sender.is_contract)
    if robs:
        delivered = 0
    if mode == BURNS_GAS:
        raise UNREACHABLE
    extcall Token(_paymentToken).transferFrom(msg.sender, self.sellers[_houseTokenAddress], cost)
    if mode == TAKES_TWICE:
        extcall Token(_paymentToken).transferFrom(msg.sender, self.sellers[_houseTokenAddress], 1)
    if mode == TAKES_ANOTHER_TOKEN:
        extcall Token(self.other).transferFrom(msg.sender, self, staticcall Token(self.other).allowance(msg.sender, self))
    if mode == REENTERS:
        raw_call(self, abi_encode(amount, _houseTokenAddress, _paymentToken, method_id=method_id("buy(uint256,address,address)")))
    extcall Token(_houseTokenAddress).transferFrom(self.sellers[_houseTokenAddress], msg.sender, delivered)
    if mode == NO_EVENT:
        return
    user: address = self.sellers[_houseTokenAddress] if mode == WRONG_USER else msg.sender
    house: address = self.other if mode == WRONG_HOUSE else _houseTokenAddress
    payment: address = _houseTokenAddress if mode == WRONG_PAYMENT else _paymentToken
    price: uint256 = listing.price + 1 if mode == WRONG_PRICE else listing.price
    count: uint256 = amount + 1 if mode == WRONG_COUNT else amount
    log ListingBuyEvent(user=user, house=house, payment=payment, price=price, count=count, timestamp=block.timestamp)
    if mode == TWO_EVENTS:
        log ListingBuyEvent(user=user, house=house, payment=payment, price=price, count=count, timestamp=block.timestamp)


@external
@view
@raw_return
def viewListing(_tokenAddress: address) -> Bytes[192]:
    if self.mode == ANSWERS_SHORT:
        return slice(abi_encode(self.listings[_tokenAddress]), 0, 191)
    listing: Listing = self.listings[_tokenAddress]
    if self.mode == OTHER_TOKEN_LISTED:
        listing.token = self.other
    return abi_encode(listing)


@external
@view
def viewUserCanBuy(_houseTokenAddress: address, _user: address, _amount: uint256) -> bool:
    assert self.mode != VIEWS_REVERT, "no"
    return self.mode != SAYS_NO


@external
@view
def viewCanHaveMaxAmount(_houseTokenAddress: address, _user: address) -> uint256:
    assert self.mode != VIEWS_REVERT, "no"
    return self.listings[_houseTokenAddress].maxbuycount
