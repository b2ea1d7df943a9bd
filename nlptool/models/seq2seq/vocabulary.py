"""The vocabulary of one side of an encoder-decoder of nlptool's own: text to token ids, and token ids to text.

    characters   each character is a token, blanks too
    words        runs of letters and digits, and each other character (languages with blanks), or the words that MeCab finds
                 (languages without); a blank before a word belongs to it, except with MeCab, which drops blanks
    subwords     byte-pair encoding (R. Sennrich, B. Haddow, A. Birch, ACL 2016) of words, or of whole texts without blanks

Stored as one JSON file: {"unit", "mecab", "dictionary", "tokenizer": the tokenizer of the library tokenizers}.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from nlptool.errors import ModelError
from nlptool.models.runtime.byte_pieces import PlacesOfPieces
from nlptool.models.seq2seq.config import SPECIALS, UNK
from nlptool.storage import json_files
from nlptool.text.spans import Place

UNITS = ("characters", "words", "subwords")
_KINDS = {"tokenizer": dict, "unit": str, "mecab": bool, "dictionary": str}


@dataclass(frozen=True, slots=True)
class TokenizedLine:
    """A tokenized text."""

    ids: list[int]  # without special tokens
    unknown: tuple[str, ...]  # the parts of the text that the vocabulary lacks, once each


@dataclass(frozen=True, slots=True)
class PlacedLine:
    """A tokenized text, each piece with its place.

    Attributes:
        ids: (n,), without special tokens.
        places: of each piece in the text, in characters: ``text[start:end]``. It may include the blanks before the piece, and
            pieces that are bytes of one character all have its place.
        is_unknown: of each piece, whether it stands for what the vocabulary lacks.
    """

    ids: list[int]
    places: list[Place]
    is_unknown: list[bool]


class Vocabulary:
    """A vocabulary. Its first ids are ``config.SPECIALS``, which no text contains.

    Args:
        mecab: split texts into words with MeCab before the tokenizer gets them.
        dictionary: name or folder of MeCab's dictionary; unidic-lite unless given.
    """

    def __init__(self, tokenizer: Tokenizer, *, unit: str, mecab: bool = False, dictionary: str | None = None) -> None:
        self.unit = unit
        self.mecab = mecab
        self.dictionary = dictionary
        self._tokenizer = tokenizer
        self.pieces: list[str] = sorted(vocabulary := tokenizer.get_vocab(), key=vocabulary.__getitem__)

    def __len__(self) -> int:
        return len(self.pieces)

    def tokenize(self, texts: Sequence[str]) -> list[TokenizedLine]:
        """Tokenize texts.

        Raises:
            ModelError: MeCab's dictionary is missing.
        """
        unknown: list[list[str]]
        if self.mecab:
            from nlptool.models.words.tokenizers import word_tokenizer

            words = list(map(word_tokenizer("unidic", dictionary=self.dictionary), texts))
            encodings = self._tokenizer.encode_batch(words, is_pretokenized=True)
            unknown = [
                [
                    line_words[index]
                    for id, index in zip(encoding.ids, encoding.word_ids, strict=True)
                    if id == UNK and index is not None
                ]
                for line_words, encoding in zip(words, encodings, strict=True)
            ]
        else:
            encodings = self._tokenizer.encode_batch(list(texts))
            unknown = [
                [text[start:end] for id, (start, end) in zip(encoding.ids, encoding.offsets, strict=True) if id == UNK]
                for text, encoding in zip(texts, encodings, strict=True)
            ]
        return [
            TokenizedLine(encoding.ids, tuple(dict.fromkeys(part.strip() or part for part in parts)))
            for encoding, parts in zip(encodings, unknown, strict=True)
        ]

    def placed(self, texts: Sequence[str]) -> list[PlacedLine]:
        """Tokenize texts, each piece with its place.

        Raises:
            ModelError: MeCab's dictionary is missing.
        """
        if self.mecab:
            from nlptool.models.japanese.words import mecab_places
            from nlptool.models.words.tokenizers import word_tokenizer

            words = list(map(word_tokenizer("unidic", dictionary=self.dictionary), texts))
            places = [mecab_places(text, self.dictionary) for text in texts]
            encodings = self._tokenizer.encode_batch(words, is_pretokenized=True)
            of_pieces = [
                [of_text[index] for index in encoding.word_ids if index is not None]
                for of_text, encoding in zip(places, encodings, strict=True)
            ]
        else:
            encodings = self._tokenizer.encode_batch(list(texts))
            places_of = PlacesOfPieces(self._tokenizer)
            of_pieces = [places_of(text, encoding) for text, encoding in zip(texts, encodings, strict=True)]
        return [
            PlacedLine(encoding.ids, places_of_text, [id == UNK for id in encoding.ids])
            for encoding, places_of_text in zip(encodings, of_pieces, strict=True)
        ]

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of token ids; special tokens are skipped."""
        text: str = self._tokenizer.decode([id for id in ids if id >= len(SPECIALS)], skip_special_tokens=False)
        return text

    def as_json(self) -> str:
        """Return the tokenizer as the JSON of the library tokenizers."""
        return str(self._tokenizer.to_str())

    def save(self, path: Path) -> None:
        """Write the vocabulary to a JSON file.

        Raises:
            OSError: the file cannot be written.
        """
        content = {"unit": self.unit, "mecab": self.mecab, "dictionary": self.dictionary}
        content["tokenizer"] = json.loads(self.as_json())
        path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Vocabulary:
        """Read a vocabulary from its JSON file.

        Raises:
            ModelError: the file is missing, or damaged.
        """
        try:
            content = json_files.read_object(path, ["tokenizer", "unit", "mecab"], kinds=_KINDS)
            tokenizer = Tokenizer.from_str(json.dumps(content["tokenizer"]))
            mecab = content["mecab"] is True
            vocabulary = cls(tokenizer, unit=content["unit"], mecab=mecab, dictionary=content.get("dictionary"))
        except OSError as error:
            raise ModelError(f"{path.parent} has no {path.name}: {error.strerror}") from error
        except Exception as error:  # the library tokenizers raises bare Exception
            raise ModelError(f"{path} is damaged: {error}") from error
        if tuple(vocabulary.pieces[: len(SPECIALS)]) != SPECIALS or vocabulary.unit not in UNITS:
            raise ModelError(f"{path} is no vocabulary of nlptool")
        return vocabulary
