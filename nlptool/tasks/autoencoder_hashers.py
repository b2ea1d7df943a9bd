"""Codes of records by an autoencoder, of their words or of their embeddings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nlptool.geometry import binary_codes
from nlptool.models.autoencoders.folder import Autoencoder
from nlptool.models.autoencoders.shape import BINARY
from nlptool.models.autoencoders.word_counts import WordCounts
from nlptool.records.record import Record
from nlptool.tasks.hash import EMPTY, NO_WORD, Hashed, with_directions
from nlptool.tasks.keyword_candidates import CandidateSettings
from nlptool.tasks.keywords import Candidates

if TYPE_CHECKING:
    from nlptool.tasks.embedder import Embedder


class _AutoencoderHasher:
    """What hashers by an autoencoder share."""

    def __init__(self, autoencoder: Autoencoder) -> None:
        self._autoencoder = autoencoder

    @property
    def n_bits(self) -> int:
        return self._autoencoder.shape.code if self._autoencoder.shape.units == BINARY else 0

    def entry(self) -> dict[str, Any]:
        autoencoder = self._autoencoder
        units = {"bits": self.n_bits} if self.n_bits else {"dimension": autoencoder.shape.code}
        return {"method": "autoencoder", "model": autoencoder.name, "identity": autoencoder.identity, **units}

    def _hashed(
        self, records: list[Record], inputs: NDArray[np.float64], vectors: Any, reasons: dict[int, str]
    ) -> Hashed:
        """Return the codes of records by their inputs (n, V), n > 0: bits, or numbers where its units are linear."""
        network = self._autoencoder.network
        if not self.n_bits:
            return Hashed(records, np.empty((0, 0), np.uint8), network.values(inputs).astype(np.float32), reasons)
        return Hashed(records, binary_codes.packed(network.bits(inputs)), vectors, reasons)


class WordHasher(_AutoencoderHasher):
    """Hashes the words of records: their tokens, else those of their texts."""

    def __init__(self, autoencoder: Autoencoder, counts: WordCounts) -> None:
        super().__init__(autoencoder)
        self._counts = counts
        self._candidates = Candidates(CandidateSettings(dictionary=autoencoder.dictionary), 1)

    def __call__(self, records: Sequence[Record]) -> Hashed:
        found: list[Record] = []
        texts: list[dict[int, int]] = []
        reasons: dict[int, str] = {}
        [(_, with_words)] = self._candidates(iter([list(records)]))
        for record, words in with_words:
            known = self._counts.known((word.key, word.n) for word in words)
            record.entry = {**record.entry, "n_words": sum(known.values())}
            if known:
                found.append(record)
                texts.append(known)
            else:
                reasons[id(record)] = NO_WORD if record.text.strip() else EMPTY
        if not found:
            return Hashed([], np.empty((0, 0), np.uint8), None, reasons)
        return self._hashed(found, self._counts.inputs(texts), None, reasons)

    def say(self) -> None:
        """Say nothing: what is missing stands in the entries."""


class EmbeddingHasher(_AutoencoderHasher):
    """Hashes the embeddings of records, given or made by the model whose embeddings the autoencoder has learned from."""

    def __init__(self, autoencoder: Autoencoder, embedder: Embedder) -> None:
        super().__init__(autoencoder)
        self._embedder = embedder

    def __call__(self, records: Sequence[Record]) -> Hashed:
        found, vectors, reasons = with_directions(records, self._embedder)
        if not found:
            return Hashed([], np.empty((0, 0), np.uint8), None, reasons)
        return self._hashed(found, self._autoencoder.standardized(vectors), vectors, reasons)

    def say(self) -> None:
        self._embedder.say(empty=False)
