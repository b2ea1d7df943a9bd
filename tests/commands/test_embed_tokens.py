"""``embed --tokens``: the command line, its formats, and what it refuses."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
from click.testing import Result
from program import invoke, records

LINES = "猫が魚を食べる。\n\nＡＢＣ　が か\u3099 🎉\n"


def run(*arguments: str, stdin: str | bytes = LINES) -> Result:
    return invoke("embed", "--tokens", *arguments, stdin=stdin)


def test_pieces_with_their_places() -> None:
    first, empty, third = records(run())
    found = first["token_vectors"]
    assert [token["text"] for token in found] == ["猫", "が", "魚", "を", "食べる", "。"]
    assert [list(token) for token in found] == [["text", "start", "end", "piece", "vector"]] * 6
    assert len(found[0]["vector"]) == 320
    assert first["nlptool"]["embed"] == {"model": "bert-mini-ja", "layer": 4, "n_tokens": 6}
    assert empty["token_vectors"] == []
    text = str(third["text"])
    assert all(text[token["start"] : token["end"]] == token["text"] for token in third["token_vectors"])
    assert [token["text"] for token in third["token_vectors"]] == ["Ａ", "ＢＣ", "が", "か\u3099", "🎉"]
    assert third["nlptool"]["embed"]["n_unknown"] == 1


def test_words_are_those_of_mecab_or_stand_between_blanks() -> None:
    (japanese,) = records(run("--pool-words", "mean", stdin="東京スカイツリーに行った\n"))
    tokens = [token["text"] for token in japanese["token_vectors"]]
    (own,) = records(invoke("tokenize", stdin="東京スカイツリーに行った\n"))
    assert tokens == [token["surface"] for token in own["tokens"]]
    (english,) = records(run("--pool-words", "first", stdin="It's a well-known cat.\n"))
    assert [token["text"] for token in english["token_vectors"]] == ["It's", "a", "well-known", "cat."]
    assert english["nlptool"]["embed"]["model"] == "bert-mini-en"
    assert english["nlptool"]["embed"]["pool_words"] == "first"


def test_words_are_the_mean_or_the_first_of_their_pieces() -> None:
    text = "Unbelievable tokenizations happened.\n"
    (pieces,) = records(run(stdin=text))
    for way in ("mean", "first"):
        (words,) = records(run("--pool-words", way, stdin=text))
        for word in words["token_vectors"]:
            own = np.array(
                [
                    piece["vector"]
                    for piece in pieces["token_vectors"]
                    if piece["start"] < word["end"] and piece["end"] > word["start"]
                ]
            )
            expected = own.mean(axis=0) if way == "mean" else own[0]
            assert np.allclose(word["vector"], expected, atol=1e-5)


def test_words_that_a_record_brings_along_are_used() -> None:
    """As tokenize writes them, as strings with the text, or as strings that make the text."""
    tokenized = invoke("tokenize", stdin="猫が魚を食べる。\n").stdout
    (record,) = records(run("--pool-words", "mean", stdin=tokenized))
    assert [token["text"] for token in record["token_vectors"]] == ["猫", "が", "魚", "を", "食べる", "。"]
    assert record["tokens"][0]["lemma"] == "猫"  # kept as it was
    given = [
        {"text": "The cat's fish", "tokens": ["The", "cat", "'s", "fish"]},
        {"tokens": ["The", "fish"]},
        {"text": "a b", "tokens": ["a", "c"]},
        {"text": "a b", "tokens": [{"surface": "a", "start": 0, "end": 9}]},
        {"text": "a b", "tokens": "a b"},
        {"text": "a b", "tokens": [3]},
        {"text": "a b", "tokens": []},
    ]
    found = records(run("--pool-words", "mean", stdin="".join(f"{json.dumps(each)}\n" for each in given)), code=3)
    assert [token["text"] for token in found[0]["token_vectors"]] == ["The", "cat", "'s", "fish"]
    assert found[1]["text"] == "The fish"
    assert [token["start"] for token in found[1]["token_vectors"]] == [0, 4]
    messages = [record["nlptool"]["error"]["message"] for record in found[2:6]]
    assert "word 2, `c`, is not where it should be in the text" in messages[0]
    assert "`tokens` does not say where its words stand in the text" in messages[1]
    assert "`tokens` holds a string, not a list" in messages[2]
    assert "`tokens` is a list of words, and number 1 is a number" in messages[3]
    assert found[6]["token_vectors"] == []


def test_layers() -> None:
    (every,) = records(run("--layer", "all", stdin="猫\n"))
    layers = every["token_vectors"][0]["layers"]
    assert np.shape(layers) == (5, 320)
    assert every["nlptool"]["embed"]["layer"] == "all"
    for chosen, number in (("0", 0), ("2", 2), ("-1", 4), ("-5", 0)):
        (record,) = records(run("--layer", chosen, stdin="猫\n"))
        assert np.allclose(record["token_vectors"][0]["vector"], layers[number], atol=1e-5)
        assert record["nlptool"]["embed"]["layer"] == number
    (joined,) = records(run("--layer", "last4", stdin="猫\n"))
    assert np.allclose(joined["token_vectors"][0]["vector"], np.concatenate(layers[1:]), atol=1e-5)


def test_formats_hold_the_same_numbers(tmp_path: Path) -> None:
    plain = records(run("--deterministic", "--pool-words", "mean"))
    tokens = [token for record in plain for token in record["token_vectors"]]
    archive = np.load(io.BytesIO(run("--deterministic", "--pool-words", "mean", "-f", "npz").stdout_bytes))
    assert archive["vectors"].dtype == np.float32
    assert np.array_equal(archive["vectors"], np.array([token["vector"] for token in tokens], np.float32))
    assert archive["texts"].tolist() == [token["text"] for token in tokens]
    assert archive["starts"].tolist() == [token["start"] for token in tokens]
    assert archive["ends"].tolist() == [token["end"] for token in tokens]
    assert archive["records"].tolist() == [0] * 6 + [2] * 5
    assert archive["ids"].tolist() == ["1"] * 6 + ["3"] * 5
    out = tmp_path / "words.parquet"
    assert run("--deterministic", "--pool-words", "mean", "-o", str(out)).exit_code == 0
    table = pyarrow.parquet.read_table(out)
    assert table.column_names == ["text", "index", "token", "start", "end", "vector", "error"]
    rows = [row for row in table.to_pylist() if row["token"] is not None]
    assert np.array_equal(np.array([row["vector"] for row in rows], np.float32), archive["vectors"])
    assert [row["index"] for row in rows] == archive["records"].tolist()
    csv = run("--deterministic", "--pool-words", "mean", "-f", "csv").stdout.splitlines()
    assert csv[0] == "text,index,token,start,end,vector,error"
    assert len(csv) == 1 + 6 + 1 + 5  # the empty line has one without a token


def test_all_layers_are_an_array_or_columns(tmp_path: Path) -> None:
    archive = np.load(io.BytesIO(run("--layer", "all", "--precision", "float16", "-f", "npz").stdout_bytes))
    assert archive["vectors"].shape == (11, 5, 320)
    assert archive["vectors"].dtype == np.float16
    out = tmp_path / "words.parquet"
    assert run("--layer", "all", "-o", str(out)).exit_code == 0
    table = pyarrow.parquet.read_table(out)
    assert table.column_names[6:] == ["layer_0", "layer_1", "layer_2", "layer_3", "layer_4", "error"]
    rows = [row for row in table.to_pylist() if row["token"]]
    assert np.allclose([row["layer_3"] for row in rows], archive["vectors"][:, 3], atol=1e-2)


def test_a_word_without_a_piece_has_no_vector() -> None:
    """A control character, which the tokenizer leaves out."""
    text = json.dumps({"text": "a \u0001 b", "tokens": ["a", "\u0001", "b"]}) + "\n"
    (record,) = records(run("-m", "bert-mini-en", "--pool-words", "mean", stdin=text))
    assert [token["vector"] is None for token in record["token_vectors"]] == [False, True, False]
    assert record["nlptool"]["embed"]["n_without_vector"] == 1
    archive = np.load(
        io.BytesIO(run("-m", "bert-mini-en", "--pool-words", "mean", "-f", "npz", stdin=text).stdout_bytes)
    )
    assert np.isnan(archive["vectors"]).all(axis=1).tolist() == [False, True, False]


def test_long_texts_are_read_in_windows() -> None:
    (record,) = records(run("--max-length", "16", stdin="猫が魚を食べる。" * 20 + "\n"))
    assert len(record["token_vectors"]) == 120
    assert record["nlptool"]["embed"]["n_windows"] > 8


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--as", "query"], "--tokens makes no use of --as"),
        (["--dim", "3"], "--tokens makes no use of --dim"),
        (["--on-long", "chunk"], "--tokens makes no use of --on-long"),
        (["-f", "npy"], "-f npy has no place for tokens"),
        (["--precision", "int8"], "float32 or float16"),
        (["--layer", "5"], "bert-mini-ja has no such layer; 0 is the output of its embeddings, 4 its last layer"),
        (["--layer", "x"], "neither the number of a layer nor all or last4"),
        (["-m", "sbert-mini-ja-en", "--layer", "last4"], "sbert-mini-ja-en has 3 layers"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr


def test_options_of_tokens_need_tokens() -> None:
    for arguments in (["--layer", "2"], ["--pool-words", "mean"]):
        result = invoke("embed", *arguments, stdin="a\n")
        assert result.exit_code == 2
        assert f"{arguments[0]} goes with --tokens alone" in result.stderr


def test_a_static_model_is_refused() -> None:
    result = run("-m", "static-ja-en")
    assert result.exit_code == 4
    assert "a word has the same vector in every context" in result.stderr
    assert "-m bert-mini-ja" in result.stderr
