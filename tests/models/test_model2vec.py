"""Folders of model2vec, by the definition of its ``StaticModel.encode``, written down here."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from program import invoke, records
from safetensors.numpy import load_file, save_file
from sentence_encoders import MINILM

from nlptool.errors import ModelError, RunError
from nlptool.models.encoders import loading as encoder_loading
from nlptool.models.store import hub_cache, inventory, model_folder
from nlptool.specs import EncoderSpec

TEXTS = [
    "the cat sat", "猫 a 🎉 cat", "", "🎉", "word " * 800, "x" * 5000, "a b c " * 300, "Cat [UNK] dog <unk>", "犬が走る",
]  # fmt: skip
WIDTH = 12
CLOSE = 3e-5
"""The rounding of a mean of some hundred float32 below 4."""
MODULES = [{"idx": 0, "name": "0", "path": ".", "type": "sentence_transformers.models.StaticEmbedding"}]
UNIT = {"idx": 1, "name": "1", "path": "1_Normalize", "type": "sentence_transformers.models.Normalize"}


def tokenizers() -> dict[str, Callable[[], Any]]:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    def unigram() -> Any:
        made = Tokenizer(models.Unigram())
        made.pre_tokenizer = pre_tokenizers.Metaspace()
        settings = {"vocab_size": 60, "special_tokens": ["<unk>"], "unk_token": "<unk>", "show_progress": False}
        made.train_from_iterator(["the cat sat on a mat", "a dog", "words"] * 3, trainers.UnigramTrainer(**settings))
        return made

    def words() -> Any:
        vocabulary = {"[UNK]": 0, "the": 1, "cat": 2, "sat": 3, "word": 4, "a": 5, "b": 6}
        made = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
        made.pre_tokenizer = pre_tokenizers.Whitespace()
        return made

    def pieces_of_bytes() -> Any:
        made = Tokenizer(models.BPE())
        made.pre_tokenizer = pre_tokenizers.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        made.train_from_iterator(
            TEXTS, trainers.BpeTrainer(vocab_size=300, show_progress=False, initial_alphabet=alphabet)
        )
        return made

    return {
        "WordPiece": lambda: Tokenizer.from_file(str(MINILM / "tokenizer.json")), "Unigram": unigram, "words": words,
        "bytes": pieces_of_bytes,
    }  # fmt: skip


VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "unit length": {"config": {"normalize": True}},
    "no limit": {"config": {"max_length": None}},
    "a small limit": {"config": {"max_length": 7}},
    "weights": {"parts": ("weights",)},
    "fewer rows": {"parts": ("weights", "mapping")},
    "int8": {"dtype": np.int8},
    "float16": {"dtype": np.float16},
}


def save(folder: Path, tokenizer: Any, variant: dict[str, Any], *, modules: bool, old: bool = False) -> Path:
    """Write a folder as model2vec does. An old one says nothing of its kind in its configuration."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(5)
    n = tokenizer.get_vocab_size()
    parts = variant.get("parts", ())
    n_rows = min(n, 30) if "mapping" in parts else n
    rows = random.standard_normal((n_rows, WIDTH)).astype(np.float32)
    dtype = variant.get("dtype", np.float32)
    tensors = {"embeddings": (rows * 40).astype(dtype) if dtype == np.int8 else rows.astype(dtype)}
    tensors |= {"weights": random.random(n)} if "weights" in parts else {}
    tensors |= {"mapping": random.integers(0, n_rows, n)} if "mapping" in parts else {}
    save_file(tensors, folder / "model.safetensors")
    tokenizer.save(str(folder / "tokenizer.json"))
    kind = {"tokenizer_name": "x", "apply_pca": 256} if old else {"model_type": "model2vec"}
    config = {**kind, **variant.get("config", {})}
    (folder / "config.json").write_text(json.dumps(config))
    if modules:
        (folder / "modules.json").write_text(json.dumps([*MODULES, *([UNIT] if config.get("normalize") else [])]))
    return folder


def expected(folder: Path, texts: list[str], max_length: int | str | None = "its own") -> NDArray[np.float64]:
    """The vectors by the definition."""
    from tokenizers import Tokenizer

    config = json.loads((folder / "config.json").read_text())
    limit = config.get("max_length", 512) if max_length == "its own" else max_length
    tensors = load_file(folder / "model.safetensors")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    model = json.loads(tokenizer.to_str())["model"]
    unknown = tokenizer.token_to_id(model["unk_token"]) if model.get("unk_token") else model.get("unk_id")
    median = int(np.median([len(token) for token in tokenizer.get_vocab()]))
    vectors = np.zeros((len(texts), WIDTH))
    for row, text in enumerate(texts):
        ids = tokenizer.encode(text if limit is None else text[: limit * median], add_special_tokens=False).ids[:limit]
        ids = [token for token in ids if token != unknown]
        if ids:
            places = tensors["mapping"][ids] if "mapping" in tensors else ids
            found = tensors["embeddings"][places].astype(np.float64)
            found = found * tensors["weights"][ids][:, None] if "weights" in tensors else found
            vectors[row] = found.mean(axis=0)
    if config.get("normalize"):
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors /= np.where(lengths == 0, 1, lengths)
    return vectors


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("kind", list(tokenizers()))
def test_the_vectors_are_those_of_model2vec_with_and_without_modules(tmp_path: Path, kind: str, variant: str) -> None:
    tokenizer = tokenizers()[kind]()
    folders = [
        save(tmp_path / "new", tokenizer, VARIANTS[variant], modules=True),
        save(tmp_path / "without", tokenizer, VARIANTS[variant], modules=False),
        save(tmp_path / "old", tokenizer, VARIANTS[variant], modules=False, old=True),
    ]
    for folder in folders:
        ours = encoder_loading.load(EncoderSpec(str(folder)))
        assert (ours.engine, ours.dimension) == ("static", WIDTH)
        wanted = expected(folder, TEXTS)
        close = CLOSE * max(1, np.abs(wanted).max())
        assert np.abs(ours.encode(TEXTS).vectors - wanted).max() < close
        short = encoder_loading.load(EncoderSpec(str(folder), max_length=5)).encode(TEXTS)
        assert np.abs(short.vectors - expected(folder, TEXTS, 5)).max() < close
        assert max(short.n_tokens) <= 5
        chunks = encoder_loading.load(EncoderSpec(str(folder), chunk=True)).encode(TEXTS)
        assert np.abs(chunks.vectors - expected(folder, TEXTS, None)).max() < close
        assert not any(chunks.truncated)


def test_what_is_left_out_and_cut_off_is_said(tmp_path: Path) -> None:
    folder = save(tmp_path / "model", tokenizers()["words"](), {}, modules=True)
    done = invoke("embed", "-m", str(folder), stdin="the cat meows\n🎉\n" + "cat " * 600 + "\n" + "the\n")
    entries = [record["nlptool"]["embed"] for record in records(done)]
    assert [entry["n_tokens"] for entry in entries] == [2, 0, 384, 1]  # 512 times 3 characters, the median of the words
    assert [entry.get("n_unknown") for entry in entries] == [1, 1, None, None]
    assert [entry["truncated"] for entry in entries] == [False, False, True, False]
    assert [record["embedding"] is None for record in records(done)] == [False, True, False, False]
    assert "left out of the mean: 2" in done.stderr
    assert "texts longer than the model takes, of which it read a part: 1" in done.stderr


def test_batches_and_neighbours_change_nothing(tmp_path: Path) -> None:
    folder = save(tmp_path / "model", tokenizers()["WordPiece"](), {}, modules=False)
    ours = encoder_loading.load(EncoderSpec(str(folder), prompt="[UNK] a "))
    together = ours.encode(TEXTS * 200)
    for row, text in enumerate(TEXTS):
        alone = ours.encode([text])
        assert alone.vectors.tobytes() == together.vectors[row].tobytes() == together.vectors[row + 9 * 150].tobytes()
        assert (alone.n_tokens, alone.truncated) == ([together.n_tokens[row]], [together.truncated[row]])
    assert np.abs(together.vectors[:9] - expected(folder, ["[UNK] a " + text for text in TEXTS])).max() < CLOSE


@pytest.mark.parametrize("place", ["", "0_StaticEmbedding"])
def test_the_layouts_of_sentence_transformers_without_modules_are_read_as_model2vec_does(
    tmp_path: Path, place: str
) -> None:
    folder = save(tmp_path / "model", tokenizers()["words"](), {}, modules=False)
    wanted = expected(folder, TEXTS)
    table = load_file(folder / "model.safetensors")["embeddings"]
    save_file({"embedding.weight": table}, folder / "model.safetensors")
    (folder / "config.json").unlink()
    (folder / "config_sentence_transformers.json").write_text("{}")
    (folder / place).mkdir(exist_ok=True)
    for name in ("model.safetensors", "tokenizer.json"):
        (folder / name).rename(folder / place / name)
    assert model_folder.is_model(folder)
    found = encoder_loading.load(EncoderSpec(str(folder))).encode(TEXTS)
    assert np.abs(found.vectors - wanted).max() < CLOSE
    (folder / "config_sentence_transformers.json").unlink()
    with pytest.raises(ModelError, match="holds no model"):
        encoder_loading.locate(EncoderSpec(str(folder)))


def test_the_other_commands_know_it_too(tmp_path: Path) -> None:
    folder = save(tmp_path / "model", tokenizers()["WordPiece"](), VARIANTS["unit length"], modules=False)
    corpus, index = tmp_path / "corpus.txt", tmp_path / "index"
    corpus.write_text("the cat\na boat\n")
    assert invoke("index", "build", "-m", str(folder), "-o", str(index), str(corpus)).exit_code == 0
    (answer,) = records(invoke("search", "cat", "--corpus", str(index), "-k", "1"))
    assert answer["neighbors"][0]["text"] == "the cat"
    shown = inventory.details(inventory.find(str(folder)))
    assert (shown["task"], shown["dimension"], shown["max_length"], shown["normalize"]) == ("embed", WIDTH, 512, True)
    assert (shown["offline"], shown.get("missing")) == (True, None)


def test_what_was_fetched_of_the_hub_needs_no_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """model2vec fetches its own files alone, so that nothing says whether the hub has a ``modules.json``."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    commit = "a" * 40
    home = hub_cache.repository_folder("org/name")
    folder = save(home / "snapshots" / commit, tokenizers()["words"](), {}, modules=False)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(commit)
    assert model_folder.missing(folder) == []
    found = encoder_loading.load(EncoderSpec("org/name", offline=True)).encode(["the cat"])
    assert np.abs(found.vectors - expected(folder, ["the cat"])).max() < CLOSE


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"engine": "torch"}, "does not run in torch: it is a table"),
        ({"engine": "onnx"}, "does not run in onnxruntime: it is a table"),
        ({"quantize": "int8"}, "--quantize is for networks"),
        ({"dim": 13}, "has 12 dimensions, fewer than 13"),
        ({"role": "query"}, ""),
    ],
)
def test_settings_that_do_not_go_with_a_table_are_refused(tmp_path: Path, arguments: dict[str, Any], said: str) -> None:
    folder = save(tmp_path / "model", tokenizers()["words"](), {}, modules=True)
    if not said:
        assert encoder_loading.locate(EncoderSpec(str(folder), **arguments)).prompt == ""
        return
    with pytest.raises(RunError, match=said):
        encoder_loading.load(EncoderSpec(str(folder), **arguments))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ({"max_length": 0}, "it takes 0 tokens"),
        ({"max_length": "many"}, "it takes 'many' tokens"),
        ({"max_length": True}, "it takes True tokens"),
        ("no table", "holds no table of token vectors"),
        ("no tokenizer", "has no tokenizer.json"),
        ("no weights", "has no weights"),
        ("short", "is damaged"),
        ("tokenizer of another", "does not belong to this model"),
        ("mapping", "its mapping names rows that the table does not have"),
        ("int32", "it must be F32, F16"),
    ],
)
def test_a_damaged_folder_is_refused_with_a_reason(tmp_path: Path, damage: Any, said: str) -> None:
    folder = save(tmp_path / "model", tokenizers()["words"](), {}, modules=False)
    path = folder / "model.safetensors"
    table = load_file(path)["embeddings"]
    if isinstance(damage, dict):
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, **damage}))
    elif damage == "no table":
        save_file({"weights": table}, path)
    elif damage == "no tokenizer":
        (folder / "tokenizer.json").unlink()
    elif damage == "no weights":
        path.unlink()
    elif damage == "short":
        path.write_bytes(path.read_bytes()[:-4])
    elif damage == "tokenizer of another":
        shutil.copy(MINILM / "tokenizer.json", folder / "tokenizer.json")
    elif damage == "mapping":
        save_file({"embeddings": table, "mapping": np.arange(7) + 1}, path)
    elif damage == "int32":
        save_file({"embeddings": table.astype(np.int32)}, path)
    done = invoke("embed", "-m", str(folder), stdin="cat\n")
    assert (done.exit_code, done.stdout) == (4, "")
    assert said in done.stderr
