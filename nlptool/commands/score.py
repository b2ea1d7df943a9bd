"""``nlptool score``: how probable a text is under a language model of any kind."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import click

from nlptool.cli import options, pictures
from nlptool.cli.help import Command
from nlptool.records.formats import cells
from nlptool.records.formats.record_rows import Layout
from nlptool.records.pipe import Pipe
from nlptool.records.windows import windows
from nlptool.records.writing import write_records
from nlptool.specs import GeneratorSpec, ScoringSpec, as_kind

if TYPE_CHECKING:
    from nlptool.models.generation.generator import Generator
    from nlptool.models.masked.model import MaskedModel
    from nlptool.tasks.score_texts import Drawn, Scoring

_OF_MASKED = ("within_word",)
_OF_OTHERS = ("by", "nats", "target", "end", "stride", "plot")


@click.command(cls=Command)
@options.records("score")
@click.option("--by", type=click.Choice(["piece", "word", "char"]), show_default="piece",
              help="What gets a surprisal: pieces of the model's vocabulary, words, or characters.")  # fmt: skip
@click.option("--nats/--bits", default=False, show_default=True, help="Unit of a surprisal: -ln p, or -log2 p.")  # fmt: skip
@click.option("--target", default=None, metavar="NAME",
              help="Score the text of this field, given the record's text: its source, or what stands before it.")  # fmt: skip
@click.option("--end", is_flag=True, help="Score the end of the text, too.")
@click.option("--stride", metavar="N", type=options.IntRange(min=1), show_default="half of a window",
              help="Tokens from a window of a long text to the next.")  # fmt: skip
@click.option("--plot", metavar="FILE",
              help="Bar chart of the surprisal of the words of the first text: .png, .svg or .pdf.")  # fmt: skip
@click.option("--within-word", is_flag=True,
              help="Masked models: also mask the following subwords of the same word, which corrects the score of long "
              "words.")  # fmt: skip
@click.option("--pieces/--no-pieces", default=True, show_default=True,
              help="Write the score of each piece, word or character.")  # fmt: skip
@options.scoring()
@options.record_format()
def command(  # noqa: PLR0917
    pipe: Pipe,
    by: str | None,
    nats: bool,
    target: str | None,
    end: bool,
    stride: int | None,
    plot: str | None,
    within_word: bool,
    pieces: bool,
    format: str,
    spec: ScoringSpec,
) -> None:
    """Score how probable a text is under a language model: a GPT, n-grams and other models of `nlptool train lm`, an
    encoder–decoder, or a masked model such as BERT.

    A model that reads from left to right gives each token its probability after those before it. Each record gets
    `log_likelihood`, the sum of their natural logarithms (at most 0, higher is more probable); `perplexity`, exp(-sum / number of
    tokens) (at least 1, lower is more probable); and `pieces`, `words` or `characters` (--by), each with its surprisal in bits, 0
    or more: high where the text goes on unexpectedly. A piece that reaches into several words is divided between their
    characters; words are those of MeCab in Japanese, else what stands between blanks.

    \b
    echo 吾輩は猫である。 | nlptool score -m ./lm --by word
    nlptool score -m openai-community/gpt2 --no-pieces corpus.txt
    echo "The horse raced past the barn fell." | nlptool score -m openai-community/gpt2 --by word --plot surprisal.png
    printf '猫が魚を食べる。\\n猫を魚が食べるた。\\n' | nlptool score --no-pieces

    With --target NAME the text of that field is scored, given the record's text: for an encoder–decoder, which needs it, as its
    source; for another model as what stands before it, with no blank between them. A piece that begins in the text and ends in
    the target counts whole. The end of a target of an encoder–decoder is scored, too.

    \b
    printf 'It is cold.\\t寒い。\\n' | nlptool score -m mini-en-ja -I tsv --field 1 --target 2

    A masked model, the default, is asked for each subword in turn, which is masked: `pseudo_log_likelihood` is the sum (Salazar
    et al. 2020), `pseudo_perplexity` exp(-sum / number of subwords), and `pieces` a list of {piece, log_probability}.
    --within-word also masks the following subwords of the same word (PLL-word-l2r, Kauf and Ivanova 2023): otherwise the subwords
    of a rare long word predict each other, and its probability is overestimated. A text of n subwords takes n sequences of the
    network.

    Of two sentences with the same meaning, the more acceptable one should have the higher sum; if their lengths differ, compare
    perplexities. Between models with different tokenizers only the sums can be compared.

    An unknown piece is scored as the unknown token and counted in the entry; special tokens in the text of a masked model, such
    as [MASK], are read but not scored: their log-probability is null. An empty line gets null and the reason. A text longer than
    the model takes is scored whole, in windows: each subword of a masked model in that around it; another model reads windows of
    --max-length tokens that overlap, and each token is scored in the one that has the most of the text before it (--stride). A
    masked model with --max-length N scores only the first N tokens of a text, special tokens included, and so limits the time
    that one takes.

    --quantize int8 runs a GPT or an encoder–decoder in 8-bit integers, in CTranslate2: several times as fast on a processor with
    VNNI, and less exact. How far the surprisals of the first texts are from those in float32 is said on stderr.

    With different batches a log-probability may change by less than 1e-4, of a masked model by less than 1e-5; --deterministic
    makes the output byte-identical.
    """
    from nlptool.models.masked.model import MaskedModel
    from nlptool.tasks.languages import chosen
    from nlptool.tasks.open_model import open_model

    if plot is not None:
        pictures.check(plot, pipe)
    model = open_model(chosen(spec, pipe), pipe)
    if isinstance(model, MaskedModel):
        _refuse(_OF_OTHERS, f"{model.name} is a masked model")
        _score_masked(pipe, model, spec, within_word=within_word, pieces=pieces, format=format)
        return
    from nlptool.tasks.score_texts import BITS, NATS, PIECE, Scoring

    _refuse(_OF_MASKED, f"{model.name} is no masked model")
    scoring = Scoring(
        by=(by or PIECE) if pieces else None, unit=NATS if nats else BITS, target=target or "", end=end, room=spec.max_length,
        stride=stride,
    )  # fmt: skip
    _check(model, scoring, pieces=pieces)
    _score(pipe, model, spec, scoring, plot, format)


def _refuse(names: tuple[str, ...], reason: str) -> None:
    """
    Raises:
        UsageError: one of the options ``names`` was typed.
    """
    for name in names:
        if options.typed([name]):
            raise click.UsageError(f"--{name.replace('_', '-')} is for another kind of model: {reason}")


def _check(model: Generator, scoring: Scoring, *, pieces: bool) -> None:
    """
    Raises:
        UsageError: what is asked for does not go together, or not with the model.
    """
    from nlptool.models.generation.likelihood import is_decoder

    if not pieces and options.typed(["by"]):
        raise click.UsageError("--by says what is listed, and --no-pieces lists nothing")
    if not is_decoder(model):
        _refuse(("end", "stride"), f"{model.name} is an encoder–decoder, which scores whole targets and their ends")
        if not scoring.target:
            raise click.UsageError(
                f"{model.name} is an encoder–decoder: --target NAME is the field of the text that is scored, given its source"
            )
    elif options.typed(["prefix"]):
        raise click.UsageError(
            f"--prefix is for the sources of an encoder–decoder, and {model.name} is none: --target NAME"
        )
    options.check_stride(model, scoring.stride, scoring.room)


def _score_masked(
    pipe: Pipe, model: MaskedModel, spec: ScoringSpec, *, within_word: bool, pieces: bool, format: str
) -> None:
    from nlptool.tasks.languages import MASKED, ModelScripts, masked_text
    from nlptool.tasks.score import NOTES, WINDOW, score

    scripts = ModelScripts(model.name, MASKED)
    scored = score(
        windows(pipe.read(), largest=WINDOW),
        model,
        within_word=within_word,
        pieces=pieces,
        truncate=spec.max_length is not None,
        report=lambda done, total: pipe.bar.within(done, total, "subwords"),
    )
    numbers = {"pseudo_log_likelihood": float, "pseudo_perplexity": float}
    layout = Layout(numbers | ({"pieces": dict} if pieces else {}))
    table = cells.Columns(numbers | {"text": str})
    write_records(pipe, scripts.noted(scored, masked_text), format, layout, table=table, notes=NOTES | scripts.notes)


def _score(  # noqa: PLR0917
    pipe: Pipe, model: Generator, spec: ScoringSpec, scoring: Scoring, plot: str | None, format: str
) -> None:
    from nlptool.tasks.languages import ModelScripts
    from nlptool.tasks.open_model import open_model
    from nlptool.tasks.score_texts import NOTES, WINDOW, compare_int8, score

    scripts = ModelScripts(model.name)
    picture: list[Drawn] | None = None if plot is None else []
    lists = pipe.read()
    if spec.quantize:
        plain = replace(as_kind(spec, GeneratorSpec), engine="ct2", quantize=None, needs="scoring")
        lists = compare_int8(lists, model, partial(open_model, plain, pipe), scoring, pipe)
    scored = score(windows(lists, largest=WINDOW), model, scoring, picture=picture, quantize=spec.quantize)
    table = cells.Columns({"log_likelihood": float, "perplexity": float, "text": str})
    write_records(
        pipe, scripts.noted(scored), format, Layout(scoring.results), table=table, notes=NOTES | scripts.notes
    )
    if plot is not None:
        pictures.draw_first(pipe, picture or [], plot, lambda drawn: _draw(pipe, drawn, plot))


def _draw(pipe: Pipe, drawn: Drawn, path: str) -> None:
    from nlptool import plots

    plots.bars(drawn.surprisals, path, names=drawn.words, label=f"surprisal in {drawn.unit}", note=pipe.note)
