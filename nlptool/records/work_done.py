"""How far a run has come, as it is kept beside its unfinished output, and from where a run goes on that resumes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nlptool.records.input_sum import InputSum
from nlptool.records.record import Record
from nlptool.records.tally import Tally


class WorkDone:
    """The work that a run has done.

    Args:
        several: there are several files.

    Attributes:
        input: the checksum of the records that were read.
        n_done: records that are written or left out: those of the interrupted run too.
        n_to_skip: records that the interrupted run has done, and that this one has not passed over yet.
        last_mark: what the interrupted run said of its last record.
    """

    def __init__(self, tally: Tally, *, several: bool) -> None:
        self.input = InputSum(several=several)
        self.n_done = self.n_to_skip = 0
        self.last_mark: Any = None
        self._tally = tally
        self._n_input = 0  # records of the input that what is done was made of

    def restore(self, done: Mapping[str, Any], *, renamed: str) -> None:
        """Go on from what an interrupted run has done; {}: from the beginning.

        Args:
            renamed: what the message about another input says of its name.
        """
        if done:
            self.n_done = self.n_to_skip = done["records"]
            self.last_mark = done["mark"]
            self._n_input = done["input"]["records"]
            self.input.expect(self._n_input, done["input"]["crc32"], renamed)
            self._tally.restore(done["counts"])

    def skip(self, records: list[Record]) -> None:
        """Remove those of the next records that the interrupted run has done."""
        n_skipped = min(self.n_to_skip, len(records))
        self.n_to_skip -= n_skipped
        del records[:n_skipped]

    def add(self, records: list[Record]) -> None:
        """Count the next records as done."""
        self.n_done += len(records)
        if records:
            number = records[-1].number
            self._n_input = max(self._n_input, self.input.n_read if number < 0 else number + 1)

    def state(self, format: Any, mark: Any) -> dict[str, Any]:
        """Return, as JSON, what ``restore`` needs.

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
