"""Pictures, drawn by matplotlib, which is imported when one is drawn, and a page for the browser."""

from nlptool.plots.alignments import alignment, grid
from nlptool.plots.bars import bars
from nlptool.plots.figures import FORMATS, check
from nlptool.plots.heatmaps import heatmap
from nlptool.plots.maps import scatter
from nlptool.plots.pages import page
from nlptool.plots.trainings import curves

__all__ = ["FORMATS", "alignment", "bars", "check", "curves", "grid", "heatmap", "page", "scatter"]
