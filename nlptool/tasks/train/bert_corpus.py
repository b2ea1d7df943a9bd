"""The corpus of ``train bert``: lines of documents in, cut into words by workers, and kept as token ids in a work folder."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.records.workers import Workers, in_order

if TYPE_CHECKING:
    from nlptool.training.bert.corpus import Store
    from nlptool.training.bert.tokenizer import BertTokenizer, Words
    from nlptool.training.tokenized_corpus import Corpus

_SAMPLE = 1000  # lines that decide on the tokenizer
_FORMAT = 2  # of what the work folder keeps of a corpus


def stored(
    pipe: Pipe,
    place: Path,
    kind: str,
    *,
    lowercase: bool,
    vocabulary: int,
    dev: str | float,
    init: str | None,
    workers: int,
    stop: Callable[[], bool],
) -> Store:
    """The corpus as token ids in the work folder. Files that are there already under the same options are not read again.

    Args:
        place: the work folder.
        kind: unidic, wordpiece or auto: how words are cut.
        vocabulary: pieces to learn.
        dev: what is held out: a share, or a file.
        init: the folder of a BERT whose tokenizer is used.

    Raises:
        RunError: there is too little text, most records failed, or the folder cannot be written.
        KeyboardInterrupt: ``stop`` said yes.
    """
    from nlptool.storage import cache
    from nlptool.storage.digest import short_digest
    from nlptool.training.bert import tokenizer as bert_tokenizers
    from nlptool.training.bert.corpus import Store
    from nlptool.training.tokenized_corpus import Corpus

    given = bert_tokenizers.read(Path(init)) if init is not None else None
    how: list[Any] = [
        _FORMAT,
        kind,
        lowercase,
        vocabulary,
        dev,
        dataclasses.astuple(pipe.form),
        pipe.separator.hex(),
    ]
    how += [pipe.max_line, pipe.on_error, pipe.files]
    how += [given.words.options, *given.pieces] if given is not None else []
    files = [Path(name) for name in (*pipe.files, *([dev] if isinstance(dev, str) else []))]
    if pipe.files and all(path.is_file() for path in files):
        store = Store(place, cache.content_key(files, salt=short_digest(how))[:16])
        if store.is_there() and store.load()[3]["whole"]:
            pipe.note(f"the corpus is in {place} already")
            return store
    else:
        store = None
    corpus = Corpus()
    documents = _Reader(corpus, workers, lowercase=lowercase, given=given, stop=stop)
    kind, why = documents.read(pipe, kind)
    pipe.refuse_failed("most records failed: this is no corpus, and nothing is trained")
    n_before = documents.n_documents
    if isinstance(dev, str):
        with pipe.beside(dev) as beside:
            documents.read(beside, kind)
        dev = documents.n_documents - n_before
    store = store or Store(place, short_digest([*how, documents.digest]))
    if not store.is_there():
        whole = not (pipe.tally.n_failed or pipe.tally.input_failed)
        store.write(
            corpus, documents.words, size=vocabulary, dev=dev, given=given, report=pipe.bar.work, stop=stop,
            said={"tokenizer": kind, "why": why, "whole": whole},
        )  # fmt: skip
    return store


class _Reader:
    """Takes the lines of a corpus as words into ``corpus``, with an empty one between two documents."""

    def __init__(
        self, corpus: Corpus, workers: int, *, lowercase: bool, given: BertTokenizer | None, stop: Callable[[], bool]
    ) -> None:
        self.n_documents = 0
        self.words: Words
        self._corpus = corpus
        self._workers = workers
        self._lowercase = lowercase
        self._given = given
        self._stop = stop
        self._hash = hashlib.sha256()
        self._within = False  # a document

    @property
    def digest(self) -> str:
        """Of all that was read."""
        return self._hash.hexdigest()

    def read(self, pipe: Pipe, kind: str) -> tuple[str, str]:
        """All lines of a pipe's input. Returns the kind of the tokenizer, and why it was chosen, ``""`` if it was not."""
        from nlptool.training.bert import tokenizer as bert_tokenizers

        lists = pipe.read()
        why = ""
        if self._given is not None:
            kind = self._given.words.kind
        elif kind == "auto":
            first = list(_first(lists, _SAMPLE))
            lists = itertools.chain(first, lists)
            kind, why = bert_tokenizers.choose(record.text for records in first for record in records if record.pending)
        self.words = (
            self._given.words if self._given is not None else bert_tokenizers.words(kind, lowercase=self._lowercase)
        )
        team: Workers[list[str]] = Workers(self._workers, open_cutter, self.words)
        pipe.consume(self._taken_in(lists, team))
        self._end()
        return kind, why

    def _taken_in(self, lists: Iterator[list[Record]], team: Workers[list[str]]) -> Iterator[list[Record]]:
        source = None
        for records, cut in in_order(lists, team, _lines):
            if self._stop():
                raise KeyboardInterrupt
            lines = iter(cut)
            for record in records:
                if record.source != source:
                    self._end()
                    source = record.source
                for _ in _lines([record]):
                    self._add(next(lines))
            yield records

    def _add(self, words: list[str]) -> None:
        self._hash.update("\0".join([*words, "\n"]).encode("utf-8", "surrogatepass"))
        if not words:
            self._end()
            return
        self.n_documents += not self._within
        self._within = True
        self._corpus.add(words)

    def _end(self) -> None:
        if self._within:
            self._corpus.add([])
        self._within = False


def _lines(records: Sequence[Record]) -> list[str]:
    """What is between line ends; a JSON string can hold some."""
    return [line for record in records if record.pending for line in record.text.split("\n")]


def _first(lists: Iterator[list[Record]], n_records: int) -> Iterator[list[Record]]:
    """The first lists, until there are ``n_records``."""
    while n_records > 0 and (records := next(lists, None)) is not None:
        n_records -= len(records)
        yield records


def open_cutter(words: Words) -> Callable[[Any], list[list[str]]]:
    """What a worker does with texts."""
    cut = words.cutter()
    return lambda texts: [cut(text) for text in texts]
