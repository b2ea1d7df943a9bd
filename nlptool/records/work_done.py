"""How far a run has come, as it is kept beside its unfinished output, and from where a run goes on that resumes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from nlptool.records.input_sum import InputSum
from nlptool.records.record import Record
from nlptool.records.tally import Tally
from nlptool.storage.unfinished import MadeBy, shown


class Keeper(Protocol):
    """An unfinished output: see ``storage.unfinished``."""

    @property
    def done(self) -> Mapping[str, Any]: ...  # in the run that is resumed
    @property
    def input_before(self) -> Sequence[str]: ...  # FILE of that run
    def remember(self, kind: str, name: str, version: str) -> None: ...


class WorkDone:
    """The work that a run has done.

    Args:
        several: there are several files.
        kept: there will be an unfinished output that remembers it.

    Attributes:
        made_by: what makes the output: see ``storage.unfinished``.
        input: the checksum of the records that were read.
        n_done: records that are written or left out: those of the interrupted run too.
        last_mark: what the interrupted run said of its last record.
        kept: whether there is, or will be, an unfinished output that remembers it.
    """

    def __init__(self, tally: Tally, *, several: bool, kept: bool) -> None:
        self.made_by: MadeBy = {}
        self.input = InputSum(several=several)
        self.n_done = 0
        self.last_mark: Any = None
        self.kept = kept
        self._keeper: Keeper | None = None
        self._tally = tally
        self._n_to_skip = 0  # records that the interrupted run has done, and that this one has not passed over yet
        self._n_input = 0  # records of the input that what is done was made of

    def keep_in(self, keeper: Keeper) -> None:
        """Let an unfinished output remember the work, and go on from what it says is done."""
        self._keeper, self.kept = keeper, True
        if not keeper.done:
            return
        done = keeper.done
        self.n_done = self._n_to_skip = done["records"]
        self.last_mark = done["mark"]
        self._n_input = done["input"]["records"]
        before, now = shown(list(keeper.input_before)), shown(list(self.made_by.get("input", ())))
        renamed = f" (FILE was {before}, is now {now})" if before != now else ""
        self.input.expect(self._n_input, done["input"]["crc32"], renamed)
        self._tally.restore(done["counts"])

    def remember(self, kind: str, name: str, version: Callable[[], str]) -> None:
        """Remember a file or a model with the unfinished output: another one of its name does not go on with it.

        Args:
            kind: files | models | corpus.
            version: returns what tells it from another one of that name.

        Raises:
            WrongUsage: the interrupted run had another one.
        """
        if self._keeper is not None:
            self._keeper.remember(kind, name, version())
        elif self.kept:
            self.made_by = {**self.made_by, kind: {**self.made_by.get(kind, {}), name: version()}}

    def before(self) -> int:
        """Return how many records the interrupted run has done. The caller leaves them out itself: all of the input is read."""
        n_done, self._n_to_skip = self._n_to_skip, 0
        return n_done

    def rest(self, lists: Iterable[list[Record]]) -> Iterator[list[Record]]:
        """Yield the records of ``lists``, made of those of the input, but for those that the interrupted run has done."""
        n_done = self.before()
        for records in lists:
            yield records[n_done:]
            n_done -= min(n_done, len(records))

    def skip(self, records: list[Record]) -> None:
        """Remove those of the next records of the input that the interrupted run has done."""
        n_skipped = min(self._n_to_skip, len(records))
        self._n_to_skip -= n_skipped
        del records[:n_skipped]

    def add(self, records: list[Record]) -> None:
        """Count the next records as done."""
        self.n_done += len(records)
        if records:
            number = records[-1].number
            self._n_input = max(self._n_input, self.input.n_read if number < 0 else number + 1)

    def state(self, format: Any = None, mark: Any = None) -> dict[str, Any]:
        """Return, as JSON, what ``keep_in`` needs to go on.

        Args:
            format: what the writer of the output needs to go on.
            mark: what the command needs to know of the last record.
        """
        return {
            "records": self.n_done,
            "input": {"records": self._n_input, "crc32": self.input.after(self._n_input)},
            "counts": self._tally.state(),
            "format": format,
            "mark": mark,
        }
