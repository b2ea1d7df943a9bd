"""Texts to the tokens of a generating model and back: against transformers' own tokenizers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import generation_models as models
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlptool.errors import ModelError, RunError
from nlptool.models.generation import pieces as generation_pieces
from nlptool.models.generation import tokenizer as generation_tokenizer
from nlptool.models.generation import transformers_config
from nlptool.models.generation.pieces import TokenizerPieces
from nlptool.models.generation.tokenizer import GenerationTokenizer

KINDS = ("bart", "gpt2", "m2m100", "marian", "mbart", "mbart50", "nllb", "pegasus", "t5")
LINES = [line for line in models.LINES if line.strip()][::9]


class Loaded:
    """A tokenizer of transformers, what is written down of it, and the vocabulary that nlptool reads from its files."""

    def __init__(self, kind: str, folder: Path) -> None:
        models.save(kind, folder)
        self.own = transformers_config.load_tokenizer(folder)
        self.about = transformers_config.describe(folder, self.own)
        self.pieces = transformers_config.pieces(folder, self.own, self.about)


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """``loaded(kind)``, once."""
    made: dict[str, Loaded] = {}

    def load(kind: str) -> Loaded:
        if kind not in made:
            made[kind] = Loaded(kind, tmp_path_factory.mktemp("texts") / kind)
        return made[kind]

    return load


@pytest.mark.parametrize("kind", KINDS)
def test_tokens_and_texts_are_those_of_transformers(kind: str, loaded: Any) -> None:
    here = loaded(kind)
    lines = [*LINES, "", " ", "\u3000", "a  b", " a ", "Don't, he said .", "🦆 quack", "１２３ｱｲｳ"]
    for line, cut in zip(lines, here.pieces.tokenize(lines), strict=True):
        assert cut.ids == here.own(line, add_special_tokens=False).input_ids
        expected = here.own.decode(cut.ids, skip_special_tokens=True)
        assert here.pieces.decode(cut.ids) == expected
        whole = here.own(line).input_ids
        decoded = here.own.decode(whole, skip_special_tokens=True)
        assert here.pieces.decode(whole) == re.sub(
            "^__[a-z]+__ *", "", decoded
        )  # which transformers leaves in M2M100's texts
        assert [here.pieces.piece(id, of_source=True) for id in cut.ids] == here.own.convert_ids_to_tokens(cut.ids)


@pytest.mark.parametrize("kind", ["m2m100", "marian", "mbart", "nllb", "t5"])
def test_what_a_vocabulary_lacks_is_said_once(kind: str, loaded: Any) -> None:
    here = loaded(kind)
    (found,) = here.pieces.tokenize(["🦆 a 🦆 plane 🦉"])
    assert {"🦆", "🦉"} <= set("".join(found.unknown))
    assert len(found.unknown) == len(set(found.unknown))
    assert here.pieces.tokenize(["a"])[0].unknown == ()


def test_bytes_stand_for_every_character(loaded: Any) -> None:
    assert loaded("gpt2").pieces.tokenize(["🦆"])[0].unknown == ()


def test_a_language_before_a_text_is_one_token_of_marian(loaded: Any) -> None:
    here = loaded("marian")
    text = ">>jpn<< A plane is taking off."
    (cut,) = here.pieces.tokenize([text])
    assert cut.ids == here.own(text, add_special_tokens=False).input_ids
    assert cut.ids[0] == here.about["languages"]["jpn"]
    told, _ = resolved(here, target_lang="jpn")
    assert told.tokenize(["A plane is taking off."])[0].ids[0] == cut.ids[0]
    assert here.pieces.tokenize([">>xyz<< a"])[0].ids[0] == here.own.unk_token_id


def resolved(here: Loaded, **more: Any) -> tuple[GenerationTokenizer, Any]:
    given = {"source_lang": None, "target_lang": None, "max_length": None, "prefix": ""}
    return generation_tokenizer.for_transformers("m", here.pieces, here.about, **given | more)


@pytest.mark.parametrize(("kind", "source", "target"), [(kind, *pair) for kind, pair in models.SPOKEN.items()])
def test_languages_stand_where_transformers_puts_them(kind: str, source: str, target: str, loaded: Any) -> None:
    here = loaded(kind)
    for code, other in ((source, target), (target, source)):
        texts, constraints = resolved(here, source_lang=code, target_lang=other)
        here.own.src_lang = code
        assert texts.tokenize(["A plane"])[0].ids == here.own("A plane").input_ids
        languages = getattr(here.own, "lang_code_to_id", None) or here.own.get_vocab()
        assert constraints.start_ids[-1] == languages[other]
        assert len(constraints.start_ids) == (1 if kind == "mbart" else 2)


def test_a_prefix_is_read_as_a_part_of_the_text(loaded: Any) -> None:
    here = loaded("t5")
    texts, _ = resolved(here, prefix="translate: ")
    assert texts.tokenize(["A plane"])[0].ids == here.own("translate: A plane").input_ids


def test_a_long_source_loses_its_end_and_a_long_prompt_its_beginning(loaded: Any) -> None:
    source, _ = resolved(loaded("bart"), max_length=6)
    (found,) = source.tokenize(["A plane is taking off."])
    plain = loaded("bart").own("A plane is taking off.").input_ids
    assert (found.ids, found.n_tokens, found.truncated) == ([*plain[:5], plain[-1]], len(plain), True)
    prompt, _ = resolved(loaded("gpt2"), max_length=6)
    plain = loaded("gpt2").own("A plane is taking off.").input_ids
    (found,) = prompt.tokenize(["A plane is taking off."])
    assert (found.ids, found.n_tokens, found.truncated) == (plain[-6:], len(plain), True)


@given(limit=st.integers(3, 40), words=st.lists(st.sampled_from(["a", "plane", "猫", "。"]), max_size=60))
@settings(max_examples=40, deadline=None)
def test_no_source_is_longer_than_the_limit(limit: int, words: list[str]) -> None:
    from tokenizers import Tokenizer

    pieces = TokenizerPieces(Tokenizer.from_str(models._bytes()), unknown_id=3)
    text = " ".join(words)
    (source,) = GenerationTokenizer(pieces, before=[0], after=[2], limit=limit).tokenize([text])
    assert len(source.ids) <= limit
    assert source.truncated == (source.n_tokens > limit)
    assert (source.ids == []) == (text == "")


def test_the_text_of_an_output_is_what_follows_the_prompt(loaded: Any) -> None:
    here = loaded("gpt2")
    texts, _ = resolved(here)
    ids = here.own("猫が魚を食べる。").input_ids
    for split in range(1, len(ids)):
        head = here.own.decode(ids[:split])
        if "\ufffd" not in head:
            assert head + texts.decode(ids[split:], prompt=ids[:split]) == "猫が魚を食べる。"


def test_a_limit_without_room_is_refused(loaded: Any) -> None:
    with pytest.raises(RunError, match="--max-length 2 leaves no room for a text beside 2 special tokens"):
        resolved(loaded("bart"), max_length=2)


def test_damaged_vocabularies_are_refused_with_a_reason(loaded: Any, tmp_path: Path) -> None:
    about = loaded("marian").about
    (tmp_path / "vocab.json").write_text("[1, 2]")
    with pytest.raises(ModelError, match=r"vocab\.json cannot be read"):
        generation_pieces.read(tmp_path, about)
    (tmp_path / "vocab.json").write_text('{"</s>": 0, "<unk>": 1}')
    (tmp_path / "source.spm").write_bytes(b"nothing of the kind")
    with pytest.raises(ModelError, match=r"source\.spm cannot be read"):
        generation_pieces.read(tmp_path, about)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match=r"tokenizer\.json cannot be read"):
        generation_pieces.read(tmp_path, loaded("t5").about)


def test_a_tokenizer_that_cannot_be_run_is_refused(tmp_path: Path) -> None:
    import transformers

    transformers.ByT5Tokenizer().save_pretrained(tmp_path)
    transformers.T5Config().save_pretrained(tmp_path)
    with pytest.raises(ModelError, match="its tokenizer, a ByT5Tokenizer, is none that nlptool can run"):
        transformers_config.load_tokenizer(tmp_path)
