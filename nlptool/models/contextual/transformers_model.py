"""A Transformer that reads, loaded by transformers itself and described."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nlptool.errors import ModelError
from nlptool.models.contextual.torch_backend import shape_of
from nlptool.models.masked import transformers_model
from nlptool.models.masked.transformers_model import Loaded

HINT = "nlptool models list --task fill-mask and --task embed show models that do"


def load(folder: Path, name: str, *, threads: int | None = None, allow_pickle: bool = False) -> Loaded:
    """Load the network of a folder without heads, running no code of its own.

    Args:
        name: of the model, for messages.

    Raises:
        ModelError: as of ``load_body``, or it gives no hidden states.
    """
    loaded = transformers_model.load_body(
        folder, writes=lambda kind: writes(name, kind), threads=threads, allow_pickle=allow_pickle
    )
    try:
        n_layers, dimension = shape_of(loaded.network, loaded.about)
    except (AttributeError, TypeError, IndexError, RuntimeError, ValueError) as error:  # whatever else its kind gives
        kind = loaded.about["architecture"]
        raise ModelError(f"{name} ({kind}) gives no vector for each token: {error}", hint=HINT) from error
    return Loaded(loaded.network, loaded.tokenizer, loaded.about | {"n_layers": n_layers, "dimension": dimension})


def random_network(loaded: Loaded, seed: int) -> Loaded:
    """Return a network of the same architecture with random weights, as those begin that are trained."""
    import torch
    from transformers import AutoModel

    torch.manual_seed(seed)
    make: Any = AutoModel.from_config
    network = make(loaded.network.config, attn_implementation="eager").eval()
    return Loaded(network, loaded.tokenizer, loaded.about)


def writes(name: str, kind: str) -> ModelError:
    """Return the error for an encoder–decoder."""
    return ModelError(f"{name} is a sequence-to-sequence model ({kind}), which writes texts", hint=HINT)
