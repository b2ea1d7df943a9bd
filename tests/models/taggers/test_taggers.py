"""Taggers of every architecture give transformers' logits; entities are spans of the user's characters; windows overlap."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import masked_models
import numpy as np
import pytest
import tagger_models
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from nlptool.errors import ModelError
from nlptool.models.heads import folder as heads_folder
from nlptool.models.heads.folder import CLASSIFIER, TAGGER
from nlptool.models.heads.task import TAGS, Task
from nlptool.models.japanese import bert_words
from nlptool.models.runtime import transformers_loading
from nlptool.models.taggers import loading
from nlptool.models.taggers import tagger as taggers
from nlptool.models.taggers.pieces import Window, WordPieces
from nlptool.models.taggers.schemes import violations
from nlptool.models.taggers.tagger import Tagger
from nlptool.models.taggers.words import words_of
from nlptool.specs import TaggerSpec

TEXTS = ["猫が好きです。", "The cat, a plane and U.N. officials sing.", "x", "long and " * 40]
ENTITIES = Task("", TAGS, 1, tagger_models.LABELS, "f1", "iob2")


@pytest.mark.parametrize("kind", ["bert", "bert-japanese", "deberta"])
def test_logits_are_those_of_transformers(kind: str, tmp_path: Path) -> None:
    folder = tagger_models.save(kind, tmp_path / kind)
    for engine in ("onnx", "torch"):
        tagger = loading.locate(TaggerSpec(str(folder), engine=engine, device="cpu", max_length=60)).open()
        assert tagger.engine == engine
        (task,) = tagger.tasks.values()
        assert (task.labels, task.scheme) == (tagger_models.LABELS, "iob2")
        windows = [window for text in TEXTS for window in tagger._pieces.windows(text, words_of(text), overlap=0.2)]
        assert len(windows) > len(TEXTS)
        expected = tagger_models.logits(folder, [window.ids for window in windows])
        for window, ours, theirs in zip(windows, tagger._logits(windows, task), expected, strict=True):
            np.testing.assert_allclose(ours, theirs[window.first_pieces], atol=1e-4)


@pytest.mark.parametrize(
    ("labels", "scheme", "metric"),
    [
        (("LABEL_0", "LABEL_1", "LABEL_2"), "plain", "accuracy"),
        (("NOUN", "VERB"), "plain", "accuracy"),
        (("O", "I-PER", "I-LOC"), "io", "f1"),
        (("O", "PER", "LOC"), "io", "f1"),
        (("O", "B-MISC", "I-MISC", "B-PER", "I-PER"), "iob2", "f1"),
        (("B-PER", "I-PER", "E-PER", "S-PER", "O"), "bioes", "f1"),
    ],
)
def test_the_scheme_of_a_model_of_the_hub_is_that_of_its_labels(
    labels: tuple[str, ...], scheme: str, metric: str, tmp_path: Path
) -> None:
    folder = tagger_models.save("bert", tmp_path / "bert", labels)
    (task,) = heads_folder.tasks(folder, "bert", TAGGER)
    assert (task.labels, task.scheme, task.metric) == (labels, scheme, metric)
    tagger = loading.locate(TaggerSpec(str(folder), engine="torch", device="cpu")).open()
    (found,) = tagger.tag([TEXTS[1]], task)
    assert {*found.tags} <= {*labels}
    assert violations(found.tags, scheme) == [] if scheme != "plain" else True


def test_a_tagger_is_no_classifier_and_a_label_has_one_output(tmp_path: Path) -> None:
    folder = tagger_models.save("bert", tmp_path / "bert")
    with pytest.raises(ModelError, match=r"it was trained for tags of words") as raised:
        heads_folder.tasks(folder, "my-ner", CLASSIFIER)
    assert "nlptool tag -m my-ner runs it" in raised.value.hint
    twice = tagger_models.save("bert", tmp_path / "twice", ("O", "B-A", "B-A"))
    with pytest.raises(ModelError, match="two of its labels have one name"):
        heads_folder.tasks(twice, "twice", TAGGER)


class FakeNetwork:
    """A network small enough to be run ten thousand times: logits that follow from the ids and their places."""

    engine, batch_tokens = "onnx", 2000

    def __init__(self, n_tags: int) -> None:
        self.table = np.random.default_rng(0).normal(size=(997, n_tags)).astype(np.float32) * 3

    def __call__(self, ids: NDArray[np.int64], mask: Any, types: Any) -> list[NDArray[np.float32]]:
        assert ids.shape == mask.shape == types.shape
        places = np.arange(ids.shape[1])
        return [self.table[(ids * 7 + places * 13) % 997]]


def fake_tagger(folder: Path, task: Task, *, max_length: int) -> Tagger:
    with transformers_loading.silenced():
        tokenizer, own = transformers_loading.tokenizers(folder)
    about = {"max_length": max_length, "unknown_id": own.unk_token_id, "words": bert_words.settings(folder), "pad_id": 0,
             "masks": True}  # fmt: skip
    network: Any = FakeNetwork(len(task.labels))
    return Tagger(WordPieces(tokenizer, about), network, about, [task], TaggerSpec(""), name="fake", device="cpu")


_PIECES = (
    "猫", "が", "東京タワー", "ｶﾞｷﾞ", "ＡＢＣ", "㌔", "①", "ﬁ", "Å", "e\u0301", "が\u3099", "👩‍👩‍👧", "🇯🇵", "𠮷野家", "\u3000", " ",
    "\n", "\t", "\u200b", "\ufeff", "cat", "U.N.", "don't", "Ünïcode", "…", "。", "、", "『", "12,345", "\x00", "\u2028",
)  # fmt: skip


def random_text(numbers: random.Random) -> str:
    """Up to 20 pieces that normalisation, blanks or several code units of a character make difficult."""
    return "".join(numbers.choice(_PIECES) for _ in range(numbers.randrange(20)))


@pytest.mark.parametrize("kind", ["bert", "bert-japanese", "xlm-roberta"])
def test_entities_are_spans_of_the_users_characters(kind: str, tmp_path: Path) -> None:
    """Ten thousand random texts in all, in windows of 12 tokens."""
    task = ENTITIES
    if kind == "xlm-roberta":
        task = Task("", TAGS, 1, ("O", "B-A", "I-A", "E-A", "S-A"), "f1", "bioes")
    tagger = fake_tagger(masked_models.save(kind, tmp_path / kind), task, max_length=12)
    numbers = random.Random(kind)
    n_entities = n_windows = 0
    for _ in range(34):
        texts = [random_text(numbers) for _ in range(100)]
        for text, found in zip(texts, tagger.tag(texts, task), strict=True):
            assert violations(found.tags, task.scheme) == []
            assert len(found.tags) == len(found.scores) == len(found.words)
            assert ((found.scores > 0) & (found.scores <= 1.000001)).all()
            end = 0
            for entity in found.entities(text):
                assert entity["start"] >= end
                end = entity["end"]
                assert entity["text"] == text[entity["start"] : end] != ""
                assert not entity["text"][0].isspace()
                assert not entity["text"][-1].isspace()
                assert 0 < entity["score"] <= 1.000001
                n_entities += 1
            n_windows += found.n_windows > 1
    assert n_entities > 3000
    assert n_windows > 300


def joined_slowly(windows: Sequence[Window], n_words: int) -> list[tuple[int, int]]:
    """For each word the window, and the place in it, with the most words to the nearer border that is none of the text."""
    found = []
    for word in range(n_words):
        margins = []
        for number, window in enumerate(windows):
            first, end = window.first_word, window.first_word + len(window.first_pieces)
            if first <= word < end:
                left = n_words if first == 0 else word - first
                right = n_words if end == n_words else end - 1 - word
                margins.append((min(left, right), -number))
        best = -max(margins)[1]
        found.append((best, word - windows[best].first_word))
    return found


@given(st.lists(st.integers(1, 6), min_size=1, max_size=60), st.floats(0, 0.45))
@settings(max_examples=80)
def test_a_word_is_read_in_the_window_in_which_it_has_the_most_context(lengths: list[int], overlap: float) -> None:
    """A word at the border of a window is taken from the next one."""
    windows: list[Window] = []
    first, room = 0, 14
    while not windows or first < len(lengths):  # words of so many pieces, in windows of 14
        end, size = first, 0
        while end < len(lengths) and size + lengths[end] <= room:
            size += lengths[end]
            end += 1
        windows.append(Window([], first, list(range(end - first))))
        if end == len(lengths):
            break
        first = max(first + 1, end - int(overlap * (end - first)))
    logits = [
        np.array([[number, place] for place in range(len(window.first_pieces))], np.float32).reshape(-1, 2)
        for number, window in enumerate(windows)
    ]
    found = taggers._joined(windows, logits, len(lengths), 2)
    assert [tuple(map(int, row)) for row in found] == joined_slowly(windows, len(lengths))


def test_unknown_pieces_and_words_that_are_too_long_are_counted(tmp_path: Path) -> None:
    tagger = fake_tagger(masked_models.save("bert", tmp_path / "bert"), ENTITIES, max_length=16)
    (found,) = tagger.tag(["a \U00013000 cat " + "superlongword" * 7], ENTITIES)
    assert found.entry() == {"n_tokens": found.n_tokens, "n_unknown": 1, "n_cut": 1}
    assert found.words[-1][1] - found.words[-1][0] == 13 * 7
    (empty, short) = tagger.tag(["", "a"], ENTITIES)
    assert (list(empty.tags), empty.n_windows, empty.entities("")) == ([], 0, [])
    assert short.entry() == {"n_tokens": 3, "n_unknown": 0}
