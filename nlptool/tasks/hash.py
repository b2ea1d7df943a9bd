"""Binary codes of records: texts of like meaning get codes that differ in few bits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import orjson
from numpy.typing import NDArray

from nlptool.geometry import binary_codes, hyperplanes
from nlptool.records.notes import Note
from nlptool.records.record import Record
from nlptool.records.windows import windows

if TYPE_CHECKING:
    from nlptool.tasks.embedder import Embedder

CODE = "code"
"""The field of a record that holds its code."""

EMPTY, NO_VECTOR, ZERO, NO_WORD = (
    "empty text",
    "no vector",
    "the vector is zero",
    "no word of the vocabulary",
)  # reasons


@dataclass(frozen=True, slots=True)
class Hashed:
    """What a hasher made of records.

    Attributes:
        records: those that have a code.
        codes: theirs, (n, ceil(B / 8)), as of ``binary_codes.packed``.
        vectors: the embeddings of which they were made, (n, D); None: of something else. Where the units of an autoencoder's code
            are linear, there are no codes but these, which it made.
        reasons: id of a pending record without a code -> why it has none.
    """

    records: list[Record]
    codes: NDArray[np.uint8]
    vectors: NDArray[np.float32] | None = None
    reasons: dict[int, str] = field(default_factory=dict)


class Hasher(Protocol):
    """Makes the codes of records."""

    @property
    def n_bits(self) -> int:
        """Bits of a code; 0: it makes vectors."""
        ...

    def entry(self) -> dict[str, Any]:
        """Return what an entry says of how the codes were made, known when there was one."""
        ...

    def __call__(self, records: Sequence[Record]) -> Hashed:
        """Make the codes of the pending records; some of these may fail."""
        ...

    def say(self) -> None:
        """Say on stderr at the end what was noted of the texts."""
        ...


class HyperplaneHasher:
    """Hashes the vectors of records by random hyperplanes, drawn when the first vectors say their dimension."""

    def __init__(self, embedder: Embedder, n_bits: int, seed: int) -> None:
        self._embedder = embedder
        self._n_bits, self._seed = n_bits, seed
        self._normals = np.empty((n_bits, 0))

    @property
    def n_bits(self) -> int:
        return self._n_bits

    def entry(self) -> dict[str, Any]:
        vectors = {"model": self._embedder.model or None, "dimension": self._embedder.dimension or None}
        vectors |= {"dim": self._embedder.dim} if self._embedder.dim else {}
        return {"method": "hyperplanes", **vectors, "bits": self._n_bits, "seed": self._seed}

    def __call__(self, records: Sequence[Record]) -> Hashed:
        found, vectors, reasons = with_directions(records, self._embedder)
        if not found:
            return Hashed([], np.empty((0, 0), np.uint8), vectors, reasons)
        if vectors.shape[1] != self._normals.shape[1]:
            self._normals = hyperplanes.normals(self._n_bits, vectors.shape[1], self._seed)
        return Hashed(found, binary_codes.packed(hyperplanes.bits(vectors, self._normals)), vectors, reasons)

    def say(self) -> None:
        self._embedder.say(empty=False)


def with_directions(
    records: Sequence[Record], embedder: Embedder
) -> tuple[list[Record], NDArray[np.float32], dict[int, str]]:
    """Return the records that have a vector with a direction, their vectors (n, D), and why the others have none."""
    with_vector, vectors = embedder(records)
    is_usable: NDArray[np.bool_] = np.asarray(vectors.any(axis=1))
    reasons = {id(record): NO_VECTOR if record.text.strip() else EMPTY for record in records if record.pending}
    reasons |= {id(record): ZERO for record, usable in zip(with_vector, is_usable, strict=True) if not usable}
    found = [record for record, usable in zip(with_vector, is_usable, strict=True) if usable]
    return found, vectors[is_usable], {key: reasons[key] for key in reasons.keys() - set(map(id, found))}


def hash_records(lists: Iterable[list[Record]], hasher: Hasher) -> Iterator[list[Record]]:
    """Give each record its code in hexadecimal digits, or as numbers where it is linear; null where it has none."""
    for records in windows(lists):
        hashed = hasher(records)
        entry, field = hasher.entry(), field_of(hasher)
        for record, value in zip(hashed.records, _values(hashed, hasher.n_bits), strict=True):
            record.results = {field: value}
            record.entry = {**entry, **record.entry}
        for record in records:
            if record.pending and (reason := hashed.reasons.get(id(record))):
                record.results = {field: b"null"}
                record.entry = {**entry, **record.entry, "reason": reason}
        yield records


def field_of(hasher: Hasher) -> str:
    """Return the field that a hasher gives to records: a linear code is an embedding."""
    return CODE if hasher.n_bits else "embedding"


def _values(hashed: Hashed, n_bits: int) -> list[bytes]:
    """Return the codes as JSON."""
    if n_bits:
        return [b'"%b"' % code.encode() for code in binary_codes.as_hex(hashed.codes, n_bits)]
    vectors = () if hashed.vectors is None else hashed.vectors
    return [orjson.dumps(vector, option=orjson.OPT_SERIALIZE_NUMPY) for vector in vectors]


def _said(reasons: Counter[str]) -> str:
    why = ", ".join(f"{reason} {n:,}" for reason, n in reasons.most_common())
    return f"records without a code: {reasons.total():,} ({why})"


NOTES: dict[str, Note] = {"reason": _said}
"""What is said on stderr of the entries."""
