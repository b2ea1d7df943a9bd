"""Write the files that onnxruntime needs for a built-in model: ``python recipes/onnx_graph.py multilingual-e5-small``.

These are ``model.onnx`` and ``encoder.json``; for a masked language model ``model.onnx``, ``masked.json`` and ``tokenizer.json``.

The graph holds no weights. Each large tensor of the exported graph is looked up in the model's ``model.safetensors`` (unchanged,
or transposed) and replaced by its position in that file, which onnxruntime maps into memory.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from nlptool import catalog
from nlptool.models.encoders import onnx_export as encoder_export
from nlptool.models.masked import onnx_export as masked_export
from nlptool.models.store import kinds, locate

BUILTIN = Path(__file__).parent.parent / "nlptool" / "builtin"
SMALLEST = 1024  # bytes; smaller tensors stay in the graph
TYPES = {"F32": np.float32, "F16": np.float16}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=[name for name, known in catalog.KNOWN.items() if known.graph])
    make(catalog.KNOWN[parser.parse_args().model])


def make(known: catalog.Known) -> None:
    """Write the graph of a model and its manifest to its built-in folder."""
    weights = locate.packaged(known)
    target = BUILTIN / known.graph
    target.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        if known.task == "fill-mask":
            manifest = kinds.MASKED.manifest
            masked_export.convert_masked(weights, work)
            shutil.copy(work / "tokenizer.json", target)
        else:
            manifest = kinds.ENCODER.manifest
            encoder_export.convert(weights, work)
        model = onnx.load(work / "model.onnx")
        without_weights(model, weights)
        (target / "model.onnx").write_bytes(model.SerializeToString())
        shutil.copy(work / manifest, target)
    about = json.loads((target / manifest).read_text())
    about["files"] = {"model.onnx": (target / "model.onnx").stat().st_size}
    (target / manifest).write_text(json.dumps(about, indent=2, ensure_ascii=False) + "\n")


@dataclass(frozen=True, slots=True)
class Stored:
    """A tensor in a file of a model."""

    name: str
    file: str  # relative to the model's folder
    offset: int  # bytes
    array: NDArray[np.floating]

    def equals(self, array: NDArray[np.floating], *, transposed: bool) -> bool:
        """Return whether it has the same numbers, transposed or not."""
        own = self.array.T if transposed and self.array.ndim == 2 else self.array
        return own.shape == array.shape and np.array_equal(own.astype(array.dtype), array)


def without_weights(model: onnx.ModelProto, folder: Path) -> None:
    """Let the large tensors of ``model`` point into the safetensors files of ``folder``; float16 tensors are cast."""
    stored = [tensor for path in sorted(folder.rglob("*.safetensors")) for tensor in _tensors(folder, path)]
    initializers, before = [], []
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        if array.nbytes < SMALLEST or array.dtype != np.float32:
            initializers.append(tensor)
            continue
        transposed, weight = next(
            (transposed, candidate)
            for transposed in (False, True)
            for candidate in stored
            if candidate.equals(array, transposed=transposed)
        )
        half = weight.array.dtype == np.float16
        external = onnx.TensorProto(
            name=weight.name if transposed or half else tensor.name,
            data_type=onnx.TensorProto.FLOAT16 if half else onnx.TensorProto.FLOAT,
            dims=weight.array.shape,
            data_location=onnx.TensorProto.EXTERNAL,
        )
        for key, value in (("location", weight.file), ("offset", weight.offset), ("length", weight.array.nbytes)):
            external.external_data.add(key=key, value=str(value))
        initializers.append(external)
        # onnxruntime transposes and casts once, when it loads the graph.
        wide = f"{weight.name}.float32" if transposed else tensor.name
        if half:
            before.append(helper.make_node("Cast", [weight.name], [wide], to=onnx.TensorProto.FLOAT))
        if transposed:
            before.append(helper.make_node("Transpose", [wide if half else weight.name], [tensor.name], perm=[1, 0]))
    nodes = [*before, *model.graph.node]
    for node in nodes:  # paths and stack traces of the exporter's machine
        del node.metadata_props[:]
        node.doc_string = node.name = ""
    for field in (model.graph.initializer, model.graph.node, model.graph.value_info, model.metadata_props):
        del field[:]
    model.graph.initializer.extend(initializers)
    model.graph.node.extend(nodes)


def _tensors(folder: Path, path: Path) -> Iterator[Stored]:
    data = np.memmap(path, np.uint8, "r")
    start = 8 + int.from_bytes(data[:8].tobytes(), "little")
    for name, about in json.loads(data[8:start].tobytes()).items():
        if name != "__metadata__" and about["dtype"] in TYPES:
            array = data[start:][slice(*about["data_offsets"])].view(TYPES[about["dtype"]]).reshape(about["shape"])
            yield Stored(name, path.relative_to(folder).as_posix(), start + about["data_offsets"][0], array)


if __name__ == "__main__":
    main()
