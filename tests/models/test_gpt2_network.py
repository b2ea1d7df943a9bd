"""The GPT-2 in numpy gives what that of transformers gives."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from nlptool.errors import ModelError, NotConvertible
from nlptool.models.generation import gpt2_config, gpt2_network
from nlptool.models.generation.gpt2_activations import ACTIVATIONS
from nlptool.models.generation.gpt2_cache import Cache

SIZES: dict[str, Any] = {
    "vocab_size": 61, "n_embd": 24, "n_layer": 3, "n_head": 4, "n_positions": 300, "initializer_range": 0.3,
    "bos_token_id": 1, "eos_token_id": 1,
}  # fmt: skip


def made(folder: Path, dtype: torch.dtype = torch.float32, **more: Any) -> Any:
    """A random GPT-2 in a folder; it is returned, in float64."""
    torch.manual_seed(3)
    network: Any = transformers.GPT2LMHeadModel(transformers.GPT2Config(**SIZES | more)).eval()
    with torch.no_grad():  # biases and norms begin as zeros and ones, which would hide that one is lost
        for parameter in network.parameters():
            if parameter.dim() == 1:
                parameter.add_(0.2 * torch.randn_like(parameter))
    transformers.utils.logging.disable_progress_bar()
    network.to(dtype).save_pretrained(folder)
    return network.double()


def theirs(network: Any, ids: Any, mask: Any = None) -> Any:
    """Logits, with positions that count from the first token."""
    mask = np.ones_like(ids) if mask is None else mask
    positions = torch.from_numpy(np.maximum(mask.cumsum(1) - 1, 0))
    with torch.inference_mode():
        outputs = network(torch.from_numpy(ids), attention_mask=torch.from_numpy(mask), position_ids=positions)
    return outputs.logits.numpy()


def some_ids(*shape: int) -> Any:
    return np.random.default_rng(0).integers(0, 61, shape)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"tie_word_embeddings": False},
        {"n_inner": 40, "layer_norm_epsilon": 0.01},
        {"scale_attn_weights": False},
        {"scale_attn_by_inverse_layer_idx": True},
        {"reorder_and_upcast_attn": True, "scale_attn_by_inverse_layer_idx": True},
        {"n_head": 1, "n_layer": 1},
        *({"activation_function": name} for name in sorted(ACTIVATIONS)),
    ],
)
def test_logits_are_those_of_transformers(more: dict[str, Any], tmp_path: Path) -> None:
    network = made(tmp_path, **more)
    gpt2_config.refuse(tmp_path)
    ours = gpt2_network.load(tmp_path)
    ids = some_ids(3, 40)
    states = ours.states(ids)
    assert states.shape == (3, 40, 24)
    assert states.dtype == np.float32
    np.testing.assert_allclose(ours.project(states), theirs(network, ids), atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_weights_of_two_bytes_are_read(dtype: torch.dtype, tmp_path: Path) -> None:
    network = made(tmp_path, dtype)
    ids = some_ids(2, 12)
    ours = gpt2_network.load(tmp_path)
    np.testing.assert_allclose(ours.project(ours.states(ids)), theirs(network, ids), atol=1e-5)


@pytest.mark.parametrize("left", [True, False])
def test_padding_on_either_side_changes_nothing(left: bool, tmp_path: Path) -> None:
    network = made(tmp_path)
    ids = some_ids(4, 20)
    mask = np.ones_like(ids)
    for row, n in enumerate((0, 3, 19, 7)):
        mask[row, : n if left else 0] = 0
        mask[row, 20 if left else 20 - n :] = 0
    ours = gpt2_network.load(tmp_path)
    found = ours.project(ours.states(ids, mask))
    np.testing.assert_allclose(found[mask == 1], theirs(network, ids, mask)[mask == 1], atol=1e-5)
    for row in range(4):
        alone = ours.project(ours.states(ids[row : row + 1, mask[row] == 1]))
        np.testing.assert_allclose(found[row, mask[row] == 1], alone[0], atol=1e-5)


def test_a_text_that_is_read_in_parts_is_the_same(tmp_path: Path) -> None:
    """The attention is computed in blocks, and the cache grows."""
    network = made(tmp_path)
    ours = gpt2_network.load(tmp_path)
    ids = some_ids(2, 300)
    expected = theirs(network, ids)
    np.testing.assert_allclose(ours.project(ours.states(ids)), expected, atol=1e-5)
    cache = ours.new_cache(2, 5)
    found = []
    for start, end in ((0, 5), (5, 6), (6, 136), (136, 299), (299, 300)):
        positions = np.broadcast_to(np.arange(start, end), (2, end - start))
        found.append(ours.project(ours.read(ids[:, start:end], positions, cache=cache)))
    assert cache.length == 300
    np.testing.assert_allclose(np.concatenate(found, 1), expected, atol=1e-5)


def test_a_cache_keeps_chosen_texts_in_their_order() -> None:
    cache = Cache(1, 4, 1, 2, 1)
    keys = np.arange(8, dtype=np.float32).reshape(4, 1, 2, 1)
    cache.add(0, keys, keys + 100)
    cache.advance(2)
    for rows, expected in (
        ([0, 2, 3], [0, 4, 6]),
        ([2, 0, 0, 1], [6, 0, 0, 4]),
        ([1, 3], [0, 4]),
    ):
        cache.reorder(np.array(rows))
        new = np.full((len(rows), 1, 1, 1), -1, np.float32)
        there, values = cache.add(0, new, new)
        assert there[:, 0, :, 0].tolist() == [[first, first + 1, -1] for first in expected]
        assert values[:, 0, :, 0].tolist() == [[first + 100, first + 101, -1] for first in expected]


def test_names_without_the_prefix_and_old_masks_are_read(tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    network = made(tmp_path)
    path = tmp_path / "model.safetensors"
    tensors = {name.removeprefix("transformer."): values for name, values in load_file(path).items()}
    tensors["h.0.attn.bias"] = np.ones((1, 1, 300, 300), np.uint8)
    save_file(tensors, path)
    gpt2_config.refuse(tmp_path)
    assert gpt2_config.n_parameters(tmp_path) == sum(parameter.numel() for parameter in network.parameters())
    ours = gpt2_network.load(tmp_path)
    ids = some_ids(1, 9)
    np.testing.assert_allclose(ours.project(ours.states(ids)), theirs(network, ids), atol=1e-5)


def test_more_tokens_than_positions_are_refused(tmp_path: Path) -> None:
    made(tmp_path)
    with pytest.raises(ModelError, match="the text has 301 tokens, and the model has room for 300"):
        gpt2_network.load(tmp_path).states(some_ids(1, 301))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"model_type": "gpt_neo"}, "it is no GPT-2"),
        ({"architectures": ["GPT2ForSequenceClassification"]}, "it is no GPT-2"),
        ({"add_cross_attention": True}, r"it reads another text too \(add_cross_attention\)"),
        ({"quantization_config": {"bits": 8}}, "its weights are quantized"),
        ({"auto_map": {"AutoModel": "x"}}, r"it asks for code of its own \(auto_map\)"),
        ({"activation_function": "mish"}, "its activation function is mish"),
    ],
)
def test_what_does_not_run_in_numpy_is_said(change: dict[str, Any], reason: str, tmp_path: Path) -> None:
    made(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(NotConvertible, match=reason):
        gpt2_config.refuse(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_layer": 4}, r"model.safetensors lacks h\.3\."),
        ({"vocab_size": 62}, r"wte\.weight has the shape \(61, 24\), and by config\.json it should have \(62, 24\)"),
        ({"n_head": 5}, "5 heads do not divide 24 dimensions"),
        ({"n_embd": "24"}, "n_embd is 24"),
        ({"layer_norm_epsilon": -1}, "layer_norm_epsilon is -1"),
        ({"tie_word_embeddings": False}, r"lacks lm_head\.weight"),
    ],
)
def test_a_damaged_folder_is_refused(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    made(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ModelError, match=message):
        gpt2_network.load(tmp_path)
