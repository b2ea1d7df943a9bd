"""The pieces that stand for what a vocabulary lacks: how many a text has, and whether it has others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LACKED = "\U0010fffd"  # a character for private use, which no vocabulary has
_KNOWN, _UNKNOWN, _FIRST_BYTE, _OTHER_BYTE, _BLANK = range(5)


def unknown_id(tokenizer: Any) -> int | None:
    """Return the id of the piece that a ``tokenizers.Tokenizer`` puts in the place of what its vocabulary lacks, or None."""
    token = getattr(tokenizer.model, "unk_token", None)
    if token is not None:
        found: int | None = tokenizer.token_to_id(token)
        return found
    if hasattr(tokenizer.model, "unk_token"):  # byte-level BPE says so
        return None
    try:
        ids = tokenizer.encode(_LACKED, add_special_tokens=False).ids  # Unigram does not say
    except Exception:  # noqa: BLE001  # the library raises bare Exception where there is no such piece
        return None
    return ids[-1] if ids and tokenizer.id_to_token(ids[-1]) not in map(_byte, range(256)) else None


def _byte(value: int) -> str:
    """Return the piece of a byte, as SentencePiece's byte fallback writes it."""
    return f"<0x{value:02X}>"


@dataclass(frozen=True, slots=True)
class PieceCounts:
    """What was counted of N texts."""

    unknown: NDArray[np.intp]  # (N,), pieces in the place of what the vocabulary lacks
    in_bytes: NDArray[np.intp]  # (N,), characters that the vocabulary lacks and that are spelled in bytes
    known: NDArray[np.intp]  # (N,), other pieces, those of bytes and special tokens included, and blanks alone not

    def __sub__(self, other: PieceCounts) -> PieceCounts:
        """Take away what every text has: special tokens and a prompt."""
        return PieceCounts(
            np.maximum(self.unknown - other.unknown, 0),
            np.maximum(self.in_bytes - other.in_bytes, 0),
            np.maximum(self.known - other.known, 0),
        )

    def __mul__(self, n: NDArray[np.intp]) -> PieceCounts:
        return PieceCounts(self.unknown * n, self.in_bytes * n, self.known * n)

    def said(self) -> list[dict[str, int]]:
        """Return for each text what its record says of it: nothing of most."""
        nothing: dict[str, int] = {}
        entries = [nothing] * len(self.unknown)
        for row in np.flatnonzero(self.unknown + self.in_bytes).tolist():
            counts = {"n_unknown": int(self.unknown[row]), "n_byte_fallback": int(self.in_bytes[row])}
            entries[row] = {name: count for name, count in counts.items() if count}
        return entries


class PieceCounter:
    """Counts the pieces of texts by what they stand for.

    Args:
        tokenizer: a ``tokenizers.Tokenizer``, without truncation.
    """

    def __init__(self, tokenizer: Any) -> None:
        kinds = {unknown_id(tokenizer): _UNKNOWN, tokenizer.token_to_id("▁"): _BLANK}
        if tokenizer.token_to_id(_byte(0)) is not None:
            for value in range(ord(" "), 256):  # a line break or a tab is layout, of which nothing is lost
                kinds[tokenizer.token_to_id(_byte(value))] = _OTHER_BYTE if 0x80 <= value < 0xC0 else _FIRST_BYTE
        kinds.pop(None, None)
        # The kind of each piece, (V + 1,); the last one is that of all others.
        self._kinds = np.full(max((tokenizer.get_vocab_size(), *(piece + 1 for piece in kinds))) + 1, _KNOWN, np.uint8)
        self._kinds[list(kinds)] = list(kinds.values())

    def count(self, texts: Sequence[Sequence[int]]) -> PieceCounts:
        """Count the pieces of texts, which are lists of ids."""
        lengths = np.fromiter(map(len, texts), np.intp, len(texts))
        flat = np.fromiter(chain.from_iterable(texts), np.intp, lengths.sum())
        return self.count_runs(flat, np.cumsum(lengths) - lengths, lengths)

    def count_runs(self, ids: NDArray[np.intp], starts: NDArray[np.intp], lengths: NDArray[np.intp]) -> PieceCounts:
        """Count the pieces ids[starts[i] : starts[i] + lengths[i]] of each text i; ``starts`` do not fall."""
        kinds = self._kinds.take(ids, mode="clip")
        places = np.flatnonzero(kinds)
        rows = np.searchsorted(starts, places, side="right") - 1
        inside = (rows >= 0) & (places < (starts + lengths)[rows]) if len(places) else np.empty(0, bool)
        rows, found = rows[inside], kinds[places[inside]]

        def number(kind: int) -> NDArray[np.intp]:
            return np.bincount(rows[found == kind], minlength=len(starts))

        unknown = number(_UNKNOWN)
        return PieceCounts(unknown, number(_FIRST_BYTE), lengths - unknown - number(_BLANK))
