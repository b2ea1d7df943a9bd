"""nlptool compare, as a user calls it, against scipy."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from program import Invoke, Run, records
from scipy import stats
from scipy.spatial.distance import pdist

N, SEED = 12, 7
RANDOM = np.random.default_rng(SEED)
A = RANDOM.normal(size=(N, 4)).astype(np.float32)
B = (np.concatenate([A, RANDOM.normal(size=(N, 3))], axis=1) + RANDOM.normal(size=(N, 7)) * 0.5).astype(np.float32)
C = RANDOM.normal(size=(N, 4)).astype(np.float32)


def write(path: Path, vectors: np.ndarray | list[Any], *, texts: str = "text", model: str = "", ids: Any = None) -> str:
    lines = []
    for index, vector in enumerate(vectors):
        record: dict[str, Any] = {"id": ids[index] if ids else index, "text": f"{texts} {index}"}
        record["embedding"] = vector.tolist() if isinstance(vector, np.ndarray) else vector
        record |= {"nlptool": {"embed": {"model": model}}} if model else {}
        lines.append(json.dumps(record) + "\n")
    path.write_text("".join(lines))
    return str(path)


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    return [write(tmp_path / f"{name}.jsonl", vectors) for name, vectors in (("a", A), ("b", B), ("c", C))]


@pytest.mark.parametrize(
    ("measure", "scipys"), [("cosine", "cosine"), ("euclidean", "euclidean"), ("pearson", "correlation")]
)
def test_the_record_is_scipys(files: list[str], invoke: Invoke, measure: str, scipys: str) -> None:
    (found,) = records(invoke("compare", *files[:2], "--measure", measure, "--permutations", "99", "--seed", "3"))
    first, second = (pdist(vectors.astype(np.float64), scipys) for vectors in (A, B))
    assert found["spearman"] == pytest.approx(stats.spearmanr(first, second).statistic, abs=5e-5)
    assert found["kendall"] == pytest.approx(stats.kendalltau(first, second).statistic, abs=5e-5)
    x, y = A.astype(np.float64) - A.mean(axis=0), B.astype(np.float64) - B.mean(axis=0)
    cka = np.linalg.norm(y.T @ x) ** 2 / (np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y))
    assert found["cka"] == pytest.approx(cka, abs=1e-4)
    random = np.random.default_rng(3)
    orders = [random.permutation(N) for _ in range(99)]
    by_chance = [stats.spearmanr(pdist(A[order].astype(np.float64), scipys), second).statistic for order in orders]
    observed = stats.spearmanr(first, second).statistic
    assert found["p_value"] == pytest.approx((1 + np.sum(np.array(by_chance) >= observed - 1e-9)) / 100)
    said = {name: found[name] for name in ("first", "second", "items", "dimensions", "models", "left_out")}
    assert said == {
        "first": files[0], "second": files[1], "items": N, "dimensions": [4, 7], "models": [None, None], "left_out": 0,
    }  # fmt: skip
    assert {name: found[name] for name in ("measure", "permutations", "seed")} == {
        "measure": measure, "permutations": 99, "seed": 3,
    }  # fmt: skip


def test_several_subjects_have_their_mean_and_a_noise_ceiling(files: list[str], invoke: Invoke) -> None:
    *each, mean = records(invoke("compare", *files, files[1]))
    assert [record["second"] for record in each] == [files[1], files[2], files[1]]
    assert mean["second"] == "mean of 3"
    for name in ("spearman", "kendall", "cka"):
        assert mean[name] == pytest.approx(np.mean([record[name] for record in each]), abs=1e-4)
    ranks = np.array([stats.rankdata(pdist(vectors.astype(np.float64), "cosine")) for vectors in (B, C, B)])
    others = [np.delete(ranks, index, axis=0).mean(axis=0) for index in range(3)]
    lower = np.mean([stats.spearmanr(own, other).statistic for own, other in zip(ranks, others, strict=True)])
    upper = np.mean([stats.spearmanr(own, ranks.mean(axis=0)).statistic for own in ranks])
    assert mean["noise_ceiling"] == {"lower": pytest.approx(lower, abs=1e-4), "upper": pytest.approx(upper, abs=1e-4)}
    assert each[0]["p_value"] == 0.000999
    assert each[1]["p_value"] > 0.01
    assert each[1]["p_value"] > mean["p_value"]


def test_jsonl_npy_a_pipe_and_stdin_give_the_same(files: list[str], tmp_path: Path, invoke: Invoke, run: Run) -> None:
    expected = records(invoke("compare", *files[:2]))[0]
    np.save(tmp_path / "a.npy", A)
    np.save(tmp_path / "b.npy", B.astype(np.float64))
    for first, second in ((str(tmp_path / "a.npy"), files[1]), (files[0], str(tmp_path / "b.npy"))):
        found = records(invoke("compare", first, second))[0]
        assert found == {**expected, "first": first, "second": second}
    piped = records(invoke("compare", "-", files[1], stdin=Path(files[0]).read_bytes()))[0]
    assert piped == {**expected, "first": "<stdin>"}
    reading, writing = os.pipe()
    with open(writing, "wb") as pipe:  # noqa: PTH123  # what the shell makes of <(...): it can be read once
        pipe.write(Path(files[1]).read_bytes())
    done = run("compare", files[0], f"/dev/fd/{reading}", pass_fds=(reading,))
    os.close(reading)
    assert json.loads(done.stdout) == {**expected, "second": f"/dev/fd/{reading}"}


def test_the_same_seed_gives_the_same_answer_and_another_one_another(files: list[str], invoke: Invoke) -> None:
    first, again, other = (
        invoke("compare", files[0], files[2], "--seed", seed, "--permutations", "200").stdout
        for seed in ("1", "1", "2")
    )
    assert first == again
    assert json.loads(first)["p_value"] != json.loads(other)["p_value"]
    assert json.loads(first)["spearman"] == json.loads(other)["spearman"]


def test_without_permutations_there_is_no_p_value(files: list[str], invoke: Invoke) -> None:
    assert [record["p_value"] for record in records(invoke("compare", *files, "--permutations", "0"))] == [None] * 3


def test_an_item_without_a_vector_in_one_of_the_files_is_left_out_in_all_and_counted(
    tmp_path: Path, invoke: Invoke
) -> None:
    first = write(tmp_path / "a", [*A[:5], None, *A[6:]])
    second = write(tmp_path / "b", [*B[:-1], None])  # the last: both files have as many items nevertheless
    kept = [index for index in range(N) if index not in (5, N - 1)]
    done = invoke("compare", first, second)
    (found,) = records(done)
    assert (found["items"], found["left_out"]) == (N - 2, 2)
    expected = stats.spearmanr(pdist(A[kept].astype(float), "cosine"), pdist(B[kept].astype(float), "cosine")).statistic
    assert found["spearman"] == pytest.approx(expected, abs=5e-5)
    assert "items that have no vector in one of the files, and were left out: 2" in done.stderr


def test_a_record_whose_vector_is_broken_fails_and_is_left_out_in_all(tmp_path: Path, invoke: Invoke) -> None:
    first = write(tmp_path / "a", [*A[:3], [1, 2], [1, "x", 2, 3], *A[5:]])
    done = invoke("compare", first, write(tmp_path / "b", B))
    (found,) = records(done, code=3)
    assert (found["items"], found["left_out"]) == (N - 2, 2)


def test_items_are_matched_by_their_names(tmp_path: Path, invoke: Invoke) -> None:
    order = RANDOM.permutation(N)
    names = [f"item{index}" for index in range(N)]
    first = write(tmp_path / "a", A, ids=names)
    second = write(tmp_path / "b", B[order], ids=[names[index] for index in order], texts="other")
    expected = records(invoke("compare", write(tmp_path / "c", A), write(tmp_path / "d", B)))[0]
    done = invoke("compare", first, second, "--id-field", "id")
    assert records(done)[0] == {**expected, "first": first, "second": second}
    assert done.stderr == ""


def test_items_that_only_one_file_has_are_left_out_and_counted(tmp_path: Path, invoke: Invoke) -> None:
    first = write(tmp_path / "a", A[:9])
    second = write(tmp_path / "b", [*B[2:], None], ids=[*range(2, N), "empty"])
    done = invoke("compare", first, second, "--id-field", "id")
    (found,) = records(done)
    assert (found["items"], found["left_out"]) == (7, 2 + 3)
    expected = stats.spearmanr(pdist(A[2:9].astype(float), "cosine"), pdist(B[2:9].astype(float), "cosine")).statistic
    assert found["spearman"] == pytest.approx(expected, abs=5e-5)
    assert "left out: 5" in done.stderr
    assert f"{second}: records without a vector or the field id, left out: 1" in done.stderr


def test_texts_that_differ_are_said_once_for_each_file_since_they_may_be_translations(
    tmp_path: Path, invoke: Invoke
) -> None:
    first, second = write(tmp_path / "a", A), write(tmp_path / "b", B, texts="文")
    done = invoke("compare", first, second)
    assert records(done)[0]["items"] == N
    assert done.stderr.count("\n") == 1
    assert (
        f"12 of 12 items have another text in {second} than in {first}; the first is record 1: “text 0” and “文 0”"
        in done.stderr
    )
    assert invoke("compare", first, second, "-q").stderr == ""


def test_a_sample_is_drawn_from_all_files_alike(files: list[str], invoke: Invoke) -> None:
    (found,) = records(invoke("compare", *files[:2], "--sample", "6", "--seed", "5"))
    kept = np.sort(np.random.default_rng(5).choice(N, 6, replace=False))
    expected = stats.spearmanr(pdist(A[kept].astype(float), "cosine"), pdist(B[kept].astype(float), "cosine")).statistic
    assert found["items"] == 6
    assert found["spearman"] == pytest.approx(expected, abs=5e-5)
    assert records(invoke("compare", *files[:2], "--sample", "1000"))[0]["items"] == N


def test_vectors_that_are_all_the_same_correlate_with_nothing_and_that_is_said(
    files: list[str], tmp_path: Path, invoke: Invoke
) -> None:
    same = write(tmp_path / "same", np.full((N, 3), 0.1))
    done = invoke("compare", files[0], same, files[1])
    found = records(done)
    assert [found[0][name] for name in ("spearman", "p_value", "kendall", "cka")] == [None] * 4
    assert found[1]["spearman"] > 0
    assert found[2]["spearman"] is None
    assert found[2]["noise_ceiling"] == {"lower": None, "upper": None}
    assert f"{same}: no correlation, since all distances in it, or in {files[0]}, are the same" in done.stderr
    assert records(invoke("compare", same, files[0], "-q"))[0]["kendall"] is None


def test_a_vector_without_a_direction_is_left_out(tmp_path: Path, invoke: Invoke) -> None:
    first, second = write(tmp_path / "a", [*A[:2], [0, 0, 0, 0], *A[3:]]), write(tmp_path / "b", B)
    done = invoke("compare", first, second)
    assert [records(done)[0][name] for name in ("items", "left_out")] == [N - 1, 1]
    assert "has no direction, and were left out: 1" in done.stderr
    assert records(invoke("compare", first, second, "--measure", "euclidean"))[0]["items"] == N


def test_identical_items_are_compared(tmp_path: Path, invoke: Invoke) -> None:
    twice = [write(tmp_path / name, np.concatenate([vectors, vectors])) for name, vectors in (("a", A), ("b", B))]
    (found,) = records(invoke("compare", *twice))
    first, second = (
        np.where(each < 1e-12, 0, each).round(12)
        for each in (pdist(np.concatenate([vectors] * 2).astype(np.float64), "cosine") for vectors in (A, B))
    )
    assert found["kendall"] == pytest.approx(stats.kendalltau(first, second).statistic, abs=5e-5)


@pytest.mark.parametrize(
    ("first", "second", "arguments", "message"),
    [
        (A, B[:9], [], "a has 12 items and"),
        (A[:2], B[:2], [], "2 items have a vector in all files, and 3 are the fewest"),
        (A, np.zeros((N, 3)), [], "12 of 12 items have a vector without a direction"),
        (A, [[]] * N, [], "b: it holds no vectors, nothing is compared"),
        (A, [None] * N, [], "b: it holds no vectors, nothing is compared"),
        (A, B, ["--memory", "1K"], "12 items have 66 distances, which need 6.1K of memory, and --memory is 1K"),
        (A, B, ["--id-field", "name"], "a: no record has the field name"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_refused_with_a_reason(
    tmp_path: Path, invoke: Invoke, first: Any, second: Any, arguments: list[str], message: str
) -> None:
    done = invoke("compare", write(tmp_path / "a", first), write(tmp_path / "b", second), *arguments)
    assert (done.exit_code, done.stdout) == (1, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_the_sample_that_is_proposed_fits(files: list[str], invoke: Invoke) -> None:
    done = invoke("compare", *files[:2], "--memory", "3K")
    proposed = done.stderr.split("--sample ")[1].split(" ")[0]
    assert records(invoke("compare", *files[:2], "--memory", "3K", "--sample", proposed))[0]["items"] == int(proposed)
    assert invoke("compare", *files[:2], "--memory", "3K", "--sample", str(int(proposed) + 1)).exit_code == 1


def test_a_name_that_two_records_have_is_refused(tmp_path: Path, invoke: Invoke) -> None:
    first = write(tmp_path / "a", A, ids=["猫"] * N)
    done = invoke("compare", first, first, "--id-field", "id")
    assert done.exit_code == 1
    assert f"{first}: two records have the id '猫'" in done.stderr


def test_plain_text_is_refused_with_the_way_to_vectors(files: list[str], tmp_path: Path, invoke: Invoke) -> None:
    (tmp_path / "text").write_text("one\ntwo\nthree\n")
    done = invoke("compare", files[0], str(tmp_path / "text"))
    assert done.exit_code == 1
    assert "nlptool embed" in done.stderr


def test_a_file_that_is_not_there_and_one_file_alone_are_refused(
    files: list[str], tmp_path: Path, invoke: Invoke
) -> None:
    done = invoke("compare", files[0], str(tmp_path / "none"))
    assert (done.exit_code, done.stdout) == (1, "")
    assert "none: No such file or directory" in done.stderr
    done = invoke("compare", files[0])
    assert done.exit_code == 2
    assert "compare needs two files: A and B" in done.stderr


def test_the_table_says_what_was_found_and_by_which_models(tmp_path: Path, invoke: Invoke) -> None:
    first, second = write(tmp_path / "a", A, model="one"), write(tmp_path / "b", B, model="two")
    head, row = invoke("compare", first, second, "-f", "table").stdout.rstrip("\n").split("\n")
    assert head.split() == ["first", "second", "items", "spearman", "p_value", "kendall", "cka", "models"]
    assert row.endswith("one, two")
    *_, mean = invoke("compare", first, second, second, "-f", "table").stdout.rstrip("\n").split("\n")
    assert "mean of 2" in mean
    assert mean.endswith("1.0–1.0")
    assert records(invoke("compare", first, second))[0]["models"] == ["one", "two"]
