"""Where we may send: https anywhere, plain http on loopback only."""

import ipaddress
from urllib.parse import SplitResult, urlsplit

from orderseal.signing import InvalidInput, describe

__all__ = ["check_base_url", "is_loopback", "websocket_url"]


def check_base_url(url: str, path: str = "url") -> str:
    """Check the root of a service, such as ``https://api.example.com``, and give it back without a trailing slash.

    Plain http is accepted for a loopback address only; user names, queries and fragments are refused.
    """
    expected = "a URL such as https://api.example.com (plain http on loopback only)"
    parts = _split(url)
    if parts is None or parts.scheme not in ("https", "http") or not parts.hostname:
        raise InvalidInput(path=path, expected=expected, actual=describe(url))
    if "@" in parts.netloc or parts.query or parts.fragment or any(c.isspace() or ord(c) < 32 for c in url):
        raise InvalidInput(path=path, expected=expected, actual="one with a user name, a query, a fragment or white space")
    if parts.scheme == "http" and not is_loopback(url):
        raise InvalidInput(
            path=path,
            expected=expected,
            actual=f"plain http to {describe(parts.hostname)}",
            hint="A token or an order sent there could be read by anyone",
        )
    return url.rstrip("/")


def is_loopback(url: str) -> bool:
    """Whether a URL's host is this machine: 127.0.0.0/8, ::1 or ``localhost``."""
    parts = _split(url)
    host = (parts.hostname or "") if parts else ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def websocket_url(base_url: str, path: str) -> str:
    """The ``ws`` or ``wss`` address that belongs to an ``http`` or ``https`` base."""
    return "ws" + base_url.removeprefix("http") + path


def _split(url: object) -> SplitResult | None:
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
        if parts is not None and parts.port == 0:
            return None
    except ValueError:
        return None
    return parts
