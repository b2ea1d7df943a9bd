"""The network of a classifier that is fine-tuned: made of a base model, grouped into layers, and written to a folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from nlptool.errors import ModelError
from nlptool.models.classifiers import linear
from nlptool.models.classifiers.folder import HEAD, HEADS, MANIFEST
from nlptool.models.classifiers.linear import LinearHead
from nlptool.models.classifiers.network import ClassifierNetwork, MeanHead, describe
from nlptool.models.classifiers.task import Task
from nlptool.models.classifiers.tokenizer import ClassifierTokenizer
from nlptool.models.classifiers.transformers_model import describe_inputs, new_heads
from nlptool.models.japanese import bert_words
from nlptool.models.runtime import transformers_loading
from nlptool.models.runtime.transformers_loading import silenced
from nlptool.models.store import model_folder, sentence_transformers_config
from nlptool.training.saving import SAVE_DTYPES, folder_permissions

_TOKENIZER_FILES = (
    "tokenizer*.json", "special_tokens_map.json", "added_tokens.json", "vocab*", "merges.txt", "*.model", "*.spm"
)  # fmt: skip
_DROPOUTS = (
    "hidden_dropout_prob", "attention_probs_dropout_prob", "dropout", "attention_dropout", "embedding_dropout", "mlp_dropout"
)  # fmt: skip
_OF_HEAD = ("classifier_dropout", "classifier_dropout_prob", "seq_classif_dropout")
"""What the configurations of transformers call the dropout of networks and of heads."""


def pooling_of(folder: Path) -> str:
    """Return how the model in a folder is pooled: mean, if it is one of sentence-transformers and says so; else cls."""
    for kind, path in model_folder.modules(folder) if (folder / "modules.json").is_file() else ():
        if kind == "Pooling":
            modes = sentence_transformers_config.pooling_modes(model_folder.read_json(folder / path / "config.json"))
            return "mean" if list(modes) == ["mean"] else "cls"
    return "cls"


def new(
    folder: Path,
    name: str,
    tasks: Sequence[Task],
    *,
    pooling: str,
    dropout: float | None = None,
    seed: int = 1,
    note: Callable[[str], None] = lambda message: None,
) -> ClassifierNetwork:
    """Return the encoder of a base model, with a new head for each task.

    Args:
        folder: of the base model, as transformers loads it.
        name: of the base model, for messages.
        pooling: cls | mean.
        dropout: of all layers; None: as the base model says.
        seed: of what begins at random.
        note: called with the parts of the encoder that begin at random because the folder has none.

    Raises:
        ModelError: the base model cannot be loaded, or is none of the kind of BERT.
    """
    with silenced():
        from transformers import AutoConfig, AutoModel

        transformers_loading.refuse_own_code(folder)
        torch.manual_seed(seed)
        config = transformers_loading.pretrained(AutoConfig, folder)
        _refuse(config, name)
        changed: dict[str, Any] = {
            field: dropout for field in (*_DROPOUTS, *_OF_HEAD) if dropout is not None and hasattr(config, field)
        }
        if pooling == "mean":
            encoder, missing = transformers_loading.network(AutoModel, folder, **changed)
        else:
            encoder, missing = _with_its_pooler(folder, changed)
        if any("embeddings" in tensor for tensor in missing):
            raise transformers_loading.lacks(folder, missing)
        at_random = sorted({".".join(tensor.split(".")[:2]) for tensor in missing})
        if at_random and pooling != "mean":
            note(f"{name} has no {', '.join(at_random)}: they begin at random")
        heads = _mean_heads(encoder, tasks, dropout) if pooling == "mean" else new_heads(encoder, tasks)
        return ClassifierNetwork(encoder, heads)


def _mean_heads(encoder: Any, tasks: Sequence[Task], dropout: float | None) -> list[nn.Module]:
    config = encoder.config
    usual = float(getattr(config, "hidden_dropout_prob", 0.1)) if dropout is None else dropout
    deviation = float(getattr(config, "initializer_range", 0.02))
    return [
        MeanHead(int(config.hidden_size), task.n_outputs, n_texts=task.n_texts, dropout=usual, deviation=deviation)
        for task in tasks
    ]


def _refuse(config: Any, name: str) -> None:
    from transformers import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING

    kind = config.model_type
    if getattr(config, "is_encoder_decoder", False) or type(config) not in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING:
        raise ModelError(
            f"{name} is a {kind}, of which transformers makes no classifier", hint="--base takes BERT and its kin"
        )
    from transformers import MODEL_FOR_MASKED_LM_MAPPING

    if type(config) not in MODEL_FOR_MASKED_LM_MAPPING:
        raise ModelError(
            f"{name} is a {kind}, which reads in one direction alone", hint="--base takes BERT and its kin"
        )


def _with_its_pooler(folder: Path, changed: dict[str, Any]) -> tuple[Any, list[str]]:
    """Load the encoder as transformers' class for classification has it: with a pooler where its head reads that."""
    from transformers import AutoModelForSequenceClassification

    whole, missing = transformers_loading.network(
        AutoModelForSequenceClassification, folder, ignore_mismatched_sizes=True, **changed
    )
    prefix = f"{whole.base_model_prefix}."
    encoder = getattr(whole, whole.base_model_prefix)
    return encoder, [name.removeprefix(prefix) for name in missing if name.startswith(prefix)]


def tokenizer(
    folder: Path, network: ClassifierNetwork, *, max_length: int
) -> tuple[ClassifierTokenizer, dict[str, Any]]:
    """Return the tokenizer of a base model, and what is to be known of its inputs: ``pad_id``, ``types``, ``masks``.

    Args:
        max_length: tokens of a sequence; fewer if the model takes fewer.

    Raises:
        ModelError: it cannot be loaded, or does not belong to the network.
        RunError: ``max_length`` leaves no room.
    """
    with silenced():
        texts, own = transformers_loading.tokenizers(folder)
        transformers_loading.check_tokenizer(network.encoder, own, folder)
    about = describe_inputs(network, own, folder)
    return ClassifierTokenizer(texts, about, max_length=max_length), about


def layers_of(encoder: Any) -> list[nn.Module]:
    """Return the layers of an encoder from the first to the last; [] if it has none that can be told apart."""
    stacks: list[list[nn.Module]] = [list(part) for part in encoder.modules() if isinstance(part, nn.ModuleList)]
    return max(stacks, key=len, default=[])


def freeze(encoder: Any, n_layers: int, name: str) -> None:
    """Keep the embeddings and the first layers of an encoder as they are.

    Raises:
        ModelError: it has fewer layers.
    """
    layers = layers_of(encoder)
    if n_layers > len(layers):
        raise ModelError(f"{name} has {len(layers)} layers: --freeze {n_layers} is more than all of them")
    if not n_layers:
        return
    depths = depths_of(encoder)
    for parameter in encoder.parameters():
        if depths[id(parameter)] <= n_layers:
            parameter.requires_grad_(False)


def depths_of(encoder: Any) -> dict[int, int]:
    """Return the depth of each parameter by its identity: 0 for the embeddings, n for layer n from 1, and one more than the last
    layer for what comes after them."""
    layers = layers_of(encoder)
    depths = {id(parameter): n for n, layer in enumerate(layers, 1) for parameter in layer.parameters()}
    embedded = {id(parameter) for parameter in _embeddings(encoder)}
    return {
        id(parameter): 0 if id(parameter) in embedded else depths.get(id(parameter), len(layers) + 1)
        for parameter in encoder.parameters()
    }


def _embeddings(encoder: Any) -> list[nn.Parameter]:
    found = [module for name, module in encoder.named_children() if "embedding" in name]
    return [parameter for module in found for parameter in module.parameters()]


def save(
    network: ClassifierNetwork, tasks: Sequence[Task], base: Path, folder: Path, *, pooling: str, max_length: int,
    save_dtype: str,
) -> None:  # fmt: skip
    """Write a network: see ``models.classifiers.folder``. The files of the tokenizer are those of the base model.

    Args:
        max_length: tokens of the sequences that it was trained with.

    Raises:
        OSError: the files cannot be written.
    """
    dtype = SAVE_DTYPES[save_dtype]
    network = network.to(dtype)
    with silenced(), folder_permissions(folder):
        heads = list(network.heads.values())
        if pooling == "mean":
            network.encoder.save_pretrained(str(folder))
            _save_modules(folder, int(network.encoder.config.hidden_size), max_length)
            linear.save(folder / HEAD, {task.name: _linear(head) for task, head in zip(tasks, heads, strict=True)})
        elif len(tasks) == 1:
            _save_whole(heads[0], network.encoder, tasks[0], folder)
        else:
            network.encoder.save_pretrained(str(folder))
            tensors = {
                f"{number}.{name}": tensor.contiguous()
                for number, head in enumerate(heads)
                for name, tensor in head.state_dict().items()
            }
            save_file(tensors, folder / HEADS, {"format": "pt"})
            for task, head in zip(tasks, heads, strict=True):
                _save_whole(head, network.encoder, task, folder / task.name)
                _save_tokenizer(base, folder / task.name)
                _save_manifest(task, folder / task.name, max_length)
        _save_tokenizer(base, folder)


def _linear(head: Any) -> LinearHead:
    """Return a head on the mean of the tokens as ``models.classifiers.linear`` reads it."""
    coefficients, intercepts = (
        parameter.detach().cpu().float().numpy() for parameter in (head.classifier.weight, head.classifier.bias)
    )
    return LinearHead(coefficients, intercepts)


def _save_whole(head: Any, encoder: Any, task: Task, folder: Path) -> None:
    """Write what ``AutoModelForSequenceClassification`` loads."""
    whole = head.with_encoder(encoder)
    describe(whole.config, task)
    whole.save_pretrained(str(folder))


def _save_tokenizer(base: Path, folder: Path) -> None:
    for pattern in _TOKENIZER_FILES:
        for path in base.glob(pattern):
            shutil.copyfile(path, folder / path.name)
    words = bert_words.settings(base)
    if words is not None:  # the default of a configuration without a dictionary depends on the release that wrote it
        path = folder / "tokenizer_config.json"
        about = json.loads(path.read_text(encoding="utf-8"))
        about["mecab_kwargs"] = {**(about.get("mecab_kwargs") or {}), "mecab_dic": words["dictionary"]}
        path.write_text(json.dumps(about, indent=2, ensure_ascii=False), encoding="utf-8")


def _save_manifest(task: Task, folder: Path, max_length: int) -> None:
    """Write what one of several tasks is, so that its folder is a classifier by itself."""
    about = {
        "method": "finetune",
        "pooling": "cls",
        "max_length": max_length,
        "tasks": [replace(task, name="").as_dict()],
    }
    (folder / MANIFEST).write_text(json.dumps(about, indent=2, ensure_ascii=False), encoding="utf-8")


def _save_modules(folder: Path, dimension: int, max_length: int) -> None:
    """Write that an encoder is pooled by the mean of its tokens, as sentence-transformers reads it."""
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    ]
    (folder / "modules.json").write_text(json.dumps(modules, indent=2), encoding="utf-8")
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": max_length}), encoding="utf-8")
    (folder / "1_Pooling").mkdir(exist_ok=True)
    pooling = {"word_embedding_dimension": dimension, "pooling_mode_mean_tokens": True}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling, indent=2), encoding="utf-8")
