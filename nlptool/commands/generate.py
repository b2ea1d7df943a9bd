"""``nlptool generate``: generate text from text with an encoder–decoder or a GPT."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import click

from nlptool.catalog import KNOWN
from nlptool.cli import options, pictures
from nlptool.cli.help import Command
from nlptool.records.formats import cells
from nlptool.records.pipe import Pipe
from nlptool.records.windows import windows
from nlptool.records.writing import write_records
from nlptool.specs import GeneratorSpec

if TYPE_CHECKING:
    from nlptool.models.generation.generator import Attention
    from nlptool.specs import DecodingSpec


def _which_model() -> click.UsageError:
    """There is a default for some languages alone; these are here."""
    there = [known for known in KNOWN.values() if known.task == "generate" and known.package == "nlptool"]
    width = max((len(known.name) for known in there), default=0)
    listed = "".join(f"\n  -m {known.name:{width}}  {known.note}" for known in there)
    return click.UsageError(
        f"which model? There is no default for this text.{listed}\n"
        "Any encoder–decoder or GPT of the hub is another: -m google-t5/t5-small; `nlptool models list --task generate` lists "
        "what is known"
    )


@click.command(cls=Command)
@options.records("generate")
@options.record_format("text", text="; text: only the best text, a line for each input", rows="a generated text a row")
@click.option("--stream", is_flag=True, help="Print tokens as they are generated, a line for each input.")
@click.option("--attention", is_flag=True, help="Add the attention weights of the first generated text.")
@click.option(
    "--plot", metavar="FILE", help="Heat map of the attention weights of the first input: .png, .svg or .pdf."
)
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
    decoding: DecodingSpec,
    spec: GeneratorSpec,
) -> None:
    """Generate text from text with an encoder–decoder (translation, answers, completion) or a GPT (continuation).

    Each record gets `generated`, a list of {text, log_probability, finish_reason}, the best first; -f text writes only the best
    text, a line for each input. log_probability is the natural logarithm of the text's probability, the sum over its tokens (at
    most 0, higher is more probable; longer texts have lower values). finish_reason is stop if the model ended the text, and
    length if --max-new-tokens was reached.

    \b
    echo 昔々あるところに | nlptool generate --seed 1 -f text
    echo む | nlptool generate -m hyakunin -f text
    echo "I can't swim at all." | nlptool generate -m mini-en-ja --beams 4 --num-return 3
    nlptool generate -m mini-en-ja --stream letter.txt
    echo "It is cold." | nlptool generate -m mini-en-ja --plot alignment.png

    aozora-gpt, the default for Japanese, continues a text in the manner of literature of 1890 to 1960. hyakunin completes the
    poems of the Hyakunin Isshu from the first half or the first syllables. From the hub or a folder,
    nlptool runs T5, mT5, BART, mBART, Marian, NLLB, M2M100, Pegasus, GPT-2 and GPT-NeoX models, and those of `nlptool train
    seq2seq` and `nlptool train lm`. T5 takes its task as a prefix; multilingual models take the two languages:

    \b
    nlptool generate -m google-t5/t5-small --prefix 'translate English to German: ' letter.txt
    nlptool generate -m Helsinki-NLP/opus-mt-ja-en -f text novel.txt
    nlptool generate -m facebook/nllb-200-distilled-600M --source-lang jpn_Jpan --target-lang eng_Latn novel.txt
    nlptool generate -m rinna/japanese-gpt2-medium --top-p 0.95 --num-return 3 --max-new-tokens 50 beginnings.txt

    Greedy search, the default, takes the most probable token at each step. --beams N is beam search; --num-return N, at most
    the number of beams, returns several texts, sorted by log_probability / tokens (see --length-penalty), and without --beams
    sets the number of beams. --sample, --temperature, --top-k and --top-p sample tokens at random; several samples are sorted
    by log_probability. A sample depends only on --seed, the number of the record in the input and the text; the entry says
    `seed`. log_probability is always that of the unmodified distribution of the model.

    --stop TEXT ends an output as soon as it contains the text, which is not a part of it: finish_reason is stop, and `stop` says
    which of several it was. log_probability is then that of the tokens up to the one that completes TEXT. What stands in the
    input does not count. A beam search cannot be stopped.

    What a model of transformers asks for in its generation_config.json (beams, sampling, lengths, penalties) is applied, as
    transformers does it, unless an option says otherwise: --beams 1 is greedy search, --repetition-penalty 1 and
    --no-repeat-ngram 0 turn these off. The entry names what was applied in `generation_config`; what nlptool does not do is
    named on stderr.

    --attention adds `attention`: {source, target, mean, heads}: the input and output tokens, and for each output token its
    weights on the input tokens, which sum to 1 (less for a GPT, which also attends to its output); the mean over all layers and
    heads, and heads[layer][head] if there are several. --plot draws the mean as in Bahdanau, Cho and Bengio (2015): input
    tokens are columns, output tokens are rows, lighter means more weight.

    --quantize int8 runs the network in 8-bit integers, in CTranslate2: several times as fast on a processor with VNNI, but not
    everywhere with the same result. Of the first texts the results are compared with those in float32, and how many are the same
    is said on stderr.

    The entry says the number of input tokens (`n_tokens`, with the prefix and special tokens), whether the input was
    `truncated`, and which of its characters or words are unknown to the model (`unknown`). An empty line gets an empty list and
    the `reason`; a GPT begins a text from nothing, if it has a token that begins texts. The result for a text does not depend on
    the other texts, but with different batches a log_probability may change by less than 1e-4; --deterministic makes the output
    byte-identical.
    """
    from nlptool.tasks import generate
    from nlptool.tasks.generate import NOTES, NOTES_OF_LINES, WINDOW, WINDOW_OF_ATTENTION, seeded
    from nlptool.tasks.languages import ModelScripts, chosen_generator
    from nlptool.tasks.open_model import decoding_of, open_model
    from nlptool.tasks.stream import write_stream

    spec = chosen_generator(spec, pipe)
    if not spec.model:
        raise _which_model()
    _refuse_contradictions(decoding, format, stream=stream, attention=attention)
    if attention and format == "table":  # on a terminal, where it would not be seen
        format = "jsonl"
    if plot is not None:
        pictures.check(plot, pipe)
    resolved = decoding_of(spec, decoding, pipe, streams=stream)
    if not resolved.decoding.sample and options.typed(["seed"]):
        raise click.UsageError("--seed is for what is drawn at random: --sample, --temperature, --top-k or --top-p")
    needs = "attention" if attention or plot is not None else resolved.needs
    generator = open_model(replace(spec, needs=needs), pipe)
    entry = generate.entry_of(generator, spec, resolved)
    entry |= {"device": generator.device} if generator.device != "cpu" else {}
    scripts = ModelScripts(generator.name)
    picture: list[Attention] | None = None if plot is None else []
    lists = seeded(pipe, seed) if resolved.decoding.sample else pipe.read()
    if spec.quantize:
        plain = replace(spec, needs=needs, engine="ct2", quantize=None)
        lists = generate.compare_int8(lists, generator, partial(open_model, plain, pipe), resolved.decoding, pipe)
    if stream:
        write_stream(pipe, lists, generator, resolved.decoding, entry=entry, picture=picture, scripts=scripts)
    else:
        largest = WINDOW_OF_ATTENTION if attention else WINDOW
        windowed = windows(lists, largest=largest)
        texts = generate.generate(
            windowed, generator, resolved.decoding, entry=entry, attention=attention, picture=picture
        )
        texts = scripts.noted(texts)
        if format == "text":
            pipe.write(map(generate.as_lines, texts), generate.line, notes=NOTES_OF_LINES | scripts.notes)
        else:
            layout = generate.layout(attention=attention, stops=bool(resolved.decoding.stop))
            table = cells.Answers("generated", layout.answer_columns)
            write_records(pipe, texts, format, layout, table=table, notes=NOTES | scripts.notes)
    if plot is not None:
        pictures.draw_first(pipe, picture or [], plot, lambda drawn: _draw(pipe, drawn, plot))


def _refuse_contradictions(decoding: DecodingSpec, format: str, *, stream: bool, attention: bool) -> None:
    """
    Raises:
        UsageError: what is asked for does not go together.
    """
    if stream and (decoding.beams or 1) > 1:
        raise click.UsageError("--stream shows tokens as they are chosen; a beam search chooses them all at its end")
    if stream and (decoding.n_return or 1) > 1:
        raise click.UsageError("--stream shows one text, --num-return asks for several")
    if stream and format != "text" and (format not in ("table", "jsonl") or options.typed(["format"])):
        raise click.UsageError("--stream writes bare text; a record is written when it is complete: -f text")
    if attention and (stream or format == "text" or (format == "table" and options.typed(["format"]))):
        raise click.UsageError("--attention goes into the record: -f jsonl (--plot draws it)")


def _draw(pipe: Pipe, drawn: Attention, path: str) -> None:
    """Draw the mean over all layers and heads."""
    from nlptool import plots

    weights = drawn.weights.mean((0, 1))
    plots.alignment(drawn.source, drawn.target, weights, path, white=float(weights.max()), note=pipe.note)
