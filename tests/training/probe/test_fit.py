"""The loss of a probe equals a double loop; the maps of known spaces are found; layers learn independently."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nlptool.models.probes.trees import depths_of, distances_of
from nlptool.training.probe.fit import FitSettings, Sentences, _batch, _starts, fit, loss


def random_trees(n: int, seed: int = 1) -> list[list[int]]:
    random = np.random.default_rng(seed)
    found = []
    for _ in range(n):
        n_words = int(random.integers(2, 9))
        found.append([-1, *(int(random.integers(place)) for place in range(1, n_words))])
    return found


def embedded(heads: list[int], size: int = 12) -> np.ndarray:
    """Vectors whose squared distances are those of the tree: a direction for each edge on the way from the root."""
    vectors = np.zeros((len(heads), size), np.float32)
    for word, head in enumerate(heads):
        if head >= 0:
            vectors[word] = vectors[head]
            vectors[word, word] = 1
    return vectors


def sentences(n: int, part: str, *, layers: int = 1, noise: float = 0.0, seed: int = 1) -> Sentences:
    trees = random_trees(n, seed)
    target = distances_of if part == "distance" else depths_of
    vectors = np.concatenate([embedded(heads) for heads in trees])[:, None].repeat(layers, axis=1)
    vectors = vectors + noise * np.random.default_rng(seed).standard_normal(vectors.shape)
    return Sentences(vectors.astype(np.float16), [len(heads) for heads in trees], [target(heads) for heads in trees])


@pytest.mark.parametrize("part", ["distance", "depth"])
def test_the_loss_equals_a_double_loop(part: str) -> None:
    data = sentences(7, part, layers=3, noise=0.5)
    maps = torch.randn(3, 12, 5, generator=torch.Generator().manual_seed(1))
    vectors, targets, mask = _batch(data, np.arange(7), _starts(data))
    found = loss(maps, vectors, targets, mask)
    starts = _starts(data)
    for layer in range(3):
        total = 0.0
        for number, n_words in enumerate(data.lengths):
            own = data.vectors[starts[number] : starts[number] + n_words, layer].astype(np.float64)
            projected = own @ maps[layer].numpy().astype(np.float64)
            if part == "depth":
                total += sum(
                    abs(float((projected[i] ** 2).sum()) - data.targets[number][i]) for i in range(n_words)
                ) / n_words  # fmt: skip
                continue
            of_sentence = 0.0
            for i in range(n_words):
                for j in range(n_words):
                    distance = float(((projected[i] - projected[j]) ** 2).sum())
                    of_sentence += abs(distance - data.targets[number][i, j])
            total += of_sentence / n_words**2
        assert float(found[layer]) == pytest.approx(total, rel=1e-4)


def test_a_space_with_the_tree_is_found() -> None:
    settings = FitSettings(rank=12, batch_size=10, learning_rate=0.02, epochs=60, patience=5, seed=1)
    for part in ("distance", "depth"):
        fitted = fit(sentences(200, part), sentences(40, part, seed=2), settings)
        assert fitted.losses[0] < 0.15 * fitted.curves[0][0] or fitted.losses[0] < 0.05
        assert fitted.losses[0] == pytest.approx(min(losses[0] for losses in fitted.curves))


def test_layers_learn_as_if_they_were_alone() -> None:
    settings = FitSettings(rank=4, batch_size=10, learning_rate=0.01, epochs=12, patience=2, seed=1)
    train, dev = (sentences(60, "distance", layers=2, noise=0.3, seed=seed) for seed in (1, 2))
    together = fit(train, dev, settings)
    for layer in range(2):
        alone = fit(
            *(Sentences(each.vectors[:, [layer]], each.lengths, each.targets) for each in (train, dev)), settings
        )
        assert np.allclose(together.maps[layer], alone.maps[0], atol=1e-4)
        assert together.losses[layer] == pytest.approx(alone.losses[0], rel=1e-3)
