"""Encoders against sentence-transformers itself, on small models with random weights made here."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from program import invoke, largest_file
from sentence_encoders import MINILM, save, small_model

from nlptool import catalog
from nlptool.errors import ModelError, RunError
from nlptool.geometry import top_k
from nlptool.models.encoders import encoder as encoders
from nlptool.models.encoders import loading as encoder_loading
from nlptool.models.encoders import prompts as encoder_prompts
from nlptool.models.runtime import tokenizers
from nlptool.specs import EncoderSpec
from nlptool.storage import cache, folders

DATA = Path(__file__).parent.parent / "data"
TEXTS = [
    *(DATA / "sentences.txt").read_text(encoding="utf-8").split("\n")[:-1],
    *(DATA / "yume_juya.txt").read_text(encoding="utf-8").split("\n")[:40],
    "", "a", "word " * 300,
]  # fmt: skip


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NLPTOOL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@functools.cache
def theirs(folder: Path, texts: tuple[str, ...]) -> Any:
    """The vectors of sentence-transformers."""
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(folder), device="cpu").encode(list(texts))


def cosines(ours: encoders.Encoder, folder: Path, texts: list[str]) -> np.ndarray[Any, Any]:
    expected = theirs(folder, tuple(texts))
    got = ours.encode(texts).vectors
    assert got.shape == expected.shape
    assert np.allclose(np.linalg.norm(got, axis=1), np.linalg.norm(expected, axis=1), rtol=1e-4)
    dots: np.ndarray[Any, Any] = np.sum(got * expected, axis=1)
    return dots / (np.linalg.norm(got, axis=1) * np.linalg.norm(expected, axis=1))


def test_the_package_holds_the_weights_that_the_graph_was_made_for() -> None:
    expected = catalog.KNOWN["all-MiniLM-L6-v2"].sha256
    assert hashlib.sha256((MINILM / "model.safetensors").read_bytes()).hexdigest() == expected


@pytest.mark.parametrize("budget", [1, 64, 512, 100_000])
def test_the_built_in_model_gives_the_vectors_of_sentence_transformers(budget: int) -> None:
    ours = encoder_loading.load(EncoderSpec("all-MiniLM-L6-v2", batch_tokens=budget))
    assert ours.engine == "onnx"
    assert cosines(ours, MINILM, [*TEXTS[:-3:3], *TEXTS[-3:]]).min() >= 0.99999


def test_both_engines_agree_on_tokens_and_truncation() -> None:
    onnx = encoder_loading.load(EncoderSpec("all-MiniLM-L6-v2", max_length=12)).encode(TEXTS)
    torch = encoder_loading.load(EncoderSpec("all-MiniLM-L6-v2", max_length=12, engine="torch")).encode(TEXTS)
    assert onnx.n_tokens == torch.n_tokens
    assert onnx.truncated == torch.truncated
    assert np.sum(onnx.vectors * torch.vectors, axis=1).min() >= 0.99999


def test_any_pooling_with_a_dense_layer_is_converted(tmp_path: Path) -> None:
    import torch
    from sentence_transformers.sentence_transformer.modules import Dense, Pooling

    modes = ("cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")
    stack = (Pooling(32, modes), Dense(192, 24, activation_function=torch.nn.Tanh()))
    folder = small_model(tmp_path / "model", *stack, normalize=False)
    notes: list[str] = []
    ours = encoder_loading.load(EncoderSpec(str(folder), engine="onnx"), note=notes.append)
    assert ours.dimension == 24
    assert notes == [f"converting {folder} for onnxruntime, once"]
    assert cosines(ours, folder, TEXTS).min() >= 0.99999
    encoder_loading.load(EncoderSpec(str(folder)), note=notes.append)
    assert len(notes) == 1


def test_a_stack_that_is_not_the_usual_one_runs_in_torch(tmp_path: Path) -> None:
    from sentence_transformers.sentence_transformer.modules import Dense, StaticEmbedding
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(MINILM / "tokenizer.json"))
    folder = tmp_path / "static"
    modules = [StaticEmbedding(tokenizer, embedding_dim=16), Dense(16, 8)]
    save(folder, modules)
    notes: list[str] = []
    ours = encoder_loading.load(EncoderSpec(str(folder)), note=notes.append)
    assert ours.engine == "torch"
    assert "runs in torch: its parts are StaticEmbedding" in notes[-1]
    assert cosines(ours, folder, TEXTS[:30]).min() >= 0.99999
    with pytest.raises(ModelError, match="does not run in onnxruntime"):
        encoder_loading.load(EncoderSpec(str(folder), engine="onnx"))


def test_a_converted_copy_that_was_cut_off_is_made_again(tmp_path: Path, own_cache: Path) -> None:
    from sentence_transformers.sentence_transformer.modules import Pooling

    folder = small_model(tmp_path / "model", Pooling(32, "mean"))
    expected = encoder_loading.load(EncoderSpec(str(folder), engine="onnx")).encode(TEXTS[:5]).vectors
    (copy,) = own_cache.glob("encoders/*/model.onnx")
    whole = copy.read_bytes()
    copy.write_bytes(whole[: len(whole) // 2])
    notes: list[str] = []
    assert np.array_equal(
        encoder_loading.load(EncoderSpec(str(folder)), note=notes.append).encode(TEXTS[:5]).vectors, expected
    )
    assert len(notes) == 1
    assert len(copy.read_bytes()) == len(whole)


def test_ten_processes_convert_a_model_once(tmp_path: Path, own_cache: Path) -> None:
    from sentence_transformers.sentence_transformer.modules import Pooling

    folder = small_model(tmp_path / "model", Pooling(32, "mean"))
    command = [sys.executable, "-m", "nlptool", "embed", "-m", str(folder), "--threads", "1"]
    children = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(10)
    ]
    done = [child.communicate(b"A plane is taking off.\n", timeout=300) for child in children]
    assert [child.returncode for child in children] == [0] * 10
    assert len({out for out, _ in done}) == 1
    assert sum(b"converting" in err for _, err in done) == 1
    assert len([path for path in own_cache.glob("encoders/*") if path.is_dir()]) == 1


def test_a_cache_that_cannot_be_written_is_said_and_torch_takes_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sentence_transformers.sentence_transformer.modules import Pooling

    folder = small_model(tmp_path / "model", Pooling(32, "mean"))
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv("NLPTOOL_CACHE", str(blocked / "cache"))
    notes: list[str] = []
    ours = encoder_loading.load(EncoderSpec(str(folder)), note=notes.append)
    assert ours.engine == "torch"
    assert "cannot be written" in notes[-1]


@pytest.mark.parametrize("damage", ["missing", "short", "long", "header", "pickle", "tokenizer", "empty"])
def test_a_damaged_model_folder_is_refused_with_a_reason(tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(MINILM, folder)
    weights = folder / "model.safetensors"
    expected = {"missing": "no weights", "short": "is damaged", "long": "is damaged", "header": "is damaged",
                "pickle": "is a pickle", "tokenizer": r"tokenizer\.json is damaged", "empty": "is damaged"}[damage]  # fmt: skip
    if damage in ("missing", "pickle"):
        weights.unlink()
    if damage == "short":
        os.truncate(weights, 50_000_000)
    if damage == "long":
        with weights.open("ab") as file:
            file.write(b"x")
    if damage == "header":
        with weights.open("r+b") as file:
            file.write((10**10).to_bytes(8, "little"))
    if damage == "empty":
        os.truncate(weights, 0)
    if damage == "pickle":
        (folder / "pytorch_model.bin").write_bytes(pickle.dumps({}))
    if damage == "tokenizer":
        (folder / "tokenizer.json").write_text("{")
    with pytest.raises(ModelError, match=expected):
        encoder_loading.load(EncoderSpec(str(folder)))


def test_the_key_changes_with_the_content_and_not_with_the_clock(tmp_path: Path, own_cache: Path) -> None:
    file = tmp_path / "weights"
    file.write_bytes(b"a" * 100)
    first = cache.content_key([file], "x")
    os.utime(file, (1, 1))
    assert cache.content_key([file], "x") == first
    assert len(list((own_cache / "keys").iterdir())) == 1
    file.write_bytes(b"b" * 100)
    os.utime(file, (2, 2))
    assert cache.content_key([file], "x") != first
    assert cache.content_key([file], "y") != cache.content_key([file], "x")


def test_a_folder_is_whole_only_with_all_its_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("12345")
    (tmp_path / "m.json").write_text(json.dumps({"x": 1}))
    folders.seal(tmp_path, "m.json")
    assert folders.is_whole(tmp_path, "m.json")
    digest = "5994471abb01112afcc18159f6cc74b4f511b99806da59b3caf5a9c173cacfc5"
    assert json.loads((tmp_path / "m.json").read_text()) == {"x": 1, "files": {"a": 5}, "sha256": {"a": digest}}
    (tmp_path / "a").write_text("1234")
    assert not folders.is_whole(tmp_path, "m.json")
    (tmp_path / "m.json").write_text("{")
    assert not folders.is_whole(tmp_path, "m.json")


def test_a_text_much_longer_than_the_model_takes_gives_the_same_vector() -> None:
    ours = encoder_loading.load(EncoderSpec("all-MiniLM-L6-v2"))
    long, blanks = "A plane is taking off from the runway. " * 30_000, "cat" + " " * 100_000 + "sleeps"
    found = ours.encode([long, long[:5000], blanks, "cat sleeps"])
    assert found.truncated == [True, True, False, False]
    assert found.n_tokens == [256, 256, 4, 4]
    assert np.allclose(found.vectors[0], found.vectors[1], atol=1e-6)
    assert np.allclose(found.vectors[2], found.vectors[3], atol=1e-6)


def test_prompts_come_from_the_model_or_the_command_and_are_said(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    folder = small_model(tmp_path / "model", Pooling(32, "mean"))
    plain = SentenceTransformer(str(folder), device="cpu")
    prompts = {"query": "ask: ", "document": "say: ", "other": "x "}
    save(folder, list(plain), prompts=prompts, default_prompt_name="other")
    theirs = SentenceTransformer(str(folder), device="cpu")
    texts = TEXTS[:30]
    notes: list[str] = []
    for arguments, expected in (
        ({"role": "query"}, theirs.encode_query(texts)),
        ({"role": "document"}, theirs.encode_document(texts)),
        ({"prompt": ""}, theirs.encode(texts, prompt="")),
        ({"prompt": "any text "}, theirs.encode(texts, prompt="any text ")),
    ):
        for engine in ("onnx", "torch"):
            found = encoder_loading.load(
                EncoderSpec(str(folder), engine=engine, **arguments), note=notes.append
            ).encode(texts)
            assert np.sum(found.vectors * expected, axis=1).min() >= 0.99999
    assert not any("has prompts" in note for note in notes)
    found = encoder_loading.load(EncoderSpec(str(folder)), note=notes.append).encode(texts)
    assert np.sum(found.vectors * theirs.encode(texts), axis=1).min() >= 0.99999
    assert notes[-1] == (
        f"{folder} has prompts (document: 'say: ', other: 'x ', query: 'ask: ') and none was chosen: 'x ' is used; "
        "--as query|document or --prompt-name NAME chooses"
    )


def test_a_role_that_a_model_has_no_prompt_for(tmp_path: Path) -> None:
    notes: list[str] = []
    prepared = encoder_loading.locate(EncoderSpec("all-MiniLM-L6-v2", role="query"), note=notes.append)
    assert prepared.prompt == ""
    assert notes == ["all-MiniLM-L6-v2 has no prompts: --as query changes nothing"]
    with pytest.raises(RunError, match=r"has no prompt for a document, but query: 'ask: '"):
        encoder_prompts.choose("it", {"prompts": {"query": "ask: "}}, EncoderSpec(role="document"), note=notes.append)


def test_what_is_known_of_a_model_of_the_hub_is_used_where_its_files_say_nothing() -> None:
    known = catalog.on_hub("cl-nagoya/ruri-v3-30m")
    spec, note = EncoderSpec(role="document"), lambda _: None
    assert (
        encoder_prompts.choose("it", encoder_prompts.with_quirks({"prompts": {}}, known), spec, note=note)
        == "検索文書: "
    )
    about = encoder_prompts.with_quirks({"prompts": {"document": "", "passage": "own: "}}, known)
    assert encoder_prompts.choose("it", about, spec, note=note) == ""
    about = encoder_prompts.with_quirks({"prompts": {"passage": "own: "}}, known)
    assert encoder_prompts.choose("it", about, spec, note=note) == "own: "


@pytest.mark.parametrize("engine", ["onnx", "torch"])
def test_a_long_text_in_chunks_is_the_mean_of_its_chunks_by_their_tokens(engine: str) -> None:
    short, long = "A cat.", "The plane is taking off from the runway near the sea. " * 12
    arguments = {"engine": engine, "max_length": 24, "prompt": "say: ", "normalize": False}
    chunked = encoder_loading.load(EncoderSpec("all-MiniLM-L6-v2", chunk=True, **arguments))
    found = chunked.encode([short, long])
    assert found.truncated == [False, False]
    tokens = tokenizers.read_tokenizer(MINILM / "tokenizer.json")
    tokens.no_truncation()
    tokens.no_padding()
    ids = tokens.encode(long, add_special_tokens=False).ids
    prompt = tokens.encode("say: ", add_special_tokens=False).ids
    room = 24 - 2 - len(prompt)
    pieces = [tokens.decode(prompt + ids[start : start + room]) for start in range(0, len(ids), room)]
    assert found.n_chunks == [1, len(pieces)]
    weights = [len(prompt) + 2 + len(ids[start : start + room]) for start in range(0, len(ids), room)]
    assert found.n_tokens[1] == sum(weights)
    alone = encoder_loading.load(EncoderSpec("all-MiniLM-L6-v2", **arguments | {"prompt": ""})).encode(pieces).vectors
    assert np.allclose(found.vectors[1], np.average(alone, axis=0, weights=weights), atol=1e-4)
    whole = encoder_loading.load(EncoderSpec("all-MiniLM-L6-v2", **arguments)).encode([short]).vectors
    assert np.allclose(found.vectors[0], whole[0], atol=1e-5)


def test_the_first_components_are_renormalised(tmp_path: Path) -> None:
    whole = encoder_loading.load(EncoderSpec("all-MiniLM-L6-v2")).encode(TEXTS[:9]).vectors
    first = encoder_loading.load(EncoderSpec("all-MiniLM-L6-v2", dim=64))
    assert first.dimension == 64
    found = first.encode(TEXTS[:9]).vectors
    assert np.allclose(found, whole[:, :64] / np.linalg.norm(whole[:, :64], axis=1, keepdims=True), atol=1e-6)
    unscaled = encoder_loading.load(EncoderSpec("all-MiniLM-L6-v2", dim=64, normalize=False)).encode(TEXTS[:9]).vectors
    assert np.allclose(found * np.linalg.norm(unscaled, axis=1, keepdims=True), unscaled, atol=1e-5)
    with pytest.raises(RunError, match="has 384 dimensions, fewer than 385"):
        encoder_loading.load(EncoderSpec("all-MiniLM-L6-v2", dim=385))


def test_a_prompt_that_leaves_no_room_is_refused() -> None:
    with pytest.raises(RunError, match=r"the prompt has 1,0.. tokens, and the model takes 256 with the text"):
        encoder_loading.load(EncoderSpec("all-MiniLM-L6-v2", prompt="word " * 1000))


def test_a_device_that_is_not_there_is_named() -> None:
    with pytest.raises(RunError, match="torch finds no mps device here"):
        encoder_loading.load(EncoderSpec("all-MiniLM-L6-v2", device="mps"))
    with pytest.raises(RunError, match="--engine onnx computes on the processor"):
        encoder_loading.load(EncoderSpec("all-MiniLM-L6-v2", device="cuda", engine="onnx"))


def test_the_network_in_8_bits_is_close_and_smaller(own_cache: Path) -> None:
    prepared = encoder_loading.locate(EncoderSpec("all-MiniLM-L6-v2", quantize="int8"))
    found = prepared.open().encode(TEXTS[:20]).vectors
    exact = prepared.in_float32().open().encode(TEXTS[:20]).vectors
    cosines = np.sum(found * exact, axis=1)
    assert 0.9 < cosines.min() < 0.99999
    (graph,) = own_cache.glob("quantized/*/model.onnx")
    assert graph.stat().st_size < 60_000_000  # the word embeddings stay as they are


def test_bfloat16_as_on_a_gpu_stays_close(monkeypatch: pytest.MonkeyPatch) -> None:
    from nlptool.models.encoders import sentence_transformer, torch_backend

    modules = sentence_transformer.network(sentence_transformer.load(MINILM))
    ids = np.array([[101, 1037, 4937, 102]])
    exact = torch_backend.TorchNetwork(modules, "cpu")(ids, np.ones_like(ids))
    network = torch_backend.TorchNetwork(modules, "cpu", dtype="bfloat16")
    assert network.dtype == "bfloat16"
    found = network(ids, np.ones_like(ids))
    assert found.dtype == np.float32
    cosine = np.sum(top_k.normalize(found) * top_k.normalize(exact))
    assert 0.99 < cosine < 0.9999999


def test_a_disk_that_is_full_is_not_held_against_the_model(tmp_path: Path, own_cache: Path) -> None:
    from sentence_transformers.sentence_transformer.modules import Pooling

    folder = small_model(tmp_path / "model", Pooling(32, "mean"))
    with largest_file(100_000):
        done = invoke("embed", "-m", str(folder), stdin=b"A cat.\n")
    assert done.exit_code == 0
    assert "runs in torch: the cache" in done.stderr
    notes: list[str] = []
    assert encoder_loading.load(EncoderSpec(str(folder), engine="onnx"), note=notes.append).engine == "onnx"
    assert not any("torch" in note for note in notes)


@pytest.mark.parametrize("manifest", ["[]", "{", '{"files": 3}', '{"files": {"x": {}}}', "null"])
def test_a_manifest_that_is_none_is_made_again(tmp_path: Path, own_cache: Path, manifest: str) -> None:
    made = []

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / "x").write_text("1")

    copy = cache.made_once("kind", "key", "m.json", make)
    (copy / "m.json").write_text(manifest)
    assert cache.made_once("kind", "key", "m.json", make) == copy
    assert len(made) == 2
