"""What the fuzzer puts into files: records of all kinds, and files of all kinds with some damage."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from fuzzing import Case
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

TEXTS = [
    "", " ", "\u3000", "猫", "猫が鳴く。", "the cat sat on the mat", "[MASK]が鳴く", "🎉🐍", "안녕하세요",
    "\ufeff猫", "a\tb", "a\tb\tc",
    "が\u3099", "\u200b", "\x00", "\x1b[31m", "１２３", "x" * 300, "猫" * 200, "{", "[", '{"text":', "\u2028", "\ud7ff\ue000",
    "%d%s",     "123 456 789", "NaN", "null", "--help", "-", "..", "~", "\\", '"', ",", "'", "0", "1e999", "|", "#",
    "//", "&amp;", "<s>", "[CLS] [SEP]",
]  # fmt: skip

NUMBERS: list[Any] = [0, -1, 1, 2**53 + 1, 10**40, 1.5, -0.0, 1e300, 1e-320, float("nan"), float("inf"), True, None]

texts = st.sampled_from(TEXTS) | st.text(max_size=30) | st.text(alphabet="猫が鳴く犬はThe cat.。、 ", max_size=60)

values: SearchStrategy[Any] = st.recursive(
    texts | st.sampled_from(NUMBERS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)

_NAMES = ["text", "id", "query", "first", "second", "embedding", "tokens", "nlptool", "similarity", "label", "score"]

vectors: SearchStrategy[Any] = (
    st.lists(st.floats(-3, 3, width=32), min_size=8, max_size=8) | st.lists(values, max_size=9) | values
)

records: SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"text": texts}, optional={"embedding": vectors, "tokens": values, "nlptool": values, "id": values, "query": texts}
) | st.dictionaries(st.sampled_from(_NAMES) | texts, values, max_size=5)


@st.composite
def jsonl(draw: st.DrawFn, some: SearchStrategy[dict[str, Any]] = records) -> bytes:
    """Lines of JSON, the first of which is an object; numbers that JSON lacks, and surrogates, are among them."""
    lines = [json.dumps(draw(some), ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")]
    for _ in range(draw(st.integers(0, 4))):
        line = json.dumps(draw(some), ensure_ascii=False).encode("utf-8", "surrogatepass")
        lines.append(draw(st.just(line) | damaged(line) | st.just(b"")))
    return b"\n".join(lines) + draw(st.sampled_from([b"\n", b"", b"\r\n"]))


plain: SearchStrategy[bytes] = st.lists(texts, max_size=5).map(
    lambda lines: "\n".join(lines).encode("utf-8", "surrogatepass")
)

tables: SearchStrategy[bytes] = st.builds(
    lambda rows, separator, end: end.join(separator.join(row) for row in rows).encode("utf-8", "surrogatepass"),
    st.lists(st.lists(texts | st.sampled_from(["1", "2.5", '"a"', '"']), max_size=4), max_size=5),
    st.sampled_from([",", "\t", ";"]),
    st.sampled_from(["\n", "\r\n"]),
)

encoded: SearchStrategy[bytes] = st.builds(
    lambda text, encoding: text.encode(encoding, "replace"),
    st.text(max_size=40) | texts,
    st.sampled_from(["utf-16", "utf-16-le", "shift_jis", "euc_jp", "iso2022_jp", "utf-32", "latin-1", "utf-8-sig"]),
)


def any_bytes() -> SearchStrategy[bytes]:
    """An input of any kind."""
    return st.one_of(jsonl(), plain, tables, encoded, st.binary(max_size=80), jsonl().flatmap(damaged))


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """Some bytes changed, taken out, doubled or cut off; numbers replaced by odd ones."""
    result = bytearray(content)
    for _ in range(draw(st.integers(1, 3))):
        if not result:
            break
        at = draw(st.integers(0, len(result) - 1))
        end = min(len(result), at + draw(st.sampled_from([1, 1, 2, 4, 8, 64])))
        kind = draw(st.sampled_from(["flip", "byte", "cut", "out", "double", "insert", "zero", "ff"]))
        if kind == "flip":
            result[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "byte":
            result[at] = draw(st.integers(0, 255))
        elif kind == "cut":
            del result[at:]
        elif kind == "out":
            del result[at:end]
        elif kind == "double":
            result[at:at] = result[at:end]
        elif kind == "insert":
            result[at:at] = draw(st.sampled_from(INSERTED))
        else:
            result[at:end] = (b"\0" if kind == "zero" else b"\xff") * (end - at)
    return bytes(result)


INSERTED = [
    b"\n", b" ", b"\t", b"\0", b"-", b"0", b"999999999999", b"nan", b"1e400", b"null", b'"', b"[" * 2000, b"{",
    b"\xe7\x8c\xab", b"\xff",
]  # fmt: skip


@st.composite
def damaged_json(draw: st.DrawFn, content: bytes) -> bytes:
    """A file of JSON with a value replaced, taken out or added somewhere, or bytes that are no JSON."""
    if draw(st.integers(0, 3)) == 0:
        return draw(damaged(content))
    whole = json.loads(content)
    places: list[tuple[Any, Any]] = []

    def walk(value: Any) -> None:
        for key in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []:
            places.append((value, key))
            walk(value[key])

    walk(whole)
    if not places:
        return json.dumps(draw(values)).encode("utf-8", "surrogatepass")
    for _ in range(draw(st.integers(1, 2))):
        holder, key = draw(st.sampled_from(places))
        odd = draw(values | st.sampled_from([-5, 10**6, 10**12, 0.5, "x", [], {}]))
        match draw(st.sampled_from(["replace", "remove", "add"])):
            case "replace":
                holder[key] = odd
            case "remove" if isinstance(holder, dict):
                holder.pop(key, None)
            case _ if isinstance(holder, dict):
                holder[draw(texts)] = odd
            case _:
                holder.append(odd)
    return json.dumps(whole).encode("utf-8", "surrogatepass")


def array_bytes(array: Any, *, pickled: bool = False) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=pickled)
    return file.getvalue()


@st.composite
def arrays(draw: st.DrawFn) -> bytes:
    """A .npy file: numbers of some type and shape, odd ones among them, sometimes damaged."""
    shape = draw(st.sampled_from([(3, 8)] * 6 + [(5, 8), (1, 8), (0,), (0, 8), (3, 0), (8,), (), (2, 3, 4), (3, 1)]))
    dtype = draw(st.sampled_from(["<f4"] * 8 + ["<f8", ">f4", "<f2", "<i8", "u1", "?", "<c8", "<U3", "S4"]))
    odd = [0.0, 1.0, -1.0, 0.5, 0.25, -3.0] * 20 + [1e30, 1e-40, 3e38, float("nan"), float("inf")]
    size = int(np.prod(shape))
    numbers = draw(st.lists(st.sampled_from(odd), min_size=size, max_size=size))
    with np.errstate(all="ignore"):
        content = array_bytes(np.array(numbers, np.float64).reshape(shape).astype(dtype))
    return draw(damaged(content)) if draw(st.integers(0, 2)) == 0 else content


def damaged_folder(template: Path, command: str, *, stdin: bytes, only: str) -> SearchStrategy[Case]:
    """A case in which one file is damaged or missing, of those whose path begins with ``only``."""
    files = [path for path in sorted((template / only).rglob("*")) if path.is_file()]

    def case(path: Path) -> SearchStrategy[Case]:
        content = path.read_bytes()
        wrong = damaged_json(content) if path.suffix == ".json" else damaged(content)
        name = str(path.relative_to(template))
        return st.one_of(wrong, wrong, wrong, st.just(content), st.none(), st.just(b"")).map(
            lambda new: Case(command, stdin, template, {name: new})
        )

    return st.sampled_from(files).flatmap(case)
