"""What is looked at in a model's folder before anything of it is loaded."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from sentence_encoders import MINILM, small_model

from nlptool.errors import ModelError
from nlptool.models.encoders import loading as encoder_loading
from nlptool.models.store import locate, model_folder
from nlptool.specs import EncoderSpec

MODULES = [
    {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
    {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
    {"idx": 2, "name": "2", "path": "2_Dense", "type": "sentence_transformers.models.Dense"},
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """all-MiniLM as a folder of its own, its weights linked and not copied."""
    monkeypatch.setenv("NLPTOOL_CACHE", str(tmp_path / "cache"))
    made = tmp_path / "model"
    shutil.copytree(MINILM, made, copy_function=os.link if _same_disk(tmp_path) else shutil.copy)
    return made


def _same_disk(path: Path) -> bool:
    return path.stat().st_dev == MINILM.stat().st_dev


def replace(path: Path, text: str) -> None:
    """Write a file anew; the one of the package, to which it may be a link, stays."""
    path.unlink(missing_ok=True)
    path.write_text(text, encoding="utf-8")


def test_a_whole_folder_lacks_nothing_and_names_what_is_gone(folder: Path) -> None:
    assert model_folder.missing(folder) == []
    for name in ("config.json", "model.safetensors", "1_Pooling/config.json"):
        (folder / name).rename(folder / "away")
        assert model_folder.missing(folder) == [name]
        (folder / "away").rename(folder / name)
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.txt").unlink(missing_ok=True)
    assert model_folder.missing(folder) == ["tokenizer.json"]
    replace(folder / "modules.json", json.dumps(MODULES))
    assert model_folder.missing(folder) == ["tokenizer.json", "2_Dense/config.json", "2_Dense/model.safetensors"]


@pytest.mark.parametrize("kind", ["file", "folder", "absolute"])
def test_links_out_of_the_folder_are_not_followed(folder: Path, tmp_path: Path, kind: str) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.json").write_text("{}")
    target = outside if kind == "folder" else outside / "secret.json"
    link = folder / "extra"
    link.symlink_to(target if kind == "absolute" else os.path.relpath(target, folder))
    with pytest.raises(ModelError, match="names a file outside of it: extra"):
        encoder_loading.locate(EncoderSpec(str(folder)))
    link.unlink()
    link.symlink_to("config.json")  # within the folder it may point
    assert model_folder.weight_files(folder) == [folder / "model.safetensors"]


def test_a_folder_that_is_itself_a_link_is_fine(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    assert model_folder.weight_files(tmp_path / "link") == [tmp_path / "link" / "model.safetensors"]


@pytest.mark.parametrize("path", ["../outside", "/etc", "1_Pooling/../../x"])
def test_names_that_lead_out_are_refused(folder: Path, path: str) -> None:
    replace(folder / "modules.json", json.dumps([MODULES[0], MODULES[1] | {"path": path}]))
    with pytest.raises(ModelError, match="names a file outside of it"):
        encoder_loading.locate(EncoderSpec(str(folder)))
    replace(folder / "modules.json", json.dumps(MODULES[:2]))
    replace(folder / "model.safetensors.index.json", json.dumps({"weight_map": {"a": path}}))
    with pytest.raises(ModelError, match="names a file outside of it"):
        encoder_loading.locate(EncoderSpec(str(folder)))


def test_a_class_of_the_repositorys_own_is_never_run(folder: Path) -> None:
    (folder / "evil.py").write_text(f"open({str(folder / 'ran')!r}, 'w')")
    replace(folder / "modules.json", json.dumps([MODULES[0] | {"type": "evil.Transformer"}, MODULES[1]]))
    with pytest.raises(ModelError, match=r"asks for code of its own \(evil\.Transformer\), which nlptool never runs"):
        encoder_loading.locate(EncoderSpec(str(folder)))
    assert not (folder / "ran").exists()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", '[{"x": 1}]', "[[]]", "[" * 100_000, '{"a": 1}', '[{"type": "x"}]']
)
def test_a_modules_json_that_is_none_ends_in_a_sentence(folder: Path, text: str) -> None:
    replace(folder / "modules.json", text)
    with pytest.raises(ModelError):
        encoder_loading.locate(EncoderSpec(str(folder)))


def test_a_shard_that_is_not_there_is_named(folder: Path) -> None:
    replace(folder / "model.safetensors.index.json", json.dumps({"weight_map": {"a": "model-2.safetensors"}}))
    with pytest.raises(ModelError, match=r"lacks model-2\.safetensors, a part of its weights"):
        encoder_loading.locate(EncoderSpec(str(folder)))
    replace(folder / "model.safetensors.index.json", "{}")
    with pytest.raises(ModelError, match="has no weight_map"):
        encoder_loading.locate(EncoderSpec(str(folder)))


def test_a_pickle_is_opened_only_when_it_is_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from safetensors.torch import load_file
    from sentence_transformers.sentence_transformer.modules import Pooling

    monkeypatch.setenv("NLPTOOL_CACHE", str(tmp_path / "cache"))
    folder = small_model(tmp_path / "model", Pooling(32, "mean"))
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    expected = encoder_loading.load(EncoderSpec(str(folder))).encode(["A cat."]).vectors
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"pytorch_model\.bin is a pickle") as caught:
        encoder_loading.locate(EncoderSpec(str(folder)))
    assert caught.value.hint.startswith("--allow-pickle opens it")
    found = encoder_loading.load(EncoderSpec(str(folder), allow_pickle=True)).encode(["A cat."]).vectors
    assert abs(found - expected).max() < 1e-5


def test_code_in_a_pickle_does_not_run_even_then(folder: Path, tmp_path: Path) -> None:
    import pickle

    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return os.mkdir, (str(tmp_path / "ran"),)

    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"x": Evil()}))
    with pytest.raises(ModelError, match="cannot be loaded"):
        encoder_loading.load(EncoderSpec(str(folder), allow_pickle=True))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "org/name/more", "", "~nobody", "./", "-"])
def test_names_that_no_model_can_have_end_in_a_sentence(name: str) -> None:
    with pytest.raises(ModelError):
        encoder_loading.locate(EncoderSpec(name, offline=True))


def test_a_repository_name_is_the_hubs_also_where_a_folder_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    shutil.copytree(MINILM, tmp_path / "org" / "name")
    with pytest.raises(ModelError, match="is not in the local cache"):
        locate.find("org/name", offline=True)
    assert locate.find("./org/name") == Path("org/name")


def test_weights_that_an_installer_linked_twice_are_quantized_too(tmp_path: Path) -> None:
    from sentence_transformers.sentence_transformer.modules import Pooling

    folder = small_model(tmp_path / "small", Pooling(32, "mean"))
    os.link(folder / "model.safetensors", tmp_path / "second")
    assert encoder_loading.load(EncoderSpec("all-MiniLM-L6-v2", quantize="int8")).encode(["A cat."]).vectors.shape == (
        1,
        384,
    )
    assert encoder_loading.load(EncoderSpec(str(folder), quantize="int8")).encode(["A cat."]).vectors.shape == (1, 32)
