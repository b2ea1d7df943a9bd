"""The documents of an input, for language models: a corpus, or a text that one is judged by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from nlptool.records.pipe import Pipe
from nlptool.records.record import Record, lone_surrogate
from nlptool.text.scripts import LONE_SURROGATE

_SAMPLE = 1000  # texts that decide how words are counted


def read(pipe: Pipe) -> list[str]:
    """Return the documents of a pipe's input: with the unit line what stands between empty lines, and within one file; with
    another unit, or of JSON, each record."""
    documents: list[str] = []
    lines: list[str] = []
    source: str | None = None

    def end() -> None:
        if lines:
            documents.append("\n".join(lines))
            lines.clear()

    def taken(lists: Iterator[list[Record]]) -> Iterator[list[Record]]:
        nonlocal source
        for records in lists:
            for record in records:
                if not record.pending:
                    continue
                if lone := LONE_SURROGATE.search(record.text):
                    record.fail(lone_surrogate(lone))
                    continue
                is_line = record.raw is None and pipe.form.unit == "line"
                if not is_line or record.source != source or not record.text.strip():
                    end()
                source = record.source
                if record.text.strip():
                    lines.append(record.text)
                if not is_line:
                    end()
            yield records

    pipe.consume(taken(pipe.read()))
    end()
    return documents


def n_words(texts: Sequence[str]) -> int:
    """Return the number of words of all texts together: those of MeCab in Japanese without blanks, else runs of letters and each
    punctuation mark, or what stands between blanks."""
    from nlptool.models.words import tokenizers

    kind, _ = tokenizers.choose(texts[:: max(1, len(texts) // _SAMPLE)])
    split = tokenizers.word_tokenizer(kind)
    return sum(len(split(text)) for text in texts)
