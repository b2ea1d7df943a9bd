"""Find a reader, check it, convert it once, and open it."""

from __future__ import annotations

from dataclasses import dataclass

from nlptool.models.heads import loading as heads_loading
from nlptool.models.heads.folder import READER
from nlptool.models.heads.loading import LocatedHeads
from nlptool.models.readers.reader import Reader
from nlptool.models.readers.windows import QuestionWindows
from nlptool.models.runtime.prepare import Note, Report, silent, unwatched
from nlptool.specs import ReaderSpec


@dataclass(frozen=True, slots=True)
class LocatedReader:
    """A reader that is ready to be opened, here or in another process."""

    found: LocatedHeads
    spec: ReaderSpec

    @property
    def name(self) -> str:
        """The name of the model."""
        return self.found.name

    def open(self) -> Reader:
        """Load the network.

        Raises:
            ModelError: it cannot be loaded.
            RunError: --max-length leaves no room.
        """
        found = self.found
        tokenizer, network = found.open(self.spec)
        windows = QuestionWindows(tokenizer, found.about, max_length=self.spec.max_length, stride=self.spec.stride)
        return Reader(windows, network, found.about, self.spec, name=found.name, device=found.device)


def locate(spec: ReaderSpec, *, note: Note = silent, report: Report = unwatched) -> LocatedReader:
    """Find a reader, check it, and convert it if that has not been done; see ``heads.loading.locate``."""
    return LocatedReader(heads_loading.locate(spec, READER, note=note, report=report), spec)
