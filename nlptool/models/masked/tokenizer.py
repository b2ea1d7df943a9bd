"""Texts to the subwords (pieces) that a masked language model reads, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from nlptool.errors import RecordError, RunError
from nlptool.models.japanese.bert_words import JapaneseWords

BLANKS = ("▁", "Ġ")  # how Metaspace and byte-level BPE write the blank before a piece
CONTINUES = "##"  # how WordPiece writes that a piece goes on with a word


@dataclass(frozen=True, slots=True)
class ModelInput:
    """A sequence as the network reads it: [CLS] text [SEP], or two texts."""

    ids: list[int]  # (T,), special tokens included
    types: list[int]  # (T,), 0: the first text, 1: the second
    positions: list[int]  # (M,), positions in ids whose tokens are asked for; [] for none


@dataclass(frozen=True, slots=True)
class TokenizedText:
    """The pieces of a text."""

    ids: list[int]  # (n,), of the text alone: no special tokens, not truncated
    words: list[int]  # (n,), the number of the word that each piece belongs to, from 0; a mask is a word of its own
    n_unknown: int  # pieces that stand for what the vocabulary lacks


class MaskedLmTokenizer:
    """The tokenizer of a masked language model.

    A word is what the tokenizer splits off before it makes pieces: with BERT a run of letters or a punctuation character, with
    ``BertJapaneseTokenizer`` a word of MeCab, else what stands between blanks, without punctuation where the tokenizer splits
    that off. Metaspace without blanks, as in Japanese, makes one word of a sentence.

    Args:
        tokenizer: of the library ``tokenizers``, which belongs to this object from now on: its padding and truncation are
            switched off. It gets the words of a text if there are ``words``, else the text.
        about: ``size``, ``max_length``, ``mask_token``, ``unknown_id`` (if there is one) and ``special_ids`` of the model.
        words: splits a text into words first; None where the tokenizer does that itself.
        max_length: tokens of a sequence, special tokens included; as many as the model takes unless given.

    Attributes:
        size: V, the tokens for which there are logits.
        special_ids: of [CLS], [MASK] and the like.
        words: what splits a text into words first; None where the tokenizer does.
        unknown_id: of what stands for all that the vocabulary lacks; None if there is no such piece.

    Raises:
        RunError: ``max_length`` leaves no room for a text.
    """

    def __init__(
        self,
        tokenizer: Any,
        about: Mapping[str, Any],
        *,
        words: JapaneseWords | None = None,
        max_length: int | None = None,
    ) -> None:
        self.mask_token = str(about["mask_token"])
        self.mask_id: int = tokenizer.token_to_id(self.mask_token)
        self.size = int(about["size"])
        self.special_ids = frozenset(map(int, about["special_ids"]))
        self._tokenizer = tokenizer
        self.words = words
        self.unknown_id: int | None = about.get("unknown_id")
        self._max_length = min(max_length or int(about["max_length"]), int(about["max_length"]))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self._single, self._pair = self._template("a"), self._template("a", "a")
        if self.max_pieces() < 1:
            n_special = self._max_length - self.max_pieces()
            raise RunError(
                f"--max-length {self._max_length} leaves no room for a text beside {n_special} special tokens"
            )

    def tokenize(self, texts: Sequence[str]) -> list[TokenizedText]:
        """Return the pieces of each text. Special tokens written in a text are taken as such, as transformers does.

        Raises:
            RecordError: a text has a piece that the network has no embedding for, as an added token can be.
        """
        if self.words is None:
            encodings = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
            return [self._tokenized(encoding.ids, encoding.word_ids, encoding.tokens) for encoding in encodings]
        parts, numbers = zip(*map(self.words.numbered, texts), strict=True) if texts else ((), ())
        encodings = self._tokenizer.encode_batch(list(parts), is_pretokenized=True, add_special_tokens=False)
        return [
            self._tokenized(encoding.ids, [of_part[part] for part in encoding.word_ids], [])
            for encoding, of_part in zip(encodings, numbers, strict=True)
        ]

    def _tokenized(self, ids: list[int], numbers: Sequence[int | None], pieces: list[str]) -> TokenizedText:
        """Number the words of a text.

        Args:
            numbers: of the words as the tokenizer says; special tokens have numbers too, of their own.
            pieces: where one that begins with a blank begins a word.
        """
        if ids and max(ids) >= self.size:
            raise RecordError(
                "UnknownToken",
                f"the network has no embedding for the token {self.piece(max(ids))!r}, which was added to its tokenizer",
            )
        blank = [piece.startswith(BLANKS) for piece in pieces] or [False] * len(ids)
        words = [0] if ids else []
        for position, (before, here) in enumerate(pairwise(numbers), 1):
            alone = self.mask_id in (ids[position - 1], ids[position])
            words.append(words[-1] + (before != here or blank[position] or alone))
        return TokenizedText(ids, words, ids.count(self.unknown_id) if self.unknown_id is not None else 0)

    def max_pieces(self, *, pair: bool = False) -> int:
        """Return how many pieces fit beside the special tokens of one sequence; for a pair those of both texts together."""
        template = self._pair if pair else self._single
        return self._max_length - sum(len(ids) for ids, _ in template.special)

    def model_input(
        self, first: Sequence[int], second: Sequence[int] | None = None, *, positions: Sequence[int] = ()
    ) -> ModelInput:
        """Return the sequence with the special tokens of the model's own template, and the types.

        Args:
            positions: in ``first`` and then on in ``second``; they are moved by the special tokens before them.
        """
        template = self._single if second is None else self._pair
        texts = [first] if second is None else [first, second]
        ids, types = list(template.special[0][0]), list(template.special[0][1])
        starts = []
        for text, type, (special, its_types) in zip(texts, template.types, template.special[1:], strict=True):
            starts.append(len(ids))
            ids += [*text, *special]
            types += [*[type] * len(text), *its_types]
        n_first = len(first)
        moved = [
            position + starts[0] if position < n_first else position - n_first + starts[-1] for position in positions
        ]
        return ModelInput(ids, types, moved)

    def piece(self, id: int) -> str:
        """Return a piece as the vocabulary spells it: ``##ing``; "" for an id that it does not have."""
        return str(self._tokenizer.id_to_token(id) or "")

    def text(self, ids: Sequence[int]) -> str:
        """Decode ids as transformers' ``decode`` does, special tokens included.

        Words of MeCab, which transformers would write with blanks between them, are joined without, but for two with
        Latin letters or digits at their border.
        """
        if self.words is None:
            return str(self._tokenizer.decode(list(ids), skip_special_tokens=False))
        joined = ""
        for piece in map(self.piece, ids):
            if joined and piece.startswith(CONTINUES):
                joined += piece.removeprefix(CONTINUES)
            else:
                latin = joined and piece and _is_latin(joined[-1]) and _is_latin(piece[0])
                joined += f" {piece}" if latin else piece
        return joined

    def _template(self, *texts: str) -> _Template:
        """Read the template of one text or of two off an encoded one."""
        if self.words is None:
            encoding = self._tokenizer.encode(*texts)
        else:
            encoding = self._tokenizer.encode(*([text] for text in texts), is_pretokenized=True)
        special: list[tuple[list[int], list[int]]] = [([], []) for _ in range(len(texts) + 1)]
        types = [0] * len(texts)
        begun = 0  # texts
        for id, type, of_text in zip(encoding.ids, encoding.type_ids, encoding.sequence_ids, strict=True):
            if of_text is None:
                special[begun][0].append(id)
                special[begun][1].append(type)
            else:
                begun, types[of_text] = of_text + 1, type
        return _Template(special, types)


@dataclass(frozen=True, slots=True)
class _Template:
    """Special tokens before, between and after the texts."""

    special: list[tuple[list[int], list[int]]]  # ids and types before the first text, ..., behind the last
    types: list[int]  # of the pieces of each text


def continues(piece: str) -> bool:
    """Return whether a piece of WordPiece goes on with a word; ``##`` alone is two characters of a text."""
    return piece.startswith(CONTINUES) and piece != CONTINUES


def _is_latin(character: str) -> bool:
    return character.isascii() and character.isalnum()
