"""Where the pieces of a text stand, those that are single bytes of a character included."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from nlptool.text.spans import Place


class PlacesOfPieces:
    """Finds the place of each piece that a tokenizer of the library ``tokenizers`` makes of a text.

    A vocabulary with byte fallback writes a character that it lacks as pieces called <0x00> to <0xFF>, one a byte. In a Unigram
    vocabulary the library gives all bytes of a run of such characters the place of the whole run; here each gets the place of its
    own character.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._bytes: dict[int, int] = {}  # token id -> byte
        for byte in range(256):
            if (id := tokenizer.token_to_id(f"<0x{byte:02X}>")) is not None:
                self._bytes[id] = byte

    def __call__(self, text: str, encoding: Any) -> list[Place]:
        """Return the place of each piece in the text, ``text[start:end]``, in characters."""
        places: list[Place] = list(encoding.offsets)
        ids: list[int] = encoding.ids
        if self._bytes.keys().isdisjoint(ids):
            return places
        first = 0
        while first < len(ids):
            after = first + 1
            while after < len(ids) and ids[first] in self._bytes and ids[after] in self._bytes:
                if places[after] != places[first]:
                    break
                after += 1
            if after - first > 1:
                start, end = places[first]
                written = bytes(self._bytes[id] for id in ids[first:after])
                if written == text[start:end].encode(errors="surrogatepass"):  # else the text was normalised
                    places[first:after] = _of_bytes(text[start:end], start)
            first = after
        return places


def _of_bytes(run: Sequence[str], start: int) -> Iterator[Place]:
    """Yield the place of the character of each byte of a run of characters that begins at ``start``."""
    for place, character in enumerate(run, start):
        for _ in character.encode(errors="surrogatepass"):
            yield place, place + 1
