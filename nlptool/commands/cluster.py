"""``nlptool cluster``: group records by their embeddings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.records.formats import cells
from nlptool.records.pipe import Pipe
from nlptool.records.writing import write_records
from nlptool.specs import EncoderSpec

if TYPE_CHECKING:
    from nlptool.tasks.cluster import Cluster

_THRESHOLD_OF_COMMUNITIES = 0.75
_LARGEST_K = 100_000


@click.command(cls=Command)
@options.records("cluster", instead=("embedding", "tokens"))
@click.option("--method", type=click.Choice(["kmeans", "agglomerative", "hdbscan", "communities"]), default="kmeans",
              show_default=True, help="How clusters are found.")  # fmt: skip
@click.option("-k", "--clusters", default="auto", show_default=True, metavar="N|auto", type=options.NumberOrAuto(_LARGEST_K),
              help="Number of clusters, for kmeans and agglomerative; auto: the one with the highest silhouette.")  # fmt: skip
@click.option("--threshold", metavar="T", type=options.FloatRange(0, 1, min_open=True), show_default="0.75 for communities",
              help="Least cosine similarity: to the central record of a community; of clusters that agglomerative merges.",
)  # fmt: skip
@click.option("--linkage", type=click.Choice(["average", "complete", "single", "ward"]), default="average", show_default=True,
              help="How similar two clusters are, for agglomerative: their records on average, the farthest, the nearest; ward: "
              "how little the variance grows.")  # fmt: skip
@click.option("--min-size", default=5, show_default=True, metavar="N", type=options.IntRange(min=2),
              help="Fewest records of a cluster, for hdbscan and communities.")  # fmt: skip
@click.option(
    "--summary", is_flag=True, help="Write a record for each cluster, with its words and its central records."
)
@click.option("--words", default=8, show_default=True, metavar="N", type=options.IntRange(0, 1000),
              help="Words of each cluster in the summary.")  # fmt: skip
@click.option("--central", default=3, show_default=True, metavar="N", type=options.IntRange(1, 1000),
              help="Central records of each cluster in the summary.")  # fmt: skip
@click.option("--plot", metavar="FILE",
              help="Map of the records and the clusters: .png, .svg, .pdf, or .html, an interactive page.")  # fmt: skip
@click.option("--projection", type=click.Choice(["pca", "tsne"]), default="pca", show_default=True,
              help="Projection of the map, as of `nlptool map --method`.")  # fmt: skip
@options.seed
@options.memory
@options.workers_auto
@options.record_format()
@options.encoder()
def command(  # noqa: PLR0917
    pipe: Pipe,
    method: str,
    clusters: int | None,
    threshold: float | None,
    linkage: str,
    min_size: int,
    summary: bool,
    words: int,
    central: int,
    plot: str | None,
    projection: str,
    seed: int,
    memory: int,
    workers: int | None,
    format: str,
    spec: EncoderSpec,
) -> None:
    """Group records that are near in meaning, and say what each group is about.

    \b
    nlptool cluster -k 20 tickets.jsonl > clustered.jsonl
    nlptool cluster --summary questions.txt
    nlptool cluster --method communities --threshold 0.8 questions.txt --summary -f csv
    nlptool cluster --method agglomerative --threshold 0.5 captions.txt
    nlptool cluster -k 12 --plot novels.html novels.jsonl -f table

    Each record keeps its fields and its place, and gets `cluster`, a number from 0 by falling size, and `distance`, 1 - the
    cosine to the centre of its cluster. --summary writes a record for each cluster instead: {cluster, size, label, words:
    [{word, weight}], central: [{index, file, line, text, distance}]}; a table is always one of clusters.

    \b
    kmeans         k clusters around k centres, each record at the nearest: spherical k-means (Dhillon & Modha 2001)
    agglomerative  the most similar clusters are merged until k are left, or none whose similarity reaches --threshold
    hdbscan        dense regions of at least --min-size records; what lies between them is in no cluster
    communities    groups of at least --min-size records whose cosine to a central one reaches --threshold, as those of
                   sentence-transformers' community_detection; others are in no cluster

    A centre is the mean of the unit vectors of its records, that of a community its central record. Records in no cluster, and
    those without a vector, such as empty lines, have `cluster` null. -k auto compares 2 to 10 clusters and some numbers up to 50
    by the silhouette (Rousseeuw 1987), of kmeans on 5,000 records; it is said on stderr. The words of a cluster are those with
    the highest c-TF-IDF (Grootendorst 2022) among those that are twice as frequent in it as elsewhere; what a word is, is that of
    `nlptool keywords`, and the `tokens` of a record are used.

    Records with an `embedding` (from `nlptool embed`) are not embedded again; an .npy of vectors can be read too.
    agglomerative and hdbscan compare all records with each other in memory: what would need more than --memory is refused.
    """
    _check(method, clusters, threshold, linkage)
    if pipe.resume:
        raise click.UsageError("--resume is for commands that answer each record for itself: cluster begins anew")
    summary = summary or format == "table"
    if not summary:
        options.refuse_without(("words", "central"), "--summary")
    if plot is None:
        options.refuse_without(("projection",), "--plot")
    else:
        from nlptool import plots

        plots.check(plot, (*plots.FORMATS, ".html"))
    from nlptool.geometry import similarity as similarities
    from nlptool.tasks.cluster import LAYOUT, SUMMARY, Cluster
    from nlptool.tasks.cluster_settings import Settings
    from nlptool.tasks.embedder import Embedder

    click.get_current_context().with_resource(similarities.blas_threads(spec.threads))
    embedder = Embedder(pipe, spec)
    if method == "communities" and threshold is None:
        threshold = _THRESHOLD_OF_COMMUNITIES
    settings = Settings(method, clusters, threshold, linkage, min_size, seed, memory)
    cluster = Cluster(settings, pipe, embedder, workers=workers)
    if summary:
        table = cells.Columns({"cluster": int, "size": int, "label": str, "text": str})
        write_records(pipe, cluster.summary(words, central), format, SUMMARY, table=table)
    else:
        write_records(pipe, cluster.records(), format, LAYOUT)
    embedder.say()
    if plot is not None:
        _draw(pipe, plot, cluster, projection, seed=seed, threads=spec.threads)


def _check(method: str, clusters: int | None, threshold: float | None, linkage: str) -> None:
    """Refuse options that the method makes no use of.

    Raises:
        UsageError: there are some.
    """
    of_method = {
        "kmeans": ("clusters", "seed"),
        "agglomerative": ("clusters", "threshold", "linkage", "memory"),
        "hdbscan": ("min_size", "memory"),
        "communities": ("threshold", "min_size"),
    }
    everyone = set().union(*of_method.values()) - {"seed"}  # t-SNE has one, too
    options.refuse(everyone - set(of_method[method]), f"--method {method}")
    if threshold is not None and clusters is not None:
        raise click.UsageError("-k and --threshold both say when mergers end: give one of them")
    if threshold is not None and linkage == "ward":
        raise click.UsageError("--linkage ward has no similarity that --threshold could be compared with: give -k")


def _draw(pipe: Pipe, path: str, cluster: Cluster, method: str, *, seed: int, threads: int | None) -> None:
    """Draw the records that have a vector, coloured by their clusters, with the words of each at its middle."""
    import numpy as np

    from nlptool import machine, plots
    from nlptool.geometry import projection

    items, numbers = cluster.items, cluster.clusters.numbers
    found = projection.project(cluster.vectors, method, seed=seed, threads=threads or machine.processors())
    names = [f"{number}: {cluster.label(number)}".rstrip(": ") for number in range(len(cluster.clusters.centres))]
    middles = [np.median(found.points[numbers == number], axis=0).tolist() for number in range(len(names))]
    order = np.argsort(numbers, kind="stable").tolist()  # a legend lists groups as they come
    points = plots.Points(
        found.points[order],
        [items.text(index) or str(index) for index in order],
        groups=[names[number] if number >= 0 else None for number in numbers[order].tolist()],
        captions=[(x, y, name) for (x, y), name in zip(middles, names, strict=True)],
        axes=found.axes,
    )
    if path.lower().endswith(".html"):
        plots.page(points, path)
    else:
        plots.scatter(points, path, note=pipe.note)
