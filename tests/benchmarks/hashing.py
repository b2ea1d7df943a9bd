"""What a search among binary codes finds: ``python tests/benchmarks/hashing.py CODES... [--vectors FILE] [--group FIELD]``.

CODES are files of records of ``nlptool hash``, all of the same texts in the same order. Some of these, drawn at random, are the
queries. For each file and radius:

within    share of the corpus within R bits of a query: what is left to be compared exactly
recall    share of the 10 nearest records by the cosine that are among them, and by that share of queries a median
class     share of the 10 nearest records by the code that have the query's class (--group), beside those by the cosine

Vectors are the ``embedding`` of the first file, or of ``--vectors``. Afterwards: seconds of a search among the codes repeated to
a million, and among all vectors.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from measure import about_this_machine
from numpy.typing import NDArray

from nlptool.geometry import binary_codes
from nlptool.geometry.hamming import Codes
from nlptool.geometry.top_k import normalize

NEAREST = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("codes", nargs="+", type=Path)
    parser.add_argument("--vectors", type=Path, help="records with `embedding`; default: the first of CODES")
    parser.add_argument("--group", help="field that holds the class of a record")
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument(
        "--last", action="store_true", help="the queries are the last records, and answers are all others"
    )
    parser.add_argument(
        "--shares", default="0.001,0.005,0.01,0.02,0.05,0.1", help="of the corpus, for which radii are shown"
    )
    arguments = parser.parse_args()
    print(about_this_machine(), flush=True)
    records = read(arguments.vectors or arguments.codes[0])
    files = {path: read(path) for path in arguments.codes}
    usable = [
        number for number, record in enumerate(records)
        if record.get("embedding") and all(each[number].get("code") for each in files.values())
    ]  # fmt: skip
    vectors = normalize(np.array([records[number]["embedding"] for number in usable], np.float32))
    classes = np.array([records[number].get(arguments.group) for number in usable]) if arguments.group else None
    order = np.arange(len(usable))[::-1] if arguments.last else np.random.default_rng(1).permutation(len(usable))
    queries = order[: arguments.queries]
    exact = nearest(vectors, queries)
    print(f"{len(usable):,} records, {len(queries):,} queries")
    if classes is not None:
        print(f"cosine: class of the {NEAREST} nearest {same_class(exact, queries, classes):.3f}")
    for path, rows in files.items():
        codes = words_of([rows[number]["code"] for number in usable])
        report(path.name, codes, exact, queries, classes, [float(share) for share in arguments.shares.split(",")])
    speed(vectors, codes, queries)


def report(
    name: str, words: NDArray[np.uint64], exact: NDArray[np.int64], queries: NDArray[np.int64], classes: Any, shares: list[float]
) -> None:  # fmt: skip
    codes = Codes(words)
    distances = np.array([codes.distances(words[query]) for query in queries])  # (Q, N)
    distances[np.arange(len(queries)), queries] = np.iinfo(distances.dtype).max  # no record is its own answer
    found = np.take_along_axis(distances, exact, axis=1)  # (Q, 10), of the nearest by the cosine
    n_bits = 64 * words.shape[1]
    within = np.array([(distances <= radius).mean() for radius in range(n_bits + 1)])
    bits = np.unpackbits(words.view(np.uint8).reshape(len(words), -1), axis=1)
    balance = bits.mean(axis=0)
    used = balance[(balance > 0) & (balance < 1)]
    print(f"{name}: {len(used)} bits that vary, set in {used.min():.2f} to {used.max():.2f} of the records, "
          f"mean distance from one half {np.abs(used - 0.5).mean():.3f}")  # fmt: skip
    if classes is not None:
        order = np.argsort(distances, axis=1, kind="stable")[:, :NEAREST]
        print(f"  class of the {NEAREST} nearest by code {same_class(order, queries, classes):.3f}")
    for share in shares:
        radius = int(np.searchsorted(within, share))
        recall = (found <= radius).mean()
        print(f"  R {radius:3d}: within {within[radius]:.4f}, recall@{NEAREST} {recall:.3f}")


def nearest(vectors: NDArray[np.float32], queries: NDArray[np.int64]) -> NDArray[np.int64]:
    """The nearest records of each query by the cosine, (Q, 10)."""
    found = np.empty((len(queries), NEAREST), np.int64)
    for row, query in enumerate(queries):
        scores = vectors @ vectors[query]
        scores[query] = -2
        best = np.argpartition(-scores, NEAREST)[:NEAREST]
        found[row] = best[np.argsort(-scores[best])]
    return found


def same_class(found: NDArray[np.int64], queries: NDArray[np.int64], classes: NDArray[Any]) -> float:
    return float((classes[found] == classes[queries][:, None]).mean())


def speed(vectors: NDArray[np.float32], words: NDArray[np.uint64], queries: NDArray[np.int64]) -> None:
    codes = Codes(np.tile(words, (-(-1_000_000 // len(words)), 1))[:1_000_000])
    begun = time.perf_counter()
    for query in queries[:20]:
        codes.within(words[query], 20)
    of_codes = (time.perf_counter() - begun) / 20
    begun = time.perf_counter()
    for query in queries[:20]:
        vectors @ vectors[query]
    of_vectors = (time.perf_counter() - begun) / 20 * 1_000_000 / len(vectors)
    print(
        f"a query among 1,000,000 codes: {1000 * of_codes:.1f} ms; among as many vectors (reckoned): {1000 * of_vectors:.0f} ms"
    )


def words_of(codes: list[str]) -> NDArray[np.uint64]:
    return binary_codes.as_words([binary_codes.of_hex(code) for code in codes])


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    main()
