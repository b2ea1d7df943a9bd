"""Other programs' files of word vectors: gensim is the oracle, and no bytes whatever end in anything but vectors or a reason."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import resource
import signal
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import zstandard
from gensim.models import FastText, KeyedVectors
from gensim.models.fasttext import load_facebook_vectors, save_facebook_model
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from nlptool.errors import ModelError, RunError
from nlptool.models.words.formats import common as word_formats
from nlptool.models.words.formats import read as word_files
from nlptool.models.words.formats import word2vec
from nlptool.models.words.formats import write as word_files_writing
from nlptool.models.words.formats.common import WordFile
from nlptool.models.words.formats.read import read
from nlptool.models.words.formats.write import write

WORDS = ["猫", "the", "it's", "a\u00a0b", "c\u3000d", "🐈\u200d⬛", "2003", "nan", "1,5", "\ufeffz", "'", '"q"', "-"]
VECTORS = np.random.default_rng(7).standard_normal((len(WORDS), 5)).astype(np.float32)
WRITTEN = ("word2vec", "word2vec-text", "glove")
SETTINGS = settings(deadline=None, max_examples=150)

words = st.lists(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters=" \t\n\v\f\r"), min_size=1, max_size=8)
    | st.sampled_from(["\u00a0", "\u3000", "😀", "1", "-0.5", "nan", "\u2028", "\x85", "\x00", "\x1c"]),
    min_size=1,
    max_size=8,
    unique=True,
)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[str], np.ndarray]:
    names = draw(words)
    shape = (len(names), draw(st.integers(2, 5)))
    numbers = st.floats(width=32, allow_nan=False, allow_infinity=False)
    return names, draw(arrays.arrays(np.float32, shape, elements=numbers))


def saved(folder: Path, data: bytes) -> Path:
    path = folder / "vectors"
    path.write_bytes(data)
    return path


def written(format: str, words: list[str] = WORDS, vectors: np.ndarray = VECTORS) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "v")
        assert write(path, format, words, vectors) == []
        return path.read_bytes()


def read_bytes(data: bytes, format: str = "auto", unicode_errors: str = "strict") -> WordFile:
    with tempfile.TemporaryDirectory() as folder:
        return read(saved(Path(folder), data), format=format, unicode_errors=unicode_errors)


def refusal(data: bytes, format: str = "auto", unicode_errors: str = "strict") -> str:
    with pytest.raises(ModelError) as caught:
        read_bytes(data, format, unicode_errors)
    assert caught.value.exit_code == 4
    return f"{caught.value.message}\n{caught.value.hint}"


def assert_same(found: WordFile, words: list[str], vectors: np.ndarray) -> None:
    assert found.words == words
    assert found.vectors.dtype == np.float32
    assert found.vectors.tobytes() == np.asarray(vectors, np.float32).tobytes()  # 0.0 is not -0.0


@pytest.mark.parametrize("format", WRITTEN)
def test_gensim_reads_what_is_written(tmp_path: Path, format: str) -> None:
    path = tmp_path / "v"
    plain = ["猫", "the", "🐈", "2003", "a\u00a0b"]
    write(path, format, plain, VECTORS[:5])
    kwargs = {"binary": format == "word2vec", "no_header": format == "glove"}
    theirs = KeyedVectors.load_word2vec_format(str(path), **kwargs)
    assert theirs.index_to_key == plain
    np.testing.assert_array_equal(theirs.vectors, VECTORS[:5])


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("header", [True, False])
def test_what_gensim_writes_is_read_as_gensim_reads_it(tmp_path: Path, binary: bool, header: bool) -> None:
    if binary and not header:
        binary = False  # a binary file has a header always
    theirs = KeyedVectors(5)
    theirs.add_vectors(WORDS, VECTORS)
    path = tmp_path / "v"
    theirs.save_word2vec_format(str(path), binary=binary, write_header=header)
    found = read(path)
    assert found.format == ("word2vec" if binary else "word2vec-text" if header else "glove")
    assert (found.counts, found.ngrams, found.notes) == (None, None, [])
    again = KeyedVectors.load_word2vec_format(str(path), binary=binary, no_header=not header)
    assert_same(found, again.index_to_key, again.vectors)


@pytest.fixture(scope="module")
def fasttext(tmp_path_factory: pytest.TempPathFactory) -> Path:
    corpus = [["猫", "が", "鳴く", "にゃあ", "ąćż", "extraordinary"], ["犬", "が", "吠える", "🐕", "a", "</s>x"]] * 30
    model = FastText(corpus, vector_size=6, min_count=1, bucket=97, min_n=2, max_n=5, epochs=2, seed=1, workers=1)
    path = tmp_path_factory.mktemp("fasttext") / "model.bin"
    save_facebook_model(model, str(path))
    return path


def test_a_binary_model_of_fasttext_gives_the_vectors_that_gensim_gives(fasttext: Path) -> None:
    found = read(fasttext)
    theirs = load_facebook_vectors(str(fasttext))
    assert found.format == "fasttext"
    assert sorted(found.words) == sorted(theirs.index_to_key)
    np.testing.assert_allclose(found.vectors, np.stack([theirs[word] for word in found.words]), atol=1e-7)
    assert found.counts is not None and found.ngrams is not None
    assert found.counts.tolist() == [theirs.get_vecattr(word, "count") for word in found.words]
    np.testing.assert_array_equal(found.ngrams.vectors, theirs.vectors_ngrams)
    assert (found.ngrams.min_n, found.ngrams.max_n) == (2, 5)


@pytest.mark.parametrize(("min_n", "max_n", "bucket"), [(1, 1, 50), (1, 3, 7), (3, 6, 1000), (3, 0, 20)])
def test_ngrams_of_all_lengths_are_counted_as_gensim_counts_them(
    tmp_path: Path, min_n: int, max_n: int, bucket: int
) -> None:
    corpus = [["a", "ab", "é", "日本語", "𠮷野家", "long-word", "x" * 300]] * 3
    model = FastText(corpus, vector_size=3, min_count=1, bucket=bucket, min_n=min_n, max_n=max_n, epochs=1, workers=1)
    path = tmp_path / "m.bin"
    save_facebook_model(model, str(path))
    found = read(path)
    theirs = load_facebook_vectors(str(path))
    np.testing.assert_allclose(found.vectors, np.stack([theirs[word] for word in found.words]), atol=1e-7)
    assert (found.ngrams is None) == (max_n == 0)


def fasttext_model(
    entries: list[tuple[bytes, int, int]],
    matrix: np.ndarray,
    *,
    version: int = 12,
    kind: int = 2,
    quantized: bool = False,
) -> bytes:
    """A file as fastText writes it, from its sources."""
    n_words = sum(not label for _, _, label in entries)
    arguments = [matrix.shape[1], 5, 5, 1, 5, 1, 2, kind, len(matrix) - n_words, 1, 2, 100]
    head = struct.pack(
        "<2i12id3i2q", 793712314, version, *arguments, 1e-4, len(entries), n_words, len(entries) - n_words, 9, -1
    )
    dictionary = b"".join(word + b"\0" + struct.pack("<qb", count, label) for word, count, label in entries)
    shape = struct.pack("<?2q", quantized, *matrix.shape)
    return head + dictionary + shape + matrix.astype("<f4").tobytes() + struct.pack("<?2q", False, 0, matrix.shape[1])


def test_the_end_of_a_sentence_has_no_ngrams_and_labels_are_no_words() -> None:
    matrix = np.arange(12, dtype=np.float32).reshape(4, 3)  # two words, two buckets
    entries = [(b"</s>", 9, 0), (b"\xe3\x81", 4, 0), (b"__label__a", 2, 1)]
    found = read_bytes(fasttext_model(entries, matrix, kind=3), unicode_errors="ignore")
    assert_same(found, ["</s>"], matrix[:1])
    assert found.counts is not None and found.counts.tolist() == [9]
    assert "1 labels" in found.notes[0] and "1 word was left out because they are empty" in found.notes[1]
    old = read_bytes(fasttext_model([(b"ab", 9, 0)], matrix, version=11, kind=3))
    assert_same(old, ["ab"], matrix[:1])  # classifiers of version 11 had no n-grams
    assert old.ngrams is None
    mean = read_bytes(fasttext_model([(b"a", 9, 0)], np.float32([[3, 3], [6, 0]]), version=11))
    np.testing.assert_allclose(mean.vectors, [[(3 + 3 * 6) / 4, 3 / 4]])  # a, <a, a>: all in the one bucket


def test_vectors_of_ngrams_that_are_not_numbers_count_as_zero() -> None:
    found = read_bytes(fasttext_model([(b"a", 9, 0)], np.float32([[4, 8], [np.nan, 0]])))
    np.testing.assert_array_equal(found.vectors, [[1, 2]])
    assert found.notes == ["1 vectors of n-grams hold NaN or infinity and were set to zero"]


def test_quantized_models_of_fasttext_are_refused_with_a_way_out() -> None:
    said = refusal(fasttext_model([(b"a", 9, 0)], np.ones((2, 2), np.float32), quantized=True))
    assert "quantized" in said and "print-word-vectors" in said
    assert "version 13" in refusal(fasttext_model([(b"a", 9, 0)], np.ones((2, 2), np.float32), version=13))
    assert "no binary model of fastText" in refusal(written("glove"), "fasttext")


@pytest.mark.parametrize("format", ["word2vec", "word2vec-text"])
@SETTINGS
@given(table=tables())
def test_what_is_written_is_read_back_bit_for_bit(format: str, table: tuple[list[str], np.ndarray]) -> None:
    assert_same(read_bytes(written(format, *table), format), *table)
    assert_same(read_bytes(written("glove", *table).removeprefix(b"\xef\xbb\xbf"), "glove"), *without_bom(table))


def without_bom(table: tuple[list[str], np.ndarray]) -> tuple[list[str], np.ndarray]:
    """A mark at the start of a file belongs to the file, not to its first word."""
    return [table[0][0].removeprefix("\ufeff"), *table[0][1:]], table[1]


@pytest.mark.parametrize("format", WRITTEN)
def test_the_format_is_known_by_the_content(format: str) -> None:
    found = read_bytes(written(format))
    assert found.format == format
    assert_same(found, WORDS, VECTORS)


@pytest.mark.parametrize(
    "compress", [gzip.compress, bz2.compress, lzma.compress, zstandard.compress], ids=["gzip", "bzip2", "xz", "zstd"]
)
@pytest.mark.parametrize("format", WRITTEN)
def test_compressed_files_are_read_and_half_ones_refused(compress: Callable[[bytes], bytes], format: str) -> None:
    packed = compress(written(format))
    assert_same(read_bytes(packed), WORDS, VECTORS)
    assert "data end in the middle" in refusal(packed[: len(packed) // 2])


def test_a_compressed_model_of_fasttext_is_read(fasttext: Path) -> None:
    plain = read(fasttext)
    packed = read_bytes(gzip.compress(fasttext.read_bytes()))
    assert_same(packed, plain.words, plain.vectors)


def test_a_pipe_is_read(tmp_path: Path) -> None:
    inner, outer = os.pipe()
    os.write(outer, written("glove"))
    os.close(outer)
    try:
        assert_same(read(Path(f"/dev/fd/{inner}")), WORDS, VECTORS)
    finally:
        os.close(inner)


@pytest.mark.parametrize("format", WRITTEN)
def test_files_of_many_blocks_are_read_whole(format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    names = [f"語{n}" for n in range(3000)]
    vectors = rng.standard_normal((3000, 4)).astype(np.float32)
    for module in (word_formats, word2vec):
        monkeypatch.setattr(module, "BLOCK", 1000)
    monkeypatch.setattr(word_files_writing, "_BLOCK_NUMBERS", 999)
    data = written(format, names, vectors)
    assert_same(read_bytes(data), names, vectors)
    assert_same(read_bytes(gzip.compress(data)), names, vectors)


def test_marks_line_ends_tabs_and_blanks_at_the_end_do_no_harm() -> None:
    expected = (["a", "b"], np.float32([[1, -0.5], [2e-3, 4]]))
    for text in (
        "\ufeffa 1 -.5\r\nb 2e-3 4.\r\n",
        "a 1 -0.5 \nb 2E-3 +4 \n",  # word2vec and fastText end lines with a blank
        "a\t1\t-0.5\nb\t0.002\t4\n",
        "a  1   -0.5\n\nb 0.002 \t 4\n\n\n",
        "2 2\na 1 -0.5\nb 0.002 4\n\n",
        "\ufeff2 2 \r\na 1 -0.5\r\nb 0.002 4",
    ):
        assert_same(read_bytes(text.encode()), *expected)


def test_words_with_blanks_are_read_from_the_right() -> None:
    text = "the 0.1 0.2 0.3\n. . . 1 2 3\nat 12.5 4 5 6\nnew york 7 8 9\n3 7 8 9\na\tb 1 1 1\n"
    assert_same(
        read_bytes(text.encode()),
        ["the", ". . .", "at 12.5", "new york", "3", "a\tb"],
        np.float32([[0.1, 0.2, 0.3], [1, 2, 3], [4, 5, 6], [7, 8, 9], [7, 8, 9], [1, 1, 1]]),
    )


@pytest.mark.parametrize("format", WRITTEN)
def test_what_cannot_be_used_is_left_out_with_a_note(format: str) -> None:
    names = [b"a", b"", b"b", b"a", b"c", b"d"]
    vectors = np.float32([[1, 2], [5, 6], [np.nan, 8], [9, 9], [1, np.inf], [7, 7]])
    if format == "word2vec":
        data = b"6 2\n" + b"".join(b"%b %b\n" % (name, row.tobytes()) for name, row in zip(names, vectors, strict=True))
    else:
        rows = b"".join(b"%b %a %a\n" % (name, *row.tolist()) for name, row in zip(names, vectors, strict=True))
        data = rows if format == "glove" else b"6 2\n" + rows
    found = read_bytes(data, format)
    assert_same(found, ["a", "d"], np.float32([[1, 2], [7, 7]]))
    empty, infinite, doubles = found.notes
    assert empty == "1 word was left out because they are empty: '' (word 2)"
    assert infinite == "2 words were left out because their vectors hold NaN or infinity: 'b' (word 3), 'c' (word 5)"
    assert "they came before" in doubles and "'a' (word 4)" in doubles


def test_a_file_without_any_usable_word_is_refused() -> None:
    assert "no word that can be used" in refusal(b"a nan nan\nb inf 1\n")
    assert "NaN or infinity" in refusal(b"1 2\na nan nan\n")


def test_a_last_line_without_its_end_is_said() -> None:
    found = read_bytes(b"a 0.5 0.25\nb 0.125 0.75")
    assert found.words == ["a", "b"]
    assert "no line end" in found.notes[0]


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize(
    "rest", [b"a 1 2 3\nb 4 5 6\n", b"a " + bytes(range(244, 256)) + b"\n"], ids=["text", "binary"]
)
@pytest.mark.parametrize(
    "header", [b"1000000000000 3", b"3 1000000000", b"99999999999999999999999999 99999999999999", b"1 0", b"0 3"]
)
def test_a_header_that_lies_allocates_nothing(header: bytes, rest: bytes, compress: Callable[[bytes], bytes]) -> None:
    data = compress(header + b"\n" + rest)
    pc.cast(pa.array(["1"]), pa.float32())  # Arrow reserves a gigabyte of addresses when it is used first
    limit = resource.getrlimit(resource.RLIMIT_AS)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + (1 << 30), limit[1]))  # a gigabyte more than now
    try:
        said = refusal(data)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limit)
    first, second = (f"{int(number):,}" for number in header.split())
    assert f"{first} words of {second} dimensions" in said or f"of the {first} words that its header promises" in said
    assert "does not fit into memory" not in said


def test_a_lying_header_is_told_what_the_file_can_hold() -> None:
    assert "can hold at most 2" in refusal(b"1000000000000 3\na 1 2 3\nb 4 5 6\n")
    assert "the 8 bytes after it can hold at most 0 words" in refusal(b"1 1000000000\na 1 2 3\n")
    said = refusal(
        fasttext_model([(b"a", 9, 0)], np.ones((2, 2), np.float32)).replace(
            struct.pack("<3i", 1, 1, 0), struct.pack("<3i", 2**31 - 1, 2**31 - 1, 0)
        )
    )
    assert "claims 2,147,483,647 words" in said and "can hold at most" in said


@pytest.mark.parametrize("format", ["word2vec", "word2vec-text"])
def test_half_a_file_says_how_many_words_are_whole(format: str) -> None:
    names = [f"w{n}" for n in range(1000)]
    data = written(format, names, np.full((1000, 4), 0.25, np.float32))
    head, _, rest = data.partition(b"\n")
    cut = head + b"\n" + rest[: sum(map(len, rest.splitlines(keepends=True)[:500])) + 9]
    assert "the file ends after 500 of the 1,000 words that its header promises" in refusal(cut)


def test_half_a_file_without_a_header_says_how_many_words_are_whole() -> None:
    assert "vectors:3: the file ends in the middle of a line, after 2 whole words" in refusal(b"a 1 2\nb 3 4\nc 5")


def test_more_words_than_promised_are_refused() -> None:
    assert "promises 1 words of 2 dimensions, there are more" in refusal(b"1 2\na 1 2\nb 3 4\n")
    two = written("word2vec").replace(b"13 5", b"12 5", 1)
    assert "promises 12 words of 5 dimensions, there is more" in refusal(two)


@pytest.mark.parametrize("format", WRITTEN)
def test_wherever_a_file_is_cut_nothing_false_is_read(format: str) -> None:
    data = written(format)
    for end in range(len(data)):
        try:
            found = read_bytes(data[:end], "auto" if format != "glove" or end > 100 else "glove")
        except ModelError:
            continue
        n = len(found.words)
        assert n == len(WORDS) or format == "glove"
        if format == "word2vec" or data[:end].endswith(b"\n"):
            assert_same(found, WORDS[:n], VECTORS[:n])
        elif end > 100:  # the end of a text without a line end: its last number may be cut, and that is said
            assert_same(
                WordFile("", found.words[:-1], found.vectors[:-1], None, None, []), WORDS[: n - 1], VECTORS[: n - 1]
            )
            assert found.vectors[-1, :-1].tolist() == VECTORS[n - 1, :-1].tolist()
            assert "no line end" in found.notes[-1]


def test_wherever_a_model_of_fasttext_is_cut_it_is_refused() -> None:
    matrix = np.random.default_rng(0).standard_normal((6, 3)).astype(np.float32)
    data = fasttext_model([(b"ab", 5, 0), ("猫".encode(), 3, 0)], matrix)
    assert read_bytes(data).words == ["ab", "猫"]
    for end in range(4, len(data)):
        assert "the file ends" in refusal(data[:end]) or "can hold at most" in refusal(data[:end])
        assert "the file ends" in refusal(gzip.compress(data[:end]))


def test_a_line_that_is_wrong_is_named() -> None:
    good = "".join(f"w{n} 1 2 3\n" for n in range(50))
    assert "vectors:51: 'x' is not a number" in refusal((good + "bad 1 x 3\n" + good).encode())
    assert "vectors:51: a word and 3 numbers are expected, there are 3 fields" in refusal((good + "bad 1 3\n").encode())
    assert "vectors:51: a word and 3 numbers are expected, there are 3 fields" in refusal((good + "1 2 3\n").encode())
    for odd in ("1_0", "0x10", "１", "1e", "1,5", "1.5-2", "--1"):
        assert "vectors:51: " in refusal((good + f"bad 1 {odd} 3\n" + "and more 1 2 3\n").encode())
    assert "looks like a header" in refusal(b"2 3\na 1 2 3\nb 1 2 3\n", "glove")


def novel() -> bytes:
    return ("吾輩は猫である。名前はまだ無い。\nどこで生れたかとんと見当がつかぬ。\n" * 50).encode()


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 9, "a PNG image"),
        (novel(), "plain text"),
        (b"It was the best of times,\nit was the worst of times.\n", "plain text"),
        (json.dumps({"word": "a", "vector": [1, 2]}).encode() + b"\n", "JSON"),
        (pickle.dumps({"vectors": VECTORS}), "a Python pickle, as gensim"),
        ("a 1 2\n".encode("utf-16"), "text in UTF-16"),
        (bytes(1000), "a binary file of another kind"),
        (b"\n\n  \n", "plain text"),
    ],
)
def test_a_file_of_another_kind_is_called_by_its_name(data: bytes, kind: str) -> None:
    assert f"looks like {kind}" in refusal(data)
    for format in word_files.FORMATS:
        refusal(data, format)


def test_an_array_and_an_archive_of_numpy_are_no_vectors(tmp_path: Path) -> None:
    for save, kind in ((np.save, "a NumPy array"), (np.savez, "a zip archive")):
        file = io.BytesIO()
        save(file, VECTORS)
        assert f"looks like {kind}" in refusal(file.getvalue())


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    assert "is empty" in refusal(b"")
    assert "is empty" in refusal(gzip.compress(b""))
    for path in (tmp_path, tmp_path / "absent"):
        with pytest.raises(ModelError, match="cannot be read"):
            read(path)
    assert "no such format" in refusal(b"a 1\n", "gensim")


def test_a_gigabyte_without_an_end_is_given_up_early() -> None:
    packed = b"".join(zstandard.compress(bytes([65]) * (1 << 24)) for _ in range(64))
    assert "looks like plain text" in refusal(packed)
    assert "more than 16,777,216 bytes" in refusal(zstandard.compress(b"a 1 2\n" * 20_000) + packed)
    assert "longer than 10,000 bytes" in refusal(b"500000 2\n" + b"\xe3" * 5_000_000, "word2vec")


@SETTINGS
@given(data=st.binary(max_size=300), format=st.sampled_from(["auto", *word_files.FORMATS]))
def test_any_bytes_are_vectors_or_refused(data: bytes, format: str) -> None:
    for each in (data, b"2 3\n" + data, b"\x1f\x8b" + data, (793712314).to_bytes(4, "little") + data):
        try:
            found = read_bytes(each, format)
        except ModelError:
            continue
        assert len(found.words) == len(found.vectors) == len(set(found.words)) > 0
        assert np.isfinite(found.vectors).all()


@SETTINGS
@given(data=st.data(), format=st.sampled_from([*WRITTEN, "fasttext"]))
def test_any_damage_gives_vectors_or_a_refusal(data: st.DataObject, format: str) -> None:
    model = fasttext_model([(b"ab", 5, 0), ("猫".encode(), 3, 0)], np.ones((6, 3), np.float32))
    damaged = bytearray(model if format == "fasttext" else written(format))
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = read_bytes(bytes(damaged))
    except ModelError:
        return
    assert len(found.words) == len(found.vectors) == len(set(found.words)) > 0
    assert np.isfinite(found.vectors).all()


@pytest.mark.parametrize("format", WRITTEN)
def test_blanks_become_underscores_that_are_no_other_word(tmp_path: Path, format: str) -> None:
    path = tmp_path / "v"
    notes = write(path, format, ["a b", "a_b", "a\tb", "c\nd", "e"], VECTORS[:5])
    assert read(path).words == ["a_b_", "a_b", "a_b__", "c_d", "e"]
    assert notes == [
        "3 words hold blanks and were written with _: 'a b' as 'a_b_', 'a\\tb' as 'a_b__', 'c\\nd' as 'c_d'"
    ]


@pytest.mark.parametrize("format", WRITTEN)
def test_what_no_program_could_read_is_not_written(tmp_path: Path, format: str) -> None:
    vectors = VECTORS[:4].copy()
    vectors[2, 1] = np.nan
    path = tmp_path / "v"
    notes = write(path, format, ["a", "", "b", "\ud83d"], vectors)
    assert_same(read(path), ["a"], VECTORS[:1])
    assert len(notes) == 3 and all("1 word was left out" in note for note in notes)
    with pytest.raises(ModelError, match="no word to write"):
        write(path, format, [""], VECTORS[:1])
    with pytest.raises(ModelError, match="fasttext cannot be written"):
        write(path, "fasttext", ["a"], VECTORS[:1])


def test_a_link_stays_a_link_and_the_mode_of_a_file_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"old")
    target.chmod(0o640)
    link = tmp_path / "link"
    link.symlink_to(target)
    write(link, "glove", WORDS, VECTORS)
    assert link.is_symlink() and read(target).words == WORDS
    assert target.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("format", WRITTEN)
def test_on_a_full_disk_the_old_file_stays(tmp_path: Path, format: str) -> None:
    path = tmp_path / "v"
    path.write_bytes(b"old")
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limit[1]))  # a file of more than 100 bytes cannot be written
    try:
        with pytest.raises(RunError, match=r"cannot write .*v: ") as caught:
            write(path, format, WORDS, VECTORS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, handler)
    assert caught.value.exit_code == 1
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_device_and_a_missing_folder_are_said(tmp_path: Path) -> None:
    for path in (Path("/dev/full"), tmp_path / "absent" / "v", tmp_path):
        with pytest.raises(RunError, match="cannot write"):
            write(path, "word2vec", WORDS, VECTORS)
    assert Path("/dev/full").is_char_device()
    assert not list(tmp_path.iterdir())
