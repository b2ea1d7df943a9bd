"""ARPA text: what is written, what other programs write, and what is damaged."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nlptool.errors import ModelError, RunError
from nlptool.models.language import arpa, arpa_reader
from nlptool.models.language.kneser_ney import NgramModel
from nlptool.training.language import kneser_ney

WORDS = ["^", "$", "?", "吾輩", "は", "猫", "で", "ある", "。"]
BEGIN, END, UNKNOWN = 0, 1, 2

# As SRILM writes it: blanks for tabs, no backoff where it is 1, no <unk>, -99 for what is never predicted.
OTHER = """
Some words before the model.
\\data\\
ngram 1=4
ngram 2=3
ngram 3=1

\\1-grams:
-0.60206 </s>
-99 <s> -0.30103
-0.30103\ta\t-0.60206
-0.60206\tb\t-0.90309

\\2-grams:
-0.124939\t<s> a\t-0.30103
-0.30103\tb </s>
-0.20412\ta b

\\3-grams:
-0.0579919\t<s> a b

\\end\\
"""


def text_of(model: NgramModel, words: list[str] = WORDS) -> str:
    return "".join(arpa.blocks(model, words, unknown=UNKNOWN))


def read(tmp_path: Path, text: str) -> arpa_reader.ArpaModel:
    path = tmp_path / "model.arpa"
    path.write_bytes(text.encode())
    return arpa_reader.read(path)


def trained(order: int, seed: int = 0, **options: tuple[int, ...]) -> NgramModel:
    rng = np.random.default_rng(seed)
    documents = [rng.integers(3, len(WORDS), length) for length in rng.integers(0, 12, 25)]
    return kneser_ney.estimate(documents, len(WORDS), begin=BEGIN, end=END, order=order, **options)  # type: ignore[arg-type]


class Plain:
    """A backoff model as its format is described, with a dictionary."""

    def __init__(self, text: str) -> None:
        self.ngrams: dict[tuple[str, ...], tuple[float, float]] = {}
        order = 0
        for line in text.splitlines():
            if line.endswith("-grams:"):
                order = int(line[1])
            elif order and line and not line.startswith("\\"):
                fields = line.split()
                backoff = float(fields[order + 1]) if len(fields) > order + 1 else 0.0
                self.ngrams[tuple(fields[1 : order + 1])] = float(fields[0]), backoff

    def log10(self, *words: str) -> float:
        if words in self.ngrams:
            return self.ngrams[words][0]
        return self.ngrams.get(words[:-1], (0.0, 0.0))[1] + self.log10(*words[1:])


@pytest.mark.parametrize("order", [1, 2, 3, 5])
@pytest.mark.parametrize("options", [{}, {"min_counts": (1, 1, 2)}])
def test_the_text_gives_the_same_scores_as_a_backoff_model(order: int, options: dict[str, tuple[int, ...]]) -> None:
    model = trained(order, **options)
    plain = Plain(text_of(model))
    names = ["<s>", "</s>", "<unk>", *WORDS[3:]]
    rng = np.random.default_rng(1)
    tokens = np.concatenate([[BEGIN], rng.integers(1, len(WORDS), 300)])
    expected = [
        plain.log10(*(names[token] for token in tokens[max(0, i - order + 1) : i + 1])) * np.log(10)
        for i in range(1, len(tokens))
    ]
    assert model.score(tokens)[1:] == pytest.approx(expected, abs=1e-6)


def log10(probability: float) -> float:
    return round(float(np.log10(np.float32(probability), dtype=np.float64)), 9)


def test_a_model_is_written_line_by_line() -> None:
    model = kneser_ney.estimate(
        [np.array([3, 4]), np.array([4])], 5, begin=0, end=1, order=2, discounts=[(0.5, 0.5, 0.5), (0.5, 0.5, 0.5)]
    )
    # Pairs: <s> は, <s> 猫, は 猫, 猫 </s> twice. Different words before は 1, before 猫 2, before </s> 1; what is taken
    # from them, 1.5 of 4, goes in equal parts to the four that can follow.
    assert "".join(arpa.blocks(model, ["", "", "", "は", "猫"], unknown=2)) == "\n".join(
        [
            "\\data\\", "ngram 1=5", "ngram 2=4", "",
            "\\1-grams:",
            "-99.0\t<s>\t-0.301029996",  # two pairs of two: 1 / 2
            f"{log10(0.125 + 0.09375)}\t</s>\t0.0",
            f"{log10(0.09375)}\t<unk>\t0.0",
            f"{log10(0.125 + 0.09375)}\tは\t-0.301029996",
            f"{log10(0.375 + 0.09375)}\t猫\t-0.602059991", "",
            "\\2-grams:",
            f"{log10(0.25 + 0.109375)}\t<s> は",
            f"{log10(0.25 + 0.234375)}\t<s> 猫",
            f"{log10(0.5 + 0.234375)}\tは 猫",
            f"{log10(0.75 + 0.0546875)}\t猫 </s>", "",
            "\\end\\", "",
        ]
    )  # fmt: skip


@pytest.mark.parametrize("order", [1, 2, 4])
def test_what_is_written_is_read_again(order: int, tmp_path: Path) -> None:
    model = trained(order)
    found = read(tmp_path, text_of(model))
    assert found.words == ["<s>", "</s>", "<unk>", *WORDS[3:]]
    assert (found.unknown, found.model.begin, found.model.end, found.model.discounts) == (UNKNOWN, BEGIN, END, None)
    for one, other in zip(model.levels, found.model.levels, strict=True):
        assert one.words.tolist() == other.words.tolist()
        assert one.first.tolist() == other.first.tolist()
        assert other.probabilities == pytest.approx(one.probabilities, rel=1e-7)
        assert other.backoffs == pytest.approx(one.backoffs, rel=1e-7)


@pytest.mark.parametrize("pack", [lambda data: data, gzip.compress])
def test_a_file_of_another_program(pack: object, tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(pack(OTHER.replace("\n", "\r\n").encode()))  # type: ignore[operator]
    found = arpa_reader.read(path)
    assert (found.words, found.unknown) == (["</s>", "<s>", "a", "b"], None)
    end, begin, a, b = range(4)
    assert found.model.distribution([begin, a])[[begin, end, b]] == pytest.approx([0, 0.03125, 0.875], rel=1e-5)
    scores = found.model.score(np.array([begin, a, b, end, begin, b]))
    assert np.exp(scores) == pytest.approx([1, 0.75, 0.875, 0.5, 1, 0.125], rel=1e-5)


@given(st.text())
def test_white_space_in_words_comes_back(word: str) -> None:
    assert arpa.unescaped(arpa.escaped(word)) == word
    assert b"" not in (arpa.escaped(word).encode(errors="surrogatepass") or b"x").split()
    assert len(arpa.escaped(word).encode(errors="surrogatepass").split()) == (word != "")


def test_a_model_of_characters(tmp_path: Path) -> None:
    letters = ["", "", "?", " ", "\n", "\u3000", "\\", "u", "\\u0020"]
    assert arpa.escaped(letters[-1]) == "\\u005cu0020"
    found = read(tmp_path, text_of(trained(2), letters))
    assert found.words == ["<s>", "</s>", "<unk>", *letters[3:]]
    assert "\t\\u0020 \\u000a\t" in text_of(trained(3), letters)


def test_words_that_cannot_be_told_apart_are_not_written() -> None:
    with pytest.raises(RunError, match="two tokens would be written as <s>"):
        text_of(trained(1), [*WORDS[:-1], "<s>"])
    with pytest.raises(RunError, match="token 8 has no letters"):
        text_of(trained(1), [*WORDS[:-1], ""])
    with pytest.raises(RunError, match="9 tokens, and the vocabulary 8 words"):
        text_of(trained(1), WORDS[:-1])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\\data\\", "data", r"no ARPA file: it has no line \\data"),
        ("ngram 1=4\n", "", r"model.arpa:4: the orders do not follow"),
        ("ngram 2=3\n", "", r"the orders do not follow"),
        ("ngram", "n", r"does not say how many"),
        ("ngram 2=3", "ngram 2=4", r"model.arpa:19: no 2-gram, of which the file promises 4"),
        ("ngram 2=3", "ngram 2=2", r"model.arpa:17: \\3-grams: is to stand here"),
        ("ngram 3=1", "ngram 3=9999999999", r"no 3-gram, of which the file promises 9,999,999,999"),
        ("\\1-grams:", "", r"model.arpa:9: \\1-grams: is to stand here"),
        ("\\end\\", "", r"\\end\\ is to stand here"),
        ("-0.20412", "-0.2O412", r"model.arpa:17: -0.2O412 is no number"),
        ("a b\n\n\\3", "a c\n\n\\3", r"model.arpa:17: c is no 1-gram of the file"),
        ("a b\n\n\\3", "a b c\n\n\\3", r"model.arpa:17: c is no number"),
        ("a b\n\n\\3", "a b 0 0\n\n\\3", r"model.arpa:17: no 2-gram"),
        ("a b\n\n\\3", "b </s>\n\n\\3", r"a 2-gram before this line stands there twice"),
        ("<s> a b", "a a b", r"a 3-gram before this line has a context that is no 2-gram"),
        ("\tb\t", "\ta\t", r"model.arpa:12: a stands here for the second time"),
        ("<s>", "<begin>", r"has no <s> or no </s>"),
        ("</s>", "</end>", r"has no <s> or no </s>"),
        ("-0.20412", "0.20412", r"is damaged: a probability of its 2-grams is none"),
        ("-0.20412", "nan", r"is damaged: a probability of its 2-grams is none"),
        ("-0.90309", "1e999", r"is damaged: a probability of its 1-grams is none"),
    ],
)
def test_a_damaged_text_is_refused(old: str, new: str, message: str, tmp_path: Path) -> None:
    assert old in OTHER
    with pytest.raises(ModelError, match=message):
        read(tmp_path, OTHER.replace(old, new))


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.arpa"
    with pytest.raises(ModelError, match="cannot be read"):
        arpa_reader.read(path)
    path.write_bytes(
        OTHER.encode().replace(b"\tb\t", b"\t\xff\t").replace(b"b </s>", b"\xff </s>").replace(b" b", b" \xff")
    )
    with pytest.raises(ModelError, match="not UTF-8"):
        arpa_reader.read(path)
    path.write_bytes(b"x" * (1 << 21))
    with pytest.raises(ModelError, match="a line has more than"):
        arpa_reader.read(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.integers(0, len(OTHER) - 1), st.integers(0, 9), st.binary(max_size=3))
def test_any_part_may_be_wrong(tmp_path: Path, start: int, length: int, new: bytes) -> None:
    path = tmp_path / "model"
    data = OTHER.encode()
    path.write_bytes(data[:start] + new + data[start + length :])
    try:
        found = arpa_reader.read(path)
    except RunError:
        return
    assert np.isfinite(found.model.distribution([found.model.begin])).all()
