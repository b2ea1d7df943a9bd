"""Every architecture, pooling and quirk against sentence-transformers, on small models with random weights made here.

The weights are large enough for different texts to get clearly different vectors; else a wrong mask, position or pooling
would not be seen.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling, Transformer
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from nlptool.errors import ModelError
from nlptool.models.encoders import loading as encoder_loading
from nlptool.specs import EncoderSpec

DATA = Path(__file__).parent.parent / "data"
LINES = [
    *(DATA / "sentences.txt").read_text(encoding="utf-8").splitlines(),
    *(DATA / "yume_juya.txt").read_text(encoding="utf-8").splitlines(),
]
TEXTS = [
    "", "a", "猫", "A plane is taking off.", *LINES[-40:], *LINES[:18], "word " * 300, "自分は百年待っていた。" * 60,
]  # fmt: skip
WIDTH = 48
MAX_LENGTH = 40  # tokens; longer texts are cut

Modules = Callable[[], list[Any]]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NLPTOOL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Several would only wait for each other with models as small as these."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@cache
def trained(kind: str) -> str:
    """A tokenizer of one of the three kinds, trained on the test data, as JSON. The padding's id is 0, RoBERTa's 1."""
    bert = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    roberta = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    if kind == "wordpiece":
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
        trainer: Any = trainers.WordPieceTrainer(vocab_size=1500, special_tokens=bert, show_progress=False)
        start, end = "[CLS]", "[SEP]"
    elif kind == "bpe":
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(
            vocab_size=1500, special_tokens=roberta, initial_alphabet=alphabet, show_progress=False
        )
        start, end = "<s>", "</s>"
    else:
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.normalizer = normalizers.NFKC()
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        tokenizer.decoder = decoders.Metaspace()
        trainer = trainers.UnigramTrainer(
            vocab_size=1500, special_tokens=roberta, unk_token="<unk>", show_progress=False
        )
        start, end = "<s>", "</s>"
    tokenizer.train_from_iterator(LINES, trainer)
    special = [(token, tokenizer.token_to_id(token)) for token in (start, end)]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}", pair=f"{start} $A {end} $B {end}", special_tokens=special
    )
    return tokenizer.to_str()


def fast_tokenizer(kind: str, **more: Any) -> Any:
    bert = kind == "wordpiece"
    names = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]") if bert else ("<pad>", "<unk>", "<s>", "</s>", "<mask>")
    roles = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    tokenizer = Tokenizer.from_str(trained(kind))
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, **dict(zip(roles, names, strict=True)), **more
    )


def transformer_folder(path: Path, architecture: str, kind: str, tokenizer: Any = None, **more: Any) -> Path:
    """A plain model of transformers, with random weights, and its tokenizer."""
    torch.manual_seed(0)
    tokenizer = tokenizer or fast_tokenizer(kind)
    sizes = {
        "vocab_size": len(tokenizer), "hidden_size": WIDTH, "num_hidden_layers": 1, "num_attention_heads": 4,
        "intermediate_size": 64, "max_position_embeddings": 64, "initializer_range": 0.4,
        "pad_token_id": tokenizer.pad_token_id,
    } | more  # fmt: skip
    config = getattr(transformers, f"{architecture}Config")(**sizes)
    model = getattr(transformers, f"{architecture}Model")(config).eval()
    with torch.no_grad():  # biases and normalisations begin as zeros and ones, which would hide that one is lost
        for tensor in model.parameters():
            if tensor.dim() == 1:
                tensor.add_(0.2 * torch.randn_like(tensor))
    model.save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


def sentence_model(
    path: Path,
    plain: Path,
    *modules: Any,
    max_length: int = MAX_LENGTH,
    do_lower_case: bool = False,
    prompts: dict[str, str] | None = None,
) -> Path:
    """The folder of a sentence-transformers model."""
    model = SentenceTransformer(modules=[Transformer(str(plain)), *modules], device="cpu", prompts=prompts)
    model.save(str(path), create_model_card=False)  # the card would be looked up on the hub
    # as releases before 6 wrote it, and nearly all models of the hub have it
    limits = {"max_seq_length": max_length, "do_lower_case": do_lower_case}
    (path / "sentence_bert_config.json").write_text(json.dumps(limits))
    return path


def change(path: Path, **values: Any) -> None:
    about = {**json.loads(path.read_text()), **values}
    path.write_text(json.dumps({name: value for name, value in about.items() if value is not None}))


def original(folder: Path, batch_size: int = 32) -> NDArray[np.float32]:
    """The vectors of sentence-transformers, which are clearly different ones."""
    model = SentenceTransformer(str(folder), device="cpu", model_kwargs={"dtype": torch.float32})
    vectors: NDArray[np.float32] = model.encode(TEXTS, batch_size=batch_size, convert_to_numpy=True)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    assert (unit @ unit.T).min() < 0.9
    return vectors


def assert_same(got: NDArray[np.float32], expected: NDArray[np.float32]) -> None:
    assert got.shape == expected.shape
    lengths, wanted = np.linalg.norm(got, axis=1), np.linalg.norm(expected, axis=1)
    assert np.abs(lengths / wanted - 1).max() <= 1e-4
    assert (np.sum(got * expected, axis=1) / (lengths * wanted)).min() >= 0.99999


def assert_engines_agree(folder: Path, engines: Sequence[str] = ("onnx", "torch"), batch_size: int = 32) -> None:
    """Converted: alone, in small batches, in batches without padding, and all texts in one padded batch; the last in torch."""
    expected = original(folder, batch_size)
    for engine in engines:
        for budget in (1, 150, 10_000) if engine == "onnx" else (10_000,):
            ours = encoder_loading.load(EncoderSpec(str(folder), engine=engine, batch_tokens=budget, threads=1))
            assert ours.engine == engine
            assert_same(ours.encode(TEXTS).vectors, expected)
        assert_same(ours.encode([TEXTS[5]] * 3).vectors, np.stack([expected[5]] * 3))


ARCHITECTURES: dict[str, tuple[str, dict[str, Any], Modules]] = {
    "Bert": ("wordpiece", {}, lambda: [Pooling(WIDTH, "mean"), Normalize()]),
    "Roberta": ("bpe", {"type_vocab_size": 1}, lambda: [Pooling(WIDTH, "cls")]),
    "XLMRoberta": ("unigram", {"type_vocab_size": 1}, lambda: [Pooling(WIDTH, "mean"), Normalize()]),
    "Camembert": ("unigram", {"type_vocab_size": 1}, lambda: [Pooling(WIDTH, "weightedmean")]),
    "MPNet": ("bpe", {}, lambda: [Pooling(WIDTH, "max")]),
    "DistilBert": (
        "wordpiece", {"dim": WIDTH, "n_layers": 1, "n_heads": 4, "hidden_dim": 64},
        lambda: [Pooling(WIDTH, "mean"), Dense(WIDTH, 24, activation_function=torch.nn.Tanh())],
    ),
    "Albert": ("unigram", {"embedding_size": 24}, lambda: [Pooling(WIDTH, "mean_sqrt_len_tokens")]),
    "DebertaV2": (
        "unigram",
        {"relative_attention": True, "position_buckets": 16, "pos_att_type": ["p2c", "c2p"], "norm_rel_ebd": "layer_norm",
         "share_att_key": True, "position_biased_input": False},
        lambda: [Pooling(WIDTH, "lasttoken")],
    ),
    "ModernBert": (
        "bpe",  # the first layer is global, the second local
        {"num_hidden_layers": 2, "local_attention": 8, "global_attn_every_n_layers": 2},
        lambda: [Pooling(WIDTH, "mean"), Normalize()],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_an_architecture_gives_the_vectors_of_sentence_transformers(tmp_path: Path, name: str) -> None:
    kind, sizes, stack = ARCHITECTURES[name]
    plain = transformer_folder(tmp_path / "plain", name, kind, **sizes)
    assert_engines_agree(sentence_model(tmp_path / "model", plain, *stack()))


def test_the_window_of_local_attention_matters_in_these_tests(tmp_path: Path) -> None:
    kind, sizes, stack = ARCHITECTURES["ModernBert"]
    plain = transformer_folder(tmp_path / "plain", "ModernBert", kind, **sizes)
    folder = sentence_model(tmp_path / "model", plain, *stack())
    narrow = original(folder)
    change(folder / "config.json", local_attention=128)
    assert np.sum(narrow * original(folder), axis=1).min() < 0.99


def test_every_pooling_and_dense_layer_is_converted(tmp_path: Path) -> None:
    plain = transformer_folder(tmp_path / "plain", "Bert", "wordpiece")
    stack = (
        Pooling(WIDTH, ("cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")),
        Dense(6 * WIDTH, 64, activation_function=torch.nn.GELU()),
        Dense(64, 32, bias=False, activation_function=torch.nn.Identity()),
        Dense(32, 32, use_residual=True),
        Normalize(),
    )
    assert_engines_agree(sentence_model(tmp_path / "model", plain, *stack))


@pytest.mark.parametrize(("dtype", "engines"), [(torch.float16, ["torch"]), (torch.bfloat16, ["onnx", "torch"])])
def test_weights_of_16_bits_are_computed_in_float32(tmp_path: Path, dtype: torch.dtype, engines: list[str]) -> None:
    plain = transformer_folder(tmp_path / "plain", "Bert", "wordpiece")
    weights = plain / "model.safetensors"
    save_file({name: tensor.to(dtype) for name, tensor in load_file(weights).items()}, weights, {"format": "pt"})
    change(plain / "config.json", dtype=str(dtype).removeprefix("torch."))
    folder = sentence_model(tmp_path / "model", plain, Pooling(WIDTH, "mean"))
    assert {tensor.dtype for tensor in load_file(folder / "model.safetensors").values()} == {dtype}
    assert_engines_agree(folder, engines)


def test_a_tokenizer_that_pads_on_the_left_changes_nothing(tmp_path: Path) -> None:
    tokenizer = fast_tokenizer("wordpiece", padding_side="left")
    plain = transformer_folder(tmp_path / "plain", "Bert", "wordpiece", tokenizer)
    folder = sentence_model(tmp_path / "model", plain, Pooling(WIDTH, ("lasttoken", "weightedmean")))
    # sentence-transformers would give a padded text other positions, and so another vector than the text alone
    assert_engines_agree(folder, batch_size=1)


def test_lower_case_of_sentence_transformers_is_obeyed_and_leaves_special_tokens_alone(tmp_path: Path) -> None:
    plain = transformer_folder(tmp_path / "plain", "Bert", "wordpiece")
    folder = sentence_model(tmp_path / "model", plain, Pooling(WIDTH, "mean"), do_lower_case=True)
    texts = ["A Plane IS taking off.", "a plane is taking off.", "ΟΔΟΣ [MASK] İstanbul", "[mask]"]
    expected = SentenceTransformer(str(folder), device="cpu").encode(texts)
    for engine in ("onnx", "torch"):
        got = encoder_loading.load(EncoderSpec(str(folder), engine=engine)).encode(texts).vectors
        assert_same(got, expected)
        assert np.array_equal(got[0], got[1])


@pytest.mark.parametrize(
    ("name", "engines", "positions"), [("Bert", ["torch"], 64), ("Roberta", ["onnx", "torch"], 62)]
)
def test_a_text_is_cut_where_the_model_has_no_more_positions(
    tmp_path: Path, name: str, engines: list[str], positions: int
) -> None:
    """RoBERTa counts positions from behind the padding's id, so that 64 rows are 62 positions."""
    kind, sizes, stack = ARCHITECTURES[name]
    plain = transformer_folder(tmp_path / "plain", name, kind, **sizes)
    folder = sentence_model(tmp_path / "model", plain, *stack(), max_length=500)
    model = SentenceTransformer(str(folder), device="cpu")
    model.max_seq_length = positions
    expected = model.encode(TEXTS)
    for engine in engines:
        got = encoder_loading.load(EncoderSpec(str(folder), engine=engine)).encode(TEXTS)
        assert max(got.n_tokens) == positions
        assert_same(got.vectors, expected)


def test_a_folder_without_modules_is_pooled_by_the_mean_and_that_is_said(tmp_path: Path) -> None:
    folder = transformer_folder(tmp_path / "plain", "Bert", "wordpiece")
    expected = SentenceTransformer(str(folder), device="cpu").encode(TEXTS)
    for engine in ("onnx", "torch"):
        notes: list[str] = []
        got = encoder_loading.load(EncoderSpec(str(folder), engine=engine), note=notes.append).encode(TEXTS)
        assert_same(got.vectors, expected)
        assert notes[-1] == f"{folder}: the folder has no modules.json, so mean pooling is assumed"


def test_the_weights_lie_beside_the_graph_and_the_description_says_what_it_is(tmp_path: Path, own_cache: Path) -> None:
    plain = transformer_folder(tmp_path / "plain", "Bert", "wordpiece")
    folder = sentence_model(
        tmp_path / "model", plain, Pooling(WIDTH, ("lasttoken", "weightedmean")), prompts={"query": "q: ", "x": ""}
    )
    located = encoder_loading.locate(EncoderSpec(str(folder), engine="onnx"))
    assert located.about["prompts"] == {"query": "q: ", "document": "", "x": ""}
    (copy,) = own_cache.glob("encoders/*/encoder.json")
    about = json.loads(copy.read_text())
    assert about["architecture"] == "bert"
    assert about["pooling"] == ["lasttoken", "weightedmean"]
    assert about["dimension"] == 2 * WIDTH
    assert about["max_length"] == MAX_LENGTH
    assert "assumed" not in about
    assert about["files"]["model.onnx.data"] > 4 * 1500 * WIDTH > about["files"]["model.onnx"]


@pytest.fixture
def small(tmp_path: Path) -> Path:
    plain = transformer_folder(tmp_path / "plain", "Bert", "wordpiece")
    return sentence_model(tmp_path / "model", plain, Pooling(WIDTH, "mean"))


ENGINES = pytest.mark.parametrize("engine", ["auto", "torch"])


@ENGINES
@pytest.mark.parametrize(
    ("config", "named"),
    [
        ({"pooling_mode": "bogus"}, "bogus"),
        ({"pooling_mode": ["mean", "bogus"]}, "mean, bogus"),
        ({"pooling_mode": None, "pooling_mode_mean_tokens": False, "pooling_mode_cls_token": False}, "none"),
        ({"pooling_mode": None, "pooling_mode_cls_token": True, "pooling_mode_bogus": True}, "pooling_mode_bogus"),
    ],
)
def test_a_pooling_that_nobody_knows_is_refused(small: Path, engine: str, config: Any, named: str) -> None:
    change(small / "1_Pooling" / "config.json", **config)
    with pytest.raises(ModelError, match=f"a pooling that nobody knows: .*{named}$") as caught:
        encoder_loading.load(EncoderSpec(str(small), engine=engine))
    assert caught.value.hint == "there are mean, cls, max, mean_sqrt_len_tokens, weightedmean, lasttoken"


def test_the_flags_of_older_configurations_are_read(small: Path) -> None:
    change(
        small / "1_Pooling" / "config.json", pooling_mode=None, pooling_mode_cls_token=False,
        pooling_mode_mean_tokens=False, pooling_mode_max_tokens=True,
    )  # fmt: skip
    got = encoder_loading.load(EncoderSpec(str(small), engine="torch")).encode(TEXTS).vectors
    assert_same(got, original(small))


@ENGINES
def test_a_tokenizer_of_another_model_is_refused(small: Path, engine: str) -> None:
    about = json.loads((small / "tokenizer.json").read_text(encoding="utf-8"))
    about["model"]["vocab"] |= {"another": 1500, "##two": 1501}
    (small / "tokenizer.json").write_text(json.dumps(about), encoding="utf-8")
    with pytest.raises(
        ModelError, match=r"the tokenizer of .* does not belong to this model: .* 1,501, .* 1,500 embeddings"
    ):
        encoder_loading.load(EncoderSpec(str(small), engine=engine))


@ENGINES
@pytest.mark.parametrize("plain", [False, True])
def test_a_model_that_asks_for_code_of_its_own_is_refused_and_its_code_not_run(
    tmp_path: Path, small: Path, engine: str, plain: bool
) -> None:
    (small / "modeling_own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Own: pass\n")
    auto_map = {"AutoConfig": "modeling_own.Own", "AutoModel": "modeling_own.Own"}
    change(small / "config.json", model_type="own", auto_map=auto_map)
    if plain:
        (small / "modules.json").unlink()
    with pytest.raises(ModelError, match=r"asks for code of its own .* which nlptool never runs") as caught:
        encoder_loading.load(EncoderSpec(str(small), engine=engine))
    assert caught.value.exit_code == 4
    assert not (tmp_path / "ran").exists()


def test_code_beside_an_architecture_that_transformers_has_is_left_alone(tmp_path: Path, small: Path) -> None:
    expected = original(small)
    (small / "modeling_own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Own: pass\n")
    change(small / "config.json", auto_map={"AutoConfig": "modeling_own.Own", "AutoModel": "modeling_own.Own"})
    assert_same(encoder_loading.load(EncoderSpec(str(small), engine="torch")).encode(TEXTS).vectors, expected)
    assert not (tmp_path / "ran").exists()


@ENGINES
def test_texts_are_cut_at_the_side_that_the_tokenizer_says(tmp_path: Path, engine: str) -> None:
    tokenizer = fast_tokenizer("wordpiece", truncation_side="left")
    plain = transformer_folder(tmp_path / "plain", "Bert", "wordpiece", tokenizer)
    folder = sentence_model(tmp_path / "model", plain, Pooling(WIDTH, "mean"))
    ours = encoder_loading.load(EncoderSpec(str(folder), engine=engine))
    assert ours.engine == "torch"
    assert_same(ours.encode(TEXTS).vectors, original(folder))


def test_a_tokenizer_without_special_tokens_gives_an_empty_text_no_tokens(tmp_path: Path) -> None:
    tokenizer = fast_tokenizer("wordpiece")
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="$A", pair="$A $B", special_tokens=[]
    )
    plain = transformer_folder(tmp_path / "plain", "Bert", "wordpiece", tokenizer)
    folder = sentence_model(tmp_path / "model", plain, Pooling(WIDTH, "mean"))
    expected = SentenceTransformer(str(folder), device="cpu").encode(TEXTS)  # "" alone makes it fail
    for engine in ("onnx", "torch"):
        got = encoder_loading.load(EncoderSpec(str(folder), engine=engine)).encode(TEXTS)
        assert got.n_tokens[:2] == [0, 1]
        assert not got.vectors[0].any()
        assert not expected[0].any()
        assert_same(got.vectors[1:], expected[1:])


@ENGINES
def test_weights_that_lack_tensors_are_refused_instead_of_filled_with_random_numbers(small: Path, engine: str) -> None:
    weights = small / "model.safetensors"
    tensors = load_file(weights)
    kept = {name: tensor for name, tensor in tensors.items() if "layer.0.attention" not in name}
    save_file(kept, weights, {"format": "pt"})
    with pytest.raises(ModelError, match=r"lacks 10 of the tensors .*: encoder.layer.0.attention"):
        encoder_loading.load(EncoderSpec(str(small), engine=engine))


def test_a_pooler_that_is_not_used_may_be_absent(small: Path) -> None:
    expected = original(small)
    weights = small / "model.safetensors"
    tensors = load_file(weights)
    kept = {name: tensor for name, tensor in tensors.items() if "pooler" not in name}
    assert len(tensors) - len(kept) == 2
    save_file(kept, weights, {"format": "pt"})
    assert_same(encoder_loading.load(EncoderSpec(str(small), engine="torch")).encode(TEXTS).vectors, expected)


@ENGINES
@pytest.mark.parametrize(
    ("file", "values", "reason"),
    [
        ("sentence_bert_config.json", {"max_seq_length": -5}, r"gives -5 as the number of tokens"),
        ("sentence_bert_config.json", {"max_seq_length": "abc"}, r"gives 'abc' as the number of tokens"),
        ("1_Pooling/config.json", {"pooling_mode": 7}, r"a pooling that nobody knows: 7$"),
        ("1_Pooling/config.json", {"embedding_dimension": 999}, r"48 dimensions, and its pooling takes 999$"),
        ("config.json", {"vocab_size": 10}, r"config.json does not belong to its weights: it says vocab_size 10"),
        ("config.json", {"intermediate_size": 10}, r"its weights do not fit its config.json$"),
        ("config.json", {"model_type": ["bert"], "auto_map": {"AutoModel": "x.X"}}, r"asks for code of its own"),
        ("config.json", {"model_type": "nobody's"}, r"cannot be loaded: .*nobody's"),
    ],
)
def test_a_configuration_of_nonsense_is_refused_with_a_reason(
    small: Path, engine: str, file: str, values: dict[str, Any], reason: str
) -> None:
    change(small / file, **values)
    with pytest.raises(ModelError, match=reason):
        encoder_loading.load(EncoderSpec(str(small), engine=engine))
