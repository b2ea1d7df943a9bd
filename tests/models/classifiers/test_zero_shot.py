"""Labels compared with texts: how labels are read, and cosines that can be checked by hand."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlptool.errors import RecordError, RunError, WrongUsage
from nlptool.models.classifiers import zero_shot
from nlptool.models.encoders.encoder import NO_KNOWN_WORD, Embeddings


def encode(texts: Sequence[str]) -> Embeddings:
    """The vector of a text: how often it has an a, a b and a c."""
    vectors = np.array([[text.count(letter) for letter in "abc"] for text in texts], np.float32)
    n = len(texts)
    no_vector = {number: NO_KNOWN_WORD for number, text in enumerate(texts) if text == "unknown"}
    errors = {number: RecordError("Bad", "it fails") for number, text in enumerate(texts) if text == "fails"}
    return Embeddings(vectors, [1] * n, [False] * n, [1] * n, None, no_vector, errors)


@pytest.mark.parametrize(
    "text",
    [
        "スポーツ,政治,経済", "スポーツ、政治，経済", "スポーツ､政治､経済", " スポーツ , 政治　,\u3000経済",
    ],
)  # fmt: skip
def test_labels_stand_between_commas(text: str) -> None:
    assert zero_shot.read_labels(text) == {"スポーツ": "スポーツ", "政治": "政治", "経済": "経済"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,,b", "label 2 of 3 is empty"),
        ("a,b、", "label 3 of 3 is empty"),
        ("a", "two labels are the fewest"),
        ("", "two labels are the fewest"),
        ("a,b, a", "the label 'a' is there twice"),
    ],
)
def test_labels_that_cannot_be_chosen_from(text: str, message: str) -> None:
    with pytest.raises(WrongUsage, match=message):
        zero_shot.read_labels(text)


@given(st.text())
def test_any_text_is_labels_or_wrong_usage(text: str) -> None:
    try:
        labels = zero_shot.read_labels(text)
    except WrongUsage:
        return
    assert len(labels) > 1
    assert all(label == label.strip() != "" and said == label for label, said in labels.items())


def test_a_file_has_labels_and_descriptions(tmp_path: Path) -> None:
    path = tmp_path / "labels.txt"
    path.write_text("スポーツ\t野球やサッカーの試合。\n\n 政治 \n経済\t\n", encoding="utf-8")
    assert zero_shot.read_labels_file(str(path)) == {
        "スポーツ": "野球やサッカーの試合。", "政治": "政治", "経済": "経済",
    }  # fmt: skip


def test_a_file_of_labels_may_be_compressed_and_in_another_encoding(tmp_path: Path) -> None:
    path = tmp_path / "labels.gz"
    path.write_bytes(gzip.compress("政治\t国会と内閣\r\n経済\t株価と為替\r\n".encode("cp932")))
    assert zero_shot.read_labels_file(str(path)) == {"政治": "国会と内閣", "経済": "株価と為替"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a\nb\na\tagain\n", ":3: the label 'a' is in line 1 already"),
        ("a\n\tno label\n", ":2: there is no label before the tab"),
        ("a\tb\tc\n", ":1: 2 tabs"),
        ("a\n", "only one label; two are the fewest"),
        ("\n \n", "no labels; two are the fewest"),
    ],
)
def test_a_file_that_cannot_be_chosen_from(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "labels.txt"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(RunError, match=message):
        zero_shot.read_labels_file(str(path))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="No such file"):
        zero_shot.read_labels_file(str(tmp_path / "none"))


def test_a_text_belongs_to_the_label_with_the_highest_cosine() -> None:
    labels = zero_shot.label_vectors({"A": "a", "B and C": "bc"}, encode, model="letters")
    texts = encode(["aaa", "b", "abc", "xyz"]).vectors
    similarities = zero_shot.similarities(texts, labels)
    assert similarities == pytest.approx(np.array([[1, 0], [0, 0.5**0.5], [3**-0.5, 2 / 6**0.5], [0, 0]]), abs=1e-6)
    assert similarities.dtype == np.float32
    assert zero_shot.best(similarities).tolist() == [0, 1, 1, 0]
    assert zero_shot.similarities(texts[:0], labels).shape == (0, 2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("unknown", "the label 'B' has no vector in letters \\(no known word\\)"),
        ("xyz", "the label 'B' has no vector in letters \\(a vector of zeros\\)"),
        ("fails", "the label 'B': it fails"),
    ],
)
def test_a_label_without_a_vector_is_an_error(text: str, message: str) -> None:
    with pytest.raises(RunError, match=message):
        zero_shot.label_vectors({"A": "a", "B": text}, encode, model="letters")
