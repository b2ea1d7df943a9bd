"""analogy, neighbors, odd-one-out, evaluate, vectors and embed with word vectors, as a user calls them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import word_models
from click.testing import CliRunner, Result
from gensim.models import KeyedVectors
from program import parse_records, records

import nlptool
from nlptool.cli import main
from nlptool.models.words.ngrams import Ngrams
from nlptool.models.words.vectors import WordVectors

WORDS = [
    "king",
    "queen",
    "man",
    "woman",
    "New York",
    "猫",
    "犬",
    "りんご",
    "林檎",
    "走る",
    "the",
    "new",
    "york",
    "東京",
    "大学",
]


def call(*arguments: str, text: str | bytes = "") -> Result:
    return CliRunner().invoke(main.root, list(arguments), input=text if isinstance(text, bytes) else text.encode())


@pytest.fixture
def model(tmp_path: Path) -> str:
    vectors = np.random.default_rng(11).normal(size=(len(WORDS), 8))
    return str(word_models.write(tmp_path / "v", vectors, WORDS, tokenizer="unidic", lowercase=False))


def words_of(record: dict[str, Any], field: str) -> list[str]:
    return [answer["word"] for answer in record[field]]


def test_arguments_lines_and_records_get_the_same_answers(model: str) -> None:
    first = records(call("analogy", "-m", model, "king", "man", "woman"))[0]
    as_line = records(call("analogy", "-m", model, text="king man woman\n"))[0]
    as_tabs = records(call("analogy", "-m", model, text="king\tman\twoman\n"))[0]
    as_record = records(call("analogy", "-m", model, text='{"query": ["king", "man", "woman"], "n": 1.10}\n'))[0]
    assert first["answers"] == as_line["answers"] == as_tabs["answers"] == as_record["answers"]
    assert list(first) == ["query", "answers", "nlptool"]
    assert list(as_line) == ["text", "query", "answers", "nlptool"]
    assert as_record["n"] == 1.10
    assert len(first["answers"]) == 10
    assert not {"king", "man", "woman"} & set(words_of(first, "answers"))


def test_a_word_with_a_blank_is_one_word_between_tabs(model: str) -> None:
    record = records(call("analogy", "-m", model, "-k", "1", text="New York\tman\twoman\n"))[0]
    assert record["query"] == ["New York", "man", "woman"]
    assert "words" not in record["nlptool"]["analogy"]


def test_each_word_is_a_query_of_its_own_and_sums_apply_to_all(model: str) -> None:
    vectors = WordVectors(Path(model))
    found = records(call("neighbors", "-m", model, "king", "猫", "--plus", "犬", "--minus", "the", "-k", "3"))
    assert [record["query"] for record in found] == ["king", "猫"]
    for record in found:
        units = {word: vectors.unit([vectors.words.index(word)])[0] for word in WORDS}
        total = units[record["query"]] + units["犬"] - units["the"]
        cosines = {word: float(total @ unit) / np.linalg.norm(total) for word, unit in units.items()}
        expected = sorted(set(WORDS) - {record["query"], "犬", "the"}, key=lambda word: -cosines[word])[:3]
        assert words_of(record, "neighbors") == expected
        assert record["neighbors"][0]["similarity"] == pytest.approx(cosines[expected[0]], abs=1e-6)
        assert record["nlptool"]["neighbors"] == {"model": model, "plus": ["犬"], "minus": ["the"]}


def test_odd_one_out_is_gensims(model: str) -> None:
    peer = KeyedVectors(8)
    vectors = WordVectors(Path(model))
    peer.add_vectors(WORDS, vectors.unit(np.arange(len(WORDS))))
    for words in (["king", "queen", "man", "猫"], ["猫", "犬", "りんご", "the", "woman"]):
        record = records(call("odd-one-out", "-m", model, *words))[0]
        assert record["odd"] == peer.doesnt_match(words)


@pytest.mark.parametrize(
    ("word", "how"),
    [
        ("New York", None),
        ("New  York", {"as": "New York"}),
        ("東京大学", {"parts": ["東京", "大学"]}),
        (" 猫 ", None),
    ],
)
def test_an_unknown_word_is_made_of_its_parts_and_the_record_says_so(model: str, word: str, how: Any) -> None:
    record = records(call("neighbors", "-m", model, text=f"{word}\n"))[0]
    assert record["nlptool"]["neighbors"].get("words") == (None if how is None else {word: how})


def test_an_unknown_word_gets_those_spelled_or_read_alike(model: str) -> None:
    done = call("neighbors", "-m", model, "リンゴ", "kinng", "wommen", "zzzz")
    assert done.exit_code == 3
    errors = [record["nlptool"]["error"] for record in parse_records(done.stdout_bytes)]
    assert errors[0]["read_alike"] == ["りんご", "林檎"]
    assert errors[1]["spelled_alike"] == ["king"]
    assert errors[2]["spelled_alike"] == ["women", "woman"][1:]
    assert (errors[3]["spelled_alike"], errors[3]["read_alike"]) == ([], [])
    assert {error["type"] for error in errors} == {"UnknownWord"}
    assert "read alike: りんご, 林檎" in done.stderr


def test_subwords_answer_for_unknown_words_and_say_so(tmp_path: Path) -> None:
    generator = np.random.default_rng(3)
    ngrams = Ngrams(generator.normal(size=(40, 5)).astype(np.float32), 2, 3)
    folder = word_models.write(tmp_path / "f", generator.normal(size=(3, 5)), ["cat", "dog", "bird"], ngrams=ngrams)
    record = records(call("neighbors", "-m", str(folder), "catfish", "-k", "3"))[0]
    assert record["nlptool"]["neighbors"]["words"] == {"catfish": {"subwords": True}}
    vectors = WordVectors(folder)
    expected = ngrams.vector("catfish")
    assert expected is not None
    cosines = vectors.unit(np.arange(3)) @ expected / np.linalg.norm(expected)
    assert [answer["similarity"] for answer in record["neighbors"]] == pytest.approx(sorted(cosines, reverse=True))


def test_the_script_of_the_query_decides_on_the_model() -> None:
    found = records(call("neighbors", "-k", "1", "猫", "cat", "カフェ", "café", "-q"))
    models = [next(iter(record["nlptool"].values())).get("model") for record in found]
    assert models[:3] == ["modern-ja-200d", "glove-6b-50d", "modern-ja-200d"]


def test_answers_keep_order_and_count_whatever_fails(model: str) -> None:
    words = ["king", "", "nope", "猫", "king"] * 40
    done = call("neighbors", "-m", model, "-k", "1", text="".join(f"{word}\n" for word in words))
    found = parse_records(done.stdout_bytes)
    assert [record["text"] for record in found] == words
    assert [("error" in record["nlptool"]) for record in found] == [word in ("", "nope") for word in words]
    assert done.exit_code == 3


@pytest.mark.parametrize("command", ["analogy", "neighbors", "odd-one-out"])
def test_a_query_that_is_none_is_an_error_record(model: str, command: str) -> None:
    given = ['{"query": 5}', '{"query": [1, 2, 3]}', '{"query": null}', '{"other": 1}', '{"query": {"a": 1}}']
    done = call(command, "-m", model, text="".join(f"{line}\n" for line in given))
    assert done.exit_code == 3
    assert all("error" in record["nlptool"] for record in parse_records(done.stdout_bytes))
    assert len(parse_records(done.stdout_bytes)) == len(given)


@pytest.mark.parametrize("command", ["analogy", "neighbors", "odd-one-out"])
def test_half_a_character_is_an_error_record(model: str, command: str) -> None:
    query = '"\\ud800"' if command == "neighbors" else '["\\ud800", "king", "man"]'
    done = call(command, "-m", model, text=f'{{"query": {query}}}\n')
    assert (done.exit_code, parse_records(done.stdout_bytes)[0]["nlptool"]["error"]["type"]) == (3, "LoneSurrogate")


def test_an_argument_that_is_not_utf8_is_wrong_usage(model: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "nlptool", "neighbors", "-m", model, b"\xff"], capture_output=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"an argument is not UTF-8" in done.stderr


def test_a_sum_that_is_nothing_has_no_neighbors(model: str) -> None:
    for arguments in (("neighbors", "king", "--minus", "king"),):
        done = call(*arguments, "-m", model)
        assert (done.exit_code, parse_records(done.stdout_bytes)[0]["nlptool"]["error"]["type"]) == (3, "ZeroVector")


@pytest.mark.parametrize(
    ("format", "load"),
    [
        ("word2vec", lambda path: KeyedVectors.load_word2vec_format(path, binary=True)),
        ("word2vec-text", KeyedVectors.load_word2vec_format),
        ("glove", lambda path: KeyedVectors.load_word2vec_format(path, no_header=True)),
    ],
)
def test_convert_writes_what_gensim_reads_and_reads_it_back(
    model: str, tmp_path: Path, format: str, load: Callable[[str], Any]
) -> None:
    target = str(tmp_path / "out")
    assert call("vectors", "convert", model, "--to", format, "-o", target).exit_code == 0
    peer = load(target)
    assert peer.index_to_key == [word.replace(" ", "_") for word in WORDS]
    vectors = WordVectors(Path(model))
    everything = np.arange(len(WORDS))
    assert peer.vectors.tobytes() == vectors.vector(everything).tobytes()
    assert call("vectors", "convert", target, "-o", str(tmp_path / "back")).exit_code == 0
    back = WordVectors(tmp_path / "back")
    assert back.vector(everything).tobytes() == vectors.vector(everything).tobytes()
    # The file itself is a model too.
    found = records(call("neighbors", "-m", target, "-k", "2", "猫"))[0]
    assert words_of(found, "neighbors") == words_of(
        records(call("neighbors", "-m", model, "-k", "2", "猫"))[0], "neighbors"
    )


def test_select_keeps_the_words_asked_for_in_the_models_order(model: str, tmp_path: Path) -> None:
    done = call("vectors", "select", model, "犬", "nope", "king", "--top", "2", "-o", str(tmp_path / "s"))
    assert done.exit_code == 3
    assert "lacks 1 of the words: nope" in done.stderr
    assert WordVectors(tmp_path / "s").words == ["king", "queen", "犬"]
    printed = records(call("vectors", "select", model, "--words-from", "-", text="猫\nking\n"))
    assert [record["word"] for record in printed] == ["猫", "king"]
    assert np.linalg.norm(printed[0]["vector"]) == pytest.approx(printed[0]["norm"], rel=1e-6)


def test_info_says_what_there_is(model: str) -> None:
    about = records(call("vectors", "info", model, "-f", "jsonl"))[0]
    assert (about["n_words"], about["dimension"], about["tokenizer"], about["n_zero"]) == (len(WORDS), 8, "unidic", 0)
    assert about["first_words"] == WORDS[:10]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("convert", "nowhere.bin", "-o", "x"), 4, "no word vectors nowhere.bin"),
        (("convert", "MODEL"), 2, "-o PATH is missing: the output file or folder"),
        (("convert", "MODEL", "--to", "glove", "--precision", "int8", "-o", "x"), 2, "--precision is of nlptool's own"),
        (("convert", "MODEL", "--to", "word2vec", "-o", "/dev/full"), 1, "cannot write /dev/full"),
        (("select", "MODEL"), 2, "which words?"),
        (("select", "MODEL", "nope", "-o", "x"), 1, "none of the words is there"),
        (("select", "MODEL", "--words-from", "nowhere.txt"), 1, "nowhere.txt: No such file"),
        (("info", "all-MiniLM-L6-v2"), 4, "is a model for embed"),
        (("info", "unidic-lite"), 4, "is a model for tokenize"),
        (("info", "org/name"), 4, "takes no word vectors"),
        (("info", ""), 4, "no word vectors"),
    ],
)
def test_what_cannot_be_done_with_vectors_is_said(
    model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = call("vectors", *(model if argument == "MODEL" else argument for argument in arguments))
    assert (done.exit_code, done.stdout) == (code, "")
    assert message in done.stderr


def test_a_file_cut_in_half_is_refused_by_the_queries(model: str, tmp_path: Path) -> None:
    target = tmp_path / "half.bin"
    assert call("vectors", "convert", model, "--to", "word2vec", "-o", str(target)).exit_code == 0
    target.write_bytes(target.read_bytes()[: target.stat().st_size // 2])
    done = call("neighbors", "-m", str(target), "猫")
    assert (done.exit_code, done.stdout) == (4, "")
    assert f"of the {len(WORDS)} words that its header promises" in done.stderr


def test_built_in_vectors_work_without_a_writable_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NLPTOOL_CACHE", "/dev/null/cache")
    done = call("analogy", "king", "man", "woman", "-k", "1")
    assert done.exit_code == 0
    assert words_of(parse_records(done.stdout_bytes)[0], "answers") == ["queen"]
    assert "cannot be written" in done.stderr
    assert call("neighbors", "猫", "-k", "1").stderr == ""


def test_embed_takes_the_weighted_mean_of_the_words(tmp_path: Path) -> None:
    given = np.random.default_rng(8).normal(size=(4, 6)).astype(np.float32)
    counts = [600, 300, 60, 40]
    folder = str(word_models.write(tmp_path / "v", given, ["the", "cat", "dog", "sat"], counts=counts, n_tokens=1000,
                                   tokenizer="words", lowercase=True))  # fmt: skip
    text = "The cat sat unseen!\n\nnothing here\n"
    found = records(call("embed", "-m", folder, "--no-normalize", text=text))
    weights = 1e-3 / (1e-3 + np.asarray(counts) / 1000)
    expected = (given * weights[:, None])[[0, 1, 3]].mean(axis=0)
    assert found[0]["embedding"] == pytest.approx(expected.tolist(), rel=1e-5)
    assert found[0]["nlptool"]["embed"] == {"model": folder, "n_tokens": 3, "truncated": False, "n_unknown": 2}
    assert [record["embedding"] for record in found[1:]] == [None, None]
    assert [record["nlptool"]["embed"]["reason"] for record in found[1:]] == ["empty text", "no known word"]
    plain = records(call("embed", "-m", folder, "--no-normalize", "--weighting", "none", text=text))
    assert plain[0]["embedding"] == pytest.approx(given[[0, 1, 3]].mean(axis=0).tolist(), rel=1e-5)
    unit = records(call("embed", "-m", folder, "--dim", "3", text=text))[0]["embedding"]
    assert unit == pytest.approx((expected[:3] / np.linalg.norm(expected[:3])).tolist(), rel=1e-5)


def test_embed_uses_tokens_and_the_models_own_cut(model: str) -> None:
    by_text = records(call("embed", "-m", model, text="猫と犬が走る\n"))[0]
    tokens = call("tokenize", text="猫と犬が走る\n").stdout
    by_tokens = records(call("embed", "-m", model, text=tokens))[0]
    assert by_text["embedding"] == by_tokens["embedding"]
    assert by_text["nlptool"]["embed"]["n_tokens"] == 3
    other = json.dumps({"text": "the king", "tokens": [{"surface": "猫"}]})
    only = records(call("embed", "-m", model, text=f"{other}\n"))[0]
    assert only["embedding"] == records(call("embed", "-m", model, text="猫\n"))[0]["embedding"]


def test_embed_knows_words_by_their_subwords(tmp_path: Path) -> None:
    generator = np.random.default_rng(3)
    ngrams = Ngrams(generator.normal(size=(40, 5)).astype(np.float32), 2, 3)
    given = generator.normal(size=(2, 5)).astype(np.float32)
    folder = word_models.write(tmp_path / "f", given, ["cat", "dog"], ngrams=ngrams, tokenizer="whitespace")
    record = records(call("embed", "-m", str(folder), "--no-normalize", "--weighting", "none", text="cat catfish q\n"))[
        0
    ]
    vectors = [given[0], ngrams.vector("catfish"), ngrams.vector("q")]
    assert record["embedding"] == pytest.approx(np.mean(vectors, axis=0).tolist(), rel=1e-5)
    assert record["nlptool"]["embed"] == {
        "model": str(folder), "n_tokens": 3, "truncated": False, "n_unknown": 0, "n_subwords": 2,
    }  # fmt: skip


def test_embed_takes_records_that_have_tokens_alone_for_word_vectors(model: str) -> None:
    done = call(
        "embed", "-m", model, text='{"tokens": ["猫", "犬"], "id": 1}\n{"id": 2}\n{"text": "猫", "tokens": [1, 2]}\n'
    )
    found = parse_records(done.stdout_bytes)
    assert done.exit_code == 3
    assert found[0]["nlptool"]["embed"]["n_tokens"] == 2
    assert found[1]["nlptool"]["error"]["type"] == "MissingField"
    assert found[2]["nlptool"]["embed"]["n_tokens"] == 1


def test_embed_is_the_same_with_workers_and_for_each_batch(model: str) -> None:
    text = "".join(f"{first}と{second}\n" for first in ("猫", "犬", "東京") for second in ("りんご", "大学", "x")) * 9
    one = call("embed", "-m", model, text=text).stdout
    assert call("embed", "-m", model, "-j", "2", text=text).stdout == one
    single = [records(call("embed", "-m", model, text=f"{line}\n"))[0]["embedding"] for line in text.split("\n")[:9]]
    assert [record["embedding"] for record in records(call("embed", "-m", model, text=text))[:9]] == single


@pytest.mark.parametrize(
    "options", [("--quantize", "int8"), ("--engine", "torch"), ("--prompt", "x: "), ("--as", "query"), ("--dim", "99")]
)
def test_settings_of_networks_are_refused_for_word_vectors(model: str, options: tuple[str, str]) -> None:
    done = call("embed", "-m", model, *options, text="猫\n")
    assert (done.exit_code, done.stdout) == (1, "")


def test_unknown_words_are_skipped_and_counted_or_count_as_wrong(model: str) -> None:
    text = ": a\nking man queen woman\nking man queen nope\n: b\nnope x y z\n"
    found = records(call("evaluate", "analogies", "-m", model, text=text))
    assert [record["section"] for record in found] == ["a", "b", "total"]
    assert [record["skipped"] for record in found] == [1, 1, 2]
    assert found[1]["accuracy"] is None
    assert found[2]["questions"] == 3
    strict = records(call("evaluate", "analogies", "-m", model, "--oov", "wrong", text=text))
    assert strict[2]["correct"] + strict[2]["wrong"] == 3
    assert {key: strict[2][key] for key in ("vocabulary", "case", "oov")} == {
        "vocabulary": 15,
        "case": "fold",
        "oov": "wrong",
    }


def test_similarity_is_scipys_on_the_pairs_that_are_known(model: str) -> None:
    from scipy.stats import pearsonr, spearmanr

    vectors = WordVectors(Path(model))
    pairs = [("king", "queen", 3.5), ("猫", "犬", 9.0), ("the", "man", 1.0), ("woman", "york", 0.5)]
    text = "w1\tw2\tscore\n" + "".join(f"{a}\t{b}\t{score}\n" for a, b, score in pairs) + "king\tnope\t4\n"
    found = records(call("evaluate", "similarity", "-m", model, text=text))
    units = {word: vectors.unit([index])[0] for index, word in enumerate(WORDS)}
    cosines = [float(units[a] @ units[b]) for a, b, _ in pairs]
    scores = [score for _, _, score in pairs]
    assert (found[0]["pairs"], found[0]["used"], found[0]["skipped"]) == (5, 4, 1)
    assert found[0]["spearman"] == pytest.approx(spearmanr(cosines, scores).statistic, abs=1e-4)
    assert found[0]["pearson"] == pytest.approx(pearsonr(cosines, scores).statistic, abs=1e-4)


@pytest.mark.parametrize(
    ("line", "is_pair"),
    [
        ("king queen 4.5", True), ("king\tqueen\tN\t1.58\t6.1", True), ("New York\tking\t5", True), ("king, queen, 2", True),
        ("king queen nan", False), ("king queen inf", False), ("king 5", False), ("king queen", False),
    ],
)  # fmt: skip
def test_a_pair_is_two_words_and_the_first_number_behind_them(model: str, line: str, is_pair: bool) -> None:
    separator = next((mark for mark in "\t," if mark in line), " ")
    done = call("evaluate", "similarity", "-m", model, text=f"{line}\n{separator.join(('king', 'man', '1'))}\n")
    assert (done.exit_code, parse_records(done.stdout_bytes)[0]["used"]) == ((0, 2) if is_pair else (3, 1))


PAIRS_OF_WORDS = [("king", "queen", 3.5), ("猫", "犬", 9.0), ("the", "man", 1.0), ("woman", "New York", 0.5)]


@pytest.mark.parametrize(
    "write",
    [
        lambda pairs: "".join(f'"{a}","{b}",{score}\n' for a, b, score in pairs),
        lambda pairs: "".join(f'"{a}", "{b}", {score}\r\n' for a, b, score in pairs),
        lambda pairs: "\ufeffWord 1,Word 2,Human (mean)\n" + "".join(f'{a},"{b}",{score}\n' for a, b, score in pairs),
        lambda pairs: "".join(f'"{a}"\t"{b}"\t{score}\n' for a, b, score in pairs),
        lambda pairs: (
            ": all\n// SimLex\nword1\tword2\tPOS\tSimLex999\tSD\n"
            + "".join(f"{a}\t{b}\tN\t{score}\t1\n" for a, b, score in pairs)
        ),
        lambda pairs: json.dumps([dict(zip(("word1", "word2", "score"), pair, strict=True)) for pair in pairs]),
    ],
)
def test_quotes_headers_and_more_columns_change_nothing(model: str, write: Callable[..., str]) -> None:
    plain = "".join(f"{a}\t{b}\t{score}\n" for a, b, score in PAIRS_OF_WORDS)
    (expected,) = records(call("evaluate", "similarity", "-m", model, text=plain))
    assert expected["used"] == len(PAIRS_OF_WORDS)
    assert records(call("evaluate", "similarity", "-m", model, text=write(PAIRS_OF_WORDS))) == [expected]


def test_columns_of_words_and_ratings_can_be_named(model: str) -> None:
    plain = "".join(f"{a}\t{b}\t{score}\n" for a, b, score in PAIRS_OF_WORDS)
    table = "n,score,left,right,gold\n" + "".join(f"1,2,{a},{b},{score}\n" for a, b, score in PAIRS_OF_WORDS)
    expected = records(call("evaluate", "similarity", "-m", model, text=plain))
    names = ["--first", "left", "--second", "right", "--score", "gold"]
    assert records(call("evaluate", "similarity", "-m", model, *names, text=table)) == expected
    numbers = ["--first", "3", "--second", "4", "--score", "5"]
    assert records(call("evaluate", "similarity", "-m", model, *numbers, text=table)) == expected
    done = call("evaluate", "similarity", "-m", model, "--first", "a", "--second", "b", text=table)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "the first row has no columns a and b" in done.stderr
    assert "it has n, score, left, right, gold" in done.stderr


@pytest.mark.parametrize(
    "text",
    [
        ": royal\nking man queen woman\nman king woman queen\n",
        "\ufeff: royal\r\nking\tman\tqueen\twoman\r\nman\tking\twoman\tqueen\r\n",
        ': royal\n"king","man","queen","woman"\nman,king,"woman",queen\n',
        '# of kings\n: royal\n"king"\t"man"\t"queen"\t"woman"\n\nman\tking\twoman\tqueen\n',
    ],
)
def test_questions_may_be_a_table(model: str, text: str) -> None:
    found = records(call("evaluate", "analogies", "-m", model, text=text))
    assert [(record["section"], record["questions"], record["skipped"]) for record in found] == [
        ("royal", 2, 0),
        ("total", 2, 0),
    ]


@pytest.mark.parametrize(
    ("arguments", "text", "message"),
    [
        (("similarity",), "nope,king,1\nno,nope,2\n", "does not know: 2 of 2 (nope, no)"),
        (("similarity", "-q"), "nope,king,1\n", "does not know: 1 of 1 (nope)"),
        (("analogies",), "nope king man woman\n", "does not know: 1 of 1"),
    ],
)  # fmt: skip
def test_a_file_of_which_nothing_can_be_used_is_a_failure(
    model: str, arguments: tuple[str, ...], text: str, message: str
) -> None:
    done = call("evaluate", *arguments, "-m", model, text=text)
    assert done.exit_code == 1
    what = "questions" if "analogies" in arguments else "pairs"
    assert f"{what} with a word that {model} {message}" in done.stderr
    half = call("evaluate", *arguments, "-m", model, text=text + text.replace("nope", "queen").replace("no,", "man,"))
    assert half.exit_code == 0
    assert ("with a word that" in half.stderr) == ("-q" not in arguments)


@pytest.mark.parametrize(
    ("arguments", "text", "message"),
    [
        (("analogies",), "", "there are no questions"),
        (("analogies",), ": only a section\n", "there are no questions"),
        (("similarity",), "", "there are no pairs"),
        (("similarity",), "word1,word2,score\n", "there are no pairs"),
        (
            ("similarity",),
            "king;queen;3\nking;man;1\n",
            "two words and a score with tabs, commas or blanks between them, this line has 1",
        ),
        (("similarity",), "king\tqueen\t3,5\nking\tman\t1,5\n", "<stdin>:1: the pair has no score: '3,5' is no number"),
        (("similarity",), '"king,queen,3\nking,man,1\n', "the quote that opens a cell of this row is not closed"),
    ],
)
def test_nothing_to_evaluate_is_an_error(model: str, arguments: tuple[str, ...], text: str, message: str) -> None:
    done = call("evaluate", *arguments, "-m", model, text=text)
    assert (done.exit_code, done.stdout) == (1, "")
    assert message in done.stderr


def test_the_card_of_aozora_shows_what_the_model_answers() -> None:
    folder = Path(nlptool.__file__).parent / "builtin" / "aozora-100d"
    rows = [
        line.strip("| ").split(" | ")
        for line in (folder / "README.md").read_text().split("\n")
        if line.startswith("| ")
    ]
    asked = [row for row in rows if " - " in row[0] and row[0] != "A - B + C"]
    assert len(asked) >= 30
    text = "".join(row[0].replace(" - ", " ").replace(" + ", " ") + "\n" for row in asked)
    found = records(call("analogy", "-m", "aozora-100d", "-k", "5", text=text))
    assert [" ".join(words_of(record, "answers")) for record in found] == [row[1] for row in asked]
    names = [row for row in rows if row[0] in ("猫", "東京", "学校")]
    neighbors = records(call("neighbors", "-m", "aozora-100d", *(row[0] for row in names)))
    assert [" ".join(words_of(record, "neighbors")) for record in neighbors] == [row[1] for row in names]


def test_aozora_is_small_enough_and_large_enough() -> None:
    vectors = WordVectors(Path(nlptool.__file__).parent / "builtin" / "aozora-100d")
    assert vectors.n_words >= 40_000
    assert sum(path.stat().st_size for path in vectors.folder.iterdir()) <= 8_000_000
    assert vectors.about["n_trained"] + vectors.about["n_thinned"] == 10 * vectors.about["n_in_vocabulary"]


_LOADED = """
import sys
from nlptool.cli.main import root
root({arguments!r}, standalone_mode=False)
print(sorted({{name.partition(".")[0] for name in sys.modules}} & {{"gensim", "scipy", "torch", "sklearn", "pandas",
      "transformers", "onnxruntime", "fugashi", "rapidfuzz", "pyarrow"}}), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "words", [["analogy", "king", "man", "woman"], ["neighbors", "猫"], ["odd-one-out", "a", "b", "c"]]
)
def test_a_query_imports_nothing_heavy(words: list[str]) -> None:
    CliRunner().invoke(main.root, words)  # what is converted once is converted now
    code = _LOADED.format(arguments=[*words, "-q"])
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == "[]\n"
    assert json.loads(done.stdout)["nlptool"]
