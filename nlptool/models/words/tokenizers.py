"""The tokenizers of word vectors: text is split into words in the same way for training and for queries.

    unidic       MeCab with unidic-lite or another dictionary, the surfaces
    lemma        the same, the lemmas (as ``nlptool tokenize`` gives them)
    words        runs of letters and digits, and each punctuation character, for languages with blanks between words
    whitespace   runs between white space, U+3000 and NBSP included, for text that is tokenized already

White space is no word; a run of white space inside a word becomes one blank.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from nlptool.text.scripts import LONE_SURROGATE, collapse_blanks, japanese
from nlptool.text.token_forms import forms_of

Tokenizer = Callable[[str], list[str]]

_WORD = r"[\w\p{M}\u200c\u200d]+(?:['’][\w\p{M}\u200c\u200d]+)*|[^\s]"  # combining vowel signs and joiners belong to the word
_RUN = re.compile(r"\S+")
_ATTACHED = re.compile(r"[^\s,.;:!?।؟،][,.;:!?।؟،](?=\s|$)")
_WITHIN_LINE = re.compile(r"\S[^\S\n]+\S")
_SEPARATE = re.compile(r"(?<=\s)[,.;:!?।؟،](?=\s|$)")
_JAPANESE_ATTACHED = re.compile(r"\w[、。]")
_JAPANESE_SEPARATE = re.compile(r"(?<!\S)[、。](?!\S)")
_LONG_RUN = 5  # characters between blanks: tokenized Japanese has two on average


def word_tokenizer(tokenizer: str, *, lowercase: bool = False, dictionary: str | None = None) -> Tokenizer:
    """Return the function that splits a text into words.

    Args:
        tokenizer: unidic | lemma | words | whitespace.
        dictionary: name or folder of the MeCab dictionary of unidic and lemma; unidic-lite unless given.

    Raises:
        ModelError: the dictionary is not there.
    """
    split: Tokenizer = str.split
    if tokenizer == "words":
        split = word_pattern(tokenizer).findall
    elif tokenizer in ("unidic", "lemma"):
        from nlptool.models.japanese import words as japanese_words

        split = japanese_words.WordTokenizer(lemma=tokenizer == "lemma", dictionary=dictionary)
    return (lambda text: split(text.lower())) if lowercase else split


def word_pattern(tokenizer: str) -> Any:
    """Return the pattern of a word, or of a punctuation character, whose matches are the words of a text.

    Args:
        tokenizer: whitespace, or another name for words.
    """
    if tokenizer == "whitespace":
        return _RUN
    import regex  # supports Unicode categories, re does not

    return regex.compile(_WORD)


def dictionary(tokenizer: str, name: str | None = None) -> str | None:
    """Return what a manifest says of the dictionary ``name`` (None: unidic-lite) of a tokenizer; None if it uses none.

    Raises:
        ModelError: the dictionary is not there.
    """
    if tokenizer not in ("unidic", "lemma"):
        return None
    from nlptool.models.japanese import dictionaries

    return dictionaries.recorded(name)


def of_tokens(tokens: Any, tokenizer: str, *, lowercase: bool = False) -> list[str]:
    """Return the words of tokens that came instead of a text: strings, or objects as ``nlptool tokenize`` writes them. The
    lemma of a token that has none is its surface.

    Raises:
        ValueError: ``tokens`` is something else.
    """
    forms = forms_of(tokens, "lemma" if tokenizer == "lemma" else "surface")
    if any(map(LONE_SURROGATE.search, forms)):
        raise ValueError("a token holds half a character (a lone surrogate)")
    return [word for form in forms if (word := collapse_blanks(form.lower() if lowercase else form))]


def choose(texts: Iterable[str]) -> tuple[str, str]:
    """Choose the tokenizer for a sample of a corpus; returns its name and the reason."""
    sample = "\n".join(texts)
    runs = _RUN.findall(sample)
    letters = sum(map(len, runs))
    if not runs:
        return "whitespace", "there is no text"
    if len(japanese().findall(sample)) * 5 > letters:
        lengths = [len(run) for run in runs if japanese().search(run)]
        is_attached = len(_JAPANESE_ATTACHED.findall(sample)) > len(_JAPANESE_SEPARATE.findall(sample))
        if sum(lengths) > _LONG_RUN * len(lengths) or is_attached or not _WITHIN_LINE.search(sample):
            return "unidic", "Japanese without blanks"
        return "whitespace", "Japanese with blanks between words"
    if len(_ATTACHED.findall(sample)) > len(_SEPARATE.findall(sample)):
        return "words", "punctuation stands at the words"
    return "whitespace", "words and punctuation stand apart"
