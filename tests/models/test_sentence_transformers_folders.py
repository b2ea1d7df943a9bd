"""Folders of sentence-transformers, as its releases write them, against sentence-transformers itself."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from program import invoke, records
from sentence_encoders import MINILM, N_PIECES, configure, save, small_model, write_tokenizer

from nlptool.errors import ModelError, RunError
from nlptool.models.encoders import loading as encoder_loading
from nlptool.models.encoders import sentence_transformer
from nlptool.models.store import inventory, model2vec_folder, model_folder, sentence_transformers_config
from nlptool.specs import EncoderSpec

TEXTS = ["the cat runs fast.", "New York is a City", "Cat dog", "猫 が好き", "zzz", "dog, plane! fast?", "cat " * 90]
CLOSE = 1e-5


@pytest.fixture(scope="module", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What is converted once serves all tests of this file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NLPTOOL_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def theirs(folder: Path, texts: list[str] = TEXTS, **arguments: Any) -> NDArray[np.float32]:
    """The vectors of sentence-transformers, one by one: some parts see the padding of a batch."""
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(folder), device="cpu").encode(texts, batch_size=1, **arguments)


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A network, the same without the last normalisation, a table of token vectors, and parts that torch alone runs."""
    from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling, StaticEmbedding
    from tokenizers import Tokenizer

    home = tmp_path_factory.mktemp("stacks")
    table = StaticEmbedding(Tokenizer.from_file(str(MINILM / "tokenizer.json")), embedding_dim=32)
    save(home / "table", [table, Normalize()])
    save(home / "other", [table, Dense(32, 24)])
    small_model(home / "network", Pooling(32, "mean"))
    small_model(home / "plain", Pooling(32, "mean"), normalize=False)
    return {name: home / name for name in ("network", "plain", "table", "other")}


@pytest.fixture
def copy(stacks: dict[str, Path], tmp_path: Path) -> Callable[..., Path]:
    """``copy(name, **values)``: one of the stacks with values of its own in config_sentence_transformers.json."""
    return lambda name, **values: configure(shutil.copytree(stacks[name], tmp_path / name), **values)


VOCABULARY = ["PADDING_TOKEN", "cat", "dog", "Cat", "plane", "new_york", "runs", "fast", "猫", "the", "New", "York"]
KNOWN = ["the cat runs fast.", "New York Cat", "猫 cat dog!", "dog, plane. fast", "cat " * 40, "unknown: cat"]
"""Texts of each of which some word is known."""


def words(kind: str = "WhitespaceTokenizer", *, dimension: int = 12, **settings: Any) -> Any:
    from sentence_transformers.sentence_transformer.modules import WordEmbeddings, tokenizer

    vectors = np.random.default_rng(0).standard_normal((len(VOCABULARY), dimension)).astype(np.float32)
    cut = getattr(tokenizer, kind)(VOCABULARY, **{"stop_words": ("the",), **settings})
    return WordEmbeddings(cut, vectors)


def pieces() -> Any:
    """Word embeddings of the pieces of MiniLM."""
    from sentence_transformers.sentence_transformer.modules import WordEmbeddings
    from transformers import AutoTokenizer

    vectors = np.random.default_rng(1).standard_normal((30522, 8)).astype(np.float32)
    return WordEmbeddings(AutoTokenizer.from_pretrained(str(MINILM)), vectors)


def table(dimension: int = 32) -> Any:
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer

    return StaticEmbedding(Tokenizer.from_file(str(MINILM / "tokenizer.json")), embedding_dim=dimension)


def network(folder: Path, **settings: Any) -> Any:
    from sentence_transformers.sentence_transformer.modules import Transformer

    return Transformer(str(folder), max_seq_length=32, **settings)


def stack(name: str, plain: Path) -> list[Any]:
    """The parts of a model, the same every time; ``plain`` is the folder of a BERT of 32 dimensions."""
    from sentence_transformers.sentence_transformer import modules as m

    torch.manual_seed(0)
    many = ["max", "mean", "lasttoken", "weightedmean", "mean_sqrt_len_tokens"]
    made: dict[str, Callable[[], list[Any]]] = {
        "words counted": lambda: [m.BoW(VOCABULARY, {"cat": 2.5, "DOG": 0.1}, unknown_word_weight=0.5)],
        "words counted once": lambda: [m.BoW(VOCABULARY, cumulative_term_frequency=False), m.Normalize()],
        "words counted, dense": lambda: [m.BoW(VOCABULARY), m.Dense(len(VOCABULARY), 6), m.LayerNorm(6)],
        "words": lambda: [words(), m.Pooling(12, "mean")],
        "words, lower case": lambda: [words(do_lower_case=True), m.Pooling(12, "mean"), m.Normalize()],
        "words, stop words": lambda: [words(stop_words=("cat", "New")), m.Pooling(12, "mean_sqrt_len_tokens")],
        "words, many poolings": lambda: [words(), m.Pooling(12, many)],
        "words, weights": lambda: [words(), m.WordWeights(VOCABULARY, {"cat": 3.0, "dog": 0.1}), m.Pooling(12, "mean")],
        "words, LSTM": lambda: [words(), m.LSTM(12, 7, bidirectional=True), m.Pooling(14, "mean")],
        "words, CNN": lambda: [words(), m.CNN(12, 8, [1, 3, 5]), m.Pooling(24, "max")],
        "words, CNN of even sizes": lambda: [words(), m.CNN(12, 8, [2, 4], [1, 1]), m.Pooling(16, "mean")],
        "words, layers behind": lambda: [
            words(), m.Pooling(12, "mean"), m.LayerNorm(12), m.Dropout(0.3), m.Dense(12, 5), m.Normalize()
        ],
        "phrases": lambda: [words("PhraseTokenizer"), m.Pooling(12, "mean")],
        "pieces": lambda: [pieces(), m.Pooling(8, "mean")],
        "table, dense": lambda: [table(), m.Dense(32, 8), m.Normalize()],
        "network, layers behind": lambda: [
            network(plain), m.Pooling(32, "cls"), m.LayerNorm(32), m.Dropout(0.5), m.Dense(32, 16), m.Normalize()
        ],
        "network, tokens normalised": lambda: [
            network(plain), m.Normalize(module_input_name="token_embeddings"), m.Pooling(32, "mean")
        ],
        "network, dense tokens": lambda: [
            network(plain), m.Dense(32, 16, module_input_name="token_embeddings"), m.Pooling(16, "mean")
        ],
        "network, prompt left out": lambda: [network(plain), m.Pooling(32, "mean", include_prompt=False)],
        "network, all layers": lambda: [
            network(plain, config_kwargs={"output_hidden_states": True}),
            m.WeightedLayerPooling(32, num_hidden_layers=1, layer_start=0), m.Pooling(32, "mean"),
        ],
        "routes": lambda: [
            m.Router.for_query_document(query_modules=[table()], document_modules=[network(plain), m.Pooling(32, "mean")]),
            m.Normalize(),
        ],
    }  # fmt: skip
    return made[name]()


IN_ONNX = ("network, layers behind",)
STACKS = [
    "words counted", "words counted once", "words counted, dense", "words", "words, lower case", "words, stop words",
    "words, many poolings", "words, weights", "words, LSTM", "words, CNN", "words, CNN of even sizes",
    "words, layers behind", "phrases", "pieces", "table, dense", "network, layers behind", "network, tokens normalised",
    "network, dense tokens", "network, prompt left out", "network, all layers", "routes",
]  # fmt: skip


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of transformers."""
    from sentence_transformers.sentence_transformer.modules import Pooling

    home = tmp_path_factory.mktemp("plain")
    small_model(home / "bert", Pooling(32, "mean"))
    return home / "bert-plain"


@pytest.mark.parametrize("name", STACKS)
def test_any_stack_gives_the_vectors_of_sentence_transformers_with_any_option(
    plain: Path, tmp_path: Path, name: str
) -> None:
    from sentence_transformers import SentenceTransformer

    folder = tmp_path / "model"
    save(folder, stack(name, plain))
    theirs = SentenceTransformer(str(folder), device="cpu")
    is_unit = type(theirs[-1]).__name__ == "Normalize"
    size = theirs.encode(KNOWN[:1]).shape[1]
    for arguments, expected in (
        ({}, {}),
        ({"engine": "torch"}, {}),
        ({"batch_tokens": 1000, "threads": 1}, {}),
        ({"deterministic": True}, {}),
        ({"normalize": True}, {"normalize_embeddings": True}),
        ({"dim": 3}, {"truncate_dim": 3, "normalize_embeddings": is_unit}),
        ({"dim": size}, {}),
        ({"prompt": "dog cat "}, {"prompt": "dog cat "}),
        ({"role": "query"}, {"task": "query"} if name == "routes" else {}),
        ({"role": "document"}, {"task": "document"} if name == "routes" else {}),
    ):
        ours = encoder_loading.load(EncoderSpec(str(folder), **arguments))  # type: ignore[arg-type]
        texts = KNOWN[:-1] if name == "words, CNN of even sizes" else KNOWN  # which needs two words
        found = ours.encode(texts)
        wanted = theirs.encode(texts, batch_size=1, **expected)
        assert found.vectors.shape == wanted.shape
        assert np.abs(found.vectors - wanted).max() < CLOSE, arguments
        assert ours.dimension == wanted.shape[1]
        if not arguments:
            assert ours.engine == ("onnx" if name in IN_ONNX else "torch")


@pytest.mark.parametrize("name", ["words", "words, LSTM", "phrases", "pieces", "table, dense", "network, dense tokens"])
def test_any_stack_takes_a_limit_and_says_what_it_truncates(plain: Path, tmp_path: Path, name: str) -> None:
    from sentence_transformers import SentenceTransformer

    folder = tmp_path / "model"
    save(folder, stack(name, plain))
    theirs = SentenceTransformer(str(folder), device="cpu")
    if name == "table, dense":
        theirs[0].tokenizer.enable_truncation(3)
    else:
        theirs.max_seq_length = 3
    found = encoder_loading.load(EncoderSpec(str(folder), max_length=3)).encode(KNOWN)
    whole = encoder_loading.load(EncoderSpec(str(folder))).encode(KNOWN)
    assert np.abs(found.vectors - theirs.encode(KNOWN, batch_size=1)).max() < CLOSE
    assert found.n_tokens == [min(3, n) for n in whole.n_tokens]
    assert found.truncated == [n > 3 for n in whole.n_tokens]
    assert whole.truncated[KNOWN.index("cat " * 40)] == (name == "network, dense tokens")


def test_words_that_a_model_does_not_know_are_said_and_a_text_of_them_has_no_vector(tmp_path: Path) -> None:
    from sentence_transformers.sentence_transformer.modules import BoW, Dense, Pooling

    lines = "the cat (sat) on\nzzz -\nthe\n"
    for name, parts in (("mean", [words(), Pooling(12, "max")]), ("count", [BoW(VOCABULARY), Dense(12, 4)])):
        folder = tmp_path / name
        save(folder, parts)
        done = invoke("embed", "-m", str(folder), stdin=lines)
        said = [record["nlptool"]["embed"] for record in records(done)]
        assert [entry.get("n_unknown") for entry in said] == [2, 1, None]
        assert said[1]["reason"] == "no known word"
        assert "words that the model does not know, left out of the mean: 3" in done.stderr
    assert "reason" in said[1]
    done = invoke("embed", "-m", str(folder), "--max-length", "2", stdin="cat\n")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "counts all words of a text" in done.stderr


def test_routes_are_chosen_or_asked_for(plain: Path, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Router

    routes = {"query": [table()], "document": [network(plain), Pooling(32, "mean")]}
    folder = tmp_path / "model"
    parts = [Router(routes, allow_empty_key=False), Normalize()]
    save(folder, parts)
    theirs = SentenceTransformer(str(folder), device="cpu")
    done = invoke("embed", "-m", str(folder), stdin="cat\n")
    assert done.exit_code == 1
    assert "has parts of its own for each kind of text (document, query), and none was chosen" in done.stderr
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("the cat\na dog\n")
    (answer,) = records(invoke("search", "cat", "--corpus", str(corpus), "-m", str(folder)))
    expected = theirs.encode_query(["cat"]) @ theirs.encode_document(["the cat", "a dog"]).T
    found = {neighbor["text"]: neighbor["similarity"] for neighbor in answer["neighbors"]}
    assert [found["the cat"], found["a dog"]] == pytest.approx(expected[0], abs=CLOSE)


@pytest.mark.parametrize("model_type", ["CrossEncoder", "SparseEncoder", "MultiVectorEncoder"])
def test_models_that_give_no_vector_of_a_text_are_refused(copy: Callable[..., Path], model_type: str) -> None:
    with pytest.raises(ModelError, match=f"is a {model_type} of sentence-transformers"):
        encoder_loading.locate(EncoderSpec(str(copy("network", model_type=model_type))))


def test_a_pickle_of_any_part_is_opened_only_when_it_is_allowed(plain: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    for number, (name, part) in enumerate(
        (
            ("network, layers behind", "4_Dense"),
            ("words, LSTM", "1_LSTM"),
            ("words", "."),
            ("routes", "query_0_*"),
        )
    ):
        folder = tmp_path / str(number)
        save(folder, stack(name, plain))
        expected = theirs(folder, KNOWN)
        (weights,) = folder.glob(f"{part}/model.safetensors")
        torch.save(load_file(weights), weights.with_name("pytorch_model.bin"))
        weights.unlink()
        with pytest.raises(ModelError, match=r"pytorch_model\.bin is a pickle"):
            encoder_loading.locate(EncoderSpec(str(folder)))
        found = encoder_loading.load(EncoderSpec(str(folder), allow_pickle=True)).encode(KNOWN)
        assert np.abs(found.vectors - expected).max() < CLOSE


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"tokenizer_class": "os.path"}, r"asks for code of its own \(os.path\)"),
        ({"tokenizer_class": "sentence_transformers.util.http_get"}, "asks for code of its own"),
        ({"tokenizer_class": None}, "asks for code of its own"),
    ],
)
def test_a_tokenizer_of_words_that_is_none_is_not_imported(
    plain: Path, tmp_path: Path, values: dict[str, Any], said: str
) -> None:

    folder = tmp_path / "model"
    save(folder, stack("words", plain))
    path = folder / "wordembedding_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))
    with pytest.raises(ModelError, match=said):
        encoder_loading.load(EncoderSpec(str(folder)))


def test_phrases_need_a_package_that_is_named(plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:

    folder = tmp_path / "model"
    save(folder, stack("phrases", plain))
    monkeypatch.setattr(sentence_transformer, "find_spec", lambda name: None)
    done = invoke("embed", "-m", str(folder), stdin="cat\n")
    assert (done.exit_code, done.stdout) == (4, "")
    assert "needs the package nltk for its PhraseTokenizer" in done.stderr
    assert "pip install nltk" in done.stderr


def test_indexes_of_other_vocabularies_are_told_apart(tmp_path: Path) -> None:
    """A bag of words has no weights: its vocabulary is its identity."""
    from sentence_transformers.sentence_transformer.modules import BoW

    folder, index = tmp_path / "model", tmp_path / "index"
    save(folder, [BoW(["cat", "dog"])])
    assert invoke("index", "build", "-m", str(folder), "-o", str(index), stdin="cat\ndog\n").exit_code == 0
    assert records(invoke("search", "cat", "--corpus", str(index), "-k", "1"))[0]["neighbors"][0]["text"] == "cat"
    save(folder, [BoW(["dog", "cat"])])
    done = invoke("search", "cat", "--corpus", str(index))
    assert done.exit_code == 1
    assert "the vectors were made by another" in done.stderr


def test_a_vocabulary_with_more_words_than_vectors_is_refused(plain: Path, tmp_path: Path) -> None:

    folder = tmp_path / "model"
    save(folder, stack("words", plain))
    path = folder / "whitespacetokenizer_config.json"
    values = json.loads(path.read_text())
    path.write_text(json.dumps({**values, "vocab": [*values["vocab"], "more"]}))
    with pytest.raises(ModelError, match="13 words or pieces, and a table has 12 rows"):
        encoder_loading.load(EncoderSpec(str(folder)))


def test_parts_that_do_not_fit_together_are_refused(plain: Path, tmp_path: Path) -> None:
    from sentence_transformers.sentence_transformer.modules import LSTM, Pooling

    for name, parts in (
        ("LSTM", [network(plain), LSTM(32, 4), Pooling(8, "mean")]),
        ("cls", [words(), Pooling(12, "cls")]),
    ):
        folder = tmp_path / name
        save(folder, parts)
        with pytest.raises(ModelError, match="do not fit together"):
            encoder_loading.load(EncoderSpec(str(folder)))


@pytest.mark.parametrize("stack", ["network", "plain", "table", "other"])
def test_a_model_that_truncates_its_vectors_gives_those_of_sentence_transformers(
    copy: Callable[..., Path], stack: str
) -> None:
    folder = copy(stack, truncate_dim=16)
    expected, whole = theirs(folder), theirs(folder, truncate_dim=24)
    for engine in ("auto", "torch"):
        ours = encoder_loading.load(EncoderSpec(str(folder), engine=engine))
        found = ours.encode(TEXTS).vectors
        assert (ours.dimension, found.shape) == (16, (len(TEXTS), 16))
        assert np.abs(found - expected).max() < CLOSE
        for dim in (7, 24):  # also more than the model keeps, as with sentence-transformers' own argument
            wanted = unit(whole[:, :dim]) if stack in ("network", "table") else whole[:, :dim]
            found = encoder_loading.load(EncoderSpec(str(folder), engine=engine, dim=dim)).encode(TEXTS).vectors
            assert np.abs(found - wanted).max() < CLOSE
    with pytest.raises(RunError, match=r"has \d\d dimensions, fewer than 33"):
        encoder_loading.locate(EncoderSpec(str(folder), dim=33))


def test_truncated_vectors_are_normalised_where_that_is_asked_for(copy: Callable[..., Path]) -> None:
    folder = copy("network", truncate_dim=5)
    expected = theirs(folder)
    assert np.linalg.norm(expected, axis=1).max() < 0.99  # sentence-transformers truncates after the normalisation
    found = encoder_loading.load(EncoderSpec(str(folder), normalize=True)).encode(TEXTS).vectors
    assert np.abs(found - unit(expected)).max() < CLOSE
    raw = theirs(copy("plain"))[:, :5]
    found = encoder_loading.load(EncoderSpec(str(folder), normalize=False)).encode(TEXTS).vectors
    assert np.abs(found - raw).max() < CLOSE


def test_the_command_and_the_index_take_the_truncated_vectors(copy: Callable[..., Path], tmp_path: Path) -> None:
    folder = copy("network", truncate_dim=16)
    (record,) = records(invoke("embed", "-m", str(folder), stdin="x\n"))
    assert np.abs(np.asarray(record["embedding"]) - theirs(folder, ["x"])[0]).max() < CLOSE
    assert inventory.details(inventory.find(str(folder)))["dimension"] == 16
    index = tmp_path / "index"
    assert invoke("index", "build", "-m", str(folder), "-o", str(index), stdin="x\ny\n").exit_code == 0
    (found,) = records(invoke("search", "x", "--corpus", str(index), "-k", "1"))
    assert found["neighbors"][0]["text"] == "x"
    assert found["neighbors"][0]["similarity"] == pytest.approx(1, abs=CLOSE)


@pytest.mark.parametrize("stack", ["network", "table", "other"])
def test_a_prompt_of_nothing_is_a_prompt(copy: Callable[..., Path], stack: str) -> None:
    """Neither the absence of one, which is refused, nor the default prompt."""
    from sentence_transformers import SentenceTransformer

    own = {"query": "ask: ", "document": "", "other": "x "}
    folder = copy(stack, prompts=own, default_prompt_name="query")
    model = SentenceTransformer(str(folder), device="cpu")
    for arguments, expected in (
        ({}, model.encode(TEXTS, batch_size=1)),
        ({"role": "query"}, model.encode_query(TEXTS, batch_size=1)),
        ({"role": "document"}, model.encode_document(TEXTS, batch_size=1)),
        ({"role": "document", "role_is_optional": True}, model.encode_document(TEXTS, batch_size=1)),
        ({"prompt_name": "other"}, model.encode(TEXTS, batch_size=1, prompt_name="other")),
        ({"prompt_name": "document"}, model.encode(TEXTS, batch_size=1, prompt_name="document")),
        ({"prompt": ""}, model.encode(TEXTS, batch_size=1, prompt="")),
    ):
        found = encoder_loading.load(EncoderSpec(str(folder), **arguments)).encode(TEXTS).vectors  # type: ignore[arg-type]
        assert np.abs(found - expected).max() < CLOSE, arguments
    assert np.abs(model.encode(TEXTS) - model.encode(TEXTS, prompt="")).max() > 0.01


def test_a_prompt_is_chosen_by_its_name(copy: Callable[..., Path]) -> None:
    folder = str(copy("table", prompts={"query": "ask: ", "document": "", "sort": "s: "}, default_prompt_name=None))
    (by_name,) = records(invoke("embed", "-m", folder, "--prompt-name", "sort", stdin="x\n"))
    (by_text,) = records(invoke("embed", "-m", folder, "--prompt", "s: ", stdin="x\n"))
    assert by_name == by_text
    assert by_name["nlptool"]["embed"]["prompt"] == "s: "
    done = invoke("similarity", "-m", folder, "--prompt-name", "srot", stdin="x\ny\n")
    assert done.exit_code == 1
    assert "no prompt of the name srot, but query: 'ask: ', document: '', sort: 's: '" in done.stderr
    done = invoke("embed", "-m", folder, "--prompt-name", "sort", "--as", "query", stdin="x\n")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "--as and --prompt-name are two ways to choose the same thing" in done.stderr
    environment = {"NLPTOOL_EMBED_PROMPT": "y: "}  # what is typed comes first
    (typed,) = records(invoke("embed", "-m", folder, "--prompt-name", "sort", stdin="x\n", env=environment))
    assert typed == by_name


def test_an_index_remembers_a_prompt_of_nothing(copy: Callable[..., Path], tmp_path: Path) -> None:
    folder = str(copy("table", prompts={"query": "q: ", "document": "d: "}))
    index, corpus = tmp_path / "index", tmp_path / "corpus.txt"
    corpus.write_text("cat\n")
    assert invoke("index", "build", "-m", folder, "--prompt", "", "-o", str(index), str(corpus)).exit_code == 0
    corpus.write_text("cat\ndog\n")
    assert invoke("index", "update", str(index)).exit_code == 0
    (found,) = records(invoke("search", "dog", "--prompt", "", "--corpus", str(index), "-k", "1"))
    assert found["neighbors"][0]["similarity"] == pytest.approx(1, abs=CLOSE)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"prompts": ["x"]}, "its prompts are no texts"),
        ({"prompts": {"query": 3}}, "its prompts are no texts"),
        ({"default_prompt_name": "ask", "prompts": {"query": "q"}}, "its default prompt 'ask' is none of its prompts"),
        ({"truncate_dim": 0}, "it cuts vectors to 0 components"),
        ({"truncate_dim": "8"}, "it cuts vectors to '8' components"),
        ({"truncate_dim": True}, "it cuts vectors to True components"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(
    copy: Callable[..., Path], values: dict[str, Any], said: str
) -> None:
    for stack in ("table", "network"):
        with pytest.raises(ModelError, match=said):
            encoder_loading.locate(EncoderSpec(str(copy(stack, **values))))


WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "cat", "sat", "on", "mat", "Cat", "Dog", "a"]
POOLING_ONCE = {
    "word_embedding_dimension": 16, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True,
    "pooling_mode_max_tokens": False, "pooling_mode_mean_sqrt_len_tokens": False,
}  # fmt: skip
KEPT_ONCE = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
             "max_position_embeddings", "hidden_act", "layer_norm_eps", "type_vocab_size")  # fmt: skip


def old_folder(
    folder: Path,
    class_name: str,
    place: str,
    *,
    limits: str = "sentence_bert_config.json",
    lower: bool = True,
    **more: Any,
) -> Path:
    """A BERT as releases from 0.2 on wrote it: the weights are a pickle, and the ``config.json`` beside modules.json is not that
    of the network."""
    from transformers import BertConfig, BertModel

    torch.manual_seed(1)
    here = folder / place
    here.mkdir(parents=True)
    config = BertConfig(
        vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=40, initializer_range=0.5,
    )  # fmt: skip
    model = BertModel(config).eval()
    model.save_pretrained(here)
    if more.get("is_pickle", True):
        torch.save(model.state_dict(), here / "pytorch_model.bin")
        (here / "model.safetensors").unlink()
    if more.get("says_little"):
        said = json.loads((here / "config.json").read_text())
        (here / "config.json").write_text(json.dumps({name: said[name] for name in KEPT_ONCE}))
    (here / "vocab.txt").write_text("".join(f"{word}\n" for word in WORDS))
    (here / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": False, "max_len": 512, "init_inputs": []}))
    (here / "added_tokens.json").write_text("{}")
    (here / limits).write_text(json.dumps({"max_seq_length": 12, "do_lower_case": lower}))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(POOLING_ONCE))
    parts = [(place, class_name), ("1_Pooling", "sentence_transformers.models.Pooling")]
    (folder / "modules.json").write_text(
        json.dumps([{"idx": i, "name": str(i), "path": path, "type": kind} for i, (path, kind) in enumerate(parts)])
    )
    if place:
        (folder / "config.json").write_text(json.dumps({"__version__": "0.2.5"}))
    return folder


OLD_TEXTS = ["the cat sat", "The Cat sat on the Dog", "a", "the cat sat on the mat " * 10]
OF_TODAY = "sentence_transformers.base.modules.transformer.Transformer"


@pytest.mark.parametrize(
    ("class_name", "place", "more"),
    [
        ("sentence_transformers.models.BERT", "0_BERT", {}),
        ("sentence_transformers.models.BERT", "0_BERT", {"says_little": True}),
        ("sentence_transformers.models.BERT.BERT", "0_BERT", {"lower": False}),
        ("sentence_transformers.models.Transformer", "0_Transformer", {}),
        ("sentence_transformers.models.Transformer", "0_Transformer", {"limits": "sentence_roberta_config.json"}),
        ("sentence_transformers.models.Transformer", "", {"limits": "sentence_xlm-roberta_config.json"}),
        ("sentence_transformers.models.Transformer.Transformer", "", {"is_pickle": False, "lower": False}),
        ("sentence_transformers.sentence_transformer.modules.Transformer", "0_Transformer", {"is_pickle": False}),
        (OF_TODAY, "", {"is_pickle": False}),
    ],
)
def test_folders_of_all_releases_are_read(tmp_path: Path, class_name: str, place: str, more: dict[str, Any]) -> None:
    folder = old_folder(tmp_path / "model", class_name, place, **more)
    today = old_folder(tmp_path / "today", OF_TODAY, place, **{**more, "says_little": False})
    expected = theirs(today, OLD_TEXTS)
    for engine in ("onnx", "torch"):
        ours = encoder_loading.load(EncoderSpec(str(folder), engine=engine, allow_pickle=True))
        found = ours.encode(OLD_TEXTS)
        assert np.abs(found.vectors - expected).max() < CLOSE
        assert (found.n_tokens[-1], found.truncated) == (12, [False, False, False, True])
    if more.get("is_pickle", True):
        with pytest.raises(ModelError, match=r"pytorch_model\.bin is a pickle"):
            encoder_loading.locate(EncoderSpec(str(folder)))


def test_the_words_of_a_japanese_model_are_found_in_its_folder(tmp_path: Path) -> None:
    """BertJapaneseTokenizer cuts words with MeCab before it looks for pieces; its settings lie in ``0_Transformer``."""
    from transformers import BertJapaneseTokenizer

    folder = old_folder(
        tmp_path / "model", "sentence_transformers.models.Transformer", "0_Transformer", is_pickle=False, lower=False
    )
    here = folder / "0_Transformer"
    pieces = [*WORDS[:5], "猫", "が", "好き", "犬", "##が", "走る", "。", "鳥"]
    (here / "vocab.txt").write_text("".join(f"{piece}\n" for piece in pieces))
    settings = {"word_tokenizer_type": "mecab", "mecab_kwargs": {"mecab_dic": "unidic_lite"}}
    BertJapaneseTokenizer(str(here / "vocab.txt"), **settings).save_pretrained(here)
    texts = ["猫が好き。", "犬が走る。"]
    expected = theirs(folder, texts)
    for engine in ("onnx", "torch"):
        found = encoder_loading.load(EncoderSpec(str(folder), engine=engine)).encode(texts)
        assert np.abs(found.vectors - expected).max() < CLOSE
        assert found.n_tokens == [6, 6]


@pytest.mark.parametrize("kind", ["encoder", "decoder"])
def test_a_folder_of_transformers_alone_gets_a_pooling_and_that_is_said(plain: Path, tmp_path: Path, kind: str) -> None:
    folder = plain
    if kind == "decoder":  # whose last token has seen the others
        from transformers import LlamaConfig, LlamaForCausalLM

        torch.manual_seed(0)
        folder = tmp_path / "decoder"
        sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
        LlamaForCausalLM(LlamaConfig(vocab_size=N_PIECES, **sizes)).save_pretrained(folder)
        write_tokenizer(folder)
    done = invoke("embed", "-m", str(folder), stdin="the cat\n")
    (record,) = records(done)
    pooling = "mean" if kind == "encoder" else "lasttoken"
    assert f"the folder has no modules.json, so {pooling} pooling is assumed" in done.stderr
    assert np.abs(np.asarray(record["embedding"]) - theirs(folder, ["the cat"])[0]).max() < CLOSE
    (folder / "config_sentence_transformers.json").write_text(json.dumps({"truncate_dim": 3}))  # is not read either
    assert len(theirs(folder, ["the cat"])[0]) == len(
        records(invoke("embed", "-m", str(folder), stdin="x\n"))[0]["embedding"]
    )
    (folder / "config_sentence_transformers.json").unlink()


def clip_folder(folder: Path) -> Path:
    """The text and picture encoders of CLIP, of which sentence-transformers has a part of its own."""
    from sentence_transformers.sentence_transformer.modules import CLIPModel
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPProcessor, CLIPTokenizerFast
    from transformers import CLIPModel as Network

    plain = folder.with_name(folder.name + "-plain")
    plain.mkdir()
    letters = "abcdefghijklmnopqrstuvwxyz"
    pieces = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters)]
    (plain / "vocab.json").write_text(json.dumps({piece: number for number, piece in enumerate(pieces)}))
    (plain / "merges.txt").write_text("#version: 0.2\n")
    both = {
        "hidden_size": 16,
        "intermediate_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "projection_dim": 8,
    }
    text = {"vocab_size": len(pieces), "max_position_embeddings": 20, "bos_token_id": 0, "eos_token_id": 1}
    config = CLIPConfig(
        text_config={**both, **text}, vision_config={**both, "image_size": 30, "patch_size": 15}, projection_dim=8
    )
    Network(config).save_pretrained(plain)
    tokenizer = CLIPTokenizerFast(str(plain / "vocab.json"), str(plain / "merges.txt"), model_max_length=20)
    CLIPProcessor(CLIPImageProcessor(size={"shortest_edge": 30}, crop_size=30), tokenizer).save_pretrained(plain)
    save(folder, [CLIPModel(str(plain))])
    return folder


def test_texts_are_embedded_by_clip(tmp_path: Path) -> None:
    folder = clip_folder(tmp_path / "model")
    texts = ["a cat", "b", "a dog in a house of many dogs"]
    ours = encoder_loading.load(EncoderSpec(str(folder)))
    found = ours.encode(texts)
    assert np.abs(found.vectors - theirs(folder, texts)).max() < CLOSE
    assert (ours.dimension, found.truncated) == (8, [False, False, True])


@pytest.mark.parametrize(
    "class_name", ["CLIPModel", "BERT", "WordEmbeddings", "BoW", "StaticEmbedding", "Router", "LSTM"]
)
def test_a_folder_of_another_part_than_it_says_is_refused(plain: Path, tmp_path: Path, class_name: str) -> None:

    folder = tmp_path / "model"
    save(folder, stack("words", plain))
    if class_name == "WordEmbeddings":
        folder = old_folder(tmp_path / "bert", OF_TODAY, "", is_pickle=False)
    parts = json.loads((folder / "modules.json").read_text())
    parts[0]["type"] = f"sentence_transformers.models.{class_name}"
    (folder / "modules.json").write_text(json.dumps(parts))
    done = invoke("embed", "-m", str(folder), stdin="cat\n")
    assert (done.exit_code, done.stdout) == (4, "")
    assert "internal error" not in done.stderr


def test_a_part_that_nobody_knows_is_refused(plain: Path, tmp_path: Path) -> None:

    folder = tmp_path / "model"
    save(folder, stack("words", plain))
    parts = json.loads((folder / "modules.json").read_text())
    for class_name in (
        "sentence_transformers.util.http_get",
        "sentence_transformers.models.Future",
        "sentence_transformers.",
    ):
        parts[1]["type"] = class_name
        (folder / "modules.json").write_text(json.dumps(parts))
        with pytest.raises(ModelError, match="has a part that is not known here"):
            encoder_loading.load(EncoderSpec(str(folder)))


def test_a_function_of_the_models_own_is_not_replaced_in_silence(plain: Path, tmp_path: Path) -> None:
    """sentence-transformers takes tanh for one that it may not import."""

    folder = tmp_path / "model"
    save(folder, stack("network, layers behind", plain))
    path = folder / "4_Dense" / "config.json"
    for name in ("my.own.Function", "os.path.join"):
        path.write_text(json.dumps({**json.loads(path.read_text()), "activation_function": name}))
        with pytest.raises(ModelError, match=rf"asks for code of its own \({name}\)"):
            encoder_loading.load(EncoderSpec(str(folder)))
    path.write_text(
        json.dumps({**json.loads(path.read_text()), "activation_function": "torch.nn.modules.activation.GELU"})
    )
    found = encoder_loading.load(EncoderSpec(str(folder))).encode(KNOWN)
    assert np.abs(found.vectors - theirs(folder, KNOWN)).max() < CLOSE


def test_a_limit_among_the_settings_of_the_tokenizer_counts(plain: Path, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling

    folder = tmp_path / "model"
    save(folder, [network(plain), Pooling(32, "mean")])
    path = folder / "sentence_bert_config.json"
    own = json.loads(path.read_text())
    for more, limit in (
        ({"processing_kwargs": {"text": {"max_length": 8}}}, 8),
        ({"processing_kwargs": {"text": {"max_length": 8}}, "query_length": 5}, 8),
        ({"query_length": 5}, 5),
    ):
        path.write_text(json.dumps({**own, **more}))
        model = SentenceTransformer(str(folder), device="cpu")
        found = encoder_loading.load(EncoderSpec(str(folder), role="query")).encode(KNOWN)
        assert np.abs(found.vectors - model.encode_query(KNOWN, batch_size=1)).max() < CLOSE
        assert max(found.n_tokens) == limit
        shorter = encoder_loading.load(EncoderSpec(str(folder), role="query", max_length=4)).encode(KNOWN)
        assert max(shorter.n_tokens) == 4
        model.max_seq_length = 4
        model[0].processing_kwargs, model[0].query_length = {}, None
        assert np.abs(shorter.vectors - model.encode(KNOWN, batch_size=1)).max() < CLOSE


NAMES = st.sampled_from(["type", "path", "name", "types", "structure", "prompts", "query", "document", "default_prompt_name",
                         "similarity_fn_name", "truncate_dim", "model_type", "normalize", "max_length", "tokenizer_class",
                         "activation_function", "pooling_mode"])  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 9) | st.floats(allow_nan=False) | NAMES
    | st.sampled_from(["model2vec", "SentenceTransformer", "dot", "..", "/", "sentence_transformers.models.Router", "", "."]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES | st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(own=VALUES, modules=VALUES | st.none(), inner=VALUES)
def test_whatever_the_settings_hold_they_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, own: Any, modules: Any, inner: Any
) -> None:
    folder = tmp_path_factory.mktemp("any")
    for name in ("config.json", "config_sentence_transformers.json"):
        (folder / name).write_text(json.dumps(own))
    if modules is not None:
        listed = [{"type": "sentence_transformers.models.Router", "path": "router"}, modules]
        (folder / "modules.json").write_text(json.dumps(listed if isinstance(modules, dict) else modules))
    (folder / "router").mkdir()
    for name in ("router_config.json", "config.json", "wordembedding_config.json"):
        (folder / "router" / name).write_text(json.dumps(inner))
    for read in (
        model_folder.is_model, model_folder.parts, model_folder.missing, model_folder.is_static, model2vec_folder.find,
        model_folder.weight_files, sentence_transformers_config.choices, sentence_transformers_config.settings,
        sentence_transformer._check_code,
    ):  # fmt: skip
        with contextlib.suppress(ModelError):
            read(folder)
    with pytest.raises(RunError):
        encoder_loading.locate(EncoderSpec(str(folder), offline=True))
