"""Perplexity: how well a language model predicts documents."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nlptool.errors import RunError
from nlptool.models.generation import likelihood
from nlptool.models.language import measures
from nlptool.models.runtime.one_by_one import failing
from nlptool.records.pipe import Pipe
from nlptool.records.record import STDIN
from nlptool.tasks import documents
from nlptool.tasks.languages import ModelScripts

if TYPE_CHECKING:
    from nlptool.models.generation.generator import Generator
    from nlptool.models.generation.likelihood import Likelihood

_TOGETHER = 200_000  # characters of the documents that are scored together
_HINT = "lines of text, an empty one between documents"


def lm(pipe: Pipe, model: Generator, *, end: bool, room: int | None, stride: int | None) -> list[dict[str, Any]]:
    """Return a record for each file of the input that has text.

    Args:
        end: the end of each document is predicted, too.
        room, stride: as of ``likelihood.of_texts``.

    Raises:
        RunError: there is no text, or the model gives no numbers.
    """
    records = []
    scripts = ModelScripts(model.name)
    with pipe.bar:
        for path in pipe.files or ("-",):
            with pipe.beside(path) as beside:
                texts = documents.read(beside)
                beside.refuse_failed(f"{path}: most records failed: this is no text")
            if not texts:
                continue
            name = STDIN if path == "-" else path
            found = _Totals(end)
            for first, after in _parts(texts):
                with failing(model.name):
                    found.add(likelihood.of_texts(model, texts[first:after], end=end, room=room, stride=stride))
                pipe.bar.work("evaluate", after, len(texts), "documents")
            n_ends = len(texts) if end else 0
            rules = {
                "model": model.name,
                "end": end,
                "window": found.window,
                "stride": stride if found.window else None,
            }
            unseen = {"n_unseen_script": sum(1 for _ in scripts.unseen(texts))}
            scores = found.scores(name, documents.n_words(texts) + n_ends, sum(map(len, texts)) + n_ends)
            records.append({"file": name, "n_documents": len(texts), **scores, **unseen, **rules})
    if not records and not pipe.tally.input_failed:  # else that has been said
        raise RunError("there is no text", hint=_HINT)
    return records


def _parts(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last + 1 of the documents that are scored together."""
    first = n_characters = 0
    for number, text in enumerate(texts, 1):
        n_characters += len(text)
        if number == len(texts) or n_characters >= _TOGETHER:
            yield first, number
            first, n_characters = number, 0


class _Totals:
    """What is added up over documents.

    Attributes:
        window: tokens that the network saw at once of a document that was longer; None: there was none.
    """

    def __init__(self, end: bool) -> None:
        self._end = end
        self._n_tokens = self._n_unknown = self._n_unscored = 0
        self._total = self._of_unknown = 0.0
        self.window: int | None = None

    def add(self, found: Iterable[Likelihood]) -> None:
        for each in found:
            self._n_tokens += each.n_scored
            self._n_unscored += len(each.ids) - int(each.scored.sum())
            self._total += each.total
            unknown = each.is_unknown & each.scored
            self._n_unknown += int(unknown.sum())
            self._of_unknown += float(each.log_probabilities[unknown].sum())
            self.window = each.window or self.window

    def scores(self, name: str, n_words: int, n_characters: int) -> dict[str, Any]:
        """Return the measures: those of all tokens, and the perplexity of the known ones alone.

        Raises:
            RunError: no token was scored, or the model gives no numbers.
        """
        if not self._n_tokens:
            raise RunError(f"{name} has no token that can be scored")
        if not np.isfinite(self._total):
            raise RunError(f"{name}: the log-probabilities of the model are no numbers (NaN or infinity)")
        n_known = self._n_tokens - self._n_unknown
        known = measures.scores(self._of_unknown - self._total, n_known, n_known, n_known) if n_known else {}
        unscored = {"n_unscored": self._n_unscored} if self._n_unscored else {}
        return {
            "n_tokens": self._n_tokens,
            "n_words": n_words,
            "n_characters": n_characters,
            **measures.scores(-self._total, self._n_tokens, n_words, n_characters),
            "n_unknown": self._n_unknown,
            "perplexity_of_known": known.get("perplexity"),
            **unscored,
        }


def table_rows(records: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the columns of the table."""
    names = (
        "file", "n_documents", "n_tokens", "n_unknown", "perplexity", "word_perplexity", "bits_per_character", "model"
    )  # fmt: skip
    for record in records:
        shown = {name: float(f"{record[name]:.5g}") for name in names if isinstance(record[name], float)}
        yield {
            name.removeprefix("n_"): value for name, value in ({name: record[name] for name in names} | shown).items()
        }
