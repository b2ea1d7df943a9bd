"""The warm servers of this user, asked and stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nlptool.cli.warm import messages, places

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
        try:
            answer = messages.ask(str(path), question, _PATIENCE)
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
        except OSError:
            continue
        else:
            if answer is not None:
                answers.append({"socket": str(path), **answer})
    return answers
