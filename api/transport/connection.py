"""How connections are made: proxies, certificates, HTTP versions. As httpx users expect, but that TLS is always verified."""

import os
import ssl
from dataclasses import dataclass, field
from functools import lru_cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx

from orderseal.signing import InvalidInput, describe
from orderseal.signing.urls import is_loopback

__all__ = ["DEFAULT_CONNECTION", "Connection", "open_client"]


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach a service.

    Attributes:
        verify: ``True`` for the usual certificate authorities (and ``SSL_CERT_FILE`` where ``trust_env`` allows); or the file or folder
            of your own authority's certificates; or a context, for client certificates. It cannot be turned off, and a context of your
            own does not go with ``http2``.
        proxy: the URL of a proxy, ``http://user:password@proxy:3128``; it is never shown.
        trust_env: whether ``HTTPS_PROXY``, ``NO_PROXY`` and the like count; ``None`` means for all but loopback.
        http2: read over HTTP/2 where the server speaks it (extra ``http2``). Writes stay on HTTP/1.1: where a server says GOAWAY, httpcore
            takes its word that the request was not processed and sends it again, an order included.
        max_connections: at once, to one service.
        keepalive: seconds that an idle connection is kept for the next request.
    """

    verify: bool | str | Path | ssl.SSLContext = True
    proxy: str | None = field(default=None, repr=False)
    trust_env: bool | None = None
    http2: bool = False
    max_connections: int = 100
    keepalive: float = 5.0

    def __post_init__(self) -> None:
        if self.verify is False or not isinstance(self.verify, bool | str | Path | ssl.SSLContext):
            raise InvalidInput(
                path="verify",
                expected="True, the path of a file of certificates, or an SSLContext",
                actual=describe(self.verify),
                hint="For a service with a certificate of your own authority, name its file",
            )
        if isinstance(self.verify, ssl.SSLContext) and self.verify.verify_mode is not ssl.CERT_REQUIRED:
            raise InvalidInput(path="verify", expected="a context that requires certificates", actual="one that does not")
        if isinstance(self.verify, ssl.SSLContext) and self.http2:
            hint = "httpcore writes into a context which HTTP versions it offers: a write that shares it could go over HTTP/2, and twice"
            raise InvalidInput(path="verify", expected="True or a path with http2=True", actual="a context", hint=hint)
        if self.proxy is not None and (not isinstance(self.proxy, str) or _scheme(self.proxy) not in _PROXIES):
            raise _no_proxy()

    def tls(self, *, trust_env: bool, http2: bool) -> ssl.SSLContext:
        """The context that verifies. One that offers HTTP/2 is never one that does not: httpcore writes that into it at each connect."""
        if isinstance(self.verify, ssl.SSLContext):
            return self.verify
        if isinstance(self.verify, bool):
            names = ("SSL_CERT_FILE", "SSL_CERT_DIR") if trust_env else ()
            return _usual_authorities(tuple((name, os.environ[name]) for name in names if name in os.environ), http2)
        place = Path(self.verify)
        try:
            return ssl.create_default_context(cafile=None if place.is_dir() else str(place), capath=str(place) if place.is_dir() else None)
        except (OSError, ssl.SSLError, ValueError) as error:
            actual = f"{place} ({type(error).__name__})"
            raise InvalidInput(path="verify", expected="a file or folder of certificates", actual=actual) from None


DEFAULT_CONNECTION: Final = Connection()
_PROXIES: Final = ("http", "https", "socks5", "socks5h")


@lru_cache(maxsize=8)
def _usual_authorities(environment: tuple[tuple[str, str], ...], http2: bool) -> ssl.SSLContext:  # noqa: ARG001 - a part of the key
    """One context for all clients: reading the authorities takes 40 ms each time. The environment is in the key, for httpx reads it.

    Raises:
        InvalidInput: the environment names certificates that cannot be read.
    """
    try:
        return httpx.create_ssl_context(trust_env=bool(environment))
    except (OSError, ssl.SSLError) as error:
        actual = f"what cannot be read ({type(error).__name__})"
        raise InvalidInput(path="verify", expected="certificates in SSL_CERT_FILE or SSL_CERT_DIR", actual=actual) from None


def _no_proxy() -> InvalidInput:
    return InvalidInput(path="proxy", expected="the URL of a proxy, such as http://proxy:3128", actual="something else, not shown")


def _scheme(url: str) -> str:
    try:
        parts = urlsplit(url)
        complete = parts.hostname and parts.port != 0
    except ValueError:
        return ""
    return parts.scheme if complete else ""


def open_client(base_url: str, connection: Connection, timeout: httpx.Timeout, *, http2: bool) -> httpx.AsyncClient:
    """An httpx client that follows no redirect, keeps no cookie and asks for no compression."""
    if connection.proxy is not None and base_url.startswith("http:") and not is_loopback(connection.proxy):
        raise InvalidInput(
            path="proxy",
            expected="a proxy on this machine, for a service on this machine",
            actual="another machine, not shown",
            hint="Plain http through it could be read by anyone",
        )
    trust_env = not is_loopback(base_url) if connection.trust_env is None else connection.trust_env
    verify = connection.tls(trust_env=trust_env, http2=http2)
    try:
        return httpx.AsyncClient(
            base_url=base_url,
            verify=verify,
            proxy=connection.proxy,
            http2=http2,
            follow_redirects=False,
            cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
            trust_env=trust_env,
            timeout=timeout,
            limits=httpx.Limits(
                max_connections=connection.max_connections,
                max_keepalive_connections=connection.max_connections,
                keepalive_expiry=connection.keepalive,
            ),
            headers={"User-Agent": "orderseal", "Accept": "application/json", "Accept-Encoding": "identity"},
        )
    except ImportError:
        what = "http2=True needs the extra: pip install 'orderseal[http2]'" if http2 else "a SOCKS proxy needs: pip install 'httpx[socks]'"
        raise InvalidInput(path="connection", expected="what is installed", actual=what) from None
    except (httpx.InvalidURL, ValueError):
        raise _no_proxy() from None
