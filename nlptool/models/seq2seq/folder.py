"""The folder of an encoder–decoder of our own, as `nlptool train seq2seq` writes it.

config.json         {"model_type": "nlptool-seq2seq", and the measures of ``Shape``}
model.safetensors   float32 or float16; the names are those of ``seq2seq_network``
source.json         the vocabulary of the source (``seq2seq_symbols``)
target.json         that of the target
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
from nlptool.models.store import model_folder
from nlptool.storage import safetensors

MODEL_TYPE = model_folder.OUR_GENERATOR

CONFIG, WEIGHTS, SOURCE, TARGET = FILES = ("config.json", "model.safetensors", "source.json", "target.json")


@dataclass(frozen=True, slots=True)
class Model:
    """What a folder holds; the weights are read when they are asked for."""

    folder: Path
    shape: Seq2SeqConfig
    source: Vocabulary
    target: Vocabulary

    def weights(self) -> dict[str, NDArray[np.float32]]:
        """Name -> values.

        Raises:
            ModelError: the file is not there, or is damaged.
        """
        path = self.folder / WEIGHTS
        if not path.is_file():
            raise ModelError(f"{self.folder} has no {WEIGHTS}")
        return {name: safetensors.read(path, name).astype(np.float32) for name in safetensors.header(path)}


def is_one(folder: Path) -> bool:
    """Whether a folder holds such a model, whole or damaged."""
    try:
        return model_folder.read_json(folder / CONFIG).get("model_type") == MODEL_TYPE
    except (ModelError, OSError):
        return False


def read(folder: Path) -> Model:
    """
    Raises:
        ModelError: something is missing, or damaged.
    """
    shape = seq2seq_config.from_dict(model_folder.read_json(folder / CONFIG))
    source, target = Vocabulary.read(folder / SOURCE), Vocabulary.read(folder / TARGET)
    if (len(source), len(target)) != (shape.source_size, shape.target_size):
        raise ModelError(f"{folder} is damaged: its vocabularies are not as large as its {CONFIG} says")
    return Model(folder, shape, source, target)


def write(
    folder: Path, weights: Mapping[str, NDArray[np.float32]], shape: Seq2SeqConfig, source: Vocabulary, target: Vocabulary, *,
    precision: str = "float32",
) -> None:  # fmt: skip
    """Write a model into a folder that exists.

    Args:
        precision: float32 | float16, of the weights.

    Raises:
        OSError: a file cannot be written.
    """
    from safetensors import numpy as writer

    config = {"model_type": MODEL_TYPE, **shape.as_dict()}
    (folder / CONFIG).write_text(json.dumps(config, indent=2), encoding="utf-8")
    source.save(folder / SOURCE)
    target.save(folder / TARGET)
    values = {name: np.ascontiguousarray(each, dtype=precision) for name, each in weights.items()}
    (folder / WEIGHTS).write_bytes(writer.save(values, {"format": "pt"}))
