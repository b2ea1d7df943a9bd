"""uvicorn, and the warm server beside it, from start to end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import struct
from collections.abc import Iterator
from typing import Any

import uvicorn
from starlette.types import Scope
from uvicorn.protocols.http.h11_impl import H11Protocol

from nlptool.cli.serve import app
from nlptool.cli.serve.settings import Settings
from nlptool.cli.serve.warm_front import WarmFront
from nlptool.errors import RunError

_HEAD_TIMEOUT = 20.0  # seconds from a connection to its first request
_BACKLOG = 512
_CONNECTIONS = 1000  # that are open at once, beside the requests that wait


def serve(settings: Settings, listening: socket.socket) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        listening: the socket that clients connect to.
    """
    os.environ["HF_HUB_OFFLINE"] = "1"  # of this process: a request fetches no model
    front = WarmFront(settings.memory, dict(app.environment(settings)))
    front.start()
    try:
        asyncio.run(_serve(settings, front, listening))
    finally:
        front.stop()


def listen(settings: Settings) -> socket.socket:
    """Return the socket that clients connect to.

    Raises:
        RunError: the address cannot be had.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[
            0
        ]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(_BACKLOG)
    except OSError as error:
        raise RunError(f"cannot listen at {settings.host}:{settings.port}: {error.strerror}") from error
    return listening


async def _serve(settings: Settings, front: WarmFront, listening: socket.socket) -> None:
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    configuration = uvicorn.Config(
        app.make(settings, front, _abort),
        http=_Protocol,
        loop="asyncio",
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=settings.queue + _CONNECTIONS,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=max(1, round(settings.grace)),
    )
    await _Server(configuration).serve([listening])


class _Server(uvicorn.Server):
    """A server that ends by itself at SIGINT and SIGTERM: the process goes on, clears up, and exits with 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        numbers = (signal.SIGINT, signal.SIGTERM)
        for number in numbers:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)


class _Protocol(H11Protocol):
    """uvicorn's HTTP/1.1, with a limit on the time to the first request, and connections that can be ended at once."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.client is not None:
            _transports[self.client] = transport
        self.loop.call_later(_HEAD_TIMEOUT, self._end_without_request)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.client is not None:
            _transports.pop(self.client, None)
        super().connection_lost(exc)

    def _end_without_request(self) -> None:
        if self.cycle is None:
            self.transport.abort()


_transports: dict[Any, asyncio.Transport] = {}  # address of a client -> its connection


def _abort(scope: Scope, is_gone: bool) -> None:
    """End a connection at once; where the client is gone, what the system still holds for it is dropped, too."""
    if (transport := _transports.get(tuple(scope["client"] or ()))) is not None:
        if is_gone:
            connection = transport.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
