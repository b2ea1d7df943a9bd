"""Records with the vectors of their tokens, written in the format that was chosen."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from nlptool.records import formats
from nlptool.records.formats.parquet import Vectors
from nlptool.records.formats.record_rows import Layout
from nlptool.records.notes import Note
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.records.writing import row_options, write_records
from nlptool.tasks.embed_tokens import FIELD, TokenForm
from nlptool.tasks.tokenize import numbered

if TYPE_CHECKING:
    from nlptool.models.contextual.model import ContextualModel

_COMPONENTS = 4  # of a vector that are shown


def write(
    pipe: Pipe,
    lists: Iterable[list[Record]],
    format: str,
    form: TokenForm,
    model: ContextualModel,
    *,
    pool_words: str | None,
    notes: Mapping[str, Note],
) -> None:
    """Write records with their tokens.

    Args:
        format: one of ``formats.names("tokens")``.
        pool_words: as of ``embed_tokens``.
    """
    if format == "npz":
        shape = form.layers.shape(model.dimension)
        about = {"model": model.name, "layer": str(form.layers.name), "pool_words": pool_words or ""}
        writer = formats.row_writer(format, "tokens", FIELD, form.dtype, shape, pipe.id_of, about=about)
        pipe.write_rows(lists, writer, notes=notes)
        return
    columns = _layout(form, model.dimension, pieces=pool_words is None)
    if format == "parquet":
        writer = formats.row_writer(format, "tokens", columns, **row_options(pipe))
        pipe.write_rows(numbered(iter(lists)), writer, notes=notes)
        return
    lists = numbered(iter(lists)) if format in ("csv", "tsv") else lists
    write_records(pipe, lists, format, columns, table=TokenVectorRows(), notes=notes)


def _layout(form: TokenForm, dimension: int, *, pieces: bool) -> Layout:
    """Return the columns of the results: a row for each token, with the number of its record; in Parquet all layers are
    columns of their own."""
    columns: dict[str, tuple[str, Any]] = {"text": ("token", str)}
    columns |= {"piece": ("piece", str)} if pieces else {}
    columns |= {"start": ("start", int), "end": ("end", int)}
    if not form.is_raw:
        columns |= {form.field: (form.field, dict if form.layers.is_all else list)}
    elif form.layers.is_all:
        names = [f"layer_{number}" for number in form.layers.numbers]
        columns |= {name: (name, Vectors(form.dtype, dimension)) for name in names}
    else:
        columns |= {form.field: (form.field, Vectors(form.dtype, *form.layers.shape(dimension)))}
    return Layout({}, entry={"index": int}, answers=FIELD, answer_columns=columns)


class TokenVectorRows:
    """A token in each row of a table: its vector's norm and first components, of all layers those of the last one."""

    def columns(self) -> Sequence[tuple[str, type]]:
        return [("token", str), ("start", int), ("end", int), ("norm", float), ("vector", str)]

    def cells(self, record: Record) -> Iterator[list[Any]]:
        for token in orjson.loads(record.results[FIELD]):
            vector = token.get("vector") or (token.get("layers") or [None])[-1]
            shown = "null" if vector is None else "  ".join(f"{value:6.3f}" for value in vector[:_COMPONENTS]) + "  …"
            norm = None if vector is None else math.hypot(*vector)
            yield [token["text"], token["start"], token["end"], norm, shown]
        yield [""] * 5
