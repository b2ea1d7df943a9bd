"""Files in the shape in which GLUE and JGLUE are distributed, of sentences about animals: none of their own text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import labelled_examples as examples

_PARSES = "sentence1_binary_parse|sentence2_binary_parse|sentence1_parse|sentence2_parse"
_MNLI = f"index|promptID|pairID|genre|{_PARSES}|sentence1|sentence2"
_MNLI_ROW = "{n}|{n}|{n}e|travel|( {a} )|( {b} )|(ROOT {a})|(ROOT {b})|{a}|{b}"
_STSB = "index|genre|filename|year|old_index|source1|source2|sentence1|sentence2"
_STSB_ROW = "{n}|main-news|animals|2012|{n}|none|none|{a}|{b}"
_MRPC = "#1 ID|#2 ID|#1 String|#2 String"
_NLI = ("entailment", "neutral", "contradiction")
_ENTAILED = ("entailment", "not_entailment")
_BINARY = ("0", "1")
_SCORES = ("0.500", "2.750", "4.000", "5.000")


@dataclass(frozen=True, slots=True)
class Shape:
    """The shape of a data set's files.

    Args:
        labels: as they are written.
        header: of the file with labels; "" without one.
        row: of that file: {n} its number, {a} and {b} the texts, {label} the label; "" of JSONL.
        test_header, test_row: of the file without labels.
        gold: what the label is called, or the number of its column.
        first: what the first text is called.
    """

    labels: Sequence[Any]
    header: str = ""
    row: str = ""
    test_header: str = ""
    test_row: str = ""
    gold: str = "label"
    first: str = "sentence1"

    def label(self, number: int) -> Any:
        """Return the label of an example."""
        return self.labels[number % len(self.labels)]

    def write(self, folder: Path, n_train: int, n_dev: int) -> tuple[Path, Path, Path]:
        """Write a training file, a dev file of the examples after it, and a test file: those of the dev file without labels."""
        header, test_header = ([_cells(line)] if line else [] for line in (self.header, self.test_header))
        dev = range(n_train, n_train + n_dev)
        files = {
            "train": [*header, *map(self._with_label, range(n_train))],
            "dev": [*header, *map(self._with_label, dev)],
            "test": [*test_header, *map(self._without_label, dev)],
        }
        paths = [folder / f"{part}.{'tsv' if self.row else 'jsonl'}" for part in files]
        for path, lines in zip(paths, files.values(), strict=True):
            path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        return paths[0], paths[1], paths[2]

    def _with_label(self, number: int) -> str:
        return self._line(self.row, number, {"label": self.label(number)})

    def _without_label(self, number: int) -> str:
        return self._line(self.test_row, number, {})

    @staticmethod
    def _line(row: str, number: int, label: dict[str, Any]) -> str:
        pair = examples.PAIRS[number]
        first, second = f'"{pair["first"]}', pair["second"]  # a quotation mark is text
        if row:
            return _cells(row).format(n=number, a=first, b=second, **label)
        return json.dumps({"sentence_pair_id": str(number), "sentence1": first, "sentence2": second, **label})


def _cells(row: str) -> str:
    return row.replace("|", "\t")


SHAPES = {
    "glue:cola": Shape(_BINARY, "", "gj04|{label}||{a}", "index|sentence", "{n}|{a}", "2", "4"),
    "glue:sst2": Shape(_BINARY, "sentence|label", "{a} |{label}", "index|sentence", "{n}|{a} ", first="sentence"),
    "glue:mrpc": Shape(
        _BINARY, f"Quality|{_MRPC}", "{label}|70{n}|71{n}|{a}|{b}", f"index|{_MRPC}", "{n}|70{n}|71{n}|{a}|{b}", "Quality",
        "#1 String",
    ),
    "glue:stsb": Shape(_SCORES, f"{_STSB}|score", f"{_STSB_ROW}|{{label}}", _STSB, _STSB_ROW, "score"),
    "glue:qqp": Shape(
        _BINARY, "id|qid1|qid2|question1|question2|is_duplicate", "{n}|1|2|{a}|{b}|{label}", "id|question1|question2",
        "{n}|{a}|{b}", "is_duplicate", "question1",
    ),
    "glue:mnli": Shape(
        _NLI, f"{_MNLI}|label1|gold_label", f"{_MNLI_ROW}|{{label}}|{{label}}", _MNLI, _MNLI_ROW, "gold_label"
    ),
    "glue:qnli": Shape(
        _ENTAILED, "index|question|sentence|label", "{n}|{a}|{b}|{label}", "index|question|sentence", "{n}|{a}|{b}",
        first="question",
    ),
    "glue:rte": Shape(
        _ENTAILED, "index|sentence1|sentence2|label", "{n}|{a}|{b}|{label}", "index|sentence1|sentence2", "{n}|{a}|{b}"
    ),
    "glue:wnli": Shape(
        _BINARY, "index|sentence1|sentence2|label", "{n}|{a}|{b}|{label}", "index|sentence1|sentence2", "{n}|{a}|{b}"
    ),
    "jglue:jnli": Shape(("entailment", "contradiction", "neutral")),
    "jglue:jsts": Shape((0.5, 2.75, 4.0, 4.8)),
}  # fmt: skip
"""Name of the columns -> shape."""

MNLI_DEV = Shape(
    _NLI, f"{_MNLI}|label1|label2|label3|label4|label5|gold_label", f"{_MNLI_ROW}|{{label}}|-|neutral|-|-|{{label}}",
    _MNLI, _MNLI_ROW, "gold_label",
)  # fmt: skip
"""The dev files of MNLI, whose rows have the labels of five people."""
