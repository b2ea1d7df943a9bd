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
from nlptool.models.classifiers.linear import LinearHead
from nlptool.models.encoders import sentence_transformer
from nlptool.models.heads.folder import HEAD, HEADS, Family
from nlptool.models.heads.network import HeadsNetwork, VectorHead, auto_class, describe
from nlptool.models.heads.task import Task
from nlptool.models.heads.transformers_model import describe_inputs, new_heads
from nlptool.models.japanese import bert_words
from nlptool.models.runtime import transformers_loading
from nlptool.models.runtime.transformers_loading import silenced
from nlptool.training.saving import SAVE_DTYPES, folder_permissions

_TOKENIZER_FILES = (
    "tokenizer*.json", "special_tokens_map.json", "added_tokens.json", "vocab*", "merges.txt", "*.model", "*.spm"
)  # fmt: skip
_HINT = "--base takes BERT and its kin; nlptool models list --task fill-mask shows some"


def pooling_of(folder: Path) -> str:
    """Return how the model in a folder is pooled: sentence, if it is one of sentence-transformers; else cls."""
    return "sentence" if (folder / "modules.json").is_file() else "cls"


def new(
    folder: Path,
    name: str,
    tasks: Sequence[Task],
    *,
    pooling: str,
    dropout: float | None = None,
    seed: int = 1,
    note: Callable[[str], None] = lambda message: None,
) -> HeadsNetwork:
    """Return the encoder of a base model, with a new head for each task.

    Args:
        folder: of the base model, as transformers loads it.
        name: of the base model, for messages.
        pooling: cls: as transformers' own classes do it | sentence: as sentence-transformers does it, by the mean of all tokens
            where the folder does not say.
        dropout: of all layers; None: as the base model says.
        seed: of what begins at random.
        note: called with the parts of the encoder that begin at random because the folder has none.

    Raises:
        ModelError: the base model cannot be loaded, or is none of the kind of BERT.
    """
    torch.manual_seed(seed)
    network = (_with_vectors if pooling == "sentence" else _with_states)(folder, name, tasks, note)
    if dropout is not None:
        _set_dropout(network, dropout)
    return network


def _with_states(folder: Path, name: str, tasks: Sequence[Task], note: Callable[[str], None]) -> HeadsNetwork:
    """Load the encoder as transformers' class for classification has it: with a pooler where its head reads that."""
    with silenced():
        from transformers import AutoConfig

        transformers_loading.refuse_own_code(folder)
        try:
            config = transformers_loading.pretrained(AutoConfig, folder)
        except ModelError as error:
            if "`model_type`" not in error.message:
                raise
            message = f"{name} is no Transformer: no config.json of its folder names a `model_type`"
            raise ModelError(message, hint=_HINT) from error
        _refuse(config, name)
        auto = auto_class(tasks[0].kind)
        whole, missing = transformers_loading.network(auto, folder, ignore_mismatched_sizes=True)
        prefix = f"{whole.base_model_prefix}."
        missing = [tensor.removeprefix(prefix) for tensor in missing if tensor.startswith(prefix)]
        if any("embeddings" in tensor for tensor in missing):
            raise transformers_loading.lacks(folder, missing)
        if at_random := sorted({".".join(tensor.split(".")[:2]) for tensor in missing}):
            note(f"{name} has no {', '.join(at_random)}: they begin at random")
        encoder = getattr(whole, whole.base_model_prefix)
        return HeadsNetwork(encoder, new_heads(encoder, tasks))


def _with_vectors(folder: Path, name: str, tasks: Sequence[Task], note: Callable[[str], None]) -> HeadsNetwork:
    """Load a sentence encoder."""
    sentences = sentence_transformer.load(folder)
    if not sentence_transformer.is_usual(sentence_transformer.network(sentences)):
        raise ModelError(f"the parts of {name} are not those of a sentence encoder that can be trained here")
    if not (folder / "modules.json").is_file():
        note(f"{name} is no sentence encoder: its vectors are the means of its tokens")
    sentences.prompts, sentences.default_prompt_name = {}, None  # none of them is put before a text here
    encoder = sentences[0].model
    dropout = float(getattr(encoder.config, "hidden_dropout_prob", 0.0))
    dimension = int(sentences.get_embedding_dimension())
    is_normalized = len(sentence_transformer.network(sentences)) < len(sentences)
    scale = dimension**0.5 if is_normalized else 1.0
    heads = [
        VectorHead(dimension, task.n_outputs, n_texts=task.n_texts, dropout=dropout, scale=scale) for task in tasks
    ]
    return HeadsNetwork(encoder, heads, sentences)


def _set_dropout(network: nn.Module, dropout: float) -> None:
    """Set the dropout of all layers and of attention."""
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = dropout
        elif isinstance(getattr(module, "attention_dropout", None), float):
            setattr(module, "attention_dropout", dropout)  # noqa: B010  (no attribute of nn.Module)


def _refuse(config: Any, name: str) -> None:
    from transformers import MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING

    kind = config.model_type
    if getattr(config, "is_encoder_decoder", False) or type(config) not in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING:
        raise ModelError(f"{name} is a {kind}, of which transformers makes no classifier", hint=_HINT)
    from transformers import MODEL_FOR_MASKED_LM_MAPPING

    if type(config) not in MODEL_FOR_MASKED_LM_MAPPING:
        raise ModelError(f"{name} is a {kind}, which reads in one direction alone", hint=_HINT)


def tokenizer(folder: Path, network: HeadsNetwork, *, max_length: int) -> tuple[Any, dict[str, Any]]:
    """Return the tokenizer of a base model, of the library ``tokenizers``, and the manifest of its inputs.

    Args:
        max_length: tokens of a sequence; fewer if the model takes fewer.

    Raises:
        ModelError: it cannot be loaded, or does not belong to the network.
    """
    with silenced():
        found, own = transformers_loading.tokenizers(folder)
        transformers_loading.check_tokenizer(network.encoder, own, folder)
    about = describe_inputs(network, own, folder)
    return found, about | {"max_length": min(max_length, about["max_length"])}


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
    network: HeadsNetwork, tasks: Sequence[Task], base: Path, folder: Path, *, pooling: str, max_length: int,
    save_dtype: str, family: Family,
) -> None:  # fmt: skip
    """Write a network: see ``models.heads.folder``. The files of the tokenizer are those of the base model.

    Args:
        family: of what is written.
        max_length: tokens of the sequences that it was trained with.

    Raises:
        OSError: the files cannot be written.
    """
    dtype = SAVE_DTYPES[save_dtype]
    network = network.to(dtype)
    with silenced(), folder_permissions(folder):
        heads = list(network.heads.values())
        if pooling == "sentence":
            network.sentences[0].max_seq_length = max_length
            network.sentences.save(str(folder), create_model_card=False)
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
                _save_manifest(task, folder / task.name / family.manifest, max_length)
        _save_tokenizer(base, folder)


def _linear(head: Any) -> LinearHead:
    """Return a head on vectors as ``models.classifiers.linear`` reads it: its scale is part of the coefficients."""
    coefficients, intercepts = (
        parameter.detach().cpu().float().numpy() for parameter in (head.classifier.weight, head.classifier.bias)
    )
    return LinearHead(coefficients * head.factors(), intercepts)


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


def _save_manifest(task: Task, path: Path, max_length: int) -> None:
    """Write what one of several tasks is, so that its folder is a classifier by itself."""
    about = {
        "method": "finetune",
        "pooling": "cls",
        "max_length": max_length,
        "tasks": [replace(task, name="").as_dict()],
    }
    path.write_text(json.dumps(about, indent=2, ensure_ascii=False), encoding="utf-8")
