"""The texts in the plane of a linear code of two units, and beside it in that of a linear method."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from nlptool.models.autoencoders.shape import WORDS
from nlptool.tasks.train.autoencoder_corpus import AutoencoderCorpus

if TYPE_CHECKING:
    from nlptool.training.autoencoder.finetuning import AutoencoderTraining


@dataclass(frozen=True, slots=True)
class Plane:
    """The texts in the plane of a linear code of two units, and in that of the linear method.

    Attributes:
        points: (N, 2).
        linear: (N, 2), by latent semantic analysis of counts of words, or principal components of embeddings.
        groups: the classes of the texts.
        shares: of the nearest neighbours in each plane that have the same class; None without classes.
    """

    points: NDArray[np.float32]
    linear: NDArray[np.float32]
    linear_name: str
    groups: list[str]
    shares: tuple[float, float] | None


def plane_of(corpus: AutoencoderCorpus, training: AutoencoderTraining, seed: int) -> Plane:
    """Return the places of the held-out texts; of all, if there are none."""
    from sklearn.decomposition import PCA, TruncatedSVD

    inputs, groups = (corpus.train, corpus.groups) if corpus.dev is None else (corpus.dev, corpus.dev_groups)
    points = training.code_inputs(inputs)
    if inputs.reads == WORDS:
        name, method = "LSA", TruncatedSVD(2, random_state=seed)
        method.fit(corpus.train.logarithms())
        linear = method.transform(inputs.logarithms())
    else:
        name, method = "PCA", PCA(2, random_state=seed)
        linear = method.fit(corpus.train.data).transform(inputs.data)
    linear = np.asarray(linear, np.float32)
    shares = (same_class(points, groups), same_class(linear, groups)) if any(groups) and len(groups) > 1 else None
    return Plane(points, linear, name, groups, shares)


def same_class(points: NDArray[np.float32], groups: Sequence[str]) -> float:
    """Return the share of points (N, D) whose nearest neighbour has the same class, N > 1."""
    from scipy.spatial import cKDTree

    _, nearest = cKDTree(points).query(points, k=2)
    rows = np.arange(len(points))
    other = np.where(nearest[:, 0] == rows, nearest[:, 1], nearest[:, 0])  # of equal points either may come first
    classes = np.array(groups)
    return round(float((classes[other] == classes).mean()), 4)
