"""The tree of each record that a structural probe reads out of the vectors of its words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from nlptool.errors import RecordError
from nlptool.models.japanese import words as japanese_words
from nlptool.models.probes.trees import edges_of
from nlptool.records import treebank
from nlptool.records.formats.record_rows import Layout
from nlptool.records.given_words import given_words
from nlptool.records.notes import notes
from nlptool.records.record import Record, lone_surrogate
from nlptool.records.treebank import Tree
from nlptool.tasks.each_record import EachRecord
from nlptool.tasks.entries import model_entry
from nlptool.text.scripts import LONE_SURROGATE
from nlptool.text.spans import Place

if TYPE_CHECKING:
    from nlptool.models.probes.probe import ParsedText, ProbeModel

NOTES = notes("n_unknown of an encoder", "n_windows")

WINDOW = 256  # records that are read together
_ROW = re.compile(r"\d+(?:\t[^\t]+){9}$")  # of CoNLL-U
_ROWS = "lines that are rows of CoNLL-U, and were read as texts; --conllu reads sentences of them"
_SAMPLE = ("a", ((0, 1),), None)

Read = tuple[str, Sequence[Place], Tree | None]
"""The text of a record, its words, and its gold tree, if it has one."""


@dataclass(slots=True)
class Picture:
    """A sentence with the tree that was found, and the gold tree if there is one, as heads from 0."""

    words: list[str]
    found: list[int]
    gold: list[int] | None


@dataclass(slots=True)
class Compared:
    """The edges of all gold trees, without punctuation, and those of them that were found."""

    n_gold: int = 0
    n_found: int = 0
    n_roots: int = 0
    n_right_roots: int = 0
    peculiar: Counter[str] = field(default_factory=Counter)


def probe(
    lists: Iterable[list[Record]],
    model: ProbeModel,
    *,
    conllu: bool,
    with_distances: bool = False,
    compared: Compared | None = None,
    picture: list[Picture] | None = None,
) -> Iterator[list[Record]]:
    """Give each record the tree of its words.

    Args:
        lists: windows of records.
        conllu: the records are sentences of CoNLL-U, with gold trees.
        with_distances: write the matrix of distances.
        compared: gets the counts of found edges.
        picture: gets the first sentence with a tree.
    """
    entry = model_entry(model, base=model.probe.base)
    counts = Compared() if compared is None else compared

    def work(items: Sequence[tuple[Record, Read]]) -> None:
        parsed = model.parse([text for _, (text, _, _) in items], [words for _, (_, words, _) in items])
        for (record, read), found in zip(items, parsed, strict=True):
            if found is None:
                record.fail(RecordError("NoVector", "a word has no piece in the model's tokenizer, and so no vector"))
            elif not np.isfinite(found.distances).all():
                record.fail(RecordError("NotFinite", "the model's vectors hold NaN or infinity"))
            else:
                _set_results(record, read, found, entry, counts, with_distances=with_distances)
                if picture is not None and not picture and found.heads and record.number >= 0:
                    text, words, gold = read
                    picture.append(
                        Picture(
                            [text[start:end] for start, end in words], found.heads, (gold and list(gold.heads)) or None
                        )
                    )

    sample: Read = _SAMPLE
    probe_each = EachRecord(work, sample, model=model)
    for records in lists:
        kept = []
        items = []
        for record in records:
            try:
                read = _read(record, counts.peculiar, conllu=conllu) if record.pending else None
            except RecordError as error:
                record.fail(error)
                read = None
            if read is not None:
                items.append((record, read))
            elif record.pending:  # comments alone
                continue
            kept.append(record)
        probe_each(items)
        yield kept


def _read(record: Record, peculiar: Counter[str], *, conllu: bool) -> Read | None:
    """Return what the probe reads of a record; None of a block of comments.

    Raises:
        RecordError: it is no sentence of CoNLL-U, or its words are not those of its text.
    """
    if conllu and record.raw is None:
        tree = treebank.tree_of(record, peculiar)
        if tree is None:
            return None
        record.text = tree.text
        return tree.text, tree.words, tree
    if record.raw is None and _ROW.match(record.text):
        peculiar[_ROWS] += 1
    given = given_words(record)
    text, places = given or (record.text, None)
    if lone := LONE_SURROGATE.search(text):
        raise lone_surrogate(lone)
    words = japanese_words.places(text) if places is None else places
    treebank.check_length(len(words))
    return text, words, None


def _set_results(
    record: Record,
    read: Read,
    found: ParsedText,
    entry: dict[str, Any],
    counts: Compared,
    *,
    with_distances: bool,
) -> None:
    text, words, gold = read
    shown = [{"text": text[start:end], "start": start, "end": end} for start, end in words]
    root = found.heads.index(-1) if found.heads else None
    results: dict[str, Any] = {
        "words": shown,
        "heads": [head + 1 for head in found.heads],
        "root": None if root is None else root + 1,
        "depths": found.depths,
    }
    results |= {"distances": found.distances} if with_distances else {}
    if gold is not None:
        results["gold_heads"] = [head + 1 for head in gold.heads]
        marks = gold.is_punctuation
        edges = {edge for edge in edges_of(gold.heads) if not (marks[edge[0]] or marks[edge[1]])}
        right = len(edges & found.edges_without(np.asarray(marks, bool)))
        counts.n_gold += len(edges)
        counts.n_found += right
        gold_root = gold.heads.index(-1)
        if len(words) > 1 and not marks[gold_root]:
            counts.n_roots += 1
            kept = np.flatnonzero(~np.asarray(marks, bool))
            counts.n_right_roots += int(kept[np.argmin(found.depths[kept])]) == gold_root
        results["uuas"] = round(right / len(edges), 5) if edges else None
    own_text = {} if record.text == text else {"text": text}
    record.results = {
        name: orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY) for name, value in (own_text | results).items()
    }
    record.entry = {**entry, **found.entry()}


def layout() -> Layout:
    """Return the columns of the results: a word a row."""
    return Layout({"words": dict, "heads": dict, "root": int, "depths": dict})


class TreeRows:
    """A word in each row of a table, with its head and its depth, and the head of the gold tree if there is one."""

    def columns(self) -> Sequence[tuple[str, type]]:
        return [("number", int), ("word", str), ("head", int), ("head word", str), ("depth", float), ("gold", str)]

    def cells(self, record: Record) -> Iterator[list[Any]]:
        found = {name: orjson.loads(value) for name, value in record.results.items()}
        words = [word["text"] for word in found["words"]]
        gold = found.get("gold_heads") or [""] * len(words)
        rows = zip(words, found["heads"], found["depths"], gold, strict=True)
        for number, (word, head, depth, gold_head) in enumerate(rows, 1):
            yield [number, word, head, words[head - 1] if head else "", depth, str(gold_head)]
        yield ["", "", "", "", "", ""]


def said(compared: Compared) -> Iterator[str]:
    """Yield what is said at the end on the gold trees."""
    for name, sentence in (treebank.SAID | {_ROWS: _ROWS}).items():
        if compared.peculiar[name]:
            yield f"{sentence}: {compared.peculiar[name]:,}"
    if compared.n_gold:
        yield (
            f"UUAS {compared.n_found / compared.n_gold:.4f} ({compared.n_found:,} of {compared.n_gold:,} edges, without "
            f"punctuation); roots {compared.n_right_roots:,} of {compared.n_roots:,}"
        )
