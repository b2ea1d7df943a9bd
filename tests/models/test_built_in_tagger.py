"""The tagger that is shipped: the same answers everywhere, right after the install, and right ones as a rule."""

from __future__ import annotations

import json

import numpy as np
import torch
from program import invoke, records
from safetensors.torch import load_file
from transformers import AutoModelForTokenClassification

from nlptool import catalog
from nlptool.models.store import locate
from nlptool.models.taggers import loading
from nlptool.models.taggers.words import words_of
from nlptool.specs import TaggerSpec
from nlptool.storage import digest

KNOWN = catalog.KNOWN[catalog.DEFAULT_TAGGER]
FOLDER = locate.packaged(KNOWN, packed=True)
TEXTS = ("大谷翔平は岩手県奥州市の出身だ。", "1937年に設立された日本亜鉛製錬株式会社は、安中町に製錬所を設置。")


def test_it_is_as_small_as_promised_and_what_the_catalogue_says() -> None:
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) <= 13_000_000
    weights = FOLDER / "model.int8.safetensors"
    assert KNOWN.size == weights.stat().st_size
    assert digest.sha256(weights) == KNOWN.sha256
    about = json.loads((FOLDER / "tagger.json").read_text(encoding="utf-8"))
    assert about["n_parameters"] == KNOWN.parameters
    assert about["base"] == "bert-mini-ja"


def test_its_logits_are_those_of_transformers() -> None:
    standard = locate.packaged(KNOWN)
    model = AutoModelForTokenClassification.from_pretrained(standard).eval()
    assert sum(tensor.numel() for tensor in load_file(standard / "model.safetensors").values()) == KNOWN.parameters
    tagger = loading.locate(TaggerSpec(KNOWN.name, device="cpu")).open()
    windows = [window for text in TEXTS for window in tagger._pieces.windows(text, words_of(text))]
    (task,) = tagger.tasks.values()
    for window, ours in zip(windows, tagger._logits(windows, task), strict=True):
        with torch.no_grad():
            theirs = model(torch.tensor([window.ids])).logits[0, window.first_pieces].numpy()
        np.testing.assert_allclose(ours, theirs, atol=1e-3)


def test_names_of_every_day() -> None:
    found = records(invoke("tag", "--min-score", "0.5", stdin="".join(f"{text}\n" for text in TEXTS)))
    assert [[(each["text"], each["label"]) for each in record["entities"]] for record in found] == [
        [("大谷翔平", "PERSON"), ("岩手県奥州市", "LOCATION")],
        [("日本亜鉛製錬株式会社", "COMPANY"), ("安中町", "LOCATION")],
    ]
    for record in found:
        assert all(record["text"][each["start"] : each["end"]] == each["text"] for each in record["entities"])
        assert record["nlptool"]["tag"]["model"] == "ner-mini-ja"


def test_a_text_without_names_has_none() -> None:
    (record,) = records(invoke("tag", stdin="雨が降っていたので、傘をさして歩いた。\n"))
    assert record["entities"] == []
