"""Find a tagger, check it, convert it once, and open it."""

from __future__ import annotations

from nlptool.models.heads import loading as heads_loading
from nlptool.models.heads.folder import TAGGER
from nlptool.models.heads.loading import Located, LocatedHeads
from nlptool.models.runtime.prepare import Note, Report, silent, unwatched
from nlptool.models.taggers.pieces import WordPieces
from nlptool.models.taggers.tagger import Tagger
from nlptool.specs import TaggerSpec

LocatedTagger = Located[TaggerSpec, Tagger]


def locate(spec: TaggerSpec, *, note: Note = silent, report: Report = unwatched) -> LocatedTagger:
    """Find a tagger, check it, and convert it if that has not been done; see ``heads.loading.locate``."""
    return Located(heads_loading.locate(spec, TAGGER, note=note, report=report), spec, _opened)


def _opened(found: LocatedHeads, spec: TaggerSpec) -> Tagger:
    tokenizer, network = found.open(spec)
    pieces = WordPieces(tokenizer, found.about, max_length=spec.max_length)
    return Tagger(pieces, network, found.about, found.tasks, spec, name=found.name, device=found.device)
