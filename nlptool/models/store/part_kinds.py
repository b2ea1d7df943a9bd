"""The parts of which sentence-transformers makes a model, by the name of their class, and the files that each has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PartKind:
    """A class of parts."""

    config: str = ""  # the file without which it cannot be loaded
    has_weights: bool = False  # in safetensors, or in a pickle


PART_KINDS = {
    "Transformer": PartKind("config.json", has_weights=True),
    "CLIPModel": PartKind("config.json", has_weights=True),
    "StaticEmbedding": PartKind(has_weights=True),
    "WordEmbeddings": PartKind("wordembedding_config.json", has_weights=True),
    "BoW": PartKind("config.json"),
    "Router": PartKind(),
    "Asym": PartKind(),
    "WordWeights": PartKind("config.json"),  # which holds the weights of the words
    "LSTM": PartKind("lstm_config.json", has_weights=True),
    "CNN": PartKind("cnn_config.json", has_weights=True),
    "WeightedLayerPooling": PartKind("config.json", has_weights=True),
    "Pooling": PartKind("config.json"),
    "Dense": PartKind("config.json", has_weights=True),
    "LayerNorm": PartKind("config.json", has_weights=True),
    "Dropout": PartKind(),
    "Normalize": PartKind(),
}

OF_WORDS = ("BoW", "WordEmbeddings")
BEHIND_POOLING = frozenset(("Dense", "LayerNorm", "Dropout", "Normalize"))


def are_usual(kinds: Sequence[str]) -> bool:
    """Return whether a model of such parts is a network with a pooling, and so may run in onnxruntime."""
    return list(kinds[:2]) == ["Transformer", "Pooling"] and set(kinds[2:]) <= BEHIND_POOLING


ROUTERS = {"Router": "router_config.json", "Asym": "router_config.json"}
"""Parts that hold others, in folders of their own, and the file that lists them; before release 5 it was ``config.json``."""

TRANSFORMERS_ONCE = {
    "BERT": "bert", "RoBERTa": "roberta", "DistilBERT": "distilbert", "ALBERT": "albert", "CamemBERT": "camembert",
    "XLMRoBERTa": "xlm-roberta", "XLNet": "xlnet", "T5": "t5",
}  # fmt: skip
"""The classes that became ``Transformer`` in release 0.3, and what transformers calls their architectures."""
