"""Classes without training: a text belongs to the label whose name or description is most similar to it.

Each label is embedded by the encoder of the texts; the score of a text and a label is the cosine of their vectors (M.-W. Chang et
al.: Importance of Semantic Representation: Dataless Classification, AAAI 2008; P. K. Pushp, M. M. Srivastava: Train Once, Test
Anywhere, 2017). A cosine is no probability, and none is made of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import RecordError, RunError, WrongUsage
from nlptool.geometry.measures import clip, prepare
from nlptool.models.encoders.encoder import Embeddings
from nlptool.storage.text_files import read_lines

_COMMAS = re.compile("[,、，､]")
_DESCRIBED = "--labels-file gives each label a description: the label, a tab, a sentence about it"


def read_labels(text: str) -> dict[str, str]:
    """Return the labels of an option: label -> the text that stands for it, which is the label itself.

    Args:
        text: labels with commas between them: ``,``, ``、``, ``，`` or ``､``. Blanks around them do not count.

    Raises:
        WrongUsage: there are fewer than two labels, one is empty, or one is there twice.
    """
    labels = [label.strip() for label in _COMMAS.split(text)]
    if "" in labels and any(labels):
        raise WrongUsage(f"label {labels.index('') + 1} of {len(labels)} is empty: {text!r}")
    if len(labels) < 2:
        raise WrongUsage("two labels are the fewest to choose from", hint="--labels スポーツ,政治,経済")
    for number, label in enumerate(labels):
        if label in labels[:number]:
            raise WrongUsage(f"the label {label!r} is there twice")
    return {label: label for label in labels}


def read_labels_file(path: str) -> dict[str, str]:
    """Return the labels of a file: label -> the text that stands for it, its description or else the label itself.

    A line is a label, or a label, a tab and its description. Blank lines are no labels. The file may be compressed or in
    another encoding than UTF-8.

    Args:
        path: ``-`` is stdin.

    Raises:
        RunError: the file cannot be read, a line has no label or two tabs, a label is there twice, or there are fewer than two.
    """
    labels: dict[str, str] = {}
    lines: dict[str, int] = {}
    name = "<stdin>" if path == "-" else path
    for number, line in read_lines(path):
        if not line.strip():
            continue
        label, *description = (cell.strip() for cell in line.split("\t"))
        if not label or len(description) > 1:
            what = "there is no label before the tab" if not label else f"{len(description)} tabs"
            raise RunError(f"{name}:{number}: {what}", hint="a line is a label, or a label, a tab and its description")
        if label in labels:
            raise RunError(f"{name}:{number}: the label {label!r} is in line {lines[label]} already")
        labels[label] = "".join(description) or label
        lines[label] = number
    if len(labels) < 2:
        raise RunError(f"{name}: {'only one label' if labels else 'no labels'}; two are the fewest to choose from")
    return labels


def label_vectors(
    labels: Mapping[str, str], encode: Callable[[Sequence[str]], Embeddings], *, model: str
) -> NDArray[np.float32]:
    """Return the vectors of labels, (L, D) float32, in their order.

    Args:
        labels: label -> the text that stands for it.
        encode: the encoder of the texts.
        model: its name, for messages.

    Raises:
        RunError: the encoder fails at a label, or knows nothing of it, so that nothing could be compared with it.
    """
    embeddings = encode(list(labels.values()))
    for number, label in enumerate(labels):
        error: RecordError | None = embeddings.errors.get(number)
        if error is not None:
            raise RunError(f"the label {label!r}: {error.message}", hint=error.hint)
        vector = embeddings.vectors[number]
        if number in embeddings.no_vector or not vector.any():
            reason = embeddings.no_vector.get(number, "a vector of zeros")
            raise RunError(f"the label {label!r} has no vector in {model} ({reason})", hint=_DESCRIBED)
        if not np.isfinite(vector).all():
            raise RunError(f"the label {label!r}: the vector of {model} holds NaN or infinity")
    return embeddings.vectors


def similarities(texts: NDArray[np.float32], labels: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return result[i][j] = cosine of text i and label j, (N, L) float32 in [-1, 1]; higher is more similar.

    Args:
        texts: vectors (N, D), of any length; a vector of zeros has the cosine 0 with all labels.
        labels: vectors (L, D).
    """
    return clip(prepare(texts, "cosine") @ prepare(labels, "cosine").T, "cosine")


def best(similarities: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the number of the most similar label of each text, (N,) int64; of equal ones the first."""
    numbers: NDArray[np.int64] = np.argmax(similarities, axis=1)
    return numbers
