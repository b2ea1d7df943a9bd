"""The probe that is shipped: small, what the catalogue says, and above the baselines in the numbers of its card."""

from __future__ import annotations

import json

from program import invoke, records
from safetensors.numpy import load_file

from nlptool import catalog
from nlptool.models.store import locate
from nlptool.storage import digest

ABOVE = {"chain": 0.07, "random": 0.07}
"""Shares of the edges by which the best layer is above the baselines, at least."""

KNOWN = catalog.KNOWN[catalog.DEFAULT_PROBE]
FOLDER = locate.packaged(KNOWN)


def test_it_is_as_small_as_promised_and_what_the_catalogue_says() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= 500_000
    weights = FOLDER / "model.safetensors"
    assert KNOWN.size == weights.stat().st_size
    assert KNOWN.parameters == sum(array.size for array in load_file(weights).values())
    assert digest.sha256(weights) == KNOWN.sha256


def test_its_results_are_those_of_every_layer_with_intervals() -> None:
    about = json.loads((FOLDER / "probe.json").read_text())
    rows = {(row["of"], row["layer"]): row for row in about["results"]}
    best = rows["trained", about["layers"]["distance"]]
    assert about["base"] == "bert-mini-ja"
    assert best["uuas"] == max(row["uuas"] for (name, _), row in rows.items() if name == "trained")
    for other in ("random", "chain"):
        assert about["above"][other]["uuas"][0] > ABOVE[other]


def test_it_needs_no_name_and_finds_a_plain_tree() -> None:
    (record,) = records(invoke("probe", stdin="猫が魚を食べる。\n"))
    assert record["nlptool"]["probe"] == {"model": "probe-mini-ja", "base": "bert-mini-ja", "n_unknown": 0}
    assert [word["text"] for word in record["words"]] == ["猫", "が", "魚", "を", "食べる", "。"]
    assert record["root"] == 5
