"""Next-sentence prediction: whether a BERT tells the text that follows from text of elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from nlptool.errors import RunError
from nlptool.models.masked import nsp_evaluation
from nlptool.models.masked.nsp_evaluation import Documents
from nlptool.models.runtime.one_by_one import failing
from nlptool.records.pipe import Pipe
from nlptool.records.record import STDIN, Record
from nlptool.records.windows import windows
from nlptool.tasks.evaluate.lines import tokenized_lines
from nlptool.tasks.languages import MASKED, ModelOfInput, ModelScripts, masked_text

if TYPE_CHECKING:
    from nlptool.models.masked.model import MaskedModel

_QUESTIONS = {
    "another_document": "no text of another document: an empty line between two makes them two",
    "same_document": "no text of the same document that is far enough: its documents are short",
}
"""Where the text that does not follow is from -> what is said if there is no such text."""


def nsp(pipe: Pipe, models: ModelOfInput, *, n_pairs: int, seed: int) -> list[dict[str, Any]]:
    """Return a record for each file of the input that has text.

    Args:
        models: the one that is evaluated.
        n_pairs: of each question, at most; half of them follow.

    Raises:
        RunError: there is no text, or most of the records failed.
    """
    records = []
    for path in pipe.files or ("-",):
        with pipe.beside(path) as beside, beside.bar as bar:
            model = models.of(beside)
            documents = _read(beside, model)
            beside.refuse_failed(f"{path}: most records failed: this is no text")
            if not len(documents):  # the file is not there, or holds nothing
                continue
            with failing(model.name):
                scores = nsp_evaluation.evaluate(
                    model, documents, n_pairs=n_pairs, seed=seed,
                    report=lambda done, total: bar.work("evaluate", done, total, "pairs"),
                )  # fmt: skip
        name = STDIN if path == "-" else path
        rules = {
            "model": model.name,
            "max_length": model.texts.max_pieces(pair=True) + len(model.texts.model_input([], []).ids),
            "seed": seed,
        }
        records.append({"file": name, **scores, **rules})
        for question, reason in _QUESTIONS.items():
            if scores[question] is None:
                pipe.note(f"{name}: {reason}")
    if not any(record["runs"] for record in records) and not pipe.tally.input_failed:  # else that has been said
        raise RunError("there is no text to evaluate on", hint="a sentence a line, an empty line between documents")
    return records


def _read(pipe: Pipe, model: MaskedModel) -> Documents:
    """Tokenize the lines of the input. An empty line ends a document."""
    documents = Documents()
    scripts = ModelScripts(model.name, MASKED)

    def added(lists: Iterable[list[Record]]) -> Iterator[list[Record]]:
        for records, lines in tokenized_lines(lists, model):
            for line, tokenized in lines:
                if line.strip():
                    documents.add(tokenized.ids)
                else:
                    documents.end()
            yield records

    pipe.consume(scripts.noted(added(windows(pipe.read())), masked_text), notes=scripts.notes)
    return documents


def table_rows(records: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield for each record a row for each question."""
    for record in records:
        for question in _QUESTIONS:
            if record[question] is not None:
                scores = record[question]
                yield {
                    "file": record["file"],
                    "not next": question.replace("_", " "),
                    "pairs": scores["pairs"],
                    "accuracy": "{} ({}–{})".format(scores["accuracy"], *scores["accuracy_interval"]),
                    "auc": scores["auc"],
                    "model": record["model"],
                }
