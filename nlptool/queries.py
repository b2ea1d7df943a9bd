"""What `analogy`, `neighbors` and `odd-one-out` share: words as arguments or records, the model for each, and the answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click
import orjson

from nlptool.batches import windows
from nlptool.catalogue import ENGLISH_WORDS, JAPANESE_WORDS
from nlptool.errors import RecordError
from nlptool.json_objects import field_value
from nlptool.options import Decorator
from nlptool.pipe import Pipe
from nlptool.progress import Progress
from nlptool.records import Record, lone_surrogate
from nlptool.results import wants_table
from nlptool.scripts import LONE_SURROGATE, is_japanese

if TYPE_CHECKING:
    from nlptool.models.lexicon import Found, Lexicon

_HOW = {"as": "taken as {}", "parts": "the sum of its parts {}", "subwords": "by its subwords alone"}


def words_argument(metavar: str) -> Decorator:
    return click.argument("words", nargs=-1, metavar=metavar)


class Models:
    """Word vectors by name, opened when the first query needs them; without a name the script of the query decides."""

    def __init__(self, name: str | None, pipe: Pipe) -> None:
        self._name = name
        self._pipe = pipe
        self._open: dict[str, Lexicon] = {}
        if name is not None:
            self._lexicon(name)  # what is wrong with it is known before anything is read

    def of(self, words: Iterable[str]) -> Lexicon:
        return self._lexicon(self._name or (JAPANESE_WORDS if is_japanese(words) else ENGLISH_WORDS))

    def _lexicon(self, name: str) -> Lexicon:
        from nlptool.models import word_models
        from nlptool.models.lexicon import Lexicon

        if name not in self._open:
            self._open[name] = Lexicon(word_models.open_vectors(name, note=self._pipe.note))
        return self._open[name]


def read(pipe: Pipe, queries: Sequence[str | list[str]]) -> Iterator[list[Record]]:
    """The records of the input, in windows; or one for each of ``queries``, if there are any."""
    if not queries:
        return windows(pipe.read())
    try:
        records = [
            Record("", "<arguments>", number, orjson.dumps({"query": query})) for number, query in enumerate(queries, 1)
        ]
    except TypeError as error:
        raise click.UsageError("an argument is not UTF-8") from error
    pipe.n_read += len(records)
    pipe.bar = Progress(pipe.command, "never")  # there are no bytes to count

    def left() -> Iterator[list[Record]]:
        yield records[pipe.done_before()[0] :]

    return left()


def words_of(record: Record) -> list[str]:
    """The words of a query: the field `query`, or the text, cut at tabs if it has any, else at blanks."""
    given = field_value(record.raw, "query")
    if given is None:
        return [word.strip() for word in record.text.split("\t")] if "\t" in record.text else record.text.split()
    words = [given] if isinstance(given, str) else given
    if not (isinstance(words, list) and all(isinstance(word, str) for word in words)):
        raise RecordError("BadQuery", "`query` is neither a string nor a list of strings")
    return words


def found(
    records: list[Record], models: Models, words_of: Callable[[Record], list[str]]
) -> Iterator[tuple[Lexicon, list[tuple[Record, list[str], list[Found]]]]]:
    """The words of the pending records looked up, by the model that answers them. A record fails whose words are unknown."""
    by_model: dict[str, tuple[Lexicon, list[tuple[Record, list[str], list[Found]]]]] = {}
    for record in records:
        if not record.pending:
            continue
        try:
            words = words_of(record)
            if lone := LONE_SURROGATE.search(" ".join(words)):
                raise lone_surrogate(lone)
            lexicon = models.of(words)
            some = by_model.setdefault(lexicon.name, (lexicon, []))[1]
            some.append((record, words, [lexicon.find(word) for word in words]))
        except RecordError as error:
            record.fail(error)
    yield from (each for each in by_model.values() if each[1])


def nothing() -> RecordError:
    """What to say of a sum that has no direction, to which nothing is near."""
    return RecordError("ZeroVector", "the vectors of the words add up to nothing")


def answers(lexicon: Lexicon, indices: Any, scores: Any, name: str = "similarity") -> bytes:
    """One query's answers as JSON: the words at ``indices`` (-1: none) with their scores."""
    return orjson.dumps(
        [
            {"word": lexicon.vectors.word(index), name: score}
            for index, score in zip(indices, scores, strict=True)
            if index >= 0
        ],
        option=orjson.OPT_SERIALIZE_NUMPY,
    )


def query(record: Record, value: str | list[str]) -> dict[str, bytes]:
    """The query as a result, unless the record came with it."""
    has = record.raw is not None and field_value(record.raw, "query") is not None
    return {} if has else {"query": orjson.dumps(value)}


def write(
    pipe: Pipe,
    lists: Iterable[list[Record]],
    format: str | None,
    title: Callable[[list[str], dict[str, Any]], str],
    field: str,
) -> None:
    """Records as JSONL, or for a person: a title and a table of answers for each."""
    if not wants_table(format, pipe.output):
        pipe.write(lists)
        return
    from nlptool import display

    def table(record: Record) -> bytes:
        if record.error is not None or record.done:
            return b""
        asked = orjson.loads(record.results.get("query", b"null")) or field_value(record.raw, "query")
        heading = title([asked] if isinstance(asked, str) else asked, dict(record.entry))
        for word, how in record.entry.get("words", {}).items():
            heading += f"\n{word}: " + "; ".join(_HOW[key].format(value) for key, value in how.items())
        rows = orjson.loads(record.results[field])
        columns = list(rows[0] if rows else ("word", "similarity"))
        cells = [[f"{value:.4f}" if isinstance(value, float) else str(value) for value in row.values()] for row in rows]
        numbers = [name for name in columns if rows and isinstance(rows[0][name], float | int)]
        return f"{display.printable(heading)}\n{display.table(columns, cells, right=numbers)}\n".encode()

    pipe.write(lists, table, terminator=None)
