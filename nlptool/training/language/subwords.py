"""The subwords of a language model: pieces of words that are learned from its corpus, and bytes for what has no piece.

A unigram language model (``training.unigram``) of the text as it stands: its letters keep their case and their form, and a line
end is a piece of its own, so that a decoded text is the text. In a language with blanks between words no piece crosses one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from nlptool.errors import RunError
from nlptool.models.seq2seq.config import SPECIALS, UNK
from nlptool.models.seq2seq.vocabulary import Vocabulary
from nlptool.training import unigram

_BLANK = "▁"  # as in SentencePiece
_MOST_CHARACTERS = 4_000_000  # from which subwords are learned; of 20 million it takes more than ten minutes
_SAMPLE = 1000  # lines that decide whether words are separated by blanks


def learn(texts: Sequence[str], size: int, *, lowercase: bool = False) -> Vocabulary:
    """Return a vocabulary of at most ``size`` subwords, special tokens and 256 bytes included.

    Args:
        lowercase: texts are converted to lower case.

    Raises:
        RunError: there is no text, or no room for words beside characters and bytes.
    """
    lines = [line for text in texts for line in text.split("\n") if line]
    if not lines:
        raise RunError("there is no text to learn a vocabulary from")
    n_characters = sum(map(len, lines))
    sample = lines[:: -(-n_characters // _MOST_CHARACTERS)]
    few = lines[:: max(1, len(lines) // _SAMPLE)]
    has_blanks = 2 * sum(" " in line.strip() for line in few) > len(few)
    tokenizer = Tokenizer(models.Unigram())
    if lowercase:
        tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex("\n"), "isolated"),
            pre_tokenizers.Metaspace(replacement=_BLANK, prepend_scheme="never", split=has_blanks),
        ]
    )
    trained = unigram.train([*sample, "\n"], size, untrained=tokenizer, special=SPECIALS, unknown=SPECIALS[UNK])
    trained.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Replace(_BLANK, " "), decoders.Fuse()])
    config = json.loads(trained.to_str())
    config["added_tokens"] = []  # else "<s>" in a text would become the special token
    return Vocabulary(Tokenizer.from_str(json.dumps(config)), unit="subwords")
