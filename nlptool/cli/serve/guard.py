"""What stands before all routes: who may ask, how much, for how long. Metrics are counted here too."""

from __future__ import annotations

import asyncio
import hmac
import logging
import time
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from nlptool.cli.serve.errors import Refused
from nlptool.cli.serve.metrics import Metrics
from nlptool.cli.serve.settings import Settings, is_loopback

_log = logging.getLogger("nlptool.serve")
_OPEN = ("/healthz",)  # needs no token


class ClientGone(Exception):
    """The client has gone, or does not read what it gets."""


class Guard:
    """An ASGI application around another.

    Args:
        abort: ends the connection of a scope at once; the second argument: the client is gone, and nothing more is sent to it.
    """

    def __init__(
        self, app: ASGIApp, settings: Settings, metrics: Metrics, abort: Callable[[Scope, bool], None]
    ) -> None:
        self._app = app
        self._settings = settings
        self._metrics = metrics
        self._abort = abort

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.monotonic()
        scope["ends"] = began + self._settings.timeout
        exchange = _Exchange(receive, send, self._settings)
        try:
            self._check(scope)
            async with asyncio.timeout(self._settings.timeout):
                await self._app(scope, exchange.receive, exchange.send)
        except Refused as refused:
            await self._answer(scope, exchange, refused)
        except TimeoutError:
            text = f"the request took longer than {self._settings.timeout:g} seconds"
            await self._answer(scope, exchange, Refused(504, text))
        except ClientGone:
            exchange.status = exchange.status or 499
            self._abort(scope, True)
        except Exception as error:  # noqa: BLE001  # a bug of ours: the client gets a sentence, the log the traceback
            _log.error("a request failed", exc_info=error)
            await self._answer(scope, exchange, Refused(500, f"internal error: {type(error).__name__}: {error}"))
        finally:
            self._metrics.answered(scope.get("path", ""), exchange.status, time.monotonic() - began)

    def _check(self, scope: Scope) -> None:
        """
        Raises:
            Refused: this client may not ask, or sends too much.
        """
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if self._settings.is_local and not self._is_own(headers.get("host", "")):
            raise Refused(421, f"the server is not {headers.get('host', '')!r}: ask localhost")
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != headers.get("host"):
            raise Refused(403, "a page of another origin may not ask this server")
        if self._settings.token and scope["path"] not in _OPEN:
            given = headers.get("authorization", "").encode("latin-1")
            if not hmac.compare_digest(given, b"Bearer " + self._settings.token.encode()):
                raise Refused(401, "the request needs the header Authorization: Bearer TOKEN")
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length) > self._settings.max_body:
            raise _too_long(self._settings)

    def _is_own(self, host: str) -> bool:
        """Return whether a Host header names this machine, and no name that another has given to it (DNS rebinding)."""
        try:
            name = urlsplit(f"//{host}").hostname
        except ValueError:
            return False
        return name is not None and (is_loopback(name) or name == self._settings.host)

    async def _answer(self, scope: Scope, exchange: _Exchange, refused: Refused) -> None:
        """Answer with an error, or break off an answer that has been begun."""
        if exchange.status:
            self._abort(scope, False)
            return
        try:
            headers = refused.headers
            await exchange.send({"type": "http.response.start", "status": refused.status, "headers": headers})
            await exchange.send({"type": "http.response.body", "body": refused.body})
        except ClientGone:
            self._abort(scope, True)


class _Exchange:
    """A request and its answer, with the limits of both.

    Attributes:
        status: of the answer; 0: it has not been begun.
    """

    def __init__(self, receive: Receive, send: Send, settings: Settings) -> None:
        self.status = 0
        self._receive = receive
        self._send = send
        self._settings = settings
        self._n_received = 0

    async def receive(self) -> Message:
        """
        Raises:
            Refused: the body is too long.
        """
        message = await self._receive()
        self._n_received += len(message.get("body", b""))
        if self._n_received > self._settings.max_body:
            raise _too_long(self._settings)
        return message

    async def send(self, message: Message) -> None:
        """
        Raises:
            ClientGone: the client does not read.
        """
        if message["type"] == "http.response.start":
            self.status = message["status"]
        try:
            async with asyncio.timeout(self._settings.write_timeout):
                await self._send(message)
        except (TimeoutError, OSError) as error:
            raise ClientGone from error


def _too_long(settings: Settings) -> Refused:
    return Refused(413, f"the body is longer than {settings.max_body:,} bytes (nlptool serve --max-body)")
