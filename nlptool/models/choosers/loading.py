"""Find a chooser, check it, convert it once, and open it."""

from __future__ import annotations

from nlptool.models.choosers.chooser import Chooser
from nlptool.models.heads import loading as heads_loading
from nlptool.models.heads.folder import CHOOSER
from nlptool.models.heads.loading import Located, LocatedHeads
from nlptool.models.heads.tokenizer import TextTokenizer
from nlptool.models.runtime.prepare import Note, Report, silent, unwatched
from nlptool.specs import ChooserSpec

LocatedChooser = Located[ChooserSpec, Chooser]


def locate(spec: ChooserSpec, *, note: Note = silent, report: Report = unwatched) -> LocatedChooser:
    """Find a chooser, check it, and convert it if that has not been done; see ``heads.loading.locate``."""
    return Located(heads_loading.locate(spec, CHOOSER, note=note, report=report), spec, _opened)


def _opened(found: LocatedHeads, spec: ChooserSpec) -> Chooser:
    tokenizer, network = found.open(spec)
    texts = TextTokenizer(tokenizer, found.about, max_length=spec.max_length)
    return Chooser(texts, network, found.about, spec, name=found.name, device=found.device)
