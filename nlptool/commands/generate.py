"""``nlptool generate``: text for text, by an encoder–decoder or a GPT."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from nlptool.catalog import KNOWN
from nlptool.cli import options
from nlptool.cli.help import Command
from nlptool.records.pipe import Pipe
from nlptool.records.windows import windows
from nlptool.specs import GeneratorSpec

if TYPE_CHECKING:
    from nlptool.models.generation.decoding import Decoding
    from nlptool.models.generation.generator import Attention


def _which_model() -> click.UsageError:
    """There is no default; these are here."""
    there = [known for known in KNOWN.values() if known.task == "generate" and known.package == "nlptool"]
    width = max((len(known.name) for known in there), default=0)
    listed = "".join(f"\n  -m {known.name:{width}}  {known.note}" for known in there)
    return click.UsageError(
        f"which model? There is no default.{listed}\n"
        "Any encoder–decoder or GPT of the hub is another: -m google-t5/t5-small; `nlptool models list --task generate` lists "
        "what is known"
    )


@click.command(cls=Command)
@options.records("generate")
@options.format_choice("jsonl", "text", text="text: the best text alone, in a line.")
@click.option("--stream", is_flag=True, help="Show the text while it is written, a line for each input.")
@click.option("--attention", is_flag=True, help="Where the model looked while it wrote the first text.")
@click.option("--plot", metavar="FILE", help="Draw that, of the first input: .png, .svg or .pdf.")
@options.decoding
@options.seed
@options.generator()
def command(  # noqa: PLR0917
    pipe: Pipe,
    format: str,
    stream: bool,
    attention: bool,
    plot: str | None,
    seed: int,
    decoding: Decoding,
    spec: GeneratorSpec,
) -> None:
    """Text for text: an encoder–decoder translates, answers or completes it, a GPT goes on from it.

    Each record gets `generated`, a list of {text, log_probability, finish_reason}, the best first; -f text writes the best text
    alone, a line for each input. log_probability is the natural logarithm of the probability that the model gives to the text,
    the sum over its tokens, at most 0: higher is more probable, and longer texts are less so. finish_reason is stop, if the
    model ended the text, or length, if it was cut off at --max-new-tokens.

    \b
    echo むらさめのつゆもまだひぬまきのはに | nlptool generate -m hyakunin -f text
    echo む | nlptool generate -m hyakunin -f text
    echo "I can't swim at all." | nlptool generate -m mini-en-ja --beams 4 --num-return 3
    nlptool generate -m mini-en-ja --stream letter.txt
    echo "It is cold." | nlptool generate -m mini-en-ja --plot alignment.png

    The first two are the hundred poems, whose second half follows from the first, or from its deciding syllable. Of the hub, and
    from a folder, T5, mT5, BART, mBART, Marian, NLLB, M2M100 and Pegasus models are read, GPT-2 and GPT-NeoX models, and those of
    `nlptool train seq2seq`. T5 is told its task by a prefix, many-language models their two languages:

    \b
    nlptool generate -m google-t5/t5-small --prefix 'translate English to German: ' letter.txt
    nlptool generate -m Helsinki-NLP/opus-mt-ja-en -f text novel.txt
    nlptool generate -m facebook/nllb-200-distilled-600M --source-lang jpn_Jpan --target-lang eng_Latn novel.txt
    nlptool generate -m rinna/japanese-gpt2-medium --top-p 0.95 --num-return 3 --max-new-tokens 50 beginnings.txt

    Greedy search, the default, takes the most probable token each time. --beams N keeps the N best beginnings instead, and
    --num-return N, at most as many, gives several texts, the best by log_probability / tokens first (--length-penalty);
    without --beams it means as many beams. --sample draws tokens at random, and so do --temperature, --top-k and --top-p, which
    leave less to chance or more; several samples are ordered by their log_probability. A sample depends on --seed, the number
    of the record in the input and the text alone: `seed` in the entry. log_probability is the model's own in all cases, before
    any of these options.

    --attention adds `attention`: {source, target, mean, heads}, the tokens read and written, and for each token written how
    much weight each token read had, a row that sums to 1 (of a GPT, which looks at what it has written too, to less): the mean
    over all layers and heads, and heads[layer][head], left out if there is only one. --plot draws the mean as Bahdanau, Cho and
    Bengio (2015) did: what was read along the top, what was written down the side, and the lighter, the more weight.

    The entry says how many tokens the text has (`n_tokens`, with the prefix and special tokens), whether the text was
    `truncated`, and which of its characters or words the model has never seen (`unknown`). An empty line gets an empty list and
    the `reason`. A text's result does not depend on its neighbours, but with another batch composition a log_probability
    may move by less than 1e-4; --deterministic makes all output byte-identical.
    """
    from nlptool.tasks import generate
    from nlptool.tasks.generate import NOTES, NOTES_OF_LINES, WINDOW, WINDOW_OF_ATTENTION, seeded
    from nlptool.tasks.open_model import open_model
    from nlptool.tasks.stream import write_stream

    if not spec.model:
        raise _which_model()
    _refuse_contradictions(decoding, format, stream=stream, attention=attention)
    if plot is not None:
        from nlptool import plots

        plots.check(plot)
    needs = "attention" if attention or plot is not None else "sampling" if decoding.sample else "search"
    generator = open_model(replace(spec, needs=needs), pipe)
    entry = generate.entry_of(generator, spec, decoding)
    entry |= {"device": generator.device} if generator.device != "cpu" else {}
    picture: list[Attention] | None = None if plot is None else []
    lists = seeded(pipe, seed) if decoding.sample else pipe.read()
    if stream:
        write_stream(pipe, lists, generator, decoding, entry=entry, picture=picture)
    else:
        largest = WINDOW_OF_ATTENTION if attention else WINDOW
        texts = generate.generate(
            windows(lists, largest=largest), generator, decoding, entry=entry, attention=attention, picture=picture
        )
        if format == "text":
            pipe.write(map(generate.as_lines, texts), generate.line, notes=NOTES_OF_LINES)
        else:
            pipe.write(texts, notes=NOTES)
    if plot is not None:
        _draw(pipe, picture or [], plot)


def _refuse_contradictions(decoding: Decoding, format: str, *, stream: bool, attention: bool) -> None:
    """
    Raises:
        UsageError: what is asked for does not go together.
    """
    if not decoding.sample and options.typed(["seed"]):
        raise click.UsageError("--seed is for what is drawn at random: --sample, --temperature, --top-k or --top-p")
    if stream and decoding.beams > 1:
        raise click.UsageError("--stream shows tokens as they are chosen; a beam search chooses them all at its end")
    if stream and decoding.n_return > 1:
        raise click.UsageError("--stream shows one text, --num-return asks for several")
    if stream and format == "jsonl" and options.typed(["format"]):
        raise click.UsageError("--stream writes bare text; a record is written when it is complete: -f text")
    if attention and (stream or format == "text"):
        raise click.UsageError("--attention goes into the record: -f jsonl (--plot draws it)")


def _draw(pipe: Pipe, picture: list[Attention], path: str) -> None:
    """The mean over all layers and heads."""
    if not picture:
        pipe.note(f"there is nothing to draw: {path} is not written")
        return
    from nlptool import plots

    weights = picture[0].weights.mean((0, 1))
    plots.alignment(picture[0].source, picture[0].target, weights, path, white=float(weights.max()), note=pipe.note)
    if pipe.tally.n_read > 1:
        pipe.note(f"{path} shows the first text alone")
