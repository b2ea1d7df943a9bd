"""Makes ``model.onnx`` and ``encoder.json`` of a built-in encoder: ``python nlptool/builtin/recipe.py multilingual-e5-small``.

The graph holds no weights. Each large tensor of the exported graph is found again in the model's ``model.safetensors``
(as it stands, or transposed) and replaced by its place in that file, from which onnxruntime maps it into memory.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from nlptool import catalogue
from nlptool.models import convert, folders
from nlptool.models.copies import MANIFEST

HERE = Path(__file__).parent
SMALLEST = 1024  # bytes; smaller tensors stay in the graph


def main() -> None:
    known = catalogue.KNOWN[sys.argv[1]]
    weights = folders.packaged(known)
    target = HERE / known.graph
    target.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        convert.convert(weights, work)
        model = onnx.load(work / "model.onnx")
        without_weights(model, weights / "model.safetensors")
        (target / "model.onnx").write_bytes(model.SerializeToString())
        shutil.copy(work / MANIFEST, target / MANIFEST)
    about = json.loads((target / MANIFEST).read_text())
    about["files"] = {"model.onnx": (target / "model.onnx").stat().st_size}
    (target / MANIFEST).write_text(json.dumps(about, indent=2, ensure_ascii=False) + "\n")


def without_weights(model: onnx.ModelProto, path: Path) -> None:
    """Let the large tensors of ``model`` point into the safetensors file ``path``."""
    data = np.memmap(path, np.uint8, "r")
    start = 8 + int.from_bytes(data[:8].tobytes(), "little")
    header = json.loads(data[8:start].tobytes())
    tensors = {
        name: (
            start + about["data_offsets"][0],
            data[start:][slice(*about["data_offsets"])].view(np.float32).reshape(about["shape"]),
        )
        for name, about in header.items()
        if name != "__metadata__" and about["dtype"] == "F32"
    }
    initializers, transposes = [], []
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        if array.nbytes < SMALLEST or array.dtype != np.float32:
            initializers.append(tensor)
            continue
        name, offset, stored = next(
            (name, offset, stored)
            for name, (offset, stored) in tensors.items()
            if np.array_equal(stored, array) or np.array_equal(stored.T, array)
        )
        turned = stored.ndim == 2 and not np.array_equal(stored, array)
        place = onnx.TensorProto(
            name=name if turned else tensor.name,
            data_type=onnx.TensorProto.FLOAT,
            dims=stored.shape,
            data_location=onnx.TensorProto.EXTERNAL,
        )
        for key, value in (("location", path.name), ("offset", offset), ("length", stored.nbytes)):
            place.external_data.add(key=key, value=str(value))
        initializers.append(place)
        if turned:  # onnxruntime turns it once, when it loads the graph
            transposes.append(helper.make_node("Transpose", [name], [tensor.name], perm=[1, 0]))
    nodes = [*transposes, *model.graph.node]
    for node in nodes:  # names of the exporter's machine and traces of its stack
        del node.metadata_props[:]
        node.doc_string = node.name = ""
    for field in (model.graph.initializer, model.graph.node, model.graph.value_info, model.metadata_props):
        del field[:]
    model.graph.initializer.extend(initializers)
    model.graph.node.extend(nodes)


if __name__ == "__main__":
    main()
