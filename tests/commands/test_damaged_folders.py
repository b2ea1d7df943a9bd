"""Folders of models, word vectors and indexes whose files are damaged: they are refused with what is wrong, by every command."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import generation_models
import numpy as np
import pytest
import random_berts
from program import invoke, records
from sentence_encoders import small_model

from nlptool.models.runtime import transformers_loading
from nlptool.models.store import model_folder

NESTED = "[" * 100_000
NO_OBJECTS = {
    "nested": (NESTED, "its brackets are nested too deep"),
    "nested objects": ('{"a":' * 100_000, "its brackets are nested too deep"),
    "empty": ("", "Expecting value"),
    "array": ("[]", "it holds an array where an object is needed"),
    "no UTF-8": ("\udcff{", "it is not UTF-8"),
}


def write(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8", "surrogateescape"))


def refused(*arguments: str, code: int, stdin: str = "") -> str:
    """Run a command that must end with ``code`` and no result; return its message, in which nothing is a bug of ours."""
    done = invoke(*arguments, stdin=stdin)
    assert (done.exit_code, done.stdout) == (code, ""), done.stderr
    assert "internal error" not in done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Word vectors ``words`` and an index ``corpus``."""
    made = tmp_path_factory.mktemp("folders")
    text = "猫 が 鳴く 犬 が 走る\n" * 200
    assert invoke("train", "word2vec", "-q", "-o", str(made / "words"), stdin=text).exit_code == 0
    built = invoke("index", "build", "-q", "-m", "static-ja-en", "-o", str(made / "corpus"), stdin="猫が鳴く\n")
    assert built.exit_code == 0, built.stderr
    return made


@pytest.mark.parametrize("content", NO_OBJECTS)
def test_manifests_that_are_no_objects(folders: Path, tmp_path: Path, content: str) -> None:
    text, reason = NO_OBJECTS[content]
    for name, manifest in (("words", "vectors.json"), ("corpus", "index.json")):
        shutil.copytree(folders / name, tmp_path / name)
        write(tmp_path / name / manifest, text)
    words, corpus = str(tmp_path / "words"), str(tmp_path / "corpus")
    for arguments in (["neighbors", "-m", words, "猫"], ["vectors", "info", words], ["embed", "-m", words]):
        assert f"vectors.json is damaged: {reason}" in refused(*arguments, code=4, stdin="猫\n")
    for arguments in (["search", "猫", "--corpus", corpus], ["index", "info", corpus], ["index", "update", corpus]):
        assert f"index.json is damaged: {reason}" in refused(*arguments, code=4)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("tokenizer", ["words"], "its tokenizer is an array, not a string"),
        ("dictionary", 1, "its dictionary is a whole number, not a string"),
        ("n_tokens", "many", "its n_tokens is a string, not a whole number"),
        ("format", "1", "it is of format '1'"),
        ("format", 99, "of format 99, written by a newer nlptool"),
        ("files", [], "files are missing or cut off"),
    ],
)
def test_fields_of_word_vectors_of_other_types(
    folders: Path, tmp_path: Path, field: str, value: object, reason: str
) -> None:
    shutil.copytree(folders / "words", tmp_path / "words")
    path = tmp_path / "words" / "vectors.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: value}))
    assert reason in refused("neighbors", "-m", str(tmp_path / "words"), "猫", code=4)


@pytest.mark.parametrize(
    ("name", "values", "reason"),
    [
        ("vectors.npy", np.zeros((0, 100), np.float32), "vectors.npy holds no vectors"),
        ("vectors.npy", np.array(["a", "b"]), "vectors.npy holds no vectors"),
        ("vectors.npy", np.zeros((5, 3), np.complex64), "vectors.npy holds no vectors"),
        ("norms.npy", np.array(["a"] * 5), "norms.npy holds <U1"),
        ("counts.npy", np.zeros(5), "counts.npy holds float64"),
        ("counts.npy", np.zeros(4, np.int64), "different numbers of words"),
        ("subwords.npy", np.zeros((9, 3), np.float32), "subwords.npy holds no vectors of the words' dimension"),
        ("subwords.npy", np.zeros((9, 100), np.float32), "min_n"),
    ],
)
def test_arrays_of_word_vectors_that_are_none(
    folders: Path, tmp_path: Path, name: str, values: np.ndarray, reason: str
) -> None:
    shutil.copytree(folders / "words", tmp_path / "words")
    np.save(tmp_path / "words" / name, values)
    manifest = tmp_path / "words" / "vectors.json"
    about = json.loads(manifest.read_text())
    about["files"][name] = (tmp_path / "words" / name).stat().st_size
    manifest.write_text(json.dumps(about))
    assert reason in refused("neighbors", "-m", str(tmp_path / "words"), "猫又", code=4)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small models: ``bert`` with a vocab.txt and no tokenizer.json, ``japanese``, the encoder ``sentences`` and ``gpt2``."""
    from sentence_transformers.sentence_transformer.modules import Pooling

    made = tmp_path_factory.mktemp("models")
    random_berts.random_bert(made / "bert", "wordpiece")
    (made / "bert" / "tokenizer.json").unlink()
    write(made / "bert" / "tokenizer_config.json", '{"tokenizer_class": "BertTokenizer"}')
    random_berts.random_bert(made / "japanese", "unidic")
    small_model(made / "sentences", Pooling(32, "mean"))
    generation_models.save("gpt2", made / "gpt2")
    pairs = "ab\tba\nabc\tcba\nb\tb\n" * 10
    done = invoke("train", "seq2seq", "-q", "--architecture", "lstm", "--epochs", "1", "--token-unit", "characters",
                  "-o", str(made / "seq2seq"), stdin=pairs)  # fmt: skip
    assert done.exit_code == 0, done.stderr
    return made


@pytest.fixture
def damaged(models: Path, tmp_path: Path) -> Callable[..., str]:
    """Return the path of a copy of a model in which one file holds something else, or is gone."""

    def damage(model: str, name: str, content: str | bytes | Callable[[bytes], bytes] | None) -> str:
        copy = tmp_path / model
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(models / model, copy)
        path = copy / name
        if content is None:
            path.unlink()
        elif callable(content):
            path.write_bytes(content(path.read_bytes()))
        else:
            path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogateescape"))
        return str(copy)

    return damage


def changed(**fields: Any) -> Callable[[bytes], bytes]:
    """Return what sets fields of a JSON object."""
    return lambda content: json.dumps(json.loads(content) | fields).encode()


RUNS = {
    "bert": ["fill-mask", "--engine", "torch"],
    "japanese": ["fill-mask", "--engine", "torch"],
    "sentences": ["embed", "--engine", "torch"],
    "gpt2": ["generate", "--engine", "torch"],
    "seq2seq": ["generate"],
}


def run(model: str, folder: str) -> list[str]:
    return [*RUNS[model], "-m", folder]


def test_whole_models_are_not_refused(models: Path) -> None:
    for model in RUNS:
        done = invoke(*run(model, str(models / model)), stdin="a [MASK]\n")
        assert done.exit_code == 0, done.stderr


@pytest.mark.parametrize("model", ["bert", "japanese"])
@pytest.mark.parametrize("lost", ["[CLS]", "[SEP]", "[UNK]", "[PAD]", "[MASK]"])
def test_a_vocabulary_without_a_special_token(damaged: Callable[..., str], model: str, lost: str) -> None:
    folder = damaged(model, "vocab.txt", lambda content: content.replace(f"{lost}\n".encode(), b""))
    for command in ("fill-mask", "score", "nsp"):
        message = refused(command, "--engine", "torch", "-m", folder, code=4, stdin="猫[MASK]\t犬\n")
        assert f"vocab.txt is damaged: it lacks {lost}" in message or f"its vocab.txt lacks {lost}" in message
    if lost not in ("[MASK]", "[PAD]"):
        assert lost in refused("embed", "--engine", "torch", "-m", folder, code=4, stdin="猫\n")
        assert lost in refused("attention", "-m", folder, code=4, stdin="猫\n")


@pytest.mark.parametrize("model", ["bert", "japanese"])
@pytest.mark.parametrize("content", ["", "\n\n", "a\nb\n", "\udcff\udcfe", None])
def test_a_vocabulary_that_is_none(damaged: Callable[..., str], model: str, content: str | None) -> None:
    folder = damaged(model, "vocab.txt", content)
    for command in ("fill-mask", "embed"):
        assert folder in refused(command, "--engine", "torch", "-m", folder, code=4, stdin="猫[MASK]\n")


@pytest.mark.parametrize(
    ("model", "field", "value"),
    [
        *(("bert", "num_hidden_layers", n) for n in (1_000_000, 3, 1, 0, -1)),
        *(("bert", "hidden_size", n) for n in (1_000_000, 0)),
        *(("bert", "vocab_size", n) for n in (1_000_000, 1, -1)),
        ("sentences", "num_hidden_layers", 1_000_000),
        ("sentences", "vocab_size", 1_000_000),
        ("gpt2", "n_layer", 1_000_000),
        ("gpt2", "n_embd", 1_000_000),
        ("gpt2", "vocab_size", 10**9),
    ],
)
def test_sizes_are_compared_with_the_weights_before_anything_is_loaded(
    damaged: Callable[..., str], monkeypatch: pytest.MonkeyPatch, model: str, field: str, value: int
) -> None:
    loaded: list[Path] = []
    monkeypatch.setattr(transformers_loading, "pretrained", lambda kind, folder, **_: loaded.append(folder))
    folder = damaged(model, "config.json", changed(**{field: value}))
    for arguments in (run(model, folder), [RUNS[model][0], "-m", folder], ["models", "show", folder]):
        if arguments[0] != "models":
            message = refused(*arguments, code=4, stdin="a [MASK]\n")
            assert f"config.json does not belong to its weights: it says {field} {value:,}" in message
    assert loaded == []


def test_sizes_of_shared_layers_and_of_decoders_with_more_layers_are_fine(models: Path) -> None:
    layers = {f"h.{n}.weight": {"shape": [4, 8]} for n in range(3)}
    path = Path("config.json")
    check = model_folder.network_sizes.check
    check(path, {"n_layer": 2, "architectures": ["GPT2ForCausalLM"]}, layers)
    check(path, {"model_type": "albert", "num_hidden_layers": 12}, layers)
    check(path, {"hidden_size": 8, "vocab_size": "many", "num_hidden_layers": None}, layers)
    check(path, {"hidden_size": 8, "num_hidden_layers": 3}, {})
    with pytest.raises(Exception, match="num_hidden_layers 1,001, and they hold 1,000 layers"):
        check(path, {"model_type": "albert", "num_hidden_layers": 1001}, layers)


@pytest.mark.parametrize("kind", NO_OBJECTS)
@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("bert", "config.json"),
        ("sentences", "config.json"),
        ("sentences", "modules.json"),
        ("sentences", "tokenizer.json"),
        ("sentences", "tokenizer_config.json"),
        ("sentences", "1_Pooling/config.json"),
        ("sentences", "config_sentence_transformers.json"),
        ("gpt2", "config.json"),
        ("gpt2", "tokenizer.json"),
        ("gpt2", "tokenizer_config.json"),
        ("gpt2", "generation_config.json"),
        ("seq2seq", "config.json"),
        ("seq2seq", "source.json"),
        ("seq2seq", "target.json"),
    ],
)
def test_json_files_that_are_none(damaged: Callable[..., str], model: str, name: str, kind: str) -> None:
    folder = damaged(model, name, NO_OBJECTS[kind][0])
    if model == "seq2seq" and name == "config.json":
        assert folder in refused(*run(model, folder), code=4, stdin="a\n")
        return
    message = refused(*run(model, folder), code=4, stdin="a [MASK]\n")
    assert name in message or kind == "array", message
    assert folder in message


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("bert", "model.safetensors"),
        ("sentences", "model.safetensors"),
        ("sentences", "tokenizer.json"),
        ("gpt2", "model.safetensors"),
        ("gpt2", "tokenizer.json"),
        ("seq2seq", "model.safetensors"),
        ("seq2seq", "source.json"),
    ],
)
def test_files_that_are_cut_off_or_gone(damaged: Callable[..., str], model: str, name: str) -> None:
    for content in (lambda whole: whole[: len(whole) // 2], None):
        folder = damaged(model, name, content)
        message = refused(*run(model, folder), code=4, stdin="a [MASK]\n")
        assert folder in message
        assert name in message or "tokenizer" in message


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("sentence_transformers.models.Clairvoyance", None, "has a part that is not known here"),
        ("mine.Transformer", None, "asks for code of its own"),
        ("sentence_transformers.models.CLIPModel", None, "CLIPModel"),
        ("sentence_transformers.models.Pooling", None, "Pooling"),
        ("sentence_transformers.models.BoW", None, "BoW"),
        (None, [1], "is no list of modules"),
        (None, [], "is no list of modules"),
        (None, [{"type": "sentence_transformers.models.Transformer", "path": "../x"}], "outside of it"),
    ],
)
def test_modules_that_are_none(damaged: Callable[..., str], name: str | None, value: Any, reason: str) -> None:
    def change(content: bytes) -> bytes:
        parts = json.loads(content)
        parts[0]["type"] = name
        return json.dumps(parts if value is None else value).encode()

    assert reason in refused(*run("sentences", damaged("sentences", "modules.json", change)), code=4, stdin="a\n")


@pytest.mark.parametrize("engine", ["auto", "torch"])
@pytest.mark.parametrize("tokenizer_class", ["PreTrainedTokenizerFast", "Own", None])
def test_a_tokenizer_without_padding_whose_code_is_not_run(
    models: Path, damaged: Callable[..., str], tokenizer_class: str | None, engine: str
) -> None:
    """The tokenizer that transformers makes of tokenizer.json does without that code, and gives the vectors of the whole
    model."""
    named = {"tokenizer_class": tokenizer_class} if tokenizer_class else {}
    about = {**named, "auto_map": {"AutoTokenizer": ["mine.Own", None]}}
    folder = damaged("sentences", "tokenizer_config.json", json.dumps(about))
    (Path(folder) / "mine.py").write_text("raise SystemExit('this code was run')\n")
    texts = "a\nthe cat sat on the mat\n"
    done = invoke("embed", "--engine", engine, "-m", folder, stdin=texts)
    whole = invoke("embed", "--engine", engine, "-m", str(models / "sentences"), stdin=texts)
    for ours, theirs in zip(records(done), records(whole), strict=True):
        assert ours["embedding"] == pytest.approx(theirs["embedding"], abs=1e-5)


@pytest.mark.parametrize(
    ("model", "name", "fields"),
    [
        ("sentences", "tokenizer_config.json", {"model_max_length": True}),
        ("bert", "tokenizer_config.json", {"model_max_length": 1}),
        ("bert", "tokenizer_config.json", {"mask_token": "[HOLE]"}),
        ("sentences", "sentence_bert_config.json", {"max_seq_length": "many"}),
        ("sentences", "1_Pooling/config.json", {"embedding_dimension": 31}),
        ("sentences", "1_Pooling/config.json", {"pooling_mode": "best"}),
        ("gpt2", "generation_config.json", {"eos_token_id": "x"}),
        ("gpt2", "config.json", {"n_head": 0}),
        ("gpt2", "config.json", {"n_head": 3}),
        ("bert", "config.json", {"num_attention_heads": "x"}),
        ("bert", "config.json", {"hidden_act": "x"}),
        ("seq2seq", "config.json", {"hidden_size": 10**6}),
        ("seq2seq", "config.json", {"source_vocab_size": 3}),
        ("seq2seq", "source.json", {"unit": "letters"}),
        ("seq2seq", "source.json", {"mecab": True, "dictionary": ["x"]}),
    ],
)
def test_settings_that_are_none(damaged: Callable[..., str], model: str, name: str, fields: dict[str, Any]) -> None:
    refused(*run(model, damaged(model, name, changed(**fields))), code=4, stdin="a [MASK]\n")
