"""Sentences of Japanese and English: what ends one, what does not, and that nothing of a text is lost."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlptool.text.sentences import LONGEST_PAIR, sentences

JAPANESE = [
    "吾輩は猫である。|名前はまだ無い。",
    "本当？|本当！|本当…。|え！？|はい。。。|次",
    "「はい。」と言った。|終わり。",
    "「はい。」|「いいえ。」",
    "「はい。」|彼は言った。",
    "「行くよ。本当だ。」という声がした。|次。",
    "彼は「行くよ。本当だ。」と言った。|次。",
    "『走れメロス』は小説だ。|『けいおん！』第一話を見た。",
    "『君の名は。』を見た。|映画「君の名は。」の主題歌。",
    "そうか！と思った。|なぜ？という問い。|とても良い！|とても。",
    "モーニング娘。の曲。|モーニング娘。を見た。",
    "面白い！（笑）|次。|面白い（笑）。|次。|（これは例。）|次。",
    "彼（？）は来た（本当だ。）らしい。|次。",
    "楽しい！😊|次。|楽しい！！(^_^)|次。|ごめん。m(_ _)m|次。",
    "そうか……　|わかった。|そう……だね。",
    "です｡|次｡|です．|次．|３．１４です．",
    "日本語です.|次です. |OK!|次ではない!",
    "Yahoo!ニュースを見た。|5.5%増えた。|example.comを見る。",
    "長い。[12]|次。",
    "「はい」と言った。",
]

ENGLISH = [
    "It rains. |It rains! |Does it? |Yes...|\n\nNo?!",
    "Mr. Smith met Dr. J. R. R. Tolkien. |He left.",
    "On Jan. 5 at 3.14 p.m. they met. |It was No. 5. |No. |I won't.",
    "He lives in the U.S. |He works for the U.S. government. |It is Acme Inc. |The end.",
    "Cats, dogs, etc. are animals, e.g. Felix, i.e. a cat. |See vol. 3, pp. 4, fig. 2. |Done.",
    "Visit example.com. |It costs $3.50. |He was 5th. |Version 2.0.1 is out.",
    '"Is it?" she said. |"It is." |He left. |"Really?" John asked. |"No!" |Then he left.',
    '"I came. I saw," he said. |She said, "Good." |Then she left.',
    "“I came. I saw.” he said. |“No.” |He left.",
    "He teaches science (He worked there.) at the school. |See below (p. 5). |(I was there.) |Done.",
    "1. First item. |2. Second item. |A. Third.",
    "And so . . . it goes. |It ends . . . . |Then… it begins. |Ok… |Fine.",
    "It is on Wed. 6/14. |🤷\u200d♂️. |Wow! 😊 |Great!😊 |Next one. |✅Done.",
    "Yahoo! is a company. |It grew.",
    "Write to Kevin.A.Boone@x.com today.|You may.|I do. |J. A. Smith met O. I. Brown. |Done.",
    "Plan B failed. |This is plan B. |We go on.",
    "It was 1999. |It was page 4. |Next.",
]

LINES = [
    "吾輩は猫で\nある。|\n名前は\nまだ無い。",
    "This is a hard-wrapped\nsentence by Mr.\nSmith. |It ends\r\nhere.",
    "「はい」|\n「いいえ」\nと言った。",
    "題|\n\n本文|\n　 \nつづき|\n　次の段落|\n　また次",
    "# Title|\ntext|\n# a|\x0cb|\n# c|\r\nd|\n- one|\n- two|\n1. three|\n・四|\n-----|\nend",
    "「開いたまま|\n\n次。|「また。|\n\nまた」",
    "a.\x0c|b",
]


@pytest.mark.parametrize("marked", JAPANESE + ENGLISH + LINES)
def test_sentences(marked: str) -> None:
    text = marked.replace("|", "")
    assert [text[start:end] for start, end in sentences(text)] == [part.strip() for part in marked.split("|")]


def test_an_unclosed_bracket_does_not_keep_the_sentences_behind_it() -> None:
    filler = "あ" * LONGEST_PAIR
    assert len(list(sentences("「" + "はい。" * 5))) == 5
    assert len(list(sentences(f"「はい。はい。{filler}」と"))) == 3
    assert len(list(sentences("「はい。はい。」と"))) == 1
    assert len(list(sentences('He said "no. Then he left. ' + "And so on. " * 40))) == 42


@given(
    st.text(alphabet=st.sampled_from("あ亜aB1 \n\r\u3000。.！?!…・「」『（）()\"“”'-#*😊とを\u2029\x0c")) | st.text()
)
def test_every_character_that_is_not_blank_is_in_one_sentence(text: str) -> None:
    spans = list(sentences(text))
    last = 0
    for start, end in spans:
        assert last <= start < end
        assert text[last:start].strip() == ""
        assert text[start:end] == text[start:end].strip()
        last = end
    assert text[last:].strip() == ""


@given(st.lists(st.text(alphabet=st.sampled_from('あaB1 。.!「」"()と')), max_size=4))
def test_an_empty_line_separates_what_it_stands_between(parts: list[str]) -> None:
    text = "\n\n".join(parts)
    alone = [part[start:end] for part in parts for start, end in sentences(part)]
    assert [text[start:end] for start, end in sentences(text)] == alone


REPEATED = [
    "「",
    "」",
    ".",
    "。",
    "「」",
    "「。」",
    '"',
    '".',
    "(",
    " ",
    "\n",
    "\n ",
    ". ",
    "Mr. ",
    "😊",
    "。😊",
    "(^",
    "。(",
    "-",
]
REPEATED += ["\n-", "\n# ", "\r", "[1]", "。[1", "・", "a", "a.", "「\n", "(^.)", "。)", "（「）」", "[1.]"]


@pytest.mark.parametrize(
    ("unit", "size"), [("「", 1_000_000), (".", 1_000_000), *((unit, 100_000) for unit in REPEATED)]
)
def test_a_long_text_of_one_thing_takes_linear_time(unit: str, size: int) -> None:
    """Anything quadratic would take minutes here."""
    text = unit * (size // len(unit))
    kept = "".join(text[start:end] for start, end in sentences(text))
    assert re.sub(r"\s", "", kept) == re.sub(r"\s", "", text)
