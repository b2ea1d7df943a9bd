"""``nlptool train bert``: a BERT of one's own, pre-trained from scratch."""

from __future__ import annotations

import shutil
import time
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

DEFAULT_EPOCHS = 10  # unless something else ends the training


@click.command(cls=Command)
@options.records("train", writes=False)
@click.option("-o", "--output", metavar="FOLDER", type=click.Path(readable=False), required=True,
              help="Where the model goes: a folder, replaced as a whole when done.")  # fmt: skip
@click.option("--tokenizer", type=click.Choice(["auto", "unidic", "wordpiece"]), default="auto", show_default=True,
              help="How words are cut (see below).")  # fmt: skip
@click.option("--vocabulary", default=12_000, show_default=True, metavar="N", type=click.IntRange(16, 1_000_000),
              help="Pieces of words, the characters among them.")  # fmt: skip
@click.option("--lowercase", is_flag=True, help="Take capital letters as small ones (and, in wordpiece, drop accents).")
@click.option("--layers", default=4, show_default=True, metavar="N", type=click.IntRange(1, 48), help="Of the network.")
@click.option("--width", default=256, show_default=True, metavar="N", type=click.IntRange(2, 8192),
              help="Numbers that stand for a token.")  # fmt: skip
@click.option("--heads", default=4, show_default=True, metavar="N", type=click.IntRange(1, 128),
              help="Attention heads of a layer.")  # fmt: skip
@click.option("--intermediate", default=1024, show_default=True, metavar="N", type=click.IntRange(1, 65_536),
              help="Width between the two matrices behind the attention.")  # fmt: skip
@click.option("--max-length", default=128, show_default=True, metavar="N", type=click.IntRange(8, 8192),
              help="Tokens of a sequence: two runs of lines, [CLS] and two [SEP].")  # fmt: skip
@click.option("--short", default=0.1, show_default=True, metavar="SHARE", type=options.FloatRange(0, 1),
              help="Sequences that are shorter, at random.")  # fmt: skip
@click.option("--nsp/--no-nsp", default=True, show_default=True, help="Learn whether the second run follows the first.")
@click.option("--mask", type=click.Choice(["words", "pieces"]), default="words", show_default=True,
              help="What is masked: all pieces of a word together, or each for itself.")  # fmt: skip
@click.option("--share", default=0.15, show_default=True, metavar="SHARE", type=options.FloatRange(0, 0.9, min_open=True),
              help="Of the tokens, which are to be guessed; the scores are always for 0.15.")  # fmt: skip
@click.option("--nsp-from", default=0.25, show_default=True, metavar="SHARE", type=options.FloatRange(0, 1),
              help="Of the steps, before which next sentences do not count (with --init they do from the first).")  # fmt: skip
@click.option("--vectors/--no-vectors", default=True, show_default=True,
              help="Begin with word2vec's vectors of the pieces, learned from the corpus.")  # fmt: skip
@click.option("--init", metavar="FOLDER", type=click.Path(readable=False),
              help="Go on from a BERT that exists, with its tokenizer.")  # fmt: skip
@click.option("--steps", metavar="N", type=click.IntRange(min=1), help="End after N steps.")
@click.option("--epochs", metavar="N", type=click.IntRange(min=1), show_default=f"{DEFAULT_EPOCHS}, unless --steps or --minutes",
              help="End when the corpus has been gone through N times.")  # fmt: skip
@click.option("--minutes", metavar="M", type=options.FloatRange(0, min_open=True),
              help="End after about M minutes from the start: the steps are set when the speed has been measured.")  # fmt: skip
@click.option("--batch", default=32, show_default=True, metavar="N", type=click.IntRange(1, 65_536),
              help="Sequences that are computed together.")  # fmt: skip
@click.option("--accumulate", default=1, show_default=True, metavar="N", type=click.IntRange(1, 10_000),
              help="Batches of one step.")  # fmt: skip
@click.option("--rate", default=1e-3, show_default=True, metavar="RATE", type=options.FloatRange(0, 1, min_open=True),
              help="Highest learning rate; it falls in a line to 0.")  # fmt: skip
@click.option("--warm-up", default=0.05, show_default=True, metavar="SHARE", type=options.FloatRange(0, 1),
              help="Of the steps, in which it rises.")  # fmt: skip
@click.option("--weight-decay", default=0.01, show_default=True, metavar="W", type=options.FloatRange(0, 1),
              help="Of AdamW; not of biases and norms.")  # fmt: skip
@click.option("--dropout", default=0.0, show_default=True, metavar="P", type=options.FloatRange(0, 0.9),
              help="0.1 for a small corpus that is gone through often.")  # fmt: skip
@click.option("--dev", metavar="SHARE|FILE", default="0.01", show_default=True, callback=options.share_or_file,
              help="Documents to hold out: a share of the corpus, the same ones for all --seed, or a file.")  # fmt: skip
@click.option("--precision", type=click.Choice(["float32", "float16"]), default="float32", show_default=True,
              help="Of the weights in the folder.")  # fmt: skip
@click.option("--work", metavar="FOLDER", type=click.Path(readable=False),
              show_default="the output with .work, removed at the end",
              help="Keeps the token ids and the last checkpoint, for other trainings on the same files.")  # fmt: skip
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint of an interrupted training.")
@click.option("--plot", metavar="FILE", type=click.Path(readable=False), help="Draw the curves: .png, .svg or .pdf.")
@options.device
@options.seed
@options.workers
@options.threads_alone
def command(  # noqa: PLR0915, PLR0917
    pipe: Pipe,
    output: str,
    tokenizer: str,
    vocabulary: int,
    lowercase: bool,
    dev: str | float,
    precision: str,
    work: str | None,
    resume: bool,
    plot: str | None,
    device: str,
    workers: int,
    threads: int | None,
    **chosen: Any,
) -> None:
    """A BERT from scratch: it learns to guess masked words, and whether one text follows another.

    The corpus is a sentence or a paragraph a line, with an empty line between documents; every file begins a document. The
    folder is what transformers loads as BertForPreTraining (BertForMaskedLM with --no-nsp) with its tokenizer; its
    pretraining.json holds every option, the counts, the scores on the held-out documents and the versions, its
    curves.jsonl how the training went.

    \b
    nlptool train bert --minutes 60 -o my-bert novels.txt.xz
    nlptool train bert --steps 20000 --layers 6 --width 384 --heads 6 --plot curves.png -o larger corpus.txt
    nlptool train bert --init my-bert --minutes 60 --seed 2 -o my-bert-2 novels.txt.xz
    cat letters.txt | nlptool train bert --tokenizer wordpiece --lowercase --no-nsp --vocabulary 4000 -o english

    Tokenizers: unidic cuts Japanese words with MeCab, as BertJapaneseTokenizer does; wordpiece takes runs of letters and
    single marks, as BertTokenizer; auto looks at the first lines, and says what it chose. Both cut words into pieces that are
    learned from the corpus (WordPiece).

    Half of the second runs of lines are those that follow the first in the text, the others come from another document.
    15 % of the tokens are to be guessed, of which 80 % are [MASK], 10 % another piece and 10 % as they were; each epoch has
    masks of its own.

    A new network does not begin at random, so that a processor can train it: its pieces have word2vec's vectors, the heads of
    its first two layers look at the places beside each token, and next sentences count when the words have been begun with.

    Ctrl-C leaves a checkpoint, from which --resume goes on; one is written every two minutes, too. The same seed and number
    of threads give the same model on the same machine; with --minutes the speed has a part in it.
    """
    from nlptool.models.runtime import devices
    from nlptool.storage import folders
    from nlptool.tasks.train import bert_corpus, run
    from nlptool.tasks.train.bert import CURVES, MANIFEST, card, manifest

    began = time.monotonic()
    _check(chosen)
    if not any(chosen[name] for name in ("steps", "epochs", "minutes")):
        chosen["epochs"] = DEFAULT_EPOCHS
    folders.check_replaceable(Path(output), MANIFEST)
    if plot:
        plots.check(plot)
    place = Path(work or f"{output.rstrip('/')}.work")
    from nlptool.training.bert import network as bert_network
    from nlptool.training.bert import trainer as bert_training

    run.check_own(place, bert_training.WORK_FILES, anew=work is None)
    settings = bert_training.BertSettings(**chosen)
    with pipe.bar, stop_at_interrupt(lambda: pipe.note(f"stopping; what is done stays in {place}: --resume")) as stop:
        device = devices.torch_device(device, threads)
        run.work_folder(place, fresh=work is None and not resume)
        try:
            store = bert_corpus.stored(
                pipe, place, tokenizer, lowercase=lowercase, vocabulary=vocabulary, dev=dev,
                init=settings.init, workers=workers, stop=stop,
            )  # fmt: skip
            cut, learned_from, held_out, said = store.load()
            if said["why"]:
                pipe.note(f"--tokenizer {said['tokenizer']}: {said['why']}")
            training = bert_training.BertTraining(
                learned_from, held_out, cut, settings, place, data=store.key, resume=resume, device=device, began=began,
                report=pipe.bar.work, note=pipe.note, stop=stop,
            )  # fmt: skip
            if settings.init is None and len(cut.pieces) < vocabulary:
                pipe.note(f"the corpus gives {len(cut.pieces):,} pieces, fewer than --vocabulary {vocabulary}")
            pipe.note(
                f"documents: {learned_from.n_documents:,}, of {learned_from.n_tokens:,} tokens; held out: "
                f"{held_out.n_documents:,}, of {held_out.n_tokens:,}; pieces: {len(cut.pieces):,}; parameters: "
                f"{training.n_parameters:,}"
            )
            training.run()
        except RunError:
            if work is None and not [*place.glob("*.safetensors")]:  # nothing to go on from
                shutil.rmtree(place, ignore_errors=True)
            raise
        except OSError as error:
            raise RunError(f"cannot write {place}: {error.strerror or error}", hint=run.LATER) from error
        about: dict[str, Any] = {
            "n_parameters": training.n_parameters,
            "n_pieces": len(cut.pieces),
            "n_documents": learned_from.n_documents,
            "n_dev_documents": held_out.n_documents,
            "n_corpus_tokens": learned_from.n_tokens,
            "n_dev_tokens": held_out.n_tokens,
        }
        about |= {"dev_documents": said["dev_documents"]}  # their numbers in the corpus, from 0
        about |= {"precision": precision, "dev": dev, "tokenizer": said["tokenizer"], "lowercase": lowercase}
        about |= manifest(training)

        def write(folder: Path) -> None:
            bert_network.save(training.network, cut, folder, precision)
            (folder / CURVES).write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in training.curves))
            (folder / MANIFEST).write_bytes(orjson.dumps(about, option=orjson.OPT_INDENT_2))
            (folder / "README.md").write_text(card(Path(output).name, about), encoding="utf-8")

        folders.replace_folder(Path(output), MANIFEST, write)
    if plot:
        plots.curves(training.curves, plot)
    scores = ", ".join(f"{name} {value:.1%}" for name, value in training.scores.items() if not name.endswith("loss"))
    pipe.note(f"{output}: " + (f"on the held-out documents {scores}" if scores else "done; no documents were held out"))
    if work is None:
        shutil.rmtree(place, ignore_errors=True)


def _check(chosen: dict[str, Any]) -> None:
    """Options that would have no effect are a mistake."""
    from nlptool.tasks.train.bert import OPTIONS_OF_NEW

    if chosen["init"] is not None:
        for name in sorted(options.typed(OPTIONS_OF_NEW)):
            raise click.UsageError(f"--init {chosen['init']} makes no use of --{name.replace('_', '-')}")
    if not chosen["nsp"] and options.typed(["nsp_from"]):
        raise click.UsageError("--no-nsp makes no use of --nsp-from")
    if chosen["init"] is None and chosen["width"] % chosen["heads"]:
        raise click.UsageError(f"--width {chosen['width']} cannot be shared by --heads {chosen['heads']}")
