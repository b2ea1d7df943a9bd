"""Texts to the input ids of a generation model, special tokens and languages included, and output ids to texts."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nlptool.errors import RecordError, RunError
from nlptool.models.generation import constraints as decoder_constraints
from nlptool.models.generation.constraints import DECODER, ENCODER_DECODER, SOURCE, TARGET, DecoderConstraints
from nlptool.models.generation.pieces import MARIAN, Pieces, VocabularyPieces
from nlptool.models.language.config import NGRAM
from nlptool.models.language.folder import LanguageFolder
from nlptool.models.seq2seq.config import BOS, EOS, NEVER_GENERATED, PAD
from nlptool.models.seq2seq.folder import Model
from nlptool.models.seq2seq.vocabulary import PlacedLine, TokenizedLine

MIN_POSITIONS = 1024
"""The maximum length of an output of a model of nlptool's own, even if it was trained with shorter texts."""

LONGEST_PROMPT = 8192
"""Tokens of a text that a language model of nlptool's own reads before it continues it: the last ones of a longer text."""

NEW_TOKENS = 128
"""The maximum number of new tokens if neither the user nor the model gives one."""


@dataclass(frozen=True, slots=True)
class Source:
    """A tokenized source."""

    ids: list[int]  # the model's input ids, special tokens included; [] for a text without tokens
    n_tokens: int  # of the whole text, before truncation
    unknown: tuple[str, ...]  # characters or words of the text that the vocabulary lacks, once each
    truncated: bool  # whether ``ids`` are a part of the text only


class GenerationTokenizer:
    """The tokenizer of one model, with the special tokens and languages that the model requires.

    Args:
        pieces: the vocabulary.
        before: special tokens before each text.
        after: special tokens after each text.
        limit: maximum number of tokens of a source, special ones included.
        keeps_end: truncate the beginning, not the end: for prompts, which are continued.
        prefix: a string before each text.
        size: tokens that the network has embeddings for.
        empty: the tokens of a text without any, which is continued too; (): it is no text. A text that is scored begins with
            them.
        unscored: tokens that the network gives no probability to.

    Attributes:
        begins_empty: a text without tokens is continued.

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
        size: int | None = None,
        empty: Sequence[int] = (),
        unscored: Sequence[int] = (),
    ) -> None:
        self.begins_empty, self.empty, self.unscored = bool(empty), list(empty), frozenset(unscored)
        self._pieces, self._size = pieces, size
        self._before, self._after = list(before), list(after)
        self._max_pieces = limit - len(self._before) - len(self._after)
        self._keeps_end, self._prefix = keeps_end, prefix
        if self._max_pieces < 1:
            n_special = len(self._before) + len(self._after)
            raise RunError(f"--max-length {limit} leaves no room for a text beside {n_special} special tokens")

    def tokenize(self, texts: Sequence[str]) -> list[Source]:
        """Tokenize sources.

        Raises:
            RecordError: a text has a token that the network has no embedding for, as an added token can be.
        """
        return [self._source(line) for line in self._pieces.tokenize([self._prefix + text for text in texts])]

    def _source(self, line: TokenizedLine) -> Source:
        if not line.ids:
            return Source(list(self.empty), len(self.empty), line.unknown, truncated=False)
        self._check_embedded(line.ids, of_source=True)
        kept = line.ids[-self._max_pieces :] if self._keeps_end else line.ids[: self._max_pieces]
        n_tokens = len(line.ids) + len(self._before) + len(self._after)
        return Source([*self._before, *kept, *self._after], n_tokens, line.unknown, len(kept) < len(line.ids))

    def _check_embedded(self, ids: Sequence[int], *, of_source: bool) -> None:
        if self._size is not None and ids and max(ids) >= self._size:
            token = self._pieces.piece(max(ids), of_source=of_source)
            raise RecordError(
                "UnknownToken",
                f"the network has no embedding for the token {token!r}, which was added to its tokenizer",
            )

    def placed(self, texts: Sequence[str]) -> list[PlacedLine]:
        """Tokenize texts that are to be scored: targets, or for a decoder-only model whole texts, without special tokens.

        Raises:
            RecordError: as for ``tokenize``.
        """
        lines = self._pieces.placed(texts)
        for line in lines:
            self._check_embedded(line.ids, of_source=False)
        return lines

    def decode(self, ids: Sequence[int], *, prompt: Sequence[int] = ()) -> str:
        """Return the text of the tokens of an output.

        Args:
            prompt: the tokens that the output continues; their text is not repeated.
        """
        if not prompt:
            return self._pieces.decode(ids)
        # Together: a tokenizer may drop the blank before the first word of a text, or need a character's first bytes.
        prompt_text, text = self._pieces.decode(prompt), self._pieces.decode([*prompt, *ids])
        return text[len(prompt_text) :] if text.startswith(prompt_text) else self._pieces.decode(ids)

    def pieces(self, ids: Sequence[int], *, of_source: bool) -> list[str]:
        """Return the strings of token ids."""
        return [self._pieces.piece(id, of_source=of_source) for id in ids]


def for_transformers(
    name: str,
    pieces: Pieces,
    config: Mapping[str, Any],
    *,
    source_lang: str | None,
    target_lang: str | None,
    max_length: int | None,
    prefix: str,
    new_tokens: int = NEW_TOKENS,
) -> tuple[GenerationTokenizer, DecoderConstraints]:
    """Return the tokenizer and the constraints of a model of transformers.

    Args:
        config: what ``transformers_config.describe`` returned.
        source_lang: a language code that the model knows.
        target_lang: likewise.
        max_length: maximum number of tokens of a source; None: as the model says.
        new_tokens: for which a prompt leaves room.

    Raises:
        RunError: a language is missing or unknown, or there is no room for a text.
    """
    codes = {SOURCE: source_lang, TARGET: target_lang}
    before, after, start = (list(config[part]) for part in ("before", "after", "start"))
    language_ids: dict[int, int | None] = {}
    for role, option in ((SOURCE, "--source-lang"), (TARGET, "--target-lang")):
        wanted = role in (*before, *after, *start)
        language_ids[role] = _language(name, config, role, option, codes[role], wanted=wanted)
    is_decoder = config["kind"] == DECODER
    limit = int(config["max_length"])
    if is_decoder:  # the new tokens need positions too
        limit = max(1, limit - min(new_tokens, limit // 2))
    elif config.get("stretches") and max_length:
        limit = max_length
    tokenizer = GenerationTokenizer(
        pieces,
        before=[id for id in (language_ids.get(id, id) for id in before) if id is not None],
        after=[id for id in (language_ids.get(id, id) for id in after) if id is not None],
        limit=min(limit, max_length or limit),
        keeps_end=is_decoder,
        prefix=prefix,
        size=int(config["size"]),
        empty=config.get("empty", ()),
    )
    return tokenizer, decoder_constraints.from_config(config, language_ids[TARGET])


def _language(
    name: str, config: Mapping[str, Any], role: int, option: str, code: str | None, *, wanted: bool
) -> int | None:
    """Return the token of a language, which must be known; None if the model takes none, or does not require one."""
    languages: Mapping[str, int] = config["languages"]
    if code is None:
        default: int | None = config["defaults"].get(str(role))
        if not wanted or default is not None or config["form"] == MARIAN:
            return default
        raise RunError(
            f"{name} has to be told a language: {option}", hint=f"one of {len(languages)}: {_first(list(languages))}"
        )
    if not wanted:
        reason = "; it is told the language of the output alone" if languages else ""
        raise RunError(f"{name} takes no {option}{reason}", hint=f"leave out {option} {code}")
    if code not in languages:
        close = _similar_codes(code, languages)
        raise RunError(
            f"{name} knows no language {code}",
            hint=f"{option} {' | '.join(close)}" if close else f"it knows {_first(list(languages))}",
        )
    return languages[code]


def _similar_codes(code: str, languages: Iterable[str]) -> list[str]:
    """Return the language codes that are most similar to ``code``."""
    script = code.rpartition("_")[2]
    similar = difflib.get_close_matches(code, languages, n=5, cutoff=0.6)
    similar += [other for other in languages if other[0] == code[:1] or other.endswith(f"_{script}")]
    similar.sort(key=lambda other: (other.rpartition("_")[2] != script, not other.startswith(code[:2])))
    return list(dict.fromkeys(similar))[:8]


def _first(codes: list[str]) -> str:
    return ", ".join(codes[:12]) + (", ..." if len(codes) > 12 else "")


def for_seq2seq(model: Model, *, max_length: int | None, prefix: str) -> tuple[GenerationTokenizer, DecoderConstraints]:
    """Return the tokenizer and the constraints of a model of nlptool's own.

    Raises:
        RunError: there is no room for a text.
    """
    config = model.config
    tokenizer = GenerationTokenizer(
        VocabularyPieces(model.source, model.target),
        after=[EOS],
        limit=min(max_length or config.max_length, config.max_length),
        prefix=prefix,
        unscored=NEVER_GENERATED,
    )
    constraints = DecoderConstraints(
        ENCODER_DECODER,
        config.target_vocab_size - len(NEVER_GENERATED),  # a wider beam would hold tokens that are impossible
        start_ids=(BOS,),
        end_ids=(EOS,),
        max_positions=max(config.max_length, MIN_POSITIONS),
        pad_id=PAD,
    )
    return tokenizer, constraints


def for_language(
    model: LanguageFolder, *, max_length: int | None, prefix: str
) -> tuple[GenerationTokenizer, DecoderConstraints]:
    """Return the tokenizer and the constraints of a language model of nlptool's own.

    Raises:
        RunError: there is no room for a text.
    """
    before = BOS if model.config.architecture == NGRAM else EOS  # n-grams do not reach from one text into the next
    tokenizer = GenerationTokenizer(
        VocabularyPieces(model.vocabulary, model.vocabulary), before=[before], limit=max_length or LONGEST_PROMPT,
        keeps_end=True, prefix=prefix, empty=[before],
    )  # fmt: skip
    constraints = DecoderConstraints(
        DECODER,
        model.config.vocab_size - len(NEVER_GENERATED),
        end_ids=(EOS,),
        suppressed=tuple((id,) for id in NEVER_GENERATED),
        pad_id=PAD,
    )
    return tokenizer, constraints
