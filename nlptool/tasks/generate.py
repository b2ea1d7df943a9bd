"""Records and the texts that a model makes of theirs: many at once, or one piece by piece."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from nlptool.errors import NlptoolError, RecordError
from nlptool.records.notes import notes
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.records.windows import windows

if TYPE_CHECKING:
    from nlptool.models.generation.decoding import Decoding
    from nlptool.models.generation.generator import Attention, GeneratedText, Generator
    from nlptool.models.generation.tokenizer import Source
    from nlptool.specs import GeneratorSpec
    from nlptool.storage.output import Output


def said(model: str, spec: GeneratorSpec, decoding: Decoding) -> dict[str, Any]:
    """What the entry of a record says: the model, and what was asked of it beyond the defaults."""
    asked = {"prefix": spec.prefix, "source_lang": spec.source_lang, "target_lang": spec.target_lang}
    changed = {
        each.name: getattr(decoding, each.name)
        for each in dataclasses.fields(decoding)
        if getattr(decoding, each.name) != each.default
    }
    return {"model": model} | {name: value for name, value in asked.items() if value} | changed


_BREAKS = str.maketrans("\r\n", "  ")


def generate(
    lists: Iterable[list[Record]],
    generator: Generator,
    decoding: Decoding,
    *,
    said: Mapping[str, Any],
    attention: bool = False,
    picture: list[Attention] | None = None,
) -> Iterator[list[Record]]:
    """Give each record the texts that the model makes of its own.

    Args:
        lists: windows of records, which for sampling have a seed in their entries; an empty one means that nothing new has
            come for a while.
        said: what every record's entry says.
        attention: with the weights behind the first text of each.
        picture: gets the weights of the first record that has some.
    """
    for records in lists:
        asked = _asked(records, generator, said)
        seeds = [record.entry["seed"] for record, _ in asked] if decoding.sample else None
        found = generator.generate([source for _, source in asked], decoding, seeds=seeds) if asked else []
        for (record, source), outputs in zip(asked, found, strict=True):
            if decoding.sample:
                outputs = sorted(outputs, key=lambda output: -output.log_probability)
            _answer(record, source, outputs, said)
            if outputs and record.pending:
                _look(record, source, outputs[0], generator, attention=attention, picture=picture)
        yield records


def stream(
    lists: Iterable[list[Record]],
    generator: Generator,
    decoding: Decoding,
    write: Callable[[bytes], object],
    *,
    said: Mapping[str, Any],
    interrupted: bytes = b"\n",
    picture: list[Attention] | None = None,
) -> Iterator[list[Record]]:
    """Write the text of each record piece by piece as it is chosen, a line for each.

    Args:
        lists: records one by one.
        write: takes the pieces.
        interrupted: what is written behind a text that is broken off.
        picture: as in ``generate``.
    """
    for records in lists:
        for record, source in _asked(records, generator, said):
            seed = record.entry["seed"] if decoding.sample else None
            try:
                outputs = []
                for piece in generator.stream(source, decoding, seed=seed):
                    if isinstance(piece, str):
                        write(piece.translate(_BREAKS).encode())
                    else:
                        outputs.append(piece)
            except (KeyboardInterrupt, NlptoolError):
                with contextlib.suppress(BrokenPipeError):  # who read it has been interrupted too
                    write(interrupted)
                raise
            write(b"\n")
            _answer(record, source, outputs, said)
            if record.pending:
                _look(record, source, outputs[0], generator, attention=False, picture=picture)
        yield as_lines(records)


def _asked(records: list[Record], generator: Generator, said: Mapping[str, Any]) -> list[tuple[Record, Source]]:
    """The records that have something to read; the others are given their answer, which is none."""
    texts = []
    for record in records:
        if record.pending and record.text.strip():
            texts.append(record)
        elif record.pending:
            _nothing(record, said, "empty text")
    asked = []
    for record, source in zip(texts, generator.read([record.text for record in texts]) if texts else [], strict=True):
        if source.ids:
            asked.append((record, source))
        else:
            _nothing(record, said, "no token")
    return asked


def _nothing(record: Record, said: Mapping[str, Any], reason: str) -> None:
    record.results = {"generated": b"[]"}
    record.entry = {**said, "reason": reason}


def _answer(record: Record, source: Source, outputs: list[GeneratedText], said: Mapping[str, Any]) -> None:
    """The texts as the record's result, the best first, and what is to be said of its own."""
    import numpy as np
    import orjson

    generated = [
        {
            "text": output.text,
            "log_probability": np.float32(output.log_probability),
            "finish_reason": output.finish_reason,
        }
        for output in outputs
    ]
    record.results = {"generated": orjson.dumps(generated, option=orjson.OPT_SERIALIZE_NUMPY)}
    seed = {"seed": record.entry["seed"]} if "seed" in record.entry else {}
    record.entry = {**said, **seed, "n_tokens": source.n_tokens, "truncated": source.truncated}
    if source.unknown:
        record.entry |= {"n_unknown": len(source.unknown), "unknown": list(dict.fromkeys(source.unknown))}
    if not all(math.isfinite(output.log_probability) for output in outputs):
        record.fail(RecordError("NotFinite", "the model's log-probabilities hold NaN or infinity"))


def _look(
    record: Record,
    source: Source,
    output: GeneratedText,
    generator: Generator,
    *,
    attention: bool,
    picture: list[Attention] | None,
) -> None:
    """Where the model looked while it wrote ``output``: into the record, and for the picture if that has none yet."""
    if not attention and (picture is None or picture):
        return
    import numpy as np
    import orjson

    found = generator.attention(source, output)
    weights = np.ascontiguousarray(found.weights, np.float32)  # (L, H, T, S)
    if not np.isfinite(weights).all():
        record.fail(RecordError("NotFinite", "the model's attention holds NaN or infinity"))
        return
    if picture is not None and not picture and found.source and found.target:
        picture.append(found)
    if attention:
        shown: dict[str, Any] = {"source": found.source, "target": found.target, "mean": weights.mean((0, 1))}
        shown |= {"heads": weights} if weights.shape[:2] != (1, 1) else {}  # of one head the mean says it all
        record.results = {
            **record.results,
            "attention": orjson.dumps(shown, option=orjson.OPT_SERIALIZE_NUMPY),
        }


def as_lines(records: list[Record]) -> list[Record]:
    """For a format that has a line for each record: the best text alone, and what happened to it in the entry."""
    import orjson

    for record in records:
        best = (orjson.loads(record.results.get("generated", b"[]")) or [{}])[0]
        if "text" in best:
            text: str = best["text"]
            record.results = {"text": text.translate(_BREAKS).encode()}
            said = {"n_line_breaks": text.count("\n") + text.count("\r"), "cut": best["finish_reason"] == "length"}
            record.entry = {**record.entry, **said}
    return records


def line(record: Record) -> bytes:
    """The best text; nothing in the place of a record that failed."""
    return (record.results.get("text", b"") if record.pending else b"") + b"\n"


def after_the_stream(record: Record) -> bytes:
    """The text and its line end are written; a record that the model was not asked about still needs its line."""
    return b"" if "text" in record.results else b"\n"


WINDOW = 256  # records that are answered together
WINDOW_OF_ATTENTION = 8  # a record may hold layers x heads x tokens x tokens numbers

NOTES = notes("truncated", "n_unknown of a generator")

NOTES_OF_LINES = NOTES | notes("n_line_breaks", "cut")


def seeded(pipe: Pipe, seed: int) -> Iterator[list[Record]]:
    """The records, each with a seed of its own in its entry: ``seed``, and its number in the whole input from 0."""
    for records in pipe.read():
        for number, record in enumerate(records, pipe.tally.n_read - len(records)):
            record.entry = {"seed": [seed, number]}
        yield records


def stream_records(
    pipe: Pipe,
    read: Iterator[list[Record]],
    generator: Generator,
    decoding: Decoding,
    *,
    said: Mapping[str, Any],
    picture: list[Attention] | None,
) -> None:
    if pipe.progress == "auto":
        pipe.hide_bar()  # it would be drawn into the text
    output: Output

    def start(opened: Output) -> bytes:
        nonlocal output
        output = opened
        return b""

    def write(piece: bytes) -> None:
        output.write(piece)

    texts = stream(
        windows(read, largest=1),
        generator,
        decoding,
        write,
        said=said,
        interrupted=b"\n" if pipe.output in (None, "-") else b"",  # in a file a whole line is a whole record: --resume
        picture=picture,
    )
    pipe.write(texts, after_the_stream, notes=NOTES_OF_LINES, start=start)
