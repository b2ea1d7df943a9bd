"""What is said of texts that a model does not know: pieces that its vocabulary lacks, and scripts of other languages."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from program import Invoke, records

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
    note = UNSEEN.format(model, "ja, en", f"{script} 1; -m multilingual-e5-small knows it")
    assert (note in done.stderr) == (script is not None)


def test_the_scripts_of_all_texts_are_counted_once(invoke: Invoke) -> None:
    lines = "안녕\nмир\n猫\n한국어\n" * 100
    done = invoke("embed", "-m", "static-ja-en", "-f", "npy", "-o", "/dev/null", stdin=lines)
    assert UNSEEN.format("static-ja-en", "ja, en", "Hangul 200, Cyrillic 100; -m ") in done.stderr
    assert done.stderr.count("texts in a script") == 1


def test_a_model_for_english_is_not_told_to_know_japanese(invoke: Invoke) -> None:
    done = invoke("embed", "-m", "all-MiniLM-L6-v2", stdin="かな\nThe word 猫 means cat\n東京大学\n")
    assert fields(done, "embed", "unseen_script") == [("Japanese",), (None,), ("Han",)]
    assert UNSEEN.format("all-MiniLM-L6-v2", "en", "Japanese 1, Han 1; -m sbert-mini-ja-en knows it") in done.stderr


def test_a_model_for_a_hundred_languages_knows_their_scripts(invoke: Invoke) -> None:
    done = invoke("embed", "-m", "multilingual-e5-small", stdin="안녕하세요\nПривет\nสวัสดี\nᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ\n")
    assert fields(done, "embed", "unseen_script") == [(None,), (None,), (None,), ("Cherokee",)]
    assert UNSEEN.format("multilingual-e5-small", "ja, en, mul", "Cherokee 1\n") in done.stderr


def test_a_search_notes_the_corpus_and_the_queries(invoke: Invoke, tmp_path: Path) -> None:
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("안녕하세요\n주식이 떨어졌다\n猫\n", encoding="utf-8")
    done = invoke("search", "--corpus", str(corpus), stdin="안녕\n猫\n")
    assert fields(done, "search", "unseen_script") == [("Hangul",), (None,)]
    assert "Hangul 2; -m multilingual-e5-small" in done.stderr
    assert "Hangul 1; -m multilingual-e5-small" in done.stderr
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
    assert UNSEEN.format("all-MiniLM-L6-v2", "en", "Hangul 1; -m multilingual-e5-small knows it") in done.stderr
    assert (record["n_unknown"], record["n_unseen_script"]) == (2, 1)
    assert (record["pairs"], record["used"]) == (4, 4)
