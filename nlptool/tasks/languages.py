"""The languages of models and texts, as far as a text's script tells its language.

A model is chosen by the script of the input, and a text in a script in which none of the model's languages is written is noted
in its entry as ``unseen_script``, and on stderr at the end.
"""

from __future__ import annotations

import functools
import re
from bisect import bisect
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from operator import attrgetter
from typing import TYPE_CHECKING, TypeVar

from nlptool import catalog
from nlptool.errors import RecordError
from nlptool.models.store.card import Reads
from nlptool.records.notes import Note
from nlptool.records.pipe import Pipe
from nlptool.records.record import Record
from nlptool.specs import AttentionSpec, ContextualSpec, GeneratorSpec, MaskedModelSpec, ScoringSpec
from nlptool.tasks.open_model import open_model
from nlptool.text import scripts

if TYPE_CHECKING:
    from nlptool.models.masked.model import MaskedModel

UNSEEN_SCRIPT = "unseen_script"
"""The field of an entry that names the script of a text, if it is one of no language of the model."""

_FEW = 1000  # characters
_LONGEST = 100_000  # characters of a text that say which script it is in
_SPECIAL_TOKENS = re.compile(r"\[(?:MASK|SEP|CLS|UNK|PAD)\]|</?(?:mask|s|unk|pad)>")

MASKED, GENERATE = "fill-mask", "generate"
"""The tasks of the catalog's masked language models, and of those that write."""

BertSpec = TypeVar("BertSpec", MaskedModelSpec, ContextualSpec, AttentionSpec, ScoringSpec)
TextOf = Callable[[Record], str]


def masked_text(record: Record) -> str:
    """Return the text of a record without [MASK] and the like, whose letters say nothing of its language."""
    return _SPECIAL_TOKENS.sub(" ", record.text)


def masked_texts(record: Record, texts_of: Callable[[Record], Sequence[str]]) -> str:
    """Return the two texts of a record together, as ``masked_text`` returns one; "" if there are not two."""
    try:
        return _SPECIAL_TOKENS.sub(" ", " ".join(texts_of(record)))
    except RecordError:
        return ""


def chosen(spec: BertSpec, pipe: Pipe, text_of: TextOf = masked_text) -> BertSpec:
    """Return a spec that names its model: where it did not, the default that knows the script of the first record with letters.

    The records are looked at and stay to be read.
    """
    if spec.model:
        return spec
    found = _first_script(pipe, text_of) if len(catalog.defaults(MASKED)) > 1 else ""
    return replace(spec, model=catalog.default(MASKED, found))


def chosen_generator(spec: GeneratorSpec, pipe: Pipe) -> GeneratorSpec:
    """Return a spec that names its model: where it did not, the default for the script of the first record with letters, or any
    default if no record has letters. It names none if no default is written in that script.

    The records are looked at and stay to be read.
    """
    if spec.model:
        return spec
    script = _first_script(pipe, attrgetter("text"))
    able = (known.name for known in catalog.defaults(GENERATE) if not script or script in known.scripts)
    return replace(spec, model=next(able, ""))


def _first_script(pipe: Pipe, text_of: TextOf) -> str:
    """Return the script of the first record with letters; "" if none that can be looked at has some."""
    found = (scripts.main_script(text_of(record)) for record in pipe.peek() if record.pending)
    return next(filter(None, found), "")


class ModelOfInput:
    """A masked language model that is opened once: the one of a spec at once, or the default for the first file with it.

    Args:
        head: what the model must be able to do: mlm | nsp.
    """

    def __init__(self, spec: MaskedModelSpec, pipe: Pipe, *, head: str = "mlm") -> None:
        self._spec, self._pipe, self._head = spec, pipe, head
        self._opened = open_model(spec, pipe, head=head) if spec.model else None

    def of(self, file: Pipe) -> MaskedModel:
        """Return the model; ``file`` is what is read first with it."""
        if self._opened is None:
            self._opened = open_model(chosen(self._spec, file), self._pipe, head=self._head)
        return self._opened


class ModelScripts:
    """The scripts in which the languages of a model are written.

    Args:
        model: its name; "" if it is not known.
        task: of the catalog, for which another model is named that knows a script; "" for none.
    """

    def __init__(self, model: str, task: str = "") -> None:
        self._model = model
        self._task = task
        reads = Reads.of_model(model) if model else Reads((), None)
        self._scripts = reads.scripts
        self._names = reads.languages or sorted(reads.scripts or ())

    @property
    def notes(self) -> dict[str, Note]:
        """What is said on stderr of the field of the entries."""
        return {UNSEEN_SCRIPT: self.said}

    def said(self, found: Counter[str]) -> str:
        """Return the sentence on the texts in scripts of no language of the model.

        Args:
            found: the scripts with their numbers of texts.
        """
        listed = ", ".join(f"{name} {n:,}" for name, n in found.most_common())
        script = found.most_common(1)[0][0]
        knowing = catalog.knowing(self._task, script)
        hint = f"; -m {knowing} knows {script}" if knowing not in (None, self._model) else ""
        return (
            f"texts in a script in which no language of {self._model} ({', '.join(self._names)}) is written: "
            f"{listed}{hint}"
        )

    def unseen(self, texts: Sequence[str]) -> Iterator[tuple[int, str]]:
        """Yield the indices of the texts most of whose words are in scripts of no language of the model, and the first of these.

        Nothing is yielded of a model whose languages are not known, nor of a text without letters.
        """
        if self._scripts is not None:
            for index in self._with_others(texts):
                if script := _main_other(scripts.count_scripts(texts[index][:_LONGEST]), self._scripts):
                    yield index, script

    def _with_others(self, texts: Sequence[str]) -> Iterator[int]:
        """Yield the indices of the texts that may have letters of other scripts."""
        known = {"", *(self._scripts or ())}
        is_made = "_other_letter" in self.__dict__  # which takes milliseconds
        if not is_made and sum(map(len, texts)) < _FEW:
            yield from (index for index, text in enumerate(texts) if not known.issuperset(map(scripts.script_of, text)))
            return
        # A long search is faster than many short ones.
        joined, start = "\n".join(texts), 0
        ends: list[int] = []
        while match := self._other_letter.search(joined, start):
            ends = ends or list(accumulate(len(text) + 1 for text in texts))
            index = bisect(ends, match.start())
            yield index
            start = ends[index]

    @functools.cached_property
    def _other_letter(self) -> re.Pattern[str]:
        return scripts.other_letters(self._scripts or ())

    def noted(self, lists: Iterable[list[Record]], text_of: TextOf = attrgetter("text")) -> Iterator[list[Record]]:
        """Pass records on, the entries of those that did not fail with the script that the model has not learned."""
        for records in lists:
            self.note(records, text_of)
            yield records

    def note(self, records: Iterable[Record], text_of: TextOf = attrgetter("text")) -> None:
        """Add to the entries of records that did not fail the script that the model has not learned."""
        if self._scripts is not None:
            pending = [record for record in records if record.pending]
            for index, script in self.unseen(list(map(text_of, pending))):
                pending[index].entry = {**pending[index].entry, UNSEEN_SCRIPT: script}


def _main_other(counts: Counter[str], known: Collection[str]) -> str:
    """Return the most frequent of the scripts that are not ``known``, if most words are in such; else ""."""
    others = Counter({script: n for script, n in counts.items() if script not in known})
    return others.most_common(1)[0][0] if 2 * others.total() > counts.total() else ""
