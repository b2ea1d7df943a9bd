"""``bert-mini-ja``, the masked language model that is shipped: what transformers makes of its files, and what its card says."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from program import Invoke

from nlptool import catalog
from nlptool.models.masked import loading as masked_loading
from nlptool.models.masked import model as masked_models
from nlptool.models.store import locate
from nlptool.specs import MaskedModelSpec
from nlptool.storage import digest

DATA = Path(__file__).parent.parent / "data"
KNOWN = catalog.KNOWN[catalog.DEFAULT_BERT]
LARGEST = 15_000_000  # bytes in the package


@pytest.fixture(scope="module")
def folder() -> Path:
    """What is shipped, perhaps with weights in 8 bits."""
    return locate.packaged(KNOWN, packed=True)


@pytest.fixture(scope="module")
def plain() -> tuple[Any, Any]:
    """The model and its tokenizer, of transformers."""
    from transformers import BertForPreTraining, BertJapaneseTokenizer

    folder = locate.packaged(KNOWN)
    network = BertForPreTraining.from_pretrained(str(folder), dtype=torch.float32).eval()
    return network, BertJapaneseTokenizer.from_pretrained(str(folder))


def sentences(name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").split("\n")[:-1]]


def guesses(invoke: Invoke, name: str) -> list[list[str]]:
    """The first five of each sentence's mask."""
    result = invoke("fill-mask", "--drop-input", str(DATA / name))
    assert result.exit_code == 0
    records = [json.loads(line) for line in result.stdout.split("\n")[:-1]]
    return [[each["token"] for each in record["masks"][0]["candidates"]] for record in records]


def test_masked_words_are_those_of_transformers(plain: tuple[Any, Any]) -> None:
    network, tokenizer = plain
    model = masked_loading.load(MaskedModelSpec(KNOWN.name))
    texts = [each["text"] for each in sentences("everyday.jsonl")]
    rows = []
    for text, cut in zip(texts, model.texts.tokenize(texts), strict=True):
        rows.append(model.texts.model_input(cut.ids, positions=[cut.ids.index(model.texts.mask_id)]))
        assert rows[-1].ids == tokenizer(text).input_ids
    for number, logits in model.logits(rows):
        row = rows[number]
        with torch.no_grad():
            expected = (
                network(input_ids=torch.tensor([row.ids])).prediction_logits[0, row.positions].softmax(-1).numpy()
            )
        assert np.exp(masked_models.log_softmax(logits)) == pytest.approx(expected, abs=1e-4)


def test_next_sentences_are_those_of_transformers(plain: tuple[Any, Any], invoke: Invoke) -> None:
    network, tokenizer = plain
    lines = (DATA / "yume_juya.txt").read_text(encoding="utf-8").split("\n")[1:9]
    pairs = [(first[:40], second[:40]) for first, second in itertools.pairwise(lines)]
    result = invoke("nsp", stdin="".join(f"{first}\t{second}\n" for first, second in pairs).encode())
    records = [json.loads(line) for line in result.stdout.split("\n")[:-1]]
    assert len(records) == len(pairs)
    for (first, second), record in zip(pairs, records, strict=True):
        inputs = tokenizer(first, second, return_tensors="pt", return_token_type_ids=True)
        with torch.no_grad():
            expected = network(**inputs).seq_relationship_logits[0]
        assert [record["is_next"], record["not_next"]] == pytest.approx(expected.softmax(0).tolist(), abs=1e-4)
        assert record["logit_margin"] == pytest.approx(float(expected[0] - expected[1]), abs=1e-3)


def test_it_is_as_small_as_promised_and_what_the_catalogue_says(folder: Path) -> None:
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    assert sum(sizes) <= LARGEST
    weights = locate.weights_file(folder)
    assert KNOWN.size == weights.stat().st_size
    assert digest.sha256(weights) == KNOWN.sha256
    assert json.loads((folder / "pretraining.json").read_text())["n_parameters"] == KNOWN.parameters


def test_the_first_run_imports_no_torch_and_writes_no_cache(tmp_path: Path) -> None:
    script = (
        "import sys; from nlptool.models.masked import loading; from nlptool.specs import MaskedModelSpec;"
        "model = loading.load(MaskedModelSpec(sys.argv[1]));"
        "model.next_sentence([model.texts.model_input([9], [9])]);"
        "print(sorted({'torch', 'transformers', 'sentence_transformers', 'scipy', 'gensim'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, KNOWN.name],
        capture_output=True, text=True, timeout=120, check=True,
        env={"HOME": str(tmp_path), "NLPTOOL_CACHE": str(tmp_path / "cache"), "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    assert done.stdout == "[]\n"
    assert list(tmp_path.rglob("*")) == []


def test_the_card_says_what_it_guesses(folder: Path, invoke: Invoke) -> None:
    card = (folder / "README.md").read_text(encoding="utf-8")
    for name in ("everyday.jsonl", "masked.jsonl"):
        for sentence, found in zip(sentences(name), guesses(invoke, name), strict=True):
            shown = sentence["text"].replace("[MASK]", "＿")
            assert f"| {shown} | {sentence['expected']} | {' '.join(found)} |" in card


def test_the_card_says_how_many_everyday_sentences_are_right(folder: Path, invoke: Invoke) -> None:
    found = guesses(invoke, "everyday.jsonl")
    right = sum(each["expected"] in some for each, some in zip(sentences("everyday.jsonl"), found, strict=True))
    said = re.search(r"(\d+) of the twenty everyday sentences", (folder / "README.md").read_text(encoding="utf-8"))
    assert said is not None
    assert int(said[1]) == right
    assert right > 0


def test_grammar_is_known(invoke: Invoke) -> None:
    """Particles and endings, which every text has."""
    texts = {"私はその話を聞い[MASK]驚いた。": "て", "彼[MASK]何も言わなかった。": "は", "私は東京[MASK]行った。": "へ"}
    result = invoke("fill-mask", "-k", "3", stdin="".join(f"{text}\n" for text in texts).encode())
    records = [json.loads(line) for line in result.stdout.split("\n")[:-1]]
    for record, expected in zip(records, texts.values(), strict=True):
        assert expected in [each["token"] for each in record["masks"][0]["candidates"]]


def test_a_sentence_scores_better_than_its_words_in_disorder(invoke: Invoke) -> None:
    pairs = (
        ("猫が魚を食べる。", "猫を魚が食べるた。"),
        ("彼は静かに立ち上った。", "静かに彼立ち上っはた。"),
        ("私はその時、何も知らなかった。", "なかった知ら何も、時そのは私。"),
    )
    result = invoke("score", "--no-pieces", stdin="".join(f"{text}\n" for pair in pairs for text in pair).encode())
    scores = [json.loads(line)["pseudo_log_likelihood"] for line in result.stdout.split("\n")[:-1]]
    assert all(good > bad for good, bad in zip(scores[::2], scores[1::2], strict=True))
