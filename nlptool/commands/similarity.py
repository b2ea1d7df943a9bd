"""``nlptool similarity``: how alike sentences are, all with all, the nearest of each, or the pairs above a threshold."""

from __future__ import annotations

import functools
import os
import shutil
import stat
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from nlptool import comparisons, options, tables
from nlptool.batches import windows
from nlptool.errors import RunError
from nlptool.pairs import TEXTS
from nlptool.pipe import Pipe
from nlptool.records import Record

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from nlptool.embedder import Embedder
    from nlptool.items import Items, Matrix
    from nlptool.models.similarities import Vectors

_WITHOUT_DIRECTION = {"cosine": "vectors of zeros", "pearson": "vectors of equal components"}


@click.command()
@options.records("similarity", instead=("embedding", "tokens"))
@click.option("--against", metavar="FILE", help="Compare with the records of FILE, not with each other.")
@click.option(
    "--pairs",
    is_flag=True,
    help="Two sentences a line, with a tab between them, or two fields: how alike are these two?",
)
@click.option("-k", "--top-k", metavar="K", type=click.IntRange(1, 100_000), help="The K nearest of each alone.")
@options.threshold("Only what is at least T alike; without -k as pairs.")
@options.measure("cosine", "dot", "euclidean", "pearson")
@options.format_choice(
    "jsonl", "npy", "csv", "parquet", "table",
    text="npy: the matrix; csv, parquet: a row for each item, neighbor or pair; table: for a person.",
)  # fmt: skip
@click.option("--plot", metavar="FILE", help="Draw the matrix as a heat map: .png, .svg or .pdf.")
@options.memory
@options.encoder()
def command(  # noqa: PLR0917
    pipe: Pipe,
    against: str | None,
    pairs: bool,
    top_k: int | None,
    threshold: float | None,
    measure: str,
    format: str,
    plot: str | None,
    memory: int,
    **choice: Any,
) -> None:
    """How alike sentences are: all with all, the nearest of each, or the pairs above a threshold.

    Each record gets `index`, which counts the records that have a vector from 0, and `similarities` with all of them, itself
    included; with -k `neighbors`, a list of {index, text, similarity}, the nearest first. --threshold alone gives a record
    for each pair: {first_index, second_index, first, second, similarity}. --pairs gives each record `similarity`. Larger is
    more alike, whatever the measure; cosine and Pearson's r are between -1 and 1.

    \b
    nlptool similarity captions.txt -f table
    nlptool similarity captions.txt --plot captions.png > matrix.jsonl
    nlptool similarity questions.txt --against answers.txt --top-k 3
    nlptool similarity --threshold 0.9 corpus.txt > duplicates.jsonl
    printf '犬が走る。\\tA dog runs.\\n' | nlptool similarity --pairs

    Records that hold an `embedding` (nlptool embed) are not encoded again; an .npy of vectors is read as it is. An empty line
    has no vector: it is left out and counted. All is exact; products are made block by block, --memory of them at a time.
    """
    pipe.refuse_binary_on_terminal(format in ("npy", "parquet"), f"-f {format}")
    some = pairs or top_k is not None or threshold is not None
    if pairs and (against is not None or top_k is not None or threshold is not None):
        raise click.UsageError("--pairs compares the two texts of a record: without --against, -k and --threshold")
    if some and (plot is not None or format == "npy"):
        option = "--plot" if plot is not None else "-f npy"
        raise click.UsageError(f"{option} is of the matrix: without --pairs, -k and --threshold")
    if against == "-" and "-" in (pipe.files or ("-",)):
        raise click.UsageError("stdin cannot be both sides at once: name a FILE")
    if plot is not None:
        from nlptool import plots

        plots.check(plot)
    from nlptool.embedder import Choice, Embedder
    from nlptool.models import similarities

    similarities.use_threads(choice["threads"])
    embedder = Embedder(pipe, Choice(**choice))
    comparison = Comparison(pipe, embedder, measure, against, memory)
    if pairs:
        pipe.form = replace(pipe.form, instead=tuple(chain.from_iterable(TEXTS)))
        lists = comparison.with_entry(comparisons.of_pairs(windows(pipe.read()), embedder, measure))
        tables.write(pipe, lists, format, tables.Columns({**dict.fromkeys(TEXTS[0], str), "similarity": float}))
    elif top_k is not None:
        tables.write(pipe, comparison.neighbors(top_k, threshold), format, tables.Neighbors(pipe.id_field))
    elif threshold is not None:
        kinds: dict[str, type] = dict.fromkeys(("first_index", "second_index"), int)
        kinds |= dict.fromkeys([*(("first_id", "second_id") if pipe.id_field else ()), *TEXTS[0]], str)
        tables.write(pipe, comparison.pairs(threshold), format, tables.Columns({**kinds, "similarity": float}))
    else:
        _write_matrix(pipe, comparison, format, plot)
    embedder.say()


def _write_matrix(pipe: Pipe, comparison: Comparison, format: str, plot: str | None) -> None:
    import numpy as np

    rows = tables.Matrix(comparison.labels, comparison.label, format)
    if format == "npy":
        from nlptool.matrices import Npy

        file = Npy(np.dtype("<f4"), 0, field="similarities")

        def row(record: Record) -> bytes:
            file.columns = len(comparison.others)
            return b"" if record.error is not None or record.done else file.row(record)

        lists = comparison.matrix(lambda values: values.tobytes(), bytes_each=4, plot=plot is not None)
        pipe.write(lists, row, start=file.start, finish=file.finish, terminator=None)
    else:
        as_json = functools.partial(orjson.dumps, option=orjson.OPT_SERIALIZE_NUMPY)
        lists = comparison.matrix(as_json, bytes_each=10, plot=plot is not None, widest=format == "table")
        tables.write(pipe, lists, format, rows)
    if plot is not None and not len(comparison.items):
        pipe.note(f"there is nothing to draw: {plot} is not written")
    elif plot is not None:
        from nlptool import plots

        names = [comparison.label(index) for index in range(len(comparison.items))]
        plots.heatmap(
            comparison.drawn(), plot, rows=names, columns=comparison.labels(), label=comparison.measure, note=pipe.note
        )


class Comparison:
    """What is compared with what. It is read when the first result is asked for, so that an output that cannot be written is
    known before.

    ``items`` are the records of the input, ``others`` those of ``against`` or the same.
    """

    def __init__(self, pipe: Pipe, embedder: Embedder, measure: str, against: str | None, memory: int) -> None:
        self.measure = measure
        self.items: Items | Matrix
        self.others: Items | Matrix
        self._pipe = pipe
        self._embedder = embedder
        self._against = against
        self._memory = memory

    def labels(self) -> list[str]:
        """Of the columns."""
        return [_label(self.others, index) for index in range(len(self.others))]

    def label(self, index: int) -> str:
        """Of a row."""
        return _label(self.items, index)

    def matrix(self, as_bytes: Any, *, bytes_each: int, plot: bool, widest: bool = False) -> Iterator[list[Record]]:
        """A record for each item, with all its similarities, of ``bytes_each`` as they are written (about, if it is text)."""
        a, b = self._read()
        self._check_room(len(a), len(b), bytes_each)
        if widest and len(b) > tables.WIDEST:
            raise RunError(
                f"a table of {len(b):,} columns is not for a person", hint="-k 5 shows the nearest of each; -f csv all"
            )
        if plot and 4 * len(a) * len(b) > self._memory:
            raise RunError(
                f"a picture of {len(a):,} x {len(b):,} similarities needs all of them in memory, more than --memory"
            )
        yield from self._rows(
            lambda start: comparisons.matrix(self.items, a, b, memory=self._memory, as_bytes=as_bytes, start=start)
        )

    def drawn(self) -> NDArray[Any]:
        """The matrix as a whole, (N, M), for a picture: made once more, since what was written need not be all of it."""
        import numpy as np

        from nlptool.models import similarities

        blocks = similarities.matrix(*self._sides, memory=self._memory)
        return np.concatenate([found.copy() for _, found in blocks])

    def neighbors(self, k: int, threshold: float | None) -> Iterator[list[Record]]:
        """A record for each item, with the nearest of the others."""
        a, b = self._read()
        yield from self._rows(
            lambda start: comparisons.neighbors(
                self.items, self.others, a, b, k, memory=self._memory, threshold=threshold, start=start
            )
        )

    def pairs(self, threshold: float) -> Iterator[list[Record]]:
        """The records that failed, and then a record for each pair."""
        a, b = self._read()
        after = (0, -1)
        if self._n_done > len(self.items.failed):
            try:
                pair = orjson.loads(self._last)
                after = int(pair["first_index"]), int(pair["second_index"])
            except (ValueError, KeyError, TypeError) as error:
                raise RunError(
                    "the unfinished output does not end with a pair: it comes from another run",
                    hint="without --resume all is done anew",
                ) from error
        yield [record for _, record in self.items.failed[self._n_done :]]
        found = comparisons.pairs(
            self.items, self.others, a, b, threshold, memory=self._memory, after=after, note=self._pipe.note
        )
        for done, records in found:
            self._pipe.bar.work("similarity", done, len(a), "rows")
            yield from self.with_entry(iter([records]))

    def with_entry(self, lists: Iterator[list[Record]]) -> Iterator[list[Record]]:
        """Say in each record by which model and measure."""
        for records in lists:
            for record in records:
                if record.pending:
                    prompt = {"prompt": self._embedder.prompt} if self._embedder.prompt else {}
                    said = {"model": self._embedder.model or None, **prompt, "measure": self.measure}
                    record.entry = {**said, **record.entry}
            yield records

    def _rows(self, blocks: Any) -> Iterator[list[Record]]:
        """The items' records as ``blocks(start)`` makes them, and the failed ones in their places."""
        from nlptool.items import in_order

        n_written = self._n_done
        for records in self.with_entry(in_order(self.items, self._n_done, blocks)):
            n_written += len(records)
            self._pipe.bar.work("similarity", n_written, len(self.items) + len(self.items.failed), "rows")
            yield records

    def _read(self) -> tuple[Vectors, Vectors]:
        """The two sides, ready to be compared."""
        from nlptool import items
        from nlptool.models import similarities

        ready = functools.partial(similarities.prepared, measure=self.measure)
        self._n_done, self._last = self._pipe.done_before()
        self.items = items.read(self._pipe, self._embedder, ready=ready)
        if self._against is None:
            self.others = self.items
        else:
            with self._pipe.beside(self._against) as own:
                self.others = items.read(own, self._embedder, records=False, ready=ready)
            if len(self.items) and len(self.others) and self.items.vectors.shape[1] != self.others.vectors.shape[1]:
                raise RunError(
                    f"the vectors of {self._against} have {self.others.vectors.shape[1]:,} components, those of the input "
                    f"{self.items.vectors.shape[1]:,}: another model"
                )
        if not len(self.others) and len(self.items):
            raise RunError(f"there is nothing to compare with: no record of {self._against} has a vector")
        n_zero = self.items.n_zero + (self.others.n_zero if self.others is not self.items else 0)
        if n_zero and self.measure in _WITHOUT_DIRECTION:
            what = _WITHOUT_DIRECTION[self.measure]
            self._pipe.note(f"{what}, which have no direction, so that their similarities are 0: {n_zero:,}")
        first, second = (
            similarities.Vectors(each.vectors, self.measure, ready=each.ready) for each in (self.items, self.others)
        )
        self._sides = first, second
        return self._sides

    def _check_room(self, n_rows: int, n_columns: int, bytes_each: int) -> None:
        """
        Raises:
            RunError: the matrix does not fit on the disk.
        """
        from nlptool.models.similarities import size

        where, free = self._pipe.output or "<stdout>", _free(self._pipe.output)
        needed = n_rows * n_columns * bytes_each
        if free is not None and needed > free:
            raise RunError(
                f"{n_rows:,} x {n_columns:,} similarities of {bytes_each} bytes are {size(needed)}, and for {where} there are "
                f"{size(free)} free",
                hint="-k K keeps the K nearest of each alone, --threshold T the pairs above T",
            )


def _free(output: str | None) -> int | None:
    """The bytes that are free where a file is written, named or as stdout; None where no file is."""
    if output in (None, "-"):
        try:
            is_file = stat.S_ISREG(os.fstat(1).st_mode)
        except OSError:
            return None
        return os.fstatvfs(1).f_bavail * os.fstatvfs(1).f_frsize if is_file else None
    path = Path(str(output)).resolve()
    is_file = path.parent.is_dir() and (path.is_file() or not path.exists())
    return shutil.disk_usage(path.parent).free if is_file else None


def _label(items: Items | Matrix, index: int) -> str:
    return items.id(index) or items.text(index) or str(index)
