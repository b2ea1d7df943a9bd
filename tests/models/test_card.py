"""The languages that models' cards name."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from nlptool import catalog
from nlptool.models.store import card, locate
from nlptool.models.store.card import Reads

CODES = st.lists(st.sampled_from(["en", "ja", "no", "zh-CN", "yue", "multilingual", "y", "on"]), max_size=4)
BEFORE = st.sampled_from(["", "license: mit\n", "tags:\n- language\n- x\n", "pipeline_tag: x # language: en\n"])
BEHIND = st.sampled_from(["", "model-index:\n- name: x\n", "widget:\n- text: language\n"])


@given(
    CODES,
    st.sampled_from(["flow", "lines of flow", "block", "indented block", "scalar"]),
    st.sampled_from(["", '"', "'"]),
    st.sampled_from(["", "  # language: fr"]),
    BEFORE,
    BEHIND,
)
def test_the_header_is_read_as_yaml(
    codes: list[str], kind: str, quote: str, comment: str, before: str, behind: str
) -> None:
    quoted = [f"{quote}{code}{quote}" for code in codes]
    lines = {
        "scalar": f"language: {(quoted or [''])[0]}{comment}\n",
        "flow": f"language: [{', '.join(quoted)}]{comment}\n",
        "lines of flow": "language: [\n  " + ",\n  ".join(quoted) + f"\n]{comment}\n",
        "block": f"language:{comment}\n" + "".join(f"- {code}{comment}\n" for code in quoted),
        "indented block": f"language:{comment}\n\n" + "".join(f"  - {code}{comment}\n" for code in quoted),
    }
    header = before + lines[kind] + behind
    read = yaml.load(header, yaml.BaseLoader)["language"]  # all values are strings: no is Norwegian
    expected = [read] if isinstance(read, str) else read
    found = card.of_card(f"---\n{header}---\n\n# A model\nlanguage: de\n")
    assert found == tuple(dict.fromkeys(code.lower() for code in expected if code))


@given(st.text())
def test_any_text_is_a_card(text: str) -> None:
    assert card.of_card(text) == ()
    assert isinstance(card.of_card(f"---\nlanguage: {text}\n---\n"), tuple)


@pytest.mark.parametrize(
    "text",
    [
        "# A model\n---\nlanguage: de\n---\n",
        "---\nlicense: mit\n---\nlanguage: de\n",
        "---\nlanguage: de\n",
        "---\nlanguage: {a: b}\n---\n",
        "---\nlanguage: English and Japanese\n---\n",
        "---\nlanguage:\n- name: English\n---\n",
    ],
)
def test_what_names_no_codes_names_no_languages(text: str) -> None:
    assert card.of_card(text) == ()


OURS = [known for known in catalog.KNOWN.values() if known.package == "nlptool"]


@pytest.mark.parametrize("known", OURS, ids=[known.name for known in OURS])
def test_the_cards_of_the_built_in_models_name_the_languages_of_the_catalog(known: catalog.Known) -> None:
    assert card.of_folder(locate.packaged(known)) == known.languages
    assert f"\nlicense: {known.licence.lower()}\n" in (locate.packaged(known) / card.CARD).read_text(encoding="utf-8")


def test_a_model_is_looked_up_by_its_name_its_hub_id_and_its_folder(tmp_path: Path) -> None:
    assert Reads.of_model("bert-mini-ja").languages == ("ja",)
    assert Reads.of_model("mini-en-ja").languages == ("en",)  # that it reads
    assert Reads.of_model("intfloat/multilingual-e5-small@main").languages == ("ja", "en", "mul")
    (tmp_path / "README.md").write_bytes("\ufeff---\r\nlanguage:\r\n- ko\r\n---\r\n".encode())
    assert Reads.of_model(str(tmp_path)).languages == ("ko",)
    (tmp_path / "README.md").write_bytes(b"---\nlanguage: \xff\xfe\n---\n")
    assert Reads.of_model(str(tmp_path)).languages == ()
    assert Reads.of_model("nowhere").languages == Reads.of_model("org/nowhere").languages == ()


def test_a_trained_model_knows_the_scripts_of_its_texts(tmp_path: Path) -> None:
    (tmp_path / "distil.json").write_text('{"scripts": ["Japanese", "Latin"]}', encoding="utf-8")
    assert Reads.of_model(str(tmp_path)) == Reads((), frozenset({"Han", "Hiragana", "Katakana", "Japanese", "Latin"}))
    (tmp_path / "README.md").write_text("---\nlanguage: ko\n---\n", encoding="utf-8")
    assert Reads.of_model(str(tmp_path)) == Reads(("ko",), frozenset({"Hangul"}))  # what a person says comes first


@pytest.mark.parametrize("manifest", ["", "[]", '{"scripts": []}', '{"scripts": "Latin"}', "{", '{"n_texts": 1}'])
def test_a_manifest_without_scripts_says_nothing(tmp_path: Path, manifest: str) -> None:
    (tmp_path / "pretraining.json").write_text(manifest, encoding="utf-8")
    assert Reads.of_model(str(tmp_path)) == Reads((), None)
