"""Plots, drawn with matplotlib, which is imported when one is drawn, and an HTML map."""

from nlptool.plots.arcs import arcs
from nlptool.plots.attention import alignment, grid
from nlptool.plots.bars import bars
from nlptool.plots.confusion import MOST_CLASSES, confusion
from nlptool.plots.figure import FORMATS, check
from nlptool.plots.heatmap import heatmap
from nlptool.plots.html_map import page
from nlptool.plots.markers import Points
from nlptool.plots.planes import planes
from nlptool.plots.scatter import scatter
from nlptool.plots.training_curves import curves
from nlptool.plots.zipf import ZipfCurve, zipf

__all__ = [
    "FORMATS", "MOST_CLASSES", "Points", "ZipfCurve", "alignment", "arcs", "bars", "check", "confusion", "curves", "grid",
    "heatmap", "page", "planes", "scatter", "zipf",
]  # fmt: skip
