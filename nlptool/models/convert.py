"""A sentence-transformers model to an ONNX graph, once, by torch.

The graph goes from token ids to the sentence's vector: transformer, pooling and dense layers as sentence-transformers runs
them. The last normalisation stays outside, so that it can be chosen. The weights lie beside the graph in a file that
onnxruntime maps into memory: it opens e5-small in 0.1 s instead of 0.6. The graph is run beside the original on a few
texts, alone and in one padded batch, before it is believed.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import ModelError, NotConvertible
from nlptool.models import bert_japanese, configs, folders
from nlptool.models.copies import MANIFEST
from nlptool.models.encoder import Prepared, Settings
from nlptool.models.onnx_network import GRAPH

LARGEST_DIFFERENCE = 1e-3  # of a vector's length; the cosine is then at least 0.9999995

# The last one reaches beyond the window of local attention, and mostly to the last position there is.
_SAMPLE = ["A plane is taking off.", "猫が好き", "", "a", "東京は日本の首都です。 " * 12, "long " * 600]
_ALONE, _TOGETHER = 1, 10_000  # tokens in a batch
_UNLIMITED = 2**31 - 1


@contextlib.contextmanager
def silenced() -> Iterator[None]:
    """Keep libraries that print and warn away from the streams."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TQDM_DISABLE", "1")
    logging.disable(logging.ERROR)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stderr(io.StringIO()),
            contextlib.redirect_stdout(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(logging.NOTSET)


def load(folder: Path, *, allow_pickle: bool = False) -> Any:
    """The ``SentenceTransformer`` of a folder, in float32 on the CPU, running no code of its own.

    Args:
        allow_pickle: open a pickle where there are no safetensors.

    Raises:
        ModelError: sentence-transformers refuses it, it asks for code of its own or for a pooling that nobody knows, or its
            parts do not belong together.
    """
    _check_pooling(folder)
    words = bert_japanese.settings(folder)
    with silenced():
        import torch
        from sentence_transformers import SentenceTransformer

        refuse_own_code(folder, [path for _, path in folders.modules(folder)])
        try:
            model = SentenceTransformer(
                str(folder.absolute()),
                device="cpu",
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"dtype": torch.float32, "use_safetensors": None if allow_pickle else True},
                processor_kwargs=bert_japanese.arguments(words) if words else None,
            ).eval()
            lacking = _lacking(model, folder, allow_pickle=allow_pickle)
        except Exception as error:
            raise cannot_be_loaded(folder, error) from error
    if lacking:
        raise lacks(folder, lacking)
    if type(model[0]).__name__ == "Transformer":
        check_tokenizer(model[0].model, model.tokenizer, folder)
        _check_sizes(model, folder)
        model.max_seq_length = max_length(model)
    return model


def cannot_be_loaded(folder: Path, error: Exception) -> ModelError:
    """What to say of a model that a library refuses with ``error``."""
    reason = "its weights do not fit its config.json" if "mismatched" in str(error) else _first_line(error)
    return ModelError(f"{folder} cannot be loaded: {reason}")


def lacks(folder: Path, tensors: Sequence[str]) -> ModelError:
    """What to say of a model whose files do not hold all of its tensors."""
    return ModelError(
        f"{folder} lacks {len(tensors)} of the tensors that its config.json asks for: {tensors[0]}",
        hint="download the model again",
    )


def convert(folder: Path, target: Path, *, allow_pickle: bool = False) -> None:
    """Write ``model.onnx``, ``tokenizer.json`` and ``encoder.json`` for the model in ``folder`` to ``target``.

    Raises:
        NotConvertible: its parts, its tokenizer or its graph do not allow it.
        ModelError: its files do not belong together.
    """
    model = load(folder, allow_pickle=allow_pickle)
    modules = network(model)
    if not is_usual(modules):
        raise NotConvertible(f"its parts are {', '.join(type(module).__name__ for module in modules)}")
    subwords = tokenizer(model.tokenizer, folder)
    if subwords is None:
        raise NotConvertible("its tokenizer is not a fast one, or cuts texts on the left")
    about = describe(model, folder)
    with silenced():
        # One by one: a tokenizer that pads on the left would move the texts in a batch to other positions. Without special
        # tokens, an empty text has none at all, and sentence-transformers fails.
        sample = [text for text in _SAMPLE if model.tokenizer(text).input_ids]
        expected = model.encode(sample, batch_size=1, prompt="")
        _export(modules, target / GRAPH)
    subwords.no_truncation()
    subwords.no_padding()
    subwords.save(str(target / "tokenizer.json"))
    (target / MANIFEST).write_text(json.dumps(about, indent=2, ensure_ascii=False))
    _compare(sample, expected, about, target)


def network(model: Any) -> list[Any]:
    """The modules of a ``SentenceTransformer`` without the last normalisation."""
    modules = list(model)
    return modules[:-1] if type(modules[-1]).__name__ == "Normalize" else modules


def is_usual(modules: list[Any]) -> bool:
    """Whether token ids go in and one vector comes out, and nothing else is asked for."""
    names = [type(module).__name__ for module in modules]
    if names[:2] != ["Transformer", "Pooling"] or not set(names[2:]) <= {"Dense"}:
        return False
    text = modules[0].modality_config.get("text") or {}
    plain = text.get("method") == "forward" and text.get("method_output_name") in (
        "last_hidden_state",
        ["last_hidden_state"],
    )
    return bool(plain and not modules[0].processing_kwargs and modules[1].include_prompt)


def tokenizer(own: Any, folder: Path) -> Any:
    """The ``tokenizers.Tokenizer`` of a tokenizer of transformers; None if it has none, or if a text would be cut at its
    beginning."""
    if getattr(own, "truncation_side", "right") != "right":
        return None
    if bert_japanese.settings(folder) is not None:
        return bert_japanese.tokenizer(folder, own)
    return getattr(own, "backend_tokenizer", None)


def describe(model: Any, folder: Path) -> dict[str, Any]:
    """What an encoder has to know beside the graph."""
    pooling = next((module.pooling_mode for module in model if type(module).__name__ == "Pooling"), None)
    about = {
        "dimension": int(model.get_embedding_dimension()),
        "max_length": max_length(model),
        "normalize": type(model[-1]).__name__ == "Normalize",
        "pad_id": int(getattr(model.tokenizer, "pad_token_id", None) or 0),
        "words": bert_japanese.settings(folder),
        "prompts": {name: text for name, text in model.prompts.items() if text},
        "default_prompt": model.default_prompt_name,
        "architecture": getattr(getattr(model[0], "config", None), "model_type", None),
        "pooling": [pooling] if isinstance(pooling, str) else list(pooling or []),
        "assumed": None
        if (folder / "modules.json").is_file()
        else f"the folder has no modules.json, so {pooling or 'no'} pooling is assumed",
    }
    return {name: value for name, value in about.items() if value not in (None, {}, [])}


def max_length(model: Any) -> int:
    """The number of tokens that a model takes: what it says itself, but not more than it has positions for."""
    return positions(model[0], said=model.max_seq_length or 512)


def positions(network: Any, *, said: float) -> int:
    """``said``, but not more than a network has learned positions for."""
    tables = [module for module in network.modules() if hasattr(module, "position_embeddings")]
    return int(min(said, *map(_positions, tables), _UNLIMITED))


def _positions(embeddings: Any) -> int:
    """The positions that a module has learned; RoBERTa and its kin count them from behind the padding's id."""
    table = embeddings.position_embeddings
    rows = int(getattr(table, "num_embeddings", _UNLIMITED))
    return rows if getattr(table, "padding_idx", None) is None else rows - int(table.padding_idx) - 1


def refuse_own_code(folder: Path, parts: Iterable[str] = ("",)) -> None:
    """
    Raises:
        ModelError: the architecture of one of its parts is not one of transformers but code in the folder or in another
            repository.
    """
    from transformers import CONFIG_MAPPING

    for part in parts:
        config = folder / part / "config.json"
        about = folders.read_json(config) if config.is_file() else {}
        if about.get("auto_map") and str(about.get("model_type")) not in CONFIG_MAPPING:
            raise ModelError(
                f"{folder} asks for code of its own (auto_map in {config.name}), which nlptool never runs",
                hint="another model of the same kind may do without: nlptool models list",
            )


def _check_pooling(folder: Path) -> None:
    """
    Raises:
        ModelError: a pooling is none, or one that nobody knows. sentence-transformers would take the mean for none.
    """
    for kind, path in folders.modules(folder):
        if kind == "Pooling":
            asked = configs.pooling_modes(folders.read_json(folder / path / "config.json"))
            if not asked or not set(asked) <= configs.POOLINGS.keys():
                named = ", ".join(map(str, asked)) or "none"
                raise ModelError(
                    f"{folder / path / 'config.json'} asks for a pooling that nobody knows: {named}",
                    hint=f"there are {', '.join(configs.POOLINGS)}",
                )


def _lacking(model: Any, folder: Path, *, allow_pickle: bool) -> list[str]:
    """The tensors that are in no file and so are random, which transformers only logs. Many models lack BERT's unused pooler."""
    import torch

    kind, path = folders.modules(folder)[0]
    if kind != "Transformer":
        return []
    _, found = type(model[0].model).from_pretrained(
        str((folder / path).absolute()),
        output_loading_info=True,
        local_files_only=True,
        dtype=torch.float32,
        use_safetensors=None if allow_pickle else True,
    )
    return sorted(name for name in found["missing_keys"] if "pooler" not in name)


def _check_sizes(model: Any, folder: Path) -> None:
    """
    Raises:
        ModelError: a limit that is none, or a pooling of vectors of another width.
    """
    said = model.max_seq_length
    if said is not None and not (isinstance(said, int | float) and said >= 1):
        raise ModelError(f"{folder} gives {said!r} as the number of tokens that it takes (max_seq_length)")
    if len(model) > 1 and type(model[1]).__name__ == "Pooling":
        width, pooled = model[0].get_embedding_dimension(), model[1].embedding_dimension
        if width != pooled:
            raise ModelError(f"{folder} gives vectors of {width} dimensions, and its pooling takes {pooled}")


def check_tokenizer(network: Any, tokenizer: Any, folder: Path) -> None:
    """
    Raises:
        ModelError: the tokenizer gives ids that the network has no embedding for.
    """
    try:
        rows = network.get_input_embeddings().num_embeddings
        # Some models have unused added tokens without a row: they do not count.
        added = getattr(tokenizer, "added_tokens_decoder", {})
        largest = max(token for token in tokenizer.get_vocab().values() if token not in added)
    except (AttributeError, NotImplementedError, ValueError):  # none of either: not to be compared
        return
    if largest >= rows:
        raise ModelError(
            f"tokenizer.json does not belong to this model: its ids in {folder} go up to {largest:,}, and the network has"
            f" {rows:,} embeddings",
            hint="download the model again",
        )


def _export(modules: list[Any], path: Path) -> None:
    import torch

    class Stack(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = modules[0].model
            self.rest = torch.nn.ModuleList(modules[1:])

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            hidden = self.model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
            features: dict[str, Any] = {"token_embeddings": hidden, "attention_mask": attention_mask}
            for module in self.rest:
                features = module(features)
            embedding: torch.Tensor = features["sentence_embedding"]
            return embedding

    wrapped = Stack().eval()
    eager(wrapped.model)
    ids = torch.zeros((2, 7), dtype=torch.long)
    mask = torch.ones(2, 7, dtype=torch.long)
    mask[1, 5:] = 0
    axes = ("batch", "length")
    inputs = {"input_ids": (ids, axes), "attention_mask": (mask, axes)}
    export(wrapped, inputs, ["sentence_embedding"], path)


def eager(network: Any) -> None:
    """Let a network of transformers compute attention in plain products, which are what onnxruntime fuses best."""
    config = getattr(network, "config", None)
    if config is not None:
        config._attn_implementation = "eager"


def export(network: Any, inputs: Mapping[str, tuple[Any, tuple[str, ...]]], outputs: list[str], path: Path) -> None:
    """Write a network of torch as a graph, its weights in a file beside it.

    Args:
        inputs: by the names of its arguments: an example, and names for its axes, all of which may vary.
        outputs: names for what it gives.

    Raises:
        NotConvertible: it cannot be exported.
        OSError: the files cannot be written.
    """
    import torch

    sizes = {axis: torch.export.Dim(axis) for _, axes in inputs.values() for axis in axes}
    try:
        torch.onnx.export(
            network,
            (),
            str(path),
            kwargs={name: example for name, (example, _) in inputs.items()},
            input_names=list(inputs),
            output_names=outputs,
            dynamic_shapes={
                name: {number: sizes[axis] for number, axis in enumerate(axes)} for name, (_, axes) in inputs.items()
            },
            dynamo=True,
            external_data=True,
            verbose=False,
        )
    except Exception as error:
        if isinstance(cause := error.__cause__ or error, OSError):
            raise cause from error  # the disk's fault, not the model's: not to be remembered
        # The exporter wraps the reason into advice on how to go on from there.
        raise NotConvertible(f"torch cannot export it: {_first_line(error.__cause__ or error)}") from error


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


def _compare(sample: list[str], expected: NDArray[np.float32], about: dict[str, Any], target: Path) -> None:
    for budget in (_ALONE, _TOGETHER):
        settings = Settings(prompt="", batch_tokens=budget)
        prepared = Prepared("", "onnx", "cpu", about["dimension"], "", about, settings, target, target)
        try:
            got = prepared.open().encode(sample).vectors
        except Exception as error:  # onnxruntime's own classes, all derived from Exception alone
            raise NotConvertible(f"its converted copy does not run: {str(error)[:200]}") from error
        lengths = np.linalg.norm(expected, axis=1)
        difference = float(np.max(np.linalg.norm(got - expected, axis=1) / np.where(lengths == 0, 1, lengths)))
        if not difference <= LARGEST_DIFFERENCE:  # nor if it is no number
            raise NotConvertible(f"its converted copy gives vectors that differ by {difference:.1e} of their length")
