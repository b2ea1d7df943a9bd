"""Tagged sentences and what a tagger says of them, for an evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from nlptool.errors import RecordError, RunError
from nlptool.models.runtime.one_by_one import GOOD_TEXT, OneByOne
from nlptool.models.taggers.detection import PLAIN, detect
from nlptool.models.taggers.schemes import SCHEMES, converted
from nlptool.models.taggers.words import words_of
from nlptool.records import tagged as tagged_files
from nlptool.records.pipe import Pipe
from nlptool.records.record import STDIN
from nlptool.records.tagged_names import Layout
from nlptool.records.tagged_pairs import TaggedPairs
from nlptool.records.tagged_sentence import Annotation, Sentence

if TYPE_CHECKING:
    from nlptool.models.heads.task import Task
    from nlptool.models.taggers.tagger import TaggedText, Tagger

_CHUNK = 1024  # sentences that are tagged before the bar moves


def tagged(pipe: Pipe, tagger: Tagger, task: Task, layout: Layout, scheme: str | None = None) -> list[TaggedPairs]:
    """Return the tagged sentences of each file of the input with what a tagger says of them.

    The tagger reads the words of a sentence, or finds words of its own where only spans are known. The tags that it gives are
    brought into the scheme of the gold ones.

    Args:
        scheme: of the gold tags; None: it is found out.

    Raises:
        RunError: there are no tagged sentences.
    """
    files = [_tagged(pipe, path, tagger, task, layout, scheme=scheme) for path in pipe.files or ("-",)]
    files = [file for file in files if file.gold]
    if not files and not pipe.tally.input_failed:
        hint = "a word and its tag a line, CoNLL-U, or JSON objects with `tokens` and `tags`, or `text` and `entities`"
        raise RunError("there are no tagged sentences to evaluate", hint=hint)
    return files


def _tagged(pipe: Pipe, path: str, tagger: Tagger, task: Task, layout: Layout, *, scheme: str | None) -> TaggedPairs:
    name = STDIN if path == "-" else path
    with pipe.beside(path) as beside:
        read = tagged_files.read(beside, layout)
        beside.refuse_failed(f"{name}: most of its records are no tagged sentences")
    sentences = read.good
    found = TaggedPairs(name, n_read=len(read.sentences), model=tagger.name, task=task.name or None)
    found.n_without_gold = found.n_read - len(sentences)
    target = _scheme(sentences, task, scheme)

    def run(some: Sequence[Sentence]) -> list[TaggedText]:
        words = [sentence.words or words_of(sentence.text) for sentence in some]
        return tagger.tag([sentence.text for sentence in some], task, words)

    good = Sentence(GOOD_TEXT, ((0, len(GOOD_TEXT)),), ())
    runner = OneByOne(run, good, name=tagger.name, engine=tagger.engine)
    with pipe.bar:
        for first in range(0, len(sentences), _CHUNK):
            chunk = sentences[first : first + _CHUNK]
            for start, outcome in runner.parts(chunk):
                _add(found, chunk[start:], outcome, target)
            pipe.bar.work("tag", first + len(chunk), len(sentences), "sentences")
    if found.n_without_prediction:
        pipe.note(f"{name}: sentences at which the model fails, left out: {found.n_without_prediction:,}")
    return found


def _scheme(sentences: Sequence[Sentence], task: Task, scheme: str | None) -> str:
    """Return the scheme into which the tags of a task are brought; "": they stay as they are."""
    gold = scheme or detect([sentence.tags for sentence in sentences if sentence.tags is not None]).scheme
    if PLAIN in (gold, task.scheme):
        return ""
    return gold if gold in SCHEMES else "iob2"


def _add(
    found: TaggedPairs, sentences: Sequence[Sentence], outcome: list[TaggedText] | RecordError, target: str
) -> None:
    """Add what is said of the first of some sentences."""
    if isinstance(outcome, RecordError):
        found.n_without_prediction += 1
        return
    for sentence, said in zip(sentences, outcome, strict=False):
        if not np.isfinite(said.scores).all():
            found.n_without_prediction += 1
            continue
        tags = converted(said.tags, target) if target else said.tags
        found.gold.append(replace(sentence, annotations=sentence.annotations[:1]))
        found.predicted.append(replace(sentence, words=tuple(said.words), annotations=(Annotation(tuple(tags)),)))
