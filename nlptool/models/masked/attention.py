"""The attention weights of a Transformer that reads: which token looks at which, in each head of each layer.

A. Vaswani et al.: Attention Is All You Need (NIPS 2017), section 3.2; J. Devlin et al.: BERT (NAACL 2019). The networks run in
torch, in float32 and with plain products, since the fast kernels never hold the weights. They are those of the softmax,
so that each row sums to 1: row i says how token i shares out its attention.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from nlptool.errors import ModelError
from nlptool.models.japanese import bert_words
from nlptool.models.masked import sentence_pairs, transformers_model
from nlptool.models.masked.tokenizer import MaskedLmTokenizer, ModelInput
from nlptool.models.runtime import devices, prepare
from nlptool.models.runtime.batching import pack, pad
from nlptool.models.runtime.prepare import Note, Report, silent, unwatched
from nlptool.models.seq2seq import folder as seq2seq_folder
from nlptool.models.store import model_folder
from nlptool.specs import AttentionSpec

_USUAL_LENGTH = 512  # tokens, unless more are asked for: the weights grow with their square
_MOST_WEIGHTS = 2**30  # of one text: 4 GiB
_HINT = "nlptool models list --task fill-mask and --task embed show models that have"
_SAMPLE = "東京 a"


@dataclass(frozen=True, slots=True)
class Reading:
    """A text, or two, as the network reads them."""

    row: ModelInput
    n_pieces: int  # without special tokens; 0 if one of two texts has none
    n_unknown: int  # pieces that the vocabulary lacks
    truncated: bool  # not all of it fits


class AttentionModel:
    """Texts to attention weights.

    Attributes:
        engine: torch.
        n_layers: L.
        n_heads: H, of each layer.
        texts: its tokenizer.
    """

    engine = "torch"

    def __init__(
        self,
        name: str,
        network: Any,
        texts: MaskedLmTokenizer,
        about: Mapping[str, Any],
        *,
        device: str,
        spec: AttentionSpec,
    ) -> None:
        self.name, self.device, self.texts = name, device, texts
        self._network, self._pad_id, self._takes_types = network, int(about["pad_id"]), bool(about["types"])
        self._budget = 1 if spec.deterministic else spec.batch_tokens or 512
        self._threads = spec.threads
        self.n_layers, self.n_heads = network.config.num_hidden_layers, network.config.num_attention_heads

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """Tokenize each text and truncate it at the end."""
        max_pieces = self.texts.max_pieces()
        return [self._reading(tokenized.ids, max_pieces) for tokenized in self.texts.tokenize(texts)]

    def _reading(self, ids: list[int], max_pieces: int) -> Reading:
        kept = ids[:max_pieces]
        unknown = self.texts.unknown_id
        n_unknown = 0 if unknown is None else kept.count(unknown)
        return Reading(self.texts.model_input(kept), len(kept), n_unknown, len(ids) > max_pieces)

    def read_pairs(self, pairs: Sequence[tuple[str, str]]) -> list[Reading]:
        """Tokenize both texts of a pair into one sequence; of what is too long the part nearest to their border stays."""
        return [
            Reading(pair.row, min(pair.n_first, pair.n_second), pair.n_unknown, pair.truncated)
            for pair in sentence_pairs.read(self.texts, pairs)
        ]

    def weights(self, rows: Sequence[ModelInput]) -> Iterator[tuple[int, NDArray[np.float32]]]:
        """Yield (i, weights) for each row, in the order of computation, not of ``rows``.

        weights: (L, H, T, T) for the T tokens of ``rows[i]``; weights[l, h, j, k] is how much token j looks at token k in head
        h of layer l, from 0 to 1; the sum over k is 1.
        """
        for batch in pack([len(row.ids) for row in rows], self._budget):
            found = self._run([rows[index] for index in batch])  # L of (B, H, T, T)
            for row, index in enumerate(batch):
                length = len(rows[index].ids)
                yield index, torch.stack([layer[row, :, :length, :length] for layer in found]).float().cpu().numpy()

    @torch.inference_mode()
    def _run(self, rows: Sequence[ModelInput]) -> Sequence[torch.Tensor]:
        ids, mask = pad([row.ids for row in rows], self._pad_id)  # (B, T)
        inputs = {"input_ids": ids, "attention_mask": mask}
        if self._takes_types:
            inputs["token_type_ids"], _ = pad([row.types for row in rows], 0)
        with devices.torch_threads(self._threads):
            found: Sequence[torch.Tensor] = self._network(
                **{name: torch.from_numpy(array).to(self.device) for name, array in inputs.items()},
                output_attentions=True,
            ).attentions
        return found


@dataclass(frozen=True, slots=True)
class LocatedAttentionModel:
    """A model that is ready to be opened for its attention weights."""

    name: str  # a hub id where the name was short for one
    device: str  # cpu | cuda | mps
    spec: AttentionSpec
    folder: Path  # of the Transformer

    def open(self) -> AttentionModel:
        """Load the network.

        Raises:
            ModelError: it cannot be loaded, or has no attention weights.
            RunError: ``max_length`` leaves no room for a text.
        """
        with devices.torch_threads(self.spec.threads):
            return _opened(self)


def locate(spec: AttentionSpec, *, note: Note = silent, report: Report = unwatched) -> LocatedAttentionModel:
    """Find a masked language model or a sentence encoder, and check it.

    Args:
        note: is told what takes long.
        report: is told how a download goes on.

    Raises:
        ModelError: the model is not there, is damaged, or has no attention.
        RunError: the device is not there.
    """
    prepare.check_task(
        spec.model,
        ["embed", "fill-mask", "generate"],
        refusal="{}, a model for {}, has no attention weights to show",
        hint=_HINT,
    )
    device = devices.choose(spec.device, "torch")
    found = prepare.find(spec, plain=True, note=note, report=report)
    if seq2seq_folder.is_seq2seq(found.folder):
        raise _writes(found.name, "seq2seq")
    kind, path = model_folder.modules(found.folder)[0]
    model_folder.weight_files(found.folder, plain=not path, allow_pickle=spec.allow_pickle)
    if kind != "Transformer":
        raise ModelError(f"{found.name} has no attention: its first part is a {kind}, not a Transformer", hint=_HINT)
    return LocatedAttentionModel(found.name, device, spec, found.folder / path)


def _opened(located: LocatedAttentionModel) -> AttentionModel:
    name, folder, spec, device = located.name, located.folder, located.spec, located.device
    loaded = transformers_model.load_body(
        folder, writes=lambda kind: _writes(name, kind), threads=spec.threads, allow_pickle=spec.allow_pickle
    )
    network, tokenizer, about = loaded.network, loaded.tokenizer, loaded.about
    config = network.config
    fitting = math.isqrt(_MOST_WEIGHTS // (config.num_hidden_layers * config.num_attention_heads))
    about["max_length"] = min(about["max_length"], fitting)
    words, max_length = bert_words.words_of(about, tokenizer), spec.max_length or _USUAL_LENGTH
    texts = MaskedLmTokenizer(tokenizer, about, words=words, max_length=max_length)
    model = AttentionModel(name, network.to(device), texts, about, device=device, spec=spec)
    _check(model, config.model_type)
    return model


def _writes(name: str, kind: str) -> ModelError:
    """Return the error for an encoder–decoder."""
    return ModelError(
        f"{name} is a sequence-to-sequence model ({kind})",
        hint=f"nlptool generate --attention -m {name} shows where it looks while it writes",
    )


def _check(model: AttentionModel, kind: str) -> None:
    """Refuse a network without a weight for each token and each other token, as with Fourier transforms and windows."""
    row = model.texts.model_input(model.texts.tokenize([_SAMPLE])[0].ids)
    try:
        _, weights = next(model.weights([row]))
        shape = weights.shape
    except (AttributeError, TypeError, IndexError, RuntimeError, ValueError) as error:  # whatever else its kind gives
        raise ModelError(f"{model.name} ({kind}) gives no attention weights: {error}", hint=_HINT) from error
    length = len(row.ids)
    if shape != (model.n_layers, model.n_heads, length, length):
        raise ModelError(f"{model.name} ({kind}) gives no weight for each token and each other token", hint=_HINT)
