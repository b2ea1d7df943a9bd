"""Exact match, BLEU and chrF: sacrebleu's own numbers, and some that can be worked out by hand."""

from __future__ import annotations

import logging

import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st

from nlptool.commands.evaluate import generation
from nlptool.errors import RunError
from nlptool.models.generation import metrics
from nlptool.models.generation.metrics import choose, clean, is_exact, scores, sentence_chrf

JAPANESE = (
    ["猫が 魚を食べる。", "明日は雨だ。", "", "彼は本を読んだ"],
    ["猫が魚を食べた。", "明日は 雨だろう。", "何もない。", "彼は本を読んだ"],
)
ENGLISH = (
    ["The cat sat on the mat.", "It rains , they say .", "", "A man is playing a flute!"],
    ["The cat sits on the mat.", "It's raining, they say.", "Nothing.", "A man is playing a flute!"],
)
texts = st.text(alphabet="ab。猫 の\u3000", max_size=12)
pairs = st.lists(st.tuples(texts, texts), min_size=1, max_size=6)


@pytest.mark.parametrize(("pair", "tokenize"), [(JAPANESE, "char"), (ENGLISH, "13a")], ids=["ja", "en"])
def test_bleu_and_chrf_are_those_of_sacrebleu(pair: tuple[list[str], list[str]], tokenize: str) -> None:
    hypotheses, references = pair
    found = scores(hypotheses, references)
    assert found.tokenize == tokenize
    if tokenize == "char":
        hypotheses, references = (["".join(text.split()) for text in side] for side in (hypotheses, references))
    assert found.bleu == sacrebleu.corpus_bleu(hypotheses, [references], tokenize=tokenize).score
    assert found.chrf == sacrebleu.corpus_chrf(hypotheses, [references]).score
    assert 0 < found.bleu < 100
    assert 0 < found.chrf < 100
    assert (found.n, found.exact_match) == (4, 0.25)


@pytest.mark.parametrize("tokenize", ["char", "13a", "intl", "zh", "none"])
def test_every_tokenizer_is_sacrebleus(tokenize: str) -> None:
    hypotheses, references = ENGLISH
    found = scores(hypotheses, references, tokenize=tokenize)
    assert found.bleu == pytest.approx(sacrebleu.corpus_bleu(hypotheses, [references], tokenize=tokenize).score)
    assert f"|tok:{tokenize}|" in found.signatures["bleu"]


def test_bleu_by_hand() -> None:
    # Of five letters 4 are right, of four pairs 3, of three triples 2, of two quadruples 1: (4/5 · 3/4 · 2/3 · 1/2) ^ 1/4
    assert scores(["a b c d e"], ["a b c d f"]).bleu == pytest.approx(100 * 0.2**0.25)
    # all of it right, but shorter: exp(1 - 6/4)
    assert scores(["あいうえ"], ["あいうえおか"]).bleu == pytest.approx(100 * 2.718281828 ** (1 - 6 / 4))


def test_chrf_by_hand() -> None:
    # Precision 1 and 1, recall 2/3 and 1/2, of letters and pairs; no triple was generated. F with recall twice as important:
    precision, recall = 1.0, (2 / 3 + 1 / 2) / 2
    assert scores(["ab"], ["abc"]).chrf == pytest.approx(100 * 5 * precision * recall / (4 * precision + recall))
    assert sentence_chrf("ab", ["xy", "abc"]) == scores(["ab"], ["abc"]).chrf


def test_of_several_references_each_may_be_met() -> None:
    found = scores(["a b c d", "e f g h"], [["x", "a b c d"], "e f g h"])
    assert (found.exact_match, found.chrf) == (1.0, 100.0)
    assert found.bleu == pytest.approx(100)
    assert "nrefs:var" in found.signatures["bleu"]
    both = scores(["a b c d e"], [["a b c x x", "x x c d e"]])
    assert both.bleu == sacrebleu.corpus_bleu(["a b c d e"], [["a b c x x"], ["x x c d e"]]).score
    assert "nrefs:2" in both.signatures["bleu"]


def test_the_signatures_say_the_version() -> None:
    said = scores(["a"], ["b"]).signatures
    version = sacrebleu.__version__
    assert said == {
        "bleu": f"nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:{version}",
        "chrf": f"nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:{version}",
    }


@pytest.mark.parametrize(
    ("references", "tokenize"),
    [
        (["きりたちのぼる"], "char"),
        (["東京タワー is tall"], "13a"),  # five letters against six
        (["東京タワーへ行く is tall"], "char"),
        (["ภาษาไทย"], "char"),
        (["ພາສາລາວ", "မြန်မာ", "ភាសាខ្មែរ", "བོད་"], "char"),
        (["한국어는 띄어 쓴다"], "13a"),
        (["Привет", "12 345 。"], "13a"),
        ([""], "13a"),
        (["123"], "13a"),
    ],
)
def test_scripts_without_blanks_are_cut_into_characters(references: list[str], tokenize: str) -> None:
    assert choose(references) == tokenize


def test_blanks_count_where_they_part_words() -> None:
    assert clean(" 猫 が\u3000いる ", "char") == "猫がいる"
    assert clean(" a  b\u3000c ", "13a") == "a b c"
    assert is_exact("猫 が", ["犬", "猫が"], "char")
    assert not is_exact("猫 が", ["猫が"], "13a")
    assert is_exact("a  b ", ["a b"], "13a")
    assert not is_exact("A b", ["a b"], "13a")


@settings(deadline=None)
@given(pairs)
def test_scores_are_in_their_ranges_and_the_order_of_pairs_is_nothing_to_them(found: list[tuple[str, str]]) -> None:
    hypotheses, references = (list(side) for side in zip(*found, strict=True))
    one = scores(hypotheses, references)
    assert 0 <= one.exact_match <= 1
    assert 0 <= one.bleu <= 100
    assert 0 <= one.chrf <= 100
    n_exact = sum(is_exact(*pair, one.tokenize) for pair in [(h, [r]) for h, r in found])
    assert one.exact_match == n_exact / len(found)
    other = scores(hypotheses[::-1], references[::-1])
    assert (one.exact_match, one.chrf) == (other.exact_match, other.chrf)
    assert one.bleu == pytest.approx(other.bleu)


@settings(deadline=None)
@given(st.lists(st.text(alphabet="ab猫の", min_size=4, max_size=12), min_size=1, max_size=6))
def test_what_is_its_own_reference_is_perfect(found: list[str]) -> None:
    one = scores(found, found, tokenize="char")
    assert (one.exact_match, one.chrf) == (1.0, 100.0)
    assert 99.999 < one.bleu <= 100.0  # sacrebleu's own is a little more


def test_what_is_no_corpus_is_refused() -> None:
    with pytest.raises(ValueError, match="0 hypotheses for 0 references"):
        scores([], [])
    with pytest.raises(ValueError, match="1 hypotheses for 2 references"):
        scores(["a"], ["a", "b"])
    with pytest.raises(ValueError, match="no reference"):
        scores(["a"], [[]])


def test_a_tokenizer_whose_package_is_missing_is_named_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from sacrebleu.tokenizers import tokenizer_ja_mecab

    monkeypatch.setattr(tokenizer_ja_mecab, "MeCab", None)
    with pytest.raises(RunError, match="ja-mecab needs packages") as raised:
        scores(["猫"], ["猫"], tokenize="ja-mecab")
    assert "pip install 'sacrebleu[ja]'" in raised.value.hint


def test_tokenized_text_is_judged_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        assert scores(["It rains ."] * 200, ["It rains ."] * 200).exact_match == 1
    assert caplog.records == []


def test_the_command_offers_the_tokenizers_that_there_are() -> None:
    assert ("auto", *metrics.TOKENIZERS) == generation._TOKENIZERS
