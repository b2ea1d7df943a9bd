"""``nlptool evaluate sts``: do the vectors of sentences agree with people?"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from nlptool import options, pairs, results
from nlptool.errors import RunError
from nlptool.pairs import Pair
from nlptool.pipe import Pipe
from nlptool.streams import STDIN

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from nlptool.embedder import Embedder

_TOGETHER = 4096  # texts that are embedded before the bar moves
_OF_RECORDS = ("input_format", "field", "id_field", "header", "null")  # options that have no effect on pairs


class Sentences:
    """The sentences of all pairs, each embedded once however many pairs it stands in.

    Args:
        report: is told how many sentences of how many are embedded.
    """

    def __init__(self, found: list[Pair], embedder: Embedder, measure: str, report: Callable[[int, int], None]) -> None:
        import numpy as np

        from nlptool.models import representations

        texts = list(dict.fromkeys(text for pair in found for text in (pair.first, pair.second)))
        vectors, known = [], []
        self.n_truncated = 0
        for start in range(0, len(texts), _TOGETHER):
            embeddings = embedder.encode(texts[start : start + _TOGETHER])
            rows = embeddings.vectors
            there = np.asarray(embeddings.n_tokens) > 0
            known.append(there & np.isfinite(rows).all(axis=1) & representations.has_direction(rows, measure))
            vectors.append(np.where(known[-1][:, None], rows, 0))
            self.n_truncated += sum(embeddings.truncated)
            report(start + len(rows), len(texts))
        self._places = {text: place for place, text in enumerate(texts)}
        self._vectors = np.concatenate(vectors)
        self._known = np.concatenate(known)
        self._measure = measure

    def similarities(self, found: list[Pair]) -> NDArray[np.float64]:
        """similarities[i] is that of the two sentences of found[i], (n,): larger is more alike. NaN where one has no vector."""
        import numpy as np

        from nlptool.models.similarities import of_rows

        first = np.asarray([self._places[pair.first] for pair in found])
        second = np.asarray([self._places[pair.second] for pair in found])
        values = of_rows(self._vectors[first], self._vectors[second], self._measure)
        return np.where(self._known[first] & self._known[second], values, np.nan)


def agreement(
    similarities: NDArray[np.float64], scores: NDArray[np.float64], *, resamples: int, seed: int
) -> dict[str, Any]:
    """The correlations of similarities with scores, (n,) each, and their intervals; pairs whose similarity is NaN are skipped."""
    import numpy as np

    from nlptool.models import correlations

    used = np.isfinite(similarities)
    ours, theirs = similarities[used], scores[used]
    intervals = correlations.bootstrap(ours, theirs, resamples=resamples, seed=seed)
    said: dict[str, Any] = {"pairs": len(used), "used": len(ours), "skipped": len(used) - len(ours)}
    for name, correlation, interval in zip(
        ("spearman", "pearson"), (correlations.spearman, correlations.pearson), intervals, strict=True
    ):
        said[name] = correlations.rounded(correlation(ours, theirs))
        said[f"{name}_interval"] = interval and [correlations.rounded(end) for end in interval]
    return said


@click.command()
@options.records("evaluate", writes=False)
@options.encoder(embeddings=False)
@options.measure("cosine", "dot", "euclidean", "pearson")
@click.option("--bootstrap", default=1000, show_default=True, metavar="N", type=click.IntRange(0, 100_000),
              help="Resamples of the pairs, for the intervals; 0: no intervals.")  # fmt: skip
@options.seed
@options.table_choice()
def command(pipe: Pipe, measure: str, bootstrap: int, seed: int, format: str | None, **encoding: Any) -> None:
    """Semantic textual similarity: sentences whose similarity people gave, as in STS-B and JSTS, against that of their vectors.

    A line is two sentences and a number, higher for more alike, with tabs or commas between them (quotes around what holds a
    comma), or a JSON object with sentence1, sentence2, score (or first, second; text1, text2; label, similarity). A first line
    whose score is no number is a head. The scale is the file's own.

    One record a file: pairs, used, skipped (a sentence has no vector: the model knows none of its words); Spearman's ρ and
    Pearson's r of similarities and scores, between -1 and 1, null where one of them is all the same; and their 95 % bootstrap
    intervals, null where there are too few pairs.

    \b
    nlptool evaluate sts stsb-dev.csv
    nlptool evaluate sts -m static-ja-en jsts.jsonl stsb-ja.csv
    nlptool evaluate sts -m my.vec --measure dot pairs.tsv -f jsonl
    """
    for name in sorted(options.typed(_OF_RECORDS)):
        raise click.UsageError(f"evaluate sts reads pairs, and makes no use of --{name.replace('_', '-')}")
    import numpy as np

    from nlptool import embedder as embedders

    files = [(STDIN if path == "-" else path, pairs.read(pipe, path, scored=True)) for path in pipe.files or ("-",)]
    everything = [pair for _, found in files for pair in found]
    if not everything:
        raise RunError("there are no pairs", hint="two sentences and a number a line, with tabs or commas between them")
    embedder = embedders.Embedder(pipe, embedders.Choice(**encoding))
    with pipe.bar as bar:
        sentences = Sentences(
            everything, embedder, measure, lambda done, total: bar.work("embed", done, total, "sentences")
        )
    if sentences.n_truncated:
        pipe.note(f"sentences that were longer than the model takes, and were cut: {sentences.n_truncated:,}")
    rules = {"model": embedder.model, "measure": measure, "bootstrap": bootstrap, "seed": seed}
    records = []
    for name, found in files:
        if not found:  # it is not there, or holds nothing, which has been said
            continue
        similarities = sentences.similarities(found)
        scores = np.asarray([pair.score for pair in found], np.float64)
        records.append({"file": name, **agreement(similarities, scores, resamples=bootstrap, seed=seed), **rules})
        if records[-1]["spearman"] is None:
            pipe.note(f"{name}: there is no correlation: {_reason(similarities, scores)}")
    results.show([_row(record) for record in records] if results.wants_table(format) else records, format)


def _reason(similarities: NDArray[np.float64], scores: NDArray[np.float64]) -> str:
    """Why there is no correlation."""
    used = [score for similarity, score in zip(similarities, scores, strict=True) if not math.isnan(similarity)]
    if len(used) < 2:
        return f"it needs two pairs whose sentences have vectors, here {'is 1' if used else 'are none'}"
    return f"all {len(used):,} {'scores' if len(set(used)) == 1 else 'similarities'} are the same"


def _row(record: dict[str, Any]) -> dict[str, Any]:
    """A record for a table: the correlations with their intervals, without the rules."""
    row = {name: record[name] for name in ("file", "pairs", "used", "skipped", "spearman", "pearson", "model")}
    for name in ("spearman", "pearson"):
        if record[f"{name}_interval"]:
            row[name] = "{} ({}–{})".format(record[name], *record[f"{name}_interval"])
    return row
