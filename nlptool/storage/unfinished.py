"""What is kept beside an unfinished output: what makes it, and how far it has come. ``--resume`` goes on from there.

It is JSON for people too, and replaced as a whole, so that there is a whole one at any moment:

    command   embed
    nlptool   the version
    input     FILE as it was given; what it holds is compared when it is read
    options   option -> value: those that change the output
    files     path -> size and time of change: of files that options name
    models    name -> what tells it from another model of that name
    corpus    FILE -> what tells it from another one: of a training, which reads all of it first
    done      how far it has come; {}: nothing that a run could go on from
    crc32     of all this
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from zlib import crc32

from nlptool import __version__
from nlptool.errors import WrongUsage

MadeBy = Mapping[str, Any]
"""What makes an output: the keys above but for ``nlptool`` and ``done``."""

ANEW = "Without --resume all is done anew."
_SUBJECTS = {"options": "{}", "files": "the file {}", "models": "the model {}", "corpus": "the corpus {}"}


class Unfinished:
    """The file beside an unfinished output.

    Args:
        path: where it is.
        output: the name of the unfinished output.
        made_by: what makes it now.

    Attributes:
        done: how far the interrupted run has come that is resumed.
        input: FILE of that run.
    """

    def __init__(self, path: Path, output: str, made_by: MadeBy) -> None:
        self._path = path
        self._new = path.with_name(f"{path.name}.new")
        self._output = output
        self._about: dict[str, Any] = {"nlptool": __version__, **made_by}
        self.done: Mapping[str, Any] = {}
        self.input: list[str] = []

    def load(self) -> None:
        """Read how far the interrupted run has come.

        Raises:
            WrongUsage: it was another run: with other options, say; or nothing tells what it was.
            OSError: the file cannot be read.
        """
        import json  # here and below: a run without -o does not wait for what it imports

        try:
            before = json.loads(self._path.read_text(encoding="utf-8"))
            if before.pop("crc32") != _crc32(before):
                raise ValueError("it is not as it was written")
            self.done, self.input = dict(before["done"]), list(before.get("input", []))
            different = list(differences(before, self._about)) if self.done else []
        except FileNotFoundError:
            raise WrongUsage(
                f"{self._output} does not say what made it: {self._path.name} is not beside it, as an older nlptool left it. "
                f"{ANEW}"
            ) from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise WrongUsage(f"{self._path} is damaged: {error}. {ANEW}") from error
        self._refuse(different)
        if not self.done:
            return
        self._about["input"] = self.input
        for section in list(_SUBJECTS)[1:]:
            self._about[section] = {**before.get(section, {}), **self._about.get(section, {})}

    def remember(self, kind: str, name: str, version: str) -> None:
        """Remember a file or a model that was opened after the run had begun.

        Args:
            kind: files | models | corpus.
            version: what tells it from another one of that name.

        Raises:
            WrongUsage: the interrupted run had another one.
        """
        before, now = self._about.get(kind, {}), {name: version}
        self._refuse(differences({kind: before}, {kind: now}))
        self._about[kind] = {**before, **now}

    def save(self, done: Mapping[str, Any], *, mode: int = 0o666) -> None:
        """Write how far it has come.

        Args:
            mode: the rights of the file.

        Raises:
            OSError: it cannot be written.
        """
        import json

        about = {**self._about, "done": done}
        text = json.dumps({**about, "crc32": _crc32(about)}, indent=1)
        try:
            with open(self._new, "w", encoding="ascii", opener=lambda path, flags: os.open(path, flags, mode)) as file:
                file.write(text + "\n")
            self._new.replace(self._path)
        except OSError:
            with contextlib.suppress(OSError):
                self._new.unlink()
            raise

    def remove(self) -> None:
        """Remove the file: the output is finished, or nothing of it is kept."""
        for path in (self._path, self._new):
            with contextlib.suppress(OSError):
                path.unlink()

    def _refuse(self, different: Iterable[str]) -> None:
        if found := "; ".join(different):
            raise WrongUsage(
                f"{self._output} is of another run: {found}. The same options and files go on with it. {ANEW}"
            )


def _crc32(about: Mapping[str, Any]) -> int:
    import json

    return crc32(json.dumps(about).encode())


def differences(before: MadeBy, now: MadeBy) -> Iterator[str]:
    """Yield in words how what made an output differs from what makes it now: "--dim was 128, is now 64".

    Files and models that only one of the two names are no difference: the options say so.
    """
    for name in ("command", "nlptool"):
        if name in before and before[name] != now.get(name):
            yield f"{name} was {before[name]}, is now {now.get(name)}"
    for section, subject in _SUBJECTS.items():
        first, second = before.get(section) or {}, now.get(section) or {}
        for name in first | second:
            old, new = first.get(name), second.get(name)
            if old == new or (section != "options" and (name not in first or name not in second)):
                continue
            yield f"{subject.format(name)} was {shown(old)}, is now {shown(new)}"


def shown(value: Any) -> str:
    """Return a value as it was typed, nearly."""
    if value is None:
        return "not given"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list):
        return " ".join(map(shown, value)) or "not given"
    return (value or "''") if isinstance(value, str) else str(value)


def state_of(path: Path) -> str:
    """Return size and time of change of a file, or of all files in a folder; "" if there is neither.

    These tell a file from what it becomes when it is written again.
    """
    from datetime import datetime

    from nlptool.storage.digest import short_digest

    try:
        if path.is_file():
            found = path.stat()
            return f"{found.st_size:,} bytes of {datetime.fromtimestamp(found.st_mtime).isoformat(' ')}"
        if not path.is_dir():
            return ""
        stats = [(str(each.relative_to(path)), each.stat()) for each in sorted(path.rglob("*")) if each.is_file()]
    except OSError:
        return ""
    size = sum(stat.st_size for _, stat in stats)
    digest = short_digest((name, stat.st_size, stat.st_mtime_ns) for name, stat in stats)
    return f"{len(stats):,} files, {size:,} bytes, {digest}"
