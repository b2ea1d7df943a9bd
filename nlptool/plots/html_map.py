"""A map of texts as one self-contained HTML page.

``html_map.html`` is the template, ``html_map.css`` the style, ``html_map.js`` the script. The texts are embedded as JSON with
every "<" escaped; a content security policy allows that one script to run, and nothing to be fetched.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from pathlib import Path
from string import Template

from nlptool.plots import figure, labels, markers
from nlptool.plots.markers import Points
from nlptool.text.scripts import is_japanese

_HERE = Path(__file__).parent


def page(points: Points, path: str) -> None:
    """Write a map as an HTML page: hovering shows a text, a search box finds texts, a legend hides groups, wheel and touch zoom.

    The same input gives the same bytes; six digits of a place are kept.

    Args:
        path: a ``.html`` file.

    Raises:
        RunError: the file cannot be written.
        ValueError: the numbers of points and keys differ.
    """
    n_points = len(points.texts)
    group_names, group_codes = markers.encode(points.groups, n_points)
    shape_names, shape_codes = markers.encode(points.shapes, n_points)
    data = {
        "points": [float(f"{value:.6g}") for value in points.places.ravel()],
        "texts": list(points.texts),
        "groups": {"names": group_names, "codes": group_codes, "colours": markers.colours(len(group_names))},
        "shapes": {"names": shape_names, "codes": shape_codes, "outlines": markers.outlines(len(shape_names))},
        "ungrouped": markers.UNGROUPED,
        "links": markers.polylines(points.links, n_points),
        "captions": [[float(f"{x:.6g}"), float(f"{y:.6g}"), text] for x, y, text in points.captions],
        "axes": points.axes,
    }
    script = (_HERE / "html_map.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    filled = Template((_HERE / "html_map.html").read_text(encoding="utf-8")).substitute(
        title=html.escape(labels.clean(points.title)),
        language="ja" if is_japanese(points.texts) else "",  # else browsers may use Chinese glyphs
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
