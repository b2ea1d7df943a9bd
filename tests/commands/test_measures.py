"""The measure of similarity that a model is made for, against sentence-transformers' own ``similarity``."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sentence_encoders
from numpy.typing import NDArray
from program import invoke, records
from sentence_encoders import MINILM, configure

from nlptool.geometry.measures import MEASURES, prepare, scores

TEXTS = ["the cat sat", "a dog", "the cat sat on the mat", "mat", "a dog and a cat and a mat", "cat cat cat"]
OWN = ("cosine", "dot", "euclidean", "manhattan")
CLOSE = 2e-5


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of token vectors of very different lengths."""
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer

    tokens = Tokenizer.from_file(str(MINILM / "tokenizer.json"))
    random = np.random.default_rng(3)
    rows = random.standard_normal((tokens.get_vocab_size(), 12)) * random.uniform(0.1, 3, (tokens.get_vocab_size(), 1))
    folder = tmp_path_factory.mktemp("table") / "model"
    module = StaticEmbedding(tokens, embedding_weights=rows.astype(np.float32))
    sentence_encoders.save(folder, [module])
    return folder


@pytest.fixture(params=OWN)
def measure(request: pytest.FixtureRequest, table: Path) -> str:
    configure(table, similarity_fn_name=request.param)
    return str(request.param)


def theirs(folder: Path) -> tuple[NDArray[np.float32], Any]:
    """The vectors of sentence-transformers and their similarities by the model's own measure."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu")
    vectors = model.encode(TEXTS)
    return vectors, model.similarity(vectors, vectors).numpy()


def lines(texts: list[str]) -> str:
    return "".join(f"{text}\n" for text in texts)


def ranked(similarities: NDArray[np.float32], *, without: int | None = None) -> list[int]:
    """The order of the items, most similar first."""
    order = np.argsort(-similarities, kind="stable").tolist()
    return [int(index) for index in order if index != without]


def test_similarity_is_that_of_the_model(table: Path, measure: str, tmp_path: Path) -> None:
    _, expected = theirs(table)
    found = records(invoke("similarity", "-m", str(table), stdin=lines(TEXTS)))
    assert np.abs(np.asarray([record["similarities"] for record in found]) - expected).max() < CLOSE
    assert {record["nlptool"]["similarity"]["measure"] for record in found} == {measure}
    nearest = records(invoke("similarity", "-m", str(table), "-k", "3", stdin=lines(TEXTS)))
    for row, record in enumerate(nearest):
        assert [neighbor["index"] for neighbor in record["neighbors"]] == ranked(expected[row], without=row)[:3]
    pairs = lines([f"{first}\t{second}" for first in TEXTS[:2] for second in TEXTS[2:]])
    found = records(invoke("similarity", "-m", str(table), "--pairs", stdin=pairs))
    assert [record["similarity"] for record in found] == pytest.approx(expected[:2, 2:].ravel().tolist(), abs=CLOSE)
    least = float(np.sort(expected[np.triu_indices(len(TEXTS), 1)])[-4]) - CLOSE
    found = records(invoke("similarity", "-m", str(table), f"--threshold={least}", stdin=lines(TEXTS)))
    assert len(found) == 4
    against = tmp_path / "against.txt"
    against.write_text(lines(TEXTS[3:]))
    found = records(invoke("similarity", "-m", str(table), "--against", str(against), stdin=lines(TEXTS)))
    assert np.abs(np.asarray([record["similarities"] for record in found]) - expected[:, 3:]).max() < CLOSE


def test_search_ranks_by_it_with_and_without_an_index(table: Path, measure: str, tmp_path: Path) -> None:
    _, expected = theirs(table)
    corpus, index = tmp_path / "corpus.txt", tmp_path / "index"
    corpus.write_text(lines(TEXTS[:4]))
    assert invoke("index", "build", "-m", str(table), "-o", str(index), str(corpus)).exit_code == 0
    corpus.write_text(lines(TEXTS))
    assert invoke("index", "update", str(index)).exit_code == 0
    (about,) = records(invoke("index", "info", str(index), "-f", "jsonl"))
    assert about["measure"] == measure
    for place in (["--corpus", str(corpus), "-m", str(table)], ["--corpus", str(index)]):
        found = records(invoke("search", *place, stdin=lines(TEXTS)))
        for row, record in enumerate(found):
            order = ranked(expected[row])
            assert [neighbor["text"] for neighbor in record["neighbors"]] == [TEXTS[index] for index in order]
            values = [neighbor["similarity"] for neighbor in record["neighbors"]]
            assert values == pytest.approx(expected[row][order].tolist(), abs=CLOSE)
            assert record["nlptool"]["search"]["measure"] == measure


def test_records_bring_the_measure_of_their_vectors(table: Path, measure: str, tmp_path: Path) -> None:
    vectors, expected = theirs(table)
    embedded = invoke("embed", "-m", str(table), stdin=lines(TEXTS))
    said = [record["nlptool"]["embed"].get("measure", "cosine") for record in records(embedded)]
    assert said == [measure] * len(TEXTS)
    found = records(invoke("similarity", stdin=embedded.stdout))
    assert np.abs(np.asarray([record["similarities"] for record in found]) - expected).max() < CLOSE
    np.save(tmp_path / "vectors.npy", vectors)
    for typed, wanted in (((), "cosine"), (("-m", str(table)), measure)):  # bare rows say nothing of their model
        found = records(invoke("similarity", *typed, str(tmp_path / "vectors.npy")))
        assert found[0]["nlptool"]["similarity"]["measure"] == wanted
    index = tmp_path / "index"
    rows = str(tmp_path / "vectors.npy")
    assert invoke("index", "build", "-m", str(table), "-o", str(index), rows).exit_code == 0
    (answer,) = records(invoke("search", TEXTS[0], "--corpus", str(index)))
    assert [neighbor["index"] for neighbor in answer["neighbors"]] == ranked(expected[0])


@pytest.mark.parametrize("asked", MEASURES)
def test_another_measure_can_be_asked_for(table: Path, tmp_path: Path, asked: str) -> None:
    configure(table, similarity_fn_name="dot")
    vectors, _ = theirs(table)
    expected = scores(prepare(vectors, asked), prepare(vectors, asked), asked)
    corpus, index = tmp_path / "corpus.txt", tmp_path / "index"
    corpus.write_text(lines(TEXTS))
    found = records(invoke("similarity", "-m", str(table), "--measure", asked, str(corpus)))
    assert np.abs(np.asarray([record["similarities"] for record in found]) - expected).max() < CLOSE
    for own in (asked, "dot"):  # vectors that are kept as they are can be compared by any measure
        assert (
            invoke(
                "index", "build", "-m", str(table), "--measure", own, "-o", str(index), str(corpus)
            ).exit_code
            == 0
        )  # fmt: skip
        for place in (["--corpus", str(index)], ["--corpus", str(corpus), "-m", str(table)]):
            (answer,) = records(invoke("search", TEXTS[2], *place, "--measure", asked))
            assert [neighbor["index"] for neighbor in answer["neighbors"]] == ranked(expected[2])
            values = [neighbor["similarity"] for neighbor in answer["neighbors"]]
            assert values == pytest.approx(np.sort(expected[2])[::-1].tolist(), abs=CLOSE)


def test_an_index_of_unit_vectors_refuses_a_measure_of_lengths(table: Path, tmp_path: Path) -> None:
    configure(table, similarity_fn_name="cosine")
    index = str(tmp_path / "index")
    assert invoke("index", "build", "-m", str(table), "-o", index, stdin=lines(TEXTS)).exit_code == 0
    for asked in ("dot", "euclidean", "manhattan"):
        done = invoke("search", "cat", "--corpus", index, "--measure", asked)
        assert (done.exit_code, done.stdout) == (1, "")
        assert "was built for cosine: its vectors have lost their lengths" in done.stderr
        assert f"index build --measure {asked}" in done.stderr
    assert invoke("search", "cat", "--corpus", index, "--measure", "pearson").exit_code == 0
    path = Path(index) / "index.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "measure": "loudness"}))
    done = invoke("search", "cat", "--corpus", index)
    assert done.exit_code == 4
    assert "is damaged" in done.stderr


def test_a_measure_that_nobody_knows_is_the_cosine(table: Path) -> None:
    """As sentence-transformers takes it."""
    for value in (None, "loudness", 3):
        configure(table, similarity_fn_name=value)
        found = records(invoke("similarity", "-m", str(table), stdin=lines(TEXTS[:2])))
        assert found[0]["nlptool"]["similarity"]["measure"] == "cosine"


def test_ratings_are_compared_by_it(table: Path) -> None:
    pairs = lines([f"{first}\t{second}\t{number}" for number, (first, second) in enumerate(itertools.pairwise(TEXTS))])
    for own in OWN:
        configure(table, similarity_fn_name=own)
        (of_model,) = records(invoke("evaluate", "sts", "-m", str(table), "-f", "jsonl", stdin=pairs))
        assert of_model["measure"] == own
        (asked,) = records(invoke("evaluate", "sts", "-m", str(table), "--measure", own, "-f", "jsonl", stdin=pairs))
        assert asked == of_model
    (shown,) = records(invoke("models", "show", str(table), "-f", "jsonl"))
    assert shown["measure"] == "manhattan"
