"""Pictures of attention weights, read back as pixels and as SVG."""

from __future__ import annotations

import base64
import io
import itertools
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from PIL import Image

BAR = "attention weight"  # the label of the colour bar
LINK = "{http://www.w3.org/1999/xlink}href"


def images(svg: Path) -> list[np.ndarray]:
    """The matrices of a picture in the order of drawing, a grey level from 0 to 255 for each cell."""
    found = []
    for each in ElementTree.parse(svg).iter("{http://www.w3.org/2000/svg}image"):
        pixels = Image.open(io.BytesIO(base64.b64decode(each.get(LINK, "").partition(",")[2]))).convert("RGB")
        values = np.asarray(pixels)
        assert (values == values[..., :1]).all(), "no grey"
        found.append(values[..., 0])
    bar = found.pop()
    assert len(bar) > 100, "no colour bar"
    assert (np.diff(bar.astype(int), axis=0) >= 0).all(), (
        "its grey levels do not ascend (the image is drawn upside down)"
    )
    return found


def greys(svg: Path) -> np.ndarray:
    """Of the only matrix."""
    (only,) = images(svg)
    return only


def written(svg: Path) -> list[str]:
    """What is written in a picture: matplotlib puts each line of a text into a comment beside its outlines."""
    return re.findall(r"<!-- (.*?) -->", svg.read_text(encoding="utf-8"))


def named(svg: Path) -> list[str]:
    """What is written in a picture of attention weights but for the colour bar."""
    texts = written(svg)
    end = texts.index(BAR)
    begin = end - len(ticks(svg))
    return [*texts[:begin], *texts[end + 1 :]]


def ticks(svg: Path) -> list[float]:
    """The numbers beside the colour bar of a picture of attention weights."""
    texts = written(svg)
    before = reversed(texts[: texts.index(BAR)])
    return [float(text) for text in itertools.takewhile(lambda text: re.fullmatch(r"\d\.\d+", text), before)][::-1]
