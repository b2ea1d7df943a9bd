"""Requests that are not answered, and what is said of them."""

from __future__ import annotations

from typing import Any

import orjson


class Refused(Exception):
    """A request is not answered.

    Args:
        status: of HTTP.
        message: what is wrong, and what to do.
        param: the parameter that it is about.
        retry_after: seconds after which another try may succeed.
        allow: the methods that the address takes.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        retry_after: int | None = None,
        allow: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.retry_after = retry_after
        self.allow = allow

    @property
    def body(self) -> bytes:
        """The error in the shape of OpenAI's API, which all routes share."""
        kind = "server_error" if self.status >= 500 else "invalid_request_error"
        error: dict[str, Any] = {"message": self.message, "type": kind, "param": self.param, "code": None}
        return orjson.dumps({"error": error}) + b"\n"

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """Headers of HTTP; the body of a request that is not read ends its connection."""
        found = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(self.body))]
        if self.status in (401, 403, 408, 413, 421, 503, 504):
            found.append((b"connection", b"close"))
        if self.status == 401:
            found.append((b"www-authenticate", b"Bearer"))
        if self.retry_after is not None:
            found.append((b"retry-after", b"%d" % self.retry_after))
        if self.allow is not None:
            found.append((b"allow", self.allow.encode()))
        return found
