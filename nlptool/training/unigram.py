"""A vocabulary of subwords for texts in several scripts: a unigram language model.

Source: T. Kudo: Subword Regularization (ACL 2018); the library ``tokenizers`` trains it. Unless a tokenizer with other rules is
given, texts are normalized to NFKC and lower case. A word of a script with spaces begins with ▁, and no piece crosses one;
Japanese has no ▁, so that 今日 is the same piece at the beginning of a line and within it. Text without a piece is encoded in
bytes: nothing is unknown.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from nlptool.errors import RunError
from nlptool.training.wordpiece import PAD, SPECIAL, UNKNOWN, frequent

if TYPE_CHECKING:
    from tokenizers import Tokenizer

PAD_ID = SPECIAL.index(PAD)
COVERAGE = 0.9985  # share of the corpus's characters that have a piece of their own, the most frequent ones
MAX_PIECE = 12  # characters of a piece
_JAPANESE = r"\p{Han}\p{Hiragana}\p{Katakana}ー々〆"
_PUNCTUATION = r"!-&(-/:-@\[-`{-~、。「」『』・…―〜"  # all but the apostrophe
_BYTE_PENALTY = 10.0  # score of a byte below that of the rarest piece: bytes are the last resort
_DIGITS = 4  # decimals of a score; more would double the file
_MAX_TEXT = 10_000  # characters of a text at once: a million overflow the stack of the library


def train(
    texts: Sequence[str], size: int, *, untrained: Tokenizer | None = None, special: Sequence[str] = SPECIAL,
    unknown: str = UNKNOWN,
) -> Tokenizer:  # fmt: skip
    """Return a tokenizer with ``size`` pieces, special tokens and 256 bytes included; fewer if the texts do not have so many.

    Args:
        untrained: with the rules by which texts are normalized and cut; None: those above.
        special: the first pieces, ``unknown`` among them.

    Raises:
        RunError: the vocabulary has no room for words beside the characters.
    """
    from tokenizers import trainers

    tokenizer = untrained or _untrained()
    normalize = tokenizer.normalizer.normalize_str if tokenizer.normalizer else str
    normalized = [
        normalize(text[start : start + _MAX_TEXT]) for text in texts for start in range(0, len(text), _MAX_TEXT)
    ]
    counts = Counter(itertools.chain.from_iterable(normalized))
    characters = frequent(counts.most_common(), COVERAGE)
    rare = {ord(char): " " for text in normalized for char in text if char not in characters}
    n_learned = size - 256
    if n_learned <= len(characters) + len(special):
        raise RunError(
            f"a vocabulary of {size:,} pieces has no room for words beside {len(characters):,} characters and 256 bytes",
            hint=f"--vocab-size {2 * (len(characters) + 256):,}".replace(",", "_"),
        )
    trainer = trainers.UnigramTrainer(
        vocab_size=n_learned,
        special_tokens=list(special),
        unk_token=unknown,
        max_piece_length=MAX_PIECE,
        shrinking_factor=0.6,
        show_progress=False,
    )
    tokenizer.train_from_iterator((text.translate(rare) for text in normalized), trainer)
    return _with_bytes(tokenizer, len(special))


def _untrained() -> Tokenizer:
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=True),
            pre_tokenizers.Split(Regex(f"▁(?=[{_JAPANESE}]|[{_PUNCTUATION}]|$)"), "removed"),
            pre_tokenizers.Split(Regex(r"[!-&(-/:-@\[-`{-~]"), "isolated"),
        ]
    )
    return tokenizer


def _with_bytes(tokenizer: Tokenizer, n_special: int) -> Tokenizer:
    """Return the tokenizer with 256 bytes as its last pieces."""
    from tokenizers import Tokenizer

    config = json.loads(tokenizer.to_str())
    pieces = _in_order(config["model"]["vocab"], n_special)
    lowest = round(min(score for _, score in pieces) - _BYTE_PENALTY, _DIGITS)
    pieces += [(f"<0x{byte:02X}>", lowest) for byte in range(256)]
    config["model"] |= {"vocab": pieces, "byte_fallback": True}
    return Tokenizer.from_str(json.dumps(config, ensure_ascii=False))


def _in_order(pieces: Sequence[tuple[str, float]], n_special: int) -> list[tuple[str, float]]:
    """Return the pieces in an order and with scores that are the same for the same texts.

    The library leaves pieces of equal scores in the order of a hash table with a random key; and the characters that are too
    rare to be learned get the lowest score plus 0.0001 each in that order: here all of them get the lowest score.
    """
    special, learned = pieces[:n_special], pieces[n_special:]
    lowest = min((score for _, score in learned), default=0.0)
    rare = lowest + 1e-4 * sum(len(piece) == 1 for piece, _ in learned)
    scores = {piece: lowest if len(piece) == 1 and score < rare else score for piece, score in learned}
    rounded = [(piece, round(score, _DIGITS)) for piece, score in scores.items()]
    return [*((piece, score) for piece, score in special), *sorted(rounded, key=lambda piece: (-piece[1], piece[0]))]
