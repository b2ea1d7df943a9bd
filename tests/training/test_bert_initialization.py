"""What a new BERT begins with: vectors of pieces from word2vec, heads that look at neighbours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from nlptool.training.bert import initialization
from nlptool.training.bert import network as bert_network
from nlptool.training.bert.corpus import Documents
from nlptool.training.bert.trainer import BertSettings, BertTraining

N_PIECES = 40


def network(*, layers: int = 2, hidden_size: int = 64, heads: int = 4) -> Any:
    torch.manual_seed(0)
    return bert_network.new(
        vocab_size=N_PIECES, layers=layers, hidden_size=hidden_size, heads=heads, intermediate_size=64, max_length=48,
        pad_id=0, nsp=True,
    )  # fmt: skip


def documents(lines: list[list[int]]) -> Documents:
    """One document of these lines."""
    ends = np.cumsum([0, *map(len, lines)])
    return Documents(np.concatenate(lines).astype(np.uint16), ends, np.array([0, len(lines)]))


def vectors(lines: list[list[int]], dim: int = 16, stop: Callable[[], bool] = lambda: False) -> Any:
    pieces = [f"piece{number}" for number in range(N_PIECES)]
    return initialization.word2vec_embeddings(documents(lines), pieces, dim, seed=1, report=lambda *_: None, stop=stop)


def test_each_head_of_the_first_layers_looks_at_its_neighbour() -> None:
    model = network(hidden_size=256).eval()
    initialization.initialize(model, np.ones(N_PIECES, np.int64), None, seed=1)
    model.set_attn_implementation("eager")
    ids = torch.randint(5, N_PIECES, (3, 48), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        attentions = model.bert(input_ids=ids, output_attentions=True).attentions
    for head, place in enumerate((-1, 1, -2, 2)):
        found = attentions[0][:, head]  # (B, T, T)
        for position in range(5, 43):
            assert (found[:, position].argmax(1) == position + place).all()
        assert found[:, 20, 20 + place].min() > 0.4
    for head, place in enumerate((-3, 3, -4, 4)):  # the second layer sees the first one's output, where it is less sure
        assert (attentions[1][:, head, 20].argmax(1) == 20 + place).all()


@pytest.mark.parametrize(
    ("hidden_size", "heads", "expected"), [(256, 4, 64), (768, 12, 64), (32, 1, 8), (12, 4, 2), (4, 4, 0)]
)
def test_the_position_has_dimensions_of_its_own(hidden_size: int, heads: int, expected: int) -> None:
    assert initialization.n_positional(hidden_size, heads) == expected
    model = network(hidden_size=hidden_size, heads=heads)
    initialization.initialize(model, np.ones(N_PIECES, np.int64), None, seed=1)
    embeddings = model.bert.embeddings
    assert not embeddings.word_embeddings.weight[:, hidden_size - expected :].any()
    assert not embeddings.position_embeddings.weight[:, : hidden_size - expected].any()
    ids = torch.arange(5, 25)[None]
    assert torch.isfinite(model(input_ids=ids).prediction_logits).all()


def test_the_first_answer_is_how_frequent_the_pieces_are() -> None:
    model = network().eval()
    counts = np.arange(N_PIECES) ** 3
    initialization.initialize(model, counts, None, seed=1)
    with torch.no_grad():
        model.bert.embeddings.word_embeddings.weight.zero_()  # which are the output's, too
        said = model(input_ids=torch.arange(5, 25)[None]).prediction_logits.softmax(-1)[0, 3]
    assert said.numpy() == pytest.approx((counts + 1) / (counts + 1).sum(), abs=1e-5)


def test_vectors_are_alike_where_pieces_are_and_zero_where_a_piece_never_comes() -> None:
    random = np.random.default_rng(1)
    lines = []
    for _ in range(4000):  # 5 and 6 stand among the first ones, 7 and 8 among the others
        first = random.random() < 0.5
        around = random.integers(10, 18, 6) if first else random.integers(20, 28, 6)
        lines.append([*around[:3].tolist(), int(random.choice([5, 6] if first else [7, 8])), *around[3:].tolist()])
    rows = vectors(lines)
    unit = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    assert unit[5] @ unit[6] > unit[5] @ unit[7] + 0.05
    assert unit[7] @ unit[8] > unit[7] @ unit[6] + 0.05
    assert not rows[[0, 1, 9, 30]].any()
    assert np.array_equal(rows, vectors(lines))


def test_vectors_stand_in_the_embeddings_at_one_length() -> None:
    model = network()
    rows = np.random.default_rng(1).normal(size=(N_PIECES, 48)).astype(np.float32)
    rows[7] = 0
    initialization.initialize(model, np.ones(N_PIECES, np.int64), rows, seed=1)
    found = model.bert.embeddings.word_embeddings.weight.detach().numpy()[:, :48]
    for piece in (5, 20):
        assert found[piece] / np.linalg.norm(found[piece]) == pytest.approx(
            rows[piece] / np.linalg.norm(rows[piece]), abs=1e-5
        )
        assert np.linalg.norm(found[piece]) == pytest.approx(0.05 * 48**0.5, rel=1e-4)
    assert found[7].any()  # a random one: of a row of zeros nothing could be told apart


def test_a_corpus_of_a_single_piece_has_vectors_too() -> None:
    rows = vectors([[5, 5, 5]] * 3)
    assert rows.shape == (N_PIECES, 16)
    assert np.isfinite(rows).all()


def test_vectors_can_be_interrupted() -> None:
    with pytest.raises(KeyboardInterrupt):
        vectors([[5, 6, 7]] * 100, stop=lambda: True)


def test_next_sentences_do_not_count_before_their_time(monkeypatch: pytest.MonkeyPatch) -> None:
    training = BertTraining.__new__(BertTraining)
    training.settings = BertSettings(nsp_warmup_ratio=0.5)
    training.n_steps = 10
    training.network = network()
    monkeypatch.setattr(training, "_losses", lambda _: _two_losses(training.network), raising=False)
    optimizer = torch.optim.SGD(training.network.parameters(), lr=0.0)
    batch = type("Batch", (), {"n_tokens": 3})()
    early, late = (training._step(optimizer, [batch], step) for step in (4, 5))
    assert float(early["nsp_loss"]) == float(late["nsp_loss"]) == pytest.approx(0.7, abs=0.2)
    assert float(early["loss"]) == pytest.approx(float(early["mlm_loss"]))
    assert float(late["loss"]) == pytest.approx(float(late["mlm_loss"]) + float(late["nsp_loss"]))
    training.settings = replace(training.settings, init="somewhere")
    again = training._step(optimizer, [batch], 0)
    assert float(again["loss"]) == pytest.approx(float(late["loss"]))


def _two_losses(model: Any) -> dict[str, Any]:
    said = model(input_ids=torch.arange(5, 25)[None])
    return {
        "mlm_loss": torch.nn.functional.cross_entropy(said.prediction_logits[0], torch.arange(5, 25)),
        "nsp_loss": torch.nn.functional.cross_entropy(said.seq_relationship_logits, torch.tensor([0])),
    }
