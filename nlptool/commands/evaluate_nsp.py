"""``nlptool evaluate nsp``: does a BERT tell the text that follows from text of elsewhere?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from nlptool import bert, options, results
from nlptool.batches import windows
from nlptool.errors import RunError
from nlptool.pipe import Pipe
from nlptool.records import Record
from nlptool.streams import STDIN

if TYPE_CHECKING:
    from nlptool.models.masked_texts import Texts
    from nlptool.models.next_sentence_evaluation import Documents

QUESTIONS = ("another_document", "same_document")
_WHY = {
    "another_document": "no text of another document: an empty line between two makes them two",
    "same_document": "no text of the same document that is far enough: its documents are short",
}


def read(pipe: Pipe, texts: Texts) -> Documents:
    """The lines of the input as pieces. An empty line ends a document; a JSON string can hold several lines."""
    from nlptool.models.next_sentence_evaluation import Documents

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


@click.command()
@options.records("evaluate", writes=False)
@click.option("--pairs", default=2000, show_default=True, metavar="N", type=click.IntRange(min=2),
              help="Pairs of each question, at most; half of them follow.")  # fmt: skip
@options.bert
@options.seed
@options.table_choice()
def command(pipe: Pipe, pairs: int, seed: int, format: str | None, **choice: Any) -> None:
    """Next-sentence prediction: whether a BERT tells the text that follows from text of another work, and of the same one.

    A file is a sentence or a paragraph a line, with an empty line between documents; it should be text that the model was not
    trained on. As in its training, runs of lines that fill --max-length tokens are divided in two. Half of the pairs are such;
    in the others the second text is one of as many tokens from elsewhere: from another document, or, a question of its own and a
    harder one, from the same document, three runs away or more.

    One record a file: documents, skipped (documents of a single piece), runs, and for another_document and same_document each
    pairs, accuracy with its 95 % interval (Wilson), auc (the probability that a pair that follows has a larger logit margin
    than one that does not; both are 0.5 by chance and better higher), and of the pairs that follow (next) and the others
    (not_next) the accuracy and the mean margin.
    null stands where a file has no such text.

    \b
    nlptool evaluate nsp held_out.txt
    nlptool evaluate nsp --pairs 10000 --max-length 64 -m my-bert held_out.txt -f jsonl
    """
    from nlptool.models import next_sentence_evaluation

    model = bert.load(pipe, bert.Choice(**choice), head="nsp")
    records = []
    for path in pipe.files or ("-",):
        with pipe.beside(path) as own, own.bar as bar:
            documents = read(own, model.texts)
            own.refuse_failed(f"{path}: most records failed: this is no text")
            if not len(documents):  # it is not there, or holds nothing
                continue
            found = next_sentence_evaluation.evaluate(
                model, documents, n_pairs=pairs, seed=seed,
                report=lambda done, total: bar.work("evaluate", done, total, "pairs"),
            )  # fmt: skip
        name = STDIN if path == "-" else path
        rules = {
            "model": model.name,
            "max_length": model.texts.room(pair=True) + len(model.texts.row([], []).ids),
            "seed": seed,
        }
        records.append({"file": name, **found, **rules})
        for question in QUESTIONS:
            if found[question] is None:
                pipe.note(f"{name}: {_WHY[question]}")
    if not any(record["runs"] for record in records) and not pipe.input_failed:  # else that has been said
        raise RunError("there is no text to evaluate on", hint="a sentence a line, an empty line between documents")
    results.show(
        [row for record in records for row in _rows(record)] if results.wants_table(format) else records, format
    )


def _rows(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
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
