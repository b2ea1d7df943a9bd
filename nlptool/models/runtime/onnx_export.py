"""Export of a torch network as an ONNX graph."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nlptool.errors import NotConvertible
from nlptool.models.runtime.transformers_loading import first_line


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
        raise NotConvertible(f"torch cannot export it: {first_line(error.__cause__ or error)}") from error
