"""The vocabulary of one side, learned from its texts: see ``models.seq2seq_symbols`` for what a piece is."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from nlptool.errors import RunError
from nlptool.models.seq2seq.config import SPECIALS, UNK
from nlptool.models.seq2seq.vocabulary import Vocabulary
from nlptool.models.words.tokenizers import word_tokenizer

_BLANK = "▁"  # as SentencePiece writes it
_WORD = rf"{_BLANK}?[\p{{L}}\p{{M}}\p{{N}}]+(?:['’][\p{{L}}\p{{M}}\p{{N}}]+)*|{_BLANK}?[^\p{{L}}\p{{M}}\p{{N}}{_BLANK}]|{_BLANK}"
_CHARACTER = r"[\s\S]"
_LONGEST = 16  # characters of a subword
_RARE = 2  # pairs of pieces that come less often do not become a piece
_SAMPLE = 1000  # texts that are looked at


def learn(texts: Sequence[str], *, unit: str, size: int, lowercase: bool = False) -> Vocabulary:
    """The vocabulary of ``texts``: the most frequent characters, words or subwords.

    Args:
        unit: characters | words | subwords.
        size: pieces at most, the special ones included.
        lowercase: capital letters are taken as small ones.

    Raises:
        RunError: there is no text.
        ModelError: MeCab's dictionary is not there.
    """
    if not any(map(str.strip, texts)):
        raise RunError("there is no text to learn a vocabulary from")
    blanks = _has_blanks(texts)
    mecab = unit == "words" and not blanks
    before = normalizers.Lowercase() if lowercase else None
    shown = [before.normalize_str(text) for text in texts] if before else texts
    if unit == "subwords":
        tokenizer = _byte_pairs(shown, size, blanks=blanks)
    elif mecab:
        tokenizer = _listed(chain.from_iterable(map(word_tokenizer("unidic"), shown)), size)
        tokenizer.decoder = decoders.Fuse()
    else:
        splitter = pre_tokenizers.Split(Regex(_CHARACTER), "isolated") if unit == "characters" else _words()
        pieces = (piece for text in shown for piece, _ in splitter.pre_tokenize_str(text))
        tokenizer = _listed(pieces, size)
        tokenizer.pre_tokenizer = splitter
        tokenizer.decoder = decoders.Fuse() if unit == "characters" else decoders.Metaspace()
    if before:
        tokenizer.normalizer = before
    return Vocabulary(tokenizer, unit=unit, mecab=mecab)


def _words() -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.Sequence(
        [pre_tokenizers.Metaspace(split=False), pre_tokenizers.Split(Regex(_WORD), "isolated")]
    )


def _has_blanks(texts: Sequence[str]) -> bool:
    """Whether words are parted by blanks: then most texts have one."""
    sample = texts[:: max(1, len(texts) // _SAMPLE)]
    return 2 * sum(" " in text.strip() for text in sample) > len(sample)


def _listed(pieces: Iterable[str], size: int) -> Tokenizer:
    """A tokenizer that knows the most frequent of ``pieces``; of those as frequent the first."""
    known = [*SPECIALS]
    known += [piece for piece, _ in Counter(pieces).most_common() if piece not in SPECIALS][: size - len(known)]
    return Tokenizer(models.WordLevel({piece: id for id, piece in enumerate(known)}, unk_token=SPECIALS[UNK]))


def _byte_pairs(texts: Sequence[str], size: int, *, blanks: bool) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(unk_token=SPECIALS[UNK]))
    scheme = "always" if blanks else "never"
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Metaspace(prepend_scheme=scheme, split=blanks), pre_tokenizers.Punctuation()]
    )
    tokenizer.decoder = decoders.Metaspace(prepend_scheme=scheme)
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=list(SPECIALS), limit_alphabet=max(1, size - len(SPECIALS)),
        max_token_length=_LONGEST, min_frequency=_RARE, show_progress=False,
    )  # fmt: skip
    tokenizer.train_from_iterator(texts, trainer)
    known = json.loads(tokenizer.to_str())
    known["added_tokens"] = []  # else "<s>" in a text would be the beginning of one
    return Tokenizer.from_str(json.dumps(known))
