"""The generators that are shipped: they say what their cards say they do."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from program import Invoke

import nlptool
from nlptool.catalog import KNOWN
from nlptool.models.generation import loading as generator_loading
from nlptool.models.generation.decoding import Decoding
from nlptool.models.generation.generator import Generator
from nlptool.samples import SAMPLES
from nlptool.specs import GeneratorSpec
from nlptool.storage import digest

POEMS = SAMPLES["hyakunin-isshu"].rows()
BUILT_IN = Path(nlptool.__file__).parent / "builtin"
TEXTS = ["昔々あるところに", "吾輩は", "「お母さん、", "", "Ａ君は12月に🎉"]


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
    ("name", "most"),
    [("hyakunin", 1_000_000), ("mini-en-ja", 8_000_000), ("mini-ja-en", 8_000_000), ("aozora-gpt", 12_000_000)],
)
def test_they_are_as_small_as_promised(name: str, most: int) -> None:
    assert 0 < sum(path.stat().st_size for path in (BUILT_IN / name).iterdir()) <= most


@pytest.mark.parametrize(
    ("name", "needs"),
    [("hyakunin", "search"), ("mini-en-ja", "search"), ("mini-ja-en", "search"), ("aozora-gpt", "sampling")],
)
def test_they_run_without_torch(name: str, needs: str) -> None:
    code = (
        "import sys; from nlptool.models.generation import loading\n"
        "from nlptool.specs import GeneratorSpec\n"
        "from nlptool.models.generation.decoding import Decoding\n"
        f"model = loading.locate(GeneratorSpec({name!r}, threads=1, needs={needs!r})).open()\n"
        f"decoding = Decoding(sample={needs == 'sampling'}, max_new_tokens=5)\n"
        "assert model.generate(model.tokenize(['It is cold.']), decoding, seeds=[[1]])[0][0].ids\n"
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


YUME_JUYA = Path(__file__).parent.parent / "data" / "yume_juya.txt"
GPT = BUILT_IN / "aozora-gpt"


def test_the_catalogue_says_what_the_gpt_is() -> None:
    known = KNOWN["aozora-gpt"]
    assert known.size == (GPT / "model.safetensors").stat().st_size
    assert known.sha256 == digest.sha256(GPT / "model.safetensors")
    about = json.loads((GPT / "lm.json").read_text(encoding="utf-8"))
    assert about["n_parameters"] == known.parameters
    card = (GPT / "README.md").read_text(encoding="utf-8")
    assert f"{about['scores']['bits_per_character']:.3f} bits per character" in card


def test_the_card_shows_twenty_continuations_of_which_none_was_chosen(invoke: Invoke) -> None:
    card = (GPT / "README.md").read_text(encoding="utf-8")
    rows = [line[2:-2].split(" | ") for line in card.splitlines() if line.startswith("| ")][1:]
    assert len(rows) == 20
    beginnings = "".join(f"{begun}\n" for begun, _ in rows[:4])
    written = invoke("generate", "--seed", "7", "-f", "text", stdin=beginnings).stdout.splitlines()
    assert [text[:20] for text in written] == [text[:20] for _, text in rows[:4]]


def test_the_gpt_continues_a_text_as_transformers_does() -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer, network = AutoTokenizer.from_pretrained(GPT), AutoModelForCausalLM.from_pretrained(GPT).float()
    for text, continuation in zip(TEXTS, said(opened("aozora-gpt"), TEXTS, Decoding(max_new_tokens=30)), strict=True):
        prompt = tokenizer(text, return_tensors="pt")
        with torch.no_grad():
            ids = network.generate(
                **prompt, max_new_tokens=30, do_sample=False, temperature=None, top_p=None, repetition_penalty=1.0
            )
        assert continuation == tokenizer.decode(ids[0][prompt.input_ids.shape[1] :], skip_special_tokens=True)


def test_the_gpt_has_learned_japanese(invoke: Invoke) -> None:
    """A story costs few bits, and a sentence fewer than its words in reverse."""
    result = invoke("evaluate", "lm", "-m", "aozora-gpt", str(YUME_JUYA))
    assert json.loads(result.stdout)["bits_per_character"] < 4.6
    good, bad = "猫が魚を食べている。", "。いるて食べを魚が猫"
    scores = [
        json.loads(line) for line in invoke("score", "-m", "aozora-gpt", stdin=f"{good}\n{bad}\n").stdout.splitlines()
    ]
    assert scores[0]["log_likelihood"] > scores[1]["log_likelihood"] + 10
