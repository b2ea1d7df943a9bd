"""The account of a run: how many records it read, which of them failed, and what is said of that on stderr at its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from nlptool.errors import EXIT_FAILED, EXIT_RECORDS_FAILED, RecordError
from nlptool.records.account import Account
from nlptool.records.notes import Note, NotedValues
from nlptool.records.record import Record

SHOWN_ERRORS = 10  # with a format that has no room for error records


class Tally:
    """Counts of a run.

    Args:
        say: writes a line to stderr.
        note: the same, unless ``--quiet``.

    Attributes:
        n_read: records of the input.
        n_failed: records that failed in this command.
        n_passed: records that arrived with an error of an earlier command.
        n_unnamed: records without the field of ``--id-field``.
        input_failed: whether a file could not be read.
        replaced: names of fields that were there before and gave way to a result.
    """

    def __init__(self, say: Callable[[str], None], note: Callable[[str], None]) -> None:
        self.n_read = 0
        self.n_failed = 0
        self.n_passed = 0
        self.n_unnamed = 0
        self.input_failed = False
        self.replaced: set[str] = set()
        self._say = say
        self._note = note
        self._n_read_beside = 0  # of other files, which their own summary was about
        self._n_failed_beside = 0
        self._values = NotedValues()
        self._first_error = ""
        self._first_hint = ""

    @property
    def exit_code(self) -> int:
        if self.input_failed:
            return EXIT_FAILED
        return EXIT_RECORDS_FAILED if self.n_failed else 0

    def fail_input(self, message: str, hint: str) -> None:
        """Say that an input cannot be read; the others are read all the same."""
        self.input_failed = True
        self._say(message + (f"\n  {hint}" if hint else ""))

    def add(self, record: Record, notes: Mapping[str, Note]) -> None:
        """Count a record that did not fail here, and the fields of its entry that ``notes`` are about."""
        self.n_passed += record.done
        self._values.add(record.entry, notes)

    def fail(self, record: Record, error: RecordError, *, shown: bool) -> None:
        """Count a record that failed; the first few are ``shown``."""
        self.n_failed += 1
        if shown and self.n_failed <= SHOWN_ERRORS:
            self._say(located(record, error))
        if not self._first_error:
            self._first_error, self._first_hint = located(record, error), error.hint

    def state(self) -> dict[str, Any]:
        """Return, as JSON, what is counted of the records that are written; all else is counted anew by a run that goes on."""
        return {
            "failed": self.n_failed - self._n_failed_beside,
            "first_error": [self._first_error, self._first_hint],
            "passed": self.n_passed,
            "unnamed": self.n_unnamed,
            "replaced": sorted(self.replaced),
            "noted": self._values.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a ``state``; what was counted in other files stays."""
        self.n_failed += state["failed"]
        self.n_passed += state["passed"]
        self.n_unnamed += state["unnamed"]
        self._first_error, self._first_hint = state["first_error"]
        self.replaced |= set(state["replaced"])
        self._values.restore(state["noted"])

    def include(self, other: Tally) -> None:
        """Add the counts of other files, whose summary has been said."""
        self.n_read += other.n_read
        self.n_failed += other.n_failed
        self.input_failed |= other.input_failed
        self._n_read_beside += other.n_read
        self._n_failed_beside += other.n_failed

    def include_parts(self, account: Account, *, input_failed: bool) -> None:
        """Add the counts of runs over the parts of the input.

        Args:
            input_failed: a file of the input could not be read.
        """
        self.n_read += account.n_read
        self.n_failed += account.n_failed
        self.input_failed |= input_failed

    def summary(self, notes: Mapping[str, Note], *, skipped: bool, passed: str, seconds: float | None) -> None:
        """Say how the run went.

        Args:
            notes: field of the entries -> what is said of its values.
            skipped: the records that failed were left out.
            passed: what became of the records that arrived with an error.
            seconds: how long the run took, if that is to be said.
        """
        account = self.account(notes)
        account.tell(self._say, self._note, skipped=skipped, passed=passed)
        if seconds is not None:
            rate = account.n_read / seconds if seconds else 0
            self._say(f"{account.n_read:,} records in {seconds:.2f} s ({rate:,.0f}/s)")

    def account(self, notes: Mapping[str, Note]) -> Account:
        """Return what there is to say.

        Args:
            notes: field of the entries -> what is said of its values.
        """
        return Account(
            self.n_read - self._n_read_beside,
            self.n_failed - self._n_failed_beside,
            self.n_passed,
            self._first_error,
            self._first_hint,
            dict(self._values.sums(notes)),
            set(self.replaced),
        )


def located(record: Record, error: RecordError) -> str:
    """Return an error's message with the place of its record: ``<stdin>:42: …``."""
    return f"{record.source}:{record.line}: {error.message}"
