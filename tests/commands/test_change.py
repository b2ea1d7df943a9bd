"""``change``: words whose vectors moved between two models."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from gensim.models import KeyedVectors
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from program import invoke, records
from scipy.linalg import orthogonal_procrustes
from scipy.stats import ortho_group

from nlptool.cli.main import root

WORDS = [f"語{number}" for number in range(60)]
TURNED = ortho_group.rvs(6, random_state=3)


def vectors(seed: int = 1, n: int = 60, dimension: int = 6) -> NDArray[np.float64]:
    return np.random.default_rng(seed).normal(size=(n, dimension)) * np.arange(1, n + 1)[:, None]


def saved(path: Path, words: list[str], rows: NDArray[np.float64]) -> str:
    lines = [f"{len(words)} {rows.shape[1]}"]
    lines += [" ".join([word, *map(repr, map(float, np.float32(row)))]) for word, row in zip(words, rows, strict=True)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(root, ["change", *arguments])


def test_a_rotated_copy_has_not_changed(tmp_path: Path) -> None:
    before = saved(tmp_path / "a.txt", WORDS, vectors())
    after = saved(tmp_path / "b.txt", WORDS[::-1], (vectors() @ TURNED)[::-1])
    done = run(before, after, "-k", "1000", "-f", "jsonl")
    found = records(done)
    assert len(found) == 60
    assert {record["cosine"] for record in found} == {1.0}
    for record in found:
        before_and_after = [[each["word"] for each in record[f"neighbors_{when}"]] for when in ("before", "after")]
        assert before_and_after[0] == before_and_after[1]
    assert "no word has changed" in done.stderr
    assert "no word has changed" in run(before, before).stderr


@settings(max_examples=15, deadline=None)
@given(st.sets(st.integers(0, 59), min_size=2, max_size=5))
def test_words_that_were_exchanged_are_found(tmp_path_factory: pytest.TempPathFactory, chosen: set[int]) -> None:
    folder = tmp_path_factory.mktemp("vectors")
    rows = vectors() @ TURNED
    places = sorted(chosen)
    rows[places] = rows[[*places[1:], places[0]]]
    before, after = saved(folder / "a.txt", WORDS, vectors()), saved(folder / "b.txt", WORDS, rows)
    found = records(run(before, after, "-k", "60"))
    expected = np.cos(0) - 1e-2
    moved = {record["word"] for record in found if record["cosine"] < expected}
    assert {WORDS[place] for place in places} >= {record["word"] for record in found[:2]}
    assert moved >= {WORDS[place] for place in places} or len(places) == 2
    assert "no word has changed" not in run(before, after).stderr


def test_cosines_and_neighbors_are_those_of_scipy_and_gensim(tmp_path: Path) -> None:
    before = saved(tmp_path / "a.txt", WORDS, vectors())
    after = saved(tmp_path / "b.txt", [*WORDS[20:], *(f"新{n}" for n in range(20))], vectors(2))
    old, new = (KeyedVectors.load_word2vec_format(path) for path in (before, after))
    shared = [word for word in WORDS if word in new]
    assert len(shared) == 40
    rows = [np.asarray(model.get_vector(word, norm=True), np.float64) for model in (old, new) for word in shared]
    first, second = np.asarray(rows[:40]), np.asarray(rows[40:])
    turned, _ = orthogonal_procrustes(first, second)
    expected = {word: float(row @ turned @ other) for word, row, other in zip(shared, first, second, strict=True)}
    found = records(run(before, after, "-k", "100", "--neighbors", "4"))
    assert {record["word"] for record in found} == set(shared)
    assert [record["cosine"] for record in found] == sorted(record["cosine"] for record in found)
    for record in found:
        assert record["cosine"] == pytest.approx(expected[record["word"]], abs=2e-6)
        for when, model in ("before", old), ("after", new):
            nearest = model.most_similar(record["word"], topn=4)
            assert [each["word"] for each in record[f"neighbors_{when}"]] == [word for word, _ in nearest]
            assert [each["similarity"] for each in record[f"neighbors_{when}"]] == pytest.approx(
                [score for _, score in nearest], abs=1e-5
            )


def test_choices(tmp_path: Path) -> None:
    before, after = saved(tmp_path / "a.txt", WORDS, vectors()), saved(tmp_path / "b.txt", WORDS[::-1], vectors(2))
    all_words = records(run(before, after, "-k", "60"))
    least = records(run(before, after, "-k", "60", "--least"))
    assert [record["word"] for record in least] == [record["word"] for record in all_words][::-1]
    frequent = records(run(before, after, "--top-words", "10", "-k", "60"))
    assert {record["word"] for record in frequent} == {f"語{number}" for number in range(25, 35)}
    among = {each["word"] for record in frequent for each in record["neighbors_before"]}
    assert among <= set(WORDS[:10])
    (one,) = records(run(before, after, "--words", "語3", "--neighbors", "0"))
    assert one == {
        **next(each for each in all_words if each["word"] == "語3"),
        "neighbors_before": [],
        "neighbors_after": [],
    }
    anchored = records(run(before, after, "--anchors", "20", "-k", "60"))
    assert [record["cosine"] for record in anchored] != [record["cosine"] for record in all_words]


def test_centered_cosines_are_those_of_numpy(tmp_path: Path) -> None:
    rows = [np.float32(vectors(seed) + 100) for seed in (1, 2)]  # they share a direction
    before, after = saved(tmp_path / "a.txt", WORDS, rows[0]), saved(tmp_path / "b.txt", WORDS, rows[1])
    units = [each.astype(float) / np.linalg.norm(each.astype(float), axis=1, keepdims=True) for each in rows]
    moved = [each - each.mean(axis=0) for each in units]
    first, second = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in moved)
    turned, _ = orthogonal_procrustes(first, second)
    expected = dict(zip(WORDS, np.sum((first @ turned) * second, axis=1), strict=True))
    found = {record["word"]: record["cosine"] for record in records(run(before, after, "--center", "-k", "60"))}
    assert found == pytest.approx(expected, abs=1e-4)
    plain = {record["word"]: record["cosine"] for record in records(run(before, after, "-k", "60"))}
    assert np.mean(list(plain.values())) > np.mean(list(found.values())) + 0.3


def test_counts(tmp_path: Path) -> None:
    text = "猫 犬 鳥 魚 " * 20 + "犬 鳥 " * 20
    for name, more in ("a", "猫 魚 " * 5), ("b", "魚 鳥 " * 9):
        (tmp_path / f"{name}.txt").write_text((text + more) * 3 + "\n", encoding="utf-8")
        options = ["--tokenizer", "whitespace", "--dimension", "2", "--threads", "1", "-q"]
        model = str(tmp_path / f"{name}.vec")
        assert (
            CliRunner()
            .invoke(root, ["train", "word2vec", str(tmp_path / f"{name}.txt"), "-o", model, *options])
            .exit_code
            == 0
        )
    models = [str(tmp_path / f"{name}.vec") for name in "ab"]
    found = {record["word"]: record for record in records(run(*models))}
    assert {word: (record["count_before"], record["count_after"]) for word, record in found.items()} == {
        "猫": (75, 60), "犬": (120, 120), "鳥": (120, 147), "魚": (75, 87),
    }  # fmt: skip
    frequent = {record["word"] for record in records(run(*models, "--min-count", "80"))}
    assert frequent == {"犬", "鳥"}
    nothing = run(*models, "--min-count", "500")
    assert (nothing.exit_code, nothing.stdout) == (0, "")
    assert "none of the 4 shared words occurs 500 times in both" in nothing.stderr


def test_formats(tmp_path: Path) -> None:
    before, after = saved(tmp_path / "a.txt", WORDS, vectors()), saved(tmp_path / "b.txt", WORDS, vectors(2))
    rows = list(csv.DictReader(io.StringIO(run(before, after, "-k", "3", "-f", "csv").stdout)))
    found = records(run(before, after, "-k", "3"))
    assert [row["word"] for row in rows] == [record["word"] for record in found]
    assert [json.loads(row["neighbors_after"]) for row in rows] == [record["neighbors_after"] for record in found]
    assert rows[0]["count_before"] == ""
    table = run(before, after, "-k", "3", "-f", "table").stdout.splitlines()
    assert table[0].split() == ["word", "cosine", "neighbors_before", "neighbors_after"]
    assert table[1].split()[2:7] == [each["word"] for each in found[0]["neighbors_before"]]
    invoke("change", before, after, "-k", "3", "-o", str(tmp_path / "out.tsv"))
    assert (tmp_path / "out.tsv").read_text(encoding="utf-8").startswith("word\tcosine\t")


@pytest.mark.parametrize("ending", ["svg", "html"])
def test_a_picture_has_each_word_twice_and_its_neighbors(tmp_path: Path, ending: str) -> None:
    before, after = saved(tmp_path / "old.txt", WORDS, vectors()), saved(tmp_path / "new.txt", WORDS, vectors(2))
    picture = tmp_path / f"moved.{ending}"
    found = records(run(before, after, "--words", "語3,語5", "--neighbors", "2", "--plot", str(picture)))
    drawn = picture.read_text(encoding="utf-8")
    neighbors = {
        each["word"] for record in found for when in ("before", "after") for each in record[f"neighbors_{when}"]
    }
    for text in (*(neighbors - {"語3", "語5"}), "語3 (old)", "語3 (new)", "語5 (old)", "語5 (new)"):
        assert text in drawn


def test_words_that_a_model_lacks_are_named_and_the_others_compared(tmp_path: Path) -> None:
    before = saved(tmp_path / "a.txt", WORDS, vectors())
    zero = vectors(2)
    zero[7] = 0
    after = saved(tmp_path / "b.txt", [*WORDS[1:], "新しい"], np.vstack([zero[1:], zero[:1]]))
    done = run(before, after, "--words", "語0,語5", "--words", "新しい,語7")
    assert [record["word"] for record in records(done, code=3)] == ["語5"]
    assert f"{after} has no word 語0" in done.stderr
    assert f"{before} has no word 新しい" in done.stderr
    assert f"{after}: the vector of 語7 has no direction" in done.stderr
    assert "whose vector has no direction, and were left out: 1" in done.stderr


def test_too_few_shared_words_are_said(tmp_path: Path) -> None:
    before = saved(tmp_path / "a.txt", WORDS, vectors())
    after = saved(tmp_path / "b.txt", [*WORDS[:5], *(f"新{n}" for n in range(55))], vectors(2))
    assert "5 shared words do not determine a rotation in 6 dimensions" in run(before, after).stderr
    anchored = run(before, before, "--anchors", "6").stderr
    assert "6 shared words do not determine a rotation in 6 dimensions" in anchored
    assert "their cosines are too high, those of others too low" in anchored
    done = run(before, saved(tmp_path / "c.txt", [f"新{n}" for n in range(60)], vectors()))
    assert done.exit_code == 1
    assert "have no word in common" in done.stderr
    nothing = run(before, saved(tmp_path / "d.txt", WORDS, vectors() * 0))
    assert nothing.exit_code == 1
    assert "has a vector with a direction in both" in nothing.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["A", "aozora-100d"], 1, "A has 6 dimensions and aozora-100d 100: a rotation needs the same number"),
        (["A", "nowhere.vec"], 4, "no word vectors nowhere.vec"),
        (["A", "A", "--min-count", "2"], 1, "A does not know how often its words occur"),
        (["A"], 2, "Missing argument 'B'"),
        (["A", "A", "--words", "語1", "-k", "3"], 2, "--words makes no use of --top-k"),
        (["A", "A", "--words", ", "], 2, "there is no word"),
        (["A", "A", "--plot", "x.gif"], 1, "a picture is a .png, .svg, .pdf, .html file"),
        (["A", "A", "-f", "parquet"], 2, "'parquet' is not one of"),
    ],
)
def test_what_is_refused(tmp_path: Path, arguments: list[str], code: int, message: str) -> None:
    model = saved(tmp_path / "a.txt", WORDS, vectors())
    done = run(*(model if argument == "A" else argument for argument in arguments))
    assert done.exit_code == code
    assert message.replace("A ", f"{model} ") in done.output
