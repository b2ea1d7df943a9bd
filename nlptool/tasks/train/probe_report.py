"""What a structural probe found, as its manifest and its card say it."""

from __future__ import annotations

from typing import Any

import numpy as np

from nlptool.models.probes.measures import MEASURES, Judged, intervals, margins
from nlptool.tasks.train.card import Card

_NAMES = {"trained": "the model", "random": "random weights", "chain": "a chain"}


def joined(distance: Judged, depth: Judged) -> Judged:
    """Return the measures of distances of one layer with those of depths of another."""
    return Judged(
        np.hstack([distance.values[:, :2], depth.values[:, 2:]]),
        np.hstack([distance.weights[:, :2], depth.weights[:, 2:]]),
        distance.lengths,
    )


def row(name: str, layer: int | None, judged: Judged, seed: int, resamples: int) -> dict[str, Any]:
    """Return the measures of a layer with their intervals."""
    measured, bounds = judged.measured(), intervals(judged, resamples=resamples, seed=seed)
    return {
        "of": name,
        "layer": layer,
        **{measure: round(measured[measure], 5) for measure in MEASURES},
        "intervals": {measure: [round(bound, 5) for bound in bounds[measure]] for measure in bounds},
    }


def above(judged: Judged, other: Judged, seed: int, resamples: int) -> dict[str, Any]:
    """Return by how much the measures are above others, with intervals: the sentences are drawn together."""
    ours, theirs = judged.measured(), other.measured()
    bounds = margins(judged, other, resamples=resamples, seed=seed)
    return {
        measure: [round(value, 5) for value in (ours[measure] - theirs[measure], *bounds.get(measure, ()))]
        for measure in MEASURES
    }


def card(manifest: dict[str, Any]) -> Card:
    def cells(row: dict[str, Any]) -> str:
        values = []
        for measure in MEASURES:
            bounds = row["intervals"].get(measure)
            values.append(f"{row[measure]:.3f}" + (f" ({bounds[0]:.3f} to {bounds[1]:.3f})" if bounds else ""))
        where = "" if row["layer"] is None else f", layer {row['layer']}"
        return f"| {_NAMES[row['of']]}{where} | {' | '.join(values)} |\n"

    head = "| | UUAS | Spearman of distances | root | Spearman of depths |\n|---|---|---|---|---|\n"
    layers = manifest["layers"]
    return Card(
        text=f"A structural probe (Hewitt and Manning 2019) of {manifest['base']}, made by `nlptool train probe`; `nlptool "
        f"probe` reads trees with it.\n\nOn the dev set, with 95 % bootstrap intervals over its sentences:\n\n{head}"
        + "".join(map(cells, manifest["results"])).rstrip(),
        facts=[
            f"Trees: {manifest['n_sentences']:,} sentences with {manifest['n_words']:,} words",
            f"Trees of dev: {manifest['n_dev_sentences']:,}",
            f"Distances from layer {layers['distance']}, depths from layer {layers['depth']}, rank {manifest['rank']}",
        ],
        scores="Scores on dev of the layers that were kept",
    )
