"""``nlptool train distil``: a small sentence encoder that has learned from a large one."""

from __future__ import annotations

import dataclasses
import shutil
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from nlptool import options, pairs, plots, trainings
from nlptool.errors import RunError
from nlptool.interrupts import stop_at_interrupt
from nlptool.pipe import Pipe
from nlptool.records import Record

if TYPE_CHECKING:
    from nlptool.training.distil import Distillation, Student, Teacher
    from nlptool.training.sentence_corpus import Corpus

MANIFEST = "distil.json"
CURVES = "curves.jsonl"
_FEWEST, _FEW = 100, 10_000  # texts: fewer are refused; fewer make a poor model
_OF_BERT = ("layers", "heads", "feed_forward", "pooling", "max_length", "init", "epochs", "rate")
_OF_PAIRS = ("dev", "space_epochs", "scored_epochs", "scored_rate", "scored_weight", "loss")


@click.command()
@options.records("train", writes=False)
@click.option("--teacher", metavar="MODEL", required=True,
              help="The encoder that is learned from: a name, a folder, or org/name of the hub.")  # fmt: skip
@click.option("--corpus", metavar="FILE", multiple=True, type=click.Path(readable=False),
              help="Text, a sentence a line; the same as FILE.")  # fmt: skip
@click.option("--translations", metavar="FILE", multiple=True, type=click.Path(readable=False),
              help="Pairs that mean the same, `first<TAB>second`; their vectors come together.")  # fmt: skip
@click.option("--scored", metavar="FILE", multiple=True, type=click.Path(readable=False),
              help="Pairs with a score of how alike they are; their order is learned at the end.")  # fmt: skip
@click.option("--dev", metavar="SHARE|FILE", default="0.2", show_default=True, callback=trainings.share_or_file,
              help="Scored pairs that nothing is learned from: a share of them, or a file.")  # fmt: skip
@click.option("-o", "--output", metavar="FOLDER", type=click.Path(readable=False), required=True,
              help="Where the model goes: a folder, replaced as a whole when done.")  # fmt: skip
@click.option("--student", type=click.Choice(["bert", "static"]), default="bert", show_default=True,
              help="A small BERT, or a table of token vectors, which is many times faster.")  # fmt: skip
@click.option("--dim", default=256, show_default=True, metavar="N", type=click.IntRange(2, 4096),
              help="Dimensions of the vectors; of a BERT also its width.")  # fmt: skip
@click.option("--vocabulary", default=14_336, show_default=True, metavar="N", type=click.IntRange(512, 1_000_000),
              help="Subword pieces, 256 bytes among them.")  # fmt: skip
@click.option("--layers", default=4, show_default=True, metavar="N", type=click.IntRange(1, 48), help="Of a BERT.")
@click.option("--heads", default=4, show_default=True, metavar="N", type=click.IntRange(1, 64),
              help="Attention heads of a layer.")  # fmt: skip
@click.option("--feed-forward", default=1024, show_default=True, metavar="N", type=click.IntRange(1, 65_536),
              help="Width between the two matrices behind the attention.")  # fmt: skip
@click.option("--pooling", type=click.Choice(["mean", "cls", "max"]), default="mean", show_default=True,
              help="How a text's vector comes from those of its tokens.")  # fmt: skip
@click.option("--max-length", default=256, show_default=True, metavar="N", type=click.IntRange(8, 8192),
              help="Tokens that a BERT takes.")  # fmt: skip
@click.option("--init", default="static", show_default=True, metavar="static|random|FOLDER",
              help="How a BERT begins: as a table that is trained first, at random, or as a BERT that exists.")  # fmt: skip
@click.option("--table-epochs", default=4, show_default=True, metavar="N", type=click.IntRange(0, 1000),
              help="Times that the table goes through the text.")  # fmt: skip
@click.option("--epochs", default=4, show_default=True, metavar="N", type=click.IntRange(0, 1000),
              help="Times that the BERT does.")  # fmt: skip
@click.option("--space-epochs", default=25, show_default=True, metavar="N", type=click.IntRange(0, 1000),
              help="Times that the teacher's space is turned by the scored pairs.")  # fmt: skip
@click.option("--scored-epochs", default=3, show_default=True, metavar="N", type=click.IntRange(0, 1000),
              help="Times that the scored pairs are gone through.")  # fmt: skip
@click.option("--table-rate", default=2e-3, show_default=True, metavar="RATE",
              type=options.FloatRange(0, 1, min_open=True), help="Highest learning rate of the table.")  # fmt: skip
@click.option("--rate", default=5e-4, show_default=True, metavar="RATE", type=options.FloatRange(0, 1, min_open=True),
              help="Highest learning rate of the BERT.")  # fmt: skip
@click.option("--scored-rate", show_default="0.0002; static: 0.0005", metavar="RATE",
              type=options.FloatRange(0, 1, min_open=True), help="Highest learning rate on scored pairs.")  # fmt: skip
@click.option("--loss", type=click.Choice(["cosent", "cosine"]), default="cosent", show_default=True,
              help="Of scored pairs: their order, or the squared error of the cosine.")  # fmt: skip
@click.option("--scored-weight", default=0.01, show_default=True, metavar="W", type=options.FloatRange(min=0),
              help="Of that loss beside the teacher's.")  # fmt: skip
@click.option("--similarity", default=20.0, show_default=True, metavar="W", type=options.FloatRange(min=0),
              help="Of the batch's cosines beside the vectors themselves.")  # fmt: skip
@click.option("--batch", default=256, show_default=True, metavar="N", type=click.IntRange(4, 65_536),
              help="Texts in a step.")  # fmt: skip
@click.option("--longest", default=64, show_default=True, metavar="N", type=click.IntRange(2, 8192),
              help="Tokens of a text that are used in training.")  # fmt: skip
@click.option("--precision", type=click.Choice(["float32", "float16"]), default="float32", show_default=True,
              help="Of the weights in the folder.")  # fmt: skip
@click.option("--work", metavar="FOLDER", type=click.Path(readable=False),
              show_default="the output with .work, removed at the end",
              help="Keeps the teacher's vectors and the finished stages for other trainings on the same text.")  # fmt: skip
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint of an interrupted training.")
@click.option("--plot", metavar="FILE", type=click.Path(readable=False), help="Draw the curves: .png, .svg or .pdf.")
@options.device
@options.seed
@options.threads
@options.offline
@options.allow_pickle
def command(  # noqa: PLR0917
    pipe: Pipe,
    teacher: str,
    corpus: tuple[str, ...],
    translations: tuple[str, ...],
    scored: tuple[str, ...],
    dev: str | float,
    output: str,
    precision: str,
    work: str | None,
    resume: bool,
    plot: str | None,
    device: str,
    threads: int | None,
    offline: bool,
    allow_pickle: bool,
    **chosen: Any,
) -> None:
    """A small sentence encoder that learns the vectors of a large one: any language that the teacher knows.

    The text is a sentence a line. First a vocabulary is learned and the teacher embeds it; then a table of token vectors is
    learned, and a BERT that begins as that table; pairs with scores, if there are any, come last. The folder is a model of
    sentence-transformers, which -m takes in `embed`; its distil.json holds every option, the counts and the versions, its
    curves.jsonl how the training went.

    \b
    nlptool train distil --teacher multilingual-e5-small --corpus sentences.txt -o mini
    nlptool train distil --teacher multilingual-e5-small --student static sentences.txt -o table
    nlptool train distil --teacher ./e5 --scored sts.jsonl --layers 3 --plot curves.png sentences.txt -o mini
    nlptool embed -m ./mini sentences.txt

    Pairs are lines with tabs between their columns, or JSONL with sentence1 and sentence2 (or first and second) and, where
    there is one, score or label. Of the scored ones those that are held out by --dev share no text with the others, and
    their texts are taken out of the corpus.

    Ctrl-C leaves a checkpoint, from which --resume goes on; one is written every two minutes, too. With --work the
    teacher's vectors, the vocabulary and the finished stages stay there: another student on the same text takes them as
    they are. The same seed and number of threads give the same model on the same machine.
    """
    from nlptool.models import cache
    from nlptool.training import distil

    pipe.files += corpus
    _check(chosen, scored)
    chosen["scored_rate"] = chosen["scored_rate"] or (5e-4 if chosen["student"] == "static" else 2e-4)
    cache.check_replaceable(Path(output), MANIFEST)
    if plot:
        plots.check(plot)
    settings = distil.Settings(**chosen)
    place = Path(work or f"{output.rstrip('/')}.work")
    trainings.check_own(place, distil.WORK_FILES, anew=work is None)
    with pipe.bar:
        learned = _read(pipe, translations, scored, dev, seed=settings.seed)
        device, master = _teacher(
            pipe, teacher, device, dim=settings.dim, threads=threads, offline=offline, allow_pickle=allow_pickle
        )
        with stop_at_interrupt(lambda: pipe.note(f"stopping; what is done stays in {place}: --resume")) as stopped:
            distillation = distil.Distillation(
                learned, master, settings, trainings.work_folder(place, fresh=work is None and not resume),
                resume=resume, device=device, report=pipe.bar.work, note=pipe.note, stop=stopped,
            )  # fmt: skip
            try:
                student, tokenizer = distillation.run()
            except OSError as error:
                raise RunError(f"cannot write {place}: {error.strerror or error}", hint=trainings.LATER) from error
        about = {**_about(learned, distillation, student), "precision": precision, "dev": dev}

        def write(folder: Path) -> None:
            student.save(folder, tokenizer, precision)
            (folder / CURVES).write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in distillation.curves))
            (folder / MANIFEST).write_bytes(orjson.dumps(about, option=orjson.OPT_INDENT_2))

        cache.replace_folder(Path(output), MANIFEST, write)
    if plot:
        plots.curves(distillation.curves, plot)
    judged = (
        "" if distillation.dev_spearman is None else f"; Spearman's ρ on the held-out pairs: {about['dev_spearman']}"
    )
    pipe.note(f"{output}: {about['n_parameters']:,} parameters{judged}")
    if work is None:
        shutil.rmtree(place, ignore_errors=True)


def _check(chosen: dict[str, Any], scored: tuple[str, ...]) -> None:
    """Options that would have no effect are a mistake."""
    useless = {**dict.fromkeys(_OF_BERT, "--student static")} if chosen["student"] == "static" else {}
    useless |= {} if scored else dict.fromkeys(_OF_PAIRS, "a training without --scored")
    if chosen["student"] == "bert" and chosen["init"] != "static":
        useless |= dict.fromkeys(("table_epochs", "table_rate"), f"--init {chosen['init']}")
        if chosen["init"] != "random":
            useless |= dict.fromkeys(("layers", "heads", "feed_forward", "vocabulary"), f"--init {chosen['init']}")
    for name in sorted(options.typed((*chosen, "dev")) & useless.keys()):
        raise click.UsageError(f"{useless[name]} makes no use of --{name.replace('_', '-')}")
    if chosen["student"] == "bert" and chosen["init"] in ("static", "random") and chosen["dim"] % chosen["heads"]:
        raise click.UsageError(f"--dim {chosen['dim']} cannot be shared by --heads {chosen['heads']}")
    if chosen["student"] == "bert" and chosen["longest"] > chosen["max_length"]:
        raise click.UsageError(
            f"--longest {chosen['longest']} is more than --max-length {chosen['max_length']} takes: make it smaller too"
        )


def _read(pipe: Pipe, translations: tuple[str, ...], scored: tuple[str, ...], dev: str | float, *, seed: int) -> Corpus:
    """All that is learned from."""
    from nlptool.training import sentence_corpus

    texts: list[str] = []

    def collected() -> Iterator[list[Record]]:
        for records in pipe.read():
            texts.extend(record.text for record in records if record.pending and record.text.strip())
            yield records

    if pipe.files or not (translations or scored) or not (sys.stdin is None or sys.stdin.isatty()):
        pipe.consume(collected())
    pipe.refuse_failed("most records failed: this is no corpus, and nothing is trained")
    same = [pair for path in translations for pair in pairs.read(pipe, path, scored=False)]
    judged = [pair for path in scored for pair in pairs.read(pipe, path, scored=True)]
    apart = pairs.read(pipe, dev, scored=True) if isinstance(dev, str) and scored else []
    corpus = sentence_corpus.collect(
        texts,
        [(pair.first, pair.second) for pair in same],
        [(pair.first, pair.second, pair.score or 0.0) for pair in judged],
        dev=dev if isinstance(dev, float) else [(pair.first, pair.second, pair.score or 0.0) for pair in apart],
        seed=seed,
    )
    if _FEWEST <= len(corpus.texts) < _FEW:
        pipe.note(f"{len(corpus.texts):,} different texts teach little: a good model needs a hundred thousand")
    if len(corpus.texts) < _FEWEST:
        raise RunError(
            f"{len(corpus.texts):,} different texts are too few to learn from",
            hint=f"{_FEWEST} are the least; a good model needs a hundred thousand, a sentence a line",
        )
    pipe.note(
        f"{len(corpus.texts):,} different texts, {len(corpus.translations):,} pairs of translations, {len(corpus.pairs):,} "
        f"scored pairs, and {len(corpus.dev):,} that are held out"
    )
    if judged and not corpus.dev and dev:
        pipe.note("no scored pairs are held out: too many of them hang together by texts that they share")
    return corpus


def _teacher(
    pipe: Pipe, name: str, device: str, *, dim: int, threads: int | None, offline: bool, allow_pickle: bool
) -> tuple[str, Teacher]:
    """The device that there is, and the teacher on it."""
    import torch

    from nlptool.models import encoder
    from nlptool.training.distil import Teacher

    torch.set_num_threads(threads or options.processors())
    prepared = encoder.prepare(
        name,
        encoder.Settings(threads=threads or options.processors()),
        device=device,
        offline=offline,
        allow_pickle=allow_pickle,
        note=lambda message: pipe.note(message.partition("; --as")[0]),  # an option of embed
        report=lambda there, total, _: pipe.bar.transfer(name, there, total),
    )
    if dim > prepared.dimension:
        raise RunError(f"{name} has {prepared.dimension} dimensions, fewer than --dim {dim}")
    opened: list[Any] = []

    def encode(texts: Sequence[str]) -> Any:
        if not opened:  # not before it is needed: its vectors may all be there
            opened.append(prepared.open())
        return opened[0].encode(texts).vectors

    return prepared.device, Teacher(prepared.name, prepared.dimension, encode)


def _about(corpus: Corpus, distillation: Distillation, student: Student) -> dict[str, Any]:
    """What the manifest says."""
    from nlptool.training import students

    found = distillation.dev_spearman
    return {
        "teacher": distillation.teacher.name,
        "n_parameters": students.parameters(student),
        "n_texts": len(corpus.texts),
        "n_translations": len(corpus.translations),
        "n_scored_pairs": len(corpus.pairs),
        "n_dev_pairs": len(corpus.dev),
        "dev_spearman": None if found is None else round(found, 4),
        "seconds": distillation.seconds,
        "options": dataclasses.asdict(distillation.settings),
        "versions": {
            name: version(name) for name in ("nlptool", "torch", "transformers", "sentence-transformers", "tokenizers")
        },
    }
