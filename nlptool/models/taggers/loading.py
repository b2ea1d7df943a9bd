"""Find a tagger, check it, convert it once, and open it."""

from __future__ import annotations

from dataclasses import dataclass

from nlptool.models.heads import loading as heads_loading
from nlptool.models.heads.folder import TAGGER
from nlptool.models.heads.loading import LocatedHeads
from nlptool.models.runtime.prepare import Note, Report, silent, unwatched
from nlptool.models.taggers.pieces import WordPieces
from nlptool.models.taggers.tagger import Tagger
from nlptool.specs import TaggerSpec


@dataclass(frozen=True, slots=True)
class LocatedTagger:
    """A tagger that is ready to be opened, here or in another process."""

    found: LocatedHeads
    spec: TaggerSpec

    @property
    def name(self) -> str:
        """The name of the model."""
        return self.found.name

    def open(self) -> Tagger:
        """Load the network.

        Raises:
            ModelError: it cannot be loaded.
            RunError: --max-length leaves no room.
        """
        found = self.found
        tokenizer, network = found.open(self.spec)
        pieces = WordPieces(tokenizer, found.about, max_length=self.spec.max_length)
        return Tagger(pieces, network, found.about, found.tasks, self.spec, name=found.name, device=found.device)


def locate(spec: TaggerSpec, *, note: Note = silent, report: Report = unwatched) -> LocatedTagger:
    """Find a tagger, check it, and convert it if that has not been done; see ``heads.loading.locate``."""
    return LocatedTagger(heads_loading.locate(spec, TAGGER, note=note, report=report), spec)
