"""``nlptool train bert``: a BERT of one's own, pre-trained from scratch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.cli.options import training
from nlptool.records.pipe import Pipe

if TYPE_CHECKING:
    from nlptool.tasks.train.run import ModelOutput


def _checked_replacement(_: click.Context, __: click.Parameter, value: str) -> str:
    from nlptool.models.masked.masking import Replacement

    try:
        Replacement.parse(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    return value


@click.command(cls=Command)
@options.records("train", writes=False)
@click.option("--tokenizer", type=click.Choice(["auto", "unidic", "wordpiece"]), default="auto", show_default=True,
              help="How text is split into words (see above).")  # fmt: skip
@training.dictionary
@training.lowercase
@click.option("--nsp/--no-nsp", default=True, show_default=True,
              help="Next-sentence prediction: whether the second run follows the first.")  # fmt: skip
@training.number("Options", "--mlm-probability", 0.15, "SHARE",
                 "Share of the tokens that are to be predicted; the scores are always for 0.15.", 0.9, positive=True)  # fmt: skip
@click.option("--mask-replacement", metavar="M/R/U", default="80/10/10", show_default=True, callback=_checked_replacement,
              help="What stands in the places of these tokens, in percent of them: [MASK], a random subword, the token "
              "unchanged.")  # fmt: skip
@click.option("--whole-word-mask/--no-whole-word-mask", default=True, show_default=True,
              help="Mask all pieces of a word together.")  # fmt: skip
@training.number("Options", "--short-sequence-probability", 0.1, "SHARE", "Share of shorter sequences.")
@training.number("Options", "--nsp-warmup-ratio", 0.25, "SHARE",
                 "Share of the steps before next-sentence prediction counts.")  # fmt: skip
@click.option("--init-embeddings", type=click.Choice(["word2vec", "random"]), default="word2vec", show_default=True,
              help="Where the token embeddings begin: at word2vec vectors learned from the corpus, or random.")  # fmt: skip
@click.option("--init", metavar="FOLDER|NAME", type=click.Path(readable=False),
              help="Go on from a BERT in a folder, or a built-in one, with its tokenizer; next sentences count from the "
              "first step.")  # fmt: skip
@training.dev("0.01", "Documents to hold out: a share of the corpus, the same ones for all --seed, or a file.")
@training.integer("Model", "--vocab-size", 12_000, "Pieces of words, the characters among them.", 16, 1_000_000)
@training.hidden_size
@training.network(layers=4)
@training.integer(
    "Model", "--max-length", 128, "Tokens of a sequence: two runs of lines, [CLS] and two [SEP].", 8, 8192
)
@training.loop(epochs=10, batch=training.batch_size(32, "Sequences in a batch."), rate=1e-3)
@training.dropout(0.0)
@training.output("the token ids, for other trainings on the same files,")
@options.device
@options.seed
@options.workers
@options.threads_alone
def command(
    pipe: Pipe,
    *,
    output: ModelOutput,
    tokenizer: str,
    dictionary: str | None,
    lowercase: bool,
    vocab_size: int,
    dev: str | float,
    device: str,
    workers: int,
    threads: int | None,
    **settings: Any,
) -> None:
    """A BERT from scratch: it learns to predict masked words, and whether one text follows another.

    The corpus is a sentence or a paragraph a line, with an empty line between documents; every file begins a document. The
    folder is what transformers loads as BertForPreTraining (BertForMaskedLM with --no-nsp) with its tokenizer; its
    pretraining.json holds every option, the counts, the scores on the held-out documents and the versions, its
    curves.jsonl the losses and scores during the training.

    \b
    nlptool train bert --max-minutes 60 -o my-bert novels.txt.xz
    nlptool train bert --max-steps 20000 --layers 6 --hidden-size 384 --heads 6 --plot curves.png -o larger corpus.txt
    nlptool train bert --init my-bert --max-minutes 60 --seed 2 -o my-bert-2 novels.txt.xz
    cat letters.txt | nlptool train bert --tokenizer wordpiece --lowercase --no-nsp --vocab-size 4000 -o english

    Tokenizers: unidic splits Japanese text into words with MeCab, as BertJapaneseTokenizer does; wordpiece takes runs of
    letters and single punctuation marks, as BertTokenizer; auto chooses by the first lines, and says what it chose. Words
    are split into subwords that are learned from the corpus (WordPiece).

    Half of the second runs of lines are those that follow the first in the text, the others come from another document.
    15 % of the tokens are to be predicted, of which 80 % are [MASK], 10 % another piece and 10 % unchanged; each epoch has
    other masks. With --mask-replacement 100/0/0 all of them are [MASK], as on the held-out documents.

    A new network does not begin at random, so that a processor can train it: its token embeddings are those of word2vec, the
    heads of its first two layers attend to the neighbours of each token, and next-sentence prediction counts later.

    Ctrl-C leaves a checkpoint, from which --resume goes on; one is written every two minutes, too. The same seed and number
    of threads give the same model on the same machine; with --max-minutes the speed has a part in it.
    """
    from nlptool.tasks.train.bert import OPTIONS_OF_NEW, train_bert
    from nlptool.tasks.train.bert_corpus import CorpusOptions

    if settings["init"] is not None:
        options.refuse(OPTIONS_OF_NEW, f"--init {settings['init']}")
    if not settings["nsp"]:
        options.refuse(["nsp_warmup_ratio"], "--no-nsp")
    if settings["init"] is None:
        training.check_heads(settings["hidden_size"], settings["heads"])
    if dictionary is not None and tokenizer == "wordpiece":
        raise click.UsageError("--tokenizer wordpiece makes no use of --dictionary")
    if dictionary is not None:
        tokenizer = "unidic"
    corpus = CorpusOptions(tokenizer, dictionary, lowercase, vocab_size, dev, workers)
    train_bert(pipe, output, corpus, device=device, threads=threads, **settings)
