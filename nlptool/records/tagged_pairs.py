"""Tagged sentences and predictions about them: beside each other in one file, or in two files of the same sentences."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from nlptool.errors import RunError
from nlptool.records import tagged
from nlptool.records.pipe import Pipe
from nlptool.records.record import STDIN
from nlptool.records.tagged import Tagged
from nlptool.records.tagged_names import Layout
from nlptool.records.tagged_sentence import Sentence

_MOST_OTHER = 2  # one of so many pairs may be of other sentences


@dataclass(slots=True)
class TaggedPairs:
    """The sentences of a file and the predictions about them.

    Attributes:
        gold: sentences with one annotation.
        predicted: the same sentences, with the predicted annotation; their words may be others.
        n_read: sentences of the input.
        n_other: pairs that are left out, because their texts differ.
        model: what predicted them, if that is known.
        task: of that model, if it has several.
    """

    name: str
    gold: list[Sentence] = field(default_factory=list)
    predicted: list[Sentence] = field(default_factory=list)
    n_read: int = 0
    n_without_gold: int = 0
    n_without_prediction: int = 0
    n_other: int = 0
    model: str | None = None
    task: str | None = None


def read(pipe: Pipe, path: str, layout: Layout) -> TaggedPairs:
    """Read the sentences of a file whose predictions stand beside their tags.

    Raises:
        RunError: no sentence has both.
    """
    sentences = _sentences(pipe, path, replace(layout, paired=True))
    name = _name(path)
    found = TaggedPairs(name, n_read=len(sentences.sentences), model=_only(sentences.models))
    found.n_without_gold, found.n_without_prediction = sentences.n_without_gold, sentences.n_without_prediction
    for sentence in sentences.good:
        found.gold.append(replace(sentence, annotations=sentence.annotations[:1]))
        found.predicted.append(replace(sentence, annotations=sentence.annotations[1:]))
    if not found.gold and sentences.reason is not None:
        raise RunError(f"{name}: {sentences.reason.message}", hint=sentences.reason.hint)
    for n_without, what in ((found.n_without_gold, "gold tags"), (found.n_without_prediction, "a prediction")):
        if n_without:
            pipe.note(f"{name}: records without {what}, which are left out: {n_without:,} of {found.n_read:,}")
    return found


def read_two(pipe: Pipe, path: str, predicted_path: str, layout: Layout) -> TaggedPairs:
    """Read the sentences of a file, and from another one the predictions, in the same order.

    Args:
        layout: ``column`` is of the first file, ``predicted`` of the second one.

    Raises:
        RunError: the files have not as many sentences, or most of these differ.
    """
    gold = _sentences(pipe, path, replace(layout, predicted=None, paired=False))
    of_predicted = Layout(layout.predicted, words=layout.words, of_predictions=True)
    predicted = _sentences(pipe, predicted_path, of_predicted)
    found = TaggedPairs(_name(path), n_read=len(gold.sentences), model=_only(predicted.models))
    names = f"{found.name} and {_name(predicted_path)}"
    if len(gold.sentences) != len(predicted.sentences):
        numbers = f"{len(gold.sentences):,} and {len(predicted.sentences):,}"
        first = _first_other(zip(gold.sentences, predicted.sentences, strict=False))
        where = f"; the first that differ: {first}" if first else ""
        raise RunError(
            f"{names} have not as many sentences: {numbers}{where}",
            hint="both hold the same sentences in the same order",
        )
    others: list[tuple[Sentence, Sentence]] = []
    for ours, theirs in zip(gold.sentences, predicted.sentences, strict=True):
        if ours is None or theirs is None:
            found.n_without_gold += ours is None
            found.n_without_prediction += ours is not None
        elif without_blanks(ours.text) != without_blanks(theirs.text):
            others.append((ours, theirs))
        else:
            found.gold.append(ours)
            found.predicted.append(theirs)
    found.n_other = len(others)
    if others:
        what = (
            f"{names}: sentences that differ: {found.n_other:,} of {found.n_read:,}; the first: {_first_other(others)}"
        )
        if _MOST_OTHER * found.n_other > found.n_read:
            raise RunError(what, hint="both hold the same sentences in the same order")
        pipe.note(f"{what}; they are left out")
    return found


def without_blanks(text: str) -> str:
    """Return a text without white space: what two spellings of it have in common."""
    return "".join(text.split())


def _sentences(pipe: Pipe, path: str, layout: Layout) -> Tagged:
    with pipe.beside(path) as beside:
        return tagged.read(beside, layout)


def _only(names: set[str]) -> str | None:
    return next(iter(names)) if len(names) == 1 else None


def _name(path: str) -> str:
    return STDIN if path == "-" else path


def _first_other(pairs: Iterable[tuple[Sentence | None, Sentence | None]]) -> str:
    """Return where the first two different sentences stand, "" if there are none."""
    for ours, theirs in pairs:
        if ours and theirs and without_blanks(ours.text) != without_blanks(theirs.text):
            return f"lines {ours.line:,} and {theirs.line:,}: `{_shown(ours.text)}`, `{_shown(theirs.text)}`"
    return ""


def _shown(text: str) -> str:
    return repr(text[:30])[1:-1]
