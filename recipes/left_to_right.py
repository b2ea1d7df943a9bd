"""A left-to-right language model with the network, the data and the steps of BERT, for ``pretraining.py``.

The "LTR & No NSP" of J. Devlin et al.: BERT (NAACL 2019), section 5.1. Each token sees itself and those before it, in
pre-training and in fine-tuning. Pre-training predicts every next token; without masks, all of the tokens give a gradient, not
15 % of them. The classifier reads the last token, which alone has seen both texts of a pair.
"""

from __future__ import annotations

import copy
import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from nlptool.models.heads.task import Task
from nlptool.models.heads.tokenizer import TextTokenizer
from nlptool.models.runtime import devices
from nlptool.models.runtime.transformers_loading import silenced
from nlptool.training.bert import network as bert_network
from nlptool.training.bert.corpus import Documents, Store
from nlptool.training.bert.examples import Batch
from nlptool.training.bert.trainer import BertSettings, BertTraining
from nlptool.training.finetuning import network as classifier_network
from nlptool.training.finetuning.examples import Rows, TaskData
from nlptool.training.finetuning.trainer import Finetuning, FinetuningSettings

SCORES = "scores.json"


class LeftToRightTraining(BertTraining):
    """The pre-training: every token is predicted from those before it."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._dev = [next_tokens(batch) for batch in self._dev]

    def batches(self, first: int) -> Iterator[Batch]:
        return map(next_tokens, super().batches(first))

    def _initial_network(self, documents: Documents) -> Any:
        return causal(super()._initial_network(documents))


def causal(network: Any) -> Any:
    """Return a network of transformers with the same weights in which no token sees a later one."""
    config = copy.deepcopy(network.config)
    config.is_decoder, config.use_cache = True, False
    with silenced():
        made = type(network)(config)
    made.load_state_dict(network.state_dict())
    return made


def next_tokens(batch: Batch) -> Batch:
    """Return the batch without masks, in which each token but the first is to be predicted at the position before it."""
    ids = batch.ids.copy()
    ids.flat[batch.positions] = batch.targets
    is_text = np.ones(ids.shape, bool) if batch.mask is None else batch.mask
    before = np.zeros(ids.shape, bool)
    before[:, :-1] = is_text[:, 1:]
    after = is_text.copy()
    after[:, 0] = False
    return dataclasses.replace(batch, ids=ids, positions=np.flatnonzero(before), targets=ids[after])


class LastTokenHead(nn.Module):
    """The head of ``BertForSequenceClassification``, with its pooler, at the last token instead of the first.

    Args:
        encoder: its pooler is taken out.
        model: the ``BertForSequenceClassification`` without an encoder.
    """

    def __init__(self, encoder: Any, model: Any) -> None:
        super().__init__()
        self.pooler, encoder.pooler = encoder.pooler, None
        self.dropout, self.classifier = model.dropout, model.classifier

    def forward(self, states: Any, inputs: Mapping[str, Tensor]) -> Tensor:
        last = inputs["attention_mask"].sum(1) - 1  # (B,)
        at_last = states.last_hidden_state[torch.arange(len(last), device=last.device), last]  # (B, H)
        return self.classifier(self.dropout(self.pooler(at_last[:, None])))  # type: ignore[no-any-return]


def pretrain(like: Path, checkpoints: Path, folder: Path, device: str) -> None:
    """Pre-train with the options and the token ids of a BERT without next-sentence prediction.

    Args:
        like: the folder of that BERT.
        checkpoints: its checkpoint folder, with the token ids of one corpus.
        folder: gets the network, which transformers loads, and ``SCORES``: ``top1`` is the accuracy of the next tokens.
    """
    (manifest,) = checkpoints.glob("corpus-*.json")
    store = Store(checkpoints, manifest.stem.removeprefix("corpus-"))
    tokenizer, documents, dev, _ = store.load()
    options = json.loads((like / "pretraining.json").read_text(encoding="utf-8"))["options"]
    training = LeftToRightTraining(
        documents, dev, tokenizer, BertSettings(**options), checkpoints, data=f"{store.key} left to right", resume=True,
        device=devices.torch_device(device, 1), note=print,
    )  # fmt: skip
    training.run()
    new = folder.with_suffix(".new")
    new.mkdir(exist_ok=True)
    bert_network.save(training.network, tokenizer, new, "float32")
    about = {"scores": training.scores, "n_steps": training.n_steps, "n_tokens": training.n_tokens}
    (new / SCORES).write_text(json.dumps(about), encoding="utf-8")
    new.rename(folder)


def finetune(base: Path, like: Path, examples: Mapping[str, list[dict[str, Any]]], work: Path, device: str) -> float:
    """Fine-tune with the options of a classifier; return the accuracy on dev at the end.

    Args:
        like: the folder of that classifier.
        examples: sentence1, sentence2 and label of train and dev.
        work: the checkpoint folder.
    """
    about = json.loads((like / "classifier.json").read_text(encoding="utf-8"))
    settings = FinetuningSettings(**{**about["options"], "base": base.name})
    labels = tuple(about["tasks"][0]["labels"])
    task = Task("", "classification", 2, labels, "accuracy")
    torch_device = devices.torch_device(device, 1)
    network = classifier_network.new(
        base, base.name, [task], pooling="cls", dropout=settings.dropout, seed=settings.seed
    )
    tokenizer, inputs = classifier_network.tokenizer(base, network, max_length=settings.max_length)
    texts = TextTokenizer(tokenizer, inputs)
    network.heads["0"] = LastTokenHead(network.encoder, network.heads["0"].model)

    def rows(part: str) -> Rows:
        tokenized = texts.read([(each["sentence1"], each["sentence2"]) for each in examples[part]])
        targets = np.array([labels.index(each["label"]) for each in examples[part]], np.int64)
        return Rows([(text.chunks[0],) for text in tokenized], targets)

    training = Finetuning(
        network, [TaskData(task, rows("train"), rows("dev"))], settings, work, pad_id=inputs["pad_id"],
        types=inputs["types"], resume=True, device=torch_device, note=print,
    )  # fmt: skip
    training.run()
    return training.scores["accuracy"]
