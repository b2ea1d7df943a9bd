"""Masked-token prediction on texts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from nlptool.records.pipe import Pipe
from nlptool.records.record import Record

if TYPE_CHECKING:
    from nlptool.models.masked.mlm_evaluation import Evaluation


def read(pipe: Pipe, path: str, evaluation: Evaluation) -> None:
    """Put the lines of a file to the model. A line end in a JSON string ends a line too."""

    def lines(own: Pipe) -> Iterator[list[Record]]:
        for records in own.read():
            evaluation.add([line for record in records if record.pending for line in record.text.split("\n")])
            yield records

    with pipe.beside(path) as own:
        own.consume(lines(own))
        own.refuse_failed(f"{path}: most records failed: this is no text")
    evaluation.finish(lambda done, total: pipe.bar.work("evaluate", done, total, "sequences"))


def figures(evaluation: Evaluation) -> dict[str, Any]:
    """What is said of a file."""
    every = evaluation.every.said()
    return {
        "n_sequences": evaluation.n_sequences,
        **every,
        "top1_interval": evaluation.every.interval(),
        "content": evaluation.content.said() if evaluation.knows_content else None,
        "n_unknown": evaluation.n_unknown,
    }


def result_rows(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A record for a table: a row for all words, and one for those of content."""
    for words, said in (("all", record), ("content", record["content"])):
        if said is not None:
            top1 = said["top1"]
            if words == "all" and record["top1_interval"]:
                top1 = "{} ({}–{})".format(top1, *record["top1_interval"])
            yield {
                "file": record["file"],
                "words": words,
                "pieces": said["n_pieces"],
                "top1": top1,
                "top5": said["top5"],
                "perplexity": said["perplexity"],
                "model": record["model"],
            }
