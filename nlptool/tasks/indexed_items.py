"""The items of an index as one side of a comparison: in `search`, and in `similarity` like records that have vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
from numpy.typing import NDArray

from nlptool.errors import RunError
from nlptool.geometry.index_parts import open_index
from nlptool.geometry.measures import DIRECTIONS
from nlptool.geometry.similarity import Vectors
from nlptool.records.record import STDIN, Record
from nlptool.tasks.embedder import Embedder
from nlptool.tasks.model_names import same_model

if TYPE_CHECKING:
    from nlptool.geometry.index import Index
    from nlptool.geometry.index_parts import IndexParts
    from nlptool.geometry.row_parts import RowParts
    from nlptool.records.pipe import Pipe
    from nlptool.specs import EncoderSpec

_ROWS = 4096  # that are looked at together


class IndexedItems:
    """The items of an index as records with vectors; what the index does not hold of a record is gone.

    Attributes:
        index: the index.
        model: the model of the vectors, "" if it is not known.
        without: records without a vector, of which it knows nothing.

    Raises:
        ModelError: the index is damaged.
        RunError: there is none, or its parts do not go together.
    """

    without: Sequence[tuple[int, Record]] = ()

    def __init__(self, path: str) -> None:
        self.index: Index | IndexParts = open_index(Path(path), same_model)
        self._path = path
        self.model = self.index.model
        reading = self.index.about.get("reading")
        self._id_field = (reading.get("id_field") if isinstance(reading, dict) else None) or "id"

    def __len__(self) -> int:
        return len(self.index)

    @property
    def vectors(self) -> NDArray[Any] | RowParts:
        """(N, D) float32; ``check_rows`` comes before they are read."""
        return self.index.vectors

    @property
    def ready(self) -> bool:
        """Whether the vectors are prepared for the measure that they are compared by."""
        return self.index.ready

    @cached_property
    def positions(self) -> NDArray[np.int64]:
        """positions[i] is the number of item i among the records that the index was made of, (N,)."""
        return np.fromiter((self.shown(item)["index"] for item in range(len(self))), np.int64, len(self))

    @cached_property
    def n_zero(self) -> int:
        """Vectors of zeros."""
        rows = Vectors(self.vectors, check=self.check_rows)
        blocks = (rows.block(first, first + _ROWS) for first in range(0, len(self), _ROWS))
        return sum(int((~block.any(axis=1)).sum()) for block in blocks)

    def check_rows(self, first: int, stop: int) -> None:
        """Check that vectors are those that were written.

        Raises:
            ModelError, RunError: they are not.
        """
        self.index.check_rows(first, stop)

    def shown(self, index: int) -> dict[str, Any]:
        """Return what names an item in another record: index, file, line, and id and text if it has them."""
        return self.index.shown(index)

    def text(self, index: int) -> str:
        return str(self.shown(index).get("text", ""))

    def id(self, index: int) -> str:
        """Return the name of an item as text; "" without."""
        value = self.shown(index).get("id", "")
        return value if isinstance(value, str) else orjson.dumps(value).decode()

    def entry(self, _: int) -> Mapping[str, Any]:
        return {}

    def record(self, index: int) -> Record:
        """Return an item as a record: its id, its text, and where it comes from."""
        shown = self.shown(index)
        text, file, line = str(shown.get("text", "")), shown.get("file"), int(shown.get("line", index + 1))
        source = {"nlptool": {"source": {"file": file, "line": line}}} if file is not None else {}
        named = {self._id_field: shown["id"]} if "id" in shown else {}
        raw = orjson.dumps({**named, **({"text": text} if "text" in shown else {}), **source})
        record = Record(text, file or STDIN, line, raw)
        record.origin = (file, line) if file is not None else None
        return record


def embedder_of(
    pipe: Pipe, index: Index | IndexParts, spec: EncoderSpec, measure: str | None, *, role: str
) -> Embedder:
    """Return the embedder of texts that are compared with the items of an index.

    Args:
        measure: of similarity; None: that of the index.
        role: query | document.

    Raises:
        RunError: the index has lost what ``measure`` measures.
    """
    measure = _choose_measure(index, measure)
    spec = replace(spec, dim=spec.dim or index.about.get("dim"))
    identity = str(index.about.get("identity") or "")
    return Embedder(
        pipe, spec, role=role, model=index.model, identity=identity, dimension=index.vectors.shape[1], measure=measure
    )


def adopt(embedder: Embedder, index: Index | IndexParts) -> None:
    """Let an embedder take the vectors of an index for the first ones.

    Raises:
        RunError: they are of another model, or the index has lost what is measured.
    """
    embedder.adopt(
        str(index.folder),
        model=index.model,
        identity=str(index.about.get("identity") or ""),
        dimension=index.vectors.shape[1],
        dim=index.about.get("dim"),
        measure=_choose_measure(index, embedder.asked_measure),
    )


def _choose_measure(index: Index | IndexParts, asked: str | None) -> str:
    """Return the measure of a comparison with an index, whose vectors may have to be prepared for it: ``index.ready``.

    Raises:
        RunError: the vectors have lost what it measures.
    """
    own = index.measure
    if asked is None or asked == own:
        return own
    if own == "pearson" or (own == "cosine" and asked != "pearson"):
        raise RunError(
            f"{index.folder} was built for {own}: its vectors have lost their lengths, which {asked} measures",
            hint=f"nlptool index build --measure {asked} builds one with them",
        )
    index.ready = asked not in DIRECTIONS
    return asked
