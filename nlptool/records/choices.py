"""Multiple choice: a context and several endings, one of which is right, in the forms that such data have.

SWAG (R. Zellers et al. 2018): ``sent1``, ``sent2``, the beginning of each ending, ``ending0`` to ``ending3``, ``label``.
JCommonsenseQA (K. Kurihara et al.: JGLUE, 2022): ``question``, ``choice0`` to ``choice4``, ``label``. COPA (M. Roemmele et al.
2011): ``premise``, two choices, and whether the cause or the effect is asked for. ARC (P. Clark et al. 2018) and others:
``question`` and ``choices``, a list, with ``label``, a number from 0, or ``answerKey``, the name of a choice.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nlptool.errors import RecordError
from nlptool.records.cells import columns
from nlptool.records.json_bytes import first_of, listed, type_of
from nlptool.records.named_columns import checked, form_with, unpacked
from nlptool.records.pairs import taken
from nlptool.records.pipe import Pipe
from nlptool.records.record import InputFormat, Record
from nlptool.records.squad import id_of
from nlptool.text.numbers import whole_number

NO_LABEL = "NoLabel"
"""The type of the error of a record that names no right choice."""

_CONTEXTS = ("sent1", "premise", "context", "passage", "article", "ctx", "goal", "question", "startphrase")
_PROMPTS = ("sent2", "question")  # beside a context
_LISTS = ("choices", "endings", "options")
_SERIES = re.compile(r"(ending|choice|option|sol|answer)_?(\d{1,3}|[a-e]|[A-E])")  # a field for each choice
_LABELS = ("label", "answerKey", "gold", "answer")
_ASKS_FOR = ("asks_for", "question")  # of COPA
_CAUSE, _EFFECT = "cause", "effect"
_HINT = "a context or a question, a list of `choices` (or choice0, choice1 ..., ending0 ...), and a `label`, from 0"


@dataclass(frozen=True, slots=True)
class Choices:
    """A context and the choices for what goes with it.

    Attributes:
        id: what the data call it; "" if they do not.
        context: the sentence before, the question, the premise.
        prompt: what each ending begins with, or a question about the context; "" without it.
        endings: the choices, two or more.
        label: the place of the right one, from 0; None where that is not asked for.
        asks_for_cause: the endings go before the context, in time.
    """

    id: str
    context: str
    endings: tuple[str, ...]
    label: int | None = None
    prompt: str = ""
    asks_for_cause: bool = False

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The two texts of each choice for a network that reads pairs, as in SWAG's task: the context, and the prompt with the
        ending behind it. A cause comes first, and the premise as its effect second."""
        if self.asks_for_cause:
            return tuple((ending, self.context) for ending in self.endings)
        return tuple((self.context, f"{self.prompt} {ending}" if self.prompt else ending) for ending in self.endings)


def fields_of(record: Record) -> dict[str, Any]:
    """Return the fields of a record, or the columns of a table.

    Raises:
        RecordError: it is a line of text.
    """
    if record.raw is None:
        raise RecordError("NoFields", "a line of text has no choices", hint=_HINT)
    return columns(record)


def form(form: InputFormat) -> InputFormat:
    """Return ``form`` for such records; tables are recognised by the columns that their first line names."""
    return form_with(form, _are_names, "a context and choices", hint=_HINT)


def choices_of(values: Mapping[str, Any], *, labelled: bool = True) -> Choices:
    """Return the multiple choice that the fields of a record are.

    Args:
        labelled: the right choice is needed; else it is not looked at.

    Raises:
        RecordError: a part is missing, empty or something else, or the label names no choice.
    """
    context_name = first_of(_CONTEXTS, values)
    if context_name is None:
        raise _missing("context and no question", values)
    endings, names = _endings(values)
    asks_for = next((values[name] for name in _ASKS_FOR if values.get(name) in (_CAUSE, _EFFECT)), None)
    prompt_name = first_of([name for name in _PROMPTS if name != context_name], values) if asks_for is None else None
    prompt = values.get(prompt_name) if prompt_name else None
    context = checked(values[context_name], context_name)
    return Choices(
        id_of(values),
        context,
        endings,
        _label(values, endings, names) if labelled else None,
        checked(prompt, prompt_name) if prompt_name and prompt else "",
        asks_for == _CAUSE,
    )


def read(pipe: Pipe, *, labelled: bool = True) -> list[Choices]:
    """Read the multiple choices of a pipe's input, in order; their form is said. One that is none fails, and counts in ``pipe``.

    Args:
        labelled: the right choice is needed; else it is not looked at.
    """
    found: list[Choices] = []
    sources: dict[str, Counter[int]] = {}
    places: dict[str, str] = {}  # ids -> where they stood first
    pipe.form = form(pipe.form)

    def take(record: Record) -> None:
        choices = choices_of(fields_of(record), labelled=labelled)
        if choices.id in places:
            raise RecordError("DuplicateId", f"the id `{choices.id[:40]}` stands at {places[choices.id]} already")
        if choices.id:
            places[choices.id] = f"{record.source}:{record.line}"
        sources.setdefault(record.source, Counter())[len(choices.endings)] += 1
        found.append(choices)

    pipe.consume(taken(pipe.read(), take))
    for source, numbers in sources.items():
        parts = [f"{n:,} with {number} choices" for number, n in sorted(numbers.items())]
        pipe.note(f"{source}: read as multiple choice: {', '.join(parts)}")
    return found


def _endings(values: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the choices, without empty ones at the end, and the names by which a label may call them: A, B, C unless they have
    their own."""
    name = first_of(_LISTS, values)
    names: Sequence[Any] = ()
    texts: Any
    if name is not None:
        texts = unpacked(values[name])
        if isinstance(texts, dict):  # of the datasets library
            texts, names = texts.get("text"), texts.get("label", ())
        if isinstance(texts, list) and texts and all(isinstance(each, dict) and "text" in each for each in texts):
            texts, names = [each["text"] for each in texts], [each.get("label") for each in texts]
        if not isinstance(texts, list):
            raise RecordError("NotAList", f"`{name}` holds {type_of(texts)}, not a list of choices")
    else:
        series = _series(values)
        if not series:
            raise _missing("choices", values)
        name, texts = series[0], [values[each] for each in series]
    spelled = tuple(map(str, names)) if isinstance(names, list) and len(names) == len(texts) else ()
    while texts and isinstance(texts[-1], str) and not texts[-1].strip():  # some have as many as others by this
        texts = texts[:-1]
    if len(texts) < 2:
        raise RecordError("TooFewChoices", f"a choice is one of two or more, and `{name}` has {len(texts)}")
    endings = tuple(checked(text, f"{name}, choice {number}") for number, text in enumerate(texts))
    return endings, spelled or tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: len(endings)])


def _series(values: Iterable[str]) -> list[str]:
    """Return the fields that hold a choice each, choice0, choice1 and so on, in order; the first series of two or more."""
    series: dict[str, list[tuple[int, str, str]]] = {}
    for name in values:
        if named := _SERIES.fullmatch(name):
            number = int(named[2]) if named[2].isdecimal() else 0
            series.setdefault(named[1], []).append((number, named[2], name))
    return [name for _, _, name in sorted(next((names for names in series.values() if len(names) > 1), []))]


def _label(values: Mapping[str, Any], endings: Sequence[str], names: Sequence[str]) -> int:
    """Return the place of the right choice, from 0.

    Raises:
        RecordError: there is none, or it names no choice.
    """
    field = first_of(_LABELS, values)
    if field is None:
        raise RecordError(NO_LABEL, f"the record has no label; its fields: {listed(values)}", hint=_HINT)
    value = values[field]
    spelled = value.strip() if isinstance(value, str) else str(value) if type(value) is int else ""
    if field != "label" and spelled in names:  # answerKey 1 names the choice that is called so
        return names.index(spelled)
    if spelled.isascii() and spelled.isdecimal():
        number = whole_number(spelled)
        if number < len(endings):
            return number
        message = f"`{field}` is {spelled}, and there are {len(endings)} choices, 0 to {len(endings) - 1}"
        raise RecordError("NoChoice", message)
    if spelled in names:
        return names.index(spelled)
    if spelled in endings:
        return endings.index(spelled)
    raise RecordError("NoChoice", f"`{field}` names no choice: {value!r:.40}", hint=_HINT)


def _missing(what: str, values: Mapping[str, Any]) -> RecordError:
    return RecordError("MissingField", f"the record has no {what}; its fields: {listed(values)}", hint=_HINT)


def _are_names(names: Sequence[str]) -> bool:
    return any(name in names for name in _CONTEXTS) and (any(name in names for name in _LISTS) or bool(_series(names)))
