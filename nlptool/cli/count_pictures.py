"""The pictures of `tokenize --count`: bars, and frequencies against ranks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from nlptool.errors import RunError

if TYPE_CHECKING:
    from nlptool.tasks.count import Ranked

BARS = 30
"""In a picture of counts, unless -k says how many."""


def draw_bars(ranked: Ranked, path: str, *, most: int | None, noun: str, note: Callable[[str], None]) -> None:
    """Draw how often the most frequent words come.

    Args:
        most: words; None: ``BARS``.
        noun: what was counted, in the plural.

    Raises:
        RunError: there is nothing to draw, or the file cannot be written.
    """
    from nlptool import plots

    if not ranked.items:
        raise RunError(f"{path} is not drawn: there are no {noun}")
    end = most or BARS
    names = [item if isinstance(item, str) else " ".join(item) for item in ranked.items[:end]]
    plots.bars(ranked.counts[:end], path, names=names, label=f"{noun}: how often each comes", note=note)


def draw_zipf(groups: Sequence[Ranked], path: str, *, noun: str, note: Callable[[str], None]) -> None:
    """Draw the frequencies of words against their ranks, with the law of Zipf and Mandelbrot, and say its parameters.

    Args:
        groups: with all words that are drawn.
        noun: what was counted, in the plural.

    Raises:
        RunError: there is nothing to draw, or the file cannot be written.
    """
    from nlptool import plots
    from nlptool.geometry import zipf

    curves = []
    for group in groups:
        if not group.items:
            continue
        law = zipf.fit(group.counts)
        of_group = f"{group.name}: " if group.name else ""
        if law is None:
            note(f"{of_group}{len(group.items)} different {noun} are too few for Zipf's law: {zipf.FEWEST} are needed")
            curves.append(plots.ZipfCurve(group.name or noun, group.counts))
            continue
        spelled = f"1 / (rank + {law.shift:.3g})^{law.exponent:.3g}"
        note(f"{of_group}the frequency of {noun} falls as {spelled} (Zipf and Mandelbrot)")
        curves.append(plots.ZipfCurve(group.name or noun, group.counts, spelled, law.frequencies))
    if not curves:
        raise RunError(f"{path} is not drawn: there are no {noun}")
    plots.zipf(curves, path, label=f"{noun}: how often each comes", note=note)
