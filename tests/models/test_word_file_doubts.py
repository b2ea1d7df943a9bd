"""Files of word vectors that are not what they seem to be: text that passes for binary numbers, headers that lie, commas for
points, words that are not UTF-8, and models of fastText from before it had a magic number."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from gensim.models import KeyedVectors
from gensim.models.fasttext import load_facebook_vectors
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from program import invoke, records

from nlptool.cli.main import root
from nlptool.errors import ModelError
from nlptool.models.words.formats.fasttext import is_fasttext
from nlptool.models.words.formats.read import read

KING = np.float32([0.9, 0.1, 0.2])
AFTER_HEADER = b"king 0.9 0.1 0.2\nman 0.7 0.1 0.6\nqueen 0.2 0.9 0.1\n"


def saved(folder: Path, data: bytes, name: str = "v") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def binary(words: list[bytes], vectors: np.ndarray, header: bytes | None = None) -> bytes:
    vectors = np.asarray(vectors)
    head = b"%d %d" % vectors.shape if header is None else header
    return head + b"\n" + b"".join(b"%b %b\n" % (word, row.tobytes()) for word, row in zip(words, vectors, strict=True))


def refused(path: Path, **options: str) -> str:
    with pytest.raises(ModelError) as caught:
        read(path, **options)
    return f"{caught.value.message}\n{caught.value.hint}"


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("between", [b"\n", b"\n\n\n", b"\r\n", b" \n", b"\t\n \n"])
def test_empty_lines_after_the_header_do_not_make_text_binary(
    tmp_path: Path, between: bytes, compress: Callable[[bytes], bytes]
) -> None:
    path = saved(tmp_path, compress(b"3 3\n" + between + AFTER_HEADER))
    found = records(invoke("vectors", "select", str(path), "king"))
    assert found[0]["vector"] == [pytest.approx(number) for number in KING]
    assert read(path).format == "word2vec-text"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (b"# from the corpus\n" + AFTER_HEADER, "v:2: 'from' is not a number"),
        (b"king\n" + AFTER_HEADER, "v:2: a word and 3 numbers are expected, there are 1 fields"),
        (b"king man queen\n" + AFTER_HEADER, "v:2: a word and 3 numbers are expected, there are 3 fields"),
        (b"\nking 0.9 0.1\n" + AFTER_HEADER, "v:3: a word and 3 numbers are expected, there are 3 fields"),
        (b"king 0.9 0.1 0.2 |\n" + AFTER_HEADER, "v:2: '|' is not a number"),
    ],
)
def test_text_after_a_header_that_is_no_vector_is_named_by_its_line(tmp_path: Path, lines: bytes, said: str) -> None:
    assert said in refused(saved(tmp_path, b"3 3\n" + lines))


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (b"2 4\nking 1,5 0,5 2,5 0,1\nman 1,5 0,7 2,0 0,6\n", "2: '1,5'"),
        (b"king 1,5 0,5 2,5 0,1\nman 1,5 0,7 2,0 0,6\n", "1: '1,5'"),
        (b"king 1 -0,5 2 1\nman 1 0,7 2 1\n", "1: '-0,5'"),
        (b"2 2\nking 1.5 0.5\nman 1.5 0,7\n", "3: '0,7'"),
        (b"king 1,5e-3 0,5\n", "1: '1,5e-3'"),
    ],
)
def test_a_decimal_comma_is_no_number(tmp_path: Path, data: bytes, place: str) -> None:
    done = invoke("vectors", "info", str(saved(tmp_path, data)))
    assert (done.exit_code, done.stdout) == (4, "")
    assert f"v:{place} is not a number" in done.stderr
    assert "decimal point" in done.stderr


def test_a_word_that_looks_like_a_number_with_a_comma_stays_a_word(tmp_path: Path) -> None:
    found = read(saved(tmp_path, b"1,5 0.5 0.25\nat 1,5 0.5 0.25\nb 1 2\nc 1 2\n"))
    assert found.words == ["1,5", "at 1,5", "b", "c"]


def some(n_words: int, dimension: int, size: float = 1.0) -> tuple[list[bytes], np.ndarray]:
    vectors = np.random.default_rng(3).standard_normal((n_words, dimension)).astype(np.float32) * np.float32(size)
    return [f"語{number}".encode() for number in range(n_words)], vectors


@settings(deadline=None, max_examples=100)
@given(n_words=st.integers(3, 40), dimension=st.integers(2, 50), exponent=st.integers(-8, 8), seed=st.integers(0, 99))
def test_vectors_of_any_usual_size_are_not_doubted(
    tmp_path_factory: pytest.TempPathFactory, n_words: int, dimension: int, exponent: int, seed: int
) -> None:
    vectors = np.random.default_rng(seed).standard_normal((n_words, dimension)).astype(np.float32)
    vectors[seed % n_words] = 0
    vectors *= np.float32(10.0**exponent)
    words = [f"w{number}".encode() for number in range(n_words)]
    path = saved(tmp_path_factory.mktemp("v"), binary(words, vectors))
    found = read(path)
    assert found.format == "word2vec" and found.notes == []
    assert found.vectors.tobytes() == vectors.tobytes()


@pytest.mark.parametrize("lie", [40, 99, 160])
def test_a_header_with_another_dimension_is_found_out_by_the_words(tmp_path: Path, lie: int) -> None:
    words, vectors = some(500, 100)
    said = refused(saved(tmp_path, binary(words, vectors, header=b"300 %d" % lie)))
    assert f"300 words of {lie} dimensions" in said
    assert "words are no words" in said and "--from" in said


def test_numbers_of_the_other_byte_order_are_found_out_by_their_sizes(tmp_path: Path) -> None:
    words, vectors = some(500, 100)
    path = saved(tmp_path, binary(words, vectors.astype(">f4")))
    assert "as of no word vectors" in refused(path)
    kept = read(path, format="word2vec")  # somebody says so: it is read, and said
    assert len(kept.words) > 300 and "as of no word vectors" in kept.notes[0]
    for size in (1e-20, 1e20):
        assert "as of no word vectors" in refused(saved(tmp_path, binary(words, vectors * np.float32(size))))


def test_text_that_is_called_binary_is_said_to_be_text(tmp_path: Path) -> None:
    path = saved(tmp_path, b"3 3\n\n" + AFTER_HEADER)
    found = read(path, format="word2vec")
    assert found.notes[0] == "the vectors of its words are text, not binary numbers: '0.9 0.1 0.2\\n'"
    # Not all of it is printable, and so it is taken for binary until its numbers are looked at.
    said = refused(saved(tmp_path, b"3 3\n\x00\xff\n" + AFTER_HEADER * 9))
    assert "'0.9 0.1 0.2" in said or "is not a number" in said or "text, not binary" in said


def test_words_with_control_characters_are_read_and_said(tmp_path: Path) -> None:
    words, vectors = some(20, 5)
    words[3], words[7] = b"a\x1b[31m", "b\x9d".encode()
    for data in (binary(words, vectors), b"".join(b"%b 1 2\n" % word for word in words)):
        found = read(saved(tmp_path, data))
        assert found.words[3] == "a\x1b[31m"
        assert found.notes == ["2 words hold control characters: 'a\\x1b[31m' (word 4), 'b\\x9d' (word 8)"]


CUT = ("日" * 33).encode() + b"\xe6"
NOT_UTF8 = [b"</s>", CUT, b"x", b"caf\xe9", b"\xff", b"caf\xe8", b"y"]


def files() -> list[Any]:
    vectors = np.float32([[number, number + 0.5] for number in range(1, 8)])
    lines = b"".join(b"%b %a %a\n" % (word, *row.tolist()) for word, row in zip(NOT_UTF8, vectors, strict=True))
    return [
        pytest.param("word2vec", binary(NOT_UTF8, vectors), id="binary"),
        pytest.param("word2vec-text", b"7 2\n" + lines, id="text"),
        pytest.param("glove", lines, id="glove"),
    ]


@pytest.mark.parametrize(("format", "data"), files())
@pytest.mark.parametrize("unicode_errors", ["ignore", "replace"])
def test_words_that_are_not_utf8_are_gensims(tmp_path: Path, format: str, data: bytes, unicode_errors: str) -> None:
    path = saved(tmp_path, data)
    found = read(path, unicode_errors=unicode_errors)
    theirs = KeyedVectors.load_word2vec_format(
        str(path), binary=format == "word2vec", no_header=format == "glove", unicode_errors=unicode_errors
    )
    expected = {word: row for word, row in zip(theirs.index_to_key, theirs.vectors, strict=True) if word}
    assert found.words == list(expected)
    np.testing.assert_array_equal(found.vectors, np.stack(list(expected.values())))
    repaired = next(note for note in found.notes if "not UTF-8" in note)
    # "\xff" alone is nothing without its byte, and the second caf was there before.
    assert repaired.startswith("2 words are" if unicode_errors == "ignore" else "3 words are")
    assert "(word 2)" in repaired
    assert any("they came before" in note and "(word 6)" in note for note in found.notes)


@pytest.mark.parametrize(("format", "data"), files())
def test_strict_refuses_the_file_with_the_number_of_the_word_and_the_option(
    tmp_path: Path, format: str, data: bytes
) -> None:
    path = saved(tmp_path, data)
    done = invoke("vectors", "convert", str(path), "-o", str(tmp_path / "out"))
    assert (done.exit_code, done.stdout) == (4, "")
    assert "word 2, '" in done.stderr and "\\xe6', is not UTF-8" in done.stderr
    assert "--unicode-errors replace" in done.stderr and "cuts long words" in done.stderr
    assert not (tmp_path / "out").exists()
    with pytest.raises(UnicodeDecodeError):
        KeyedVectors.load_word2vec_format(str(path), binary=format == "word2vec", no_header=format == "glove")


def test_text_in_another_encoding_is_told_which(tmp_path: Path) -> None:
    words = ["吾輩", "猫", "名前", "無い", "見当", "書生", "人間", "記憶", "笑う", "鳴く"]
    path = saved(tmp_path, "".join(f"{word} 1 2\n" for word in words).encode("cp932"))
    assert "perhaps the file is in cp932" in refused(path)


def test_each_way_of_reading_is_kept_apart_in_the_cache(tmp_path: Path) -> None:
    path = str(saved(tmp_path, binary(NOT_UTF8, np.ones((7, 2), np.float32))))
    words = {}
    for unicode_errors in ("ignore", "replace", "ignore"):
        about = records(invoke("vectors", "info", path, "-f", "jsonl", "--unicode-errors", unicode_errors))[0]
        words[unicode_errors] = about["first_words"]
        assert about["notes"]
    assert "日" * 33 in words["ignore"] and "日" * 33 + "\ufffd" in words["replace"]
    assert invoke("vectors", "info", path).exit_code == 4
    assert invoke("vectors", "info", path, "--unicode-errors", "backslashreplace").exit_code == 2


def commands_with_the_option(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(command, click.Group):
        for name in command.list_commands(click.Context(command)):
            inner = command.get_command(click.Context(command), name)
            assert inner is not None
            yield from commands_with_the_option(inner, (*path, name))
    elif any(parameter.name == "unicode_errors" for parameter in command.params):
        yield path


def test_every_command_that_reads_a_file_of_vectors_has_the_option(tmp_path: Path) -> None:
    path = str(saved(tmp_path, binary(NOT_UTF8, np.ones((7, 2), np.float32))))
    inputs = {"analogy": "x y x\n", "odd-one-out": "x y x\n", "similarity": "x\nx y\n"}
    more: dict[tuple[str, ...], list[str]] = {
        ("search",): ["--corpus", str(saved(tmp_path, b"x y\nx\n", "c"))],
        ("index", "build"): ["-o", str(tmp_path / "index")],
        ("vectors", "convert"): ["-o", str(tmp_path / "converted")],
        ("vectors", "select"): ["x"],
        ("evaluate", "sts"): ["-q"],
        ("cluster",): ["-k", "1"],
        ("dedup",): ["--method", "embedding"],
        ("keywords",): ["--method", "embedding"],
        ("map",): ["-o", str(tmp_path / "m.png"), "-q"],
    }
    gold = {("evaluate", "analogies"): "x y y x\n", ("evaluate", "similarity"): "x\ty\t3\ny\tx\t4\n"}
    gold[("evaluate", "sts")] = "x\ty\t3\ny\tx x\t4\nx\tx\t1\n"
    # index add and update take the model of the index; what is learned from is an encoder like any other.
    learned_from = {("train", "distil"), ("train", "autoencoder")}
    given = set(commands_with_the_option(root)) - {("index", "add"), ("index", "update"), *learned_from}
    assert len(given) >= 12
    for command in sorted(given):
        text = gold.get(command) or inputs.get(command[0], "x\ny\nx y\n")
        model = {"vectors": [path], "change": [path, path]}.get(command[0], ["-m", path])
        arguments = [*command, *model, *more.get(command, [])]
        strict = invoke(*arguments, stdin=text)
        assert strict.exit_code == 4 and "--unicode-errors replace" in strict.stderr, (command, strict.stderr)
        done = invoke(*arguments, "--unicode-errors", "replace", stdin=text)
        assert done.exit_code == 0, (command, done.stderr)


def old_fasttext(
    entries: list[tuple[bytes, int, int]], matrix: np.ndarray, *, model: int = 2, lengths: tuple[int, int] = (1, 2)
) -> bytes:
    """A file as fastText wrote it before February 2017: no magic, no version, no pruning, no bytes about quantization."""
    n_labels = sum(label for _, _, label in entries)
    n_words = len(entries) - n_labels
    arguments = [matrix.shape[1], 5, 5, 1, 5, 1, 2, model, len(matrix) - n_words, *lengths, 100]
    head = struct.pack("<12id3iq", *arguments, 1e-4, len(entries), n_words, n_labels, 9)
    dictionary = b"".join(word + b"\0" + struct.pack("<qb", count, label) for word, count, label in entries)
    output = np.zeros((len(entries), matrix.shape[1]), "<f4")
    return (
        head + dictionary + struct.pack("<2q", *matrix.shape) + matrix.astype("<f4").tobytes()
        + struct.pack("<2q", *output.shape) + output.tobytes()
    )  # fmt: skip


ENTRIES = [(b"</s>", 9, 0), ("猫が".encode(), 5, 0), (b"long-word", 3, 0), (b"a", 1, 0)]
MATRIX = np.random.default_rng(2).standard_normal((4 + 30, 5)).astype(np.float32)


@pytest.mark.parametrize("lengths", [(1, 2), (3, 6), (2, 3)])
@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_model_of_fasttext_without_its_magic_number_is_read_as_gensim_reads_it(
    tmp_path: Path, lengths: tuple[int, int], compress: Callable[[bytes], bytes]
) -> None:
    data = old_fasttext(ENTRIES, MATRIX, lengths=lengths)
    theirs = load_facebook_vectors(str(saved(tmp_path, data, "theirs.bin")))
    path = saved(tmp_path, compress(data), "ours.bin")
    found = read(path)
    assert found.format == "fasttext"
    assert sorted(found.words) == sorted(theirs.index_to_key)
    assert found.counts is not None and found.counts.tolist() == [9, 5, 3, 1]
    for word in found.words[1:]:  # gensim gives </s> n-grams, which fastText does not
        np.testing.assert_allclose(found.vectors[found.words.index(word)], theirs[word], atol=1e-6)
    assert found.ngrams is not None
    np.testing.assert_array_equal(found.ngrams.vectors, theirs.vectors_ngrams)
    unknown = records(invoke("neighbors", "-m", str(path), "猫が鳴く", "-k", "2"))[0]
    assert unknown["nlptool"]["neighbors"]["words"] == {"猫が鳴く": {"subwords": True}}
    assert len(unknown["neighbors"]) == 2


def test_an_old_classifier_of_fasttext_has_labels_and_no_ngrams(tmp_path: Path) -> None:
    found = read(saved(tmp_path, old_fasttext([*ENTRIES, (b"__label__a", 2, 1)], MATRIX, model=3)))
    assert found.words == ["</s>", "猫が", "long-word", "a"]
    assert found.vectors.tobytes() == MATRIX[:4].tobytes()
    assert found.ngrams is None and "1 labels were left out" in found.notes[0]


def test_wherever_an_old_model_of_fasttext_is_cut_it_is_refused(tmp_path: Path) -> None:
    data = old_fasttext(ENTRIES[:2], MATRIX[:6])
    assert read(saved(tmp_path, data)).words == ["</s>", "猫が"]
    for end in range(76, len(data)):
        said = refused(saved(tmp_path, data[:end]))
        assert "the file ends" in said or "can hold at most" in said
    assert "no binary model of fastText" in refused(saved(tmp_path, data[:60]), format="fasttext")


def test_a_word_of_fasttext_that_is_not_utf8_is_read_with_the_option_alone(tmp_path: Path) -> None:
    path = saved(tmp_path, old_fasttext([(b"a", 9, 0), (b"b\xff", 4, 0)], MATRIX[:6]))
    assert "word 2, 'b\\xff', is not UTF-8" in refused(path)
    assert read(path, unicode_errors="replace").words == ["a", "b\ufffd"]


@settings(deadline=None, max_examples=300)
@given(st.binary(min_size=76, max_size=76))
def test_other_bytes_are_not_taken_for_an_old_model_of_fasttext(head: bytes) -> None:
    assume(not head.startswith((793712314).to_bytes(4, "little")))
    values = struct.unpack("<12id3iq", head)
    assert not is_fasttext(head) or (values[6] in (1, 2, 3) and values[13] == values[14] + values[15])
    assert not is_fasttext(b"word 0.25 0.5 0.125 -0.25 0.75 1.5 2.5 -3.5 0.125 0.5 0.25 0.125 1 2 3 4 5 6\n")
