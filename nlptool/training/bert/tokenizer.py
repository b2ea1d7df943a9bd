"""The tokenizers of BERT: how a text is cut into words, and which pieces words are made of.

unidic      MeCab with unidic-lite, as ``BertJapaneseTokenizer`` of transformers cuts
wordpiece   runs of letters and single marks, as ``BertTokenizer`` cuts: for languages with blanks, and Chinese
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlptool.errors import ModelError
from nlptool.models.japanese import bert_words
from nlptool.models.runtime.transformers_loading import silenced
from nlptool.text.scripts import JAPANESE
from nlptool.training import wordpiece

SplitWords = Callable[[str], list[str]]

_INPUTS = ["input_ids", "token_type_ids", "attention_mask"]  # what a tokenizer gives; not all of them do by themselves


@dataclass(frozen=True, slots=True)
class Words:
    """How a text is cut into words. It can be sent to other processes."""

    kind: str  # unidic | wordpiece
    options: str  # JSON: the arguments of JapaneseWords, or a tokenizer of the library ``tokenizers``

    def cutter(self) -> SplitWords:
        """What cuts a text.

        Raises:
            ModelError: a MeCab dictionary is not there.
        """
        if self.kind == "unidic":
            return bert_words.JapaneseWords(**json.loads(self.options))
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_str(self.options)
        normalizer, pre_tokenizer = tokenizer.normalizer, tokenizer.pre_tokenizer

        def cut(text: str) -> list[str]:
            shown = text if normalizer is None else normalizer.normalize_str(text)
            return [word for word, _ in pre_tokenizer.pre_tokenize_str(shown)]

        return cut


@dataclass(frozen=True, slots=True)
class BertTokenizer:
    """Words and pieces; ``save`` writes them as transformers reads them."""

    words: Words
    pieces: Sequence[str]  # by their ids

    def save(self, folder: Path, max_length: int) -> None:
        """
        Raises:
            OSError: the files cannot be written.
        """
        path = folder / "vocab.txt"
        path.write_text("".join(f"{piece}\n" for piece in self.pieces), encoding="utf-8")
        with silenced():
            from transformers import BertJapaneseTokenizer, PreTrainedTokenizerFast

            japanese: Any = BertJapaneseTokenizer
            fast: Any = PreTrainedTokenizerFast
            if self.words.kind == "unidic":
                cut = json.loads(self.words.options)
                japanese(
                    str(path),
                    do_lower_case=cut.get("lower_case", False),
                    word_tokenizer_type="mecab",
                    subword_tokenizer_type="character" if cut.get("characters") else "wordpiece",
                    mecab_kwargs={"mecab_dic": cut["dictionary"], "normalize_text": cut.get("normalize", True)},
                    model_max_length=max_length,
                    model_input_names=_INPUTS,
                ).save_pretrained(str(folder))
                return
            names = dict(zip(("pad", "unk", "cls", "sep", "mask"), wordpiece.SPECIAL, strict=True))
            fast(
                tokenizer_object=self._whole(),
                model_max_length=max_length,
                model_input_names=_INPUTS,
                **{f"{name}_token": token for name, token in names.items()},
            ).save_pretrained(str(folder))

    def _whole(self) -> Any:
        """The tokenizer of texts and pairs of texts."""
        from tokenizers import Tokenizer, decoders, models, processors

        made = Tokenizer.from_str(self.words.options)
        numbers = {piece: number for number, piece in enumerate(self.pieces)}
        made.model = models.WordPiece(numbers, unk_token=wordpiece.UNKNOWN, max_input_chars_per_word=wordpiece.LONGEST)
        start, end = wordpiece.START, wordpiece.END
        made.post_processor = processors.TemplateProcessing(
            single=f"{start} $A {end}",
            pair=f"{start} $A {end} $B:1 {end}:1",
            special_tokens=[(token, numbers[token]) for token in (start, end)],
        )
        made.decoder = decoders.WordPiece()
        made.add_special_tokens(list(wordpiece.SPECIAL))
        return made


def choose(texts: Iterable[str]) -> tuple[str, str]:
    """The kind of tokenizer for a sample of a corpus, and why."""
    sample = "".join("".join(text.split()) for text in texts)
    japanese = 5 * len(JAPANESE.findall(sample)) > len(sample)
    return ("unidic", "Japanese") if japanese else ("wordpiece", "letters of other languages")


def words(kind: str, *, lowercase: bool = False) -> Words:
    """How a new tokenizer of this kind cuts."""
    if kind == "unidic":
        return Words(kind, json.dumps({"dictionary": "unidic_lite", "lower_case": lowercase}))
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    tokenizer = Tokenizer(models.WordPiece({wordpiece.UNKNOWN: 0}, unk_token=wordpiece.UNKNOWN))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return Words(kind, tokenizer.to_str())


def read(folder: Path) -> BertTokenizer:
    """The tokenizer of a BERT that exists.

    Raises:
        ModelError: there is none, or one of another kind.
    """
    path = folder / "vocab.txt"
    cut = bert_words.settings(folder)
    if cut is not None and path.is_file():
        return _checked(BertTokenizer(Words("unidic", json.dumps(cut)), _lines(path)), folder)
    with silenced():
        from transformers import AutoTokenizer

        try:
            found: Any = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
        except Exception as error:  # of many libraries
            raise ModelError(f"{folder}: its tokenizer cannot be loaded: {str(error).partition(chr(10))[0]}") from error
    about = json.loads(found.backend_tokenizer.to_str()) if hasattr(found, "backend_tokenizer") else {}
    if about.get("model", {}).get("type") != "WordPiece" or not about.get("pre_tokenizer"):
        raise ModelError(f"{folder}: its tokenizer is a {type(found).__name__}, and no WordPiece as that of BERT")
    numbers: dict[str, int] = about["model"]["vocab"]
    pieces = [f"[unused {number}]" for number in range(max(numbers.values()) + 1)]
    for piece, number in numbers.items():
        pieces[number] = piece
    about["model"] |= {"vocab": {wordpiece.UNKNOWN: 0}}
    about |= {"added_tokens": [], "post_processor": None, "padding": None, "truncation": None}
    return _checked(BertTokenizer(Words("wordpiece", json.dumps(about)), pieces), folder)


def _checked(tokenizer: BertTokenizer, folder: Path) -> BertTokenizer:
    missing = [token for token in wordpiece.SPECIAL if token not in tokenizer.pieces]
    if missing:
        raise ModelError(f"{folder}: its vocabulary has no {', '.join(missing)}")
    return tokenizer


def _lines(path: Path) -> list[str]:
    """As transformers reads a vocabulary: the lines, with all that can end one for Python's text files."""
    with path.open(encoding="utf-8") as lines:
        return [line.rstrip("\n") for line in lines]
