"""``nlptool map``: places in the plane, and pictures of them."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from interruptions import interrupted, resumed_after_every_list
from numpy.typing import NDArray
from program import Invoke, Run, parse_records

from nlptool.errors import RunError
from nlptool.geometry import projection

CAPTIONS = (
    '{"text":"停められた船の近くで水鳥が泳いでいる","picture":1,"lang":"ja"}\n'
    '{"text":"A water bird swims near a moored boat.","picture":1,"lang":"en"}\n'
    '{"text":"船着き場に2艘の船がとまっている","picture":1,"lang":"ja"}\n'
    '{"text":"株価が三日続けて下がった","picture":2,"lang":"ja"}\n'
    '{"text":"Share prices fell for three days.","picture":2,"lang":"en"}\n'
).encode()


def places(data: bytes) -> NDArray[np.float64]:
    return np.array([[record["x"], record["y"]] for record in parse_records(data)])


@settings(max_examples=60, deadline=None)
@given(st.integers(3, 60), st.integers(2, 90), st.integers(0, 99))
def test_principal_components_are_scikit_learns_but_for_the_sign(n: int, d: int, seed: int) -> None:
    from sklearn.decomposition import PCA

    rows = np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32) * np.arange(
        1, d + 1, dtype=np.float32
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(projection, "_BLOCK", 7)
        found, shares = projection.pca(rows)
    known = PCA(2, svd_solver="full").fit(rows.astype(np.float64))
    np.testing.assert_allclose(shares, known.explained_variance_ratio_, atol=1e-6)
    expected = known.transform(rows)
    size = np.abs(expected).max()
    np.testing.assert_allclose(np.abs(found) / size, np.abs(expected) / size, atol=2e-3)


@pytest.mark.parametrize(
    "rows",
    [
        np.ones((5, 3)),
        np.zeros((1, 4)),
        np.full((70, 256), 0.1),
        np.repeat(np.random.default_rng(1).standard_normal((1, 64)), 100_000, axis=0),
        np.full((2, 0), 1.0),
    ],
)
def test_what_does_not_vary_is_in_one_place(rows: NDArray[Any]) -> None:
    found, shares = projection.pca(rows.astype(np.float32))
    assert not found.any()
    assert shares == [0, 0]
    assert not projection.tsne(rows.astype(np.float32))[0].any()


def test_more_components_than_items_need_no_matrix_of_all_components() -> None:
    """Of 100,000 x 100,000 numbers."""
    rows = np.zeros((3, 100_000), np.float32)
    rows[1, 7], rows[2, 7] = 3, 6
    found, shares = projection.pca(rows)
    np.testing.assert_allclose(found, [[-3, 0], [0, 0], [3, 0]], atol=1e-6)
    assert shares == [pytest.approx(1), 0]


def test_tsne_of_very_small_vectors() -> None:
    found, _ = projection.tsne(np.random.default_rng(1).standard_normal((9, 5)).astype(np.float32) * np.float32(1e-30))
    assert np.isfinite(found).all()


def test_one_dimension_has_one_axis() -> None:
    found, shares = projection.pca(np.array([[1], [2], [4]], np.float32))
    assert shares == [pytest.approx(1), 0]
    np.testing.assert_allclose(found, [[-4 / 3, 0], [-1 / 3, 0], [5 / 3, 0]], atol=1e-6)


def test_tsne_keeps_clusters_apart() -> None:
    generator = np.random.default_rng(0)
    centres = generator.standard_normal((3, 80)) * 10
    rows = (np.repeat(centres, 20, axis=0) + generator.standard_normal((60, 80))).astype(np.float32)
    found, perplexity = projection.tsne(rows)
    assert perplexity == pytest.approx(59 / 3)
    own = np.repeat(np.arange(3), 20)
    middle = np.stack([found[own == group].mean(axis=0) for group in range(3)])
    nearest = np.linalg.norm(found[:, None] - middle[None], axis=2).argmin(axis=1)
    assert nearest.tolist() == own.tolist()


@pytest.mark.parametrize("n", [2, 3, 4, 10])
def test_tsne_of_a_few(n: int) -> None:
    found, _ = projection.tsne(np.random.default_rng(1).standard_normal((n, 8)).astype(np.float32))
    assert np.isfinite(found).all()
    assert len(np.unique(found, axis=0)) == n


def test_a_perplexity_beyond_the_records_is_refused() -> None:
    with pytest.raises(RunError, match="--perplexity 5 is not below the 5 items"):
        projection.tsne(np.eye(5, dtype=np.float32), perplexity=5)


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_every_record_gets_its_place_and_keeps_its_fields(invoke: Invoke, method: str) -> None:
    done = invoke("map", "--method", method, stdin=CAPTIONS)
    found = parse_records(done.stdout_bytes)
    assert [record["picture"] for record in found] == [1, 1, 1, 2, 2]
    assert all(isinstance(record["x"], float) and isinstance(record["y"], float) for record in found)
    entry = found[0]["nlptool"]["map"]
    assert entry["model"] == "sbert-mini-ja-en"
    assert entry["method"] == method
    if method == "pca":
        assert 0.5 < sum(entry["explained_variance"]) <= 1
        x = [record["x"] for record in found]
        assert (max(x[:3]) < min(x[3:])) or (min(x[:3]) > max(x[3:]))
    assert invoke("map", "--method", method, stdin=CAPTIONS).stdout_bytes == done.stdout_bytes


def test_the_seed_changes_what_is_random(run: Run) -> None:
    lines = b"".join(
        b'{"embedding":%s}\n' % json.dumps(row.tolist()).encode()
        for row in np.random.default_rng(2).standard_normal((40, 5))
    )
    one, same = (run("map", "--method", "tsne", "--seed", "1", stdin=lines).stdout for _ in range(2))
    assert one == same
    assert b'"seed":1' in one


def test_failed_records_stay_in_their_place_and_empty_ones_are_left_out(invoke: Invoke) -> None:
    done = invoke("map", stdin=b'{"embedding":[1,0]}\n{"embedding":[1]}\n{"text":""}\n{"embedding":[0,1]}\n')
    assert done.exit_code == 3
    found = parse_records(done.stdout_bytes)
    assert ["x" in record for record in found] == [True, False, True]
    assert np.abs(
        places(invoke("map", stdin=b'{"embedding":[1,0]}\n{"embedding":[0,1]}\n').stdout_bytes)
    ).max() == pytest.approx(0.5**0.5)


def test_csv_has_the_fields_of_the_picture(invoke: Invoke) -> None:
    lines = invoke("map", "--group", "picture", "-f", "csv", stdin=CAPTIONS).stdout.splitlines()
    assert lines[0] == "text,picture,lang,x,y,error"
    assert lines[1].startswith("停められた船の近くで水鳥が泳いでいる,1,")


def test_a_field_may_hold_anything(invoke: Invoke) -> None:
    import pyarrow.parquet

    given = (
        b'{"text":"a","g":1,"id":"p","embedding":[0,1]}\n{"text":"b","g":["x","\\ud800"],"embedding":[1,1]}\n'
        b'{"text":"c\\rd","g":true,"embedding":[3,1]}\n{"text":"e","g":null,"embedding":[9,1]}\n'
    )
    done = invoke("map", "--group", "g", "--shape", "text", "--id-field", "id", "-f", "csv", stdin=given)
    rows = list(csv.reader(io.StringIO(done.stdout_bytes.decode(), newline="")))
    assert rows[0] == ["text", "g", "id", "embedding", "x", "y", "error"]
    assert [row[:3] for row in rows[1:]] == [
        ["a", "1", "p"], ["b", '["x","\\ud800"]', ""], ["c\rd", "true", ""], ["e", "", ""]]  # fmt: skip
    done = invoke("map", "--group", "g", "--shape", "x", "-f", "parquet", stdin=given)
    found = pyarrow.parquet.read_table(io.BytesIO(done.stdout_bytes)).to_pydict()
    assert found["g"] == ["1", '["x", "\N{REPLACEMENT CHARACTER}"]', "true", None]
    assert list(found) == ["text", "g", "id", "embedding", "x", "y", "error"]
    assert max(found["x"]) > 5


@pytest.mark.parametrize("format", ["jsonl", "tsv"])
def test_resume_goes_on_with_the_same_input_alone(invoke: Invoke, tmp_path: Path, format: str) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "out"
    source.write_bytes(CAPTIONS + b'{"embedding":7}\n')
    run = ["map", "-f", format, "-o", str(out), str(source)]
    assert resumed_after_every_list(lambda *resume: invoke(*run, *resume), out) >= 3
    interrupted(lambda: invoke(*run), out)
    source.write_bytes(CAPTIONS)
    done = invoke(*run, "--resume")
    assert done.exit_code == 2
    assert "this is another input than that of the interrupted run: it has 5 records, and 6 are done" in done.stderr


@pytest.mark.parametrize("suffix", ["png", "svg", "html"])
def test_a_picture_in_each_format(invoke: Invoke, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"map.{suffix}"
    done = invoke(
        "map", "--group", "picture", "--shape", "lang", "--join", "picture", "--plot", str(path), stdin=CAPTIONS
    )
    assert done.exit_code == 0
    assert len(parse_records(done.stdout_bytes)) == 5
    begins = {"png": b"\x89PNG", "svg": b"<?xml", "html": b"<!doctype html>"}[suffix]
    assert path.read_bytes()[: len(begins)].lower() == begins.lower()
    if suffix == "html":
        assert "Share prices fell for three days." in path.read_text(encoding="utf-8")


def test_a_field_that_no_record_has_is_said(invoke: Invoke, tmp_path: Path) -> None:
    done = invoke("map", "--group", "author", "--plot", str(tmp_path / "map.svg"), stdin=CAPTIONS)
    assert done.exit_code == 0
    assert "no record has a field `author`" in done.stderr


@pytest.mark.parametrize(
    "arguments", [["--perplexity", "3"], ["--method", "umap"], ["--method", "tsne", "--perplexity", "0"]]
)
def test_wrong_usage(invoke: Invoke, arguments: list[str]) -> None:
    assert invoke("map", *arguments, stdin=CAPTIONS).exit_code == 2


def test_nothing_and_one(invoke: Invoke, tmp_path: Path) -> None:
    for method in ("pca", "tsne"):
        none = invoke("map", "--method", method, "--plot", str(tmp_path / "none.svg"), stdin=b"")
        assert (none.exit_code, none.stdout_bytes) == (0, b"")
        assert places(invoke("map", "--method", method, stdin=b"a\n").stdout_bytes).tolist() == [[0, 0]]
