"""Pictures, drawn by matplotlib, which is imported when one is drawn, and a page for the browser."""

from nlptool.plots.figures import FORMATS, check
from nlptool.plots.heatmaps import heatmap
from nlptool.plots.maps import scatter
from nlptool.plots.pages import page
from nlptool.plots.trainings import curves

__all__ = ["FORMATS", "check", "curves", "heatmap", "page", "scatter"]
