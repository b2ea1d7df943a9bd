"""The file of an n-gram language model: safetensors, mapped into memory, and checked when it is read.

    markers               (2,) uint32: the tokens ``begin`` and ``end``
    discounts             (N, 3) float32, of a model that was estimated here
    N.words               (L,) uint32, from order 2 on
    N.first               (P + 1,) uint32, from order 2 on
    N.probabilities       (L,) float32
    N.backoffs            (L,) float32, below the highest order

N is an order, from 1. The arrays are those of ``ngram_trie.Level``; order 1 has V n-grams, one for each token of the
vocabulary.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import ModelError
from nlptool.models.language import ngram_trie
from nlptool.models.language.kneser_ney import NgramModel
from nlptool.models.language.ngram_trie import Level
from nlptool.storage import safetensors

NAME = "ngrams.safetensors"
_AGAIN = "train it again, or fetch it again"
_Arrays = dict[str, NDArray[Any]]


def save(path: Path, model: NgramModel) -> None:
    """Write a model into a file.

    Raises:
        OSError: the file cannot be written.
    """
    arrays: _Arrays = {"markers": np.array([model.begin, model.end], np.uint32)}
    if model.discounts is not None:
        arrays["discounts"] = model.discounts.astype(np.float32)
    for order, level in enumerate(model.levels, 1):
        arrays[f"{order}.probabilities"] = level.probabilities
        if order > 1:
            arrays[f"{order}.words"], arrays[f"{order}.first"] = level.words, level.first
        if order < model.order:
            arrays[f"{order}.backoffs"] = level.backoffs
    safetensors.write_arrays(path, arrays)


def load(path: Path, *, n_words: int | None = None) -> NgramModel:
    """Read a model from a file.

    Args:
        n_words: tokens of the vocabulary that belongs to it; None if that is not known.

    Raises:
        ModelError: the file is not there or damaged, or belongs to a vocabulary of another size.
    """
    try:
        arrays = safetensors.read_all(path)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}", hint=_AGAIN) from error
    order = sum(name.endswith(".probabilities") for name in arrays)
    try:
        if not order:
            raise ValueError("it holds no n-grams")
        markers = _array(arrays, "markers", np.uint32)
        levels = [_level(arrays, number, order) for number in range(1, order + 1)]
        if wrong := ngram_trie.fault(levels):
            raise ValueError(wrong)
        begin, end = _markers(markers, levels[0])
        discounts = arrays.get("discounts")
        if discounts is not None and (discounts.shape != (order, 3) or discounts.dtype.kind != "f"):
            raise ValueError("its discounts are not three for each order")
    except (ValueError, KeyError) as error:
        what = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise ModelError(f"{path} is damaged: {what}", hint=_AGAIN) from error
    if n_words is not None and n_words != len(levels[0]):
        raise ModelError(
            f"{path} has probabilities of {len(levels[0]):,} tokens, and the vocabulary has {n_words:,}: it is another one",
            hint=_AGAIN,
        )
    return NgramModel(levels, begin, end, None if discounts is None else discounts.astype(np.float64))


def _level(arrays: _Arrays, number: int, order: int) -> Level:
    """Return one level, of whose arrays the types are checked."""
    probabilities = _array(arrays, f"{number}.probabilities", np.float32)
    backoffs = _array(arrays, f"{number}.backoffs", np.float32) if number < order else np.zeros(0, np.float32)
    if number == 1:
        words = np.arange(len(probabilities), dtype=np.uint32)
        return Level(words, np.array([0, len(words)], np.uint32), probabilities, backoffs)
    words, first = _array(arrays, f"{number}.words", np.uint32), _array(arrays, f"{number}.first", np.uint32)
    return Level(words, first, probabilities, backoffs)


def _array(arrays: _Arrays, name: str, dtype: type[Any]) -> NDArray[Any]:
    if name not in arrays:
        raise ValueError(f"it has no tensor {name}")
    if arrays[name].dtype != dtype or arrays[name].ndim != 1:
        raise ValueError(f"{name} is no row of {np.dtype(dtype).name}")
    return arrays[name]


def _markers(markers: NDArray[np.uint32], words: Level) -> tuple[int, int]:
    """Return the markers ``begin`` and ``end``; a ValueError if they are none."""
    begin, end = (*markers.tolist(), -1, -1)[:2]
    if len(markers) != 2 or begin == end or max(begin, end) >= len(words):
        raise ValueError("its markers are no two tokens of the vocabulary")
    if words.probabilities[begin] != 0:
        raise ValueError("it predicts the beginning of a document")
    return begin, end
