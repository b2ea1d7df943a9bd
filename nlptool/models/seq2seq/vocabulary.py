"""The vocabulary of one side of an encoder–decoder of our own: texts to ids, and ids to texts.

    characters   each character is a piece, blanks too
    words        runs of letters and digits, and each other mark (languages with blanks), or the words that MeCab finds
                 (languages without); a blank before a word belongs to it, except with MeCab, which knows no blanks
    subwords     byte-pair encoding (R. Sennrich, B. Haddow, A. Birch, ACL 2016) of words, or of whole texts without blanks

Kept as one JSON file: {"unit", "mecab", "tokenizer": that of the library tokenizers}.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from nlptool.errors import ModelError
from nlptool.models.seq2seq.config import SPECIALS, UNK

UNITS = ("characters", "words", "subwords")


@dataclass(frozen=True, slots=True)
class TokenizedLine:
    """A text as the model reads it.

    Attributes:
        ids: (n,), without special tokens.
        unknown: the pieces that the model has never seen, once each.
    """

    ids: list[int]
    unknown: tuple[str, ...]


class Vocabulary:
    """A vocabulary. Its first ids are ``seq2seq_shape.SPECIALS``, which no text has in it.

    Args:
        mecab: texts are cut into words by MeCab before the tokenizer sees them.
    """

    def __init__(self, tokenizer: Tokenizer, *, unit: str, mecab: bool = False) -> None:
        self.unit = unit
        self.mecab = mecab
        self._tokenizer = tokenizer
        self.pieces: list[str] = sorted(vocabulary := tokenizer.get_vocab(), key=vocabulary.__getitem__)

    def __len__(self) -> int:
        return len(self.pieces)

    def cut(self, texts: Sequence[str]) -> list[TokenizedLine]:
        """
        Raises:
            ModelError: MeCab's dictionary is not there.
        """
        if self.mecab:
            from nlptool.models.words.tokenizers import word_tokenizer

            words = list(map(word_tokenizer("unidic"), texts))
            encoded = self._tokenizer.encode_batch(words, is_pretokenized=True)
            unknown = [
                [
                    own[each]
                    for id, each in zip(found.ids, found.word_ids, strict=True)
                    if id == UNK and each is not None
                ]
                for own, found in zip(words, encoded, strict=True)
            ]
        else:
            encoded = self._tokenizer.encode_batch(list(texts))
            unknown = [
                [text[slice(*place)] for id, place in zip(found.ids, found.offsets, strict=True) if id == UNK]
                for text, found in zip(texts, encoded, strict=True)
            ]
        return [
            TokenizedLine(found.ids, tuple(dict.fromkeys(each.strip() or each for each in missed)))
            for found, missed in zip(encoded, unknown, strict=True)
        ]

    def text(self, ids: Sequence[int]) -> str:
        """The text of ids; special tokens are left out."""
        text: str = self._tokenizer.decode([id for id in ids if id >= len(SPECIALS)], skip_special_tokens=False)
        return text

    def save(self, path: Path) -> None:
        """
        Raises:
            OSError: the file cannot be written.
        """
        known = {"unit": self.unit, "mecab": self.mecab, "tokenizer": json.loads(self._tokenizer.to_str())}
        path.write_text(json.dumps(known, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Vocabulary:
        """
        Raises:
            ModelError: it is not there, or is damaged.
        """
        try:
            known = json.loads(path.read_text(encoding="utf-8"))
            symbols = cls(
                Tokenizer.from_str(json.dumps(known["tokenizer"])), unit=known["unit"], mecab=known["mecab"] is True
            )
        except OSError as error:
            raise ModelError(f"{path.parent} has no {path.name}: {error.strerror}") from error
        except Exception as error:  # of the library tokenizers: bare Exception
            raise ModelError(f"{path} is damaged: {error}") from error
        if tuple(symbols.pieces[: len(SPECIALS)]) != SPECIALS or symbols.unit not in UNITS:
            raise ModelError(f"{path} is no vocabulary of nlptool")
        return symbols
