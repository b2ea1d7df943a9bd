"""The scheme of tags that were found somewhere, and how far they keep to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from nlptool.models.taggers.schemes import OUTSIDE, follows, has_prefix, parts_of

PLAIN = "plain"
"""Tags that mark no entities: parts of speech."""


@dataclass(frozen=True, slots=True)
class Detected:
    """What tags are.

    Attributes:
        scheme: one of ``schemes.SCHEMES``, or ``PLAIN``; "" if all tags are O, which they are in every scheme.
        n_tags: how many there are.
        n_violations: tags that the scheme does not allow where they stand.
        n_inside: those of these that begin with I and begin an entity, as CoNLL's tags of 2003 may.
        without_prefix: tags other than O that have no prefix, and how often each occurs, the most frequent first.
        n_prefixed: how many others there are.
    """

    scheme: str
    n_tags: int = 0
    n_violations: int = 0
    n_inside: int = 0
    without_prefix: tuple[tuple[str, int], ...] = ()
    n_prefixed: int = 0


def detect(sequences: Iterable[Sequence[str]], scheme: str | None = None) -> Detected:
    """Return the scheme of the tags of sentences, and how far they keep to it.

    Tags with prefixes are of the scheme that allows all of these and whose rules are broken least. If most tags have no prefix
    they are io where O is the most frequent tag, and else ``PLAIN``.

    Args:
        sequences: the tags of each sentence.
        scheme: what they are; None: it is found out.
    """
    pairs: Counter[tuple[str, str]] = Counter()  # of neighbours
    counts: Counter[str] = Counter()
    for tags in sequences:
        counts.update(tags)
        pairs.update(pairwise(["O", *tags, "O"]))
    inside = Counter({tag: n for tag, n in counts.items() if tag != "O"})
    without = tuple((tag, n) for tag, n in inside.most_common() if not has_prefix(tag))
    # Beside tags of other letters a single B, E, I or S is a part of speech (TANL's of Italian, say).
    n_prefixed = sum(n for tag, n in inside.items() if has_prefix(tag) and not (without and len(tag) == 1))
    n_tags = counts.total()
    if not inside:
        return Detected("", n_tags)
    if scheme is None and 2 * n_prefixed < inside.total():
        scheme = "io" if counts.most_common(1)[0][0] == "O" else PLAIN
    if scheme is None:
        scheme = _scheme({tag[0] for tag in inside if has_prefix(tag)}, pairs)
    if scheme == PLAIN:
        return Detected(scheme, n_tags, without_prefix=without, n_prefixed=n_prefixed)
    broken = {pair: n for pair, n in pairs.items() if not _allowed(pair, scheme)}
    n_inside = sum(n for (before, tag), n in broken.items() if parts_of(tag).prefix == "I" and _begins(before, tag))
    return Detected(scheme, n_tags, sum(broken.values()), n_inside, without, n_prefixed)


def scheme_of_labels(labels: Sequence[str]) -> str:
    """Return the scheme of the labels of a tagger's outputs, each of which occurs once: one of ``SCHEMES``, or ``PLAIN``."""
    inside = [label for label in labels if label != "O"]
    prefixes = {label[0] for label in inside if has_prefix(label)}
    if not prefixes or any(not has_prefix(label) for label in inside):
        return "io" if "O" in labels else PLAIN
    return "iob2" if prefixes <= set("BI") and "B" in prefixes else _scheme(prefixes, Counter())


def _scheme(prefixes: set[str], pairs: Counter[tuple[str, str]]) -> str:
    """Return the scheme of tags with these prefixes."""
    if prefixes & set("LU") and not prefixes & set("ES"):
        return "bilou"
    if prefixes & set("ESLUMW"):
        return "bioes"
    if prefixes == {"I"}:
        return "io"
    n_broken = {name: sum(n for pair, n in pairs.items() if not _allowed(pair, name)) for name in ("iob2", "iob1")}
    return min(n_broken, key=lambda name: n_broken[name])


def _allowed(pair: tuple[str, str], scheme: str) -> bool:
    return follows(parts_of(pair[0]), parts_of(pair[1]), scheme)


def _begins(before: str, tag: str) -> bool:
    first, second = parts_of(before), parts_of(tag)
    return first == OUTSIDE or first.label != second.label or first.prefix in "ES"
