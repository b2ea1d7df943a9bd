"""``nlptool map``: project embeddings onto a plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.records.formats import cells
from nlptool.records.formats.record_rows import Layout
from nlptool.records.json_bytes import fields
from nlptool.records.pipe import Pipe
from nlptool.records.writing import write_records
from nlptool.specs import EncoderSpec

if TYPE_CHECKING:
    from nlptool.tasks.map import Map


@click.command(cls=Command)
@options.records("map", instead=("embedding", "tokens"))
@click.option(
    "--method", type=click.Choice(["pca", "tsne"]), default="pca", show_default=True,
    help="Projection; pca: the two directions of largest variance; tsne: t-SNE, which keeps neighborhoods.",
)  # fmt: skip
@click.option(
    "--perplexity", metavar="P", type=options.FloatRange(1), show_default="30, or a third of the records",
    help="Perplexity of t-SNE: about the number of neighbors that are taken into account.",
)  # fmt: skip
@options.seed
@options.record_format()
@click.option("--plot", metavar="FILE", help="Picture of the map: .png, .svg, .pdf, or .html, an interactive page.")
@click.option("--group", metavar="FIELD", help="Field that determines the colour of a point.")
@click.option("--shape", metavar="FIELD", help="Field that determines the shape of a point.")
@click.option("--join", metavar="FIELD", help="Field whose equal values are joined by a line.")
@click.option("--title", default="", metavar="TEXT", help="Title of the picture.")
@options.encoder()
def command(  # noqa: PLR0917
    pipe: Pipe,
    method: str,
    perplexity: float | None,
    seed: int,
    format: str,
    plot: str | None,
    group: str | None,
    shape: str | None,
    join: str | None,
    title: str,
    spec: EncoderSpec,
) -> None:
    """Project the embeddings of records onto a plane, so that similar texts are near each other, and draw them.

    Each record gets `x` and `y`. The same records, method and seed give the same map. PCA keeps distances as well as two
    dimensions can, and the record says the share of the variance that is shown; t-SNE keeps neighborhoods, but the distances
    between them mean little.

    \b
    nlptool map captions.txt --plot captions.png > places.jsonl
    nlptool map --method tsne --group author --plot novels.html novels.jsonl -o places.jsonl
    nlptool map --shape lang --join id --plot translations.svg pairs.jsonl > places.jsonl

    The .html page is one file and needs no network: it shows the text under the pointer, zooms, and has a search field.
    Records with an `embedding` (from `nlptool embed`) are not embedded again. An empty line has no vector: it is left out and
    counted.
    """
    from nlptool import machine

    if perplexity is not None and method != "tsne" and "perplexity" in options.typed(["perplexity"]):
        raise click.UsageError("--perplexity goes with --method tsne alone")
    if plot is not None:
        from nlptool import plots

        plots.check(plot, (*plots.FORMATS, ".html"))
    from nlptool.geometry import similarity as similarities
    from nlptool.tasks.embedder import Embedder
    from nlptool.tasks.map import Map

    click.get_current_context().with_resource(similarities.blas_threads(spec.threads))
    embedder = Embedder(pipe, spec)
    map = Map(method, perplexity=perplexity, seed=seed, threads=spec.threads or machine.processors())
    named = [name for name in (pipe.id_field, "text", group, shape, join) if name is not None]
    columns = cells.Columns({**dict.fromkeys(named, str), "x": float, "y": float})
    write_records(pipe, map.records(pipe, embedder), format, Layout({"x": float, "y": float}), table=columns)
    embedder.say()
    if plot is not None:
        _draw(pipe, plot, map, title=title, fields_of={"groups": group, "shapes": shape, "links": join})


def _draw(pipe: Pipe, path: str, map: Map, *, title: str, fields_of: dict[str, str | None]) -> None:
    """Draw the map. A record that lacks a field of ``fields_of`` has no colour, shape or line by it."""
    from nlptool import plots

    items, projection = map.items, map.projection
    n_items = len(items)
    records = [fields(items.record(index).raw) for index in range(n_items)] if any(fields_of.values()) else []
    values: dict[str, Any] = {}
    for role, name in fields_of.items():
        values[role] = [cells.as_text(record.get(name)) for record in records] if name is not None else None
        if name is not None and not any(values[role]):
            pipe.note(f"no record has a field `{name}`")
    texts = [items.text(index) or str(index) for index in range(n_items)]
    points = plots.Points(projection.points, texts, axes=projection.axes, title=title, **values)
    if path.lower().endswith(".html"):
        plots.page(points, path)
    else:
        plots.scatter(points, path, note=pipe.note)
