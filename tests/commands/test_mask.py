"""``nlptool mask``: how much is hidden, behind what, and that the text around it stays as it was."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from interruptions import resumed_after_every_list
from letter_model import FakeTexts
from program import Invoke
from random_berts import SAMPLE, random_bert
from tokenizers import AddedToken

from nlptool.models.masked import loading as masked_loading
from nlptool.models.masked.cloze import ClozeMasker, ClozeSettings, Masked, align
from nlptool.models.masked.tokenizer import MaskedLmTokenizer
from nlptool.specs import MaskedModelSpec

NOVEL = [line for line in SAMPLE.read_text(encoding="utf-8").split("\n") if line.strip()]


@pytest.fixture(scope="module", params=["wordpiece", "unidic"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_bert(tmp_path_factory.mktemp("model") / request.param, request.param)


@pytest.fixture(scope="module")
def english(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_bert(tmp_path_factory.mktemp("model") / "english", "wordpiece")


def answers(done: Any, code: int = 0) -> list[dict[str, Any]]:
    assert done.exit_code == code, done.stderr
    return [json.loads(line) for line in done.stdout.split("\n") if line]


def hide(texts: list[str], **settings: Any) -> list[Masked]:
    return ClozeMasker(FakeTexts(), ClozeSettings(**settings))(list(enumerate(texts, 1)))  # type: ignore[arg-type]


def stays(record: dict[str, Any], mask: str = "[MASK]") -> bool:
    """Whether the masked text is the text, but for what the labels say."""
    pattern, end = "", 0
    for label in record["labels"]:
        stands = {"mask": re.escape(mask * len(label["pieces"])), "same": re.escape(label["text"]), "other": ".+?"}
        pattern += re.escape(record["text"][end : label["start"]]) + stands[label["shown"]]
        end = label["end"]
    return re.fullmatch(pattern + re.escape(record["text"][end:]), record["masked"], re.DOTALL) is not None


@pytest.mark.parametrize(("settings", "share"), [({}, 0.15), ({"share": 0.4}, 0.4), ({"unit": "pieces"}, 0.15)])
def test_the_share_is_that_of_the_pieces_and_80_10_10(settings: dict[str, Any], share: float) -> None:
    text = " ".join(["a", "bc", "def", "ghij"] * 10)
    found = hide([text] * 500, **settings)
    hidden = [each for masked in found for each in masked.hidden]
    assert sum(len(each.pieces) for each in hidden) / (500 * 100) == pytest.approx(share, abs=0.003)
    shown = Counter(each.shown for each in hidden)
    assert shown["mask"] / len(hidden) == pytest.approx(0.8, abs=0.02)
    assert shown["other"] / len(hidden) == pytest.approx(0.1, abs=0.02)
    assert shown["same"] / len(hidden) == pytest.approx(0.1, abs=0.02)


def test_with_always_all_that_is_hidden_is_masks() -> None:
    found = hide(["a bc def ghij klmno"] * 100, always=True)
    assert {each.shown for masked in found for each in masked.hidden} == {"mask"}
    for masked in found:
        assert masked.text.count("[MASK]") == sum(len(each.pieces) for each in masked.hidden) > 0


def test_whole_words_go_together_and_pieces_apart() -> None:
    text = "abc def ghi"
    words = {each.text for masked in hide([text] * 200) for each in masked.hidden}
    assert words == {"abc", "def", "ghi"}
    for masked in hide([text] * 50, always=True):
        assert masked.text == text.replace(masked.hidden[0].text, "[MASK][MASK][MASK]")
    pieces = {(*each.pieces, each.text) for masked in hide([text] * 300, unit="pieces") for each in masked.hidden}
    assert pieces == {(letter if letter in "adg" else f"##{letter}", letter) for letter in "abcdefghi"}
    assert "a[MASK]c def ghi" in {masked.text for masked in hide([text] * 300, unit="pieces", always=True)}


def test_a_text_that_has_words_has_one_hidden() -> None:
    for masked in hide(["a", "abcdefghijkl", "ab cd"] * 100):
        assert len(masked.hidden) == 1
    for text in ("", "  ", "[MASK]", "ZZ Z", "[MASK] Z"):
        (masked,) = hide([text])
        assert (masked.text, masked.hidden) == (text, [])


def test_masks_of_any_spelling_are_counted_as_fill_mask_counts_them() -> None:
    (masked,) = hide(["<mask> abc [MASK] d"], always=True, share=1.0)
    assert masked.text == "<mask> [MASK][MASK][MASK] [MASK] [MASK]"
    assert [(each.text, each.index) for each in masked.hidden] == [("abc", 1), ("d", 5)]


def test_what_the_vocabulary_lacks_and_masks_that_are_there_are_not_hidden() -> None:
    text = "a [MASK] Zebra b"
    found = hide([text] * 200, share=1.0, always=True)
    assert {masked.text for masked in found} == {"[MASK] [MASK] Zebra [MASK]"}
    (masked,) = hide([text], share=1.0, always=True)
    assert [each.index for each in masked.hidden] == [0, 2]  # the second mask was there before
    assert masked.n_unknown == 1


def test_another_word_is_the_beginning_of_one() -> None:
    texts = FakeTexts()
    others = {masked.text for masked in hide(["abc"] * 3000) if masked.hidden[0].shown == "other"}
    assert others <= set("abcdefghijklmnopqrstuvwxyz0123456789")
    assert len(others) > 25
    assert not any(texts.piece(id).startswith("##") for id in range(5, 41))


def test_the_masks_follow_from_the_seed_and_the_line_alone() -> None:
    text = "the cat sat on the mat and it rained all day"
    first, second = hide([text, text])
    assert first.text != second.text
    one = ClozeMasker(FakeTexts(), ClozeSettings())  # type: ignore[arg-type]
    assert one([(2, text)]) == [second]
    assert one([(1, text)]) == [first]
    assert hide([text], seed=2) != [first]
    assert len({masked.text for seed in range(30) for masked in hide([text], seed=seed)}) > 15


@pytest.mark.parametrize(
    ("text", "surfaces", "expected"),
    [
        ("猫が鳴く。", ["猫", "が", "鳴く", "。"], ["猫", "が", "鳴く", "。"]),
        ("ﾃﾞｰﾀ①　㍿です", ["データ", "1", "株式会社", "です"], ["ﾃﾞｰﾀ", "①", "㍿", "です"]),
        ("㍿だ", ["株式", "会社", "だ"], [None, None, "だ"]),
        ("Ｔｈｅ  Naïve\tcafe\u0301!", ["the", "naive", "cafe", "!"], ["Ｔｈｅ", "Naïve", "cafe\u0301", "!"]),
        ("か\u3099く", ["が", "く"], ["か\u3099", "く"]),
        ("a\x00b\u200dc", ["a␀", "b", "c"], ["a", "b", "c"]),
        ("x🍣y", ["x", None, "y"], ["x", None, "y"]),
        ("鰻猫猫が", [None, "猫", "が"], [None, "猫", "が"]),
        ("猫🍣猫猫", ["猫", None, "猫", "猫"], ["猫", None, "猫", "猫"]),
        ("猫 ", ["猫"], ["猫"]),
        ("", [], []),
        (" ", [], []),
        ("🍣", [None], [None]),
        ("Straße ΟΔΟΣ İ", ["straße", "οδος", "i̇"], ["Straße", "ΟΔΟΣ", "İ"]),
        ("葛\U000e0100城", ["葛", "城"], ["葛\U000e0100", "城"]),
        ("", ["a"], None),
        ("ab", ["a"], None),
        ("ab", ["b"], None),
        ("ab", ["b", "a"], None),
        ("ab", ["a", None, "ab"], None),
        ("aab", [None, "a", None, "c"], None),
    ],
)
def test_surfaces_are_found_again_in_their_text(
    text: str, surfaces: list[str | None], expected: list[str | None] | None
) -> None:
    positions = align(text, surfaces)
    assert expected == (
        positions and [place and text[slice(*place)] for place in positions] if positions else positions
    )


@given(st.lists(st.sampled_from(["猫", "が", "ガ", "ｶﾞ", "é", "E", "①", "🍣", "の"]), max_size=12), st.data())
def test_alignment_finds_every_part_of_a_text_whatever_was_not_known(some: list[str], data: Any) -> None:
    known = data.draw(st.lists(st.booleans(), min_size=len(some), max_size=len(some)))
    blanks = data.draw(st.lists(st.sampled_from(["", " ", "　"]), min_size=len(some), max_size=len(some)))
    text = "".join(blank + part for blank, part in zip(blanks, some, strict=True))
    surfaces = [unicodedata.normalize("NFKC", part).lower() if is_known else None
                for part, is_known in zip(some, known, strict=True)]  # fmt: skip
    positions = align(text, surfaces)
    assert positions is not None
    end = 0
    for place, surface in zip(positions, surfaces, strict=True):
        assert (place is None) == (surface is None)
        if place is not None and surface is not None:
            assert place[0] >= end
            folded = unicodedata.normalize("NFKD", surface).replace("\u3099", "").replace("\u0301", "")
            stood = unicodedata.normalize("NFKD", text[slice(*place)].lower())
            assert stood.replace("\u3099", "").replace("\u0301", "") == folded
            end = place[1]


class Strange(FakeTexts):
    """Its pieces are not those of the text."""

    def _cut(self, text: str) -> Any:
        return super()._cut(text.replace("&", "and"))


def test_a_text_that_is_not_found_again_is_put_together_of_its_pieces() -> None:
    hider = ClozeMasker(Strange(), ClozeSettings(share=1.0, always=True))  # type: ignore[arg-type]
    (masked,) = hider([(1, "cats & dogs")])
    assert masked.rebuilt == "cats and dogs"
    assert masked.text == " ".join("[MASK]" * len(word) for word in ("cats", "and", "dogs"))
    assert [each.text for each in masked.hidden] == ["cats", "and", "dogs"]
    assert [(each.start, each.end) for each in masked.hidden] == [(0, 4), (5, 8), (9, 13)]


TEXTS = {
    "wordpiece": ["The  CAT sat,\ton the Naïve mat!", "flightless birds ☃ it rained", "ＴＨＥ cafe\u0301 [MASK] ", "a"],
    "unidic": [
        *NOVEL[:20],
        "ﾃﾞｰﾀ①　㍿です。\u3000か\u3099く",
        "[MASK]は猫である。🍣Ａbc",
        "死にますと、静かな声で云った。",
    ],
}


@pytest.mark.parametrize("arguments", [[], ["--mask", "pieces"], ["--always"], ["--share", "1", "--always"]])
def test_the_text_around_what_is_hidden_stays_as_it_was(invoke: Invoke, model: Path, arguments: list[str]) -> None:
    texts = TEXTS[model.name]
    found = answers(invoke("mask", "-m", str(model), *arguments, stdin="\n".join(texts).encode()))
    assert [record["text"] for record in found] == texts
    for record in found:
        assert "rebuilt" not in record["nlptool"]["mask"]
        assert stays(record)
        for label in record["labels"]:
            assert label["text"] == record["text"][label["start"] : label["end"]]
            assert (label["index"] is not None) == (label["shown"] == "mask")
    assert sum(len(record["labels"]) for record in found) >= len(texts) - 1


def test_labels_are_words_of_the_tokenizer_and_their_masks_are_read_again(invoke: Invoke, model: Path) -> None:
    texts = masked_loading.locate(MaskedModelSpec(str(model), offline=True)).tokenizer()
    found = answers(invoke("mask", "-m", str(model), "--always", stdin="\n".join(TEXTS[model.name]).encode()))
    for record in found:
        pieces = [texts.piece(id) for id in texts.tokenize([record["text"]])[0].ids]
        n_before = record["text"].count("[MASK]")
        (cut,) = texts.tokenize([record["masked"]])
        assert cut.ids.count(texts.mask_id) == n_before + sum(len(label["pieces"]) for label in record["labels"])
        for label in record["labels"]:
            length = len(label["pieces"])
            assert label["pieces"] in [pieces[at : at + length] for at in range(len(pieces))]
            before = record["masked"].split("[MASK]")[: label["index"] + 1]
            assert len(before) == label["index"] + 1


def test_the_pipe_into_fill_mask_guesses_every_mask(invoke: Invoke, model: Path) -> None:
    """What is hidden comes back as labels, beside what is guessed there."""
    lines = [text for text in TEXTS[model.name] if len(text) < 60]
    done = invoke("mask", "-m", str(model), "--always", stdin="\n".join(lines).encode())
    found = answers(invoke("fill-mask", "-m", str(model), "--field", "masked", "-k", "2", stdin=done.stdout.encode()))
    assert len(found) == len(lines)
    for record in found:
        assert len(record["masks"]) == record["masked"].count("[MASK]")
        for label in record["labels"]:
            assert len(record["masks"]) >= label["index"] + len(label["pieces"])
        assert set(record["nlptool"]) == {"mask", "fill-mask"}


def byte_level() -> MaskedLmTokenizer:
    """Byte-level BPE, as RoBERTa's: blanks begin a piece, and letters can fall into bytes."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = [AddedToken("<s>"), AddedToken("</s>"), AddedToken("<mask>", lstrip=True)]
    trainer = trainers.BpeTrainer(
        vocab_size=320, initial_alphabet=alphabet, special_tokens=special, show_progress=False
    )
    tokenizer.train_from_iterator(["the cat sat on the mat, and it rained all day."] * 9, trainer)
    about = {"size": tokenizer.get_vocab_size(), "max_length": 64, "mask_token": "<mask>", "special_ids": [0, 1, 2]}
    return MaskedLmTokenizer(tokenizer, about)


def sentence_piece() -> MaskedLmTokenizer:
    """Unigram with ▁ for blanks, small letters and NFKC, as ALBERT's and XLM-RoBERTa's."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

    words = ["▁the", "▁cat", "▁sat", "▁", "cat", "ed", "▁rain", *"abcdefghijklmnopqrstuvwxyz.,!-1猫が", "▁it"]
    tokenizer = Tokenizer(
        models.Unigram([("<unk>", 0.0), ("[MASK]", 0.0), *((word, -1.0 - len(words)) for word in words)], 0)
    )
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.add_special_tokens([AddedToken("[MASK]", lstrip=True)])
    about = {"size": len(words) + 2, "max_length": 64, "mask_token": "[MASK]", "special_ids": [0, 1], "unknown_id": 0}
    return MaskedLmTokenizer(tokenizer, about)


@pytest.mark.parametrize("made", [byte_level, sentence_piece])
@pytest.mark.parametrize("settings", [{"share": 0.5, "always": True}, {"unit": "pieces", "share": 0.5}, {"share": 1.0}])
def test_other_tokenizers_leave_the_text_around_as_it_was(made: Any, settings: dict[str, Any]) -> None:
    texts = made()
    some = [
        "The cat sat, and it  rained all day.",
        "the-cat １ cat!\tcat",
        f"it {texts.mask_token} sat 🍣 猫が the cat",
    ] * 20
    for text, masked in zip(some, ClozeMasker(texts, ClozeSettings(**settings))(list(enumerate(some))), strict=True):
        assert masked.rebuilt is None
        assert masked.hidden
        labels = [{"text": each.text, "pieces": each.pieces, "shown": each.shown, "start": each.start, "end": each.end}
                  for each in masked.hidden]  # fmt: skip
        assert stays({"text": text, "masked": masked.text, "labels": labels}, texts.mask_token)
        n_masks = text.count(texts.mask_token) + sum(len(each.pieces) for each in masked.hidden if each.shown == "mask")
        assert texts.tokenize([masked.text])[0].ids.count(texts.mask_id) == n_masks


def test_workers_files_and_stdin_give_the_same(invoke: Invoke, model: Path, tmp_path: Path) -> None:
    stdin = "\n".join(TEXTS[model.name] * 3).encode()
    (tmp_path / "f").write_bytes(stdin)
    alone = invoke("mask", "-m", str(model), "--seed", "5", stdin=stdin).stdout
    assert invoke("mask", "-m", str(model), "--seed", "5", "-j", "2", str(tmp_path / "f")).stdout == alone
    assert invoke("mask", "-m", str(model), "--seed", "6", stdin=stdin).stdout != alone
    records = [json.loads(line) for line in alone.split("\n") if line]
    said = records[0]["nlptool"]["mask"]
    assert said == {
        "model": str(model), "share": 0.15, "mask": "words", "always": False, "seed": 5,
        "n_hidden": len(records[0]["labels"]), "n_unknown": said["n_unknown"],
    }  # fmt: skip


def test_text_format_is_a_line_for_each_record(invoke: Invoke, english: Path) -> None:
    stdin = b'{"text":"the cat\\r\\nsat\\r"}\n{"text":""}\n{"x":1}\n{"text":"milk"}\n'
    done = invoke("mask", "-m", str(english), "--always", "--share", "1", "-f", "text", stdin=stdin)
    assert done.exit_code == 3
    assert done.stdout == "[MASK] [MASK] [MASK] \n\n\n[MASK]\n"
    assert "the record has no field `text`" in done.stderr


def test_an_empty_line_stays_one_and_unknown_pieces_are_counted(invoke: Invoke, english: Path) -> None:
    done = invoke("mask", "-m", str(english), stdin="\n　\n☃☃ ☃\nthe cat\n".encode())
    found = answers(done)
    assert [(record["masked"], record["labels"]) for record in found[:3]] == [("", []), ("　", []), ("☃☃ ☃", [])]
    assert len(found[3]["labels"]) == 1
    n_unknown = [record["nlptool"]["mask"]["n_unknown"] for record in found]
    assert n_unknown[2] > 0 == n_unknown[0] + n_unknown[1] + n_unknown[3]
    assert f"pieces that the vocabulary lacks, which are never hidden: {n_unknown[2]}" in done.stderr


def test_a_record_keeps_its_fields_and_bad_ones_their_places(invoke: Invoke, english: Path) -> None:
    stdin = b'{"id":1.10,"s":"the cat"}\n{"s":3}\n{"s":"\\ud83d"}\n[]\n{"s":"milk","labels":7}\n'
    done = invoke("mask", "-m", str(english), "--field", "s", stdin=stdin)
    found = answers(done, code=3)
    assert done.stdout.startswith('{"id":1.10,"s":"the cat","masked":')
    types = [record["nlptool"].get("error", {}).get("type") for record in found]
    assert types == [None, "NotText", "LoneSurrogate", "NotAnObject", None]
    assert found[4]["labels"] != 7
    assert "the field `labels` was there before and has been replaced" in done.stderr


def test_100_000_characters_are_masked_like_any_other(invoke: Invoke, english: Path) -> None:
    (record,) = answers(invoke("mask", "-m", str(english), "--always", stdin=b"the cat sat. " * 7_700))
    assert len(record["text"]) > 100_000
    assert sum(len(label["pieces"]) for label in record["labels"]) / (4 * 7_700) == pytest.approx(0.15, abs=0.01)
    assert stays(record)


def test_resume_gives_the_same_masks(invoke: Invoke, english: Path, tmp_path: Path) -> None:
    (tmp_path / "in").write_text("the cat sat on the mat\n" * 9)
    out = tmp_path / "out"
    run = ("mask", "-m", str(english), "-o", str(out), str(tmp_path / "in"))
    assert resumed_after_every_list(lambda *resume: invoke(*run, *resume), out) == 3


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--share", "0"], 2, "--share"),
        (["--share", "1.5"], 2, "--share"),
        (["--share", "nan"], 2, "--share"),
        (["--mask", "letters"], 2, "--mask"),
        (["--seed", "-1"], 2, "--seed"),
        (["-f", "table"], 2, "-f"),
        (["-m", "no-such-model", "--offline"], 4, "no-such-model"),
        (["-m", "static-ja-en"], 4, "fill-mask"),
    ],
)
def test_wrong_usage_is_said(invoke: Invoke, english: Path, arguments: list[str], code: int, message: str) -> None:
    done = invoke("mask", "-m", str(english), *arguments, stdin=b"the cat\n")
    assert (done.exit_code, done.stdout) == (code, "")
    assert message in done.stderr
    assert "Traceback" not in done.stderr
