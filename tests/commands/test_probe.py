"""``train probe`` and ``probe``: a treebank is learned, and trees are read out of texts and compared with gold ones."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import treebanks
from click.testing import Result
from pictures import written
from program import invoke, records
from safetensors.numpy import load_file
from scipy.sparse.csgraph import minimum_spanning_tree

from nlptool.models.probes import probe as probes

BROKEN = (
    "1\ta\t_\tNOUN\t_\t_\t0\t_\t_\t_\n2\tb\t_\tNOUN\t_\t_\t0\t_\t_\t_\n\n"  # two roots
    "1\ta\t_\tNOUN\t_\t_\t_\t_\t_\t_\n2\tb\t_\tNOUN\t_\t_\t_\t_\t_\t_\n\n"  # no heads
    "1\ta\t_\tNOUN\t_\t_\t0\t_\t_\t_\n2\tb\t_\tNOUN\t_\t_\t3\t_\t_\t_\n3\tc\t_\tNOUN\t_\t_\t2\t_\t_\t_\n\n"  # a cycle
    "1\tはい\t_\tINTJ\t_\t_\t0\t_\t_\t_\n\n"  # one word
)


@pytest.fixture(scope="module")
def treebank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return treebanks.write(tmp_path_factory.mktemp("trees") / "train.conllu", 60)


@pytest.fixture(scope="module")
def trained(treebank: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("probe") / "made"
    done = train(treebank, folder, "--epochs", "40", "--rank", "16", "--bootstrap", "50", "--learning-rate", "0.01")
    assert done.exit_code == 0, done.stderr
    return folder


def train(treebank: Path, folder: Path, *arguments: str) -> Result:
    fixed = ("train", "probe", "--threads", "1", "--dev", "0.25", "-o", str(folder))
    return invoke(*fixed, *arguments, str(treebank))


def test_the_folder_says_what_was_learned_and_compared(trained: Path) -> None:
    about = json.loads((trained / "probe.json").read_text())
    assert about["base"] == "bert-mini-ja"
    assert (about["n_layers"], about["dimension"], about["rank"]) == (4, 320, 16)
    rows = {(row["of"], row["layer"]): row for row in about["results"]}
    assert {key for key in rows if key[0] != "chain"} == {
        (name, layer) for name in ("trained", "random") for layer in range(5)
    }
    best = rows["trained", about["layers"]["distance"]]
    assert best["uuas"] == max(row["uuas"] for (name, _), row in rows.items() if name == "trained")
    assert about["scores"]["uuas"] == best["uuas"]
    low, high = best["intervals"]["uuas"]
    assert low <= best["uuas"] <= high
    margin, low, high = about["above"]["chain"]["uuas"]
    assert margin == pytest.approx(best["uuas"] - rows["chain", None]["uuas"], abs=1e-4)
    assert best["uuas"] > 0.9  # so few forms of sentences are learned by heart
    assert set(about["above"]) <= {"chain", "random", "layer_0"}
    maps = load_file(trained / "model.safetensors")
    assert {name: (each.shape, each.dtype.name) for name, each in maps.items()} == {
        "distance": ((320, 16), "float16"), "depth": ((320, 16), "float16"),
    }  # fmt: skip
    card = (trained / "README.md").read_text()
    assert "| a chain |" in card
    assert "| random weights, layer 4 |" in card


def test_the_tree_is_that_of_the_distances(trained: Path) -> None:
    (record,) = records(invoke("probe", "-m", str(trained), "--distances", stdin="猫が犬を見る。\n"))
    words = record["words"]
    assert [word["text"] for word in words] == ["猫", "が", "犬", "を", "見る", "。"]
    distances = np.array(record["distances"])
    tree = minimum_spanning_tree(distances)
    expected = {frozenset(map(int, edge)) for edge in zip(*tree.nonzero(), strict=True)}
    found = {frozenset((word, head - 1)) for word, head in enumerate(record["heads"]) if head}
    assert found == expected
    assert record["root"] == int(np.argmin(record["depths"])) + 1
    assert record["heads"][record["root"] - 1] == 0
    assert record["nlptool"]["probe"] == {"model": str(trained), "base": "bert-mini-ja", "n_unknown": 0}
    assert record["heads"] == [5, 1, 5, 3, 0, 5]  # as in the treebank


def test_gold_trees_are_compared(trained: Path, treebank: Path) -> None:
    done = invoke("probe", "-m", str(trained), str(treebank))
    found = records(done)
    assert all(len(record["gold_heads"]) == len(record["words"]) for record in found)
    mean = np.mean([record["uuas"] for record in found])
    assert mean > 0.9
    assert "UUAS 0.9" in done.stderr or "UUAS 1.0" in done.stderr
    by_stdin = records(invoke("probe", "-m", str(trained), "--conllu", stdin=treebank.read_text(encoding="utf-8")))
    assert [record["heads"] for record in by_stdin] == [record["heads"] for record in found]
    first = treebank.read_text(encoding="utf-8").partition("\n\n")[0]
    as_text = invoke("probe", "-m", str(trained), stdin=first)
    assert "lines that are rows of CoNLL-U, and were read as texts; --conllu" in as_text.stderr


def test_given_words_and_nothing_at_all(trained: Path) -> None:
    given = json.dumps({"tokens": ["猫", "が", "鳴く"]}) + "\n" + json.dumps({"text": ""}) + "\n"
    found, empty = records(invoke("probe", "-m", str(trained), stdin=given))
    assert [word["text"] for word in found["words"]] == ["猫", "が", "鳴く"]
    assert found["tokens"] == ["猫", "が", "鳴く"]
    assert (empty["words"], empty["heads"], empty["root"]) == ([], [], None)
    (one,) = records(invoke("probe", "-m", str(trained), stdin="猫\n"))
    assert (one["heads"], one["root"]) == ([0], 1)


def test_a_long_line_is_an_error_of_its_own(trained: Path) -> None:
    done = invoke("probe", "-m", str(trained), stdin=f"{'あ' * 20_000}\n猫が鳴く。\n{'猫が鳴く。' * 50}\n")
    too_long, short, long = records(done, 3)
    assert too_long["nlptool"]["error"]["type"] == "TooManyWords"
    assert "nlptool split" in done.stderr
    assert (len(short["words"]), len(long["words"])) == (4, 200)
    assert long["nlptool"]["probe"]["n_windows"] > 1
    assert "windows, which overlap, in which longer texts were read" in done.stderr


def test_unknown_pieces_are_said(trained: Path) -> None:
    done = invoke("probe", "-m", str(trained), stdin="😀が鳴く。\n")
    (record,) = records(done)
    assert record["nlptool"]["probe"]["n_unknown"] == 1
    assert "pieces that the model's vocabulary lacks, which all have one vector ([UNK]): 1" in done.stderr


def test_distances_are_those_of_a_slow_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = np.random.default_rng(1).normal(size=(23, 5)).astype(np.float32)
    expected = [[float(((first - second) ** 2).sum()) for second in vectors] for first in vectors]
    for most in (1, 300, 2**22):
        monkeypatch.setattr(probes, "_MOST_DIFFERENCES", most)
        np.testing.assert_allclose(probes.squared_distances(vectors), expected, rtol=1e-5)
    assert probes.squared_distances(vectors[:0]).shape == (0, 0)


def test_the_arcs_are_drawn(trained: Path, treebank: Path, tmp_path: Path) -> None:
    path = tmp_path / "tree.svg"
    assert invoke("probe", "-m", str(trained), "--plot", str(path), str(treebank)).exit_code == 0
    drawn = path.read_text(encoding="utf-8")
    assert drawn.count("#3b6ea8") + drawn.count("#c8503c") >= 5  # found edges: right and wrong ones
    assert drawn.count("#444444") >= 5
    assert {"が", "。"} <= set(written(path))
    wrong = invoke("probe", "-m", str(trained), "--plot", str(tmp_path / "tree.bmp"), str(treebank))
    assert wrong.exit_code == 1


def test_what_is_no_tree_is_counted_and_left_out(treebank: Path, tmp_path: Path) -> None:
    path = tmp_path / "broken.conllu"
    path.write_text(BROKEN + treebank.read_text(encoding="utf-8"), encoding="utf-8")
    done = train(path, tmp_path / "made", "--epochs", "1", "--no-baselines", "--bootstrap", "0", "--layer", "1")
    assert done.exit_code == 3
    assert "3 of" in done.stderr
    assert "the sentence has 2 roots, words 1, 2" in done.stderr
    assert "sentences of one word, whose tree has no edge, and which were left out: 1" in done.stderr
    about = json.loads((tmp_path / "made" / "probe.json").read_text())
    assert [(row["of"], row["layer"]) for row in about["results"]] == [("trained", 0), ("trained", 1), ("chain", None)]
    assert about["layers"] == {"distance": 1, "depth": 1}


def test_the_same_seed_gives_the_same_probe(treebank: Path, tmp_path: Path) -> None:
    for name in ("first", "second"):
        arguments = ("--epochs", "2", "--no-baselines", "--bootstrap", "0", "--layer", "2")
        assert train(treebank, tmp_path / name, *arguments).exit_code == 0
    first, second = (load_file(tmp_path / name / "model.safetensors") for name in ("first", "second"))
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_wrong_usage(treebank: Path, trained: Path, tmp_path: Path) -> None:
    for arguments, message, code in (
        (["--layer", "x"], "neither the number of a layer nor all", 2),
        (["--layer", "9"], "bert-mini-ja has no such layer", 2),
        (["-m", "static-ja-en"], "a word has the same vector in every context", 4),
        (["--unit", "line"], "train probe reads trees, and makes no use of --unit", 2),
    ):
        done = train(treebank, tmp_path / "made", *arguments)
        assert (done.exit_code, message in done.stderr) == (code, True), done.stderr
    few = tmp_path / "few.conllu"
    few.write_text(next(iter(treebanks.sentences())), encoding="utf-8")
    assert "there are 1 trees of two words or more" in train(few, tmp_path / "made").stderr
    no_probe = invoke("probe", "-m", str(tmp_path), stdin="a\n")
    assert no_probe.exit_code == 4
    assert "holds no probe" in no_probe.stderr
