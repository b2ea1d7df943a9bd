"""Next-sentence prediction on documents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.records.windows import windows

if TYPE_CHECKING:
    from nlptool.models.masked.nsp_evaluation import Documents
    from nlptool.models.masked.tokenizer import MaskedLmTokenizer

QUESTIONS = ("another_document", "same_document")

REASONS = {
    "another_document": "no text of another document: an empty line between two makes them two",
    "same_document": "no text of the same document that is far enough: its documents are short",
}


def read(pipe: Pipe, texts: MaskedLmTokenizer) -> Documents:
    """The lines of the input as pieces. An empty line ends a document; a JSON string can hold several lines."""
    from nlptool.models.masked.nsp_evaluation import Documents

    documents = Documents()

    def taken_in() -> Iterator[list[Record]]:
        for records in windows(pipe.read()):
            lines = [line for record in records if record.pending for line in record.text.split("\n")]
            for line, cut in zip(lines, texts.cut(lines), strict=True):
                if line.strip():
                    documents.add(cut.ids)
                else:
                    documents.end()
            yield records

    pipe.consume(taken_in())
    return documents


def result_rows(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A record for a table: a row for each question."""
    for question in QUESTIONS:
        if record[question] is not None:
            said = record[question]
            yield {
                "file": record["file"],
                "not next": question.replace("_", " "),
                "pairs": said["pairs"],
                "accuracy": "{} ({}–{})".format(said["accuracy"], *said["accuracy_interval"]),
                "auc": said["auc"],
                "model": record["model"],
            }
