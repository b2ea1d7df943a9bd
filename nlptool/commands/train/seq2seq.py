"""``nlptool train seq2seq``: an encoder–decoder of one's own, from pairs of texts."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from nlptool import plots
from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.errors import RunError
from nlptool.records.pipe import Pipe
from nlptool.terminal.interrupts import stop_at_interrupt

if TYPE_CHECKING:
    from nlptool.tasks.train.seq2seq_corpus import Texts

_OF_TRANSFORMER = ("heads", "intermediate")


def _fields(_: click.Context, __: click.Parameter, value: str | None) -> Texts | None:
    names = value.split(",") if value is not None else None
    if names is None:
        return None
    if len(names) != 2 or not all(names):
        raise click.BadParameter(f"{value!r} does not name two fields: --fields source,target")
    return names[0], names[1]


UNITS = ("auto", "characters", "words", "subwords")

DEFAULT_EPOCHS = 20  # unless something else ends the training


@click.command(cls=Command)
@options.records("train", writes=False)
@click.option("-o", "--output", metavar="FOLDER", type=click.Path(readable=False), required=True,
              help="Where the model goes: a folder, replaced as a whole when done.")  # fmt: skip
@click.option(
    "--fields", metavar="SOURCE,TARGET", callback=_fields, help="Fields, JSON Pointers or columns of the two."
)
@click.option("--dev", metavar="SHARE|FILE", default="0.02", show_default=True, callback=options.share_or_file,
              help="Pairs to judge by: a share that is held out, the same ones for all --seed, or a file.")  # fmt: skip
@click.option("--architecture", type=click.Choice(["lstm", "lstm-attention", "transformer"]), default="transformer",
              show_default=True, help="Of the network.")  # fmt: skip
@click.option("--unit", type=click.Choice(UNITS), default="auto", show_default=True,
              help="What a token is; auto: subwords where blanks part words, else characters.")  # fmt: skip
@click.option("--source-unit", type=click.Choice(UNITS), show_default="as --unit",
              help="Of the sources.")  # fmt: skip
@click.option("--target-unit", type=click.Choice(UNITS), show_default="as --unit",
              help="Of the targets.")  # fmt: skip
@click.option("--vocabulary", default=8000, show_default=True, metavar="N", type=click.IntRange(8, 1_000_000),
              help="Different tokens of a side, the most frequent ones.")  # fmt: skip
@click.option("--target-vocabulary", metavar="N", type=click.IntRange(8, 1_000_000), show_default="as --vocabulary",
              help="Of the targets.")  # fmt: skip
@click.option("--lowercase", type=click.Choice(["none", "source", "target", "both"]), default="none", show_default=True,
              help="The side whose capital letters are taken as small ones.")  # fmt: skip
@click.option("--layers", default=2, show_default=True, metavar="N", type=click.IntRange(1, 48),
              help="Of the encoder, and of the decoder.")  # fmt: skip
@click.option("--width", default=256, show_default=True, metavar="N", type=click.IntRange(2, 8192),
              help="Numbers that stand for a token.")  # fmt: skip
@click.option("--heads", default=4, show_default=True, metavar="N", type=click.IntRange(1, 128),
              help="Attention heads of a Transformer's layer.")  # fmt: skip
@click.option("--intermediate", metavar="N", type=click.IntRange(1, 65_536), show_default="4 × width",
              help="Width between the two matrices behind a Transformer's attention.")  # fmt: skip
@click.option("--max-length", default=128, show_default=True, metavar="N", type=click.IntRange(2, 8192),
              help="Tokens of a side, its end among them; longer pairs are left out.")  # fmt: skip
@click.option("--dropout", default=0.1, show_default=True, metavar="P", type=options.FloatRange(0, 0.9),
              help="Share of the network's numbers that are left out at random in training.")  # fmt: skip
@click.option("--label-smoothing", default=0.1, show_default=True, metavar="P", type=options.FloatRange(0, 0.9),
              help="Of the probability, what is for all tokens alike.")  # fmt: skip
@click.option("--epochs", metavar="N", type=click.IntRange(min=1), show_default=f"{DEFAULT_EPOCHS}, unless --steps or --minutes",
              help="End when the pairs have been gone through N times.")  # fmt: skip
@click.option("--steps", metavar="N", type=click.IntRange(min=1), help="End after N steps.")
@click.option("--minutes", metavar="M", type=options.FloatRange(0, min_open=True),
              help="End after about M minutes from the start: the steps are set when the speed has been measured.")  # fmt: skip
@click.option("--patience", metavar="N", type=click.IntRange(min=1),
              help="End after N evaluations without a better score (--keep).")  # fmt: skip
@click.option("--evaluations", default=20, show_default=True, metavar="N", type=click.IntRange(1, 10_000),
              help="Times that dev is judged, at most once an epoch if --epochs ends the training.")  # fmt: skip
@click.option("--keep", type=click.Choice(["loss", "exact-match", "bleu", "chrf", "last"]), default="loss",
              show_default=True, help="The score on dev whose best weights are kept; last: those of the end.")  # fmt: skip
@click.option("--batch-tokens", default=4096, show_default="4096; of few pairs a tenth of all", metavar="N",
              type=click.IntRange(4, 10_000_000), help="Tokens of a batch, both sides and padding.")  # fmt: skip
@click.option("--accumulate", default=1, show_default=True, metavar="N", type=click.IntRange(1, 10_000),
              help="Batches of one step.")  # fmt: skip
@click.option("--rate", default=1e-3, show_default=True, metavar="RATE", type=options.FloatRange(0, 1, min_open=True),
              help="Highest learning rate; it falls in a line to 0.")  # fmt: skip
@click.option("--warm-up", default=0.05, show_default=True, metavar="SHARE", type=options.FloatRange(0, 1),
              help="Of the steps, in which it rises.")  # fmt: skip
@click.option("--weight-decay", default=0.01, show_default=True, metavar="W", type=options.FloatRange(0, 1),
              help="Of AdamW; not of biases and norms.")  # fmt: skip
@click.option("--clip", default=1.0, show_default=True, metavar="NORM", type=options.FloatRange(min=0),
              help="Longer gradients are shortened to this; 0: none are.")  # fmt: skip
@click.option("--precision", type=click.Choice(["float32", "float16"]), default="float32", show_default=True,
              help="Of the weights in the folder.")  # fmt: skip
@click.option("--work", metavar="FOLDER", type=click.Path(readable=False),
              show_default="the output with .work, removed at the end", help="Keeps the last checkpoint.")  # fmt: skip
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint of an interrupted training.")
@click.option("--plot", metavar="FILE", type=click.Path(readable=False), help="Draw the curves: .png, .svg or .pdf.")
@options.device
@options.seed
@options.threads_alone
def command(  # noqa: PLR0915, PLR0917
    pipe: Pipe,
    output: str,
    fields: Texts | None,
    dev: str | float,
    unit: str,
    source_unit: str | None,
    target_unit: str | None,
    vocabulary: int,
    target_vocabulary: int | None,
    lowercase: str,
    precision: str,
    work: str | None,
    resume: bool,
    plot: str | None,
    device: str,
    threads: int | None,
    **chosen: Any,
) -> None:
    """Text to text: an encoder–decoder that learns from pairs, for `nlptool generate`.

    A line is `source<TAB>target`, or a JSON object with source and target, or first and second, or what --fields names. The
    folder's seq2seq.json holds every option, the counts, the scores on dev and the versions, its curves.jsonl how the
    training went.

    \b
    nlptool train seq2seq --minutes 20 -o en-ja pairs.tsv
    nlptool train seq2seq --architecture lstm-attention --plot curves.png -o en-ja-lstm pairs.tsv
    nlptool train seq2seq --dev dev.tsv --patience 3 --epochs 100 -o en-ja pairs.jsonl.gz
    echo 'good morning' | nlptool generate -m ./en-ja -f text

    Architectures: lstm reads the source into one vector (Sutskever et al. 2014), lstm-attention looks at all of it at every
    token (Bahdanau et al. 2015, Luong et al. 2015), transformer is attention alone (Vaswani et al. 2017).

    Scores on dev: loss and perplexity without label smoothing, and the share of tokens that are right if the decoder is
    given the right ones before (teacher_forced_token_accuracy); then, of what it writes by itself, greedily and from 500
    pairs at most, exact match, BLEU and chrF (sacrebleu; Japanese by characters). Only the latter say how it generates.

    Ctrl-C leaves a checkpoint, from which --resume goes on; one is written every two minutes, too. The same seed and number
    of threads give the same model on the same machine; with --minutes the speed has a part in it.
    """
    from nlptool.models.runtime import devices
    from nlptool.storage import folders
    from nlptool.tasks.train import run, seq2seq_corpus
    from nlptool.tasks.train.seq2seq import CURVES, MANIFEST, card, manifest
    from nlptool.tasks.train.seq2seq_corpus import Side

    began = time.monotonic()
    if pipe.form.field is not None:
        raise click.UsageError("a pair has two fields: --fields SOURCE,TARGET")
    _check(chosen, dev)
    if not any(chosen[name] for name in ("steps", "epochs", "minutes")):
        chosen["epochs"] = DEFAULT_EPOCHS
    chosen["intermediate"] = chosen["intermediate"] or 4 * chosen["width"]
    chosen["keep"] = chosen["keep"].replace("-", "_")
    folders.check_replaceable(Path(output), MANIFEST)
    if plot:
        plots.check(plot)
    place = Path(work or f"{output.rstrip('/')}.work")
    from nlptool.models.seq2seq import folder as seq2seq_folder
    from nlptool.training.seq2seq import trainer as seq2seq_training

    run.check_own(place, seq2seq_training.WORK_FILES, anew=work is None)
    sides = (
        Side(source_unit or unit, vocabulary, lowercase in ("source", "both")),
        Side(target_unit or unit, target_vocabulary or vocabulary, lowercase in ("target", "both")),
    )
    with pipe.bar, stop_at_interrupt(lambda: pipe.note(f"stopping; what is done stays in {place}: --resume")) as stop:
        device = devices.torch_device(device, threads)
        corpus, counts = seq2seq_corpus.corpus(pipe, sides, names=fields, dev=dev, max_length=chosen["max_length"])
        run.work_folder(place, fresh=work is None and not resume)
        try:
            training = seq2seq_training.Seq2SeqTraining(
                corpus, seq2seq_training.Seq2SeqSettings(**chosen), place, resume=resume, device=device, began=began,
                report=pipe.bar.work, note=pipe.note, stop=stop,
            )  # fmt: skip
            training.run()
        except RunError:
            if work is None and not [*place.glob("*.safetensors")]:  # nothing to go on from
                shutil.rmtree(place, ignore_errors=True)
            raise
        except OSError as error:
            raise RunError(f"cannot write {place}: {error.strerror or error}", hint=run.LATER) from error
        about = {**counts, "dev": Path(dev).name if isinstance(dev, str) else dev, "precision": precision}
        about |= {f"{name}_unit": each.unit for name, each in (("source", corpus.source), ("target", corpus.target))}
        about |= {"lowercase": lowercase, **manifest(training)}

        def write(folder: Path) -> None:
            values = seq2seq_training.weights(training.network)
            seq2seq_folder.write(folder, values, training.shape, corpus.source, corpus.target, precision=precision)
            (folder / CURVES).write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in training.curves))
            (folder / MANIFEST).write_bytes(orjson.dumps(about, option=orjson.OPT_INDENT_2))
            (folder / "README.md").write_text(card(Path(output).name, about), encoding="utf-8")

        folders.replace_folder(Path(output), MANIFEST, write)
    if plot:
        plots.curves(training.curves, plot)
    scores = training.scores
    pipe.note(
        f"{output}: on dev, free-running: exact match {scores['exact_match']:.1%}, BLEU {scores['bleu']:.1f}, "
        f"chrF {scores['chrf']:.1f}" if scores else f"{output}: done; no pairs were held out"
    )  # fmt: skip
    if work is None:
        shutil.rmtree(place, ignore_errors=True)


def _check(chosen: dict[str, Any], dev: str | float) -> None:
    """Options that would have no effect are a mistake."""
    if chosen["architecture"] != "transformer":
        for name in sorted(options.typed(_OF_TRANSFORMER)):
            raise click.UsageError(f"--architecture {chosen['architecture']} makes no use of --{name}")
        chosen["heads"] = 1
    if chosen["width"] % 2 or chosen["width"] % chosen["heads"]:
        raise click.UsageError(f"--width {chosen['width']} cannot be shared by --heads {chosen['heads']}, or is odd")
    if dev == 0:
        for name in sorted(options.typed(("patience", "evaluations", "keep"))):
            raise click.UsageError(f"--dev 0 makes no use of --{name}")
    if chosen["keep"] == "last" and chosen["patience"] is not None:
        raise click.UsageError("--patience needs a score: another --keep than last")
