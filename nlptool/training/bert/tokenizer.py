"""The tokenizers of BERT: how a text is split into words, and the subwords that words are made of.

unidic      MeCab, as ``BertJapaneseTokenizer`` of transformers
wordpiece   runs of letters and single punctuation marks, as ``BertTokenizer``: for languages with spaces, and Chinese
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlptool.errors import ModelError, first_line
from nlptool.models.japanese import bert_words, dictionaries
from nlptool.models.runtime.transformers_loading import silenced
from nlptool.text.scripts import japanese
from nlptool.training import wordpiece

SplitWords = Callable[[str], list[str]]

# Outputs of a tokenizer; not all classes have them by default.
_INPUTS = ["input_ids", "token_type_ids", "attention_mask"]


@dataclass(frozen=True, slots=True)
class Words:
    """How a text is split into words. It can be sent to other processes."""

    kind: str  # unidic | wordpiece
    options: str  # JSON: the arguments of JapaneseWords, or a tokenizer of the library ``tokenizers``

    @property
    def dictionary(self) -> str | None:
        """The MeCab dictionary of unidic: unidic_lite, unidic, ipadic, or a folder."""
        return json.loads(self.options)["dictionary"] if self.kind == "unidic" else None

    def splitter(self) -> SplitWords:
        """Return a function that splits a text into words.

        Raises:
            ModelError: a MeCab dictionary is not installed.
        """
        if self.kind == "unidic":
            return bert_words.JapaneseWords(**json.loads(self.options))
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_str(self.options)
        normalizer, pre_tokenizer = tokenizer.normalizer, tokenizer.pre_tokenizer

        def split(text: str) -> list[str]:
            normalized = text if normalizer is None else normalizer.normalize_str(text)
            return [word for word, _ in pre_tokenizer.pre_tokenize_str(normalized)]

        return split


@dataclass(frozen=True, slots=True)
class BertTokenizer:
    """The tokenizer of a BERT: how text becomes words, and the vocabulary of subwords."""

    words: Words
    pieces: Sequence[str]  # the subword of each id

    def save(self, folder: Path, max_length: int) -> None:
        """Write the tokenizer as transformers reads it.

        Raises:
            OSError: the files cannot be written.
        """
        path = folder / "vocab.txt"
        path.write_text("".join(f"{piece}\n" for piece in self.pieces), encoding="utf-8")
        with silenced():
            from transformers import BertJapaneseTokenizer, PreTrainedTokenizerFast

            tokenizer_class: Any = BertJapaneseTokenizer
            fast: Any = PreTrainedTokenizerFast
            if self.words.kind == "unidic":
                options = json.loads(self.words.options)
                tokenizer_class(
                    str(path),
                    do_lower_case=options.get("lower_case", False),
                    word_tokenizer_type="mecab",
                    subword_tokenizer_type="character" if options.get("characters") else "wordpiece",
                    mecab_kwargs={
                        **_mecab_options(options["dictionary"]),
                        "normalize_text": options.get("normalize", True),
                    },
                    model_max_length=max_length,
                    model_input_names=_INPUTS,
                ).save_pretrained(str(folder))
                return
            names = dict(zip(("pad", "unk", "cls", "sep", "mask"), wordpiece.SPECIAL, strict=True))
            fast(
                tokenizer_object=self._fast_tokenizer(),
                model_max_length=max_length,
                model_input_names=_INPUTS,
                **{f"{name}_token": token for name, token in names.items()},
            ).save_pretrained(str(folder))

    def _fast_tokenizer(self) -> Any:
        """Return the ``tokenizers.Tokenizer`` of texts and pairs of texts."""
        from tokenizers import Tokenizer

        ids = {piece: id for id, piece in enumerate(self.pieces)}
        tokenizer = Tokenizer.from_str(self.words.options)
        bert_words.to_wordpiece(tokenizer, ids, wordpiece.UNKNOWN, wordpiece.START, wordpiece.END)
        tokenizer.add_special_tokens(list(wordpiece.SPECIAL))
        return tokenizer


def choose(texts: Iterable[str]) -> tuple[str, str]:
    """Return the kind of tokenizer for a sample of a corpus, and the reason."""
    sample = "".join("".join(text.split()) for text in texts)
    is_japanese = 5 * len(japanese().findall(sample)) > len(sample)
    return ("unidic", "Japanese") if is_japanese else ("wordpiece", "letters of other languages")


def words(kind: str, *, lowercase: bool = False, dictionary: str | None = None) -> Words:
    """Return the word splitting of a new tokenizer of this kind.

    Args:
        dictionary: name or folder of the MeCab dictionary of unidic; unidic-lite unless given.

    Raises:
        ModelError: the dictionary is not installed.
    """
    if kind == "unidic":
        recorded = dictionaries.recorded(dictionary)  # a folder, or a name with a version
        name = recorded if Path(recorded).is_absolute() else recorded.partition(" ")[0].replace("-", "_")
        return Words(kind, json.dumps({"dictionary": name, "lower_case": lowercase}))
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    tokenizer = Tokenizer(models.WordPiece({wordpiece.UNKNOWN: 0}, unk_token=wordpiece.UNKNOWN))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return Words(kind, tokenizer.to_str())


def read(folder: Path) -> BertTokenizer:
    """Read the tokenizer of a BERT.

    Raises:
        ModelError: there is none, or one of another kind.
    """
    path = folder / "vocab.txt"
    options = bert_words.settings(folder)
    if options is not None and path.is_file():
        return _checked(BertTokenizer(Words("unidic", json.dumps(options)), _lines(path)), folder)
    with silenced():
        from transformers import AutoTokenizer

        try:
            tokenizer: Any = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
        except Exception as error:  # of many libraries
            raise ModelError(f"{folder}: its tokenizer cannot be loaded: {first_line(error)}") from error
    config = json.loads(tokenizer.backend_tokenizer.to_str()) if hasattr(tokenizer, "backend_tokenizer") else {}
    if config.get("model", {}).get("type") != "WordPiece" or not config.get("pre_tokenizer"):
        raise ModelError(f"{folder}: its tokenizer is a {type(tokenizer).__name__}, and no WordPiece as that of BERT")
    ids: dict[str, int] = config["model"]["vocab"]
    pieces = [f"[unused {id}]" for id in range(max(ids.values()) + 1)]
    for piece, id in ids.items():
        pieces[id] = piece
    config["model"] |= {"vocab": {wordpiece.UNKNOWN: 0}}
    config |= {"added_tokens": [], "post_processor": None, "padding": None, "truncation": None}
    return _checked(BertTokenizer(Words("wordpiece", json.dumps(config)), pieces), folder)


def _mecab_options(dictionary: str) -> dict[str, str | None]:
    """Return the arguments of transformers' MeCab tokenizer that name a dictionary."""
    if Path(dictionary).is_absolute():
        return {"mecab_dic": None, "mecab_option": f"-r {os.devnull} -d {dictionary}"}
    return {"mecab_dic": dictionary}


def _checked(tokenizer: BertTokenizer, folder: Path) -> BertTokenizer:
    missing = [token for token in wordpiece.SPECIAL if token not in tokenizer.pieces]
    if missing:
        raise ModelError(f"{folder}: its vocabulary has no {', '.join(missing)}")
    return tokenizer


def _lines(path: Path) -> list[str]:
    """Return the lines of a vocabulary as transformers reads it, with the universal newlines of Python's text files."""
    with path.open(encoding="utf-8") as lines:
        return [line.rstrip("\n") for line in lines]
