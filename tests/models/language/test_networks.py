"""Language models: against plain torch modules and the equations, states carried over, probabilities, gradients."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from nlptool.models.language import networks
from nlptool.models.language.config import END, LanguageConfig
from nlptool.training.language.trainer import losses as losses_of

V, D = 11, 6


def made(architecture: str, **options: object) -> networks.LanguageNetwork:
    torch.manual_seed(3)
    config = LanguageConfig(architecture, V, hidden_size=D, embedding_size=D, heads=2, context=4, **options)  # type: ignore[arg-type]
    return networks.new(config).eval()


ALL = [
    ("feedforward", {}),
    ("feedforward", {"direct": True}),
    ("rnn", {}),
    ("lstm", {"layers": 2}),
    ("gru", {"tied": False}),
]


@pytest.mark.parametrize(("architecture", "options"), ALL)
def test_a_state_that_is_carried_equals_one_long_pass(architecture: str, options: dict[str, object]) -> None:
    network = made(architecture, **options)
    ids = torch.randint(V, (3, 13))
    whole, last = network(ids, network.begin(3))
    parts, state = [], network.begin(3)
    for part in ids.split([1, 5, 3, 4], dim=1):
        logits, state = network(part, state)
        parts.append(logits)
    torch.testing.assert_close(torch.cat(parts, 1), whole)
    for mine, theirs in zip(state, last, strict=True):
        torch.testing.assert_close(mine, theirs)
    torch.testing.assert_close(whole.softmax(-1).sum(-1), torch.ones(3, 13))


@pytest.mark.parametrize(("architecture", "options"), ALL)
def test_a_text_does_not_depend_on_its_neighbours(architecture: str, options: dict[str, object]) -> None:
    network = made(architecture, **options)
    ids = torch.randint(V, (4, 7))
    together, state = network(ids, network.begin(4))
    alone, _ = network(ids[2:3], network.begin(1))
    torch.testing.assert_close(together[2:3], alone)
    chosen = torch.tensor([2, 2, 0])
    after, _ = network(ids[chosen][:, :1], networks.reordered(state, chosen))
    for row, index in enumerate(chosen.tolist()):
        expected, _ = network(torch.cat([ids[index], ids[index, :1]])[None], network.begin(1))
        torch.testing.assert_close(after[row, 0], expected[0, -1])


@pytest.mark.parametrize("direct", [False, True])
def test_the_feedforward_network_is_that_of_the_equations(direct: bool) -> None:
    network = made("feedforward", direct=direct)
    assert isinstance(network, networks.Feedforward)
    if network.direct is not None:
        nn.init.normal_(network.direct.weight)
    text = [5, 1, 9, 3, 3]
    logits, _ = network(torch.tensor([text]), network.begin(1))
    padded = [END] * 3 + text
    for place in range(len(text)):
        x = torch.cat([network.embedding.weight[token] for token in padded[place : place + 4]])
        hidden = torch.tanh(network.hidden.bias + network.hidden.weight @ x)
        expected = network.output.bias + network.output.weight @ hidden
        if network.direct is not None:
            expected = expected + network.direct.weight @ x
        torch.testing.assert_close(logits[0, place], expected)


@pytest.mark.parametrize("architecture", ["rnn", "lstm", "gru"])
def test_losses_and_gradients_are_those_of_a_plain_loop(architecture: str) -> None:
    network = made(architecture, tied=False)
    plain = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}[architecture](D, D, 1)
    plain.load_state_dict(network.recurrent.state_dict())  # type: ignore[union-attr, operator]
    embedding = nn.Embedding.from_pretrained(network.embedding.weight.detach().clone(), freeze=False)
    ids, targets = torch.randint(V, (2, 9)), torch.randint(V, (2, 9))
    losses, _ = losses_of(network, ids, network.begin(2), targets)
    losses.mean().backward()
    total = torch.zeros(())
    for row in range(2):
        state = None
        for place in range(9):
            out, state = plain(embedding(ids[row, place])[None, None], state)
            logits = functional.linear(out[0, 0], network.output.weight.detach(), network.output.bias.detach())
            loss = functional.cross_entropy(logits, targets[row, place])
            torch.testing.assert_close(losses[row, place], loss)
            total = total + loss
    (total / 18).backward()
    torch.testing.assert_close(network.embedding.weight.grad, embedding.weight.grad)
    for mine, theirs in zip(network.recurrent.parameters(), plain.parameters(), strict=True):  # type: ignore[union-attr, operator]
        torch.testing.assert_close(mine.grad, theirs.grad)
