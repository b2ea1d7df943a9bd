"""MeCab dictionaries by name or folder."""

from __future__ import annotations

import json
from pathlib import Path

import ipadic
import numpy as np
import pytest
import unidic_lite
from click.testing import CliRunner

from nlptool.cli.main import root
from nlptool.errors import ModelError
from nlptool.models.japanese import dictionaries
from nlptool.models.words import saving as word_saving
from nlptool.models.words import tokenizers as word_tokenizers
from nlptool.models.words import vectors as word_vectors
from nlptool.models.words.lookup import WordLookup
from nlptool.storage import folders


@pytest.mark.parametrize("name", [None, "unidic-lite", "unidic_lite", "unidic-lite 1.0.8", unidic_lite.DICDIR])
def test_a_dictionary_is_found_by_its_name_with_a_version_or_by_its_folder(name: str | None) -> None:
    assert dictionaries.locate(name).folder == Path(unidic_lite.DICDIR)


def test_a_manifest_holds_the_name_and_version_or_the_whole_path(monkeypatch: pytest.MonkeyPatch) -> None:
    label = dictionaries.recorded("ipadic")
    assert label.startswith("ipadic ")
    assert dictionaries.locate(label).folder == Path(ipadic.DICDIR)
    monkeypatch.chdir(Path(ipadic.DICDIR).parent)
    assert dictionaries.recorded("dicdir") == ipadic.DICDIR
    assert dictionaries.recorded(None) == dictionaries.locate("unidic-lite").label


def test_a_known_dictionary_without_its_files_says_how_they_come(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nlptool.storage.packages.package_folder", lambda _: tmp_path)
    with pytest.raises(ModelError, match=r"no MeCab dictionary in .*: sys\.dic") as caught:
        dictionaries.locate("unidic")
    assert caught.value.hint == "pip install unidic && python -m unidic download"


def test_tokenize_takes_a_dictionary_by_its_name() -> None:
    done = CliRunner().invoke(root, ["tokenize", "--dictionary", "ipadic"], input="東京に行った\n")
    record = json.loads(done.stdout)
    assert record["nlptool"]["tokenize"]["model"].startswith("ipadic ")
    assert [token["lemma"] for token in record["tokens"]] == ["東京", "に", "行く", "た"]


def test_word_vectors_split_queries_with_the_dictionary_of_their_corpus(tmp_path: Path) -> None:
    text = "図書館員"  # two words of IPADIC, three of UniDic
    words = {
        name: word_tokenizers.word_tokenizer("unidic", dictionary=name)(text) for name in ("ipadic", "unidic-lite")
    }
    assert words["ipadic"] != words["unidic-lite"]
    for name, expected in words.items():
        about = {"tokenizer": "unidic", "dictionary": word_tokenizers.dictionary("unidic", name)}
        folder = tmp_path / name
        folder.mkdir()
        word_saving.write(folder, word_saving.Parts(["猫"], np.ones((1, 2), np.float32), about))
        folders.seal(folder, word_vectors.MANIFEST)
        assert WordLookup(word_vectors.WordVectors(folder, name)).tokenize(text) == expected
