"""Vectors of tokens in context: those of transformers' hidden states, whatever the tokenizer, the engine and the length."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import masked_models
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModel, AutoTokenizer

from nlptool.errors import ModelError
from nlptool.models.contextual import loading
from nlptool.models.contextual.model import ContextualModel
from nlptool.models.contextual.pooling import pool
from nlptool.models.japanese import bert_words
from nlptool.models.japanese.words import places as word_places
from nlptool.models.runtime.windows import most_context, windows
from nlptool.models.store import locate
from nlptool.specs import ContextualSpec

KINDS = ("bert", "bert-japanese", "roberta", "xlm-roberta", "modernbert", "albert")
TEXTS = [
    "A plane is taking off.",
    "夢を見た。",
    "a",
    "",
    "The cat, a man  and a dog sing.\u3000腕組をして枕元に坐っていると",
]
SIGNS = "がはﾊﾟﾞ゚㌔①ｶABCİßΣfiﬁ \u3000\t猫魚食べる。😀👨\u200d👩\u200d👧e\u0301か\u3099\u0000🎌ＡＢＣé, Thecat"


@pytest.fixture(scope="module", params=KINDS)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return masked_models.save(request.param, tmp_path_factory.mktemp("model") / request.param)


def load(folder: Path | str, engine: str = "auto", **more: Any) -> ContextualModel:
    return loading.load(ContextualSpec(str(folder), engine=engine, threads=1, **more))


@torch.inference_mode()
def plainly(folder: Path, text: str) -> np.ndarray:
    """The hidden states (T, L + 1, D) of a text by transformers, without special tokens."""
    words = bert_words.settings(folder)
    own = AutoTokenizer.from_pretrained(str(folder), **(bert_words.arguments(words) if words else {}))
    network = AutoModel.from_pretrained(str(folder)).eval()
    ids = own(text, return_tensors="pt").input_ids
    states = torch.stack(network(input_ids=ids, output_hidden_states=True).hidden_states, dim=2)[0]
    return states[1:-1].numpy()  # type: ignore[no-any-return]


@pytest.mark.parametrize("engine", ["onnx", "torch"])
def test_they_are_the_hidden_states_of_transformers(folder: Path, engine: str) -> None:
    model = load(folder, engine)
    assert (model.engine, model.n_layers, model.dimension) == (engine, 2, 32)
    every = model.vectors(model.read(TEXTS), range(3))
    last = model.vectors(model.read(TEXTS), [2, 0])
    for text, all_layers, chosen in zip(TEXTS, every, last, strict=True):
        if text:
            assert np.allclose(all_layers, plainly(folder, text), atol=1e-4), text
        assert np.allclose(chosen, all_layers[:, [2, 0]], atol=1e-5)
    assert every[3].shape == (0, 3, 32)


def test_places_are_within_the_text_in_order_and_reach_every_letter(folder: Path) -> None:
    model = load(folder, "torch")
    chance = random.Random(1)
    texts = ["".join(chance.choices(SIGNS, k=chance.randrange(12))) for _ in range(2000)]
    for text, read in zip(texts, model.read(texts), strict=True):
        assert len(read.ids) == len(read.places) == len(read.words)
        before = 0
        for start, end in read.places:
            assert 0 <= start <= end <= len(text), text
            assert start >= before
            assert text[start:end] == text[start:end].strip(), text
            before = start
        if "bert-characters" not in str(folder):
            covered = {place for start, end in read.places for place in range(start, end)}
            assert all(place in covered for place, sign in enumerate(text) if sign in "猫魚食べる。ABCThecat"), text


def test_words_are_found_at_their_pieces(tmp_path: Path) -> None:
    model = load(masked_models.save("bert-japanese", tmp_path / "model"), "torch")
    text = "ＡＢＣの㌔　腕組をして、か\u3099"
    (read,) = model.read([text])
    shown = [text[start:end] for start, end in read.places]
    assert shown[-1] == "か\u3099"
    assert "㌔" in shown
    assert "".join(dict.fromkeys(shown)) == "ＡＢＣの㌔腕組をして、か\u3099"
    places = word_places(text)
    assert [text[start:end] for start, end in places][:3] == ["ＡＢＣ", "の", "㌔"]
    (vectors,) = model.vectors([read], [2])
    for way in ("mean", "first"):
        found, has_vector = pool(vectors, read.places, places, way)
        assert has_vector.all()
        for (start, end), vector in zip(places, found, strict=True):
            own = [vectors[i] for i, (a, b) in enumerate(read.places) if a < b and a < end and b > start]
            assert np.allclose(vector, np.mean(own, axis=0) if way == "mean" else own[0], atol=1e-6)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=12), st.randoms())
def test_pooling_equals_a_slow_one(steps: list[tuple[int, int]], chance: random.Random) -> None:
    """Pieces that overlap, are empty, or leave gaps; words that have none."""
    pieces, start = [], 0
    for step, length in steps:
        start += step
        pieces.append((start, start + length))
    words, end = [], 0
    while end < start + 3:
        begin = end + chance.randrange(2)
        end = begin + chance.randint(1, 3)
        words.append((begin, end))
    vectors = np.arange(2.0 * len(pieces), dtype=np.float32).reshape(-1, 2) ** 2
    for way in ("mean", "first"):
        found, has_vector = pool(vectors, pieces, words, way)
        ends = np.maximum.accumulate([b for _, b in pieces] or [0])
        for number, (begin, stop) in enumerate(words):
            own = [vectors[i] for i, (a, b) in enumerate(pieces) if a < b and a < stop and ends[i] > begin]
            assert has_vector[number] == bool(own)
            if own and all(a < b for a, b in pieces):
                assert np.allclose(found[number], np.mean(own, axis=0) if way == "mean" else own[0])
            if not own:
                assert np.isnan(found[number]).all()


@given(st.lists(st.integers(1, 5), max_size=40), st.integers(5, 12), st.sampled_from([0.0, 0.25, 0.4]))
def test_windows_hold_every_part_and_each_is_read_farthest_from_a_border(
    sizes: list[int], room: int, overlap: float
) -> None:
    found = windows(sizes, room, overlap=overlap)
    assert [part for part in range(len(sizes)) if not any(a <= part < b for a, b in found)] == []
    assert all(sum(sizes[a:b]) <= room for a, b in found)
    assert [a for a, _ in found] == sorted({a for a, _ in found})
    n_parts = len(sizes)
    for part, chosen in enumerate(most_context(found)):
        margins = [
            min(part - a if a else n_parts, b - 1 - part if b < n_parts else n_parts) if a <= part < b else -1
            for a, b in found
        ]
        assert chosen == margins.index(max(margins))


def test_a_long_text_is_read_in_windows(tmp_path: Path) -> None:
    folder = masked_models.save("bert", tmp_path / "model")
    model = load(folder, max_length=48)
    text = " ".join(["the cat sat on a plane"] * 20)
    (read,) = model.read([text])
    in_windows = model.windows(read)
    assert len(in_windows) > 3
    (found,) = model.vectors([read], [2])
    best = most_context(in_windows)
    for number, (first, end) in enumerate(in_windows):
        ids = model.texts.model_input(read.ids[first:end]).ids
        with torch.inference_mode():
            alone = (
                AutoModel.from_pretrained(str(folder)).eval()(input_ids=torch.tensor([ids])).last_hidden_state[0, 1:-1]
            )
        mine = [piece for piece in range(first, end) if best[piece] == number]
        assert mine
        assert np.allclose(found[mine, 0], alone[[piece - first for piece in mine]], atol=1e-4)
    words = word_places(text)
    starts = {start for start, _ in words}
    assert {read.places[first][0] for first, _ in in_windows} <= starts  # no word is divided


def test_the_built_in_graphs_give_what_torch_gives() -> None:
    texts = ["猫が魚を食べる。🎉", "The cat eats a fish."]
    for name in ("bert-mini-ja", "bert-mini-en", "sbert-mini-ja-en", "all-MiniLM-L6-v2"):
        ours, theirs = load(name, "onnx"), load(name, "torch")
        layers = range(ours.n_layers + 1)
        for a, b in zip(
            ours.vectors(ours.read(texts), layers), theirs.vectors(theirs.read(texts), layers), strict=True
        ):
            assert np.allclose(a, b, atol=1e-4), name


def test_what_has_no_context_is_refused(tmp_path: Path) -> None:
    for name, reason in (
        ("static-ja-en", "a table of token vectors: a word has the same vector in every context"),
        ("aozora-100d", "word vectors: a word has the same vector in every context"),
        ("mini-ja-en", "has no vectors of tokens in their context"),
    ):
        with pytest.raises(ModelError, match=reason) as caught:
            load(name)
        assert "bert-mini-ja" in str(caught.value.hint)
    from transformers import GPT2Config, GPT2LMHeadModel

    GPT2LMHeadModel(GPT2Config(vocab_size=9, n_embd=8, n_layer=1, n_head=1)).save_pretrained(tmp_path / "gpt")
    with pytest.raises(ModelError, match="is a decoder"):
        load(tmp_path / "gpt")


def test_a_model_that_is_shipped_packed_is_found_with_its_graph() -> None:
    located = loading.locate(ContextualSpec("bert-mini-ja", threads=1))
    assert located.weights == locate.packaged(loading.catalog.KNOWN["bert-mini-ja"], packed=True)
    assert located.graph == located.weights / "contextual"
