"""``nlptool nsp``: whether one sentence follows another."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any

import click
import orjson

from nlptool import bert, options, pairs, results, tables
from nlptool.batches import windows
from nlptool.errors import RecordError, RunError
from nlptool.json_objects import field_text, fields, path_of
from nlptool.pipe import Pipe
from nlptool.records import Record, lone_surrogate
from nlptool.scripts import LONE_SURROGATE

if TYPE_CHECKING:
    from nlptool.models.masked import MaskedModel

Names = tuple[str, str]

MARK = "[SEP]"
"""Stands between the sentences of a line, as in what BERT itself reads."""
_WINDOW = 512  # records that are judged together; their pieces are in memory, and of long texts those are many
_TOLD = {
    "n_unknown": "pieces that the vocabulary lacks, which are all the same to the model",
    "truncated": "pairs that were longer than the model takes, of which it read what is nearest to their border",
}


def nsp(
    lists: Iterable[list[Record]], model: MaskedModel, texts_of: Callable[[Record], tuple[str, str]]
) -> Iterator[list[Record]]:
    """Give each record the probability that its second text follows its first.

    Args:
        lists: windows of records; an empty one means that nothing new has come for a while.
        texts_of: the two texts of a record. It may raise a RecordError.
    """
    from nlptool.models import next_sentences

    said = {"model": model.name} | ({"device": model.device} if model.device != "cpu" else {})
    for records in lists:
        asked: list[tuple[Record, tuple[str, str]]] = []
        for record in records:
            if record.pending:
                try:
                    asked.append((record, _checked(texts_of(record))))
                except RecordError as error:
                    record.fail(error)
        kept = []
        read = next_sentences.read(model.texts, [texts for _, texts in asked])
        for (record, _), pair in zip(asked, read, strict=True):
            if pair.n_first and pair.n_second:
                kept.append((record, pair))
            else:  # of control characters alone, say
                record.fail(_empty(pair.n_first, pair.n_second))
        if kept:
            margins = next_sentences.margins(model.next_sentence([pair.row for _, pair in kept]))
            columns = (next_sentences.probabilities(margins), next_sentences.probabilities(-margins), margins)
            for (record, pair), is_next, not_next, margin in zip(kept, *columns, strict=True):
                record.results = {
                    **record.results,
                    "is_next": _json(is_next),
                    "not_next": _json(not_next),
                    "label": b'"IsNext"' if margin >= 0 else b'"NotNext"',
                    "logit_margin": _json(margin),
                }
                n_tokens = len(pair.row.ids)
                record.entry = {
                    **said, "n_tokens": n_tokens, "n_unknown": pair.n_unknown, "truncated": pair.truncated
                }  # fmt: skip
        yield records


def _checked(texts: tuple[str, str]) -> tuple[str, str]:
    for text in texts:
        if lone := LONE_SURROGATE.search(text):
            raise lone_surrogate(lone)
    n_first, n_second = (len(text.strip()) for text in texts)
    if not (n_first and n_second):
        raise _empty(n_first, n_second)
    return texts


def _empty(n_first: int, n_second: int) -> RecordError:
    which = "first sentence is" if n_second else "second sentence is" if n_first else "sentences are both"
    return RecordError("EmptyText", f"the {which} empty")


def _json(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


class Neighbors:
    """A record for each line and the next one of the same document, both among its results; failed records in their places.

    An empty line ends a document, and so does the end of a file. The lines beside a failed record are no neighbors.

    Args:
        id_field: the field that names a line.
        several: there are several files, and a record says which one it is of.
    """

    def __init__(self, *, id_field: str | None = None, several: bool = False) -> None:
        self._id_field = id_field
        self._several = several
        self._source: str | None = None
        self._line = 0
        self._document = -1
        self._within = False  # a document
        self._before: Record | None = None

    def __call__(self, lists: Iterable[list[Record]]) -> Iterator[list[Record]]:
        for records in lists:
            found: list[Record] = []
            for record in records:
                found += self._next(record)
            yield found

    def _next(self, record: Record) -> Sequence[Record]:
        if record.source != self._source or record.line <= self._line:  # the same file can be named twice
            self._source, self._within, self._before = record.source, False, None
        self._line = record.line
        before, self._before = self._before, None
        if not record.pending:
            return [record]
        if not record.text.strip():
            self._within = False
            return []
        self._document += not self._within
        self._within, self._before = True, record
        return [self._pair(before, record)] if before is not None else []

    def _pair(self, first: Record, second: Record) -> Record:
        said: dict[str, Any] = {"file": second.source} if self._several else {}
        said |= {"document": self._document, "first_line": first.line, "second_line": second.line}
        if self._id_field is not None:
            said |= {"first_id": field_text(first.raw, self._id_field)}
            said |= {"second_id": field_text(second.raw, self._id_field)}
        said |= {"first": first.text, "second": second.text}
        made = Record("", second.source, second.line, b"{}")
        made.results = {name: orjson.dumps(value) for name, value in said.items()}
        return made


def _both(record: Record) -> tuple[str, str]:
    """The texts of a pair that ``Neighbors`` made."""
    return orjson.loads(record.results["first"]), orjson.loads(record.results["second"])


def _consecutive(pipe: Pipe) -> Iterator[list[Record]]:
    """The pairs of neighbors of the input, without those that an interrupted run has written."""
    n_done, _ = pipe.done_before()
    neighbors = Neighbors(id_field=pipe.id_field, several=len(pipe.files) > 1)
    for records in neighbors(windows(pipe.read(), largest=_WINDOW)):
        yield records[n_done:]
        n_done -= min(n_done, len(records))
    if n_done:
        raise RunError(
            f"{pipe.output}.part has {n_done:,} records more than the input gives: it comes from another one",
            hint="without --resume all is done anew",
        )


class _Rows:
    """Of a table."""

    def __init__(self, names: Iterable[Names], *, consecutive: bool) -> None:
        self._names = names
        self._places: dict[str, type] = {"document": int, "first_line": int} if consecutive else {}

    def columns(self) -> Sequence[tuple[str, type]]:
        said = {"is_next": float, "logit_margin": float, "label": str, "first": str, "second": str}
        return list((self._places | said).items())

    def cells(self, record: Record) -> Iterator[list[Any]]:
        known = fields(record.raw) | {name: orjson.loads(value) for name, value in record.results.items()}
        known |= dict(zip(pairs.TEXTS[0], pairs.texts_of(known, self._names) or ("", ""), strict=True))
        yield [known.get(name) for name, _ in self.columns()]


def _fields(_: click.Context, __: click.Parameter, value: str | None) -> Names | None:
    if value is None:
        return None
    names = [name.strip() for name in value.split(",")]
    if len(names) != 2 or not all(names):
        raise click.BadParameter(f"{value!r} does not name two fields: --fields question,answer")
    return names[0], names[1]


@click.command()
@options.records("nsp")
@click.option("--consecutive", is_flag=True, help="Each line of a document against its next line.")
@click.option("--fields", metavar="FIRST,SECOND", callback=_fields, help="Fields, JSON Pointers or columns of the two.")
@options.bert
@options.table_choice()
def command(pipe: Pipe, consecutive: bool, fields: Names | None, format: str | None, **choice: Any) -> None:
    """Whether one sentence follows another: BERT's next-sentence prediction.

    The two sentences of a line stand beside its only tab or, in a line without tabs, beside its only [SEP]; those of a JSON
    object are first and second, or sentence1 and sentence2, or text1 and text2, or what --fields names. Each record gets
    `is_next` and `not_next`, probabilities that make 1; `label`, IsNext or NotNext, the likelier one; and `logit_margin`, the
    logit of is next less that of not next: larger means rather next, and it still tells where both probabilities are near
    their ends.

    \b
    printf '雨が降ってきた。\\t彼は傘をさした。\\n' | nlptool nsp
    echo '雨が降ってきた。[SEP]微分とは変化の割合のことである。' | nlptool nsp -f table
    nlptool nsp --consecutive novel.txt | jq -c 'select(.is_next < 0.5)'
    nlptool nsp --fields question,answer faq.jsonl > judged.jsonl
    printf 'the man went to the store\\tpenguins are flightless birds\\n' | nlptool nsp -m google-bert/bert-base-uncased

    --consecutive gives a record for each line of a document with the one after it: {document, first_line, second_line, first,
    second, is_next, ...}, where a small `is_next` hints at a new topic. An empty line, or the end of a file, ends a document;
    --field names the sentence of a JSON object.

    The model must have the head for it: BERT has, RoBERTa and others were trained without and are refused. A pair that is
    longer than the model takes is cut where it matters least: the end of the first sentence and the beginning of the second
    stay (transformers cuts both at their ends), and the entry says `truncated`. BERT learned from runs of sentences, so that
    very short ones are harder for it.
    """
    if consecutive and fields is not None:
        raise click.UsageError("--fields names two sentences of a record; --consecutive reads one: --field NAME")
    if not consecutive and pipe.form.field is not None:
        raise click.UsageError("two sentences a record have two fields: --fields FIRST,SECOND")
    names = [fields] if fields else list(pairs.NAMES)
    if not consecutive:
        pipe.form = replace(pipe.form, instead=tuple(path_of(name)[0] for name in chain.from_iterable(names)))
    model = bert.load(pipe, bert.Choice(**choice), head="nsp")
    if consecutive:
        lists = nsp(_consecutive(pipe), model, _both)
    else:
        lists = nsp(
            windows(pairs.without_text(pipe.read()), largest=_WINDOW),
            model,
            partial(pairs.two_texts, names=fields, mark=MARK),
        )
    if results.wants_table(format, pipe.output):
        tables.write(pipe, lists, "table", _Rows([*names, *pairs.NAMES], consecutive=consecutive))
    else:
        pipe.write(lists, tell=_TOLD)
