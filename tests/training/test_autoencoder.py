"""Deep autoencoders: the gradient of contrastive divergence, what is learned, and that numpy's encoder is torch's."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array

from nlptool.errors import ModelError
from nlptool.models.autoencoders import folder as autoencoder_folder
from nlptool.models.autoencoders.code_network import CodeNetwork, logistic
from nlptool.models.autoencoders.shape import BINARY, EMBEDDINGS, LINEAR, WORDS, Shape
from nlptool.models.autoencoders.word_counts import WordCounts
from nlptool.training.autoencoder.finetuning import AutoencoderTraining
from nlptool.training.autoencoder.inputs import Inputs, reconstruction_losses
from nlptool.training.autoencoder.network import Autoencoder
from nlptool.training.autoencoder.pretraining import LayerSettings, LayerTraining, layer_widths, shuffled
from nlptool.training.autoencoder.rbm import COUNTS, LOGISTIC, REAL, Rbm
from nlptool.training.autoencoder.settings import AutoencoderSettings

N_WORDS = 30
SIZES = np.arange(7)  # words of texts


def topics(n_texts: int, seed: int) -> tuple[Inputs, NDArray[np.int64]]:
    """Texts of 12 words about one of three topics, each with ten words of its own."""
    random = np.random.default_rng(seed)
    classes = random.integers(3, size=n_texts)
    counts = np.zeros((n_texts, N_WORDS))
    for row, topic in enumerate(classes):
        for word in random.integers(10, size=10) + 10 * topic:
            counts[row, word] += 1
        for word in random.integers(N_WORDS, size=2):
            counts[row, word] += 1
    return Inputs(WORDS, csr_array(counts), 12.0), classes


@pytest.mark.parametrize("visible", [COUNTS, LOGISTIC, REAL])
@pytest.mark.parametrize("hidden", [LOGISTIC, REAL])
def test_the_gradient_is_that_of_contrastive_divergence(visible: str, hidden: str) -> None:
    """<v h> of the data less <v h> of the reconstruction, as Hinton (2002) writes it, and so for the biases."""
    torch.manual_seed(1)
    machine = Rbm(5, 3, visible, hidden).double()
    for parameter in machine.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    data = {
        COUNTS: torch.tensor([[2.0, 0, 1, 0, 0], [0, 1, 1, 0, 1]]),
        LOGISTIC: torch.rand(2, 5),
        REAL: torch.randn(2, 5),
    }[visible].double()
    torch.manual_seed(2)
    loss, _ = machine.contrastive_divergence(data)
    loss.backward()
    torch.manual_seed(2)
    with torch.no_grad():
        expected = machine.up(data)
        drawn = torch.bernoulli(expected) if hidden == LOGISTIC else expected + torch.randn_like(expected)
        again = machine.down(drawn, data.sum(1, keepdim=True))
        positive, negative = data.T @ machine.up(data), again.T @ machine.up(again)
        assert machine.weight.grad is not None
        assert machine.hidden_bias.grad is not None
        assert machine.visible_bias.grad is not None
        torch.testing.assert_close(machine.weight.grad, (negative - positive) / 2)
        torch.testing.assert_close(machine.hidden_bias.grad, (machine.up(again) - machine.up(data)).mean(0))
        torch.testing.assert_close(machine.visible_bias.grad, (again - data).mean(0))
        if visible == COUNTS:
            torch.testing.assert_close(again.sum(1), data.sum(1))


def test_the_loss_of_words_is_the_cross_entropy_of_their_shares() -> None:
    outputs = torch.tensor([[0.0, 0.0, np.log(2.0)]])
    losses = reconstruction_losses(WORDS, outputs, torch.tensor([[2.0, 1.0, 1.0]]))
    assert losses.tolist() == pytest.approx([0.5 * np.log(4) + 0.25 * np.log(4) + 0.25 * np.log(2)])
    losses = reconstruction_losses(EMBEDDINGS, torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, 4.0]]))
    assert losses.tolist() == [2.5]


def trained(
    units: str, code: int, folder: Path, pretraining_epochs: int = 5
) -> tuple[AutoencoderTraining, Inputs, list[Rbm]]:
    train, _ = topics(600, 1)
    dev, _ = topics(150, 2)
    settings = AutoencoderSettings(
        layers=(20,), code=code, units=units, noise=2.0, batch_size=50, epochs=15, learning_rate=5e-3, evaluations=3
    )
    machines: list[Rbm] = []
    for widths, kind in layer_widths(settings.shape(WORDS, N_WORDS)) if pretraining_epochs else ():
        of_layer = LayerSettings(
            widths=widths, units=kind, epochs=pretraining_epochs, batch_size=50, learning_rate=5e-3
        )
        layer = LayerTraining(train, dev, machines, of_layer, folder, data=f"{widths}")
        layer.run()
        losses = [line["dev_loss"] for line in layer.curves if "dev_loss" in line]
        assert losses[-1] < losses[0]
        machines.append(layer.network)
    training = AutoencoderTraining(train, dev, machines, settings, folder, data="")
    training.run()
    return training, dev, machines


@pytest.fixture(scope="module")
def binary(tmp_path_factory: pytest.TempPathFactory) -> tuple[AutoencoderTraining, Inputs, list[Rbm]]:
    return trained(BINARY, 8, tmp_path_factory.mktemp("binary"))


def test_the_reconstruction_is_better_than_the_mean_and_bits_suffice(
    binary: tuple[AutoencoderTraining, Inputs, list[Rbm]],
) -> None:
    training, _, _ = binary
    baseline = training.baseline()
    assert baseline == pytest.approx(np.log(N_WORDS), abs=0.05)
    assert training.scores["loss"] < baseline - 0.2
    assert training.scores["loss"] < training.scores["unrounded_loss"] + 0.1


def test_codes_of_one_topic_are_nearer_than_those_of_two(binary: tuple[AutoencoderTraining, Inputs, list[Rbm]]) -> None:
    training, dev, _ = binary
    _, classes = topics(150, 2)
    bits = training.code_inputs(dev) >= 0
    distances = (bits[:, None] != bits[None]).sum(axis=2)
    same = classes[:, None] == classes[None]
    others = ~np.eye(len(bits), dtype=bool)
    assert distances[same & others].mean() < 0.5 * distances[~same].mean()


def test_a_linear_code_of_two_keeps_the_topics_apart(tmp_path: Path) -> None:
    training, dev, _ = trained(LINEAR, 2, tmp_path)
    _, classes = topics(150, 2)
    points = training.code_inputs(dev)
    nearest = np.linalg.norm(points[:, None] - points[None] + 1e9 * np.eye(len(points))[:, :, None], axis=2).argmin(
        axis=1
    )
    assert (classes[nearest] == classes).mean() > 0.9
    assert "unrounded_loss" not in training.scores


def test_the_network_begins_as_the_machines(binary: tuple[AutoencoderTraining, Inputs, list[Rbm]]) -> None:
    _, dev, machines = binary
    network = Autoencoder(Shape(WORDS, (N_WORDS, 20, 8), BINARY), 4.0).eval()
    network.begin_with(machines)
    inputs = dev.take(np.arange(10))
    with torch.no_grad():
        torch.testing.assert_close(network.code(inputs), machines[1].up(machines[0].up(inputs)))
        down = machines[1].down(network.code(inputs), torch.ones(10, 1))
        outputs = machines[0].down(down, torch.ones(10, 1))
        torch.testing.assert_close(network(inputs).softmax(1), outputs)


def test_numpy_computes_what_torch_computes(
    binary: tuple[AutoencoderTraining, Inputs, list[Rbm]], tmp_path: Path
) -> None:
    training, dev, _ = binary
    arrays = dict(training.network.arrays())
    layers = [(arrays[f"layers.{number}.weight"], arrays[f"layers.{number}.bias"]) for number in range(2)]
    network = CodeNetwork(layers)
    counts = WordCounts([f"w{number}" for number in range(N_WORDS)], 12.0)
    rows = dev.data.toarray()
    texts = [{int(word): int(row[word]) for word in np.flatnonzero(row)} for row in rows]
    found = network.values(counts.inputs(texts))
    expected = training.code_inputs(dev)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    decided = np.abs(expected) > 1e-3
    assert (network.bits(counts.inputs(texts)) == (expected >= 0))[decided].all()
    one_by_one = np.concatenate([network.bits(counts.inputs([text])) for text in texts])
    assert (one_by_one == network.bits(counts.inputs(texts))).all()
    assert logistic(np.array([-1e4, 0.0, 1e4])).tolist() == [0, 0.5, 1]


def test_a_folder_that_is_damaged(tmp_path: Path) -> None:
    arrays = {"layers.0.weight": np.ones((2, 3), np.float32), "layers.0.bias": np.zeros(3, np.float32)}
    identity = autoencoder_folder.save(tmp_path, arrays, ["a", "b"])
    manifest = f'{{"reads":"words","widths":[2,3],"units":"binary","length":4.5,"identity":"{identity}"}}'
    path = tmp_path / autoencoder_folder.MANIFEST
    path.write_text(manifest)
    autoencoder = autoencoder_folder.load(tmp_path, "x")
    assert (autoencoder.shape.widths, autoencoder.identity) == ((2, 3), identity)
    for before, after, message in (
        ("[2,3]", "[2,4]", "layers.0.weight is no finite matrix of 2 x 4"),
        ("[2,3]", "[3]", "1 layers"),
        ("words", "bytes", "it reads bytes"),
        ('"length":4.5,', "", "length"),
    ):
        path.write_text(manifest.replace(before, after))
        with pytest.raises(ModelError, match=message):
            autoencoder_folder.load(tmp_path, "x")
    path.write_text(manifest)
    (tmp_path / autoencoder_folder.VOCABULARY).write_text('["a","a"]')
    with pytest.raises(ModelError, match="has not 2 different words"):
        autoencoder_folder.load(tmp_path, "x")
    (tmp_path / autoencoder_folder.VOCABULARY).unlink()
    with pytest.raises(ModelError, match=r"vocabulary\.json cannot be read"):
        autoencoder_folder.load(tmp_path, "x")


def test_batches_are_those_of_a_run_that_was_not_interrupted() -> None:
    whole = shuffled(SIZES, 3, 5, 0)
    batches = [next(whole).rows.tolist() for _ in range(9)]
    assert sorted(itertools.chain.from_iterable(batches[:3])) == list(range(7))
    assert batches[:3] != batches[3:6]
    assert sum(batch.n_tokens for batch in itertools.islice(shuffled(SIZES, 3, 5, 0), 3)) == SIZES.sum()
    for first in range(9):
        assert next(shuffled(SIZES, 3, 5, first)).rows.tolist() == batches[first]
