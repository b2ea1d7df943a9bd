"""Classifiers by a network: texts or pairs of texts to the outputs of a task.

Method: J. Devlin et al.: BERT (NAACL 2019), section 4. The network runs in onnxruntime, or in torch where a model or a GPU needs
it. Sequences are sorted by their length and packed by a budget of tokens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.models.classifiers.outputs import Outputs, scores
from nlptool.models.heads.batches import BatchedNetwork, Network
from nlptool.models.heads.task import Task
from nlptool.models.heads.tokenizer import ModelInput, TextTokenizer
from nlptool.specs import ClassifierSpec


class NetworkClassifier:
    """A classifier by a tokenizer and a network."""

    def __init__(
        self,
        tokenizer: TextTokenizer,
        network: Network,
        about: Mapping[str, Any],
        tasks: Sequence[Task],
        spec: ClassifierSpec,
        *,
        name: str,
        device: str,
    ) -> None:
        self.name, self.device, self.engine = name, device, network.engine
        self.tasks = {task.name: task for task in tasks}
        self._numbers = {task.name: number for number, task in enumerate(tasks)}
        self._tokenizer = tokenizer
        self._network = BatchedNetwork(network, about, spec)

    def outputs(self, texts: Sequence[tuple[str, ...]], task: Task) -> Outputs:
        """Return the outputs for texts or pairs; of a text in chunks the mean over them, weighted by their tokens."""
        tokenized = self._tokenizer.read(texts)
        rows = [chunk for text in tokenized for chunk in text.chunks]
        found = scores(self._logits(rows, task), task.kind)
        if len(rows) > len(texts):
            weights = np.asarray([len(row.ids) for row in rows], np.float32)[:, None]
            starts = np.cumsum([0, *(len(text.chunks) for text in tokenized[:-1])])
            found = (np.add.reduceat(found * weights, starts) / np.add.reduceat(weights, starts)).astype(np.float32)
        return Outputs(found, [text.entry() for text in tokenized])

    def _logits(self, rows: Sequence[ModelInput], task: Task) -> NDArray[np.float32]:
        """Return (P, K) logits in the order of ``rows``."""
        return np.array(self._network.logits(rows, self._numbers[task.name]), np.float32).reshape(-1, task.n_outputs)
