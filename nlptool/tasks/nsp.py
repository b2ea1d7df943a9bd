"""Next-sentence probabilities of pairs of records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from nlptool.errors import RecordError
from nlptool.models.masked import sentence_pairs
from nlptool.models.runtime.one_by_one import GOOD_TEXT
from nlptool.records import pairs
from nlptool.records.formats.record_rows import Layout
from nlptool.records.json_bytes import field_text, fields
from nlptool.records.notes import notes
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record, lone_surrogate, readable
from nlptool.records.windows import windows
from nlptool.tasks.each_record import EachRecord, with_read
from nlptool.tasks.entries import model_entry
from nlptool.text.scripts import LONE_SURROGATE

if TYPE_CHECKING:
    from nlptool.models.masked.model import MaskedModel

MARK = "[SEP]"
"""Separates the sentences of a line, as in BERT's own input."""

WINDOW = 512  # records that are judged together; their pieces are in memory, and of long texts those are many

NOTES = notes("n_unknown of a masked model", "truncated pairs")


def nsp(
    lists: Iterable[list[Record]], model: MaskedModel, texts_of: Callable[[Record], tuple[str, str]]
) -> Iterator[list[Record]]:
    """Give each record the probability that its second text follows its first.

    Args:
        lists: windows of records.
        texts_of: returns the two texts of a record, or raises a RecordError.
    """
    entry = model_entry(model)

    def work(with_texts: Sequence[tuple[Record, tuple[str, str]]]) -> None:
        to_judge = []
        read = sentence_pairs.read(model.texts, [texts for _, texts in with_texts])
        for (record, _), pair in zip(with_texts, read, strict=True):
            if pair.n_first and pair.n_second:
                to_judge.append((record, pair))
            else:  # of control characters alone, say
                record.fail(_empty_text(pair.n_first, pair.n_second))
        if to_judge:
            margins = sentence_pairs.margins(model.next_sentence([pair.row for _, pair in to_judge]))
            columns = (sentence_pairs.probabilities(margins), sentence_pairs.probabilities(-margins), margins)
            for (record, pair), is_next, not_next, margin in zip(to_judge, *columns, strict=True):
                record.results = {
                    **record.results,
                    "is_next": _json(is_next),
                    "not_next": _json(not_next),
                    "label": b'"IsNext"' if margin >= 0 else b'"NotNext"',
                    "logit_margin": _json(margin),
                }
                n_tokens = len(pair.row.ids)
                record.entry = {
                    **entry, "n_tokens": n_tokens, "n_unknown": pair.n_unknown, "truncated": pair.truncated
                }  # fmt: skip

    judge_each = EachRecord(work, (GOOD_TEXT, GOOD_TEXT), model=model)
    for records in lists:
        judge_each(with_read(records, lambda record: _checked(texts_of(record))))
        yield records


def _checked(texts: tuple[str, str]) -> tuple[str, str]:
    """Return the texts of a pair.

    Raises:
        RecordError: one of them is empty or holds a lone surrogate.
    """
    for text in texts:
        if lone := LONE_SURROGATE.search(text):
            raise lone_surrogate(lone)
    n_first, n_second = (len(text.strip()) for text in texts)
    if not (n_first and n_second):
        raise _empty_text(n_first, n_second)
    return texts


def _empty_text(n_first: int, n_second: int) -> RecordError:
    which = "first sentence is" if n_second else "second sentence is" if n_first else "sentences are both"
    return RecordError("EmptyText", f"the {which} empty")


def _json(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def consecutive_pairs(pipe: Pipe) -> Iterator[list[Record]]:
    """Yield a record for each two neighboring lines of the input, but for those that an interrupted run has written."""
    neighbors = Neighbors(id_field=pipe.id_field, several=len(pipe.files) > 1)
    yield from pipe.work_done.rest(neighbors(windows(pipe.read(), largest=WINDOW)))


class Neighbors:
    """Makes a record of each line and the next one of the same document, its texts among its results.

    An empty line ends a document, and so does the end of a file. A failed record stays in its place; the lines beside it are no
    neighbors.

    Args:
        id_field: the field that names a line.
        several: there are several files, and a record says which one it is of.
    """

    def __init__(self, *, id_field: str | None = None, several: bool = False) -> None:
        self._id_field = id_field
        self._several = several
        self._source: tuple[str, str | None] | None = None
        self._line = 0
        self._document = -1
        self._in_document = False
        self._before: Record | None = None

    def __call__(self, lists: Iterable[list[Record]]) -> Iterator[list[Record]]:
        for records in lists:
            yield [pair for record in records for pair in self._next(record)]

    def _next(self, record: Record) -> Sequence[Record]:
        source = record.source, record.place[0]  # what comes through a pipe may be of several files
        if source != self._source or record.line <= self._line:  # the same file can be named twice
            self._source, self._in_document, self._before = source, False, None
        self._line = record.line
        before, self._before = self._before, None
        if not record.pending:
            return [record]
        if not record.text.strip():
            self._in_document = False
            return []
        self._document += not self._in_document
        self._in_document, self._before = True, record
        return [self._pair(before, record)] if before is not None else []

    def _pair(self, first: Record, second: Record) -> Record:
        file, line = second.place
        is_named = self._several or (second.origin is not None and file is not None)
        values: dict[str, Any] = {"file": readable(file or second.source)} if is_named else {}
        values |= {"document": self._document, "first_line": first.place[1], "second_line": line}
        if self._id_field is not None:
            values |= {"first_id": field_text(first.raw, self._id_field)}
            values |= {"second_id": field_text(second.raw, self._id_field)}
        values |= {"first": first.text, "second": second.text}
        pair = Record("", file or second.source, line, b"{}")
        pair.number = second.number
        pair.results = {name: orjson.dumps(value) for name, value in values.items()}
        return pair


def texts_of_neighbors(record: Record) -> tuple[str, str]:
    """Return the texts of a pair that ``Neighbors`` made."""
    return orjson.loads(record.results["first"]), orjson.loads(record.results["second"])


def layout(*, consecutive: bool) -> Layout:
    """Return the columns of the results; of neighboring lines, those that say which and what they are come first."""
    lines = {"document": int, "first_line": int, "second_line": int, "first": str, "second": str} if consecutive else {}
    return Layout(
        {**lines, "is_next": float, "not_next": float, "label": str, "logit_margin": float}, with_input=not consecutive
    )


class NspRows:
    """The rows of a table of pairs.

    Args:
        names: fields that the two texts may have.
        consecutive: the pairs are neighboring lines.
    """

    def __init__(self, names: Iterable[tuple[str, str]], *, consecutive: bool) -> None:
        self._names = names
        self._lines: dict[str, type] = {"document": int, "first_line": int} if consecutive else {}

    def columns(self) -> Sequence[tuple[str, type]]:
        results = {"is_next": float, "logit_margin": float, "label": str, "first": str, "second": str}
        return list((self._lines | results).items())

    def cells(self, record: Record) -> Iterator[list[Any]]:
        values = fields(record.raw) | {name: orjson.loads(value) for name, value in record.results.items()}
        values |= dict(zip(pairs.PAIR_TEXTS[0], pairs.texts_of(values, self._names) or ("", ""), strict=True))
        yield [values.get(name) for name, _ in self.columns()]
