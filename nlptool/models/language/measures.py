"""How well a language model predicts a text: loss, perplexity, bits."""

from __future__ import annotations

import math

_LARGEST_LOSS = 700.0  # of which exp is a float


def scores(total: float, n_tokens: int, n_words: int, n_characters: int) -> dict[str, float]:
    """Return the measures of a text whose tokens have a loss of ``total`` nats together.

    Returns:
        loss: nats per token. perplexity, word_perplexity: exp of the loss per token, per word. bits_per_character.
    """
    return {
        "loss": round(total / n_tokens, 5),
        "perplexity": round(math.exp(min(total / n_tokens, _LARGEST_LOSS)), 4),
        "word_perplexity": round(math.exp(min(total / n_words, _LARGEST_LOSS)), 4),
        "bits_per_character": round(total / math.log(2) / n_characters, 5),
    }
