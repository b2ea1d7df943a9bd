"""Masked-token prediction: how well a masked language model guesses hidden words of texts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from nlptool.errors import RunError
from nlptool.models.masked.mlm_evaluation import Evaluation
from nlptool.models.runtime.one_by_one import failing
from nlptool.records.pipe import Pipe
from nlptool.records.record import STDIN, Record
from nlptool.tasks.evaluate.lines import tokenized_lines
from nlptool.tasks.languages import MASKED, UNSEEN_SCRIPT, ModelOfInput, ModelScripts, masked_text

if TYPE_CHECKING:
    from nlptool.models.masked.model import MaskedModel


def mlm(pipe: Pipe, models: ModelOfInput, *, share: float, by: str, limit: int, seed: int) -> list[dict[str, Any]]:
    """Return a record for each file of the input that has text.

    Args:
        models: the one that is evaluated.
        share: of the text, that is masked.
        by: what a sequence holds: document (as many lines as the model takes) | line.
        limit: sequences at most, drawn at random; 0: all.

    Raises:
        RunError: there is no text.
    """
    records = []
    with pipe.bar:
        for path in pipe.files or ("-",):
            with pipe.beside(path) as beside:
                model = models.of(beside)
                evaluation = Evaluation(model, share=share, seed=seed, by_line=by == "line", limit=limit)
                with failing(model.name):
                    n_unseen = _read(beside, model, evaluation)
                beside.refuse_failed(f"{path}: most records failed: this is no text")
            with failing(model.name):
                evaluation.finish(lambda done, total: pipe.bar.work("evaluate", done, total, "sequences"))
            name = STDIN if path == "-" else path
            if evaluation.n_sequences:
                rules = {
                    "model": model.name,
                    "max_length": model.texts.max_pieces() + len(model.texts.model_input([]).ids),
                    "share": share,
                    "by": by,
                    "limit": limit or None,
                    "seed": seed,
                }
                counts = {f"n_{UNSEEN_SCRIPT}": n_unseen}
                records.append({"file": name, **_scores(evaluation), **counts, **rules})
            if evaluation.n_sequences and not evaluation.every.n_pieces:
                pipe.note(f"{name}: there is no word to be guessed: the vocabulary knows none")
    if not records and not pipe.tally.input_failed:  # else that has been said
        raise RunError("there is no text", hint="lines of text, an empty one between documents")
    return records


def _read(file: Pipe, model: MaskedModel, evaluation: Evaluation) -> int:
    """Evaluate the lines of a file, and return how many records are in a script that the model does not know."""
    scripts = ModelScripts(model.name, MASKED)
    n_unseen = 0

    def added(lists: Iterable[list[Record]]) -> Iterator[list[Record]]:
        nonlocal n_unseen
        for records, lines in tokenized_lines(scripts.noted(lists, masked_text), model):
            evaluation.add(lines)
            n_unseen += sum(UNSEEN_SCRIPT in record.entry for record in records)
            yield records

    file.consume(added(file.read()), notes=scripts.notes)
    return n_unseen


def _scores(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "n_sequences": evaluation.n_sequences,
        **evaluation.every.said(),
        "content": evaluation.content.said() if evaluation.knows_content else None,
        "n_unknown": evaluation.n_unknown,
    }


def table_rows(records: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield for each record a row for all words, and one for the content words."""
    for record in records:
        for words, scores in (("all", record), ("content", record["content"])):
            if scores is not None:
                yield {
                    "file": record["file"],
                    "words": words,
                    "pieces": scores["n_pieces"],
                    "top1": _with_interval(scores, "top1"),
                    "top5": _with_interval(scores, "top5"),
                    "perplexity": scores["perplexity"],
                    "model": record["model"],
                }


def _with_interval(scores: Mapping[str, Any], name: str) -> Any:
    interval = scores[f"{name}_interval"]
    return "{} ({}–{})".format(scores[name], *interval) if interval else scores[name]
