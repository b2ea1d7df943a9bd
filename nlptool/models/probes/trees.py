"""Trees as distances and depths, and a tree out of distances.

J. Hewitt, C. Manning: A Structural Probe for Finding Syntax in Word Representations (NAACL 2019), section 2: the distance of two
words is the number of edges between them, the depth of a word that from the root.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Edge = tuple[int, int]
"""Two words, by their numbers from 0, the smaller one first."""


def distances_of(heads: Sequence[int]) -> NDArray[np.int16]:
    """Return the distances (n, n) of the words of a tree.

    Args:
        heads: of each word, from 0; -1 of the root.
    """
    n_words = len(heads)
    distances = np.zeros((n_words, n_words), np.int16)
    done: list[int] = []
    for word in _from_root(heads):
        if done:
            distances[word, done] = distances[done, word] = distances[heads[word], done] + 1
        done.append(word)
    return distances


def depths_of(heads: Sequence[int]) -> NDArray[np.int16]:
    """Return the depths (n,) of the words of a tree; that of the root is 0."""
    depths = np.zeros(len(heads), np.int16)
    for word in _from_root(heads):
        if heads[word] >= 0:
            depths[word] = depths[heads[word]] + 1
    return depths


def _from_root(heads: Sequence[int]) -> list[int]:
    """Return all words, each behind its head."""
    children: dict[int, list[int]] = {}
    for word, head in enumerate(heads):
        children.setdefault(head, []).append(word)
    order = list(children.get(-1, ()))
    for word in order:
        order += children.get(word, ())
    return order


def edges_of(heads: Sequence[int]) -> set[Edge]:
    """Return the edges of a tree, without directions."""
    return {(min(word, head), max(word, head)) for word, head in enumerate(heads) if head >= 0}


def spanning_tree(distances: NDArray[np.floating]) -> set[Edge]:
    """Return the edges of the tree of all words whose distances have the smallest sum (R. Prim: Shortest Connection Networks and
    Some Generalizations, 1957). Of equal distances the first counts.

    Args:
        distances: (n, n), symmetric.
    """
    n_words = len(distances)
    if n_words < 2:
        return set()
    edges: set[Edge] = set()
    nearest = np.zeros(n_words, np.int64)  # word of the tree that is nearest to each word outside
    to_tree = np.array(distances[0], np.float64)
    to_tree[0] = np.inf
    inside = np.zeros(n_words, bool)
    inside[0] = True
    for _ in range(n_words - 1):
        word = int(np.argmin(to_tree))
        edges.add((min(word, int(nearest[word])), max(word, int(nearest[word]))))
        inside[word] = True
        is_nearer = ~inside & (distances[word] < to_tree)
        to_tree[is_nearer] = distances[word][is_nearer]
        nearest[is_nearer] = word
        to_tree[word] = np.inf
    return edges


def rooted(edges: set[Edge], n_words: int, root: int) -> list[int]:
    """Return the heads of the words of a tree that hangs at a root: -1 of this. Without words there are none."""
    neighbours: list[list[int]] = [[] for _ in range(n_words)]
    for first, second in sorted(edges):
        neighbours[first].append(second)
        neighbours[second].append(first)
    heads = [-1] * n_words
    waiting = [root] if n_words else []
    for word in waiting:
        for neighbour in neighbours[word]:
            if neighbour != heads[word]:
                heads[neighbour] = word
                waiting.append(neighbour)
    return heads
