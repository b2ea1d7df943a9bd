"""The folder of a language model of nlptool's own, as ``nlptool train lm`` writes it.

config.json         {"model_type": "nlptool-language", "vocabulary": the SHA-256 of vocabulary.json, and the fields of
                    ``LanguageConfig``}
ngrams.safetensors  the n-grams of an n-gram model (``ngram_file``); of another one instead
model.safetensors   float32 or float16; the names are the parameters of ``networks``, an output matrix that is tied left out
vocabulary.json     the vocabulary (``models.seq2seq.vocabulary``)
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import ModelError
from nlptool.models.language import config as language_config
from nlptool.models.language import ngram_file
from nlptool.models.language.config import LanguageConfig
from nlptool.models.language.kneser_ney import NgramModel
from nlptool.models.seq2seq.vocabulary import Vocabulary
from nlptool.models.store import model_folder, own_weights, own_writers

MODEL_TYPE = own_writers.LANGUAGE_MODEL.model_type
CONFIG, VOCABULARY = "config.json", "vocabulary.json"
_DIGEST = "vocabulary"
TIED = "output.weight"
"""The name of the output matrix, which is not stored where it is that of the embeddings."""


@dataclass(frozen=True, slots=True)
class LanguageFolder:
    """The content of a folder; the weights are read on demand."""

    path: Path
    config: LanguageConfig
    vocabulary: Vocabulary

    def ngrams(self) -> NgramModel:
        """Read the n-grams of a model of that architecture.

        Raises:
            ModelError: the file is missing, damaged, or of another vocabulary.
        """
        return ngram_file.load(self.path / ngram_file.NAME, n_words=self.config.vocab_size)

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Read the weights: parameter name -> values.

        Raises:
            ModelError: the file is missing, or damaged.
        """
        return own_weights.read(self.path)


def is_language(folder: Path) -> bool:
    """Return whether a folder holds such a model, complete or damaged."""
    return model_folder.readable_json(folder / CONFIG).get("model_type") == MODEL_TYPE


def read(folder: Path) -> LanguageFolder:
    """Read a folder, except for its weights.

    Raises:
        ModelError: a file is missing, or damaged, or the vocabulary is of another model.
    """
    about = model_folder.read_json(folder / CONFIG)
    config = language_config.from_dict(about)
    vocabulary = Vocabulary.read(folder / VOCABULARY)
    if len(vocabulary) != config.vocab_size:
        raise ModelError(
            f"{folder} is damaged: its {VOCABULARY} holds {len(vocabulary):,} pieces, and its network has "
            f"{config.vocab_size:,}"
        )
    if about.get(_DIGEST, digest := _digest(folder)) != digest:
        raise ModelError(f"{folder} is damaged: its {VOCABULARY} is of another model, or was changed")
    return LanguageFolder(folder, config, vocabulary)


def write(
    folder: Path, weights: Mapping[str, NDArray[np.float32]], config: LanguageConfig, vocabulary: Vocabulary, *,
    precision: str = "float32",
) -> None:  # fmt: skip
    """Write a model into an existing folder.

    Args:
        precision: float32 | float16, of the weights.

    Raises:
        OSError: a file cannot be written.
    """
    _write_about(folder, config, vocabulary)
    kept = {name: values for name, values in weights.items() if not (config.tied and name == TIED)}
    own_weights.write(folder, kept, precision)


def write_ngrams(folder: Path, model: NgramModel, config: LanguageConfig, vocabulary: Vocabulary) -> None:
    """Write an n-gram model into an existing folder.

    Raises:
        OSError: a file cannot be written.
    """
    _write_about(folder, config, vocabulary)
    ngram_file.save(folder / ngram_file.NAME, model)


def _write_about(folder: Path, config: LanguageConfig, vocabulary: Vocabulary) -> None:
    vocabulary.save(folder / VOCABULARY)
    content = {"model_type": MODEL_TYPE, _DIGEST: _digest(folder), **config.as_dict()}
    (folder / CONFIG).write_text(json.dumps(content, indent=2), encoding="utf-8")


def _digest(folder: Path) -> str:
    """Return the SHA-256 of a folder's vocabulary."""
    return hashlib.sha256((folder / VOCABULARY).read_bytes()).hexdigest()
