"""What `dedup` takes for a duplicate, and which record of several it keeps."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from nlptool.text.folding import folded

EXACT, MINHASH, EMBEDDING = METHODS = ("exact", "minhash", "embedding")
FIRST, LAST, LONGEST = ("first", "last", "longest")

DIGEST = 16
"""Bytes of a text's hash."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What counts as a duplicate, and which record of several is kept.

    Attributes:
        method: exact | minhash | embedding.
        threshold: the least similarity: Jaccard's of n-grams, or the cosine of vectors.
        keep: first | last | longest.
        highest: the record with the highest number in this field is kept; "": ``keep`` decides.
        folds: texts are compared as ``folding.folded`` returns them.
        n: characters of an n-gram.
        groups: duplicates are not left out but named.
    """

    method: str = EXACT
    threshold: float = 1.0
    keep: str = FIRST
    highest: str = ""
    folds: bool = True
    n: int = 5
    groups: bool = False

    @property
    def streams(self) -> bool:
        """Whether each record can be decided when it comes."""
        return self.method == EXACT and self.keep == FIRST and not self.highest

    def text(self, text: str) -> str:
        """Return a text as it is compared."""
        return folded(text) if self.folds else text

    def digest(self, text: str) -> bytes:
        """Return a hash of a text as it is compared, of 16 bytes."""
        return hashlib.blake2b(self.text(text).encode(errors="surrogatepass"), digest_size=DIGEST).digest()
