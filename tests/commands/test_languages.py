"""What is said of texts that a model does not know: pieces that its vocabulary lacks, and scripts of other languages."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from interruptions import resumed_after_every_list
from program import Invoke, Start, records

from nlptool import catalog
from nlptool.models.store import locate

UNSEEN = "texts in a script in which no language of {} ({}) is written: {}"
LACKED = "pieces that the model's vocabulary lacks, which all have one vector ([UNK]): {}"
SPELLED = "characters that the model's vocabulary lacks, which it read as bytes: {}"


def entries(done: Any, command: str, code: int = 0) -> list[dict[str, Any]]:
    return [record["nlptool"][command] for record in records(done, code)]


def fields(done: Any, command: str, *names: str) -> list[tuple[Any, ...]]:
    return [tuple(entry.get(name) for name in names) for entry in entries(done, command)]


@pytest.mark.parametrize("arguments", [("similarity",), ("similarity", "-k", "1"), ("map",), ("embed",)])
def test_what_differs_in_unknown_pieces_alone_is_noted(invoke: Invoke, arguments: tuple[str, ...]) -> None:
    done = invoke(*arguments, "-m", "all-MiniLM-L6-v2", stdin="🎉 party\n🐍 party\na party\n")
    assert fields(done, arguments[0], "n_unknown") == [(1,), (1,), (None,)]
    assert LACKED.format(2) in done.stderr


def test_a_pair_counts_the_unknown_pieces_of_both_texts(invoke: Invoke) -> None:
    done = invoke("similarity", "-m", "all-MiniLM-L6-v2", "--threshold", "0.99", stdin="🎉 party\n🐍 party\n")
    assert fields(done, "similarity", "n_unknown") == [(2,)]
    assert LACKED.format(2) in done.stderr
    paired = invoke("similarity", "-m", "all-MiniLM-L6-v2", "--pairs", stdin="🎉 party\t🐍 party\nparty 🎉\tparty\n")
    assert fields(paired, "similarity", "n_unknown") == [(2,), (1,)]


@pytest.mark.parametrize("text", ["🎉", "🎉🐍 🎂", "猫", "\u200b", "𓀀"])
def test_a_text_without_a_known_piece_has_no_vector(invoke: Invoke, text: str) -> None:
    (record,) = records(invoke("embed", "-m", "all-MiniLM-L6-v2", stdin=f"{text}\n"))
    assert record["embedding"] is None
    assert record["nlptool"]["embed"]["reason"] == "no known piece"
    done = invoke("similarity", "-m", "all-MiniLM-L6-v2", "--threshold", "0.99", stdin=f"{text}\na party\n❓\n")
    assert records(done) == []  # two texts of which nothing is known are no duplicates
    assert "without a known piece, which have no vector and were left out: 2" in done.stderr


def test_characters_in_bytes_are_counted(invoke: Invoke) -> None:
    for model in ("sbert-mini-ja-en", "static-ja-en"):
        done = invoke("embed", "-m", model, stdin="🎉 party 𓀀\n吾輩は猫である\nparty\n")
        assert fields(done, "embed", "n_byte_fallback", "n_unknown") == [(2, None), (None, None), (None, None)]
        assert SPELLED.format(2) in done.stderr


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("안녕하세요", "Hangul"),
        ("주식이 떨어졌다 again", "Hangul"),
        ("Привет, мир", "Cyrillic"),
        ("ฉันกินข้าว", "Thai"),
        ("ကျွန်တော်", "Myanmar"),
        ("कखग 1234", "Devanagari"),
        ("吾輩は猫である", None),
        ("Das ist eine Katze", None),
        ("猫は 안녕 と言った", None),
        ("2024-01-01 ①② 🎉", None),
    ],
)
@pytest.mark.parametrize("model", ["sbert-mini-ja-en", "static-ja-en"])
def test_a_text_in_another_script_is_noted(invoke: Invoke, model: str, text: str, script: str | None) -> None:
    done = invoke("embed", "-m", model, stdin=f"猫\n{text}\n")
    assert fields(done, "embed", "unseen_script") == [(None,), (script,)]
    note = UNSEEN.format(model, "ja, en", f"{script} 1; -m multilingual-e5-small knows {script}")
    assert (note in done.stderr) == (script is not None)


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        (["similarity", "--top-k", "1"], "안녕하세요\n주식이 떨어졌다\n"),
        (["similarity", "--threshold", "-1"], "안녕하세요\n주식이 떨어졌다\n"),
        (["similarity"], "안녕하세요\n猫\n주식이 떨어졌다\n"),
        (["similarity", "--pairs"], "안녕하세요\t주식이 떨어졌다\n"),
        (["search", "--corpus", "CORPUS", "안녕하세요", "주식이 떨어졌다"], ""),
        (["map"], "안녕하세요\n猫\n주식이 떨어졌다\n"),
        (["embed", "--unit", "paragraph"], "안녕하세요\n주식이\n\n주식이\n떨어졌다\n"),
    ],
)
def test_what_is_compared_is_noted_once(invoke: Invoke, tmp_path: Path, arguments: list[str], given: str) -> None:
    (tmp_path / "corpus").write_text("猫\n", encoding="utf-8")
    run = [str(tmp_path / "corpus") if each == "CORPUS" else each for each in arguments]
    done = invoke(*run, stdin=given)
    assert done.exit_code == 0
    entries_noted = [entry.get("unseen_script") for entry in entries(done, arguments[0])]
    assert set(entries_noted) <= {"Hangul", None}
    assert "Hangul" in entries_noted
    assert done.stderr.count("texts in a script") == 1
    assert "(ja, en) is written: Hangul 2; -m multilingual-e5-small knows Hangul\n" in done.stderr
    spelled = sum(not letter.isascii() and letter not in "猫" for letter in given + "".join(arguments[3:]))
    assert SPELLED.format(spelled) in done.stderr


def test_the_scripts_of_all_texts_are_counted_once(invoke: Invoke) -> None:
    lines = "안녕\nмир\n猫\n한국어\n" * 100
    done = invoke("embed", "-m", "static-ja-en", "-f", "npy", "-o", "/dev/null", stdin=lines)
    assert UNSEEN.format("static-ja-en", "ja, en", "Hangul 200, Cyrillic 100; -m ") in done.stderr
    assert done.stderr.count("texts in a script") == 1


def test_a_model_for_english_is_not_told_to_know_japanese(invoke: Invoke) -> None:
    done = invoke("embed", "-m", "all-MiniLM-L6-v2", stdin="かな\nThe word 猫 means cat\n東京大学\n")
    assert fields(done, "embed", "unseen_script") == [("Japanese",), (None,), ("Han",)]
    assert (
        UNSEEN.format("all-MiniLM-L6-v2", "en", "Japanese 1, Han 1; -m sbert-mini-ja-en knows Japanese") in done.stderr
    )


def test_a_model_for_a_hundred_languages_knows_their_scripts(invoke: Invoke) -> None:
    done = invoke("embed", "-m", "multilingual-e5-small", stdin="안녕하세요\nПривет\nสวัสดี\nᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ\n")
    assert fields(done, "embed", "unseen_script") == [(None,), (None,), (None,), ("Cherokee",)]
    assert UNSEEN.format("multilingual-e5-small", "ja, en, mul", "Cherokee 1\n") in done.stderr


def test_a_search_notes_the_corpus_and_the_queries(invoke: Invoke, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("안녕하세요\n주식이 떨어졌다\n猫\n", encoding="utf-8")
    done = invoke("search", "--corpus", str(corpus), stdin="안녕\n猫\n")
    assert fields(done, "search", "unseen_script") == [("Hangul",), (None,)]
    note = UNSEEN.format("sbert-mini-ja-en", "ja, en", "Hangul {}; -m multilingual-e5-small knows Hangul")
    assert f"nlptool search: corpus: {note.format(2)}" in done.stderr
    assert f"nlptool search: {note.format(1)}" in done.stderr
    built = invoke("index", "build", "-o", str(tmp_path / "index"), str(corpus))
    assert built.exit_code == 0
    assert "Hangul 2; -m multilingual-e5-small" in built.stderr


def test_vectors_that_came_along_are_not_noted_again(invoke: Invoke) -> None:
    embedded = invoke("embed", stdin="안녕하세요\n🎉\n").stdout_bytes
    done = invoke("similarity", stdin=embedded)
    assert [record["nlptool"]["embed"].get("unseen_script") for record in records(done)] == ["Hangul", None]
    assert "texts in a script" not in done.stderr


def test_the_card_of_a_folder_names_its_languages(invoke: Invoke, tmp_path: Path) -> None:
    folder = tmp_path / "static"
    shutil.copytree(locate.packaged(catalog.KNOWN["static-ja-en"]), folder)
    text = "안녕하세요\nthe cat\n猫\n"
    (folder / "README.md").unlink()
    assert fields(invoke("embed", "-m", str(folder), stdin=text), "embed", "unseen_script") == [(None,)] * 3
    for header, expected in {
        "language: ja": ["Hangul", "Latin", None],
        "language: [ko, en]": [None, None, "Han"],
        "language:\n- multilingual": [None, None, None],
        "language: Klingon": [None, None, None],
        "license: mit": [None, None, None],
    }.items():
        (folder / "README.md").write_text(f"---\n{header}\n---\n", encoding="utf-8")
        done = invoke("embed", "-m", str(folder), stdin=text)
        assert [script for (script,) in fields(done, "embed", "unseen_script")] == expected
        (shown,) = records(invoke("models", "show", str(folder), "-f", "jsonl"))
        assert bool(shown["languages"]) == (header != "license: mit")


def test_the_rating_of_an_encoder_counts_what_it_does_not_know(invoke: Invoke) -> None:
    pairs = "🎉 a\t🐍 a\t1\n안녕 주식\tb\t2\nc\td\t3\ne\tf\t4\n"
    done = invoke("evaluate", "sts", "-m", "all-MiniLM-L6-v2", "-f", "jsonl", stdin=pairs)
    (record,) = records(done)
    assert LACKED.format(2) in done.stderr
    assert UNSEEN.format("all-MiniLM-L6-v2", "en", "Hangul 1; -m multilingual-e5-small knows Hangul") in done.stderr
    assert (record["n_unknown"], record["n_unseen_script"]) == (2, 1)
    assert (record["pairs"], record["used"]) == (4, 4)


STORE = "the man went to the store\tpenguins are flightless birds."
RAIN = "雨が降ってきた。\t彼は傘をさした。"
COMMANDS = {
    "nsp": (STORE, RAIN),
    "fill-mask": ("the man went to the [MASK]", "吾輩は[MASK]である。"),
    "score": ("the man went", "吾輩は猫である。"),
    "mask": ("the man went", "吾輩は猫である。"),
    "attention": ("the man went", "吾輩は猫である。"),
}


BERT_EN, BERT_JA = "bert-mini-en", "bert-mini-ja"


def models(done: Any, command: str) -> list[str]:
    return [entry["model"] for entry in entries(done, command)]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("model", [BERT_EN, BERT_JA])
def test_a_text_in_the_script_of_another_language_is_noted(invoke: Invoke, command: str, model: str) -> None:
    done = invoke(command, "-m", model, stdin="".join(f"{line}\n" for line in COMMANDS[command]))
    (own, other) = (0, 1) if model == BERT_EN else (1, 0)
    found = fields(done, command, "model", "unseen_script")
    assert found[own] == (model, None)
    assert found[other] == (model, "Japanese" if model == BERT_EN else "Latin")
    said = (
        ("en", f"Japanese 1; -m {BERT_JA} knows Japanese")
        if model == BERT_EN
        else ("ja", f"Latin 1; -m {BERT_EN} knows Latin")
    )
    assert UNSEEN.format(model, *said) in done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_a_bert_is_chosen_by_the_script_of_the_first_record(invoke: Invoke, command: str) -> None:
    english, japanese = COMMANDS[command]
    done = invoke(command, stdin=f"{english}\n{japanese}\n")
    assert fields(done, command, "model", "unseen_script") == [(BERT_EN, None), (BERT_EN, "Japanese")]
    assert UNSEEN.format(BERT_EN, "en", "Japanese 1; -m bert-mini-ja knows Japanese") in done.stderr
    done = invoke(command, stdin=f"{japanese}\n{english}\n")
    assert fields(done, command, "model", "unseen_script") == [("bert-mini-ja", None), ("bert-mini-ja", "Latin")]
    assert UNSEEN.format("bert-mini-ja", "ja", f"Latin 1; -m {BERT_EN} knows Latin") in done.stderr
    done = invoke(command, "-m", "bert-mini-ja", stdin=f"{english}\n")
    assert models(done, command) == ["bert-mini-ja"]


@pytest.mark.parametrize(
    ("lines", "model"),
    [
        (["", "---", "1.", "the cat"], "bert-mini-en"),
        (["2024-01-01", "🎉", "猫が鳴く。"], "bert-mini-ja"),
        (["123", "🎉"], "bert-mini-ja"),
        (["iPhoneを買った"], "bert-mini-ja"),
        (["The word 猫 means cat"], "bert-mini-en"),
        (["Привет, мир"], "bert-mini-ja"),
        (['{"text": 1}', '{"text": "the cat"}'], "bert-mini-en"),
        ([], None),
    ],
)
def test_the_first_record_with_letters_decides(invoke: Invoke, lines: list[str], model: str | None) -> None:
    done = invoke("score", "--no-pieces", stdin="".join(f"{line}\n" for line in lines))
    found = [record["nlptool"] for record in records(done, 3 if lines[:1] == ['{"text": 1}'] else 0)]
    assert len(found) == len(lines)
    assert {each["score"]["model"] for each in found if "score" in each} == ({model} if model else set())


def test_special_tokens_are_of_no_language(invoke: Invoke) -> None:
    done = invoke("fill-mask", "-k", "1", stdin="[MASK] [MASK] 猫\n<mask> 犬\n")
    assert fields(done, "fill-mask", "model", "unseen_script") == [("bert-mini-ja", None)] * 2


@pytest.mark.parametrize("arguments", [("--consecutive",), ("--first", "a", "--second", "b")])
def test_pairs_of_all_kinds_choose_a_model(invoke: Invoke, arguments: tuple[str, ...]) -> None:
    lines = ["the cat sat", "it rained"]
    given = "\n".join(lines) if len(arguments) == 1 else json.dumps(dict(zip("ab", lines, strict=True)))
    done = invoke("nsp", *arguments, stdin=given + "\n")
    assert fields(done, "nsp", "model", "unseen_script") == [(BERT_EN, None)]


def test_a_resumed_run_chooses_by_the_first_record_of_the_whole_input(invoke: Invoke, tmp_path: Path) -> None:
    out, lines = tmp_path / "out.jsonl", "the cat\n猫が鳴く。\n犬が走る。\n"
    run = lambda *resume: invoke("score", "-o", str(out), "--deterministic", *resume, stdin=lines)  # noqa: E731
    assert resumed_after_every_list(run, out) >= 2
    assert out.read_text(encoding="utf-8").count(f'"model":"{BERT_EN}"') == 3


def test_an_answer_does_not_wait_for_letters(start: Start) -> None:
    with start("score", "--no-pieces") as child:
        assert child.stdin and child.stdout
        child.stdin.write(b"123\n")
        child.stdin.flush()
        assert json.loads(child.stdout.readline())["nlptool"]["score"]["model"] == "bert-mini-ja"
        child.stdin.close()
        assert child.wait() == 0


@pytest.mark.parametrize("evaluation", ["mlm", "nsp"])
def test_an_evaluation_chooses_by_its_first_file(invoke: Invoke, tmp_path: Path, evaluation: str) -> None:
    text = "the cat sat on the mat.\nit rained all day.\n\nthe man went to the store.\nhe bought milk.\n"
    japanese = tmp_path / "ja.txt"
    japanese.write_text("猫が鳴く。\n\n", encoding="utf-8")
    done = invoke("evaluate", evaluation, "-f", "jsonl", "-", str(japanese), stdin=text * 3)
    assert {record["model"] for record in records(done)} == {BERT_EN}
    assert UNSEEN.format(BERT_EN, "en", "Japanese 1; -m bert-mini-ja knows Japanese") in done.stderr
    if evaluation == "mlm":
        assert [record["n_unseen_script"] for record in records(done)] == [0, 1]
    done = invoke("evaluate", evaluation, "-f", "jsonl", str(japanese), str(tmp_path / "none"))
    assert done.stderr.count(str(tmp_path / "none")) == 1
    assert not [record for record in records(done, done.exit_code) if record["model"] != "bert-mini-ja"]


@pytest.mark.parametrize("more", [(), ("-f", "text"), ("--stream",)])
def test_a_translator_knows_what_it_reads(invoke: Invoke, more: tuple[str, ...]) -> None:
    done = invoke("generate", "-m", "mini-en-ja", *more, stdin="吾輩は猫である。\nIt is cold.\n🎉\n")
    assert done.exit_code == 0
    assert UNSEEN.format("mini-en-ja", "en", "Japanese 1\n") in done.stderr
    done = invoke("generate", "-m", "hyakunin", *more, stdin="the cat\nむらさめの\n")
    assert UNSEEN.format("hyakunin", "ja", "Latin 1\n") in done.stderr


def test_an_evaluated_translator_knows_what_it_reads(invoke: Invoke) -> None:
    done = invoke("evaluate", "generation", "-m", "mini-en-ja", stdin="吾輩は猫である。\t猫\nIt is cold.\t寒い。\n")
    assert done.exit_code == 0
    assert UNSEEN.format("mini-en-ja", "en", "Japanese 1\n") in done.stderr


@pytest.mark.parametrize(
    ("command", "gold", "model"),
    [
        ("similarity", "猫\t犬\t3\n男\t女\t4\n魚\t肉\t1\n", "modern-ja-200d"),
        ("similarity", "word1\tword2\tscore\n猫\t犬\t3\n男\t女\t4\n魚\t肉\t1\n", "modern-ja-200d"),
        ("similarity", "cat\tdog\t3\nman\twoman\t4\nfish\tmeat\t1\n", "glove-6b-50d"),
        ("analogies", ": capitals\nパリ フランス ロンドン 英国\n", "modern-ja-200d"),
        ("analogies", "king queen man woman\n", "glove-6b-50d"),
    ],
)
def test_gold_data_chooses_word_vectors(invoke: Invoke, command: str, gold: str, model: str) -> None:
    done = invoke("evaluate", command, "-f", "jsonl", stdin=gold)
    assert {record["model"] for record in records(done, done.exit_code)} == {model}


def test_a_query_chooses_word_vectors(invoke: Invoke) -> None:
    for words, model in {("king", "man", "woman"): "glove-6b-50d", ("王", "男", "女"): "modern-ja-200d"}.items():
        assert models(invoke("analogy", *words), "analogy") == [model]
    assert models(invoke("neighbors", stdin="cat\n猫\nねこ\n"), "neighbors") == [
        "glove-6b-50d",
        *["modern-ja-200d"] * 2,
    ]


@pytest.mark.parametrize(
    ("model", "word", "hint"),
    [
        ("modern-ja-200d", "king", "its words are ja: -m glove-6b-50d has others"),
        ("glove-6b-50d", "猫", "its words are en: -m modern-ja-200d has others"),
        ("glove-6b-50d", "кот", None),
        ("glove-6b-50d", "kingg", None),
        ("modern-ja-200d", "ヴォヌロ", None),
    ],
)
def test_an_unknown_word_in_another_script_names_other_vectors(
    invoke: Invoke, model: str, word: str, hint: str | None
) -> None:
    done = invoke("neighbors", "-m", model, word)
    assert done.exit_code == 3
    assert (hint or "words are") in done.stderr if hint else "words are" not in done.stderr


def test_word_vectors_as_an_encoder_note_another_script(invoke: Invoke) -> None:
    done = invoke("embed", "-m", "glove-6b-50d", stdin="king 猫\n猫が鳴く\n")
    assert fields(done, "embed", "n_unknown", "unseen_script") == [(1, None), (1, "Japanese")]
    assert UNSEEN.format("glove-6b-50d", "en", "Japanese 1; -m sbert-mini-ja-en knows Japanese") in done.stderr
