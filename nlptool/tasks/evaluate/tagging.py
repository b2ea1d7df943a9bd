"""Predicted tags and entities, judged by gold ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nlptool.errors import RunError
from nlptool.models.taggers.detection import PLAIN, Detected, detect
from nlptool.records import tagged_pairs
from nlptool.records.labels import shortened
from nlptool.records.pipe import Pipe
from nlptool.records.tagged_names import Layout
from nlptool.records.tagged_pairs import TaggedPairs
from nlptool.records.tagged_sentence import Sentence
from nlptool.tasks.evaluate import tag_judgements
from nlptool.tasks.evaluate.judgements import Judgement
from nlptool.tasks.evaluate.tag_judgements import Rules


def read(pipe: Pipe, layout: Layout, predicted: str | None) -> list[TaggedPairs]:
    """Return the sentences of each file of the input, with their predictions.

    Args:
        predicted: the file of the predictions; None: they stand beside the tags.

    Raises:
        RunError: there are none.
    """
    if predicted is not None:
        files = [tagged_pairs.read_two(pipe, next(iter(pipe.files), "-"), predicted, layout)]
    else:
        files = [tagged_pairs.read(pipe, path, layout) for path in pipe.files or ("-",)]
    files = [file for file in files if file.gold]
    if not files and not pipe.tally.input_failed:
        hint = "a word, its gold tag and its predicted tag a line, or JSON objects with `gold` and `entities` or `tags`"
        raise RunError("there are no tagged sentences with predictions to evaluate", hint=hint)
    return files


def evaluate(pipe: Pipe, files: Iterable[TaggedPairs], rules: Rules) -> list[Judgement]:
    """Return the scores of each file.

    Raises:
        RunError: the tags of a file are not of one kind, or not of the scheme.
    """
    return [_judged(pipe, file, rules) for file in files]


def _judged(pipe: Pipe, file: TaggedPairs, rules: Rules) -> Judgement:
    gold, predicted = (_detected(side, rules.scheme) for side in (file.gold, file.predicted))
    kinds = [each and (each.scheme == PLAIN) for each in (gold, predicted) if each is None or each.scheme]
    is_plain = bool(kinds) and all(kinds)
    if not is_plain and any(kinds):
        which, other = ("gold", "predicted") if gold and gold.scheme == PLAIN else ("predicted", "gold")
        examples = gold if which == "gold" else predicted
        some = ", ".join(f"`{shortened(tag)}`" for tag, _ in (examples.without_prefix if examples else ())[:3])
        message = f"{file.name}: the {other} annotations are entities, and the {which} tags are none: {some}"
        raise RunError(
            message, hint="--column and --predicted-column name the columns, --scheme says what the tags are"
        )
    head = {
        "file": file.name,
        "records": file.n_read,
        "used": len(file.gold),
        "skipped": file.n_read - len(file.gold),
        "without_gold": file.n_without_gold,
        "without_prediction": file.n_without_prediction,
        "other_text": file.n_other,
        "kind": "tags" if is_plain else "entities",
    }
    if is_plain:
        judgement = tag_judgements.of_tags(pipe, file, rules)
    else:
        judgement = tag_judgements.of_entities(pipe, file, rules, (gold, predicted))
    of_task = {"task": file.task} if file.task else {}
    made_by = {"model": file.model, **of_task, "bootstrap": rules.resamples, "seed": rules.seed}
    return Judgement({**head, **judgement.record, **made_by}, judgement.confused)


def _detected(sentences: Sequence[Sentence], scheme: str | None) -> Detected | None:
    """Return what the tags of sentences are; None if one has spans."""
    if any(sentence.tags is None for sentence in sentences):
        return None
    tags = [sentence.tags or () for sentence in sentences]
    return detect(tags, scheme)
