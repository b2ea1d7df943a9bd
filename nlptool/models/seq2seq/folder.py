"""The folder of an encoder-decoder, as `nlptool train seq2seq` writes it.

config.json         {"model_type": "nlptool-seq2seq", and the fields of ``Seq2SeqConfig``}
model.safetensors   float32 or float16; the names are the parameters of ``network``
source.json         the vocabulary of the source (``vocabulary``)
target.json         the vocabulary of the target
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import ModelError
from nlptool.models.seq2seq import config as seq2seq_config
from nlptool.models.seq2seq.config import Seq2SeqConfig
from nlptool.models.seq2seq.vocabulary import Vocabulary
from nlptool.models.store import model_folder, own_weights, own_writers

MODEL_TYPE = own_writers.SEQ2SEQ.model_type
CONFIG, WEIGHTS, SOURCE, TARGET = FILES = ("config.json", "model.safetensors", "source.json", "target.json")


@dataclass(frozen=True, slots=True)
class Model:
    """The content of a folder; the weights are read on demand."""

    folder: Path
    config: Seq2SeqConfig
    source: Vocabulary
    target: Vocabulary

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Read the weights: parameter name -> values.

        Raises:
            ModelError: the file is missing, or damaged.
        """
        return own_weights.read(self.folder)


def is_seq2seq(folder: Path) -> bool:
    """Return whether a folder holds such a model, complete or damaged."""
    return model_folder.readable_json(folder / CONFIG).get("model_type") == MODEL_TYPE


def read(folder: Path) -> Model:
    """Read a folder, except for its weights.

    Raises:
        ModelError: a file is missing, or damaged.
    """
    config = seq2seq_config.from_dict(model_folder.read_json(folder / CONFIG))
    source, target = Vocabulary.read(folder / SOURCE), Vocabulary.read(folder / TARGET)
    if (len(source), len(target)) != (config.source_vocab_size, config.target_vocab_size):
        raise ModelError(f"{folder} is damaged: its vocabularies are not as large as its {CONFIG} says")
    return Model(folder, config, source, target)


def write(
    folder: Path, weights: Mapping[str, NDArray[np.float32]], config: Seq2SeqConfig, source: Vocabulary,
    target: Vocabulary, *, precision: str = "float32",
) -> None:  # fmt: skip
    """Write a model into an existing folder.

    Args:
        precision: float32 | float16, of the weights.

    Raises:
        OSError: a file cannot be written.
    """
    content = {"model_type": MODEL_TYPE, **config.as_dict()}
    (folder / CONFIG).write_text(json.dumps(content, indent=2), encoding="utf-8")
    source.save(folder / SOURCE)
    target.save(folder / TARGET)
    own_weights.write(folder, weights, precision)
