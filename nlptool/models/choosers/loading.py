"""Find a chooser, check it, convert it once, and open it."""

from __future__ import annotations

from dataclasses import dataclass

from nlptool.models.choosers.chooser import Chooser
from nlptool.models.heads import loading as heads_loading
from nlptool.models.heads.folder import CHOOSER
from nlptool.models.heads.loading import LocatedHeads
from nlptool.models.heads.tokenizer import TextTokenizer
from nlptool.models.runtime.prepare import Note, Report, silent, unwatched
from nlptool.specs import ChooserSpec


@dataclass(frozen=True, slots=True)
class LocatedChooser:
    """A chooser that is ready to be opened, here or in another process."""

    found: LocatedHeads
    spec: ChooserSpec

    @property
    def name(self) -> str:
        """The name of the model."""
        return self.found.name

    def open(self) -> Chooser:
        """Load the network.

        Raises:
            ModelError: it cannot be loaded.
            RunError: --max-length leaves no room.
        """
        found = self.found
        tokenizer, network = found.open(self.spec)
        texts = TextTokenizer(tokenizer, found.about, max_length=self.spec.max_length)
        return Chooser(texts, network, found.about, self.spec, name=found.name, device=found.device)


def locate(spec: ChooserSpec, *, note: Note = silent, report: Report = unwatched) -> LocatedChooser:
    """Find a chooser, check it, and convert it if that has not been done; see ``heads.loading.locate``."""
    return LocatedChooser(heads_loading.locate(spec, CHOOSER, note=note, report=report), spec)
