"""What the parts of an input have counted: written to files, and added up to what one process has counted at its end.

The words of a file are in the order of their code points, and rows of their numbers ascend: words and rows of many files are
merged by reading each file once, a block at a time.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from nlptool.geometry import ngram_counts, ngram_runs, stored_columns
from nlptool.geometry.ngram_counts import Ids, Rows
from nlptool.geometry.ngram_runs import Runs
from nlptool.records.pipe import Pipe
from nlptool.storage import temp_files
from nlptool.storage.column_file import ColumnFile, ColumnWriter
from nlptool.storage.output import Output
from nlptool.tasks.token_arrays import Names, SortedWords, Words

WORDS = "words"
"""The column of the words."""

_AT_ONCE = 1 << 19  # rows of all files together that are read at once, about
_SIDE_BY_SIDE = 128  # files that are merged at once


class Mergeable(Protocol):
    """Counted rows in runs."""

    def merged(self) -> Iterator[Rows]:
        """Yield the different rows with the sums of their counts, in ascending order; a row and those that have its first id are
        in the same portion."""
        ...


class Sums(Protocol):
    """All that is counted, from which what is written is made."""

    def store(self, file: ColumnWriter) -> Mapping[str, Any]:
        """Write the sums as columns; return what else ``added`` has to know, as JSON."""
        ...


AnySums = TypeVar("AnySums", bound=Sums)


def sums_of(
    pipe: Pipe,
    output: Output,
    count: Callable[[], AnySums],
    added: Callable[[Sequence[ColumnFile]], AnySums],
) -> AnySums | None:
    """Return the sums of an input, from which the output is made; None: of a part of an input they are the output.

    Args:
        count: reads the records of ``pipe``.
        added: adds up what was counted in the parts of the input.

    Raises:
        RunError: something cannot be read or written, or a record failed and ``--on-error fail`` was chosen.
    """
    if (merge := pipe.merge_run) is not None:
        pipe.summary_of_parts()
        return added([ColumnFile(path, name) for path, name in zip(merge.files, merge.names, strict=True)])
    sums = count()
    if pipe.part_run is None:
        return sums
    writer = ColumnWriter(output.write)
    writer.finish(sums.store(writer))
    return None


def store_words(file: ColumnWriter, names: Names) -> None:
    """Write the words of ``names``, if they are not known without it."""
    if isinstance(names, Words):
        stored_columns.write_words(file, WORDS, names.in_order())


def store_rows(file: ColumnWriter, name: str, runs: Mergeable, names: Names, *, n_tokens: int) -> None:
    """Write rows with the ranks of their words.

    Args:
        n_tokens: columns that are ids of words, the first ones.
    """
    if not isinstance(names, Words):  # ids are ranks
        stored_columns.write_rows(file, name, runs.merged())
        return
    ordered = Runs()
    for rows in runs.merged():
        ranks = [names.ranks(column).astype(np.uint32) for column in rows.columns[:n_tokens]]
        ordered.add(ngram_counts.count([*ranks, *rows.columns[n_tokens:]], rows.counts))
    stored_columns.write_rows(file, name, ordered.merged())


Map = NDArray[np.uint32] | None
"""Number of a word or a group in a file -> its number among those of all files; None: it is the same."""


def added_words(files: Sequence[ColumnFile]) -> tuple[SortedWords, list[Map]]:
    """Return the words of all files, and the number that each word of each file has among them."""
    places: list[list[Ids]] = [[] for _ in files]

    def portions() -> Iterator[list[bytes]]:
        for words, of_files in merged_words(files):
            for index, found, _ in of_files:
                places[index].append(found)
            yield words

    names = SortedWords(portions())
    return names, [np.concatenate([np.zeros(0, np.uint32), *each]) for each in places]


def merged_words(
    files: Sequence[ColumnFile], counts: str | None = None
) -> Iterator[tuple[list[bytes], list[tuple[int, Ids, NDArray[np.int64]]]]]:
    """Merge the words of files.

    Args:
        counts: the column of a number of each word; None: there is none.

    Yields:
        Words in the order of their code points, and for files that have some of them the number of the file, which of all words
        these are, (L,), and their numbers, (L,).
    """
    blocks = [_words_of(file, counts) for file in files]
    held: dict[int, tuple[list[bytes], NDArray[np.int64]]] = {}
    unread, n_words = set(range(len(files))), 0
    while True:
        for index in unread - held.keys():
            if (block := next(blocks[index], None)) is None:
                unread.discard(index)
            else:
                held[index] = block
        if not held:
            return
        border = min(words[-1] for words, _ in held.values())
        taken = []
        for index, (words, numbers) in sorted(held.items()):
            end = bisect_right(words, border)
            taken.append((index, words[:end], numbers[:end]))
            if end < len(words):
                held[index] = words[end:], numbers[end:]
            else:
                del held[index]
        union = sorted(set().union(*(words for _, words, _ in taken)))
        place = {word: number for number, word in enumerate(union, n_words)}
        n_words += len(union)
        yield (
            union,
            [
                (index, np.fromiter(map(place.__getitem__, words), np.uint32, len(words)), numbers)
                for index, words, numbers in taken
                if words
            ],
        )


def _words_of(file: ColumnFile, counts: str | None) -> Iterator[tuple[list[bytes], NDArray[np.int64]]]:
    """Yield the words of a file block by block, with the numbers of a column whose blocks are as long."""
    for number, words in enumerate(stored_columns.words(file, WORDS)):
        of_words = stored_columns.block(file, counts, number) if counts is not None else np.zeros(0, np.int64)
        if words:
            yield words, of_words


class AddedRows:
    """The rows of many files, in the order of the numbers of all words.

    Args:
        name: of their columns.
        maps: maps[j][i] is that of column j of file i.
    """

    def __init__(self, files: Sequence[ColumnFile], name: str, maps: Sequence[Sequence[Map]]) -> None:
        self._files = files
        self._name = name
        self._maps = maps
        others = [each for column in maps[1:] for each in column if each is not None]
        self._in_order = not any(bool(np.any(each[1:] < each[:-1])) for each in others)

    def merged(self) -> Iterator[Rows]:
        if len(self._files) > _SIDE_BY_SIDE:
            yield from self._in_steps().merged()
            return
        at_once = max(1, _AT_ONCE // (stored_columns.BLOCK * max(1, len(self._files))))
        runs = [self._rows(index, at_once) for index in range(len(self._files))]
        yield from ngram_runs.merged(runs, in_order=self._in_order)

    def _in_steps(self) -> AddedRows:
        """Return the same rows in fewer files, which are temporary ones.

        Raises:
            RunError: the temporary folder cannot hold them.
        """
        folder = temp_files.temporary_folder(self)
        files = []
        for start in range(0, len(self._files), _SIDE_BY_SIDE):
            some = slice(start, start + _SIDE_BY_SIDE)
            rows = AddedRows(self._files[some], self._name, [column[some] for column in self._maps])
            path = folder / str(start)
            with temp_files.disk_space(), path.open("wb") as file:
                writer = ColumnWriter(file.write)
                stored_columns.write_rows(writer, self._name, rows.merged())
                writer.finish({})
            files.append(ColumnFile(str(path), str(path)))
        return AddedRows(files, self._name, [[None] * len(files)] * len(self._maps))

    def _rows(self, index: int, at_once: int) -> Iterator[Rows]:
        maps = [column[index] for column in self._maps]
        for rows in stored_columns.rows(self._files[index], self._name, len(maps), at_once):
            columns = (ids if each is None else each[ids] for ids, each in zip(rows.columns, maps, strict=True))
            yield Rows(tuple(columns), rows.counts)


def added_groups(files: Sequence[ColumnFile], column: str) -> tuple[list[str], list[Ids]]:
    """Return the names of all groups in the order in which they first come, and the number that each group of each file has."""
    numbers: dict[str, int] = {}
    maps = []
    for file in files:
        names = stored_columns.texts(file, column)
        maps.append(np.array([numbers.setdefault(name, len(numbers)) for name in names], np.uint32))
    return list(numbers), maps


def added_up(arrays: Sequence[NDArray[np.int64]], maps: Sequence[Map], n: int) -> NDArray[np.int64]:
    """Return the sums of numbers of words or groups, (n,).

    Args:
        arrays: arrays[i] has the numbers of file i, which may be fewer than its words.
        maps: maps[i] is that of file i.
    """
    total = np.zeros(n, np.int64)
    for values, each in zip(arrays, maps, strict=True):
        total[slice(len(values)) if each is None else each[: len(values)]] += values
    return total
