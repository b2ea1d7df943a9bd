"""The tokenizer of Japanese BERT models, ``BertJapaneseTokenizer``: MeCab's words, cut into WordPiece or characters.

Made for models such as https://huggingface.co/tohoku-nlp/bert-base-japanese-v3. The ids are those of transformers, whose class
is slow Python; here MeCab and the library ``tokenizers`` do the work.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nlptool.models.japanese import dictionaries
from nlptool.models.store import model_folder

IPADIC_UNTIL = (4, 47)  # the release of transformers that made unidic_lite the default instead


class JapaneseWords:
    """Words by MeCab, as ``BertJapaneseTokenizer`` cuts them: NFKC first, special tokens left whole.

    Args:
        dictionary: name or folder of a MeCab dictionary (``dictionaries.locate``).
        special: tokens such as ``[MASK]`` that are words of their own.
        lower_case: of the words that MeCab found.
        normalize: NFKC before anything else.
        characters: cut the words into characters.

    Raises:
        ModelError: the dictionary is not there.
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
        return self.numbered(text)[0] if self._characters else self._whole(text)

    def numbered(self, text: str) -> tuple[list[str], list[int]]:
        """What ``self(text)`` gives, and of each part the number of the word that it is of: the same for the characters of
        a word."""
        words = self._whole(text)
        if not self._characters:
            return words, list(range(len(words)))
        parts = [[word] if self._special.fullmatch(word) else list(_nfkc(word)) for word in words]
        return [part for each in parts for part in each], [n for n, each in enumerate(parts) for _ in each]

    def parts_of_speech(self, text: str) -> list[str]:
        """The first part of speech of each word that ``numbered`` counts, as the dictionary has it: 名詞, 動詞, 助詞; "" of a
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

    def _whole(self, text: str) -> list[str]:
        """Words and special tokens."""
        found: list[str] = []
        end = 0
        for match in self._special.finditer(text):
            found += [*self._cut(text[end : match.start()]), match[0]]
            end = match.end()
        return found + self._cut(text[end:])

    def _cut(self, text: str) -> list[str]:
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
    """What splits a text into words before ``tokenizer``, by a model's manifest; None where the tokenizer does that itself.

    Args:
        about: the manifest; ``words`` are the arguments of ``JapaneseWords``.
        tokenizer: of the library ``tokenizers``; its special tokens stay whole.
    """
    if not (words := about.get("words")):
        return None
    return JapaneseWords(**words, special=[token.content for token in tokenizer.get_added_tokens_decoder().values()])


def settings(folder: Path) -> dict[str, Any] | None:
    """How the tokenizer in ``folder`` cuts words, as arguments of ``JapaneseWords``; None if it is no such tokenizer.

    A configuration that names no dictionary means the one that was the default when it was written: IPADIC, until
    transformers 4.47 (https://github.com/huggingface/transformers changed it to unidic_lite for all at once).
    """
    path = folder / "tokenizer_config.json"
    about = model_folder.read_json(path) if path.is_file() else {}
    named = "BertJapanese" in str(about.get("tokenizer_class", ""))
    if not named or about.get("word_tokenizer_type") != "mecab":
        return None
    if about.get("subword_tokenizer_type", "wordpiece") not in ("wordpiece", "character"):
        return None
    mecab: Any = about.get("mecab_kwargs") or {}
    option = re.search(r"-d\s+(\S+)", str(mecab.get("mecab_option") or ""))
    written = re.match(
        r"(\d+)\.(\d+)", str(model_folder.read_json(folder / "config.json").get("transformers_version", "0.0"))
    )
    version = tuple(map(int, written.groups())) if written else (0, 0)
    default = option[1] if option else "ipadic" if version < IPADIC_UNTIL else "unidic_lite"
    return {
        "dictionary": str(mecab.get("mecab_dic") or default),
        "lower_case": bool(about.get("do_lower_case", False)),
        "normalize": bool(mecab.get("normalize_text", True)),
        "characters": about.get("subword_tokenizer_type") == "character",
    }


def arguments(words: Mapping[str, Any]) -> dict[str, Any]:
    """What makes the class of transformers cut words as ``JapaneseWords(**words)``."""
    option = f"-r {os.devnull} -d {dictionaries.locate(words['dictionary']).folder}"
    return {"mecab_kwargs": {"mecab_dic": None, "mecab_option": option, "normalize_text": words["normalize"]}}


def tokenizer(folder: Path, own: Any) -> Any:
    """The WordPiece part of ``own``, a ``BertJapaneseTokenizer``, as a ``tokenizers.Tokenizer`` for words."""
    from tokenizers import Tokenizer, decoders, models, processors

    vocabulary = models.WordPiece.read_file(str(folder / "vocab.txt"))
    made = Tokenizer(models.WordPiece(vocabulary, unk_token=own.unk_token, max_input_chars_per_word=100))
    start, end = own.cls_token, own.sep_token
    made.post_processor = processors.TemplateProcessing(
        single=f"{start} $A {end}",
        pair=f"{start} $A {end} $B:1 {end}:1",
        special_tokens=[(token, vocabulary[token]) for token in (start, end)],
    )
    made.decoder = decoders.WordPiece()
    made.add_special_tokens(sorted(own.all_special_tokens))
    return made
