"""Where we may send: https anywhere, plain http on loopback only."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from orderseal.signing.errors import InvalidInput, describe

__all__ = ["check_base_url", "is_loopback"]

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9\-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9\-]*[A-Za-z0-9])?)*\.?", re.ASCII)


def check_base_url(url: str, path: str = "url") -> str:
    """Check the root of a service, such as ``https://api.example.com``, and give it back without a trailing slash.

    Plain http is accepted for a loopback address only; user names, queries and fragments are refused. The error never repeats
    the URL, which may hold a password.
    """
    expected = "a URL such as https://api.example.com (plain http on loopback only)"
    if not isinstance(url, str):
        raise InvalidInput(path=path, expected=expected, actual=describe(url))
    if any(mark in url for mark in "@?#\\%") or not url.isascii() or not url.isprintable() or " " in url:
        raise InvalidInput(path=path, expected=expected, actual="one with a user name, a query, a fragment, white space or odd characters")
    parts = _split(url)
    if parts is None or parts.scheme not in ("https", "http") or not parts.hostname or not _is_host(parts.hostname):
        raise InvalidInput(path=path, expected=expected, actual="one without https://, or with something else than a host's name")
    if parts.scheme == "http" and not is_loopback(url):
        raise InvalidInput(
            path=path,
            expected=expected,
            actual=f"plain http to {describe(parts.hostname)}",
            hint="A token or an order sent there could be read by anyone",
        )
    return parts.scheme + url[len(parts.scheme) :].rstrip("/")


def _is_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return _HOST.fullmatch(host) is not None and len(host) <= 253
    return True


def is_loopback(url: str) -> bool:
    """Whether a URL's host is this machine: 127.0.0.0/8, ::1 or ``localhost``."""
    parts = _split(url)
    host = (parts.hostname or "") if parts else ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _split(url: object) -> SplitResult | None:
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
        if parts is not None and parts.port == 0:
            return None
    except ValueError:
        return None
    return parts
