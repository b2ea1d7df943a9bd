"""Texts to the tokens that a generating model reads, and its tokens back to texts.

Three kinds of vocabulary of transformers are read, by the libraries that made them: ``tokenizer.json`` (tokenizers), and the
SentencePiece files of Marian and of M2M100, which are no tokenizers of that library. A fourth is our own (``Symbols``).
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from nlptool.errors import ModelError, RunError
from nlptool.models.generation import constraints
from nlptool.models.generation.constraints import DECODER, SOURCE, TARGET
from nlptool.models.runtime.tokenizers import read_tokenizer
from nlptool.models.seq2seq.config import BOS, EOS, NEVER_SAID, PAD
from nlptool.models.seq2seq.folder import Model
from nlptool.models.seq2seq.vocabulary import TokenizedLine, Vocabulary

TOKENIZERS, MARIAN, M2M100 = FORMS = ("tokenizers", "marian", "m2m100")

FILES = {
    TOKENIZERS: ("tokenizer.json",),
    MARIAN: ("vocab.json", "source.spm", "target.spm"),
    M2M100: ("vocab.json", "sentencepiece.bpe.model"),
}
"""The files that a vocabulary of each form is read from."""

_LONGEST = 64  # characters that one token stands for, at most, where a long text is cut before it is read
_BLANK = "▁"  # how SentencePiece writes the blank before a word
# As transformers' clean_up_tokenization.
_CLEANED = (
    (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"), (" 's", "'s"),
    (" 've", "'ve"), (" 're", "'re"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Source:
    """A text as a model reads it.

    Attributes:
        ids: all special tokens included; [] if there is nothing in the text.
        n_tokens: of the whole text, before it was cut off.
        unknown: characters or words of the text that the model has never seen, once each.
        truncated: whether the model reads a part of it alone.
    """

    ids: list[int]
    n_tokens: int
    unknown: tuple[str, ...]
    truncated: bool


class Pieces(Protocol):
    """A vocabulary."""

    def cut(self, texts: Sequence[str]) -> list[TokenizedLine]:
        """The tokens of each text, special ones that begin or end it left out."""

    def text(self, ids: Sequence[int]) -> str:
        """The text of tokens of the target; special tokens are left out."""

    def piece(self, id: int, *, of_source: bool) -> str:
        """How the vocabulary spells a token."""


class TokenizerPieces:
    """A vocabulary of the library ``tokenizers``.

    Args:
        unknown_id: of the token for what the vocabulary lacks; None if there is no such token.
        cleans: whether blanks before marks are taken away, as transformers does for some models.
    """

    def __init__(self, tokenizer: Any, *, unknown_id: int | None, cleans: bool = False) -> None:
        self._tokenizer, self._unknown_id, self._cleans = tokenizer, unknown_id, cleans
        tokenizer.no_padding()
        tokenizer.no_truncation()

    def cut(self, texts: Sequence[str]) -> list[TokenizedLine]:
        """The tokens of each text. Special tokens written in a text are taken as such, as transformers does."""
        encodings = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        return [self._cut(text, encoding) for text, encoding in zip(texts, encodings, strict=True)]

    def _cut(self, text: str, encoding: Any) -> TokenizedLine:
        ids: list[int] = encoding.ids
        if self._unknown_id not in ids:
            return TokenizedLine(ids, ())
        places = (place for id, place in zip(ids, encoding.offsets, strict=True) if id == self._unknown_id)
        return TokenizedLine(ids, _once(text[start:end] for start, end in places))

    def text(self, ids: Sequence[int]) -> str:
        """The text of tokens; special ones are left out."""
        text: str = self._tokenizer.decode(list(ids), skip_special_tokens=True)
        if self._cleans:
            for before, after in _CLEANED:
                text = text.replace(before, after)
        return text

    def piece(self, id: int, *, of_source: bool) -> str:
        """How the vocabulary spells a token; "" for an id that it does not have."""
        return str(self._tokenizer.id_to_token(id) or "")


class SentencePieces:
    """A vocabulary of SentencePiece whose tokens have ids of another list, as Marian's and M2M100's.

    Args:
        source: what cuts a text into pieces.
        target: what joins those of the output; the same one where there is but one.
        ids: piece -> id.
        codes: whether a text may begin with a language, ``>>jpn<<``, which is one piece.
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

    def cut(self, texts: Sequence[str]) -> list[TokenizedLine]:
        """The tokens of each text."""
        return list(map(self._cut, texts))

    def _cut(self, text: str) -> TokenizedLine:
        ids = []
        if self._codes and text.startswith(">>") and "<<" in text:
            code, _, text = text.partition("<<")
            ids.append(self._ids.get(f"{code}<<", self._unknown_id))
        pieces: list[str] = self._source.encode(text, out_type=str)
        found = [self._ids.get(piece, self._unknown_id) for piece in pieces]
        unknown = (
            piece.removeprefix(_BLANK) for piece, id in zip(pieces, found, strict=True) if id == self._unknown_id
        )
        return TokenizedLine(ids + found, _once(unknown))

    def text(self, ids: Sequence[int]) -> str:
        """The text of tokens; special ones are left out."""
        pieces = [self._pieces.get(id, "") for id in ids if id not in self._special_ids]
        return str(self._target.decode_pieces(pieces)).replace(_BLANK, " ").strip()

    def piece(self, id: int, *, of_source: bool) -> str:
        """How the vocabulary spells a token; "" for an id that it does not have."""
        return self._pieces.get(id, "")


class SymbolPieces:
    """The two vocabularies of a model of our own."""

    def __init__(self, source: Vocabulary, target: Vocabulary) -> None:
        self._source, self._target = source, target

    def cut(self, texts: Sequence[str]) -> list[TokenizedLine]:
        """The tokens of each text."""
        return self._source.cut(texts)

    def text(self, ids: Sequence[int]) -> str:
        """The text of tokens of the target; special ones are left out."""
        return self._target.text(ids)

    def piece(self, id: int, *, of_source: bool) -> str:
        """How the vocabulary spells a token."""
        return (self._source if of_source else self._target).pieces[id]


def pieces(folder: Path, about: Mapping[str, Any]) -> Pieces:
    """The vocabulary of a model of transformers, or of its converted copy.

    Raises:
        ModelError: a file is not there, or is damaged.
    """
    form = about["form"]
    if form == TOKENIZERS:
        return TokenizerPieces(
            read_tokenizer(folder / "tokenizer.json"), unknown_id=about.get("unknown_id"), cleans=about["cleans"]
        )
    vocabulary, *models = (folder / name for name in FILES[form])
    try:
        ids = {str(piece): int(id) for piece, id in json.loads(vocabulary.read_text(encoding="utf-8")).items()}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise ModelError(f"{vocabulary} cannot be read: {error}") from error
    ids |= about["added"]
    processors = [_sentencepiece(path) for path in models]
    return SentencePieces(
        processors[0], processors[-1], ids, unknown_id=about["unknown_id"], special_ids=about["special_ids"],
        codes=form == MARIAN,
    )  # fmt: skip


def _sentencepiece(path: Path) -> Any:
    import sentencepiece

    try:
        return sentencepiece.SentencePieceProcessor(model_file=str(path))
    except (OSError, RuntimeError) as error:
        raise ModelError(f"{path} cannot be read: {error}") from error


def _once(pieces: Iterable[str]) -> tuple[str, ...]:
    """Without repetitions, and without blanks around them."""
    return tuple(dict.fromkeys(each.strip() or each for each in pieces if each))


class GenerationTokenizer:
    """Texts to the tokens of one model and back, the special tokens and languages that it asks for included.

    Args:
        pieces: its vocabulary.
        before: special tokens before each text.
        after: and behind it.
        limit: tokens of a source, special ones included.
        keeps_end: what is cut off is the beginning: of prompts, whose end is what is gone on with.
        prefix: stands before each text.

    Raises:
        RunError: the limit leaves no room for a text.
    """

    def __init__(
        self,
        pieces: Pieces,
        *,
        before: Sequence[int] = (),
        after: Sequence[int] = (),
        limit: int,
        keeps_end: bool = False,
        prefix: str = "",
    ) -> None:
        self._pieces = pieces
        self._before, self._after = list(before), list(after)
        self._room = limit - len(self._before) - len(self._after)
        self._keeps_end, self._prefix = keeps_end, prefix
        if self._room < 1:
            n_special = len(self._before) + len(self._after)
            raise RunError(f"--max-length {limit} leaves no room for a text beside {n_special} special tokens")

    def read(self, texts: Sequence[str]) -> list[Source]:
        """What the model reads of each text."""
        return [self._source(cut) for cut in self._pieces.cut([self._prefix + text for text in texts])]

    def _source(self, cut: TokenizedLine) -> Source:
        if not cut.ids:
            return Source([], 0, cut.unknown, truncated=False)
        kept = cut.ids[-self._room :] if self._keeps_end else cut.ids[: self._room]
        n_tokens = len(cut.ids) + len(self._before) + len(self._after)
        return Source([*self._before, *kept, *self._after], n_tokens, cut.unknown, len(kept) < len(cut.ids))

    def text(self, ids: Sequence[int], *, prompt: Sequence[int] = ()) -> str:
        """The text of the tokens of an output.

        Args:
            prompt: what they go on with; its text is not repeated.
        """
        if not prompt:
            return self._pieces.text(ids)
        # Together: a decoder of tokens may drop the blank before the first word of a text, or need a character's first bytes.
        begun, whole = self._pieces.text(prompt), self._pieces.text([*prompt, *ids])
        return whole[len(begun) :] if whole.startswith(begun) else self._pieces.text(ids)

    def spelled(self, ids: Sequence[int], *, of_source: bool) -> list[str]:
        """How the vocabulary spells each token."""
        return [self._pieces.piece(id, of_source=of_source) for id in ids]


def of_transformers(
    name: str,
    pieces: Pieces,
    about: Mapping[str, Any],
    *,
    source_lang: str | None,
    target_lang: str | None,
    max_length: int | None,
    prefix: str,
) -> tuple[GenerationTokenizer, constraints.DecoderConstraints]:
    """Texts and rules of a model of transformers.

    Args:
        about: as ``generation_about.describe`` wrote it down.
        source_lang: of the languages that the model knows.
        target_lang: likewise.
        max_length: tokens of a source; as the model says unless given.

    Raises:
        RunError: a language is missing, or is none that the model knows; or there is no room for a text.
    """
    asked = {SOURCE: source_lang, TARGET: target_lang}
    before, after, start = (list(about[part]) for part in ("before", "after", "start"))
    ids: dict[int, int | None] = {}
    for role, option in ((SOURCE, "--source-lang"), (TARGET, "--target-lang")):
        wanted = role in (*before, *after, *start)
        ids[role] = _language(name, about, role, option, asked[role], wanted=wanted)
    decides = about["kind"] == DECODER
    limit = int(about["max_length"])
    if decides:  # room for what is to come
        limit = max(1, limit - min(int(about.get("max_new_tokens", NEW_TOKENS)), limit // 2))
    elif about.get("stretches") and max_length:
        limit = max_length
    texts = GenerationTokenizer(
        pieces,
        before=[id for id in (ids.get(each, each) for each in before) if id is not None],
        after=[id for id in (ids.get(each, each) for each in after) if id is not None],
        limit=min(limit, max_length or limit),
        keeps_end=decides,
        prefix=prefix,
    )
    return texts, constraints.of(about, ids[TARGET])


POSITIONS = 1024
"""Tokens that a model of our own writes at most, however short the texts were that it was trained with."""

NEW_TOKENS = 128
"""Tokens of an output, at most, where neither the user nor the model says how many."""


def _language(
    name: str, about: Mapping[str, Any], role: int, option: str, code: str | None, *, wanted: bool
) -> int | None:
    """The token of a language; None if the model is told none, or need not be.

    Raises:
        RunError: it is missing, or is none that the model knows.
    """
    languages: Mapping[str, int] = about["languages"]
    if code is None:
        default: int | None = about["defaults"].get(str(role))
        if not wanted or default is not None or about["form"] == MARIAN:
            return default
        raise RunError(
            f"{name} has to be told a language: {option}", hint=f"one of {len(languages)}: {_some(list(languages))}"
        )
    if not wanted:
        other = "; it is told the language of the output alone" if languages else ""
        raise RunError(f"{name} takes no {option}{other}", hint=f"leave out {option} {code}")
    if code not in languages:
        close = _like(code, languages)
        raise RunError(
            f"{name} knows no language {code}",
            hint=f"{option} {' | '.join(close)}" if close else f"it knows {_some(list(languages))}",
        )
    return languages[code]


def _like(code: str, languages: Iterable[str]) -> list[str]:
    """The languages whose codes look most like ``code``."""
    alike = difflib.get_close_matches(code, languages, n=5, cutoff=0.6)
    alike += [each for each in languages if each[0] == code[:1] or each.endswith(f"_{code.rpartition('_')[2]}")]
    script = code.rpartition("_")[2]
    alike.sort(key=lambda each: (each.rpartition("_")[2] != script, not each.startswith(code[:2])))
    return list(dict.fromkeys(alike))[:8]


def _some(codes: list[str]) -> str:
    return ", ".join(codes[:12]) + (", ..." if len(codes) > 12 else "")


def of_ours(
    model: Model, *, max_length: int | None, prefix: str
) -> tuple[GenerationTokenizer, constraints.DecoderConstraints]:
    """Texts and rules of a model of our own.

    Raises:
        RunError: there is no room for a text.
    """
    shape = model.shape
    texts = GenerationTokenizer(
        SymbolPieces(model.source, model.target),
        after=[EOS],
        limit=min(max_length or shape.max_length, shape.max_length),
        prefix=prefix,
    )
    rules = constraints.DecoderConstraints(
        constraints.ENCODER_DECODER,
        shape.target_size - len(NEVER_SAID),  # that can be said: a beam that is wider would hold what cannot
        start=(BOS,),
        ends=(EOS,),
        positions=max(shape.max_length, POSITIONS),
        pad_id=PAD,
    )
    return texts, rules
