"""``search --tokens``: the occurrences of a word, those first that are meant as in the query."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result
from hypothesis import given
from hypothesis import strategies as st
from program import invoke, records

from nlptool.text.occurrences import marked, occurrences, words_between_signs

SENTENCES = (
    "The bank raised its rates.", "The boat drifted to the muddy bank.", "Banks are closed.", "He put cash in the BANK.",
    "Trees grow along the bank of the stream.",
)  # fmt: skip
RIVER = "We had a picnic on the [[bank]] of the river."
MONEY = "I went to the bank to deposit my money."


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "banks.txt"
    path.write_text("\n".join(SENTENCES), encoding="utf-8")
    return path


def search(corpus: Path, *arguments: str, stdin: str = "", code: int = 0) -> list[dict[str, Any]]:
    return records(invoke("search", "--tokens", "--corpus", str(corpus), *arguments, stdin=stdin), code=code)


def texts(record: dict[str, Any]) -> list[str]:
    return [each["text"] for each in record["neighbors"]]


def test_those_that_mean_the_same_come_first(corpus: Path) -> None:
    (river,) = search(corpus, RIVER)
    assert texts(river)[0] == SENTENCES[4]
    first = river["neighbors"][0]
    assert (first["index"], first["file"], first["line"]) == (4, str(corpus), 5)
    assert (first["start"], first["end"], first["word"]) == (21, 25, "bank")
    assert river["word"] == "bank"
    assert river["nlptool"]["search"] == {"model": "all-MiniLM-L6-v2", "layer": 6, "n_compared": 4}
    assert "Banks are closed." not in texts(river)
    (money,) = search(corpus, "--word", "bank", MONEY, "-k", "2")
    assert sorted(texts(money)) == [SENTENCES[3], SENTENCES[0]]


def test_similarities_are_the_cosines_of_the_words_vectors(corpus: Path) -> None:
    (found,) = search(corpus, RIVER)
    lines = "\n".join([RIVER.replace("[", "").replace("]", ""), *SENTENCES])
    embedded = records(
        invoke("embed", "--tokens", "--pool-words", "mean", "-m", "all-MiniLM-L6-v2", stdin=lines), code=0
    )
    own = next(token["vector"] for token in embedded[0]["token_vectors"] if token["text"] == "bank")
    other = next(token["vector"] for token in embedded[5]["token_vectors"] if token["text"] == "bank")
    cosine = np.dot(own, other) / np.linalg.norm(own) / np.linalg.norm(other)
    assert found["neighbors"][0]["similarity"] == pytest.approx(cosine, abs=1e-5)


def test_records_may_name_the_place_of_their_word(corpus: Path) -> None:
    query = {"id": 7, "text": MONEY, "start": 14, "end": 18}
    (found,) = search(corpus, "-k", "1", stdin=json.dumps(query))
    assert found["id"] == 7
    assert found["word"] == "bank"
    assert texts(found)[0] in (SENTENCES[0], SENTENCES[3])
    (wrong,) = search(corpus, stdin=json.dumps({"text": "a", "start": 3, "end": 9}), code=3)
    assert "not within the text" in wrong["nlptool"]["error"]["message"]


def test_any_word_finds_others(corpus: Path) -> None:
    (found,) = search(corpus, "--any", RIVER, "-k", "100")
    assert found["nlptool"]["search"]["n_compared"] == sum(len(text.split()) for text in SENTENCES)
    assert {"bank", "stream", "Banks"} <= {each["word"] for each in found["neighbors"]}
    scores = [each["similarity"] for each in found["neighbors"]]
    assert scores == sorted(scores, reverse=True)


def test_japanese_and_a_word_that_is_not_there(corpus: Path, tmp_path: Path) -> None:
    path = tmp_path / "apples.txt"
    path.write_text("アップルの株価が上がった。\nアップルパイを焼いた。\n果物\n", encoding="utf-8")
    (found,) = search(path, "[[アップル]]が新しいパソコンを売る。")
    assert len(found["neighbors"]) == 2
    assert found["nlptool"]["search"]["model"] == "bert-mini-ja"
    (none,) = search(path, "[[犬]]が走る。")
    assert none["neighbors"] == []
    unmarked, _ = search(path, "--word", "猫", "犬が走る。", "鳥が鳴く。", code=3)
    assert "'猫' is not in the query" in unmarked["nlptool"]["error"]["message"]
    (missing,) = search(path, "犬が走る。", code=3)
    assert "no word of the query is marked" in missing["nlptool"]["error"]["message"]


def test_an_archive_of_words_is_a_corpus(corpus: Path, tmp_path: Path) -> None:
    archive = tmp_path / "words.npz"
    arguments = ("--tokens", "--pool-words", "mean", "-m", "all-MiniLM-L6-v2", "-o", str(archive), str(corpus))
    assert invoke("embed", *arguments).exit_code == 0
    (found,) = search(archive, RIVER)
    assert [each["id"] for each in found["neighbors"]] == ["5", "2", "4", "1"] or found["neighbors"][0]["id"] == "5"
    assert sorted(each["word"] for each in found["neighbors"]) == ["BANK.", "bank", "bank", "bank."]
    (every,) = search(archive, "--any", RIVER, "-k", "100")
    assert len(every["neighbors"]) == sum(len(text.split()) for text in SENTENCES)
    other = invoke("search", "--tokens", "--layer", "2", "--corpus", str(archive), RIVER)
    assert other.exit_code == 1
    assert "-m all-MiniLM-L6-v2 --layer 6" in other.stderr
    pieces = tmp_path / "pieces.npz"
    assert invoke("embed", "--tokens", "-o", str(pieces), str(corpus)).exit_code == 0
    refused = invoke("search", "--tokens", "--corpus", str(pieces), RIVER)
    assert "holds pieces, and no vector for each word" in refused.stderr


def test_what_is_no_corpus_of_words_says_why(corpus: Path, tmp_path: Path) -> None:
    def refused(path: Path) -> str:
        result: Result = invoke("search", "--tokens", "--corpus", str(path), RIVER)
        assert (result.exit_code, result.stdout) == (1, "")
        return result.stderr

    index = tmp_path / "texts.index"
    assert invoke("index", "build", "-m", "static-ja-en", "-o", str(index), str(corpus)).exit_code == 0
    assert "is an index of texts, and has no vectors of their words" in refused(index)
    archive = tmp_path / "words.npz"
    arguments = ("--tokens", "--pool-words", "mean", "-m", "all-MiniLM-L6-v2", "-o", str(archive), str(corpus))
    assert invoke("embed", *arguments).exit_code == 0
    archive.write_bytes(archive.read_bytes()[:2_000])
    assert "words.npz is no archive of nlptool embed --tokens, or is damaged" in refused(archive)
    np.savez(archive, vectors=np.zeros((1, 2)))
    assert "is no archive of nlptool embed --tokens, or is damaged: it lacks" in refused(archive)


def test_of_two_marked_words_none_is_chosen(corpus: Path) -> None:
    (record,) = search(corpus, "the [[bank]] of a [[river]]", code=3)
    assert "two words are marked, 'bank' and 'river'" in record["nlptool"]["error"]["message"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--tokens", "--measure", "dot"], "--tokens makes no use of --measure"),
        (["--tokens", "--layer", "all"], "--layer all gives several vectors"),
        (["--word", "bank"], "--word goes with --tokens alone"),
        (["--any"], "--any goes with --tokens alone"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str, corpus: Path) -> None:
    result: Result = invoke("search", "--corpus", str(corpus), RIVER, *arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_occurrences_and_marks() -> None:
    assert occurrences("Cat, cats, a CAT and concat.", "cat") == [(0, 3), (13, 16)]
    assert occurrences("子猫と猫", "猫") == [(1, 2), (3, 4)]
    assert occurrences("a+b a+b", "a+b") == [(0, 3), (4, 7)]
    assert marked("on the [[bank]] of [[it]]") == ("on the bank of [[it]]", (7, 11))
    assert marked("no [mark]") is None
    assert [("It's a well-known cat."[a:b]) for a, b in words_between_signs("It's a well-known cat.")] == [
        "It's", "a", "well-known", "cat",
    ]  # fmt: skip


@given(st.text(max_size=20), st.text(min_size=1, max_size=3))
def test_an_occurrence_is_the_word(text: str, word: str) -> None:
    for start, end in occurrences(text, word):
        assert text[start:end].casefold() == word.casefold() or text[start:end].lower() == word.lower()
