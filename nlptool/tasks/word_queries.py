"""What analogy, neighbors and odd-one-out share: queries as arguments or records, the model of each, and the answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import orjson

from nlptool import catalog
from nlptool.errors import RecordError, WrongUsage
from nlptool.records.formats.cells import place_of
from nlptool.records.formats.record_rows import Layout
from nlptool.records.json_bytes import field_value
from nlptool.records.notes import Note
from nlptool.records.pipe import Pipe
from nlptool.records.record import ARGUMENTS, Record, lone_surrogate
from nlptool.records.windows import windows
from nlptool.records.writing import write_records
from nlptool.specs import WordVectorsSpec
from nlptool.text.scripts import LONE_SURROGATE, main_script

if TYPE_CHECKING:
    from nlptool.models.words.lookup import WordLookup, WordMatch

_MATCHES = {"as": "taken as {}", "parts": "the sum of its parts {}", "subwords": "by its subwords alone"}
"""How a word was found, as the entry says it -> as a table says it."""


class WordModels:
    """Word vectors by name, opened when the first query needs them; without a name the script of the query decides."""

    def __init__(self, spec: WordVectorsSpec, pipe: Pipe) -> None:
        self._spec = spec
        self._pipe = pipe
        self._open: dict[str, WordLookup] = {}
        if spec.model:
            self._lookup(spec.model)  # what is wrong with it is known before anything is read

    def of(self, words: Iterable[str]) -> WordLookup:
        """Return the word vectors for a query with these words."""
        return self._lookup(self._spec.model or catalog.default("words", main_script(" ".join(words))))

    def _lookup(self, name: str) -> WordLookup:
        from nlptool.models.words.lookup import WordLookup
        from nlptool.tasks.open_model import open_model

        if name not in self._open:
            self._open[name] = WordLookup(open_model(replace(self._spec, model=name), self._pipe))
        return self._open[name]


def read(pipe: Pipe, queries: Sequence[str | list[str]], *, field: str = "query") -> Iterator[list[Record]]:
    """Return the records of the input in windows, or one record for each of ``queries`` if there are any.

    Args:
        field: of such a record that holds the query.

    Raises:
        WrongUsage: a query is not UTF-8.
    """
    if not queries:
        return windows(pipe.read())
    try:
        records = [
            Record("", ARGUMENTS, number, orjson.dumps({field: query})) for number, query in enumerate(queries, 1)
        ]
    except TypeError as error:
        raise WrongUsage("an argument is not UTF-8") from error
    pipe.tally.n_read += len(records)
    pipe.hide_bar()  # there are no bytes to count

    def not_done() -> Iterator[list[Record]]:
        yield records[pipe.work_done.before() :]

    return not_done()


@dataclass(frozen=True, slots=True)
class Query:
    """The words of a record, found among the word vectors of a model."""

    record: Record
    words: list[str]
    matches: list[WordMatch]

    @property
    def indices(self) -> list[int]:
        """The rows of all words that the query's words were found as."""
        return [index for match in self.matches for index in match.indices]


def looked_up(
    records: list[Record], models: WordModels, words_of: Callable[[Record], list[str]]
) -> Iterator[tuple[WordLookup, list[Query]]]:
    """Look up the words of the pending records; yield each model with its queries. A record with unknown words fails."""
    by_model: dict[str, tuple[WordLookup, list[Query]]] = {}
    for record in records:
        if not record.pending:
            continue
        try:
            words = words_of(record)
            if lone := LONE_SURROGATE.search(" ".join(words)):
                raise lone_surrogate(lone)
            lookup = models.of(words)
            queries = by_model.setdefault(lookup.name, (lookup, []))[1]
            queries.append(Query(record, words, [lookup.find(word) for word in words]))
        except RecordError as error:
            record.fail(error)
    yield from ((lookup, queries) for lookup, queries in by_model.values() if queries)


def words_of(record: Record) -> list[str]:
    """Return the words of a query: the field `query`, or the text, split at tabs if it has any, else at blanks."""
    value = field_value(record.raw, "query")
    if value is None:
        return [word.strip() for word in record.text.split("\t")] if "\t" in record.text else record.text.split()
    words = [value] if isinstance(value, str) else value
    if not (isinstance(words, list) and all(isinstance(word, str) for word in words)):
        raise RecordError("BadQuery", "`query` is neither a string nor a list of strings")
    return words


def settings(**values: Any) -> dict[str, Any]:
    """Return the settings that an entry names: those that were chosen."""
    return {name: value for name, value in values.items() if value}


def zero_vector() -> RecordError:
    """Return the error of a sum of vectors that has no direction, to which nothing is near."""
    return RecordError("ZeroVector", "the vectors of the words add up to nothing")


def answers_json(lookup: WordLookup, indices: Any, scores: Any, name: str = "similarity") -> bytes:
    """Return one query's answers as JSON: the words at ``indices`` (-1: none) with their scores."""
    return orjson.dumps(
        [
            {"word": lookup.vectors.word(index), name: score}
            for index, score in zip(indices, scores, strict=True)
            if index >= 0
        ],
        option=orjson.OPT_SERIALIZE_NUMPY,
    )


def query_result(record: Record, query: str | list[str]) -> dict[str, bytes]:
    """Return the query as a result, unless the record came with it."""
    has_query = record.raw is not None and field_value(record.raw, "query") is not None
    return {} if has_query else {"query": orjson.dumps(query)}


def take_query(record: Record) -> None:
    """Let the field `query` of a record, if it has one, be its text.

    Raises:
        RecordError: it is no string.
    """
    query = field_value(record.raw, "query")
    if isinstance(query, str):
        record.text = query
    elif query is not None:
        raise RecordError("BadQuery", "`query` is not a string", hint="a record for each query")


def answer_layout(field: str, query: type, score: str = "similarity") -> Layout:
    """Return the columns of the results: an answer, a word, in each row.

    Args:
        field: the result that holds the answers.
        query: str, or dict for a list of words.
        score: the field of an answer that says how near it is.
    """
    return Layout({"query": query}, answers=field, answer_columns={"word": ("word", str), score: (score, float)})


def _shown(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer with one place instead of its number, its file and its line."""
    if "line" not in answer:
        return answer
    return {"place": place_of(answer)} | {
        name: answer[name] for name in answer if name not in ("index", "file", "line")
    }


def write(
    pipe: Pipe,
    lists: Iterable[list[Record]],
    format: str,
    *,
    title: Callable[[list[str], dict[str, Any]], str],
    field: str,
    layout: Layout,
    notes: Mapping[str, Note] | None = None,
) -> None:
    """Write the records, for a person a title and a table of answers for each.

    Args:
        format: table, or another of ``formats.FORMATS`` that holds records.
        title: makes it from the query's words and the entry.
        field: the result that holds the answers.
        notes: field of the entries -> what is said of its values on stderr.
    """
    if format != "table":
        write_records(pipe, lists, format, layout, notes=notes)
        return
    from nlptool.terminal import tables

    def table(record: Record) -> bytes:
        if record.error is not None or record.done:
            return b""
        query = orjson.loads(record.results["query"]) if "query" in record.results else field_value(record.raw, "query")
        heading = title([query] if isinstance(query, str) else query, dict(record.entry))
        for word, matches in record.entry.get("words", {}).items():
            heading += f"\n{word}: " + "; ".join(_MATCHES[key].format(value) for key, value in matches.items())
        rows = [_shown(answer) for answer in orjson.loads(record.results[field]) or []]
        if not rows:
            return f"{tables.printable(heading)}\n{record.entry.get('reason', 'no answers')}\n\n".encode()
        columns = list(rows[0])
        cells = [[f"{value:.4f}" if isinstance(value, float) else str(value) for value in row.values()] for row in rows]
        numbers = [name for name in columns if isinstance(rows[0][name], float | int)]
        return f"{tables.printable(heading)}\n{tables.table(columns, cells, right=numbers)}\n".encode()

    pipe.write(lists, table, notes=notes)
