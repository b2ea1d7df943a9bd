"""A proxy in front of an HTTP server that does to requests what networks and busy stores do to them."""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"

Choose = Callable[[str, str], str]
"""Called with the method and the path of a request; returns what is done to it: "" or a name of ``FAULTS``."""

FAULTS = ("throttle", "cut", "reset", "slow", "lose", "shorten")
"""Answer 503; end the connection in the middle of the body; end it without an answer; answer late; do it and end the connection
without an answer; give half of a body as if it were all."""


def at_random(seed: int, shares: Mapping[str, float]) -> Choose:
    """Return a choice of faults, each with its share of the requests."""
    chance, lock = random.Random(seed), threading.Lock()

    def choose(method: str, path: str) -> str:
        with lock:
            point = chance.random()
        for fault, share in shares.items():
            if point < share:
                return fault
            point -= share
        return ""

    return choose


class FaultyProxy:
    """A proxy, as a context manager.

    Args:
        target: host and port of the server.

    Attributes:
        choose: says what is done to a request.
        n_faults: fault -> how often.
        url: where it listens.
    """

    def __init__(self, target: tuple[str, int], choose: Choose = lambda method, path: "") -> None:
        self.choose = choose
        self.n_faults = dict.fromkeys(FAULTS, 0)
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except (ConnectionError, TimeoutError):
                    self.close_connection = True

            def _pass(self) -> None:
                fault = proxy.choose(self.command, unquote(self.path))
                if fault:
                    proxy.n_faults[fault] += 1
                if fault == "reset":
                    self.close_connection = True
                    return
                data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if fault == "throttle":
                    self._send(503, [("Content-Type", "application/xml")], b"" if self.command == "HEAD" else SLOW_DOWN)
                    return
                if fault == "slow":
                    time.sleep(0.3)
                status, headers, body = self._ask(target, data)
                if fault == "lose":
                    self.close_connection = True
                elif fault == "cut" and body:
                    self._send(status, headers, body, sent=len(body) // 2)
                    self.close_connection = True
                else:
                    self._send(status, headers, body[: len(body) // 2] if fault == "shorten" else body)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass

            def _ask(self, target: tuple[str, int], data: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
                connection = http.client.HTTPConnection(*target, timeout=60)
                headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
                connection.request(self.command, self.path, data, headers)
                answer = connection.getresponse()
                body = answer.read()
                connection.close()
                return answer.status, answer.getheaders(), body

            def _send(self, status: int, headers: list[tuple[str, str]], body: bytes, sent: int | None = None) -> None:
                self.send_response_only(status)
                length = len(body)
                for name, value in headers:
                    if name.lower() == "content-length" and self.command == "HEAD":
                        length = int(value)
                    elif name.lower() not in ("content-length", "connection", "transfer-encoding"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(length))
                self.end_headers()
                self.wfile.write(body[:sent])

            def log_message(self, *_: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_: Any) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> FaultyProxy:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
