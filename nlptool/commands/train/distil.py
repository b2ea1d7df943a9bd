"""``nlptool train distil``: a small sentence encoder that has learned from a large one."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import click
import orjson

from nlptool import plots
from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.errors import RunError
from nlptool.records.pipe import Pipe
from nlptool.terminal.interrupts import stop_at_interrupt

_OF_BERT = ("layers", "heads", "feed_forward", "pooling", "max_length", "init", "epochs", "rate")
_OF_PAIRS = ("dev", "space_epochs", "scored_epochs", "scored_rate", "scored_weight", "loss")


@click.command(cls=Command)
@options.records("train", writes=False)
@click.option("--teacher", metavar="MODEL", required=True,
              help="The encoder that is learned from: a name, a folder, or org/name of the hub.")  # fmt: skip
@click.option("--corpus", metavar="FILE", multiple=True, type=click.Path(readable=False),
              help="Text, a sentence a line; the same as FILE.")  # fmt: skip
@click.option("--translations", metavar="FILE", multiple=True, type=click.Path(readable=False),
              help="Pairs that mean the same, `first<TAB>second`; their vectors come together.")  # fmt: skip
@click.option("--scored", metavar="FILE", multiple=True, type=click.Path(readable=False),
              help="Pairs with a score of how alike they are; their order is learned at the end.")  # fmt: skip
@click.option("--dev", metavar="SHARE|FILE", default="0.2", show_default=True, callback=options.share_or_file,
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
    from nlptool.storage import folders
    from nlptool.tasks.train import run
    from nlptool.tasks.train.distil import CURVES, MANIFEST, manifest, open_teacher, read_corpus
    from nlptool.training.distillation import trainer as distillation_trainer

    pipe.files += corpus
    _check(chosen, scored)
    chosen["scored_rate"] = chosen["scored_rate"] or (5e-4 if chosen["student"] == "static" else 2e-4)
    folders.check_replaceable(Path(output), MANIFEST)
    if plot:
        plots.check(plot)
    settings = distillation_trainer.DistillationSettings(**chosen)
    place = Path(work or f"{output.rstrip('/')}.work")
    run.check_own(place, distillation_trainer.WORK_FILES, anew=work is None)
    with pipe.bar:
        learned = read_corpus(pipe, translations, scored, dev, seed=settings.seed)
        device, master = open_teacher(
            pipe, teacher, device, dim=settings.dim, threads=threads, offline=offline, allow_pickle=allow_pickle
        )
        with stop_at_interrupt(lambda: pipe.note(f"stopping; what is done stays in {place}: --resume")) as stopped:
            distillation = distillation_trainer.Distillation(
                learned, master, settings, run.work_folder(place, fresh=work is None and not resume),
                resume=resume, device=device, report=pipe.bar.work, note=pipe.note, stop=stopped,
            )  # fmt: skip
            try:
                student, tokenizer = distillation.run()
            except OSError as error:
                raise RunError(f"cannot write {place}: {error.strerror or error}", hint=run.LATER) from error
        about = {**manifest(learned, distillation, student), "precision": precision, "dev": dev}

        def write(folder: Path) -> None:
            student.save(folder, tokenizer, precision)
            (folder / CURVES).write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in distillation.curves))
            (folder / MANIFEST).write_bytes(orjson.dumps(about, option=orjson.OPT_INDENT_2))

        folders.replace_folder(Path(output), MANIFEST, write)
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
