"""Pictures of attention weights, read back as pixels and as SVG."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from PIL import Image

LINK = "{http://www.w3.org/1999/xlink}href"


def images(svg: Path) -> list[np.ndarray]:
    """The matrices of a picture in the order of drawing, a grey level from 0 to 255 for each cell."""
    found = []
    for each in ElementTree.parse(svg).iter("{http://www.w3.org/2000/svg}image"):
        pixels = Image.open(io.BytesIO(base64.b64decode(each.get(LINK, "").partition(",")[2]))).convert("RGB")
        values = np.asarray(pixels)
        assert (values == values[..., :1]).all(), "no grey"
        found.append(values[..., 0])
    return found


def greys(svg: Path) -> np.ndarray:
    """Of the only matrix."""
    (only,) = images(svg)
    return only


def named(svg: Path) -> list[str]:
    """What is written in a picture: matplotlib puts each text into a comment beside its outlines."""
    return re.findall(r"<!-- (.*?) -->", svg.read_text(encoding="utf-8"))
