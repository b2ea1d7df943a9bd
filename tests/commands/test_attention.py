"""``nlptool attention``: the weights of transformers run plainly, which of them are shown, pictures, and bad input."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import masked_models
import numpy as np
import pytest
import torch
import transformers
from pictures import greys, images, named, ticks
from program import Invoke
from random_berts import random_bert

from nlptool import catalog
from nlptool.errors import ModelError
from nlptool.models.masked import attention as attentions
from nlptool.models.store import locate
from nlptool.specs import AttentionSpec
from nlptool.tasks.attention import Selection

ENGLISH = [
    "the man went to the store",
    "a",
    "penguins are flightless birds. they cannot fly, and they swim!",
    "☃ naïve",
]
JAPANESE = ["猫が魚を食べる。", "夢を見た。", "犬"]
ARCHITECTURES = [
    "bert",
    "bert-japanese",
    "roberta",
    "distilbert",
    "albert",
    "modernbert",
    "xlm-roberta",
    "deberta",
    "electra",
]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("models")
    return {kind: masked_models.save(kind, place / kind) for kind in ARCHITECTURES}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two layers of four heads."""
    return random_bert(tmp_path_factory.mktemp("model") / "bert", "wordpiece")


def lines(texts: list[str]) -> bytes:
    return "".join(f"{text}\n" for text in texts).encode()


def answers(done: Any, code: int = 0) -> list[dict[str, Any]]:
    assert done.exit_code == code, done.stderr
    return [json.loads(line) for line in done.stdout.split("\n") if line]


def plainly(folder: Path, *texts: str) -> tuple[list[str], np.ndarray]:
    """The tokens of one text or two, and (L, H, T, T), by transformers alone."""
    about = (folder / "tokenizer_config.json").read_text()
    kind = transformers.BertJapaneseTokenizer if "BertJapanese" in about else transformers.AutoTokenizer
    tokenizer = kind.from_pretrained(str(folder))
    network = transformers.AutoModel.from_pretrained(str(folder), attn_implementation="eager").eval()
    inputs = tokenizer(
        *texts, return_tensors="pt", return_token_type_ids=getattr(network.config, "type_vocab_size", 0) > 1
    )
    with torch.no_grad():
        found = network(**inputs, output_attentions=True).attentions
    tokens: Any = tokenizer.convert_ids_to_tokens(inputs["input_ids"][0])
    return tokens, np.array([each[0].numpy() for each in found])


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_the_weights_are_those_of_transformers_run_plainly(invoke: Invoke, folders: dict[str, Path], kind: str) -> None:
    texts = JAPANESE if kind == "bert-japanese" else ENGLISH
    found = answers(invoke("attention", "--all", "-m", str(folders[kind]), stdin=lines(texts)))
    assert [record["text"] for record in found] == texts
    for record in found:
        tokens, weights = plainly(folders[kind], record["text"])
        shown = record["attention"]
        assert shown["tokens"] == tokens
        assert weights.max() > 1.5 / len(tokens)  # or even ones would look right
        np.testing.assert_allclose(shown["heads"], weights, atol=1e-5)
        np.testing.assert_allclose(shown["mean"], weights.mean((0, 1)), atol=1e-5)
        np.testing.assert_allclose(np.sum(shown["heads"], -1), 1, atol=1e-5)
        assert record["nlptool"]["attention"] == {
            "model": str(folders[kind]),
            "layers": [1, 2],
            "heads": [1, 2, 3, 4],
            "n_tokens": len(tokens),
            "n_unknown": sum(token in ("[UNK]", "<unk>") for token in tokens),
            "truncated": False,
        }


@pytest.mark.parametrize("kind", ["bert", "roberta", "modernbert"])
def test_two_texts_are_read_together(invoke: Invoke, folders: dict[str, Path], kind: str) -> None:
    stdin = b"the man went\tto the store\na [SEP] b\n"
    found = answers(invoke("attention", "--pair", "--all", "-m", str(folders[kind]), stdin=stdin))
    for record, texts in zip(found, [("the man went", "to the store"), ("a", "b")], strict=True):
        assert (record["first"], record["second"]) == texts
        tokens, weights = plainly(folders[kind], *texts)
        assert record["attention"]["tokens"] == tokens
        np.testing.assert_allclose(record["attention"]["heads"], weights, atol=1e-5)


def test_the_fields_of_a_pair_are_kept(invoke: Invoke, model: Path) -> None:
    stdin = b'{"id": 1.10, "sentence1": "the man", "sentence2": "a store"}\n'
    done = invoke("attention", "--pair", "-m", str(model), stdin=stdin)
    assert done.stdout.startswith('{"id": 1.10, "sentence1": "the man", "sentence2": "a store","attention":{"tokens":')
    tokens, weights = plainly(model, "the man", "a store")
    (record,) = answers(done)
    assert record["attention"]["tokens"] == tokens
    np.testing.assert_allclose(record["attention"]["mean"], weights.mean((0, 1)), atol=1e-5)


@pytest.mark.parametrize("kind", ["bert", "roberta", "albert", "modernbert", "deberta"])
def test_the_neighbours_of_a_text_do_not_matter(invoke: Invoke, folders: dict[str, Path], kind: str) -> None:
    where = ("attention", "--all", "-m", str(folders[kind]))
    together = answers(invoke(*where, "--batch-tokens", "10000", stdin=lines(ENGLISH)))
    alone = answers(invoke(*where, "--batch-tokens", "1", stdin=lines(ENGLISH)))
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one["attention"]["heads"], other["attention"]["heads"], atol=1e-5)
    exact = [invoke(*where, "--deterministic", stdin=lines(texts)).stdout for texts in (ENGLISH, ENGLISH[::-1])]
    assert sorted(exact[0].split("\n")) == sorted(exact[1].split("\n"))


def test_the_built_in_bert_computes_in_float32(invoke: Invoke) -> None:
    (record,) = answers(invoke("attention", "--all", stdin="猫が魚を食べる。".encode()))
    folder = locate.packaged(catalog.KNOWN[catalog.DEFAULT_BERT])
    network = transformers.AutoModel.from_pretrained(str(folder), attn_implementation="eager", dtype=torch.float32)
    shown = record["attention"]
    assert shown["tokens"] == ["[CLS]", "猫", "が", "魚", "を", "食べる", "。", "[SEP]"]
    pieces = (folder / "vocab.txt").read_text(encoding="utf-8").split("\n")
    with torch.no_grad():
        ids = torch.tensor([[pieces.index(token) for token in shown["tokens"]]])
        found = network.eval()(input_ids=ids, output_attentions=True).attentions
    np.testing.assert_allclose(shown["heads"], [each[0].numpy() for each in found], atol=1e-5)


def test_a_sentence_encoder_shows_its_attention_too(invoke: Invoke) -> None:
    for name, shape in (("sbert-mini-ja-en", (3, 4)), ("all-MiniLM-L6-v2", (6, 12))):
        (record,) = answers(invoke("attention", "--all", "-m", name, stdin=b"the cat sat\n"))
        shown = record["attention"]
        n_tokens = len(shown["tokens"])
        assert np.array(shown["heads"]).shape == (*shape, n_tokens, n_tokens)
        np.testing.assert_allclose(np.sum(shown["heads"], -1), 1, atol=1e-5)


def test_a_folder_whose_transformer_lies_deeper_is_read(invoke: Invoke, tmp_path: Path, model: Path) -> None:
    (tmp_path / "encoder").mkdir()
    modules = [{"idx": 0, "name": "0", "path": "0_Transformer", "type": "sentence_transformers.models.Transformer"}]
    (tmp_path / "encoder" / "modules.json").write_text(json.dumps(modules))
    (tmp_path / "encoder" / "0_Transformer").symlink_to(model)
    refused = invoke("attention", "-m", str(tmp_path / "encoder"), stdin=b"a\n")
    assert (refused.exit_code, "file outside" in refused.stderr) == (4, True)
    (tmp_path / "encoder" / "0_Transformer").unlink()
    (tmp_path / "encoder" / "0_Transformer").mkdir()
    for path in model.iterdir():
        (tmp_path / "encoder" / "0_Transformer" / path.name).write_bytes(path.read_bytes())
    (record,) = answers(invoke("attention", "-m", str(tmp_path / "encoder"), stdin=b"the man\n"))
    np.testing.assert_allclose(record["attention"]["mean"], plainly(model, "the man")[1].mean((0, 1)), atol=1e-5)


@pytest.mark.parametrize(
    ("options", "layers", "heads"),
    [
        (["--layer", "1"], [1], [1, 2, 3, 4]),
        (["--layer", "2", "--head", "3"], [2], [3]),
        (["--head", "2-4"], [1, 2], [2, 3, 4]),
        (["--head", "4,1", "--head", "1-2"], [1, 2], [1, 2, 4]),
    ],
)
def test_layers_and_heads_are_counted_from_1(
    invoke: Invoke, model: Path, options: list[str], layers: list[int], heads: list[int]
) -> None:
    (mean,) = answers(invoke("attention", "-m", str(model), *options, stdin=b"the man went\n"))
    (each,) = answers(invoke("attention", "-m", str(model), "--all", *options, stdin=b"the man went\n"))
    _, weights = plainly(model, "the man went")
    expected = weights[np.ix_([layer - 1 for layer in layers], [head - 1 for head in heads])]
    np.testing.assert_allclose(mean["attention"]["mean"], expected.mean((0, 1)), atol=1e-5)
    assert set(mean["attention"]) == {"tokens", "mean"}
    np.testing.assert_allclose(each["attention"]["heads"], expected, atol=1e-5)
    entry = each["nlptool"]["attention"]
    assert (entry["layers"], entry["heads"]) == (layers, heads)


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        ("--layer", "3", "has no such layer, its layers are 1 to 2"),
        ("--head", "2-9999", "has no such head, its heads are 1 to 4"),
        ("--layer", "0", "'0' is neither a number from 1 nor a range: 3, 1-4 or 1,3"),
        ("--layer", "-1", "neither a number"),
        ("--layer", "2-1", "neither a number"),
        ("--head", "1,,2", "neither a number"),
        ("--head", "99999999999999", "neither a number"),
        ("--head", "²", "neither a number"),
        ("--head", "", "neither a number"),
    ],
)
def test_a_layer_or_head_that_is_not_there_is_wrong_usage(
    invoke: Invoke, model: Path, option: str, value: str, reason: str
) -> None:
    done = invoke("attention", "-m", str(model), option, value, stdin=b"a\n")
    assert (done.exit_code, done.stdout) == (2, "")
    assert reason in " ".join(done.stderr.split())


def test_what_a_mean_is_of_is_said_in_words() -> None:
    said = [Selection([1, 2], [1, 2, 3]), Selection([2], [1, 2, 3]), Selection([1, 2], [3]), Selection([4], [1])]
    assert list(map(str, said)) == ["mean of 2 layers and 3 heads", "layer 2, mean of 3 heads", "head 3, mean of 2 layers",
                                    "layer 4, head 1"]  # fmt: skip


def test_the_picture_shows_the_weights_of_the_first_text(invoke: Invoke, model: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    texts = ["", "the man", "the cat sat on the mat"]
    done = invoke("attention", "-m", str(model), "--layer", "2", "--head", "1", "--plot", str(path), stdin=lines(texts))
    assert len(answers(done)) == 3
    assert f"{path} shows the first text alone" in done.stderr
    tokens, weights = plainly(model, "the man")
    np.testing.assert_allclose(greys(path), 255 * weights[1, 0], atol=1.5)
    assert sorted(named(path)) == sorted([*tokens, *tokens, "layer 2, head 1"])


def test_the_greys_of_a_mean_reach_up_to_white(invoke: Invoke, model: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    answers(invoke("attention", "-m", str(model), "--plot", str(path), stdin=b"the man\n"))
    mean = plainly(model, "the man")[1].mean((0, 1))
    np.testing.assert_allclose(greys(path), 255 * mean / mean.max(), atol=1.5)
    assert "mean of 2 layers and 4 heads" in named(path)
    assert max(ticks(path)) <= mean.max() < 2 * max(ticks(path))


def test_with_all_the_picture_has_a_matrix_for_each_layer_and_head(invoke: Invoke, model: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.svg"
    where = ("attention", "-m", str(model), "--all", "--head", "2-3", "--plot", str(path))
    answers(invoke(*where, stdin=b"the man\n"))
    tokens, weights = plainly(model, "the man")
    for number, found in enumerate(images(path)):
        layer, head = divmod(number, 2)
        np.testing.assert_allclose(found, 255 * weights[layer, head + 1], atol=1.5)
    assert len(images(path)) == 4
    assert sorted(set(named(path)) - set(tokens)) == ["head 2", "head 3", "layer 1", "layer 2"]


@pytest.mark.parametrize("suffix", [".png", ".pdf"])
def test_a_picture_can_have_other_forms(invoke: Invoke, model: Path, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    answers(invoke("attention", "-m", str(model), "--plot", str(path), stdin=b"the man\n"))
    assert path.read_bytes().startswith({".png": b"\x89PNG", ".pdf": b"%PDF"}[suffix])


def test_without_any_weights_there_is_nothing_to_draw(invoke: Invoke, model: Path, tmp_path: Path) -> None:
    done = invoke("attention", "-m", str(model), "--plot", str(tmp_path / "a.png"), stdin=b"\n")
    assert answers(done)[0]["attention"] is None
    assert "there is nothing to draw" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_picture_that_cannot_be_written_is_refused_before_the_work(invoke: Invoke, tmp_path: Path) -> None:
    for name in ("a.jpg", "no/a.png"):
        done = invoke("attention", "-m", "no-such-model", "--plot", str(tmp_path / name), stdin=b"a\n")
        assert (done.exit_code, done.stdout) == (1, "")
        assert name in done.stderr


def test_an_empty_text_has_no_attention_and_says_so(invoke: Invoke, model: Path) -> None:
    found = answers(invoke("attention", "-m", str(model), stdin="\n \u3000\n\x01\x02\nthe\n".encode()))
    assert [record["attention"] is None for record in found] == [True, True, True, False]
    reasons = [record["nlptool"]["attention"].get("reason") for record in found]
    assert reasons == ["empty text", "empty text", "no piece", None]


def test_a_pair_without_one_of_its_texts_has_no_attention(invoke: Invoke, model: Path) -> None:
    found = answers(invoke("attention", "-m", str(model), "--pair", stdin=b"a\t\n\tb\n\na\tb\n"))
    reasons = [record["nlptool"]["attention"].get("reason") for record in found]
    assert reasons == ["empty text", "empty text", "empty text", None]


def test_a_line_that_is_no_pair_fails_alone(invoke: Invoke, model: Path) -> None:
    done = invoke("attention", "-m", str(model), "--pair", stdin=b"a [SEP] b [SEP] c\nalone\na\tb\tc\n")
    found = answers(done, code=3)
    kinds = [record["nlptool"].get("error", {}).get("type") for record in found]
    assert kinds == ["NotAPair", "NotAPair", None]
    done = invoke("attention", "-m", str(model), "--pair", stdin=b'{"a": "x"}\n{"first": "a", "second": "b"}\n')
    found = answers(done, code=3)
    assert found[0]["nlptool"]["error"]["message"] == "the record has no two texts; its fields: `a`"
    assert "--first NAME and --second NAME name them" in done.stderr


def test_half_a_character_fails_alone(invoke: Invoke, model: Path) -> None:
    stdin = b'{"text": "\\ud83d"}\n{"text": "the man"}\n'
    found = answers(invoke("attention", "-m", str(model), stdin=stdin), code=3)
    assert ["error" in record["nlptool"] for record in found] == [True, False]
    stdin = b'{"first": "the man", "second": "\\ud83d"}\n{"first": "a", "second": "b"}\n'
    found = answers(invoke("attention", "--pair", "-m", str(model), stdin=stdin), code=3)
    assert ["error" in record["nlptool"] for record in found] == [True, False]


def test_a_long_text_is_cut_and_that_is_said(invoke: Invoke, model: Path) -> None:
    text = "the man went to the store " * 4000
    done = invoke("attention", "-m", str(model), stdin=lines([text, "the man"]))
    long, short = answers(done)
    assert len(text) > 100_000
    assert (long["text"], long["nlptool"]["attention"]["n_tokens"]) == (text, 64)
    assert np.array(long["attention"]["mean"]).shape == (64, 64)
    assert long["attention"]["tokens"][-2:] == ["man", "[SEP]"]  # 62 of the text
    assert [record["nlptool"]["attention"]["truncated"] for record in (long, short)] == [True, False]
    assert "texts longer than the model takes, of which it read a part: 1" in done.stderr


def test_max_length_cuts_texts_and_pairs(invoke: Invoke, model: Path) -> None:
    where = ("attention", "-m", str(model), "--max-length", "8")
    (alone,) = answers(invoke(*where, stdin=b"the man went to the store in the rain\n"))
    assert alone["attention"]["tokens"] == plainly(model, "the man went to the store")[0]
    (pair,) = answers(invoke(*where, "--pair", stdin=b"penguins the man went\tto the store\n"))
    assert len(pair["attention"]["tokens"]) == 8
    assert pair["attention"]["tokens"].index("[SEP]") == 3  # of five pieces the last two of the first text
    assert pair["nlptool"]["attention"]["truncated"]
    assert invoke(*where[:-1], "7", stdin=b"a\n").exit_code == 2


def test_unknown_pieces_are_counted(invoke: Invoke, model: Path) -> None:
    done = invoke("attention", "-m", str(model), stdin="the ☃ man ☃\nthe man\n".encode())
    assert [record["nlptool"]["attention"]["n_unknown"] for record in answers(done)] == [2, 0]
    assert "pieces that the model's vocabulary lacks ([UNK])" in done.stderr


def test_a_model_of_nan_is_said(invoke: Invoke, tmp_path: Path) -> None:
    def change(network: Any) -> None:
        with torch.no_grad():
            network.bert.encoder.layer[1].attention.self.query.weight.fill_(float("nan"))

    folder = random_bert(tmp_path / "nan", "wordpiece", change=change)
    done = invoke("attention", "-m", str(folder), "--plot", str(tmp_path / "a.png"), stdin=b"the man\n")
    (record,) = answers(done, code=3)
    assert record["nlptool"]["error"]["type"] == "NotFinite"
    assert "there is nothing to draw" in done.stderr
    (record,) = answers(invoke("attention", "-m", str(folder), "--layer", "1", stdin=b"the man\n"))
    np.testing.assert_allclose(np.sum(record["attention"]["mean"], -1), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "reason", "hint"),
    [
        (
            "static-ja-en",
            "has no attention: its first part is a StaticEmbedding",
            "nlptool models list --task fill-mask",
        ),
        (
            "aozora-100d",
            "aozora-100d, a model for words, has no attention weights",
            "nlptool models list --task fill-mask",
        ),
        (
            "unidic-lite",
            "unidic-lite, a model for tokenize, has no attention weights",
            "nlptool models list --task fill-mask",
        ),
        ("bert-mini-jp", "no model bert-mini-jp", "did you mean bert-mini-ja?"),
        ("nobody/nothing-there", "is not in the local cache", "nlptool models pull nobody/nothing-there"),
    ],
)
def test_a_model_without_attention_or_that_is_not_there_is_refused(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, reason: str, hint: str
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    done = invoke("attention", "--offline", "-m", name, stdin=b"a\n")
    assert (done.exit_code, done.stdout) == (4, "")
    assert reason in done.stderr
    assert hint in done.stderr


def test_a_fourier_transform_is_no_attention(invoke: Invoke, tmp_path: Path) -> None:
    folder = masked_models.save("fnet", tmp_path / "fnet")
    done = invoke("attention", "-m", str(folder), stdin=b"a\n")
    assert (done.exit_code, done.stdout) == (4, "")
    assert "fnet" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_encoder_decoder_is_sent_to_generate(invoke: Invoke, tmp_path: Path) -> None:
    own = masked_models.tokenizer("roberta", tmp_path)
    config = transformers.BartConfig(
        vocab_size=len(own), d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16,
    )  # fmt: skip
    transformers.BartForConditionalGeneration(config).save_pretrained(tmp_path)
    own.save_pretrained(tmp_path)
    done = invoke("attention", "-m", str(tmp_path), stdin=b"a\n")
    assert (done.exit_code, done.stdout) == (4, "")
    assert f"nlptool generate --attention -m {tmp_path}" in done.stderr


def test_a_gpt_looks_at_what_stands_before_alone(invoke: Invoke, tmp_path: Path) -> None:
    own = masked_models.tokenizer("roberta", tmp_path)
    config = transformers.GPT2Config(vocab_size=len(own), n_embd=16, n_layer=2, n_head=2, n_positions=32)
    torch.manual_seed(0)
    transformers.GPT2LMHeadModel(config).save_pretrained(tmp_path)
    own.save_pretrained(tmp_path)
    for record in answers(invoke("attention", "--all", "-m", str(tmp_path), stdin=lines(ENGLISH))):
        weights = np.array(record["attention"]["heads"])
        np.testing.assert_array_equal(weights, np.tril(weights))
        np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-5)


def test_a_folder_that_lacks_tensors_or_holds_a_pickle_is_refused(invoke: Invoke, tmp_path: Path, model: Path) -> None:
    from safetensors.torch import load_file, save_file

    for path in model.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    tensors = load_file(model / "model.safetensors")
    lost = "bert.encoder.layer.1.attention.self.query.weight"
    save_file(
        {name: each for name, each in tensors.items() if name != lost}, tmp_path / "model.safetensors", {"format": "pt"}
    )
    done = invoke("attention", "-m", str(tmp_path), stdin=b"a\n")
    assert (done.exit_code, done.stdout) == (4, "")
    assert "lacks 1 of the tensors" in done.stderr
    (tmp_path / "model.safetensors").unlink()
    torch.save(tensors, tmp_path / "pytorch_model.bin")
    refused = invoke("attention", "-m", str(tmp_path), stdin=b"the man\n")
    assert refused.exit_code == 4
    assert "--allow-pickle" in refused.stderr
    (record,) = answers(invoke("attention", "--allow-pickle", "-m", str(tmp_path), stdin=b"the man\n"))
    np.testing.assert_allclose(record["attention"]["mean"], plainly(model, "the man")[1].mean((0, 1)), atol=1e-5)


def test_code_of_a_model_is_never_run(invoke: Invoke, tmp_path: Path, model: Path) -> None:
    for path in model.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    config = json.loads((model / "config.json").read_text())
    config |= {"model_type": "mine", "auto_map": {"AutoConfig": "mine.Config", "AutoModel": "mine.Model"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "mine.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    done = invoke("attention", "-m", str(tmp_path), stdin=b"a\n")
    assert done.exit_code == 4
    assert "code of its own" in done.stderr
    assert not (tmp_path / "ran").exists()


def test_pairs_have_no_one_field(invoke: Invoke, model: Path) -> None:
    done = invoke("attention", "--pair", "--field", "text", "-m", str(model), stdin=b"a\tb\n")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "--pair reads two" in " ".join(done.stderr.split())


def test_a_failed_record_passes_and_an_old_result_is_replaced(invoke: Invoke, model: Path) -> None:
    failed = '{"text":"a","nlptool":{"error":{"type":"X","message":"y","line":1,"command":"z"}}}'
    done = invoke("attention", "-m", str(model), stdin=f'{failed}\n{{"text":"the","attention":1}}\n'.encode())
    assert done.stdout.startswith(f"{failed}\n")
    assert done.stdout.count('"attention":{"tokens"') == 1
    assert "the field `attention` was there before" in done.stderr


def test_a_text_has_at_most_512_tokens_unless_more_are_asked_for(tmp_path: Path) -> None:
    folder = masked_models.save("modernbert", tmp_path / "long", max_position_embeddings=4096)
    about = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(about | {"model_max_length": 4096}))
    text = "the man went " * 1000
    for asked, expected in ((None, 512), (600, 600), (10**6, 4096)):
        opened = attentions.locate(AttentionSpec(str(folder), max_length=asked)).open()
        (reading,) = opened.read([text * 2])
        assert (len(reading.row.ids), reading.truncated) == (expected, True)


def test_weights_that_would_fill_the_memory_are_never_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = masked_models.save("modernbert", tmp_path / "long", max_position_embeddings=4096)
    monkeypatch.setattr(attentions, "_MOST_WEIGHTS", 2 * 4 * 100**2)  # of two layers of four heads
    opened = attentions.locate(AttentionSpec(str(folder), max_length=4096)).open()
    assert len(opened.read(["the man went " * 1000])[0].row.ids) == 100


def test_the_order_of_the_rows_is_said_with_their_weights(model: Path) -> None:
    opened = attentions.locate(AttentionSpec(str(model))).open()
    readings = opened.read(ENGLISH)
    found = dict(opened.weights([reading.row for reading in readings]))
    assert sorted(found) == [0, 1, 2, 3]
    for index, text in enumerate(ENGLISH):
        np.testing.assert_allclose(found[index], plainly(model, text)[1], atol=1e-5)
        assert found[index].dtype == np.float32


def test_the_word_of_a_decoder_or_of_a_damaged_model_is_a_model_error(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "nlptool-seq2seq"}')
    with pytest.raises(ModelError, match="sequence-to-sequence") as raised:
        attentions.locate(AttentionSpec(str(tmp_path))).open()
    assert "nlptool generate --attention" in raised.value.hint
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="no weights"):
        attentions.locate(AttentionSpec(str(tmp_path))).open()
