"""``nlptool evaluate lm``: perplexity of a language model on documents."""

from __future__ import annotations

import click

from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.errors import ModelError
from nlptool.records.formats import results
from nlptool.records.pipe import Pipe
from nlptool.specs import ScoringSpec


@click.command(cls=Command)
@options.records("evaluate", writes=False)
@click.option("--end/--no-end", default=True, show_default=True, help="Also predict the end of each document.")
@click.option("--stride", metavar="N", type=options.IntRange(min=1), show_default="half of a window",
              help="Tokens from a window of a long document to the next.")  # fmt: skip
@options.scoring(targets=False, default=None)
@options.table_choice()
def command(pipe: Pipe, end: bool, stride: int | None, format: str | None, spec: ScoringSpec) -> None:
    """Evaluate a language model: how well it predicts each token of documents after those before it.

    The input is lines of text with an empty line between documents, or a record each in JSONL; it should be no part of the
    training data. The model is a folder of `nlptool train lm`, or a GPT. Masked models: `nlptool evaluate mlm`.

    The output is one record a file: n_documents, n_tokens, n_words, n_characters; loss, the mean of -ln p of the tokens;
    perplexity, exp of that (at least 1, lower is better); word_perplexity and bits_per_character, the same sum over the words
    and the characters of the text, which compare models with different vocabularies. The end of each document is predicted and
    counts as a token, a word and a character (--no-end). n_unknown tokens stand for what the vocabulary lacks; they are
    predicted as the unknown token, which is easier than the word itself: perplexity_of_known leaves them out.

    A document that is longer than the model reads at once is read in windows of --max-length tokens that overlap. Of each window
    behind the first only the last --stride tokens are scored: with a smaller one each token has more of the text before it, and
    all takes longer. Recurrent networks and n-grams read the whole document.

    \b
    nlptool evaluate lm -m aozora-gpt novel.txt
    nlptool evaluate lm -m ./lm held_out.txt
    nlptool evaluate lm -m openai-community/gpt2 --stride 512 wikitext.txt
    nlptool evaluate lm -m ./lm -f jsonl works/*.txt
    """
    from nlptool.models.generation.likelihood import is_decoder
    from nlptool.models.masked.model import MaskedModel
    from nlptool.tasks.evaluate.lm import lm, table_rows
    from nlptool.tasks.open_model import open_model

    if not spec.model:
        raise click.UsageError(
            "which model? -m aozora-gpt, which is built in, a FOLDER of `nlptool train lm`, or a GPT of the hub"
        )
    model = open_model(spec, pipe)
    if isinstance(model, MaskedModel):
        raise ModelError(f"{model.name} is a masked model", hint="nlptool evaluate mlm evaluates those")
    if not is_decoder(model):
        raise ModelError(f"{model.name} is an encoder–decoder", hint="nlptool score --target NAME scores its targets")
    options.check_stride(model, stride, spec.max_length)
    records = lm(pipe, model, end=end and bool(model.constraints.end_ids), room=spec.max_length, stride=stride)
    if spec.quantize:
        records = [record | {"quantize": spec.quantize} for record in records]
    results.show(list(table_rows(records)) if results.wants_table(format) else records, format)
