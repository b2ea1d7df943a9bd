"""What can be chosen of the HTTP server."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field

from nlptool import catalog


@dataclass(frozen=True, slots=True)
class Settings:
    """What can be chosen of the HTTP server."""

    host: str = "127.0.0.1"
    port: int = 8000
    token: str = ""  # that requests must bring; "": none
    models: tuple[str, ...] = ()  # names and folders that requests may name, beside those that nlptool knows
    max_body: int = 64_000_000  # bytes
    timeout: float = 300.0  # seconds of a request
    write_timeout: float = 30.0  # seconds that a client may leave an answer unread
    queue: int = 128  # requests that wait
    grace: float = 30.0  # seconds that requests have to end in when the server ends
    memory: int = 0  # bytes that the processes with open models may hold; 0: a quarter of the machine's
    corpora: Mapping[str, str] = field(default_factory=dict)  # the name that requests give to a corpus -> its path

    @property
    def is_local(self) -> bool:
        """Whether this machine alone can reach the server."""
        return is_loopback(self.host)

    def allows(self, model: str) -> bool:
        """Return whether requests may name a model."""
        return model in catalog.KNOWN or model in self.models


def is_loopback(host: str) -> bool:
    """Return whether an address is one of this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
