"""Linear classifiers on the embeddings of an encoder: one matrix product, and what its results mean.

The features of one text are its embedding u, those of a pair u, v, |u - v| and u * v (A. Conneau et al.: Supervised Learning of
Universal Sentence Representations from Natural Language Inference Data, EMNLP 2017). How the features were scaled when the
classifier was trained is part of its coefficients.

File: safetensors with ``coefficients`` (K, F) and ``intercepts`` (K,), float32; those of a task that has a name are called
``NAME/coefficients`` and ``NAME/intercepts``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import ModelError
from nlptool.models.classifiers import outputs
from nlptool.storage import safetensors

PAIR_BLOCKS = 4
"""Parts of the features of a pair, each as wide as an embedding."""


def pair_features(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the features of pairs, (N, 4 D) float32: u, v, |u - v|, u * v.

    Args:
        first: embeddings u of the first texts, (N, D).
        second: embeddings v of the second texts, (N, D).
    """
    n_pairs, width = first.shape
    features = np.empty((n_pairs, PAIR_BLOCKS * width), np.float32)
    features[:, :width] = first
    features[:, width : 2 * width] = second
    np.abs(first - second, out=features[:, 2 * width : 3 * width])
    np.multiply(first, second, out=features[:, 3 * width :])
    return features


@dataclass(frozen=True, slots=True, eq=False)
class LinearHead:
    """The coefficients of one task: K outputs of F features."""

    coefficients: NDArray[np.float32]  # (K, F)
    intercepts: NDArray[np.float32]  # (K,)

    @property
    def n_features(self) -> int:
        """Return the number of features, F."""
        return int(self.coefficients.shape[1])

    def scores(self, features: NDArray[np.float32], kind: str) -> NDArray[np.float32]:
        """Return what the head says of features (N, F), (N, K) float32.

        Args:
            kind: classification: probabilities that add up to 1 in each row; multilabel: the probability of each label by itself;
                regression: one number, K = 1.
        """
        return outputs.scores(np.asarray(features, np.float32) @ self.coefficients.T + self.intercepts, kind)


def save(path: Path, heads: Mapping[str, LinearHead]) -> None:
    """Write the heads of all tasks into a file.

    Args:
        heads: name of a task, "" if there is one task without a name -> its head.

    Raises:
        OSError: the file cannot be written.
    """
    arrays: dict[str, NDArray[np.float32]] = {}
    for name, head in heads.items():
        of_coefficients, of_intercepts = _names(name)
        arrays[of_coefficients], arrays[of_intercepts] = head.coefficients, head.intercepts
    safetensors.write_arrays(path, arrays)


def load(path: Path, name: str, *, n_outputs: int, n_features: int | None = None) -> LinearHead:
    """Read the head of a task.

    Args:
        name: of the task, "" if there is one task without a name.
        n_outputs: outputs that the head must have, K: the labels of the task, or 1 for a number.
        n_features: features that it must have, F; None if that is not known yet.

    Raises:
        ModelError: the file is not there or is damaged, or the head has another size.
    """
    if not path.is_file():
        raise ModelError(f"{path} is not there")
    coefficients, intercepts = (safetensors.read(path, tensor) for tensor in _names(name))
    if coefficients.dtype != np.float32 or intercepts.dtype != np.float32 or coefficients.ndim != 2:
        raise ModelError(f"{path} is damaged: its coefficients are no float32 matrix")
    if coefficients.shape[0] != n_outputs or intercepts.shape != (n_outputs,) or not coefficients.size:
        raise ModelError(
            f"{path} is damaged: coefficients {coefficients.shape} and intercepts {intercepts.shape}, "
            f"but the task has {n_outputs:,} outputs"
        )
    if not (np.isfinite(coefficients).all() and np.isfinite(intercepts).all()):
        raise ModelError(f"{path} is damaged: a coefficient is no finite number")
    head = LinearHead(coefficients, intercepts)
    if n_features is not None and head.n_features != n_features:
        raise ModelError(
            f"{path} was trained on {head.n_features:,} features, and the encoder gives {n_features:,}: it is another encoder"
        )
    return head


def _names(name: str) -> tuple[str, str]:
    """Return the names of a task's two tensors."""
    prefix = f"{name}/" if name else ""
    return f"{prefix}coefficients", f"{prefix}intercepts"
