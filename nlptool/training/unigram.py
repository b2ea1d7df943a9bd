"""A vocabulary of subwords for texts in several scripts: a unigram language model.

Source: T. Kudo: Subword Regularization (ACL 2018); the library ``tokenizers`` trains it. Texts are put into NFKC and small
letters. A word of a script with blanks begins with ▁ and never crosses one; Japanese has no such mark, so that 今日 is the
same piece at the beginning of a line and within it. What no piece can spell is spelled in bytes: nothing is unknown.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from nlptool.errors import RunError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
PAD_ID = SPECIAL.index("[PAD]")
COVERAGE = 0.9985  # share of the corpus's characters that have a piece of their own, the most frequent ones
LONGEST = 12  # characters of a piece

_JAPANESE = r"\p{Han}\p{Hiragana}\p{Katakana}ー々〆"
_MARKS = r"!-&(-/:-@\[-`{-~、。「」『』・…―〜"  # all but the apostrophe
_BYTE_SCORE = 10.0  # below the rarest piece: bytes only where nothing else is left
_DIGITS = 4  # of a score; more would double the file
_TOGETHER = 10_000  # characters of a text at once: a million of them overflow the stack of the trainer's library


def train(texts: Sequence[str], size: int) -> Tokenizer:
    """A tokenizer with ``size`` pieces, the special ones and 256 bytes among them; with fewer, if the texts have not so many.

    Raises:
        RunError: there is no room for words beside the texts' characters.
    """
    from tokenizers import trainers

    tokenizer = _untrained()
    normalized = [
        tokenizer.normalizer.normalize_str(text[start : start + _TOGETHER])
        for text in texts
        for start in range(0, len(text), _TOGETHER)
    ]
    letters = _frequent_letters(normalized)
    rare = {ord(letter): " " for text in normalized for letter in text if letter not in letters}
    n_learned = size - 256
    if n_learned <= len(letters) + len(SPECIAL):
        raise RunError(
            f"a vocabulary of {size:,} pieces has no room for words beside {len(letters):,} characters and 256 bytes",
            hint=f"--vocabulary {2 * (len(letters) + 256):,}".replace(",", "_"),
        )
    trainer = trainers.UnigramTrainer(
        vocab_size=n_learned,
        special_tokens=list(SPECIAL),
        unk_token="[UNK]",
        max_piece_length=LONGEST,
        shrinking_factor=0.6,
        show_progress=False,
    )
    tokenizer.train_from_iterator((text.translate(rare) for text in normalized), trainer)
    return _with_bytes(tokenizer)


def _untrained() -> Tokenizer:
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers

    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=True),
            pre_tokenizers.Split(Regex(f"▁(?=[{_JAPANESE}]|[{_MARKS}]|$)"), "removed"),
            pre_tokenizers.Split(Regex(r"[!-&(-/:-@\[-`{-~]"), "isolated"),
        ]
    )
    return tokenizer


def _frequent_letters(texts: Sequence[str]) -> set[str]:
    """Those that make up ``COVERAGE`` of the texts."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    wanted = COVERAGE * counts.total()
    kept: set[str] = set()
    for letter, count in counts.most_common():
        if wanted <= 0:
            break
        kept.add(letter)
        wanted -= count
    return kept


def _with_bytes(tokenizer: Tokenizer) -> Tokenizer:
    """The same with the 256 bytes as its last pieces."""
    from tokenizers import Tokenizer

    about = json.loads(tokenizer.to_str())
    pieces = _in_order(about["model"]["vocab"])
    lowest = round(min(score for _, score in pieces) - _BYTE_SCORE, _DIGITS)
    pieces += [(f"<0x{byte:02X}>", lowest) for byte in range(256)]
    about["model"] |= {"vocab": pieces, "byte_fallback": True}
    return Tokenizer.from_str(json.dumps(about, ensure_ascii=False))


def _in_order(pieces: Sequence[tuple[str, float]]) -> list[tuple[str, float]]:
    """The pieces as they are each time that the same texts are given.

    The library leaves those of equal scores in the order of a hash table with a random key; and the characters that are too
    rare to be learned get the lowest score and, in that order, 0.0001 more each: here all of them get the lowest.
    """
    special, learned = pieces[: len(SPECIAL)], pieces[len(SPECIAL) :]
    lowest = min((score for _, score in learned), default=0.0)
    rare = lowest + 1e-4 * sum(len(piece) == 1 for piece, _ in learned)
    scores = {piece: lowest if len(piece) == 1 and score < rare else score for piece, score in learned}
    rounded = [(piece, round(score, _DIGITS)) for piece, score in scores.items()]
    return [*((piece, score) for piece, score in special), *sorted(rounded, key=lambda each: (-each[1], each[0]))]
