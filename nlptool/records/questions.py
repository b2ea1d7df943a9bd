"""Questions about texts: a question, its context, and its gold answers, in the forms that such data have.

These are SQuAD's JSON as it is distributed (``squad``), and a question a record: an object, or a row of a table with a header,
whose fields are ``question``, ``context`` and, where there are gold answers, ``answers`` and ``is_impossible``.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from nlptool.errors import RecordError
from nlptool.records import squad
from nlptool.records.answers import Answer, Placings, answers_of
from nlptool.records.json_bytes import listed
from nlptool.records.named_columns import form_with, text_in
from nlptool.records.pipe import Pipe
from nlptool.records.record import InputFormat, Record
from nlptool.records.squad import id_of

GOLD = "answers"
"""What the field of the gold answers is called."""

_QUESTION, _CONTEXT, _IMPOSSIBLE = "question", "context", "is_impossible"
_HINT = "a question is an object, or a row of a table, with the fields `question` and `context`"
_SEPARATOR = " [SEP] "  # between JSQuAD's titles and paragraphs
_LINE_BREAK = "\n".ljust(len(_SEPARATOR))  # takes its place, so that no offset changes
_TRUTH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False, "": None}


@dataclass(frozen=True, slots=True)
class Question:
    """A question about a text.

    Attributes:
        id: what the data call it; "" if they do not.
        question: the question.
        context: the text that it is about. JSQuAD's separator behind the title, `` [SEP] ``, is a line break with blanks, so
            that offsets are those of the data.
        answers: the gold answers, as often as they stand there; () if there is none, or they were not asked for.
        is_impossible: the gold data say that the context does not answer it.
        title: of the article, "" without one.
        plausible: SQuAD 2.0's answers to a question that is impossible, which are wrong.
    """

    id: str
    question: str
    context: str
    answers: tuple[Answer, ...] = ()
    is_impossible: bool = False
    title: str = ""
    plausible: tuple[Answer, ...] = ()


@dataclass(slots=True)
class _Account:
    """What is said of the questions of a source."""

    version: Any = None
    is_squad: bool = False
    n: int = 0
    n_impossible: int = 0
    n_separated: int = 0
    contexts: set[str] = field(default_factory=set)
    placings: Placings = field(default_factory=Placings)


def form(form: InputFormat) -> InputFormat:
    """Return ``form`` for records that are questions; tables are recognised by the columns that their first line names."""
    return form_with(form, lambda names: {_QUESTION, _CONTEXT} <= {*names}, "`question` and `context`")


def question_of(values: Mapping[str, Any], *, gold: bool = True) -> Question:
    """Return the question that the fields of a record are.

    Args:
        gold: its answers are needed; else they are not looked at.

    Raises:
        RecordError: a field is missing or empty or something else, or there is no answer and the question is not impossible.
    """
    question, context = (text_in(values, name, hint=_HINT) for name in (_QUESTION, _CONTEXT))
    title = values.get("title")
    title = title if isinstance(title, str) else ""
    if title and context.startswith(title + _SEPARATOR):
        context = context.replace(_SEPARATOR, _LINE_BREAK, 1)
    answers, is_impossible = gold_of(values) if gold else ((), False)
    plausible = answers_of(values["plausible_answers"], "plausible_answers") if values.get("plausible_answers") else ()
    return Question(id_of(values), question, context, answers, is_impossible, title, plausible if gold else ())


def gold_of(values: Mapping[str, Any], name: str = GOLD) -> tuple[tuple[Answer, ...], bool]:
    """Return the gold answers in the field ``name`` of a record, and whether the question is impossible, which has none.

    An object of empty lists, as the datasets library has them, is enough to say that; an empty list needs ``is_impossible``.

    Raises:
        RecordError: they are missing or something else, or contradict ``is_impossible``.
    """
    said = _is_impossible(values.get(_IMPOSSIBLE))
    value = values.get(name)
    if value is None and said is None:
        message = f"the record has neither `{name}` nor `{_IMPOSSIBLE}`; its fields: {listed(values)}"
        raise RecordError("MissingField", message, hint="a question without an answer has `is_impossible`: true")
    answers = answers_of(value, name) if value is not None else ()
    if answers and said:
        message = f"`{_IMPOSSIBLE}` is true, but there is an answer: `{answers[0].text[:40]}`"
        raise RecordError("Contradiction", message)
    if not answers and not (said or (said is None and isinstance(value, dict))):
        message = f"there is no answer, and `{_IMPOSSIBLE}` is {'not true' if said is None else 'false'}"
        raise RecordError("NoAnswer", message)
    return answers, not answers


def read(pipe: Pipe, *, gold: bool = True, placed: bool = True) -> list[Question]:
    """Read the questions of a pipe's input, in order. One that is none fails, and counts in ``pipe``; the form is said.

    Args:
        gold: they have answers; else those are not looked at.
        placed: of the answers those alone are kept that stand in the context, with the offset at which they do; without one
            the question fails.
    """
    questions: list[Question] = []
    accounts: dict[str, _Account] = {}
    places: dict[str, str] = {}  # ids -> where they stood first
    contexts: dict[str, str] = {}  # so that equal ones are the same string
    pipe.form = form(pipe.form)

    def on_file(source: str, version: Any) -> None:
        accounts[source] = replace(accounts.get(source, _Account()), version=version, is_squad=True)

    def on_more(n_more: int) -> None:
        pipe.tally.n_read += n_more

    def take(record: Record, values: squad.Values) -> None:
        account = accounts.setdefault(record.source, _Account())
        question = question_of(values, gold=gold)
        if question.id in places:
            raise RecordError("DuplicateId", f"its id stands at {places[question.id]} already")
        if gold and placed and question.answers:
            question = _with_places(question, account.placings)
        if question.id:
            places[question.id] = f"{record.source}:{record.line}"
        account.n_separated += question.context != values[_CONTEXT]
        context = contexts.setdefault(question.context, question.context)
        account.contexts.add(context)
        account.n += 1
        account.n_impossible += question.is_impossible
        questions.append(question if context is question.context else replace(question, context=context))

    pairs = squad.questions(pipe.read(), on_more=on_more, on_file=on_file)
    with _no_garbage():
        pipe.consume(squad.taken(pairs, take))
    for source, account in accounts.items():
        if account.n:
            for sentence in _sentences(account, gold=gold):
                pipe.note(f"{source}: {sentence}")
    return questions


@contextmanager
def _no_garbage() -> Iterator[None]:
    """Pause the search for cyclic garbage, which takes half of the time while a million objects are made that are no garbage."""
    is_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if is_enabled:
            gc.enable()


def _with_places(question: Question, placings: Placings) -> Question:
    found = [placings.place(answer, question.context) for answer in question.answers]
    kept = tuple(answer for answer in found if answer.start is not None)
    if not kept:
        text = question.answers[0].text
        raise RecordError(
            "AnswerNotFound", f"the answer `{text[:40]}` is not in the context at its offset, nor near it"
        )
    return question if kept == question.answers else replace(question, answers=kept)


def _sentences(account: _Account, *, gold: bool) -> list[str]:
    version = f" {account.version!s:.20}" if account.version else ""
    kind = f"SQuAD's JSON{version}" if account.is_squad else "a question a record"
    without = f", {account.n_impossible:,} of them without an answer" if account.n_impossible else ""
    sentences = [
        f"read as {kind}: {account.n:,} questions about {len(account.contexts):,} contexts{without if gold else ''}"
    ]
    if account.n_separated:
        sentences.append(
            f"questions with `[SEP]` behind the title, which is read as a line break: {account.n_separated:,}"
        )
    return sentences + account.placings.sentences()


def _is_impossible(value: Any) -> bool | None:
    """Return whether a value of JSON or a cell says that there is no answer; None: it says nothing."""
    if value is None or isinstance(value, bool):
        return value
    spelled = str(value).strip().lower()
    if spelled not in _TRUTH:
        raise RecordError("NotABoolean", f"`{_IMPOSSIBLE}` is neither true nor false: {value!r:.40}")
    return _TRUTH[spelled]
