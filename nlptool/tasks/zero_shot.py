"""The label whose name or description is most similar to each record's text, without training."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from nlptool.models.classifiers import zero_shot as zero_shot_labels
from nlptool.models.classifiers.linear_classifier import error_of
from nlptool.records.formats.record_rows import Layout
from nlptool.records.record import Record
from nlptool.tasks.classify import TextsOf, as_json, checked, keep_gold
from nlptool.tasks.each_record import with_read
from nlptool.tasks.encoding import open_encoder
from nlptool.tasks.entries import model_entry

if TYPE_CHECKING:
    from nlptool.models.encoders.loading import LocatedAnyEncoder

LAYOUT = Layout({"label": str, "similarities": dict})


def zero_shot(
    lists: Iterable[list[Record]], located: LocatedAnyEncoder, labels: Mapping[str, str], texts_of: TextsOf, *,
    k: int | None = None,
) -> Iterator[list[Record]]:  # fmt: skip
    """Give each record the label that is most similar to its text, and the cosine of each.

    Args:
        lists: windows of records.
        located: the encoder.
        labels: label -> the text that stands for it.
        texts_of: returns the text of a record, or raises a RecordError.
        k: similarities that are written, the highest ones; None: all.

    Raises:
        RunError: a label has no vector.
    """
    encode = open_encoder(located)
    vectors = zero_shot_labels.label_vectors(labels, encode, model=located.name)
    names = [orjson.dumps(label) for label in labels]
    entry = {**model_entry(located), "zero_shot": True}
    for records in lists:
        found = with_read(records, lambda record: checked(texts_of(record)))
        if found:
            _work([record for record, _ in found], encode([text for _, (text,) in found]), vectors, names, entry, k)
        yield records


def _work(  # noqa: PLR0917
    records: Sequence[Record], embeddings: Any, vectors: Any, names: Sequence[bytes], entry: dict[str, Any], k: int | None
) -> None:  # fmt: skip
    finite = np.isfinite(embeddings.vectors).all(axis=1)
    similarities = zero_shot_labels.similarities(np.where(finite[:, None], embeddings.vectors, 0), vectors)
    for row, record in enumerate(records):
        if error := error_of(embeddings, row):
            record.fail(error)
        else:
            order = np.argsort(-similarities[row], kind="stable")
            listed = b",".join(b"%b:%b" % (names[index], as_json(similarities[row, index])) for index in order[:k])
            keep_gold(record, "label")
            record.results = {**record.results, "label": names[order[0]], "similarities": b"{%b}" % listed}
            unknown = embeddings.counts[row] if embeddings.counts else {}
            said = {"n_tokens": embeddings.n_tokens[row], **unknown, "truncated": embeddings.truncated[row]}
            record.entry = {**entry, **said}


class ZeroShotRows:
    """The rows of a table: the label, its cosine, and the text."""

    def columns(self) -> Sequence[tuple[str, type]]:
        return [("label", str), ("similarity", float), ("text", str)]

    def cells(self, record: Record) -> Iterator[list[Any]]:
        label = orjson.loads(record.results["label"])
        yield [label, orjson.loads(record.results["similarities"])[label], record.text]
