"""The addresses of WebSockets. Where we may send is for :mod:`orderseal.signing.urls` to say."""

__all__ = ["websocket_url"]


def websocket_url(base_url: str, path: str) -> str:
    """The ``ws`` or ``wss`` address that belongs to an ``http`` or ``https`` base."""
    return "ws" + base_url.removeprefix("http") + path
