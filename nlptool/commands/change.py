"""``nlptool change``: words that mean something else in other word vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.cli.options import corpus
from nlptool.errors import EXIT_RECORDS_FAILED, RunError
from nlptool.records.formats.columns import write
from nlptool.records.pipe import Pipe
from nlptool.specs import WordVectorsSpec
from nlptool.storage.output import Output

if TYPE_CHECKING:
    from nlptool.tasks.change import Change, Choice

_DRAWN = 5  # words in a picture, unless they are named


def _words(_: click.Context, __: click.Parameter, values: tuple[str, ...]) -> tuple[str, ...]:
    words = tuple(word for value in values for word in value.split(",") if word.strip())
    if values and not words:
        raise click.BadParameter("there is no word")
    return words


@click.command(cls=Command)
@options.run("change")
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@click.option("--words", metavar="WORDS", type=options.Text(), multiple=True, callback=_words,
              help="Words to look at, with commas between them; repeatable. Without it: those that changed most.")  # fmt: skip
@options.top_k(20, largest=None, help="Number of words that changed most.")
@click.option("--least", is_flag=True, help="The words that changed least, not most.")
@click.option("--top-words", default=10_000, show_default=True, metavar="N", type=options.IntRange(min=1),
              help="Only words among the N most frequent shared ones, and neighbors among the N of their model.")  # fmt: skip
@corpus.min_count(1, "words that, in A or B,")
@click.option("--neighbors", default=5, show_default=True, metavar="N", type=options.IntRange(0, 1000),
              help="Number of neighbors of each word, before and after.")  # fmt: skip
@click.option("--anchors", metavar="N", type=options.IntRange(min=1), show_default="all shared words",
              help="Align by the N most frequent shared words.")  # fmt: skip
@click.option("--center", is_flag=True,
              help="Take from all vectors of a model what they share, their mean.")  # fmt: skip
@click.option("--plot", metavar="FILE",
              help="Picture of the words, moving among their neighbors: .png, .svg, .pdf or .html.")  # fmt: skip
@options.unicode_errors
@options.threads_alone
@corpus.figures()
def command(
    pipe: Pipe,
    *,
    before: str,
    after: str,
    words: tuple[str, ...],
    top_k: int,
    least: bool,
    top_words: int,
    min_count: int,
    neighbors: int,
    anchors: int | None,
    center: bool,
    plot: str | None,
    unicode_errors: str,
    threads: int | None,
    format: str,
) -> None:
    """Find words whose meaning differs between two models of word vectors: of two times, authors or communities.

    A is rotated onto B by the words that both have (orthogonal Procrustes), and each word is compared with itself. Each word is
    a record {word, cosine, count_before, count_after, neighbors_before, neighbors_after}: the cosine (-1 to 1; 1: no change),
    its occurrences in the corpora of A and B, if these are known, and the nearest words in each model. The smallest cosine
    comes first.

    \b
    nlptool change meiji.vec showa.vec
    nlptool change meiji.vec showa.vec --words 電気,便 --plot moved.png
    nlptool change a.txt b.bin --least -k 50 -f csv
    nlptool tokenize -f wakati meiji.txt | nlptool train word2vec --tokenizer whitespace -o meiji.vec

    A and B are what the other commands take for word vectors: a name, a folder, or a file of word2vec, GloVe or fastText. They
    must have the same dimension. The cosines of rare words say more of the training than of the words: look at frequent ones
    (--top-words, --min-count), and compare with two models of the same texts. All vectors of a small model point in part in the
    same direction, which makes every cosine larger, and those of rare words most; --center takes it away.

    Sources: Hamilton, Leskovec & Jurafsky 2016 (ACL), equation 4; --center: Artetxe, Labaka & Agirre 2016 (EMNLP).
    """
    if words:
        options.refuse(("top_k", "least", "min_count"), "--words")
    if plot is not None:
        from nlptool import plots

        plots.check(plot, (*plots.FORMATS, ".html"))
    from nlptool.geometry import similarity as similarities
    from nlptool.tasks.change import NAMES, Choice, open_change

    click.get_current_context().with_resource(similarities.blas_threads(threads))
    specs = (WordVectorsSpec(name, unicode_errors=unicode_errors) for name in (before, after))
    choice = Choice(top_k, least, top_words, min_count, neighbors)
    with Output(pipe.output, inputs=(before, after), before_write=pipe.bar.clear) as output:
        change = open_change(*specs, anchors=anchors, centered=center, note=pipe.note)
        places, missing = change.find(words) if words else (change.ranked(choice), [])
        columns = change.columns(places, choice, as_text=format == "table")
        names = [name for name in NAMES if format != "table" or any(value is not None for value in columns[name])]
        write(output, names, [columns], format)
    for message in missing:
        pipe.note(message)
    if not places and not words:
        pipe.note(f"none of the {len(change.words):,} shared words occurs {min_count:,} times in both")
    if plot is not None:
        _draw(pipe, change, places if words else places[:_DRAWN], choice, plot)
    click.get_current_context().exit(EXIT_RECORDS_FAILED if missing else 0)


def _draw(pipe: Pipe, change: Change, places: list[int], choice: Choice, path: str) -> None:
    from nlptool import plots

    if not places:
        raise RunError(f"{path} is not drawn: there are no words")
    moved = change.moved(places, choice)
    points = plots.Points(
        moved.projection.points, moved.texts, groups=moved.words, links=moved.words, axes=moved.projection.axes
    )
    if path.lower().endswith(".html"):
        plots.page(points, path)
    else:
        plots.scatter(points, path, note=pipe.note)
