"""Every shared option, spelled once, with its help.

``records`` gives a command FILE arguments and all the options of reading and writing, and hands it a ``Pipe``. Options
that only some commands share are decorators of their own.
"""

from __future__ import annotations

import codecs
import functools
import math
import os
import re
from collections.abc import Callable, Iterable
from typing import Any

import click

from nlptool.catalogue import DEFAULT_BERT, DEFAULT_ENCODER, ENGLISH_WORDS, JAPANESE_WORDS
from nlptool.pipe import Pipe
from nlptool.records import InputFormat

Command = Callable[..., Any]
Decorator = Callable[[Command], Command]

_NOT_OF_FILES = {"idna", "punycode", "raw-unicode-escape", "unicode-escape", "undefined"}  # Python's, but no one's text


def _encoding(_: click.Context, __: click.Parameter, value: str) -> str:
    try:
        "".encode(value)  # refuses what is no text encoding, such as hex
        name = codecs.lookup(value).name
        if name in _NOT_OF_FILES:
            raise LookupError(name)
        return name
    except (LookupError, UnicodeError):
        raise click.BadParameter(
            f"no encoding is called {value!r}; for Japanese try cp932, euc_jp or iso2022_jp"
        ) from None


class FloatRange(click.FloatRange):
    """A number within bounds: click's own lets nan through, which is within none."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value} is no number", param, ctx)
        return number


_FILES = click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(readable=False))

_INPUT = (
    click.option(
        "-I", "--input-format", type=click.Choice(["auto", "text", "jsonl", "tsv"]), default="auto", show_default=True,
        help="What a line is. auto: JSONL if the first line is a JSON object, else text.",
    ),
    click.option("--field", metavar="NAME", help="Field, JSON Pointer (/meta/title) or column that holds the text."),
    click.option("--id-field", metavar="NAME", help="Field that names a record; --drop-input keeps it."),
    click.option("--header", is_flag=True, help="The first line of TSV input names the columns."),
    click.option("-0", "--null", is_flag=True, help="Records end with NUL, not with a line end."),
    click.option("--encoding", default="utf-8", show_default=True, metavar="NAME", callback=_encoding,
                 help="Encoding of the input."),
    click.option("--max-line", default=64_000_000, show_default=True, metavar="BYTES", type=click.IntRange(min=1),
                 help="A longer line is an error record."),
    click.option("--max-latency", default=100, show_default=True, metavar="MS", type=click.IntRange(0, 3_600_000),
                 help="Milliseconds without new input after which a batch is closed."),
)  # fmt: skip

_OUTPUT = (
    click.option("-o", "--output", metavar="FILE", type=click.Path(readable=False),
                 help="Write to FILE, replaced as a whole when done (until then FILE.part)."),
    click.option("--resume", is_flag=True, help="Go on from FILE.part of an interrupted run."),
    click.option("--drop-input", is_flag=True, help="Write the results alone (and --id-field)."),
    click.option(
        "--on-error", type=click.Choice(["record", "skip", "fail"]), default="record", show_default=True,
        help="A record that fails: write it with its error, leave it out, or stop.",
    ),
)  # fmt: skip

_NO_OUTPUT = (
    click.option(
        "--on-error", type=click.Choice(["skip", "fail"]), default="skip", show_default=True,
        help="A record that fails: leave it out and count it, or stop.",
    ),
)  # fmt: skip

progress = click.option(
    "--progress", type=click.Choice(["auto", "always", "never"]), default="auto", show_default=True,
    help="A progress bar on stderr; auto: if that is a terminal.",
)  # fmt: skip
quiet = click.option("-q", "--quiet", is_flag=True, help="No notes on stderr, only errors.")
debug = click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error.")

_TALK = (
    progress,
    quiet,
    click.option("-v", "--verbose", is_flag=True, help="Say at the end how long it took."),
    debug,
)


def records(
    command: str, *, arguments: Decorator | None = None, writes: bool = True, instead: tuple[str, ...] = ()
) -> Callable[[Command], Command]:
    """Add FILE and the options of reading and writing; the callback gets a ``Pipe`` as its first argument.

    Args:
        arguments: what the command takes instead of FILE.
        writes: whether it gives records; else it has no options for them.
        instead: fields of a record that make its text dispensable.
    """
    shared = [arguments or _FILES, *_INPUT, *(_OUTPUT if writes else _NO_OUTPUT), *_TALK]

    def decorate(callback: Command) -> Command:
        @functools.wraps(callback)
        def run(**values: Any) -> None:
            own = () if writes else ("output", "resume")  # of a command that writes something else than records
            given = {name: values.pop(name) for name in _FIELDS if name in values and name not in own}
            if given.get("resume") and not given["output"]:
                raise click.UsageError("--resume needs -o FILE")
            pipe = Pipe(
                command=command,
                form=InputFormat(
                    kind=values.pop("input_format"),
                    field=values.pop("field"),
                    header=values.pop("header"),
                    encoding=values.pop("encoding"),
                    instead=instead,
                ),
                separator=b"\0" if values.pop("null") else b"\n",
                max_latency=values.pop("max_latency") / 1000,
                **given,
            )
            callback(pipe, **values)
            click.get_current_context().exit(pipe.exit_code)

        # Own options come first in --help, then those of reading, then those of writing.
        for option in reversed(shared):
            run = option(run)
        own = run.__dict__["__click_params__"]
        run.__dict__["__click_params__"] = own[-len(shared) :] + own[: -len(shared)]
        return run

    return decorate


_FIELDS = (
    "files", "id_field", "max_line", "output", "resume", "drop_input", "on_error", "progress", "quiet", "verbose",
)  # fmt: skip
"""Options that are fields of a ``Pipe`` under the same name."""


def typed(names: Iterable[str]) -> set[str]:
    """Those parameters of the running command that were given on the command line."""
    source = click.get_current_context().get_parameter_source
    return {name for name in names if source(name) == click.core.ParameterSource.COMMANDLINE}


def workers(callback: Command) -> Command:
    return click.option(
        "-j", "--workers", default=1, show_default=True, metavar="N", type=click.IntRange(min=1),
        help="Processes that share the work; the output stays in order.",
    )(callback)  # fmt: skip


def processors() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def threads(callback: Command) -> Command:
    return click.option(
        "--threads", show_default="all processors, shared by -j", metavar="N", type=click.IntRange(min=1),
        help="Threads that compute, in each process.",
    )(callback)  # fmt: skip


def threads_alone(callback: Command) -> Command:
    """``--threads`` of a command that works in one process."""
    return click.option(
        "--threads",
        show_default="all processors",
        metavar="N",
        type=click.IntRange(min=1),
        help="Threads that compute.",
    )(callback)


def batch_tokens(default: int | None) -> Callable[[Command], Command]:
    return click.option(
        "--batch-tokens", default=default, show_default=True if default else "as the device likes it", metavar="N",
        type=click.IntRange(min=1), help="Tokens computed together, padding included.",
    )  # fmt: skip


def deterministic(text: str = "Byte-identical results however the input is batched; slower.") -> Decorator:
    return click.option("--deterministic", is_flag=True, help=text)


def seed(callback: Command) -> Command:
    return click.option(
        "--seed", default=1, show_default=True, metavar="N", type=click.IntRange(0, 2**32 - 1),
        help="Of the random numbers.",
    )(callback)  # fmt: skip


def model(default: str) -> Callable[[Command], Command]:
    return click.option(
        "-m", "--model", default=default, show_default=True, metavar="MODEL",
        help="A name of `nlptool models list`, a folder, or org/name[@revision] of the hub.",
    )  # fmt: skip


def offline(callback: Command) -> Command:
    return click.option("--offline", is_flag=True, help="Open no socket.")(callback)


def allow_pickle(callback: Command) -> Command:
    return click.option(
        "--allow-pickle", is_flag=True,
        help="Open weights that are a pickle, if a model has no others; a pickle can hold harmful code.",
    )(callback)  # fmt: skip


engine = click.option(
    "--engine", type=click.Choice(["auto", "onnx", "torch"]), default="auto", show_default=True,
    help="auto: onnxruntime, or torch for GPUs and models that need it.",
)  # fmt: skip
prompt = click.option("--prompt", metavar="TEXT", help="Put TEXT before every text ('' for nothing).")
dim = click.option("--dim", metavar="N", type=click.IntRange(min=1), help="The first N components alone, renormalised.")


def encoder(*, embeddings: bool = True) -> Decorator:
    """``-m`` and what else can be chosen of the encoder.

    Args:
        embeddings: records may hold vectors, and the texts of the others take the same model.
    """
    what, default = "Encoder", DEFAULT_ENCODER
    if embeddings:
        what, default = "Encoder of texts that have no embedding", f"that of the records' embeddings, else {default}"

    def decorate(callback: Command) -> Command:
        for option in (
            allow_pickle,
            offline,
            threads_alone,
            batch_tokens(None),
            device,
            dim,
            prompt,
            click.option(
                "-m", "--model", metavar="MODEL", show_default=default,
                help=f"{what}: a name of `nlptool models list`, a folder, org/name[@revision] of the hub, or word vectors.",
            ),
        ):  # fmt: skip
            callback = option(callback)
        return callback

    return decorate


def max_length(default: str) -> Decorator:
    return click.option(
        "--max-length", metavar="N", type=click.IntRange(min=8), show_default=default,
        help="Tokens that the network gets at once, at most.",
    )  # fmt: skip


def bert(callback: Command) -> Command:
    """``-m`` and what else can be chosen of a masked language model: the fields of ``bert.Choice``."""
    for option in (
        allow_pickle,
        offline,
        deterministic(),
        threads_alone,
        batch_tokens(None),
        device,
        engine,
        max_length("as the model says"),
        model(DEFAULT_BERT),
    ):  # fmt: skip
        callback = option(callback)
    return callback


def generator(*, required: bool = True) -> Decorator:
    """``-m`` and what else can be chosen of a model that generates: the fields of ``generating.Choice``.

    Args:
        required: without ``-m`` the command says which models there are.
    """

    def decorate(callback: Command) -> Command:
        for option in (
            allow_pickle,
            offline,
            deterministic(),
            threads_alone,
            batch_tokens(None),
            device,
            click.option("--engine", type=click.Choice(["auto", "ct2", "torch"]), default="auto", show_default=True,
                         help="auto: CTranslate2, or torch for sampling, attention and models that need it."),
            click.option("--target-lang", metavar="CODE", help="Language of the output, as the model calls it: eng_Latn, en."),
            click.option("--source-lang", metavar="CODE", help="Language of the input, of models that take many."),
            click.option("--prefix", default="", metavar="TEXT", help="Put TEXT before every text, such as T5's task."),
            click.option("--max-length", metavar="N", type=click.IntRange(min=2), show_default="as the model says",
                         help="Tokens of the input, at most."),
            click.option("-m", "--model", metavar="MODEL", required=False,
                         help="A folder of `nlptool train seq2seq`, a name of `nlptool models list --task generate`, or an "
                         "encoder–decoder or GPT: a folder or org/name[@revision] of the hub."
                         + (" There is no default." if required else "")),
        ):  # fmt: skip
            callback = option(callback)
        return callback

    return decorate


def decoding(callback: Command) -> Command:
    """How a text is found: the fields of ``models.decoding.Decoding``, and ``--sample``."""
    for option in (
        click.option("--no-repeat-ngram", default=0, metavar="N", type=click.IntRange(min=0),
                     help="No N tokens in a row come twice."),
        click.option("--length-penalty", default=1.0, show_default=True, metavar="A", type=FloatRange(-10, 10),
                     help="Beam search ranks by log-probability / length^A: larger for longer texts."),
        click.option("--min-new-tokens", default=0, metavar="N", type=click.IntRange(min=0), help="Not to end before."),
        click.option("--max-new-tokens", metavar="N", type=click.IntRange(1, 100_000),
                     show_default="as the model says, else 128", help="Where to end at the latest."),
        click.option("--top-p", metavar="P", type=FloatRange(0, 1, min_open=True),
                     help="Sample among the most probable tokens that together reach P."),
        click.option("--top-k", metavar="K", type=click.IntRange(min=1), help="Sample among the K most probable tokens."),
        click.option("--temperature", metavar="T", type=FloatRange(0, 100, min_open=True),
                     help="Sample, from the probabilities ^ 1/T: below 1 surer, above 1 more surprising."),
        click.option("--sample", is_flag=True, help="Draw each token at random by its probability."),
        click.option("--num-return", default=1, show_default=True, metavar="N", type=click.IntRange(1, 1000),
                     help="Texts for each input, the best first."),
        click.option("--beams", metavar="N", type=click.IntRange(1, 1000), show_default="1: greedy; --num-return",
                     help="Beam search: keep the N best beginnings."),
    ):  # fmt: skip
        callback = option(callback)
    return callback


_UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def _bytes(_: click.Context, __: click.Parameter, value: str) -> int:
    """A number of bytes, decimal: 500M, 2G, 1.5GB."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)b?", value.strip(), re.IGNORECASE)
    size = int(float(match[1]) * _UNITS[match[2].upper()]) if match else 0
    if size < 1:
        raise click.BadParameter(f"{value!r} is no size: 500M, 2G")
    return size


memory = click.option(
    "--memory", default="2G", show_default=True, metavar="SIZE", callback=_bytes,
    help="Memory for the numbers that are held at once.",
)  # fmt: skip


def measure(*measures: str) -> Decorator:
    """``--measure``; the first of ``measures`` is the default."""
    return click.option(
        "--measure", type=click.Choice(measures), default=measures[0], show_default=True,
        help="How alike two vectors are; larger is more alike. euclidean: the distance, negative.",
    )  # fmt: skip


def _reachable(_: click.Context, __: click.Parameter, value: float | None) -> float | None:
    if value is not None and math.isnan(value):
        raise click.UsageError("--threshold nan: no similarity reaches that")
    return value


def threshold(text: str) -> Decorator:
    return click.option("--threshold", metavar="T", type=float, callback=_reachable, help=text)


def device(callback: Command) -> Command:
    return click.option(
        "--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), default="auto", show_default=True,
        help="Where the network runs; auto: a CUDA GPU if there is one. cpu starts fastest.",
    )(callback)  # fmt: skip


def format_choice(*formats: str, text: str) -> Callable[[Command], Command]:
    """``-f``; the first of ``formats`` is the default."""
    return click.option("-f", "--format", type=click.Choice(formats), default=formats[0], show_default=True, help=text)


def table_choice(*more: str, text: str = "") -> Decorator:
    """``-f`` of a command whose results a person reads."""
    return click.option(
        "-f", "--format", type=click.Choice(["table", "jsonl", *more]), show_default="table on a terminal, else jsonl",
        help=f"table: for a person; jsonl: a record a line{text}.",
    )  # fmt: skip


def word_vectors(callback: Command) -> Command:
    """``-m`` of the commands that ask word vectors."""
    return click.option(
        "-m", "--model", metavar="MODEL", show_default=f"{JAPANESE_WORDS} for kana and kanji, else {ENGLISH_WORDS}",
        help="Word vectors: a name of `nlptool models list --task words`, a folder of `nlptool train`, or a file of word2vec, "
        "GloVe or fastText.",
    )(callback)  # fmt: skip


def answers(noun: str) -> Decorator:
    """``-k``, ``--include-query`` and ``--restrict`` of the commands that answer with the nearest words."""

    def decorate(callback: Command) -> Command:
        for option in (
            click.option("--restrict", metavar="N", type=click.IntRange(min=1),
                         help="Only the N most frequent words are answers."),
            click.option("--include-query", is_flag=True, help="The words of the query may be answers too."),
            click.option("-k", default=10, show_default=True, metavar="N", type=click.IntRange(1, 10_000), help=noun),
        ):  # fmt: skip
            callback = option(callback)
        return callback

    return decorate


precision = click.option(
    "--precision", type=click.Choice(["float32", "float16", "int8"]), default="float32", show_default=True,
    help="Of the vectors in nlptool's folder.",
)  # fmt: skip
