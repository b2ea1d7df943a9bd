"""``bert-mini-ja`` and ``bert-mini-en``, the masked language models that are shipped: what transformers makes of their files, and
what their cards say."""

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
LARGEST = {"bert-mini-ja": 15_000_000, "bert-mini-en": 12_000_000}  # bytes in the package
CLOZE = {
    "bert-mini-ja": ("everyday.jsonl", "everyday_modern.jsonl", "masked.jsonl"),
    "bert-mini-en": ("everyday_english.jsonl",),
}


@pytest.fixture(scope="module", params=LARGEST)
def known(request: pytest.FixtureRequest) -> catalog.Known:
    return catalog.KNOWN[request.param]


@pytest.fixture(scope="module")
def folder(known: catalog.Known) -> Path:
    """What is shipped, with weights in 8 bits."""
    return locate.packaged(known, packed=True)


@pytest.fixture(scope="module")
def plain(known: catalog.Known) -> tuple[Any, Any]:
    """The model and its tokenizer, of transformers."""
    from transformers import AutoTokenizer, BertForPreTraining

    folder = locate.packaged(known)
    network = BertForPreTraining.from_pretrained(str(folder), dtype=torch.float32).eval()
    return network, AutoTokenizer.from_pretrained(str(folder))


def sentences(name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").split("\n")[:-1]]


def guesses(invoke: Invoke, name: str) -> list[list[str]]:
    """The first five of each sentence's mask, by the model that the script chooses."""
    result = invoke("fill-mask", "--drop-input", str(DATA / name))
    assert result.exit_code == 0
    records = [json.loads(line) for line in result.stdout.split("\n")[:-1]]
    return [[each["token"] for each in record["masks"][0]["candidates"]] for record in records]


def test_masked_words_are_those_of_transformers(known: catalog.Known, plain: tuple[Any, Any]) -> None:
    network, tokenizer = plain
    model = masked_loading.load(MaskedModelSpec(known.name))
    texts = [each["text"] for each in sentences(CLOZE[known.name][0])]
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


def test_next_sentences_are_those_of_transformers(known: catalog.Known, plain: tuple[Any, Any], invoke: Invoke) -> None:
    network, tokenizer = plain
    lines = (DATA / "yume_juya.txt").read_text(encoding="utf-8").split("\n")[1:9]
    if known.languages == ("en",):
        lines = [each["text"].replace("[MASK]", each["expected"]) for each in sentences("everyday_english.jsonl")][:8]
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


def test_it_is_as_small_as_promised_and_what_the_catalogue_says(known: catalog.Known, folder: Path) -> None:
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    assert sum(sizes) <= LARGEST[known.name]
    weights = locate.weights_file(folder)
    assert known.size == weights.stat().st_size
    assert digest.sha256(weights) == known.sha256
    assert json.loads((folder / "pretraining.json").read_text())["n_parameters"] == known.parameters


def test_the_first_run_imports_no_torch_and_writes_no_cache(known: catalog.Known, tmp_path: Path) -> None:
    script = (
        "import sys; from nlptool.models.masked import loading; from nlptool.specs import MaskedModelSpec;"
        "model = loading.load(MaskedModelSpec(sys.argv[1]));"
        "model.next_sentence([model.texts.model_input([9], [9])]);"
        "print(sorted({'torch', 'transformers', 'sentence_transformers', 'scipy', 'gensim'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, known.name],
        capture_output=True, text=True, timeout=120, check=True,
        env={"HOME": str(tmp_path), "NLPTOOL_CACHE": str(tmp_path / "cache"), "LC_ALL": "C.UTF-8"},
    )  # fmt: skip
    assert done.stdout == "[]\n"
    assert list(tmp_path.rglob("*")) == []


def test_the_card_says_what_it_guesses(known: catalog.Known, folder: Path, invoke: Invoke) -> None:
    card = (folder / "README.md").read_text(encoding="utf-8")
    for name in CLOZE[known.name]:
        rows = sentences(name)
        found = guesses(invoke, name)
        for sentence, tokens in zip(rows, found, strict=True):
            shown = sentence["text"].replace("[MASK]", "＿" if known.languages == ("ja",) else "___")
            assert f"| {shown} | {sentence['expected']} | {' '.join(tokens)} |" in card
        right = sum(sentence["expected"] in tokens for sentence, tokens in zip(rows, found, strict=True))
        assert f"`{name}`: {right} of {len(rows)}" in card
        assert right > 0


def test_the_card_names_every_source_with_its_licence(known: catalog.Known, folder: Path) -> None:
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert known.licence in card
    assert {"kyoto", "tatoeba"} <= set(re.findall(r"^\| `(\w+)` \| [^|]+ \| [^|]+ \|$", card, re.MULTILINE))


def test_of_the_two_pairs_of_the_paper_the_right_one_is_likelier(invoke: Invoke) -> None:
    """Two continuations of one sentence (J. Devlin et al., figure of the paper's next-sentence task)."""
    lines = "the man went to the store\the bought a gallon of milk\nthe man went to the store\tpenguins are flightless birds\n"
    result = invoke("nsp", stdin=lines)
    follows, does_not = [json.loads(line) for line in result.stdout.split("\n")[:-1]]
    assert follows["nlptool"]["nsp"]["model"] == "bert-mini-en"
    assert follows["label"] == "IsNext"
    assert follows["is_next"] - does_not["is_next"] > 0.2


def test_english_is_filled_with_english(invoke: Invoke) -> None:
    result = invoke("fill-mask", stdin="my dog is [MASK].\n")
    (record,) = [json.loads(line) for line in result.stdout.split("\n")[:-1]]
    tokens = [each["token"] for each in record["masks"][0]["candidates"]]
    assert tokens
    assert all(token.isascii() and token.isalpha() for token in tokens)


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
