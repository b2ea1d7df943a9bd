"""The generators that are shipped: they say what their cards say they do."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import nlptool
from nlptool.models.generation import loading as generator_loading
from nlptool.models.generation.decoding import Decoding
from nlptool.models.generation.generator import Generator
from nlptool.samples import SAMPLES
from nlptool.specs import GeneratorSpec

POEMS = SAMPLES["hyakunin-isshu"].rows()
BUILT_IN = Path(nlptool.__file__).parent / "builtin"


def opened(name: str, engine: str = "auto") -> Generator:
    return generator_loading.locate(GeneratorSpec(name, threads=1, engine=engine)).open()


def said(generator: Generator, texts: list[str], decoding: Decoding) -> list[str]:
    return [outputs[0].text for outputs in generator.generate(generator.tokenize(texts), decoding)]


@pytest.mark.parametrize("beams", [1, 3, 5])
@pytest.mark.parametrize("given", ["kami", "kimariji"])
def test_all_hundred_poems_are_known_from_the_whole_verse_and_from_the_deciding_syllables(
    given: str, beams: int
) -> None:
    found = said(opened("hyakunin"), [poem[given] for poem in POEMS], Decoding(beams=beams))
    assert found == [poem["shimo"] for poem in POEMS]


@pytest.mark.parametrize("beams", [2, 4])
def test_beams_of_ctranslate2_end_with_what_transformers_rules_find(beams: int) -> None:
    """With beginnings that several poems share, where hypotheses end early and late."""
    texts = sorted({poem["kami"][:1] for poem in POEMS})
    decoding = Decoding(beams=beams)
    assert said(opened("hyakunin"), texts, decoding) == said(opened("hyakunin", "torch"), texts, decoding)


@pytest.mark.parametrize(
    ("name", "most"), [("hyakunin", 1_000_000), ("mini-en-ja", 8_000_000), ("mini-ja-en", 8_000_000)]
)
def test_they_are_as_small_as_promised(name: str, most: int) -> None:
    assert 0 < sum(path.stat().st_size for path in (BUILT_IN / name).iterdir()) <= most


@pytest.mark.parametrize("name", ["hyakunin", "mini-en-ja", "mini-ja-en"])
def test_they_run_without_torch(name: str) -> None:
    code = (
        "import sys; from nlptool.models.generation import loading\n"
        "from nlptool.specs import GeneratorSpec\n"
        "from nlptool.models.generation.decoding import Decoding\n"
        f"model = loading.locate(GeneratorSpec({name!r}, threads=1)).open()\n"
        "assert model.generate(model.tokenize(['It is cold.']), Decoding())[0][0].ids\n"
        "print(sorted({'torch', 'transformers', 'tensorflow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("name", "texts", "translations"),
    [
        (
            "mini-en-ja",
            ["I can't swim at all.", "Where is the station?", "My father is a doctor.", "I love you."],
            ["私は全然泳げない。", "駅はどこですか。", "父は医者です。", "私はあなたを愛している。"],
        ),
        (
            "mini-ja-en",
            ["私は泳げません。", "駅はどこですか。", "父は医者です。", "今何時ですか？"],
            ["I can't swim.", "Where is the station?", "My father is a doctor.", "What time is it?"],
        ),
    ],
)
def test_translators_translate(name: str, texts: list[str], translations: list[str]) -> None:
    assert said(opened(name), texts, Decoding(beams=4)) == translations


@pytest.mark.parametrize("name", ["mini-en-ja", "mini-ja-en"])
def test_translators_end_whatever_they_are_given(name: str) -> None:
    texts = ["🎉", "1234567890", "a" * 3000, "あ" * 3000, "It is cold. 寒い。", "ＡＢＣ　１２３"]
    for output in said(opened(name), texts, Decoding(beams=2, max_new_tokens=60)):
        assert "\ufffd" not in output
        assert len(output) < 1000
