"""Our own format and the search in it, against gensim and slow loops."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import word_models
from gensim.models import KeyedVectors
from gensim.models.fasttext import FastTextKeyedVectors
from hypothesis import given, settings
from hypothesis import strategies as st

from nlptool.errors import ModelError, RunError
from nlptool.geometry.top_k import TopK, normalize
from nlptool.models.words import evaluation as word_evaluation
from nlptool.models.words import vectors as word_vectors
from nlptool.models.words.ngrams import Ngrams, buckets
from nlptool.models.words.vectors import WordVectors
from nlptool.storage import folders


def gensim_of(vectors: WordVectors) -> KeyedVectors:
    peer = KeyedVectors(vectors.dimension)
    everything = np.arange(vectors.n_words)
    peer.add_vectors(vectors.words, vectors.vector(everything))
    return peer


def test_words_and_vectors_come_back_as_they_were(tmp_path: Path) -> None:
    given = np.random.default_rng(1).normal(size=(10, 7)).astype(np.float32)
    vectors = WordVectors(word_models.write(tmp_path / "v", given, counts=range(10, 0, -1)))
    everything = np.arange(10)
    assert vectors.words == list(word_models.WORDS)
    assert [vectors.word(i) for i in range(10)] == list(word_models.WORDS)
    assert [vectors.index(word) for word in word_models.WORDS] == list(range(10))
    assert vectors.vector(everything).tobytes() == given.tobytes()
    np.testing.assert_allclose(np.linalg.norm(vectors.unit(everything), axis=1), 1, rtol=1e-6)
    assert vectors.counts is not None and vectors.counts.tolist() == list(range(10, 0, -1))


def test_a_word_is_found_as_a_whole_alone(tmp_path: Path) -> None:
    vectors = WordVectors(word_models.write(tmp_path / "v", np.eye(10)))
    unknown = ["kin", "ing", "", "New", "York", "\n", "king\nqueen", "\ud800", "KING"]
    assert [vectors.index(word) for word in unknown] == [None] * len(unknown)
    for _ in range(40):  # by now in a dict
        vectors.index("king")
    assert [vectors.index(word) for word in unknown] == [None] * len(unknown)
    assert vectors.index("New York") == 6


@pytest.mark.parametrize(("precision", "tolerance"), [("float16", 1e-3), ("int8", 1e-2)])
def test_smaller_precisions_keep_unit_length_and_nearly_the_direction(
    tmp_path: Path, precision: str, tolerance: float
) -> None:
    words, given = word_models.random(300, 50)
    given[5] = 0
    vectors = WordVectors(word_models.write(tmp_path / "v", given, words, precision=precision))
    unit = vectors.unit(np.arange(300))
    assert vectors.precision == precision
    assert not unit[5].any()
    lengths = np.linalg.norm(np.delete(unit, 5, axis=0), axis=1)
    np.testing.assert_allclose(lengths, 1, atol=1e-6 if precision == "int8" else 1e-3)
    assert np.sum(np.delete(unit, 5, 0) * normalize(np.delete(given, 5, 0)), axis=1).min() > 1 - tolerance


@pytest.mark.parametrize("name", ["vectors.npy", "norms.npy", "words.txt", "vectors.json"])
@pytest.mark.parametrize("cut", [0, 0.5])
def test_a_damaged_folder_is_refused_with_a_reason(tmp_path: Path, name: str, cut: float) -> None:
    folder = word_models.write(tmp_path / "v", np.eye(10))
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: int(len(data) * cut)])
    with pytest.raises(ModelError, match="damaged"):
        WordVectors(folder)


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    folder = word_models.write(tmp_path / "v", np.eye(10))
    about = json.loads((folder / "vectors.json").read_text())
    (folder / "words.txt").write_text("one\ntwo\n")
    about["files"]["words.txt"] = 8
    (folder / "vectors.json").write_text(json.dumps(about))
    with pytest.raises(ModelError, match="different numbers of words"):
        WordVectors(folder)


def test_words_that_are_not_utf8_and_columns_of_another_length_are_refused(tmp_path: Path) -> None:
    for name, damage in (("words.txt", lambda data: b"\xff" + data[1:]), ("counts.npy", None)):
        folder = word_models.write(tmp_path / name, np.eye(10), counts=range(10))
        if damage is not None:
            (folder / name).write_bytes(damage((folder / name).read_bytes()))
        else:
            np.save(folder / name, np.arange(9))
            about = json.loads((folder / "vectors.json").read_text())
            about["files"][name] = (folder / name).stat().st_size
            (folder / "vectors.json").write_text(json.dumps(about))
        with pytest.raises(ModelError, match="damaged"):
            WordVectors(folder)


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    folder = word_models.write(tmp_path / "v", np.eye(10))
    about = json.loads((folder / "vectors.json").read_text())
    (folder / "vectors.json").write_text(json.dumps(about | {"format": 4}))
    with pytest.raises(ModelError, match="format 4, written by a newer nlptool"):
        WordVectors(folder)


def test_what_is_no_folder_of_vectors_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    with pytest.raises(RunError, match="holds something else"):
        word_models.write(tmp_path / "mine", np.eye(10))
    with pytest.raises(RunError, match="is a file"):
        word_models.write(tmp_path / "mine" / "thesis.txt", np.eye(10))
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "years of work"


def test_an_older_folder_stays_where_writing_fails_and_is_replaced_as_a_whole_where_not(tmp_path: Path) -> None:
    folder = word_models.write(tmp_path / "v", np.eye(10), note="old")

    def fails(work: Path) -> None:
        (work / "vectors.npy").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(RunError, match="No space left on device"):
        folders.replace_folder(folder, word_vectors.MANIFEST, fails)
    assert WordVectors(folder).about["note"] == "old"
    word_models.write(folder, np.eye(10), note="new")
    assert WordVectors(folder).about["note"] == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["v"]


def test_3cosadd_gives_what_gensim_gives(tmp_path: Path) -> None:
    words, given = word_models.random(3000, 20)
    vectors = WordVectors(word_models.write(tmp_path / "v", given, words))
    peer = gensim_of(vectors)
    questions = np.random.default_rng(2).integers(0, 3000, size=(40, 3))
    units = vectors.unit(questions.ravel()).reshape(40, 3, 20)
    sums = normalize(units[:, 0] - units[:, 1] + units[:, 2])
    indices, scores = vectors.nearest(sums, 10, exclude=questions.tolist())
    for (a, b, c), where, cosines in zip(questions, indices, scores, strict=True):
        theirs = peer.most_similar(positive=[words[a], words[c]], negative=[words[b]], topn=10)
        assert [words[i] for i in where] == [word for word, _ in theirs]
        np.testing.assert_allclose(cosines, [cosine for _, cosine in theirs], atol=1e-6)


@pytest.mark.filterwarnings("ignore:Call to deprecated")  # gensim calls its own
def test_3cosmul_gives_what_gensim_gives(tmp_path: Path) -> None:
    words, given = word_models.random(3000, 20)
    vectors = WordVectors(word_models.write(tmp_path / "v", given, words))
    peer = gensim_of(vectors)
    questions = np.random.default_rng(3).integers(0, 3000, size=(40, 3))
    units = vectors.unit(questions.ravel()).reshape(40, 3, 20)
    indices, scores = vectors.nearest_by_product(units[:, [0, 2]], units[:, [1]], 10, exclude=questions.tolist())
    for (a, b, c), where, products in zip(questions, indices, scores, strict=True):
        theirs = peer.most_similar_cosmul(positive=[words[a], words[c]], negative=[words[b]], topn=10)
        assert [words[i] for i in where] == [word for word, _ in theirs]
        np.testing.assert_allclose(products, [score for _, score in theirs], rtol=1e-5, atol=1e-6)


def test_only_the_first_words_are_answers_with_restrict(tmp_path: Path) -> None:
    words, given = word_models.random(500, 8)
    vectors = WordVectors(word_models.write(tmp_path / "v", given, words))
    indices, scores = vectors.nearest(vectors.unit([400]), 30, restrict=20, exclude=[[3]])
    assert set(indices[0].tolist()) == {-1, *range(20)} - {3}
    assert np.isneginf(scores[0, 19:]).all()


def test_the_blocks_of_the_search_do_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words, given = word_models.random(2000, 10)
    vectors = WordVectors(word_models.write(tmp_path / "v", given, words))
    queries = vectors.unit(np.arange(50))
    whole = vectors.nearest(queries, 7)
    monkeypatch.setattr(word_vectors, "_BLOCK_SCORES", 50 * 256)
    cut = vectors.nearest(queries, 7)
    np.testing.assert_array_equal(whole[0], cut[0])
    np.testing.assert_allclose(whole[1], cut[1], atol=1e-6)


@given(
    scores=st.integers(1, 4).flatmap(
        lambda rows: st.lists(
            st.lists(st.sampled_from([-np.inf, -1.0, 0.0, 0.5, 2.0]), min_size=rows, max_size=rows),
            min_size=1,
            max_size=40,
        )
    ),
    k=st.integers(1, 6),
    cuts=st.sets(st.integers(1, 39)),
    order=st.sampled_from("CF"),
)
@settings(max_examples=200, deadline=None)
def test_topk_is_a_stable_sort_however_the_columns_are_cut(
    scores: list[list[float]], k: int, cuts: set[int], order: Literal["C", "F"]
) -> None:
    matrix = np.asarray(scores, np.float32).T
    best = TopK(len(matrix), k)
    ends = sorted(cut for cut in cuts if cut < matrix.shape[1])
    for start, end in zip([0, *ends], [*ends, matrix.shape[1]], strict=True):
        best.add(np.asarray(matrix[:, start:end], order=order), start)
    columns, found = best.result()
    for row, where, values in zip(matrix, columns, found, strict=True):
        best_first = [i for i in np.argsort(-row, kind="stable") if row[i] > -np.inf][:k]
        assert where.tolist() == best_first + [-1] * (k - len(best_first))
        assert values.tolist() == [*row[best_first], *[-np.inf] * (k - len(best_first))]


def test_frequencies_are_those_of_the_corpus_or_fall_with_the_rank(tmp_path: Path) -> None:
    counted = WordVectors(word_models.write(tmp_path / "c", np.eye(4), "abcd", counts=[60, 30, 5, 5], n_tokens=200))
    np.testing.assert_allclose(counted.frequencies(np.arange(4)), [0.3, 0.15, 0.025, 0.025])
    words, given = word_models.random(1000, 4)
    ranked = WordVectors(word_models.write(tmp_path / "r", given, words)).frequencies(np.arange(1000))
    assert ranked.sum() == pytest.approx(1, abs=0.01)
    assert ranked[0] / ranked[9] == pytest.approx(10)


@given(
    word=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12),
    lengths=st.sampled_from([(1, 3), (3, 6), (2, 2), (1, 1)]),
)
@settings(max_examples=200, deadline=None)
def test_ngrams_are_numbered_as_fasttext_does(word: str, lengths: tuple[int, int]) -> None:
    from gensim.models.fasttext_inner import compute_ngrams_bytes, ft_hash_bytes

    theirs = [ft_hash_bytes(ngram) % 1000 for ngram in compute_ngrams_bytes(word, *lengths)]
    first, ours = buckets([b"other", word.encode(), b"x"], *lengths, 1000)
    assert ours[first[1] : first[2]].tolist() == theirs


def test_the_vector_of_an_unknown_word_is_gensims() -> None:
    peer = FastTextKeyedVectors(vector_size=6, min_n=1, max_n=3, bucket=50)
    peer.vectors_ngrams = np.random.default_rng(4).normal(size=(50, 6)).astype(np.float32)
    peer.add_vectors(["x"], np.ones((1, 6), np.float32))
    ours = Ngrams(peer.vectors_ngrams, 1, 3)
    for word in ("言語学", "a", "unfathomable"):
        np.testing.assert_allclose(ours.vector(word), peer.get_vector(word), rtol=1e-5)
    assert Ngrams(peer.vectors_ngrams, 9, 9).vector("a") is None


def test_analogies_are_judged_as_gensim_does(tmp_path: Path) -> None:
    words, given = word_models.random(400, 6)
    words[:6] = ["King", "KING", "king", "Man", "woman", "queen"]
    vectors = WordVectors(word_models.write(tmp_path / "v", given, words))
    generator = np.random.default_rng(5)
    questions = [tuple(words[i] for i in generator.integers(0, 400, 4)) for _ in range(300)]
    # Every other question gets the answer that is nearest, so that there is something to be right about.
    for n in range(0, 300, 2):
        a, b, c, _ = questions[n]
        best = gensim_of(vectors).most_similar(positive=[b, c], negative=[a], topn=8, restrict_vocab=300)
        spoken = {a.upper(), b.upper(), c.upper()}
        questions[n] = (a, b, c, next(word for word, _ in best if word.upper() not in spoken))
    path = tmp_path / "questions.txt"
    path.write_text(": all\n" + "".join(" ".join(question) + "\n" for question in questions))
    for fold in (True, False):
        accuracy, sections = gensim_of(vectors).evaluate_word_analogies(
            str(path), restrict_vocab=300, case_insensitive=fold
        )
        vocabulary = word_evaluation.Vocabulary(vectors, 300, fold=fold)
        found = word_evaluation.analogies(vocabulary, questions)
        assert (found == 1).sum() == len(sections[0]["correct"])
        assert (found == 0).sum() == len(sections[0]["incorrect"])
        assert accuracy == pytest.approx((found == 1).sum() / (found >= 0).sum())
        assert (found == -1).sum() > 50


def test_similarities_are_cosines_and_unknown_words_none(tmp_path: Path) -> None:
    words, given = word_models.random(50, 6)
    vectors = WordVectors(word_models.write(tmp_path / "v", given, words))
    vocabulary = word_evaluation.Vocabulary(vectors, 40, fold=False)
    found = list(word_evaluation.similarities(vocabulary, [("w1", "w2"), ("w1", "w45"), ("w3", "w3")]))
    assert found[0] == pytest.approx(gensim_of(vectors).similarity("w1", "w2"), abs=1e-6)
    assert found[1] is None
    assert found[2] == pytest.approx(1, abs=1e-6)
