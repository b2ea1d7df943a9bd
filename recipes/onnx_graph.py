"""Write the files that onnxruntime needs for a built-in model: ``python recipes/onnx_graph.py multilingual-e5-small``.

These are ``model.onnx`` and ``encoder.json``; for a masked language model ``model.onnx``, ``masked.json`` and ``tokenizer.json``;
for a classifier ``model.onnx``, ``classify.json`` and ``tokenizer.json``; for a tagger ``tag.json`` instead. With
``--contextual`` the graph is that of the vectors of tokens in context, in the folder ``contextual`` of the model's, with
``contextual.json``.

The graph holds no weights. Each large tensor of the exported graph is looked up in the model's file of weights, where it stands
unchanged or transposed. Of a ``model.safetensors`` the graph gets the tensor's position, and onnxruntime maps it into memory.
Of a ``model.int8.safetensors`` it gets the name alone, ``NAME`` or transposed ``NAME.T``: these names stand in the manifest as
``initializers``, and nlptool gives their values when it opens the graph. The heads of a classifier, which are small and are in a
file of their own, stay in the graph.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from nlptool import catalog
from nlptool.models.contextual import onnx_export as contextual_export
from nlptool.models.encoders import onnx_export as encoder_export
from nlptool.models.heads import folder as heads_folder
from nlptool.models.heads import onnx_export as heads_export
from nlptool.models.masked import onnx_export as masked_export
from nlptool.models.store import int8_weights, kinds, locate, model_folder

BUILTIN = Path(__file__).parent.parent / "nlptool" / "builtin"
SMALLEST = 1024  # bytes; smaller tensors stay in the graph
LARGEST_OF_HEADS = 1 << 18  # bytes
TYPES = {"F32": np.float32, "F16": np.float16}
COPIES = {
    "embed": kinds.ENCODER,
    "fill-mask": kinds.MASKED,
    "classify": kinds.CLASSIFIER,
    "tag": kinds.TAGGER,
    "contextual": kinds.CONTEXTUAL,
}
FAMILIES = {"classify": heads_folder.CLASSIFIER, "tag": heads_folder.TAGGER}
OF_ONNXRUNTIME = "com.microsoft"  # the domain of its own operators


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=[name for name, known in catalog.KNOWN.items() if known.graph])
    parser.add_argument("--contextual", action="store_true", help="the graph of the vectors of tokens in context")
    chosen = parser.parse_args()
    make(catalog.KNOWN[chosen.model], contextual=chosen.contextual)


def make(known: catalog.Known, *, contextual: bool = False) -> None:
    """Write the graph of a model and its manifest to its built-in folder."""
    target = BUILTIN / known.graph / (kinds.CONTEXTUAL.shipped if contextual else "")
    target.mkdir(exist_ok=True)
    task = "contextual" if contextual else known.task
    write(locate.packaged(known), locate.packaged(known, packed=True), target, task=task)


def write(standard: Path, shipped: Path, target: Path, *, task: str) -> None:
    """Write the graph of a model and its manifest to the folder ``target``.

    Args:
        standard: the folder that transformers loads; with the numbers of ``shipped``.
        shipped: the folder with the weights that the graph will be given.
        task: of the model, as in the catalog: embed | fill-mask | classify | tag; or contextual.
    """
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        if task == "fill-mask":
            masked_export.convert_masked(standard, work)
        elif task == "contextual":
            part = model_folder.modules(standard)[0][1]
            contextual_export.convert(standard / part, target.parent.name, work)
        elif task in FAMILIES:
            heads_export.convert(standard, target.name, FAMILIES[task], work)
        else:
            encoder_export.convert(standard, work)
        manifest = COPIES[task].manifest
        if task not in ("embed", "contextual"):
            shutil.copy(work / "tokenizer.json", target)
        about = json.loads((work / manifest).read_text())
        model = onnx.load(work / "model.onnx")
    if locate.is_int8(shipped):
        about["initializers"] = with_named_weights(model, shipped / kinds.INT8_WEIGHTS)
    else:
        without_weights(model, shipped)
    (target / "model.onnx").write_bytes(model.SerializeToString())
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

    def reference(self, name: str, dtype: int, shape: Sequence[int], n_bytes: int) -> onnx.TensorProto:
        """Return a tensor of a graph called ``name`` that has its values in the file."""
        tensor = onnx.TensorProto(
            name=name, data_type=dtype, dims=shape, data_location=onnx.TensorProto.EXTERNAL
        )  # fmt: skip
        for key, value in (("location", self.file), ("offset", self.offset), ("length", n_bytes)):
            tensor.external_data.add(key=key, value=str(value))
        return tensor


def without_weights(model: onnx.ModelProto, folder: Path) -> None:
    """Let the large tensors of ``model`` point into the safetensors files of ``folder``; float16 tensors are cast."""
    stored = [tensor for path in sorted(folder.rglob("*.safetensors")) for tensor in _tensors(folder, path)]
    initializers, before = [], []
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        if not _is_large(array):
            initializers.append(tensor)
            continue
        weight, transposed = _found(array, stored)
        half = weight.array.dtype == np.float16
        name = weight.name if transposed or half else tensor.name
        dtype = onnx.TensorProto.FLOAT16 if half else onnx.TensorProto.FLOAT
        initializers.append(weight.reference(name, dtype, weight.array.shape, weight.array.nbytes))
        # onnxruntime transposes and casts once, when it loads the graph.
        wide = f"{weight.name}.float32" if transposed else tensor.name
        if half:
            before.append(helper.make_node("Cast", [weight.name], [wide], to=onnx.TensorProto.FLOAT))
        if transposed:
            before.append(helper.make_node("Transpose", [wide if half else weight.name], [tensor.name], perm=[1, 0]))
    _replace(model, initializers, [*before, *model.graph.node])


def with_named_weights(model: onnx.ModelProto, path: Path) -> list[str]:
    """Call the large tensors of ``model`` by their names in the 8-bit file ``path``; return these names."""
    stored = [Stored(name, path.name, 0, values()) for name, _, values in int8_weights.weights(path)]
    initializers, renamed = {}, {}
    for tensor in model.graph.initializer:
        array = numpy_helper.to_array(tensor)
        if _is_large(array) and (_is_stored(array, stored) or array.nbytes > LARGEST_OF_HEADS):
            weight, transposed = _found(array, stored)
            name = weight.name + int8_weights.TRANSPOSED * transposed
            renamed[tensor.name] = name
            tensor = weight.reference(name, onnx.TensorProto.FLOAT, array.shape, array.nbytes)
        initializers[tensor.name] = tensor
    for node in model.graph.node:
        for number, name in enumerate(node.input):
            node.input[number] = renamed.get(name, name)
    nodes = _with_transposed_products(model, set(renamed.values()))
    _replace(model, initializers.values(), nodes)
    return sorted(set(renamed.values()))


def _with_transposed_products(model: onnx.ModelProto, weights: set[str]) -> list[onnx.NodeProto]:
    """Return the nodes of a graph, with products that take a large matrix as it is where it was transposed first: embeddings
    that are the matrix of the head, too, are needed in that form anyway."""
    matrices = {
        node.output[0]: node for node in model.graph.node if node.op_type == "Transpose" and node.input[0] in weights
    }
    readers = [node for node in model.graph.node for name in node.input if name in matrices]
    if any(node.op_type != "MatMul" for node in readers):
        raise SystemExit("a transposed matrix is used elsewhere than in a product")
    for node in readers:
        node.input[1] = matrices[node.input[1]].input[0]
        node.op_type, node.domain = "FusedMatMul", OF_ONNXRUNTIME
        node.attribute.append(helper.make_attribute("transB", 1))
    if readers:
        model.opset_import.append(helper.make_opsetid(OF_ONNXRUNTIME, 1))
    return [node for node in model.graph.node if not node.output or node.output[0] not in matrices]


def _is_large(array: NDArray[np.generic]) -> bool:
    return array.dtype == np.float32 and array.nbytes >= SMALLEST


def _is_stored(array: NDArray[np.floating], stored: list[Stored]) -> bool:
    """Return whether one of the tensors has these numbers."""
    return any(candidate.equals(array, transposed=transposed) for candidate in stored for transposed in (False, True))


def _found(array: NDArray[np.floating], stored: list[Stored]) -> tuple[Stored, bool]:
    """Return the tensor with these numbers, and whether they are transposed there."""
    return next(
        (candidate, transposed)
        for transposed in (False, True)
        for candidate in stored
        if candidate.equals(array, transposed=transposed)
    )


def _replace(model: onnx.ModelProto, initializers: Iterator[onnx.TensorProto], nodes: list[onnx.NodeProto]) -> None:
    for node in nodes:  # paths and stack traces of the exporter's machine
        del node.metadata_props[:]
        node.doc_string = node.name = ""
    kept = list(initializers), [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    for field in (model.graph.initializer, model.graph.node, model.graph.value_info, model.metadata_props):
        del field[:]
    model.graph.initializer.extend(kept[0])
    model.graph.node.extend(kept[1])


def _tensors(folder: Path, path: Path) -> Iterator[Stored]:
    data = np.memmap(path, np.uint8, "r")
    start = 8 + int.from_bytes(data[:8].tobytes(), "little")
    for name, about in json.loads(data[8:start].tobytes()).items():
        if name != "__metadata__" and about["dtype"] in TYPES:
            array = data[start:][slice(*about["data_offsets"])].view(TYPES[about["dtype"]]).reshape(about["shape"])
            yield Stored(name, path.relative_to(folder).as_posix(), start + about["data_offsets"][0], array)


if __name__ == "__main__":
    main()
