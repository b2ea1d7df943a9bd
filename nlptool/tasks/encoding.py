"""An encoder as tasks use it: a text at which it fails is the error of this text alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nlptool.errors import RecordError
from nlptool.models.encoders.encoder import Embeddings
from nlptool.models.runtime.one_by_one import GOOD_TEXT, OneByOne
from nlptool.tasks.open_model import opened

if TYPE_CHECKING:
    from nlptool.models.encoders.loading import LocatedAnyEncoder

Encode = Callable[[Sequence[Any]], Embeddings]


def open_encoder(located: LocatedAnyEncoder) -> Encode:
    """Open an encoder; return the function that embeds texts.

    Raises:
        ModelError: it cannot be loaded; when the function is called: it fails at every text.
    """
    encoder = opened(located)
    runner = OneByOne(encoder.encode, GOOD_TEXT, name=located.name, engine=located.engine)

    def encode(texts: Sequence[Any]) -> Embeddings:
        parts = list(runner.parts(texts))
        if len(parts) == 1 and isinstance(parts[0][1], Embeddings):
            return parts[0][1]
        return _joined(parts, encoder.dimension)

    return encode


def _joined(parts: Sequence[tuple[int, Embeddings | RecordError]], dimension: int) -> Embeddings:
    """Join the vectors of parts of texts, each with the index of its first text; a text that failed has zeros."""
    errors = {start: part for start, part in parts if isinstance(part, RecordError)}
    failed = Embeddings(np.zeros((1, dimension), np.float32), [0], [False], [1])
    found = [(start, failed if isinstance(part, RecordError) else part) for start, part in parts]
    counts = [part.counts or [{} for _ in part.n_tokens] for _, part in found]
    return Embeddings(
        np.concatenate([np.empty((0, dimension), np.float32), *(part.vectors for _, part in found)]),
        [n for _, part in found for n in part.n_tokens],
        [is_truncated for _, part in found for is_truncated in part.truncated],
        [n for _, part in found for n in part.n_chunks],
        [said for of_part in counts for said in of_part],
        {start + row: reason for start, part in found for row, reason in part.no_vector.items()},
        errors,
    )
