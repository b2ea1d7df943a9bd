"""Texts whose collocations are joined to one word each: `collocations --phrases`.

The pairs are those of adjacent words whose measure reaches a threshold; they are joined from the left to the right, and no word
belongs to two of them, as T. Mikolov et al. do it (Distributed Representations of Words and Phrases, NIPS 2013), and gensim's
Phrases, whose memory grows with all pairs of the text as strings.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from typing import IO

import orjson

from nlptool.geometry.ngram_counts import packed
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.storage import temp_files
from nlptool.tasks.counted_tokens import Counted, Tokens, decide, with_tokens_of
from nlptool.tasks.pair_counts import PairCounter, PairSums
from nlptool.tasks.token_arrays import NewNames, Portions
from nlptool.tasks.word_pairs import Chosen, Measured

MARK = "_"
"""What stands between words that are joined."""

Spooled = tuple[list[Record], list[tuple[int, Tokens]]]
"""Records, and the tokens of those that did not fail, each after its record's place in the list."""


def write_phrases(pipe: Pipe, counted: Counted, chosen: Chosen, format: str) -> None:
    """Write the records of ``pipe`` with the words of their text, pairs joined, as ``tokens``.

    Args:
        format: jsonl, or text: the words with blanks between them, a record a line.

    Raises:
        RunError: something cannot be written, or a record failed and ``--on-error fail`` was chosen.
    """
    names = counted.names()
    count = PairCounter(names, 1)
    portions = Portions(names, count)
    spool = temp_files.temporary()
    decided, lists = decide(pipe, counted)
    with spool:
        for records, with_tokens in with_tokens_of(lists, decided):
            for _, tokens in with_tokens:
                portions.add(tokens)
            places = {id(record): place for place, record in enumerate(records)}
            spooled: Spooled = (records, [(places[id(record)], tokens) for record, tokens in with_tokens])
            with temp_files.disk_space():
                pickle.dump(spooled, spool, pickle.HIGHEST_PROTOCOL)
        portions.end()
        pairs = Measured.of_pairs(PairSums.of_counter(names, count), chosen)
        spool.seek(0)
        join = Joiner(names, pairs)
        pipe.write(_rewritten(spool, join), _as_text if format == "text" else None, resumes=False)
    pipe.note(f"pairs that were joined: {len(pairs):,}, at {join.n_joined:,} places")


def _rewritten(spool: IO[bytes], join: Joiner) -> Iterator[list[Record]]:
    while True:
        try:
            records, with_tokens = pickle.load(spool)
        except EOFError:
            return
        for place, tokens in with_tokens:
            before = join.n_joined
            records[place].results = {"tokens": orjson.dumps(join(tokens))}
            records[place].entry = {"n_joined": join.n_joined - before}
        yield records


def _as_text(record: Record) -> bytes:
    """Return the words of a record with blanks between them; a blank within one becomes a mark."""
    words = orjson.loads(record.results.get("tokens", b"[]"))
    return " ".join([word.replace(" ", MARK) for word in words]).encode() + b"\n"


class Joiner:
    """Joins the words of a text that are such pairs.

    Attributes:
        n_joined: pairs that were joined so far.
    """

    def __init__(self, names: NewNames, pairs: Measured) -> None:
        self.n_joined = 0
        self._names = names
        self._pairs = frozenset(packed(*pairs.ids).tolist())

    def __call__(self, words: Sequence[str]) -> list[str]:
        ids = self._names.ids(words)
        is_pair = [key in self._pairs for key in packed(ids[:-1], ids[1:]).tolist()]
        found: list[str] = []
        position = 0
        while position < len(words):
            if position < len(is_pair) and is_pair[position]:
                found.append(f"{words[position]}{MARK}{words[position + 1]}")
                self.n_joined += 1
                position += 2
            else:
                found.append(words[position])
                position += 1
        return found
