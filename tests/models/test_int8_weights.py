"""Weights in 8 bits: what is rounded, what stays, and files that are damaged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from nlptool.errors import ModelError
from nlptool.models.store import int8_weights
from nlptool.storage import safetensors

RANDOM = np.random.default_rng(0)
TENSORS: dict[str, NDArray[Any]] = {
    "bert.embeddings.word_embeddings.weight": RANDOM.normal(size=(40, 16)).astype(np.float32),
    "bert.embeddings.position_embeddings.weight": RANDOM.normal(size=(20, 16)).astype(np.float16),
    "bert.embeddings.LayerNorm.bias": RANDOM.normal(size=16).astype(np.float16),
    "bert.encoder.layer.0.output.dense.weight": RANDOM.normal(size=(16, 32)).astype(np.float16),
    "cls.predictions.bias": RANDOM.normal(size=40).astype(np.float32),
    "cls.seq_relationship.weight": RANDOM.normal(size=(2, 16)).astype(np.float16),
}
MATRICES = {"bert.embeddings.word_embeddings.weight", "bert.encoder.layer.0.output.dense.weight"}


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    save_file(TENSORS, tmp_path / "model.safetensors")
    int8_weights.pack(tmp_path / "model.safetensors", tmp_path / "model.int8.safetensors")
    return tmp_path / "model.int8.safetensors"


def test_a_row_is_divided_by_its_largest_number() -> None:
    steps, scales = int8_weights.quantize(
        np.array([[1.0, -2.54, 0.0], [0.0, 0.0, 0.0], [127, 63.4, -126.6]], np.float32)
    )
    assert steps.tolist() == [[50, -127, 0], [0, 0, 0], [127, 63, -127]]
    assert scales == pytest.approx([0.02, 0, 1])
    assert (steps.dtype, scales.dtype) == (np.int8, np.float32)
    assert int8_weights.dequantize(steps, scales)[2].tolist() == [127, 63, -127]


@given(
    arrays.arrays(
        st.sampled_from([np.float16, np.float32]),
        arrays.array_shapes(min_dims=2, max_dims=2, max_side=9),
        elements=st.floats(-1000, 1000, width=16),
    )
)
def test_the_difference_is_at_most_half_a_scale(matrix: NDArray[Any]) -> None:
    steps, scales = int8_weights.quantize(matrix)
    assert np.abs(steps.astype(int)).max() <= 127
    difference = np.abs(int8_weights.dequantize(steps, scales) - matrix.astype(np.float32))
    assert np.all(difference <= scales[:, None] * 0.5001)
    again = int8_weights.quantize(int8_weights.dequantize(steps, scales))
    assert np.array_equal(again[0], steps)


def test_large_matrices_are_rounded_and_all_else_is_kept_in_float16(packed: Path) -> None:
    held = load_file(packed)  # by the format's own library
    assert {name for name, array in held.items() if array.dtype == np.int8} == MATRICES
    assert set(held) == set(TENSORS) | {f"{name}.scale" for name in MATRICES}
    values = int8_weights.read(packed)
    assert set(values) == set(TENSORS)
    for name, array in TENSORS.items():
        if name in MATRICES:
            scales = np.abs(array.astype(np.float32)).max(axis=1) / 127
            assert held[f"{name}.scale"] == pytest.approx(scales)
            assert np.array_equal(values[name], held[name].astype(np.float32) * held[f"{name}.scale"][:, None])
        else:
            assert held[name].dtype == np.float16
            assert np.array_equal(values[name], array.astype(np.float16).astype(np.float32))


def test_a_graph_gets_the_same_numbers_transposed(packed: Path) -> None:
    name = "bert.encoder.layer.0.output.dense.weight"
    found = int8_weights.initializers(packed, [f"{name}.T", name, "cls.predictions.bias"])
    assert np.array_equal(found[f"{name}.T"], found[name].T)
    assert all(array.flags.c_contiguous and array.dtype == np.float32 for array in found.values())
    with pytest.raises(ModelError, match=r"has no tensor bert\.other"):
        int8_weights.initializers(packed, ["bert.other"])


@pytest.mark.parametrize(
    ("name", "array", "reason"),
    [
        ("a.weight", np.full((16, 16), np.nan, np.float32), "NaN or infinity"),
        ("a.bias", np.full(16, 1e6, np.float32), "none in float16"),
        ("a.ids", np.zeros(16, np.int64), "no type of weights"),
    ],
)
def test_what_cannot_be_packed(tmp_path: Path, name: str, array: NDArray[Any], reason: str) -> None:
    save_file({name: array}, tmp_path / "model.safetensors")
    with pytest.raises(ModelError, match=reason):
        int8_weights.pack(tmp_path / "model.safetensors", tmp_path / "out")


def rewritten(path: Path, **changed: NDArray[Any] | None) -> None:
    """Write a file anew with some tensors changed, or None: without them."""
    held = {**load_file(path), **{name.replace("__", "."): array for name, array in changed.items()}}
    save_file({name: array for name, array in held.items() if array is not None}, path)


SCALE = "bert__encoder__layer__0__output__dense__weight__scale"


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (None, "has no scale for each row"),
        (np.ones(15, np.float32), "has no scale for each row"),
        (np.ones(16, np.float16), "has no scale for each row"),
        (np.full(16, np.inf, np.float32), "what are no scales"),
        (np.full(16, -1, np.float32), "what are no scales"),
    ],
)
def test_scales_that_are_none(packed: Path, array: NDArray[Any] | None, reason: str) -> None:
    rewritten(packed, **{SCALE: array})
    with pytest.raises(ModelError, match=f"model.int8.safetensors is damaged: .*{reason}"):
        int8_weights.read(packed)


def test_a_file_that_is_cut_off_or_whose_tensors_overlap(packed: Path) -> None:
    whole = packed.read_bytes()
    for length in (0, 4, 8, 100, len(whole) - 1):
        packed.write_bytes(whole[:length])
        with pytest.raises(ModelError, match="is damaged"):
            int8_weights.read(packed)
    end = 8 + int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8:end])
    same = header["bert.encoder.layer.0.output.dense.weight"]
    header |= {f"more.{number}.weight": same for number in range(100)}
    header |= {
        f"more.{number}.weight.scale": header["bert.encoder.layer.0.output.dense.weight.scale"] for number in range(100)
    }
    text = json.dumps(header).encode()
    packed.write_bytes(len(text).to_bytes(8, "little") + text + whole[end:])
    with pytest.raises(ModelError, match="its tensors overlap"):
        int8_weights.read(packed)


@given(st.data())
def test_damaged_headers_are_model_errors(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.int8.safetensors"
    matrix, scales = int8_weights.quantize(TENSORS["bert.encoder.layer.0.output.dense.weight"])
    safetensors.write_arrays(path, {"a": matrix, "a.scale": scales, "b": np.ones(16, np.float16)})
    content = bytearray(path.read_bytes())
    length = 8 + int.from_bytes(content[:8], "little")
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, length - 1))] = data.draw(st.sampled_from(b'0129{}[]:,"FI83.-e\\\xff'))
    path.write_bytes(content)
    try:
        found = int8_weights.read(path)
    except ModelError:
        return
    assert all(array.dtype == np.float32 for array in found.values())


def test_a_folder_in_the_standard_layout(packed: Path) -> None:
    folder, target = packed.parent, packed.parent / "standard"
    target.mkdir()
    (folder / "model.safetensors").unlink()
    (folder / "config.json").write_text('{"model_type": "bert", "dtype": "float16"}')
    for name in ("vocab.txt", "README.md", "model.onnx", "masked.json"):
        (folder / name).write_text(name)
    int8_weights.unpack(folder, target)
    assert {path.name for path in target.iterdir()} == {"README.md", "config.json", "model.safetensors", "vocab.txt"}
    assert json.loads((target / "config.json").read_text()) == {"model_type": "bert", "dtype": "float32"}
    expected = int8_weights.read(packed)
    for name, array in load_file(target / "model.safetensors").items():
        assert np.array_equal(array, expected.pop(name))
    assert expected == {}
