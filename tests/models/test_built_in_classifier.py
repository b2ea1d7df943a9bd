"""The classifier that is shipped: the same answers everywhere, right after the install, and right ones as a rule."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from program import invoke, records
from safetensors.torch import load_file

from nlptool import catalog
from nlptool.models.store import locate
from nlptool.storage import digest

KNOWN = catalog.KNOWN[catalog.DEFAULT_CLASSIFIER]
FOLDER = locate.packaged(KNOWN)
DATA = Path(__file__).parent.parent / "data"

CAPTIONS = (
    ("女性が料理をしている", "女の人が料理している"),
    ("女性が料理をしている", "男の人がギターを弾いている"),
    ("犬が走っている", "犬は走っていない"),
)


def test_it_is_as_small_as_promised_and_what_the_catalogue_says() -> None:
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) <= 15_000_000
    weights = list(FOLDER.rglob("*.safetensors"))
    assert KNOWN.size == sum(path.stat().st_size for path in weights)
    assert KNOWN.parameters == sum(array.numel() for path in weights for array in load_file(path).values())
    assert digest.sha256(FOLDER / "model.safetensors") == KNOWN.sha256


def test_its_answers_are_those_of_sentence_transformers_and_a_matrix() -> None:
    from sentence_transformers import SentenceTransformer

    encoder = SentenceTransformer(str(FOLDER), device="cpu").float()
    heads = load_file(FOLDER / "head.safetensors")
    first, second = (encoder.encode([pair[side] for pair in CAPTIONS]) for side in (0, 1))
    features = np.concatenate([first, second, np.abs(first - second), first * second], axis=1)
    for task in ("similarity", "sts"):
        expected = features @ heads[f"{task}/coefficients"].numpy().T + heads[f"{task}/intercepts"].numpy()
        lines = "".join(f"{one}\t{other}\n" for one, other in CAPTIONS).encode()
        found = records(invoke("classify", "--task", task, stdin=lines))
        np.testing.assert_allclose([record["value"] for record in found], expected[:, 0], atol=1e-3)


def test_pairs_of_captions() -> None:
    lines = "".join(f"{one}\t{other}\n" for one, other in CAPTIONS).encode()
    labels = [record["label"] for record in records(invoke("classify", "--task", "inference", stdin=lines))]
    assert labels == ["entailment", "neutral", "contradiction"]
    same, other, _ = (record["value"] for record in records(invoke("classify", "--task", "similarity", stdin=lines)))
    assert same > 4 > 2 > other


def test_requests_of_dev() -> None:
    """From which the model has not learned."""
    file = str(DATA / "requests.jsonl")
    right = sum(record["label"] == record["gold"] for record in records(invoke("classify", "--task", "topic", file)))
    assert right >= 18
    (judged,) = records(invoke("evaluate", "classification", "-m", "glue-mini-ja", "--task", "topic", file))
    assert (judged["used"], judged["accuracy"]) == (24, round(right / 24, 4))


def test_the_first_run_imports_no_torch_and_writes_no_cache(tmp_path: Path) -> None:
    script = (
        "import sys; from nlptool.cli.main import root;"
        "root(['classify', '--task', 'topic', '--drop-input'], standalone_mode=False);"
        "print(sorted({'torch', 'transformers', 'sentence_transformers', 'scipy', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], input="夕食の時間を変更できますか\n",
        capture_output=True, text=True, timeout=120, check=True,
        env={"HOME": str(tmp_path), "NLPTOOL_CACHE": str(tmp_path / "cache"), "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    record, imported = done.stdout.splitlines()
    assert json.loads(record)["label"] == "食事"
    assert imported == "[]"
    assert list(tmp_path.rglob("*")) == []


def test_it_embeds_too() -> None:
    vectors = [
        record["embedding"] for record in records(invoke("embed", "-m", "glue-mini-ja", stdin="猫\n犬\n".encode()))
    ]
    assert [len(vector) for vector in vectors] == [KNOWN.dimension] * 2


def test_the_card_says_what_it_learned_from() -> None:
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    for word in (
        "JSICK",
        "JSTS",
        "JCoLA",
        "Accommodation Search Dialog Corpus",
        "JCommonsenseMorality",
        "CC BY-SA 4.0",
        "MIT",
    ):
        assert word in card
    for task in json.loads((FOLDER / "classifier.json").read_text())["tasks"]:
        assert f"`{task['name']}`" in card
