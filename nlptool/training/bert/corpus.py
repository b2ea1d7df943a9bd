"""A corpus of documents as token ids: cut into words once, and mapped from the disk in every epoch.

Lines come in as words; a line without words ends a document. The pieces are learned from the words' counts, or given, and
each different word is cut into pieces once. What is in memory are the different words, and where lines and documents begin.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import RunError
from nlptool.training import wordpiece
from nlptool.training.bert.tokenizer import BertTokenizer, Words
from nlptool.training.tokenized_corpus import Corpus

Report = Callable[[str, int, int, str], None]
"""Told what is done, how much of it, of how much, of what."""

_HELD_OUT = (
    1  # a seed: always the same one, so that a training that goes on from another one holds out the same documents
)


@dataclass(frozen=True, slots=True)
class Documents:
    """Documents of lines of token ids."""

    tokens: NDArray[np.unsignedinteger[Any]]  # (T,), mapped
    lines: NDArray[np.int64]  # (L + 1,), where each line begins in ``tokens``, and the end of the last
    documents: NDArray[np.int64]  # (D + 1,), where each document begins in ``lines``, and the end of the last

    @property
    def n_tokens(self) -> int:
        return len(self.tokens)

    @property
    def n_documents(self) -> int:
        return len(self.documents) - 1


@dataclass(frozen=True, slots=True)
class Store:
    """What a work folder keeps of a corpus, in files that share a stem."""

    folder: Path
    key: str

    @property
    def _about(self) -> Path:
        return self.folder / f"corpus-{self.key}.json"

    def _path(self, name: str) -> Path:
        return self.folder / f"corpus-{self.key}-{name}"

    def is_there(self) -> bool:
        """Whether it has been written to its end."""
        return self._about.is_file()

    def load(self) -> tuple[BertTokenizer, Documents, Documents, dict[str, Any]]:
        """The tokenizer, the documents to learn from, those that are held out, and what was said when it was written."""
        about = json.loads(self._about.read_text(encoding="utf-8"))
        tokenizer = BertTokenizer(Words(**about["words"]), about["pieces"])
        return tokenizer, self._documents("train", about), self._documents("dev", about), about["said"]

    def _documents(self, part: str, about: dict[str, Any]) -> Documents:
        path = self._path(f"{part}.tokens")
        n_tokens = about["n_tokens"][part]
        dtype = np.dtype(about["dtype"])
        tokens = np.memmap(path, dtype, "r", shape=(n_tokens,)) if n_tokens else np.zeros(0, dtype)
        return Documents(tokens, np.load(self._path(f"{part}.lines.npy")), np.load(self._path(f"{part}.documents.npy")))

    def write(
        self,
        corpus: Corpus,
        words: Words,
        *,
        size: int,
        dev: float | int,
        given: BertTokenizer | None = None,
        said: dict[str, Any],
        report: Report,
        stop: Callable[[], bool],
    ) -> None:
        """Learn the vocabulary, and write the token ids.

        Args:
            size: pieces of the vocabulary.
            dev: the share of the corpus that is held out, as whole documents; or how many of the last documents are.
            given: a tokenizer that is there already; ``size`` then means nothing.
            said: JSON that is kept beside it; `dev_documents`, the numbers of those that are held out, is added.

        Raises:
            RunError: there are no words; or no room for any beside the characters.
            OSError: the files cannot be written.
        """
        names, counts = corpus.counted()
        document, n_words = _shape(corpus, len(names))
        held_out = _held_out(n_words, dev)
        learned_from = counts - _counts(corpus, document, held_out, len(names)) if given is None else counts
        tokenizer = given or BertTokenizer(
            words,
            wordpiece.learn(
                {name: count for name, count in zip(names, learned_from.tolist(), strict=True) if count},
                size,
                report=lambda done, total: report("the vocabulary", done, total, "pieces"),
                stop=stop,
            ),
        )
        starts, ids = wordpiece.segment(names, tokenizer.pieces)
        dtype = np.dtype(np.uint16 if len(tokenizer.pieces) <= 2**16 else np.uint32)
        n_tokens = {}
        for part, wanted in (("train", ~held_out), ("dev", held_out)):
            with self._path(f"{part}.tokens").open("wb") as file:
                lengths, owners, first = [], [], 0
                for chunk, rows in corpus.passes(np.arange(len(names), dtype=np.int32)):
                    if stop():
                        raise KeyboardInterrupt
                    owner = document[first : first + len(rows)]
                    first += len(rows)
                    report("token ids", first, len(document), "lines")
                    kept = (owner >= 0) & wanted[owner]
                    found = np.repeat(kept, rows)
                    of_words = np.diff(starts)[chunk]
                    of_rows = np.add.reduceat(np.append(of_words, 0), np.cumsum(rows) - rows) if len(rows) else rows
                    lengths.append(np.where(rows > 0, of_rows, 0)[kept])
                    owners.append(owner[kept])
                    file.write(_ragged(chunk[found], starts, ids).astype(dtype).tobytes())
            line_starts = np.zeros(sum(map(len, lengths)) + 1, np.int64)
            np.cumsum(np.concatenate([*lengths, np.zeros(0, np.int64)]), out=line_starts[1:])
            owner = np.concatenate([*owners, np.zeros(0, np.int64)])
            begins = np.flatnonzero(np.diff(owner, prepend=-1))
            np.save(self._path(f"{part}.lines.npy"), line_starts)
            np.save(self._path(f"{part}.documents.npy"), np.append(begins, len(owner)))
            n_tokens[part] = int(line_starts[-1])
        about = {"words": asdict(tokenizer.words), "pieces": list(tokenizer.pieces), "dtype": dtype.name}
        about |= {"n_tokens": n_tokens, "said": said | {"dev_documents": np.flatnonzero(held_out).tolist()}}
        new = self._about.with_suffix(".new")
        new.write_text(json.dumps(about, ensure_ascii=False), encoding="utf-8")
        new.replace(self._about)


def _shape(corpus: Corpus, n_names: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(L,) the document of each line, -1 of one without words; and (D,) how many words each document has.

    Raises:
        RunError: there are none.
    """
    every = [lengths for _, lengths in corpus.passes(np.arange(n_names, dtype=np.int32))]
    lengths = np.concatenate([*every, np.zeros(0, np.int32)]).astype(np.int64)
    there = lengths > 0
    if not there.any():
        raise RunError(
            "the corpus has no words",
            hint="nlptool train bert FILE, or text on stdin: a sentence a line, an empty line between documents",
        )
    number = np.cumsum(there & ~np.concatenate([[False], there[:-1]])) - 1
    return np.where(there, number, -1), np.bincount(number[there], lengths[there]).astype(np.int64)


def _held_out(n_words: NDArray[np.int64], dev: float | int) -> NDArray[np.bool_]:
    """(D,): documents in a random order as long as they make up no more than the share ``dev`` of all words, those that are
    too long left out; or the last ``dev`` documents. One at least stays to learn from."""
    held_out = np.zeros(len(n_words), bool)
    if isinstance(dev, int):
        held_out[len(n_words) - dev :] = True
        return held_out
    left = dev * int(n_words.sum())
    for document in np.random.default_rng(_HELD_OUT).permutation(len(n_words))[: len(n_words) - 1]:
        if n_words[document] <= left:
            held_out[document] = True
            left -= int(n_words[document])
    return held_out


def _counts(
    corpus: Corpus, document: NDArray[np.int64], held_out: NDArray[np.bool_], n_names: int
) -> NDArray[np.int64]:
    """(V,): how often each word comes in the documents that are held out."""
    counts = np.zeros(n_names, np.int64)
    first = 0
    for chunk, rows in corpus.passes(np.arange(n_names, dtype=np.int32)):
        owner = document[first : first + len(rows)]
        first += len(rows)
        counts += np.bincount(chunk[np.repeat((owner >= 0) & held_out[owner], rows)], minlength=n_names)
    return counts


def _ragged(rows: NDArray[np.int32], starts: NDArray[np.int64], values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Those of ``values`` that belong to ``rows``, one row behind the other."""
    lengths = starts[rows + 1] - starts[rows]
    ends = np.cumsum(lengths)
    places = np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts[rows] - ends + lengths, lengths)
    return np.asarray(values[places])
