"""The warm servers of this user, asked and stopped."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path
from typing import Any

from nlptool.cli.warm import places
from nlptool.cli.warm.messages import Channel, peer_user

_PATIENCE = 5.0  # seconds


def ask(question: str) -> list[dict[str, Any]]:
    """Ask every server of this user; return the answers of those that live. What a server that died has left is removed.

    Args:
        question: status | stop.
    """
    if not places.is_ours(places.folder()):
        return []
    answers = []
    for path in sorted(Path(places.folder()).glob("*.sock")):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_PATIENCE)
            try:
                connection.connect(str(path))
            except ConnectionRefusedError:
                path.unlink(missing_ok=True)
                continue
            except OSError:
                continue
            if peer_user(connection) not in (None, places.user()):
                continue
            channel = Channel(connection)
            with contextlib.suppress(OSError):
                channel.send({question: True})
                if (answer := channel.receive()) is not None:
                    answers.append({"socket": str(path), **answer.value})
    return answers
