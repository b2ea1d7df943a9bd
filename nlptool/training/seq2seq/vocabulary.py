"""The vocabulary of one side, learned from its texts; ``models.seq2seq.vocabulary`` says what a piece is."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from nlptool.errors import RunError
from nlptool.models.seq2seq.config import SPECIALS, UNK
from nlptool.models.seq2seq.vocabulary import Vocabulary
from nlptool.models.words.tokenizers import dictionary as recorded_dictionary
from nlptool.models.words.tokenizers import word_tokenizer

_SPACE = "▁"  # as in SentencePiece
_WORD = rf"{_SPACE}?[\p{{L}}\p{{M}}\p{{N}}]+(?:['’][\p{{L}}\p{{M}}\p{{N}}]+)*|{_SPACE}?[^\p{{L}}\p{{M}}\p{{N}}{_SPACE}]|{_SPACE}"
_CHARACTER = r"[\s\S]"
_MAX_PIECE = 16  # characters of a subword
_MIN_FREQUENCY = 2  # of a pair of pieces that becomes a piece
_SAMPLE = 1000  # texts that decide whether words are separated by spaces


def learn(
    texts: Sequence[str], *, unit: str, size: int, lowercase: bool = False, dictionary: str | None = None
) -> Vocabulary:  # fmt: skip
    """Return the vocabulary of ``texts``: the most frequent characters, words or subwords.

    Args:
        unit: characters | words | subwords.
        size: pieces at most, the special ones included.
        lowercase: texts are converted to lower case.
        dictionary: name or folder of the MeCab dictionary of Japanese words; unidic-lite unless given.

    Raises:
        RunError: there is no text.
        ModelError: the dictionary is not installed.
    """
    if not any(map(str.strip, texts)):
        raise RunError("there is no text to learn a vocabulary from")
    spaces = _has_spaces(texts)
    mecab = recorded_dictionary("unidic", dictionary) if unit == "words" and not spaces else None
    normalizer = normalizers.Lowercase() if lowercase else None
    normalized = [normalizer.normalize_str(text) for text in texts] if normalizer else texts
    if unit == "subwords":
        tokenizer = _byte_pairs(normalized, size, spaces=spaces)
    elif mecab:
        split = word_tokenizer("unidic", dictionary=mecab)
        tokenizer = _most_frequent(chain.from_iterable(map(split, normalized)), size)
        tokenizer.decoder = decoders.Fuse()
    else:
        splitter = pre_tokenizers.Split(Regex(_CHARACTER), "isolated") if unit == "characters" else _words()
        pieces = (piece for text in normalized for piece, _ in splitter.pre_tokenize_str(text))
        tokenizer = _most_frequent(pieces, size)
        tokenizer.pre_tokenizer = splitter
        tokenizer.decoder = decoders.Fuse() if unit == "characters" else decoders.Metaspace()
    if normalizer:
        tokenizer.normalizer = normalizer
    return Vocabulary(tokenizer, unit=unit, mecab=bool(mecab), dictionary=mecab)


def _words() -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.Sequence(
        [pre_tokenizers.Metaspace(split=False), pre_tokenizers.Split(Regex(_WORD), "isolated")]
    )


def _has_spaces(texts: Sequence[str]) -> bool:
    """Return whether words are separated by spaces: then most texts have one."""
    sample = texts[:: max(1, len(texts) // _SAMPLE)]
    return 2 * sum(" " in text.strip() for text in sample) > len(sample)


def _most_frequent(pieces: Iterable[str], size: int) -> Tokenizer:
    """Return a tokenizer with the ``size`` most frequent of ``pieces``, special ones included; of equals the first."""
    kept = [*SPECIALS]
    kept += [piece for piece, _ in Counter(pieces).most_common() if piece not in SPECIALS][: size - len(kept)]
    return Tokenizer(models.WordLevel({piece: id for id, piece in enumerate(kept)}, unk_token=SPECIALS[UNK]))


def _byte_pairs(texts: Sequence[str], size: int, *, spaces: bool) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(unk_token=SPECIALS[UNK]))
    scheme = "always" if spaces else "never"
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Metaspace(prepend_scheme=scheme, split=spaces), pre_tokenizers.Punctuation()]
    )
    tokenizer.decoder = decoders.Metaspace(prepend_scheme=scheme)
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=list(SPECIALS), limit_alphabet=max(1, size - len(SPECIALS)),
        max_token_length=_MAX_PIECE, min_frequency=_MIN_FREQUENCY, show_progress=False,
    )  # fmt: skip
    tokenizer.train_from_iterator(texts, trainer)
    config = json.loads(tokenizer.to_str())
    config["added_tokens"] = []  # else "<s>" in a text would become the special token
    return Tokenizer.from_str(json.dumps(config))
