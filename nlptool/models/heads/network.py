"""A network with heads in torch: one encoder, and a head for each task.

The heads are those of transformers' ``...ForSequenceClassification``, which read its states at the first token as a rule, and a
pair of texts together. A sentence encoder of sentence-transformers reads each text by itself, with its own pooling and what comes
after that; a linear head gets its vectors, as in a linear classifier (``linear.pair_features``; N. Reimers, I. Gurevych:
Sentence-BERT, EMNLP 2019, section 3). Several tasks with one encoder: X. Liu et al.: Multi-Task Deep Neural Networks for Natural
Language Understanding (ACL 2019).
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from nlptool.models.classifiers.linear import PAIR_BLOCKS
from nlptool.models.heads.task import CHOICE, SPAN, TAGS, Task

PROBLEMS = {
    "classification": "single_label_classification",
    "multilabel": "multi_label_classification",
    "regression": "regression",
}
"""What transformers calls the kinds of tasks."""

_CLASSES = {
    TAGS: "AutoModelForTokenClassification",
    SPAN: "AutoModelForQuestionAnswering",
    CHOICE: "AutoModelForMultipleChoice",
}

_HIDDEN = -1e4
"""The logit of a token of padding, where a softmax goes over tokens."""


class HeadsNetwork(nn.Module):
    """An encoder with heads.

    Args:
        encoder: a network of transformers without a head.
        heads: of the tasks, in their order.
        sentences: the ``SentenceTransformer`` that ``encoder`` is a part of, whose vectors the heads read: ``VectorHead``. None:
            they read the states of ``encoder``: ``TransformersHead``.
    """

    def __init__(self, encoder: Any, heads: Sequence[nn.Module], sentences: Any = None) -> None:
        super().__init__()
        self.encoder = encoder
        self.heads = nn.ModuleDict({str(number): head for number, head in enumerate(heads)})
        self.sentences = sentences

    def forward(self, inputs: Mapping[str, Tensor], tasks: Sequence[int]) -> list[Tensor]:
        """Return the logits (B, K) of each of some tasks, given by their numbers.

        Args:
            inputs: ``input_ids`` (B, T) int64, and ``attention_mask`` and ``token_type_ids`` where the encoder takes them;
                of pairs that a sentence encoder reads (2 B, T), the first texts before the second ones.
        """
        if self.sentences is None:
            states = self.encoder(**inputs)
            return [self.heads[str(task)](states, inputs) for task in tasks]
        vectors = self.vectors(inputs)
        return [self.heads[str(task)](vectors) for task in tasks]

    def vectors(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return what a sentence encoder makes of each sequence, (B, D)."""
        features: dict[str, Any] = dict(inputs)
        for module in self.sentences:
            features = module(features)
        return features["sentence_embedding"]  # type: ignore[no-any-return]


class VectorHead(nn.Module):
    """A linear head on vectors (D) of texts.

    Args:
        n_texts: 1 or 2: of a pair the head gets u, v, |u - v| and u * v.
        scale: the vectors are multiplied by it: components near 1 are learned from in larger steps than those of vectors of
            unit length.
    """

    def __init__(self, dimension: int, n_outputs: int, *, n_texts: int, dropout: float, scale: float) -> None:
        super().__init__()
        self.n_texts, self.scale = n_texts, scale
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(dimension * (PAIR_BLOCKS if n_texts > 1 else 1), n_outputs)
        nn.init.zeros_(self.classifier.bias)

    def factors(self) -> NDArray[np.float32]:
        """Return by what ``scale`` multiplies each of the features, (F,)."""
        n_blocks = PAIR_BLOCKS if self.n_texts > 1 else 1
        factors = np.full(n_blocks, self.scale, np.float32)
        factors[PAIR_BLOCKS - 1 :] = self.scale**2  # of u * v
        return np.repeat(factors, self.classifier.in_features // n_blocks)

    def forward(self, vectors: Tensor) -> Tensor:
        """Return logits (B, K) of vectors (B, D), or (2 B, D), those of the first texts before those of the second ones."""
        vectors = vectors * self.scale
        if self.n_texts > 1:
            first, second = vectors.chunk(2)
            vectors = torch.cat([first, second, (first - second).abs(), first * second], dim=1)
        return self.classifier(self.dropout(vectors))  # type: ignore[no-any-return]


class _Given(nn.Module):
    """Stands in a network of transformers for its encoder, whose outputs are known."""

    states: Any = None

    def forward(self, *_: Any, **__: Any) -> Any:
        return self.states


class TransformersHead(nn.Module):
    """The head of a ``...ForSequenceClassification``, or of another such class, which runs as transformers wrote it.

    Args:
        model: the whole network; its encoder is taken out.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self._name = str(model.base_model_prefix)
        self._is_choice = type(model).__name__.endswith("ForMultipleChoice")
        setattr(model, self._name, _Given())

    def forward(self, states: Any, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return logits: (B, K); of tokens (B, T, K); of the start and the end of an answer (B, T, 2), small for padding; of
        choices, each of which is a sequence, (B, 1)."""
        given = getattr(self.model, self._name)
        given.states = states
        mask = {name: inputs[name] for name in ("attention_mask",) if name in inputs}
        try:
            if self._is_choice:
                return self.model(input_ids=inputs["input_ids"][:, None]).logits  # type: ignore[no-any-return]
            outputs = self.model(input_ids=inputs["input_ids"], **mask)
        finally:
            given.states = None
        if "start_logits" not in outputs:
            return outputs.logits  # type: ignore[no-any-return]
        logits = torch.stack([outputs.start_logits, outputs.end_logits], dim=-1)
        return logits.masked_fill(mask["attention_mask"][:, :, None] == 0, _HIDDEN) if mask else logits

    def with_encoder(self, encoder: Any) -> Any:
        """Return a copy of the whole network of transformers, with an encoder that is not copied."""
        whole = copy.deepcopy(self.model)
        setattr(whole, self._name, encoder)
        return whole


def describe(config: Any, task: Task) -> None:
    """Write into a configuration of transformers what a task is: its labels and its kind."""
    names = task.labels or (("LABEL_0", "LABEL_1") if task.kind == SPAN else ("value",))
    config.num_labels = len(names)
    config.id2label = dict(enumerate(names))
    config.label2id = {name: number for number, name in enumerate(names)}
    config.problem_type = PROBLEMS.get(task.kind)


def auto_class(kind: str) -> Any:
    """Return the class of transformers that makes networks for tasks of a kind."""
    import transformers

    return getattr(transformers, _CLASSES.get(kind, "AutoModelForSequenceClassification"))


def last_layer(head: nn.Module) -> nn.Linear:
    """Return the linear layer of a head that gives its outputs."""
    return [module for module in head.modules() if isinstance(module, nn.Linear)][-1]


def rescale(head: nn.Module, mean: float, deviation: float) -> None:
    """Change a head of a regression, which gives (value - mean) / deviation, so that it gives the value itself."""
    layer = last_layer(head)
    with torch.no_grad():
        layer.weight.mul_(deviation)
        layer.bias.mul_(deviation).add_(mean)
