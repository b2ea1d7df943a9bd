"""The checksum of the records of an input, by which a run that goes on with another one's output sees that it reads the same."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from zlib import crc32

from nlptool.errors import WrongUsage
from nlptool.records.record import Record
from nlptool.storage.unfinished import ANEW

_ANOTHER = "this is another input than that of the interrupted run"
_MANY = 4096  # sums that are no longer needed, from which on they are given up


class InputSum:
    """A running CRC-32 of the records of an input, known after each of those that are not yet written.

    A record counts with its line, and its file if there are several, since both stand in outputs.

    Args:
        several: there are several files.

    Attributes:
        n_read: records so far.
    """

    def __init__(self, *, several: bool) -> None:
        self.n_read = 0
        self._several = several
        self._sum = 0
        self._source = ""
        self._sums = array("I")  # after each record from ``_first`` on
        self._first = 0
        self._expected: tuple[int, int] | None = None
        self._renamed = ""

    def expect(self, n_records: int, sum: int, renamed: str) -> None:
        """Set what the sum after the first ``n_records`` has to be.

        Args:
            renamed: what a message about another input says of its name.
        """
        self._renamed = renamed
        self._expected = (n_records, sum) if n_records else None

    def add(self, records: Sequence[Record]) -> None:
        """Add the next records.

        Raises:
            WrongUsage: the first ones are not those that are expected.
        """
        for record in records:
            if self._several and record.source != self._source:
                self._source = record.source
                self._sum = crc32(record.source.encode(errors="surrogateescape"), self._sum)
            raw = record.text.encode(errors="surrogatepass") if record.raw is None else record.raw
            damaged = record.error.raw if record.error is not None else b""
            self._sum = crc32(b"%d %b%b" % (record.line, raw, damaged), self._sum)
            self._sums.append(self._sum)
        self.n_read += len(records)
        if self._expected is not None and self.n_read >= self._expected[0]:
            n_records, sum = self._expected
            self._expected = None
            if self.after(n_records) != sum:
                raise WrongUsage(
                    f"{_ANOTHER}{self._renamed}: its first {n_records:,} records are not those that are done. {ANEW}"
                )

    def end(self) -> None:
        """See whether the input was long enough.

        Raises:
            WrongUsage: it has ended before all that is expected was there.
        """
        if self._expected is not None:
            raise WrongUsage(
                f"{_ANOTHER}{self._renamed}: it has {self.n_read:,} records, and {self._expected[0]:,} are done. {ANEW}"
            )

    def after(self, n_records: int) -> int:
        """Return the sum after the first ``n_records``, of which no fewer are asked for later."""
        if not n_records:
            return 0
        n_given_up = n_records - 1 - self._first
        if n_given_up > _MANY and 2 * n_given_up > len(self._sums):
            del self._sums[:n_given_up]
            self._first += n_given_up
        return self._sums[n_records - 1 - self._first]
