"""Masked language models against transformers itself, on small ones of the real architectures with random weights made here."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import masked_models
import numpy as np
import pytest
import torch
import transformers
from hub_server import HubServer
from huggingface_hub import constants
from masked_models import ONE_HEAD, TWO_HEADS
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from nlptool import catalog
from nlptool.errors import ModelError, RunError
from nlptool.models.masked import loading as masked_loading
from nlptool.models.masked.model import MaskedModel, log_softmax
from nlptool.models.masked.tokenizer import ModelInput
from nlptool.models.store import inventory, kinds, locate
from nlptool.specs import MaskedModelSpec
from nlptool.storage import cache

LINES = masked_models.LINES
CLOSE = 1e-4  # of a probability
ALONE, TOGETHER = 1, 100_000  # tokens in a batch
# BERT, ALBERT, whose layers are one, and ModernBERT, whose layers alternate, have two here.
TWO_LAYERS = ("albert", "bert", "modernbert")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Several would only wait for each other with models as small as these."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def folder(home: Path) -> Any:
    """``folder(kind)``: a model, made once."""
    return functools.cache(
        lambda kind: masked_models.save(kind, home / kind, num_hidden_layers=2 if kind in TWO_LAYERS else 1)
    )


def texts_with(mask: str) -> list[tuple[str, ...]]:
    """Texts and pairs of texts, with no mask, one, and several."""
    return [
        (mask,),
        (f"{mask} {mask} {mask}",),
        (f"A plane is {mask} off.",),
        (f"The {mask} of the {mask}ing man, {mask}!",),
        (f"こんな{mask}を見た。",),
        ("自分は百年待っていた。",),
        (f"A man is {mask}.", f"He is playing a {mask}."),
        (f"{mask}が好き", "a"),
        ("word " * 12 + mask,),
        *((LINES[number][:18].replace("の", mask, 1),) for number in range(len(LINES) - 20, len(LINES), 4)),
    ]


def rows_of(model: MaskedModel, items: Sequence[tuple[str, ...]]) -> list[ModelInput]:
    """Each mask is a place."""
    rows = []
    for item in items:
        cuts = model.texts.tokenize(list(item))
        ids = [id for cut in cuts for id in cut.ids]
        positions = [place for place, id in enumerate(ids) if id == model.texts.mask_id]
        rows.append(model.texts.model_input(*(cut.ids for cut in cuts), positions=positions))
    return rows


@torch.inference_mode()
def plainly(network: Any, own: Any, item: tuple[str, ...]) -> tuple[NDArray[np.float32], Any]:
    """The probabilities at the masks, and all that the network gives, by transformers alone."""
    encoded = own(*item, return_token_type_ids=True, return_tensors="pt")
    if network.config.model_type != "fnet" and getattr(network.config, "type_vocab_size", 0) in (0, 1):
        encoded.pop("token_type_ids", None)
    found = network(**encoded)
    logits = found.logits if "logits" in found else found.prediction_logits
    at_masks = logits[0, encoded["input_ids"][0] == own.mask_token_id]
    return at_masks.softmax(-1).numpy(), found


@pytest.mark.parametrize("kind", [*TWO_HEADS, *ONE_HEAD])
def test_probabilities_at_the_masks_are_those_of_transformers(kind: str, folder: Any) -> None:
    path = folder(kind)
    own = transformers.AutoTokenizer.from_pretrained(str(path))
    network = getattr(transformers, (TWO_HEADS | ONE_HEAD)[kind]).from_pretrained(str(path)).eval()
    model = masked_loading.load(MaskedModelSpec(str(path), batch_tokens=ALONE))
    assert (model.engine, model.heads) == ("onnx", {"mlm", "nsp"} if kind in TWO_HEADS else {"mlm"})
    items = texts_with(own.mask_token)
    rows = rows_of(model, items)
    assert [row.ids for row in rows] == [own(*item)["input_ids"] for item in items]
    expected = [plainly(network, own, item)[0] for item in items]
    assert max(float(each.max()) for each in expected if len(each)) > 0.05  # else all would be alike
    for budget in (ALONE, TOGETHER):
        found = dict(masked_loading.load(MaskedModelSpec(str(path), batch_tokens=budget)).logits(rows))
        assert len(found) == len(rows)
        for number, probabilities in enumerate(expected):
            assert found[number].shape == probabilities.shape == (len(rows[number].positions), model.texts.size)
            assert np.allclose(np.exp(log_softmax(found[number])), probabilities, rtol=0, atol=CLOSE)


@pytest.mark.parametrize("kind", TWO_HEADS)
def test_next_sentence_probabilities_are_those_of_transformers(kind: str, folder: Any) -> None:
    path = folder(kind)
    own = transformers.AutoTokenizer.from_pretrained(str(path))
    name = TWO_HEADS[kind].replace("PreTraining", "NextSentencePrediction")
    network = getattr(transformers, name).from_pretrained(str(path)).eval()
    pairs = [(first, second) for first, second in zip(LINES[-30:-20], LINES[-29:-19], strict=True)]
    pairs = [(first[:12], second[:12]) for first, second in pairs]
    encoded = [own(*pair, return_token_type_ids=True, return_tensors="pt") for pair in pairs]
    with torch.inference_mode():
        expected = np.concatenate([network(**each).logits.softmax(-1).numpy() for each in encoded])
    assert np.ptp(expected[:, 0]) > 0.01  # the pairs differ
    for budget in (ALONE, TOGETHER):
        model = masked_loading.load(MaskedModelSpec(str(path), batch_tokens=budget), head="nsp")
        first, second = (model.texts.tokenize(side) for side in zip(*pairs, strict=True))
        rows = [model.texts.model_input(a.ids, b.ids, positions=[0]) for a, b in zip(first, second, strict=True)]
        assert [row.types for row in rows] == [each["token_type_ids"][0].tolist() for each in encoded]
        assert np.allclose(np.exp(log_softmax(model.next_sentence(rows))), expected, rtol=0, atol=CLOSE)


def test_index_0_says_that_the_second_sentence_follows(home: Path, folder: Any) -> None:
    """A BERT learns with the labels of transformers, 0 for a continuation, that "off" follows and "man" does not."""
    path = home / "learned"
    own = transformers.AutoTokenizer.from_pretrained(str(folder("bert")))
    network = transformers.BertForNextSentencePrediction.from_pretrained(str(folder("bert")))
    pairs = [("A plane is", "off"), ("A plane is", "man"), ("a man", "off"), ("a man", "man")]
    first, second = (list(side) for side in zip(*pairs, strict=True))
    encoded = own(first, second, padding=True, return_token_type_ids=True, return_tensors="pt")
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3)
    for _ in range(150):
        optimizer.zero_grad()
        network(**encoded, labels=torch.tensor([0, 1, 0, 1])).loss.backward()
        optimizer.step()
    network.save_pretrained(path)
    own.save_pretrained(path)
    model = masked_loading.load(MaskedModelSpec(str(path)), head="nsp")
    assert model.heads == {"nsp"}  # of masked words it was saved without
    rows = [model.texts.model_input(*(cut.ids for cut in model.texts.tokenize(pair))) for pair in pairs]
    is_next = np.exp(log_softmax(model.next_sentence(rows)))[:, 0]
    assert is_next[[0, 2]].min() > 0.9
    assert is_next[[1, 3]].max() < 0.1
    with pytest.raises(ModelError, match="has no head for masked words: its weights hold one for next sentences alone"):
        masked_loading.locate(MaskedModelSpec(str(path)))


def test_torch_gives_the_same_as_onnxruntime(folder: Any) -> None:
    for kind in ("bert", "roberta", "fnet"):
        onnx, in_torch = (
            masked_loading.load(MaskedModelSpec(str(folder(kind)), engine=engine)) for engine in ("onnx", "torch")
        )
        assert (onnx.engine, in_torch.engine, in_torch.device) == ("onnx", "torch", "cpu")
        rows = rows_of(onnx, texts_with(onnx.texts.mask_token))
        assert rows_of(in_torch, texts_with(onnx.texts.mask_token)) == rows
        ours, theirs = dict(onnx.logits(rows)), dict(in_torch.logits(rows))
        for number in range(len(rows)):
            assert np.allclose(ours[number], theirs[number], rtol=0, atol=1e-3)
        if "nsp" in onnx.heads:
            assert np.allclose(onnx.next_sentence(rows), in_torch.next_sentence(rows), rtol=0, atol=1e-3)


def test_deterministic_answers_do_not_depend_on_the_neighbours(folder: Any) -> None:
    model = masked_loading.load(MaskedModelSpec(str(folder("bert")), deterministic=True), head="nsp")
    rows = rows_of(model, texts_with("[MASK]"))
    together, scores = dict(model.logits(rows)), model.next_sentence(rows)
    for number, row in enumerate(rows):
        assert np.array_equal(dict(model.logits([row]))[0], together[number])
        assert np.array_equal(model.next_sentence([row])[0], scores[number])


class Counting:
    """A network whose logits are the ids at the positions, and which remembers the sizes of its batches."""

    engine, batch_tokens = "fake", 100

    def __init__(self, size: int) -> None:
        self.batches: list[tuple[int, int, int]] = []  # rows, tokens, positions
        self._size = size

    def __call__(
        self, ids: NDArray[np.int64], mask: NDArray[np.int64], types: NDArray[np.int64], positions: NDArray[np.int64]
    ) -> dict[str, NDArray[np.float32]]:
        assert np.array_equal(mask == 1, ids != 0)
        self.batches.append((len(ids), ids.size, len(positions)))
        at_positions = ids.ravel()[positions].astype(np.float32)
        return {"mlm": np.repeat(at_positions[:, None], self._size, axis=1), "nsp": ids[:, :2].astype(np.float32)}


def test_batches_are_bounded_in_tokens_and_in_logits_and_each_row_gets_its_own(
    folder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = masked_loading.locate(MaskedModelSpec(str(folder("bert"))))
    network = Counting(prepared.about["size"])
    model = MaskedModel(prepared.tokenizer(), network, prepared.about)
    chosen = np.random.default_rng(1)
    rows = []
    for length in chosen.integers(1, 60, 200):
        positions = chosen.choice(length, int(chosen.integers(0, min(length, 7) + 1)), replace=False)
        rows.append(ModelInput(chosen.integers(5, 900, length).tolist(), [0] * int(length), positions.tolist()))
    monkeypatch.setattr("nlptool.models.masked.model._LARGEST_LOGITS", 10 * model.texts.size)
    found = dict(model.logits(rows))
    assert sorted(found) == list(range(200))
    for row, logits in zip(rows, (found[number] for number in range(200)), strict=True):
        assert logits.shape == (len(row.positions), model.texts.size)
        assert logits[:, 0].tolist() == [row.ids[place] for place in row.positions]
    assert max(tokens for _, tokens, _ in network.batches) <= 100
    assert max(positions for _, _, positions in network.batches) == 10
    network.batches.clear()
    assert model.next_sentence(rows)[:, 0].tolist() == [row.ids[0] for row in rows]
    assert {positions for _, _, positions in network.batches} == {0}
    assert list(model.logits([])) == []
    assert model.next_sentence([]).shape == (0, 2)


def test_log_softmax_is_stable() -> None:
    logits = np.array([[1e4, 1e4 - 1, -1e4], [0.0, 0.0, 0.0], [-3e4, -3e4, -3e4 + 2]], np.float32)
    expected = torch.log_softmax(torch.from_numpy(logits).double(), -1).numpy()
    assert np.allclose(log_softmax(logits), expected, rtol=1e-6, atol=1e-6)
    assert log_softmax(np.zeros((0, 3), np.float32)).shape == (0, 3)


def test_a_model_is_converted_once_and_a_damaged_copy_is_made_again(home: Path) -> None:
    path = masked_models.save("bert", home / "once", num_hidden_layers=1)
    notes: list[str] = []
    first = masked_loading.locate(MaskedModelSpec(str(path)), note=notes.append)
    assert notes == [f"converting {path} for onnxruntime, once"]
    assert masked_loading.locate(MaskedModelSpec(str(path)), head="nsp", note=notes.append).graph == first.graph
    assert len(notes) == 1
    assert ("masked", str(path)) in {(copy.kind, copy.source) for copy in cache.copies(kinds.MANIFESTS)}
    assert first.graph is not None
    weights = first.graph / "model.onnx.data"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:100])
    masked_loading.load(MaskedModelSpec(str(path)), note=notes.append)
    assert len(notes) == 2
    assert len(weights.read_bytes()) == len(whole)


def test_the_names_of_the_first_berts_are_understood(folder: Any, home: Path) -> None:
    """The checkpoints of 2018 call the weight of a normalisation gamma and its bias beta, and lack the head's tied matrix."""
    path = masked_models.save("bert", home / "gamma")
    tensors = load_file(path / "model.safetensors")
    renamed = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): tensor
        for name, tensor in tensors.items()
        if not name.startswith("cls.predictions.decoder")
    }
    assert sum("gamma" in name for name in renamed) == 6
    save_file(renamed, path / "model.safetensors", {"format": "pt"})
    old, new = (
        masked_loading.load(MaskedModelSpec(str(path))),
        masked_loading.load(MaskedModelSpec(str(folder("bert")))),
    )
    assert old.heads == {"mlm", "nsp"}
    rows = rows_of(new, texts_with("[MASK]"))
    for (one, ours), (other, theirs) in zip(old.logits(rows), new.logits(rows), strict=True):
        assert one == other
        assert np.allclose(ours, theirs, rtol=0, atol=1e-5)


def without(path: Path, prefix: str) -> Path:
    """Take tensors out of a model's weights."""
    tensors = load_file(path / "model.safetensors")
    kept = {name: tensor for name, tensor in tensors.items() if not name.startswith(prefix)}
    assert len(kept) < len(tensors)
    save_file(kept, path / "model.safetensors", {"format": "pt"})
    return path


def test_a_model_without_the_head_is_refused_and_never_answers_at_random(home: Path, folder: Any) -> None:
    one = without(masked_models.save("bert", home / "one"), "cls.seq_relationship")
    assert masked_loading.locate(MaskedModelSpec(str(one))).heads == {"mlm"}
    with pytest.raises(ModelError, match="has no next-sentence head: its weights hold none") as refused:
        masked_loading.locate(MaskedModelSpec(str(one)), head="nsp")
    assert "bert-mini-ja" in refused.value.hint
    none = without(masked_models.save("bert", home / "none"), "cls.")
    with pytest.raises(ModelError, match=r"was saved without its head for masked words: its weights hold no cls\."):
        masked_loading.locate(MaskedModelSpec(str(none)))
    for kind, reason in (
        ("roberta", "RoBERTa was trained without next sentences"),
        ("distilbert", "DistilBERT was trained without next sentences"),
        ("albert", "ALBERT was trained to tell the order of two sentences, which is another question"),
        ("electra", r"a model of its kind \(electra\) is trained without"),
    ):
        with pytest.raises(ModelError, match=f"has no next-sentence head: {reason}"):
            masked_loading.locate(MaskedModelSpec(str(folder(kind))), head="nsp")


def test_a_sentence_encoder_is_refused() -> None:
    encoder = str(locate.packaged(catalog.KNOWN["all-MiniLM-L6-v2"]))
    with pytest.raises(ModelError, match="was saved without its head for masked words"):
        masked_loading.locate(MaskedModelSpec(encoder))
    with pytest.raises(ModelError, match="all-MiniLM-L6-v2 is a model for embed") as refused:
        masked_loading.locate(MaskedModelSpec("all-MiniLM-L6-v2"))
    assert "nlptool models list --task fill-mask" in refused.value.hint


def test_models_that_write_are_refused(home: Path) -> None:
    own = masked_models.tokenizer("roberta", home)
    small = {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2}
    networks = {
        "gpt2": transformers.GPT2LMHeadModel(transformers.GPT2Config(vocab_size=900, n_embd=16, n_layer=1, n_head=2)),
        "bart": transformers.BartForConditionalGeneration(transformers.BartConfig(vocab_size=900, **small)),
        "bert-decoder": transformers.BertLMHeadModel(
            transformers.BertConfig(
                vocab_size=900, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, is_decoder=True
            )
        ),
    }
    for name, network in networks.items():
        network.save_pretrained(home / name)
        own.save_pretrained(home / name)
    for name, reason in (
        ("gpt2", r"is a decoder \(gpt2\): it sees only what stands before a word"),
        ("bert-decoder", r"is a decoder \(bert\)"),
        ("bart", r"is a sequence-to-sequence model \(bart\)"),
    ):
        with pytest.raises(ModelError, match=reason):
            masked_loading.locate(MaskedModelSpec(str(home / name)))


def test_a_tokenizer_without_a_mask_is_refused(home: Path) -> None:
    path = masked_models.save("bert", home / "no-mask")
    config = json.loads((path / "tokenizer_config.json").read_text())
    (path / "tokenizer_config.json").write_text(json.dumps({**config, "mask_token": None}))
    with pytest.raises(ModelError, match="has no mask token"):
        masked_loading.locate(MaskedModelSpec(str(path)))


def test_a_damaged_model_folder_is_refused_with_a_reason(home: Path) -> None:
    path = masked_models.save("bert", home / "damaged")
    weights = path / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-100])
    with pytest.raises(ModelError, match="is damaged"):
        masked_loading.locate(MaskedModelSpec(str(path)))
    weights.write_bytes(whole)
    without(path, "bert.encoder.layer.1.output")
    with pytest.raises(ModelError, match=r"lacks \d+ of the tensors that its config\.json asks for"):
        masked_loading.locate(MaskedModelSpec(str(path)))
    (path / "tokenizer.json").write_text("{")
    with pytest.raises(ModelError, match=r"tokenizer\.json is damaged"):
        masked_loading.locate(MaskedModelSpec(str(path)))
    (path / "config.json").unlink()
    with pytest.raises(ModelError, match="holds no model"):
        masked_loading.locate(MaskedModelSpec(str(path)))
    with pytest.raises(ModelError, match="no model nowhere"):
        masked_loading.locate(MaskedModelSpec("nowhere"))


def test_code_of_a_model_is_never_run(home: Path) -> None:
    path = masked_models.save("bert", home / "code")
    config = json.loads((path / "config.json").read_text())
    code = {"model_type": "own", "auto_map": {"AutoConfig": "own.Own", "AutoModelForMaskedLM": "own.Own"}}
    (path / "config.json").write_text(json.dumps(config | code))
    (path / "own.py").write_text("raise SystemExit(9)")
    with pytest.raises(ModelError, match="asks for code of its own"):
        masked_loading.locate(MaskedModelSpec(str(path)))


def test_a_pickle_is_opened_only_when_that_is_allowed(folder: Any, home: Path) -> None:
    path = masked_models.save("bert", home / "pickle")
    torch.save(load_file(path / "model.safetensors"), path / "pytorch_model.bin")
    (path / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="is a pickle"):
        masked_loading.locate(MaskedModelSpec(str(path)))
    opened, safe = (
        masked_loading.load(MaskedModelSpec(str(path), allow_pickle=True)),
        masked_loading.load(MaskedModelSpec(str(folder("bert")))),
    )
    rows = rows_of(safe, texts_with("[MASK]")[:4])
    assert np.allclose(dict(opened.logits(rows))[2], dict(safe.logits(rows))[2], rtol=0, atol=1e-5)


def test_no_room_for_a_text_is_said(folder: Any) -> None:
    with pytest.raises(RunError, match="--max-length 2 leaves no room for a text beside 2 special tokens"):
        masked_loading.load(MaskedModelSpec(str(folder("bert")), max_length=2))


def test_a_gpu_that_is_not_there_is_said(folder: Any) -> None:
    with pytest.raises(RunError, match="--engine onnx computes on the processor"):
        masked_loading.locate(MaskedModelSpec(str(folder("bert")), engine="onnx", device="cuda"))
    if not torch.cuda.is_available():
        with pytest.raises(RunError, match="torch finds no cuda device here"):
            masked_loading.locate(MaskedModelSpec(str(folder("bert")), device="cuda"))


def test_a_model_of_the_hub_is_fetched_once_and_works_offline(
    folder: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(os.environ):
        if name.startswith("HF_") or name == "TRANSFORMERS_OFFLINE" or name.upper().endswith("_PROXY"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    files = {path.name: path.read_bytes() for path in folder("bert").iterdir()}
    with HubServer() as server:
        server.add("org/bert", {**files, "pytorch_model.bin": b"pickle"})
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setattr(constants, "ENDPOINT", server.url)  # the library reads the variable when it is imported
        notes: list[str] = []
        model = masked_loading.load(MaskedModelSpec("org/bert"), note=notes.append)
        assert notes[0] == "fetching org/bert"
        assert model.name == "org/bert"
        assert not any("pytorch_model.bin" in path for path in server.paths())
        server.forget()
        masked_loading.load(MaskedModelSpec("org/bert", offline=True))
        assert server.paths() == []
    # transformers alone, unlike sentence-transformers, does not mark that there is no modules.json
    (marker,) = (tmp_path / "home").rglob(".no_exist/*/modules.json")
    marker.unlink()
    rows = rows_of(model, texts_with("[MASK]"))
    again = dict(masked_loading.load(MaskedModelSpec("org/bert", offline=True)).logits(rows))
    assert all(np.array_equal(logits, again[number]) for number, logits in model.logits(rows))
    with pytest.raises(ModelError, match="nothing may be fetched offline"):
        masked_loading.locate(MaskedModelSpec("org/other", offline=True))


def test_models_that_are_here_are_shown_with_their_task(folder: Any) -> None:
    for kind, task in (("bert", "fill-mask"), ("roberta", "fill-mask")):
        shown = inventory.details(inventory.find(str(folder(kind))))
        assert (shown["task"], shown["offline"], shown["architecture"]) == (task, True, kind)
    encoder = locate.packaged(catalog.KNOWN["all-MiniLM-L6-v2"])
    assert inventory.find(str(encoder)).task() == "embed"


def test_a_built_in_model_needs_neither_torch_nor_a_cache(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import onnx_graph

    path = home / "built-in"
    own = masked_models.tokenizer("bert-japanese", path)
    network = masked_models.network("bert-japanese", len(own), own.pad_token_id).half()
    network.save_pretrained(path)
    own.save_pretrained(path)
    known = replace(
        catalog.KNOWN["sbert-mini-ja-en"], name="bert-test", task="fill-mask", weights=str(path), graph=str(path)
    )
    onnx_graph.make(known)
    assert (path / "model.onnx").stat().st_size < 60_000
    monkeypatch.setitem(catalog.KNOWN, "bert-test", known)  # type: ignore[misc]
    model = masked_loading.load(MaskedModelSpec("bert-test"), head="nsp")
    network = network.float()
    items = texts_with("[MASK]")
    rows = rows_of(model, items)
    found, scores = dict(model.logits(rows)), np.exp(log_softmax(model.next_sentence(rows)))
    own = transformers.AutoTokenizer.from_pretrained(str(path))  # tokenizer.json beside it does not change it
    for number, item in enumerate(items):
        assert rows[number].ids == own(*item)["input_ids"]
        expected, said = plainly(network, own, item)
        assert np.allclose(np.exp(log_softmax(found[number])), expected, rtol=0, atol=CLOSE)
        assert np.allclose(scores[number], said.seq_relationship_logits.softmax(-1)[0], rtol=0, atol=CLOSE)
    code = f"""
import sys
from dataclasses import replace
from nlptool import catalog
catalog.KNOWN["bert-test"] = replace(
    catalog.KNOWN["sbert-mini-ja-en"], task="fill-mask", weights={str(path)!r}, graph={str(path)!r}
)
from nlptool.models.masked import loading
from nlptool.specs import MaskedModelSpec
model = loading.load(MaskedModelSpec("bert-test", offline=True))
(cut,) = model.texts.tokenize(["[MASK]が好き"])
print(dict(model.logits([model.texts.model_input(cut.ids, positions=[0])]))[0].shape[0])
print(*({{"torch", "transformers", "sentence_transformers", "gensim", "scipy", "onnx"}} & set(sys.modules)))
"""
    environment = os.environ | {"NLPTOOL_CACHE": "/dev/null/none"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout == "1\n\n"
