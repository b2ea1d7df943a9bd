"""The corpus of ``train bert``: lines of documents, split into words by workers, and kept as token ids in a folder."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nlptool.models.store.card import SCRIPTS
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.records.workers import Workers, in_order
from nlptool.tasks.record_words import first_lists
from nlptool.tasks.train.work import remember_input
from nlptool.text.scripts import count_scripts, scripts_in_use

if TYPE_CHECKING:
    from nlptool.training.bert.corpus import Store
    from nlptool.training.bert.tokenizer import BertTokenizer, Words
    from nlptool.training.tokenized_corpus import Corpus

_SAMPLE = 1000  # lines that decide about the tokenizer
_FORMAT = 3  # version of the corpus files
_EACH_FOR_SCRIPTS = 10  # lines, one of which is looked at for its script


@dataclasses.dataclass(frozen=True, slots=True)
class CorpusOptions:
    """How a corpus is tokenized and split."""

    tokenizer: str  # unidic | wordpiece | auto: how words are split
    dictionary: str | None  # of unidic: name or folder
    lowercase: bool
    vocab_size: int
    dev: str | float  # the held-out documents: a share, or a file
    workers: int


def tokenized(pipe: Pipe, folder: Path, options: CorpusOptions, *, init: str | None, stop: Callable[[], bool]) -> Store:
    """Return the corpus as token ids. Files that are in ``folder`` already with the same options are not read again.

    Args:
        folder: the checkpoint folder.
        init: the folder of a BERT whose tokenizer is used.

    Raises:
        RunError: there is too little text, or most records failed.
        ModelError: there is no tokenizer in ``init``, or no MeCab dictionary.
        OSError: the folder cannot be written.
        KeyboardInterrupt: ``stop`` returned True.
    """
    from nlptool.models.words.tokenizers import dictionary as recorded_dictionary
    from nlptool.storage import cache
    from nlptool.storage.digest import short_digest
    from nlptool.training.bert import tokenizer as bert_tokenizers
    from nlptool.training.bert.corpus import Store
    from nlptool.training.tokenized_corpus import Corpus

    tokenizer = bert_tokenizers.read(Path(init)) if init is not None else None
    parts: list[Any] = [
        _FORMAT,
        *dataclasses.astuple(options)[:-1],
        dataclasses.astuple(pipe.form),
        pipe.separator.hex(),
    ]
    parts += [pipe.max_line, pipe.on_error, pipe.files]
    parts += [tokenizer.words.options, *tokenizer.pieces] if tokenizer is not None else []
    dev = options.dev
    files = [Path(name) for name in (*pipe.files, *([dev] if isinstance(dev, str) else []))]
    if pipe.files and all(path.is_file() for path in files):
        store = Store(folder, cache.content_key(files, salt=short_digest(parts))[:16])
        if store.exists() and store.load()[3]["complete"]:
            pipe.note(f"the corpus is in {folder} already")
            return store
    else:
        store = None
    corpus = Corpus()
    documents = _Reader(corpus, options, tokenizer, stop)
    kind, why = documents.read(pipe, options.tokenizer)
    remember_input(pipe)
    pipe.refuse_failed("most records failed: this is no corpus, and nothing is trained")
    n_before = documents.n_documents
    if isinstance(dev, str):
        with pipe.beside(dev) as beside:
            documents.read(beside, kind)
        dev = documents.n_documents - n_before
    store = store or Store(folder, short_digest([*parts, documents.digest]))
    if not store.exists():
        words = documents.words
        info = {"tokenizer": kind, "why": why, "complete": not (pipe.tally.n_failed or pipe.tally.input_failed)}
        info[SCRIPTS] = documents.scripts
        info["dictionary"] = recorded_dictionary(kind, words.dictionary)
        store.write(
            corpus, words, vocab_size=options.vocab_size, dev=dev, tokenizer=tokenizer, info=info,
            report=pipe.bar.work, stop=stop,
        )  # fmt: skip
    return store


class _Reader:
    """Adds the lines of a corpus as words to ``corpus``, with an empty line between two documents."""

    def __init__(
        self, corpus: Corpus, options: CorpusOptions, tokenizer: BertTokenizer | None, stop: Callable[[], bool]
    ) -> None:
        self.n_documents = 0
        self.words: Words
        self._corpus = corpus
        self._options = options
        self._tokenizer = tokenizer
        self._stop = stop
        self._hash = hashlib.sha256()
        self._in_document = False
        self._scripts: Counter[str] = Counter()  # of some of the lines

    @property
    def digest(self) -> str:
        """A digest of everything that was read."""
        return self._hash.hexdigest()

    @property
    def scripts(self) -> list[str]:
        """The scripts that were read."""
        return scripts_in_use(self._scripts)

    def read(self, pipe: Pipe, kind: str) -> tuple[str, str]:
        """Read all lines of a pipe. Return the kind of the tokenizer, and the reason if it was chosen, else ``""``."""
        from nlptool.training.bert import tokenizer as bert_tokenizers

        lists = pipe.read()
        why = ""
        if self._tokenizer is not None:
            kind = self._tokenizer.words.kind
        elif kind == "auto":
            sample = list(first_lists(lists, _SAMPLE))
            lists = itertools.chain(sample, lists)
            kind, why = bert_tokenizers.choose(
                record.text for records in sample for record in records if record.pending
            )
        if self._tokenizer is not None:
            self.words = self._tokenizer.words
        else:
            options = self._options
            self.words = bert_tokenizers.words(kind, lowercase=options.lowercase, dictionary=options.dictionary)
        workers: Workers[list[str]] = Workers(self._options.workers, open_worker, self.words)
        pipe.consume(self._added(lists, workers))
        self._end_document()
        return kind, why

    def _added(self, lists: Iterator[list[Record]], workers: Workers[list[str]]) -> Iterator[list[Record]]:
        source = None
        for records, words_of_lines in in_order(lists, workers, _lines):
            if self._stop():
                raise KeyboardInterrupt
            lines = iter(words_of_lines)
            for record in records[::_EACH_FOR_SCRIPTS]:
                self._scripts += count_scripts(record.text)
            for record in records:
                if record.source != source:
                    self._end_document()
                    source = record.source
                for _ in _lines([record]):
                    self._add(next(lines))
            yield records

    def _add(self, words: list[str]) -> None:
        self._hash.update("\0".join([*words, "\n"]).encode("utf-8", "surrogatepass"))
        if not words:
            self._end_document()
            return
        self.n_documents += not self._in_document
        self._in_document = True
        self._corpus.add(words)

    def _end_document(self) -> None:
        if self._in_document:
            self._corpus.add([])
        self._in_document = False


def _lines(records: Sequence[Record]) -> list[str]:
    """Return the lines of the records; a JSON string can hold several."""
    return [line for record in records if record.pending for line in record.text.split("\n")]


def open_worker(words: Words) -> Callable[[Any], list[list[str]]]:
    """Return the function with which a worker splits texts into words."""
    split = words.splitter()
    return lambda texts: [split(text) for text in texts]
