# pragma version 0.4.3
# pragma evm-version cancun
"""
@title Settlement of the 11-field orders that Stove documents
@notice Recomputes the EIP-712 digest of an order (domain "RFQSettlement", version "1"), checks the maker's signature, and trades.
    The order's type is the venue's; how the venue's own contract settles is not documented, so what follows is our reading:
    * Only accounts that the owner has named as takers fill orders, in parts or whole.
    * A buyer pays price * quantity and the fee to the taker, and the taker's stock tokens go to the principal.
    * A seller's stock tokens go to the taker, and price * quantity less the fee goes from the taker to the principal.
    * The fee of a fill is chosen by the taker; all fees together never exceed the incentive's share of what is filled.
    * A nonce belongs to the first order that is filled with it; the maker can void one that is free or bound.
      Sources: EIP-712, EIP-2 (low s), and the venue's pages Order Signature and Fill.
"""

interface Token:
    def transferFrom(sender: address, to: address, amount: uint256) -> bool: nonpayable

struct Order:
    maker: address
    principal: address
    isBuy: bool
    ticker: String[64]
    exchange: uint16
    asset: address
    price: uint256
    quantity: uint256
    incentive: uint256
    deadline: uint256
    nonce: uint256

event OrderFilled:
    orderHash: indexed(bytes32)
    maker: indexed(address)
    taker: indexed(address)
    principal: address
    isBuy: bool
    ticker: String[64]
    exchange: uint16
    asset: address
    nonce: uint256
    quantity: uint256
    amount: uint256
    fee: uint256
    filledQuantity: uint256

event NonceVoided:
    maker: indexed(address)
    nonce: indexed(uint256)

event StockRegistered:
    token: indexed(address)
    ticker: String[64]
    exchange: uint16

event TakerSet:
    taker: indexed(address)
    allowed: bool

DOMAIN_TYPE_HASH: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
ORDER_TYPE_HASH: constant(bytes32) = keccak256(
    "Order(address maker,address principal,bool isBuy,string ticker,uint16 exchange,address asset,uint256 price,uint256 quantity,uint256 incentive,uint256 deadline,uint256 nonce)"
)
NAME_HASH: constant(bytes32) = keccak256("RFQSettlement")
VERSION_HASH: constant(bytes32) = keccak256("1")
HALF_ORDER: constant(uint256) = 57896044618658097711785492504343953926418782139537452191302581570759080747168  # of secp256k1
VOID: constant(bytes32) = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF

owner: public(immutable(address))

takers: public(HashMap[address, bool])
filled: public(HashMap[bytes32, uint256])
paidFee: public(HashMap[bytes32, uint256])
# What a nonce is bound to: zero if free, an order's digest, or all ones if its maker has voided it.
nonceState: public(HashMap[address, HashMap[uint256, bytes32]])
stocks: HashMap[bytes32, address]


@deploy
def __init__():
    owner = msg.sender


@external
def setTaker(taker: address, allowed: bool):
    """
    @notice Name an account that may fill orders, or strike it off
    """
    assert msg.sender == owner, "RFQSettlement: not the owner"
    self.takers[taker] = allowed
    log TakerSet(taker=taker, allowed=allowed)


@external
def registerStock(ticker: String[64], exchange: uint16, token: address):
    """
    @notice Say which token stands for a share
    """
    assert msg.sender == owner, "RFQSettlement: not the owner"
    self.stocks[self._stock_key(ticker, exchange)] = token
    log StockRegistered(token=token, ticker=ticker, exchange=exchange)


@external
@view
def stockToken(ticker: String[64], exchange: uint16) -> address:
    """
    @notice The token that stands for a share; zero if there is none
    """
    return self.stocks[self._stock_key(ticker, exchange)]


@external
def voidNonce(nonce: uint256):
    """
    @notice Nothing more is filled of the caller's orders with this nonce
    """
    assert self.nonceState[msg.sender][nonce] != VOID, "RFQSettlement: nonce voided"
    self.nonceState[msg.sender][nonce] = VOID
    log NonceVoided(maker=msg.sender, nonce=nonce)


@external
@view
def domainSeparator() -> bytes32:
    return self._domain_separator()


@external
@view
def hashOrder(order: Order) -> bytes32:
    """
    @notice The digest that the maker signs
    """
    return self._hash_order(order)


@external
@view
def recoverSigner(order: Order, signature: Bytes[65]) -> address:
    """
    @notice Who signed this order; fails on a signature that fillOrder would not take
    """
    return self._recover(self._hash_order(order), signature)


@external
@nonreentrant
def fillOrder(order: Order, signature: Bytes[65], fillQuantity: uint256, takerIncentive: uint256):
    """
    @notice Fill an order, or a part of it, as its taker
    @param fillQuantity whole shares
    @param takerIncentive the fee that the taker asks, in base units of the payment token
    """
    assert self.takers[msg.sender], "RFQSettlement: taker not allowed"
    assert block.timestamp <= order.deadline, "RFQSettlement: expired"
    digest: bytes32 = self._hash_order(order)
    assert self._recover(digest, signature) == order.maker, "RFQSettlement: not signed by the maker"

    bound: bytes32 = self.nonceState[order.maker][order.nonce]
    assert bound != VOID, "RFQSettlement: nonce voided"
    assert bound == empty(bytes32) or bound == digest, "RFQSettlement: nonce used"
    self.nonceState[order.maker][order.nonce] = digest

    assert fillQuantity != 0, "RFQSettlement: zero quantity"
    before: uint256 = self.filled[digest]
    assert before <= order.quantity and fillQuantity <= order.quantity - before, "RFQSettlement: overfilled"
    after: uint256 = before + fillQuantity
    self.filled[digest] = after
    fees: uint256 = self.paidFee[digest] + takerIncentive
    assert fees <= order.incentive * after // order.quantity, "RFQSettlement: fee above the incentive"
    self.paidFee[digest] = fees

    stock: address = self.stocks[self._stock_key(order.ticker, order.exchange)]
    assert stock != empty(address), "RFQSettlement: unknown stock"
    amount: uint256 = order.price * fillQuantity
    if order.isBuy:
        self._pull(order.asset, order.maker, msg.sender, amount + takerIncentive)
        self._pull(stock, msg.sender, order.principal, fillQuantity)
    else:
        assert takerIncentive <= amount, "RFQSettlement: fee above the proceeds"
        self._pull(stock, order.maker, msg.sender, fillQuantity)
        self._pull(order.asset, msg.sender, order.principal, amount - takerIncentive)
    log OrderFilled(
        orderHash=digest,
        maker=order.maker,
        taker=msg.sender,
        principal=order.principal,
        isBuy=order.isBuy,
        ticker=order.ticker,
        exchange=order.exchange,
        asset=order.asset,
        nonce=order.nonce,
        quantity=fillQuantity,
        amount=amount,
        fee=takerIncentive,
        filledQuantity=after,
    )


@internal
def _pull(token: address, sender: address, to: address, amount: uint256):
    # Tokens such as USDT return nothing.
    assert extcall Token(token).transferFrom(sender, to, amount, default_return_value=True), "RFQSettlement: transfer failed"


@internal
@pure
def _stock_key(ticker: String[64], exchange: uint16) -> bytes32:
    return keccak256(abi_encode(ticker, exchange))


@internal
@view
def _domain_separator() -> bytes32:
    return keccak256(abi_encode(DOMAIN_TYPE_HASH, NAME_HASH, VERSION_HASH, chain.id, self))


@internal
@view
def _hash_order(order: Order) -> bytes32:
    struct_hash: bytes32 = keccak256(
        abi_encode(
            ORDER_TYPE_HASH,
            order.maker,
            order.principal,
            order.isBuy,
            keccak256(order.ticker),
            order.exchange,
            order.asset,
            order.price,
            order.quantity,
            order.incentive,
            order.deadline,
            order.nonce,
        )
    )
    return keccak256(concat(x"1901", self._domain_separator(), struct_hash))


@internal
@view
def _recover(digest: bytes32, signature: Bytes[65]) -> address:
    assert len(signature) == 65, "RFQSettlement: signature length"
    r: uint256 = convert(slice(signature, 0, 32), uint256)
    s: uint256 = convert(slice(signature, 32, 32), uint256)
    v: uint256 = convert(slice(signature, 64, 1), uint256)
    assert s <= HALF_ORDER, "RFQSettlement: high s"
    assert v == 27 or v == 28, "RFQSettlement: v is not 27 or 28"
    signer: address = ecrecover(digest, v, r, s)
    assert signer != empty(address), "RFQSettlement: invalid signature"
    return signer
