"""Long texts in windows that overlap: which parts of a text stand in which window, and where each is read."""

from __future__ import annotations

from collections.abc import Sequence


def windows(sizes: Sequence[int], room: int, *, overlap: float = 0.0) -> list[tuple[int, int]]:
    """Return the windows (first, end) that hold all parts of a text, in order; none for a text without parts.

    Args:
        sizes: of the parts, none larger than ``room``.
        room: the largest sum of sizes in a window.
        overlap: share of a window that the next one repeats, below 0.5.
    """
    found: list[tuple[int, int]] = []
    first = 0
    while first < len(sizes):
        end, size = first, 0
        while end < len(sizes) and size + sizes[end] <= room:
            size += sizes[end]
            end += 1
        found.append((first, end))
        if end == len(sizes):
            break
        begun, repeated = first, 0
        first = end
        while first - 1 > begun and repeated + sizes[first - 1] <= overlap * room:
            first -= 1
            repeated += sizes[first]
    return found


def most_context(found: Sequence[tuple[int, int]]) -> list[int]:
    """Return for each part the number of the window in which it stands farthest from a border; the ends of the text are none.

    Args:
        found: what ``windows`` gives.
    """
    if not found:
        return []
    n_parts = found[-1][1]
    best = [0] * n_parts
    margins = [-1] * n_parts
    for number, (first, end) in enumerate(found):
        for part in range(first, end):
            before = part - first if first else n_parts
            behind = end - 1 - part if end < n_parts else n_parts
            if min(before, behind) > margins[part]:
                margins[part], best[part] = min(before, behind), number
    return best
