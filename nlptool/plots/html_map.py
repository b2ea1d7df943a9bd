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
    """Write a map as an HTML page: hovering shows a text, a search box finds texts, a legend hides groups, wheel and touch zoom.

    The same input gives the same bytes.

    Args:
        points: (N, 2), finite; six digits are kept.
        path: a ``.html`` file.
        texts: N texts of any length.
        groups: N keys that decide the colours; "" or None: grey.
        shapes: N keys that decide the outlines; "" or None: a circle.
        links: N keys; points with the same key are joined by a line; "" or None: no line.
        axes: names of x and y.

    Raises:
        RunError: the file cannot be written.
        ValueError: the numbers of points, texts and keys differ.
    """
    n_points = len(texts)
    if points.shape != (n_points, 2):
        raise ValueError(f"points of shape {points.shape} for {n_points} texts")
    group_names, group_codes = markers.encode(groups, n_points)
    shape_names, shape_codes = markers.encode(shapes, n_points)
    data = {
        "points": [float(f"{value:.6g}") for value in points.ravel()],
        "texts": list(texts),
        "groups": {"names": group_names, "codes": group_codes, "colours": markers.colours(len(group_names))},
        "shapes": {"names": shape_names, "codes": shape_codes, "outlines": markers.outlines(len(shape_names))},
        "ungrouped": markers.UNGROUPED,
        "links": markers.polylines(links, n_points),
        "axes": axes,
    }
    script = (_HERE / "html_map.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    filled = Template((_HERE / "html_map.html").read_text(encoding="utf-8")).substitute(
        title=html.escape(labels.clean(title)),
        language="ja" if is_japanese(texts) else "",  # else browsers may use Chinese glyphs
        style=(_HERE / "html_map.css").read_text(encoding="utf-8"),
        script=script,
        hash=f"sha256-{digest}",
        data=_as_json(data),
    )
    # A lone surrogate, which UTF-8 cannot encode, is escaped as in JSON.
    figure.write(path, filled.encode("utf-8", "backslashreplace"))


def _as_json(data: object) -> str:
    """Return JSON that is safe inside HTML: without "<" no tag, comment or end of the script element can begin."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")
