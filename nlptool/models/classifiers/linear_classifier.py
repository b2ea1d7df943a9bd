"""A linear classifier: an encoder, and the heads that were trained on its vectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.catalog import KNOWN
from nlptool.errors import ModelError, RecordError
from nlptool.models.classifiers import linear
from nlptool.models.classifiers.linear import LinearHead
from nlptool.models.classifiers.outputs import Outputs
from nlptool.models.encoders import loading as encoder_loading
from nlptool.models.encoders.encoder import Embeddings
from nlptool.models.encoders.loading import LocatedAnyEncoder
from nlptool.models.heads.folder import CLASSIFIER, HEAD
from nlptool.models.heads.task import Task
from nlptool.models.runtime.prepare import Note, Report
from nlptool.specs import ClassifierSpec, EncoderSpec

Encode = Callable[[Sequence[str]], Embeddings]


class LinearClassifier:
    """A classifier by the vectors of an encoder.

    Args:
        encode: embeds texts.
        heads: name of a task -> its head.
    """

    def __init__(  # noqa: PLR0917
        self,
        name: str,
        engine: str,
        device: str,
        tasks: Sequence[Task],
        encode: Encode,
        heads: Mapping[str, LinearHead],
    ) -> None:
        self.name, self.engine, self.device = name, engine, device
        self.tasks = {task.name: task for task in tasks}
        self._encode = encode
        self._heads = heads

    def outputs(self, texts: Sequence[tuple[str, ...]], task: Task) -> Outputs:
        """Return the outputs for texts or pairs. One of which the encoder knows nothing has an error."""
        found = features(self._encode, texts)
        return Outputs(self._heads[task.name].scores(found.features, task.kind), found.entries, found.errors)


@dataclass(frozen=True, slots=True)
class Features:
    """What a head reads of texts or pairs."""

    features: NDArray[np.float32]  # (N, F); zeros where there is an error
    entries: list[dict[str, Any]]
    errors: dict[int, RecordError]


def features(encode: Encode, texts: Sequence[tuple[str, ...]]) -> Features:
    """Embed texts or pairs, each different text once."""
    rows = {text: row for row, text in enumerate(dict.fromkeys(text for some in texts for text in some))}
    embeddings = encode(list(rows))
    vectors = embeddings.vectors
    places = [[rows[text] for text in some] for some in texts]
    sides = [vectors[[place[side] for place in places]] for side in range(len(texts[0]))] if texts else []
    found = linear.pair_features(*sides) if len(sides) > 1 else sides[0] if sides else vectors
    errors: dict[int, RecordError] = {}
    for index, place in enumerate(places):
        if error := next(filter(None, (error_of(embeddings, row) for row in place)), None):
            errors[index] = error
    return Features(found, [_entry(embeddings, place) for place in places], errors)


def error_of(embeddings: Embeddings, row: int) -> RecordError | None:
    """Return why a text has no vector that means something; None if it has one."""
    if row in embeddings.errors:
        return embeddings.errors[row]
    if row in embeddings.no_vector or not np.isfinite(embeddings.vectors[row]).all():
        reason = embeddings.no_vector.get(row, "its vector holds NaN or infinity")
        return RecordError("NoVector", f"the text has no vector: {reason}")
    return None


def _entry(embeddings: Embeddings, rows: Sequence[int]) -> dict[str, Any]:
    counts = embeddings.counts or []
    unknown = {"n_unknown": sum(counts[row].get("n_unknown", 0) for row in rows)} if counts else {}
    n_chunks = max(embeddings.n_chunks[row] for row in rows)
    return {
        "n_tokens": sum(embeddings.n_tokens[row] for row in rows), **unknown,
        "truncated": any(embeddings.truncated[row] for row in rows), **({"n_chunks": n_chunks} if n_chunks > 1 else {}),
    }  # fmt: skip


@dataclass(frozen=True, slots=True)
class LocatedLinearClassifier:
    """A linear classifier that is ready to be opened, here or in another process."""

    name: str
    encoder: LocatedAnyEncoder
    tasks: tuple[Task, ...]
    folder: Path

    @property
    def engine(self) -> str:
        """What runs the encoder."""
        return self.encoder.engine

    @property
    def device(self) -> str:
        """Where it runs."""
        return self.encoder.device

    def open(self) -> LinearClassifier:
        """Load the encoder and the heads.

        Raises:
            ModelError: they cannot be loaded, or do not belong together.
        """
        heads = {}
        for task in self.tasks:
            n_features = self.encoder.dimension * (linear.PAIR_BLOCKS if task.n_texts > 1 else 1)
            heads[task.name] = linear.load(
                self.folder / HEAD, task.name, n_outputs=task.n_outputs, n_features=n_features
            )  # fmt: skip
        return LinearClassifier(self.name, self.engine, self.device, self.tasks, self.encoder.open().encode, heads)


def locate(  # noqa: PLR0917
    folder: Path,
    name: str,
    about: Mapping[str, Any],
    tasks: tuple[Task, ...],
    spec: ClassifierSpec,
    note: Note,
    report: Report,
) -> LocatedLinearClassifier:
    """Find the encoder of a linear classifier.

    Args:
        about: the manifest of the classifier.

    Raises:
        ModelError: the manifest names none, or it is not there.
        RunError: the device is not there.
    """
    base = about.get("base")
    if about.get("method") != "linear":  # the encoder is in the folder itself
        base = name if name in KNOWN else str(folder.absolute())
    if not isinstance(base, str) or not base:
        raise ModelError(f"{folder / CLASSIFIER.manifest} is damaged: it names no encoder (base)")
    try:
        encoder = encoder_loading.locate(encoder_spec(base, spec), note=note, report=report)
    except ModelError as error:
        raise ModelError(
            f"{name} reads the vectors of {base}, which fails: {error.message}", hint=error.hint
        ) from error
    return LocatedLinearClassifier(name, encoder, tasks, folder)


def encoder_spec(base: str, spec: ClassifierSpec) -> EncoderSpec:
    """Return the encoder of a linear classifier, with what was chosen of the classifier."""
    return replace(
        EncoderSpec(base), device=spec.device, batch_tokens=spec.batch_tokens, threads=spec.threads,
        max_length=spec.max_length, deterministic=spec.deterministic, offline=spec.offline, allow_pickle=spec.allow_pickle,
        engine=spec.engine, chunk=spec.chunk,
    )  # fmt: skip
