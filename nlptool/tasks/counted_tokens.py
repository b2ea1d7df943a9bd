"""The tokens of the records of an input, for the commands that count them: `ngrams`, `collocations`, `keyness`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from nlptool.errors import RecordError
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.records.tokenized import given_tokens
from nlptool.tasks.record_words import Splitting, chosen_tokenizer, words_of
from nlptool.tasks.token_arrays import Characters, NewNames, Words

Tokens = Sequence[str]


@dataclass(frozen=True, slots=True)
class Counted:
    """What is counted."""

    of: str = "words"  # words | lemmas | chars
    punctuation: bool = False  # tokens without a letter or a digit too
    splitting: Splitting = field(default_factory=Splitting)

    def names(self) -> NewNames:
        make = Characters if self.of == "chars" else Words
        return make(punctuation=self.punctuation)


def consume(pipe: Pipe, counted: Counted, add: Callable[[Record, Tokens], None]) -> Counted:
    """Read all records of a pipe, and hand on each that did not fail with its tokens.

    Args:
        add: it can raise a ``RecordError`` of the record.

    Returns:
        ``counted`` with the tokenizer that was chosen.

    Raises:
        RunError: a record failed and ``--on-error fail`` was chosen.
        ModelError: the dictionary is not there.
    """
    decided, lists = decide(pipe, counted)

    def added() -> Iterator[list[Record]]:
        for records, with_tokens in with_tokens_of(lists, decided):
            for record, tokens in with_tokens:
                try:
                    add(record, tokens)
                except RecordError as error:
                    record.fail(error)
            yield records

    pipe.consume(added())
    return decided


def decide(pipe: Pipe, counted: Counted) -> tuple[Counted, Iterator[list[Record]]]:
    """Return ``counted`` with a tokenizer that is chosen by the first records of a pipe, if none was, and all its records."""
    lists = pipe.read()
    if counted.of == "chars" or counted.splitting.tokenizer != "auto":
        return counted, lists
    tokenizer, lists = chosen_tokenizer(pipe, lists)
    return replace(counted, splitting=replace(counted.splitting, tokenizer=tokenizer)), lists


def with_tokens_of(
    lists: Iterator[list[Record]], counted: Counted
) -> Iterator[tuple[list[Record], list[tuple[Record, Tokens]]]]:
    """Yield each list of records, and those of them that did not fail with their tokens.

    Args:
        counted: with a tokenizer that is chosen.

    Raises:
        ModelError: the dictionary is not there.
    """
    if counted.of == "chars":
        for records in lists:
            found = [(record, text) for record in records if (text := _text(record, counted)) is not None]
            yield records, list(found)
        return
    tokenizer, lemmas = counted.splitting.tokenizer, counted.of == "lemmas"
    if lemmas and tokenizer == "unidic":
        tokenizer = "lemma"
    for records, with_words in words_of(lists, counted.splitting, tokenizer, lemmas=lemmas):
        yield records, list(with_words)


def _text(record: Record, counted: Counted) -> str | None:
    """Return the text of a record that did not fail, which its tokens make if it has none; None if it fails here."""
    text = record.text
    try:
        if record.pending and not text and (tokenized := given_tokens(record)) is not None:
            text = tokenized.text
    except RecordError as error:
        record.fail(error)
    if not record.pending:
        return None
    return text.lower() if counted.splitting.lowercase else text
