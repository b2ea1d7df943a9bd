"""N-gram models as ARPA text, the format that SRILM, KenLM, IRSTLM and others exchange: how it is written, and its words.

    \\data\\
    ngram 1=V                                        the number of n-grams of each order
    \\1-grams:
    log10 P(w | context) TAB w1 ... wn TAB log10 backoff    the backoff is absent at the highest order, and elsewhere can be
    \\end\\

Words are separated by blanks and cannot hold any. White space in a word, as a model of characters has it, is written as
``\\u0020``, four hexadecimal digits of its code; other programs take that for a word like any other. The markers are ``<s>``
and ``</s>``, the unknown word is ``<unk>``. ``arpa_reader`` reads such files.

Source: https://www.speech.sri.com/projects/srilm/manpages/ngram-format.5.html
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from nlptool.errors import RunError
from nlptool.models.language import ngram_trie
from nlptool.models.language.kneser_ney import NgramModel

BEGIN, END, UNKNOWN = "<s>", "</s>", "<unk>"
NEVER = -99.0
"""What stands for the logarithm of 0."""
_ESCAPED = re.compile(r"[\0\t\n\v\f\r ]|\\(?=u00[0-9a-f]{2})")
_ESCAPE = re.compile(r"\\u00([0-9a-f]{2})")
_BLOCK = 1 << 16  # n-grams that are written at a time
_DIGITS = 9  # behind the point, of a logarithm: as exact as float32


def escaped(word: str) -> str:
    """Return a word without white space; ``unescaped`` gives it back."""
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", word)


def unescaped(word: str) -> str:
    """Return the word that ``escaped`` was given."""
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)), word)


def blocks(model: NgramModel, words: Sequence[str], *, unknown: int | None = None) -> Iterator[str]:
    """Yield the text of a model, in blocks of lines.

    Args:
        words: of each token, V; those of the markers and of the unknown word do not count.
        unknown: the token of unknown words, None if there is none.

    Raises:
        RunError: two tokens would be written as the same word, or a token has no letters.
    """
    names = _names(model, words, unknown)
    yield "\\data\\\n" + "".join(f"ngram {order}={n}\n" for order, n in enumerate(model.n_ngrams, 1))
    parents = [ngram_trie.parents(level.first) for level in model.levels[1:]]
    for order, level in enumerate(model.levels, 1):
        yield f"\n\\{order}-grams:\n"
        for start in range(0, len(level), _BLOCK):
            part = slice(start, start + _BLOCK)
            columns = [level.words[part]]  # the last words, then those before
            nodes = np.arange(start, start + len(columns[0]))
            for above in range(order - 2, -1, -1):
                nodes = parents[above][nodes]
                columns.append(model.levels[above].words[nodes])
            rows = np.stack(columns[::-1], axis=1).tolist()
            texts = [" ".join([names[token] for token in row]) for row in rows]
            probabilities = _logarithms(level.probabilities[part])
            if order == model.order:
                yield "".join([f"{log}\t{text}\n" for log, text in zip(probabilities, texts, strict=True)])
            else:
                lines = zip(probabilities, texts, _logarithms(level.backoffs[part]), strict=True)
                yield "".join([f"{log}\t{text}\t{backoff}\n" for log, text, backoff in lines])
    yield "\n\\end\\\n"


def _logarithms(values: NDArray[Any]) -> list[str]:
    """Return decimal logarithms as text, ``NEVER`` for that of 0."""
    positive = values > 0
    found = np.full(len(values), NEVER)
    found[positive] = np.round(np.log10(values[positive].astype(np.float64)), _DIGITS) + 0.0  # no -0
    return orjson.dumps(found, option=orjson.OPT_SERIALIZE_NUMPY)[1:-1].decode().split(",")


def _names(model: NgramModel, words: Sequence[str], unknown: int | None) -> list[str]:
    """Return how each token is written, (V,)."""
    if len(words) != model.n_words:
        raise RunError(f"the model has {model.n_words:,} tokens, and the vocabulary {len(words):,} words")
    names = [escaped(word) for word in words]
    names[model.begin], names[model.end] = BEGIN, END
    if unknown is not None:
        names[unknown] = UNKNOWN
    if "" in names:
        raise RunError(f"token {names.index('')} has no letters, so that ARPA cannot name it")
    if len(set(names)) < len(names):
        twice, _ = Counter(names).most_common(1)[0]
        raise RunError(f"two tokens would be written as {twice}, which ARPA cannot tell apart")
    return names
