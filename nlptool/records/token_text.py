"""Words and the text that they are of: where each stands in it, or the text that they make."""

from __future__ import annotations

from collections.abc import Sequence

from nlptool.errors import RecordError
from nlptool.text.scripts import is_japanese
from nlptool.text.spans import Place


def places_in(text: str, words: Sequence[str]) -> list[Place]:
    """Return where the words stand in a text, which has nothing but white space between them.

    Raises:
        RecordError: they are not those of the text.
    """
    places: list[Place] = []
    position = 0
    for number, word in enumerate(words, 1):
        start = position
        while not text.startswith(word, start) and text[start : start + 1].isspace():
            start += 1
        if not text.startswith(word, start):
            message = f"word {number}, `{_shown(word)}`, is not where it should be in the text: "
            message += f"`{_shown(text[start:])}`" if text[start:] else "that ends before it"
            raise RecordError(
                "OtherWords", message, hint="the text is that of the words, with blanks between them at most"
            )
        position = start + len(word)
        places.append((start, position))
    if rest := text[position:].strip():
        raise RecordError("OtherWords", f"the text goes on behind its last word: `{_shown(rest)}`")
    return places


def joined(words: Sequence[str], glued: Sequence[bool] | None = None) -> tuple[str, list[Place]]:
    """Return the text that words make, and where each stands in it.

    There is a blank between two words; in a sentence with kana or kanji there is one between two Latin words alone.

    Args:
        glued: whether there is no blank behind each word, if that is known.
    """
    if glued is None:
        japanese = is_japanese(words)
        neighbours = zip(words, [*words[1:], ""], strict=False)  # of no words there are none
        glued = [japanese and not _are_latin(word, after) for word, after in neighbours]
    parts: list[str] = []
    places: list[Place] = []
    position = 0
    for word, is_glued in zip(words, glued, strict=True):
        places.append((position, position + len(word)))
        parts += [word, "" if is_glued else " "]
        position += len(word) + (not is_glued)
    return "".join(parts[:-1]), places


def _are_latin(word: str, after: str) -> bool:
    """Return whether a word ends, and the one behind it begins, with a letter of ASCII."""
    return all(letter.isascii() and letter.isalpha() for letter in (word[-1:], after[:1]))


def _shown(text: str) -> str:
    return repr(text[:20])[1:-1]
