"""A map of texts as a scatter plot."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from nlptool.plots import figure as plot_figure
from nlptool.plots import label_placement, labels, markers
from nlptool.plots.fonts import Lettering
from nlptool.plots.label_placement import Box
from nlptool.plots.markers import Points

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

_SIZE = (9.0, 7.0)  # inches
_FEW = 20  # points with texts of two lines
_SOME = 60  # points with texts of 30 cells
_MANY = 120  # points with texts in larger letters, that may be far from them
_MOST_MEASURED = 1000  # points whose texts are tried; more would take seconds to measure, and have no room
_MOST_IN_LEGEND = 20  # groups or shapes
_MOST_DRAWN_EACH = 5000  # vector shapes in an SVG or PDF; more points are rasterized


def scatter(points: Points, path: str, *, note: Callable[[str], None] = lambda _: None) -> None:
    """Draw texts as points, both axes with the same scale.

    Points are labelled with their texts where there is room, and the picture says how many are not; up to 20 groups and shapes
    are in a legend.

    Args:
        path: one of ``FORMATS``.
        note: is called with a message on what the plot omits.

    Raises:
        RunError: the file cannot be written.
        ValueError: the numbers of points and keys differ.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    places, n_points = points.places, len(points.texts)
    group_names, group_codes = markers.encode(points.groups, n_points)
    shape_names, shape_codes = markers.encode(points.shapes, n_points)
    listed = [names if len(names) <= _MOST_IN_LEGEND else [] for names in (group_names, shape_names)]
    captions = [text for _, _, text in points.captions]
    lettering = Lettering([*points.texts, *listed[0], *listed[1], *captions, *points.axes, points.title])
    if len(group_names) > _MOST_IN_LEGEND:
        note(f"{len(group_names):,} groups share {_MOST_IN_LEGEND} colours, and are in no legend")
    with plot_figure.figure(path, _SIZE, lettering.families) as figure:
        figure.set_layout_engine("constrained")
        plane = figure.subplots()
        plane.set_aspect("equal", "datalim")
        plane.margins(0.12)
        plane.grid(alpha=0.25, linewidth=0.5)
        plane.set_axisbelow(True)
        plane.tick_params(labelsize=8, color="0.6", labelcolor="0.3")
        x, y, heading = lettering.legible([*points.axes, points.title])
        plane.set(xlabel=x, ylabel=y, title=heading)
        radius = _radius(n_points)
        _draw_links(plane, places, markers.polylines(points.links, n_points))
        _draw_points(plane, places, group_codes, shape_codes, radius)
        groups, shapes = lettering.legible(listed[0], "group "), lettering.legible(listed[1], "shape ")
        _draw_legend(figure, groups, shapes, same=group_codes == shape_codes and listed[0] == listed[1])
        FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]  # fixes the layout
        figure.set_layout_engine("none")
        taken = _draw_captions(plane, [(x, y) for x, y, _ in points.captions], lettering.legible(captions))
        n_omitted = _draw_labels(plane, places, lettering.legible(points.texts), radius, taken)
        if n_omitted:
            note(f"{n_omitted:,} of {n_points:,} texts have no room in the picture; a map as .html shows all")
    lettering.tell(note)


def _radius(n_points: int) -> float:
    """Return the radius of a marker in points of 1/72 inch: the more points, the smaller."""
    return min(3.5, max(0.7, 5.5 - 1.0 * math.log10(n_points))) if n_points else 1.0


def _draw_links(plane: Axes, points: NDArray[Any], lines: list[list[int]]) -> None:
    from matplotlib.collections import LineCollection

    plane.add_collection(
        LineCollection([points[line] for line in lines], colors="0.6", linewidths=0.6, zorder=1), autolim=False
    )


def _draw_points(plane: Axes, points: NDArray[Any], groups: list[int], shapes: list[int], radius: float) -> None:
    import numpy as np

    palette = [*markers.colours(max(groups, default=-1) + 1), markers.UNGROUPED]  # the last one for -1
    for shape in sorted(set(shapes)):
        chosen = np.array(shapes) == shape
        colours = [palette[group] for group, kind in zip(groups, shapes, strict=True) if kind == shape]
        marker, size = _marker(shape, radius)
        plane.scatter(
            points[chosen, 0], points[chosen, 1], s=size**2, marker=marker, c=colours, zorder=2,
            edgecolors="0.15", linewidths=min(0.4, radius / 8), rasterized=len(points) > _MOST_DRAWN_EACH,
            alpha=1 if len(points) <= 1000 else 0.7,
        )  # fmt: skip


def _marker(shape: int, radius: float) -> tuple[Any, float]:
    """Return matplotlib's marker and its size; -1 is the first shape."""
    corners, angle, relative = markers.OUTLINES[max(shape, 0) % len(markers.OUTLINES)]
    return ((corners, 0, angle) if corners else "o"), 2 * radius * relative


def _draw_legend(figure: Figure, groups: Sequence[str], shapes: Sequence[str], *, same: bool) -> None:
    """Draw a legend on the right: groups in colours, shapes in grey; if both are the same, groups in colours and shapes."""
    from matplotlib.lines import Line2D

    names = groups if same else [*groups, *shapes]
    entries = [(number if same else 0, colour) for number, colour in enumerate(markers.colours(len(groups)))]
    entries += [] if same else [(number, markers.UNGROUPED) for number in range(len(shapes))]
    handles = []
    for shape, colour in entries:
        marker, size = _marker(shape, 3.5)
        handle = Line2D([], [], linestyle="", marker=marker, markersize=size, color=colour)
        handle.set(markeredgecolor="0.15", markeredgewidth=0.4)
        handles.append(handle)
    if handles:
        legend = figure.legend(handles, [""] * len(handles), loc="outside right upper", frameon=False, fontsize=8)
        for text, name in zip(legend.get_texts(), names, strict=True):
            text.set_text(labels.shorten(name, 30))  # afterwards: the legend ignores labels that begin with "_"


def _draw_captions(plane: Axes, places: list[tuple[float, float]], texts: list[str]) -> list[Box]:
    """Write captions at their places, over the points and without overlaps; return the boxes that they take."""
    from matplotlib.patheffects import withStroke

    if not places:
        return []
    drawn = [
        plane.text(
            0, 0, "\n".join(labels.wrap(text, 24, 2, words=True)), fontsize=8.5, fontweight="bold", linespacing=1.1, ha="center",
            va="center", zorder=5, path_effects=[withStroke(linewidth=3, foreground="white", alpha=0.85)],
        )
        for text in texts
    ]  # fmt: skip
    anchors = [(float(x), float(y)) for x, y in plane.transData.transform(places)]
    placement = label_placement.Placement(anchors, 0.5, plane.get_window_extent().extents)
    sizes = {number: text.get_window_extent().size for number, text in enumerate(drawn)}
    boxes = placement.place(sizes)
    to_data = plane.transData.inverted()
    for number, text in enumerate(drawn):
        if number in boxes:
            left, lower, right, upper = boxes[number]
            x, y = to_data.transform(((left + right) / 2, (lower + upper) / 2))
            text.set_position((x, y))
        else:
            text.remove()
    return list(boxes.values())


def _draw_labels(plane: Axes, points: NDArray[Any], texts: list[str], radius: float, taken: Sequence[Box]) -> int:
    """Write the texts near their points, without overlaps, with a leader line if they are far.

    Args:
        taken: boxes in which nothing is written.

    Returns:
        The number of texts for which there is no room, which is written below the plane.
    """
    from matplotlib.collections import LineCollection

    anchors = [(float(x), float(y)) for x, y in plane.transData.transform(points)]
    frame = plane.get_window_extent().extents
    few, some, many = (len(texts) > most for most in (_FEW, _SOME, _MANY))
    style: dict[str, Any] = {"fontsize": 6.5 if many else 7.5, "linespacing": 1.1, "ha": "center", "va": "center"}
    placement = label_placement.Placement(anchors, radius, frame, taken)
    to_data = plane.transData.inverted()
    leaders = []
    order = [number for number in label_placement.loneliest_first(anchors, frame) if texts[number]]
    left = order[:_MOST_MEASURED]
    for cells, lines in ((24, 1) if some else (30, 1) if few else (38, 2), (16, 1)):  # what has no room is shortened
        drawn = {
            number: plane.text(0, 0, "\n".join(labels.wrap(texts[number], cells, lines)), zorder=3, **style)
            for number in left
        }
        sizes = {number: text.get_window_extent().size for number, text in drawn.items()}
        boxes = placement.place(sizes, label_placement.NEAR if many else label_placement.FAR)
        for number, box in boxes.items():
            text, anchor = drawn.pop(number), anchors[number]
            x, y = to_data.transform(((box[0] + box[2]) / 2, (box[1] + box[3]) / 2))
            text.set_position((x, y))
            text.set_multialignment("left" if box[0] > anchor[0] else "right" if box[2] < anchor[0] else "center")
            if label_placement.is_far(anchor, box, radius):
                leaders.append(to_data.transform([anchor, label_placement.nearest_point(anchor, box)]))
        for text in drawn.values():
            text.remove()
        left = list(drawn)
    plane.add_collection(LineCollection(leaders, colors="0.5", linewidths=0.4, zorder=1), autolim=False)
    n_omitted = len(left) + len(order[_MOST_MEASURED:])
    if n_omitted:
        plane.annotate(
            f"{n_omitted:,} of {len(texts):,} texts not shown", (1, 0), (0, -31), fontsize=7, color="0.4",
            xycoords="axes fraction", textcoords="offset points", ha="right", va="top",
        )  # fmt: skip
    return n_omitted
