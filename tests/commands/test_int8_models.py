"""A built-in masked language model whose weights are in 8 bits: the same answers from both engines, and its unpacked copy."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from pathlib import Path
from typing import Any

import masked_models
import numpy as np
import pytest
import quantise
import torch
from program import invoke, records
from safetensors.numpy import load_file, save_file

from nlptool import catalog
from nlptool.models.masked import loading
from nlptool.models.masked import model as masked
from nlptool.models.store import int8_weights, inventory, locate
from nlptool.specs import MaskedModelSpec
from nlptool.storage import digest

NAME = "bert-mini-ja"
TEXTS = [line.replace("。", "[MASK]。", 1) for line in masked_models.LINES if 10 < len(line) < 40 and "。" in line][:12]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small BERT in float32, as it is trained, and ``shipped`` in it."""
    folder = tmp_path_factory.mktemp("int8") / "made"
    masked_models.save("bert-japanese", folder)
    quantise.ship_int8(folder, folder / "shipped")
    return folder


@pytest.fixture
def shipped(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of ``bert-mini-ja``, which is that small BERT here; and a cache with nothing in it."""
    folder = shutil.copytree(made / "shipped", tmp_path / "builtin")
    monkeypatch.setenv("NLPTOOL_CACHE", str(tmp_path / "cache"))
    install(folder, monkeypatch)
    return folder


def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = folder / "model.int8.safetensors"
    known = dataclasses.replace(
        catalog.KNOWN[NAME], weights=str(folder), graph=str(folder), sha256=digest.sha256(weights), size=weights.stat().st_size
    )  # fmt: skip
    monkeypatch.setitem(catalog.KNOWN, NAME, known)  # type: ignore[arg-type]


def probabilities(model: masked.MaskedModel, texts: list[str]) -> list[np.ndarray[Any, Any]]:
    rows = []
    for tokenized in model.texts.tokenize(texts):
        positions = [number for number, id in enumerate(tokenized.ids) if id == model.texts.mask_id]
        rows.append(model.texts.model_input(tokenized.ids, positions=positions))
    found = {number: np.exp(masked.log_softmax(logits)) for number, logits in model.logits(rows)}
    return [found[number] for number in range(len(texts))]


def test_the_folder_holds_no_other_weights_and_the_graph_none(shipped: Path) -> None:
    assert {path.name for path in shipped.iterdir()} == {
        "config.json", "masked.json", "model.int8.safetensors", "model.onnx", "tokenizer.json", "tokenizer_config.json",
        "vocab.txt",
    }  # fmt: skip
    held = load_file(shipped / "model.int8.safetensors")
    n_bytes = sum(array.nbytes for array in held.values())
    assert (shipped / "model.int8.safetensors").stat().st_size < n_bytes + 20_000
    about = json.loads((shipped / "masked.json").read_text())
    assert "bert.embeddings.word_embeddings.weight" in about["initializers"]  # of the head, too: not a second time
    assert "bert.encoder.layer.1.output.dense.weight.T" in about["initializers"]


def test_both_engines_give_the_probabilities_of_the_rounded_weights(shipped: Path, tmp_path: Path) -> None:
    from transformers import BertForPreTraining

    standard = tmp_path / "standard"
    standard.mkdir()
    int8_weights.unpack(shipped, standard)
    network = BertForPreTraining.from_pretrained(str(standard), dtype=torch.float32).eval()
    onnx = loading.load(MaskedModelSpec(NAME, engine="onnx", batch_tokens=1))
    assert list((tmp_path / "cache").rglob("*")) == []  # used as it is
    in_torch = loading.load(MaskedModelSpec(NAME, engine="torch"))
    rows = [
        onnx.texts.model_input(each.ids, positions=[each.ids.index(onnx.texts.mask_id)])
        for each in onnx.texts.tokenize(TEXTS)
    ]
    with torch.no_grad():
        logits = [network(input_ids=torch.tensor([row.ids])).prediction_logits[0, row.positions] for row in rows]
    expected = [each.softmax(-1).numpy() for each in logits]
    # Twelve batches of one text: the matrices are arranged anew after the eighth.
    for model in (onnx, in_torch, onnx, loading.load(MaskedModelSpec(NAME, deterministic=True))):
        for ours, theirs in zip(probabilities(model, TEXTS), expected, strict=True):
            assert ours == pytest.approx(theirs, abs=1e-5)
    ours, theirs = (model.next_sentence(rows) for model in (onnx, in_torch))
    assert ours == pytest.approx(theirs, abs=1e-4)


def test_rounding_changes_the_probabilities_a_little(shipped: Path, made: Path) -> None:
    rounded = probabilities(loading.load(MaskedModelSpec(NAME)), TEXTS)
    exact = probabilities(loading.load(MaskedModelSpec(str(made), engine="torch")), TEXTS)
    differences = [np.abs(one - other).max() for one, other in zip(rounded, exact, strict=True)]
    assert 0 < max(differences) < 0.1


def test_every_command_loads_it(shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = f"{TEXTS[0]}\n"
    plain = records(invoke("fill-mask", stdin=text))
    assert records(invoke("fill-mask", "-m", NAME, stdin=text)) == plain
    done = invoke("fill-mask", "--engine", "torch", stdin=text)
    (in_torch,) = records(done)
    assert done.stderr == ""  # unpacking takes a moment
    for ours, theirs in zip(plain[0]["masks"][0]["candidates"], in_torch["masks"][0]["candidates"], strict=True):
        assert ours["token"] == theirs["token"]
        assert ours["probability"] == pytest.approx(theirs["probability"], abs=1e-5)
    done = invoke("attention", stdin=text)
    assert len(records(done)) == 1
    assert done.stderr == ""
    folder = Path(invoke("models", "path", NAME).stdout.removesuffix("\n"))
    assert folder.is_relative_to(tmp_path / "cache")
    assert json.loads((folder / "config.json").read_text())["dtype"] == "float32"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "corpus.txt").write_text("\n\n".join("".join(f"{line}\n" for line in TEXTS) for _ in range(8)))
    done = invoke(
        "train", "bert", "--init", NAME, "--max-steps", "1", "--batch-size", "4", "--max-length", "16", "--device", "cpu",
        "-o", "more", "corpus.txt",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert json.loads((tmp_path / "more" / "pretraining.json").read_text())["options"]["init"] == NAME


def test_a_folder_with_such_weights_is_a_model_too(
    shipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"{TEXTS[0]}\n"
    (known,) = records(invoke("fill-mask", stdin=text))
    shutil.copytree(shipped, tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    (found,) = records(invoke("fill-mask", "-m", "./mine", "--engine", "torch", stdin=text))
    for ours, theirs in zip(found["masks"][0]["candidates"], known["masks"][0]["candidates"], strict=True):
        assert ours["probability"] == pytest.approx(theirs["probability"], abs=1e-5)
    (copy,) = inventory.find("./mine").copies()
    assert copy.kind == "models"


def test_models_shows_and_verifies_it(shipped: Path) -> None:
    (shown,) = records(invoke("models", "show", NAME, "-f", "jsonl"))
    size = (shipped / "model.int8.safetensors").stat().st_size
    assert (shown["files"]["model.int8.safetensors"], shown["size"]) == (size, size)
    assert shown["sha256"] == digest.sha256(shipped / "model.int8.safetensors")
    assert "model.safetensors" not in shown["files"]
    assert records(invoke("models", "verify", NAME))[0] == {"name": NAME, "files": 1, "damaged": []}
    content = bytearray((shipped / "model.int8.safetensors").read_bytes())
    content[-1] ^= 1
    (shipped / "model.int8.safetensors").write_bytes(content)
    (damaged,) = records(invoke("models", "verify", NAME), 3)
    assert damaged["damaged"] == [str(shipped / "model.int8.safetensors")]


@pytest.mark.parametrize("engine", ["onnx", "torch"])
def test_damaged_weights_are_refused(shipped: Path, engine: str) -> None:
    path = shipped / "model.int8.safetensors"
    whole = path.read_bytes()
    held = load_file(path)
    del held["bert.pooler.dense.weight.scale"]
    save_file(held, path)
    without_scale = path.read_bytes()
    for content, reason in (
        (whole[:-1], "its header promises"),
        (whole[:500], "shorter than its header says"),
        (without_scale, "bert.pooler.dense.weight has no scale for each row"),
    ):
        path.write_bytes(content)
        done = invoke("fill-mask", "--engine", engine, stdin=f"{TEXTS[0]}\n")
        assert (done.exit_code, done.stdout) == (4, "")
        assert "model.int8.safetensors is damaged" in done.stderr
        assert reason in done.stderr


def test_weights_of_another_network_are_refused(shipped: Path) -> None:
    path = shipped / "model.int8.safetensors"
    held = load_file(path)
    for end in ("", ".scale"):
        held[f"bert.pooler.dense.weight{end}"] = held[f"bert.pooler.dense.weight{end}"][:20]
    save_file(held, path)
    done = invoke("fill-mask", "--engine", "onnx", stdin=f"{TEXTS[0]}\n")
    assert (done.exit_code, done.stdout) == (4, "")
    assert "cannot load" in done.stderr


def test_a_newer_model_of_the_same_name_is_not_taken_from_the_cache(
    shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even if its files have the sizes and times of the old one's, as an installer may set them."""
    weights = shipped / "model.int8.safetensors"
    before = weights.stat()
    old = locate.packaged(catalog.KNOWN[NAME])
    version = locate.version_of(NAME)
    (answer,) = records(invoke("fill-mask", "--engine", "torch", stdin=f"{TEXTS[0]}\n"))
    held = load_file(weights)
    held["bert.encoder.layer.0.output.dense.weight"] *= -1
    save_file(held, weights)
    os.utime(weights, ns=(before.st_atime_ns, before.st_mtime_ns))
    install(shipped, monkeypatch)
    new = locate.packaged(catalog.KNOWN[NAME])
    assert new != old
    assert locate.version_of(NAME) != version  # what was written with the old one is not gone on with
    name = "bert.encoder.layer.0.output.dense.weight"
    tensors = [load_file(folder / "model.safetensors")[name] for folder in (old, new)]
    assert np.array_equal(tensors[0], -tensors[1])
    found = [records(invoke("fill-mask", "--engine", engine, stdin=f"{TEXTS[0]}\n"))[0] for engine in ("onnx", "torch")]
    first, second = ([each["probability"] for each in record["masks"][0]["candidates"]] for record in found)
    assert first == pytest.approx(second, abs=1e-5)
    assert first != pytest.approx([each["probability"] for each in answer["masks"][0]["candidates"]], abs=1e-4)
    assert {copy.folder for copy in inventory.find(NAME).copies()} == {old, new}
    assert invoke("models", "rm", NAME).exit_code == 0
    assert not old.exists()
    assert not new.exists()
