"""Texts that a model generates from those of records."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from nlptool.errors import RecordError
from nlptool.models.runtime.one_by_one import GOOD_TEXT
from nlptool.records.formats.record_rows import Layout
from nlptool.records.notes import notes
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.tasks.each_record import EachRecord, is_probe
from nlptool.tasks.in_int8 import compared

if TYPE_CHECKING:
    from nlptool.models.generation.decoding import Decoding
    from nlptool.models.generation.generator import Attention, GeneratedText, Generator
    from nlptool.models.generation.resolving import Resolved
    from nlptool.models.generation.tokenizer import Source
    from nlptool.specs import GeneratorSpec

WINDOW = 256  # records that are answered together
_SAMPLE = 8  # texts whose results in 8 bits and in float32 are compared
WINDOW_OF_ATTENTION = 8  # a record may hold layers x heads x tokens x tokens numbers

NOTES = notes("truncated", "n_unknown of a generator")
NOTES_OF_LINES = NOTES | notes("n_line_breaks", "cut")

LINE_BREAKS = str.maketrans("\r\n", "  ")
"""Line breaks -> blanks, for formats with a text in a line."""


def generate(
    lists: Iterable[list[Record]],
    generator: Generator,
    decoding: Decoding,
    *,
    entry: Mapping[str, Any],
    attention: bool = False,
    picture: list[Attention] | None = None,
) -> Iterator[list[Record]]:
    """Give each record the texts that the model generates from its own.

    Args:
        lists: windows of records, which for sampling have a seed in their entries (``seeded``); an empty one means that nothing
            new has come for a while.
        entry: what every record's entry says.
        attention: add the attention weights behind the first text of each.
        picture: receives the weights of the first record that has some.
    """

    def work(items: Sequence[tuple[Record, str]]) -> None:
        sources = tokenized(items, generator, entry)
        seeds = [record.entry.get("seed", [0, 0]) for record, _ in sources] if decoding.sample else None
        results = generator.generate([source for _, source in sources], decoding, seeds=seeds) if sources else []
        for (record, source), outputs in zip(sources, results, strict=True):
            if decoding.sample:
                outputs = sorted(outputs, key=lambda output: -output.log_probability)
            set_result(record, source, outputs, entry)
            if outputs and record.pending:
                drawn = picture if picture is None or not is_probe(record) else []
                add_attention(record, source, outputs[0], generator, attention=attention, picture=drawn)

    generate_each = EachRecord(work, GOOD_TEXT, model=generator)
    for records in lists:
        generate_each(nonempty(records, generator, entry))
        yield records


def compare_int8(
    lists: Iterator[list[Record]],
    generator: Generator,
    in_float32: Callable[[], Generator],
    decoding: Decoding,
    pipe: Pipe,
) -> Iterator[list[Record]]:
    """Say how many of the first texts a model in 8 bits writes as in float32, and pass all records on.

    Args:
        in_float32: opens the same model in float32, in the same engine.
    """

    def difference(records: list[Record]) -> str:
        texts = [record.text for record in records]
        written = [
            [outputs[0].text if outputs else "" for outputs in each.generate(each.tokenize(texts), decoding)]
            for each in (generator, in_float32())
        ]
        n_same = sum(first == second for first, second in zip(*written, strict=True))
        return f"the first {len(texts)} texts: the same results for {n_same}"

    return compared(lists, _SAMPLE, difference, pipe)


def seeded(pipe: Pipe, seed: int) -> Iterator[list[Record]]:
    """Read records and give each a seed of its own in its entry: ``seed``, and its number in the whole input from 0."""
    for records in pipe.read():
        for record in records:
            record.entry = {"seed": [seed, record.number]}
        yield records


def entry_of(generator: Generator, spec: GeneratorSpec, resolved: Resolved) -> dict[str, Any]:
    """Return what every record's entry says: the model, the settings that differ from the defaults, and which of them its
    generation_config.json asks for, as that names them."""
    decoding = resolved.decoding
    settings = {
        "prefix": spec.prefix, "source_lang": spec.source_lang, "target_lang": spec.target_lang, "quantize": spec.quantize
    }  # fmt: skip
    changed = {
        field.name: getattr(decoding, field.name)
        for field in dataclasses.fields(decoding)
        if getattr(decoding, field.name) != field.default
    }
    asked = {"generation_config": list(resolved.applied)} if resolved.applied else {}
    return {"model": generator.name} | {name: value for name, value in settings.items() if value} | changed | asked


def nonempty(records: list[Record], generator: Generator, entry: Mapping[str, Any]) -> list[tuple[Record, str]]:
    """Return the records that have a text, if the model cannot begin from nothing; the others get no text and the reason."""
    with_text = []
    for record in records:
        if record.pending and (generator.begins_empty or record.text.strip()):
            with_text.append((record, record.text))
        elif record.pending:
            _set_empty(record, entry, "empty text")
    return with_text


def tokenized(
    items: Sequence[tuple[Record, str]], generator: Generator, entry: Mapping[str, Any]
) -> list[tuple[Record, Source]]:
    """Return the records that have a token, as the model reads their texts; the others get no text and the reason."""
    with_tokens = []
    for (record, _), source in zip(items, generator.tokenize([text for _, text in items]), strict=True):
        if source.ids:
            with_tokens.append((record, source))
        else:
            _set_empty(record, entry, "no token")
    return with_tokens


def _set_empty(record: Record, entry: Mapping[str, Any], reason: str) -> None:
    record.results = {"generated": b"[]"}
    record.entry = {**entry, "reason": reason}


def layout(*, attention: bool, stops: bool) -> Layout:
    """Return the columns of the results: a generated text in each row.

    Args:
        stops: there are stop texts, one of which may have ended a text.
    """
    columns: dict[str, tuple[str, type]] = {
        "text": ("generated", str), "log_probability": ("log_probability", float), "finish_reason": ("finish_reason", str)
    }  # fmt: skip
    if stops:
        columns["stop"] = ("stop", str)
    return Layout({"attention": dict} if attention else {}, answers="generated", answer_columns=columns)


def set_result(record: Record, source: Source, outputs: list[GeneratedText], entry: Mapping[str, Any]) -> None:
    """Set the texts as the record's result, the best first, and its entry."""
    generated = [
        {
            "text": output.text,
            "log_probability": np.float32(output.log_probability),
            "finish_reason": output.finish_reason,
        }
        | ({} if output.stop is None else {"stop": output.stop})
        for output in outputs
    ]
    record.results = {"generated": orjson.dumps(generated, option=orjson.OPT_SERIALIZE_NUMPY)}
    seed = {"seed": record.entry["seed"]} if "seed" in record.entry else {}
    record.entry = {**entry, **seed, "n_tokens": source.n_tokens, "truncated": source.truncated}
    if source.unknown:
        record.entry |= {"n_unknown": len(source.unknown), "unknown": list(dict.fromkeys(source.unknown))}
    if not all(math.isfinite(output.log_probability) for output in outputs):
        record.fail(RecordError("NotFinite", "the model's log-probabilities hold NaN or infinity"))


def add_attention(
    record: Record,
    source: Source,
    output: GeneratedText,
    generator: Generator,
    *,
    attention: bool,
    picture: list[Attention] | None,
) -> None:
    """Add the attention weights behind ``output`` to the record, and to ``picture`` if that has none yet."""
    if not attention and (picture is None or picture):
        return
    result = generator.attention(source, output)
    weights = np.ascontiguousarray(result.weights, np.float32)  # (L, H, T, S)
    if not np.isfinite(weights).all():
        record.fail(RecordError("NotFinite", "the model's attention holds NaN or infinity"))
        return
    if picture is not None and not picture and result.source and result.target:
        picture.append(result)
    if attention:
        shown: dict[str, Any] = {"source": result.source, "target": result.target, "mean": weights.mean((0, 1))}
        shown |= {"heads": weights} if weights.shape[:2] != (1, 1) else {}  # of one head the mean says it all
        record.results = {
            **record.results,
            "attention": orjson.dumps(shown, option=orjson.OPT_SERIALIZE_NUMPY),
        }


def as_lines(records: list[Record]) -> list[Record]:
    """Set the best text alone as each record's result, in one line, and what that changed in its entry."""
    for record in records:
        best = (orjson.loads(record.results.get("generated", b"[]")) or [{}])[0]
        if "text" in best:
            text: str = best["text"]
            record.results = {"text": text.translate(LINE_BREAKS).encode()}
            n_line_breaks = text.count("\n") + text.count("\r")
            record.entry = {
                **record.entry, "n_line_breaks": n_line_breaks, "cut": best["finish_reason"] == "length"
            }  # fmt: skip
    return records


def line(record: Record) -> bytes:
    """Return the text of a record that ``as_lines`` has changed, as a line; an empty one if it failed."""
    return (record.results.get("text", b"") if record.pending else b"") + b"\n"
