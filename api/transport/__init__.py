"""What all venues share: HTTP, WebSocket, tokens, URLs, and the loop that lets sync callers in."""

from orderseal.api.transport.background import BackgroundLoop, in_daemon_thread, start_thread
from orderseal.api.transport.http import DEFAULT_LIMITS, HttpTransport, Limits, Request, Response
from orderseal.api.transport.tokens import check_token, token_claims
from orderseal.api.transport.urls import check_base_url, is_loopback, websocket_url
from orderseal.api.transport.websocket import Listener

__all__ = [
    "DEFAULT_LIMITS",
    "BackgroundLoop",
    "HttpTransport",
    "Limits",
    "Listener",
    "Request",
    "Response",
    "check_base_url",
    "check_token",
    "in_daemon_thread",
    "is_loopback",
    "start_thread",
    "token_claims",
    "websocket_url",
]
