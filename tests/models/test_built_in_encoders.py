"""The encoders that are shipped: the same vectors everywhere, right after the install."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from nlptool import catalog
from nlptool.cli.main import root
from nlptool.models.encoders import loading as encoder_loading
from nlptool.models.store import locate
from nlptool.specs import EncoderSpec
from nlptool.storage import digest

SENTENCES = Path(__file__).parent.parent / "data" / "sentences.txt"
OURS = {"sbert-mini-ja-en": 15_000_000, "static-ja-en": 8_000_000}
"""And how many bytes each may have in the package."""

TEXTS = ("今日はいい天気です", "The weather is nice today.", "夕暮れのハーバーに汽船と複数の鳥が浮かんでいる")
PINNED = {
    "sbert-mini-ja-en": [
        [0.182545, 0.295477, -0.074798, 0.102437, 0.13339],
        [0.166719, 0.313555, -0.007886, 0.170708, 0.187069],
        [-0.186528, 0.330231, 0.335607, 0.13581, 0.011445],
    ],
    "static-ja-en": [
        [0.157694, 0.270504, 0.008378, 0.107854, 0.115238],
        [0.165973, 0.314145, 0.033537, 0.168365, 0.125271],
        [-0.185306, 0.301664, 0.38804, 0.187632, -0.031883],
    ],
}
"""The first five numbers of each text's vector."""


@pytest.mark.parametrize("name", OURS)
def test_the_vectors_do_not_change(name: str) -> None:
    """A change of engine, tokenizer or weights is noticed here."""
    assert np.allclose(encoder_loading.load(EncoderSpec(name)).encode(TEXTS).vectors[:, :5], PINNED[name], atol=1e-4)


@pytest.mark.parametrize("name", OURS)
def test_they_are_those_of_sentence_transformers(name: str) -> None:
    from sentence_transformers import SentenceTransformer

    texts = [
        *TEXTS,
        *SENTENCES.read_text(encoding="utf-8").split("\n")[:20],
        "長い文。" * 300,
        "(笑) ａｂｃ 123 \u3000 鷗",
    ]
    folder = locate.packaged(catalog.KNOWN[name])
    model = SentenceTransformer(str(folder), device="cpu").float()
    expected = np.stack([model.encode(text) for text in texts])
    for budget in (64, 4096):
        ours = encoder_loading.load(EncoderSpec(name, batch_tokens=budget)).encode(texts).vectors
        assert np.sum(ours * expected, axis=1).min() >= 0.99999


@pytest.mark.parametrize("name", OURS)
def test_they_are_as_small_as_promised_and_what_the_catalogue_says(name: str) -> None:
    known = catalog.KNOWN[name]
    folder = locate.packaged(known)
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    assert sum(sizes) <= OURS[name]
    assert known.size == sum(path.stat().st_size for path in folder.rglob("*.safetensors"))
    assert digest.sha256(folder / "model.safetensors") == known.sha256
    assert json.loads((folder / "distil.json").read_text())["n_parameters"] == known.parameters
    assert encoder_loading.load(EncoderSpec(name)).dimension == known.dimension


@pytest.mark.parametrize("name", OURS)
def test_the_first_run_imports_no_torch_and_writes_no_cache(name: str, tmp_path: Path) -> None:
    script = (
        "import sys; from nlptool.models.encoders import loading; from nlptool.specs import EncoderSpec;"
        "loading.load(EncoderSpec(sys.argv[1])).encode(['今日はいい天気です']);"
        "print(sorted({'torch', 'transformers', 'sentence_transformers', 'scipy', 'gensim'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, name],
        capture_output=True, text=True, timeout=120, check=True,
        env={"HOME": str(tmp_path), "NLPTOOL_CACHE": str(tmp_path / "cache"), "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    assert done.stdout == "[]\n"
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize("name", OURS)
def test_translations_and_paraphrases_are_nearest(name: str) -> None:
    pairs = (
        ("A man is playing the guitar.", "男の人がギターを弾いている。"),
        ("The stock market fell sharply.", "株価が急落した。"),
        ("Two dogs are running on the beach.", "犬が二匹、浜辺を走っている。"),
        ("I would like to order a cup of coffee.", "コーヒーを一杯注文したいのですが。"),
        ("It has been raining since this morning.", "今朝からずっと雨が降っています。"),
    )
    ours = encoder_loading.load(EncoderSpec(name))
    english, japanese = (ours.encode(list(side)).vectors for side in zip(*pairs, strict=True))
    assert (english @ japanese.T).argmax(axis=1).tolist() == list(range(len(pairs)))
    first, second, other = ours.encode(
        ["猫が窓辺で眠っている。", "窓のそばでネコが寝ています。", "株価が急に下がった。"]
    ).vectors
    assert first @ second > 0.5 > first @ other + 0.2


@pytest.mark.parametrize("name", OURS)
def test_nothing_is_unknown(name: str) -> None:
    """What no piece spells is spelled in bytes."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(locate.packaged(catalog.KNOWN[name]) / "tokenizer.json"))
    for text in ("鷗外と𠮷野家", "🍣 sushi", "Привет", "naïve café", "한국어", "ﾊﾝｶｸ"):
        assert "[UNK]" not in tokenizer.encode(text).tokens


def test_the_default_of_embed_knows_both_languages() -> None:
    done = CliRunner().invoke(root, ["embed", "-q"], input="猫が好きです。\nI like cats.\n株価が下がった。\n")
    cat, english, stocks = (np.array(json.loads(line)["embedding"]) for line in done.stdout.split("\n")[:-1])
    assert cat @ english > cat @ stocks + 0.3


@pytest.mark.parametrize("name", OURS)
def test_a_shipped_card_says_what_it_learned_from(name: str) -> None:
    card = (locate.packaged(catalog.KNOWN[name]) / "README.md").read_text(encoding="utf-8")
    for word in (
        "small_parallel_enja",
        "Aozora",
        "WikiSplit",
        "JSTS",
        "distil.py",
        "encoders.py scores",
        "CC-BY-SA-4.0",
    ):
        assert word in card
