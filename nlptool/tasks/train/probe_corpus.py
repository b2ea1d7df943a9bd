"""The trees that a structural probe is trained on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from nlptool.errors import RecordError, RunError
from nlptool.records import treebank
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.records.tagged_names import Layout
from nlptool.records.treebank import Tree
from nlptool.tasks.train.held_out import divided

_FEWEST = 2  # sentences


def read(pipe: Pipe, dev: str | float) -> tuple[list[Tree], list[Tree]]:
    """Return the trees to learn from and those of the dev set.

    Raises:
        RunError: there are fewer than two of one of them.
    """
    trees = _read(pipe)
    if isinstance(dev, str):
        with pipe.beside(dev) as beside:
            held_out = _read(beside)
    else:
        trees, held_out = divided(trees, dev, lambda tree: tree.text, what="sentences", note=pipe.note)
    for found, what in ((trees, "to learn from"), (held_out, "in the dev set")):
        if len(found) < _FEWEST:
            raise RunError(f"there are {len(found)} trees of two words or more {what}", hint="a treebank in CoNLL-U")
    return trees, held_out


def _read(pipe: Pipe) -> list[Tree]:
    """Return the trees of a pipe's input that have two words or more; what is none fails, and counts in ``pipe``."""
    pipe.form = Layout().form(pipe.form)
    trees: list[Tree] = []
    peculiar: Counter[str] = Counter()

    def taken(lists: Iterator[list[Record]]) -> Iterator[list[Record]]:
        for records in lists:
            for record in records:
                if not record.pending:
                    continue
                try:
                    if record.raw is not None:
                        raise RecordError("NotATree", "an object, and no CoNLL-U")
                    tree = treebank.tree_of(record, peculiar)
                except RecordError as error:
                    record.fail(error)
                    continue
                if tree is not None:
                    peculiar["single"] += len(tree.heads) == 1
                    trees.extend([tree] * (len(tree.heads) > 1))
            yield records

    pipe.consume(taken(pipe.read()))
    said = {**treebank.SAID, "single": "sentences of one word, whose tree has no edge, and which were left out"}
    for name, sentence in said.items():
        if peculiar[name]:
            pipe.note(f"{sentence}: {peculiar[name]:,}")
    return trees
