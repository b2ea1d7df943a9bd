"""Schemes of tags that mark entities word by word, and the way from tags to spans and back.

======  =============================================================================  =========================
iob2    B- begins an entity, I- is inside one, O is outside (also called BIO)          CoNLL-2002
iob1    I- begins an entity too; B- one right behind another of the same label         CoNLL-2003, as distributed
bioes   as iob2; E- ends an entity of several words, S- is one of a single word        IOBES, BMES, BMEWO
bilou   the same with L- and U- in place of E- and S-                                  Ratinov and Roth (2009)
io      I- or the label alone; entities of one label side by side cannot be told apart
======  =============================================================================  =========================

A tag is a prefix, ``-`` or ``_``, and a label, or a prefix alone, of entities without labels: their label is ``_``.

Spans are read in one of two ways, those of seqeval (H. Nakayama, 2018, https://github.com/chakki-works/seqeval). The lenient way
is that of conlleval (E. Tjong Kim Sang, 2000-2004): whatever the scheme, an entity also begins where its label does. The strict
way knows the entities alone whose tags are those of the scheme.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from nlptool.text.spans import Span

SCHEMES = ("iob2", "iob1", "bioes", "bilou", "io")
"""Names of the schemes."""

NO_LABEL = "_"
"""The label of an entity whose tags have none."""

_TAG = re.compile(r"([BIESLUMW])(?:[-_](.+))?", re.DOTALL)
_ALIASES = {"L": "E", "U": "S", "M": "I", "W": "S"}  # of BILOU, BMES and BMEWO
_PREFIXES = {"iob2": "BIO", "iob1": "BIO", "bioes": "BIOES", "bilou": "BIOES", "io": "IO"}


class Parts(NamedTuple):
    """A tag: its prefix, one of B, I, O, E, S, and its label."""

    prefix: str
    label: str


OUTSIDE = Parts("O", NO_LABEL)


@functools.lru_cache(maxsize=10_000)
def parts_of(tag: str) -> Parts:
    """Return the prefix and the label of a tag. L is E, U and W are S, M is I; a tag without a prefix is a label inside."""
    if tag == "O":
        return OUTSIDE
    found = _TAG.fullmatch(tag)
    if found is None:
        return Parts("I", tag)
    return Parts(_ALIASES.get(found[1], found[1]), found[2] or NO_LABEL)


def has_prefix(tag: str) -> bool:
    """Return whether a tag is outside or has a prefix."""
    return tag == "O" or _TAG.fullmatch(tag) is not None


def spans_of(tags: Sequence[str], scheme: str | None = None) -> list[Span]:
    """Return the entities of a sentence as spans of words.

    Args:
        tags: of the words.
        scheme: read strictly, one of ``SCHEMES``; None: leniently.

    Raises:
        ValueError: a prefix is none of the scheme.
    """
    parts = [parts_of(tag) for tag in tags]
    if scheme is None:
        return list(_lenient(parts))
    for tag, (prefix, _) in zip(tags, parts, strict=True):
        if prefix not in _PREFIXES[scheme]:
            raise ValueError(f"the tag {tag} is none of {scheme}")
    begins, ends = (_begins_iob1, _ends_iob1) if scheme == "iob1" else _STRICT[scheme]
    found: list[Span] = []
    place, n_words = 0, len(parts)
    parts.append(OUTSIDE)
    while place < n_words:
        before = parts[place - 1] if place else OUTSIDE
        if not begins(before, parts[place]):
            place += 1
            continue
        first = place
        place += 1
        while _goes_on(parts[place - 1], parts[place]):
            place += 1
        if ends(parts[place - 1], parts[place]):
            found.append(Span(first, place, parts[first].label))
    return found


def tags_of(spans: Iterable[Span], n_words: int, scheme: str = "iob2") -> list[str]:
    """Return the tags of a sentence with these entities, spans of words.

    In the scheme io, entities of one label side by side become one.

    Raises:
        ValueError: spans overlap, are empty, or are not within the sentence.
    """
    tags = ["O"] * n_words
    begin, inside, end, single = tuple({"bioes": "BIES", "bilou": "BILU"}.get(scheme, "BIIB"))
    before: Span | None = None
    for span in sorted(spans):
        first, last, label = span.start, span.end - 1, span.label
        if not (before.end if before else 0) <= first <= last < n_words:
            raise ValueError(f"the span {span} overlaps another one, is empty, or is beyond {n_words} words")
        is_apart = before is None or before.end < first or before.label != label
        prefixes = [single] if first == last else [begin, *[inside] * (last - first - 1), end]
        if scheme == "io" or (scheme == "iob1" and is_apart):
            prefixes[0] = "I"
        tags[first : last + 1] = [_spelled(prefix, label) for prefix in prefixes]
        before = span
    return tags


def converted(tags: Sequence[str], scheme: str = "iob2") -> list[str]:
    """Return the tags in another scheme; they are read leniently."""
    return tags_of(spans_of(tags), len(tags), scheme)


def violations(tags: Sequence[str], scheme: str) -> list[int]:
    """Return the places of the tags that the scheme does not allow behind the tag before them, in order.

    An entity that lacks its end is noticed at the tag behind it, at the end of the sentence at ``len(tags)``.
    """
    parts = [OUTSIDE, *map(parts_of, tags), OUTSIDE]
    return [place for place, (before, here) in enumerate(pairwise(parts)) if not follows(before, here, scheme)]


def follows(before: Parts, here: Parts, scheme: str) -> bool:
    """Return whether a scheme allows a tag behind another one. Sentences begin and end as if ``OUTSIDE`` were there.

    Args:
        scheme: one of ``SCHEMES``.
    """
    if here.prefix not in _PREFIXES[scheme]:
        return False
    is_same = before.label == here.label
    if scheme == "io":
        return True
    if scheme == "iob1":
        return here.prefix != "B" or (before.prefix != "O" and is_same)
    if scheme == "iob2":
        return here.prefix != "I" or (before.prefix != "O" and is_same)
    if before.prefix in "BI":
        return here.prefix in "IE" and is_same
    return here.prefix in "OBS"


def _spelled(prefix: str, label: str) -> str:
    return prefix if label == NO_LABEL else f"{prefix}-{label}"


def _lenient(parts: Sequence[Parts]) -> Iterable[Span]:
    """Yield the entities as conlleval finds them."""
    first = 0
    for place, (before, here) in enumerate(pairwise([OUTSIDE, *parts, OUTSIDE])):
        is_border = before.prefix in "ESO" or here.prefix in "BSO" or before.label != here.label
        if is_border and before.prefix != "O":
            yield Span(first, place, before.label)
        if is_border:
            first = place


def _goes_on(before: Parts, here: Parts) -> bool:
    return before.prefix in "BI" and here.prefix in "IE" and before.label == here.label


def _begins_iob1(before: Parts, here: Parts) -> bool:
    is_same = before.label == here.label
    if here.prefix == "B":
        return before.prefix != "O" and is_same
    return here.prefix == "I" and (before.prefix != "I" or not is_same)


def _ends_iob1(before: Parts, here: Parts) -> bool:
    return not (before.prefix == here.prefix == "B" and before.label != here.label)


_Rule = Callable[[Parts, Parts], bool]
_IOB2: tuple[_Rule, _Rule] = (lambda _, here: here.prefix == "B", lambda before, here: True)
_BIOES: tuple[_Rule, _Rule] = (lambda _, here: here.prefix in "BS", lambda before, _: before.prefix in "ES")
_IO: tuple[_Rule, _Rule] = (
    lambda before, here: here.prefix == "I" and not (before.prefix == "I" and before.label == here.label),
    lambda before, here: True,
)
_STRICT = {"iob2": _IOB2, "bioes": _BIOES, "bilou": _BIOES, "io": _IO}
"""Scheme -> whether an entity begins with a tag, and whether it ends before one."""
