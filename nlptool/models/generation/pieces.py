"""The vocabularies of generation models: text to token ids, and token ids to text.

Three kinds of vocabulary of transformers are read, with the libraries that made them: ``tokenizer.json`` (tokenizers), and the
SentencePiece files of Marian and of M2M100, for which that library has no tokenizer. A fourth is that of nlptool's own models.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from nlptool.errors import ModelError
from nlptool.models.runtime.byte_pieces import PlacesOfPieces
from nlptool.models.runtime.tokenizers import read_tokenizer
from nlptool.models.seq2seq.vocabulary import PlacedLine, TokenizedLine, Vocabulary
from nlptool.storage import json_files

TOKENIZERS, MARIAN, M2M100 = FORMS = ("tokenizers", "marian", "m2m100")

FILES = {
    TOKENIZERS: ("tokenizer.json",),
    MARIAN: ("vocab.json", "source.spm", "target.spm"),
    M2M100: ("vocab.json", "sentencepiece.bpe.model"),
}
"""The files of a vocabulary of each form."""

_BLANK = "▁"  # how SentencePiece writes the blank before a word

# As transformers' clean_up_tokenization.
_CLEANED = (
    (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"), (" 's", "'s"),
    (" 've", "'ve"), (" 're", "'re"),
)  # fmt: skip


class Pieces(Protocol):
    """A vocabulary."""

    def tokenize(self, texts: Sequence[str]) -> list[TokenizedLine]:
        """Tokenize texts, without the special tokens that begin or end them."""

    def placed(self, texts: Sequence[str]) -> list[PlacedLine]:
        """Tokenize texts of the target, each piece with its place in the text, without the special tokens around them."""

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of token ids of the target; special tokens are skipped."""

    def piece(self, id: int, *, of_source: bool) -> str:
        """Return the string of a token; "" for an id that the vocabulary lacks."""


class TokenizerPieces:
    """A vocabulary of the library ``tokenizers``.

    Args:
        unknown_id: the unknown token; None if there is none.
        cleans: remove blanks before punctuation, as transformers does for some models.
    """

    def __init__(self, tokenizer: Any, *, unknown_id: int | None, cleans: bool = False) -> None:
        self._tokenizer, self._unknown_id, self._cleans = tokenizer, unknown_id, cleans
        self._places = PlacesOfPieces(tokenizer)
        tokenizer.no_padding()
        tokenizer.no_truncation()

    def tokenize(self, texts: Sequence[str]) -> list[TokenizedLine]:
        """Tokenize texts. Special tokens that are spelled out in a text count as such, as in transformers."""
        encodings = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [self._line(text, encoding) for text, encoding in zip(texts, encodings, strict=True)]

    def _line(self, text: str, encoding: Any) -> TokenizedLine:
        ids: list[int] = encoding.ids
        if self._unknown_id not in ids:
            return TokenizedLine(ids, ())
        spans = (span for id, span in zip(ids, encoding.offsets, strict=True) if id == self._unknown_id)
        return TokenizedLine(ids, _distinct(text[start:end] for start, end in spans))

    def placed(self, texts: Sequence[str]) -> list[PlacedLine]:
        encodings = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [
            PlacedLine(encoding.ids, self._places(text, encoding), [id == self._unknown_id for id in encoding.ids])
            for text, encoding in zip(texts, encodings, strict=True)
        ]

    def decode(self, ids: Sequence[int]) -> str:
        text: str = self._tokenizer.decode(list(ids), skip_special_tokens=True)
        if self._cleans:
            for old, new in _CLEANED:
                text = text.replace(old, new)
        return text

    def piece(self, id: int, *, of_source: bool) -> str:
        return str(self._tokenizer.id_to_token(id) or "")


class SentencePieces:
    """A SentencePiece vocabulary whose ids are listed in another file, as for Marian and M2M100.

    Args:
        source: the SentencePiece processor that tokenizes.
        target: the one that decodes; it may be the same.
        ids: piece -> id.
        codes: a text may begin with a language code, ``>>jpn<<``, which is one piece.
    """

    def __init__(
        self,
        source: Any,
        target: Any,
        ids: Mapping[str, int],
        *,
        unknown_id: int,
        special_ids: Sequence[int],
        codes: bool,
    ) -> None:
        self._source, self._target = source, target
        self._ids, self._unknown_id, self._codes = ids, unknown_id, codes
        self._special_ids = frozenset(special_ids)
        self._pieces = {id: piece for piece, id in ids.items()}

    def tokenize(self, texts: Sequence[str]) -> list[TokenizedLine]:
        return list(map(self._line, texts))

    def _line(self, text: str) -> TokenizedLine:
        code_ids = []
        if self._codes and text.startswith(">>") and "<<" in text:
            code, _, text = text.partition("<<")
            code_ids.append(self._ids.get(f"{code}<<", self._unknown_id))
        pieces: list[str] = self._source.encode(text, out_type=str)
        ids = [self._ids.get(piece, self._unknown_id) for piece in pieces]
        unknown = (piece.removeprefix(_BLANK) for piece, id in zip(pieces, ids, strict=True) if id == self._unknown_id)
        return TokenizedLine(code_ids + ids, _distinct(unknown))

    def placed(self, texts: Sequence[str]) -> list[PlacedLine]:
        return list(map(self._placed, texts))

    def _placed(self, text: str) -> PlacedLine:
        found = self._target.encode(text, out_type="immutable_proto").pieces
        ids = [self._ids.get(piece.piece, self._unknown_id) for piece in found]
        places = [(piece.begin, piece.end) for piece in found]
        return PlacedLine(ids, places, [id == self._unknown_id for id in ids])

    def decode(self, ids: Sequence[int]) -> str:
        pieces = [self._pieces.get(id, "") for id in ids if id not in self._special_ids]
        return str(self._target.decode_pieces(pieces)).replace(_BLANK, " ").strip()

    def piece(self, id: int, *, of_source: bool) -> str:
        return self._pieces.get(id, "")


class VocabularyPieces:
    """The two vocabularies of a model of nlptool's own."""

    def __init__(self, source: Vocabulary, target: Vocabulary) -> None:
        self._source, self._target = source, target
        self.tokenize, self.placed, self.decode = source.tokenize, target.placed, target.decode

    def piece(self, id: int, *, of_source: bool) -> str:
        return (self._source if of_source else self._target).pieces[id]


def read(folder: Path, config: Mapping[str, Any]) -> Pieces:
    """Read the vocabulary of a model of transformers, or of its converted copy.

    Args:
        config: what ``transformers_config.describe`` returned.

    Raises:
        ModelError: a file is missing, or damaged.
    """
    form = config["form"]
    if form == TOKENIZERS:
        return TokenizerPieces(
            read_tokenizer(folder / "tokenizer.json"), unknown_id=config.get("unknown_id"), cleans=config["cleans"]
        )
    vocabulary, *models = (folder / name for name in FILES[form])
    try:
        ids = {str(piece): int(id) for piece, id in json_files.read_object(vocabulary).items()}
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(f"{vocabulary} cannot be read: {error}") from error
    ids |= config["added"]
    processors = [_sentencepiece(path) for path in models]
    return SentencePieces(
        processors[0], processors[-1], ids, unknown_id=config["unknown_id"], special_ids=config["special_ids"],
        codes=form == MARIAN,
    )  # fmt: skip


def _sentencepiece(path: Path) -> Any:
    import sentencepiece

    try:
        return sentencepiece.SentencePieceProcessor(model_file=str(path))
    except (OSError, RuntimeError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error


def _distinct(pieces: Iterable[str]) -> tuple[str, ...]:
    """Return the different pieces, without the blanks around them."""
    return tuple(dict.fromkeys(piece.strip() or piece for piece in pieces if piece))
