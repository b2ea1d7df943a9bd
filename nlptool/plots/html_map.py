"""A map of texts as one self-contained HTML page.

``html_map.html`` is the template, ``html_map.css`` the style, ``html_map.js`` the script. The texts are embedded as JSON with
every "<" escaped; a content security policy allows that one script to run, and nothing to be fetched.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Sequence
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from nlptool.plots import figure, labels, markers
from nlptool.text.scripts import is_japanese

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_HERE = Path(__file__).parent


def page(
    points: NDArray[np.floating[Any]],
    path: str,
    *,
    texts: Sequence[str],
    groups: Sequence[str | None] | None = None,
    shapes: Sequence[str | None] | None = None,
    links: Sequence[str | None] | None = None,
    axes: tuple[str, str] = ("x", "y"),
    title: str = "",
) -> None:
    """Write a map as a page: hovering shows a text, a search box finds texts, a legend hides groups, wheel and fingers zoom.

    The same input gives the same bytes.

    Args:
        points: (N, 2), finite; six digits are kept.
        path: a ``.html`` file.
        texts: N of them, of any length.
        groups: for each point the group whose colour it has; "" or None for grey.
        shapes: for each point the kind whose outline it has; "" or None for a circle.
        links: points with the same key are joined by a line; "" or None for none.
        axes: what x and y are.

    Raises:
        RunError: the file cannot be written.
        ValueError: the numbers of points, texts and keys differ.
    """
    n_points = len(texts)
    if points.shape != (n_points, 2):
        raise ValueError(f"points of shape {points.shape} for {n_points} texts")
    group_names, group_codes = markers.coded(groups, n_points)
    shape_names, shape_codes = markers.coded(shapes, n_points)
    data = {
        "points": [float(f"{value:.6g}") for value in points.ravel()],
        "texts": list(texts),
        "groups": {"names": group_names, "codes": group_codes, "colours": markers.colours(len(group_names))},
        "shapes": {"names": shape_names, "codes": shape_codes, "outlines": markers.outlines(len(shape_names))},
        "ungrouped": markers.UNGROUPED,
        "links": markers.joined(links, n_points),
        "axes": axes,
    }
    script = (_HERE / "html_map.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    filled = Template((_HERE / "html_map.html").read_text(encoding="utf-8")).substitute(
        title=html.escape(labels.clean(title)),
        language="ja" if is_japanese(texts) else "",  # or Chinese forms of kanji might be shown
        style=(_HERE / "html_map.css").read_text(encoding="utf-8"),
        script=script,
        hash=f"sha256-{digest}",
        data=_as_json(data),
    )
    # Half a character, which UTF-8 cannot hold, as JSON spells it.
    figure.write(path, filled.encode("utf-8", "backslashreplace"))


def _as_json(data: object) -> str:
    """JSON in which nothing is HTML: without "<" no tag, comment or end of the script element can begin."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")
