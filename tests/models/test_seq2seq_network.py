"""The networks that `nlptool train seq2seq` trains, against worked numbers of the papers, torch's own, and each other."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ctranslate2
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from nlptool.errors import ModelError, NotConvertible
from nlptool.models.seq2seq import ct2_export as seq2seq_ct2
from nlptool.models.seq2seq import folder as seq2seq_folder
from nlptool.models.seq2seq import layers
from nlptool.models.seq2seq import network as seq2seq_network
from nlptool.models.seq2seq.config import (
    ARCHITECTURES,
    ATTENTION,
    BOS,
    EOS,
    IMPOSSIBLE,
    LSTM,
    NEVER_GENERATED,
    PAD,
    TRANSFORMER,
    Seq2SeqConfig,
)
from nlptool.models.seq2seq.network import Recurrent, Seq2Seq, Transformer
from nlptool.training.seq2seq import vocabulary as seq2seq_vocabulary

ATTENTIVE = (ATTENTION, TRANSFORMER)
TEXTS = ["むらさめのつゆもまだひぬまきのはに", "きりたちのぼるあきのゆふぐれ"]
SOURCES = [[9, 4, 17, 6, 5, EOS], [8, EOS], [4, 4, 11, EOS]]
TARGETS = [[7, 12, 5], [6, 4, 9, 10, 13], [8]]
GENERATED = [id for id in range(20) if id not in NEVER_GENERATED]


def made(architecture: str, *, layers: int = 2, width: int = 16, **more: int) -> Seq2Seq:
    """A network of 20 pieces on each side, with weights large enough for its answers to differ."""
    torch.manual_seed(0)
    network = seq2seq_network.new(
        Seq2SeqConfig(
            architecture, 20, 20, layers=layers, hidden_size=width, heads=4, intermediate_size=32, max_length=32, **more
        )
    )
    with torch.no_grad():
        for (
            tensor
        ) in network.parameters():  # biases and norms begin as zeros and ones, which would hide that one is lost
            tensor.add_(0.3 * torch.randn_like(tensor))
        for embedding in (network.source_embedding, network.target_embedding):
            embedding.weight[PAD] = 0.0
    return network.eval()


def padded(rows: list[list[int]], *, first: list[int] | None = None, more: int = 0) -> Tensor:
    """(B, T) ids, filled up with 0 to the longest row and ``more``."""
    rows = [[*(first or []), *row] for row in rows]
    width = max(map(len, rows)) + more
    return torch.tensor([row + [PAD] * (width - len(row)) for row in rows])


def inputs(rows: list[list[int]], **how: int) -> Tensor:
    return padded(rows, first=[BOS], **how)


def close(found: Tensor, expected: Tensor, tolerance: float = 1e-5) -> None:
    torch.testing.assert_close(found, expected, atol=tolerance, rtol=1e-5)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Such small matrices gain nothing by threads, which wait for each other where others compute too."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


@pytest.fixture(params=ARCHITECTURES)
def network(request: pytest.FixtureRequest) -> Seq2Seq:
    return made(request.param)


@pytest.fixture(params=ATTENTIVE)
def attentive(request: pytest.FixtureRequest) -> Seq2Seq:
    return made(request.param)


@pytest.fixture
def transformer() -> Transformer:
    network = made(TRANSFORMER)
    assert isinstance(network, Transformer)
    return network


def test_scaled_dot_product_attention_is_that_of_the_formula() -> None:
    # softmax(Q Kᵀ / √d), d = 4. The products are 4, 0 and 2, over √4: 2, 0 and 1.
    query = torch.tensor([[2.0, 0.0, 0.0, 0.0]])
    keys = torch.tensor([[2.0, 1.0, 0.0, 0.0], [0.0, 3.0, 0.0, 1.0], [1.0, 0.0, 5.0, 0.0]])
    exponentials = [math.exp(2), math.exp(0), math.exp(1)]  # 7.389, 1, 2.718
    found = layers.attention_weights(query, keys)
    close(found, torch.tensor([[value / sum(exponentials) for value in exponentials]]), 1e-6)
    close(found, torch.tensor([[0.6652409, 0.0900306, 0.2447285]]), 1e-6)
    hidden = layers.attention_weights(query, keys, torch.tensor([[False, True, True]]))
    close(hidden, torch.tensor([[0.0, 1 / (1 + math.e), math.e / (1 + math.e)]]), 1e-6)


def test_scaled_dot_product_attention_is_that_of_torch() -> None:
    torch.manual_seed(0)
    queries, keys, values = torch.randn(2, 4, 5, 8), torch.randn(2, 4, 7, 8), torch.randn(2, 4, 7, 8)
    mask = torch.rand(2, 1, 5, 7) > 0.3
    mask[..., 0] = True
    for each in (None, mask):
        weights = layers.attention_weights(queries, keys, each)
        close(weights.sum(-1), torch.ones(2, 4, 5))
        close(weights @ values, functional.scaled_dot_product_attention(queries, keys, values, each))
    assert (layers.attention_weights(queries, keys, mask)[~mask.expand(2, 4, 5, 7)] == 0).all()


def test_attention_of_many_heads_is_that_of_torch() -> None:
    torch.manual_seed(0)
    ours = layers.Attention(Seq2SeqConfig(TRANSFORMER, 20, 20, hidden_size=16, heads=4))
    theirs = nn.MultiheadAttention(16, 4, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat((ours.query.weight, ours.key_value.weight)))
        theirs.in_proj_bias.copy_(torch.cat((ours.query.bias, ours.key_value.bias)))
        theirs.out_proj.load_state_dict(ours.output.state_dict())
    states, read = torch.randn(2, 3, 16), torch.randn(2, 5, 16)
    there = torch.tensor([[True] * 5, [True, True, False, False, False]])
    weights: list[Tensor] = []
    with torch.no_grad():
        expected, shares = theirs(states, read, read, key_padding_mask=~there, average_attn_weights=False)
        plain = ours(states, *ours.keys_and_values(read), there[:, None, None])
        watched = ours(states, *ours.keys_and_values(read), there[:, None, None], weights)
    close(plain, expected)
    close(watched, expected)
    close(weights[0], shares)


def test_attention_in_bfloat16_is_that_of_float32_but_for_rounding() -> None:
    torch.manual_seed(0)
    ours = layers.Attention(Seq2SeqConfig(TRANSFORMER, 20, 20, hidden_size=16, heads=4))
    states, read = torch.randn(2, 3, 16), torch.randn(2, 5, 16)
    there = torch.tensor([[True] * 5, [True, True, False, False, False]])[:, None, None]
    with torch.no_grad():
        exact = ours(states, *ours.keys_and_values(read), there)
        with torch.autocast("cpu", torch.bfloat16):
            rounded = ours(states, *ours.keys_and_values(read), there)
            assert rounded.dtype == torch.bfloat16
            assert torch.is_autocast_enabled("cpu")
    close(rounded.float(), exact, 0.02)
    assert not torch.equal(rounded.float(), exact)


def test_the_places_of_tokens_are_sines_and_cosines() -> None:
    found = layers.positional_encoding(60, 4)
    assert found.shape == (60, 4)
    assert found.dtype == torch.float32
    # PE(p, 0) = sin p, PE(p, 1) = cos p, PE(p, 2) = sin(p / 100), PE(p, 3) = cos(p / 100)
    close(found[0], torch.tensor([0.0, 1.0, 0.0, 1.0]), 1e-7)
    close(found[1], torch.tensor([0.8414710, 0.5403023, 0.0099998, 0.9999500]), 1e-6)
    close(found[50], torch.tensor([-0.2623749, 0.9649660, 0.4794255, 0.8775826]), 1e-5)
    wide = layers.positional_encoding(100, 512)
    for place, dimension in ((3, 10), (99, 0), (99, 510), (42, 256)):
        angle = place / 10_000 ** (dimension / 512)
        assert wide[place, dimension].item() == pytest.approx(math.sin(angle), abs=1e-5)
        assert wide[place, dimension + 1].item() == pytest.approx(math.cos(angle), abs=1e-5)


def test_the_encoder_is_that_of_torch_with_the_norm_first(transformer: Transformer) -> None:
    layer = nn.TransformerEncoderLayer(16, 4, 32, dropout=0.0, batch_first=True, norm_first=True)
    stack = nn.TransformerEncoder(layer, 2, norm=nn.LayerNorm(16), enable_nested_tensor=False)
    own = transformer.state_dict()
    theirs = {"norm.weight": own["encoder_norm.weight"], "norm.bias": own["encoder_norm.bias"]}
    names = {"norm1": "self_norm", "norm2": "feed_norm", "self_attn.out_proj": "self_attention.output",
             "linear1": "feed_forward.0", "linear2": "feed_forward.3"}  # fmt: skip
    for number in range(2):
        for kind in ("weight", "bias"):
            at = f"encoder.{number}"
            query, key_value = (own[f"{at}.self_attention.{part}.{kind}"] for part in ("query", "key_value"))
            theirs[f"layers.{number}.self_attn.in_proj_{kind}"] = torch.cat((query, key_value))
            theirs |= {f"layers.{number}.{name}.{kind}": own[f"{at}.{ours}.{kind}"] for name, ours in names.items()}
    stack.load_state_dict(theirs)
    source = padded(SOURCES)
    embedded = transformer.source_embedding(source) * math.sqrt(16) + layers.positional_encoding(source.shape[1], 16)
    with torch.no_grad():
        expected = stack.eval()(embedded, src_key_padding_mask=source == PAD)
        found = transformer.encode(source).states
    close(found[source != PAD], expected[source != PAD])


def test_a_transformer_knows_the_order_of_its_source(transformer: Transformer) -> None:
    with torch.no_grad():
        one, other = (transformer(torch.tensor([ids]), inputs([[7]])) for ids in ([4, 9, 5, EOS], [5, 9, 4, EOS]))
    assert not torch.allclose(one, other, atol=1e-2)


def test_a_later_token_of_the_target_changes_no_earlier_logit(network: Seq2Seq) -> None:
    source = padded([[9, 4, 17, EOS]])
    with torch.no_grad():
        one, other = (network(source, inputs([ids])) for ids in ([7, 12, 5, 6], [7, 12, 9, 11]))
    close(one[:, :3], other[:, :3], 1e-6)
    assert not torch.allclose(one[:, 3:], other[:, 3:], atol=1e-2)


def test_padding_changes_nothing(network: Seq2Seq) -> None:
    with torch.no_grad():
        together = network(padded(SOURCES, more=3), inputs(TARGETS, more=2))
        for number, (source, target) in enumerate(zip(SOURCES, TARGETS, strict=True)):
            alone = network(torch.tensor([source]), inputs([target]))
            close(together[number, : len(target) + 1], alone[0])


def test_each_token_of_the_source_matters(network: Seq2Seq) -> None:
    with torch.no_grad():
        before = network(padded(SOURCES[:1]), inputs(TARGETS[:1]))
        for place in range(5):
            changed = [*SOURCES[0]]
            changed[place] = 15
            assert not torch.allclose(network(torch.tensor([changed]), inputs(TARGETS[:1])), before, atol=1e-4)


def test_a_token_at_a_time_gives_the_logits_of_whole_targets(network: Seq2Seq) -> None:
    source, said = padded(SOURCES), inputs([[7, 12, 5, 9], [6, 4, 9, 10], [8, 8, 8, 8]])
    with torch.no_grad():
        whole = network(source, said)
        state = network.begin(network.encode(source))
        for place in range(5):
            logits, state = network.step(said[:, place], state)
            close(logits[:, GENERATED], whole[:, place, GENERATED])
            assert (logits[:, list(NEVER_GENERATED)] == IMPOSSIBLE).all()
    assert state.length == 5


def test_rows_of_a_state_can_be_doubled_left_out_and_put_in_another_order(network: Seq2Seq) -> None:
    targets = [[7, 12], [6, 4], [8, 9]]
    rows = [2, 0, 2, 2]
    with torch.no_grad():
        state = network.begin(network.encode(padded(SOURCES)))
        for tokens in inputs(targets).T[:2]:
            _, state = network.step(tokens, state)
        state = state.reorder(torch.tensor(rows))
        for column in range(2):  # and go on with other tokens
            tokens = torch.tensor([[targets[row][1] for row in rows], [4, 5, 6, 7]][column])
            logits, state = network.step(tokens, state)
        for number, row in enumerate(rows):
            whole = network(torch.tensor([SOURCES[row]]), inputs([[*targets[row], 4 + number]]))
            close(logits[number, GENERATED], whole[0, -1, GENERATED])


def test_the_attention_of_each_token_sums_to_1_and_leaves_padding_out(attentive: Seq2Seq) -> None:
    source = padded(SOURCES)
    with torch.no_grad():
        weights = attentive.attention(source, inputs(TARGETS))
    assert weights is not None
    n_layers, n_heads = (2, 4) if isinstance(attentive, Transformer) else (1, 1)
    assert weights.shape == (3, n_layers, n_heads, 6, 6)
    close(weights.sum(-1), torch.ones(3, n_layers, n_heads, 6))
    for number, row in enumerate(SOURCES):
        assert (weights[number, ..., len(row) :] == 0).all()
        with torch.no_grad():
            alone = attentive.attention(torch.tensor([row]), inputs([TARGETS[number]]))
        assert alone is not None
        close(weights[number, ..., : len(TARGETS[number]) + 1, : len(row)], alone[0])
    assert weights[0].max() - weights[0].min() > 0.02  # not all alike


def test_an_lstm_has_no_attention() -> None:
    network = made(LSTM)
    with torch.no_grad():
        assert network.attention(padded(SOURCES), inputs(TARGETS)) is None


def test_the_attention_of_an_lstm_is_that_of_luong() -> None:
    # a = softmax(hᵀ W s) (EMNLP 2015, equations 7 and 8), h̃ = tanh(C [c; h]) (equation 5), one sentence, by hand
    network = made(ATTENTION, layers=1)
    assert isinstance(network, Recurrent)
    source, said = torch.tensor([SOURCES[0]]), inputs(TARGETS[:1])
    with torch.no_grad():
        memory = network.encode(source)
        states, _ = network.decoder(network.target_embedding(said), memory.decoder_state)
        read = memory.states[0].numpy().astype(np.float64)  # (S, D)
        matrix, joined = (each.weight.numpy().astype(np.float64) for each in (network.alignment, network.combination))
        for place, state in enumerate(states[0].numpy().astype(np.float64)):
            scores = np.exp([each @ matrix @ state for each in read])
            weights = scores / scores.sum()
            context = sum(weight * each for weight, each in zip(weights, read, strict=True))
            attended = np.tanh(joined @ np.concatenate((context, state)))
            shown = network.attention(source, said)
            assert shown is not None
            np.testing.assert_allclose(shown[0, 0, 0, place], weights, atol=1e-5)
            np.testing.assert_allclose(network.decode(memory, said)[0, place], attended, atol=1e-5)


@pytest.mark.parametrize("layers", [1, 2])
def test_both_directions_of_an_lstm_stand_side_by_side_in_the_first_state_of_the_decoder(layers: int) -> None:
    network = made(LSTM, layers=layers)
    assert isinstance(network, Recurrent)
    source = torch.tensor([SOURCES[0]])
    with torch.no_grad():
        memory = network.encode(source)
    hidden = memory.decoder_state[0]
    assert hidden.shape == (layers, 1, 16)
    close(hidden[-1, 0, :8], memory.states[0, -1, :8])  # forwards it ends at the last token
    close(hidden[-1, 0, 8:], memory.states[0, 0, 8:])  # backwards at the first


def test_dropout_is_for_training_alone(network: Seq2Seq) -> None:
    dropping = seq2seq_network.new(dataclasses.replace(network.config, dropout=0.5))
    dropping.load_state_dict(network.state_dict())
    source, said = padded(SOURCES), inputs(TARGETS)
    with torch.no_grad():
        close(dropping.eval()(source, said), network(source, said))
        assert not torch.allclose(dropping.train()(source, said), network(source, said), atol=1e-2)


def test_each_weight_has_a_gradient(network: Seq2Seq) -> None:
    logits = network(padded(SOURCES), inputs(TARGETS))
    goal = padded([[*row, EOS] for row in TARGETS])
    loss = functional.cross_entropy(logits.flatten(0, 1), goal.flatten(), ignore_index=PAD)
    loss.backward()  # type: ignore[no-untyped-call]
    without = {name for name, tensor in network.named_parameters() if tensor.grad is None or not tensor.grad.any()}
    assert without == set()
    for embedding in (network.source_embedding, network.target_embedding):
        assert embedding.weight[PAD].abs().sum() == 0


def test_learning_a_few_pairs_by_heart_is_possible(network: Seq2Seq) -> None:
    optimizer = torch.optim.Adam(network.parameters(), 0.01)
    source, said, goal = padded(SOURCES), inputs(TARGETS), padded([[*row, EOS] for row in TARGETS])
    for _ in range(150):
        loss = functional.cross_entropy(network(source, said).flatten(0, 1), goal.flatten(), ignore_index=PAD)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert loss.item() < 0.1
    assert greedy(network, source)[0] == [*TARGETS[0], EOS]


def greedy(network: Seq2Seq, source: Tensor, *, longest: int = 12) -> list[list[int]]:
    """The most probable token each time, </s> included."""
    return [ids for ids, _ in searched(network, source, longest=longest)]


def searched(network: Seq2Seq, source: Tensor, *, longest: int = 12) -> list[tuple[list[int], float]]:
    found: list[tuple[list[int], float]] = [([], 0.0) for _ in source]
    with torch.no_grad():
        state = network.begin(network.encode(source))
        tokens = torch.full((len(source),), BOS)
        for _ in range(longest):
            logits, state = network.step(tokens, state)
            best, tokens = logits.log_softmax(-1).max(-1)
            for row, (ids, total) in enumerate(found):
                if EOS not in ids:
                    found[row] = ([*ids, int(tokens[row])], total + float(best[row]))
    return found


def saved(folder: Path, architecture: str, *, precision: str = "float32") -> tuple[seq2seq_folder.Model, Seq2Seq]:
    """A network whose vocabularies are those of two verses."""
    source, target = (seq2seq_vocabulary.learn([text], unit="characters", size=100) for text in TEXTS)
    torch.manual_seed(1)
    shape = Seq2SeqConfig(
        architecture, len(source), len(target), layers=2, hidden_size=32, heads=4, intermediate_size=48, max_length=32
    )
    network = seq2seq_network.new(shape).eval()
    with torch.no_grad():
        for tensor in network.parameters():
            tensor.add_(0.2 * torch.randn_like(tensor))
    folder.mkdir()
    weights = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    seq2seq_folder.write(folder, weights, shape, source, target, precision=precision)
    return seq2seq_folder.read(folder), network


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_network_that_is_saved_and_loaded_is_the_same(tmp_path: Path, architecture: str) -> None:
    model, network = saved(tmp_path / "model", architecture)
    again = seq2seq_network.load(model)
    assert model.config == network.config
    assert not again.training
    source = padded([[*model.source.tokenize([text])[0].ids, EOS] for text in (TEXTS[0], "つゆ")])
    said = inputs([[4, 5, 6]])[[0, 0]]
    with torch.no_grad():
        assert torch.equal(again(source, said), network(source, said))
    assert model.target.decode(model.target.tokenize([TEXTS[1]])[0].ids) == TEXTS[1]


def test_weights_in_float16_are_nearly_the_same_and_half_as_large(tmp_path: Path) -> None:
    whole, network = saved(tmp_path / "whole", TRANSFORMER)
    half, _ = saved(tmp_path / "half", TRANSFORMER, precision="float16")
    sizes = [(model.folder / seq2seq_folder.WEIGHTS).stat().st_size for model in (whole, half)]
    assert sizes[1] < 0.6 * sizes[0]
    source, said = padded([[4, 5, 6, EOS]]), inputs([[4, 5]])
    with torch.no_grad():
        close(seq2seq_network.load(half)(source, said), network(source, said), 0.05)
    assert {values.dtype for values in half.weights().values()} == {np.dtype(np.float32)}


def test_weights_of_another_shape_are_damage(tmp_path: Path) -> None:
    model, _ = saved(tmp_path / "model", TRANSFORMER)
    config = model.folder / seq2seq_folder.CONFIG
    about = json.loads(config.read_text())
    for change in ({"layers": 3}, {"intermediate_size": 64}, {"hidden_size": 64}):
        config.write_text(json.dumps(about | change))
        damaged = seq2seq_folder.read(model.folder)
        for load in (seq2seq_network.load, seq2seq_ct2.translator_files):
            with pytest.raises(ModelError, match="weights are not those that its config"):
                load(damaged)


@pytest.mark.parametrize(
    "change",
    [
        {"max_length": 2**24}, {"max_length": 1}, {"layers": 2**24}, {"hidden_size": 2**24}, {"intermediate_size": 2**24},
        {"heads": 5}, {"heads": True}, {"dropout": "no"}, {"architecture": ["transformer"]},
    ],
)  # fmt: skip
def test_measures_that_no_training_makes_are_refused_before_they_cost_memory(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    model, _ = saved(tmp_path / "model", TRANSFORMER)
    config = model.folder / seq2seq_folder.CONFIG
    about = json.loads(config.read_text())
    config.write_text(json.dumps(about | change))
    with pytest.raises(ModelError, match=r"config\.json describes no encoder–decoder"):
        seq2seq_folder.read(model.folder)
    config.write_text(json.dumps({name: about[name] for name in about if name not in change}))
    with pytest.raises(ModelError, match=rf"config\.json lacks {next(iter(change))}$"):
        seq2seq_folder.read(model.folder)


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_ctranslate2_says_what_torch_says_with_the_same_probability(tmp_path: Path, precision: str) -> None:
    model, _ = saved(tmp_path / "model", TRANSFORMER, precision=precision)
    network = seq2seq_network.load(model)
    translator = ctranslate2.Translator("model", files=seq2seq_ct2.translator_files(model), intra_threads=1)
    texts = [TEXTS[0], "む", "つゆもまだ", "はに" * 10, "まきのはにむらさめ"]
    sources = [[*cut.ids, EOS] for cut in model.source.tokenize(texts)]
    results = translator.translate_batch(
        [list(map(seq2seq_ct2.token, source)) for source in sources],
        beam_size=1, min_decoding_length=0, max_decoding_length=12, length_penalty=0, return_scores=True, return_end_token=True,
    )  # fmt: skip
    lengths = set()
    for result, (ids, total) in zip(results, searched(network, padded(sources)), strict=True):
        assert list(map(int, result.hypotheses[0])) == ids
        assert result.scores[0] == pytest.approx(total, abs=1e-4)
        lengths.add(tuple(ids))
    assert len(lengths) > 1  # or one answer to all would look right


def test_ctranslate2_gives_a_verse_the_probability_that_torch_gives(tmp_path: Path) -> None:
    model, network = saved(tmp_path / "model", TRANSFORMER)
    translator = ctranslate2.Translator("model", files=seq2seq_ct2.translator_files(model), intra_threads=1)
    source = [*model.source.tokenize([TEXTS[0]])[0].ids, EOS]
    target = model.target.tokenize([TEXTS[1]])[0].ids
    spelled = [list(map(seq2seq_ct2.token, ids)) for ids in (source, target)]
    (scored,) = translator.score_batch([spelled[0]], [spelled[1]])
    with torch.no_grad():
        logits = network.lm_logits(network.decode(network.encode(torch.tensor([source])), inputs([target])))
    expected = logits.log_softmax(-1)[0].gather(-1, torch.tensor([[*target, EOS]]).T)[:, 0]
    np.testing.assert_allclose(scored.log_probs, expected.numpy(), atol=1e-4)


@pytest.mark.parametrize("architecture", [LSTM, ATTENTION])
def test_an_lstm_does_not_run_in_ctranslate2(tmp_path: Path, architecture: str) -> None:
    model, _ = saved(tmp_path / "model", architecture)
    with pytest.raises(NotConvertible, match="LSTM"):
        seq2seq_ct2.translator_files(model)
