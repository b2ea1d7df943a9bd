"""``nlptool similarity``: similarities of sentences, as a matrix, nearest neighbors or pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.records.formats import cells
from nlptool.records.formats.record_rows import Layout
from nlptool.records.pairs import PAIR_FIELDS, PAIR_TEXTS, accept_pairs
from nlptool.records.pipe import Pipe
from nlptool.records.windows import windows
from nlptool.records.writing import write_records
from nlptool.specs import EncoderSpec

if TYPE_CHECKING:
    from nlptool.tasks.comparison import Comparison


@click.command(cls=Command)
@options.records("similarity", instead=("embedding", "tokens"))
@click.option(
    "--against", metavar="FILE", help="File of records, or an index, to compare with, instead of with each other."
)
@click.option(
    "--pairs", is_flag=True, help="Compare the two texts of each record, separated by a tab or in two fields."
)
@options.pair_fields
@options.top_k(largest=100_000, help="Number of nearest neighbors of each record.")
@options.threshold("Smallest similarity that is written; without -k the output is a record for each pair.")
@options.measure
@options.record_format(
    "npy",
    rows="a record, a neighbor or a pair a row",
    text="; npy, and without -k and --threshold csv, tsv: the matrix",
)
@click.option("--plot", metavar="FILE", help="Heat map of the matrix: .png, .svg or .pdf.")
@options.memory
@options.encoder()
def command(  # noqa: PLR0917
    pipe: Pipe,
    against: str | None,
    pairs: bool,
    first: str | None,
    second: str | None,
    top_k: int | None,
    threshold: float | None,
    measure: str | None,
    format: str,
    plot: str | None,
    memory: int,
    spec: EncoderSpec,
) -> None:
    """Compute similarities of sentences: a matrix, the nearest neighbors of each, or pairs above a threshold.

    Each record gets `index`, its number in the input from 0, and `similarities` with all records that have a vector, in their
    order, itself included; with -k it gets `neighbors`, a list of {index, file, line, text, similarity}, the nearest first.
    --threshold without -k writes a record for each pair: {first_index, second_index, first, second, similarity}. --pairs
    compares the two texts of each record and adds `similarity`. The similarity is the cosine, unless the model is made for
    another measure or --measure names one. Larger is more similar for all measures; cosine and Pearson's r are between -1
    and 1.

    \b
    nlptool similarity captions.txt -f table
    nlptool similarity captions.txt --plot captions.png > matrix.jsonl
    nlptool similarity questions.txt --against answers.txt --top-k 3
    nlptool similarity --threshold 0.9 corpus.txt > duplicates.jsonl
    nlptool similarity -k 5 corpus.index -o nearest.jsonl
    printf '犬が走る。\\tA dog runs.\\n' | nlptool similarity --pairs

    Records with an `embedding` (from `nlptool embed`) are not embedded again; an .npy of vectors can be read too, and an index,
    in parts or not, of whose records it has the ids and the texts. An empty line has no vector: it is left out and counted. The
    results are exact; the matrix is computed in blocks that fit into --memory.
    """
    from nlptool.tasks import similarity
    from nlptool.tasks.comparison import Comparison, write_matrix

    some = pairs or top_k is not None or threshold is not None
    if pairs and (against is not None or top_k is not None or threshold is not None):
        raise click.UsageError("--pairs compares the two texts of a record: without --against, -k and --threshold")
    if some and (plot is not None or format == "npy"):
        option = "--plot" if plot is not None else "-f npy"
        raise click.UsageError(f"{option} is of the matrix: without --pairs, -k and --threshold")
    names = options.pair_names(first, second)
    if names and not pairs:
        raise click.UsageError("--first and --second go with --pairs alone")
    if against == "-" and "-" in (pipe.files or ("-",)):
        raise click.UsageError("stdin cannot be both sides at once: name a FILE")
    if plot is not None:
        from nlptool import plots

        plots.check(plot)
    from nlptool.geometry import similarity as similarities
    from nlptool.tasks.embedded_records import index_among
    from nlptool.tasks.embedder import Embedder

    click.get_current_context().with_resource(similarities.blas_threads(spec.threads))
    embedder = Embedder(pipe, spec, measure=measure)
    comparison = Comparison(pipe, embedder, against, memory)
    if pairs:
        if (index := index_among(pipe.files)) is not None:
            raise click.UsageError(f"--pairs compares the two texts of a record, and {index} is an index")
        fields = [names] if names else list(PAIR_FIELDS)
        pipe.form = accept_pairs(pipe.form, fields)
        lists = comparison.with_entry(similarity.of_pairs(windows(pipe.read()), embedder, names))
        kinds: dict[str, type] = {**dict.fromkeys(PAIR_TEXTS[0], str), "similarity": float}
        pairs_table = cells.Columns(kinds, [*fields, *PAIR_FIELDS])
        write_records(pipe, lists, format, Layout({"similarity": float}), table=pairs_table)
    elif top_k is not None:
        layout = similarity.neighbors_layout({"index": int}, with_ids=pipe.id_field is not None)
        neighbors_table = cells.Neighbors(pipe.id_field, with_place=pipe.with_place)
        write_records(pipe, comparison.neighbors(top_k, threshold), format, layout, table=neighbors_table)
    elif threshold is not None:
        numbers: dict[str, type] = dict.fromkeys(("first_index", "second_index"), int)
        places: dict[str, type] = dict.fromkeys(("first_place", "second_place"), str)
        ids = ("first_id", "second_id") if pipe.id_field else ()
        columns = {**dict.fromkeys([*ids, *PAIR_TEXTS[0]], str), "similarity": float}
        layout = Layout({**numbers, **columns, **dict.fromkeys(ids, object)}, with_input=False)
        table = cells.Columns((places if pipe.with_place else numbers) | columns)
        write_records(pipe, comparison.pairs(threshold), format, layout, table=table, mark=comparison.mark)
    else:
        write_matrix(pipe, comparison, format, keep=plot is not None)
        if plot is not None:
            _draw(pipe, comparison, plot)
    embedder.say()


def _draw(pipe: Pipe, comparison: Comparison, path: str) -> None:
    """Draw the matrix as a heat map."""
    from nlptool import plots

    if not len(comparison.items):
        pipe.note(f"there is nothing to draw: {path} is not written")
        return
    names = [comparison.label(number) for number in comparison.items.positions.tolist()]
    columns, label = list(comparison.labels().values()), comparison.measure
    plots.heatmap(comparison.drawn(), path, rows=names, columns=columns, label=label, note=pipe.note)
