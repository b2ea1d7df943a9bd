"""Texts as they are compared where their spelling does not matter."""

from __future__ import annotations

import unicodedata


def folded(text: str) -> str:
    """Return a text in NFKC, in small letters (Unicode's case folding), with runs of white space as one blank and none at its
    ends.

    Full and half width, small and capital letters, and the width of blanks make no difference in it.
    """
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold()).split())
