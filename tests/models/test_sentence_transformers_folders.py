"""Folders of sentence-transformers, as its releases write them, against sentence-transformers itself."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from program import invoke, records
from sentence_encoders import MINILM, configure, small_model

from nlptool.errors import ModelError, RunError
from nlptool.models.encoders import loading as encoder_loading
from nlptool.models.store import inventory
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
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling, StaticEmbedding
    from tokenizers import Tokenizer

    home = tmp_path_factory.mktemp("stacks")
    table = StaticEmbedding(Tokenizer.from_file(str(MINILM / "tokenizer.json")), embedding_dim=32)
    SentenceTransformer(modules=[table, Normalize()], device="cpu").save(str(home / "table"))
    SentenceTransformer(modules=[table, Dense(32, 24)], device="cpu").save(str(home / "other"))
    small_model(home / "network", Pooling(32, "mean"))
    small_model(home / "plain", Pooling(32, "mean"), normalize=False)
    return {name: home / name for name in ("network", "plain", "table", "other")}


@pytest.fixture
def copy(stacks: dict[str, Path], tmp_path: Path) -> Callable[..., Path]:
    """``copy(name, **values)``: one of the stacks with values of its own in config_sentence_transformers.json."""
    return lambda name, **values: configure(shutil.copytree(stacks[name], tmp_path / name), **values)


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
