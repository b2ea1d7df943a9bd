"""The optimizers: what Muon gets, its steps, and the precision of a training."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from torch import nn

from nlptool.models.seq2seq import network as seq2seq_network
from nlptool.models.seq2seq.config import Seq2SeqConfig
from nlptool.training.bert import network as bert_network
from nlptool.training.optimizers import Optimizers, layer_matrices


def small_bert() -> nn.Module:
    return bert_network.new(  # type: ignore[no-any-return]
        vocab_size=50, layers=2, hidden_size=16, heads=2, intermediate_size=32, max_length=20, pad_id=0, nsp=True
    )


def test_muon_gets_the_matrices_of_the_layers_and_neither_embeddings_nor_heads() -> None:
    network = small_bert()
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    found = [names[id(matrix)] for matrix in layer_matrices(network)]
    expected = [name for name, p in network.named_parameters() if ".encoder.layer." in name and p.ndim == 2]
    assert len(expected) == 2 * 6
    assert sorted(found) == sorted(expected)


def test_of_an_encoder_decoder_it_gets_the_matrices_of_both_stacks() -> None:
    config = Seq2SeqConfig(
        architecture="transformer",
        source_vocab_size=40,
        target_vocab_size=40,
        layers=2,
        hidden_size=16,
        heads=2,
        intermediate_size=32,
    )
    network = seq2seq_network.new(config)
    shapes = [tuple(matrix.shape) for matrix in layer_matrices(network)]
    in_layers = [
        tuple(p.shape) for name, p in network.named_parameters() if re.match("(en|de)coder[.]", name) and p.ndim == 2
    ]
    assert len(in_layers) == 2 * (3 + 2) + 2 * (2 * 3 + 2)
    assert sorted(shapes) == sorted(in_layers)


@pytest.mark.parametrize("shape", [(8, 8), (4, 12), (12, 4)])
def test_the_first_step_goes_along_the_singular_vectors_by_about_equal_lengths(shape: tuple[int, int]) -> None:
    """Of the gradient U S V^T remains U V^T, times 0.2 and the root of the longer side, by which it is as large as AdamW's."""
    torch.manual_seed(3)
    weight = nn.Parameter(torch.zeros(shape))
    optimizer = Optimizers([{"params": [weight], "weight_decay": 0.0}], [weight], rate=0.1, epsilon=1e-8, fused=False)
    gradient = torch.randn(shape)
    weight.grad = gradient.clone()
    optimizer.step()
    left, _, right = np.linalg.svd(gradient.numpy(), full_matrices=False)
    moved = -weight.detach().numpy() / (0.1 * 0.2 * max(shape) ** 0.5)
    lengths = np.einsum("ik,ij,jk->k", left, moved, right.T)  # along each pair of singular vectors
    assert np.all((lengths > 0.6) & (lengths < 1.3))  # the iteration stops near 1
    np.testing.assert_allclose(left @ np.diag(lengths) @ right, moved, atol=0.03)  # and not across them; bfloat16


def test_the_learning_rate_and_the_weight_decay_hold_for_both() -> None:
    matrix, vector = nn.Parameter(torch.ones(3, 3)), nn.Parameter(torch.ones(3))
    groups = [{"params": [matrix], "weight_decay": 0.5}, {"params": [vector], "weight_decay": 0.0}]
    optimizer = Optimizers(groups, [matrix], rate=9.0, epsilon=1e-8, fused=True)
    optimizer.set_learning_rate(0.1)
    matrix.grad, vector.grad = torch.zeros(3, 3), torch.ones(3)
    optimizer.step()
    assert torch.allclose(matrix, torch.full((3, 3), 1 - 0.1 * 0.5))
    assert torch.allclose(vector, torch.full((3,), 1 - 0.1))
