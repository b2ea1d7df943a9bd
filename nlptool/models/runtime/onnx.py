"""A network in onnxruntime."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nlptool.errors import ModelError, RunError
from nlptool.terminal import library_warnings

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
"""Since 1.29 onnxruntime reports to its makers unless told not to. It is told once, before it is imported anywhere here, and for
good: this and the same variable of the hub's library (``store.hub_client``) are the only ones that stay changed."""

GRAPH = "model.onnx"
BATCH_TOKENS = 512  # larger batches were slower on two cores: they fall out of the processor's cache
_SPINNING = {"session.intra_op.spin_duration_us": "20", "session.force_spinning_stop": "1"}
"""How long a thread without work asks for more before it sleeps. By default it asks a million times, after a run too: 15 to 50 ms
of a processor, in which other processes, or the threads that have work, wait. With 20 us a batch takes as long on processors
that do nothing else, and half as long where another process works. Older releases know the second setting only."""

_MEND = "nlptool models verify finds what is damaged; after nlptool models rm NAME it is made anew"


def session(
    graph: Path,
    weights: Path,
    *,
    initializers: Mapping[str, NDArray[np.float32]] | None = None,
    prepack: bool = True,
    threads: int = 0,
    deterministic: bool = False,
) -> Any:
    """Open an ``onnxruntime.InferenceSession`` of the graph ``model.onnx`` of a folder, on the processor.

    Args:
        graph: the folder with the graph.
        weights: the folder with the tensors that the graph does not hold itself, if not the same.
        initializers: the values of such tensors, where its files hold them in another form. They are used where they
            are, and have to be kept as long as the session.
        prepack: arrange the matrices anew in memory, which makes products of them faster and the opening slower.
        threads: 0: all.

    Raises:
        ModelError: it cannot be loaded.
    """
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.log_severity_level = 2 if library_warnings.mode() == "shown" else 4
    # With batches of ever new shapes the arena would keep the largest of each tensor.
    settings.enable_cpu_mem_arena = False
    settings.enable_mem_pattern = False
    settings.use_deterministic_compute = deterministic
    for key, value in _SPINNING.items():
        settings.add_session_config_entry(key, value)
    if not prepack:
        settings.add_session_config_entry("session.disable_prepacking", "1")
    if initializers:
        values = [onnxruntime.OrtValue.ortvalue_from_numpy(each) for each in initializers.values()]
        settings.add_external_initializers(list(initializers), values)
    model: str | bytes = str(graph / GRAPH)
    if graph != weights:  # a graph without weights: they are read where they are
        model = (graph / GRAPH).read_bytes()
        settings.add_session_config_entry("session.model_external_initializers_file_folder_path", str(weights))
    try:
        return onnxruntime.InferenceSession(model, settings, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own classes, all derived from Exception alone
        raise ModelError(f"onnxruntime cannot load {graph / GRAPH}: {error}", hint=_MEND) from error


def only_needed(outputs: Sequence[str] | None) -> Any:
    """Return the settings of a run that computes nothing but what some outputs need; None, the usual ones, for all outputs."""
    if outputs is None:
        return None
    import onnxruntime

    settings = onnxruntime.RunOptions()
    settings.only_execute_path_to_fetches = True
    return settings


def quantize(graph: Path, weights: Path, target: Path) -> None:
    """Write the graph to ``target`` with matrices of int8 (dynamic quantisation: activations are rounded as they come).

    Raises:
        RunError: the library cannot do it, with more than 2 GB of weights for one.
        OSError: a file cannot be read or written.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    try:
        model = onnx.load(graph / GRAPH, load_external_data=False)
    except OSError:
        raise
    except Exception as error:  # protobuf's
        raise ModelError(f"{graph / GRAPH} cannot be read: {error}", hint=_MEND) from error
    _with_weights(model, weights)
    try:
        with library_warnings.hidden():  # advice for those who do this by hand
            quantize_dynamic(model, target / GRAPH, weight_type=QuantType.QInt8)
    except OSError:
        raise
    except Exception as error:  # of protobuf, onnx or onnxruntime
        raise RunError(f"the network cannot be quantized: {str(error).strip()[:200]}") from error


def _with_weights(model: Any, folder: Path) -> None:
    """Bring the tensors that a graph has in files of ``folder`` into it, in float32 and as its matrices are multiplied: the
    quantizer looks at nothing else.

    Not by onnx's own helper, which refuses files with a second hard link: that is how some installers copy.
    """
    import onnx

    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    for tensor in tensors.values():
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            place = {entry.key: entry.value for entry in tensor.external_data}
            with (folder / place["location"]).open("rb") as file:
                file.seek(int(place.get("offset", 0)))
                tensor.raw_data = file.read(int(place["length"]))
            tensor.data_location = onnx.TensorProto.DEFAULT
            del tensor.external_data[:]
    for node in list(model.graph.node):
        tensor = tensors.get(node.input[0]) if node.op_type in ("Cast", "Transpose") else None
        half = tensor is not None and tensor.data_type == onnx.TensorProto.FLOAT16
        if tensor is not None and (half if node.op_type == "Cast" else len(tensor.dims) == 2):
            array = onnx.numpy_helper.to_array(tensor)
            changed = array.astype(np.float32) if node.op_type == "Cast" else np.ascontiguousarray(array.T)
            tensors[node.output[0]] = onnx.numpy_helper.from_array(changed, node.output[0])
            model.graph.node.remove(node)
    used = {name for node in model.graph.node for name in node.input}
    del model.graph.initializer[:]
    model.graph.initializer.extend(tensor for name, tensor in tensors.items() if name in used)
