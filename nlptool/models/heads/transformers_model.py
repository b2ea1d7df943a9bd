"""A network with heads in torch, loaded by transformers itself and described."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from nlptool.errors import ModelError
from nlptool.models.heads import folder as heads_folder
from nlptool.models.heads.folder import HEADS, Family
from nlptool.models.heads.network import HeadsNetwork, TransformersHead, auto_class, describe
from nlptool.models.heads.task import Task
from nlptool.models.japanese import bert_words
from nlptool.models.runtime import transformers_loading
from nlptool.storage import safetensors

_SETTINGS = ("pieces", "threshold")
"""What the manifest of a reader says of how it reads: see ``models.readers``."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model in float32 on the processor."""

    network: HeadsNetwork
    tokenizer: Any  # of the library ``tokenizers``
    about: dict[str, Any]  # the manifest of the converted copy


def load(folder: Path, name: str, family: Family, *, allow_pickle: bool = False) -> Loaded:
    """Load the model of a folder, running no code of its own.

    Args:
        name: of the model, for messages.
        family: that it must be of.
        allow_pickle: open a pickle where there are no safetensors.

    Raises:
        ModelError: it is none, transformers refuses it, it asks for code of its own, or its parts do not belong together.
    """
    tasks = heads_folder.tasks(folder, name, family)
    with transformers_loading.silenced():
        transformers_loading.refuse_own_code(folder)
        about = heads_folder.manifest(folder, family) or {}
        if (folder / HEADS).is_file():
            network = _with_heads(folder, tasks, allow_pickle=allow_pickle)
        else:
            network = _of_one_task(folder, tasks[0], allow_pickle=allow_pickle)
        tokenizer, own = transformers_loading.tokenizers(folder)
        transformers_loading.check_tokenizer(network.encoder, own, folder)
    inputs = describe_inputs(network, own, folder, max_length=about.get("max_length"))
    own_settings = {name: about[name] for name in _SETTINGS if about.get(name) is not None}
    return Loaded(network.eval(), tokenizer, {"tasks": [task.as_dict() for task in tasks], **inputs, **own_settings})


def _of_one_task(folder: Path, task: Task, *, allow_pickle: bool) -> HeadsNetwork:
    whole, missing = transformers_loading.network(
        auto_class(task.kind), folder, allow_pickle=allow_pickle, attn_implementation="eager"
    )
    if missing:
        raise transformers_loading.lacks(folder, missing)
    encoder = getattr(whole, whole.base_model_prefix)
    return HeadsNetwork(encoder, [TransformersHead(whole)])


def _with_heads(folder: Path, tasks: Sequence[Task], *, allow_pickle: bool) -> HeadsNetwork:
    """Load an encoder, and the heads that are in a file of their own."""
    whole, missing = transformers_loading.network(
        auto_class(tasks[0].kind), folder, allow_pickle=allow_pickle, attn_implementation="eager"
    )
    encoder = getattr(whole, whole.base_model_prefix)
    if missing := [name for name in missing if name.startswith(f"{whole.base_model_prefix}.")]:
        raise transformers_loading.lacks(folder, missing)
    heads = new_heads(encoder, tasks, meta=True)
    tensors = {name: torch.from_numpy(array.copy()) for name, array in safetensors.read_all(folder / HEADS).items()}
    for number, head in enumerate(heads):
        start = f"{number}."
        state = {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}
        wanted = {name: value.shape for name, value in head.state_dict().items()}
        if {name: value.shape for name, value in state.items()} != wanted:
            raise ModelError(f"{folder / HEADS} is damaged: it does not hold the head of task {tasks[number].name!r}")
        head.load_state_dict({name: value.float() for name, value in state.items()}, assign=True)
    return HeadsNetwork(encoder, heads)


def new_heads(encoder: Any, tasks: Sequence[Task], *, meta: bool = False) -> list[torch.nn.Module]:
    """Return a new head of transformers for each task.

    Args:
        meta: without values, which are loaded later.
    """
    heads: list[torch.nn.Module] = []
    for task in tasks:
        config = type(encoder.config).from_dict(encoder.config.to_dict())
        describe(config, task)
        with torch.device("meta" if meta else "cpu"):
            whole = auto_class(task.kind).from_config(config)
        heads.append(TransformersHead(whole))
    return heads


def describe_inputs(network: HeadsNetwork, own: Any, folder: Path, *, max_length: int | None = None) -> dict[str, Any]:
    """Return the part of the manifest that describes what the network reads.

    Args:
        own: the tokenizer of transformers.
        max_length: tokens of the sequences that it was trained with.
    """
    config = network.encoder.config
    taken = inspect.signature(network.encoder.forward).parameters.keys() & {*own.model_input_names, "attention_mask"}
    limits = (own.model_max_length, getattr(config, "max_position_embeddings", None), max_length)
    about = {
        "architecture": config.model_type,
        "max_length": transformers_loading.positions(
            network, said=min(limit for limit in limits if limit and limit > 0)
        ),
        "types": "token_type_ids" in taken and int(getattr(config, "type_vocab_size", 0) or 0) > 1,
        "masks": "attention_mask" in taken,
        "pad_id": transformers_loading.pad_id(
            getattr(config, "pad_token_id", None), own.pad_token_id, size=int(config.vocab_size)
        ),
        "unknown_id": own.unk_token_id,
        "words": bert_words.settings(folder),
    }
    return {name: value for name, value in about.items() if value is not None}
