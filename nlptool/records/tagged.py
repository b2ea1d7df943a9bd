"""Tagged sentences: words with a tag each, or entities as spans of a text, in columns (CoNLL-2003), CoNLL-U or JSON objects.

The format of each input is recognised by its first record: an object, ten columns with tabs that begin with the number of a word,
or any other columns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from nlptool.errors import RecordError
from nlptool.records import tagged_conllu, tagged_json
from nlptool.records.json_bytes import RESERVED, fields, listed
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.records.tag_columns import ColumnReader
from nlptool.records.tagged_conllu import ConlluReader
from nlptool.records.tagged_names import Layout, Names, others, value_of
from nlptool.records.tagged_sentence import Sentence

_SAID = {
    "multiword": "multiword tokens whose words do not make up their form, each of which became one word with all their tags",
    "empty": "empty nodes, which are no words of the text and were left out",
    "other_text": "sentences whose words are not those of `# text`, which was made anew of them",
    "spans_of_words": "records without a text, whose spans are taken for spans of words",
}
_FORMATS = {"columns": "a word a line, in columns", "conllu": "CoNLL-U", "json": "JSON"}
_NOT_THERE = ("NoGold", "NoPrediction")


@dataclass(slots=True)
class Tagged:
    """Tagged sentences.

    Attributes:
        sentences: in order; None for each that cannot be read, or is not to be.
        names: of the columns of each input.
        n_without_gold, n_without_prediction: records that lack one of the two.
        reason: why the first of these lacks it.
        models: those that made the tags, as ``nlptool tag`` names them in its records.
    """

    sentences: list[Sentence | None] = field(default_factory=list)
    names: dict[str, Names] = field(default_factory=dict)
    n_without_gold: int = 0
    n_without_prediction: int = 0
    reason: RecordError | None = None
    models: set[str] = field(default_factory=set)

    @property
    def good(self) -> list[Sentence]:
        """The sentences that could be read."""
        return [sentence for sentence in self.sentences if sentence is not None]


def read(pipe: Pipe, layout: Layout) -> Tagged:
    """Read the tagged sentences of a pipe's input. A record that is none fails, and counts in ``pipe``.

    What is read, in which format, and what is peculiar about it is said.

    Raises:
        RunError: the lines of an input have too few columns.
        WrongUsage: there is no such column.
    """
    reader = _Reader(pipe, layout)
    pipe.form = layout.form(pipe.form)
    pipe.consume(reader.taken(pipe.read()))
    for name, said in _SAID.items():
        if reader.peculiar[name]:
            pipe.note(f"{said}: {reader.peculiar[name]:,}")
    return reader.found


class _Reader:
    """Makes sentences of records.

    Attributes:
        peculiar: what there is to say, and how often it occurred.
    """

    def __init__(self, pipe: Pipe, layout: Layout) -> None:
        self.found = Tagged()
        self.peculiar: Counter[str] = Counter()
        self._pipe = pipe
        self._layout = layout
        self._source = ""
        self._blocks: ColumnReader | ConlluReader | None = None  # of the input that is being read

    def taken(self, lists: Iterable[list[Record]]) -> Iterator[list[Record]]:
        """Add the sentences of records, and pass the records on."""
        for records in lists:
            for record in records:
                if record.source != self._source:
                    self._source, self._blocks = record.source, None
                if not record.pending:
                    self.found.sentences.append(None)
                    continue
                try:
                    self._take(record)
                except RecordError as error:
                    self.found.sentences.append(None)
                    self._fail(record, error)
            yield records

    def _fail(self, record: Record, error: RecordError) -> None:
        if error.type not in _NOT_THERE:
            record.fail(error)
            return
        self.found.reason = self.found.reason or error
        self.found.n_without_gold += error.type == "NoGold"
        self.found.n_without_prediction += error.type == "NoPrediction"

    def _take(self, record: Record) -> None:
        if record.raw is not None:
            values = fields(record.raw)
            names = self.found.names.get(record.source) or self._layout.names(values)
            sentence: Sentence | None = tagged_json.sentence(values, names, record.line, self.peculiar)
            if model := value_of(values, f"/{RESERVED}/tag/model"):
                self.found.models.add(str(model))
            self._say(record.source, "json", names, others(values, names) if not self._layout.paired else [])
        else:
            lines = record.text.split("\n")
            if self._blocks is None:
                is_conllu = tagged_conllu.is_conllu(lines, record.source)
                kind = ConlluReader if is_conllu else ColumnReader
                self._blocks = kind(self._layout, self.peculiar)
            sentence = self._blocks.sentence(lines, record)
            if self._blocks.names is not None:
                self._say(
                    record.source, "conllu" if isinstance(self._blocks, ConlluReader) else "columns", self._blocks.names
                )
            if sentence is None:  # comments, or the border of a document
                return
        self.found.sentences.append(sentence)

    def _say(self, source: str, format: str, names: Names, more: Iterable[str] = ()) -> None:
        """Say how an input is read, once."""
        if source in self.found.names:
            return
        self.found.names[source] = names
        also = f"; it also has {listed(more)}" if more else ""
        self._pipe.note(f"{source} is read as {_FORMATS[format]}, with {self._layout.said(names)}{also}")
