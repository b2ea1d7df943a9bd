"""Export of a torch network as an ONNX graph."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nlptool.errors import NotConvertible
from nlptool.models.runtime.transformers_loading import short_message


def eager(network: Any) -> None:
    """Let a network of transformers compute attention in plain products, which are what onnxruntime fuses best."""
    config = getattr(network, "config", None)
    if config is not None:
        config._attn_implementation = "eager"


def write_tokenizer(tokenizer: Any, about: Mapping[str, Any], target: Path, manifest: str) -> None:
    """Write what a graph needs beside it to the folder ``target``: ``tokenizer.json``, without a limit, and the manifest."""
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.save(str(target / "tokenizer.json"), pretty=False)
    (target / manifest).write_text(json.dumps(about, indent=2, ensure_ascii=False))


def example_inputs(
    about: Mapping[str, Any], **more: tuple[Any, tuple[str, ...]]
) -> dict[str, tuple[Any, tuple[str, ...]]]:
    """Return inputs for ``export``: two sequences, one of them padded.

    Args:
        about: the manifest: with ``masks`` the network takes a mask, with ``types`` the number of each token's text.
        more: other inputs, which come before the types.
    """
    import torch

    mask = torch.ones(2, 7, dtype=torch.long)
    mask[1, 5:] = 0
    axes = ("batch", "length")
    inputs: dict[str, tuple[Any, tuple[str, ...]]] = {"input_ids": (torch.full((2, 7), 3), axes)}
    if about["masks"]:
        inputs["attention_mask"] = (mask, axes)
    inputs |= more
    if about["types"]:
        inputs["token_type_ids"] = (torch.zeros(2, 7, dtype=torch.long), axes)
    return inputs


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
        raise NotConvertible(f"torch cannot export it: {short_message(error.__cause__ or error)}") from error
