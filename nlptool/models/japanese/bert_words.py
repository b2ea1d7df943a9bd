"""The tokenizer of Japanese BERT models, ``BertJapaneseTokenizer``: MeCab's words, split into WordPiece or characters.

For models such as https://huggingface.co/tohoku-nlp/bert-base-japanese-v3. The ids are those of transformers, whose class is slow
Python; this uses MeCab and the library ``tokenizers``.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nlptool.errors import ModelError
from nlptool.models.japanese import dictionaries
from nlptool.models.store import model_folder
from nlptool.text.normalization import nfkc_origins
from nlptool.text.spans import Place

LONGEST_WORD = 100  # characters; longer ones are [UNK] in BERT
IPADIC_UNTIL = (4, 47)  # the release of transformers that made unidic_lite the default


class JapaneseWords:
    """Splits text into words as ``BertJapaneseTokenizer`` does: NFKC first, special tokens stay whole.

    Args:
        dictionary: name or folder of a MeCab dictionary (``dictionaries.locate``).
        special: tokens such as ``[MASK]``, each of which is a word.
        lower_case: convert the words to lower case.
        normalize: apply NFKC first.
        characters: split the words into characters.

    Raises:
        ModelError: the dictionary is missing.
    """

    def __init__(
        self,
        dictionary: str,
        *,
        special: Sequence[str] = (),
        lower_case: bool = False,
        normalize: bool = True,
        characters: bool = False,
    ) -> None:
        from nlptool.models.japanese import tagger

        self._mecab = tagger
        self._tagger = tagger.Tagger(dictionary)
        self._special = re.compile("|".join(map(re.escape, special)) or "(?!)")
        self._lower_case = lower_case
        self._normalize = normalize
        self._characters = characters
        self._parts: dict[str, str] = {}  # MeCab's key of a token -> its part of speech

    def __call__(self, text: str) -> list[str]:
        return self.numbered(text)[0] if self._characters else self._words(text)

    def of_word(self, word: str) -> list[str]:
        """Return what WordPiece gets of a word that MeCab is not asked about: itself, or its characters."""
        if self._special.fullmatch(word):
            return [word]
        if self._normalize:
            word = _nfkc(word)
        if self._lower_case:
            word = word.lower()
        return list("".join(word.split())) if self._characters else word.split()

    def numbered(self, text: str) -> tuple[list[str], list[int]]:
        """Return the parts of ``self(text)``, and the index of each part's word: the same for all characters of a word."""
        words = self._words(text)
        if not self._characters:
            return words, list(range(len(words)))
        parts = [[word] if self._special.fullmatch(word) else list(_nfkc(word)) for word in words]
        return [part for word_parts in parts for part in word_parts], [
            n for n, word_parts in enumerate(parts) for _ in word_parts
        ]

    def placed(self, text: str) -> list[tuple[str, list[Place]]]:
        """Return the parts of ``self(text)``, each with the place in ``text`` that each of its characters comes from."""
        found: list[tuple[str, list[Place]]] = []
        end = 0
        for match in self._special.finditer(text):
            found += self._placed(text[end : match.start()], end)
            found.append((match[0], [(place, place + 1) for place in range(*match.span())]))
            end = match.end()
        return found + self._placed(text[end:], end)

    def _placed(self, text: str, before: int) -> list[tuple[str, list[Place]]]:
        """Return the parts of a text without special tokens, which stands behind ``before`` characters."""
        normalized = _nfkc(text) if self._normalize else text
        origins = nfkc_origins(text) if normalized != text else [(place, place + 1) for place in range(len(text))]
        shown = self._mecab.for_mecab(normalized)
        parts: list[tuple[str, list[Place]]] = []
        end = 0
        for part in self._split(text):
            while shown[end].isspace() and self._cased(shown[end]) != part[0]:
                end += 1
            places: list[Place] = []
            while len(places) < len(part):  # lower case may be longer than what it was made of
                first, last = origins[end]
                places += [(before + first, before + last)] * len(self._cased(shown[end]))
                end += 1
            parts += self._in_characters(part, places) if self._characters else [(part, places)]
        return parts

    def _in_characters(self, word: str, places: list[Place]) -> list[tuple[str, list[Place]]]:
        """Return the characters of a word as ``numbered`` does, each with its place."""
        characters = _nfkc(word)
        ranges = nfkc_origins(word) if characters != word else [(place, place + 1) for place in range(len(word))]
        return [
            (character, [(places[first][0], places[last - 1][1])])
            for character, (first, last) in zip(characters, ranges, strict=True)
        ]

    def _cased(self, character: str) -> str:
        return character.lower() if self._lower_case else character

    def parts_of_speech(self, text: str) -> list[str]:
        """Return the main part of speech of each word that ``numbered`` counts, as in the dictionary: 名詞, 動詞, 助詞; "" for a
        special token."""
        found: list[str] = []
        end = 0
        for match in self._special.finditer(text):
            found += [*self._tagged(text[end : match.start()]), ""]
            end = match.end()
        return found + self._tagged(text[end:])

    def _tagged(self, text: str) -> list[str]:
        shown = self._mecab.for_mecab(_nfkc(text) if self._normalize else text)
        found: list[str] = []
        for key in filter(None, self._tagger.parse(shown).split("\n")):
            surface = key.partition("\t")[0]
            part = self._parts.get(key)
            if part is None:
                part = self._parts[key] = self._tagger.morpheme(key, shown).columns[0]
            found += [part] * (1 if self._characters else len(surface.split()))
        return found

    def _words(self, text: str) -> list[str]:
        """Return words and special tokens."""
        found: list[str] = []
        end = 0
        for match in self._special.finditer(text):
            found += [*self._split(text[end : match.start()]), match[0]]
            end = match.end()
        return found + self._split(text[end:])

    def _split(self, text: str) -> list[str]:
        if self._normalize:
            text = _nfkc(text)
        words = self._tagger.wakati(self._mecab.for_mecab(text)).split(" ")
        if self._lower_case:
            words = [word.lower() for word in words]
        if self._characters:
            return [word for word in words if word]
        return [part for word in words for part in word.split()]  # an unknown word can hold a U+3000


def _nfkc(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def words_of(about: Mapping[str, Any], tokenizer: Any) -> JapaneseWords | None:
    """Return the word tokenizer that a model's manifest describes; None if the tokenizer needs none.

    Args:
        about: the manifest; ``words`` are the arguments of ``JapaneseWords``.
        tokenizer: a ``tokenizers.Tokenizer``; its special tokens stay whole.
    """
    if not (words := about.get("words")):
        return None
    return JapaneseWords(**words, special=[token.content for token in tokenizer.get_added_tokens_decoder().values()])


def settings(folder: Path) -> dict[str, Any] | None:
    """Return the arguments of ``JapaneseWords`` for the tokenizer in ``folder``; None if it is no ``BertJapaneseTokenizer``.

    A configuration without a dictionary means the default of the transformers release that wrote it: IPADIC until 4.47,
    unidic_lite from then on.
    """
    about = model_folder.read_json(folder / "tokenizer_config.json", optional=True)
    is_japanese = "BertJapanese" in str(about.get("tokenizer_class", ""))
    if not is_japanese or about.get("word_tokenizer_type") != "mecab":
        return None
    if about.get("subword_tokenizer_type", "wordpiece") not in ("wordpiece", "character"):
        return None
    mecab: Any = about.get("mecab_kwargs") or {}
    option = re.search(r"-d\s+(\S+)", str(mecab.get("mecab_option") or ""))
    release = re.match(
        r"(\d+)\.(\d+)", str(model_folder.read_json(folder / "config.json").get("transformers_version", "0.0"))
    )
    version = tuple(map(int, release.groups())) if release else (0, 0)
    default = option[1] if option else "ipadic" if version < IPADIC_UNTIL else "unidic_lite"
    return {
        "dictionary": str(mecab.get("mecab_dic") or default),
        "lower_case": bool(about.get("do_lower_case", False)),
        "normalize": bool(mecab.get("normalize_text", True)),
        "characters": about.get("subword_tokenizer_type") == "character",
    }


def arguments(words: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments with which transformers' class splits words as ``JapaneseWords(**words)``."""
    option = f"-r {os.devnull} -d {dictionaries.locate(words['dictionary']).folder}"
    return {"mecab_kwargs": {"mecab_dic": None, "mecab_option": option, "normalize_text": words["normalize"]}}


def tokenizer(folder: Path, own: Any) -> Any:
    """Return the WordPiece part of ``own``, a ``BertJapaneseTokenizer``, as a ``tokenizers.Tokenizer`` for words.

    Raises:
        ModelError: its vocabulary is damaged.
    """
    from tokenizers import Tokenizer, models

    path = folder / "vocab.txt"
    try:
        vocabulary = models.WordPiece.read_file(str(path))
    except Exception as error:  # the library raises bare Exception
        raise ModelError(f"{path} cannot be read: {error}", hint="download the model again") from error
    needed = (own.unk_token, own.cls_token, own.sep_token, own.pad_token, own.mask_token)
    if lacking := [str(token) for token in needed if token is not None and token not in vocabulary]:
        raise ModelError(f"{path} is damaged: it lacks {', '.join(lacking)}", hint="download the model again")
    tokenizer = to_wordpiece(Tokenizer(models.WordPiece()), vocabulary, own.unk_token, own.cls_token, own.sep_token)
    tokenizer.add_special_tokens(sorted(own.all_special_tokens))
    return tokenizer


def to_wordpiece(tokenizer: Any, vocabulary: dict[str, int], unknown: str, start: str, end: str) -> Any:
    """Return a ``tokenizers.Tokenizer`` with BERT's model and template of texts and of pairs of texts."""
    from tokenizers import decoders, models, processors

    tokenizer.model = models.WordPiece(vocabulary, unk_token=unknown, max_input_chars_per_word=LONGEST_WORD)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}",
        pair=f"{start} $A {end} $B:1 {end}:1",
        special_tokens=[(token, vocabulary[token]) for token in (start, end)],
    )
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer
