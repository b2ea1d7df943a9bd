"""Texts that a network writes while it is trained, to watch it learn."""

from __future__ import annotations

import torch

from nlptool.models.language.config import END
from nlptool.models.language.networks import LanguageNetwork
from nlptool.models.seq2seq.config import NEVER_GENERATED


@torch.no_grad()
def sample(network: LanguageNetwork, n_tokens: int, seed: int, temperature: float = 0.8) -> list[int]:
    """Return the tokens of a text that a network writes from nothing, up to its end. The network is in evaluation mode.

    Args:
        n_tokens: at most.
        seed: of the random numbers; those of torch are not used.
        temperature: logits are divided by it.
    """
    device = next(network.parameters()).device
    generator = torch.Generator().manual_seed(seed)
    found: list[int] = []
    state = network.begin(1)
    read = torch.tensor([[END]], device=device)
    while len(found) < n_tokens:
        logits, after = network(read, state)
        scores = logits[0, -1].float().cpu() / temperature
        scores[list(NEVER_GENERATED)] = -torch.inf
        token = int(torch.multinomial(scores.softmax(0), 1, generator=generator))
        if token == END:
            break
        found.append(token)
        if after:  # the state has what was before
            state, read = after, torch.tensor([[token]], device=device)
        else:
            read = torch.tensor([[END, *found][-network.config.context :]], device=device)
    return found
