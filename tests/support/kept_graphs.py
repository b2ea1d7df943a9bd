"""Graphs that torch has exported in a run of the tests, which serve again.

An export takes seconds, however small a network is. Of each structure torch exports the first network; for another one of
the same structure the weights in those files are replaced. nlptool compares each graph with its network before it uses it,
and so refuses one that does not belong to it.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

LARGEST = 16_000_000  # bytes of a graph that is kept: those of real models are exported once
_WITHOUT_EFFECT = (
    "_name_or_path", "architectures", "dtype", "id2label", "initializer_range", "label2id", "name_or_path",
    "transformers_version",
)  # fmt: skip
"""What a network says and a graph does not; the number of labels is seen in the shapes."""


class KeptGraphs:
    """``torch.onnx.export`` with a memory in a folder that all workers of a run share.

    Args:
        torchs: ``torch.onnx.export``.
    """

    def __init__(self, folder: Path, torchs: Callable[..., Any]) -> None:
        self._folder = folder
        self.torchs = torchs

    def __call__(self, network: Any, arguments: tuple[()], path: str, **settings: Any) -> None:
        """Write the graph of a network and its weights, as ``nlptool.models.runtime.onnx_export`` calls it."""
        weights = {name: tensor.detach().numpy() for name, tensor in network.named_parameters()}
        if sum(value.nbytes for value in weights.values()) > LARGEST:
            self.torchs(network, arguments, path, **settings)
            return
        kept = self._folder / _structure(network, Path(path).name, settings)
        same = kept / _digest(*(value.tobytes() for value in weights.values()))
        if same.is_dir():
            shutil.copytree(same, Path(path).parent, dirs_exist_ok=True)
            return
        if _fill(kept, weights, Path(path)):
            return
        self.torchs(network, arguments, path, **settings)
        _keep(Path(path), same, weights)


def _digest(*parts: bytes) -> str:
    found = hashlib.blake2b(digest_size=16)
    for part in parts:
        found.update(len(part).to_bytes(8, "big"))
        found.update(part)
    return found.hexdigest()


def _structure(network: Any, file_name: str, settings: Mapping[str, Any]) -> str:
    """Return a digest of all that makes a graph, but for the values of the weights."""
    said: list[Any] = [file_name]
    for name, module in network.named_modules():
        said.append((name, type(module).__module__, type(module).__qualname__, _settings(module)))
    first = {}
    for name, tensor in network.named_parameters(remove_duplicate=False):
        said.append((name, str(tensor.dtype), tuple(tensor.shape), first.setdefault(tensor.data_ptr(), name)))
    for name, tensor in network.named_buffers():
        said.append((name, str(tensor.dtype), _digest(tensor.numpy().tobytes())))
    for name, value in sorted(settings.items()):
        if name == "kwargs":
            value = {key: (str(each.dtype), each.tolist()) for key, each in value.items()}
        elif name == "dynamic_shapes":
            value = {key: {axis: size.__name__ for axis, size in axes.items()} for key, axes in value.items()}
        said.append((name, value))
    return _digest(repr(said).encode())


def _settings(module: Any) -> list[Any]:
    """Return what a module's own attributes and its configuration say."""
    said: list[Any] = []
    for name, value in sorted(vars(module).items()):
        if name == "config" and hasattr(value, "to_dict"):
            about = {key: each for key, each in value.to_dict().items() if key not in _WITHOUT_EFFECT}
            said.append((name, json.dumps(about, sort_keys=True, default=repr), value._attn_implementation))
        elif not name.startswith("_") and name not in _WITHOUT_EFFECT:
            said.append((name, getattr(value, "__qualname__", None) or repr(value)))
    return said


def _told_apart(weights: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
    """Return digest -> (place, values) of each weight and each transposed one; nothing if two are equal: torch makes them one."""
    found: dict[str, tuple[str, Any]] = {}
    for name, value in weights.items():
        forms = {_digest(value.tobytes()): (name, value)}
        if value.ndim == 2 and min(value.shape) > 1:
            turned = np.ascontiguousarray(value.T)
            forms[_digest(turned.tobytes())] = (f"{name} transposed", turned)
        if found.keys() & forms.keys():
            return {}
        found |= forms
    return found


def _initializers(graph: Any, folder: Path) -> dict[str, bytes]:
    """Return the values of a graph's tensors of floats."""
    import onnx

    found = {}
    for tensor in graph.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT:
            found[tensor.name] = tensor.raw_data
            if (file := _where(tensor)) is not None:
                location, start, length = file
                found[tensor.name] = (folder / location).read_bytes()[start : start + length]
    return found


def _where(tensor: Any) -> tuple[str, int, int] | None:
    """Return the file, the place in it and the length of a tensor that lies beside the graph."""
    about = {entry.key: entry.value for entry in tensor.external_data}
    return (about["location"], int(about.get("offset", 0)), int(about["length"])) if about else None


def _places(path: Path, weights: Mapping[str, Any]) -> dict[str, str]:
    """Return which weight each tensor of a graph holds; nothing if one may be made of others."""
    import onnx

    known = _told_apart(weights)
    found = {}
    for name, values in _initializers(onnx.load(path, load_external_data=False), path.parent).items():
        if (place := known.get(_digest(values))) is not None:
            found[name] = place[0]
        elif len(values) > 4:  # more than one number, which is a constant
            return {}
    return found


def _fill(kept: Path, weights: Mapping[str, Any], path: Path) -> bool:
    """Write a kept graph with the weights of another network; say whether that can be done."""
    import onnx

    if not (kept / "places.json").is_file() or not (forms := _told_apart(weights)):
        return False
    values = {place: value.tobytes() for place, value in forms.values()}
    about = json.loads((kept / "places.json").read_text())
    source = kept / about["graph"]
    graph = onnx.load(source / path.name, load_external_data=False)
    files: dict[str, bytearray] = {}
    for tensor in graph.graph.initializer:
        if (place := about["places"].get(tensor.name)) is None:
            continue
        if (file := _where(tensor)) is None:
            tensor.raw_data = values[place]
            continue
        location, start, length = file
        bytes_of_file = files.setdefault(location, bytearray((source / location).read_bytes()))
        bytes_of_file[start : start + length] = values[place]
    path.write_bytes(graph.SerializeToString())
    for location, content in files.items():
        (path.parent / location).write_bytes(content)
    return True


def _keep(path: Path, kept: Path, weights: Mapping[str, Any]) -> None:
    """Keep a graph of torch's; another worker may have done so."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=kept.parent))
    for each in path.parent.glob(f"{path.name}*"):
        shutil.copyfile(each, work / each.name)
    with contextlib.suppress(OSError):  # it is there
        work.rename(kept)
    places = kept.parent / "places.json"
    if not places.exists() and (found := _places(path, weights)):
        ready = work.with_suffix(".json")
        ready.write_text(json.dumps({"graph": kept.name, "places": found}))
        ready.replace(places)
