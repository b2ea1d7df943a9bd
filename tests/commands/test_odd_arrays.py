"""Every command that computes with vectors, on odd ones: a message of ours or a result, and never a warning of NumPy.

The commands run with --debug, which shows the warnings that are hidden otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from program import Invoke, Result

RANDOM = np.random.default_rng(0).standard_normal((12, 6))
EXIT_CODES = {0, 1, 2, 3, 4}


def with_value(value: float) -> NDArray[Any]:
    array = RANDOM.astype(np.float32)
    array[3, 2] = value
    return array


def with_row(row: Any) -> NDArray[Any]:
    array = RANDOM.astype(np.float32)
    array[3] = row
    return array


ARRAYS: dict[str, NDArray[Any]] = {
    "ordinary": RANDOM.astype(np.float32),
    "NaN": with_value(np.nan),
    "infinity": with_value(np.inf),
    "NaN alone": np.full((12, 6), np.nan, np.float32),
    "zeros": np.zeros((12, 6), np.float32),
    "a row of zeros": with_row(0),
    "a constant row": with_row(0.1),
    "constant": np.full((12, 6), 0.1, np.float32),
    "constant rows": np.repeat(RANDOM[:, :1], 6, axis=1).astype(np.float32),
    "equal rows": np.repeat(RANDOM[:1], 12, axis=0).astype(np.float32),
    "1e30": (RANDOM * 1e30).astype(np.float32),
    "1e38": (np.sign(RANDOM) * 3.4e38).astype(np.float32),
    "1e300": RANDOM * 1e300,
    "1e-40": (RANDOM * 1e-40).astype(np.float32),
    "1e-300": RANDOM * 1e-300,
    "large and small": (RANDOM * 10.0 ** np.arange(-30, 30, 5)[:, None]).astype(np.float32),
    "one row": RANDOM[:1].astype(np.float32),
    "two rows": RANDOM[:2].astype(np.float32),
    "one column": RANDOM[:, :1].astype(np.float32),
    "no rows": np.zeros((0, 6), np.float32),
    "no columns": np.zeros((12, 0), np.float32),
    "float16": RANDOM.astype(np.float16) * np.float16(6e4),
    "float64": RANDOM,
    "integers": (RANDOM * 2**60).astype(np.int64),
    "unsigned": np.abs(RANDOM * 100).astype(np.uint8),
    "booleans": RANDOM > 0,
    "complex": RANDOM.astype(np.complex64),
    "texts": RANDOM.astype("U4"),
    "three axes": RANDOM.reshape(4, 3, 6),
    "by columns": np.asfortranarray(RANDOM.astype(np.float32)),
    "big-endian": RANDOM.astype(">f4"),
}

MATRICES = [
    ["similarity"], ["similarity", "-k", "3"], ["similarity", "--threshold", "0.5"], ["similarity", "--threshold", "-3.4e38"],
    *(["similarity", "--measure", measure, "-k", "3"] for measure in ("dot", "euclidean", "pearson")),
    ["similarity", "--measure", "euclidean", "--threshold", "-1"],
    ["map"],
    ["map", "--method", "tsne"],
]  # fmt: skip
DRAWN = {"zeros", "equal rows", "1e30", "1e-40", "large and small", "one row", "two rows", "one column", "no rows"}
OF_RECORDS = [
    ["similarity"],
    ["similarity", "-k", "3", "--measure", "pearson"],
    ["map"],
]  # what reads the vectors is the same


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the arrays as .npy, as records and as word vectors."""
    folder = tmp_path_factory.mktemp("arrays")
    for name, array in ARRAYS.items():
        np.save(folder / f"{name}.npy", array)
        if array.ndim == 2 and array.dtype.kind in "fiu":
            rows = array.tolist()
            (folder / f"{name}.jsonl").write_text("".join(json.dumps({"embedding": row}) + "\n" for row in rows))
            words = (f"word{number} {' '.join(map(str, row))}\n" for number, row in enumerate(rows))
            (folder / f"{name}.vec").write_text(f"{len(rows)} {array.shape[1]}\n{''.join(words)}")
    (folder / "query.jsonl").write_text(json.dumps({"embedding": RANDOM[0].tolist()}) + "\n")
    (folder / "pairs.tsv").write_text("word0\tword1\t1\nword2\tword3\t2\nword4\tword5\t3\n")
    (folder / "one.tsv").write_text("word0\tword1\t1\n")
    (folder / "analogies.txt").write_text(": all\nword0 word1 word2 word3\n")
    return folder


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")


def check(done: Result, *, of: object) -> None:
    """Check that a run with --debug shows no warning, no bug, no unknown exit code and no number that JSON does not have."""
    assert done.exit_code in EXIT_CODES, (of, done.stderr)
    assert "RuntimeWarning" not in done.stderr, (of, done.stderr)
    assert "internal error" not in done.stderr, (of, done.stderr)
    assert "Traceback" not in done.stderr or done.exit_code in (1, 4), (
        of,
        done.stderr,
    )  # --debug shows where a message is from
    for line in done.stdout.split("\n"):
        if line.startswith("{"):
            json.loads(line, parse_constant=refuse)


@pytest.mark.parametrize("name", ARRAYS)
def test_matrices(name: str, folder: Path, invoke: Invoke, tmp_path: Path) -> None:
    path = str(folder / f"{name}.npy")
    plots = [[command, "--plot", str(tmp_path / "a.svg")] for command in ("similarity", "map")]
    for arguments in (*MATRICES, *(plots if name in DRAWN else ())):
        check(invoke(*arguments, path, "--debug"), of=(name, arguments))
    ordinary = str(folder / "ordinary.npy")
    for measure, pair in (("cosine", [path, path]), ("euclidean", [path, ordinary]), ("pearson", [ordinary, path])):
        check(invoke("compare", *pair, "--measure", measure, "--permutations", "9", "--debug"), of=(name, measure))
    check(invoke("similarity", ordinary, "--against", path, "-k", "2", "--debug"), of=(name, "--against"))
    query = (folder / "query.jsonl").read_text()
    check(invoke("search", "--corpus", path, "--debug", stdin=query), of=(name, "search"))
    index = str(tmp_path / "i")
    check(invoke("index", "build", "-m", "mine", "-o", index, path, "--debug"), of=(name, "index"))
    if (tmp_path / "i").exists():
        check(invoke("search", "--corpus", index, "--debug", stdin=query), of=(name, "search in an index"))


@pytest.mark.parametrize(
    "name", [name for name, array in ARRAYS.items() if array.ndim == 2 and array.dtype.kind in "fiu"]
)
def test_records(name: str, folder: Path, invoke: Invoke, tmp_path: Path) -> None:
    path = str(folder / f"{name}.jsonl")
    for arguments in (*OF_RECORDS, ["index", "build", "-o", str(tmp_path / "i")], ["search", "--corpus", path]):
        check(invoke(*arguments, "--debug", stdin=Path(path).read_text()), of=(name, arguments))
    check(invoke("compare", path, str(folder / "ordinary.jsonl"), "--debug"), of=(name, "compare"))


WORDS = [
    ["vectors", "info"], ["vectors", "select", "word0", "word3"], ["vectors", "convert", "-o", "FILE.npz"],
    ["neighbors", "word0", "word3"], ["neighbors", "--plus", "word0", "--minus", "word3"],
    ["analogy", "word0", "word3", "word2"], ["analogy", "--method", "3cosmul", "word0", "word3", "word2"],
    ["odd-one-out", "word0", "word3", "word2"], ["evaluate", "similarity", "PAIRS"], ["evaluate", "similarity", "ONE"],
    ["evaluate", "analogies", "ANALOGIES"], ["embed"], ["similarity", "--pairs", "--measure", "pearson"],
]  # fmt: skip


@pytest.mark.parametrize(
    "name", [name for name, array in ARRAYS.items() if array.ndim == 2 and array.dtype.kind in "fiu"]
)
def test_word_vectors(name: str, folder: Path, invoke: Invoke, tmp_path: Path) -> None:
    path = str(folder / f"{name}.vec")
    places = {
        "PAIRS": str(folder / "pairs.tsv"), "ONE": str(folder / "one.tsv"), "ANALOGIES": str(folder / "analogies.txt"),
        "FILE.npz": str(tmp_path / "a.npz"),
    }  # fmt: skip
    for arguments in WORDS:
        options = [places.get(argument, argument) for argument in arguments]
        model = [path] if arguments[0] == "vectors" else ["-m", path]
        at = 2 if arguments[0] in ("vectors", "evaluate") else 1
        stdin = "word0 word1\tword3 word2\n\nword3\tword3\n"
        check(invoke(*options[:at], *model, *options[at:], "--debug", stdin=stdin), of=(name, arguments))


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [
        (["similarity", "--pairs", "--measure", "pearson"], "one\ntwo\n"),
        (["similarity", "--pairs", "--measure", "pearson"], "\t\n"),
        (["similarity", "--pairs"], ""),
        (["similarity", "-k", "1"], "猫\n"),
        (["similarity"], "\n\n"),
        (["map"], "猫\n猫\n猫\n"),
        (["map", "--method", "tsne"], "猫\n猫\n猫\n"),
        (["map"], ""),
        (["evaluate", "sts", "STS"], ""),
        (["evaluate", "sts", "ONE"], ""),
        (["evaluate", "sts", "EQUAL"], ""),
    ],
)
def test_few_records(arguments: list[str], stdin: str, invoke: Invoke, tmp_path: Path) -> None:
    for name, text in {"STS": "", "ONE": "猫\t犬\t1\n", "EQUAL": "猫\t犬\t1\n鳥\t魚\t1\n雨\t雪\t1\n"}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    options = [str(tmp_path / argument) if argument.isupper() else argument for argument in arguments]
    check(invoke(*options, "-m", "static-ja-en", "--debug", stdin=stdin), of=arguments)


@pytest.mark.parametrize("value", ["1e300", "-1e300", "inf", "-inf", "3.5e38", "nan"])
@pytest.mark.parametrize(
    "arguments",
    [
        ["similarity", "--threshold"], ["similarity", "--dim", "3", "--threshold"], ["similarity", "-k", "1", "--threshold"],
        ["search", "--corpus", "c.txt", "猫", "--threshold"], ["map", "--method", "tsne", "--perplexity"],
        ["mask", "--share"], ["generate", "-m", "hyakunin", "--temperature"], ["train", "word2vec", "-o", "x", "--sample"],
        ["train", "seq2seq", "-o", "x", "--learning-rate"], ["train", "bert", "-o", "x", "--max-minutes"],
    ],
)  # fmt: skip
def test_numbers_beyond_float32_are_wrong_usage(arguments: list[str], value: str, invoke: Invoke) -> None:
    done = invoke(*arguments, value, stdin="猫\n")
    assert done.exit_code == 2
    assert f"Invalid value for '{arguments[-1]}': {value} is " in done.stderr


def test_the_largest_number_of_float32_is_one(invoke: Invoke) -> None:
    for value, n_pairs in (("3.4028234e38", 0), ("-3.4028234e38", 1)):
        done = invoke("similarity", "-m", "static-ja-en", "--threshold", value, stdin="猫\n犬\n")
        assert done.exit_code == 0
        assert done.stdout.count("\n") == n_pairs


SAID: list[tuple[str, Callable[[Path], list[str]], str]] = [
    ("NaN", lambda path: ["compare", str(path), str(path)], "row 3 (from 0) holds NaN"),
    ("infinity", lambda path: ["map", str(path)], "row 3 (from 0) holds NaN, infinity"),
    ("1e300", lambda path: ["similarity", str(path)], "row 0 (from 0) holds NaN, infinity or a number beyond float32"),
    ("1e30", lambda path: ["similarity", "--measure", "dot", str(path)], "a vector is longer than 1e+19"),
    ("1e38", lambda path: ["map", str(path)], "the vectors are so far apart that their coordinates are beyond float32"),
    ("complex", lambda path: ["search", "--corpus", str(path)], "is no matrix of numbers"),
    ("equal rows", lambda path: ["compare", str(path), str(path), "--measure", "euclidean"], "no correlation"),
]


@pytest.mark.parametrize(("name", "command", "said"), SAID)
def test_what_cannot_be_computed_is_said(
    name: str, command: Callable[[Path], list[str]], said: str, folder: Path, invoke: Invoke
) -> None:
    done = invoke(*command(folder / f"{name}.npy"), stdin=(folder / "query.jsonl").read_text())
    assert said in done.stderr
