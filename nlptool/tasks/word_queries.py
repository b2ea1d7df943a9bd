"""What `analogy`, `neighbors` and `odd-one-out` share: words as arguments or records, the model for each, and the answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from nlptool.catalog import ENGLISH_WORDS, JAPANESE_WORDS
from nlptool.errors import RecordError, WrongUsage
from nlptool.records.formats.results import wants_table
from nlptool.records.json_bytes import field_value
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record, lone_surrogate
from nlptool.records.windows import windows
from nlptool.specs import WordVectorsSpec
from nlptool.text.scripts import LONE_SURROGATE, is_japanese

if TYPE_CHECKING:
    from nlptool.models.words.lookup import WordLookup, WordMatch

_HOW = {"as": "taken as {}", "parts": "the sum of its parts {}", "subwords": "by its subwords alone"}


class Models:
    """Word vectors by name, opened when the first query needs them; without a name the script of the query decides."""

    def __init__(self, name: str | None, pipe: Pipe) -> None:
        self._name = name
        self._pipe = pipe
        self._open: dict[str, WordLookup] = {}
        if name is not None:
            self._lexicon(name)  # what is wrong with it is known before anything is read

    def of(self, words: Iterable[str]) -> WordLookup:
        return self._lexicon(self._name or (JAPANESE_WORDS if is_japanese(words) else ENGLISH_WORDS))

    def _lexicon(self, name: str) -> WordLookup:
        from nlptool.models.words.lookup import WordLookup
        from nlptool.tasks.open_model import open_model

        if name not in self._open:
            self._open[name] = WordLookup(open_model(WordVectorsSpec(name), self._pipe))
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
        raise WrongUsage("an argument is not UTF-8") from error
    pipe.tally.n_read += len(records)
    pipe.hide_bar()  # there are no bytes to count

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
) -> Iterator[tuple[WordLookup, list[tuple[Record, list[str], list[WordMatch]]]]]:
    """The words of the pending records looked up, by the model that answers them. A record fails whose words are unknown."""
    by_model: dict[str, tuple[WordLookup, list[tuple[Record, list[str], list[WordMatch]]]]] = {}
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


def answers(lexicon: WordLookup, indices: Any, scores: Any, name: str = "similarity") -> bytes:
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
    from nlptool.terminal import tables

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
        return f"{tables.printable(heading)}\n{tables.table(columns, cells, right=numbers)}\n".encode()

    pipe.write(lists, table, terminator=None)


def analogy(
    lists: Iterable[list[Record]],
    models: Models,
    *,
    method: str,
    k: int,
    include_query: bool,
    restrict: int | None,
) -> Iterator[list[Record]]:
    """Give each record its answers: the words x with the largest cos(x, a − b + c), or by 3CosMul."""
    import numpy as np

    from nlptool.geometry.top_k import normalize
    from nlptool.models.words import lookup as word_lookup

    settings: dict[str, Any] = {"method": method}
    settings |= {"restrict": restrict} if restrict else {}
    settings |= {"include_query": True} if include_query else {}
    for records in lists:
        for lexicon, questions in found(records, models, _three):
            vectors = np.stack([[found.vector for found in each] for _, _, each in questions])  # (Q, 3, D)
            exclude = (
                [] if include_query else [[i for found in each for i in found.indices] for _, _, each in questions]
            )
            rules: dict[str, Any] = {"exclude": exclude, "restrict": restrict}
            sums = vectors[:, 0] - vectors[:, 1] + vectors[:, 2]
            if method == "3cosmul":
                best = lexicon.vectors.nearest_by_product(vectors[:, [0, 2]], vectors[:, [1]], k, **rules)
            else:
                best = lexicon.vectors.nearest(normalize(sums), k, **rules)
            score = "score" if method == "3cosmul" else "similarity"
            for (record, words, each), total, indices, scores in zip(questions, sums, *best, strict=True):
                if not total.any():
                    record.fail(nothing())
                    continue
                record.results = {
                    **query(record, words),
                    "answers": answers(lexicon, indices, scores, score),
                }
                record.entry = {"model": lexicon.name, **settings, **word_lookup.match_info(words, each)}
        yield records


def _three(record: Record) -> list[str]:
    words = words_of(record)
    if len(words) != 3:
        raise RecordError(
            "NotThreeWords",
            f"an analogy has three words, this has {len(words)}: A B C asks for A - B + C",
            hint="a word with a blank in it: separate the three with tabs",
        )
    return words


def neighbors(
    lists: Iterable[list[Record]],
    models: Models,
    *,
    plus: tuple[str, ...] = (),
    minus: tuple[str, ...] = (),
    k: int,
    include_query: bool = False,
    restrict: int | None = None,
) -> Iterator[list[Record]]:
    """Give each record the words nearest to its own, or to the sum of its unit vector with those of ``plus`` less those of
    ``minus``."""
    import numpy as np

    from nlptool.geometry.top_k import normalize
    from nlptool.models.words import lookup as word_lookup

    signs = np.asarray([1.0] * (1 + len(plus)) + [-1.0] * len(minus), np.float32)
    settings: dict[str, Any] = {}
    settings |= {"plus": plus} if plus else {}
    settings |= {"minus": minus} if minus else {}
    settings |= {"restrict": restrict} if restrict else {}
    settings |= {"include_query": True} if include_query else {}

    def words_of(record: Record) -> list[str]:
        return [_word(record), *plus, *minus]

    for records in lists:
        for lexicon, questions in found(records, models, words_of):
            vectors = np.stack([signs @ np.stack([found.vector for found in each]) for _, _, each in questions])
            exclude = (
                [] if include_query else [[i for found in each for i in found.indices] for _, _, each in questions]
            )
            best = lexicon.vectors.nearest(normalize(vectors), k, exclude=exclude, restrict=restrict)
            for (record, words, each), vector, indices, scores in zip(questions, vectors, *best, strict=True):
                if not vector.any():
                    record.fail(nothing())
                    continue
                record.results = {
                    **query(record, words[0]),
                    "neighbors": answers(lexicon, indices, scores),
                }
                record.entry = {"model": lexicon.name, **settings, **word_lookup.match_info(words, each)}
        yield records


def _word(record: Record) -> str:
    given = field_value(record.raw, "query")
    word = record.text.strip() if given is None else given
    if not isinstance(word, str):
        raise RecordError("BadQuery", "`query` is not a string")
    if not word:
        raise RecordError("BadQuery", "there is no word")
    return word


def odd_one_out(lists: Iterable[list[Record]], models: Models) -> Iterator[list[Record]]:
    """Give each record the word whose cosine with the mean of all (of their unit vectors) is the smallest."""
    import numpy as np

    from nlptool.geometry.top_k import normalize
    from nlptool.models.words import lookup as word_lookup

    for records in lists:
        for lexicon, questions in found(records, models, _several):
            for record, words, matches in questions:
                vectors = np.stack([each.vector for each in matches])
                similarities = vectors @ normalize(vectors.mean(axis=0))
                order = np.argsort(similarities, kind="stable")
                listed = [{"word": words[index], "similarity": similarities[index]} for index in order]
                record.results = {
                    **query(record, words),
                    "odd": orjson.dumps(words[order[0]]),
                    "similarities": orjson.dumps(listed, option=orjson.OPT_SERIALIZE_NUMPY),
                }
                record.entry = {"model": lexicon.name, **word_lookup.match_info(words, matches)}
        yield records


def _several(record: Record) -> list[str]:
    words = words_of(record)
    if len(words) < 3:
        raise RecordError("TooFewWords", f"three words or more have one that is odd, here are {len(words)}")
    return words
