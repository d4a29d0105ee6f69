"""The EVM side: so far the ABI codec, the marketplace's and ERC-20's calls and events, and revert reasons. Nothing here talks to a node.

``orderseal.chain.abi`` has the codec, ``marketplace`` and ``erc20`` the declared calls and events, ``reverts`` says why a contract refused.
Importing them loads neither web3 nor eth-abi; eth-abi is loaded when something is encoded that holds a dynamic value.
"""

__all__: list[str] = []
