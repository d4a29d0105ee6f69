# pragma version 0.4.3
# pragma evm-version cancun
"""
@title A marketplace with the interface that BrokersTR publishes for its listing contract
@notice Functions, arguments, events and the tuple of viewListing are those of the recipe's ABI; the behaviour is our reading of it:
    * A seller lists a token that it keeps; the buyer's payment goes to the seller, and the seller's tokens to the buyer, by transferFrom.
    * A purchase of `amount` costs amount * price / price_scale, rounded up, and delivers amount * unit base units of the house token.
      How the real contract scales its price is undocumented: price_scale 1 and unit 10^decimals mean a price for a whole token,
      price_scale 10^decimals and unit 1 mean the same price for amounts in base units.
    * minbuycount and maxbuycount bound one purchase; maxbuycount also bounds what one account buys of a listing in all.
    * Whether trading is paused, and who may not buy, is asked of a separate contract, since the published ABI has no function for it.
      State is storage only and parameters are in the code, so that it also works behind a proxy or as a diamond's facet.
"""

interface Token:
    def transferFrom(sender: address, to: address, amount: uint256) -> bool: nonpayable

interface Guard:
    def paused(token: address) -> bool: view
    def blocked(user: address) -> bool: view

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

PRICE_SCALE: immutable(uint256)
UNIT: immutable(uint256)
GUARD: immutable(Guard)

listings: HashMap[address, Listing]
sellers: HashMap[address, address]
rounds: HashMap[address, uint256]
bought: HashMap[address, HashMap[uint256, HashMap[address, uint256]]]  # token, round of listing, buyer


@deploy
def __init__(price_scale: uint256, unit: uint256, guard: address):
    assert price_scale != 0 and unit != 0, "Marketplace: zero scale"
    PRICE_SCALE = price_scale
    UNIT = unit
    GUARD = Guard(guard)


@external
def list(
    _tokenAddress: address,
    _paymentToken: address,
    _price: uint256,
    _tokenAmount: uint256,
    _minbuycount: uint256,
    _maxbuycount: uint256,
):
    """
    @notice Offer tokens of the caller, who must approve this contract for them; one listing for each house token
    """
    assert self.sellers[_tokenAddress] == empty(address), "Marketplace: already listed"
    assert _tokenAddress.is_contract and _paymentToken.is_contract, "Marketplace: no contract"
    self._check(_price, _tokenAmount, _minbuycount, _maxbuycount)
    self.sellers[_tokenAddress] = msg.sender
    self.rounds[_tokenAddress] += 1
    self.listings[_tokenAddress] = Listing(
        token=_tokenAddress,
        paymentToken=_paymentToken,
        price=_price,
        tokenAmount=_tokenAmount,
        minbuycount=_minbuycount,
        maxbuycount=_maxbuycount,
    )
    log ListEvent(
        user=msg.sender, house=_tokenAddress, payment=_paymentToken, price=_price, count=_tokenAmount, timestamp=block.timestamp
    )


@external
def update(_tokenAddress: address, _newPrice: uint256, _minbuycount: uint256, _maxbuycount: uint256, _tokenAmount: uint256):
    """
    @notice Change what the caller has listed; it holds from the next purchase on
    """
    self._only_seller(_tokenAddress)
    self._check(_newPrice, _tokenAmount, _minbuycount, _maxbuycount)
    self.listings[_tokenAddress].price = _newPrice
    self.listings[_tokenAddress].minbuycount = _minbuycount
    self.listings[_tokenAddress].maxbuycount = _maxbuycount
    self.listings[_tokenAddress].tokenAmount = _tokenAmount
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
    """
    @notice Withdraw what the caller has listed
    """
    self._only_seller(_tokenAddress)
    self.sellers[_tokenAddress] = empty(address)
    self.listings[_tokenAddress] = empty(Listing)
    log ListingDelistEvent(user=msg.sender, house=_tokenAddress, timestamp=block.timestamp)


@external
@nonreentrant
def buy(amount: uint256, _houseTokenAddress: address, _paymentToken: address):
    """
    @notice Buy at the listing's present price; the caller's allowance is the only limit on what it costs
    """
    listing: Listing = self.listings[_houseTokenAddress]
    seller: address = self.sellers[_houseTokenAddress]
    assert seller != empty(address), "Marketplace: not listed"
    assert not staticcall GUARD.paused(_houseTokenAddress), "Marketplace: paused"
    assert not staticcall GUARD.blocked(msg.sender), "Marketplace: buyer not allowed"
    assert _paymentToken == listing.paymentToken, "Marketplace: wrong payment token"
    assert amount >= listing.minbuycount, "Marketplace: below minbuycount"
    assert amount <= listing.maxbuycount, "Marketplace: above maxbuycount"
    assert amount <= listing.tokenAmount, "Marketplace: not enough left"
    round: uint256 = self.rounds[_houseTokenAddress]
    total: uint256 = self.bought[_houseTokenAddress][round][msg.sender] + amount
    assert total <= listing.maxbuycount, "Marketplace: above what the buyer may have"

    self.bought[_houseTokenAddress][round][msg.sender] = total
    self.listings[_houseTokenAddress].tokenAmount = listing.tokenAmount - amount
    cost: uint256 = (amount * listing.price + PRICE_SCALE - 1) // PRICE_SCALE
    # Tokens such as USDT return nothing.
    assert extcall Token(_paymentToken).transferFrom(
        msg.sender, seller, cost, default_return_value=True
    ), "Marketplace: payment failed"
    assert extcall Token(_houseTokenAddress).transferFrom(
        seller, msg.sender, amount * UNIT, default_return_value=True
    ), "Marketplace: delivery failed"
    log ListingBuyEvent(
        user=msg.sender,
        house=_houseTokenAddress,
        payment=_paymentToken,
        price=listing.price,
        count=amount,
        timestamp=block.timestamp,
    )


@external
@view
def viewListing(_tokenAddress: address) -> Listing:
    """
    @notice The listing, with the amount that is left; all zero if there is none
    """
    return self.listings[_tokenAddress]


@external
@view
def viewUserCanBuy(_houseTokenAddress: address, _user: address, _amount: uint256) -> bool:
    """
    @notice Whether the marketplace would let an account buy this amount now, whatever its balance and allowance are
    """
    return _amount != 0 and _amount >= self.listings[_houseTokenAddress].minbuycount and _amount <= self._room(_houseTokenAddress, _user)


@external
@view
def viewCanHaveMaxAmount(_houseTokenAddress: address, _user: address) -> uint256:
    """
    @notice The most that an account may still buy
    """
    return self._room(_houseTokenAddress, _user)


@internal
@view
def _room(token: address, user: address) -> uint256:
    if self.sellers[token] == empty(address) or staticcall GUARD.paused(token) or staticcall GUARD.blocked(user):
        return 0
    most: uint256 = self.listings[token].maxbuycount
    so_far: uint256 = self.bought[token][self.rounds[token]][user]
    if so_far >= most:
        return 0
    return min(most - so_far, self.listings[token].tokenAmount)


@internal
@view
def _only_seller(token: address):
    assert self.sellers[token] != empty(address), "Marketplace: not listed"
    assert self.sellers[token] == msg.sender, "Marketplace: not the seller"


@internal
@pure
def _check(price: uint256, amount: uint256, least: uint256, most: uint256):
    assert price != 0, "Marketplace: zero price"
    assert amount != 0, "Marketplace: zero amount"
    assert least != 0 and least <= most, "Marketplace: wrong limits"
