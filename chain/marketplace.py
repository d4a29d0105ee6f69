"""The token platform's marketplace: calls, views and events, as the pinned ABI has them.

The ABI is ``orderseal/chain/data/marketplace.json``: the ``integration.abi`` of BrokersTR's page *Create Token by External ID*. A test
holds these classes against it. The page gives no units. ``price`` and ``newPrice`` are therefore what the contract stores, **presumably
base units of the payment token, for one whole token**: no caller may rely on it without a simulation. Amounts and counts are what the
contract takes; whether they are whole tokens or base units no document says either.
"""

from functools import lru_cache
from typing import Annotated

from orderseal.chain.abi import Abi, Call, Event, Record
from orderseal.signing.eip712 import Sol
from orderseal.signing.sol import address, boolean, uint256
from orderseal.signing.values import Address

__all__ = [
    "Buy",
    "Delist",
    "List",
    "ListEvent",
    "Listing",
    "ListingBuyEvent",
    "ListingDelistEvent",
    "ListingUpdateEvent",
    "Update",
    "ViewCanHaveMaxAmount",
    "ViewListing",
    "ViewUserCanBuy",
    "marketplace_abi",
]

_HouseToken = Annotated[Address, Sol("address", name="_houseTokenAddress")]
_Token = Annotated[Address, Sol("address", name="_tokenAddress")]
_Payment = Annotated[Address, Sol("address", name="_paymentToken")]
_User = Annotated[Address, Sol("address", name="_user")]
_MinBuy = Annotated[int, Sol("uint256", name="_minbuycount")]
_MaxBuy = Annotated[int, Sol("uint256", name="_maxbuycount")]
_Supply = Annotated[int, Sol("uint256", name="_tokenAmount")]


@lru_cache(maxsize=1)
def marketplace_abi() -> Abi:
    """The pinned ABI. The package brings it: it never comes from a recipe that it is compared with."""
    from importlib.resources import files  # Here, since it loads much, and few ask for the general form.

    return Abi.parse((files("orderseal.chain.data") / "marketplace.json").read_bytes(), "marketplace.json")


class Buy(Call[None]):
    """``buy(uint256 amount, address _houseTokenAddress, address _paymentToken)``: buy, at the price that is listed when it is mined.

    Attributes:
        amount: how many, 0…2^256-1, in the contract's count.
        house_token: the token that is bought.
        payment_token: the currency, whose allowance for the marketplace is the only limit to the price.
    """

    amount: uint256
    house_token: _HouseToken
    payment_token: _Payment


class List(Call[None]):
    """``list(…)``: offer a token for sale.

    Attributes:
        token: what is sold.
        payment_token: the currency.
        price: see the head of the module.
        token_amount: how many are offered.
        min_buy_count, max_buy_count: how many one purchase may take.
    """

    token: _Token
    payment_token: _Payment
    price: Annotated[int, Sol("uint256", name="_price")]
    token_amount: _Supply
    min_buy_count: _MinBuy
    max_buy_count: _MaxBuy


class Update(Call[None]):
    """``update(…)``: change a listing. The order of the arguments is another than that of :class:`List`.

    Attributes:
        token: what is sold.
        new_price: see the head of the module.
        min_buy_count, max_buy_count: how many one purchase may take.
        token_amount: how many are offered.
    """

    token: _Token
    new_price: Annotated[int, Sol("uint256", name="_newPrice")]
    min_buy_count: _MinBuy
    max_buy_count: _MaxBuy
    token_amount: _Supply


class Delist(Call[None]):
    """``delist(address _tokenAddress)``: take a token off sale."""

    token: _Token


class Listing(Record):
    """``LibListing.Listing``, what :class:`ViewListing` returns. All is zero where nothing is listed, as far as is known.

    Attributes:
        token: what is sold.
        payment_token: the currency.
        price: see the head of the module.
        token_amount: how many are left.
        min_buy_count, max_buy_count: how many one purchase may take.
    """

    token: address
    payment_token: Annotated[Address, Sol("address", name="paymentToken")]
    price: uint256
    token_amount: Annotated[int, Sol("uint256", name="tokenAmount")]
    min_buy_count: Annotated[int, Sol("uint256", name="minbuycount")]
    max_buy_count: Annotated[int, Sol("uint256", name="maxbuycount")]


class ViewListing(Call[Listing]):
    """``viewListing(address _tokenAddress)``: the listing of a token."""

    token: _Token


class ViewUserCanBuy(Call[boolean]):
    """``viewUserCanBuy(…)``: whether this account may buy so many."""

    house_token: _HouseToken
    user: _User
    amount: Annotated[int, Sol("uint256", name="_amount")]


class ViewCanHaveMaxAmount(Call[uint256]):
    """``viewCanHaveMaxAmount(…)``: the most of a token that this account may have, in the contract's count."""

    house_token: _HouseToken
    user: _User


class ListEvent(Event):
    """A token was listed. Nothing is indexed; ``timestamp`` is in Unix seconds, presumably that of the block."""

    user: address
    house: address
    payment: address
    price: uint256
    count: uint256
    timestamp: uint256


class ListingBuyEvent(Event):
    """A token was bought: ``count`` of ``house`` by ``user``, for ``payment``. Nothing is indexed; ``timestamp`` in Unix seconds."""

    user: address
    house: address
    payment: address
    price: uint256
    count: uint256
    timestamp: uint256


class ListingDelistEvent(Event):
    """A token was taken off sale. ``timestamp`` in Unix seconds."""

    user: address
    house: address
    timestamp: uint256


class ListingUpdateEvent(Event):
    """A listing was changed. ``timestamp`` in Unix seconds."""

    user: address
    house: address
    new_price: Annotated[int, Sol("uint256", name="newPrice")]
    min_buy_count: Annotated[int, Sol("uint256", name="minbuycount")]
    max_buy_count: Annotated[int, Sol("uint256", name="maxbuycount")]
    token_amount: Annotated[int, Sol("uint256", name="tokenAmount")]
    timestamp: uint256
