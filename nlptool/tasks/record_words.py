"""The words of records: those that their tokens are, else those that their text is split into."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from nlptool.errors import RecordError
from nlptool.records.given_or_made import given_or_made
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.records.tokenized import given_forms, has_tokens
from nlptool.records.workers import Workers
from nlptool.text.scripts import collapse_blanks, is_japanese

SAMPLE = 1000
"""Records that decide about the tokenizer."""

_NO_LEMMAS = "lemmas are known of Japanese text, and of records whose tokens have them"

_BLANK = re.compile(r"\s")


@dataclass(frozen=True, slots=True)
class Splitting:
    """How texts are split into words."""

    tokenizer: str = "auto"  # auto | unidic | lemma | words | whitespace
    dictionary: str | None = None  # of unidic and lemma: name or folder
    lowercase: bool = False
    workers: int | None = 1


def first_lists(lists: Iterator[list[Record]], n_records: int) -> Iterator[list[Record]]:
    """Yield the first lists, until there are ``n_records``: a sample by which a tokenizer is chosen."""
    while n_records > 0 and (records := next(lists, None)) is not None:
        n_records -= len(records)
        yield records


def chosen_tokenizer(pipe: Pipe, lists: Iterator[list[Record]]) -> tuple[str, Iterator[list[Record]]]:
    """Choose the tokenizer for records by the first of them, of a part of an input by the first of all the input, and say which;
    returns it, and all the records.

    Texts whose words are given already have the tokenizer that would make the like of them.
    """
    from nlptool.models.words import tokenizers as word_tokenizers

    beginning = pipe.beginning()
    first = list(first_lists(beginning or lists, SAMPLE))
    sample = [record for records in first for record in records if record.pending][:SAMPLE]
    tokenized = [record for record in sample if has_tokens(record)]
    if tokenized and len(tokenized) == len(sample):
        words = [word for record in tokenized for word in _forms(record)]
        tokenizer, why = "unidic" if is_japanese(words) else "whitespace", "the records have tokens"
    else:
        tokenizer, why = word_tokenizers.choose(record.text for record in sample)
    if sample:
        pipe.note(f"--tokenizer {tokenizer}: {why}")
    return tokenizer, lists if beginning is not None else itertools.chain(first, lists)


def _forms(record: Record) -> list[str]:
    try:
        return given_forms(record) or []
    except RecordError:
        return []


def words_of(
    lists: Iterator[list[Record]], splitting: Splitting, tokenizer: str, *, lemmas: bool = False
) -> Iterator[tuple[list[Record], list[tuple[Record, list[str]]]]]:
    """Yield each list of records, and those of them that did not fail with their words: the ``tokens`` of a record that has some,
    else its text split into words. White space is no word. A record whose tokens are none fails.

    Args:
        tokenizer: unidic | lemma | words | whitespace; of lemma the lemmas of given tokens are taken too.
        lemmas: of other tokenizers likewise; a record without tokens fails then.
    """
    by = "lemma" if lemmas or tokenizer == "lemma" else "surface"
    workers: Workers[list[str]] = Workers(
        splitting.workers, open_worker, tokenizer, splitting.lowercase, splitting.dictionary
    )

    def given(record: Record) -> list[str] | None:
        words = given_forms(record, by)
        if words is None and lemmas and tokenizer != "lemma":
            raise RecordError("NoLemmas", _NO_LEMMAS, hint="--of words counts the words as they are")
        return None if words is None else _cleaned(words, splitting)

    return given_or_made(lists, given, workers)


def _cleaned(words: list[str], splitting: Splitting) -> list[str]:
    """Return words as the tokenizers give them: white space is no word, and a run of it within one becomes a blank."""
    if splitting.lowercase:
        words = [word.lower() for word in words]
    if _BLANK.search("".join(words)):
        return [word for each in words if (word := collapse_blanks(each))]
    return words


def open_worker(tokenizer: str, lowercase: bool, dictionary: str | None) -> Callable[[Any], list[list[str]]]:
    """Return the function with which a worker splits texts into words."""
    from nlptool.models.words import tokenizers as word_tokenizers

    split = word_tokenizers.word_tokenizer(tokenizer, lowercase=lowercase, dictionary=dictionary)
    return lambda texts: list(map(split, texts))
