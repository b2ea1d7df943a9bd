"""``nlptool train lm``: a language model of one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from nlptool.cli import options
from nlptool.cli.help import Command, shared_option
from nlptool.cli.options import training
from nlptool.records.pipe import Pipe

if TYPE_CHECKING:
    from nlptool.tasks.train.run import ModelOutput

_ARCHITECTURES = ("ngram", "feedforward", "rnn", "lstm", "gru", "transformer")

_SHORTEST_CONTEXT = 3  # of a Transformer: the token that begins a text, one of the text, and the next


@click.command(cls=Command)
@options.records("train", writes=False)
@training.dev("0.05", "Documents to hold out: a share of the text, the same ones for all --seed, or a file.")
@click.option("--token-unit", type=click.Choice(["characters", "words", "subwords"]), default="characters", show_default=True,
              help="Unit of the tokens.")  # fmt: skip
@training.dictionary
@training.lowercase
@click.option("--vocabulary", metavar="FOLDER", type=click.Path(exists=True, file_okay=False),
              help="Use the vocabulary of this model of `train lm`, instead of learning one: scores compare.")  # fmt: skip
@training.integer("Options", "--order", 3, "Tokens of the longest n-grams of ngram.", 1, 20)
@training.integer("Options", "--min-count", 1,
                  "Occurrences that the n-grams of ngram need, above order 1, to be kept; they are counted in any case.",
                  1, 1_000_000)  # fmt: skip
@training.evaluated(evaluations=10)
@click.option("--samples/--no-samples", default=True, show_default=True,
              help="Show on stderr what the network writes after each evaluation, from nothing, at temperature 0.8.")  # fmt: skip
@shared_option("Model", "--architecture", type=click.Choice(_ARCHITECTURES), default="lstm", show_default=True,
               help="Architecture (see above).")  # fmt: skip
@training.integer("Model", "--vocab-size", 8000, "Different tokens, the most frequent ones.", 8, 1_000_000)
@training.integer("Model", "--layers", None, "Layers of a recurrent network or a Transformer.", 1, 48,
                  shown="1; 4 of a Transformer")  # fmt: skip
@training.integer("Model", "--heads", 4, "Attention heads of a layer of a Transformer.", 1, 128)
@training.hidden_size
@training.integer("Model", "--embedding-size", None, "Size of the embeddings.", 1, 8192, shown="as --hidden-size")
@training.integer("Model", "--context", 64,
                  "Tokens that a prediction reads: of feedforward those before it; of a recurrent network those through which "
                  "gradients flow back.", 1, 8192)  # fmt: skip
@shared_option("Model", "--tied/--untied", default=True, show_default=True,
               help="Use the embeddings as the matrix of the output layer, too.")  # fmt: skip
@shared_option("Model", "--direct/--no-direct", default=False, show_default=True,
               help="Connect the embeddings of feedforward with the output layer (W of the paper).")  # fmt: skip
@training.loop(epochs=10, batch=training.batch_size(32, "Streams of text in a batch."), rate=2e-3)
@training.dropout(0.1)
@training.output()
@options.device
@options.seed
@options.threads_alone
def command(
    pipe: Pipe,
    *,
    output: ModelOutput,
    dev: str | float,
    token_unit: str,
    dictionary: str | None,
    lowercase: bool,
    vocabulary: str | None,
    order: int,
    min_count: int,
    samples: bool,
    vocab_size: int,
    device: str,
    threads: int | None,
    **settings: Any,
) -> None:
    """A language model: it learns to say which token comes next, for `nlptool generate`.

    The corpus is text with an empty line between documents; every file begins a document, and with --unit document is one. Of
    JSON each record is a document. The folder's lm.json holds every option, the counts, the scores on dev and the versions, its
    curves.jsonl the losses and scores during the training.

    \b
    nlptool train lm -o my-lstm novels.txt
    nlptool train lm --architecture feedforward --token-unit words --context 4 -o bengio corpus.txt
    nlptool train lm --unit document --hidden-size 512 --layers 2 --max-minutes 30 -o c-code src/*.c

    Architectures: ngram counts runs of N tokens (interpolated modified Kneser-Ney smoothing, Chen and Goodman 1998), in seconds;
    feedforward reads the embeddings of the N tokens before (Bengio et al. 2003); rnn, lstm and gru read token
    after token, and carry their state from batch to batch (Mikolov et al. 2010, Karpathy 2015);
    transformer is a GPT, in a folder that transformers loads as GPT2LMHeadModel.

    Scores on dev: loss in nats and perplexity per token, perplexity per word, and bits per character. The end of a document is
    predicted like a token, and counts as a word and a character.

    Ctrl-C leaves a checkpoint, from which --resume goes on; one is written every two minutes, too. The same seed and number
    of threads give the same model on the same machine; with --max-minutes the speed has a part in it.
    """
    from nlptool.tasks.train.language import train_language_model
    from nlptool.tasks.train.language_corpus import CorpusOptions
    from nlptool.tasks.train.language_ngram import train_ngrams

    if dictionary is not None and token_unit != "words":
        raise click.UsageError("--dictionary is of --token-unit words")
    if vocabulary is not None:
        options.refuse(("token_unit", "dictionary", "lowercase", "vocab_size"), "--vocabulary")
    corpus = CorpusOptions(token_unit, vocab_size, lowercase, dictionary, dev, vocabulary)
    if settings["architecture"] == "ngram":
        of_networks = {*settings, "samples", "device", "threads", "save_dtype", "plot"} - {"architecture"}
        options.refuse(of_networks, "--architecture ngram")
        train_ngrams(pipe, output, corpus, order, [1, min_count])
        return
    options.refuse(("order", "min_count"), f"--architecture {settings['architecture']}")
    if settings["architecture"] == "feedforward":
        options.refuse(("layers",), "--architecture feedforward")
    else:
        options.refuse(("direct",), f"--architecture {settings['architecture']}")
    if settings["architecture"] == "transformer":
        options.refuse(("embedding_size",), "--architecture transformer")
        if settings["context"] < _SHORTEST_CONTEXT:
            raise click.UsageError(f"--architecture transformer needs --context {_SHORTEST_CONTEXT} or more")
    settings["embedding_size"] = settings["embedding_size"] or settings["hidden_size"]
    if settings["embedding_size"] != settings["hidden_size"]:
        if options.typed(["tied"]) and settings["tied"]:
            raise click.UsageError("--tied needs --embedding-size and --hidden-size to be equal")
        settings["tied"] = False
    settings["layers"] = settings["layers"] or (4 if settings["architecture"] == "transformer" else 1)
    if settings["architecture"] != "transformer":
        options.refuse(("heads",), f"--architecture {settings['architecture']}")
        settings["heads"] = 1
    training.check_heads(settings["hidden_size"], settings["heads"])
    if dev == 0:
        training.refuse_of_dev()
    train_language_model(pipe, output, corpus, samples=samples, device=device, threads=threads, **settings)
