"""Tables of token vectors against sentence-transformers itself, on models with random numbers made here."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from program import Run

from nlptool.errors import ModelError, RunError
from nlptool.models.encoders import loading as encoder_loading
from nlptool.models.encoders import static as static_encoder
from nlptool.models.store import inventory, model_folder, sentence_transformers_config
from nlptool.specs import EncoderSpec
from nlptool.storage import safetensors

DATA = Path(__file__).parent.parent / "data"
ENGLISH = (DATA / "sentences.txt").read_text(encoding="utf-8").split("\n")[:-1]
JAPANESE = (DATA / "yume_juya.txt").read_text(encoding="utf-8").split("\n")[:80]
TEXTS = [*ENGLISH[:80], *JAPANESE, "", "a", " ", "　", "word " * 300, "𠮷野家で𩸽", "A\tB\nC", "日本の" * 200]
CLOSE = 3e-5
"""The rounding of a mean of 300 float32 below 4; the vocabulary, and so the sum, differs from run to run of the trainer."""
PROMPTS = {"query": "検索: ", "document": "文書: "}
WIDTH = 24


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    """Unigram pieces of both languages, with special tokens that a template would add."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

    made = Tokenizer(models.Unigram())
    made.normalizer = normalizers.NFKC()
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<unk>", "<s>", "</s>", "<pad>"]
    trainer = trainers.UnigramTrainer(
        vocab_size=1500, special_tokens=special, unk_token="<unk>", show_progress=False, max_piece_length=6
    )
    made.train_from_iterator([*ENGLISH, *JAPANESE], trainer)
    made.post_processor = processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)])
    return made


@pytest.fixture(scope="module")
def table(tokenizer: Any) -> NDArray[np.float32]:
    shape = (tokenizer.get_vocab_size(), WIDTH)
    return np.random.default_rng(0).standard_normal(shape).astype(np.float32)


Make = Callable[..., Path]


@pytest.fixture
def make(tokenizer: Any, table: NDArray[np.float32], tmp_path: Path) -> Make:
    """``make()``: a model saved by sentence-transformers. Those of truncation are the arguments of the tokenizer's."""

    def make(*behind: Any, truncation: dict[str, Any] | None = None, **more: Any) -> Path:
        from sentence_transformers import SentenceTransformer
        from sentence_transformers.sentence_transformer.modules import StaticEmbedding
        from tokenizers import Tokenizer

        own = Tokenizer.from_str(tokenizer.to_str())
        module = StaticEmbedding(own, embedding_weights=table)
        if truncation:
            own.enable_truncation(**truncation)
            own.enable_padding(length=512, pad_id=3)
        folder = tmp_path / "model"
        SentenceTransformer(modules=[module, *behind], device="cpu", **more).save(str(folder), create_model_card=False)
        return folder

    return make


def expected(folder: Path, texts: list[str], **arguments: Any) -> NDArray[np.float32]:
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(folder), device="cpu").encode(texts, **arguments)


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths == 0, 1, lengths)


def means(tokenizer: Any, table: NDArray[Any], texts: list[str]) -> NDArray[np.float64]:
    """The definition, text by text."""
    ids = [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
    return np.stack([table[each].astype(np.float64).mean(axis=0) if each else np.zeros(WIDTH) for each in ids])


def rewrite(path: Path, tensors: dict[str, tuple[str, list[int], bytes]]) -> None:
    """A safetensors file of ``name: (dtype, shape, data)``, as the format's documentation says."""
    header, data = {}, b""
    for name, (dtype, shape, values) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


@pytest.mark.parametrize("is_unit", [False, True])
def test_the_vectors_are_those_of_sentence_transformers(make: Make, is_unit: bool) -> None:
    from sentence_transformers.sentence_transformer.modules import Normalize

    folder = make(*([Normalize()] if is_unit else []))
    ours = encoder_loading.load(EncoderSpec(str(folder)))
    found = ours.encode(TEXTS)
    assert (ours.engine, ours.dimension) == ("static", WIDTH)
    assert found.vectors.dtype == np.float32
    assert np.abs(found.vectors - expected(folder, TEXTS)).max() < CLOSE
    assert not found.vectors[TEXTS.index("")].any()
    assert found.n_tokens[TEXTS.index("")] == 0
    lengths = np.linalg.norm(found.vectors, axis=1)[np.asarray(found.n_tokens) > 0]
    assert np.allclose(lengths, 1) == is_unit
    assert not any(found.truncated)
    assert set(found.n_chunks) == {1}


def test_no_texts_give_no_vectors(make: Make) -> None:
    found = encoder_loading.load(EncoderSpec(str(make()))).encode([])
    assert found.vectors.shape == (0, WIDTH)
    assert (found.n_tokens, found.truncated, found.n_chunks) == ([], [], [])


@pytest.mark.parametrize("direction", ["right", "left"])
def test_the_tokenizers_own_truncation_stays_and_is_said_and_its_padding_goes(make: Make, direction: str) -> None:
    folder = make(truncation={"max_length": 12, "direction": direction})
    found = encoder_loading.load(EncoderSpec(str(folder))).encode(TEXTS)
    assert np.abs(found.vectors - expected(folder, TEXTS)).max() < CLOSE
    assert max(found.n_tokens) == 12
    assert found.truncated[TEXTS.index("word " * 300)]
    assert not found.truncated[TEXTS.index("a")]
    whole = encoder_loading.load(EncoderSpec(str(folder), chunk=True)).encode(TEXTS)
    assert [n > 12 for n in whole.n_tokens] == found.truncated
    assert min(found.n_tokens) == 0


@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16", "F64"])
@pytest.mark.parametrize("offset", [0, 1])
def test_a_table_of_any_precision_is_computed_in_float32(
    make: Make, tokenizer: Any, table: NDArray[np.float32], dtype: str, offset: int
) -> None:
    folder = make()
    bits = (table.view(np.uint32) >> 16).astype(np.uint16)
    data, numbers = {
        "F32": (table, table),
        "F16": (table.astype(np.float16), table.astype(np.float16)),
        "BF16": (bits, (bits.astype(np.uint32) << 16).view(np.float32)),
        "F64": (table.astype(np.float64), table),
    }[dtype]
    first = {"a": ("U8", [1], b"x")} if offset else {}  # what follows lies where no processor reads numbers at once
    weights = {**first, "embedding.weight": (dtype, list(table.shape), data.tobytes())}
    rewrite(folder / "model.safetensors", weights)
    got = encoder_loading.load(EncoderSpec(str(folder))).encode(TEXTS).vectors
    assert np.abs(got - means(tokenizer, numbers, TEXTS)).max() < CLOSE
    rewrite(
        folder / "model.safetensors",
        {"embedding.weight": ("F32", list(table.shape), numbers.astype(np.float32).tobytes())},
    )
    assert np.array_equal(encoder_loading.load(EncoderSpec(str(folder))).encode(TEXTS).vectors, got)


@pytest.mark.parametrize("parts", [(), ("mapping",), ("weights",), ("mapping", "weights")])
def test_the_files_of_model2vec_are_read_as_sentence_transformers_reads_them(
    make: Make, table: NDArray[np.float32], parts: tuple[str, ...]
) -> None:
    folder = make()
    random = np.random.default_rng(1)
    rows = table[:50] if "mapping" in parts else table
    mapping, weights = random.integers(0, 50, len(table)), random.random(len(table))
    own = {
        "embeddings": ("F32", list(rows.shape), rows.tobytes()),
        "mapping": ("I64", [len(mapping)], mapping.tobytes()),
        "weights": ("F64", [len(weights)], weights.tobytes()),
    }
    tensors = {name: own[name] for name in ("embeddings", *parts)}
    rewrite(folder / "model.safetensors", tensors)
    got = encoder_loading.load(EncoderSpec(str(folder))).encode(TEXTS).vectors
    assert np.abs(got - expected(folder, TEXTS)).max() < CLOSE
    assert np.abs(got - means(Tokens(folder), table, TEXTS)).max() > 0.1 or not parts


class Tokens:
    """The tokenizer of a folder."""

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer

        self.encode = Tokenizer.from_file(str(folder / "tokenizer.json")).encode


def test_a_table_in_a_folder_of_its_own_is_found(make: Make) -> None:
    folder = make()
    expected = encoder_loading.load(EncoderSpec(str(folder))).encode(TEXTS).vectors
    (folder / "0_StaticEmbedding").mkdir()
    for name in ("tokenizer.json", "model.safetensors"):
        (folder / name).rename(folder / "0_StaticEmbedding" / name)
    kind = "sentence_transformers.models.StaticEmbedding"  # as it was called before release 6
    (folder / "modules.json").write_text(
        json.dumps([{"idx": 0, "name": "0", "path": "0_StaticEmbedding", "type": kind}])
    )
    assert np.array_equal(encoder_loading.load(EncoderSpec(str(folder))).encode(TEXTS).vectors, expected)


@pytest.mark.parametrize("dim", [1, 2, 3, WIDTH])
def test_the_bytes_are_the_same_whatever_stands_beside_a_text(make: Make, dim: int) -> None:
    ours = encoder_loading.load(EncoderSpec(str(make()), normalize=dim == WIDTH, dim=dim))
    texts = [*TEXTS, *(f"{text} {number}" for number in range(20) for text in TEXTS[:120])]
    assert len(texts) > 2 * static_encoder._TEXTS  # several blocks
    together = ours.encode(texts)
    for index in range(0, len(texts), 7):
        alone = ours.encode([texts[index]])
        assert alone.vectors.tobytes() == together.vectors[index].tobytes()
        assert alone.n_tokens == [together.n_tokens[index]]
    order = np.random.default_rng(0).permutation(len(texts))
    mixed = ours.encode([texts[index] for index in order])
    assert mixed.vectors.tobytes() == together.vectors[order].tobytes()


def test_a_text_that_does_not_fit_into_one_look_up_is_summed_part_by_part(
    make: Make, tokenizer: Any, table: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = encoder_loading.load(EncoderSpec(str(make())))
    for rows in (0, 1, 16):
        monkeypatch.setattr(static_encoder, "_FLOATS", rows * WIDTH)
        parts = ours.encode(TEXTS).vectors
        assert np.abs(parts - means(tokenizer, table, TEXTS)).max() < CLOSE
        assert ours.encode(TEXTS[-1:]).vectors.tobytes() == parts[-1].tobytes()


def test_a_limit_cuts_and_says_so_and_chunks_are_the_whole(
    make: Make, tokenizer: Any, table: NDArray[np.float32]
) -> None:
    folder = make()
    whole = encoder_loading.load(EncoderSpec(str(folder))).encode(TEXTS)
    cut = encoder_loading.load(EncoderSpec(str(folder), max_length=5)).encode(TEXTS)
    assert cut.n_tokens == [min(5, n) for n in whole.n_tokens]
    assert cut.truncated == [n > 5 for n in whole.n_tokens]
    ids = tokenizer.encode(ENGLISH[0], add_special_tokens=False).ids
    assert np.allclose(cut.vectors[0], table[ids[:5]].mean(axis=0), atol=1e-6)
    chunks = encoder_loading.load(EncoderSpec(str(folder), max_length=5, chunk=True)).encode(TEXTS)
    assert chunks.vectors.tobytes() == whole.vectors.tobytes()
    assert chunks.n_tokens == whole.n_tokens
    assert chunks.n_chunks == [max(1, (n + 4) // 5) for n in whole.n_tokens]
    assert not any(chunks.truncated)


def test_length_and_dimension_are_chosen(make: Make) -> None:
    from sentence_transformers.sentence_transformer.modules import Normalize

    plain, whole = make(), encoder_loading.load(EncoderSpec(str(make()))).encode(TEXTS).vectors
    assert np.allclose(
        encoder_loading.load(EncoderSpec(str(plain), normalize=True)).encode(TEXTS).vectors, unit(whole), atol=1e-6
    )
    folder = make(Normalize())
    assert np.allclose(
        encoder_loading.load(EncoderSpec(str(folder), normalize=False)).encode(TEXTS).vectors, whole, atol=1e-6
    )
    short = encoder_loading.load(EncoderSpec(str(folder), dim=7))
    assert short.dimension == 7
    assert np.allclose(short.encode(TEXTS).vectors, unit(whole[:, :7]), atol=1e-6)
    with pytest.raises(RunError, match="has 24 dimensions, fewer than 25"):
        encoder_loading.load(EncoderSpec(str(folder), dim=25))


def test_prompts_are_those_of_the_model_or_the_given_one(make: Make) -> None:
    folder = make(prompts=PROMPTS, default_prompt_name="document")
    notes: list[str] = []
    default = encoder_loading.load(EncoderSpec(str(folder)), note=notes.append)
    assert "query: '検索: '" in notes[0]
    texts = [*ENGLISH[:20], *JAPANESE[:20], ""]
    assert np.abs(default.encode(texts).vectors - expected(folder, texts)).max() < 1e-5
    query = encoder_loading.load(EncoderSpec(str(folder), role="query")).encode(texts).vectors
    assert np.abs(query - expected(folder, texts, prompt_name="query")).max() < 1e-5
    own = encoder_loading.load(EncoderSpec(str(folder), prompt="猫: ")).encode(texts).vectors
    assert np.abs(own - expected(folder, texts, prompt="猫: ")).max() < 1e-5
    assert encoder_loading.locate(EncoderSpec(str(folder), role="document")).prompt == "文書: "
    own_file = folder / "config_sentence_transformers.json"
    own_file.write_text(json.dumps({"prompts": {"query": PROMPTS["query"]}}))
    with pytest.raises(RunError, match="no prompt for a document"):
        encoder_loading.load(EncoderSpec(str(folder), role="document"))
    own_file.write_text(json.dumps({"prompts": ["検索: "]}))
    with pytest.raises(ModelError, match="its prompts are no texts"):
        encoder_loading.load(EncoderSpec(str(folder)))


def test_another_engine_is_asked_for(make: Make) -> None:
    folder = make()
    torch = encoder_loading.load(EncoderSpec(str(folder), engine="torch"))
    assert torch.engine == "torch"
    assert (
        np.abs(torch.encode(TEXTS).vectors - encoder_loading.load(EncoderSpec(str(folder))).encode(TEXTS).vectors).max()
        < 1e-5
    )
    assert encoder_loading.locate(EncoderSpec(str(folder), device="auto")).device == "cpu"
    with pytest.raises(ModelError, match="does not run in onnxruntime"):
        encoder_loading.load(EncoderSpec(str(folder), engine="onnx"))
    with pytest.raises(RunError, match="--quantize is for networks"):
        encoder_loading.load(EncoderSpec(str(folder), quantize="int8"))


def test_a_stack_with_other_parts_is_left_to_torch(make: Make) -> None:
    from sentence_transformers.sentence_transformer.modules import Dense, Normalize

    folder = make(Dense(WIDTH, 8), Normalize())
    assert not model_folder.is_static(folder)
    ours = encoder_loading.load(EncoderSpec(str(folder)))
    assert (ours.engine, ours.dimension) == ("torch", 8)
    folder = make(Normalize(module_input_name="token_embeddings"))  # which there are none of: nothing is normalised
    assert not model_folder.is_static(folder)


def test_it_is_opened_in_another_process_too(make: Make) -> None:
    prepared = encoder_loading.locate(EncoderSpec(str(make()), dim=5, prompt="a"))
    again = pickle.loads(pickle.dumps(prepared))
    assert again == prepared
    assert (again.engine, again.device, again.dimension, again.takes_tokens) == ("static", "cpu", 5, False)
    assert np.array_equal(again.open().encode(TEXTS).vectors, prepared.open().encode(TEXTS).vectors)


def test_the_command_gives_the_same_with_several_workers_and_writes_no_cache(
    make: Make, run: Run, tmp_path: Path
) -> None:
    folder = make(prompts=PROMPTS)
    texts = [text.replace("\n", " ") for text in TEXTS]
    lines = "".join(f"{text}\n" for text in texts).encode()
    arguments = ("embed", "-m", str(folder), "--as", "query", "--normalize", "--max-length", "40")
    cache = {"NLPTOOL_CACHE": str(tmp_path / "cache")}
    one = run(*arguments, "--threads", "1", stdin=lines, env=cache)
    two = run(*arguments, "-j", "2", stdin=lines, env=cache)
    assert (one.returncode, one.stderr) == (0, two.stderr)
    assert one.stdout == two.stdout
    records = [json.loads(line) for line in one.stdout.split(b"\n")[:-1]]
    ours = encoder_loading.load(EncoderSpec(str(folder), role="query", normalize=True, max_length=40))
    given = [text for text in texts if text.strip()]
    found = ours.encode(given)
    counts = found.counts or []
    by_text = dict(zip(given, zip(found.vectors, found.n_tokens, found.truncated, counts, strict=True), strict=True))
    assert by_text["𠮷野家で𩸽"][3] == {"n_unknown": 2}
    assert [record["text"] for record in records] == texts
    for record in records:
        entry = record["nlptool"]["embed"]
        if not record["text"].strip():
            assert (record["embedding"], entry["reason"]) == (None, "empty text")
            continue
        vector, n_tokens, truncated, unknown = by_text[record["text"]]
        assert np.array_equal(np.asarray(record["embedding"], np.float32), vector)
        assert entry == {
            "model": str(folder), "prompt": "検索: ", "n_tokens": n_tokens, "truncated": truncated, **unknown
        }  # fmt: skip
    assert not (tmp_path / "cache").exists()


def test_neither_torch_nor_onnxruntime_is_imported(make: Make) -> None:
    code = (
        "import sys\nfrom nlptool.models.encoders import loading\nfrom nlptool.specs import EncoderSpec\n"
        "loading.load(EncoderSpec(sys.argv[1])).encode(['猫'])\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    out = subprocess.run([sys.executable, "-c", code, str(make())], check=True, capture_output=True, text=True).stdout
    heavy = {"torch", "transformers", "sentence_transformers", "onnxruntime", "scipy", "safetensors", "huggingface_hub"}
    assert {"numpy", "tokenizers"} <= set(out.split())
    assert not heavy & set(out.split())


def test_what_is_said_of_it_is_true(make: Make) -> None:
    from sentence_transformers.sentence_transformer.modules import Normalize

    folder = make(Normalize(), prompts=PROMPTS, default_prompt_name="query")
    assert sentence_transformers_config.settings(folder) == {
        "architecture": "static", "pooling": ["mean"], "dimension": WIDTH, "normalize": True, "prompts": PROMPTS,
        "default_prompt": "query", "measure": "cosine",
    }  # fmt: skip
    said = inventory.details(inventory.find(str(folder)))
    assert (said["task"], said["dimension"], said["offline"]) == ("embed", WIDTH, True)
    assert "missing" not in said
    (folder / "tokenizer.json").unlink()
    (folder / "model.safetensors").unlink()
    said = inventory.details(inventory.find(str(folder)))
    assert said["missing"] == ["tokenizer.json", "model.safetensors"]
    assert not said["offline"]
    assert "dimension" not in said


def damaged(folder: Path, table: NDArray[np.float32], damage: str) -> None:
    weights, shape = folder / "model.safetensors", list(table.shape)
    values = table.copy()
    if damage in ("NaN", "infinity"):
        values[17, 3] = {"NaN": np.nan, "infinity": -np.inf}[damage]
    plain = ("F32", shape, values.tobytes())
    rows = np.arange(len(table))
    tensors = {
        "NaN": {"embedding.weight": plain},
        "infinity": {"embedding.weight": plain},
        "another tensor": {"weights": plain},
        "another shape": {"embedding.weight": ("F32", [shape[0] + 1, shape[1]], plain[2])},
        "negative": {"embedding.weight": ("F32", [-shape[0], -shape[1]], plain[2])},
        "one axis": {"embedding.weight": ("F32", [table.size], plain[2])},
        "no rows": {"embedding.weight": ("F32", [0, shape[1]], b"")},
        "numbers": {"embedding.weight": ("I32", shape, plain[2])},
        "8 bits": {"embedding.weight": ("F8_E4M3", shape, bytes(table.size))},
        "few rows": {"embedding.weight": ("F32", [100, shape[1]], table[:100].tobytes())},
        "mapping": {"embeddings": plain, "mapping": ("I64", [len(rows)], (rows + 1).tobytes())},
        "weights": {"embeddings": plain, "weights": ("F32", [7], bytes(28))},
    }
    if damage in tensors:
        rewrite(weights, tensors[damage])
    if damage == "short":
        os.truncate(weights, weights.stat().st_size - 1)
    if damage == "header":
        weights.write_bytes(struct.pack("<Q", 10**10) + weights.read_bytes()[8:])
    if damage == "no weights":
        weights.unlink()
    if damage == "pickle":
        weights.rename(folder / "pytorch_model.bin")
    if damage == "no tokenizer":
        (folder / "tokenizer.json").unlink()
    if damage == "tokenizer":
        (folder / "tokenizer.json").write_text("{")
    if damage == "no unknown":
        from tokenizers import Tokenizer, models

        Tokenizer(models.WordLevel({"a": 0})).save(str(folder / "tokenizer.json"))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("NaN", "the vector of token 17 holds NaN or infinity"),
        ("infinity", "the vector of token 17 holds NaN or infinity"),
        ("another tensor", "holds no table of token vectors"),
        ("another shape", "is not as large as its shape"),
        ("negative", "is damaged: embedding.weight has the shape"),
        ("one axis", "is damaged: embedding.weight has the shape"),
        ("no rows", "is damaged: embedding.weight has the shape"),
        ("numbers", "holds embedding.weight as I32: it must be F32, F16 or BF16"),
        ("8 bits", "holds embedding.weight as F8_E4M3"),
        ("few rows", "the tokenizer of .* does not belong to this model: .* and the table has 100 rows"),
        ("mapping", "its mapping names rows that the table does not have"),
        ("weights", "weights for .* tokens"),
        ("short", "is damaged"),
        ("header", "is shorter than its header says"),
        ("no weights", "has no weights"),
        ("pickle", "is a pickle, which can run code"),
        ("no tokenizer", "has no tokenizer.json"),
        ("tokenizer", "tokenizer.json cannot be read"),
        ("no unknown", "fails at a character that it does not know"),
    ],
)
def test_a_damaged_model_folder_is_refused_with_a_reason(
    make: Make, table: NDArray[np.float32], damage: str, said: str
) -> None:
    folder = make()
    damaged(folder, table, damage)
    with pytest.raises(ModelError, match=said):
        encoder_loading.load(EncoderSpec(str(folder)))


def test_a_link_out_of_the_folder_is_refused(make: Make, tmp_path: Path) -> None:
    folder = make()
    shutil.move(folder / "tokenizer.json", tmp_path / "elsewhere.json")
    (folder / "tokenizer.json").symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(ModelError, match="names a file outside of it"):
        encoder_loading.load(EncoderSpec(str(folder)))


def test_tensors_are_read_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "file.safetensors"
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    safetensors.write(path, [("a", (2, 3), lambda: values), ("b", (0, 3), lambda: values[:0])])
    assert np.array_equal(safetensors.read(path, "a"), values)
    assert safetensors.read(path, "b").shape == (0, 3)
    with pytest.raises(ModelError, match="has no tensor c"):
        safetensors.read(path, "c")
    for shape in ([2, "3"], [2, 3.0], 6, [-2, -3], [2**40, 2**40]):
        rewrite(path, {"a": ("F32", shape, values.tobytes())})  # type: ignore[dict-item]
        with pytest.raises(ModelError, match="is damaged"):
            safetensors.read(path, "a")
