"""Records that bring along their binary codes, as `nlptool hash` writes them, kept to be searched."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from nlptool.errors import RecordError
from nlptool.geometry import binary_codes
from nlptool.geometry.hamming import Codes
from nlptool.geometry.measures import prepare
from nlptool.geometry.row_file import RowFile
from nlptool.records.json_bytes import RESERVED, field_json, fields
from nlptool.records.record import Record
from nlptool.records.windows import windows
from nlptool.tasks.embedder import Embedder
from nlptool.tasks.hash import CODE
from nlptool.tasks.kept_records import KeptRecords
from nlptool.tasks.model_names import same_model

MADE_BY = ("method", "model", "identity", "dimension", "dim", "bits", "seed")
"""Fields of the entry of `hash` in which the codes of two records must agree to be compared."""


class CodeReader:
    """Reads the codes of records, which must all have been made in the same way.

    Args:
        made_by: how those were made that these are compared with; None: those of the first record decide.
        n_bits: of a code, if that is known.

    Attributes:
        made_by: what the first record says of it; {} while no record says something.
        n_digits: hexadecimal digits of a code; 0 before the first one.
    """

    def __init__(self, made_by: Mapping[str, Any] | None = None, n_digits: int = 0) -> None:
        self.made_by: Mapping[str, Any] = made_by or {}
        self.n_digits = n_digits

    @property
    def n_bits(self) -> int:
        """Bits of a code: as the records say, else four to a digit."""
        bits = self.made_by.get("bits")
        is_known = type(bits) is int and bits > 0 and binary_codes.n_digits(bits) == self.n_digits
        return int(self.made_by["bits"]) if is_known else 4 * self.n_digits

    def __call__(self, record: Record) -> bytes | None:
        """Return the code of a record, as of ``binary_codes.packed``; None if it brings none along.

        Raises:
            RecordError: it is none, or was made in another way than those before it.
        """
        values = fields(record.raw)
        code = values.get(CODE)
        if code is None or code == "":  # what an empty cell of a table holds
            return None
        if not isinstance(code, str):
            raise RecordError("NotACode", f"`{CODE}` is no string of hexadecimal digits")
        made_by = _made_by(values)
        if made_by and self.made_by:
            different = [name for name in MADE_BY if made_by.get(name) != self.made_by.get(name)]
            if different and not (different == ["model"] and _same_model(made_by, self.made_by)):
                raise _other(different[0], made_by, self.made_by)
        if self.n_digits and len(code) != self.n_digits:
            raise RecordError(
                "OtherCode", f"the code has {len(code):,} digits, and those before it have {self.n_digits:,}"
            )
        made_by = self.made_by or made_by
        bits = made_by.get("bits")
        try:
            found = binary_codes.of_hex(code, bits if type(bits) is int else None)
        except ValueError as error:
            raise RecordError("NotACode", f"`{CODE}` is no code: {error}") from error
        self.made_by, self.n_digits = made_by, len(code)
        return found


class CodedRecords(KeptRecords):
    """Records that have a code, in their order.

    Attributes:
        codes: theirs.
        reader: how they were made.
        vectors: (N, D) float32 of unit length, if all records bring their embeddings along; else None.
        n_without: records that have no code.
    """

    codes: Codes

    def __init__(self) -> None:
        super().__init__()
        self.reader = CodeReader()
        self.vectors: NDArray[np.float32] | None = None
        self.n_without = 0
        self._positions = array("q")
        self._words = RowFile(np.uint64)
        self._rows = RowFile(np.float32)

    def add(
        self, lists: Iterable[list[Record]], embedder: Embedder, *, id_field: str | None = None
    ) -> Iterator[list[Record]]:
        """Add the records that have a code, without their other fields; yield the failed ones.

        Args:
            embedder: reads the embeddings of those that have one.
            id_field: the field that names a record.
        """
        n_vectors = n_read = 0
        for window in windows(lists):
            codes = self._codes(window)
            with_vector, vectors = embedder(record for record, _ in codes if has_embedding(record))
            codes = [(record, code) for record, code in codes if record.pending]
            for position, record in enumerate(window, n_read):
                record.number = position
            for record, _ in codes:
                self._positions.append(record.number)
                self.keep(record, field_json(record.raw, id_field), whole=False)
            self._words.add(binary_codes.as_words([code for _, code in codes]))
            if n_vectors + len(with_vector) == len(self):
                self._rows.add(prepare(vectors, "cosine"))
                n_vectors += len(with_vector)
            n_read += len(window)
            yield [record for record in window if not record.pending]
        words = self._words.matrix()
        self.codes = Codes(words)
        self.vectors = self._rows.matrix() if n_vectors == len(self) and n_vectors else None
        self.close()

    def shown(self, index: int) -> dict[str, Any]:
        """Return what names an item in an answer: index, file, line, and id and text if it has them."""
        record, name = self.record(index), self.part(index)
        return {
            "index": self._positions[index],
            **record.named(),
            **({"id": orjson.Fragment(name)} if name else {}),
            **({"text": record.text} if record.text else {}),
        }

    def _codes(self, window: list[Record]) -> list[tuple[Record, bytes]]:
        """Return the records of a window that have a code, with it; those whose code is none fail."""
        found = []
        for record in window:
            if not record.pending:
                continue
            try:
                code = self.reader(record)
            except RecordError as error:
                record.fail(error)
                continue
            if code is None:
                self.n_without += 1
            else:
                found.append((record, code))
        return found


def has_embedding(record: Record) -> bool:
    """Return whether a record brings its embedding along."""
    return fields(record.raw).get("embedding") not in (None, "")


def _made_by(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a record says of how its code was made; {} if it says nothing."""
    entries = values.get(RESERVED)
    entry = entries.get("hash") if isinstance(entries, dict) else None
    return {name: entry[name] for name in MADE_BY if name in entry} if isinstance(entry, dict) else {}


def _same_model(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Return whether the models of two records are one, of which all else is the same: it has the same weights, or the name is
    spelled in another way."""
    return "identity" in first or same_model(str(first.get("model") or ""), str(second.get("model") or ""))


def _other(name: str, made_by: Mapping[str, Any], wanted: Mapping[str, Any]) -> RecordError:
    return RecordError(
        "OtherCode",
        f"the code was made with another {name}, {made_by.get(name)!r:.80}, than the others, {wanted.get(name)!r:.80}: their "
        "distance would mean nothing",
        hint="nlptool hash makes it anew",
    )
