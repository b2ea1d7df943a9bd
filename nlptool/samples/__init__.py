"""Sample data shipped with nlptool: TSV tables with a header, each with a card."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Sample:
    """A table of texts."""

    name: str
    file: str  # in this folder
    about: str
    licence: str

    def read(self) -> str:
        """Return the text of the file."""
        return (Path(__file__).parent / self.file).read_text(encoding="utf-8")

    def rows(self) -> list[dict[str, str]]:
        """Return the rows: column -> cell."""
        header, *rows = (line.split("\t") for line in self.read().removesuffix("\n").split("\n"))
        return [dict(zip(header, row, strict=True)) for row in rows]


_TABLE = (
    Sample(
        "hyakunin-isshu",
        "hyakunin_isshu.tsv",
        about="the hundred poems in classical kana: upper verse (kami), lower verse (shimo), deciding syllables (kimariji)",
        licence="public domain",
    ),
)

SAMPLES = {sample.name: sample for sample in _TABLE}
