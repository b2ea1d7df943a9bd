"""The text of each record, written token by token while a model generates it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nlptool.errors import NlptoolError
from nlptool.models.runtime.one_by_one import GOOD_TEXT
from nlptool.records.formats import RowWriter
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.records.windows import windows
from nlptool.tasks.each_record import EachRecord, is_probe
from nlptool.tasks.generate import LINE_BREAKS, NOTES_OF_LINES, add_attention, as_lines, nonempty, set_result, tokenized

if TYPE_CHECKING:
    from nlptool.models.generation.decoding import Decoding
    from nlptool.models.generation.generator import Attention, Generator
    from nlptool.storage.output import Output
    from nlptool.tasks.languages import ModelScripts


def stream(
    lists: Iterable[list[Record]],
    generator: Generator,
    decoding: Decoding,
    write: Callable[[bytes], object],
    *,
    entry: Mapping[str, Any],
    interrupted: bytes = b"\n",
    picture: list[Attention] | None = None,
) -> Iterator[list[Record]]:
    """Write the text of each record piece by piece as it is generated, a line for each.

    Args:
        lists: records one by one.
        write: writes a piece.
        interrupted: what is written behind a text that breaks off.
        entry, picture: as in ``generate``.
    """

    def work(items: Sequence[tuple[Record, str]]) -> None:
        for record, source in tokenized(items, generator, entry):
            seed = record.entry.get("seed", [0, 0]) if decoding.sample else None
            if is_probe(record):
                list(generator.stream(source, decoding, seed=seed))
                continue
            try:
                outputs = []
                for piece in generator.stream(source, decoding, seed=seed):
                    if isinstance(piece, str):
                        write(piece.translate(LINE_BREAKS).encode())
                    else:
                        outputs.append(piece)
            except (KeyboardInterrupt, NlptoolError):
                with contextlib.suppress(BrokenPipeError):  # the reader has been interrupted too
                    write(interrupted)
                raise
            write(b"\n")
            set_result(record, source, outputs, entry)
            if record.pending:
                add_attention(record, source, outputs[0], generator, attention=False, picture=picture)

    stream_each = EachRecord(work, GOOD_TEXT, model=generator)
    for records in lists:
        for item in nonempty(records, generator, entry):
            stream_each([item])  # alone: what is written of one cannot be taken back
        yield as_lines(records)


def write_stream(
    pipe: Pipe,
    lists: Iterable[list[Record]],
    generator: Generator,
    decoding: Decoding,
    *,
    entry: Mapping[str, Any],
    picture: list[Attention] | None,
    scripts: ModelScripts,
) -> None:
    """Stream the texts of ``lists`` to the output of ``pipe``."""
    if pipe.progress == "auto":
        pipe.hide_bar()  # it would be drawn into the text
    writer = _Streamed()
    texts = stream(
        windows(lists, largest=1),
        generator,
        decoding,
        writer.write,
        entry=entry,
        interrupted=b"\n" if pipe.output in (None, "-") else b"",  # in a file it stays a line that is not done
        picture=picture,
    )
    pipe.write_rows(scripts.noted(texts), writer, notes=NOTES_OF_LINES | scripts.notes)


class _Streamed(RowWriter):
    """Writes the line ends of records that the model did not read: the others' lines are written piece by piece."""

    resumes = True

    def start(self, output: Output) -> bytes:
        self._output = output
        return b""

    def write(self, piece: bytes) -> None:
        self._output.write(piece)

    def row(self, record: Record) -> bytes:
        return b"" if "text" in record.results else b"\n"
