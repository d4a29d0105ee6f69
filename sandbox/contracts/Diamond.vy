# pragma version 0.4.3
# pragma evm-version cancun
"""
@title A diamond: each function runs the code of the facet that is registered for its selector (ERC-2535)
@notice Of the standard it has facetAddress and the fallback; setFacet stands in for diamondCut. The compiler is told to keep its storage
    away from that of the facets, see layouts.json.
"""

event FacetSet:
    selector: indexed(bytes4)
    facet: indexed(address)

facets: HashMap[bytes4, address]
owner: address


@deploy
def __init__():
    self.owner = msg.sender


@external
def setFacet(selectors: DynArray[bytes4, 32], facet: address):
    """
    @notice Let a facet answer for these selectors; the zero address takes them away
    """
    assert msg.sender == self.owner, "Diamond: not the owner"
    assert facet == empty(address) or facet.is_contract, "Diamond: no contract"
    for selector: bytes4 in selectors:
        self.facets[selector] = facet
        log FacetSet(selector=selector, facet=facet)


@external
@view
def facetAddress(selector: bytes4) -> address:
    """
    @notice The facet that answers for a selector; zero if there is none
    """
    return self.facets[selector]


@external
@payable
@raw_return
def __default__() -> Bytes[4096]:
    assert len(msg.data) >= 4, "Diamond: no selector"
    facet: address = self.facets[convert(slice(msg.data, 0, 4), bytes4)]
    assert facet != empty(address), "Diamond: unknown function"
    return raw_call(facet, msg.data, max_outsize=4096, is_delegate_call=True)
