"""Columns of labelled data: their usual names, and those of GLUE and JGLUE as they are distributed.

GLUE (Wang et al. 2018): tables with tabs whose cells are never quoted; all have a header but CoLA's train and dev files. Test
files lack the label. JGLUE (Kurihara et al. 2022): JSONL.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from nlptool.errors import RecordError, WrongUsage
from nlptool.records.cells import is_number
from nlptool.records.labels import Label, as_set, shortened
from nlptool.records.pairs import PAIR_TEXTS

TEXTS = ("text", "sentence", "review", "content", "body")
"""Names of the text of an example that has one."""

PAIRS = (
    *PAIR_TEXTS, ("premise", "hypothesis"), ("question", "sentence"), ("question1", "question2"), ("#1 String", "#2 String"),
)  # fmt: skip
"""Names of the two texts of a pair."""

LABELS = (
    "label", "labels", "class", "category", "score", "gold_label", "gold", "target", "is_duplicate", "Quality",
)  # fmt: skip
"""Names of the label."""

OF_LABELS_ALONE = ("label", "labels", "gold_label", "is_duplicate")
"""Those among ``LABELS`` that are no name of a class, so that a row with one of them is a header."""

NUMBERS = ("id", "index", "idx")
"""Names of a first column that numbers the examples."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A data set whose columns are known.

    Args:
        texts: names of the columns of its texts, one or two.
        label: the name of the column of the label.
        labels: the classes, in the order of a model's outputs; () for scores.
        metric: by which it is judged: accuracy | f1 | matthews | pearson | spearman.
        numbers: columns of the texts and the label in its files without a header; () if all have one.
        is_table: it is distributed as a table with tabs; else as JSONL.
    """

    name: str
    texts: tuple[str, ...]
    label: str
    labels: tuple[str, ...]
    metric: str = "accuracy"
    numbers: tuple[str, ...] = ()
    is_table: bool = True

    @property
    def kind(self) -> str:
        """The kind of task: classification | regression."""
        return "classification" if self.labels else "regression"

    def check(self, label: Label) -> None:
        """Refuse a label that the data set does not have.

        Raises:
            RecordError: it is none of ``labels``, or no number where scores are.
        """
        names = as_set(label)
        if isinstance(label, tuple) or (names[0] not in self.labels if self.labels else not is_number(label)):
            known = ", ".join(self.labels) or "numbers"
            raise RecordError("UnknownLabel", f"the label `{shortened(label)}` is none of {self.name}: {known}")


_BINARY = ("0", "1")
_ENTAILED = ("entailment", "not_entailment")
_SENTENCES = ("sentence1", "sentence2")

PRESETS = {
    preset.name: preset
    for preset in (
        Preset("glue:cola", ("sentence",), "label", _BINARY, "matthews", numbers=("4", "2")),
        Preset("glue:sst2", ("sentence",), "label", _BINARY),
        Preset("glue:mrpc", ("#1 String", "#2 String"), "Quality", _BINARY, "f1"),
        Preset("glue:stsb", _SENTENCES, "score", (), "pearson"),
        Preset("glue:qqp", ("question1", "question2"), "is_duplicate", _BINARY, "f1"),
        Preset("glue:mnli", _SENTENCES, "gold_label", ("entailment", "neutral", "contradiction")),
        Preset("glue:qnli", ("question", "sentence"), "label", _ENTAILED),
        Preset("glue:rte", _SENTENCES, "label", _ENTAILED),
        Preset("glue:wnli", _SENTENCES, "label", _BINARY),
        Preset("jglue:jnli", _SENTENCES, "label", ("entailment", "contradiction", "neutral"), is_table=False),
        Preset("jglue:jsts", _SENTENCES, "label", (), "spearman", is_table=False),
    )
}
"""Name -> data set."""


def preset(name: str) -> Preset:
    """Return the data set called ``name``; case and hyphens do not matter: ``GLUE:SST-2``.

    Raises:
        WrongUsage: none is.
    """
    plain = name.casefold().replace("-", "").replace("_", "")
    if plain in PRESETS:
        return PRESETS[plain]
    near = difflib.get_close_matches(plain, PRESETS, 1)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(PRESETS)}"
    raise WrongUsage(f"no columns are known of `{name}`", hint=hint)
