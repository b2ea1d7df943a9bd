"""A corpus of documents as token ids: tokenized once, and memory-mapped from the disk in every epoch.

Lines come in as words; a line without words ends a document. The subwords are learned from the words' counts, or given, and
each different word is split into subwords once. Only the different words, and the starts of lines and documents, are in memory.
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
"""Called with label, done, total and unit as the work goes on."""

_SPLIT_SEED = 1  # constant, so that a training that begins with another one's weights holds out the same documents


@dataclass(frozen=True, slots=True)
class Documents:
    """Documents of lines of token ids."""

    tokens: NDArray[np.unsignedinteger[Any]]  # (T,), memory-mapped
    lines: NDArray[np.int64]  # (L + 1,), start of each line in ``tokens``, and the end of the last
    documents: NDArray[np.int64]  # (D + 1,), start of each document in ``lines``, and the end of the last

    @property
    def n_tokens(self) -> int:
        return len(self.tokens)

    @property
    def n_documents(self) -> int:
        return len(self.documents) - 1


@dataclass(frozen=True, slots=True)
class Store:
    """A corpus in the files of a checkpoint folder, which share a stem."""

    folder: Path
    key: str

    @property
    def _manifest(self) -> Path:
        return self.folder / f"corpus-{self.key}.json"

    def _path(self, name: str) -> Path:
        return self.folder / f"corpus-{self.key}-{name}"

    def exists(self) -> bool:
        """Return whether the corpus has been written completely."""
        return self._manifest.is_file()

    def load(self) -> tuple[BertTokenizer, Documents, Documents, dict[str, Any]]:
        """Return the tokenizer, the training documents, the held-out ones, and the ``info`` that was written with them."""
        manifest = json.loads(self._manifest.read_text(encoding="utf-8"))
        tokenizer = BertTokenizer(Words(**manifest["words"]), manifest["pieces"])
        return tokenizer, self._documents("train", manifest), self._documents("dev", manifest), manifest["info"]

    def _documents(self, part: str, manifest: dict[str, Any]) -> Documents:
        path = self._path(f"{part}.tokens")
        n_tokens = manifest["n_tokens"][part]
        dtype = np.dtype(manifest["dtype"])
        tokens = np.memmap(path, dtype, "r", shape=(n_tokens,)) if n_tokens else np.zeros(0, dtype)
        return Documents(tokens, np.load(self._path(f"{part}.lines.npy")), np.load(self._path(f"{part}.documents.npy")))

    def write(
        self,
        corpus: Corpus,
        words: Words,
        *,
        vocab_size: int,
        dev: float | int,
        tokenizer: BertTokenizer | None = None,
        info: dict[str, Any],
        report: Report,
        stop: Callable[[], bool],
    ) -> None:
        """Learn the vocabulary, and write the token ids.

        Args:
            dev: the share of the corpus that is held out, as whole documents; or the number of last documents that are.
            tokenizer: a tokenizer that exists already; ``vocab_size`` is then ignored.
            info: JSON values to be kept; `dev_documents`, the indices of the held-out documents, is added.

        Raises:
            RunError: there are no words; or the vocabulary has no room for any beside the characters.
            OSError: the files cannot be written.
        """
        names, counts = corpus.counted()
        document, n_words = _documents_of_lines(corpus, len(names))
        held_out = _split(n_words, dev)
        train_counts = counts if tokenizer else counts - _counts(corpus, document, held_out, len(names))
        tokenizer = tokenizer or BertTokenizer(
            words,
            wordpiece.learn(
                {name: count for name, count in zip(names, train_counts.tolist(), strict=True) if count},
                vocab_size,
                report=lambda done, total: report("the vocabulary", done, total, "pieces"),
                stop=stop,
            ),
        )
        starts, ids = wordpiece.segment(names, tokenizer.pieces)
        dtype = np.dtype(np.uint16 if len(tokenizer.pieces) <= 2**16 else np.uint32)
        n_tokens = {}
        for part, is_in_part in (("train", ~held_out), ("dev", held_out)):
            with self._path(f"{part}.tokens").open("wb") as file:
                lengths, owners, first = [], [], 0
                for chunk, rows in corpus.passes(np.arange(len(names), dtype=np.int32)):
                    if stop():
                        raise KeyboardInterrupt
                    owner = document[first : first + len(rows)]
                    first += len(rows)
                    report("token ids", first, len(document), "lines")
                    kept = (owner >= 0) & is_in_part[owner]
                    kept_words = np.repeat(kept, rows)
                    word_lengths = np.diff(starts)[chunk]
                    row_starts = np.cumsum(rows) - rows
                    row_lengths = np.add.reduceat(np.append(word_lengths, 0), row_starts) if len(rows) else rows
                    lengths.append(np.where(rows > 0, row_lengths, 0)[kept])
                    owners.append(owner[kept])
                    file.write(_ragged(chunk[kept_words], starts, ids).astype(dtype).tobytes())
            line_starts = np.zeros(sum(map(len, lengths)) + 1, np.int64)
            np.cumsum(np.concatenate([*lengths, np.zeros(0, np.int64)]), out=line_starts[1:])
            owner = np.concatenate([*owners, np.zeros(0, np.int64)])
            begins = np.flatnonzero(np.diff(owner, prepend=-1))
            np.save(self._path(f"{part}.lines.npy"), line_starts)
            np.save(self._path(f"{part}.documents.npy"), np.append(begins, len(owner)))
            n_tokens[part] = int(line_starts[-1])
        manifest = {"words": asdict(tokenizer.words), "pieces": list(tokenizer.pieces), "dtype": dtype.name}
        manifest |= {"n_tokens": n_tokens, "info": info | {"dev_documents": np.flatnonzero(held_out).tolist()}}
        new = self._manifest.with_suffix(".new")
        new.write_text(json.dumps(manifest, ensure_ascii=False), encoding="utf-8")
        new.replace(self._manifest)


def _documents_of_lines(corpus: Corpus, n_names: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the document of each line (L,), -1 for a line without words, and the number of words of each document (D,)."""
    chunks = [lengths for _, lengths in corpus.passes(np.arange(n_names, dtype=np.int32))]
    lengths = np.concatenate([*chunks, np.zeros(0, np.int32)]).astype(np.int64)
    has_words = lengths > 0
    if not has_words.any():
        raise RunError(
            "the corpus has no words",
            hint="nlptool train bert FILE, or text on stdin: a sentence a line, an empty line between documents",
        )
    document = np.cumsum(has_words & ~np.concatenate([[False], has_words[:-1]])) - 1
    n_words = np.bincount(document[has_words], lengths[has_words]).astype(np.int64)
    return np.where(has_words, document, -1), n_words


def _split(n_words: NDArray[np.int64], dev: float | int) -> NDArray[np.bool_]:
    """Return which documents are held out, (D,): random ones with at most the share ``dev`` of all words, or the last ``dev``
    documents. At least one document is left for training."""
    held_out = np.zeros(len(n_words), bool)
    if isinstance(dev, int):
        held_out[len(n_words) - dev :] = True
        return held_out
    budget = dev * int(n_words.sum())
    for document in np.random.default_rng(_SPLIT_SEED).permutation(len(n_words))[: len(n_words) - 1]:
        if n_words[document] <= budget:
            held_out[document] = True
            budget -= int(n_words[document])
    return held_out


def _counts(
    corpus: Corpus, document: NDArray[np.int64], held_out: NDArray[np.bool_], n_names: int
) -> NDArray[np.int64]:
    """Return the count of each word in the held-out documents, (V,)."""
    counts = np.zeros(n_names, np.int64)
    first = 0
    for chunk, rows in corpus.passes(np.arange(n_names, dtype=np.int32)):
        owner = document[first : first + len(rows)]
        first += len(rows)
        counts += np.bincount(chunk[np.repeat((owner >= 0) & held_out[owner], rows)], minlength=n_names)
    return counts


def _ragged(rows: NDArray[np.int32], starts: NDArray[np.int64], values: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the concatenated ``values`` of ``rows``."""
    lengths = starts[rows + 1] - starts[rows]
    ends = np.cumsum(lengths)
    positions = np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts[rows] - ends + lengths, lengths)
    return np.asarray(values[positions])
