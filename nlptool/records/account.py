"""What is said of a run on stderr at its end, and of several runs over parts of one input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Account:
    """The sums of a run.

    Attributes:
        n_read: records of the input.
        n_failed: records that failed in this command.
        n_passed: records that arrived with an error of an earlier command.
        first_error: the message of the first that failed, with its place.
        first_hint: the hint of that message.
        noted: sentence -> the number behind it, which is a sum; None: it has none.
        replaced: names of fields that gave way to a result.
    """

    n_read: int = 0
    n_failed: int = 0
    n_passed: int = 0
    first_error: str = ""
    first_hint: str = ""
    noted: dict[str, int | None] = field(default_factory=dict)
    replaced: set[str] = field(default_factory=set)

    def add(self, other: Account) -> None:
        """Add the sums of a later part of the input."""
        self.n_read += other.n_read
        self.n_failed += other.n_failed
        self.n_passed += other.n_passed
        if not self.first_error:
            self.first_error, self.first_hint = other.first_error, other.first_hint
        for sentence, number in other.noted.items():
            before = self.noted.get(sentence)
            self.noted[sentence] = number if before is None or number is None else before + number
        self.replaced |= other.replaced

    def tell(self, say: Callable[[str], None], note: Callable[[str], None], *, skipped: bool, passed: str) -> None:
        """Say how the run went.

        Args:
            say: writes a line to stderr.
            note: the same, unless ``--quiet``.
            skipped: the records that failed were left out.
            passed: what became of the records that arrived with an error.
        """
        if self.n_failed:
            left_out = " and were left out" if skipped else ""
            say(f"{self.n_failed:,} of {self.n_read:,} records failed{left_out}; the first: {self.first_error}")
            if self.first_hint:
                say(f"  {self.first_hint}")
        if self.n_passed:
            note(f"{self.n_passed:,} records arrived with an error of an earlier command and were {passed}")
        for sentence, number in self.noted.items():
            note(sentence if number is None else f"{sentence}: {number:,}")
        for name in sorted(self.replaced):
            note(f"the field `{name}` was there before and has been replaced")
