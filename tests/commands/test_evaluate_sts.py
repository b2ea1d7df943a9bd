"""nlptool evaluate sts, as a user calls it, against scipy and sentence-transformers."""

from __future__ import annotations

import csv
import gzip
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from program import Invoke, records
from scipy import stats

from nlptool.models.encoders import loading as encoder_loading
from nlptool.specs import EncoderSpec

MODEL = "static-ja-en"
PAIRS = [
    ("A plane is taking off.", "An air plane is taking off.", 5.0),
    ("飛行機が離陸します。", "飛行機が着陸する。", 3.2),
    ("A man is playing a flute.", "A man, old, is playing a large flute.", 3.8),
    ("男性が大きな笛を吹いています。", "猫が魚を食べている。", 0.2),
    ("夕暮れのハーバーに汽船が浮かんでいる", "船着き場に2艘の船がとまっている", 2.6),
    ("A plane is taking off.", "Two ducks swim near a boat.", 0.0),
    ("猫が魚を食べている。", "A cat is eating a fish.", 4.8),
    ("A cat is eating a fish.", "A cat is eating.", 3.0),
]
SCORES = np.array([score for *_, score in PAIRS])


def tabs(pairs: list[tuple[Any, ...]]) -> bytes:
    return "".join("\t".join(map(str, pair)) + "\n" for pair in pairs).encode()


def comma_separated(table: bytes) -> bytes:
    return "".join(
        ",".join(f'"{cell}"' for cell in line.split("\t")) + "\n" for line in table.decode().splitlines()
    ).encode()


def vectors(side: int, model: str = MODEL) -> np.ndarray:
    return encoder_loading.load(EncoderSpec(model)).encode([pair[side] for pair in PAIRS]).vectors.astype(np.float64)


def similarities(measure: str) -> np.ndarray:
    a, b = vectors(0), vectors(1)
    if measure == "euclidean":
        return -np.linalg.norm(a - b, axis=1)
    if measure == "pearson":
        a, b = (each - each.mean(axis=1, keepdims=True) for each in (a, b))
    if measure != "dot":
        a, b = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in (a, b))
    return np.sum(a * b, axis=1)


@pytest.mark.parametrize("measure", ["cosine", "dot", "euclidean", "pearson"])
def test_the_record_is_scipys_on_the_encoders_vectors(invoke: Invoke, measure: str) -> None:
    (found,) = records(invoke("evaluate", "sts", "-m", MODEL, "--measure", measure, stdin=tabs(PAIRS)))
    ours = similarities(measure)
    assert found["spearman"] == pytest.approx(stats.spearmanr(ours, SCORES).statistic, abs=5e-5)
    assert found["pearson"] == pytest.approx(stats.pearsonr(ours, SCORES).statistic, abs=1e-4)
    random = np.random.default_rng(1)
    draws = [random.integers(0, len(PAIRS), len(PAIRS)) for _ in range(1000)]
    for name, correlation in (("spearman", stats.spearmanr), ("pearson", stats.pearsonr)):
        every = [correlation(ours[draw], SCORES[draw]).statistic for draw in draws if np.ptp(SCORES[draw])]
        assert found[f"{name}_interval"] == pytest.approx(np.quantile(every, [0.025, 0.975]), abs=2e-4)
    assert {name: found[name] for name in ("file", "pairs", "used", "skipped", "model", "measure", "bootstrap", "seed")} == {
        "file": "<stdin>", "pairs": 8, "used": 8, "skipped": 0, "model": MODEL, "measure": measure, "bootstrap": 1000, "seed": 1,
    }  # fmt: skip


def test_the_scores_are_those_of_sentence_transformers_evaluator(invoke: Invoke) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.evaluation import EmbeddingSimilarityEvaluator

    from nlptool.models.store import locate

    peer = SentenceTransformer(str(locate.find(MODEL, offline=True)), device="cpu").float()
    first, second, scores = zip(*PAIRS, strict=True)
    measures = ["cosine", "dot", "euclidean"]
    evaluate = EmbeddingSimilarityEvaluator(list(first), list(second), list(scores), similarity_fn_names=measures)
    expected = evaluate(peer)
    for measure in measures:
        (found,) = records(invoke("evaluate", "sts", "-m", MODEL, "--measure", measure, stdin=tabs(PAIRS)))
        assert found["spearman"] == pytest.approx(expected[f"spearman_{measure}"], abs=1e-4)
        assert found["pearson"] == pytest.approx(expected[f"pearson_{measure}"], abs=1e-3)


def test_tabs_csv_jsonl_and_a_head_give_the_same(invoke: Invoke, tmp_path: Path) -> None:
    (expected,) = records(invoke("evaluate", "sts", "-m", MODEL, stdin=tabs(PAIRS)))
    files = {name: tmp_path / name for name in ("csv", "head.csv", "jsonl", "glue.tsv")}
    for name, head in (("csv", []), ("head.csv", [("sentence1", "sentence2", "score")])):
        with files[name].open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([*head, *PAIRS])
    names = ("sentence1", "sentence2", "label")
    files["jsonl"].write_text("".join(json.dumps(dict(zip(names, pair, strict=True))) + "\n" for pair in PAIRS))
    files["json"] = tmp_path / "json"
    files["json"].write_text(json.dumps([dict(zip(names, pair, strict=True)) for pair in PAIRS], indent=2))
    files["cp932.csv.gz"] = tmp_path / "cp932.csv.gz"
    files["cp932.csv.gz"].write_bytes(gzip.compress(files["csv"].read_bytes().decode().encode("cp932")))
    files["glue.tsv"].write_bytes(tabs([("index", *names), *[(index, *pair) for index, pair in enumerate(PAIRS)]]))
    found = records(invoke("evaluate", "sts", "-m", MODEL, "--encoding", "auto", *map(str, files.values())))
    assert found == [{**expected, "file": str(path)} for path in files.values()]
    columns = tabs([(7, score, first, "x", second) for first, second, score in PAIRS])
    named = ["--first", "3", "--second", "5", "--score", "2"]
    assert records(invoke("evaluate", "sts", "-m", MODEL, *named, stdin=columns)) == [expected]
    forced = ["-I", "csv", "--no-header", *named]
    assert records(invoke("evaluate", "sts", "-m", MODEL, *forced, stdin=comma_separated(columns))) == [expected]


def test_a_sentence_is_embedded_once_however_often_it_stands_there(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from nlptool.tasks.embedder import Embedder

    asked: list[str] = []
    encode = Embedder.encode
    monkeypatch.setattr(Embedder, "encode", lambda self, texts: asked.extend(texts) or encode(self, texts))
    (tmp_path / "again.tsv").write_bytes(tabs(PAIRS[::-1]))
    found = records(invoke("evaluate", "sts", "-m", MODEL, "-", str(tmp_path / "again.tsv"), stdin=tabs(PAIRS)))
    assert found[0]["spearman"] == found[1]["spearman"]
    assert sorted(asked) == sorted({text for pair in PAIRS for text in pair[:2]})


def test_a_sentence_without_a_known_word_is_skipped_and_counted(invoke: Invoke) -> None:
    english = [PAIRS[0], PAIRS[2], PAIRS[5], PAIRS[7]]
    strange = [("qqzzq", "A plane.", 1.0), ("A plane.", "qqzzq xxqqw", 5.0)]
    for measure in ("cosine", "dot", "euclidean"):
        arguments = ["evaluate", "sts", "-m", "glove-6b-50d", "--measure", measure]
        (found,) = records(invoke(*arguments, stdin=tabs([*strange, *english])))
        assert (found["pairs"], found["used"], found["skipped"]) == (6, 4, 2)
        (known,) = records(invoke(*arguments, stdin=tabs(english)))
        assert found["n_unknown"] == 3
        assert {**found, "pairs": 4, "skipped": 0, "n_unknown": 0} == known


def test_a_file_of_which_no_pair_can_be_used_is_a_failure(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "strange.csv").write_text("qqzzq,xxqqw,1\nqqzzq,zzqqx,2\n")
    done = invoke("evaluate", "sts", "-m", "glove-6b-50d", "-", str(tmp_path / "strange.csv"), stdin=tabs(PAIRS[:6:2]))
    known, strange = records(done, code=1)
    assert (known["used"], strange["used"], strange["skipped"]) == (3 - known["skipped"], 0, 2)
    assert "strange.csv: none of its 2 pairs can be used" in done.stderr
    assert "strange.csv: pairs left out, with a sentence of which glove-6b-50d knows no word: 2" in done.stderr


def test_the_same_seed_gives_the_same_interval_and_no_bootstrap_none(invoke: Invoke) -> None:
    def interval(*arguments: str) -> Any:
        return records(invoke("evaluate", "sts", "-m", MODEL, *arguments, stdin=tabs(PAIRS)))[0]["pearson_interval"]

    assert interval("--seed", "5") == interval("--seed", "5") != interval("--seed", "6")
    assert interval("--bootstrap", "0") is None


@pytest.mark.parametrize(
    ("pairs", "spearman", "message"),
    [
        (PAIRS[:1], None, "<stdin>: there is no correlation: it needs two pairs whose sentences have vectors, here is 1"),
        ([(*pair[:2], 3) for pair in PAIRS], None, "there is no correlation: all 8 scores are the same"),
        ([(*PAIRS[0][:2], score) for score in (1, 2, 3)], None, "there is no correlation: all 3 similarities are the same"),
        (PAIRS[:2], 1.0, ""),
    ],
)  # fmt: skip
def test_too_little_for_a_correlation_or_an_interval_is_null_and_said(
    invoke: Invoke, pairs: list[tuple[Any, ...]], spearman: float | None, message: str
) -> None:
    done = invoke("evaluate", "sts", "-m", MODEL, stdin=tabs(pairs))
    (found,) = records(done)
    assert found["spearman"] == (None if spearman is None else pytest.approx(spearman))
    assert found["spearman_interval"] is found["pearson_interval"] is None
    assert message in done.stderr


def test_lines_that_are_no_pairs_are_left_out_and_counted(invoke: Invoke) -> None:
    bad = b"only one cell\nA\tB\tnan\n\tempty\t1\n"
    done = invoke("evaluate", "sts", "-m", MODEL, stdin=tabs(PAIRS) + bad)
    (found,) = records(done, code=3)
    assert found["pairs"] == 8
    assert "3 of 11 records failed" in done.stderr
    assert invoke("evaluate", "sts", "-m", MODEL, "--on-error", "fail", stdin=tabs(PAIRS) + bad).exit_code == 1


@pytest.mark.parametrize(
    ("content", "code", "message"),
    [
        (b"", 1, "there are no pairs"),
        (b"sentence1,sentence2,score\n", 1, "there are no pairs"),
        (b"A text.\nAnother text.\n", 1, "<stdin>: most of its lines are no pairs"),
        (b"a\tb\nc\td\n", 1, "two texts and a score with tabs or commas between them, this line has 2 columns"),
        (b"a\tb\tnan\nc\td\tnan\n", 1, "the pair has no score"),
        (bytes(range(256)) * 9, 1, "most of its lines are no pairs"),
    ],
)
def test_a_file_of_something_else_is_refused(invoke: Invoke, content: bytes, code: int, message: str) -> None:
    done = invoke("evaluate", "sts", "-m", MODEL, stdin=content)
    assert (done.exit_code, done.stdout) == (code, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_the_name_of_a_file_need_not_be_utf_8(invoke: Invoke, tmp_path: Path) -> None:
    name = os.fsdecode(bytes(tmp_path) + b"/\xff")
    Path(name).write_bytes("".join(f"{first}\t{second}\t{score}\n" for first, second, score in PAIRS).encode())
    for format in ("jsonl", "csv", "tsv", "table"):
        done = invoke("evaluate", "sts", "-m", MODEL, "--bootstrap", "0", "-f", format, name)
        assert (done.exit_code, done.stderr) == (0, "")
        assert f"{tmp_path.name}/\ufffd" in done.stdout


def test_a_file_that_is_not_there_is_said_and_the_others_are_done(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "pairs.tsv").write_bytes(tabs(PAIRS))
    done = invoke("evaluate", "sts", "-m", MODEL, str(tmp_path / "none"), str(tmp_path / "pairs.tsv"))
    assert [found["file"] for found in records(done, code=1)] == [str(tmp_path / "pairs.tsv")]
    assert "none: No such file or directory" in done.stderr


@pytest.mark.parametrize("arguments", [["--field", "x"], ["--unit", "paragraph"], ["-0"], ["--id-field", "id"]])
def test_options_of_records_are_a_mistake(invoke: Invoke, arguments: list[str]) -> None:
    done = invoke("evaluate", "sts", "-m", MODEL, *arguments, stdin=tabs(PAIRS))
    assert (done.exit_code, done.stdout) == (2, "")
    assert "evaluate sts reads pairs, and makes no use of --" in done.stderr


def test_a_model_that_is_not_there_is_a_model_error(invoke: Invoke) -> None:
    done = invoke("evaluate", "sts", "-m", "no-such-model", "--offline", stdin=tabs(PAIRS))
    assert (done.exit_code, done.stdout) == (4, "")
    assert "no-such-model" in done.stderr


def test_the_table_has_the_intervals_beside_the_correlations(invoke: Invoke) -> None:
    head, row = invoke("evaluate", "sts", "-m", MODEL, "-f", "table", stdin=tabs(PAIRS)).stdout.rstrip("\n").split("\n")
    (found,) = records(invoke("evaluate", "sts", "-m", MODEL, stdin=tabs(PAIRS)))
    assert "bootstrap" not in head
    assert "{} ({}–{})".format(found["spearman"], *found["spearman_interval"]) in row
