"""What is read of a GPT-2 without transformers is what transformers says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import generation_models as models
import pytest
from tokenizers import Tokenizer, processors

from nlptool.errors import ModelError, NotConvertible
from nlptool.models.generation import gpt2_about, transformers_config
from nlptool.models.language.config import LanguageConfig
from nlptool.training.language import gpt, subwords


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    models.save("gpt2", tmp_path)
    return tmp_path


def change(path: Path, **values: Any) -> None:
    """Set fields of a JSON file; None takes one out."""
    content = json.loads(path.read_text()) | values
    path.write_text(json.dumps({name: value for name, value in content.items() if value is not None}))


def check(folder: Path) -> dict[str, Any]:
    ours = gpt2_about.describe(folder)
    assert ours == transformers_config.describe(folder, transformers_config.load_tokenizer(folder))
    return ours


def test_a_gpt2_without_special_tokens_around_a_text(folder: Path) -> None:
    about = check(folder)
    assert (about["before"], about["empty"], about["ends"], about["pad_id"], about["unknown_id"]) == (
        [],
        [0],
        [2],
        1,
        3,
    )
    assert about["special_ids"] == [0, 1, 2, 3]


def test_a_model_of_train_lm_begins_every_text_with_its_end(tmp_path: Path) -> None:
    vocabulary = subwords.learn(models.LINES, 1500)
    config = LanguageConfig("transformer", len(vocabulary), hidden_size=8, heads=2, context=32)
    gpt.save(gpt.new(config), vocabulary, tmp_path, "float16")
    about = check(tmp_path)
    assert (about["before"], about["empty"], about["ends"], about["positions"]) == ([2], [2], [2], 32)


@pytest.mark.parametrize(
    "asked",
    [
        {"eos_token_id": [2, 5, 9999], "bos_token_id": 7, "pad_token_id": None},
        {"eos_token_id": None, "pad_token_id": 9999, "forced_eos_token_id": 2},
        {"suppress_tokens": [4, 9999], "bad_words_ids": [[2], [6, 7], [8]]},
    ],
)
@pytest.mark.parametrize("file", ["generation_config.json", "config.json"])
def test_generation_config_is_read_or_what_config_json_implies(asked: dict[str, Any], file: str, folder: Path) -> None:
    if file == "config.json":
        (folder / "generation_config.json").unlink()
    change(folder / file, **asked)
    check(folder)


def test_ids_that_config_json_does_not_give_are_those_of_the_first_gpt2(folder: Path) -> None:
    (folder / "generation_config.json").unlink()
    change(folder / "config.json", eos_token_id=None, bos_token_id=None, pad_token_id=None)
    about = check(folder)
    assert (about["ends"], about["empty"]) == ([], [])  # 50256, which this vocabulary lacks


def test_other_names_of_the_measures_are_read(folder: Path) -> None:
    change(folder / "config.json", n_positions=None, max_position_embeddings=models.POSITIONS)
    assert check(folder)["positions"] == models.POSITIONS


@pytest.mark.parametrize("template", ["<s> $A", "$A </s>", "<s> </s> $A </s>"])
def test_the_template_of_the_tokenizer_is_read(template: str, folder: Path) -> None:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.post_processor = processors.TemplateProcessing(single=template, special_tokens=[("<s>", 0), ("</s>", 2)])
    tokenizer.save(str(folder / "tokenizer.json"))
    expected = {"<s> $A": [0], "$A </s>": [], "<s> </s> $A </s>": [0, 2]}[template]
    assert check(folder)["before"] == expected


@pytest.mark.parametrize("name", ["GPT2Tokenizer", "GPT2TokenizerFast", None])
def test_the_class_of_gpt2_is_taken_if_it_builds_the_same(name: str | None, folder: Path) -> None:
    change(folder / "tokenizer_config.json", tokenizer_class=name, add_bos_token=False)
    check(folder)
    ours, theirs = Tokenizer.from_file(str(folder / "tokenizer.json")), transformers_config.load_tokenizer(folder)
    for text in (*models.TEXTS, "  a  b\n\nc's 123", "<s>x</s>", ""):
        assert ours.encode(text).ids == theirs(text).input_ids


@pytest.mark.parametrize(
    ("file", "values"),
    [
        ("tokenizer_config.json", {"tokenizer_class": "BertJapaneseTokenizer"}),
        ("tokenizer_config.json", {"add_bos_token": True}),
        ("tokenizer_config.json", {"unk_token": "<unknown>"}),
        ("tokenizer_config.json", {"split_special_tokens": True}),
        ("tokenizer_config.json", {"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": True}),
        ("tokenizer_config.json", {"added_tokens_decoder": {"0": {"content": "<s>", "lstrip": True, "special": True}}}),
        ("special_tokens_map.json", {"eos_token": "<pad>"}),
        ("added_tokens.json", {"<x>": 9}),
    ],
)
def test_a_tokenizer_that_transformers_changes_is_left_to_it(file: str, values: dict[str, Any], folder: Path) -> None:
    path = folder / file
    if not path.exists():
        path.write_text("{}")
    change(path, **values)
    with pytest.raises(NotConvertible, match="transformers changes its tokenizer"):
        gpt2_about.describe(folder)


def test_a_folder_without_a_tokenizer_of_that_library_is_left_to_it(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    with pytest.raises(NotConvertible, match=r"it has no tokenizer\.json"):
        gpt2_about.describe(folder)


@pytest.mark.parametrize("value", ["a", {}, [["b"]]])
def test_ids_that_are_no_numbers_are_refused(value: Any, folder: Path) -> None:
    change(folder / "generation_config.json", eos_token_id=value)
    with pytest.raises(ModelError, match="a JSON file is damaged"):
        gpt2_about.describe(folder)
