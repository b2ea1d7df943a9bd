"""``nlptool dedup``: leave out duplicates."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.records.formats import cells, refuse_compressed
from nlptool.records.formats.record_rows import Layout
from nlptool.records.pipe import Pipe
from nlptool.records.writing import write_records
from nlptool.specs import EncoderSpec
from nlptool.storage.output import Output

_THRESHOLDS = {"minhash": 0.8, "embedding": 0.95}


@click.command(cls=Command)
@options.records("dedup", instead=("embedding", "tokens"))
@click.option("--method", type=click.Choice(["exact", "minhash", "embedding"]), default="exact", show_default=True,
              help="What is a duplicate: the same text; a text that shares most of its n-grams of characters; a text of nearly "
              "the same meaning.")  # fmt: skip
@click.option("--threshold", metavar="X", type=options.FloatRange(0, 1, min_open=True),
              show_default="0.8 for minhash, 0.95 for embedding",
              help="Least similarity of a duplicate: Jaccard's of the n-grams, or the cosine of the vectors.")  # fmt: skip
@click.option("--keep", type=click.Choice(["first", "last", "longest"]), default="first", show_default=True,
              help="Which record of several is kept.")  # fmt: skip
@click.option("--keep-highest", default="", metavar="FIELD",
              help="Keep the record with the highest number in this field.")  # fmt: skip
@click.option("--fold/--no-fold", default=True, show_default=True,
              help="Compare texts in NFKC and small letters, with runs of blanks as one.")  # fmt: skip
@click.option("--ngram", default=5, show_default=True, metavar="N", type=options.IntRange(1, 100),
              help="Characters of an n-gram, for minhash.")  # fmt: skip
@click.option("--groups", is_flag=True, help="Leave nothing out: say which record each is a duplicate of.")
@click.option("--removed", metavar="FILE", type=click.Path(), help="File for the duplicates, as JSONL.")
@options.record_format("text", text="; text: the text alone, a line for each record")
@options.encoder()
def command(  # noqa: PLR0917
    pipe: Pipe,
    method: str,
    threshold: float | None,
    keep: str,
    keep_highest: str,
    fold: bool,
    ngram: int,
    groups: bool,
    removed: str | None,
    format: str,
    spec: EncoderSpec,
) -> None:
    """Leave out the records whose text is there already.

    \b
    nlptool dedup -f text corpus.txt > unique.txt
    nlptool dedup --method minhash --removed copies.jsonl tickets.jsonl > different.jsonl
    nlptool dedup --method embedding --threshold 0.9 --keep longest questions.txt
    nlptool dedup --keep-highest score answers.jsonl
    nlptool dedup --method minhash --groups corpus.txt -f table

    exact: the same text, but for width, case and blanks (--no-fold: character by character). minhash: texts that share many of
    their n-grams of characters, copies with small changes, found by MinHash signatures (Broder 1997) of 128 numbers; each pair
    that these propose is compared exactly. Of pairs at the threshold about 1 in 100 is overlooked, of more similar ones fewer.
    embedding: texts of nearly the same meaning, by the cosine of their vectors, all with all; records with an `embedding` (from
    `nlptool embed`) are not embedded again.

    Records are considered one after the other, in the order of --keep. One that is like a record that has been kept is a
    duplicate of it, of several the most similar; so no two records that stay are like each other, and each that goes is like one
    that stays. The order of the input is kept. An empty text is like no other and stays.

    --groups writes all records, with `group`, the number from 0 of the record that is kept of them, `duplicate_of`, that record's
    {index, file, line}, and `similarity`; null for a record that is kept. --removed writes the duplicates, with the same fields,
    into a file.

    With --method exact and --keep first each record is written when it comes; else all are read first, into temporary files.
    """
    if method == "exact":
        options.refuse(("threshold",), "--method exact")
    if method != "minhash":
        options.refuse(("ngram",), f"--method {method}")
    if method == "embedding":
        options.refuse(("fold",), "--method embedding")
    else:
        options.refuse(_OF_ENCODERS, f"--method {method}")
    if keep_highest and options.typed(["keep"]):
        raise click.UsageError("--keep and --keep-highest both say which record is kept: give one of them")
    if pipe.resume:
        raise click.UsageError("--resume is for commands that answer each record for itself: dedup begins anew")
    if groups and format == "text":
        raise click.UsageError("--groups goes into the record: -f jsonl, csv or table")
    if removed is not None and any(Path(removed).resolve() == Path(file).resolve() for file in _others(pipe)):
        raise click.UsageError(f"--removed {removed} would replace what is read or written: name another file")
    if removed is not None:
        refuse_compressed(removed, "--removed")
    from nlptool.tasks.dedup import Dedup
    from nlptool.tasks.dedup_settings import Settings

    settings = Settings(
        method, threshold or _THRESHOLDS.get(method, 1.0), keep, keep_highest, folds=fold, n=ngram, groups=groups
    )
    embedder = None
    if method == "embedding":
        from nlptool.geometry import similarity as similarities
        from nlptool.tasks.embedder import Embedder

        click.get_current_context().with_resource(similarities.blas_threads(spec.threads))
        embedder = Embedder(pipe, spec)
    with nullcontext() if removed is None else Output(removed, inputs=pipe.files or ("-",)) as file:
        dedup = Dedup(settings, pipe, embedder, file.write if file is not None else None)
        if format == "text":
            pipe.write(dedup.records(), lambda record: b"%b\n" % record.text.encode(errors="replace"))
        else:
            columns = {"group": int, "similarity": float} if groups else {}
            layout = Layout({"group": int, "duplicate_of": dict, "similarity": float} if groups else {})
            write_records(pipe, dedup.records(), format, layout, table=cells.Columns({**columns, "text": str}))
    if embedder is not None:
        embedder.say()
    if dedup.n_duplicates:
        what = "duplicates" if groups else "duplicates, which were left out"
        pipe.note(f"{what}: {dedup.n_duplicates:,}")


def _others(pipe: Pipe) -> list[str]:
    """Return the files of the run, but for that of the duplicates."""
    return [*pipe.files, *([pipe.output] if pipe.output is not None else [])]


_OF_ENCODERS = ("model", "prompt", "prompt_name", "dim")
