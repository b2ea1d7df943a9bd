"""Find a reader, check it, convert it once, and open it."""

from __future__ import annotations

from nlptool.models.heads import loading as heads_loading
from nlptool.models.heads.folder import READER
from nlptool.models.heads.loading import Located, LocatedHeads
from nlptool.models.readers.reader import Reader
from nlptool.models.readers.windows import QuestionWindows
from nlptool.models.runtime.prepare import Note, Report, silent, unwatched
from nlptool.specs import ReaderSpec

LocatedReader = Located[ReaderSpec, Reader]


def locate(spec: ReaderSpec, *, note: Note = silent, report: Report = unwatched) -> LocatedReader:
    """Find a reader, check it, and convert it if that has not been done; see ``heads.loading.locate``."""
    return Located(heads_loading.locate(spec, READER, note=note, report=report), spec, _opened)


def _opened(found: LocatedHeads, spec: ReaderSpec) -> Reader:
    tokenizer, network = found.open(spec)
    windows = QuestionWindows(tokenizer, found.about, max_length=spec.max_length, stride=spec.stride)
    return Reader(windows, network, found.about, spec, name=found.name, device=found.device)
