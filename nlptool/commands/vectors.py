"""``nlptool vectors``: inspect, convert and select word vectors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from nlptool.cli import options
from nlptool.cli.groups import Group
from nlptool.errors import EXIT_RECORDS_FAILED, RunError
from nlptool.records.formats import results
from nlptool.specs import WordVectorsSpec
from nlptool.storage.text_files import read_lines

if TYPE_CHECKING:
    from nlptool.models.words.saving import Parts
    from nlptool.models.words.vectors import WordVectors

FORMATS = ("nlptool", "word2vec", "word2vec-text", "glove")

_to = click.option(
    "--to", type=click.Choice(FORMATS), default="nlptool", show_default=True,
    help="Output format; nlptool: a folder; word2vec: the binary format; glove: word2vec-text without its first line.",
)  # fmt: skip
_output = click.option(
    "-o", "--output", metavar="PATH", type=click.Path(readable=False), help="Output file, or folder with --to nlptool."
)


@click.group(cls=Group)
def command() -> None:
    """Inspect word vectors, convert them between formats, and select words.

    \b
    nlptool vectors info glove-6b-50d
    nlptool vectors convert GoogleNews-vectors.bin -o news.vec       to nlptool's format, which opens at once
    nlptool vectors convert my.vec --to word2vec-text -o my.txt      for other programs
    nlptool vectors select my.vec --top 50000 --precision float16 -o small.vec
    """


@command.command()
@click.argument("model", metavar="MODEL")
@options.table_choice()
@options.unicode_errors
@options.quiet
@options.debug
def info(model: str, format: str | None, unicode_errors: str, quiet: bool) -> None:
    """Describe word vectors: format, words, dimension, norms, tokenizer, training options.

    \b
    nlptool vectors info aozora-100d
    nlptool vectors info vectors.bin -f jsonl | jq .n_words
    """
    vectors = _open(model, unicode_errors, quiet)
    about = dict(vectors.about)
    for name in ("files", "sha256"):
        about.pop(name, None)
    norms = vectors.norms
    record = {
        "name": vectors.name,
        **about,
        "bytes": sum(path.stat().st_size for path in vectors.folder.iterdir() if path.is_file()),
        "first_words": vectors.words[:10],
        "lengths": {name: round(float(getattr(norms, name)()), 4) for name in ("min", "mean", "max")},
        "n_zero": int((norms == 0).sum()),
        "n_counted": int(vectors.counts.sum()) if vectors.counts is not None else None,
        "n_subwords": len(vectors.ngrams.vectors) if vectors.ngrams is not None else None,
    }
    results.show([{name: value for name, value in record.items() if value is not None}], format, one=True)


@command.command()
@click.argument("source", metavar="MODEL")
@_output
@_to
@click.option("--from", type=click.Choice(["auto", "nlptool", "word2vec", "word2vec-text", "glove", "fasttext"]),
              default="auto", show_default=True, help="Input format; auto: recognised by the contents.")  # fmt: skip
@options.precision
@options.unicode_errors
@options.quiet
@options.debug
def convert(  # noqa: PLR0917
    source: str, output: str | None, to: str, precision: str, unicode_errors: str, quiet: bool, **given: str
) -> None:
    """Convert word vectors to another format.

    Reads word2vec's binary and text files, GloVe's, fastText's .vec and .bin, compressed or not, and nlptool's folders. Notes
    on stderr say what could not be kept: duplicate words, vectors with NaN. A file with words that are not UTF-8, such as long
    ones that word2vec has cut inside a character, is refused; --unicode-errors reads it.

    \b
    nlptool vectors convert cc.ja.300.vec.gz -o ja.vec
    nlptool vectors convert my.vec --to word2vec -o my.bin
    """
    target = _check_output(output, to, precision)
    from nlptool.models.words import loading as word_loading

    path = Path(source)
    if path.is_file():
        from nlptool.models.words.formats import read as word_files

        found = word_files.read(path, format=given["from"], unicode_errors=unicode_errors)
        _note(quiet, *found.notes)
        parts = word_loading.to_parts(found, source=str(path))
    else:
        vectors = _open(source, unicode_errors, quiet)
        _note_loss(vectors, quiet)
        parts = _parts(vectors)
    _write(parts, target, to, precision, quiet)


@command.command()
@click.argument("model", metavar="MODEL")
@click.argument("words", nargs=-1, metavar="[WORD]...")
@click.option("--top", metavar="N", type=options.IntRange(min=1), help="Number of most frequent words to select.")
@click.option(
    "--words-from", metavar="FILE", type=click.Path(allow_dash=True), help="File of words to select, one a line."
)
@_output
@_to
@options.precision
@options.unicode_errors
@options.quiet
@options.debug
@click.pass_context
def select(  # noqa: PLR0917
    ctx: click.Context,
    model: str,
    words: tuple[str, ...],
    top: int | None,
    words_from: str | None,
    output: str | None,
    to: str,
    precision: str,
    unicode_errors: str,
    quiet: bool,
) -> None:
    """Select words from word vectors: those named, those of a file, or the most frequent ones.

    Without -o each word is printed as a record: word, count, norm, and the vector as it was trained. Words without a vector
    are named on stderr, and the exit code is then 3.

    \b
    nlptool vectors select counts.vec banana puppy fruit
    nlptool vectors select glove-6b-50d --top 50000 --to glove -o glove.50k.txt
    cut -f 1 lemmas.tsv | nlptool vectors select my.vec --words-from - -o lemmas.vec
    """
    import numpy as np

    target = _check_output(output, to, precision) if output is not None else None
    vectors = _open(model, unicode_errors, quiet)
    wanted = [*words]
    if words_from is not None:
        wanted += (line for _, line in read_lines(words_from) if line)
    if not wanted and top is None:
        raise click.UsageError("which words? name some, or give --top or --words-from")
    places = {word: vectors.index(word) for word in dict.fromkeys(wanted)}
    missing = [word for word, place in places.items() if place is None]
    chosen = dict.fromkeys(place for place in places.values() if place is not None)
    chosen |= dict.fromkeys(range(min(top or 0, vectors.n_words)))
    if missing:
        _note(
            False,
            f"{vectors.name} lacks {len(missing):,} of the words: {', '.join(missing[:10])}{', ...' * (len(missing) > 10)}",
        )
    _note_loss(vectors, quiet)
    if target is not None:
        if not chosen:
            raise RunError("none of the words is there")
        _write(_parts(vectors, np.asarray(sorted(chosen))), target, to, precision, quiet)
    else:
        import orjson

        for index in chosen:
            count = None if vectors.counts is None else int(vectors.counts[index])
            record = {
                "word": vectors.word(index),
                "count": count,
                "norm": np.float32(vectors.norms[index]),
                "vector": vectors.vector([index])[0],
            }
            results.print_text(orjson.dumps(record, option=orjson.OPT_SERIALIZE_NUMPY).decode() + "\n")
    ctx.exit(EXIT_RECORDS_FAILED if missing else 0)


def _check_output(output: str | None, to: str, precision: str) -> Path:
    """Return the output path; refuse an impossible one before anything is read."""
    if output is None:
        raise click.UsageError("-o PATH is missing: the output file or folder")
    if to == "nlptool":
        from nlptool.models.words.vectors import MANIFEST
        from nlptool.storage import folders

        folders.check_replaceable(Path(output), MANIFEST)
    elif precision != "float32":
        raise click.UsageError(f"--precision is of nlptool's own format; --to {to} holds float32")
    return Path(output)


def _open(name: str, unicode_errors: str, quiet: bool) -> WordVectors:
    from nlptool.tasks.open_model import open_model

    return open_model(WordVectorsSpec(name, unicode_errors=unicode_errors), note=lambda message: _note(quiet, message))


def _parts(vectors: WordVectors, indices: Any = None) -> Parts:
    """Return the words at ``indices``, or all, with their vectors as they were trained."""
    import numpy as np

    from nlptool.models.words.saving import Parts

    if indices is None:
        indices = np.arange(vectors.n_words)
    kept = ("files", "sha256", "format", "n_words", "dimension", "precision", "notes", "min_n", "max_n", "levels")
    return Parts(
        [vectors.words[index] for index in indices],
        vectors.vector(indices),
        {name: value for name, value in vectors.about.items() if name not in kept},
        None if vectors.counts is None else vectors.counts[indices],
        vectors.ngrams,
        notes=list(vectors.about.get("notes", [])),
    )


def _write(parts: Parts, path: Path, to: str, precision: str, quiet: bool) -> None:
    from nlptool.models.words import saving
    from nlptool.models.words.formats import write as word_files_writing
    from nlptool.models.words.vectors import MANIFEST
    from nlptool.storage import folders

    if to == "nlptool":
        parts.precision = precision
        folders.replace_folder(path, MANIFEST, lambda folder: saving.write(folder, parts))
    else:
        _note(quiet, *word_files_writing.write(path, to, parts.words, parts.vectors))
    _note(quiet, f"{len(parts.words):,} words are in {path}")


def _note_loss(vectors: WordVectors, quiet: bool) -> None:
    if vectors.loss:
        _note(quiet, f"{vectors.name}: {vectors.loss}")


def _note(quiet: bool, *messages: str) -> None:
    if not quiet:
        for message in messages:
            click.echo(f"nlptool vectors: {message}", err=True)
